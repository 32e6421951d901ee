//! Points in time: RFC 3339 text and epoch numbers to nanoseconds and back.

use std::fmt::Write;

use crate::error::{Error, ErrorKind, excerpt};
use crate::json;
use crate::number::Number;
use crate::value::Value;

/// A point in time: nanoseconds since the Unix epoch, UTC, leap seconds not counted. Reaches from
/// September 1677 to April 2262.
pub type EventTime = i64;

/// How a value is to be read as a point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// Text as [`parse_timestamp`] reads it; numbers since the epoch by their magnitude: below 10¹¹
    /// seconds, below 10¹⁴ milliseconds, below 10¹⁷ microseconds, else nanoseconds.
    #[default]
    Auto,
    /// Numbers are seconds since the epoch.
    Seconds,
    /// Numbers are milliseconds since the epoch.
    Millis,
    /// Numbers are microseconds since the epoch.
    Micros,
    /// Numbers are nanoseconds since the epoch.
    Nanos,
}

/// Reads an RFC 3339 date and time. Digits beyond nanoseconds are dropped. A blank may stand for the
/// `T`; the zone must be given. `None` if it is not such a text or lies outside of [`EventTime`].
///
/// ```
/// use olocus_event::time::parse_rfc3339;
/// assert_eq!(parse_rfc3339("1970-01-01T01:00:00.5+01:00"), Some(500_000_000));
/// assert_eq!(parse_rfc3339("1970-01-01T01:00:00"), None);
/// ```
pub fn parse_rfc3339(text: &str) -> Option<EventTime> {
    parse(text, ZoneRule::Required)
}

/// Reads what [`parse_rfc3339`] reads, and texts without a zone as UTC.
pub fn parse_timestamp(text: &str) -> Option<EventTime> {
    parse(text, ZoneRule::Optional)
}

/// Writes a time in RFC 3339, UTC, with `Z` and a fraction of as few digits as it needs: none, 3, 6 or 9.
///
/// ```
/// use olocus_event::time::format_rfc3339;
/// assert_eq!(format_rfc3339(1_500_000), "1970-01-01T00:00:00.001500Z");
/// ```
pub fn format_rfc3339(time: EventTime) -> String {
    let mut out = String::with_capacity(30);
    write_rfc3339(time, &mut out);
    out
}

/// Reads a value as a point in time. Numbers, also those in text, follow `unit`, their fractions
/// exact to the nanosecond; other text is read as [`parse_timestamp`] does, whatever the unit.
///
/// # Errors
/// `bad-time` for values of another type, for text in neither form, and for times outside of [`EventTime`].
pub fn time_from_value(value: &Value, unit: TimeUnit) -> Result<EventTime, Error> {
    let time = match value {
        Value::Json(json) if json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            time_from_json(json, unit)
        }
        Value::Time(time) => Some(*time),
        Value::Int(int) => from_integer(*int, unit),
        // So many nanoseconds, which is the least, are out of reach.
        Value::Wide(_) => None,
        // The digits of the shortest text are what the producer meant; the binary float is not.
        Value::Float(float) if float.is_finite() => from_decimal(&format!("{float}"), unit),
        Value::Text(text) => from_text(text, unit),
        Value::Json(json) if json.starts_with('"') => json[1..].strip_suffix('"').and_then(|body| {
            let mut text = String::new();
            json::unescape(body, &mut text);
            from_text(&text, unit)
        }),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::Seconds(_) | Value::Json(_) => None,
    };
    time.ok_or_else(|| ErrorKind::BadTime { text: describe(value) }.into())
}

/// Reads JSON text of a number as [`time_from_value`] does; `None` if it is none, or its time lies outside of [`EventTime`].
pub fn time_from_json(json: &str, unit: TimeUnit) -> Option<EventTime> {
    match Number::short_integer(json) {
        Some(integer) => from_integer(integer, unit),
        None if json::is_number(json) => from_decimal(json, unit),
        None => None,
    }
}

/// Appends the text of [`format_rfc3339`].
pub(crate) fn write_rfc3339(time: EventTime, out: &mut String) {
    let (seconds, nanos) = (time.div_euclid(NANOS), time.rem_euclid(NANOS));
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    // Writing to a string cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let _ = match nanos {
        0 => Ok(()),
        _ if nanos % 1_000_000 == 0 => write!(out, ".{:03}", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => write!(out, ".{:06}", nanos / 1_000),
        _ => write!(out, ".{nanos:09}"),
    };
    out.push('Z');
}

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

#[derive(Clone, Copy, PartialEq)]
enum ZoneRule {
    Required,
    Optional,
}

fn parse(text: &str, zone: ZoneRule) -> Option<EventTime> {
    let bytes = text.as_bytes();
    let (date_time, rest) = bytes.split_at_checked("1970-01-01T00:00:00".len())?;
    let separators = [date_time[4], date_time[7], date_time[13], date_time[16]];
    if separators != *b"--::" || !matches!(date_time[10], b'T' | b't' | b' ') {
        return None;
    }
    let year = digits(&date_time[..4])?;
    let month = digits(&date_time[5..7]).filter(|month| (1..=12).contains(month))?;
    let day = digits(&date_time[8..10]).filter(|day| (1..=days_in(year, month)).contains(day))?;
    let hour = digits(&date_time[11..13]).filter(|hour| *hour < 24)?;
    let minute = digits(&date_time[14..16]).filter(|minute| *minute < 60)?;
    // A leap second reads as the first second of the next minute, as in POSIX time.
    let second = digits(&date_time[17..]).filter(|second| *second <= 60)?;
    let (nanos, rest) = fraction(rest)?;
    let offset = match rest {
        [] if zone == ZoneRule::Optional => 0,
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = digits(&[*h1, *h2]).filter(|hours| *hours < 24)?;
            let minutes = digits(&[*m1, *m2]).filter(|minutes| *minutes < 60)?;
            let offset = hours * 3600 + minutes * 60;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    let seconds = days_before(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    i64::try_from(i128::from(seconds) * i128::from(NANOS) + i128::from(nanos)).ok()
}

/// An optional fraction of a second, in nanoseconds, and what follows it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let nanos = (0..9)
        .fold(0, |nanos, place| nanos * 10 + if place < length { i64::from(text[place] - b'0') } else { 0 });
    Some((nanos, &text[length..]))
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from the epoch to a date. Years are counted from March, so that the leap day is their last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    // The months from March on are 31 30 31 30 31 days, over and over: 153 days in five months.
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - DAYS_TO_EPOCH
}

/// The date that lies so many days from the epoch.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    // Take out the leap days that precede, to count in years of 365 days.
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = (months_since_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Days from 1 March of the year 0 to 1 January 1970.
const DAYS_TO_EPOCH: i64 = 719_468;

fn from_text(text: &str, unit: TimeUnit) -> Option<EventTime> {
    if json::is_number(text) { from_decimal(text, unit) } else { parse_timestamp(text) }
}

fn from_integer(number: i64, unit: TimeUnit) -> Option<EventTime> {
    number.checked_mul(10_i64.pow(decimals(unit, number as f64)))
}

/// A number in JSON's grammar, of `unit`, without passing through a float.
fn from_decimal(text: &str, unit: TimeUnit) -> Option<EventTime> {
    let magnitude = Number::from_json(text)?.as_f64();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => (true, mantissa),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // How many of the digits stand before the decimal point once the number is in nanoseconds.
    let kept = i64::try_from(whole.len()).ok()? + i64::from(exponent) + i64::from(decimals(unit, magnitude));
    let mut written = whole.bytes().chain(fraction.bytes());
    let mut nanos = 0_i128;
    for _ in 0..kept {
        nanos = match written.next() {
            Some(digit) => nanos.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?,
            None if nanos == 0 => break,
            None => nanos.checked_mul(10)?,
        };
    }
    i64::try_from(if negative { -nanos } else { nanos }).ok()
}

/// Decimal digits from the unit down to nanoseconds.
fn decimals(unit: TimeUnit, number: f64) -> u32 {
    match unit {
        TimeUnit::Seconds => 9,
        TimeUnit::Millis => 6,
        TimeUnit::Micros => 3,
        TimeUnit::Nanos => 0,
        TimeUnit::Auto => match number.abs() {
            magnitude if magnitude < 1e11 => 9,
            magnitude if magnitude < 1e14 => 6,
            magnitude if magnitude < 1e17 => 3,
            _ => 0,
        },
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "no value".to_owned(),
        Value::Text(text) => format!("{:?}", excerpt(text)),
        Value::Json(text) => excerpt(text),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) | Value::Time(value) => value.to_string(),
        Value::Wide(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Seconds(value) => format!("a duration of {value} s"),
    }
}

#[cfg(test)]
mod tests;

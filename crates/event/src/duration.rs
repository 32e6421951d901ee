//! Lengths of time in text.

/// Reads a length of time in seconds: numbers with units (`90s`, `1h30m`, `1.5d`; from `ns` to `w`),
/// or ISO 8601 with weeks, days, hours, minutes and seconds (`PT1M30S`). A `-` in front negates.
/// Months and years have no fixed length and are refused.
pub(crate) fn parse_seconds(text: &str) -> Option<f64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let nanos = match text.strip_prefix('P') {
        Some(iso) => parse_iso(iso)?,
        None => parse_units(text, UNITS)?,
    };
    // There is one zero.
    let nanos = if negative { -nanos } else { nanos };
    Some(nanos as f64 / 1e9)
}

const MICROSECOND: i128 = 1_000;
const MILLISECOND: i128 = 1_000_000;
const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;
const WEEK: i128 = 7 * DAY;

/// Units with their nanoseconds, in the order in which they may come.
type Units = &'static [(&'static str, i128)];

const UNITS: Units = &[
    ("w", WEEK),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", MILLISECOND),
    ("us", MICROSECOND),
    ("µs", MICROSECOND),
    ("ns", 1),
];
const ISO_DATE: Units = &[("W", WEEK), ("D", DAY)];
const ISO_TIME: Units = &[("H", HOUR), ("M", MINUTE), ("S", SECOND)];

fn parse_iso(text: &str) -> Option<i128> {
    match text.split_once('T') {
        None => parse_units(text, ISO_DATE),
        Some(("", time)) => parse_units(time, ISO_TIME),
        Some((date, time)) => parse_units(date, ISO_DATE)?.checked_add(parse_units(time, ISO_TIME)?),
    }
}

/// One or more numbers, each with a unit smaller than the one before.
fn parse_units(mut text: &str, mut units: Units) -> Option<i128> {
    let mut total = 0_i128;
    loop {
        let number_end = text.find(|next: char| !next.is_ascii_digit() && next != '.')?;
        let (number, rest) = text.split_at(number_end);
        let unit_end = rest.find(|next: char| next.is_ascii_digit()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        let place = units.iter().position(|(name, _)| *name == unit)?;
        total = total.checked_add(scaled(number, units[place].1)?)?;
        if rest.is_empty() {
            return Some(total);
        }
        text = rest;
        units = &units[place + 1..];
    }
}

/// A decimal number (ASCII digits and dots) of units, in nanoseconds; what lies below one is dropped.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    let whole = whole.parse::<i128>().ok()?.checked_mul(unit)?;
    // Eighteen digits reach below a nanosecond of a week, and their product with it fits.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    if fraction.is_empty() {
        return Some(whole);
    }
    let part = fraction.parse::<i128>().ok()? * unit / 10_i128.pow(fraction.len() as u32);
    whole.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_units() {
        for (text, seconds) in [
            ("90s", 90.0),
            ("5m", 300.0),
            ("1h30m", 5400.0),
            ("100ms", 0.1),
            ("2d", 172_800.0),
            ("1w", 604_800.0),
            ("1.5h", 5400.0),
            ("-5m", -300.0),
            ("250us", 0.000_25),
            ("250µs", 0.000_25),
            ("7ns", 7e-9),
            ("1m0.125s", 60.125),
        ] {
            assert_eq!(parse_seconds(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn reads_iso_8601() {
        for (text, seconds) in [
            ("PT1M30S", 90.0),
            ("P1D", 86_400.0),
            ("P1W", 604_800.0),
            ("P1DT12H", 129_600.0),
            ("PT0.5S", 0.5),
            ("-PT1S", -1.0),
        ] {
            assert_eq!(parse_seconds(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "-",
            "5",
            "s",
            "5 m",
            "5x",
            "1m1h",
            "5m5m",
            "P",
            "PT",
            "P1M",
            "P1Y",
            "P1DT",
            "1.s",
            ".5s",
            "1..5s",
            "1.2.3s",
            "pt1s",
            "99999999999999999999999999999999999999999s",
            "١s",
            "--1s",
        ] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn agrees_with_jiff_on_texts_without_days() {
        for text in ["90s", "1h30m", "100ms", "1h2m3s4ms5us6ns", "PT1M30.25S", "PT27H"] {
            let theirs: jiff::SignedDuration = text.parse().unwrap();
            assert_eq!(parse_seconds(text), Some(theirs.as_secs_f64()), "{text}");
        }
    }
}

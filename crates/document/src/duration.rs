//! Durations as people write them.

use jiff::fmt::temporal::SpanParser;

/// Units of the short form, longest first, in nanoseconds.
const UNITS: [(&str, i64); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Nanoseconds of a duration in the short form (`90s`, `5m`, `1h30m`, `1.5h`, `100ms`, `2d`, `1w`;
/// units `w d h m s ms us ns`) or in ISO 8601 (`PT1M30S`, without years and months, whose length
/// varies). `None` if it is neither, negative, or beyond the range of `i64`.
pub fn parse_duration(text: &str) -> Option<i64> {
    if text.starts_with(['P', 'p']) { parse_iso8601(text) } else { parse_short(text) }
}

/// The short form of a duration in nanoseconds, read back by [`parse_duration`] to the same value:
/// `5m`, `1h30m`, `1s500ms`. Weeks are written only where they are the whole of it.
pub fn format_duration(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    if nanoseconds < 0 {
        text.push('-');
    }
    let mut rest = nanoseconds.unsigned_abs();
    for (unit, length) in UNITS {
        let length = length.unsigned_abs();
        let whole = rest / length;
        if whole > 0 && (unit != "w" || rest.is_multiple_of(length)) {
            text.push_str(&format!("{whole}{unit}"));
            rest %= length;
        }
    }
    text
}

/// Whether a text is a duration but for its length.
pub(crate) fn is_too_long(text: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    // The same units with numbers that fit are one.
    let shortened: String =
        text.split(is_digit).filter(|part| !part.is_empty()).map(|part| format!("1{part}")).collect();
    text.starts_with(is_digit) && parse_duration(text).is_none() && parse_duration(&shortened).is_some()
}

fn parse_iso8601(text: &str) -> Option<i64> {
    let span = SpanParser::new().parse_span(text).ok()?;
    if span.is_negative() || span.get_years() != 0 || span.get_months() != 0 {
        return None;
    }
    let total = i128::from(span.get_weeks()) * 604_800_000_000_000
        + i128::from(span.get_days()) * 86_400_000_000_000
        + i128::from(span.get_hours()) * 3_600_000_000_000
        + i128::from(span.get_minutes()) * 60_000_000_000
        + i128::from(span.get_seconds()) * 1_000_000_000
        + i128::from(span.get_milliseconds()) * 1_000_000
        + i128::from(span.get_microseconds()) * 1_000
        + i128::from(span.get_nanoseconds());
    i64::try_from(total).ok()
}

fn parse_short(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    // Each unit may stand once, longer ones first, so that a slip such as `5m5m` is no duration.
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (whole, mut tail) = rest.split_at(digits);
        let mut fraction = "";
        if let Some(after_point) = tail.strip_prefix('.') {
            let end = after_point.len() - after_point.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            (fraction, tail) = after_point.split_at(end);
            if fraction.is_empty() {
                return None;
            }
        }
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let (name, next) = tail.split_at(letters);
        let (_, length) = units.find(|(unit, _)| *unit == name)?;
        let part = whole.parse::<i64>().ok()?.checked_mul(*length)?;
        total = total.checked_add(part)?.checked_add(fraction_of(fraction, *length)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

/// `0.fraction` of `length`, only if it is a whole number of nanoseconds.
fn fraction_of(fraction: &str, length: i64) -> Option<i64> {
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return Some(0);
    }
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let scaled = fraction.parse::<i128>().ok()?.checked_mul(i128::from(length))?;
    if scaled % scale != 0 {
        return None;
    }
    i64::try_from(scaled / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn reads_short_and_iso_forms() {
        for (text, expected) in [
            ("0s", 0),
            ("90s", 90 * SECOND),
            ("5m", 300 * SECOND),
            ("1h30m", 5400 * SECOND),
            ("1.5h", 5400 * SECOND),
            ("0.25s", SECOND / 4),
            ("100ms", SECOND / 10),
            ("2d", 172_800 * SECOND),
            ("1w", 604_800 * SECOND),
            ("1s1ns", SECOND + 1),
            ("PT1M30S", 90 * SECOND),
            ("P1DT1S", 86_401 * SECOND),
            ("PT0.5S", SECOND / 2),
        ] {
            assert_eq!(parse_duration(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in [
            "",
            "5",
            "m",
            "5 m",
            "5x",
            "5m5m",
            "5s1m",
            "-5m",
            "1.m",
            ".5m",
            "0.1ns",
            "P1Y",
            "P1M",
            "-PT5M",
            "5M",
            "99999999w",
            "5minutes",
            "１s",
            "PT",
            "1..5s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn formats_what_it_reads(nanoseconds in 0..i64::MAX) {
            prop_assert_eq!(parse_duration(&format_duration(nanoseconds)), Some(nanoseconds));
        }

        #[test]
        fn never_panics(text in "\\PC{0,12}|[0-9.wdhmsunPT-]{0,40}") {
            let _ = parse_duration(&text);
        }
    }

    #[test]
    fn formats_briefly() {
        assert_eq!(format_duration(0), "0s");
        assert_eq!(format_duration(300 * SECOND), "5m");
        assert_eq!(format_duration(14 * 86_400 * SECOND), "2w");
        assert_eq!(format_duration(8 * 86_400 * SECOND), "8d");
        assert_eq!(format_duration(SECOND * 3 / 2), "1s500ms");
        assert_eq!(format_duration(-5 * SECOND), "-5s");
    }
}

//! Literals: numbers, and numbers with units, `5m` and `10MB`.

use datafusion_sql::sqlparser::tokenizer::Token;

use crate::problem::Problem;

/// Starts the text of the placeholder of a duration literal; nanoseconds follow.
const DURATION_MARK: &str = "$duration:";

const DURATION_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

const SIZE_UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// The nanoseconds of a duration literal, if the placeholder is one.
pub(crate) fn duration_of(placeholder: &str) -> Option<i64> {
    placeholder.strip_prefix(DURATION_MARK)?.parse().ok()
}

/// The one way in which a number is written that stays of its class: an integer, or with a fraction or exponent.
pub(crate) fn spelling(number: &str) -> String {
    if is_integer(number) {
        return number.parse().map_or_else(|_| number.to_owned(), |value: u64| value.to_string());
    }
    number.parse().map_or_else(|_| number.to_owned(), |value: f64| format!("{value:?}"))
}

/// The integer that a number with a fraction or exponent is equal to, if any number compares with both alike: doubles
/// tell all integers of this size apart.
pub(crate) fn as_integer(number: &str) -> Option<String> {
    const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;
    let value: f64 = number.parse().ok()?;
    let is_exact = value.fract() == 0.0 && value < EXACT_BELOW;
    (is_exact && !is_integer(number)).then(|| (value as u64).to_string())
}

/// The literal of a number with units, `text[start..end]`.
pub(crate) fn literal(text: &str, start: usize, end: usize) -> Result<Token, Problem> {
    let written = &text[start..end];
    let mut parts = Vec::new();
    let mut rest = written;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        parts.push((number, unit));
        rest = after;
    }
    if let [(number, unit)] = parts[..]
        && let Some(bytes) = find_unit(&SIZE_UNITS, unit)
    {
        return match scaled(number, bytes) {
            Some(bytes) => Ok(Token::Number(bytes.to_string(), false)),
            None => {
                let message = format!("`{written}` is no whole number of bytes below 2^64");
                Err(Problem::new("syntax", (start, end), message))
            }
        };
    }
    let mut total: u64 = 0;
    for (number, unit) in parts {
        let Some(nanoseconds) = find_unit(&DURATION_UNITS, unit) else {
            return Err(unknown_unit(unit, (start, end)));
        };
        let sum = scaled(number, nanoseconds).and_then(|part| total.checked_add(part));
        match sum {
            Some(sum) if i64::try_from(sum).is_ok() => total = sum,
            _ => {
                let message = format!("`{written}` is no whole number of nanoseconds below 2^63");
                return Err(Problem::new("syntax", (start, end), message));
            }
        }
    }
    Ok(Token::Placeholder(format!("{DURATION_MARK}{total}")))
}

fn find_unit(units: &[(&str, u64)], name: &str) -> Option<u64> {
    units.iter().find(|(unit, _)| *unit == name).map(|(_, factor)| *factor)
}

fn unknown_unit(unit: &str, range: (usize, usize)) -> Problem {
    let names = |units: &[(&'static str, u64)]| units.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let (durations, sizes) = (names(&DURATION_UNITS), names(&SIZE_UNITS));
    let meant = durations.iter().chain(&sizes).find(|known| known.eq_ignore_ascii_case(unit));
    let mut help = meant.map(|known| format!("did you mean `{known}`? ")).unwrap_or_default();
    help.push_str(&format!("durations: {}; sizes: {}", durations.join(" "), sizes.join(" ")));
    Problem::new("unknown-unit", range, format!("`{unit}` is no unit")).with_help(help)
}

/// The decimal `number` times `factor`, if that is a whole number.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut value: u128 = if whole.is_empty() && !fraction.is_empty() { 0 } else { whole.parse().ok()? };
    value = value.checked_mul(u128::from(factor))?;
    if !fraction.is_empty() {
        let digits: u128 = fraction.parse().ok()?;
        let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part = digits.checked_mul(u128::from(factor))?;
        if part % scale != 0 {
            return None;
        }
        value = value.checked_add(part / scale)?;
    }
    u64::try_from(value).ok()
}

/// Whether a number is written as an integer.
fn is_integer(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_class() {
        for (written, expected) in [
            ("010", "10"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "18446744073709551616"),
            ("10.00", "10.0"),
            ("1e1", "10.0"),
            (".5", "0.5"),
            ("1E300", "1e300"),
        ] {
            assert_eq!(spelling(written), expected);
        }
    }

    #[test]
    fn whole_numbers_become_integers_where_nothing_is_lost() {
        for (written, expected) in [
            ("1e7", Some("10000000")),
            ("10.0", Some("10")),
            ("9007199254740991.0", Some("9007199254740991")),
            ("9007199254740992.0", None),
            ("0.5", None),
            ("10", None),
        ] {
            assert_eq!(as_integer(written).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn unknown_units_are_named() {
        let problem = crate::lex::lex("volume > 10Mb").unwrap_err();
        assert_eq!(problem.code, "unknown-unit");
        assert_eq!(problem.range, (9, 13));
        assert!(problem.help.unwrap().starts_with("did you mean `MB`?"));
    }
}

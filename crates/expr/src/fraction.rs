//! Fractions, as percentiles have them.

use std::fmt;

/// A fraction between 0 and 1, in billionths: exact, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fraction(u32);

const DIGITS: usize = 9;
const ONE: u32 = 1_000_000_000;

impl Fraction {
    /// One half.
    pub const HALF: Fraction = Fraction(ONE / 2);

    /// The fraction that a decimal number is; `None` for what is not between 0 and 1, or has more than nine digits after
    /// the point.
    pub(crate) fn parse(text: &str) -> Option<Fraction> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let has_digits = text.bytes().any(|byte| byte.is_ascii_digit());
        let decimals = decimals.trim_end_matches('0');
        let are_digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
        if !has_digits || !are_digits || decimals.len() > DIGITS {
            return None;
        }
        let billionths: u32 = format!("{decimals:0<DIGITS$}").parse().ok()?;
        match (whole.trim_start_matches('0'), billionths) {
            ("", _) => Some(Fraction(billionths)),
            ("1", 0) => Some(Fraction(ONE)),
            _ => None,
        }
    }

    /// How many billionths it is, at most 1,000,000,000.
    #[must_use]
    pub fn billionths(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:0DIGITS$}", self.0 % ONE);
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / ONE),
            decimals => write!(f, "{}.{decimals}", self.0 / ONE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fraction;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, billionths, shown) in [
            ("0.95", 950_000_000, "0.95"),
            (".5", 500_000_000, "0.5"),
            ("0.999999999", 999_999_999, "0.999999999"),
            ("0.1000000000000", 100_000_000, "0.1"),
            ("0", 0, "0"),
            ("1", 1_000_000_000, "1"),
            ("1.0", 1_000_000_000, "1"),
            ("00.25", 250_000_000, "0.25"),
        ] {
            let fraction = Fraction::parse(text).unwrap();
            assert_eq!((fraction.billionths(), fraction.to_string().as_str()), (billionths, shown), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_none() {
        for text in ["95", "1.5", "1.000000001", "0.1234567891", "5e-1", "", ".", "0.-1", "-0.5", "2"] {
            assert_eq!(Fraction::parse(text), None, "{text}");
        }
    }
}

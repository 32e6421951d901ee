//! Numbers: JSON's grammar, their class, and their canonical text.

use std::fmt::Write;

use crate::json;

/// A finite number in its class: integers to 64 bits exact, everything else a float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Wide(u64),
    Float(f64),
}

impl Number {
    /// Reads a text that is known to follow JSON's number grammar; `None` beyond the range of `f64`.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        if let Some(int) = Self::short_integer(text) {
            return Some(Self::Int(int));
        }
        if !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
            if let Ok(int) = text.parse() {
                return Some(Self::Int(int));
            }
            if let Ok(wide) = text.parse() {
                return Some(Self::Wide(wide));
            }
        }
        text.parse().ok().filter(|float: &f64| float.is_finite()).map(Self::Float)
    }

    /// Reads what consists of few enough digits to need no check for overflow, as most numbers do.
    #[inline]
    pub(crate) fn short_integer(text: &str) -> Option<i64> {
        const DIGITS_MAX: usize = 18;
        if text.is_empty() || text.len() > DIGITS_MAX || text.len() > 1 && text.starts_with('0') {
            return None;
        }
        let (eights, rest) = text.as_bytes().as_chunks();
        let mut number = 0;
        for digits in eights {
            number = number * 100_000_000 + eight_digits(*digits)?;
        }
        rest.iter().try_fold(number, |number, byte| {
            let digit = byte.wrapping_sub(b'0');
            (digit < 10).then(|| number * 10 + i64::from(digit))
        })
    }

    /// Reads any text; `None` unless all of it is one number in JSON's grammar.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        if json::is_number(text) { Self::from_json(text) } else { None }
    }

    /// An integer of either sign.
    pub(crate) fn from_unsigned(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Wide(value), Self::Int)
    }

    /// The nearest float.
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Wide(wide) => wide as f64,
            Self::Float(float) => float,
        }
    }

    /// The same number, with the positive zero for the negative one.
    pub(crate) fn with_one_zero(self) -> Self {
        match self {
            Self::Float(float) => Self::Float(float + 0.0),
            other => other,
        }
    }

    /// The same number, as an integer where it is whole and fits 64 bits.
    fn narrowed(self) -> Self {
        // Both bounds are exact powers of two, so the comparisons and the casts lose nothing.
        const TWO_63: f64 = 9_223_372_036_854_775_808.0;
        match self {
            Self::Float(float) if float.fract() != 0.0 => self,
            Self::Float(float) if (-TWO_63..TWO_63).contains(&float) => Self::Int(float as i64),
            Self::Float(float) if (0.0..2.0 * TWO_63).contains(&float) => Self::Wide(float as u64),
            _ => self,
        }
    }

    /// Appends the one text that all spellings of this number share.
    pub(crate) fn write_canonical(self, out: &mut String) {
        self.narrowed().write_plain(out);
    }

    /// Appends integers in decimal and floats in the fewest digits that read back the same.
    pub(crate) fn write_plain(self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Int(int) => write!(out, "{int}"),
            Self::Wide(wide) => write!(out, "{wide}"),
            // `Debug` writes large and small magnitudes with an exponent, which JSON reads too.
            Self::Float(float) => write!(out, "{float:?}"),
        };
    }
}

/// The number that eight digits are; `None` if not all are digits. Neighbours are put together in all lanes at once.
fn eight_digits(text: [u8; 8]) -> Option<i64> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let digits = u64::from_le_bytes(text) ^ (ONES * b'0' as u64);
    // What is above 9 reaches the highest bit of its byte, or had it before; and only then is anything carried on.
    if (digits | digits.wrapping_add(ONES * (0x80 - 10))) & (ONES * 0x80) != 0 {
        return None;
    }
    let twos = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_FFFF_0000_FFFF;
    let eight = (fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF;
    Some(eight as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let mut out = String::new();
        Number::from_text(text).unwrap().write_canonical(&mut out);
        out
    }

    #[test]
    fn integers_to_64_bits_are_exact() {
        assert_eq!(Number::from_text("9007199254740993"), Some(Number::Int(9_007_199_254_740_993)));
        assert_eq!(Number::from_text("-9223372036854775808"), Some(Number::Int(i64::MIN)));
        assert_eq!(Number::from_text("9223372036854775808"), Some(Number::Wide(1 << 63)));
        assert_eq!(Number::from_text("18446744073709551615"), Some(Number::Wide(u64::MAX)));
        assert_eq!(
            Number::from_text("18446744073709551616"),
            Some(Number::Float(18_446_744_073_709_551_616.0))
        );
        assert_eq!(Number::from_text("1.0"), Some(Number::Float(1.0)));
    }

    #[test]
    fn short_integers_are_read_as_all_numbers_are() {
        for text in ["0", "7", "10", "999999999999999999"] {
            let int = Number::short_integer(text).unwrap();
            assert_eq!((int.to_string().as_str(), Number::from_text(text)), (text, Some(Number::Int(int))));
        }
        for digits in ["12345678", "98765432109876543", "100000000", "8090705060403020"] {
            assert_eq!(Number::short_integer(digits), digits.parse().ok());
            for (at, odd) in
                (0..digits.len()).flat_map(|at| ['/', ':', '.', '\u{7f}', ' '].map(|odd| (at, odd)))
            {
                let text = format!("{}{odd}{}", &digits[..at], &digits[at + 1..]);
                assert_eq!(Number::short_integer(&text), None, "{text}");
            }
        }
        for text in ["", "-1", "007", "1.0", "1e3", "1000000000000000000", " 1", "１"] {
            assert_eq!(Number::short_integer(text), None, "{text}");
        }
    }

    #[test]
    fn only_the_grammar_of_json_is_a_number() {
        for text in
            ["", " 1", "1 ", "+1", "01", "1.", ".5", "0x1", "1e", "1_0", "NaN", "inf", "-", "1e999", "١"]
        {
            assert_eq!(Number::from_text(text), None, "{text}");
        }
        for text in ["0", "-0", "10", "1.5", "-1.5e+3", "1E-2", "0e0"] {
            assert!(Number::from_text(text).is_some(), "{text}");
        }
    }

    #[test]
    fn every_spelling_of_a_number_has_one_canonical_text() {
        for text in ["1", "1.0", "1e0", "0.1e1", "10e-1"] {
            assert_eq!(canonical(text), "1");
        }
        assert_eq!(canonical("-0.0"), "0");
        assert_eq!(canonical("1e19"), "10000000000000000000");
        assert_eq!(canonical("-9223372036854775808.0"), "-9223372036854775808");
        assert_eq!(canonical("18446744073709551616"), "1.8446744073709552e19");
        assert_eq!(canonical("0.10"), "0.1");
        assert_eq!(canonical("1.5e300"), "1.5e300");
        assert_eq!(canonical("0.00000012"), "1.2e-7");
    }
}

//! The core schema of YAML 1.2: which plain texts are null, booleans and numbers.

use saphyr_parser::Tag;

use crate::Value;

/// What a plain scalar means; `None` if it is a string.
pub(super) fn plain(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => number(text),
    }
}

/// What a scalar means that carries a tag. `Ok(None)` is a string.
///
/// # Errors
/// What is wrong, as a message: a tag that is not of the core schema, or a text that is not of the
/// tag's type.
pub(super) fn tagged(tag: &Tag, text: &str) -> Result<Option<Value>, String> {
    let name = tag.suffix.as_str();
    if tag.handle.is_empty() && name == "!" {
        return Ok(None);
    }
    if !tag.is_yaml_core_schema() {
        return Err(format!("unknown tag `{tag}`"));
    }
    let value = plain(text);
    match (name, value) {
        ("str", _) => Ok(None),
        ("null", value @ Some(Value::Null))
        | ("bool", value @ Some(Value::Bool(_)))
        | ("int", value @ Some(Value::Integer(_)))
        | ("float", value @ Some(Value::Float(_))) => Ok(value),
        ("float", Some(Value::Integer(integer))) => Ok(Some(Value::Float(integer as f64))),
        ("null" | "bool" | "int" | "float", _) => Err(format!("`{text}` is not of type `!!{name}`")),
        _ => Err(format!("unknown tag `!!{name}`")),
    }
}

fn number(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());

    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if all_digits(unsigned) {
        return match text.parse() {
            Ok(integer) => Some(Value::Integer(integer)),
            Err(_) => text.parse().ok().map(Value::Float),
        };
    }
    match unsigned {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => {
            return Some(Value::Float(f64::NEG_INFINITY));
        }
        ".inf" | ".Inf" | ".INF" => return Some(Value::Float(f64::INFINITY)),
        _ => {}
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Value::Float(f64::NAN));
    }

    // [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    if let Some(exponent) = exponent
        && !all_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
    {
        return None;
    }
    let is_mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && (fraction.is_empty() || all_digits(fraction)),
        None => all_digits(mantissa),
    };
    if !is_mantissa {
        return None;
    }
    text.parse().ok().map(Value::Float)
}

fn radix(digits: &str, radix: u32) -> Option<Value> {
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    i64::from_str_radix(digits, radix).ok().map(Value::Integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        plain(text).map_or("string".to_owned(), |value| format!("{value:?}"))
    }

    #[test]
    fn follows_the_core_schema() {
        for (text, expected) in [
            ("", "Null"),
            ("~", "Null"),
            ("nULL", "string"),
            ("True", "Bool(true)"),
            ("yes", "string"),
            ("12", "Integer(12)"),
            ("-0", "Integer(0)"),
            ("007", "Integer(7)"),
            ("0o17", "Integer(15)"),
            ("0xfF", "Integer(255)"),
            ("0x", "string"),
            ("9223372036854775807", "Integer(9223372036854775807)"),
            ("9223372036854775808", "Float(9.223372036854776e18)"),
            ("1.5", "Float(1.5)"),
            ("1.", "Float(1.0)"),
            (".5e-3", "Float(0.0005)"),
            ("+1e3", "Float(1000.0)"),
            ("-.inf", "Float(-inf)"),
            (".nan", "Float(NaN)"),
            ("-.nan", "string"),
            (".", "string"),
            ("1e", "string"),
            ("1_000", "string"),
            ("1.2.3", "string"),
            ("5m", "string"),
            ("2024-01-01", "string"),
            ("infinity", "string"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}

//! A plain reading of events, from a tree of the whole JSON: what the decoder is compared with.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::projection::Kind;
use crate::value::Value;

/// Columns that meet the names of [`any_event`].
pub(super) const COLUMNS: &[(&[&str], Kind)] = &[
    (&["a"], Kind::Text),
    (&["a"], Kind::Number),
    (&["a"], Kind::Bool),
    (&["a"], Kind::Duration),
    (&["a"], Kind::Time),
    (&["a"], Kind::Json),
    (&["b"], Kind::Json),
    (&["b", "a"], Kind::Text),
    (&["b", "a"], Kind::Number),
    (&["b", "é", "a"], Kind::Json),
    (&["é"], Kind::Text),
    (&["a.b"], Kind::Number),
];

/// How the same event is written down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spelling {
    Compact,
    Pretty,
    /// Everything beyond ASCII as `\u` escapes.
    Escaped,
}

impl Spelling {
    pub(super) fn event(self, event: &Json) -> String {
        match self {
            Self::Pretty => serde_json::to_string_pretty(event).unwrap(),
            Self::Compact | Self::Escaped => self.compact(event),
        }
    }

    fn compact(self, value: &Json) -> String {
        let text = value.to_string();
        match self {
            Self::Compact | Self::Pretty => text,
            Self::Escaped => text.chars().fold(String::new(), |mut out, character| {
                if character.is_ascii() {
                    out.push(character);
                } else {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(out, "\\u{unit:04X}").unwrap();
                    }
                }
                out
            }),
        }
    }
}

pub(super) fn any_spelling() -> impl Strategy<Value = Spelling> {
    prop::sample::select(vec![Spelling::Compact, Spelling::Pretty, Spelling::Escaped])
}

/// Objects of few names and telling values.
pub(super) fn any_event() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        prop::sample::select(vec![
            "3",
            "-0",
            "1.50",
            " 3",
            "1e3",
            "18446744073709551615",
            "true",
            "false",
            "90s",
            "1h30m",
            "PT2.5S",
            "1d",
            "2020-02-29T12:00:00.5Z",
            "2020-02-29T12:00:00+02:00",
            "2020-02-30T12:00:00Z",
            "é\n\"\\",
            "",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let scalar = prop_oneof![
        1 => Just(Json::Null),
        1 => any::<bool>().prop_map(|value| json!(value)),
        2 => any::<i64>().prop_map(|value| json!(value)),
        1 => any::<u64>().prop_map(|value| json!(value)),
        2 => any::<i32>().prop_map(|eighths| json!(f64::from(eighths) / 8.0)),
        4 => text.prop_map(|value| json!(value)),
    ];
    let name = || prop::sample::select(vec!["a", "b", "é", "a.b", "c", "other"]);
    let value = scalar.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::vec((name(), inner), 0..4).prop_map(object),
        ]
    });
    prop::collection::vec((name(), value), 0..6).prop_map(object)
}

fn object(members: Vec<(&'static str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The value of one column, with the conversions spelled out.
pub(super) fn read(event: &Json, path: &[&str], kind: Kind, spelling: Spelling) -> Value {
    let found = path.iter().try_fold(event, |value, name| value.as_object()?.get(*name));
    let Some(value) = found.filter(|value| !value.is_null()) else {
        return Value::Null;
    };
    match kind {
        Kind::Text => Value::Text(match value {
            Json::String(text) => text.as_str().into(),
            other => spelling.compact(other).into(),
        }),
        Kind::Json => Value::Json(match value {
            Json::Number(_) => canonical(&number(value).unwrap()).into(),
            Json::String(text) => serde_json::to_string(text).unwrap().into(),
            other => spelling.compact(other).into(),
        }),
        Kind::Number => number(value).unwrap_or(Value::Null),
        Kind::Bool => match value {
            Json::Bool(value) => Value::Bool(*value),
            Json::String(text) => text.parse().map_or(Value::Null, Value::Bool),
            _ => Value::Null,
        },
        Kind::Duration => match value {
            Json::String(text) if duration(text) != Value::Null => duration(text),
            _ => match number(value) {
                Some(Value::Int(seconds)) => Value::Seconds(seconds as f64),
                Some(Value::Wide(seconds)) => Value::Seconds(seconds as f64),
                Some(Value::Float(seconds)) => Value::Seconds(seconds),
                _ => Value::Null,
            },
        },
        Kind::Time => match value {
            Json::String(text) if text.ends_with('Z') || text.contains('+') => {
                let time = text.parse::<jiff::Timestamp>();
                time.map_or(Value::Null, |time| Value::Time(time.as_nanosecond().try_into().unwrap()))
            }
            _ => Value::Null,
        },
    }
}

fn number(value: &Json) -> Option<Value> {
    let number = match value {
        Json::Number(number) => number.clone(),
        // serde_json reads this integer literal as a float.
        Json::String(text) if text == "-0" => return Some(Value::Int(0)),
        Json::String(text) if !text.contains(char::is_whitespace) => serde_json::from_str(text).ok()?,
        _ => return None,
    };
    let text = number.to_string();
    if let Ok(int) = text.parse() {
        return Some(Value::Int(int));
    }
    Some(text.parse().map_or_else(|_| Value::Float(text.parse().unwrap()), Value::Wide))
}

fn canonical(number: &Value) -> String {
    match number {
        Value::Int(int) => int.to_string(),
        Value::Wide(wide) => wide.to_string(),
        Value::Float(float) if float.fract() == 0.0 => {
            format!("{:.0}", float.abs().copysign(*float + 0.0))
        }
        Value::Float(float) => float.to_string(),
        other => panic!("{other:?} is no number"),
    }
}

fn duration(text: &str) -> Value {
    match text {
        "1d" => Value::Seconds(86_400.0),
        _ if text.starts_with(|first: char| first.is_ascii_digit() || first == 'P') => {
            let duration = text.parse::<jiff::SignedDuration>();
            duration.map_or(Value::Null, |duration| Value::Seconds(duration.as_secs_f64()))
        }
        _ => Value::Null,
    }
}

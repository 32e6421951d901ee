//! What things take in memory, in bytes: estimates on which bounds rest.

use olocus_cep::{Key, Scalar};
use olocus_event::{JsonText, Record, Value};

/// The reference counts before something shared.
const SHARED: usize = 2 * size_of::<usize>();

/// What a [`Merge`](crate::Merge) holds, with its size.
pub trait Weigh {
    /// The memory that it takes, in bytes.
    fn weight(&self) -> usize;
}

/// What a value takes, itself included.
pub(crate) fn value(value: &Value) -> usize {
    let text = match value {
        Value::Text(text) | Value::Json(text) => SHARED + text.len(),
        _ => 0,
    };
    size_of::<Value>() + text
}

/// What an argument of an aggregate takes, itself included.
pub(crate) fn scalar(scalar: &Scalar) -> usize {
    let text = match scalar {
        Scalar::Text(text) => SHARED + text.len(),
        _ => 0,
    };
    size_of::<Scalar>() + text
}

/// What the text of a key takes.
pub(crate) fn key(key: &Key) -> usize {
    SHARED + key.as_json().len()
}

/// What the text takes.
pub(crate) fn json(text: &JsonText) -> usize {
    SHARED + text.as_str().len()
}

/// What a record takes, itself included.
pub(crate) fn record(record: &Record) -> usize {
    let headers = record.headers.iter().map(|(name, value)| SHARED + name.len() + value.len());
    let parts = [&record.key, &record.value].into_iter().flatten().map(|part| part.len());
    size_of::<Record>() + headers.chain(parts).sum::<usize>()
}

//! Keys → rows of a list.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::Array;
use foldhash::fast::RandomState;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use olocus_event::Value;
use prefix_trie::PrefixMap;

use crate::functions::{parse_address, parse_network};
use crate::values::Values;

/// The row of a key that a list does not have.
pub(crate) const ABSENT: u32 = u32::MAX;

/// The row where there is no key: NULL, or of networks what is no address.
pub(crate) const UNKNOWN: u32 = u32::MAX - 1;

/// The keys of a list, read in one way.
#[derive(Debug)]
pub(crate) enum Index {
    /// Texts, and JSON in its canonical form.
    Texts(HashMap<Arc<str>, u32, RandomState>),
    /// All other values.
    Scalars(HashMap<Scalar, u32, RandomState>),
    /// Networks; the longest that holds an address is its key.
    Networks { v4: PrefixMap<Ipv4Net, u32>, v6: PrefixMap<Ipv6Net, u32> },
}

/// A value in the one form that all equal ones share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scalar {
    Integer(i128),
    /// The bits of a double that is no integer.
    Fraction(u64),
    Bool(bool),
    Time(i64),
}

/// What keeps the rows of a list from having one key each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadKey {
    /// The key of a row cannot be read in that way.
    Unreadable(usize),
    /// Two rows have the same key.
    Twice { first: usize, again: usize },
}

impl Index {
    /// Indexes keys by their position.
    pub(crate) fn of_values(keys: &[Value]) -> Result<Self, BadKey> {
        let is_text = |key: &Value| matches!(key, Value::Text(_) | Value::Json(_));
        if !keys.is_empty() && keys.iter().all(is_text) {
            let mut texts = HashMap::with_capacity_and_hasher(keys.len(), RandomState::default());
            for (row, key) in keys.iter().enumerate() {
                let (Value::Text(text) | Value::Json(text)) = key.clone().canonical() else {
                    return Err(BadKey::Unreadable(row));
                };
                insert(texts.entry(text), row)?;
            }
            return Ok(Self::Texts(texts));
        }
        let mut scalars = HashMap::with_capacity_and_hasher(keys.len(), RandomState::default());
        for (row, key) in keys.iter().enumerate() {
            let key = Scalar::of(key).ok_or(BadKey::Unreadable(row))?;
            insert(scalars.entry(key), row)?;
        }
        Ok(Self::Scalars(scalars))
    }

    /// Indexes keys that are networks by their position.
    pub(crate) fn of_networks(keys: &[Value]) -> Result<Self, BadKey> {
        let (mut v4, mut v6) = (PrefixMap::new(), PrefixMap::new());
        for (row, key) in keys.iter().enumerate() {
            let Value::Text(text) = key else { return Err(BadKey::Unreadable(row)) };
            let network = parse_network(text).and_then(|(address, prefix)| IpNet::new(address, prefix).ok());
            let before = match network.ok_or(BadKey::Unreadable(row))?.trunc() {
                IpNet::V4(network) => v4.insert(network, number(row)),
                IpNet::V6(network) => v6.insert(network, number(row)),
            };
            if let Some(first) = before {
                return Err(BadKey::Twice { first: first as usize, again: row });
            }
        }
        Ok(Self::Networks { v4, v6 })
    }

    /// By row of a batch, the list's row of that key, [`ABSENT`] or [`UNKNOWN`].
    pub(crate) fn probe(&self, keys: &Values, rows: usize) -> Vec<u32> {
        match keys.texts() {
            Some(texts) => (0..rows)
                .map(|row| if texts.is_null(row) { UNKNOWN } else { self.find_text(texts.value(row)) })
                .collect(),
            None => (0..rows).map(|row| self.find(keys.get(row))).collect(),
        }
    }

    fn find(&self, key: Value) -> u32 {
        match (self, &key) {
            (_, Value::Null) => UNKNOWN,
            (_, Value::Text(text)) => self.find_text(text),
            (_, Value::Json(_)) => match key.canonical() {
                Value::Json(text) => self.find_text(&text),
                _ => UNKNOWN,
            },
            (Self::Scalars(scalars), key) => {
                Scalar::of(key).map_or(UNKNOWN, |key| scalars.get(&key).copied().unwrap_or(ABSENT))
            }
            (Self::Texts(_) | Self::Networks { .. }, _) => ABSENT,
        }
    }

    fn find_text(&self, text: &str) -> u32 {
        match self {
            Self::Texts(texts) => texts.get(text).copied().unwrap_or(ABSENT),
            Self::Scalars(_) => ABSENT,
            Self::Networks { v4, v6 } => {
                let found = match parse_address(text) {
                    None => return UNKNOWN,
                    Some(IpAddr::V4(address)) => v4.get_lpm(&Ipv4Net::from(address)).map(|(_, row)| *row),
                    Some(IpAddr::V6(address)) => v6.get_lpm(&Ipv6Net::from(address)).map(|(_, row)| *row),
                };
                found.unwrap_or(ABSENT)
            }
        }
    }

    /// Estimate of the memory it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        /// What a hash table takes for each entry beside the entry itself, with its free places.
        const SLOT: usize = 8;
        /// A node of a trie and the reference to it.
        const NODE: usize = 64;
        match self {
            Self::Texts(texts) => {
                let text = |text: &Arc<str>| text.len() + 2 * size_of::<usize>() + size_of::<Arc<str>>();
                texts.keys().map(|key| text(key) + size_of::<u32>() + SLOT).sum()
            }
            Self::Scalars(scalars) => scalars.len() * (size_of::<Scalar>() + size_of::<u32>() + SLOT),
            Self::Networks { v4, v6 } => (v4.len() + v6.len()) * NODE,
        }
    }
}

impl Scalar {
    /// `None` for what is no such value: NULL, texts, and numbers that are none.
    fn of(value: &Value) -> Option<Self> {
        Some(match *value {
            Value::Int(value) => Self::Integer(value.into()),
            Value::Wide(value) => Self::Integer(value.into()),
            Value::Float(value) | Value::Seconds(value) if value.is_nan() => return None,
            Value::Float(value) | Value::Seconds(value) => {
                let integer = value as i128;
                // Doubles beyond this are integers, but those of events are not.
                if integer as f64 == value && value.abs() < 2e19 {
                    Self::Integer(integer)
                } else {
                    Self::Fraction(value.to_bits())
                }
            }
            Value::Bool(value) => Self::Bool(value),
            Value::Time(value) => Self::Time(value),
            Value::Null | Value::Text(_) | Value::Json(_) => return None,
        })
    }
}

fn insert<K>(entry: Entry<'_, K, u32>, row: usize) -> Result<(), BadKey> {
    match entry {
        Entry::Vacant(vacant) => {
            vacant.insert(number(row));
            Ok(())
        }
        Entry::Occupied(first) => Err(BadKey::Twice { first: *first.get() as usize, again: row }),
    }
}

fn number(row: usize) -> u32 {
    u32::try_from(row).ok().filter(|row| *row < UNKNOWN).expect("lists have far fewer rows than 2^32")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_one_key_however_they_are_written() {
        let keys = [Value::Int(80), Value::Float(0.5), Value::Wide(u64::MAX), Value::Float(-0.0)];
        let index = Index::of_values(&keys).unwrap();
        for (key, row) in [
            (Value::Float(80.0), 0),
            (Value::Float(0.5), 1),
            (Value::Wide(u64::MAX), 2),
            (Value::Int(0), 3),
            (Value::Int(81), ABSENT),
            (Value::Null, UNKNOWN),
            (Value::Text("80".into()), ABSENT),
        ] {
            assert_eq!(index.find(key.clone()), row, "{key:?}");
        }
        let twice = Index::of_values(&[Value::Int(1), Value::Float(1.0)]).unwrap_err();
        assert_eq!(twice, BadKey::Twice { first: 0, again: 1 });
    }

    #[test]
    fn the_longest_network_wins() {
        let keys = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0"];
        let keys: Vec<Value> = keys.iter().map(|key| Value::Text((*key).into())).collect();
        let index = Index::of_networks(&keys).unwrap();
        for (address, row) in [
            ("10.2.0.1", 0),
            ("10.1.9.9", 1),
            ("10.1.2.3", 2),
            ("::ffff:10.1.2.3", 2),
            ("2001:db8::1", 3),
            ("192.0.2.1", 4),
            ("2001:db9::1", ABSENT),
            ("somewhere", UNKNOWN),
        ] {
            assert_eq!(index.find_text(address), row, "{address}");
        }
        let networks = |texts: [&str; 2]| {
            let keys = texts.map(|text| Value::Text(text.into()));
            Index::of_networks(&keys).unwrap_err()
        };
        assert_eq!(networks(["10.0.0.0/8", "10.9.9.9/8"]), BadKey::Twice { first: 0, again: 1 });
        assert_eq!(networks(["10.0.0.0/8", "10.0.0.0/33"]), BadKey::Unreadable(1));
    }
}

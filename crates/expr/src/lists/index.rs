//! Keys → what a list has for them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::Array;
use foldhash::fast::RandomState;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use olocus_event::{Kind, Value};
use prefix_trie::PrefixMap;

use crate::functions::{parse_address, parse_network};
use crate::values::Values;

/// The keys of a list, read in one way, with something for each.
#[derive(Debug)]
pub(crate) enum Index<V> {
    /// Texts, and JSON in its canonical form.
    Texts(HashMap<Arc<str>, V, RandomState>),
    /// All other values.
    Scalars(HashMap<Scalar, V, RandomState>),
    /// Networks; the longest that holds an address is its key.
    Networks(Box<Networks<V>>),
}

/// Networks of both families.
#[derive(Debug)]
pub(crate) struct Networks<V> {
    v4: PrefixMap<Ipv4Net, V>,
    v6: PrefixMap<Ipv6Net, V>,
}

/// What was found for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<V> {
    /// It is a key.
    Entry(V),
    /// It is none.
    Absent,
    /// There is no value: NULL, or of networks what is no address.
    Unknown,
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

/// One key in the form in which an index has it.
enum Key {
    Text(Arc<str>),
    Scalar(Scalar),
    V4(Ipv4Net),
    V6(Ipv6Net),
}

impl<V> Index<V> {
    /// An index without keys, which are values of `kind` or networks.
    pub(crate) fn new(kind: Kind, networks: bool) -> Self {
        match kind {
            _ if networks => {
                Self::Networks(Box::new(Networks { v4: PrefixMap::new(), v6: PrefixMap::new() }))
            }
            Kind::Text | Kind::Json => Self::Texts(HashMap::default()),
            Kind::Number | Kind::Bool | Kind::Duration | Kind::Time => Self::Scalars(HashMap::default()),
        }
    }

    /// What there is for a key, made anew where there is nothing; `None` where the value cannot be a key.
    pub(crate) fn entry(&mut self, key: &Value) -> Option<&mut V>
    where
        V: Default,
    {
        Some(match (self.key(key)?, self) {
            (Key::Text(text), Self::Texts(texts)) => texts.entry(text).or_default(),
            (Key::Scalar(scalar), Self::Scalars(scalars)) => scalars.entry(scalar).or_default(),
            (Key::V4(network), Self::Networks(networks)) => networks.v4.entry(network).or_default(),
            (Key::V6(network), Self::Networks(networks)) => networks.v6.entry(network).or_default(),
            _ => return None,
        })
    }

    /// Takes a key out.
    pub(crate) fn remove(&mut self, key: &Value) {
        match (self.key(key), self) {
            (Some(Key::Text(text)), Self::Texts(texts)) => drop(texts.remove(&text)),
            (Some(Key::Scalar(scalar)), Self::Scalars(scalars)) => drop(scalars.remove(&scalar)),
            (Some(Key::V4(network)), Self::Networks(networks)) => drop(networks.v4.remove(&network)),
            (Some(Key::V6(network)), Self::Networks(networks)) => drop(networks.v6.remove(&network)),
            _ => {}
        }
    }

    /// What there is for a value.
    pub(crate) fn find(&self, value: Value) -> Found<&V> {
        match (self, &value) {
            (_, Value::Null) => Found::Unknown,
            (_, Value::Text(text)) => self.find_text(text),
            (_, Value::Json(_)) => match value.canonical() {
                Value::Json(text) => self.find_text(&text),
                _ => Found::Unknown,
            },
            (Self::Scalars(scalars), value) => match Scalar::of(value) {
                Some(scalar) => found(scalars.get(&scalar)),
                None => Found::Unknown,
            },
            (Self::Texts(_) | Self::Networks(_), _) => Found::Absent,
        }
    }

    fn find_text(&self, text: &str) -> Found<&V> {
        match self {
            Self::Texts(texts) => found(texts.get(text)),
            Self::Scalars(_) => Found::Absent,
            Self::Networks(networks) => match parse_address(text) {
                None => Found::Unknown,
                Some(IpAddr::V4(address)) => {
                    found(networks.v4.get_lpm(&address.into()).map(|(_, entry)| entry))
                }
                Some(IpAddr::V6(address)) => {
                    found(networks.v6.get_lpm(&address.into()).map(|(_, entry)| entry))
                }
            },
        }
    }

    /// The form of a key in this index.
    fn key(&self, key: &Value) -> Option<Key> {
        match self {
            Self::Texts(_) => match key.clone().canonical() {
                Value::Text(text) | Value::Json(text) => Some(Key::Text(text)),
                _ => None,
            },
            Self::Scalars(_) => Scalar::of(key).map(Key::Scalar),
            Self::Networks(_) => {
                let Value::Text(text) = key else { return None };
                let (address, prefix) = parse_network(text)?;
                Some(match IpNet::new(address, prefix).ok()?.trunc() {
                    IpNet::V4(network) => Key::V4(network),
                    IpNet::V6(network) => Key::V6(network),
                })
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
                texts.keys().map(|key| text(key) + size_of::<V>() + SLOT).sum()
            }
            Self::Scalars(scalars) => scalars.len() * (size_of::<Scalar>() + size_of::<V>() + SLOT),
            Self::Networks(networks) => (networks.v4.len() + networks.v6.len()) * (NODE + size_of::<V>()),
        }
    }
}

impl Index<u32> {
    /// Indexes keys by their position.
    pub(crate) fn of_keys(kind: Kind, networks: bool, keys: &[Value]) -> Result<Self, BadKey> {
        // Entries are positions from 1, so that a new one is told from the first.
        let mut index: Index<u32> = Index::new(kind, networks);
        for (number, (row, key)) in (1u32..).zip(keys.iter().enumerate()) {
            let entry = index.entry(key).ok_or(BadKey::Unreadable(row))?;
            if *entry > 0 {
                return Err(BadKey::Twice { first: *entry as usize - 1, again: row });
            }
            *entry = number;
        }
        Ok(index)
    }

    /// By row of a batch, the position of its key.
    pub(crate) fn probe(&self, keys: &Values, rows: usize) -> Vec<Found<u32>> {
        let position = |found: Found<&u32>| match found {
            Found::Entry(number) => Found::Entry(number - 1),
            Found::Absent => Found::Absent,
            Found::Unknown => Found::Unknown,
        };
        match keys.texts() {
            Some(texts) => (0..rows)
                .map(|row| match texts.is_null(row) {
                    true => Found::Unknown,
                    false => position(self.find_text(texts.value(row))),
                })
                .collect(),
            None => (0..rows).map(|row| position(self.find(keys.get(row)))).collect(),
        }
    }
}

fn found<V>(entry: Option<V>) -> Found<V> {
    entry.map_or(Found::Absent, Found::Entry)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(index: &Index<u32>, key: Value) -> Found<u32> {
        match index.find(key) {
            Found::Entry(number) => Found::Entry(number - 1),
            Found::Absent => Found::Absent,
            Found::Unknown => Found::Unknown,
        }
    }

    #[test]
    fn numbers_are_one_key_however_they_are_written() {
        let keys = [Value::Int(80), Value::Float(0.5), Value::Wide(u64::MAX), Value::Float(-0.0)];
        let index = Index::of_keys(Kind::Number, false, &keys).unwrap();
        for (key, expected) in [
            (Value::Float(80.0), Found::Entry(0)),
            (Value::Float(0.5), Found::Entry(1)),
            (Value::Wide(u64::MAX), Found::Entry(2)),
            (Value::Int(0), Found::Entry(3)),
            (Value::Int(81), Found::Absent),
            (Value::Null, Found::Unknown),
            (Value::Text("80".into()), Found::Absent),
        ] {
            assert_eq!(row(&index, key.clone()), expected, "{key:?}");
        }
        let twice = Index::of_keys(Kind::Number, false, &[Value::Int(1), Value::Float(1.0)]).unwrap_err();
        assert_eq!(twice, BadKey::Twice { first: 0, again: 1 });
    }

    #[test]
    fn the_longest_network_wins() {
        let keys = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0"];
        let keys = keys.map(|key| Value::Text(key.into()));
        let index = Index::of_keys(Kind::Text, true, &keys).unwrap();
        for (address, expected) in [
            ("10.2.0.1", Found::Entry(0)),
            ("10.1.9.9", Found::Entry(1)),
            ("10.1.2.3", Found::Entry(2)),
            ("::ffff:10.1.2.3", Found::Entry(2)),
            ("2001:db8::1", Found::Entry(3)),
            ("192.0.2.1", Found::Entry(4)),
            ("2001:db9::1", Found::Absent),
            ("somewhere", Found::Unknown),
        ] {
            assert_eq!(row(&index, Value::Text(address.into())), expected, "{address}");
        }
        let networks = |texts: [&str; 2]| {
            Index::of_keys(Kind::Text, true, &texts.map(|text| Value::Text(text.into()))).unwrap_err()
        };
        assert_eq!(networks(["10.0.0.0/8", "10.9.9.9/8"]), BadKey::Twice { first: 0, again: 1 });
        assert_eq!(networks(["10.0.0.0/8", "10.0.0.0/33"]), BadKey::Unreadable(1));
    }
}

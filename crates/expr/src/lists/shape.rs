//! Which columns a list has, and what is in them.

use std::collections::BTreeMap;

use olocus_event::Kind;
use serde_json::Value;

/// What a list's rows have at one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    texts: bool,
    numbers: bool,
    bools: bool,
    /// Objects and arrays.
    containers: bool,
    members: BTreeMap<String, Shape>,
}

impl Shape {
    /// Takes a value of one row into account. Null tells nothing.
    pub(crate) fn add(&mut self, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(_) => self.bools = true,
            Value::Number(_) => self.numbers = true,
            Value::String(_) => self.texts = true,
            Value::Array(_) => self.containers = true,
            Value::Object(members) => {
                self.containers = true;
                for (name, value) in members {
                    match self.members.get_mut(name) {
                        Some(member) => member.add(value),
                        None => self.members.entry(name.clone()).or_default().add(value),
                    }
                }
            }
        }
    }

    /// What the rows have at the end of a path, or the depth of the name that none has and the names beside it.
    pub(crate) fn find(&self, path: &[String]) -> Result<&Self, (usize, Vec<&str>)> {
        let mut shape = self;
        for (depth, name) in path.iter().enumerate() {
            shape = shape
                .members
                .get(name)
                .ok_or_else(|| (depth, shape.members.keys().map(String::as_str).collect()))?;
        }
        Ok(shape)
    }

    /// As what the values are read where nothing asks for anything; `None` where they are of several sorts.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match (self.texts, self.numbers, self.bools, self.containers) {
            (true, false, false, false) => Some(Kind::Text),
            (false, true, false, false) => Some(Kind::Number),
            (false, false, true, false) => Some(Kind::Bool),
            _ => None,
        }
    }
}

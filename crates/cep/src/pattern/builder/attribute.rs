//! Events that are told apart by a topic and attributes.

use std::cmp::Ordering;

use super::{EventPattern, Test};
use crate::aggregate::{Scalar, compare_alike};
use crate::pattern::Comparison;
use crate::rule::TypePattern;

/// An event with a topic and named attributes, as [`EventPattern::topic`] asks for.
pub trait TopicEvent {
    /// Its topic, dotted: `auth.login`.
    fn topic(&self) -> &str;

    /// The value of an attribute; null if there is none.
    fn attribute(&self, name: &str) -> Scalar;
}

/// What is asked of an attribute: how it compares with a value.
///
/// Made from a text, it may begin with `=`, `!=`, `<`, `<=`, `>` or `>=`; without, it asks for the same. A number may have a
/// unit of sizes (`10MB` is 10,000,000, `10MiB` 10,485,760). All else is text, which is compared byte by byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    operator: Comparison,
    value: Scalar,
}

impl<E: TopicEvent> EventPattern<E> {
    /// An event of this topic, whose name in the pattern is the topic; [`named`](Self::named) gives it another. In a topic
    /// `*` is one segment, and `**` any number of them.
    pub fn topic(topic: &str) -> Self {
        match TypePattern::parse(topic) {
            Ok(pattern) => EventPattern::event(topic, move |event: &E| pattern.matches(event.topic())),
            Err(problem) => {
                let mut pattern = EventPattern::any_event(topic);
                pattern.problem(format!("`{topic}` is no topic: {problem}"));
                pattern
            }
        }
    }

    /// An attribute of a single event must be that: `with_attribute("volume", ">10MB")`.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, asked: impl Into<Attribute>) -> Self {
        let (name, asked) = (name.into(), asked.into());
        if let Some(event) = self.single("an attribute") {
            let test = move |event: &E| asked.admits(&event.attribute(&name));
            event.tests.push(Test::Closure(std::sync::Arc::new(test)));
        }
        self
    }
}

impl Attribute {
    /// How an attribute shall compare with a value.
    pub fn new(operator: Comparison, value: impl Into<Scalar>) -> Attribute {
        Attribute { operator, value: value.into() }
    }

    /// Whether a value is what is asked for; null never is, nor a value of another kind.
    pub fn admits(&self, value: &Scalar) -> bool {
        let accepts = |order: Ordering| self.operator.accepts(order);
        compare_alike(value, &self.value).is_some_and(accepts)
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Attribute {
        // The longer ones come first.
        let operators = [
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let found = operators.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)));
        let (operator, value) = found.unwrap_or((Comparison::Equal, text));
        let value = value.trim();
        Attribute { operator, value: number(value).unwrap_or_else(|| Scalar::Text(value.into())) }
    }
}

impl From<bool> for Attribute {
    fn from(value: bool) -> Attribute {
        Attribute::new(Comparison::Equal, value)
    }
}

impl From<i64> for Attribute {
    fn from(value: i64) -> Attribute {
        Attribute::new(Comparison::Equal, value)
    }
}

impl From<f64> for Attribute {
    fn from(value: f64) -> Attribute {
        Attribute::new(Comparison::Equal, value)
    }
}

/// A number, perhaps with a unit of sizes.
fn number(text: &str) -> Option<Scalar> {
    const UNITS: [(&str, i64); 9] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)));
    let (digits, factor) = unit.unwrap_or((text, 1));
    match digits.parse::<i64>() {
        Ok(whole) => whole.checked_mul(factor).map(Scalar::Int),
        Err(_) => digits.parse::<f64>().ok().map(|number| Scalar::Float(number * factor as f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::Attribute;
    use crate::aggregate::Scalar;

    #[test]
    fn texts_say_how_an_attribute_compares() {
        let admits = |asked: &str, value: Scalar| Attribute::from(asked).admits(&value);
        assert!(admits(">10MB", Scalar::Int(10_000_001)) && !admits(">10MB", Scalar::Int(10_000_000)));
        assert!(admits("<= 1.5 KiB", Scalar::Int(1_536)) && !admits("<1.5KiB", Scalar::Float(1536.0)));
        assert!(admits("privileged", Scalar::Text("privileged".into())));
        assert!(admits("!=NO", Scalar::Text("SE".into())) && !admits("!=NO", Scalar::Null));
        assert!(!admits("5", Scalar::Text("5".into())) && admits("5", Scalar::Float(5.0)));
        assert!(Attribute::from(true).admits(&Scalar::Bool(true)));
        assert!(admits("5 o'clock", Scalar::Text("5 o'clock".into())));
    }
}

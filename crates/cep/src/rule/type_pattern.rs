//! Patterns of event types.

use std::fmt;

/// A pattern of dotted event types: `auth.login`, `auth.*`, `**.failed`.
///
/// A `*` stands for one segment, `**` for any number of segments, also none; a lone `*` for
/// everything. Wildcards are whole segments.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypePattern {
    text: String,
}

impl TypePattern {
    /// The pattern written as `text`.
    ///
    /// # Errors
    /// What is wrong with it, as a message: empty, blanks, empty segments, a `*` beside other
    /// characters.
    pub fn parse(text: &str) -> Result<TypePattern, String> {
        if text.is_empty() {
            return Err("the event type is empty".to_owned());
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("an event type has no blanks".to_owned());
        }
        for segment in text.split('.') {
            if segment.is_empty() {
                return Err("an event type has no empty segments between its dots".to_owned());
            }
            if segment.contains('*') && segment != "*" && segment != "**" {
                return Err(format!(
                    "`*` stands for a whole segment, which `{segment}` mixes with other characters"
                ));
            }
        }
        Ok(TypePattern { text: text.to_owned() })
    }

    /// The pattern of every event type.
    pub fn everything() -> TypePattern {
        TypePattern { text: "*".to_owned() }
    }

    /// Whether an event of that type is meant.
    pub fn matches(&self, event_type: &str) -> bool {
        if self.is_everything() {
            return true;
        }
        if self.literal().is_some() {
            return self.text == event_type;
        }
        let pattern: Vec<&str> = self.text.split('.').collect();
        let segments: Vec<&str> =
            if event_type.is_empty() { Vec::new() } else { event_type.split('.').collect() };
        segments_match(&pattern, &segments)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The one event type that is meant, if the pattern has no wildcards.
    pub fn literal(&self) -> Option<&str> {
        (!self.text.contains('*')).then_some(self.text.as_str())
    }

    /// Whether every event type is meant.
    pub fn is_everything(&self) -> bool {
        self.text == "*" || self.text.split('.').all(|segment| segment == "**")
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypePattern({})", self.text)
    }
}

/// Greedy matching with one point of return, the latest `**`: time is at most the product of the
/// lengths, whatever the pattern.
fn segments_match(pattern: &[&str], segments: &[&str]) -> bool {
    let (mut p, mut s) = (0, 0);
    // Where to go on if the text after the latest `**` does not fit: that `**` takes one more.
    let mut retry: Option<(usize, usize)> = None;
    while s < segments.len() {
        match pattern.get(p) {
            Some(&"**") => {
                retry = Some((p, s));
                p += 1;
            }
            Some(segment) if *segment == "*" || *segment == segments[s] => {
                p += 1;
                s += 1;
            }
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    p = star + 1;
                    s = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|segment| *segment == "**")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, event_type: &str) -> bool {
        TypePattern::parse(pattern).unwrap().matches(event_type)
    }

    #[test]
    fn wildcards_stand_for_segments() {
        assert!(matches("auth.login", "auth.login"));
        assert!(!matches("auth.login", "auth.login.failed"));
        assert!(!matches("auth.login", "Auth.login"));
        assert!(matches("auth.*", "auth.login"));
        assert!(!matches("auth.*", "auth"));
        assert!(!matches("auth.*", "auth.login.failed"));
        assert!(matches("auth.**", "auth"));
        assert!(matches("auth.**", "auth.login.failed"));
        assert!(matches("**.failed", "failed"));
        assert!(matches("**.failed", "auth.failed.login.failed"));
        assert!(!matches("**.failed", "auth.failed.login"));
        assert!(matches("*", "auth.login.failed"));
        assert!(matches("*", ""));
        assert!(matches("**", "auth.login"));
        assert!(!matches("*.*", "auth"));
    }

    #[test]
    fn says_what_it_is() {
        let pattern = |text| TypePattern::parse(text).unwrap();
        assert_eq!(pattern("a.b").literal(), Some("a.b"));
        assert_eq!(pattern("a.*").literal(), None);
        assert!(pattern("*").is_everything());
        assert!(pattern("**.**").is_everything());
        assert!(!pattern("*.**").is_everything());
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for text in ["", "a..b", ".a", "a.", "a b", "a*", "a.***", "a.b*", "\u{a0}", "a\t"] {
            assert!(TypePattern::parse(text).is_err(), "{text:?}");
        }
    }

    /// The definition, without cleverness.
    fn reference(pattern: &[&str], segments: &[&str]) -> bool {
        match (pattern, segments) {
            ([], []) => true,
            (["**", rest @ ..], _) => (0..=segments.len()).any(|taken| reference(rest, &segments[taken..])),
            ([segment, rest @ ..], [first, others @ ..]) => {
                (*segment == "*" || segment == first) && reference(rest, others)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "**"]), 1..7),
            segments in prop::collection::vec(prop::sample::select(vec!["a", "b"]), 1..8),
        ) {
            let expected = pattern == ["*"] || reference(&pattern, &segments);
            prop_assert_eq!(matches(&pattern.join("."), &segments.join(".")), expected);
        }

        #[test]
        fn never_panics(pattern in "[a.*é ]{0,8}", event_type in "[a.é ]{0,8}") {
            if let Ok(pattern) = TypePattern::parse(&pattern) {
                let _ = pattern.matches(&event_type);
            }
        }
    }
}

//! Names of topics, by Kafka's rule, so that they work on every transport.

/// The rule, for help texts.
pub(crate) const RULE: &str = "a topic has 1 to 249 characters of `a-z A-Z 0-9 . _ -`";

const LONGEST: usize = 249;

/// What keeps a text from being the name of a topic.
pub(crate) fn problem(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("the name of the topic is empty".to_owned());
    }
    if let Some(bad) = name.chars().find(|c| !is_part(*c)) {
        return Some(format!("the name of a topic has no {bad:?}"));
    }
    if name == "." || name == ".." {
        return Some(format!("`{name}` is not a name for a topic"));
    }
    (name.len() > LONGEST).then(|| format!("the name of the topic has {} characters", name.len()))
}

/// Whether the log keeps such a topic for itself.
pub(crate) fn is_internal(name: &str) -> bool {
    name.starts_with("__")
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn names_that_kafka_refuses_are_refused() {
        for good in ["a", "auth.login", "A_b-9", &"x".repeat(249)] {
            assert_eq!(problem(good), None);
        }
        for bad in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
            assert!(problem(bad).is_some(), "{bad}");
        }
    }
}

use crate::Error;

/// The longest name that Kafka takes.
const LONGEST: usize = 249;

/// Refuses what Kafka refuses as a topic's name, so that names work on every transport.
///
/// # Errors
/// [`Error::invalid`], for such a name.
pub fn check_topic(name: &str) -> Result<(), Error> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name == "." || name == ".." || name.len() > LONGEST || !name.chars().all(known) {
        return Err(Error::misuse(format!(
            "`{name}` cannot be a topic's name: 1 to {LONGEST} letters, digits, `.`, `_` and `-` can"
        )));
    }
    Ok(())
}

/// Whether a topic is the log's own and not for users.
pub(crate) fn is_internal(name: &str) -> bool {
    name.starts_with("__")
}

#[cfg(test)]
mod tests {
    use super::check_topic;

    #[test]
    fn names_that_kafka_refuses_are_refused() {
        for good in ["a", "auth.login", "A_b-9", &"x".repeat(249)] {
            check_topic(good).unwrap();
        }
        for bad in ["", ".", "..", "a b", "ä", "a/b", "a\0b", &"x".repeat(250)] {
            check_topic(bad).unwrap_err();
        }
    }
}

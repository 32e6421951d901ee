//! What SiddhiQL is written with.

/// The words, numbers, texts and signs of a query.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut next = 0;
    while let Some(first) = characters.get(next).copied() {
        let start = next;
        let is_word = |next: usize| characters.get(next).is_some_and(|c| c.is_alphanumeric() || *c == '_');
        if first.is_whitespace() {
            next += 1;
            continue;
        } else if first == '\'' || first == '"' {
            next += 1;
            while characters.get(next).is_some_and(|character| *character != first) {
                next += 1;
            }
            next += 1;
        } else if first.is_ascii_digit() {
            while is_word(next)
                || characters.get(next) == Some(&'.')
                    && characters.get(next + 1).is_some_and(char::is_ascii_digit)
            {
                next += 1;
            }
        } else if is_word(next) {
            while is_word(next) {
                next += 1;
            }
        } else {
            let two: String = characters[next..].iter().take(2).collect();
            next += if ["->", "<=", ">=", "==", "!="].contains(&two.as_str()) { 2 } else { 1 };
        }
        tokens.push(characters[start..next.min(characters.len())].iter().collect());
    }
    tokens
}

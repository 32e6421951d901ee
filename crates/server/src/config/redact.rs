//! Secrets that someone wrote into a configuration file are masked where messages quote it.

use std::sync::Arc;

use olocus_document::{Diagnostics, SourceFile};

/// Parts of keys whose values are taken for secrets. Too many is harmless: only the excerpts in messages change.
const SECRET: [&str; 8] = ["pass", "secret", "token", "credential", "api_key", "apikey", "private", "pem"];

/// Ends of keys whose values say where a secret is, and are none.
const REFERENCE: [&str; 4] = ["_env", "_file", ".location", ".url"];

/// The section whose `key` is a secret; elsewhere, that word names a field of events.
const ENCRYPTION: &str = "encryption:";

/// The diagnostics with excerpts that show no secrets.
pub(super) fn shield(diagnostics: Diagnostics, file: &Arc<SourceFile>) -> Diagnostics {
    if diagnostics.is_empty() {
        return diagnostics;
    }
    let shown = SourceFile::new(file.name(), mask(file.text()));
    diagnostics
        .into_iter()
        .map(|mut diagnostic| {
            diagnostic.file = Arc::clone(&shown);
            diagnostic
        })
        .collect()
}

/// The text with the values of secret keys masked, every character by as many bytes as it had, so that places
/// stay what they were. Works on lines, because a file with secrets may be no YAML at all.
fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    // The column of the secret's key: lines that are indented deeper belong to the value.
    let mut below: Option<usize> = None;
    // The indentation of `encryption`, in which a plain `key` is a secret too.
    let mut encryption: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let belongs = below.is_some_and(|column| indent > column || line.trim().is_empty());
        if belongs {
            push_masked(&mut masked, line);
            continue;
        }
        if encryption.is_some_and(|column| indent <= column && !line.trim().is_empty()) {
            encryption = None;
        }
        if line.contains(ENCRYPTION) {
            encryption = Some(indent);
        }
        let secret = secret_value(line, encryption.is_some());
        below = secret.map(|(column, _)| column);
        let (shown, hidden) = line.split_at(secret.map_or(line.len(), |(_, value)| value));
        masked.push_str(shown);
        push_masked(&mut masked, hidden);
    }
    masked
}

/// Where the first secret key of a line begins, and where its value does.
fn secret_value(line: &str, in_encryption: bool) -> Option<(usize, usize)> {
    line.match_indices(':').find_map(|(colon, _)| {
        let before = line[..colon].trim_end_matches(['"', '\'']);
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let start = before
            .rfind(|c| !is_part(c))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let key = before[start..].to_ascii_lowercase();
        let is_secret = (SECRET.iter().any(|part| key.contains(part)) || (in_encryption && key == "key"))
            && !REFERENCE.iter().any(|end| key.ends_with(end));
        is_secret.then_some((start, colon + 1))
    })
}

fn push_masked(to: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_whitespace() {
            to.push(c);
        } else {
            to.extend(std::iter::repeat_n('*', c.len_utf8()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn values_of_secret_keys_are_masked_and_nothing_moves() {
        let text = "a: 1\nsasl.password: hünter2 # x\npassword_env: NAME\n\"token\": 'a\"b'\nkey: user\n";
        let shown = mask(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(
            shown,
            "a: 1\nsasl.password: ******** * *\npassword_env: NAME\n\"token\": *****\nkey: user\n"
        );
    }

    #[test]
    fn values_on_the_lines_below_are_masked_up_to_the_next_key() {
        let text = "auth:\n  - secret: |\n      one\n\n      two\n    user: me\n";
        assert_eq!(mask(text), "auth:\n  - secret: *\n      ***\n\n      ***\n    user: me\n");
    }

    #[test]
    fn a_key_is_a_secret_within_encryption_only() {
        let text = "encryption:\n  key: abc\nsources:\n  - key: user\n";
        assert_eq!(mask(text), "encryption:\n  key: ***\nsources:\n  - key: user\n");
        assert_eq!(mask("encryption: { key: abc }"), "encryption: { key: *** *");
    }

    #[test]
    fn flow_mappings_are_masked_to_the_end_of_the_line() {
        assert_eq!(mask("auth: { password: hunter2, user: me }"), "auth: { password: ******** ***** ** *");
    }
}

//! Secrets that someone wrote into a file are masked where messages quote it.
//!
//! Masks work on lines, because a file with secrets may be no YAML at all, and put as many bytes as there were, so
//! that places stay what they were.

use std::sync::Arc;

use olocus_document::SourceFile;

/// Parts of keys whose values are taken for secrets. Too many is harmless: only the excerpts in messages change.
const SECRET: [&str; 8] = ["pass", "secret", "token", "credential", "api_key", "apikey", "private", "pem"];

/// Ends of keys whose values say where a secret is, and are none.
const REFERENCE: [&str; 3] = ["_file", ".location", ".url"];

/// The end of keys, and a key, whose values name the variable in which a secret is. Somebody may have pasted the
/// secret.
const VARIABLE: (&str, &str) = ("_env", "env");

/// The section whose `key` is a secret; elsewhere, that word names a field of events.
const ENCRYPTION: &str = "encryption:";

/// The longest name of a variable that is shown: keys are longer.
const VARIABLE_LENGTH: usize = 40;

/// A configuration file whose excerpts show no secrets.
pub(crate) fn configuration(file: &SourceFile) -> Arc<SourceFile> {
    SourceFile::masked(file.name(), file.text(), |text| Some(mask(text)))
}

/// A rule file whose excerpts show no secrets: of webhooks, neither values of headers nor paths and queries.
pub(crate) fn rules(name: String, text: String) -> Arc<SourceFile> {
    SourceFile::masked(name, text, |text| Some(mask_webhooks(text)))
}

/// Whether a text looks like the name of an environment variable rather than like a secret in its place.
pub(crate) fn is_variable_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=VARIABLE_LENGTH).contains(&text.len())
        && text.bytes().all(is_part)
        && !text.as_bytes()[0].is_ascii_digit()
}

/// The text with the values of secret keys masked.
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
        if key.ends_with(VARIABLE.0) || key == VARIABLE.1 {
            return (!names_variable(&line[colon + 1..])).then_some((start, colon + 1));
        }
        let is_secret = (SECRET.iter().any(|part| key.contains(part)) || (in_encryption && key == "key"))
            && !REFERENCE.iter().any(|end| key.ends_with(end));
        is_secret.then_some((start, colon + 1))
    })
}

/// Whether a value in a line is the name of a variable, or there is none in it.
fn names_variable(value: &str) -> bool {
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| c.is_whitespace() || ",}\"'#".contains(c)).unwrap_or(value.len());
    value[..end].is_empty() || is_variable_name(&value[..end])
}

/// The text with headers and addresses of webhooks masked.
fn mask_webhooks(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    // The column of `headers`: lines that are indented deeper belong to it.
    let mut headers: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let belongs = headers.is_some_and(|column| indent > column || line.trim().is_empty());
        if belongs {
            let (name, value) = line.split_at(line.find(':').map_or(0, |colon| colon + 1));
            masked.push_str(name);
            push_masked(&mut masked, value);
            continue;
        }
        headers = key_of(line, "headers").map(|end| line[..end].rfind("headers").unwrap_or(indent));
        // In one line with its section, a name comes before the first value.
        let values = key_of(line, "headers")
            .map(|end| line[end..].find(':').map_or(line.len(), |colon| end + colon + 1));
        let (shown, hidden) = line.split_at(values.unwrap_or(line.len()));
        push_without_address(&mut masked, shown);
        push_masked(&mut masked, hidden);
    }
    masked
}

/// Where a key of this name ends in a line, with its colon.
fn key_of(line: &str, name: &str) -> Option<usize> {
    line.match_indices(name).find_map(|(at, _)| {
        let is_whole = !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let rest = line[at + name.len()..].trim_start_matches(['"', '\'']);
        (is_whole && rest.starts_with(':')).then(|| line.len() - rest.len() + 1)
    })
}

/// Appends a line; of the addresses in it without what stands before an `@` and after the host.
fn push_without_address(to: &mut String, line: &str) {
    let Some(start) = ["url", "webhook"].iter().find_map(|key| key_of(line, key)) else {
        to.push_str(line);
        return;
    };
    let value = &line[start..];
    let begin = value.find("://").map_or_else(
        || value.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(value.len()),
        |at| at + "://".len(),
    );
    let address = &value[begin..];
    let end = address.find(|c: char| c.is_whitespace() || "\"'".contains(c)).unwrap_or(address.len());
    let (address, rest) = address.split_at(end);
    let user = address.find('@').map_or(0, |at| at + 1);
    let host = address[user..].find(['/', '?', '#']).map_or(address.len(), |at| user + at + 1);
    to.push_str(&line[..start + begin]);
    push_masked(to, &address[..user]);
    to.push_str(&address[user..host]);
    push_masked(to, &address[host..]);
    push_without_address(to, rest);
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
    use super::{is_variable_name, mask, mask_webhooks};

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

    #[test]
    fn what_stands_for_the_name_of_a_variable_is_masked_unless_it_is_one() {
        let text =
            "key_env: AAECAwQF/w==\npassword_env: 'hunter2'\na: { env: NAME, b_env: \"x y\" }\ntoken_env:\n";
        let shown =
            "key_env: ************\npassword_env: *********\na: { env: NAME, b_env: ** ** *\ntoken_env:\n";
        assert_eq!(mask(text), shown);
        assert!(is_variable_name("KAFKA_PASSWORD_2") && !is_variable_name("2A") && !is_variable_name(""));
        assert!(!is_variable_name(&"A1".repeat(32)));
    }

    #[test]
    fn headers_and_addresses_of_webhooks_are_masked() {
        let text = "\
actions:
  - webhook:
      url: \"https://me:pw@example.org/T0/B1?token=abc\" # why
      headers:
        Authorization: Bearer abc
        X-B: >
          more
      timeout: 5s
  - webhook: { url: https://example.org/, headers: { 'X A': abc } }
  - webhook: example.org?token=abc
where: url = 'https://example.org/x'
";
        let shown = "\
actions:
  - webhook:
      url: \"https://******example.org/***************\" # why
      headers:
        Authorization: ****** ***
        X-B: *
          ****
      timeout: 5s
  - webhook: { url: https://example.org/* headers: { 'X A': *** * *
  - webhook: example.org?*********
where: url = 'https://example.org/x'
";
        assert_eq!(mask_webhooks(text), shown);
    }
}

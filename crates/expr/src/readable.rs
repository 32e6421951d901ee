//! Normalised expressions as people write them.

use olocus_event::Kind;

use crate::functions::{ADD, DIVIDE, FINITE, MODULO, MULTIPLY, SUBTRACT, TIME_DIFFERENCE, TIME_SHIFT};
use crate::lists::{LIST, LOOKUP};
use crate::names::is_plain;
use crate::types::kind_name;

const KINDS: [Kind; 6] = [Kind::Text, Kind::Number, Kind::Bool, Kind::Duration, Kind::Time, Kind::Json];

/// A normalised expression without what is in it for machines: the kinds as which fields are read, the versions of lists,
/// and functions that stand for operators. What is left reads as in a rule, and is not told apart from what merely looks like it.
#[must_use]
pub fn readable(normalized: &str) -> String {
    let mut out = String::with_capacity(normalized.len());
    let mut rest = normalized;
    while let Some(first) = rest.chars().next() {
        let taken = if let Some((call, end)) = list_call(rest).filter(|_| !out.ends_with(is_word)) {
            out.push_str(call);
            out.push('\'');
            end
        } else if first == '\'' {
            let end = quoted_end(rest);
            out.push_str(&rest[..end]);
            end
        } else if first == '"' {
            let end = quoted_end(rest);
            let name = rest[1..end].strip_suffix('"').unwrap_or(&rest[1..end]).replace("\"\"", "\"");
            out.push_str(&identifier(&name, &rest[..end]));
            end
        } else if let Some((symbol, arguments, end)) = operator(rest) {
            let arguments: Vec<String> = arguments.into_iter().map(|text| readable(text.trim())).collect();
            match &*arguments {
                [one] => out.push_str(one),
                several => out.push_str(&format!("({})", several.join(symbol))),
            }
            end
        } else if let Some(end) = kind_end(rest) {
            end
        } else {
            out.push(first);
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    out
}

/// A name that stood in double quotes: that of a field with its kind, of an aggregate, or of anything else.
fn identifier(name: &str, quoted: &str) -> String {
    if is_plain(name) {
        return name.to_owned();
    }
    let has_kind = |kind: Kind| name.strip_suffix(kind_name(kind)).is_some_and(|name| name.ends_with(':'));
    if KINDS.into_iter().any(has_kind) { readable(name) } else { quoted.to_owned() }
}

/// Where a text in quotes ends that the whole begins with; a doubled quote is part of it.
fn quoted_end(text: &str) -> usize {
    let quote = text.chars().next().unwrap_or('"');
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            match characters.peek() {
                Some((_, next)) if *next == quote => {
                    characters.next();
                }
                _ => return at + 1,
            }
        }
    }
    text.len()
}

/// The beginning of a call that names a list, up to its version, and where the name ends.
fn list_call(text: &str) -> Option<(&str, usize)> {
    let open = [LIST, LOOKUP].into_iter().find_map(|call| {
        let open = call.len() + "('".len();
        (text.strip_prefix(call)?.starts_with("('")).then_some(open)
    })?;
    let end = open + text[open..].find('\'')?;
    let version = open + text[open..end].find('@')?;
    Some((&text[..version], end + 1))
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The end of a `:number` with which the text begins.
fn kind_end(text: &str) -> Option<usize> {
    let after = text.strip_prefix(':')?;
    let kind = KINDS
        .into_iter()
        .map(kind_name)
        .find(|kind| after.strip_prefix(*kind).is_some_and(|rest| !rest.starts_with(is_word)))?;
    Some(1 + kind.len())
}

/// A call of a function that stands for an operator, with which the text begins: the operator, the arguments, and where
/// it ends.
fn operator(text: &str) -> Option<(&'static str, Vec<&str>, usize)> {
    const OPERATORS: [(&str, &str); 8] = [
        (ADD, " + "),
        (SUBTRACT, " - "),
        (MULTIPLY, " * "),
        (DIVIDE, " / "),
        (MODULO, " % "),
        (FINITE, ""),
        (TIME_DIFFERENCE, " - "),
        (TIME_SHIFT, " + "),
    ];
    let (name, symbol) = OPERATORS
        .iter()
        .find(|(name, _)| text.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))?;
    let open = name.len();
    let (mut depth, mut start, mut at) = (0, open + 1, open);
    let mut arguments = Vec::new();
    while let Some(character) = text[at..].chars().next() {
        match character {
            '\'' | '"' => {
                at += quoted_end(&text[at..]);
                continue;
            }
            '(' => depth += 1,
            ',' if depth == 1 => {
                arguments.push(&text[start..at]);
                start = at + 1;
            }
            ')' if depth == 1 => {
                arguments.push(&text[start..at]);
                return Some((symbol, arguments, at + 1));
            }
            ')' => depth -= 1,
            _ => {}
        }
        at += character.len_utf8();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn what_is_for_machines_goes_and_all_else_stays() {
        for (normalized, expected) in [
            (r#""kind:text" = 'a:text "b:text"'"#, r#"kind = 'a:text "b:text"'"#),
            (r#"("a.b:number" > 5 AND NOT ("c:bool"))"#, "(a.b > 5 AND NOT (c))"),
            (r#""v:number" > olocus_multiply(2, "sum(""b"".v:number):number")"#, "v > (2 * sum(b.v))"),
            ("user:json", "user"),
            (r#""odd key".x:text"#, r#""odd key".x"#),
            ("olocus_divide(olocus_add(\"a:number\", 1), 'x, y')", "((a + 1) / 'x, y')"),
            ("olocus_finite(sqrt(\"a:number\"))", "sqrt(a)"),
            ("'it''s' || \"t:text\"", "'it''s' || t"),
            ("olocus_add(\"a:number\", ", "olocus_add(a, "),
            ("'open", "'open"),
            (r#""ip:text IN list('bad_ips@0b1c'):bool""#, "ip IN list('bad_ips')"),
            (r#"("lookup('a@1', host:text).b.c:number" > 1)"#, "(lookup('a', host).b.c > 1)"),
            ("my_list('a@b')", "my_list('a@b')"),
        ] {
            assert_eq!(readable(normalized), expected, "{normalized}");
        }
    }
}

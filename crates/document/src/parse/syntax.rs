//! Says in a user's words why a text is no YAML, and what would be right.

use std::sync::Arc;

use crate::{Diagnostic, SourceFile, Span};

/// The problem that made the parser give up at byte `at` with `reason`.
pub(super) fn explain(file: &Arc<SourceFile>, at: usize, reason: &str) -> Diagnostic {
    let at = file.text().floor_char_boundary(at);
    tab(file, at)
        .or_else(|| quote(file, at, reason))
        .unwrap_or_else(|| by_reason(file, at, reason))
}

/// Tabs as indentation: saphyr reports whatever they lead to.
fn tab(file: &Arc<SourceFile>, at: usize) -> Option<Diagnostic> {
    let text = file.text();
    let end = text[..at].trim_end().len();
    let (from, to) = (file.line_start(end), file.line_end(at));
    let mut line_start = from;
    for line in text[from..to].split_inclusive('\n') {
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        let is_empty = line.trim().is_empty();
        if let Some(offset) = line[..blanks].find('\t')
            && !is_empty
        {
            let tabs = line[offset..blanks].len();
            let start = line_start + offset;
            let problem = syntax(
                file,
                Span::new(start, start + tabs),
                "tabs must not be used for indentation",
            );
            return Some(problem.with_help("indent with spaces"));
        }
        line_start += line.len();
    }
    None
}

fn quote(file: &Arc<SourceFile>, at: usize, reason: &str) -> Option<Diagnostic> {
    let text = file.text();
    let point = Span::new(at, next_char(text, at));
    if reason.contains("unexpected end of stream") || reason.contains("document indicator") {
        let problem = syntax(file, point, "this quote is never closed");
        return Some(problem.with_label("opened here"));
    }
    if reason.contains("trailing content after double-quoted") {
        return Some(after_quote(file, at));
    }
    let message = match reason {
        "invalid indentation in quoted scalar" => {
            "this quoted text goes on in a line that is indented too little"
        }
        "while parsing a quoted scalar, found unknown escape character" => {
            return Some(escape(
                file,
                at,
                "unknown escape sequence in a double-quoted text",
            ));
        }
        "while parsing a quoted scalar, did not find expected hexadecimal number"
        | "while parsing a quoted scalar, found invalid Unicode character escape code" => {
            return Some(escape(file, at, "this escape sequence is no character"));
        }
        _ => return None,
    };
    let problem = syntax(file, point, message);
    Some(problem.with_help("close the quote, or indent the lines of the text further"))
}

/// Text behind a closing quote: a quote inside the text, or one that was opened lines before.
fn after_quote(file: &Arc<SourceFile>, at: usize) -> Diagnostic {
    let text = file.text();
    let closing = text[..at].trim_end().len().saturating_sub(1);
    let quote = text[closing..].chars().next().unwrap_or('"');
    let message = "unexpected text after a closing quote";
    let problem = syntax(file, Span::new(at, next_char(text, at)), message);
    let is_quote = quote == '"' || quote == '\'';
    let opening = is_quote.then(|| text[..closing].rfind(quote)).flatten();
    match opening {
        Some(opening) if file.line_start(opening) != file.line_start(closing) => problem
            .with_related(
                Span::new(opening, opening + 1),
                "this quote was opened here",
            )
            .with_related(Span::new(closing, closing + 1), "and closed here")
            .with_help("close the quote on the line where it was opened"),
        _ if quote == '\'' => {
            problem.with_help("a single quote inside a single-quoted text is written twice: `''`")
        }
        _ => problem.with_help("put the whole value between the quotes, or leave them out"),
    }
}

/// The first bad escape sequence of the text that starts at `at`.
fn escape(file: &Arc<SourceFile>, at: usize, message: &str) -> Diagnostic {
    let text = file.text();
    let mut chars = text[at..].char_indices();
    let mut span = Span::new(at, next_char(text, at));
    while let Some((offset, character)) = chars.next() {
        if character != '\\' {
            continue;
        }
        let Some((_, kind)) = chars.next() else { break };
        let start = at + offset;
        let rest = &text[start + 1 + kind.len_utf8()..];
        let digits = match kind {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ if "0abt\tnvfre \"/\\N_LP\r\n".contains(kind) => continue,
            _ => 0,
        };
        let found = rest
            .chars()
            .take(digits)
            .take_while(char::is_ascii_hexdigit)
            .count();
        let is_character = u32::from_str_radix(&rest[..found], 16)
            .ok()
            .and_then(char::from_u32)
            .is_some();
        if digits == 0 || found < digits || !is_character {
            span = Span::new(start, start + 1 + kind.len_utf8() + found);
            break;
        }
    }
    syntax(file, span, message).with_help(
        "write a backslash as `\\\\`, or use single quotes, in which it stands for itself",
    )
}

fn by_reason(file: &Arc<SourceFile>, at: usize, reason: &str) -> Diagnostic {
    let text = file.text();
    // Where a token is missing, saphyr points at the one after it.
    let end = text[..at].trim_end().len();
    let last = previous_char(text, end);
    let point = if at < text.len() {
        Span::new(at, next_char(text, at))
    } else {
        Span::new(last, end)
    };
    let (span, message, help) = match reason {
        "mapping values are not allowed in this context" => (
            point,
            "a second `: ` where a key was already read",
            "put a text that contains `: ` in quotes, or check the indentation of this line",
        ),
        "simple key expected" | "simple key expect ':'" => (
            before_on_line(file, end),
            "expected `:` after this key",
            "write `key: value`, and check the indentation of this line",
        ),
        "while parsing a block mapping, did not find expected key"
        | "invalid indentation"
        | "did not find expected <document start>"
        | "block sequence entries are not allowed in this context"
        | "while parsing a block collection, did not find expected '-' indicator"
        | "mapping keys are not allowed in this context" => (
            point,
            "this line does not fit the ones before it",
            "items and keys of one list or mapping start in the same column; a text with special \
             characters needs quotes",
        ),
        "while parsing a flow mapping, did not find expected ',' or '}'" => (
            point,
            "expected `,` or `}`",
            "check that each `{` has its `}`",
        ),
        "while parsing a flow sequence, expected ',' or ']'" => (
            point,
            "expected `,` or `]`",
            "check that each `[` has its `]`",
        ),
        "while parsing a node, did not find expected node content"
        | "unexpected end of plain scalar"
        | "unexpected eof"
        | "did not find expected next token" => (
            point,
            "expected a value",
            "check that brackets are closed; a text that starts with a special character needs \
             quotes",
        ),
        "misplaced bracket" => (
            point,
            "this bracket was never opened",
            "put a text that contains brackets in quotes",
        ),
        "invalid indentation in flow construct" => (
            point,
            "this line inside brackets is indented too little",
            "indent it further than the line with the opening bracket, or close the bracket",
        ),
        "while parsing node, found unknown anchor" => (
            point,
            "the alias has no anchor before it",
            "put a text that starts with `*` in quotes",
        ),
        "while scanning an anchor or alias, did not find expected alphabetic or numeric character" => {
            (
                point,
                "`*` and `&` at the start of a value stand for aliases and anchors",
                "put the text in quotes: '*'",
            )
        }
        "the handle wasn't declared" | "while scanning a tag, did not find expected '!'" => (
            point,
            "`!` at the start of a value stands for a tag",
            "put the text in quotes",
        ),
        _ => return other(file, point, reason),
    };
    syntax(file, span, message).with_help(help)
}

fn other(file: &Arc<SourceFile>, span: Span, reason: &str) -> Diagnostic {
    let starts_specially = file.text()[span.start..].starts_with(['%', '@', '`']);
    if starts_specially {
        let problem = syntax(file, span, "a value must not start with this character");
        return problem.with_help("put the text in quotes");
    }
    syntax(file, span, format!("this is not YAML: {reason}"))
}

fn syntax(file: &Arc<SourceFile>, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("yaml-syntax", file, span, message)
}

/// What stands on the line before `end`, without its indentation.
fn before_on_line(file: &Arc<SourceFile>, end: usize) -> Span {
    let start = file.line_start(end);
    let line = &file.text()[start..end];
    let indent = line.len() - line.trim_start().len();
    Span::new(start + indent, end)
}

fn next_char(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

fn previous_char(text: &str, at: usize) -> usize {
    at - text[..at].chars().next_back().map_or(0, char::len_utf8)
}

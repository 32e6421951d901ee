//! Says in a user's words why a text is no YAML, and what would be right.

use std::sync::Arc;

use super::MAX_DEPTH;
use crate::{Diagnostic, SourceFile, Span};

const LINE_HELP: &str = "items and keys of one list or mapping start in the same column; a text \
                         with special characters needs quotes";

const COMMA_HELP: &str = "between `{ }` and `[ ]` a comma ends a value: put a text with commas in quotes";

/// The problem that made the parser give up at byte `at` with `reason`.
pub(super) fn explain(file: &Arc<SourceFile>, at: usize, reason: &str) -> Diagnostic {
    let at = file.text().floor_char_boundary(at);
    tab(file, at, reason).or_else(|| quote(file, at, reason)).unwrap_or_else(|| by_reason(file, at, reason))
}

/// Tabs as indentation: saphyr reports whatever they lead to, on their line or before it.
fn tab(file: &Arc<SourceFile>, at: usize, reason: &str) -> Option<Diagnostic> {
    let text = file.text();
    let end = text[..at].trim_end().len();
    let from = file.line_start(end);
    let to = match reason.contains("found a tab") {
        true => text.len(),
        false => file.line_end(at),
    };
    let mut line_start = from;
    for line in text[from..to].split_inclusive('\n') {
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        let is_empty = line.trim().is_empty();
        if let Some(offset) = line[..blanks].find('\t')
            && !is_empty
        {
            let tabs = line[offset..blanks].len();
            let start = line_start + offset;
            let problem =
                syntax(file, Span::new(start, start + tabs), "tabs must not be used for indentation");
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
        let problem = syntax(file, point, "this quote is never closed")
            .with_label("opened here")
            .with_help("close it on its line");
        return Some(problem);
    }
    if reason.contains("trailing content after double-quoted") {
        return Some(after_quote(file, at));
    }
    match reason {
        "invalid indentation in quoted scalar" => Some(
            syntax(file, point, "this quote is not closed")
                .with_label("opened here")
                .with_help("close it on its line, or indent the further lines of the text more"),
        ),
        "while parsing a quoted scalar, found unknown escape character" => {
            let message = "unknown escape sequence in a double-quoted text";
            Some(escape(file, at, message))
        }
        "while parsing a quoted scalar, did not find expected hexadecimal number"
        | "while parsing a quoted scalar, found invalid Unicode character escape code" => {
            Some(escape(file, at, "this escape sequence is no character"))
        }
        _ => None,
    }
}

/// Text behind a closing quote: a quote inside the text, or one that was opened lines before.
fn after_quote(file: &Arc<SourceFile>, at: usize) -> Diagnostic {
    let text = file.text();
    let closing = previous_char(text, text[..at].trim_end().len());
    let quote = text[closing..].chars().next().unwrap_or('"');
    let message = "unexpected text after a closing quote";
    let problem = syntax(file, Span::new(at, next_char(text, at)), message);
    let is_quote = quote == '"' || quote == '\'';
    let opening = is_quote.then(|| text[..closing].rfind(quote)).flatten();
    match opening {
        Some(opening) if file.line_start(opening) != file.line_start(closing) => problem
            .with_related(Span::new(opening, opening + 1), "this quote was opened here")
            .with_related(Span::new(closing, closing + 1), "and closed here")
            .with_help("close the quote on the line where it was opened"),
        Some(opening) if follows_comma_in_brackets(file, opening) => problem.with_help(COMMA_HELP),
        _ if quote == '\'' => problem.with_help(
            "put the whole value between double quotes; inside single quotes, a quote is written twice: `''`",
        ),
        _ => problem.with_help("put the whole value between the quotes, or leave them out"),
    }
}

/// Whether a text that starts at `start` is what a comma between brackets cut off, as that of a call's arguments in
/// `{ where: starts_with(name, 'x') }`.
fn follows_comma_in_brackets(file: &SourceFile, start: usize) -> bool {
    let before = &file.text()[file.line_start(start)..start];
    before.trim_end().ends_with(',') && before.contains(['{', '['])
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
        let found = rest.chars().take(digits).take_while(char::is_ascii_hexdigit).count();
        let is_character = u32::from_str_radix(&rest[..found], 16).ok().and_then(char::from_u32).is_some();
        if digits == 0 || found < digits || !is_character {
            span = Span::new(start, start + 1 + kind.len_utf8() + found);
            break;
        }
    }
    syntax(file, span, message)
        .with_help("write a backslash as `\\\\`, or use single quotes, in which it stands for itself")
}

fn by_reason(file: &Arc<SourceFile>, at: usize, reason: &str) -> Diagnostic {
    let text = file.text();
    // Where a token is missing, saphyr points at the one after it.
    let end = text[..at].trim_end().len();
    let point = if at < text.len() {
        Span::new(at, next_char(text, at))
    } else {
        Span::new(previous_char(text, end), end)
    };
    let (span, message, help) = match reason {
        "mapping values are not allowed in this context" => return colon(file, point),
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
        | "mapping keys are not allowed in this context" => {
            (first_on_line(file, at), "this line does not fit the ones before it", LINE_HELP)
        }
        "while parsing a flow mapping, did not find expected ',' or '}'" => {
            return bracket(file, point, "expected `,` or `}`");
        }
        "while parsing a flow sequence, expected ',' or ']'" => {
            return bracket(file, point, "expected `,` or `]`");
        }
        "illegal placement of ':' indicator"
        | "invalid indentation in flow construct"
        | "\"-\" is only valid inside a block"
        | "plain scalar cannot start with '-' followed by ,[]{}" => {
            return bracket(file, point, "this does not fit inside brackets");
        }
        "while parsing a node, did not find expected node content"
        | "unexpected end of plain scalar"
        | "unexpected eof"
        | "did not find expected next token" => (
            point,
            "expected a value",
            "check that brackets are closed; a text that starts with a special character needs \
             quotes",
        ),
        "misplaced bracket" => {
            (point, "this bracket was never opened", "put a text that contains brackets in quotes")
        }
        "while parsing node, found unknown anchor" => {
            (point, "the alias has no anchor before it", "put a text that starts with `*` in quotes")
        }
        "while scanning an anchor or alias, did not find expected alphabetic or numeric character" => (
            point,
            "`*` and `&` at the start of a value stand for aliases and anchors",
            "put the text in quotes: '*'",
        ),
        "the handle wasn't declared" | "while scanning a tag, did not find expected '!'" => {
            (point, "`!` at the start of a value stands for a tag", "put the text in quotes")
        }
        "recursion limit exceeded" => {
            let message = format!("lists and mappings are nested more than {MAX_DEPTH} deep");
            return Diagnostic::error("too-deep", file, point, message).with_help("write it flatter");
        }
        _ => return other(file, point, reason),
    };
    syntax(file, span, message).with_help(help)
}

/// A colon where no key can be: a second one on its line, or a line that is indented too far.
fn colon(file: &Arc<SourceFile>, point: Span) -> Diagnostic {
    let line = before_on_line(file, point.start);
    let before = &file.text()[line.start..line.end];
    if before.contains(": ") {
        syntax(file, point, "a second `: ` in one line").with_help("put a text that contains `: ` in quotes")
    } else {
        let start = before.len() - before.trim_start_matches(['-', ' ']).len();
        let key = Span::new(line.start + start, line.end);
        syntax(file, key, "this key does not fit the line before it").with_help(LINE_HELP)
    }
}

/// A mistake inside brackets, with the bracket that is open.
fn bracket(file: &Arc<SourceFile>, point: Span, message: &str) -> Diagnostic {
    let mut closed = 0;
    let opening = file.text()[..point.start].rfind(|c| match c {
        ']' | '}' => {
            closed += 1;
            false
        }
        '[' | '{' if closed > 0 => {
            closed -= 1;
            false
        }
        c => matches!(c, '[' | '{'),
    });
    let problem = syntax(file, point, message);
    let problem = match opening {
        Some(at) => problem.with_related(Span::new(at, at + 1), "inside the bracket opened here"),
        None => problem,
    };
    problem.with_help("close each bracket, and put a text that contains brackets in quotes")
}

/// A reason that has no words of its own here: it says what saphyr says.
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

/// The first character on the line of `at`, or of the last line before it that has any.
fn first_on_line(file: &Arc<SourceFile>, at: usize) -> Span {
    let text = file.text();
    let start = file.line_start(at);
    let line = &text[start..file.line_end(at)];
    let blanks = line.len() - line.trim_start().len();
    if blanks == line.len() {
        let end = text[..start].trim_end().len();
        return before_on_line(file, end);
    }
    Span::new(start + blanks, next_char(text, start + blanks))
}

fn next_char(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

fn previous_char(text: &str, at: usize) -> usize {
    at - text[..at].chars().next_back().map_or(0, char::len_utf8)
}

//! Text → syntax tree.

use datafusion_sql::sqlparser::ast::{Expr, Spanned};
use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use crate::lex::{ExpressionDialect, lex, range_of};
use crate::lists::LIST;
use crate::problem::Problem;

/// How deep the parser may recurse: somewhat deeper than parentheses may nest.
const RECURSION_MAX: usize = 100;

/// Parses exactly one expression.
pub(crate) fn parse(text: &str) -> Result<Expr, Problem> {
    let tokens = with_lists_in_parentheses(&lex(text)?);
    if tokens.is_empty() {
        return Err(Problem::new("syntax", (0, text.len()), "the expression is empty"));
    }
    let mut parser = Parser::new(&ExpressionDialect)
        .with_recursion_limit(RECURSION_MAX)
        .with_tokens_with_locations(tokens.clone());
    let expr = parser.parse_expr().map_err(|error| syntax_problem(text, &tokens, error))?;
    let rest = parser.peek_token();
    match rest.token {
        Token::EOF => Ok(expr),
        token => {
            let range = range_of(rest.span).unwrap_or((0, text.len()));
            let message = format!("the expression ends before `{token}`");
            let help = match token {
                Token::RParen => "this parenthesis was never opened",
                _ => "join conditions with AND or OR",
            };
            Err(Problem::new("syntax", range, message).with_help(help))
        }
    }
}

/// Puts the parentheses that SQL wants after `IN` around `list(…)`.
fn with_lists_in_parentheses(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let is_word = |at: usize, text: &str| match tokens.get(at).map(|token| &token.token) {
        Some(Token::Word(word)) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text),
        _ => false,
    };
    let is = |at: usize, wanted: Token| tokens.get(at).is_some_and(|token| token.token == wanted);
    let mut rewritten = Vec::with_capacity(tokens.len());
    // How many parentheses are open within the call at hand.
    let mut open: Option<usize> = None;
    for (at, token) in tokens.iter().enumerate() {
        if open.is_none() && at > 0 && is_word(at - 1, "in") && is_word(at, LIST) && is(at + 1, Token::LParen)
        {
            let span = Span { start: token.span.start, end: token.span.start };
            rewritten.push(TokenWithSpan { token: Token::LParen, span });
            open = Some(0);
        }
        rewritten.push(token.clone());
        open = match (open, &token.token) {
            (Some(open), Token::LParen) => Some(open + 1),
            (Some(1), Token::RParen) => {
                let span = Span { start: token.span.end, end: token.span.end };
                rewritten.push(TokenWithSpan { token: Token::RParen, span });
                None
            }
            (Some(open), Token::RParen) => Some(open - 1),
            (open, _) => open,
        };
    }
    rewritten
}

/// Where `expr` stands in `text`; the whole of it for the few nodes that the parser gives no place.
pub(crate) fn range(expr: &Expr, text: &str) -> (usize, usize) {
    match range_of(expr.span()) {
        Some((start, end)) => with_parentheses(text, start, end),
        None => (0, text.len()),
    }
}

/// Adds what the parser leaves out of the places of calls (`max(x` without its last parenthesis) and of groups.
fn with_parentheses(text: &str, mut start: usize, mut end: usize) -> (usize, usize) {
    if text[end..].starts_with('(') {
        end += 1;
    }
    let (mut opened, mut closed) = (0, 0);
    let mut quote = None;
    for character in text[start..end].chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => opened += 1,
            (None, ')') if opened > 0 => opened -= 1,
            (None, ')') => closed += 1,
            (None, _) => {}
        }
    }
    while opened > 0 {
        // `count(*)` and `now()` have nothing but this between their parentheses.
        let rest = text[end..].trim_start_matches(|c: char| c.is_whitespace() || c == '*');
        if !rest.starts_with(')') {
            break;
        }
        end = text.len() - rest.len() + 1;
        opened -= 1;
    }
    while closed > 0 && text[..start].trim_end().ends_with('(') {
        start = text[..start].trim_end().len() - 1;
        // Of `cast(…)`, `trim(…)` and the like the word is left out too.
        start = text[..start].trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        closed -= 1;
    }
    (start, end)
}

fn syntax_problem(text: &str, tokens: &[TokenWithSpan], error: ParserError) -> Problem {
    let message = match error {
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
        ParserError::RecursionLimitExceeded => {
            let message = "the expression nests too deep";
            return Problem::new("too-deep", (0, text.len()), message);
        }
    };
    let (message, column) = match message.rsplit_once(" at Line: 1, Column: ") {
        Some((message, column)) => (message, column.trim().parse::<usize>().ok()),
        None => (message.as_str(), None),
    };
    let end = text.trim_end().len();
    let range = match column.and_then(|column| column.checked_sub(1)) {
        Some(start) => tokens
            .iter()
            .filter_map(|token| range_of(token.span))
            .find(|range| range.0 == start)
            .unwrap_or((start.min(end), end)),
        None if message.ends_with("found: EOF") => (end, end),
        None => (0, text.len()),
    };
    let message = match message.strip_prefix("Expected: ").and_then(|rest| rest.split_once(", found: ")) {
        Some((expected, "EOF")) => format!("expected {}, but the text ends", quoted(expected)),
        Some((expected, _)) => format!("expected {}, found `{}`", quoted(expected), &text[range.0..range.1]),
        None => message.to_owned(),
    };
    let problem = Problem::new("syntax", range, message);
    match reserved_before(tokens, range.0) {
        Some(word) => problem.with_help(format!("if `{word}` is a field, quote it: \"{word}\"")),
        None => problem,
    }
}

/// A sign that is expected in quotes; other things have names.
fn quoted(expected: &str) -> String {
    match expected.starts_with(char::is_alphanumeric) {
        true => expected.to_owned(),
        false => format!("`{expected}`"),
    }
}

/// The word right before `end` if it starts a construct of SQL, which a field may be named like.
fn reserved_before(tokens: &[TokenWithSpan], end: usize) -> Option<&str> {
    let before = tokens.iter().rfind(|token| range_of(token.span).is_some_and(|range| range.1 <= end))?;
    match &before.token {
        Token::Word(word) if word.quote_style.is_none() => matches!(
            word.keyword,
            Keyword::INTERVAL
                | Keyword::EXISTS
                | Keyword::TRIM
                | Keyword::ALL
                | Keyword::ANY
                | Keyword::SOME
                | Keyword::CASE
                | Keyword::CAST
                | Keyword::EXTRACT
                | Keyword::STRUCT
                | Keyword::ARRAY
        )
        .then_some(word.value.as_str()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_pointed_at() {
        for (text, slice, message) in [
            ("a = ", "", "expected an expression, but the text ends"),
            ("a = = b", "=", "expected an expression, found `=`"),
            ("größe = ) or b", ")", "expected an expression, found `)`"),
            ("a = 1 b = 2", "b", "the expression ends before `b`"),
            ("a in (1, 2", "", "expected `)`, but the text ends"),
            ("a = 'x", "'x", "unterminated string literal"),
            ("a = 1\n and >", ">", "expected an expression, found `>`"),
            ("   ", "   ", "the expression is empty"),
            ("a = $1", "$1", "placeholders such as `$1` have no value here"),
            ("a && b", "&&", "`&&` is no operator here"),
        ] {
            let problem = parse(text).unwrap_err();
            assert_eq!(
                (&text[problem.range.0..problem.range.1], problem.message.as_str()),
                (slice, message),
                "{text}"
            );
        }
    }

    #[test]
    fn places_have_all_their_parentheses() {
        for text in ["max(x)", "count( * )", "now()", "lower(trim( x ))", "(a + b) * abs(c)", "f('(') = 1"] {
            let expr = parse(text).unwrap();
            assert_eq!(range(&expr, text), (0, text.len()), "{text}");
        }
        let text = "a = 1 and max(x)";
        let Expr::BinaryOp { left, .. } = parse(text).unwrap() else { panic!("{text}") };
        assert_eq!(range(&left, text), (0, 5));
    }

    #[test]
    fn depth_is_bounded() {
        let code = |text: &str| crate::stack::on_deep_stack(|| parse(text).unwrap_err());
        let text = format!("{}1{}", "(".repeat(900), ")".repeat(900));
        assert_eq!(code(&text).code, "too-deep");
        let text = format!("{}a", "not ".repeat(1500));
        assert_eq!(code(&text).code, "too-deep");
        let text = format!("{}1{}", "abs((".repeat(20), "))".repeat(20));
        assert!(crate::stack::on_deep_stack(|| parse(&text).is_ok()));
        let text = vec!["a"; 30_000].join(" or ");
        assert_eq!(parse(&text).unwrap_err().code, "too-long");
    }
}

//! Text → tokens.
//!
//! SQL has no literals for durations and sizes, so a number with a word right behind it becomes one here: a size turns
//! into the number of bytes, a duration into a placeholder token that carries its nanoseconds (placeholders written by
//! the user are refused, so the two cannot meet).
//!
//! Token spans are rewritten to one line whose columns are byte offsets. Everything the parser says about places is
//! then a byte range of the text, see [`range_of`].

use datafusion_sql::sqlparser::dialect::Dialect;
use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use crate::literal::{literal, spelling};
use crate::problem::Problem;

/// The longest expression that is looked at, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The most tokens other than literals and commas. Long lists of literals are fine; each other token may nest the
/// syntax tree one level deeper, and trees are walked by recursion.
const TOKENS_MAX: usize = 2000;

/// How deep parentheses and prefix operators may nest.
const NESTING_MAX: usize = 40;

/// The SQL dialect of expressions: plain, with names of any letters.
#[derive(Debug)]
pub(crate) struct ExpressionDialect;

impl Dialect for ExpressionDialect {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    /// Parsed so that it can be refused with a reason.
    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }
}

/// Splits `text` into tokens without blanks and comments.
pub(crate) fn lex(text: &str) -> Result<Vec<TokenWithSpan>, Problem> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the expression is longer than {} kB", TEXT_BYTES_MAX / 1024);
        return Err(Problem::new("too-long", (0, text.len()), message));
    }
    let places = Places::new(text);
    let tokens = Tokenizer::new(&ExpressionDialect, text).tokenize_with_location().map_err(|error| {
        let start = places.byte(error.location);
        let message = error.message.to_lowercase();
        let problem = Problem::new("syntax", (start, text.len()), message.clone());
        if message.contains("unterminated string") {
            problem.with_help(
                "text stands between single quotes: 'like this'; a quote inside is doubled: 'it''s'",
            )
        } else {
            problem
        }
    })?;
    let tokens: Vec<Piece> = tokens
        .into_iter()
        .map(|token| Piece {
            start: places.byte(token.span.start),
            end: places.byte(token.span.end),
            token: token.token,
        })
        .filter(|piece| !matches!(piece.token, Token::Whitespace(_) | Token::EOF))
        .collect();
    refuse_odd_tokens(text, &tokens)?;
    refuse_deep_nesting(&tokens)?;
    join_literals(text, tokens)
}

/// The byte range of a span made by [`lex`]; `None` for an empty span, which the parser gives to what has no place.
pub(crate) fn range_of(span: Span) -> Option<(usize, usize)> {
    let byte = |location: Location| (location.column as usize).checked_sub(1);
    match (byte(span.start), byte(span.end)) {
        (Some(start), Some(end)) if span.start.line > 0 && start <= end => Some((start, end)),
        _ => None,
    }
}

/// A token with its byte range.
struct Piece {
    token: Token,
    start: usize,
    end: usize,
}

impl Piece {
    fn with_span(self) -> TokenWithSpan {
        let location = |byte: usize| Location { line: 1, column: byte as u64 + 1 };
        TokenWithSpan {
            token: self.token,
            span: Span { start: location(self.start), end: location(self.end) },
        }
    }

    fn is_bare_word(&self) -> bool {
        matches!(&self.token, Token::Word(word) if word.quote_style.is_none())
    }
}

/// Lines and columns in characters → bytes.
struct Places {
    /// Byte offset of each character, and the length of the text.
    chars: Vec<usize>,
    /// Index into `chars` of the first character of each line.
    lines: Vec<usize>,
}

impl Places {
    fn new(text: &str) -> Self {
        let mut chars = Vec::with_capacity(text.len() + 1);
        let mut lines = vec![0];
        for (byte, c) in text.char_indices() {
            chars.push(byte);
            if c == '\n' {
                lines.push(chars.len());
            }
        }
        chars.push(text.len());
        Self { chars, lines }
    }

    fn byte(&self, location: Location) -> usize {
        let line = (location.line as usize).saturating_sub(1).min(self.lines.len() - 1);
        let index = self.lines[line] + (location.column as usize).saturating_sub(1);
        self.chars[index.min(self.chars.len() - 1)]
    }
}

fn refuse_odd_tokens(text: &str, tokens: &[Piece]) -> Result<(), Problem> {
    let heavy = tokens.iter().filter(|piece| {
        !matches!(piece.token, Token::Comma | Token::SingleQuotedString(_)) && !is_list_number(&piece.token)
    });
    if heavy.count() > TOKENS_MAX {
        let message = format!("the expression has more than {TOKENS_MAX} operators and names");
        return Err(Problem::new("too-long", (0, text.len()), message)
            .with_help("use `IN (…)` for long alternatives"));
    }
    for piece in tokens {
        let range = (piece.start, piece.end);
        let problem = |message: String| Problem::new("unsupported", range, message);
        match &piece.token {
            Token::Placeholder(name) => {
                return Err(problem(format!("placeholders such as `{name}` have no value here")));
            }
            Token::Number(digits, _) if digits.parse().is_ok_and(f64::is_infinite) => {
                let message = format!("`{digits}` is beyond the range of numbers");
                return Err(Problem::new("syntax", range, message));
            }
            Token::Question => {
                return Err(problem("placeholders such as `?` have no value here".to_owned()));
            }
            Token::Overlap => {
                return Err(problem("`&&` is no operator here".to_owned()).with_help("use AND"));
            }
            Token::SemiColon => {
                return Err(problem("one expression stands alone; `;` has no place in it".to_owned()));
            }
            Token::Word(word) if word.quote_style.is_some() && word.value.is_empty() => {
                return Err(Problem::new("syntax", range, "a name cannot be empty")
                    .with_help("double quotes name a field; the empty text is ''"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The parser has a limit of its own, but when it is met the parser tries another reading, and then complains about that.
fn refuse_deep_nesting(tokens: &[Piece]) -> Result<(), Problem> {
    let (mut open, mut prefixes) = (0usize, 0usize);
    for piece in tokens {
        match &piece.token {
            Token::LParen | Token::LBracket => open += 1,
            Token::RParen | Token::RBracket => open = open.saturating_sub(1),
            _ => {}
        }
        let prefix = match &piece.token {
            Token::Minus | Token::Plus | Token::LParen => true,
            Token::Word(word) => word.keyword == Keyword::NOT && word.quote_style.is_none(),
            _ => false,
        };
        prefixes = if prefix { prefixes + 1 } else { 0 };
        if open.max(prefixes) > NESTING_MAX {
            let message = format!("the expression nests more than {NESTING_MAX} levels deep");
            return Err(Problem::new("too-deep", (piece.start, piece.end), message));
        }
    }
    Ok(())
}

fn is_list_number(token: &Token) -> bool {
    matches!(token, Token::Number(..))
}

/// Joins numbers with the words right behind them.
fn join_literals(text: &str, pieces: Vec<Piece>) -> Result<Vec<TokenWithSpan>, Problem> {
    let mut joined = Vec::with_capacity(pieces.len());
    let mut rest = pieces.into_iter().peekable();
    while let Some(mut piece) = rest.next() {
        if let Token::Number(digits, long) = &piece.token {
            let mut joins = *long;
            let mut end = piece.end;
            let plain = digits.clone();
            while let Some(next) = rest.next_if(|next| {
                next.start == end && (next.is_bare_word() || (joins && is_list_number(&next.token)))
            }) {
                end = next.end;
                joins = true;
            }
            piece.end = end;
            piece.token = if joins {
                literal(text, piece.start, end)?
            } else {
                Token::Number(spelling(&plain.replace('_', "")), false)
            };
        }
        joined.push(piece.with_span());
    }
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::literal::duration_of;

    fn tokens(text: &str) -> Vec<String> {
        lex(text).unwrap().into_iter().map(|token| token.token.to_string()).collect()
    }

    #[test]
    fn sizes_become_bytes() {
        for (text, bytes) in [
            ("10MB", "10000000"),
            ("10MiB", "10485760"),
            ("1.5kB", "1500"),
            ("7B", "7"),
            ("2KiB", "2048"),
            ("3TB", "3000000000000"),
        ] {
            assert_eq!(tokens(text), [bytes], "{text}");
        }
    }

    #[test]
    fn durations_become_nanoseconds() {
        for (text, nanoseconds) in [
            ("5m", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            ("100ms", 100_000_000),
            ("7ns", 7),
        ] {
            let lexed = lex(text).unwrap();
            let [TokenWithSpan { token: Token::Placeholder(placeholder), span }] = &lexed[..] else {
                panic!("{text}: {lexed:?}");
            };
            assert_eq!(duration_of(placeholder), Some(nanoseconds), "{text}");
            assert_eq!(range_of(*span), Some((0, text.len())));
        }
    }

    #[test]
    fn numbers_have_one_spelling_and_blanks_part() {
        assert_eq!(tokens("x > 1e3 and y = .5"), ["x", ">", "1000.0", "and", "y", "=", "0.5"]);
        assert_eq!(tokens("5 m"), ["5", "m"]);
    }

    #[test]
    fn places_are_bytes() {
        let lexed = lex("größe = 'ä'\n  and x").unwrap();
        assert_eq!(range_of(lexed[0].span), Some((0, 7)));
        assert_eq!(range_of(lexed[2].span), Some((10, 14)));
        assert_eq!(range_of(lexed[4].span), Some((21, 22)));
    }
}

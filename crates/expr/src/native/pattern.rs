//! Forms of texts: parts of `LIKE`, and regular expressions, compiled once.

use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr};
use regex::Regex;

use super::text;
use crate::syntax::{arguments, function_name};

/// What a text must look like.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// It begins with the first part and ends with the last, and the others lie between in this order, without overlap.
    Parts(Parts),
    Regex(Regex),
}

#[derive(Clone, Debug)]
pub(crate) struct Parts {
    start: Box<str>,
    between: Vec<Box<str>>,
    end: Box<str>,
}

impl Pattern {
    pub(crate) fn like(pattern: &str) -> Option<Self> {
        // What a backslash does is the kernels' business.
        if pattern.contains('\\') || !pattern.contains('%') && !pattern.contains('_') {
            return None;
        }
        if pattern.contains('_') {
            return Regex::new(&regex_of_like(pattern, "(?s)")).ok().map(Self::Regex);
        }
        let parts: Vec<&str> = pattern.split('%').collect();
        let (start, rest) = parts.split_first()?;
        let (end, between) = rest.split_last()?;
        let between = between.iter().filter(|part| !part.is_empty()).map(|part| Box::from(*part));
        Some(Self::Parts(Parts { start: (*start).into(), between: between.collect(), end: (*end).into() }))
    }

    pub(crate) fn ilike(pattern: &str) -> Option<Self> {
        if pattern.contains('\\') {
            return None;
        }
        Regex::new(&regex_of_like(pattern, "(?si)")).ok().map(Self::Regex)
    }

    /// Reads an operator of regular expressions, and whether it is one that negates.
    pub(crate) fn by_operator(op: &BinaryOperator, pattern: &str) -> Option<(Self, bool)> {
        let (prefix, negated) = match op {
            BinaryOperator::PGRegexMatch => ("", false),
            BinaryOperator::PGRegexIMatch => ("(?i)", false),
            BinaryOperator::PGRegexNotMatch => ("", true),
            BinaryOperator::PGRegexNotIMatch => ("(?i)", true),
            _ => return None,
        };
        Some((Self::Regex(Regex::new(&format!("{prefix}{pattern}")).ok()?), negated))
    }

    /// Reads a call of a function that looks for a constant in the column.
    pub(crate) fn called(call: &mut Expr, is_column: impl Fn(&Expr) -> bool) -> Option<Self> {
        let Expr::Function(function) = call else { return None };
        let name = function_name(function)?;
        let arguments = arguments(function)?;
        let [column, constant] = &arguments[..] else { return None };
        if !is_column(column) {
            return None;
        }
        let constant = text(constant)?;
        let parts = |start: &str, between: &str, end: &str| {
            let between = Some(between).filter(|part| !part.is_empty()).map(Box::from);
            Self::Parts(Parts {
                start: start.into(),
                between: between.into_iter().collect(),
                end: end.into(),
            })
        };
        Some(match name.as_str() {
            "contains" => parts("", constant, ""),
            "starts_with" => parts(constant, "", ""),
            "ends_with" => parts("", "", constant),
            "regexp_like" => Self::Regex(Regex::new(constant).ok()?),
            _ => return None,
        })
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Parts(parts) => parts.match_text(text),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl Parts {
    /// The longest part: what to look for in texts to find those that may match. `None` where every text may.
    pub(crate) fn needle(&self) -> Option<&str> {
        let parts = self.between.iter().chain([&self.start, &self.end]);
        parts.max_by_key(|part| part.len()).map(|part| &**part).filter(|part| !part.is_empty())
    }

    fn match_text(&self, text: &str) -> bool {
        let Some(mut rest) = text.strip_prefix(&*self.start).and_then(|rest| rest.strip_suffix(&*self.end))
        else {
            return false;
        };
        self.between.iter().all(|part| match rest.split_once(&**part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    }
}

/// `LIKE` as a regular expression: `%` stands for any characters, `_` for one.
fn regex_of_like(pattern: &str, flags: &str) -> String {
    let mut regex = format!("{flags}^");
    for character in pattern.chars() {
        match character {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn parts_do_not_overlap() {
        let matches = |pattern: &str, text: &str| Pattern::like(pattern).unwrap().matches(text);
        assert!(matches("a%a", "aa") && !matches("a%a", "a"));
        assert!(matches("%ab%b%", "abb") && !matches("%ab%b%", "ab"));
        assert!(matches("%", "") && matches("%%", "x") && matches("a%", "a"));
        assert!(matches("a_%é", "axéé") && !matches("a_%é", "aé") && matches("_", "\n"));
    }
}

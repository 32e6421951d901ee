//! The one text that all spellings of a JSON value share.

use crate::number::Number;

use super::text::{quote, unescape};
use super::tokens::{Token, Tokens};

/// The canonical text of valid JSON: members sorted by name, of equal names the last one; numbers that are whole and
/// fit 64 bits as integers, others in the fewest digits that read back the same; as few escapes as JSON allows.
///
/// `None` where a number is beyond the range of doubles: it would have no value that could be compared.
pub(crate) fn canonical(json: &str) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    let mut scratch = String::new();
    let mut open: Vec<Open> = Vec::new();
    for token in Tokens::of(json) {
        match token {
            Token::BeginObject => {
                open.push(Open { start: out.len(), members: Some(Vec::new()), expects_name: true });
                out.push('{');
            }
            Token::BeginArray => {
                open.push(Open { start: out.len(), members: None, expects_name: false });
                out.push('[');
            }
            Token::EndObject => open.pop()?.finish(&mut out),
            Token::EndArray => {
                open.pop()?;
                out.push(']');
            }
            Token::Comma => {
                out.push(',');
                let innermost = open.last_mut()?;
                innermost.expects_name = innermost.members.is_some();
            }
            Token::Colon => out.push(':'),
            Token::Text(body) => {
                let start = out.len();
                scratch.clear();
                unescape(body, &mut scratch);
                quote(&scratch, &mut out);
                if let Some(Open { members: Some(members), expects_name, .. }) = open.last_mut()
                    && std::mem::take(expects_name)
                {
                    members.push(Member { start, name_end: out.len() });
                }
            }
            Token::Number(text) => Number::from_json(text)?.write_canonical(&mut out),
            Token::True => out.push_str("true"),
            Token::False => out.push_str("false"),
            Token::Null => out.push_str("null"),
        }
    }
    Some(out)
}

/// A container that is being written.
struct Open {
    /// Where it starts in the output.
    start: usize,
    /// Of an object, its members so far.
    members: Option<Vec<Member>>,
    expects_name: bool,
}

/// Where a member stands in the output.
struct Member {
    start: usize,
    name_end: usize,
}

impl Open {
    /// Ends an object. Its members stay where they are if they came in order.
    fn finish(self, out: &mut String) {
        let members = self.members.unwrap_or_default();
        let name = |member: &Member| &out[member.start..member.name_end];
        if members.is_sorted_by(|one, next| name(one) < name(next)) {
            out.push('}');
            return;
        }
        let ends = members.iter().skip(1).map(|next| next.start - 1).chain([out.len()]);
        let mut texts: Vec<(&str, &str)> =
            members.iter().zip(ends).map(|(member, end)| (name(member), &out[member.start..end])).collect();
        texts.reverse();
        // The sort is stable, so of equal names the last one is now first.
        texts.sort_by_key(|(name, _)| *name);
        texts.dedup_by_key(|(name, _)| *name);
        let sorted = texts.iter().map(|(_, text)| *text).collect::<Vec<_>>().join(",");
        out.truncate(self.start + 1);
        out.push_str(&sorted);
        out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_value_share_one_text() {
        for (spellings, expected) in [
            (
                vec!["{\"a\":1,\"b\":2}", "{ \"b\" : 2.0, \"a\" : 1e0 }", "{\"a\":7,\"b\":2,\"a\":1}"],
                "{\"a\":1,\"b\":2}",
            ),
            (vec!["[1]", "[1.0]", "[ 10e-1 ]"], "[1]"),
            (vec!["[\"a\"]", "[\"\\u0061\"]"], "[\"a\"]"),
            (vec!["[\"\\/\\u000a\"]"], "[\"/\\n\"]"),
            (vec!["{\"b\":{\"d\":[],\"c\":{}},\"\\u0061\":null}"], "{\"a\":null,\"b\":{\"c\":{},\"d\":[]}}"),
            (vec!["[\"x\",\"x\",{\"x\":\"x\"}]"], "[\"x\",\"x\",{\"x\":\"x\"}]"),
            (vec!["[-0.0,18446744073709551615]"], "[0,18446744073709551615]"),
        ] {
            for spelling in spellings {
                assert_eq!(canonical(spelling).as_deref(), Some(expected), "{spelling}");
            }
        }
    }

    #[test]
    fn numbers_beyond_doubles_have_no_canonical_text() {
        assert_eq!(canonical("{\"a\":[1e999]}"), None);
    }

    #[test]
    fn order_in_an_array_stays() {
        assert_eq!(canonical("[2,1]").as_deref(), Some("[2,1]"));
    }

    #[test]
    fn deep_nesting_does_not_recurse() {
        let deep = "[".repeat(1024) + &"]".repeat(1024);
        assert_eq!(canonical(&deep), Some(deep));
    }
}

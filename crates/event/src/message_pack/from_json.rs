//! JSON text → MessagePack.

use rmp::{Marker, encode};

use crate::json::{self, Token, Tokens};
use crate::number::Number;

/// Valid JSON text as MessagePack: integers to 64 bits as such, other numbers as doubles, those beyond doubles as text.
pub(crate) fn of_json(json: &str) -> Vec<u8> {
    const ARRAY_32: u8 = 0xdd;
    const MAP_32: u8 = 0xdf;
    let mut out = Vec::with_capacity(json.len());
    let mut scratch = String::new();
    // How many items or names each open container has so far, and where that number is to be written.
    let mut open: Vec<(u32, usize)> = Vec::new();
    let mut tokens = Tokens::of(json).peekable();
    while let Some(token) = tokens.next() {
        let ends = matches!(token, Token::EndObject | Token::EndArray);
        if ends {
            if let Some((count, at)) = open.pop() {
                out[at..at + 4].copy_from_slice(&count.to_be_bytes());
            }
            continue;
        }
        if matches!(token, Token::Comma | Token::Colon) {
            continue;
        }
        // What comes before a colon is a name, and the value after it counts for both.
        if tokens.peek() != Some(&Token::Colon)
            && let Some((count, _)) = open.last_mut()
        {
            *count += 1;
        }
        match token {
            Token::BeginObject | Token::BeginArray => {
                out.push(if token == Token::BeginObject { MAP_32 } else { ARRAY_32 });
                open.push((0, out.len()));
                out.extend([0; 4]);
            }
            Token::Text(body) => {
                scratch.clear();
                json::unescape(body, &mut scratch);
                text(&mut out, &scratch);
            }
            Token::Number(number) => match Number::from_json(number) {
                // Writing to a vector cannot fail.
                Some(Number::Int(int)) => drop(encode::write_sint(&mut out, int)),
                Some(Number::Wide(wide)) => drop(encode::write_uint(&mut out, wide)),
                Some(Number::Float(float)) => drop(encode::write_f64(&mut out, float)),
                None => text(&mut out, number),
            },
            Token::True => out.push(Marker::True.to_u8()),
            Token::False => out.push(Marker::False.to_u8()),
            Token::Null => out.push(Marker::Null.to_u8()),
            Token::EndObject | Token::EndArray | Token::Comma | Token::Colon => {}
        }
    }
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    // Writing to a vector cannot fail.
    drop(encode::write_str(out, text));
}

#[cfg(test)]
mod tests {
    use super::super::tests::any_json;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_tree_would_lose_is_kept() {
        let json = "{\"a\":1,\"a\":[18446744073709551615,1e999,-1,0.5],\"\\u00e9\":{}}";
        let mut back = String::new();
        super::super::write_json(&of_json(json), &mut back);
        assert_eq!(back, "{\"a\":1,\"a\":[18446744073709551615,\"1e999\",-1,0.5],\"é\":{}}");
    }

    proptest! {
        #[test]
        fn other_readers_read_the_same(value in any_json()) {
            let back: serde_json::Value = rmp_serde::from_slice(&of_json(&value.to_string())).unwrap();
            prop_assert_eq!(back, value);
        }
    }
}

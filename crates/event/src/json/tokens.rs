//! Valid JSON text, token by token.

use super::scanner::is_number;

/// The smallest parts of JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    BeginObject,
    EndObject,
    BeginArray,
    EndArray,
    Comma,
    Colon,
    /// What stands between the quotes of a string.
    Text(&'a str),
    Number(&'a str),
    True,
    False,
    Null,
}

/// The tokens of text that was validated before; what is no token ends it.
pub(crate) struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    pub(crate) fn of(json: &'a str) -> Self {
        Self(json)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
        let (token, length) = match rest.as_bytes().first()? {
            b'{' => (Token::BeginObject, 1),
            b'}' => (Token::EndObject, 1),
            b'[' => (Token::BeginArray, 1),
            b']' => (Token::EndArray, 1),
            b',' => (Token::Comma, 1),
            b':' => (Token::Colon, 1),
            b'"' => {
                let length = string_length(&rest[1..])?;
                (Token::Text(&rest[1..=length]), length + 2)
            }
            _ => {
                let length = rest.find([',', '}', ']', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
                let token = match &rest[..length] {
                    "true" => Token::True,
                    "false" => Token::False,
                    "null" => Token::Null,
                    number if is_number(number) => Token::Number(number),
                    _ => return None,
                };
                (token, length)
            }
        };
        self.0 = &rest[length..];
        Some(token)
    }
}

/// How many bytes lie before the quote that ends a string.
fn string_length(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(at),
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_falls_into_tokens() {
        let tokens: Vec<_> = Tokens::of(" { \"a\\\"\" : [ -1.5e3 , true,false,null ] } ").collect();
        assert_eq!(
            tokens,
            [
                Token::BeginObject,
                Token::Text("a\\\""),
                Token::Colon,
                Token::BeginArray,
                Token::Number("-1.5e3"),
                Token::Comma,
                Token::True,
                Token::Comma,
                Token::False,
                Token::Comma,
                Token::Null,
                Token::EndArray,
                Token::EndObject,
            ]
        );
    }

    #[test]
    fn what_is_no_token_ends_it() {
        for (text, count) in [("", 0), ("\"a", 0), ("[nul]", 1), ("[é]", 1), ("\"\\", 0)] {
            assert_eq!(Tokens::of(text).count(), count, "{text}");
        }
    }
}

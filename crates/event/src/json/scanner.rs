//! One validating pass over JSON text.
//!
//! It accepts exactly RFC 8259, with two restrictions: nesting is bounded, and an escaped surrogate
//! must come as a pair, for half of one is no character. It neither recurses nor allocates.
//!
//! Every event goes through here, byte by byte. The small steps are inlined by force: left to itself,
//! the compiler calls them, and an event takes one and a half times as long.

use crate::error::ErrorKind;
use crate::limits::DEEPEST;
use crate::raw::{Class, Slot};

/// A cursor over JSON text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    limit: usize,
}

impl<'a> Scanner<'a> {
    /// Starts at byte `at`; containers may nest `limit` deep from there, at most [`DEEPEST`].
    pub(crate) fn new(text: &'a str, at: usize, limit: usize) -> Self {
        Self { text, at, limit: limit.min(DEEPEST) }
    }

    /// Reads a value and says where it stands and what it is.
    pub(crate) fn value(&mut self) -> Result<Slot, ErrorKind> {
        self.blanks();
        self.value_here(0)
    }

    /// Reads an object, its opening brace included, and reports each member in order.
    pub(crate) fn object(&mut self, mut member: impl FnMut(Key<'a>, Slot)) -> Result<(), ErrorKind> {
        if self.limit == 0 {
            return Err(ErrorKind::TooDeep { limit: 0 });
        }
        self.blanks();
        self.expect(b'{', "an object")?;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.key()?;
            self.blanks();
            let slot = self.value_here(1)?;
            member(key, slot);
            self.blanks();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.blanks();
                }
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fault("`,` or `}`")),
            }
        }
    }

    /// Checks that only blanks are left.
    pub(crate) fn end(&mut self) -> Result<(), ErrorKind> {
        self.blanks();
        if self.at == self.text.len() { Ok(()) } else { Err(ErrorKind::TrailingData { at: self.at }) }
    }

    /// The next byte that is no blank.
    pub(crate) fn first(&mut self) -> Option<u8> {
        self.blanks();
        self.peek()
    }

    /// A value at the cursor, which stands on its first byte, inside `outer` containers.
    #[inline(always)]
    fn value_here(&mut self, outer: usize) -> Result<Slot, ErrorKind> {
        let start = self.at;
        let class = match self.peek() {
            Some(b'{') => {
                self.containers(outer)?;
                Class::Object
            }
            Some(b'[') => {
                self.containers(outer)?;
                Class::Array
            }
            _ => self.scalar()?,
        };
        Ok(Slot { start, end: self.at, class })
    }

    /// Reads the container at the cursor with everything inside it.
    fn containers(&mut self, outer: usize) -> Result<(), ErrorKind> {
        let mut open = OpenContainers::default();
        'values: loop {
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    if outer + open.depth == self.limit {
                        return Err(ErrorKind::TooDeep { limit: self.limit });
                    }
                    self.at += 1;
                    self.blanks();
                    let is_object = bracket == b'{';
                    if self.peek() == Some(if is_object { b'}' } else { b']' }) {
                        self.at += 1;
                    } else {
                        open.push(is_object);
                        if is_object {
                            self.key()?;
                            self.blanks();
                        }
                        continue 'values;
                    }
                }
                _ => {
                    self.scalar()?;
                }
            }
            while open.depth > 0 {
                self.blanks();
                match (self.peek(), open.innermost_is_object()) {
                    (Some(b','), is_object) => {
                        self.at += 1;
                        self.blanks();
                        if is_object {
                            self.key()?;
                            self.blanks();
                        }
                        continue 'values;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        open.depth -= 1;
                    }
                    (_, true) => return Err(self.fault("`,` or `}`")),
                    (_, false) => return Err(self.fault("`,` or `]`")),
                }
            }
            return Ok(());
        }
    }

    /// A key and the colon after it.
    #[inline(always)]
    fn key(&mut self) -> Result<Key<'a>, ErrorKind> {
        self.expect(b'"', "a key in double quotes")?;
        let start = self.at;
        let escaped = self.string_rest()?;
        let body = &self.text[start..self.at - 1];
        self.blanks();
        self.expect(b':', "`:`")?;
        Ok(Key { body, start, escaped })
    }

    #[inline(always)]
    fn scalar(&mut self) -> Result<Class, ErrorKind> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(if self.string_rest()? { Class::Escaped } else { Class::Text })
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| Class::Number),
            Some(b't') => self.literal("true").map(|()| Class::True),
            Some(b'f') => self.literal("false").map(|()| Class::False),
            Some(b'n') => self.literal("null").map(|()| Class::Null),
            _ => Err(self.fault("a value")),
        }
    }

    /// What follows an opening quote, up to and with the closing one; whether it has escapes.
    #[inline(always)]
    fn string_rest(&mut self) -> Result<bool, ErrorKind> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            while let Some(chunk) = bytes[self.at..].first_chunk::<8>() {
                let special = special_bytes(u64::from_le_bytes(*chunk));
                if special != 0 {
                    self.at += special.trailing_zeros() as usize / 8;
                    break;
                }
                self.at += 8;
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.fault("no control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.fault("`\"`")),
            }
        }
    }

    /// An escape sequence; the cursor stands on its backslash.
    fn escape(&mut self) -> Result<(), ErrorKind> {
        const WANTED: &str = "a valid escape sequence";
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => match self.code_unit()? {
                0xD800..=0xDBFF => {
                    self.expect(b'\\', "the second half of a surrogate pair")?;
                    if self.peek().is_some_and(|next| next != b'u') {
                        return Err(self.fault("the second half of a surrogate pair"));
                    }
                    match self.code_unit()? {
                        0xDC00..=0xDFFF => Ok(()),
                        _ => Err(self.fault("the second half of a surrogate pair before this")),
                    }
                }
                0xDC00..=0xDFFF => Err(self.fault("the first half of a surrogate pair before this")),
                _ => Ok(()),
            },
            _ => Err(self.fault(WANTED)),
        }
    }

    /// A `u` and four hexadecimal digits.
    fn code_unit(&mut self) -> Result<u32, ErrorKind> {
        self.expect(b'u', "`u`")?;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|digit| char::from(digit).to_digit(16));
            unit = unit * 16 + digit.ok_or_else(|| self.fault("four hexadecimal digits"))?;
            self.at += 1;
        }
        Ok(unit)
    }

    #[inline(always)]
    fn number(&mut self) -> Result<(), ErrorKind> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    #[inline(always)]
    fn digits(&mut self) -> Result<(), ErrorKind> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.fault("a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    #[inline]
    fn literal(&mut self, literal: &'static str) -> Result<(), ErrorKind> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.starts_with(literal.as_bytes()) {
            self.at += literal.len();
            return Ok(());
        }
        if literal.as_bytes().starts_with(rest) {
            self.at = self.text.len();
        }
        Err(self.fault(literal))
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), ErrorKind> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.fault(expected))
        }
    }

    #[inline(always)]
    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What is wrong at the cursor: at the end of the text, it is that something is missing.
    #[cold]
    fn fault(&self, expected: &'static str) -> ErrorKind {
        if self.at >= self.text.len() {
            ErrorKind::TruncatedJson { at: self.text.len() }
        } else {
            ErrorKind::InvalidJson { at: self.at, expected }
        }
    }
}

/// The name of a member, between its quotes, valid but as written.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) body: &'a str,
    /// Where it begins.
    pub(crate) start: usize,
    pub(crate) escaped: bool,
}

/// Whether all of the text is one number in JSON's grammar.
pub(crate) fn is_number(text: &str) -> bool {
    let mut scanner = Scanner::new(text, 0, 0);
    scanner.number().is_ok() && scanner.at == text.len()
}

/// Which of the containers around the cursor are objects, innermost last.
struct OpenContainers {
    objects: [u64; DEEPEST / 64],
    depth: usize,
}

impl Default for OpenContainers {
    fn default() -> Self {
        Self { objects: [0; DEEPEST / 64], depth: 0 }
    }
}

impl OpenContainers {
    fn push(&mut self, is_object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        self.objects[word] = self.objects[word] & !(1 << bit) | u64::from(is_object) << bit;
        self.depth += 1;
    }

    fn innermost_is_object(&self) -> bool {
        let innermost = self.depth - 1;
        self.objects[innermost / 64] >> (innermost % 64) & 1 == 1
    }
}

/// Marks, by their highest bits, the bytes of a string that need a look: quotes, backslashes and
/// control characters. Marks above the lowest one may be wrong, the lowest never is.
#[inline]
fn special_bytes(chunk: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let quotes = chunk ^ (ONES * b'"' as u64);
    let backslashes = chunk ^ (ONES * b'\\' as u64);
    let is_quote = quotes.wrapping_sub(ONES) & !quotes;
    let is_backslash = backslashes.wrapping_sub(ONES) & !backslashes;
    let is_control = chunk.wrapping_sub(ONES * 0x20) & !chunk;
    (is_quote | is_backslash | is_control) & HIGH
}

//! As much of SiddhiQL as queries over patterns and sequences use.

use super::NotTranslated;
use super::tokens::tokens;

/// A query over streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// Streams with their attributes and whether each is a number of single precision.
    pub(super) streams: Vec<(String, Vec<(String, bool)>)>,
    /// For each partitioned stream, the attribute that is its key.
    pub(super) partition: Vec<(String, String)>,
    pub(super) chain: Option<Chain>,
    /// What is put out; `None` where something is calculated.
    pub(super) select: Option<Vec<Reference>>,
}

/// Elements one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    pub(super) elements: Vec<Element>,
    /// Whether each is the very next event.
    pub(super) strict: bool,
    /// Milliseconds for the whole.
    pub(super) within: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) every: bool,
    pub(super) part: Part,
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Basic(Basic),
    And(Basic, Basic),
    Or(Basic, Basic),
    Chain(Chain),
}

/// One event, or none.
#[derive(Clone, Debug)]
pub(super) struct Basic {
    pub(super) name: String,
    pub(super) stream: String,
    pub(super) filters: Vec<Expression>,
    pub(super) not: bool,
    /// Milliseconds for which nothing may come.
    pub(super) duration: Option<i64>,
    pub(super) count: Option<(u32, Option<u32>)>,
}

/// An attribute of an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reference {
    /// Of whose event; nothing for the event at hand.
    pub(super) of: Option<String>,
    pub(super) index: Index,
    pub(super) attribute: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Index {
    Single,
    First,
    /// So many after the first.
    At(usize),
    Last,
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Text(String),
    Bool(bool),
    Reference(Reference),
    IsNull(Box<Expression>),
    Not(Box<Expression>),
    Binary(String, Box<Expression>, Box<Expression>),
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Query, NotTranslated> {
    if text.matches("insert into").count() != 1 {
        return Err(NotTranslated::because("more than one query"));
    }
    let mut parser = Parser { tokens: tokens(text), next: 0, unnamed: 0 };
    parser.query()
}

struct Parser {
    tokens: Vec<String>,
    next: usize,
    unnamed: usize,
}

impl Parser {
    fn peek(&self) -> &str {
        self.peek_at(0)
    }

    fn peek_at(&self, offset: usize) -> &str {
        self.tokens.get(self.next + offset).map_or("", String::as_str)
    }

    fn take(&mut self) -> String {
        let token = self.peek().to_string();
        self.next += 1;
        token
    }

    /// Takes the next token if it is this one.
    fn eat(&mut self, token: &str) -> bool {
        let found = self.peek().eq_ignore_ascii_case(token);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), NotTranslated> {
        if self.eat(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> NotTranslated {
        NotTranslated::because("syntax beyond patterns and sequences").with(self.peek())
    }

    fn query(&mut self) -> Result<Query, NotTranslated> {
        let mut query = Query::default();
        loop {
            if self.eat("@") {
                self.annotation();
            } else if self.eat("define") {
                self.stream(&mut query)?;
            } else if self.eat("partition") {
                self.partition(&mut query)?;
            } else if self.eat("from") {
                break;
            } else if !self.eat(";") {
                return Err(self.unexpected());
            }
        }
        query.chain = Some(self.chain("select")?);
        self.expect("select")?;
        query.select = self.select()?;
        Ok(query)
    }

    fn annotation(&mut self) {
        while !matches!(self.peek(), "(" | "define" | "from" | "partition" | "@" | "") {
            self.next += 1;
        }
        if self.eat("(") {
            while !self.eat(")") && !self.peek().is_empty() {
                self.next += 1;
            }
        }
    }

    fn stream(&mut self, query: &mut Query) -> Result<(), NotTranslated> {
        self.expect("stream")?;
        let name = self.take();
        self.expect("(")?;
        let mut attributes = Vec::new();
        while !self.eat(")") {
            let attribute = self.take();
            attributes.push((attribute, self.take() == "float"));
            self.eat(",");
        }
        query.streams.push((name, attributes));
        Ok(())
    }

    fn partition(&mut self, query: &mut Query) -> Result<(), NotTranslated> {
        self.expect("with")?;
        self.expect("(")?;
        while !self.eat(")") {
            let attribute = self.take();
            self.expect("of")?;
            query.partition.push((self.take(), attribute));
            self.eat(",");
        }
        self.expect("begin")
    }

    fn chain(&mut self, end: &str) -> Result<Chain, NotTranslated> {
        let mut chain = Chain::default();
        loop {
            let every = self.eat("every");
            let part = self.part()?;
            chain.elements.push(Element { every, part });
            if self.eat("within") {
                chain.within = Some(self.time()?);
            }
            if self.eat(",") {
                chain.strict = true;
            } else if !self.eat("->") {
                break;
            }
        }
        if self.peek().eq_ignore_ascii_case(end) { Ok(chain) } else { Err(self.unexpected()) }
    }

    fn part(&mut self) -> Result<Part, NotTranslated> {
        if self.eat("(") {
            let chain = self.chain(")")?;
            self.expect(")")?;
            return Ok(Part::Chain(chain));
        }
        let first = self.basic()?;
        if self.eat("and") {
            return Ok(Part::And(first, self.basic()?));
        }
        if self.eat("or") {
            return Ok(Part::Or(first, self.basic()?));
        }
        Ok(Part::Basic(first))
    }

    fn basic(&mut self) -> Result<Basic, NotTranslated> {
        let not = self.eat("not");
        let name = if self.peek_at(1) == "=" {
            let name = self.take();
            self.next += 1;
            name
        } else {
            self.unnamed += 1;
            format!("#{}", self.unnamed)
        };
        let stream = self.take();
        let mut filters = Vec::new();
        while self.eat("[") {
            filters.push(self.expression()?);
            self.expect("]")?;
        }
        let duration = if self.eat("for") { Some(self.time()?) } else { None };
        Ok(Basic { name, stream, filters, not, duration, count: self.count()? })
    }

    fn count(&mut self) -> Result<Option<(u32, Option<u32>)>, NotTranslated> {
        for (sign, count) in [("+", (1, None)), ("*", (0, None)), ("?", (0, Some(1)))] {
            if self.eat(sign) {
                return Ok(Some(count));
            }
        }
        if !self.eat("<") {
            return Ok(None);
        }
        let least = self.peek().parse().ok();
        self.next += usize::from(least.is_some());
        if self.eat(">") {
            return Ok(least.map(|least| (least, Some(least))));
        }
        self.expect(":")?;
        let most = self.peek().parse().ok();
        self.next += usize::from(most.is_some());
        self.expect(">")?;
        Ok(Some((least.unwrap_or(0), most)))
    }

    fn time(&mut self) -> Result<i64, NotTranslated> {
        let mut total = 0;
        while let Ok(number) = self.peek().parse::<i64>() {
            self.next += 1;
            let unit = self.take().to_lowercase();
            total += number
                * match unit.as_str() {
                    "milliseconds" | "millisecond" | "millisec" | "ms" => 1,
                    "sec" | "second" | "seconds" => 1000,
                    "min" | "minute" | "minutes" => 60_000,
                    _ => return Err(NotTranslated::because("unit of time").with(&unit)),
                };
        }
        // The unit may be written to the number.
        if total == 0 && self.peek().ends_with("sec") {
            let token = self.take();
            total = token.trim_end_matches("sec").parse::<i64>().unwrap_or(0) * 1000;
        }
        if total == 0 { Err(self.unexpected()) } else { Ok(total) }
    }

    fn select(&mut self) -> Result<Option<Vec<Reference>>, NotTranslated> {
        let mut references = Some(Vec::new());
        while !self.eat("insert") {
            if self.peek().is_empty() {
                return Err(self.unexpected());
            }
            if self.peek() == "(" {
                references = None;
            }
            if self.peek_at(1) == "." || self.peek_at(1) == "[" {
                let reference = self.reference()?;
                if let Some(references) = &mut references {
                    references.push(reference);
                }
            } else if self.peek_at(1) == "(" || self.peek().starts_with('\'') {
                references = None;
                self.next += 1;
            } else if self.eat("as") {
                self.next += 1;
            } else {
                if self.peek() == "*" {
                    references = None;
                }
                self.next += 1;
            }
        }
        Ok(references)
    }

    fn reference(&mut self) -> Result<Reference, NotTranslated> {
        let first = self.take();
        let index = if self.eat("[") {
            let index = match self.take().as_str() {
                "0" => Index::First,
                "last" => Index::Last,
                other => other.parse().map_or(Index::Other, Index::At),
            };
            let plain = self.peek() == "]";
            while !self.eat("]") {
                if self.peek().is_empty() {
                    return Err(self.unexpected());
                }
                self.next += 1;
            }
            if plain { index } else { Index::Other }
        } else {
            Index::Single
        };
        if self.eat(".") {
            return Ok(Reference { of: Some(first), index, attribute: self.take() });
        }
        Ok(Reference { of: None, index, attribute: first })
    }

    fn expression(&mut self) -> Result<Expression, NotTranslated> {
        self.binary(&[&["or"], &["and"], &["==", "!=", "<", "<=", ">", ">="], &["+", "-"], &["*", "/"]])
    }

    fn binary(&mut self, levels: &[&[&str]]) -> Result<Expression, NotTranslated> {
        let Some((operators, tighter)) = levels.split_first() else { return self.atom() };
        let mut left = self.binary(tighter)?;
        while operators.iter().any(|operator| self.peek().eq_ignore_ascii_case(operator)) {
            let operator = self.take().to_lowercase();
            left = Expression::Binary(operator, Box::new(left), Box::new(self.binary(tighter)?));
        }
        Ok(left)
    }

    fn atom(&mut self) -> Result<Expression, NotTranslated> {
        let token = self.peek().to_string();
        let mut atom = if self.eat("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            inner
        } else if self.eat("not") {
            Expression::Not(Box::new(self.atom()?))
        } else if token.starts_with('\'') || token.starts_with('"') {
            self.next += 1;
            Expression::Text(token.trim_matches(['\'', '"']).to_string())
        } else if token.starts_with(|character: char| character.is_ascii_digit()) {
            self.next += 1;
            let number = token.trim_end_matches(['f', 'F', 'l', 'L', 'd', 'D']).parse();
            Expression::Number(number.map_err(|_| self.unexpected())?)
        } else if token == "true" || token == "false" {
            self.next += 1;
            Expression::Bool(token == "true")
        } else if self.peek_at(1) == "(" || self.peek_at(1) == ":" {
            return Err(NotTranslated::because("a function").with(&token));
        } else {
            Expression::Reference(self.reference()?)
        };
        if self.eat("is") {
            self.expect("null")?;
            atom = Expression::IsNull(Box::new(atom));
        }
        Ok(atom)
    }
}

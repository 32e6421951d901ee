//! Reads graphs in the language of Graphviz, as much of it as the command writes, and refuses all else.

use std::collections::BTreeMap;

/// A graph.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The labels of its boxes, in order.
    pub(super) boxes: Vec<String>,
    /// Nodes by id, with their labels.
    pub(super) nodes: BTreeMap<String, String>,
    /// From, to, label.
    pub(super) edges: Vec<(String, String, String)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Id(String),
    Text(String),
    Arrow,
    Mark(char),
}

/// The graph, or why the text is none.
pub(super) fn parse(text: &str) -> Result<Graph, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, graph: Graph::default() };
    parser.keyword("digraph")?;
    parser.statements()?;
    match parser.tokens.get(parser.at) {
        None => Ok(parser.graph),
        Some(token) => Err(format!("{token:?} after the graph")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    graph: Graph,
}

impl Parser {
    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("the text ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token) -> Result<(), String> {
        let found = self.next()?;
        if found == *token { Ok(()) } else { Err(format!("{found:?} instead of {token:?}")) }
    }

    fn keyword(&mut self, word: &str) -> Result<(), String> {
        self.expect(&Token::Id(word.to_owned()))
    }

    /// `{ … }`
    fn statements(&mut self) -> Result<(), String> {
        self.expect(&Token::Mark('{'))?;
        while !self.take(&Token::Mark('}')) {
            self.statement()?;
        }
        Ok(())
    }

    fn statement(&mut self) -> Result<(), String> {
        let Token::Id(name) = self.next()? else { return Err("a statement begins with a name".to_owned()) };
        if name == "subgraph" {
            let Token::Id(name) = self.next()? else { return Err("a subgraph has a name".to_owned()) };
            if !name.starts_with("cluster_") {
                return Err(format!("{name} is not drawn as a box"));
            }
            return self.statements();
        }
        if self.take(&Token::Mark('=')) {
            let (Token::Id(value) | Token::Text(value)) = self.next()? else {
                return Err(format!("{name} has no value"));
            };
            if name == "label" {
                self.graph.boxes.push(value);
            }
        } else if self.take(&Token::Arrow) {
            let Token::Id(to) = self.next()? else { return Err("an edge leads to a node".to_owned()) };
            let label = self.attributes()?;
            self.graph.edges.push((name, to, label));
        } else {
            let label = self.attributes()?;
            let is_default = name == "node" || name == "edge";
            if !is_default && self.graph.nodes.insert(name.clone(), label).is_some() {
                return Err(format!("{name} stands twice"));
            }
        }
        self.expect(&Token::Mark(';'))
    }

    /// `[name=value, …]`; tells the label.
    fn attributes(&mut self) -> Result<String, String> {
        const KNOWN: [&str; 3] = ["label", "shape", "style"];
        let mut label = String::new();
        self.expect(&Token::Mark('['))?;
        loop {
            let Token::Id(name) = self.next()? else { return Err("an attribute has a name".to_owned()) };
            if !KNOWN.contains(&name.as_str()) {
                return Err(format!("the attribute {name} is not known"));
            }
            self.expect(&Token::Mark('='))?;
            let (Token::Id(value) | Token::Text(value)) = self.next()? else {
                return Err(format!("{name} has no value"));
            };
            if name == "label" {
                label = value;
            }
            if self.take(&Token::Mark(']')) {
                return Ok(label);
            }
            self.expect(&Token::Mark(','))?;
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            c if c.is_whitespace() => {}
            '{' | '}' | '[' | ']' | '=' | ',' | ';' => tokens.push(Token::Mark(character)),
            '-' if rest.next_if_eq(&'>').is_some() => tokens.push(Token::Arrow),
            '"' => {
                let mut value = String::new();
                loop {
                    match rest.next().ok_or("a text has no end")? {
                        '"' => break,
                        '\\' => match rest.next() {
                            Some('n') => value.push('\n'),
                            Some(escaped @ ('"' | '\\')) => value.push(escaped),
                            other => return Err(format!("\\{other:?} means nothing")),
                        },
                        other => value.push(other),
                    }
                }
                tokens.push(Token::Text(value));
            }
            c if c.is_ascii_alphanumeric() || c == '_' => {
                let mut name = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                // A name is letters and digits without a digit first, or a number.
                let is_number = name.chars().all(|c| c.is_ascii_digit());
                if name.starts_with(|c: char| c.is_ascii_digit()) && !is_number {
                    return Err(format!("{name} is neither a name nor a number"));
                }
                tokens.push(Token::Id(name));
            }
            other => return Err(format!("{other:?} has no place in a graph")),
        }
    }
    Ok(tokens)
}

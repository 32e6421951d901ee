//! Puts events together into nodes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, ScalarStyle, Tag};

use super::places::{after_block_header, block_place, skip_properties};
use super::{MAX_DEPTH, resolve};
use crate::scalar::{Style, quoted_end};
use crate::{Diagnostic, Diagnostics, Mapping, Node, Scalar, SourceFile, Span, Value};

/// How many bytes of copied nodes anchors and aliases may bring about in a document.
const MAX_COPIED_BYTES: usize = 4_000_000;

/// How many duplicate keys are reported.
const MAX_DUPLICATES: usize = 100;

const TAG_HELP: &str = "leave the tag out, and put a text that starts with `!` in quotes";

const KEY_HELP: &str = "a text that starts with `{` or `[` needs quotes";

/// The state between two events.
pub(super) struct Builder<'a> {
    file: &'a Arc<SourceFile>,
    /// The lists and mappings that are open, outermost first.
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchored>,
    copied_bytes: usize,
    problems: Diagnostics,
}

/// A list or mapping whose end has not come yet.
struct Open {
    start: usize,
    /// The end of what it holds so far.
    end: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<(Scalar, Node)>,
        places: HashMap<String, Span>,
        /// The key whose value comes next.
        key: Option<Scalar>,
    },
}

/// A node that aliases may refer to.
struct Anchored {
    node: Node,
    bytes: usize,
    depth: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(file: &'a Arc<SourceFile>) -> Builder<'a> {
        Builder {
            file,
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            copied_bytes: 0,
            problems: Diagnostics::new(),
        }
    }

    /// Takes the next event, with its place in bytes. An error ends the document.
    pub(super) fn add(&mut self, event: Event<'_>, span: Span) -> Result<(), Box<Diagnostic>> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(text.into_owned(), style, tag, span)?;
                self.put(node, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let content = Content::Sequence(Vec::new());
                self.open(content, "seq", anchor, tag, span)
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Mapping { entries: Vec::new(), places: HashMap::new(), key: None };
                self.open(content, "map", anchor, tag, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    pub(super) fn finish(self) -> (Option<Node>, Diagnostics) {
        (self.root, self.problems)
    }

    pub(super) fn into_problems(self) -> Diagnostics {
        self.problems
    }

    fn error(
        &self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: &str,
    ) -> Box<Diagnostic> {
        Box::new(Diagnostic::error(code, self.file, span, message).with_help(help))
    }

    /// The anchor and tag before the content of a node.
    fn properties_place(&self, event: Span, content: usize) -> Span {
        let before = &self.file.text()[event.start..content.max(event.start)];
        Span::new(event.start, event.start + before.trim_end().len())
    }

    fn too_deep(&self, span: Span) -> Box<Diagnostic> {
        let message = format!("lists and mappings are nested more than {MAX_DEPTH} deep");
        self.error("too-deep", span, message, "write it flatter")
    }

    fn scalar(
        &self,
        value: String,
        style: ScalarStyle,
        tag: Option<Cow<'_, Tag>>,
        span: Span,
    ) -> Result<Node, Box<Diagnostic>> {
        let scalar = self.place_scalar(value, style, span);
        let resolved = match (tag, style) {
            (Some(tag), _) => resolve::tagged(&tag, &scalar.value).map_err(|message| {
                let properties = self.properties_place(span, scalar.span.start);
                self.error("unknown-tag", properties, message, TAG_HELP)
            })?,
            (None, ScalarStyle::Plain) => resolve::plain(&scalar.value),
            (None, _) => None,
        };
        Ok(match resolved {
            Some(value) => Node::plain(scalar, value),
            None => Node::new(scalar.span, Value::String(scalar)),
        })
    }

    /// The span of an event begins with the anchor and the tag, ends beyond the blanks and comments
    /// that follow a closing quote or a block text, and for an empty value is that of the next
    /// token. This finds the text itself.
    fn place_scalar(&self, value: String, style: ScalarStyle, span: Span) -> Scalar {
        let text = self.file.text();
        let start = skip_properties(text, span);
        let (span, style) = match style {
            ScalarStyle::Plain if value.is_empty() => (self.empty_place(span), Style::Plain),
            ScalarStyle::Plain => (Span::new(start, span.end.max(start)), Style::Plain),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                let end = quoted_end(text, start).unwrap_or(span.end).max(start);
                let style = match style {
                    ScalarStyle::SingleQuoted => Style::Single,
                    _ => Style::Double,
                };
                (Span::new(start, end), style)
            }
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let style = match style {
                    ScalarStyle::Literal => Style::Literal,
                    _ => Style::Folded,
                };
                let start = match start > span.start {
                    true => after_block_header(text, start),
                    false => start,
                };
                (block_place(text, &value, start, span.end), style)
            }
        };
        Scalar::new(value, span, style, self.file)
    }

    /// The place of a value that was left out: the colon or dash before it.
    fn empty_place(&self, span: Span) -> Span {
        let text = self.file.text();
        if let Some(Open { content: Content::Mapping { key: Some(key), .. }, .. }) = self.open.last() {
            let after = &text[key.span.end..];
            let colon = key.span.end + (after.len() - after.trim_start_matches([' ', '\t']).len());
            return match text[colon..].starts_with(':') {
                true => Span::new(colon, colon + 1),
                false => key.span,
            };
        }
        let end = text[..span.start].trim_end().len();
        match text[..end].ends_with('-') {
            true => Span::new(end - 1, end),
            false => Span::empty(span.start),
        }
    }

    fn open(
        &mut self,
        content: Content,
        kind: &str,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        span: Span,
    ) -> Result<(), Box<Diagnostic>> {
        let start = skip_properties(self.file.text(), span);
        let head = Span::new(start, span.end.max(start));
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && tag.suffix == kind)
        {
            let properties = self.properties_place(span, start);
            let message = format!("unknown tag `{tag}`");
            return Err(self.error("unknown-tag", properties, message, TAG_HELP));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(self.too_deep(head));
        }
        if self.expects_key() {
            return Err(self.error("wrong-type", head, "a key must be a text", KEY_HELP));
        }
        self.open.push(Open { start, end: head.end, anchor, content });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), Box<Diagnostic>> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let mut end = open.end;
        // Closing brackets are of this collection; other tokens are what follows it.
        let is_bracket = self.file.text()[span.start..].starts_with([']', '}']);
        if is_bracket && span.end > span.start {
            end = span.start + 1;
        }
        let value = match open.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { entries, .. } => Value::Mapping(Mapping { entries }),
        };
        let node = Node::new(Span::new(open.start, end.max(open.start)), value);
        self.put(node, open.anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(self.error(
                "bad-alias",
                span,
                "the alias stands inside what it refers to",
                "refer to something that ends before it",
            ));
        };
        if self.open.len() + anchored.depth > MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        let bytes = anchored.bytes;
        self.count_copy(bytes, span)?;
        let node = self.anchors[&anchor].node.clone();
        self.put_at(node, 0, Some(span))
    }

    fn count_copy(&mut self, bytes: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        self.copied_bytes = self.copied_bytes.saturating_add(bytes);
        if self.copied_bytes <= MAX_COPIED_BYTES {
            return Ok(());
        }
        Err(self.error(
            "too-many-aliases",
            span,
            "anchors and aliases make the document too large",
            "write fewer aliases, or aliases to smaller parts",
        ))
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Mapping { key: None, .. }, .. }))
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Box<Diagnostic>> {
        self.put_at(node, anchor, None)
    }

    /// Puts a finished node where it belongs. `alias` is the place of the alias that it stands for.
    fn put_at(&mut self, node: Node, anchor: usize, alias: Option<Span>) -> Result<(), Box<Diagnostic>> {
        let place = alias.unwrap_or(node.span);
        if anchor != 0 {
            let bytes = weight(&node);
            self.count_copy(bytes, place)?;
            let anchored = Anchored { depth: depth(&node), node: node.clone(), bytes };
            self.anchors.insert(anchor, anchored);
        }
        if self.expects_key() {
            return self.put_key(&node, place);
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(open) => {
                open.end = open.end.max(place.end);
                match &mut open.content {
                    Content::Sequence(items) => items.push(node),
                    Content::Mapping { entries, key, .. } => {
                        if let Some(key) = key.take() {
                            entries.push((key, node));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn put_key(&mut self, node: &Node, place: Span) -> Result<(), Box<Diagnostic>> {
        let Some(scalar) = node.scalar() else {
            return Err(self.error("wrong-type", place, "a key must be a text", KEY_HELP));
        };
        if node.is_null() && scalar.value.is_empty() {
            return Err(self.error(
                "wrong-type",
                place,
                "there is no key before this colon",
                "write `key: value`",
            ));
        }
        if scalar.value == "<<" {
            return Err(self.error(
                "merge-key",
                place,
                "merge keys are not part of YAML 1.2",
                "write the entries out, or use an alias for a whole value",
            ));
        }
        let scalar = scalar.clone();
        let Some(Open { end, content: Content::Mapping { places, key, .. }, .. }) = self.open.last_mut()
        else {
            return Ok(());
        };
        *end = (*end).max(place.end);
        let first = places.get(&scalar.value).copied();
        if first.is_none() {
            places.insert(scalar.value.clone(), place);
        }
        *key = Some(scalar.clone());
        if let Some(first) = first
            && self.problems.len() < MAX_DUPLICATES
        {
            let message = format!("the key `{}` stands twice in this mapping", scalar.value);
            self.problems.push(
                Diagnostic::error("duplicate-key", self.file, place, message)
                    .with_label("again here")
                    .with_related(first, "first here")
                    .with_help("leave one of the two out"),
            );
        }
        Ok(())
    }
}

/// An estimate of the memory of a node.
fn weight(node: &Node) -> usize {
    let scalar = |scalar: &Scalar| scalar.value.len();
    let own = size_of::<Node>() + node.scalar().map_or(0, scalar);
    match &node.value {
        Value::Sequence(items) => own + items.iter().map(weight).sum::<usize>(),
        Value::Mapping(mapping) => {
            let entry = |(key, value): &(Scalar, Node)| size_of::<Scalar>() + scalar(key) + weight(value);
            own + mapping.entries.iter().map(entry).sum::<usize>()
        }
        _ => own,
    }
}

/// How many lists and mappings lie within each other in a node, itself included.
fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Mapping(mapping) => {
            let values = mapping.entries.iter().map(|(_, value)| depth(value));
            1 + values.max().unwrap_or(0)
        }
        _ => 0,
    }
}

//! `lists`.

use olocus_document::{Fields, Node, Spanned, read};

use super::{Names, Parser};
use crate::rule::{List, ListFormat, ListKind, ListSource};

impl Parser<'_> {
    pub(super) fn lists(&mut self, fields: &mut Fields<'_>) -> Vec<List> {
        let items = fields.list("lists", self.diagnostics).unwrap_or_default();
        let mut names = Names::new("list", "duplicate-list");
        let mut lists = Vec::with_capacity(items.len());
        for item in items {
            let before = self.diagnostics.error_count();
            let list = self.list(item, &mut names);
            lists.extend(list.filter(|_| self.diagnostics.error_count() == before));
        }
        lists
    }

    fn list(&mut self, node: &Node, names: &mut Names) -> Option<List> {
        let mut fields = self.fields(node, "a list")?;
        let name = fields.require("name").and_then(|node| self.list_name(node, names));
        let source = self.list_source(&mut fields);
        let kind = self.list_kind(&mut fields);
        fields.finish(self.diagnostics);
        Some(List { name: name?, source: source?, kind, content: None, span: node.span })
    }

    fn list_name(&mut self, node: &Node, names: &mut Names) -> Option<Spanned<String>> {
        let name = read::string(node, "`name`", self.file, self.diagnostics)?;
        self.identifier(name, "list")?;
        names.insert(name, self);
        Some(Spanned::new(name.value.clone(), name.span))
    }

    fn list_kind(&mut self, fields: &mut Fields<'_>) -> ListKind {
        let Some(text) = fields.text("kind", self.diagnostics) else { return ListKind::default() };
        ListKind::parse(&text.value).unwrap_or_else(|| {
            self.unknown_word("kind", text, &ListKind::ALL.map(ListKind::as_str));
            ListKind::default()
        })
    }

    fn list_source(&mut self, fields: &mut Fields<'_>) -> Option<ListSource> {
        let (file, topic) = (fields.entry("file"), fields.entry("topic"));
        match (file, topic) {
            (None, None) => self.report(
                "missing-key",
                fields.head(),
                "the list does not say where its entries are",
                "add `file: PATH.csv`, `file: PATH.ndjson`, or `topic: TOPIC` and `key: FIELD`",
            ),
            (Some(_), Some((key, _))) => self.report(
                "two-sources",
                key.span,
                "the list is both in a `file` and in a `topic`",
                "leave one of the two out",
            ),
            _ => {}
        }
        let file = file.and_then(|(_, node)| self.list_file(node));
        let topic = topic.and_then(|(_, node)| self.topic(node, "topic"));
        let key = match topic.is_some() && file.is_none() {
            true => fields.require("key"),
            false => fields.node("key"),
        };
        let key = match key {
            Some(node) => self.list_key(node),
            None => None,
        };
        match (file, topic) {
            (Some((path, format, gzip)), _) => Some(ListSource::File { path, format, gzip, key }),
            (None, Some(topic)) => Some(ListSource::Topic { topic, key: key? }),
            (None, None) => None,
        }
    }

    fn list_file(&mut self, node: &Node) -> Option<(Spanned<String>, ListFormat, bool)> {
        let path = read::string(node, "`file`", self.file, self.diagnostics)?;
        let (plain, gzip) = match path.value.strip_suffix(".gz") {
            Some(plain) => (plain, true),
            None => (path.value.as_str(), false),
        };
        let (stem, format) = match plain.rsplit_once('.') {
            Some((stem, "csv")) => (stem, ListFormat::Csv),
            Some((stem, "ndjson")) => (stem, ListFormat::Ndjson),
            _ => ("", ListFormat::Csv),
        };
        if stem.is_empty() || stem.ends_with('/') || path.value.contains(char::is_control) {
            let message = format!("`{}` is not the path of a `.csv` or `.ndjson` file", path.value);
            let help = "write a path such as `lists/bad_ips.csv`, from the folder of this file";
            self.report("bad-path", path.span, message, help);
            return None;
        }
        Some((Spanned::new(path.value.clone(), path.span), format, gzip))
    }

    fn list_key(&mut self, node: &Node) -> Option<Spanned<String>> {
        let key = read::string(node, "`key`", self.file, self.diagnostics)?;
        if key.value.trim().is_empty() {
            let help = "write the name of a column or field, such as `host`";
            self.report("bad-name", key.span, "`key` names nothing", help);
            return None;
        }
        Some(Spanned::new(key.value.clone(), key.span))
    }
}

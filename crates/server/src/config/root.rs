//! The whole file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use olocus_document::{Diagnostics, Fields, Node, SourceFile};

use super::reader::Reader;
use super::{Config, events, later, sections, sources};

/// The longest application id: the names of its topics must fit into what Kafka takes.
const MAX_APPLICATION_ID: usize = 200;

/// Reads a document. What is wrong goes to `diagnostics`, and the value is then not to be used.
pub(super) fn config(
    root: &Node,
    file: &Arc<SourceFile>,
    directory: &Path,
    diagnostics: &mut Diagnostics,
) -> Option<Config> {
    let mut top = Fields::new(root, "the configuration", file, diagnostics)?;
    let section = top.require("orchestration");
    top.finish(diagnostics);

    let mut config = Config { directory: directory.to_owned(), ..Config::default() };
    let mut reader = Reader { file, directory, diagnostics };
    let Some(mut fields) = reader.section(section, "`orchestration`") else { return Some(config) };
    if let Some(id) = application_id(&mut reader, &mut fields) {
        config.application_id = id;
    }
    events::read(&mut reader, &mut fields, &mut config);
    config.rules = paths(&mut reader, &mut fields, "rules");
    config.schemas = fields.string("schemas", reader.diagnostics).map(|path| reader.path(path));
    config.sources = sources::read(&mut reader, &mut fields);
    config.topics = sections::topics(&mut reader, &mut fields, config.ordering);
    config.outputs = sections::outputs(&mut reader, &mut fields);
    sections::limits(&mut reader, &mut fields, &mut config.limits);
    sections::http(&mut reader, &mut fields, &mut config.http);
    if let Some(interval) = reader.duration(&mut fields, "commit_interval") {
        config.commit_interval = interval;
    }
    later::sections(&mut reader, &mut fields);
    fields.finish(diagnostics);
    Some(config)
}

/// What keeps a text from being an application id, and what would be right.
pub(super) fn application_id_problem(id: &str) -> Option<(String, String)> {
    if let Some(problem) = crate::topic_name::problem(id) {
        let message = format!("the application id starts the names of its topics, and {problem}");
        return Some((message, crate::topic_name::RULE.to_owned()));
    }
    (id.len() > MAX_APPLICATION_ID).then(|| {
        let help =
            format!("it can have {MAX_APPLICATION_ID}, because it starts the names of the engine's topics");
        (format!("the application id has {} characters", id.len()), help)
    })
}

fn application_id(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<String> {
    let id = fields.string("application_id", reader.diagnostics)?;
    if let Some((message, help)) = application_id_problem(&id.value) {
        reader.error("bad-application-id", id.span, message, help);
        return None;
    }
    Some(id.value.clone())
}

fn paths(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Vec<PathBuf> {
    let paths = fields.strings(key, reader.diagnostics).unwrap_or_default();
    paths.into_iter().map(|path| reader.path(path)).collect()
}

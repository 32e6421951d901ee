//! From text to [`Node`]s: saphyr's events with their markers go through the [`builder`]; what
//! saphyr refuses is explained by [`syntax`].

mod builder;
mod places;
mod positions;
mod resolve;
mod syntax;

use std::sync::Arc;

use saphyr_parser::{Event, Parser};

use crate::{Diagnostic, Diagnostics, Node, SourceFile, Span, Value};
use builder::Builder;
use positions::Positions;

/// The largest document that is read, in bytes.
pub const MAX_BYTES: usize = 10_000_000;

/// How deep lists and mappings may be nested.
pub const MAX_DEPTH: usize = 64;

/// Reads one YAML 1.2 document. An empty file is [`Value::Null`].
///
/// # Errors
/// Text that is no YAML; more than one document; duplicate keys (all of them are reported); keys
/// that are no scalars; unknown tags; nesting beyond [`MAX_DEPTH`]; a text beyond [`MAX_BYTES`];
/// aliases that would make the document explode.
pub fn parse(file: &Arc<SourceFile>) -> Result<Node, Diagnostics> {
    refuse_unreadable(file).map_err(|problem| Diagnostics::from(*problem))?;
    let positions = Positions::new(file.text());
    let mut builder = Builder::new(file);
    let mut documents = 0;
    for event in Parser::new_from_str(file.text()) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = positions.byte(error.marker().index());
                let mut problems = builder.into_problems();
                problems.push(syntax::explain(file, at, error.info()));
                return Err(problems);
            }
        };
        let span = Span::new(positions.byte(span.start.index()), positions.byte(span.end.index()));
        let added = match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 { Err(Box::new(several_documents(file, span))) } else { Ok(()) }
            }
            event => builder.add(event, span),
        };
        if let Err(problem) = added {
            let mut problems = builder.into_problems();
            problems.push(*problem);
            return Err(problems);
        }
    }
    let (root, problems) = builder.finish();
    if problems.is_empty() {
        Ok(root.unwrap_or_else(|| Node::new(Span::empty(0), Value::Null)))
    } else {
        Err(problems)
    }
}

/// What saphyr should not see: it treats NUL as the end of the text and lets other control
/// characters pass, which would later reach terminals.
fn refuse_unreadable(file: &Arc<SourceFile>) -> Result<(), Box<Diagnostic>> {
    let text = file.text();
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than the {MAX_BYTES} that are read", text.len());
        let problem = Diagnostic::error("file-too-large", file, Span::empty(0), message);
        return Err(Box::new(problem));
    }
    let control = |c: &char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let Some((at, character)) = text.char_indices().find(|(_, c)| control(c)) else {
        return Ok(());
    };
    let code = u32::from(character);
    let span = Span::new(at, at + character.len_utf8());
    let message = format!("the control character U+{code:04X} must not stand in a YAML file");
    let help = format!("remove it, or write it as `\\u{code:04x}` between double quotes");
    let problem = Diagnostic::error("yaml-syntax", file, span, message).with_help(help);
    Err(Box::new(problem))
}

fn several_documents(file: &Arc<SourceFile>, span: Span) -> Diagnostic {
    Diagnostic::error("several-documents", file, span, "a second document starts here")
        .with_help("a file holds one document: put the others into files of their own")
}

#[cfg(test)]
mod tests;

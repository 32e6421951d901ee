//! Where the content of a node stands within the place that its event gives.

use crate::Span;

/// The start of a node's content after its anchor, tag, and what separates them.
pub(super) fn skip_properties(text: &str, span: Span) -> usize {
    let mut at = span.start;
    let end = span.end.max(at);
    loop {
        let rest = &text[at..end];
        if rest.starts_with(['&', '!']) {
            at += rest.find([' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        } else if at > span.start && rest.starts_with([' ', '\t', '\r', '\n']) {
            // A block text without properties may start with blanks of its own.
            at += 1;
        } else if at > span.start && rest.starts_with('#') {
            at += rest.find('\n').unwrap_or(rest.len());
        } else {
            return at;
        }
    }
}

/// The start of the content of a block text whose indicator stands at `header`. Markers say so
/// themselves, except after an anchor or a tag. (Where an indentation indicator makes blanks part
/// of the content, this is off; [`Scalar::locate`](crate::Scalar::locate) then finds no places and gives the whole text.)
pub(super) fn after_block_header(text: &str, header: usize) -> usize {
    let Some(line) = text[header..].find('\n') else {
        return header;
    };
    let content = text[header + line..].trim_start_matches([' ', '\r', '\n']);
    text.len() - content.len()
}

/// The lines of a block text; the event's span ends only where the next token starts.
pub(super) fn block_place(text: &str, value: &str, start: usize, end: usize) -> Span {
    let end = end.max(start);
    if value.trim_matches('\n').is_empty() {
        return Span::empty(text[..start].trim_end().len());
    }
    let content = text[start..end].trim_end_matches([' ', '\t', '\r', '\n']);
    Span::new(start, start + content.len())
}

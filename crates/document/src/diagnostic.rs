//! Problems in source files, and how they are shown.

use std::fmt::Write;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Origin, Renderer, Snippet, normalize_untrusted_str};

use crate::{SourceFile, Span};

/// How grave a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The document is not used.
    Error,
    /// The document is used; something in it is probably not what was meant.
    Warning,
}

impl Level {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
        }
    }
}

/// One problem at one place of a source file.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How grave it is.
    pub level: Level,
    /// A stable short name of the kind of problem, such as `unknown-key`.
    pub code: &'static str,
    /// What is wrong, without trailing punctuation.
    pub message: String,
    /// The file it is in.
    pub file: Arc<SourceFile>,
    /// The place that is underlined.
    pub span: Span,
    /// Text beside the underline.
    pub label: Option<String>,
    /// What would be right.
    pub help: Option<String>,
    /// Other places of the same file that belong to the problem, with what they say.
    pub related: Vec<(Span, String)>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(
        code: &'static str,
        file: &Arc<SourceFile>,
        span: Span,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            level: Level::Error,
            code,
            message: message.into(),
            file: Arc::clone(file),
            span,
            label: None,
            help: None,
            related: Vec::new(),
        }
    }

    /// A warning at `span`.
    pub fn warning(
        code: &'static str,
        file: &Arc<SourceFile>,
        span: Span,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic { level: Level::Warning, ..Diagnostic::error(code, file, span, message) }
    }

    /// Says what would be right.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Puts a text beside the underline.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// Adds another place of the same file.
    #[must_use]
    pub fn with_related(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.related.push((span, text.into()));
        self
    }

    /// The problem as text in the style of rustc: `error[code]: message`, the place as
    /// `--> path:line:column`, an excerpt that points at it, and the help. Ends without line break.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let level = match self.level {
            Level::Error => annotate_snippets::Level::ERROR,
            Level::Warning => annotate_snippets::Level::WARNING,
        };
        let message = printable(&self.message).replace('\n', "␊");
        let group = Group::with_title(level.primary_title(message).id(self.code));
        let mut group = match self.file.text().is_empty() {
            // There is nothing to show of a file that is empty or could not be read.
            true => group.element(Origin::path(printable(self.file.name())).line(1).char_column(1)),
            false => group.element(self.excerpt()),
        };
        if let Some(help) = &self.help {
            group = group.element(annotate_snippets::Level::HELP.message(printable(help)));
        }
        renderer.render(&[group])
    }

    /// The lines from the first place to the last. Only these are handed to the renderer, which
    /// would otherwise take the whole file apart for each problem.
    fn excerpt(&self) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let spans = || std::iter::once(&self.span).chain(self.related.iter().map(|(span, _)| span));
        let first = spans().map(|span| span.start).min().unwrap_or(0);
        let last = spans().map(|span| span.end).max().unwrap_or(0);
        let start = self.file.line_start(first);
        let end = self.file.line_end(last).max(start);
        let (line, _) = self.file.line_column(start);
        let text = self.file.shown();
        let within = |span: Span| {
            let from = text.floor_char_boundary(span.start.clamp(start, end));
            let to = text.ceil_char_boundary(span.end.clamp(from, end));
            from - start..to - start
        };

        let mut primary = AnnotationKind::Primary.span(within(self.span));
        if let Some(label) = &self.label {
            primary = primary.label(printable(label));
        }
        Snippet::source(&text[start..end])
            .line_start(line)
            .path(printable(self.file.name()))
            .annotation(primary)
            .annotations(
                self.related
                    .iter()
                    .map(|(span, text)| AnnotationKind::Context.span(within(*span)).label(printable(text))),
            )
    }
}

/// The text without what could steer a terminal; a key of a file may hold anything by escapes.
fn printable(text: &str) -> String {
    let is_harmless = |c: char| c == '\n' || !c.is_control();
    let mut printable = String::with_capacity(text.len());
    for character in normalize_untrusted_str(text).chars() {
        if is_harmless(character) {
            printable.push(character);
        } else {
            printable.extend(character.escape_unicode());
        }
    }
    printable
}

/// Problems, in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// No problems.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Whether any is an error.
    pub fn has_errors(&self) -> bool {
        self.error_count() > 0
    }

    /// How many are errors.
    pub fn error_count(&self) -> usize {
        self.iter().filter(|diagnostic| diagnostic.level == Level::Error).count()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Orders them by file name and place, as [`Diagnostics::render`] shows them.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.span.start, d.span.end, d.level);
            a.file.name().cmp(b.file.name()).then_with(|| key(a).cmp(&key(b)))
        });
    }

    /// All of them as text, by file and place, with an empty line after each.
    pub fn render(&self, color: bool) -> String {
        let mut sorted = self.clone();
        sorted.sort();
        sorted.iter().fold(String::new(), |mut text, diagnostic| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}\n", diagnostic.render(color));
            text
        })
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        self.0.extend(diagnostics);
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Diagnostics {
        Diagnostics(diagnostics.into_iter().collect())
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Diagnostics {
        Diagnostics(vec![diagnostic])
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_like_rustc() {
        let file = SourceFile::new("rules/a.yaml", "first: 1\n\nthird: größe x\nlast: 2\n");
        let at = file.text().find('x').unwrap();
        let problem = Diagnostic::warning("some-code", &file, Span::new(at, at + 1), "bad x")
            .with_label("this one")
            .with_related(Span::new(0, 5), "because of this")
            .with_help("write y");
        insta::assert_snapshot!(problem.render(false), @r#"
        warning[some-code]: bad x
         --> rules/a.yaml:3:14
          |
        1 | first: 1
          | ----- because of this
        2 |
        3 | third: größe x
          |              ^ this one
          |
          = help: write y
        "#);
        assert!(problem.render(true).contains("\u{1b}["));
    }

    #[test]
    fn shows_places_at_the_end_and_beyond() {
        for text in ["", "a", "a\n", "ä\r\n\r\n"] {
            let file = SourceFile::new("f", text);
            for (start, end) in [(text.len(), text.len()), (0, 100), (100, 200), (1, 0)] {
                let problem = Diagnostic::error("c", &file, Span::new(start, end), "m");
                assert!(problem.render(false).contains("--> f:"), "{text:?} {start}..{end}");
            }
        }
    }

    #[test]
    fn problems_are_shown_by_file_and_place() {
        let files = ["b", "a"].map(|name| SourceFile::new(name, "x y"));
        let mut all = Diagnostics::new();
        for (file, at) in [(0, 0), (1, 2), (1, 0)] {
            let span = Span::new(at, at + 1);
            all.push(Diagnostic::warning("c", &files[file], span, format!("m{file}{at}")));
        }
        let text = all.render(false);
        let places = ["m10", "m12", "m00"].map(|message| text.find(message).unwrap());
        assert!(places.is_sorted(), "{text}");
        assert!(!all.has_errors());
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let file = SourceFile::new("f\u{1b}[2J", "x");
        let problem = Diagnostic::error("c", &file, Span::new(0, 1), "key `\u{1b}[31m\u{9b}\n`")
            .with_help("\u{202e}\u{7f}");
        let text = problem.render(false);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}'));
        assert_eq!(text.lines().next(), Some("error[c]: key `␛[31m\\u{9b}␊`"));
    }
}

//! Secrets: referred to in the configuration, looked up when the engine starts, never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use olocus_document::{Diagnostic, SourceFile, Span};

/// A secret text. Its debug form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into custody.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret is to be found.
#[derive(Debug, Clone)]
pub struct SecretRef {
    origin: Origin,
    file: Arc<SourceFile>,
    span: Span,
}

#[derive(Debug, Clone)]
enum Origin {
    Variable(String),
    File(PathBuf),
}

impl SecretRef {
    pub(super) fn variable(name: String, file: &Arc<SourceFile>, span: Span) -> SecretRef {
        SecretRef { origin: Origin::Variable(name), file: Arc::clone(file), span }
    }

    pub(super) fn in_file(path: PathBuf, file: &Arc<SourceFile>, span: Span) -> SecretRef {
        SecretRef { origin: Origin::File(path), file: Arc::clone(file), span }
    }

    /// Looks the secret up. Line breaks at the end of a file do not belong to it.
    ///
    /// # Errors
    /// A variable that is not set, a file that cannot be read, or an empty secret: a diagnostic that points at
    /// the reference.
    pub fn read(&self, environment: &Environment) -> Result<Secret, Box<Diagnostic>> {
        let text = match &self.origin {
            Origin::Variable(name) => environment.get(name).ok_or_else(|| {
                // Somebody may have put the secret itself here.
                let which = match crate::redact::is_variable_name(name) {
                    true => format!("the environment variable `{name}`"),
                    false => "the environment variable that is named here".to_owned(),
                };
                Box::new(self.problem("missing-secret", format!("{which} is not set")))
            })?,
            Origin::File(path) => std::fs::read_to_string(path).map_err(|error| {
                Box::new(
                    self.problem("missing-secret", format!("`{}` can't be read: {error}", path.display())),
                )
            })?,
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(Box::new(self.problem("missing-secret", "the secret is empty")));
        }
        Ok(Secret::new(text))
    }

    /// A diagnostic that points at the reference.
    pub fn problem(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, &self.file, self.span, message)
    }
}

/// Environment variables: those of the process, or fixed ones.
#[derive(Clone)]
pub struct Environment(Arc<Lookup>);

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Environment {
        Environment(Arc::new(|name| std::env::var(name).ok()))
    }

    /// Exactly these variables.
    pub fn fixed<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Environment {
        let variables: BTreeMap<String, String> =
            variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Environment(Arc::new(move |name| variables.get(name).cloned()))
    }

    /// The value of a variable, if it is set and UTF-8.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment(…)")
    }
}

//! Problems within expressions → what is said about them, with their place in the file.

use olocus_document::{Diagnostic, Diagnostics, Scalar};
use olocus_expr::Problem;

/// The expressions over what a rule finds, to point into.
pub(super) struct BodyTexts<'a> {
    pub(super) having: Option<&'a Scalar>,
    pub(super) emit: &'a [(Scalar, Scalar)],
}

impl BodyTexts<'_> {
    /// Reports what [`Compiler::window_exprs`] or [`Compiler::sequence_exprs`] found. Where the fields of the key are not known, whether a field is one
    /// of them is not known either.
    pub(super) fn report(
        &self,
        problems: Vec<(usize, Problem)>,
        key_is_known: bool,
        diagnostics: &mut Diagnostics,
    ) {
        // Text 0 is `having`, the others are those of `emit`.
        let texts: Vec<_> =
            std::iter::once(self.having).chain(self.emit.iter().map(|(_, text)| Some(text))).collect();
        for (at, problem) in problems {
            if key_is_known || problem.code != "not-grouped" {
                let text = texts[at].expect("problems are only found in texts that are there");
                diagnostics.push(point(text, problem));
            }
        }
    }
}

/// Turns a problem within an expression into one within the file that the expression stands in.
pub(super) fn point(text: &Scalar, problem: Problem) -> Diagnostic {
    let span = text.locate(problem.range.0, problem.range.1);
    let diagnostic = Diagnostic::error(problem.code, text.file(), span, problem.message);
    match problem.help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

//! What rule files can say and this engine does not evaluate yet. It is reported, so that nobody relies on what does not
//! happen.

use olocus_cep::rule::RuleFile;
use olocus_document::{Diagnostic, Diagnostics};

/// Reports lists, which expressions cannot name yet.
pub(super) fn report_lists(file: &RuleFile, diagnostics: &mut Diagnostics) {
    for list in &file.lists {
        let problem =
            Diagnostic::error("not-yet-active", &file.file, list.span, "`lists` cannot be used yet");
        diagnostics
            .push(problem.with_help("leave it out: this version of the engine does not evaluate it yet"));
    }
}

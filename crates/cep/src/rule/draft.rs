//! What is left of rules with mistakes in their shape.

use olocus_document::{Scalar, Span, Spanned};

use super::{TypePattern, Window};

/// What could be read of a rule whose shape has mistakes: enough to find those in its expressions in the same run. It is
/// never evaluated.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its name.
    pub name: Option<Spanned<String>>,
    /// The fields of its key; `None` where `by` could not be read in full, or may stand under another name.
    pub by: Option<Vec<Scalar>>,
    /// What it looks for; more than one where it has both a sequence and a window.
    pub bodies: Vec<DraftBody>,
    /// The condition on the aggregates of a window, or on a finished match of a sequence.
    pub having: Option<Scalar>,
    /// Names and expressions of the values of a match.
    pub emit: Vec<(Scalar, Scalar)>,
}

/// A [`Body`](super::Body) of which any part may be missing.
#[derive(Clone, Debug)]
pub enum DraftBody {
    /// Events one after the other: all that is asked of them in the order of the file, as
    /// [`Sequence::asked`](super::Sequence::asked) has it, also what could not be read.
    Sequence(Vec<DraftStep>),
    /// Events together.
    Window {
        /// Which events are together.
        window: Option<Window>,
        /// The event types.
        event: Option<Vec<Spanned<TypePattern>>>,
        /// The condition on an event, `where`.
        filter: Option<Scalar>,
    },
}

/// Something [asked](super::Asked) of events, of which any part may be missing.
#[derive(Clone, Debug)]
pub struct DraftStep {
    /// Why it is asked.
    pub role: DraftRole,
    /// The name of the step or `not`; of an `until`, that of the step that it belongs to.
    pub name: Option<Spanned<String>>,
    /// The event types.
    pub event: Option<Vec<Spanned<TypePattern>>>,
    /// The condition on the event, `where`.
    pub filter: Option<Scalar>,
    /// Where it stands.
    pub span: Span,
}

/// Why something is asked of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DraftRole {
    /// For a step, whose events can be named.
    Step,
    /// For a `not`, which takes no event.
    Not,
    /// For an `until`, which takes no event.
    Until,
    /// It is not known, because the element could not be read.
    Unknown,
}

impl DraftStep {
    /// An element of which nothing could be read.
    pub(super) fn unreadable(span: Span) -> DraftStep {
        DraftStep { role: DraftRole::Unknown, name: None, event: None, filter: None, span }
    }
}

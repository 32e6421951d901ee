//! What is left of rules with mistakes in their shape.

use olocus_document::{Scalar, Span, Spanned};

use super::{Body, Step, TypePattern, Window};

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
    /// The condition on the aggregates of a window.
    pub having: Option<Scalar>,
    /// Names and expressions of the values of a match.
    pub emit: Vec<(Scalar, Scalar)>,
}

/// A [`Body`] of which any part may be missing.
#[derive(Clone, Debug)]
pub enum DraftBody {
    /// Events one after the other.
    Sequence {
        /// All steps, also those of which nothing could be read.
        steps: Vec<DraftStep>,
        /// The time that all of them may take.
        within: Option<i64>,
    },
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

/// A [`Step`] of which any part may be missing.
#[derive(Clone, Debug)]
pub struct DraftStep {
    /// Its name.
    pub name: Option<Spanned<String>>,
    /// The event types.
    pub event: Option<Vec<Spanned<TypePattern>>>,
    /// The condition on the event, `where`.
    pub filter: Option<Scalar>,
    /// The time since the previous step's event.
    pub within: Option<i64>,
    /// Where the step stands.
    pub span: Span,
}

impl DraftBody {
    /// The body, if all that it needs is there.
    pub(super) fn complete(&self) -> Option<Body> {
        match self {
            DraftBody::Sequence { steps, within } => {
                let steps = steps.iter().map(DraftStep::complete).collect::<Option<_>>()?;
                Some(Body::Sequence { steps, within: *within })
            }
            DraftBody::Window { window, event, filter } => {
                Some(Body::Window { window: (*window)?, event: event.clone()?, filter: filter.clone() })
            }
        }
    }
}

impl DraftStep {
    /// A step of which nothing could be read.
    pub(super) fn unreadable(span: Span) -> DraftStep {
        DraftStep { name: None, event: None, filter: None, within: None, span }
    }

    fn complete(&self) -> Option<Step> {
        Some(Step {
            name: self.name.clone()?,
            event: self.event.clone()?,
            filter: self.filter.clone(),
            within: self.within,
            span: self.span,
        })
    }
}

//! What an event can be compared with.

use std::fmt;
use std::sync::Arc;

use super::ValueOf;
use crate::aggregate::{AggregateFunction, Scalar};
use crate::pattern::RegisterFunction;

/// What a match has taken before: what an event can be [compared](super::EventPattern::compared) with.
pub struct Earlier<E> {
    pub(super) step: String,
    pub(super) function: RegisterFunction,
    pub(super) value: Option<ValueOf<E>>,
}

impl<E> Earlier<E> {
    /// The value of the first event taken under this name.
    pub fn first<V: Into<Scalar>>(
        step: impl Into<String>,
        value: impl Fn(&E) -> V + Send + Sync + 'static,
    ) -> Self {
        Earlier::of(step, RegisterFunction::First, value)
    }

    /// The value of the last event taken under this name.
    pub fn last<V: Into<Scalar>>(
        step: impl Into<String>,
        value: impl Fn(&E) -> V + Send + Sync + 'static,
    ) -> Self {
        Earlier::of(step, RegisterFunction::Last, value)
    }

    /// An aggregate of the values of all events taken under this name.
    pub fn aggregate<V: Into<Scalar>>(
        function: AggregateFunction,
        step: impl Into<String>,
        value: impl Fn(&E) -> V + Send + Sync + 'static,
    ) -> Self {
        Earlier::of(step, RegisterFunction::Aggregate(function), value)
    }

    /// How many events were taken under this name.
    pub fn count(step: impl Into<String>) -> Self {
        let function = RegisterFunction::Aggregate(AggregateFunction::Count);
        Earlier { step: step.into(), function, value: None }
    }

    fn of<V: Into<Scalar>>(
        step: impl Into<String>,
        function: RegisterFunction,
        value: impl Fn(&E) -> V + Send + Sync + 'static,
    ) -> Self {
        Earlier { step: step.into(), function, value: Some(Arc::new(move |event| value(event).into())) }
    }
}

impl<E> fmt::Debug for Earlier<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.function, self.step)
    }
}

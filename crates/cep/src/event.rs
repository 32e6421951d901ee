//! Events that are made when they are needed.

/// What a row offers of its event: findings carry it, but most rows are of events that no rule ever holds.
pub trait MakeEvent<E> {
    /// The event. It is asked for by each rule that holds or tells it, and again where that does so twice: whoever makes
    /// something costly keeps it while the row is shown.
    fn make(&self) -> E;

    /// What the event owns beyond its own type, in bytes: what it costs to hold it.
    fn weight(&self) -> usize {
        0
    }
}

/// An event that is there already, and owns so many bytes beyond its own type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighing<E>(pub E, pub usize);

/// An event that is there already, and owns nothing.
impl<E: Clone> MakeEvent<E> for E {
    fn make(&self) -> E {
        self.clone()
    }
}

impl<E: Clone> MakeEvent<E> for Weighing<E> {
    fn make(&self) -> E {
        self.0.clone()
    }

    fn weight(&self) -> usize {
        self.1
    }
}

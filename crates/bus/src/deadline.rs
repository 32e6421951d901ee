use std::time::{Duration, Instant};

/// A point in time until which something is waited for or tried.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// Longer than anybody waits. Without a limit, a wait "for ever" would be past the end of time.
    const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    pub(crate) fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout.min(Self::LONGEST))
    }

    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub(crate) fn passed(self) -> bool {
        self.left().is_zero()
    }
}

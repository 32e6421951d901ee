use std::sync::Arc;
use std::time::Duration;

use crate::world::World;

/// The time of the world, or of one process in it.
#[derive(Clone)]
pub struct Clock {
    world: World,
    process: Option<Arc<str>>,
}

impl Clock {
    pub(crate) fn new(world: World, process: Option<Arc<str>>) -> Self {
        Self { world, process }
    }

    /// The wall clock: milliseconds since the Unix epoch. That of a process may be wrong, and jump.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        self.world.with(|broker| broker.wall_ms(self.process.as_deref()))
    }

    /// How long the world has existed. It never goes back.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.world.with(|broker| broker.now())
    }
}

//! An even rate of sending.

use std::thread;
use std::time::{Duration, Instant};

/// Sends so many events a second, counted from the beginning: a slow moment is made up for.
#[derive(Debug)]
pub(super) struct Pace {
    begin: Option<Instant>,
    sent: u64,
    rate: f64,
}

impl Pace {
    pub(super) fn new(rate: f64) -> Self {
        Self { begin: None, sent: 0, rate }
    }

    /// How many events to send at once, so that they come about twenty times a second.
    pub(super) fn batch(&self, max: usize) -> usize {
        ((self.rate / 20.0) as usize).clamp(1, max)
    }

    /// Waits until the next `count` events may be sent.
    pub(super) fn wait_for(&mut self, count: usize) {
        let begin = *self.begin.get_or_insert_with(Instant::now);
        thread::sleep(self.delay(begin.elapsed()));
        self.sent += count as u64;
    }

    /// How long it is until the next event is due.
    fn delay(&self, elapsed: Duration) -> Duration {
        let due = Duration::try_from_secs_f64(self.sent as f64 / self.rate).unwrap_or(Duration::MAX);
        due.saturating_sub(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_event_is_due_when_those_before_have_had_their_time() {
        let mut pace = Pace::new(50.0);
        assert_eq!(pace.delay(Duration::ZERO), Duration::ZERO);
        pace.sent = 100;
        assert_eq!(pace.delay(Duration::from_millis(1500)), Duration::from_millis(500));
        assert_eq!(pace.delay(Duration::from_secs(3)), Duration::ZERO);
        assert_eq!(Pace::new(1.0).batch(1000), 1);
        assert_eq!(Pace::new(1000.0).batch(1000), 50);
        assert_eq!(Pace::new(1e9).batch(1000), 1000);
    }
}

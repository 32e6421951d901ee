//! What a processor tells health checks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a part is not heard again in the log after it was: reasons contain times and counts, so that hardly one is
/// like another.
const SILENCE: Duration = Duration::from_secs(30);

/// Why a processor is not ready, if it is not.
#[derive(Debug)]
pub struct Status {
    parts: Mutex<BTreeMap<&'static str, Part>>,
}

/// What is known of a part.
#[derive(Debug, Default)]
struct Part {
    /// What is in its way now.
    reason: Option<String>,
    /// When that was last logged.
    logged: Option<Instant>,
    /// Whether the log's last word of it is that something is in its way.
    complained: bool,
}

impl Status {
    /// Not ready yet: the processor has not read anything.
    pub(super) fn starting() -> Status {
        let part = Part { reason: Some("starting".to_owned()), ..Part::default() };
        Status { parts: Mutex::new([("start", part)].into()) }
    }

    /// Ready, or everything that is in the way.
    ///
    /// # Errors
    /// The reasons, such as a log that cannot be reached.
    pub fn ready(&self) -> Result<(), String> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let reasons: Vec<&str> = parts.values().filter_map(|part| part.reason.as_deref()).collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ")) }
    }

    /// Notes a reason under the name of the part that has it, and logs it now and then.
    pub(super) fn hinder(&self, part: &'static str, reason: String) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = parts.entry(part).or_default().hinder(reason, Instant::now()) {
            tracing::warn!(part, "{reason}");
        }
    }

    /// The part has nothing in its way any longer.
    pub(super) fn clear(&self, part: &'static str) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.get_mut(part).is_some_and(Part::clear) {
            tracing::info!(part, "ready");
        }
    }
}

impl Part {
    /// Notes a reason, and returns it if it is to be logged.
    fn hinder(&mut self, reason: String, now: Instant) -> Option<&str> {
        let same = self.complained && self.reason.as_ref() == Some(&reason);
        self.reason = Some(reason);
        if same || self.logged.is_some_and(|logged| now.duration_since(logged) < SILENCE) {
            return None;
        }
        (self.logged, self.complained) = (Some(now), true);
        self.reason.as_deref()
    }

    /// Forgets the reason, and says whether that is to be logged.
    fn clear(&mut self) -> bool {
        let first = self.logged.is_none() && self.reason.is_some();
        self.reason = None;
        std::mem::take(&mut self.complained) || first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_once_no_part_hinders() {
        let status = Status::starting();
        status.hinder("log", "the broker is away".to_owned());
        assert_eq!(status.ready().unwrap_err(), "the broker is away; starting");
        status.clear("start");
        status.clear("log");
        assert_eq!(status.ready(), Ok(()));
    }

    #[test]
    fn a_part_is_logged_now_and_then_however_its_reasons_differ() {
        let (mut part, begin) = (Part::default(), Instant::now());
        let logged = (0..61).filter(|&second| {
            part.hinder(format!("away after {second} s"), begin + Duration::from_secs(second)).is_some()
        });
        assert_eq!(logged.collect::<Vec<_>>(), [0, 30, 60]);
        assert_eq!(part.reason.as_deref(), Some("away after 60 s"), "health checks tell the last");
        assert!(part.clear() && !part.clear(), "the end is told once");
    }

    #[test]
    fn a_part_that_comes_and_goes_does_not_flood_the_log() {
        let (mut part, begin) = (Part::default(), Instant::now());
        let hinder = |part: &mut Part, after| part.hinder("away".to_owned(), begin + after).is_some();
        assert!(hinder(&mut part, Duration::ZERO));
        assert!(part.clear());
        assert!(!hinder(&mut part, Duration::from_secs(1)));
        assert!(!part.clear(), "as its absence was not told, its return is not");
        assert!(hinder(&mut part, SILENCE));
        assert!(!hinder(&mut part, 3 * SILENCE), "the same needs no repetition");
        assert!(part.clear());
    }
}

//! What a processor tells health checks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Why a processor is not ready, if it is not.
#[derive(Debug)]
pub struct Status {
    reasons: Mutex<BTreeMap<&'static str, String>>,
}

impl Status {
    /// Not ready yet: the processor has not read anything.
    pub(super) fn starting() -> Status {
        Status { reasons: Mutex::new([("start", "starting".to_owned())].into()) }
    }

    /// Ready, or everything that is in the way.
    ///
    /// # Errors
    /// The reasons, such as a log that cannot be reached.
    pub fn ready(&self) -> Result<(), String> {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        if reasons.is_empty() {
            return Ok(());
        }
        Err(reasons.values().map(String::as_str).collect::<Vec<_>>().join("; "))
    }

    /// Notes a reason under the name of the part that has it; a part that says it first logs it.
    pub(super) fn hinder(&self, part: &'static str, reason: String) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        if reasons.get(part) != Some(&reason) {
            tracing::warn!(part, "{reason}");
            reasons.insert(part, reason);
        }
    }

    /// The part has nothing in its way any longer.
    pub(super) fn clear(&self, part: &'static str) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        if reasons.remove(part).is_some() {
            tracing::info!(part, "ready");
        }
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
}

//! When failed attempts are made again.

use std::time::Duration;

/// A policy as data: how often, how far apart, for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    /// Attempts, the first one counted.
    pub(crate) attempts: u32,
    /// The longest wait before the second attempt; it doubles with each.
    pub(crate) first: Duration,
    /// No attempt begins later than this after the first one began.
    pub(crate) total: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { attempts: 5, first: Duration::from_secs(1), total: Duration::from_secs(60) }
    }
}

impl Retry {
    /// The waits between attempts. `random` yields numbers from 0 to 1 and takes up to half of each wait away, so
    /// that receivers that come back are not met by all senders at once.
    pub(crate) fn delays(&self, mut random: impl FnMut() -> f64) -> impl Iterator<Item = Duration> {
        let first = self.first;
        (0..self.attempts.saturating_sub(1)).map(move |retry| {
            let longest = first.saturating_mul(2_u32.saturating_pow(retry));
            longest.mul_f64(1.0 - random().clamp(0.0, 1.0) / 2.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_shrink_by_up_to_half() {
        let seconds = |random: f64| {
            Retry::default().delays(move || random).map(|wait| wait.as_secs_f64()).collect::<Vec<_>>()
        };
        assert_eq!(seconds(0.0), [1.0, 2.0, 4.0, 8.0]);
        assert_eq!(seconds(1.0), [0.5, 1.0, 2.0, 4.0]);
    }
}

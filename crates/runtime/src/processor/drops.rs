//! Says which rules lose state to a limit, now and then.

use std::time::{Duration, Instant};

use olocus_cep::Overflow;

use crate::plan::Plan;
use crate::task::Missed;

/// How often one rule is warned of at most.
const INTERVAL: Duration = Duration::from_secs(60);

/// What has been told of each rule.
#[derive(Debug, Default)]
pub(super) struct Drops(Vec<Told>);

#[derive(Debug, Default, Clone, Copy)]
struct Told {
    dropped: u64,
    at: Option<Instant>,
}

impl Drops {
    /// The rules to warn of, each with how much it lost since the last warning.
    pub(super) fn news(&mut self, missed: &[Missed], now: Instant) -> Vec<(usize, u64)> {
        self.0.resize(missed.len(), Told::default());
        let news = self.0.iter_mut().zip(missed).enumerate().filter_map(|(rule, (told, missed))| {
            let lost = missed.dropped.saturating_sub(told.dropped);
            let rested = told.at.is_none_or(|at| now.saturating_duration_since(at) >= INTERVAL);
            (lost > 0 && rested).then(|| {
                *told = Told { dropped: missed.dropped, at: Some(now) };
                (rule, lost)
            })
        });
        news.collect()
    }

    /// Warns of the rules that lost something since they were last warned of.
    pub(super) fn warn(&mut self, plan: &Plan, policy: Overflow, missed: &[Missed]) {
        for (rule, lost) in self.news(missed, Instant::now()) {
            let limit = missed[rule].dropped_at.map_or("", |limit| limit.name());
            tracing::warn!(
                rule = plan.rules[rule].name,
                limit,
                policy = plan.own_policy(rule).unwrap_or(policy).name(),
                dropped = lost,
                "a rule holds as much as its limit allows, so that state was dropped and matches may be missing; raise \
                 the limit, narrow the rule's conditions or shorten its `within`"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_told_at_once_and_then_at_most_once_a_minute() {
        let missed = |dropped: [u64; 2]| dropped.map(|dropped| Missed { dropped, ..Missed::default() });
        let (mut drops, start) = (Drops::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(drops.news(&missed([0, 0]), at(0)), []);
        assert_eq!(drops.news(&missed([3, 0]), at(1)), [(0, 3)]);
        assert_eq!(drops.news(&missed([5, 1]), at(30)), [(1, 1)]);
        assert_eq!(drops.news(&missed([9, 1]), at(61)), [(0, 6)]);
        assert_eq!(drops.news(&missed([9, 1]), at(500)), []);
    }
}

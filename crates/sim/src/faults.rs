use std::time::Duration;

/// What goes wrong, and how often. Probabilities are from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// How long a step of a call takes at most: a step of a commit, a question.
    pub longest_delay: Duration,
    /// How long after a transaction's end its marker reaches a partition at most.
    pub longest_marker_delay: Duration,
    /// How long a member takes at most to notice a rebalance; never more than a third of its session.
    pub longest_notice: Duration,
    /// That a partition has nothing for a poll, although it has.
    pub slow_read: f64,
    /// That a poll, or a question, fails and may be repeated.
    pub failed_call: f64,
    /// That a commit fails, at any of its steps, and may be made again.
    pub failed_commit: f64,
    /// That the abort after a failed commit fails too, so that the transaction stays open until the next one or for good.
    pub failed_abort: f64,
    /// That the answer to a commit is lost. Half of these commits have gone through.
    pub unknown_outcome: f64,
    /// That the broker has forgotten a transactional id when it is used.
    pub lost_writer: f64,
    /// That a process stands still in a step of a call, and nothing is heard of it.
    pub stall: f64,
    /// How long a process stands still at most.
    pub longest_stall: Duration,
    /// That the brokers go away within a second.
    pub outage: f64,
    /// How long the brokers are away at most.
    pub longest_outage: Duration,
}

impl Faults {
    /// Nothing goes wrong, and everything is quick.
    #[must_use]
    pub fn none() -> Self {
        Self {
            longest_delay: Duration::ZERO,
            longest_marker_delay: Duration::ZERO,
            longest_notice: Duration::ZERO,
            slow_read: 0.0,
            failed_call: 0.0,
            failed_commit: 0.0,
            failed_abort: 0.0,
            unknown_outcome: 0.0,
            lost_writer: 0.0,
            stall: 0.0,
            longest_stall: Duration::ZERO,
            outage: 0.0,
            longest_outage: Duration::ZERO,
        }
    }

    /// Nothing fails, but everything takes its time, which differs.
    #[must_use]
    pub fn delays() -> Self {
        Self {
            longest_delay: Duration::from_millis(20),
            longest_marker_delay: Duration::from_millis(20),
            longest_notice: Duration::from_secs(1),
            slow_read: 0.3,
            ..Self::none()
        }
    }

    /// Something of everything, much more often than anywhere.
    #[must_use]
    pub fn all() -> Self {
        Self {
            failed_call: 0.01,
            failed_commit: 0.05,
            failed_abort: 0.3,
            unknown_outcome: 0.02,
            lost_writer: 0.005,
            stall: 0.01,
            longest_stall: Duration::from_secs(20),
            outage: 0.02,
            longest_outage: Duration::from_secs(15),
            ..Self::delays()
        }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

//! What is generated and what is looked for; the same table is in `Workload.java`.

use crate::generate::BOUND;

/// A workload of the table in the README.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) look: Look,
    pub(crate) keys: u32,
    pub(crate) rules: u32,
    /// With one key: partial matches that are live at any time.
    pub(crate) live: u32,
    /// Whether events come as JSON rather than as columns.
    pub(crate) json: bool,
    /// Whether other engines run it, too.
    pub(crate) peers: bool,
    /// Events of a smoke run: so few that each engine needs but a second or two.
    pub(crate) smoke: u64,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A, then the next B, then the next C; of one user, within [`SEQUENCE_WITHIN`].
    Sequence,
    /// The same, with every B and every C.
    Any,
    /// Some A's, then the next B, within [`KLEENE_WITHIN`].
    Kleene,
    /// A, then the next B, within [`KLEENE_WITHIN`]: what is left of the former without the A's between.
    Pair,
    /// A sequence in which C's `v` is greater than A's, instead of a bound.
    Greater,
}

/// Milliseconds in which a sequence must be complete; exactly so much later is too late.
pub(crate) const SEQUENCE_WITHIN: i64 = 900_000;
/// The same of [`Look::Kleene`].
pub(crate) const KLEENE_WITHIN: i64 = 60_000;

const KEYS: u32 = 10_000;

const KEYED: Workload = Workload {
    name: "seq3",
    look: Look::Sequence,
    keys: KEYS,
    rules: 1,
    live: 0,
    json: false,
    peers: true,
    smoke: 300_000,
};

const ONE_KEY: Workload = Workload { name: "one10", keys: 1, live: 10, smoke: 20_000, ..KEYED };

/// In the order in which they are printed.
pub(crate) const ALL: [Workload; 13] = [
    KEYED,
    Workload { name: "seq3any", look: Look::Any, ..KEYED },
    Workload { name: "kleene", look: Look::Kleene, smoke: 50_000, ..KEYED },
    Workload { name: "rules10", rules: 10, smoke: 100_000, ..KEYED },
    Workload { name: "rules100", rules: 100, smoke: 10_000, ..KEYED },
    Workload { name: "rules1000", rules: 1_000, peers: false, smoke: 50_000, ..KEYED },
    Workload { name: "rules10000", rules: 10_000, peers: false, smoke: 10_000, ..KEYED },
    ONE_KEY,
    Workload { name: "one100", live: 100, smoke: 5_000, ..ONE_KEY },
    Workload { name: "one1000", live: 1_000, smoke: 1_200, ..ONE_KEY },
    Workload { name: "one10000", live: 10_000, peers: false, ..ONE_KEY },
    Workload { name: "one1000gt", look: Look::Greater, live: 1_000, smoke: 1_200, ..ONE_KEY },
    Workload { name: "seq3json", json: true, ..KEYED },
];

impl Workload {
    /// What `v` must exceed in the last step of a rule.
    pub(crate) fn bound(&self, rule: u32) -> i64 {
        BOUND + 10 * i64::from(rule)
    }

    /// Milliseconds in which a match must be complete.
    pub(crate) fn within(&self) -> i64 {
        match self.look {
            Look::Kleene | Look::Pair => KLEENE_WITHIN,
            Look::Sequence | Look::Any | Look::Greater => SEQUENCE_WITHIN,
        }
    }

    /// Events before the live partial matches are complete.
    pub(crate) fn preload(&self) -> u64 {
        if self.live == 0 { 0 } else { u64::from(self.live) + 1 }
    }

    /// The workload as Siddhi can express it: without the events between.
    pub(crate) fn of_siddhi(self) -> Workload {
        match self.look {
            Look::Kleene => Workload { look: Look::Pair, ..self },
            _ => self,
        }
    }
}

/// The role that the first step of a rule asks for.
pub(crate) fn role(rule: u32) -> String {
    if rule == 0 { "privileged".to_owned() } else { format!("privileged-{rule}") }
}

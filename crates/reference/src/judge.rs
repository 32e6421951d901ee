//! Cases run on the reference matcher and on every evaluator that accepts them.

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::{EvaluatorKind, PatternOutputs, PatternPlan, sets};

use crate::case::{Case, CaseError, Expected, Finding, Translation};
use crate::engine::run_engine;
use crate::matcher::run;

/// What runs a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    /// The reference matcher.
    Reference,
    /// An engine with this evaluator.
    Engine(EvaluatorKind),
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds on to an accident of where it was observed.
    Skipped(&'static str),
    /// The pattern is refused, as it shall be.
    Rejected,
    /// The pattern is taken though it shall be refused, or refused though it shall not.
    Misjudged(String),
    /// For each that accepts the pattern, what it finds that is not expected (`+`) and what it misses (`-`).
    Run(Vec<(Under, Vec<String>)>),
}

impl Under {
    /// Everything that runs cases.
    pub const ALL: [Under; 3] =
        [Under::Reference, Under::Engine(EvaluatorKind::Runs), Under::Engine(EvaluatorKind::Sets)];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Under::Reference => "reference",
            Under::Engine(EvaluatorKind::Runs) => "runs",
            Under::Engine(EvaluatorKind::Sets) => "sets",
        }
    }

    fn differences(self, case: &Case, translation: &Translation) -> Option<Vec<String>> {
        let Translation { pattern, opaque, events } = translation;
        let mut case = case.clone();
        let outcomes = match self {
            Under::Reference => run(pattern, opaque.as_deref(), events),
            Under::Engine(kind) => {
                // Sets tell no timeouts, as each would be told by itself.
                let timeouts = kind != EvaluatorKind::Sets;
                if !timeouts {
                    case.without_timeouts();
                }
                let plan = PatternPlan {
                    pattern: pattern.clone(),
                    conditions: opaque.clone(),
                    outputs: PatternOutputs { timeouts, events: true, matches_per_event: usize::MAX },
                    evaluator: Some(kind),
                };
                let automaton = match Automaton::new(pattern) {
                    Ok(automaton) => automaton,
                    Err(error) => return Some(vec![format!("no automaton: {error}")]),
                };
                if kind == EvaluatorKind::Sets && sets::accepts(&plan, &automaton).is_err() {
                    return None;
                }
                run_engine(plan, events)
            }
        };
        Some(case.differences(outcomes.iter().map(|outcome| Finding::of(pattern, outcome)).collect()))
    }
}

/// Runs a case on everything that accepts it.
pub fn judge(case: &Case) -> Verdict {
    let translation = case.translate().and_then(|translation| {
        let problems = translation.pattern.validate();
        let problem = problems.first().map(|problem| CaseError::new(problem.to_string()));
        problem.map_or(Ok(translation), Err)
    });
    let translation = match (translation, &case.expected) {
        (Err(_), Expected::Rejected(_)) => return Verdict::Rejected,
        (Ok(_), Expected::Rejected(reason)) => return Verdict::Misjudged(format!("accepted, but {reason}")),
        (Err(problem), Expected::Found(_)) => return Verdict::Misjudged(format!("refused: {problem}")),
        (Ok(translation), Expected::Found(_)) => translation,
    };
    if let Some(reason) = skipped(case) {
        return Verdict::Skipped(reason);
    }
    let run = |under: Under| Some((under, under.differences(case, &translation)?));
    Verdict::Run(Under::ALL.into_iter().filter_map(run).collect())
}

/// Why a case is not run, if it is not.
fn skipped(case: &Case) -> Option<&'static str> {
    let has = |wanted: &str| case.tags.iter().any(|tag| tag == wanted);
    if case.time_sensitive {
        Some("wm_sensitive")
    } else if has("quantWithin") {
        Some("quantWithin")
    } else if has("groupRepeated") {
        Some("groupRepeated")
    } else if has("previousCurrent") && has("optional") {
        Some("previousCurrent with optional")
    } else {
        None
    }
}

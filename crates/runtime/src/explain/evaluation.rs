//! What evaluates a rule and why, and what it does because time passes.

use olocus_cep::pattern::sets::accepts;
use olocus_cep::pattern::{Body, EvaluatorKind, Stage};
use olocus_cep::{Plan, WindowPlan};
use olocus_document::format_duration;

use super::Evaluation;
use super::names::About;

impl About<'_> {
    pub(super) fn evaluation(&self) -> Evaluation {
        let Some(sequence) = &self.sequence else { return self.window_evaluation() };
        let (plan, automaton) = (sequence.plan, &sequence.automaton);
        let (class, reason) = match (sequence.evaluator(), accepts(plan, automaton)) {
            (EvaluatorKind::Sets, _) => (
                "sets of partial matches",
                "conditions look at single events, and an event can lead a partial match in several ways; what partial \
                 matches have in common is kept once"
                    .to_owned(),
            ),
            (EvaluatorKind::Runs, _) if !plan.outputs.events => (
                "aggregates only",
                "`include: none`: each partial match keeps its first and last event, counts and the values below, and no \
                 events between"
                    .to_owned(),
            ),
            (EvaluatorKind::Runs, Err(reason)) => ("runs", format!("{reason}, so each partial match is held by itself")),
            (EvaluatorKind::Runs, Ok(())) => (
                "runs",
                "partial matches neither fork nor repeat, so there are no more of them than events that begin one"
                    .to_owned(),
            ),
        };
        Evaluation { class, reason }
    }

    fn window_evaluation(&self) -> Evaluation {
        let Plan::Window { window, .. } = &self.rule.machine else {
            unreachable!("what is no sequence is a window")
        };
        let kept = "the events of the window are kept, as the oldest of them leave it; aggregates follow without being \
                    computed anew";
        let running = "aggregates are updated with each event; no events are kept";
        let (class, reason) = match window {
            WindowPlan::Count(_) => ("count window", kept),
            WindowPlan::Sliding { every: None, .. } => ("sliding window judged at each event", kept),
            WindowPlan::Tumbling(_) => ("tumbling window", running),
            WindowPlan::Sliding { every: Some(_), .. } => ("sliding window judged at intervals", running),
            WindowPlan::Session(_) => ("session window", running),
        };
        Evaluation { class, reason: reason.to_owned() }
    }

    pub(super) fn within(&self) -> Option<String> {
        self.sequence.as_ref()?.plan.pattern.within.map(format_duration)
    }

    pub(super) fn timers(&self) -> Vec<String> {
        let mut timers = Vec::new();
        match (&self.sequence, &self.rule.machine) {
            (Some(sequence), _) => {
                let pattern = &sequence.plan.pattern;
                if sequence.automaton.has_pending() {
                    timers.push(self.absence(pattern.stages.last(), pattern.within));
                }
                if sequence.plan.outputs.timeouts {
                    timers.push("when a partial match runs out of time: `on_timeout`".to_owned());
                }
            }
            (None, Plan::Window { window, .. }) => match window {
                WindowPlan::Tumbling(size) => {
                    timers.push(format!(
                        "at each multiple of {}: the window is judged",
                        format_duration(*size)
                    ));
                }
                WindowPlan::Sliding { every: Some(every), .. } => {
                    timers
                        .push(format!("at each multiple of {}: a window is judged", format_duration(*every)));
                }
                WindowPlan::Session(gap) => {
                    timers.push(format!(
                        "{} after the last event of a key: the session is judged",
                        format_duration(*gap)
                    ));
                }
                WindowPlan::Count(_) | WindowPlan::Sliding { every: None, .. } => {}
            },
            (None, Plan::Pattern(_)) => {}
        }
        timers
    }

    fn absence(&self, last: Option<&Stage>, within: Option<i64>) -> String {
        let own = match last {
            Some(Stage { body: Body::Not(_), within: Some(own), .. }) => Some(*own),
            _ => None,
        };
        match (own, within) {
            (Some(own), Some(within)) => format!(
                "{} after the last event, or {} after the first: absence is decided",
                format_duration(own),
                format_duration(within)
            ),
            (Some(own), None) => {
                format!("{} after the last event: absence is decided", format_duration(own))
            }
            (None, within) => format!(
                "{} after the first event: absence is decided",
                within.map(format_duration).unwrap_or_default()
            ),
        }
    }
}

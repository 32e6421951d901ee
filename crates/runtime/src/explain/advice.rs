//! Warnings: what may cost more than it needs to, and what to write instead.

use olocus_cep::pattern::{Body, ConditionId, Contiguity, Stage, StepId};
use olocus_cep::{AggregateFunction, Limits, Plan, WindowPlan};

use super::Advice;
use super::names::{About, SequenceOf, first_steps, quoted};

impl About<'_> {
    pub(super) fn advice(&self, limits: &Limits) -> Vec<Advice> {
        let mut advice = Vec::new();
        match &self.sequence {
            Some(sequence) => {
                let mut stages = Vec::new();
                gather(&sequence.plan.pattern.stages, &mut stages);
                self.advise_repetitions(sequence, &stages, limits, &mut advice);
                self.advise_within(sequence, limits, &mut advice);
                self.advise_skip_till_any(sequence, &stages, &mut advice);
                let holds_anything = sequence.automaton.len() > 1 || sequence.plan.pattern.preceded.is_some();
                self.advise_key(holds_anything, &mut advice);
                self.advise_strict(&stages, &mut advice);
                self.advise_crossings(sequence, &mut advice);
            }
            None => {
                self.advise_key(true, &mut advice);
                self.advise_window(limits, &mut advice);
            }
        }
        advice
    }

    /// Repetitions that nothing ends.
    fn advise_repetitions(
        &self,
        sequence: &SequenceOf<'_>,
        stages: &[(&Stage, bool)],
        limits: &Limits,
        advice: &mut Vec<Advice>,
    ) {
        if sequence.plan.pattern.within.is_some() {
            return;
        }
        for (stage, _) in stages {
            let repeat = &stage.repeat;
            if repeat.max.is_none() && repeat.until.is_none() && repeat.gap.is_none() {
                advice.push(Advice {
                    code: "endless-repetition",
                    message: format!("nothing ends the repetitions of {}", sequence.label(stage)),
                    cost: format!(
                        "a partial match takes every further event and is never freed; when {} are held, {}",
                        limits.partial_matches_per_rule,
                        dropped(limits)
                    ),
                    instead: "give the rule a `within`, or the repetition a `gap` in `times`, an `until` or a `max`"
                        .to_owned(),
                });
            }
        }
    }

    /// Waits without end.
    fn advise_within(&self, sequence: &SequenceOf<'_>, limits: &Limits, advice: &mut Vec<Advice>) {
        let waits = sequence.endless_waits();
        if !waits.is_empty() {
            advice.push(Advice {
                code: "no-within",
                message: format!("a partial match waits for {} without end", quoted(&waits)),
                cost: format!(
                    "each one that is never completed stays in memory; when {} are held, {}",
                    limits.partial_matches_per_rule,
                    dropped(limits)
                ),
                instead:
                    "write `within: 10m`, or whatever time suffices, on the rule or on what is waited for"
                        .to_owned(),
            });
        }
    }

    /// Events of which each one is taken and also skipped, with little that tells them apart.
    fn advise_skip_till_any(
        &self,
        sequence: &SequenceOf<'_>,
        stages: &[(&Stage, bool)],
        advice: &mut Vec<Advice>,
    ) {
        for (stage, follows_something) in stages {
            let repeats = stage.repeat.max != Some(1) && stage.repeat.inner == Contiguity::SkipTillAny;
            let follows = *follows_something && stage.follows == Contiguity::SkipTillAny;
            if !(repeats || follows) {
                continue;
            }
            let mut steps = Vec::new();
            first_steps(stage, &mut steps);
            let loose: Vec<&str> = steps
                .iter()
                .filter(|step| self.is_loose(sequence, sequence.condition_of(**step)))
                .map(|step| sequence.step(*step))
                .collect();
            if loose.is_empty() {
                continue;
            }
            let cost = if repeats {
                "each such event is taken and also skipped: n of them are up to 2^n partial matches and as many matches"
            } else {
                "each such event is a match of its own for every partial match that waits: n of them are n matches each"
            };
            advice.push(Advice {
                code: "loose-skip-till-any",
                message: format!("`skip_till_any` takes any event of its type for {}", quoted(&loose)),
                cost: cost.to_owned(),
                instead: "say with `where` which events are meant, or use `skip_till_next`".to_owned(),
            });
        }
    }

    fn advise_key(&self, holds_anything: bool, advice: &mut Vec<Advice>) {
        if self.rule.key.is_none() && holds_anything {
            advice.push(Advice {
                code: "no-key",
                message: "the rule has no `by`: all events are of one key".to_owned(),
                cost: "events of different users, hosts or orders are put together, and every event meets all that is \
                       held"
                    .to_owned(),
                instead: "write `by: FIELD` with what the events of a match have in common".to_owned(),
            });
        }
    }

    /// A strict step where events of types count that its author may not think of.
    fn advise_strict(&self, stages: &[(&Stage, bool)], advice: &mut Vec<Advice>) {
        let is_strict = |(stage, follows_something): &(&Stage, bool)| {
            let repeats = stage.repeat.max != Some(1) && stage.repeat.inner == Contiguity::Strict;
            repeats || *follows_something && stage.follows == Contiguity::Strict
        };
        let Some((strict, _)) = stages.iter().find(|stage| is_strict(stage)) else { return };
        let Some(test) =
            self.sees_also().filter(|test| test.types.iter().any(|name| name.literal().is_none()))
        else {
            return;
        };
        let name = self.sequence.as_ref().map(|sequence| sequence.label(strict)).unwrap_or_default();
        let types: Vec<&str> = test.types.iter().map(|name| name.as_str()).collect();
        let (which, meaning) = if test.reads {
            (quoted(&types), "an event of a type that only appears later counts as well")
        } else {
            (
                "all types that the engine reads".to_owned(),
                "another rule that reads a further type changes what this one finds",
            )
        };
        advice.push(Advice {
            code: "strict-any-type",
            message: format!("with a strict {name}, events of {which} count"),
            cost: format!("every one of these events of its keys is shown to the rule, and {meaning}"),
            instead: "name the types that count: `from: [auth.login, auth.failed]`".to_owned(),
        });
    }

    /// Conditions that have to ask every partial match that waits.
    fn advise_crossings(&self, sequence: &SequenceOf<'_>, advice: &mut Vec<Advice>) {
        let pattern = &sequence.plan.pattern;
        for (index, condition) in pattern.conditions.iter().enumerate() {
            let id = ConditionId(index as u16);
            let is_indexed = condition.cross.iter().any(|cross| sequence.is_indexed(id, cross));
            if condition.cross.is_empty() || is_indexed {
                continue;
            }
            let texts: Vec<String> = condition.cross.iter().map(|cross| self.crossing(cross)).collect();
            let name = pattern.condition_name(id);
            advice.push(Advice {
                code: "unindexed-condition",
                message: format!("no index helps with `{}` of `{name}`", texts.join(" AND ")),
                cost: format!(
                    "each event of `{name}` is compared with every partial match of its key that waits for it"
                ),
                instead: "compare one value of the event with one of earlier events, as `volume > sum(access.volume)`, \
                          and join it to all else with AND"
                    .to_owned(),
            });
        }
    }

    /// Windows that hold their events count different values exactly, however many there are; others estimate.
    fn advise_window(&self, limits: &Limits, advice: &mut Vec<Advice>) {
        let Plan::Window { window, aggregates } = &self.rule.machine else { return };
        if !matches!(window, WindowPlan::Count(_) | WindowPlan::Sliding { every: None, .. }) {
            return;
        }
        for (at, function) in aggregates.iter().enumerate() {
            if *function == AggregateFunction::CountDistinct {
                let cost = format!(
                    "every different value of a window is kept and counts as an entry, of which there may be {}",
                    limits.window_events_per_rule
                );
                advice.push(Advice {
                    code: "exact-distinct",
                    message: format!("{function}({}) is exact", self.input(at)),
                    cost,
                    instead: "make the window shorter or its key finer, or judge it at intervals: `sliding: 1h, every: 1m` \
                              estimates from 1,000 different values on"
                        .to_owned(),
                });
            }
        }
    }

    /// Whether a condition asks for no more than a type.
    fn is_loose(&self, sequence: &SequenceOf<'_>, condition: ConditionId) -> bool {
        let condition = &sequence.plan.pattern.conditions[condition.index()];
        let test = condition.bit.and_then(|bit| self.test_of_bit(bit));
        condition.cross.is_empty() && test.is_none_or(|test| test.predicate.is_none())
    }
}

impl SequenceOf<'_> {
    fn condition_of(&self, step: StepId) -> ConditionId {
        self.plan.pattern.steps[step.index()].condition
    }
}

/// All stages with all that are within them, and whether something comes before each in its sequence: what stands first in
/// a group follows as the group does.
fn gather<'p>(stages: &'p [Stage], all: &mut Vec<(&'p Stage, bool)>) {
    for (at, stage) in stages.iter().enumerate() {
        all.push((stage, at > 0));
        match &stage.body {
            Body::Step(_) | Body::Not(_) | Body::AllOf(_) => {}
            Body::Group(stages) => gather(stages, all),
            Body::AnyOf(alternatives) => alternatives.iter().for_each(|stages| gather(stages, all)),
        }
    }
}

fn dropped(limits: &Limits) -> &'static str {
    match limits.policy {
        olocus_cep::Overflow::DropOldest => "the oldest are dropped",
        olocus_cep::Overflow::DropNewest => "no further ones begin",
        olocus_cep::Overflow::Fail => "the engine stops",
    }
}

//! The stages of a case as those of a pattern.

use std::sync::Arc;

use olocus_cep::pattern::{
    AfterMatch, Body, Contiguity, CrossConditions, Pattern, Repeat, Stage, Step, StepId,
};
use serde_json::Value;

use super::condition::Translator;
use super::{CaseError, Translation, list, text};
use crate::matcher::Event;

const MILLISECOND: i64 = 1_000_000;

struct Reader {
    conditions: Translator,
    steps: Vec<Step>,
    /// The smallest bound on the whole.
    within: Option<i64>,
}

pub(super) fn translate(pattern: &Value, events: &[Value]) -> Result<Translation, CaseError> {
    let mut reader = Reader { conditions: Translator::default(), steps: Vec::new(), within: None };
    let stages = list(&pattern["seq"])?;
    // Conditions name steps that may come after them.
    for stage in stages {
        reader.name_steps(stage)?;
    }
    reader.conditions.name_steps(reader.steps.iter().map(|step| step.name.clone()).collect());
    let stages = stages.iter().map(|stage| reader.stage(stage)).collect::<Result<Vec<Stage>, _>>()?;
    let after_match = reader.after_match(&pattern["skip"])?;
    let Reader { mut conditions, steps, within } = reader;
    let events = events
        .iter()
        .enumerate()
        .map(|(index, event)| conditions.event(index, event))
        .collect::<Result<Vec<Event>, _>>()?;
    let (conditions, registers, opaque) = conditions.finish();
    Ok(Translation {
        pattern: Arc::new(Pattern {
            steps,
            conditions,
            registers,
            stages,
            within,
            preceded: None,
            after_match,
        }),
        opaque: opaque.map(|opaque| Arc::new(opaque) as Arc<dyn CrossConditions>),
        events,
    })
}

impl Reader {
    fn name_steps(&mut self, stage: &Value) -> Result<(), CaseError> {
        for inner in ["group", "allOf"] {
            if let Some(stages) = stage.get(inner) {
                return list(stages)?.iter().try_for_each(|stage| self.name_steps(stage));
            }
        }
        if let Some(alternatives) = stage.get("anyOf") {
            return list(alternatives)?
                .iter()
                .try_for_each(|stages| list(stages)?.iter().try_for_each(|stage| self.name_steps(stage)));
        }
        let name = text(&stage["name"])?.to_string();
        // The condition is filled in once all names are known.
        let condition = self.conditions.always();
        self.steps.push(Step { name, condition });
        Ok(())
    }

    fn step(&mut self, stage: &Value) -> Result<StepId, CaseError> {
        let name = text(&stage["name"])?;
        let condition = match stage.get("where") {
            Some(condition) => self.conditions.condition(condition)?,
            None => self.conditions.always(),
        };
        let step = self.conditions.take_step(name)?;
        self.steps[step.index()].condition = condition;
        Ok(step)
    }

    fn stage(&mut self, stage: &Value) -> Result<Stage, CaseError> {
        let relation = stage["rel"].as_str().unwrap_or("followedBy");
        let follows = match relation {
            "next" | "notNext" => Contiguity::Strict,
            "followedBy" | "notFollowedBy" => Contiguity::SkipTillNext,
            "followedByAny" => Contiguity::SkipTillAny,
            _ => return Err(CaseError::new(format!("unknown relation {relation}"))),
        };
        let body = if let Some(group) = stage.get("group") {
            let mut stages =
                list(group)?.iter().map(|stage| self.stage(stage)).collect::<Result<Vec<Stage>, _>>()?;
            // Observed: repetitions at the beginning of a group follow each other as those of the group do.
            let inner = inner(&stage["quant"])?;
            if let Some(first) = stages.first_mut()
                && first.repeat.max != Some(1)
                && !(first.repeat.greedy && inner == Contiguity::SkipTillAny)
            {
                first.repeat.inner = inner;
            }
            Body::Group(stages)
        } else if let Some(alternatives) = stage.get("anyOf") {
            let alternatives = list(alternatives)?.iter();
            let alternative = |stages: &Value| list(stages)?.iter().map(|stage| self.stage(stage)).collect();
            Body::AnyOf(alternatives.map(alternative).collect::<Result<_, _>>()?)
        } else if let Some(steps) = stage.get("allOf") {
            Body::AllOf(list(steps)?.iter().map(|step| self.step(step)).collect::<Result<_, _>>()?)
        } else if relation.starts_with("not") {
            Body::Not(self.step(stage)?)
        } else {
            Body::Step(self.step(stage)?)
        };
        let mut repeat = repeat(&stage["quant"])?;
        if let Some(until) = stage.get("until") {
            repeat.until = Some(self.conditions.condition(until)?);
        }
        let within = self.within(stage)?;
        Ok(Stage { follows, body, repeat, within })
    }

    /// A stage's bound on the time since the stage before. One on the whole is noted for the pattern.
    fn within(&mut self, stage: &Value) -> Result<Option<i64>, CaseError> {
        let within = &stage["within"];
        if within.is_null() {
            return Ok(None);
        }
        let bound = nanoseconds(&within[0])?;
        if within[1] != "previousCurrent" {
            self.within = Some(self.within.map_or(bound, |least| least.min(bound)));
            return Ok(None);
        }
        // Observed to have no effect on groups and on stages that repeat, except that it must not be too large.
        let without_effect = stage["quant"].get("min").is_some() || stage.get("group").is_some();
        let dropped = without_effect && self.within.is_none_or(|within| bound <= within);
        Ok((!dropped).then_some(bound))
    }

    fn after_match(&self, skip: &Value) -> Result<AfterMatch, CaseError> {
        if skip.is_null() {
            return Ok(AfterMatch::Nothing);
        }
        if skip.get(2).is_some() {
            return Err(CaseError::new("a step that a match lacks is no error here"));
        }
        let step = || -> Result<StepId, CaseError> {
            let name = text(&skip[1])?;
            let step = self.steps.iter().position(|step| step.name == name);
            // One that does not exist is for validation to find.
            Ok(StepId(step.unwrap_or(self.steps.len()) as u8))
        };
        Ok(match text(&skip[0])? {
            "noSkip" => AfterMatch::Nothing,
            "skipToNext" => AfterMatch::ToNext,
            "skipPastLastEvent" => AfterMatch::PastLast,
            "skipToFirst" => AfterMatch::ToFirst(step()?),
            "skipToLast" => AfterMatch::ToLast(step()?),
            other => return Err(CaseError::new(format!("unknown strategy {other}"))),
        })
    }
}

fn repeat(quantifier: &Value) -> Result<Repeat, CaseError> {
    let mut repeat = Repeat::ONCE;
    let number = |value: &Value| -> Result<u32, CaseError> {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| CaseError::new(format!("not a count: {value}")))
    };
    repeat.optional = quantifier["optional"] == true;
    repeat.greedy = quantifier["greedy"] == true;
    repeat.inner = inner(quantifier)?;
    if let Some(min) = quantifier.get("min") {
        let min = number(min)?;
        repeat.optional |= min == 0;
        repeat.min = min.max(1);
        repeat.max = if quantifier["max"].is_null() { None } else { Some(number(&quantifier["max"])?) };
        if repeat.max == Some(1) {
            // Once is a number of times there, for which what only matters between repetitions may be given.
            repeat.inner = Contiguity::SkipTillNext;
            repeat.greedy = false;
        }
        if let Some(within) = quantifier.get("within") {
            repeat.gap = Some(nanoseconds(within)?);
        }
    }
    Ok(repeat)
}

fn inner(quantifier: &Value) -> Result<Contiguity, CaseError> {
    Ok(match quantifier["inner"].as_str() {
        None | Some("relaxed") => Contiguity::SkipTillNext,
        Some("strict") => Contiguity::Strict,
        Some("any") => Contiguity::SkipTillAny,
        Some(other) => return Err(CaseError::new(format!("unknown contiguity {other}"))),
    })
}

fn nanoseconds(value: &Value) -> Result<i64, CaseError> {
    let milliseconds = value.as_i64().ok_or_else(|| CaseError::new(format!("no time: {value}")))?;
    milliseconds.checked_mul(MILLISECOND).ok_or_else(|| CaseError::new(format!("too long: {value}")))
}

//! Patterns in words.

use std::fmt;

use olocus_document::format_duration;

use super::{AfterMatch, Body, ConditionId, Contiguity, Pattern, Repeat, Stage, StepId};

/// Lists the pattern, one stage a line, what a group or an alternative holds below it.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(preceded) = self.preceded {
            let name = self.condition_name(preceded.condition);
            writeln!(f, "unless {name} came less than {} before", format_duration(preceded.within))?;
        }
        self.print_sequence(&self.stages, 0, f)?;
        if let Some(within) = self.within {
            writeln!(f, "within {} of the first event", format_duration(within))?;
        }
        match self.after_match {
            AfterMatch::Nothing => Ok(()),
            AfterMatch::ToNext => {
                writeln!(f, "a match ends what began with its first event or before")
            }
            AfterMatch::PastLast => writeln!(f, "a match ends what began with its last event or before"),
            AfterMatch::ToFirst(step) => {
                writeln!(f, "a match ends what began before its first {}", self.step_name(step))
            }
            AfterMatch::ToLast(step) => {
                writeln!(f, "a match ends what began before its last {}", self.step_name(step))
            }
        }
    }
}

impl Pattern {
    /// What a condition is called: after the first step that has it, else by its number.
    pub fn condition_name(&self, condition: ConditionId) -> String {
        let step = self.steps.iter().find(|step| step.condition == condition);
        step.map_or_else(|| format!("#{}", condition.0), |step| step.name.clone())
    }

    fn step_name(&self, step: StepId) -> &str {
        self.steps.get(step.index()).map_or("?", |step| &step.name)
    }

    fn print_sequence(&self, stages: &[Stage], depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        stages.iter().enumerate().try_for_each(|(at, stage)| self.print_stage(stage, at == 0, depth, f))
    }

    fn print_stage(
        &self,
        stage: &Stage,
        is_first: bool,
        depth: usize,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let within = stage.within.map(format_duration);
        let (after, indent) = (follows(stage.follows), "  ".repeat(depth));
        f.write_str(&indent)?;
        if let Body::Not(step) = stage.body {
            let lasts = within.map(|within| format!(" for {within}")).unwrap_or_default();
            return writeln!(f, "not {after} {}{lasts}", self.step_name(step));
        }
        f.write_str(if is_first { "begin" } else { after })?;
        match &stage.body {
            Body::Step(step) | Body::Not(step) => write!(f, " {}", self.step_name(*step))?,
            Body::Group(_) => f.write_str(" a group")?,
            Body::AnyOf(_) => f.write_str(" any of")?,
            Body::AllOf(steps) => {
                let names: Vec<&str> = steps.iter().map(|step| self.step_name(*step)).collect();
                write!(f, " all of {} in any order", names.join(", "))?;
            }
        }
        f.write_str(&self.repeats(&stage.repeat))?;
        if let Some(within) = within {
            write!(f, ", within {within} of the event before")?;
        }
        writeln!(f)?;
        match &stage.body {
            Body::Step(_) | Body::Not(_) | Body::AllOf(_) => Ok(()),
            Body::Group(stages) => self.print_sequence(stages, depth + 1, f),
            Body::AnyOf(alternatives) => alternatives.iter().enumerate().try_for_each(|(at, stages)| {
                if at > 0 {
                    writeln!(f, "{indent}or")?;
                }
                self.print_sequence(stages, depth + 1, f)
            }),
        }
    }

    fn repeats(&self, repeat: &Repeat) -> String {
        let mut text = match (repeat.min, repeat.max) {
            (1, Some(1)) => String::new(),
            (min, Some(max)) if min == max => format!(", {min} times"),
            (min, Some(max)) => format!(", {min} to {max} times"),
            (min, None) => format!(", {min} or more times"),
        };
        if repeat.max != Some(1) {
            match repeat.inner {
                Contiguity::Strict => text.push_str(" with nothing in between"),
                Contiguity::SkipTillNext => {}
                Contiguity::SkipTillAny => text.push_str(" with any events in between"),
            }
        }
        if let Some(gap) = repeat.gap {
            text.push_str(&format!(", each less than {} after the one before", format_duration(gap)));
        }
        if repeat.greedy {
            text.push_str(", as many as there are");
        }
        if let Some(until) = repeat.until {
            text.push_str(&format!(", until {}", self.condition_name(until)));
        }
        if repeat.optional {
            text.push_str(", or not at all");
        }
        text
    }
}

fn follows(contiguity: Contiguity) -> &'static str {
    match contiguity {
        Contiguity::Strict => "next",
        Contiguity::SkipTillNext => "followed by",
        Contiguity::SkipTillAny => "followed by any",
    }
}

impl fmt::Display for super::Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use super::Comparison;
        f.write_str(match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        })
    }
}

impl fmt::Display for super::RegisterFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use super::RegisterFunction;
        match self {
            RegisterFunction::First => f.write_str("first"),
            RegisterFunction::Last => f.write_str("last"),
            RegisterFunction::Aggregate(function) => function.fmt(f),
        }
    }
}

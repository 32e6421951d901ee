//! Patterns on one line, for when a test fails.

use std::fmt;

use olocus_cep::pattern::{Body, Contiguity, Pattern, Repeat, Stage, StepId};

/// A pattern in a notation of one line: `.`, `~` and `*` before a stage say that it follows strictly, skipping till the next
/// and skipping any; after it come how often and how soon.
pub struct Notation<'p>(pub &'p Pattern);

impl fmt::Display for Notation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pattern { steps, conditions, registers, stages, within, preceded, after_match } = self.0;
        self.sequence(stages, f)?;
        if let Some(within) = within {
            write!(f, " within {within}")?;
        }
        if let Some(preceded) = preceded {
            write!(f, " without c{} for {}", preceded.condition.0, preceded.within)?;
        }
        write!(f, ", {after_match:?}; steps:")?;
        for step in steps {
            write!(f, " {}=c{}", step.name, step.condition.0)?;
        }
        for (index, condition) in conditions.iter().enumerate() {
            write!(f, "; c{index}: {:?} {:?}", condition.bit, condition.cross)?;
        }
        write!(f, "; {registers:?}")
    }
}

impl Notation<'_> {
    fn name(&self, step: StepId) -> &str {
        &self.0.steps[step.index()].name
    }

    fn sequence(&self, stages: &[Stage], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, stage) in stages.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " " })?;
            self.stage(stage, f)?;
        }
        f.write_str(")")
    }

    fn stage(&self, stage: &Stage, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(sign(stage.follows))?;
        match &stage.body {
            Body::Step(step) => f.write_str(self.name(*step))?,
            Body::Not(step) => write!(f, "!{}", self.name(*step))?,
            Body::Group(stages) => self.sequence(stages, f)?,
            Body::AnyOf(alternatives) => {
                f.write_str("any")?;
                alternatives.iter().try_for_each(|stages| self.sequence(stages, f))?;
            }
            Body::AllOf(steps) => {
                f.write_str("all")?;
                steps.iter().try_for_each(|step| write!(f, "-{}", self.name(*step)))?;
            }
        }
        let Repeat { min, max, optional, inner, greedy, until, gap } = &stage.repeat;
        if (*min, *max) != (1, Some(1)) {
            write!(f, "{{{min},{}{}}}", max.map_or_else(String::new, |max| max.to_string()), sign(*inner))?;
        }
        f.write_str(if *optional { "?" } else { "" })?;
        f.write_str(if *greedy { "greedy" } else { "" })?;
        if let Some(until) = until {
            write!(f, "/until c{}", until.0)?;
        }
        if let Some(gap) = gap {
            write!(f, "/gap {gap}")?;
        }
        if let Some(within) = stage.within {
            write!(f, "<{within}")?;
        }
        Ok(())
    }
}

fn sign(contiguity: Contiguity) -> &'static str {
    match contiguity {
        Contiguity::Strict => ".",
        Contiguity::SkipTillNext => "~",
        Contiguity::SkipTillAny => "*",
    }
}

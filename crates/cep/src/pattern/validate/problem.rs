//! What can be wrong, in words.

use std::fmt;

use crate::pattern::{ConditionId, StepId};
use crate::plan::MAX_STEPS;

/// Something that is wrong with a pattern; the [`Display`](fmt::Display) form says what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternProblem {
    kind: ProblemKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProblemKind {
    TooManySteps { steps: usize },
    Unnamed { step: usize },
    DuplicateName { name: String },
    UnknownStep { of: String, step: StepId },
    UnknownCondition { of: String, condition: ConditionId },
    UnknownRegister { register: usize },
    RegisterWithoutInput { register: usize },
    BitTooLarge { condition: usize, bit: u8 },
    Empty { what: String },
    BeginsWithNot { what: String, name: String },
    EndsWithNot { what: String, name: String },
    NotRepeated { name: String },
    NotAfterOptional { name: String, before: String },
    EndlessNot { name: String },
    MinZero { stage: String },
    MaxBelowMin { stage: String, min: u32, max: u32 },
    OnceOnly { stage: String, option: &'static str },
    GreedyAny { stage: String },
    GreedyGroup { stage: String },
    GreedyBeforeOptional { stage: String, next: String },
    UntilBounded { stage: String },
    NothingInGroup { stage: String },
    OptionalAlternative { stage: String },
    SameStepTwice { stage: String, name: String },
    NoTime { what: String },
    TimeTooLarge { what: String },
    FirstWithin { what: String, stage: String },
    WithinOptional { stage: String },
    SkipToUnknown { step: StepId },
    SkipIntoGroup { name: String },
    SkipToNot { name: String },
    PrecededCross { name: String },
}

impl PatternProblem {
    pub(super) fn new(kind: ProblemKind) -> PatternProblem {
        PatternProblem { kind }
    }
}

/// A name as it stands in messages.
pub(super) fn quoted(name: &str) -> String {
    format!("`{name}`")
}

impl fmt::Display for PatternProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ProblemKind as Kind;
        match &self.kind {
            Kind::TooManySteps { steps } => write!(f, "{steps} steps; a pattern may have {MAX_STEPS}"),
            Kind::Unnamed { step } => write!(f, "step {step} has no name; each needs one of its own"),
            Kind::DuplicateName { name } => {
                write!(f, "two steps are called {}; each needs a name of its own", quoted(name))
            }
            Kind::UnknownStep { of, step } => write!(f, "{of} names step {}, which is not there", step.0),
            Kind::UnknownCondition { of, condition } => {
                write!(f, "{of} names condition {}, which is not there", condition.0)
            }
            Kind::UnknownRegister { register } => {
                write!(f, "a condition compares with register {register}, which is not there")
            }
            Kind::RegisterWithoutInput { register } => {
                write!(f, "register {register} has no input; only a count does without")
            }
            Kind::BitTooLarge { condition, bit } => {
                write!(f, "condition {condition} asks for bit {bit}; rows have bits 0 to {}", MAX_STEPS - 1)
            }
            Kind::Empty { what } => write!(f, "{what} is empty; it needs a stage"),
            Kind::BeginsWithNot { what, name } => {
                write!(f, "{what} begins with not {name}; something that may come must come before it")
            }
            Kind::EndsWithNot { what, name } => write!(
                f,
                "{what} ends with not {name}; what must not come needs a stage after it that has to come, or the end of the pattern"
            ),
            Kind::NotRepeated { name } => {
                write!(f, "not {name} cannot be optional or repeated; it already means: none at all")
            }
            Kind::NotAfterOptional { name, before } => write!(
                f,
                "not {name} comes after {before}, which is optional; make two patterns, one with {before} and one without"
            ),
            Kind::EndlessNot { name } => write!(
                f,
                "not {name} at the end needs a time after which it is decided: a `within`, its own or the pattern's"
            ),
            Kind::MinZero { stage } => {
                write!(f, "{stage} is repeated at least 0 times; make it optional and repeated at least once")
            }
            Kind::MaxBelowMin { stage, min, max } => {
                write!(
                    f,
                    "{stage} is repeated at least {min} and at most {max} times; the most must be the larger"
                )
            }
            Kind::OnceOnly { stage, option } => {
                write!(f, "{option} means nothing for {stage}, which comes once; repeat it or leave that out")
            }
            Kind::GreedyAny { stage } => write!(
                f,
                "{stage} is greedy, but any events may be skipped between its repetitions; only one of that is possible"
            ),
            Kind::GreedyGroup { stage } => {
                write!(f, "{stage} is greedy; only single steps can be, so say it of its last step")
            }
            Kind::GreedyBeforeOptional { stage, next } => write!(
                f,
                "{stage} is greedy and {next} after it optional; what is greedy must be followed by what has to come"
            ),
            Kind::UntilBounded { stage } => write!(
                f,
                "{stage} has an `until`, but a largest number of repetitions, or none; `until` is for repetition without bound"
            ),
            Kind::NothingInGroup { stage } => write!(
                f,
                "all in {stage} is optional; let one of its stages be necessary and make the group optional"
            ),
            Kind::OptionalAlternative { stage } => write!(
                f,
                "an alternative of {stage} begins with an optional stage; make an alternative of each way to begin"
            ),
            Kind::SameStepTwice { stage, name } => {
                write!(f, "{stage} names {name} twice; each step comes once")
            }
            Kind::NoTime { what } => write!(f, "{what} must be longer than nothing"),
            Kind::TimeTooLarge { what } => {
                write!(
                    f,
                    "{what} is larger than the `within` of the whole pattern; make it smaller or leave it out"
                )
            }
            Kind::FirstWithin { what, stage } => {
                write!(f, "{what} begins with {stage}, which has a `within`; give it to the whole of {what}")
            }
            Kind::WithinOptional { stage } => write!(
                f,
                "{stage} has a `within`, but begins with an optional stage; give it to each stage with which it can begin"
            ),
            Kind::SkipToUnknown { step } => {
                write!(f, "matches are to skip to step {}, which is not there", step.0)
            }
            Kind::SkipIntoGroup { name } => write!(
                f,
                "matches are to skip to {}, which is inside of a group or an alternative; name a step outside of them",
                quoted(name)
            ),
            Kind::SkipToNot { name } => {
                write!(
                    f,
                    "matches are to skip to {}, which takes no event; name a step that does",
                    quoted(name)
                )
            }
            Kind::PrecededCross { name } => write!(
                f,
                "{name} must not precede a match, but looks at its events; before a match there are none"
            ),
        }
    }
}

impl std::error::Error for PatternProblem {}

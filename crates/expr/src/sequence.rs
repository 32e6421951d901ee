//! Expressions over sequences: conditions that compare an event with earlier ones, and values of whole matches.

use datafusion_sql::sqlparser::ast::BinaryOperator;
use olocus_event::{Kind, Value};

use crate::aggregate::Aggregate;
use crate::compiler::Compiler;
use crate::lists::Tables;
use crate::live::{LiveExpr, read_as};
use crate::names::EventScope;
use crate::one_row::OneRow;
use crate::program::{PredicateId, ValueId};
use crate::reads::LookupRead;
use crate::window::ScalarExpr;

mod compile;

/// The steps that a condition on an event can look back at.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    /// All steps of the rule.
    pub all: &'a [EventScope],
    /// Whether each of them can have taken events by then.
    pub visible: &'a [bool],
}

/// A condition on an event that may look back at what a partial match has taken. It holds if all its parts do.
#[derive(Debug, Default)]
pub struct StepCondition {
    /// The part that the event decides alone.
    pub predicate: Option<PredicateId>,
    /// The part that looks something up in lists which change while rules run.
    pub live: Option<LiveExpr>,
    /// The parts that compare it with earlier events.
    pub cross: Vec<CrossCondition>,
}

/// A condition on an event and on earlier ones.
#[derive(Debug)]
pub enum CrossCondition {
    /// A plain comparison of two values of one kind; it does not hold where one of them is NULL.
    Compare {
        /// The value of the event.
        input: ValueId,
        /// How they shall compare.
        operator: Comparison,
        /// What it is compared with.
        value: StepValue,
    },
    /// Anything else.
    Expr(Box<CrossExpr>),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What an expression reads of the events that a match has taken for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepValue {
    /// Position of the step.
    pub step: usize,
    /// Which of the events, or what of all. What a step that takes one event has is its first.
    pub function: Aggregate,
    /// The value of each event; `None` counts events.
    pub argument: Option<ValueId>,
}

/// A condition over values of an event and of earlier ones.
#[derive(Debug)]
pub struct CrossExpr {
    row: OneRow,
    inputs: Vec<CrossInput>,
    /// By input, as what it is read.
    kinds: Vec<Kind>,
}

/// What a [`CrossExpr`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossInput {
    /// A value of the event asked about.
    Event(ValueId),
    /// A value of events taken before.
    Taken(StepValue),
}

/// The expressions over the matches of one sequence rule.
#[derive(Debug)]
pub struct SequenceExprs {
    /// What the expressions read, each once.
    pub values: Vec<StepValue>,
    /// The condition on the match.
    pub having: Option<ScalarExpr>,
    /// What is emitted, in the order given.
    pub emit: Vec<ScalarExpr>,
}

impl StepCondition {
    /// The condition in normalised form: the same for all spellings of one meaning.
    #[must_use]
    pub fn normalized(&self, compiler: &Compiler) -> String {
        let alone = self.predicate.iter().map(|id| compiler.normalized(*id).to_owned());
        let alone = alone.chain(self.live.iter().map(|live| live.normalized().to_owned()));
        let cross = self.cross.iter().map(|cross| match cross {
            CrossCondition::Compare { input, operator, value } => {
                format!("{} {operator:?} {}", compiler.normalized_value(*input), value.normalized(compiler))
            }
            CrossCondition::Expr(expr) => expr.row.normalized().to_owned(),
        });
        alone.chain(cross).collect::<Vec<_>>().join(" AND ")
    }
}

impl CrossExpr {
    /// What it looks up in lists.
    pub fn lookups(&self) -> impl Iterator<Item = &LookupRead> {
        self.row.lookups()
    }

    /// What it reads, in the order in which [`holds`](Self::holds) takes the values.
    #[must_use]
    pub fn inputs(&self) -> &[CrossInput] {
        &self.inputs
    }

    /// The condition in normalised form: the same for all spellings of one meaning.
    #[must_use]
    pub fn normalized(&self) -> &str {
        self.row.normalized()
    }

    /// Whether the condition is TRUE; NULL is not.
    #[must_use]
    pub fn holds(&self, values: &[Value]) -> bool {
        self.row.evaluate(read_as(values, &self.kinds), &Tables::default()) == Value::Bool(true)
    }
}

impl StepValue {
    fn normalized(&self, compiler: &Compiler) -> String {
        let argument = self.argument.map_or("*", |argument| compiler.normalized_value(argument));
        self.function.call(&format!("{}.{argument}", self.step))
    }
}

impl Comparison {
    fn of(operator: &BinaryOperator) -> Option<Comparison> {
        Some(match operator {
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::NotEqual,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    /// The comparison with its sides exchanged.
    fn mirrored(self) -> Comparison {
        match self {
            Comparison::Equal | Comparison::NotEqual => self,
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        }
    }
}

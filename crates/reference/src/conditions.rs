//! Whether conditions hold, worked out anew from the events taken.

use std::cmp::Ordering;

use olocus_cep::pattern::{
    Comparison, Condition, ConditionId, Cross, CrossConditions, Pattern, Register, RegisterFunction, StepId,
};
use olocus_cep::{AggregateFunction, Scalar};

use crate::matcher::Event;

/// Decides a pattern's conditions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions<'p> {
    pub(crate) pattern: &'p Pattern,
    pub(crate) opaque: Option<&'p dyn CrossConditions>,
}

impl Conditions<'_> {
    pub(crate) fn hold(&self, id: ConditionId, event: &Event, taken: &[(StepId, Event)]) -> bool {
        let Condition { bit, cross } = &self.pattern.conditions[id.index()];
        bit.is_none_or(|bit| event.bits >> bit & 1 == 1)
            && cross.iter().all(|cross| self.crosses(cross, event, taken))
    }

    fn crosses(&self, cross: &Cross, event: &Event, taken: &[(StepId, Event)]) -> bool {
        match *cross {
            Cross::Compare { input, operator, register } => {
                let input = event.inputs.get(input).unwrap_or(&Scalar::Null);
                compare(input, &value(&self.pattern.registers[register.index()], taken))
                    .is_some_and(|order| accepts(operator, order))
            }
            Cross::Opaque(number) => {
                let registers: Vec<Scalar> =
                    self.pattern.registers.iter().map(|register| value(register, taken)).collect();
                self.opaque.is_some_and(|opaque| opaque.holds(number, &event.inputs, &registers))
            }
        }
    }
}

/// What a register holds of these events. Sums of floats are taken in order, so they are those of an exact sum only where
/// no rounding happens; tests use small numbers.
fn value(register: &Register, taken: &[(StepId, Event)]) -> Scalar {
    let events = taken.iter().filter(|(step, _)| *step == register.step).map(|(_, event)| event);
    let values: Vec<Scalar> = match register.input {
        Some(input) => events.map(|event| event.inputs.get(input).cloned().unwrap_or(Scalar::Null)).collect(),
        None => events.map(|_| Scalar::Int(1)).collect(),
    };
    let function = match register.function {
        RegisterFunction::First => return values.first().cloned().unwrap_or(Scalar::Null),
        RegisterFunction::Last => return values.last().cloned().unwrap_or(Scalar::Null),
        RegisterFunction::Aggregate(function) => function,
    };
    let values: Vec<Scalar> = values.into_iter().filter(|value| *value != Scalar::Null).collect();
    let numbers = || values.iter().filter_map(number).collect::<Vec<f64>>();
    match function {
        AggregateFunction::Count => Scalar::Int(values.len() as i64),
        AggregateFunction::CountDistinct => {
            let mut distinct: Vec<&Scalar> = Vec::new();
            for value in &values {
                if !distinct.iter().any(|other| compare(value, other) == Some(Ordering::Equal)) {
                    distinct.push(value);
                }
            }
            Scalar::Int(distinct.len() as i64)
        }
        AggregateFunction::Sum => sum(&values),
        AggregateFunction::Avg => match numbers() {
            numbers if numbers.is_empty() => Scalar::Null,
            numbers => Scalar::Float(numbers.iter().sum::<f64>() / numbers.len() as f64),
        },
        AggregateFunction::StdDev => deviation(&numbers()),
        AggregateFunction::Min => extreme(&values, Ordering::Less),
        AggregateFunction::Max => extreme(&values, Ordering::Greater),
        AggregateFunction::Percentile { billionths } => percentile(numbers(), billionths),
    }
}

fn deviation(numbers: &[f64]) -> Scalar {
    if numbers.len() < 2 {
        return Scalar::Null;
    }
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    Scalar::Float((squares / (count - 1.0)).sqrt())
}

fn percentile(mut numbers: Vec<f64>, billionths: u32) -> Scalar {
    numbers.sort_by(f64::total_cmp);
    let Some(last) = numbers.len().checked_sub(1) else { return Scalar::Null };
    let place = last as f64 * f64::from(billionths) / 1e9;
    let (lower, upper) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
    Scalar::Float(lower + (upper - lower) * place.fract())
}

fn sum(values: &[Scalar]) -> Scalar {
    let numbers: Vec<&Scalar> = values.iter().filter(|value| number(value).is_some()).collect();
    let integers: Vec<i128> = numbers.iter().filter_map(|value| integer(value)).collect();
    if numbers.is_empty() {
        return Scalar::Null;
    }
    if integers.len() == numbers.len() {
        let total: i128 = integers.iter().sum();
        if let Ok(total) = i64::try_from(total) {
            return Scalar::Int(total);
        }
        return u64::try_from(total).map_or(Scalar::Float(total as f64), Scalar::Wide);
    }
    Scalar::Float(numbers.iter().filter_map(|value| number(value)).sum())
}

fn extreme(values: &[Scalar], wanted: Ordering) -> Scalar {
    let mut best = Scalar::Null;
    for value in values {
        let takes = match compare(value, &best) {
            Some(order) => order == wanted,
            None => best == Scalar::Null || rank(value).cmp(&rank(&best)) == wanted,
        };
        if takes {
            best = value.clone();
        }
    }
    best
}

/// Truth values come before numbers and numbers before texts.
fn rank(value: &Scalar) -> u8 {
    match value {
        Scalar::Null => 0,
        Scalar::Bool(_) => 1,
        Scalar::Int(_) | Scalar::Wide(_) | Scalar::Float(_) => 2,
        Scalar::Text(_) => 3,
    }
}

/// How two values compare; not at all if one is null or they are not of one kind.
pub(crate) fn compare(left: &Scalar, right: &Scalar) -> Option<Ordering> {
    match (left, right) {
        (Scalar::Text(left), Scalar::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Scalar::Bool(left), Scalar::Bool(right)) => Some(left.cmp(right)),
        _ => match (integer(left), integer(right)) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => number(left)?.partial_cmp(&number(right)?),
        },
    }
}

fn accepts(operator: Comparison, order: Ordering) -> bool {
    match operator {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

fn integer(value: &Scalar) -> Option<i128> {
    match value {
        Scalar::Int(value) => Some(i128::from(*value)),
        Scalar::Wide(value) => Some(i128::from(*value)),
        _ => None,
    }
}

fn number(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Int(value) => Some(*value as f64),
        Scalar::Wide(value) => Some(*value as f64),
        Scalar::Float(value) => Some(*value),
        _ => None,
    }
}

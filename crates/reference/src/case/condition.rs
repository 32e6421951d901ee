//! The conditions of a case: bits of events, comparisons with registers, and trees for all that is neither.

use std::collections::VecDeque;

use olocus_cep::pattern::{
    Comparison, Condition, ConditionId, Cross, CrossConditions, Register, RegisterFunction, RegisterId,
    StepId,
};
use olocus_cep::{AggregateFunction, Scalar};
use serde_json::Value;

use super::{CaseError, list, text};
use crate::matcher::Event;

/// Collects the conditions of a case.
#[derive(Debug, Default)]
pub(super) struct Translator {
    conditions: Vec<Condition>,
    registers: Vec<Register>,
    /// The conditions on events alone that bits stand for.
    bits: Vec<Value>,
    inputs: Vec<Input>,
    opaque: Vec<Truth>,
    steps: Vec<String>,
    /// Steps not yet come to, for where a name is there twice.
    pending: VecDeque<(String, StepId)>,
}

/// What the inputs of a row are, one after the other.
#[derive(Clone, Debug, PartialEq)]
enum Input {
    Number(Value),
    Truth(Value),
}

/// Conditions that a comparison of an input with a register cannot express.
#[derive(Debug)]
pub(super) struct Opaque(Vec<Truth>);

#[derive(Clone, Debug)]
enum Truth {
    Input(usize),
    And(Vec<Truth>),
    Or(Vec<Truth>),
    Not(Box<Truth>),
    Compare(Comparison, Number, Number),
}

#[derive(Clone, Debug)]
enum Number {
    Input(usize),
    /// Of no events: nothing is a number there, but a sum or a count is zero.
    Register(RegisterId, bool),
    Binary(char, Box<Number>, Box<Number>),
}

impl Translator {
    pub(super) fn name_steps(&mut self, names: Vec<String>) {
        let ids = names.iter().enumerate().map(|(index, name)| (name.clone(), StepId(index as u8)));
        self.pending = ids.collect();
        self.steps = names;
    }

    /// The next step of this name, in the order of the pattern.
    pub(super) fn take_step(&mut self, name: &str) -> Result<StepId, CaseError> {
        let position = self.pending.iter().position(|(pending, _)| pending == name);
        let step = position.and_then(|position| self.pending.remove(position));
        step.map(|(_, step)| step).ok_or_else(|| CaseError::new(format!("no step {name}")))
    }

    pub(super) fn always(&mut self) -> ConditionId {
        self.add(Condition::default())
    }

    pub(super) fn condition(&mut self, value: &Value) -> Result<ConditionId, CaseError> {
        let mut alone = Vec::new();
        let mut condition = Condition::default();
        self.conjuncts(value, &mut alone, &mut condition.cross)?;
        if !alone.is_empty() {
            let alone = match alone.len() {
                1 => alone.remove(0),
                _ => Value::Array([vec![Value::from("and")], alone].concat()),
            };
            condition.bit = Some(position(&mut self.bits, alone) as u8);
        }
        Ok(self.add(condition))
    }

    /// An event of the case, with the bits and inputs that the conditions so far ask for.
    pub(super) fn event(&mut self, index: usize, event: &Value) -> Result<Event, CaseError> {
        let milliseconds = event[0].as_i64().ok_or_else(|| CaseError::new(format!("no time: {event}")))?;
        let mut bits = 0;
        for (bit, condition) in self.bits.iter().enumerate() {
            bits |= u64::from(holds(condition, event)?) << bit;
        }
        let inputs = self.inputs.iter().map(|input| match input {
            Input::Number(value) => Ok(scalar(number(value, event)?)),
            Input::Truth(value) => Ok(Scalar::Bool(holds(value, event)?)),
        });
        let inputs = inputs.collect::<Result<Vec<Scalar>, CaseError>>()?;
        Ok(Event { index, time: milliseconds * 1_000_000, bits, inputs: inputs.into() })
    }

    pub(super) fn finish(self) -> (Vec<Condition>, Vec<Register>, Option<Opaque>) {
        let opaque = (!self.opaque.is_empty()).then_some(Opaque(self.opaque));
        (self.conditions, self.registers, opaque)
    }

    fn add(&mut self, condition: Condition) -> ConditionId {
        ConditionId(position(&mut self.conditions, condition) as u16)
    }

    fn conjuncts(
        &mut self,
        value: &Value,
        alone: &mut Vec<Value>,
        cross: &mut Vec<Cross>,
    ) -> Result<(), CaseError> {
        if !refers(value) {
            if *value != Value::Bool(true) {
                alone.push(value.clone());
            }
            return Ok(());
        }
        if value[0] == "and" {
            return list(value)?[1..].iter().try_for_each(|part| self.conjuncts(part, alone, cross));
        }
        cross.push(match self.comparison(value)? {
            Some(comparison) => comparison,
            None => {
                let truth = self.truth(value)?;
                self.opaque.push(truth);
                Cross::Opaque(self.opaque.len() - 1)
            }
        });
        Ok(())
    }

    /// The condition as a comparison of an input with a register, if it is one of these and means the same where
    /// there is no value: then no such comparison holds, but `!=` does in cases, and a sum is zero there.
    fn comparison(&mut self, value: &Value) -> Result<Option<Cross>, CaseError> {
        if value[0] == "has" {
            let input = self.input(Input::Number(Value::from(0)));
            let register = self.register("count", text(&value[1])?)?;
            return Ok(Some(Cross::Compare { input, operator: Comparison::Less, register }));
        }
        let Some(operator) = value[0].as_str().and_then(operator) else { return Ok(None) };
        let (input, aggregate, operator) = match (refers(&value[1]), refers(&value[2])) {
            (false, true) => (&value[1], &value[2], operator),
            (true, false) => (&value[2], &value[1], flipped(operator)),
            _ => return Ok(None),
        };
        let name = text(&aggregate[0])?;
        if function(name).is_none()
            || name == "sum"
            || operator == Comparison::NotEqual && name != "count"
            || !aggregate[1].is_string()
        {
            return Ok(None);
        }
        let register = self.register(name, text(&aggregate[1])?)?;
        let input = self.input(Input::Number(input.clone()));
        Ok(Some(Cross::Compare { input, operator, register }))
    }

    fn truth(&mut self, value: &Value) -> Result<Truth, CaseError> {
        if !refers(value) {
            return Ok(Truth::Input(self.input(Input::Truth(value.clone()))));
        }
        let parts = list(value)?;
        let all = |this: &mut Self| parts[1..].iter().map(|part| this.truth(part)).collect::<Result<_, _>>();
        Ok(match text(&parts[0])? {
            "and" => Truth::And(all(self)?),
            "or" => Truth::Or(all(self)?),
            "not" => Truth::Not(Box::new(self.truth(&parts[1])?)),
            "has" => {
                let none = Number::Input(self.input(Input::Number(Value::from(0))));
                let count = Number::Register(self.register("count", text(&parts[1])?)?, true);
                Truth::Compare(Comparison::Less, none, count)
            }
            other => {
                let operator =
                    operator(other).ok_or_else(|| CaseError::new(format!("no condition: {value}")))?;
                Truth::Compare(operator, self.number(&parts[1])?, self.number(&parts[2])?)
            }
        })
    }

    fn number(&mut self, value: &Value) -> Result<Number, CaseError> {
        if !refers(value) {
            return Ok(Number::Input(self.input(Input::Number(value.clone()))));
        }
        let name = text(&value[0])?;
        if matches!(name, "+" | "-" | "*") {
            let (left, right) = (self.number(&value[1])?, self.number(&value[2])?);
            let sign = name.chars().next().unwrap_or('+');
            return Ok(Number::Binary(sign, Box::new(left), Box::new(right)));
        }
        let register = self.register(name, text(&value[1])?)?;
        Ok(Number::Register(register, matches!(name, "sum" | "count")))
    }

    fn input(&mut self, input: Input) -> usize {
        position(&mut self.inputs, input)
    }

    fn register(&mut self, name: &str, step: &str) -> Result<RegisterId, CaseError> {
        let function = function(name).ok_or_else(|| CaseError::new(format!("no aggregate {name}")))?;
        let step = self.steps.iter().position(|known| known == step);
        let step = step.ok_or_else(|| CaseError::new("a condition on a step that is not there"))?;
        let input = (name != "count").then(|| self.input(Input::Number(Value::from("v"))));
        let register = Register { step: StepId(step as u8), function, input };
        Ok(RegisterId(position(&mut self.registers, register) as u16))
    }
}

impl CrossConditions for Opaque {
    fn holds(&self, number: usize, inputs: &[Scalar], registers: &[Scalar]) -> bool {
        self.0[number].holds(inputs, registers)
    }
}

impl Truth {
    fn holds(&self, inputs: &[Scalar], registers: &[Scalar]) -> bool {
        match self {
            Truth::Input(input) => inputs[*input] == Scalar::Bool(true),
            Truth::And(parts) => parts.iter().all(|part| part.holds(inputs, registers)),
            Truth::Or(parts) => parts.iter().any(|part| part.holds(inputs, registers)),
            Truth::Not(part) => !part.holds(inputs, registers),
            Truth::Compare(operator, left, right) => {
                compares(*operator, left.value(inputs, registers), right.value(inputs, registers))
            }
        }
    }
}

impl Number {
    fn value(&self, inputs: &[Scalar], registers: &[Scalar]) -> f64 {
        match self {
            Number::Input(input) => float(&inputs[*input]).unwrap_or(f64::NAN),
            Number::Register(register, zero) => {
                let none = if *zero { 0.0 } else { f64::NAN };
                float(&registers[register.index()]).unwrap_or(none)
            }
            Number::Binary(sign, left, right) => {
                calculate(*sign, left.value(inputs, registers), right.value(inputs, registers))
            }
        }
    }
}

/// Whether a condition looks at what has been taken before.
fn refers(value: &Value) -> bool {
    match value.as_array() {
        None => false,
        Some(parts) => {
            let name = parts[0].as_str().unwrap_or("");
            name == "has"
                || (function(name).is_some() && parts.len() == 2)
                || !matches!(name, "type" | "key") && parts[1..].iter().any(refers)
        }
    }
}

/// A condition that looks at the event alone.
fn holds(value: &Value, event: &Value) -> Result<bool, CaseError> {
    if let Value::Bool(constant) = value {
        return Ok(*constant);
    }
    let parts = list(value)?;
    let name = text(&parts[0])?;
    let mut rest = parts[1..].iter();
    Ok(match name {
        "type" => rest.any(|wanted| *wanted == event[1]),
        "key" => rest.any(|wanted| wanted.as_str() == Some(event[3].as_str().unwrap_or(""))),
        "and" => {
            rest.map(|part| holds(part, event)).collect::<Result<Vec<bool>, _>>()?.iter().all(|part| *part)
        }
        "or" => rest.map(|part| holds(part, event)).collect::<Result<Vec<bool>, _>>()?.contains(&true),
        "not" => !holds(&parts[1], event)?,
        _ => {
            let operator = operator(name).ok_or_else(|| CaseError::new(format!("no condition: {value}")))?;
            compares(operator, number(&parts[1], event)?, number(&parts[2], event)?)
        }
    })
}

/// A number that depends on the event alone.
fn number(value: &Value, event: &Value) -> Result<f64, CaseError> {
    if let Some(constant) = value.as_f64() {
        return Ok(constant);
    }
    if let Some(field) = value.as_str() {
        return match field {
            "v" => Ok(event[2].as_f64().unwrap_or(0.0)),
            "ts" => event[0].as_f64().ok_or_else(|| CaseError::new("an event without a time")),
            _ => Err(CaseError::new(format!("no field {field}"))),
        };
    }
    let sign = text(&value[0])?.chars().next().unwrap_or('+');
    Ok(calculate(sign, number(&value[1], event)?, number(&value[2], event)?))
}

fn calculate(sign: char, left: f64, right: f64) -> f64 {
    match sign {
        '*' => left * right,
        '-' => left - right,
        _ => left + right,
    }
}

fn compares(operator: Comparison, left: f64, right: f64) -> bool {
    match operator {
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::Greater => left > right,
        Comparison::GreaterOrEqual => left >= right,
    }
}

fn operator(name: &str) -> Option<Comparison> {
    Some(match name {
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        _ => return None,
    })
}

fn flipped(operator: Comparison) -> Comparison {
    match operator {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

fn function(name: &str) -> Option<RegisterFunction> {
    Some(match name {
        "sum" => RegisterFunction::Aggregate(AggregateFunction::Sum),
        "count" => RegisterFunction::Aggregate(AggregateFunction::Count),
        "first" => RegisterFunction::First,
        "last" => RegisterFunction::Last,
        "min" => RegisterFunction::Aggregate(AggregateFunction::Min),
        "max" => RegisterFunction::Aggregate(AggregateFunction::Max),
        "avg" => RegisterFunction::Aggregate(AggregateFunction::Avg),
        _ => return None,
    })
}

fn scalar(value: f64) -> Scalar {
    if value.fract() == 0.0 && value.abs() < 9e15 { Scalar::Int(value as i64) } else { Scalar::Float(value) }
}

fn float(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Int(value) => Some(*value as f64),
        Scalar::Wide(value) => Some(*value as f64),
        Scalar::Float(value) => Some(*value),
        _ => None,
    }
}

fn position<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

//! A query's pattern in our terms, as far as there are such.

use std::sync::Arc;

use olocus_cep::pattern::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, Cross, CrossConditions, Pattern, Register,
    RegisterFunction, Repeat, Stage, Step, StepId,
};

use super::expression::{Filters, Resolved};
use super::syntax::{Basic, Chain, Element, Expression, Index, Part, Query, Reference};
use super::{NotTranslated, Once};

/// A query as a pattern, and what rows must carry for it.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) pattern: Arc<Pattern>,
    pub(super) opaque: Option<Arc<dyn CrossConditions>>,
    /// What each bit asks of an event: its stream, and filters.
    pub(super) bits: Vec<(String, Vec<Resolved>)>,
    /// The attributes that are inputs.
    pub(super) inputs: Vec<String>,
    pub(super) once: Option<Once>,
    /// The bits with which a match can begin.
    pub(super) first_bits: u64,
}

#[derive(Default)]
struct Translator {
    steps: Vec<Step>,
    conditions: Vec<Condition>,
    registers: Vec<Register>,
    bits: Vec<(String, Vec<Resolved>)>,
    inputs: Vec<String>,
    filters: Vec<Resolved>,
}

pub(super) fn translate(query: &Query) -> Result<Translated, NotTranslated> {
    let chain = query.chain.as_ref().ok_or_else(|| NotTranslated::because("no pattern"))?;
    let mut within = chain.within;
    let mut chain = chain.clone();
    let mut every = false;
    let mut after_match = AfterMatch::Nothing;
    if let [Element { every: whole, part: Part::Chain(inner) }] = &chain.elements[..] {
        within = within.or(inner.within);
        if *whole {
            every = true;
            // A next match begins once the one before is complete.
            after_match = AfterMatch::PastLast;
        }
        chain = inner.clone();
    }
    if let Some(first) = chain.elements.first_mut().filter(|first| first.every) {
        first.every = false;
        every = true;
        if matches!(&first.part, Part::Chain(inner) if inner.elements.len() > 1) {
            return Err(NotTranslated::because("`every` over several steps that others follow"));
        }
        if matches!(first.part, Part::And(..)) {
            return Err(NotTranslated::because("`every` over several steps that others follow"));
        }
    }
    let mut translator = Translator::default();
    translator.name_all(&chain)?;
    let mut stages = Vec::new();
    translator.chain(&chain, chain.strict, &mut stages)?;
    let first_bits = translator.first_bits(&stages);
    let optional = stages.first().is_some_and(|stage| stage.repeat.optional);
    let once = match (every, chain.strict || optional) {
        (true, _) => None,
        (false, true) => Some(Once::FirstMatch),
        (false, false) => Some(Once::FirstStart),
    };
    let Translator { steps, conditions, registers, bits, inputs, filters } = translator;
    // There, exactly so much later is still in time; times are whole milliseconds.
    let within = within.map(|within| within * 1_000_000 + 1);
    let pattern = Pattern { steps, conditions, registers, stages, within, preceded: None, after_match };
    if let Some(problem) = pattern.validate().first() {
        return Err(NotTranslated::because("not a pattern here").with(&problem.to_string()));
    }
    let opaque = (!filters.is_empty()).then(|| Arc::new(Filters(filters)) as Arc<dyn CrossConditions>);
    Ok(Translated { pattern: Arc::new(pattern), opaque, bits, inputs, once, first_bits })
}

impl Translator {
    fn name_all(&mut self, chain: &Chain) -> Result<(), NotTranslated> {
        for element in &chain.elements {
            match &element.part {
                Part::Basic(basic) => self.name(basic),
                Part::And(one, other) | Part::Or(one, other) => {
                    self.name(one);
                    self.name(other);
                }
                Part::Chain(inner) => self.name_all(inner)?,
            }
        }
        if self.steps.len() > 60 { Err(NotTranslated::because("too many steps")) } else { Ok(()) }
    }

    fn name(&mut self, basic: &Basic) {
        self.steps.push(Step { name: basic.name.clone(), condition: ConditionId(0) });
    }

    fn chain(&mut self, chain: &Chain, strict: bool, stages: &mut Vec<Stage>) -> Result<(), NotTranslated> {
        for (index, element) in chain.elements.iter().enumerate() {
            let follows = match (strict, element.every) {
                (true, true) => return Err(NotTranslated::because("`every` inside of a sequence")),
                (true, false) => Contiguity::Strict,
                // Each event that would do begins anew from here.
                (false, true) => Contiguity::SkipTillAny,
                (false, false) => Contiguity::SkipTillNext,
            };
            let last = index + 1 == chain.elements.len();
            self.element(element, follows, last, stages)?;
        }
        Ok(())
    }

    fn element(
        &mut self,
        element: &Element,
        follows: Contiguity,
        last: bool,
        stages: &mut Vec<Stage>,
    ) -> Result<(), NotTranslated> {
        let plain = |follows, body| Stage { follows, body, repeat: Repeat::ONCE, within: None };
        match &element.part {
            Part::Basic(basic) if basic.not => {
                let Some(duration) = basic.duration else {
                    return Err(NotTranslated::because("absence alone without a time"));
                };
                if stages.is_empty() {
                    return Err(NotTranslated::because("absence before anything has come"));
                }
                if !last {
                    return Err(NotTranslated::because("absence for a time with something after it"));
                }
                if element.every {
                    return Err(NotTranslated::because("absence told again and again"));
                }
                let step = self.step(basic)?;
                let within = Some(duration * 1_000_000);
                stages.push(Stage { within, ..plain(Contiguity::SkipTillNext, Body::Not(step)) });
            }
            Part::Basic(basic) => {
                let step = self.step(basic)?;
                let repeat = repeat(basic, follows);
                stages.push(Stage { repeat, ..plain(follows, Body::Step(step)) });
            }
            Part::And(one, other) if one.not || other.not => {
                let (absent, present) = if one.not { (one, other) } else { (other, one) };
                if absent.duration.is_some() || present.not {
                    return Err(NotTranslated::because("absence for a time together with something else"));
                }
                if stages.is_empty() {
                    return Err(NotTranslated::because("absence before anything has come"));
                }
                let absent = self.step(absent)?;
                let present = self.step(present)?;
                let not_follows =
                    if follows == Contiguity::Strict { follows } else { Contiguity::SkipTillNext };
                stages.push(plain(not_follows, Body::Not(absent)));
                stages.push(plain(follows, Body::Step(present)));
            }
            Part::Or(one, other) if one.not || other.not => {
                return Err(NotTranslated::because("absence for a time together with something else"));
            }
            Part::And(one, other) => {
                let steps = vec![self.step(one)?, self.step(other)?];
                stages.push(plain(follows, Body::AllOf(steps)));
            }
            Part::Or(one, other) => {
                let mut alternatives = Vec::new();
                for basic in [one, other] {
                    let step = self.step(basic)?;
                    alternatives.push(vec![plain(Contiguity::SkipTillNext, Body::Step(step))]);
                }
                stages.push(plain(follows, Body::AnyOf(alternatives)));
            }
            Part::Chain(inner) if inner.elements.len() == 1 => {
                let inner = &inner.elements[0];
                let every = element.every || inner.every;
                let element = Element { every, part: inner.part.clone() };
                self.element(&element, follows, last, stages)?;
            }
            Part::Chain(_) => return Err(NotTranslated::because("steps in parentheses")),
        }
        Ok(())
    }

    fn step(&mut self, basic: &Basic) -> Result<StepId, NotTranslated> {
        let mut alone = Vec::new();
        let mut cross = Vec::new();
        for filter in &basic.filters {
            for part in conjuncts(filter) {
                let resolved = self.resolve(part, &basic.name)?;
                if resolved.looks_back() {
                    self.filters.push(resolved);
                    cross.push(Cross::Opaque(self.filters.len() - 1));
                } else {
                    alone.push(resolved);
                }
            }
        }
        self.bits.push((basic.stream.clone(), alone));
        let bit = Some((self.bits.len() - 1) as u8);
        self.conditions.push(Condition { bit, cross });
        let step = self.find(&basic.name)?;
        self.steps[step.index()].condition = ConditionId((self.conditions.len() - 1) as u16);
        Ok(step)
    }

    fn find(&self, name: &str) -> Result<StepId, NotTranslated> {
        let step = self.steps.iter().position(|step| step.name == name);
        step.map(|step| StepId(step as u8))
            .ok_or_else(|| NotTranslated::because("an unknown step").with(name))
    }

    fn resolve(&mut self, expression: &Expression, own: &str) -> Result<Resolved, NotTranslated> {
        if let Some(constant) = Resolved::constant(expression) {
            return Ok(constant);
        }
        Ok(match expression {
            Expression::Reference(reference) => self.reference(reference, own)?,
            Expression::IsNull(inner) => Resolved::IsNull(Box::new(self.resolve(inner, own)?)),
            Expression::Not(inner) => Resolved::Not(Box::new(self.resolve(inner, own)?)),
            Expression::Binary(operator, left, right) => Resolved::Binary(
                operator.clone(),
                Box::new(self.resolve(left, own)?),
                Box::new(self.resolve(right, own)?),
            ),
            _ => return Err(NotTranslated::because("an expression")),
        })
    }

    fn reference(&mut self, reference: &Reference, own: &str) -> Result<Resolved, NotTranslated> {
        let Reference { of, index, attribute } = reference;
        let input = position(&mut self.inputs, attribute.clone());
        let Some(of) = of.as_ref().filter(|of| *of != own || *index != Index::Single) else {
            return Ok(Resolved::Input(input));
        };
        let function = match index {
            Index::Single | Index::Last => RegisterFunction::Last,
            Index::First => RegisterFunction::First,
            Index::At(_) | Index::Other => return Err(NotTranslated::because("an event by its position")),
        };
        let register = Register { step: self.find(of)?, function, input: Some(input) };
        Ok(Resolved::Register(position(&mut self.registers, register)))
    }

    /// The bits of the steps with which the pattern can begin.
    fn first_bits(&self, stages: &[Stage]) -> u64 {
        let bit = |step: StepId| {
            let condition = self.steps[step.index()].condition;
            self.conditions[condition.index()].bit.map_or(0, |bit| 1 << bit)
        };
        match stages.first().map(|stage| &stage.body) {
            Some(Body::Step(step)) => bit(*step),
            Some(Body::AllOf(steps)) => steps.iter().fold(0, |bits, step| bits | bit(*step)),
            Some(Body::AnyOf(alternatives)) => {
                alternatives.iter().fold(0, |bits, stages| bits | self.first_bits(stages))
            }
            _ => 0,
        }
    }
}

/// Events are collected there until what follows comes: as many as possible.
fn repeat(basic: &Basic, follows: Contiguity) -> Repeat {
    let Some((least, most)) = basic.count else { return Repeat::ONCE };
    let once = most == Some(1);
    Repeat {
        min: least.max(1),
        max: most,
        optional: least == 0,
        inner: if follows == Contiguity::Strict && !once {
            Contiguity::Strict
        } else {
            Contiguity::SkipTillNext
        },
        greedy: most != Some(least) && !once,
        until: None,
        gap: None,
    }
}

fn conjuncts(expression: &Expression) -> Vec<&Expression> {
    match expression {
        Expression::Binary(operator, left, right) if operator == "and" => {
            [conjuncts(left), conjuncts(right)].concat()
        }
        other => vec![other],
    }
}

fn position<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

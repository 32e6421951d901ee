//! The scopes in which the expressions of a sequence are read.

use olocus_cep::rule::{Asked, Element, Sequence, Takes};
use olocus_expr::{Compiler, EventScope, Steps};

use super::compile::literal_types;

/// What a sequence asks of events, with what the names in each condition mean.
pub(super) struct Scopes<'a> {
    pub(super) asked: Vec<Asked<'a>>,
    /// The event that each is asked of.
    pub(super) events: Vec<EventScope>,
    /// The steps of the pattern, as a match has them; those that take no event have no name.
    pub(super) steps: Vec<EventScope>,
    /// By what is asked: which steps can have taken events by then.
    visible: Vec<Vec<bool>>,
}

/// Where something is asked.
#[derive(Clone, Copy)]
struct Place {
    /// The outermost element around it, or itself, that is repeated: it may be asked for several events of one match.
    repeated: Option<usize>,
    /// The `all_of` whose step it is.
    any_order: Option<usize>,
}

impl<'a> Scopes<'a> {
    pub(super) fn of(sequence: &'a Sequence) -> Scopes<'a> {
        let asked = sequence.asked();
        let mut places = Vec::with_capacity(asked.len());
        let nowhere = Place { repeated: None, any_order: None };
        sequence.elements.iter().for_each(|element| visit(element, nowhere, &mut places));
        debug_assert_eq!(asked.len(), places.len(), "both walk the elements in the order of the file");
        let event = |(asked, place): (&Asked<'_>, &Place)| EventScope {
            step: name(*asked).map(str::to_owned),
            types: literal_types(asked.event()),
            repeats: place.repeated.is_some(),
            ..EventScope::default()
        };
        let events: Vec<EventScope> = asked.iter().zip(&places).map(event).collect();
        let is_step = |asked: &Asked<'_>| !matches!(asked, Asked::Until(_));
        let of_step: Vec<usize> = (0..asked.len()).filter(|at| is_step(&asked[*at])).collect();
        let steps = of_step.iter().map(|&at| match asked[at] {
            Asked::Step(_) => events[at].clone(),
            Asked::Not(_) | Asked::Until(_) => EventScope { step: None, ..events[at].clone() },
        });
        let visible = (0..asked.len()).map(|at| {
            let is_shared = |one: Option<usize>, other| one.is_some() && one == other;
            let before = |step: &usize| {
                let (step, asked) = (*step, places[at]);
                step < at
                    || is_shared(places[step].repeated, asked.repeated)
                    || step != at && is_shared(places[step].any_order, asked.any_order)
            };
            of_step.iter().map(before).collect()
        });
        Scopes { steps: steps.collect(), visible: visible.collect(), events, asked }
    }

    /// Has the expressions of the rule tell each other as what they read fields.
    pub(super) fn learn(&mut self, compiler: &Compiler, having: Option<&str>, emit: &[&str]) {
        let mut step = 0;
        for (asked, event) in self.asked.iter().zip(&mut self.events) {
            if let Some(filter) = asked.filter() {
                compiler.learn_step_condition(&filter.value, event, &mut self.steps);
            }
            if !matches!(asked, Asked::Until(_)) {
                self.steps[step].uses.merge(&event.uses);
                step += 1;
            }
        }
        compiler.learn_sequence_exprs(having, emit, &mut self.steps);
        let mut steps = self.steps.iter();
        for (asked, event) in self.asked.iter().zip(&mut self.events) {
            if !matches!(asked, Asked::Until(_))
                && let Some(step) = steps.next()
            {
                event.uses = step.uses.clone();
            }
        }
    }

    /// What the condition of something asked can look back at.
    pub(super) fn steps(&self, at: usize) -> Steps<'_> {
        Steps { all: &self.steps, visible: &self.visible[at] }
    }
}

/// The name under which the condition of something asked can call its event.
pub(super) fn name(asked: Asked<'_>) -> Option<&str> {
    match asked {
        Asked::Step(step) => Some(&step.name.value),
        Asked::Not(not) => not.name.as_ref().map(|name| name.value.as_str()),
        Asked::Until(_) => None,
    }
}

/// Tells the places of what an element asks, in the order of [`Sequence::asked`].
fn visit(element: &Element, place: Place, places: &mut Vec<Place>) {
    // What is asked is numbered in the order of the file, so the first number in an element names the element.
    let first = places.len();
    let repeated = place.repeated.or((element.times.max != Some(1)).then_some(first));
    let inside = Place { repeated, ..place };
    match &element.takes {
        Takes::Step(_) | Takes::Not(_) => places.push(inside),
        Takes::Group(elements) => elements.iter().for_each(|element| visit(element, inside, places)),
        Takes::AnyOf(alternatives) => {
            alternatives.iter().flatten().for_each(|element| visit(element, inside, places));
        }
        Takes::AllOf(steps) => {
            places.extend(steps.iter().map(|_| Place { any_order: Some(first), ..inside }));
        }
    }
    places.extend(element.times.until.iter().map(|_| inside));
}

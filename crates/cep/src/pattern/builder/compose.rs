//! How patterns become parts of others.

use super::{After, Event, EventPattern, Part, Takes, Test, Whole};
use crate::pattern::Contiguity;

impl<E> EventPattern<E> {
    pub(super) fn one(name: impl Into<String>, tests: Vec<Test<E>>) -> Self {
        let event = Event { name: name.into(), tests, compared: Vec::new() };
        let mut pattern = EventPattern::empty();
        pattern.parts.push(Part::new(Takes::Event(event)));
        pattern
    }

    pub(super) fn empty() -> Self {
        EventPattern { parts: Vec::new(), within: None, whole: Whole::default(), problems: Vec::new() }
    }

    pub(super) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    pub(super) fn skip(mut self, after: After) -> Self {
        self.whole.after = after;
        self
    }

    pub(super) fn followed(mut self, follows: Contiguity, pattern: EventPattern<E>) -> Self {
        self.push(follows, pattern);
        self
    }

    /// Adds a pattern as one part.
    pub(super) fn push(&mut self, follows: Contiguity, pattern: EventPattern<E>) {
        self.part_of(&pattern);
        if self.parts.is_empty() && pattern.within.is_some() {
            self.problem(format!(
                "{} comes first, so there is no event before it; say `within` of the whole pattern",
                pattern.label()
            ));
        }
        let mut part = pattern.into_part();
        part.follows = follows;
        self.parts.push(part);
    }

    pub(super) fn not(mut self, follows: Contiguity, event: EventPattern<E>) -> Self {
        self.part_of(&event);
        let (label, within) = (event.label(), event.within);
        match event.into_event() {
            Some(event) => {
                self.parts.push(Part { follows, within, ..Part::new(Takes::Not(event)) });
            }
            None => self.problem(format!("{label} is no single event; only such can be absent")),
        }
        self
    }

    /// Takes over what is wrong with a pattern that becomes part of this one.
    pub(super) fn part_of(&mut self, pattern: &EventPattern<E>) {
        self.problems.extend(pattern.problems.iter().cloned());
        for what in pattern.whole.said() {
            self.problem(format!("{} is part of a pattern; say {what} of the whole", pattern.label()));
        }
    }

    /// The pattern as a part of another.
    pub(super) fn into_part(mut self) -> Part<E> {
        let within = self.within;
        match (self.parts.len(), self.parts.pop()) {
            (1, Some(part)) => Part { within, ..part },
            (_, last) => {
                self.parts.extend(last);
                Part { within, ..Part::new(Takes::Group(self.parts)) }
            }
        }
    }

    /// The single event that the pattern is, said once.
    pub(super) fn into_event(mut self) -> Option<Event<E>> {
        match (self.parts.len(), self.parts.pop()) {
            (1, Some(Part { takes: Takes::Event(event), times, .. })) if times.is_once() => Some(event),
            _ => None,
        }
    }

    pub(super) fn single(&mut self, what: &str) -> Option<&mut Event<E>> {
        let label = self.label();
        if let [Part { takes: Takes::Event(_), .. }] = &*self.parts {
            return match &mut self.parts[0].takes {
                Takes::Event(event) => Some(event),
                _ => None,
            };
        }
        self.problems.push(format!("{label} is no single event; say {what} of those in it"));
        None
    }

    /// What the pattern is called in messages: by the first event in it.
    pub(super) fn label(&self) -> String {
        fn of<E>(parts: &[Part<E>]) -> Option<&str> {
            parts.iter().find_map(|part| match &part.takes {
                Takes::Event(event) | Takes::Not(event) => Some(event.name.as_str()),
                Takes::Group(parts) => of(parts),
                Takes::AnyOf(alternatives) => alternatives.iter().find_map(|parts| of(parts)),
                Takes::AllOf(events) => events.first().map(|event| event.name.as_str()),
            })
        }
        match (of(&self.parts), &*self.parts) {
            (Some(name), [Part { takes: Takes::Event(_), .. }]) => format!("`{name}`"),
            (Some(name), _) => format!("the pattern of `{name}` …"),
            (None, _) => "an empty pattern".to_owned(),
        }
    }
}

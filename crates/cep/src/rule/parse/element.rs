//! The elements of a sequence.

use olocus_document::{Fields, Node, Span, suggest};

use super::absence::NOT_WITHIN_HELP;
use super::times::Repeated;
use super::{Names, Parser};
use crate::pattern::Contiguity;
use crate::rule::{DraftRole, DraftStep, Element, Step, Takes, Times};

/// The most steps that a sequence may have, each `not` and `until` counted as one.
pub const MAX_STEPS: usize = 64;

/// What is known of a sequence while its elements are read.
pub(super) struct Reading {
    pub(super) names: Names,
    /// All that is asked of events so far.
    pub(super) asked: Vec<DraftStep>,
    /// The names of steps in groups and alternatives.
    pub(super) inner: Vec<String>,
    /// How many groups and alternatives are being read.
    depth: usize,
    /// The time of the whole rule.
    pub(super) within: Option<i64>,
}

impl Reading {
    pub(super) fn new(names: Names, within: Option<i64>) -> Reading {
        Reading { names, asked: Vec::new(), inner: Vec::new(), depth: 0, within }
    }
}

/// Elements one after the other.
pub(super) struct Read {
    /// Unless one of them could not be read.
    pub(super) elements: Option<Vec<Element>>,
    /// Whether they can be satisfied without any event.
    pub(super) can_be_empty: bool,
    /// Whether the first of them may be missing.
    pub(super) begins_optional: bool,
}

/// What elements stand in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Sequence,
    Group,
    AnyOf,
}

/// What an element is, by the key that says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Step,
    Not,
    Group,
    AnyOf,
    AllOf,
}

/// What the elements beside it have to know of an element.
pub(super) struct Outline {
    pub(super) kind: Kind,
    pub(super) head: Span,
    pub(super) can_be_empty: bool,
    pub(super) begins_optional: bool,
    pub(super) is_greedy: bool,
}

/// Where an element stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) inside: Inside,
    /// Nothing is taken before it.
    pub(super) is_first: bool,
    pub(super) is_last: bool,
}

impl Kind {
    pub(super) const ALL: [Kind; 5] = [Kind::Step, Kind::Not, Kind::Group, Kind::AnyOf, Kind::AllOf];

    pub(super) fn key(self) -> &'static str {
        match self {
            Kind::Step => "step",
            Kind::Not => "not",
            Kind::Group => "group",
            Kind::AnyOf => "any_of",
            Kind::AllOf => "all_of",
        }
    }

    /// What messages call it.
    fn what(self) -> &'static str {
        match self {
            Kind::Step => "a step",
            Kind::Not => "an element with `not`",
            Kind::Group => "a `group`",
            Kind::AnyOf => "an `any_of`",
            Kind::AllOf => "an `all_of`",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Kind::Step => "step",
            Kind::Not | Kind::Group | Kind::AnyOf | Kind::AllOf => "element",
        }
    }
}

impl Parser<'_> {
    pub(super) fn elements(&mut self, items: &[Node], inside: Inside, reading: &mut Reading) -> Read {
        let mut outlines = Vec::with_capacity(items.len());
        let mut elements = Vec::with_capacity(items.len());
        let mut is_first = true;
        reading.depth += usize::from(inside != Inside::Sequence);
        for (index, item) in items.iter().enumerate() {
            let place = Place { inside, is_first, is_last: index + 1 == items.len() };
            let (outline, element) = self.element(item, place, reading);
            is_first &= outline.kind == Kind::Not;
            outlines.push(outline);
            elements.push(element);
        }
        reading.depth -= usize::from(inside != Inside::Sequence);
        self.check_order(&outlines, inside);
        Read {
            elements: elements.into_iter().collect(),
            can_be_empty: outlines.iter().all(|outline| outline.can_be_empty),
            begins_optional: outlines.first().is_some_and(|outline| outline.begins_optional),
        }
    }

    fn element(&mut self, node: &Node, place: Place, reading: &mut Reading) -> (Outline, Option<Element>) {
        let kind = self.kind(node);
        let mut outline = Outline {
            kind,
            head: node.head(),
            can_be_empty: false,
            begins_optional: false,
            is_greedy: false,
        };
        let Some(mut fields) = self.fields(node, kind.what()) else {
            reading.asked.push(DraftStep::unreadable(node.span));
            return (outline, None);
        };
        let takes = match kind {
            Kind::Step => self.step(&mut fields, node, reading).map(Takes::Step),
            Kind::Not => self.not(&mut fields, place, reading).map(Takes::Not),
            Kind::Group => {
                let group = self.group(&mut fields, reading);
                outline.can_be_empty = group.can_be_empty;
                outline.begins_optional = group.begins_optional;
                group.elements.map(Takes::Group)
            }
            Kind::AnyOf => self.any_of(&mut fields, reading).map(Takes::AnyOf),
            Kind::AllOf => self.all_of(&mut fields, reading).map(Takes::AllOf),
        };
        let (contiguity, within) = self.follows(&mut fields, kind, place, reading);
        let mut times = Times::default();
        if matches!(kind, Kind::Step | Kind::Group) {
            // A step that could not be read has put a draft of itself there all the same.
            let own = reading.asked.last().filter(|_| kind == Kind::Step).cloned();
            let own = own.as_ref();
            let of = Repeated {
                name: own.and_then(|own| own.name.as_ref()),
                event: own.and_then(|own| own.event.as_deref()),
                is_group: kind == Kind::Group,
            };
            times = self.times(&mut fields, &of, reading);
        }
        if outline.can_be_empty && times.max != Some(1) {
            self.report(
                "empty-repetition",
                outline.head,
                "all elements of this repeated group may be missing",
                "make one of them required; `optional: true` on the group says that all may be missing",
            );
        }
        outline.can_be_empty |= times.optional;
        outline.begins_optional |= times.optional;
        outline.is_greedy = times.greedy;
        self.reject_misplaced(&mut fields, kind);
        fields.finish(self.diagnostics);
        let element = takes.map(|takes| Element { takes, contiguity, within, times, span: node.span });
        (outline, element)
    }

    /// The kind that an element says it is, or probably should.
    fn kind(&mut self, node: &Node) -> Kind {
        let Some(mapping) = node.as_mapping() else { return Kind::Step };
        let mut given = Kind::ALL.into_iter().filter_map(|kind| Some((kind, mapping.entry(kind.key())?)));
        match (given.next(), given.next()) {
            (Some((kind, _)), None) => kind,
            (Some((kind, (first, _))), Some((_, (second, _)))) => {
                let message = format!("an element is both `{}` and `{}`", first.value, second.value);
                self.report("two-elements", second.span, message, "put a `-` before each of them");
                kind
            }
            (None, _) => {
                let meant = |name: &str| {
                    let key = suggest(name, Kind::ALL.map(Kind::key))?;
                    Kind::ALL.into_iter().find(|kind| kind.key() == key)
                };
                mapping.entries.iter().find_map(|(key, _)| meant(&key.value)).unwrap_or(Kind::Step)
            }
        }
    }

    pub(super) fn step(
        &mut self,
        fields: &mut Fields<'_>,
        node: &Node,
        reading: &mut Reading,
    ) -> Option<Step> {
        let name = self.step_name(fields, &mut reading.names);
        let event = self.event(fields);
        let filter = self.expression(fields, "where");
        if reading.depth > 0 {
            reading.inner.extend(name.iter().map(|name| name.value.clone()));
        }
        reading.asked.push(DraftStep {
            role: DraftRole::Step,
            name: name.clone(),
            event: event.clone(),
            filter: filter.clone(),
            span: node.span,
        });
        Some(Step { name: name?, event: event?, filter, span: node.span })
    }

    /// `contiguity` and `within`: how an element follows what is before it.
    fn follows(
        &mut self,
        fields: &mut Fields<'_>,
        kind: Kind,
        place: Place,
        reading: &Reading,
    ) -> (Contiguity, Option<i64>) {
        let contiguity = self.contiguity(fields);
        if let (Kind::Not, Some(contiguity)) = (kind, contiguity) {
            let problem = match contiguity.value {
                _ if place.inside == Inside::Sequence && place.is_first => Some((
                    "the `not` at the start has nothing before it to follow",
                    "leave `contiguity` out; `for` says how long before the first event it holds",
                )),
                Contiguity::SkipTillAny => Some((
                    "a `not` is never skipped",
                    "write `strict` for the very next event, or leave `contiguity` out for all until the next element",
                )),
                Contiguity::Strict | Contiguity::SkipTillNext => None,
            };
            if let Some((message, help)) = problem {
                self.report("misplaced-key", contiguity.span, message, help);
            }
        }
        if kind == Kind::Not {
            return (contiguity.map_or(Contiguity::default(), |contiguity| contiguity.value), None);
        }
        let within = self.positive_duration(fields, "within");
        if let Some(within) = within {
            self.check_shorter("within", within, reading);
        }
        let spans = [("contiguity", contiguity.map(|it| it.span)), ("within", within.map(|it| it.span))];
        for (key, span) in spans {
            if let Some(span) = span.filter(|_| place.is_first) {
                self.report_first(key, span, kind, place.inside);
            }
        }
        (contiguity.map_or(Contiguity::default(), |it| it.value), within.map(|within| within.value))
    }

    fn report_first(&mut self, key: &str, span: Span, kind: Kind, inside: Inside) {
        let (message, help) = match (inside, key) {
            (Inside::Group, _) => (
                format!("the first element of a group has no `{key}` of its own"),
                format!(
                    "put `{key}` beside `group`; between repetitions of a group {}",
                    match key {
                        "within" => "it is `times: { gap: … }`",
                        _ => "it is `times: { contiguity: … }`",
                    }
                ),
            ),
            (Inside::AnyOf, _) => (
                format!("the first element of an alternative has no `{key}` of its own"),
                format!("put `{key}` beside `any_of`"),
            ),
            (Inside::Sequence, "within") => (
                format!("the first {} has no step before it to be `within` a time of", kind.noun()),
                "put `within` on later steps, or on the rule for all steps together".to_owned(),
            ),
            (Inside::Sequence, _) => (
                format!("the first {} has no step before it to follow", kind.noun()),
                format!("put `{key}` on later steps; between repetitions it is `times: {{ {key}: … }}`"),
            ),
        };
        self.report("misplaced-key", span, message, help);
    }

    /// Explains keys that have their place elsewhere.
    fn reject_misplaced(&mut self, fields: &mut Fields<'_>, kind: Kind) {
        let what = kind.what();
        for other in Kind::ALL.into_iter().filter(|other| *other != kind) {
            // That there are two of them has been said.
            if fields.has(other.key()) {
                fields.node(other.key());
            }
        }
        let mut reject = |keys: &[&'static str], help: &str| {
            for key in keys {
                fields.reject(key, what, &help.replace("{key}", key), self.diagnostics);
            }
        };
        match kind {
            Kind::Step => {
                reject(&["for"], "`for` belongs to a `not`; the time since the step before is `within`");
            }
            Kind::Not => {
                reject(&["event", "where"], "it stands in the `not`: `not: { {key}: … }`");
                reject(&["within"], NOT_WITHIN_HELP);
                let help = "a `not` takes no event that could be repeated or missing";
                reject(&["times", "optional", "greedy", "until"], help);
            }
            Kind::Group | Kind::AnyOf | Kind::AllOf => {
                reject(&["event", "where"], "each step in it has its own `{key}`");
                reject(&["for"], "`for` belongs to a `not`");
                if kind != Kind::Group {
                    let help = "put it into a `group`, beside which `{key}` can stand";
                    reject(&["times", "optional", "until"], help);
                    reject(&["greedy"], "only the repetitions of a single step can be greedy");
                }
            }
        }
    }
}

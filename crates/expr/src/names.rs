//! What names mean: fields of the event, fields of a step's event, metadata, fields that group a window.

use std::fmt;
use std::sync::Arc;

use datafusion_sql::sqlparser::ast::Ident;
use olocus_event::{FieldPath, Kind};

use crate::lex::range_of;
use crate::lists::Lookup;
use crate::problem::Problem;
use crate::schema::{Found, SchemaKind, Schemas};
use crate::uses::FieldUses;

/// The event that an expression speaks about.
#[derive(Clone, Debug, Default)]
pub struct EventScope {
    /// Name of the step that the event stands for, usable as the first segment of a field.
    pub step: Option<String>,
    /// The literal event types, which find the schemas; empty: unknown.
    pub types: Vec<String>,
    /// Whether a match may take several events for the step.
    pub repeats: bool,
    /// What is known from other expressions of the rule about this event, from [`Compiler`](crate::Compiler)'s methods
    /// `learn_…`.
    pub uses: FieldUses,
}

/// Where names are looked up.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// One event.
    Event(&'a EventScope),
    /// The events that a match has taken.
    Match(MatchScope<'a>),
    /// Each of the events that a match has taken for one of its steps, in the argument of an aggregate.
    Taken { steps: &'a [EventScope], step: usize },
    /// A window of events: outside of aggregates only the fields it is grouped by.
    Window { event: &'a EventScope, by: &'a [Option<Source>] },
}

/// The events that a match, or a partial match, has taken.
#[derive(Clone, Copy)]
pub(crate) struct MatchScope<'a> {
    /// The event that is asked about, whose fields need no step before them.
    pub(crate) event: Option<&'a EventScope>,
    pub(crate) steps: &'a [EventScope],
    /// Which steps can have taken events by then; `None`: all.
    pub(crate) visible: Option<&'a [bool]>,
}

/// A value that an event has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Field(FieldPath),
    Meta(Meta),
}

/// Metadata of an event, `meta.…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Meta {
    Time,
    Type,
    Id,
    Source,
    Subject,
    Key,
    Topic,
}

const META: [(&str, Meta); 7] = [
    ("time", Meta::Time),
    ("type", Meta::Type),
    ("id", Meta::Id),
    ("source", Meta::Source),
    ("subject", Meta::Subject),
    ("key", Meta::Key),
    ("topic", Meta::Topic),
];

impl Meta {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Time => Kind::Time,
            _ => Kind::Text,
        }
    }
}

impl fmt::Display for Source {
    /// The canonical spelling: two sources are written alike exactly if they are the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meta(meta) => {
                let name = META.iter().find(|(_, known)| known == meta).map_or("", |(name, _)| *name);
                write!(f, "meta.{name}")
            }
            Self::Field(path) => {
                for (i, segment) in path.segments().enumerate() {
                    let separator = if i == 0 { "" } else { "." };
                    if is_plain(segment) && !(i == 0 && segment == "meta") {
                        write!(f, "{separator}{segment}")?;
                    } else {
                        write!(f, "{separator}{segment:?}")?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// Where the value of a reference comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    Event(Source),
    /// An event taken for the step with this index.
    Step(usize, Source),
    /// The value of the window's `by` field with this index.
    By(usize),
    /// The result of the aggregate with this index.
    Aggregate(usize),
    /// What a list has for a key.
    Lookup(Arc<Lookup>),
    /// The same while its expression is analysed: the look-up with this index.
    LookupCall(usize),
}

/// A name with its meaning.
pub(crate) struct Resolved {
    pub(crate) origin: Origin,
    /// How the origin is written in normalised text.
    pub(crate) canonical: String,
    pub(crate) schema: Option<SchemaKind>,
    /// Set for metadata, whose kind does not depend on use.
    pub(crate) fixed: Option<Kind>,
    /// As what other expressions of the rule read it, where there is no schema.
    pub(crate) used: Option<Kind>,
    /// A single segment in double quotes that would not need them: often meant as text.
    pub(crate) needless_quotes: bool,
}

impl Scope<'_> {
    /// Whether other expressions have told something about fields.
    pub(crate) fn has_uses(&self) -> bool {
        match self {
            Scope::Event(scope) | Scope::Window { event: scope, .. } => !scope.uses.is_empty(),
            Scope::Match(scope) => {
                scope.event.into_iter().chain(scope.steps).any(|step| !step.uses.is_empty())
            }
            Scope::Taken { steps, .. } => steps.iter().any(|step| !step.uses.is_empty()),
        }
    }

    pub(crate) fn resolve(&self, path: &[Ident], schemas: &Schemas) -> Result<Resolved, Problem> {
        match self {
            Scope::Event(scope) => event_value(own_event(scope, path), scope, schemas, Origin::Event),
            Scope::Match(scope) => scope.resolve(path, schemas),
            Scope::Taken { steps, step } => taken_value(path, steps, *step, schemas),
            Scope::Window { event, by } => {
                let path = own_event(event, path);
                let mut resolved = event_value(path, event, schemas, Origin::Event)?;
                let Origin::Event(source) = &resolved.origin else {
                    return Ok(resolved);
                };
                match by.iter().position(|known| known.as_ref() == Some(source)) {
                    Some(index) => {
                        resolved.canonical = format!("by.{source}");
                        resolved.origin = Origin::By(index);
                        Ok(resolved)
                    }
                    None => {
                        let name = written(path);
                        let message = format!("`{name}` differs from event to event of the window");
                        let help = format!("use an aggregate such as max({name}), or add `{name}` to `by`");
                        Err(Problem::new("not-grouped", range(path), message).with_help(help))
                    }
                }
            }
        }
    }
}

/// Whether `name` can be written without quotes.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A path as one writes it.
pub(crate) fn written(path: &[Ident]) -> String {
    path.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
}

pub(crate) fn range(path: &[Ident]) -> (usize, usize) {
    let ranges = || path.iter().filter_map(|ident| range_of(ident.span));
    (ranges().map(|range| range.0).min().unwrap_or(0), ranges().map(|range| range.1).max().unwrap_or(0))
}

/// Takes the step's own name off the front.
fn own_event<'a>(scope: &EventScope, path: &'a [Ident]) -> &'a [Ident] {
    match path {
        [first, rest @ ..] if !rest.is_empty() && is_step(scope, first) => rest,
        path => path,
    }
}

/// Whether a name without quotes is that of the step.
fn is_step(scope: &EventScope, name: &Ident) -> bool {
    name.quote_style.is_none() && scope.step.as_deref() == Some(name.value.as_str())
}

/// A field or metadata of one event.
fn event_value(
    path: &[Ident],
    scope: &EventScope,
    schemas: &Schemas,
    origin: impl FnOnce(Source) -> Origin,
) -> Result<Resolved, Problem> {
    if let [first, rest @ ..] = path
        && first.value == "meta"
        && first.quote_style.is_none()
    {
        let meta = metadata(path, rest)?;
        let source = Source::Meta(meta);
        let canonical = source.to_string();
        let fixed = Some(meta.kind());
        return Ok(Resolved {
            origin: origin(source),
            canonical,
            schema: None,
            fixed,
            used: None,
            needless_quotes: false,
        });
    }
    let segments: Vec<String> = path.iter().map(|ident| ident.value.clone()).collect();
    let schema = match schemas.find(&scope.types, &segments) {
        Found::Open => None,
        Found::Kind(kind) => Some(kind),
        Found::Missing { event_type, depth, candidates } => {
            let unknown = &path[depth..=depth];
            let message =
                format!("events of type `{event_type}` have no field `{}`", written(&path[..=depth]));
            let name = segments[depth].as_str();
            let help = match olocus_document::suggest(name, candidates.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None if path[depth].quote_style.is_some() && is_plain(name) => {
                    format!("double quotes name a field; text stands between single quotes: '{name}'")
                }
                None => format!("the schema has {}", candidates.join(", ")),
            };
            return Err(Problem::new("unknown-field", range(unknown), message).with_help(help));
        }
    };
    let needless_quotes = match path {
        [only] => only.quote_style.is_some() && is_plain(&only.value),
        _ => false,
    };
    let source = Source::Field(FieldPath::new(segments));
    let canonical = source.to_string();
    let used = if schema.is_none() { scope.uses.kind(&source) } else { None };
    Ok(Resolved { origin: origin(source), canonical, schema, fixed: None, used, needless_quotes })
}

fn metadata(path: &[Ident], rest: &[Ident]) -> Result<Meta, Problem> {
    let known = META.map(|(name, _)| format!("meta.{name}")).join(", ");
    let problem = |message: String, hint: &str| {
        let help =
            format!("{hint}metadata: {known}; a field of the event that is called meta is written \"meta\"");
        Err(Problem::new("unknown-metadata", range(path), message).with_help(help))
    };
    let [name] = rest else {
        return problem(format!("`{}` is no metadata", written(path)), "");
    };
    match META.iter().find(|(known, _)| *known == name.value) {
        Some((_, meta)) => Ok(*meta),
        None => {
            let hint = olocus_document::suggest(&name.value, META.map(|(known, _)| known));
            let hint = hint.map(|known| format!("did you mean `meta.{known}`? ")).unwrap_or_default();
            problem(format!("events have no `meta.{name}`"), &hint)
        }
    }
}

impl MatchScope<'_> {
    /// The step of that name.
    pub(crate) fn step(&self, name: &Ident) -> Option<usize> {
        self.steps.iter().position(|step| is_step(step, name))
    }

    /// A value of the event asked about, or of the only event of a step.
    fn resolve(&self, path: &[Ident], schemas: &Schemas) -> Result<Resolved, Problem> {
        let Some((first, rest)) = path.split_first() else {
            return Err(Problem::new("needs-step", (0, 0), "a name is missing"));
        };
        if let Some(event) = self.event {
            if is_step(event, first) && !rest.is_empty() {
                return event_value(rest, event, schemas, Origin::Event);
            }
            if rest.is_empty() || self.step(first).is_none() {
                return event_value(path, event, schemas, Origin::Event);
            }
        }
        let Some(step) = self.step(first) else {
            return Err(no_step(path, self.steps));
        };
        self.see(step, path)?;
        if self.steps[step].repeats && !rest.is_empty() {
            let name = written(path);
            let message =
                format!("the step `{first}` can take several events, so `{name}` has several values");
            let help = format!("say which: last({name}), first({name}), max({name}), sum({name}) …");
            return Err(Problem::new("several-events", range(path), message).with_help(help));
        }
        taken_value(path, self.steps, step, schemas)
    }

    /// Refuses a step that cannot have taken anything by then.
    pub(crate) fn see(&self, step: usize, path: &[Ident]) -> Result<(), Problem> {
        if self.visible.is_none_or(|visible| visible.get(step).copied().unwrap_or(true)) {
            return Ok(());
        }
        let name = self.steps[step].step.as_deref().unwrap_or_default();
        if self.event.is_some_and(|event| event.step.as_deref() == Some(name)) {
            let message =
                format!("the step `{name}` takes one event, the one at hand, so it has taken none before");
            let help = format!("a field of the event at hand is written {name}.field, without an aggregate");
            return Err(Problem::new("own-step", range(path), message).with_help(help));
        }
        let message = format!("the step `{name}` comes later: it has no event yet");
        let help = format!(
            "put the condition on `{name}`, or on the whole as `having`; a field of this event that is called so is \
             written \"{name}\""
        );
        Err(Problem::new("later-step", range(path), message).with_help(help))
    }
}

/// `step.field` or `step.meta.…` of an event taken for that step.
fn taken_value(
    path: &[Ident],
    steps: &[EventScope],
    step: usize,
    schemas: &Schemas,
) -> Result<Resolved, Problem> {
    let name = steps[step].step.as_deref().unwrap_or_default();
    let Some((first, rest)) = path.split_first() else {
        return Err(Problem::new("needs-step", (0, 0), "a name is missing"));
    };
    if !is_step(&steps[step], first) {
        if steps.iter().any(|other| is_step(other, first)) {
            let message = format!("an aggregate speaks of one step, but `{name}` and `{first}` are two");
            return Err(Problem::new("two-steps", range(path), message));
        }
        return Err(no_step(path, steps));
    }
    if rest.is_empty() {
        let message = format!("`{first}` is a step, not a value");
        let help = format!("name a field of it: {first}.field");
        return Err(Problem::new("not-a-value", range(path), message).with_help(help));
    }
    let mut resolved = event_value(rest, &steps[step], schemas, |source| Origin::Step(step, source))?;
    // The index would do for evaluation; the name makes normalised text readable and independent of order.
    resolved.canonical = format!("{name:?}.{}", resolved.canonical);
    resolved.needless_quotes = false;
    Ok(resolved)
}

/// What is said of a path that should begin with a step.
fn no_step(path: &[Ident], steps: &[EventScope]) -> Problem {
    let names = || steps.iter().filter_map(|step| step.step.as_deref());
    let list = names().collect::<Vec<_>>().join(", ");
    let (first, rest) = path.split_first().map_or(("", path), |(first, rest)| (first.value.as_str(), rest));
    let help = match olocus_document::suggest(first, names()) {
        Some(step) if !rest.is_empty() => {
            format!("did you mean `{step}.{}`? steps: {list}", written(rest))
        }
        _ => format!(
            "say whose field it is, as in {}.{}; steps: {list}",
            names().next().unwrap_or("step"),
            written(path)
        ),
    };
    Problem::new("needs-step", range(path), format!("`{first}` is no step")).with_help(help)
}

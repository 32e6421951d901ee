//! An explanation for people.

use std::fmt;

use olocus_runtime::{Advice, Condition, Explanation, ListUse, LookUp, Predicate, Reads, State};

/// An explanation with the file and line of its rule.
pub(super) struct Page<'a> {
    pub(super) explanation: &'a Explanation,
    pub(super) place: Option<&'a (String, usize)>,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { rule, version, pattern, conditions, predicates, automaton, evaluation, .. } =
            self.explanation;
        write!(f, "rule {rule}")?;
        if let Some((file, line)) = self.place {
            write!(f, " ({file}:{line})")?;
        }
        writeln!(f, ", version {version}")?;
        section("pattern", pattern, f)?;
        section("conditions", &lines_of(conditions, condition), f)?;
        section("predicates", &lines_of(predicates, predicate), f)?;
        section("automaton", &automaton.listing, f)?;
        section("evaluation", &[format!("{}: {}", evaluation.class, evaluation.reason)], f)?;
        section("time", &times(self.explanation), f)?;
        section("state", &state(self.explanation), f)?;
        section("reads", &reads(&self.explanation.reads), f)?;
        section("lists", &lines_of(&self.explanation.lists, list), f)?;
        section("warnings", &lines_of(&self.explanation.warnings, advice), f)
    }
}

/// A heading with indented lines; nothing, if there are none.
fn section(title: &str, lines: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    lines.iter().try_for_each(|line| writeln!(f, "  {}", line.trim_end()))
}

fn lines_of<T>(items: &[T], lines: fn(&T) -> Vec<String>) -> Vec<String> {
    items.iter().flat_map(lines).collect()
}

fn condition(condition: &Condition) -> Vec<String> {
    let Condition { name, types, predicate, in_turn, across } = condition;
    let mut lines = vec![match predicate {
        Some(predicate) => format!("{name}: {} where predicate {predicate}", types.join(" or ")),
        None => format!("{name}: {}", types.join(" or ")),
    }];
    lines.extend(in_turn.iter().map(|asked| format!("  and {asked}: asked when the event's turn has come")));
    for crossing in across {
        let how = if crossing.indexed {
            "partial matches found through an ordered index"
        } else {
            "asked for each partial match that waits"
        };
        lines.push(format!("  and {}: {how}", crossing.text));
    }
    lines
}

fn predicate(predicate: &Predicate) -> Vec<String> {
    let Predicate { id, text, access, sharing, shared_with } = predicate;
    let mut lines = vec![format!("{id}: {text}"), format!("   found by {access}")];
    if !shared_with.is_empty() {
        let more = match sharing - shared_with.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        lines.push(format!("   evaluated once, also for {}{more}", shared_with.join(", ")));
    }
    lines
}

fn times(explanation: &Explanation) -> Vec<String> {
    let within = explanation.within.as_deref().unwrap_or("unlimited");
    let mut lines = Vec::new();
    if explanation.state.unit == "partial matches" {
        lines.push(format!("within: {within}"));
    }
    lines.extend(explanation.timers.iter().map(|timer| format!("timer: {timer}")));
    if explanation.timers.is_empty() {
        lines.push("timers: none".to_owned());
    }
    lines
}

fn state(explanation: &Explanation) -> Vec<String> {
    let State { unit, growth, kept, bytes, units_max, keys_max, bytes_max, when_full } = &explanation.state;
    let mut lines = vec![match &*explanation.key {
        [] => "key: none, all events belong together".to_owned(),
        fields => format!("key: {}", fields.join(", ")),
    }];
    lines.extend(growth.iter().cloned());
    if !kept.is_empty() {
        lines.push(format!("kept beside: {}", kept.join(", ")));
    }
    let mut sizes = vec![format!("{} for a key", bytes.key)];
    if bytes.unit > 0 {
        let one = if *unit == "partial matches" { "partial match" } else { "entry" };
        sizes.push(format!("{} for each {one}", bytes.unit));
    }
    if bytes.event > 0 {
        sizes.push(format!("{} for each event taken", bytes.event));
    }
    lines.push(format!("bytes: {}; texts come on top", sizes.join(", ")));
    let [units, keys] = [*units_max, *keys_max].map(grouped);
    lines.push(format!("bounds over all keys: {units} {unit}, {keys} keys, {}", bytes_text(*bytes_max)));
    lines.push(format!("when full: {when_full}"));
    lines
}

fn reads(reads: &Reads) -> Vec<String> {
    let mut lines = vec![format!("types: {}", reads.types.join(", "))];
    if let Some(types) = &reads.sees_also {
        let types: Vec<&str> =
            types.iter().map(|name| if name == "*" { "all that the engine reads" } else { name }).collect();
        lines.push(format!("sees also: {}", types.join(", ")));
    }
    let width = reads.fields.iter().map(|field| field.name.chars().count()).max().unwrap_or(0);
    for field in &reads.fields {
        lines.push(format!("{:width$}  {}, for {}", field.name, field.kind, field.uses.join(", ")));
    }
    lines
}

fn list(list: &ListUse) -> Vec<String> {
    let ListUse { name, source, key, changes, found, rows, bytes, look_ups } = list;
    let by = key.as_ref().map_or_else(String::new, |key| format!(" by {key}"));
    let size = match (rows, bytes) {
        (Some(1), Some(bytes)) => format!("1 row, {}", bytes_text(*bytes)),
        (Some(rows), Some(bytes)) => format!("{} rows, {}", grouped(*rows), bytes_text(*bytes)),
        _ if *changes => "as it is when an event's turn has come".to_owned(),
        _ => "not read".to_owned(),
    };
    let mut lines = vec![format!("{name}: {source}{by}, {size}; a value is found {found}")];
    lines.extend(look_ups.iter().map(|LookUp { key, column, uses }| {
        let asked = match column {
            Some(column) => format!("lookup('{name}', {key}).{column}"),
            None => format!("{key} IN list('{name}')"),
        };
        format!("  {asked}, for {}", uses.join(", "))
    }));
    lines
}

fn advice(advice: &Advice) -> Vec<String> {
    let Advice { code, message, cost, instead } = advice;
    vec![format!("[{code}] {message}"), format!("  cost: {cost}"), format!("  instead: {instead}")]
}

/// A number with a comma before each three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes_text(bytes: usize) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, shift)| bytes >> shift > 0 && bytes.trailing_zeros() >= *shift) {
        Some((unit, shift)) => format!("{} {unit}", grouped(bytes >> shift)),
        None => format!("{} bytes", grouped(bytes)),
    }
}

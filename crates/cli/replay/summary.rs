//! What a replay tells at its end, on standard error.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use olocus_cep::{Limit, Overflow};
use olocus_document::format_duration;
use olocus_runtime::{DeadLetter, InputId, Missed, Outputs, Plan, Prepared};
use serde_json::{Map, Value as Json, json};

/// How a summary is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines for people.
    Text,
    /// One JSON object on one line.
    Json,
}

/// Counts over a whole run.
pub(super) struct Summary {
    rules: Vec<String>,
    /// What each rule does at a limit, where it says so itself.
    policies: Vec<Option<Overflow>>,
    matches: Vec<u64>,
    events: u64,
    unconverted: u64,
    failed: u64,
    late: u64,
    dead: BTreeMap<&'static str, Dead>,
    /// By input, the largest event time so far.
    largest: HashMap<InputId, i64>,
    /// How far an event came after one with a later time, at most: the smallest bound that makes none late.
    disorder: i64,
}

/// The dead letters of one cause.
struct Dead {
    count: u64,
    /// The first of them, by its place.
    first: (InputId, i64),
    cause: String,
}

impl Summary {
    pub(super) fn new(plan: &Plan) -> Summary {
        let rules: Vec<String> = plan.rule_names().map(str::to_owned).collect();
        Summary {
            matches: vec![0; rules.len()],
            policies: (0..rules.len()).map(|rule| plan.own_policy(rule)).collect(),
            rules,
            events: 0,
            unconverted: 0,
            failed: 0,
            late: 0,
            dead: BTreeMap::new(),
            largest: HashMap::new(),
            disorder: 0,
        }
    }

    pub(super) fn prepared(&mut self, prepared: &Prepared) {
        self.events += prepared.counts.events;
        self.unconverted += prepared.counts.unconverted;
        self.failed += prepared.counts.failed;
        let largest = self.largest.entry(prepared.input().clone()).or_insert(i64::MIN);
        for &time in prepared.times() {
            if time < *largest {
                self.disorder = self.disorder.max(largest.saturating_sub(time));
            }
            *largest = time.max(*largest);
        }
    }

    pub(super) fn outputs(&mut self, outputs: &Outputs) {
        self.late += outputs.late.len() as u64;
        for dead in &outputs.dead {
            self.dead(dead);
        }
        for found in &outputs.matches {
            self.matches[found.rule] += 1;
        }
    }

    fn dead(&mut self, dead: &DeadLetter) {
        let place = (dead.input.clone(), dead.record.offset);
        let known = self.dead.entry(dead.code).or_insert_with(|| Dead {
            count: 0,
            first: place.clone(),
            cause: dead.cause.clone(),
        });
        known.count += 1;
        if place < known.first {
            (known.first, known.cause) = (place, dead.cause.clone());
        }
    }

    /// Whether nothing was evaluated although there were records: then the way to read them is wrong, and that there
    /// are no matches says nothing.
    pub(super) fn saw_no_event(&self) -> bool {
        self.events == 0 && !self.dead.is_empty()
    }

    /// Writes the summary, with what each rule `missed` under this policy.
    pub(super) fn print(
        &self,
        form: Form,
        missed: &[Missed],
        policy: Overflow,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match form {
            Form::Text => self.print_text(missed, policy, out),
            Form::Json => writeln!(out, "{}", self.to_json(missed, policy)),
        }
    }

    fn print_text(&self, missed: &[Missed], policy: Overflow, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "events         {}", self.events)?;
        let bound = format_duration(self.disorder);
        match self.late {
            0 => writeln!(out, "late           0")?,
            late => writeln!(out, "late           {late} (none with --out-of-order {bound})")?,
        }
        writeln!(out, "disorder       {bound}")?;
        writeln!(out, "dead-lettered  {}", self.dead.values().map(|dead| dead.count).sum::<u64>())?;
        for (code, Dead { count, first: (input, offset), cause }) in &self.dead {
            let InputId { topic, partition } = input;
            writeln!(out, "  {code}: {count}, first at {topic}/{partition}/{offset}: {cause}")?;
        }
        if self.unconverted > 0 {
            writeln!(
                out,
                "values of another kind than a rule asks for, taken as NULL  {}",
                self.unconverted
            )?;
        }
        if self.failed > 0 {
            writeln!(out, "conditions that could not be evaluated, taken as NULL  {}", self.failed)?;
        }
        let rules = || self.rules.iter().zip(missed);
        let keyless: u64 = missed.iter().map(|missed| missed.missing_keys).sum();
        if keyless > 0 {
            writeln!(out, "events without the key of a rule, which took no part in it  {keyless}")?;
            for (rule, Missed { missing_keys, .. }) in rules().filter(|(_, missed)| missed.missing_keys > 0) {
                writeln!(out, "  {rule}: {missing_keys}")?;
            }
        }
        let dropped: u64 = missed.iter().map(|missed| missed.dropped).sum();
        if dropped > 0 {
            let policy = policy.name();
            writeln!(out, "state dropped at a limit ({policy}), so that matches may be missing  {dropped}")?;
            for ((rule, missed), own) in rules().zip(&self.policies).filter(|((_, it), _)| it.dropped > 0) {
                let limit = missed.dropped_at.map_or("", Limit::name);
                let own = own.map_or_else(String::new, |own| format!("{}, by the rule; ", own.name()));
                writeln!(out, "  {rule}: {} ({own}raise --limit {limit}=N)", missed.dropped)?;
            }
        }
        let beyond = |what: &str, count: fn(&Missed) -> u64, out: &mut dyn Write| -> io::Result<()> {
            let counts =
                || rules().map(|(rule, missed)| (rule, count(missed))).filter(|(_, count)| *count > 0);
            let all: u64 = counts().map(|(_, count)| count).sum();
            if all > 0 {
                writeln!(out, "matches beyond {what}, not told  {all}")?;
            }
            counts().try_for_each(|(rule, count)| writeln!(out, "  {rule}: {count}"))
        };
        beyond("`max_matches_per_event`", |missed| missed.untold, out)?;
        beyond("the `limit` of a rule", |missed| missed.limited, out)?;
        writeln!(out, "matches        {}", self.matches.iter().sum::<u64>())?;
        for (rule, count) in self.rules.iter().zip(&self.matches) {
            writeln!(out, "  {rule}: {count}")?;
        }
        if self.saw_no_event() {
            let dead: u64 = self.dead.values().map(|dead| dead.count).sum();
            writeln!(
                out,
                "olocus: none of the {dead} records could be read as an event, so nothing was evaluated"
            )?;
        }
        Ok(())
    }

    fn to_json(&self, missed: &[Missed], policy: Overflow) -> Json {
        let dead = self.dead.iter().map(|(code, Dead { count, first: (input, offset), cause })| {
            let first = json!({ "topic": &*input.topic, "partition": input.partition, "offset": offset });
            ((*code).to_owned(), json!({ "count": count, "first": first, "detail": cause }))
        });
        let rules = self.rules.iter().zip(&self.policies);
        let rules = rules.zip(&self.matches).zip(missed).map(|(((rule, own), matches), missed)| {
            let mut told = json!({
                "matches": matches,
                "matches_untold": missed.untold,
                "matches_limited": missed.limited,
                "missing_keys": missed.missing_keys,
                "state_dropped": missed.dropped,
            });
            if let Some(limit) = missed.dropped_at {
                told["limit"] = limit.name().into();
                told["policy"] = own.unwrap_or(policy).name().into();
            }
            (rule.clone(), told)
        });
        json!({
            "events": self.events,
            "late": self.late,
            "disorder": format_duration(self.disorder),
            "dead_lettered": dead.collect::<Map<_, _>>(),
            "values_unconverted": self.unconverted,
            "conditions_failed": self.failed,
            "rules": rules.collect::<Map<_, _>>(),
        })
    }
}

pub(super) fn parse_form(text: &str) -> Result<Form, String> {
    match text {
        "text" => Ok(Form::Text),
        "json" => Ok(Form::Json),
        _ => Err("not a form; text or json".to_owned()),
    }
}

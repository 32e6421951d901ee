//! From Arrow columns to matches: conditions, keys, automata.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use olocus_cep::{Engine, Finding, Key, Limits, Plan, Row, StepPlan};
use olocus_event::{Batch, Decoder, Format, Keyring, Value};
use olocus_expr::{Compiler, EventScope, MetaColumns, PredicateId, Problem, Program, Schemas, ValueId};

use crate::contender::Contender;
use crate::generate::Event;
use crate::workload::{Look, Workload, role};

pub(crate) struct Columns {
    program: Program,
    decoder: Decoder,
    user: ValueId,
    /// By predicate: where the condition stands.
    tests: Vec<Test>,
    engine: Engine<Arc<Stored>>,
    loaded: Option<(Batch, MetaColumns)>,
    next_offset: i64,
    hits: Vec<(u32, u32)>,
    asked: Vec<(usize, u64)>,
    findings: Vec<Finding<Arc<Stored>>>,
}

/// What a partial match keeps of an event. Nobody here reads it, but users would.
#[derive(Debug)]
struct Stored {
    _time: i64,
    _fields: Box<[Value]>,
}

#[derive(Debug, Default)]
struct Test {
    /// Rules of which it is the first step.
    starts: Vec<usize>,
    /// Rules of which it is a later step, ascending, with that step's bit.
    later: Vec<(usize, u64)>,
}

const MILLISECOND: i64 = 1_000_000;

impl Columns {
    pub(crate) fn new(workload: Workload) -> Result<Columns, Box<dyn Error>> {
        let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
        let scope = EventScope::default();
        let user = compiler.field("user", &scope).map_err(|problems| told(&problems))?;
        let mut tests: HashMap<PredicateId, Test> = HashMap::new();
        let steps = steps(workload);
        for rule in 0..workload.rules {
            for (step, name) in steps.iter().enumerate() {
                let condition = condition(workload, rule, name);
                let test = tests
                    .entry(compiler.predicate(&condition, &scope).map_err(|problems| told(&problems))?)
                    .or_default();
                match step {
                    0 => test.starts.push(rule as usize),
                    later => test.later.push((rule as usize, 1 << later)),
                }
            }
        }
        let scopes: Vec<EventScope> = steps.iter().map(|name| scope_of(name, steps)).collect();
        for field in ["user", "v"] {
            compiler.match_expr(&format!("a.{field}"), &scopes).map_err(|problems| told(&problems))?;
        }
        let program = compiler.finish();
        let decoder = Decoder::new(
            Format::Json,
            Arc::clone(program.projection()),
            Arc::new(Keyring::empty()),
            olocus_event::Limits::default(),
        );
        let plan = Plan::Sequence {
            steps: vec![StepPlan::default(); steps.len()],
            within: Some(workload.within() * MILLISECOND),
        };
        Ok(Columns {
            tests: by_predicate(tests, program.predicate_count()),
            program,
            decoder,
            user,
            engine: Engine::new(vec![plan; workload.rules as usize], Limits::default()),
            loaded: None,
            next_offset: 0,
            hits: Vec::new(),
            asked: Vec::new(),
            findings: Vec::new(),
        })
    }
}

impl Contender for Columns {
    fn load(&mut self, events: &[Event]) {
        let topic = super::topic();
        let records = super::records(events, &mut self.next_offset, false);
        let batch = self.decoder.decode(&topic, 0, records).batch;
        let meta = MetaColumns {
            time: events.iter().map(|event| event.time * MILLISECOND).collect(),
            event_type: vec![topic; batch.len()],
            key: None,
        };
        self.loaded = Some((batch, meta));
    }

    fn process(&mut self) -> Result<u64, Box<dyn Error>> {
        let Columns { program, user, tests, engine, hits, asked, findings, .. } = self;
        let Some((batch, meta)) = self.loaded.take() else { return Ok(0) };
        let predicates = program.predicates(&batch, &meta);
        hits.clear();
        for (test, bits) in (0..).zip(&predicates.bits) {
            hits.extend(bits.iter().flat_map(|bits| bits.set_indices()).map(|row| (row as u32, test)));
        }
        hits.sort_unstable();
        let users = program.value(*user, &batch, &meta);
        let mut matches = 0;
        for group in hits.chunk_by(|a, b| a.0 == b.0) {
            let row = group[0].0 as usize;
            let Value::Json(user) = users.get(row) else { continue };
            let key = Key::single(&user);
            let time = meta.time[row];
            let event = Arc::new(Stored { _time: time, _fields: program.retain(&batch, &meta, row) });
            collect_asked(tests, group, engine.active(&key), asked);
            for &(rule, steps) in &*asked {
                let row = Row { time, steps, inputs: &[], event: &event, keep: None };
                engine.process(rule, &key, row, findings)?;
            }
            matches += findings.len() as u64;
            findings.clear();
        }
        if let Some(last) = meta.time.last() {
            engine.advance(*last, findings);
        }
        Ok(matches)
    }
}

/// The rules to show a row to, ascending, each with the bits of the steps that hold.
fn collect_asked(tests: &[Test], hits: &[(u32, u32)], active: &[usize], asked: &mut Vec<(usize, u64)>) {
    asked.clear();
    let tests = || hits.iter().map(|&(_, test)| &tests[test as usize]);
    asked.extend(tests().flat_map(|test| &test.starts).map(|&rule| (rule, 1)));
    for &rule in active {
        let bits = |test: &Test| {
            let found = test.later.binary_search_by_key(&rule, |&(rule, _)| rule);
            found.map_or(0, |at| test.later[at].1)
        };
        let steps = tests().fold(0, |steps, test| steps | bits(test));
        asked.extend((steps > 0).then_some((rule, steps)));
    }
    asked.sort_unstable();
    asked.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 |= next.1;
        }
        same
    });
}

fn by_predicate(mut tests: HashMap<PredicateId, Test>, count: usize) -> Vec<Test> {
    let mut ordered: Vec<Test> = Vec::new();
    ordered.resize_with(count, Test::default);
    for (id, test) in tests.drain() {
        ordered[id.index()] = test;
    }
    ordered
}

fn steps(workload: Workload) -> &'static [&'static str] {
    if workload.look == Look::Pair { &["a", "b"] } else { &["a", "b", "c"] }
}

fn condition(workload: Workload, rule: u32, step: &str) -> String {
    match step {
        "a" if workload.look == Look::Pair => "type = 'A'".to_owned(),
        "a" => format!("type = 'A' AND role = '{}'", role(rule)),
        "b" => "type = 'B'".to_owned(),
        _ => format!("type = 'C' AND v > {}", workload.bound(rule)),
    }
}

fn scope_of(step: &str, steps: &[&str]) -> EventScope {
    EventScope {
        step: Some(step.to_owned()),
        other_steps: steps.iter().filter(|other| **other != step).map(|&other| other.to_owned()).collect(),
        ..EventScope::default()
    }
}

fn told(problems: &[Problem]) -> Box<dyn Error> {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ").into()
}

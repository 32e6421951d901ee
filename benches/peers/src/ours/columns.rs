//! From Arrow columns to matches: conditions, keys, automata.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::{
    AfterMatch, Body, Comparison, Condition, ConditionId, Contiguity, Cross, Pattern, PatternOutputs,
    PatternPlan, Register, RegisterFunction, RegisterId, Repeat, Stage, Step, StepId,
};
use olocus_cep::{Engine, Finding, KeyGroup, Limits, MakeEvent, Plan, Row, Scalar};
use olocus_event::{Batch, Decoder, Format, Keyring, Value};
use olocus_expr::{
    Columns as Fields, Compiler, EventScope, EventTypes, Found, FoundRow, Index, MetaColumns, PredicateId,
    Problem, Program, Schemas, ValueId, Values,
};

use crate::contender::Contender;
use crate::generate::Event;
use crate::workload::{Look, Workload, role};

pub(crate) struct Columns {
    program: Program,
    decoder: Decoder,
    user: ValueId,
    v: ValueId,
    /// Where conditions compare events: what they compare.
    compared: Option<ValueId>,
    /// By predicate: where the condition stands.
    tests: Vec<Test>,
    /// Finds the conditions that begin something, and rows on which others hold.
    index: Index,
    /// By rule, its conditions that are only asked, with the bits that they set.
    rules: Vec<Vec<(PredicateId, u64)>>,
    engine: Engine<Arc<Stored>>,
    loaded: Option<(Batch, MetaColumns)>,
    next_offset: i64,
    found: Found,
    asked: Vec<(usize, u64)>,
    findings: Vec<Finding<Arc<Stored>>>,
}

/// What a partial match keeps of an event. Nobody here reads it, but users would.
#[derive(Debug)]
struct Stored {
    _time: i64,
    _fields: [Value; 2],
}

#[derive(Debug, Default)]
struct Test {
    /// The rules that it is part of, ascending, with the bits that it sets.
    links: Vec<(usize, u64)>,
    /// Those of them in which it begins something.
    begins: Vec<usize>,
}

const MILLISECOND: i64 = 1_000_000;

impl Columns {
    pub(crate) fn new(workload: Workload) -> Result<Columns, Box<dyn Error>> {
        let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
        let scope = EventScope::default();
        let user = compiler.field("user", &scope).map_err(|problems| told(&problems))?;
        let v = compiler.field("v", &scope).map_err(|problems| told(&problems))?;
        let compared = match workload.look {
            Look::Greater => Some(compiler.value("v + 0", &scope).map_err(|problems| told(&problems))?),
            _ => None,
        };
        let mut tests: HashMap<PredicateId, Test> = HashMap::new();
        let pattern = Arc::new(pattern(workload));
        let automaton = Automaton::new(&pattern)?;
        for rule in 0..workload.rules {
            for (bit, name) in steps(workload).iter().enumerate() {
                let condition = condition(workload, rule, name);
                let predicate = compiler.predicate(&condition, &scope).map_err(|problems| told(&problems))?;
                let test = tests.entry(predicate).or_default();
                test.links.push((rule as usize, 1 << bit));
                if automaton.begins(1 << bit) {
                    test.begins.push(rule as usize);
                }
            }
        }
        let program = compiler.finish();
        let tests = by_predicate(tests, program.predicate_count());
        let (begin, later): (Vec<_>, Vec<_>) =
            program.predicate_ids().partition(|id| !tests[id.index()].begins.is_empty());
        let mut rules = vec![Vec::new(); workload.rules as usize];
        for id in &later {
            for (rule, bits) in &tests[id.index()].links {
                rules[*rule].push((*id, *bits));
            }
        }
        let decoder = Decoder::new(
            Format::Json,
            Arc::clone(program.projection()),
            Arc::new(Keyring::empty()),
            olocus_event::Limits::default(),
        );
        let outputs = PatternOutputs { matches_per_event: usize::MAX, ..PatternOutputs::default() };
        let plan = Plan::Pattern(PatternPlan { pattern, conditions: None, outputs, evaluator: None });
        Ok(Columns {
            tests,
            index: program.index(&begin, &later),
            rules,
            program,
            decoder,
            user,
            v,
            compared,
            engine: Engine::new(vec![plan; workload.rules as usize], Limits::default()),
            loaded: None,
            next_offset: 0,
            found: Found::default(),
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
            event_types: EventTypes::one(topic, batch.len()),
            key: None,
        };
        self.loaded = Some((batch, meta));
    }

    fn process(&mut self) -> Result<u64, Box<dyn Error>> {
        let Columns {
            program,
            user,
            v,
            compared,
            tests,
            index,
            rules,
            engine,
            loaded,
            found,
            asked,
            findings,
            ..
        } = self;
        // What the input costs is not ours, so it is let go of when the next one is loaded.
        let Some((batch, meta)) = loaded else { return Ok(0) };
        let fields = program.columns(batch, meta);
        found.clear();
        index.find(&fields, None, found);
        let users = program.value(*user, batch, meta);
        let amounts = program.value(*v, batch, meta);
        let compared = compared.map(|compared| program.value(compared, batch, meta));
        let mut matches = 0;
        for FoundRow { row, hits, is_asked } in found.rows() {
            let row = row as usize;
            let Some(text) = users.json(row) else { continue };
            let key = engine.look_up(KeyGroup::default(), text);
            asked.clear();
            asked
                .extend(hits.iter().flat_map(|(_, test)| &tests[test.index()].begins).map(|&rule| (rule, 0)));
            asked.extend(engine.active(&key).map(|rule| (rule, 0)));
            asked.sort_unstable();
            asked.dedup();
            for (rule, bits) in &mut *asked {
                let found = hits.iter().map(|(_, test)| tests[test.index()].bits(*rule));
                let later = if is_asked { steps_of(&fields, &rules[*rule], row) } else { 0 };
                *bits = found.fold(later, |bits, own| bits | own);
            }
            asked.retain(|&(_, bits)| bits > 0);
            if asked.is_empty() {
                continue;
            }
            let time = meta.time[row];
            if engine.next_timer().is_some_and(|timer| timer <= time) {
                engine.advance(time, findings);
            }
            let input = match compared.as_ref().map(|compared| compared.get(row)) {
                Some(Value::Int(amount)) => Scalar::Int(amount),
                _ => Scalar::Null,
            };
            let inputs = [input];
            let event = Make { users: &users, amounts: &amounts, row, time };
            for &(rule, steps) in &*asked {
                let row = Row { time, steps, inputs: &inputs, event: &event, keep: None };
                engine.process_under(rule, &key, row, findings)?;
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

impl Test {
    /// The bits that it sets in a rule.
    fn bits(&self, rule: usize) -> u64 {
        let link = self.links.binary_search_by_key(&rule, |(rule, _)| *rule);
        link.map_or(0, |at| self.links[at].1)
    }
}

/// Makes what partial matches keep.
struct Make<'a> {
    users: &'a Values,
    amounts: &'a Values,
    row: usize,
    time: i64,
}

impl MakeEvent<Arc<Stored>> for Make<'_> {
    fn make(&self) -> Arc<Stored> {
        Arc::new(Stored { _time: self.time, _fields: [self.users.get(self.row), self.amounts.get(self.row)] })
    }
}

/// The bits of those of a rule's conditions that hold on a row.
fn steps_of(fields: &Fields<'_>, rule: &[(PredicateId, u64)], row: usize) -> u64 {
    let holds = rule.iter().filter(|(predicate, _)| fields.holds(*predicate, row));
    holds.fold(0, |bits, (_, own)| bits | own)
}

/// What a workload looks for; bit `i` of a row is the condition of step `i`.
fn pattern(workload: Workload) -> Pattern {
    let names = steps(workload);
    let any = workload.look == Look::Any;
    let stage = |step: u8| Stage {
        follows: if any { Contiguity::SkipTillAny } else { Contiguity::SkipTillNext },
        body: Body::Step(StepId(step)),
        repeat: match (workload.look, step) {
            (Look::Kleene, 0) => Repeat { max: None, ..Repeat::ONCE },
            _ => Repeat::ONCE,
        },
        within: None,
    };
    let compared = Cross::Compare { input: 0, operator: Comparison::Greater, register: RegisterId(0) };
    let is_compared = |step: u8| workload.look == Look::Greater && step == 2;
    let condition = |step: u8| Condition {
        bit: Some(step),
        cross: if is_compared(step) { vec![compared.clone()] } else { Vec::new() },
    };
    let register = Register { step: StepId(0), function: RegisterFunction::First, input: Some(0) };
    let step = |(at, name): (u16, &&str)| Step { name: (*name).to_owned(), condition: ConditionId(at) };
    Pattern {
        steps: (0..).zip(names).map(step).collect(),
        conditions: (0..).zip(names).map(|(at, _)| condition(at)).collect(),
        registers: if workload.look == Look::Greater { vec![register] } else { Vec::new() },
        stages: (0..).zip(names).map(|(at, _)| stage(at)).collect(),
        within: Some(workload.within() * MILLISECOND),
        preceded: None,
        after_match: AfterMatch::Nothing,
    }
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
    match workload.look {
        Look::Pair | Look::Kleene => &["a", "b"],
        Look::Sequence | Look::Any | Look::Greater => &["a", "b", "c"],
    }
}

fn condition(workload: Workload, rule: u32, step: &str) -> String {
    match (step, workload.look) {
        ("a", Look::Pair | Look::Kleene) => "type = 'A'".to_owned(),
        ("a", _) => format!("type = 'A' AND role = '{}'", role(rule)),
        ("b", _) => "type = 'B'".to_owned(),
        (_, Look::Greater) => "type = 'C'".to_owned(),
        _ => format!("type = 'C' AND v > {}", workload.bound(rule)),
    }
}

fn told(problems: &[Problem]) -> Box<dyn Error> {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ").into()
}

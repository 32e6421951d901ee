//! An engine that is restored goes on as if nothing had happened.

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::{EvaluatorKind, PatternOutputs, PatternPlan, sets};
use olocus_cep::{
    AggregateFunction, Engine, EventCodec, Finding, KeyGroup, Limits, Overflow, Plan, Row, Scalar, Stats,
    Weighing, WindowPlan,
};
use olocus_reference::random::{Features, RandomCase, cases};
use proptest::prelude::*;

use crate::harness::{key, keyed, sequence, window};

/// Events are numbers, and take some room as bytes.
pub(crate) struct Numbers;

const EVENT_BYTES: usize = 100;

impl EventCodec<usize> for Numbers {
    fn write(&self, event: &usize, out: &mut Vec<u8>) {
        out.extend((*event as u64).to_le_bytes());
        out.extend([7; EVENT_BYTES - 8]);
    }

    fn read(&self, bytes: &[u8]) -> Option<usize> {
        let (number, rest) = bytes.split_first_chunk()?;
        (rest == [7; EVENT_BYTES - 8]).then_some(u64::from_le_bytes(*number) as usize)
    }
}

/// A row for each rule.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) time: i64,
    pub(crate) key: &'static str,
    pub(crate) steps: Vec<u64>,
    pub(crate) inputs: Vec<Scalar>,
}

/// Where parts of a snapshot are taken; after each one the engine may be put aside for one that is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    None,
    Part,
    Restore,
    Anew,
}

pub(crate) type Plans = Vec<(Plan, Limits)>;

pub(crate) fn engine(plans: &Plans) -> Engine<usize> {
    // Every other rule in a group of its own.
    let plans =
        plans.iter().zip(0..).map(|((plan, limits), rule)| (plan.clone(), *limits, KeyGroup(rule % 2)));
    Engine::with_groups(plans)
}

fn run(plans: &Plans, rows: &[Shown], cuts: &[Cut]) -> (Vec<Finding<usize>>, Vec<String>, Stats) {
    let mut engine = engine(plans);
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        engine.advance(row.time, &mut out);
        for (rule, steps) in row.steps.iter().enumerate() {
            let event = Weighing(index, 50 * (index % 7));
            let shown =
                Row { time: row.time, steps: *steps, inputs: &row.inputs, event: &event, keep: Some(1) };
            let shown = engine.process(rule, &key(row.key), shown, &mut out);
            errors.extend(shown.err().map(|error| error.to_string()));
        }
        match cuts.get(index % cuts.len().max(1)).copied().unwrap_or(Cut::None) {
            Cut::None => {}
            Cut::Part => parts.push(engine.snapshot_increment(&Numbers)),
            Cut::Restore => {
                parts.push(engine.snapshot_increment(&Numbers));
                let restored = self::engine(plans).restore(&parts, &Numbers).unwrap();
                assert_eq!((restored.stats(), restored.next_timer()), (engine.stats(), engine.next_timer()));
                engine = restored;
            }
            Cut::Anew => parts = vec![engine.snapshot(&Numbers)],
        }
    }
    let stats = engine.stats();
    engine.advance(i64::MAX, &mut out);
    (out, errors, stats)
}

fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let cut = prop_oneof![
        3 => Just(Cut::None),
        2 => Just(Cut::Part),
        2 => Just(Cut::Restore),
        1 => Just(Cut::Anew),
    ];
    prop::collection::vec(cut, 1..8)
}

pub(crate) fn some_limits() -> impl Strategy<Value = Limits> {
    let policy = prop_oneof![Just(Overflow::DropOldest), Just(Overflow::DropNewest), Just(Overflow::Fail)];
    let tight =
        (2_usize..20, 1_usize..4, 1_000_usize..5_000, policy).prop_map(|(most, keys, bytes, policy)| {
            Limits {
                partial_matches_per_rule: most,
                window_events_per_rule: most,
                keys_per_rule: keys,
                state_bytes_per_rule: bytes,
                policy,
            }
        });
    prop_oneof![Just(Limits { partial_matches_per_rule: 3_000, ..Limits::default() }), tight]
}

pub(crate) const KEYS: [&str; 3] = ["a", "b", "c"];

/// The pattern with every evaluator that accepts it, and once without events.
pub(crate) fn plans(case: &RandomCase, limits: Limits) -> Option<Plans> {
    let automaton = Automaton::new(&case.pattern).ok()?;
    let outputs = PatternOutputs { timeouts: true, events: true, matches_per_event: 50 };
    let plan = |outputs, kind| PatternPlan {
        pattern: case.pattern.clone(),
        conditions: Some(case.opaque.clone()),
        outputs,
        evaluator: Some(kind),
    };
    let by_sets = plan(PatternOutputs { timeouts: false, ..outputs }, EvaluatorKind::Sets);
    let mut plans = vec![plan(outputs, EvaluatorKind::Runs)];
    plans.push(plan(PatternOutputs { events: false, ..outputs }, EvaluatorKind::Runs));
    if sets::accepts(&by_sets, &automaton).is_ok() {
        plans.push(by_sets);
    }
    Some(plans.into_iter().map(|plan| (Plan::Pattern(plan), limits)).collect())
}

const AGGREGATES: [AggregateFunction; 9] = [
    AggregateFunction::Count,
    AggregateFunction::CountDistinct,
    AggregateFunction::Sum,
    AggregateFunction::Avg,
    AggregateFunction::Min,
    AggregateFunction::Max,
    AggregateFunction::StdDev,
    AggregateFunction::Percentile { billionths: 500_000_000 },
    AggregateFunction::Percentile { billionths: 950_000_000 },
];

pub(crate) fn any_windows() -> impl Strategy<Value = Vec<Plan>> {
    let shape = prop_oneof![
        (1_u32..5).prop_map(WindowPlan::Count),
        (1_i64..12).prop_map(WindowPlan::Tumbling),
        (1_i64..12, prop::option::of(1_i64..12))
            .prop_map(|(size, every)| WindowPlan::Sliding { size, every }),
        // So many panes that totals of several are kept.
        (20_i64..60, 1_i64..3).prop_map(|(size, every)| WindowPlan::Sliding { size, every: Some(every) }),
        (1_i64..8).prop_map(WindowPlan::Session),
    ];
    let plan = |window| Plan::Window { window, aggregates: AGGREGATES.to_vec() };
    prop::collection::vec(shape.prop_map(plan), 1..4)
}

fn any_input() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::Null),
        (-3_i64..4).prop_map(Scalar::Int),
        (-5_i32..6).prop_map(|value| Scalar::Float(f64::from(value) / 2.0)),
        Just(Scalar::Float(f64::NAN)),
        Just(Scalar::Wide(u64::MAX)),
        any::<bool>().prop_map(Scalar::Bool),
        "[ab]{1,2}".prop_map(|value| Scalar::Text(value.into())),
    ]
}

pub(crate) fn windowed_rows(rules: usize) -> impl Strategy<Value = Vec<Shown>> {
    let step = prop_oneof![4 => 0_i64..3, 1 => 0_i64..15];
    let inputs = prop::collection::vec(any_input(), AGGREGATES.len());
    // Most are of one key, so that its windows come to have many panes.
    let key = prop_oneof![3 => Just(0), 2 => 0..KEYS.len()];
    let row = (step, key, prop::collection::vec(0_u64..4, rules), inputs);
    prop::collection::vec(row, 1..40).prop_map(|rows| {
        let mut time = -20;
        let spell = |(step, key, steps, inputs): (i64, usize, Vec<u64>, Vec<Scalar>)| {
            time += step;
            Shown { time, key: KEYS[key], steps, inputs }
        };
        rows.into_iter().map(spell).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_global_rejects: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn patterns_go_on_from_any_event(
        case in cases(Features::ALL, 25),
        keys in prop::collection::vec(0..KEYS.len(), 25),
        limits in some_limits(),
        cuts in cuts(),
    ) {
        let Some(plans) = plans(&case, limits) else { return Err(TestCaseError::reject("no automaton")) };
        let row = |(event, key): (&olocus_reference::Event, &usize)| Shown {
            time: event.time,
            key: KEYS[*key],
            steps: vec![event.bits; plans.len()],
            inputs: event.inputs.to_vec(),
        };
        let rows: Vec<Shown> = case.events.iter().zip(&keys).map(row).collect();
        prop_assert_eq!(told(run(&plans, &rows, &cuts)), told(run(&plans, &rows, &[])), "{}", plans[0].0);
    }

    #[test]
    fn windows_go_on_from_any_event(
        (plans, rows) in any_windows().prop_flat_map(|plans| {
            let rules = plans.len();
            (Just(plans), windowed_rows(rules))
        }),
        limits in some_limits(),
        cuts in cuts(),
    ) {
        let plans: Plans = plans.into_iter().map(|plan| (plan, limits)).collect();
        prop_assert_eq!(told(run(&plans, &rows, &cuts)), told(run(&plans, &rows, &[])));
    }
}

/// As text, in which what is not a number equals itself.
fn told(found: impl std::fmt::Debug) -> String {
    format!("{found:?}")
}

/// An engine with something of everything in it.
fn busy() -> (Plans, Engine<usize>) {
    let plans = vec![
        (sequence(&[None, None, None], Some(1000)), Limits::default()),
        (window(WindowPlan::Tumbling(500)), Limits::default()),
        (window(WindowPlan::Count(5)), Limits::default()),
    ];
    let mut engine = engine(&plans);
    for index in 0..200 {
        show(&mut engine, index);
    }
    (plans, engine)
}

fn show(engine: &mut Engine<usize>, index: usize) {
    let event = keyed(index as i64, &format!("k{}", index % 10), [1, 2, 1, 1][index % 4]);
    let mut out = Vec::new();
    engine.advance(event.time, &mut out);
    for rule in 0..3 {
        let inputs = [Scalar::Int(index as i64), Scalar::Null];
        let row = Row { time: event.time, steps: event.steps[0], inputs: &inputs, event: &index, keep: None };
        engine.process(rule, &event.key, row, &mut out).unwrap();
    }
}

#[test]
fn increments_have_only_the_events_that_are_new() {
    let plans: Plans = vec![(sequence(&[None, None, None], Some(100_000)), Limits::default())];
    let mut engine = engine(&plans);
    let mut out = Vec::new();
    let mut show = |engine: &mut Engine<usize>, index: usize| {
        let row = Row { time: index as i64, steps: 1, inputs: &[], event: &index, keep: None };
        engine.process(0, &key("a"), row, &mut out).unwrap();
    };
    (0..500).for_each(|index| show(&mut engine, index));
    let whole = engine.snapshot(&Numbers);
    assert!(whole.len() > 500 * EVENT_BYTES);
    (500..510).for_each(|index| show(&mut engine, index));
    let increment = engine.snapshot_increment(&Numbers);
    assert!(increment.len() < whole.len() / 2, "{} after {} bytes", increment.len(), whole.len());
    let nothing = engine.snapshot_increment(&Numbers);
    assert!(nothing.len() + 9 * EVENT_BYTES < increment.len());
    let again = engine.snapshot(&Numbers);
    assert!(again.len() > 510 * EVENT_BYTES);
    let restored = self::engine(&plans).restore(&[whole, increment, nothing], &Numbers).unwrap();
    assert_eq!(restored.stats(), engine.stats());
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let (one, other) = (busy().1.snapshot(&Numbers), busy().1.snapshot(&Numbers));
    assert_eq!(one, other);
}

#[test]
fn damaged_parts_are_told() {
    let (plans, mut engine) = busy();
    let whole = engine.snapshot(&Numbers);
    show(&mut engine, 200);
    let parts = [whole, engine.snapshot_increment(&Numbers)];
    let restore = |parts: &[Vec<u8>]| self::engine(&plans).restore(parts, &Numbers).map(|_| ());
    let error = |parts: &[Vec<u8>]| restore(parts).unwrap_err().to_string();
    assert_eq!(restore(&parts), Ok(()));
    assert_eq!(error(&[]), "a snapshot has at least one part");
    for place in (0..parts[1].len()).step_by(7) {
        let mut damaged = parts.clone();
        damaged[1][place] ^= 1 << (place % 8);
        assert_eq!(error(&damaged), "part 1 of the snapshot is damaged", "byte {place}");
        let cut = [parts[0].clone(), parts[1][..place].to_vec()];
        assert_eq!(error(&cut), "part 1 of the snapshot is damaged", "cut at {place}");
    }
    let [first, second] = parts;
    assert_eq!(error(&[second, first.clone()]), "part 0 of the snapshot does not follow the one before it");
    assert_eq!(
        error(&[first.clone(), first.clone()]),
        "part 1 of the snapshot does not follow the one before it"
    );
    show(&mut engine, 201);
    let third = engine.snapshot_increment(&Numbers);
    assert_eq!(error(&[first, third]), "part 1 of the snapshot does not follow the one before it");
}

#[test]
fn snapshots_of_other_rules_are_refused() {
    let (mut plans, mut engine) = busy();
    let parts = [engine.snapshot(&Numbers)];
    plans[1].0 = window(WindowPlan::Tumbling(501));
    let error = self::engine(&plans).restore(&parts, &Numbers).unwrap_err();
    assert_eq!(error.to_string(), "the snapshot is of another rule 1");
    plans.pop();
    let error = self::engine(&plans).restore(&parts, &Numbers).unwrap_err();
    assert_eq!(error.to_string(), "the snapshot is of 3 rules, not of 2");
}

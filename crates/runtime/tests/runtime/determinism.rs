//! However records are cut and interleaved, the same decisions give the same bytes.

use std::sync::{Arc, OnceLock};

use olocus_runtime::{Decision, InputId, Outputs, Plan};
use proptest::prelude::*;

use crate::support::{PATTERNS, RULES, World, plan, preparer, transcript, world};

/// A millisecond, the unit of the world's times, in nanoseconds.
const NS: i64 = 1_000_000;

/// Between two decisions: how many records of each partition are delivered, and the floors then raised.
type Round = (Vec<usize>, Vec<Option<i64>>);

/// Where records stand that are no part of any match.
type Places = Vec<(InputId, i64)>;

/// All that a task puts out.
#[derive(Debug, PartialEq)]
struct Outcome {
    matches: String,
    late: Places,
    dead: Places,
    missing_keys: u64,
    /// What bounds dropped.
    dropped: u64,
}

fn rounds(partitions: usize) -> impl Strategy<Value = Vec<Round>> {
    let counts = prop::collection::vec(0_usize..12, partitions);
    let floors = prop::collection::vec(prop::option::of(0_i64..50), partitions);
    prop::collection::vec((counts, floors), 0..4)
}

/// The rounds, and one more in which the rest comes.
fn with_rest(world: &World, rounds: &[Round]) -> Vec<Round> {
    let partitions = world.partitions.len();
    rounds.iter().cloned().chain([(vec![usize::MAX; partitions], vec![None; partitions])]).collect()
}

fn rules() -> Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    Arc::clone(PLAN.get_or_init(|| plan(&format!("{RULES}{PATTERNS}"), 0)))
}

/// Feeds the world, choosing partitions and batch sizes as `choices` say.
fn run(world: &World, rounds: &[Round], choices: &[(usize, usize)]) -> Outcome {
    let plan = rules();
    let (mut preparer, mut task) = (preparer(&plan), world.task(&plan, false));
    let partitions = world.partitions.len();
    let mut next = vec![0_usize; partitions];
    let mut choices = choices.iter().cycle();
    let mut all = Outputs::default();
    for (counts, floors) in with_rest(world, rounds) {
        let ends: Vec<usize> = (0..partitions)
            .map(|at| next[at].saturating_add(counts[at]).min(world.partitions[at].events.len()))
            .collect();
        loop {
            let open: Vec<usize> = (0..partitions).filter(|&at| next[at] < ends[at]).collect();
            let Some((choice, size)) = choices.next().filter(|_| !open.is_empty()) else { break };
            let at = open[choice % open.len()];
            let end = (next[at] + 1 + size).min(ends[at]);
            world.feed(&mut preparer, &mut task, at, next[at]..end);
            next[at] = end;
        }
        let raised = floors
            .iter()
            .zip(&world.partitions)
            .filter_map(|(floor, partition)| Some((partition.id.clone(), floor.as_ref()? * NS)));
        task.decide(&Decision { floors: raised.collect() }).unwrap();
        let outputs = task.take_outputs();
        all.matches.extend(outputs.matches);
        all.late.extend(outputs.late);
        all.dead.extend(outputs.dead);
    }
    task.finish().unwrap();
    all.matches.extend(task.take_outputs().matches);
    Outcome {
        matches: transcript(&all.matches),
        late: all.late.into_iter().map(|late| (late.input, late.record.offset)).collect(),
        dead: all.dead.into_iter().map(|dead| (dead.input, dead.record.offset)).collect(),
        missing_keys: task.stats().missing_keys,
        dropped: task.stats().dropped,
    }
}

/// The same world with the on-time records in their final order, one after the other.
fn sorted(world: &World, rounds: &[Round]) -> Outcome {
    let (mut on_time, mut late, mut dead) = (Vec::new(), Vec::new(), Vec::new());
    let partitions = &world.partitions;
    let mut next = vec![0_usize; partitions.len()];
    let mut reached = vec![i64::MIN; partitions.len()];
    for (counts, floors) in with_rest(world, rounds) {
        for (at, partition) in partitions.iter().enumerate() {
            let end = next[at].saturating_add(counts[at]).min(partition.events.len());
            for (offset, event) in partition.events.iter().enumerate().take(end).skip(next[at]) {
                let place = (partition.id.clone(), i64::try_from(offset).unwrap());
                if event.broken {
                    dead.push(place);
                } else if event.time * NS < reached[at] {
                    late.push(place);
                } else {
                    reached[at] = reached[at].max((event.time - partition.bound) * NS);
                    on_time.push((event.time, place, at, offset));
                }
            }
            next[at] = end;
        }
        // No floor goes further than the slowest partition.
        let floor = |at: usize| {
            let floor = floors.get(at).copied().flatten();
            floor.map_or(i64::MIN, |floor| floor * NS).max(reached[at])
        };
        let id = |at: usize| &partitions[at].id;
        let (slowest, id_slowest) = (0..reached.len()).map(|at| (floor(at), id(at))).min().unwrap();
        let within = |at: usize| floor(at).min(slowest.saturating_add(i64::from(id(at) < id_slowest)));
        reached = (0..reached.len()).map(|at| reached[at].max(within(at))).collect();
    }
    on_time.sort();
    let plan = rules();
    let (mut preparer, mut task) = (preparer(&plan), world.task(&plan, true));
    for (_, _, at, offset) in on_time {
        world.feed(&mut preparer, &mut task, at, offset..offset + 1);
    }
    task.finish().unwrap();
    let (missing_keys, dropped) = (task.stats().missing_keys, task.stats().dropped);
    in_order(Outcome { matches: transcript(&task.take_outputs().matches), late, dead, missing_keys, dropped })
}

fn in_order(mut outcome: Outcome) -> Outcome {
    outcome.late.sort();
    outcome.dead.sort();
    outcome
}

fn case() -> impl Strategy<Value = (World, Vec<Round>)> {
    world(5).prop_flat_map(|world| {
        let partitions = world.partitions.len();
        (Just(world), rounds(partitions))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cut_and_interleaving_gives_the_same_bytes(
        (world, rounds) in case(),
        one in prop::collection::vec((0_usize..8, 0_usize..9), 1..30),
        other in prop::collection::vec((0_usize..8, 0_usize..9), 1..30),
    ) {
        prop_assert_eq!(run(&world, &rounds, &one), run(&world, &rounds, &other));
    }

    #[test]
    fn the_result_is_that_of_the_sorted_records(
        (world, rounds) in case(),
        choices in prop::collection::vec((0_usize..8, 0_usize..9), 1..30),
    ) {
        prop_assert_eq!(in_order(run(&world, &rounds, &choices)), sorted(&world, &rounds));
    }
}

#[test]
fn every_kind_of_rule_and_every_way_out_is_drawn() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut matches = String::new();
    let (mut late, mut dead, mut missing_keys, mut dropped) = (0, 0, 0, 0);
    for _ in 0..40 {
        let (world, rounds) = case().new_tree(&mut runner).unwrap().current();
        let outcome = run(&world, &rounds, &[(1, 2), (0, 5)]);
        matches += &outcome.matches;
        late += outcome.late.len();
        dead += outcome.dead.len();
        missing_keys += outcome.missing_keys;
        dropped += outcome.dropped;
    }
    for rule in rules().rule_names() {
        assert!(matches.contains(&format!("\"rule\":\"{rule}\"")), "no match of {rule}");
    }
    assert!(matches.contains("\"timed_out\""), "nothing ran out of time");
    assert!(
        late > 0 && dead > 0 && missing_keys > 0 && dropped > 0,
        "{late} {dead} {missing_keys} {dropped}"
    );
}

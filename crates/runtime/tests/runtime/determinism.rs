//! However records are cut and interleaved, the same decisions give the same bytes.

use olocus_runtime::{Decision, Outputs};
use proptest::prelude::*;

use crate::support::{RULES, World, input, plan, preparer, task, transcript, world};

/// A millisecond, the unit of the world's times, in nanoseconds.
const NS: i64 = 1_000_000;

/// Between two decisions: how many records of each partition are delivered, and the floors then raised.
type Round = (Vec<usize>, Vec<Option<i64>>);

fn rounds(partitions: usize) -> impl Strategy<Value = Vec<Round>> {
    let counts = prop::collection::vec(0_usize..12, partitions);
    let floors = prop::collection::vec(prop::option::of(0_i64..50), partitions);
    prop::collection::vec((counts, floors), 0..4)
}

/// Feeds the world, choosing partitions and batch sizes as `choices` say.
fn run(world: &World, rounds: &[Round], choices: &[(usize, usize)]) -> (String, Vec<(i32, i64)>) {
    let plan = plan(RULES, world.bound_ns());
    let (mut preparer, mut task) = (preparer(&plan), task(&plan));
    let partitions = world.partitions.len();
    for at in 0..partitions {
        task.add_input(input("t", i32::try_from(at).unwrap()), world.bound_ns(), None, false);
    }
    let mut next = vec![0_usize; partitions];
    let mut choices = choices.iter().cycle();
    let rest: Round = (vec![usize::MAX; partitions], vec![None; partitions]);
    let mut all = Outputs::default();
    for (counts, floors) in rounds.iter().chain([&rest]) {
        let ends: Vec<usize> = (0..partitions)
            .map(|at| next[at].saturating_add(counts[at]).min(world.partitions[at].len()))
            .collect();
        loop {
            let open: Vec<usize> = (0..partitions).filter(|&at| next[at] < ends[at]).collect();
            let Some((choice, size)) = choices.next().filter(|_| !open.is_empty()) else { break };
            let at = open[choice % open.len()];
            let end = (next[at] + 1 + size).min(ends[at]);
            let records = (next[at]..end).map(|offset| world.record(at, offset)).collect();
            next[at] = end;
            for prepared in preparer.prepare(0, &"t".into(), i32::try_from(at).unwrap(), records) {
                task.feed(prepared).unwrap();
            }
        }
        let raised = floors
            .iter()
            .enumerate()
            .filter_map(|(at, floor)| Some((input("t", i32::try_from(at).unwrap()), floor.as_ref()? * NS)));
        task.decide(&Decision { floors: raised.collect() }).unwrap();
        let outputs = task.take_outputs();
        all.matches.extend(outputs.matches);
        all.late.extend(outputs.late);
    }
    task.finish().unwrap();
    all.matches.extend(task.take_outputs().matches);
    let late = all.late.iter().map(|late| (late.input.partition, late.record.offset)).collect();
    (transcript(&all.matches), late)
}

/// The same world as one partition that holds the on-time records in their final order.
fn sorted(world: &World, rounds: &[Round]) -> (String, Vec<(i32, i64)>) {
    let (mut on_time, mut late) = (Vec::new(), Vec::new());
    let rest: Round = (vec![usize::MAX; world.partitions.len()], Vec::new());
    let mut next = vec![0_usize; world.partitions.len()];
    let mut reached = vec![i64::MIN; world.partitions.len()];
    for (counts, floors) in rounds.iter().chain([&rest]) {
        for (at, events) in world.partitions.iter().enumerate() {
            let end = next[at].saturating_add(counts[at]).min(events.len());
            for (offset, event) in events.iter().enumerate().take(end).skip(next[at]) {
                let place = (i32::try_from(at).unwrap(), i64::try_from(offset).unwrap());
                if event.0 * NS < reached[at] {
                    late.push(place);
                } else {
                    reached[at] = reached[at].max((event.0 - world.bound) * NS);
                    on_time.push((event.0, place.0, place.1));
                }
            }
            next[at] = end;
        }
        // No floor goes further than the slowest partition.
        let floor = |at: usize| {
            let floor = floors.get(at).copied().flatten();
            floor.map_or(i64::MIN, |floor| floor * NS).max(reached[at])
        };
        let (slowest, at_slowest) = (0..reached.len()).map(|at| (floor(at), at)).min().unwrap();
        let within = |at: usize| floor(at).min(slowest.saturating_add(i64::from(at < at_slowest)));
        reached = (0..reached.len()).map(|at| reached[at].max(within(at))).collect();
    }
    on_time.sort_unstable();
    let plan = plan(RULES, 0);
    let (mut preparer, mut task) = (preparer(&plan), task(&plan));
    for at in 0..world.partitions.len() {
        task.add_input(input("t", i32::try_from(at).unwrap()), 0, None, false);
    }
    for &(_, partition, offset) in &on_time {
        let record = world.record(usize::try_from(partition).unwrap(), usize::try_from(offset).unwrap());
        for prepared in preparer.prepare(0, &"t".into(), partition, vec![record]) {
            task.feed(prepared).unwrap();
        }
    }
    task.finish().unwrap();
    (transcript(&task.take_outputs().matches), late)
}

fn case() -> impl Strategy<Value = (World, Vec<Round>)> {
    world(4).prop_flat_map(|world| {
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
        let (matches, mut late) = run(&world, &rounds, &choices);
        let (expected, mut expected_late) = sorted(&world, &rounds);
        late.sort_unstable();
        expected_late.sort_unstable();
        prop_assert_eq!(late, expected_late);
        prop_assert_eq!(matches, expected);
    }
}

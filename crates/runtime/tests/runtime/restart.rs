//! A restart from committed positions processes nothing twice and skips nothing.

use std::collections::BTreeMap;

use olocus_runtime::{InputId, Match, Position, Task};
use proptest::prelude::*;

use crate::support::{World, input, plan, preparer, task, transcript, world};

/// One step, so that no partial match is open when the run is interrupted.
const RULES: &str = "
version: 1
rules:
  - name: single
    sequence: [ { step: only, event: t, where: v > 2 } ]
    emit: { user: only.user }
";

struct Run {
    matches: Vec<Match>,
    late: Vec<(i32, i64)>,
}

/// Feeds the partitions round robin; after each of `stops` records, everything but what was committed is lost.
fn run(world: &World, stops: &[usize]) -> Run {
    let plan = plan(RULES, world.bound_ns());
    let partitions = world.partitions.len();
    let mut committed: BTreeMap<InputId, (i64, String)> = BTreeMap::new();
    let mut done = Run { matches: Vec::new(), late: Vec::new() };
    for &stop in stops.iter().chain([&usize::MAX]) {
        let mut preparer = preparer(&plan);
        let mut task = restored(world, &plan, &committed);
        let mut next: Vec<usize> = (0..partitions)
            .map(|at| committed.get(&id(at)).map_or(0, |(offset, _)| usize::try_from(*offset).unwrap()))
            .collect();
        let mut fed = 0;
        while fed < stop && (0..partitions).any(|at| next[at] < world.partitions[at].len()) {
            for (at, next) in next.iter_mut().enumerate() {
                if *next < world.partitions[at].len() && fed < stop {
                    let record = world.record(at, *next);
                    for prepared in preparer.prepare(0, &"t".into(), i32::try_from(at).unwrap(), vec![record])
                    {
                        task.feed(prepared).unwrap();
                    }
                    *next += 1;
                    fed += 1;
                }
            }
        }
        if stop == usize::MAX {
            task.finish().unwrap();
        }
        for (id, position) in task.positions() {
            committed.insert(id, (position.offset, position.metadata()));
        }
        let outputs = task.take_outputs();
        done.matches.extend(outputs.matches);
        done.late.extend(outputs.late.iter().map(|late| (late.input.partition, late.record.offset)));
    }
    done.late.sort_unstable();
    done
}

fn restored(
    world: &World,
    plan: &std::sync::Arc<olocus_runtime::Plan>,
    committed: &BTreeMap<InputId, (i64, String)>,
) -> Task {
    let mut task = task(plan);
    for at in 0..world.partitions.len() {
        let saved =
            committed.get(&id(at)).map(|(offset, metadata)| Position::parse(*offset, metadata).unwrap());
        task.add_input(id(at), world.bound_ns(), saved, false);
    }
    task
}

fn id(at: usize) -> InputId {
    input("t", i32::try_from(at).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_interrupted_run_gives_what_an_uninterrupted_one_gives(
        world in world(3),
        stops in prop::collection::vec(1_usize..20, 1..5),
    ) {
        let (interrupted, whole) = (run(&world, &stops), run(&world, &[]));
        prop_assert_eq!(interrupted.late, whole.late);
        prop_assert_eq!(transcript(&interrupted.matches), transcript(&whole.matches));
    }
}

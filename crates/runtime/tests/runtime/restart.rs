//! A restart from committed positions processes nothing twice and skips nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use olocus_runtime::{InputId, Match, Plan, Position, Task};
use proptest::prelude::*;

use crate::support::{World, plan, preparer, task, transcript, world};

/// One step, so that no partial match is open when the run is interrupted.
const RULES: &str = "
version: 1
rules:
  - name: single
    sequence: [ { step: only, event: [t, u], where: v > 2 } ]
    emit: { user: only.user }
";

/// What came out: matches, and the places of late and dead records.
struct Run {
    matches: Vec<Match>,
    late: Vec<(InputId, i64)>,
    dead: Vec<(InputId, i64)>,
}

/// Feeds the partitions round robin; after each of `stops` records, everything but what was committed is lost.
fn run(world: &World, stops: &[usize]) -> Run {
    let plan = plan(RULES, 0);
    let partitions = &world.partitions;
    let mut committed: BTreeMap<InputId, (i64, String)> = BTreeMap::new();
    let mut done = Run { matches: Vec::new(), late: Vec::new(), dead: Vec::new() };
    for &stop in stops.iter().chain([&usize::MAX]) {
        let mut preparer = preparer(&plan);
        let mut task = restored(world, &plan, &committed);
        let start = |id| committed.get(id).map_or(0, |(offset, _)| usize::try_from(*offset).unwrap());
        let mut next: Vec<usize> = partitions.iter().map(|partition| start(&partition.id)).collect();
        let mut fed = 0;
        while fed < stop && next.iter().zip(partitions).any(|(next, of)| *next < of.events.len()) {
            for (at, next) in next.iter_mut().enumerate() {
                if *next < partitions[at].events.len() && fed < stop {
                    world.feed(&mut preparer, &mut task, at, *next..*next + 1);
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
        done.late.extend(outputs.late.into_iter().map(|late| (late.input, late.record.offset)));
        done.dead.extend(outputs.dead.into_iter().map(|dead| (dead.input, dead.record.offset)));
    }
    done.late.sort();
    done.dead.sort();
    done
}

fn restored(world: &World, plan: &Arc<Plan>, committed: &BTreeMap<InputId, (i64, String)>) -> Task {
    let mut task = task(plan);
    for partition in &world.partitions {
        let saved = committed
            .get(&partition.id)
            .map(|(offset, metadata)| Position::parse(*offset, metadata).unwrap());
        task.add_input(partition.id.clone(), partition.bound_ns(), saved, false);
    }
    task
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
        prop_assert_eq!(interrupted.dead, whole.dead);
        prop_assert_eq!(transcript(&interrupted.matches), transcript(&whole.matches));
    }
}

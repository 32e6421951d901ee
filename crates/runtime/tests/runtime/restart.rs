//! A restart from committed positions processes nothing twice and skips nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use olocus_runtime::{Decision, InputId, Match, Plan, Position, Task};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{World, input, plan, preparer, record, task, transcript, world, worlds};

/// One step, so that no partial match is open when the run is interrupted.
const RULES: &str = "
version: 1
rules:
  - name: single
    sequence: [ { step: only, event: [t, u], where: v > 2 } ]
    emit: { user: only.user }
";

const MS: i64 = 1_000_000;

/// What came out: matches, and the places of late and dead records.
struct Run {
    matches: Vec<Match>,
    late: Vec<(InputId, i64)>,
    dead: Vec<(InputId, i64)>,
    /// How large the metadata of an offset was at most.
    metadata: usize,
}

/// What happens after so many records of a partition were delivered, counted over all of them.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Everything but what was committed is lost; and again after so many turns of reading it again.
    Stop(usize),
    /// Everything but what was committed is lost, and all partitions have another bound from then on.
    Bound(i64),
    /// The floor of a partition is raised by a decision.
    Floor(usize, i64),
}

/// Feeds the partitions round robin, in turns of so many records.
fn run(world: &World, turn: usize, events: &[(usize, Event)]) -> Run {
    let mut bound = None;
    let plan = plan(RULES, 0);
    let id = |at: usize| &world.partitions[at].id;
    let partitions = world.partitions.len();
    let mut committed: BTreeMap<InputId, (i64, String)> = BTreeMap::new();
    let mut done = Run { matches: Vec::new(), late: Vec::new(), dead: Vec::new(), metadata: 0 };
    let mut preparer = preparer(&plan);
    let mut task = restored(world, bound, &plan, &committed);
    let mut next = vec![0; partitions];
    let mut highest = next.clone();
    let mut events = events.iter().peekable();
    let mut fed = 0;
    loop {
        while let Some((_, event)) = events.next_if(|(at, _)| *at <= fed) {
            if let Event::Floor(at, floor) = *event {
                task.decide(&Decision { floors: vec![(id(at % partitions).clone(), floor * MS)] }).unwrap();
                continue;
            }
            if let Event::Bound(other) = *event {
                bound = Some(other * MS);
            }
            let again =
                if let Event::Stop(turns) = *event { vec![turns, usize::MAX] } else { vec![usize::MAX] };
            for turns in again {
                save(&mut task, &mut committed, &mut done);
                task = restored(world, bound, &plan, &committed);
                for (at, next) in next.iter_mut().enumerate() {
                    *next = committed.get(id(at)).map_or(0, |(offset, _)| usize::try_from(*offset).unwrap());
                }
                // What is read again counts for nothing: the same happens at the same places of the same records.
                let mut left = turns;
                for at in 0..partitions {
                    while next[at] < highest[at] && left > 0 {
                        let end = (next[at] + turn).min(highest[at]);
                        world.feed(&mut preparer, &mut task, at, next[at]..end);
                        next[at] = end;
                        left -= 1;
                    }
                }
            }
        }
        let open: Vec<usize> =
            (0..partitions).filter(|&at| next[at] < world.partitions[at].events.len()).collect();
        let Some(&at) = open.get(fed % open.len().max(1)) else { break };
        let end = (next[at] + turn).min(world.partitions[at].events.len());
        world.feed(&mut preparer, &mut task, at, next[at]..end);
        next[at] = end;
        highest[at] = end;
        fed += 1;
    }
    task.finish().unwrap();
    save(&mut task, &mut committed, &mut done);
    done.late.sort();
    done.dead.sort();
    done
}

fn save(task: &mut Task, committed: &mut BTreeMap<InputId, (i64, String)>, done: &mut Run) {
    for (id, position) in task.positions() {
        let metadata = position.metadata();
        done.metadata = done.metadata.max(metadata.len());
        committed.insert(id, (position.offset, metadata));
    }
    let outputs = task.take_outputs();
    done.matches.extend(outputs.matches);
    done.late.extend(outputs.late.into_iter().map(|late| (late.input, late.record.offset)));
    done.dead.extend(outputs.dead.into_iter().map(|dead| (dead.input, dead.record.offset)));
}

/// A task as it starts after a restart, with this bound for all partitions, else each with its own.
fn restored(
    world: &World,
    bound: Option<i64>,
    plan: &Arc<Plan>,
    committed: &BTreeMap<InputId, (i64, String)>,
) -> Task {
    let mut task = task(plan);
    for partition in &world.partitions {
        let saved = committed
            .get(&partition.id)
            .map(|(offset, metadata)| Position::parse(*offset, metadata).unwrap());
        task.add_input(partition.id.clone(), bound.unwrap_or(partition.bound_ns()), saved, false);
    }
    task
}

/// A stream whose times jump back and forth, so that most records are late.
fn disorderly() -> impl Strategy<Value = World> {
    worlds(3, 0..60, 0..300, 0..250)
}

/// Floors and restarts, at places that ascend.
fn events(times: i64) -> impl Strategy<Value = Vec<(usize, Event)>> {
    let event = prop_oneof![
        2 => (0_usize..20).prop_map(Event::Stop),
        1 => (0_usize..3, 0..times).prop_map(|(at, floor)| Event::Floor(at, floor)),
    ];
    prop::collection::vec((0_usize..80, event), 0..12).prop_map(|mut events| {
        events.sort_by_key(|(at, _)| *at);
        events
    })
}

fn uninterrupted(events: &[(usize, Event)]) -> Vec<(usize, Event)> {
    events.iter().filter(|(_, event)| matches!(event, Event::Floor(..))).copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_interrupted_run_gives_what_an_uninterrupted_one_gives(world in world(3), events in events(40)) {
        let (interrupted, whole) = (run(&world, 1, &events), run(&world, 1, &uninterrupted(&events)));
        prop_assert_eq!(interrupted.late, whole.late);
        prop_assert_eq!(interrupted.dead, whole.dead);
        prop_assert_eq!(transcript(&interrupted.matches), transcript(&whole.matches));
    }

    #[test]
    fn late_records_are_written_once_however_many_there_are(
        world in disorderly(),
        turn in 1_usize..40,
        events in events(300),
    ) {
        let (interrupted, whole) = (run(&world, turn, &events), run(&world, turn, &uninterrupted(&events)));
        prop_assert_eq!(interrupted.late, whole.late);
        prop_assert_eq!(transcript(&interrupted.matches), transcript(&whole.matches));
        prop_assert!(interrupted.metadata < 1_000, "{}", interrupted.metadata);
    }

    /// With another bound other records are late, but each still counts once.
    #[test]
    fn no_record_is_lost_or_counted_twice_when_the_bound_changes(
        world in disorderly(),
        events in events(300),
        bounds in prop::collection::vec((0_usize..80, 0_i64..60), 1..4),
    ) {
        let mut events = events;
        events.extend(bounds.iter().map(|&(at, bound)| (at, Event::Bound(bound))));
        events.sort_by_key(|(at, _)| *at);
        let run = run(&world, 3, &events);
        let hits = world.partitions.iter().flat_map(|partition| &partition.events).filter(|event| event.hits());
        let late = run.late.iter().filter(|(id, offset)| {
            let partition = world.partitions.iter().find(|partition| partition.id == *id).unwrap();
            partition.events[usize::try_from(*offset).unwrap()].hits()
        });
        prop_assert_eq!(run.matches.len() + late.count(), hits.count());
    }
}

/// A record far ahead waits while ten thousand late ones come in one batch.
#[test]
fn ten_thousand_late_records_at_once_leave_no_trace_in_what_is_committed() {
    let plan = plan(RULES, 10_000 * MS);
    let (mut preparer, mut task) = (preparer(&plan), task(&plan));
    task.add_input(input("t", 0), 10_000 * MS, Some(Position::at(0)), false);
    let hit = json!({ "user": 1, "v": 3 });
    let mut records = vec![record(0, 1_000_000, &hit), record(1, 1_100_000, &hit)];
    records.extend((2..10_002).map(|offset| record(offset, 1_050_000, &hit)));
    records.extend((10_002..10_202).map(|offset| record(offset, 1_200_000 + offset, &hit)));
    for prepared in preparer.prepare(0, &"t".into(), 0, records) {
        task.feed(prepared).unwrap();
        for (_, position) in task.positions() {
            assert!(position.metadata().len() < 500, "{}", position.metadata());
        }
    }
    let outputs = task.take_outputs();
    assert_eq!((outputs.late.len(), outputs.matches.len()), (10_000, 2));
}

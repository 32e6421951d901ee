use proptest::prelude::*;

use super::*;

impl Weigh for u32 {
    fn weight(&self) -> usize {
        100
    }
}

impl Weigh for () {
    fn weight(&self) -> usize {
        1
    }
}

fn input(topic: &str, partition: i32) -> InputId {
    InputId { topic: topic.into(), partition }
}

fn fresh() -> Progress {
    Progress::default()
}

fn released(merge: &mut Merge<u32>) -> Vec<u32> {
    let mut items = Vec::new();
    merge.release(|_, item| items.push(item));
    items
}

#[test]
fn a_single_input_without_disorder_never_waits() {
    let mut merge = Merge::default();
    let a = merge.add(input("a", 0), 0, fresh(), false);
    assert_eq!(merge.deliver(a, 5, 0, Some(1)), Delivery::OnTime);
    assert_eq!(released(&mut merge), [1]);
}

#[test]
fn a_record_passes_by_if_nothing_is_before_it() {
    let mut merge = Merge::default();
    let a = merge.add(input("a", 0), 0, fresh(), false);
    assert_eq!(merge.offer(a, 5, 0, false, || 1), Offer::Held);
    assert_eq!(merge.offer(a, 6, 1, true, || 2), Offer::Held, "another is held");
    assert_eq!(released(&mut merge), [1, 2]);
    assert_eq!(merge.offer(a, 6, 2, true, || 3), Offer::Due);
    assert_eq!(merge.offer(a, 5, 3, true, || 4), Offer::Late { progress: 6 });
    let b = merge.add(input("b", 0), 0, fresh(), false);
    assert_eq!(merge.offer(a, 7, 4, true, || 5), Offer::Held, "the other has told nothing yet");
    assert_eq!(merge.offer(b, 8, 0, true, || 6), Offer::Held);
    assert_eq!(released(&mut merge), [5]);
}

#[test]
fn equal_to_the_progress_is_on_time_and_before_it_is_late() {
    let mut merge: Merge<u32> = Merge::default();
    let a = merge.add(input("a", 0), 3, fresh(), false);
    merge.deliver(a, 10, 0, None);
    assert_eq!(merge.deliver(a, 7, 1, None), Delivery::OnTime);
    assert_eq!(merge.deliver(a, 6, 2, None), Delivery::Late { progress: 7 });
}

#[test]
fn a_tie_waits_only_for_inputs_that_sort_before_it() {
    let mut merge = Merge::default();
    let a = merge.add(input("a", 0), 0, fresh(), false);
    let b = merge.add(input("b", 0), 0, fresh(), false);
    merge.deliver(a, 5, 0, Some(1));
    merge.deliver(b, 5, 0, Some(2));
    // Another record of time 5 may still come from `a`, and it would sort before that of `b`.
    assert_eq!(released(&mut merge), [1]);
    merge.deliver(a, 6, 1, Some(3));
    assert_eq!(released(&mut merge), [2]);
}

#[test]
fn an_input_that_joins_starts_at_the_smallest_progress() {
    let mut merge: Merge<u32> = Merge::default();
    let a = merge.add(input("a", 0), 0, fresh(), false);
    merge.deliver(a, 100, 0, None);
    let b = merge.add(input("b", 0), 0, fresh(), true);
    assert_eq!(merge.progress_of(b), Some(100));
    assert_eq!(merge.deliver(b, 99, 0, None), Delivery::Late { progress: 100 });
}

#[test]
fn an_input_that_joins_cannot_sort_before_what_was_released() {
    let mut merge = Merge::default();
    let b = merge.add(input("b", 0), 0, fresh(), false);
    merge.deliver(b, 5, 0, Some(1));
    assert_eq!(released(&mut merge), [1]);
    let a = merge.add(input("a", 0), 0, fresh(), true);
    assert_eq!(merge.deliver(a, 5, 0, Some(2)), Delivery::Late { progress: 6 });
}

#[test]
fn a_floor_never_sinks() {
    let mut merge: Merge<u32> = Merge::default();
    let a = merge.add(input("a", 0), 0, fresh(), false);
    merge.raise_floors(&[(a, 10)]);
    merge.raise_floors(&[(a, 5)]);
    assert_eq!(merge.progress_of(a), Some(10));
}

#[test]
fn floors_go_no_further_than_the_slowest_input() {
    let mut merge = Merge::default();
    let [a, b, c] = ["a", "b", "c"].map(|name| merge.add(input(name, 0), 0, fresh(), false));
    merge.raise_floors(&[(a, 100)]);
    assert_eq!(merge.progress_of(a), None, "nobody knows how far the others will be");
    merge.deliver(b, 7, 0, Some(1));
    merge.raise_floors(&[(a, 100), (c, 100)]);
    // One further for what sorts before the slowest, so that a tie is not left waiting for it.
    assert_eq!([a, b, c].map(|input| merge.progress_of(input)), [Some(8), Some(7), Some(7)]);
    assert_eq!(released(&mut merge), [1]);
    assert_eq!(merge.effective(&[(a, 100), (c, 100)]), [], "nothing would come of it");
}

#[test]
fn an_input_that_has_ended_holds_nothing_back() {
    let mut merge = Merge::default();
    let [a, b] = ["a", "b"].map(|name| merge.add(input(name, 0), 0, fresh(), false));
    merge.end(a);
    merge.deliver(b, 7, 0, Some(1));
    merge.deliver(b, 8, 1, Some(2));
    assert_eq!(released(&mut merge), [1, 2]);
}

#[test]
fn only_inputs_ahead_of_the_slowest_are_named_for_a_pause() {
    let mut merge = Merge::default();
    let a = merge.add(input("a", 0), 0, fresh(), false);
    let b = merge.add(input("b", 0), 0, fresh(), false);
    let c = merge.add(input("c", 0), 0, fresh(), false);
    merge.deliver(a, 1, 0, None);
    merge.deliver(b, 5, 0, Some(1));
    merge.deliver(c, 9, 0, Some(2));
    assert_eq!(merge.furthest_ahead(), [c, b]);
}

#[test]
fn what_is_held_is_weighed_and_released_by_weight() {
    let mut merge = Merge::default();
    let a = merge.add(input("a", 0), 100, fresh(), false);
    for (offset, time) in (0..).zip([3, 1, 2]) {
        merge.deliver(a, time, offset, Some(7));
    }
    merge.hold_again(a, 3, 0, fresh(), 7);
    assert_eq!((merge.held(), merge.held_bytes()), (3, 300));
    for (limit, bytes, expected) in [
        (3, 300, None),
        (2, 300, Some(1)),
        (3, 299, Some(1)),
        (3, 150, Some(2)),
        (1, 250, Some(2)),
        (3, 0, Some(3)),
    ] {
        assert_eq!(merge.time_to_hold(limit, bytes), expected, "{limit} {bytes}");
    }
    merge.raise_floors(&[(a, 2)]);
    assert_eq!(released(&mut merge).len(), 2);
    assert_eq!(merge.held_bytes(), 100);
}

/// One record as the property test makes them up: (input, time).
#[derive(Debug, Clone)]
struct World {
    bounds: Vec<i64>,
    /// Times per input, in offset order.
    records: Vec<Vec<i64>>,
    /// Between the rounds, floors are raised: how many records of each input come before, and the floors.
    rounds: Vec<(Vec<usize>, Vec<Option<i64>>)>,
}

fn world() -> impl Strategy<Value = World> {
    (1_usize..6).prop_flat_map(|inputs| {
        let times = prop::collection::vec(0_i64..12, 0..12);
        let round = (
            prop::collection::vec(0_usize..6, inputs),
            prop::collection::vec(prop::option::of(0_i64..12), inputs),
        );
        (
            prop::collection::vec(0_i64..4, inputs),
            prop::collection::vec(times, inputs),
            prop::collection::vec(round, 0..4),
        )
            .prop_map(|(bounds, records, rounds)| World { bounds, records, rounds })
    })
}

/// Partitions of several topics, whose names do not sort as the inputs were added.
fn id(at: usize) -> InputId {
    let (topic, partition) = [("b", 1), ("a", 1), ("b", 0), ("a", 0), ("c", 0)][at];
    input(topic, partition)
}

/// Runs the world with the interleaving that `choices` ask for. Returns what was released and what was late.
/// Whether records may pass by without being held makes no difference.
fn run(
    world: &World,
    choices: &[usize],
    release_every: usize,
    may_pass: bool,
) -> (Vec<Place>, Vec<(usize, i64)>) {
    let mut merge = Merge::default();
    let inputs = world.bounds.len();
    let indexes: Vec<_> = (0..inputs).map(|at| merge.add(id(at), world.bounds[at], fresh(), false)).collect();
    let (mut out, mut late) = (Vec::new(), Vec::new());
    let mut next = vec![0_usize; inputs];
    let mut choices = choices.iter().cycle();
    let mut delivered = 0;
    let everything = (world.records.iter().map(Vec::len).collect::<Vec<_>>(), vec![Some(i64::MAX); inputs]);
    for (counts, floors) in world.rounds.iter().chain([&everything]) {
        let ends: Vec<_> =
            (0..inputs).map(|at| (next[at] + counts[at]).min(world.records[at].len())).collect();
        loop {
            let open: Vec<_> = (0..inputs).filter(|&at| next[at] < ends[at]).collect();
            if open.is_empty() {
                break;
            }
            let at = open[choices.next().unwrap() % open.len()];
            let offset = i64::try_from(next[at]).unwrap();
            let time = world.records[at][next[at]];
            next[at] += 1;
            match merge.offer(indexes[at], time, offset, may_pass, || ()) {
                Offer::Due => out.push(Place { time, input: id(at), offset }),
                Offer::Held => {}
                Offer::Late { .. } => late.push((at, offset)),
            }
            delivered += 1;
            if delivered % release_every == 0 {
                merge.release(|place, ()| out.push(place));
            }
        }
        let raised = floors.iter().zip(&indexes).filter_map(|(floor, index)| Some((*index, (*floor)?)));
        merge.raise_floors(&raised.collect::<Vec<_>>());
        merge.release(|place, ()| out.push(place));
        for at in 0..inputs {
            let lies_beyond = |&(time, _): &(i64, i64)| {
                merge.frontier().is_none_or(|mark| (time, &id(at)) > (mark.time, &mark.input))
            };
            let held = merge.inputs[at].held.keys().all(lies_beyond);
            assert!(held, "whatever is held lies beyond the frontier");
        }
    }
    assert_eq!(merge.held(), 0, "a final floor releases everything");
    late.sort_unstable();
    (out, late)
}

/// The same result without any merging: judge each input alone, then sort.
fn brute_force(world: &World) -> (Vec<Place>, Vec<(usize, i64)>) {
    let (mut on_time, mut late) = (Vec::new(), Vec::new());
    let inputs = world.bounds.len();
    let mut next = vec![0; inputs];
    let mut reached = vec![i64::MIN; inputs];
    let all = (world.records.iter().map(Vec::len).collect(), vec![None; inputs]);
    for (counts, floors) in world.rounds.iter().chain([&all]) {
        for (at, times) in world.records.iter().enumerate() {
            let end = (next[at] + counts[at]).min(times.len());
            for (offset, &time) in times.iter().enumerate().take(end).skip(next[at]) {
                let offset = i64::try_from(offset).unwrap();
                if time < reached[at] {
                    late.push((at, offset));
                } else {
                    reached[at] = reached[at].max(time - world.bounds[at]);
                    on_time.push(Place { time, input: id(at), offset });
                }
            }
            next[at] = end;
        }
        let floor = |at: usize| floors[at].unwrap_or(i64::MIN).max(reached[at]);
        let (slowest, id_slowest) = (0..inputs).map(|at| (floor(at), id(at))).min().unwrap();
        let within = |at: usize| floor(at).min(slowest.saturating_add(i64::from(id(at) < id_slowest)));
        reached = (0..inputs).map(|at| reached[at].max(within(at))).collect();
    }
    on_time.sort();
    late.sort_unstable();
    (on_time, late)
}

proptest! {
    #[test]
    fn any_interleaving_and_any_cut_gives_the_sorted_records(
        world in world(),
        choices in prop::collection::vec(0_usize..8, 1..40),
        release_every in 1_usize..6,
        may_pass in any::<bool>(),
    ) {
        prop_assert_eq!(run(&world, &choices, release_every, may_pass), brute_force(&world));
    }
}

//! Each modelled rule by itself.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use olocus_bus::{Commit, JoinOptions, Membership, MembershipEvent, ReaderOptions, TopicSpec, WriterOptions};
use olocus_sim::{Faults, World};

use crate::{commit_of, offset, place, record, text, writer};

const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    let world = World::new(1, Faults::none());
    let topics = ["in", "out"].map(|name| TopicSpec::new(name).partitions(2));
    world.transport("admin").create_topics(&topics).unwrap();
    world
}

fn values(world: &World) -> Vec<String> {
    world.committed_records("out").iter().flatten().map(text).collect()
}

/// Polls until the member has been told something.
fn told(world: &World, member: &mut dyn Membership) -> MembershipEvent {
    for _ in 0..1000 {
        if let Some(event) = member.poll(Duration::ZERO).unwrap().pop() {
            return event;
        }
        world.advance(Duration::from_millis(100));
    }
    panic!("nothing is told");
}

fn mine(value: &str) -> Commit {
    Commit { records: vec![record("out", 0, value)], offsets: vec![offset("g", "in", 0, 1)] }
}

/// Lets something happen in a step of a call of a process, once.
fn in_step(
    world: &World,
    process: &'static str,
    step: usize,
    act: impl FnOnce() + 'static,
) -> olocus_sim::Scheduled {
    let (count, act) = (Cell::new(0), Cell::new(Some(act)));
    let inner = world.clone();
    world.set_scheduler(move |waiting, length| {
        if waiting == process {
            count.set(count.get() + 1);
            if count.get() == step
                && let Some(act) = act.take()
            {
                act();
            }
        }
        inner.advance(length);
    })
}

#[test]
fn a_process_that_stood_still_in_a_commit_is_refused_once_another_has_its_partitions() {
    let world = world();
    let (a, b) = (world.transport("a"), world.transport("b"));
    // Shorter than a transaction may be open, which would fence the writer.
    let options = JoinOptions { session_timeout: Some(3 * SECOND), ..JoinOptions::default() };
    let mut first = a.join("g", &["in".to_owned()], options).unwrap();
    assert!(matches!(told(&world, &mut *first), MembershipEvent::Assigned(parts) if parts.len() == 2));
    let options = WriterOptions {
        transactional_id: Some("a".to_owned()),
        member: Some(first.token()),
        ..WriterOptions::default()
    };
    let mut zombie = a.writer(options).unwrap();
    zombie.commit(&mine("before")).unwrap();

    // Its records are written, its offsets are not.
    let inner = world.clone();
    let second = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&second);
    let scheduled = in_step(&world, "a", 2, move || {
        assert!(inner.in_call("a"));
        inner.pause("a");
        let mut member = b.join("g", &["in".to_owned()], JoinOptions::default()).unwrap();
        assert!(matches!(told(&inner, &mut *member), MembershipEvent::Assigned(parts) if parts.len() == 2));
        let gate = member.committed(&[place("in", 0)], SECOND).unwrap();
        assert_eq!(gate[0].as_ref().unwrap().offset, 1, "nothing of the other's offsets is open");
        writer(&b, "b").commit(&commit_of(vec![record("out", 1, "other")])).unwrap();
        *keep.borrow_mut() = Some(member);
        inner.resume("a");
    });
    let error = zombie.commit(&mine("zombie")).unwrap_err();
    assert!(error.not_member(), "{error:?}");
    drop(scheduled);
    assert_eq!(values(&world), ["before", "other"]);
    assert!(matches!(told(&world, &mut *first), MembershipEvent::Lost(parts) if parts.len() == 2));
    assert!(zombie.commit(&mine("later")).unwrap_err().not_member());
    assert!(second.take().is_some());
}

#[test]
fn offsets_that_are_sent_are_waited_for_and_may_still_be_committed() {
    let world = world();
    let (a, b) = (world.transport("a"), world.transport("b"));
    let mut slow = writer(&a, "a");
    let inner = world.clone();
    let scheduled = in_step(&world, "a", 3, move || {
        let error = b.committed("g", &[place("in", 0)], SECOND).unwrap_err();
        assert!(error.retryable(), "{error:?}");
        assert_eq!(b.undecided(&place("out", 0)).unwrap().len(), 1);
        assert!(inner.clock().monotonic() >= SECOND);
    });
    slow.commit(&mine("slow")).unwrap();
    drop(scheduled);
    let found = world.transport("b").committed("g", &[place("in", 0)], Duration::ZERO).unwrap();
    assert_eq!(found[0].as_ref().unwrap().offset, 1);
    assert_eq!(values(&world), ["slow"]);
}

#[test]
fn what_a_dead_process_left_open_holds_readers_back_until_it_is_ended() {
    for takes_over in [true, false] {
        let world = world();
        let (a, b) = (world.transport("a"), world.transport("b"));
        let mut dying = writer(&a, "a");
        let inner = world.clone();
        let scheduled = in_step(&world, "a", 3, move || inner.kill("a"));
        dying.commit(&mine("dying")).unwrap_err();
        drop(scheduled);
        dying.commit(&mine("dead")).unwrap_err();
        a.topics().unwrap_err();
        let mut other = writer(&b, "b");
        other.commit(&commit_of(vec![record("out", 0, "behind it")])).unwrap();
        let mut reader = b.reader(ReaderOptions::default()).unwrap();
        reader.assign(&[(place("out", 0), 0)]).unwrap();
        let fetched = reader.poll(10, SECOND).unwrap();
        assert!(fetched[0].records.is_empty() && !fetched[0].end.unwrap().stable);
        b.committed("g", &[place("in", 0)], SECOND).unwrap_err();
        let begun = world.clock().monotonic();
        if takes_over {
            drop(writer(&b, "a"));
            assert!(world.clock().monotonic() < begun + SECOND);
        } else {
            world.advance(10 * SECOND);
        }
        let fetched = reader.poll(10, SECOND).unwrap();
        assert_eq!(fetched[0].records.len(), 1);
        assert!(fetched[0].end.unwrap().stable);
        assert_eq!(b.committed("g", &[place("in", 0)], SECOND).unwrap(), [None]);
        assert_eq!(values(&world), ["behind it"]);
    }
}

#[test]
fn a_transaction_that_is_open_for_too_long_fences_its_writer() {
    let world = world();
    let mut slow = writer(&world.transport("a"), "a");
    let inner = world.clone();
    let scheduled = in_step(&world, "a", 3, move || inner.advance(11 * SECOND));
    assert!(slow.commit(&mine("slow")).unwrap_err().fenced());
    drop(scheduled);
    assert!(slow.commit(&mine("again")).unwrap_err().fenced());
    assert!(values(&world).is_empty());
}

#[test]
fn a_commit_of_unknown_outcome_is_written_or_not_and_ends_its_writer() {
    let mut outcomes = [0, 0];
    for seed in 0..40 {
        let world = World::new(seed, Faults { unknown_outcome: 1.0, ..Faults::none() });
        let transport = world.transport("a");
        transport.create_topics(&["in", "out"].map(|name| TopicSpec::new(name).partitions(2))).unwrap();
        let mut lost = writer(&transport, "a");
        assert!(lost.commit(&mine("x")).unwrap_err().outcome_unknown());
        assert!(lost.commit(&mine("y")).unwrap_err().writer_lost());
        drop(writer(&transport, "a"));
        let written = values(&world).len();
        let offsets = transport.committed("g", &[place("in", 0)], Duration::ZERO).unwrap();
        assert_eq!(offsets[0].is_some(), written == 1, "with the records or not at all");
        outcomes[written] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 5), "{outcomes:?}");
}

#[test]
fn brokers_that_are_away_are_waited_for_and_then_not() {
    let world = world();
    let transport = world.transport("a");
    let mut patient = writer(&transport, "a");
    world.take_brokers_away(5 * SECOND);
    transport.health().unwrap_err();
    patient.commit(&mine("patient")).unwrap();
    assert!(world.clock().monotonic() >= 5 * SECOND);
    world.take_brokers_away(60 * SECOND);
    let error = patient.commit(&mine("too long")).unwrap_err();
    assert!(error.retryable(), "{error:?}");
    assert!(transport.topics().unwrap_err().retryable());
    world.advance(60 * SECOND);
    patient.commit(&mine("again")).unwrap();
    assert_eq!(values(&world), ["patient", "again"]);
}

#[test]
fn who_does_not_poll_or_hears_nothing_for_a_session_loses_everything() {
    let world = world();
    let mut busy = world.transport("a").join("g", &["in".to_owned()], JoinOptions::default()).unwrap();
    assert!(matches!(told(&world, &mut *busy), MembershipEvent::Assigned(_)));
    world.advance(59 * SECOND);
    assert!(busy.poll(Duration::ZERO).unwrap().is_empty());
    world.advance(61 * SECOND);
    assert!(matches!(told(&world, &mut *busy), MembershipEvent::Lost(parts) if parts.len() == 2));
    assert!(matches!(told(&world, &mut *busy), MembershipEvent::Assigned(parts) if parts.len() == 2));
    world.take_brokers_away(15 * SECOND);
    world.advance(15 * SECOND);
    assert!(matches!(told(&world, &mut *busy), MembershipEvent::Lost(_)));
    assert!(matches!(told(&world, &mut *busy), MembershipEvent::Assigned(_)));
}

#[test]
fn a_static_member_that_died_comes_back_within_its_session_and_nothing_moves() {
    let world = world();
    let named =
        |name: &str| JoinOptions { instance: Some(name.to_owned()), session_timeout: Some(30 * SECOND) };
    let topics = ["in".to_owned()];
    let mut stays = world.transport("a").join("g", &topics, named("a")).unwrap();
    let mut dies = world.transport("b").join("g", &topics, named("b")).unwrap();
    let mut had = [0, 0];
    for _ in 0..100 {
        for (index, member) in [&mut stays, &mut dies].into_iter().enumerate() {
            for event in member.poll(Duration::ZERO).unwrap() {
                match event {
                    MembershipEvent::Assigned(parts) => had[index] += parts.len(),
                    MembershipEvent::Revoked(parts) => had[index] -= parts.len(),
                    MembershipEvent::Lost(_) => panic!("{had:?}"),
                }
            }
        }
    }
    assert_eq!(had, [1, 1]);
    world.kill("b");
    drop(dies);
    world.advance(20 * SECOND);
    assert!(stays.poll(Duration::ZERO).unwrap().is_empty());
    let mut back = world.transport("b2").join("g", &topics, named("b")).unwrap();
    assert!(matches!(told(&world, &mut *back), MembershipEvent::Assigned(parts) if parts.len() == 1));
    world.kill("b2");
    world.advance(29 * SECOND);
    assert!(stays.poll(Duration::ZERO).unwrap().is_empty());
    assert!(matches!(told(&world, &mut *stays), MembershipEvent::Assigned(parts) if parts.len() == 1));
}

#[test]
fn a_topic_that_is_made_again_is_another_one() {
    let world = world();
    let transport = world.transport("a");
    let mut plain = transport.writer(WriterOptions::default()).unwrap();
    plain.send(&[record("out", 0, "1"), record("out", 0, "2")]).unwrap();
    let mut reader = transport.reader(ReaderOptions::default()).unwrap();
    reader.assign(&[(place("out", 0), 0)]).unwrap();
    assert_eq!(reader.poll(10, Duration::ZERO).unwrap()[0].records.len(), 2);
    let id = transport.topic_id("out").unwrap();
    world.delete_topic("out");
    assert!(reader.poll(10, Duration::ZERO).unwrap_err().unknown_topic());
    transport.create_topics(&[TopicSpec::new("out").partitions(1)]).unwrap();
    assert_ne!(transport.topic_id("out").unwrap(), id);
    let error = reader.poll(10, Duration::ZERO).unwrap_err();
    assert_eq!(error.out_of_range().unwrap().end, 0);
}

#[test]
fn old_records_go_by_the_clock_of_whoever_wrote_them() {
    let world = world();
    let transport = world.transport("a");
    let spec = TopicSpec::new("short").partitions(1).config("retention.ms", "60000");
    transport.create_topics(&[spec]).unwrap();
    let mut plain = transport.writer(WriterOptions::default()).unwrap();
    plain.send(&[record("short", 0, "1")]).unwrap();
    world.advance(30 * SECOND);
    assert_eq!(world.committed_records("short")[0].len(), 1);
    world.advance(32 * SECOND);
    assert!(world.committed_records("short")[0].is_empty());
    world.set_clock("a", -3_600_000);
    assert_eq!(world.clock_of("a").wall_ms(), world.clock().wall_ms() - 3_600_000);
    plain.send(&[record("short", 0, "2")]).unwrap();
    world.advance(SECOND);
    assert!(world.committed_records("short")[0].is_empty(), "written as of an hour ago");
}

#[test]
fn added_partitions_are_shared() {
    let world = world();
    let mut member = world.transport("a").join("g", &["in".to_owned()], JoinOptions::default()).unwrap();
    assert!(matches!(told(&world, &mut *member), MembershipEvent::Assigned(_)));
    world.add_partitions("in", 3);
    assert_eq!(told(&world, &mut *member), MembershipEvent::Assigned(vec![place("in", 2)]));
}

#[test]
fn the_markers_of_a_commit_come_one_by_one_and_its_offsets_are_waited_for() {
    let mut halves = 0;
    for seed in 0..20 {
        let world = World::new(seed, Faults { longest_marker_delay: SECOND, ..Faults::none() });
        let transport = world.transport("a");
        transport.create_topics(&["in", "out"].map(|name| TopicSpec::new(name).partitions(2))).unwrap();
        let mut slow = writer(&transport, "a");
        let both = Commit {
            records: vec![record("out", 0, "0"), record("out", 1, "1")],
            offsets: vec![offset("g", "in", 0, 1)],
        };
        slow.commit(&both).unwrap();
        let now = transport.committed("g", &[place("in", 0)], Duration::ZERO);
        assert!(now.is_err_and(|error| error.retryable()));
        for _ in 0..10 {
            world.advance(Duration::from_millis(100));
            halves += usize::from(values(&world).len() == 1);
        }
        assert_eq!(values(&world), ["0", "1"]);
        assert!(transport.committed("g", &[place("in", 0)], Duration::ZERO).unwrap()[0].is_some());
        // The next transaction waits for the last one.
        slow.commit(&both).unwrap();
        let begun = world.clock().monotonic();
        slow.commit(&both).unwrap();
        assert!(world.clock().monotonic() > begun);
    }
    assert!(halves > 20, "{halves}");
}

#[test]
fn nothing_is_heard_of_a_process_that_stands_still() {
    let world = world();
    let options = || JoinOptions { session_timeout: Some(3 * SECOND), ..JoinOptions::default() };
    let (a, b) = (world.transport("a"), world.transport("b"));
    let mut still = a.join("g", &["in".to_owned()], options()).unwrap();
    assert!(matches!(told(&world, &mut *still), MembershipEvent::Assigned(parts) if parts.len() == 2));
    world.set_faults(Faults { stall: 1.0, longest_stall: Duration::from_secs(3600), ..Faults::none() });
    let before = world.clock().monotonic();
    a.topics().unwrap();
    assert!(world.clock().monotonic() > before + 3 * SECOND, "the seed lets it stand long enough");
    world.set_faults(Faults::none());
    let mut other = b.join("g", &["in".to_owned()], options()).unwrap();
    assert!(matches!(told(&world, &mut *other), MembershipEvent::Assigned(parts) if parts.len() == 2));
    assert!(matches!(told(&world, &mut *still), MembershipEvent::Lost(parts) if parts.len() == 2));
}

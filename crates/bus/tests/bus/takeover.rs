//! One process takes over what another one had that may still be alive: what only a real broker can show.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use olocus_bus::{Commit, JoinOptions, Membership, MembershipEvent, Transport, WriterOptions};
use olocus_event::OutRecord;
use olocus_test_broker::Broker;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::crash::{say, start};
use crate::groups::{Owner, settle};
use crate::world::{PATIENCE, World, commit_of, connect, offset, place, record, text, unique};

const SESSION: Duration = Duration::from_secs(3);

/// Records of each commit of a member that is stopped: enough for it to be stopped while it writes.
const PER_COMMIT: usize = 20_000;

const WRITER: &str = "writer";

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", Broker::shared().unwrap().bootstrap());
    config
}

/// A producer that is told how long its transactions may be open.
fn producer(id: &str, timeout: Duration, linger: Duration) -> BaseProducer {
    let producer: BaseProducer = client()
        .set("transactional.id", id)
        .set("transaction.timeout.ms", timeout.as_millis().to_string())
        .set("linger.ms", linger.as_millis().to_string())
        .create()
        .unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    producer
}

/// What a child does that is stopped: commits one number after the other as a member of a group, and says how it went.
pub(crate) fn commit_as_member(place_and_names: &str) {
    let names: Vec<&str> = place_and_names.split(' ').collect();
    let [brokers, input, output, group] = names[..] else { panic!("{names:?}") };
    let kafka = connect(brokers, &[]).unwrap();
    let (input, output): (Arc<str>, Arc<str>) = (input.into(), output.into());
    let options = JoinOptions { session_timeout: Some(SESSION), ..JoinOptions::default() };
    let mut member = kafka.join(group, &[input.to_string()], options).unwrap();
    while member.poll(Duration::from_secs(1)).unwrap().is_empty() {}
    let mut writer = kafka
        .writer(WriterOptions {
            transactional_id: Some(unique("id").to_string()),
            member: Some(member.token()),
            ..WriterOptions::default()
        })
        .unwrap();
    for number in 1.. {
        let records = (0..PER_COMMIT).map(|_| record(&output, number.to_string())).collect();
        let offsets = vec![offset(group, &input, 0, number, "")];
        match writer.commit(&Commit { records, offsets }) {
            Ok(()) => say(&format!("done {number}")),
            Err(error) => {
                let kind = if error.not_member() { "not a member" } else { "otherwise" };
                say(&format!("refused {kind} {number} {error}"));
                // And whoever is told polls and hears of it.
                while !matches!(
                    member.poll(Duration::from_secs(1)).unwrap()[..],
                    [MembershipEvent::Lost(_), ..]
                ) {}
                say("lost");
                return;
            }
        }
    }
}

/// What a child does that is killed: leaves a transaction open.
pub(crate) fn leave_open(place_and_names: &str) {
    let names: Vec<&str> = place_and_names.split(' ').collect();
    let [brokers, topic, id] = names[..] else { panic!("{names:?}") };
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("transactional.id", id);
    // Longer than any test waits.
    let producer: BaseProducer = config.set("transaction.timeout.ms", "600000").create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    for value in ["open 1", "open 2"] {
        let headers = OwnedHeaders::new().insert(Header { key: WRITER, value: Some(id) });
        let record = BaseRecord::<[u8], str>::to(topic).partition(0).payload(value).headers(headers);
        producer.send(record).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    say("open");
    loop {
        std::thread::park();
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// A child that is killed with its test, also if it is stopped.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // Best effort: it may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lines(child: &mut Child) -> std::io::Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

fn committed(
    world: &World,
    group: &str,
    input: &Arc<str>,
    timeout: Duration,
) -> Result<i64, olocus_bus::Error> {
    let found = world.committed(group, &[place(input, 0)], timeout)?;
    Ok(found[0].as_ref().map_or(0, |found| found.offset))
}

#[test]
fn a_process_that_was_stopped_in_a_commit_writes_nothing_once_another_has_taken_over() {
    let Some(world) = World::kafka() else {
        return;
    };
    let (input, output) = (world.topic(1), world.topic(1));
    let group = unique("group");
    let names = format!("{} {input} {output} {group}", Broker::shared().unwrap().bootstrap());
    let mut zombie = Guarded(start("member", &names));
    let mut said = lines(&mut zombie.0);
    while said.next().unwrap().unwrap() != "done 1" {}
    // Stopped while its records are being written and its offsets are not.
    let deadline = Instant::now() + PATIENCE;
    let done = loop {
        std::thread::sleep(Duration::from_millis(37));
        signal(&zombie.0, "-STOP");
        let range = world.offsets(&place(&output, 0)).unwrap();
        if range.stable_end < range.end
            && let Ok(done) = committed(&world, &group, &input, Duration::from_millis(500))
        {
            break done;
        }
        signal(&zombie.0, "-CONT");
        assert!(Instant::now() < deadline, "never stopped in the middle");
    };

    let options = JoinOptions { session_timeout: Some(SESSION), ..JoinOptions::default() };
    let mut owners = [Owner::join_as(&world, &group, &[input.to_string()], options)];
    settle(&mut owners, &[1]);
    assert_eq!(committed(&world, &group, &input, PATIENCE).unwrap(), done);
    let mut writer = world.writer_of(&unique("id"), &*owners[0].member);
    writer
        .commit(&Commit {
            records: vec![record(&output, "mine")],
            offsets: vec![offset(&group, &input, 0, 1_000_000, "")],
        })
        .unwrap();

    signal(&zombie.0, "-CONT");
    let refused = loop {
        let line = said.next().unwrap().unwrap();
        if line.starts_with("refused") {
            break line;
        }
    };
    assert!(refused.starts_with(&format!("refused not a member {} ", done + 1)), "{refused}");
    while said.next().unwrap().unwrap() != "lost" {}
    zombie.0.wait().unwrap();
    assert_eq!(committed(&world, &group, &input, PATIENCE).unwrap(), 1_000_000);
    let values = world.values(&output);
    let of_zombie = values.iter().filter(|value| *value != "mine");
    let last = of_zombie.clone().map(|value| value.parse::<i64>().unwrap()).max();
    assert_eq!((of_zombie.count(), last), (PER_COMMIT * done as usize, Some(done)));
    assert_eq!(values.iter().filter(|value| *value == "mine").count(), 1);
}

/// The order in which a successor that looked at the topic alone would be misled.
#[test]
fn offsets_that_were_sent_before_their_outputs_are_waited_for() {
    let Some(world) = World::kafka() else {
        return;
    };
    let decisions = world.topic(1);
    let group = unique("group");
    let theirs = producer(&unique("id"), 10 * PATIENCE, PATIENCE);
    theirs.send(BaseRecord::<[u8], str>::to(&decisions).partition(0).payload("decision 1")).unwrap();
    let stranger: BaseConsumer = client().set("group.id", &*group).create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&decisions, 0, Offset::Offset(1)).unwrap();
    theirs.send_offsets_to_transaction(&offsets, &stranger.group_metadata().unwrap(), PATIENCE).unwrap();

    let range = world.offsets(&place(&decisions, 0)).unwrap();
    assert_eq!((range.stable_end, range.end), (0, 0), "the topic looks finished");
    assert!(world.undecided(&place(&decisions, 0)).unwrap().is_empty());
    let mut owners = [Owner::join(&world, &group, &[decisions.to_string()])];
    settle(&mut owners, &[1]);
    let [successor] = &mut owners;
    let of = [place(&decisions, 0)];
    let error = successor.member.committed(&of, Duration::from_millis(500)).unwrap_err();
    assert!(error.retryable(), "{error:?}");
    let error = committed(&world, &group, &decisions, Duration::from_millis(500)).unwrap_err();
    assert!(error.retryable(), "{error:?}");
    std::thread::scope(|scope| {
        let gate = scope.spawn(|| successor.member.committed(&of, PATIENCE));
        // It can still succeed, and does.
        theirs.commit_transaction(PATIENCE).unwrap();
        let found = gate.join().unwrap().unwrap();
        assert_eq!(found[0].as_ref().unwrap().offset, 1);
    });
    assert_eq!(world.values(&decisions), ["decision 1"]);
}

#[test]
fn the_open_transaction_of_a_killed_process_is_found_and_ended() {
    let Some(world) = World::kafka() else {
        return;
    };
    let topic = world.topic(1);
    let id = unique("id");
    world.transactional_writer(&unique("before")).commit(&commit_of(vec![record(&topic, "before")])).unwrap();
    let mut child = start("open", &format!("{} {topic} {id}", Broker::shared().unwrap().bootstrap()));
    let mut said = lines(&mut child);
    while said.next().unwrap().unwrap() != "open" {}
    child.kill().unwrap();
    child.wait().unwrap();
    // Others write on, and nobody sees it.
    world.transactional_writer(&unique("after")).commit(&commit_of(vec![record(&topic, "after")])).unwrap();
    assert_eq!(world.values(&topic), ["before"]);

    let found = world.undecided(&place(&topic, 0)).unwrap();
    let values: Vec<String> = found.iter().map(|record| text(record.value.as_ref())).collect();
    assert_eq!(values, ["open 1", "open 2", "after"]);
    let named: Vec<&Bytes> =
        found[0].headers.iter().filter(|(name, _)| *name == WRITER).map(|(_, value)| value).collect();
    assert_eq!(named, [id.as_bytes()]);

    // Long before the broker would take it for dead.
    drop(world.transactional_writer(&id));
    let range = world.offsets(&place(&topic, 0)).unwrap();
    assert_eq!(range.stable_end, range.end);
    assert!(world.undecided(&place(&topic, 0)).unwrap().is_empty());
    assert_eq!(world.values(&topic), ["before", "after"]);
}

#[test]
fn commits_go_on_over_a_rebalance_and_none_is_made_twice() {
    let Some(world) = World::kafka() else {
        return;
    };
    let (input, output) = (world.topic(4), world.topic(1));
    let group = unique("group");
    let topics = [input.to_string()];
    let mut owners = vec![Owner::join(&world, &group, &topics)];
    settle(&mut owners, &[4]);
    let mut writer = world.writer_of(&unique("id"), &*owners[0].member);
    let mut number = 0;
    let mut next = |of: &Owner, number: i64| {
        let records: Vec<OutRecord> = (0..10).map(|_| record(&output, number.to_string())).collect();
        let offsets = of.owned.iter().map(|of| offset(&group, &of.topic, of.partition, number, ""));
        writer.commit(&Commit { records, offsets: offsets.collect() })
    };
    next(&owners[0], number).unwrap();

    // Another one joins, and the group moves on although this one is busy and does not poll.
    owners.push(Owner::join(&world, &group, &topics));
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        owners[1].poll();
        number += 1;
        match next(&owners[0], number) {
            Ok(()) => assert!(Instant::now() < deadline, "the group does not move on"),
            Err(error) => break error,
        }
    };
    assert!(error.not_member(), "{error:?}");
    // Once it has polled, the same commit is made: what is revoked is still its own.
    let mut refused = 1;
    let had = owners[0].owned.clone();
    let revoked = loop {
        let [MembershipEvent::Revoked(revoked)] = &owners[0].poll()[..] else {
            assert!(Instant::now() < deadline, "nothing is revoked");
            continue;
        };
        break revoked.clone();
    };
    let owned = std::mem::replace(&mut owners[0].owned, had);
    next(&owners[0], number).unwrap();
    owners[0].owned = owned;
    assert_eq!(revoked.len(), 2);

    let mut settled = false;
    for round in 0.. {
        settled |= owners.iter().all(|owner| owner.owned.len() == 2);
        if settled && round > 20 {
            break;
        }
        number += 1;
        while let Err(error) = next(&owners[0], number) {
            assert!(error.not_member() && Instant::now() < deadline, "{error:?}");
            refused += 1;
            owners[0].poll();
        }
        owners.iter_mut().for_each(|owner| drop(owner.poll()));
        assert!(Instant::now() < deadline, "not settled");
    }
    let mut values: Vec<i64> = world.values(&output).iter().map(|value| value.parse().unwrap()).collect();
    values.sort_unstable();
    let expected: Vec<i64> = (0..=number).flat_map(|number| [number; 10]).collect();
    assert!(values == expected, "{refused} refused: {values:?}");
    let kept: Vec<_> = owners[0].owned.iter().cloned().collect();
    let found = world.committed(&group, &kept, PATIENCE).unwrap();
    assert!(found.iter().all(|found| found.as_ref().unwrap().offset == number), "{found:?}");
}

#[test]
fn a_session_that_the_broker_refuses_is_told() {
    let Some(world) = World::kafka() else {
        return;
    };
    let topic = world.topic(1);
    let options = JoinOptions { session_timeout: Some(Duration::from_millis(100)), ..JoinOptions::default() };
    let mut member = world.join(&unique("group"), &[topic.to_string()], options).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        match member.poll(Duration::from_millis(100)) {
            Err(error) => break error,
            Ok(events) => assert!(events.is_empty() && Instant::now() < deadline, "{events:?}"),
        }
    };
    assert!(error.invalid(), "{error:?}");
}

#[test]
fn a_member_that_does_not_poll_loses_everything() {
    if World::kafka().is_none() {
        return;
    }
    let times = [("max.poll.interval.ms", "3000"), ("session.timeout.ms", "3000")];
    let kafka = connect(&Broker::shared().unwrap().bootstrap(), &times).unwrap();
    let world = World::over_kafka(kafka);
    let (input, output) = (world.topic(2), world.topic(1));
    let group = unique("group");
    let mut busy = world.join(&group, &[input.to_string()], JoinOptions::default()).unwrap();
    let assigned = |busy: &mut dyn Membership| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match &busy.poll(Duration::from_millis(100)).unwrap()[..] {
                [] => assert!(Instant::now() < deadline, "nothing is assigned"),
                [MembershipEvent::Assigned(partitions)] => return partitions.len(),
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(assigned(&mut *busy), 2);
    let mut writer = world.writer_of(&unique("id"), &*busy);
    let mut commit = |value: &str| {
        let offsets = vec![offset(&group, &input, 0, 1, value), offset(&group, &input, 1, 1, value)];
        writer.commit(&Commit { records: vec![record(&output, value)], offsets })
    };
    commit("in time").unwrap();
    // Others wait for it no longer than that.
    let mut others = [Owner::join(&world, &group, &[input.to_string()])];
    settle(&mut others, &[2]);
    assert!(commit("late").unwrap_err().not_member());
    let events = busy.poll(Duration::from_secs(1)).unwrap();
    assert!(matches!(&events[..], [MembershipEvent::Lost(lost)] if lost.len() == 2), "{events:?}");
    assert!(commit("later").unwrap_err().not_member());
    drop(others);
    assert_eq!(assigned(&mut *busy), 2);
    commit("again").unwrap();
    assert_eq!(world.values(&output), ["in time", "again"]);
}

//! Processes that are killed while they write, and disks that are full.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use olocus_bus::{Commit, Embedded, EmbeddedOptions, TopicSpec, Transport, Writer, WriterOptions};
use olocus_event::OutRecord;
use olocus_test_broker::{Broker, Options, skipped};

use crate::takeover;
use crate::world::{PATIENCE, World, connect, offset, place, record, text, unique};

/// Tells this binary, started again, what to do: a role and where.
const ROLE: &str = "OLOCUS_BUS_TEST_ROLE";

const TOPICS: [&str; 2] = ["left", "right"];
const GROUP: &str = "group";

/// Records to each topic in one commit of a killed process.
const PER_COMMIT: usize = 50;

/// Not a test of its own: what the killed processes do.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let (role, place) = role.split_once('=').unwrap();
    match role {
        "embedded" => {
            let log = Embedded::open(Path::new(place), EmbeddedOptions::default()).unwrap();
            write_until_killed(&log);
        }
        "kafka" => write_until_killed(&connect(place, &[]).unwrap()),
        "fill" => fill(Path::new(place)),
        "member" => takeover::commit_as_member(place),
        "open" => takeover::leave_open(place),
        other => panic!("no role {other}"),
    }
}

pub(crate) fn start(role: &str, place: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture"])
        .env(ROLE, format!("{role}={place}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n{line}").unwrap();
    output.flush().unwrap();
}

/// Commits one number after the other, each as many records in two topics and an offset, and says each that is done.
fn write_until_killed(log: &dyn Transport) {
    let first = next_number(log);
    let mut writer = log
        .writer(WriterOptions { transactional_id: Some("killed".to_owned()), ..WriterOptions::default() })
        .unwrap();
    for number in first.. {
        writer.commit(&commit(number)).unwrap();
        say(&format!("done {number}"));
    }
}

fn commit(number: i64) -> Commit {
    let topics = TOPICS.map(Arc::<str>::from);
    Commit {
        records: (0..PER_COMMIT)
            .flat_map(|_| topics.iter().map(|topic| record(topic, number.to_string())))
            .collect(),
        offsets: vec![offset(GROUP, &topics[0], 0, number + 1, &number.to_string())],
    }
}

/// The number after the last one that was committed.
fn next_number(log: &dyn Transport) -> i64 {
    let found = log.committed(GROUP, &[place(&TOPICS[0].into(), 0)], PATIENCE).unwrap();
    found[0].as_ref().map_or(0, |found| found.offset)
}

/// Reads what a child says until it has said a number of things, then kills it. The last number that it said.
fn kill_after(mut child: Child, commits: usize, delay: Duration) -> i64 {
    let mut done = -1;
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = output.lines();
    let mut seen = 0;
    let mut number = |line: &str| {
        if let Some(number) = line.strip_prefix("done ") {
            done = number.parse().unwrap();
            seen += 1;
        }
        seen
    };
    while number(&lines.next().unwrap().unwrap()) < commits {}
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died counts as well.
    for line in lines.map_while(Result::ok) {
        number(&line);
    }
    done
}

/// Every commit is there as a whole or not at all, and those that were said to be done are there.
fn check(world: &World, acknowledged: i64) -> i64 {
    let next = next_number(&**world);
    assert!(next > acknowledged, "{acknowledged} was lost: the next is {next}");
    for topic in TOPICS {
        let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
        for record in world.all(&topic.into()).into_values().flatten() {
            *counts.entry(text(record.value.as_ref()).parse().unwrap()).or_default() += 1;
        }
        let expected: BTreeMap<i64, usize> = (0..next).map(|number| (number, PER_COMMIT)).collect();
        assert!(counts == expected, "{topic}: {counts:?}, but the next is {next}");
    }
    next
}

/// Some variety without a source of randomness: the process id differs from run to run.
fn variety(round: usize) -> (usize, Duration) {
    let seed = (std::process::id() as usize).wrapping_mul(2_654_435_761) >> (round * 3);
    (1 + seed % 40, Duration::from_micros((seed % 5000) as u64))
}

#[test]
fn what_the_embedded_log_acknowledged_outlives_a_killed_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let open = || Embedded::open(directory.path(), EmbeddedOptions::default()).unwrap();
    let specs = TOPICS.map(|topic| TopicSpec::new(topic).partitions(2));
    open().create_topics(&specs).unwrap();
    for round in 0..6 {
        let (commits, delay) = variety(round);
        let done = kill_after(start("embedded", &path), commits, delay);
        let world = World::over(open());
        check(&world, done);
        // And it can be written to.
        let id = WriterOptions { transactional_id: Some("killed".to_owned()), ..WriterOptions::default() };
        let next = next_number(&*world);
        world.writer(id).unwrap().commit(&commit(next)).unwrap();
        assert_eq!(check(&world, next), next + 1);
    }
}

#[test]
fn a_killed_writer_and_a_killed_broker_leave_nothing_half_done() {
    if skipped() {
        return;
    }
    let broker = Broker::start(&Options::default()).unwrap();
    let world = World::of(&broker.bootstrap());
    world.create_topics(&TOPICS.map(|topic| TopicSpec::new(topic).partitions(2))).unwrap();
    let mut next = 0;
    for round in 0..3 {
        let (commits, delay) = variety(round);
        let done = kill_after(start("kafka", &broker.bootstrap()), commits, delay);
        // A successor first waits out or aborts what its predecessor left.
        let mut writer = world.transactional_writer("killed");
        next = check(&world, done);
        writer.commit(&commit(next)).unwrap();
        next = check(&world, next);
    }

    let mut writer = world.transactional_writer("killed");
    let topic: Arc<str> = TOPICS[0].into();
    let mut reader = world.reader_of(&[(place(&topic, 0), 0), (place(&topic, 1), 0)]);
    let before = crate::world::wait_for_values(&mut *reader, PER_COMMIT * next as usize).len();
    broker.stop();
    assert!(world.health().is_err());
    assert!(reader.poll(10, Duration::from_millis(300)).unwrap().is_empty());
    broker.restart().unwrap();
    assert_eq!(check(&world, next - 1), next);
    // Reader and writer of before go on.
    commit_until_done(&mut *writer, &commit(next));
    check(&world, next);
    let more = crate::world::wait_for_values(&mut *reader, PER_COMMIT);
    assert_eq!((before, more.len()), (PER_COMMIT * next as usize, PER_COMMIT));
    assert!(more.iter().all(|value| *value == next.to_string()));
}

fn commit_until_done(writer: &mut dyn Writer, commit: &Commit) {
    for _ in 0..20 {
        match writer.commit(commit) {
            Ok(()) => return,
            Err(error) if error.retryable() => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the broker does not come back");
}

#[test]
fn a_paused_broker_is_waited_for() {
    if skipped() {
        return;
    }
    let broker = Broker::start(&Options::default()).unwrap();
    let world = World::of(&broker.bootstrap());
    let topic = world.topic(1);
    let mut writer = world.transactional_writer(&unique("id"));
    let once = |value: &str| Commit {
        records: vec![record(&topic, value)],
        offsets: vec![offset(GROUP, &topic, 0, 1, "")],
    };
    writer.commit(&once("before")).unwrap();
    broker.pause();
    let error = world.health().unwrap_err();
    assert!(error.retryable(), "{error}");
    std::thread::scope(|scope| {
        let committing = scope.spawn(|| commit_until_done(&mut *writer, &once("during")));
        std::thread::sleep(Duration::from_secs(3));
        assert!(!committing.is_finished());
        broker.resume();
        committing.join().unwrap();
    });
    writer.commit(&once("after")).unwrap();
    world.health().unwrap();
    assert_eq!(world.values(&topic), ["before", "during", "after"]);
}

/// Writes until the disk has no more room, then says what went wrong.
fn fill(path: &Path) {
    let log = Embedded::open(path, EmbeddedOptions::default()).unwrap();
    let spec = TopicSpec::new(TOPICS[0]).partitions(1);
    log.create_topics(&[spec]).unwrap();
    let mut writer = log.writer(WriterOptions::default()).unwrap();
    let topic: Arc<str> = TOPICS[0].into();
    for number in 0.. {
        let records: Vec<OutRecord> =
            (0..PER_COMMIT).map(|_| record(&topic, format!("{number:>1000}"))).collect();
        if let Err(error) = writer.send(&records) {
            assert!(error.storage() && !error.retryable(), "{error}");
            assert!(log.health().is_err());
            say(&format!("full {error}"));
            return;
        }
        say(&format!("done {number}"));
    }
}

#[test]
fn a_full_disk_fails_the_commit_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    // A limit for the size of files stands in for the disk: 32768 blocks of 512 bytes. Ignoring the signal turns it into
    // an error of the write.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 32768; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture"])
        .env(ROLE, format!("fill={}", directory.path().display()))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let done = said.lines().filter_map(|line| line.strip_prefix("done ")).count();
    assert!(said.contains("full cannot write to"), "{said}");
    assert!(done > 10, "{said}");

    let log = Embedded::open(directory.path(), EmbeddedOptions::default()).unwrap();
    let world = World::over(log);
    assert_eq!(world.values(&TOPICS[0].into()).len(), done * PER_COMMIT);
    let topic: Arc<str> = TOPICS[0].into();
    world.plain_writer().send(&[record(&topic, "room again")]).unwrap();
}

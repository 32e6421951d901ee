//! A log that goes away and comes back, and outputs that cannot be written.

use olocus_bus::TopicSpec;
use olocus_test_broker::{Broker, Options, skipped};
use serde_json::json;

use crate::engine::{Engine, wait_for};
use crate::run::{SPREAD, chain, chains, expected, users};
use crate::world::{World, clock};

#[test]
fn a_broker_that_goes_away_is_waited_for_and_nothing_is_lost() {
    if skipped() {
        return;
    }
    let broker = Broker::start(&Options::default()).unwrap();
    let world = World::on(&broker);
    let options = chain(&world);
    let options = options.each_ref().map(String::as_str);
    let alerts = world.topic("alerts");

    // Away at the start.
    broker.stop();
    let engine = Engine::start(world.run(&options), world.brokers.as_deref());
    let said = engine.wait_until_hindered("trying again");
    assert!(said.contains("\"waiting\""), "{said}");
    assert_eq!(crate::engine::get(&format!("{}/health", engine.url)).0, 200);
    broker.restart().unwrap();
    engine.wait_until_ready();
    engine.publish("unused", &chains(&world, 0..3), &SPREAD);
    engine.tail(&alerts, 3);

    // Away in the middle, with a match half done: the export comes afterwards.
    let both = chains(&world, 3..6);
    let (logins, exports): (Vec<&str>, Vec<&str>) = both.lines().partition(|line| line.contains("role"));
    engine.publish("unused", &logins.join("\n"), &SPREAD);
    wait_for("the logins to be read", || {
        (engine.metric("olocus_events_total", "login") == 6.0).then_some(())
    });
    broker.stop();
    let said = engine.wait_until_hindered("the log cannot be reached");
    assert!(said.contains("\"waiting\""), "{said}");
    broker.restart().unwrap();
    engine.wait_until_ready();
    engine.publish("unused", &exports.join("\n"), &SPREAD);
    engine.tail(&alerts, 6);

    // Frozen: connections stay open and nothing answers.
    broker.pause();
    engine.wait_until_hindered("the log cannot be reached");
    broker.resume();
    engine.wait_until_ready();
    engine.publish("unused", &chains(&world, 6..9), &SPREAD);
    engine.tail(&alerts, 9);
    engine.stop();
    assert_eq!(users(&world.values(&alerts)), expected(0..9));
}

#[test]
fn an_engine_that_waits_for_its_broker_can_be_stopped() {
    if skipped() {
        return;
    }
    let mut world = World::embedded();
    world.brokers = Some("127.0.0.1:9".to_owned());
    let engine =
        Engine::start(world.run(&chain(&world).each_ref().map(String::as_str)), world.brokers.as_deref());
    engine.wait_until_hindered("trying again");
    engine.stop();
}

#[test]
fn an_output_that_cannot_be_written_stops_consumption_until_it_can() {
    let Some(world) = World::kafka() else { return };
    let alerts = world.topic("alerts");
    // Large enough for the markers of transactions and for nothing else.
    let narrow = TopicSpec::new(&*alerts).partitions(1).config("max.message.bytes", "200");
    let input = |name: &str| TopicSpec::new(world.topic(name)).partitions(1);
    world.write(&[narrow, input("login"), input("export")], &[]);
    let options = chain(&world);
    let options = options.each_ref().map(String::as_str);
    let engine = world.start(&options);
    engine.publish("unused", &chains(&world, 0..2), &SPREAD);
    let said = engine.wait_until_hindered("failed to commit");
    assert!(said.contains(&alerts), "{said}");
    wait_for("several attempts", || (engine.metric("olocus_commit_failures_total", "") >= 3.0).then_some(()));
    assert_eq!(engine.metric("olocus_matches_total", ""), 0.0);
    // The first large export is the second record.
    let export = olocus_bus::TopicPartition::new(world.topic("export"), 0);
    let committed =
        world.open().committed(&world.name, &[export], std::time::Duration::from_secs(10)).unwrap();
    assert!(committed[0].as_ref().is_none_or(|committed| committed.offset <= 1), "{committed:?}");

    world.set_topic(&alerts, "max.message.bytes", "1000000");
    engine.wait_until_ready();
    engine.tail(&alerts, 2);
    engine.publish("unused", &chains(&world, 2..4), &SPREAD);
    engine.tail(&alerts, 4);
    engine.stop();
    assert_eq!(users(&world.values(&alerts)), expected(0..4));
}

/// Stopped while an output cannot be written: nothing is committed, and the next start makes the match.
#[test]
fn what_could_not_be_written_is_made_again_by_the_next_start() {
    let Some(world) = World::kafka() else { return };
    let out = world.topic("out");
    let narrow = TopicSpec::new(&*out).partitions(1).config("max.message.bytes", "200");
    world.write(&[narrow, TopicSpec::new(world.topic("in")).partitions(1)], &[]);
    let rules = world.file(
        "rules.yaml",
        "{version: 1, rules: [{name: any, sequence: [{step: only, event: PREFIX.in}], actions: [{publish: PREFIX.out}]}]}",
    );
    let mut engine = world.start(&["--rules", &rules]);
    let event = json!({"time": clock(0)}).to_string();
    engine.publish(&world.topic("in"), &event, &["--time-field", "time"]);
    engine.wait_until_hindered("failed to commit");
    engine.signal(rustix::process::Signal::TERM);
    let ended = engine.ended();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("the next start does it again"), "{}", ended.log);

    world.set_topic(&out, "max.message.bytes", "1000000");
    let engine = world.start(&["--rules", &rules]);
    engine.tail(&out, 1);
    engine.stop();
    assert_eq!(world.records(&out).len(), 1);
}

/// While the process is frozen, as by a laptop's lid, events come in. Silence that nobody listened to is none: they are not
/// late, and the window ends with all of them.
#[test]
fn a_process_that_stood_still_takes_no_partition_for_idle() {
    let Some(world) = World::kafka() else { return };
    let rules = "
version: 1
rules:
  - name: all_three
    window: { tumbling: 10s, event: PREFIX.in }
    having: count(*) >= 1
    emit: { n: count(*) }
    actions: [ { publish: PREFIX.out } ]
";
    let (input, out) = (world.topic("in"), world.topic("out"));
    world.write(&[TopicSpec::new(&*input).partitions(1)], &[]);
    let engine = world.start(&["--rules", &world.file("rules.yaml", rules)]);
    // Early in a window, so that all events are in it.
    let left = || 10_000 - jiff::Timestamp::now().as_millisecond() % 10_000;
    wait_for("a window to begin", || (left() > 7_000).then_some(()));
    let event = || json!({"time": clock(0)}).to_string();
    let publish = || engine.publish(&input, &event(), &["--time-field", "time"]);
    publish();
    wait_for("the first event", || (engine.metric("olocus_events_total", "") == 1.0).then_some(()));
    // Until the partition has been silent for as long as an idle one.
    std::thread::sleep(std::time::Duration::from_secs(2));
    engine.signal(rustix::process::Signal::STOP);
    // And until the question for records that was under way is answered: there were none.
    std::thread::sleep(std::time::Duration::from_secs(1));
    publish();
    publish();
    assert!(left() > 500, "this machine is too slow for the test");
    std::thread::sleep(std::time::Duration::from_millis(left() as u64 + 2_000));
    engine.signal(rustix::process::Signal::CONT);
    assert_eq!(engine.tail(&out, 1)[0]["data"]["emit"]["n"], 3);
    engine.stop();
    assert_eq!(world.records(&world.topic("late")).len(), 0);
}

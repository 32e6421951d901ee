//! Two processes under one application id.

use crate::engine::{Ended, Engine};
use crate::run::{SPREAD, chain, chains, expected, users};
use crate::support::text;
use crate::world::World;

#[test]
fn the_second_process_takes_over_and_the_first_ends_with_a_message() {
    let Some(world) = World::kafka() else { return };
    let options = chain(&world);
    let options = options.each_ref().map(String::as_str);
    let alerts = world.topic("alerts");
    let mut first = world.start(&options);
    first.publish("unused", &chains(&world, 0..3), &SPREAD);
    first.tail(&alerts, 3);

    let second = world.start(&options);
    // The first notices when it next has something to commit.
    second.publish("unused", &chains(&world, 3..6), &SPREAD);
    second.tail(&alerts, 6);
    let Ended { status, log } = first.ended();
    assert_eq!(status.code(), Some(3), "{log}");
    let told = log.lines().last().unwrap();
    assert!(
        told.starts_with("olocus: ") && told.contains(&world.name) && told.contains("taken over"),
        "{told}"
    );

    second.publish("unused", &chains(&world, 6..9), &SPREAD);
    second.tail(&alerts, 9);
    second.stop();
    assert_eq!(users(&world.values(&alerts)), expected(0..9));
}

#[test]
fn a_data_directory_belongs_to_one_process() {
    let world = World::embedded();
    let options = chain(&world);
    let options = options.each_ref().map(String::as_str);
    let first: Engine = world.start(&options);
    let output = crate::engine::refused(world.run(&options));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is in use by another process"), "{}", text(&output.stderr));
    first.publish("unused", &chains(&world, 0..1), &SPREAD);
    first.tail(&world.topic("alerts"), 1);
    first.stop();
}

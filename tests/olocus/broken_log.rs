//! Data directories that cannot be used: a clear word, no partial start, nothing touched.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::engine::{Engine, post, refused};
use crate::support::text;
use crate::world::World;

const RULES: &str = "{version: 1, rules: [{name: any, sequence: [{step: only, event: PREFIX.in}]}]}";

#[test]
fn a_file_or_a_foreign_folder_in_the_place_of_the_data_is_left_alone() {
    let world = World::embedded();
    std::fs::write(world.data(), "somebody's notes").unwrap();
    assert_refused(&world, "is a file, not a data directory");
    assert_eq!(std::fs::read(world.data()).unwrap(), b"somebody's notes");

    let world = World::embedded();
    std::fs::create_dir(world.data()).unwrap();
    std::fs::write(world.data().join("thesis.tex"), "years of work").unwrap();
    let before = contents(&world.data());
    assert_refused(&world, "is not a data directory of an embedded log");
    assert_eq!(contents(&world.data()), before);
}

#[test]
fn a_corrupt_log_is_told_and_left_as_it_is() {
    let world = World::embedded();
    let engine = world.start(&["--rules", &world.file("rules.yaml", RULES)]);
    engine.publish(&world.topic("in"), "{\"a\": 1}", &[]);
    engine.tail(&world.topic("matches"), 1);
    engine.stop();
    let database = world.data().join("log.redb");
    let whole = std::fs::read(&database).unwrap();

    let mut without_head = whole.clone();
    without_head[..4096].fill(0x55);
    for broken in [&without_head[..], b"no database", &whole[..whole.len() / 3]] {
        std::fs::write(&database, broken).unwrap();
        let before = contents(&world.data());
        assert_refused(&world, "is corrupt or not ours");
        assert!(contents(&world.data()) == before, "the data was changed");
    }
    std::fs::remove_file(&database).unwrap();
    assert_refused(&world, "is corrupt");
    assert!(!database.exists(), "an empty log in the place of a lost one");

    // It was the file alone.
    std::fs::write(&database, &whole).unwrap();
    world.start(&["--rules", &world.file("rules.yaml", RULES)]).stop();
    assert_eq!(world.records(&world.topic("matches")).len(), 1);
}

#[test]
fn no_room_at_the_start_is_told_and_the_next_start_works() {
    let world = World::embedded();
    let output = refused(limited(&world, 16));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = text(&output.stderr);
    assert!(told.contains(world.data().to_str().unwrap()) && told.contains("too large"), "{told}");
    assert!(!told.contains("the engine runs") && !told.contains("panicked"), "{told}");
    world.start(&["--rules", &world.file("rules.yaml", RULES)]).stop();
}

/// No room while it runs: what is acknowledged is there, what is not is refused, and nothing is lost by the restart.
#[test]
fn no_room_later_refuses_events_and_keeps_those_that_were_taken() {
    let world = World::embedded();
    let engine = Engine::start(limited(&world, 16 << 10), None);
    let url = format!("{}/v1/topics/{}/events", engine.url, world.topic("in"));
    let body = json!({"text": "x".repeat(1 << 20)}).to_string();
    let mut taken = 0;
    let (status, said) = loop {
        let (status, said) = post(&url, &[("content-type", "application/json")], body.as_bytes());
        if status != 200 {
            break (status, said);
        }
        taken += 1;
        assert!(taken < 64, "there is room without end");
    };
    assert!((500..600).contains(&status), "{status} {said}");
    assert!(taken > 0, "{said}");
    drop(engine);

    let engine = world.start(&["--rules", &world.file("rules.yaml", RULES)]);
    engine.tail(&world.topic("matches"), taken);
    engine.publish(&world.topic("in"), "{\"text\": \"more\"}", &[]);
    engine.tail(&world.topic("matches"), taken + 1);
    engine.stop();
    assert_eq!(world.records(&world.topic("in")).len(), taken + 1);
    assert_eq!(world.records(&world.topic("matches")).len(), taken + 1);
}

/// A folder on a disk of its own that has no room; Linux lets some users make one and others not.
#[test]
fn a_full_disk_is_named() {
    let world = World::embedded();
    std::fs::create_dir(world.data()).unwrap();
    let run = world.run(&["--rules", &world.file("rules.yaml", RULES)]);
    let on_small_disk = |size: &str| {
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs -o size=$1 small \"$2\" && shift 2 && exec \"$@\"";
        command.args(["--map-root-user", "--mount", "bash", "-c", script, "bash", size]).arg(world.data());
        command
    };
    if !on_small_disk("1m").arg("true").output().is_ok_and(|output| output.status.success()) {
        // Not by a macro: what those write is shown only when a test fails.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no full disk: file systems cannot be mounted here");
        return;
    }
    let with_run = |mut command: Command| {
        command.arg(run.get_program()).args(run.get_args()).current_dir(run.get_current_dir().unwrap());
        command
    };
    let output = refused(with_run(on_small_disk("16k")));
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("No space left on device") || told.contains("the disk is full"), "{told}");

    let engine = Engine::start(with_run(on_small_disk("4m")), None).once_ready();
    let url = format!("{}/v1/topics/{}/events", engine.url, world.topic("in"));
    let body = json!({"text": "x".repeat(1 << 19)}).to_string();
    let refusal = (0..64).map(|_| post(&url, &[("content-type", "application/json")], body.as_bytes()));
    let (status, said) = refusal.into_iter().find(|(status, _)| *status != 200).unwrap();
    assert!((500..600).contains(&status) && said.contains("the disk is full"), "{status} {said}");
    engine.wait_until_hindered("the disk is full");
}

/// `olocus run` that may write files of so many KiB; more is an error as on a full disk.
fn limited(world: &World, kibibytes: u32) -> Command {
    let run = world.run(&["--rules", &world.file("rules.yaml", RULES)]);
    let mut command = Command::new("bash");
    // Without the trap the signal would end the process, which a full disk does not.
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"")]);
    command.arg(run.get_program()).args(run.get_args()).current_dir(run.get_current_dir().unwrap());
    command
}

fn assert_refused(world: &World, word: &str) {
    let output = refused(world.run(&["--rules", &world.file("rules.yaml", RULES)]));
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(word), "{told}");
    assert!(told.contains(world.data().to_str().unwrap()), "{told}");
    assert!(!told.contains("the engine runs"), "{told}");
}

/// Every file of a folder with what is in it.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().to_str().unwrap().to_owned(), std::fs::read(entry.path()).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(entry).collect()
}

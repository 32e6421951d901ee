//! Whoever reads what a command prints may leave at any time.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Output, Stdio};

use serde_json::Value;

use crate::engine::{command, command_with_input, wait_for};
use crate::support::text;
use crate::world::World;

const LOGGING: &str = "
version: 1
rules:
  - name: told
    sequence: [ { step: only, event: PREFIX.in } ]
    emit: { n: only.n }
    actions: [ { log: info }, { publish: PREFIX.out } ]
";

#[test]
fn an_engine_outlives_the_reader_of_its_log() {
    let world = World::embedded();
    let mut run = world.run(&["--rules", &world.file("rules.yaml", LOGGING)]);
    let mut child = Killed(run.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut log = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let url = log
        .by_ref()
        .find_map(|line| {
            let line: Value = serde_json::from_str(&line.unwrap()).ok()?;
            Some(format!("http://{}", line["fields"]["health"].as_str()?))
        })
        .unwrap();
    drop(log);

    let topic = world.topic("in");
    for _ in 0..2 {
        let output =
            command_with_input(&["publish", &topic, "-", "--server", &url], "{\"n\": 1}\n{\"n\": 2}");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let tail = ["tail", &world.topic("out"), "--server", &url, "--from", "beginning"];
    let output = command(&[&tail[..], &["--count", "4", "--timeout", "60s"]].concat()).output().unwrap();
    assert_eq!(text(&output.stdout).lines().count(), 4, "{}", text(&output.stderr));
    let id = rustix::process::Pid::from_child(&child.0);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let status = wait_for("the engine to end", || child.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_closed_pipe_is_no_failure_of_a_command() {
    for args in [
        &["completions", "bash"][..],
        &["rules", "test", "rules/security.yaml"],
        &["rules", "check", "rules/security.yaml"],
        &["rules", "fmt", "--help"],
        &["generate", "sequence", "--events", "1000"],
    ] {
        let output = into_closed_pipe(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "", "{args:?}");
    }
}

/// The topic gets no event that a write would notice it with.
#[test]
fn following_a_quiet_topic_ends_when_its_reader_leaves() {
    let world = World::embedded();
    let engine = world.start(&["--rules", &world.file("rules.yaml", LOGGING)]);
    engine.publish(&world.topic("in"), "{\"n\": 1}", &[]);
    let mut tail = command(&["tail", &world.topic("out"), "--server", &engine.url, "--from", "beginning"]);
    let mut tail = Killed(tail.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(tail.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("told"), "{line}");
    let status = wait_for("the command to end", || tail.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    engine.stop();
}

/// Runs a command whose standard output nobody reads.
fn into_closed_pipe(args: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command(args).stdin(Stdio::null()).stdout(writer).output().unwrap()
}

/// A child that does not outlive the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

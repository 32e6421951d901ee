//! Rules and events, and the ways to bring them together.

use std::collections::BTreeMap;
use std::process::Command;

use olocus_bus::TopicSpec;
use serde_json::{Value, json};

use crate::engine::{Engine, command, json_lines};
use crate::support::{root, text};
use crate::world::World;

/// Where nothing comes within half a second after the end was reached, nothing will: all is published before the engine
/// starts.
const CONFIG: &str = "
orchestration:
  sources:
    - topics: ['PREFIX.**']
      out_of_order: OUT_OF_ORDER
      idle_after: 500ms
";

/// The event after which all windows are over.
const END: &str = "{\"type\":\"end.of.data\",\"time\":\"2024-03-07T00:00:00Z\"}\n";

/// Events in a file, and rules whose matches go to the topic `PREFIX-out`.
pub(super) struct Case<'a> {
    pub(super) world: &'a World,
    /// Path of the file.
    pub(super) events: String,
    /// Paths of the rule files.
    pub(super) rules: Vec<String>,
    pub(super) time_field: &'a str,
    pub(super) type_expr: &'a str,
    /// SQL for the topic of an event; all topics begin with `PREFIX.`.
    pub(super) topic_expr: String,
    /// The field that spreads events over the partitions of a topic.
    pub(super) key: &'a str,
    /// By how much the file is out of order.
    pub(super) bound: &'a str,
}

impl Case<'_> {
    /// What `replay` finds in the file.
    pub(super) fn replay_file(&self) -> Vec<Value> {
        self.replay_files(&[&self.events])
    }

    /// What `replay` finds in the topics; only on Kafka.
    pub(super) fn replay_topics(&self) -> Vec<Value> {
        let topics = self.world.open().topics().unwrap();
        let own = ["dead-letter", "late", "matches"].map(|name| self.world.topic(name));
        let prefix = self.world.topic("");
        let topics = topics.keys().filter(|topic| topic.starts_with(&prefix) && !own.contains(topic));
        let mut command = command(&["replay", "--out-of-order", self.bound, "--brokers"]);
        command.arg(self.world.brokers.as_ref().unwrap()).args(self.rule_options());
        replayed(command.args(topics.flat_map(|topic| ["--topic", topic])))
    }

    /// Publishes the file to topics with the log's own number of partitions, and runs the rules over them.
    pub(super) fn run(&self) -> Vec<Value> {
        let loader = self.loader();
        self.publish(loader.as_ref(), &self.events);
        self.publish_end(loader.as_ref());
        loader.map(Engine::stop);
        self.run_over_topics(self.replay_file().len())
    }

    /// Runs the rules over topics of one partition each, and replays files of the same names, lines and order. What the
    /// two find is alike to the last byte, but for the ids of events, which files have none of. Returns what was found.
    pub(super) fn run_like_files(&self, topic_of: impl Fn(&Value) -> String) -> Vec<Value> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for line in std::fs::read_to_string(&self.events).unwrap().lines() {
            let topic = topic_of(&serde_json::from_str(line).unwrap());
            *files.entry(topic).or_default() += &format!("{line}\n");
        }
        let topics: Vec<TopicSpec> =
            files.keys().map(|topic| TopicSpec::new(&**topic).partitions(1)).collect();
        self.world.open().create_topics(&topics).unwrap();
        let loader = self.loader();
        for (topic, lines) in &files {
            self.publish(loader.as_ref(), &self.world.file(topic, lines));
        }
        self.publish_end(loader.as_ref());
        loader.map(Engine::stop);

        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        let replayed = self.replay_files(&names);
        let found = self.run_over_topics(replayed.len());
        let without_event_ids = |matches: &[Value]| exact(&mapped(matches, &forget_event_id));
        assert_eq!(without_event_ids(&found), without_event_ids(&replayed), "coordinates and ids too");
        found
    }

    fn replay_files(&self, files: &[&str]) -> Vec<Value> {
        let options = ["--time-field", self.time_field, "--type-expr", self.type_expr];
        let mut command = command(&["replay", "--out-of-order", self.bound]);
        command.args(options).args(self.rule_options());
        // Files in the world's own folder are named as their topics are.
        command.current_dir(self.world.path("")).arg("--schemas").arg(root().join("schemas/events"));
        replayed(command.args(files.iter().flat_map(|file| ["--input", file])))
    }

    fn rule_options(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().flat_map(|file| ["--rules", file])
    }

    /// Only through an engine can events come to the embedded log: one that has nothing else to do.
    fn loader(&self) -> Option<Engine> {
        if self.world.brokers.is_some() {
            return None;
        }
        let rules = self.world.file(
            "loader.yaml",
            "{version: 1, rules: [{name: none, sequence: [{step: s, event: PREFIX-none}]}]}",
        );
        let name = format!("{}-loader", self.world.name);
        Some(Engine::start(self.world.run_as(&name, &["--rules", &rules]), None).once_ready())
    }

    fn publish(&self, loader: Option<&Engine>, file: &str) {
        let options = ["--topic-expr", &self.topic_expr, "--type-expr", self.type_expr];
        let more = ["--time-field", self.time_field, "--key", self.key];
        self.published(loader, &[&["unused", file][..], &options, &more].concat());
    }

    fn publish_end(&self, loader: Option<&Engine>) {
        let (topic, file) = (self.world.topic("end"), self.world.file("end.ndjson", END));
        self.published(loader, &[&topic, &file, "--type-expr", "type", "--time-field", "time"]);
    }

    fn published(&self, loader: Option<&Engine>, options: &[&str]) {
        let connection = match (loader, &self.world.brokers) {
            (Some(loader), _) => ["--server", &loader.url],
            (None, brokers) => ["--brokers", brokers.as_deref().unwrap()],
        };
        let output = command(&[&["publish"], options, &connection].concat()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    fn run_over_topics(&self, expected: usize) -> Vec<Value> {
        let world = self.world;
        let config = world.file("olocus.yaml", &CONFIG.replace("OUT_OF_ORDER", self.bound));
        let options: Vec<&str> = ["--config", &config].into_iter().chain(self.rule_options()).collect();
        let engine = world.start(&options);
        let out = format!("{}-out", world.name);
        engine.tail(&out, expected);
        assert_eq!(engine.metric("olocus_late_events_total", ""), 0.0);
        assert_eq!(engine.metric("olocus_decode_failures_total", ""), 0.0);
        assert_eq!(engine.metric("olocus_matches_total", ""), expected as f64);
        engine.stop();
        assert_eq!(world.records(&world.topic("late")).len(), 0);
        world.values(&out)
    }
}

/// Matches as a multiset, without what depends on where the events are.
pub(super) fn counted(matches: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for mut bare in mapped(matches, &|event| *event = json!([event["time"], event["data"]])) {
        bare["id"] = Value::Null;
        *counts.entry(bare.to_string()).or_default() += 1;
    }
    counts
}

/// Matches as they are, in an order of their own.
pub(super) fn exact(matches: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = matches.iter().map(|found| json!(found).to_string()).collect();
    lines.sort();
    lines
}

fn forget_event_id(event: &mut Value) {
    event["id"] = Value::Null;
}

/// Matches whose events were changed.
fn mapped(matches: &[Value], change: &dyn Fn(&mut Value)) -> Vec<Value> {
    let mut matches = matches.to_vec();
    for found in &mut matches {
        if let Some(steps) = found.get_mut("events").and_then(Value::as_object_mut) {
            steps.values_mut().flat_map(|events| events.as_array_mut().unwrap()).for_each(change);
        }
        if let Some(window) = found.get_mut("window") {
            ["first", "last"].into_iter().for_each(|edge| change(&mut window[edge]));
            let embedded = window.get_mut("events").and_then(Value::as_array_mut);
            embedded.into_iter().flatten().for_each(change);
        }
    }
    matches
}

fn replayed(command: &mut Command) -> Vec<Value> {
    let output = command.output().unwrap();
    let summary = text(&output.stderr);
    assert!(output.status.success(), "{summary}");
    assert!(summary.lines().any(|line| line.split_whitespace().eq(["late", "0"])), "{summary}");
    assert!(summary.lines().any(|line| line.split_whitespace().eq(["dead-lettered", "0"])), "{summary}");
    json_lines(&text(&output.stdout))
}

//! Broken configurations, and what is said about them.

use super::parse;

pub(super) const CASES: &[(&str, &str)] = &[
    (
        "several_mistakes",
        "orchestration:
  aplication_id: fraud
  events:
    transport:
      type: kafka
      brokers: [localhost]
    compresion: lz4
  limits:
    policy: drop_all
    held_records: 0
    body_bytes: 16 Megabytes
  comit_interval: 100
",
    ),
    (
        "redis",
        "orchestration:
  events:
    transport:
      type: redis_cluster
      nodes: [\"redis-1.company.com:6379\"]
      auth: { type: password, password_env: REDIS_PASSWORD }
",
    ),
    ("transport_without_type", "orchestration: { events: { transport: { brokers: [\"a:1\"] } } }"),
    (
        "embedded_with_brokers",
        "orchestration:
  events:
    transport:
      type: embedded
      brokers: [\"a:1\"]
",
    ),
    (
        "secrets_in_the_file",
        "orchestration:
  events:
    transport:
      type: kafka
      brokers: kafka:9092
      auth: { type: plain, username: me, password: hunter2 }
      kafka:
        sasl.password: hunter2
        ssl.key.password: |
          hunter2
          hunter2
    encryption:
      algorithm: aes256_gcm
      key: \"hunter2\"
  http:
    token: hunter2
",
    ),
    (
        "two_places_for_a_secret",
        "orchestration:
  http: { token_env: TOKEN, token_file: token.txt }
  events: { encryption: { algorithm: aes_256, key_env: KEYS } }
",
    ),
    (
        "sources",
        "orchestration:
  sources:
    - format: jsn
    - { topic: a, topics: [b] }
    - { topics: [\"auth.lo*\", \"a b\"] }
    - { topic: a, time_unit: ms }
    - topic: a
      out_of_order: 5
      idle_after: soon
      keys: user_id
    - auth.login
",
    ),
    (
        "topics_and_outputs",
        "orchestration:
  topics:
    \"a/b\": { partitions: 3 }
    alerts: { partitions: 0, retention: 1d, config: { retention.ms: 5 } }
  outputs: { matches: \"my matches\", deadletter: dead }
",
    ),
    ("addresses", "orchestration: { http: { listen: \"8080\", metrics_listen: \"localhost:99999\" } }"),
    ("not_a_mapping", "orchestration:\n  - events\n"),
    ("without_root", "events:\n  transport: { type: kafka }\n"),
    ("syntax", "orchestration:\n  http: { token: hunter2\n  limits:\n"),
    ("later_sections", "orchestration:\n  pipeline: { max_concurent_stages: 20 }\n  health: [1]\n"),
];

#[test]
fn every_mistake_is_told_at_its_place() {
    for (name, text) in CASES {
        let (config, diagnostics) = parse(text);
        assert_eq!(config.is_some(), *name == "later_sections", "{name}");
        let shown = diagnostics.render(false);
        assert!(!shown.contains("hunter2"), "{shown}");
        insta::assert_snapshot!(*name, shown);
    }
}

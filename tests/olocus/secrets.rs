//! What is a secret is not shown, wherever somebody may have put it by mistake.

use std::process::Stdio;

use crate::engine::{command, refused};
use crate::support::text;
use crate::world::World;

/// 32 bytes in base64.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn a_key_in_the_place_of_a_variable_is_not_shown() {
    let world = World::embedded();
    // What has the form of a name is looked up; in lower case it is no less a secret.
    for pasted in [KEY, "hunter2", "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"] {
        let config = format!("orchestration: {{ http: {{ token_env: \"{pasted}\" }} }}\n");
        let config = world.file("olocus.yaml", &config);
        let output = refused(world.run(&["--config", &config, "--rules", "rules/security.yaml"]));
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("token_env") && !told.contains(pasted), "{told}");
    }
}

#[test]
fn secrets_on_the_command_line_are_not_repeated() {
    for args in [
        &["--brokers", "127.0.0.1:9", "--kafka", "sasl.password hunter2"][..],
        &["--brokers", "127.0.0.1:9", "--kafka", "sasl.password hunter2=="],
        &["--server", "http://me:hunter2@127.0.0.1:9"],
        &["--server", "me:hunter2@127.0.0.1:9"],
    ] {
        let output = command(&[&["publish", "t"], args].concat()).stdin(Stdio::null()).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn secrets_of_webhooks_are_not_shown_in_excerpts() {
    let world = World::embedded();
    let rules = world.file(
        "rules.yaml",
        "\
version: 1
rules:
  - name: one
    sequence: [ { step: only, event: a } ]
    actions:
      - webhook: { url: 'https://example.org/T1/hunter2', headers: { Authorization: 'Bearer hunter3' }, tries: 5 }
      - webhook:
          url: https://me:hunter4@example.org?token=hunter5
          headers: { Authorization: [Bearer, hunter6] }
",
    );
    let output = command(&["rules", "check", &rules]).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("`tries`") && told.contains("`Authorization`"), "{told}");
    assert!(told.contains("https://example.org/"), "{told}");
    assert!(!told.contains("hunter"), "{told}");
}

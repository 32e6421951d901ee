//! What every command promises about itself.

use std::io::BufRead as _;
use std::process::Stdio;

use crate::engine::{command, command_with_input};
use crate::support::text;

const COMMANDS: [&[&str]; 10] = [
    &["run"],
    &["publish"],
    &["tail"],
    &["replay"],
    &["generate"],
    &["bench"],
    &["rules", "check"],
    &["rules", "test"],
    &["rules", "fmt"],
    &["completions"],
];

#[test]
fn version_and_help_of_every_command() {
    let output = command(&["--version"]).output().unwrap();
    assert_eq!(text(&output.stdout), format!("olocus {}\n", env!("CARGO_PKG_VERSION")));
    for name in COMMANDS {
        let output = command(&[name, &["--help"]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains("Exit codes: 0 "), "{name:?}: {help}");
        assert!(help.contains(" 2 wrong usage"), "{name:?}: {help}");
    }
    let all = text(&command(&["--help"]).output().unwrap().stdout);
    for name in COMMANDS {
        assert!(all.contains(name[0]), "{}", name[0]);
    }
}

#[test]
fn wrong_usage_ends_with_2_and_what_cannot_be_done_with_1() {
    for wrong in [
        &[][..],
        &["fly"],
        &["run", "--brokers", "x", "--data-dir", "y"],
        &["run", "--from", "yesterday"],
        &["run", "--application-id", "a/b"],
        &["run", "--application-id", ""],
        &["run", "--listen", "here"],
        &["run", "--metrics-listen", "9090"],
        &["tail", "t", "--kafka", "a=b"],
        &["publish"],
        &["publish", "no topic"],
        &["tail", "t", "--timeout", "soon"],
        &["tail", "t", "--brokers", "a:1", "--server", "http://b"],
        &["replay"],
        &["generate", "nothing"],
        &["rules", "check"],
        &["completions", "cmd.exe"],
    ] {
        assert_eq!(command(wrong).output().unwrap().status.code(), Some(2), "{wrong:?}");
    }
    let rules = "rules/security.yaml";
    for failing in [
        &["run", "--rules", "/nowhere.yaml"][..],
        &["run", "--config", "/nowhere.yaml"],
        &["publish", "t", "/nowhere.ndjson"],
        &["publish", "t", "--server", "ftp://x"],
        &["replay", "--rules", "/nowhere.yaml", "--input", "Cargo.toml"],
        &["replay", "--rules", rules, "--input", "/nowhere.ndjson"],
        &["replay", "--rules", rules, "--input", "README.md", "--type-expr", "lowr(x)"],
        &["rules", "check", "/nowhere.yaml"],
        &["rules", "test", "/nowhere.yaml"],
    ] {
        let output = command(failing).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{failing:?}");
        assert!(!output.stderr.is_empty(), "{failing:?} says nothing");
    }
}

#[test]
fn completions_are_scripts_for_their_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = command(&["completions", shell]).output().unwrap();
        let script = text(&output.stdout);
        assert!(output.status.success() && script.contains("out-of-order"), "{shell}");
    }
    let script = text(&command(&["completions", "bash"]).output().unwrap().stdout);
    let check = format!("{script}\ncomplete -p olocus");
    let mut bash = std::process::Command::new("bash");
    assert!(bash.args(["-c", &check]).stdout(Stdio::null()).status().unwrap().success());
}

#[test]
fn a_reader_that_has_enough_ends_the_pipe_well() {
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", "set -o pipefail; \"$0\" generate sequence --events 100000 | head -1"]);
    let output = bash.arg(env!("CARGO_BIN_EXE_olocus")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 1);
}

#[test]
fn following_a_log_that_is_not_there_fails_once_its_time_is_over() {
    // Nobody listens on a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for connection in [["--server", &format!("http://{free}")], ["--brokers", &free.to_string()]] {
        let output =
            command(&[&["tail", "t", "--timeout", "1500ms"], &connection[..]].concat()).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert_eq!(told.matches("trying again").count(), 1, "{told}");
        assert!(told.contains("olocus: failed to ") && told.contains(&free.to_string()), "{told}");
    }
}

#[test]
fn events_on_standard_input_are_replayed() {
    let day = text(&command(&["generate", "enterprise", "--events", "2000"]).output().unwrap().stdout);
    let options =
        ["--rules", "rules/operations.yaml", "--input", "-", "--time-field", "time", "--type-expr", "type"];
    let output = command_with_input(&[&["replay"], &options[..]].concat(), &day);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).lines().any(|line| line.split_whitespace().eq(["events", "2000"])));
}

#[test]
fn a_replay_tells_why_events_are_dead_and_where_the_first_one_is() {
    let args = ["replay", "--rules", "rules/security.yaml", "--input", "-", "--time-field", "at"];
    let output =
        command_with_input(&args, "{\"at\": 1772409600}\n{\"tme\": 1}\n{\"at\"\n{\"at\": \"noon\"}\n");
    assert!(output.status.success());
    let told = text(&output.stderr);
    assert!(told.contains("bad-time: 2, first at -/0/1: "), "{told}");
    assert!(told.contains("truncated-json: 1, first at -/0/2: "), "{told}");
}

#[test]
fn a_replay_in_which_no_record_is_an_event_says_so_and_fails() {
    let args = ["replay", "--rules", "rules/security.yaml", "--input", "-", "--time-field", "at"];
    let output = command_with_input(&args, "{\"time\": 1}\n{\"time\": 2}\n");
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("none of the 2 records could be read as an event"), "{told}");
    assert!(command_with_input(&args, "").status.success(), "no record at all is no mistake");
}

#[test]
fn what_cannot_be_piped_is_told() {
    for (magic, what) in [("PK\u{3}\u{4}…", "a zip archive"), ("PAR1…", "a Parquet file")] {
        let output = command_with_input(&["publish", "t", "-", "--server", "http://127.0.0.1:9"], magic);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(&format!("it is {what}")) && told.contains("name it as a file"), "{told}");
    }
}

#[test]
fn a_replay_gives_the_same_matches_however_its_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let day = text(&command(&["generate", "enterprise", "--events", "20000"]).output().unwrap().stdout);
    let (file, deeper) = (folder.path().join("day.ndjson"), folder.path().join("deeper"));
    std::fs::create_dir(&deeper).unwrap();
    std::fs::write(&file, &day).unwrap();
    let rules = std::fs::canonicalize(crate::support::root().join("rules/security.yaml")).unwrap();
    let replay = |inputs: &[&str]| {
        let mut replay = command(&["replay", "--time-field", "time", "--type-expr", "type", "--rules"]);
        replay.arg(&rules).current_dir(folder.path());
        inputs.iter().for_each(|input| {
            replay.args(["--input", input]);
        });
        replay.output().unwrap()
    };
    let whole = file.to_str().unwrap();
    let [short, long] = [replay(&["day.ndjson"]), replay(&[whole])];
    assert!(short.status.success() && !short.stdout.is_empty(), "{}", text(&short.stderr));
    assert_eq!(text(&short.stdout), text(&long.stdout));

    std::os::unix::fs::symlink(&file, deeper.join("link.ndjson")).unwrap();
    std::fs::write(deeper.join("day.ndjson"), &day).unwrap();
    for (inputs, why) in [
        (&["day.ndjson", whole][..], "it is named twice"),
        (&["day.ndjson", "deeper/link.ndjson"], "it is named twice"),
        (&["day.ndjson", "deeper/day.ndjson"], "rename one"),
        (&["-", "-"], "it is named twice"),
    ] {
        let refused = replay(inputs);
        assert_eq!(refused.status.code(), Some(1), "{inputs:?}");
        assert!(text(&refused.stderr).contains(why), "{}", text(&refused.stderr));
    }
}

#[test]
fn a_log_that_goes_to_a_file_has_no_colours() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = command(&["run", "--rules", "rules/security.yaml", "--listen", "127.0.0.1:0"]);
    run.args(["--metrics-listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path().join("data"));
    let mut child = run.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("the engine runs") && !line.contains('\x1b'), "{line:?}");
}

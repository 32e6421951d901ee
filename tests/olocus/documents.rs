//! What README and `docker/` tell people to do works.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::engine::{Engine, command, refused};
use crate::support::{root, text};
use crate::world::World;

#[test]
fn every_command_in_the_documents_is_one() {
    let mut seen = 0;
    for name in [
        "README.md",
        "rules/README.md",
        "schemas/README.md",
        "crates/README.md",
        "docker/Dockerfile",
        "docker/compose.yaml",
    ] {
        let document = std::fs::read_to_string(root().join(name)).unwrap();
        for line in document.lines().map(|line| line.trim_start_matches('#').trim()) {
            if !line.starts_with("olocus ") {
                continue;
            }
            let words = words(line);
            let words: Vec<&str> = words.iter().map(String::as_str).skip(1).collect();
            // Options that do not exist are told before the help is shown.
            let output = command(&[&words[..], &["--help"]].concat()).output().unwrap();
            assert!(output.status.success(), "{name}: {line}\n{}", text(&output.stderr));
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen} commands");
}

/// The first steps of the README in a folder of their own, on free ports.
#[test]
fn the_first_steps_work_as_they_stand() {
    let world = World::embedded();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let steps = block_with(&readme, "olocus generate enterprise");
    let (before, with_server) = steps.split_once("# the stream processor on the embedded log").unwrap();
    let (with_server, _) = with_server.split_once("# the same on Kafka").unwrap();
    let folder = world.path("work");
    std::fs::create_dir(&folder).unwrap();
    for shared in ["rules", "schemas"] {
        std::os::unix::fs::symlink(root().join(shared), folder.join(shared)).unwrap();
    }

    let output = shell(&folder, before, None);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(folder.join("day.ndjson").exists());
    let replayed = text(&output.stdout).lines().filter(|line| line.starts_with("{\"rule\"")).count();
    assert!(replayed > 0, "{}", text(&output.stderr));

    let lines: Vec<&str> =
        with_server.lines().map(str::trim).filter(|line| line.starts_with("olocus")).collect();
    let [run, publish, tail] = lines[..] else { panic!("{lines:?}") };
    let run = words(run.strip_suffix('&').unwrap());
    let mut run_command = command(&run.iter().map(String::as_str).skip(1).collect::<Vec<_>>());
    run_command.current_dir(&folder).args([
        "--log-json",
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        "127.0.0.1:0",
    ]);
    let engine = Engine::start(run_command, None).once_ready();
    let output = shell(&folder, publish, Some(&engine));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let tail = tail.split(" #").next().unwrap();
    let output = shell(&folder, &format!("{tail} --count 1 --timeout 90s"), Some(&engine));
    assert_eq!(text(&output.stdout).lines().count(), 1, "{}", text(&output.stderr));
    engine.stop();
}

#[test]
fn the_image_has_the_files_and_the_command_that_it_runs() {
    let dockerfile = std::fs::read_to_string(root().join("docker/Dockerfile")).unwrap();
    // Where a path of the image comes from.
    let mut copied: Vec<(String, PathBuf)> = Vec::new();
    for line in dockerfile.lines().filter(|line| line.starts_with("COPY ") && !line.contains("--from")) {
        let [_, from, to] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert!(root().join(from).exists(), "{line}");
        copied.push((to.to_owned(), root().join(from)));
    }
    assert!(dockerfile.contains("ENTRYPOINT [\"olocus\"]"));
    let cmd = dockerfile.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    let cmd: Vec<String> = serde_json::from_str(cmd).unwrap();
    let here = |word: &String| match copied.iter().find(|(to, _)| to == word) {
        Some((_, from)) => from.to_str().unwrap().to_owned(),
        None => word.clone(),
    };
    let cmd: Vec<String> = cmd.iter().map(here).collect();
    assert!(!cmd.iter().any(|word| word.starts_with("/etc/")), "{cmd:?}");

    let run = |token: Option<&str>| {
        let mut run = command(&cmd.iter().map(String::as_str).collect::<Vec<_>>());
        // No broker of that name is here, and the ports of the image may be in use.
        run.args(["--log-json", "--brokers", "127.0.0.1:9"]);
        run.args(["--listen", "0.0.0.0:0", "--metrics-listen", "0.0.0.0:0"]);
        token.map(|token| run.env("OLOCUS_TOKEN", token));
        run
    };
    let output = refused(run(None));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("OLOCUS_TOKEN"), "{}", text(&output.stderr));
    let engine = Engine::start(run(Some("secret")), Some("127.0.0.1:9"));
    engine.wait_until_hindered("trying again");
    engine.stop();

    let compose = std::fs::read_to_string(root().join("docker/compose.yaml")).unwrap();
    let from_root = compose.lines().find_map(|line| line.trim().strip_prefix("dockerfile: ")).unwrap();
    assert!(root().join(from_root).exists(), "{from_root}");
    for named in ["kafka:9092", "OLOCUS_TOKEN"] {
        let config = std::fs::read_to_string(root().join("docker/olocus.yaml")).unwrap();
        assert!(compose.contains(named) && config.contains(named), "{named}");
    }
}

/// The block of shell commands that has this in it.
fn block_with<'a>(document: &'a str, text: &str) -> &'a str {
    let blocks = document.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.into_iter().find(|block| block.contains(text)).unwrap()
}

/// Runs commands with the built `olocus` first on the path, until one fails.
fn shell(folder: &Path, script: &str, engine: Option<&Engine>) -> std::process::Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_olocus")).parent().unwrap();
    let script: String = script
        .lines()
        .filter(|line| !line.starts_with("export PATH="))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut bash = Command::new("bash");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    bash.args(["-ec", &script]).current_dir(folder).env("PATH", path);
    bash.env_remove("OLOCUS_BROKERS").env_remove("OLOCUS_TOKEN");
    engine.map(|engine| bash.env("OLOCUS_SERVER", &engine.url));
    bash.output().unwrap()
}

/// The words of a command line; quotes hold words together, and what a shell does itself ends it.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for character in line.chars().chain([' ']) {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, ' ') if !word.is_empty() => words.push(std::mem::take(&mut word)),
            (None, ' ') => {}
            (None, '#' | '>' | '|' | '&' | ';') if word.is_empty() => break,
            _ => word.push(character),
        }
    }
    words
}

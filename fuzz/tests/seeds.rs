//! The fuzz targets over their seeds, and over random changes of these.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use olocus_event::Sealing;
use olocus_fuzz::decode::Input;
use olocus_fuzz::mutation::Mutations;
use olocus_fuzz::{decode, limit_memory, rules};

/// Changed inputs for each target.
const CHANGED: usize = 400;

#[test]
fn rule_files() {
    limit_memory();
    let mut seeds = files(&["fuzz/seeds/rules", "tests/olocus/explain", "tests/olocus/broken", "rules"]);
    for page in ["rules/README.md", "rules/patterns.md"] {
        let page = std::fs::read_to_string(root().join(page)).unwrap();
        let examples = page.split("\n```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
        seeds.extend(examples.map(|example| example.as_bytes().to_vec()));
    }
    all(&seeds, rules::run);
}

#[test]
fn records() {
    limit_memory();
    all(&files(&["fuzz/seeds/decode"]), decode::run);
}

/// The first seeds were made of these; `UPDATE_SEEDS=1` writes them again. What fuzzing found lies beside them.
#[test]
fn seeds_of_records_are_what_they_are_called() {
    let folder = root().join("fuzz/seeds/decode");
    for (name, input) in inputs() {
        assert_eq!(Input::from_bytes(&input.to_bytes()), input, "{name}");
        let file = folder.join(name);
        if std::env::var_os("UPDATE_SEEDS").is_some() {
            std::fs::write(&file, input.to_bytes()).unwrap();
        }
        assert_eq!(std::fs::read(&file).unwrap(), input.to_bytes(), "{name}");
    }
}

fn all(seeds: &[Vec<u8>], run: fn(&[u8])) {
    assert!(seeds.len() > 10, "{} seeds", seeds.len());
    seeds.iter().for_each(|seed| run(seed));
    let mut mutations = Mutations::new(1);
    for _ in 0..CHANGED {
        let input = mutations.next(seeds);
        // Shown only if the test fails: what it failed on.
        println!("{:?}", String::from_utf8_lossy(&input));
        run(&input);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The contents of all files below these folders, but schemas and pages.
fn files(folders: &[&str]) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut files = Vec::new();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if !path
            .extension()
            .is_some_and(|extension| extension == "md" || extension == "rs" || extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn inputs() -> Vec<(&'static str, Input)> {
    let json: &[u8] = br#"{"n":7.5,"t":"text","b":true,"lasts":"10s","at":"2026-01-01T00:00:00Z","user":{"id":"u1","x":[1,{}]},"tags":["a",null],"a":{"b":{"c":-1}},"ip":"10.1.2.3"}"#;
    let structured: &[u8] = br#"{"specversion":"1.0","id":"1","source":"/s","type":"a.b","time":"2026-01-01T00:00:00Z","subject":"x","extension":5,"datacontenttype":"application/json","data":{"n":1,"user":{"id":2}}}"#;
    let base64: &[u8] =
        br#"{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data_base64":"eyJuIjoxfQ=="}"#;
    let packed: &[u8] = &[
        0x84, 0xa1, b'n', 0xcd, 0x01, 0x00, 0xa1, b't', 0xa4, b't', b'e', b'x', b't', 0xa4, b'u', b's', b'e',
        b'r', 0x81, 0xa2, b'i', b'd', 0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xa4, b't', b'a', b'g', b's', 0x92,
        0xc3, 0xc0,
    ];
    let timestamp: &[u8] = &[0x81, 0xa2, b'a', b't', 0xd6, 0xff, 0x69, 0x55, 0xb9, 0x00];
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let binary = vec![
        header("ce_specversion", "1.0"),
        header("ce_id", "1"),
        header("ce_source", "/s"),
        header("ce_type", "a.b"),
        header("ce_time", "2026-01-01T00:00:00.5+02:00"),
        header("ce_extension", "x"),
        header("content-type", "application/json"),
    ];
    let in_packed = vec![header("content-type", "application/msgpack")];
    let as_structured = vec![header("content-type", "application/cloudevents+json; charset=utf-8")];
    let of = |value: &[u8]| Input { value: Some(value.to_vec()), ..Input::default() };
    let sealing = |compress, encrypt| Sealing { compress, encrypt };
    vec![
        ("json", of(json)),
        ("json-with-key", Input { key: Some(b"u1".to_vec()), format: 1, ..of(json) }),
        (
            "json-escapes",
            of(br#"{"t":"\u00e9\ud83d\ude00\n\\","n":1e-7,"user":"\u0000","n":12345678901234567890}"#),
        ),
        ("json-broken", of(br#"{"n":[1,2,{"t":"#)),
        ("json-deep", of("[".repeat(80).as_bytes())),
        ("json-array", of(b"[1,2]")),
        ("packed", Input { headers: in_packed.clone(), ..of(packed) }),
        ("packed-format", Input { format: 2, ..of(packed) }),
        ("packed-timestamp", Input { format: 2, ..of(timestamp) }),
        ("packed-truncated", Input { format: 2, ..of(&packed[..20]) }),
        ("binary", Input { headers: binary.clone(), ..of(json) }),
        ("binary-packed", Input { headers: [&binary[..6], &in_packed].concat(), format: 3, ..of(packed) }),
        ("binary-tombstone", Input { headers: binary.clone(), ..Input::default() }),
        ("binary-without-type", Input { headers: binary[..3].to_vec(), ..of(json) }),
        ("structured", Input { headers: as_structured.clone(), ..of(structured) }),
        ("structured-base64", Input { headers: as_structured.clone(), ..of(base64) }),
        ("structured-broken", Input { headers: as_structured, ..of(b"{\"specversion\":\"1.0\",\"data\":") }),
        ("lz4", Input { sealing: sealing(true, false), ..of(json) }),
        ("encrypted", Input { sealing: sealing(false, true), key: Some(Vec::new()), ..of(json) }),
        ("both", Input { sealing: sealing(true, true), headers: binary[..4].to_vec(), ..of(json) }),
        (
            "lz4-broken",
            Input { headers: vec![header("olocus-encoding", "lz4")], ..of(&[4, 34, 77, 24, 100, 64, 167]) },
        ),
        (
            "encrypted-broken",
            Input {
                headers: vec![
                    header("olocus-encoding", "lz4+aes256gcm"),
                    header("olocus-key-id", "k1"),
                    header("olocus-nonce", "BwcHBwcHBwcHBwcH"),
                ],
                ..of(json)
            },
        ),
        ("dead-letter", Input { headers: vec![header("olocus-dlq-cause", "truncated-json")], ..of(b"{") }),
        ("tombstone", Input { value: None, ..Input::default() }),
    ]
}

//! What is said about mistakes, and where.

use std::sync::Arc;

use super::{problems, schemas, scope, typed_scope};
use crate::{Compiler, EventScope, Schemas};

/// Text, code, the slice that is pointed at, a part of the message, a part of the help.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    ("volume > ", "syntax", "", "expected an expression", ""),
    ("volume >> > 3", "syntax", ">", "expected an expression", ""),
    ("volume > 3 user_id = 'x'", "syntax", "user_id", "ends before `user_id`", "AND"),
    ("volume > 10Mb", "unknown-unit", "10Mb", "`Mb` is no unit", "did you mean `MB`"),
    ("took > 5min", "unknown-unit", "5min", "`min` is no unit", "durations: ns us ms s m h d w"),
    ("volum > 3", "unknown-field", "volum", "have no field `volum`", "did you mean `volume`?"),
    ("user_id = 'x' and volum > 3", "unknown-field", "volum", "no field", "volume"),
    ("meta.tim > '2024-01-01'", "unknown-metadata", "meta.tim", "no `meta.tim`", "did you mean `meta.time`"),
    ("meta = 3", "unknown-metadata", "meta", "`meta` is no metadata", "\"meta\""),
    ("meta.x.y = 3", "unknown-metadata", "meta.x.y", "is no metadata", "meta.topic"),
    ("loer(user_id) = 'x'", "unknown-function", "loer", "no function `loer`", "did you mean `lower`?"),
    ("substr(user_id) = 'x'", "wrong-arguments", "user_id", "needs a position", "usage: substr("),
    (
        "split_part(user_id) = 'x'",
        "wrong-arguments",
        "split_part",
        "cannot take (text)",
        "usage: split_part(",
    ),
    ("cidr_match(user_id, '10.0.0.0/99')", "wrong-arguments", "'10.0.0.0/99'", "no network", "10.0.0.0/8"),
    ("cidr_match(user_id)", "wrong-arguments", "cidr_match", "cannot take", "usage: cidr_match("),
    ("volume = random()", "not-reproducible", "random", "draws random values", ""),
    ("created < now()", "not-reproducible", "now", "reads the clock", "meta.time"),
    ("created < current_timestamp", "not-reproducible", "current_timestamp", "reads the clock", ""),
    ("avg(volume) > 3", "misplaced-aggregate", "avg", "speaks of many events", "`having`"),
    ("volume", "not-a-condition", "volume", "`volume` is a number, not a condition", "volume > 0"),
    ("1 + 1", "not-a-condition", "1 + 1", "is a number, not a condition", ""),
    ("user_id", "not-a-condition", "user_id", "is text, not a condition", "IS NOT NULL"),
    ("volume > 3 and user_id", "not-a-condition", "user_id", "is text", ""),
    (
        "volume = '10'",
        "type-mismatch",
        "'10'",
        "`'10'` is text, but `volume` is a number",
        "write 10 without quotes",
    ),
    ("user_id = 5", "type-mismatch", "5", "`5` is a number, but `user_id` is text", "write '5'"),
    ("meta.time > 'noon'", "type-mismatch", "'noon'", "but `meta.time` is a time", "2024-05-01T12:00:00Z"),
    ("meta.time - created > 60", "type-mismatch", "60", "is a duration", "60s"),
    ("active > 3", "type-mismatch", "3", "`active` is a boolean", ""),
    ("user_id + volume > 3", "type-mismatch", "user_id + volume", "cannot join text and a number", "||"),
    ("volume like '1%'", "type-mismatch", "volume", "is a number, but text is needed", "CAST"),
    ("not volume", "not-a-condition", "volume", "is a number", ""),
    ("volume = null", "never-true", "null", "never true", "IS NULL"),
    ("volume > (select 1)", "unsupported", "select 1", "queries inside", ""),
    ("count(*) over () > 3", "unsupported", "count", "OVER", "having"),
    ("tags[1] = 'x'", "unsupported", "tags[1]", "elements of lists", "a.b.c"),
    ("meta.time > meta.time - interval '5 minutes'", "unsupported", "'5 minutes'", "INTERVAL", "5m"),
    ("user_id similar to 'x'", "unsupported", "user_id similar to 'x'", "this way to match", "LIKE"),
    ("volume = ?", "unsupported", "?", "placeholders", ""),
    ("user_id -> 'x' = 'y'", "unsupported", "user_id -> 'x' = 'y'", "operator `->`", "a.b.c"),
    ("volume = 3; drop", "unsupported", ";", "one expression", ""),
    ("a.b(3) = 3", "unknown-function", "a.b", "no function", ""),
    ("volume in (1, 'x')", "type-mismatch", "'x'", "is text", ""),
    ("volume > 99999999999999999999m", "syntax", "99999999999999999999m", "nanoseconds", ""),
    ("interval > 3", "syntax", ">", "expected an expression", "\"interval\""),
    ("trim = 'x'", "syntax", "=", "expected `(`", "\"trim\""),
    ("actor.null = 1", "unsupported", "actor.null", "elements of lists", "a.\"null\""),
    ("volume > 1e400", "syntax", "1e400", "beyond the range", ""),
    ("coalesce() = 1", "wrong-arguments", "coalesce", "needs arguments", "usage: coalesce("),
    ("cast('x' as int) = 1", "unsupported", "cast('x' as int) = 1", "cannot cast string 'x'", ""),
    ("lower(*) = 'x'", "unsupported", "lower", "plain expressions", ""),
];

#[test]
fn mistakes_are_named_and_pointed_at() {
    for (text, code, slice, message, help) in CASES {
        let found = problems(text);
        let [problem] = &found[..] else { panic!("{text}: {found:#?}") };
        assert_eq!(problem.code, *code, "{text}: {problem:?}");
        assert_eq!(&text[problem.range.0..problem.range.1], *slice, "{text}: {problem:?}");
        assert!(problem.message.contains(message), "{text}: {problem:?}");
        assert!(problem.help.as_deref().unwrap_or_default().contains(help), "{text}: {problem:?}");
    }
}

#[test]
fn all_mistakes_are_reported() {
    let text = "volum > 3 and loer(user_i) = 'x' or meta.x = 'y'";
    let found: Vec<&str> =
        problems(text).iter().map(|problem| &text[problem.range.0..problem.range.1]).collect();
    assert_eq!(found, ["volum", "loer", "user_i", "meta.x"]);
}

#[test]
fn double_quotes_are_suspected_between_fields() {
    let compile = |text: &str| Compiler::new(Arc::new(Schemas::empty())).predicate(text, &scope());
    for text in
        ["role = \"admin\"", "role in (\"admin\", \"root\")", "\"admin\" <> role", "role like \"adm%\""]
    {
        let found = compile(text).unwrap_err();
        assert!(found.iter().all(|problem| problem.code == "quotes"), "{text}: {found:?}");
        assert!(text[found[0].range.0..found[0].range.1].starts_with('"'), "{text}");
    }
    for text in ["role = \"odd key\"", "\"EventID\" = 4624", "\"a\" = \"b\"", "x = login.\"user\""] {
        assert!(compile(text).is_ok(), "{text}");
    }
}

#[test]
fn places_survive_lines_and_letters() {
    let text = "-- größer als\n  größe > 3\n  and ünknown(größe)";
    let found = Compiler::new(Arc::new(Schemas::empty())).predicate(text, &scope()).unwrap_err();
    assert_eq!(&text[found[0].range.0..found[0].range.1], "ünknown");
}

#[test]
fn only_fields_are_keys() {
    let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
    assert!(compiler.field("user.id", &scope()).is_ok());
    assert!(compiler.field("meta.key", &scope()).is_ok());
    for text in ["lower(user)", "1", "a = b", "a, b", ""] {
        assert!(compiler.field(text, &scope()).is_err(), "{text}");
    }
}

#[test]
fn deep_and_long_texts_are_refused() {
    let compile =
        |text: String| Compiler::new(Arc::new(Schemas::empty())).predicate(&text, &EventScope::default());
    assert_eq!(
        compile(format!("{}a{}", "abs(".repeat(300), ")".repeat(300))).unwrap_err()[0].code,
        "too-deep"
    );
    assert_eq!(compile(format!("a{} > 3", "+a".repeat(300))).unwrap_err()[0].code, "too-deep");
    assert_eq!(compile(format!("a = '{}'", "x".repeat(70_000))).unwrap_err()[0].code, "too-long");
}

#[test]
fn own_step_and_schemas() {
    let mut compiler = Compiler::new(Arc::new(schemas()));
    let plain = compiler.predicate("volume > 3", &typed_scope()).unwrap();
    assert_eq!(compiler.predicate("login.volume > 3", &typed_scope()).unwrap(), plain);
    let open = EventScope { types: vec!["t".to_owned(), "unknown".to_owned()], ..typed_scope() };
    assert!(compiler.predicate("anything > 3", &open).is_ok());
}

use super::*;
use axum::http::{HeaderName, HeaderValue};

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(header).collect()
}

fn ingest(pairs: &[(&str, &str)], key: Option<&str>, body: &[u8]) -> Result<Vec<OutRecord>, Problem> {
    let headers = headers(pairs);
    let body = Bytes::copy_from_slice(body);
    let limits = Limits { max_record_bytes: 1_000, ..Limits::default() };
    Ingest::new(Arc::new(Keyring::empty()), limits).records(&Publication {
        topic: "t".into(),
        key,
        headers: &headers,
        body,
    })
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json; charset=utf-8")];
const LINES: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];

fn values_of(records: &[OutRecord]) -> Vec<&str> {
    records.iter().map(|record| std::str::from_utf8(record.value.as_ref().unwrap()).unwrap()).collect()
}

#[test]
fn one_event_an_array_and_lines_are_stored_as_they_came() {
    assert_eq!(values_of(&ingest(JSON, None, b" { \"a\": 1.0 } ").unwrap()), ["{ \"a\": 1.0 }"]);
    assert_eq!(
        values_of(&ingest(JSON, None, b"[{\"a\":1}, {\"b\":2}]").unwrap()),
        ["{\"a\":1}", "{\"b\":2}"]
    );
    assert_eq!(
        values_of(&ingest(LINES, None, b"{\"a\":1}\r\n\n{\"b\":2}\n").unwrap()),
        ["{\"a\":1}", "{\"b\":2}"]
    );
    assert_eq!(
        values_of(&ingest(&[], None, b"{\"a\":\n1}\n{\"b\":2}").unwrap()),
        ["{\"a\":\n1}", "{\"b\":2}"]
    );
    assert!(ingest(JSON, None, b"[]").unwrap().is_empty());
}

#[test]
fn a_bad_event_is_named_by_its_index_and_cause() {
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [u8], &'a str, &'a str);
    let cases: &[Case<'_>] = &[
        (JSON, b"[{},{},{\"a\":]", "event 2", "invalid-json"),
        (JSON, b"[{},{},{\"a\":", "event 2", "truncated-json"),
        (JSON, b"[{},5]", "event 1", "not-an-object"),
        (JSON, b"{} {}", "event 0", "invalid-json"),
        (LINES, b"{}\n{\"a\"\n{}\n", "event 1", "invalid-json"),
        (LINES, b"{}\n{\"a\":\"\xff\"}\n", "event 1", "invalid-json"),
        (&[("content-type", "application/cloudevents+json")], b"{\"id\":\"1\"}", "event 0", "bad-cloudevent"),
    ];
    for (headers, body, index, code) in cases {
        let problem = ingest(headers, None, body).unwrap_err();
        assert_eq!(problem.status, StatusCode::BAD_REQUEST);
        assert!(problem.message().contains(index), "{body:?}: {}", problem.message());
        assert_eq!(problem.cause(), *code, "{}", problem.message());
    }
    let long = format!("{{}}\n{{\"a\":\"{}\"}}", "x".repeat(2_000));
    assert_eq!(ingest(LINES, None, long.as_bytes()).unwrap_err().cause(), "too-large");
}

#[test]
fn an_empty_body_and_a_foreign_type_are_refused() {
    assert!(ingest(JSON, None, b"").unwrap_err().message().contains("empty"));
    let problem = ingest(&[("content-type", "application/xml")], None, b"<a/>").unwrap_err();
    assert_eq!(problem.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[test]
fn keys_come_from_nested_and_flat_fields() {
    let body = b"{\"a\":{\"b\":\"u1\"}}\n{\"a.b\":7}\n{\"a\":{\"b\":null}}\n{}";
    let keys: Vec<_> =
        ingest(LINES, Some("a.b"), body).unwrap().into_iter().map(|record| record.key).collect();
    assert_eq!(keys, [Some(Bytes::from("u1")), Some(Bytes::from("7")), None, None]);
}

#[test]
fn cloud_events_are_stored_in_binary_mode() {
    let event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"auth.login","partitionkey":"u1","data":{"a":1}}"#;
    let structured =
        ingest(&[("content-type", "application/cloudevents+json")], None, event.as_bytes()).unwrap();
    let batch = format!("[{event}]");
    let batch =
        ingest(&[("content-type", "application/cloudevents-batch+json")], None, batch.as_bytes()).unwrap();
    let binary = ingest(
        &[
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/s"),
            ("ce-type", "auth%2Elogin"),
            ("ce-partitionkey", "u1"),
        ],
        None,
        b"{\"a\":1}",
    )
    .unwrap();
    for records in [structured, batch, binary] {
        let [record] = &*records else { panic!("one record") };
        assert_eq!(record.key.as_deref(), Some(&b"u1"[..]));
        assert_eq!(record.headers.get("ce_type").map(|value| &**value), Some(&b"auth.login"[..]));
        assert_eq!(record.value.as_deref(), Some(&b"{\"a\":1}"[..]));
    }
}

#[test]
fn records_are_taken_as_they_are() {
    let line = br#"{"key":"k","headers":{"olocus-encoding":"lz4"},"headers_base64":{"n":"AAE="},"value_base64":"/w=="}"#;
    let records = ingest(&[("content-type", "application/vnd.olocus.records+json")], None, line).unwrap();
    let [record] = &*records else { panic!("one record") };
    assert_eq!(record.key.as_deref(), Some(&b"k"[..]));
    assert_eq!(record.headers.get("n").map(|value| &**value), Some(&[0, 1][..]));
    assert_eq!(record.value.as_deref(), Some(&[0xff][..]));
}

#[test]
fn a_request_holds_a_bounded_number_of_events() {
    let lines = "{}\n".repeat(EVENTS_MAX + 1);
    assert_eq!(ingest(LINES, None, lines.as_bytes()).unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
    let array = format!("[{}{{}}]", "{},".repeat(EVENTS_MAX));
    assert_eq!(ingest(JSON, None, array.as_bytes()).unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
}

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::keyring::Keyring;
use crate::limits::Limits;
use crate::view::record_to_json;

fn received(sent: OutRecord) -> Record {
    Record { offset: 5, timestamp: 1_500, key: sent.key, value: sent.value, headers: sent.headers }
}

fn event() -> CloudEvent {
    CloudEvent {
        id: "1".into(),
        source: "/gate".into(),
        event_type: "auth.login".into(),
        subject: Some("u1".into()),
        time: Some(1_500_000_000),
        data_content_type: Some("application/json".into()),
        data_schema: Some("urn:login".into()),
        extensions: [("traceparent", "00-0af7-b7ad-01"), ("region", "eu")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        data: Some("{\"a\":1}".into()),
    }
}

fn binary(headers: &[(&'static str, &'static str)], value: Option<&'static str>) -> Record {
    Record { headers: headers.iter().copied().collect(), value: value.map(Bytes::from), ..Record::default() }
}

fn structured(json: &str) -> Result<CloudEvent, Error> {
    parse_structured(&Bytes::copy_from_slice(json.as_bytes()), 128)
}

const REQUIRED: [(&str, &str); 4] =
    [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];

#[test]
fn binary_mode_puts_attributes_into_headers() {
    let record = event().to_binary("out".into(), Some("u1".into()));
    let headers: Vec<_> =
        record.headers.iter().map(|(name, value)| (name, std::str::from_utf8(value).unwrap())).collect();
    assert_eq!(
        headers,
        [
            ("ce_specversion", "1.0"),
            ("ce_id", "1"),
            ("ce_source", "/gate"),
            ("ce_type", "auth.login"),
            ("ce_subject", "u1"),
            ("ce_time", "1970-01-01T00:00:01.500Z"),
            ("ce_dataschema", "urn:login"),
            ("content-type", "application/json"),
            ("ce_region", "eu"),
            ("traceparent", "00-0af7-b7ad-01"),
        ]
    );
    assert_eq!(record.value.unwrap(), "{\"a\":1}");
    assert_eq!(record.key.unwrap(), "u1");
}

#[test]
fn structured_mode_puts_everything_into_the_value() {
    let record = event().to_structured("out".into(), None);
    assert_eq!(
        record.value.unwrap(),
        r#"{"specversion":"1.0","id":"1","source":"/gate","type":"auth.login","subject":"u1","time":"1970-01-01T00:00:01.500Z","datacontenttype":"application/json","dataschema":"urn:login","region":"eu","traceparent":"00-0af7-b7ad-01","data":{"a":1}}"#
    );
    assert_eq!(record.headers.len(), 1);
}

#[test]
fn records_without_its_headers_are_no_cloud_events() {
    assert_eq!(
        CloudEvent::from_record(&binary(&[("content-type", "application/json")], Some("{}"))),
        Ok(None)
    );
    assert_eq!(CloudEvent::from_record(&binary(&[("ce_id", "1")], Some("{}"))), Ok(None));
}

#[test]
fn attributes_that_are_required_are_checked() {
    for missing in 1..REQUIRED.len() {
        let mut headers = REQUIRED.to_vec();
        let (name, _) = headers.remove(missing);
        let error = CloudEvent::from_record(&binary(&headers, None)).unwrap_err();
        assert_eq!(error.code(), "bad-cloudevent");
        assert!(error.to_string().contains(name), "{error}");
        headers.push((name, ""));
        assert_eq!(CloudEvent::from_record(&binary(&headers, None)).unwrap_err().code(), "bad-cloudevent");
    }
    let code = |name, value| {
        let mut headers = REQUIRED.to_vec();
        headers.push((name, value));
        CloudEvent::from_record(&binary(&headers, None)).map_err(|error| error.code()).map(|_| ())
    };
    assert_eq!(code("ce_specversion", "0.3"), Err("bad-cloudevent"));
    assert_eq!(code("ce_time", "yesterday"), Err("bad-time"));
    assert_eq!(code("ce_time", "2020-01-01T00:00:00"), Err("bad-time"));
    assert_eq!(code("ce_time", "2020-01-01T00:00:00Z"), Ok(()));
    assert_eq!(code("content-type", "application/cloudevents-batch+json"), Err("bad-cloudevent"));
    assert_eq!(code("olocus-encoding", "lz4"), Err("already-sealed"));
}

#[test]
fn headers_that_are_no_text_are_refused() {
    let mut record = binary(&REQUIRED, None);
    record.headers.push("ce_region", &b"\xff"[..]);
    assert_eq!(CloudEvent::from_record(&record).unwrap_err().code(), "bad-cloudevent");
}

#[test]
fn structured_events_are_checked_too() {
    let code = |json: &str| structured(json).map_err(|error| error.code()).map(|_| ());
    assert_eq!(code(r#"{"specversion":"1.0","id":"1","source":"s","type":"t"}"#), Ok(()));
    for json in [
        r#"{"id":"1","source":"s","type":"t"}"#,
        r#"{"specversion":"2.0","id":"1","source":"s","type":"t"}"#,
        r#"{"specversion":"1.0","id":"","source":"s","type":"t"}"#,
        r#"{"specversion":"1.0","id":"1","source":null,"type":"t"}"#,
        r#"{"specversion":"1.0","id":"1","source":"s"}"#,
        r#"{"specversion":"1.0","id":1,"source":"s","type":"t"}"#,
        r#"{"specversion":"1.0","id":"1","source":"s","type":"t","x":[]}"#,
        r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":1,"data_base64":""}"#,
        r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"?"}"#,
        r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":{}}"#,
    ] {
        assert_eq!(code(json), Err("bad-cloudevent"), "{json}");
    }
    assert_eq!(code(r#"{"specversion":"1.0","id":"1","source":"s","type":"t","time":"x"}"#), Err("bad-time"));
    assert_eq!(code("[]"), Err("not-an-object"));
    assert_eq!(code("{"), Err("truncated-json"));
}

#[test]
fn structured_data_depends_on_its_media_type() {
    let data = |media_type: &str, data: &str| {
        let json = format!(
            r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","datacontenttype":{media_type},{data}}}"#
        );
        structured(&json).unwrap().data.map(|data| String::from_utf8(data.to_vec()).unwrap())
    };
    assert_eq!(data("null", r#""data": {"a": 1} "#).unwrap(), r#"{"a": 1}"#);
    assert_eq!(data("\"application/json\"", r#""data":"x\n""#).unwrap(), r#""x\n""#);
    assert_eq!(data("\"text/plain\"", r#""data":"x\n""#).unwrap(), "x\n");
    assert_eq!(data("\"text/plain\"", r#""data":"x""#).unwrap(), "x");
    assert_eq!(data("\"text/plain\"", r#""data":[1]"#).unwrap(), "[1]");
    assert_eq!(data("\"text/plain\"", r#""data_base64":"eA==""#).unwrap(), "x");
    assert_eq!(data("null", r#""data_base64":null"#), None);
}

#[test]
fn extensions_of_other_types_become_text() {
    let json =
        r#"{"specversion":"1.0","id":"1","source":"s","type":"t","n":5,"b":true,"z":null,"s":"\u00e9"}"#;
    let extensions = structured(json).unwrap().extensions;
    let extensions: Vec<_> = extensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(extensions, [("b", "true"), ("n", "5"), ("s", "é")]);
}

#[test]
fn the_trace_header_comes_before_the_attribute() {
    let mut headers = REQUIRED.to_vec();
    headers.extend([("ce_traceparent", "attribute"), ("traceparent", "header")]);
    let event = CloudEvent::from_record(&binary(&headers, None)).unwrap().unwrap();
    assert_eq!(event.extensions["traceparent"], "header");
}

#[test]
fn json_shows_data_inline_where_it_can() {
    let data = |media_type: Option<&str>, data: &[u8]| {
        let event = CloudEvent {
            data_content_type: media_type.map(str::to_owned),
            data: Some(Bytes::copy_from_slice(data)),
            ..event()
        };
        let json = event.to_json();
        (json.get("data").cloned(), json.get("data_base64").cloned(), json.get("datacontenttype").cloned())
    };
    assert_eq!(data(None, b"{\"a\":1}"), (Some(json!({"a": 1})), None, None));
    assert_eq!(
        data(Some("application/msgpack"), &[0x81, 0xa1, b'a', 1]),
        (Some(json!({"a": 1})), None, Some(json!("application/json")))
    );
    assert_eq!(data(Some("text/plain"), b"x"), (None, Some(json!("eA==")), Some(json!("text/plain"))));
    assert_eq!(data(None, b"{"), (None, Some(json!("ew==")), None));
    assert_eq!(data(Some("application/msgpack"), b"\xc1").1, Some(json!("wQ==")));
}

#[test]
fn any_record_has_a_json_view() {
    let view = |record: &Record| record_to_json("in", 2, record, &Keyring::empty(), &Limits::default());
    let plain = Record { offset: 7, timestamp: 1_500, value: Some("{\"a\":1}".into()), ..Record::default() };
    assert_eq!(
        view(&plain).unwrap(),
        json!({
            "specversion": "1.0", "id": "in/2/7", "source": "/in", "type": "in",
            "time": "1970-01-01T00:00:01.500Z", "data": {"a": 1},
        })
    );
    let packed = Record {
        headers: Headers::from_iter([("content-type", "application/x-msgpack")]),
        value: Some(Bytes::from_static(&[0x81, 0xa1, b'a', 1])),
        ..plain.clone()
    };
    assert_eq!(view(&packed).unwrap()["data"], json!({"a": 1}));
    assert_eq!(
        view(&Record { value: Some("x".into()), ..plain.clone() }).unwrap()["data_base64"],
        json!("eA==")
    );
    assert_eq!(view(&Record { value: None, ..plain }).unwrap().get("data"), None);
    assert_eq!(view(&received(event().to_structured("in".into(), None))).unwrap(), event().to_json());
    assert_eq!(view(&received(event().to_binary("in".into(), None))).unwrap()["region"], json!("eu"));
}

fn any_event() -> impl Strategy<Value = CloudEvent> {
    let text = "\\PC{1,8}";
    let optional = prop::option::of(text);
    let media_type = prop::sample::select(vec![
        None,
        Some("application/json"),
        Some("text/plain"),
        Some("application/msgpack"),
        Some("application/vnd.x+json; charset=utf-8"),
    ]);
    let data = prop_oneof![
        Just(None),
        prop::sample::select(vec!["{}", "null", "{\"a\": [1, \"x\"]}", "\"é\"", "", " 1", "{\"a\"", "1\n"])
            .prop_map(|text| Some(Bytes::from(text))),
        any::<Vec<u8>>().prop_map(|bytes| Some(Bytes::from(bytes))),
    ];
    let extensions = prop::collection::btree_map("[a-z0-9]{1,3}x|traceparent", "\\PC{0,8}", 0..3);
    ((text, text, text, optional.clone()), (any::<Option<i64>>(), media_type, optional, extensions, data))
        .prop_map(|((id, source, event_type, subject), (time, media_type, data_schema, extensions, data))| {
            CloudEvent {
                id,
                source,
                event_type,
                subject,
                time,
                data_content_type: media_type.map(str::to_owned),
                data_schema,
                extensions,
                data,
            }
        })
}

proptest! {
    #[test]
    fn both_modes_read_back_as_written(event in any_event()) {
        let binary = received(event.to_binary("t".into(), None));
        prop_assert_eq!(CloudEvent::from_record(&binary), Ok(Some(event.clone())));
        let structured = received(event.to_structured("t".into(), None));
        prop_assert_eq!(CloudEvent::from_record(&structured), Ok(Some(event)));
    }

    #[test]
    fn the_json_view_is_a_cloud_event(event in any_event()) {
        let text = event.to_json().to_string();
        let back = structured(&text).unwrap();
        prop_assert_eq!((back.id, back.time, back.extensions), (event.id, event.time, event.extensions));
    }

    #[test]
    fn no_value_panics(value: Vec<u8>) {
        let headers = Headers::from_iter([("content-type", "application/cloudevents+json")]);
        let record = Record { value: Some(value.into()), headers, ..Record::default() };
        let _ = CloudEvent::from_record(&record);
    }
}

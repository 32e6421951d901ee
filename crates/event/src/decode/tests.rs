use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::envelope::{Sealing, seal};
use crate::projection::{FieldPath, Kind};
use crate::record::{Headers, OutRecord};
use crate::value::Value;
use crate::{CloudEvent, Column};

mod reference;

fn projection(columns: &[(&[&str], Kind)]) -> Arc<Projection> {
    let columns = columns.iter().map(|(path, kind)| (FieldPath::new(path.iter().copied()), *kind)).collect();
    Arc::new(Projection { columns })
}

fn decoder(format: Format, columns: &[(&[&str], Kind)]) -> Decoder {
    Decoder::new(format, projection(columns), Arc::new(Keyring::empty()), Limits::default())
}

fn record(value: impl Into<Bytes>) -> Record {
    Record { offset: 3, timestamp: 1_000, value: Some(value.into()), ..Record::default() }
}

fn with_headers(value: impl Into<Bytes>, headers: &[(&'static str, &'static str)]) -> Record {
    Record { headers: headers.iter().copied().collect(), ..record(value) }
}

fn decode(decoder: &Decoder, records: Vec<Record>) -> Decoded {
    decoder.decode(&"in".into(), 2, records)
}

/// What the field `a` of one event reads as, and whether it was there but did not convert.
fn read(kind: Kind, value: &str) -> (Value, u64) {
    let decoder = decoder(Format::Auto, &[(&["a"], kind)]);
    let decoded = decode(&decoder, vec![record(format!("{{\"a\":{value}}}"))]);
    assert!(decoded.rejected.is_empty(), "{:?}", decoded.rejected);
    (decoded.batch.columns()[0].value(0), decoded.unconverted)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn json(text: &str) -> Value {
    Value::Json(text.into())
}

fn code(format: Format, record: impl std::borrow::Borrow<Record>) -> &'static str {
    let record = record.borrow();
    let mut decoded = decode(&decoder(format, &[(&["a"], Kind::Text)]), vec![record.clone()]);
    assert_eq!(decoded.batch.len() + decoded.rejected.len(), 1);
    assert_eq!(decoded.batch.columns()[0].len(), decoded.batch.len());
    decoded.rejected.pop().map_or("ok", |rejected| {
        assert_eq!(&rejected.record, record);
        rejected.cause.code()
    })
}

const BINARY: [(&str, &str); 4] =
    [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];

#[test]
fn text_is_what_the_event_says() {
    assert_eq!(read(Kind::Text, "\"x\""), (text("x"), 0));
    assert_eq!(read(Kind::Text, r#""\u00e9\n""#), (text("é\n"), 0));
    assert_eq!(read(Kind::Text, "1.50"), (text("1.50"), 0));
    assert_eq!(read(Kind::Text, "1e999"), (text("1e999"), 0));
    assert_eq!(read(Kind::Text, "true"), (text("true"), 0));
    assert_eq!(read(Kind::Text, "[ 1.0, {\"b\" : \"\\u00e9\"} ]"), (text("[1.0,{\"b\":\"\\u00e9\"}]"), 0));
    assert_eq!(read(Kind::Text, "null"), (Value::Null, 0));
}

#[test]
fn numbers_convert_from_text_and_stay_exact() {
    assert_eq!(read(Kind::Number, "9007199254740993"), (Value::Int(9_007_199_254_740_993), 0));
    assert_eq!(read(Kind::Number, "18446744073709551615"), (Value::Wide(u64::MAX), 0));
    assert_eq!(read(Kind::Number, "1.0"), (Value::Float(1.0), 0));
    assert_eq!(read(Kind::Number, "\"3\""), (Value::Int(3), 0));
    assert_eq!(read(Kind::Number, r#""\u0033""#), (Value::Int(3), 0));
    for value in ["\" 3\"", "\"\"", "\"0x3\"", "true", "[3]", "{}", "1e999"] {
        assert_eq!(read(Kind::Number, value), (Value::Null, 1), "{value}");
    }
    assert_eq!(read(Kind::Number, "null"), (Value::Null, 0));
}

#[test]
fn booleans_durations_and_times_convert_from_text() {
    assert_eq!(read(Kind::Bool, "true"), (Value::Bool(true), 0));
    assert_eq!(read(Kind::Bool, "\"false\""), (Value::Bool(false), 0));
    assert_eq!(read(Kind::Bool, "\"True\""), (Value::Null, 1));
    assert_eq!(read(Kind::Bool, "1"), (Value::Null, 1));
    assert_eq!(read(Kind::Duration, "300"), (Value::Seconds(300.0), 0));
    assert_eq!(read(Kind::Duration, "\"5m\""), (Value::Seconds(300.0), 0));
    assert_eq!(read(Kind::Duration, "\"PT5M\""), (Value::Seconds(300.0), 0));
    assert_eq!(read(Kind::Duration, "\"300\""), (Value::Seconds(300.0), 0));
    assert_eq!(read(Kind::Duration, r#""\u0033.5""#), (Value::Seconds(3.5), 0));
    assert_eq!(read(Kind::Duration, "\" 300\""), (Value::Null, 1));
    assert_eq!(read(Kind::Duration, "false"), (Value::Null, 1));
    assert_eq!(read(Kind::Time, "\"1970-01-01 00:00:01\""), (Value::Time(1_000_000_000), 0));
    assert_eq!(read(Kind::Time, "\"1970-01-01T01:00:01+01:00\""), (Value::Time(1_000_000_000), 0));
    assert_eq!(read(Kind::Time, "1"), (Value::Null, 1));
}

#[test]
fn json_text_is_canonical() {
    for number in ["1", "1.0", "1e0", "10e-1"] {
        assert_eq!(read(Kind::Json, number), (json("1"), 0));
    }
    assert_eq!(read(Kind::Json, "0.10"), (json("0.1"), 0));
    assert_eq!(read(Kind::Json, "\"1\""), (json("\"1\""), 0));
    assert_eq!(read(Kind::Json, r#""\u0041\/\"\n\u0001""#), (json(r#""A/\"\n\u0001""#), 0));
    assert_eq!(read(Kind::Json, "true"), (json("true"), 0));
    assert_eq!(read(Kind::Json, "{ \"b\" : [ 1.0 ] }"), (json("{\"b\":[1.0]}"), 0));
    assert_eq!(read(Kind::Json, "null"), (Value::Null, 0));
    assert_eq!(read(Kind::Json, "1e999"), (Value::Null, 1));
}

#[test]
fn paths_lead_into_objects_and_the_last_of_a_name_wins() {
    let columns: [(&[&str], Kind); 6] = [
        (&["a", "b"], Kind::Number),
        (&["a", "c", "d"], Kind::Number),
        (&["a"], Kind::Json),
        (&["a.b"], Kind::Number),
        (&["e"], Kind::Number),
        (&[], Kind::Json),
    ];
    let read = |event: &str| {
        let batch = decode(&decoder(Format::Auto, &columns), vec![record(event.to_owned())]).batch;
        batch.columns().iter().map(|column| column.value(0)).collect::<Vec<_>>()
    };
    let null = Value::Null;
    assert_eq!(
        read(r#"{"a":{"b":1,"c":{"d":2}},"a.b":3,"e":4}"#),
        [
            Value::Int(1),
            Value::Int(2),
            json(r#"{"b":1,"c":{"d":2}}"#),
            Value::Int(3),
            Value::Int(4),
            null.clone()
        ]
    );
    assert_eq!(
        read(r#"{"a":{"b":1,"c":{"d":2,"d":5}},"a":{"b":6,"b":null},"e":1,"\u0065":7}"#),
        [null.clone(), null.clone(), json(r#"{"b":6,"b":null}"#), null.clone(), Value::Int(7), null.clone()]
    );
    assert_eq!(
        read(r#"{"a":[{"b":1}],"b":1}"#),
        [null.clone(), null.clone(), json(r#"[{"b":1}]"#), null.clone(), null.clone(), null]
    );
}

#[test]
fn number_classes_stand_in_their_own_arrays() {
    let decoder = decoder(Format::Auto, &[(&["a"], Kind::Number)]);
    let values = ["1", "\"x\"", "2.5", "18446744073709551615", "-1"];
    let records = values.map(|value| record(format!("{{\"a\":{value}}}"))).into();
    let decoded = decode(&decoder, records);
    let Column::Number(numbers) = &decoded.batch.columns()[0] else { panic!("a column of numbers") };
    assert_eq!(numbers.ints.iter().collect::<Vec<_>>(), [Some(1), None, None, None, Some(-1)]);
    assert_eq!(
        numbers.floats.as_ref().unwrap().iter().collect::<Vec<_>>(),
        [None, None, Some(2.5), None, None]
    );
    assert_eq!(
        numbers.wides.as_ref().unwrap().iter().collect::<Vec<_>>(),
        [None, None, None, Some(u64::MAX), None]
    );
    assert_eq!(decoded.unconverted, 1);
    let Column::Number(numbers) = &decode(&decoder, vec![record("{}")]).batch.columns()[0].clone() else {
        panic!("a column of numbers")
    };
    assert!(numbers.wides.is_none() && numbers.floats.is_none());
}

#[test]
fn bad_records_are_rejected_whatever_is_read() {
    for format in [Format::Auto, Format::Json] {
        assert_eq!(code(format, record("{\"b\":tru}")), "invalid-json");
        assert_eq!(code(format, record("{\"b\":1")), "truncated-json");
        assert_eq!(code(format, record("{}{}")), "trailing-data");
        assert_eq!(code(format, record(&b"{\"b\":\"\xff\"}"[..])), "invalid-utf8");
        assert_eq!(code(format, record("[]")), "not-an-object");
        assert_eq!(code(format, record("")), "no-payload");
        assert_eq!(code(format, Record::default()), "no-payload");
        assert_eq!(code(format, record("[".repeat(100_000))), "too-deep");
    }
    assert_eq!(code(Format::Auto, with_headers("x", &[("olocus-encoding", "rot13")])), "unknown-encoding");
    assert_eq!(code(Format::MessagePack, record(&[1][..])), "not-an-object");
    assert_eq!(code(Format::MessagePack, record(&[0x81, 0xa1][..])), "truncated-messagepack");
    let small = Decoder::new(
        Format::Auto,
        projection(&[]),
        Arc::new(Keyring::empty()),
        Limits { max_record_bytes: 4, ..Limits::default() },
    );
    let decoded = decode(&small, vec![record("{}"), record("{    }"), record("{ }")]);
    assert_eq!((decoded.batch.len(), decoded.rejected[0].cause.code()), (2, "too-large"));
}

#[test]
fn the_format_decides_what_a_record_may_be() {
    let packed = &[0x81, 0xa1, b'a', 0xa1, b'x'][..];
    assert_eq!(code(Format::MessagePack, record(packed)), "ok");
    assert_eq!(code(Format::Auto, with_headers(packed, &[("content-type", "application/msgpack")])), "ok");
    assert_eq!(code(Format::Auto, record(packed)), "invalid-utf8");
    assert_eq!(code(Format::CloudEvents, record("{}")), "not-a-cloudevent");
    assert_eq!(code(Format::CloudEvents, with_headers("{}", &BINARY)), "ok");
    assert_eq!(code(Format::Auto, with_headers("{}", &BINARY[..3])), "bad-cloudevent");
    assert_eq!(code(Format::Json, with_headers("{}", &BINARY[..3])), "ok");
    let mut headers = BINARY.to_vec();
    headers.push(("ce_time", "noon"));
    assert_eq!(code(Format::Auto, with_headers("{}", &headers)), "bad-time");
}

#[test]
fn data_that_is_no_object_has_no_fields() {
    let mut text = BINARY.to_vec();
    text.push(("content-type", "text/plain"));
    let mut packed = BINARY.to_vec();
    packed.push(("content-type", "application/msgpack"));
    let records = vec![
        with_headers("{\"a\":1}", &BINARY),
        with_headers("[1]", &BINARY),
        with_headers("", &BINARY),
        Record { value: None, ..with_headers("", &BINARY) },
        with_headers("{\"a\":1}", &text),
        with_headers(&[0x81, 0xa1, b'a', 1][..], &packed),
        with_headers(&[1][..], &packed),
    ];
    let decoded = decode(&decoder(Format::Auto, &[(&["a"], Kind::Number)]), records);
    assert!(decoded.rejected.is_empty(), "{:?}", decoded.rejected);
    let values: Vec<Value> = (0..7).map(|row| decoded.batch.columns()[0].value(row)).collect();
    let one = Value::Int(1);
    let none = Value::Null;
    assert_eq!(values, [&one, &none, &none, &none, &none, &one, &none].map(Value::clone));
    let is_json: Vec<bool> = (0..7).map(|row| decoded.batch.is_json(row)).collect();
    assert_eq!(is_json, [true, true, true, true, false, false, false]);
    assert_eq!(code(Format::Auto, with_headers("{", &BINARY)), "truncated-json");
}

#[test]
fn a_batch_knows_the_attributes_of_every_event() {
    let event = CloudEvent {
        id: "7".into(),
        source: "/s".into(),
        event_type: "auth.login".into(),
        subject: Some("u".into()),
        time: Some(5),
        extensions: [("traceparent".to_owned(), "00-1".to_owned())].into(),
        data: Some("{\"a\":1}".into()),
        ..CloudEvent::default()
    };
    let received =
        |sent: OutRecord| Record { offset: 9, value: sent.value, headers: sent.headers, ..Record::default() };
    let topic: Arc<str> = "in".into();
    let records = vec![
        record("{\"a\":1}"),
        received(event.to_binary(topic.clone(), None)),
        received(event.to_structured(topic, None)),
    ];
    let Decoded { batch, rejected, .. } =
        decode(&decoder(Format::Auto, &[(&["a"], Kind::Number)]), records.clone());
    assert!(rejected.is_empty(), "{rejected:?}");
    assert_eq!((batch.len(), &**batch.topic(), batch.partition()), (3, "in", 2));
    assert_eq!((batch.offset(0), batch.record_timestamp(0)), (3, 1_000));
    assert_eq!(
        (batch.event_type(0), batch.ce_time(0), batch.subject(0), batch.traceparent(0)),
        (None, None, None, None)
    );
    assert_eq!((&*batch.id(0), &*batch.source(0)), ("in/2/3", "/in"));
    for row in [1, 2] {
        assert_eq!((batch.event_type(row), batch.ce_time(row)), (Some("auth.login"), Some(5)));
        assert_eq!(
            (&*batch.id(row), &*batch.source(row), batch.subject(row).as_deref()),
            ("7", "/s", Some("u"))
        );
        assert_eq!(batch.traceparent(row), Some("00-1"));
    }
    for (row, record) in records.iter().enumerate() {
        assert_eq!(batch.payload(row), "{\"a\":1}");
        assert_eq!(batch.columns()[0].value(row), Value::Int(1));
        assert_eq!(batch.record(row), record);
    }
}

#[test]
fn sealed_events_are_opened() {
    let keyring = Arc::new(Keyring::new(Some("k"), [("k".to_owned(), [1; 32])]).unwrap());
    let decoder = Decoder::new(
        Format::Auto,
        projection(&[(&["a"], Kind::Number)]),
        Arc::clone(&keyring),
        Limits::default(),
    );
    let event = CloudEvent {
        id: "1".into(),
        source: "s".into(),
        event_type: "t".into(),
        data: Some("{\"a\":1}".into()),
        ..CloudEvent::default()
    };
    let both = Sealing { compress: true, encrypt: true };
    let records = [event.to_binary("in".into(), None), event.to_structured("in".into(), None)].map(|sent| {
        let sent = seal(sent, &both, &keyring, [0; 12]).unwrap();
        Record { value: sent.value, headers: sent.headers, ..Record::default() }
    });
    let decoded = decode(&decoder, records.to_vec());
    assert!(decoded.rejected.is_empty(), "{:?}", decoded.rejected);
    for row in 0..2 {
        assert_eq!(decoded.batch.payload(row), "{\"a\":1}");
        assert_eq!(decoded.batch.columns()[0].value(row), Value::Int(1));
    }
    let moved = decoder.decode(&"elsewhere".into(), 0, records.to_vec());
    assert_eq!(
        moved.rejected.iter().map(|rejected| rejected.cause.code()).collect::<Vec<_>>(),
        ["tampered"; 2]
    );
}

#[test]
fn retain_keeps_rows_and_columns_together() {
    let columns: [(&[&str], Kind); 6] = [
        (&["a"], Kind::Text),
        (&["a"], Kind::Number),
        (&["a"], Kind::Bool),
        (&["a"], Kind::Duration),
        (&["a"], Kind::Time),
        (&["a"], Kind::Json),
    ];
    let values = ["1", "true", "2.5", "\"1970-01-01T00:00:00Z\"", "18446744073709551615"];
    let records = values
        .iter()
        .zip(0..)
        .map(|(value, offset)| Record { offset, ..record(format!("{{\"a\":{value}}}")) });
    let before = decode(&decoder(Format::Auto, &columns), records.collect()).batch;
    let mut after = before.clone();
    assert!(after.retain(&[true; 5]).is_empty());
    let removed = after.retain(&[false, true, true, false, true]);
    assert_eq!(removed.iter().map(|record| record.offset).collect::<Vec<_>>(), [0, 3]);
    assert_eq!(after.len(), 3);
    for (row, was) in [(0, 1), (1, 2), (2, 4)] {
        assert_eq!(after.offset(row), was as i64);
        assert_eq!(after.payload(row), before.payload(was));
        for (column, before) in after.columns().iter().zip(before.columns()) {
            assert_eq!(column.len(), 3);
            assert_eq!(column.value(row), before.value(was));
        }
    }
}

#[test]
fn a_batch_that_is_full_leaves_the_rest() {
    // Slices of one allocation, and no JSON: only their lengths count.
    let mut headers = BINARY.to_vec();
    headers.push(("content-type", "text/plain"));
    let big = with_headers(vec![b' '; 16 << 20], &headers);
    let records: Vec<Record> = (0..20).map(|offset| Record { offset, ..big.clone() }).collect();
    let decoded = decode(&decoder(Format::Auto, &[]), records);
    assert_eq!((decoded.batch.len(), decoded.rest.len(), decoded.rest[0].offset), (2, 18, 2));
    assert!(decoded.rejected.is_empty());
}

/// Everything that decoding says about each record, in the order of the records.
fn outcome(decoder: &Decoder, batches: Vec<Vec<Record>>) -> (Vec<String>, u64) {
    let (mut rows, mut unconverted) = (Vec::new(), 0);
    for records in batches {
        let decoded = decode(decoder, records);
        unconverted += decoded.unconverted;
        for row in 0..decoded.batch.len() {
            let values: Vec<Value> = decoded.batch.columns().iter().map(|column| column.value(row)).collect();
            rows.push((decoded.batch.offset(row), format!("{values:?} {}", decoded.batch.id(row))));
        }
        rows.extend(
            decoded.rejected.iter().map(|rejected| (rejected.record.offset, rejected.cause.to_string())),
        );
    }
    rows.sort();
    (rows.into_iter().map(|(_, row)| row).collect(), unconverted)
}

fn any_record() -> impl Strategy<Value = Record> {
    let value = prop_oneof![
        4 => reference::any_event().prop_map(|event| event.to_string().into_bytes()),
        1 => reference::any_event().prop_map(|event| crate::message_pack::tests::pack(&event)),
        1 => any::<Vec<u8>>(),
        1 => "[{}\\[\\]\",:a1 e-]{0,12}".prop_map(String::into_bytes),
    ];
    let header = prop::sample::select(vec![
        ("ce_specversion", "1.0"),
        ("ce_id", "1"),
        ("ce_source", "s"),
        ("ce_type", "t"),
        ("ce_time", "2020-01-01T00:00:00Z"),
        ("content-type", "application/cloudevents+json"),
        ("content-type", "application/msgpack"),
        ("content-type", "application/json"),
        ("olocus-encoding", "lz4"),
        ("olocus-encoding", "aes256gcm"),
        ("olocus-key-id", "k"),
        ("olocus-nonce", "AAAAAAAAAAAAAAAA"),
    ]);
    let headers = prop_oneof![
        2 => Just(Vec::new()),
        1 => Just(BINARY.to_vec()),
        1 => prop::collection::vec(header, 0..8),
    ];
    (prop::option::weighted(0.95, value), headers).prop_map(|(value, headers)| Record {
        value: value.map(Bytes::from),
        headers: headers.into_iter().collect::<Headers>(),
        ..Record::default()
    })
}

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![Format::Auto, Format::Json, Format::MessagePack, Format::CloudEvents])
}

proptest! {
    #[test]
    fn how_records_are_cut_into_batches_does_not_matter(
        records in prop::collection::vec(any_record(), 0..12),
        cut in 0_usize..12,
        format in any_format(),
    ) {
        let records: Vec<Record> =
            records.into_iter().zip(0..).map(|(record, offset)| Record { offset, ..record }).collect();
        let decoder = decoder(format, reference::COLUMNS);
        let whole = outcome(&decoder, vec![records.clone()]);
        prop_assert_eq!(whole.0.len(), records.len());
        let (front, back) = records.split_at(cut.min(records.len()));
        prop_assert_eq!(&outcome(&decoder, vec![front.to_vec(), back.to_vec()]), &whole);
        let single = records.into_iter().map(|record| vec![record]).collect();
        prop_assert_eq!(&outcome(&decoder, single), &whole);
    }

    #[test]
    fn agrees_with_a_plain_reading_of_the_json_tree(event in reference::any_event(), spelling in reference::any_spelling()) {
        let decoder = decoder(Format::Json, reference::COLUMNS);
        let decoded = decode(&decoder, vec![record(spelling.event(&event))]);
        prop_assert!(decoded.rejected.is_empty(), "{:?}", decoded.rejected);
        for ((path, kind), column) in reference::COLUMNS.iter().zip(decoded.batch.columns()) {
            let expected = reference::read(&event, path, *kind, spelling);
            prop_assert_eq!(column.value(0), expected, "{:?} {:?} of {}", path, kind, event);
        }
    }

    #[test]
    fn message_pack_reads_like_json(event in reference::any_event()) {
        let json = outcome(&decoder(Format::Json, reference::COLUMNS), vec![vec![record(event.to_string())]]);
        let packed = record(crate::message_pack::tests::pack(&event));
        let packed = outcome(&decoder(Format::MessagePack, reference::COLUMNS), vec![vec![packed]]);
        prop_assert_eq!(packed, json);
    }
}

#[test]
fn the_reference_knows_json() {
    let event = json!({"a": {"b": "3"}, "c": [1, null]});
    let read = |path: &[&str], kind| reference::read(&event, path, kind, reference::Spelling::Compact);
    assert_eq!(read(&["a", "b"], Kind::Number), Value::Int(3));
    assert_eq!(read(&["c"], Kind::Json), json("[1,null]"));
    assert_eq!(read(&["d"], Kind::Json), Value::Null);
}

use proptest::prelude::*;

use super::*;

fn auto(value: impl std::borrow::Borrow<Value>) -> Option<i64> {
    time_from_value(value.borrow(), TimeUnit::Auto).ok()
}

#[test]
fn reads_the_forms_of_rfc_3339() {
    assert_eq!(parse_rfc3339("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(parse_rfc3339("1970-01-01t00:00:00z"), Some(0));
    assert_eq!(parse_rfc3339("1970-01-01 00:00:00.25-00:30"), Some(1_800_250_000_000));
    assert_eq!(parse_rfc3339("1969-12-31T23:59:59.999999999Z"), Some(-1));
    assert_eq!(parse_rfc3339("2000-02-29T12:00:00.1234567899Z"), Some(951_825_600_123_456_789));
    assert_eq!(parse_rfc3339("1990-12-31T23:59:60Z"), parse_rfc3339("1991-01-01T00:00:00Z"));
    assert_eq!(parse_rfc3339("2262-04-11T23:47:16.854775807Z"), Some(i64::MAX));
    assert_eq!(parse_rfc3339("1677-09-21T00:12:43.145224192Z"), Some(i64::MIN));
}

#[test]
fn refuses_what_is_no_time() {
    for text in [
        "",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+24:00",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00Zx",
        "1970-01-01_00:00:00Z",
        "+970-01-01T00:00:00Z",
        "1970-01-01T00:00:0éZ",
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21T00:12:43.145224191Z",
    ] {
        assert_eq!(parse_rfc3339(text), None, "{text}");
    }
    assert_eq!(parse_timestamp("1970-01-01 00:00:01"), Some(NANOS));
}

#[test]
fn writes_as_few_digits_as_needed() {
    assert_eq!(format_rfc3339(0), "1970-01-01T00:00:00Z");
    assert_eq!(format_rfc3339(120_000_000), "1970-01-01T00:00:00.120Z");
    assert_eq!(format_rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
    assert_eq!(format_rfc3339(i64::MIN), "1677-09-21T00:12:43.145224192Z");
}

#[test]
fn numbers_are_read_by_magnitude() {
    let noon = 1_700_000_000 * NANOS;
    assert_eq!(auto(Value::Int(1_700_000_000)), Some(noon));
    assert_eq!(auto(Value::Int(1_700_000_000_000)), Some(noon));
    assert_eq!(auto(Value::Int(1_700_000_000_000_000)), Some(noon));
    assert_eq!(auto(Value::Int(noon)), Some(noon));
    assert_eq!(auto(Value::Int(-5)), Some(-5 * NANOS));
    assert_eq!(auto(Value::Int(99_999_999_999)), None, "the year 5138");
    assert_eq!(auto(Value::Int(100_000_000_000)), Some(100_000_000_000_000_000));
    assert_eq!(auto(Value::Wide(u64::MAX)), None);
    assert_eq!(time_from_value(&Value::Int(1), TimeUnit::Micros), Ok(1_000));
    assert_eq!(time_from_value(&Value::Int(1), TimeUnit::Nanos), Ok(1));
}

#[test]
fn fractions_are_exact() {
    assert_eq!(auto(Value::Float(1_700_000_000.123)), Some(1_700_000_000_123_000_000));
    assert_eq!(auto(Value::Json("1700000000.123456789".into())), Some(1_700_000_000_123_456_789));
    assert_eq!(auto(Value::Json("1.700000000123456789e9".into())), Some(1_700_000_000_123_456_789));
    assert_eq!(auto(Value::Text("1700000000123.5".into())), Some(1_700_000_000_123_500_000));
    assert_eq!(auto(Value::Json("-0.5".into())), Some(-500_000_000));
    assert_eq!(auto(Value::Json("1e-300".into())), Some(0));
    assert_eq!(auto(Value::Json("0e2000000000".into())), Some(0));
    assert_eq!(auto(Value::Float(1e-12)), Some(0));
}

#[test]
fn other_values_are_errors_that_show_them() {
    assert_eq!(auto(Value::Json("\"2020-01-01T00:00:00Z\"".into())), parse_rfc3339("2020-01-01T00:00:00Z"));
    for value in [Value::Null, Value::Bool(true), Value::Json("{}".into()), Value::Text("soon".into())] {
        let error = time_from_value(&value, TimeUnit::Auto).unwrap_err();
        assert_eq!(error.code(), "bad-time");
        assert!(error.to_string().ends_with(&describe(&value)), "{error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(time: i64) {
        prop_assert_eq!(parse_rfc3339(&format_rfc3339(time)), Some(time));
    }

    #[test]
    fn agrees_with_jiff(time: i64) {
        let theirs = jiff::Timestamp::from_nanosecond(i128::from(time)).unwrap();
        prop_assert_eq!(parse_rfc3339(&theirs.to_string()), Some(time));
        let ours: jiff::Timestamp = format_rfc3339(time).parse().unwrap();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn no_text_panics(text in "[0-9TZ:.+ e-]{0,32}|\\PC*", unit in prop::sample::select(vec![TimeUnit::Auto, TimeUnit::Nanos])) {
        let _ = parse_timestamp(&text);
        let _ = time_from_value(&Value::Text(text.as_str().into()), unit);
        let _ = time_from_value(&Value::Json(text.into()), unit);
    }
}

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn code(bytes: &[u8]) -> &'static str {
    PackedDocument::object(bytes, 4, |_, _| ()).map_or_else(|error| error.code(), |_| "ok")
}

fn members(bytes: &[u8]) -> Vec<(String, String)> {
    let mut slots = Vec::new();
    let document =
        PackedDocument::object(bytes, 8, |name, slot| slots.push((name.text.to_owned(), slot))).unwrap();
    slots.into_iter().map(|(name, slot)| (name, format!("{:?}", document.raw(slot)))).collect()
}

fn to_json(bytes: &[u8]) -> String {
    let mut out = String::new();
    PackedDocument::any(bytes, 1024, |_, _| ()).unwrap().write_json(&mut out);
    out
}

/// A map with the one key `a`.
fn map_of(value: &[u8]) -> Vec<u8> {
    [&[0x81, 0xa1, b'a'][..], value].concat()
}

#[test]
fn every_form_of_a_value_is_read() {
    for (bytes, raw) in [
        (&[0xc0][..], "Null"),
        (&[0xc3], "Bool(true)"),
        (&[0x7f], "Int(127)"),
        (&[0xe0], "Int(-32)"),
        (&[0xcc, 0xff], "Int(255)"),
        (&[0xcd, 0xff, 0xfe], "Int(65534)"),
        (&[0xce, 0, 0, 1, 0], "Int(256)"),
        (&[0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0], "Wide(9223372036854775808)"),
        (&[0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "Int(9223372036854775807)"),
        (&[0xd0, 0x80], "Int(-128)"),
        (&[0xd1, 0x80, 0], "Int(-32768)"),
        (&[0xd2, 0xff, 0xff, 0xff, 0xff], "Int(-1)"),
        (&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], "Int(-9223372036854775808)"),
        (&[0xca, 0x3f, 0, 0, 0], "Float(0.5)"),
        (&[0xcb, 0xbf, 0xf8, 0, 0, 0, 0, 0, 0], "Float(-1.5)"),
        (&[0xa2, 0xc3, 0xa9], "Text(\"é\")"),
        (&[0xd9, 1, b'x'], "Text(\"x\")"),
        (&[0xda, 0, 1, b'x'], "Text(\"x\")"),
        (&[0xdb, 0, 0, 0, 1, b'x'], "Text(\"x\")"),
        (&[0xc4, 1, 9], "Binary([9])"),
        (&[0xc5, 0, 1, 9], "Binary([9])"),
        (&[0xc6, 0, 0, 0, 1, 9], "Binary([9])"),
        (&[0xd6, 0xff, 0, 0, 0, 1], "Time(1000000000)"),
        (&[0xd7, 0xff, 0, 0, 0, 4, 0, 0, 0, 2], "Time(2000000001)"),
        (&[0xc7, 12, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "Time(-999999999)"),
        (&[0xd4, 1, 9], "Unsupported"),
        (&[0xd6, 1, 0, 0, 0, 1], "Unsupported"),
        (&[0xd7, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2], "Unsupported"),
        (&[0xd8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "Unsupported"),
        (&[0x91, 0xc0], "PackedContainer([145, 192])"),
    ] {
        assert_eq!(members(&map_of(bytes)), [("a".to_owned(), raw.to_owned())]);
        for end in 0..bytes.len() {
            assert_eq!(code(&map_of(&bytes[..end])), "truncated-messagepack", "{bytes:?} up to {end}");
        }
    }
}

#[test]
fn what_is_malformed_is_rejected() {
    assert_eq!(code(&[]), "truncated-messagepack");
    assert_eq!(code(&map_of(&[0xc1])), "invalid-messagepack");
    assert_eq!(code(&[0x81, 1, 1]), "invalid-messagepack");
    assert_eq!(code(&map_of(&[0x81, 1, 1])), "invalid-messagepack");
    assert_eq!(code(&map_of(&[0xa1, 0xff])), "invalid-utf8");
    assert_eq!(code(&map_of(&[1, 1])), "trailing-data");
    assert_eq!(code(&[0x91, 1]), "not-an-object");
    assert_eq!(code(&[1]), "not-an-object");
    assert_eq!(code(&[0x91]), "truncated-messagepack");
    assert_eq!(code(&map_of(&[0xdd, 0xff, 0xff, 0xff, 0xff])), "truncated-messagepack");
    assert_eq!(code(&[0xdf, 0xff, 0xff, 0xff, 0xff]), "truncated-messagepack");
}

#[test]
fn nesting_is_bounded_and_uses_no_stack() {
    assert_eq!(code(&map_of(&[0x91, 0x91, 0x91, 0xc0])), "ok");
    assert_eq!(code(&map_of(&[0x91, 0x91, 0x91, 0x90])), "too-deep");
    assert_eq!(code(&map_of(&[0x91; 100_000])), "too-deep");
}

#[test]
fn json_text_of_all_types() {
    assert_eq!(
        to_json(&[
            0x97, 0xc0, 0x81, 0xa1, b'"', 0x80, 0x90, 0xc4, 1, 9, 0xd6, 0xff, 0, 0, 0, 1, 0xd4, 1, 9, 0xc2
        ]),
        r#"[null,{"\"":{}},[],"CQ==","1970-01-01T00:00:01Z",null,false]"#
    );
    let nan = [&[0x91, 0xcb][..], &f64::NAN.to_be_bytes()].concat();
    assert_eq!(to_json(&nan), "[null]");
}

pub(super) fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<u64>().prop_map(|value| json!(value)),
        (-1e9..1e9).prop_map(|value: f64| json!(value)),
        any::<String>().prop_map(|value| json!(value)),
    ];
    scalar.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec(("[a-c]|\\PC*", inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// MessagePack as another implementation writes it, with numbers as numbers.
pub(crate) fn pack(value: &serde_json::Value) -> Vec<u8> {
    let mut out = Vec::new();
    pack_into(value, &mut out);
    out
}

fn pack_into(value: &serde_json::Value, out: &mut Vec<u8>) {
    use rmp::encode::*;
    match value {
        serde_json::Value::Null => write_nil(out).unwrap(),
        serde_json::Value::Bool(value) => write_bool(out, *value).unwrap(),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => drop(write_sint(out, int).unwrap()),
            (None, Some(wide)) => drop(write_uint(out, wide).unwrap()),
            (None, None) => write_f64(out, number.as_f64().unwrap()).unwrap(),
        },
        serde_json::Value::String(text) => write_str(out, text).unwrap(),
        serde_json::Value::Array(items) => {
            write_array_len(out, items.len() as u32).unwrap();
            items.iter().for_each(|item| pack_into(item, out));
        }
        serde_json::Value::Object(members) => {
            write_map_len(out, members.len() as u32).unwrap();
            for (name, value) in members {
                write_str(out, name).unwrap();
                pack_into(value, out);
            }
        }
    }
}

/// Equal but for how floats are written.
fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(a), Number(b)) => {
            a.as_i64() == b.as_i64() && a.as_u64() == b.as_u64() && a.as_f64() == b.as_f64()
        }
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(a), Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((a, x), (b, y))| a == b && same(x, y))
        }
        _ => a == b,
    }
}

proptest! {
    #[test]
    fn values_survive_the_way_to_json(value in any_json()) {
        let back: serde_json::Value = serde_json::from_str(&to_json(&pack(&value))).unwrap();
        prop_assert!(same(&back, &value), "{} {}", back, value);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = PackedDocument::any(&bytes, 8, |_, _| ());
        let _ = PackedDocument::object(&map_of(&bytes), 8, |_, _| ());
    }

    #[test]
    fn agrees_with_rmp_serde_on_what_is_valid(value in any_json(), cut in 0_usize..64, flip: (usize, u8)) {
        let mut bytes = pack(&value);
        bytes.truncate(bytes.len().saturating_sub(cut % 4).max(1));
        let place = flip.0 % bytes.len();
        if cut % 3 == 0 {
            bytes[place] ^= flip.1;
        }
        // Only one way: rmp-serde also takes non-string keys, and text that is not UTF-8, as bytes.
        if PackedDocument::any(&bytes, 64, |_, _| ()).is_ok() {
            prop_assert!(rmp_serde::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok());
        }
    }
}

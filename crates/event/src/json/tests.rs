use proptest::prelude::*;

use super::scanner::Scanner;
use super::*;
use crate::error::Error;
use crate::raw::{Class, Document, Raw, Slot};

fn code(bytes: impl AsRef<[u8]>) -> &'static str {
    code_at_depth(bytes, 128)
}

fn code_at_depth(bytes: impl AsRef<[u8]>, depth: usize) -> &'static str {
    JsonDocument::object(bytes.as_ref(), depth, |_, _| ()).map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn accepts_json_with_blanks_anywhere() {
    for text in [
        "{}",
        " { } ",
        "\r\n\t{ \"a\" : [ ] , \"b\" : { } , \"c\" : [ 1 , -0.5e+3 , \"\" ] }\n",
        r#"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","b":true,"c":false,"d":null}"#,
        r#"{"":{"":[[[{}]]]}}"#,
        "{\"a\":\"\u{7f}é😀\"}",
    ] {
        assert_eq!(code(text), "ok", "{text}");
    }
}

#[test]
fn every_cut_of_a_valid_event_is_truncated() {
    let text = r#"{"a":[1,-2.5e-3,"x\u00e9\\",{"b":true,"c":[false,null]},[]],"d":{},"e":"\ud83d\ude00"}"#;
    assert_eq!(code(text), "ok");
    for end in 1..text.len() {
        assert_eq!(code(&text[..end]), "truncated-json", "{}", &text[..end]);
    }
}

#[test]
fn rejects_what_json_does_not_allow() {
    for text in [
        r#"{"a":tru}"#,
        r#"{"a":trux}"#,
        r#"{"a":True}"#,
        r#"{"a":nul}"#,
        r#"{"a":NaN}"#,
        r#"{"a":[tru]}"#,
        r#"{"a":{"b":tru}}"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":+1}"#,
        r#"{"a":1e}"#,
        r#"{"a":-}"#,
        r#"{"a":--1}"#,
        r#"{"a":1.2.3}"#,
        r#"{"a":[1.2.3]}"#,
        r#"{"a":0x10}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12g4"}"#,
        r#"{"a":"\u12"}"#,
        r#"{"a":["\uZZZZ"]}"#,
        r#"{"\uZZZZ":1}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\ud800\n"}"#,
        r#"{"a":"\ud800x"}"#,
        r#"{"a":"\ud800\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        "{\"a\":\"\n\"}",
        "{\"a\":\"12345678\u{1f}\"}",
        "{\"a\u{0}\":1}",
        r#"{"a"}"#,
        r#"{"a" 1}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{a:1}"#,
        r#"{'a':1}"#,
        r#"{1:1}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[,1]}"#,
        r#"{"a":[1 2]}"#,
        r#"{"a":[1}}"#,
        r#"{"a":{"b":1]}"#,
        r#"{"a":{"b"]}"#,
        r#"{"a":1]"#,
        "{\"a\":\u{a0}1}",
        "\u{feff}{}",
        "}",
        "x",
    ] {
        assert_eq!(code(text), "invalid-json", "{text}");
    }
}

#[test]
fn rejects_what_follows_and_what_is_no_object() {
    assert_eq!(code("{}{}"), "trailing-data");
    assert_eq!(code("{} x"), "trailing-data");
    assert_eq!(code("{}\0"), "trailing-data");
    assert_eq!(code("[1] 2"), "trailing-data");
    for text in ["[]", "[{\"a\":1}]", "\"a\"", "1", "true", " null "] {
        assert_eq!(code(text), "not-an-object", "{text}");
    }
    assert_eq!(code("[1,"), "truncated-json");
    assert_eq!(code(" "), "truncated-json");
    assert_eq!(code(b"{\"a\":\"\xff\"}"), "invalid-utf8");
    assert_eq!(code(b"{\"a\":\"\xed\xa0\x80\"}"), "invalid-utf8");
}

#[test]
fn nesting_is_bounded_and_uses_no_stack() {
    let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(code_at_depth(nested(3), 4), "ok");
    assert_eq!(code_at_depth(nested(4), 4), "too-deep");
    assert_eq!(code_at_depth("{\"a\":[]}", 1), "too-deep");
    assert_eq!(code_at_depth("{\"a\":1}", 1), "ok");
    assert_eq!(code_at_depth("{}", 0), "too-deep");
    assert_eq!(code_at_depth(nested(1023), usize::MAX), "ok");
    assert_eq!(code_at_depth(nested(1024), usize::MAX), "too-deep");
    assert_eq!(code(nested(100_000)), "too-deep");
    assert_eq!(code(format!("{{\"a\":{}", "{\"a\":".repeat(100_000))), "too-deep");
    assert_eq!(code("[".repeat(100_000)), "too-deep");
}

#[test]
fn members_are_reported_with_their_places() {
    let text = r#" {"a":"x", "\u0062":"\n" , "c":{"d": [1]},"e":-1.5,"a":null}"#;
    let mut members = Vec::new();
    let document = JsonDocument::object(text.as_bytes(), 8, |name, slot| {
        members.push((name.text.to_owned(), slot));
    })
    .unwrap();
    let raws: Vec<(&str, Raw<'_>)> =
        members.iter().map(|(name, slot)| (name.as_str(), document.raw(*slot))).collect();
    assert_eq!(
        raws,
        [
            ("a", Raw::Quoted("\"x\"")),
            ("b", Raw::Escaped("\\n")),
            ("c", Raw::JsonContainer("{\"d\": [1]}")),
            ("e", Raw::JsonNumber("-1.5")),
            ("a", Raw::Null),
        ]
    );
    let mut nested = Vec::new();
    document.members(members[2].1, |name, slot| {
        nested.push((name.text.to_owned(), document.text(slot)));
    });
    assert_eq!(nested, [("d".to_owned(), "[1]")]);
    document.members(members[0].1, |_, _| panic!("a string has no members"));
}

#[test]
fn errors_say_where() {
    let message =
        |text: &str| JsonDocument::object(text.as_bytes(), 8, |_, _| ()).err().map(|e: Error| e.to_string());
    assert_eq!(message("{\"a\":tru}").unwrap(), "the JSON is malformed at byte 5: expected true");
    assert_eq!(message("{\"a\":1").unwrap(), "the JSON ends too early, after 6 bytes");
    assert_eq!(message("{}]").unwrap(), "the value ends at byte 2, but more data follows");
}

#[test]
fn escapes_are_undone_and_made() {
    let check = |body: &str, text: &str, quoted: &str| {
        let (mut characters, mut again) = (String::new(), String::new());
        unescape(body, &mut characters);
        assert_eq!(characters, text);
        quote(&characters, &mut again);
        assert_eq!(again, quoted);
    };
    check(r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t", r#""\"\\/\b\f\n\r\t""#);
    check(r"\u00e9\u0000\u001F\u007f", "é\0\u{1f}\u{7f}", "\"é\\u0000\\u001f\u{7f}\"");
    check(r"x\ud83d\ude00y", "x😀y", "\"x😀y\"");
    check("plain", "plain", "\"plain\"");
}

#[test]
fn compact_text_keeps_everything_but_blanks() {
    let compact = |json: &str| {
        let mut out = String::new();
        write_compact(json, &mut out);
        out
    };
    assert_eq!(
        compact("{ \"a b\" :\t[ 1.0 ,\"\\\" x\\\\\" , { } ]\r\n}"),
        "{\"a b\":[1.0,\"\\\" x\\\\\",{}]}"
    );
    assert_eq!(compact("[1,2]"), "[1,2]");
}

#[test]
fn the_string_scanner_stops_at_every_position() {
    for length in 0..40 {
        let body = "é".repeat(length / 2) + &"x".repeat(length % 2);
        let mut scanner = Scanner::new("", 0, 0);
        assert!(scanner.value().is_err());
        let text = format!("\"{body}\"");
        let slot = Scanner::new(&text, 0, 0).value().unwrap();
        assert_eq!(slot, Slot { start: 0, end: text.len(), class: Class::Text });
        for bad in ["\n", "\\q"] {
            assert!(Scanner::new(&format!("\"{body}{bad}{body}\""), 0, 0).value().is_err());
        }
        let escaped = format!("\"{body}\\n{body}\"");
        assert_eq!(Scanner::new(&escaped, 0, 0).value().unwrap().class, Class::Escaped);
    }
}

/// Text that is JSON, or nearly.
fn almost_json() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"a\":",
        "1",
        "-",
        "0",
        ".5",
        "e3",
        "true",
        "fals",
        "null",
        " ",
        "\\",
        "\\n",
        "\\u00e9",
        "\\ud800",
        "\\udc00",
        "é",
        "\n",
        "\u{1}",
        "{\"a\":1}",
        "[1,2]",
        "\"\\\"\"",
    ]);
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// serde_json reads the same language, but it takes half surrogates in what it skips: a full
    /// value reads all of them.
    #[test]
    fn accepts_what_serde_json_accepts(text in almost_json()) {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        let ours = JsonDocument::any(text.as_bytes(), 128, |_, _| ());
        // serde_json refuses numbers outside the range of floats only when asked for floats.
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = JsonDocument::any(&bytes, 8, |_, _| ());
    }

    #[test]
    fn quoting_is_what_serde_json_does(text: String) {
        let mut quoted = String::new();
        quote(&text, &mut quoted);
        prop_assert_eq!(&quoted, &serde_json::to_string(&text).unwrap());
        let mut back = String::new();
        unescape(&quoted[1..quoted.len() - 1], &mut back);
        prop_assert_eq!(back, text);
    }
}

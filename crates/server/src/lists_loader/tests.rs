use std::io::Write as _;

use olocus_cep::rule::parse_rule_file;

use super::*;

/// The rows of a list whose file is called so and has this in it, or what is said about it.
fn loaded(name: &str, bytes: &[u8], rest: &str) -> Result<(String, Vec<String>), String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    let text = format!("version: 1\nlists: [ {{ name: l, file: {name}{rest} }} ]\n");
    let mut diagnostics = Diagnostics::new();
    let mut file = parse_rule_file(&SourceFile::new("rules.yaml", text), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(false));
    load(&folder.path().join("rules.yaml"), &mut file, &mut diagnostics);
    match &file.lists[0].content {
        Some(content) => {
            assert!(diagnostics.is_empty());
            Ok((content.key.clone(), content.rows.iter().map(|row| row.json.clone()).collect()))
        }
        None => {
            let told = diagnostics.iter().next().unwrap();
            let (line, column) = told.file.line_column(told.span.start);
            let under = &told.file.text()[told.span.start..told.span.end];
            let name = Path::new(told.file.name()).file_name().unwrap().to_str().unwrap();
            let help = told.help.as_deref().unwrap_or_default();
            Err(format!("{name}:{line}:{column} [{under}] {}; {help}", told.message))
        }
    }
}

fn rows(name: &str, text: &str, rest: &str) -> Vec<String> {
    loaded(name, text.as_bytes(), rest).unwrap().1
}

fn mistake(name: &str, text: &str, rest: &str) -> String {
    loaded(name, text.as_bytes(), rest).unwrap_err()
}

#[test]
fn columns_of_csv_have_types() {
    let text = "\u{feff}ip,port,open,code,note\r\n10.0.0.1,22,true,007,\"a, \"\"b\"\"\"\r\n\r\n10.0.0.2,,false,12,\n";
    let (key, found) = loaded("l.csv", text.as_bytes(), "").unwrap();
    assert_eq!(key, "ip");
    assert_eq!(
        found,
        [
            r#"{"ip":"10.0.0.1","port":22,"open":true,"code":"007","note":"a, \"b\""}"#,
            r#"{"ip":"10.0.0.2","port":null,"open":false,"code":"12","note":null}"#,
        ]
    );
    assert_eq!(
        rows("l.csv", "a\n1.50\n18446744073709551615\n", ""),
        [r#"{"a":1.50}"#, r#"{"a":18446744073709551615}"#]
    );
    assert_eq!(rows("l.csv", "a\n1\n 2\n", ""), [r#"{"a":"1"}"#, r#"{"a":" 2"}"#]);
    assert_eq!(rows("l.csv", "a,b\n", ""), [""; 0]);
    assert_eq!(loaded("l.csv", b"a,b c\n1,2", ", key: b c").unwrap().0, "b c");
}

#[test]
fn lines_of_ndjson_are_values_or_objects() {
    let (key, found) = loaded("l.ndjson", b"\"a\"\n\n 22 \ntrue", "").unwrap();
    assert_eq!(
        (key.as_str(), found),
        ("value", vec![r#"{"value":"a"}"#.into(), r#"{"value":22}"#.into(), r#"{"value":true}"#.into()])
    );
    let text = "{\"host\": \"h1\", \"n\": 1.50}\r\n";
    assert_eq!(rows("l.ndjson", text, ", key: host"), [r#"{"host": "h1", "n": 1.50}"#]);
}

#[test]
fn files_may_be_compressed() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"a\n1\n").unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(loaded("l.csv.gz", &packed, "").unwrap().1, [r#"{"a":1}"#]);
    let told = loaded("l.csv.gz", b"a\n1\n", "").unwrap_err();
    assert!(told.starts_with("rules.yaml:2:27 [l.csv.gz] the file of the list can't be read: "), "{told}");
}

#[test]
fn mistakes_point_into_the_file() {
    let header = "the file has no header; its first line names the columns, such as `ip,since`";
    assert_eq!(mistake("l.csv", "", ""), format!("l.csv:1:1 [] {header}"));
    for (text, expected) in [
        ("a,,b\n", "l.csv:1:3 [] a column has no name; name every column in the first line"),
        ("a,b,\"a\"\n", "l.csv:1:5 [\"a\"] two columns are named `a`; give each column a name of its own"),
        (
            "a,b\n1,2\r\n\r\n3,4,5\n",
            "l.csv:4:1 [3,4,5] the row has 3 fields, but the header names 2; put a field that has a comma or a quote in it \
             between double quotes, quotes doubled",
        ),
    ] {
        assert_eq!(mistake("l.csv", text, ""), expected);
    }
    assert_eq!(
        mistake("l.csv", "host,b\n1,2\n", ", key: hots"),
        "rules.yaml:2:39 [hots] the file of the list has no column `hots`; did you mean `host`?"
    );
    for (text, key, expected) in [
        (
            "\"a\"\n {\"a\": 1,}\n",
            "",
            "l.ndjson:2:10 [}] the line is not JSON: trailing comma; each line is one JSON value",
        ),
        (
            "{\"a\":1}\n",
            "",
            "l.ndjson:1:1 [{\"a\":1}] the line is no text, number or truth value; say which member of the objects is looked \
             up: `key: host`",
        ),
        (
            "3\n",
            ", key: host",
            "l.ndjson:1:1 [3] the line is no object; each line is like {\"host\": \"a\"}, because the list has a `key`",
        ),
    ] {
        assert_eq!(mistake("l.ndjson", text, key), expected);
    }
    let told = loaded("l.csv", b"a\n\xff\n", "").unwrap_err();
    assert!(told.contains("the file of the list is not UTF-8, from byte 2 on"), "{told}");
}

#[test]
fn lists_have_a_largest_size() {
    let many = "x\n".to_owned() + &"1\n".repeat(ROWS_MAX + 1);
    let told = mistake("l.csv", &many, "");
    assert!(told.starts_with("l.csv:1000002:1 [1] the list has more than 1000000 rows"), "{told}");
    let large = vec![b'1'; BYTES_MAX as usize + 1];
    let told = loaded("l.csv", &large, "").unwrap_err();
    assert!(told.contains("the file of the list has more than 64 MiB"), "{told}");
}

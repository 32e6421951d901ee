use super::*;
use crate::Scalar;
use proptest::prelude::*;

mod syntax;

fn file(text: &str) -> Arc<SourceFile> {
    SourceFile::new("f.yaml", text)
}

fn read(text: &str) -> Node {
    parse(&file(text)).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

/// The only problem of a text, as it is shown.
fn problem(text: &str) -> String {
    parse(&file(text)).unwrap_err().render(false)
}

fn at<'a>(node: &'a Node, path: &[&str]) -> &'a Node {
    path.iter().fold(node, |node, key| match &node.value {
        Value::Sequence(items) => &items[key.parse::<usize>().unwrap()],
        Value::Mapping(mapping) => mapping.get(key).unwrap(),
        _ => panic!("{key}"),
    })
}

fn scalar<'a>(node: &'a Node, path: &[&str]) -> &'a Scalar {
    at(node, path).scalar().unwrap()
}

fn slice(text: &str, span: Span) -> &str {
    &text[span.start..span.end]
}

/// Each character of a scalar that was neither escaped nor folded stands where `locate` says.
fn assert_located(text: &str, scalar: &Scalar, part: &str) {
    let start = scalar.value.find(part).unwrap();
    let span = scalar.locate(start, start + part.len());
    assert_eq!(slice(text, span), part, "in {:?}", scalar.value);
}

#[test]
fn spans_are_bytes_whatever_the_characters() {
    let text = "größe: 'ä€'\nlist: [ñ, \"日本\" , x]  # ü\nmap: { ключ: 5 }\nend: é\n";
    let node = read(text);
    let of = |path: &[&str]| slice(text, at(&node, path).span);
    assert_eq!(of(&["größe"]), "'ä€'");
    assert_eq!(of(&["list"]), "[ñ, \"日本\" , x]");
    assert_eq!(of(&["list", "0"]), "ñ");
    assert_eq!(of(&["list", "1"]), "\"日本\"");
    assert_eq!(of(&["map"]), "{ ключ: 5 }");
    assert_eq!(of(&["map", "ключ"]), "5");
    assert_eq!(of(&["end"]), "é");
    assert_eq!(slice(text, node.span), text.trim_end());
    let keys = &node.as_mapping().unwrap().entries;
    assert_eq!(slice(text, keys[0].0.span), "größe");
}

#[test]
fn spans_of_blocks_end_with_their_content() {
    let text = "a:\n  - x: 1\n    y: ' 2 '   # c\n\n  - z\nb: |\n  one\n  two\n\n# comment\nc: d\n";
    let node = read(text);
    let of = |path: &[&str]| slice(text, at(&node, path).span);
    assert_eq!(of(&["a", "0"]), "x: 1\n    y: ' 2 '");
    assert_eq!(of(&["a"]), "- x: 1\n    y: ' 2 '   # c\n\n  - z");
    assert_eq!(of(&["b"]), "one\n  two");
    assert_eq!(of(&["c"]), "d");
}

#[test]
fn anchors_and_tags_are_no_content() {
    let text = "a: &x !!str 5\nb: *x\nc: &y\n  k: v\nd: !!map {}\n";
    let node = read(text);
    assert_eq!(slice(text, at(&node, &["a"]).span), "5");
    assert_eq!(at(&node, &["a"]).as_str(), Some("5"));
    assert_eq!(at(&node, &["b"]).as_str(), Some("5"));
    assert_eq!(slice(text, at(&node, &["c"]).span), "k: v");
    assert_eq!(slice(text, at(&node, &["d"]).span), "{}");
}

#[test]
fn values_left_out_have_the_place_before_them() {
    let text = "a:\nb: [ , x]\n";
    assert!(parse(&file(text)).is_err());
    let text = "a:\nb:\n  -\n  - x\nc: { d: , e }\n";
    let node = read(text);
    assert_eq!(at(&node, &["a"]).span, Span::new(1, 2));
    assert_eq!(slice(text, at(&node, &["b", "0"]).span), "-");
    assert_eq!(slice(text, at(&node, &["c", "d"]).span), ":");
    assert!(at(&node, &["c", "e"]).is_null());
}

#[test]
fn plain_and_quoted_texts_are_located() {
    let text = "a: plain größe > 5\nb: 'it''s ñ x'\nc: \"t\\tab \\u00e9 \\\"q\\\" ü end\"\n\
                d: multi\n  line\n\n  plain\ne: \"multi \\\n   escaped\n   folded\"\n";
    let node = read(text);
    assert_located(text, scalar(&node, &["a"]), "größe > 5");
    assert_located(text, scalar(&node, &["b"]), "ñ x");
    let b = scalar(&node, &["b"]);
    assert_eq!(slice(text, b.locate(2, 3)), "''");
    let c = scalar(&node, &["c"]);
    assert_eq!(c.value, "t\tab é \"q\" ü end");
    assert_located(text, c, "ü end");
    assert_eq!(slice(text, c.locate(1, 2)), "\\t");
    assert_eq!(slice(text, c.locate(5, 7)), "\\u00e9");
    let d = scalar(&node, &["d"]);
    assert_eq!(d.value, "multi line\nplain");
    assert_located(text, d, "line");
    assert_located(text, d, "plain");
    let e = scalar(&node, &["e"]);
    assert_eq!(e.value, "multi escaped folded");
    assert_located(text, e, "escaped");
    assert_located(text, e, "folded");
}

#[test]
fn block_texts_are_located() {
    let text = "a: |\n\n  first ü\n    deeper\n\n  last\nb: >-\n  folded ñ\n  line\n\n  paragraph\n    \
                deeper\n  end\nc: |2+\n   x\n  y\n\nd: >\n\n  z\n";
    let node = read(text);
    let a = scalar(&node, &["a"]);
    assert_eq!(a.value, "\nfirst ü\n  deeper\n\nlast\n");
    for part in ["first ü", "  deeper", "last"] {
        assert_located(text, a, part);
    }
    let b = scalar(&node, &["b"]);
    assert_eq!(b.value, "folded ñ line\nparagraph\n  deeper\nend");
    for part in ["folded ñ", "line", "paragraph", "  deeper", "end"] {
        assert_located(text, b, part);
    }
    let c = scalar(&node, &["c"]);
    assert_eq!(c.value, " x\ny\n\n");
    for part in [" x", "y"] {
        assert_located(text, c, part);
    }
    assert_located(text, scalar(&node, &["d"]), "z");
}

#[test]
fn block_texts_with_windows_line_breaks_are_located() {
    let text = "a: >\r\n  one\r\n  two\r\n\r\n  three\r\nb: |-\r\n  x\r\n  y\r\n";
    let node = read(text);
    let a = scalar(&node, &["a"]);
    assert_eq!(a.value, "one two\nthree\n");
    for part in ["one", "two", "three"] {
        assert_located(text, a, part);
    }
    assert_located(text, scalar(&node, &["b"]), "y");
}

#[test]
fn empty_block_texts_do_not_point_beyond() {
    let text = "a: |\nb: >-\n\nc: x\n";
    let node = read(text);
    assert_eq!(scalar(&node, &["a"]).value, "");
    let span = scalar(&node, &["a"]).locate(0, 3);
    assert_eq!(file(text).line_column(span.start).0, 1);
    let span = scalar(&node, &["b"]).locate(0, 0);
    assert_eq!(file(text).line_column(span.start).0, 2);
}

#[test]
fn offsets_beyond_a_value_are_its_end() {
    let text = "a: 'xy'\n";
    let node = read(text);
    let a = scalar(&node, &["a"]);
    assert_eq!(a.locate(2, 9), Span::empty(6));
    assert_eq!(a.locate(9, 9), Span::empty(6));
    assert_eq!(a.locate(1, 0), Span::empty(5));
    let whole = Scalar::verbatim(&file("ä > 5"));
    assert_eq!(whole.locate(3, 4), Span::new(3, 4));
}

#[test]
fn an_empty_file_is_null() {
    for text in ["", "\n# only a comment\n", "---\n...\n", "\u{feff}"] {
        assert!(read(text).is_null(), "{text:?}");
    }
    let text = "\u{feff}a: ñ b";
    assert_eq!(slice(text, at(&read(text), &["a"]).span), "ñ b");
}

#[test]
fn all_duplicate_keys_are_reported() {
    insta::assert_snapshot!(problem("a: 1\nb: { c: 1, 'c': 2 }\na: 3\n"), @r#"
    error[duplicate-key]: the key `c` stands twice in this mapping
     --> f.yaml:2:12
      |
    2 | b: { c: 1, 'c': 2 }
      |      -     ^^^ again here
      |      |
      |      first here
      |
      = help: leave one of the two out

    error[duplicate-key]: the key `a` stands twice in this mapping
     --> f.yaml:3:1
      |
    1 | a: 1
      | - first here
    2 | b: { c: 1, 'c': 2 }
    3 | a: 3
      | ^ again here
      |
      = help: leave one of the two out
    "#);
}

#[test]
fn aliases_do_not_explode() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        let items = [below.as_str(); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(problem(&text).starts_with("error[too-many-aliases]"));
    assert!(problem("a: &x [*x]\n").starts_with("error[bad-alias]"));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&file(&nested(MAX_DEPTH))).is_ok());
    assert!(problem(&nested(MAX_DEPTH + 1)).starts_with("error[too-deep]"));
    assert!(problem(&nested(5000)).starts_with("error[too-deep]"));
    let through_alias = format!("a: &a {}\nb: {}*a{}", nested(40), "[".repeat(40), "]".repeat(40));
    assert!(problem(&through_alias).starts_with("error[too-deep]"));
    let large = "#".repeat(MAX_BYTES + 1);
    assert!(parse(&file(&large)).is_err());
}

/// Every span of a tree, keys included.
fn spans(node: &Node, all: &mut Vec<Span>) {
    all.push(node.span);
    all.push(node.head());
    if let Some(scalar) = node.scalar() {
        located(scalar, all);
    }
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| spans(item, all)),
        Value::Mapping(mapping) => mapping.entries.iter().for_each(|(key, value)| {
            located(key, all);
            spans(value, all);
        }),
        _ => {}
    }
}

fn located(scalar: &Scalar, all: &mut Vec<Span>) {
    all.push(scalar.span);
    all.extend((0..=scalar.value.len() + 1).map(|at| scalar.locate(at, at + 1)));
}

fn assert_spans_lie_within(text: &str) -> Result<(), TestCaseError> {
    let file = file(text);
    let mut all = Vec::new();
    match parse(&file) {
        Ok(node) => spans(&node, &mut all),
        Err(problems) => {
            prop_assert!(!problems.render(true).is_empty());
            for problem in &problems {
                all.push(problem.span);
                all.extend(problem.related.iter().map(|(span, _)| *span));
            }
        }
    }
    for span in all {
        prop_assert!(span.start <= span.end && span.end <= text.len(), "{span:?}");
        prop_assert!(text.is_char_boundary(span.start), "{span:?}");
        prop_assert!(text.is_char_boundary(span.end), "{span:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        assert_spans_lie_within(&text)?;
    }

    #[test]
    fn anything_like_yaml_is_read_or_refused(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "a", "ü", ": ", ":", "- ", "\n", "\n  ", "\n    ", "'", "\"", "\\", "[", "]", "{", "}",
                ", ", "|", ">", "|2-\n", "&x ", "*x", "!t ", "# c", "---\n", "...", "\t", "\r\n", "\r",
                "? ", "5", "~", "\\u00e9", "\\x", "''", "\u{feff}", "%", "<<", "\u{2028}", "\u{85}", "\0",
            ]),
            0..30,
        ),
    ) {
        assert_spans_lie_within(&parts.concat())?;
    }

    /// Texts written in each style come back as they are, and each character is found.
    #[test]
    fn written_texts_are_found_again(
        lines in prop::collection::vec("[a-zü0-9]([a-zü0-9 :#'\"{}]{0,8}[a-zü0-9])?", 1..5),
        gaps in prop::collection::vec(1..4_usize, 5),
        indents in prop::collection::vec(0..3_usize, 5),
        style in prop::sample::select(vec!["|", ">", "|-", ">+"]),
    ) {
        let mut text = format!("k: {style}\n");
        for (index, line) in lines.iter().enumerate() {
            let indent = if index == 0 { 0 } else { indents[index] };
            text.push_str(&format!("  {}{line}{}", " ".repeat(indent), "\n".repeat(gaps[index])));
        }
        text.push_str("z: 1\n");
        let node = read(&text);
        let scalar = scalar(&node, &["k"]);
        let mut from = 0;
        for line in &lines {
            let start = from + scalar.value[from..].find(line.as_str()).unwrap();
            from = start + line.len();
            prop_assert_eq!(slice(&text, scalar.locate(start, from)), line.as_str());
        }
    }
}

#[test]
fn documents_say_the_same_whatever_their_style() {
    let same = |one: &str, other: &str| read(one).says_the_same(&read(other));
    assert!(same("a: [1, 'x']\nb: {c: null}", "a:\n  - 1\n  - \"x\"\nb:\n  c: ~ # why"));
    assert!(same("|\n  text\n", "\"text\\n\""));
    assert!(!same("a: 1", "a: '1'"));
    assert!(!same("a: 007", "a: 7"));
    assert!(!same("[1, 2]", "[2, 1]"));
    assert!(!same("[1]", "[1, 2]"));
    assert!(!same("a: 1\nb: 2", "b: 2\na: 1"));
    assert!(!same("a: true", "a: 'true'"));
}

//! What is said about files that are no YAML.

use super::problem;

#[test]
fn syntax_errors_say_what_would_be_right() {
    insta::assert_snapshot!(
        [
            "a:\n\tb: 1\n",
            "a:\n  b: 1\n \tc: 2\n",
            "a: 'ü\nb: 2\n",
            "a: \"x\nb: \"y\"\n",
            "a: 'it's'\n",
            "a: \"\\d+\"\n",
            "a: x: y\n",
            "a:\n  b: 1\n   c: 2\n",
            "a:\n    b: 1\n  c: 2\n",
            "- a\nb: 1\n",
            "a: 1\nb\nc: 2\n",
            "a: [1, 2\nb: 3\n",
            "a: { b: 1\n",
            "a: ]\n",
            "a: *\n",
            "a: *.b\n",
            "a: @x\n",
            "a: %x\n",
            "a: !x y\n",
            "a: 1\n---\nb: 2\n",
            "a: {{ x }}\n",
            "<<: { a: 1 }\n",
            ": a\n",
            "a: \u{1b}\n",
            "a: 1\n- b\n",
        ]
        .map(problem)
        .join(""),
        @r#"
        error[yaml-syntax]: tabs must not be used for indentation
         --> f.yaml:2:1
          |
        2 |     b: 1
          | ^^^^
          |
          = help: indent with spaces

        error[yaml-syntax]: tabs must not be used for indentation
         --> f.yaml:3:2
          |
        3 |      c: 2
          |  ^^^^
          |
          = help: indent with spaces

        error[yaml-syntax]: this quote is not closed
         --> f.yaml:1:4
          |
        1 | a: 'ü
          |    ^ opened here
          |
          = help: close it on its line, or indent the further lines of the text more

        error[yaml-syntax]: this quote is not closed
         --> f.yaml:1:4
          |
        1 | a: "x
          |    ^ opened here
          |
          = help: close it on its line, or indent the further lines of the text more

        error[yaml-syntax]: unexpected text after a closing quote
         --> f.yaml:1:8
          |
        1 | a: 'it's'
          |        ^
          |
          = help: put the whole value between double quotes; inside single quotes, a quote is written twice: `''`

        error[yaml-syntax]: unknown escape sequence in a double-quoted text
         --> f.yaml:1:5
          |
        1 | a: "\d+"
          |     ^^
          |
          = help: write a backslash as `\\`, or use single quotes, in which it stands for itself

        error[yaml-syntax]: a second `: ` in one line
         --> f.yaml:1:5
          |
        1 | a: x: y
          |     ^
          |
          = help: put a text that contains `: ` in quotes

        error[yaml-syntax]: this key does not fit the line before it
         --> f.yaml:3:4
          |
        3 |    c: 2
          |    ^
          |
          = help: items and keys of one list or mapping start in the same column; a text with special characters needs quotes

        error[yaml-syntax]: this line does not fit the ones before it
         --> f.yaml:3:3
          |
        3 |   c: 2
          |   ^
          |
          = help: items and keys of one list or mapping start in the same column; a text with special characters needs quotes

        error[yaml-syntax]: this line does not fit the ones before it
         --> f.yaml:2:1
          |
        2 | b: 1
          | ^
          |
          = help: items and keys of one list or mapping start in the same column; a text with special characters needs quotes

        error[yaml-syntax]: expected `:` after this key
         --> f.yaml:2:1
          |
        2 | b
          | ^
          |
          = help: write `key: value`, and check the indentation of this line

        error[yaml-syntax]: this does not fit inside brackets
         --> f.yaml:2:2
          |
        1 | a: [1, 2
          |    - inside the bracket opened here
        2 | b: 3
          |  ^
          |
          = help: close each bracket, and put a text that contains brackets in quotes

        error[yaml-syntax]: expected `,` or `}`
         --> f.yaml:1:9
          |
        1 | a: { b: 1
          |    -    ^
          |    |
          |    inside the bracket opened here
          |
          = help: close each bracket, and put a text that contains brackets in quotes

        error[yaml-syntax]: this bracket was never opened
         --> f.yaml:1:4
          |
        1 | a: ]
          |    ^
          |
          = help: put a text that contains brackets in quotes

        error[yaml-syntax]: `*` and `&` at the start of a value stand for aliases and anchors
         --> f.yaml:1:4
          |
        1 | a: *
          |    ^
          |
          = help: put the text in quotes: '*'

        error[yaml-syntax]: the alias has no anchor before it
         --> f.yaml:1:4
          |
        1 | a: *.b
          |    ^
          |
          = help: put a text that starts with `*` in quotes

        error[yaml-syntax]: a value must not start with this character
         --> f.yaml:1:4
          |
        1 | a: @x
          |    ^
          |
          = help: put the text in quotes

        error[yaml-syntax]: a value must not start with this character
         --> f.yaml:1:4
          |
        1 | a: %x
          |    ^
          |
          = help: put the text in quotes

        error[unknown-tag]: unknown tag `!x`
         --> f.yaml:1:4
          |
        1 | a: !x y
          |    ^^
          |
          = help: leave the tag out, and put a text that starts with `!` in quotes

        error[several-documents]: a second document starts here
         --> f.yaml:2:1
          |
        2 | ---
          | ^^^
          |
          = help: a file holds one document: put the others into files of their own

        error[wrong-type]: a key must be a text
         --> f.yaml:1:5
          |
        1 | a: {{ x }}
          |     ^^
          |
          = help: a text that starts with `{` or `[` needs quotes

        error[merge-key]: merge keys are not part of YAML 1.2
         --> f.yaml:1:1
          |
        1 | <<: { a: 1 }
          | ^^
          |
          = help: write the entries out, or use an alias for a whole value

        error[wrong-type]: there is no key before this colon
         --> f.yaml:1:1
          |
        1 | : a
          | ^
          |
          = help: write `key: value`

        error[yaml-syntax]: the control character U+001B must not stand in a YAML file
         --> f.yaml:1:4
          |
        1 | a: ␛
          |    ^
          |
          = help: remove it, or write it as `\u001b` between double quotes

        error[yaml-syntax]: this line does not fit the ones before it
         --> f.yaml:2:1
          |
        2 | - b
          | ^
          |
          = help: items and keys of one list or mapping start in the same column; a text with special characters needs quotes
        "#
    );
}

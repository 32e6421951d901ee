//! What `olocus rules check` says about broken rule files, word for word.
//!
//! The files are in `broken/`, one for each family of mistakes, and what is said about each is in `snapshots/`. After a
//! change that is meant to change messages, run with `INSTA_UPDATE=always` and read the difference.

use crate::support::{olocus, text};

/// Standard error of `olocus rules check` on these files of `broken/`, with closed schemas of a few event types.
fn check(files: &[&str]) -> String {
    let paths: Vec<String> = files.iter().map(|file| format!("tests/olocus/broken/{file}.yaml")).collect();
    let mut args = vec!["rules", "check", "--schemas", "tests/olocus/broken/schemas"];
    args.extend(paths.iter().map(String::as_str));
    let output = olocus(&args);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    text(&output.stderr)
}

/// The schemas that ship are open: what they do not name may be there.
#[test]
fn fields_that_are_nearly_those_of_open_schemas() {
    let output = olocus(&["rules", "check", "tests/olocus/broken/doubts.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(text(&output.stderr));
    });
}

macro_rules! messages {
    ($($name:ident: $files:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(stringify!($name), check(&$files));
            });
        }
    )*};
}

messages! {
    unknown_keys: ["unknown_keys"];
    wrong_types: ["wrong_types"];
    durations: ["durations"];
    names_that_are_taken: ["names"];
    keys_that_stand_twice: ["twice"];
    windows: ["windows"];
    aggregates: ["aggregates"];
    actions_and_tests: ["actions_and_tests"];

    functions: ["functions"];
    patterns: ["patterns"];
    lists: ["lists"];
    steps_in_emit: ["steps_in_emit"];
    fields_against_schemas: ["fields"];
    syntax_of_expressions: ["sql_syntax"];
    places_in_all_styles_of_yaml: ["places"];

    an_empty_file: ["empty"];
    yaml_tabs: ["tabs"];
    yaml_indentation: ["indentation"];
    yaml_colon: ["colon"];
    yaml_star: ["star"];
    yaml_quote: ["quote"];
    yaml_expression_that_starts_with_a_quote: ["expression_in_quotes"];
    yaml_bracket: ["bracket"];
    yaml_comma_in_an_expression: ["comma"];

    several_mistakes_in_several_rules: ["several_rules"];
    two_files_and_one_that_is_not_there: ["first_of_two", "second_of_two", "nothing"];
}

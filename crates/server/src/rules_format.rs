//! One layout for all rule files.

use olocus_document::{Diagnostic, Diagnostics, SourceFile, Span, parse};
use pretty_yaml::config::{FormatOptions, LanguageOptions, LayoutOptions, Quotes};

/// The text of a rule file in the layout that all of them have; comments and meaning stay as they are.
///
/// # Errors
/// Why the text is no YAML, each mistake with its place in the file of this name; or that the layout would change what it
/// says.
pub fn format_rules(name: &str, text: &str) -> Result<String, Diagnostics> {
    let file = crate::redact::rules(name.to_owned(), text.to_owned());
    let before = parse(&file)?;
    let refused = |why: &str| {
        let problem = Diagnostic::error("unusual-yaml", &file, Span::empty(0), why);
        Diagnostics::from(
            problem.with_help("write it in a plainer way: indented blocks, and texts in quotes"),
        )
    };
    // Events of tests stand on a line each, which is long, and conditions have single quotes already.
    let options = FormatOptions {
        layout: LayoutOptions { print_width: 160, ..LayoutOptions::default() },
        language: LanguageOptions { quotes: Quotes::PreferSingle, ..LanguageOptions::default() },
    };
    let formatted = pretty_yaml::format_text(text, &options)
        .map_err(|_| refused("this is YAML that cannot be brought into the layout"))?;
    // The layout is another parser's, which may read a file in another way.
    match parse(&SourceFile::new(name, formatted.as_str())) {
        Ok(after) if before.says_the_same(&after) => Ok(formatted),
        _ => Err(refused("this is YAML whose meaning the layout would change")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_values_survive_and_a_second_run_changes_nothing() {
        let text = "version: 1\nrules:\n    -   name:   a   # why\n        where:  x   =  'a:b'\n";
        let once = format_rules("rules.yaml", text).unwrap();
        assert!(once.contains("# why") && once.contains("x   =  'a:b'"), "{once}");
        assert_ne!(once, text);
        assert_eq!(format_rules("rules.yaml", &once).unwrap(), once);
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place() {
        let problems = format_rules("rules.yaml", "version: 1\nrules:\n\t- { name: a }\n").unwrap_err();
        let shown = problems.render(false);
        assert!(shown.contains("rules.yaml:3:1"), "{shown}");
    }
}

//! One layout for all rule files.

use pretty_yaml::config::{FormatOptions, LanguageOptions, LayoutOptions, Quotes};

/// The text of a rule file in the layout that all of them have; comments and meaning stay as they are.
///
/// # Errors
/// Why the text is no YAML, in words.
pub fn format_rules(text: &str) -> Result<String, String> {
    // Events of tests stand on a line each, which is long, and conditions have single quotes already.
    let options = FormatOptions {
        layout: LayoutOptions { print_width: 160, ..LayoutOptions::default() },
        language: LanguageOptions { quotes: Quotes::PreferSingle, ..LanguageOptions::default() },
    };
    pretty_yaml::format_text(text, &options).map_err(|cause| cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_values_survive_and_a_second_run_changes_nothing() {
        let text = "version: 1\nrules:\n    -   name:   a   # why\n        where:  x   =  'a: b'\n";
        let once = format_rules(text).unwrap();
        assert!(once.contains("# why") && once.contains("x   =  'a: b'"), "{once}");
        assert_ne!(once, text);
        assert_eq!(format_rules(&once).unwrap(), once);
    }
}

//! What a rule looks for: `sequence` or `window`.

use olocus_document::{Fields, Node};

use super::Parser;
use crate::rule::{Body, DraftBody};

/// Keys of a rule that only a sequence has, but for `within`.
const OF_SEQUENCES: [(&str, &str); 4] = [
    ("from", "`from` says what counts as in between for the strict steps of a `sequence`"),
    ("after_match", "`after_match` says what a match of a `sequence` ends; windows end by themselves"),
    ("on_timeout", "`on_timeout` is for the partial matches of a `sequence`; windows have none"),
    ("max_matches_per_event", "a window finds one match at most at a time; leave it out"),
];

impl Parser<'_> {
    /// `sequence` or `window`; a rule has one of them, a draft may have none or both.
    pub(super) fn bodies(&mut self, fields: &mut Fields<'_>) -> Vec<(DraftBody, Option<Body>)> {
        let sequence = fields.entry("sequence");
        let window = fields.entry("window");
        match (sequence, window) {
            (Some((_, node)), None) => {
                for (key, help) in [
                    ("where", "each step of a sequence has its own `where`"),
                    ("event", "each step of a sequence has its own `event`"),
                ] {
                    fields.reject(key, "a rule with a `sequence`", help, self.diagnostics);
                }
                self.sequence(fields, node).into_iter().collect()
            }
            (None, Some((_, node))) => {
                for (key, help) in [
                    ("within", "the time of a window is its length: `window: { tumbling: 5m, … }`"),
                    ("event", "the event type stands in the window: `window: { …, event: … }`"),
                ]
                .into_iter()
                .chain(OF_SEQUENCES)
                {
                    fields.reject(key, "a rule with a `window`", help, self.diagnostics);
                }
                self.window_with_filter(fields, node).into_iter().collect()
            }
            (None, None) => {
                self.report(
                    "missing-key",
                    fields.head(),
                    "the rule has neither `sequence` nor `window`",
                    "say what to look for: `sequence:` with steps, or `window:` with one of \
                     `count`, `tumbling`, `sliding`, `session`",
                );
                // What stands beside them cannot be judged, but is known.
                for key in ["within", "where"].into_iter().chain(OF_SEQUENCES.map(|(key, _)| key)) {
                    fields.node(key);
                }
                Vec::new()
            }
            (Some((_, sequence)), Some((key, window))) => {
                self.report(
                    "two-bodies",
                    key.span,
                    "the rule has both `sequence` and `window`",
                    "make it two rules",
                );
                // Only one of the two is meant, but the mistakes in both are shown.
                let sequence = self.sequence(fields, sequence);
                let window = self.window_with_filter(fields, window);
                sequence.into_iter().chain(window).collect()
            }
        }
    }

    fn window_with_filter(
        &mut self,
        fields: &mut Fields<'_>,
        node: &Node,
    ) -> Option<(DraftBody, Option<Body>)> {
        let filter = self.expression(fields, "where");
        self.window(node, filter)
    }
}

//! `limit`, `state` and `include`.

use olocus_document::{Fields, Scalar, parse_duration};

use super::Parser;
use crate::Overflow;
use crate::rule::{Include, MatchLimit, StateBounds};

/// The most matches that `limit` may allow.
const MAX_MATCHES: u32 = 1_000_000;

/// The largest bound on what a rule may hold.
const MAX_STATE: i64 = 1_000_000_000;

const POLICIES: [(&str, Overflow); 3] =
    [("drop_oldest", Overflow::DropOldest), ("drop_newest", Overflow::DropNewest), ("fail", Overflow::Fail)];

impl Parser<'_> {
    /// `limit: 1 per 1h`.
    pub(super) fn limit(&mut self, fields: &mut Fields<'_>) -> Option<MatchLimit> {
        let text = fields.text("limit", self.diagnostics)?;
        let limit = read_limit(&text.value);
        if let Err(problem) = &limit {
            let help = "write a number of matches and a time, such as `limit: 1 per 1h`";
            self.report("bad-limit", text.span, problem.clone(), help);
        }
        limit.ok()
    }

    /// Bounds on what the rule may hold.
    pub(super) fn state(&mut self, fields: &mut Fields<'_>) -> StateBounds {
        let Some(node) = fields.node("state") else { return StateBounds::default() };
        let Some(mut state) = self.fields(node, "`state`") else { return StateBounds::default() };
        // Where it is not known what the rule is, both may be meant.
        let (of_sequence, of_window) = match (fields.has("sequence"), fields.has("window")) {
            (true, false) => (true, false),
            (false, true) => (false, true),
            _ => (true, true),
        };
        let mut bound_of = |key, is_its_own, other: &str, help: &str, parser: &mut Self| match is_its_own {
            true => parser.bound(&mut state, key),
            false => {
                state.reject(
                    key,
                    &format!("the `state` of a rule with a `{other}`"),
                    help,
                    parser.diagnostics,
                );
                None
            }
        };
        let help = "a window holds `window_events`";
        let partial_matches = bound_of("partial_matches", of_sequence, "window", help, self);
        let help = "a sequence holds `partial_matches`";
        let window_events = bound_of("window_events", of_window, "sequence", help, self);
        let keys = self.bound(&mut state, "keys");
        let policy = state.text("policy", self.diagnostics).and_then(|word| self.policy(word));
        state.finish(self.diagnostics);
        StateBounds { partial_matches, window_events, keys, policy }
    }

    fn bound(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<u32> {
        let bound = fields.integer(key, 1..=MAX_STATE, self.diagnostics)?;
        u32::try_from(bound.value).ok()
    }

    fn policy(&mut self, word: &Scalar) -> Option<Overflow> {
        let known = POLICIES.iter().find(|(name, _)| *name == word.value);
        if known.is_none() {
            self.unknown_word("policy", word, &POLICIES.map(|(name, _)| name));
        }
        known.map(|(_, policy)| *policy)
    }

    /// What matches tell of their events.
    pub(super) fn include(&mut self, fields: &mut Fields<'_>) -> Include {
        let Some(words) = fields.strings("include", self.diagnostics) else {
            return Include::default();
        };
        let mut include = Include::default();
        for word in words {
            let next = match word.value.as_str() {
                "events" => Include::Events,
                "none" => Include::Nothing,
                _ => {
                    self.unknown_word("include", word, &["events", "none"]);
                    continue;
                }
            };
            if include != Include::default() && include != next {
                let help = "leave one of the two out";
                self.report("two-words", word.span, "`include` is both `events` and `none`", help);
            }
            if next == Include::Nothing && fields.has("window") && !fields.has("sequence") {
                self.report(
                    "misplaced-word",
                    word.span,
                    "`none` is for the events of a `sequence`",
                    "leave it out: a window names its first and last event, unless all are embedded",
                );
            }
            include = next;
        }
        include
    }
}

fn read_limit(text: &str) -> Result<MatchLimit, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [number, "per", per] = words[..] else {
        return Err(format!("`{text}` is no limit"));
    };
    let matches = match number.parse::<u32>() {
        Ok(matches @ 1..=MAX_MATCHES) => matches,
        _ => return Err(format!("a limit is between 1 and {MAX_MATCHES} matches, not `{number}`")),
    };
    match parse_duration(per) {
        Some(per) if per > 0 => Ok(MatchLimit { matches, per }),
        Some(_) => Err("the time of a limit must be longer than nothing".to_owned()),
        None => Err(format!("`{per}` is not a duration")),
    }
}

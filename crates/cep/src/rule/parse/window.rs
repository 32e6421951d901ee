//! `window`.

use olocus_document::{Fields, Node, Scalar, Spanned, format_duration};

use super::Parser;
use crate::rule::{Body, DraftBody, Window};

/// The most events that a count window may hold.
const MAX_COUNT: i64 = 1_000_000;

/// Windows with `every` that one event may be in. All of them can end at once, when time moves on after a pause.
const WINDOWS_PER_EVENT_MAX: i64 = 10_000;

impl Parser<'_> {
    pub(super) fn window(
        &mut self,
        node: &Node,
        filter: Option<Scalar>,
    ) -> Option<(DraftBody, Option<Body>)> {
        let mut fields = self.fields(node, "a window")?;
        let window = self.window_kind(&mut fields);
        let event = self.event(&mut fields);
        for (key, help) in [
            ("where", "`where` stands beside `window`, not in it"),
            ("having", "`having` stands beside `window`, not in it"),
            ("by", "`by` stands beside `window`, not in it"),
        ] {
            fields.reject(key, "a window", help, self.diagnostics);
        }
        fields.finish(self.diagnostics);
        let draft = DraftBody::Window { window, event: event.clone(), filter: filter.clone() };
        let body = || Some(Body::Window { window: window?, event: event?, filter });
        Some((draft, body()))
    }

    fn window_kind(&mut self, fields: &mut Fields<'_>) -> Option<Window> {
        const KINDS: [&str; 4] = ["count", "tumbling", "sliding", "session"];
        let given: Vec<_> = KINDS.into_iter().filter_map(|kind| fields.entry(kind)).collect();
        match given.as_slice() {
            [] => self.report(
                "missing-key",
                fields.head(),
                "the window does not say how long it is",
                "give one of `count: 100`, `tumbling: 10s`, `sliding: 1m`, `session: 30s`",
            ),
            [_] => {}
            [(first, _), (second, _), ..] => {
                let message = format!("the window is both `{}` and `{}`", first.value, second.value);
                self.report(
                    "two-windows",
                    second.span,
                    message,
                    "give one of `count`, `tumbling`, `sliding`, `session`",
                );
            }
        }
        let count = fields.integer("count", 1..=MAX_COUNT, self.diagnostics);
        let tumbling = self.positive_duration(fields, "tumbling");
        let sliding = self.positive_duration(fields, "sliding");
        let session = self.positive_duration(fields, "session");
        let every = self.every(fields, sliding);
        if given.len() != 1 {
            return None;
        }
        let count = count.and_then(|count| u32::try_from(count.value).ok());
        count
            .map(Window::Count)
            .or(tumbling.map(|size| Window::Tumbling(size.value)))
            .or(sliding
                .map(|size| Window::Sliding { size: size.value, every: every.map(|every| every.value) }))
            .or(session.map(|gap| Window::Session(gap.value)))
    }

    /// `every`, which belongs to `sliding`.
    fn every(&mut self, fields: &mut Fields<'_>, sliding: Option<Spanned<i64>>) -> Option<Spanned<i64>> {
        let (key, _) = fields.entry("every")?;
        if !fields.has("sliding") {
            self.report(
                "misplaced-key",
                key.span,
                "`every` belongs to a `sliding` window",
                "write `sliding: 1m, every: 10s`, or leave `every` out",
            );
        }
        let every = self.positive_duration(fields, "every")?;
        if let Some(size) = sliding
            && every.value > size.value
        {
            let size = format_duration(size.value);
            let message = format!(
                "`every` ({}) is longer than the window ({size}), so that the events between \
                 windows would be lost",
                format_duration(every.value)
            );
            let help = format!("it may be up to {size}");
            self.report("out-of-range", every.span, message, help);
        } else if let Some(size) = sliding
            && size.value / every.value > WINDOWS_PER_EVENT_MAX
        {
            let message = format!(
                "each event would be in more than {WINDOWS_PER_EVENT_MAX} windows, each of which is judged on its own"
            );
            let least = format_duration(size.value / WINDOWS_PER_EVENT_MAX);
            let help = format!("make `every` at least {least}, or leave it out to judge at each event");
            self.report("out-of-range", every.span, message, help);
        }
        Some(every)
    }
}

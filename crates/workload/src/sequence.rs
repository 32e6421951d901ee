//! The load of the benches: a keyed three-step sequence in a uniform stream.

use jiff::Timestamp;

use crate::Workload;
use crate::draw::Draw;
use crate::truth::{ExpectedEvent, ExpectedMatch, Truth};

/// Parameters of the load.
///
/// Event `i` happens `i` times the interval after the start, to a user drawn uniformly. Its type is `bench.a`, `bench.b` or
/// `bench.c` in one case of ten each, else `bench.other`. The rule sought is: `bench.a` of a privileged role, then
/// `bench.b` within 15 minutes, then `bench.c` with `v > 900` within 15 minutes, all of one user. With the defaults
/// about one event in 10,000 completes it, once the stream is longer than half an hour of event time.
#[derive(Clone, Debug)]
pub struct SequenceLoad {
    /// Seed of everything drawn.
    pub seed: u64,
    /// Time of the first event, in nanoseconds since the Unix epoch.
    pub start: i64,
    /// Nanoseconds from one event to the next. The JSON has as many digits of a time as it takes to be exact.
    pub interval: i64,
    /// Number of events.
    pub events: u64,
    /// Number of users; at least 1.
    pub keys: u32,
    /// One `bench.a` in so many has the role `privileged`.
    pub privileged_one_in: u64,
    /// One `bench.c` in so many has `v > 900`.
    pub hot_one_in: u64,
    /// Number of rules that [`Workload::truth`] counts; see [`SequenceLoad::rule_yaml`].
    pub rules: u32,
}

impl SequenceLoad {
    /// A load of one rule, 10,000 users and one match in about 10,000 events.
    pub fn new(seed: u64, start: i64, events: u64) -> Self {
        Self {
            seed,
            start,
            interval: MILLISECOND,
            events,
            keys: 10_000,
            privileged_one_in: 800,
            hot_one_in: 5,
            rules: 1,
        }
    }

    /// A rule file with as many rules as the load counts. Rule 0, `bench_0`, is the one that matches; each of the
    /// others asks for one of 200 sites as well and for a higher `v`, and so rarely does.
    ///
    /// `action` is the flow mapping of an action that each rule takes, such as `{ publish: bench.matches }`.
    pub fn rule_yaml(&self, action: Option<&str>) -> String {
        let mut yaml = String::from("version: 1\nrules:\n");
        for rule in (0..self.rules).map(Rule::new) {
            let site = rule.site.map(|site| format!(" AND site = 'site-{site:03}'")).unwrap_or_default();
            yaml += &format!(
                "  - name: bench_{number}
    by: user
    sequence:
      - step: a
        event: bench.a
        where: role = 'privileged'{site}
      - step: b
        event: bench.b
        within: 15m
      - step: c
        event: bench.c
        where: v > {bound}
        within: 15m
    emit: {{ user: a.user, v: c.v }}
",
                number = rule.number,
                bound = rule.bound,
            );
            if let Some(action) = action {
                yaml += &format!("    actions: [ {action} ]\n");
            }
        }
        yaml
    }

    /// Time of an event in nanoseconds since the Unix epoch.
    pub fn time(&self, index: u64) -> i64 {
        let after = index.saturating_mul(self.interval.unsigned_abs());
        self.start.saturating_add_unsigned(after)
    }

    /// Starts the stream.
    pub fn generate(self) -> SequenceEvents {
        SequenceEvents {
            draw: Draw::new(self.seed, 0),
            open: vec![Vec::new(); self.keys.max(1) as usize],
            rules: (0..self.rules).map(Rule::new).collect(),
            written: 0,
            matches: Vec::new(),
            load: self,
        }
    }
}

/// The events of a [`SequenceLoad`].
#[derive(Debug)]
pub struct SequenceEvents {
    load: SequenceLoad,
    draw: Draw,
    rules: Vec<Rule>,
    /// Per user, the matches that have begun, oldest first.
    open: Vec<Vec<Open>>,
    written: u64,
    matches: Vec<ExpectedMatch>,
}

/// The constants of one rule.
#[derive(Clone, Copy, Debug)]
struct Rule {
    number: u32,
    site: Option<u64>,
    bound: u64,
}

impl Rule {
    fn new(number: u32) -> Self {
        match number.checked_sub(1) {
            None => Self { number, site: None, bound: BOUND },
            Some(other) => {
                let other = u64::from(other);
                Self { number, site: Some(other % SITES), bound: BOUND + other / SITES % 90 }
            }
        }
    }
}

/// A match that has begun: the index of its first event, and of its second once that has come.
#[derive(Clone, Copy, Debug)]
struct Open {
    rule: Rule,
    first: u64,
    second: Option<u64>,
}

/// What is drawn for an event.
struct Drawn {
    user: u64,
    kind: Kind,
    role: &'static str,
    site: u64,
    v: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    A,
    B,
    C,
    Other,
}

impl SequenceEvents {
    /// Number of matches of the events written so far.
    pub fn match_count(&self) -> u64 {
        self.matches.len() as u64
    }

    /// Number of events written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    fn draw(&mut self) -> Drawn {
        let draw = &mut self.draw;
        let kind = match draw.below(10) {
            0 => Kind::A,
            1 => Kind::B,
            2 => Kind::C,
            _ => Kind::Other,
        };
        let user = draw.below(self.open.len() as u64);
        let role = match kind {
            Kind::A if draw.one_in(self.load.privileged_one_in) => "privileged",
            _ => draw.pick(&["standard", "standard", "service", "guest"]),
        };
        let v = match kind {
            Kind::C if draw.one_in(self.load.hot_one_in) => draw.between(BOUND + 1, 999),
            _ => draw.below(BOUND + 1),
        };
        Drawn { user, kind, role, site: draw.below(SITES), v }
    }

    /// The rules, read as sentences: each privileged `a` begins a match, each later step takes the first event that
    /// satisfies it, and an event exactly `within` later comes too late.
    fn evaluate(&mut self, event: &Drawn, index: u64) {
        let open = &mut self.open[event.user as usize];
        let load = &self.load;
        let matches = &mut self.matches;
        open.retain_mut(|open| {
            let previous = open.second.unwrap_or(open.first);
            if (index - previous).saturating_mul(self.load.interval.unsigned_abs()) >= WITHIN {
                return false;
            }
            match open.second {
                None if event.kind == Kind::B => open.second = Some(index),
                Some(second) if event.kind == Kind::C && event.v > open.rule.bound => {
                    let step = |step: &str, index: u64| ExpectedEvent {
                        step: step.to_owned(),
                        index,
                        id: event_id(index),
                        time: load.time(index),
                    };
                    matches.push(ExpectedMatch {
                        rule: format!("bench_{}", open.rule.number),
                        key: Some(user_name(event.user)),
                        injected: false,
                        events: vec![step("a", open.first), step("b", second), step("c", index)],
                    });
                    return false;
                }
                _ => {}
            }
            true
        });
        if event.kind == Kind::A && event.role == "privileged" {
            let begun = self.rules.iter().filter(|rule| rule.site.is_none_or(|site| site == event.site));
            open.extend(begun.map(|&rule| Open { rule, first: index, second: None }));
        }
    }
}

impl Workload for SequenceEvents {
    fn next_line(&mut self, line: &mut Vec<u8>) -> bool {
        if self.written == self.load.events {
            return false;
        }
        let index = self.written;
        self.written += 1;
        let event = self.draw();
        if event.kind != Kind::Other {
            self.evaluate(&event, index);
        }
        write_json(line, &event, index, &self.load);
        line.push(b'\n');
        true
    }

    fn truth(&self) -> Truth {
        Truth {
            scenario: "sequence".into(),
            seed: self.load.seed,
            events: self.written,
            matches: self.matches.clone(),
            near_misses: Vec::new(),
        }
    }
}

fn write_json(line: &mut Vec<u8>, event: &Drawn, index: u64, load: &SequenceLoad) {
    use std::io::Write as _;

    let begin = line.len();
    let event_type = match event.kind {
        Kind::A => "bench.a",
        Kind::B => "bench.b",
        Kind::C => "bench.c",
        Kind::Other => "bench.other",
    };
    let digits = match load.interval {
        interval if interval % MILLISECOND == 0 => 3,
        interval if interval % 1_000 == 0 => 6,
        _ => 9,
    };
    let time = Timestamp::from_nanosecond(i128::from(load.time(index)))
        .expect("nanoseconds in 64 bits are in jiff's range");
    let written = write!(
        line,
        r#"{{"id":"{}","type":"{event_type}","time":"{time:.digits$}","user":"{}","role":"{}","site":"site-{:03}","v":{},"note":""#,
        event_id(index),
        user_name(event.user),
        event.role,
        event.site,
        event.v,
    );
    debug_assert!(written.is_ok(), "writing to memory does not fail");
    let length = line.len() - begin + 2;
    // The text repeats and begins anywhere in it, so that records compress about as well as real ones.
    let text = FILLER.iter().cycle().skip(index as usize % FILLER.len());
    line.extend(text.take(RECORD_BYTES.saturating_sub(length)));
    line.extend_from_slice(br#""}"#);
}

fn event_id(index: u64) -> String {
    format!("seq-{index:010}")
}

fn user_name(user: u64) -> String {
    format!("user-{user:06}")
}

const BOUND: u64 = 900;
const SITES: u64 = 200;
const MILLISECOND: i64 = 1_000_000;
/// In nanoseconds.
const WITHIN: u64 = 15 * 60 * 1_000_000_000;
const RECORD_BYTES: usize = 200;
const FILLER: &[u8; 64] = b"request served from edge cache after revalidation with upstream ";

#[cfg(test)]
mod tests;

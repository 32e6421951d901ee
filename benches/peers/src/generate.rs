//! The events of a workload, as the README says; `Generator.java` writes the same.

use std::fmt::Write as _;

use crate::workload::{Look, SEQUENCE_WITHIN, Workload, role};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Milliseconds since the Unix epoch.
    pub(crate) time: i64,
    pub(crate) user: u32,
    pub(crate) kind: Kind,
    /// The rule whose first step asks for this role; without one the role is `standard`.
    pub(crate) role: Option<u32>,
    pub(crate) v: i64,
}

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    A,
    B,
    C,
    Other,
}

/// The endless events of a workload.
#[derive(Debug)]
pub(crate) struct Generator {
    workload: Workload,
    state: u64,
    index: i64,
}

/// One in five of C's has a `v` above this.
pub(crate) const BOUND: i64 = 800_000;

/// The `v` of events is below this.
const VALUES: i64 = 1_000_000;
const START: i64 = 1_772_409_600_000;
const PRIVILEGED_ONE_IN: i64 = 800;
/// Where C's are compared with A's: those that live to their end have a `v` from here on.
const OUT_OF_REACH: i64 = 990_000;
/// Length of an event as JSON.
const JSON_BYTES: usize = 200;
const CHECKSUM_EVENTS: usize = 100_000;

impl Generator {
    pub(crate) fn new(workload: Workload) -> Generator {
        Generator { workload, state: 1, index: 0 }
    }

    pub(crate) fn next(&mut self) -> Event {
        let (first, second) = (self.draw(), self.draw());
        let user = share(first >> 32, i64::from(self.workload.keys));
        let kind = match share(first & 0xFFFF_FFFF, 10) {
            0 => Kind::A,
            1 => Kind::B,
            2 => Kind::C,
            _ => Kind::Other,
        };
        let privileged = share(second >> 32, PRIVILEGED_ONE_IN) == 0;
        let mut event = Event {
            time: START + self.index,
            user: user as u32,
            kind,
            role: None,
            v: share(second & 0xFFFF_FFFF, VALUES),
        };
        if self.workload.live > 0 {
            self.of_one_key(&mut event, second & 0xFFFF_FFFF);
        } else if privileged {
            event.role = Some(share(self.draw() >> 32, i64::from(self.workload.rules)) as u32);
        }
        self.index += 1;
        event
    }

    /// In the place of the next event, one that completes all that waits for a C.
    pub(crate) fn closing(&self) -> Event {
        Event { time: START + self.index, user: 0, kind: Kind::C, role: Some(0), v: VALUES }
    }

    fn of_one_key(&self, event: &mut Event, bits: u64) {
        let greater = self.workload.look == Look::Greater;
        let (position, live) = (self.index % SEQUENCE_WITHIN, i64::from(self.workload.live));
        if position < live {
            event.kind = Kind::A;
            event.role = Some(0);
            event.v =
                if greater { OUT_OF_REACH + share(bits, VALUES - OUT_OF_REACH) } else { share(bits, BOUND) };
            return;
        }
        if position == live {
            event.kind = Kind::B;
        }
        event.role = greater.then_some(0);
        event.v = share(bits, if greater { OUT_OF_REACH } else { BOUND });
    }

    /// SplitMix64.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Event {
    /// The event as JSON; padded, it has the length of those that engines are measured on.
    pub(crate) fn json(&self, padded: bool) -> String {
        let mut text = String::with_capacity(JSON_BYTES);
        let role = self.role.map_or_else(|| "standard".to_owned(), role);
        let written = write!(
            text,
            r#"{{"time":{},"user":"user-{}","type":"{}","role":"{role}","v":{},"note":""#,
            self.time,
            self.user,
            self.kind.name(),
            self.v,
        );
        written.expect("a string takes any text");
        if padded {
            text.extend(std::iter::repeat_n('.', JSON_BYTES - 2 - text.len()));
        }
        text.push_str("\"}");
        text
    }

    /// The text over which checksums are formed.
    fn line(&self) -> String {
        let role = self.role.map_or_else(|| "standard".to_owned(), role);
        format!("{},user-{},{},{role},{}\n", self.time, self.user, self.kind.name(), self.v)
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::A => "A",
            Kind::B => "B",
            Kind::C => "C",
            Kind::Other => "other",
        }
    }
}

/// FNV-1a over the texts of the first events.
pub(crate) fn checksum(workload: Workload) -> u64 {
    let mut generator = Generator::new(workload);
    let mut sum = 0xCBF2_9CE4_8422_2325_u64;
    for _ in 0..CHECKSUM_EVENTS {
        let event = generator.next();
        let text = if workload.json { event.json(true) } else { event.line() };
        for byte in text.bytes() {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        }
    }
    sum
}

/// Spreads 32 random bits over the numbers below `of`.
fn share(bits: u64, of: i64) -> i64 {
    (bits.wrapping_mul(of.unsigned_abs()) >> 32) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::ALL;

    #[test]
    fn the_first_events_stay_what_they_were() {
        let sums: Vec<(&str, String)> = ALL
            .iter()
            .filter(|workload| ["seq3", "one10", "one1000gt"].contains(&workload.name))
            .map(|workload| (workload.name, format!("{:016x}", checksum(*workload))))
            .collect();
        let expected =
            [("seq3", "129f52e1a91a716c"), ("one10", "73f5bdc3c23a6851"), ("one1000gt", "afb33af42d141c6c")];
        assert_eq!(sums, expected.map(|(name, sum)| (name, sum.to_owned())));
    }

    #[test]
    fn padded_json_has_one_length() {
        let mut generator = Generator::new(ALL[0]);
        assert!((0..1_000).all(|_| generator.next().json(true).len() == JSON_BYTES));
    }
}

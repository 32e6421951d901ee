//! Random changes of inputs, the same in every run.

/// A generator of changes.
#[derive(Clone, Debug)]
pub struct Mutations {
    state: u64,
}

/// Pieces of rule files and of events, which are put where they have no place.
const PIECES: [&str; 40] = [
    "version: 1\n",
    "rules:\n",
    "  - name: a\n",
    "sequence:",
    "window: { tumbling: 1m, event: a }",
    "{ step: a, event: a }",
    "not: { event: a }",
    "group: [",
    "any_of: [",
    "all_of: [",
    "times: { min: 2, max: 3 }",
    "one_or_more",
    "optional: true",
    "greedy: true",
    "until: { where: x > 1 }",
    "within: 10m",
    "for: 5s",
    "where: ",
    "sum(a.v) > 2 * last(a).v",
    "count(distinct x)",
    "having: ",
    "emit: { a: a.b }",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "\n",
    "#",
    "&a *a",
    "\\u0000",
    "1e308",
    "18446744073709551616",
    "\u{fffd}",
    "null",
    "2026-01-01T00:00:00Z",
    "\u{0}",
];

impl Mutations {
    /// A generator; another seed gives other changes.
    pub fn new(seed: u64) -> Mutations {
        Mutations { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 }
    }

    /// One of the seeds with a few changes.
    ///
    /// # Panics
    /// If there are no seeds.
    pub fn next(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input, seeds);
        }
        input.truncate(crate::INPUT_BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below((input.len() - at).min(32) + 1);
        match self.below(7) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => drop(input.drain(at..end)),
            2 => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            3 | 4 => {
                let piece = PIECES[self.below(PIECES.len())].bytes();
                let end = if self.below(2) == 0 { at } else { end };
                input.splice(at..end, piece);
            }
            5 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                let to = from + self.below((other.len() - from).min(200) + 1);
                input.splice(at..end, other[from..to].iter().copied());
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = self.below(256) as u8;
                }
            }
        }
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        // Xorshift, by Marsaglia: "Xorshift RNGs", Journal of Statistical Software 8(14), 2003.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize % bound
    }
}

//! Draws from the seed.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// A number of `0..bound`; 0 for an empty range.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// True with this probability. Nothing is drawn for what never happens, so that faults that are off change no draw of
    /// the others.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 <= probability
    }

    /// A time up to this one.
    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        match longest.as_micros() as u64 {
            0 => Duration::ZERO,
            longest => Duration::from_micros(self.below(longest + 1)),
        }
    }
}

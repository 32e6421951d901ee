//! What is new since the last snapshot.

/// The places that were filled since the last snapshot; all if there was none.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    /// By place, one bit; none that is beyond.
    since: Option<Vec<u64>>,
}

impl Fresh {
    pub(crate) fn fill(&mut self, place: usize) {
        if let Some(bits) = &mut self.since {
            if bits.len() <= place / 64 {
                bits.resize(place / 64 + 1, 0);
            }
            bits[place / 64] |= 1 << (place % 64);
        }
    }

    pub(crate) fn contains(&self, place: usize) -> bool {
        self.since
            .as_ref()
            .is_none_or(|bits| bits.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1))
    }

    /// A snapshot has been taken.
    pub(crate) fn saved(&mut self) {
        self.since = Some(Vec::new());
    }

    /// There is no snapshot any longer.
    pub(crate) fn forget(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_new_until_it_was_saved() {
        let mut fresh = Fresh::default();
        fresh.fill(1);
        assert!(fresh.contains(0) && fresh.contains(1000));
        fresh.saved();
        fresh.fill(130);
        assert_eq!(
            [0, 1, 129, 130, 1000].map(|place| fresh.contains(place)),
            [false, false, false, true, false]
        );
        fresh.saved();
        assert!(!fresh.contains(130));
        fresh.forget();
        assert!(fresh.contains(7));
    }
}

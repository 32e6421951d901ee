//! Values by number, of which only some are there.

/// Values by slot. Rules number what they read over all of them, and a row has what its own rules read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slots<T>(Box<[(u32, T)]>);

impl<T> Slots<T> {
    /// The values of these slots, which ascend.
    pub(crate) fn of(slots: &[usize], value: impl FnMut(usize) -> T) -> Slots<T> {
        debug_assert!(slots.is_sorted(), "slots are looked up by bisection");
        let number = |slot: &usize| u32::try_from(*slot).expect("rules read far fewer values than 2^32");
        Slots(slots.iter().map(number).zip(slots.iter().copied().map(value)).collect())
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&T> {
        let at = self.0.binary_search_by(|(known, _)| (*known as usize).cmp(&slot)).ok()?;
        Some(&self.0[at].1)
    }

    /// All values, in the order of their slots.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots(Box::default())
    }
}

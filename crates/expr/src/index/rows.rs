//! Rows of a batch: sets of them, and lists that are made of each other.

/// A set of rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowSet {
    /// By row, a bit.
    words: Vec<u64>,
}

/// Lists of rows, and of what belongs to them, that are not in use: so that in the end no more are made.
#[derive(Debug, Default)]
pub(super) struct Lists(Vec<Vec<u32>>);

impl RowSet {
    pub(super) fn clear(&mut self) {
        self.words.clear();
    }

    /// Makes room for the rows of a batch of so many.
    pub(super) fn reserve(&mut self, rows: usize) {
        let words = rows.div_ceil(64);
        if words > self.words.len() {
            self.words.resize(words, 0);
        }
    }

    /// Adds a row, for which there is room, if `is_in`.
    #[inline]
    pub(super) fn insert_if(&mut self, row: u32, is_in: bool) {
        self.words[row as usize / 64] |= u64::from(is_in) << (row % 64);
    }

    #[inline]
    pub(super) fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    pub(super) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The first row from this one on.
    #[inline]
    pub(super) fn from(&self, row: u32) -> Option<u32> {
        let mut at = row as usize / 64;
        let mut word = self.words.get(at)? & (u64::MAX << (row % 64));
        while word == 0 {
            at += 1;
            word = *self.words.get(at)?;
        }
        Some(at as u32 * 64 + word.trailing_zeros())
    }
}

impl Lists {
    /// An empty list.
    pub(super) fn take(&mut self) -> Vec<u32> {
        let mut list = self.0.pop().unwrap_or_default();
        list.clear();
        list
    }

    /// A list of so many zeros.
    pub(super) fn zeros(&mut self, length: usize) -> Vec<u32> {
        let mut list = self.take();
        list.resize(length, 0);
        list
    }

    /// A list of at least this length to be written over.
    pub(super) fn any(&mut self, length: usize) -> Vec<u32> {
        let mut list = self.0.pop().unwrap_or_default();
        if list.len() < length {
            list.resize(length, 0);
        }
        list
    }

    /// Takes a list back.
    pub(super) fn put(&mut self, list: Vec<u32>) {
        self.0.push(list);
    }
}

/// Keeps the rows that `is_kept` is true of. Which rows these are is often as good as random, so nothing branches on it.
#[inline]
pub(super) fn retain(rows: &mut Vec<u32>, mut is_kept: impl FnMut(u32) -> bool) {
    let mut kept = 0;
    for at in 0..rows.len() {
        let row = rows[at];
        rows[kept] = row;
        kept += usize::from(is_kept(row));
    }
    rows.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_walked_through_in_order() {
        let mut set = RowSet::default();
        assert_eq!(set.from(0), None);
        set.reserve(300);
        for row in [0, 63, 64, 130, 299] {
            set.insert_if(row, true);
            set.insert_if(row ^ 1, false);
        }
        assert_eq!(set.len(), 5);
        let all: Vec<u32> = (0..400).filter(|row| set.contains(*row)).collect();
        assert_eq!(all, [0, 63, 64, 130, 299]);
        let next: Vec<Option<u32>> = [0, 1, 63, 64, 65, 131, 300, 1_000].map(|row| set.from(row)).to_vec();
        assert_eq!(next, [Some(0), Some(63), Some(63), Some(64), Some(130), Some(299), None, None]);
        set.clear();
        set.reserve(64);
        assert_eq!(set.from(0), None);
    }

    #[test]
    fn what_is_kept_stays_in_order() {
        let mut rows: Vec<u32> = (0..10).collect();
        retain(&mut rows, |row| row % 3 == 0);
        assert_eq!(rows, [0, 3, 6, 9]);
        let mut lists = Lists::default();
        lists.put(rows);
        assert_eq!(lists.any(3).len(), 4);
        assert_eq!(lists.zeros(2), [0, 0]);
    }
}

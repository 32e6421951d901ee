//! At most so many matches of a key in a time.

use std::collections::VecDeque;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::key::Key;

/// Says of each match of a rule whether it is told: at most so many of a key within so much event time.
///
/// It remembers the times of what was told as long as they matter, and of so many keys at most; beyond that the key that
/// was told longest ago is forgotten, so that its next match is told again.
#[derive(Clone, Debug)]
pub struct Limiter {
    matches: usize,
    per: i64,
    keys_max: usize,
    told: HashMap<Key, VecDeque<i64>, RandomState>,
    /// What was told, in the order in which it was.
    order: VecDeque<(i64, Key)>,
    latest: i64,
}

impl Limiter {
    /// A match is told unless `matches` were told less than `per` nanoseconds before it; or after it, as what is told need not
    /// come in the order of event times.
    pub fn new(matches: u32, per: i64, keys_max: usize) -> Limiter {
        Limiter {
            matches: matches as usize,
            per,
            keys_max,
            told: HashMap::default(),
            order: VecDeque::new(),
            latest: i64::MIN,
        }
    }

    /// Whether a match of this key at this event time is told; it is then counted.
    pub fn admits(&mut self, key: &Key, time: i64) -> bool {
        self.latest = self.latest.max(time);
        self.forget();
        let is_near =
            |told: &&i64| i128::from(**told).abs_diff(i128::from(time)) < self.per.unsigned_abs().into();
        let recent = self.told.get(key).map_or(0, |told| told.iter().filter(is_near).count());
        if recent >= self.matches {
            return false;
        }
        if !self.told.contains_key(key) && self.told.len() >= self.keys_max {
            while self.told.len() >= self.keys_max && self.forget_first() {}
        }
        self.told.entry(key.clone()).or_default().push_back(time);
        self.order.push_back((time, key.clone()));
        true
    }

    /// Keys of which something is remembered.
    pub fn keys(&self) -> usize {
        self.told.len()
    }

    /// What no later match can come close to. Times need not grow, so an older one may wait behind a newer one.
    fn forget(&mut self) {
        let since = self.latest.saturating_sub(self.per);
        while self.order.front().is_some_and(|(time, _)| *time <= since) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) -> bool {
        let Some((_, key)) = self.order.pop_front() else { return false };
        if let Some(told) = self.told.get_mut(&key) {
            told.pop_front();
            if told.is_empty() {
                self.told.remove(&key);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_matches_are_told_in_a_time_and_key() {
        let mut limiter = Limiter::new(2, 10, 100);
        let (one, other) = (Key::single("1"), Key::single("2"));
        let told: Vec<bool> =
            [0, 5, 9, 10, 14, 15].into_iter().map(|time| limiter.admits(&one, time)).collect();
        assert_eq!(told, [true, true, false, true, false, true]);
        assert!(limiter.admits(&other, 15));
    }

    #[test]
    fn at_one_moment_so_many_are_told_as_in_any_time() {
        let mut limiter = Limiter::new(2, 1, 100);
        let key = Key::none();
        let told = [5, 5, 5, 6, 6, 6, i64::MAX, i64::MAX, i64::MAX].map(|time| limiter.admits(&key, time));
        assert_eq!(told, [true, true, false, true, true, false, true, true, false]);
        let mut limiter = Limiter::new(1, i64::MAX, 100);
        let told = [i64::MIN, -1, 0, 5, i64::MAX - 1].map(|time| limiter.admits(&key, time));
        assert_eq!(told, [true, true, false, false, true]);
    }

    #[test]
    fn what_was_told_long_after_a_match_does_not_keep_it_back() {
        let mut limiter = Limiter::new(1, 10, 100);
        let (one, other) = (Key::single("1"), Key::single("2"));
        let told = [(&one, 100), (&one, 85), (&one, 91), (&one, 109), (&other, 90), (&one, 110)]
            .map(|(key, time)| limiter.admits(key, time));
        assert_eq!(told, [true, true, false, false, true, true]);
    }

    #[test]
    fn what_matters_no_longer_is_forgotten() {
        let mut limiter = Limiter::new(1, 10, 100);
        for key in 0..50 {
            assert!(limiter.admits(&Key::single(&key.to_string()), key));
        }
        assert_eq!(limiter.keys(), 10);
        let mut limiter = Limiter::new(1, 1_000, 3);
        for key in 0..50 {
            assert!(limiter.admits(&Key::single(&key.to_string()), key));
        }
        assert_eq!(limiter.keys(), 3);
        assert!(!limiter.admits(&Key::single("49"), 50) && limiter.admits(&Key::single("0"), 50));
    }
}

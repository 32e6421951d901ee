//! At most so many matches of a key in a time.

use std::collections::VecDeque;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::key::Key;

/// Says of each match of a rule whether it is told: at most so many of a key within so much event time.
///
/// It remembers the times of what was told as long as they matter, of so many keys and so many matches at most; beyond that
/// what was told longest ago is forgotten, so that a match is told again.
#[derive(Clone, Debug)]
pub struct Limiter {
    matches: usize,
    per: i64,
    keys_max: usize,
    /// Matches that are remembered at most.
    told_max: usize,
    /// By key, the times of what was told, ascending.
    told: HashMap<Key, VecDeque<i64>, RandomState>,
    /// What was told, in the order in which it was.
    order: VecDeque<(i64, Key)>,
    latest: i64,
    /// What the keys of `told` own, in bytes.
    key_bytes: usize,
}

impl Limiter {
    /// A match is told unless `matches` were told less than `per` nanoseconds before it; or after it, as what is told need not
    /// come in the order of event times.
    pub fn new(matches: u32, per: i64, keys_max: usize) -> Limiter {
        Limiter {
            matches: matches as usize,
            per,
            keys_max,
            told_max: keys_max.max(matches as usize),
            told: HashMap::default(),
            order: VecDeque::new(),
            latest: i64::MIN,
            key_bytes: 0,
        }
    }

    /// Whether a match of this key at this event time is told; it is then counted.
    pub fn admits(&mut self, key: &Key, time: i64) -> bool {
        self.latest = self.latest.max(time);
        self.forget();
        let near = self.told.get(key).map_or(0, |told| {
            let since = |bound: i128| told.partition_point(|told| i128::from(*told) < bound);
            let (time, per) = (i128::from(time), i128::from(self.per));
            since(time + per) - since(time - per + 1)
        });
        if near >= self.matches {
            return false;
        }
        while self.order.len() >= self.told_max && self.forget_first() {}
        if !self.told.contains_key(key) {
            while self.told.len() >= self.keys_max && self.forget_first() {}
        }
        self.tell(time, key.clone());
        true
    }

    /// The largest event time of a match so far, and what is remembered of those that were told, in the order in which they
    /// were.
    pub fn told(&self) -> (i64, impl ExactSizeIterator<Item = (i64, &Key)>) {
        (self.latest, self.order.iter().map(|(time, key)| (*time, key)))
    }

    /// Goes on like a limiter which remembers this.
    pub fn restore(&mut self, latest: i64, told: impl IntoIterator<Item = (i64, Key)>) {
        self.told.clear();
        self.order.clear();
        self.key_bytes = 0;
        self.latest = latest;
        told.into_iter().for_each(|(time, key)| self.tell(time, key));
    }

    /// Keys of which something is remembered.
    pub fn keys(&self) -> usize {
        self.told.len()
    }

    /// What is remembered takes so much memory, in bytes.
    pub fn bytes(&self) -> usize {
        // A hash table has a byte for each entry beside it.
        let of_key = size_of::<(Key, VecDeque<i64>)>() + 1;
        let of_match = size_of::<(i64, Key)>() + size_of::<i64>();
        self.told.len() * of_key + self.order.len() * of_match + self.key_bytes
    }

    fn tell(&mut self, time: i64, key: Key) {
        let told = self.told.entry(key.clone()).or_default();
        if told.is_empty() {
            self.key_bytes += key.heap_bytes();
        }
        told.insert(told.partition_point(|told| *told <= time), time);
        self.order.push_back((time, key));
    }

    /// What no later match can come close to. Times need not grow, so an older one may wait behind a newer one.
    fn forget(&mut self) {
        let since = self.latest.saturating_sub(self.per);
        while self.order.front().is_some_and(|(time, _)| *time <= since) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) -> bool {
        let Some((time, key)) = self.order.pop_front() else { return false };
        if let Some(told) = self.told.get_mut(&key) {
            if let Ok(at) = told.binary_search(&time) {
                told.remove(at);
            }
            if told.is_empty() {
                self.told.remove(&key);
                self.key_bytes -= key.heap_bytes();
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

    #[test]
    fn what_is_remembered_is_bounded_and_counted() {
        let mut limiter = Limiter::new(3, 1_000, 5);
        let key = |number: i64| Key::single(&format!("\"a key of some length, number {number}\""));
        for time in 0..100 {
            assert!(limiter.admits(&key(time % 7), time));
            assert!(limiter.keys() <= 5 && limiter.bytes() < 2_000, "{}", limiter.bytes());
        }
        assert!(limiter.bytes() > 5 * 32, "{}", limiter.bytes());
        limiter.admits(&Key::none(), 10_000);
        assert_eq!(limiter.keys(), 1);
        let one = limiter.bytes();
        assert!(one < 150, "{one}");
        assert!(limiter.admits(&Key::none(), 10_001));
        assert!(limiter.bytes() > one);
    }
}

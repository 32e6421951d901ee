//! Which of many intervals a value lies in, in time logarithmic in their number and linear in what is found; or whether in
//! any of them.
//!
//! Intervals sorted by their lower bounds are a balanced tree without pointers; each place knows the largest upper bound
//! below it (T. H. Cormen et al., "Introduction to Algorithms", section 14.3).

use std::ops::ControlFlow;

use crate::native::Interval;

/// Leaves by interval.
#[derive(Debug, Default)]
pub(crate) struct Intervals {
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    bounds: Interval,
    /// The largest upper bound in the subtree of which this is the middle.
    highest: i128,
    leaf: u32,
}

/// The values of any of some intervals.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    /// Ascending, without overlap.
    spans: Vec<Interval>,
}

impl Intervals {
    pub(crate) fn new(mut items: Vec<(Interval, u32)>) -> Self {
        items.retain(|((low, high), _)| low <= high);
        items.sort_unstable();
        items.dedup();
        let mut items: Vec<Item> =
            items.into_iter().map(|(bounds, leaf)| Item { bounds, highest: bounds.1, leaf }).collect();
        raise(&mut items);
        Self { items }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Hands the leaves of all intervals around `value` to `each`, until that breaks.
    #[inline]
    pub(crate) fn around(
        &self,
        value: i128,
        each: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match &self.items[..] {
            [first, ..] if first.bounds.0 > value => ControlFlow::Continue(()),
            [] => ControlFlow::Continue(()),
            [only] if only.bounds.1 < value => ControlFlow::Continue(()),
            [only] => each(only.leaf),
            items => visit(items, value, each),
        }
    }
}

impl Spans {
    pub(crate) fn new(mut intervals: Vec<Interval>) -> Self {
        intervals.retain(|(low, high)| low <= high);
        intervals.sort_unstable();
        let mut spans: Vec<Interval> = Vec::new();
        for (low, high) in intervals {
            match spans.last_mut().filter(|last| low <= last.1) {
                Some(last) => last.1 = last.1.max(high),
                None => spans.push((low, high)),
            }
        }
        Self { spans }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    #[inline]
    pub(crate) fn contain(&self, value: i128) -> bool {
        let is_in = |(low, high): Interval| (low <= value) & (value <= high);
        match &self.spans[..] {
            [] => false,
            [only] => is_in(*only),
            spans => {
                let after = spans.partition_point(|(low, _)| *low <= value);
                after > 0 && is_in(spans[after - 1])
            }
        }
    }
}

fn raise(items: &mut [Item]) -> i128 {
    let middle = items.len() / 2;
    let Some((left, [item, right @ ..])) =
        items.split_at_mut_checked(middle).filter(|(_, rest)| !rest.is_empty())
    else {
        return i128::MIN;
    };
    item.highest = item.bounds.1.max(raise(left)).max(raise(right));
    item.highest
}

fn visit(items: &[Item], value: i128, each: &mut impl FnMut(u32) -> ControlFlow<()>) -> ControlFlow<()> {
    let (left, rest) = items.split_at(items.len() / 2);
    let Some((item, right)) = rest.split_first() else { return ControlFlow::Continue(()) };
    if item.highest < value {
        return ControlFlow::Continue(());
    }
    visit(left, value, each)?;
    if item.bounds.0 > value {
        return ControlFlow::Continue(());
    }
    if item.bounds.1 >= value {
        each(item.leaf)?;
    }
    visit(right, value, each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_intervals_around_a_value_are_found() {
        let mut state: u64 = 7;
        let mut next = |below: i128| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i128::from(state >> 33) % below
        };
        for count in 0..40u32 {
            let items: Vec<(Interval, u32)> = (0..count)
                .map(|leaf| match next(4) {
                    0 => ((i128::MIN, next(20)), leaf),
                    1 => ((next(20), i128::MAX), leaf),
                    _ => ((next(20), next(20)), leaf),
                })
                .collect();
            let intervals = Intervals::new(items.clone());
            let spans = Spans::new(items.iter().map(|(bounds, _)| *bounds).collect());
            assert_eq!(spans.is_empty(), intervals.is_empty());
            for value in 0..20 {
                let mut found = Vec::new();
                let _ = intervals.around(value, &mut |leaf| {
                    found.push(leaf);
                    ControlFlow::Continue(())
                });
                found.sort_unstable();
                let expected: Vec<u32> = items
                    .iter()
                    .filter(|((low, high), _)| *low <= value && value <= *high)
                    .map(|(_, leaf)| *leaf)
                    .collect();
                assert_eq!(found, expected);
                assert_eq!(spans.contain(value), !expected.is_empty());
            }
        }
    }
}

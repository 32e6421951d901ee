//! An application that keeps the rules copies exactly once whatever happens, and one that breaks a rule does not.
//!
//! `SEEDS=1000 FROM=0` runs that many seeds of the first from there on.

use std::ops::Range;

use crate::copier::{Protocol, run};

fn seeds() -> Range<u64> {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().expect("a number of seeds"))
    };
    let from = number("FROM", 0);
    from..from + number("SEEDS", 40)
}

#[test]
fn who_keeps_the_rules_copies_exactly_once() {
    for seed in seeds() {
        run(seed, Protocol::Right).unwrap();
    }
}

/// Seeds that show what breaking a rule does.
fn failing(protocol: Protocol) -> impl Iterator<Item = u64> {
    (0..500).filter(move |seed| run(*seed, protocol).is_err())
}

#[test]
fn without_a_proof_of_membership_something_is_copied_twice() {
    assert!(failing(Protocol::Unfenced).next().is_some());
}

#[test]
fn without_the_gate_something_is_copied_twice() {
    assert!(failing(Protocol::Ungated).next().is_some());
}

#[test]
fn a_seed_gives_the_same_world_again() {
    assert_eq!(run(7, Protocol::Unfenced), run(7, Protocol::Unfenced));
    assert_eq!(run(8, Protocol::Ungated), run(8, Protocol::Ungated));
}

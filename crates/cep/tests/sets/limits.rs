//! What limits make sets leave out.

use std::collections::BTreeMap;

use olocus_cep::pattern::{EvaluatorKind, PatternPlan};
use olocus_cep::{Limits, Overflow};
use olocus_reference::random::cases;
use proptest::prelude::*;

use crate::agreement::{PLAIN, accepted, events, keys};
use crate::patterns::{any, plan, plan_of, some, step};
use crate::running::{Match, run, run_limited};

/// Matches by the event with which they begin, in the order in which they are found.
fn by_start(found: impl IntoIterator<Item = Match>) -> BTreeMap<usize, Vec<Match>> {
    let mut starts: BTreeMap<usize, Vec<Match>> = BTreeMap::new();
    for found in found {
        starts.entry(found.2[0].1).or_default().push(found);
    }
    starts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// What began with an event is found up to some other event, and then no more.
    #[test]
    fn what_is_dropped_is_dropped_for_good_and_as_a_whole(
        case in cases(PLAIN, 14),
        keys in keys(),
        most in 3..20_usize,
        policy in any_policy(),
    ) {
        let Some(automaton) = accepted(&case) else { return Err(TestCaseError::reject("not accepted")) };
        let (plan, events) = (plan(case.pattern.clone()), events(&case, &keys));
        let limits = Limits { partial_matches_per_rule: most, policy, ..Limits::default() };
        let (found, stats) = run_limited(&plan, EvaluatorKind::Sets, limits, &events).unwrap();
        prop_assert!(stats.partial_matches <= most);
        let all = by_start(run(&plan, EvaluatorKind::Sets, &events).unwrap());
        let lost = found.len() < all.values().map(Vec::len).sum();
        prop_assert!(stats.dropped > 0 || !lost);
        for (start, found) in by_start(found.clone()) {
            let until = found.iter().map(|found| found.0).max().unwrap();
            let mut expected: Vec<Match> = all[&start].iter().filter(|found| found.0 <= until).cloned().collect();
            let mut found = found;
            found.sort();
            expected.sort();
            prop_assert_eq!(found, expected, "from {}, {}", start, automaton);
        }
        if policy == Overflow::DropOldest {
            // Whatever is lost began before all that is found at the same event or later.
            for (start, all) in &all {
                for lost in all.iter().filter(|lost| !found.contains(lost)) {
                    let earlier = found.iter().find(|found| found.0 >= lost.0 && found.2[0].1 < *start);
                    prop_assert_eq!(earlier, None, "{:?} is lost, {}", lost, automaton);
                }
            }
        }
    }

    #[test]
    fn what_is_not_told_is_counted(
        events in prop::collection::vec((0..3_i64, 0..8_u64, 0..2_usize), 1..14),
        most in 0..5_usize,
        bounded in prop::bool::ANY,
    ) {
        let events: Vec<_> = events.iter().scan(0, |time, (later, bits, key)| {
            *time += later;
            Some((*time, *bits, *key))
        }).collect();
        let plan = plan_of(vec![step(0), some(1), any(2)], bounded.then_some(9));
        let all = run(&plan, EvaluatorKind::Sets, &events).unwrap();
        let outputs = olocus_cep::pattern::PatternOutputs { matches_per_event: most, ..plan.outputs };
        let plan = PatternPlan { outputs, ..plan };
        let (found, stats) = run_limited(&plan, EvaluatorKind::Sets, Limits::default(), &events).unwrap();
        prop_assert_eq!(found.len() + stats.untold as usize, all.len());
        let mut at_events: BTreeMap<(usize, bool), usize> = BTreeMap::new();
        for found in &found {
            prop_assert!(all.contains(found));
            *at_events.entry(found.0).or_default() += 1;
        }
        prop_assert!(at_events.values().all(|told| *told <= most));
    }
}

fn any_policy() -> impl Strategy<Value = Overflow> {
    prop_oneof![Just(Overflow::DropOldest), Just(Overflow::DropNewest)]
}

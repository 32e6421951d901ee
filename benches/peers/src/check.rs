//! Whether engines found the same.

use crate::contender::Figures;
use crate::generate::Generator;
use crate::truth::Truth;
use crate::workload::Workload;

/// Compares what an engine counted with what there is, at each mark, at its end and after the closing event; tells differences.
pub(crate) fn differences(engine: &str, workload: Workload, figures: &Figures) -> Vec<String> {
    let mut generator = Generator::new(workload);
    let mut truth = Truth::new(workload);
    let mut differences = Vec::new();
    let (mut seen, mut matches) = (0, 0);
    let mut compare = |at: u64, found: u64, there_are: u64, what: &str| {
        if found != there_are {
            let name = workload.name;
            differences.push(format!(
                "{name}: {engine} found {found} matches {what} {at} events, but there are {there_are}"
            ));
        }
    };
    let end = (figures.events, figures.matches);
    for &(mark, found) in figures.counts.iter().chain([&end]) {
        while seen < mark {
            matches += truth.push(&generator.next());
            seen += 1;
        }
        compare(mark, found, matches, "in");
    }
    if workload.live > 0 {
        compare(seen, figures.closing, truth.push(&generator.closing()), "waiting after");
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::{Budget, measure};
    use crate::ours::contender;
    use crate::workload::ALL;
    use std::time::Duration;

    const BUDGET: Budget =
        Budget { warm_up: Duration::ZERO, all: Duration::from_secs(600), events: Some(20_000) };

    #[test]
    fn our_engine_finds_what_there_is() {
        let mut compared = 0;
        // Compiling the rules of the largest takes too long for a test.
        for workload in ALL.into_iter().filter(|workload| workload.rules <= 1_000) {
            // So few users that matches come early.
            let workload = Workload { keys: workload.keys.min(20), ..workload };
            let figures = measure(&mut *contender(workload).unwrap(), workload, BUDGET).unwrap();
            assert_eq!(figures.events, 20_000);
            assert_eq!(differences("ours", workload, &figures), Vec::<String>::new());
            compared += figures.matches + figures.closing;
        }
        assert!(compared > 10_000, "{compared}");
    }

    #[test]
    fn a_difference_is_told() {
        let workload = *ALL.iter().find(|workload| workload.name == "one10").unwrap();
        let figures = Figures { events: 100, closing: 9, counts: vec![(50, 1)], ..Figures::default() };
        assert_eq!(
            differences("x", workload, &figures),
            [
                "one10: x found 1 matches in 50 events, but there are 0",
                "one10: x found 9 matches waiting after 100 events, but there are 10"
            ]
        );
    }
}

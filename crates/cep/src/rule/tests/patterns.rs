//! What is read of sequences with all that the pattern language has.

use olocus_document::Spanned;

use super::*;
use crate::Overflow;
use crate::pattern::Contiguity;

const SECOND: i64 = 1_000_000_000;

fn sequence(lines: &str) -> Sequence {
    let mut rules = good(&rule_of(lines));
    match rules.remove(0).body {
        Body::Sequence(sequence) => sequence,
        body @ Body::Window { .. } => panic!("{body:?}"),
    }
}

/// Two steps with an element between them, which is returned.
fn between(element: &str) -> Element {
    let mut sequence = sequence(&format!(
        "sequence:\n  - {{ step: a, event: x }}\n  - {element}\n  - {{ step: b, event: y }}"
    ));
    sequence.elements.remove(1)
}

fn types(event: &[Spanned<TypePattern>]) -> Vec<&str> {
    event.iter().map(|pattern| pattern.value.as_str()).collect()
}

#[test]
fn a_step_is_by_default_the_next_event_that_satisfies_it() {
    let element = between("{ step: c, event: x }");
    assert_eq!(element.contiguity, Contiguity::SkipTillNext);
    assert!(element.within.is_none());
    let Times { min: 1, max: Some(1), optional: false, greedy: false, gap: None, until: None, .. } =
        element.times
    else {
        panic!("{:?}", element.times)
    };
}

#[test]
fn times_are_a_number_a_range_or_a_word() {
    for (text, min, max, contiguity, gap) in [
        ("3", 3, Some(3), Contiguity::SkipTillNext, None),
        ("1", 1, Some(1), Contiguity::SkipTillNext, None),
        ("one_or_more", 1, None, Contiguity::SkipTillNext, None),
        ("{ min: 2, max: 4 }", 2, Some(4), Contiguity::SkipTillNext, None),
        ("{ max: 4, contiguity: strict }", 1, Some(4), Contiguity::Strict, None),
        (
            "{ min: 2, contiguity: skip_till_any, gap: 30s }",
            2,
            None,
            Contiguity::SkipTillAny,
            Some(30 * SECOND),
        ),
    ] {
        let times = between(&format!("{{ step: c, event: x, times: {text} }}")).times;
        assert_eq!(
            (times.min, times.max, times.contiguity, times.gap),
            (min, max, contiguity, gap),
            "{text}"
        );
    }
}

#[test]
fn what_ends_repetitions_is_by_default_of_the_types_of_the_step() {
    let until = |text: &str| between(text).times.until.unwrap();
    let own = until("{ step: c, event: [x, z], times: one_or_more, until: { where: v > 5 } }");
    assert_eq!(types(&own.event), ["x", "z"]);
    assert_eq!(own.filter.unwrap().value, "v > 5");
    let other = until("{ step: c, event: x, times: { min: 2 }, greedy: true, until: { event: w } }");
    assert_eq!(types(&other.event), ["w"]);
    assert!(other.filter.is_none());
    let of_group = until("{ group: [ { step: c, event: x } ], times: one_or_more, until: { event: w } }");
    assert_eq!(types(&of_group.event), ["w"]);
}

#[test]
fn elements_nest() {
    let element = between(
        "{ group: [ { step: c, event: x }, { any_of: [ { step: d, event: x },
           [ { step: e, event: x }, { step: f, event: x } ] ], within: 5s } ], contiguity: strict, times: 2,
           optional: true }",
    );
    assert_eq!(
        (element.contiguity, element.times.max, element.times.optional),
        (Contiguity::Strict, Some(2), true)
    );
    let Takes::Group(elements) = &element.takes else { panic!("{:?}", element.takes) };
    assert_eq!(elements[1].within, Some(5 * SECOND));
    let Takes::AnyOf(alternatives) = &elements[1].takes else { panic!("{:?}", elements[1].takes) };
    assert_eq!(alternatives.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    let all =
        between("{ all_of: [ { step: c, event: x, where: v = 1 }, { step: d, event: z } ], within: 5s }");
    let Takes::AllOf(steps) = &all.takes else { panic!("{:?}", all.takes) };
    assert_eq!(steps.len(), 2);
    assert_eq!(all.within, Some(5 * SECOND));
}

#[test]
fn absence_has_a_time_at_the_start_and_at_the_end() {
    let sequence = sequence(
        "sequence:
  - { not: { event: x }, for: 5s }
  - { step: a, event: x }
  - { not: { step: no, event: [x, z], where: v = 1 }, contiguity: strict }
  - { step: b, event: x }
  - { not: { event: w }, for: 6s }",
    );
    let nots: Vec<_> = sequence
        .elements
        .iter()
        .filter_map(|element| match &element.takes {
            Takes::Not(not) => Some((not.lasts, element.contiguity)),
            _ => None,
        })
        .collect();
    let relaxed = Contiguity::SkipTillNext;
    assert_eq!(nots, [(Some(5 * SECOND), relaxed), (None, Contiguity::Strict), (Some(6 * SECOND), relaxed)]);
    // Also without a time where the rule or the contiguity gives one.
    for rest in ["  - { not: { event: w } }\nwithin: 1m", "  - { not: { event: w }, contiguity: strict }"] {
        good(&rule_of(&format!("sequence:\n  - {{ step: a, event: x }}\n{rest}")));
    }
}

#[test]
fn a_rule_says_what_matches_end_and_how_many_there_are() {
    let text = rule_of(
        "sequence: [ { step: a, event: x }, { step: b, event: x, contiguity: strict } ]
within: 5s
from: [x, z.*]
after_match: { to_last: a }
on_timeout: [ { log: info }, { publish: t } ]
max_matches_per_event: 7
having: b.v > a.v
limit: 2 per 1m
state: { partial_matches: 10, keys: 20, policy: drop_newest }
include: none",
    );
    let rule = good(&text).remove(0);
    assert_eq!(rule.having.unwrap().value, "b.v > a.v");
    assert_eq!(rule.limit, Some(MatchLimit { matches: 2, per: 60 * SECOND }));
    assert_eq!(rule.include, Include::Nothing);
    let state = StateBounds {
        partial_matches: Some(10),
        window_events: None,
        keys: Some(20),
        policy: Some(Overflow::DropNewest),
    };
    assert_eq!(rule.state, state);
    let Body::Sequence(sequence) = rule.body else { panic!("{:?}", rule.body) };
    assert_eq!(types(&sequence.from.unwrap()), ["x", "z.*"]);
    assert!(matches!(&sequence.after_match, AfterMatch::ToLast(step) if step.value == "a"));
    assert_eq!(sequence.on_timeout.unwrap().len(), 2);
    assert_eq!(sequence.max_matches_per_event, 7);

    let window =
        good(&rule_of("window: { count: 5, event: x }\nstate: { window_events: 9 }\nlimit: 1 per 1d"));
    assert_eq!(window[0].state.window_events, Some(9));
    assert!(window[0].limit.is_some());
}

#[test]
fn tests_may_expect_what_runs_out_of_time() {
    let timeouts = |lines: &str| {
        let text = format!(
            "sequence: [ {{ step: a, event: x }}, {{ step: b, event: y, within: 1m }} ]
on_timeout: [ {{ log: info }} ]
tests: [ {{ name: t, events: [ {{ at: 0s, type: x }} ], expect: none{lines} }} ]"
        );
        good(&rule_of(&text)).remove(0).tests.remove(0).timeouts
    };
    assert!(timeouts("").is_none());
    assert!(timeouts(", timeouts: none").unwrap().is_empty());
    assert_eq!(timeouts(", timeouts: [ {} ]").unwrap().len(), 1);
}

#[test]
fn after_match_has_five_forms() {
    for (text, expected) in [
        ("none", "Nothing"),
        ("to_next", "ToNext"),
        ("past_last", "PastLast"),
        ("{ to_first: b }", "ToFirst"),
        ("{ to_last: b }", "ToLast"),
    ] {
        let steps = "sequence: [ { step: a, event: x }, { step: b, event: x } ]";
        let after = sequence(&format!("{steps}\nafter_match: {text}")).after_match;
        assert!(format!("{after:?}").starts_with(expected), "{text}: {after:?}");
    }
}

#[test]
fn defaults_ask_for_nothing_special() {
    let rule = good(&rule_of("sequence: [ { step: a, event: x } ]")).remove(0);
    assert_eq!((rule.limit, rule.include, rule.state), (None, Include::Places, StateBounds::default()));
    let Body::Sequence(sequence) = rule.body else { panic!("{:?}", rule.body) };
    assert!(sequence.from.is_none() && sequence.on_timeout.is_none() && sequence.within.is_none());
    assert_eq!((sequence.after_match, sequence.max_matches_per_event), (AfterMatch::Nothing, 1000));
}

#[test]
fn all_that_is_asked_of_events_comes_in_the_order_of_the_file() {
    let text = rule_of(
        "sequence:
  - { not: { event: n }, for: 1s }
  - { step: a, event: a, times: one_or_more, until: { event: u } }
  - group: [ { step: b, event: b, optional: true }, { any_of: [ { step: c, event: c }, [ { step: d, event: d } ] ] } ]
    times: one_or_more
    until: { event: w }
  - { all_of: [ { step: e, event: e }, { step: f, event: f } ] }",
    );
    let expected = ["n", "a", "u", "b", "c", "d", "w", "e", "f"];
    let Body::Sequence(sequence) = good(&text).remove(0).body else { panic!() };
    let asked: Vec<_> =
        sequence.asked().iter().map(|asked| asked.event()[0].value.as_str().to_owned()).collect();
    assert_eq!(asked, expected);
    let steps: Vec<_> = sequence.steps().iter().map(|step| step.name.value.as_str()).collect();
    assert_eq!(steps, ["a", "b", "c", "d", "e", "f"]);

    // A draft has them too, in the same order.
    let (file, _) = read(&text.replace("    until: { event: w }", "    until: { event: w, odd: 1 }"));
    let [DraftBody::Sequence(drafts)] = file.drafts[0].bodies.as_slice() else { panic!("{:?}", file.drafts) };
    let asked: Vec<_> = drafts.iter().map(|draft| types(draft.event.as_ref().unwrap())[0]).collect();
    assert_eq!(asked, expected);
    let untils: Vec<_> = drafts
        .iter()
        .filter(|draft| draft.role == DraftRole::Until)
        .map(|draft| draft.name.as_ref().map(|name| name.value.as_str()))
        .collect();
    assert_eq!(untils, [Some("a"), None]);
}

#[test]
fn lists_come_from_files_and_topics() {
    let (file, problems) = read(
        "version: 1
lists:
  - { name: bad_ips, file: lists/bad.csv }
  - { name: hosts, file: hosts.ndjson.gz, key: host }
  - { name: nets, file: nets.csv, kind: cidr }
  - { name: assets, topic: assets.v1, key: id }
",
    );
    assert!(problems.is_empty(), "{}", problems.render(false));
    let sources: Vec<_> = file
        .lists
        .iter()
        .map(|list| match &list.source {
            ListSource::File { path, format, gzip, key } => {
                let key = key.as_ref().map(|key| &key.value);
                format!("{} {format:?} {gzip} {key:?} {:?}", path.value, list.kind)
            }
            ListSource::Topic { topic, key } => format!("{} {}", topic.value, key.value),
        })
        .collect();
    assert_eq!(
        sources,
        [
            "lists/bad.csv Csv false None Exact",
            "hosts.ndjson.gz Ndjson true Some(\"host\") Exact",
            "nets.csv Csv false None Cidr",
            "assets.v1 id",
        ]
    );
}

#[test]
fn names_of_lists_are_unique_across_files() {
    let text = "version: 1\nlists: [ { name: a, file: a.csv } ]\n";
    let files = ["a.yaml", "b.yaml"]
        .map(|name| parse_rule_file(&SourceFile::new(name, text), &mut Diagnostics::new()));
    let mut diagnostics = Diagnostics::new();
    check_unique_names(&files, &mut diagnostics);
    assert!(diagnostics.render(false).contains("the list `a` is defined twice"));
    assert_eq!(diagnostics.len(), 1);
}

//! What is wrong with patterns is told, with what would be right.

use olocus_cep::AggregateFunction;
use olocus_cep::pattern::{
    AfterMatch, Body, Comparison, Condition, ConditionId, Contiguity, Cross, Pattern, Preceded, Register,
    RegisterFunction, RegisterId, Repeat, Stage, Step, StepId,
};

const NEXT: Contiguity = Contiguity::SkipTillNext;

fn stage(body: Body) -> Stage {
    Stage { follows: NEXT, body, repeat: Repeat::ONCE, within: None }
}

fn step(step: u8) -> Stage {
    stage(Body::Step(StepId(step)))
}

fn not(step: u8) -> Stage {
    stage(Body::Not(StepId(step)))
}

fn optional(stage: Stage) -> Stage {
    Stage { repeat: Repeat { optional: true, ..stage.repeat.clone() }, ..stage }
}

fn repeated(stage: Stage, repeat: Repeat) -> Stage {
    Stage { repeat, ..stage }
}

const MANY: Repeat = Repeat { max: None, ..Repeat::ONCE };

/// `a`, then `b`, then `c`; there is a `d` as well.
fn pattern(stages: Vec<Stage>) -> Pattern {
    let named =
        |(index, name): (usize, &str)| Step { name: name.to_string(), condition: ConditionId(index as u16) };
    Pattern {
        steps: ["a", "b", "c", "d"].into_iter().enumerate().map(named).collect(),
        conditions: (0..4).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages,
        within: Some(100),
        preceded: None,
        after_match: AfterMatch::Nothing,
    }
}

fn told(pattern: &Pattern) -> Vec<String> {
    pattern.validate().iter().map(ToString::to_string).collect()
}

fn problems(stages: Vec<Stage>) -> Vec<String> {
    told(&pattern(stages))
}

#[test]
fn what_is_right_is_left_alone() {
    let every_part = vec![
        repeated(step(0), Repeat { greedy: true, until: Some(ConditionId(3)), gap: Some(5), ..MANY }),
        not(1),
        optional(stage(Body::Group(vec![step(2), stage(Body::AllOf(vec![StepId(0), StepId(1)]))]))),
        stage(Body::AnyOf(vec![vec![step(0)], vec![step(1), step(2)]])),
        not(3),
    ];
    assert_eq!(problems(every_part), Vec::<String>::new());
}

#[test]
fn what_is_wrong_with_stages_is_told() {
    let cases: Vec<(Vec<Stage>, &str)> = vec![
        (vec![], "the pattern is empty; it needs a stage"),
        (
            vec![not(0), step(1)],
            "the pattern begins with not `a`; something that may come must come before it",
        ),
        (
            vec![optional(step(0)), not(1), step(2)],
            "not `b` comes after `a`, which is optional; make two patterns, one with `a` and one without",
        ),
        (
            vec![step(0), optional(not(1)), step(2)],
            "not `b` cannot be optional or repeated; it already means: none at all",
        ),
        (
            vec![stage(Body::Group(vec![step(0), not(1)])), step(2)],
            "the group of `a` … ends with not `b`; what must not come needs a stage after it that has to come, or the \
             end of the pattern",
        ),
        (
            vec![stage(Body::Group(vec![step(0), not(1), optional(step(2))])), step(3)],
            "the group of `a` … ends with not `b`; what must not come needs a stage after it that has to come, or the \
             end of the pattern",
        ),
        (
            vec![repeated(step(0), Repeat { min: 0, ..MANY })],
            "`a` is repeated at least 0 times; make it optional and repeated at least once",
        ),
        (
            vec![repeated(step(0), Repeat { min: 3, max: Some(2), ..Repeat::ONCE })],
            "`a` is repeated at least 3 and at most 2 times; the most must be the larger",
        ),
        (
            vec![repeated(step(0), Repeat { greedy: true, ..Repeat::ONCE })],
            "`greedy` means nothing for `a`, which comes once; repeat it or leave that out",
        ),
        (
            vec![repeated(step(0), Repeat { inner: Contiguity::Strict, ..Repeat::ONCE })],
            "how repetitions follow each other means nothing for `a`, which comes once; repeat it or leave that out",
        ),
        (
            vec![repeated(step(0), Repeat { gap: Some(5), ..Repeat::ONCE })],
            "a gap between repetitions means nothing for `a`, which comes once; repeat it or leave that out",
        ),
        (
            vec![repeated(step(0), Repeat { greedy: true, inner: Contiguity::SkipTillAny, ..MANY }), step(1)],
            "`a` is greedy, but any events may be skipped between its repetitions; only one of that is possible",
        ),
        (
            vec![repeated(stage(Body::Group(vec![step(0), step(1)])), Repeat { greedy: true, ..MANY })],
            "the group of `a` … is greedy; only single steps can be, so say it of its last step",
        ),
        (
            vec![repeated(step(0), Repeat { greedy: true, ..MANY }), optional(step(1))],
            "`a` is greedy and `b` after it optional; what is greedy must be followed by what has to come",
        ),
        (
            vec![repeated(step(0), Repeat { until: Some(ConditionId(1)), max: Some(3), ..Repeat::ONCE })],
            "`a` has an `until`, but a largest number of repetitions, or none; `until` is for repetition without bound",
        ),
        (
            vec![repeated(stage(Body::Group(vec![optional(step(0))])), MANY)],
            "all in the group of `a` … is optional; let one of its stages be necessary and make the group optional",
        ),
        (
            vec![stage(Body::AnyOf(vec![vec![step(0)], vec![optional(step(1)), step(2)]]))],
            "an alternative of any of `a`, `b` begins with an optional stage; make an alternative of each way to begin",
        ),
        (vec![stage(Body::AnyOf(vec![]))], "any of  is empty; it needs a stage"),
        (
            vec![stage(Body::AllOf(vec![StepId(0), StepId(0)]))],
            "all of `a`, `a` names `a` twice; each step comes once",
        ),
        (vec![step(9)], "step 9 names step 9, which is not there"),
        (vec![step(0), Stage { within: Some(0), ..step(1) }], "`within` of `b` must be longer than nothing"),
        (
            vec![step(0), Stage { within: Some(101), ..step(1) }],
            "`within` of `b` is larger than the `within` of the whole pattern; make it smaller or leave it out",
        ),
        (
            vec![step(0), stage(Body::Group(vec![Stage { within: Some(5), ..step(1) }]))],
            "the group of `b` … begins with `b`, which has a `within`; give it to the whole of the group of `b` …",
        ),
        (
            vec![step(0), Stage { within: Some(5), ..stage(Body::Group(vec![optional(step(1)), step(2)])) }],
            "the group of `b` … has a `within`, but begins with an optional stage; give it to each stage with which it \
             can begin",
        ),
        (
            vec![repeated(step(0), Repeat { gap: Some(101), ..MANY })],
            "the gap between repetitions of `a` is larger than the `within` of the whole pattern; make it smaller or \
             leave it out",
        ),
    ];
    for (stages, message) in cases {
        assert_eq!(problems(stages), vec![message.to_string()]);
    }
}

#[test]
fn what_is_wrong_with_the_rest_is_told() {
    let plain = || pattern(vec![step(0), step(1)]);
    let mut endless = pattern(vec![step(0), not(1)]);
    endless.within = None;
    let mut timeless = plain();
    timeless.within = Some(0);
    let mut twice = plain();
    twice.steps[1].name = "a".to_string();
    let mut unnamed = plain();
    unnamed.steps[1].name.clear();
    let mut many = plain();
    many.steps = (0..65).map(|step| Step { name: format!("s{step}"), condition: ConditionId(0) }).collect();
    let mut condition = plain();
    condition.steps[0].condition = ConditionId(9);
    let mut bit = plain();
    bit.conditions[0].bit = Some(64);
    let mut register = plain();
    register.conditions[0].cross =
        vec![Cross::Compare { input: 0, operator: Comparison::Less, register: RegisterId(0) }];
    let mut inputless = plain();
    let sum = RegisterFunction::Aggregate(AggregateFunction::Sum);
    inputless.registers = vec![Register { step: StepId(0), function: sum, input: None }];
    let skipping =
        |stages, step| Pattern { after_match: AfterMatch::ToLast(StepId(step)), ..pattern(stages) };
    let cases = [
        (
            endless,
            "not `b` at the end needs a time after which it is decided: a `within`, its own or the pattern's",
        ),
        (timeless, "`within` of the pattern must be longer than nothing"),
        (twice, "two steps are called `a`; each needs a name of its own"),
        (unnamed, "step 1 has no name; each needs one of its own"),
        (many, "65 steps; a pattern may have 64"),
        (condition, "`a` names condition 9, which is not there"),
        (bit, "condition 0 asks for bit 64; rows have bits 0 to 63"),
        (register, "a condition compares with register 0, which is not there"),
        (inputless, "register 0 has no input; only a count does without"),
        (skipping(vec![step(0)], 9), "matches are to skip to step 9, which is not there"),
        (
            skipping(vec![step(0), stage(Body::Group(vec![step(1)]))], 1),
            "matches are to skip to `b`, which is inside of a group or an alternative; name a step outside of them",
        ),
        (
            skipping(vec![step(0), not(1), step(2)], 1),
            "matches are to skip to `b`, which takes no event; name a step that does",
        ),
    ];
    for (pattern, message) in cases {
        assert_eq!(told(&pattern), vec![message.to_string()]);
    }
}

#[test]
fn all_problems_are_told() {
    let found = problems(vec![not(0), repeated(step(1), Repeat { min: 0, greedy: true, ..Repeat::ONCE })]);
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn what_must_not_precede_a_match_is_a_condition_on_single_events_and_a_time() {
    let mut wanted = pattern(vec![step(0)]);
    wanted.preceded = Some(Preceded { condition: ConditionId(1), within: 200 });
    assert_eq!(told(&wanted), [""; 0]);
    wanted.preceded = Some(Preceded { condition: ConditionId(9), within: 0 });
    assert_eq!(
        told(&wanted),
        [
            "what must not precede a match names condition 9, which is not there",
            "the time of what must not precede a match must be longer than nothing",
        ]
    );
    wanted.preceded = Some(Preceded { condition: ConditionId(1), within: 1 });
    wanted.conditions[1].cross = vec![Cross::Opaque(0)];
    assert_eq!(
        told(&wanted),
        ["`b` must not precede a match, but looks at its events; before a match there are none"]
    );
}

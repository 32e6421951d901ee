//! Rows, each in its turn → what the rules find.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use olocus_cep::{Engine, Finding, KeyGroup, KeyRef, Limiter, MakeEvent, Row, Scalar};
use olocus_expr::Tables;
use smallvec::SmallVec;

use super::Outputs;
use super::lists::standing;
use crate::Error;
use crate::matches::{make_match, value};
use crate::plan::{KeyIndex, Plan, RulePlan, Test};
use crate::prepare::{Hit, Needs, RowHit, Rows, StoredEvent, scalar};

/// The automata of all rules, and what surrounds them.
#[derive(Debug)]
pub(super) struct Evaluation {
    pub(super) engine: Engine<Arc<StoredEvent>>,
    /// By rule: how many of its matches are told.
    pub(super) limiters: Vec<Option<Limiter>>,
    /// By rule: how many were not.
    pub(super) limited: Vec<u64>,
    /// By rule, how often an event had no key.
    pub(super) missing_keys: Vec<u64>,
    findings: Vec<Finding<Arc<StoredEvent>>>,
    /// Scratch of one row: the rules to show it to, with its bits.
    asked: Vec<(usize, u64)>,
    /// Scratch of one row and rule.
    inputs: Vec<Scalar>,
}

/// A row whose turn has come.
pub(super) struct Shown<'a> {
    row: RowOf<'a>,
    /// The tests that are known to hold.
    tests: Cow<'a, [u32]>,
}

enum RowOf<'a> {
    /// It is still part of its batch.
    Passing { rows: &'a Rows<'a>, hit: RowHit },
    /// It had to wait.
    Waited(&'a Hit),
}

/// The texts of a row's keys, by what rules group events by.
type KeyTexts<'a> = SmallVec<[(Option<KeyIndex>, Cow<'a, str>); 2]>;

/// The same, looked up.
type Keys<'a> = SmallVec<[(Option<KeyIndex>, KeyRef<'a>); 2]>;

/// The engine's name for what rules group events by.
pub(super) fn group_of(key: Option<KeyIndex>) -> KeyGroup {
    KeyGroup(key.map_or(0, |index| index.0 as u32 + 1))
}

impl Evaluation {
    pub(super) fn new(
        plan: &Plan,
        engine: Engine<Arc<StoredEvent>>,
        limiters: Vec<Option<Limiter>>,
    ) -> Evaluation {
        Evaluation {
            engine,
            limiters,
            limited: vec![0; plan.rules.len()],
            missing_keys: vec![0; plan.rules.len()],
            findings: Vec::new(),
            asked: Vec::new(),
            inputs: Vec::new(),
        }
    }

    /// Tells that all rows before this time have been shown.
    pub(super) fn advance(&mut self, plan: &Plan, tables: &Tables, time: i64, outputs: &mut Outputs) {
        self.engine.advance(time, &mut self.findings);
        self.emit(plan, tables, outputs);
    }

    /// The same before something that comes at this time.
    pub(super) fn fire(&mut self, plan: &Plan, tables: &Tables, time: i64, outputs: &mut Outputs) {
        if self.engine.next_timer().is_some_and(|timer| timer <= time) {
            self.advance(plan, tables, time, outputs);
        }
    }

    /// Shows a row to every rule to which one of its tests means something.
    pub(super) fn show(
        &mut self,
        plan: &Plan,
        tables: &Tables,
        shown: Shown<'_>,
        outputs: &mut Outputs,
    ) -> Result<(), Error> {
        self.fire(plan, tables, shown.time(), outputs);
        let shown = shown.standing(plan, tables);
        let processed = match shown.keys(plan) {
            Some(keys) => self.process(plan, tables, &shown, &keys),
            // Whom the row is missing for must be known exactly.
            None => {
                let made;
                let hit = match shown.row {
                    RowOf::Waited(hit) => hit,
                    RowOf::Passing { rows, hit } => {
                        made = rows.hit(hit);
                        &made
                    }
                };
                let shown = Shown::waited(hit).standing(plan, tables);
                self.count_missing_keys(plan, hit, &shown.tests);
                self.process(plan, tables, &shown, &shown.keys_there())
            }
        };
        self.emit(plan, tables, outputs);
        processed
    }

    fn process(
        &mut self,
        plan: &Plan,
        tables: &Tables,
        shown: &Shown<'_>,
        texts: &[(Option<KeyIndex>, Cow<'_, str>)],
    ) -> Result<(), Error> {
        let Evaluation { engine, asked, inputs, findings, .. } = self;
        let keys: Keys<'_> =
            texts.iter().map(|(index, text)| (*index, engine.look_up(group_of(*index), text))).collect();
        collect_asked(plan, engine, shown, &keys, asked);
        if asked.is_empty() {
            return Ok(());
        }
        let make = Make { plan, tables, shown, rules: asked, made: OnceCell::new() };
        for &(rule, steps) in &*asked {
            let rule_plan = &plan.rules[rule];
            let Some((_, key)) = keys.iter().find(|(index, _)| *index == rule_plan.key) else { continue };
            inputs.clear();
            inputs.extend(
                rule_plan
                    .inputs
                    .iter()
                    .map(|slot| slot.map_or(Scalar::Bool(true), |slot| shown.input(plan, tables, slot))),
            );
            let keep = rule_plan.include_events.then(|| make.event().embedded_bytes());
            let row = Row { time: shown.time(), steps, inputs: &*inputs, event: &make, keep };
            let processed = engine.process_under(rule, key, row, findings);
            processed.map_err(|cause| Error::limit(&rule_plan.name, cause))?;
        }
        Ok(())
    }

    /// Counts the row for each rule that would look at it if it had the rule's key.
    fn count_missing_keys(&mut self, plan: &Plan, hit: &Hit, tests: &[u32]) {
        let rules = tests.iter().flat_map(|&test| plan.tests[test as usize].rules());
        let keyless = |rule: &usize| plan.rules[*rule].key.is_some_and(|key| hit.keys[key.0].is_none());
        for rule in rules.filter(keyless).collect::<BTreeSet<_>>() {
            self.missing_keys[rule] += 1;
        }
    }

    fn emit(&mut self, plan: &Plan, tables: &Tables, outputs: &mut Outputs) {
        for found in self.findings.drain(..).filter_map(|finding| make_match(plan, tables, finding)) {
            let told = match &mut self.limiters[found.rule] {
                Some(limiter) if found.timed_out.is_none() => limiter.admits(&found.key, found.end),
                Some(_) | None => true,
            };
            if told {
                outputs.add_match(found);
            } else {
                self.limited[found.rule] += 1;
            }
        }
    }
}

/// The rules to show a row to, ascending, each with the bits that its tests set: those in which it may begin something, and
/// of those to which it means something else the ones that hold something under the row's key. With many rules over one
/// kind of event, the latter are few.
fn collect_asked(
    plan: &Plan,
    engine: &Engine<Arc<StoredEvent>>,
    shown: &Shown<'_>,
    keys: &[(Option<KeyIndex>, KeyRef<'_>)],
    asked: &mut Vec<(usize, u64)>,
) {
    asked.clear();
    let tests = || shown.tests.iter().map(|&test| &plan.tests[test as usize]);
    asked.extend(tests().flat_map(|test| &test.begins).map(|&rule| (rule, 0)));
    if shown.is_asked() || tests().any(Test::has_later) {
        asked.extend(keys.iter().flat_map(|(_, key)| engine.active(key)).map(|rule| (rule, 0)));
    }
    asked.sort_unstable();
    asked.dedup();
    asked.retain_mut(|(rule, of_rule)| {
        let bits = shown.bits(plan, *rule);
        *of_rule = bits.unwrap_or(0);
        bits.is_some()
    });
}

impl<'a> Shown<'a> {
    /// A row that is still part of its batch.
    pub(super) fn passing(rows: &'a Rows<'a>, hit: RowHit) -> Shown<'a> {
        let tests = Cow::Borrowed(hit.tests(&rows.hits.tests));
        Shown { row: RowOf::Passing { rows, hit }, tests }
    }

    /// A row that had to wait.
    pub(super) fn waited(hit: &'a Hit) -> Shown<'a> {
        Shown { row: RowOf::Waited(hit), tests: Cow::Borrowed(&hit.tests) }
    }

    /// The row with those tests only that hold as lists in topics are now.
    fn standing(self, plan: &Plan, tables: &Tables) -> Shown<'a> {
        let Shown { row, tests } = self;
        let tests = match tests {
            Cow::Borrowed(tests) => standing(plan, tables, tests, |slot| row.input(slot)),
            Cow::Owned(tests) => Cow::Owned(tests),
        };
        Shown { row, tests }
    }

    fn time(&self) -> i64 {
        match self.row {
            RowOf::Passing { rows, hit } => rows.meta.time[hit.row as usize],
            RowOf::Waited(hit) => hit.event.time,
        }
    }

    /// Whether other tests may hold.
    fn is_asked(&self) -> bool {
        matches!(self.row, RowOf::Passing { hit, .. } if hit.is_asked)
    }

    /// The bits that the tests set in a rule; `None` if none of them means anything to it.
    fn bits(&self, plan: &Plan, rule: usize) -> Option<u64> {
        let tests = self.tests.iter().filter_map(|&test| plan.tests[test as usize].bits(rule));
        let asked = match self.row {
            RowOf::Passing { rows, hit } if hit.is_asked => {
                rows.hits.kinds[hit.kind as usize].bits(rule, &rows.columns, hit.row as usize)
            }
            RowOf::Passing { .. } | RowOf::Waited(_) => None,
        };
        tests.chain(asked).reduce(|bits, more| bits | more)
    }

    /// The row's value of a slot of [`Plan::inputs`], now that its turn has come.
    fn input(&self, plan: &Plan, tables: &Tables, slot: usize) -> Scalar {
        match &plan.live_inputs[slot] {
            None => self.row.input(slot),
            Some(made_of) => {
                let input = |slot| value(self.row.input(slot));
                scalar(plan.live_value(plan.inputs[slot], made_of, tables, input))
            }
        }
    }

    /// The texts of all keys that the rules need to which its tests may mean something; `None` where one is missing.
    fn keys(&self, plan: &Plan) -> Option<KeyTexts<'a>> {
        let RowOf::Passing { rows, hit } = self.row else {
            let hit_keys = self.keys_there();
            let needed = self.tests.iter().flat_map(|&test| &plan.tests[test as usize].keys);
            let is_there = |index: &usize| hit_keys.iter().any(|(own, _)| *own == Some(KeyIndex(*index)));
            let all = needed.into_iter().all(is_there);
            return all.then_some(hit_keys);
        };
        let mut keys: KeyTexts<'a> = SmallVec::new();
        keys.push((None, Cow::Borrowed("null")));
        let asked = if hit.is_asked { rows.hits.kinds[hit.kind as usize].asked_keys() } else { &[] };
        let found = self.tests.iter().flat_map(|&test| &plan.tests[test as usize].keys);
        for &index in found.chain(asked) {
            let index = KeyIndex(index);
            if keys.iter().all(|(own, _)| *own != Some(index)) {
                keys.push((Some(index), rows.key(index.0, hit.row as usize)?));
            }
        }
        Some(keys)
    }

    /// The texts of the keys that a row that had to wait has.
    fn keys_there(&self) -> KeyTexts<'a> {
        let mut keys: KeyTexts<'a> = SmallVec::new();
        keys.push((None, Cow::Borrowed("null")));
        if let RowOf::Waited(hit) = self.row {
            let there = (0..).map(KeyIndex).zip(&hit.keys);
            keys.extend(
                there.filter_map(|(index, key)| Some((Some(index), Cow::Borrowed(key.as_ref()?.as_json())))),
            );
        }
        keys
    }
}

impl RowOf<'_> {
    fn input(&self, slot: usize) -> Scalar {
        match self {
            RowOf::Passing { rows, hit } => rows.input(slot, hit.row as usize),
            RowOf::Waited(hit) => hit.inputs.get(slot).cloned().unwrap_or(Scalar::Null),
        }
    }
}

/// Makes the event of a row with what the rules need that the row is shown to. It is the same whether the row had to wait
/// or not, so that what rules hold weighs the same.
struct Make<'a> {
    plan: &'a Plan,
    tables: &'a Tables,
    shown: &'a Shown<'a>,
    rules: &'a [(usize, u64)],
    made: OnceCell<Arc<StoredEvent>>,
}

impl Make<'_> {
    fn event(&self) -> &Arc<StoredEvent> {
        self.made.get_or_init(|| {
            let rules = self.rules.iter().map(|(rule, _)| -> &RulePlan { &self.plan.rules[*rule] });
            let needs = Needs::of(rules);
            let Make { plan, tables, shown, .. } = self;
            let live = |slot: usize| {
                let made_of = plan.live_retained[slot].as_ref()?;
                let input = |slot| value(shown.row.input(slot));
                Some(plan.live_value(plan.retained[slot], made_of, tables, input))
            };
            Arc::new(match shown.row {
                RowOf::Passing { rows, hit } => rows.event(hit.row as usize, &needs, &live),
                RowOf::Waited(hit) => hit.event.reduced(&needs, &live),
            })
        })
    }
}

impl MakeEvent<Arc<StoredEvent>> for Make<'_> {
    fn make(&self) -> Arc<StoredEvent> {
        Arc::clone(self.event())
    }

    fn weight(&self) -> usize {
        self.event().weight
    }
}

//! What a rule reads of events.

use std::collections::{BTreeMap, BTreeSet};

use olocus_event::Kind;
use olocus_expr::{FieldRead, ValueId};

use super::conditions::type_names;
use super::names::About;
use super::{FieldUse, Reads};

impl About<'_> {
    pub(super) fn reads(&self) -> Reads {
        let types: BTreeSet<String> = self.tests().flat_map(|(test, _)| type_names(&test.types)).collect();
        Reads {
            types: types.into_iter().collect(),
            sees_also: self.sees_also().map(|test| type_names(&test.types)),
            fields: self.fields(),
        }
    }

    fn fields(&self) -> Vec<FieldUse> {
        let mut fields: BTreeMap<FieldRead, BTreeSet<&'static str>> = BTreeMap::new();
        let mut add = |reads: BTreeSet<FieldRead>, what: &'static str| {
            for read in reads {
                fields.entry(read).or_default().insert(what);
            }
        };
        let program = &self.plan.program;
        for predicate in self.tests().filter_map(|(test, _)| test.predicate) {
            add(program.reads_of_predicate(predicate), "condition");
        }
        for live in self.tests().filter_map(|(test, _)| test.live) {
            let inputs = &self.plan.live[live].inputs;
            inputs.iter().for_each(|slot| add(program.reads_of_value(self.plan.inputs[*slot]), "condition"));
        }
        let key = self.rule.key.map(|key| self.plan.keys[key.0].fields.as_slice()).unwrap_or_default();
        key.iter().for_each(|field| add(program.reads_of_value(*field), "key"));
        for (value, what) in self.inputs_read() {
            add(program.reads_of_value(value), what);
        }
        for slot in &self.rule.retained {
            add(program.reads_of_value(self.plan.retained[*slot]), "match");
        }
        let named = |(read, uses): (FieldRead, BTreeSet<&'static str>)| FieldUse {
            name: read.name,
            kind: kind(read.kind),
            uses: uses.into_iter().collect(),
        };
        fields.into_iter().map(named).collect()
    }

    /// The values of rows that the rule reads, and what for.
    pub(super) fn inputs_read(&self) -> Vec<(ValueId, &'static str)> {
        let value = |input: usize| Some(self.plan.inputs[self.rule.inputs.get(input).copied().flatten()?]);
        let Some(sequence) = &self.sequence else {
            let inputs = 0..self.rule.inputs.len();
            return inputs.filter_map(|input| Some((value(input)?, "aggregate"))).collect();
        };
        let crosses = sequence.plan.pattern.conditions.iter().flat_map(|condition| &condition.cross);
        let asked = crosses.flat_map(|cross| self.inputs_of(cross)).map(|input| (input, "condition"));
        let remembered = self.registers().iter().filter_map(|register| register.input);
        let all = asked.chain(remembered.map(|input| (input, "earlier events")));
        all.filter_map(|(input, what)| Some((value(input)?, what))).collect()
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Number => "number",
        Kind::Bool => "truth value",
        Kind::Duration => "duration",
        Kind::Time => "time",
        Kind::Json => "any value",
    }
}

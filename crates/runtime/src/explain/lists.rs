//! What a rule looks up, and where.

use std::collections::{BTreeMap, BTreeSet};

use olocus_expr::{LookupRead, ValueId};

use super::names::About;
use super::{ListUse, LookUp};
use crate::plan::{ListPlan, OutputPlan};

impl About<'_> {
    pub(super) fn lists(&self) -> Vec<ListUse> {
        let mut lists: BTreeMap<String, Vec<LookUp>> = BTreeMap::new();
        for (read, uses) in self.look_ups() {
            let LookupRead { list, key, column } = read;
            lists.entry(list).or_default().push(LookUp { key, column, uses: uses.into_iter().collect() });
        }
        let explained = lists.into_iter().filter_map(|(name, look_ups)| {
            let ListPlan { source, key, networks, is_live, .. } =
                self.plan.list_plans.iter().find(|list| list.name == name)?;
            let size = self.plan.lists.iter().find(|list| list.name == name);
            let found = match networks {
                true => "by a search for the longest network that holds it",
                false => "by one probe of a hash table",
            };
            Some(ListUse {
                name,
                source: source.clone(),
                key: key.clone(),
                changes: *is_live,
                found,
                rows: size.map(|size| size.entries),
                bytes: size.map(|size| size.bytes),
                look_ups,
            })
        });
        explained.collect()
    }

    /// All that is looked up, and what for.
    fn look_ups(&self) -> BTreeMap<LookupRead, BTreeSet<&'static str>> {
        let mut look_ups: BTreeMap<LookupRead, BTreeSet<&'static str>> = BTreeMap::new();
        let mut add = |read: LookupRead, what| {
            look_ups.entry(read).or_default().insert(what);
        };
        let program = &self.plan.program;
        let value = |id: ValueId| program.lookups_of_value(id);
        for (test, _) in self.tests() {
            let of_event = test.predicate.map(|predicate| program.lookups_of_predicate(predicate));
            of_event.into_iter().flatten().for_each(|read| add(read, "condition"));
            let live = test.live.map(|live| &self.plan.live[live].condition);
            live.into_iter().flat_map(|live| live.lookups()).for_each(|read| add(read.clone(), "condition"));
        }
        for condition in &self.rule.opaque.0 {
            condition.expr.lookups().for_each(|read| add(read.clone(), "condition"));
        }
        for (id, what) in self.inputs_read() {
            value(id).into_iter().for_each(|read| add(read, what));
        }
        for slot in &self.rule.retained {
            value(self.plan.retained[*slot]).into_iter().for_each(|read| add(read, "match"));
        }
        let (OutputPlan::Sequence { having, emit, .. } | OutputPlan::Window { having, emit, .. }) =
            &self.rule.output;
        let exprs = having.iter().chain(emit.iter().map(|(_, expr)| expr));
        exprs.flat_map(|expr| expr.lookups()).for_each(|read| add(read.clone(), "match"));
        look_ups
    }
}

//! Lists in topics: their records on the way through the merge, and the tests that ask them.

use std::borrow::Cow;

use olocus_event::Value;
use olocus_expr::{RowTime, Tables};

use crate::matches::value;
use crate::merge::{InputIndex, Merge, Place};
use crate::plan::{LiveTest, Plan};
use crate::position::Resume;
use crate::prepare::{Hit, Item, Update};

/// Takes a record of a list in a topic, which stands at `place`. None is late: one that is older than those before it in its
/// partition, or than its partition has got, counts as of then. Before a restart, those before an offset had been
/// delivered: what was released of them is in the table again at once.
pub(super) fn update(
    merge: &mut Merge<Item>,
    tables: &mut Tables,
    (index, before): (InputIndex, i64),
    resume: Option<&mut Resume>,
    place: Place,
    item: Option<Item>,
) {
    let Place { time, input, offset } = place;
    if offset >= before {
        let time = merge.progress_of(index).map_or(time, |reached| reached.max(time));
        merge.deliver(index, time, offset, item);
        return;
    }
    let held = resume.filter(|resume| offset >= resume.offset).and_then(|resume| {
        let time = resume.not_late(offset, time);
        Some((time, resume.was_held(&input, offset, time)?))
    });
    match (held, item) {
        (Some((time, judged)), Some(item)) => merge.hold_again(index, time, offset, judged, item),
        (None, Some(Item::Update(update))) => apply(tables, *update, &Place { time, input, offset }),
        (_, Some(Item::Hit(_)) | None) => {}
    }
}

pub(super) fn apply(tables: &mut Tables, update: Update, place: &Place) {
    let at = RowTime { time: place.time, partition: place.input.partition, offset: place.offset };
    if let Some(table) = tables.get_mut(update.table) {
        table.apply(&update.record, at, update.values);
    }
}

/// The tests of a row that hold now that its turn has come.
pub(super) fn standing<'a>(plan: &Plan, tables: &Tables, hit: &'a Hit) -> Cow<'a, [u32]> {
    let live = |test: u32| plan.tests[test as usize].live.map(|live| &plan.live[live]);
    if hit.tests.iter().all(|&test| live(test).is_none()) {
        return Cow::Borrowed(&hit.tests);
    }
    let holds = |test: &u32| {
        live(*test).is_none_or(|LiveTest { condition, inputs }| {
            let read = |slot: &usize| hit.inputs.get(*slot).cloned().map_or(Value::Null, value);
            condition.holds(&inputs.iter().map(read).collect::<Vec<_>>(), tables)
        })
    };
    hit.tests.iter().copied().filter(holds).collect()
}

//! Lists in topics: their records on the way through the merge, and the tests that ask them.

use std::borrow::Cow;

use olocus_cep::Scalar;
use olocus_event::Value;
use olocus_expr::{RowTime, Tables};

use crate::matches::value;
use crate::merge::{InputIndex, Merge, Place};
use crate::plan::{LiveTest, Plan};
use crate::position::Resume;
use crate::prepare::{Hit, RowHit, Rows, Update};
use crate::weight::Weigh;

/// What travels with a record until its turn comes.
#[derive(Debug)]
pub(super) enum Item {
    /// A row that rules ask for.
    Hit(Box<Hit>),
    /// A change of a table.
    Update(Box<Update>),
}

impl Item {
    pub(super) fn hit(rows: &Rows<'_>, hit: RowHit) -> Item {
        Item::Hit(Box::new(rows.hit(hit)))
    }
}

impl Weigh for Item {
    fn weight(&self) -> usize {
        match self {
            Item::Hit(hit) => hit.weight(),
            Item::Update(update) => update.weight(),
        }
    }
}

/// Takes a record of a list in a topic, which stands at `place`. None is late: one that is older than those before it in its
/// partition, or than its partition has got, counts as of then. Before a restart, those before an offset had been
/// delivered: what was released of them is in the table again at once.
pub(super) fn update(
    merge: &mut Merge<Item>,
    tables: &mut Tables,
    (index, before): (InputIndex, i64),
    resume: Option<&mut Resume>,
    place: Place,
    update: Option<Update>,
) {
    let Place { time, input, offset } = place;
    if offset >= before {
        let time = merge.progress_of(index).map_or(time, |reached| reached.max(time));
        merge.deliver(index, time, offset, update.map(|update| Item::Update(Box::new(update))));
        return;
    }
    let held = resume.filter(|resume| offset >= resume.offset).and_then(|resume| {
        let time = resume.not_late(offset, time);
        Some((time, resume.was_held(&input, offset, time)?))
    });
    let Some(update) = update else { return };
    match held {
        Some((time, judged)) => {
            merge.hold_again(index, time, offset, judged, Item::Update(Box::new(update)));
        }
        None => apply(tables, update, &Place { time, input, offset }),
    }
}

pub(super) fn apply(tables: &mut Tables, update: Update, place: &Place) {
    let at = RowTime { time: place.time, partition: place.input.partition, offset: place.offset };
    if let Some(table) = tables.get_mut(update.table) {
        table.apply(&update.record, at, update.values);
    }
}

/// Those of these tests of a row that hold now that its turn has come; `input` gives the row's value of a slot of
/// [`Plan::inputs`].
pub(super) fn standing<'a>(
    plan: &Plan,
    tables: &Tables,
    tests: &'a [u32],
    input: impl Fn(usize) -> Scalar,
) -> Cow<'a, [u32]> {
    let live = |test: u32| plan.tests[test as usize].live.map(|live| &plan.live[live]);
    if tests.iter().all(|&test| live(test).is_none()) {
        return Cow::Borrowed(tests);
    }
    let holds = |test: &u32| {
        live(*test).is_none_or(|LiveTest { condition, inputs }| {
            let values: Vec<Value> = inputs.iter().map(|slot| value(input(*slot))).collect();
            condition.holds(&values, tables)
        })
    };
    tests.iter().copied().filter(holds).collect()
}

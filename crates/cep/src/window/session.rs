//! Session windows: events each less than a gap after the one before.

use crate::agenda::Wake;
use crate::aggregate::AggregateFunction;
use crate::engine::{Found, Row};
use crate::keyed::{Demand, Held, State};
use crate::snapshot::wire::{Read, Reader, Writer};
use crate::window::pane::{Pane, growth_of_new};

/// A window that ends a gap after its last event and is judged then.
#[derive(Debug)]
pub(crate) struct SessionPlan {
    gap: i64,
    aggregates: Vec<AggregateFunction>,
}

/// The open session of one key. There is at most one: an event a full gap or more later finds it judged by its timer.
#[derive(Debug)]
pub(crate) struct Session<E> {
    open: Option<Open<E>>,
}

#[derive(Debug)]
struct Open<E> {
    pane: Pane<E>,
    /// A gap after the last event.
    end: i64,
}

impl SessionPlan {
    pub(crate) fn new(gap: i64, aggregates: Vec<AggregateFunction>) -> SessionPlan {
        SessionPlan { gap: gap.max(1), aggregates }
    }
}

impl<E: Clone> State for Session<E> {
    type Event = E;
    type Plan = SessionPlan;
    const WAKE: Wake = Wake::Timer;

    fn new(_: &SessionPlan) -> Session<E> {
        Session { open: None }
    }

    fn growth(state: Option<&Self>, plan: &SessionPlan, row: &Row<'_, E>) -> Option<Demand> {
        match state.and_then(|state| state.open.as_ref()) {
            Some(open) => Some(open.pane.growth(row)),
            None => Some(growth_of_new(&plan.aggregates, row)),
        }
    }

    fn enter(&mut self, plan: &SessionPlan, row: &Row<'_, E>, age: u64, _: &mut dyn FnMut(Found<E>)) {
        let end = row.time.saturating_add(plan.gap);
        match &mut self.open {
            Some(open) => {
                open.pane.add(row);
                open.end = end;
            }
            None => {
                self.open = Some(Open { pane: Pane::new(age, row.time, row, &plan.aggregates), end });
            }
        }
    }

    fn wake_at(&self, _: &SessionPlan) -> Option<i64> {
        self.open.as_ref().map(|open| open.end)
    }

    fn wake(&mut self, _: &SessionPlan, _: i64, found: &mut dyn FnMut(Found<E>)) {
        if let Some(Open { pane, end }) = self.open.take() {
            let start = pane.start;
            found(pane.found(start, end));
        }
    }

    fn save(&self, writer: &mut Writer<'_, E>) {
        writer.put(&self.open.as_ref().map(|open| open.end));
        if let Some(open) = &self.open {
            open.pane.save(writer);
        }
    }

    fn load(plan: &SessionPlan, reader: &mut Reader<'_, '_, E>) -> Read<Session<E>> {
        let end: Option<i64> = reader.take()?;
        let open =
            end.map(|end| Ok(Open { pane: Pane::load(&plan.aggregates, reader)?, end })).transpose()?;
        Ok(Session { open })
    }

    fn held(&self) -> Held {
        match &self.open {
            Some(open) => Held { entries: 1, values: open.pane.values(), heap: open.pane.heap() },
            None => Held::default(),
        }
    }

    fn ages(&self) -> impl Iterator<Item = u64> {
        self.oldest().into_iter()
    }

    fn oldest(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.pane.age)
    }

    fn newest(&self) -> Option<u64> {
        self.oldest()
    }

    fn drop_oldest(&mut self) -> u64 {
        self.open.take().map_or(0, |open| open.pane.count)
    }

    fn entry_bytes(plan: &SessionPlan) -> usize {
        Pane::<E>::bytes(&plan.aggregates)
    }

    fn state_bytes(_: &SessionPlan) -> usize {
        0
    }
}

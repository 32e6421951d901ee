//! A stage: its repetitions, what follows them, and what follows instead of them.

use super::{Around, Entry, Lowering, Skip, Unit};
use crate::pattern::automaton::AutomatonError;
use crate::pattern::automaton::graph::{EdgeKind, Graph, Keeping, Literals, PlaceId};
use crate::pattern::{Body, ConditionId, Stage, StepId};

impl Lowering<'_> {
    /// A stage with all its repetitions, and what follows them, and what follows instead.
    pub(super) fn stage(
        &mut self,
        stage: &Stage,
        entry: &Entry,
        nots: &[StepId],
        [sink, passed]: [PlaceId; 2],
        around: &Around,
    ) -> Result<Unit, AutomatonError> {
        let repeat = &stage.repeat;
        let (min, max) = (repeat.min.max(1), repeat.max);
        let looping = max.is_none();
        let more = max.map_or(0, |max| max.saturating_sub(min));

        let mut inside = Around { untils: around.untils.clone(), not_next: around.not_next };
        inside.untils.extend(repeat.until);

        let mut leave = |sink: PlaceId| {
            if repeat.greedy && (looping || more > 0) {
                self.leave_greedily(&stage.body, repeat.until, sink)
            } else {
                Ok((vec![Skip { guard: Literals::always(), to: sink, leaves: true }], sink))
            }
        };
        let passing = if passed == sink { None } else { Some(leave(passed)?.0) };
        let (leaving, sink) = leave(sink)?;
        // What is taken here ends what a `not` before an optional stage forbids.
        let forgotten: &[StepId] = if repeat.optional { nots } else { &[] };

        let mut is_last = !looping;
        let mut last = if looping { self.looping(stage, &leaving, forgotten, &inside)? } else { sink };
        for optional in
            std::iter::repeat_n(true, more as usize).chain(std::iter::repeat_n(false, min as usize - 1))
        {
            let skips = if optional { leaving.clone() } else { Vec::new() };
            let stops = self.stops(inside.not_next.as_slice(), &inside);
            // Observed of steps: what waits for a repetition that need not come knows what is before the stage instead.
            let of_step = optional && matches!(stage.body, Body::Step(_));
            let waiting_stops = if of_step { self.stops(nots, around) } else { stops.clone() };
            let entry = Entry {
                follows: repeat.inner,
                skips,
                within: repeat.gap,
                untils: inside.untils.clone(),
                stops,
                waiting_stops,
            };
            let to = self.graph.without_stops(last, forgotten)?;
            let unit = self.unit(&stage.body, &entry, to, &inside.within_body(is_last))?;
            is_last = false;
            last = unit.first;
        }

        let mut entry = entry.clone();
        if repeat.optional {
            let passing = passing.unwrap_or(leaving);
            entry.skips.extend(passing.into_iter().map(|skip| Skip { leaves: false, ..skip }));
        }
        let to = self.graph.without_stops(last, forgotten)?;
        let unit = self.unit(&stage.body, &entry, to, &inside.within_body(is_last))?;
        if repeat.optional {
            self.graph.place_mut(unit.first).keeping = Keeping::FirstOfOptional;
        }
        Ok(unit)
    }

    /// Where a greedy repetition can be left to, and where its last event leads: what follows must not take what would be
    /// taken here.
    fn leave_greedily(
        &mut self,
        body: &Body,
        until: Option<ConditionId>,
        sink: PlaceId,
    ) -> Result<(Vec<Skip>, PlaceId), AutomatonError> {
        if sink == Graph::FINAL {
            return Ok((vec![Skip { guard: Literals::always(), to: sink, leaves: true }], sink));
        }
        let kept = self.graph.add(None)?;
        self.graph.place_mut(kept).like = Some((sink, self.heads(body)));
        let Some(until) = until else {
            return Ok((vec![Skip { guard: Literals::always(), to: kept, leaves: true }], kept));
        };
        // Once nothing more is taken here, all is left to what follows.
        let ways =
            [(Literals::always().and(until, true), sink), (Literals::always().and(until, false), kept)];
        let both = self.graph.add(None)?;
        for (guard, to) in &ways {
            self.graph.edge(both, guard.clone(), EdgeKind::Proceed { to: *to, later: false });
        }
        Ok((ways.map(|(guard, to)| Skip { guard, to, leaves: true }).to_vec(), both))
    }

    /// Any number of further repetitions; returns where one is once there have been enough.
    fn looping(
        &mut self,
        stage: &Stage,
        leaving: &[Skip],
        forgotten: &[StepId],
        around: &Around,
    ) -> Result<PlaceId, AutomatonError> {
        let mut skips = leaving.to_vec();
        for skip in &mut skips {
            skip.to = self.graph.without_stops(skip.to, forgotten)?;
        }
        let stops = self.stops(around.not_next.as_slice(), around);
        let entry = Entry {
            follows: stage.repeat.inner,
            skips,
            within: stage.repeat.gap,
            untils: around.untils.clone(),
            stops: stops.clone(),
            waiting_stops: stops,
        };
        // The last event of a repetition leads to where the next one begins, which is not there yet.
        let back = self.graph.add(None)?;
        let unit = self.unit(&stage.body, &entry, back, &around.within_body(false))?;
        self.graph.edge(back, Literals::always(), EdgeKind::Proceed { to: unit.first, later: false });
        Ok(back)
    }
}

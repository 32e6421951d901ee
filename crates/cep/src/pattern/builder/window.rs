//! Events that lie close together, and conditions on all of them.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{BuildError, Event, EventPattern, Test, ValueOf};
use crate::aggregate::{AggregateFunction, Scalar};
use crate::engine::{Found, Row};
use crate::event::MakeEvent;
use crate::limiter::Limiter;
use crate::plan::{Plan, WindowPlan};

/// Which events of a key form a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowType {
    /// The last so many events, judged at each event once there are so many.
    Count(u32),
    /// The events of each such time, judged at its end.
    Tumbling(Duration),
    /// The events of the last such time, judged at each event.
    Sliding(Duration),
    /// The events of a time, judged at its end; windows overlap, as one begins with each `every`.
    Hopping {
        /// Length of the window.
        size: Duration,
        /// Distance between the starts of two windows, no longer than that.
        every: Duration,
    },
    /// Events each less than this after the one before, judged so long after the last.
    Session(Duration),
}

/// Events of type `E` that lie close together, and what is asked of them as a whole.
///
/// ```
/// use std::time::Duration;
///
/// use olocus_cep::pattern::{EventPattern, WindowType};
/// use olocus_cep::{Engine, Key, Limits};
///
/// struct Completed {
///     took: Duration,
/// }
///
/// // The last two stages took more than five minutes on average.
/// let slow = EventPattern::sliding_window(WindowType::Count(2), EventPattern::any_event("completed"))
///     .with_condition(|events: &[&Completed]| {
///         let average = events.iter().map(|event| event.took).sum::<Duration>() / events.len() as u32;
///         average > Duration::from_secs(300)
///     })
///     .build()?;
///
/// let mut engine = Engine::new(vec![slow.plan()], Limits::default());
/// let (key, mut found, mut inputs) = (Key::none(), Vec::new(), Vec::new());
/// let events = [100, 200, 500].map(|seconds| Completed { took: Duration::from_secs(seconds) });
/// for (event, time) in events.iter().zip(0..) {
///     engine.process(0, &key, slow.row(time, &event, 0, &mut inputs), &mut found)?;
/// }
/// found.retain(|finding| slow.admits(&finding.found));
/// assert_eq!(found.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EventWindow<E> {
    window: WindowType,
    events: EventPattern<E>,
    aggregates: Vec<(AggregateFunction, Option<ValueOf<E>>)>,
    having: Vec<OnAggregates>,
    conditions: Vec<OnEvents<E>>,
    limit: Option<(u32, Duration)>,
}

type OnAggregates = Arc<dyn Fn(&[Scalar]) -> bool + Send + Sync>;

type OnEvents<E> = Arc<dyn Fn(&[&E]) -> bool + Send + Sync>;

/// A valid window over events of type `E`, and what an engine needs to run it.
pub struct BuiltWindow<E> {
    plan: Plan,
    tests: Vec<Test<E>>,
    values: Vec<Option<ValueOf<E>>>,
    having: Vec<OnAggregates>,
    conditions: Vec<OnEvents<E>>,
    limit: Option<(u32, i64)>,
}

impl<E> EventPattern<E> {
    /// A window of what this pattern takes, which is a single event.
    pub fn window(window: WindowType, events: EventPattern<E>) -> EventWindow<E> {
        EventWindow {
            window,
            events,
            aggregates: Vec::new(),
            having: Vec::new(),
            conditions: Vec::new(),
            limit: None,
        }
    }

    /// The same as [`window`](Self::window).
    pub fn sliding_window(window: WindowType, events: EventPattern<E>) -> EventWindow<E> {
        EventPattern::window(window, events)
    }
}

impl<E> EventWindow<E> {
    /// An aggregate of the events' values, which [`having`](Self::having) sees and findings tell. It is kept up to date with
    /// each event, not computed anew.
    #[must_use]
    pub fn aggregate<V: Into<Scalar>>(
        mut self,
        function: AggregateFunction,
        value: impl Fn(&E) -> V + Send + Sync + 'static,
    ) -> Self {
        self.aggregates.push((function, Some(Arc::new(move |event| value(event).into()))));
        self
    }

    /// How many events there are, as an aggregate.
    #[must_use]
    pub fn count(mut self) -> Self {
        self.aggregates.push((AggregateFunction::Count, None));
        self
    }

    /// A condition on the aggregates, which it sees in the order in which they were asked for. What it refuses is not told;
    /// whoever runs the window asks [`BuiltWindow::admits`].
    #[must_use]
    pub fn having(mut self, holds: impl Fn(&[Scalar]) -> bool + Send + Sync + 'static) -> Self {
        self.having.push(Arc::new(holds));
        self
    }

    /// A condition on the events of the window in their order, for which it keeps them; 262,144 at most, of which it sees the
    /// first. What it refuses is not told. [Aggregates](Self::aggregate) cost less.
    #[must_use]
    pub fn with_condition(mut self, holds: impl Fn(&[&E]) -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push(Arc::new(holds));
        self
    }

    /// At most so many windows of a key are told in this time; see [`EventPattern::limit`].
    #[must_use]
    pub fn limit(mut self, matches: u32, per: Duration) -> Self {
        self.limit = Some((matches, per));
        self
    }

    /// Checks the window and makes it ready to run.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn build(self) -> Result<BuiltWindow<E>, BuildError> {
        let EventWindow { window, events, aggregates, having, conditions, limit } = self;
        let mut problems = events.problems.clone();
        problems
            .extend(events.whole.said().map(|what| format!("a window is of events; it cannot have {what}")));
        if events.within.is_some() {
            problems
                .push("a window is of events, which have no `within`; it has a length of its own".to_owned());
        }
        if let Some((matches, per)) = limit
            && (matches == 0 || per.is_zero())
        {
            problems.push(format!("a window is told at most {matches} times in {per:?}: that is never"));
        }
        let label = events.label();
        let event = events.into_event();
        if event.is_none() {
            problems.push(format!("{label} is no single event; a window takes only such"));
        }
        let tests = match event {
            Some(Event { tests, compared, .. }) if compared.is_empty() => tests,
            Some(_) => {
                problems.push(format!("{label} is compared with earlier events; a window's events are not"));
                Vec::new()
            }
            None => Vec::new(),
        };
        let plan = plan_of(window, &mut problems);
        let limit = limit.map(|(matches, per)| (matches, nanoseconds(per, &mut problems)));
        let (functions, values) = aggregates.into_iter().unzip();
        match plan {
            Some(window) if problems.is_empty() => {
                let plan = Plan::Window { window, aggregates: functions };
                Ok(BuiltWindow { plan, tests, values, having, conditions, limit })
            }
            _ => Err(BuildError::new(problems)),
        }
    }
}

impl<E> BuiltWindow<E> {
    /// What an [`Engine`](crate::Engine) runs.
    pub fn plan(&self) -> Plan {
        self.plan.clone()
    }

    /// Whether a window is to be told, by its conditions.
    pub fn admits<H: Borrow<E>>(&self, found: &Found<H>) -> bool {
        let Found::Window { events, aggregates, .. } = found else { return true };
        if !self.having.iter().all(|holds| holds(aggregates)) {
            return false;
        }
        let events: Vec<&E> = events.iter().map(Borrow::borrow).collect();
        self.conditions.iter().all(|holds| holds(&events))
    }

    /// What sees to the window's [limit](EventWindow::limit), if it has one, remembering so many keys at most.
    pub fn limiter(&self, keys_max: usize) -> Option<Limiter> {
        self.limit.map(|(matches, per)| Limiter::new(matches, per, keys_max))
    }

    /// The row of an event at this time, in nanoseconds since the Unix epoch; see
    /// [`BuiltPattern::row`](super::BuiltPattern::row).
    pub fn row<'a, H: Borrow<E> + MakeEvent<H>>(
        &self,
        time: i64,
        event: &'a H,
        given: u64,
        inputs: &'a mut Vec<Scalar>,
    ) -> Row<'a, H> {
        let of = event.borrow();
        let takes = self.tests.iter().all(|test| test.holds(of, given));
        inputs.clear();
        if takes {
            // What counts events needs no value of them.
            let value =
                |value: &Option<ValueOf<E>>| value.as_ref().map_or(Scalar::Bool(true), |value| value(of));
            inputs.extend(self.values.iter().map(value));
        }
        let keep = (!self.conditions.is_empty()).then_some(1);
        Row { time, steps: u64::from(takes), inputs, event, keep }
    }
}

/// The window, if it can be run.
fn plan_of(window: WindowType, problems: &mut Vec<String>) -> Option<WindowPlan> {
    /// Windows that one event may be in, all of which can end at once.
    const WINDOWS_PER_EVENT_MAX: i64 = 10_000;
    let before = problems.len();
    let plan = match window {
        WindowType::Count(count) => {
            if count == 0 {
                problems.push("a window of no events is never full; its count is at least 1".to_owned());
            }
            WindowPlan::Count(count)
        }
        WindowType::Tumbling(size) => WindowPlan::Tumbling(length(size, problems)),
        WindowType::Sliding(size) => WindowPlan::Sliding { size: length(size, problems), every: None },
        WindowType::Hopping { size, every } => {
            let (size, every) = (length(size, problems), length(every, problems));
            if every > size {
                problems.push("a window begins so seldom that events between windows are lost; let `every` be no longer than \
                     `size`".to_owned());
            } else if size / every.max(1) > WINDOWS_PER_EVENT_MAX {
                problems.push(format!(
                    "each event would be in more than {WINDOWS_PER_EVENT_MAX} windows; let `every` be longer"
                ));
            }
            WindowPlan::Sliding { size, every: Some(every) }
        }
        WindowType::Session(gap) => WindowPlan::Session(length(gap, problems)),
    };
    (problems.len() == before).then_some(plan)
}

fn length(time: Duration, problems: &mut Vec<String>) -> i64 {
    if time.is_zero() {
        problems.push("the times of a window must be longer than nothing".to_owned());
    }
    nanoseconds(time, problems)
}

pub(super) fn nanoseconds(time: Duration, problems: &mut Vec<String>) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or_else(|_| {
        problems.push(format!("{time:?} is too long; times are at most 292 years"));
        i64::MAX
    })
}

impl<E> fmt::Debug for EventWindow<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWindow")
            .field("window", &self.window)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for BuiltWindow<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltWindow").field("plan", &self.plan).finish_non_exhaustive()
    }
}

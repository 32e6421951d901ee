//! What an engine looks for.

use std::fmt::{self, Write as _};

use olocus_document::format_duration;

use crate::aggregate::AggregateFunction;
use crate::footprint::Footprint;
use crate::pattern::automaton::{Automaton, escaped};
use crate::pattern::{Pattern, PatternPlan, Preceded};

/// Steps that a pattern may have: [`Row::steps`](crate::Row::steps) has one bit for each.
pub const MAX_STEPS: usize = 64;

/// What a rule looks for, without its conditions: those are decided outside and arrive as bits and scalars.
///
/// The [`Display`](fmt::Display) form lists the machine, one state a line; `^` marks the start, `>` the state in which
/// something is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Whatever a pattern describes.
    Pattern(PatternPlan),
    /// Aggregates over events that lie close together.
    Window {
        /// Which events lie close together.
        window: WindowPlan,
        /// What is told about them, in this order.
        aggregates: Vec<AggregateFunction>,
    },
}

/// Which events of a key form a window. Sizes are nanoseconds; what is below 1 is read as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowPlan {
    /// The last so many events, judged at each event once there are so many.
    Count(u32),
    /// `[start, start + size)` with `start` a multiple of the size since the Unix epoch, judged at its end.
    Tumbling(i64),
    /// With `every`: `[start, start + size)` with `start` a multiple of `every`, judged at its end. Without: the events
    /// in `(t − size, t]`, judged at each event, `t` being its time.
    Sliding {
        /// Length of the window.
        size: i64,
        /// Distance between the starts of two windows.
        every: Option<i64>,
    },
    /// Events each less than this gap after the one before, judged a gap after the last.
    Session(i64),
}

impl Plan {
    /// The machines of some plans as one graph in the language of Graphviz, each in a box that bears its name.
    pub fn to_dot<'a>(plans: impl IntoIterator<Item = (&'a str, &'a Plan)>) -> String {
        let mut dot = String::from("digraph {\n  rankdir=LR;\n  node [shape=circle];\n");
        for (index, (name, plan)) in plans.into_iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(dot, "  subgraph cluster_{index} {{\n  label=\"{}\";", escaped(name));
            plan.write_dot(&format!("r{index}_"), &mut dot);
            dot.push_str("  }\n");
        }
        dot.push_str("}\n");
        dot
    }

    /// What it takes in memory to hold something of this plan, where findings carry an `E` for an event.
    pub fn footprint<E: Clone>(&self) -> Footprint {
        Footprint::of::<E>(self)
    }

    fn write_dot(&self, prefix: &str, dot: &mut String) {
        match self {
            Plan::Pattern(plan) => {
                if let Ok(automaton) = Automaton::new(&plan.pattern) {
                    automaton.write_dot(prefix, dot);
                }
            }
            Plan::Window { window, .. } => {
                let judged = match window {
                    WindowPlan::Count(count) => format!("once {count} are held"),
                    WindowPlan::Tumbling(_) | WindowPlan::Sliding { every: Some(_), .. } => {
                        "at each end of a window".to_owned()
                    }
                    WindowPlan::Sliding { every: None, .. } => "at each event".to_owned(),
                    WindowPlan::Session(gap) => format!("{} after the last event", format_duration(*gap)),
                };
                let _ = writeln!(dot, "  {prefix}0 [label=\"^\"];");
                let _ = writeln!(dot, "  {prefix}judge [label=\"judge\", shape=doublecircle];");
                let _ = writeln!(dot, "  {prefix}0 -> {prefix}0 [label=\"event\"];");
                let _ = writeln!(dot, "  {prefix}0 -> {prefix}judge [label=\"{judged}\", style=dashed];");
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Plan::Pattern(plan) => match Automaton::new(&plan.pattern) {
                Ok(automaton) => {
                    automaton.fmt(f)?;
                    list_preceded(&plan.pattern, f)
                }
                Err(error) => writeln!(f, "{error}"),
            },
            Plan::Window { window, aggregates } => list_window(*window, aggregates, f),
        }
    }
}

fn list_preceded(pattern: &Pattern, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(Preceded { condition, within }) = pattern.preceded else { return Ok(()) };
    let step = pattern.steps.iter().find(|step| step.condition == condition);
    let name = step.map_or_else(|| format!("#{}", condition.0), |step| step.name.clone());
    writeln!(f, "begins unless {name} came less than {} before", format_duration(within))
}

fn list_window(
    window: WindowPlan,
    aggregates: &[AggregateFunction],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.write_str("^ 0: event => ")?;
    match window {
        WindowPlan::Count(count) => {
            writeln!(f, "1 once {count} are held, keeping the last {count}")?;
        }
        WindowPlan::Tumbling(size) => {
            writeln!(f, "0, at each end of [start, start + {}) => 1", format_duration(size))?;
        }
        WindowPlan::Sliding { size, every: None } => {
            writeln!(f, "1, keeping those in (t - {}, t]", format_duration(size))?;
        }
        WindowPlan::Sliding { size, every: Some(every) } => {
            let (size, every) = (format_duration(size), format_duration(every));
            writeln!(f, "0, at each end of [start, start + {size}), one every {every} => 1")?;
        }
        WindowPlan::Session(gap) => writeln!(f, "0, {} after the last => 1", format_duration(gap))?,
    }
    f.write_str("> 1: judge count")?;
    for (index, aggregate) in aggregates.iter().enumerate() {
        write!(f, ", {aggregate}(#{index})")?;
    }
    writeln!(f)
}

#[cfg(test)]
mod tests {
    use super::{Plan, WindowPlan};
    use crate::aggregate::AggregateFunction;

    const MINUTE: i64 = 60_000_000_000;

    #[test]
    fn a_window_lists_how_it_collects_and_what_it_judges() {
        let list = |window| Plan::Window { window, aggregates: vec![AggregateFunction::Avg] }.to_string();
        insta::assert_snapshot!(list(WindowPlan::Count(100)), @r"
        ^ 0: event => 1 once 100 are held, keeping the last 100
        > 1: judge count, avg(#0)
        ");
        insta::assert_snapshot!(list(WindowPlan::Sliding { size: MINUTE, every: Some(MINUTE / 6) }), @r"
        ^ 0: event => 0, at each end of [start, start + 1m), one every 10s => 1
        > 1: judge count, avg(#0)
        ");
    }
}

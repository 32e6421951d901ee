//! Automata as graphs in the language of Graphviz.

use std::fmt::Write;

use olocus_document::format_duration;

use super::{Action, Automaton, Move, State, StateId};

impl Automaton {
    /// The automaton as a graph in the language of Graphviz.
    pub fn to_dot(&self) -> String {
        let mut dot = String::from("digraph {\n  rankdir=LR;\n  node [shape=circle];\n");
        self.write_dot("", &mut dot);
        dot.push_str("}\n");
        dot
    }

    /// Its nodes and edges, to stand in a graph with others: `prefix`, of letters, digits and `_`, tells its nodes from
    /// theirs.
    pub(crate) fn write_dot(&self, prefix: &str, dot: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(dot, "  {prefix}match [label=\"match\", shape=doublecircle];");
        let stops = |state: &State| state.moves.iter().any(|way| matches!(way.action, Action::Stop { .. }));
        if self.states.iter().any(stops) {
            let _ = writeln!(dot, "  {prefix}over [label=\"over\", shape=plaintext];");
        }
        for (id, state) in self.states() {
            let until = state.within.map(|within| format!("\\nfor {}", format_duration(within)));
            let label = if id == Automaton::START { "^".to_owned() } else { id.to_string() };
            let _ = writeln!(dot, "  {prefix}{id} [label=\"{label}{}\"];", until.unwrap_or_default());
            for way in &state.moves {
                self.dot_move(prefix, id, way, dot);
            }
            if state.pending {
                let _ =
                    writeln!(dot, "  {prefix}{id} -> {prefix}match [label=\"time runs out\", style=dashed];");
            }
        }
    }

    fn dot_move(&self, prefix: &str, from: StateId, way: &Move, dot: &mut String) {
        let mut arrow = |to: &str, label: &str, style: &str| {
            let label = escaped(label.trim());
            let _ = writeln!(dot, "  {prefix}{from} -> {prefix}{to} [label=\"{label}\"{style}];");
        };
        match &way.action {
            Action::Take { step, to, completes } => {
                let known = self.names.of_steps[step.index()];
                let taken =
                    format!("{}{}", self.names.step(*step), self.names.when(&way.guards, Some(known)));
                if let Some(to) = to {
                    arrow(&to.to_string(), &taken, "");
                }
                if !completes.is_empty() {
                    arrow("match", &format!("{taken}{}", self.names.when(completes, Some(known))), "");
                }
            }
            Action::Skip { to } => {
                arrow(&to.to_string(), &self.names.when(&way.guards, None), ", style=dotted");
            }
            Action::Complete => arrow("match", &self.names.when(&way.guards, None), ", style=dotted"),
            Action::Stop { step } => {
                let known = self.names.of_steps[step.index()];
                let came = format!("{}{}", self.names.step(*step), self.names.when(&way.guards, Some(known)));
                arrow("over", &came, ", style=dashed");
            }
        }
    }
}

/// A text as it stands between double quotes.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

//! What something can begin with.

use super::Lowering;
use crate::pattern::{Body, ConditionId, Stage};

impl Lowering<'_> {
    /// The conditions of all events that a body can begin with.
    pub(super) fn heads(&self, body: &Body) -> Vec<ConditionId> {
        let mut heads = Vec::new();
        self.add_heads(body, &mut heads);
        heads
    }

    fn add_heads(&self, body: &Body, heads: &mut Vec<ConditionId>) {
        match body {
            Body::Step(step) => heads.push(self.condition(*step)),
            Body::Not(_) => {}
            Body::Group(stages) => self.add_sequence_heads(stages, heads),
            Body::AnyOf(alternatives) => {
                for stages in alternatives {
                    self.add_sequence_heads(stages, heads);
                }
            }
            Body::AllOf(steps) => heads.extend(steps.iter().map(|step| self.condition(*step))),
        }
    }

    pub(super) fn add_sequence_heads(&self, stages: &[Stage], heads: &mut Vec<ConditionId>) {
        for stage in stages {
            self.add_heads(&stage.body, heads);
            if !stage.repeat.optional {
                return;
            }
        }
    }
}

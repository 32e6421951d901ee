//! How a member stands with its group: what its writers have to know.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Error, OffsetCommit, TopicPartition};

/// What the rebalances of a member have told, shared with the writers that have its token.
///
/// `M` is the metadata by which the group knows the member: its id and the group's generation. It is what the group had
/// when the last rebalance was told. Metadata of any other moment could be of a generation in which this member has less
/// than its owner knows, and the brokers check the generation only, not who has a partition.
pub(super) struct Standing<M> {
    group: String,
    topics: BTreeSet<String>,
    state: Mutex<State<M>>,
}

struct State<M> {
    metadata: Option<Arc<M>>,
    owned: BTreeSet<TopicPartition>,
    /// Set while a loss is not known to the owner. What is captured meanwhile waits here: with it, offsets of what was
    /// lost would be taken for those of what was assigned since.
    waiting: Option<Option<Arc<M>>>,
}

impl<M> Standing<M> {
    /// That of a member that has subscribed to these topics and has not joined yet.
    pub(super) fn new(group: &str, topics: &[String]) -> Self {
        Self {
            group: group.to_owned(),
            topics: topics.iter().cloned().collect(),
            state: Mutex::new(State { metadata: None, owned: BTreeSet::new(), waiting: None }),
        }
    }

    /// A rebalance has given these partitions to the member, or none.
    pub(super) fn assigned(&self, partitions: &[TopicPartition], metadata: Option<M>) {
        let mut state = self.state();
        state.owned.extend(partitions.iter().cloned());
        state.capture(metadata);
    }

    /// A rebalance is about to take partitions from the member.
    pub(super) fn revoking(&self, metadata: Option<M>) {
        self.state().capture(metadata);
    }

    /// The member has given these partitions up.
    pub(super) fn released(&self, partitions: &[TopicPartition]) {
        let mut state = self.state();
        for partition in partitions {
            state.owned.remove(partition);
        }
    }

    /// The member has lost everything.
    pub(super) fn lost(&self) {
        let mut state = self.state();
        state.owned.clear();
        state.metadata = None;
        state.waiting = Some(None);
    }

    /// The owner has dealt with all that it was told.
    pub(super) fn polled(&self) {
        let mut state = self.state();
        if let Some(metadata) = state.waiting.take() {
            state.metadata = metadata;
        }
    }

    /// What offsets of this member are committed under, if they may be.
    pub(super) fn admit<'a>(
        &self,
        offsets: impl IntoIterator<Item = &'a OffsetCommit>,
    ) -> Result<Arc<M>, Error> {
        let state = self.state();
        let Some(metadata) = &state.metadata else {
            return Err(Error::expelled(format!("this is no member of group `{}`", self.group)));
        };
        for commit in offsets {
            let partition = TopicPartition::new(Arc::clone(&commit.topic), commit.partition);
            if self.topics.contains(&*commit.topic) && !state.owned.contains(&partition) {
                return Err(Error::expelled(format!(
                    "{partition} is not, or no longer, this member's of group `{}`",
                    self.group
                )));
            }
        }
        Ok(Arc::clone(metadata))
    }

    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> State<M> {
    fn capture(&mut self, metadata: Option<M>) {
        let metadata = metadata.map(Arc::new);
        match &mut self.waiting {
            Some(waiting) => *waiting = metadata,
            None => self.metadata = metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Standing;
    use crate::{OffsetCommit, TopicPartition};

    fn of(topic: &str, partition: i32) -> OffsetCommit {
        OffsetCommit {
            group: "g".to_owned(),
            topic: topic.into(),
            partition,
            offset: 1,
            metadata: String::new(),
        }
    }

    fn standing() -> Standing<u32> {
        Standing::new("g", &["t".to_owned()])
    }

    #[test]
    fn only_what_is_owned_is_admitted() {
        let standing = standing();
        assert!(standing.admit([&of("other", 0)]).unwrap_err().not_member(), "never joined");
        standing.assigned(&[TopicPartition::new("t", 0), TopicPartition::new("t", 1)], Some(1));
        assert_eq!(*standing.admit([&of("t", 0), &of("t", 1), &of("other", 7)]).unwrap(), 1);
        assert!(standing.admit([&of("t", 0), &of("t", 2)]).unwrap_err().not_member());
        standing.revoking(Some(2));
        assert_eq!(*standing.admit([&of("t", 1)]).unwrap(), 2, "still the owner");
        standing.released(&[TopicPartition::new("t", 1)]);
        assert!(standing.admit([&of("t", 1)]).unwrap_err().not_member());
        assert_eq!(*standing.admit([&of("t", 0)]).unwrap(), 2);
        standing.assigned(&[], Some(3));
        assert_eq!(*standing.admit([&of("t", 0)]).unwrap(), 3);
    }

    #[test]
    fn what_comes_after_a_loss_is_of_use_once_the_loss_is_known() {
        let standing = standing();
        standing.assigned(&[TopicPartition::new("t", 0)], Some(1));
        standing.lost();
        assert!(standing.admit([&of("other", 0)]).unwrap_err().not_member());
        standing.assigned(&[TopicPartition::new("t", 0)], Some(2));
        assert!(standing.admit([&of("t", 0)]).unwrap_err().not_member(), "of before or after?");
        standing.polled();
        assert_eq!(*standing.admit([&of("t", 0)]).unwrap(), 2);
    }

    #[test]
    fn a_member_without_an_id_is_none() {
        let standing = standing();
        standing.assigned(&[TopicPartition::new("t", 0)], Some(1));
        standing.assigned(&[], None);
        assert!(standing.admit([&of("t", 0)]).unwrap_err().not_member());
    }
}

//! What this process knows to be committed, to tell its own commits from those of others.

use std::collections::{BTreeMap, BTreeSet};

use olocus_bus::{Commit, GroupOffset, TopicPartition};

use crate::merge::InputId;

/// The offsets of the application's group as this process found or committed them last.
#[derive(Debug, Default)]
pub(super) struct Ledger(BTreeMap<TopicPartition, Option<GroupOffset>>);

/// What the log has committed, compared with that and with a commit of which nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The commit has not been made.
    Before,
    /// It has: by this process, or by another that came to the very same.
    Through,
    /// Another process has committed.
    Foreign,
    /// The commit would change no offset, so that there is nothing to tell by.
    Unclear,
}

impl Ledger {
    /// Takes up inputs with what the log had of them.
    pub(super) fn join(&mut self, inputs: Vec<(InputId, Option<GroupOffset>)>) {
        self.0.extend(
            inputs.into_iter().map(|(id, committed)| {
                (TopicPartition { topic: id.topic, partition: id.partition }, committed)
            }),
        );
    }

    /// Notes what has been committed.
    pub(super) fn enter(&mut self, commit: &Commit) {
        self.0.extend(targets(commit).map(|(partition, offset)| (partition, Some(offset))));
    }

    /// All partitions of which something is known.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.0.keys()
    }

    /// Compares what the log has of partitions. Offsets that are gone have expired, as nobody deletes those of others.
    pub(super) fn compare(
        &self,
        partitions: &[TopicPartition],
        found: &[Option<GroupOffset>],
        commit: &Commit,
    ) -> Found {
        let targets: BTreeMap<TopicPartition, GroupOffset> = targets(commit).collect();
        let mut signs = BTreeSet::new();
        for (partition, found) in partitions.iter().zip(found) {
            let before = self.0.get(partition).and_then(Option::as_ref);
            let target = targets.get(partition);
            let Some(found) = found else {
                signs.extend(target.map(|_| false));
                continue;
            };
            let (is_before, is_target) = (before == Some(found), target == Some(found));
            if !is_before && !is_target {
                return Found::Foreign;
            }
            if target.is_some() && is_before != is_target {
                signs.insert(is_target);
            }
        }
        match (signs.contains(&false), signs.contains(&true)) {
            (true, false) => Found::Before,
            (false, true) => Found::Through,
            // A commit is made as a whole or not at all.
            (true, true) => Found::Foreign,
            // Without outputs, making it again does no harm.
            (false, false) if commit.records.is_empty() => Found::Before,
            (false, false) => Found::Unclear,
        }
    }
}

fn targets(commit: &Commit) -> impl Iterator<Item = (TopicPartition, GroupOffset)> {
    commit.offsets.iter().map(|offset| {
        let partition = TopicPartition { topic: offset.topic.clone(), partition: offset.partition };
        (partition, GroupOffset { offset: offset.offset, metadata: offset.metadata.clone() })
    })
}

#[cfg(test)]
mod tests {
    use olocus_bus::OffsetCommit;
    use olocus_event::{Headers, OutRecord};

    use super::*;

    fn partition(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    fn at(offset: i64) -> Option<GroupOffset> {
        Some(GroupOffset { offset, metadata: format!("m{offset}") })
    }

    /// A commit of a record and these offsets.
    fn commit(offsets: &[(i32, i64)]) -> Commit {
        let record = OutRecord {
            topic: "out".into(),
            partition: None,
            key: None,
            headers: Headers::default(),
            value: None,
        };
        let offset = |&(partition, offset): &(i32, i64)| OffsetCommit {
            group: "g".to_owned(),
            topic: "t".into(),
            partition,
            offset,
            metadata: format!("m{offset}"),
        };
        Commit { records: vec![record], offsets: offsets.iter().map(offset).collect() }
    }

    /// Two partitions, of which one was found without an offset; then the other was committed.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        let id = |partition| InputId { topic: "t".into(), partition };
        ledger.join(vec![(id(0), at(3)), (id(1), None)]);
        ledger.enter(&commit(&[(0, 5)]));
        ledger
    }

    fn compare(found: &[Option<GroupOffset>], commit: &Commit) -> Found {
        ledger().compare(&[partition(0), partition(1)], found, commit)
    }

    #[test]
    fn a_commit_is_recognised_by_the_offsets_that_it_changes() {
        let next = commit(&[(0, 6), (1, 1)]);
        assert_eq!(compare(&[at(5), None], &next), Found::Before);
        assert_eq!(compare(&[at(6), at(1)], &next), Found::Through);
        assert_eq!(compare(&[at(6), None], &next), Found::Foreign);
    }

    #[test]
    fn offsets_of_others_are_told_whether_the_commit_has_them_or_not() {
        let next = commit(&[(0, 6)]);
        assert_eq!(compare(&[at(7), None], &next), Found::Foreign);
        assert_eq!(compare(&[at(5), at(1)], &next), Found::Foreign);
        let same = Some(GroupOffset { metadata: "x".to_owned(), ..at(6).unwrap() });
        assert_eq!(compare(&[same, None], &next), Found::Foreign);
    }

    #[test]
    fn offsets_that_are_gone_have_expired() {
        assert_eq!(compare(&[None, None], &commit(&[(0, 6)])), Found::Before);
        assert_eq!(compare(&[None, None], &commit(&[(0, 5)])), Found::Before);
    }

    #[test]
    fn a_commit_that_changes_no_offset_cannot_be_told_unless_nothing_depends_on_it() {
        let renewal = commit(&[(0, 5)]);
        assert_eq!(compare(&[at(5), None], &renewal), Found::Unclear);
        assert_eq!(compare(&[at(5), None], &Commit { records: Vec::new(), ..renewal }), Found::Before);
    }
}

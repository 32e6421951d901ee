//! Commits of those who are members of a group, or were.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use olocus_bus::{Commit, Error, JoinOptions, MembershipEvent, TopicPartition, Writer};

use crate::groups::{Owner, settle};
use crate::world::{PATIENCE, World, offset, place, record, unique};

/// A commit of one record and the offsets of these partitions.
fn commit(group: &str, output: &Arc<str>, value: &str, of: &[TopicPartition]) -> Commit {
    Commit {
        records: vec![record(output, value)],
        offsets: of.iter().map(|of| offset(group, &of.topic, of.partition, 1, value)).collect(),
    }
}

fn committed(world: &World, group: &str, of: &TopicPartition) -> Option<String> {
    let found = world.committed(group, std::slice::from_ref(of), PATIENCE).unwrap();
    found[0].clone().map(|found| found.metadata)
}

fn assert_refused(result: Result<(), Error>) {
    let error = result.unwrap_err();
    assert!(error.not_member() && !error.fenced() && !error.retryable(), "{error:?}");
}

pub(crate) fn offsets_come_from_who_has_the_partition(world: &World) {
    let (input, output, aside) = (world.topic(2), world.topic(1), world.topic(1));
    let (group, other) = (unique("group"), unique("other"));
    let parts = [place(&input, 0), place(&input, 1)];
    let mut owners = vec![Owner::join(world, &group, &[input.to_string()])];
    let mut writer = world.writer_of(&unique("id"), &*owners[0].member);
    // Nothing has told that it is a member yet.
    assert_refused(writer.commit(&commit(&group, &output, "early", &parts)));
    settle(&mut owners, &[2]);
    writer.commit(&commit(&group, &output, "mine", &parts)).unwrap();
    // What the group does not share, what others have, and records alone need no proof.
    writer.commit(&commit(&group, &output, "aside", &[place(&aside, 0)])).unwrap();
    writer.commit(&commit(&other, &output, "other", &parts)).unwrap();
    writer.commit(&commit(&group, &output, "alone", &[])).unwrap();
    assert_eq!(world.values(&output), ["mine", "aside", "other", "alone"]);
    assert_eq!(committed(world, &other, &parts[0]).unwrap(), "other");

    owners.push(Owner::join(world, &group, &[input.to_string()]));
    settle(&mut owners, &[1, 1]);
    let theirs: Vec<_> = owners[1].owned.iter().cloned().collect();
    let mine: Vec<_> = owners[0].owned.iter().cloned().collect();
    assert_refused(writer.commit(&commit(&group, &output, "theirs", &theirs)));
    commit_as_member(&mut *writer, &commit(&group, &output, "still mine", &mine), &mut owners);
    let mut second = world.writer_of(&unique("id"), &*owners[1].member);
    commit_as_member(&mut *second, &commit(&group, &output, "now theirs", &theirs), &mut owners);
    assert_refused(second.commit(&commit(&group, &output, "not theirs", &mine)));
    assert_eq!(world.values(&output).split_off(4), ["still mine", "now theirs"]);
    assert_eq!(committed(world, &group, &theirs[0]).unwrap(), "now theirs");
    assert_eq!(committed(world, &group, &mine[0]).unwrap(), "still mine");
}

/// Commits as one should whose group may be about to move: again once the memberships were polled.
fn commit_as_member(writer: &mut dyn Writer, commit: &Commit, owners: &mut [Owner]) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = writer.commit(commit) {
        assert!(error.not_member() && Instant::now() < deadline, "{error:?}");
        for owner in &mut *owners {
            owner.poll();
        }
    }
}

pub(crate) fn a_refused_commit_leaves_nothing(world: &World) {
    let (input, output) = (world.topic(1), world.topic(1));
    let group = unique("group");
    let part = [place(&input, 0)];
    let mut owners = vec![Owner::join(world, &group, &[input.to_string()])];
    settle(&mut owners, &[1]);
    let mut idle = Owner::join(world, &group, &[input.to_string()]);
    let mut writer = world.writer_of(&unique("id"), &*idle.member);
    for _ in 0..20 {
        owners[0].poll();
        assert!(idle.poll().is_empty());
        assert_refused(writer.commit(&commit(&group, &output, "refused", &part)));
    }
    assert!(world.values(&output).is_empty());
    assert_eq!(committed(world, &group, &part[0]), None);
    // The writer goes on with what needs no proof, and as a member.
    writer.commit(&commit(&group, &output, "alone", &[])).unwrap();
    drop(owners);
    let mut owners = [idle];
    settle(&mut owners, &[1]);
    commit_as_member(&mut *writer, &commit(&group, &output, "member", &part), &mut owners);
    assert_eq!(world.values(&output), ["alone", "member"]);
}

pub(crate) fn what_is_revoked_is_given_up_by_the_next_poll(world: &World) {
    let (input, output) = (world.topic(2), world.topic(1));
    let group = unique("group");
    let topics = [input.to_string()];
    let mut owners = vec![Owner::join(world, &group, &topics)];
    settle(&mut owners, &[2]);
    let mut writer = world.writer_of(&unique("id"), &*owners[0].member);
    let mut second = Owner::join(world, &group, &topics);
    let deadline = Instant::now() + PATIENCE;
    let revoked = loop {
        assert!(second.poll().is_empty(), "nothing was given up yet");
        let events = owners[0].poll();
        if let Some(MembershipEvent::Revoked(revoked)) = events.first() {
            break revoked.clone();
        }
        assert!(events.is_empty() && Instant::now() < deadline, "{events:?}");
    };
    assert_eq!(revoked.len(), 1);
    for _ in 0..20 {
        assert!(second.poll().is_empty(), "it was told, but has not polled again");
    }
    writer.commit(&commit(&group, &output, "last", &revoked)).unwrap();
    owners.push(second);
    settle(&mut owners, &[1, 1]);
    assert_eq!(owners[1].owned, revoked.iter().cloned().collect());
    assert_refused(writer.commit(&commit(&group, &output, "late", &revoked)));
    assert_eq!(world.values(&output), ["last"]);
}

pub(crate) fn who_has_left_commits_nothing(world: &World) {
    let (input, output) = (world.topic(1), world.topic(1));
    let group = unique("group");
    let part = [place(&input, 0)];
    let mut owners = vec![Owner::join(world, &group, &[input.to_string()])];
    settle(&mut owners, &[1]);
    let mut writer = world.writer_of(&unique("id"), &*owners[0].member);
    writer.commit(&commit(&group, &output, "member", &part)).unwrap();
    owners.remove(0).member.close().unwrap();
    assert_refused(writer.commit(&commit(&group, &output, "gone", &part)));
    assert_eq!(world.values(&output), ["member"]);
    assert_eq!(committed(world, &group, &part[0]).unwrap(), "member");
}

pub(crate) fn a_static_member_comes_back_to_what_it_had(world: &World) {
    let (input, output) = (world.topic(4), world.topic(1));
    let group = unique("group");
    let topics = [input.to_string()];
    let named = |name: &str| JoinOptions {
        instance: Some(name.to_owned()),
        session_timeout: Some(Duration::from_secs(30)),
    };
    let mut owners = vec![
        Owner::join_as(world, &group, &topics, named("one")),
        Owner::join_as(world, &group, &topics, named("two")),
    ];
    settle(&mut owners, &[2, 2]);
    let mut earlier = owners.remove(1);
    let mut writer = world.writer_of(&unique("id"), &*earlier.member);
    let had: BTreeSet<TopicPartition> = earlier.owned.clone();
    let parts: Vec<_> = had.iter().cloned().collect();
    commit_as_member(&mut *writer, &commit(&group, &output, "earlier", &parts), &mut owners);

    let mut again = Owner::join_as(world, &group, &topics, named("two"));
    let deadline = Instant::now() + PATIENCE;
    while again.owned.len() < 2 {
        again.poll();
        assert!(owners[0].poll().is_empty(), "nothing of the other moves");
        assert!(Instant::now() < deadline, "{:?}", again.owned);
    }
    assert_eq!(again.owned, had);
    let mut new = world.writer_of(&unique("id"), &*again.member);
    let mut all = [owners.remove(0), again];
    commit_as_member(&mut *new, &commit(&group, &output, "again", &parts), &mut all);
    assert_refused(writer.commit(&commit(&group, &output, "zombie", &parts)));
    let error = loop {
        match earlier.member.poll(Duration::from_millis(50)) {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < deadline, "it is not told that another has its instance"),
        }
    };
    assert!(error.fenced(), "{error:?}");
    assert_eq!(world.values(&output), ["earlier", "again"]);
}

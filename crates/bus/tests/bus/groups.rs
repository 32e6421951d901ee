use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use olocus_bus::{Commit, JoinOptions, Membership, MembershipEvent, TopicPartition, TopicSpec};

use crate::world::{PATIENCE, World, offset, place, record, unique};

pub(crate) fn resume_by_group(world: &World) {
    let topic = world.topic(3);
    let (group, stranger) = (unique("group"), unique("stranger"));
    let places = [place(&topic, 2), place(&topic, 0), place(&topic, 1)];
    assert_eq!(world.committed(&group, &places, PATIENCE).unwrap(), [None, None, None]);

    let mut writer = world.transactional_writer(&unique("id"));
    let mut commit = |offsets| {
        writer.commit(&Commit { records: vec![record(&topic, "out")], offsets }).unwrap();
    };
    let metadata = "{\"released\":5,\"watermark\":\"é\"}";
    commit(vec![
        offset(&group, &topic, 0, 7, "first"),
        offset(&group, &topic, 2, 9, ""),
        offset(&stranger, &topic, 0, 1, "theirs"),
    ]);
    commit(vec![offset(&group, &topic, 0, 8, metadata)]);

    let found = world.committed(&group, &places, PATIENCE).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|found| found.as_ref().map(|found| (found.offset, found.metadata.as_str())))
        .collect();
    assert_eq!(found, [Some((9, "")), Some((8, metadata)), None]);
    let theirs = world.committed(&stranger, &places[1..2], PATIENCE).unwrap();
    assert_eq!(theirs[0].as_ref().unwrap().offset, 1);
    assert!(world.committed(&group, &[], PATIENCE).unwrap().is_empty());
}

/// A member and what it has.
pub(crate) struct Owner {
    pub(crate) member: Box<dyn Membership>,
    pub(crate) owned: BTreeSet<TopicPartition>,
}

impl Owner {
    pub(crate) fn join(world: &World, group: &str, topics: &[String]) -> Self {
        Self::join_as(world, group, topics, JoinOptions::default())
    }

    pub(crate) fn join_as(world: &World, group: &str, topics: &[String], options: JoinOptions) -> Self {
        Self { member: world.join(group, topics, options).unwrap(), owned: BTreeSet::new() }
    }

    /// What one poll tells.
    pub(crate) fn poll(&mut self) -> Vec<MembershipEvent> {
        let events = self.member.poll(Duration::from_millis(50)).unwrap();
        for event in events.clone() {
            match event {
                MembershipEvent::Assigned(partitions) => {
                    for partition in partitions {
                        assert!(self.owned.insert(partition.clone()), "{partition} twice");
                    }
                }
                MembershipEvent::Revoked(partitions) | MembershipEvent::Lost(partitions) => {
                    for partition in &partitions {
                        assert!(self.owned.remove(partition), "{partition} was not owned");
                    }
                }
            }
        }
        events
    }
}

/// Polls all owners until they have what they should. At no time has a partition two owners.
pub(crate) fn settle_until(owners: &mut [Owner], settled: impl Fn(&[Owner]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for index in 0..owners.len() {
            owners[index].poll();
            let total: usize = owners.iter().map(|owner| owner.owned.len()).sum();
            let distinct: BTreeSet<_> = owners.iter().flat_map(|owner| &owner.owned).collect();
            assert_eq!(total, distinct.len(), "a partition has two owners");
        }
        if settled(owners) {
            return;
        }
        let owned: Vec<_> = owners.iter().map(|owner| &owner.owned).collect();
        assert!(Instant::now() < deadline, "still {owned:?}");
    }
}

/// Polls all owners until they have as many partitions as they should.
pub(crate) fn settle(owners: &mut [Owner], wanted: &[usize]) {
    settle_until(owners, |owners| {
        let mut sizes: Vec<usize> = owners.iter().map(|owner| owner.owned.len()).collect();
        sizes.sort_unstable();
        sizes == wanted
    });
}

pub(crate) fn partitions_are_spread_over_members(world: &World) {
    let topics = [world.topic(5).to_string()];
    let group = unique("group");
    let mut owners = vec![Owner::join(world, &group, &topics)];
    settle(&mut owners, &[5]);
    owners.push(Owner::join(world, &group, &topics));
    settle(&mut owners, &[2, 3]);
    owners.push(Owner::join(world, &group, &topics));
    settle(&mut owners, &[1, 2, 2]);

    let first = owners.remove(0);
    first.member.close().unwrap();
    settle(&mut owners, &[2, 3]);
    drop(owners.remove(0));
    settle(&mut owners, &[5]);

    // Another group has everything for itself.
    let mut others = [Owner::join(world, &unique("group"), &topics)];
    settle(&mut others, &[5]);
    let topic = topics[0].as_str().into();
    let found = others[0].member.committed(&[place(&topic, 0)], PATIENCE).unwrap();
    assert_eq!(found, [None]);
}

pub(crate) fn members_share_several_topics(world: &World) {
    let (both, one) = (world.topic(2).to_string(), world.topic(2).to_string());
    let group = unique("group");
    let mut owners = vec![
        Owner::join(world, &group, &[both.clone(), one]),
        Owner::join(world, &group, std::slice::from_ref(&both)),
    ];
    let settled = |owners: &[Owner]| {
        // The second member wants nothing of the topic that it did not name.
        assert!(owners[1].owned.iter().all(|partition| *partition.topic == *both));
        owners[0].owned.len() + owners[1].owned.len() == 4 && !owners[1].owned.is_empty()
    };
    settle_until(&mut owners, settled);
    // A topic that nobody asked for changes nothing.
    world.create_topics(&[TopicSpec::new(&*unique("other"))]).unwrap();
    settle_until(&mut owners, settled);
}

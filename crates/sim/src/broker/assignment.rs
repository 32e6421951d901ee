//! Who gets which partitions.

use std::collections::{BTreeMap, BTreeSet};

use olocus_bus::TopicPartition;

/// What a member wants and has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Share {
    pub(crate) topics: BTreeSet<String>,
    pub(crate) owned: BTreeSet<TopicPartition>,
}

/// Spreads partitions evenly, moving as few as it can. What a member is to get that another one has is left out: it is
/// given once it was given up.
pub(crate) fn cooperative(
    members: &BTreeMap<String, Share>,
    counts: &BTreeMap<String, u32>,
) -> BTreeMap<String, BTreeSet<TopicPartition>> {
    let mut target = spread(members, counts);
    for (id, parts) in &mut target {
        parts.retain(|part| !members.iter().any(|(other, share)| other != id && share.owned.contains(part)));
    }
    target
}

fn spread(
    members: &BTreeMap<String, Share>,
    counts: &BTreeMap<String, u32>,
) -> BTreeMap<String, BTreeSet<TopicPartition>> {
    let mut target: BTreeMap<String, BTreeSet<TopicPartition>> =
        members.keys().map(|id| (id.clone(), BTreeSet::new())).collect();
    let all = counts.iter().flat_map(|(topic, count)| {
        (0..*count as i32).map(move |partition| (topic, TopicPartition::new(topic.as_str(), partition)))
    });
    // First everybody keeps what he has, then those who have least get the rest.
    let mut free = Vec::new();
    for (topic, part) in all {
        let owner = members
            .iter()
            .find(|(_, share)| share.topics.contains(topic) && share.owned.contains(&part))
            .and_then(|(id, _)| target.get_mut(id));
        match owner {
            Some(parts) => drop(parts.insert(part)),
            None => free.push((topic, part)),
        }
    }
    for (topic, part) in free {
        let wanting = target.iter_mut().filter(|(id, _)| members[*id].topics.contains(topic));
        if let Some((_, parts)) = wanting.min_by_key(|(_, parts)| parts.len()) {
            parts.insert(part);
        }
    }
    while let Some((from, to, part)) = unfair(&target, members) {
        target.entry(from).or_default().remove(&part);
        target.entry(to).or_default().insert(part);
    }
    target
}

/// A partition that one has who has at least two more than another one who wants it.
fn unfair(
    target: &BTreeMap<String, BTreeSet<TopicPartition>>,
    members: &BTreeMap<String, Share>,
) -> Option<(String, String, TopicPartition)> {
    for (from, parts) in target {
        for (to, others) in target {
            if parts.len() < others.len() + 2 {
                continue;
            }
            // What it got just now costs less to move than what it had.
            let wanted = || parts.iter().rev().filter(|part| members[to].topics.contains(&*part.topic));
            let new = wanted().find(|part| !members[from].owned.contains(part));
            if let Some(part) = new.or_else(|| wanted().next()) {
                return Some((from.clone(), to.clone(), part.clone()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use olocus_bus::TopicPartition;

    use super::{Share, cooperative};

    fn share(topics: &[&str], owned: &[i32]) -> Share {
        Share {
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            owned: owned.iter().map(|partition| TopicPartition::new("t", *partition)).collect(),
        }
    }

    fn assigned(members: &[(&str, Share)], partitions: u32) -> BTreeMap<String, Vec<i32>> {
        let members = members.iter().map(|(id, share)| ((*id).to_owned(), share.clone())).collect();
        let counts = BTreeMap::from([("t".to_owned(), partitions)]);
        let numbers = |parts: BTreeSet<TopicPartition>| parts.iter().map(|part| part.partition).collect();
        cooperative(&members, &counts).into_iter().map(|(id, parts)| (id, numbers(parts))).collect()
    }

    #[test]
    fn a_new_member_waits_until_the_other_has_given_up() {
        let first = assigned(&[("a", share(&["t"], &[0, 1, 2, 3])), ("b", share(&["t"], &[]))], 4);
        assert_eq!(first, BTreeMap::from([("a".into(), vec![0, 1]), ("b".into(), vec![])]));
        let second = assigned(&[("a", share(&["t"], &[0, 1])), ("b", share(&["t"], &[]))], 4);
        assert_eq!(second, BTreeMap::from([("a".into(), vec![0, 1]), ("b".into(), vec![2, 3])]));
    }

    #[test]
    fn what_is_fair_stays_and_what_is_not_wanted_is_not_given() {
        let same = assigned(&[("a", share(&["t"], &[1, 4, 2])), ("b", share(&["t"], &[0, 3]))], 5);
        assert_eq!(same, BTreeMap::from([("a".into(), vec![1, 2, 4]), ("b".into(), vec![0, 3])]));
        let given_up =
            [("a", share(&["t"], &[0, 2])), ("b", share(&["t"], &[3, 4])), ("c", share(&["t"], &[]))];
        assert_eq!(assigned(&given_up, 5)["c"], [1], "and nothing else moves");
        let other = assigned(&[("a", share(&["t"], &[])), ("b", share(&["u"], &[]))], 2);
        assert_eq!(other, BTreeMap::from([("a".into(), vec![0, 1]), ("b".into(), vec![])]));
    }
}

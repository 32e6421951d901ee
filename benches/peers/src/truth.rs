//! How many matches there are, counted without any engine.

use std::collections::VecDeque;

use crate::generate::{Event, Kind};
use crate::workload::{Look, Workload};

/// Counts the matches of a workload event by event.
#[derive(Debug)]
pub(crate) struct Truth {
    workload: Workload,
    users: Vec<User>,
}

/// What has begun for one user, oldest first.
#[derive(Clone, Debug, Default)]
struct User {
    /// A's that no B has followed.
    open: VecDeque<Begun>,
    /// A's that a B has followed.
    followed: VecDeque<Begun>,
}

#[derive(Clone, Copy, Debug)]
struct Begun {
    time: i64,
    /// What the `v` of a C must exceed.
    bound: i64,
    /// B's since then.
    seconds: u64,
}

impl Truth {
    pub(crate) fn new(workload: Workload) -> Truth {
        Truth { workload, users: vec![User::default(); workload.keys as usize] }
    }

    /// Takes the next event and returns how many matches it completes.
    pub(crate) fn push(&mut self, event: &Event) -> u64 {
        let workload = self.workload;
        let user = &mut self.users[event.user as usize];
        let bound = match (event.kind, workload.look, event.role) {
            (Kind::A, Look::Kleene | Look::Pair, _) => 0,
            (Kind::A, Look::Greater, Some(_)) => event.v,
            (Kind::A, Look::Sequence | Look::Any, Some(rule)) => workload.bound(rule),
            (Kind::B, ..) => return user.second(workload, event.time),
            (Kind::C, ..) => return user.third(workload, event),
            _ => return 0,
        };
        user.open.push_back(Begun { time: event.time, bound, seconds: 0 });
        0
    }
}

impl User {
    fn second(&mut self, workload: Workload, now: i64) -> u64 {
        for queue in [&mut self.open, &mut self.followed] {
            while queue.front().is_some_and(|begun| now - begun.time >= workload.within()) {
                queue.pop_front();
            }
        }
        match workload.look {
            Look::Sequence | Look::Greater => {
                self.followed.append(&mut self.open);
                0
            }
            Look::Any => {
                self.open.iter_mut().for_each(|begun| begun.seconds += 1);
                0
            }
            Look::Pair => self.open.drain(..).count() as u64,
            Look::Kleene => {
                // A match ends with an A that no B has followed, and begins with that one or any before it.
                let fresh = self.open.len() as u64;
                let within = fresh * (fresh + 1) / 2;
                let across = self.followed.len() as u64 * fresh;
                self.followed.append(&mut self.open);
                within + across
            }
        }
    }

    fn third(&mut self, workload: Workload, event: &Event) -> u64 {
        let late = |begun: &Begun| event.time - begun.time >= workload.within();
        match workload.look {
            Look::Any => {
                let live = self.open.iter().filter(|begun| !late(begun) && event.v > begun.bound);
                live.map(|begun| begun.seconds).sum()
            }
            Look::Sequence if event.v <= workload.bound(0) => 0,
            Look::Sequence | Look::Greater => {
                while self.followed.front().is_some_and(late) {
                    self.followed.pop_front();
                }
                let before = self.followed.len();
                self.followed.retain(|begun| event.v <= begun.bound);
                (before - self.followed.len()) as u64
            }
            Look::Kleene | Look::Pair => 0,
        }
    }
}

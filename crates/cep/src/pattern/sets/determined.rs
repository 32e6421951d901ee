//! The automaton as one that is in a single state: a set of the automaton's states at a time.
//!
//! An event leads a partial match to one set for each step under which it is taken, and to one if it is skipped, so no match
//! comes about twice. Sets and what events do in them are found when they are first asked for, and remembered for all
//! keys of a rule. Of an event's bits only those count that some state of the set looks at.
//!
//! Bounds on time may count anew when an event is skipped, until time goes on; so a state of a set also tells whether it
//! was come to in this way, and events whether they are of the same time.
//!
//! Time is part of it: whether a state of a set still waits, and whether a guard holds, may depend on how long ago the last
//! event was taken. Between two such lengths of time, the [bands](Determined::bands) of a set, nothing changes.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::Reason;
use super::states::{Member, Set, guards_of};
use crate::pattern::StepId;
use crate::pattern::automaton::{Action, Automaton, any_holds};

/// The sets of states of one automaton that were found so far.
#[derive(Clone, Debug)]
pub(super) struct Determined {
    automaton: Automaton,
    sets: Vec<Set>,
    ids: HashMap<Box<[Member]>, SetId, RandomState>,
    /// By set, band and bits; those of sets that few bits matter to are in [tables](Set::table).
    moves: HashMap<(SetId, u16, u64), Moves, RandomState>,
    takes: Vec<Take>,
    /// Whether time since the last event matters at all.
    has_gaps: bool,
    /// Whether any set is timed.
    any_timed: bool,
}

/// Names a set of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct SetId(u16);

/// What an event does to all partial matches of a set that took their last event about equally long ago.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moves {
    first_take: u32,
    takes: u32,
    /// Where they wait without the event; `None` if nowhere.
    pub(super) skip: Option<SetId>,
    /// Whether they are matches without the event.
    pub(super) completes: bool,
}

/// They take the event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Take {
    /// Under this step.
    pub(super) step: StepId,
    /// Where they then wait; `None` if nowhere.
    pub(super) to: Option<SetId>,
    /// Whether they are matches then.
    pub(super) completes: bool,
}

/// Sets that an accepted automaton may have.
const SETS_MAX: usize = 4096;

/// Moves that may be looked at to find all sets.
const MOVES_MAX: usize = 1 << 16;

impl Determined {
    /// The set in which partial matches begin; none ever waits there.
    pub(super) const START: SetId = SetId(0);

    /// An automaton whose guards look at bits and time only. Its sets are all found now, so that later none can be too many;
    /// what events do is forgotten again, unless it must be known what is timed.
    pub(super) fn new(automaton: Automaton) -> Result<Determined, Reason> {
        let guards = || automaton.states().flat_map(|(_, state)| &state.moves).flat_map(guards_of);
        if guards().any(|guard| !guard.cross.is_empty()) {
            return Err(Reason::CrossConditions);
        }
        let mut determined = Determined {
            has_gaps: automaton.has_gaps(),
            automaton,
            sets: Vec::new(),
            ids: HashMap::default(),
            moves: HashMap::default(),
            takes: Vec::new(),
            any_timed: false,
        };
        determined.set([Member { state: Automaton::START, anew: false }].into());
        determined.explore()?;
        determined.find_timed();
        determined.moves = HashMap::default();
        determined.takes = Vec::new();
        for set in &mut determined.sets {
            set.table = Vec::new();
        }
        Ok(determined)
    }

    /// What an event with these bits does in a set, in a band; if that [matters](Self::anew), at the time of the last event
    /// or later.
    pub(super) fn moves(&mut self, id: SetId, band: usize, at_once: bool, bits: u64) -> Moves {
        let set = &self.sets[id.index()];
        let band = if at_once && set.anew { band + set.bands.len() + 1 } else { band };
        self.moves_in(id, band, bits)
    }

    /// What an event does in a set; the bands for events of the time of the last one come after the others.
    fn moves_in(&mut self, id: SetId, band: usize, bits: u64) -> Moves {
        let set = &self.sets[id.index()];
        let bits = bits & set.relevant;
        let place = set.place(band, bits);
        let known = match place {
            Some(place) => set.table.get(place).copied().flatten(),
            None => self.moves.get(&(id, band as u16, bits)).copied(),
        };
        if let Some(moves) = known {
            return moves;
        }
        let moves = self.find_moves(id, band, bits);
        match place {
            Some(place) => {
                let set = &mut self.sets[id.index()];
                set.table.resize(set.bands_in_all() << set.places.len(), None);
                set.table[place] = Some(moves);
            }
            None => {
                self.moves.insert((id, band as u16, bits), moves);
            }
        }
        moves
    }

    /// The events taken, one for each step, in the order of the steps.
    pub(super) fn takes(&self, moves: Moves) -> &[Take] {
        &self.takes[moves.first_take as usize..][..moves.takes as usize]
    }

    /// Whether an event with these bits can do anything to the set but let it stay as it is.
    pub(super) fn stirs(&self, id: SetId, bits: u64) -> bool {
        self.sets[id.index()].wakes.is_none_or(|wakes| bits & wakes != 0)
    }

    /// Lengths of time since the last event at which something changes, ascending: in band 0 less time has passed than the
    /// first of them.
    pub(super) fn bands(&self, id: SetId) -> &[i64] {
        &self.sets[id.index()].bands
    }

    /// How long ago the last event may be at most; exactly so long is too long.
    pub(super) fn gap(&self, id: SetId) -> Option<i64> {
        self.sets[id.index()].gap
    }

    /// Whether what is in this set for as long as its [gap](Self::gap) is a match.
    pub(super) fn pending(&self, id: SetId) -> bool {
        self.sets[id.index()].pending
    }

    /// Whether it matters if an event is of the same time as the last one.
    pub(super) fn anew(&self, id: SetId) -> bool {
        self.sets[id.index()].anew
    }

    /// Whether it must be known of partial matches in this set when they took their last event.
    pub(super) fn timed(&self, id: SetId) -> bool {
        self.sets[id.index()].timed
    }

    /// Whether there is such a set.
    pub(super) fn contains(&self, id: SetId) -> bool {
        id.index() < self.sets.len()
    }

    /// Whether any set is [timed](Self::timed).
    pub(super) fn any_timed(&self) -> bool {
        self.any_timed
    }

    /// Whether partial matches can come to be several, or take several events in one place. If not, there are never more
    /// of them than events that began some.
    pub(super) fn multiplies(&self) -> bool {
        self.automaton.states().skip(1).any(|(id, state)| {
            state.moves.iter().enumerate().any(|(index, way)| match way.action {
                Action::Take { to, .. } => {
                    to == Some(id)
                        || state.moves[index + 1..].iter().chain(&state.moves[..index]).any(|other| {
                            let leads_on = !matches!(other.action, Action::Stop { .. });
                            leads_on
                                && way.guards.iter().any(|guard| {
                                    other.guards.iter().any(|other| {
                                        let (set, clear) = (guard.set | other.set, guard.clear | other.clear);
                                        set & clear == 0
                                    })
                                })
                        })
                }
                Action::Skip { .. } | Action::Complete | Action::Stop { .. } => false,
            })
        })
    }

    fn find_moves(&mut self, id: SetId, band: usize, bits: u64) -> Moves {
        let set = &self.sets[id.index()];
        let (at_once, band) = (band > set.bands.len(), band % (set.bands.len() + 1));
        // All lengths of time in a band are alike.
        let since = if band == 0 { 0 } else { set.bands[band - 1] };
        let since = |member: &Member| if member.anew && at_once { 0 } else { since };
        let state = |member: &Member| self.automaton.state(member.state);
        let lives = |member: &&Member| state(member).within.is_none_or(|within| since(member) < within);
        let has_gaps = self.has_gaps;
        let mut taken: Vec<(StepId, Vec<Member>, bool)> = Vec::new();
        let (mut skipped, mut skip_completes) = (Vec::new(), false);
        for member in set.members.iter().filter(lives) {
            let holds = |guards: &[_]| any_holds(guards, bits, since(member), &mut |_| false);
            let moves = || state(member).moves.iter().filter(|way| holds(&way.guards));
            let stopped = moves().any(|way| matches!(way.action, Action::Stop { .. }));
            for way in moves() {
                match &way.action {
                    Action::Take { step, to, completes } => {
                        let place = taken.iter().position(|(other, ..)| other == step);
                        let place = place.unwrap_or_else(|| {
                            taken.push((*step, Vec::new(), false));
                            taken.len() - 1
                        });
                        let to = to.filter(|_| !stopped).map(|state| Member { state, anew: false });
                        taken[place].1.extend(to);
                        taken[place].2 |= holds(completes);
                    }
                    Action::Skip { to } if !stopped => {
                        let anew = has_gaps && (way.counts_anew || member.anew && at_once);
                        skipped.push(Member { state: *to, anew });
                    }
                    Action::Skip { .. } | Action::Stop { .. } => {}
                    Action::Complete => skip_completes = true,
                }
            }
        }
        // What no longer waits here never will again, so a set need not be left for the rest of it; but what counted anew
        // no longer does.
        let others_are_over = set.members.iter().filter(lives).all(|member| skipped.contains(member));
        let stays = others_are_over && skipped.iter().all(|member| set.members.contains(member));
        let stays = stays && (at_once || !set.anew) && !skipped.is_empty();
        let skip = if stays { Some(id) } else { self.some_set(skipped) };
        taken.sort_by_key(|(step, ..)| *step);
        let first_take = self.takes.len();
        for (step, to, completes) in taken {
            let to = self.some_set(to);
            if to.is_some() || completes {
                self.takes.push(Take { step, to, completes });
            }
        }
        Moves {
            first_take: first_take as u32,
            takes: (self.takes.len() - first_take) as u32,
            skip,
            completes: skip_completes,
        }
    }

    fn some_set(&mut self, mut members: Vec<Member>) -> Option<SetId> {
        members.sort_unstable();
        members.dedup();
        (!members.is_empty()).then(|| self.set(members.into()))
    }

    fn set(&mut self, members: Box<[Member]>) -> SetId {
        if let Some(id) = self.ids.get(&members) {
            return *id;
        }
        let id = SetId(u16::try_from(self.sets.len()).expect("no accepted automaton has so many sets"));
        let set = Set::new(&self.automaton, members.clone());
        self.sets.push(set);
        self.ids.insert(members, id);
        id
    }

    /// Finds all sets that events can lead to.
    fn explore(&mut self) -> Result<(), Reason> {
        let mut looked_at = 0;
        let mut index = 0;
        while let Some(set) = self.sets.get(index) {
            let (relevant, bands) = (set.relevant, set.bands_in_all());
            let combinations = 1_usize.checked_shl(relevant.count_ones()).unwrap_or(usize::MAX);
            looked_at = combinations.saturating_mul(bands).saturating_add(looked_at);
            if looked_at > MOVES_MAX {
                return Err(Reason::TooLarge);
            }
            for band in 0..bands {
                let mut bits = 0_u64;
                loop {
                    self.moves_in(SetId(index as u16), band, bits);
                    if self.sets.len() > SETS_MAX {
                        return Err(Reason::TooLarge);
                    }
                    // The next subset of the bits, in the order of numbers.
                    bits = bits.wrapping_sub(relevant) & relevant;
                    if bits == 0 {
                        break;
                    }
                }
            }
            index += 1;
        }
        if self.sets.iter().any(|set| set.pending && !self.all_pending(set)) {
            return Err(Reason::Absence);
        }
        Ok(())
    }

    /// Whether a set with something pending ends as a whole when that is decided.
    fn all_pending(&self, set: &Set) -> bool {
        self.automaton.within().is_none()
            && set
                .members
                .iter()
                .map(|member| self.automaton.state(member.state))
                .all(|state| state.within.is_some_and(|within| Some(within) == set.gap || !state.pending))
    }

    /// Finds out what is timed, from the sets in which time matters back along skipped events.
    fn find_timed(&mut self) {
        let mut skips: Vec<(SetId, SetId)> =
            self.moves.iter().filter_map(|((from, ..), moves)| Some((*from, moves.skip?))).collect();
        for (index, set) in self.sets.iter().enumerate() {
            let to = set.table.iter().flatten().filter_map(|moves| moves.skip);
            skips.extend(to.map(|to| (SetId(index as u16), to)));
        }
        loop {
            let before = skips.len();
            skips.retain(|(from, to)| {
                let leads = self.sets[to.index()].timed;
                self.sets[from.index()].timed |= leads;
                !leads
            });
            if skips.len() == before {
                break;
            }
        }
        self.any_timed = self.sets.iter().any(|set| set.timed);
    }
}

impl SetId {
    #[cfg(test)]
    pub(super) const fn new(index: u16) -> SetId {
        SetId(index)
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }
}

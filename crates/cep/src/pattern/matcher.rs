//! What an evaluator does for one key, so that limits, wake-ups and statistics are the same for all evaluators.

use super::PatternPlan;
use super::automaton::Automaton;
use super::events::Start;
use crate::agenda::Wake;
use crate::engine::{Found, Row};
use crate::slots::{SlotId, Slots};
use crate::snapshot::wire::{Read, Reader, Writer};

/// The partial matches of one key under one evaluator.
///
/// What all keys of a rule have in common (the automaton, the nodes, buffers that save allocations) is
/// [`Shared`](Self::Shared); a matcher lives as long as it holds something, and is then given back to it.
///
/// The caller sees to it that time is right: before a row of time `t` is shown, every key whose [`wake_at`](Self::wake_at)
/// is a [timer](Wake::Timer) up to `t` has been woken at that very time, and this key has been woken at `t` if what it
/// asked for is due; what has lasted for as long as the pattern may has been [expired](Self::expire), or is
/// [passed over](Self::passes_over). So a matcher that is shown a row does nothing with what is over.
pub(crate) trait Matcher: Sized {
    /// What findings carry of an event.
    type Event: Clone;
    /// What all keys of the rule have in common.
    type Shared;
    /// What was read of a snapshot, until all of it was.
    type Loading;

    /// What a rule starts with. No event is held that owns more than `weight_max`.
    fn share(plan: PatternPlan, automaton: Automaton, weight_max: usize) -> Self::Shared;

    /// A matcher that holds nothing, perhaps one [given back](Self::give_back).
    fn new(shared: &mut Self::Shared) -> Self;

    /// What each partial match takes, if they are held one by one, and each event that they have taken, in bytes, without
    /// what events own elsewhere.
    fn sizes(shared: &Self::Shared) -> (usize, usize);

    /// Takes one that [`is_empty`](Self::is_empty).
    fn give_back(self, shared: &mut Self::Shared);

    /// Shows a row to what is held and, if that may be, begins with it what it can begin. `at` are the row's time and its
    /// number, which grows from row to row of the rule, whatever their keys; `slot` is where this matcher stands among them.
    /// Limits are seen to afterwards, by [`drop_begun_at`](Self::drop_begun_at); but what takes an event that is
    /// [too large](Self::take_refused) is not held.
    fn process(
        &mut self,
        shared: &mut Self::Shared,
        row: &Row<'_, Self::Event>,
        at: Start,
        slot: SlotId,
        may_begin: bool,
        told: &mut Told<Self::Event>,
    );

    /// Whether a row had an event that is larger than anything may be, so that what took it is lost, since this was last
    /// asked.
    fn take_refused(shared: &mut Self::Shared) -> bool;

    /// Whether a row with these bits, which begins nothing, can change anything of what is held. If not, it need not be
    /// shown.
    fn is_concerned(&self, _shared: &Self::Shared, _bits: u64) -> bool {
        true
    }

    /// Ends what is over at `now`, which tells timeouts, matches that time completes, and matches no longer held back.
    fn wake(&mut self, shared: &mut Self::Shared, now: i64, told: &mut Told<Self::Event>);

    /// Ends what is over at `now`, because this row, which began something that may be held, began it too long ago for the
    /// pattern. Nothing comes of it that is to be told.
    fn expire(&mut self, shared: &mut Self::Shared, _row: u64, now: i64, told: &mut Told<Self::Event>) {
        self.wake(shared, now, told);
    }

    /// When this key wants to be woken next. A timer if something may then be told: exactly then, or before it and once
    /// more. Else an expiry, which may be asked for too early; what the pattern's time from first to last ends is
    /// [expired](Self::expire) unasked.
    fn wake_at(&self, shared: &Self::Shared) -> Option<(Wake, i64)>;

    /// Whether nothing is held.
    fn is_empty(&self) -> bool;

    /// The number of the row with which the earliest began of all that is held.
    fn oldest(&self, shared: &Self::Shared) -> Option<u64>;

    /// The number of the row with which the latest began of all that is held.
    fn newest(&self, shared: &Self::Shared) -> Option<u64>;

    /// The earliest row with which something began that is held for any key, and that key.
    fn oldest_of_all(shared: &mut Self::Shared, slots: &Slots<Self>) -> Option<(u64, SlotId)>;

    /// When something is over next because it began too long ago for the pattern, or earlier.
    fn first_over(shared: &Self::Shared) -> Option<i64>;

    /// Whether what is over because it began too long ago may be held for a while yet: it does nothing, and its end tells
    /// nothing.
    fn passes_over(shared: &Self::Shared) -> bool;

    /// Tells that it is `now`, so that what is over is [passed over](Self::passes_over) from now on.
    fn pass(shared: &mut Self::Shared, now: i64);

    /// The next row such that what began with it is over at `now`, and its key, which is to be [expired](Self::expire). Each
    /// is told once; of some, nothing may be left.
    fn take_over(shared: &mut Self::Shared, now: i64) -> Option<(u64, SlotId)>;

    /// Forgets rows of which nothing is left, if they are too many.
    fn tidy(shared: &mut Self::Shared, slots: &Slots<Self>);

    /// Whether no more is held than this, once what is over has been freed.
    fn fits(shared: &mut Self::Shared, most: usize) -> bool {
        Self::held(shared) <= most
    }

    /// Drops all of this key, matches held back included; returns how many partial matches are lost.
    fn clear(&mut self, shared: &mut Self::Shared, told: &mut Told<Self::Event>) -> u64 {
        let mut lost = 0;
        while let Some(oldest) = self.oldest(shared) {
            lost += self.drop_begun_at(shared, oldest, told);
        }
        lost
    }

    /// Drops all that began with this row, which is the latest of this key or the earliest of all, matches held back included;
    /// returns how many partial matches are lost. What that releases is told.
    fn drop_begun_at(&mut self, shared: &mut Self::Shared, row: u64, told: &mut Told<Self::Event>) -> u64;

    /// What counts against the limit on partial matches, of all keys together.
    fn held(shared: &Self::Shared) -> usize;

    /// Frees a little of what is not held any longer, or looks for it; whether there was anything to do. `unsearched` is how
    /// much more may be looked at.
    fn free_some(shared: &mut Self::Shared, unsearched: &mut usize) -> bool;

    /// What is held for all keys together takes so many bytes, with its events; `Self` is not counted.
    fn bytes(shared: &Self::Shared) -> usize;

    /// What a partial match takes of one event that owns nothing.
    fn bytes_at_least() -> usize;

    /// Writes what is new of what all keys have in common and cannot change.
    fn save_new(shared: &mut Self::Shared, writer: &mut Writer<'_, Self::Event>);

    /// Writes the rest of what all keys have in common.
    fn save_shared(shared: &Self::Shared, writer: &mut Writer<'_, Self::Event>);

    /// Reads what all keys have in common: what was new in each part, and the rest of the last one.
    fn load_shared(
        shared: &mut Self::Shared,
        new: &mut [Reader<'_, '_, Self::Event>],
        reader: &mut Reader<'_, '_, Self::Event>,
    ) -> Read<Self::Loading>;

    /// Lets all be new to the next snapshot.
    fn forget_snapshot(shared: &mut Self::Shared);

    /// Writes what is held for this key.
    fn save(&self, writer: &mut Writer<'_, Self::Event>);

    /// Reads what is held for a key.
    fn load(
        shared: &mut Self::Shared,
        loading: &mut Self::Loading,
        reader: &mut Reader<'_, '_, Self::Event>,
    ) -> Read<Self>;

    /// Checks that what was read belongs together, once all keys have been.
    fn end_load(shared: &mut Self::Shared, loading: Self::Loading) -> Read<()>;
}

/// What is found while a row is processed or a key woken: at most so many matches, the rest is counted.
#[derive(Debug)]
pub(crate) struct Told<E> {
    found: Vec<Found<E>>,
    matches: usize,
    matches_max: usize,
    untold: u64,
}

impl<E> Told<E> {
    pub(crate) fn new(matches_max: usize) -> Told<E> {
        Told { found: Vec::new(), matches: 0, matches_max, untold: 0 }
    }

    /// Whether another match would be told. One that would not is counted by [`skip`](Self::skip), without being made.
    pub(crate) fn has_room(&self) -> bool {
        self.matches < self.matches_max
    }

    /// Tells a match.
    pub(crate) fn tell(&mut self, found: Found<E>) {
        debug_assert!(self.has_room(), "whoever makes a match asks first");
        self.matches += 1;
        self.found.push(found);
    }

    /// Counts matches that are not told.
    pub(crate) fn skip(&mut self, matches: u64) {
        self.untold = self.untold.saturating_add(matches);
    }

    /// Tells a partial match that ran out of time; these have no bound of their own, as each was held before.
    pub(crate) fn tell_timeout(&mut self, found: Found<E>) {
        self.found.push(found);
    }

    /// Whether nothing was found since the last time.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Takes all that was found out, and begins to count anew.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Found<E>> + '_ {
        self.matches = 0;
        self.found.drain(..)
    }

    /// Goes on counting matches that were not told.
    pub(crate) fn set_untold(&mut self, untold: u64) {
        self.untold = untold;
    }

    /// Matches that were not told, since the start.
    pub(crate) fn untold(&self) -> u64 {
        self.untold
    }
}

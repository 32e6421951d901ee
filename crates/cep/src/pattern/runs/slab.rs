//! Values with small stable names, and lists of them that cost no memory of their own.

use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// Values that are named by where they stand. Places are used again.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Slab<T> {
    items: Vec<T>,
    free: Vec<Id<T>>,
}

/// Names a value of a slab.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Id<T> {
    number: NonZeroU32,
    of: PhantomData<fn() -> T>,
}

/// The ends of a list, whose elements know their neighbours.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct List<T> {
    pub(super) head: Option<Id<T>>,
    pub(super) tail: Option<Id<T>>,
}

/// The neighbours of an element in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Links<T> {
    pub(super) previous: Option<Id<T>>,
    pub(super) next: Option<Id<T>>,
}

/// What can be in lists, in one of each kind `L` at a time.
pub(super) trait Linked<L>: Sized {
    fn links(&mut self) -> &mut Links<Self>;
}

impl<T: Copy> Slab<T> {
    pub(super) fn insert(&mut self, item: T) -> Id<T> {
        if let Some(id) = self.free.pop() {
            self[id] = item;
            return id;
        }
        self.items.push(item);
        let number = u32::try_from(self.items.len()).expect("limits keep a rule below 2^32 partial matches");
        Id {
            number: NonZeroU32::new(number).expect("there is at least the one just pushed"),
            of: PhantomData,
        }
    }

    /// Frees the place of a value, which nothing may name any longer.
    pub(super) fn remove(&mut self, id: Id<T>) {
        self.free.push(id);
    }

    /// By place, whether there is a value; `None` if the slab is not sound, as it was read so.
    pub(super) fn live(&self) -> Option<Vec<bool>> {
        let mut live = vec![true; self.items.len()];
        for id in &self.free {
            let live = live.get_mut(id.index())?;
            if !std::mem::take(live) {
                return None;
            }
        }
        Some(live)
    }

    /// What is in each place, be it a value or what was left by one.
    pub(super) fn all(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }
}

impl<T> List<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Adds an element that is in no such list, behind `after`; without that, as the first.
    pub(super) fn insert_after<L>(&mut self, slab: &mut Slab<T>, after: Option<Id<T>>, id: Id<T>)
    where
        T: Linked<L> + Copy,
    {
        let next = match after {
            Some(after) => slab[after].links().next.replace(id),
            None => self.head.replace(id),
        };
        match next {
            Some(next) => slab[next].links().previous = Some(id),
            None => self.tail = Some(id),
        }
        *slab[id].links() = Links { previous: after, next };
    }

    pub(super) fn push_back<L>(&mut self, slab: &mut Slab<T>, id: Id<T>)
    where
        T: Linked<L> + Copy,
    {
        self.insert_after(slab, self.tail, id);
    }

    /// Takes an element out.
    pub(super) fn unlink<L>(&mut self, slab: &mut Slab<T>, id: Id<T>)
    where
        T: Linked<L> + Copy,
    {
        let Links { previous, next } = *slab[id].links();
        match previous {
            Some(previous) => slab[previous].links().next = next,
            None => self.head = next,
        }
        match next {
            Some(next) => slab[next].links().previous = previous,
            None => self.tail = previous,
        }
    }
}

impl<T> Id<T> {
    pub(super) fn index(self) -> usize {
        self.number.get() as usize - 1
    }
}

impl<T> Index<Id<T>> for Slab<T> {
    type Output = T;

    fn index(&self, id: Id<T>) -> &T {
        &self.items[id.index()]
    }
}

impl<T> IndexMut<Id<T>> for Slab<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        &mut self.items[id.index()]
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { items: Vec::new(), free: Vec::new() }
    }
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List { head: None, tail: None }
    }
}

impl<T> Default for Links<T> {
    fn default() -> Links<T> {
        Links { previous: None, next: None }
    }
}

// Derived, these would ask the same of what is named.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Id<T> {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Id<T>) -> bool {
        self.number == other.number
    }
}
impl<T> Eq for Id<T> {}
impl<T> Clone for List<T> {
    fn clone(&self) -> List<T> {
        *self
    }
}
impl<T> Copy for List<T> {}
impl<T> Clone for Links<T> {
    fn clone(&self) -> Links<T> {
        *self
    }
}
impl<T> Copy for Links<T> {}

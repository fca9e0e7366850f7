//! A heap whose entries can be found again.
//!
//! ```text
//!  groups:  | - - - first | its four children | those of the next place | ...
//!                  at, slot    earliest first; each before its four children
//!                        ^ |
//!                        | v
//!  places:   | place or next free |        for each slot
//!  items:    | what was put there |
//! ```
//!
//! Four children to each entry make it half as deep as a binary one, and a group is one cache line.
//! An entry that moves has its place noted in `places`, not in what it stands for: that lies in
//! some fiber's stack, and a hundred thousand of those are in no cache.

use crate::primitive::prefetch;

/// Where an item can be found again: its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u32);

#[derive(Clone, Copy)]
struct Entry {
    at: u64,
    slot: u32,
}

/// Entries that have the same parent: one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Group([Entry; CHILDREN]);

/// Items in the order of their times. Of those with the same time any may be first.
pub(super) struct Heap<T> {
    /// By place; the first is at `ROOT`, and those before it and after the last are `NOBODY`.
    groups: Vec<Group>,
    /// The first place that is free.
    end: usize,
    /// For each slot its entry's place, or the next free slot.
    places: Vec<u32>,
    items: Vec<T>,
    /// The first free slot, or `NONE`.
    free: u32,
}

const CHILDREN: usize = 4;
/// Where the first entry is, so that those with the same parent are in the same group.
const ROOT: usize = CHILDREN - 1;
const NONE: u32 = u32::MAX;
/// Later than any entry.
const NOBODY: Entry = Entry {
    at: u64::MAX,
    slot: NONE,
};

/// The group of the children of the entry at `place`.
fn children(place: usize) -> usize {
    place + 1 - ROOT
}

/// The place of the parent of the entry at `place`, which is not the first.
fn parent(place: usize) -> usize {
    place / CHILDREN + ROOT - 1
}

impl<T: Copy> Heap<T> {
    pub(super) fn new() -> Self {
        Self {
            groups: vec![Group([NOBODY; CHILDREN])],
            end: ROOT,
            places: Vec::new(),
            items: Vec::new(),
            free: NONE,
        }
    }

    fn entry(&self, place: usize) -> Entry {
        self.groups[place / CHILDREN].0[place % CHILDREN]
    }

    /// The earliest time.
    #[inline]
    pub(super) fn first(&self) -> Option<u64> {
        (self.end > ROOT).then(|| self.entry(ROOT).at)
    }

    /// Puts an item in; `at` is not the end of all times.
    pub(super) fn insert(&mut self, at: u64, item: T) -> Key {
        debug_assert!(at < NOBODY.at);
        let slot = self.take_slot(item);
        let place = self.end;
        if place / CHILDREN == self.groups.len() {
            self.groups.push(Group([NOBODY; CHILDREN]));
        }
        self.end += 1;
        self.rise(place, Entry { at, slot });
        Key(slot)
    }

    /// Takes out the first item, if its time is not after `now`.
    pub(super) fn pop_until(&mut self, now: u64) -> Option<T> {
        let at = self.first()?;
        (at <= now).then(|| self.remove(Key(self.entry(ROOT).slot)))
    }

    /// Takes out an item that is there.
    pub(super) fn remove(&mut self, key: Key) -> T {
        let slot = key.0 as usize;
        let place = std::mem::replace(&mut self.places[slot], self.free) as usize;
        self.free = key.0;
        debug_assert_eq!(self.entry(place).slot, key.0, "the item is there");
        self.end -= 1;
        let last = self.entry(self.end);
        self.groups[self.end / CHILDREN].0[self.end % CHILDREN] = NOBODY;
        if self.end % CHILDREN == 0 {
            self.groups.pop();
        }
        // The last one takes its place, and moves from there: in one direction at most.
        if place < self.end {
            let rests_at = self.sink(place, last);
            if rests_at == place {
                self.rise(place, last);
            }
        }
        self.items[slot]
    }

    fn take_slot(&mut self, item: T) -> u32 {
        if self.free == NONE {
            let slot = u32::try_from(self.items.len()).expect("fewer timers than fibers");
            self.items.push(item);
            self.places.push(NONE);
            return slot;
        }
        let slot = self.free;
        self.free = self.places[slot as usize];
        self.items[slot as usize] = item;
        slot
    }

    fn put(&mut self, place: usize, entry: Entry) {
        self.groups[place / CHILDREN].0[place % CHILDREN] = entry;
        self.places[entry.slot as usize] = place as u32;
    }

    /// Puts `entry` at `place`, or nearer to the front: after the first parent that is not later.
    fn rise(&mut self, mut place: usize, entry: Entry) {
        while place > ROOT {
            let above = self.entry(parent(place));
            if above.at <= entry.at {
                break;
            }
            self.put(place, above);
            place = parent(place);
        }
        self.put(place, entry);
    }

    /// Puts `entry` at `place`, or nearer to the end: before children that are not earlier. Says
    /// where.
    fn sink(&mut self, mut place: usize, entry: Entry) -> usize {
        while let Some(group) = self.groups.get(children(place)) {
            // One of the children goes up, and then its children are compared: their lines are
            // asked for before it is known which.
            let first = children(place) * CHILDREN;
            let below = self.groups.as_ptr().wrapping_add(children(first));
            for child in 0..CHILDREN {
                prefetch(below.wrapping_add(child));
            }
            let (child, earliest) = group.earliest();
            if entry.at <= earliest.at {
                break;
            }
            self.put(place, earliest);
            place = first + child;
        }
        self.put(place, entry);
        place
    }
}

impl Group {
    /// The earliest entry, and which it is.
    #[inline]
    fn earliest(&self) -> (usize, Entry) {
        let earlier = |a: usize, b: usize| if self.0[b].at < self.0[a].at { b } else { a };
        let child = earlier(earlier(0, 1), earlier(2, 3));
        (child, self.0[child])
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

//! A heap whose entries can be found again.
//!
//! ```text
//!  entries: | at, slot | at, slot | ...    earliest first, each before its four children
//!                  |         ^
//!                  v         |
//!  places:   | place or next free |        for each slot
//!  items:    | what was put there |
//! ```
//!
//! Four children to each entry make it half as deep as a binary one. An entry that moves has its
//! place noted in `places`, not in what it stands for: that lies in some fiber's stack, and a
//! hundred thousand of those are in no cache.

/// Where an item can be found again: its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u32);

#[derive(Clone, Copy)]
struct Entry {
    at: u64,
    slot: u32,
}

/// Items in the order of their times. Of those with the same time any may be first.
pub(super) struct Heap<T> {
    entries: Vec<Entry>,
    /// For each slot its entry's place, or the next free slot.
    places: Vec<u32>,
    items: Vec<T>,
    /// The first free slot, or `NONE`.
    free: u32,
}

const CHILDREN: usize = 4;
const NONE: u32 = u32::MAX;

impl<T: Copy> Heap<T> {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            places: Vec::new(),
            items: Vec::new(),
            free: NONE,
        }
    }

    /// The earliest time.
    #[inline]
    pub(super) fn first(&self) -> Option<u64> {
        self.entries.first().map(|entry| entry.at)
    }

    pub(super) fn insert(&mut self, at: u64, item: T) -> Key {
        let slot = self.take_slot(item);
        let entry = Entry { at, slot };
        self.entries.push(entry);
        self.rise(self.entries.len() - 1, entry);
        Key(slot)
    }

    /// Takes out the first item, if its time is not after `now`.
    pub(super) fn pop_until(&mut self, now: u64) -> Option<T> {
        let first = *self.entries.first()?;
        (first.at <= now).then(|| self.remove(Key(first.slot)))
    }

    /// Takes out an item that is there.
    pub(super) fn remove(&mut self, key: Key) -> T {
        let slot = key.0 as usize;
        let place = std::mem::replace(&mut self.places[slot], self.free) as usize;
        self.free = key.0;
        debug_assert_eq!(self.entries[place].slot, key.0, "the item is there");
        // The last one takes its place, and moves from there: in one direction at most.
        if let Some(last) = self.entries.pop() {
            if place < self.entries.len() {
                let rests_at = self.sink(place, last);
                if rests_at == place {
                    self.rise(place, last);
                }
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
        self.entries[place] = entry;
        self.places[entry.slot as usize] = place as u32;
    }

    /// Puts `entry` at `place`, or nearer to the front: after the first parent that is not later.
    fn rise(&mut self, mut place: usize, entry: Entry) {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if self.entries[parent].at <= entry.at {
                break;
            }
            self.put(place, self.entries[parent]);
            place = parent;
        }
        self.put(place, entry);
    }

    /// Puts `entry` at `place`, or nearer to the end: before children that are not earlier. Says
    /// where.
    fn sink(&mut self, mut place: usize, entry: Entry) -> usize {
        loop {
            let first = place * CHILDREN + 1;
            let children = first..(first + CHILDREN).min(self.entries.len());
            let Some(earliest) = children.min_by_key(|&child| self.entries[child].at) else {
                break;
            };
            if entry.at <= self.entries[earliest].at {
                break;
            }
            self.put(place, self.entries[earliest]);
            place = earliest;
        }
        self.put(place, entry);
        place
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

//! What a thread remembers of the code that it has run.

use std::cell::Cell;

/// Places for as many pieces of code. A guess: a program has few loops that it runs again and again.
const PLACES: usize = 16;

/// A number for each of a few pieces of code, which are told apart by their addresses. Two that share a
/// place push each other out, so nothing that is remembered may be relied on.
#[derive(Debug)]
pub(crate) struct Recall([Cell<(usize, usize)>; PLACES]);

impl Recall {
    pub(crate) const fn new() -> Self {
        Self([const { Cell::new((0, 0)) }; PLACES])
    }

    /// The number that was noted last for this code.
    #[inline]
    pub(crate) fn get(&self, code: usize) -> Option<usize> {
        let (noted, number) = self.place(code).get();
        (noted == code).then_some(number)
    }

    pub(crate) fn note(&self, code: usize, number: usize) {
        self.place(code).set((code, number));
    }

    pub(crate) fn forget(&self, code: usize) {
        if self.get(code).is_some() {
            self.place(code).set((0, 0));
        }
    }

    #[inline]
    fn place(&self, code: usize) -> &Cell<(usize, usize)> {
        // Functions begin at multiples of 16 on most machines.
        &self.0[(code / 16) % PLACES]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{PLACES, Recall};

    #[test]
    fn notes_belong_to_their_code() {
        let recall = Recall::new();
        assert_eq!(recall.get(0x1000), None);
        recall.note(0x1000, 1);
        recall.note(0x1010, 2);
        assert_eq!((recall.get(0x1000), recall.get(0x1010)), (Some(1), Some(2)));
        recall.note(0x1000, 3);
        recall.forget(0x1010);
        assert_eq!((recall.get(0x1000), recall.get(0x1010)), (Some(3), None));
    }

    #[test]
    fn a_note_pushes_out_that_of_its_place_alone() {
        let recall = Recall::new();
        let other = 0x1000 + 16 * PLACES;
        recall.note(0x1000, 1);
        recall.forget(other);
        assert_eq!(recall.get(0x1000), Some(1));
        recall.note(other, 2);
        assert_eq!((recall.get(0x1000), recall.get(other)), (None, Some(2)));
    }
}

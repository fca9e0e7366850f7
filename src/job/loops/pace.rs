//! How many elements a job runs between two looks at the clock.

use std::time::{Duration, Instant};

/// How long a step shall take: long beside reading the clock (about 20 ns) and looking at the deque, short
/// beside waking a worker (about 8 us), whom a step keeps waiting for its share. A guess.
const STEP: Duration = Duration::from_micros(2);

/// How long a loop runs before it asks for help. A loop shorter than a few times this would end before a
/// worker that is woken for it begins. A guess.
const OPENING: Duration = Duration::from_micros(2);

/// A step has at most so many times the elements of the one before: how fast the last ones were says little
/// about the next. A guess.
const GROWTH: usize = 8;

/// A step has at most this part of all elements, for the same reason: else the first cheap ones could make
/// one step of all the others. A guess.
const LARGEST_PART: usize = 4;

/// The speed of a loop, as one of its jobs has measured it.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// The next step, in elements; at least one.
    step: usize,
    most: usize,
    /// When the opening began, unless it is over.
    opening: Option<Instant>,
    /// When the current step began.
    last: Instant,
}

impl Pace {
    /// The pace of a loop over `len` elements that begins now.
    #[inline]
    pub(super) fn opening(len: usize) -> Self {
        let now = Instant::now();
        Self {
            step: 1,
            most: (len / LARGEST_PART).max(1),
            opening: Some(now),
            last: now,
        }
    }

    /// Whether the loop is too young to ask for help.
    #[inline]
    pub(super) fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    #[inline]
    pub(super) fn step(&self) -> usize {
        self.step
    }

    /// The first step of a piece begins.
    #[inline]
    pub(super) fn begin(&mut self) {
        // The opening has just looked.
        if !self.is_opening() {
            self.last = Instant::now();
        }
    }

    /// A full step is over.
    pub(super) fn measure(&mut self) {
        let now = Instant::now();
        self.step = self.next_step(now - self.last);
        self.last = now;
        self.opening = self.opening.filter(|&began| now - began < OPENING);
    }

    /// How many elements fill a step, if the last ones took so long. (Also when they waited: others can
    /// run what is left meanwhile.)
    fn next_step(&self, took: Duration) -> usize {
        let took = took.as_nanos().max(1) as usize;
        let fits = self.step.saturating_mul(STEP.as_nanos() as usize) / took;
        let limit = self.step.saturating_mul(GROWTH).min(self.most);
        fits.clamp(1, limit)
    }
}

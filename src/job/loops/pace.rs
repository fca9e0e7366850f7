//! How many elements a job runs between two looks at the clock.

use crate::primitive::Moment;

/// How long a step shall take: long beside reading the clock (about 8 ns) and looking at the
/// deque, short beside waking a worker (about 8 µs). A guess.
const STEP_NANOS: usize = 2_000;

/// What it costs to wake a worker, in the worker that wakes. Measured where this was written; a
/// guess elsewhere.
const WAKE_NANOS: usize = 8_000;

/// When the speed of a young loop is known well enough to foresee its end. A guess.
const KNOWN_NANOS: usize = 2_000;

/// A step has at most so many times the elements of the one before: how fast the last ones were
/// says little about the next. A guess.
const GROWTH: usize = 16;

/// A step has at most this part of all elements, or a few more, for the same reason: a few cheap ones in front
/// must not make all the others one step. A guess.
const LARGEST_PART: usize = 4;

/// Steps of at least so many elements are multiples of it: so a body that the compiler has made one of
/// vectors, or unrolled, has no remainder in each step.
const VECTORS: usize = 16;

/// The speed of a loop, as one of its jobs has measured it.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// The elements of the next step; at least one.
    step: usize,
    /// The most that a step may have.
    limit: usize,
    /// Whether the loop is too young to ask for help.
    opening: bool,
    /// How long the opening has lasted.
    spent: usize,
    /// When the current step began.
    began: Moment,
}

impl Pace {
    /// The pace of a loop over `len` elements that begins now.
    #[inline]
    pub(super) fn opening(len: usize) -> Self {
        Self {
            step: 1,
            limit: largest_step(len),
            opening: true,
            spent: 0,
            began: Moment::now(),
        }
    }

    /// The pace of a loop that begins now, and is known to be worth help.
    #[cold]
    pub(super) fn known(len: usize) -> Self {
        Self {
            opening: false,
            ..Self::opening(len)
        }
    }

    /// When the current step began.
    #[inline]
    pub(super) fn began(&self) -> Moment {
        self.began
    }

    /// Whether the loop is too young to ask for help.
    #[inline]
    pub(super) fn is_opening(&self) -> bool {
        self.opening
    }

    #[inline]
    pub(super) fn step(&self) -> usize {
        self.step
    }

    /// The first step of a piece begins.
    #[inline]
    pub(super) fn begin(&mut self) {
        // The opening's has begun with the loop.
        if !self.is_opening() {
            self.began = Moment::now();
        }
    }

    /// A step is over, and the next one begins; so many elements are `left`.
    #[inline]
    pub(super) fn measure(&mut self, left: usize) {
        let now = Moment::now();
        let took = now.nanos_since(self.began);
        self.began = now;
        self.learn(took, left);
    }

    #[inline]
    fn learn(&mut self, took: usize, left: usize) {
        if self.opening {
            self.spent = self.spent.saturating_add(took);
            let foreseen = left.saturating_mul(took) / self.step;
            self.opening = self.still_opening(foreseen);
        }
        self.step = self.next_step(took);
    }

    /// Help is worth its price when two wake-ups would fit into what is left. Who can't foresee
    /// that asks when as much time is spent as a wake-up costs: so a loop never takes twice what
    /// it would have taken had it known, for having asked too late or in vain.
    #[inline]
    fn still_opening(&self, foreseen: usize) -> bool {
        let is_long = self.spent >= KNOWN_NANOS && foreseen >= 2 * WAKE_NANOS;
        self.spent < WAKE_NANOS && !is_long
    }

    /// How many elements fill a step, if the last ones took so long. A wait of theirs counts: the
    /// more often they wait, the sooner others are to get their share.
    #[inline]
    fn next_step(&self, took: usize) -> usize {
        let fits = self.step.saturating_mul(STEP_NANOS) / took.max(1);
        let limit = self.step.saturating_mul(GROWTH).min(self.limit);
        let step = fits.clamp(1, limit);
        if step < VECTORS {
            step
        } else {
            step - step % VECTORS
        }
    }
}

#[inline]
fn largest_step(len: usize) -> usize {
    let part = (len / LARGEST_PART).max(1);
    let short = part % VECTORS;
    match part / VECTORS {
        0 => part,
        // One more makes little of a difference.
        8.. if short > 0 => part - short + VECTORS,
        _ => part - short,
    }
}

#[cfg(test)]
mod tests;

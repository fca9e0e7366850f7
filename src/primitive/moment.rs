//! A clock for spans of microseconds that is read in half the time of an `Instant`.
//!
//! **For guesses only**: how long some elements of a loop have taken. On x86-64 it is the processor's time stamp
//! counter, where that counts at one rate whatever the processor does; elsewhere it is `Instant`. The
//! rate is compared with `Instant` once in a process, which takes 50 us. Whatever the counter does (a
//! machine that is moved, processors that don't agree), a span is a number: wrong, and not negative.

/// A moment, to be compared with later ones of the same thread.
#[derive(Clone, Copy)]
pub(crate) struct Moment(imp::Count);

impl Moment {
    #[inline(always)]
    pub(crate) fn now() -> Self {
        Self(imp::now())
    }

    /// The nanoseconds from `earlier` to this one; none if it is not earlier.
    #[inline(always)]
    pub(crate) fn nanos_since(self, earlier: Self) -> usize {
        imp::nanos_between(earlier.0, self.0)
    }
}

/// No time passes in a model.
#[cfg(any(loom, shuttle))]
mod imp {
    pub(super) type Count = ();

    pub(super) fn now() -> Count {}

    pub(super) fn nanos_between((): Count, (): Count) -> usize {
        0
    }
}

#[cfg(all(target_arch = "x86_64", not(any(miri, loom, shuttle))))]
mod imp {
    use std::arch::x86_64::{__cpuid, _rdtsc};
    use std::sync::OnceLock;
    // Not the models': no protocol depends on it.
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    /// For so long the two clocks are compared: each reading is off by some ten nanoseconds.
    const COMPARED: Duration = Duration::from_micros(50);

    /// A reading of the counter; or nanoseconds, if that is no clock.
    pub(super) type Count = u64;

    /// Nanoseconds for 2^20 counts, once that is known.
    static RATE: AtomicU64 = AtomicU64::new(UNKNOWN);

    const UNKNOWN: u64 = 0;
    const SHIFT: u32 = 20;
    /// The counter is no clock, and nanoseconds are counted.
    const NANOS: u64 = 1 << SHIFT;

    #[inline(always)]
    pub(super) fn now() -> Count {
        // Relaxed: a number that says nothing about other memory.
        match RATE.load(Ordering::Relaxed) {
            UNKNOWN => first(),
            NANOS => nanos(),
            _ => counter(),
        }
    }

    #[inline(always)]
    pub(super) fn nanos_between(earlier: Count, later: Count) -> usize {
        let rate = RATE.load(Ordering::Relaxed);
        (later.saturating_sub(earlier).saturating_mul(rate) >> SHIFT) as usize
    }

    #[inline(always)]
    fn counter() -> u64 {
        #[allow(unused_unsafe, reason = "safe in newer compilers")]
        // SAFETY: every x86-64 processor has it.
        unsafe {
            _rdtsc()
        }
    }

    #[cold]
    fn nanos() -> u64 {
        static EPOCH: OnceLock<Instant> = OnceLock::new();
        EPOCH.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }

    #[cold]
    fn first() -> Count {
        let rate = if is_steady() { compare() } else { NANOS };
        RATE.store(rate, Ordering::Relaxed);
        now()
    }

    /// Whether the counter counts at one rate: "invariant TSC".
    fn is_steady() -> bool {
        const POWER: u32 = 0x8000_0007;
        #[allow(unused_unsafe, reason = "safe in newer compilers")]
        // SAFETY: every x86-64 processor has it.
        let leaf = |number| unsafe { __cpuid(number) };
        leaf(0x8000_0000).eax >= POWER && leaf(POWER).edx & (1 << 8) != 0
    }

    fn compare() -> u64 {
        let (began, first) = both();
        while began.elapsed() < COMPARED {
            std::hint::spin_loop();
        }
        let (ended, last) = both();
        let nanos = (ended - began).as_nanos() as u64;
        match (nanos << SHIFT).checked_div(last.saturating_sub(first)) {
            Some(rate) if rate != UNKNOWN => rate,
            _ => NANOS,
        }
    }

    /// Both clocks at the same moment: the best of a few tries, as the thread may be interrupted in
    /// between.
    fn both() -> (Instant, u64) {
        let read = |_| {
            let before = counter();
            let now = Instant::now();
            let after = counter();
            (after.saturating_sub(before), now, before)
        };
        let (_, now, count) = (0..8)
            .map(read)
            .min_by_key(|&(took, ..)| took)
            .expect("eight");
        (now, count)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// Within a percent, whatever interrupts the thread between two readings.
        #[test]
        fn the_counter_and_the_clock_agree() {
            let outer = Instant::now();
            let began = now();
            let inner = Instant::now();
            while inner.elapsed() < 20 * COMPARED {
                std::hint::spin_loop();
            }
            let inner = inner.elapsed().as_nanos() as usize;
            let counted = nanos_between(began, now());
            let outer = outer.elapsed().as_nanos() as usize;
            assert!(inner - inner / 100 <= counted && counted <= outer + outer / 100);
        }

        #[test]
        fn a_span_is_never_negative() {
            let now = now();
            assert_eq!(nanos_between(now, now), 0);
            assert_eq!(nanos_between(now, now - 1), 0);
            assert!(nanos_between(0, u64::MAX) > 0);
        }
    }
}

#[cfg(all(any(not(target_arch = "x86_64"), miri), not(any(loom, shuttle))))]
mod imp {
    use std::time::Instant;

    pub(super) type Count = Instant;

    #[inline(always)]
    pub(super) fn now() -> Count {
        Instant::now()
    }

    #[inline(always)]
    pub(super) fn nanos_between(earlier: Count, later: Count) -> usize {
        let span = later.saturating_duration_since(earlier).as_nanos();
        usize::try_from(span).unwrap_or(usize::MAX)
    }
}

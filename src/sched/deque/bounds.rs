//! The word that parts the deque: what thieves may take, and what the owner may take unasked.

/// Two positions in one word, so that they change together: the low halves of `split` and `guard`.
///
/// A half is compared with a position that is known to be less than 2^31 away (a deque is never
/// that long), so halves that wrap around compare like positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds(pub(super) u64);

impl Bounds {
    /// Everything below `position` is public.
    pub(super) fn at(position: isize) -> Self {
        Self::new(position, position)
    }

    pub(super) fn new(guard: isize, split: isize) -> Self {
        Self(u64::from(guard as u32) << 32 | u64::from(split as u32))
    }

    /// Whether the owner may take `position` without asking: no thief can take it, and none is
    /// about to make it public.
    #[inline(always)]
    pub(super) fn leaves_to_owner(self, position: isize) -> bool {
        distance(position, (self.0 >> 32) as u32) >= 0
    }

    /// How far `split` is above `position`: so many elements from there on are public.
    #[inline(always)]
    pub(super) fn public_from(self, position: isize) -> isize {
        -distance(position, self.0 as u32)
    }

    /// Where the private part begins: at `split`, or at `top` if that is further.
    pub(super) fn private_start(self, top: isize) -> isize {
        top.wrapping_add(self.public_from(top).max(0))
    }
}

/// The position minus the half.
#[inline(always)]
fn distance(position: isize, half: u32) -> isize {
    (position as u32).wrapping_sub(half) as i32 as isize
}

//! Cases under way.

use std::fmt;

use crate::sync::cancel::CancelToken;
use crate::sync::channel::{Put, RecvError, SendError, Take};
use crate::sync::event::Event;
use crate::wait::{self, Interrupted, MOST_ARMS, Site, Source, Waiter};

/// One case under way.
pub trait Arm {
    type Output;

    /// Does it if that is possible without waiting.
    fn attempt(&mut self) -> Option<Self::Output>;

    /// Called for a waiter that was served through this arm. `None`: another was faster.
    fn served(&mut self) -> Option<Self::Output>;

    /// What to wait for. Called by the select that waits, which is told apart from others by `owner`.
    #[allow(private_interfaces)]
    fn source(&mut self, owner: *const ()) -> &dyn Source;
}

/// All cases of a select under way.
pub trait Arms {
    type Output;

    fn count(&self) -> usize;

    /// `Arm::attempt` of the nth.
    fn attempt(&mut self, n: usize) -> Option<Self::Output>;

    /// `Arm::served` of the nth.
    fn served(&mut self, n: usize) -> Option<Self::Output>;

    /// Waits until one of them is served; says which.
    #[allow(private_interfaces)]
    fn wait<W: Waiter>(&mut self, who: W, site: Site) -> Result<usize, Interrupted>;
}

impl<T: Send> Arm for Take<'_, T> {
    type Output = Result<T, RecvError>;

    fn attempt(&mut self) -> Option<Self::Output> {
        Take::attempt(self)
    }

    fn served(&mut self) -> Option<Self::Output> {
        Take::served(self)
    }

    #[allow(private_interfaces)]
    fn source(&mut self, owner: *const ()) -> &dyn Source {
        self.set_owner(owner);
        self
    }
}

/// A send, with the place where its value comes from, and goes back to.
pub struct SendArm<'a, T> {
    put: Put<'a, T>,
    home: &'a mut Option<T>,
}

impl<'a, T: Send> SendArm<'a, T> {
    pub(super) fn new(sending: crate::sync::channel::Sending<'a, T>) -> Self {
        Self {
            put: sending.sender.put(sending.value.take()),
            home: sending.value,
        }
    }
}

impl<T> Drop for SendArm<'_, T> {
    fn drop(&mut self) {
        *self.home = self.put.take_value();
    }
}

impl<T: Send> Arm for SendArm<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn attempt(&mut self) -> Option<Self::Output> {
        self.put.attempt()
    }

    fn served(&mut self) -> Option<Self::Output> {
        self.put.served()
    }

    #[allow(private_interfaces)]
    fn source(&mut self, owner: *const ()) -> &dyn Source {
        if !self.put.has_value() {
            return &Never;
        }
        self.put.set_owner(owner);
        &self.put
    }
}

impl<T> fmt::Debug for SendArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendArm").finish_non_exhaustive()
    }
}

/// What never happens.
struct Never;

impl Source for Never {
    unsafe fn register(&self, _: std::ptr::NonNull<wait::WaitNode>) -> bool {
        true
    }

    unsafe fn leave(&self, _: std::ptr::NonNull<wait::WaitNode>) -> bool {
        true
    }
}

/// Something that is signalled, and gives nothing but that: its claim carries the signal.
#[derive(Debug)]
pub struct SignalArm<'a, S>(pub(super) &'a S);

impl Arm for SignalArm<'_, Event> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        self.0.passes().then_some(())
    }

    fn served(&mut self) -> Option<()> {
        Some(())
    }

    #[allow(private_interfaces)]
    fn source(&mut self, _: *const ()) -> &dyn Source {
        self.0
    }
}

impl Arm for SignalArm<'_, CancelToken> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        self.0.is_cancelled().then_some(())
    }

    fn served(&mut self) -> Option<()> {
        Some(())
    }

    #[allow(private_interfaces)]
    fn source(&mut self, _: *const ()) -> &dyn Source {
        self.0
    }
}

/// Waits for all of them; says which has been served.
pub(super) fn wait_for_any<W: Waiter>(
    who: W,
    arms: &[wait::Arm<'_>],
    site: Site,
) -> Result<usize, Interrupted> {
    who.wait_for_any(arms, site).map(|(served, _)| served)
}

/// As many arms as there are elements.
macro_rules! homogeneous {
    () => {
        type Output = (usize, A::Output);

        fn count(&self) -> usize {
            self.len()
        }

        fn attempt(&mut self, n: usize) -> Option<Self::Output> {
            self[n].attempt().map(|output| (n, output))
        }

        fn served(&mut self, n: usize) -> Option<Self::Output> {
            self[n].served().map(|output| (n, output))
        }
    };
}

impl<A: Arm, const N: usize> Arms for [A; N] {
    homogeneous!();

    #[allow(private_interfaces)]
    #[inline(always)]
    fn wait<W: Waiter>(&mut self, who: W, site: Site) -> Result<usize, Interrupted> {
        const { assert!(N <= MOST_ARMS) };
        let owner = std::ptr::from_ref(self).cast();
        let arms = self.each_mut().map(|arm| wait::Arm::new(arm.source(owner)));
        wait_for_any(who, &arms, site)
    }
}

impl<A: Arm> Arms for Vec<A> {
    homogeneous!();

    #[allow(private_interfaces)]
    fn wait<W: Waiter>(&mut self, who: W, site: Site) -> Result<usize, Interrupted> {
        assert!(self.len() <= MOST_ARMS, "a select of too many cases");
        let owner = std::ptr::from_ref(self).cast();
        let arms: Vec<_> = self
            .iter_mut()
            .map(|arm| wait::Arm::new(arm.source(owner)))
            .collect();
        wait_for_any(who, &arms, site)
    }
}

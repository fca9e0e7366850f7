//! What can be selected, and what comes out.

use std::convert::Infallible;

use super::arm::{Arm, Arms, SendArm, SignalArm, wait_for_any};
use crate::sync::cancel::CancelToken;
use crate::sync::channel::{Receiver, RecvError, SendError, Sending, Take};
use crate::sync::event::Event;
use crate::wait::{self, Interrupted, Site, Waiter};

/// One thing that a [`select`](crate::select) can wait for.
///
/// The trait is sealed; the cases are `&Receiver`, [`Sending`], `&Event` and `&CancelToken`.
///
/// ```
/// use rustfiber::{Blocking, Case, Event, channel, select};
///
/// /// The one, or else that it is time to stop.
/// fn unless<C: Case>(stop: &Event, case: C) -> Option<C::Output> {
///     match select(Blocking, (case, stop)) {
///         rustfiber::Selected::A(output) => Some(output),
///         rustfiber::Selected::B(()) => None,
///     }
/// }
///
/// let (stop, (sender, receiver)) = (Event::manual(), channel::bounded(1));
/// assert_eq!(unless(&stop, sender.sending(&mut Some(1))), Some(Ok(())));
/// assert_eq!(unless(&stop, &receiver), Some(Ok(1)));
/// stop.set();
/// assert_eq!(unless(&stop, &receiver), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be selected",
    label = "not a case",
    note = "the cases of a select are `&receiver`, `sender.sending(&mut value)`, `&event` and `&token`"
)]
pub trait Case: sealed::Sealed {
    /// What it yields when it is chosen.
    type Output;

    #[doc(hidden)]
    type Arm: Arm<Output = Self::Output>;

    #[doc(hidden)]
    fn into_arm(self) -> Self::Arm;
}

/// Several things, one of which a [`select`](crate::select) waits for.
///
/// The trait is sealed. It is implemented for tuples of up to eight [`Case`]s, of different types,
/// and for arrays, `Vec`s and slices of one type.
///
/// ```
/// use rustfiber::{Cases, channel, try_select};
///
/// fn is_ready(cases: impl Cases) -> bool {
///     try_select(cases).is_some()
/// }
///
/// let (sender, receiver) = channel::bounded::<u8>(1);
/// assert!(!is_ready([&receiver]));
/// assert!(is_ready((&receiver, sender.sending(&mut Some(1)))));
/// assert!(is_ready([&receiver]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that can be selected from",
    label = "not a tuple, an array, a `Vec` or a slice of cases",
    note = "the cases of a select are `&receiver`, `sender.sending(&mut value)`, `&event` and `&token`"
)]
pub trait Cases: sealed::Sealed {
    /// Which one was chosen, and what it has yielded.
    type Output;

    #[doc(hidden)]
    type Arms: Arms<Output = Self::Output>;

    #[doc(hidden)]
    fn into_arms(self) -> Self::Arms;
}

/// Which case of a tuple was chosen, from `A` for the first on, with its output.
///
/// A tuple of fewer than eight has no output of the others: a `match` can leave them out.
///
/// ```
/// use rustfiber::{Blocking, Event, Selected, channel, select};
///
/// let (_sender, receiver) = channel::bounded::<u8>(1);
/// let event = Event::manual();
/// event.set();
/// let chosen = match select(Blocking, (&receiver, &event)) {
///     Selected::A(_) => "received",
///     Selected::B(()) => "set",
/// };
/// assert_eq!(chosen, "set");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Selected<
    A,
    B = Infallible,
    C = Infallible,
    D = Infallible,
    E = Infallible,
    F = Infallible,
    G = Infallible,
    H = Infallible,
> {
    A(A),
    B(B),
    C(C),
    D(D),
    E(E),
    F(F),
    G(G),
    H(H),
}

mod sealed {
    pub trait Sealed {}
}

impl<T> sealed::Sealed for &Receiver<T> {}

impl<'a, T: Send> Case for &'a Receiver<T> {
    type Output = Result<T, RecvError>;
    type Arm = Take<'a, T>;

    fn into_arm(self) -> Take<'a, T> {
        self.take()
    }
}

impl<T> sealed::Sealed for Sending<'_, T> {}

impl<'a, T: Send> Case for Sending<'a, T> {
    type Output = Result<(), SendError<T>>;
    type Arm = SendArm<'a, T>;

    fn into_arm(self) -> SendArm<'a, T> {
        SendArm::new(self)
    }
}

impl sealed::Sealed for &Event {}

impl<'a> Case for &'a Event {
    type Output = ();
    type Arm = SignalArm<'a, Event>;

    fn into_arm(self) -> Self::Arm {
        SignalArm(self)
    }
}

impl sealed::Sealed for &CancelToken {}

impl<'a> Case for &'a CancelToken {
    type Output = ();
    type Arm = SignalArm<'a, CancelToken>;

    fn into_arm(self) -> Self::Arm {
        SignalArm(self)
    }
}

impl<C: Case, const N: usize> sealed::Sealed for [C; N] {}

impl<C: Case, const N: usize> Cases for [C; N] {
    type Output = (usize, C::Output);
    type Arms = [C::Arm; N];

    fn into_arms(self) -> Self::Arms {
        self.map(C::into_arm)
    }
}

impl<C: Case> sealed::Sealed for Vec<C> {}

impl<C: Case> Cases for Vec<C> {
    type Output = (usize, C::Output);
    type Arms = Vec<C::Arm>;

    fn into_arms(self) -> Self::Arms {
        self.into_iter().map(C::into_arm).collect()
    }
}

impl<C: Case + Clone> sealed::Sealed for &[C] {}

impl<C: Case + Clone> Cases for &[C] {
    type Output = (usize, C::Output);
    type Arms = Vec<C::Arm>;

    fn into_arms(self) -> Self::Arms {
        self.iter().cloned().map(C::into_arm).collect()
    }
}

macro_rules! tuple {
    ($count:literal: $($name:ident $index:tt),+) => {
        impl<$($name: Case),+> sealed::Sealed for ($($name,)+) {}

        impl<$($name: Case),+> Cases for ($($name,)+) {
            type Output = Selected<$($name::Output),+>;
            type Arms = ($($name::Arm,)+);

            fn into_arms(self) -> Self::Arms {
                ($(self.$index.into_arm(),)+)
            }
        }

        impl<$($name: Arm),+> Arms for ($($name,)+) {
            type Output = Selected<$($name::Output),+>;

            fn count(&self) -> usize {
                $count
            }

            fn attempt(&mut self, n: usize) -> Option<Self::Output> {
                match n {
                    $($index => self.$index.attempt().map(Selected::$name),)+
                    _ => unreachable!("there are {} arms", $count),
                }
            }

            fn served(&mut self, n: usize) -> Option<Self::Output> {
                match n {
                    $($index => self.$index.served().map(Selected::$name),)+
                    _ => unreachable!("there are {} arms", $count),
                }
            }

            #[allow(private_interfaces)]
            fn wait<W: Waiter>(&mut self, who: W, site: Site) -> Result<usize, Interrupted> {
                let owner = std::ptr::from_ref(self).cast();
                let arms = [$(wait::Arm::new(self.$index.source(owner))),+];
                wait_for_any(who, &arms, site)
            }
        }
    };
}

tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

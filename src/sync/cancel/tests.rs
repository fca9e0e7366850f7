//! The tree, its memory and its waiters; models of the races between them under `--cfg loom`.

use std::cell::Cell;

use super::*;
use crate::wait::Wake;
use crate::wait::testing::Probe;

thread_local! {
    /// The nodes that this thread has allocated, less those that it has freed. The threads of a
    /// model are one to the system.
    pub(super) static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// Registers a waiter. False: the token is cancelled.
fn register(token: &CancelToken, probe: &Probe) -> bool {
    // SAFETY: each test registers a probe once, and keeps it until it is out.
    unsafe { token.register(probe.node()) }
}

/// Takes a waiter out again; says whether it was there.
fn leave(token: &CancelToken, probe: &Probe) -> bool {
    // SAFETY: registered before, and valid.
    unsafe { token.leave(probe.node()) }
}

const SIGNALLED: Option<Wake> = Some(Wake::Signalled);

#[cfg(loom)]
mod model;

#[cfg(not(loom))]
mod plain {
    use super::*;

    const MANY: usize = 100_000;

    /// Calls `f` on a thread whose stack is too small for recursion, and checks that it leaves no
    /// node behind.
    fn leaves_nothing(f: impl FnOnce() + Send + 'static) {
        let thread = std::thread::Builder::new().stack_size(64 * 1024);
        let thread = thread.spawn(|| {
            f();
            LIVE.get()
        });
        assert_eq!(thread.unwrap().join().unwrap(), 0);
    }

    #[test]
    fn cancelling_goes_down_and_not_up() {
        leaves_nothing(|| {
            let root = CancelToken::new();
            let (one, other) = (root.child(), root.child());
            let below = one.child();
            one.cancel();
            let cancelled = [&root, &one, &below, &other].map(CancelToken::is_cancelled);
            assert_eq!(cancelled, [false, true, true, false]);
            assert!(one.child().is_cancelled());
            root.cancel();
            root.cancel();
            assert!(root.is_cancelled() && other.is_cancelled());
            assert!(root.child().child().is_cancelled());
        });
    }

    #[test]
    fn clones_are_the_same_token_and_children_are_not() {
        let root = CancelToken::new();
        let (clone, child) = (root.clone(), root.child());
        assert_eq!(root, clone);
        assert_ne!(root, child);
        drop(root);
        clone.cancel();
        assert!(child.is_cancelled());
    }

    #[test]
    fn a_token_without_handles_hands_on() {
        leaves_nothing(|| {
            let root = CancelToken::new();
            let grandchild = root.child().child();
            root.cancel();
            assert!(grandchild.is_cancelled());
        });
    }

    /// In each order in which a family of four can be dropped, cancelled or not.
    #[test]
    fn tokens_go_in_any_order() {
        for order in 0..24 {
            leaves_nothing(move || {
                let root = CancelToken::new();
                let (one, other) = (root.child(), root.child());
                let mut family = vec![root.clone(), one.child(), one, other];
                drop(root);
                let mut rest = order;
                for left in (1..=4).rev() {
                    drop(family.swap_remove(rest % left));
                    rest /= left;
                }
            });
        }
    }

    #[test]
    fn children_one_after_the_other_leave_nothing_behind() {
        leaves_nothing(|| {
            let server = CancelToken::new();
            for n in 0..MANY {
                let request = server.child();
                assert_eq!(LIVE.get(), 2);
                if n % 2 == 0 {
                    request.cancel();
                }
            }
            assert_eq!(LIVE.get(), 1);
        });
    }

    /// With a scan for each that goes, this would take hours.
    #[test]
    fn children_at_once_go_in_any_order() {
        leaves_nothing(|| {
            let server = CancelToken::new();
            let mut requests = Vec::from_iter((0..MANY).map(|_| Some(server.child())));
            for n in 0..MANY {
                // 61 and the number have no common divisor: each comes once.
                requests[n * 61 % MANY] = None;
            }
            assert_eq!(LIVE.get(), 1);
            let requests = Vec::from_iter((0..MANY).map(|_| server.child()));
            server.cancel();
            assert!(requests.iter().all(CancelToken::is_cancelled));
        });
    }

    #[test]
    fn generations_are_cancelled_and_dropped_without_recursion() {
        let chain = |first: &CancelToken| {
            let next = |token: &CancelToken| Some(token.child());
            Vec::from_iter(std::iter::successors(Some(first.clone()), next).take(MANY))
        };
        // Each with its handle.
        leaves_nothing(move || {
            let tokens = chain(&CancelToken::new());
            tokens[0].cancel();
            assert!(tokens.iter().all(CancelToken::is_cancelled));
        });
        // Only the first and the last.
        leaves_nothing(move || {
            let first = CancelToken::new();
            let last = chain(&first).pop().unwrap();
            first.cancel();
            assert!(last.is_cancelled());
        });
        // Only the last, which goes.
        leaves_nothing(move || {
            let last = chain(&CancelToken::new()).pop().unwrap();
            assert_eq!(LIVE.get(), MANY as isize);
            drop(last);
        });
    }

    #[test]
    fn generations_below_a_cancelled_token_are_not_kept() {
        let mut token = CancelToken::new();
        token.cancel();
        for _ in 0..100 {
            token = token.child();
            assert!(token.is_cancelled());
            assert_eq!(LIVE.get(), 1);
        }
    }

    /// More waiters than are taken at a time, on two tokens.
    #[test]
    fn all_waiters_below_are_woken_and_those_beside_are_not() {
        let root = CancelToken::new();
        let (child, grandchild) = (root.child(), root.child().child());
        let probes = Vec::from_iter((0..200).map(|_| Probe::new()));
        for (n, probe) in probes.iter().enumerate() {
            assert!(register([&child, &grandchild][n % 2], probe));
        }
        let (beside, left) = (Probe::new(), Probe::new());
        assert!(register(&root, &beside) && register(&child, &left));
        assert!(leave(&child, &left));
        child.cancel();
        assert!(probes.iter().step_by(2).all(|p| p.outcome() == SIGNALLED));
        assert!(
            probes
                .iter()
                .skip(1)
                .step_by(2)
                .all(|p| p.outcome().is_none())
        );
        root.cancel();
        assert!(probes.iter().all(|probe| probe.outcome() == SIGNALLED));
        assert_eq!(beside.outcome(), SIGNALLED);
        assert_eq!(left.outcome(), None);
        assert!(!register(&grandchild, &Probe::new()));
    }

    #[test]
    fn a_guard_cancels_unless_it_is_disarmed() {
        leaves_nothing(|| {
            let token = CancelToken::new();
            assert_eq!(token.drop_guard().disarm(), token);
            assert!(!token.is_cancelled());
            let guarded = token.clone();
            let unwound = std::panic::catch_unwind(move || {
                let _cancels = guarded.drop_guard();
                std::panic::resume_unwind(Box::new("unwinds"));
            });
            assert!(unwound.is_err() && token.is_cancelled());
        });
    }

    #[test]
    fn debug_says_whether_it_is_cancelled() {
        let token = CancelToken::default();
        let guard = token.drop_guard();
        assert_eq!(
            format!("{token:?}"),
            "CancelToken { is_cancelled: false, .. }"
        );
        assert!(format!("{guard:?}").contains("is_cancelled: false"));
    }
}

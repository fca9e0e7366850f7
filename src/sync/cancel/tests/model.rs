//! Models: cancelling against waiting, making and dropping children, and another cancel. The cells
//! of nodes that are freed too early, or touched outside their lock, are found by loom; those that
//! are not freed are counted.

use std::time::Instant;

use super::*;
use crate::primitive::Arc;
use crate::primitive::thread::{self, JoinHandle};
use crate::sched::Blocking;
use crate::wait::testing::{Evidence, explore};

/// Explores a model that leaves no node behind.
fn explore_family(model: impl Fn() + Sync + Send + 'static) {
    explore(3, move || {
        LIVE.set(0);
        model();
        assert_eq!(LIVE.get(), 0, "a node was not freed, or freed twice");
    });
}

/// Does something to a token of its own on another thread.
fn spawn<T: 'static>(
    token: CancelToken,
    f: impl FnOnce(&CancelToken) -> T + 'static,
) -> JoinHandle<T> {
    thread::spawn(move || f(&token))
}

#[test]
fn loom_cancel_token_against_wait() {
    explore_family(|| {
        let (token, evidence) = (CancelToken::new(), Arc::new(Evidence::new()));
        let waiter = {
            let evidence = Arc::clone(&evidence);
            spawn(token.child(), move |token| {
                token.wait(Blocking);
                assert_eq!(evidence.read(), 1);
            })
        };
        evidence.add(1);
        token.cancel();
        waiter.join().unwrap();
    });
}

/// The waiter's deadline comes at any moment; its memory goes when it does.
#[test]
fn loom_cancel_token_against_a_late_waiter() {
    explore_family(|| {
        let token = CancelToken::new();
        let waiter = spawn(token.child(), |token| {
            let ended = token.wait(Blocking.until(Instant::now()));
            assert!(ended.is_err() || token.is_cancelled());
        });
        token.cancel();
        waiter.join().unwrap();
    });
}

/// What a job does that minds a token: the token is one arm of its wait.
#[test]
fn loom_cancel_token_against_what_is_waited_for() {
    explore_family(|| {
        let (token, event) = (CancelToken::new(), Arc::new(crate::Event::auto()));
        let waiter = {
            let event = Arc::clone(&event);
            spawn(token.child(), move |token| {
                event.wait(Blocking.or_cancelled(token)).is_ok()
            })
        };
        let setter = {
            let event = Arc::clone(&event);
            thread::spawn(move || event.set())
        };
        token.cancel();
        setter.join().unwrap();
        // The one set has let the waiter through, or is still there.
        assert_eq!(waiter.join().unwrap(), !event.is_set());
    });
}

#[test]
fn loom_cancel_token_against_register_and_leave() {
    explore_family(|| {
        let (token, probe) = (CancelToken::new(), Arc::new(Probe::new()));
        let waiter = {
            let probe = Arc::clone(&probe);
            spawn(token.clone(), move |token| {
                let registered = register(token, &probe);
                (registered, registered && leave(token, &probe))
            })
        };
        token.cancel();
        let (registered, left) = waiter.join().unwrap();
        let delivered = probe.outcome() == SIGNALLED;
        assert_eq!(delivered, registered && !left);
    });
}

#[test]
fn loom_cancel_token_against_child() {
    explore_family(|| {
        let token = CancelToken::new();
        let maker = spawn(token.clone(), |token| {
            let child = token.child();
            let grandchild = child.child();
            (child, grandchild)
        });
        token.cancel();
        let (child, grandchild) = maker.join().unwrap();
        assert!(child.is_cancelled() && grandchild.is_cancelled());
    });
}

/// The last handle of the middle one goes while a cancel passes through it.
#[test]
fn loom_cancel_token_against_drop_of_the_child() {
    explore_family(|| {
        let token = CancelToken::new();
        let (child, other) = (token.child(), token.child());
        let dropper = spawn(child, |_| ());
        token.cancel();
        assert!(other.is_cancelled());
        dropper.join().unwrap();
    });
}

/// Children go from both ends of the list at once, and one comes.
#[test]
fn loom_cancel_token_siblings_come_and_go() {
    explore_family(|| {
        let token = CancelToken::new();
        let (one, two) = (token.child(), token.child());
        let dropper = spawn(one, |_| ());
        drop(two);
        let three = token.child();
        dropper.join().unwrap();
        token.cancel();
        assert!(three.is_cancelled());
    });
}

/// The last handle of all goes while a cancel of the parent comes back up, in another thread, and
/// takes what is above along.
#[test]
fn loom_cancel_token_against_drop_of_a_family() {
    explore_family(|| {
        let token = CancelToken::new();
        let grandchild = token.child().child();
        let dropper = spawn(grandchild, |_| ());
        let canceller = spawn(token, CancelToken::cancel);
        dropper.join().unwrap();
        canceller.join().unwrap();
    });
}

/// Whoever returns first, all below it is cancelled.
#[test]
fn loom_cancel_token_twice() {
    explore_family(|| {
        let token = CancelToken::new();
        let child = token.child();
        let grandchild = child.child();
        let other = {
            let (token, grandchild) = (token.clone(), grandchild.clone());
            thread::spawn(move || {
                token.cancel();
                assert!(grandchild.is_cancelled());
            })
        };
        token.cancel();
        assert!(child.is_cancelled() && grandchild.is_cancelled());
        other.join().unwrap();
    });
}

/// One cancels from further down, and the waiter there is woken once.
#[test]
fn loom_cancel_token_at_two_places() {
    explore_family(|| {
        let token = CancelToken::new();
        let child = token.child();
        let probe = Arc::new(Probe::new());
        assert!(register(&child, &probe));
        let other = spawn(child, |child| {
            child.cancel();
            assert!(child.is_cancelled());
        });
        token.cancel();
        other.join().unwrap();
        assert_eq!(probe.outcome(), SIGNALLED);
    });
}

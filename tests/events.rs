//! Events, set once for all or once for each: who waits goes on, and nobody else.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{let_others_go_on, spawn_waiter, system, watch};
use rustfiber::{Event, JobHandle};
use who::{Running, in_all_pairs};

#[test]
fn a_manual_event_lets_everybody_through() {
    in_all_pairs(|jobs, waits, signals| {
        for _ in 0..50 {
            let event = Arc::new(Event::manual());
            let (set, done) = (Arc::clone(&event), Arc::new(AtomicBool::new(false)));
            let waiters: Vec<_> = (0..4)
                .map(|_| {
                    let (event, seen) = (Arc::clone(&event), Arc::clone(&done));
                    waits.start(jobs, move |who| {
                        wait_as!(who, w => event.wait(w));
                        wait_as!(who, w => event.wait(w));
                        assert!(seen.load(Ordering::Relaxed));
                    })
                })
                .collect();
            signals
                .start(jobs, move |_| {
                    done.store(true, Ordering::Relaxed);
                    set.set();
                    set.set();
                })
                .join();
            waiters.into_iter().for_each(Running::join);
            assert!(event.is_set());
        }
    });
}

#[test]
fn an_auto_event_passes_one_at_a_time() {
    in_all_pairs(|jobs, left, right| {
        let (ping, pong) = (Arc::new(Event::auto()), Arc::new(Event::auto()));
        let balls = Arc::new(AtomicUsize::new(0));
        let [one, other] = [(&ping, &pong, left), (&pong, &ping, right)].map(|(from, to, kind)| {
            let (from, to, balls) = (Arc::clone(from), Arc::clone(to), Arc::clone(&balls));
            kind.start(jobs, move |who| {
                for _ in 0..200 {
                    wait_as!(who, w => from.wait(w));
                    // No read-modify-write: only one side has the ball.
                    balls.store(balls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                    to.set();
                }
            })
        });
        ping.set();
        one.join();
        other.join();
        assert_eq!(balls.load(Ordering::Relaxed), 400);
        assert!(ping.is_set() && !pong.is_set());
    });
}

#[test]
fn each_set_of_an_auto_event_lets_the_longest_waiting_through() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let event = Arc::new(Event::auto());
        let waiters: Vec<_> = (0..5)
            .map(|_| {
                let event = Arc::clone(&event);
                spawn_waiter(cx, move |cx| event.wait(cx))
            })
            .collect();
        for through in 0..5 {
            let finished = waiters.iter().map(JobHandle::is_finished);
            assert!(finished.eq((0..5).map(|n| n < through)));
            event.set();
            assert!(!event.is_set(), "somebody has it");
            let_others_go_on(cx);
        }
        event.set();
        event.set();
        event.wait(cx);
        assert!(!event.is_set(), "sets do not add up");
    });
}

#[test]
fn a_reset_manual_event_holds_newcomers_and_nobody_else() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let event = Arc::new(Event::manual());
        let [early, late] = [(); 2].map(|()| {
            let waits = Arc::clone(&event);
            let waiter = spawn_waiter(cx, move |cx| waits.wait(cx));
            event.set();
            event.reset();
            waiter
        });
        early.join(cx).unwrap();
        late.join(cx).unwrap();
        let waits = Arc::clone(&event);
        let newcomer = spawn_waiter(cx, move |cx| waits.wait(cx));
        let_others_go_on(cx);
        assert!(!newcomer.is_finished());
        event.set();
        newcomer.join(cx).unwrap();
    });
}

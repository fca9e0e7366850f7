//! What is made once: cells and lazy values, between jobs and threads.

use std::sync::Arc;
use std::time::Duration;

use rustfiber::{Blocking, CancelToken, Context, Event, Lazy, OnceCell, channel};
use shuttle::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use shuttle::thread;

use crate::{explore, system};

#[test]
fn a_cell_is_filled_once_by_one_that_waits() {
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let (cell, calls) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
        let (sender, receiver) = channel::bounded(1);
        let makers: Vec<_> = (0..2)
            .map(|_| {
                let (cell, calls) = (Arc::clone(&cell), Arc::clone(&calls));
                let receiver = receiver.clone();
                jobs.spawn(move |cx| {
                    *cell.get_or_init(cx, |cx| {
                        calls.fetch_add(1, Relaxed);
                        receiver.recv(cx).unwrap()
                    })
                })
            })
            .collect();
        let looks_on = {
            let cell = Arc::clone(&cell);
            jobs.spawn(move |cx| *cell.wait(cx))
        };
        let thread = {
            let (cell, calls) = (Arc::clone(&cell), Arc::clone(&calls));
            thread::spawn(move || {
                *cell.get_or_init(Blocking, |who| {
                    calls.fetch_add(1, Relaxed);
                    receiver.recv(who).unwrap()
                })
            })
        };
        sender.send(Blocking, 'a').unwrap();
        for job in makers.into_iter().chain([looks_on]) {
            assert_eq!(job.join(Blocking).unwrap(), 'a');
        }
        assert_eq!(thread.join().unwrap(), 'a');
        assert_eq!(calls.load(Relaxed), 1);
    });
}

#[test]
fn when_a_maker_fails_the_next_one_tries() {
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let (cell, calls) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
        let make = |cx: &Context<'_>, calls: &AtomicUsize| {
            let call = calls.fetch_add(1, Relaxed);
            cx.yield_now();
            if call < 2 { Err(call) } else { Ok(call) }
        };
        let makers: Vec<_> = (0..4)
            .map(|_| {
                let (cell, calls) = (Arc::clone(&cell), Arc::clone(&calls));
                jobs.spawn(move |cx| {
                    let made = cell.get_or_try_init(cx, |cx| make(cx, &calls));
                    made.copied()
                })
            })
            .collect();
        let looks_on = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || *cell.wait(Blocking))
        };
        let mut made: Vec<_> = makers
            .into_iter()
            .map(|job| job.join(Blocking).unwrap())
            .collect();
        made.sort();
        assert_eq!(made, [Ok(2), Ok(2), Err(0), Err(1)]);
        assert_eq!(looks_on.join().unwrap(), 2);
    });
}

#[test]
fn a_turn_is_not_lost_on_a_maker_that_gives_up() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (cell, token) = (Arc::new(OnceCell::new()), CancelToken::new());
        let go_on = Arc::new(Event::manual());
        let fails = {
            let (cell, go_on) = (Arc::clone(&cell), Arc::clone(&go_on));
            jobs.spawn(move |cx| {
                _ = cell.get_or_try_init(cx, |cx| {
                    go_on.wait(cx);
                    Err::<u32, _>(())
                });
            })
        };
        let unsure: Vec<_> = [Duration::from_micros(30), Duration::MAX]
            .into_iter()
            .map(|limit| {
                let (cell, token) = (Arc::clone(&cell), token.clone());
                jobs.spawn(move |cx| {
                    let who = cx.within(limit).or_cancelled(&token);
                    // Who gets the turn, fails.
                    _ = cell.get_or_try_init(who, |_| Err::<u32, _>(()));
                })
            })
            .collect();
        let patient = {
            let cell = Arc::clone(&cell);
            jobs.spawn(move |cx| *cell.get_or_init(cx, |_| 1))
        };
        let cancels = thread::spawn(move || token.cancel());
        go_on.set();
        assert_eq!(patient.join(Blocking).unwrap(), 1);
        fails.join(Blocking).unwrap();
        unsure
            .into_iter()
            .for_each(|job| job.join(Blocking).unwrap());
        cancels.join().unwrap();
        assert_eq!(cell.get(), Some(&1));
    });
}

#[test]
fn a_lazy_value_in_a_loop_is_made_by_a_loop() {
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let calls = AtomicUsize::new(0);
        let total = Lazy::new(|cx: &Context<'_>| {
            calls.fetch_add(1, Relaxed);
            let sum = AtomicUsize::new(0);
            cx.with_grain(1)
                .par_for(0..3, |_, n| _ = sum.fetch_add(n, Relaxed));
            sum.into_inner()
        });
        jobs.run(|cx| {
            cx.with_grain(1)
                .par_for(0..3, |cx, _| assert_eq!(*total.force(cx), 3));
        });
        assert_eq!(calls.load(Relaxed), 1);
    });
}

#[test]
fn a_lazy_value_is_there_for_those_who_only_wait() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (door, token) = (Arc::new(Event::auto()), CancelToken::new());
        let lazy = {
            let door = Arc::clone(&door);
            Arc::new(Lazy::new(move |cx: &Context<'_>| {
                door.wait(cx);
                'a'
            }))
        };
        let impatient = {
            let (lazy, token) = (Arc::clone(&lazy), token.clone());
            jobs.spawn(move |cx| lazy.wait(cx.or_cancelled(&token)).copied().unwrap_or('a'))
        };
        let makers: Vec<_> = (0..2)
            .map(|_| {
                let lazy = Arc::clone(&lazy);
                jobs.spawn(move |cx| *lazy.force(cx))
            })
            .collect();
        let thread = {
            let lazy = Arc::clone(&lazy);
            thread::spawn(move || *lazy.wait(Blocking))
        };
        let cancels = jobs.spawn(move |_| token.cancel());
        // Once is enough: the function is called once.
        door.set();
        for job in makers.into_iter().chain([impatient]) {
            assert_eq!(job.join(Blocking).unwrap(), 'a');
        }
        assert_eq!(thread.join().unwrap(), 'a');
        cancels.join(Blocking).unwrap();
    });
}

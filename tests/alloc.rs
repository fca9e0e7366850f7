//! Jobs, waits and yields allocate nothing. One test alone, because the allocator counts for all
//! workers of the process.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use common::{system, watch};
use rustfiber::{Blocking, CancelToken, Context, Counter, Event, Interval, JobSystem, channel};

/// The system's allocator, and how often workers have asked it for memory.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is a worker. The harness and the watchdog allocate when they like.
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if IS_WORKER.get() {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

/// More jobs than any of the checks has under way at once.
const FIBERS_A_WORKER: usize = 8;

/// A system all of whose workers are counted. Each has as many fibers as it will ever need: how many
/// wait at once in a check depends on the workers' speed, and a new most may come at any time.
fn counted_system(workers: usize) -> JobSystem {
    let jobs = system(workers);
    let (all, leave) = (Arc::new(Barrier::new(workers)), Arc::new(Event::manual()));
    let (arriving, counted) = (Counter::new(), Counter::new());
    let fibers = workers * FIBERS_A_WORKER;
    arriving.add(fibers as u32);
    for _ in 0..fibers {
        let (all, leave, arriving) = (all.clone(), leave.clone(), arriving.clone());
        jobs.job().counter(&counted).spawn(move |cx| {
            // Each holds a worker, until all are held.
            all.wait();
            IS_WORKER.set(true);
            arriving.done();
            leave.wait(cx);
        });
    }
    arriving.wait(Blocking);
    leave.set();
    counted.wait(Blocking);
    jobs
}

// SAFETY: all is left to `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: by contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: by contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: by contract.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: by contract.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM_UP: usize = 100;
const ROUNDS: usize = 10_000;
const HOUR: Duration = Duration::from_secs(3600);

/// Calls `round` often, and checks that after the first calls none allocates.
fn allocates_nothing(what: &str, round: impl FnMut()) {
    allocates_nothing_in(what, ROUNDS, round);
}

fn allocates_nothing_in(what: &str, rounds: usize, mut round: impl FnMut()) {
    (0..WARM_UP).for_each(|_| round());
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..rounds).for_each(|_| round());
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    assert_eq!(
        after - before,
        0,
        "allocations in {rounds} rounds of {what}"
    );
}

/// Checks that `f` has made the jobs wait, or yield: in each round, unless two workers may do
/// without.
fn stops_jobs(jobs: &JobSystem, what: &str, f: impl FnOnce(&JobSystem)) {
    let stops = || jobs.stats().waits() + jobs.stats().yields();
    let before = stops();
    f(jobs);
    let stopped = stops() - before;
    let least = match jobs.workers() {
        1 => WARM_UP + ROUNDS,
        _ => 1,
    };
    assert!(stopped >= least as u64, "{stopped} stops: {what}");
}

/// Runs two jobs: `one` is called again and again and must not allocate, `other` the same number of
/// times.
fn between_two_jobs(
    jobs: &JobSystem,
    what: &str,
    one: impl Fn(&Context<'_>) + Send + Sync,
    other: impl Fn(&Context<'_>) + Send + Sync,
) {
    stops_jobs(jobs, what, |jobs| {
        // With two workers each of the jobs gets one.
        let both = Barrier::new(jobs.workers());
        jobs.run(|cx| {
            cx.scope(|s| {
                s.spawn(|cx| {
                    both.wait();
                    (0..WARM_UP + ROUNDS).for_each(|_| other(cx));
                });
                s.spawn(|cx| {
                    both.wait();
                    allocates_nothing(what, || one(cx));
                });
            });
        });
    });
}

fn auto_events(jobs: &JobSystem) {
    let (ping, pong) = (Event::auto(), Event::auto());
    between_two_jobs(
        jobs,
        "auto events",
        |cx| {
            ping.set();
            pong.wait(cx);
        },
        |cx| {
            ping.wait(cx);
            pong.set();
        },
    );
}

fn manual_events(jobs: &JobSystem) {
    let (ask, gate) = (Event::auto(), Event::manual());
    between_two_jobs(
        jobs,
        "manual events",
        |cx| {
            gate.reset();
            ask.set();
            gate.wait(cx);
        },
        |cx| {
            ask.wait(cx);
            gate.set();
        },
    );
}

fn counters(jobs: &JobSystem) {
    let (ask, counter) = (Event::auto(), Counter::new());
    between_two_jobs(
        jobs,
        "counters",
        |cx| {
            counter.add(1);
            ask.set();
            counter.wait(cx);
        },
        |cx| {
            ask.wait(cx);
            counter.done();
        },
    );
}

/// Waits with a deadline and a token: one that is served, one that need not wait, one that is late.
fn timed_waits(jobs: &JobSystem) {
    let (ping, pong) = (Event::auto(), Event::auto());
    let token = CancelToken::new();
    between_two_jobs(
        jobs,
        "timed waits",
        |cx| {
            ping.set();
            let limited = cx.within(HOUR).or_cancelled(&token);
            pong.wait(limited).unwrap();
            pong.set();
            pong.wait(limited).unwrap();
            let late = pong.wait(cx.within(Duration::ZERO));
            assert!(late.unwrap_err().is_late());
        },
        |cx| {
            ping.wait(cx.within(HOUR)).unwrap();
            pong.set();
        },
    );
}

/// Short ones: a worker sleeps, or the moment has passed already.
fn sleeps(jobs: &JobSystem) {
    let paces = [Duration::from_nanos(1), Duration::from_micros(1)];
    jobs.run(|cx| {
        let token = CancelToken::new();
        let interval = Cell::new(Some(Interval::new(Duration::from_nanos(100))));
        // Beside timers that stay.
        let waits = jobs.stats().waits();
        let others = Vec::from_iter((0..100).map(|_| {
            let token = token.child();
            cx.spawn(move |cx| _ = cx.or_cancelled(&token).sleep(HOUR))
        }));
        // Also when the check fails: the system waits for its jobs.
        let ends = token.drop_guard();
        // Until then new fibers are made.
        while jobs.stats().waits() < waits + 100 {
            cx.yield_now();
        }
        let round = || {
            cx.sleep(paces[0]);
            cx.within(HOUR).sleep(paces[1]).unwrap();
            let mut ticks = interval.take().unwrap();
            ticks.tick(cx.or_cancelled(&token)).unwrap();
            interval.set(Some(ticks));
        };
        // A worker that has just started the last of the others, and has lost its processor, makes
        // itself another fiber late.
        (0..1_000).for_each(|_| round());
        allocates_nothing_in("sleeps", 1_000, round);
        drop(ends);
        others.into_iter().for_each(|other| other.join(cx).unwrap());
    });
}

fn levels_of_counters(jobs: &JobSystem) {
    let (ask, counter) = (Event::auto(), Counter::new());
    between_two_jobs(
        jobs,
        "levels of counters",
        |cx| {
            counter.add(3);
            ask.set();
            counter.wait_until(cx, 2);
            ask.set();
            counter.wait_until(cx, 1);
            ask.set();
            counter.wait(cx);
        },
        |cx| {
            for _ in 0..3 {
                ask.wait(cx);
                counter.done();
            }
        },
    );
}

fn channels(jobs: &JobSystem, capacity: usize) {
    let (sender, receiver) = channel::bounded(capacity);
    let (back, answers) = channel::bounded(capacity);
    let burst = 2 * capacity + 1;
    between_two_jobs(
        jobs,
        "channels",
        |cx| {
            // More than there is room for: sends wait, and then receives do.
            for n in 0..burst {
                sender.send(cx, [n; 4]).unwrap();
            }
            assert_eq!(answers.recv(cx), Ok([burst; 4]));
        },
        |cx| {
            for n in 0..burst {
                assert_eq!(receiver.recv(cx), Ok([n; 4]));
            }
            back.send(cx, [burst; 4]).unwrap();
        },
    );
}

fn yields(jobs: &JobSystem) {
    let turn = AtomicUsize::new(0);
    let until = |cx: &Context<'_>, whose| {
        while turn.load(Ordering::Acquire) % 2 != whose {
            cx.yield_now();
        }
        turn.fetch_add(1, Ordering::Release);
    };
    between_two_jobs(
        jobs,
        "yields",
        |cx| {
            until(cx, 0);
            cx.yield_now();
        },
        |cx| {
            until(cx, 1);
            cx.yield_now();
        },
    );
}

/// The right half runs on another worker, and ends only when the left one waits for it.
fn joins_with_a_stolen_half(jobs: &JobSystem) {
    stops_jobs(jobs, "joins", |jobs| {
        let (left_ends, right_ends) = (Event::auto(), Event::auto());
        let both = Barrier::new(2);
        jobs.run(|cx| {
            cx.scope(|s| {
                s.spawn(|cx| {
                    for _ in 0..WARM_UP + ROUNDS {
                        left_ends.wait(cx);
                        right_ends.set();
                    }
                });
                allocates_nothing("joins", || {
                    cx.join(
                        |_| {
                            both.wait();
                            left_ends.set();
                        },
                        |cx| {
                            both.wait();
                            right_ends.wait(cx);
                        },
                    );
                });
            });
        });
    });
}

/// The jobs are spawned beforehand; each ends when its handle waits for it.
fn handles(jobs: &JobSystem) {
    stops_jobs(jobs, "handles", |jobs| {
        let gates: Arc<[Event]> = (0..WARM_UP + ROUNDS).map(|_| Event::manual()).collect();
        let next = Event::auto();
        let arriving = Counter::new();
        arriving.add(gates.len() as u32);
        jobs.run(|cx| {
            let mut handles = Vec::from_iter((0..gates.len()).map(|job| {
                let (gates, arriving) = (Arc::clone(&gates), arriving.clone());
                cx.spawn(move |cx| {
                    arriving.done();
                    gates[job].wait(cx);
                })
            }))
            .into_iter();
            cx.scope(|s| {
                s.spawn(|cx| {
                    for gate in &*gates {
                        next.wait(cx);
                        gate.set();
                    }
                });
                arriving.wait(cx);
                allocates_nothing("handles", || {
                    next.set();
                    handles.next().unwrap().join(cx).unwrap();
                });
            });
        });
    });
}

/// In pieces of their own, in pieces of the loop's choice, alone; with and without a state and a
/// result.
fn loops(jobs: &JobSystem) {
    let mut items = vec![0_u32; 200];
    jobs.run(|cx| {
        allocates_nothing("loops", || {
            cx.par_for(0..10, |_, _| ());
            cx.par_for_each(&mut items, |_, _, item| *item += 1);
            let loops = cx.with_grain(100);
            loops.par_chunks_mut_init(&mut items, 2, || 0, |_, chunks, _, _| *chunks += 1);
            cx.par_map_reduce(0..items.len(), || 0, |_, i| items[i], u32::max);
        });
    });
}

/// Without a filter each item goes to its place at once: nothing is allocated but the vector.
fn collects_in_place(jobs: &JobSystem) {
    const LOOPS: usize = 100;
    let items = vec![1_u32; 200];
    jobs.run(|cx| {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for _ in 0..LOOPS {
            let items = cx.with_grain(10).par_iter(&items);
            let doubled: Vec<_> = items.map(|_, item| item * 2).collect();
            assert_eq!(doubled, [2; 200]);
        }
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        assert_eq!(allocations, LOOPS, "as many as vectors");
    });
}

/// What a job takes with it, or leaves: the largest that needs no memory of its own.
type Large = [u64; 8];

/// Spawns in each of the ways, with closures and results of different sizes; returns when all have
/// ended.
fn spawn_in_every_way(cx: &Context<'_>, counter: &Counter, scoped: &[AtomicUsize]) {
    let large: Large = std::array::from_fn(|n| n as u64);
    for _ in 0..JOBS_A_ROUND {
        cx.spawn_counted(counter, |_| ());
        cx.spawn_counted(counter, move |_| large);
        let handle = cx.spawn(move |_| large.map(|n| n + 1));
        cx.job().counter(counter).spawn(move |_| large[0]);
        assert_eq!(handle.join(cx).unwrap()[7], 8);
    }
    cx.scope(|s| {
        for place in scoped {
            s.spawn(move |_| place.fetch_add(large[1] as usize, Ordering::Relaxed));
        }
        let (left, right) = cx.join(|_| large, |_| large);
        assert_eq!(left, right);
    });
    counter.wait(cx);
}

const JOBS_A_ROUND: usize = 20;

fn spawns(jobs: &JobSystem) {
    let (counter, scoped) = (Counter::new(), [const { AtomicUsize::new(0) }; 10]);
    jobs.run(|cx| {
        allocates_nothing("spawns", || spawn_in_every_way(cx, &counter, &scoped));
    });
}

/// Slots that one worker takes and another frees come back. How many are under way at once depends
/// on the workers' speed, so a new most may come at any time. It finds room in what is left of the
/// last chunk, unless it is twice as many; then there is a new chunk and a longer list of free
/// slots, for one of the three sizes that are used here.
fn spawns_on_two_workers(jobs: &JobSystem) {
    let (counter, scoped) = (Counter::new(), [const { AtomicUsize::new(0) }; 10]);
    let round = |cx: &Context<'_>| spawn_in_every_way(cx, &counter, &scoped);
    jobs.run(|cx| (0..ROUNDS).for_each(|_| round(cx)));
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    jobs.run(|cx| (0..ROUNDS).for_each(|_| round(cx)));
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert!(allocations <= 2 * 3, "{allocations} in {ROUNDS} rounds");
}

/// What the other checks rely on.
fn an_allocation_is_noticed(jobs: &JobSystem) {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    jobs.run(|_| drop(std::hint::black_box(Box::new(42))));
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > before);
}

#[test]
fn jobs_allocate_nothing() {
    let _watchdog = watch();
    for workers in [1, 2] {
        let jobs = counted_system(workers);
        an_allocation_is_noticed(&jobs);
        auto_events(&jobs);
        manual_events(&jobs);
        counters(&jobs);
        timed_waits(&jobs);
        sleeps(&jobs);
        levels_of_counters(&jobs);
        channels(&jobs, 1);
        channels(&jobs, 4);
        handles(&jobs);
        yields(&jobs);
    }
    // Under AddressSanitizer jobs lie in memory of their own, so that it sees what comes too late.
    if !cfg!(feature = "sanitizer") {
        spawns(&counted_system(1));
        spawns_on_two_workers(&counted_system(2));
    }
    joins_with_a_stolen_half(&counted_system(2));
    // With more workers, the halves that are stolen are those of joins.
    let jobs = counted_system(1);
    loops(&jobs);
    collects_in_place(&jobs);
}

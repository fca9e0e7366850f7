//! A wait through another job's context, which takes `unsafe` code to get, panics and loses nothing.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use common::{system, watch};
use rustfiber::channel::bounded;
use rustfiber::{Blocking, Context, Counter, Event, JobSystem};

/// Where a job leaves its context for others.
#[derive(Default)]
struct Smuggler(AtomicPtr<Context<'static>>);

impl Smuggler {
    fn leave(&self, cx: &Context<'_>) {
        let address = std::ptr::from_ref(cx).cast_mut().cast();
        self.0.store(address, Ordering::Release);
    }

    fn has_it(&self) -> bool {
        !self.0.load(Ordering::Acquire).is_null()
    }

    /// Calls `wait` with the context that was left, and returns what it panics with.
    ///
    /// # Safety
    /// The job that has left it does not end before this returns. `wait` does nothing but wait: the context is refused
    /// before anything of its own worker's is touched.
    unsafe fn complaint(&self, wait: impl FnOnce(&Context<'_>)) -> String {
        // SAFETY: by contract it is still there; a wait reads one constant field of it.
        let foreign = unsafe { &*self.0.load(Ordering::Acquire) };
        let payload =
            catch_unwind(AssertUnwindSafe(|| wait(foreign))).expect_err("it was to panic");
        (*payload.downcast::<&str>().expect("a text")).to_owned()
    }
}

fn is_refused(message: &str) {
    for part in ["not the running job's", "`cx`", "own closure was given"] {
        assert!(message.contains(part), "{message}");
    }
}

/// Waits for everything there is through the context that was left.
///
/// # Safety
/// The job that has left it does not end before this returns.
unsafe fn wait_for_everything(smuggler: &Smuggler, own: &Context<'_>) {
    let (counter, event) = (Counter::new(), Event::auto());
    let (sender, receiver) = bounded(1);
    let (full, taker) = bounded(1);
    full.try_send(Arc::new(())).unwrap();
    let value = Arc::new(());
    let gate = Arc::new(Event::manual());
    let opens = Arc::clone(&gate);
    let job = own.job().counter(&counter).spawn(move |cx| opens.wait(cx));
    // SAFETY: by contract.
    unsafe {
        is_refused(&smuggler.complaint(|foreign| counter.wait(foreign)));
        counter.add(1);
        is_refused(&smuggler.complaint(|foreign| counter.wait_until(foreign, 1)));
        is_refused(&smuggler.complaint(|foreign| event.wait(foreign)));
        is_refused(&smuggler.complaint(|foreign| _ = receiver.recv(foreign)));
        is_refused(&smuggler.complaint(|foreign| _ = full.send(foreign, Arc::clone(&value))));
        is_refused(&smuggler.complaint(|foreign| job.join(foreign).unwrap()));
    }
    // Nobody stands in a queue who has left: what comes now is there for who asks.
    event.set();
    assert!(event.is_set());
    event.wait(own);
    sender.send(own, 1).unwrap();
    assert_eq!(receiver.recv(own), Ok(1));
    assert_eq!(
        Arc::strong_count(&value),
        1,
        "the value that was not sent is dropped"
    );
    drop(taker.recv(own).unwrap());
    assert!(taker.is_empty());
    // The job that could not be joined is detached, and ends.
    gate.set();
    counter.done();
    counter.wait(own);
}

#[test]
fn of_another_job_on_this_worker() {
    let _watchdog = watch();
    let jobs = system(1);
    jobs.run(|cx| {
        cx.scope(|s| {
            let (smuggler, gate) = (Smuggler::default(), Event::manual());
            let (smuggler, gate) = (Arc::new(smuggler), Arc::new(gate));
            let (leaves, waits) = (Arc::clone(&smuggler), Arc::clone(&gate));
            let owner = s.spawn(move |cx| {
                leaves.leave(cx);
                waits.wait(cx);
                cx.yield_now();
                42
            });
            while !smuggler.has_it() {
                cx.yield_now();
            }
            // SAFETY: the owner waits for the gate.
            unsafe { wait_for_everything(&smuggler, cx) };
            gate.set();
            assert_eq!(owner.join(cx).unwrap(), 42);
        });
    });
}

#[test]
fn of_a_job_that_runs_on_another_worker() {
    let _watchdog = watch();
    let jobs = system(2);
    let (smuggler, done) = (Smuggler::default(), AtomicBool::new(false));
    jobs.run(|cx| {
        cx.scope(|s| {
            s.spawn(|cx| {
                while !smuggler.has_it() {
                    cx.yield_now();
                }
                // SAFETY: the owner runs until `done` is set.
                unsafe { wait_for_everything(&smuggler, cx) };
                done.store(true, Ordering::Release);
            });
            smuggler.leave(cx);
            // It holds its worker, so the other job runs on the other one.
            while !done.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
        });
    });
}

#[test]
fn of_another_systems_job_or_on_a_plain_thread() {
    let _watchdog = watch();
    let [owners, jobs] = [(); 2].map(|()| system(1));
    let (smuggler, gate) = (Arc::new(Smuggler::default()), Arc::new(Event::manual()));
    let (leaves, waits) = (Arc::clone(&smuggler), Arc::clone(&gate));
    let owner = owners.spawn(move |cx| {
        leaves.leave(cx);
        waits.wait(cx);
    });
    while !smuggler.has_it() {
        std::thread::yield_now();
    }
    // SAFETY: the owner waits for the gate.
    jobs.run(|cx| unsafe { wait_for_everything(&smuggler, cx) });
    let counter = Counter::new();
    counter.add(1);
    // SAFETY: as above.
    is_refused(&unsafe { smuggler.complaint(|foreign| counter.wait(foreign)) });
    gate.set();
    owner.join(Blocking).unwrap();
}

/// A job that yields through another's context neither stops nor moves it.
#[test]
fn a_yield_through_another_jobs_context() {
    let _watchdog = watch();
    let jobs: JobSystem = system(1);
    jobs.run(|cx| {
        let (smuggler, gate) = (Arc::new(Smuggler::default()), Arc::new(Event::manual()));
        let (leaves, waits) = (Arc::clone(&smuggler), Arc::clone(&gate));
        let owner = cx.spawn(move |cx| {
            leaves.leave(cx);
            waits.wait(cx);
        });
        while !smuggler.has_it() {
            cx.yield_now();
        }
        let other = cx.spawn(|_| ());
        // SAFETY: the owner waits for the gate, on this very worker.
        is_refused(&unsafe { smuggler.complaint(|foreign| foreign.yield_now()) });
        assert!(!owner.is_finished() && !other.is_finished());
        gate.set();
        owner.join(cx).unwrap();
        other.join(cx).unwrap();
    });
}

//! Calls that block their thread: on a thread of their own, while the job is suspended.
//!
//! The closure and the place of its result lie in the job's frame (`Call`). The pool gets a `Share`,
//! which can be spent once: it runs the closure, and when it is dropped, run or not, it closes
//! `done` and wakes the job. Until then the call is the share's; from then on, the job's. The wait has no
//! limits, so the frame stays until then.

use std::cell::UnsafeCell;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use super::handle::Done;
use crate::sched::Context;
use crate::unwind::{self, AbortOnUnwind, Payload};
use crate::wait::{Site, WaitList, Wake};

struct Call<F, R> {
    done: WaitList,
    closure: UnsafeCell<Option<F>>,
    result: UnsafeCell<Option<Result<R, Payload>>>,
}

/// The pool's part of a call, without its types and lifetimes.
struct Share {
    call: NonNull<()>,
    run: unsafe fn(NonNull<()>),
    done: NonNull<WaitList>,
}

// SAFETY: closure and result are `Send`, the list is for any thread, and nobody else touches the call
// as long as the share exists.
unsafe impl Send for Share {}

impl<F: FnOnce() -> R + Send, R: Send> Call<F, R> {
    fn new(closure: F) -> Self {
        Self {
            done: WaitList::new(),
            closure: UnsafeCell::new(Some(closure)),
            result: UnsafeCell::new(None),
        }
    }

    /// # Safety
    /// Called once. The call stays in its place, and nobody touches anything of it but `done`, until
    /// that is closed.
    unsafe fn share(&self) -> Share {
        Share {
            call: NonNull::from(self).cast(),
            run: Self::run,
            done: NonNull::from(&self.done),
        }
    }

    /// # Safety
    /// `call` is a `Self` and has a share, whose holder calls this once.
    unsafe fn run(call: NonNull<()>) {
        // SAFETY: by contract it is valid, and closure and result are the caller's.
        unsafe {
            let call = call.cast::<Self>().as_ref();
            if let Some(closure) = (*call.closure.get()).take() {
                *call.result.get() = Some(unwind::catch(closure));
            }
        }
    }
}

impl Share {
    fn run(self) {
        // SAFETY: the call lives until the share is dropped, which comes after this.
        unsafe { (self.run)(self.call) };
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // SAFETY: the list lives until it is closed. Its exchange, which releases the result, is the
        // last touch.
        let (waiter, _) = unsafe { self.done.as_ref() }.close();
        waiter.deliver(Wake::Signalled);
    }
}

impl Context<'_> {
    /// Runs a closure that blocks its thread (reads a file, resolves a name, takes a lock of another
    /// library), on a thread of its own; suspends this job meanwhile.
    ///
    /// The worker goes on with other jobs. The closure may borrow from this job: the wait ends when
    /// the closure has, and nothing ends it earlier, so there is no form of it with a deadline.
    /// It gets no context, since it is no part of a job: what it waits for it waits for as a
    /// plain thread, with [`Blocking`](crate::Blocking).
    ///
    /// # The threads
    /// They are those of the `blocking` crate, one pool for the whole process. It starts a thread
    /// when there is more to do than it has idle threads for, so calls may wait for each other; a
    /// thread that has been idle for half a second ends. There are at most 500; the environment
    /// variable `BLOCKING_MAX_THREADS`, read at the first call, sets another limit, up to 10,000.
    /// Calls beyond that wait until a thread is free.
    ///
    /// When the operating system refuses a thread, those that there are become the limit from then
    /// on. If there are none, the call tries again until it gets one, and its worker is held
    /// meanwhile.
    ///
    /// A call costs one allocation and the wake-up of a thread, some microseconds; it is not for what
    /// takes less.
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let path = std::path::Path::new("Cargo.toml");
    /// let text = jobs.run(|cx| cx.blocking(|| std::fs::read_to_string(path)));
    /// assert!(text?.contains("[package]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// With the panic of the closure. If this is not the context of the running job; then the
    /// closure does not run.
    ///
    /// # Deadlocks
    /// More calls at a time than the limit allows, all of which wait for one that has not begun,
    /// never end.
    ///
    /// A closure that drops the job's own [`JobSystem`](crate::JobSystem), as the last `Arc`, waits
    /// there for all jobs, and so for the one that waits for it. Let the job drop it instead.
    #[track_caller]
    pub fn blocking<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        // Not found out in the wait: nothing between the share and its end may unwind.
        self.assert_running();
        let site = Site::here(&"a blocking call");
        let call = Call::new(f);
        let guard = AbortOnUnwind("the wait for a blocking call");
        // SAFETY: the share closes `done` when it is dropped, and this frame goes on only after that:
        // the wait ends with `done` alone (a job that unwinds waits nested, in this frame), and the
        // guard ends the process if anything unwinds before. If the share were leaked, the
        // frame would stay for ever.
        let share = unsafe { call.share() };
        let handed_over = unwind::catch(|| blocking::unblock(move || share.run()).detach());
        self.wait(&Done(&call.done), site);
        guard.disarm();
        match (call.result.into_inner(), handed_over) {
            (Some(Ok(result)), _) => result,
            // The pool has failed before it could run it.
            (Some(Err(payload)), _) | (None, Err(payload)) => resume_unwind(payload),
            (None, Ok(())) => panic!("the thread pool has dropped a blocking call unrun"),
        }
    }
}

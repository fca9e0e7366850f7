//! Keeping panics where they belong: caught at the root of each job, never in the scheduler.

use std::any::Any;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// Calls `f` and returns its panic, if it has one.
///
/// Unwind safety is the caller's: it hands the payload on (to a waiter or a handler) and
/// never looks at what `f` may have left half done.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    catch_unwind(AssertUnwindSafe(f))
}

/// The text of a payload, where it has one.
pub(crate) fn message(payload: &Payload) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a payload that is not a string"
    }
}

/// Drops `value`; a panic of its destructor comes back as the payload.
pub(crate) fn drop_caught<T>(value: T) -> Result<(), Payload> {
    catch(move || drop(value))
}

/// Drops a payload that nobody wants, and the payloads of the panics that this causes. One whose
/// destructor panics again and again is forgotten in the end: nothing else ends it.
pub(crate) fn discard(payload: Payload) {
    const TRIES: usize = 8;
    let mut unwanted = payload;
    for _ in 0..TRIES {
        match drop_caught(unwanted) {
            Ok(()) => return,
            Err(next) => unwanted = next,
        }
    }
    std::mem::forget(unwanted);
}

/// Writes a line to stderr. Unlike `eprintln!` it never panics, also when stderr is closed.
pub(crate) fn complain(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "rustfiber: {line}");
}

/// Ends the process, and says why.
#[cold]
pub(crate) fn abort(reason: fmt::Arguments<'_>) -> ! {
    complain(format_args!("{reason}; aborting"));
    std::process::abort();
}

/// Ends the process when it is dropped by unwinding: scheduler code that is half done
/// can't be left, and says so.
#[derive(Debug)]
pub(crate) struct AbortOnUnwind(pub(crate) &'static str);

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        if std::thread::panicking() {
            abort(format_args!("a panic reached {}", self.0));
        }
    }
}

impl AbortOnUnwind {
    /// The guarded part is over.
    pub(crate) fn disarm(self) {
        std::mem::forget(self);
    }
}

//! A future for tests.
#![allow(dead_code)] // each test binary uses its part of it

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// Something that one side completes and the other awaits.
#[derive(Clone, Default)]
pub struct Signal(pub Arc<Mutex<(bool, Option<Waker>)>>);

impl Signal {
    pub fn complete(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub fn completed(&self) -> impl Future<Output = ()> + use<> {
        let signal = self.clone();
        poll_fn(move |task| {
            let mut state = signal.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(task.waker().clone());
            Poll::Pending
        })
    }

    /// The waker of the pending `completed`.
    pub fn waker(&self) -> Option<Waker> {
        self.0.lock().unwrap().1.clone()
    }
}

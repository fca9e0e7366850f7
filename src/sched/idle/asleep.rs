//! A worker that sleeps, and what it is told when it wakes: S4 and S5, D3 and D4.

use std::time::Instant;

use super::Idle;
use super::mask::Mask;
use crate::primitive::atomic::Ordering;
use crate::primitive::thread;

/// What a worker is told when it wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Look around: there is a fiber in the inbox, an order, or nothing.
    Look,
    /// There may be unstarted jobs, and the worker now holds `searching`.
    Search,
}

pub(super) const NONE: u8 = 0;
pub(super) const LOOK: u8 = 1;
pub(super) const SEARCH: u8 = 2;

/// A worker whose bit is set. It must find out how it wakes.
#[must_use = "a worker that has announced its sleep must park or cancel"]
pub(crate) struct Asleep<'a> {
    pub(super) idle: &'a Idle,
    pub(super) mask: &'a Mask,
    pub(super) worker: usize,
}

impl Asleep<'_> {
    /// S4: there is something to do after all.
    pub(crate) fn cancel(self) -> Token {
        if self.mask.clear(self.worker) {
            self.idle.wakes.fetch_add(1, Ordering::AcqRel);
            return Token::Look;
        }
        self.park()
    }

    /// S5: sleeps until the token is here.
    pub(crate) fn park(self) -> Token {
        loop {
            match self.take_token() {
                Some(token) => return token,
                None => thread::park(),
            }
        }
    }

    /// As `park`, but not beyond `end`.
    #[cfg(not(loom))]
    pub(crate) fn park_until(self, end: Option<Instant>) -> Token {
        let Some(end) = end else { return self.park() };
        loop {
            if let Some(token) = self.take_token() {
                return token;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // As when it finds something in S4.
                return self.cancel();
            }
            // Under `shuttle` a timeout never ends a sleep.
            if cfg!(shuttle) {
                thread::yield_now();
            } else {
                thread::park_timeout(left);
            }
        }
    }

    /// No time passes in a model.
    #[cfg(loom)]
    pub(crate) fn park_until(self, _end: Option<Instant>) -> Token {
        self.park()
    }

    fn take_token(&self) -> Option<Token> {
        let token = &self.idle.beds[self.worker].token;
        // Acquire: pairs with the release in `give`.
        let told = match token.load(Ordering::Acquire) {
            NONE => return None,
            LOOK => Token::Look,
            _ => Token::Search,
        };
        // Relaxed: the next token is written after the bit has been set again.
        token.store(NONE, Ordering::Relaxed);
        Some(told)
    }
}

//! Cancels a token at the end of a block.

use std::fmt;

use super::CancelToken;

/// Cancels its token when it is dropped; from [`CancelToken::drop_guard`].
///
/// ```
/// use rustfiber::CancelToken;
///
/// let token = CancelToken::new();
/// {
///     let _cancels = token.drop_guard();
/// }
/// assert!(token.is_cancelled());
/// ```
#[must_use = "a guard that is dropped at once cancels at once"]
pub struct CancelGuard {
    /// `None`: disarmed.
    token: Option<CancelToken>,
}

impl CancelGuard {
    pub(super) fn new(token: CancelToken) -> Self {
        Self { token: Some(token) }
    }

    /// Does without the guard, and gives its token back.
    ///
    /// ```
    /// use rustfiber::CancelToken;
    ///
    /// let guard = CancelToken::new().drop_guard();
    /// let token = guard.disarm();
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn disarm(mut self) -> CancelToken {
        let token = self.token.take();
        token.expect("a guard is disarmed once, by value")
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl fmt::Debug for CancelGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelGuard")
            .field("token", &self.token)
            .finish()
    }
}

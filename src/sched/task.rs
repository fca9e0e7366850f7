//! A job before it runs: a pointer to a header, and what the header says.

use std::borrow::Cow;
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

use super::context::Context;
use super::deque::Word;
use super::hooks::Hooks;

/// How a job is told apart from others, and how it wants to be run.
#[derive(Clone, Debug)]
pub(crate) struct JobMeta {
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) details: Details,
}

/// What is said of few jobs.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    pub(crate) name: Option<Cow<'static, str>>,
    #[expect(dead_code, reason = "there are no settings yet that would be heard")]
    wishes: Wishes,
}

impl Details {
    pub(crate) const NONE: Self = Self {
        name: None,
        wishes: Wishes::NONE,
    };

    pub(crate) fn named(name: Cow<'static, str>) -> Self {
        Self {
            name: Some(name),
            ..Self::NONE
        }
    }
}

/// Room for what later settings choose.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "there are no settings yet that would be heard")]
struct Wishes {
    /// How urgent the job is.
    priority: u8,
    /// How large its stack shall be.
    stack_class: u8,
    /// The worker that shall start it; `u16::MAX` is any.
    home: u16,
}

impl Wishes {
    const NONE: Self = Self {
        priority: 0,
        stack_class: 0,
        home: u16::MAX,
    };
}

impl JobMeta {
    /// A job that is spawned at `spawned_at`.
    pub(crate) fn new(spawned_at: &'static Location<'static>, details: Option<&Details>) -> Self {
        Self {
            spawned_at,
            details: details.cloned().unwrap_or(Details::NONE),
        }
    }

    /// A nameless job that wants nothing special.
    pub(crate) fn at(spawned_at: &'static Location<'static>) -> Self {
        Self::new(spawned_at, None)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.details.name.as_deref()
    }
}

/// `"name" spawned at file:line:column`
impl fmt::Display for JobMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "job {name:?} spawned at {}", self.spawned_at),
            None => write!(f, "job spawned at {}", self.spawned_at),
        }
    }
}

/// The head of every job, wherever it lies (a slot, the frame of a `join` or a `run`): what can be
/// done with it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct JobHeader {
    kind: &'static JobKind,
}

/// What jobs of one type have in common.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct JobKind {
    /// Called once. It never unwinds, and is the last use of the header through the `JobRef`.
    pub(crate) execute: unsafe fn(NonNull<JobHeader>, Order<'_, '_>),
    /// Called as long as the job has not ended.
    pub(crate) meta: unsafe fn(NonNull<JobHeader>) -> JobMeta,
    /// The tally of what the job may leave (see `burden`), or null. Called before `execute`.
    pub(crate) tally: unsafe fn(NonNull<JobHeader>) -> *const (),
}

/// What is to be done with a job.
pub(crate) enum Order<'a, 'f> {
    /// Call it.
    Run(&'a Context<'f>),
    /// It can never run: drop its closure and tell whoever waits for it why.
    Abandon(&'static str, &'a Arc<dyn Hooks>),
}

impl JobHeader {
    #[inline(always)]
    pub(crate) fn new(kind: &'static JobKind) -> Self {
        Self { kind }
    }

    #[inline(always)]
    pub(crate) fn kind(&self) -> &'static JobKind {
        self.kind
    }

    /// How the job is told apart.
    ///
    /// # Safety
    /// The job has not ended.
    pub(crate) unsafe fn meta(job: NonNull<JobHeader>) -> JobMeta {
        // SAFETY: by contract.
        unsafe { (job.as_ref().kind.meta)(job) }
    }
}

/// The right to run a job. Spent once, never copied, never dropped.
#[must_use = "a job that nobody runs is lost"]
pub(crate) struct JobRef(NonNull<JobHeader>);

// SAFETY: a job's closure and results are `Send`, by the bounds of everything that spawns, and
// so is the right to run it.
unsafe impl Send for JobRef {}

impl JobRef {
    /// # Safety
    /// - The job stays valid until it has been executed.
    /// - It is made into a `JobRef` once, and everything in it is `Send`.
    #[inline]
    pub(crate) unsafe fn new(job: NonNull<JobHeader>) -> Self {
        Self(job)
    }

    pub(crate) fn meta(&self) -> JobMeta {
        // SAFETY: valid until it has been executed, which spends the `JobRef`.
        unsafe { JobHeader::meta(self.0) }
    }

    /// The tally of what it may leave, or null.
    #[inline]
    pub(super) fn tally(&self) -> *const () {
        // SAFETY: as in `meta`.
        unsafe { (self.0.as_ref().kind.tally)(self.0) }
    }

    pub(crate) fn as_ptr(&self) -> NonNull<JobHeader> {
        self.0
    }

    #[inline]
    pub(crate) fn run(self, cx: &Context<'_>) {
        self.execute(Order::Run(cx));
    }

    pub(crate) fn abandon(self, reason: &'static str, hooks: &Arc<dyn Hooks>) {
        self.execute(Order::Abandon(reason, hooks));
    }

    /// Gives the right up: the caller has the job itself, and deals with it.
    #[inline]
    pub(crate) fn forget(self) {
        std::mem::forget(self);
    }

    #[inline]
    fn execute(self, order: Order<'_, '_>) {
        let job = ManuallyDrop::new(self).0;
        // SAFETY: the job is valid, and executed once because the right to it is spent here.
        unsafe { (job.as_ref().kind.execute)(job, order) };
    }
}

impl Drop for JobRef {
    fn drop(&mut self) {
        debug_assert!(
            std::thread::panicking(),
            "the right to run a job was dropped: {:?}",
            self.meta()
        );
    }
}

// SAFETY: the two are inverse to each other.
unsafe impl Word for JobRef {
    #[inline(always)]
    fn into_raw(self) -> *mut () {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    #[inline(always)]
    unsafe fn from_raw(raw: *mut ()) -> Self {
        // SAFETY: `raw` comes from `into_raw`, which had it from a `NonNull`.
        Self(unsafe { NonNull::new_unchecked(raw.cast()) })
    }
}

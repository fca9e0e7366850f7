//! What a bench is: its rows, its unit, the numbers of workers it runs with.

use std::time::Duration;

/// In what unit a row is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Ns,
    Us,
    Ms,
    /// CPU time per second.
    UsPerS,
    /// A number of things.
    Count,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ns => "ns",
            Self::Us => "us",
            Self::Ms => "ms",
            Self::UsPerS => "us/s",
            Self::Count => "count",
        }
    }

    /// A figure in this unit. Workloads measure times in nanoseconds.
    pub fn convert(self, nanos_or_count: f64) -> f64 {
        match self {
            Self::Ns | Self::Count => nanos_or_count,
            Self::Us | Self::UsPerS => nanos_or_count / 1e3,
            Self::Ms => nanos_or_count / 1e6,
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    pub unit: Unit,
}

/// What a peer must be able to do for a bench; each is a method of `Peer`, or some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Forks cheap enough for each call of a recursive function.
    Fork,
    /// Forks of halves that take milliseconds.
    CoarseFork,
    /// A walk through a tree whose nodes say what their children are.
    Walk,
    Loop,
    /// Ten thousand jobs at a time.
    Spawn,
    /// A million jobs at a time.
    SpawnMillion,
    Scope,
    SpawnWait,
    Yield,
    PingPong,
    Skynet,
    Distraction,
    Run,
    Lock,
    Channels,
    Sleep,
    Echo,
    /// It can be started and ended again and again in a process, and runs jobs.
    StartUp,
}

/// With how many workers a bench runs.
#[derive(Debug)]
pub enum Workers {
    /// With the numbers that were asked for; 1 and 2 unless told otherwise.
    AsAsked,
    /// With this number only.
    Only(usize),
}

/// What one child process measures.
#[derive(Debug)]
pub struct Bench {
    pub name: &'static str,
    /// The name of the line in the design's table.
    pub group: &'static str,
    pub rows: &'static [Row],
    /// What a peer needs for it: one of these.
    pub needs: &'static [Ability],
    pub workers: Workers,
    /// Bytes of stack for threads and fibers, where the default is too small.
    pub stack: Option<usize>,
    /// Whether its figure is the time that some work takes, so that too many workers must not
    /// make it longer.
    pub is_work: bool,
    /// Whether its children are the binary with the counting allocator.
    pub counts_allocations: bool,
}

impl Bench {
    /// A bench with one row of the same name, at any number of workers.
    pub const fn new(name: &'static str, rows: &'static [Row], needs: &'static [Ability]) -> Self {
        Self {
            name,
            group: name,
            rows,
            needs,
            workers: Workers::AsAsked,
            stack: None,
            is_work: true,
            counts_allocations: false,
        }
    }

    pub fn row(&self, name: &str) -> Option<&'static Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Whether the user means this bench by `name`.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.group == name || self.row(name).is_some()
    }
}

/// How much a child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Full,
    Quick,
}

impl Size {
    /// One of two values.
    pub fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// What a child is told.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub bench: &'static Bench,
    pub workers: usize,
    pub size: Size,
    /// How long to measure, roughly.
    pub target: Duration,
}

/// What a child has measured: names of rows, and times in nanoseconds or numbers. Or what was wrong
/// with the result.
pub type Outcome = Result<Vec<(&'static str, f64)>, String>;

/// Fails unless a workload's result is right.
pub fn check<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: T,
    expected: T,
) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what} is {found:?} instead of {expected:?}"))
    }
}

//! What the parent does: it plans the cases, starts a fresh process for each measurement, and
//! collects what they print.

mod counting;

use std::ffi::OsString;
use std::io;
use std::process::{Command, Stdio};

use indicatif::{ProgressBar, ProgressStyle};

use crate::bench::{Bench, Row, Size, Workers};
use crate::child::Report;
use crate::peers::Info;

/// The least rounds of a full run.
pub const FULL_ROUNDS: usize = 7;

/// One figure or more to measure.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub bench: &'static Bench,
    pub peer: &'static Info,
    pub workers: usize,
}

/// What is to be done. The cases of a group are compared with each other, so their children are
/// interleaved: a round runs one child of each case, in this order.
#[derive(Debug)]
pub struct Plan {
    pub groups: Vec<Vec<Case>>,
    pub size: Size,
    pub rounds: usize,
    pub target_ms: u64,
}

impl Plan {
    pub fn new(
        benches: &[&'static Bench],
        peers: &[&'static Info],
        workers: &[usize],
        size: Size,
        rounds: usize,
    ) -> Self {
        let mut groups = Vec::new();
        for &bench in benches {
            let workers = match bench.workers {
                Workers::AsAsked => workers,
                Workers::Only(ref only) => std::slice::from_ref(only),
            };
            for &workers in workers {
                let able = peers.iter().filter(|peer| peer.can(bench));
                let case = |&peer: &&'static Info| Case {
                    bench,
                    peer,
                    workers,
                };
                groups.push(able.map(case).collect());
            }
        }
        Self {
            groups,
            size,
            rounds,
            target_ms: size.pick(300, 20),
        }
    }
}

/// The samples of one row, one per round.
#[derive(Debug)]
pub struct Cell {
    pub row: &'static Row,
    pub peer: &'static str,
    pub workers: usize,
    pub samples: Vec<f64>,
}

#[derive(Debug)]
pub struct Results {
    /// Whether budgets may be judged by it.
    pub is_full: bool,
    pub cells: Vec<Cell>,
    /// What went wrong, a line each.
    pub failures: Vec<String>,
}

/// Measures everything.
pub fn run(plan: &Plan) -> Results {
    let children = plan.groups.iter().map(Vec::len).sum::<usize>() * plan.rounds;
    let progress = progress_bar(children as u64);
    let mut results = Results {
        is_full: plan.size == Size::Full && plan.rounds >= FULL_ROUNDS,
        cells: Vec::new(),
        failures: Vec::new(),
    };
    for group in &plan.groups {
        let mut broken = vec![false; group.len()];
        for _ in 0..plan.rounds {
            for (case, broken) in group.iter().zip(&mut broken) {
                progress.set_message(case.to_string());
                if !*broken {
                    match measure(plan, case) {
                        Ok(report) => results.add(case, report),
                        Err(reason) => {
                            *broken = true;
                            results.failures.push(format!("{case}: {reason}"));
                        }
                    }
                }
                progress.inc(1);
            }
        }
    }
    progress.finish_and_clear();
    results
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (bench, peer, workers) = (self.bench.name, self.peer.name, self.workers);
        write!(f, "{bench} of {peer} with {workers} workers")
    }
}

impl Results {
    fn add(&mut self, case: &Case, report: Report) {
        for (name, nanos_or_count) in report.figures {
            let Some(row) = case.bench.row(&name) else {
                self.failures
                    .push(format!("{case}: no row is named {name}"));
                continue;
            };
            let figure = row.unit.convert(nanos_or_count);
            let (peer, workers) = (case.peer.name, case.workers);
            let same = |cell: &&mut Cell| {
                cell.row.name == row.name && cell.peer == peer && cell.workers == workers
            };
            match self.cells.iter_mut().find(same) {
                Some(cell) => cell.samples.push(figure),
                None => self.cells.push(Cell {
                    row,
                    peer,
                    workers,
                    samples: vec![figure],
                }),
            }
        }
    }
}

/// Draws on stderr, if that is a terminal.
fn progress_bar(children: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} left  {msg}")
        .expect("the template is right");
    ProgressBar::new(children).with_style(style)
}

/// Starts a child and waits for its report.
fn measure(plan: &Plan, case: &Case) -> Result<Report, String> {
    let output = child(plan, case)
        .and_then(|mut child| child.output())
        .map_err(|error| format!("the child can't be started: {error}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let reason = stderr.lines().find(|line| !line.is_empty());
        let reason = reason.unwrap_or("it says nothing");
        return Err(format!("{} ({})", reason, output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("its report is wrong: {error}"))
}

fn child(plan: &Plan, case: &Case) -> io::Result<Command> {
    let program = if case.bench.counts_allocations {
        counting::program()?
    } else {
        std::env::current_exe()?
    };
    let mut child = Command::new(program);
    child
        .args(["child", case.bench.name, case.peer.name])
        .arg(case.workers.to_string())
        .arg(format!("--target-ms={}", plan.target_ms))
        .stdin(Stdio::null());
    if plan.size == Size::Quick {
        child.arg("--quick");
    }
    if let Some(bytes) = case.bench.stack {
        // std's threads, and those of peers that leave the size to std.
        child.env("RUST_MIN_STACK", OsString::from(bytes.to_string()));
    }
    Ok(child)
}

//! The program that `cargo run --release` starts: a small frame pipeline on rustfiber.
//!
//! `main.rs` decides the order of things: everything the user gave is checked before the first frame is written.
//! `pipeline.rs` is the reason for the program; `serial.rs` is what it is compared with.

#![forbid(unsafe_code)]

mod bvh;
mod camera;
mod checksum;
mod cli;
mod clock;
mod encode;
mod failure;
mod geometry;
mod mesh;
mod obj;
mod output;
mod picture;
mod pipeline;
mod progress;
mod report;
mod scene;
mod serial;
mod shade;
mod steps;
mod tile;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustfiber::JobSystem;

use crate::cli::{Asked, Cli};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::mesh::Mesh;
use crate::output::OutDir;
use crate::progress::Progress;
use crate::report::{Compared, JobReport, Report};
use crate::steps::Film;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing better is left to do if this cannot be written either.
            let _ = writeln!(std::io::stderr(), "{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run() -> Result<(), Failure> {
    let cli = match cli::parse(std::env::args_os()).map_err(Failure::Input)? {
        Asked::Run(cli) => cli,
        Asked::Text(text) => return say(&text),
    };
    let mesh = Mesh::load(cli.mesh.as_deref()).map_err(Failure::Input)?;
    let film = Film::new(mesh, cli.size, cli.frames);
    let report = if cli.serial {
        let out = OutDir::prepare(&cli.out).map_err(Failure::Input)?;
        run_serial(&film, &out)?
    } else {
        let jobs = job_system(&cli)?;
        let out = OutDir::prepare(&cli.out).map_err(Failure::Input)?;
        run_jobs(&film, &out, jobs, !cli.no_compare)?
    };
    if cli.json {
        say(&(report.json() + "\n"))
    } else {
        say(&report.table())
    }
}

fn job_system(cli: &Cli) -> Result<JobSystem, Failure> {
    let mut builder = JobSystem::builder();
    if let Some(workers) = cli.workers {
        builder = builder.workers(workers.into());
    }
    builder
        .build()
        .map_err(|error| Failure::Input(format!("cannot start the job system: {error}")))
}

fn run_serial(film: &Film, out: &OutDir) -> Result<Report, Failure> {
    let clock = Clock::default();
    let progress = Progress::new("serially", film.frames);
    let (sums, wall) = timed(|| serial::run(film, &clock, Some(out), || progress.step()));
    Ok(report(film, out, &sums?, wall, clock))
}

fn run_jobs(film: &Film, out: &OutDir, jobs: JobSystem, compare: bool) -> Result<Report, Failure> {
    let clock = Clock::default();
    let progress = Progress::new("with jobs", film.frames);
    let (sums, wall) = timed(|| pipeline::run(&jobs, film, &clock, out, || progress.step()));
    drop(progress);
    let sums = sums?;
    let stats = jobs.stats();
    // The comparison has the machine to itself.
    drop(jobs);

    let mut report = report(film, out, &sums, wall, clock);
    report.jobs = Some(JobReport {
        workers: stats.workers.len(),
        jobs: stats.jobs(),
        waits: stats.waits(),
        switches: stats.switches(),
        steals: stats.steals(),
        parks: stats.parks(),
        busy: stats.busy(),
    });
    if compare {
        report.compared = Some(compared(film, &sums)?);
    }
    Ok(report)
}

/// Renders the frames once more by plain loops; the pixels must be the same.
fn compared(film: &Film, expected: &[u64]) -> Result<Compared, Failure> {
    let clock = Clock::default();
    let progress = Progress::new("serially, to compare", film.frames);
    let (sums, wall) = timed(|| serial::run(film, &clock, None, || progress.step()));
    drop(progress);
    let differs = |(by_jobs, serially): (&u64, &u64)| by_jobs != serially;
    match expected.iter().zip(&sums?).position(differs) {
        None => Ok(Compared { wall, clock }),
        Some(frame) => Err(Failure::Running(format!(
            "frame {frame} by jobs differs from the same frame rendered serially: \
             the job system or the demo is wrong"
        ))),
    }
}

fn timed<T>(f: impl FnOnce() -> Result<T, String>) -> (Result<T, Failure>, Duration) {
    let start = Instant::now();
    let result = f().map_err(Failure::Running);
    (result, start.elapsed())
}

fn report(film: &Film, out: &OutDir, sums: &[u64], wall: Duration, clock: Clock) -> Report {
    Report {
        checksum: checksum::of_frames(sums),
        frames: film.frames,
        size: film.size,
        bunnies: film.scene.bunnies.len(),
        triangles: film.scene.mesh.triangles.len(),
        out: out.path().to_owned(),
        wall,
        clock,
        jobs: None,
        compared: None,
    }
}

/// A reader that has gone away is an error like any other, not a panic.
fn say(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::Running(format!("cannot write to the standard output: {error}")))
}

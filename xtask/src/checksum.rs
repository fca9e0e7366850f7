//! The checksum check: the demo draws the same pixels serially and with any number of workers.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use wait_timeout::ChildExt;

const PACKAGE: &str = "rustfiber-demo";
const FRAMES: &str = "6";
const SIZE: &str = "160x90";

#[derive(Args, Debug)]
pub struct Options {
    /// How often the demo runs with each number of workers.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// The numbers of workers.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3, 8])]
    workers: Vec<u32>,
    /// Seconds after which a run counts as hung.
    #[arg(long, default_value_t = 120)]
    timeout: u64,
}

/// How one run of the demo works.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Serial,
    Workers(u32),
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mode::Serial => f.write_str("serial"),
            Mode::Workers(workers) => write!(f, "workers {workers}"),
        }
    }
}

/// Runs the demo of the workspace in `root`, prints what disagrees, and says whether all agree.
pub fn run(root: &Path, options: &Options) -> Result<bool> {
    let demo = Demo {
        executable: build(root)?,
        timeout: Duration::from_secs(options.timeout),
    };
    let serial = demo.checksum(Mode::Serial).context("--serial")?;

    // Hidden unless standard error is a terminal.
    let progress = ProgressBar::new(u64::from(options.rounds) * options.workers.len() as u64)
        .with_style(ProgressStyle::with_template(
            "{bar:30} {pos}/{len} {msg} [{elapsed}]",
        )?);
    let mut failures = 0;
    for round in 1..=options.rounds {
        for mode in options.workers.iter().copied().map(Mode::Workers) {
            progress.set_message(format!("round {round}, {mode}"));
            let failure = match demo.checksum(mode) {
                Ok(sum) if sum == serial => None,
                Ok(sum) => Some(format!("checksum {sum}, serial {serial}")),
                Err(error) => Some(format!("{error:#}")),
            };
            if let Some(failure) = failure {
                failures += 1;
                progress.suspend(|| println!("checksum: round {round}, {mode}: {failure}"));
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    let Options {
        rounds, workers, ..
    } = options;
    let outcome = match failures {
        0 => "all agree with --serial".to_owned(),
        _ => format!("{failures} runs failed"),
    };
    println!(
        "checksum: {FRAMES} frames of {SIZE}, workers {workers:?} x {rounds}: {outcome} ({serial})"
    );
    Ok(failures == 0)
}

/// Builds the demo in release and returns its executable.
fn build(root: &Path) -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", PACKAGE])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("running cargo")?;
    ensure!(output.status.success(), "the demo does not build");
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("{PACKAGE} has no executable"))
}

#[derive(Debug)]
struct Demo {
    executable: PathBuf,
    timeout: Duration,
}

impl Demo {
    /// Runs the demo once, in a directory of its own that is gone afterwards.
    fn checksum(&self, mode: Mode) -> Result<Value> {
        let beside = self.executable.parent().context("no target directory")?;
        let directory = tempfile::Builder::new()
            .prefix("checksum-")
            .tempdir_in(beside)?;
        // Files, because nobody reads while the child runs and a pipe would fill up.
        let stdout = directory.path().join("stdout");
        let stderr = directory.path().join("stderr");

        let mut command = Command::new(&self.executable);
        command.args(["--frames", FRAMES, "--size", SIZE, "--json", "--out"]);
        command.arg(directory.path().join("frames"));
        match mode {
            Mode::Serial => command.arg("--serial"),
            Mode::Workers(n) => command.args(["--no-compare", "--workers", &n.to_string()]),
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?)
            .spawn()
            .with_context(|| format!("starting {}", self.executable.display()))?;
        let Some(status) = child.wait_timeout(self.timeout)? else {
            child.kill()?;
            child.wait()?;
            bail!("still running after {:?}", self.timeout);
        };
        let said = std::fs::read_to_string(&stderr)?;
        ensure!(status.success(), "{status}: {}", said.trim_end());
        checksum_in(&std::fs::read_to_string(&stdout)?)
    }
}

/// The `checksum` of the JSON object on the last line of the demo's output.
fn checksum_in(stdout: &str) -> Result<Value> {
    let last = stdout.lines().last().context("no output")?;
    let report: Value = serde_json::from_str(last).context("the last line is not JSON")?;
    match report.get("checksum") {
        Some(sum @ (Value::String(_) | Value::Number(_))) => Ok(sum.clone()),
        _ => bail!("no checksum in {last}"),
    }
}

#[cfg(test)]
mod tests;

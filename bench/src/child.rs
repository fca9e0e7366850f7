//! What a child process does: it measures one bench of one peer, and prints what came out.

use std::process::ExitCode;
use std::time::Duration;
use std::{panic, thread};

use serde::{Deserialize, Serialize};

use crate::bench::{Run, Size};
use crate::{peers, workloads};

/// Longer than any bench takes, in seconds; a child that is not done by then hangs.
const PATIENCE: u64 = 60;
const QUICK_PATIENCE: u64 = 5;

/// For the thread that measures, which is a worker of some peers: enough for the deepest recursion.
const STACK: usize = 256 << 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    pub bench: String,
    pub peer: String,
    pub workers: usize,
    #[arg(long)]
    pub target_ms: u64,
    #[arg(long)]
    pub quick: bool,
}

/// The line that a child prints.
#[derive(Debug, Deserialize, Serialize)]
pub struct Report {
    pub figures: Vec<(String, f64)>,
}

/// Never returns to a caller that would drop a peer: what a peer leaves behind ends with the
/// process.
pub fn main(args: &Args) -> ExitCode {
    let Some(bench) = workloads::all().find(|bench| bench.name == args.bench) else {
        eprintln!("error: no bench is named `{}`", args.bench);
        return ExitCode::from(2);
    };
    let run = Run {
        bench,
        workers: args.workers,
        size: if args.quick { Size::Quick } else { Size::Full },
        target: Duration::from_millis(args.target_ms),
    };
    end_when_it_hangs(run.size);
    end_when_it_panics();
    let peer = args.peer.clone();
    let measuring = thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || peers::measure(&peer, &run))
        .expect("a thread starts");
    match measuring.join() {
        Ok(Ok(figures)) => {
            let figures = figures
                .into_iter()
                .map(|(row, figure)| (row.to_owned(), figure));
            let report = Report {
                figures: figures.collect(),
            };
            println!(
                "{}",
                serde_json::to_string(&report).expect("numbers are JSON")
            );
            std::process::exit(0)
        }
        Ok(Err(wrong)) => {
            eprintln!("{wrong}");
            std::process::exit(1)
        }
        Err(_) => unreachable!("the process ends with the first panic"),
    }
}

/// Any panic is a failure, on whatever thread it is: others may wait for that thread.
fn end_when_it_panics() {
    panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("a value");
        eprintln!("it panics with {message:?}");
        std::process::exit(1);
    }));
}

fn end_when_it_hangs(size: Size) {
    let patience = Duration::from_secs(size.pick(PATIENCE, QUICK_PATIENCE));
    thread::spawn(move || {
        thread::sleep(patience);
        eprintln!("not done after {patience:?}");
        std::process::exit(1);
    });
}

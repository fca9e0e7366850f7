//! The command line.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::bench::{Bench, Size};
use crate::parent::{self, FULL_ROUNDS, Plan};
use crate::report::{self, Outputs};
use crate::{child, oversubscribe, peers, workloads};

/// Measures rustfiber and its peers side by side.
#[derive(Debug, Parser)]
#[command(name = "cargo peers", args_conflicts_with_subcommands = true)]
struct Args {
    /// Only these benches, as in `fib_join,yield_1`.
    #[arg(long, value_delimiter = ',', value_name = "BENCH,..")]
    only: Vec<String>,
    /// Only rustfiber and these peers, as in `rayon,chili`.
    #[arg(long, value_delimiter = ',', value_name = "PEER,..")]
    peers: Vec<String>,
    /// The numbers of workers.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "N,..",
        default_value = "1,2"
    )]
    workers: Vec<usize>,
    /// Three rounds of smaller sizes. Budgets are judged on full runs only.
    #[arg(long)]
    quick: bool,
    /// How many children measure each figure; 7, or 3 with `--quick`, unless told otherwise.
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// rustfiber alone: 16 workers against 2 in the same run.
    #[arg(long)]
    oversubscribe: bool,
    /// Writes the figures as a JSON list.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the table as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Draws one bar chart per bench, as SVG.
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
    #[command(subcommand)]
    child: Option<Child>,
}

/// What a fresh process of this program is started for.
#[derive(Debug, Subcommand)]
enum Child {
    /// Measures one bench of one peer.
    #[command(hide = true)]
    Child(child::Args),
}

/// The program. Ends with 1 if a bench fails, with 2 if the arguments make no sense.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return refuse(first_line(&error.to_string())),
    };
    if let Some(Child::Child(args)) = args.child {
        return child::main(&args);
    }
    match plan(&args).and_then(|plan| Ok((plan, outputs(&args)?))) {
        Err(reason) => refuse(&reason),
        Ok((plan, outputs)) => {
            let mut results = parent::run(&plan);
            if args.oversubscribe {
                oversubscribe::print(&results);
            } else {
                report::print(&results);
            }
            let unwritten = report::write(&results, outputs);
            results.failures.extend(unwritten);
            for failure in &results.failures {
                eprintln!("failed: {failure}");
            }
            if results.failures.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn refuse(reason: &str) -> ExitCode {
    eprintln!("error: {}", reason.trim_start_matches("error: "));
    ExitCode::from(2)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Opens what will be written, so that a wrong path is found before the measurements.
fn outputs(args: &Args) -> Result<Outputs, String> {
    let create = |path: &Option<PathBuf>| {
        path.as_ref()
            .map(|path| {
                File::create(path)
                    .map_err(|error| format!("can't write {}: {error}", path.display()))
            })
            .transpose()
    };
    if let Some(dir) = &args.plot {
        std::fs::create_dir_all(dir)
            .map_err(|error| format!("can't make the folder {}: {error}", dir.display()))?;
    }
    Ok(Outputs {
        json: create(&args.json)?,
        markdown: create(&args.markdown)?,
        plot: args.plot.clone(),
    })
}

fn plan(args: &Args) -> Result<Plan, String> {
    let size = if args.quick { Size::Quick } else { Size::Full };
    let rounds = args.rounds.unwrap_or(size.pick(FULL_ROUNDS, 3));
    if rounds == 0 {
        return Err("`--rounds` must be at least 1".to_owned());
    }
    if args.workers.contains(&0) {
        return Err("`--workers` must be at least 1".to_owned());
    }
    let benches = benches(&args.only)?;
    let peers = peers(&args.peers)?;
    Ok(if args.oversubscribe {
        oversubscribe::plan(&benches, size, rounds)
    } else {
        Plan::new(&benches, &peers, &args.workers, size, rounds)
    })
}

/// The benches of these names, or all.
fn benches(names: &[String]) -> Result<Vec<&'static Bench>, String> {
    let mut known = workloads::all().map(|bench| bench.name);
    for name in names {
        if !workloads::all().any(|bench| bench.answers_to(name)) {
            let known = known.by_ref().collect::<Vec<_>>().join(", ");
            return Err(format!("no bench is named `{name}`; there are {known}"));
        }
    }
    let wanted =
        |bench: &&Bench| names.is_empty() || names.iter().any(|name| bench.answers_to(name));
    Ok(workloads::all().filter(wanted).collect())
}

/// rustfiber and the peers of these names, or all.
fn peers(names: &[String]) -> Result<Vec<&'static peers::Info>, String> {
    let known: BTreeSet<_> = peers::ALL.iter().map(|peer| peer.name).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(name.as_str())) {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(format!("no peer is named `{name}`; there are {known}"));
    }
    let wanted = |peer: &&peers::Info| {
        names.is_empty() || peer.name == peers::OURS || names.iter().any(|name| name == peer.name)
    };
    Ok(peers::ALL.iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Plan, String> {
        let args = [&["peers"], args].concat();
        plan(&Args::try_parse_from(args).map_err(|error| error.to_string())?)
    }

    #[test]
    fn unknown_names_are_refused_with_the_known_ones() {
        let error = parse(&["--only", "fib_join,fibjoin"]).unwrap_err();
        assert!(
            error.contains("`fibjoin`") && error.contains("fib_join"),
            "{error}"
        );
        let error = parse(&["--peers", "ryon"]).unwrap_err();
        assert!(
            error.contains("`ryon`") && error.contains("rayon"),
            "{error}"
        );
    }

    #[test]
    fn zero_workers_and_rounds_are_refused() {
        assert!(parse(&["--workers", "0"]).is_err());
        assert!(parse(&["--rounds", "0"]).is_err());
    }

    #[test]
    fn rustfiber_is_always_measured() {
        let plan = parse(&["--only", "fib_join", "--peers", "rayon", "--workers", "2"]).unwrap();
        let [group] = &plan.groups[..] else {
            panic!("one bench at one number of workers")
        };
        let names: Vec<_> = group.iter().map(|case| case.peer.name).collect();
        assert_eq!(names, ["rustfiber", "rayon"]);
    }
}

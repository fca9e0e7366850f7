//! What is made of the results.

mod json;
mod plot;
mod table;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::bench::Row;
use crate::parent::Results;
use crate::stats::Summary;
use crate::{peers, workloads};

/// Where results go besides the terminal.
#[derive(Debug)]
pub struct Outputs {
    pub json: Option<File>,
    pub markdown: Option<File>,
    pub plot: Option<PathBuf>,
}

/// Prints the table on the terminal.
pub fn print(results: &Results) {
    println!("{}", table::plain(&lines(results), results.is_full));
}

/// Writes what else is asked for. What went wrong with that, a line each.
pub fn write(results: &Results, outputs: Outputs) -> Vec<String> {
    let lines = lines(results);
    let written = [
        outputs
            .json
            .map(|file| json::write(file, &lines, results.is_full)),
        outputs
            .markdown
            .map(|mut file| writeln!(file, "{}", table::markdown(&lines, results.is_full))),
        outputs
            .plot
            .map(|dir| plot::draw(&dir, &lines).map_err(io::Error::other)),
    ];
    let errors = written.into_iter().flatten().filter_map(Result::err);
    errors
        .map(|error| format!("a result can't be written: {error}"))
        .collect()
}

/// A row at one number of workers.
#[derive(Debug)]
pub struct Line {
    pub row: &'static Row,
    pub workers: usize,
    /// Whether every peer that can do it has a figure.
    pub is_complete: bool,
    /// In the order of `peers::ALL`.
    pub figures: Vec<(&'static str, Summary)>,
}

impl Line {
    pub fn medians(&self) -> Vec<(&'static str, f64)> {
        let median = |&(peer, summary): &(&'static str, Summary)| (peer, summary.median);
        self.figures.iter().map(median).collect()
    }
}

/// The results in the order of the table: by bench, row and number of workers.
fn lines(results: &Results) -> Vec<Line> {
    let mut lines = Vec::new();
    let rows = workloads::all().flat_map(|bench| bench.rows.iter().map(move |row| (bench, row)));
    for (bench, row) in rows {
        let of_row = || {
            results
                .cells
                .iter()
                .filter(|cell| cell.row.name == row.name)
        };
        let able = || peers::ALL.iter().filter(|peer| peer.can(bench));
        let mut workers: Vec<usize> = of_row().map(|cell| cell.workers).collect();
        workers.sort_unstable();
        workers.dedup();
        for workers in workers {
            let figure = |peer: &peers::Info| {
                let cell =
                    of_row().find(|cell| cell.peer == peer.name && cell.workers == workers)?;
                Some((peer.name, Summary::of(&cell.samples)?))
            };
            lines.push(Line {
                row,
                workers,
                is_complete: able().all(|peer| figure(peer).is_some()),
                figures: able().filter_map(figure).collect(),
            });
        }
    }
    lines
}

/// About three significant digits.
pub fn number(n: f64) -> String {
    match n.abs() {
        0.0 => "0".to_owned(),
        x if x < 0.0095 => format!("{n:.1e}"),
        x if x < 0.995 => format!("{n:.2}"),
        x if x < 9.95 => format!("{n:.2}"),
        x if x < 99.5 => format!("{n:.1}"),
        x if x < 99_999.5 => format!("{n:.0}"),
        x if x < 9_999_999.5 => format!("{:.0}k", n / 1e3),
        _ => format!("{:.0}M", n / 1e6),
    }
}

pub fn tick(kept: bool) -> &'static str {
    if kept { "✓" } else { "✗" }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (0.25, "0.25"),
            (4.125, "4.12"),
            (42.42, "42.4"),
            (4242.4, "4242"),
            (424_242.0, "424k"),
            (42_424_242.0, "42M"),
        ];
        for (n, expected) in cases {
            assert_eq!(number(n), expected);
        }
    }
}

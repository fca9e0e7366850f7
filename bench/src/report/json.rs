//! The figures for other programs.

use std::fs::File;
use std::io;

use serde::Serialize;

use super::Line;

#[derive(Serialize)]
struct Figure {
    bench: &'static str,
    peer: &'static str,
    workers: usize,
    unit: &'static str,
    median: f64,
    min: f64,
    max: f64,
    /// Marks figures of smaller sizes or fewer rounds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    quick: bool,
}

/// Writes a list of figures, one per row, peer and number of workers.
pub fn write(file: File, lines: &[Line], is_full: bool) -> io::Result<()> {
    let mut figures = Vec::new();
    for line in lines {
        figures.extend(line.figures.iter().map(|&(peer, summary)| Figure {
            bench: line.row.name,
            peer,
            workers: line.workers,
            unit: line.row.unit.name(),
            median: summary.median,
            min: summary.min,
            max: summary.max,
            quick: !is_full,
        }));
    }
    Ok(serde_json::to_writer_pretty(file, &figures)?)
}

//! The table.

use comfy_table::{CellAlignment, Table, presets};

use super::{Line, number, tick};
use crate::bench::Unit;
use crate::budget::best_peer;
use crate::budgets::BUDGETS;
use crate::peers::{self, OURS};

/// For the terminal.
pub fn plain(lines: &[Line], is_full: bool) -> String {
    let mut table = table(lines, is_full);
    table.load_preset(presets::NOTHING);
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table.trim_fmt()
}

pub fn markdown(lines: &[Line], is_full: bool) -> String {
    let mut table = table(lines, is_full);
    table.load_preset(presets::ASCII_MARKDOWN);
    table.to_string()
}

fn table(lines: &[Line], is_full: bool) -> Table {
    let is_used = |peer: &&peers::Info| {
        let mut figures = lines.iter().flat_map(|line| &line.figures);
        figures.any(|(name, _)| *name == peer.name)
    };
    let peers: Vec<_> = peers::ALL
        .iter()
        .filter(is_used)
        .map(|peer| peer.name)
        .collect();
    let mut table = Table::new();
    let mut header = vec!["bench", "w", "unit"];
    header.extend(peers.iter().map(|peer| short(peer)));
    header.extend(["ours/best", "budget"]);
    table.set_header(header);
    for line in lines {
        table.add_row(cells(line, &peers, is_full));
    }
    for column in table.column_iter_mut().skip(3).take(peers.len() + 1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn cells(line: &Line, peers: &[&'static str], is_full: bool) -> Vec<String> {
    let mark = if is_full { "" } else { "~" };
    let medians = line.medians();
    let median = |name: &str| medians.iter().find(|(peer, _)| *peer == name);
    let mut cells = vec![
        format!("{mark}{}", line.row.name),
        line.workers.to_string(),
        line.row.unit.name().to_owned(),
    ];
    for peer in peers {
        cells.push(median(peer).map_or("-".to_owned(), |&(_, figure)| number(figure)));
    }
    let best = best_peer(&medians, "").filter(|_| line.row.unit != Unit::Count);
    let ratio = median(OURS).zip(best);
    cells.push(ratio.map_or("-".to_owned(), |(&(_, ours), (_, best))| {
        format!("{:.2}", ours / best)
    }));
    cells.push(budget(line, &medians, is_full));
    cells
}

/// Each condition with its verdict; without one if it can't be, or must not be judged.
fn budget(line: &Line, medians: &[(&'static str, f64)], is_full: bool) -> String {
    let conditions = BUDGETS
        .iter()
        .filter(|budget| budget.applies_to(line.row.name, line.workers));
    let verdict = |budget: &crate::budget::Budget| {
        // The best of some peers is not the best of all.
        let can_judge = line.is_complete || !budget.bar.needs_all();
        match budget.is_kept(medians).filter(|_| is_full && can_judge) {
            Some(kept) => format!("{} {}", budget.bar, tick(kept)),
            None => budget.bar.to_string(),
        }
    };
    conditions.map(verdict).collect::<Vec<_>>().join(", ")
}

/// A peer's name in the head of a narrow column.
fn short(peer: &str) -> &str {
    match peer {
        "rustfiber" => "ours",
        "async-executor" => "async-ex",
        "bevy_tasks" => "bevy",
        "orx-parallel" => "orx",
        "crossbeam-channel" => "crossbeam",
        _ => peer,
    }
}

//! More workers than cores: nothing may collapse.

use comfy_table::{Table, presets};

use crate::bench::{Bench, Size, Workers};
use crate::budgets::OVERSUBSCRIBED;
use crate::parent::{Case, Plan, Results};
use crate::peers;
use crate::report::{number, tick};
use crate::stats::Summary;

const FEW: usize = 2;
const MANY: usize = 16;

/// Long enough for the system's scheduler to give each thread its turns.
const TARGET_MS: u64 = 250;

/// Each bench that measures work, with few and with many workers in turn.
pub fn plan(benches: &[&'static Bench], size: Size, rounds: usize) -> Plan {
    let work = |bench: &&&'static Bench| {
        bench.is_work && matches!(bench.workers, Workers::AsAsked) && peers::ALL[0].can(bench)
    };
    let group = |&bench: &&'static Bench| {
        let case = |workers| Case {
            bench,
            peer: &peers::ALL[0],
            workers,
        };
        [FEW, MANY].map(case).to_vec()
    };
    Plan {
        groups: benches.iter().filter(work).map(group).collect(),
        size,
        rounds,
        target_ms: TARGET_MS,
    }
}

/// Prints how many times longer it takes with many workers.
pub fn print(results: &Results) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let (few, many) = (format!("{FEW} workers"), format!("{MANY} workers"));
    table.set_header(["bench", "unit", &few, &many, "ratio", "budget"]);
    for cell in results.cells.iter().filter(|cell| cell.workers == FEW) {
        let other =
            |other: &&crate::parent::Cell| other.row.name == cell.row.name && other.workers == MANY;
        let crowded = results.cells.iter().find(other);
        let (Some(few), Some(many)) = (
            Summary::of(&cell.samples),
            crowded.and_then(|cell| Summary::of(&cell.samples)),
        ) else {
            continue;
        };
        let ratio = many.median / few.median;
        let verdict = if results.is_full {
            tick(ratio <= OVERSUBSCRIBED)
        } else {
            ""
        };
        table.add_row([
            cell.row.name.to_owned(),
            cell.row.unit.name().to_owned(),
            number(few.median),
            number(many.median),
            format!("{ratio:.2}"),
            format!("<= {OVERSUBSCRIBED}x {verdict}"),
        ]);
    }
    println!("{table}");
}

//! The floors check: reads the library's sources and reports each use that points upward.
//!
//! The library's top-level modules stand on floors. A module uses its own floor and those
//! below. `lib.rs` is exempt, because it is the table of contents, and so is code that only
//! tests compile: it may look upward.

mod uses;

use std::collections::BTreeSet;
use std::path::{Component, Path};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use uses::{Findings, Target};

/// The top-level modules of each floor, the lowest floor first.
const FLOORS: &[&[&str]] = &[
    &["primitive", "unwind", "recall", "rng", "slots"],
    &["stack"],
    &["fiber"],
    &["wait"],
    &["sched"],
    &["sync"],
    &["job"],
    &["system", "builder", "context", "error"],
];

const ADD_TO_TABLE: &str = "add it to FLOORS in xtask/src/floors.rs";

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// A source file; `path` is relative to the workspace, with `/` between its parts.
#[derive(Debug)]
struct Source {
    path: String,
    text: String,
}

/// What the check found.
#[derive(Debug)]
struct Report {
    modules: usize,
    uses: usize,
    breaches: Vec<String>,
}

/// Checks the library in `root`, prints the result, and says whether it passed.
pub fn run(root: &Path) -> Result<bool> {
    let report = check(&read_sources(root)?)?;
    for breach in &report.breaches {
        println!("{breach}");
    }
    if !report.breaches.is_empty() {
        return Ok(false);
    }
    println!(
        "floors: {} modules, {} uses, no upward use",
        report.modules, report.uses
    );
    Ok(true)
}

fn read_sources(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for entry in WalkDir::new(root.join("src")).sort_by_file_name() {
        let entry = entry?;
        let path = entry.path();
        if !entry.file_type().is_file() || path.extension().is_none_or(|ext| ext != "rs") {
            continue;
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let parts: Vec<_> = path
            .strip_prefix(root)?
            .components()
            .map(Component::as_os_str)
            .map(|part| part.to_string_lossy())
            .collect();
        sources.push(Source {
            path: parts.join("/"),
            text,
        });
    }
    Ok(sources)
}

/// The module path of a source file: `src/wait/node.rs` is `["wait", "node"]`.
fn module_path(file: &str) -> Vec<String> {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    let stem = inside.strip_suffix(".rs").unwrap_or(inside);
    let mut path: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if path == ["lib"] || path.last().is_some_and(|name| name == "mod") {
        path.pop();
    }
    path
}

fn check(sources: &[Source]) -> Result<Report> {
    let mut scanned = Vec::new();
    let mut test_modules = Vec::new();
    for source in sources {
        let module = module_path(&source.path);
        if module.iter().any(|name| name == "tests") {
            continue;
        }
        let file = syn::parse_file(&source.text).map_err(|error| {
            let line = error.span().start().line;
            anyhow::anyhow!("{}:{line}: {error}", source.path)
        })?;
        let Findings { uses, tests } = uses::find(&module, &file);
        test_modules.extend(tests);
        scanned.push((source, module, uses));
    }
    // A `#[cfg(test)] mod name;` names a file of its own: known only after every file is read.
    scanned.retain(|(_, module, _)| !test_modules.iter().any(|test| module.starts_with(test)));

    let mut modules = BTreeSet::new();
    let mut count = 0;
    let mut breaches = Vec::new();
    for (source, module, uses) in &scanned {
        let path = &source.path;
        // The crate root, `lib.rs`, has no name.
        let Some(module) = module.first() else {
            continue;
        };
        let is_new = modules.insert(module);
        let Some(floor) = floor_of(module) else {
            if is_new {
                breaches.push(format!(
                    "{path}: module `{module}` is on no floor: {ADD_TO_TABLE}"
                ));
            }
            continue;
        };
        count += uses.len();
        for (line, target) in uses {
            if let Some(breach) = breach(module, floor, target) {
                breaches.push(format!("{path}:{line}: {breach}"));
            }
        }
    }
    Ok(Report {
        modules: modules.len(),
        uses: count,
        breaches,
    })
}

/// Why `module` may not use `target`, if so.
fn breach(module: &str, floor: usize, target: &Target) -> Option<String> {
    match target {
        Target::Root => Some("takes the crate root as a whole: name the module".to_owned()),
        Target::Module(name) => match floor_of(name) {
            Some(other) if other <= floor => None,
            Some(other) => Some(format!(
                "floor {floor} ({module}) uses floor {other} ({name})"
            )),
            None => Some(format!(
                "`crate::{name}` is on no floor: go through the item's module, \
                 or if it is a module {ADD_TO_TABLE}"
            )),
        },
    }
}

#[cfg(test)]
mod tests;

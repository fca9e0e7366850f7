//! The project's checks that need more than one command: `cargo xtask <check>`.
#![forbid(unsafe_code)]

mod checksum;
mod floors;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Checks of the rustfiber project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Check {
    /// A module of the library uses what lies on its own floor or below.
    Floors,
    /// The demo draws the same pixels serially and with any number of workers.
    Checksum(checksum::Options),
}

fn main() -> Result<ExitCode> {
    let check = Check::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace");
    let passed = match check {
        Check::Floors => floors::run(root)?,
        Check::Checksum(options) => checksum::run(root, &options)?,
    };
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

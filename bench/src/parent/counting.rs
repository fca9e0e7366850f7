//! The binary with the counting allocator. `cargo run` builds only the one that it runs.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The binary's path. The first call has cargo build it, where cargo has started this program;
/// elsewhere it must lie beside this program.
pub fn program() -> io::Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(build).clone().map_err(io::Error::other)
}

fn build() -> Result<PathBuf, String> {
    let ours = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = ours.with_file_name(format!("alloc{}", std::env::consts::EXE_SUFFIX));
    let Some(cargo) = std::env::var_os("CARGO") else {
        return if program.exists() {
            Ok(program)
        } else {
            Err("there is no `alloc` beside this program: start it with `cargo peers`".to_owned())
        };
    };
    let mut build = Command::new(cargo);
    build
        .args([
            "build",
            "--quiet",
            "--ignore-rust-version",
            "--bin",
            "alloc",
        ])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .stdin(Stdio::null());
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    match build.status() {
        Ok(status) if status.success() => Ok(program),
        Ok(status) => Err(format!("cargo can't build `alloc` ({status})")),
        Err(error) => Err(format!("cargo can't be started: {error}")),
    }
}

//! The folder that the frames go to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

#[derive(Debug)]
pub struct OutDir {
    path: PathBuf,
}

impl OutDir {
    /// Creates the folder if need be and makes sure that files can be written there. On an error everything is as it
    /// was before.
    pub fn prepare(path: &Path) -> Result<OutDir, String> {
        let unusable = |error| format!("{}: cannot write frames there: {error}", path.display());
        let mut created = Vec::new();
        let usable = create_missing(path, &mut created).and_then(|()| probe(path));
        usable.map_err(|error| {
            // Only what this call has made, deepest first; all of it is empty.
            for folder in created.iter().rev() {
                let _ = fs::remove_dir(folder);
            }
            unusable(error)
        })?;
        Ok(OutDir {
            path: path.to_owned(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one frame; a file that could not be written whole does not stay.
    pub fn write(&self, frame: u32, png: &[u8]) -> Result<(), String> {
        let path = self.path.join(format!("frame_{frame:03}.png"));
        fs::write(&path, png).map_err(|error| {
            let _ = fs::remove_file(&path);
            format!("{}: cannot write the frame: {error}", path.display())
        })
    }
}

/// Creates the folder and those above it that are missing, and lists them.
fn create_missing(path: &Path, created: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        create_missing(parent, created)?;
    }
    match fs::create_dir(path) {
        Ok(()) => {
            created.push(path.to_owned());
            Ok(())
        }
        // `a/b/..` exists as soon as `a/b` does.
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Permissions alone don't tell whether a folder can be written to (a read-only file system, a full quota).
fn probe(path: &Path) -> io::Result<()> {
    let file = path.join(format!(".rustfiber-demo-{}", std::process::id()));
    let written = fs::write(&file, b"can this be written?");
    let removed = fs::remove_file(&file);
    written.and(removed)
}

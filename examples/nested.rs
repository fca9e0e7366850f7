//! Jobs that start jobs: the size of a tree of directories, with a job for each.
//!
//! ```text
//! cargo run --release --example nested
//! ```
//!
//! Each directory's job spawns one for each of its subdirectories into a scope, waits for them, and adds up. While it
//! waits its worker goes on with other directories, so the depth of the tree costs fibers, not threads.
#![forbid(unsafe_code)]

use std::error::Error;

use rustfiber::{Context, JobSystem};

struct Directory {
    name: String,
    /// The sizes of its files.
    files: Vec<u64>,
    subdirectories: Vec<Directory>,
}

/// What a directory holds, with everything below it.
#[derive(Debug, Default, PartialEq)]
struct Total {
    directories: u64,
    bytes: u64,
    /// Levels of directories below and with this one.
    depth: u32,
}

/// A job that waits for its children, which wait for theirs.
fn measure(cx: &Context, directory: &Directory) -> Total {
    let mut total = Total {
        directories: 1,
        bytes: directory.files.iter().sum(),
        depth: 1,
    };
    cx.scope(|s| {
        let below: Vec<_> = directory
            .subdirectories
            .iter()
            .map(|sub| s.job().name(sub.name.clone()).spawn(|cx| measure(cx, sub)))
            .collect();
        for job in below {
            let below = job.join(cx).unwrap_or_else(|panic| panic.resume());
            total.directories += below.directories;
            total.bytes += below.bytes;
            total.depth = total.depth.max(below.depth + 1);
        }
    });
    total
}

/// A directory with `depth` levels below it, each with one subdirectory fewer than the one above.
fn directory(name: String, depth: u32) -> Directory {
    let subdirectories = (0..depth)
        .map(|n| directory(format!("{name}/{n}"), depth - 1))
        .collect();
    Directory {
        files: vec![100, u64::from(depth)],
        subdirectories,
        name,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let jobs = JobSystem::new()?;
    let root = directory("root".into(), 7);

    let total = jobs.run(|cx| measure(cx, &root));

    println!(
        "{}: {} directories on {} levels hold {} bytes",
        root.name, total.directories, total.depth, total.bytes
    );
    // A directory of depth d has d subdirectories: 7 + 7*6 + 7*6*5 + .. and itself.
    assert_eq!(total.directories, 13_700);
    assert_eq!(total.depth, 8);
    assert_eq!(total.bytes, 13_700 * 100 + 13_699);
    Ok(())
}

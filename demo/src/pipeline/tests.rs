use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::mesh::{BUNNY, Mesh};
use crate::picture::Size;
use crate::serial;

const TETRAHEDRON: &[u8] = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n\
    f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";

fn film(mesh: &[u8], frames: u32) -> Film {
    let size = Size {
        width: 40,
        height: 34,
    };
    Film::new(Mesh::from_bytes(mesh).unwrap(), size, frames)
}

fn run_with(
    workers: usize,
    film: &Film,
    each: impl Fn() + Send + Sync,
) -> Result<Vec<u64>, String> {
    let jobs = JobSystem::builder().workers(workers).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = OutDir::prepare(folder.path()).unwrap();
    run(&jobs, film, &Clock::default(), &out, each)
}

/// The panic of a run that must not end otherwise, and must end.
fn panic_of(workers: usize, film: &Film, each: impl Fn() + Send + Sync) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| run_with(workers, film, each))).unwrap_err();
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn each_frame_is_the_one_of_the_loops() {
    let film = film(TETRAHEDRON, 7);
    let expected = serial::run(&film, &Clock::default(), None, || {}).unwrap();
    for workers in [1, 2, 3, 8] {
        let seen = AtomicUsize::new(0);
        let sums = run_with(workers, &film, || {
            seen.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(sums.unwrap(), expected, "{workers} workers");
        assert_eq!(seen.into_inner(), 7);
    }
}

#[test]
fn a_tree_grown_by_jobs_is_the_one_grown_by_one() {
    let film = film(BUNNY, 1);
    let mut expected = Slot::new(&film);
    serial::animate(&film, 3, &mut expected);
    serial::build(&film, &mut expected);
    assert!(expected.tree.nodes.len() > 8 * GROW_ALONE);
    let mut slot = Slot::new(&film);
    let jobs = JobSystem::builder().workers(4).build().unwrap();
    jobs.run(|cx| {
        let clock = Clock::default();
        animate(cx, &film, &clock, 3, &mut slot.pose);
        build(cx, &film, &clock, &slot.pose, &mut slot.tree);
    });
    assert!(slot.pose == expected.pose);
    assert!(slot.tree == expected.tree);
}

#[test]
fn a_panic_of_the_encoder_ends_the_run() {
    for workers in [1, 2] {
        let seen = AtomicUsize::new(0);
        let text = panic_of(workers, &film(TETRAHEDRON, 9), || {
            assert!(seen.fetch_add(1, Ordering::Relaxed) < 2, "enough");
        });
        assert!(text.contains("enough"), "{text}");
    }
}

/// The run ends with what went wrong first, not with what was missing because of it.
#[test]
fn panics_of_all_frames_end_the_run() {
    for workers in [1, 2] {
        // In animate: the last group has more members than there are bunnies.
        let mut broken = film(TETRAHEDRON, 9);
        let members = &mut broken.scene.groups.last_mut().unwrap().members;
        *members = members.start..members.end + 1;
        let text = panic_of(workers, &broken, || {});
        assert!(!text.contains(MISSING), "{text}");

        // In build: a triangle has a vertex that is not there.
        let mut broken = film(TETRAHEDRON, 9);
        broken.scene.mesh.vertices.pop();
        let text = panic_of(workers, &broken, || {});
        assert!(!text.contains(MISSING), "{text}");
    }
}

//! All frames by jobs, in Naughty Dog's style. Three frames are in flight, each in a slot of memory of its own:
//!
//! ```text
//!            free slots (channel)                         finished frames (channel)
//!   start ------------------------> frame: animate           ------------------> encode
//!     ^                                       | counter                            |
//!     |                                     build                                  |
//!     |                                       | counter                            |
//!     |                                     render                                 |
//!     +------------------------ the slot is free again ----------------------------+
//! ```
//!
//! All stages of a frame are jobs from its start. Each waits for the counter of the one before, and a waiting job
//! costs no worker: while one frame renders, the next is being built and the last encoded.
//!
//! No job looks at a clock, a thread or the order of completion to decide what to compute, and each writes memory
//! that is its own. So the pixels are those of the serial loops.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Instant;

use rustfiber::channel::{self, Receiver, Sender};
use rustfiber::{Context, Counter, JobSystem};

use crate::bvh::{Branch, Ref, Tree};
use crate::clock::{Clock, Stage};
use crate::encode::Press;
use crate::geometry::Pack;
use crate::output::OutDir;
use crate::picture::Picture;
use crate::scene::Posed;
use crate::shade::View;
use crate::steps::{self, Film, Slot};
use crate::tile;

#[cfg(test)]
mod tests;

/// How many frames are worked on at once.
const IN_FLIGHT: usize = 3;

/// Branches of fewer packs are grown by one job: some tens of microseconds, so that forking stays small beside it.
const GROW_ALONE: usize = 512;

/// Never said: a scope hands the panic of a stage on, and a stage that has not panicked has set its result.
const MISSING: &str = "a stage ended without a result";

/// A rendered frame on its way to the encoder.
struct Finished {
    frame: u32,
    slot: Slot,
    /// When it was rendered.
    since: Instant,
}

/// Returns the checksums of the frames, in their order.
pub fn run(
    jobs: &JobSystem,
    film: &Film,
    clock: &Clock,
    out: &OutDir,
    each: impl Fn() + Send + Sync,
) -> Result<Vec<u64>, String> {
    let each = &each;
    jobs.run(|cx| {
        cx.scope(|s| {
            let (free, next_free) = channel::bounded(IN_FLIGHT);
            let (finished, next_finished) = channel::bounded(IN_FLIGHT);
            for _ in 0..IN_FLIGHT {
                // The channel has room for all slots that there are, so handing one in never waits.
                let _ = free.send(cx, Slot::new(film));
            }
            let encoder = s
                .job()
                .name("encode")
                .spawn(move |cx| encode(cx, film, clock, out, each, next_finished, free));

            let mut running = VecDeque::with_capacity(IN_FLIGHT);
            for frame in 0..film.frames {
                // Normally these have ended long before. If one panicked, this hands the panic on instead of waiting
                // for a slot that was lost with it.
                if running.len() == IN_FLIGHT {
                    join(cx, running.pop_front());
                }
                // The encoder gave up; it returns why.
                let Ok(slot) = next_free.recv(cx) else { break };
                let finished = finished.clone();
                running.push_back(s.job().name("frame").spawn(move |cx| {
                    let slot = render_frame(cx, film, clock, frame, slot);
                    let since = Instant::now();
                    // Without an encoder nobody wants the frame any more.
                    let _ = finished.send(cx, Finished { frame, slot, since });
                }));
            }
            // The encoder ends when the last sender is gone.
            drop(finished);
            encoder.join(cx).unwrap_or_else(|panic| panic.resume())
        })
    })
}

/// Takes finished frames in whatever order they come, until there are no more.
fn encode(
    cx: &Context,
    film: &Film,
    clock: &Clock,
    out: &OutDir,
    each: impl Fn(),
    next_finished: Receiver<Finished>,
    free: Sender<Slot>,
) -> Result<Vec<u64>, String> {
    let mut press = Press::default();
    let mut sums = vec![0; film.frames as usize];
    while let Ok(Finished { frame, slot, since }) = next_finished.recv(cx) {
        let print = || press.print(frame, &slot.picture);
        sums[frame as usize] = clock.work(Stage::Encode, print)?;
        // A disk may take its time: on a thread that is no worker.
        cx.blocking(|| clock.work(Stage::Encode, || out.write(frame, press.png())))?;
        clock.ended(Stage::Encode, since);
        each();
        // At the end nobody waits for slots any more.
        let _ = free.send(cx, slot);
    }
    Ok(sums)
}

/// One frame from its pose to its picture. The stages hand their results on in cells that are set before the stage's
/// counter reaches zero, and read after.
fn render_frame(cx: &Context, film: &Film, clock: &Clock, frame: u32, slot: Slot) -> Slot {
    let Slot {
        mut pose,
        mut tree,
        mut picture,
    } = slot;
    let (animated, built, rendered) = (Counter::new(), Counter::new(), Counter::new());
    let (posed, grown, painted) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
    cx.scope(|s| {
        let (animated, built, rendered) = (&animated, &built, &rendered);
        let (posed, grown, painted) = (&posed, &grown, &painted);
        s.job().name("animate").counter(animated).spawn(move |cx| {
            let start = Instant::now();
            animate(cx, film, clock, frame, &mut pose);
            clock.ended(Stage::Animate, start);
            let _ = posed.set(pose);
        });
        s.job().name("build").counter(built).spawn(move |cx| {
            animated.wait(cx);
            // An empty cell: the stage before panicked, and the scope hands that on.
            let Some(pose) = posed.get() else { return };
            let start = Instant::now();
            build(cx, film, clock, pose, &mut tree);
            clock.ended(Stage::Build, start);
            let _ = grown.set(tree);
        });
        s.job().name("render").counter(rendered).spawn(move |cx| {
            built.wait(cx);
            let (Some(pose), Some(tree)) = (posed.get(), grown.get()) else {
                return;
            };
            let start = Instant::now();
            render(cx, film, clock, frame, pose, tree, &mut picture);
            clock.ended(Stage::Render, start);
            let _ = painted.set(picture);
        });
        rendered.wait(cx);
    });
    Slot {
        pose: posed.into_inner().expect(MISSING),
        tree: grown.into_inner().expect(MISSING),
        picture: painted.into_inner().expect(MISSING),
    }
}

/// A job for each node of the hierarchy, all spawned at once; children wait for their parent.
fn animate(cx: &Context, film: &Film, clock: &Clock, frame: u32, pose: &mut [Posed]) {
    let scene = &film.scene;
    let groups = scene.groups.len();
    let turning = Counter::new();
    let turntable = OnceLock::new();
    let placing: Vec<Counter> = (0..groups).map(|_| Counter::new()).collect();
    let places: Vec<OnceLock<_>> = (0..groups).map(|_| OnceLock::new()).collect();
    cx.scope(|s| {
        let (turning, turntable) = (&turning, &turntable);
        s.job().name("turntable").counter(turning).spawn(move |_| {
            let _ = turntable.set(clock.work(Stage::Animate, || scene.turntable(frame)));
        });
        let mut rest = pose;
        for (index, (placed, place)) in placing.iter().zip(&places).enumerate() {
            s.job().name("group").counter(placed).spawn(move |cx| {
                turning.wait(cx);
                let Some(turntable) = turntable.get() else {
                    return;
                };
                let group = clock.work(Stage::Animate, || scene.group(frame, turntable, index));
                let _ = place.set(group);
            });
            let members = scene.groups[index].members.clone();
            let (own, others) = rest.split_at_mut(members.len());
            rest = others;
            for (bunny, posed) in members.zip(own) {
                s.job().name("bunny").spawn(move |cx| {
                    placed.wait(cx);
                    let Some(group) = place.get() else { return };
                    *posed = clock.work(Stage::Animate, || scene.bunny(frame, group, bunny));
                });
            }
        }
    });
}

/// Puts the triangles of all bunnies into the world and grows the tree over them; both by halves.
fn build(cx: &Context, film: &Film, clock: &Clock, pose: &[Posed], tree: &mut Tree) {
    place(cx, film, clock, 0, pose, &mut tree.packs, &mut tree.refs);
    grow(cx, clock, Branch::whole(&mut tree.refs, &mut tree.nodes));
}

/// `first` is the number of the first bunny in `pose`.
fn place(
    cx: &Context,
    film: &Film,
    clock: &Clock,
    first: usize,
    pose: &[Posed],
    packs: &mut [Pack],
    refs: &mut [Ref],
) {
    let mesh = &film.scene.mesh;
    if let [posed] = pose {
        return clock.work(Stage::Build, || {
            steps::place(mesh, posed, first, packs, refs);
        });
    }
    let half = pose.len() / 2;
    let (pose_a, pose_b) = pose.split_at(half);
    let (packs_a, packs_b) = packs.split_at_mut(half * mesh.packs());
    let (refs_a, refs_b) = refs.split_at_mut(half * mesh.packs());
    cx.join(
        |cx| place(cx, film, clock, first, pose_a, packs_a, refs_a),
        |cx| place(cx, film, clock, first + half, pose_b, packs_b, refs_b),
    );
}

fn grow(cx: &Context, clock: &Clock, branch: Branch<'_>) {
    if branch.len() < GROW_ALONE {
        return clock.work(Stage::Build, || branch.grow());
    }
    let (left, right) = clock.work(Stage::Build, || branch.fork());
    cx.join(|cx| grow(cx, clock, left), |cx| grow(cx, clock, right));
}

/// A job for each tile, one counter for all.
fn render(
    cx: &Context,
    film: &Film,
    clock: &Clock,
    frame: u32,
    pose: &[Posed],
    tree: &Tree,
    picture: &mut Picture,
) {
    let view = View::new(&film.scene, &film.camera, frame, pose, tree);
    let tiles = Counter::new();
    cx.scope(|s| {
        let view = &view;
        for (tile, pixels) in picture.tiles() {
            s.job().name("tile").counter(&tiles).spawn(move |_| {
                clock.work(Stage::Render, || tile::render(view, tile, pixels));
            });
        }
        tiles.wait(cx);
    });
}

/// Waits for a job's end and hands its panic on.
fn join(cx: &Context, job: Option<rustfiber::ScopedJobHandle<'_, ()>>) {
    if let Some(Err(panic)) = job.map(|job| job.join(cx)) {
        panic.resume();
    }
}

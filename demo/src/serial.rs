//! All frames, one after the other, in plain loops.

use std::time::Instant;

use crate::bvh::Branch;
use crate::clock::{Clock, Stage};
use crate::encode::Press;
use crate::output::OutDir;
use crate::shade::View;
use crate::steps::{self, Film, Slot};
use crate::tile;

/// Returns the checksums of the frames. Frames are written only if there is an `out`.
pub fn run(
    film: &Film,
    clock: &Clock,
    out: Option<&OutDir>,
    each: impl Fn(),
) -> Result<Vec<u64>, String> {
    let mut slot = Slot::new(film);
    let mut press = Press::default();
    let mut sums = Vec::new();
    for frame in 0..film.frames {
        stage(clock, Stage::Animate, || animate(film, frame, &mut slot));
        stage(clock, Stage::Build, || build(film, &mut slot));
        stage(clock, Stage::Render, || render(film, frame, &mut slot));
        let sum = stage(clock, Stage::Encode, || {
            let sum = press.print(frame, &slot.picture)?;
            out.map_or(Ok(()), |out| out.write(frame, press.png()))?;
            Ok::<_, String>(sum)
        })?;
        sums.push(sum);
        each();
    }
    Ok(sums)
}

/// Without jobs a stage's latency is its work.
fn stage<R>(clock: &Clock, stage: Stage, f: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = clock.work(stage, f);
    clock.ended(stage, start);
    result
}

pub fn animate(film: &Film, frame: u32, slot: &mut Slot) {
    let scene = &film.scene;
    let turntable = scene.turntable(frame);
    for (index, group) in scene.groups.iter().enumerate() {
        let place = scene.group(frame, &turntable, index);
        for bunny in group.members.clone() {
            slot.pose[bunny] = scene.bunny(frame, &place, bunny);
        }
    }
}

pub fn build(film: &Film, slot: &mut Slot) {
    let mesh = &film.scene.mesh;
    let Slot { pose, tree, .. } = slot;
    let packs = tree.packs.chunks_exact_mut(mesh.packs());
    let refs = tree.refs.chunks_exact_mut(mesh.packs());
    for ((bunny, posed), (packs, refs)) in pose.iter().enumerate().zip(packs.zip(refs)) {
        steps::place(mesh, posed, bunny, packs, refs);
    }
    Branch::whole(&mut tree.refs, &mut tree.nodes).grow();
}

pub fn render(film: &Film, frame: u32, slot: &mut Slot) {
    let view = View::new(&film.scene, &film.camera, frame, &slot.pose, &slot.tree);
    for (tile, pixels) in slot.picture.tiles() {
        tile::render(&view, tile, pixels);
    }
}

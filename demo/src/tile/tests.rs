use super::*;
use crate::mesh::Mesh;
use crate::picture::Size;
use crate::serial;
use crate::steps::{Film, Slot};

const OCTAHEDRON: &[u8] = b"v 1 0 0\nv -1 0 0\nv 0 1 0\nv 0 -1 0\nv 0 0 1\nv 0 0 -1\n\
    f 1 3 5\nf 3 2 5\nf 2 4 5\nf 4 1 5\nf 3 1 6\nf 2 3 6\nf 4 2 6\nf 1 4 6\n";

#[test]
fn a_pixel_does_not_depend_on_its_tile() {
    let size = Size {
        width: 48,
        height: 27,
    };
    let film = Film::new(Mesh::from_bytes(OCTAHEDRON).unwrap(), size, 1);
    let mut slot = Slot::new(&film);
    serial::animate(&film, 5, &mut slot);
    serial::build(&film, &mut slot);
    let view = View::new(&film.scene, &film.camera, 5, &slot.pose, &slot.tree);
    let part = |x, y, width, height| {
        let tile = Tile {
            x,
            y,
            width,
            height,
        };
        let mut pixels = vec![[0; 3]; tile.pixels()];
        render(&view, tile, &mut pixels);
        pixels
    };
    let whole = part(0, 0, 48, 27);
    let distinct: std::collections::HashSet<&Pixel> = whole.iter().collect();
    assert!(distinct.len() > 100, "{} colours", distinct.len());
    for (x, y, width, height) in [
        (0, 0, 16, 16),
        (16, 9, 31, 7),
        (47, 26, 1, 1),
        (0, 13, 48, 1),
    ] {
        let alone = part(x, y, width, height);
        let rows = alone.chunks(width as usize);
        for (row, alone) in (y as usize..).zip(rows) {
            let start = row * 48 + x as usize;
            assert_eq!(alone, &whole[start..start + width as usize]);
        }
    }
}

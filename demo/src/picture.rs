//! The picture as tiles: each tile's pixels lie together, so tiles are disjoint slices for whoever renders them.

use std::fmt;
use std::str::FromStr;

#[cfg(test)]
mod tests;

/// The edge of a tile in pixels; those at the right and the bottom may be smaller.
pub const TILE: u32 = 32;

/// An 8K picture. Three in flight are 300 MB.
const MOST_PIXELS: u32 = 7680 * 4320;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    pub fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let malformed = || "a size is WIDTHxHEIGHT, such as 512x288".to_owned();
        let (width, height) = text.split_once(['x', 'X']).ok_or_else(malformed)?;
        let side = |digits: &str| {
            let only_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            // What does not fit the type is too large as well.
            only_digits.then(|| digits.parse().unwrap_or(u32::MAX))
        };
        let width = side(width).ok_or_else(malformed)?;
        let height = side(height).ok_or_else(malformed)?;
        if width == 0 || height == 0 {
            return Err("width and height must be at least 1".to_owned());
        }
        if width
            .checked_mul(height)
            .is_none_or(|pixels| pixels > MOST_PIXELS)
        {
            return Err(format!("more than {MOST_PIXELS} pixels (7680x4320)"));
        }
        Ok(Size { width, height })
    }
}

/// A rectangle of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tile {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl Tile {
    pub fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }
}

pub type Pixel = [u8; 3];

#[derive(Debug)]
pub struct Picture {
    size: Size,
    pixels: Vec<Pixel>,
}

impl Picture {
    pub fn new(size: Size) -> Picture {
        Picture {
            size,
            pixels: vec![[0; 3]; size.pixels()],
        }
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// The tiles in reading order, each with its own pixels.
    pub fn tiles(&mut self) -> impl Iterator<Item = (Tile, &mut [Pixel])> {
        let mut rest = &mut self.pixels[..];
        tiles(self.size).map(move |tile| {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(tile.pixels());
            rest = others;
            (tile, own)
        })
    }

    /// The picture's bytes row by row.
    pub fn rows(&self, bytes: &mut Vec<u8>) {
        bytes.resize(self.pixels.len() * 3, 0);
        let mut rest = &self.pixels[..];
        for tile in tiles(self.size) {
            let (own, others) = rest.split_at(tile.pixels());
            rest = others;
            for (row, pixels) in (tile.y..).zip(own.chunks_exact(tile.width as usize)) {
                let start = (row as usize * self.size.width as usize + tile.x as usize) * 3;
                bytes[start..start + pixels.len() * 3].copy_from_slice(pixels.as_flattened());
            }
        }
    }
}

fn tiles(size: Size) -> impl Iterator<Item = Tile> {
    let steps = |length: u32| (0..length).step_by(TILE as usize);
    steps(size.height).flat_map(move |y| {
        steps(size.width).map(move |x| Tile {
            x,
            y,
            width: TILE.min(size.width - x),
            height: TILE.min(size.height - y),
        })
    })
}

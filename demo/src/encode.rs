//! A finished picture becomes a checksum and a PNG.

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use crate::checksum;
use crate::picture::{Picture, Size};

#[cfg(test)]
mod tests;

/// Encodes one frame after another and keeps its buffers.
#[derive(Debug, Default)]
pub struct Press {
    rows: Vec<u8>,
    png: Vec<u8>,
}

impl Press {
    /// Returns the checksum of the frame's pixels.
    pub fn print(&mut self, frame: u32, picture: &Picture) -> Result<u64, String> {
        picture.rows(&mut self.rows);
        self.png.clear();
        encode(picture.size(), &self.rows, &mut self.png)
            .map_err(|error| format!("cannot encode frame {frame}: {error}"))?;
        Ok(checksum::of_bytes(&self.rows))
    }

    /// The PNG of the frame that was printed last.
    pub fn png(&self) -> &[u8] {
        &self.png
    }
}

fn encode(size: Size, rows: &[u8], png: &mut Vec<u8>) -> Result<(), png::EncodingError> {
    let mut encoder = Encoder::new(png, size.width, size.height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rows)?;
    writer.finish()
}

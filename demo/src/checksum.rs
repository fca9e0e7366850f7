//! FNV-1a, 64 bits: enough to see any pixel change, and simple enough to be written anywhere.

#[cfg(test)]
mod tests;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Of one frame's pixels, row by row.
pub fn of_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().fold(OFFSET, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

/// Of all frames, from their own ones in the order of the frames, whatever order they were rendered in.
pub fn of_frames(frames: &[u64]) -> u64 {
    let bytes: Vec<u8> = frames.iter().flat_map(|sum| sum.to_le_bytes()).collect();
    of_bytes(&bytes)
}

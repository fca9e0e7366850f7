use super::*;

#[test]
fn what_is_encoded_is_read_back() {
    let size = Size {
        width: 50,
        height: 33,
    };
    let mut picture = Picture::new(size);
    for (tile, pixels) in picture.tiles() {
        pixels.fill([tile.x as u8, tile.y as u8, 99]);
    }
    let mut press = Press::default();
    // Twice, because the second time the buffers are not new.
    let sums = [0, 1].map(|frame| press.print(frame, &picture).unwrap());
    assert_eq!(sums[0], sums[1]);
    let mut reader = png::Decoder::new(std::io::Cursor::new(&press.png))
        .read_info()
        .unwrap();
    let mut read = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut read).unwrap();
    assert_eq!((info.width, info.height), (50, 33));
    assert_eq!(read, press.rows);
    assert_eq!(checksum::of_bytes(&read), sums[0]);
}

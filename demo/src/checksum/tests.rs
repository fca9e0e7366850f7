use super::*;

#[test]
fn agrees_with_published_values() {
    assert_eq!(of_bytes(b""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(of_bytes(b"a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(of_bytes(b"foobar"), 0x8594_4171_f739_67e8);
}

#[test]
fn the_order_of_frames_counts() {
    assert_ne!(of_frames(&[1, 2]), of_frames(&[2, 1]));
}

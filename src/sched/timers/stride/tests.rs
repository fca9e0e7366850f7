use super::*;

/// Turns until the clock is read, that reading included.
fn turns(stride: &Stride) -> u32 {
    (1..).find(|_| stride.is_over()).unwrap()
}

#[test]
fn it_grows_while_turns_are_short_and_no_further() {
    let stride = Stride::new();
    let lengths = [0; 7].map(|_| {
        let length = turns(&stride);
        stride.begin(100);
        length
    });
    assert_eq!(lengths, [1, 2, 4, 8, 16, 16, 16]);
}

#[test]
fn it_falls_back_when_a_turn_was_long() {
    let stride = Stride::new();
    (0..10).for_each(|_| stride.begin(1));
    stride.begin(1 + 4 * STRIDE_TIME);
    assert_eq!(turns(&stride), LONGEST_STRIDE / 4);
    stride.begin(u64::MAX / 2);
    assert_eq!(turns(&stride), 1);
    stride.begin(u64::MAX);
    assert_eq!(turns(&stride), 1);
}

#[test]
fn it_can_be_ended() {
    let stride = Stride::new();
    (0..10).for_each(|_| stride.begin(1));
    assert!(!stride.is_over());
    stride.end();
    assert!(stride.is_over());
}

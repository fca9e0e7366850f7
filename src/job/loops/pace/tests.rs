use super::{KNOWN_NANOS, Pace, STEP_NANOS, VECTORS, WAKE_NANOS};

#[test]
fn steps_grow_while_elements_are_cheap_up_to_a_part_of_the_loop() {
    let mut pace = Pace::opening(10_000);
    let mut steps = vec![];
    for _ in 0..5 {
        steps.push(pace.step());
        pace.learn(1, 5_000);
    }
    assert_eq!(steps, [1, 16, 256, 2_512, 2_512]);
}

#[test]
fn a_step_is_as_long_as_it_shall_be_if_elements_go_on_as_they_are() {
    let mut pace = Pace::opening(1_000_000);
    for _ in 0..5 {
        // Ten nanoseconds each.
        pace.learn(10 * pace.step(), 500_000);
    }
    let fit = STEP_NANOS / 10;
    assert_eq!(pace.step(), fit - fit % VECTORS);
    // Suddenly a thousand times as much.
    pace.learn(10_000 * pace.step(), 500_000);
    assert_eq!(pace.step(), 1);
}

#[test]
fn steps_of_many_elements_are_whole_numbers_of_vectors() {
    for len in (0..2_000).chain([usize::MAX - 1, usize::MAX]) {
        for nanos in [1, 10, 100, 1_000] {
            let mut pace = Pace::opening(len);
            for _ in 0..5 {
                pace.learn(nanos * pace.step(), 0);
                assert!(pace.step() >= 1);
                assert!(pace.step() < VECTORS || pace.step() % VECTORS == 0);
            }
        }
    }
}

#[test]
fn a_loop_that_is_known_to_be_long_asks_at_once() {
    let pace = Pace::known(1_000);
    assert!(!pace.is_opening());
    assert_eq!(pace.step(), 1);
}

#[test]
fn a_coarse_element_ends_the_opening() {
    let mut pace = Pace::opening(100);
    pace.learn(1_000_000, 99);
    assert!(!pace.is_opening());
    assert_eq!(pace.step(), 1);
}

#[test]
fn the_opening_goes_on_while_the_end_is_near_but_not_longer_than_a_wake_up() {
    let mut pace = Pace::opening(100);
    pace.learn(KNOWN_NANOS, 1);
    assert!(pace.is_opening());
    pace.learn(WAKE_NANOS - KNOWN_NANOS, 1);
    assert!(!pace.is_opening());
}

#[test]
fn the_opening_ends_when_the_end_is_far() {
    let mut pace = Pace::opening(1_000_000);
    pace.learn(KNOWN_NANOS - 1, 1_000_000);
    assert!(
        pace.is_opening(),
        "the speed of so short a time says little"
    );
    pace.learn(1, 1_000_000);
    assert!(!pace.is_opening());
}

#[test]
fn nothing_overflows() {
    for took in [0, 1, usize::MAX] {
        let mut pace = Pace::opening(usize::MAX);
        for _ in 0..30 {
            pace.learn(took, usize::MAX - 1);
            assert!((1..=usize::MAX / 4 + VECTORS).contains(&pace.step()));
        }
    }
}

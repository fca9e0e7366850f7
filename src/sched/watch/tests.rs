use super::*;

const LOOK: Duration = Duration::from_millis(100);

fn seen(progress: u64, used: u64) -> Seen {
    Seen {
        asleep: false,
        progress,
        used,
    }
}

/// After how many of these looks, counted from 1, the worker is found blocked.
fn found(looks: impl IntoIterator<Item = Seen>) -> Vec<usize> {
    let mut stretch = Stretch::begin(seen(0, 0));
    let looks = (1..).zip(looks);
    looks
        .filter_map(|(number, now)| stretch.go_on(now, LOOK).then_some(number))
        .collect()
}

#[test]
fn who_does_nothing_is_found_once() {
    assert_eq!(found([seen(0, 0); 20]), [LOOKS as usize]);
}

#[test]
fn who_computes_is_not_blocked() {
    let looks = (1..20).map(|look| seen(0, look * LOOK.as_nanos() as u64));
    assert_eq!(found(looks), Vec::<usize>::new());
}

#[test]
fn who_sleeps_is_not_blocked() {
    let asleep = Seen {
        asleep: true,
        ..seen(0, 0)
    };
    assert_eq!(found([asleep; 20]), Vec::<usize>::new());
}

#[test]
fn who_goes_on_is_watched_from_anew() {
    let looks = [seen(0, 0); 3].into_iter().chain([seen(1, 0); 20]);
    // The look that finds something new is the first of the new stretch.
    assert_eq!(found(looks), [3 + 1 + LOOKS as usize]);
}

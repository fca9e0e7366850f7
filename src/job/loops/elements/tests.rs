use super::{Chunks, Elements, Indices, Items, Refs};

/// What `elements` visits.
fn visited<E: Elements>(elements: E) -> Vec<E::Item> {
    elements.fold(vec![], |mut visited, item| {
        visited.push(item);
        visited
    })
}

/// Cuts `elements` behind the first `n`, and compares the parts with the whole.
fn is_cut<E: Elements<Item: PartialEq + std::fmt::Debug>>(
    elements: E,
    n: usize,
    expected: &[E::Item],
) {
    assert_eq!(elements.len(), expected.len());
    let (left, right) = elements.split_at(n);
    assert_eq!((left.len(), right.len()), (n, expected.len() - n));
    assert_eq!(visited(left), expected[..n]);
    assert_eq!(visited(right), expected[n..]);
}

#[test]
fn indices() {
    for n in 0..=5 {
        is_cut(Indices::from(3..8), n, &[3, 4, 5, 6, 7]);
    }
    let last = usize::MAX - 1;
    for n in 0..=2 {
        is_cut(Indices::from(last - 1..usize::MAX), n, &[last - 1, last]);
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    is_cut(Indices::from(8..3), 0, &[]);
}

#[test]
fn items() {
    for n in 0..=3 {
        let [mut a, mut b, mut c] = [10, 20, 30];
        let expected = [(0, &mut a), (1, &mut b), (2, &mut c)];
        is_cut(Items::from(&mut [10, 20, 30][..]), n, &expected);
    }
}

#[test]
fn refs() {
    for n in 0..=3 {
        is_cut(
            Refs::from(&[10, 20, 30][..]),
            n,
            &[(0, &10), (1, &20), (2, &30)],
        );
    }
}

#[test]
fn the_last_items_of_as_many_as_there_are_integers() {
    let items = &mut [(); usize::MAX];
    let (_, last) = Items::from(&mut items[..]).split_at(usize::MAX - 2);
    let indices: Vec<usize> = visited(last).into_iter().map(|(n, ())| n).collect();
    assert_eq!(indices, [usize::MAX - 2, usize::MAX - 1]);
}

#[test]
fn chunks() {
    for n in 0..=3 {
        let (mut a, mut b, mut c) = ([10, 20], [30, 40], [50]);
        let expected = [(0, &mut a[..]), (1, &mut b[..]), (2, &mut c[..])];
        is_cut(Chunks::new(&mut [10, 20, 30, 40, 50], 2), n, &expected);
    }
}

#[test]
fn all_chunks_of_as_many_items_as_there_are_integers() {
    let items = &mut [(); usize::MAX];
    let (all, none) = Chunks::new(items, usize::MAX - 1).split_at(2);
    assert_eq!((all.len(), none.len()), (2, 0));
    let lengths: Vec<usize> = visited(all).iter().map(|(_, chunk)| chunk.len()).collect();
    assert_eq!(lengths, [usize::MAX - 1, 1]);
}

//! Jobs borrow from the job, or the thread, that waits for them.
#![forbid(unsafe_code)]

use rustfiber::{Context, JobSystem};

fn total(cx: &Context, words: &[String]) -> usize {
    match words {
        [] => 0,
        [word] => word.len(),
        words => {
            let (left, right) = words.split_at(words.len() / 2);
            let (a, b) = cx.join(|cx| total(cx, left), |cx| total(cx, right));
            a + b
        }
    }
}

fn main() {
    let jobs = JobSystem::builder().workers(2).build().unwrap();
    let words: Vec<String> = (0..100).map(|n| n.to_string()).collect();

    // Shared, through `run` and `join`.
    assert_eq!(jobs.run(|cx| total(cx, &words)), 190);

    // Mutably, each job another part.
    let mut lengths = vec![0; words.len()];
    jobs.run(|cx| {
        cx.scope(|s| {
            for (length, word) in lengths.iter_mut().zip(&words) {
                s.spawn(move |_| *length = word.len());
            }
        });
        // The scope has ended: the borrows are over, within the job.
        lengths[0] += 1;
    });
    assert_eq!(lengths.iter().sum::<usize>(), 191);

    // A result that borrows from outside the scope.
    let longest = jobs.run(|cx| {
        cx.scope(|s| {
            let job = s.spawn(|_| words.iter().max_by_key(|word| word.len()));
            job.join(cx).unwrap()
        })
    });
    assert_eq!(longest.map(String::as_str), Some("99"));

    // A mutable borrow that a joined half passes on.
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (a, b) = jobs.run(|cx| {
        cx.join(
            |_| {
                left.push(1);
                &mut left
            },
            |_| {
                right.push(2);
                &mut right
            },
        )
    });
    a.append(b);
    assert_eq!((left, right), (vec![1, 2], vec![]));
}

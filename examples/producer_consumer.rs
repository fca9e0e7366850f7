//! Producers and consumers over bounded channels: a pipeline that counts the words of many texts.
//!
//! ```text
//! cargo run --release --example producer_consumer
//! ```
//!
//! A producer that finds the channel full waits for a consumer, and the other way round; each of these waits lets the worker
//! run somebody else. So the pipeline makes progress on one worker, too, and holds no more texts than fit
//! in the channels. It ends by itself: when the last sender of a channel is gone, its receivers are told.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;

use rustfiber::{Context, JobSystem, channel};

const PRODUCERS: usize = 3;
const TEXTS_EACH: usize = 1_000;
const CONSUMERS: usize = 4;

type Counts = BTreeMap<&'static str, usize>;

fn text(number: usize) -> String {
    let animal = ["cat", "dog", "owl"][number % 3];
    format!("the {animal} and the fox")
}

fn produce(cx: &Context, texts: &channel::Sender<String>) {
    for number in 0..TEXTS_EACH {
        if texts.send(cx, text(number)).is_err() {
            return; // nobody wants texts any more
        }
    }
}

fn count(cx: &Context, texts: &channel::Receiver<String>, counted: &channel::Sender<Counts>) {
    while let Ok(text) = texts.recv(cx) {
        let mut counts = Counts::new();
        for word in text.split(' ') {
            let known = ["the", "cat", "dog", "owl", "and", "fox"];
            let word = known.into_iter().find(|it| *it == word);
            *counts.entry(word.unwrap_or("(other)")).or_default() += 1;
        }
        if counted.send(cx, counts).is_err() {
            return;
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let jobs = JobSystem::new()?;
    let (to_count, texts) = channel::bounded(8);
    let (to_sum, counted) = channel::bounded(2);
    for _ in 0..PRODUCERS {
        let to_count = to_count.clone();
        jobs.spawn(move |cx| produce(cx, &to_count));
    }
    for _ in 0..CONSUMERS {
        let (texts, to_sum) = (texts.clone(), to_sum.clone());
        jobs.spawn(move |cx| count(cx, &texts, &to_sum));
    }
    // Only the jobs hold them now, so that the channels close when the jobs have ended.
    drop((to_count, texts, to_sum));

    let sums = jobs.run(|cx| {
        let mut sums = Counts::new();
        while let Ok(counts) = counted.recv(cx) {
            for (word, count) in counts {
                *sums.entry(word).or_default() += count;
            }
        }
        sums
    });

    println!("{sums:?}");
    let texts = PRODUCERS * TEXTS_EACH;
    assert_eq!(sums["the"], 2 * texts);
    assert_eq!(sums["fox"], texts);
    assert_eq!(sums["cat"] + sums["dog"] + sums["owl"], texts);
    assert!(!sums.contains_key("(other)"));
    Ok(())
}

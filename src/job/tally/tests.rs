//! The last one is the last, and there is one.

use super::*;

#[cfg(not(loom))]
mod plain {
    use super::*;

    /// Enough for the body to count ahead more than once.
    const MANY: usize = 2 * CREDIT + 1;

    #[test]
    fn a_body_alone_leaves_nobody() {
        assert!(!Tally::new().end_body());
    }

    #[test]
    fn counts_who_has_not_ended() {
        let tally = Tally::new();
        (0..MANY).for_each(|_| tally.start_by_body());
        tally.start();
        assert_eq!(tally.unfinished(), MANY + 1);
        assert!(!tally.end_child(), "the body goes on");
        assert_eq!(tally.unfinished(), MANY);
    }

    #[test]
    fn the_last_child_is_the_last_after_the_body() {
        for children in [1, CREDIT - 1, CREDIT, CREDIT + 1, MANY] {
            let tally = Tally::new();
            (0..children).for_each(|_| tally.start_by_body());
            assert!(tally.end_body());
            assert_eq!(tally.unfinished(), children);
            assert!((1..children).all(|_| !tally.end_child()));
            assert!(tally.end_child());
        }
    }

    #[test]
    fn the_body_is_the_last_after_all_children() {
        for children in [1, CREDIT, MANY] {
            let tally = Tally::new();
            (0..children).for_each(|_| tally.start_by_body());
            assert!((0..children).all(|_| !tally.end_child()));
            assert!(!tally.end_body());
        }
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use crate::primitive::{Arc, thread};
    use crate::wait::testing::{Evidence, explore};

    /// A scope: its tally, what the body and each child write, and who has found itself to be the last.
    struct Frame {
        tally: Tally,
        written: Vec<Evidence>,
        last: AtomicUsize,
    }

    impl Frame {
        fn new(children: usize) -> Arc<Self> {
            Arc::new(Self {
                tally: Tally::new(),
                written: Vec::from_iter((0..children + 1).map(|_| Evidence::new())),
                last: AtomicUsize::new(0),
            })
        }

        fn child(&self, index: usize) {
            self.written[index].add(1);
            if self.tally.end_child() {
                self.go_on();
            }
        }

        fn end_body(&self) {
            self.written.last().unwrap().add(1);
            if !self.tally.end_body() {
                self.go_on();
            }
        }

        /// What the frame does when it goes on: everything is over, and seen.
        fn go_on(&self) {
            assert!(self.written.iter().all(|part| part.read() == 1));
            let before = self.last.fetch_add(1, Ordering::Relaxed);
            assert_eq!(before, 0, "two were the last");
        }
    }

    fn spawn(
        frame: &Arc<Frame>,
        part: impl FnOnce(&Arc<Frame>) + 'static,
    ) -> thread::JoinHandle<()> {
        let frame = Arc::clone(frame);
        thread::spawn(move || part(&frame))
    }

    fn assert_over(frame: &Frame, threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(frame.last.load(Ordering::Relaxed), 1);
    }

    /// The body counts ahead, uses that up, and counts again, while children end.
    #[test]
    fn loom_tally_body_starts_more_than_its_credit() {
        explore(None, || {
            let frame = Frame::new(3);
            let children = [0, 1, 2].map(|index| {
                frame.tally.start_by_body();
                spawn(&frame, move |frame| frame.child(index))
            });
            frame.end_body();
            assert_over(&frame, children);
        });
    }

    /// A child starts another one that outlives it, while the body ends.
    #[test]
    fn loom_tally_child_starts_a_sibling() {
        explore(None, || {
            let frame = Frame::new(2);
            frame.tally.start_by_body();
            let child = spawn(&frame, |frame| {
                frame.tally.start();
                let sibling = spawn(frame, |frame| frame.child(1));
                frame.child(0);
                sibling.join().unwrap();
            });
            frame.end_body();
            assert_over(&frame, [child]);
        });
    }
}

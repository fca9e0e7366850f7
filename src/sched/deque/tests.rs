//! Order, growth, wrap-around and stress; models of each race under `--cfg loom`.

use super::*;

/// An element for tests: a number in place of a pointer. Neither `Copy` nor `Clone`.
#[derive(Debug, PartialEq, Eq)]
struct Token(usize);

// SAFETY: the number is all there is, and the word's address carries it.
unsafe impl Word for Token {
    fn into_raw(self) -> *mut () {
        word(self.0)
    }

    unsafe fn from_raw(raw: *mut ()) -> Self {
        Token(raw.addr())
    }
}

fn word(number: usize) -> *mut () {
    ptr::without_provenance_mut(number)
}

fn success(steal: Steal<Token>) -> Option<Token> {
    match steal {
        Steal::Success(token) => Some(token),
        Steal::Empty | Steal::Retry => None,
    }
}

/// How elements come to be public.
#[derive(Clone, Copy, Debug)]
enum Mode {
    /// Without asymmetric barriers: at once.
    Eager,
    /// By the owner, since somebody always wants some.
    Wanted,
    /// By force alone.
    Forced,
}

/// The modes that are sound here: private elements need the barrier.
#[cfg(not(loom))]
fn modes() -> &'static [Mode] {
    match barrier::is_asymmetric() {
        true => &[Mode::Eager, Mode::Wanted, Mode::Forced],
        false => &[Mode::Eager],
    }
}

/// The owner's end, in one of the modes.
struct End {
    owner: Owner<Token>,
    mode: Mode,
}

impl std::ops::Deref for End {
    type Target = Owner<Token>;

    fn deref(&self) -> &Owner<Token> {
        &self.owner
    }
}

impl End {
    fn starting_at(position: isize, mode: Mode) -> (Self, Stealer<Token>) {
        let (owner, stealer) = starting_at(position, matches!(mode, Mode::Eager));
        (Self { owner, mode }, stealer)
    }

    fn put(&self, token: Token) {
        if self.owner.push(token) == Pushed::Look {
            let is_wanted = !matches!(self.mode, Mode::Forced);
            assert_eq!(self.owner.look_up(|| is_wanted), is_wanted);
        }
    }
}

/// Takes the oldest element, by force if it must be.
fn steal(stealer: &Stealer<Token>) -> Steal<Token> {
    match stealer.steal() {
        Steal::Empty if stealer.is_empty() => Steal::Empty,
        Steal::Empty if stealer.force() => stealer.steal(),
        Steal::Empty => Steal::Retry,
        stolen => stolen,
    }
}

#[cfg(not(loom))]
mod plain {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
    use std::thread;

    use super::*;
    use crate::primitive::atomic::Ordering::{Acquire, Release};

    fn full(mode: Mode) -> (End, Stealer<Token>) {
        holding(mode, 1..FIRST_CAPACITY + 1)
    }

    fn holding(mode: Mode, numbers: std::ops::Range<usize>) -> (End, Stealer<Token>) {
        let (owner, stealer) = End::starting_at(0, mode);
        numbers.for_each(|n| owner.put(Token(n)));
        (owner, stealer)
    }

    fn drain(owner: &End) -> Vec<usize> {
        std::iter::from_fn(|| owner.pop()).map(|t| t.0).collect()
    }

    #[test]
    fn smoke() {
        for &mode in modes() {
            let (owner, stealer) = End::starting_at(0, mode);
            assert!(owner.is_empty() && stealer.is_empty());
            assert_eq!(owner.pop(), None);
            assert_eq!(owner.take_oldest(), Steal::Empty);
            assert_eq!(steal(&stealer), Steal::Empty);

            owner.put(Token(1));
            assert!(!owner.is_empty() && !stealer.is_empty());
            assert_eq!(owner.pop(), Some(Token(1)));
            assert_eq!(owner.pop(), None);

            owner.put(Token(2));
            assert_eq!(steal(&stealer.clone()), Steal::Success(Token(2)));
            assert_eq!(owner.pop(), None);
            assert_eq!(steal(&stealer), Steal::Empty);
        }
    }

    #[test]
    fn owner_pops_newest_first() {
        for &mode in modes() {
            let (owner, _stealer) = holding(mode, 1..6);
            assert_eq!(drain(&owner), [5, 4, 3, 2, 1]);
        }
    }

    #[test]
    fn others_take_oldest_first() {
        for &mode in modes() {
            let (owner, stealer) = holding(mode, 1..5);
            assert_eq!(steal(&stealer), Steal::Success(Token(1)));
            assert_eq!(owner.take_oldest(), Steal::Success(Token(2)));
            assert_eq!(steal(&stealer), Steal::Success(Token(3)));
            assert_eq!(owner.pop(), Some(Token(4)));
            assert!(owner.is_empty());
        }
    }

    #[test]
    fn pop_if_takes_only_the_newest() {
        for &mode in modes() {
            let (owner, stealer) = holding(mode, 1..4);
            assert_eq!(owner.pop_if(word(2)), None);
            assert_eq!(owner.pop_if(word(3)), Some(Token(3)));
            assert_eq!(owner.pop_if(word(3)), None);
            assert_eq!(owner.pop_if(word(2)), Some(Token(2)));
            assert_eq!(steal(&stealer), Steal::Success(Token(1)));
            assert_eq!(owner.pop_if(word(1)), None, "its word is still in the slot");
            assert_eq!(owner.pop_if(ptr::null_mut()), None);
            assert!(owner.is_empty());
        }
    }

    #[test]
    fn while_private_holds_only_what_no_thief_can_have() {
        if !barrier::is_asymmetric() {
            return;
        }
        let (owner, stealer) = holding(Mode::Forced, 1..3);
        let hold = |n| {
            let mut was_held = false;
            let (held, pushed) = owner.while_private(word(n), || {
                was_held = true;
                assert!(!stealer.force(), "it is held back");
            });
            assert_eq!(held, was_held);
            if pushed == Pushed::Look {
                owner.look_up(|| false);
            }
            held
        };
        let (one, two) = (owner.pop(), owner.pop());
        assert!(!hold(1), "there is nothing");
        two.into_iter().for_each(|token| owner.put(token));
        assert!(hold(1), "it is the only one, and private");
        one.into_iter().for_each(|token| owner.put(token));
        assert!(!hold(1), "it is not the newest");
        assert!(stealer.force());
        assert_eq!(stealer.steal(), Steal::Success(Token(1)));
        assert!(stealer.force());
        assert!(!hold(2), "it is public");
        assert_eq!(stealer.steal(), Steal::Success(Token(2)));
        assert!(!hold(2), "its word is still in the slot");
    }

    #[test]
    fn bounds_tell_when_all_of_a_moment_are_gone() {
        for &mode in modes() {
            let (owner, stealer) = holding(mode, 1..4);
            let (_, then) = owner.positions();
            owner.put(Token(4));
            assert_eq!(owner.len(), 4);
            for expected in 1..4 {
                assert!(stealer.top() < then);
                assert_eq!(steal(&stealer), Steal::Success(Token(expected)));
            }
            assert_eq!((stealer.top(), owner.positions()), (then, (then, then + 1)));
            assert_eq!(owner.pop(), Some(Token(4)));
            let (top, bottom) = owner.positions();
            assert!(top == bottom && top >= then);
        }
    }

    #[test]
    fn keeps_its_capacity_while_thieves_keep_up() {
        for &mode in modes() {
            let (owner, stealer) = holding(mode, 1..FIRST_CAPACITY);
            for n in 1..100 * FIRST_CAPACITY {
                assert_eq!(steal(&stealer), Steal::Success(Token(n)));
                owner.put(Token(n + FIRST_CAPACITY - 1));
            }
            // One slot is always free, for the next push.
            assert_eq!(owner.capacity(), FIRST_CAPACITY);
            assert_eq!(drain(&owner).len(), FIRST_CAPACITY - 1);
        }
    }

    #[test]
    fn grows_at_every_offset() {
        for &mode in modes() {
            for offset in 0..=FIRST_CAPACITY {
                let (owner, stealer) = full(mode);
                let many = 5 * FIRST_CAPACITY;
                for n in 1..=offset {
                    assert_eq!(steal(&stealer), Steal::Success(Token(n)));
                }
                (FIRST_CAPACITY + 1..=many).for_each(|n| owner.put(Token(n)));
                assert!(owner.capacity() >= owner.len());
                assert_eq!(steal(&stealer), Steal::Success(Token(offset + 1)));
                assert!(drain(&owner).into_iter().eq((offset + 2..=many).rev()));
            }
        }
    }

    #[test]
    fn positions_wrap_around() {
        for &mode in modes() {
            let many = 3 * FIRST_CAPACITY;
            for before in 0..many {
                let start = isize::MAX.wrapping_sub_unsigned(before);
                let (owner, stealer) = End::starting_at(start, mode);
                assert!(owner.is_empty() && stealer.is_empty());
                (1..=many).for_each(|n| owner.put(Token(n)));
                assert_eq!(owner.len(), many);
                assert!(!stealer.is_empty());
                for n in 1..=FIRST_CAPACITY {
                    assert_eq!(steal(&stealer), Steal::Success(Token(n)));
                }
                assert_eq!(
                    owner.take_oldest(),
                    Steal::Success(Token(FIRST_CAPACITY + 1))
                );
                assert_eq!(owner.pop_if(word(many)), Some(Token(many)));
                assert!(
                    drain(&owner)
                        .into_iter()
                        .eq((FIRST_CAPACITY + 2..many).rev())
                );
                assert_eq!(steal(&stealer), Steal::Empty);
                let (top, bottom) = owner.positions();
                assert_eq!(top, bottom);
            }
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a deque is dropped with 2 elements in it")]
    #[cfg_attr(
        feature = "sanitizer",
        ignore = "the assertion that fails on purpose leaks the buffer, and the sanitizer says so"
    )]
    fn a_dropped_deque_must_be_empty() {
        drop(holding(Mode::Eager, 1..3));
    }

    /// Elements that were taken, and how often.
    struct Seen {
        times: Vec<AtomicU8>,
        sum: AtomicUsize,
    }

    impl Seen {
        fn new(count: usize) -> Self {
            Self {
                times: (0..count).map(|_| AtomicU8::new(0)).collect(),
                sum: AtomicUsize::new(0),
            }
        }

        fn take(&self, token: Token) {
            assert_eq!(self.times[token.0].fetch_add(1, Relaxed), 0, "taken twice");
            self.sum.fetch_add(token.0, Relaxed);
        }

        fn assert_all_once(&self) {
            assert!(self.times.iter().all(|t| t.load(Relaxed) == 1), "lost one");
            let count = self.times.len();
            assert_eq!(self.sum.load(Relaxed), count * (count - 1) / 2);
        }
    }

    /// Says that the owner's part is over, also when it panics.
    struct Over<'a>(&'a AtomicBool);

    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Release);
        }
    }

    /// Lets `owner_part` run against `thieves` that steal until it is over and all is taken.
    fn against_thieves(mode: Mode, thieves: usize, count: usize, owner_part: fn(&End, &Seen)) {
        let (owner, stealer) = End::starting_at(isize::MAX.wrapping_sub_unsigned(count / 4), mode);
        let seen = Seen::new(count);
        let over = AtomicBool::new(false);
        let ready = Barrier::new(thieves + 1);
        let thief = || {
            ready.wait();
            for turn in 1_usize.. {
                // Read first: what is found empty after that stays so.
                let over = over.load(Acquire);
                match steal(&stealer) {
                    Steal::Success(token) => seen.take(token),
                    Steal::Empty if over => break,
                    Steal::Empty | Steal::Retry if turn % 256 == 0 => thread::yield_now(),
                    Steal::Empty | Steal::Retry => std::hint::spin_loop(),
                }
            }
        };
        thread::scope(|s| {
            let thieves: Vec<_> = (0..thieves).map(|_| s.spawn(thief)).collect();
            ready.wait();
            let end = Over(&over);
            owner_part(&owner, &seen);
            drop(end);
            // Joined one by one: ThreadSanitizer cannot see how a scope ends.
            thieves.into_iter().for_each(|t| t.join().unwrap());
        });
        assert!(owner.is_empty());
        seen.assert_all_once();
    }

    /// A full-period generator: enough to mix the operations.
    fn next(state: &mut u32, below: u32) -> u32 {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 16) % below
    }

    #[test]
    fn stress_mixed() {
        for &mode in modes() {
            for thieves in 1..4 {
                against_thieves(mode, thieves, 1_000_000, |owner, seen| {
                    let mut unpushed = (0..seen.times.len()).peekable();
                    let mut state = 1;
                    while let Some(&next_push) = unpushed.peek() {
                        let pushes = next(&mut state, 5) as usize;
                        (unpushed.by_ref().take(pushes)).for_each(|n| owner.put(Token(n)));
                        let newest = word((next_push + pushes).saturating_sub(1));
                        for _ in 0..next(&mut state, 5) {
                            let token = match next(&mut state, 8) {
                                0 => success(owner.take_oldest()),
                                1..4 => owner.pop_if(newest),
                                _ => owner.pop(),
                            };
                            token.into_iter().for_each(|token| seen.take(token));
                        }
                    }
                });
            }
        }
    }

    #[test]
    fn stress_last_element() {
        for &mode in modes() {
            for thieves in 1..4 {
                against_thieves(mode, thieves, 1_000_000, |owner, seen| {
                    for n in 0..seen.times.len() {
                        owner.put(Token(n));
                        owner.pop_if(word(n)).into_iter().for_each(|t| seen.take(t));
                        assert!(owner.is_empty(), "it is taken by now");
                    }
                });
            }
        }
    }

    #[test]
    fn stress_few_elements() {
        for &mode in modes() {
            for thieves in 1..4 {
                against_thieves(mode, thieves, 1_000_000, |owner, seen| {
                    for n in (0..seen.times.len()).step_by(4) {
                        (n..n + 4).for_each(|n| owner.put(Token(n)));
                        while let Some(token) = owner.pop() {
                            seen.take(token);
                        }
                    }
                });
            }
        }
    }

    #[test]
    fn stress_growth() {
        for &mode in modes() {
            for thieves in [1, 2, 3].repeat(5) {
                against_thieves(mode, thieves, 50_000, |owner, seen| {
                    (0..seen.times.len()).for_each(|n| owner.put(Token(n)));
                });
            }
        }
    }
}

#[cfg(loom)]
mod model {
    use std::time::Duration;

    use super::*;
    use crate::primitive::{UnsafeCell, thread};

    /// What each element stands for: memory that its pusher has written, and that only its one
    /// taker may touch then. The model reports a second taker, or one that cannot see the write.
    struct Payloads(Vec<UnsafeCell<u8>>);

    // SAFETY: for the model to judge: it checks each access.
    unsafe impl Sync for Payloads {}
    // SAFETY: as above.
    unsafe impl Send for Payloads {}

    const FRESH: u8 = 0;
    const PUSHED: u8 = 1;
    const TAKEN: u8 = 2;

    impl Payloads {
        fn advance(&self, number: usize, from: u8, to: u8) {
            self.0[number].with_mut(|state| {
                // SAFETY: the pointer is valid for the closure, and the model rules out races.
                let before = unsafe { state.replace(to) };
                assert_eq!(before, from, "element {number}");
            });
        }
    }

    /// The owner's end with the payloads.
    struct Side {
        owner: End,
        stealer: Stealer<Token>,
        payloads: Arc<Payloads>,
    }

    impl Side {
        fn push(&self, number: usize) {
            self.payloads.advance(number, FRESH, PUSHED);
            self.owner.put(Token(number));
        }

        fn pop(&self) {
            self.took(self.owner.pop());
        }

        fn pop_if(&self, number: usize) -> bool {
            let token = self.owner.pop_if(word(number));
            assert!(token.as_ref().is_none_or(|token| token.0 == number));
            self.took(token)
        }

        fn take_oldest(&self) -> bool {
            self.took(success(self.owner.take_oldest()))
        }

        fn took(&self, token: Option<Token>) -> bool {
            let took = token.is_some();
            token
                .into_iter()
                .for_each(|t| self.payloads.advance(t.0, PUSHED, TAKEN));
            took
        }
    }

    /// Explores `owner_part` after `before` was done, with as many thieves as there are numbers in
    /// `steals`, each of which tries that many times. All `count` elements are pushed by the two
    /// parts, and at the end each has been taken once.
    fn explore(
        preemptions: Option<usize>,
        count: usize,
        steals: &'static [usize],
        before: fn(&Side),
        owner_part: fn(&Side),
    ) {
        explore_in(Mode::Eager, preemptions, count, steals, before, owner_part);
        // These have more steps: a bound keeps them short.
        explore_in(Mode::Wanted, Some(3), count, steals, before, owner_part);
        explore_in(Mode::Forced, Some(3), count, steals, before, owner_part);
    }

    fn explore_in(
        mode: Mode,
        preemptions: Option<usize>,
        count: usize,
        steals: &'static [usize],
        before: fn(&Side),
        owner_part: fn(&Side),
    ) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = preemptions;
        builder.max_duration = None::<Duration>;
        builder.check(move || {
            let (owner, stealer) = End::starting_at(isize::MAX - 1, mode);
            let payloads = (0..count).map(|_| UnsafeCell::new(FRESH)).collect();
            let payloads = Arc::new(Payloads(payloads));
            let side = Side {
                owner,
                stealer: stealer.clone(),
                payloads,
            };
            before(&side);
            let thieves: Vec<_> = steals
                .iter()
                .map(|&tries| {
                    let stealer = stealer.clone();
                    let payloads = Arc::clone(&side.payloads);
                    thread::spawn(move || {
                        for token in (0..tries).filter_map(|_| success(steal(&stealer))) {
                            payloads.advance(token.0, PUSHED, TAKEN);
                        }
                    })
                })
                .collect();
            owner_part(&side);
            thieves.into_iter().for_each(|t| t.join().unwrap());
            while !side.owner.is_empty() {
                assert!(side.took(side.owner.pop()));
            }
            (0..count).for_each(|n| side.payloads.advance(n, TAKEN, TAKEN));
        });
    }

    fn nothing(_: &Side) {}

    #[test]
    fn loom_push_pop_against_a_thief() {
        explore(None, 2, &[2], nothing, |side| {
            side.push(0);
            side.push(1);
            side.pop();
            side.pop();
        });
    }

    #[test]
    fn loom_position_is_used_again() {
        explore(Some(4), 3, &[2], nothing, |side| {
            side.push(0);
            side.pop();
            side.push(1);
            side.push(2);
            side.pop();
        });
    }

    #[test]
    fn loom_two_thieves_and_the_last_element() {
        explore(Some(5), 1, &[1, 1], |side| side.push(0), Side::pop);
    }

    /// The second thief knows `top` only from the first one, and the owner has not seen it.
    #[test]
    fn loom_two_thieves_and_two_elements() {
        let both = |side: &Side| {
            side.push(0);
            side.push(1);
        };
        explore(Some(5), 2, &[1, 1], both, Side::pop);
    }

    #[test]
    fn loom_growth_while_stealing() {
        let full = |side: &Side| (0..FIRST_CAPACITY).for_each(|n| side.push(n));
        explore(None, FIRST_CAPACITY + 1, &[2], full, |side| {
            side.push(FIRST_CAPACITY);
        });
    }

    /// A slot of the outgrown buffer holds a word of earlier at the position being stolen.
    #[test]
    fn loom_outgrown_buffer_is_not_current() {
        let full = |side: &Side| (0..FIRST_CAPACITY).for_each(|n| side.push(n));
        explore(None, FIRST_CAPACITY + 1, &[1], full, |side| {
            side.push(FIRST_CAPACITY);
            (0..FIRST_CAPACITY).for_each(|_| _ = side.take_oldest());
        });
    }

    /// A slot is written again while a late thief may still read it.
    #[test]
    fn loom_slot_is_used_again() {
        let full = |side: &Side| (0..FIRST_CAPACITY).for_each(|n| side.push(n));
        explore(Some(3), FIRST_CAPACITY + 1, &[1, 1], full, |side| {
            side.push(FIRST_CAPACITY);
        });
    }

    #[test]
    fn loom_pop_if_against_a_thief() {
        explore(
            None,
            2,
            &[2],
            |side| side.push(0),
            |side| {
                side.push(1);
                if side.pop_if(1) {
                    side.pop_if(0);
                } else {
                    assert!(side.owner.is_empty(), "stolen oldest first");
                }
            },
        );
    }

    #[test]
    fn loom_take_oldest_against_a_thief() {
        let both = |side: &Side| {
            side.push(0);
            side.push(1);
        };
        explore(None, 2, &[1], both, |side| {
            side.take_oldest();
            side.pop();
        });
    }

    /// The owner returns into what a thief is making public, and pushes there again.
    #[test]
    fn loom_pops_against_force() {
        let three = |side: &Side| (0..3).for_each(|n| side.push(n));
        explore_in(Mode::Forced, Some(4), 4, &[1], three, |side| {
            side.pop();
            side.pop();
            side.push(3);
            side.pop();
        });
    }

    /// Two thieves: one forces at a time, and what one has made public the other takes.
    #[test]
    fn loom_two_thieves_force() {
        let three = |side: &Side| (0..3).for_each(|n| side.push(n));
        explore_in(Mode::Forced, Some(3), 3, &[1, 1], three, |side| {
            side.pop();
            side.pop();
        });
    }

    /// The owner makes elements private again while a thief takes them.
    #[test]
    fn loom_reclaiming_against_a_thief() {
        let three_public = |side: &Side| {
            (0..5).for_each(|n| side.push(n));
            assert!(side.stealer.force());
            (0..2).for_each(|_| side.pop());
        };
        explore_in(Mode::Forced, Some(4), 5, &[2], three_public, |side| {
            (0..3).for_each(|_| side.pop());
        });
    }

    /// What the owner does with an element that it holds back, no thief sees half done.
    #[test]
    fn loom_while_private_against_force() {
        let two = |side: &Side| (0..2).for_each(|n| side.push(n));
        explore_in(Mode::Forced, Some(4), 2, &[2], two, |side| {
            let hold = || side.payloads.advance(1, PUSHED, PUSHED);
            if let (_, Pushed::Look) = side.owner.while_private(word(1), hold) {
                side.owner.look_up(|| false);
            }
        });
    }
}

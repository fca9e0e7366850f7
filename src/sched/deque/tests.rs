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
    use super::*;

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
}

#[cfg(loom)]
mod model;
#[cfg(not(loom))]
mod stress;

//! Which arm is served, and what the others keep; models of the races under `--cfg loom`.

use super::*;
use crate::sched::Blocking;
use crate::sync::Event;
use crate::sync::channel::unbounded;

#[cfg(not(loom))]
mod plain {
    use super::*;

    #[test]
    fn every_arm_that_can_go_has_its_turn() {
        let events = [(); 4].map(|()| Event::manual());
        events.iter().for_each(Event::set);
        let mut chosen = [0; 4];
        for _ in 0..4000 {
            let [a, b, c, d] = &events;
            match select(Blocking, (a, b, c, d)) {
                Selected::A(()) => chosen[0] += 1,
                Selected::B(()) => chosen[1] += 1,
                Selected::C(()) => chosen[2] += 1,
                Selected::D(()) => chosen[3] += 1,
            }
        }
        assert!(chosen.iter().all(|&n| n > 500), "{chosen:?}");
    }

    #[test]
    #[should_panic(expected = "something to wait for")]
    fn nothing_to_wait_for() {
        select(Blocking, Vec::<&Event>::new());
    }

    #[test]
    fn an_empty_send_is_never_chosen() {
        let (sender, receiver) = unbounded::<u8>();
        let event = Event::auto();
        assert_eq!(try_select([sender.sending(&mut None)]), None);
        event.set();
        for _ in 0..10 {
            event.set();
            let selected = select(Blocking, (sender.sending(&mut None), &event));
            assert_eq!(selected, Selected::B(()));
        }
        assert!(receiver.is_empty());
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use crate::primitive::thread;
    use crate::sync::CancelToken;
    use crate::sync::channel::{bounded, rendezvous};
    use crate::wait::testing::explore;

    /// Two sources, each with something to give; one is chosen, and the other keeps its own.
    #[test]
    fn loom_select_takes_one() {
        explore(3, || {
            let (sender, receiver) = unbounded();
            let event = std::sync::Arc::new(Event::auto());
            let giving = {
                let event = event.clone();
                thread::spawn(move || {
                    event.set();
                    sender.try_send(1).unwrap();
                    sender
                })
            };
            let selected = select(Blocking, (&receiver, &*event));
            let _sender = giving.join().unwrap();
            let left = (receiver.try_recv().is_ok(), event.is_set());
            match selected {
                Selected::A(received) => assert_eq!((received, left), (Ok(1), (false, true))),
                Selected::B(()) => assert_eq!(left, (true, false)),
            }
        });
    }

    /// A select takes part in two channels; one other wants a value of one of them, another puts one
    /// into the other.
    #[test]
    fn loom_select_of_a_send_and_a_receive() {
        for channel in [|| bounded(1), rendezvous] {
            explore(2, move || {
                let (out, taken) = channel();
                let (put, into) = channel();
                let other = thread::spawn(move || {
                    let got = taken.try_recv().ok();
                    (got, put.try_send(7).is_ok(), taken, put)
                });
                let mut value = Some(1);
                let token = CancelToken::new();
                token.cancel();
                // A manual signal that is there ends a wait for what does not come.
                let selected = select(Blocking, (out.sending(&mut value), &into, &token));
                let (got, put_in, taken, _put) = other.join().unwrap();
                let left = into.try_recv().ok();
                match selected {
                    Selected::A(sent) => {
                        assert_eq!((sent, value), (Ok(()), None));
                        assert_eq!(got.or_else(|| taken.try_recv().ok()), Some(1));
                        assert_eq!(left.is_some(), put_in);
                    }
                    Selected::B(received) => {
                        assert_eq!((received, value, got), (Ok(7), Some(1), None));
                        assert!(put_in && left.is_none());
                    }
                    Selected::C(()) => {
                        assert_eq!((value, got), (Some(1), None));
                        assert_eq!(left.is_some(), put_in);
                    }
                }
            });
        }
    }

    /// Two selects that could serve each other: they do, and neither waits for ever.
    #[test]
    fn loom_two_selects_meet() {
        explore(2, || {
            let (sender, receiver) = rendezvous();
            let other = thread::spawn(move || {
                let never = Event::manual();
                let mut value = Some(1);
                let sent = select(Blocking, (&never, sender.sending(&mut value)));
                assert_eq!((sent, value), (Selected::B(Ok(())), None));
            });
            let never = Event::manual();
            let received = select(Blocking, (&receiver, &never));
            assert_eq!(received, Selected::A(Ok(1)));
            other.join().unwrap();
        });
    }

    /// A select with both ends of one rendezvous does not serve itself.
    #[test]
    fn loom_select_of_both_ends() {
        explore(3, || {
            let (sender, receiver) = rendezvous();
            let other = {
                let receiver = receiver.clone();
                thread::spawn(move || receiver.recv(Blocking))
            };
            let mut value = Some(1);
            let sent = select(Blocking, (&receiver, sender.sending(&mut value)));
            assert_eq!((sent, value), (Selected::B(Ok(())), None));
            assert_eq!(other.join().unwrap(), Ok(1));
        });
    }

    /// The select is woken for a value that another takes, and again for one that it gets.
    #[test]
    fn loom_select_woken_in_vain() {
        explore(2, || {
            let (sender, receiver) = unbounded();
            let selecting = {
                let receiver = receiver.clone();
                thread::spawn(move || {
                    let never = Event::manual();
                    select(Blocking, (&never, &receiver))
                })
            };
            sender.try_send(1).unwrap();
            let taken = receiver.try_recv().ok();
            sender.try_send(2).unwrap();
            let got = selecting.join().unwrap();
            let got = match got {
                Selected::B(got) => got.ok(),
                Selected::A(()) => None,
            };
            match taken {
                Some(1) => assert_eq!(got, Some(2)),
                _ => assert_eq!((got, receiver.try_recv()), (Some(1), Ok(2))),
            }
        });
    }
}

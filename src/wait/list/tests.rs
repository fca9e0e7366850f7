//! Order, tags and early leaving; models of each race under `--cfg loom`.

use super::*;
use crate::wait::testing::Probe;
use crate::wait::{Wake, Wish};

/// Nothing has happened that anybody would wait for.
const NOTHING: Reached = Reached {
    crossings: 0,
    count: u32::MAX,
};

/// The count is `count`, and has not been zero.
fn count(count: u32) -> Reached {
    Reached { count, ..NOTHING }
}

/// What everybody waits for has happened.
const ALL: Reached = Reached {
    crossings: u64::MAX,
    count: 0,
};

/// A waiter that is content with `level`, or with one more crossing than `since`.
fn wishes(probe: &Probe, since: u64, level: u32) {
    // SAFETY: the tests call this before they push the node.
    unsafe { probe.node().as_ref().set_wish(Wish { since, level }) };
}

fn probes<const N: usize>() -> [Probe; N] {
    std::array::from_fn(|_| Probe::new())
}

fn push(list: &WaitList, probe: &Probe) -> bool {
    // SAFETY: each test pushes a probe once, and keeps it until the list is empty for good.
    unsafe { list.push(probe.node()) }
}

fn leave(list: &WaitList, probe: &Probe, reached: impl Fn() -> Reached) {
    // SAFETY: the probe has been pushed, and outlives the call.
    deliver(unsafe { list.leave(probe.node(), reached) });
}

fn wake_all(list: &WaitList) {
    deliver(list.take(|| ALL));
}

fn deliver(swept: Swept) {
    swept.signalled.deliver(Wake::Signalled);
    swept.left.deliver(Wake::Left);
}

/// No node is left in the list, nor a sweep under way.
fn is_at_rest(list: &WaitList) -> bool {
    let word = Word(list.word.load(Ordering::Relaxed));
    word.node().is_null() && word.phase() == IDLE
}

const SIGNALLED: Option<Wake> = Some(Wake::Signalled);
const LEFT: Option<Wake> = Some(Wake::Left);

#[cfg(not(loom))]
mod plain {
    use super::*;

    fn drain(mut chain: Chain) -> Vec<NonNull<WaitNode>> {
        std::iter::from_fn(|| chain.pop()).collect()
    }

    #[test]
    fn a_waiter_is_registered_alone_beside_others_and_the_mark() {
        let list = WaitList::new();
        let [first, second] = probes();
        assert!(push(&list, &first));
        assert!(!list.mark());
        // SAFETY: the probe stays until the list is closed, and there is no other thread.
        unsafe { list.register_alone(second.node()) };
        let (chain, marked) = list.close();
        assert!(marked);
        chain.deliver(Wake::Signalled);
        assert_eq!([first, second].map(|probe| probe.outcome()), [SIGNALLED; 2]);
    }

    #[test]
    fn smoke() {
        let list = WaitList::new();
        let [probe] = probes();
        assert!(push(&list, &probe));
        assert_eq!(probe.outcome(), None);
        wake_all(&list);
        assert_eq!(probe.outcome(), SIGNALLED);
        assert!(is_at_rest(&list));
    }

    #[test]
    fn waiters_are_detached_in_the_order_of_their_arrival() {
        let list = WaitList::new();
        let waiters: [Probe; 4] = probes();
        let nodes: Vec<_> = waiters.iter().map(Probe::node).collect();
        assert!(waiters.iter().all(|probe| push(&list, probe)));
        assert_eq!(drain(list.take(|| ALL).signalled), nodes);
        assert!(waiters.iter().all(|probe| push(&list, probe)));
        assert_eq!(drain(list.close().0), nodes);
    }

    #[test]
    fn closed_list_takes_no_waiters_until_it_is_reopened() {
        let list = WaitList::new();
        let [probe] = probes();
        assert!(!list.is_closed());
        list.close().0.deliver(Wake::Signalled);
        assert!(list.is_closed());
        assert!(!push(&list, &probe));
        list.reopen();
        assert!(!list.is_closed());
        assert!(push(&list, &probe));
        wake_all(&list);
        assert_eq!(probe.outcome(), SIGNALLED);
    }

    #[test]
    fn mark_and_close_see_each_other_once() {
        let list = WaitList::new();
        assert!(!list.mark());
        assert!(list.close().1);

        let list = WaitList::new();
        assert!(!list.close().1);
        assert!(list.mark());
    }

    #[test]
    fn who_leaves_goes_alone_and_the_order_stays() {
        let list = WaitList::new();
        let waiters: [Probe; 3] = probes();
        assert!(waiters.iter().all(|probe| push(&list, probe)));
        leave(&list, &waiters[1], || NOTHING);
        assert_eq!(waiters.each_ref().map(Probe::outcome), [None, LEFT, None]);
        let rest = [waiters[0].node(), waiters[2].node()];
        assert_eq!(drain(list.take(|| ALL).signalled), rest);
    }

    #[test]
    fn sweep_takes_those_with_a_level_high_enough() {
        let list = WaitList::new();
        let waiters: [Probe; 3] = probes();
        for (level, probe) in waiters.iter().enumerate() {
            wishes(probe, u64::MAX, level as u32);
            assert!(push(&list, probe));
        }
        deliver(list.sweep(|| count(1)));
        let outcomes = waiters.each_ref().map(Probe::outcome);
        assert_eq!(outcomes, [None, SIGNALLED, SIGNALLED]);
        wake_all(&list);
        assert_eq!(waiters[0].outcome(), SIGNALLED);
    }

    #[test]
    fn sweep_keeps_the_order_of_who_goes_and_of_who_stays() {
        let list = WaitList::new();
        let waiters: [Probe; 4] = probes();
        for (level, probe) in [0, 1, 0, 1].into_iter().zip(&waiters) {
            wishes(probe, u64::MAX, level);
            assert!(push(&list, probe));
        }
        let swept = list.sweep(|| count(1));
        assert_eq!(drain(swept.left), []);
        assert_eq!(
            drain(swept.signalled),
            [waiters[1].node(), waiters[3].node()]
        );
        assert_eq!(
            drain(list.take(|| ALL).signalled),
            [waiters[0].node(), waiters[2].node()]
        );
    }

    #[test]
    fn tags_survive_a_sweep() {
        let list = WaitList::new();
        let [stays, leaves] = probes();
        assert!(push(&list, &stays) && push(&list, &leaves));
        assert!(!list.mark());
        leave(&list, &leaves, || NOTHING);
        let (chain, marked) = list.close();
        assert!(marked);
        chain.deliver(Wake::Signalled);
        assert_eq!(stays.outcome(), SIGNALLED);
        assert!(list.is_closed() && is_at_rest(&list));
    }
}

#[cfg(loom)]
mod model;
#[cfg(loom)]
mod sweeps;

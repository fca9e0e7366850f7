use super::*;

#[cfg(not(loom))]
#[test]
fn shuts_when_the_last_one_has_left() {
    let gate = Gate::new();
    assert!(gate.enter() && gate.enter());
    gate.0.fetch_or(GATE_CLOSED, Ordering::AcqRel);
    assert!(!gate.enter(), "it is closed");
    gate.leave();
    assert!(gate.is_closed() && !gate.is_shut(), "one is inside");
    gate.leave();
    assert!(gate.is_shut());
    gate.close();
}

/// Whoever finds the gate shut finds everything that came in.
#[cfg(loom)]
#[test]
fn loom_nothing_comes_in_unseen() {
    use crate::primitive::Arc;

    loom::model(|| {
        let gate = Arc::new(Gate::new());
        let queue = Arc::new(AtomicUsize::new(0));
        let submitter = {
            let (gate, queue) = (Arc::clone(&gate), Arc::clone(&queue));
            thread::spawn(move || {
                let entered = gate.enter();
                if entered {
                    queue.fetch_add(1, Ordering::Relaxed);
                    gate.leave();
                }
                entered
            })
        };
        // A worker that falls asleep meanwhile; it may not take `closed` for `shut`.
        let worker = {
            let (gate, queue) = (Arc::clone(&gate), Arc::clone(&queue));
            thread::spawn(move || gate.is_shut().then(|| queue.load(Ordering::Relaxed)))
        };
        gate.close();
        let seen_after_close = queue.load(Ordering::Relaxed);
        let seen_by_worker = worker.join().unwrap();
        let submitted = usize::from(submitter.join().unwrap());
        assert_eq!(seen_after_close, submitted);
        assert!(seen_by_worker.is_none_or(|seen| seen == submitted));
    });
}

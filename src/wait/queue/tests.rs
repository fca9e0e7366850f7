use super::*;
use crate::wait::Wake;

unsafe fn deliver(_: NonNull<WaitNode>, _: Wake) {}

fn nodes() -> [WaitNode; 4] {
    std::array::from_fn(|_| WaitNode::new(deliver))
}

fn drain(queue: &mut WaitQueue) -> Vec<*const WaitNode> {
    std::iter::from_fn(|| queue.pop())
        .map(|node| node.0.as_ptr().cast_const())
        .collect()
}

#[test]
fn first_in_first_out() {
    let nodes = nodes();
    let mut queue = WaitQueue::new();
    for node in &nodes {
        // SAFETY: the node is in no list, and outlives the queue's use of it.
        unsafe { queue.push(NonNull::from(node)) };
    }
    let expected: Vec<*const WaitNode> = nodes.iter().map(std::ptr::from_ref).collect();
    assert_eq!(drain(&mut queue), expected);
    assert!(queue.is_empty());
}

#[test]
fn removes_from_anywhere_and_keeps_the_order() {
    for left_out in 0..4 {
        let nodes = nodes();
        let mut queue = WaitQueue::new();
        for node in &nodes {
            // SAFETY: the node is in no list, and outlives the queue's use of it.
            unsafe { queue.push(NonNull::from(node)) };
        }
        let left_out = NonNull::from(&nodes[left_out]);
        // SAFETY: the node has been in this queue.
        unsafe {
            assert!(queue.remove(left_out));
            assert!(!queue.remove(left_out), "it is gone");
        }
        let kept: Vec<*const WaitNode> = nodes
            .iter()
            .map(std::ptr::from_ref)
            .filter(|node| *node != left_out.as_ptr().cast_const())
            .collect();
        // A node can be queued again, at the end.
        // SAFETY: it was removed.
        unsafe { queue.push(left_out) };
        let mut drained = drain(&mut queue);
        assert_eq!(drained.pop(), Some(left_out.as_ptr().cast_const()));
        assert_eq!(drained, kept);
    }
}

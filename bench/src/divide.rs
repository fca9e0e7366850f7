//! Divide and conquer, told once: a problem says how it splits, a peer how two halves are forked.

/// What a problem does next.
pub enum Step<D: Divide> {
    Leaf(D::Out),
    /// Two halves that may run at the same time, and what `merge` needs besides their results.
    Fork(D, D, D::Carry),
}

/// A problem that splits in two until it is small.
pub trait Divide: Sized + Send + 'static {
    type Out: Send + 'static;
    type Carry: Send;

    fn divide(self) -> Step<Self>;

    fn merge(carry: Self::Carry, left: Self::Out, right: Self::Out) -> Self::Out;
}

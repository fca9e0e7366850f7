//! What stays in its job or on its thread is neither `Send` nor `Sync`, whatever the compiler's words for it are.
#![forbid(unsafe_code)]

use std::rc::Rc;

use rustfiber::{Context, Event, JobBuilder, JobHandle, Scope, ScopedJobHandle, channel};

/// Fails to compile, because it can't tell which implementation is meant, if `$type` is `$trait`.
macro_rules! assert_not {
    ($trait:ident: $($type:ty),+) => {{
        trait Ambiguous<T> {
            fn check() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + $trait> Ambiguous<u8> for T {}
        $(<$type as Ambiguous<_>>::check();)+
    }};
}

fn assert_both<T: Send + Sync>() {}

fn main() {
    assert_not!(Send: Context<'static>, &Context<'static>, JobBuilder<&Context<'static>>);
    assert_not!(Sync: Context<'static>, &Context<'static>, JobBuilder<&Context<'static>>);

    assert_not!(Send: channel::Sender<Rc<u32>>, channel::Receiver<Rc<u32>>, JobHandle<Rc<u32>>);
    assert_not!(Sync: channel::Sender<Rc<u32>>, channel::Receiver<Rc<u32>>, JobHandle<Rc<u32>>);
    assert_not!(Send: ScopedJobHandle<'static, Rc<u32>>);

    assert_both::<&Scope<'static, 'static>>();
    assert_both::<Event>();
    assert_both::<JobHandle<u32>>();
    assert_both::<ScopedJobHandle<'static, u32>>();
    assert_both::<channel::Sender<u32>>();
    assert_both::<channel::Receiver<u32>>();
}

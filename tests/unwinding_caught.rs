//! Jobs that catch their own panic while another one's is still under way on the same thread.
#![forbid(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{OnDrop, WORKERS, quiet_panic, system, watch};
use rustfiber::{Context, Event};

/// Panics, calls `in_drop` while unwinding, and catches the panic.
fn catch_after(in_drop: impl FnMut()) {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _calls = OnDrop(in_drop);
        quiet_panic("caught");
    }));
    assert!(caught.is_err());
}

/// The first job catches its panic and goes on, while the thread still counts the second one's. It must
/// not be buried under the third one's wait.
#[test]
fn a_job_that_has_caught_its_panic_is_not_buried() {
    let _watchdog = watch();
    for workers in WORKERS {
        for first_panics in [panic_here, panic_in_a_join] {
            let jobs = system(workers);
            let [overtakes, overtaken, buries, buried, done] = [(); 5].map(|()| Event::manual());
            jobs.run(|cx| {
                cx.scope(|s| {
                    s.spawn(|cx| {
                        s.spawn(|cx| {
                            first_panics(cx, &|cx| {
                                s.spawn(|cx| {
                                    catch_after(|| {
                                        overtakes.set();
                                        overtaken.wait(cx);
                                        buries.set();
                                    });
                                });
                                overtakes.wait(cx);
                            });
                            s.spawn(|_| overtaken.set());
                            buried.wait(cx);
                            done.set();
                        });
                        buries.wait(cx);
                        catch_after(|| {
                            s.spawn(|_| buried.set());
                            done.wait(cx);
                        });
                    });
                });
            });
        }
    }
}

fn panic_here(cx: &Context, in_drop: &(dyn Fn(&Context) + Sync)) {
    catch_after(|| in_drop(cx));
}

fn panic_in_a_join(cx: &Context, in_drop: &(dyn Fn(&Context) + Sync)) {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        cx.join(
            |cx| {
                let _calls = OnDrop(|| in_drop(cx));
                quiet_panic("caught");
            },
            |_| (),
        )
    }));
    assert!(caught.is_err());
}

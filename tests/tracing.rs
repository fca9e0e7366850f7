//! What a job system tells a `tracing` subscriber: `cargo test --features tracing --test tracing`.
//!
//! The subscriber is the process's, so the tests take turns; each looks at what was recorded while its own job
//! system lived, to the end of its threads.
#![cfg(feature = "tracing")]

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::ThreadId;

use rustfiber::{Context, Counter, Event, JobSystem};
use tracing::field::{Field, Visit};
use tracing::{Subscriber, span};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

// --- The recorder ----------------------------------------------------------------------

/// A span's number in the recording; `tracing` uses its own ids again.
type SpanNumber = usize;

type Fields = BTreeMap<&'static str, String>;

#[derive(Clone, Debug, PartialEq)]
enum What {
    New {
        name: &'static str,
        parent: Option<SpanNumber>,
        fields: Fields,
    },
    Enter,
    Exit,
    Close,
    /// An event of the library, with its name.
    Event {
        name: String,
        fields: Fields,
    },
}

#[derive(Clone, Debug)]
struct Record {
    thread: ThreadId,
    /// The span that it is about; that of an event is the one in which it happens.
    span: Option<SpanNumber>,
    what: What,
}

#[derive(Default)]
struct Recorder {
    records: Mutex<Vec<Record>>,
    spans: Mutex<usize>,
    grown: Condvar,
}

struct Recording(&'static Recorder);

impl Recorder {
    fn add(&self, span: Option<SpanNumber>, what: What) {
        let thread = std::thread::current().id();
        let record = Record { thread, span, what };
        self.records.lock().unwrap().push(record);
        self.grown.notify_all();
    }

    /// Blocks until the recording has what `is_there` looks for.
    fn wait_until(&self, is_there: impl Fn(&Log) -> bool) {
        let mut records = self.records.lock().unwrap();
        while !is_there(&Log(records.clone())) {
            records = self.grown.wait(records).unwrap();
        }
    }
}

struct Number(SpanNumber);

fn number<S>(id: &span::Id, cx: &LayerContext<'_, S>) -> Option<SpanNumber>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let span = cx.span(id)?;
    let extensions = span.extensions();
    extensions.get::<Number>().map(|number| number.0)
}

impl<S> Layer<S> for Recording
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        cx: LayerContext<'_, S>,
    ) {
        let mut fields = Fields::new();
        attributes.record(&mut Collect(&mut fields));
        let span = cx.span(id).expect("a new span is known");
        let parent = span.parent().and_then(|parent| number(&parent.id(), &cx));
        let new = {
            let mut spans = self.0.spans.lock().unwrap();
            *spans += 1;
            *spans
        };
        span.extensions_mut().insert(Number(new));
        let name = attributes.metadata().name();
        self.0.add(
            Some(new),
            What::New {
                name,
                parent,
                fields,
            },
        );
    }

    fn on_enter(&self, id: &span::Id, cx: LayerContext<'_, S>) {
        self.0.add(number(id, &cx), What::Enter);
    }

    fn on_exit(&self, id: &span::Id, cx: LayerContext<'_, S>) {
        self.0.add(number(id, &cx), What::Exit);
    }

    fn on_close(&self, id: span::Id, cx: LayerContext<'_, S>) {
        self.0.add(number(&id, &cx), What::Close);
    }

    fn on_event(&self, event: &tracing::Event<'_>, cx: LayerContext<'_, S>) {
        if event.metadata().target() != "rustfiber" {
            return;
        }
        let mut fields = Fields::new();
        event.record(&mut Collect(&mut fields));
        let name = fields.remove("message").unwrap_or_default();
        let within = cx
            .event_span(event)
            .and_then(|span| number(&span.id(), &cx));
        self.0.add(within, What::Event { name, fields });
    }
}

struct Collect<'a>(&'a mut Fields);

impl Visit for Collect<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// What was recorded, in its order.
struct Log(Vec<Record>);

/// Records while `f` runs. What `f` starts it ends, so that the recording is complete.
fn recorded(f: impl FnOnce(&Recorder)) -> Log {
    static TURN: Mutex<()> = Mutex::new(());
    static RECORDER: OnceLock<&'static Recorder> = OnceLock::new();

    let _turn: MutexGuard<'_, ()> = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let recorder = *RECORDER.get_or_init(|| {
        let recorder: &'static Recorder = Box::leak(Box::default());
        let subscriber = tracing_subscriber::registry().with(Recording(recorder));
        tracing::subscriber::set_global_default(subscriber)
            .expect("nobody else has set a subscriber");
        recorder
    });
    recorder.records.lock().unwrap().clear();
    f(recorder);
    Log(std::mem::take(&mut *recorder.records.lock().unwrap()))
}

impl Log {
    /// Numbers and fields of the spans of jobs, in the order of their beginning.
    fn jobs(&self) -> Vec<(SpanNumber, &Fields)> {
        self.0
            .iter()
            .filter_map(|record| match &record.what {
                What::New {
                    name: "job",
                    fields,
                    ..
                } => Some((record.span?, fields)),
                _ => None,
            })
            .collect()
    }

    /// The span of the one job of that name.
    fn job(&self, name: &str) -> SpanNumber {
        let jobs = self.jobs();
        let mut found = jobs
            .iter()
            .filter(|(_, fields)| fields.get("name").is_some_and(|it| it == name));
        let (span, _) = found.next().expect("the job has a span");
        assert!(found.next().is_none(), "a job has one span");
        *span
    }

    /// The events of that name: the place of each in the log, and its fields.
    fn events(&self, name: &str) -> Vec<(usize, &Fields)> {
        let named =
            |record: &'_ Record| matches!(&record.what, What::Event { name: it, .. } if it == name);
        self.0
            .iter()
            .enumerate()
            .filter(|(_, record)| named(record))
            .filter_map(|(at, record)| match &record.what {
                What::Event { fields, .. } => Some((at, fields)),
                _ => None,
            })
            .collect()
    }

    /// Places in the log where `what` happens to `span`.
    fn places(&self, span: SpanNumber, what: &What) -> Vec<usize> {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, record)| record.span == Some(span) && record.what == *what)
            .map(|(at, _)| at)
            .collect()
    }

    fn place(&self, span: SpanNumber, what: &What) -> usize {
        match self.places(span, what)[..] {
            [place] => place,
            ref places => panic!("{what:?} happens {} times to a span", places.len()),
        }
    }

    /// On each thread spans are left in the reverse order of their entering, each is closed once, when it
    /// is entered nowhere, and none is entered in two places.
    fn assert_balanced(&self) {
        let mut entered: Vec<(ThreadId, Vec<SpanNumber>)> = Vec::new();
        let mut open = Vec::new();
        for record in &self.0 {
            let at = match entered.iter().position(|(it, _)| *it == record.thread) {
                Some(at) => at,
                None => {
                    entered.push((record.thread, Vec::new()));
                    entered.len() - 1
                }
            };
            let Some(span) = record.span else { continue };
            let is_entered = entered.iter().any(|(_, stack)| stack.contains(&span));
            match &record.what {
                What::New { .. } => open.push(span),
                What::Enter => {
                    assert!(open.contains(&span) && !is_entered, "{record:?}");
                    entered[at].1.push(span);
                }
                What::Exit => assert_eq!(entered[at].1.pop(), Some(span)),
                What::Close => {
                    assert!(!is_entered, "{record:?}");
                    let position = open.iter().position(|it| *it == span);
                    open.swap_remove(position.expect("closed once"));
                }
                What::Event { .. } => {}
            }
        }
        assert!(entered.iter().all(|(_, stack)| stack.is_empty()));
        assert!(open.is_empty());
    }
}

/// `file:line:`, as a spawn location begins.
fn on_line(line: u32) -> String {
    format!("{}:{line}:", file!())
}

fn yield_until(cx: &Context, flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        cx.yield_now();
    }
}

// --- The tests -------------------------------------------------------------------------

#[test]
fn each_job_has_a_span_with_its_name_and_where_it_was_spawned() {
    let mut expected: Vec<(Option<&str>, u32)> = Vec::new();
    let mut ran = 0;
    let log = recorded(|_| {
        let jobs = JobSystem::builder().workers(2).build().unwrap();
        let counter = Counter::new();
        let outside = jobs.job().name("outside");
        expected.push((Some("outside"), line!() - 1));
        outside.counter(&counter).spawn(|_| ());
        jobs.run(|cx| {
            expected.push((None, line!() - 1));
            cx.spawn(|_| ());
            expected.push((None, line!() - 1));
            let plain = cx.job().name("plain");
            expected.push((Some("plain"), line!() - 1));
            plain.spawn(|_| ()).join(cx).unwrap();
            let next = cx.job().name("next");
            expected.push((Some("next"), line!() - 1));
            next.then(&counter, |_| ());
            cx.scope(|s| {
                let scoped = s.job().name("scoped");
                expected.push((Some("scoped"), line!() - 1));
                scoped.spawn(|_| ());
            });
        });
        let handle = jobs.handle();
        drop(jobs);
        ran = handle.stats().jobs();
    });

    let jobs = log.jobs();
    assert_eq!(jobs.len(), expected.len());
    assert_eq!(jobs.len() as u64, ran);
    for (name, line) in expected {
        let is_it = |fields: &Fields| {
            fields.get("name").map(String::as_str) == name
                && fields["spawned_at"].starts_with(&on_line(line))
        };
        assert_eq!(jobs.iter().filter(|(_, fields)| is_it(fields)).count(), 1);
    }
    log.assert_balanced();
}

#[test]
fn the_span_of_a_waiting_job_is_left_while_it_waits() {
    let mut line = 0;
    let log = recorded(|_| {
        let jobs = JobSystem::builder().workers(1).build().unwrap();
        let (event, waits) = (Event::manual(), AtomicBool::new(false));
        jobs.run(|cx| {
            cx.scope(|s| {
                s.job().name("waiter").spawn(|cx| {
                    waits.store(true, Ordering::Release);
                    event.wait(cx);
                });
                line = line!() - 2;
                s.job().name("setter").spawn(|cx| {
                    // With one worker: when this is seen, the other one has stopped.
                    yield_until(cx, &waits);
                    event.set();
                });
            });
        });
    });

    log.assert_balanced();
    let waiter = log.job("waiter");
    let (enters, exits) = (
        log.places(waiter, &What::Enter),
        log.places(waiter, &What::Exit),
    );
    assert_eq!((enters.len(), exits.len()), (2, 2));
    let (left, entered_again) = (exits[0], enters[1]);

    // The setter runs between the two.
    let setter = log.job("setter");
    let runs = log.places(setter, &What::Enter);
    assert!(runs.iter().any(|at| (left..entered_again).contains(at)));

    // What the job waits for, and where; and that it goes on.
    let suspended: Vec<_> = log.events("suspend");
    let of_the_waiter: Vec<_> = suspended
        .iter()
        .filter(|(_, fields)| fields["at"].starts_with(&on_line(line)))
        .collect();
    let [(suspended_at, fields)] = of_the_waiter[..] else {
        panic!("the waiter is suspended once: {suspended:?}");
    };
    assert_eq!(fields["waits_for"], "an event");
    assert_eq!(fields["worker"], "0");
    let resumed: Vec<_> = log.events("resume");
    assert_eq!(resumed.len(), suspended.len());
    let between = |at: usize| (left..entered_again).contains(&at) || at + 1 == left;
    assert!(between(*suspended_at));
    assert!(
        resumed
            .iter()
            .any(|(at, _)| (*suspended_at..=entered_again + 1).contains(at))
    );
}

#[test]
fn a_users_span_belongs_to_the_job_that_opens_it() {
    const JOBS: usize = 10;
    let log = recorded(|_| {
        let jobs = JobSystem::builder().workers(2).build().unwrap();
        jobs.run(|cx| {
            let counter = Counter::new();
            counter.add(1);
            cx.scope(|s| {
                for n in 0..JOBS {
                    let counter = &counter;
                    s.job().name(format!("job {n}")).spawn(move |cx| {
                        tracing::info_span!("before", n).in_scope(|| ());
                        cx.yield_now();
                        tracing::info_span!("between", n).in_scope(|| ());
                        counter.wait(cx);
                        tracing::info_span!("after", n).in_scope(|| ());
                    });
                }
                counter.done();
            });
        });
    });

    log.assert_balanced();
    let mut seen = 0;
    for record in &log.0 {
        if let What::New { parent, fields, .. } = &record.what {
            if let Some(n) = fields.get("n") {
                assert_eq!(*parent, Some(log.job(&format!("job {n}"))), "{record:?}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 3 * JOBS);
}

#[test]
fn enter_and_exit_balance_on_each_thread() {
    fn tree(cx: &Context, depth: u32) -> u32 {
        if depth == 0 {
            cx.yield_now();
            return 1;
        }
        let child = cx.spawn(move |cx| tree(cx, depth - 1));
        let (a, b) = cx.join(
            |cx| tree(cx, depth - 1),
            |cx| {
                cx.yield_now();
                tree(cx, depth - 1)
            },
        );
        a + b + child.join(cx).unwrap()
    }

    for workers in [1, 2, 4] {
        let mut waits = 0;
        let log = recorded(|_| {
            let jobs = JobSystem::builder().workers(workers).build().unwrap();
            assert_eq!(jobs.run(|cx| tree(cx, 4)), 81);
            let handle = jobs.handle();
            drop(jobs);
            waits = handle.stats().waits();
        });
        log.assert_balanced();
        // Every job of its own is a root; a job is not part of the one that spawned it, or whose worker it runs on.
        for record in &log.0 {
            if let What::New { parent, .. } = record.what {
                assert_eq!(parent, None);
            }
        }
        assert_eq!(log.events("suspend").len() as u64, waits);
        assert_eq!(log.events("resume").len() as u64, waits);
    }
}

#[test]
fn a_stolen_job_is_told() {
    let log = recorded(|_| {
        let jobs = JobSystem::builder().workers(2).build().unwrap();
        // The two meet, so the one that is spawned runs on the other worker.
        let meeting = Barrier::new(2);
        jobs.run(|cx| {
            cx.scope(|s| {
                s.job().name("stolen").spawn(|_| meeting.wait());
                meeting.wait();
            });
        });
    });

    log.assert_balanced();
    let steals = log.events("steal");
    let [(at, fields)] = steals[..] else {
        panic!("one job is stolen: {steals:?}");
    };
    assert_eq!(fields["name"], "stolen");
    assert!(fields["spawned_at"].starts_with(file!()));
    let mut workers = [&fields["worker"], &fields["victim"]];
    workers.sort();
    assert_eq!(workers, ["0", "1"]);

    let entered = log.place(log.job("stolen"), &What::Enter);
    assert!(at < entered);
    assert_eq!(log.0[at].thread, log.0[entered].thread);
}

#[test]
fn a_worker_that_goes_to_sleep_is_told() {
    let has_parked = |log: &Log, worker: &str| {
        let parks = log.events("park");
        parks.iter().any(|(_, fields)| fields["worker"] == worker)
    };
    let mut parks = 0;
    let log = recorded(|recorder| {
        let jobs = JobSystem::builder().workers(2).build().unwrap();
        recorder.wait_until(|log| has_parked(log, "0") && has_parked(log, "1"));
        let handle = jobs.handle();
        drop(jobs);
        parks = handle.stats().parks();
    });
    assert_eq!(log.events("park").len() as u64, parks);
    assert!(log.0.iter().all(|record| record.span.is_none()));
}

#[test]
fn the_spans_of_a_panic_and_of_a_wait_while_unwinding_balance() {
    struct WaitsWhenDropped<'a, 'f>(&'a Context<'f>, &'a Event, &'a AtomicBool);

    impl Drop for WaitsWhenDropped<'_, '_> {
        fn drop(&mut self) {
            self.2.store(true, Ordering::Release);
            self.1.wait(self.0);
        }
    }

    let log = recorded(|_| {
        let jobs = JobSystem::builder().workers(1).build().unwrap();
        let (event, unwinds) = (Event::manual(), AtomicBool::new(false));
        let result = catch_unwind(AssertUnwindSafe(|| {
            jobs.run(|cx| {
                cx.scope(|s| {
                    s.job().name("setter").spawn(|cx| {
                        yield_until(cx, &unwinds);
                        event.set();
                    });
                    // Newest first: the setter starts while this one unwinds.
                    s.job().name("unwinding").spawn(|cx| {
                        let _waits = WaitsWhenDropped(cx, &event, &unwinds);
                        std::panic::resume_unwind(Box::new("on purpose"));
                    });
                });
            });
        }));
        let payload = result.expect_err("the scope hands the panic on");
        assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
    });
    log.assert_balanced();
    // Neither job is part of the other, although one starts on top of the other.
    for record in &log.0 {
        if let What::New { parent, .. } = record.what {
            assert_eq!(parent, None, "{record:?}");
        }
    }
    assert_eq!(log.jobs().len(), 3);
}

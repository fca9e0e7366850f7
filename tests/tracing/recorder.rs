//! A subscriber that writes down what it is told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::ThreadId;

use tracing::field::{Field, Visit};
use tracing::{Subscriber, span};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// A span's number in the recording; `tracing` uses its own ids again.
pub type SpanNumber = usize;

pub type Fields = BTreeMap<&'static str, String>;

#[derive(Clone, Debug, PartialEq)]
pub enum What {
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
pub struct Record {
    pub thread: ThreadId,
    /// The span that it is about; that of an event is the one in which it happens.
    pub span: Option<SpanNumber>,
    pub what: What,
}

#[derive(Default)]
pub struct Recorder {
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
    pub fn wait_until(&self, is_there: impl Fn(&Log) -> bool) {
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
pub struct Log(pub Vec<Record>);

/// Records while `f` runs. What `f` starts it ends, so that the recording is complete.
pub fn recorded(f: impl FnOnce(&Recorder)) -> Log {
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
    pub fn jobs(&self) -> Vec<(SpanNumber, &Fields)> {
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
    pub fn job(&self, name: &str) -> SpanNumber {
        let jobs = self.jobs();
        let mut found = jobs
            .iter()
            .filter(|(_, fields)| fields.get("name").is_some_and(|it| it == name));
        let (span, _) = found.next().expect("the job has a span");
        assert!(found.next().is_none(), "a job has one span");
        *span
    }

    /// The events of that name: the place of each in the log, and its fields.
    pub fn events(&self, name: &str) -> Vec<(usize, &Fields)> {
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
    pub fn places(&self, span: SpanNumber, what: &What) -> Vec<usize> {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, record)| record.span == Some(span) && record.what == *what)
            .map(|(at, _)| at)
            .collect()
    }

    pub fn place(&self, span: SpanNumber, what: &What) -> usize {
        match self.places(span, what)[..] {
            [place] => place,
            ref places => panic!("{what:?} happens {} times to a span", places.len()),
        }
    }

    /// On each thread spans are left in the reverse order of their entering, each is closed once, when it
    /// is entered nowhere, and none is entered in two places.
    pub fn assert_balanced(&self) {
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

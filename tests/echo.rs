//! A TCP echo server whose connections are jobs, over `async-io`, beside a loop that keeps all
//! workers busy.
#![forbid(unsafe_code)]

mod common;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use async_io::Async;
use common::{WORKERS, system, watch};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use rustfiber::{Context, JobSystem};

const CLIENT_THREADS: usize = 4;
const ROUNDS: u8 = 5;

/// Serves one connection until the client closes it.
fn serve(cx: &Context<'_>, mut stream: Async<TcpStream>) -> io::Result<()> {
    let mut buffer = [0; 64];
    loop {
        let read = cx.block_on(stream.read(&mut buffer))?;
        if read == 0 {
            return Ok(());
        }
        cx.block_on(stream.write_all(&buffer[..read]))?;
    }
}

/// Accepts so many connections, and serves each in a job of its own.
fn server(cx: &Context<'_>, listener: &Async<TcpListener>, connections: usize) {
    cx.scope(|s| {
        for _ in 0..connections {
            let (stream, _) = cx.block_on(listener.accept()).unwrap();
            s.spawn(move |cx| serve(cx, stream).unwrap());
        }
    });
}

fn echo(stream: &mut TcpStream, message: [u8; 8]) {
    let mut answer = [0; 8];
    stream.write_all(&message).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, message);
}

/// Opens so many connections, and when all threads have theirs, sends something through each, again and again.
fn clients(address: SocketAddr, connections: usize, all_open: &Barrier) {
    let message = |n: usize, round: u8| {
        let mut message = n.to_le_bytes();
        message[7] = round;
        message
    };
    let mut streams: Vec<_> = (0..connections)
        .map(|n| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            echo(&mut stream, message(n, 0));
            stream
        })
        .collect();
    all_open.wait();
    for round in 1..=ROUNDS {
        // All at once, then the answers.
        for (n, stream) in streams.iter_mut().enumerate() {
            stream.write_all(&message(n, round)).unwrap();
        }
        for (n, stream) in streams.iter_mut().enumerate() {
            let mut answer = [0; 8];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, message(n, round));
        }
    }
}

/// Some microseconds of arithmetic.
fn work(seed: usize) -> u64 {
    (0..5_000).fold(seed as u64, |x, _| {
        x.wrapping_mul(6_364_136_223_846_793_005).rotate_left(9)
    })
}

/// Keeps all workers busy until it is told to stop; counts the elements that it has been through.
fn keep_busy(cx: &Context<'_>, stop: &AtomicBool, elements: &AtomicUsize) {
    while !stop.load(Ordering::Relaxed) {
        cx.par_for(0..500, |cx, n| {
            if !stop.load(Ordering::Relaxed) {
                std::hint::black_box(work(n));
                elements.fetch_add(1, Ordering::Relaxed);
            }
            // A long job lets those go first that are ready to go on,
            if cx.should_yield() {
                cx.yield_now();
            }
        });
        // and those that have not started.
        cx.yield_now();
    }
}

fn serve_beside_a_loop(jobs: &JobSystem, connections: usize) {
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
    let address = listener.get_ref().local_addr().unwrap();
    let (stop, elements) = (AtomicBool::new(false), AtomicUsize::new(0));
    let share =
        |thread| connections / CLIENT_THREADS + usize::from(thread < connections % CLIENT_THREADS);
    let all_open = &Barrier::new(CLIENT_THREADS);
    thread::scope(|threads| {
        let clients: Vec<_> = (0..CLIENT_THREADS)
            .map(|thread| threads.spawn(move || clients(address, share(thread), all_open)))
            .collect();
        threads.spawn(|| {
            // Also when one of them fails.
            let ended: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
            stop.store(true, Ordering::Relaxed);
            for client in ended {
                client.expect("a client has failed");
            }
        });
        jobs.run(|cx| {
            cx.scope(|s| {
                s.spawn(|cx| keep_busy(cx, &stop, &elements));
                server(cx, &listener, connections);
            });
        });
    });
    assert!(elements.into_inner() > 0, "the loop has run meanwhile");
}

/// Raises the limit of open files if it can; returns how many connections fit, at most `wanted`.
#[cfg(unix)]
fn connections_that_fit(wanted: usize) -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    // Both ends of each, and what else is open.
    let needed = |connections: usize| 2 * connections as u64 + 100;
    let mut limit = getrlimit(Resource::Nofile);
    if limit
        .current
        .is_some_and(|current| current < needed(wanted))
    {
        limit.current = match limit.maximum {
            Some(most) => Some(most.min(needed(wanted))),
            None => Some(needed(wanted)),
        };
        let _ = setrlimit(Resource::Nofile, limit);
    }
    let open = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let fitting = (open.saturating_sub(needed(0)) / 2).min(wanted as u64) as usize;
    if fitting < wanted {
        eprintln!("only {fitting} connections: no more than {open} files may be open");
    }
    fitting
}

#[cfg(not(unix))]
fn connections_that_fit(wanted: usize) -> usize {
    wanted
}

#[test]
fn a_thousand_connections_on_two_workers_beside_a_cpu_heavy_loop() {
    let _watchdog = watch();
    let connections = connections_that_fit(1_000);
    let jobs = system(2);
    serve_beside_a_loop(&jobs, connections);
    let stats = jobs.stats();
    assert!(
        stats.fibers >= connections,
        "each connection was a job that waited"
    );
}

#[test]
fn some_connections_on_any_number_of_workers() {
    let _watchdog = watch();
    for workers in WORKERS {
        serve_beside_a_loop(&system(workers), 50);
    }
}

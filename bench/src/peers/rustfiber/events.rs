//! rustfiber's jobs that wait for the clock, and for sockets: those of `async_io`, whose own thread
//! watches them.

use std::net::{TcpListener, TcpStream};

use async_io::Async;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use rustfiber::{Blocking, Context, Counter, JobSystem};

use crate::workloads::echo::BUFFER;
use crate::workloads::sleep_100k::Lengths;

pub fn sleep(
    system: &JobSystem,
    jobs: usize,
    lengths: Lengths,
    woken: impl Fn(usize) + Copy + Send + Sync + 'static,
) {
    system.run(|cx| {
        let counter = Counter::new();
        for job in 0..jobs {
            cx.spawn_counted(&counter, move |cx| {
                cx.sleep(lengths.of(job));
                woken(job);
            });
        }
        counter.wait(cx);
    });
}

pub fn echo(system: &JobSystem, listener: TcpListener, connections: usize) -> u64 {
    let jobs = Vec::from_iter((0..connections).map(|_| {
        let (stream, _) = listener.accept().expect("a client connects");
        let stream = Async::new(stream).expect("the socket is watched");
        // From a plain thread they spread over the workers; a job's own would stay with it.
        system.spawn(move |cx| serve(cx, stream))
    }));
    let bytes = jobs.into_iter().map(|job| job.join(Blocking).expect("no panic"));
    bytes.sum()
}

fn serve(cx: &Context, mut stream: Async<TcpStream>) -> u64 {
    let (mut buffer, mut bytes) = ([0; BUFFER], 0);
    loop {
        match cx.block_on(stream.read(&mut buffer)).expect("the client writes") {
            0 => return bytes,
            n => {
                cx.block_on(stream.write_all(&buffer[..n])).expect("the client reads");
                bytes += n as u64;
            }
        }
    }
}

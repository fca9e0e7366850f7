//! A TCP echo server: each connection is a job, written as if it blocked.
//!
//! ```text
//! cargo run --release --example echo_server
//! ```
//!
//! The sockets are those of `async-io`, which has a thread that knows when they are ready. A job waits for its socket
//! with `cx.block_on`, and its worker serves others meanwhile. The example has a few clients of its own, which are jobs,
//! too, and ends when they do.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use async_io::Async;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use rustfiber::{CancelToken, Context, JobSystem};

const CLIENTS: usize = 20;
const MESSAGES: usize = 100;
/// A connection that is silent for so long is closed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends back what comes, until the client closes the connection; returns how much that was.
fn serve(cx: &Context<'_>, mut stream: Async<TcpStream>) -> io::Result<usize> {
    let mut buffer = [0; 1024];
    let mut echoed = 0;
    loop {
        let reading = stream.read(&mut buffer);
        let Ok(read) = cx.within(PATIENCE).block_on(reading) else {
            return Err(io::ErrorKind::TimedOut.into());
        };
        match read? {
            0 => return Ok(echoed),
            read => {
                cx.block_on(stream.write_all(&buffer[..read]))?;
                echoed += read;
            }
        }
    }
}

/// Accepts connections until `stop` is cancelled; returns how much went through all of them.
fn run_server(
    cx: &Context<'_>,
    listener: &Async<TcpListener>,
    stop: &CancelToken,
) -> io::Result<usize> {
    cx.scope(|s| {
        let mut connections = Vec::new();
        while let Ok(accepted) = cx.or_cancelled(stop).block_on(listener.accept()) {
            let (stream, _) = accepted?;
            connections.push(s.spawn(move |cx| serve(cx, stream)));
        }
        let echoed = connections
            .into_iter()
            .map(|connection| connection.join(cx).expect("no job panics"));
        echoed.sum()
    })
}

/// Sends messages, and checks what comes back; returns how much that was.
fn run_client(cx: &Context<'_>, address: SocketAddr, client: usize) -> io::Result<usize> {
    // One block of async code is as good as many small ones.
    cx.block_on(async {
        let mut stream = Async::<TcpStream>::connect(address).await?;
        let mut total = 0;
        for n in 0..MESSAGES {
            let message = format!("message {n} of client {client}");
            let mut answer = vec![0; message.len()];
            stream.write_all(message.as_bytes()).await?;
            stream.read_exact(&mut answer).await?;
            assert_eq!(answer, message.as_bytes());
            total += answer.len();
        }
        Ok(total)
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let jobs = JobSystem::new()?;
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?;
    let address = listener.get_ref().local_addr()?;
    let stop = CancelToken::new();
    let (served, received) = jobs.run(|cx| {
        cx.scope(|s| {
            let server = s.spawn(|cx| run_server(cx, &listener, &stop));
            let clients: Vec<_> = (0..CLIENTS)
                .map(|n| s.spawn(move |cx| run_client(cx, address, n)))
                .collect();
            let received: io::Result<usize> = clients
                .into_iter()
                .map(|client| client.join(cx).expect("no job panics"))
                .sum();
            stop.cancel();
            (server.join(cx).expect("no job panics"), received)
        })
    });
    let (served, received) = (served?, received?);
    println!(
        "{CLIENTS} clients sent {MESSAGES} messages each: {served} bytes went to {address} and back"
    );
    assert_eq!(served, received);
    assert!(received >= CLIENTS * MESSAGES * "message 0 of client 0".len());
    Ok(())
}

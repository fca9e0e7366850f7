//! async-executor's tasks that wait for the clock and for sockets, by `async_io`.

use std::net::TcpListener;
use std::sync::Arc;

use async_executor::Executor;
use async_io::{Async, Timer};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use crate::workloads::echo::BUFFER;
use crate::workloads::sleep_100k::Lengths;

pub async fn sleep(
    executor: Arc<Executor<'static>>,
    jobs: usize,
    lengths: Lengths,
    woken: impl Fn(usize) + Copy + Send + Sync + 'static,
) {
    let tasks = Vec::from_iter((0..jobs).map(|job| {
        executor.spawn(async move {
            Timer::after(lengths.of(job)).await;
            woken(job);
        })
    }));
    for task in tasks {
        task.await;
    }
}

pub async fn echo(executor: Arc<Executor<'static>>, listener: TcpListener, connections: usize) -> u64 {
    let listener = Async::new(listener).expect("the socket is watched");
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (stream, _) = listener.accept().await.expect("a client connects");
        tasks.push(executor.spawn(serve(stream)));
    }
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await;
    }
    bytes
}

async fn serve(mut stream: Async<std::net::TcpStream>) -> u64 {
    let (mut buffer, mut bytes) = ([0; BUFFER], 0);
    loop {
        match stream.read(&mut buffer).await.expect("the client writes") {
            0 => return bytes,
            n => {
                stream.write_all(&buffer[..n]).await.expect("the client reads");
                bytes += n as u64;
            }
        }
    }
}

//! tokio's tasks that wait for the clock, and for sockets as in its README.

use std::net;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::workloads::echo::BUFFER;
use crate::workloads::sleep_100k::Lengths;

pub async fn sleep(jobs: usize, lengths: Lengths, woken: impl Fn(usize) + Copy + Send + Sync + 'static) {
    let tasks = Vec::from_iter((0..jobs).map(|job| {
        tokio::spawn(async move {
            tokio::time::sleep(lengths.of(job)).await;
            woken(job);
        })
    }));
    for task in tasks {
        task.await.expect("no panic");
    }
}

pub async fn echo(listener: net::TcpListener, connections: usize) -> u64 {
    listener.set_nonblocking(true).expect("a socket need not block");
    let listener = TcpListener::from_std(listener).expect("the socket is watched");
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (stream, _) = listener.accept().await.expect("a client connects");
        tasks.push(tokio::spawn(serve(stream)));
    }
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await.expect("no panic");
    }
    bytes
}

async fn serve(mut stream: TcpStream) -> u64 {
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

//! Threads that wait for each other, or for sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Condvar, Mutex};
use std::thread;

use crate::workloads::echo::BUFFER;
use crate::workloads::pingpong::Ball;

pub fn pingpong(trips: u64) -> u64 {
    let (ping, pong, ball) = (Event::default(), Event::default(), Ball::default());
    thread::scope(|s| {
        s.spawn(|| {
            for _ in 0..trips {
                ping.wait();
                ball.hit();
                pong.set();
            }
        });
        for _ in 0..trips {
            ping.set();
            pong.wait();
            ball.hit();
        }
    });
    ball.hits()
}

#[derive(Default)]
struct Event {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Event {
    fn set(&self) {
        *self.is_set.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let is_set = self.is_set.lock().unwrap();
        *self.changed.wait_while(is_set, |is_set| !*is_set).unwrap() = false;
    }
}

pub fn echo(listener: TcpListener, connections: usize) -> u64 {
    let threads = Vec::from_iter((0..connections).map(|_| {
        let (stream, _) = listener.accept().expect("a client connects");
        thread::spawn(move || serve(stream))
    }));
    let bytes = threads.into_iter().map(|thread| thread.join().expect("no panic"));
    bytes.sum()
}

fn serve(mut stream: TcpStream) -> u64 {
    let (mut buffer, mut bytes) = ([0; BUFFER], 0);
    loop {
        match stream.read(&mut buffer).expect("the client writes") {
            0 => return bytes,
            n => {
                stream.write_all(&buffer[..n]).expect("the client reads");
                bytes += n as u64;
            }
        }
    }
}

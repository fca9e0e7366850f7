//! may's coroutines that wait for sockets, as in its example `echo`.

use std::io::{Read, Write};
use std::net;
use std::os::fd::{FromRawFd, IntoRawFd};

use may::go;
use may::net::{TcpListener, TcpStream};

use crate::workloads::echo::BUFFER;

pub fn echo(listener: net::TcpListener, connections: usize) -> u64 {
    // SAFETY: the descriptor is an open socket, and nobody else's.
    let listener = unsafe { TcpListener::from_raw_fd(listener.into_raw_fd()) };
    let server = go!(move || {
        let handles = Vec::from_iter((0..connections).map(|_| {
            let (stream, _) = listener.accept().expect("a client connects");
            go!(move || serve(stream))
        }));
        let bytes = handles.into_iter().map(|handle| handle.join().expect("no panic"));
        bytes.sum()
    });
    server.join().expect("no panic")
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

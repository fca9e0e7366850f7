//! A server sends back what 100 clients send it over the loopback interface.
//!
//! The clients are the same for every peer: one plain thread with blocking sockets sends 64 bytes
//! on each connection, then reads each answer, and again.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[Bench::new(
    "echo",
    &[Row {
        name: "echo",
        unit: Unit::Us,
    }], &[Ability::Echo])];

const MESSAGE: usize = 64;

/// What a server's buffer holds at most.
pub const BUFFER: usize = 1024;

/// All connections send and receive so often between two looks at the clock.
const TRIPS: u64 = 100;

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let connections = run.size.pick(100, 25);
    let peer = P::start(Setup::of(run));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    thread::scope(|threads| {
        let clients = threads.spawn(|| -> Result<_, String> {
            let mut clients = Clients::connect(address, connections);
            let per_call = TRIPS * connections as u64;
            let time = repeat(run.target, per_call, &mut || {
                (0..TRIPS).for_each(|_| clients.trip());
                Ok(())
            });
            Ok((time?, clients.bytes))
        });
        let echoed = peer.echo(listener, connections);
        let (time, sent) = clients.join().expect("no panic")?;
        check("the number of bytes sent back", echoed, sent)?;
        Ok(vec![("echo", time)])
    })
}

/// The other ends of all connections. Dropping them closes these.
struct Clients {
    streams: Vec<TcpStream>,
    trips: u64,
    bytes: u64,
}

impl Clients {
    fn connect(server: SocketAddr, connections: usize) -> Self {
        let connect = |_| {
            let stream = TcpStream::connect(server).expect("the server listens");
            stream.set_nodelay(true).expect("a TCP socket can do without delay");
            stream
        };
        Self {
            streams: (0..connections).map(connect).collect(),
            trips: 0,
            bytes: 0,
        }
    }

    /// A message on each connection, no two alike, and then each answer. A wrong one is a panic, which
    /// ends the process: if the connections closed, the server might fail first.
    fn trip(&mut self) {
        let trip = self.trips;
        let message = |client: usize| {
            let mut message = [trip as u8; MESSAGE];
            message[..8].copy_from_slice(&(client as u64).to_le_bytes());
            message[8..16].copy_from_slice(&trip.to_le_bytes());
            message
        };
        for (client, stream) in self.streams.iter_mut().enumerate() {
            stream.write_all(&message(client)).expect("the server reads");
        }
        for (client, stream) in self.streams.iter_mut().enumerate() {
            let mut answer = [0; MESSAGE];
            stream.read_exact(&mut answer).expect("the server answers");
            assert!(answer == message(client), "an answer is not the message");
            self.bytes += MESSAGE as u64;
        }
        self.trips += 1;
    }
}

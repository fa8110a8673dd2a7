//! The floods: what comes over each of their connections until the time is over.

use crate::client::{Http1, credentials};
use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Ears, Frame, HEADERS, INITIAL_WINDOW_SIZE, PING,
    PRIORITY, Wire, field, field_to_remember, head, opening, request, reset, settings, window,
};
use crate::server::Server;
use anyhow::{Result, anyhow};
use clap::ValueEnum;
use std::thread;
use std::time::{Duration, Instant};

/// A long list that everybody may read.
const LIST: &str = "/@api/deki/pages/home/properties";

/// A large file that everybody may read.
const FILE: &str = "/@api/deki/pages/home/files/=large";

/// The long list has so many properties of so many bytes.
const VALUES: usize = 600;
const VALUE_BYTES: usize = 2000;

/// How large the file is.
const FILE_BYTES: usize = 5 << 20;

/// How many streams a connection may have.
const STREAMS: u32 = 100;

/// How long a connection whose streams only wait says nothing.
const QUIET: Duration = Duration::from_millis(10);

/// What comes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Flood {
    /// Streams that are reset as soon as they are opened
    RapidReset,
    /// Streams that are reset when the first of them is answered
    LateReset,
    /// Heads without an end, in large frames
    Continuation,
    /// Heads without an end, in empty frames
    EmptyContinuation,
    /// Streams that the server has to reset
    MadeYouReset,
    /// Settings, for which the server has to answer
    Settings,
    /// Pings, for which the server has to answer
    Pings,
    /// Pings of a client that does not read the answers
    DeafPings,
    /// Data without data
    EmptyData,
    /// A body of single bytes
    SmallData,
    /// One byte that stands for 4,000 of a head
    Hpack,
    /// Long lists that nobody takes
    ZeroWindow,
    /// Large files that nobody takes
    ZeroWindowFiles,
    /// Long lists that are taken byte by byte
    ByteWindow,
    /// Priorities
    Priorities,
    /// More streams than there may be
    Streams,
}

/// What a flood took.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) connections: usize,
    pub(crate) bytes: usize,
}

impl Sent {
    pub(crate) fn add(&mut self, other: &Sent) {
        self.connections += other.connections;
        self.bytes += other.bytes;
    }
}

/// Puts what the floods ask for, and has honest clients ask for it: what they make the server keep, such as the caches of
/// the database, is no matter of floods.
pub(crate) fn prepare(server: &Server) -> Result<()> {
    const CLIENTS: usize = 8;
    let mut client = Http1::open(server)?;
    let value = "x".repeat(VALUE_BYTES);
    let properties: Vec<_> = (0..VALUES)
        .map(|at| {
            let contents = format!("<contents type=\"text/plain\">{value}</contents>");
            format!("<property name=\"p{at}\">{contents}</property>")
        })
        .collect();
    let batch = format!("<properties>{}</properties>", properties.concat());
    client.exchange("PUT", LIST, "application/xml", batch.as_bytes())?;
    client.exchange("PUT", FILE, "text/plain", &vec![b'x'; FILE_BYTES])?;
    let ask = || {
        let mut client = Http1::open(server)?;
        for path in [LIST, LIST, LIST, FILE] {
            client.exchange("GET", path, "text/plain", b"")?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
        let mut clients = clients.into_iter();
        clients.try_for_each(|client| client.join().map_err(|_| anyhow!("a client has died"))?)
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most floods have nothing to say in most of these places"
)]
impl Flood {
    /// Comes over one connection after the other.
    pub(crate) fn come(self, server: &Server, until: Instant) -> Sent {
        let mut sent = Sent::default();
        let config = server.config("h2");
        let ears = match self {
            Flood::DeafPings => Ears::Shut,
            _ => Ears::Open,
        };
        let told: &[_] = match self {
            Flood::ZeroWindow | Flood::ZeroWindowFiles => &[(INITIAL_WINDOW_SIZE, 0)],
            Flood::ByteWindow => &[(INITIAL_WINDOW_SIZE, 1)],
            _ => &[],
        };
        while Instant::now() < until {
            // A server that is busy with the ones before may not take it.
            let Ok(wire) = Wire::open(server.address(), &config, told, ears) else {
                continue;
            };
            sent.connections += 1;
            let left = until.saturating_duration_since(Instant::now());
            // A server that does not take any more is waited for until the time is over.
            if wire.set_patience(left.max(QUIET)).is_err() {
                continue;
            }
            let mut bytes = self.beginning();
            let mut stream = 1;
            while wire.send(&bytes) {
                sent.bytes += bytes.len();
                if Instant::now() >= until {
                    break;
                }
                bytes = self.next(&mut stream);
                self.wait(&wire, stream);
            }
        }
        sent
    }

    /// What goes before.
    fn beginning(self) -> Vec<u8> {
        let upload = || {
            let credentials = credentials();
            opening(1, "PUT", FILE, &[("authorization", &credentials)])
        };
        let all = |path: &str| {
            let streams = (0..STREAMS).map(|at| at * 2 + 1);
            streams
                .flat_map(|stream| request(stream, "GET", path, &[]))
                .collect()
        };
        match self {
            Flood::Continuation | Flood::EmptyContinuation => {
                Frame::bytes(HEADERS, END_STREAM, 1, &head("GET", LIST, &[]))
            }
            Flood::EmptyData | Flood::SmallData => upload(),
            Flood::ZeroWindow | Flood::ByteWindow => all(LIST),
            Flood::ZeroWindowFiles => all(FILE),
            _ => Vec::new(),
        }
    }

    /// What comes next, for the streams from this one on.
    fn next(self, stream: &mut u32) -> Vec<u8> {
        const AT_A_TIME: usize = 100;
        let mut each = |bytes: &dyn Fn(u32) -> Vec<u8>| {
            let first = *stream;
            *stream += STREAMS * 2;
            (0..STREAMS)
                .flat_map(|at| bytes(first + at * 2))
                .collect::<Vec<u8>>()
        };
        match self {
            Flood::RapidReset => each(&|at| [request(at, "GET", LIST, &[]), reset(at)].concat()),
            Flood::LateReset => {
                let resets = each(&|at| {
                    if at > STREAMS * 2 {
                        reset(at - STREAMS * 2)
                    } else {
                        Vec::new()
                    }
                });
                let first = *stream - STREAMS * 2;
                let asked = (0..STREAMS).flat_map(|at| request(first + at * 2, "GET", LIST, &[]));
                [resets, asked.collect()].concat()
            }
            Flood::Continuation => {
                let piece = field("x", "v".repeat(16_000));
                Frame::bytes(CONTINUATION, 0, 1, &piece)
            }
            Flood::EmptyContinuation => Frame::bytes(CONTINUATION, 0, 1, &[]).repeat(AT_A_TIME),
            Flood::MadeYouReset => {
                each(&|at| [request(at, "GET", LIST, &[]), window(at, 0x7fff_ffff)].concat())
            }
            Flood::Settings => settings(&[(INITIAL_WINDOW_SIZE, 1000)]).repeat(AT_A_TIME),
            Flood::Pings | Flood::DeafPings => Frame::bytes(PING, 0, 0, &[7; 8]).repeat(AT_A_TIME),
            Flood::EmptyData => Frame::bytes(DATA, 0, 1, &[]).repeat(AT_A_TIME),
            Flood::SmallData => Frame::bytes(DATA, 0, 1, b"x").repeat(AT_A_TIME),
            Flood::Hpack => {
                let kept = field_to_remember("x", &"v".repeat(4000));
                let block = [head("GET", LIST, &[]), kept, vec![0xbe; 12_000]].concat();
                *stream += 2;
                Frame::bytes(HEADERS, END_HEADERS | END_STREAM, *stream, &block)
            }
            Flood::ZeroWindow | Flood::ZeroWindowFiles => Frame::bytes(PING, 0, 0, &[7; 8]),
            Flood::ByteWindow => (0..STREAMS).flat_map(|at| window(at * 2 + 1, 1)).collect(),
            Flood::Priorities => Frame::bytes(PRIORITY, 0, 99, &[0; 5]).repeat(AT_A_TIME),
            Flood::Streams => each(&|at| opening(at, "GET", LIST, &[])),
        }
    }

    /// Hears what the server says, and waits where there is something to wait for.
    fn wait(self, wire: &Wire, stream: u32) {
        match self {
            // Before the second hundred, the first is answered.
            Flood::LateReset if stream > STREAMS * 2 + 1 => {
                while wire.next().is_some_and(|frame| frame.kind != HEADERS) {}
            }
            // The pace of the frames that show life: what is flooded here is memory, and the cores are left to the others.
            Flood::ZeroWindow | Flood::ZeroWindowFiles | Flood::ByteWindow => thread::sleep(QUIET),
            _ => {}
        }
        while wire.try_next().is_some() {}
    }
}

//! Many connections: slow ones, deaf ones, short ones.

use crate::field::{Beat, Field, Promise, Said, Siege, per_sec, title};
use crate::raw::{Raw, request};
use anyhow::{Result, ensure};
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How many connections dribble.
const SLOW: usize = 500;

/// Between two drops of each of them.
const DROP: Duration = Duration::from_secs(1);

/// How many clients never read, and how often each of them asks.
const DEAF: usize = 100;
const REQUESTS: usize = 20;

/// How large the list is that they ask for: so many properties of so many bytes.
const LONG: usize = 4000;
const VALUE: usize = 700;

/// How many threads come and go, and how often a second each of them does.
const STORM: usize = 4;
const CONNECTIONS: u32 = 500;

/// Heads and bodies that come in drops.
pub(crate) fn dribble(siege: &mut Siege) -> Result<()> {
    title("dribble: 500 connections, half of them in their heads and half in their bodies");
    let promise = Promise::new(250, 200);
    let server = siege.server()?;
    siege.beside("a byte a second each", &server, promise, dribbling)
}

/// A connection that dribbles: half of them never end their head, the others their body.
fn slow(address: SocketAddr, number: usize) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let put = |path: &str, media_type: &str| {
        let fields = format!("Content-Type: {media_type}\r\n");
        let whole = request("PUT", path, &fields, &[b' '; 10_000]);
        whole[..whole.len() - 10_000].to_vec()
    };
    let begun = match number % 4 {
        0 => b"GET /@api/deki/pages/home/properties HTTP/1.1\r\nHost: a\r\nX: ".to_vec(),
        1 => b"GET /".to_vec(),
        2 => put("/pages/home/properties", "application/xml"),
        _ => put("/pages/home/files/=f", "text/plain"),
    };
    stream.write_all(&begun)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn dribbling(field: &Field<'_>) -> Result<Said> {
    let mut streams = Vec::new();
    for number in 0..SLOW {
        streams.push(slow(field.address, number)?);
    }
    field.begin();
    let (mut drops, mut ended) = (0, 0);
    while !field.is_over() {
        let began = Instant::now();
        for (number, stream) in streams.iter_mut().enumerate() {
            drops += 1;
            let is_alive = stream.write(b"x").is_ok()
                && matches!(stream.read(&mut [0; 1024]), Err(error) if error.kind() == ErrorKind::WouldBlock);
            if !is_alive {
                ended += 1;
                *stream = slow(field.address, number)?;
            }
        }
        while began.elapsed() < DROP && !field.is_over() {
            // The pace of the drops, in steps, lest the end be missed.
            thread::sleep(DROP / 20);
        }
    }
    Ok(Said::remark(format!("{drops} drops, {ended} cut off")))
}

/// Clients that ask and never read.
pub(crate) fn deaf(siege: &mut Siege) -> Result<()> {
    title("deaf: 100 clients ask 20 times each for a list of 4 MB and never read");
    let promise = Promise::new(1000, 200);
    let server = siege.server()?;
    let mut document = "<properties>".to_owned();
    let value = "v".repeat(VALUE);
    for number in 0..LONG {
        write!(
            document,
            "<property name=\"p{number}\"><contents type=\"text/plain\">{value}</contents></property>"
        )?;
    }
    document.push_str("</properties>");
    let fields = "Content-Type: application/xml\r\n";
    let batch = request("PUT", "/pages/home/properties", fields, document.as_bytes());
    let status = Raw::new(server.address()).ask(&batch)?;
    ensure!(status == 200, "the list was answered with {status}");
    // What was written takes memory, too, but not again.
    let list = request("GET", "/pages/home/properties", "", b"");
    let status = Raw::new(server.address()).ask(&list)?;
    ensure!(status == 200, "the list was answered with {status}");
    siege.beside("never reading", &server, promise, |field| {
        let asked = list.repeat(REQUESTS);
        let mut streams = Vec::new();
        for _ in 0..DEAF {
            let mut stream = TcpStream::connect(field.address)?;
            stream.write_all(&asked)?;
            streams.push(stream);
        }
        field.begin();
        while !field.is_over() {
            // There is nothing to do but to be there.
            thread::sleep(DROP / 20);
        }
        drop(streams);
        Ok(Said::default())
    })
}

/// Connections that come and go.
pub(crate) fn churn(siege: &mut Siege) -> Result<()> {
    title("churn: 2,000 connections a second that come and go");
    let promise = Promise::new(250, 200);
    for (name, sent) in [
        ("nothing is said", &b""[..]),
        ("half a head", b"GET /@api/deki/pages/home/properties HT"),
        (
            "a request, the answer is not read",
            b"GET /@api/deki/pages/home/properties HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
    ] {
        let server = siege.server()?;
        siege.beside(name, &server, promise, |field| {
            let began = Instant::now();
            let count = storm(field, sent)?;
            let time = began.elapsed();
            Ok(Said::remark(format!("{} a second", per_sec(count, time))))
        })?;
    }
    Ok(())
}

fn storm(field: &Field<'_>, sent: &[u8]) -> Result<usize> {
    field.begin();
    let come_and_go = || {
        let (mut count, mut beat) = (0, Beat::new(CONNECTIONS));
        while !field.is_over() {
            beat.wait();
            let mut stream = TcpStream::connect(field.address)?;
            // The address would else be taken for a minute, and there are not so many.
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            stream.write_all(sent)?;
            count += 1;
        }
        anyhow::Ok(count)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..STORM).map(|_| scope.spawn(come_and_go)).collect();
        let counts = threads.into_iter().map(|thread| {
            let died = |_| anyhow::anyhow!("a client has died");
            thread.join().map_err(died)?
        });
        counts.sum()
    })
}

//! Those who only want to be served: one over HTTP/1.1, one over HTTP/2. Every answer is checked.

use crate::frames::{
    DATA, END_STREAM, Ears, Frame, GOAWAY, HEADERS, RST_STREAM, Wire, opening, request,
    shake_hands, window,
};
use crate::server::{PASSWORD, Server};
use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

/// A short list.
const LIST: &str = "/@api/deki/users/current/properties";

/// One property.
const PROPERTY: &str = "/@api/deki/users/current/properties/p?abort=never";

/// How long a client waits after each answer.
const PAUSE: Duration = Duration::from_millis(2);

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) enum Turn {
    Read,
    Write,
}

/// How long each request took, shortest first.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// The time within which so many of a thousand requests were answered.
    pub(crate) fn quantile(&self, of_thousand: usize) -> Duration {
        let rank = (self.0.len() * of_thousand).div_ceil(1000);
        let time = self.0.get(rank.saturating_sub(1));
        time.copied().unwrap_or_default()
    }
}

/// Asks again and again.
pub(crate) fn drive(until: Instant, mut ask: impl FnMut(Turn) -> Result<()>) -> Result<Times> {
    let mut times = Vec::new();
    while Instant::now() < until {
        for turn in [Turn::Read, Turn::Read, Turn::Read, Turn::Write] {
            let began = Instant::now();
            ask(turn)?;
            times.push(began.elapsed());
            // The pace of somebody who does not flood.
            thread::sleep(PAUSE);
        }
    }
    times.sort_unstable();
    Ok(Times(times))
}

/// The value of `Authorization` for `admin`.
pub(crate) fn credentials() -> String {
    format!("Basic {}", STANDARD.encode(format!("admin:{PASSWORD}")))
}

/// A client of HTTP/1.1.
pub(crate) struct Http1 {
    stream: StreamOwned<ClientConnection, TcpStream>,
    fields: String,
}

impl Http1 {
    pub(crate) fn open(server: &Server) -> Result<Self> {
        let (tls, socket) = shake_hands(server.address(), server.config("http/1.1"))?;
        let mut client = Http1 {
            stream: StreamOwned::new(tls, socket),
            fields: format!("Host: localhost\r\nAuthorization: {}\r\n", credentials()),
        };
        // The hash of the password is paid here.
        client.ask(Turn::Write)?;
        Ok(client)
    }

    pub(crate) fn ask(&mut self, turn: Turn) -> Result<()> {
        match turn {
            Turn::Read => self.exchange("GET", LIST, "text/plain", b""),
            Turn::Write => self.exchange("PUT", PROPERTY, "text/plain", b"v"),
        }
    }

    /// Sends a request and reads its answer.
    pub(crate) fn exchange(
        &mut self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<()> {
        let (fields, length) = (&self.fields, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{fields}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        self.stream.write_all(&[head.as_bytes(), body].concat())?;
        let (mut answer, mut piece) = (Vec::new(), [0; 16 << 10]);
        let end = loop {
            let count = self.stream.read(&mut piece)?;
            ensure!(count > 0, "the connection has ended");
            answer.extend_from_slice(&piece[..count]);
            if let Some(at) = memmem::find(&answer, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = std::str::from_utf8(&answer[..end])?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "{method} {path}: {head}");
        let mut lines = head.lines();
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("no length")?.parse()?;
        let came = answer.len();
        answer.resize(end + length, 0);
        Ok(self.stream.read_exact(&mut answer[came..])?)
    }
}

/// A client of HTTP/2.
pub(crate) struct Http2 {
    wire: Wire,
    credentials: String,
    stream: u32,
}

impl Http2 {
    pub(crate) fn open(server: &Server) -> Result<Self> {
        let wire = Wire::open(server.address(), &server.config("h2"), &[], Ears::Open)?;
        Ok(Http2 {
            wire,
            credentials: credentials(),
            stream: 1,
        })
    }

    pub(crate) fn ask(&mut self, turn: Turn) -> Result<()> {
        let stream = self.stream;
        self.stream += 2;
        let fields = [
            ("authorization", self.credentials.as_str()),
            ("content-type", "text/plain"),
        ];
        self.wire.write(&match turn {
            Turn::Read => request(stream, "GET", LIST, &fields),
            Turn::Write => {
                let body = Frame::bytes(DATA, END_STREAM, stream, b"v");
                [opening(stream, "PUT", PROPERTY, &fields), body].concat()
            }
        })?;
        loop {
            let frame = self.wire.next().context("the connection has ended")?;
            match frame.kind {
                GOAWAY | RST_STREAM => bail!("refused: {frame:?}"),
                HEADERS => ensure!(frame.status() == 200, "{}", frame.status()),
                DATA if !frame.payload.is_empty() => {
                    self.wire
                        .write(&window(0, u32::try_from(frame.payload.len())?))?;
                }
                _ => {}
            }
            if frame.ends_stream() && frame.stream == stream {
                return Ok(());
            }
        }
    }
}

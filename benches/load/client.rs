//! One connection: raw HTTP/1.1 over a blocking socket, kept alive, with one request in flight.
//!
//! It shares the machine with the server that is measured, so it does little: a request is one write, an answer is read
//! into a buffer that is used again. What it does not expect is an error, never a guess.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Where all paths begin.
pub(crate) const API: &str = "/@api/deki";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many bytes of a large body are sent at a time.
const PIECE_BYTES: usize = 256 << 10;

/// The statuses that say yes.
const YES: [u16; 3] = [200, 201, 204];

/// How much is shown of an answer that was not expected.
const ERROR_BYTES: usize = 600;

/// A connection to the server.
pub(crate) struct Connection {
    stream: TcpStream,
    /// The header fields that every request has.
    fields: String,
    sent: Vec<u8>,
    received: Vec<u8>,
}

/// The body of an answer that says yes.
pub(crate) type Body<'a> = &'a [u8];

/// Any answer that does not say that the server has failed.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// Its status.
    pub(crate) status: u16,
    /// The status line and the header fields.
    pub(crate) head: &'a str,
    /// The body.
    pub(crate) body: Body<'a>,
}

impl<'a> Answer<'a> {
    /// The value of a header field.
    pub(crate) fn field(&self, name: &str) -> Option<&'a str> {
        self.head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// Whether it has one of these statuses.
    pub(crate) fn is(self, statuses: &[u16]) -> Result<Self> {
        if !statuses.contains(&self.status) {
            let shown = &self.body[..self.body.len().min(ERROR_BYTES)];
            bail!("status {}: {}", self.status, String::from_utf8_lossy(shown));
        }
        Ok(self)
    }
}

impl Connection {
    /// A connection on which nobody has signed in.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Connection {
            stream,
            fields: format!("Host: {address}\r\n"),
            sent: Vec::new(),
            received: vec![0; 64 << 10],
        })
    }

    /// Signs in with a name and a password; all further requests carry the token for it.
    pub(crate) fn sign_in(&mut self, name: &str, password: &str) -> Result<()> {
        let host = self.fields.clone();
        self.show(name, password);
        let token = String::from_utf8(self.get("/users/authenticate")?.to_vec())?;
        self.fields = format!("{host}X-Authtoken: {token}\r\n");
        Ok(())
    }

    /// All further requests carry this name and this password.
    pub(crate) fn show(&mut self, name: &str, password: &str) {
        let host = self.fields.split_inclusive('\n').next().unwrap_or_default();
        let credentials = STANDARD.encode(format!("{name}:{password}"));
        self.fields = format!("{host}Authorization: Basic {credentials}\r\n");
    }

    /// Reads what is at a path.
    pub(crate) fn get(&mut self, path: &str) -> Result<Body<'_>> {
        self.begin("GET", path);
        self.sent.extend_from_slice(b"\r\n");
        self.yes().with_context(|| format!("GET {path}"))
    }

    /// Puts a body to a path.
    pub(crate) fn put(&mut self, path: &str, media_type: &str, body: &[u8]) -> Result<Body<'_>> {
        self.begin_put(path, media_type, body.len());
        self.sent.extend_from_slice(body);
        self.yes().with_context(|| format!("PUT {path}"))
    }

    /// Puts so many bytes to a path, in pieces.
    pub(crate) fn put_large(&mut self, path: &str, bytes: usize) -> Result<Body<'_>> {
        self.begin_put(path, "application/octet-stream", bytes);
        let piece = vec![b'x'; PIECE_BYTES];
        let mut left = bytes;
        while left > PIECE_BYTES {
            self.stream.write_all(&self.sent)?;
            self.sent.clone_from(&piece);
            left -= PIECE_BYTES;
        }
        self.sent.extend_from_slice(&piece[..left]);
        self.yes().with_context(|| format!("PUT {path}"))
    }

    /// A request to any path of any protocol that has to be answered with yes.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<Body<'_>> {
        let fields = format!("Content-Type: {media_type}\r\n");
        let answer = self.ask(method, path, &fields, body)?;
        let answer = answer.is(&YES);
        Ok(answer.with_context(|| format!("{method} {path}"))?.body)
    }

    /// Any request to any path of any protocol, with these further header fields, each with the end of its line.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        fields: &str,
        body: &[u8],
    ) -> Result<Answer<'_>> {
        self.begin_at(method, "", path);
        let length = body.len();
        let fields = format!("{fields}Content-Length: {length}\r\n\r\n");
        self.sent.extend_from_slice(fields.as_bytes());
        self.sent.extend_from_slice(body);
        self.exchange(method == "HEAD")
            .with_context(|| format!("{method} {path}"))
    }

    fn begin(&mut self, method: &str, path: &str) {
        self.begin_at(method, API, path);
    }

    fn begin_at(&mut self, method: &str, api: &str, path: &str) {
        self.sent.clear();
        let parts = [method, " ", api, path, " HTTP/1.1\r\n", &self.fields];
        for part in parts {
            self.sent.extend_from_slice(part.as_bytes());
        }
    }

    fn begin_put(&mut self, path: &str, media_type: &str, length: usize) {
        self.begin("PUT", path);
        let fields = format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n");
        self.sent.extend_from_slice(fields.as_bytes());
    }

    /// Sends what is left of the request, and reads the answer, which has to say yes.
    fn yes(&mut self) -> Result<Body<'_>> {
        Ok(self.exchange(false)?.is(&YES)?.body)
    }

    /// Sends what is left of the request, and reads the answer.
    fn exchange(&mut self, has_no_body: bool) -> Result<Answer<'_>> {
        self.stream.write_all(&self.sent)?;
        let mut filled = 0;
        let head_end = loop {
            filled += self.read_some(filled)?;
            if let Some(at) = memmem::find(&self.received[..filled], b"\r\n\r\n") {
                break at;
            }
        };
        let (status, length) = read_head(&self.received[..head_end])?;
        let length = if has_no_body { 0 } else { length };
        let body = head_end + 4;
        let end = body + length;
        ensure!(filled <= end, "there is more than the answer");
        if self.received.len() < end {
            self.received.resize(end, 0);
        }
        self.stream.read_exact(&mut self.received[filled..end])?;
        let answer = Answer {
            status,
            head: std::str::from_utf8(&self.received[..head_end])?,
            body: &self.received[body..end],
        };
        if status >= 500 {
            answer.is(&[])?;
        }
        Ok(answer)
    }

    fn read_some(&mut self, filled: usize) -> Result<usize> {
        let count = self.stream.read(&mut self.received[filled..])?;
        ensure!(
            count > 0,
            "the answer ends in its head, or that is too long"
        );
        Ok(count)
    }
}

/// The status, and the length of the body.
fn read_head(head: &[u8]) -> Result<(u16, usize)> {
    let head = std::str::from_utf8(head)?;
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .with_context(|| format!("not the head of an answer: {head}"))?;
    // What has no content does not say its length either.
    if matches!(status, 204 | 304) {
        return Ok((status, 0));
    }
    let body = b"";
    let length = Answer { status, head, body }
        .field("content-length")
        .and_then(|value| value.parse().ok())
        .with_context(|| format!("an answer without its length: {head}"))?;
    Ok((status, length))
}

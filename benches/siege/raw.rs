//! A client that sends whatever bytes it likes and wants to know no more than the status.

use crate::server::{PASSWORD, USER};
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection at a time.
pub(crate) struct Raw {
    address: SocketAddr,
    from: Option<IpAddr>,
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

impl Raw {
    /// A client of this server.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Raw {
            address,
            from: None,
            stream: None,
            received: Vec::new(),
        }
    }

    /// A client with this address.
    pub(crate) fn from(address: SocketAddr, from: IpAddr) -> Self {
        Raw {
            from: Some(from),
            ..Raw::new(address)
        }
    }

    /// Sends these bytes, which are one request: the status of the answer. A connection is used again until the server
    /// closes it.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<u16> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        // A server that refuses may stop to listen; what counts is what it says.
        drop(stream.write_all(request));
        let (status, is_last) = self.read(&mut stream)?;
        if !is_last {
            self.stream = Some(stream);
        }
        Ok(status)
    }

    fn connect(&self) -> Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None)?;
        if let Some(from) = self.from {
            socket.bind(&SocketAddr::new(from, 0).into())?;
        }
        socket.connect(&self.address.into())?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// The status, and whether the connection ends here.
    fn read(&mut self, stream: &mut TcpStream) -> Result<(u16, bool)> {
        self.received.clear();
        let mut piece = [0; 4096];
        let mut more = |received: &mut Vec<u8>| {
            let count = stream.read(&mut piece)?;
            ensure!(count > 0, "the connection ends before the answer");
            received.extend_from_slice(&piece[..count]);
            Ok(())
        };
        let end = loop {
            if let Some(end) = memmem::find(&self.received, b"\r\n\r\n") {
                break end + 4;
            }
            more(&mut self.received)?;
        };
        let head = std::str::from_utf8(&self.received[..end])?.to_ascii_lowercase();
        let status = head.get(9..12).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("not an answer: {head}"))?;
        let field = |name: &str| {
            let mut lines = head.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let length: usize = field("content-length").unwrap_or("0").parse()?;
        let is_last = field("connection") == Some("close");
        while self.received.len() < end + length {
            more(&mut self.received)?;
        }
        Ok((status, is_last))
    }
}

/// The field with a name and a password.
pub(crate) fn basic(name: &str, password: &str) -> String {
    let credentials = STANDARD.encode(format!("{name}:{password}"));
    format!("Authorization: Basic {credentials}\r\n")
}

/// A request by somebody who may do everything; the path begins behind `/@api/deki`.
pub(crate) fn request(method: &str, path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let who = basic(USER, PASSWORD);
    let length = body.len();
    let head = format!(
        "{method} /@api/deki{path} HTTP/1.1\r\nHost: a\r\n{who}{fields}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

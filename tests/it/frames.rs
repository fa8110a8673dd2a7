//! A client that speaks HTTP/2 frame by frame over TLS, as wrong as whoever uses it wants (RFC 9113, RFC 7541).
//!
//! It knows as little as is enough: header fields go as literals, and of an answer it reads frames and the status. A thread
//! of its own reads, so that a flood never waits for what the server has to say; or nobody does, for a client that does not
//! read. The load of `benches/floods` is made with it, too.

#![allow(
    dead_code,
    reason = "the tests and the floods use different parts of it"
)]

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};

/// The name for which certificates are made, by which a server is asked.
pub(crate) const NAME: &str = "localhost";

/// How long a frame that has to come may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The kinds of frames.
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags of frames.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Settings.
pub(crate) const HEADER_TABLE_SIZE: u16 = 1;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// How a connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The largest frame that a server takes which says nothing of it.
pub(crate) const FRAME_BYTES_MAX: usize = 16_384;

/// How a client shakes hands that trusts this certificate alone, and offers these protocols.
pub(crate) fn trusting(certificate: CertificateDer<'static>, protocols: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    config
}

/// A connection over TLS, once hands were shaken.
pub(crate) fn shake_hands(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> io::Result<(ClientConnection, TcpStream)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
    let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    Ok((tls, socket))
}

/// A frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    /// Its kind.
    pub(crate) kind: u8,
    /// Its flags.
    pub(crate) flags: u8,
    /// The stream that it is for.
    pub(crate) stream: u32,
    /// What is in it.
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The bytes of a frame, which may be as wrong as one likes.
    pub(crate) fn bytes(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    /// The first frame of some bytes, which it is taken from.
    fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<9>()?;
        let end = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
        let payload = bytes.get(9..end)?.to_vec();
        bytes.drain(..end);
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }

    /// The number that a frame such as `RST_STREAM` has in it.
    pub(crate) fn number(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// The status in the head of an answer.
    pub(crate) fn status(&self) -> u16 {
        assert_eq!(self.kind, HEADERS, "{self:?}");
        // A client that wants no table is told first that there is none.
        let sizes = self.payload.iter().take_while(|byte| **byte >> 5 == 1);
        let block = &self.payload[sizes.count()..];
        match block[0] {
            indexed @ 0x88..=0x8e => [200, 204, 206, 304, 400, 404, 500][indexed as usize - 0x88],
            0x08 | 0x18 | 0x48 => {
                let (length, text) = (block[1] & 0x7f, &block[2..]);
                let text = &text[..length as usize];
                let digits = if block[1] & 0x80 == 0 {
                    String::from_utf8(text.to_vec()).unwrap()
                } else {
                    digits(text)
                };
                digits.parse().unwrap()
            }
            _ => panic!("this is no head of an answer: {block:x?}"),
        }
    }

    /// Whether this is the last one of its stream.
    pub(crate) fn ends_stream(&self) -> bool {
        let may_end = matches!(self.kind, DATA | HEADERS);
        self.kind == RST_STREAM || may_end && self.flags & END_STREAM != 0
    }
}

/// Digits in the code of RFC 7541 appendix B: 0 to 2 have five bits, the others six.
fn digits(code: &[u8]) -> String {
    let mut bits = code
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| u32::from(byte >> at & 1)));
    let mut text = String::new();
    while let Some(digit) = digit(&mut bits) {
        text.push(digit);
    }
    text
}

fn digit(bits: &mut impl Iterator<Item = u32>) -> Option<char> {
    let mut code = 0;
    for _ in 0..5 {
        code = code << 1 | bits.next()?;
    }
    if code <= 2 {
        return char::from_digit(code, 10);
    }
    let code = code << 1 | bits.next()?;
    // At the end there may be bits that are all set.
    char::from_digit(code.checked_sub(0x19)? + 3, 10)
}

/// A header field that is no part of any table.
pub(crate) fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name.as_ref(), value.as_ref()] {
        bytes.extend(integer(0, 7, text.len()));
        bytes.extend_from_slice(text);
    }
    bytes
}

/// A header field that the server has to remember under the next number from 62 on.
pub(crate) fn field_to_remember(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = field(name, value);
    bytes[0] = 0x40;
    bytes
}

/// A number (RFC 7541 §5.1).
fn integer(first: u8, bits: u32, number: usize) -> Vec<u8> {
    let most = (1 << bits) - 1;
    if number < most {
        return vec![first | u8::try_from(number).unwrap()];
    }
    let mut bytes = vec![first | u8::try_from(most).unwrap()];
    let mut rest = number - most;
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

/// The head of a request, with these fields besides those that every request has.
pub(crate) fn head(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [
        (":method", method),
        (":scheme", "https"),
        (":authority", NAME),
        (":path", path),
    ];
    let all = pseudo.iter().chain(fields);
    all.flat_map(|(name, value)| field(name, value)).collect()
}

/// A frame with the head of a request that has no body.
pub(crate) fn request(stream: u32, method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let head = head(method, path, fields);
    Frame::bytes(HEADERS, END_HEADERS | END_STREAM, stream, &head)
}

/// A frame with the head of a request whose body follows.
pub(crate) fn opening(stream: u32, method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let head = head(method, path, fields);
    Frame::bytes(HEADERS, END_HEADERS, stream, &head)
}

/// A frame that resets a stream.
pub(crate) fn reset(stream: u32) -> Vec<u8> {
    Frame::bytes(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

/// A frame that lets the server send more.
pub(crate) fn window(stream: u32, bytes: u32) -> Vec<u8> {
    Frame::bytes(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

/// A frame with settings.
pub(crate) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let pairs = settings.iter().flat_map(|(name, value)| {
        let (name, value) = (name.to_be_bytes(), value.to_be_bytes());
        name.into_iter().chain(value)
    });
    Frame::bytes(SETTINGS, 0, 0, &pairs.collect::<Vec<_>>())
}

/// A frame that takes over the settings of the server.
pub(crate) fn settings_ack() -> Vec<u8> {
    Frame::bytes(SETTINGS, ACK, 0, &[])
}

/// Whether somebody reads what the server says.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ears {
    Open,
    /// The socket fills until the server cannot write any more.
    Shut,
}

/// A connection.
pub(crate) struct Wire {
    tls: Arc<Mutex<ClientConnection>>,
    /// What goes out goes out in one order.
    out: Mutex<TcpStream>,
    frames: Receiver<Frame>,
}

impl Wire {
    /// A connection with the settings that most servers know, plus these.
    pub(crate) fn open(
        address: SocketAddr,
        config: &Arc<ClientConfig>,
        told: &[(u16, u32)],
        ears: Ears,
    ) -> io::Result<Self> {
        let wire = Self::silent(address, config, ears)?;
        // Without a table, an answer can be read without one.
        let told = [&[(HEADER_TABLE_SIZE, 0)], told].concat();
        wire.write(&[PREFACE, &settings(&told), &settings_ack()].concat())?;
        Ok(wire)
    }

    /// A connection on which nothing was said.
    pub(crate) fn silent(
        address: SocketAddr,
        config: &Arc<ClientConfig>,
        ears: Ears,
    ) -> io::Result<Self> {
        let (tls, socket) = shake_hands(address, Arc::clone(config))?;
        let tls = Arc::new(Mutex::new(tls));
        let (tell, frames) = unbounded();
        if ears == Ears::Open {
            let (tls, socket) = (Arc::clone(&tls), socket.try_clone()?);
            thread::spawn(move || listen(socket, &tls, &tell));
        } else {
            // The receiver stays connected: who does not listen does not hear the end either.
            std::mem::forget(tell);
        }
        Ok(Wire {
            tls,
            out: Mutex::new(socket),
            frames,
        })
    }

    /// Sends bytes.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.chunks(FRAME_BYTES_MAX) {
            let mut records = Vec::new();
            {
                let mut tls = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
                tls.writer().write_all(piece)?;
                while tls.wants_write() {
                    tls.write_tls(&mut records)?;
                }
            }
            out.write_all(&records)?;
        }
        Ok(())
    }

    /// How long the server may let a write wait.
    pub(crate) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.set_write_timeout(Some(patience))
    }

    /// Sends bytes, as far as the server takes them; whether it took them all.
    pub(crate) fn send(&self, bytes: &[u8]) -> bool {
        self.write(bytes).is_ok()
    }

    /// The next frame; `None` if the connection has ended.
    pub(crate) fn next(&self) -> Option<Frame> {
        match self.frames.recv_timeout(PATIENCE) {
            Ok(frame) => Some(frame),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no frame came, and no end either"),
        }
    }

    /// The next frame that has come already.
    pub(crate) fn try_next(&self) -> Option<Frame> {
        self.frames.try_recv().ok()
    }

    /// All frames until the connection has ended.
    pub(crate) fn rest(&self) -> Vec<Frame> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let out = self.out.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It may have ended already.
        drop(out.shutdown(Shutdown::Both));
    }
}

/// Tells the frames that come, until the connection ends.
fn listen(mut socket: TcpStream, tls: &Mutex<ClientConnection>, tell: &Sender<Frame>) {
    let (mut received, mut bytes) = (vec![0; 64 << 10], Vec::new());
    while let Ok(count @ 1..) = socket.read(&mut received) {
        let mut rest = &received[..count];
        let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
        while !rest.is_empty() {
            if tls.read_tls(&mut rest).is_err() || tls.process_new_packets().is_err() {
                return;
            }
            // When there is no more, that is said by an error.
            tls.reader().read_to_end(&mut bytes).unwrap_or_default();
        }
        drop(tls);
        while let Some(frame) = Frame::take(&mut bytes) {
            if tell.send(frame).is_err() {
                return;
            }
        }
    }
}

//! HTTP/2 as no honest client speaks it: floods, frames that are wrong, heads that are none, answers that nobody takes
//! (`promises.md` §1.4 number 15, RFC 9113 §10.5).
//!
//! What is asked here is what becomes of it: the connection or the stream ends or is answered rightly, others are served
//! meanwhile, and the memory of the server stays within bounds. How long all this takes is asked by
//! `cargo bench --bench floods`.

use crate::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Ears, FRAME_BYTES_MAX, Frame, GOAWAY,
    HEADERS, INITIAL_WINDOW_SIZE, NAME, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, Wire, field, field_to_remember, head, opening, request, reset, settings,
    settings_ack, window,
};
use crate::harness::{API, PASSWORD, PATIENCE, Request, basic, properties};
use crate::tls::Site;
use std::fs;
use std::thread;
use std::time::Instant;

/// By how much a flood may make the memory of the server grow.
const GROWTH_BYTES_MAX: usize = 64 << 20;

/// How many honest clients ask for the same before, and how often.
const HONEST: usize = 8;

/// Why a connection or a stream ends (RFC 9113 §7).
const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// What everybody may read.
const LIST: &str = "/@api/deki/pages/home/properties";

/// What only accounts may write.
const FILE: &str = "/@api/deki/pages/home/files/=f";

impl Site {
    /// A connection with these settings of the client.
    fn wire(&self, told: &[(u16, u32)]) -> Wire {
        let config = self.config(&["h2"]);
        Wire::open(self.address(), &config, told, Ears::Open).unwrap()
    }

    /// A connection on which nobody reads.
    fn deaf_wire(&self) -> Wire {
        let config = self.config(&["h2"]);
        Wire::open(self.address(), &config, &[], Ears::Shut).unwrap()
    }

    /// Somebody else gets an answer.
    fn serves(&self) {
        let get = Request::new("GET", LIST).field("Host", NAME);
        let mut connection = self.connect();
        for _ in 0..3 {
            connection.write(&get.head());
            connection.read("GET").is(200);
        }
    }

    /// What the process had in memory at most since it was last asked to forget that, in bytes.
    fn peak(&self) -> usize {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.pid())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = value.unwrap().trim().trim_end_matches(" kB");
        kilobytes.parse::<usize>().unwrap() * 1024
    }

    /// Does what floods the server, while it has to serve others and not to grow.
    fn bears<T: Send>(&self, flood: impl FnOnce() -> T + Send) -> T {
        self.serves();
        // The peak begins anew.
        fs::write(format!("/proc/{}/clear_refs", self.server.pid()), "5").unwrap();
        let before = self.memory("VmRSS:");
        let done = thread::scope(|scope| {
            let flood = scope.spawn(flood);
            while !flood.is_finished() {
                self.serves();
            }
            flood.join().unwrap()
        });
        self.serves();
        let grown = self.peak().saturating_sub(before);
        assert!(grown <= GROWTH_BYTES_MAX, "it grew by {grown} bytes");
        done
    }

    /// A list that is so many bytes long, or somewhat longer, on the page home.
    fn with_list(self, bytes: usize) -> Self {
        const VALUE: usize = 1000;
        let value = "x".repeat(VALUE);
        let batch = properties(0..bytes / VALUE, |at| {
            format!(
                "<property name=\"p{at}\"><contents type=\"text/plain\">{value}</contents></property>"
            )
        });
        let put = self.ask("PUT", LIST).typed("application/xml", batch);
        put.by_http1().is(200);
        // What those who take such answers make it keep is no matter of floods: the caches of the database.
        let get = Request::new("GET", LIST).field("Host", NAME);
        thread::scope(|scope| {
            for _ in 0..HONEST {
                scope.spawn(|| {
                    let mut connection = self.connect();
                    for _ in 0..HONEST {
                        connection.write(&get.head());
                        connection.read("GET").is(200);
                    }
                });
            }
        });
        self
    }

    /// A file of so many bytes: its path.
    fn with_file(&self, bytes: usize) -> String {
        let put = self.ask("PUT", FILE).typed("text/plain", vec![b'x'; bytes]);
        let made = put.by_http1().is(200);
        format!("{API}/files/{}", made.xml().attr("id"))
    }
}

/// The field that makes a request one of `admin`.
fn by_admin() -> (&'static str, String) {
    ("authorization", basic("admin", PASSWORD))
}

/// What becomes of a connection: the frames until it ends, and why the server ends it, if it says so.
struct Fate {
    frames: Vec<Frame>,
    reason: Option<u32>,
}

impl Fate {
    fn of(wire: &Wire) -> Self {
        let frames = wire.rest();
        let reason = frames.iter().rev().find(|frame| frame.kind == GOAWAY);
        Fate {
            reason: reason.map(Frame::number),
            frames,
        }
    }

    fn is(self, reason: u32) -> Self {
        assert_eq!(self.reason, Some(reason), "{:?}", self.frames);
        self
    }

    fn count(&self, kind: u8) -> usize {
        self.frames
            .iter()
            .filter(|frame| frame.kind == kind)
            .count()
    }
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Status(u16),
    Reset(u32),
    /// The connection has ended, and the stream with it.
    Ended(u32),
}

/// How a stream ends, whatever else comes meanwhile.
fn told(wire: &Wire, stream: u32) -> Told {
    let mut status = None;
    while let Some(frame) = wire.next() {
        if frame.kind == GOAWAY && frame.number() != NO_ERROR {
            return Told::Ended(frame.number());
        }
        if frame.stream != stream {
            continue;
        }
        if frame.kind == RST_STREAM {
            return status.unwrap_or(Told::Reset(frame.number()));
        }
        if frame.kind == HEADERS {
            status = Some(Told::Status(frame.status()));
        }
        if frame.ends_stream() {
            return status.unwrap();
        }
    }
    panic!("stream {stream} did not end, but the connection did");
}

/// Waits until the server has seen all that was sent.
fn settle(wire: &Wire) {
    assert!(wire.send(&Frame::bytes(PING, 0, 0, b"are you ")));
    while wire.next().expect("the connection has ended").kind != PING {}
}

/// What ends a connection at once.
fn check_ended(site: &Site, what: &str, bytes: &[u8]) {
    let wire = site.wire(&[]);
    wire.send(bytes);
    let fate = Fate::of(&wire);
    assert!(
        !matches!(fate.reason, None | Some(NO_ERROR)),
        "{what}: {:?}",
        fate.frames
    );
    assert_eq!(fate.count(HEADERS), 0, "{what}");
}

#[test]
fn frames_that_are_wrong_end_the_connection() {
    let site = Site::start(&[]);
    let get = |stream| request(stream, "GET", LIST, &[]);
    let frame = Frame::bytes;
    let block = |block: &[u8]| frame(HEADERS, END_HEADERS | END_STREAM, 1, block);
    let begun = frame(HEADERS, END_STREAM, 1, &head("GET", LIST, &[]));
    for (what, bytes) in [
        ("a stream of the server's", get(2)),
        ("a head on no stream", get(0)),
        ("a stream that was passed over", [reset(1), get(1)].concat()),
        ("data on an idle stream", frame(DATA, 0, 1, b"x")),
        ("data on no stream", frame(DATA, 0, 0, b"x")),
        ("a reset of an idle stream", reset(1)),
        ("a reset of no stream", reset(0)),
        ("a reset too short", frame(RST_STREAM, 0, 1, b"xx")),
        ("a window of an idle stream", window(1, 1)),
        ("a window of nothing", window(0, 0)),
        (
            "a window too large",
            [window(0, 0x7fff_ffff), window(0, 0x7fff_ffff)].concat(),
        ),
        ("a window too short", frame(WINDOW_UPDATE, 0, 0, b"xx")),
        (
            "a frame too large",
            frame(DATA, 0, 1, &vec![0; FRAME_BYTES_MAX + 1]),
        ),
        (
            "a head too large",
            frame(HEADERS, 0, 1, &vec![0; FRAME_BYTES_MAX + 1]),
        ),
        ("settings too short", frame(SETTINGS, 0, 0, b"xxxxx")),
        ("settings on a stream", frame(SETTINGS, 0, 1, &[])),
        (
            "an ack with settings",
            frame(SETTINGS, ACK, 0, &[0, 3, 0, 0, 0, 1]),
        ),
        ("an ack of nothing", settings_ack()),
        (
            "an initial window too large",
            settings(&[(INITIAL_WINDOW_SIZE, 0x8000_0000)]),
        ),
        ("frames too small", settings(&[(5, 1)])),
        ("a push that is 2", settings(&[(2, 2)])),
        ("a ping too short", frame(PING, 0, 0, b"xxxx")),
        ("a ping on a stream", frame(PING, 0, 1, b"xxxxxxxx")),
        ("a priority of no stream", frame(PRIORITY, 0, 0, b"xxxxx")),
        (
            "a promise",
            frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]),
        ),
        (
            "a rest without a head",
            frame(CONTINUATION, END_HEADERS, 1, &[]),
        ),
        (
            "a ping within a head",
            [&begun[..], &frame(PING, 0, 0, &[0; 8])].concat(),
        ),
        ("another head within a head", [&begun[..], &get(3)].concat()),
        (
            "the rest of another head",
            [&begun[..], &frame(CONTINUATION, END_HEADERS, 3, &[])].concat(),
        ),
        (
            "more padding than there is",
            frame(HEADERS, END_HEADERS | 8, 1, &[9, 0x82]),
        ),
        ("more padding in data", frame(DATA, 8, 1, &[9, 0])),
        ("number 0 of the table", block(&[0x80])),
        (
            "a field that begins with a colon",
            block(&[head("GET", LIST, &[]), field(":x", "y")].concat()),
        ),
        ("what the table does not have", block(&[0xff, 0x00])),
        ("a table too large", block(&[0x3f, 0xff, 0xff, 0x7f])),
        ("a number too large", block(&[0xff; 16])),
        ("half a field", block(&[0x00, 0x05, b'a'])),
        (
            "a code that is none",
            block(&[0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00]),
        ),
    ] {
        check_ended(&site, what, &bytes);
    }
    // There is another way to begin.
    for bytes in [
        b"PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
    ] {
        let config = site.config(&["h2"]);
        let wire = Wire::silent(site.address(), &config, Ears::Open).unwrap();
        wire.send(&bytes);
        assert_eq!(Fate::of(&wire).count(HEADERS), 0);
    }
    site.serves();
}

/// A head of just these fields.
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let fields = fields.iter().flat_map(|(name, value)| field(name, value));
    fields.collect()
}

/// The fields that every request has, without one of them, and then these.
fn pseudo(changed: &[(&str, &str)], without: &str) -> Vec<u8> {
    let all = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", NAME),
        (":path", LIST),
    ];
    let kept = all.into_iter().filter(|(name, _)| *name != without);
    fields(&[&kept.collect::<Vec<_>>(), changed].concat())
}

fn with(name: &str, value: &str) -> Vec<u8> {
    pseudo(&[(name, value)], "")
}

fn instead(name: &str, value: &str) -> Vec<u8> {
    pseudo(&[(name, value)], name)
}

/// A head that is no request: it is refused, or its stream is reset, or all of it was none.
fn check_refused(site: &Site, what: &str, block: &[u8]) {
    let wire = site.wire(&[]);
    let frame = Frame::bytes(HEADERS, END_HEADERS | END_STREAM, 1, block);
    wire.send(&frame);
    let refused = told(&wire, 1);
    match refused {
        Told::Status(400..=499) | Told::Reset(PROTOCOL_ERROR) => {}
        // Names and values that are none end more than the stream.
        Told::Ended(PROTOCOL_ERROR) => return,
        Told::Status(_) | Told::Reset(_) | Told::Ended(_) => panic!("{what}: {refused:?}"),
    }
    // The connection is as good as before.
    wire.send(&request(3, "GET", LIST, &[]));
    assert_eq!(told(&wire, 3), Told::Status(200), "{what}");
}

#[test]
fn heads_that_are_no_requests_are_refused() {
    let site = Site::start(&[]);
    for (what, block) in [
        ("no verb", pseudo(&[], ":method")),
        ("no scheme", pseudo(&[], ":scheme")),
        ("no path", pseudo(&[], ":path")),
        ("neither authority nor host", pseudo(&[], ":authority")),
        ("nothing", Vec::new()),
        ("a verb twice", with(":method", "GET")),
        ("a path twice", with(":path", LIST)),
        ("an authority twice", with(":authority", NAME)),
        ("a status", with(":status", "200")),
        ("a protocol", with(":protocol", "websocket")),
        (
            "one behind a field",
            pseudo(&[("x", "y"), (":path", LIST)], ":path"),
        ),
        ("an empty path", instead(":path", "")),
        (
            "a path without a slash",
            instead(":path", "@api/deki/site/properties"),
        ),
        ("a path with a blank", instead(":path", "/a b")),
        ("a path with a line", instead(":path", "/a\r\nx: y")),
        ("another path", instead(":path", "*")),
        (
            "a verb with a blank",
            instead(":method", "GET /x HTTP/1.1\r\n"),
        ),
        ("an empty verb", instead(":method", "")),
        ("an empty authority", instead(":authority", "")),
        (
            "an authority with a line",
            instead(":authority", "a\r\nx: y"),
        ),
        ("an authority with a path", instead(":authority", "a/b")),
        ("an authority with a user", instead(":authority", "u@a")),
        ("another host", with("host", "evil.example")),
        ("a scheme that is none", instead(":scheme", "1:/")),
        (
            "a tunnel",
            fields(&[(":method", "CONNECT"), (":authority", "localhost:22")]),
        ),
        ("a tunnel with a path", instead(":method", "CONNECT")),
    ] {
        check_refused(&site, what, &block);
    }
    site.serves();
}

#[test]
fn fields_that_cannot_be_are_refused() {
    let site = Site::start(&[]);
    for (name, value) in [
        ("connection", "close"),
        ("connection", "keep-alive, x"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("X-Upper", "y"),
        ("x y", "z"),
        ("x:", "y"),
        ("x\r\ny", "z"),
        ("x\0", "y"),
        ("\u{e9}", "y"),
        ("", "y"),
        ("x", "a\r\nb: c"),
        ("x", "a\nb"),
        ("x", "a\rb"),
        ("x", "a\0b"),
        ("x", "\u{7f}"),
        ("x", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("content-length", "5"),
        ("content-length", "x"),
        ("content-length", "-1"),
        ("content-length", "99999999999999999999"),
    ] {
        check_refused(&site, name, &with(name, value));
    }
    site.serves();
}

#[test]
fn bodies_that_are_not_as_long_as_they_say_are_refused() {
    let site = Site::start(&[]);
    let (name, value) = by_admin();
    let path = format!("{LIST}/p?abort=never");
    let put = |length: &str, pieces: &[&[u8]]| {
        let fields = [
            (name, &*value),
            ("content-type", "text/plain"),
            ("content-length", length),
        ];
        let mut bytes = opening(1, "PUT", &path, &fields);
        for (at, piece) in pieces.iter().enumerate() {
            let flags = if at + 1 == pieces.len() {
                END_STREAM
            } else {
                0
            };
            bytes.extend(Frame::bytes(DATA, flags, 1, piece));
        }
        let wire = site.wire(&[]);
        assert!(wire.send(&bytes));
        told(&wire, 1)
    };
    for (length, pieces) in [
        ("5", &[&b"abc"[..]][..]),
        ("5", &[b"abcdef"]),
        ("5", &[b"abc", b"def"]),
        ("5", &[b""]),
        ("0", &[b"a"]),
        ("5, 5", &[b"abcde"]),
    ] {
        let told = put(length, pieces);
        let is_refused = matches!(told, Told::Reset(PROTOCOL_ERROR) | Told::Status(400));
        assert!(is_refused, "{length}: {told:?}");
        let get = site.ask("GET", &format!("{LIST}/p"));
        get.by_http2().is(404);
    }
    assert_eq!(put("6", &[b"abc", b"", b"def"]), Told::Status(200));
    let get = site.ask("GET", &format!("{LIST}/p"));
    assert_eq!(get.by_http2().is(200).text(), "abcdef");
}

#[test]
fn trailers_mean_nothing_and_bad_ones_reset_the_stream() {
    let site = Site::start(&[]);
    let (name, value) = by_admin();
    let path = format!("{LIST}/p?abort=never");
    let put = |trailers: Vec<u8>, flags: u8| {
        let fields = [(name, &*value), ("content-type", "text/plain")];
        let wire = site.wire(&[]);
        let bytes = [
            opening(1, "PUT", &path, &fields),
            Frame::bytes(DATA, 0, 1, b"v"),
            Frame::bytes(HEADERS, flags, 1, &trailers),
        ];
        assert!(wire.send(&bytes.concat()));
        told(&wire, 1)
    };
    let last = END_HEADERS | END_STREAM;
    let harmless = [
        ("authorization", "Basic eDp5"),
        ("content-type", "text/html"),
        ("x", "y"),
    ];
    assert_eq!(put(fields(&harmless), last), Told::Status(200));
    let get = site.ask("GET", &format!("{LIST}/p")).by_http2().is(200);
    assert_eq!(get.field("content-type"), Some("text/plain"));
    for (trailers, flags) in [
        (fields(&[("transfer-encoding", "chunked")]), last),
        (fields(&[("x", "a\r\nb: c")]), last),
        (fields(&[("x", "y")]), END_HEADERS),
    ] {
        let told = put(trailers, flags);
        let is_refused = matches!(
            told,
            Told::Reset(PROTOCOL_ERROR) | Told::Ended(PROTOCOL_ERROR)
        );
        assert!(is_refused, "{told:?}");
    }
}

#[test]
fn heads_have_a_limit() {
    let site = Site::start(&[]);
    let get = |bytes: usize| {
        let value = "v".repeat(1000 - 32 - 1);
        let mut block = head("GET", LIST, &[]);
        for _ in 0..bytes / 1000 {
            block.extend(field("x", &value));
        }
        let mut pieces = block.chunks(FRAME_BYTES_MAX);
        let first = pieces.next().unwrap();
        let mut bytes = Frame::bytes(HEADERS, END_STREAM, 1, first);
        for piece in pieces {
            bytes.extend(Frame::bytes(CONTINUATION, 0, 1, piece));
        }
        bytes.extend(Frame::bytes(CONTINUATION, END_HEADERS, 1, &[]));
        let wire = site.wire(&[]);
        wire.send(&bytes);
        told(&wire, 1)
    };
    assert_eq!(get(60_000), Told::Status(200));
    assert_eq!(get(70_000), Told::Status(431));
    assert_eq!(get(1_000_000), Told::Ended(ENHANCE_YOUR_CALM));
    // Many small fields count with what it costs to keep them.
    let many = |count: usize| {
        let block = [head("GET", LIST, &[]), field("a", "").repeat(count)].concat();
        let wire = site.wire(&[]);
        wire.send(&Frame::bytes(HEADERS, END_HEADERS | END_STREAM, 1, &block));
        told(&wire, 1)
    };
    assert_eq!(many(1000), Told::Status(200));
    assert_eq!(many(2000), Told::Status(431));
    site.serves();
}

/// Sends this again and again, for one stream after the other, until the connection ends or it was sent often enough;
/// then why the server ended the connection.
fn repeat(wire: &Wire, times: u32, bytes: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
    const AT_A_TIME: u32 = 100;
    for first in (0..times).step_by(AT_A_TIME as usize) {
        let numbers = first..first + AT_A_TIME;
        let all: Vec<u8> = numbers.flat_map(|at| bytes(at * 2 + 1)).collect();
        if !wire.send(&all) {
            break;
        }
    }
    // Only frames of a connection that is over come to an end.
    wire.send(&Frame::bytes(PING, 0, 0, b"the end?"));
    loop {
        match wire.next() {
            Some(frame) if frame.kind == GOAWAY => return Some(frame.number()),
            Some(frame) if frame.kind == PING && frame.payload == b"the end?" => return None,
            Some(_) => {}
            None => return Some(u32::MAX),
        }
    }
}

#[test]
fn streams_that_are_reset_at_once_end_the_connection() {
    let site = Site::start(&[]).with_list(200_000);
    let rapid = |stream| [request(stream, "GET", LIST, &[]), reset(stream)].concat();
    let ended = site.bears(|| repeat(&site.wire(&[]), 20_000, rapid));
    assert_eq!(ended, Some(ENHANCE_YOUR_CALM));
}

/// Asks for a long list on all streams and resets them when the first one is answered; how often before the server ends
/// the connection, which it does if the resets come before it has looked at all of the streams.
fn reset_late(wire: &Wire, rounds: u32) -> u32 {
    for round in 0..rounds {
        let streams = (round * 100..(round + 1) * 100).map(|at| at * 2 + 1);
        let begun = streams.clone().flat_map(|at| request(at, "GET", LIST, &[]));
        wire.send(&begun.collect::<Vec<_>>());
        loop {
            match wire.next() {
                Some(frame) if frame.kind == HEADERS => break,
                Some(frame) if frame.kind == GOAWAY => {
                    assert_eq!(frame.number(), ENHANCE_YOUR_CALM);
                    return round + 1;
                }
                Some(_) => {}
                None => panic!("the connection has ended without a word"),
            }
        }
        wire.send(&streams.flat_map(reset).collect::<Vec<_>>());
    }
    rounds
}

#[test]
fn what_was_begun_for_streams_that_are_reset_stays_small() {
    let site = Site::start(&[]).with_list(1_000_000);
    site.bears(|| {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut left = 20;
                    while left > 0 {
                        left -= reset_late(&site.wire(&[]), left);
                    }
                });
            }
        });
    });
}

#[test]
fn heads_without_an_end_end_the_connection() {
    let site = Site::start(&["--head-secs", "1"]);
    let begun = Frame::bytes(HEADERS, 0, 1, &head("GET", LIST, &[]));
    let large = field("x", "v".repeat(16_000));
    for piece in [&[][..], &large, &field("x", ""), &[0x20]] {
        let more = Frame::bytes(CONTINUATION, 0, 1, piece);
        let ended = site.bears(|| {
            let wire = site.wire(&[]);
            assert!(wire.send(&begun));
            wire.send(&more.repeat(10_000));
            Fate::of(&wire).reason
        });
        assert_eq!(ended, Some(ENHANCE_YOUR_CALM), "{}", piece.len());
    }
    // One that waits for its end does so as long as one of HTTP/1.1.
    let wires = [&begun[..], &begun[..20], &Frame::bytes(HEADERS, 0, 1, &[])].map(|beginning| {
        let wire = site.wire(&[]);
        assert!(wire.send(beginning));
        wire
    });
    for wire in wires {
        Fate::of(&wire).is(NO_ERROR);
    }
}

#[test]
fn tables_that_unpack_to_much_end_the_connection() {
    let site = Site::start(&[]);
    let value = "v".repeat(4000);
    // Once 4,000 bytes, then one byte for each 4,000.
    let block = |references: usize| {
        let kept = field_to_remember("x", &value);
        [head("GET", LIST, &[]), kept, vec![0xbe; references]].concat()
    };
    let ended = site.bears(|| {
        let wires: Vec<_> = (0..16).map(|_| site.wire(&[])).collect();
        for wire in &wires {
            wire.send(&Frame::bytes(
                HEADERS,
                END_HEADERS | END_STREAM,
                1,
                &block(12_000),
            ));
        }
        wires.iter().map(|wire| told(wire, 1)).collect::<Vec<_>>()
    });
    assert_eq!(ended, [Told::Ended(ENHANCE_YOUR_CALM); 16]);
    // As many as are allowed, on all streams at once.
    site.bears(|| {
        let wire = site.wire(&[]);
        let held = |stream| Frame::bytes(HEADERS, END_HEADERS, stream, &block(14));
        wire.send(&(0..100).flat_map(|at| held(at * 2 + 1)).collect::<Vec<_>>());
        settle(&wire);
    });
}

/// What has the server reset a stream.
type Provoke<'a> = &'a (dyn Fn(u32) -> Vec<u8> + Sync);

#[test]
fn a_client_that_has_the_server_reset_streams_is_ended() {
    let site = Site::start(&[]).with_list(200_000);
    let overflow = |stream| window(stream, 0x7fff_ffff);
    let get = |stream: u32| request(stream, "GET", LIST, &[]);
    let itself = |stream: u32| [&stream.to_be_bytes()[..], &[0]].concat();
    let provoked: [(&str, Provoke<'_>); 7] = [
        ("windows too large", &|at| [get(at), overflow(at)].concat()),
        ("data behind the end", &|at| {
            [get(at), Frame::bytes(DATA, 0, at, b"x")].concat()
        }),
        ("another head behind the end", &|at| {
            [get(at), get(at)].concat()
        }),
        ("a priority over itself", &|at| {
            [get(at), Frame::bytes(PRIORITY, 0, at, &itself(at))].concat()
        }),
        ("a head that depends on itself", &|at| {
            let block = [itself(at), head("GET", LIST, &[])].concat();
            Frame::bytes(HEADERS, END_HEADERS | END_STREAM | 0x20, at, &block)
        }),
        ("no requests", &|at| request(at, "GET", "", &[])),
        ("a body too long", &|at| {
            let begun = opening(at, "PUT", LIST, &[("content-length", "0")]);
            [begun, Frame::bytes(DATA, END_STREAM, at, b"x")].concat()
        }),
    ];
    for (what, provoke) in provoked {
        let ended = site.bears(|| repeat(&site.wire(&[]), 2000, provoke));
        assert!(!matches!(ended, None | Some(NO_ERROR)), "{what}: {ended:?}");
    }
    // A window of nothing ends it at once, wherever it is.
    let nothing = [get(1), window(1, 0)].concat();
    check_ended_by(&site, &nothing, PROTOCOL_ERROR);
    let too_much = [get(1), window(0, 0x7fff_ffff)].concat();
    check_ended_by(&site, &too_much, FLOW_CONTROL_ERROR);
}

fn check_ended_by(site: &Site, bytes: &[u8], reason: u32) {
    let wire = site.wire(&[]);
    wire.send(bytes);
    Fate::of(&wire).is(reason);
}

#[test]
fn frames_for_their_own_sake_are_no_life() {
    let site = Site::start(&["--head-secs", "1"]);
    let ping = Frame::bytes(PING, 0, 0, &[7; 8]);
    let priority = Frame::bytes(PRIORITY, 0, 99, &[0, 0, 0, 0, 0]);
    let unknown = Frame::bytes(0xfa, 0, 0, &[0; 100]);
    let away = Frame::bytes(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0]);
    let floods = [
        ("settings", settings(&[(INITIAL_WINDOW_SIZE, 1)])),
        ("empty settings", settings(&[])),
        ("pings", ping.clone()),
        ("pongs", Frame::bytes(PING, ACK, 0, &[7; 8])),
        ("priorities", priority),
        ("unknown ones", unknown),
        ("goodbyes", away),
        ("resets of what is over", reset(1)),
        ("windows of what is over", window(1, 1)),
    ];
    let site = &site;
    site.bears(|| {
        thread::scope(|scope| {
            for (what, frame) in &floods {
                scope.spawn(move || {
                    let wire = site.wire(&[]);
                    assert!(wire.send(&request(1, "GET", LIST, &[])));
                    assert_eq!(told(&wire, 1), Told::Status(200), "{what}");
                    // Whether the server says why it ends it before the socket is closed is a race.
                    let (frames, began) = (frame.repeat(1000), Instant::now());
                    while wire.send(&frames) {
                        while wire.try_next().is_some() {}
                        assert!(began.elapsed() < PATIENCE, "{what} go on and on");
                    }
                });
            }
            // Nor does it help not to read what the server has to say to them.
            scope.spawn(|| {
                let wire = site.deaf_wire();
                while wire.send(&ping.repeat(1000)) {}
            });
        });
    });
}

#[test]
fn data_without_data_ends_the_connection() {
    let site = Site::start(&[]);
    let (name, value) = by_admin();
    let begun = opening(1, "PUT", FILE, &[(name, &value)]);
    let flood = |frame: Vec<u8>, times: usize| {
        let wire = site.wire(&[]);
        assert!(wire.send(&begun));
        wire.send(&frame.repeat(times));
        told(&wire, 1)
    };
    for padding in [None, Some(255)] {
        let payload = padding.map(|bytes| [vec![bytes], vec![0; bytes as usize]].concat());
        let flags = if padding.is_some() { 8 } else { 0 };
        let empty = Frame::bytes(DATA, flags, 1, &payload.unwrap_or_default());
        let ended = site.bears(|| flood(empty, 50_000));
        assert_eq!(ended, Told::Ended(ENHANCE_YOUR_CALM));
    }
    // A body of single bytes is a body.
    let ended = site.bears(|| {
        let wire = site.wire(&[]);
        assert!(wire.send(&begun));
        let byte = Frame::bytes(DATA, 0, 1, b"x");
        assert!(wire.send(&byte.repeat(1000)));
        assert!(wire.send(&Frame::bytes(DATA, END_STREAM, 1, b"x")));
        told(&wire, 1)
    });
    assert_eq!(ended, Told::Status(200));
    let get = Request::new("GET", FILE).field("Host", NAME);
    let mut connection = site.connect();
    connection.write(&get.head());
    assert_eq!(connection.read("GET").is(200).body.len(), 1001);
}

#[test]
fn beyond_a_hundred_streams_they_are_refused() {
    let site = Site::start(&[]);
    let (name, value) = by_admin();
    let wire = site.wire(&[]);
    let path = |at: u32| format!("{API}/pages/home/files/=f{at}");
    for at in 0..100 {
        assert!(wire.send(&opening(at * 2 + 1, "PUT", &path(at), &[(name, &value)])));
    }
    for at in 100..120 {
        assert!(wire.send(&request(at * 2 + 1, "GET", LIST, &[])));
        assert_eq!(told(&wire, at * 2 + 1), Told::Reset(REFUSED_STREAM));
    }
    // Those that are open go on, and none waits for another.
    assert!(wire.send(&Frame::bytes(DATA, END_STREAM, 199, b"x")));
    assert_eq!(told(&wire, 199), Told::Status(200));
    for at in 0..99 {
        assert!(wire.send(&Frame::bytes(DATA, END_STREAM, at * 2 + 1, b"x")));
    }
    let mut answers = 0;
    while answers < 99 {
        let frame = wire.next().expect("the connection has ended");
        if frame.kind == HEADERS {
            assert_eq!(frame.status(), 200);
            answers += 1;
        }
    }
    assert!(wire.send(&request(999, "GET", LIST, &[])));
    assert_eq!(told(&wire, 999), Told::Status(200));
}

#[test]
fn connections_on_which_nothing_is_asked_are_ended() {
    let site = Site::start(&["--head-secs", "1"]);
    let config = site.config(&["h2"]);
    let silent = [&b""[..], b"PRI * HTTP", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"].map(|said| {
        let wire = Wire::silent(site.address(), &config, Ears::Open).unwrap();
        assert!(wire.send(said));
        wire
    });
    let (idle, done) = (site.wire(&[]), site.wire(&[]));
    for stream in [1, 3, 5] {
        assert!(done.send(&request(stream, "GET", LIST, &[])));
        assert_eq!(told(&done, stream), Told::Status(200));
    }
    for wire in silent {
        wire.rest();
    }
    Fate::of(&idle).is(NO_ERROR);
    Fate::of(&done).is(NO_ERROR);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let site = Site::start(&["--head-secs", "1", "--body-secs", "1", "--stream-secs", "1"]);
    let (name, value) = by_admin();
    let asked = [(FILE, "text/plain"), (LIST, "application/xml")].map(|(path, media_type)| {
        let wire = site.wire(&[]);
        let fields = [(name, &*value), ("content-type", media_type)];
        assert!(wire.send(&opening(1, "PUT", path, &fields)));
        wire
    });
    for wire in asked {
        assert_eq!(told(&wire, 1), Told::Status(408));
        Fate::of(&wire).is(NO_ERROR);
    }
}

/// Asks for something on a hundred streams whose answers nobody takes, on several connections. They are reset one after
/// the other, however much the client shows that it lives, and what waits for it stays small. The long ones wait for each
/// other; that some are reset is enough to know of them.
fn check_untaken(site: &Site, path: &str, window_bytes: u32, resets: usize) {
    site.bears(|| {
        let wires: Vec<_> = (0..4)
            .map(|_| site.wire(&[(INITIAL_WINDOW_SIZE, window_bytes)]))
            .collect();
        for wire in &wires {
            let all = (0..100).flat_map(|at| request(at * 2 + 1, "GET", path, &[]));
            assert!(wire.send(&all.collect::<Vec<_>>()));
        }
        for wire in &wires {
            let mut left = resets;
            while left > 0 {
                let frame = wire.next().expect("the connection has ended");
                match frame.kind {
                    RST_STREAM => {
                        assert_eq!(frame.number(), CANCEL);
                        left -= 1;
                    }
                    HEADERS => {
                        assert_eq!(frame.status(), 200);
                        // There is life in the connection, and not in the streams.
                        wire.send(&Frame::bytes(PING, 0, 0, &[7; 8]));
                    }
                    _ => assert!(!frame.ends_stream(), "{frame:?}"),
                }
            }
        }
    });
}

#[test]
fn answers_that_nobody_takes_are_given_up() {
    let site = Site::start(&["--stream-secs", "1"]).with_list(1_000_000);
    let file = site.with_file(5 << 20);
    for path in [LIST, &file] {
        check_untaken(&site, path, 0, 4);
    }
}

/// A request with a body does not wait for the room of its connection, whatever verb it means; its answer waits in a file.
#[test]
fn answers_to_requests_with_bodies_that_nobody_takes_stay_small() {
    let site = Site::start(&["--stream-secs", "1"]).with_list(1_000_000);
    let path = format!("{LIST}?dream.in.verb=GET");
    site.bears(|| {
        let wires: Vec<_> = (0..4)
            .map(|_| site.wire(&[(INITIAL_WINDOW_SIZE, 0)]))
            .collect();
        for wire in &wires {
            let all = (0..100).flat_map(|at| {
                let stream = at * 2 + 1;
                let body = Frame::bytes(DATA, END_STREAM, stream, b" ");
                [opening(stream, "POST", &path, &[]), body].concat()
            });
            assert!(wire.send(&all.collect::<Vec<_>>()));
        }
        for wire in &wires {
            let mut resets = 0;
            while resets < 50 {
                let frame = wire.next().expect("the connection has ended");
                if frame.kind == HEADERS {
                    // 503 if there are too many files.
                    assert!(matches!(frame.status(), 200 | 503), "{}", frame.status());
                }
                resets += usize::from(frame.kind == RST_STREAM);
            }
        }
    });
}

#[test]
fn answers_that_are_short_are_given_up_as_well() {
    let site = Site::start(&["--stream-secs", "1"]);
    for window_bytes in [0, 1, 100] {
        check_untaken(&site, LIST, window_bytes, 100);
    }
}

#[test]
fn long_answers_that_are_taken_wait_for_each_other_and_all_come() {
    let site = Site::start(&[]).with_list(300_000);
    let wire = site.wire(&[]);
    let all = (0..30).flat_map(|at| request(at * 2 + 1, "GET", LIST, &[]));
    assert!(wire.send(&all.collect::<Vec<_>>()));
    let mut ended = 0;
    while ended < 30 {
        let frame = wire.next().expect("the connection has ended");
        assert!(!matches!(frame.kind, RST_STREAM | GOAWAY), "{frame:?}");
        let came = u32::try_from(frame.payload.len()).unwrap();
        if frame.kind == DATA && came > 0 {
            assert!(wire.send(&[window(0, came), window(frame.stream, came)].concat()));
        }
        if frame.ends_stream() {
            ended += 1;
        }
    }
}

#[test]
fn the_end_of_an_answer_is_waited_for_like_the_rest() {
    let site = Site::start(&["--stream-secs", "1"]);
    let length = 40_000;
    let file = site.with_file(length);
    let asked = [1, 100, 10_000].map(|missing| {
        let got = u32::try_from(length - missing).unwrap();
        let wire = site.wire(&[(INITIAL_WINDOW_SIZE, got)]);
        assert!(wire.send(&request(1, "GET", &file, &[])));
        (missing, wire)
    });
    for (missing, wire) in asked {
        let mut came = 0;
        let last = loop {
            let frame = wire.next().expect("the connection has ended");
            if frame.stream == 1 && frame.kind == DATA {
                came += frame.payload.len();
            }
            if frame.ends_stream() {
                break frame;
            }
        };
        assert_eq!((last.kind, came), (RST_STREAM, length - missing));
        assert_eq!(last.number(), CANCEL);
    }
}

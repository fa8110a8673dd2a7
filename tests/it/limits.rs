//! Clients that are slow, many, large, or never read: each meets a limit, and nobody else feels it (`promises.md` §1.4).
//!
//! How much it costs is measured by `cargo bench --bench siege`; here is only what becomes of such a client. A pause
//! between two bytes of a slow client is its pace: nothing is waited for by it.

use crate::harness::{Call, PATIENCE, Server, properties};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const GET: &str = "GET /@api/deki/pages/home/properties HTTP/1.1\r\nHost: a\r\n";

/// Between two bytes of a client that wants to be taken for a living one.
const PACE: Duration = Duration::from_millis(50);

/// All that the server says until it has closed the connection or broken it; `None` if it does neither.
fn all_of(stream: &mut TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut told, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(count @ 1..) => told.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return None;
            }
            Ok(0) | Err(_) => return Some(String::from_utf8(told).unwrap()),
        }
    }
}

/// Sends the beginning at once and then one drop after the other, as long as the server lets it: what that says.
fn dribble(server: &Server, beginning: &[u8], drop: &[u8]) -> String {
    let mut reader = TcpStream::connect(server.address()).unwrap();
    let mut writer = reader.try_clone().unwrap();
    writer.write_all(beginning).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) && writer.write_all(drop).is_ok() {
                // The pace of a slow client.
                thread::sleep(PACE);
            }
        });
        let told = all_of(&mut reader);
        is_over.store(true, Ordering::Relaxed);
        told.expect("the server does not cut this client")
    })
}

#[test]
fn a_head_that_comes_in_drops_is_cut_off() {
    let server = Server::with(&["--head-secs", "1"]);
    for (beginning, drop) in [
        ("", "\r\n"),
        ("GET /", "x"),
        (GET, "X: y\r\n"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: ", "x"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX:", " "),
    ] {
        let told = dribble(&server, beginning.as_bytes(), drop.as_bytes());
        assert!(
            told.is_empty() || told.starts_with("HTTP/1.1 408 "),
            "{beginning:?}: {told}"
        );
    }
    // A connection that was of use before is no excuse.
    let before = format!("{GET}\r\n{GET}X: ");
    let told = dribble(&server, before.as_bytes(), b"x");
    assert_eq!(told.matches("HTTP/1.1 200 ").count(), 1, "{told}");
}

/// The head of a request whose body is long, and the first bytes of that.
fn begun(call: &Call<'_>, first: &str) -> Vec<u8> {
    let call = call.clone().field("Content-Length", "1000000");
    [&call.request().head(), first.as_bytes()].concat()
}

#[test]
fn a_body_that_comes_in_drops_is_408() {
    let server = Server::with(&["--body-secs", "1", "--stream-secs", "1"]);
    let space = server
        .post("/api/spaces")
        .json(&serde_json::json!({"space": {"name": "s"}}));
    space.gives(201);
    let batch = server
        .put("/pages/home/properties")
        .field("Content-Type", "application/xml");
    let form = server
        .post("/api/folders/3/files")
        .field("Content-Type", "multipart/form-data; boundary=b");
    let json = server
        .post("/api/spaces")
        .field("Content-Type", "application/json");
    for (call, first) in [
        (&batch, "<properties>"),
        (&json, "{\"space\": {\"name\": \""),
        (&server.put("/pages/home/properties/p"), "v"),
        (&server.put("/pages/home/files/=f"), "v"),
        (&form, "--b\r\nContent-Disposition: form-data; name=\"x"),
        (
            &form,
            "--b\r\nContent-Disposition: form-data; name=\"file[content]\"; filename=\"a\"\r\n\r\n",
        ),
    ] {
        let told = dribble(&server, &begun(call, first), b"x");
        assert!(told.starts_with("HTTP/1.1 408 "), "{first}: {told}");
        assert_eq!(told.matches("HTTP/1.1 ").count(), 1, "{told}");
    }
    // In chunks, too; and one of them may be as small as it likes.
    let chunked = batch.field("Transfer-Encoding", "chunked");
    let told = dribble(&server, &chunked.request().head(), b"1\r\n \r\n");
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    // Of none of them anything was kept.
    let list = server.get("/pages/home/properties").gives(200).xml();
    assert_eq!(list.attr("count"), "0");
    let files = server.get("/pages/home/files").gives(200).xml();
    assert_eq!(files.attr("count"), "0");
}

#[test]
fn a_body_in_tiny_chunks_is_taken() {
    let server = Server::start();
    let value = "v".repeat(100_000);
    let put = server.put("/pages/home/properties/p").text(&value);
    put.chunked(1).gives(200);
    assert_eq!(
        server.get("/pages/home/properties/p").gives(200).text(),
        value
    );
}

#[test]
fn an_idle_connection_gives_its_place_to_one_that_waits() {
    let server = Server::with(&["--head-secs", "1", "--connections-max", "3"]);
    let get = server.get("/pages/home/properties");
    // One that has never asked, one that has asked and is done, and one that stops in the middle.
    let silent = server.connect();
    let mut done = server.connect();
    done.send(get.request()).is(200);
    let mut half = server.connect();
    half.write(GET.as_bytes());
    get.gives(200);
    for mut connection in [silent, done, half] {
        assert!(connection.is_closed());
    }
}

#[test]
fn at_the_limit_of_the_head_it_fits_and_one_past_it_does_not() {
    let server = Server::with(&["--head-bytes-max", "8192"]);
    let with = |count: usize| format!("{GET}{}\r\n", "X: y\r\n".repeat(count));
    for (bytes, status) in [
        (with(127), 200),
        (with(128), 431),
        (padded(8192), 200),
        (padded(8193), 431),
    ] {
        let mut connection = server.connect();
        connection.write(bytes.as_bytes());
        let told = String::from_utf8(connection.first_bytes()).unwrap();
        let line = format!("HTTP/1.1 {status} ");
        assert!(told.starts_with(&line), "{} bytes: {told}", bytes.len());
    }
}

/// A request with a head of so many bytes.
fn padded(bytes: usize) -> String {
    let rest = bytes - GET.len() - "X: \r\n\r\n".len();
    format!("{GET}X: {}\r\n\r\n", "x".repeat(rest))
}

#[test]
fn clients_that_never_read_hinder_nobody_and_are_cut() {
    const GREEDY: usize = 32;
    const REQUESTS: usize = 60;
    // There is a place for one more.
    let places = (GREEDY + 1).to_string();
    let server = Server::with(&["--stream-secs", "1", "--connections-max", &places]);
    let value = "v".repeat(2000);
    let long = properties(0..100, |n| {
        format!("<property name='p{n}'><contents type='text/plain'>{value}</contents></property>")
    });
    server.batch("/pages/home", long).is(200);
    let list = server.get("/pages/home/properties");
    let size = list.gives(200).body.len();
    let asked = list.request().head().repeat(REQUESTS);
    let greedy: Vec<_> = (0..GREEDY)
        .map(|_| {
            let mut connection = server.connect();
            connection.write(&asked);
            connection
        })
        .collect();
    for n in 0..50 {
        let path = format!("/pages/home/properties/p{n}");
        let put = server.put(format!("{path}?abort=never"));
        put.text("w").gives(200);
        assert_eq!(server.get(&path).gives(200).text(), "w");
    }
    // All places are free again only when all of them are cut.
    let others: Vec<_> = (0..=GREEDY)
        .map(|_| {
            let mut connection = server.connect();
            connection.send(list.request()).is(200);
            connection
        })
        .collect();
    drop(others);
    // Whoever begins to read now gets what was on its way, and not all that it has asked for.
    for mut connection in greedy {
        let (mut piece, mut got) = (vec![0; 1 << 16], 0);
        while let Ok(count @ 1..) = connection.read_some(&mut piece) {
            got += count;
        }
        assert!(got < REQUESTS * size, "{got}");
    }
}

#[test]
fn clients_that_come_and_go_leave_nothing_behind() {
    let server = Server::with(&["--connections-max", "16"]);
    let get = server.get("/pages/home/properties").anonymous();
    let head = get.request().head();
    for n in 0..500 {
        let mut connection = server.connect();
        // Some say nothing, some a part of a request, some all of it, and none waits for the answer.
        connection.try_write(&head[..head.len() * (n % 3) / 2]);
    }
    get.gives(200);
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let sockets = open.filter(|entry| {
        let target = std::fs::read_link(entry.as_ref().unwrap().path());
        target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    });
    assert!(sockets.count() <= 16 + 8);
}

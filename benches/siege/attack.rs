//! Requests that go beyond what the head of a request, or a chunk, may be.

use crate::field::{Beat, Promise, Said, Siege, title};
use crate::raw::{Raw, request};
use anyhow::{Result, anyhow, ensure};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many clients send them, and how often a second each of them does, if the server lets it.
const CLIENTS: usize = 4;
const REQUESTS: u32 = 50;

/// How large a body in crumbs is.
const CRUMBS: usize = 200_000;

/// Does this on so many threads, each with its number.
pub(crate) fn together(count: usize, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        let died = |_| anyhow!("a client has died");
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(died)?)
    })
}

/// A request whose body comes in chunks, each of which is this.
fn in_chunks(chunk: &str, count: usize) -> Vec<u8> {
    let whole = request("PUT", "/pages/home/properties/p?abort=never", "", b"");
    let head =
        String::from_utf8_lossy(&whole).replace("Content-Length: 0", "Transfer-Encoding: chunked");
    [head, chunk.repeat(count), "0\r\n\r\n".to_owned()]
        .concat()
        .into_bytes()
}

/// Beyond every limit.
pub(crate) fn limits(siege: &mut Siege) -> Result<()> {
    title("limits: 4 clients send nothing but what is too large or too small");
    let promise = Promise::new(500, 200);
    let get = |path: &str, fields: &str| {
        format!("GET /@api/deki/{path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
    };
    let path = "pages/home/properties";
    let cases = [
        (
            "heads of 1 MB",
            get(path, &format!("X: {}\r\n", "x".repeat(1 << 20))),
            [431, 431],
        ),
        (
            "10,000 fields",
            get(path, &"X: y\r\n".repeat(10_000)),
            [431, 431],
        ),
        ("paths of 200 kB", get(&"x".repeat(200_000), ""), [414, 414]),
        (
            "queries of 60 kB",
            get(&format!("{path}?{}", "a=b&".repeat(15_000)), ""),
            [200, 400],
        ),
        (
            "a body in crumbs",
            in_chunks("1\r\nv\r\n", CRUMBS),
            [200, 200],
        ),
        (
            "extensions of chunks",
            in_chunks(&format!("1;{}\r\nv\r\n", "x".repeat(1000)), 1000),
            [400, 400],
        ),
        (
            "a length of 2^64 - 2",
            get(path, "Content-Length: 18446744073709551614\r\n"),
            [200, 431],
        ),
    ];
    for (name, bytes, statuses) in cases {
        let server = siege.server()?;
        siege.beside(name, &server, promise, |field| {
            let count = AtomicUsize::new(0);
            field.begin();
            together(CLIENTS, |_| {
                let (mut client, mut beat) = (Raw::new(field.address), Beat::new(REQUESTS));
                while !field.is_over() {
                    beat.wait();
                    let status = client.ask(&bytes)?;
                    ensure!(statuses.contains(&status), "{name}: answered with {status}");
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })?;
            Ok(Said::remark(format!("{} times", count.into_inner())))
        })?;
    }
    Ok(())
}

//! Another process holds the database (`promises.md` 24).

use crate::durability::{NAMES, batch, check_integrity, state_of};
use crate::harness::{Server, properties};
use rusqlite::Connection as Database;
use std::thread;
use std::time::{Duration, Instant};

/// Holds up all writes until it is dropped.
fn lock(server: &Server, how: &str) -> Database {
    let db = Database::open(server.db()).unwrap();
    db.execute_batch(how).unwrap();
    db
}

/// Reads on while this is so. No read takes long.
fn read_while(server: &Server, file: &str, goes_on: impl Fn() -> bool) {
    let state = state_of(server, file);
    while goes_on() {
        let began = Instant::now();
        assert_eq!(state_of(server, file), state);
        assert_eq!(server.get(file).gives(200).text(), "content");
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "readers are held up"
        );
    }
}

/// A server, and a file with the properties of a batch.
fn filled() -> (Server, String) {
    let server = Server::start();
    let file = server.file("f");
    let first = vec![String::new(); NAMES.len()];
    server
        .whatever(&batch(server.address(), &file, 1, &first))
        .is(200);
    (server, file)
}

#[test]
fn a_write_waits_for_a_lock_that_is_held_for_two_seconds() {
    let (server, file) = filled();
    for (how, counter) in [("BEGIN IMMEDIATE", 2), ("BEGIN EXCLUSIVE", 3)] {
        let (_, etags) = state_of(&server, &file);
        let next = batch(server.address(), &file, counter, &etags);
        let lock = lock(&server, how);
        thread::scope(|scope| {
            let write = scope.spawn(|| server.whatever(&next));
            let began = Instant::now();
            read_while(&server, &file, || began.elapsed() < Duration::from_secs(2));
            assert!(!write.is_finished(), "nothing held it up");
            lock.execute_batch("ROLLBACK").unwrap();
            assert_eq!(write.join().unwrap().is(200).xml().attr("count"), "5");
        });
    }
}

#[test]
fn each_of_eight_writers_is_told_within_30_s_of_a_lock_that_is_held_for_long() {
    let (server, file) = filled();
    let lock = lock(&server, "BEGIN IMMEDIATE");
    thread::scope(|scope| {
        let began = Instant::now();
        let writers: Vec<_> = (0..8)
            .map(|n| {
                let item = |n| {
                    format!(
                        "<property name='p{n}'><contents type='text/plain'>v</contents></property>"
                    )
                };
                let put = server
                    .put(format!("{file}/properties"))
                    .xml(properties([n], item));
                let write = move || (put.breaks(503), began.elapsed());
                let big = server.put(format!("/pages/home/files/=big{n}"));
                let upload = big.typed("application/octet-stream", vec![1; 300_000]);
                let upload = move || (upload.breaks(503), began.elapsed());
                // A file that comes in pieces waits in the same queue.
                if n % 4 == 3 {
                    scope.spawn(upload)
                } else {
                    scope.spawn(write)
                }
            })
            .collect();
        read_while(&server, &file, || {
            writers.iter().any(|writer| !writer.is_finished())
        });
        for writer in writers {
            let (refused, after) = writer.join().unwrap();
            assert!(after < Duration::from_secs(30), "{after:?}");
            assert_eq!(refused.field("retry-after"), Some("1"));
            assert!(refused.message().contains("locked by another process"));
        }
    });
    lock.execute_batch("ROLLBACK").unwrap();
    let (counter, etags) = state_of(&server, &file);
    server
        .whatever(&batch(server.address(), &file, counter + 1, &etags))
        .is(200);
    check_integrity(&server.db());
}

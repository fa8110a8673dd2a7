//! What was acknowledged stays, whole, whatever happens; and of many writers one wins (`promises.md` §1.1, §1.2;
//! `mindtouch.md` §16).

use crate::harness::{Connection, Node, PASSWORD, Request, Server, basic, etag_parts, program};
use rusqlite::Connection as Database;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// The properties that always change together.
pub(crate) const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A batch that gives all properties this counter as value, if they have these etags.
pub(crate) fn batch(address: SocketAddr, file: &str, counter: i64, etags: &[String]) -> Request {
    let mut document = "<properties>".to_owned();
    for (name, etag) in NAMES.iter().zip(etags) {
        write!(
            document,
            "<property name='{name}' etag='{etag}'><contents type='text/plain'>{counter}</contents></property>"
        )
        .unwrap();
    }
    document.push_str("</properties>");
    Request::new("PUT", format!("/@api/deki{file}/properties"))
        .field("Host", address.to_string())
        .field("Authorization", basic("admin", PASSWORD))
        .field("Content-Type", "application/xml")
        .with_body(document)
}

/// The counter that all properties of a file carry, and their etags; 0 before the first batch.
fn state(list: &Node) -> (i64, Vec<String>) {
    if list.attr("count") == "0" {
        return (0, vec![String::new(); NAMES.len()]);
    }
    assert_eq!(list.property_names(), NAMES, "a batch is there whole");
    let mut counters = BTreeSet::new();
    let mut etags = Vec::new();
    for block in list.all("property") {
        let counter: i64 = block.child("contents").text.parse().unwrap();
        let etag = block.attr("etag").to_owned();
        assert_eq!(etag_parts(&etag).1, counter, "each batch made one revision");
        counters.insert(counter);
        etags.push(etag);
    }
    assert_eq!(counters.len(), 1, "a batch is half there: {counters:?}");
    (counters.first().copied().unwrap(), etags)
}

/// The same of a file.
pub(crate) fn state_of(server: &Server, file: &str) -> (i64, Vec<String>) {
    state(&server.get(format!("{file}/properties")).gives(200).xml())
}

/// Sends one batch after the other until the server is gone: the counter of the last one that was acknowledged.
fn write_on(
    address: SocketAddr,
    file: &str,
    state: (i64, Vec<String>),
    acknowledged: &Sender<()>,
) -> i64 {
    let (mut counter, mut etags) = state;
    let mut connection = Connection::open(address);
    loop {
        let Ok(answer) = connection.try_send(&batch(address, file, counter + 1, &etags)) else {
            return counter;
        };
        let answer = answer.is(200).xml();
        assert_eq!(answer.attr("count"), "5");
        counter += 1;
        etags = answer
            .all("property")
            .iter()
            .map(|block| block.attr("etag").to_owned())
            .collect();
        // Nobody counts any more once the server is being killed.
        acknowledged.send(()).unwrap_or_default();
    }
}

/// Nothing is wrong with the database.
pub(crate) fn check_integrity(db: &Path) {
    let db = Database::open(db).unwrap();
    let all = |pragma: &str| -> Vec<String> {
        let mut statement = db.prepare(pragma).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(|row| row.unwrap()).collect()
    };
    assert_eq!(all("PRAGMA integrity_check"), ["ok"]);
    assert!(all("PRAGMA foreign_key_check").is_empty());
}

/// Sends files in pieces and deletes them, over and over, until the server is gone: the last one that was acknowledged, and
/// whether it was deleted since.
fn upload_on(address: SocketAddr, name: &str, from: u32) -> (u32, bool) {
    let mut connection = Connection::open(address);
    let request = |method: &str, path: String| {
        let request = Request::new(method, format!("/@api/deki{path}"));
        let request = request.field("Host", address.to_string());
        request.field("Authorization", basic("admin", PASSWORD))
    };
    let mut last = (from, false);
    loop {
        let number = last.0 + 1;
        let put = request("PUT", format!("/pages/home/files/={name}{number}"));
        let put = put.with_body(upload(number));
        let Ok(answer) = connection.try_send(&put) else {
            return last;
        };
        let id = answer.is(200).xml().attr("id").to_owned();
        last = (number, false);
        if number.is_multiple_of(2) {
            let Ok(answer) = connection.try_send(&request("DELETE", format!("/files/{id}"))) else {
                return last;
            };
            answer.is(200);
            last = (number, true);
        }
    }
}

/// The bytes of a file that is sent in two pieces.
fn upload(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(75_000)
}

/// What was sent and acknowledged is there, or gone if that was; the next one whole or not at all.
fn check_upload(server: &Server, name: &str, (last, is_deleted): (u32, bool)) -> u32 {
    let get = |number: u32| {
        let path = format!("/pages/home/files/={name}{number}");
        let answer = server.get(path).send();
        (answer.status == 200).then(|| assert!(answer.body == upload(number), "{number} is torn"))
    };
    if last > 0 && (is_deleted || last % 2 == 1) {
        assert_eq!(get(last).is_none(), is_deleted, "{name}{last}");
    }
    match get(last + 1) {
        Some(()) => last + 1,
        None => last,
    }
}

#[test]
fn after_kill_9_every_acknowledged_batch_is_there_and_none_is_half_there() {
    let mut dir = Arc::new(tempdir().unwrap());
    let mut files: Vec<String> = Vec::new();
    let mut last = [0; 7];
    let mut sent = (0, false);
    for cycle in 0..12 {
        let began = Instant::now();
        let server = Server::on(dir, &[]);
        assert!(began.elapsed() < Duration::from_secs(5), "ready within 5 s");
        if files.is_empty() {
            files = (0..last.len())
                .map(|n| server.file(&format!("f{n}")))
                .collect();
        }
        let states: Vec<_> = files.iter().map(|file| state_of(&server, file)).collect();
        for ((counter, _), last) in states.iter().zip(last) {
            let expected = last..=last + 1;
            assert!(
                expected.contains(counter),
                "{counter} is not in {expected:?}"
            );
        }
        let from = check_upload(&server, "u", sent);
        check_integrity(&server.db());
        let address = server.address();
        let (acknowledged, count) = channel();
        dir = thread::scope(|scope| {
            let writers: Vec<_> = files
                .iter()
                .zip(states)
                .map(|(file, state)| {
                    let acknowledged = acknowledged.clone();
                    scope.spawn(move || write_on(address, file, state, &acknowledged))
                })
                .collect();
            let uploads = scope.spawn(move || upload_on(address, "u", from));
            drop(acknowledged);
            // Killed at another moment each time, and never between two batches of all writers.
            for _ in 0..40 + 13 * cycle {
                count.recv().unwrap();
            }
            let dir = server.kill();
            for (last, writer) in last.iter_mut().zip(writers) {
                *last = writer.join().unwrap();
            }
            sent = uploads.join().unwrap();
            dir
        });
    }
    let server = Server::on(dir, &[]);
    for (file, last) in files.iter().zip(last) {
        let (counter, _) = state_of(&server, file);
        assert!((last..=last + 1).contains(&counter));
    }
    check_upload(&server, "u", sent);
    check_integrity(&server.db());
}

/// A server that dies at this place in its third COMMIT, and what is there then.
fn check_death(place: &str, is_there: bool) {
    let dir = Arc::new(tempdir().unwrap());
    let mut command = program(["serve", "--listen", "127.0.0.1:0", "--db"]);
    command
        .arg(dir.path().join("test.db"))
        .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD)
        .env("FAILPOINTS", format!("{place}=2*off->return"))
        .stdout(Stdio::null());
    let mut server = Server::spawn(command, dir);
    let file = server.file("f");
    let first = vec![String::new(); NAMES.len()];
    let address = server.address();
    server
        .connect()
        .send(&batch(address, &file, 1, &first))
        .is(200);
    let (_, etags) = state_of(&server, &file);
    let second = batch(address, &file, 2, &etags);
    assert!(
        server.connect().try_send(&second).is_err(),
        "nobody answers it"
    );
    assert!(!server.wait().success());
    let server = Server::on(server.dir(), &[]);
    let (counter, now) = state_of(&server, &file);
    assert_eq!(counter, if is_there { 2 } else { 1 });
    assert_eq!(now == etags, !is_there);
    let address = server.address();
    let next = batch(address, &file, counter + 1, &now);
    assert_eq!(
        server.connect().send(&next).is(200).xml().attr("count"),
        "5"
    );
    check_integrity(&server.db());
}

#[test]
fn of_a_batch_before_its_commit_nothing_is_there() {
    check_death("before-commit", false);
}

#[test]
fn a_batch_after_its_commit_is_there_whole_though_nobody_was_told() {
    check_death("after-commit", true);
}

/// Batches of two properties from 16 threads, each round with the same etags, while others read the list.
#[test]
fn of_16_rivals_with_one_etag_one_wins_and_no_list_is_torn() {
    const RIVALS: usize = 16;
    const ROUNDS: i64 = 20;
    let server = Server::start();
    let file = server.file("f");
    let first = vec![String::new(); NAMES.len()];
    server
        .connect()
        .send(&batch(server.address(), &file, 1, &first))
        .is(200);
    let done = AtomicBool::new(false);
    let (together, address) = (Barrier::new(RIVALS), server.address());
    let (winners, lists) = thread::scope(|scope| {
        let rivals: Vec<_> = (0..RIVALS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(address);
                    let mut won = 0;
                    for counter in 1..=ROUNDS {
                        let (now, etags) = state_of(&server, &file);
                        assert_eq!(now, counter);
                        together.wait();
                        let answer = connection
                            .try_send(&batch(address, &file, counter + 1, &etags))
                            .unwrap();
                        match (answer.status, answer.xml().attr("count")) {
                            (200, "5") => won += 1,
                            (207, "0") => {
                                let answer = answer.xml();
                                for block in answer.all("property") {
                                    assert_eq!(block.child("status").attr("code"), "409");
                                }
                            }
                            other => panic!("{other:?}"),
                        }
                        together.wait();
                    }
                    won
                })
            })
            .collect();
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (mut seen, mut lists) = (0, 0);
                    while !done.load(Ordering::Relaxed) {
                        let (counter, _) = state_of(&server, &file);
                        assert!(counter >= seen, "time goes backwards");
                        (seen, lists) = (counter, lists + 1);
                    }
                    lists
                })
            })
            .collect();
        let winners: i64 = rivals.into_iter().map(|rival| rival.join().unwrap()).sum();
        done.store(true, Ordering::Relaxed);
        let lists: i64 = readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .sum();
        (winners, lists)
    });
    assert_eq!(winners, ROUNDS, "one winner per etag");
    assert!(lists > 0);
    assert_eq!(state_of(&server, &file).0, winners + 1);
}

#[test]
fn of_16_rivals_that_create_a_property_one_does() {
    let server = Server::start();
    let file = server.file("f");
    let together = Barrier::new(16);
    for round in 0..5 {
        let statuses: Vec<u16> = thread::scope(|scope| {
            let rivals: Vec<_> = (0..16)
                .map(|_| {
                    scope.spawn(|| {
                        let post = server
                            .post(format!("{file}/properties"))
                            .field("Slug", round.to_string());
                        together.wait();
                        post.text("v").send().status
                    })
                })
                .collect();
            rivals
                .into_iter()
                .map(|rival| rival.join().unwrap())
                .collect()
        });
        assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1);
        assert_eq!(statuses.iter().filter(|&&status| status == 409).count(), 15);
    }
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    assert_eq!(list.attr("count"), "5");
}

#[test]
fn ids_and_revisions_go_on_after_a_crash() {
    let server = Server::start();
    let file = server.file("f");
    let first = server.property(&file, "p", "v");
    server.delete(format!("{file}/properties/p")).gives(200);
    let server = Server::on(server.kill(), &[]);
    let again = server.property(&file, "p", "v");
    assert!(
        etag_parts(&again).0 > etag_parts(&first).0,
        "an id is never given out twice"
    );
    server.delete(&file).gives(200);
    let server = Server::on(server.kill(), &[]);
    assert_ne!(server.file("f"), file);
}

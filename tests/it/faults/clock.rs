//! The clock jumps (`promises.md` 4): under libfaketime, which reads what time it is from a file.

use crate::durability::{NAMES, batch};
use crate::harness::{Connection, PASSWORD, Server, etag_parts, program};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tempfile::tempdir;

/// Where the clock goes from now.
const JUMPS: [&str; 9] = [
    "-20y", "+0", "+20y", "-20y", "+20y", "+0", "-1d", "+1", "-1",
];

/// The library that lies about the time.
fn library() -> PathBuf {
    let folders = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib",
    ];
    let at = |folder: &str| Path::new(folder).join("faketime/libfaketimeMT.so.1");
    folders
        .map(at)
        .into_iter()
        .find(|path| path.exists())
        .expect("libfaketime is there: .ci/faults installs it")
}

/// A server, and the file that says how far its clock is from ours.
fn server(monotonic: &str) -> (Server, PathBuf) {
    let dir = Arc::new(tempdir().unwrap());
    let clock = dir.path().join("clock");
    fs::write(&clock, "+0").unwrap();
    let mut command = program(["serve", "--listen", "127.0.0.1:0", "--db"]);
    command
        .arg(dir.path().join("test.db"))
        .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD)
        .env("LD_PRELOAD", library())
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", monotonic)
        .stdout(Stdio::null());
    (Server::spawn(command, dir), clock)
}

/// All at once, so that nobody reads half of it.
fn set(clock: &Path, to: &str) {
    let new = clock.with_extension("new");
    fs::write(&new, to).unwrap();
    fs::rename(new, clock).unwrap();
}

/// Has the server see the new time, which it does at its next request. If the clock that measures how long a request takes
/// has jumped as well, that one took years.
fn notice(server: &Server) {
    let get = server.get("/pages/home/properties");
    let is_answered = |_| server.connect().try_send(get.request()).is_ok();
    assert!((0..20).any(is_answered), "it does not go on answering");
}

/// No etag is there twice.
#[derive(Default)]
struct Seen {
    etags: BTreeSet<String>,
    years: BTreeSet<String>,
}

impl Seen {
    fn add(&mut self, etag: &str) {
        let (_, time) = etag.split_once("_ts").unwrap();
        self.years.insert(time[..4].to_owned());
        assert!(self.etags.insert(etag.to_owned()), "{etag} has come back");
    }
}

/// Between requests: revisions count on, names that were deleted get new numbers, tokens are good or not.
fn check_jumps_between(monotonic: &str, jumps: &[&str]) {
    let (server, clock) = server(monotonic);
    let file = server.file("f");
    let mut seen = Seen::default();
    let properties = format!("{file}/properties");
    let mut etag = server.property(&file, "kept", "v");
    seen.add(&etag);
    let mut newest = 0;
    for (round, jump) in jumps.iter().enumerate() {
        let old_token = server.get("/users/authenticate").gives(200);
        set(&clock, jump);
        notice(&server);
        // It may have run out; then that is said, and a new one is good.
        let ask = |token: &str| {
            let current = server.get("/users/current").anonymous();
            current.field("X-Authtoken", token).send().status
        };
        let status = ask(old_token.text());
        assert!(matches!(status, 200 | 401), "{status}");
        let token = server.get("/users/authenticate").gives(200);
        assert_eq!(ask(token.text()), 200, "{jump}");
        for _ in 0..3 {
            let put = server
                .put(format!("{properties}/kept"))
                .field("ETag", &etag);
            let put = put.text("v").gives(200).xml();
            let (before, now) = (etag_parts(&etag), etag_parts(put.attr("etag")));
            assert_eq!(now, (before.0, before.1 + 1), "{jump}");
            put.attr("etag").clone_into(&mut etag);
            seen.add(&etag);
        }
        let again = server.property(&file, "again", &round.to_string());
        let (id, revision) = etag_parts(&again);
        assert!(id > newest && revision == 1, "{again}");
        newest = id;
        seen.add(&again);
        server.delete(format!("{properties}/again")).gives(200);
    }
    assert!(
        seen.years.len() >= 3,
        "the clock did jump: {:?}",
        seen.years
    );
    // What was there before the jumps is still there in the order of its revisions.
    let list = server.get(&properties).gives(200).xml();
    assert_eq!(list.property("kept").attr("etag"), etag);
}

#[test]
#[ignore = "needs libfaketime: .ci/faults"]
fn revisions_count_on_and_no_etag_comes_back_when_the_clock_jumps() {
    check_jumps_between("1", &[JUMPS, JUMPS].concat());
}

/// The clock that never goes back does not, but it leaps.
#[test]
#[ignore = "needs libfaketime: .ci/faults"]
fn nor_when_all_clocks_leap_forward() {
    check_jumps_between("0", &["+1d", "+20y", "+21y", "+40y"]);
}

#[test]
#[ignore = "needs libfaketime: .ci/faults"]
fn nor_when_it_jumps_in_the_middle_of_batches() {
    let (server, clock) = server("1");
    let files: Vec<String> = (0..3).map(|n| server.file(&format!("f{n}"))).collect();
    let (address, done) = (server.address(), AtomicBool::new(false));
    let seen: Vec<Seen> = thread::scope(|scope| {
        let writers: Vec<_> = files
            .iter()
            .map(|file| {
                let done = &done;
                scope.spawn(move || {
                    let (mut seen, mut counter) = (Seen::default(), 0);
                    let mut etags = vec![String::new(); NAMES.len()];
                    let mut connection = Connection::open(address);
                    while !done.load(Ordering::Relaxed) || seen.years.len() < 3 {
                        counter += 1;
                        let answer = connection.send(&batch(address, file, counter, &etags));
                        let answer = answer.is(200).xml();
                        let blocks = answer.all("property");
                        etags = blocks
                            .iter()
                            .map(|block| block.attr("etag").to_owned())
                            .collect();
                        for etag in &etags {
                            assert_eq!(etag_parts(etag).1, counter);
                            seen.add(etag);
                        }
                        assert!(counter < 100_000, "the clock does not jump");
                    }
                    seen
                })
            })
            .collect();
        for _ in 0..40 {
            for jump in JUMPS {
                set(&clock, jump);
                // It takes a request for it to be seen.
                server.get("/pages/home/properties").gives(200);
            }
        }
        done.store(true, Ordering::Relaxed);
        // Until all have seen all times.
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            for jump in JUMPS {
                set(&clock, jump);
                server.get("/pages/home/properties").gives(200);
            }
        }
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect()
    });
    let all: usize = seen.iter().map(|seen| seen.etags.len()).sum();
    let mut etags = BTreeSet::new();
    for seen in seen {
        etags.extend(seen.etags);
    }
    assert_eq!(etags.len(), all, "two properties had one etag");
}

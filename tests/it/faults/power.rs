//! Power loss at any moment (`promises.md` 3).
//!
//! A server is watched by strace while it makes a database, serves batches, uploads and deletions of folders, and ends; and
//! once more on the same database. From what it wrote and synced, [`Disk`] makes what may be found after a power cut at
//! some moment, and another server is started on that: what was answered by then has to be there.

use super::disk::{Chance, Disk, Unsynced};
use super::trace::{self, Moment, Span, What};
use crate::durability::{NAMES, batch, check_integrity, state_of};
use crate::harness::{Answer, Connection, PASSWORD, Server, program};
use serde_json::json;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

/// How many power cuts are tried, at most, for each reason to try one.
const CUTS: usize = 36;

/// How many batches each of the writers sends in each of the two runs.
const BATCHES: usize = 200;
const WRITERS: usize = 4;

/// How many files are sent, and how long they are: three pieces.
const UPLOADS: usize = 16;
const UPLOAD_BYTES: usize = 600_000;

/// How many folders with folders in them are made and deleted.
const FOLDERS: usize = 12;

/// What a client asked for and got an answer to.
enum Deed {
    /// A file was made: its path.
    File(String),
    /// The properties of that file were changed: their etags since.
    Batch(Vec<String>),
    /// A file of this name was sent, with the content of this number.
    Upload(String, usize),
    /// A space was made, or a folder: its path.
    Made(String),
    /// A folder was deleted: its path, and those of the folders in it.
    Deleted(Vec<String>),
}

/// One client, with all that it did, in the order of the answers.
#[derive(Default)]
struct Client {
    deeds: Vec<Deed>,
    /// The port that it had in each run.
    ports: Vec<u16>,
    /// When the answers were given.
    answered: Vec<Moment>,
}

impl Client {
    fn connect(&mut self, server: &Server) -> Connection {
        let connection = server.connect();
        self.ports.push(connection.local_port());
        connection
    }

    /// Makes a file, and gives its properties new values again and again.
    fn write(&mut self, server: &Server, name: &str) {
        let mut connection = self.connect(server);
        if self.deeds.is_empty() {
            let put = server.put(format!("/pages/home/files/={name}")).text("x");
            let id = connection.send(put.request()).is(200).xml();
            self.deeds
                .push(Deed::File(format!("/files/{}", id.attr("id"))));
        }
        for _ in 0..BATCHES {
            let (file, counter, etags) = self.last_batch();
            let request = batch(server.address(), file, counter + 1, &etags);
            let answer = connection.send(&request).is(200).xml();
            assert_eq!(answer.attr("count"), "5");
            let blocks = answer.all("property");
            let etags = blocks.iter().map(|block| block.attr("etag").to_owned());
            self.deeds.push(Deed::Batch(etags.collect()));
        }
    }

    /// The file, how often its properties were changed, and their etags.
    fn last_batch(&self) -> (&str, i64, Vec<String>) {
        let Some(Deed::File(file)) = self.deeds.first() else {
            panic!("the file comes first");
        };
        let counter = i64::try_from(self.deeds.len()).unwrap() - 1;
        match self.deeds.last() {
            Some(Deed::Batch(etags)) => (file, counter, etags.clone()),
            _ => (file, counter, vec![String::new(); NAMES.len()]),
        }
    }

    /// Sends files in pieces, and some only by half.
    fn upload(&mut self, server: &Server) {
        let mut connection = self.connect(server);
        for _ in 0..UPLOADS {
            let number = self.deeds.len();
            let name = format!("u{}", number % 3);
            let put = server
                .put(format!("/pages/home/files/={name}"))
                .typed("application/octet-stream", content(number));
            if number % 4 == 3 {
                let bytes = [put.request().head(), put.request().wire_body()].concat();
                server.connect().write(&bytes[..bytes.len() / 2]);
            }
            connection.send(put.request()).is(200);
            self.deeds.push(Deed::Upload(name, number));
        }
    }

    /// Makes folders in a space and deletes them with what is in them.
    fn delete_folders(&mut self, server: &Server) {
        let mut connection = self.connect(server);
        let mut make = |deeds: &mut Vec<Deed>, path: &str, kind: &str, name: &str| {
            let post = server.post(path).json(&json!({kind: {"name": name}}));
            let made = connection.send(post.request()).is(201).json();
            let path = format!("/api/{kind}s/{}", made["id"]);
            deeds.push(Deed::Made(path.clone()));
            path
        };
        let deeds = &mut self.deeds;
        let space = make(deeds, "/api/spaces", "space", "S");
        let mut folders = Vec::new();
        for n in 0..FOLDERS {
            let name = format!("f{n}");
            let top = make(deeds, &format!("{space}/folders"), "folder", &name);
            let below = format!("{top}/folders");
            let first = make(deeds, &below, "folder", "a");
            let second = make(deeds, &below, "folder", "b");
            folders.push(vec![top, first, second]);
        }
        for gone in folders {
            let delete = server.delete(&gone[0]);
            connection.send(delete.request()).is(204);
            deeds.push(Deed::Deleted(gone));
        }
    }

    /// After a power cut: every answered deed is there, the next one whole or not at all, and what comes then works.
    fn check(&self, server: &Server, moment: Moment) {
        let answered = self.answered.partition_point(|&at| at < moment);
        let (done, open) = self.deeds.split_at(answered);
        let next = open.first();
        match (done.first(), next) {
            (Some(Deed::File(file)), _) => {
                let (counter, etags) = state_of(server, file);
                let index = usize::try_from(counter).unwrap();
                let wanted = done.len() - 1..=done.len() - 1 + usize::from(next.is_some());
                assert!(wanted.contains(&index), "{file} has {index}: {wanted:?}");
                if let Some(Deed::Batch(known)) = self.deeds.get(index) {
                    assert_eq!(&etags, known, "{file}");
                }
                let next = batch(server.address(), file, counter + 1, &etags);
                server.connect().send(&next).is(200);
            }
            (Some(Deed::Upload(..)), _) | (None, Some(Deed::Upload(..))) => {
                for name in ["u0", "u1", "u2"] {
                    let number = |deed: &Deed| {
                        let Deed::Upload(of, number) = deed else {
                            return None;
                        };
                        (of == name).then_some(*number)
                    };
                    let was = done.iter().rev().find_map(number);
                    let get = server.get(format!("/pages/home/files/={name}")).send();
                    check_content(name, was, next.and_then(number), &get);
                }
                let put = server.put("/pages/home/files/=u0");
                let put = put.typed("application/octet-stream", content(99));
                put.gives(200);
                let get = server.get("/pages/home/files/=u0").send();
                check_content("u0", Some(99), None, &get);
            }
            (Some(Deed::Made(_)), _) => {
                let unsure: &[String] = match next {
                    Some(Deed::Deleted(paths)) => paths,
                    _ => &[],
                };
                let mut gone: Vec<&String> = Vec::new();
                for deed in done.iter().rev() {
                    match deed {
                        Deed::Deleted(paths) => {
                            gone.extend(paths);
                            for path in paths {
                                server.get(path).refused(404);
                            }
                        }
                        Deed::Made(path) if gone.contains(&path) => {}
                        Deed::Made(path) => {
                            let status = server.get(path).send().status;
                            let may_be_gone = unsure.contains(path) && status == 404;
                            assert!(status == 200 || may_be_gone, "{path}: {status}");
                        }
                        Deed::File(_) | Deed::Batch(_) | Deed::Upload(..) => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// The bytes of an upload: no page of it is like its neighbours, nor like the same page of another upload.
fn content(number: usize) -> Vec<u8> {
    let mut bytes = vec![0; UPLOAD_BYTES];
    for (page, block) in bytes.chunks_mut(4096).enumerate() {
        block.fill(u8::try_from((number * 57 + page) % 251).unwrap());
    }
    bytes
}

/// A file has this content or that; without the first it may be missing.
fn check_content(name: &str, was: Option<usize>, next: Option<usize>, answer: &Answer) {
    if answer.status == 404 {
        assert_eq!(was, None, "{name} is lost");
        return;
    }
    assert_eq!(answer.status, 200);
    let is = |number: &usize| content(*number) == answer.body;
    assert!(
        was.iter().chain(&next).any(is),
        "{name} is neither {was:?} nor {next:?}"
    );
}

/// What was traced in all runs, and what the clients did.
struct Past {
    done: Vec<(Span, What)>,
    clients: Vec<Client>,
    end: Moment,
}

/// Serves the clients in two runs, the second on what the first has left.
fn past(dir: &Arc<TempDir>) -> Past {
    let mut clients: Vec<Client> = (0..WRITERS + 2).map(|_| Client::default()).collect();
    let (mut done, mut end) = (Vec::new(), 0);
    let traces = tempdir().unwrap();
    for run in 0..2 {
        let mut command = program(["serve", "--listen", "127.0.0.1:0", "--db"]);
        command
            .arg(dir.path().join("test.db"))
            .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD);
        let path = traces.path().join(run.to_string());
        let mut command = trace::traced(&command, &path);
        command.stdout(Stdio::null()).stdin(Stdio::null());
        let mut server = Server::spawn(command, Arc::clone(dir));
        thread::scope(|scope| {
            for (number, client) in clients.iter_mut().enumerate() {
                let server = &server;
                scope.spawn(move || match number {
                    0 => client.upload(server),
                    1 if run == 0 => client.delete_folders(server),
                    1 => {}
                    _ => client.write(server, &format!("w{number}")),
                });
            }
        });
        server.signal("TERM");
        assert!(server.wait().success());
        let found = trace::read(&path, dir.path(), end);
        for client in &mut clients {
            let port = client.ports.get(run);
            let answers = found.iter().filter_map(|(span, what)| {
                let is_ours = matches!(what, What::Answer(to) if Some(to) == port);
                is_ours.then_some(span.begun)
            });
            client.answered.extend(answers);
        }
        let last = found
            .iter()
            .map(|(span, _)| span.done.unwrap_or(span.begun));
        end = last.max().unwrap() + 1;
        done.extend(found);
    }
    for client in &clients {
        assert_eq!(client.answered.len(), client.deeds.len());
    }
    Past { done, clients, end }
}

/// Whether this is the log of SQLite.
fn is_log(file: &Path) -> bool {
    file.to_string_lossy().ends_with("-wal")
}

/// A moment at which the power fails, and what then becomes of what was not synced.
type Cut = (Moment, Unsynced, u64);

/// When to cut the power: right before and after syncs, right after answers, and at any time.
fn cuts(past: &Past, db: &Path) -> Vec<Cut> {
    use Unsynced::{Kept, Lost, Torn};
    let mut chance = Chance(1);
    let is_answer = |what: &What| matches!(what, What::Answer(_));
    let first_answer = past.done.iter().find(|(_, what)| is_answer(what));
    let first_answer = first_answer.unwrap().0.begun;
    let (mut early, mut late, mut copies, mut answers) = (vec![], vec![], vec![], vec![]);
    let (mut anew, mut to_come) = (vec![], 0);
    for (span, what) in &past.done {
        match what {
            What::Answer(_) => answers.extend([Lost, Lost, Torn].map(|how| (span.begun + 1, how))),
            What::Sync(path) => {
                let after = span.done.unwrap_or(span.begun) + 1;
                let both = [(span.begun, Torn), (after, Torn), (after, Lost)];
                if span.begun < first_answer {
                    early.extend(both);
                    early.push((span.begun, Kept));
                } else if path == db {
                    copies.extend(both);
                } else {
                    late.extend(both);
                    // What the log had is overwritten for good: the database must have it for good.
                    if to_come > 0 {
                        anew.extend(both);
                        to_come -= 1;
                    }
                }
            }
            What::Remove(_) | What::Create(_) | What::Truncate { .. } => {
                let after = span.done.unwrap_or(span.begun) + 1;
                copies.extend([Lost, Kept, Torn].map(|how| (after, how)));
            }
            What::Write { file, at: 0, .. } if is_log(file) => to_come = 3,
            What::Write { .. } => {}
        }
    }
    let mut any: Vec<_> = (0..CUTS).map(|_| (chance.below(past.end), Torn)).collect();
    any.push((past.end, Lost));
    let mut cuts = Vec::new();
    for mut these in [early, late, copies, anew, answers, any] {
        chance.shuffle(&mut these);
        these.truncate(CUTS);
        cuts.extend(these);
    }
    let numbered = cuts.into_iter().zip(0..);
    numbered
        .map(|((moment, how), seed)| (moment, how, seed))
        .collect()
}

/// Starts a server on what is left, and checks it.
fn check(past: &Past, disk: &Disk<'_>, cut: Cut) {
    let (moment, unsynced, seed) = cut;
    let dir = tempdir().unwrap();
    for (name, bytes) in disk.at(moment, unsynced, &mut Chance(seed)) {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let began = Instant::now();
    let server = Server::on(Arc::new(dir), &[]);
    assert!(began.elapsed() < Duration::from_secs(5), "ready within 5 s");
    for client in &past.clients {
        client.check(&server, moment);
    }
    check_integrity(&server.db());
}

#[test]
#[ignore = "needs strace: .ci/faults"]
fn after_a_power_cut_every_acknowledged_batch_is_there_and_none_is_half_there() {
    let dir = Arc::new(tempdir().unwrap());
    let db = dir.path().join("test.db");
    let past = past(&dir);
    let begun_anew = past
        .done
        .iter()
        .filter(|(_, what)| matches!(what, What::Write { file, at: 0, .. } if is_log(file)));
    assert!(begun_anew.count() >= 4, "the log is begun anew as it goes");
    let disk = Disk::new(dir.path(), &past.done);
    let cuts = cuts(&past, &db);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(cut) = cuts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = Told(*cut);
                    check(&past, &disk, *cut);
                    drop(told);
                }
            });
        }
    });
    println!("{} power cuts in {} lines of trace", cuts.len(), past.end);
}

/// Says which cut it was, if the check of it has failed.
struct Told(Cut);

impl Drop for Told {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the power was cut at {:?}", self.0);
        }
    }
}

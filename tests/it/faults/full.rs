//! A disk that is full, or takes no writes any more (`promises.md` 23).

use super::mount::{Small, done};
use crate::durability::{NAMES, batch, check_integrity, state_of};
use crate::harness::{Answer, Call, PASSWORD, Server, program, run};
use rusqlite::Connection as Database;
use serde_json::json;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How soon everything works again.
const SOON: Duration = Duration::from_secs(10);

const NO_ROOM: &str = "there is no room left on the disk of the server; nothing was written";

/// Gives the properties of a file new values until that is refused: their state then, and the refusal.
fn write_until_refused(server: &Server, file: &str) -> ((i64, Vec<String>), Answer) {
    let (mut counter, mut etags) = state_of(server, file);
    loop {
        let answer = server.whatever(&batch(server.address(), file, counter + 1, &etags));
        if answer.status != 200 {
            return ((counter, etags), answer);
        }
        counter += 1;
        let blocks = answer.xml();
        let blocks = blocks.all("property");
        assert_eq!(blocks.len(), NAMES.len());
        etags = blocks
            .iter()
            .map(|block| block.attr("etag").to_owned())
            .collect();
    }
}

/// An upload of three pieces.
pub(super) fn upload<'a>(server: &'a Server, name: &str) -> Call<'a> {
    server
        .put(format!("/pages/home/files/={name}"))
        .typed("application/octet-stream", vec![7; 600_000])
}

/// Nothing can be written, every client is told why in its own format, and what there is can be read.
fn check_full(server: &Server, file: &str, state: &(i64, Vec<String>)) {
    let (counter, etags) = state;
    let refused = server
        .whatever(&batch(server.address(), file, counter + 1, etags))
        .is(507);
    assert_eq!(refused.message(), NO_ROOM);
    assert_eq!(refused.field("retry-after"), Some("10"));
    assert_eq!(upload(server, "upload").breaks(507).message(), NO_ROOM);
    let space = server
        .post("/api/spaces")
        .json(&json!({"space": {"name": "S"}}));
    let told = space.breaks(507).json_error();
    assert!(
        told["error"].as_str().unwrap().contains("no room"),
        "{told}"
    );
    assert_eq!(&state_of(server, file), state);
    assert_eq!(server.get(file).gives(200).text(), "content");
    server.get("/pages/home/files/=upload").gives(404);
}

/// From now on it takes not long until everything works.
fn check_works_again(server: &Server, file: &str, state: &(i64, Vec<String>)) {
    let (counter, etags) = state;
    let again = batch(server.address(), file, counter + 1, etags);
    let began = Instant::now();
    while server.whatever(&again).status != 200 {
        assert!(began.elapsed() < SOON, "it does not work again");
    }
    assert_eq!(state_of(server, file).0, counter + 1);
    upload(server, "again").gives(200);
    let read = server.get("/pages/home/files/=again").gives(200);
    assert!(read.body == vec![7; 600_000]);
    check_integrity(&server.db());
}

#[test]
#[ignore = "needs root to mount: .ci/faults"]
fn two_mebibytes_are_enough_for_an_empty_store() {
    let disk = Small::in_memory(2 << 20);
    let server = Server::on(disk.dir(), &[]);
    let file = server.file("f");
    server.property(&file, "p", "v");
}

#[test]
#[ignore = "needs root to mount: .ci/faults"]
fn a_full_disk_is_told_and_nothing_is_half_written() {
    let disk = Small::new(12 << 20);
    let mut server = Server::on(disk.dir(), &[]);
    let files: Vec<String> = (0..4).map(|n| server.file(&format!("f{n}"))).collect();
    disk.fill(0);
    let states: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> = files
            .iter()
            .map(|file| scope.spawn(|| write_until_refused(&server, file)))
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect()
    });
    for (file, (state, refused)) in files.iter().zip(&states) {
        assert_eq!(refused.status, 507);
        check_full(&server, file, state);
    }
    disk.free(0);
    for (file, (state, _)) in files.iter().zip(&states) {
        check_works_again(&server, file, state);
    }
    // Nothing is left of the uploads that were cut off. What is asked in between gives it the time to go.
    let db = Database::open(server.db()).unwrap();
    let began = Instant::now();
    while 0 < db
        .query_row("SELECT count(*) FROM upload", [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap()
    {
        assert!(
            began.elapsed() < SOON,
            "an upload that was cut off is still there"
        );
        server.property(&files[0], &format!("{:?}", began.elapsed()), "v");
    }
    drop(db);
    // And once more, to its end: it closes, and is found as it was.
    disk.fill(0);
    let (state, _) = write_until_refused(&server, &files[0]);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    disk.free(0);
    let server = Server::on(disk.dir(), &[]);
    assert_eq!(state_of(&server, &files[0]), state);
    check_integrity(&server.db());
}

#[test]
#[ignore = "needs root to mount: .ci/faults"]
fn on_a_full_disk_nothing_starts_and_nothing_is_lost() {
    let disk = Small::new(12 << 20);
    disk.fill(0);
    // It may leave an empty file, which is as good as none.
    check_ends(&disk.dir(), "full");
    disk.free(0);
    let mut server = Server::on(disk.dir(), &[]);
    server.property("/pages/home", "p", "v");
    server.signal("TERM");
    assert!(server.wait().success());
    let before = std::fs::read(server.db()).unwrap();
    disk.fill(0);
    check_ends(&disk.dir(), "full");
    assert!(std::fs::read(server.db()).unwrap() == before);
    disk.free(0);
    let server = Server::on(disk.dir(), &[]);
    assert_eq!(
        server.get("/pages/home/properties/p").gives(200).text(),
        "v"
    );
}

#[test]
#[ignore = "needs root to mount: .ci/faults"]
fn a_checkpoint_for_which_there_is_no_room_is_made_later() {
    let disk = Small::new(40 << 20);
    // The log takes 8 MiB before it is copied, and there is no room for the copy.
    let server = Server::on(disk.dir(), &[]);
    let file = server.file("f");
    disk.fill(0);
    disk.free(0);
    let free = done(
        "df",
        &["--output=avail", "-B1", disk.dir().path().to_str().unwrap()],
    )
    .unwrap();
    let free: usize = free.lines().last().unwrap().trim().parse().unwrap();
    disk.put(0, free - (12 << 20));
    let mut sent = 0;
    let refused = loop {
        let call = upload(&server, &format!("u{sent}"));
        let answer = server.whatever(call.request());
        if answer.status != 200 {
            break answer;
        }
        sent += 1;
        assert!(sent < 60, "the disk is not full");
    };
    assert_eq!(refused.is(507).message(), NO_ROOM);
    server.wait_for_log("a checkpoint failed");
    let (state, refused) = write_until_refused(&server, &file);
    assert_eq!(refused.status, 507);
    check_full(&server, &file, &state);
    let lines = server.log().lines().count();
    for _ in 0..20 {
        upload(&server, "more").breaks(507);
    }
    let more = server.log().lines().count() - lines;
    assert!(more <= 20 * 5, "{more} lines for 20 refusals");
    disk.free(0);
    check_works_again(&server, &file, &state);
    for n in 0..sent {
        let read = server.get(format!("/pages/home/files/=u{n}")).gives(200);
        assert!(read.body == vec![7; 600_000]);
    }
    // The log is copied and begun anew, so it does not grow for ever.
    for n in 0..20 {
        upload(&server, &format!("later{n}")).gives(200);
    }
    let log = std::fs::metadata(disk.dir().path().join("test.db-wal")).unwrap();
    assert!(log.len() < 20 << 20, "{}", log.len());
    check_integrity(&server.db());
}

fn serve(dir: &Arc<TempDir>) -> Command {
    let mut command = program(["serve", "--listen", "127.0.0.1:0", "--db"]);
    command.arg(dir.path().join("test.db"));
    command.env("PROPSTORE_ADMIN_PASSWORD", PASSWORD);
    command
}

/// A start that ends at once, with one line that says why.
pub(super) fn check_ends(dir: &Arc<TempDir>, says: &str) {
    let began = Instant::now();
    let (code, out, err) = run(serve(dir));
    assert!(began.elapsed() < SOON);
    assert!(code.is_some_and(|code| code != 0), "{code:?}");
    assert_eq!(out, "");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.contains(says), "{err}");
}

//! A disk that takes no writes any more, and files that may only be read (`promises.md` 23, 26).

use super::full::{check_ends, upload};
use super::mount::{Small, done};
use crate::durability::{NAMES, batch, state_of};
use crate::harness::Server;
use std::ffi::OsString;
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;

/// The same, and nothing is changed.
fn check_no_start(dir: &Arc<TempDir>, says: &str) {
    let files = || -> Vec<(OsString, Vec<u8>)> {
        let entries = fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let mut files: Vec<_> = files
            .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = files();
    check_ends(dir, says);
    assert!(files() == before, "it has changed something");
}

#[test]
#[ignore = "needs root to mount: .ci/faults"]
fn on_a_disk_that_has_become_read_only_reads_go_on() {
    let disk = match Small::ext4(16 << 20) {
        Ok(disk) => disk,
        Err(error) => return eprintln!("left out, for want of an ext4: {error}"),
    };
    let server = Server::on(disk.dir(), &[]);
    let file = server.file("f");
    server.batch(&file, "<properties><property name='a'/></properties>");
    let first = batch(
        server.address(),
        &file,
        1,
        &vec![String::new(); NAMES.len()],
    );
    server.whatever(&first).is(200);
    let state = state_of(&server, &file);
    disk.fail();
    let next = batch(server.address(), &file, 2, &state.1);
    for _ in 0..3 {
        let refused = server.whatever(&next);
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.message().contains("disk"), "{}", refused.text());
    }
    upload(&server, "upload").breaks(503);
    assert_eq!(state_of(&server, &file), state);
    assert_eq!(server.get(&file).gives(200).text(), "content");
    let dir = server.kill();
    check_ends(&dir, "Read-only file system");
}

#[test]
#[ignore = "needs root to mount: .ci/faults"]
fn what_may_only_be_read_is_not_served() {
    let disk = Small::new(16 << 20);
    let mut server = Server::on(disk.dir(), &[]);
    server.property("/pages/home", "p", "v");
    server.signal("TERM");
    assert!(server.wait().success());
    // A disk that takes no writes, with a database that was closed, and with one that was not.
    disk.remount("ro");
    check_no_start(&disk.dir(), "Read-only file system");
    disk.remount("rw");
    let server = Server::on(disk.dir(), &[]);
    server.property("/pages/home", "q", "v");
    server.kill();
    disk.remount("ro");
    check_no_start(&disk.dir(), "Read-only file system");
    disk.remount("rw");
    // A file that may not be changed, not even by root.
    let db = disk.dir().path().join("test.db");
    if let Err(error) = done("chattr", &["+i".as_ref(), db.as_os_str()]) {
        return eprintln!("left out, for want of such a file: {error}");
    }
    check_no_start(&disk.dir(), "not permitted");
    done("chattr", &["-i".as_ref(), db.as_os_str()]).unwrap();
    let server = Server::on(disk.dir(), &[]);
    assert_eq!(
        server.get("/pages/home/properties/q").gives(200).text(),
        "v"
    );
}

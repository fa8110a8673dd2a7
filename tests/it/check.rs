//! `propstore check`: it reads all of a database, finds what is wrong in it, and changes nothing (`promises.md` 26).

use crate::harness::{Server, program, run};
use rusqlite::Connection as Database;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

fn check(db: &Path) -> (Option<i32>, String, String) {
    let mut command = program(["check", "--db"]);
    command.arg(db);
    run(command)
}

/// A server with a bit of everything.
fn filled() -> Server {
    let server = Server::start();
    let file = server.file("f");
    for n in 0..300 {
        server.property(&file, &format!("p{n:03}"), &"v".repeat(50));
    }
    server.property(&file, "large", &"v".repeat(600_000));
    server.property(&file, "gone", "v");
    server.delete(format!("{file}/properties/gone")).gives(200);
    server
}

fn stop(mut server: Server) -> Arc<TempDir> {
    server.signal("TERM");
    assert!(server.wait().success());
    server.dir()
}

/// What a folder has but for the index of the log, which SQLite makes anew for whoever opens it.
fn bytes_of(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_str().unwrap().ends_with("-shm"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_whole_database_is_told_to_be_whole_and_left_as_it_is() {
    let server = filled();
    let db = server.db();
    let whole = |db: &Path| {
        let before = bytes_of(db.parent().unwrap());
        let (code, out, err) = check(db);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
        assert!(
            out.contains("is whole: 2 pages, folders and files, 301 properties"),
            "{out}"
        );
        assert!(out.contains(" 1 large contents"), "{out}");
        assert_eq!(bytes_of(db.parent().unwrap()), before);
    };
    whole(&db);
    let dir = server.kill();
    assert!(db.with_extension("db-wal").exists());
    whole(&db);
    let dir = stop(Server::on(dir, &[]));
    whole(&db);
    drop(dir);
}

#[test]
fn where_there_is_no_database_none_is_made() {
    let dir = TempDir::new().unwrap();
    let (code, _, err) = check(&dir.path().join("none.db"));
    assert_eq!(code, Some(1));
    assert!(
        err.starts_with("error: ") && err.lines().count() == 1,
        "{err}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

fn stopped() -> (Arc<TempDir>, PathBuf) {
    let server = filled();
    let db = server.db();
    (stop(server), db)
}

/// Damages a database by SQL, and sees that it is found.
fn check_found(damages: &[(&str, &str)]) {
    let (dir, db) = stopped();
    let whole = fs::read(&db).unwrap();
    for (sql, says) in damages {
        fs::write(&db, &whole).unwrap();
        Database::open(&db).unwrap().execute_batch(sql).unwrap();
        let (code, out, err) = check(&db);
        assert_eq!(code, Some(1), "{sql}");
        assert!(out.contains(says), "{sql}: {out}");
        assert!(
            err.contains("is damaged") && err.lines().count() == 1,
            "{err}"
        );
        for path in [db.with_extension("db-wal"), db.with_extension("db-shm")] {
            drop(fs::remove_file(path));
        }
    }
    drop(dir);
}

#[test]
fn what_cannot_be_is_found_where_it_stands() {
    check_found(&[
        (
            "UPDATE heads SET properties = replace(properties, '\"p010\"', '\"p990\"')",
            "stands in the wrong place",
        ),
        (
            "UPDATE heads SET first = 'p001' WHERE first = (SELECT min(first) FROM heads WHERE resource = 2)",
            "stands in the wrong place",
        ),
        (
            "UPDATE heads SET properties = replace(properties, '\"text/plain', '\"text') WHERE resource = 2",
            "the type of the property",
        ),
        (
            "UPDATE heads SET properties = substr(properties, 1, 200) WHERE resource = 2",
            "in the row of resource 2",
        ),
        ("DELETE FROM log WHERE id = 5", "some are missing"),
        (
            "UPDATE log SET changes = '[' WHERE id = 5",
            "the entry 5 of the log",
        ),
        (
            "DELETE FROM chunk WHERE seq = 1",
            "bytes and should have 600000",
        ),
        (
            "UPDATE sequence SET next = 3 WHERE kind = 'property'",
            "the next property would be number 3",
        ),
    ]);
}

#[test]
fn a_page_that_cannot_be_read_is_found() {
    let (_dir, db) = stopped();
    let mut bytes = fs::read(&db).unwrap();
    // In the middle of the value, or of a page of something else: all but the roots, which a start looks at.
    let pages = bytes.len() / 8192;
    let text = b"vvvvvvvvvvvvvvvvvvvvvvvv";
    let page = (0..pages)
        .find(|page| {
            let page = &bytes[page * 8192..][..8192];
            page[0] == 10 && page.windows(text.len()).any(|window| window == text)
                || page[0] == 13 && page[5..7] != [0, 0] && page.windows(4).any(|w| w == b"p150")
        })
        .unwrap();
    bytes[page * 8192] = 77;
    fs::write(&db, &bytes).unwrap();
    let (code, out, err) = check(&db);
    assert_eq!(code, Some(1), "{out}");
    assert!(
        err.contains("damaged") || err.contains("malformed"),
        "{err}"
    );
    assert_eq!(fs::read(&db).unwrap(), bytes);
}

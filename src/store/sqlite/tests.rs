//! What only this store can show: threads, reopening, the tables, the file, and what others do to it.
//!
//! What it shares with every store is in `store::contract`.

mod search;
mod spaces;

use super::known::Known;
use super::{OpenError, Sqlite, SqliteOptions, heads, packed, rows, schema};
use crate::model::{
    Address, Body, Content, ContentId, DESCRIPTION_PROPERTY, Done, Edit, FileDescription,
    ListQuery, MediaType, NameFilter, NamePattern, NewNode, NodeId, Outcome, Precondition,
    Property, PropertyName, Put, Refusal, ResourceId, Role, Upload, UserId,
};
use crate::store::contract::{
    Client, HOME, account, at, binary, delete, is_damaged, noise, put, put_by, put_content, put_if,
    refusal, seen, setup, text, upload, uploaded, wait,
};
use crate::store::{CHUNK_BYTES, NewToken, Store, StoreError, Ticket};
use bytes::Bytes;
use proptest::prelude::*;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row, StatementStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

const THREADS: usize = 16;

/// A folder with one database in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("p.db")
    }

    fn options(&self) -> SqliteOptions {
        SqliteOptions::new(self.path())
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(&self.options(), setup).unwrap()
    }

    /// A connection as another program may have one.
    fn foreign(&self) -> Connection {
        let db = Connection::open(self.path()).unwrap();
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        db
    }

    /// Holds up all writes until it is dropped.
    fn lock(&self) -> Connection {
        let db = self.foreign();
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        db
    }

    /// Each file with its bytes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }
}

fn rows<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut statement = db.prepare(sql).unwrap();
    statement
        .query_map(params, row)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn number(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn value_of(client: &Client<'_>, property: &Property) -> String {
    String::from_utf8(client.bytes(&property.content)).unwrap()
}

// Threads: `mindtouch.md` §16.

#[test]
fn of_many_writers_with_one_etag_exactly_one_wins_and_no_update_is_lost() {
    const UPDATES: usize = 5;
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    client.put("count", "0");
    let winners = Mutex::new(BTreeMap::<String, usize>::new());
    let count_up = || {
        let mut left = UPDATES;
        while left > 0 {
            let head = client.read("count").unwrap();
            let next = value_of(&client, &head).parse::<usize>().unwrap() + 1;
            match client.edit(put_if("count", text(&next.to_string()), None, seen(&head))) {
                Ok(_) => {
                    *winners
                        .lock()
                        .unwrap()
                        .entry(head.etag().to_string())
                        .or_default() += 1;
                    left -= 1;
                }
                Err(Refusal::Stale { given, .. }) => assert_eq!(given, head.etag().to_string()),
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(count_up);
        }
    });
    let winners = winners.into_inner().unwrap();
    assert_eq!(winners.len(), THREADS * UPDATES);
    assert!(winners.values().all(|&count| count == 1), "{winners:?}");
    let head = client.read("count").unwrap();
    assert_eq!(value_of(&client, &head), (THREADS * UPDATES).to_string());
    assert_eq!(
        head.revision.get(),
        i64::try_from(THREADS * UPDATES).unwrap() + 1
    );
    store.close();
}

#[test]
fn of_many_creators_exactly_one_creates() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let start = Barrier::new(THREADS);
    for round in 0..10 {
        let name = format!("race{round}");
        let create = |number: usize| {
            let precondition = if number.is_multiple_of(2) {
                Precondition::Absent
            } else {
                Precondition::Seen(None)
            };
            start.wait();
            client.edit(put_if(&name, text(&number.to_string()), None, precondition))
        };
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|number| scope.spawn(move || create(number)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let created: Vec<_> = outcomes.iter().flatten().collect();
        assert_eq!(created, [&Done::Put(client.read(&name).unwrap())]);
        for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert!(
                matches!(refusal, Refusal::PropertyExists(_) | Refusal::Stale { .. }),
                "{refusal:?}"
            );
        }
    }
    assert_eq!(client.names().len(), 10);
    store.close();
}

#[test]
fn a_list_is_one_state_however_fast_others_write() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let write = |number: i32| {
        let value = number.to_string();
        client
            .write(vec![put("a", &value), put("b", &value)])
            .unwrap();
    };
    write(0);
    let done = AtomicBool::new(false);
    let observe = |names: &NameFilter| {
        let mut last = 0;
        while !done.load(Ordering::Relaxed) {
            let query = ListQuery {
                resource: HOME,
                names: names.clone(),
                cutoff: u64::MAX,
            };
            let listing = wait(store.list(&client.caller(), query)).unwrap();
            let [a, b] = &listing.properties[..] else {
                panic!("{listing:?}")
            };
            assert_eq!((&a.content, a.revision), (&b.content, b.revision));
            assert!(a.revision.get() >= last, "a list must not go back in time");
            last = a.revision.get();
        }
    };
    let exact = NameFilter::Matching(
        ["a", "b"]
            .map(|name| NamePattern::Is(name.to_owned()))
            .into(),
    );
    thread::scope(|scope| {
        let observers = [&NameFilter::All, &exact].map(|names| scope.spawn(move || observe(names)));
        (1..300).for_each(write);
        done.store(true, Ordering::Relaxed);
        for observer in observers {
            observer.join().unwrap();
        }
    });
    store.close();
}

#[test]
fn whoever_has_an_answer_sees_the_write_in_every_read_after_it() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    thread::scope(|scope| {
        for thread in 0..4 {
            let client = &client;
            scope.spawn(move || {
                for _ in 0..50 {
                    let written = client.put(&format!("a{thread}"), "1");
                    assert_eq!(client.read(&format!("a{thread}")).unwrap(), written);
                }
            });
        }
    });
    store.close();
}

// Reopening.

#[test]
fn after_a_reopening_everything_is_there_and_ids_go_on_growing() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let ann_herself = client.user("ann", Role::Contributor).who;
    let ann = ann_herself.id();
    let large = noise(CHUNK_BYTES + 1);
    client.put("small", "1");
    put_by(client.edit(put_content("large", binary(&large))));
    let newest = client.put("newest", "1");
    client.delete("newest");
    client
        .edit(Edit::SetLanguage("de".parse().unwrap()))
        .unwrap();
    client.upload("a.txt", "1");
    let file = client.upload("a.txt", "2");
    client.on(ResourceId::Node(file.id)).put("of a file", "1");
    let removed = client.upload("removed.txt", "1").id;
    client
        .on(ResourceId::Node(removed))
        .edit(Edit::Remove { demand: None })
        .unwrap();
    wait(store.add_token(
        &ann_herself,
        NewToken {
            hash: [7; 32],
            expires_at: at(99),
        },
        at(1),
    ))
    .unwrap();
    let Body::Stored(staged) = client.stage(b"1").body else {
        panic!("not stored")
    };
    let before = client.list().unwrap();
    store.close();
    let names: Vec<_> = place.files().into_keys().collect();
    assert_eq!(
        names,
        [place.path()],
        "when nobody has it open, the database is one file"
    );

    let store = Sqlite::open(&place.options(), || Err("it is no new database".to_owned())).unwrap();
    let client = Client::admin(&store);
    let after = client.list().unwrap();
    assert_eq!(
        (after.properties, after.users, after.language),
        (before.properties, before.users, before.language)
    );
    assert!(client.bytes(&client.read("large").unwrap().content) == large);
    assert_eq!(client.file(file.id).unwrap().file, file);
    assert_eq!(client.on(ResourceId::Node(file.id)).names(), ["of a file"]);
    assert_eq!(refusal(client.file(removed)), Refusal::FileRemoved);
    assert_eq!(
        wait(store.account("ANN"))
            .unwrap()
            .unwrap()
            .password
            .as_deref(),
        Some("hash of ann")
    );
    assert_eq!(
        wait(store.token([7; 32], at(98)))
            .unwrap()
            .map(|(user, _)| user.id),
        Some(ann)
    );

    assert!(client.put("newest", "2").id > newest.id);
    assert!(client.upload("removed.txt", "2").id > removed);
    assert!(client.user("bob", Role::Viewer).who.id() > ann);
    assert!(wait(store.stage(at(2))).unwrap() > staged);
    store.close();
}

/// Writes until nothing is staged any more and each piece belongs to a property: every round waits for what the
/// writer was asked before.
fn await_swept(store: &Sqlite, db: &Connection) {
    let token = |hash| NewToken {
        hash: [hash; 32],
        expires_at: at(1),
    };
    let admin = Client::admin(store).who;
    let swept = (1..100).any(|round| {
        wait(store.add_token(&admin, token(round), at(1))).unwrap();
        let left = "SELECT (SELECT count(*) FROM upload) + (SELECT count(*) FROM chunk WHERE content NOT IN
                    (SELECT content FROM property WHERE content IS NOT NULL))";
        number(db, left) == 0
    });
    assert!(swept);
}

#[test]
fn what_was_never_finished_is_swept_at_the_next_start() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let large = noise(CHUNK_BYTES + 1);
    put_by(client.edit(put_content("inline", binary(&large))));
    put_by(client.edit(put_content("staged", client.stage(&large))));
    client.stage(&noise(70 * CHUNK_BYTES));
    client.stage(&large);
    client.stage(b"");
    store.close();
    let db = place.foreign();
    assert_eq!(number(&db, "SELECT count(*) FROM upload"), 3);
    assert_eq!(number(&db, "SELECT count(*) FROM chunk"), 2 + 2 + 70 + 2);

    let store = place.open();
    await_swept(&store, &db);
    assert_eq!(number(&db, "SELECT count(*) FROM chunk"), 4);
    let client = Client::admin(&store);
    for name in ["inline", "staged"] {
        assert!(client.bytes(&client.read(name).unwrap().content) == large);
    }
    store.close();
}

/// Begins a content of many small pieces: only how many there are matters.
fn stage_pieces(store: &Sqlite, pieces: u32) -> ContentId {
    let id = wait(store.stage(at(1))).unwrap();
    let tickets: Vec<_> = (0..pieces)
        .map(|seq| store.append(id, seq, Bytes::from_static(b"x")))
        .collect();
    for ticket in tickets {
        wait(ticket).unwrap();
    }
    id
}

#[test]
fn what_is_discarded_is_swept_however_many_pieces_it_has() {
    let place = Place::new();
    let store = place.open();
    let db = place.foreign();
    for pieces in [0, 1, 31, 32, 33, 64, 100] {
        let id = stage_pieces(&store, pieces);
        assert_eq!(number(&db, "SELECT count(*) FROM chunk"), i64::from(pieces));
        wait(store.discard(id)).unwrap();
        await_swept(&store, &db);
    }
    store.close();
}

#[test]
fn a_content_is_gone_from_the_moment_it_is_discarded() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let id = stage_pieces(&store, 100);
    let content = Content {
        media_type: MediaType::octet_stream(),
        size: 100,
        body: Body::Stored(id),
    };
    let lock = place.lock();
    // The first write keeps the thread waiting, so that these three wait side by side.
    let tickets = ["first", "second"].map(|name| store.write(client.batch(vec![put(name, "1")])));
    let discarded = store.discard(id);
    let written = store.write(client.batch(vec![put_content("half", content)]));
    drop(lock);
    for ticket in tickets {
        wait(ticket).unwrap();
    }
    wait(discarded).unwrap();
    assert!(is_damaged(&wait(written)), "some pieces have gone already");
    await_swept(&store, &place.foreign());
    assert_eq!(client.names(), ["first", "second"]);
    store.close();
}

// The tables: `schema.sql` says what stands in them.

#[test]
fn a_plain_query_reads_the_properties_of_a_resource() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let file = client.upload("a.txt", "1").id;
    client.on(ResourceId::Node(file)).put("colour", "blue");
    client.on(ResourceId::Node(file)).put("empty", "");
    client.put("other", "1");
    let db = place.foreign();
    let sql = "SELECT name, value FROM property WHERE resource = ?1 ORDER BY id";
    let found = rows(&db, sql, [file.get()], |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(
        found,
        [
            ("colour".to_owned(), "blue".to_owned()),
            ("empty".to_owned(), String::new())
        ]
    );
    store.close();
}

/// A row of the view `property_revision`.
#[derive(Debug, PartialEq)]
struct Seen {
    id: i64,
    revision: i64,
    /// In seconds, and by whom.
    modified: (i64, i64),
    /// Type, description, size and value; a deletion has none of them.
    value: Option<(String, String, i64, Vec<u8>)>,
}

fn seen_revisions(db: &Connection, resource: ResourceId, name: &str) -> Vec<Seen> {
    let bytes = |content: Option<i64>, value: Option<String>| match (content, value) {
        (Some(content), None) => {
            let pieces = "SELECT bytes FROM chunk WHERE content = ?1 ORDER BY seq";
            rows(db, pieces, [content], |row| row.get::<_, Vec<u8>>(0)).concat()
        }
        (None, Some(value)) => value.into_bytes(),
        other => panic!("{other:?}"),
    };
    let sql = "
        SELECT id, revision, modified_at, modified_by, type, description, size, content, value, deleted
        FROM property_revision WHERE resource = ?1 AND name = ?2 ORDER BY id, revision";
    rows(db, sql, (resource.key(), name), |row| {
        let value = if row.get(9)? {
            assert_eq!(
                [4, 5, 6, 7, 8].map(|column| row.get_ref(column).unwrap()),
                [ValueRef::Null; 5]
            );
            None
        } else {
            Some((
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                bytes(row.get(7)?, row.get(8)?),
            ))
        };
        let millis: i64 = row.get(2)?;
        assert_eq!(millis % 1000, 0);
        Ok(Seen {
            id: row.get(0)?,
            revision: row.get(1)?,
            modified: (millis / 1000, row.get(3)?),
            value,
        })
    })
}

#[test]
fn the_view_shows_every_revision_there_ever_was() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let ann = client.user("ann", Role::Contributor);
    let (admins, anns) = (UserId::ADMIN.get(), ann.who.id().get());
    let name = "it's \"a\" \\ name é🐙\n";
    let values = [
        text("one"),
        text("line\n\"quoted\" \\ é🐙\u{1}"),
        binary(&[0xFF, 0xFE, 0x00, 0x0A]),
        text("before\0after"),
        binary(&noise(CHUNK_BYTES + 1)),
        text(""),
        binary(&noise(4096)),
    ];
    let mut expected = Vec::new();
    for (number, content) in (1..).zip(&values) {
        let (who, by) = if number % 2 == 0 {
            (&client, admins)
        } else {
            (&ann, anns)
        };
        let description = format!("change\n\"{number}\"");
        let put = Put {
            name: name.parse().unwrap(),
            content: content.clone(),
            description: description.clone(),
            demand: None,
            precondition: Precondition::Any,
        };
        put_by(who.at(number * 10).edit(Edit::Put(put)));
        let media_type = content.media_type.to_string();
        let value = Some((
            media_type,
            description,
            i64::try_from(content.size).unwrap(),
            client.bytes(content),
        ));
        expected.push(Seen {
            id: 1,
            revision: number,
            modified: (number * 10, by),
            value,
        });
    }
    let db = place.foreign();
    assert!(seen_revisions(&db, HOME, name) == expected);

    ann.at(80).delete(name);
    expected.push(Seen {
        id: 1,
        revision: 8,
        modified: (80, anns),
        value: None,
    });
    assert!(seen_revisions(&db, HOME, name) == expected);

    client.at(90).put(name, "again");
    let value = Some((
        "text/plain; charset=utf-8".to_owned(),
        String::new(),
        5,
        b"again".to_vec(),
    ));
    expected.push(Seen {
        id: 2,
        revision: 1,
        modified: (90, admins),
        value,
    });
    client.put("other", "1");
    client.on(ResourceId::Site).put(name, "1");
    assert!(seen_revisions(&db, HOME, name) == expected);
    assert_eq!(seen_revisions(&db, ResourceId::Site, name).len(), 1);
    store.close();
}

#[test]
fn the_view_shows_the_descriptions_of_files_as_well() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let mut file = None;
    for said in ["first", "second", "third"] {
        let (name, description) = (
            "a.txt".parse().unwrap(),
            FileDescription::Set(said.to_owned()),
        );
        let upload = Upload {
            demand: None,
            file: NewNode {
                name,
                uuid: Uuid::new_v4(),
            },
            content: text("1"),
            description,
        };
        file = Some(uploaded(client.edit(Edit::Upload(upload))).0.id);
    }
    let seen = seen_revisions(
        &place.foreign(),
        ResourceId::Node(file.unwrap()),
        DESCRIPTION_PROPERTY,
    );
    let values: Vec<_> = seen
        .into_iter()
        .map(|seen| (seen.revision, seen.value.unwrap().3))
        .collect();
    assert_eq!(
        values,
        [
            (1, b"first".to_vec()),
            (2, b"second".to_vec()),
            (3, b"third".to_vec())
        ]
    );
    store.close();
}

#[test]
fn the_log_says_what_changed_and_what_was_there_before() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    client
        .write(vec![put("a", "1"), delete("nothing"), put("b", "1")])
        .unwrap();
    client
        .at(2)
        .write(vec![delete("a"), put_content("b", binary(&[0xAB]))])
        .unwrap();
    put_by(client.edit(put_content("b", binary(&noise(4097)))));
    client.put("b", "2");
    let set_language = |language: &str| {
        client
            .edit(Edit::SetLanguage(language.parse().unwrap()))
            .unwrap()
    };
    set_language("de");
    set_language("fr");
    let file = client.upload("a.txt", "1").id;
    client.upload("a.txt", "2");
    client
        .on(ResourceId::Node(file))
        .edit(Edit::Remove { demand: None })
        .unwrap();
    let sql = "SELECT id || '|' || batch || '|' || resource || '|' || at || '|' || by || ' ' || changes FROM log ORDER BY id";
    let log: Vec<String> = rows(&place.foreign(), sql, [], |row| row.get(0));
    insta::assert_snapshot!(log.join("\n"), @r#"
    1|1|1|1000|1 [["put","a",1,1,null],["put","b",2,1,null]]
    2|2|1|2000|1 [["delete","a",1,2,[1,1000,1,"text/plain; charset=utf-8","",1,"1"]],["put","b",2,2,[1,1000,1,"text/plain; charset=utf-8","",1,"1"]]]
    3|3|1|1000|1 [["put","b",2,3,[2,2000,1,"application/octet-stream","",1,1]]]
    4|4|1|1000|1 [["put","b",2,4,[3,1000,1,"application/octet-stream","",4097,2]]]
    5|5|1|1000|1 [["language",null]]
    6|6|1|1000|1 [["language","de"]]
    7|7|2|1000|1 [["upload","a.txt",1,false]]
    8|8|2|1000|1 [["upload","a.txt",2,false]]
    9|9|2|1000|1 [["remove","a.txt",2]]
    "#);
    store.close();
}

#[test]
fn log_ids_have_no_gaps_whatever_is_refused_or_fails() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let lost = Content {
        media_type: MediaType::octet_stream(),
        size: 1,
        body: Body::Stored(ContentId::new(9).unwrap()),
    };
    client.put("a", "1");
    client.write(Vec::new()).unwrap();
    client.write(vec![delete("nothing")]).unwrap();
    refusal(
        client
            .on(ResourceId::User(UserId::ANONYMOUS.next()))
            .write(vec![put("a", "1")]),
    );
    assert!(is_damaged(
        &client.write(vec![put("b", "1"), put_content("c", lost.clone())])
    ));
    let site = ResourceId::Site;
    let edits = vec![
        (HOME, put("b", "1")),
        (HOME, put("c", "1")),
        (site, put("b", "1")),
        (HOME, put("d", "1")),
    ];
    wait(store.write(client.batch_on(edits))).unwrap();
    // A group of which one job fails: the others are run again.
    let lock = place.lock();
    let batches = [
        put("e", "1"),
        put("f", "1"),
        put_content("g", lost),
        put("h", "1"),
    ];
    let tickets = batches.map(|edit| store.write(client.batch(vec![edit])));
    drop(lock);
    let worked = tickets.map(|ticket| wait(ticket).is_ok());
    assert_eq!(worked, [true, true, false, true]);
    client.delete("a");

    let log = rows(
        &place.foreign(),
        "SELECT id, batch, resource FROM log ORDER BY id",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    );
    let expected = [
        (1, 1, 1),
        (2, 2, 1),
        (3, 2, 0),
        (4, 2, 1),
        (5, 5, 1),
        (6, 6, 1),
        (7, 7, 1),
        (8, 8, 1),
    ];
    assert_eq!(log, expected);
    store.close();
}

#[test]
fn a_batch_that_replaces_much_is_several_rows_of_the_log() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let names: Vec<_> = (0..600).map(|number| format!("a{number}")).collect();
    let write = |fill: &str| {
        let value = fill.repeat(4096);
        client
            .write(names.iter().map(|name| put(name, &value)).collect())
            .unwrap();
    };
    client.put("first", "1");
    write("x");
    write("y");
    client.put("last", "1");
    let db = place.foreign();
    let log = rows(
        &db,
        "SELECT id, batch, length(changes) FROM log ORDER BY id",
        [],
        |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
            ))
        },
    );
    let ids: Vec<_> = log.iter().map(|&(id, batch, _)| (id, batch)).collect();
    assert_eq!(ids, [(1, 1), (2, 2), (3, 3), (4, 3), (5, 3), (6, 6)]);
    assert!(
        log.iter().all(|&(_, _, bytes)| bytes < (1 << 20) + 8192),
        "{log:?}"
    );
    let old = "SELECT count(*) FROM property_revision WHERE revision = 1 AND size = 4096 AND substr(value, 1, 1) = 'x'";
    assert_eq!(number(&db, old), 600);
    store.close();
}

#[test]
fn no_secret_is_in_the_log_and_a_token_is_kept_as_its_hash() {
    let place = Place::new();
    let store = place.open();
    let admin = || Client::admin(&store).who;
    wait(store.add_account(&admin(), account("ann", Role::Viewer))).unwrap();
    wait(store.set_password(&admin(), UserId::ADMIN, "new hash".to_owned())).unwrap();
    wait(store.add_token(
        &admin(),
        NewToken {
            hash: [7; 32],
            expires_at: at(9),
        },
        at(1),
    ))
    .unwrap();
    let db = place.foreign();
    assert_eq!(number(&db, "SELECT count(*) FROM log"), 0);
    let hashes: Vec<Vec<u8>> = rows(&db, "SELECT hash FROM token", [], |row| row.get(0));
    assert_eq!(hashes, [vec![7; 32]]);
    store.close();
}

// The tree, with folders, which nothing can make yet.

#[test]
fn a_page_is_found_by_its_title_and_a_file_knows_where_it_lies() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let db = place.foreign();
    db.execute_batch(
        "INSERT INTO node (id, uuid, kind, parent, name, revision, created_at, created_by, changed_at, changed_by)
         VALUES (10, 'u10', 'page', 1, 'My first page', 1, 0, 1, 0, 1), (11, 'u11', 'page', 10, 'B', 1, 0, 1, 0, 1),
                (12, 'u12', 'folder', 11, 'C', 1, 0, 1, 0, 1), (13, 'u13', 'space', NULL, 'S', 1, 0, 1, 0, 1);
         UPDATE sequence SET next = 20 WHERE kind = 'node'",
    )
    .unwrap();
    let node = |id| NodeId::new(id).unwrap();
    let locate = |title: &str| {
        let place = wait(store.locate(&client.caller(), Address::PageTitled(title.to_owned())));
        place
            .map(|place| (place.resource, place.page))
            .map_err(|error| refusal::<()>(Err(error)))
    };
    let found = |id| Ok((ResourceId::Node(node(id)), Some(node(id))));
    for (title, expected) in [
        ("My first page", found(10)),
        ("My_first_page", found(10)),
        ("/My first_page/B/", found(11)),
        ("My first page/B/C", found(12)),
        ("my first page", Err(Refusal::NoSuchPage)),
        ("B", Err(Refusal::NoSuchPage)),
        ("S", Err(Refusal::NoSuchPage)),
    ] {
        assert_eq!(locate(title), expected, "{title}");
    }

    let file = client
        .on(ResourceId::Node(node(12)))
        .upload("a.txt", "1")
        .id;
    client.on(ResourceId::Node(file)).put("a", "1");
    let parent = client.file(file).unwrap().parent;
    assert_eq!(
        (parent.id, parent.path.as_str()),
        (node(12), "My first page/B/C")
    );

    db.execute(
        "UPDATE node SET deleted_at = 1, deleted_by = 1 WHERE id = 12",
        [],
    )
    .unwrap();
    assert_eq!(locate("My first page/B/C"), Err(Refusal::NoSuchPage));
    assert_eq!(
        refusal(client.on(ResourceId::Node(node(12))).list()),
        Refusal::NoSuchPage
    );
    let on_file = client.on(ResourceId::Node(file));
    assert_eq!(refusal(client.file(file)), Refusal::FileRemoved);
    assert_eq!(refusal(on_file.list()), Refusal::FileRemoved);
    assert_eq!(refusal(on_file.read("a")), Refusal::FileRemoved);
    assert_eq!(
        refusal(on_file.write(vec![put("a", "2")])),
        Refusal::FileRemoved
    );
    store.close();
}

// The file: `promises.md`.

#[test]
fn nobody_else_may_read_the_database() {
    let place = Place::new();
    let store = place.open();
    Client::admin(&store).put("a", "1");
    let modes: BTreeMap<_, _> = fs::read_dir(place.0.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                entry.metadata().unwrap().permissions().mode() & 0o777,
            )
        })
        .collect();
    let expected = ["p.db", "p.db-shm", "p.db-wal"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(modes, BTreeMap::from(expected));
    store.close();
}

/// Opens what is there, which has to fail and to leave everything as it is.
fn refused_open(place: &Place) -> OpenError {
    let before = place.files();
    let error = Sqlite::open(&place.options(), setup).unwrap_err();
    assert!(place.files() == before, "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

/// Opens what is there, which has to be refused as not ours, with these words.
fn assert_foreign(place: &Place, expected: &str) {
    let error = refused_open(place);
    let OpenError::Foreign { path, what } = error else {
        panic!("{error:?}")
    };
    assert!(*path == place.path() && what.contains(expected), "{what}");
}

/// What is at the path of the database.
enum There {
    Folder,
    Bytes(&'static str),
    Database(&'static str),
}

#[test]
fn what_is_no_database_of_ours_is_left_as_it_is() {
    let long = "Dear diary, today I opened a text file as if it were a database, and look what has become of it: nothing.";
    for (there, expected) in [
        (There::Folder, "not a file"),
        (There::Bytes("Dear diary"), "too short"),
        (There::Bytes("SQLite format 3\0"), "too short"),
        (There::Bytes(long), "not an SQLite database"),
        (
            There::Database("CREATE TABLE t (x); INSERT INTO t VALUES (1)"),
            "another program",
        ),
        (
            There::Database("PRAGMA journal_mode = WAL; CREATE TABLE t (x)"),
            "another program",
        ),
        (
            There::Database("PRAGMA user_version = 2; PRAGMA application_id = 7"),
            "another program",
        ),
        (
            There::Database("PRAGMA application_id = 0x70726f70"),
            "unknown format 0",
        ),
        (
            There::Database("PRAGMA application_id = 0x70726f70; PRAGMA user_version = -1"),
            "unknown format -1",
        ),
    ] {
        let place = Place::new();
        match there {
            There::Folder => fs::create_dir(place.path()).unwrap(),
            There::Bytes(bytes) => fs::write(place.path(), bytes).unwrap(),
            There::Database(sql) => place.foreign().execute_batch(sql).unwrap(),
        }
        assert_foreign(&place, expected);
    }
}

/// A database of ours, after somebody did this to it.
fn meddled(sql: &str) -> Place {
    let place = Place::new();
    place.open().close();
    place.foreign().execute_batch(sql).unwrap();
    place
}

#[test]
fn a_newer_database_is_left_to_a_newer_propstore() {
    let error = refused_open(&meddled("PRAGMA user_version = 6"));
    assert!(
        matches!(
            error,
            OpenError::Newer {
                found: 6,
                known: 5,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn an_older_database_is_left_to_the_propstore_that_made_it() {
    let error = refused_open(&meddled("PRAGMA user_version = 4"));
    assert!(
        error
            .to_string()
            .contains("has format 4, and this propstore reads only format 5"),
        "{error}"
    );
}

#[test]
fn a_database_that_lacks_its_tables_is_not_opened() {
    let error = refused_open(&meddled("DELETE FROM sequence WHERE kind = 'user'"));
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    for (meddling, expected) in [
        ("DROP TABLE sequence", "the table sequence"),
        ("DROP INDEX log_by_resource", "the index log_by_resource"),
        ("DROP VIEW property", "the view property"),
        ("ALTER TABLE node ADD COLUMN more TEXT", "the table node"),
    ] {
        assert_foreign(&meddled(meddling), expected);
    }
    meddled("CREATE TABLE mine (x); CREATE INDEX theirs ON log (at)\nwhere at > 0")
        .open()
        .close();
}

#[test]
fn a_database_that_is_cut_off_or_has_a_damaged_root_is_not_opened() {
    let place = meddled("PRAGMA journal_mode = DELETE");
    let whole = fs::read(place.path()).unwrap();
    fs::write(place.path(), &whole[..whole.len() / 2]).unwrap();
    assert_foreign(&place, "cut off");
    fs::write(place.path(), &whole).unwrap();
    let roots = rows(
        &place.foreign(),
        "SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 1",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?)),
    );
    assert!(roots.len() > 12);
    for (name, page) in roots {
        let mut bytes = whole.clone();
        bytes[(page as usize - 1) * schema::PAGE_BYTES] = 0xFF;
        fs::write(place.path(), &bytes).unwrap();
        let error = refused_open(&place);
        assert!(
            matches!(error, OpenError::Database { .. }),
            "{name}: {error:?}"
        );
    }
    fs::write(place.path(), &whole).unwrap();
    place.open().close();
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let place = Place::new();
    let options = SqliteOptions::new(place.0.path().join("nowhere").join("p.db"));
    let error = Sqlite::open(&options, setup).unwrap_err();
    assert!(matches!(error, OpenError::File { .. }), "{error:?}");
    assert!(place.files().is_empty());
}

#[test]
fn a_beginning_that_cannot_be_had_makes_no_file() {
    let place = Place::new();
    let error =
        Sqlite::open(&place.options(), || Err("no password was given".to_owned())).unwrap_err();
    assert_eq!(error.to_string(), "no password was given");
    assert!(place.files().is_empty());
}

#[test]
fn an_empty_file_becomes_a_database() {
    let place = Place::new();
    fs::write(place.path(), b"").unwrap();
    let store = place.open();
    Client::admin(&store).put("a", "1");
    store.close();
}

#[test]
fn a_creation_that_was_cut_off_is_begun_anew() {
    let other = Place::new();
    let db = other.foreign();
    // Little cache makes SQLite write to the file before the transaction ends.
    db.execute_batch("PRAGMA cache_size = 5; BEGIN; CREATE TABLE half (made)")
        .unwrap();
    for _ in 0..50 {
        db.execute("INSERT INTO half VALUES (zeroblob(4000))", [])
            .unwrap();
    }
    let place = Place::new();
    for (path, bytes) in other.files() {
        assert!(!bytes.is_empty(), "{}", path.display());
        fs::write(place.0.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    assert_eq!(place.files().len(), 2, "the database and its journal");

    let store = place.open();
    assert_eq!(Client::admin(&store).put("a", "1").id.get(), 1);
    assert_eq!(
        number(
            &place.foreign(),
            "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"
        ),
        0
    );
    store.close();
}

#[test]
fn what_cannot_be_in_a_row_is_damage_and_nothing_worse() {
    let good = r#"[["a",1,1,1000,1,"text/plain","",1,"1"]]"#;
    let wrong = [
        r#"[["a",0,1,1000,1,"text/plain","",1,"1"]]"#,
        r#"[["a",1,0,1000,1,"text/plain","",1,"1"]]"#,
        r#"[["a",1,99999999999999999999,1000,1,"text/plain","",1,"1"]]"#,
        r#"[["a",1,1,1.5,1,"text/plain","",1,"1"]]"#,
        r#"[["a",1,1,1000,0,"text/plain","",1,"1"]]"#,
        r#"[["a",1,1,1000,1,"text/","",1,"1"]]"#,
        r#"[["a",1,1,1000,1,"text/plain","",2,"1"]]"#,
        r#"[["a",1,1,1000,1,"text/plain","",-1,"1"]]"#,
        r#"[["a",1,1,1000,1,"text/plain","",1,0]]"#,
        r#"[["a",1,1,1000,1,"text/plain","",1,null]]"#,
        r#"[["a",1,1,1000,1,"text/plain","",1]]"#,
        r#"[["a",1,1,1000,1,"text/plain","",1,"1",1]]"#,
        r#"[["a",1,1,1000,1,"text/plain","",1,"\x"]]"#,
        r#"[["a",1,1,1000,1,"text/plain","",1,"1]]"#,
        r#"[["a",1,1,1000,1,"text/plain","",1,"1"]"#,
        r#"["a",1,1,1000,1,"text/plain","",1,"1"]"#,
        r#"[["\u0001",1,1,1000,1,"text/plain","",1,"1"],["#,
        r#"[["a",1"#,
        "[",
        "",
        "{}",
    ];
    for wrong in wrong {
        let place = Place::new();
        let store = place.open();
        let client = Client::admin(&store);
        client.put("a", "1");
        let row = "UPDATE heads SET properties = ?1 WHERE resource = 1";
        place.foreign().execute(row, [good]).unwrap();
        assert!(client.read("a").is_ok());
        place.foreign().execute(row, [wrong]).unwrap();
        assert!(is_damaged(&client.list()), "{wrong}");
        let both = client.write(vec![put("b", "1"), put("a", "2")]);
        assert!(is_damaged(&both), "{wrong}");
        let kept = "SELECT properties FROM heads WHERE resource = 1";
        assert_eq!(
            rows(&place.foreign(), kept, [], |row| row.get::<_, String>(0)),
            [wrong]
        );
        let other = put_by(client.on(ResourceId::Site).edit(put("a", "1")));
        assert_eq!(other.revision.get(), 1);
        store.close();
    }
}

// How heads are packed.

/// Looks at every row of heads: sorted, apart from its neighbours, not empty, and short unless it has a single head.
fn check_rows(db: &Connection) {
    let sql = "SELECT resource, first, properties FROM heads ORDER BY resource, first";
    let rows: Vec<(i64, String, String)> = rows(db, sql, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    let mut last: Option<(i64, String)> = None;
    for (resource, first, properties) in rows {
        let mut heads = packed::Heads::of(&properties);
        let (mut count, mut at_least) = (0, (resource, first));
        while let Some(head) = heads.next().unwrap() {
            let name = (resource, head.name.into_owned());
            assert!(last.as_ref() < Some(&name), "{last:?} is before {name:?}");
            assert!(at_least <= name, "{at_least:?} is not behind {name:?}");
            at_least.clone_from(&name);
            last = Some(name);
            count += 1;
        }
        assert!(count > 0, "a row without heads");
        assert!(
            count == 1 || properties.len() <= schema::PAGE_BYTES,
            "{count} heads"
        );
    }
}

/// What to do with the property of a number: write a value of so many bytes, or delete it.
fn wish() -> impl Strategy<Value = (u32, Option<usize>)> {
    (
        0..400_u32,
        prop_oneof![4 => (0..900_usize).prop_map(Some), 1 => Just(Some(4096)), 3 => Just(None)],
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_rows_of_heads_keep_their_form_and_lose_nothing(
        batches in prop::collection::vec(prop::collection::btree_map(0..400_u32, wish(), 1..120), 1..12),
    ) {
        let place = Place::new();
        let store = place.open();
        let client = Client::admin(&store);
        // Names that are the beginning of others, and what JSON or the cutting could stumble over.
        let name = |number: u32| {
            let begins = ["a", "é", "\"", "\\", "[", "],", "a,", "𝒳"];
            format!("{}{}", begins[(number % 8) as usize], number / 8 * 7 % 50)
        };
        let value = |bytes: usize| "\"],[\\,é\u{1}".chars().cycle().take(bytes).collect::<String>();
        let (mut model, mut revisions) = (BTreeMap::<String, String>::new(), 0);
        for batch in batches {
            let edits = batch.iter().map(|(number, (_, bytes))| match bytes {
                Some(bytes) => put(&name(*number), &value(*bytes)),
                None => delete(&name(*number)),
            });
            for outcome in client.write(edits.collect()).unwrap() {
                revisions += i64::from(outcome.is_ok());
            }
            for (number, (_, bytes)) in batch {
                match bytes {
                    Some(bytes) => model.insert(name(number), value(bytes)),
                    None => model.remove(&name(number)),
                };
            }
            check_rows(&place.foreign());
            let listed: BTreeMap<_, _> = client.list().unwrap().properties.iter().map(|property| {
                (property.key.name.to_string(), value_of(&client, property))
            }).collect();
            prop_assert_eq!(&listed, &model);
        }
        for (name, value) in &model {
            prop_assert_eq!(&value_of(&client, &client.read(name).unwrap()), value);
        }
        let seen = "SELECT count(*) FROM property_revision";
        prop_assert_eq!(number(&place.foreign(), seen), revisions);
        store.close();
    }
}

#[test]
fn names_far_apart_are_found_in_a_large_resource() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let names: Vec<String> = (0..3000).map(|number| format!("n{number:04}")).collect();
    for some in names.chunks(1000) {
        client
            .write(some.iter().map(|name| put(name, "1")).collect())
            .unwrap();
    }
    check_rows(&place.foreign());
    let few: Vec<&String> = names.iter().step_by(611).collect();
    let missing = ["a", "n0611x", "z"];
    let edits = few.iter().map(|name| put(name, "2"));
    let outcomes = client
        .write(edits.chain(missing.map(|name| put(name, "2"))).collect())
        .unwrap();
    let revisions: Vec<i64> = outcomes
        .into_iter()
        .map(|outcome| put_by(outcome).revision.get())
        .collect();
    assert_eq!(revisions, [2, 2, 2, 2, 2, 1, 1, 1]);
    assert_eq!(client.list().unwrap().properties.len(), 3003);
    check_rows(&place.foreign());
    store.close();
}

#[test]
fn a_row_that_is_gone_leaves_its_names_to_the_one_before() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let long = "v".repeat(3000);
    let all = ["b", "c", "d", "e", "f", "g", "h"];
    client
        .write(all.iter().map(|name| put(name, &long)).collect())
        .unwrap();
    let count = "SELECT count(*) FROM heads";
    assert_eq!(number(&place.foreign(), count), 4);
    // First the rows in the middle, then the very first one.
    client
        .write(vec![delete("d"), delete("e"), delete("f")])
        .unwrap();
    check_rows(&place.foreign());
    client
        .write(vec![put("e", "1"), delete("b"), delete("c")])
        .unwrap();
    client.write(vec![delete("e")]).unwrap();
    client.put("a", "1");
    client.put("d", "1");
    check_rows(&place.foreign());
    let listed = client.list().unwrap().properties;
    let names: BTreeSet<&str> = listed
        .iter()
        .map(|property| property.key.name.as_str())
        .collect();
    assert_eq!(names, BTreeSet::from(["a", "d", "g", "h"]));
    store.close();
}

// Who writes, and when.

/// Whether a ticket is answered already.
fn is_answered<T>(ticket: &mut Ticket<T>) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(ticket).poll(&mut context).is_ready()
}

#[test]
fn a_short_batch_is_made_at_once_if_nobody_else_writes() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let mut ticket = store.write(client.batch(vec![put("a", "1")]));
    assert!(is_answered(&mut ticket));
    assert_eq!(number(&place.foreign(), "SELECT count(*) FROM property"), 1);
    store.close();
}

#[test]
fn whoever_asks_is_not_held_up_by_another_process() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let lock = place.lock();
    let mut ticket = store.write(client.batch(vec![put("a", "1")]));
    assert!(!is_answered(&mut ticket));
    lock.execute_batch("COMMIT").unwrap();
    assert!(wait(ticket).unwrap().iter().all(Result::is_ok));
    store.close();
}

#[test]
fn the_log_of_sqlite_is_begun_anew_while_writes_go_on() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let log = place.0.path().join("p.db-wal");
    // How often the log was begun anew stands in its header.
    let begun = || {
        let head = fs::read(&log).unwrap();
        let number = head.get(12..16).map(|bytes| bytes.try_into().unwrap());
        u32::from_be_bytes(number.unwrap_or_default())
    };
    let first = begun();
    let value = "v".repeat(4000);
    let again = (0..20_000).any(|number| {
        client.put(&format!("n{}", number % 50), &value);
        number % 100 == 0 && begun() > first + 2
    });
    assert!(again);
    assert!(fs::metadata(&log).unwrap().len() < 64 << 20);
    store.close();
}

// What others do.

#[test]
fn a_lock_that_is_held_too_long_makes_writes_busy_until_it_ends() {
    let place = Place::new();
    let options = SqliteOptions {
        lock_timeout: Duration::from_millis(1),
        ..place.options()
    };
    let store = Sqlite::open(&options, setup).unwrap();
    let client = Client::admin(&store);
    client.put("a", "1");
    let lock = place.lock();
    assert!(matches!(
        client.write(vec![put("a", "2")]),
        Err(StoreError::Busy)
    ));
    assert!(matches!(wait(store.stage(at(1))), Err(StoreError::Busy)));
    assert_eq!(client.read("a").unwrap().revision.get(), 1, "reads go on");
    drop(lock);
    assert_eq!(client.put("a", "3").revision.get(), 2);
    store.close();
}

#[test]
fn a_lock_that_is_short_is_waited_for() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let lock = place.lock();
    let ticket = store.write(client.batch(vec![put("a", "1")]));
    assert_eq!(client.names(), [""; 0]);
    drop(lock);
    assert!(matches!(wait(ticket).unwrap()[..], [Ok(Done::Put(_))]));
    store.close();
}

#[test]
fn more_than_may_wait_is_turned_away_at_once_and_does_nothing() {
    let place = Place::new();
    let options = SqliteOptions {
        write_queue_max: 2,
        write_group_max: 1,
        ..place.options()
    };
    let store = Sqlite::open(&options, setup).unwrap();
    let client = Client::admin(&store);
    let lock = place.lock();
    // One may be with the writer, and two may wait.
    let tickets: Vec<_> = (0..10)
        .map(|i| store.write(client.batch(vec![put(&format!("a{i}"), "1")])))
        .collect();
    drop(lock);
    let mut worked = Vec::new();
    for (number, ticket) in tickets.into_iter().enumerate() {
        match wait(ticket) {
            Ok(_) => worked.push(format!("a{number}")),
            Err(error) => assert!(matches!(error, StoreError::Overloaded), "{error:?}"),
        }
    }
    assert!((2..=3).contains(&worked.len()), "{worked:?}");
    assert_eq!(client.names(), worked);
    store.close();
}

#[test]
fn a_job_that_fails_takes_no_other_of_its_group_with_it() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let staged = client.stage(b"staged");
    let lost = Content {
        body: Body::Stored(ContentId::new(99).unwrap()),
        ..staged.clone()
    };
    let write = |edit| store.write(client.batch(vec![edit]));
    let lock = place.lock();
    // While the first ones wait for the lock, the others gather behind them.
    let first = [write(put("a", "1")), write(put("b", "1"))];
    let created = write(put_if("c", text("1"), None, Precondition::Absent));
    let failing = write(put_content("d", lost));
    let again = write(put_if("c", text("2"), None, Precondition::Absent));
    let shown = write(put_content("e", staged));
    let user: Ticket<_> = store.add_account(&client.who, account("ann", Role::Viewer));
    let file = write(upload("a.txt", "1"));
    drop(lock);
    for ticket in first {
        wait(ticket).unwrap();
    }
    let created = put_by(wait(created).unwrap().remove(0));
    assert_eq!((created.id.get(), created.revision.get()), (3, 1));
    assert!(is_damaged(&wait(failing)));
    assert!(matches!(
        wait(again).unwrap()[..],
        [Err(Refusal::PropertyExists(_))]
    ));
    assert!(matches!(wait(shown).unwrap()[..], [Ok(Done::Put(_))]));
    assert_eq!(wait(user).unwrap().id, UserId::ANONYMOUS.next());
    let (file, _) = uploaded(wait(file).unwrap().remove(0));
    assert_eq!(file.id, NodeId::HOME.next());

    assert_eq!(client.names(), ["a", "b", "c", "e"]);
    assert_eq!(client.bytes(&client.read("e").unwrap().content), b"staged");
    assert_eq!(client.read("c").unwrap(), created);
    assert_eq!(client.file(file.id).unwrap().file, file);
    store.close();
}

/// How many transactions the write-ahead log holds: the last frame of each says how large the database is then.
fn commits(place: &Place) -> usize {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + schema::PAGE_BYTES;
    let wal = fs::read(place.0.path().join("p.db-wal")).unwrap();
    wal[HEADER..]
        .chunks_exact(FRAME)
        .filter(|frame| frame[4..8] != [0; 4])
        .count()
}

#[test]
fn writes_that_wait_together_share_a_commit() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    client.put("a", "1");
    client.put("a", "1");
    let before = commits(&place);
    assert_eq!(before, 2);
    let lock = place.lock();
    let tickets: Vec<_> = (0..100)
        .map(|_| store.write(client.batch(vec![put("a", "2")])))
        .collect();
    drop(lock);
    for ticket in tickets {
        wait(ticket).unwrap();
    }
    assert_eq!(client.read("a").unwrap().revision.get(), 102);
    let shared = commits(&place) - before;
    assert!(
        (1..=2).contains(&shared),
        "what the writer had taken, and what gathered behind it: {shared}"
    );
    store.close();
}

#[test]
fn what_waits_when_the_end_comes_is_written_first() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    let lock = place.lock();
    let names: Vec<_> = (0..50).map(|number| format!("a{number}")).collect();
    let tickets: Vec<_> = names
        .iter()
        .map(|name| store.write(client.batch(vec![put(name, "1")])))
        .collect();
    thread::scope(|scope| {
        scope.spawn(|| store.close());
        // Reading ends first: then the writer is about to hear of the end, while it still waits for the lock.
        while !matches!(client.read("a0"), Err(StoreError::Closed)) {
            thread::yield_now();
        }
        drop(lock);
    });
    for ticket in tickets {
        assert!(matches!(wait(ticket).unwrap()[..], [Ok(Done::Put(_))]));
    }
    let store = place.open();
    assert_eq!(Client::admin(&store).names(), names);
    store.close();
}

#[test]
fn whoever_asks_while_the_store_closes_is_answered_all_the_same() {
    for _ in 0..10 {
        let place = Place::new();
        let store = place.open();
        let client = Client::admin(&store);
        let began = Barrier::new(5);
        let ask = |number: usize| {
            let name = format!("a{number}");
            began.wait();
            let read = || while !matches!(client.read(&name), Err(StoreError::Closed)) {};
            let write =
                || while !matches!(client.write(vec![put(&name, "1")]), Err(StoreError::Closed)) {};
            if number.is_multiple_of(2) {
                read();
            } else {
                write();
            }
        };
        thread::scope(|scope| {
            for number in 0..4 {
                let ask = &ask;
                scope.spawn(move || ask(number));
            }
            began.wait();
            store.close();
        });
    }
}

#[test]
fn if_the_threads_that_read_die_nobody_waits_for_them_and_writes_go_on() {
    let place = Place::new();
    let store = Sqlite::open(
        &SqliteOptions {
            readers: 1,
            ..place.options()
        },
        setup,
    )
    .unwrap();
    let client = Client::admin(&store);
    let (all_wait, go) = std::sync::mpsc::channel();
    let dying: Ticket<()> = store.readers.read(move |_| {
        go.recv().unwrap();
        panic!("a bug")
    });
    let waiting = store.users();
    all_wait.send(()).unwrap();
    assert!(matches!(wait(dying), Err(StoreError::Closed)));
    assert!(matches!(wait(waiting), Err(StoreError::Closed)));
    assert!(matches!(wait(store.users()), Err(StoreError::Closed)));
    client.put("a", "1");
    assert!(client.read("a").is_ok(), "a look-up needs no thread");
    store.close();
}

/// A statement that SQLite compiles again for each set of values costs more than all it reads.
#[test]
fn no_statement_of_a_look_up_is_compiled_more_than_once() {
    let place = Place::new();
    let store = place.open();
    let client = Client::admin(&store);
    for number in 0..8 {
        client.put(&format!("p{number}"), "value");
    }
    let db = schema::open_reader(&place.options()).unwrap();
    let (who, key) = (client.caller(), client.read("p1").unwrap().key);
    let query = ListQuery {
        resource: key.resource,
        names: NameFilter::All,
        cutoff: 2048,
    };
    let names: Vec<PropertyName> = (0..8).map(|n| format!("p{n}").parse().unwrap()).collect();
    let names: Vec<&PropertyName> = names.iter().collect();
    let address = Address::Page(NodeId::HOME);
    for _ in 0..3 {
        rows::locate(&db, &who, &address).unwrap();
        rows::read(&db, &who, &key, None).unwrap();
        rows::whole_list(&db, &Arc::new(Known::default()).users(), &who, &query).unwrap();
        heads::Pack::new(&db).find(key.resource, &names).unwrap();
    }
    for sql in rows::HOT.into_iter().chain([heads::ROWS]) {
        let statement = db.prepare_cached(sql).unwrap();
        assert!(
            statement.get_status(StatementStatus::Run) >= 3,
            "not hot: {sql}"
        );
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql}");
    }
    drop(db);
    store.close();
}

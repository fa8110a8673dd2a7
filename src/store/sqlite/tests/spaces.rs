//! What only this store can show of spaces: how a large folder is deleted, and what stands in the tables.

use super::{Place, number, rows};
use crate::model::{
    Address, Content, Done, Edit, Kept, NameFilter, NodeId, NodeKind, PageSearch, Refusal,
    ResourceId, Setting, Settings, Spaces,
};
use crate::store::contract::spaces::{Course, add_file, add_folder};
use crate::store::contract::{Client, at, delete, put, refusal, setup, wait};
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::spaces::Tree;
use crate::store::{Setup, Store, StoreError};
use proptest::prelude::*;
use rusqlite::Connection;
use std::thread;

/// How many folders lie in each other, and how many files and properties each has.
const FOLDERS: usize = 12;
const FILES: usize = 250;
const PROPERTIES: usize = 60;

/// What is to be deleted: folders in each other with files and properties.
struct Large {
    top: NodeId,
    folders: Vec<NodeId>,
    nodes: i64,
}

fn large(course: &Course<'_>) -> Large {
    let admin = &course.admin;
    let mut folders = vec![admin.folder(course.root, "top")];
    let mut nodes = 0;
    for level in 0..FOLDERS {
        let parent = *folders.last().unwrap();
        let on = admin.on(ResourceId::Node(parent));
        let files = (0..FILES).map(|number| add_file(&format!("f{number}"), "1"));
        let names = (0..PROPERTIES).map(|number| format!("p{number}.{level}"));
        // Long enough that a folder has several rows of heads.
        let value = "x".repeat(600);
        let properties = names.map(|name| put(&name, &value));
        let edits: Vec<Edit> = files
            .chain(properties)
            .chain([add_folder("a side")])
            .collect();
        assert!(on.write(edits).unwrap().iter().all(Result::is_ok));
        nodes += i64::try_from(FILES + 2).unwrap();
        folders.push(admin.folder(parent, "below"));
    }
    // The last one stays empty.
    Large {
        top: folders[0],
        folders,
        nodes: nodes + 1,
    }
}

const LIVE: &str = "SELECT count(*) FROM node WHERE space IS NOT NULL AND deleted_at IS NULL";

const DYING: &str = "SELECT count(*) FROM dying";

const FOUND: &str = "SELECT count(*) FROM page_property";

const HEADS: &str = "SELECT count(*) FROM property";

const LOGGED: &str = "SELECT count(*) FROM log";

fn remove(client: &Client<'_>, node: NodeId) {
    let outcome = client.try_edit(node, Edit::Remove { demand: None });
    assert!(outcome.is_ok(), "{outcome:?}");
}

/// Writes until nothing is left to be marked; how many nodes lived after each write.
fn await_buried(client: &Client<'_>, db: &Connection) -> Vec<i64> {
    let mut live = Vec::new();
    for round in 0..10_000 {
        client.put("between", &round.to_string());
        live.push(number(db, LIVE));
        if number(db, DYING) == 0 {
            return live;
        }
    }
    panic!("something is dying for ever");
}

/// What has to be so when all is marked.
fn check_buried(db: &Connection, large: &Large, [heads, found]: [i64; 2]) {
    assert_eq!(number(db, DYING), 0);
    let sql = "
        WITH RECURSIVE down (id) AS (
            SELECT ?1 UNION ALL SELECT node.id FROM down JOIN node ON node.parent = down.id
        )
        SELECT deleted_at, deleted_by FROM down JOIN node ON node.id = down.id";
    let below: Vec<(Option<i64>, Option<i64>)> = rows(db, sql, [large.top.get()], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    assert_eq!(i64::try_from(below.len()).unwrap(), large.nodes);
    // All at the moment of the deletion, by the one who deleted.
    assert!(below.iter().all(|row| *row == (Some(9000), Some(1))));
    for folder in &large.folders {
        let sql = "SELECT count(*) FROM page_property WHERE page = ?1";
        let left: Vec<i64> = rows(db, sql, [folder.get()], |row| row.get(0));
        assert_eq!(left, [0]);
    }
    let gone = i64::try_from(FOLDERS * PROPERTIES).unwrap();
    // And the one that was put in between.
    assert_eq!(number(db, FOUND), found - gone + 1);
    assert_eq!(number(db, HEADS), heads + 1, "heads and the log stay");
}

#[test]
fn a_large_folder_is_marked_bit_by_bit_while_others_write() {
    let place = Place::new();
    let store = place.open();
    let admin = Client::admin(&store);
    let course = Course::new(&admin);
    let large = large(&course);
    let beside = admin.file_in(course.root, "beside").id;
    let db = place.foreign();
    let before = [number(&db, HEADS), number(&db, FOUND)];
    let (logged, live) = (number(&db, LOGGED), number(&db, LIVE));
    remove(&admin.at(9), large.top);
    let sql = "SELECT resource, at, by, changes FROM log WHERE id > ?1";
    let log: Vec<(i64, i64, i64, String)> = rows(&db, sql, [logged], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    let change = r#"[["remove","top",1]]"#.to_owned();
    assert_eq!(log, [(large.top.get(), 9000, 1, change)]);

    let seen = await_buried(&admin, &db);
    let left = live - large.nodes;
    assert_eq!(seen.last(), Some(&left));
    assert!(seen.is_sorted_by(|one, next| one >= next), "{seen:?}");
    let mut between: Vec<_> = seen.iter().filter(|&&live| live > left).collect();
    between.dedup();
    assert!(between.len() > 2, "not bit by bit: {seen:?}");
    check_buried(&db, &large, before);
    let writes = i64::try_from(seen.len()).unwrap();
    assert_eq!(number(&db, LOGGED), logged + 1 + writes);
    assert_eq!(admin.file(beside).unwrap().file.id, beside);
    store.close();
}

/// Deletes a folder, and closes the store before much of what is in it is marked.
fn remove_and_close(place: &Place, store: &Sqlite, folder: NodeId) {
    let admin = Client::admin(store);
    // The end waits behind the deletion before that is written, so that hardly anything comes between.
    let lock = place.lock();
    let doomed = admin.at(9).on(ResourceId::Node(folder));
    let removal = store.write(doomed.batch(vec![Edit::Remove { demand: None }]));
    thread::scope(|scope| {
        scope.spawn(|| store.close());
        while !matches!(admin.read("any"), Err(StoreError::Closed)) {
            thread::yield_now();
        }
        drop(lock);
    });
    assert_eq!(wait(removal).unwrap(), [Ok(Done::Removed)]);
}

#[test]
fn what_is_not_marked_yet_is_gone_all_the_same() {
    let place = Place::new();
    let store = place.open();
    let admin = Client::admin(&store);
    let course = Course::new(&admin);
    let large = large(&course);
    let every_page = |store: &Sqlite| {
        let search = PageSearch {
            names: NameFilter::All,
            offset: 0,
            limit: None,
        };
        let pages = wait(store.pages_with(&Client::admin(store).caller(), search)).unwrap();
        pages.iter().map(|page| page.node.id).collect::<Vec<_>>()
    };
    assert_eq!(every_page(&store).len(), 2 + FOLDERS);
    let stay = [course.space, course.root];
    remove_and_close(&place, &store, large.top);
    // As long as this holds the database, nothing is marked.
    let db = place.lock();
    let store = place.open();
    let admin = Client::admin(&store);
    let sql = "SELECT id, kind FROM node WHERE deleted_at IS NULL AND id > ?1";
    let live: Vec<(i64, String)> = rows(&db, sql, [large.top.get()], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    assert!(live.len() > 100, "it was too quick");
    for (id, kind) in live {
        let id = NodeId::new(id).unwrap();
        let (address, gone) = match &kind[..] {
            "file" => (Address::File(id), Refusal::FileRemoved),
            _ => (Address::Page(id), Refusal::NoSuchPage),
        };
        assert_eq!(refusal(wait(store.locate(&admin.caller(), address))), gone);
        assert_eq!(refusal(admin.on(ResourceId::Node(id)).list()), gone);
        let entry = wait(store.entry(&admin.caller(), id));
        assert_eq!(refusal(entry), gone);
    }
    assert_eq!(every_page(&store), stay);
    drop(db);
    store.close();
}

#[test]
fn what_was_not_marked_when_propstore_ended_is_marked_when_it_starts() {
    let place = Place::new();
    let store = place.open();
    let admin = Client::admin(&store);
    let large = large(&Course::new(&admin));
    let db = place.foreign();
    let before = [number(&db, HEADS), number(&db, FOUND)];
    let live = number(&db, LIVE);
    remove_and_close(&place, &store, large.top);
    let mut last = number(&db, LIVE);
    let left = live - large.nodes;
    assert!(number(&db, DYING) > 0 && last > left, "it was cut off");

    // It goes on at each start, and is not begun anew.
    for _ in 0..3 {
        let store = place.open();
        store.close();
        let live = number(&db, LIVE);
        assert!(live < last || last == left, "{live} of {last}");
        last = live;
    }
    let store = place.open();
    let admin = Client::admin(&store);
    let below = wait(store.page(&admin.caller(), large.folders[FOLDERS]));
    assert!(below.is_err());
    let seen = await_buried(&admin, &db);
    assert_eq!(seen.last(), Some(&left));
    check_buried(&db, &large, before);
    store.close();
}

#[test]
fn folders_that_are_deleted_one_after_the_other_are_all_marked() {
    let place = Place::new();
    let store = place.open();
    let admin = Client::admin(&store);
    let course = Course::new(&admin);
    let top = admin.folder(course.root, "top");
    let inner = admin.folder(top, "inner");
    let lowest = admin.folder(inner, "lowest");
    for folder in [top, inner, lowest] {
        admin.file_in(folder, "f");
        admin.on(ResourceId::Node(folder)).put("p", "1");
    }
    let db = place.foreign();
    for (second, folder) in (9..).zip([lowest, inner, top]) {
        remove(&admin.at(second), folder);
    }
    await_buried(&admin, &db);
    // Each keeps the moment at which it was deleted itself.
    let sql = "SELECT deleted_at FROM node WHERE id > ?1 AND kind = 'folder' ORDER BY id";
    let at: Vec<Option<i64>> = rows(&db, sql, [course.root.get()], |row| row.get(0));
    assert_eq!(at, [Some(11_000), Some(10_000), Some(9_000)]);
    assert_eq!(number(&db, LIVE), 2);
    let sql = "SELECT count(*) FROM page_property WHERE name = 'p'";
    assert_eq!(number(&db, sql), 0);
    store.close();
}

/// What the properties of a node say together.
fn settings(client: &Client<'_>, kind: NodeKind) -> Settings {
    let mut settings = Settings::default();
    for property in client.list().unwrap().properties {
        if let Some(setting) = Setting::of(kind, property.key.name.as_str()) {
            let bytes = client.bytes(&property.content).into();
            let content = Content::inline(property.content.media_type.clone(), bytes);
            settings.set(setting, Kept::of(setting, &content));
        }
    }
    settings
}

const NAMES: [&str; 15] = [
    "luminus.publish",
    "luminus.open",
    "luminus.startDate",
    "luminus.endDate",
    "luminus.submissionDeadline",
    "luminus.feedbackReleaseDate",
    "luminus.allowUpload",
    "luminus.allowLateSubmission",
    "luminus.allowComments",
    "luminus.viewAll",
    "luminus.allowDownload",
    "luminus.url",
    "luminus.sortFilesBy",
    "luminus.isLate",
    "luminus.description",
];

/// Values of all forms, so that each is good for some and bad for others.
const VALUES: [&str; 8] = [
    "true",
    "false",
    "1970-01-01T00:00:05Z",
    "1969-12-31T23:59:59.9999+08:00",
    "https://example.org/",
    "Name",
    "",
    "nonsense",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_table_of_settings_says_what_the_properties_say(
        batches in prop::collection::vec(
            prop::collection::btree_map(
                (0..3_usize, 0..NAMES.len()),
                prop::option::weighted(0.7, 0..VALUES.len()),
                1..10,
            ),
            1..20,
        ),
    ) {
        let place = Place::new();
        let store = place.open();
        let admin = Client::admin(&store);
        let course = Course::new(&admin);
        let folder = admin.folder(course.root, "folder");
        let file = admin.file_in(folder, "file").id;
        let nodes = [
            (course.space, NodeKind::Space),
            (folder, NodeKind::Folder),
            (file, NodeKind::File),
        ];
        let db = place.foreign();
        for batch in batches {
            let edits = batch.iter().map(|((node, name), value)| {
                let name = NAMES[*name];
                let edit = match value {
                    Some(value) => put(name, VALUES[*value]),
                    None => delete(name),
                };
                (ResourceId::Node(nodes[*node].0), edit)
            });
            wait(store.write(admin.batch_on(edits.collect()))).unwrap();
            for (node, kind) in nodes {
                let level = Tree(&db).levels(node).unwrap().unwrap()[0];
                let expected = settings(&admin.on(ResourceId::Node(node)), kind);
                prop_assert_eq!(level.settings, expected);
            }
        }
        store.close();
    }
}

#[test]
fn a_database_keeps_the_key_that_it_was_made_with() {
    let open = |place: &Place, key: u8| {
        let options = place.options();
        Sqlite::open(&options, || {
            Ok::<_, String>(Setup {
                link_key: [key; 32],
                at: at(0),
                ..setup()?
            })
        })
        .unwrap()
    };
    let (one, two) = (Place::new(), Place::new());
    for (place, key, expected) in [(&one, 1, 1), (&two, 2, 2), (&one, 3, 1), (&two, 4, 2)] {
        let store = open(place, key);
        assert_eq!(wait(store.link_key()).unwrap(), [expected; 32]);
        Course::new(&Client::admin(&store));
        assert_eq!(wait(store.link_key()).unwrap(), [expected; 32]);
        store.close();
    }
}

//! What only this store can show of a search: what stands in its index, and that all ways to the hits lead to the same.

use super::{Place, number, rows};
use crate::model::{Done, Edit, NodeId, ResourceId, search_form};
use crate::store::contract::search::assert_names_everybody;
use crate::store::contract::spaces::{Course, add_file, add_folder, rename};
use crate::store::contract::{Client, delete, put, setup, text, upload, uploaded, wait};
use crate::store::{Memory, Sqlite, SqliteOptions, Store};
use proptest::prelude::*;
use rusqlite::{Connection, params};
use std::fs;
use uuid::Uuid;

/// With more hits than `sqlite::search::FEW` says, the nodes below the top are looked through, if they are fewer.
const FEW: usize = 1000;

/// What has to stand in the index.
const LIVE: &str = "
    SELECT id, kind, name,
           (SELECT name FROM node_revision AS r WHERE r.node = node.id AND r.revision = node.revision),
           (SELECT coalesce(value, -content) FROM property WHERE resource = node.id AND name = 'luminus.url'),
           (SELECT coalesce(value, -content) FROM property WHERE resource = node.id AND name = 'luminus.description')
    FROM node WHERE space IS NOT NULL AND deleted_at IS NULL AND kind IN ('folder', 'file')";

/// A setting that may be too long for its row.
fn whole(db: &Connection, value: Option<rusqlite::types::Value>) -> String {
    use rusqlite::types::Value;
    match value {
        None => String::new(),
        Some(Value::Text(text)) => text,
        Some(Value::Integer(content)) => {
            let sql = "SELECT bytes FROM chunk WHERE content = ?1 ORDER BY seq";
            let pieces: Vec<Vec<u8>> = rows(db, sql, [-content], |row| row.get(0));
            String::from_utf8(pieces.concat()).unwrap()
        }
        Some(other) => panic!("{other:?}"),
    }
}

/// What stands in an index, token by token: it keeps no texts.
fn tokens(db: &Connection, schema: &str, table: &str) -> Vec<(i64, String, i64, String)> {
    let vocabulary = format!(
        "DROP TABLE IF EXISTS temp.tokens;
         CREATE VIRTUAL TABLE temp.tokens USING fts5vocab('{schema}', '{table}', 'instance')"
    );
    db.execute_batch(&vocabulary).unwrap();
    let sql = "SELECT doc, col, offset, term FROM temp.tokens";
    let mut tokens = rows(db, sql, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    tokens.sort();
    tokens
}

/// How long the texts are that each row of an index was made of.
fn sizes(db: &Connection, table: &str) -> Vec<(i64, Vec<u8>)> {
    let sql = format!("SELECT id, sz FROM {table}_docsize ORDER BY id");
    rows(db, &sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The index says what one says that is made anew from the nodes and their properties; and it is sound.
pub(super) fn check_index(db: &Connection) {
    db.execute_batch(
        "DROP TABLE IF EXISTS temp.anew;
         CREATE VIRTUAL TABLE temp.anew USING fts5 (
             name, url, description, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1'
         );
         BEGIN",
    )
    .unwrap();
    let live = rows(db, LIVE, [], |row| {
        let id: i64 = row.get(0)?;
        let kind: String = row.get(1)?;
        let [name, newest]: [String; 2] = [row.get(2)?, row.get(3)?];
        assert_eq!(name, newest);
        Ok((id, kind, name, [row.get(4)?, row.get(5)?]))
    });
    for (id, kind, name, link) in live {
        let [url, description] = link.map(|value| whole(db, value));
        let (url, description) = match (&kind[..], &url[..]) {
            ("file", "") | ("folder", _) => (String::new(), String::new()),
            _ => (search_form(&url), search_form(&description)),
        };
        let sql = "INSERT INTO temp.anew (rowid, name, url, description) VALUES (?1, ?2, ?3, ?4)";
        let row = params![id, search_form(&name), url, description];
        db.execute(sql, row).unwrap();
    }
    assert_eq!(sizes(db, "search"), sizes(db, "temp.anew"));
    assert_eq!(tokens(db, "main", "search"), tokens(db, "temp", "anew"));
    db.execute_batch("COMMIT").unwrap();
    let check = "INSERT INTO search (search) VALUES ('integrity-check')";
    db.execute_batch(check).unwrap();
}

/// The same in a copy of the files as they lie there, as if the machine had stopped now.
fn check_copy(place: &Place) {
    let copy = Place::new();
    for (path, bytes) in place.files() {
        let name = path.file_name().unwrap();
        if !name.to_string_lossy().ends_with("-shm") {
            fs::write(copy.0.path().join(name), bytes).unwrap();
        }
    }
    let store = copy.open();
    check_index(&copy.foreign());
    store.close();
    check_index(&copy.foreign());
}

fn edit(client: &Client<'_>, node: NodeId, edit: Edit) {
    let outcome = client.try_edit(node, edit);
    assert!(outcome.is_ok(), "{outcome:?}");
}

fn remove() -> Edit {
    Edit::Remove { demand: None }
}

fn await_buried(client: &Client<'_>, db: &Connection) {
    let dying = "SELECT count(*) FROM dying";
    for round in 0..10_000 {
        if number(db, dying) == 0 {
            return;
        }
        client.put("between", &round.to_string());
    }
    panic!("something is dying for ever");
}

#[test]
fn the_index_says_what_the_nodes_say_before_and_after_a_burial_and_when_it_is_opened_again() {
    let place = Place::new();
    let store = place.open();
    let admin = Client::admin(&store);
    let course = Course::new(&admin);
    let db = place.foreign();
    check_index(&db);
    let top = admin.folder(course.root, "Top");
    let mut below = top;
    for level in 0..4 {
        let files = (0..30).map(|number| add_file(&format!("É {level}.{number}"), "1"));
        let made = admin
            .on(ResourceId::Node(below))
            .write(files.collect())
            .unwrap();
        for outcome in made.into_iter().step_by(7) {
            let file = uploaded(outcome).0.id;
            admin.set(file, "url", &format!("https://example.org/{file}"));
            admin.set(file, "description", &"Long ".repeat(2000));
        }
        below = admin.folder(below, "below");
    }
    // What is outside of spaces is not searched.
    let page = admin.upload("on a page", "1").id;
    admin.set(page, "url", "http://a");
    check_index(&db);
    check_copy(&place);
    edit(&admin, top, remove());
    check_index(&db);
    check_copy(&place);
    while number(&db, "SELECT count(*) FROM dying") > 0 {
        admin.put("between", "1");
        check_index(&db);
    }
    let left = "SELECT count(*) FROM search_docsize";
    assert_eq!(number(&db, left), 1, "the first folder");
    check_copy(&place);
    store.close();
    check_index(&db);
    let store = place.open();
    let admin = Client::admin(&store);
    admin.file_in(course.root, "after");
    check_index(&db);
    store.close();
}

#[test]
fn a_file_that_is_deleted_by_the_batch_that_makes_it_a_link_is_not_in_the_index() {
    let place = Place::new();
    let store = place.open();
    let admin = Client::admin(&store);
    let course = Course::new(&admin);
    let file = admin.file_in(course.root, "file").id;
    let edits = vec![remove(), put("luminus.url", "http://a")];
    let outcomes = admin.on(ResourceId::Node(file)).write(edits).unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    check_index(&place.foreign());
    store.close();
}

/// What somebody does in a random history, at nodes that are counted round.
#[derive(Clone, Debug)]
enum Step {
    Folder(usize, usize),
    Files(usize, Vec<usize>),
    Upload(usize, usize),
    Rename(usize, usize),
    Revise(usize, usize),
    Link(usize, Option<usize>, Option<usize>),
    Remove(usize),
    Bury,
}

const NAMES: [&str; 9] = [
    "",
    "a",
    "ab",
    "abc",
    "ABC",
    "e\u{301}cole",
    "ÉCOLE",
    "a \"b\" c",
    "🐙🐙🐙",
];

fn step() -> impl Strategy<Value = Step> {
    let (node, name) = (|| 0..40_usize, || 0..NAMES.len());
    prop_oneof![
        2 => (node(), name()).prop_map(|(at, name)| Step::Folder(at, name)),
        3 => (node(), prop::collection::vec(name(), 1..8)).prop_map(|(at, names)| Step::Files(at, names)),
        1 => (node(), name()).prop_map(|(at, name)| Step::Upload(at, name)),
        2 => (node(), name()).prop_map(|(at, name)| Step::Rename(at, name)),
        2 => (node(), name()).prop_map(|(at, name)| Step::Revise(at, name)),
        4 => (node(), prop::option::of(name()), prop::option::of(name()))
            .prop_map(|(at, url, description)| Step::Link(at, url, description)),
        1 => node().prop_map(Step::Remove),
        1 => Just(Step::Bury),
    ]
}

impl Step {
    /// Where it happens, and what; nothing for a burial.
    fn edits(&self, nodes: &[NodeId]) -> Option<(NodeId, Vec<Edit>)> {
        let node = |at: &usize| nodes[at % nodes.len()];
        let name = |name: &usize| match NAMES[*name] {
            "" => "x",
            name => name,
        };
        Some(match self {
            Step::Folder(at, called) => (node(at), vec![add_folder(name(called))]),
            Step::Files(at, called) => (
                node(at),
                called
                    .iter()
                    .map(|called| add_file(name(called), "1"))
                    .collect(),
            ),
            Step::Upload(at, called) => (node(at), vec![upload(name(called), "2")]),
            Step::Rename(at, called) => (
                node(at),
                vec![match NAMES[*called] {
                    "" => Edit::Rename(crate::model::NodeName::or_blank("").unwrap()),
                    name => rename(name),
                }],
            ),
            Step::Revise(at, called) => (
                node(at),
                vec![Edit::Revise {
                    content: text("3"),
                    rename: Some(name(called).parse().unwrap()),
                    demand: None,
                }],
            ),
            Step::Link(at, url, description) => {
                let url = url.map_or_else(
                    || delete("luminus.url"),
                    |number| put("luminus.url", &format!("https://{number}")),
                );
                let description = description.map_or_else(
                    || delete("luminus.description"),
                    |called| {
                        put(
                            "luminus.description",
                            &NAMES[called].repeat(1 + called * 200),
                        )
                    },
                );
                (node(at), vec![url, description])
            }
            Step::Remove(at) => (node(at), vec![remove()]),
            Step::Bury => return None,
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn the_index_says_what_the_nodes_say_after_any_history(history in prop::collection::vec(step(), 1..40)) {
        let place = Place::new();
        let store = place.open();
        let admin = Client::admin(&store);
        let course = Course::new(&admin);
        let db = place.foreign();
        let mut nodes = vec![course.root];
        for step in &history {
            let Some((node, edits)) = step.edits(&nodes) else {
                await_buried(&admin, &db);
                check_index(&db);
                continue;
            };
            let batch = admin.on(ResourceId::Node(node)).batch(edits);
            let Ok(outcomes) = wait(store.write(batch)) else {
                continue;
            };
            for outcome in outcomes {
                match outcome {
                    Ok(Done::PageWritten(pages)) => nodes.extend(pages.iter().map(|page| page.id)),
                    Ok(Done::Uploaded { file, .. }) => nodes.push(file.id),
                    _ => {}
                }
            }
        }
        check_index(&db);
        check_copy(&place);
        await_buried(&admin, &db);
        check_index(&db);
        store.close();
    }
}

/// The same tree in a store.
fn grown(store: &dyn Store, many: usize) -> [NodeId; 4] {
    let admin = Client::admin(store);
    let course = Course::new(&admin);
    let mut seed = 0_u128;
    let mut file = |name: String| {
        seed += 1;
        let Edit::AddFile(mut new) = add_file(&name, "1") else {
            panic!("no file");
        };
        new.file.uuid = Uuid::from_u128(seed);
        Edit::AddFile(new)
    };
    let mut folder = |parent, name: &str, many: usize| {
        let Edit::AddFolder(mut new) = add_folder(name) else {
            panic!("no folder");
        };
        new.uuid = Uuid::from_u128(1 << 100 | name.len() as u128);
        let outcome = admin.try_edit(parent, Edit::AddFolder(new));
        let Ok(Done::PageWritten(made)) = outcome else {
            panic!("{outcome:?}");
        };
        let files = (0..many).map(|number| file(format!("Lecture {number:04}")));
        let on = admin.on(ResourceId::Node(made[0].id));
        assert!(on.write(files.collect()).unwrap().iter().all(Result::is_ok));
        made[0].id
    };
    let large = folder(course.root, "large", many);
    let small = folder(course.root, "small, too", 3);
    let other = admin
        .on(ResourceId::Node(small))
        .write(vec![file("other".to_owned())]);
    assert!(other.unwrap()[0].is_ok());
    [course.space, course.root, large, small]
}

#[test]
fn however_many_are_found_all_ways_to_them_lead_to_the_same() {
    // Other nodes are the three folders; everything is made by the same one.
    for many in [FEW - 7, FEW - 3, FEW - 2, FEW, FEW + 100] {
        let dir = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(&SqliteOptions::new(dir.path().join("p.db")), setup).unwrap();
        let memory = Memory::new(setup().unwrap());
        let stores: [&dyn Store; 2] = [&memory, &sqlite];
        let [tops, same] = stores.map(|store| grown(store, many));
        assert_eq!(tops, same);
        let [space, root, large, small] = tops;
        for (top, text, files) in [
            (space, "lecture", many + 3),
            (root, "lecture", many + 3),
            (large, "lecture", many),
            (small, "lecture", 3),
            (small, "lecture 0001", 1),
            (large, "lecture 0001", 1),
            (space, "lecture 0001", 2),
            (space, "LECTURE 000", 13),
            (small, "admin", 4),
            (small, "other", 1),
            (large, "admin", many),
            (space, "admin", many + 4),
            (space, "nothing", 0),
            (small, "a", 4),
        ] {
            let found = stores.map(|store| {
                let found = Client::admin(store).at(2).search(top, Some(text)).unwrap();
                assert_names_everybody(&found);
                (found.folders, found.files)
            });
            assert_eq!(found[0].1.len(), files, "{text} below {top} of {many}");
            let [model, reality] = found;
            // Both are of one shape but for what each names by chance.
            let shape =
                |(folders, files): &(Vec<crate::model::Detail>, Vec<crate::model::Detail>)| {
                    let all = folders.iter().chain(files);
                    all.map(|detail| {
                        (
                            detail.entry.id,
                            detail.entry.name.clone(),
                            detail.changed_at,
                        )
                    })
                    .collect::<Vec<_>>()
                };
            assert_eq!(
                shape(&model),
                shape(&reality),
                "{text} below {top} of {many}"
            );
        }
        // Members see the same but for what is hidden.
        let hide = |store: &dyn Store| {
            let admin = Client::admin(store);
            admin.set(large, "publish", "false");
            let course = Course {
                admin: admin.clone(),
                space,
                root,
            };
            let role = Some(crate::model::SpaceRole::Member);
            let member = course.person("member", role).at(3);
            [space, root, small].map(|top| {
                let found = member.search(top, Some("lecture")).unwrap();
                found
                    .files
                    .iter()
                    .map(|detail| detail.entry.id)
                    .collect::<Vec<_>>()
            })
        };
        let [model, reality] = stores.map(hide);
        assert_eq!(model, reality);
        assert!(model.iter().all(|found| found.len() == 3));
        if many == FEW + 100 {
            check_index(&Connection::open(dir.path().join("p.db")).unwrap());
        }
        sqlite.close();
    }
}

#[test]
fn no_name_has_the_character_that_ends_a_text_of_the_index() {
    for name in ["a\0b", "\0", "abc\0"] {
        assert!(name.parse::<crate::model::NodeName>().is_err());
        assert!(crate::model::NodeName::or_blank(name).is_err());
    }
    // What somebody else wrote into the table of nodes is not taken for a name.
    let place = Place::new();
    let store = place.open();
    let admin = Client::admin(&store);
    let course = Course::new(&admin);
    let folder = admin.at(2).folder(course.root, "folder");
    let db = place.foreign();
    let sql = "UPDATE node_revision SET name = 'a' || char(0) || 'b' WHERE node = ?1";
    db.execute(sql, [folder.get()]).unwrap();
    let found = admin.search(course.space, Some("folder"));
    assert!(super::is_damaged(&found), "{found:?}");
    store.close();
}

//! The behaviour that every store must show, whatever it keeps its state in: each case here runs against all of them.
//!
//! Rules: `mindtouch.md` §2, §4, §6, §7, §11, §13, §16. What depends on the state alone is in the tests of
//! `model::decide`; here stands what a store adds: what it finds, what it keeps, and what it must not write.

pub(super) mod search;
pub(super) mod spaces;

use super::{
    CHUNK_BYTES, INLINE_BYTES_MAX, Memory, NewAccount, NewGroup, NewToken, Setup, Sqlite,
    SqliteOptions, Store, StoreError, Ticket,
};
use crate::model::{
    Access, Address, Batch, Body, Caller, Change, Content, ContentId, DESCRIPTION_PROPERTY, Delete,
    Demand, Done, Edit, File, FileDescription, FileView, Grant, Grantee, GroupId, Invalid,
    ListQuery, Listing, MediaType, Member, NameFilter, NamePattern, NewNode, NodeId, NodeKind,
    Outcome, Page, PageSearch, PageSeen, Permissions, Place, Precondition, Principal, Property,
    PropertyKey, Put, Refusal, ResourceId, Restriction, Revision, Right, Rights, Role, Timestamp,
    Upload, User, UserChange, UserId, WritePage, title_levels,
};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::timeout;
use uuid::Uuid;

pub(super) const HOME: ResourceId = ResourceId::Node(NodeId::HOME);

/// Runs a case against each store, when it has only just been made.
fn every_store(case: impl Fn(&Client<'_>)) {
    let memory = Memory::new(setup().unwrap());
    // A failed test shows what it printed: the last line names the store.
    println!("in memory");
    case(&Client::admin(&memory));

    let dir = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(&SqliteOptions::new(dir.path().join("p.db")), setup).unwrap();
    println!("in SQLite");
    case(&Client::admin(&sqlite));
    sqlite.close();
}

#[expect(clippy::unnecessary_wraps, reason = "what Sqlite::open asks for")]
pub(super) fn setup() -> Result<Setup, String> {
    Ok(Setup {
        admin_password: "hash".to_owned(),
        link_key: [7; 32],
        at: at(0),
    })
}

/// Waits for an answer, but not for ever.
pub(super) fn wait<T>(ticket: Ticket<T>) -> Result<T, StoreError> {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let answer = runtime.block_on(async { timeout(Duration::from_secs(60), ticket).await });
    answer.unwrap_or_else(|_| panic!("nobody answers"))
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// Somebody who works on one resource of a store.
#[derive(Clone)]
pub(super) struct Client<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) who: Principal,
    pub(super) resource: ResourceId,
    pub(super) now: Timestamp,
}

impl<'a> Client<'a> {
    /// The first account, at the page `home`.
    pub(super) fn admin(store: &'a dyn Store) -> Self {
        let who = Principal::new(wait(store.user(UserId::ADMIN)).unwrap());
        Client {
            store,
            who,
            resource: HOME,
            now: at(1),
        }
    }

    pub(super) fn caller(&self) -> Caller {
        Caller {
            who: self.who.clone(),
            at: self.now,
        }
    }

    /// The same somebody at another resource.
    pub(super) fn on(&self, resource: ResourceId) -> Self {
        Client {
            resource,
            ..self.clone()
        }
    }

    /// The same somebody at another time.
    pub(super) fn at(&self, seconds: i64) -> Self {
        Client {
            now: at(seconds),
            ..self.clone()
        }
    }

    /// A new user of this name and role, at the same resource.
    pub(super) fn user(&self, name: &str, role: Role) -> Self {
        let user = wait(
            self.store
                .add_account(&Client::admin(self.store).who, account(name, role)),
        )
        .unwrap();
        Client {
            who: Principal::new(user),
            ..self.clone()
        }
    }

    fn anonymous(&self) -> Self {
        let who = Principal::new(wait(self.store.user(UserId::ANONYMOUS)).unwrap());
        Client {
            who,
            ..self.clone()
        }
    }

    pub(super) fn batch(&self, edits: Vec<Edit>) -> Batch {
        self.batch_on(
            edits
                .into_iter()
                .map(|edit| (self.resource, edit))
                .collect(),
        )
    }

    pub(super) fn batch_on(&self, edits: Vec<(ResourceId, Edit)>) -> Batch {
        let changes = edits
            .into_iter()
            .map(|(resource, edit)| Change { resource, edit })
            .collect();
        Batch::new(self.who.clone(), self.now, changes).unwrap()
    }

    pub(super) fn write(&self, edits: Vec<Edit>) -> Result<Vec<Outcome>, StoreError> {
        wait(self.store.write(self.batch(edits)))
    }

    /// What comes of one change.
    pub(super) fn edit(&self, edit: Edit) -> Outcome {
        let mut outcomes = self.write(vec![edit]).unwrap();
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0)
    }

    /// Puts a property, whatever is there.
    pub(super) fn put(&self, name: &str, value: &str) -> Property {
        put_by(self.edit(put(name, value)))
    }

    pub(super) fn delete(&self, name: &str) -> Property {
        match self.edit(delete(name)) {
            Ok(Done::Deleted(property)) => property,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn upload(&self, name: &str, value: &str) -> File {
        uploaded(self.edit(upload(name, value))).0
    }

    pub(super) fn read(&self, name: &str) -> Result<Property, StoreError> {
        let key = PropertyKey {
            resource: self.resource,
            name: name.parse().unwrap(),
        };
        wait(self.store.read(&self.caller(), key, None))
    }

    pub(super) fn list(&self) -> Result<Listing, StoreError> {
        let query = ListQuery {
            resource: self.resource,
            names: NameFilter::All,
            cutoff: u64::MAX,
        };
        wait(self.store.list(&self.caller(), query))
    }

    /// The names of the properties in the order of the list.
    pub(super) fn names(&self) -> Vec<String> {
        self.list()
            .unwrap()
            .properties
            .iter()
            .map(|property| property.key.name.to_string())
            .collect()
    }

    pub(super) fn file(&self, id: NodeId) -> Result<FileView, StoreError> {
        wait(self.store.file_view(&self.caller(), id, None))
    }

    fn locate(&self, address: Address) -> Result<Place, StoreError> {
        wait(self.store.locate(&self.caller(), address))
    }

    fn file_named(&self, name: &str) -> Result<Place, StoreError> {
        let page = Box::new(Address::Page(NodeId::HOME));
        self.locate(Address::FileNamed {
            page,
            name: name.parse().unwrap(),
        })
    }

    /// All bytes of a content, wherever they lie.
    pub(super) fn bytes(&self, content: &Content) -> Vec<u8> {
        match &content.body {
            Body::Inline(bytes) => bytes.to_vec(),
            Body::Stored(id) => {
                let pieces = content.size.div_ceil(CHUNK_BYTES as u64);
                let piece = |seq| wait(self.store.chunk(*id, u32::try_from(seq).unwrap())).unwrap();
                (0..pieces).map(piece).collect::<Vec<_>>().concat()
            }
            Body::Omitted => panic!("no bytes"),
        }
    }

    /// Sends a content in pieces; nothing refers to it yet.
    pub(super) fn stage(&self, bytes: &[u8]) -> Content {
        let id = wait(self.store.stage(self.now)).unwrap();
        for (seq, piece) in (0..).zip(bytes.chunks(CHUNK_BYTES)) {
            wait(self.store.append(id, seq, Bytes::copy_from_slice(piece))).unwrap();
        }
        Content {
            media_type: MediaType::octet_stream(),
            size: bytes.len() as u64,
            body: Body::Stored(id),
        }
    }
}

pub(super) fn account(name: &str, role: Role) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        full_name: format!("{name} the user"),
        email: Some(format!("{name}@example.org")),
        matric_no: None,
        role,
        access: Access::Active,
        password: format!("hash of {name}"),
        uuid: Uuid::from_u128(
            name.bytes()
                .fold(1, |sum, byte| sum * 256 + u128::from(byte)),
        ),
        at: at(5),
    }
}

pub(super) fn text(value: &str) -> Content {
    Content::inline(
        MediaType::text_utf8(),
        Bytes::copy_from_slice(value.as_bytes()),
    )
}

pub(super) fn binary(bytes: &[u8]) -> Content {
    Content::inline(MediaType::octet_stream(), Bytes::copy_from_slice(bytes))
}

/// Bytes in which no two pieces are alike.
pub(super) fn noise(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| (i * 31 + i / 251 + i / CHUNK_BYTES).to_le_bytes()[0])
        .collect()
}

pub(super) fn put(name: &str, value: &str) -> Edit {
    put_content(name, text(value))
}

pub(super) fn put_content(name: &str, content: Content) -> Edit {
    put_if(name, content, None, Precondition::Any)
}

pub(super) fn put_if(
    name: &str,
    content: Content,
    demand: Option<Demand>,
    precondition: Precondition,
) -> Edit {
    let (name, description) = (name.parse().unwrap(), String::new());
    Edit::Put(Put {
        name,
        content,
        description,
        demand,
        precondition,
    })
}

pub(super) fn seen(property: &Property) -> Precondition {
    Precondition::Seen(Some(property.etag().to_string()))
}

pub(super) fn delete(name: &str) -> Edit {
    Edit::Delete(Delete {
        name: name.parse().unwrap(),
        alias: None,
        demand: None,
        etag: None,
    })
}

pub(super) fn upload(name: &str, value: &str) -> Edit {
    described(name, value, FileDescription::Keep)
}

fn described(name: &str, value: &str, description: FileDescription) -> Edit {
    let name = name.parse().unwrap();
    Edit::Upload(Upload {
        demand: None,
        file: NewNode {
            name,
            uuid: Uuid::new_v4(),
        },
        content: text(value),
        description,
    })
}

fn refused(name: &str) -> Edit {
    Edit::Refused {
        name: name.to_owned(),
        refusal: Invalid::MediaType {
            property: "a".to_owned(),
            given: String::new(),
        }
        .into(),
    }
}

pub(super) fn put_by(outcome: Outcome) -> Property {
    match outcome {
        Ok(Done::Put(property)) => property,
        other => panic!("{other:?}"),
    }
}

pub(super) fn uploaded(outcome: Outcome) -> (File, Option<Property>) {
    match outcome {
        Ok(Done::Uploaded { file, property, .. }) => (file, property),
        other => panic!("{other:?}"),
    }
}

/// The refusal that a store answers.
pub(super) fn refusal<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> Refusal {
    match answer {
        Err(StoreError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

pub(super) fn is_damaged<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Damaged(_)))
}

fn stale(given: &str, head: &Property) -> Refusal {
    Refusal::Stale {
        given: given.to_owned(),
        property: head.id,
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::NoSuchProperty(name.to_owned())
}

// Properties: `mindtouch.md` §4, §6, §7.

#[test]
fn a_new_store_has_a_page_and_two_accounts_and_nothing_else() {
    every_store(|client| {
        assert_eq!(client.names(), [""; 0]);
        assert_eq!(client.on(ResourceId::Site).names(), [""; 0]);
        let users = wait(client.store.users()).unwrap();
        let users: Vec<_> = users
            .iter()
            .map(|user| (user.id, user.name.as_str(), user.role))
            .collect();
        let expected = [
            (UserId::ADMIN, "admin", Role::Admin),
            (UserId::ANONYMOUS, "Anonymous", Role::Viewer),
        ];
        assert_eq!(users, expected);
        assert_eq!(client.put("a", "1").id.get(), 1);
        assert_eq!(client.upload("a.txt", "1").id, NodeId::HOME.next());
    });
}

#[test]
fn what_was_put_is_read_back_as_it_was_answered() {
    every_store(|client| {
        let description = "why it is so".to_owned();
        let name = "urn:x#é/%*'".parse().unwrap();
        let (demand, precondition) = (None, Precondition::Absent);
        let put = Put {
            name,
            content: text("🐙\r\n\0"),
            description,
            demand,
            precondition,
        };
        let answered = put_by(client.at(7).edit(Edit::Put(put)));
        assert_eq!(
            (answered.modified_at, answered.modified_by),
            (at(7), UserId::ADMIN)
        );
        assert_eq!(client.read("urn:x#é/%*'").unwrap(), answered);
        assert_eq!(client.list().unwrap().properties, [answered]);
    });
}

#[test]
fn properties_are_listed_in_the_order_of_creation_and_an_update_moves_none() {
    every_store(|client| {
        for name in ["c", "a", "b"] {
            client.put(name, "1");
        }
        client.put("c", "2");
        client.put("a", "2");
        assert_eq!(client.names(), ["c", "a", "b"]);
        client.delete("c");
        client.put("c", "3");
        assert_eq!(client.names(), ["a", "b", "c"]);
    });
}

#[test]
fn names_are_compared_exactly() {
    every_store(|client| {
        let names = ["a", "A", "á", "a\u{301}", "a ", " a", "ａ", "*", "%"];
        for name in names {
            assert_eq!(client.put(name, name).revision, Revision::FIRST);
        }
        assert_eq!(client.names(), names);
        for name in names {
            assert_eq!(client.read(name).unwrap().content, text(name));
        }
    });
}

#[test]
fn each_resource_has_properties_of_its_own() {
    every_store(|client| {
        let file = ResourceId::Node(client.upload("a.txt", "").id);
        // Node 2 and user 2 differ.
        let resources = [
            HOME,
            file,
            ResourceId::Site,
            ResourceId::User(UserId::ADMIN),
            ResourceId::User(UserId::ANONYMOUS),
        ];
        for resource in resources {
            client.on(resource).put("a", &format!("{resource:?}"));
        }
        client.on(HOME).delete("a");
        assert_eq!(refusal(client.on(HOME).read("a")), missing("a"));
        for resource in &resources[1..] {
            let listing = client.on(*resource).list().unwrap();
            assert_eq!(listing.resource, *resource);
            assert_eq!(listing.properties.len(), 1);
            assert_eq!(
                listing.properties[0].content,
                text(&format!("{resource:?}"))
            );
        }
    });
}

#[test]
fn a_list_has_what_matches_a_pattern_once_and_in_order() {
    use NamePattern::{Contains, Ends, Is, Starts};
    every_store(|client| {
        for name in ["b.x", "a.x", "a.y", "100%", "a_y", "*", "B.X"] {
            client.put(name, "1");
        }
        let pattern = |pattern: fn(String) -> NamePattern, text: &str| pattern(text.to_owned());
        for (patterns, expected) in [
            (vec![pattern(Is, "a.x")], vec!["a.x"]),
            (
                vec![
                    pattern(Is, "a.y"),
                    pattern(Is, "nothing"),
                    pattern(Is, "b.x"),
                    pattern(Is, "a.y"),
                ],
                vec!["b.x", "a.y"],
            ),
            (vec![pattern(Is, "")], vec![]),
            (vec![pattern(Is, "\0"), pattern(Is, "*")], vec!["*"]),
            (vec![pattern(Starts, "a.")], vec!["a.x", "a.y"]),
            (vec![pattern(Ends, ".x")], vec!["b.x", "a.x"]),
            (
                vec![pattern(Contains, ".")],
                vec!["b.x", "a.x", "a.y", "B.X"],
            ),
            (
                vec![pattern(Starts, "a"), pattern(Ends, "x"), pattern(Is, "a.x")],
                vec!["b.x", "a.x", "a.y", "a_y"],
            ),
            (vec![pattern(Contains, "%")], vec!["100%"]),
            (vec![pattern(Starts, "a_")], vec!["a_y"]),
            (
                vec![pattern(Contains, "")],
                vec!["b.x", "a.x", "a.y", "100%", "a_y", "*", "B.X"],
            ),
            (vec![], vec![]),
        ] {
            let names = NameFilter::Matching(patterns.clone());
            let listing = wait(client.store.list(
                &client.caller(),
                ListQuery {
                    resource: HOME,
                    names,
                    cutoff: 0,
                },
            ))
            .unwrap();
            let names: Vec<_> = listing
                .properties
                .iter()
                .map(|property| property.key.name.as_str())
                .collect();
            assert_eq!(names, expected, "{patterns:?}");
        }
    });
}

#[test]
fn a_list_fetches_text_up_to_the_cutoff_and_omits_the_rest() {
    every_store(|client| {
        let long = "ä".repeat(CHUNK_BYTES);
        client.put("empty", "");
        client.put("four", "four");
        client.put("long", &long);
        put_by(client.edit(put_content("data", binary(b"four"))));
        for (cutoff, fetched) in [
            (0, vec![Some(""), None, None, None]),
            (3, vec![Some(""), None, None, None]),
            (4, vec![Some(""), Some("four"), None, None]),
            (
                2 * CHUNK_BYTES as u64 - 1,
                vec![Some(""), Some("four"), None, None],
            ),
            (
                2 * CHUNK_BYTES as u64,
                vec![Some(""), Some("four"), Some(long.as_str()), None],
            ),
            (
                u64::MAX,
                vec![Some(""), Some("four"), Some(long.as_str()), None],
            ),
        ] {
            let exact =
                ["empty", "four", "long", "data"].map(|name| NamePattern::Is(name.to_owned()));
            for names in [NameFilter::All, NameFilter::Matching(exact.into())] {
                let listing = wait(client.store.list(
                    &client.caller(),
                    ListQuery {
                        resource: HOME,
                        names,
                        cutoff,
                    },
                ))
                .unwrap();
                let sizes: Vec<_> = listing
                    .properties
                    .iter()
                    .map(|property| property.content.size)
                    .collect();
                assert_eq!(sizes, [0, 4, 2 * CHUNK_BYTES as u64, 4]);
                let inline = |text: &str| Body::Inline(Bytes::copy_from_slice(text.as_bytes()));
                let expected: Vec<_> = fetched
                    .iter()
                    .map(|text| text.map_or(Body::Omitted, inline))
                    .collect();
                let bodies: Vec<_> = listing
                    .properties
                    .into_iter()
                    .map(|property| property.content.body)
                    .collect();
                assert!(bodies == expected, "{cutoff}");
            }
        }
    });
}

#[test]
fn answers_name_those_who_wrote() {
    every_store(|client| {
        let ann = client.user("ann", Role::Contributor);
        client.put("a", "1");
        ann.put("b", "1");
        let users = client.list().unwrap().users;
        assert_eq!(
            users.keys().copied().collect::<Vec<_>>(),
            [UserId::ADMIN, ann.who.id()]
        );
        assert_eq!(&users[&ann.who.id()], ann.who.user());
        let key = PropertyKey {
            resource: HOME,
            name: "b".parse().unwrap(),
        };
        let read = wait(client.store.read(&client.caller(), key, None)).unwrap();
        assert_eq!(read.modified_by, ann.who.id());
    });
}

#[test]
fn a_name_that_is_created_again_begins_a_new_life_and_no_etag_repeats() {
    every_store(|client| {
        let mut etags = Vec::new();
        let mut ids = Vec::new();
        for _ in 0..3 {
            let created = client.put("a", "1");
            let updated = client.put("a", "1");
            let deleted = client.delete("a");
            let revisions = [&created, &updated, &deleted]
                .map(|property| (property.id, property.revision.get()));
            assert_eq!(
                revisions,
                [(created.id, 1), (created.id, 2), (created.id, 3)]
            );
            ids.push(created.id);
            etags.extend([created, updated, deleted].map(|property| property.etag().to_string()));
            assert_eq!(client.names(), [""; 0]);
            assert_eq!(refusal(client.read("a")), missing("a"));
        }
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
        for old in &etags {
            let edit = put_if("a", text("2"), None, Precondition::Seen(Some(old.clone())));
            assert_eq!(client.edit(edit), Err(Refusal::UnexpectedEtag));
        }
        etags.sort();
        etags.dedup();
        assert_eq!(etags.len(), 9);
    });
}

#[test]
fn a_batch_commits_what_is_good_and_answers_in_order() {
    every_store(|client| {
        let [old, gone] = ["old", "gone"].map(|name| client.put(name, "1"));
        let outcomes = client.write(vec![
            put_if("old", text("2"), None, Precondition::Absent),
            put("new", "1"),
            refused("bad"),
            delete("nothing"),
            delete("gone"),
            put_if("newer", text("1"), None, seen(&old)),
        ]);
        let outcomes = outcomes.unwrap();
        assert_eq!(outcomes.len(), 6);
        assert_eq!(
            outcomes[0],
            Err(Refusal::PropertyExists("old".parse().unwrap()))
        );
        assert!(matches!(&outcomes[1], Ok(Done::Put(new)) if new.id == gone.id.next()));
        assert_eq!(
            outcomes[2],
            Err(Invalid::MediaType {
                property: "a".to_owned(),
                given: String::new()
            }
            .into())
        );
        assert_eq!(outcomes[3], Err(missing("nothing")));
        assert!(
            matches!(&outcomes[4], Ok(Done::Deleted(was)) if was.revision == gone.revision.next())
        );
        assert_eq!(outcomes[5], Err(Refusal::UnexpectedEtag));
        assert_eq!(client.names(), ["old", "new"]);
        assert_eq!(client.read("old").unwrap(), old);
        assert_eq!(client.put("next", "1").id, gone.id.next().next());
    });
}

#[test]
fn a_batch_of_nothing_is_answered_with_nothing() {
    every_store(|client| {
        assert_eq!(client.write(Vec::new()).unwrap(), []);
        assert_eq!(
            client.write(vec![refused("a"), delete("b")]).unwrap().len(),
            2
        );
        assert_eq!(client.names(), [""; 0]);
    });
}

#[test]
fn a_batch_for_a_resource_that_is_not_there_writes_nothing() {
    every_store(|client| {
        let gone = client.upload("gone.txt", "1").id;
        assert_eq!(
            client
                .on(ResourceId::Node(gone))
                .edit(Edit::Remove { demand: None }),
            Ok(Done::Removed)
        );
        for (resource, expected) in [
            (ResourceId::Node(gone.next()), Refusal::NoSuchFile),
            (ResourceId::Node(gone), Refusal::FileRemoved),
            (
                ResourceId::User(UserId::ANONYMOUS.next()),
                Refusal::NoSuchUser,
            ),
        ] {
            let batch = client.batch_on(vec![
                (HOME, put("a", "1")),
                (resource, put("a", "1")),
                (HOME, put("b", "1")),
            ]);
            assert_eq!(refusal(wait(client.store.write(batch))), expected);
            assert_eq!(refusal(client.on(resource).list()), expected);
        }
        assert_eq!(client.names(), [""; 0]);
        assert_eq!(client.put("a", "1").id.get(), 1);
    });
}

#[test]
fn a_batch_without_the_right_writes_nothing() {
    every_store(|client| {
        let ann = client.user("ann", Role::Contributor);
        let batch = ann.batch_on(vec![
            (HOME, put("a", "1")),
            (ResourceId::Site, put("a", "1")),
        ]);
        let Refusal::Denied(denied) = refusal(wait(client.store.write(batch))) else {
            panic!("not denied")
        };
        assert_eq!(
            (denied.principal, denied.required, denied.page),
            (ann.who, Right::Update, None)
        );
        assert_eq!(
            (client.names(), client.on(ResourceId::Site).names()),
            (vec![], vec![])
        );
        assert_eq!(client.put("a", "1").id.get(), 1);
    });
}

/// What a resource is where there are only a page and files.
fn kind_of(resource: ResourceId) -> Option<NodeKind> {
    match resource {
        HOME => Some(NodeKind::Page),
        ResourceId::Node(_) => Some(NodeKind::File),
        ResourceId::Site | ResourceId::User(_) => None,
    }
}

#[test]
fn rights_depend_on_the_role_and_on_whose_it_is() {
    every_store(|client| {
        let file = ResourceId::Node(client.upload("a.txt", "1").id);
        let ann = client.user("ann", Role::Contributor);
        let vic = client.user("vic", Role::Viewer);
        let non = client.user("non", Role::None);
        let [site, anns, vics, nobodys] = [
            ResourceId::Site,
            ResourceId::User(ann.who.id()),
            ResourceId::User(vic.who.id()),
            ResourceId::User(UserId::ANONYMOUS),
        ];
        let everything = Role::Admin.rights();
        for (who, allowed) in [
            (
                client,
                [
                    (HOME, everything),
                    (file, everything),
                    (site, everything),
                    (anns, everything),
                    (nobodys, everything),
                ],
            ),
            (
                &ann,
                [
                    (HOME, Role::Contributor.rights()),
                    (file, Role::Contributor.rights()),
                    (site, Rights::NONE),
                    (anns, Role::Contributor.rights()),
                    (vics, Rights::NONE),
                ],
            ),
            (
                &vic,
                [
                    (HOME, Role::Viewer.rights()),
                    (file, Role::Viewer.rights()),
                    (site, Rights::NONE),
                    (anns, Rights::NONE),
                    (vics, Role::Contributor.rights()),
                ],
            ),
            (
                &non,
                [
                    (HOME, Role::None.rights()),
                    (file, Role::None.rights()),
                    (site, Rights::NONE),
                    (anns, Rights::NONE),
                    (nobodys, Rights::NONE),
                ],
            ),
            (
                &client.anonymous(),
                [
                    (HOME, Role::Viewer.rights()),
                    (file, Role::Viewer.rights()),
                    (site, Rights::NONE),
                    (anns, Rights::NONE),
                    (nobodys, Rights::NONE),
                ],
            ),
        ] {
            for (resource, rights) in allowed {
                let address = match resource {
                    ResourceId::Site => Address::Site,
                    ResourceId::Node(NodeId::HOME) => Address::Page(NodeId::HOME),
                    ResourceId::Node(id) => Address::File(id),
                    ResourceId::User(id) => Address::User(id),
                };
                let page = [HOME, file].contains(&resource).then_some(NodeId::HOME);
                let said = format!("{} {resource:?}", who.who.user().name);
                assert_eq!(
                    who.locate(address).unwrap(),
                    Place {
                        resource,
                        kind: kind_of(resource),
                        rights,
                        page,
                        space: None,
                        missing: 0,
                    },
                    "{said}"
                );
                let wrote = who.on(resource).write(vec![put("a", "1")]);
                assert_eq!(wrote.is_ok(), rights.allow(Right::Update), "{said}");
                if let Err(error) = wrote {
                    let Refusal::Denied(denied) = refusal::<()>(Err(error)) else {
                        panic!("{said}")
                    };
                    let page = page.filter(|_| rights.allow(Right::Browse));
                    assert_eq!((denied.allowed, denied.page), (rights, page), "{said}");
                }
            }
        }
    });
}

#[test]
fn a_name_may_stand_in_a_batch_once_per_resource() {
    every_store(|client| {
        let change = |resource, edit| Change { resource, edit };
        for (first, second) in [
            (put("a", "1"), put("a", "2")),
            (put("a", "1"), delete("a")),
            (refused("a"), put("a", "2")),
        ] {
            let changes = vec![change(HOME, first.clone()), change(HOME, second.clone())];
            let batch = Batch::new(client.who.clone(), client.now, changes);
            assert_eq!(batch, Err(Refusal::RepeatedName("a".to_owned())));
            let batch = client.batch_on(vec![(HOME, first), (ResourceId::Site, second)]);
            assert_eq!(wait(client.store.write(batch)).unwrap().len(), 2);
        }
    });
}

#[test]
fn an_alias_counts_only_where_the_name_is_not_there() {
    every_store(|client| {
        let key = || PropertyKey {
            resource: HOME,
            name: "a%41".parse().unwrap(),
        };
        let read = || {
            wait(
                client
                    .store
                    .read(&client.caller(), key(), Some("aA".parse().unwrap())),
            )
        };
        let delete = || {
            let [name, alias] = ["a%41", "aA"].map(|name| name.parse().unwrap());
            client.edit(Edit::Delete(Delete {
                name,
                alias: Some(alias),
                demand: None,
                etag: None,
            }))
        };
        let [named, alias] = ["a%41", "aA"].map(|name| client.put(name, name));
        assert_eq!(read().unwrap(), named);
        assert!(matches!(delete(), Ok(Done::Deleted(was)) if was.key == named.key));
        assert_eq!(client.names(), ["aA"]);
        assert_eq!(read().unwrap(), alias);
        assert!(matches!(delete(), Ok(Done::Deleted(was)) if was.key == alias.key));
        assert_eq!(client.names(), [""; 0]);
        assert_eq!(refusal(read()), missing("a%41"));
        assert_eq!(delete(), Err(missing("a%41")));
    });
}

#[test]
fn demands_and_preconditions_are_held_against_the_head() {
    every_store(|client| {
        let first = client.put("a", "1");
        let head = put_by(client.edit(put_if("a", text("2"), None, seen(&first))));
        let [first_etag, head_etag] = [&first, &head].map(|property| property.etag().to_string());
        let unmet = |refusal| Err(Refusal::Unmet(Box::new(refusal)));
        let exists = || Refusal::PropertyExists("a".parse().unwrap());
        let delete = |demand: Option<Demand>, etag: Option<&String>| {
            Edit::Delete(Delete {
                name: "a".parse().unwrap(),
                alias: None,
                demand,
                etag: etag.cloned(),
            })
        };
        for (edit, expected) in [
            (
                put_if("a", text("3"), None, Precondition::Absent),
                Err(exists()),
            ),
            (
                put_if("a", text("3"), None, Precondition::Seen(None)),
                Err(stale("", &head)),
            ),
            (
                put_if("a", text("3"), None, seen(&first)),
                Err(stale(&first_etag, &head)),
            ),
            (
                put_if("a", text("3"), Some(Demand::Absent), Precondition::Any),
                unmet(exists()),
            ),
            (
                put_if(
                    "a",
                    text("3"),
                    Some(Demand::OneOf(vec![first_etag.clone()])),
                    seen(&head),
                ),
                unmet(stale(&first_etag, &head)),
            ),
            (
                put_if("b", text("3"), Some(Demand::Present), Precondition::Any),
                unmet(Refusal::UnexpectedEtag),
            ),
            (
                put_if("b", text("3"), None, seen(&head)),
                Err(Refusal::UnexpectedEtag),
            ),
            (
                delete(None, Some(&first_etag)),
                Err(stale(&first_etag, &head)),
            ),
            (
                delete(Some(Demand::OneOf(vec![first_etag.clone()])), None),
                unmet(stale(&first_etag, &head)),
            ),
        ] {
            assert_eq!(client.edit(edit.clone()), expected, "{edit:?}");
            assert_eq!(
                client.list().unwrap().properties,
                std::slice::from_ref(&head),
                "{edit:?}"
            );
        }
        let demand = Some(Demand::OneOf(vec![first_etag, head_etag]));
        let head = put_by(client.edit(put_if("a", text("3"), demand, seen(&head))));
        assert_eq!(head.revision.get(), 3);
        assert!(
            client
                .edit(delete(
                    Some(Demand::Present),
                    Some(&head.etag().to_string())
                ))
                .is_ok()
        );
    });
}

#[test]
fn a_ticket_that_nobody_awaits_takes_no_write_back() {
    every_store(|client| {
        drop(client.store.write(client.batch(vec![put("a", "1")])));
        client.put("b", "1");
        assert_eq!(client.names(), ["a", "b"]);
    });
}

// Contents.

#[test]
fn a_value_of_any_size_comes_back_byte_for_byte() {
    every_store(|client| {
        let few = usize::try_from(INLINE_BYTES_MAX).unwrap();
        for size in [
            0,
            1,
            few,
            few + 1,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            3 * CHUNK_BYTES + 17,
        ] {
            let bytes = noise(size);
            put_by(client.edit(put_content("a", binary(&bytes))));
            let property = client.read("a").unwrap();
            assert_eq!(property.content.size, size as u64);
            assert!(client.bytes(&property.content) == bytes, "{size}");
        }
    });
}

#[test]
fn the_answer_to_a_delete_still_has_the_value() {
    every_store(|client| {
        let bytes = noise(CHUNK_BYTES + 1);
        put_by(client.edit(put_content("large", binary(&bytes))));
        client.put("small", "1");
        assert!(client.bytes(&client.delete("large").content) == bytes);
        assert_eq!(client.delete("small").content, text("1"));
    });
}

#[test]
fn a_content_that_came_in_pieces_is_seen_once_a_batch_refers_to_it() {
    every_store(|client| {
        let bytes = noise(2 * CHUNK_BYTES + 5);
        let content = client.stage(&bytes);
        let Body::Stored(id) = content.body else {
            panic!("not stored")
        };
        assert_eq!(client.names(), [""; 0]);
        put_by(client.edit(put_content("a", content)));
        let property = client.read("a").unwrap();
        assert_eq!(property.content.body, Body::Stored(id));
        assert!(client.bytes(&property.content) == bytes);

        // Whoever sent it may say in the end that it is not needed, not knowing that it is.
        wait(client.store.discard(id)).unwrap();
        assert!(client.bytes(&client.read("a").unwrap().content) == bytes);
    });
}

#[test]
fn a_staged_text_is_shown_like_any_other() {
    every_store(|client| {
        let content = Content {
            media_type: MediaType::text_utf8(),
            ..client.stage(b"staged")
        };
        put_by(client.edit(put_content("a", content)));
        assert_eq!(client.list().unwrap().properties[0].content, text("staged"));
    });
}

#[test]
fn a_staged_content_may_be_empty() {
    every_store(|client| {
        let content = client.stage(b"");
        put_by(client.edit(put_content("a", content)));
        let content = client.read("a").unwrap().content;
        assert_eq!((content.size, client.bytes(&content)), (0, Vec::new()));
    });
}

/// Tries to write a content that is not there between two good changes.
fn assert_writes_nothing(client: &Client<'_>, content: &Content) {
    let before = (client.names(), client.list().unwrap().language);
    let edits = vec![
        Edit::SetLanguage("de".parse().unwrap()),
        upload("before.txt", "1"),
        put("before", "1"),
        put_content("damaged", content.clone()),
        put("after", "1"),
    ];
    assert!(is_damaged(&client.write(edits)));
    let upload_of = |content| {
        let (name, description) = (
            "b.bin".parse().unwrap(),
            FileDescription::Set("said".to_owned()),
        );
        Edit::Upload(Upload {
            demand: None,
            file: NewNode {
                name,
                uuid: Uuid::new_v4(),
            },
            content,
            description,
        })
    };
    assert!(is_damaged(
        &client.write(vec![put("before", "1"), upload_of(content.clone())])
    ));
    assert_eq!((client.names(), client.list().unwrap().language), before);
    for name in ["before.txt", "b.bin"] {
        assert_eq!(refusal(client.file_named(name)), Refusal::NoSuchFile);
    }
}

#[test]
fn a_batch_with_a_content_that_was_discarded_writes_nothing() {
    every_store(|client| {
        let content = client.stage(&noise(CHUNK_BYTES + 1));
        let Body::Stored(id) = content.body else {
            panic!("not stored")
        };
        wait(client.store.discard(id)).unwrap();
        wait(client.store.discard(id)).unwrap();
        assert_writes_nothing(client, &content);
        assert!(is_damaged(&wait(client.store.chunk(id, 0))));
        assert_eq!(client.put("a", "1").id.get(), 1);
        assert_eq!(client.upload("a.txt", "1").id, NodeId::HOME.next());
    });
}

#[test]
fn a_batch_with_a_content_that_never_was_writes_nothing() {
    every_store(|client| {
        let content = |body| Content {
            media_type: MediaType::octet_stream(),
            size: 5,
            body,
        };
        assert_writes_nothing(client, &content(Body::Stored(ContentId::new(9).unwrap())));
        assert_writes_nothing(client, &content(Body::Omitted));
    });
}

#[test]
fn a_staged_content_belongs_to_one_revision_only() {
    every_store(|client| {
        let content = client.stage(&noise(5));
        let twice = vec![
            put_content("a", content.clone()),
            put_content("b", content.clone()),
        ];
        assert!(is_damaged(&client.write(twice)));
        assert_eq!(client.names(), [""; 0]);
        put_by(client.edit(put_content("a", content.clone())));
        assert!(is_damaged(&client.write(vec![put_content("b", content)])));
        assert_eq!(client.names(), ["a"]);
    });
}

#[test]
fn a_refused_change_leaves_its_content_to_whoever_sent_it() {
    every_store(|client| {
        client.put("a", "1");
        let content = client.stage(b"bytes");
        let edit = put_if("a", content.clone(), None, Precondition::Absent);
        assert_eq!(
            client.edit(edit),
            Err(Refusal::PropertyExists("a".parse().unwrap()))
        );
        put_by(client.edit(put_content("b", content)));
        assert_eq!(client.bytes(&client.read("b").unwrap().content), b"bytes");
    });
}

#[test]
fn pieces_are_taken_in_order_and_only_by_a_content_that_is_being_sent() {
    every_store(|client| {
        let append = |id, seq| wait(client.store.append(id, seq, Bytes::from_static(b"piece")));
        let id = wait(client.store.stage(client.now)).unwrap();
        assert!(is_damaged(&append(id, 1)));
        append(id, 0).unwrap();
        assert!(is_damaged(&append(id, 0)));
        assert!(is_damaged(&append(id, 2)));
        assert!(is_damaged(&wait(client.store.append(
            id,
            1,
            vec![0; CHUNK_BYTES + 1].into()
        ))));
        assert!(is_damaged(&wait(client.store.chunk(id, 1))));

        let content = Content {
            media_type: MediaType::octet_stream(),
            size: 5,
            body: Body::Stored(id),
        };
        put_by(client.edit(put_content("a", content)));
        assert!(
            is_damaged(&append(id, 1)),
            "a content that can be seen must not change"
        );

        let discarded = wait(client.store.stage(client.now)).unwrap();
        wait(client.store.discard(discarded)).unwrap();
        assert!(
            is_damaged(&append(discarded, 0)),
            "nobody would ever sweep this piece"
        );
        assert!(is_damaged(&append(discarded.next(), 0)));
    });
}

// Files: `mindtouch.md` §13.

#[test]
fn a_new_file_lies_on_its_page() {
    every_store(|client| {
        let ann = client.user("ann", Role::Contributor).at(7);
        let file = ann.upload("a.txt", "hello");
        assert_eq!(
            (file.parent, file.revision, file.name.as_str()),
            (NodeId::HOME, Revision::FIRST, "a.txt")
        );
        assert_eq!((file.modified_at, file.modified_by), (at(7), ann.who.id()));
        let view = client.file(file.id).unwrap();
        assert_eq!((&view.file, view.head), (&file, Revision::FIRST));
        assert_eq!(
            (view.parent.id, view.parent.kind, view.parent.path.as_str()),
            (NodeId::HOME, NodeKind::Page, "")
        );
        assert_eq!(
            (view.properties.properties.len(), view.properties.language),
            (0, None)
        );
        assert_eq!(&view.properties.users[&ann.who.id()], ann.who.user());
        assert_eq!(
            client.file_named("a.txt").unwrap().resource,
            ResourceId::Node(file.id)
        );
        assert_eq!(refusal(client.file_named("A.txt")), Refusal::NoSuchFile);
        assert_eq!(client.names(), [""; 0]);
    });
}

#[test]
fn the_same_name_again_is_a_new_revision_that_keeps_the_properties() {
    every_store(|client| {
        let first = client.upload("a.txt", "one");
        client.on(ResourceId::Node(first.id)).put("kept", "yes");
        let second = client.at(9).upload("a.txt", "two");
        let expected = File {
            revision: first.revision.next(),
            content: text("two"),
            modified_at: at(9),
            ..first.clone()
        };
        assert_eq!(second, expected);

        let view = client.file(first.id).unwrap();
        assert_eq!((&view.file, view.head), (&second, second.revision));
        let properties: Vec<_> = view
            .properties
            .properties
            .iter()
            .map(|p| p.key.name.as_str())
            .collect();
        assert_eq!(properties, ["kept"]);
        let older = wait(
            client
                .store
                .file_view(&client.caller(), first.id, Some(first.revision)),
        )
        .unwrap();
        assert_eq!((&older.file, older.head), (&first, second.revision));
        let none = wait(client.store.file_view(
            &client.caller(),
            first.id,
            Some(second.revision.next()),
        ));
        assert_eq!(refusal(none), Refusal::NoSuchRevision);
    });
}

#[test]
fn a_large_file_comes_back_byte_for_byte_at_each_revision() {
    every_store(|client| {
        let revisions = [noise(CHUNK_BYTES + 1), noise(5), noise(2 * CHUNK_BYTES)];
        let staged = client.stage(&revisions[0]);
        let upload = |content| {
            let (name, description) = ("a.bin".parse().unwrap(), FileDescription::Keep);
            Edit::Upload(Upload {
                demand: None,
                file: NewNode {
                    name,
                    uuid: Uuid::new_v4(),
                },
                content,
                description,
            })
        };
        let id = uploaded(client.edit(upload(staged))).0.id;
        uploaded(client.edit(upload(client.stage(&revisions[1]))));
        uploaded(client.edit(upload(binary(&revisions[2]))));
        for (number, bytes) in (1..).zip(&revisions) {
            let file = wait(
                client
                    .store
                    .file(&client.caller(), id, Revision::new(number)),
            )
            .unwrap();
            assert!(client.bytes(&file.content) == *bytes, "{number}");
        }
    });
}

#[test]
fn an_upload_may_bring_the_description_which_is_a_property_like_any_other() {
    every_store(|client| {
        let set = |text: &str| FileDescription::Set(text.to_owned());
        let (file, written) = uploaded(client.edit(described("a.txt", "1", set("first"))));
        let on_file = client.on(ResourceId::Node(file.id));
        assert_eq!(
            on_file.read(DESCRIPTION_PROPERTY).unwrap(),
            written.clone().unwrap()
        );
        assert_eq!(
            written.map(|p| (p.content, p.revision.get())),
            Some((text("first"), 1))
        );

        let (_, kept) = uploaded(client.edit(upload("a.txt", "2")));
        assert_eq!(kept, None);
        let described_again = put_by(on_file.edit(put(DESCRIPTION_PROPERTY, "by hand")));
        assert_eq!(described_again.revision.get(), 2);
        let (_, written) = uploaded(client.edit(described("a.txt", "3", set(""))));
        assert_eq!(
            written.map(|p| (p.content, p.revision.get())),
            Some((text(""), 3))
        );
        assert_eq!(on_file.names(), [DESCRIPTION_PROPERTY]);
    });
}

#[test]
fn a_file_can_be_revised_and_renamed() {
    every_store(|client| {
        let first = client.upload("a.txt", "1");
        let on_file = client.on(ResourceId::Node(first.id));
        on_file.put("kept", "yes");
        let revise = |value: &str, name: Option<&str>| {
            let rename = name.map(|name| name.parse().unwrap());
            on_file.edit(Edit::Revise {
                demand: None,
                content: text(value),
                rename,
            })
        };
        for (number, value, rename, name) in [
            (2, "2", None, "a.txt"),
            (3, "3", Some("a.txt"), "a.txt"),
            (4, "4", Some("b.txt"), "b.txt"),
            (5, "5", None, "b.txt"),
        ] {
            let (file, _) = uploaded(revise(value, rename));
            assert_eq!(
                (file.id, file.uuid, file.revision.get()),
                (first.id, first.uuid, number)
            );
            assert_eq!((file.name.as_str(), &file.content), (name, &text(value)));
            assert_eq!(client.file(first.id).unwrap().file, file);
        }
        assert_eq!(
            client.file_named("b.txt").unwrap().resource,
            on_file.resource
        );
        assert_eq!(refusal(client.file_named("a.txt")), Refusal::NoSuchFile);
        assert_eq!(
            wait(
                client
                    .store
                    .file_view(&client.caller(), first.id, Some(first.revision))
            )
            .unwrap()
            .file,
            first
        );
        assert_eq!(on_file.names(), ["kept"]);
        assert_ne!(client.upload("a.txt", "other").id, first.id);

        let taken = Err(Refusal::FileNameTaken("a.txt".parse().unwrap()));
        assert_eq!(revise("6", Some("a.txt")), taken);
        assert_eq!(client.file(first.id).unwrap().head.get(), 5);
    });
}

#[test]
fn what_is_no_file_is_not_revised_or_removed() {
    every_store(|client| {
        for resource in [HOME, ResourceId::Site, ResourceId::User(UserId::ADMIN)] {
            let revise = Edit::Revise {
                demand: None,
                content: text("1"),
                rename: None,
            };
            for edit in [revise, Edit::Remove { demand: None }] {
                assert_eq!(
                    client.on(resource).edit(edit),
                    Err(Refusal::NoSuchFile),
                    "{resource:?}"
                );
            }
        }
        assert_eq!(client.names(), [""; 0]);
    });
}

#[test]
fn only_a_page_takes_files_and_a_language() {
    every_store(|client| {
        let file = client.upload("a.txt", "1").id;
        for resource in [
            ResourceId::Node(file),
            ResourceId::Site,
            ResourceId::User(UserId::ADMIN),
        ] {
            let language = Edit::SetLanguage("de".parse().unwrap());
            for edit in [upload("b.txt", "1"), language] {
                assert_eq!(
                    client.on(resource).edit(edit),
                    Err(Refusal::NoSuchPage),
                    "{resource:?}"
                );
            }
            assert_eq!(client.on(resource).list().unwrap().language, None);
        }
        assert_eq!(refusal(client.file(file.next())), Refusal::NoSuchFile);
    });
}

#[test]
fn a_removed_file_is_gone_with_its_properties_and_its_name_is_free() {
    every_store(|client| {
        let old = client.upload("a.txt", "1");
        let other = client.upload("b.txt", "1");
        let on_old = client.on(ResourceId::Node(old.id));
        on_old.put("a", "1");
        assert_eq!(
            on_old.edit(Edit::Remove { demand: None }),
            Ok(Done::Removed)
        );

        let gone = Refusal::FileRemoved;
        assert_eq!(refusal(client.locate(Address::File(old.id))), gone);
        assert_eq!(refusal(client.file(old.id)), gone);
        assert_eq!(
            refusal(wait(client.store.file_view(
                &client.caller(),
                old.id,
                Some(Revision::FIRST)
            ))),
            gone
        );
        assert_eq!(refusal(on_old.list()), gone);
        assert_eq!(refusal(on_old.read("a")), gone);
        for edit in [
            put("a", "2"),
            delete("a"),
            Edit::Revise {
                demand: None,
                content: text("2"),
                rename: None,
            },
            Edit::Remove { demand: None },
        ] {
            assert_eq!(refusal(on_old.write(vec![edit])), gone);
        }
        assert_eq!(refusal(client.file_named("a.txt")), Refusal::NoSuchFile);

        let rename = Some("a.txt".parse().unwrap());
        let on_other = client.on(ResourceId::Node(other.id));
        assert!(
            on_other
                .edit(Edit::Revise {
                    demand: None,
                    content: text("2"),
                    rename
                })
                .is_ok()
        );
        assert_eq!(
            on_other.edit(Edit::Remove { demand: None }),
            Ok(Done::Removed)
        );

        let new = client.upload("a.txt", "2");
        assert_eq!((new.id, new.revision), (other.id.next(), Revision::FIRST));
        assert_eq!(client.on(ResourceId::Node(new.id)).names(), [""; 0]);
        assert_eq!(refusal(client.file(old.id)), gone);
    });
}

#[test]
fn the_language_of_a_page_stays_until_it_is_set() {
    every_store(|client| {
        let language = || {
            client
                .list()
                .unwrap()
                .language
                .map(|language| language.to_string())
        };
        assert_eq!(language().as_deref(), Some("en-us"));
        let outcomes = client.write(vec![
            delete("nothing"),
            Edit::SetLanguage("de".parse().unwrap()),
        ]);
        assert_eq!(
            outcomes.unwrap(),
            [Err(missing("nothing")), Ok(Done::LanguageSet)]
        );
        assert_eq!(language().as_deref(), Some("de"));
        client.put("a", "1");
        assert_eq!(language().as_deref(), Some("de"));
        assert_eq!(
            client.edit(Edit::SetLanguage("".parse().unwrap())),
            Ok(Done::LanguageSet)
        );
        assert_eq!(language().as_deref(), Some(""));
        assert_eq!(client.on(ResourceId::Site).list().unwrap().language, None);
        assert_eq!(
            client
                .on(ResourceId::User(UserId::ADMIN))
                .list()
                .unwrap()
                .language,
            None
        );
    });
}

// Addresses: `mindtouch.md` §2.

#[test]
fn an_address_leads_to_a_live_resource_of_its_kind() {
    every_store(|client| {
        let file = client.upload("a.txt", "1").id;
        let ann = client.user("Ann", Role::Contributor);
        let node = |id| Ok(ResourceId::Node(id));
        let named = |page: Address, name: &str| {
            let (page, name) = (Box::new(page), name.parse().unwrap());
            Address::FileNamed { page, name }
        };
        let titled = |title: &str| Address::PageTitled(title.to_owned());
        let user_named = |name: &str| Address::UserNamed(name.to_owned());
        let nobody = ann.who.id().next();
        for (address, expected) in [
            (Address::Site, Ok(ResourceId::Site)),
            (Address::Page(NodeId::HOME), node(NodeId::HOME)),
            (Address::Page(file), Err(Refusal::NoSuchPage)),
            (Address::Page(file.next()), Err(Refusal::NoSuchPage)),
            (titled("home"), node(NodeId::HOME)),
            (titled("Home"), node(NodeId::HOME)),
            (titled(""), node(NodeId::HOME)),
            (titled("home/home"), Err(Refusal::NoSuchPage)),
            (titled("nothing"), Err(Refusal::NoSuchPage)),
            (titled("a.txt"), Err(Refusal::NoSuchPage)),
            (Address::File(file), node(file)),
            (Address::File(NodeId::HOME), Err(Refusal::NoSuchFile)),
            (Address::File(file.next()), Err(Refusal::NoSuchFile)),
            (named(Address::Page(NodeId::HOME), "a.txt"), node(file)),
            (named(titled("home"), "a.txt"), node(file)),
            (named(titled("home"), "b.txt"), Err(Refusal::NoSuchFile)),
            (named(titled("nothing"), "a.txt"), Err(Refusal::NoSuchPage)),
            (
                named(Address::Page(file), "a.txt"),
                Err(Refusal::NoSuchPage),
            ),
            (Address::CurrentUser, Ok(ResourceId::User(ann.who.id()))),
            (
                Address::User(UserId::ADMIN),
                Ok(ResourceId::User(UserId::ADMIN)),
            ),
            (Address::User(nobody), Err(Refusal::NoSuchUser)),
            (user_named("ann"), Ok(ResourceId::User(ann.who.id()))),
            (user_named(" ANN "), Ok(ResourceId::User(ann.who.id()))),
            (
                user_named("anonymous"),
                Ok(ResourceId::User(UserId::ANONYMOUS)),
            ),
            (user_named("nobody"), Err(Refusal::NoSuchUser)),
        ] {
            let found = match ann.locate(address.clone()) {
                Ok(place) => Ok(place.resource),
                Err(StoreError::Refused(refusal)) => Err(refusal),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{address:?}");
        }
        assert_eq!(
            client
                .anonymous()
                .locate(Address::CurrentUser)
                .unwrap()
                .resource,
            ResourceId::User(UserId::ANONYMOUS)
        );
    });
}

#[test]
fn the_newest_file_of_a_name_is_the_one_that_is_meant() {
    every_store(|client| {
        let older = client.upload("a.txt", "1").id;
        client
            .on(ResourceId::Node(older))
            .edit(Edit::Remove { demand: None })
            .unwrap();
        let newer = client.upload("a.txt", "1").id;
        assert_eq!(
            client.file_named("a.txt").unwrap().resource,
            ResourceId::Node(newer)
        );
        assert_eq!(client.upload("a.txt", "2").id, newer);
    });
}

// Accounts: `mindtouch.md` §10, §11.

/// The levels of a title, to be made where they are missing.
fn levels(title: &str) -> Vec<NewNode> {
    title_levels(title)
        .map(|name| NewNode {
            name: name.parse().unwrap(),
            uuid: Uuid::new_v4(),
        })
        .collect()
}

fn write_page(title: &str, value: &str, seen: Option<PageSeen>) -> Edit {
    Edit::WritePage(WritePage {
        below: levels(title),
        content: text(value),
        seen,
        demand: None,
    })
}

impl Client<'_> {
    /// What comes of writing a page below home, whatever is there.
    fn page(&self, title: &str, value: &str) -> Result<Page, Refusal> {
        let outcome = self
            .on(HOME)
            .edit(write_page(title, value, Some(PageSeen::Any)));
        outcome.map(|done| {
            let Done::PageWritten(pages) = done else {
                panic!("{done:?}")
            };
            pages.last().unwrap().clone()
        })
    }

    fn made(&self, title: &str) -> ResourceId {
        ResourceId::Node(self.page(title, title).unwrap().id)
    }

    fn rights(&self, resource: ResourceId) -> Rights {
        let ResourceId::Node(id) = resource else {
            panic!("{resource:?}")
        };
        let address = match self.locate(Address::File(id)) {
            Ok(_) => Address::File(id),
            Err(_) => Address::Page(id),
        };
        self.locate(address).unwrap().rights
    }

    /// Whether the client may read and write there.
    fn may(&self, resource: ResourceId) -> (bool, bool) {
        let rights = self.rights(resource);
        let wrote = self.on(resource).write(vec![put("a", "1")]);
        assert_eq!(wrote.is_ok(), rights.allow(Right::Update));
        (rights.allow(Right::Read), rights.allow(Right::Update))
    }

    fn secure(&self, page: ResourceId, restriction: Restriction, grants: &[(Grantee, Role)]) {
        let grants = grants
            .iter()
            .map(|&(grantee, role)| Grant { grantee, role });
        let permissions = Permissions {
            restriction,
            grants: grants.collect(),
        };
        let edit = Edit::SetPermissions(Some(permissions));
        assert_eq!(self.on(page).edit(edit), Ok(Done::PermissionsSet));
    }

    fn group(&self, name: &str, members: &[UserId]) -> Result<GroupId, StoreError> {
        let group = NewGroup {
            space: None,
            name: name.to_owned(),
            members: members.iter().copied().map(Member::Id).collect(),
            uuid: Uuid::new_v4(),
            at: self.now,
        };
        wait(self.store.add_group(&self.who, group)).map(|group| group.id)
    }

    /// The numbers of the pages that have such a property.
    fn with(&self, names: NameFilter) -> Vec<NodeId> {
        let search = PageSearch {
            names,
            offset: 0,
            limit: None,
        };
        let pages = wait(self.store.pages_with(&self.caller(), search)).unwrap();
        pages.into_iter().map(|page| page.node.id).collect()
    }
}

#[test]
fn a_page_is_made_with_all_levels_above_it_and_then_revised() {
    every_store(|client| {
        let at = |title: &str| {
            let place = client.locate(Address::PageToBe(title.to_owned())).unwrap();
            (place.resource, place.missing)
        };
        assert_eq!(at("A/B c"), (HOME, 2));
        let page = client.at(5).page("A/B_c", "one").unwrap();
        assert_eq!(
            (page.revision, page.name.as_str()),
            (Revision::FIRST, "B c")
        );
        assert_eq!(at("A/B_c"), (ResourceId::Node(page.id), 0));
        assert_eq!(at("A/B c/D"), (ResourceId::Node(page.id), 1));
        let above = wait(client.store.page(&client.caller(), page.parent.unwrap())).unwrap();
        assert_eq!(
            (above.page.revision, above.page.content.size),
            (Revision::FIRST, 0)
        );
        assert_eq!(above.parent.unwrap().id, NodeId::HOME);
        let again = client.at(7).page("A/B c", "two").unwrap();
        assert_eq!(
            (again.id, again.revision),
            (page.id, Revision::FIRST.next())
        );
        let view = wait(client.store.page(&client.caller(), page.id)).unwrap();
        assert_eq!(view.page, again);
        assert_eq!(
            (view.node.path.as_str(), view.created_at),
            ("A/B c", self::at(5))
        );
        assert_eq!(client.bytes(&view.page.content), b"two");
        assert!(view.users.contains_key(&UserId::ADMIN));
        let home = wait(client.store.page(&client.caller(), NodeId::HOME)).unwrap();
        assert_eq!((home.page.revision, home.parent), (Revision::FIRST, None));
        let missing = wait(
            client
                .store
                .page(&client.caller(), NodeId::new(99).unwrap()),
        );
        assert_eq!(refusal(missing), Refusal::NoSuchPage);
        let on_page = client.on(ResourceId::Node(page.id));
        let files = [on_page.upload("b", "1"), on_page.upload("a", "1")];
        let gone = on_page.upload("gone", "1").id;
        let remove = Edit::Remove { demand: None };
        assert_eq!(
            client.on(ResourceId::Node(gone)).edit(remove),
            Ok(Done::Removed)
        );
        let listed = wait(client.store.files_on(&client.caller(), page.id)).unwrap();
        assert_eq!(
            listed.iter().map(|view| view.file.id).collect::<Vec<_>>(),
            files.map(|file| file.id)
        );
        let nowhere = wait(
            client
                .store
                .files_on(&client.caller(), NodeId::new(99).unwrap()),
        );
        assert_eq!(refusal(nowhere.map(drop)), Refusal::NoSuchPage);
    });
}

#[test]
fn who_writes_a_page_has_seen_its_newest_revision() {
    every_store(|client| {
        let write = |seen| client.at(9).edit(write_page("A", "x", seen)).map(drop);
        let changed = |last| Err(Refusal::PageChanged { last });
        client.at(5).page("A", "1").unwrap();
        assert_eq!(write(None), changed(Some(at(5))));
        assert_eq!(write(Some(PageSeen::At(at(4)))), changed(Some(at(5))));
        assert_eq!(write(Some(PageSeen::At(at(5)))), Ok(()));
        assert_eq!(write(Some(PageSeen::At(at(5)))), changed(Some(at(9))));
        let new = client.edit(write_page("B", "x", None));
        assert!(new.is_ok());
    });
}

#[test]
fn to_make_a_page_is_another_right_than_to_write_one() {
    every_store(|client| {
        client.page("A", "1").unwrap();
        let viewer = client.user("vera", Role::Viewer);
        for (title, required) in [("A", Right::Update), ("A/B", Right::Create)] {
            match viewer.page(title, "x") {
                Err(Refusal::Denied(denied)) => assert_eq!(denied.required, required),
                other => panic!("{other:?}"),
            }
        }
        let carl = client.user("carl", Role::Contributor);
        carl.page("A/B", "x").unwrap();
        assert_eq!(client.names(), [""; 0]);
    });
}

#[test]
fn permissions_are_inherited_until_a_page_has_its_own() {
    every_store(|client| {
        let (top, below) = (client.made("A"), client.made("A/B/C"));
        let file = ResourceId::Node(client.on(below).upload("f", "1").id);
        let carl = client.user("carl", Role::Contributor);
        let nobody = client.anonymous();
        let all = [top, below, file];
        assert_eq!(all.map(|resource| carl.may(resource)), [(true, true); 3]);
        client.secure(top, Restriction::SemiPublic, &[]);
        assert_eq!(all.map(|resource| carl.may(resource)), [(true, false); 3]);
        let carls = (Grantee::User(carl.who.id()), Role::Contributor);
        client.secure(below, Restriction::Private, &[carls]);
        assert_eq!(
            all.map(|r| carl.may(r)),
            [(true, false), (true, true), (true, true)]
        );
        assert_eq!(
            all.map(|resource| nobody.rights(resource).allow(Right::Read)),
            [true, false, false]
        );
        client.secure(top, Restriction::Private, &[]);
        assert_eq!(carl.may(top), (false, false));
        assert_eq!(carl.may(below), (true, true));
        let ResourceId::Node(page) = below else {
            panic!()
        };
        let permissions = || wait(client.store.permissions(page)).unwrap();
        assert_eq!(permissions().grants.len(), 1);
        let none = client.on(below).edit(Edit::SetPermissions(None));
        assert_eq!(none, Ok(Done::PermissionsSet));
        assert_eq!(permissions().restriction, Restriction::Private);
        assert_eq!(permissions().grants, []);
        assert_eq!(all.map(|resource| carl.may(resource)), [(false, false); 3]);
        let top_again = client.on(top).edit(Edit::SetPermissions(None));
        assert_eq!(top_again, Ok(Done::PermissionsSet));
        assert_eq!(permissions(), Permissions::default());
        assert_eq!(all.map(|resource| carl.may(resource)), [(true, true); 3]);
    });
}

#[test]
fn a_group_has_rights_as_long_as_somebody_is_in_it() {
    every_store(|client| {
        let page = client.made("A");
        let (ann, bob) = (
            client.user("ann", Role::Viewer),
            client.user("bob", Role::Viewer),
        );
        let group = client
            .group("Writers", &[ann.who.id(), ann.who.id()])
            .unwrap();
        client.secure(
            page,
            Restriction::Private,
            &[
                (Grantee::Group(group), Role::Contributor),
                (Grantee::User(bob.who.id()), Role::Viewer),
            ],
        );
        assert_eq!(
            (ann.may(page), bob.may(page)),
            ((true, true), (true, false))
        );
        let set =
            |members: Vec<UserId>| wait(client.store.set_members(&client.who, group, members));
        assert_eq!(set(vec![bob.who.id()]).unwrap().members, [bob.who.id()]);
        assert_eq!(
            (ann.may(page), bob.may(page)),
            ((false, false), (true, true))
        );
        assert_eq!(set(vec![]).unwrap().members, []);
        assert_eq!(
            (ann.may(page), bob.may(page)),
            ((false, false), (true, false))
        );
        let unknown = UserId::new(99).unwrap();
        let missing = Refusal::NoSuchGrantee(Grantee::User(unknown));
        assert_eq!(refusal(set(vec![bob.who.id(), unknown])), missing);
        assert_eq!(refusal(client.group("Others", &[unknown])), missing);
        assert_eq!(
            refusal(client.group("wRITERS ", &[])),
            Refusal::GroupNameTaken("wRITERS ".to_owned())
        );
        let group = wait(client.store.group(&client.caller(), group)).unwrap();
        assert_eq!((group.name.as_str(), group.members.len()), ("Writers", 0));
        assert_eq!(wait(client.store.groups()).unwrap(), [group]);
        let other = GroupId::new(7).unwrap();
        assert_eq!(
            refusal(wait(client.store.group(&client.caller(), other))),
            Refusal::NoSuchGroup
        );
        assert_eq!(
            refusal(wait(client.store.set_members(&client.who, other, vec![]))),
            Refusal::NoSuchGroup
        );
    });
}

#[test]
fn permissions_name_only_those_who_are_there_and_are_set_by_those_who_may() {
    every_store(|client| {
        let page = client.made("A");
        for grantee in [
            Grantee::User(UserId::new(99).unwrap()),
            Grantee::Group(GroupId::new(1).unwrap()),
        ] {
            let edit = Edit::SetPermissions(Some(Permissions {
                restriction: Restriction::Private,
                grants: vec![Grant {
                    grantee,
                    role: Role::Viewer,
                }],
            }));
            let outcome = client.on(page).edit(edit);
            assert_eq!(outcome, Err(Refusal::NoSuchGrantee(grantee)));
        }
        let nobody = client.anonymous();
        assert!(nobody.rights(page).allow(Right::Read));
        let private = || {
            Edit::SetPermissions(Some(Permissions {
                restriction: Restriction::Private,
                grants: Vec::new(),
            }))
        };
        let carl = client.user("carl", Role::Contributor);
        let denied = refusal(carl.on(page).write(vec![private()]));
        assert!(matches!(denied, Refusal::Denied(_)), "{denied:?}");
        let own = carl.made("A/Carl");
        assert!(carl.on(own).write(vec![private()]).is_ok());
        assert!(!carl.rights(own).allow(Right::Read));
        assert!(carl.rights(own).allow(Right::ChangePermissions));
        let file = ResourceId::Node(client.on(page).upload("f", "1").id);
        let on_file = client.on(file).edit(private());
        assert_eq!(on_file, Err(Refusal::NoSuchPage));
    });
}

#[test]
fn pages_are_found_by_the_names_of_their_properties() {
    every_store(|client| {
        let (one, two) = (client.made("One"), client.made("Two"));
        for (page, name) in [
            (one, "ab"),
            (two, "ab"),
            (two, "abc"),
            (two, "b"),
            (HOME, "*"),
        ] {
            client.on(page).put(name, "1");
        }
        let file = ResourceId::Node(client.upload("f", "1").id);
        client.on(file).put("ab", "1");
        client.on(ResourceId::User(UserId::ADMIN)).put("ab", "1");
        client.on(ResourceId::Site).put("ab", "1");
        let id = |resource| {
            let ResourceId::Node(id) = resource else {
                panic!("{resource:?}")
            };
            id
        };
        let (home, one_id, two_id) = (NodeId::HOME, id(one), id(two));
        let matching = |pattern| NameFilter::Matching(vec![pattern]);
        let is = |name: &str| matching(NamePattern::Is(name.to_owned()));
        for (names, expected) in [
            (is("ab"), vec![one_id, two_id]),
            (is("a"), vec![]),
            (is("*"), vec![home]),
            (
                matching(NamePattern::Starts("ab".to_owned())),
                vec![one_id, two_id],
            ),
            (
                matching(NamePattern::Starts("abc".to_owned())),
                vec![two_id],
            ),
            (
                matching(NamePattern::Ends("b".to_owned())),
                vec![one_id, two_id],
            ),
            (
                matching(NamePattern::Contains("bc".to_owned())),
                vec![two_id],
            ),
            (NameFilter::All, vec![home, one_id, two_id]),
        ] {
            assert_eq!(client.with(names.clone()), expected, "{names:?}");
        }
        client.on(one).put("ab", "2");
        client.on(one).delete("ab");
        assert_eq!(client.with(is("ab")), [two_id]);
        client.on(one).put("ab", "3");
        client.secure(two, Restriction::Private, &[]);
        let nobody = client.anonymous();
        assert_eq!(nobody.with(is("ab")), [one_id]);
        assert_eq!(client.with(is("ab")), [one_id, two_id]);
        let page = &wait(client.store.pages_with(
            &client.caller(),
            PageSearch {
                names: is("b"),
                offset: 0,
                limit: None,
            },
        ))
        .unwrap()[0];
        assert_eq!(
            (page.node.path.as_str(), page.revision),
            ("Two", Revision::FIRST)
        );
    });
}

#[test]
fn an_account_can_be_changed_in_part() {
    every_store(|client| {
        let ann = client.user("ann", Role::Viewer).who.id();
        let change = |change| wait(client.store.change_user(&client.who, ann, change)).unwrap();
        let user = change(UserChange {
            email: Some("a@b".to_owned()),
            role: Some(Role::Manager),
            ..UserChange::default()
        });
        assert_eq!(
            (user.email.as_deref(), user.role),
            (Some("a@b"), Role::Manager)
        );
        let user = change(UserChange {
            full_name: Some("Ann".to_owned()),
            access: Some(Access::Disabled),
            ..UserChange::default()
        });
        assert_eq!(user.email.as_deref(), Some("a@b"));
        assert_eq!(
            (user.full_name.as_str(), user.access),
            ("Ann", Access::Disabled)
        );
        assert_eq!(wait(client.store.user(ann)).unwrap(), user);
        let user = change(UserChange {
            email: Some(String::new()),
            ..UserChange::default()
        });
        assert_eq!((user.email.as_deref(), user.role), (None, Role::Manager));
        let nobody = wait(client.store.change_user(
            &client.who,
            UserId::new(99).unwrap(),
            UserChange::default(),
        ));
        assert_eq!(refusal(nobody), Refusal::NoSuchUser);
    });
}

#[test]
fn an_account_is_found_by_its_name_in_any_case_and_its_name_is_taken_once() {
    every_store(|client| {
        let ann = wait(
            client
                .store
                .add_account(&client.who, account("Änn", Role::Manager)),
        )
        .unwrap();
        let expected = User {
            id: UserId::ANONYMOUS.next(),
            uuid: account("Änn", Role::Manager).uuid,
            name: "Änn".to_owned(),
            full_name: "Änn the user".to_owned(),
            email: Some("Änn@example.org".to_owned()),
            matric_no: None,
            role: Role::Manager,
            access: Access::Active,
            created_at: at(5),
            passwords: 1,
        };
        assert_eq!(*ann, expected);
        assert_eq!(wait(client.store.user(ann.id)).unwrap(), ann);
        for name in ["Änn", "änn", "ÄNN", " änn "] {
            let found = wait(client.store.account(name)).unwrap().unwrap();
            assert_eq!(
                (&found.user, found.password.as_deref()),
                (&ann, Some("hash of Änn")),
                "{name}"
            );
            let again = wait(
                client
                    .store
                    .add_account(&client.who, account(name, Role::Viewer)),
            );
            assert_eq!(refusal(again), Refusal::UserNameTaken(name.to_owned()));
        }
        assert!(wait(client.store.account("ann")).unwrap().is_none());
        let taken = wait(
            client
                .store
                .add_account(&client.who, account("ADMIN", Role::Viewer)),
        );
        assert_eq!(refusal(taken), Refusal::UserNameTaken("ADMIN".to_owned()));

        let bob = wait(
            client
                .store
                .add_account(&client.who, account("bob", Role::Viewer)),
        )
        .unwrap();
        assert_eq!(bob.id, ann.id.next());
        let ids: Vec<_> = wait(client.store.users())
            .unwrap()
            .iter()
            .map(|user| user.id)
            .collect();
        assert_eq!(ids, [UserId::ADMIN, UserId::ANONYMOUS, ann.id, bob.id]);
        assert_eq!(
            refusal(wait(client.store.user(bob.id.next()))),
            Refusal::NoSuchUser
        );
    });
}

#[test]
fn nobody_can_sign_in_as_the_anonymous_account() {
    every_store(|client| {
        let password = |name| wait(client.store.account(name)).unwrap().unwrap().password;
        assert_eq!(
            (password("anonymous"), password("admin")),
            (None, Some("hash".to_owned()))
        );
    });
}

#[test]
fn a_token_names_its_owner_until_it_expires() {
    every_store(|client| {
        let store = client.store;
        let add = |hash, seconds, now| {
            let token = NewToken {
                hash: [hash; 32],
                expires_at: at(seconds),
            };
            wait(store.add_token(&client.who, token, at(now))).unwrap();
        };
        let found = |hash, now| {
            wait(store.token([hash; 32], at(now)))
                .unwrap()
                .map(|(user, until)| (user.id, until))
        };
        add(1, 10, 0);
        add(2, 30, 5);
        assert_eq!(found(1, 9), Some((UserId::ADMIN, at(10))));
        assert_eq!(found(1, 10), None);
        assert_eq!(found(3, 0), None);
        // What has expired by now is forgotten; what has not is kept.
        add(3, 40, 10);
        assert_eq!(found(1, 0), None);
        assert_eq!(found(2, 29), Some((UserId::ADMIN, at(30))));
    });
}

#[test]
fn a_new_password_ends_all_tokens_of_its_owner_and_no_others() {
    every_store(|client| {
        let store = client.store;
        let ann = client.user("ann", Role::Viewer).who;
        let add = |by: &Principal, hash| {
            let token = NewToken {
                hash: [hash; 32],
                expires_at: at(10),
            };
            wait(store.add_token(by, token, at(0)))
        };
        for (hash, by) in [(1, &ann), (2, &ann), (3, &client.who)] {
            add(by, hash).unwrap();
        }
        wait(store.set_password(&ann, ann.id(), "new hash".to_owned())).unwrap();
        // Whoever has shown the old one gets no more tokens.
        assert_eq!(refusal(add(&ann, 4)), Refusal::PasswordChanged);
        let lives = |hash| wait(store.token([hash; 32], at(1))).unwrap().is_some();
        assert_eq!([lives(1), lives(2), lives(3)], [false, false, true]);
        let password = |name| wait(store.account(name)).unwrap().unwrap().password;
        assert_eq!(password("ann").as_deref(), Some("new hash"));
        assert_eq!(password("admin").as_deref(), Some("hash"));
        assert_eq!(
            refusal(wait(store.set_password(
                &client.who,
                ann.id().next(),
                String::new()
            ))),
            Refusal::NoSuchUser
        );
    });
}

#[test]
fn who_asks_is_judged_by_the_account_as_it_is_then() {
    every_store(|client| {
        let store = client.store;
        let ann = client.user("ann", Role::Admin);
        let page = client.made("A");
        let change = |role: Option<Role>, access: Option<Access>| {
            let change = UserChange {
                role,
                access,
                ..UserChange::default()
            };
            wait(store.change_user(&client.who, ann.who.id(), change)).unwrap();
        };
        let denied = |answer: Result<(), StoreError>| matches!(refusal(answer), Refusal::Denied(_));
        let group = NewGroup {
            space: None,
            name: "G".to_owned(),
            members: Vec::new(),
            uuid: Uuid::nil(),
            at: at(1),
        };
        change(Some(Role::Viewer), None);
        // Ann's requests were on their way while she was an administrator.
        assert!(denied(ann.on(page).write(vec![put("a", "1")]).map(drop)));
        assert!(denied(
            ann.on(page)
                .write(vec![Edit::SetPermissions(None)])
                .map(drop)
        ));
        assert!(denied(
            wait(store.add_account(&ann.who, account("bob", Role::Admin))).map(drop)
        ));
        assert!(denied(wait(store.add_group(&ann.who, group)).map(drop)));
        assert!(denied(
            wait(store.set_password(&ann.who, UserId::ADMIN, String::new())).map(drop)
        ));
        let herself = UserChange {
            role: Some(Role::Admin),
            ..UserChange::default()
        };
        assert!(denied(
            wait(store.change_user(&ann.who, ann.who.id(), herself)).map(drop)
        ));
        change(Some(Role::Contributor), None);
        assert!(ann.on(page).write(vec![put("a", "1")]).is_ok());
        let token = NewToken {
            hash: [1; 32],
            expires_at: at(10),
        };
        wait(store.add_token(&ann.who, token, at(0))).unwrap();
        change(None, Some(Access::Disabled));
        let (user, _) = wait(store.token([1; 32], at(1))).unwrap().unwrap();
        assert_eq!(user.access, Access::Disabled);
        let disabled = Refusal::AccountDisabled("ann".to_owned());
        assert_eq!(refusal(ann.on(page).write(vec![put("a", "2")])), disabled);
        assert_eq!(
            refusal(wait(store.add_token(&ann.who, token, at(0)))),
            disabled
        );
    });
}

#[test]
fn what_may_not_be_read_is_not_read_whoever_has_found_it_before() {
    every_store(|client| {
        let store = client.store;
        let page = client.made("A");
        client.on(page).put("a", "secret");
        let file = client.on(page).upload("f", "secret");
        let nobody = client.anonymous();
        let ResourceId::Node(id) = page else { panic!() };
        let tries = || {
            let key = client.on(page).read("a").unwrap().key;
            [
                nobody.on(page).list().map(drop),
                wait(store.read(&nobody.caller(), key, None)).map(drop),
                wait(store.file(&nobody.caller(), file.id, None)).map(drop),
                nobody.file(file.id).map(drop),
                wait(store.file_history(&nobody.caller(), file.id)).map(drop),
                wait(store.files_on(&nobody.caller(), id)).map(drop),
                wait(store.page(&nobody.caller(), id)).map(drop),
            ]
        };
        assert!(tries().iter().all(Result::is_ok));
        client.secure(page, Restriction::Private, &[]);
        for answer in tries() {
            assert!(matches!(refusal(answer), Refusal::Denied(_)));
        }
        // What lies above is not named to those who may not see it.
        let below = client.made("A/B");
        client.secure(below, Restriction::Public, &[]);
        let ResourceId::Node(below) = below else {
            panic!()
        };
        assert_eq!(
            wait(store.page(&nobody.caller(), below)).unwrap().parent,
            None
        );
        assert!(
            wait(store.page(&client.caller(), below))
                .unwrap()
                .parent
                .is_some()
        );
    });
}

#[test]
fn many_pages_are_found_in_parts() {
    every_store(|client| {
        let pages: Vec<ResourceId> = (0..5).map(|n| client.made(&format!("P{n}"))).collect();
        for page in &pages {
            client.on(*page).put("a", "1");
        }
        client.secure(pages[1], Restriction::Private, &[]);
        let nobody = client.anonymous();
        let found = |offset, limit| {
            let search = PageSearch {
                names: NameFilter::All,
                offset,
                limit,
            };
            let pages = wait(client.store.pages_with(&nobody.caller(), search)).unwrap();
            pages
                .iter()
                .map(|page| page.node.path.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(found(0, None), ["P0", "P2", "P3", "P4"]);
        assert_eq!(found(1, Some(2)), ["P2", "P3"]);
        assert_eq!(found(3, Some(2)), ["P4"]);
        assert_eq!(found(4, None), [""; 0]);
        assert_eq!(found(0, Some(0)), [""; 0]);
    });
}

// The end.

#[test]
fn what_was_accepted_before_the_end_is_done_and_after_it_everything_is_closed() {
    fn closed<T>(ticket: Ticket<T>) -> bool {
        matches!(wait(ticket), Err(StoreError::Closed))
    }
    every_store(|client| {
        let store = client.store;
        let accepted: Vec<_> = (0..20)
            .map(|i| store.write(client.batch(vec![put(&format!("a{i}"), "1")])))
            .collect();
        store.close();
        store.close();
        for ticket in accepted {
            assert!(matches!(wait(ticket).unwrap()[..], [Ok(Done::Put(_))]));
        }

        let id = ContentId::new(1).unwrap();
        let key = PropertyKey {
            resource: HOME,
            name: "a".parse().unwrap(),
        };
        let token = NewToken {
            hash: [1; 32],
            expires_at: at(9),
        };
        assert!(closed(store.write(client.batch(vec![put("a", "1")]))));
        assert!(closed(store.locate(&client.caller(), Address::Site)));
        assert!(closed(store.list(
            &client.caller(),
            ListQuery {
                resource: HOME,
                names: NameFilter::All,
                cutoff: 0
            }
        )));
        assert!(closed(store.read(&client.caller(), key, None)));
        assert!(closed(store.file_view(
            &client.caller(),
            NodeId::HOME,
            None
        )));
        assert!(closed(store.stage(at(1))));
        assert!(closed(store.append(id, 0, Bytes::new())));
        assert!(closed(store.discard(id)));
        assert!(closed(store.chunk(id, 0)));
        assert!(closed(store.account("admin")));
        assert!(closed(store.user(UserId::ADMIN)));
        assert!(closed(store.users()));
        assert!(closed(
            store.add_account(&client.who, account("ann", Role::Viewer))
        ));
        assert!(closed(store.set_password(
            &client.who,
            UserId::ADMIN,
            String::new()
        )));
        assert!(closed(store.add_token(&client.who, token, at(1))));
        assert!(closed(store.token([1; 32], at(1))));
    });
}

// Model against reality: whatever is asked, all stores answer the same.

/// Which etag somebody gives, out of those that were answered so far.
#[derive(Clone, Copy, Debug)]
enum Given {
    Newest,
    Older,
    Nonsense,
}

/// What somebody takes for granted.
#[derive(Clone, Copy, Debug)]
enum Assumed {
    Anything,
    Absence,
    NothingSeen,
    Seen(Given),
}

#[derive(Clone, Debug)]
enum Wish {
    Put { assumed: Assumed, value: Vec<u8> },
    Delete { etag: Option<Given> },
}

type Wishes = Vec<((ResourceId, &'static str), Wish)>;

fn wishes() -> impl Strategy<Value = Wishes> {
    let given = || prop_oneof![3 => Just(Given::Newest), 1 => Just(Given::Older), 1 => Just(Given::Nonsense)];
    let few = usize::try_from(INLINE_BYTES_MAX).unwrap();
    let value = prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (few - 1..few + 2).prop_map(noise),
    ];
    let assumed = prop_oneof![
        2 => Just(Assumed::Anything),
        1 => Just(Assumed::Absence),
        1 => Just(Assumed::NothingSeen),
        3 => given().prop_map(Assumed::Seen),
    ];
    let wish = prop_oneof![
        3 => (assumed, value).prop_map(|(assumed, value)| Wish::Put { assumed, value }),
        1 => prop::option::of(given()).prop_map(|etag| Wish::Delete { etag }),
    ];
    let keys: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .flat_map(|name| [(HOME, name), (ResourceId::Site, name)])
        .collect();
    let keys = prop::sample::subsequence(keys, 1..=6).prop_shuffle();
    keys.prop_flat_map(move |keys| {
        keys.into_iter()
            .map(|key| (Just(key), wish.clone()))
            .collect::<Vec<_>>()
    })
}

/// The etags that were answered for each property, the newest last.
type Known = BTreeMap<(ResourceId, &'static str), Vec<String>>;

fn edits(wishes: &Wishes, known: &Known) -> Vec<(ResourceId, Edit)> {
    let edit = |((resource, name), wish): &((ResourceId, &'static str), Wish)| {
        let etags = known
            .get(&(*resource, *name))
            .map_or(&[][..], Vec::as_slice);
        let etag = |given| match given {
            Given::Newest => etags.last().cloned().unwrap_or_default(),
            Given::Older => etags.iter().rev().nth(1).cloned().unwrap_or_default(),
            Given::Nonsense => "nonsense".to_owned(),
        };
        let edit = match wish {
            Wish::Put { assumed, value } => {
                let content =
                    Content::inline(MediaType::text_utf8(), Bytes::copy_from_slice(value));
                let precondition = match assumed {
                    Assumed::Anything => Precondition::Any,
                    Assumed::Absence => Precondition::Absent,
                    Assumed::NothingSeen => Precondition::Seen(None),
                    Assumed::Seen(given) => Precondition::Seen(Some(etag(*given))),
                };
                put_if(name, content, None, precondition)
            }
            Wish::Delete { etag: given } => {
                let name = name.parse().unwrap();
                Edit::Delete(Delete {
                    name,
                    alias: None,
                    demand: None,
                    etag: given.map(etag),
                })
            }
        };
        (*resource, edit)
    };
    wishes.iter().map(edit).collect()
}

/// An outcome without the bytes of what was deleted, which each store may keep where it likes.
fn comparable(outcome: &Outcome) -> Outcome {
    match outcome {
        Ok(Done::Deleted(was)) => {
            let content = Content {
                body: Body::Omitted,
                ..was.content.clone()
            };
            Ok(Done::Deleted(Property {
                content,
                ..was.clone()
            }))
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn random_batches_come_to_the_same_in_every_store(
        history in prop::collection::vec((wishes(), prop::bool::weighted(0.9)), 1..12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(&SqliteOptions::new(dir.path().join("p.db")), setup).unwrap();
        let memory = Memory::new(setup().unwrap());
        // A contributor may write to the page, but not to the site.
        let clients = [Client::admin(&memory), Client::admin(&sqlite)].map(|admin| {
            let contributor = admin.user("ann", Role::Contributor);
            (admin, contributor)
        });
        let mut known = Known::new();
        for (second, (wishes, by_admin)) in (0..).zip(&history) {
            let [model, reality] = clients.each_ref().map(|(admin, contributor)| {
                let client = if *by_admin { admin } else { contributor }.at(second);
                match wait(client.store.write(client.batch_on(edits(wishes, &known)))) {
                    Ok(outcomes) => Ok(outcomes.iter().map(comparable).collect::<Vec<_>>()),
                    Err(StoreError::Refused(refusal)) => Err(refusal),
                    Err(failure) => panic!("{failure:?}"),
                }
            });
            prop_assert_eq!(&model, &reality);
            for ((key, _), outcome) in wishes.iter().zip(model.into_iter().flatten()) {
                if let Ok(Done::Put(property) | Done::Deleted(property)) = outcome {
                    known.entry(*key).or_default().push(property.etag().to_string());
                }
            }
            for resource in [HOME, ResourceId::Site] {
                let [model, reality] = clients.each_ref().map(|(admin, _)| admin.on(resource).list().unwrap());
                prop_assert_eq!(model.properties, reality.properties);
                prop_assert!(model.users.keys().eq(reality.users.keys()));
                prop_assert_eq!(model.language, reality.language);
            }
        }
        sqlite.close();
    }
}

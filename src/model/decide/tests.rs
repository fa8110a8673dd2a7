//! The rules of [`super`] as tables of what is there, what is asked, and what comes of it.

mod spaces;

use super::super::principal::tests::principal;
use super::super::{
    DESCRIPTION_PROPERTY, Demand, Denied, FileDescription, Invalid, MediaType, NameFault, NewNode,
    NodeName, PropertyName, Role, Upload,
};
use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::subsequence;
use uuid::Uuid;

const PAGE: ResourceId = ResourceId::Node(NodeId::HOME);
const NEXT: NextIds = NextIds {
    property: property_id(40),
    node: node_id(20),
};
/// The etags of [`head`] and of what was there before it.
const RIGHT: &str = "5.r7_ts1970-01-01T00:00:03Z";
const STALE: &str = "5.r6_ts1970-01-01T00:00:02Z";

const fn property_id(number: i64) -> PropertyId {
    match PropertyId::new(number) {
        Some(id) => id,
        None => panic!("an id is at least 1"),
    }
}

const fn node_id(number: i64) -> NodeId {
    match NodeId::new(number) {
        Some(id) => id,
        None => panic!("an id is at least 1"),
    }
}

fn writer() -> Principal {
    principal(3, Role::Contributor)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn name(text: &str) -> PropertyName {
    text.parse().unwrap()
}

fn content(text: &str) -> Content {
    Content::inline(
        MediaType::text_utf8(),
        Bytes::copy_from_slice(text.as_bytes()),
    )
}

fn key(text: &str) -> PropertyKey {
    PropertyKey {
        resource: PAGE,
        name: name(text),
    }
}

/// The property `a` at revision 7, of another user.
fn head() -> Property {
    Property {
        id: property_id(5),
        key: key("a"),
        revision: Revision::new(7).unwrap(),
        content: content("old"),
        description: "why".to_owned(),
        modified_at: at(3),
        modified_by: principal(4, Role::Admin).id(),
    }
}

fn put(demand: Option<Demand>, precondition: Precondition) -> Edit {
    let description = "because".to_owned();
    Edit::Put(Put {
        name: name("a"),
        content: content("new"),
        description,
        demand,
        precondition,
    })
}

fn delete(demand: Option<Demand>, etag: Option<&str>) -> Edit {
    Edit::Delete(Delete {
        name: name("a"),
        alias: None,
        demand,
        etag: etag.map(str::to_owned),
    })
}

fn seen(etag: &str) -> Precondition {
    Precondition::Seen(Some(etag.to_owned()))
}

fn one_of(etags: &[&str]) -> Demand {
    Demand::OneOf(etags.iter().map(|&etag| etag.to_owned()).collect())
}

fn stale_by(given: &str) -> Refusal {
    Refusal::Stale {
        given: given.to_owned(),
        property: head().id,
    }
}

fn unmet(refusal: Refusal) -> Refusal {
    Refusal::Unmet(Box::new(refusal))
}

/// A page that may be written, or what else there is at a resource.
fn page_for(by: &Principal) -> Place {
    Place {
        resource: PAGE,
        kind: Some(NodeKind::Page),
        rights: by.user().role.rights(),
        page: Some(NodeId::HOME),
        space: None,
        missing: 0,
    }
}

/// Decides one change by [`writer`] at second 9.
fn decided(place: Place, edit: Edit, found: Found) -> (Outcome, NextIds) {
    let batch = Batch::of_one(writer(), at(9), place.resource, edit);
    let places = BTreeMap::from([(place.resource, Ok(place))]);
    let snapshot = Snapshot {
        places,
        found: vec![found],
        makers: BTreeMap::new(),
        next: NEXT,
    };
    let (outcomes, next) = decide(&snapshot, &batch).unwrap();
    assert_eq!(outcomes.len(), 1);
    (outcomes.into_iter().next().unwrap(), next)
}

/// Decides one change of a page: its revision or why there is none, and how many ids of properties it took.
fn check(edit: Edit, head: Option<Property>, expected: &Result<i64, Refusal>) {
    let said = format!(
        "{edit:?}\nwhere {} is",
        if head.is_some() {
            "the head"
        } else {
            "nothing"
        }
    );
    let (outcome, next) = decided(
        page_for(&writer()),
        edit,
        head.map_or(Found::Nothing, Found::Property),
    );
    let taken = i64::from(*expected == Ok(1));
    assert_eq!(
        next,
        NextIds {
            property: property_id(40 + taken),
            ..NEXT
        },
        "{said}"
    );
    let revision = outcome.map(|done| match done {
        Done::Put(property) | Done::Deleted(property) => property.revision.get(),
        other @ (Done::LanguageSet
        | Done::Uploaded { .. }
        | Done::Removed
        | Done::PageWritten(_)
        | Done::PermissionsSet
        | Done::Enrolled { .. }
        | Done::AccessSet
        | Done::Unchanged) => panic!("{other:?}"),
    });
    assert_eq!(revision, *expected, "{said}");
}

#[test]
fn what_must_not_be_there_is_not_written_over() {
    let none_of = |etags: &[&str]| {
        Some(Demand::NoneOf(
            etags.iter().map(|&etag| etag.to_owned()).collect(),
        ))
    };
    for (etags, found, expected) in [
        (&[RIGHT][..], None, Ok(1)),
        (&[STALE], Some(head()), Ok(8)),
        (&[], Some(head()), Ok(8)),
        (
            &[STALE, RIGHT],
            Some(head()),
            Err(unmet(Refusal::PropertyExists("a".parse().unwrap()))),
        ),
    ] {
        check(put(none_of(etags), Precondition::Any), found, &expected);
    }
}

#[test]
fn a_file_is_changed_only_at_the_revision_that_is_demanded() {
    let Found::File { file, .. } = found_file(None, false) else {
        panic!("it is a file")
    };
    let (now, old) = (file.etag(), "9.r1_ts1970-01-01T00:00:00Z".to_owned());
    let stale = || Err(unmet(Refusal::StaleNode { etag: now.clone() }));
    for (demand, there, missing) in [
        (None, Ok(()), Err(Refusal::NoSuchFile)),
        (
            Some(Demand::OneOf(vec![old.clone(), now.clone()])),
            Ok(()),
            Err(Refusal::NoSuchFile),
        ),
        (
            Some(Demand::OneOf(vec![old.clone()])),
            stale(),
            Err(Refusal::NoSuchFile),
        ),
        (Some(Demand::Present), Ok(()), Err(Refusal::NoSuchFile)),
        (
            Some(Demand::Absent),
            Err(unmet(Refusal::FileNameTaken(file.name.clone()))),
            Err(Refusal::NoSuchFile),
        ),
        (
            Some(Demand::NoneOf(vec![now.clone()])),
            stale(),
            Err(Refusal::NoSuchFile),
        ),
        (
            Some(Demand::NoneOf(vec![old])),
            Ok(()),
            Err(Refusal::NoSuchFile),
        ),
    ] {
        let place = page_for(&writer());
        for (found, expected) in [(found_file(None, false), there), (Found::Nothing, missing)] {
            let demand = demand.clone();
            let (outcome, _) = decided(place, Edit::Remove { demand }, found);
            assert_eq!(outcome.map(drop), expected);
        }
    }
}

#[test]
fn the_table_of_puts_where_nothing_is() {
    use Precondition::{Absent, Any, Seen};
    for (demand, precondition, expected) in [
        // §6.2 POST: abort=never, exists, modified; §6.3 PUT: never, exists, modified; §7.
        (None, Any, Ok(1)),
        (None, Absent, Ok(1)),
        (None, Seen(None), Ok(1)),
        (None, seen(RIGHT), Err(Refusal::UnexpectedEtag)),
        (None, seen(""), Err(Refusal::UnexpectedEtag)),
        // §6.1: If-Match and If-None-Match, which are looked at first.
        (Some(Demand::Absent), Any, Ok(1)),
        (Some(Demand::Absent), Absent, Ok(1)),
        (
            Some(Demand::Absent),
            seen(RIGHT),
            Err(Refusal::UnexpectedEtag),
        ),
        (
            Some(Demand::Present),
            Any,
            Err(unmet(Refusal::UnexpectedEtag)),
        ),
        (
            Some(Demand::Present),
            seen(RIGHT),
            Err(unmet(Refusal::UnexpectedEtag)),
        ),
        (
            Some(one_of(&[RIGHT])),
            Any,
            Err(unmet(Refusal::UnexpectedEtag)),
        ),
        (
            Some(one_of(&[])),
            Absent,
            Err(unmet(Refusal::UnexpectedEtag)),
        ),
    ] {
        check(put(demand, precondition), None, &expected);
    }
}

#[test]
fn the_table_of_puts_where_a_property_is() {
    use Precondition::{Absent, Any, Seen};
    let exists = || Refusal::PropertyExists(name("a"));
    for (demand, precondition, expected) in [
        (None, Any, Ok(8)),
        (None, Absent, Err(exists())),
        (None, Seen(None), Err(stale_by(""))),
        (None, seen(""), Err(stale_by(""))),
        (None, seen(RIGHT), Ok(8)),
        (None, seen(STALE), Err(stale_by(STALE))),
        (
            None,
            seen("\"5.r7_ts1970-01-01T00:00:03Z\""),
            Err(stale_by("\"5.r7_ts1970-01-01T00:00:03Z\"")),
        ),
        (Some(Demand::Present), Any, Ok(8)),
        (Some(Demand::Present), Absent, Err(exists())),
        (Some(Demand::Present), seen(STALE), Err(stale_by(STALE))),
        (Some(Demand::Absent), Any, Err(unmet(exists()))),
        (Some(Demand::Absent), Absent, Err(unmet(exists()))),
        (Some(Demand::Absent), seen(RIGHT), Err(unmet(exists()))),
        (Some(one_of(&[RIGHT])), Any, Ok(8)),
        (Some(one_of(&[STALE, RIGHT])), seen(RIGHT), Ok(8)),
        (Some(one_of(&[RIGHT])), seen(STALE), Err(stale_by(STALE))),
        (Some(one_of(&[STALE])), Any, Err(unmet(stale_by(STALE)))),
        (
            Some(one_of(&[STALE, "x"])),
            seen(RIGHT),
            Err(unmet(stale_by(&format!("{STALE}, x")))),
        ),
        (Some(one_of(&[])), Any, Err(unmet(stale_by("")))),
    ] {
        check(put(demand, precondition), Some(head()), &expected);
    }
}

#[test]
fn the_table_of_deletes() {
    let missing = || Err(Refusal::NoSuchProperty("a".to_owned()));
    for (demand, etag, where_nothing_is, where_a_property_is) in [
        (None, None, missing(), Ok(8)),
        (None, Some(RIGHT), missing(), Ok(8)),
        (None, Some(STALE), missing(), Err(stale_by(STALE))),
        (Some(Demand::Present), None, missing(), Ok(8)),
        (
            Some(Demand::Absent),
            None,
            missing(),
            Err(unmet(Refusal::PropertyExists(name("a")))),
        ),
        (Some(one_of(&[RIGHT])), None, missing(), Ok(8)),
        (
            Some(one_of(&[STALE])),
            Some(RIGHT),
            missing(),
            Err(unmet(stale_by(STALE))),
        ),
        (
            Some(one_of(&[RIGHT])),
            Some(STALE),
            missing(),
            Err(stale_by(STALE)),
        ),
    ] {
        check(delete(demand.clone(), etag), None, &where_nothing_is);
        check(delete(demand, etag), Some(head()), &where_a_property_is);
    }
}

#[test]
fn a_put_says_who_wrote_what_when_and_why() {
    let written = |found| decided(page_for(&writer()), put(None, Precondition::Any), found);
    let new = Property {
        id: NEXT.property,
        key: key("a"),
        revision: Revision::FIRST,
        content: content("new"),
        description: "because".to_owned(),
        modified_at: at(9),
        modified_by: writer().id(),
    };
    assert_eq!(written(Found::Nothing).0, Ok(Done::Put(new.clone())));
    let revised = Property {
        id: head().id,
        revision: head().revision.next(),
        ..new
    };
    assert_eq!(written(Found::Property(head())).0, Ok(Done::Put(revised)));
}

#[test]
fn a_deletion_keeps_the_last_value_and_is_a_revision_without_a_description() {
    // The store found it by the alias: what is deleted is what was found.
    let found = Property {
        key: key("b"),
        ..head()
    };
    let (outcome, next) = decided(
        page_for(&writer()),
        delete(None, None),
        Found::Property(found.clone()),
    );
    let deleted = Property {
        revision: found.revision.next(),
        description: String::new(),
        modified_at: at(9),
        modified_by: writer().id(),
        ..found
    };
    assert_eq!(outcome, Ok(Done::Deleted(deleted)));
    assert_eq!(next, NEXT);
}

#[test]
fn an_item_that_was_bad_by_itself_keeps_its_place_in_the_answer() {
    let refusal = Refusal::Invalid(Invalid::Name(NameFault::Empty));
    let bad = Edit::Refused {
        name: String::new(),
        refusal: refusal.clone(),
    };
    let good = Wish::Put(Precondition::Any, None).edit("a");
    let late = Wish::Delete(None, None).edit("b");
    let (outcomes, _) = World::new().decide(&World::batch(0, vec![late, bad, good]));
    assert_eq!(outcomes[0], Err(Refusal::NoSuchProperty("b".to_owned())));
    assert_eq!(outcomes[1], Err(refusal));
    assert!(matches!(outcomes[2], Ok(Done::Put(_))), "{:?}", outcomes[2]);
}

#[test]
fn a_batch_of_nothing_comes_to_nothing() {
    let world = World::new();
    assert_eq!(
        world.decide(&World::batch(0, Vec::new())),
        (Vec::new(), world.next)
    );
}

#[test]
fn a_batch_is_refused_whole_for_each_resource_that_is_missing_or_not_the_callers() {
    let by = writer();
    let may = |resource, role: Role, page| {
        Ok(Place {
            resource,
            kind: None,
            rights: role.rights(),
            page,
            space: None,
            missing: 0,
        })
    };
    let denied = |allowed: Role, page| {
        let denied = Denied {
            principal: writer(),
            required: Right::Update,
            allowed: allowed.rights(),
            page,
        };
        Err(Refusal::Denied(Box::new(denied)))
    };
    let home = Some(NodeId::HOME);
    for (place, expected) in [
        (may(ResourceId::Site, Role::Contributor, None), Ok(())),
        (
            may(ResourceId::Site, Role::Viewer, None),
            denied(Role::Viewer, None),
        ),
        (
            may(ResourceId::Site, Role::Viewer, home),
            denied(Role::Viewer, home),
        ),
        // Whoever may not see the page is not told which it is.
        (
            may(ResourceId::Site, Role::None, home),
            denied(Role::None, None),
        ),
        (Err(Refusal::NoSuchUser), Err(Refusal::NoSuchUser)),
        (Err(Refusal::FileRemoved), Err(Refusal::FileRemoved)),
    ] {
        let edits = [
            (PAGE, put(None, Precondition::Any)),
            (ResourceId::Site, put(None, Precondition::Any)),
        ];
        let changes = edits
            .map(|(resource, edit)| Change { resource, edit })
            .into();
        let batch = Batch::new(by.clone(), at(9), changes).unwrap();
        let places = BTreeMap::from([(PAGE, Ok(page_for(&by))), (ResourceId::Site, place)]);
        let snapshot = Snapshot {
            places,
            found: vec![Found::Nothing, Found::Nothing],
            makers: BTreeMap::new(),
            next: NEXT,
        };
        assert_eq!(decide(&snapshot, &batch).map(|_| ()), expected);
    }
}

fn file() -> File {
    File {
        id: node_id(12),
        uuid: Uuid::from_u128(12),
        parent: NodeId::HOME,
        name: "a.txt".parse().unwrap(),
        revision: Revision::new(4).unwrap(),
        content: content("old"),
        modified_at: at(3),
        modified_by: principal(4, Role::Admin).id(),
    }
}

fn found_file(description: Option<Property>, name_taken: bool) -> Found {
    Found::File {
        file: file(),
        description,
        name_taken,
    }
}

fn next_file() -> File {
    let revision = file().revision.next();
    File {
        revision,
        content: content("new"),
        modified_at: at(9),
        modified_by: writer().id(),
        ..file()
    }
}

fn upload(description: FileDescription) -> Edit {
    let name = "a.txt".parse().unwrap();
    Edit::Upload(Upload {
        demand: None,
        file: NewNode {
            name,
            uuid: Uuid::from_u128(77),
        },
        content: content("new"),
        description,
    })
}

/// The head of the file's description at revision 7.
fn description() -> Property {
    let key = PropertyKey {
        resource: ResourceId::Node(file().id),
        name: name(DESCRIPTION_PROPERTY),
    };
    Property { key, ..head() }
}

#[test]
fn an_upload_makes_a_file_if_none_has_the_name() {
    let (outcome, next) = decided(
        page_for(&writer()),
        upload(FileDescription::Keep),
        Found::Nothing,
    );
    let file = File {
        id: NEXT.node,
        uuid: Uuid::from_u128(77),
        revision: Revision::FIRST,
        ..next_file()
    };
    assert_eq!(
        outcome,
        Ok(Done::Uploaded {
            file,
            property: None,
            submitted: false,
        })
    );
    assert_eq!(
        next,
        NextIds {
            node: NEXT.node.next(),
            ..NEXT
        }
    );
}

#[test]
fn an_upload_revises_the_file_that_has_the_name() {
    let found = found_file(Some(description()), false);
    let (outcome, next) = decided(page_for(&writer()), upload(FileDescription::Keep), found);
    assert_eq!(
        outcome,
        Ok(Done::Uploaded {
            file: next_file(),
            property: None,
            submitted: false,
        })
    );
    assert_eq!(next, NEXT);
}

#[test]
fn an_upload_that_describes_writes_the_description_as_a_property_of_the_file() {
    let text = || FileDescription::Set("said".to_owned());
    let described = |found| match decided(page_for(&writer()), upload(text()), found) {
        (
            Ok(Done::Uploaded {
                file,
                property: Some(property),
                ..
            }),
            next,
        ) => (file, property, next),
        other => panic!("{other:?}"),
    };
    let written = |file: NodeId, id, revision| Property {
        id,
        key: PropertyKey {
            resource: ResourceId::Node(file),
            name: name(DESCRIPTION_PROPERTY),
        },
        revision,
        content: content("said"),
        description: String::new(),
        modified_at: at(9),
        modified_by: writer().id(),
    };

    let (file, property, next) = described(Found::Nothing);
    assert_eq!((file.id, next.node), (NEXT.node, NEXT.node.next()));
    assert_eq!(property, written(file.id, NEXT.property, Revision::FIRST));
    assert_eq!(next.property, NEXT.property.next());

    let (file, property, next) = described(found_file(None, false));
    assert_eq!(property, written(file.id, NEXT.property, Revision::FIRST));
    assert_eq!(
        next,
        NextIds {
            property: NEXT.property.next(),
            ..NEXT
        }
    );

    let (file, property, next) = described(found_file(Some(description()), false));
    assert_eq!(
        property,
        written(file.id, description().id, description().revision.next())
    );
    assert_eq!(next, NEXT);
}

#[test]
fn only_a_page_takes_files_and_a_language() {
    let rights = Role::Admin.rights();
    let file = ResourceId::Node(file().id);
    for (resource, page) in [
        (ResourceId::Site, None),
        (ResourceId::User(writer().id()), None),
        (file, Some(NodeId::HOME)),
    ] {
        let language = Edit::SetLanguage("de".parse().unwrap());
        for edit in [upload(FileDescription::Keep), language] {
            let (outcome, next) = decided(
                Place {
                    resource,
                    kind: page.map(|_| NodeKind::File),
                    rights,
                    page,
                    space: None,
                    missing: 0,
                },
                edit,
                Found::Nothing,
            );
            assert_eq!(
                (outcome, next),
                (Err(Refusal::NoSuchPage), NEXT),
                "{resource:?}"
            );
        }
    }
    let language = Edit::SetLanguage("de".parse().unwrap());
    assert_eq!(
        decided(page_for(&writer()), language, Found::Nothing),
        (Ok(Done::LanguageSet), NEXT)
    );
}

#[test]
fn the_table_of_what_a_file_meets() {
    let rename = |to: &str| Some(to.parse::<NodeName>().unwrap());
    let revise = |rename| Edit::Revise {
        demand: None,
        content: content("new"),
        rename,
    };
    let uploaded = |file| {
        Ok(Done::Uploaded {
            file,
            property: None,
            submitted: false,
        })
    };
    let taken = || Err(Refusal::FileNameTaken("b.txt".parse().unwrap()));
    for (edit, found, expected) in [
        (revise(None), found_file(None, false), uploaded(next_file())),
        (
            revise(None),
            found_file(Some(description()), false),
            uploaded(next_file()),
        ),
        (
            revise(rename("b.txt")),
            found_file(None, false),
            uploaded(File {
                name: "b.txt".parse().unwrap(),
                ..next_file()
            }),
        ),
        (
            revise(rename("a.txt")),
            found_file(None, false),
            uploaded(next_file()),
        ),
        (revise(rename("b.txt")), found_file(None, true), taken()),
        (revise(None), Found::Nothing, Err(Refusal::NoSuchFile)),
        (
            Edit::Remove { demand: None },
            found_file(None, false),
            Ok(Done::Removed),
        ),
        (
            Edit::Remove { demand: None },
            Found::Nothing,
            Err(Refusal::NoSuchFile),
        ),
    ] {
        let place = Place {
            resource: ResourceId::Node(file().id),
            ..page_for(&writer())
        };
        assert_eq!(decided(place, edit, found), (expected, NEXT));
    }
}

/// A store of one page, as small as can be.
#[derive(Clone, Debug, PartialEq)]
struct World {
    heads: BTreeMap<PropertyName, Property>,
    next: NextIds,
}

impl World {
    fn new() -> Self {
        World {
            heads: BTreeMap::new(),
            next: NEXT,
        }
    }

    /// The world after some batches of wishes, one each second, and what was answered.
    fn after(history: &[Vec<(&'static str, Wish)>]) -> (Self, Vec<(Batch, Vec<Outcome>)>) {
        let mut world = World::new();
        let answers = (0..).zip(history).map(|(second, wishes)| {
            let batch = World::batch(second, world.edits(wishes));
            let outcomes = world.write(&batch);
            (batch, outcomes)
        });
        let answers = answers.collect();
        (world, answers)
    }

    fn batch(second: i64, edits: Vec<Edit>) -> Batch {
        let changes = edits
            .into_iter()
            .map(|edit| Change {
                resource: PAGE,
                edit,
            })
            .collect();
        Batch::new(writer(), at(second), changes).unwrap()
    }

    /// Turns wishes into edits: what a wish knows as the right etag is the one of the head.
    fn edits(&self, wishes: &[(&'static str, Wish)]) -> Vec<Edit> {
        let edit = |(called, wish): &(&'static str, Wish)| {
            let right = self
                .heads
                .get(&name(called))
                .map(|head| head.etag().to_string());
            wish.with_right_etag(right.as_deref().unwrap_or(RIGHT))
                .edit(called)
        };
        wishes.iter().map(edit).collect()
    }

    fn decide(&self, batch: &Batch) -> (Vec<Outcome>, NextIds) {
        decide(&self.snapshot(batch), batch).unwrap()
    }

    fn snapshot(&self, batch: &Batch) -> Snapshot {
        let found = |change: &Change| {
            let name = match &change.edit {
                Edit::Put(put) => &put.name,
                Edit::Delete(delete) => &delete.name,
                Edit::Set(set) => &set.name,
                Edit::Refused { .. } => return Found::Nothing,
                other @ (Edit::SetLanguage(_)
                | Edit::Upload(_)
                | Edit::Revise { .. }
                | Edit::Remove { .. }
                | Edit::WritePage(_)
                | Edit::SetPermissions(_)
                | Edit::AddSpace(_)
                | Edit::AddFolder(_)
                | Edit::Rename(_)
                | Edit::AddFile(_)
                | Edit::Enroll(_)
                | Edit::SetAccess(_)) => {
                    panic!("{other:?}")
                }
            };
            self.heads
                .get(name)
                .cloned()
                .map_or(Found::Nothing, Found::Property)
        };
        let found = batch.changes().iter().map(found).collect();
        let places = BTreeMap::from([(PAGE, Ok(page_for(&batch.by)))]);
        Snapshot {
            places,
            found,
            makers: BTreeMap::new(),
            next: self.next,
        }
    }

    fn write(&mut self, batch: &Batch) -> Vec<Outcome> {
        let (outcomes, next) = self.decide(batch);
        self.next = next;
        for outcome in &outcomes {
            match outcome {
                Ok(Done::Put(property)) => drop(
                    self.heads
                        .insert(property.key.name.clone(), property.clone()),
                ),
                Ok(Done::Deleted(property)) => drop(self.heads.remove(&property.key.name)),
                Ok(
                    other @ (Done::LanguageSet
                    | Done::Uploaded { .. }
                    | Done::Removed
                    | Done::PageWritten(_)
                    | Done::PermissionsSet
                    | Done::Enrolled { .. }
                    | Done::AccessSet
                    | Done::Unchanged),
                ) => panic!("{other:?}"),
                Err(_) => {}
            }
        }
        outcomes
    }
}

/// What somebody wants of a property. The etag "right" stands for the one that the head will have by then.
#[derive(Clone, Debug)]
enum Wish {
    Put(Precondition, Option<Demand>),
    Delete(Option<Demand>, Option<String>),
    Refused,
}

impl Wish {
    fn edit(&self, called: &str) -> Edit {
        match self {
            Wish::Put(precondition, demand) => Edit::Put(Put {
                name: name(called),
                content: content(called),
                description: String::new(),
                demand: demand.clone(),
                precondition: precondition.clone(),
            }),
            Wish::Delete(demand, etag) => Edit::Delete(Delete {
                name: name(called),
                alias: None,
                demand: demand.clone(),
                etag: etag.clone(),
            }),
            Wish::Refused => Edit::Refused {
                name: called.to_owned(),
                refusal: Invalid::MediaType {
                    property: "a".to_owned(),
                    given: "none".to_owned(),
                }
                .into(),
            },
        }
    }

    fn with_right_etag(&self, right: &str) -> Self {
        let etag = |given: &String| {
            if given == "right" {
                right.to_owned()
            } else {
                given.clone()
            }
        };
        let demand = |demand: &Option<Demand>| match demand {
            Some(Demand::OneOf(etags)) => Some(Demand::OneOf(etags.iter().map(etag).collect())),
            Some(Demand::NoneOf(etags)) => Some(Demand::NoneOf(etags.iter().map(etag).collect())),
            Some(Demand::Never(etags)) => Some(Demand::Never(etags.iter().map(etag).collect())),
            other @ (Some(Demand::Present | Demand::Absent) | None) => other.clone(),
        };
        match self {
            Wish::Put(Precondition::Seen(Some(given)), wanted) => {
                Wish::Put(Precondition::Seen(Some(etag(given))), demand(wanted))
            }
            Wish::Put(precondition, wanted) => Wish::Put(precondition.clone(), demand(wanted)),
            Wish::Delete(wanted, given) => Wish::Delete(demand(wanted), given.as_ref().map(etag)),
            Wish::Refused => Wish::Refused,
        }
    }
}

fn etags() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("right".to_owned()), 1 => Just(STALE.to_owned()), 1 => Just(String::new())]
}

fn demands() -> impl Strategy<Value = Option<Demand>> {
    prop_oneof![
        5 => Just(None),
        1 => Just(Some(Demand::Present)),
        1 => Just(Some(Demand::Absent)),
        1 => prop::collection::vec(etags(), 0..3).prop_map(|etags| Some(Demand::OneOf(etags))),
        1 => prop::collection::vec(etags(), 0..3).prop_map(|etags| Some(Demand::NoneOf(etags))),
        1 => prop::collection::vec(etags(), 0..3).prop_map(|etags| Some(Demand::Never(etags))),
    ]
}

fn wishes() -> impl Strategy<Value = Wish> {
    let precondition = prop_oneof![
        2 => Just(Precondition::Any),
        1 => Just(Precondition::Absent),
        1 => Just(Precondition::Seen(None)),
        2 => etags().prop_map(|etag| Precondition::Seen(Some(etag))),
    ];
    prop_oneof![
        6 => (precondition, demands()).prop_map(|(precondition, demand)| Wish::Put(precondition, demand)),
        3 => (demands(), prop::option::of(etags())).prop_map(|(demand, etag)| Wish::Delete(demand, etag)),
        1 => Just(Wish::Refused),
    ]
}

/// Wishes for some of a few names.
fn batches() -> impl Strategy<Value = Vec<(&'static str, Wish)>> {
    let names = subsequence(vec!["a", "b", "c", "d", "e"], 1..=5);
    names.prop_flat_map(|names| {
        names
            .into_iter()
            .map(|name| (Just(name), wishes()))
            .collect::<Vec<_>>()
    })
}

fn histories() -> impl Strategy<Value = Vec<Vec<(&'static str, Wish)>>> {
    prop::collection::vec(batches(), 0..8)
}

/// What an outcome says, whatever id it gave to a property that it made.
fn but_for_new_ids(outcome: Outcome) -> Outcome {
    match outcome {
        Ok(Done::Put(property)) if property.revision == Revision::FIRST => {
            Ok(Done::Put(Property {
                id: property_id(1),
                ..property
            }))
        }
        other => other,
    }
}

proptest! {
    #[test]
    fn a_refused_change_alters_nothing_and_takes_no_id(history in histories(), last in batches()) {
        let (world, _) = World::after(&history);
        let edits = world.edits(&last);
        let (outcomes, next) = world.decide(&World::batch(99, edits.clone()));
        let good = edits.into_iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(edit, _)| edit);
        let without_refused = world.decide(&World::batch(99, good.collect()));
        let done: Vec<Outcome> = outcomes.into_iter().flatten().map(Ok).collect();
        prop_assert_eq!(without_refused, (done, next));
    }

    #[test]
    fn the_order_of_unrelated_names_is_immaterial(
        history in histories(),
        (last, shuffled) in batches().prop_flat_map(|batch| (Just(batch.clone()), Just(batch).prop_shuffle())),
    ) {
        let (world, _) = World::after(&history);
        let outcomes = |wishes: &[(&'static str, Wish)]| {
            let mut world = world.clone();
            let outcomes = world.write(&World::batch(99, world.edits(wishes)));
            let outcomes = outcomes.into_iter().map(but_for_new_ids);
            let by_name: BTreeMap<_, _> = wishes.iter().map(|(name, _)| *name).zip(outcomes).collect();
            (by_name, world.next)
        };
        prop_assert_eq!(outcomes(&last), outcomes(&shuffled));
    }

    #[test]
    fn revisions_only_grow_and_an_id_is_given_out_once(history in histories()) {
        let mut last: BTreeMap<PropertyId, Revision> = BTreeMap::new();
        for outcome in World::after(&history).1.into_iter().flat_map(|(_, outcomes)| outcomes) {
            if let Ok(Done::Put(property) | Done::Deleted(property)) = outcome {
                let newest = last.keys().next_back().copied();
                if let Some(before) = last.insert(property.id, property.revision) {
                    prop_assert_eq!(property.revision, before.next());
                } else {
                    prop_assert_eq!(property.revision, Revision::FIRST);
                    prop_assert!(newest < Some(property.id));
                }
            }
        }
    }

    #[test]
    fn the_etag_of_an_answer_is_accepted_next_and_no_other(history in histories(), last in batches()) {
        let (mut world, earlier) = World::after(&history);
        let outcomes = world.write(&World::batch(99, world.edits(&last)));
        let revisions = |outcomes: Vec<Outcome>| outcomes.into_iter().filter_map(|outcome| match outcome {
            Ok(Done::Put(property) | Done::Deleted(property)) => Some(property),
            _ => None,
        });
        let put = |property: &Property, etag: String| {
            let edit = Wish::Put(Precondition::Seen(Some(etag)), None).edit(property.key.name.as_str());
            world.decide(&World::batch(100, vec![edit])).0.remove(0)
        };
        for property in revisions(outcomes) {
            let head = world.heads.get(&property.key.name);
            match put(&property, property.etag().to_string()) {
                Ok(Done::Put(next)) => {
                    prop_assert_eq!(head, Some(&property));
                    prop_assert_eq!((next.id, next.revision), (property.id, property.revision.next()));
                }
                Err(refusal) => prop_assert_eq!((head, refusal), (None, Refusal::UnexpectedEtag)),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        for property in earlier.into_iter().flat_map(|(_, outcomes)| revisions(outcomes)) {
            let accepted = put(&property, property.etag().to_string()).is_ok();
            prop_assert_eq!(accepted, world.heads.get(&property.key.name) == Some(&property));
        }
    }

    #[test]
    fn replaying_batches_comes_to_the_same(history in histories()) {
        let (world, answers) = World::after(&history);
        let mut again = World::new();
        for (batch, outcomes) in answers {
            prop_assert_eq!(again.write(&batch), outcomes);
        }
        prop_assert_eq!(again, world);
    }
}

#[test]
fn a_batch_writes_a_node_once() {
    let rename = || Edit::Rename("x".parse().unwrap());
    let remove = || Edit::Remove { demand: None };
    let (node, other) = (PAGE, ResourceId::Node(node_id(7)));
    for (first, second, is_good) in [
        ((node, rename()), (node, rename()), false),
        ((node, rename()), (node, remove()), false),
        ((node, rename()), (other, rename()), true),
        ((node, rename()), (node, put(None, Precondition::Any)), true),
        (
            (node, upload(FileDescription::Keep)),
            (node, upload(FileDescription::Keep)),
            false,
        ),
        (
            (node, upload(FileDescription::Keep)),
            (other, upload(FileDescription::Keep)),
            true,
        ),
        (
            (node, upload(FileDescription::Keep)),
            (node, remove()),
            true,
        ),
    ] {
        let said = format!("{first:?} {second:?}");
        let changes = [first, second].map(|(resource, edit)| Change { resource, edit });
        let batch = Batch::new(writer(), at(9), changes.into());
        let refused = Some(Refusal::RepeatedNode(NodeId::HOME)).filter(|_| !is_good);
        assert_eq!(batch.err(), refused, "{said}");
    }
}

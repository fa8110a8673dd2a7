//! Settings and access lists of folders, and batches that are made as a whole or not at all.

use super::super::super::{Body, FileType, SETTING_BYTES_MAX, Setting, SpaceGround};
use super::*;

const FOLDER: ResourceId = ResourceId::Node(node_id(12));
const BESIDE: ResourceId = ResourceId::Node(node_id(14));

/// What somebody of this role meets at a node of a space.
fn inside(resource: ResourceId, kind: NodeKind, role: SpaceRole) -> Place {
    let ground = SpaceGround {
        space: node_id(10),
        role: Some(role),
        is_hidden: false,
        takes_files: false,
        takes_comments: false,
        gives_content: true,
        depth: 2,
    };
    Place {
        resource,
        kind: Some(kind),
        rights: ground.rights(),
        page: Some(node_id(12)),
        space: Some(ground),
        missing: 0,
    }
}

/// What comes of these changes, each with what it meets, for somebody of this role in all folders.
fn decided_in(
    places: &[Place],
    changes: &[(ResourceId, Edit, Found)],
    on_refusal: OnRefusal,
) -> Result<(Vec<Outcome>, NextIds), Refusal> {
    let listed = changes.iter().map(|(resource, edit, _)| Change {
        resource: *resource,
        edit: edit.clone(),
    });
    let batch = Batch::new(writer(), at(9), listed.collect()).unwrap();
    assert_eq!(batch.on_refusal(), OnRefusal::Skip);
    let batch = match on_refusal {
        OnRefusal::Skip => batch,
        OnRefusal::Refuse => batch.all_or_nothing(),
    };
    assert_eq!(batch.on_refusal(), on_refusal);
    let places = places.iter().map(|place| (place.resource, Ok(*place)));
    let snapshot = Snapshot {
        places: places.collect(),
        found: changes.iter().map(|(.., found)| found.clone()).collect(),
        makers: BTreeMap::new(),
        next: NEXT,
    };
    decide(&snapshot, &batch)
}

fn one(place: Place, edit: Edit, found: Found) -> Result<Outcome, Refusal> {
    let change = (place.resource, edit, found);
    let decided = decided_in(&[place], &[change], OnRefusal::Skip)?;
    Ok(decided.0.into_iter().next().unwrap())
}

// Settings: `luminus.md` §3.

fn set(setting: Setting, value: Option<Meaning>) -> Edit {
    Edit::Set(Set {
        setting,
        name: setting.property().unwrap(),
        value,
        description: "because".to_owned(),
    })
}

/// The property that is a setting, with this value.
fn said(setting: Setting, text: &str) -> Found {
    Found::Property(Property {
        key: PropertyKey {
            resource: FOLDER,
            name: setting.property().unwrap(),
        },
        content: content(text),
        ..head()
    })
}

/// What becomes of a setting.
#[derive(Debug, PartialEq)]
enum Becomes {
    Same,
    Written(String),
    Gone,
    Bad,
}

fn becomes(setting: Setting, was: Option<&str>, value: Option<Meaning>) -> Becomes {
    let place = inside(FOLDER, NodeKind::Folder, SpaceRole::Tutor);
    let found = was.map_or(Found::Nothing, |was| said(setting, was));
    let property = |done: Property, description: &str| {
        assert_eq!(
            done.key,
            PropertyKey {
                resource: FOLDER,
                name: setting.property().unwrap()
            }
        );
        let revision = if was.is_some() { 8 } else { 1 };
        assert_eq!(done.revision.get(), revision);
        assert_eq!(
            done.id,
            if was.is_some() {
                head().id
            } else {
                NEXT.property
            }
        );
        assert_eq!((done.modified_at, done.modified_by), (at(9), writer().id()));
        assert_eq!(done.description, description);
        done.content
    };
    match one(place, set(setting, value), found).unwrap() {
        Ok(Done::Unchanged) => Becomes::Same,
        Ok(Done::Put(done)) => {
            let content = property(done, "because");
            assert_eq!(content.media_type, MediaType::text_utf8());
            let Body::Inline(bytes) = content.body else {
                panic!("no text");
            };
            Becomes::Written(String::from_utf8(bytes.to_vec()).unwrap())
        }
        Ok(Done::Deleted(done)) => {
            assert_eq!(property(done, ""), self::content(was.unwrap()));
            Becomes::Gone
        }
        Err(Refusal::Invalid(Invalid::Setting { property, .. })) => {
            assert_eq!(property, setting.property().unwrap().as_str());
            Becomes::Bad
        }
        other => panic!("{other:?}"),
    }
}

fn words(words: &[&str]) -> Meaning {
    Meaning::Extensions(words.iter().map(ToString::to_string).collect())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_setting_is_written_only_if_it_says_something_else_then() {
    use Becomes::{Gone, Same, Written};
    use Setting::{AllowUpload, AllowedFileType, AllowedSubmissionFileTypes, FolderScore, Publish};
    use Setting::{SortFilesBy, StartDate};
    let flag = |flag| Some(Meaning::Flag(flag));
    let moment = |millis| Some(Meaning::Moment(Timestamp::from_millis(millis)));
    let number = |number| Some(Meaning::Number(number));
    let text = |text: &str| Some(Meaning::Text(text.to_owned()));
    let types = |extensions: Option<&[&str]>| {
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        Some(Meaning::FileTypes(vec![FileType {
            name: "a".to_owned(),
            extensions: extensions.map(owned),
        }]))
    };
    let written = |text: &str| Written(text.to_owned());
    let epoch = "1970-01-01T08:00:00.0009+08:00";
    for (setting, was, value, expected) in [
        // A default where nothing is set, and nothing where a default is set.
        (Publish, None, flag(true), Same),
        (Publish, None, None, Same),
        (Publish, None, flag(false), written("false")),
        (Publish, Some("false"), flag(false), Same),
        (Publish, Some("false"), flag(true), written("true")),
        (Publish, Some("false"), None, Gone),
        (Publish, Some("true"), None, Same),
        (Publish, Some("true"), flag(true), Same),
        (Publish, Some("true"), flag(false), written("false")),
        (AllowUpload, None, flag(false), Same),
        (AllowUpload, None, flag(true), written("true")),
        // What cannot be says the default.
        (Publish, Some("soon"), flag(true), Same),
        (Publish, Some("soon"), None, Same),
        (Publish, Some("soon"), flag(false), written("false")),
        // The same moment in another spelling.
        (StartDate, None, None, Same),
        (StartDate, None, Some(Meaning::Nothing), Same),
        (
            StartDate,
            None,
            moment(0),
            written("1970-01-01T00:00:00.000Z"),
        ),
        (StartDate, Some(epoch), moment(0), Same),
        (
            StartDate,
            Some(epoch),
            moment(1),
            written("1970-01-01T00:00:00.001Z"),
        ),
        (StartDate, Some(epoch), None, Gone),
        (StartDate, Some(epoch), Some(Meaning::Nothing), Gone),
        (FolderScore, None, number(0.0), Same),
        (FolderScore, Some("0"), None, Same),
        (FolderScore, Some("1e1"), number(10.0), Same),
        (FolderScore, Some("1e1"), number(1.5), written("1.5")),
        (FolderScore, Some("1e1"), None, Gone),
        (SortFilesBy, None, text("Order"), Same),
        (SortFilesBy, None, text("Name"), written("Name")),
        (SortFilesBy, Some("Name"), text("Order"), written("Order")),
        // Lists are equal if they have the same in the same order.
        (AllowedFileType, None, Some(words(&[])), Same),
        (AllowedFileType, Some(" [ ] "), None, Same),
        (
            AllowedFileType,
            Some(" [ \"a\", \"b\" ] "),
            Some(words(&["a", "b"])),
            Same,
        ),
        (
            AllowedFileType,
            Some("[\"b\",\"a\"]"),
            Some(words(&["a", "b"])),
            written("[\"a\",\"b\"]"),
        ),
        (
            AllowedFileType,
            Some("[\"a\"]"),
            Some(words(&["A"])),
            written("[\"A\"]"),
        ),
        (
            AllowedFileType,
            Some("[\"a\"]"),
            Some(words(&[])),
            written("[]"),
        ),
        (AllowedFileType, Some("[\"a\"]"), None, Gone),
        (
            AllowedSubmissionFileTypes,
            Some("[{\"x\":1, \"fileTypeName\":\"a\"}]"),
            types(None),
            Same,
        ),
        (
            AllowedSubmissionFileTypes,
            Some("[{\"fileTypeName\":\"a\"}]"),
            types(Some(&[])),
            written("[{\"fileTypeName\":\"a\",\"extensions\":[]}]"),
        ),
        (
            AllowedSubmissionFileTypes,
            None,
            types(Some(&["b"])),
            written("[{\"fileTypeName\":\"a\",\"extensions\":[\"b\"]}]"),
        ),
    ] {
        let said = format!("{setting:?} {was:?} {value:?}");
        assert_eq!(becomes(setting, was, value), expected, "{said}");
    }
}

#[test]
fn a_setting_of_too_many_bytes_is_refused_whatever_was_set() {
    // In quotes and brackets.
    let fits = "x".repeat(SETTING_BYTES_MAX - 4);
    let too_long = format!("{fits}x");
    let list = |word: &str| Some(words(&[word]));
    for was in [Some("[\"a\"]"), Some("[]"), None] {
        let written = Becomes::Written(format!("[\"{fits}\"]"));
        assert_eq!(becomes(Setting::AllowedFileType, was, list(&fits)), written);
        let bad = becomes(Setting::AllowedFileType, was, list(&too_long));
        assert_eq!(bad, Becomes::Bad, "where {was:?} is");
    }
}

#[test]
fn only_a_folder_has_settings_that_are_set_so_and_only_staff_sets_them() {
    let edit = || set(Setting::Publish, Some(Meaning::Flag(false)));
    for kind in [NodeKind::File, NodeKind::Space, NodeKind::Page] {
        let place = inside(FOLDER, kind, SpaceRole::Owner);
        let outcome = one(place, edit(), Found::Nothing).unwrap();
        assert_eq!(outcome, Err(Refusal::NoSuchFolder), "{kind:?}");
    }
    for (role, may) in [
        (SpaceRole::Reader, false),
        (SpaceRole::Member, false),
        (SpaceRole::Tutor, true),
        (SpaceRole::Owner, true),
    ] {
        let place = inside(FOLDER, NodeKind::Folder, role);
        let outcome = one(place, edit(), Found::Nothing);
        assert_eq!(outcome.is_ok(), may, "{role:?}");
        // Not even to change nothing.
        let same = set(Setting::Publish, Some(Meaning::Flag(true)));
        let outcome = one(place, same, Found::Nothing);
        assert_eq!(outcome == Ok(Ok(Done::Unchanged)), may, "{role:?}");
    }
}

// All or nothing: `luminus.md` §1, §4.

#[test]
fn one_refusal_refuses_a_batch_that_is_all_or_nothing() {
    let tutor = |resource| inside(resource, NodeKind::Folder, SpaceRole::Tutor);
    let put = |resource, called: &str| {
        let edit = Edit::Put(Put {
            name: name(called),
            content: content("1"),
            description: String::new(),
            demand: None,
            precondition: Precondition::Any,
        });
        (resource, edit, Found::Nothing)
    };
    let gone = |called: &str| {
        let edit = Edit::Delete(Delete {
            name: name(called),
            alias: None,
            demand: None,
            etag: None,
        });
        (FOLDER, edit, Found::Nothing)
    };
    let missing = |called: &str| Err(Refusal::NoSuchProperty(called.to_owned()));
    let wrong = |called: &str| {
        let refusal = Refusal::RootFolder;
        let name = called.to_owned();
        (FOLDER, Edit::Refused { name, refusal }, Found::Nothing)
    };
    for (changes, expected) in [
        (vec![], Ok(0)),
        (vec![put(FOLDER, "a"), put(BESIDE, "a")], Ok(2)),
        (
            vec![put(FOLDER, "a"), gone("b"), put(BESIDE, "a")],
            missing("b"),
        ),
        (vec![gone("b")], missing("b")),
        // The first one of the request is told.
        (vec![gone("b"), gone("a")], missing("b")),
        (vec![gone("a"), wrong("b")], missing("a")),
        (vec![wrong("b"), gone("a")], Err(Refusal::RootFolder)),
        (
            vec![put(BESIDE, "a"), put(FOLDER, "luminus.open"), gone("x")],
            Err(super::super::check_setting(
                NodeKind::Folder,
                &name("luminus.open"),
                &content("1"),
            )
            .unwrap_err()
            .into()),
        ),
    ] {
        let places = [tutor(FOLDER), tutor(BESIDE)];
        let decided = decided_in(&places, &changes, OnRefusal::Refuse);
        let skipped = decided_in(&places, &changes, OnRefusal::Skip);
        match expected {
            Ok(taken) => {
                assert_eq!(decided, skipped);
                let (outcomes, next) = decided.unwrap();
                assert!(outcomes.iter().all(Result::is_ok));
                assert_eq!(next.property, property_id(40 + taken));
            }
            Err(refusal) => {
                assert_eq!(decided, Err(refusal), "{changes:?}");
                assert_eq!(skipped.unwrap().0.len(), changes.len());
            }
        }
    }
    // The want of a right comes before all of that.
    let member = inside(BESIDE, NodeKind::Folder, SpaceRole::Member);
    let changes = [gone("a"), put(BESIDE, "a")];
    let refused = decided_in(&[tutor(FOLDER), member], &changes, OnRefusal::Refuse);
    assert!(matches!(refused, Err(Refusal::Denied(_))), "{refused:?}");
}

proptest! {
    #[test]
    fn all_or_nothing_is_all_of_it_or_its_first_refusal(history in histories(), last in batches()) {
        let (world, _) = World::after(&history);
        let batch = World::batch(99, world.edits(&last));
        let snapshot = world.snapshot(&batch);
        let (outcomes, next) = world.decide(&batch);
        let expected: Result<Vec<_>, _> = outcomes.into_iter().map(|outcome| outcome.map(Ok)).collect();
        let decided = decide(&snapshot, &batch.all_or_nothing());
        prop_assert_eq!(decided, expected.map(|outcomes| (outcomes, next)));
    }
}

// Access lists: `luminus.md` §3.

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn an_access_list_that_says_what_is_said_already_changes_nothing() {
    use SpaceRole::{Member, Owner, Reader, Teacher};
    let user = |number| Grantee::User(principal(number, Role::Viewer).id());
    let list = |grants: &[(Grantee, SpaceRole)], public, inherits: Option<i64>| AccessList {
        grants: grants.to_vec(),
        public,
        inherits: inherits.map(node_id),
    };
    let [one, two] = [(user(4), Reader), (user(5), Member)];
    let both = list(&[one, two], Some(Reader), None);
    let place = || inside(FOLDER, NodeKind::Folder, Teacher);
    let (same, set) = (Ok(Done::Unchanged), Ok(Done::AccessSet));
    for (was, asked, expected) in [
        (None, None, same.clone()),
        (None, Some(list(&[], None, None)), set.clone()),
        (Some(list(&[], None, None)), None, set.clone()),
        (
            Some(list(&[], None, None)),
            Some(list(&[], None, None)),
            same.clone(),
        ),
        (Some(both.clone()), Some(both.clone()), same.clone()),
        (
            Some(both.clone()),
            Some(list(&[two, one], Some(Reader), None)),
            same.clone(),
        ),
        (
            Some(both.clone()),
            Some(list(&[one, two], None, None)),
            set.clone(),
        ),
        (
            Some(both.clone()),
            Some(list(&[one, two], Some(Member), None)),
            set.clone(),
        ),
        (
            Some(both.clone()),
            Some(list(&[one, two], Some(Reader), Some(14))),
            set.clone(),
        ),
        (
            Some(both.clone()),
            Some(list(&[one], Some(Reader), None)),
            set.clone(),
        ),
        (
            Some(both.clone()),
            Some(list(&[one, (user(5), Reader)], Some(Reader), None)),
            set,
        ),
        (
            Some(list(&[], None, Some(14))),
            Some(list(&[], None, Some(14))),
            same,
        ),
        // What nobody may say he may not repeat either.
        (
            Some(list(&[], Some(Owner), None)),
            Some(list(&[], Some(Owner), None)),
            Err(Refusal::RoleAboveOwn(Owner)),
        ),
        (
            Some(list(&[one, one], None, None)),
            Some(list(&[one, one], None, None)),
            Err(Refusal::RepeatedGrantee(one.0)),
        ),
    ] {
        let said = format!("{was:?} {asked:?}");
        let found = Found::Access {
            was,
            source: Source::Enrollment,
            highest: None,
        };
        let outcome = Edit::SetAccess(asked);
        assert_eq!(
            self::one(place(), outcome, found).unwrap(),
            expected,
            "{said}"
        );
    }
    for (source, highest, expected) in [
        (Source::Impossible, None, Err(Refusal::BadInheritance)),
        (
            Source::Folder(node_id(14)),
            Some(Owner),
            Err(Refusal::RoleAboveOwn(Owner)),
        ),
        (
            Source::Folder(node_id(14)),
            Some(Teacher),
            Ok(Done::Unchanged),
        ),
    ] {
        let follows = list(&[], None, Some(14));
        let found = Found::Access {
            was: Some(follows.clone()),
            source,
            highest,
        };
        let outcome = self::one(place(), Edit::SetAccess(Some(follows)), found).unwrap();
        assert_eq!(outcome, expected, "{source:?} {highest:?}");
    }
}

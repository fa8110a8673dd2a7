//! What every store must say of folders and files in detail, and what a search in spaces finds.
//!
//! Rules: `luminus.md` §2 to §5. Who sees what is in `contract::spaces`; here it stands that a search sees the same.

use super::spaces::{
    Course, MEMBER, TEACHER, TUTOR, access, add_file, add_folder, add_space, comment, moment,
    rename, written,
};
use super::{
    Client, at, delete, every_store, put, put_by, put_content, refusal, text, upload, uploaded,
    wait,
};
use crate::model::{
    Above, Batch, Change, Comment, Comments, Content, Detail, Details, Done, Edit, Grantee,
    Meaning, Named, NodeId, NodeKind, NodeName, Outcome, Refusal, ResourceId, Role,
    SEARCH_CHARS_MAX, Set, Setting, SpaceRole, TreeSearch, UserChange, UserId, Uuids, contains,
    search_form,
};
use crate::store::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

impl Client<'_> {
    pub(in crate::store) fn details(&self, ids: &[NodeId]) -> Result<Details, StoreError> {
        let comments = Comments::All;
        wait(self.store.details(&self.caller(), ids.to_vec(), comments))
    }

    fn detail(&self, id: NodeId) -> Detail {
        let Details { folders, files, .. } = self.details(&[id]).unwrap();
        let mut all = folders.into_iter().chain(files);
        let detail = all.next().unwrap();
        assert!(all.next().is_none());
        detail
    }

    /// Searches for a text as somebody types it.
    pub(in crate::store) fn search(
        &self,
        top: NodeId,
        text: Option<&str>,
    ) -> Result<Details, StoreError> {
        let text = text.map(search_form);
        let search = |comments| TreeSearch {
            top,
            text: text.clone(),
            comments,
        };
        let found = wait(self.store.search(&self.caller(), search(Comments::All)))?;
        // Without comments it is the same, and says whether there are some.
        let mut without = wait(self.store.search(&self.caller(), search(Comments::Whether)))?;
        for (file, with) in without.files.iter_mut().zip(&found.files) {
            assert_eq!(file.has_comments, !with.comments.is_empty());
            file.comments.clone_from(&with.comments);
        }
        assert_eq!(without.files, found.files);
        assert_eq!(without.folders, found.folders);
        Ok(found)
    }

    /// What is found, in order; and that it is what looking at everything finds.
    pub(in crate::store) fn finds(&self, top: NodeId, text: Option<&str>) -> [Vec<NodeId>; 2] {
        let found = self.search(top, text).unwrap();
        assert_names_everybody(&found);
        let mut expected = self.search(top, None).unwrap();
        if let Some(text) = text {
            let text = search_form(text);
            let users = &expected.users;
            let matches = |detail: &Detail| {
                let maker = &users[&detail.entry.created_by];
                let fields = [detail.entry.name.as_str(), maker.display_name()];
                fields.iter().any(|field| contains(field, &text)) || detail.link_matches(&text)
            };
            expected.folders.retain(matches);
            expected.files.retain(matches);
        }
        assert_eq!(found.folders, expected.folders, "{text:?}");
        assert_eq!(found.files, expected.files, "{text:?}");
        ids(&found)
    }

    fn say(&self, folder: NodeId, setting: Setting, value: Option<Meaning>) -> Outcome {
        self.try_edit(folder, set(setting, value))
    }
}

fn ids(details: &Details) -> [Vec<NodeId>; 2] {
    [&details.folders, &details.files]
        .map(|details| details.iter().map(|detail| detail.entry.id).collect())
}

/// Everybody who is named in the answer is in it.
pub(in crate::store) fn assert_names_everybody(details: &Details) {
    for detail in details.folders.iter().chain(&details.files) {
        let comments = detail.comments.iter();
        let named = comments.flat_map(|comment| [comment.made_by, comment.property.modified_by]);
        for user in named.chain([detail.entry.created_by, detail.changed_by]) {
            assert_eq!(details.users.get(&user).map(|user| user.id), Some(user));
        }
    }
}

pub(in crate::store) fn set(setting: Setting, value: Option<Meaning>) -> Edit {
    Edit::Set(Set {
        setting,
        name: setting.property().unwrap(),
        value,
        description: "because".to_owned(),
    })
}

fn said(setting: Setting, flag: bool) -> Edit {
    set(setting, Some(Meaning::Flag(flag)))
}

fn blank() -> Edit {
    Edit::Rename(NodeName::or_blank("").unwrap())
}

fn revise(value: &str, rename: Option<&str>) -> Edit {
    Edit::Revise {
        content: text(value),
        rename: rename.map(|name| name.parse().unwrap()),
        demand: None,
    }
}

// Names of other systems.

#[test]
fn names_in_other_systems_lead_to_nodes_people_and_groups() {
    every_store(|admin| {
        let course = Course::new(admin);
        let file = admin.file_in(course.root, "file");
        let gone = admin.file_in(course.root, "gone");
        admin.remove(gone.id).unwrap();
        let folder = admin.folder(course.root, "folder");
        admin.remove(folder).unwrap();
        let page = admin.upload("on a page", "1");
        let ann = admin.user("ann", Role::Viewer);
        let anonymous = wait(admin.store.user(UserId::ANONYMOUS)).unwrap();
        let group = admin.group("group", &[]).unwrap();
        let group = wait(admin.store.group(&admin.caller(), group)).unwrap();
        let uuid = |id| admin.entry(id).unwrap().uuid;
        let (space, root) = (uuid(course.space), uuid(course.root));
        let users = [ann.who.user().uuid, admin.who.user().uuid];
        let named = |nodes: &[Uuid], users: &[Uuid], groups: &[Uuid]| {
            let uuids = Uuids {
                nodes: nodes.to_vec(),
                users: users.to_vec(),
                groups: groups.to_vec(),
            };
            wait(admin.store.named(uuids)).unwrap()
        };
        let nodes = [space, root, file.uuid, gone.uuid, page.uuid];
        let found = named(&nodes, &users, &[group.uuid]);
        let expected = Named {
            nodes: [
                (space, (course.space, NodeKind::Space)),
                (root, (course.root, NodeKind::Folder)),
                (file.uuid, (file.id, NodeKind::File)),
                (gone.uuid, (gone.id, NodeKind::File)),
                (page.uuid, (page.id, NodeKind::File)),
            ]
            .into(),
            users: [(users[0], ann.who.id()), (users[1], UserId::ADMIN)].into(),
            groups: [(group.uuid, group.id)].into(),
        };
        assert_eq!(found, expected);
        assert_eq!(named(&[], &[], &[]), Named::default());
        // Each is looked for among its own, and nobody is the anonymous one.
        let strange = [Uuid::new_v4(), users[0], group.uuid];
        assert_eq!(
            named(&strange, &[space, anonymous.uuid], &[file.uuid]),
            Named::default()
        );
        assert_eq!(named(&[root, root], &[], &[]).nodes.len(), 1);
    });
}

// Details: `luminus.md` §2.

#[test]
fn a_detail_says_all_that_is_known_of_a_folder_and_of_a_file() {
    every_store(|admin| {
        let course = Course::new(admin);
        let tutor = course.person("tutor", TUTOR);
        let member = course.person("member", MEMBER);
        admin.at(2).try_edit(course.root, rename("a/b%")).unwrap();
        let low = tutor.at(3).folder(course.root, "low");
        let file = tutor.at(4).file_in(low, "file");
        let open = tutor.at(5).set(low, "open", "true");
        let url = tutor.at(6).set(file.id, "url", "https://a");
        tutor
            .at(7)
            .on(ResourceId::Node(low))
            .put("luminus.url", "nothing to a folder");
        tutor
            .at(7)
            .on(ResourceId::Node(file.id))
            .put("luminus.open", "nothing to a file");
        let uuid = |id| admin.entry(id).unwrap().uuid;
        let expected = |id, changed, settings: &[&crate::model::Property], path: &[&str]| Detail {
            entry: {
                let mut entry = member.entry(id).unwrap();
                if let Some(file) = &mut entry.file {
                    file.file.content.omit_inline();
                }
                entry
            },
            changed_at: at(changed),
            changed_by: tutor.who.id(),
            above: Arc::new(Above {
                parent: uuid(member.entry(id).unwrap().parent.unwrap()),
                space: uuid(course.space),
                path: path.iter().map(|name| name.parse().unwrap()).collect(),
            }),
            role: SpaceRole::Member,
            is_active: true,
            settings: settings.iter().map(|&property| property.clone()).collect(),
            has_comments: false,
            comments: Vec::new(),
        };
        let folder = expected(low, 5, &[&open], &["a/b%"]);
        let link = expected(file.id, 6, &[&url], &["a/b%", "low"]);
        assert_eq!(member.detail(low), folder);
        assert_eq!(member.detail(file.id), link);
        assert!(link.entry.file.unwrap().is_link);
        let root = member.detail(course.root);
        assert_eq!(root.above.path, []);
        assert_eq!(root.above.parent, uuid(course.space));
        assert_eq!((root.changed_at, root.changed_by), (at(2), UserId::ADMIN));
        assert_eq!(root.role, SpaceRole::Member);
        assert_eq!(tutor.detail(course.root).role, SpaceRole::Tutor);

        // As many as are asked for, in this order.
        let asked = [file.id, low, course.root];
        let details = member.details(&asked).unwrap();
        assert_names_everybody(&details);
        assert_eq!(ids(&details), [vec![low, course.root], vec![file.id]]);
        assert_eq!(details.users.len(), 2);
        assert_eq!(ids(&member.details(&[]).unwrap()), [vec![], vec![]]);
    });
}

#[test]
fn details_are_of_what_lives_in_spaces_and_is_seen() {
    every_store(|admin| {
        let course = Course::new(admin);
        let [member, stranger] =
            [("member", MEMBER), ("stranger", None)].map(|(name, role)| course.person(name, role));
        let page = admin.upload("on a page", "1").id;
        let [folder, inner] = [course.root, course.root].map(|parent| admin.folder(parent, "f"));
        let below = admin.file_in(inner, "below").id;
        let gone = admin.file_in(folder, "gone").id;
        admin.remove(gone).unwrap();
        admin.remove(inner).unwrap();
        let unknown = NodeId::new(999).unwrap();
        for id in [
            course.space,
            page,
            NodeId::HOME,
            gone,
            inner,
            below,
            unknown,
        ] {
            for client in [admin, &member] {
                for asked in [vec![id], vec![course.root, id]] {
                    let refused = refusal(client.details(&asked));
                    assert_eq!(refused, Refusal::NoSuchFolder, "{id}");
                }
            }
        }
        admin.set(folder, "publish", "false");
        assert!(admin.details(&[folder]).is_ok());
        for (client, asked) in [
            (&member, vec![folder]),
            (&member, vec![course.root, folder]),
            (&stranger, vec![course.root]),
        ] {
            let refused = refusal(client.details(&asked));
            assert!(matches!(refused, Refusal::Denied(_)), "{refused:?}");
        }
    });
}

/// What makes a change of a node, as the one who does it sees it.
fn check_changes(node: NodeId, course: &Course<'_>, changes: Vec<(&str, bool, Vec<Edit>)>) {
    let people = ["one", "two"].map(|name| course.person(name, TEACHER));
    let mut last = (at(1), UserId::ADMIN);
    let numbered = changes.into_iter().enumerate();
    for (number, (what, is_change, edits)) in numbered {
        let client = people[number % 2].at(10 + i64::try_from(number).unwrap());
        let changed = |client: &Client<'_>| {
            let detail = client.detail(node);
            (detail.changed_at, detail.changed_by)
        };
        assert_eq!(changed(&client), last, "before {what}");
        drop(client.on(ResourceId::Node(node)).write(edits));
        if is_change {
            last = (client.now, client.who.id());
        }
        assert_eq!(changed(&client), last, "{what}");
        let made = client.detail(node).entry;
        assert_eq!((made.created_at, made.created_by), (at(1), UserId::ADMIN));
    }
}

#[test]
fn a_folder_says_when_and_by_whom_it_was_last_changed() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = admin.folder(course.root, "folder");
        let one = |edit| vec![edit];
        let reader = [(Grantee::User(UserId::ADMIN), SpaceRole::Reader)];
        let comment = comment(0, "an ordinary property here");
        let long = Some(Meaning::Extensions(vec!["x".repeat(10_000)]));
        check_changes(
            folder,
            &course,
            vec![
                ("a name", true, one(rename("b"))),
                ("the same name", false, one(rename("b"))),
                ("no name", true, one(blank())),
                ("a setting", true, one(put("luminus.publish", "true"))),
                (
                    "the same again is a revision",
                    true,
                    one(put("luminus.publish", "true")),
                ),
                ("not set any more", true, one(delete("luminus.publish"))),
                ("not there", false, one(delete("luminus.publish"))),
                ("a bad value", false, one(put("luminus.publish", "no"))),
                ("set to the default", false, one(said(Setting::Open, true))),
                ("set", true, one(said(Setting::Open, false))),
                ("set again", false, one(said(Setting::Open, false))),
                ("unset", true, one(set(Setting::Open, None))),
                ("unset again", false, one(set(Setting::Open, None))),
                (
                    "a long list",
                    true,
                    one(set(Setting::AllowedFileType, long.clone())),
                ),
                (
                    "the same list",
                    false,
                    one(set(Setting::AllowedFileType, long)),
                ),
                (
                    "not the long list",
                    true,
                    one(set(Setting::AllowedFileType, None)),
                ),
                (
                    "one kept nowhere else",
                    true,
                    one(put("luminus.folderScore", "1")),
                ),
                ("an ordinary property", false, one(put("a", "1"))),
                ("an ordinary property goes", false, one(delete("a"))),
                ("what is unknown", false, one(put("luminus.other", "1"))),
                ("what only a file has", false, one(put("luminus.url", "1"))),
                ("no comment", false, one(comment)),
                ("access", true, one(access(&reader, None, None))),
                ("the same access", false, one(access(&reader, None, None))),
                ("no access list", true, one(Edit::SetAccess(None))),
                ("none again", false, one(Edit::SetAccess(None))),
                (
                    "no such access",
                    false,
                    one(access(&[], Some(SpaceRole::Owner), None)),
                ),
                ("a file in it", false, one(add_file("f", "1"))),
                ("an upload into it", false, one(upload("f", "2"))),
                ("a folder in it", false, one(add_folder("f"))),
                (
                    "one of many",
                    true,
                    vec![rename("c"), put("a", "2"), said(Setting::ViewAll, false)],
                ),
                (
                    "nothing of many",
                    false,
                    vec![rename("c"), said(Setting::ViewAll, false)],
                ),
            ],
        );
        // What happens below or above is not its own.
        let seen = admin.detail(folder);
        admin.at(99).try_edit(course.root, rename("above")).unwrap();
        admin.at(99).set(course.root, "publish", "true");
        let below = admin.inside(folder, NodeKind::Folder).unwrap()[0];
        admin.at(99).remove(below).unwrap();
        let now = admin.detail(folder);
        assert_eq!(
            (now.changed_at, now.changed_by),
            (seen.changed_at, seen.changed_by)
        );
        assert_eq!(admin.detail(course.root).changed_at, at(99));
    });
}

#[test]
fn a_file_says_when_and_by_whom_it_was_last_changed() {
    every_store(|admin| {
        let course = Course::new(admin);
        let file = admin.file_in(course.root, "file").id;
        let one = |edit| vec![edit];
        check_changes(
            file,
            &course,
            vec![
                ("a revision", true, one(revise("2", None))),
                ("another name", true, one(revise("2", Some("f")))),
                ("a link", true, one(put("luminus.url", "http://a"))),
                ("a description", true, one(put("luminus.description", ""))),
                ("no description", true, one(delete("luminus.description"))),
                ("no link", true, one(delete("luminus.url"))),
                ("a setting", true, one(put("luminus.isCompulsory", "true"))),
                ("a bad setting", false, one(put("luminus.isLate", "false"))),
                ("a comment", false, one(comment(0, "a"))),
                ("the comment again", false, one(comment(0, "b"))),
                (
                    "no comment",
                    false,
                    one(delete(
                        "luminus.comment.9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f11",
                    )),
                ),
                ("an ordinary property", false, one(put("description", "a"))),
                (
                    "what only a folder has",
                    false,
                    one(put("luminus.open", "a")),
                ),
                (
                    "what is not for files",
                    false,
                    one(said(Setting::Publish, false)),
                ),
                ("no rename like a folder's", false, one(rename("x"))),
            ],
        );
        // By its name in the folder, too; and as it was made.
        let tutor = course.person("tutor", TUTOR).at(99);
        let (again, _) = uploaded(tutor.try_edit(course.root, upload("f", "3")));
        assert_eq!(again.id, file);
        let detail = admin.detail(file);
        assert_eq!(
            (detail.changed_at, detail.changed_by),
            (at(99), tutor.who.id())
        );
        assert_eq!(detail.entry.created_by, UserId::ADMIN);
        let made = admin.detail(tutor.file_in(course.root, "new").id);
        assert_eq!((made.changed_at, made.changed_by), (at(99), tutor.who.id()));
    });
}

#[test]
fn what_is_submitted_late_says_so_and_was_changed_when_it_was_made() {
    every_store(|admin| {
        let course = Course::new(admin);
        let member = course.person("member", MEMBER).at(20);
        for (field, value) in [
            ("allowUpload", "true"),
            ("allowLateSubmission", "true"),
            ("submissionDeadline", "1970-01-01T00:00:10Z"),
        ] {
            admin.set(course.root, field, value);
        }
        let late = member.detail(member.file_in(course.root, "late").id);
        assert_eq!(late.meaning(Setting::IsLate), Meaning::Flag(true));
        assert_eq!(
            (late.changed_at, late.changed_by),
            (at(20), member.who.id())
        );
        assert_eq!(late.settings.len(), 1);
        let member = member.at(10);
        let in_time = member.detail(member.file_in(course.root, "in time").id);
        assert_eq!(in_time.meaning(Setting::IsLate), Meaning::Flag(false));
        assert_eq!(in_time.settings, []);
    });
}

#[test]
fn settings_of_any_number_and_length_are_told_and_what_only_looks_so_is_not() {
    every_store(|admin| {
        let course = Course::new(admin);
        let file = admin.file_in(course.root, "file").id;
        let on = admin.on(ResourceId::Node(file));
        // They fill several rows, among neighbours.
        let long = "é".repeat(30_000);
        let description = on.put("luminus.description", &long);
        let comments: Vec<Edit> = (0..60_u64)
            .map(|number| {
                let name = format!(
                    "luminus.comment.{}",
                    Uuid::from_u128(u128::from(number * 7 % 60))
                );
                put(
                    &name,
                    &format!(
                        "{{\"remark\":\"{}\"}}",
                        "x".repeat(500 + usize::try_from(number).unwrap())
                    ),
                )
            })
            .collect();
        on.write(comments).unwrap();
        let other = [
            "luminus",
            "luminus-",
            "luminus/",
            "luminusa",
            "a",
            "z",
            "luminus.comment",
            "é",
        ];
        let filler = "y".repeat(3000);
        on.write(other.map(|name| put(name, &filler)).into())
            .unwrap();
        on.put("luminus.url", "http://a");
        let detail = admin.detail(file);
        assert_eq!(detail.text(Setting::Description), long);
        assert_eq!(detail.text(Setting::Url), "http://a");
        let names: Vec<_> = detail
            .settings
            .iter()
            .map(|property| property.key.name.as_str())
            .collect();
        assert_eq!(names, ["luminus.description", "luminus.url"]);
        assert_eq!(detail.settings[0].id, description.id);
        assert_eq!(detail.comments.len(), 60);
        let order: Vec<_> = detail
            .comments
            .iter()
            .map(|comment| comment.property.id)
            .collect();
        assert!(order.is_sorted());
        for (number, comment) in (0_u64..).zip(&detail.comments) {
            let name = format!(
                "luminus.comment.{}",
                Uuid::from_u128(u128::from(number * 7 % 60))
            );
            assert_eq!(comment.property.key.name.as_str(), name);
            assert_eq!(comment.property.content.size, 513 + number);
        }
        // The whole text is searched, however long.
        let sought = format!("{}é", "É".repeat(SEARCH_CHARS_MAX - 1));
        assert_eq!(
            admin.finds(course.root, Some(&sought)),
            [vec![], vec![file]]
        );
    });
}

// Comments: `luminus.md` §5.

#[test]
fn comments_are_told_to_those_who_may_see_them() {
    every_store(|admin| {
        let course = Course::new(admin);
        let [tutor, ann, bob] = [("tutor", TUTOR), ("ann", MEMBER), ("bob", MEMBER)]
            .map(|(name, role)| course.person(name, role));
        admin.set(course.root, "allowComments", "true");
        let file = admin.file_in(course.root, "file").id;
        let id = |number: u128| format!("luminus.comment.{}", Uuid::from_u128(number));
        let json = |publish: &str| format!("{{\"remark\":\"a\"{publish}}}");
        let published = |number, is: bool| put(&id(number), &json(&format!(",\"publish\":{is}")));
        // Not in the order of their names.
        let third = put_by(ann.at(11).try_edit(file, put(&id(3), &json(""))));
        put_by(tutor.at(12).try_edit(file, published(2, false)));
        put_by(bob.at(13).try_edit(file, published(1, true)));
        put_by(tutor.at(14).try_edit(file, published(1, true)));
        let told = |client: &Client<'_>| {
            let detail = client.detail(file);
            let found = client.search(course.space, None).unwrap();
            assert_names_everybody(&found);
            assert_eq!(found.files, std::slice::from_ref(&detail));
            let told = |comment: &Comment| {
                let name = &comment.property.key.name;
                let number = name.as_str().bytes().last().unwrap() - b'0';
                let changed = (comment.property.modified_at, comment.property.modified_by);
                (number, (comment.made_at, comment.made_by), changed)
            };
            detail.comments.iter().map(told).collect::<Vec<_>>()
        };
        let by = |client: &Client<'_>, second| (at(second), client.who.id());
        let seen = [
            (3, by(&ann, 11), by(&ann, 11)),
            (1, by(&bob, 13), by(&tutor, 14)),
        ];
        let hidden = (2, by(&tutor, 12), by(&tutor, 12));
        for client in [&ann, &bob] {
            assert_eq!(told(client), seen);
        }
        for client in [&tutor, admin] {
            assert_eq!(told(client), [seen[0], hidden, seen[1]]);
        }
        assert_eq!(ann.detail(file).comments[0].property, third);
        // One that is made again is new.
        ann.at(15).try_edit(file, delete(&id(3))).unwrap();
        assert_eq!(told(&bob), [seen[1]]);
        bob.at(16).try_edit(file, put(&id(3), &json(""))).unwrap();
        assert_eq!(told(&bob), [seen[1], (3, by(&bob, 16), by(&bob, 16))]);
        // A text of a comment is not searched.
        assert_eq!(admin.finds(course.space, Some("remark")), [vec![], vec![]]);
        // On a folder it is a property like any other.
        admin.try_edit(course.root, put(&id(1), "a")).unwrap();
        assert_eq!(admin.detail(course.root).comments, []);
    });
}

// Search: `luminus.md` §5.

#[test]
fn a_search_looks_at_all_below_the_top_and_never_at_the_top() {
    every_store(|admin| {
        let course = Course::new(admin);
        let other = written(admin.on(ResourceId::Site).edit(add_space("other")))[1].id;
        let second = admin.folder(course.space, "find second");
        let a = admin.folder(course.root, "find a");
        let b = admin.folder(a, "b");
        let c = admin.folder(b, "find c");
        let [in_a, in_c, beside, elsewhere] =
            [a, c, second, other].map(|folder| admin.file_in(folder, "find me").id);
        let page = admin.upload("find me", "1").id;
        for (top, folders, files) in [
            (course.space, vec![a, c, second], vec![in_a, in_c, beside]),
            (course.root, vec![a, c], vec![in_a, in_c]),
            (a, vec![c], vec![in_a, in_c]),
            (b, vec![c], vec![in_c]),
            (c, vec![], vec![in_c]),
            (second, vec![], vec![beside]),
            (other, vec![], vec![elsewhere]),
        ] {
            for text in ["find", "FIND"] {
                assert_eq!(
                    admin.finds(top, Some(text)),
                    [folders.clone(), files.clone()],
                    "{top}"
                );
            }
        }
        let [all, _] = admin.finds(course.space, None);
        assert_eq!(all, [b, a, c, second, course.root]);
        assert_eq!(admin.finds(b, None), [vec![c], vec![in_c]]);
        assert_eq!(admin.finds(b, Some("nothing")), [vec![], vec![]]);
        for (top, text) in [
            (in_a, None),
            (page, Some("find")),
            (NodeId::HOME, Some("find")),
        ] {
            assert_eq!(
                refusal(admin.search(top, text)),
                Refusal::NoSuchFolder,
                "{top}"
            );
        }
        let gone = admin.folder(b, "gone");
        let below = admin.folder(gone, "below");
        admin.remove(gone).unwrap();
        for top in [gone, below, NodeId::new(999).unwrap()] {
            let refused = refusal(admin.search(top, None));
            assert!(
                matches!(
                    refused,
                    Refusal::NoSuchFolder | Refusal::NoSuchPage | Refusal::NoSuchFile
                ),
                "{refused:?}"
            );
        }
    });
}

#[test]
fn what_is_found_comes_by_name_as_a_search_sees_it_and_then_by_number() {
    every_store(|admin| {
        let course = Course::new(admin);
        // In the order in which they have to come.
        let names = [
            "", "!", "10", "9", "a", "A", "a", "a b", "aa", "B", "b", "z", "É", "e\u{301}", "é",
            "Σ", "ς", "日", "🐙",
        ];
        let shuffled = [
            4, 0, 15, 8, 17, 2, 12, 1, 5, 9, 18, 3, 6, 13, 7, 10, 16, 14, 11,
        ];
        let top = admin.folder(course.root, "top");
        let mut folders = BTreeMap::new();
        let mut files = BTreeMap::new();
        for place in shuffled {
            let folder = admin.folder(top, "x");
            let edit = Edit::Rename(NodeName::or_blank(names[place]).unwrap());
            admin.try_edit(folder, edit).unwrap();
            folders.insert(place, folder);
            if !names[place].is_empty() {
                files.insert(place, admin.file_in(folder, names[place]).id);
            }
        }
        // Of equal ones the one with the smaller number comes first.
        let expected = |made: &BTreeMap<usize, NodeId>| {
            let mut ids: Vec<_> = made
                .iter()
                .map(|(place, id)| (search_form(names[*place]), *id))
                .collect();
            ids.sort();
            let forms: Vec<_> = ids.iter().map(|(form, _)| form.clone()).collect();
            let in_table: Vec<_> = made
                .keys()
                .map(|place| search_form(names[*place]))
                .collect();
            assert_eq!(forms, in_table, "the table is in order");
            ids.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
        };
        let expected = [expected(&folders), expected(&files)];
        assert_eq!(admin.finds(top, None), expected);
        assert_eq!(admin.finds(top, Some("the user")), [vec![], vec![]]);
        assert_eq!(admin.finds(top, Some("admin")), expected);
    });
}

#[test]
fn a_text_is_found_in_the_names_in_links_and_in_what_the_maker_is_called() {
    every_store(|admin| {
        let course = Course::new(admin);
        let tess = course.person("Tess", TEACHER);
        let root = course.root;
        let folder = admin.folder(root, "École 100%");
        let file = admin.file_in(root, "plain.txt").id;
        admin.set(file, "description", "hidden words");
        let link = admin.file_in(root, "link").id;
        admin.set(link, "url", "https://example.org/Path?q=1");
        admin.set(link, "description", "The Odyssey: ΟΔΟΣ  two");
        let hers = tess.file_in(folder, "hers").id;
        for (text, folders, files) in [
            ("école", vec![folder], vec![]),
            ("E\u{301}COLE", vec![folder], vec![]),
            ("ecole", vec![], vec![]),
            ("100%", vec![folder], vec![]),
            ("e 1", vec![folder], vec![]),
            ("école1", vec![], vec![]),
            ("PLAIN.T", vec![], vec![file]),
            ("plainXtxt", vec![], vec![]),
            ("hidden", vec![], vec![]),
            ("example.ORG/path?", vec![], vec![link]),
            ("οδος", vec![], vec![link]),
            ("οδοσ", vec![], vec![link]),
            ("Σ  T", vec![], vec![link]),
            ("ς t", vec![], vec![]),
            // Never across two fields.
            ("linkhttps", vec![], vec![]),
            ("q=1the", vec![], vec![]),
            ("q=1 the", vec![], vec![]),
            ("Tess the", vec![], vec![hers]),
            ("TESS THE USER", vec![], vec![hers]),
            ("hers tess", vec![], vec![]),
            // Too short in this form for the index.
            ("e\u{301}co", vec![folder], vec![]),
            ("e\u{301}c", vec![folder], vec![]),
            ("E\u{301}", vec![folder], vec![]),
            ("o\u{301}\u{323}", vec![], vec![]),
        ] {
            assert_eq!(
                admin.finds(course.space, Some(text)),
                [folders, files],
                "{text}"
            );
        }
        let [folders, files] = admin.finds(course.space, Some("admin"));
        assert_eq!(folders, [root, folder]);
        assert_eq!(files, [link, file]);
        // Not by what somebody signs in with who is called something else.
        assert_eq!(admin.finds(course.space, Some("tess@")), [vec![], vec![]]);
    });
}

#[test]
fn no_character_means_anything_but_itself() {
    every_store(|admin| {
        let course = Course::new(admin);
        let names = [
            "\"\"\"",
            "a\"b\"c",
            "\"abc\"",
            "NEAR(a b)",
            "NEAR(\"abc\" \"def\", 2)",
            "abc AND def",
            "abc OR def",
            "abc NOT def",
            "abc*",
            "^abc",
            "name:abc",
            "name : abc",
            "{name url}:abc",
            "- name:abc",
            "-abc",
            "(abc",
            "abc)",
            "abc + def",
            "%%%",
            "___",
            "\\\\\\",
            "'''",
            "a''b",
            "***",
            "?1 ?2",
            ":::",
            "🐙🐙🐙",
            "日本語",
            "a  b",
            "a b c",
            "[a-z]",
            "[[[",
            "rank",
            "search",
            "\u{80}\u{80}\u{80}",
            "\u{10FFFD}\u{10FFFD}a",
            "ab",
            "\"",
            "--;",
            "/* */",
            "﷽﷽﷽",
            "İİİ",
            "ßß ß",
        ];
        let edits = names.map(|name| add_file(name, "1"));
        let on = admin.on(ResourceId::Node(course.root));
        let files: Vec<_> = on
            .write(edits.into())
            .unwrap()
            .into_iter()
            .map(|outcome| uploaded(outcome).0.id)
            .collect();
        for (name, file) in names.iter().zip(&files) {
            if name.chars().count() < 3 {
                continue;
            }
            let [_, found] = admin.finds(course.space, Some(name));
            let has = |other: &&str| search_form(other).contains(&search_form(name));
            let expected: BTreeSet<_> = names
                .iter()
                .zip(&files)
                .filter(|(other, _)| has(other))
                .map(|(_, id)| *id)
                .collect();
            assert!(expected.contains(file));
            assert_eq!(
                found.into_iter().collect::<BTreeSet<_>>(),
                expected,
                "{name}"
            );
        }
        for text in [
            "\"abc\" OR \"def\"",
            "abc OR xyz",
            "ab*",
            "NOT",
            "a_c",
            "%abc%",
            "\"\"\"\"",
            "name:",
            "^ab",
        ] {
            let [_, found] = admin.finds(course.space, Some(text));
            let has = names
                .iter()
                .any(|name| search_form(name).contains(&search_form(text)));
            assert_eq!(!found.is_empty(), has, "{text}");
        }
        let long = "ab🐙".repeat(400);
        for chars in [255, 256, 257, 999, SEARCH_CHARS_MAX] {
            let text: String = long.chars().take(chars).collect();
            assert_eq!(admin.finds(course.space, Some(&text)), [vec![], vec![]]);
        }
    });
}

#[test]
fn what_a_description_has_behind_any_character_is_found() {
    every_store(|admin| {
        let course = Course::new(admin);
        let link = admin.file_in(course.root, "link").id;
        admin.set(link, "url", "http://a");
        for strange in ["\u{1}", "\n", "\u{7F}", "\u{FFFE}", "\u{FEFF}", "\0"] {
            admin.set(link, "description", &format!("before{strange}behind"));
            for text in ["before", "behind"] {
                let found = admin.finds(course.space, Some(text));
                assert_eq!(found, [vec![], vec![link]], "{text} beside {strange:?}");
            }
        }
    });
}

#[test]
fn the_next_search_sees_every_change() {
    every_store(|admin| {
        let course = Course::new(admin);
        let root = course.root;
        let folder = admin.folder(root, "first name");
        let file = admin.file_in(root, "file name").id;
        let finds = |text: &str| {
            let [folders, files] = admin.finds(course.space, Some(text));
            [folders.contains(&folder), files.contains(&file)]
        };
        let one = |node, edit| admin.try_edit(node, edit).unwrap();
        assert_eq!(finds("name"), [true, true]);
        one(folder, rename("Second"));
        assert_eq!(
            [finds("first"), finds("second")],
            [[false, false], [true, false]]
        );
        one(file, revise("2", None));
        assert_eq!(finds("file name"), [false, true]);
        one(file, revise("2", Some("another")));
        assert_eq!(
            [finds("file name"), finds("another")],
            [[false, false], [false, true]]
        );
        // A description counts as long as there is a link.
        one(file, put("luminus.description", "told"));
        assert_eq!(finds("told"), [false, false]);
        one(file, put("luminus.url", "http://one"));
        assert_eq!([finds("told"), finds("//one")], [[false, true]; 2]);
        one(file, put("luminus.url", "http://two"));
        assert_eq!(
            [finds("told"), finds("//one"), finds("//two")],
            [[false, true], [false, false], [false, true]]
        );
    });
}

#[test]
fn a_link_is_one_as_long_as_it_has_an_url() {
    every_store(|admin| {
        let course = Course::new(admin);
        let file = admin.file_in(course.root, "file").id;
        let on = admin.on(ResourceId::Node(file));
        let finds = |text: &str| admin.finds(course.space, Some(text))[1] == [file];
        let url = |value: &str| put("luminus.url", value);
        let told = |value: &str| put("luminus.description", value);
        for (edits, expected) in [
            (vec![told("told")], [false, false]),
            (vec![url("http://url")], [true, true]),
            (vec![url("ftp://url")], [true, true]),
            (vec![delete("luminus.url")], [false, false]),
            (vec![told("told"), url("http://url")], [true, true]),
            (vec![delete("luminus.description")], [true, false]),
            (vec![url("http://a"), told("told")], [false, true]),
            (
                vec![delete("luminus.description"), delete("luminus.url")],
                [false, false],
            ),
            (
                vec![url("http://URL"), told(&"TOLD".repeat(3000)), put("a", "1")],
                [true, true],
            ),
            (
                vec![revise("2", Some("url and told")), delete("luminus.url")],
                [true, true],
            ),
            (vec![revise("2", Some("file"))], [false, false]),
        ] {
            let said = format!("{edits:?}");
            on.write(edits).unwrap();
            assert_eq!([finds("url"), finds("told")], expected, "{said:.200}");
        }
    });
}

#[test]
fn what_a_maker_is_called_counts_as_it_is_now() {
    every_store(|admin| {
        let course = Course::new(admin);
        let ann = course.person("ann", TUTOR);
        let folder = ann.folder(course.root, "hers");
        let file = ann.file_in(folder, "hers").id;
        // Whoever only changed it does not count.
        let others = admin.file_in(folder, "his").id;
        ann.set(others, "publish", "true");
        let elsewhere = Course::new(admin);
        elsewhere.enroll("ann", TUTOR);
        ann.file_in(elsewhere.root, "hers, too");
        let call = |name: &str| {
            let change = UserChange {
                full_name: Some(name.to_owned()),
                email: None,
                role: None,
                access: None,
            };
            wait(admin.store.change_user(&admin.who, ann.who.id(), change)).unwrap()
        };
        let all = [vec![folder], vec![file]];
        for (name, found, lost) in [
            ("ann the user", "ann the", "Ann Again"),
            ("Ann AGAIN É\"", "again É\"", "the user"),
            ("Ἑλένη ς", "ἑλένη σ", "again"),
            ("", "ann", "ἑλ"),
            ("x", "x", "ann"),
        ] {
            call(name);
            assert_eq!(admin.finds(course.space, Some(found)), all, "{name}");
            assert_eq!(
                admin.finds(course.space, Some(lost)),
                [vec![], vec![]],
                "{name}"
            );
            assert_eq!(ann.finds(folder, Some(found)), [vec![], vec![file]]);
        }
        // By either of both ways only once.
        call("hers");
        assert_eq!(admin.finds(course.space, Some("hers")), all);
    });
}

#[test]
fn what_is_deleted_is_found_no_more() {
    every_store(|admin| {
        let course = Course::new(admin);
        let stays = admin.file_in(course.root, "find this").id;
        let file = admin.file_in(course.root, "find that").id;
        let top = admin.folder(course.root, "find top");
        let mut below = top;
        for _ in 0..4 {
            let files = (0..20).map(|number| add_file(&format!("find {number}"), "1"));
            let on = admin.on(ResourceId::Node(below));
            on.write(files.collect()).unwrap();
            let link = on.file_in(below, "link").id;
            admin.set(link, "url", "http://find/");
            below = admin.folder(below, "find below");
        }
        let count = || {
            let [folders, files] = admin.finds(course.space, Some("find"));
            let short = admin.finds(course.space, Some("e\u{301}")); // Looks at everything.
            assert_eq!(short, [vec![], vec![]]);
            let all = admin.finds(course.space, None);
            let by = admin.finds(course.space, Some("admin"));
            assert_eq!(all, by);
            (folders.len(), files.len(), all[1].len())
        };
        assert_eq!(count(), (5, 86, 86));
        admin.remove(file).unwrap();
        assert_eq!(count(), (5, 85, 85));
        admin.remove(top).unwrap();
        // Before the rows say so, and while they come to say so.
        for round in 0..20 {
            assert_eq!(count(), (0, 1, 1), "{round}");
            admin.put("between", "1");
        }
        assert_eq!(admin.finds(course.root, None), [vec![], vec![stays]]);
    });
}

#[test]
fn a_blank_name_is_a_name() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = admin.folder(course.root, "a name");
        let below = admin.folder(folder, "below");
        let file = admin.file_in(below, "file").id;
        let renamed = written(admin.at(9).try_edit(folder, blank()));
        assert_eq!(renamed[0].name.as_str(), "");
        assert_eq!(
            admin.at(10).try_edit(folder, blank()),
            Ok(Done::PageWritten(vec![]))
        );
        assert_eq!(admin.detail(folder).changed_at, at(9));
        assert_eq!(admin.finds(course.space, Some("a name")), [vec![], vec![]]);
        let [folders, _] = admin.finds(course.space, None);
        assert_eq!(folders, [folder, below, course.root]);
        let [folders, _] = admin.finds(course.space, Some("admin"));
        assert_eq!(folders, [folder, below, course.root]);
        let path = |id| {
            let above = admin.detail(id).above;
            above
                .path
                .iter()
                .map(NodeName::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(path(below), ["Support Files", ""]);
        assert_eq!(path(file), ["Support Files", "", "below"]);
        admin.try_edit(folder, rename("back")).unwrap();
        assert_eq!(
            admin.finds(course.space, Some("back")),
            [vec![folder], vec![]]
        );
    });
}

/// What somebody finds has to be what he sees by each other way.
fn check_sight(client: &Client<'_>, nodes: &[(NodeId, NodeId)], space: NodeId) -> BTreeSet<NodeId> {
    let mut seen = BTreeSet::new();
    for &(node, _) in nodes {
        let entry = client.entry(node);
        match (entry, client.details(&[node])) {
            (Ok(entry), Ok(_)) => {
                let mut detail = client.detail(node).entry;
                if let (Some(one), Some(other)) = (&mut detail.file, &entry.file) {
                    one.file.content = other.file.content.clone();
                }
                assert_eq!(detail, entry);
                seen.insert(node);
            }
            (Err(one), Err(other)) => {
                let (one, other) = (refusal::<()>(Err(one)), refusal::<()>(Err(other)));
                assert!(matches!(one, Refusal::Denied(_)), "{one:?}");
                assert_eq!(one, other);
            }
            (one, other) => panic!("{node}: {one:?} {other:?}"),
        }
    }
    let parents: BTreeMap<_, _> = nodes.iter().copied().collect();
    let lies_in = |mut node: NodeId, top: NodeId| {
        while let Some(&parent) = parents.get(&node) {
            if parent == top {
                return true;
            }
            node = parent;
        }
        false
    };
    let tops = nodes.iter().map(|&(node, _)| node).chain([space]);
    for top in tops {
        let is_readable = client.entry(top).is_ok();
        let is_file = is_readable && client.entry(top).unwrap().kind == NodeKind::File;
        if !is_readable {
            let refused = refusal(client.search(top, None));
            assert!(matches!(refused, Refusal::Denied(_)));
            continue;
        }
        if is_file {
            continue;
        }
        let expected: BTreeSet<_> = seen
            .iter()
            .copied()
            .filter(|&node| lies_in(node, top))
            .collect();
        for text in [None, Some("find")] {
            let found: BTreeSet<_> = client.finds(top, text).concat().into_iter().collect();
            assert_eq!(found, expected, "below {top}");
        }
    }
    seen
}

#[test]
#[expect(clippy::too_many_lines, reason = "one history")]
fn everybody_finds_what_he_sees() {
    every_store(|admin| {
        let course = Course::new(admin);
        let people = [
            ("ann", MEMBER),
            ("bob", MEMBER),
            ("tutor", TUTOR),
            ("teacher", TEACHER),
            ("reader", MEMBER),
            ("guest", None),
        ];
        let people = people.map(|(name, role)| course.person(name, role));
        let [ann, bob, tutor, teacher, reader, guest] = &people;
        admin.try_edit(course.root, rename("find root")).unwrap();
        let top = admin.folder(course.space, "find top");
        let hand_in = admin.folder(top, "find hand in");
        let dated = admin.folder(top, "find dated");
        let secret = admin.folder(top, "find secret");
        let inner = admin.folder(secret, "find inner");
        let open_to_guests = admin.folder(secret, "find guests");
        let mut nodes = vec![
            (course.root, course.space),
            (top, course.space),
            (hand_in, top),
            (dated, top),
            (secret, top),
            (inner, secret),
            (open_to_guests, secret),
        ];
        admin.set(hand_in, "allowUpload", "true");
        for (client, folder) in [
            (ann, hand_in),
            (bob, hand_in),
            (tutor, hand_in),
            (admin, dated),
            (admin, inner),
            (admin, secret),
            (admin, open_to_guests),
        ] {
            nodes.push((client.file_in(folder, "find file").id, folder));
        }
        admin.set(nodes[10].0, "allowDownload", "false");
        let unpublished = nodes[10].0;
        let user = |client: &Client<'_>, role| (Grantee::User(client.who.id()), role);
        let lists: [(NodeId, Edit); 3] = [
            (inner, access(&[user(ann, SpaceRole::Reader)], None, None)),
            (open_to_guests, access(&[], Some(SpaceRole::Reader), None)),
            (
                hand_in,
                access(&[user(reader, SpaceRole::Reader)], None, Some(top)),
            ),
        ];
        let everybody = || people.iter().chain([admin]);
        let check = |what: &str| {
            for client in everybody() {
                for second in [4, 5, 9, 10] {
                    println!("{what} {:?} {second}", client.who.user().name);
                    check_sight(&client.at(second), &nodes, course.space);
                }
            }
        };
        let sees = |client: &Client<'_>, second, node| {
            check_sight(&client.at(second), &nodes, course.space).contains(&node)
        };
        check("all open");
        assert!(sees(ann, 1, nodes[8].0) && !sees(guest, 1, top));
        admin.set(hand_in, "viewAll", "false");
        admin.set(dated, "startDate", &moment(5000));
        admin.set(dated, "endDate", &moment(10_000));
        check("dates and submissions");
        assert!(sees(ann, 5, nodes[7].0) && !sees(ann, 5, nodes[8].0) && sees(ann, 5, nodes[9].0));
        assert!(sees(tutor, 5, nodes[8].0) && sees(teacher, 5, nodes[8].0));
        assert!(
            !sees(ann, 4, dated)
                && sees(ann, 5, dated)
                && sees(ann, 9, dated)
                && !sees(ann, 10, dated)
        );
        assert!(sees(tutor, 10, dated));
        admin.set(unpublished, "publish", "false");
        for (node, list) in lists {
            admin.try_edit(node, list).unwrap();
        }
        check("lists");
        assert!(!sees(ann, 5, unpublished) && sees(tutor, 5, unpublished));
        assert!(sees(guest, 5, open_to_guests) && !sees(guest, 5, inner));
        assert!(sees(ann, 5, inner) && !sees(bob, 5, inner) && sees(tutor, 5, inner));
        for setting in ["publish", "open"] {
            admin.set(secret, setting, "false");
            check("secret");
            assert!(
                !sees(ann, 5, inner) && !sees(guest, 5, open_to_guests) && sees(tutor, 5, inner)
            );
            admin.unset(secret, setting);
        }
        let active = |client: &Client<'_>| {
            let found = client.search(course.space, None).unwrap().folders;
            found.iter().filter(|detail| detail.is_active).count()
        };
        assert_eq!(
            [4, 5, 9, 10].map(|second| active(&admin.at(second))),
            [6, 7, 7, 6]
        );
    });
}

// All or nothing: `luminus.md` §4.

#[test]
fn the_status_of_a_thousand_folders_is_set_in_all_or_in_none() {
    every_store(|admin| {
        let course = Course::new(admin);
        let tutor = course.person("tutor", TUTOR);
        let other = Course::new(admin);
        let on = admin.on(ResourceId::Node(course.root));
        let made = on.write(
            (0..1000)
                .map(|number| add_folder(&format!("f{number}")))
                .collect(),
        );
        let folders: Vec<_> = made
            .unwrap()
            .into_iter()
            .map(|outcome| written(outcome)[0].id)
            .collect();
        let file = admin.file_in(course.root, "file").id;
        let status = |client: &Client<'_>, also: &[NodeId], open| {
            let changes = folders.iter().chain(also).map(|&folder| Change {
                resource: ResourceId::Node(folder),
                edit: said(Setting::Open, open),
            });
            let batch = Batch::new(client.who.clone(), client.now, changes.collect());
            wait(client.store.write(batch.unwrap().all_or_nothing()))
        };
        // How many are open, and how many were changed at this second.
        let told = |second| {
            let details = tutor.details(&folders).unwrap();
            assert_eq!(ids(&details)[0], folders);
            let open = details.folders.iter().filter(|detail| detail.is_active);
            let changed = details
                .folders
                .iter()
                .filter(|detail| detail.changed_at == at(second));
            (open.count(), changed.count())
        };
        let first = put_by(on.edit(put("a", "1"))).id;
        assert_eq!(
            refusal(status(&tutor.at(9), &[file], false)),
            Refusal::NoSuchFolder
        );
        assert_eq!(
            refusal(status(&admin.at(9), &[course.space], false)),
            Refusal::NoSuchFolder
        );
        let denied = refusal(status(&tutor.at(9), &[other.root], false));
        assert!(matches!(denied, Refusal::Denied(_)));
        assert!(status(&admin.at(9), &[NodeId::new(9999).unwrap()], false).is_err());
        assert_eq!(told(9), (1000, 0));
        // Nor did it take a number.
        assert_eq!(put_by(on.edit(put("b", "1"))).id, first.next());

        let outcomes = status(&tutor.at(10), &[], false).unwrap();
        assert!(
            outcomes
                .iter()
                .all(|outcome| matches!(outcome, Ok(Done::Put(_))))
        );
        assert_eq!(told(10), (0, 1000));
        let again = status(&tutor.at(11), &[], false).unwrap();
        assert!(again.iter().all(|outcome| *outcome == Ok(Done::Unchanged)));
        assert_eq!(told(10), (0, 1000));
        status(&tutor.at(12), &[other.root], true).unwrap_err();
        status(&admin.at(12), &[other.root], true).unwrap();
        assert_eq!(told(12), (1000, 1000));
    });
}

#[test]
fn a_refused_batch_that_is_all_or_nothing_leaves_no_trace() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = admin.folder(course.root, "folder");
        let file = admin.file_in(folder, "file").id;
        let before = admin.details(&[folder, file]).unwrap();
        let changes = |last: Edit| {
            [
                (folder, rename("renamed")),
                (folder, said(Setting::Publish, false)),
                (folder, access(&[], None, None)),
                (folder, add_folder("new")),
                (folder, add_file("new", "1")),
                (file, put("luminus.url", "http://new")),
                (file, Edit::Remove { demand: None }),
                (folder, last),
            ]
            .map(|(node, edit)| Change {
                resource: ResourceId::Node(node),
                edit,
            })
        };
        let write = |last: Edit| {
            let batch = Batch::new(admin.who.clone(), at(9), changes(last).into());
            wait(admin.store.write(batch.unwrap().all_or_nothing()))
        };
        assert_eq!(
            refusal(write(delete("nothing"))),
            Refusal::NoSuchProperty("nothing".to_owned())
        );
        let after = admin.details(&[folder, file]).unwrap();
        assert_eq!(
            (&after.folders, &after.files),
            (&before.folders, &before.files)
        );
        assert_eq!(admin.finds(course.space, Some("new")), [vec![], vec![]]);
        assert_eq!(admin.finds(course.space, Some("renamed")), [vec![], vec![]]);
        assert_eq!(admin.finds(folder, None), [vec![], vec![file]]);
        assert!(write(add_folder("last")).unwrap().iter().all(Result::is_ok));
        let [folders, _] = admin.finds(course.space, Some("new"));
        assert_eq!(folders.len(), 1);
        assert!(admin.details(&[file]).is_err());
    });
}

#[test]
fn a_setting_that_says_so_already_is_compared_however_it_was_written() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = admin.folder(course.root, "folder");
        let words: Vec<String> = (0..3000).map(|number| format!("e{number}")).collect();
        let spaced = format!("[\"{}\"]", words.join("\" , \""));
        assert!(spaced.len() > 4096);
        let list = Some(Meaning::Extensions(words));
        // As a text of another type, and in pieces, as another program may send it.
        let json = Content {
            media_type: "application/json".parse().unwrap(),
            ..text(&spaced)
        };
        admin
            .try_edit(folder, put_content("luminus.allowedFileType", json))
            .unwrap();
        assert_eq!(
            admin.say(folder, Setting::AllowedFileType, list.clone()),
            Ok(Done::Unchanged)
        );
        let gone = admin.say(folder, Setting::AllowedFileType, None);
        assert!(matches!(gone, Ok(Done::Deleted(_))), "{gone:?}");
        let again = put_by(admin.say(folder, Setting::AllowedFileType, list.clone()));
        assert_eq!(again.description, "because");
        assert_eq!(
            admin.say(folder, Setting::AllowedFileType, list),
            Ok(Done::Unchanged)
        );
        assert_eq!(
            admin.say(folder, Setting::AllowedFileType, None).map(drop),
            Ok(())
        );
        assert_eq!(admin.detail(folder).settings, []);
        // It counts at once where a folder is looked at with every request.
        let member = course.person("member", MEMBER);
        put_by(admin.try_edit(folder, said(Setting::Publish, false)));
        assert!(member.entry(folder).is_err());
        put_by(admin.try_edit(folder, said(Setting::Publish, true)));
        assert!(member.entry(folder).is_ok());
    });
}

#[test]
fn what_the_index_does_not_know_is_looked_at_as_well() {
    every_store(|admin| {
        let course = Course::new(admin);
        let start = "x".repeat(100);
        let [one, two] = ["1", "2"].map(|end| admin.folder(course.root, &format!("{start}{end}")));
        let all = [vec![one, two], vec![]];
        assert_eq!(admin.finds(course.root, Some(&start)), all);
        for (folder, end) in [(one, "1"), (two, "2")] {
            let found = admin.finds(course.root, Some(&format!("{start}{end}")));
            assert_eq!(found, [vec![folder], vec![]]);
        }
        assert_eq!(
            admin.finds(course.root, Some(&format!("x{start}"))),
            [vec![], vec![]]
        );
        // FTS5 passes over the first of these characters, and takes the others for one.
        let link = admin.file_in(course.root, "a file").id;
        put_by(admin.try_edit(link, put("luminus.url", "https://example.org/")));
        for (description, no, yes) in [
            ("ab\0cd", "abcd", "b\0cd"),
            ("gh\u{FFFF}ij", "gh\u{FFFE}", "gh\u{FFFF}"),
        ] {
            put_by(admin.try_edit(link, put("luminus.description", description)));
            assert_eq!(
                admin.finds(course.root, Some(no)),
                [vec![], vec![]],
                "{no:?}"
            );
            if !yes.contains('\0') {
                assert_eq!(admin.finds(course.root, Some(yes)), [vec![], vec![link]]);
            }
        }
    });
}

//! The behaviour of spaces that every store must show: folders and files in them, who may do what there, what is hidden.
//!
//! Rules: `dialects-common.md` §1 to §3 and §5, `redu.md` §2 to §4. What follows from facts alone is in the tests of
//! `model::space` and `model::setting`; here stands that a store finds the facts, and keeps them.

use super::search::{assert_names_everybody, set};
use super::{
    Client, at, comparable, delete, every_store, put, put_by, put_content, refusal, setup, text,
    upload, uploaded, wait, write_page,
};
use crate::model::{
    AccessList, AddFile, Address, Change, Content, Delete, Detail, Done, Edit, Enroll, Entries,
    Entry, FOLDER_LEVELS_MAX, File, Grantee, GroupId, Invalid, Listing, Meaning, Member,
    NameFilter, NamePattern, NewNode, NewSpace, NodeId, NodeKind, Outcome, Page, PageSeen,
    Permissions, Place, Principal, Property, PropertyKey, ROOT_FOLDER, Refusal, ResourceId,
    Revision, Right, Role, Setting, SpaceRole, Timestamp, UserId,
};
use crate::store::{Memory, NewGroup, Sqlite, SqliteOptions, Store, StoreError, embedded};
use bytes::Bytes;
use chrono::DateTime;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

pub(super) const MEMBER: Option<SpaceRole> = Some(SpaceRole::Member);
pub(super) const TUTOR: Option<SpaceRole> = Some(SpaceRole::Tutor);
pub(super) const TEACHER: Option<SpaceRole> = Some(SpaceRole::Teacher);
const ADMINISTRATOR: Option<SpaceRole> = Some(SpaceRole::Administrator);
const OWNER: Option<SpaceRole> = Some(SpaceRole::Owner);

/// The property that every node of a [`Course`] has.
const MARK: &str = "mark";

/// A space whose first folder is there, seen by the one who has made it.
pub(in crate::store) struct Course<'a> {
    pub(in crate::store) admin: Client<'a>,
    pub(in crate::store) space: NodeId,
    pub(in crate::store) root: NodeId,
}

impl<'a> Course<'a> {
    pub(in crate::store) fn new(admin: &Client<'a>) -> Self {
        let pages = written(admin.on(ResourceId::Site).edit(add_space("Course")));
        let course = Course {
            admin: admin.clone(),
            space: pages[0].id,
            root: pages[1].id,
        };
        for node in [course.space, course.root] {
            course.mark(node);
        }
        course
    }

    fn mark(&self, node: NodeId) {
        self.admin.on(ResourceId::Node(node)).put(MARK, "1");
    }

    /// A new user, enrolled with this role. The role on the site means nothing here.
    pub(in crate::store) fn person(&self, name: &str, role: Option<SpaceRole>) -> Client<'a> {
        let person = self.admin.user(name, Role::Contributor);
        if role.is_some() {
            self.enroll(name, role);
        }
        person
    }

    pub(in crate::store) fn enroll(&self, name: &str, role: Option<SpaceRole>) {
        let outcome = self.admin.try_edit(self.space, enroll(name, role));
        assert!(outcome.is_ok(), "{outcome:?}");
    }

    fn folder(&self, parent: NodeId) -> NodeId {
        let folder = self.admin.folder(parent, "folder");
        self.mark(folder);
        folder
    }

    fn file(&self, by: &Client<'_>, folder: NodeId) -> NodeId {
        let file = by.file_in(folder, "file").id;
        self.mark(file);
        file
    }
}

impl Client<'_> {
    fn at_millis(&self, millis: i64) -> Self {
        Client {
            now: Timestamp::from_millis(millis),
            ..self.clone()
        }
    }

    /// What comes of one change, or why its whole batch was refused.
    pub(in crate::store) fn try_edit(&self, node: NodeId, edit: Edit) -> Outcome {
        match self.on(ResourceId::Node(node)).write(vec![edit]) {
            Ok(mut outcomes) => outcomes.remove(0),
            Err(StoreError::Refused(refusal)) => Err(refusal),
            Err(failure) => panic!("{failure:?}"),
        }
    }

    pub(in crate::store) fn folder(&self, parent: NodeId, name: &str) -> NodeId {
        written(self.try_edit(parent, add_folder(name)))[0].id
    }

    pub(in crate::store) fn file_in(&self, folder: NodeId, name: &str) -> File {
        uploaded(self.try_edit(folder, add_file(name, name))).0
    }

    pub(in crate::store) fn remove(&self, node: NodeId) -> Outcome {
        self.try_edit(node, Edit::Remove { demand: None })
    }

    pub(in crate::store) fn set(&self, node: NodeId, field: &str, value: &str) -> Property {
        put_by(self.try_edit(node, put(&format!("luminus.{field}"), value)))
    }

    pub(in crate::store) fn unset(&self, node: NodeId, field: &str) {
        let outcome = self.try_edit(node, delete(&format!("luminus.{field}")));
        assert!(outcome.is_ok(), "{outcome:?}");
    }

    pub(in crate::store) fn entry(&self, node: NodeId) -> Result<Entry, StoreError> {
        let found = wait(self.store.entry(&self.caller(), node))?;
        Ok(found.entries.into_iter().next().unwrap())
    }

    fn entries(&self, of: NodeId, kind: NodeKind) -> Result<Entries, StoreError> {
        wait(self.store.entries(&self.caller(), of, kind))
    }

    /// The numbers of the folders or files in a folder, in the order of the list.
    pub(in crate::store) fn inside(
        &self,
        of: NodeId,
        kind: NodeKind,
    ) -> Result<Vec<NodeId>, StoreError> {
        let found = self.entries(of, kind)?;
        Ok(found.entries.iter().map(|entry| entry.id).collect())
    }

    fn on_folder(&self, folder: NodeId) -> Result<Vec<NodeId>, StoreError> {
        let files = wait(self.store.files_on(&self.caller(), folder))?;
        Ok(files.iter().map(|view| view.file.id).collect())
    }

    fn role(&self, node: NodeId) -> Option<SpaceRole> {
        let place = self.locate(Address::Page(node)).unwrap();
        place.space.unwrap().role
    }
}

fn new_node(name: &str) -> NewNode {
    NewNode {
        name: name.parse().unwrap(),
        uuid: Uuid::new_v4(),
    }
}

pub(in crate::store) fn add_space(name: &str) -> Edit {
    let uuids = [Uuid::new_v4(), Uuid::new_v4()];
    Edit::AddSpace(NewSpace::named(name.parse().unwrap(), uuids).unwrap())
}

pub(in crate::store) fn add_folder(name: &str) -> Edit {
    Edit::AddFolder(new_node(name))
}

pub(in crate::store) fn add_file(name: &str, value: &str) -> Edit {
    Edit::AddFile(AddFile {
        file: new_node(name),
        content: text(value),
    })
}

pub(in crate::store) fn rename(name: &str) -> Edit {
    Edit::Rename(name.parse().unwrap())
}

fn enroll(login: &str, role: Option<SpaceRole>) -> Edit {
    let login = login.to_owned();
    Edit::Enroll(Enroll { login, role })
}

pub(in crate::store) fn access(
    grants: &[(Grantee, SpaceRole)],
    public: Option<SpaceRole>,
    inherits: Option<NodeId>,
) -> Edit {
    Edit::SetAccess(Some(AccessList {
        grants: grants.to_vec(),
        public,
        inherits,
    }))
}

pub(in crate::store) fn written(outcome: Outcome) -> Vec<Page> {
    match outcome {
        Ok(Done::PageWritten(pages)) => pages,
        other => panic!("{other:?}"),
    }
}

/// A moment as settings have it.
pub(in crate::store) fn moment(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis)
        .unwrap()
        .to_rfc3339()
}

/// Whether it was done; if not, for want of a right.
fn is_allowed<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(Refusal::Denied(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// Whether somebody may see a node of a [`Course`]. All ways that lead there have to say the same.
fn sees(client: &Client<'_>, node: NodeId) -> bool {
    let (store, caller) = (client.store, client.caller());
    let Entry { kind, parent, .. } = Client::admin(store).entry(node).unwrap();
    let on = client.on(ResourceId::Node(node));
    let mut answers = vec![
        on.list().map(drop),
        on.read(MARK).map(drop),
        client.entry(node).map(drop),
    ];
    let address = if kind == NodeKind::File {
        answers.extend([
            wait(store.file(&caller, node, None)).map(drop),
            client.file(node).map(drop),
            wait(store.file_history(&caller, node)).map(drop),
        ]);
        Address::File(node)
    } else {
        answers.extend([
            wait(store.page(&caller, node)).map(drop),
            client.on_folder(node).map(drop),
            client.inside(node, NodeKind::Folder).map(drop),
            client.inside(node, NodeKind::File).map(drop),
        ]);
        Address::Page(node)
    };
    let place = client.locate(address).unwrap();
    let sees = place.rights.allow(Right::Read);
    for answer in answers {
        match answer {
            Ok(()) => assert!(sees, "{node}"),
            Err(StoreError::Refused(Refusal::Denied(_))) => assert!(!sees, "{node}"),
            Err(other) => panic!("{other:?}"),
        }
    }
    if let Some(parent) = parent
        && let Ok(listed) = client.inside(parent, kind)
    {
        assert_eq!(listed.contains(&node), sees, "{node} in the list");
        let on = client.on_folder(parent).unwrap();
        assert_eq!(on.contains(&node), sees && kind == NodeKind::File);
    }
    let named = NameFilter::Matching(vec![NamePattern::Is(MARK.to_owned())]);
    let is_found = client.with(named).contains(&node);
    assert_eq!(is_found, sees && kind != NodeKind::File, "{node} is found");
    sees
}

// The tree: `dialects-common.md` §1.

#[test]
fn a_space_comes_with_its_first_folder() {
    every_store(|admin| {
        let new = NewSpace::named("Course".parse().unwrap(), [Uuid::new_v4(), Uuid::new_v4()]);
        let new = new.unwrap();
        let site = admin.at(7).on(ResourceId::Site);
        let pages = written(site.edit(Edit::AddSpace(new.clone())));
        let [space, root] = &pages[..] else {
            panic!("{pages:?}")
        };
        assert_eq!(space.id, NodeId::HOME.next());
        assert_eq!(root.id, space.id.next());
        for (page, kind, uuid, parent, name) in [
            (space, NodeKind::Space, new.space.uuid, None, "Course"),
            (
                root,
                NodeKind::Folder,
                new.root.uuid,
                Some(space.id),
                ROOT_FOLDER,
            ),
        ] {
            let entry = admin.entry(page.id).unwrap();
            let expected = Entry {
                id: page.id,
                uuid,
                kind,
                name: name.parse().unwrap(),
                parent,
                space: Some(space.id),
                created_at: at(7),
                created_by: UserId::ADMIN,
                file: None,
            };
            assert_eq!(entry, expected);
            let view = wait(admin.store.page(&admin.caller(), page.id)).unwrap();
            assert_eq!(&view.page, page);
        }
        assert_eq!(admin.inside(space.id, NodeKind::Folder).unwrap(), [root.id]);

        let ann = admin.user("ann", Role::Manager).on(ResourceId::Site);
        let refused = refusal(ann.write(vec![add_space("Hers")]));
        assert!(matches!(refused, Refusal::Denied(_)));
    });
}

#[test]
fn all_nodes_have_ids_of_one_sequence_and_keep_their_uuids() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = new_node("a");
        let made = written(admin.try_edit(course.root, Edit::AddFolder(folder.clone())));
        let file = new_node("a");
        let new = AddFile {
            file: file.clone(),
            content: text("1"),
        };
        let (stored, _) = uploaded(admin.try_edit(made[0].id, Edit::AddFile(new)));
        assert_eq!(made[0].id, course.root.next());
        assert_eq!(stored.id, made[0].id.next());
        let page = admin.page("A", "1").unwrap();
        assert_eq!(page.id, stored.id.next());
        assert_eq!(admin.upload("a", "1").id, page.id.next());
        assert_eq!(admin.entry(made[0].id).unwrap().uuid, folder.uuid);
        let entry = admin.entry(stored.id).unwrap();
        assert_eq!((entry.uuid, entry.space), (file.uuid, Some(course.space)));
        assert_eq!((stored.uuid, stored.parent), (file.uuid, made[0].id));
        // What lies outside has no space.
        assert_eq!(admin.entry(page.id).unwrap().space, None);
    });
}

#[test]
fn folders_lie_only_in_spaces_and_folders_and_files_only_in_folders() {
    every_store(|admin| {
        let course = Course::new(admin);
        let ResourceId::Node(page) = admin.made("A") else {
            panic!()
        };
        let (in_folder, on_page) = (
            admin.file_in(course.root, "f").id,
            admin.upload("f", "1").id,
        );
        let (no_folder, no_page) = (Err(Refusal::NoSuchFolder), Err(Refusal::NoSuchPage));
        for (parent, takes_folders, takes_files) in [
            (course.space, true, false),
            (course.root, true, true),
            (page, false, false),
            (NodeId::HOME, false, false),
            (in_folder, false, false),
            (on_page, false, false),
        ] {
            let outcome = admin.try_edit(parent, add_folder("a"));
            if takes_folders {
                assert_eq!(written(outcome)[0].parent, Some(parent));
            } else {
                assert_eq!(outcome, no_folder);
            }
            let outcome = admin.try_edit(parent, add_file("a", "1"));
            if takes_files {
                assert_eq!(uploaded(outcome).0.parent, parent);
            } else {
                assert_eq!(outcome, no_folder);
            }
        }
        for parent in [course.space, in_folder] {
            assert_eq!(admin.try_edit(parent, upload("a", "1")), no_page);
        }
        for resource in [ResourceId::Site, ResourceId::User(UserId::ADMIN)] {
            let outcomes = admin
                .on(resource)
                .write(vec![add_folder("a"), add_file("a", "1")]);
            assert_eq!(outcomes.unwrap(), [no_folder.clone(), no_folder.clone()]);
        }
        // Neither pages lie there.
        for parent in [course.space, course.root, in_folder] {
            let edit = write_page("Below", "1", Some(PageSeen::Any));
            assert_eq!(admin.try_edit(parent, edit), no_page);
        }
    });
}

#[test]
fn folders_have_no_more_levels_than_they_may_have() {
    every_store(|admin| {
        let course = Course::new(admin);
        let (mut lowest, max) = (course.root, FOLDER_LEVELS_MAX);
        for _ in 1..max {
            lowest = admin.folder(lowest, "below");
        }
        let too_deep = Err(Refusal::TooDeep { max });
        assert_eq!(admin.try_edit(lowest, add_folder("one more")), too_deep);
        let file = admin.file_in(lowest, "a file is no level");
        assert_eq!(admin.file(file.id).unwrap().file, file);
        let depth = |node| {
            admin
                .locate(Address::Folder(node))
                .unwrap()
                .space
                .unwrap()
                .depth
        };
        assert_eq!((depth(course.root), depth(lowest)), (1, max));
    });
}

#[test]
fn names_need_not_be_unique_and_an_upload_means_the_newest() {
    every_store(|admin| {
        let course = Course::new(admin);
        let root = admin.on(ResourceId::Node(course.root));
        let folders = [(); 2].map(|()| admin.folder(course.root, "same"));
        let files = [(); 3].map(|()| admin.file_in(course.root, "same"));
        assert_eq!(
            admin.inside(course.root, NodeKind::Folder).unwrap(),
            folders
        );
        assert_eq!(
            admin.inside(course.root, NodeKind::File).unwrap(),
            files.each_ref().map(|file| file.id)
        );
        assert!(files.iter().all(|file| file.revision == Revision::FIRST));

        let named = |name: &str| {
            let page = Box::new(Address::Page(course.root));
            let name = name.parse().unwrap();
            let place = admin.locate(Address::FileNamed { page, name });
            place.map(|place| place.resource)
        };
        assert_eq!(named("same").unwrap(), ResourceId::Node(files[2].id));
        let next = root.upload("same", "2");
        assert_eq!((next.id, next.revision.get()), (files[2].id, 2));
        admin.remove(files[2].id).unwrap();
        assert_eq!(named("same").unwrap(), ResourceId::Node(files[1].id));
        assert_eq!(root.upload("same", "3").id, files[1].id);
        // Bytes decide.
        assert_eq!(refusal(named("Same")), Refusal::NoSuchFile);
        let other = root.upload("Same", "1");
        assert!(other.id > files[2].id);
        assert_eq!(other.revision, Revision::FIRST);
    });
}

// Names.

#[test]
fn a_folder_is_renamed_and_nothing_else_of_it_changes() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = course.folder(course.root);
        let file = course.file(admin, folder);
        let before = admin.entry(folder).unwrap();
        let mark = admin.on(ResourceId::Node(folder)).read(MARK).unwrap();
        let pages = written(admin.at(9).try_edit(folder, rename(" Week / 3 ")));
        assert_eq!(pages.len(), 1);
        let page = &pages[0];
        assert_eq!((page.revision.get(), page.modified_at), (2, at(9)));
        let name = " Week / 3 ".parse().unwrap();
        assert_eq!(admin.entry(folder).unwrap(), Entry { name, ..before });
        assert_eq!(admin.on(ResourceId::Node(folder)).read(MARK).unwrap(), mark);
        assert_eq!(admin.inside(folder, NodeKind::File).unwrap(), [file]);
        let view = wait(admin.store.page(&admin.caller(), folder)).unwrap();
        assert_eq!((&view.page, view.created_at), (page, at(1)));

        // The same name again writes nothing.
        assert_eq!(
            written(admin.at(10).try_edit(folder, rename(" Week / 3 "))),
            []
        );
        let view = wait(admin.store.page(&admin.caller(), folder)).unwrap();
        assert_eq!(&view.page, page);

        // The first folder is a folder.
        assert_eq!(
            written(admin.try_edit(course.root, rename("First"))).len(),
            1
        );
        assert_eq!(admin.remove(course.root), Err(Refusal::RootFolder));
        let no_folder = Err(Refusal::NoSuchFolder);
        for node in [course.space, file, NodeId::HOME] {
            assert_eq!(admin.try_edit(node, rename("x")), no_folder);
        }
    });
}

// Deletion: `redu.md` §2, §3.

#[test]
fn a_removed_file_is_gone_and_the_others_stay() {
    every_store(|admin| {
        let course = Course::new(admin);
        let [one, two] = [(); 2].map(|()| course.file(admin, course.root));
        assert_eq!(admin.remove(one), Ok(Done::Removed));
        assert_gone(admin, one, NodeKind::File, course.root);
        assert!(sees(admin, two));
        assert_eq!(admin.on_folder(course.root).unwrap(), [two]);
    });
}

/// Asserts that nobody finds a node any more, on any way.
fn assert_gone(client: &Client<'_>, node: NodeId, kind: NodeKind, parent: NodeId) {
    let (store, caller, on) = (
        client.store,
        client.caller(),
        client.on(ResourceId::Node(node)),
    );
    let gone = match kind {
        NodeKind::File => Refusal::FileRemoved,
        NodeKind::Page | NodeKind::Space | NodeKind::Folder => Refusal::NoSuchPage,
    };
    let mut answers = vec![
        on.list().map(drop),
        on.read(MARK).map(drop),
        client.entry(node).map(drop),
        on.write(vec![put("a", "1")]).map(drop),
        on.write(vec![delete(MARK)]).map(drop),
        on.write(vec![Edit::Remove { demand: None }]).map(drop),
    ];
    if kind == NodeKind::File {
        answers.extend([
            wait(store.file(&caller, node, None)).map(drop),
            client.file(node).map(drop),
            wait(store.file_history(&caller, node)).map(drop),
        ]);
    } else {
        answers.extend([
            wait(store.page(&caller, node)).map(drop),
            client.on_folder(node).map(drop),
            client.inside(node, NodeKind::Folder).map(drop),
            client.inside(node, NodeKind::File).map(drop),
            on.write(vec![add_folder("a")]).map(drop),
            on.write(vec![add_file("a", "1")]).map(drop),
            on.write(vec![upload("a", "1")]).map(drop),
            on.write(vec![rename("a")]).map(drop),
            on.write(vec![access(&[], None, None)]).map(drop),
        ]);
    }
    for answer in answers {
        assert_eq!(refusal(answer), gone);
    }
    for (address, missing) in [
        (Address::Page(node), Refusal::NoSuchPage),
        (Address::Folder(node), Refusal::NoSuchFolder),
        (Address::Space(node), Refusal::NoSuchSpace),
        (
            Address::File(node),
            match kind {
                NodeKind::File => Refusal::FileRemoved,
                NodeKind::Page | NodeKind::Space | NodeKind::Folder => Refusal::NoSuchFile,
            },
        ),
    ] {
        assert_eq!(refusal(client.locate(address)), missing);
    }
    for listed in [
        client.inside(parent, kind),
        client.on_folder(parent),
        Ok(client.with(NameFilter::All)),
    ] {
        assert!(!listed.unwrap_or_default().contains(&node));
    }
}

#[test]
fn a_removed_folder_takes_everything_below_it_with_it() {
    every_store(|admin| {
        let course = Course::new(admin);
        let top = course.folder(course.root);
        let mut below = vec![(top, NodeKind::Folder, course.root)];
        let mut parents = vec![top];
        for _ in 0..3 {
            let mut next = Vec::new();
            for parent in parents {
                for _ in 0..2 {
                    let folder = course.folder(parent);
                    below.push((folder, NodeKind::Folder, parent));
                    next.push(folder);
                }
                below.push((course.file(admin, parent), NodeKind::File, parent));
            }
            parents = next;
        }
        let beside = course.folder(course.root);
        let file = course.file(admin, course.root);
        let named = NameFilter::Matching(vec![NamePattern::Starts("ma".to_owned())]);
        assert_eq!(admin.with(named.clone()).len(), 2 + 1 + 14 + 1);

        assert_eq!(admin.remove(top), Ok(Done::Removed));
        for (node, kind, parent) in below {
            assert_gone(admin, node, kind, parent);
        }
        assert_eq!(admin.with(named), [course.space, course.root, beside]);
        assert!(
            [course.space, course.root, beside, file]
                .iter()
                .all(|&node| sees(admin, node))
        );
        // A folder may have the name again, and none of the old ids.
        let again = admin.folder(course.root, "folder");
        assert!(again > file);
        assert_eq!(admin.on(ResourceId::Node(again)).names(), [""; 0]);
        assert_eq!(admin.inside(again, NodeKind::File).unwrap(), []);
    });
}

#[test]
fn no_file_is_named_in_a_folder_that_lies_in_a_deleted_one() {
    every_store(|admin| {
        let course = Course::new(admin);
        let top = admin.folder(course.root, "top");
        let below = admin.folder(top, "below");
        admin.file_in(below, "f");
        admin.remove(top).unwrap();
        for (folder, name) in [(top, "f"), (below, "f"), (below, "none")] {
            let page = Box::new(Address::Page(folder));
            let name = name.parse().unwrap();
            let found = admin.locate(Address::FileNamed { page, name });
            assert_eq!(refusal(found), Refusal::NoSuchPage);
        }
    });
}

#[test]
fn spaces_and_their_first_folders_stay() {
    every_store(|admin| {
        let course = Course::new(admin);
        let second = course.folder(course.space);
        assert_eq!(admin.remove(course.root), Err(Refusal::RootFolder));
        assert_eq!(admin.remove(course.space), Err(Refusal::NoSuchFolder));
        assert_eq!(admin.remove(second), Ok(Done::Removed));
        assert_eq!(admin.remove(second), Err(Refusal::NoSuchPage));
        // Also when it is the only one that is left.
        assert_eq!(admin.remove(course.root), Err(Refusal::RootFolder));
        assert!(sees(admin, course.root));
        let tutor = course.person("tutor", TUTOR);
        assert_eq!(tutor.remove(course.root), Err(Refusal::RootFolder));
        let member = course.person("member", MEMBER);
        assert!(!is_allowed(member.remove(course.root)));
        // What is no folder is not removed as one.
        assert_eq!(admin.remove(NodeId::HOME), Err(Refusal::NoSuchFile));
    });
}

#[test]
fn an_address_of_the_wrong_kind_leads_nowhere() {
    every_store(|admin| {
        let course = Course::new(admin);
        let file = course.file(admin, course.root);
        let nobody = NodeId::new(999).unwrap();
        for (node, is) in [
            (NodeId::HOME, [true, false, false, false]),
            (course.space, [true, true, false, false]),
            (course.root, [true, false, true, false]),
            (file, [false, false, false, true]),
            (nobody, [false; 4]),
        ] {
            let addresses = [
                (Address::Page(node), Refusal::NoSuchPage),
                (Address::Space(node), Refusal::NoSuchSpace),
                (Address::Folder(node), Refusal::NoSuchFolder),
                (Address::File(node), Refusal::NoSuchFile),
            ];
            for ((address, missing), is) in addresses.into_iter().zip(is) {
                match (is, admin.locate(address)) {
                    (true, place) => assert_eq!(place.unwrap().resource, ResourceId::Node(node)),
                    (false, place) => assert_eq!(refusal(place), missing),
                }
            }
        }
        assert_eq!(refusal(admin.file(course.root)), Refusal::NoSuchFile);
        let page = wait(admin.store.page(&admin.caller(), file));
        assert_eq!(refusal(page.map(drop)), Refusal::NoSuchPage);
        assert_eq!(refusal(admin.on_folder(file)), Refusal::NoSuchPage);
        // A title does not lead into a space.
        for title in ["Course", "Course/Support Files", ROOT_FOLDER] {
            let place = admin.locate(Address::PageTitled(title.to_owned()));
            assert_eq!(refusal(place), Refusal::NoSuchPage);
        }
    });
}

// Enrollment: `dialects-common.md` §5.

#[test]
fn who_is_enrolled_has_a_role_until_it_is_replaced_or_ends() {
    every_store(|admin| {
        let course = Course::new(admin);
        let ann = admin.user("ann", Role::Viewer);
        let enrolled = |login: &str, role, was| {
            let user = wait(admin.store.user(ann.who.id())).unwrap();
            let outcome = admin.try_edit(course.space, enroll(login, role));
            assert_eq!(outcome, Ok(Done::Enrolled { user, role, was }));
            assert_eq!(
                (ann.role(course.space), ann.role(course.root)),
                (role, role)
            );
        };
        assert_eq!(ann.role(course.root), None);
        enrolled("ann", MEMBER, None);
        enrolled("ANN", TUTOR, MEMBER);
        enrolled(" Ann ", TUTOR, TUTOR);
        enrolled("ann", TEACHER, TUTOR);
        enrolled("ann", ADMINISTRATOR, TEACHER);
        enrolled("ann", MEMBER, ADMINISTRATOR);
        enrolled("ann", None, MEMBER);
        let other = Course::new(admin);
        other.enroll("ann", MEMBER);
        assert_eq!(
            (ann.role(course.space), ann.role(other.space)),
            (None, MEMBER)
        );

        let not_enrolled = |login: &str| Err(Refusal::NotEnrolled(login.to_owned()));
        let no_login = |login: &str| Err(Refusal::NoSuchLogin(login.to_owned()));
        for (login, role, expected) in [
            ("ann", None, not_enrolled("ann")),
            ("bob", MEMBER, no_login("bob")),
            ("bob", None, not_enrolled("bob")),
            ("Anonymous", MEMBER, no_login("Anonymous")),
            ("anonymous", None, not_enrolled("anonymous")),
            ("", MEMBER, no_login("")),
        ] {
            assert_eq!(admin.try_edit(course.space, enroll(login, role)), expected);
        }
        let no_space = Err(Refusal::NoSuchSpace);
        let file = course.file(admin, course.root);
        for node in [course.root, file, NodeId::HOME] {
            assert_eq!(admin.try_edit(node, enroll("ann", MEMBER)), no_space);
        }
    });
}

#[test]
fn nobody_enrolls_above_the_own_role() {
    every_store(|admin| {
        let course = Course::new(admin);
        let boss = course.person("boss", ADMINISTRATOR);
        admin.user("ann", Role::Viewer);
        for role in [MEMBER, TUTOR, TEACHER, ADMINISTRATOR, None] {
            let outcome = boss.try_edit(course.space, enroll("ann", role));
            assert!(outcome.is_ok(), "{outcome:?}");
        }
        let above = Err(Refusal::RoleAboveOwn(SpaceRole::Owner));
        assert_eq!(boss.try_edit(course.space, enroll("ann", OWNER)), above);
        assert_eq!(
            admin.try_edit(course.space, enroll("ann", OWNER)).map(drop),
            Ok(())
        );
        assert_eq!(boss.try_edit(course.space, enroll("ann", None)), above);
        // Who ends the own enrollment has none.
        let ended = boss.try_edit(course.space, enroll("boss", None));
        assert!(ended.is_ok());
        assert!(!is_allowed(
            boss.try_edit(course.space, enroll("ann", MEMBER))
        ));
    });
}

/// Everything that can be tried, with the least role that may do it in the space, and in a folder.
type Act = fn(&Course<'_>, &Client<'_>, NodeId) -> bool;

const ACTS: &[(&str, i64, Act)] = &[
    ("read", 1, |_, client, node| {
        let listed = client.on(ResourceId::Node(node)).list();
        listed.map_or_else(
            |error| is_allowed::<()>(Err(refusal::<()>(Err(error)))),
            |_| true,
        )
    }),
    ("put", 3, |_, client, node| {
        is_allowed(client.try_edit(node, put("a", "1")))
    }),
    ("delete", 3, |course, client, node| {
        course.admin.on(ResourceId::Node(node)).put("b", "1");
        is_allowed(client.try_edit(node, delete("b")))
    }),
    ("add a folder", 3, |_, client, node| {
        is_allowed(client.try_edit(node, add_folder("a")))
    }),
    ("add a group", 5, |course, client, node| {
        let group = NewGroup {
            space: Some(node),
            name: "same name".to_owned(),
            members: vec![Member::Login("member".to_owned())],
            uuid: Uuid::new_v4(),
            at: client.now,
        };
        match wait(client.store.add_group(&client.who, group)) {
            Ok(group) => group.space == Some(course.space),
            Err(StoreError::Refused(Refusal::NoSuchSpace)) => node != course.space,
            Err(error) => is_allowed::<()>(Err(refusal::<()>(Err(error)))),
        }
    }),
];

const ACTS_ON_FOLDERS: &[(&str, i64, Act)] = &[
    ("rename", 3, |_, client, node| {
        is_allowed(client.try_edit(node, rename(&Uuid::new_v4().to_string())))
    }),
    ("remove", 3, |course, client, node| {
        is_allowed(client.remove(course.folder(node)))
    }),
    ("add a file", 3, |_, client, node| {
        is_allowed(client.try_edit(node, add_file("a", "1")))
    }),
    ("upload", 3, |_, client, node| {
        is_allowed(client.try_edit(node, upload("a", "1")))
    }),
    ("remove a file", 3, |course, client, node| {
        is_allowed(client.remove(course.file(&course.admin, node)))
    }),
    ("give access", 4, |course, client, node| {
        is_allowed(client.try_edit(course.folder(node), Edit::SetAccess(None)))
    }),
];

const ACTS_ON_SPACES: &[(&str, i64, Act)] = &[("enroll", 5, |course, client, node| {
    course.enroll("late", MEMBER);
    is_allowed(client.try_edit(node, enroll("late", TUTOR)))
})];

#[test]
fn the_table_of_who_may_do_what() {
    every_store(|admin| {
        let course = Course::new(admin);
        let reader = course.person("reader", None);
        let stranger = course.person("stranger", None);
        course.person("late", None);
        let key = Client {
            who: Principal::with_key(Arc::clone(admin.anonymous().who.user())),
            ..admin.clone()
        };
        let folder = course.folder(course.root);
        let list = access(
            &[(Grantee::User(reader.who.id()), SpaceRole::Reader)],
            None,
            None,
        );
        let of_reader = course.folder(course.root);
        admin.try_edit(of_reader, list).unwrap();
        let people = [
            (admin.anonymous(), 0, folder),
            (stranger, 0, folder),
            (reader, 1, of_reader),
            (course.person("member", MEMBER), 2, folder),
            (course.person("tutor", TUTOR), 3, folder),
            (course.person("teacher", TEACHER), 4, folder),
            (course.person("boss", ADMINISTRATOR), 5, folder),
            (admin.clone(), 6, folder),
            (key, 6, folder),
        ];
        for (client, role, folder) in people {
            let check = |acts: &[(&str, i64, Act)], role, node| {
                for (name, least, act) in acts {
                    let may = act(&course, &client, node);
                    let who = &client.who.user().name;
                    assert_eq!(may, role >= *least, "{who} may {name} {node}");
                }
            };
            check(ACTS, role, folder);
            check(ACTS_ON_FOLDERS, role, folder);
            // An access list of a folder means nothing above it.
            let in_space = if role == 1 { 0 } else { role };
            check(ACTS, in_space, course.space);
            check(ACTS_ON_SPACES, in_space, course.space);
        }
    });
}

#[test]
fn a_group_of_a_space_needs_no_name_of_its_own_and_has_members_who_are_there() {
    every_store(|admin| {
        let course = Course::new(admin);
        let ann = course.person("ann", None).who.id();
        let add = |space, logins: &[&str]| {
            let login = |login: &&str| Member::Login((*login).to_owned());
            let group = NewGroup {
                space: Some(space),
                name: "Team".to_owned(),
                members: logins.iter().map(login).collect(),
                uuid: Uuid::from_u128(u128::from(logins.len() as u64 + 1)),
                at: admin.now,
            };
            wait(admin.store.add_group(&admin.who, group))
        };
        let group = add(course.space, &["ANN", "ann"]).unwrap();
        assert_eq!(
            (group.space, &group.members[..]),
            (Some(course.space), &[ann][..])
        );
        assert_eq!(group.uuid, Uuid::from_u128(3));
        assert_eq!(
            wait(admin.store.group(&admin.caller(), group.id)).unwrap(),
            group
        );
        let again = add(course.space, &["ann"]).unwrap();
        assert_ne!(again.id, group.id);
        for login in ["bob", "anonymous"] {
            let refused = refusal(add(course.space, &[login]));
            assert_eq!(refused, Refusal::NoSuchLogin(login.to_owned()));
        }
        for node in [course.root, NodeId::HOME] {
            assert_eq!(refusal(add(node, &[])), Refusal::NoSuchSpace);
        }
    });
}

// Access lists: `dialects-common.md` §3, `luminus.md` §3.

/// What an access list says to somebody: alone, with two groups, to everybody.
type Says = (Option<SpaceRole>, [Option<SpaceRole>; 2], Option<SpaceRole>);

#[test]
fn an_access_list_is_heard_for_users_before_groups_before_everybody() {
    use SpaceRole::{Administrator, Member, Owner, Reader, Teacher, Tutor};
    const CASES: &[(Option<SpaceRole>, Says, Option<SpaceRole>)] = &[
        (None, (None, [None, None], None), None),
        (
            None,
            (Some(Reader), [Some(Tutor), None], Some(Owner)),
            Some(Reader),
        ),
        (
            None,
            (None, [Some(Reader), Some(Tutor)], Some(Owner)),
            Some(Tutor),
        ),
        (None, (None, [Some(Tutor), Some(Reader)], None), Some(Tutor)),
        (None, (None, [None, None], Some(Reader)), Some(Reader)),
        (None, (Some(Owner), [None, None], None), Some(Owner)),
        // Members can be shut out, and can be less.
        (Some(Member), (None, [None, None], None), None),
        (
            Some(Member),
            (None, [None, Some(Reader)], None),
            Some(Reader),
        ),
        (Some(Member), (None, [None, None], Some(Tutor)), Some(Tutor)),
        // Staff cannot.
        (Some(Tutor), (None, [None, None], None), Some(Tutor)),
        (Some(Tutor), (Some(Reader), [None, None], None), Some(Tutor)),
        (
            Some(Tutor),
            (Some(Teacher), [None, None], None),
            Some(Teacher),
        ),
        (
            Some(Administrator),
            (None, [Some(Tutor), None], Some(Member)),
            Some(Administrator),
        ),
    ];
    every_store(|admin| {
        let course = Course::new(admin);
        let ann = course.person("ann", None);
        let bob = course.person("bob", None);
        let groups =
            ["one", "two"].map(|name| admin.group(name, &[ann.who.id(), bob.who.id()]).unwrap());
        let folder = course.folder(course.root);
        for (enrolled, (user, of_groups, public), expected) in CASES {
            // Whoever is not enrolled cannot be taken out again.
            if enrolled.is_some() {
                course.enroll("ann", *enrolled);
            }
            let user = user.map(|role| (Grantee::User(ann.who.id()), role));
            let of_group = |(id, role): (GroupId, Option<SpaceRole>)| {
                role.map(|role| (Grantee::Group(id), role))
            };
            let of_groups = groups.into_iter().zip(*of_groups).filter_map(of_group);
            let grants: Vec<_> = user.into_iter().chain(of_groups).collect();
            let edit = access(&grants, *public, None);
            assert_eq!(admin.try_edit(folder, edit), Ok(Done::AccessSet));
            assert_eq!(
                ann.role(folder),
                *expected,
                "{enrolled:?} {grants:?} {public:?}"
            );
            assert_eq!(sees(&ann, folder), expected.is_some());
            assert_eq!(ann.role(course.root), *enrolled);
            assert_eq!(admin.anonymous().role(folder), None);
            assert_eq!(admin.role(folder), OWNER);
        }
        // Without the list, the enrollment counts again.
        assert_eq!(
            admin.try_edit(folder, Edit::SetAccess(None)),
            Ok(Done::AccessSet)
        );
        assert_eq!((ann.role(folder), bob.role(folder)), (ADMINISTRATOR, None));
        // Whoever leaves a group leaves what it has.
        let list = access(&[(Grantee::Group(groups[0]), Reader)], None, None);
        admin.try_edit(folder, list).unwrap();
        assert_eq!(bob.role(folder), Some(Reader));
        wait(admin.store.set_members(&admin.who, groups[0], vec![])).unwrap();
        assert_eq!(bob.role(folder), None);
    });
}

#[test]
fn access_follows_from_above_or_from_where_the_list_says() {
    every_store(|admin| {
        let course = Course::new(admin);
        let ann = course.person("ann", MEMBER);
        let user = |role| access(&[(Grantee::User(ann.who.id()), role)], None, None);
        let inherit = |from| access(&[], None, Some(from));
        let set = |node, edit| assert_eq!(admin.try_edit(node, edit), Ok(Done::AccessSet));
        let top = course.folder(course.root);
        let mid = course.folder(top);
        let low = course.folder(mid);
        let file = course.file(admin, low);
        let roles = || {
            let of_file = ann.locate(Address::File(file)).unwrap().space.unwrap().role;
            assert_eq!(of_file, ann.role(low));
            [top, mid, low].map(|node| ann.role(node).map_or(0, SpaceRole::number))
        };
        assert_eq!(roles(), [2, 2, 2]);
        set(top, user(SpaceRole::Reader));
        assert_eq!(roles(), [1, 1, 1]);
        set(low, user(SpaceRole::Tutor));
        assert_eq!(roles(), [1, 1, 3]);
        set(mid, access(&[], None, None));
        assert_eq!(roles(), [1, 0, 3]);
        assert!(sees(&ann, low) && sees(&ann, file) && !sees(&ann, mid));
        assert_eq!(ann.inside(low, NodeKind::File).unwrap(), [file]);

        // Elsewhere: its list, the one above it, or the space.
        let beside = course.folder(course.root);
        let below = course.folder(beside);
        set(mid, inherit(below));
        assert_eq!(roles(), [1, 2, 3]);
        set(beside, user(SpaceRole::Owner));
        assert_eq!(roles(), [1, 6, 3]);
        set(low, inherit(mid));
        assert_eq!(roles(), [1, 6, 6]);
        set(top, inherit(course.space));
        assert_eq!(roles(), [2, 6, 6]);
        set(beside, inherit(top));
        assert_eq!(roles(), [2, 2, 2]);
        // What else such a list has counts for nothing.
        let grants = [(Grantee::User(ann.who.id()), SpaceRole::Owner)];
        set(top, access(&grants, OWNER, Some(course.space)));
        assert_eq!(roles(), [2, 2, 2]);
        for node in [top, mid, low, beside] {
            set(node, Edit::SetAccess(None));
        }
        assert_eq!(roles(), [2, 2, 2]);
    });
}

#[test]
fn a_list_follows_only_what_is_in_its_space_and_never_itself() {
    every_store(|admin| {
        let course = Course::new(admin);
        let other = Course::new(admin);
        let ResourceId::Node(page) = admin.made("A") else {
            panic!()
        };
        let top = course.folder(course.root);
        let low = course.folder(top);
        let beside = course.folder(course.root);
        let file = course.file(admin, beside);
        let gone = course.folder(course.root);
        let in_gone = course.folder(gone);
        admin.remove(gone).unwrap();
        let inherit = |node, from| admin.try_edit(node, access(&[], None, Some(from)));
        let never = NodeId::new(999).unwrap();
        for from in [
            other.space,
            other.root,
            page,
            NodeId::HOME,
            file,
            gone,
            in_gone,
            never,
            top,
            low,
        ] {
            assert_eq!(inherit(top, from), Err(Refusal::BadInheritance), "{from}");
        }
        assert_eq!(inherit(top, beside), Ok(Done::AccessSet));
        assert_eq!(inherit(beside, top), Err(Refusal::BadInheritance));
        assert_eq!(inherit(beside, low), Err(Refusal::BadInheritance));
        assert_eq!(inherit(low, beside), Ok(Done::AccessSet));
        assert_eq!(inherit(beside, low), Err(Refusal::BadInheritance));
        assert_eq!(inherit(beside, course.root), Ok(Done::AccessSet));
        assert_eq!(inherit(course.root, beside), Err(Refusal::BadInheritance));
        // A space, a file and a page have no such list.
        for node in [course.space, file, page] {
            let outcome = admin.try_edit(node, access(&[], None, None));
            assert_eq!(outcome, Err(Refusal::NoSuchFolder));
        }
    });
}

#[test]
fn an_access_list_names_only_those_who_are_there_and_no_role_above_the_own() {
    every_store(|admin| {
        let course = Course::new(admin);
        let teacher = course.person("teacher", TEACHER);
        let ann = Grantee::User(course.person("ann", None).who.id());
        let folder = course.folder(course.root);
        let give = |client: &Client<'_>, grants: &[_], public| {
            client.try_edit(folder, access(grants, public, None))
        };
        for unknown in [
            Grantee::User(UserId::new(999).unwrap()),
            Grantee::Group(GroupId::new(1).unwrap()),
        ] {
            let refused = Err(Refusal::NoSuchGrantee(unknown));
            let grants = [(ann, SpaceRole::Reader), (unknown, SpaceRole::Reader)];
            assert_eq!(give(&admin.clone(), &grants, None), refused);
        }
        let above = |role| Err(Refusal::RoleAboveOwn(role));
        // To give up a list gives what the next one above gives.
        let inner = course.folder(folder);
        let own = access(&[], None, None);
        assert_eq!(admin.try_edit(inner, own), Ok(Done::AccessSet));
        for (list, outcome) in [
            (access(&[], OWNER, None), above(SpaceRole::Owner)),
            (
                access(&[(ann, SpaceRole::Teacher)], None, None),
                Ok(Done::AccessSet),
            ),
        ] {
            assert_eq!(admin.try_edit(folder, list), Ok(Done::AccessSet));
            assert_eq!(teacher.try_edit(inner, Edit::SetAccess(None)), outcome);
        }
        let out = Edit::SetAccess(None);
        assert_eq!(admin.try_edit(folder, out), Ok(Done::AccessSet));
        let (done, own) = (Ok(Done::AccessSet), SpaceRole::Teacher);
        assert_eq!(give(&teacher, &[(ann, own)], Some(own)), done);
        for role in [SpaceRole::Administrator, SpaceRole::Owner] {
            assert_eq!(give(&teacher, &[(ann, role)], None), above(role));
            assert_eq!(give(&teacher, &[], Some(role)), above(role));
            assert_eq!(give(admin, &[(ann, role)], Some(role)), done);
            // The same once more changes nothing.
            let again = give(admin, &[(ann, role)], Some(role));
            assert_eq!(again, Ok(Done::Unchanged));
        }
        // A role from a list counts like another one.
        let ann = course.person("bob", None);
        let grants = [(Grantee::User(ann.who.id()), SpaceRole::Teacher)];
        assert_eq!(give(admin, &grants, None), done);
        assert_eq!(give(&ann, &grants, None), Ok(Done::Unchanged));
        assert_eq!(give(&ann, &[], OWNER), above(SpaceRole::Owner));
        assert_eq!(ann.role(folder), TEACHER);
    });
}

#[test]
fn a_list_stays_without_which_two_folders_would_follow_each_other() {
    every_store(|admin| {
        let course = Course::new(admin);
        let top = course.folder(course.root);
        let mid = course.folder(top);
        let low = course.folder(mid);
        let out = || Edit::SetAccess(None);
        let done = || Ok(Done::AccessSet);
        for (node, edit) in [
            (mid, access(&[], None, None)),
            (low, access(&[], None, Some(mid))),
            (top, access(&[], None, Some(low))),
        ] {
            assert_eq!(admin.try_edit(node, edit), done());
        }
        // Without a list, what counts in `mid` would be said at `top`, and there at `low`, and there at `mid`.
        assert_eq!(admin.try_edit(mid, out()), Err(Refusal::BadInheritance));
        assert_eq!(course.person("member", MEMBER).role(low), None);
        assert_eq!(course.person("tutor", TUTOR).role(low), TUTOR);
        assert_eq!(admin.try_edit(low, out()), done());
        assert_eq!(admin.try_edit(mid, out()), Err(Refusal::BadInheritance));
        assert_eq!(admin.try_edit(top, out()), done());
        assert_eq!(admin.try_edit(mid, out()), done());
        assert_eq!(admin.try_edit(mid, out()), Ok(Done::Unchanged));
    });
}

#[test]
fn of_lists_that_send_on_the_last_one_counts_and_there_are_only_so_many() {
    every_store(|admin| {
        let course = Course::new(admin);
        let member = course.person("member", MEMBER);
        let mut last = course.folder(course.root);
        admin.try_edit(last, access(&[], None, None)).unwrap();
        for length in 1..=70 {
            let next = admin.folder(course.root, "next");
            let set = admin.try_edit(next, access(&[], None, Some(last)));
            let is_too_long = length >= 64;
            assert_eq!(set == Err(Refusal::BadInheritance), is_too_long, "{length}");
            // What has no list of its own is open to those who are enrolled.
            let role = if is_too_long { MEMBER } else { None };
            assert_eq!(member.role(next), role, "after {length} lists");
            if is_too_long {
                continue;
            }
            last = next;
        }
    });
}

#[test]
fn a_list_that_follows_a_deleted_folder_lets_nobody_in_who_was_out() {
    every_store(|admin| {
        let course = Course::new(admin);
        let member = course.person("member", MEMBER);
        let [shut, follower] = [(); 2].map(|()| course.folder(course.root));
        admin.try_edit(shut, access(&[], None, None)).unwrap();
        admin
            .try_edit(follower, access(&[], None, Some(shut)))
            .unwrap();
        assert_eq!(member.role(follower), None);
        admin.remove(shut).unwrap();
        assert_eq!(member.role(follower), None);
    });
}

#[test]
fn nobody_gets_a_role_above_the_own_by_following_a_list() {
    every_store(|admin| {
        let course = Course::new(admin);
        let teacher = course.person("teacher", TEACHER);
        let [high, own] = [(); 2].map(|()| course.folder(course.root));
        let ann = course.person("ann", None);
        let grants = [(Grantee::User(ann.who.id()), SpaceRole::Owner)];
        admin.try_edit(high, access(&grants, None, None)).unwrap();
        let outcome = teacher.try_edit(own, access(&[], None, Some(high)));
        assert_eq!(outcome, Err(Refusal::RoleAboveOwn(SpaceRole::Owner)));
        assert_eq!(ann.role(own), None);
    });
}

// What is hidden: `dialects-common.md` §3.

/// A tree with somebody who sees what is visible to members, and somebody who sees everything.
struct Garden<'a> {
    course: Course<'a>,
    member: Client<'a>,
    tutor: Client<'a>,
    /// A folder, one in it, and a file in each.
    nodes: [NodeId; 4],
}

impl<'a> Garden<'a> {
    fn new(admin: &Client<'a>) -> Self {
        let course = Course::new(admin);
        let (member, tutor) = (
            course.person("member", MEMBER),
            course.person("tutor", TUTOR),
        );
        let top = course.folder(course.root);
        let low = course.folder(top);
        let nodes = [top, course.file(admin, top), low, course.file(admin, low)];
        Garden {
            course,
            member,
            tutor,
            nodes,
        }
    }

    /// Which nodes the member sees at a moment. The tutor and the administrator see all.
    fn seen(&self, millis: i64) -> [bool; 4] {
        let everybody = [&self.tutor, &self.course.admin];
        for staff in everybody.map(|client| client.at_millis(millis)) {
            assert!(self.nodes.iter().all(|&node| sees(&staff, node)));
        }
        self.nodes
            .map(|node| sees(&self.member.at_millis(millis), node))
    }
}

/// Settings by what follows `luminus.` in their names.
type Fields<'a> = [(&'a str, &'a str)];

const START: i64 = 100_000;
const END: i64 = 200_000;

#[test]
fn a_folder_is_hidden_with_all_below_it_at_the_moments_that_its_settings_say() {
    let (start, end) = (&moment(START)[..], &moment(END)[..]);
    // Settings, and the moments at which it can be seen and those at which it cannot.
    let cases: &[(&Fields<'_>, &[i64], &[i64])] = &[
        (&[("publish", "false")], &[], &[0, START, END]),
        (&[("publish", "true")], &[0, START, END], &[]),
        (&[("open", "false")], &[], &[0, START, END]),
        (&[("open", "true")], &[0, START, END], &[]),
        (
            &[("startDate", start)],
            &[START, START + 1, END],
            &[0, START - 1],
        ),
        (&[("endDate", end)], &[0, END - 1], &[END, END + 1]),
        (
            &[("startDate", start), ("endDate", end)],
            &[START, END - 1],
            &[START - 1, END],
        ),
        // Opening by hand does not override the dates, nor publishing.
        (
            &[("open", "true"), ("publish", "true"), ("endDate", start)],
            &[START - 1],
            &[START],
        ),
        (&[("open", "false"), ("startDate", start)], &[], &[START]),
    ];
    every_store(|admin| {
        let garden = Garden::new(admin);
        let [top, _, low, _] = garden.nodes;
        for (settings, visible, hidden) in cases {
            for (folder, unless) in [(top, [false; 4]), (low, [true, true, false, false])] {
                for (field, value) in *settings {
                    admin.set(folder, field, value);
                }
                for moment in *visible {
                    assert_eq!(garden.seen(*moment), [true; 4], "{settings:?} {moment}");
                }
                for moment in *hidden {
                    assert_eq!(garden.seen(*moment), unless, "{settings:?} {moment}");
                }
                for (field, _) in *settings {
                    admin.unset(folder, field);
                }
                // What is not set any more is as it was at first.
                assert_eq!(garden.seen(0), [true; 4], "{settings:?}");
            }
        }
    });
}

#[test]
fn a_file_is_hidden_by_itself_and_a_space_is_not() {
    every_store(|admin| {
        let garden = Garden::new(admin);
        let [_, file, _, _] = garden.nodes;
        admin.set(file, "publish", "false");
        assert_eq!(garden.seen(0), [true, false, true, true]);
        assert!(!sees(&garden.member, file));
        admin.set(file, "publish", "true");
        assert_eq!(garden.seen(0), [true; 4]);
        // There these are no settings.
        admin.set(garden.course.space, "publish", "false");
        admin.set(garden.course.space, "open", "nonsense");
        assert_eq!(garden.seen(0), [true; 4]);
        for field in ["open", "viewAll", "endDate"] {
            admin.set(file, field, "false");
        }
        assert_eq!(garden.seen(0), [true; 4]);
        // The first folder can be hidden as others can.
        admin.set(garden.course.root, "publish", "false");
        assert_eq!(garden.seen(0), [false; 4]);
        assert!(sees(&garden.member, garden.course.space));
        let second = garden.course.folder(garden.course.space);
        assert_eq!(
            garden
                .member
                .inside(garden.course.space, NodeKind::Folder)
                .unwrap(),
            [second]
        );
    });
}

#[test]
fn who_has_a_role_by_a_list_sees_as_others_with_this_role() {
    every_store(|admin| {
        let garden = Garden::new(admin);
        let [top, file, low, low_file] = garden.nodes;
        let ann = garden.course.person("ann", None);
        let give = |node, role| {
            let list = access(&[(Grantee::User(ann.who.id()), role)], MEMBER, None);
            admin.try_edit(node, list).unwrap();
        };
        let seen = || [top, file, low, low_file].map(|node| sees(&ann, node));
        give(top, SpaceRole::Reader);
        assert_eq!(seen(), [true; 4]);
        admin.set(top, "publish", "false");
        assert_eq!(seen(), [false; 4]);
        // Staff below sees there what is hidden above.
        give(low, SpaceRole::Tutor);
        assert_eq!(seen(), [false, false, true, true]);
        give(top, SpaceRole::Tutor);
        give(low, SpaceRole::Reader);
        assert_eq!(seen(), [true, true, false, false]);
        // A folder that is seen names only what is seen above it.
        give(top, SpaceRole::Reader);
        give(low, SpaceRole::Tutor);
        let view = wait(admin.store.page(&ann.caller(), low)).unwrap();
        assert_eq!(view.parent, None);
    });
}

#[test]
fn what_others_have_submitted_can_be_hidden() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = course.folder(course.root);
        admin.set(folder, "allowUpload", "true");
        let (ann, bob) = (course.person("ann", MEMBER), course.person("bob", MEMBER));
        let tutor = course.person("tutor", TUTOR);
        let files = [&ann, &bob, &tutor, admin].map(|client| course.file(client, folder));
        let seen = |client: &Client<'_>| files.map(|file| sees(client, file));
        for (value, by_ann, by_bob) in [
            (None, [true; 4], [true; 4]),
            (
                Some("false"),
                [true, false, true, true],
                [false, true, true, true],
            ),
            (Some("true"), [true; 4], [true; 4]),
        ] {
            if let Some(value) = value {
                admin.set(folder, "viewAll", value);
            }
            assert_eq!((seen(&ann), seen(&bob)), (by_ann, by_bob));
            assert_eq!((seen(&tutor), seen(admin)), ([true; 4], [true; 4]));
        }
        admin.set(folder, "viewAll", "false");
        // Who becomes staff sees all; what was submitted stays so.
        course.enroll("bob", TUTOR);
        assert_eq!(seen(&bob), [true; 4]);
        course.enroll("tutor", MEMBER);
        assert_eq!(seen(&tutor), [false, false, true, true]);
        assert_eq!(seen(&ann), [true, false, true, true]);
        // A revision by staff does not make it another's.
        let name = "file".parse().unwrap();
        let revise = Edit::Revise {
            content: text("2"),
            rename: Some(name),
            demand: None,
        };
        let other = admin.try_edit(files[0], revise.clone());
        assert!(matches!(other, Err(Refusal::FileNameTaken(_))));
        let revise = Edit::Revise {
            content: text("2"),
            rename: None,
            demand: None,
        };
        uploaded(admin.try_edit(files[0], revise));
        assert_eq!(seen(&ann), [true, false, true, true]);
        admin.unset(folder, "viewAll");
        assert_eq!(seen(&ann), [true; 4]);
    });
}

// Settings: `dialects-common.md` §2.

#[test]
fn settings_are_checked_where_they_are_settings() {
    // (name, a value that a folder may not have, whether a file may)
    const COMMENT: &str = "luminus.comment.9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f11";
    const CASES: &[(&str, &str, bool, bool)] = &[
        ("luminus.publish", "maybe", false, false),
        ("luminus.open", "maybe", false, true),
        ("luminus.startDate", "tomorrow", false, true),
        ("luminus.allowedFileType", "pdf", false, true),
        ("luminus.folderScore", "-1", false, true),
        ("luminus.url", "example.org", true, false),
        ("luminus.isLate", "false", true, false),
        ("luminus.allowDownload", "no", true, false),
        ("luminus.else", "no", true, true),
        (COMMENT, "well done", true, false),
        ("luminus.comment.1", "{\"remark\":\"\"}", true, false),
    ];
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = course.folder(course.root);
        let file = course.file(admin, course.root);
        let on_page = admin.upload("f", "1").id;
        for (name, value, of_folder, of_file) in CASES {
            for (node, may) in [
                (folder, *of_folder),
                (file, *of_file),
                (on_page, *of_file),
                (course.space, true),
                (NodeId::HOME, true),
            ] {
                let outcomes = admin
                    .on(ResourceId::Node(node))
                    .write(vec![put("beside", value), put(name, value)])
                    .unwrap();
                assert!(outcomes[0].is_ok());
                match &outcomes[1] {
                    Ok(_) => assert!(may, "{name} {node}"),
                    Err(Refusal::Invalid(Invalid::Setting { property, .. })) => {
                        assert_eq!(property, name);
                        assert!(!may, "{name} {node}");
                        let read = admin.on(ResourceId::Node(node)).read(name);
                        assert_eq!(refusal(read), Refusal::NoSuchProperty((*name).to_owned()));
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            for resource in [ResourceId::Site, ResourceId::User(UserId::ADMIN)] {
                admin.on(resource).put(name, value);
            }
        }
        // What was good stays.
        let good = admin.set(folder, "publish", "false");
        let bad = admin.try_edit(folder, put("luminus.publish", "FALSE"));
        assert!(matches!(
            bad,
            Err(Refusal::Invalid(Invalid::Setting { .. }))
        ));
        let on = admin.on(ResourceId::Node(folder));
        assert_eq!(on.read("luminus.publish").unwrap(), good);
        let member = course.person("member", MEMBER);
        assert!(!sees(&member, folder));
        // It is a text, whatever its media type says it is.
        let binary = put_content("luminus.publish", super::binary(b"true"));
        let bad = admin.try_edit(folder, binary);
        assert!(matches!(
            bad,
            Err(Refusal::Invalid(Invalid::Setting { .. }))
        ));
        assert!(!sees(&member, folder));
    });
}

#[test]
fn the_settings_of_a_batch_are_set_in_its_order() {
    every_store(|admin| {
        let garden = Garden::new(admin);
        let [top, file, low, low_file] = garden.nodes.map(ResourceId::Node);
        let edits = vec![
            (top, put("luminus.publish", "true")),
            (low, put("luminus.open", "false")),
            (file, put("luminus.publish", "false")),
            (low_file, put("luminus.publish", "nonsense")),
        ];
        let outcomes = wait(admin.store.write(admin.batch_on(edits))).unwrap();
        let are_ok: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
        assert_eq!(are_ok, [true, true, true, false]);
        assert_eq!(garden.seen(0), [true, false, false, false]);
        let edits = vec![
            (low, delete("luminus.open")),
            (top, delete("luminus.publish")),
            (file, delete("luminus.publish")),
        ];
        wait(admin.store.write(admin.batch_on(edits))).unwrap();
        assert_eq!(garden.seen(0), [true; 4]);
    });
}

// Submissions: `redu.md` §4.

/// What comes of a submission.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Submitted {
    No,
    InTime,
    Late,
}

fn submit(client: &Client<'_>, folder: NodeId, name: &str) -> Submitted {
    match client.try_edit(folder, add_file(name, name)) {
        Ok(Done::Uploaded {
            file,
            property,
            submitted,
        }) => {
            let on = Client::admin(client.store).on(ResourceId::Node(file.id));
            let names: Vec<_> = property
                .iter()
                .map(|late| late.key.name.to_string())
                .collect();
            assert_eq!(on.names(), names);
            if let Some(late) = property {
                assert!(submitted);
                assert_eq!(late.key.name.as_str(), "luminus.isLate");
                assert_eq!(on.bytes(&late.content), b"true");
                assert_eq!(
                    (late.modified_at, late.modified_by),
                    (client.now, client.who.id())
                );
                Submitted::Late
            } else {
                Submitted::InTime
            }
        }
        Err(Refusal::Denied(_)) => Submitted::No,
        other => panic!("{other:?}"),
    }
}

#[test]
fn members_submit_while_the_folder_takes_files() {
    use Submitted::{InTime, Late, No};
    let deadline = &moment(START)[..];
    // Settings, and what comes of it before, at and after the deadline.
    let cases: &[(&Fields<'_>, [Submitted; 3])] = &[
        (&[], [No; 3]),
        (&[("allowUpload", "false")], [No; 3]),
        (&[("allowUpload", "true")], [InTime; 3]),
        (
            &[("allowUpload", "true"), ("submissionDeadline", deadline)],
            [InTime, InTime, No],
        ),
        (
            &[
                ("allowUpload", "true"),
                ("submissionDeadline", deadline),
                ("allowLateSubmission", "false"),
            ],
            [InTime, InTime, No],
        ),
        (
            &[
                ("allowUpload", "true"),
                ("submissionDeadline", deadline),
                ("allowLateSubmission", "true"),
            ],
            [InTime, InTime, Late],
        ),
        (
            &[
                ("submissionDeadline", deadline),
                ("allowLateSubmission", "true"),
            ],
            [No; 3],
        ),
        (&[("allowUpload", "true"), ("publish", "false")], [No; 3]),
        (&[("allowUpload", "true"), ("open", "false")], [No; 3]),
        (
            &[("allowUpload", "true"), ("endDate", deadline)],
            [InTime, No, No],
        ),
        (
            &[("allowUpload", "true"), ("startDate", deadline)],
            [No, InTime, InTime],
        ),
    ];
    every_store(|admin| {
        let course = Course::new(admin);
        let member = course.person("member", MEMBER);
        let (tutor, reader) = (course.person("tutor", TUTOR), course.person("reader", None));
        for (settings, expected) in cases {
            let folder = course.folder(course.root);
            for (field, value) in *settings {
                admin.set(folder, field, value);
            }
            for (millis, expected) in [START - 1, START, START + 1].into_iter().zip(*expected) {
                let came = submit(&member.at_millis(millis), folder, "a.txt");
                assert_eq!(came, expected, "{settings:?} {millis}");
                // Who is staff is not bound.
                assert_eq!(submit(&tutor.at_millis(millis), folder, "a.txt"), InTime);
            }
            // Who may only read submits nothing.
            let list = access(&[], Some(SpaceRole::Reader), None);
            admin.try_edit(folder, list).unwrap();
            for client in [&reader, &member] {
                assert_eq!(submit(client, folder, "a.txt"), No);
            }
            // Nor does a member make other changes there.
            admin.try_edit(folder, Edit::SetAccess(None)).unwrap();
            for edit in [
                upload("a.txt", "2"),
                add_folder("a"),
                put("a", "1"),
                rename("a"),
            ] {
                assert!(!is_allowed(member.try_edit(folder, edit)));
            }
        }
    });
}

/// What a folder takes when its settings say `types` and `groups`: each name, and whether it is taken.
fn check_extensions(
    course: &Course<'_>,
    member: &Client<'_>,
    [types, groups]: [Option<Content>; 2],
    names: &[(&str, bool)],
) {
    let admin = &course.admin;
    let folder = course.folder(course.root);
    admin.set(folder, "allowUpload", "true");
    let fields = [
        "luminus.allowedFileType",
        "luminus.allowedSubmissionFileTypes",
    ];
    for (field, content) in fields.into_iter().zip([types, groups]) {
        if let Some(content) = content {
            put_by(admin.try_edit(folder, put_content(field, content)));
        }
    }
    for (name, may) in names {
        match member.try_edit(folder, add_file(name, "1")) {
            Ok(_) => assert!(may, "{name}"),
            Err(Refusal::FileType(_)) => assert!(!may, "{name}"),
            other => panic!("{other:?}"),
        }
        assert!(admin.try_edit(folder, add_file(name, "1")).is_ok());
    }
}

const PDF: (&str, bool) = ("a.pdf", true);

#[test]
fn a_folder_takes_only_files_with_the_extensions_that_it_says() {
    let many = (0..2000).map(|number| format!("\"e{number}\""));
    let many: Vec<_> = many.chain(["\"pdf\"".to_owned()]).collect();
    let many = format!("[{}]", many.join(","));
    let groups =
        r#"[{"fileTypeName":"Text","extensions":["txt",".tar.gz"]},{"fileTypeName":"None"}]"#;
    every_store(|admin| {
        let course = Course::new(admin);
        let member = course.person("member", MEMBER);
        let types = Some(text(r#"["pdf", ".TXT"]"#));
        for (settings, names) in [
            ([None, None], &[PDF, ("a", true)][..]),
            ([Some(text("[]")), Some(text("[]"))], &[PDF, ("a", true)]),
            (
                [types.clone(), None],
                &[
                    PDF,
                    ("a.PDF", true),
                    ("a.b.txt", true),
                    ("a", false),
                    ("pdf", false),
                ],
            ),
            (
                [types, Some(text(r#"[{"fileTypeName":"x"}]"#))],
                &[PDF, ("a.png", false)],
            ),
            (
                [Some(text(r#"["pdf"]"#)), Some(text(groups))],
                &[PDF, ("a.txt", true), ("a.tar.gz", true), ("a.gz", false)],
            ),
            (
                [None, Some(text(groups))],
                &[("a.pdf", false), ("A.TXT", true)],
            ),
            (
                [Some(text(&many)), None],
                &[PDF, ("a.e1999", true), ("a.txt", false)],
            ),
        ] {
            check_extensions(&course, &member, settings, names);
        }
    });
}

#[test]
fn a_setting_counts_whichever_textual_type_it_has() {
    every_store(|admin| {
        let course = Course::new(admin);
        let member = course.person("member", MEMBER);
        let json = |text: &str| {
            let media_type = "application/json".parse().unwrap();
            Content::inline(media_type, Bytes::copy_from_slice(text.as_bytes()))
        };
        let types = [Some(json(r#"["pdf"]"#)), None];
        check_extensions(&course, &member, types, &[PDF, ("a.txt", false)]);
    });
}

#[test]
fn members_take_back_what_they_have_submitted_while_they_may_submit() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = course.folder(course.root);
        let member = course.person("member", MEMBER);
        let other = course.person("other", MEMBER);
        let tutor = course.person("tutor", TUTOR);
        admin.set(folder, "allowUpload", "true");
        let [one, two, three] = [(); 3].map(|()| course.file(&member, folder));
        let of_tutor = course.file(&tutor, folder);
        assert!(!is_allowed(other.remove(one)));
        assert!(is_allowed(member.remove(one)));
        assert_eq!(member.remove(one), Err(Refusal::FileRemoved));
        // Who put it there as staff has not submitted it.
        course.enroll("tutor", MEMBER);
        assert!(!is_allowed(tutor.remove(of_tutor)));
        // The batch goes on: whether it may be removed depends on what is there.
        let batch = member.batch_on(vec![
            (ResourceId::Node(of_tutor), Edit::Remove { demand: None }),
            (ResourceId::Node(two), Edit::Remove { demand: None }),
        ]);
        let outcomes = wait(member.store.write(batch)).unwrap();
        assert!(matches!(outcomes[0], Err(Refusal::Denied(_))));
        assert_eq!(outcomes[1], Ok(Done::Removed));

        let refused = |millis| !is_allowed(member.at_millis(millis).remove(three));
        admin.set(folder, "submissionDeadline", &moment(START));
        assert!(refused(START + 1));
        admin.set(folder, "allowUpload", "false");
        assert!(refused(START));
        admin.set(folder, "allowUpload", "true");
        admin.set(folder, "publish", "false");
        assert!(refused(START));
        admin.unset(folder, "publish");
        admin.set(three, "publish", "false");
        assert!(refused(START));
        admin.unset(three, "publish");
        course.enroll("member", None);
        assert!(refused(START));
        course.enroll("member", MEMBER);
        assert!(!is_allowed(admin.anonymous().remove(three)));
        admin.set(folder, "allowLateSubmission", "true");
        assert!(is_allowed(member.at_millis(START + 1).remove(three)));
    });
}

// Comments: `luminus.md` §5.

const COMMENTS: [&str; 3] = [
    "luminus.comment.9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f11",
    "luminus.comment.9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f12",
    "luminus.comment.9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f13",
];

pub(in crate::store) fn comment(number: usize, remark: &str) -> Edit {
    put(COMMENTS[number], &format!("{{\"remark\":\"{remark}\"}}"))
}

fn delete_as(name: &str, alias: &str) -> Edit {
    Edit::Delete(Delete {
        name: name.parse().unwrap(),
        alias: Some(alias.parse().unwrap()),
        demand: None,
        etag: None,
    })
}

#[test]
fn members_comment_and_change_only_their_own_comments() {
    every_store(|admin| {
        let course = Course::new(admin);
        let file = course.file(admin, course.root);
        let (ann, bob) = (course.person("ann", MEMBER), course.person("bob", MEMBER));
        let tutor = course.person("tutor", TUTOR);
        let may = |client: &Client<'_>, edits: Vec<Edit>| match client
            .on(ResourceId::Node(file))
            .write(edits)
        {
            Ok(outcomes) => {
                assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                true
            }
            Err(error) => is_allowed::<()>(Err(refusal::<()>(Err(error)))),
        };
        assert!(!may(&ann, vec![comment(0, "1")]));
        admin.set(course.root, "allowComments", "true");
        assert!(may(&ann, vec![comment(0, "1")]));
        assert!(may(&ann, vec![comment(0, "2"), comment(1, "1")]));
        assert!(!may(&bob, vec![comment(0, "3")]));
        assert!(!may(&bob, vec![delete(COMMENTS[0])]));
        // Whoever has changed it since.
        assert!(may(&tutor, vec![comment(0, "by staff")]));
        assert!(!may(&bob, vec![comment(0, "3")]));
        assert!(may(&ann, vec![comment(0, "4")]));
        assert!(may(&tutor, vec![comment(2, "by staff")]));
        assert!(!may(&ann, vec![comment(2, "5")]));
        // All or nothing.
        for other in [
            comment(2, "5"),
            put("a", "1"),
            put("luminus.publish", "false"),
            delete(MARK),
        ] {
            assert!(!may(&ann, vec![comment(1, "lost"), other]));
        }
        let read = |number: usize| {
            let on = admin.on(ResourceId::Node(file));
            let property = on.read(COMMENTS[number]).unwrap();
            String::from_utf8(on.bytes(&property.content)).unwrap()
        };
        assert_eq!(read(1), "{\"remark\":\"1\"}");
        assert_eq!(read(2), "{\"remark\":\"by staff\"}");

        // What is deleted and made anew is whose it is then.
        assert!(may(&ann, vec![delete(COMMENTS[0])]));
        assert!(may(&bob, vec![comment(0, "6")]));
        assert!(!may(&ann, vec![comment(0, "7")]));
        // Another reading of a deletion is held against the same rule.
        let none = "luminus.comment.9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f99";
        assert!(!may(&ann, vec![delete_as(none, COMMENTS[0])]));
        assert!(!may(&ann, vec![delete_as(none, MARK)]));
        assert!(!may(&ann, vec![delete_as(MARK, COMMENTS[1])]));
        assert!(!may(&ann, vec![delete_as(COMMENTS[1], MARK)]));
        assert!(may(&ann, vec![delete_as(none, COMMENTS[1])]));
        assert!(may(&bob, vec![delete_as(COMMENTS[0], none)]));
    });
}

#[test]
fn what_is_not_published_of_comments_members_do_not_read() {
    every_store(|admin| {
        let course = Course::new(admin);
        let member = course.person("member", MEMBER);
        let tutor = course.person("tutor", TUTOR);
        let file = course.file(admin, course.root);
        let names = [COMMENTS[0], COMMENTS[1], COMMENTS[2], "plain"];
        let long = "x".repeat(10_000);
        for (name, value) in names.iter().zip([
            "{\"remark\":\"open\",\"publish\":true}".to_owned(),
            "{\"remark\":\"kept\",\"publish\":false}".to_owned(),
            format!("{{\"publish\":false,\"remark\":\"{long}\"}}"),
            "{\"publish\":false}".to_owned(),
        ]) {
            put_by(admin.try_edit(file, put(name, &value)));
        }
        let shown = |client: &Client<'_>| -> Vec<String> {
            let resource = ResourceId::Node(file);
            let caller = client.caller();
            let listing = wait(client.store.list(&caller, embedded(resource))).unwrap();
            let names = |listing: &Listing| -> Vec<String> {
                let names = listing.properties.iter();
                names
                    .map(|property| property.key.name.to_string())
                    .collect()
            };
            let listed = names(&listing);
            let view = wait(client.store.file_view(&caller, file, None)).unwrap();
            let on = wait(client.store.files_on(&caller, course.root)).unwrap();
            assert_eq!(names(&view.properties), listed);
            assert_eq!(names(&on[0].properties), listed);
            for name in COMMENTS {
                let key = PropertyKey {
                    resource,
                    name: name.parse().unwrap(),
                };
                let read = wait(client.store.read(&caller, key, None));
                assert_eq!(read.is_ok(), listed.iter().any(|other| other == name));
            }
            listed
        };
        assert_eq!(shown(&member), [MARK, names[0], names[3]]);
        for staff in [&tutor, admin] {
            let all: Vec<&str> = [MARK].into_iter().chain(names).collect();
            assert_eq!(shown(staff), all);
        }
    });
}

#[test]
fn comments_are_made_only_on_files_that_members_see() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = course.folder(course.root);
        let file = course.file(admin, folder);
        let member = course.person("member", MEMBER);
        let may = |node| is_allowed(member.try_edit(node, comment(0, "1")));
        // Only the folder itself says so.
        admin.set(course.root, "allowComments", "true");
        assert!(!may(file));
        admin.set(folder, "allowComments", "true");
        assert!(may(file));
        assert!(!may(folder));
        assert!(!may(course.space));
        for node in [file, folder] {
            admin.set(node, "publish", "false");
            assert!(!may(file));
            admin.unset(node, "publish");
            assert!(may(file));
        }
        // What is no comment is refused as one that has a bad form.
        let bad = member.try_edit(file, put("luminus.comment.1", "{\"remark\":\"\"}"));
        assert!(matches!(bad, Err(Refusal::Invalid(_))));
        let list = access(&[], Some(SpaceRole::Reader), None);
        admin.try_edit(folder, list).unwrap();
        assert!(!may(file));
        admin.try_edit(folder, Edit::SetAccess(None)).unwrap();
        assert!(!is_allowed(
            admin.anonymous().try_edit(file, comment(1, "1"))
        ));
        admin.unset(folder, "allowComments");
        assert!(!may(file));
    });
}

// Lists: `redu.md` §3.

#[test]
fn files_come_in_the_order_that_the_folder_says() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = course.folder(course.root);
        // Shown as "zoe the user" and "Bea the user".
        let (zoe, bea) = (course.person("zoe", TUTOR), course.person("Bea", TUTOR));
        let large = "x".repeat(5000);
        // Name, content, who, when.
        let files = [
            ("b", "22", &zoe, 5),
            ("C", "1", &bea, 4),
            ("a", &large, &zoe, 5),
            ("B", "1", &bea, 6),
        ]
        .map(|(name, value, who, second)| {
            let edit = add_file(name, value);
            uploaded(who.at(second).try_edit(folder, edit)).0.id
        });
        let check = |expected: [usize; 4]| {
            let listed = admin.inside(folder, NodeKind::File).unwrap();
            assert_eq!(listed, expected.map(|number| files[number]));
        };
        check([0, 1, 2, 3]);
        for (order, expected) in [
            ("Order", [0, 1, 2, 3]),
            ("Date", [1, 0, 2, 3]),
            ("Name", [2, 0, 3, 1]),
            ("Owner", [1, 3, 0, 2]),
            ("Size", [1, 3, 0, 2]),
        ] {
            admin.set(folder, "sortFilesBy", order);
            check(expected);
        }
        // A revision changes the size and the name, but not who made it when.
        let revise = Edit::Revise {
            content: text("333"),
            rename: Some("z".parse().unwrap()),
            demand: None,
        };
        uploaded(admin.at(9).try_edit(files[1], revise));
        for (order, expected) in [
            ("Size", [3, 0, 1, 2]),
            ("Name", [2, 0, 3, 1]),
            ("Date", [1, 0, 2, 3]),
            ("Owner", [1, 3, 0, 2]),
        ] {
            admin.set(folder, "sortFilesBy", order);
            check(expected);
        }
        admin.unset(folder, "sortFilesBy");
        check([0, 1, 2, 3]);
        // Folders come by number, whatever it says.
        admin.set(folder, "sortFilesBy", "Name");
        let folders = ["b", "a", "A"].map(|name| admin.folder(folder, name));
        assert_eq!(admin.inside(folder, NodeKind::Folder).unwrap(), folders);
        assert_eq!(admin.on_folder(folder).unwrap(), files);
    });
}

#[test]
fn a_list_says_what_an_entry_says_but_for_the_contents() {
    every_store(|admin| {
        let course = Course::new(admin);
        let member = course.person("member", MEMBER);
        let tutor = course.person("tutor", TUTOR);
        let [plain, link, kept] = [(); 3].map(|()| course.file(&tutor, course.root));
        admin.set(link, "url", "https://example.org/");
        admin.set(kept, "allowDownload", "false");
        for (client, downloads) in [(&member, false), (&tutor, true), (admin, true)] {
            let Entries { entries, users } = client.entries(course.root, NodeKind::File).unwrap();
            let said: Vec<_> = entries
                .iter()
                .map(|entry| {
                    let file = entry.file.as_ref().unwrap();
                    assert!(matches!(
                        file.file.content.body,
                        crate::model::Body::Omitted
                    ));
                    (entry.id, file.is_link, file.may_download)
                })
                .collect();
            let expected = [
                (plain, false, true),
                (link, true, true),
                (kept, false, downloads),
            ];
            assert_eq!(said, expected);
            assert!(users.keys().eq([&tutor.who.id()]));
            let read = wait(client.store.file(&client.caller(), kept, None));
            assert_eq!(read.is_ok(), downloads, "{read:?}");
            for listed in entries {
                let mut entry = client.entry(listed.id).unwrap();
                let file = entry.file.as_mut().unwrap();
                assert_eq!(client.bytes(&file.file.content), b"file");
                file.file.content.body = crate::model::Body::Omitted;
                assert_eq!(entry, listed);
            }
        }
        admin.unset(link, "url");
        admin.unset(kept, "allowDownload");
        for node in [link, kept] {
            let file = member.entry(node).unwrap().file.unwrap();
            assert_eq!((file.is_link, file.may_download), (false, true));
        }
    });
}

// What belongs to pages alone.

#[test]
fn spaces_and_folders_have_no_permissions_and_no_text() {
    every_store(|admin| {
        let course = Course::new(admin);
        let file = course.file(admin, course.root);
        let boss = course.person("boss", ADMINISTRATOR);
        for node in [course.space, course.root] {
            let permissions = wait(admin.store.permissions(node));
            assert_eq!(refusal(permissions), Refusal::NoSuchPage);
            for client in [admin, &boss] {
                for edit in [
                    Edit::SetPermissions(None),
                    Edit::SetPermissions(Some(Permissions::default())),
                    write_page("", "text", Some(PageSeen::Any)),
                    write_page("Below", "text", Some(PageSeen::Any)),
                ] {
                    let outcome = client.try_edit(node, edit);
                    assert_eq!(outcome, Err(Refusal::NoSuchPage));
                }
            }
        }
        let outcome = admin.try_edit(file, Edit::SetPermissions(None));
        assert_eq!(outcome, Err(Refusal::NoSuchPage));
        let permissions = wait(admin.store.permissions(file));
        assert_eq!(refusal(permissions), Refusal::NoSuchPage);
    });
}

// Batches.

#[test]
fn the_moment_of_a_batch_counts_and_no_clock() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = course.folder(course.root);
        let member = course.person("member", MEMBER);
        let late = moment(4_000_000_000_000);
        admin.set(folder, "allowUpload", "true");
        admin.set(folder, "startDate", &late);
        let submit = |millis| {
            is_allowed(
                member
                    .at_millis(millis)
                    .try_edit(folder, add_file("a", "1")),
            )
        };
        assert!(!submit(3_999_999_999_999));
        assert!(submit(4_000_000_000_000));
        admin.unset(folder, "startDate");
        admin.set(folder, "submissionDeadline", &moment(-1));
        assert!(!submit(0));
        assert!(submit(-1));
        admin.set(folder, "endDate", &moment(-1));
        assert!(submit(-2));
        assert!(!submit(-1));
    });
}

#[test]
fn a_batch_is_refused_whole_if_something_of_it_is_deleted() {
    every_store(|admin| {
        let course = Course::new(admin);
        let [one, two] = [(); 2].map(|()| course.folder(course.root));
        let below = course.folder(two);
        let file = course.file(admin, below);
        admin.remove(two).unwrap();
        for (gone, expected) in [
            (two, Refusal::NoSuchPage),
            (below, Refusal::NoSuchPage),
            (file, Refusal::FileRemoved),
        ] {
            for order in [[one, gone], [gone, one]] {
                let edits = order.map(|node| (ResourceId::Node(node), put("a", "1")));
                let batch = admin.batch_on(edits.into());
                assert_eq!(refusal(wait(admin.store.write(batch))), expected);
            }
        }
        assert_eq!(admin.on(ResourceId::Node(one)).names(), [MARK]);
        // And if something of it may not be done.
        let member = course.person("member", MEMBER);
        admin.set(one, "allowUpload", "true");
        let batch = member.batch_on(vec![
            (ResourceId::Node(one), add_file("a", "1")),
            (ResourceId::Node(one), put("a", "1")),
        ]);
        let refused = refusal(wait(member.store.write(batch)));
        assert!(matches!(refused, Refusal::Denied(_)));
        assert_eq!(admin.inside(one, NodeKind::File).unwrap(), []);
    });
}

#[test]
fn what_is_put_into_a_folder_by_the_batch_that_deletes_it_is_deleted_with_it() {
    every_store(|admin| {
        let course = Course::new(admin);
        let folder = course.folder(course.root);
        let on = ResourceId::Node(folder);
        let batch = admin.batch_on(vec![
            (on, Edit::Remove { demand: None }),
            (on, add_folder("a")),
            (on, add_file("a", "1")),
            (on, put("a", "1")),
        ]);
        let outcomes = wait(admin.store.write(batch)).unwrap();
        let made = written(outcomes[1].clone())[0].id;
        let (file, _) = uploaded(outcomes[2].clone());
        assert_gone(admin, folder, NodeKind::Folder, course.root);
        assert_gone(admin, made, NodeKind::Folder, folder);
        assert_gone(admin, file.id, NodeKind::File, folder);
    });
}

// Random histories.

/// Somebody of the random histories, by number.
const PEOPLE: [(&str, Option<SpaceRole>); 5] = [
    ("ann", MEMBER),
    ("bob", MEMBER),
    ("tutor", TUTOR),
    ("teacher", TEACHER),
    ("stranger", None),
];

/// The settings of the random histories, with a few values each, of which some are bad.
const SETTINGS: [(&str, &[&str]); 11] = [
    ("luminus.publish", &["true", "false", "no"]),
    ("luminus.open", &["true", "false"]),
    ("luminus.startDate", &["1970-01-01T00:00:05Z", "soon"]),
    ("luminus.endDate", &["1970-01-01T00:00:12Z"]),
    ("luminus.submissionDeadline", &["1970-01-01T00:00:08Z"]),
    ("luminus.allowUpload", &["true", "true", "false"]),
    ("luminus.allowLateSubmission", &["true", "false"]),
    ("luminus.viewAll", &["false", "true"]),
    ("luminus.allowComments", &["true"]),
    ("luminus.url", &["http://a.txt/", "HTTPS://B", "no link"]),
    ("luminus.description", &["A.TXT or É", "b.pdf", ""]),
];

/// What settings are made to say in the random histories, with defaults and the same in other spellings among it.
fn meanings() -> Vec<(Setting, Option<Meaning>)> {
    let moment = |millis| Some(Meaning::Moment(Timestamp::from_millis(millis)));
    let flag = |flag| Some(Meaning::Flag(flag));
    vec![
        (Setting::Publish, flag(true)),
        (Setting::Publish, flag(false)),
        (Setting::Publish, None),
        (Setting::Open, flag(true)),
        (Setting::Open, flag(false)),
        (Setting::StartDate, moment(5000)),
        (Setting::StartDate, None),
        (Setting::EndDate, moment(12_000)),
        (Setting::EndDate, Some(Meaning::Nothing)),
        (Setting::AllowUpload, flag(true)),
        (Setting::ViewAll, flag(false)),
        (Setting::ViewAll, None),
        (Setting::FolderScore, Some(Meaning::Number(1.5))),
        (Setting::FolderScore, None),
        (
            Setting::AllowedFileType,
            Some(Meaning::Extensions(vec!["txt".to_owned()])),
        ),
        (
            Setting::AllowedFileType,
            Some(Meaning::Extensions(Vec::new())),
        ),
    ]
}

/// What somebody wishes at a node of the history, which has a number there.
#[derive(Clone, Debug)]
enum Wish {
    AddFolder,
    AddFile(usize),
    Upload(usize),
    Rename(usize),
    Remove,
    Enroll(usize, i64),
    Access(Option<Wished>),
    Set(Vec<(usize, usize, Option<usize>)>),
    Say(Vec<(usize, usize)>),
    Comment(usize),
}

/// An access list: to a person, to a group, to everybody, and which node to follow.
type Wished = (
    Option<(usize, i64)>,
    Option<i64>,
    Option<i64>,
    Option<usize>,
);

/// Who wishes what at which node at which second, and whether all of it or nothing.
type Step = (usize, i64, usize, Wish, bool);

const NAMES: [&str; 3] = ["a.txt", "A.txt", "b.pdf"];

fn wish() -> impl Strategy<Value = Wish> {
    let role = || 1..=6_i64;
    let list = (
        prop::option::of((0..PEOPLE.len(), role())),
        prop::option::of(role()),
        prop::option::of(role()),
        prop::option::of(0..40_usize),
    );
    let list = prop::option::weighted(0.7, list);
    let setting = (0..40_usize, 0..SETTINGS.len(), prop::option::of(0..3_usize));
    let name = || 0..NAMES.len();
    prop_oneof![
        4 => Just(Wish::AddFolder),
        4 => name().prop_map(Wish::AddFile),
        2 => name().prop_map(Wish::Upload),
        1 => name().prop_map(Wish::Rename),
        1 => Just(Wish::Remove),
        1 => (0..PEOPLE.len(), 1..=5_i64).prop_map(|(who, role)| Wish::Enroll(who, role)),
        3 => list.prop_map(Wish::Access),
        5 => prop::collection::vec(setting, 1..5).prop_map(Wish::Set),
        3 => prop::collection::vec((0..40_usize, 0..meanings().len()), 1..5).prop_map(Wish::Say),
        2 => (0..COMMENTS.len()).prop_map(Wish::Comment),
    ]
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    // The administrator comes last, and most often.
    let who = prop_oneof![1 => 0..PEOPLE.len(), 1 => Just(PEOPLE.len())];
    let step = (who, 0..16_i64, 0..40_usize, wish(), any::<bool>());
    prop::collection::vec(step, 1..40)
}

/// The changes that a step wishes. Nodes are counted round.
fn changes(
    wish: &Wish,
    number: usize,
    nodes: &[NodeId],
    people: &[UserId],
    group: GroupId,
) -> Vec<Change> {
    let node = |number: usize| nodes[number % nodes.len()];
    let role = |number: i64| SpaceRole::of_number(number).unwrap();
    let one = |resource, edit| {
        let resource = ResourceId::Node(resource);
        vec![Change { resource, edit }]
    };
    match wish {
        Wish::AddFolder => one(node(number), add_folder("folder")),
        Wish::AddFile(name) => one(node(number), add_file(NAMES[*name], "1")),
        Wish::Upload(name) => one(node(number), upload(NAMES[*name], "2")),
        Wish::Rename(name) => one(node(number), rename(NAMES[*name])),
        Wish::Remove => one(node(number), Edit::Remove { demand: None }),
        Wish::Enroll(who, number) => {
            let role = Some(role(*number)).filter(|role| *role > SpaceRole::Reader);
            one(nodes[0], enroll(PEOPLE[*who].0, role))
        }
        Wish::Access(None) => one(node(number), Edit::SetAccess(None)),
        Wish::Access(Some((user, of_group, public, inherits))) => {
            let user = user.map(|(who, number)| (Grantee::User(people[who]), role(number)));
            let of_group = of_group.map(|number| (Grantee::Group(group), role(number)));
            let grants: Vec<_> = user.into_iter().chain(of_group).collect();
            let edit = access(&grants, public.map(role), inherits.map(node));
            one(node(number), edit)
        }
        Wish::Set(settings) => {
            let mut seen = BTreeSet::new();
            let first = settings
                .iter()
                .filter(|(at, setting, _)| seen.insert((node(*at), *setting)));
            let change = |(at, setting, value): &(usize, usize, Option<usize>)| {
                let (name, values) = SETTINGS[*setting];
                Change {
                    resource: ResourceId::Node(node(*at)),
                    edit: match value {
                        Some(value) => put(name, values[value % values.len()]),
                        None => delete(name),
                    },
                }
            };
            first.map(change).collect()
        }
        Wish::Say(said) => {
            let mut seen = BTreeSet::new();
            let change = |&(at, meaning): &(usize, usize)| {
                let (setting, value) = meanings()[meaning].clone();
                let name = setting.property().unwrap();
                seen.insert((node(at), name)).then(|| Change {
                    resource: ResourceId::Node(node(at)),
                    edit: set(setting, value),
                })
            };
            said.iter().filter_map(change).collect()
        }
        Wish::Comment(which) => one(node(number), comment(*which, "1")),
    }
}

/// What somebody finds at a node, on all ways, in a form that is the same for all stores.
fn found(client: &Client<'_>, node: NodeId) -> (Vec<Result<Place, Refusal>>, Vec<Answer>) {
    let or_refusal = |answer: Result<Answer, StoreError>| match answer {
        Ok(answer) => answer,
        Err(StoreError::Refused(refusal)) => Answer::No(refusal),
        Err(failure) => panic!("{failure:?}"),
    };
    let on = client.on(ResourceId::Node(node));
    let properties = on
        .list()
        .map(|listing| Answer::Properties(listing.properties));
    let entry = client.entry(node).map(|entry| Answer::Entries(vec![entry]));
    let entries = |kind| {
        let entries = client.entries(node, kind);
        or_refusal(entries.map(|found| Answer::Entries(found.entries)))
    };
    let file = client.file(node).map(|view| Answer::File(view.file));
    let places = [
        Address::Page(node),
        Address::Folder(node),
        Address::File(node),
    ];
    let place = |address| match client.locate(address) {
        Ok(place) => Ok(place),
        Err(error) => Err(refusal::<()>(Err(error))),
    };
    let details = client
        .details(&[node])
        .map(|details| Answer::Details(details.folders, details.files));
    let answers = vec![
        or_refusal(details),
        or_refusal(properties),
        or_refusal(entry),
        entries(NodeKind::Folder),
        entries(NodeKind::File),
        or_refusal(client.on_folder(node).map(Answer::Nodes)),
        or_refusal(file),
    ];
    (places.map(place).into(), answers)
}

/// What somebody finds below a node by each of some texts.
fn searched(client: &Client<'_>, top: NodeId) -> Vec<Answer> {
    let texts = ["folder", "A.T", "\u{c9}", "tutor the", "b.pdf", "http"];
    let search = |text| match client.search(top, text) {
        Ok(found) => {
            assert_names_everybody(&found);
            Answer::Details(found.folders, found.files)
        }
        Err(StoreError::Refused(refusal)) => Answer::No(refusal),
        Err(failure) => panic!("{failure:?}"),
    };
    let texts = texts.map(Some).into_iter().chain([None]);
    texts.map(search).collect()
}

/// What a store can answer about a node.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    No(Refusal),
    Details(Vec<Detail>, Vec<Detail>),
    Properties(Vec<Property>),
    Entries(Vec<Entry>),
    Nodes(Vec<NodeId>),
    File(File),
}

/// The same people in two stores.
struct Both<'a>([(Course<'a>, Vec<Client<'a>>, GroupId); 2]);

impl<'a> Both<'a> {
    fn new(stores: [&'a dyn Store; 2]) -> Self {
        Both(stores.map(|store| {
            let admin = Client::admin(store);
            let site = admin.on(ResourceId::Site);
            let new = NewSpace::named("Course".parse().unwrap(), [1, 2].map(Uuid::from_u128));
            let pages = written(site.edit(Edit::AddSpace(new.unwrap())));
            let course = Course {
                admin,
                space: pages[0].id,
                root: pages[1].id,
            };
            let person = |&(name, role): &(_, _)| course.person(name, role);
            let mut people: Vec<_> = PEOPLE.iter().map(person).collect();
            let members = [people[1].who.id(), people[4].who.id()];
            let group = course.admin.group("group", &members).unwrap();
            people.push(course.admin.clone());
            (course, people, group)
        }))
    }

    /// What comes of the step in both stores.
    fn step(
        &self,
        (who, second, number, wish, is_whole): &Step,
        nodes: &[NodeId],
    ) -> [Result<Vec<Outcome>, Refusal>; 2] {
        let (_, people, group) = &self.0[0];
        let ids: Vec<_> = people.iter().map(|client| client.who.id()).collect();
        let changes = changes(wish, *number, nodes, &ids, *group);
        self.0.each_ref().map(|(_, people, _)| {
            let client = people[*who].at(*second);
            let changes = changes.iter().cloned();
            let edits = changes
                .map(|change| (change.resource, change.edit))
                .collect();
            let batch = client.batch_on(edits);
            let batch = if *is_whole {
                batch.all_or_nothing()
            } else {
                batch
            };
            match wait(client.store.write(batch)) {
                Ok(outcomes) => Ok(outcomes.iter().map(comparable).collect()),
                Err(StoreError::Refused(refusal)) => Err(refusal),
                Err(failure) => panic!("{failure:?}"),
            }
        })
    }
}

/// The nodes that a change has made.
fn made(outcome: &Outcome) -> Vec<NodeId> {
    match outcome {
        Ok(Done::PageWritten(pages)) => pages.iter().map(|page| page.id).collect(),
        Ok(Done::Uploaded { file, .. }) => vec![file.id],
        Ok(
            Done::Put(_)
            | Done::Deleted(_)
            | Done::LanguageSet
            | Done::Removed
            | Done::PermissionsSet
            | Done::Enrolled { .. }
            | Done::AccessSet
            | Done::Unchanged,
        )
        | Err(_) => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_of_spaces_come_to_the_same_in_every_store(history in history()) {
        let dir = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(&SqliteOptions::new(dir.path().join("p.db")), setup).unwrap();
        let memory = Memory::new(setup().unwrap());
        let both = Both::new([&memory, &sqlite]);
        let (course, people, _) = &both.0[0];
        let mut nodes = vec![course.space, course.root];
        for step in &history {
            let [model, reality] = both.step(step, &nodes);
            prop_assert_eq!(&model, &reality);
            for node in model.iter().flatten().flat_map(made) {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        let seconds = [0, 5, 8, 9, 12];
        for (number, second) in (0..people.len()).zip(seconds.into_iter().cycle()) {
            let clients = both.0.each_ref().map(|(_, people, _)| people[number].at(second));
            for &node in &nodes {
                let [model, reality] = clients.each_ref().map(|client| found(client, node));
                prop_assert_eq!(model, reality);
            }
            for &top in nodes.iter().take(2).chain(nodes.iter().skip(2).step_by(3)) {
                let [model, reality] = clients.each_ref().map(|client| searched(client, top));
                prop_assert_eq!(model, reality);
            }
            let [model, reality] = clients.map(|client| client.with(NameFilter::All));
            prop_assert_eq!(model, reality);
        }
        sqlite.close();
    }
}

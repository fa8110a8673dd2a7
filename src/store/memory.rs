//! The smallest honest store: ordered maps behind one lock, and `decide`.
//!
//! It keeps nothing when it is dropped. It exists to be read beside the contract, to say what [`super::Sqlite`] must
//! answer, and to embed the service where nothing needs to last.

mod search;
mod spaces;

use super::{
    Account, CHUNK_BYTES, NewAccount, NewGroup, NewToken, Setup, Store, StoreError, Ticket, folded,
};
use crate::model::{
    Access, AccessList, Address, Batch, Body, Caller, Change, Comments, Content, ContentId,
    DESCRIPTION_PROPERTY, Details, Done, Edit, Entries, File, FileHistory, FileView, Found,
    FoundPage, Grant, Grantee, Ground, Group, GroupId, Language, ListQuery, Listing, MediaType,
    Member, Named, NewNode, NextIds, Node, NodeId, NodeKind, NodeName, Outcome, Page, PageGround,
    PageSearch, PageView, Permissions, Place, Principal, Property, PropertyId, PropertyKey,
    PropertyName, Refusal, ResourceId, Revision, Right, Rights, Role, Settings, Snapshot,
    SpaceGround, SpaceRole, Timestamp, TreeSearch, User, UserChange, UserId, Users, Uuids,
    check_paths, check_user_change, decide, is_comment, on_page, require, rights_on, shows_comment,
    title_levels,
};
use bytes::{Bytes, BytesMut};
use spaces::sure;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// A store in memory.
#[derive(Debug)]
pub struct Memory(Mutex<State>);

#[derive(Debug)]
struct State {
    nodes: BTreeMap<NodeId, StoredNode>,
    properties: BTreeMap<(ResourceId, PropertyName), Property>,
    contents: BTreeMap<ContentId, Vec<Bytes>>,
    staged: BTreeSet<ContentId>,
    accounts: BTreeMap<UserId, Account>,
    groups: BTreeMap<GroupId, Group>,
    enrolled: BTreeMap<(NodeId, UserId), SpaceRole>,
    /// Who made each property that there ever was, and when.
    makers: BTreeMap<PropertyId, (UserId, Timestamp)>,
    link_key: [u8; 32],
    tokens: BTreeMap<[u8; 32], (UserId, Timestamp)>,
    next: NextIds,
    next_content: ContentId,
    closed: bool,
}

#[derive(Clone, Debug)]
struct StoredNode {
    kind: NodeKind,
    parent: Option<NodeId>,
    name: NodeName,
    deleted: bool,
    language: Option<Language>,
    created_at: Timestamp,
    created_by: UserId,
    /// When and by whom its name, its content, a setting or its access was last changed.
    changed: (Timestamp, UserId),
    uuid: Uuid,
    space: Option<NodeId>,
    settings: Settings,
    access: Option<AccessList>,
    permissions: Option<Permissions>,
    /// Of a file.
    revisions: Vec<File>,
    /// Of a page, space or folder: its newest revision.
    page: Option<Page>,
}

impl StoredNode {
    fn of_page(page: &Page, space: Option<NodeId>) -> Self {
        StoredNode {
            kind: page.kind,
            uuid: page.uuid,
            space: match page.kind {
                NodeKind::Space => Some(page.id),
                NodeKind::Page | NodeKind::Folder | NodeKind::File => space,
            },
            settings: Settings::default(),
            access: None,
            parent: page.parent,
            name: page.name.clone(),
            deleted: false,
            language: None,
            created_at: page.modified_at,
            created_by: page.modified_by,
            changed: (page.modified_at, page.modified_by),
            permissions: None,
            revisions: Vec::new(),
            page: Some(page.clone()),
        }
    }
}

impl Memory {
    /// A store with the page `home`, the anonymous account, and the account `admin`.
    ///
    /// # Panics
    /// Never: the names of the page and the accounts are names.
    #[must_use]
    #[expect(clippy::expect_used, reason = "literals")]
    pub fn new(setup: Setup) -> Self {
        let Setup {
            admin_password,
            link_key,
            at,
        } = setup;
        let account = |id, name: &str, role, password| {
            let user = User {
                id,
                uuid: Uuid::from_u64_pair(0, id.get().unsigned_abs()),
                name: name.to_owned(),
                full_name: String::new(),
                email: None,
                matric_no: None,
                role,
                access: Access::Active,
                created_at: at,
                passwords: 1,
            };
            (
                id,
                Account {
                    user: Arc::new(user),
                    password,
                },
            )
        };
        let home = Page {
            id: NodeId::HOME,
            kind: NodeKind::Page,
            uuid: Uuid::nil(),
            parent: None,
            name: "home".parse().expect("a name"),
            revision: Revision::FIRST,
            content: Content::inline(MediaType::text_utf8(), Bytes::new()),
            modified_at: at,
            modified_by: UserId::ADMIN,
        };
        let home = StoredNode::of_page(&home, None);
        let first = NodeId::HOME.next();
        Memory(Mutex::new(State {
            nodes: BTreeMap::from([(NodeId::HOME, home)]),
            properties: BTreeMap::new(),
            contents: BTreeMap::new(),
            staged: BTreeSet::new(),
            accounts: BTreeMap::from([
                account(UserId::ADMIN, "admin", Role::Admin, Some(admin_password)),
                account(UserId::ANONYMOUS, "Anonymous", Role::Viewer, None),
            ]),
            groups: BTreeMap::new(),
            enrolled: BTreeMap::new(),
            makers: BTreeMap::new(),
            link_key,
            tokens: BTreeMap::new(),
            next: NextIds {
                property: PropertyId::new(1).expect("an id"),
                node: first,
            },
            next_content: ContentId::new(1).expect("an id"),
            closed: false,
        }))
    }

    fn answer<T>(&self, work: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Ticket<T> {
        let mut state: MutexGuard<'_, State> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ticket::ready(if state.closed {
            Err(StoreError::Closed)
        } else {
            work(&mut state)
        })
    }
}

/// Members by number, each once.
fn sorted(mut members: Vec<UserId>) -> Vec<UserId> {
    members.sort_unstable();
    members.dedup();
    members
}

impl State {
    fn page(&self, id: NodeId) -> Result<&StoredNode, Refusal> {
        self.nodes
            .get(&id)
            .filter(|node| node.kind != NodeKind::File && !node.deleted)
            .ok_or(Refusal::NoSuchPage)
    }

    fn live_file(&self, id: NodeId) -> Result<&StoredNode, Refusal> {
        let node = self
            .nodes
            .get(&id)
            .filter(|node| node.kind == NodeKind::File)
            .ok_or(Refusal::NoSuchFile)?;
        let page_lives = node.parent.is_some_and(|parent| self.page(parent).is_ok());
        if node.deleted || !page_lives {
            Err(Refusal::FileRemoved)
        } else {
            Ok(node)
        }
    }

    /// As far down from a page as there are pages of these names, and how many are missing.
    fn below<'a>(
        &self,
        from: NodeId,
        names: impl ExactSizeIterator<Item = &'a str>,
    ) -> (NodeId, usize) {
        let (mut at, mut missing) = (from, names.len());
        for name in names {
            let is_it = |node: &StoredNode| {
                let is_page = node.kind != NodeKind::File && !node.deleted;
                is_page && node.parent == Some(at) && node.name.as_str() == name
            };
            match self.nodes.iter().find(|(_, node)| is_it(node)) {
                Some((&id, _)) => (at, missing) = (id, missing - 1),
                None => break,
            }
        }
        (at, missing)
    }

    fn nearest(&self, title: &str) -> (NodeId, usize) {
        let levels: Vec<String> = title_levels(title).collect();
        self.below(NodeId::HOME, levels.iter().map(String::as_str))
    }

    fn file_named(&self, page: NodeId, name: &NodeName) -> Option<NodeId> {
        let is_it = |node: &StoredNode| {
            node.parent == Some(page)
                && node.kind == NodeKind::File
                && !node.deleted
                && node.name == *name
        };
        self.nodes
            .iter()
            .rev()
            .find(|(_, node)| is_it(node))
            .map(|(&id, _)| id)
    }

    fn resolve(&self, caller: &Caller, address: &Address) -> Result<ResourceId, Refusal> {
        Ok(match address {
            Address::Site => ResourceId::Site,
            Address::Page(id) | Address::Space(id) | Address::Folder(id) | Address::File(id) => {
                ResourceId::Node(*id)
            }
            Address::PageTitled(title) => match self.nearest(title) {
                (page, 0) => ResourceId::Node(page),
                _ => return Err(Refusal::NoSuchPage),
            },
            Address::PageToBe(title) => ResourceId::Node(self.nearest(title).0),
            Address::FileNamed { page, name } => {
                let page = self.resolve(caller, page)?;
                let place = self.place(caller, page).map_err(|_| Refusal::NoSuchPage)?;
                if place.kind == Some(NodeKind::File) {
                    return Err(Refusal::NoSuchPage);
                }
                // Whoever may not see the page is not told which files are there.
                place.allow(&caller.who, Right::Browse)?;
                let page = place.page.ok_or(Refusal::NoSuchFile)?;
                let file = match place.space {
                    Some(_) => self.visible_file(caller, page, name),
                    None => self.file_named(page, name),
                };
                ResourceId::Node(file.ok_or(Refusal::NoSuchFile)?)
            }
            Address::CurrentUser => ResourceId::User(caller.who.id()),
            Address::User(id) => ResourceId::User(*id),
            Address::UserNamed(name) => self
                .account_named(name)
                .map(|account| ResourceId::User(account.user.id))
                .ok_or(Refusal::NoSuchUser)?,
        })
    }

    /// The permissions that count on a page.
    fn permissions(&self, page: NodeId) -> Permissions {
        let mut at = Some(page);
        while let Some(node) = at.and_then(|id| self.nodes.get(&id)) {
            if let Some(permissions) = &node.permissions {
                return permissions.clone();
            }
            at = node.parent;
        }
        Permissions::default()
    }

    /// What a page gives, with what it grants to this principal.
    fn page_ground(&self, who: &Principal, page: NodeId) -> Result<Ground, Refusal> {
        let permissions = self.permissions(page);
        let concerns = |grant: &&Grant| match grant.grantee {
            Grantee::User(id) => id == who.id(),
            Grantee::Group(id) => {
                let group = self.groups.get(&id);
                group.is_some_and(|group| group.members.contains(&who.id()))
            }
        };
        let grants = permissions.grants.iter().filter(concerns);
        let granted = grants.fold(Rights::NONE, |all, grant| all.or(on_page(grant.role)));
        Ok(Ground::Page(PageGround {
            restriction: permissions.restriction,
            granted,
            maker: self.page(page)?.created_by,
        }))
    }

    fn place(&self, caller: &Caller, resource: ResourceId) -> Result<Place, Refusal> {
        let who = &caller.who;
        let (kind, ground, page) = match resource {
            ResourceId::Site => (None, Ground::Site, None),
            ResourceId::User(id) if self.accounts.contains_key(&id) => {
                (None, Ground::User(id), None)
            }
            ResourceId::User(_) => return Err(Refusal::NoSuchUser),
            ResourceId::Node(id) => {
                let node = self.nodes.get(&id).ok_or(Refusal::NoSuchFile)?;
                let (page, removed) = match node.kind {
                    NodeKind::File => (
                        self.live_file(id)?.parent.ok_or(Refusal::FileRemoved)?,
                        Refusal::FileRemoved,
                    ),
                    NodeKind::Page | NodeKind::Space | NodeKind::Folder => {
                        (self.page(id).map(|_| id)?, Refusal::NoSuchPage)
                    }
                };
                let ground = match node.space {
                    Some(_) => {
                        Ground::Space(sure(SpaceGround::of(self, caller, id)).ok_or(removed)?)
                    }
                    None => self.page_ground(who, page)?,
                };
                (Some(node.kind), ground, Some(page))
            }
        };
        Ok(Place {
            resource,
            kind,
            rights: rights_on(who, ground),
            page,
            space: match ground {
                Ground::Space(ground) => Some(ground),
                Ground::Site | Ground::Page(_) | Ground::User(_) => None,
            },
            missing: 0,
        })
    }

    fn found_page(&self, who: &Caller, from: NodeId, levels: &[NewNode]) -> Found {
        let (at, missing) = self.below(from, levels.iter().map(|level| level.name.as_str()));
        let page = self.page(at).ok().and_then(|node| node.page.clone());
        match (page, self.place(who, ResourceId::Node(at))) {
            (Some(page), Ok(place)) => Found::Page {
                page: Box::new(page),
                place,
                missing,
            },
            (None, _) | (_, Err(_)) => Found::Nothing,
        }
    }

    /// The first of these that is not there.
    fn unknown(&self, grantees: impl IntoIterator<Item = Grantee>) -> Option<Grantee> {
        grantees.into_iter().find(|grantee| match grantee {
            Grantee::User(id) => !self.accounts.contains_key(id),
            Grantee::Group(id) => !self.groups.contains_key(id),
        })
    }

    fn ids_of(&self, members: &[Member]) -> Result<Vec<UserId>, Refusal> {
        let id_of = |member: &Member| match member {
            Member::Id(id) => Ok(*id),
            Member::Login(login) => match self.account_named(login) {
                Some(Account { user, .. }) if user.id != UserId::ANONYMOUS => Ok(user.id),
                Some(_) | None => Err(Refusal::NoSuchLogin(login.clone())),
            },
        };
        members.iter().map(id_of).collect()
    }

    fn check_members(&self, members: &[UserId]) -> Result<(), Refusal> {
        match self.unknown(members.iter().map(|&id| Grantee::User(id))) {
            Some(missing) => Err(Refusal::NoSuchGrantee(missing)),
            None => Ok(()),
        }
    }

    fn page_view(&self, who: &Caller, id: NodeId) -> Result<PageView, StoreError> {
        let stored = self.page(id)?;
        self.readable(who, ResourceId::Node(id))?;
        let parent = stored.parent.filter(|&parent| {
            let place = self.place(who, ResourceId::Node(parent));
            place.is_ok_and(|place| place.rights.allow(Right::Browse))
        });
        let page = stored.page.clone().ok_or(Refusal::NoSuchPage)?;
        Ok(PageView {
            node: self.node(id)?,
            parent: parent.map(|id| self.node(id)).transpose()?,
            language: super::language_of(stored.language.as_ref()),
            created_at: stored.created_at,
            created_by: stored.created_by,
            users: self.users_of([page.modified_by, stored.created_by].iter()),
            page,
        })
    }

    fn pages_with(&self, who: &Caller, search: &PageSearch) -> Result<Vec<FoundPage>, StoreError> {
        let mut found = search.begin();
        for (&id, node) in &self.nodes {
            let resource = ResourceId::Node(id);
            let has_it = self
                .properties
                .keys()
                .any(|(owner, name)| *owner == resource && search.names.matches(name.as_str()));
            let place = self.place(who, resource);
            let is_meant = node.kind != NodeKind::File
                && has_it
                && place.is_ok_and(|place| place.rights.allow(Right::Browse));
            if is_meant && !found.is_full() && found.wants() {
                let page = node.page.as_ref();
                found.take(FoundPage {
                    node: self.node(id)?,
                    revision: page.map_or(Revision::FIRST, |page| page.revision),
                })?;
            }
        }
        Ok(found.finish())
    }

    /// A principal, with the account as it is now.
    fn current(&self, by: &Principal) -> Result<Principal, StoreError> {
        let user = Arc::clone(&self.account(by.id())?.user);
        match user.access {
            Access::Active => Ok(by.with_account(user)),
            Access::Disabled => Err(Refusal::AccountDisabled(user.name.clone()).into()),
        }
    }

    /// Whether `who` may read what belongs to a resource.
    fn readable(&self, caller: &Caller, resource: ResourceId) -> Result<Place, Refusal> {
        let place = self.place(caller, resource)?;
        place.allow(&caller.who, Right::Read)?;
        Ok(place)
    }

    /// Whether a property is a comment that the one who asks does not see.
    fn is_hidden(&self, place: &Place, property: &Property) -> bool {
        let role = place.reads_comments_as();
        let role = role.filter(|_| is_comment(property.key.name.as_str()));
        role.is_some_and(|role| !shows_comment(&self.fetched(&property.content), role))
    }

    fn change_user(
        &mut self,
        by: &Principal,
        id: UserId,
        change: &UserChange,
    ) -> Result<Arc<User>, StoreError> {
        let by = self.current(by)?;
        let account = self.accounts.get_mut(&id).ok_or(Refusal::NoSuchUser)?;
        let was = &account.user;
        check_user_change(&by, was, change)?;
        account.user = Arc::new(change.made(was));
        Ok(Arc::clone(&account.user))
    }

    fn add_group(&mut self, by: &Principal, new: NewGroup) -> Result<Group, StoreError> {
        let by = self.current(by)?;
        if let Some(space) = new.space {
            let (who, at) = (by.clone(), new.at);
            let place = self.place(&Caller { who, at }, ResourceId::Node(space))?;
            place.allow(&by, Right::Enroll)?;
            if place.kind != Some(NodeKind::Space) {
                return Err(Refusal::NoSuchSpace.into());
            }
        } else {
            require(&by, Ground::Site, Right::Admin)?;
            let taken =
                |group: &Group| group.space.is_none() && folded(&group.name) == folded(&new.name);
            if self.groups.values().any(taken) {
                return Err(Refusal::GroupNameTaken(new.name).into());
            }
        }
        let members = self.ids_of(&new.members)?;
        self.check_members(&members)?;
        let last = self.groups.keys().next_back();
        let id = last.map_or(GroupId::new(1), |last| Some(last.next()));
        let group = Group {
            id: id.ok_or(Refusal::NoSuchGroup)?,
            uuid: new.uuid,
            name: new.name,
            space: new.space,
            members: sorted(members),
        };
        self.groups.insert(group.id, group.clone());
        Ok(group)
    }

    fn set_members(
        &mut self,
        by: &Principal,
        id: GroupId,
        members: Vec<UserId>,
    ) -> Result<Group, StoreError> {
        require(&self.current(by)?, Ground::Site, Right::Admin)?;
        if !self.groups.contains_key(&id) {
            return Err(Refusal::NoSuchGroup.into());
        }
        self.check_members(&members)?;
        let group = self.groups.get_mut(&id).ok_or(Refusal::NoSuchGroup)?;
        group.members = sorted(members);
        Ok(group.clone())
    }

    fn property(&self, resource: ResourceId, name: &PropertyName) -> Option<Property> {
        self.properties.get(&(resource, name.clone())).cloned()
    }

    fn found_file(&self, id: NodeId, rename: Option<&NodeName>) -> Found {
        let description = DESCRIPTION_PROPERTY
            .parse()
            .ok()
            .and_then(|n| self.property(ResourceId::Node(id), &n));
        match self.live_file(id) {
            Ok(StoredNode {
                revisions,
                parent: Some(parent),
                ..
            }) => match revisions.last() {
                Some(file) => Found::File {
                    file: file.clone(),
                    description,
                    name_taken: rename
                        .and_then(|name| self.file_named(*parent, name))
                        .is_some_and(|other| other != id),
                },
                None => Found::Nothing,
            },
            Ok(_) | Err(_) => Found::Nothing,
        }
    }

    fn found(&self, who: &Caller, change: &Change) -> Found {
        let property = |name| {
            self.property(change.resource, name)
                .map_or(Found::Nothing, Found::Property)
        };
        match (&change.edit, change.resource) {
            (Edit::Put(put), _) => property(&put.name),
            (Edit::Set(set), _) => {
                self.property(change.resource, &set.name)
                    .map_or(Found::Nothing, |mut head| {
                        head.content = self.fetched(&head.content);
                        Found::Property(head)
                    })
            }
            (Edit::Delete(delete), _) => match (property(&delete.name), &delete.alias) {
                (Found::Nothing, Some(alias)) => property(alias),
                (found, _) => found,
            },
            (Edit::Upload(upload), ResourceId::Node(page)) => self
                .file_named(page, &upload.file.name)
                .map_or(Found::Nothing, |id| self.found_file(id, None)),
            (Edit::Revise { rename, .. }, ResourceId::Node(id)) => {
                self.found_file(id, rename.as_ref())
            }
            (Edit::Remove { .. }, ResourceId::Node(id)) => self
                .found_folder(id)
                .unwrap_or_else(|| self.found_file(id, None)),
            (Edit::Rename(_), ResourceId::Node(id)) => {
                self.found_folder(id).unwrap_or(Found::Nothing)
            }
            (Edit::AddFile(_), ResourceId::Node(id)) => self.submission(who, id),
            (Edit::Enroll(enroll), ResourceId::Node(id)) => self.found_account(id, &enroll.login),
            (Edit::SetAccess(access), ResourceId::Node(id)) => {
                self.found_access(id, access.as_ref())
            }
            (Edit::WritePage(write), ResourceId::Node(id)) => {
                self.found_page(who, id, &write.below)
            }
            (Edit::SetPermissions(Some(new)), _) => {
                let unknown = self.unknown(new.grants.iter().map(|grant| grant.grantee));
                unknown.map_or(Found::Nothing, Found::Unknown)
            }
            (
                Edit::Upload(_)
                | Edit::Revise { .. }
                | Edit::Remove { .. }
                | Edit::WritePage(_)
                | Edit::Rename(_)
                | Edit::AddFile(_)
                | Edit::Enroll(_)
                | Edit::SetAccess(_),
                ResourceId::Site | ResourceId::User(_),
            )
            | (
                Edit::Refused { .. }
                | Edit::SetLanguage(_)
                | Edit::SetPermissions(None)
                | Edit::AddSpace(_)
                | Edit::AddFolder(_),
                _,
            ) => Found::Nothing,
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<Vec<Outcome>, StoreError> {
        let by = Caller {
            who: self.current(&batch.by)?,
            at: batch.at,
        };
        let places = batch
            .changes()
            .iter()
            .map(|c| (c.resource, self.place(&by, c.resource)))
            .collect();
        let found = batch
            .changes()
            .iter()
            .map(|change| self.found(&by, change))
            .collect();
        let (outcomes, next) = decide(
            &Snapshot {
                places,
                found,
                makers: self.makers.iter().map(|(&id, &(by, _))| (id, by)).collect(),
                next: self.next,
            },
            batch,
        )?;
        self.staged = self.staged_after(&outcomes)?;
        self.next = next;
        for (change, outcome) in batch.changes().iter().zip(&outcomes) {
            if let Ok(done) = outcome {
                self.apply(batch, change, done);
            }
        }
        Ok(outcomes)
    }

    fn put(&mut self, mut property: Property) {
        // A value may be a part of a whole request, which shall not be kept with it.
        if let Body::Inline(bytes) = &mut property.content.body {
            *bytes = Bytes::copy_from_slice(bytes);
        }
        self.set(&property, Some(&property.content));
        self.makers
            .entry(property.id)
            .or_insert((property.modified_by, property.modified_at));
        self.properties
            .insert((property.key.resource, property.key.name.clone()), property);
    }

    fn apply(&mut self, batch: &Batch, change: &Change, done: &Done) {
        match done {
            Done::Put(property) => self.put(property.clone()),
            Done::Deleted(property) => {
                self.set(property, None);
                self.properties
                    .remove(&(property.key.resource, property.key.name.clone()));
            }
            Done::LanguageSet => {
                if let (Edit::SetLanguage(language), ResourceId::Node(id)) =
                    (&change.edit, change.resource)
                    && let Some(node) = self.nodes.get_mut(&id)
                {
                    node.language = Some(language.clone());
                }
            }
            Done::Uploaded {
                file,
                property,
                submitted,
            } => {
                let space = self.nodes.get(&file.parent).and_then(|folder| folder.space);
                let node = self.nodes.entry(file.id).or_insert_with(|| StoredNode {
                    kind: NodeKind::File,
                    parent: Some(file.parent),
                    name: file.name.clone(),
                    deleted: false,
                    language: None,
                    created_at: file.modified_at,
                    created_by: file.modified_by,
                    changed: (file.modified_at, file.modified_by),
                    uuid: file.uuid,
                    space,
                    settings: Settings::default(),
                    access: None,
                    permissions: None,
                    revisions: Vec::new(),
                    page: None,
                });
                node.name = file.name.clone();
                node.changed = (file.modified_at, file.modified_by);
                node.revisions.push(file.clone());
                node.settings.submitted |= submitted;
                if let Some(property) = property {
                    self.put(property.clone());
                }
            }
            Done::Removed => {
                if let ResourceId::Node(id) = change.resource
                    && let Some(node) = self.nodes.get_mut(&id)
                {
                    node.deleted = true;
                }
            }
            Done::PageWritten(pages) => {
                for page in pages {
                    let space = page
                        .parent
                        .and_then(|parent| self.nodes.get(&parent)?.space);
                    let new = || StoredNode::of_page(page, space);
                    let node = self.nodes.entry(page.id).or_insert_with(new);
                    node.name = page.name.clone();
                    node.changed = (page.modified_at, page.modified_by);
                    node.page = Some(page.clone());
                }
            }
            Done::PermissionsSet => {
                if let (Edit::SetPermissions(new), ResourceId::Node(id)) =
                    (&change.edit, change.resource)
                    && let Some(node) = self.nodes.get_mut(&id)
                {
                    node.permissions.clone_from(new);
                    if let Some(permissions) = &mut node.permissions {
                        permissions.grants.sort_by_key(|grant| grant.grantee);
                    }
                }
            }
            Done::Enrolled { user, role, .. } => {
                if let ResourceId::Node(space) = change.resource {
                    match role {
                        Some(role) => self.enrolled.insert((space, user.id), *role),
                        None => self.enrolled.remove(&(space, user.id)),
                    };
                }
            }
            Done::AccessSet => {
                if let (Edit::SetAccess(new), ResourceId::Node(id)) =
                    (&change.edit, change.resource)
                    && let Some(node) = self.nodes.get_mut(&id)
                {
                    node.access = new.as_ref().map(AccessList::sorted);
                    node.changed = (batch.at, batch.by.id());
                }
            }
            Done::Unchanged => {}
        }
    }

    /// What is still being sent when these outcomes are visible. It fails before anything is written.
    fn staged_after(&self, outcomes: &[Outcome]) -> Result<BTreeSet<ContentId>, StoreError> {
        let mut staged = self.staged.clone();
        for done in outcomes.iter().flatten() {
            let content = match done {
                Done::Put(property) => &property.content,
                Done::Uploaded { file, .. } => &file.content,
                Done::PageWritten(pages) => match pages.last() {
                    Some(page) => &page.content,
                    None => continue,
                },
                Done::Deleted(_)
                | Done::LanguageSet
                | Done::Removed
                | Done::PermissionsSet
                | Done::Enrolled { .. }
                | Done::AccessSet
                | Done::Unchanged => continue,
            };
            match &content.body {
                Body::Stored(id) if !staged.remove(id) => {
                    return Err(StoreError::Damaged(format!("content {id} is not there")));
                }
                Body::Omitted => {
                    return Err(StoreError::Damaged(
                        "a content without its bytes".to_owned(),
                    ));
                }
                Body::Stored(_) | Body::Inline(_) => {}
            }
        }
        Ok(staged)
    }

    /// The property as a list shows it: with its text at hand if it is short enough.
    fn shown(&self, property: &Property, cutoff: u64) -> Property {
        let mut shown = property.clone();
        if property.content.is_shown(cutoff) {
            shown.content = self.fetched(&property.content);
        } else {
            shown.content.body = Body::Omitted;
        }
        shown
    }

    /// A content with all its bytes at hand.
    fn fetched(&self, content: &Content) -> Content {
        let mut fetched = content.clone();
        if let Body::Stored(id) = content.body {
            let pieces = self.contents.get(&id).into_iter().flatten();
            let bytes = pieces.fold(BytesMut::new(), |mut all, piece| {
                all.extend_from_slice(piece);
                all
            });
            fetched.body = Body::Inline(bytes.freeze());
        }
        fetched
    }

    fn users_of<'a>(&self, ids: impl Iterator<Item = &'a UserId>) -> Users {
        ids.filter_map(|id| {
            self.accounts
                .get(id)
                .map(|account| (*id, Arc::clone(&account.user)))
        })
        .collect()
    }

    fn list(&self, who: &Caller, query: &ListQuery) -> Result<Listing, StoreError> {
        let place = self.readable(who, query.resource)?;
        let ours = self.properties.iter().filter(|((resource, name), _)| {
            *resource == query.resource && query.names.matches(name.as_str())
        });
        let ours = ours.filter(|(_, property)| !self.is_hidden(&place, property));
        let mut properties: Vec<Property> = ours
            .map(|(_, property)| self.shown(property, query.cutoff))
            .collect();
        properties.sort_by_key(|property| property.id);
        let users = self.users_of(properties.iter().map(|property| &property.modified_by));
        let language = match query.resource {
            ResourceId::Node(id) => self
                .page(id)
                .ok()
                .and_then(|page| super::language_of(page.language.as_ref())),
            ResourceId::Site | ResourceId::User(_) => None,
        };
        Ok(Listing {
            resource: query.resource,
            properties,
            users,
            language,
        })
    }

    /// A file, and the number of its newest revision.
    fn file(&self, id: NodeId, revision: Option<Revision>) -> Result<(File, Revision), Refusal> {
        let revisions = &self.live_file(id)?.revisions;
        let head = revisions.last().ok_or(Refusal::NoSuchFile)?.revision;
        let wanted = revision.unwrap_or(head);
        let file = revisions
            .iter()
            .find(|file| file.revision == wanted)
            .ok_or(Refusal::NoSuchRevision)?;
        Ok((file.clone(), head))
    }

    fn file_view(
        &self,
        who: &Caller,
        id: NodeId,
        revision: Option<Revision>,
    ) -> Result<FileView, StoreError> {
        let mut properties = self.list(who, &super::embedded(ResourceId::Node(id)))?;
        let (file, head) = self.file(id, revision)?;
        properties
            .users
            .extend(self.users_of([file.modified_by].iter()));
        Ok(FileView {
            head,
            parent: Arc::new(self.node(file.parent)?),
            properties,
            file,
        })
    }

    fn node(&self, id: NodeId) -> Result<Node, StoreError> {
        let page = self.page(id)?;
        let mut names = Vec::new();
        let mut above = Some(id);
        while let Some(node) = above
            .filter(|&id| id != NodeId::HOME)
            .and_then(|id| self.nodes.get(&id))
        {
            names.push(node.name.as_str());
            above = node.parent;
        }
        names.reverse();
        Ok(Node {
            id,
            kind: page.kind,
            name: page.name.clone(),
            path: names.join("/"),
        })
    }

    fn account(&self, id: UserId) -> Result<&Account, Refusal> {
        self.accounts.get(&id).ok_or(Refusal::NoSuchUser)
    }

    fn add_account(&mut self, by: &Principal, new: NewAccount) -> Result<Arc<User>, StoreError> {
        require(&self.current(by)?, Ground::Site, Right::Admin)?;
        let taken = |account: &Account| folded(&account.user.name) == folded(&new.name);
        if self.accounts.values().any(taken) {
            return Err(Refusal::UserNameTaken(new.name).into());
        }
        let id = self
            .accounts
            .keys()
            .next_back()
            .map_or(UserId::ADMIN, |last| last.next());
        let user = Arc::new(User {
            id,
            uuid: new.uuid,
            name: new.name,
            full_name: new.full_name,
            email: new.email,
            matric_no: new.matric_no,
            role: new.role,
            access: new.access,
            created_at: new.at,
            passwords: 1,
        });
        self.accounts.insert(
            id,
            Account {
                user: Arc::clone(&user),
                password: Some(new.password),
            },
        );
        Ok(user)
    }
}

impl Store for Memory {
    fn write(&self, batch: Batch) -> Ticket<Vec<Outcome>> {
        self.answer(|state| state.write(&batch))
    }

    fn locate(&self, caller: &Caller, address: Address) -> Ticket<Place> {
        self.answer(|state| {
            if let Address::PageToBe(title) = &address {
                let (page, missing) = state.nearest(title);
                let place = state.place(caller, ResourceId::Node(page))?;
                return Ok(Place { missing, ..place });
            }
            let resource = state.resolve(caller, &address)?;
            let place = state.place(caller, resource);
            let Some((kinds, missing)) = address.kinds() else {
                return Ok(place?);
            };
            match place {
                Ok(place) if place.kind.is_some_and(|kind| kinds.contains(&kind)) => Ok(place),
                // The kind of node has to fit the way that pointed there.
                Err(Refusal::FileRemoved) if missing == Refusal::NoSuchFile => {
                    Err(Refusal::FileRemoved.into())
                }
                Ok(_) | Err(_) => Err(missing.into()),
            }
        })
    }

    fn list(&self, who: &Caller, query: ListQuery) -> Ticket<Listing> {
        self.answer(|state| state.list(who, &query))
    }

    fn read(
        &self,
        who: &Caller,
        key: PropertyKey,
        alias: Option<PropertyName>,
    ) -> Ticket<Property> {
        self.answer(|state| {
            let place = state.readable(who, key.resource)?;
            let named = |name: &PropertyName| state.property(key.resource, name);
            let property = named(&key.name).or_else(|| alias.as_ref().and_then(named));
            let property = property.filter(|property| !state.is_hidden(&place, property));
            property.ok_or_else(|| Refusal::NoSuchProperty(key.name.to_string()).into())
        })
    }

    fn file(&self, who: &Caller, id: NodeId, revision: Option<Revision>) -> Ticket<File> {
        self.answer(|state| {
            let place = state.place(who, ResourceId::Node(id))?;
            place.allow_content(&who.who)?;
            Ok(state.file(id, revision)?.0)
        })
    }

    fn file_view(&self, who: &Caller, id: NodeId, revision: Option<Revision>) -> Ticket<FileView> {
        self.answer(|state| state.file_view(who, id, revision))
    }

    fn file_history(&self, who: &Caller, id: NodeId) -> Ticket<FileHistory> {
        self.answer(|state| {
            let mut view = state.file_view(who, id, None)?;
            let revisions = state.live_file(id)?.revisions.clone();
            let writers = revisions.iter().map(|file| &file.modified_by);
            view.properties.users.extend(state.users_of(writers));
            Ok(FileHistory { view, revisions })
        })
    }

    fn files_on(&self, who: &Caller, page: NodeId) -> Ticket<Vec<FileView>> {
        self.answer(|state| {
            state.page(page)?;
            state.readable(who, ResourceId::Node(page))?;
            let is_on = |node: &StoredNode| {
                node.kind == NodeKind::File && node.parent == Some(page) && !node.deleted
            };
            let files = state.nodes.iter().filter(|(_, node)| is_on(node));
            let views: Vec<FileView> = files
                .map(|(&id, _)| state.file_view(who, id, None))
                .filter(|view| {
                    // What is hidden is left out.
                    !matches!(view, Err(StoreError::Refused(Refusal::Denied(_))))
                })
                .collect::<Result<_, _>>()?;
            check_paths(&state.node(page)?.path, views.len())?;
            Ok(views)
        })
    }

    fn page(&self, who: &Caller, id: NodeId) -> Ticket<PageView> {
        self.answer(|state| state.page_view(who, id))
    }

    fn permissions(&self, page: NodeId) -> Ticket<Permissions> {
        self.answer(|state| {
            match state.page(page)?.kind {
                NodeKind::Page => Ok(state.permissions(page)),
                // They have none.
                NodeKind::Space | NodeKind::Folder | NodeKind::File => {
                    Err(Refusal::NoSuchPage.into())
                }
            }
        })
    }

    fn pages_with(&self, who: &Caller, search: PageSearch) -> Ticket<Vec<FoundPage>> {
        self.answer(|state| state.pages_with(who, &search))
    }

    fn entry(&self, caller: &Caller, id: NodeId) -> Ticket<Entries> {
        self.answer(|state| state.entry(caller, id))
    }

    fn entries(&self, caller: &Caller, of: NodeId, kind: NodeKind) -> Ticket<Entries> {
        self.answer(|state| state.entries(caller, of, kind))
    }

    fn named(&self, uuids: Uuids) -> Ticket<Named> {
        self.answer(|state| Ok(state.named(&uuids)))
    }

    fn details(&self, caller: &Caller, ids: Vec<NodeId>, comments: Comments) -> Ticket<Details> {
        self.answer(|state| state.details(caller, &ids, comments))
    }

    fn search(&self, caller: &Caller, search: TreeSearch) -> Ticket<Details> {
        self.answer(|state| state.search(caller, &search))
    }

    fn link_key(&self) -> Ticket<[u8; 32]> {
        self.answer(|state| Ok(state.link_key))
    }

    fn stage(&self, _at: Timestamp) -> Ticket<ContentId> {
        self.answer(|state| {
            let id = state.next_content;
            state.next_content = id.next();
            state.staged.insert(id);
            state.contents.insert(id, Vec::new());
            Ok(id)
        })
    }

    fn append(&self, content: ContentId, seq: u32, bytes: Bytes) -> Ticket<()> {
        self.answer(|state| {
            match state
                .contents
                .get_mut(&content)
                .filter(|_| state.staged.contains(&content))
            {
                Some(pieces) if pieces.len() == seq as usize && bytes.len() <= CHUNK_BYTES => {
                    pieces.push(bytes);
                    Ok(())
                }
                Some(_) | None => Err(StoreError::Damaged(format!(
                    "content {content} cannot get a piece {seq}"
                ))),
            }
        })
    }

    fn discard(&self, content: ContentId) -> Ticket<()> {
        self.answer(|state| {
            if state.staged.remove(&content) {
                state.contents.remove(&content);
            }
            Ok(())
        })
    }

    fn chunk(&self, content: ContentId, seq: u32) -> Ticket<Bytes> {
        self.answer(|state| {
            let piece = state
                .contents
                .get(&content)
                .and_then(|pieces| pieces.get(seq as usize));
            piece
                .cloned()
                .ok_or_else(|| StoreError::Damaged(format!("content {content} has no piece {seq}")))
        })
    }

    fn account(&self, name: &str) -> Ticket<Option<Account>> {
        self.answer(|state| Ok(state.account_named(name).cloned()))
    }

    fn user(&self, id: UserId) -> Ticket<Arc<User>> {
        self.answer(|state| Ok(Arc::clone(&state.account(id)?.user)))
    }

    fn users(&self) -> Ticket<Vec<Arc<User>>> {
        self.answer(|state| {
            Ok(state
                .accounts
                .values()
                .map(|account| Arc::clone(&account.user))
                .collect())
        })
    }

    fn add_account(&self, by: &Principal, account: NewAccount) -> Ticket<Arc<User>> {
        self.answer(|state| state.add_account(by, account))
    }

    fn change_user(&self, by: &Principal, user: UserId, change: UserChange) -> Ticket<Arc<User>> {
        self.answer(|state| state.change_user(by, user, &change))
    }

    fn group(&self, caller: &Caller, id: GroupId) -> Ticket<Group> {
        self.answer(|state| {
            let group = state.groups.get(&id).ok_or(Refusal::NoSuchGroup)?;
            if let Some(space) = group.space {
                state.readable(caller, ResourceId::Node(space))?;
            }
            Ok(group.clone())
        })
    }

    fn groups(&self) -> Ticket<Vec<Group>> {
        self.answer(|state| Ok(state.groups.values().cloned().collect()))
    }

    fn add_group(&self, by: &Principal, group: NewGroup) -> Ticket<Group> {
        self.answer(|state| state.add_group(by, group))
    }

    fn set_members(&self, by: &Principal, group: GroupId, members: Vec<UserId>) -> Ticket<Group> {
        self.answer(|state| state.set_members(by, group, members))
    }

    fn set_password(&self, by: &Principal, user: UserId, password: String) -> Ticket<()> {
        self.answer(|state| {
            require(&state.current(by)?, Ground::User(user), Right::Update)?;
            let account = state.accounts.get_mut(&user).ok_or(Refusal::NoSuchUser)?;
            account.password = Some(password);
            account.user = Arc::new(User {
                passwords: account.user.passwords + 1,
                ..User::clone(&account.user)
            });
            state.tokens.retain(|_, (owner, _)| *owner != user);
            Ok(())
        })
    }

    fn add_token(&self, by: &Principal, token: NewToken, now: Timestamp) -> Ticket<()> {
        self.answer(|state| {
            if state.current(by)?.user().passwords != by.user().passwords {
                return Err(Refusal::PasswordChanged.into());
            }
            state.tokens.retain(|_, (_, expires_at)| *expires_at > now);
            state.tokens.insert(token.hash, (by.id(), token.expires_at));
            Ok(())
        })
    }

    fn token(&self, hash: [u8; 32], now: Timestamp) -> Ticket<Option<(Arc<User>, Timestamp)>> {
        self.answer(|state| {
            let live = state
                .tokens
                .get(&hash)
                .filter(|(_, expires_at)| *expires_at > now);
            let found = live.and_then(|(id, expires_at)| {
                Some((Arc::clone(&state.accounts.get(id)?.user), *expires_at))
            });
            Ok(found)
        })
    }

    fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    }
}

//! The spaces of a store in memory.

use super::{State, StoredNode};
use crate::model::{
    AccessList, Caller, Content, Entries, Entry, Extensions, FileEntry, FileOrder, Found, Grantee,
    Ground, Inside, Kept, Level, Listed, NodeId, NodeKind, NodeName, Property, Refusal, ResourceId,
    Right, Setting, Source, SpaceGround, SpaceRole, Spaces, UserId, rights_on, source,
};
use crate::store::{Account, StoreError, folded};
use std::convert::Infallible;
use std::sync::Arc;

/// What a store in memory says of its spaces cannot fail.
pub(super) fn sure<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
    }
}

impl Spaces for State {
    type Error = Infallible;

    fn levels(&self, node: NodeId) -> Result<Option<Vec<Level>>, Infallible> {
        let (mut levels, mut at) = (Vec::new(), Some(node));
        while let Some((id, node)) = at.and_then(|id| Some((id, self.nodes.get(&id)?))) {
            if node.deleted {
                return Ok(None);
            }
            levels.push(node.level(id));
            at = node.parent;
        }
        Ok((!levels.is_empty()).then_some(levels))
    }

    fn enrolled(&self, space: NodeId, user: UserId) -> Result<Option<SpaceRole>, Infallible> {
        Ok(self.enrolled.get(&(space, user)).copied())
    }

    fn access(&self, folder: NodeId, user: UserId) -> Result<Listed, Infallible> {
        let Some(list) = self
            .nodes
            .get(&folder)
            .and_then(|node| node.access.as_ref())
        else {
            return Ok(Listed::default());
        };
        let roles = |is_meant: &dyn Fn(&Grantee) -> bool| {
            let grants = list.grants.iter().filter(|(grantee, _)| is_meant(grantee));
            grants.map(|&(_, role)| role).max()
        };
        let is_in = |grantee: &Grantee| match grantee {
            Grantee::User(_) => false,
            Grantee::Group(id) => {
                let group = self.groups.get(id);
                group.is_some_and(|group| group.members.contains(&user))
            }
        };
        Ok(Listed {
            user: roles(&|grantee| *grantee == Grantee::User(user)),
            group: roles(&is_in),
            public: list.public,
            inherits: list.inherits,
        })
    }
}

impl StoredNode {
    pub(super) fn level(&self, id: NodeId) -> Level {
        Level {
            id,
            kind: self.kind,
            maker: self.created_by,
            settings: self.settings,
            has_access: self.access.is_some(),
        }
    }
}

impl State {
    pub(super) fn found_folder(&self, id: NodeId) -> Option<Found> {
        let folder = self.page(id).ok()?.page.clone();
        let folder = folder.filter(|folder| folder.kind != NodeKind::Page)?;
        let parent = folder.parent.and_then(|parent| self.nodes.get(&parent));
        let siblings = |node: &StoredNode| node.parent == folder.parent;
        let first = self.nodes.iter().find(|(_, node)| siblings(node));
        Some(Found::Folder {
            is_first: parent.is_some_and(|parent| parent.kind == NodeKind::Space)
                && first.is_some_and(|(&first, _)| first == id),
            folder: Box::new(folder),
        })
    }

    pub(super) fn setting(&self, node: NodeId, setting: Setting) -> Option<Content> {
        let found = self.property(ResourceId::Node(node), &setting.property()?)?;
        Some(self.fetched(&found.content))
    }

    pub(super) fn submission(&self, caller: &Caller, folder: NodeId) -> Found {
        let place = self.place(caller, ResourceId::Node(folder)).ok();
        let role = place.and_then(|place| place.space?.role);
        if role.is_none_or(SpaceRole::is_staff) {
            return Found::Nothing;
        }
        let [types, groups] = Extensions::SETTINGS.map(|setting| self.setting(folder, setting));
        Found::Submission {
            extensions: Extensions::of([types.as_ref(), groups.as_ref()]),
            settings: self
                .nodes
                .get(&folder)
                .map(|node| node.settings)
                .unwrap_or_default(),
        }
    }

    pub(super) fn account_named(&self, login: &str) -> Option<&Account> {
        let login = folded(login);
        let mut accounts = self.accounts.values();
        accounts.find(|account| folded(&account.user.name) == login)
    }

    pub(super) fn found_account(&self, space: NodeId, login: &str) -> Found {
        let account = self.account_named(login);
        match account.filter(|account| account.user.id != UserId::ANONYMOUS) {
            Some(Account { user, .. }) => {
                let role = self.enrolled.get(&(space, user.id)).copied();
                Found::Account(Arc::clone(user), role)
            }
            None => Found::Nothing,
        }
    }

    pub(super) fn found_access(&self, folder: NodeId, access: Option<&AccessList>) -> Found {
        let grants = access.map(|access| access.grants.as_slice());
        let grantees = grants
            .unwrap_or_default()
            .iter()
            .map(|&(grantee, _)| grantee);
        if let Some(unknown) = self.unknown(grantees) {
            return Found::Unknown(unknown);
        }
        let source = sure(source(self, folder, access));
        let highest = match source {
            // What the folder's own list gives is said by the change itself.
            Source::Folder(from) if from != folder => {
                let list = self.nodes.get(&from).and_then(|node| node.access.as_ref());
                list.and_then(AccessList::highest)
            }
            Source::Folder(_) | Source::Enrollment | Source::Impossible => None,
        };
        let node = self.nodes.get(&folder);
        Found::Access {
            was: node.and_then(|node| node.access.clone()),
            source,
            highest,
        }
    }

    /// The newest file of a name in a folder that the one who asks may see.
    pub(super) fn visible_file(
        &self,
        caller: &Caller,
        folder: NodeId,
        name: &NodeName,
    ) -> Option<NodeId> {
        let inside = sure(Inside::of(self, caller, folder))?;
        let is_it = |node: &StoredNode| {
            node.parent == Some(folder)
                && node.kind == NodeKind::File
                && !node.deleted
                && node.name == *name
        };
        let may_see = |id: NodeId, node: &StoredNode| {
            let ground = sure(inside.child(self, caller, &node.level(id)));
            rights_on(&caller.who, Ground::Space(ground)).allow(Right::Read)
        };
        let mut files = self.nodes.iter().rev();
        let found = files.find(|(id, node)| is_it(node) && may_see(**id, node));
        found.map(|(&id, _)| id)
    }

    /// What a list says of a node.
    pub(super) fn entry_of(id: NodeId, node: &StoredNode, ground: Option<SpaceGround>) -> Entry {
        let file = node.revisions.last().map(|file| FileEntry {
            file: file.clone(),
            is_link: node.settings.is_link == Some(true),
            may_download: ground.is_none_or(|ground| ground.may_download()),
        });
        Entry {
            id,
            uuid: node.uuid,
            kind: node.kind,
            name: node.name.clone(),
            parent: node.parent,
            space: node.space,
            created_at: node.created_at,
            created_by: node.created_by,
            file,
        }
    }

    pub(super) fn entries_of(&self, entries: Vec<Entry>) -> Entries {
        Entries {
            users: self.users_of(entries.iter().map(|entry| &entry.created_by)),
            entries,
        }
    }

    pub(super) fn entry(&self, caller: &Caller, id: NodeId) -> Result<Entries, StoreError> {
        let place = self.place(caller, ResourceId::Node(id))?;
        place.allow(&caller.who, Right::Read)?;
        let node = self.nodes.get(&id).ok_or(Refusal::NoSuchPage)?;
        Ok(self.entries_of(vec![Self::entry_of(id, node, place.space)]))
    }

    pub(super) fn entries(
        &self,
        caller: &Caller,
        of: NodeId,
        kind: NodeKind,
    ) -> Result<Entries, StoreError> {
        let place = self.place(caller, ResourceId::Node(of))?;
        place.allow(&caller.who, Right::Read)?;
        let inside = place.space.and_then(|_| sure(Inside::of(self, caller, of)));
        let is_child =
            |node: &StoredNode| node.parent == Some(of) && node.kind == kind && !node.deleted;
        let mut entries = Vec::new();
        for (&id, node) in self.nodes.iter().filter(|(_, node)| is_child(node)) {
            let ground = inside
                .as_ref()
                .map(|inside| sure(inside.child(self, caller, &node.level(id))));
            let may_read =
                |ground| rights_on(&caller.who, Ground::Space(ground)).allow(Right::Read);
            if !ground.is_none_or(may_read) {
                continue;
            }
            let mut entry = Self::entry_of(id, node, ground);
            if let Some(file) = &mut entry.file {
                file.file.content.omit_inline();
            }
            entries.push(entry);
        }
        let mut entries = self.entries_of(entries);
        if kind == NodeKind::File {
            entries.sort(FileOrder::of(
                self.setting(of, Setting::SortFilesBy).as_ref(),
            ));
        }
        Ok(entries)
    }

    /// Keeps what a property sets that is a setting; without a content: takes it back.
    pub(super) fn set(&mut self, property: &Property, content: Option<&Content>) {
        if let ResourceId::Node(id) = property.key.resource
            && let Some(node) = self.nodes.get_mut(&id)
            && let Some(setting) = Setting::of(node.kind, property.key.name.as_str())
        {
            let kept = content.and_then(|content| Kept::of(setting, content));
            node.settings.set(setting, kept);
            if setting != Setting::Comment {
                node.changed = (property.modified_at, property.modified_by);
            }
        }
    }
}

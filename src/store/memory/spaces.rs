//! The spaces of a store in memory.

use super::{State, StoredNode};
use crate::model::{
    AccessList, Body, Caller, Content, Entries, Entry, Extensions, FileEntry, FileOrder, Found,
    Grantee, Ground, Inside, Kept, Level, Listed, NodeId, NodeKind, Property, Refusal, ResourceId,
    Right, Setting, SpaceRole, Spaces, UserId, rights_on,
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
    fn level(&self, id: NodeId) -> Level {
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
        Some(self.shown(&found, u64::MAX).content)
    }

    pub(super) fn submission(&self, folder: NodeId) -> Found {
        let [types, groups] = Extensions::SETTINGS.map(|setting| self.setting(folder, setting));
        Found::Submission {
            extensions: Extensions::of([types.as_ref(), groups.as_ref()]),
            deadline: self
                .nodes
                .get(&folder)
                .and_then(|node| node.settings.deadline_at),
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

    pub(super) fn found_access(&self, folder: NodeId, access: &AccessList) -> Found {
        if let Some(unknown) = self.unknown(access.grants.iter().map(|&(grantee, _)| grantee)) {
            return Found::Unknown(unknown);
        }
        let space = |id: NodeId| self.nodes.get(&id).and_then(|node| node.space);
        let mut next = access.inherits;
        while let Some(from) = next {
            let levels = sure(self.levels(from)).unwrap_or_default();
            let is_file = levels
                .first()
                .is_none_or(|level| level.kind == NodeKind::File);
            if is_file || space(from) != space(folder) {
                return Found::BadInheritance;
            }
            let with_access = levels
                .iter()
                .find(|level| level.has_access || level.id == folder);
            match with_access.map(|level| level.id) {
                Some(id) if id == folder => return Found::BadInheritance,
                Some(id) => {
                    let list = self.nodes.get(&id).and_then(|node| node.access.as_ref());
                    next = list.and_then(|list| list.inherits);
                }
                None => break,
            }
        }
        Found::Nothing
    }

    /// What a list says of a node.
    pub(super) fn entry_of(id: NodeId, node: &StoredNode, role: Option<SpaceRole>) -> Entry {
        let file = node.revisions.last().map(|file| {
            let is_staff = role.is_some_and(SpaceRole::is_staff);
            FileEntry {
                file: file.clone(),
                is_link: node.settings.is_link == Some(true),
                may_download: is_staff || node.settings.allow_download != Some(false),
            }
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
        let role = place
            .space
            .map_or(Some(SpaceRole::Owner), |ground| ground.role);
        Ok(self.entries_of(vec![Self::entry_of(id, node, role)]))
    }

    pub(super) fn entries(
        &self,
        caller: &Caller,
        of: NodeId,
        kind: NodeKind,
    ) -> Result<Entries, StoreError> {
        let place = self.place(caller, ResourceId::Node(of))?;
        place.allow(&caller.who, Right::Read)?;
        let ground = place.space;
        let inside = ground.map(|ground| sure(Inside::new(self, caller, ground, of)));
        let is_child =
            |node: &StoredNode| node.parent == Some(of) && node.kind == kind && !node.deleted;
        let mut entries = Vec::new();
        for (&id, node) in self.nodes.iter().filter(|(_, node)| is_child(node)) {
            let mut role = Some(SpaceRole::Owner);
            if let Some(inside) = &inside {
                let ground = sure(inside.ground(self, node.level(id)));
                role = ground.role;
                if !rights_on(&caller.who, Ground::Space(ground)).allow(Right::Read) {
                    continue;
                }
            }
            let mut entry = Self::entry_of(id, node, role);
            if let Some(file) = &mut entry.file
                && let Body::Inline(_) = file.file.content.body
            {
                file.file.content.body = Body::Omitted;
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
        }
    }
}

//! The search of a store in memory: it looks at everything.

use super::spaces::sure;
use super::{State, StoredNode};
use crate::model::{
    Above, Caller, Comment, Comments, Detail, Details, Ground, Inside, Named, NodeId, NodeKind,
    Refusal, ResourceId, Right, SETTING_PREFIX, Setting, TreeSearch, UserId, Uuids, contains,
    is_comment, rights_on, shows_comment,
};
use crate::store::StoreError;
use std::sync::Arc;

impl State {
    pub(super) fn named(&self, uuids: &Uuids) -> Named {
        let node = |(&id, node): (&NodeId, &StoredNode)| (node.uuid, (id, node.kind));
        let nodes = self.nodes.iter().map(node);
        let accounts = self.accounts.iter();
        let accounts = accounts.filter(|(id, _)| **id != UserId::ANONYMOUS);
        let users = accounts.map(|(&id, account)| (account.user.uuid, id));
        let groups = self.groups.iter().map(|(&id, group)| (group.uuid, id));
        Named {
            nodes: nodes
                .filter(|(uuid, _)| uuids.nodes.contains(uuid))
                .collect(),
            users: users
                .filter(|(uuid, _)| uuids.users.contains(uuid))
                .collect(),
            groups: groups
                .filter(|(uuid, _)| uuids.groups.contains(uuid))
                .collect(),
        }
    }

    pub(super) fn details(
        &self,
        caller: &Caller,
        ids: &[NodeId],
        comments: Comments,
    ) -> Result<Details, StoreError> {
        let mut details = Details::default();
        let mut denied = None;
        for &id in ids {
            match self.detail(caller, id, comments) {
                Ok(detail) => self.tell(&mut details, detail)?,
                Err(refusal @ Refusal::Denied(_)) => {
                    denied.get_or_insert(refusal);
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
        denied.map_or(Ok(details), |refusal| Err(refusal.into()))
    }

    pub(super) fn search(
        &self,
        caller: &Caller,
        search: &TreeSearch,
    ) -> Result<Details, StoreError> {
        let place = self.place(caller, ResourceId::Node(search.top))?;
        place.allow(&caller.who, Right::Read)?;
        if place.space.is_none() || place.kind == Some(NodeKind::File) {
            return Err(Refusal::NoSuchFolder.into());
        }
        let mut details = Details::default();
        for &id in self.nodes.keys() {
            if !self.is_below(id, search.top) {
                continue;
            }
            let Ok(detail) = self.detail(caller, id, search.comments) else {
                continue;
            };
            let maker = self.account(detail.entry.created_by).ok();
            let is_meant = |text: &String| {
                let is_named_so =
                    maker.is_some_and(|maker| contains(maker.user.display_name(), text));
                contains(detail.entry.name.as_str(), text)
                    || is_named_so
                    || detail.link_matches(text)
            };
            if search.text.as_ref().is_none_or(is_meant) {
                self.tell(&mut details, detail)?;
            }
        }
        details.sort();
        Ok(details)
    }

    fn is_below(&self, id: NodeId, top: NodeId) -> bool {
        let parent = |id: NodeId| self.nodes.get(&id).and_then(|node| node.parent);
        let mut above = parent(id);
        while let Some(id) = above {
            if id == top {
                return true;
            }
            above = parent(id);
        }
        false
    }

    fn tell(&self, details: &mut Details, detail: Detail) -> Result<(), Refusal> {
        let comments = detail.comments.iter();
        let named = comments.flat_map(|comment| [comment.made_by, comment.property.modified_by]);
        let named: Vec<UserId> = named
            .chain([detail.entry.created_by, detail.changed_by])
            .collect();
        details.users.extend(self.users_of(named.iter()));
        for comment in &detail.comments {
            details.spend(comment.property.content.size)?;
        }
        details.take(detail)
    }

    fn detail(&self, caller: &Caller, id: NodeId, comments: Comments) -> Result<Detail, Refusal> {
        let node = self.nodes.get(&id).filter(|node| node.space.is_some());
        let node = node.ok_or(Refusal::NoSuchFolder)?;
        let parent = node.parent.ok_or(Refusal::NoSuchFolder)?;
        if node.deleted {
            return Err(Refusal::NoSuchFolder);
        }
        let inside = sure(Inside::of(self, caller, parent)).ok_or(Refusal::NoSuchFolder)?;
        let ground = sure(inside.child(self, caller, &node.level(id)));
        let may_read = rights_on(&caller.who, Ground::Space(ground)).allow(Right::Read);
        let Some(role) = ground.role.filter(|_| may_read) else {
            self.readable(caller, ResourceId::Node(id))?;
            return Err(Refusal::NoSuchFolder);
        };
        let mut entry = Self::entry_of(id, node, Some(ground));
        if let Some(file) = &mut entry.file {
            file.file.content.omit_inline();
        }
        let mut detail = Detail {
            entry,
            changed_at: node.changed.0,
            changed_by: node.changed.1,
            above: Arc::new(self.above(parent)),
            role,
            is_active: node.settings.is_active(caller.at),
            settings: Vec::new(),
            has_comments: false,
            comments: Vec::new(),
        };
        for ((resource, name), property) in &self.properties {
            let is_setting = name.as_str().starts_with(SETTING_PREFIX)
                && Setting::of(node.kind, name.as_str()).is_some();
            if *resource != ResourceId::Node(id) || !is_setting {
                continue;
            }
            let mut property = property.clone();
            property.content = self.fetched(&property.content);
            if node.kind != NodeKind::File || !is_comment(name.as_str()) {
                detail.settings.push(property);
            } else if shows_comment(&property.content, role) {
                detail.has_comments = true;
                if comments == Comments::All
                    && let Some(&(made_by, made_at)) = self.makers.get(&property.id)
                {
                    detail.comments.push(Comment {
                        property,
                        made_at,
                        made_by,
                    });
                }
            }
        }
        detail.comments.sort_by_key(|comment| comment.property.id);
        Ok(detail)
    }

    /// Where the things in a folder or a space lie.
    fn above(&self, folder: NodeId) -> Above {
        let mut above = Above::default();
        let mut at = Some(folder);
        while let Some((id, node)) = at.and_then(|id| Some((id, self.nodes.get(&id)?))) {
            if id == folder {
                above.parent = node.uuid;
            }
            if node.kind == NodeKind::Space {
                above.space = node.uuid;
            } else {
                above.path.insert(0, node.name.clone());
            }
            at = node.parent;
        }
        above
    }
}

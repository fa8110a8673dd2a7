//! What comes of a change of a space: its folders, and who may do what there (`dialects-common.md` §1, §3, §5).

use super::super::{
    AccessList, Content, Done, Enroll, FOLDER_LEVELS_MAX, MediaType, NewNode, NewSpace, NodeId,
    NodeKind, NodeName, Outcome, Page, Place, Refusal, ResourceId, Revision, Source, SpaceRole,
};
use super::{Decision, Found};
use bytes::Bytes;
use std::collections::HashSet;
use std::sync::Arc;

impl Decision<'_> {
    /// A folder, or a space, by its number.
    pub(super) fn folder(
        &self,
        resource: ResourceId,
        kinds: &[NodeKind],
    ) -> Result<(NodeId, &Place), Refusal> {
        match (resource, self.place(resource)) {
            (ResourceId::Node(id), Some(place))
                if place.kind.is_some_and(|kind| kinds.contains(&kind)) =>
            {
                Ok((id, place))
            }
            _ => Err(Refusal::NoSuchFolder),
        }
    }

    pub(super) fn add_space(&mut self, new: &NewSpace) -> Done {
        let space = self.new_folder(NodeKind::Space, None, &new.space);
        let root = self.new_folder(NodeKind::Folder, Some(space.id), &new.root);
        Done::PageWritten(vec![space, root])
    }

    pub(super) fn add_folder(&mut self, resource: ResourceId, new: &NewNode) -> Outcome {
        let (parent, place) = self.folder(resource, &[NodeKind::Space, NodeKind::Folder])?;
        let depth = place.space.map_or(0, |ground| ground.depth);
        if depth >= FOLDER_LEVELS_MAX {
            return Err(Refusal::TooDeep {
                max: FOLDER_LEVELS_MAX,
            });
        }
        let folder = self.new_folder(NodeKind::Folder, Some(parent), new);
        Ok(Done::PageWritten(vec![folder]))
    }

    pub(super) fn new_folder(
        &mut self,
        kind: NodeKind,
        parent: Option<NodeId>,
        new: &NewNode,
    ) -> Page {
        Page {
            id: self.next.take_node(),
            kind,
            uuid: new.uuid,
            parent,
            name: new.name.clone(),
            revision: Revision::FIRST,
            content: Content::inline(MediaType::text_utf8(), Bytes::new()),
            modified_at: self.at,
            modified_by: self.by.id(),
        }
    }

    pub(super) fn rename(&self, name: &NodeName, found: &Found) -> Outcome {
        let Found::Folder { folder, .. } = found else {
            return Err(Refusal::NoSuchFolder);
        };
        if folder.kind != NodeKind::Folder {
            return Err(Refusal::NoSuchFolder);
        }
        if folder.name == *name {
            return Ok(Done::PageWritten(Vec::new()));
        }
        Ok(Done::PageWritten(vec![Page {
            name: name.clone(),
            revision: folder.revision.next(),
            modified_at: self.at,
            modified_by: self.by.id(),
            ..Page::clone(folder)
        }]))
    }

    pub(super) fn enroll(&self, resource: ResourceId, enroll: &Enroll, found: &Found) -> Outcome {
        let Some(Place {
            kind: Some(NodeKind::Space),
            space: Some(ground),
            ..
        }) = self.place(resource)
        else {
            return Err(Refusal::NoSuchSpace);
        };
        let Found::Account(user, was) = found else {
            return Err(match enroll.role {
                Some(_) => Refusal::NoSuchLogin(enroll.login.clone()),
                None => Refusal::NotEnrolled(enroll.login.clone()),
            });
        };
        match (enroll.role, was) {
            // Neither to give nor to take away.
            (Some(role), _) | (None, &Some(role)) if Some(role) > ground.role => {
                Err(Refusal::RoleAboveOwn(role))
            }
            (None, None) => Err(Refusal::NotEnrolled(enroll.login.clone())),
            (role, was) => Ok(Done::Enrolled {
                user: Arc::clone(user),
                role,
                was: *was,
            }),
        }
    }

    pub(super) fn set_access(
        &self,
        resource: ResourceId,
        access: Option<&AccessList>,
        found: &Found,
    ) -> Outcome {
        let (_, place) = self.folder(resource, &[NodeKind::Folder])?;
        let own = place.space.and_then(|ground| ground.role);
        let may_give = |highest: Option<SpaceRole>| match highest.filter(|_| highest > own) {
            Some(role) => Err(Refusal::RoleAboveOwn(role)),
            None => Ok(()),
        };
        may_give(access.and_then(AccessList::highest))?;
        if let Found::Unknown(grantee) = found {
            return Err(Refusal::NoSuchGrantee(*grantee));
        }
        let Found::Access {
            was,
            source,
            highest,
        } = found
        else {
            return Err(Refusal::NoSuchFolder);
        };
        if *source == Source::Impossible {
            return Err(Refusal::BadInheritance);
        }
        let grantees = access.into_iter().flat_map(|access| &access.grants);
        let mut seen = HashSet::new();
        for (grantee, _) in grantees {
            if !seen.insert(grantee) {
                return Err(Refusal::RepeatedGrantee(*grantee));
            }
        }
        // To follow a list is to give what it gives, and to have none is to follow the next one above.
        may_give(*highest)?;
        if was.as_ref() == access.map(AccessList::sorted).as_ref() {
            return Ok(Done::Unchanged);
        }
        Ok(Done::AccessSet)
    }
}

//! The heart: what comes of a batch, given what is there.
//!
//! A store loads a [`Snapshot`], calls [`decide`], and writes what was decided, in one transaction. So all stores agree
//! on the meaning of a write, and every rule that depends on what is stored stands here and in the parts of this module:
//! `mindtouch.md` §6 and §7, and of files, pages and spaces what `redu.md` and `dialects-common.md` say. What a request
//! alone shows to be wrong (a bad name, no media type) was refused before and rides along.

mod conditions;
mod files;
mod pages;
mod spaces;
#[cfg(test)]
mod tests;

use self::conditions::{meet, meet_file, stale};
use super::{
    AccessList, Batch, Change, Content, Delete, Done, Edit, Extensions, File, Grantee, Meaning,
    NodeId, NodeKind, NodeName, OnRefusal, Outcome, Page, Place, Precondition, Principal, Property,
    PropertyId, PropertyKey, Put, Refusal, ResourceId, Revision, Right, Set, Settings, Source,
    SpaceRole, Timestamp, User, UserId, check_setting,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is there, as far as a batch concerns it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Each resource of the batch, with the principal's rights there; or why it is not there.
    pub places: BTreeMap<ResourceId, Result<Place, Refusal>>,
    /// For each change, in order, what it meets.
    pub found: Vec<Found>,
    /// Who made the comments that are to be changed, where the principal may change only the own ones.
    pub makers: BTreeMap<PropertyId, UserId>,
    /// The ids that have not been given out.
    pub next: NextIds,
}

/// What a change meets.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Nothing that it could change.
    Nothing,
    /// The head of the property.
    Property(Property),
    /// The file, its description, and whether another file on its page has the name that it shall get.
    File {
        /// The file at its newest revision.
        file: File,
        /// The head of its description.
        description: Option<Property>,
        /// Whether the new name of a [`Edit::Revise`] belongs to another file.
        name_taken: bool,
    },
    /// The page of an [`Edit::WritePage`] or, if it is not there, the nearest one above it that is.
    Page {
        /// The page at its newest revision.
        page: Box<Page>,
        /// What the principal may do there.
        place: Place,
        /// How many levels from there on are not there.
        missing: usize,
    },
    /// Of an [`Edit::SetPermissions`] or [`Edit::SetAccess`]: a user or a group in it that is not there.
    Unknown(Grantee),
    /// The space or folder of an [`Edit::Rename`] or [`Edit::Remove`].
    Folder {
        /// The folder at its newest revision.
        folder: Box<Page>,
        /// Whether it is the first one of its space.
        is_first: bool,
    },
    /// Of an [`Edit::AddFile`] by somebody who is no tutor: what the folder takes.
    Submission {
        /// The extensions that files may have.
        extensions: Extensions,
        /// The settings of the folder.
        settings: Settings,
    },
    /// Of an [`Edit::Enroll`]: the account, and its role in the space.
    Account(Arc<User>, Option<SpaceRole>),
    /// Of an [`Edit::SetAccess`]: what is said now, and what the new list leads to.
    Access {
        /// The folder's own list.
        was: Option<AccessList>,
        /// Whose list counts with the new one.
        source: Source,
        /// The highest role that is given there, if that is another folder.
        highest: Option<SpaceRole>,
    },
}

impl Found {
    fn property(&self) -> Option<&Property> {
        if let Found::Property(head) = self {
            Some(head)
        } else {
            None
        }
    }

    /// Whether it is a file of this name.
    #[must_use]
    pub fn has_name(&self, name: &NodeName) -> bool {
        self.file().is_some_and(|file| file.name == *name)
    }

    fn file(&self) -> Option<&File> {
        if let Found::File { file, .. } = self {
            Some(file)
        } else {
            None
        }
    }
}

/// The first ids that are free; they only grow, and are written with the batch that takes from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextIds {
    /// Of properties.
    pub property: PropertyId,
    /// Of nodes.
    pub node: NodeId,
}

impl NextIds {
    fn take_property(&mut self) -> PropertyId {
        let id = self.property;
        self.property = id.next();
        id
    }

    fn take_node(&mut self) -> NodeId {
        let id = self.node;
        self.node = id.next();
        id
    }
}

/// Decides a batch: one outcome per change, in order, and the ids that are free after it.
///
/// # Errors
/// The refusal of the whole batch: a resource is not there, or the principal may not write to it.
pub fn decide(snapshot: &Snapshot, batch: &Batch) -> Result<(Vec<Outcome>, NextIds), Refusal> {
    for place in snapshot.places.values() {
        place.as_ref().map_err(Clone::clone)?;
    }
    let mut allowed = None;
    for (change, found) in batch.changes().iter().zip(&snapshot.found) {
        let need = change.edit.right().map(|right| (change.resource, right));
        let Some((resource, right)) = need else {
            continue;
        };
        let Some(Ok(place)) = snapshot.places.get(&resource) else {
            continue;
        };
        // Mostly all changes of a batch need the same.
        if need != allowed {
            place.allow(&batch.by, right)?;
            allowed = need;
        }
        // Who may do no more than comment may change the own comments.
        if let (Right::Comment, Some(head)) = (right, found.property())
            && snapshot.makers.get(&head.id) != Some(&batch.by.id())
        {
            place.allow(&batch.by, Right::Update)?;
        }
    }
    let mut decision = Decision {
        by: &batch.by,
        at: batch.at,
        places: &snapshot.places,
        next: snapshot.next,
    };
    let pairs = batch.changes().iter().zip(&snapshot.found);
    let outcomes = pairs.map(|(change, found)| decision.outcome(change, found));
    let outcomes = match batch.on_refusal() {
        OnRefusal::Skip => outcomes.collect(),
        OnRefusal::Refuse => outcomes
            .map(|outcome| outcome.map(Ok))
            .collect::<Result<_, _>>()?,
    };
    Ok((outcomes, decision.next))
}

/// A batch on its way: who, when and where, and the ids that are left.
struct Decision<'a> {
    by: &'a Principal,
    at: Timestamp,
    places: &'a BTreeMap<ResourceId, Result<Place, Refusal>>,
    next: NextIds,
}

impl Decision<'_> {
    fn outcome(&mut self, change: &Change, found: &Found) -> Outcome {
        match &change.edit {
            Edit::Put(put) => {
                if let Some(kind) = self.place(change.resource).and_then(|place| place.kind) {
                    check_setting(kind, &put.name, &put.content)?;
                }
                self.put(change.resource, put, found.property())
            }
            Edit::Delete(delete) => self.delete(delete, found.property()),
            Edit::Set(set) => self.set(change.resource, set, found.property()),
            Edit::Refused { refusal, .. } => Err(refusal.clone()),
            Edit::SetLanguage(_) => self.page(change.resource).map(|_| Done::LanguageSet),
            Edit::Upload(upload) => {
                let page = self.page(change.resource)?;
                // What lies directly in a space are folders.
                if self.kind(change.resource) == Some(NodeKind::Space) {
                    return Err(Refusal::NoSuchPage);
                }
                meet_file(upload.demand.as_ref(), found, &upload.file.name)?;
                Ok(self.upload(page, upload, found))
            }
            Edit::Revise {
                content,
                rename,
                demand,
            } => self.revise(content, rename.as_ref(), demand.as_ref(), found),
            Edit::Remove { demand } => self.remove(change.resource, demand.as_ref(), found),
            Edit::WritePage(write) => self.write_page(write, found),
            Edit::SetPermissions(_) => {
                if let Found::Unknown(grantee) = found {
                    return Err(Refusal::NoSuchGrantee(*grantee));
                }
                match self.kind(change.resource) {
                    Some(NodeKind::Page) => Ok(Done::PermissionsSet),
                    Some(NodeKind::Space | NodeKind::Folder | NodeKind::File) | None => {
                        Err(Refusal::NoSuchPage)
                    }
                }
            }
            Edit::AddSpace(new) => Ok(self.add_space(new)),
            Edit::AddFolder(new) => self.add_folder(change.resource, new),
            Edit::Rename(name) => self.rename(name, found),
            Edit::AddFile(new) => self.add_file(change.resource, new, found),
            Edit::Enroll(enroll) => self.enroll(change.resource, enroll, found),
            Edit::SetAccess(access) => self.set_access(change.resource, access.as_ref(), found),
        }
    }

    /// The place of a resource that is there.
    fn place(&self, resource: ResourceId) -> Option<&Place> {
        self.places.get(&resource)?.as_ref().ok()
    }

    /// What kind of node a resource is.
    fn kind(&self, resource: ResourceId) -> Option<NodeKind> {
        self.place(resource)?.kind
    }

    /// The page that a resource is: nothing else has a language, and files lie on nothing else.
    fn page(&self, resource: ResourceId) -> Result<NodeId, Refusal> {
        self.place(resource)
            .and_then(|place| place.page)
            .filter(|&id| resource == ResourceId::Node(id))
            .ok_or(Refusal::NoSuchPage)
    }

    fn put(&mut self, resource: ResourceId, put: &Put, head: Option<&Property>) -> Outcome {
        meet(put.demand.as_ref(), &put.name, head)?;
        match (&put.precondition, head) {
            (Precondition::Any, _) | (Precondition::Absent | Precondition::Seen(None), None) => {}
            (Precondition::Absent, Some(_)) => {
                return Err(Refusal::PropertyExists(put.name.clone()));
            }
            (Precondition::Seen(Some(given)), Some(head)) if head.etag().is(given) => {}
            (Precondition::Seen(given), Some(head)) => return Err(stale(given.as_deref(), head)),
            (Precondition::Seen(Some(_)), None) => return Err(Refusal::UnexpectedEtag),
        }
        let key = PropertyKey {
            resource,
            name: put.name.clone(),
        };
        Ok(Done::Put(self.written(
            key,
            head,
            put.content.clone(),
            put.description.clone(),
        )))
    }

    fn set(&mut self, resource: ResourceId, set: &Set, head: Option<&Property>) -> Outcome {
        self.folder(resource, &[NodeKind::Folder])?;
        let content = set.value.as_ref().and_then(Meaning::content);
        if let Some(content) = &content {
            check_setting(NodeKind::Folder, &set.name, content)?;
        }
        let was = set.setting.meaning(head.map(|head| &head.content));
        if set.setting.meaning(content.as_ref()) == was {
            return Ok(Done::Unchanged);
        }
        match (content, head) {
            (Some(content), _) => {
                let key = PropertyKey {
                    resource,
                    name: set.name.clone(),
                };
                let description = set.description.clone();
                Ok(Done::Put(self.written(key, head, content, description)))
            }
            (None, Some(head)) => Ok(Done::Deleted(self.deleted(head))),
            (None, None) => Ok(Done::Unchanged),
        }
    }

    fn delete(&mut self, delete: &Delete, head: Option<&Property>) -> Outcome {
        let head = head.ok_or_else(|| Refusal::NoSuchProperty(delete.name.to_string()))?;
        meet(delete.demand.as_ref(), &delete.name, Some(head))?;
        match &delete.etag {
            Some(given) if !head.etag().is(given) => Err(stale(Some(given), head)),
            Some(_) | None => Ok(Done::Deleted(self.deleted(head))),
        }
    }

    /// A property with the revision that stands for its deletion.
    fn deleted(&self, head: &Property) -> Property {
        Property {
            revision: head.revision.next(),
            description: String::new(),
            modified_at: self.at,
            modified_by: self.by.id(),
            ..head.clone()
        }
    }

    /// The revision of a property that follows `head`, or the first one.
    fn written(
        &mut self,
        key: PropertyKey,
        head: Option<&Property>,
        content: Content,
        description: String,
    ) -> Property {
        Property {
            id: head.map_or_else(|| self.next.take_property(), |head| head.id),
            revision: head.map_or(Revision::FIRST, |head| head.revision.next()),
            key,
            content,
            description,
            modified_at: self.at,
            modified_by: self.by.id(),
        }
    }
}

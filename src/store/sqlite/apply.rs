//! Makes the changes of a batch inside the writer's transaction: load, decide, write, log.

use super::contents::keep_value;
use super::counters::Counters;
use super::heads::{Pack, Spot};
use super::log::Log;
use super::spaces::Grounds;
use super::{heads, pages, permissions, rows, search, spaces};
use crate::model::{
    Batch, Caller, Change, DESCRIPTION_PROPERTY, Delete, Done, Edit, File, Found, Grant, NodeId,
    NodeKind, NodeName, Outcome, Permissions, Place, Property, PropertyId, PropertyName, Put,
    ResourceId, Revision, Right, Set, Setting, Snapshot, SpaceRole, UserId, decide,
};
use crate::store::StoreError;
use rusqlite::{Connection, params};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

const SET_LANGUAGE: &str = "UPDATE node SET language = ?2 WHERE id = ?1";

const LANGUAGE: &str = "SELECT language FROM node WHERE id = ?1";

const PUT_FILE: &str = "
    INSERT INTO node (id, uuid, kind, parent, space, name, revision, created_at, created_by, changed_at, changed_by)
    VALUES (?1, ?2, 'file', ?3, (SELECT space FROM node WHERE id = ?3), ?4, ?5, ?6, ?7, ?6, ?7)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, revision = excluded.revision,
        changed_at = excluded.changed_at, changed_by = excluded.changed_by";

const CHANGED: &str = "UPDATE node SET changed_at = ?2, changed_by = ?3 WHERE id = ?1";

const REMOVE_NODE: &str = "UPDATE node SET deleted_at = ?2, deleted_by = ?3 WHERE id = ?1";

/// Loads what a batch concerns, decides it, and writes what was decided.
pub(super) fn write(counters: &Counters<'_>, batch: &Batch) -> Result<Vec<Outcome>, StoreError> {
    let db = counters.db();
    let mut heads = Pack::new(db);
    let (snapshot, spots) = load(counters, batch, &mut heads)?;
    let (outcomes, next) = decide(&snapshot, batch)?;
    counters.set_next_ids(next);
    let mut log = Log::new(counters, batch);
    let mut further = Vec::new();
    let mut after = After::default();
    let changes = batch.changes().iter().zip(&snapshot.found).zip(spots);
    for (((change, found), spot), outcome) in changes.zip(&outcomes) {
        match (outcome, spot) {
            (Ok(Done::Put(property)), Some(spot)) => {
                if property.revision == Revision::FIRST
                    && let Some(page) = page_of(&snapshot, property)
                {
                    pages::add_name(db, page, &property.key.name)?;
                }
                log.add_property("put", property, heads.state(&spot)?)?;
                heads.put(spot, property, keep_value(db, &property.content)?);
                if let Some(setting) = setting_of(&snapshot, property) {
                    spaces::keep(db, setting, property)?;
                    after.set(setting, property.key.resource);
                }
            }
            (Ok(Done::Deleted(property)), Some(spot)) => {
                if let Some(page) = page_of(&snapshot, property) {
                    pages::remove_name(db, page, &property.key.name)?;
                }
                log.add_property("delete", property, heads.state(&spot)?)?;
                heads.delete(spot, property);
                if let Some(setting) = setting_of(&snapshot, property) {
                    spaces::forget(db, setting, property)?;
                    after.set(setting, property.key.resource);
                }
            }
            (Ok(Done::Put(property) | Done::Deleted(property)), None) => {
                let name = &property.key.name;
                return Err(rows::damaged(format!("no place for the property '{name}'")));
            }
            (
                Ok(Done::Uploaded {
                    file,
                    property,
                    submitted,
                }),
                _,
            ) => {
                put_file(db, file)?;
                if !found.has_name(&file.name) {
                    after.searched.insert(file.id);
                }
                if *submitted {
                    spaces::submitted(db, file.id)?;
                }
                counters.outdate_memory();
                log.add(
                    ResourceId::Node(file.id),
                    &(
                        "upload",
                        file.name.as_str(),
                        file.revision.get(),
                        *submitted,
                    ),
                )?;
                further.extend(property);
            }
            (Ok(Done::LanguageSet), _) => set_language(db, change, &mut log)?,
            (Ok(Done::Removed), _) => {
                remove(counters, batch, change, found, &mut log)?;
                counters.outdate_memory();
            }
            (Ok(Done::PageWritten(written)), _) => {
                for page in written {
                    pages::write(counters, page, &mut log)?;
                    if page.kind == NodeKind::Folder {
                        after.searched.insert(page.id);
                    }
                }
            }
            (Ok(Done::PermissionsSet), _) => {
                set_permissions(db, change, &mut log)?;
                counters.outdate_memory();
            }
            (Ok(Done::Enrolled { user, role, was }), _) => {
                enroll(db, change, user.id, [*role, *was], &mut log)?;
            }
            (Ok(Done::AccessSet), _) => {
                set_access(db, change, found, &mut log)?;
                after.changed.insert(change.resource.key());
            }
            (Ok(Done::Unchanged) | Err(_), _) => {}
        }
    }
    heads.write()?;
    for property in further {
        write_further(db, property, &mut log)?;
    }
    after.write(db, batch)?;
    log.end()?;
    Ok(outcomes)
}

/// What follows from the changes of a batch, once for each node, when its properties are written.
#[derive(Default)]
struct After {
    /// Nodes that have to say when and by whom they were changed.
    changed: BTreeSet<i64>,
    /// Nodes that a search shall find by something else.
    searched: BTreeSet<NodeId>,
    /// Files that have another description: only that of a link is searched.
    described: BTreeSet<NodeId>,
}

impl After {
    /// A setting was written or taken back.
    fn set(&mut self, setting: Setting, resource: ResourceId) {
        if setting != Setting::Comment {
            self.changed.insert(resource.key());
        }
        let ResourceId::Node(id) = resource else {
            return;
        };
        if setting == Setting::Url {
            self.searched.insert(id);
        } else if setting == Setting::Description {
            self.described.insert(id);
        }
    }

    fn write(self, db: &Connection, batch: &Batch) -> Result<(), StoreError> {
        let (at, by) = (batch.at.millis(), batch.by.id().get());
        for node in self.changed {
            db.prepare_cached(CHANGED)?.execute(params![node, at, by])?;
        }
        for &node in &self.searched {
            search::index(db, node)?;
        }
        for &node in self.described.difference(&self.searched) {
            if spaces::is_link(db, node)? {
                search::index(db, node)?;
            }
        }
        Ok(())
    }
}

/// The resource that a property belongs to.
fn place_of<'a>(snapshot: &'a Snapshot, property: &Property) -> Option<&'a Place> {
    snapshot.places.get(&property.key.resource)?.as_ref().ok()
}

/// The setting that a property is, if it is one.
fn setting_of(snapshot: &Snapshot, property: &Property) -> Option<Setting> {
    let kind = place_of(snapshot, property)?.kind?;
    Setting::of(kind, property.key.name.as_str())
}

/// The page that a property belongs to, if it belongs to one.
fn page_of(snapshot: &Snapshot, property: &Property) -> Option<NodeId> {
    let page = place_of(snapshot, property)?.page?;
    (property.key.resource == ResourceId::Node(page)).then_some(page)
}

/// What a batch meets; and of each change of a property, where that stands.
fn load(
    counters: &Counters<'_>,
    batch: &Batch,
    heads: &mut Pack<'_>,
) -> Result<(Snapshot, Vec<Option<Spot>>), StoreError> {
    let db = counters.db();
    let caller = Caller {
        who: counters.current(&batch.by)?,
        at: batch.at,
    };
    let mut places = BTreeMap::new();
    // Mostly a batch concerns one resource.
    let one = batch.changes().first().map(|change| change.resource);
    let is_of_one = |change: &Change| Some(change.resource) == one;
    let mut grounds = if batch.changes().iter().all(is_of_one) {
        Grounds::of_one()
    } else {
        Grounds::of_many()
    };
    let mut found = vec![Found::Nothing; batch.changes().len()];
    let mut spots = vec![None; batch.changes().len()];
    // The properties that each resource is asked for, with the places of the changes that ask.
    let mut sought: BTreeMap<ResourceId, (Vec<usize>, Vec<&PropertyName>)> = BTreeMap::new();
    for (at, change) in batch.changes().iter().enumerate() {
        if let Entry::Vacant(place) = places.entry(change.resource) {
            place.insert(
                match rows::place_on(db, &caller, change.resource, &mut grounds) {
                    Ok(place) => Ok(place),
                    Err(StoreError::Refused(refusal)) => Err(refusal),
                    Err(failure) => return Err(failure),
                },
            );
        }
        if let Edit::Put(Put { name, .. })
        | Edit::Delete(Delete { name, .. })
        | Edit::Set(Set { name, .. }) = &change.edit
        {
            let (changes, names) = sought.entry(change.resource).or_default();
            changes.push(at);
            names.push(name);
            if let Edit::Delete(Delete {
                alias: Some(alias), ..
            }) = &change.edit
            {
                changes.push(at);
                names.push(alias);
            }
        } else {
            let place = places.get(&change.resource);
            let place = place.and_then(|place: &Result<Place, _>| place.as_ref().ok());
            found[at] = found_at(db, &caller, change, place)?;
        }
    }
    for (resource, (changes, names)) in sought {
        let heads = heads.find(resource, &names)?;
        for (at, (spot, head)) in changes.into_iter().zip(heads) {
            // An alias comes after the name, and is meant only if nothing has the name.
            if found[at] == Found::Nothing {
                found[at] = head.map_or(Found::Nothing, Found::Property);
                spots[at] = Some(spot);
            }
            // What it says now is a part of the question.
            if let (Edit::Set(_), Found::Property(head)) =
                (&batch.changes()[at].edit, &mut found[at])
            {
                rows::fetch(db, &mut head.content)?;
            }
        }
    }
    let next = counters.next_ids()?;
    let mut snapshot = Snapshot {
        places,
        found,
        makers: BTreeMap::new(),
        next,
    };
    snapshot.makers = makers(db, &snapshot, batch)?;
    Ok((snapshot, spots))
}

/// What a change meets that is not of a property.
fn found_at(
    db: &Connection,
    caller: &Caller,
    change: &Change,
    place: Option<&Place>,
) -> Result<Found, StoreError> {
    if let Edit::SetPermissions(Some(Permissions { grants, .. })) = &change.edit {
        let grantees = grants.iter().map(|grant| grant.grantee);
        let unknown = permissions::unknown(db, grantees)?;
        return Ok(unknown.map_or(Found::Nothing, Found::Unknown));
    }
    let ResourceId::Node(id) = change.resource else {
        return Ok(Found::Nothing);
    };
    match &change.edit {
        Edit::Upload(upload) => match rows::file_on(db, id, &upload.file.name)? {
            Some(file) => found_file(db, file, None),
            None => Ok(Found::Nothing),
        },
        Edit::Revise { rename, .. } => found_file(db, id, rename.as_ref()),
        Edit::Remove { .. } => match pages::found_folder(db, id)? {
            Some(folder) => Ok(folder),
            None => found_file(db, id, None),
        },
        Edit::WritePage(write) => pages::found(db, caller, id, &write.below),
        Edit::Rename(_) => Ok(pages::found_folder(db, id)?.unwrap_or(Found::Nothing)),
        Edit::AddFile(_) => spaces::submission(db, id, place),
        Edit::Enroll(enroll) => spaces::found_account(db, id, &enroll.login),
        Edit::SetAccess(access) => spaces::found_access(db, id, access.as_ref()),
        Edit::Put(_)
        | Edit::Delete(_)
        | Edit::Set(_)
        | Edit::Refused { .. }
        | Edit::SetLanguage(_)
        | Edit::SetPermissions(_)
        | Edit::AddSpace(_)
        | Edit::AddFolder(_) => Ok(Found::Nothing),
    }
}

/// Who made the comments that are changed by somebody who may change no more than the own ones.
fn makers(
    db: &Connection,
    snapshot: &Snapshot,
    batch: &Batch,
) -> Result<BTreeMap<PropertyId, UserId>, StoreError> {
    let mut makers = BTreeMap::new();
    for (change, found) in batch.changes().iter().zip(&snapshot.found) {
        if change.edit.right() == Some(Right::Comment)
            && let (Found::Property(head), Some(Ok(place))) =
                (found, snapshot.places.get(&change.resource))
            && place.rights.allow(Right::Comment)
            && !place.rights.allow(Right::Update)
        {
            makers.insert(head.id, spaces::maker(db, head.id)?.0);
        }
    }
    Ok(makers)
}

/// The file with its description, and whether another one on its page has the name that it shall get.
fn found_file(db: &Connection, id: NodeId, rename: Option<&NodeName>) -> Result<Found, StoreError> {
    let (file, _) = match rows::file(db, id, None) {
        Ok(found) => found,
        Err(StoreError::Refused(_)) => return Ok(Found::Nothing),
        Err(failure) => return Err(failure),
    };
    let description = match DESCRIPTION_PROPERTY.parse() {
        Ok(name) => heads::read(db, ResourceId::Node(id), &name)?,
        Err(_) => None,
    };
    let named = rename
        .map(|name| rows::file_on(db, file.parent, name))
        .transpose()?
        .flatten();
    Ok(Found::File {
        file,
        description,
        name_taken: named.is_some_and(|other| other != id),
    })
}

/// Writes a property of a file that its batch does not name, such as the description.
fn write_further(
    db: &Connection,
    property: &Property,
    log: &mut Log<'_>,
) -> Result<(), StoreError> {
    let mut heads = Pack::new(db);
    let found = heads.find(property.key.resource, &[&property.key.name])?;
    for (spot, _) in found {
        log.add_property("put", property, heads.state(&spot)?)?;
        heads.put(spot, property, keep_value(db, &property.content)?);
    }
    if let Some(setting) = Setting::of(NodeKind::File, property.key.name.as_str()) {
        spaces::keep(db, setting, property)?;
    }
    heads.write()
}

fn set_language(db: &Connection, change: &Change, log: &mut Log<'_>) -> Result<(), StoreError> {
    let Edit::SetLanguage(language) = &change.edit else {
        return Ok(());
    };
    let id = change.resource.key();
    let was: Option<String> = db
        .prepare_cached(LANGUAGE)?
        .query_row([id], |row| row.get(0))?;
    db.prepare_cached(SET_LANGUAGE)?
        .execute(params![id, language.as_str()])?;
    log.add(change.resource, &("language", was))
}

fn set_permissions(db: &Connection, change: &Change, log: &mut Log<'_>) -> Result<(), StoreError> {
    let (Edit::SetPermissions(new), ResourceId::Node(page)) = (&change.edit, change.resource)
    else {
        return Ok(());
    };
    let was = permissions::own(db, page)?;
    permissions::set(db, page, new.as_ref())?;
    let grant = |grant: &Grant| {
        let (kind, id) = permissions::columns(grant.grantee);
        (kind, id, grant.role.name())
    };
    let was = was.map(|was| {
        let grants: Vec<_> = was.grants.iter().map(grant).collect();
        (was.restriction.name(), grants)
    });
    log.add(change.resource, &("permissions", was))
}

fn enroll(
    db: &Connection,
    change: &Change,
    user: UserId,
    [role, was]: [Option<SpaceRole>; 2],
    log: &mut Log<'_>,
) -> Result<(), StoreError> {
    let ResourceId::Node(space) = change.resource else {
        return Ok(());
    };
    spaces::enroll(db, space, user, role)?;
    let number = |role: Option<SpaceRole>| role.map(SpaceRole::number);
    log.add(
        change.resource,
        &("enroll", user.get(), number(role), number(was)),
    )
}

fn set_access(
    db: &Connection,
    change: &Change,
    found: &Found,
    log: &mut Log<'_>,
) -> Result<(), StoreError> {
    let (Edit::SetAccess(new), ResourceId::Node(folder)) = (&change.edit, change.resource) else {
        return Ok(());
    };
    let was = if let Found::Access { was, .. } = found {
        was.as_ref().map(spaces::logged)
    } else {
        None
    };
    spaces::set_access(db, folder, new.as_ref())?;
    log.add(change.resource, &("access", was))
}

fn remove(
    counters: &Counters<'_>,
    batch: &Batch,
    change: &Change,
    found: &Found,
    log: &mut Log<'_>,
) -> Result<(), StoreError> {
    let (at, by) = (batch.at.millis(), batch.by.id().get());
    counters
        .db()
        .prepare_cached(REMOVE_NODE)?
        .execute(params![change.resource.key(), at, by])?;
    search::remove(counters.db(), change.resource.key())?;
    let (name, revision) = match found {
        Found::File { file, .. } => (&file.name, file.revision),
        Found::Folder { folder, .. } => {
            spaces::begin_dying(counters, folder.id, batch.at, batch.by.id())?;
            (&folder.name, folder.revision)
        }
        Found::Nothing
        | Found::Property(_)
        | Found::Page { .. }
        | Found::Unknown(_)
        | Found::Submission { .. }
        | Found::Account(..)
        | Found::Access { .. } => return Ok(()),
    };
    log.add(change.resource, &("remove", name.as_str(), revision.get()))
}

fn put_file(db: &Connection, file: &File) -> Result<(), StoreError> {
    db.prepare_cached(PUT_FILE)?.execute(params![
        file.id.get(),
        file.uuid.to_string(),
        file.parent.get(),
        file.name.as_str(),
        file.revision.get(),
        file.modified_at.millis(),
        file.modified_by.get(),
    ])?;
    let written = (file.modified_at, file.modified_by);
    pages::add_revision(
        db,
        file.id,
        file.revision,
        &file.name,
        &file.content,
        written,
    )
}

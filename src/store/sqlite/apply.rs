//! Makes the changes of a batch inside the writer's transaction: load, decide, write, log.

use super::contents::keep_value;
use super::counters::Counters;
use super::heads::{Pack, Spot};
use super::log::Log;
use super::{heads, pages, permissions, rows};
use crate::model::{
    Batch, Change, DESCRIPTION_PROPERTY, Delete, Done, Edit, File, Found, Grant, NodeId, NodeName,
    Outcome, Permissions, Property, PropertyName, Put, ResourceId, Revision, Snapshot, decide,
};
use crate::store::StoreError;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

const SET_LANGUAGE: &str = "UPDATE node SET language = ?2 WHERE id = ?1";

const LANGUAGE: &str = "SELECT language FROM node WHERE id = ?1";

const PUT_FILE: &str = "
    INSERT INTO node (id, uuid, kind, parent, name, revision, created_at, created_by)
    VALUES (?1, ?2, 'file', ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, revision = excluded.revision";

const REMOVE_NODE: &str = "UPDATE node SET deleted_at = ?2, deleted_by = ?3 WHERE id = ?1";

/// Loads what a batch concerns, decides it, and writes what was decided.
pub(super) fn write(counters: &Counters<'_>, batch: &Batch) -> Result<Vec<Outcome>, StoreError> {
    let db = counters.db();
    let mut heads = Pack::new(db);
    let (snapshot, spots) = load(counters, batch, &mut heads)?;
    let (outcomes, next) = decide(&snapshot, batch)?;
    counters.set_next_ids(next);
    let mut log = Log::new(counters, batch);
    let mut descriptions = Vec::new();
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
            }
            (Ok(Done::Deleted(property)), Some(spot)) => {
                if let Some(page) = page_of(&snapshot, property) {
                    pages::remove_name(db, page, &property.key.name)?;
                }
                log.add_property("delete", property, heads.state(&spot)?)?;
                heads.delete(spot, property);
            }
            (Ok(Done::Put(property) | Done::Deleted(property)), None) => {
                let name = &property.key.name;
                return Err(rows::damaged(format!("no place for the property '{name}'")));
            }
            (Ok(Done::Uploaded { file, description }), _) => {
                put_file(db, file)?;
                counters.outdate_memory();
                log.add(
                    ResourceId::Node(file.id),
                    &("upload", file.name.as_str(), file.revision.get()),
                )?;
                descriptions.extend(description);
            }
            (Ok(Done::LanguageSet), _) => set_language(db, change, &mut log)?,
            (Ok(Done::Removed), _) => {
                remove(db, batch, change, found, &mut log)?;
                counters.outdate_memory();
            }
            (Ok(Done::PageWritten(written)), _) => {
                for page in written {
                    pages::write(counters, page, &mut log)?;
                }
            }
            (Ok(Done::PermissionsSet), _) => {
                set_permissions(db, change, &mut log)?;
                counters.outdate_memory();
            }
            (Err(_), _) => {}
        }
    }
    heads.write()?;
    for description in descriptions {
        describe(db, description, &mut log)?;
    }
    log.end()?;
    Ok(outcomes)
}

/// The page that a property belongs to, if it belongs to one.
fn page_of(snapshot: &Snapshot, property: &Property) -> Option<NodeId> {
    let resource = property.key.resource;
    let page = snapshot.places.get(&resource)?.as_ref().ok()?.page?;
    (resource == ResourceId::Node(page)).then_some(page)
}

/// What a batch meets; and of each change of a property, where that stands.
fn load(
    counters: &Counters<'_>,
    batch: &Batch,
    heads: &mut Pack<'_>,
) -> Result<(Snapshot, Vec<Option<Spot>>), StoreError> {
    let db = counters.db();
    let by = counters.current(&batch.by)?;
    let mut places = BTreeMap::new();
    let mut found = vec![Found::Nothing; batch.changes().len()];
    let mut spots = vec![None; batch.changes().len()];
    // The properties that each resource is asked for, with the places of the changes that ask.
    let mut sought: BTreeMap<ResourceId, (Vec<usize>, Vec<&PropertyName>)> = BTreeMap::new();
    for (at, change) in batch.changes().iter().enumerate() {
        if let Entry::Vacant(place) = places.entry(change.resource) {
            place.insert(match rows::place(db, &by, change.resource) {
                Ok(place) => Ok(place),
                Err(StoreError::Refused(refusal)) => Err(refusal),
                Err(failure) => return Err(failure),
            });
        }
        match &change.edit {
            Edit::Put(Put { name, .. }) | Edit::Delete(Delete { name, .. }) => {
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
            }
            Edit::Upload(upload) => {
                if let ResourceId::Node(page) = change.resource
                    && let Some(id) = rows::file_on(db, page, &upload.name)?
                {
                    found[at] = found_file(db, id, None)?;
                }
            }
            Edit::Revise { rename, .. } => {
                if let ResourceId::Node(id) = change.resource {
                    found[at] = found_file(db, id, rename.as_ref())?;
                }
            }
            Edit::Remove { .. } => {
                if let ResourceId::Node(id) = change.resource {
                    found[at] = found_file(db, id, None)?;
                }
            }
            Edit::WritePage(write) => {
                if let ResourceId::Node(page) = change.resource {
                    found[at] = pages::found(db, &by, page, &write.below)?;
                }
            }
            Edit::SetPermissions(Some(Permissions { grants, .. })) => {
                let grantees = grants.iter().map(|grant| grant.grantee);
                if let Some(unknown) = permissions::unknown(db, grantees)? {
                    found[at] = Found::Unknown(unknown);
                }
            }
            Edit::Refused { .. } | Edit::SetLanguage(_) | Edit::SetPermissions(None) => {}
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
        }
    }
    let next = counters.next_ids()?;
    let snapshot = Snapshot {
        places,
        found,
        next,
    };
    Ok((snapshot, spots))
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

/// Writes the description of a file, a property that its batch does not name.
fn describe(db: &Connection, property: &Property, log: &mut Log<'_>) -> Result<(), StoreError> {
    let mut heads = Pack::new(db);
    let found = heads.find(property.key.resource, &[&property.key.name])?;
    for (spot, _) in found {
        log.add_property("put", property, heads.state(&spot)?)?;
        heads.put(spot, property, keep_value(db, &property.content)?);
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

fn remove(
    db: &Connection,
    batch: &Batch,
    change: &Change,
    found: &Found,
    log: &mut Log<'_>,
) -> Result<(), StoreError> {
    let (at, by) = (batch.at.millis(), batch.by.id().get());
    db.prepare_cached(REMOVE_NODE)?
        .execute(params![change.resource.key(), at, by])?;
    match found {
        Found::File { file, .. } => log.add(
            change.resource,
            &("remove", file.name.as_str(), file.revision.get()),
        ),
        Found::Nothing | Found::Property(_) | Found::Page { .. } | Found::Unknown(_) => Ok(()),
    }
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

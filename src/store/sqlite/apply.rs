//! Makes the changes of a batch inside the writer's transaction: load, decide, write, log.

use super::contents::keep;
use super::heads::NewHead;
use super::log::{self, FileEntry, LanguageWas, Log, PropertyEntry};
use super::{heads, rows};
use crate::model::{
    Batch, Change, Content, DESCRIPTION_PROPERTY, Delete, Done, Edit, File, Found, NextIds, NodeId,
    NodeName, Outcome, Property, PropertyId, PropertyName, Put, ResourceId, Snapshot, decide,
};
use crate::store::StoreError;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

const NEXT_IDS: &str = "
    SELECT (SELECT next FROM sequence WHERE kind = 'node'), (SELECT next FROM sequence WHERE kind = 'property')";

const SET_NEXT_ID: &str = "UPDATE sequence SET next = ?2 WHERE kind = ?1";

const DELETE_PROPERTY: &str = "DELETE FROM property WHERE resource = ?1 AND name = ?2";

const SET_LANGUAGE: &str = "UPDATE node SET language = ?2 WHERE id = ?1";

const LANGUAGE: &str = "SELECT language FROM node WHERE id = ?1";

const PUT_FILE: &str = "
    INSERT INTO node (id, uuid, kind, parent, name, revision, created_at, created_by)
    VALUES (?1, ?2, 'file', ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, revision = excluded.revision";

const ADD_FILE_REVISION: &str = "
    INSERT INTO file_revision (node, revision, name, type, size, modified_at, modified_by, content, value)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const REMOVE_NODE: &str = "UPDATE node SET deleted_at = ?2, deleted_by = ?3 WHERE id = ?1";

/// Loads what a batch concerns, decides it, and writes what was decided.
pub(super) fn write(db: &Connection, batch: &Batch) -> Result<Vec<Outcome>, StoreError> {
    let snapshot = load(db, batch)?;
    let (outcomes, next) = decide(&snapshot, batch)?;
    let (mut log, mut new_heads) = (Log::new(db, batch), Vec::with_capacity(outcomes.len()));
    for ((change, found), outcome) in batch.changes().iter().zip(&snapshot.found).zip(&outcomes) {
        if let Ok(done) = outcome {
            apply(db, batch, change, found, done, &mut log, &mut new_heads)?;
        }
    }
    heads::put(db, &new_heads)?;
    log.end()?;
    set_next_ids(db, snapshot.next, next)?;
    Ok(outcomes)
}

fn load(db: &Connection, batch: &Batch) -> Result<Snapshot, StoreError> {
    let mut places = BTreeMap::new();
    let mut found = vec![Found::Nothing; batch.changes().len()];
    // The properties that each resource is asked for, with the places of the changes that ask.
    let mut sought: BTreeMap<ResourceId, (Vec<usize>, Vec<&PropertyName>)> = BTreeMap::new();
    for (at, change) in batch.changes().iter().enumerate() {
        if let Entry::Vacant(place) = places.entry(change.resource) {
            place.insert(match rows::place(db, &batch.by, change.resource) {
                Ok(place) => Ok(place),
                Err(StoreError::Refused(refusal)) => Err(refusal),
                Err(failure) => return Err(failure),
            });
        }
        match &change.edit {
            Edit::Put(Put { name, .. })
            | Edit::Delete(Delete {
                name, alias: None, ..
            }) => {
                let (changes, names) = sought.entry(change.resource).or_default();
                changes.push(at);
                names.push(name);
            }
            Edit::Delete(Delete {
                name,
                alias: Some(alias),
                ..
            }) => {
                let named = |name| rows::property(db, change.resource, name);
                let head = match named(name)? {
                    None => named(alias)?,
                    head => head,
                };
                found[at] = head.map_or(Found::Nothing, Found::Property);
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
            Edit::Remove => {
                if let ResourceId::Node(id) = change.resource {
                    found[at] = found_file(db, id, None)?;
                }
            }
            Edit::Refused { .. } | Edit::SetLanguage(_) => {}
        }
    }
    for (resource, (changes, names)) in sought {
        for (at, head) in changes.into_iter().zip(heads::find(db, resource, &names)?) {
            found[at] = head.map_or(Found::Nothing, Found::Property);
        }
    }
    Ok(Snapshot {
        places,
        found,
        next: next_ids(db)?,
    })
}

/// The file with its description, and whether another one on its page has the name that it shall get.
fn found_file(db: &Connection, id: NodeId, rename: Option<&NodeName>) -> Result<Found, StoreError> {
    let (file, _) = match rows::file(db, id, None) {
        Ok(found) => found,
        Err(StoreError::Refused(_)) => return Ok(Found::Nothing),
        Err(failure) => return Err(failure),
    };
    let description = match DESCRIPTION_PROPERTY.parse() {
        Ok(name) => rows::property(db, ResourceId::Node(id), &name)?,
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

fn next_ids(db: &Connection) -> Result<NextIds, StoreError> {
    let (node, property) = db
        .prepare_cached(NEXT_IDS)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match (NodeId::new(node), PropertyId::new(property)) {
        (Some(node), Some(property)) => Ok(NextIds { property, node }),
        _ => Err(StoreError::Damaged(format!(
            "the next ids are {node} and {property}"
        ))),
    }
}

fn set_next_ids(db: &Connection, before: NextIds, after: NextIds) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(SET_NEXT_ID)?;
    if after.property != before.property {
        statement.execute(params!["property", after.property.get()])?;
    }
    if after.node != before.node {
        statement.execute(params!["node", after.node.get()])?;
    }
    Ok(())
}

fn apply<'a>(
    db: &Connection,
    batch: &Batch,
    change: &Change,
    found: &Found,
    done: &'a Done,
    log: &mut Log<'_>,
    new_heads: &mut Vec<NewHead<'a>>,
) -> Result<(), StoreError> {
    match done {
        Done::Put(property) => {
            new_heads.push(new_head(db, property)?);
            log.add(
                property.key.resource,
                &log::Entry::Put(PropertyEntry::new(property, head_of(found))),
            )
        }
        Done::Deleted(property) => {
            let key = &property.key;
            db.prepare_cached(DELETE_PROPERTY)?
                .execute(params![key.resource.key(), key.name.as_str()])?;
            log.add(
                key.resource,
                &log::Entry::Delete(PropertyEntry::new(property, head_of(found))),
            )
        }
        Done::LanguageSet => {
            let Edit::SetLanguage(language) = &change.edit else {
                return Ok(());
            };
            let id = change.resource.key();
            let before: Option<String> = db
                .prepare_cached(LANGUAGE)?
                .query_row([id], |row| row.get(0))?;
            db.prepare_cached(SET_LANGUAGE)?
                .execute(params![id, language.as_str()])?;
            log.add(
                change.resource,
                &log::Entry::Language {
                    was: before.as_deref().map(|language| LanguageWas { language }),
                },
            )
        }
        Done::Uploaded { file, description } => {
            put_file(db, file)?;
            let resource = ResourceId::Node(file.id);
            log.add(resource, &log::Entry::Upload(FileEntry::new(file)))?;
            match (description, found) {
                (None, _) => Ok(()),
                (
                    Some(property),
                    Found::File {
                        description: before,
                        ..
                    },
                ) => {
                    new_heads.push(new_head(db, property)?);
                    log.add(
                        resource,
                        &log::Entry::Put(PropertyEntry::new(property, before.as_ref())),
                    )
                }
                (Some(property), Found::Nothing | Found::Property(_)) => {
                    new_heads.push(new_head(db, property)?);
                    log.add(
                        resource,
                        &log::Entry::Put(PropertyEntry::new(property, None)),
                    )
                }
            }
        }
        Done::Removed => {
            let row = params![
                change.resource.key(),
                batch.at.millis(),
                batch.by.id().get()
            ];
            db.prepare_cached(REMOVE_NODE)?.execute(row)?;
            match found {
                Found::File { file, .. } => {
                    log.add(change.resource, &log::Entry::Remove(FileEntry::new(file)))
                }
                Found::Nothing | Found::Property(_) => Ok(()),
            }
        }
    }
}

fn head_of(found: &Found) -> Option<&Property> {
    match found {
        Found::Property(head) => Some(head),
        Found::Nothing | Found::File { .. } => None,
    }
}

fn new_head<'a>(db: &Connection, property: &'a Property) -> Result<NewHead<'a>, StoreError> {
    let (stored, value) = keep(db, &property.content)?;
    Ok((property, stored, value))
}

fn put_file(db: &Connection, file: &File) -> Result<(), StoreError> {
    let (stored, value) = keep(db, &file.content)?;
    db.prepare_cached(PUT_FILE)?.execute(params![
        file.id.get(),
        file.uuid.to_string(),
        file.parent.get(),
        file.name.as_str(),
        file.revision.get(),
        file.modified_at.millis(),
        file.modified_by.get(),
    ])?;
    db.prepare_cached(ADD_FILE_REVISION)?.execute(params![
        file.id.get(),
        file.revision.get(),
        file.name.as_str(),
        file.content.media_type.as_str(),
        size_column(&file.content),
        file.modified_at.millis(),
        file.modified_by.get(),
        stored,
        value,
    ])?;
    Ok(())
}

fn size_column(content: &Content) -> i64 {
    i64::try_from(content.size).unwrap_or(i64::MAX)
}

//! Makes the changes of a batch inside the writer's transaction: load, decide, write, log.

use super::contents::keep;
use super::log::{self, FileEntry, LanguageWas, Log, PropertyEntry};
use super::rows;
use crate::model::{
    Batch, Change, Content, DESCRIPTION_PROPERTY, Done, Edit, File, Found, NextIds, NodeId,
    Outcome, Property, PropertyId, PropertyName, ResourceId, Snapshot, decide,
};
use crate::store::StoreError;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

const NEXT_ID: &str = "SELECT next FROM sequence WHERE kind = ?1";

const SET_NEXT_ID: &str = "UPDATE sequence SET next = ?2 WHERE kind = ?1";

const PUT_PROPERTY: &str = "
    INSERT INTO property (resource, name, id, revision, modified_at, modified_by, type, description, size, content,
                          value)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT (resource, name) DO UPDATE SET
        id = excluded.id, revision = excluded.revision, modified_at = excluded.modified_at,
        modified_by = excluded.modified_by, type = excluded.type, description = excluded.description,
        size = excluded.size, content = excluded.content, value = excluded.value";

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
    let mut log = Log::new(db, batch);
    for ((change, found), outcome) in batch.changes().iter().zip(&snapshot.found).zip(&outcomes) {
        if let Ok(done) = outcome {
            apply(db, batch, change, found, done, &mut log)?;
        }
    }
    log.end()?;
    set_next_ids(db, snapshot.next, next)?;
    Ok(outcomes)
}

fn load(db: &Connection, batch: &Batch) -> Result<Snapshot, StoreError> {
    let mut places = BTreeMap::new();
    let mut found = Vec::with_capacity(batch.changes().len());
    for change in batch.changes() {
        if let Entry::Vacant(place) = places.entry(change.resource) {
            place.insert(match rows::place(db, &batch.by, change.resource) {
                Ok(place) => Ok(place),
                Err(StoreError::Refused(refusal)) => Err(refusal),
                Err(failure) => return Err(failure),
            });
        }
        found.push(found_by(db, change)?);
    }
    Ok(Snapshot {
        places,
        found,
        next: next_ids(db)?,
    })
}

fn found_by(db: &Connection, change: &Change) -> Result<Found, StoreError> {
    let property = |name: &PropertyName| rows::property(db, change.resource, name);
    let head = match (&change.edit, change.resource) {
        (Edit::Put(put), _) => property(&put.name)?,
        (Edit::Delete(delete), _) => match (property(&delete.name)?, &delete.alias) {
            (None, Some(alias)) => property(alias)?,
            (head, _) => head,
        },
        (Edit::Upload(upload), ResourceId::Node(page)) => {
            return match rows::file_on(db, page, &upload.name)? {
                Some(id) => found_file(db, id),
                None => Ok(Found::Nothing),
            };
        }
        (
            Edit::Revise {
                rename: Some(name), ..
            },
            ResourceId::Node(id),
        ) => {
            return match found_file(db, id)? {
                Found::File {
                    file, description, ..
                } => {
                    let name_taken =
                        rows::file_on(db, file.parent, name)?.is_some_and(|other| other != id);
                    Ok(Found::File {
                        file,
                        description,
                        name_taken,
                    })
                }
                other @ (Found::Nothing | Found::Property(_)) => Ok(other),
            };
        }
        (Edit::Revise { rename: None, .. } | Edit::Remove, ResourceId::Node(id)) => {
            return found_file(db, id);
        }
        (
            Edit::Upload(_) | Edit::Revise { .. } | Edit::Remove,
            ResourceId::Site | ResourceId::User(_),
        )
        | (Edit::Refused { .. } | Edit::SetLanguage(_), _) => None,
    };
    Ok(head.map_or(Found::Nothing, Found::Property))
}

fn found_file(db: &Connection, id: NodeId) -> Result<Found, StoreError> {
    let (file, _) = match rows::file(db, id, None) {
        Ok(found) => found,
        Err(StoreError::Refused(_)) => return Ok(Found::Nothing),
        Err(failure) => return Err(failure),
    };
    let description = match DESCRIPTION_PROPERTY.parse() {
        Ok(name) => rows::property(db, ResourceId::Node(id), &name)?,
        Err(_) => None,
    };
    Ok(Found::File {
        file,
        description,
        name_taken: false,
    })
}

fn next_id<T>(
    db: &Connection,
    kind: &str,
    new: impl Fn(i64) -> Option<T>,
) -> Result<T, StoreError> {
    let next = db
        .prepare_cached(NEXT_ID)?
        .query_row([kind], |row| row.get(0))?;
    new(next).ok_or_else(|| StoreError::Damaged(format!("the next {kind} is {next}")))
}

fn next_ids(db: &Connection) -> Result<NextIds, StoreError> {
    Ok(NextIds {
        property: next_id(db, "property", PropertyId::new)?,
        node: next_id(db, "node", NodeId::new)?,
    })
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

fn apply(
    db: &Connection,
    batch: &Batch,
    change: &Change,
    found: &Found,
    done: &Done,
    log: &mut Log<'_>,
) -> Result<(), StoreError> {
    match done {
        Done::Put(property) => {
            put_property(db, property)?;
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
                    put_property(db, property)?;
                    log.add(
                        resource,
                        &log::Entry::Put(PropertyEntry::new(property, before.as_ref())),
                    )
                }
                (Some(property), Found::Nothing | Found::Property(_)) => {
                    put_property(db, property)?;
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

fn put_property(db: &Connection, property: &Property) -> Result<(), StoreError> {
    let (stored, value) = keep(db, &property.content)?;
    db.prepare_cached(PUT_PROPERTY)?.execute(params![
        property.key.resource.key(),
        property.key.name.as_str(),
        property.id.get(),
        property.revision.get(),
        property.modified_at.millis(),
        property.modified_by.get(),
        property.content.media_type.as_str(),
        property.description,
        size_column(&property.content),
        stored,
        value,
    ])?;
    Ok(())
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

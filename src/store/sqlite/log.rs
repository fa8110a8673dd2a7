//! The log: what each batch changed and what was there before, as rows of JSON.
//!
//! `schema.sql` says what stands in a row. The log is the history of every property; nothing ever changes it.

use crate::model::{Batch, Body, File, Property, ResourceId};
use crate::store::StoreError;
use rusqlite::{Connection, params};
use serde::Serialize;

/// A row is ended when it has this many bytes; what follows of the same batch goes into another row.
const ROW_BYTES: usize = 1 << 20;

const LAST_LOG_ID: &str = "SELECT coalesce(max(id), 0) FROM log";

const APPEND_LOG: &str =
    "INSERT INTO log (id, batch, resource, at, by, changes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// One change.
#[derive(Serialize)]
#[serde(tag = "edit", rename_all = "lowercase")]
pub(super) enum Entry<'a> {
    Put(PropertyEntry<'a>),
    Delete(PropertyEntry<'a>),
    Language {
        #[serde(skip_serializing_if = "Option::is_none")]
        was: Option<LanguageWas<'a>>,
    },
    Upload(FileEntry<'a>),
    Remove(FileEntry<'a>),
}

#[derive(Serialize)]
pub(super) struct PropertyEntry<'a> {
    name: &'a str,
    id: i64,
    revision: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<PropertyWas<'a>>,
}

#[derive(Serialize)]
struct PropertyWas<'a> {
    revision: i64,
    modified_at: i64,
    modified_by: i64,
    #[serde(rename = "type")]
    media_type: &'a str,
    description: &'a str,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<i64>,
}

#[derive(Serialize)]
pub(super) struct LanguageWas<'a> {
    pub(super) language: &'a str,
}

#[derive(Serialize)]
pub(super) struct FileEntry<'a> {
    name: &'a str,
    revision: i64,
}

impl<'a> PropertyEntry<'a> {
    pub(super) fn new(now: &'a Property, was: Option<&'a Property>) -> Self {
        PropertyEntry {
            name: now.key.name.as_str(),
            id: now.id.get(),
            revision: now.revision.get(),
            was: was.map(PropertyWas::new),
        }
    }
}

impl<'a> PropertyWas<'a> {
    fn new(was: &'a Property) -> Self {
        let (text, hex, content) = match &was.content.body {
            Body::Inline(bytes) => match std::str::from_utf8(bytes) {
                // SQLite ends a text at NUL.
                Ok(text) if !bytes.contains(&0) => (Some(text), None, None),
                Ok(_) | Err(_) => (None, Some(hex(bytes)), None),
            },
            Body::Stored(id) => (None, None, Some(id.get())),
            Body::Omitted => (None, None, None),
        };
        PropertyWas {
            revision: was.revision.get(),
            modified_at: was.modified_at.millis(),
            modified_by: was.modified_by.get(),
            media_type: was.content.media_type.as_str(),
            description: &was.description,
            size: was.content.size,
            text,
            hex,
            content,
        }
    }
}

impl<'a> FileEntry<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        FileEntry {
            name: file.name.as_str(),
            revision: file.revision.get(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// The rows of the log that one batch becomes.
pub(super) struct Log<'a> {
    db: &'a Connection,
    batch: &'a Batch,
    /// The rows that were written: the ids of the first and the last.
    written: Option<(i64, i64)>,
    resource: ResourceId,
    changes: Vec<u8>,
}

impl<'a> Log<'a> {
    pub(super) fn new(db: &'a Connection, batch: &'a Batch) -> Self {
        Log {
            db,
            batch,
            written: None,
            resource: ResourceId::Site,
            changes: Vec::new(),
        }
    }

    pub(super) fn add(
        &mut self,
        resource: ResourceId,
        entry: &Entry<'_>,
    ) -> Result<(), StoreError> {
        if !self.changes.is_empty()
            && (resource != self.resource || self.changes.len() >= ROW_BYTES)
        {
            self.write_row()?;
        }
        self.resource = resource;
        self.changes
            .push(if self.changes.is_empty() { b'[' } else { b',' });
        serde_json::to_writer(&mut self.changes, entry)
            .map_err(|error| StoreError::Failed(Box::new(error)))
    }

    pub(super) fn end(mut self) -> Result<(), StoreError> {
        if self.changes.is_empty() {
            Ok(())
        } else {
            self.write_row()
        }
    }

    fn write_row(&mut self) -> Result<(), StoreError> {
        self.changes.push(b']');
        let last: i64 = match self.written {
            Some((_, last)) => last,
            None => self
                .db
                .prepare_cached(LAST_LOG_ID)?
                .query_row([], |row| row.get(0))?,
        };
        let id = last + 1;
        let first = self.written.map_or(id, |(first, _)| first);
        let changes = std::str::from_utf8(&self.changes)
            .map_err(|error| StoreError::Failed(Box::new(error)))?;
        let (at, by) = (self.batch.at.millis(), self.batch.by.id().get());
        let row = params![id, first, self.resource.key(), at, by, changes];
        self.db.prepare_cached(APPEND_LOG)?.execute(row)?;
        self.written = Some((first, id));
        self.changes.clear();
        Ok(())
    }
}

//! The log: what each batch changed and what was there before, as rows of JSON.
//!
//! `schema.sql` says what stands in a row. The log is the history of every property; nothing ever changes it.

use super::counters::Counters;
use crate::model::{Batch, Property, ResourceId};
use crate::store::StoreError;
use rusqlite::params;
use serde::Serialize;

/// A row is ended when it has this many bytes; what follows of the same batch goes into another row.
const ROW_BYTES: usize = 1 << 20;

const APPEND_LOG: &str =
    "INSERT INTO log (id, batch, resource, at, by, changes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// The rows of the log that one batch becomes.
pub(super) struct Log<'a> {
    counters: &'a Counters<'a>,
    batch: &'a Batch,
    /// The id of the first row, once it is written.
    first: Option<i64>,
    resource: ResourceId,
    changes: Vec<u8>,
}

impl<'a> Log<'a> {
    pub(super) fn new(counters: &'a Counters<'a>, batch: &'a Batch) -> Self {
        Log {
            counters,
            batch,
            first: None,
            resource: ResourceId::Site,
            changes: Vec::new(),
        }
    }

    /// Adds what became of a property: `edit`, and what the head was before as it stood in its row.
    pub(super) fn add_property(
        &mut self,
        edit: &str,
        now: &Property,
        was: Option<&str>,
    ) -> Result<(), StoreError> {
        let (name, id, revision) = (now.key.name.as_str(), now.id.get(), now.revision.get());
        self.add(now.key.resource, &(edit, name, id, revision))?;
        self.changes
            .reserve(was.map_or(0, str::len) + ",null]".len());
        // What was there is text already, and has its own closing bracket.
        self.changes.pop();
        match was {
            Some(was) => {
                self.changes.extend_from_slice(b",[");
                self.changes.extend_from_slice(was.as_bytes());
            }
            None => self.changes.extend_from_slice(b",null"),
        }
        self.changes.push(b']');
        Ok(())
    }

    /// Adds a change: an array.
    pub(super) fn add(
        &mut self,
        resource: ResourceId,
        change: &impl Serialize,
    ) -> Result<(), StoreError> {
        if !self.changes.is_empty()
            && (resource != self.resource || self.changes.len() >= ROW_BYTES)
        {
            self.write_row()?;
        }
        self.resource = resource;
        self.changes
            .push(if self.changes.is_empty() { b'[' } else { b',' });
        Ok(serde_json::to_writer(&mut self.changes, change)?)
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
        let id = self.counters.next_log_id()?;
        let first = *self.first.get_or_insert(id);
        let changes = std::str::from_utf8(&self.changes)
            .map_err(|error| StoreError::Failed(Box::new(error)))?;
        let (at, by) = (self.batch.at.millis(), self.batch.by.id().get());
        let row = params![id, first, self.resource.key(), at, by, changes];
        self.counters
            .db()
            .prepare_cached(APPEND_LOG)?
            .execute(row)?;
        self.changes.clear();
        Ok(())
    }
}

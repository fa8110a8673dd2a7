//! What the batches of one transaction share: the ids that are free, the end of the log, and whether what is remembered
//! outside of it has become old.
//!
//! They are read when the first batch of a transaction needs them and written once before its COMMIT, however many
//! batches share it. After a rollback nothing of them is left, so a crash loses or repeats none.

use super::accounts;
use crate::model::{Access, NextIds, NodeId, Principal, PropertyId, Refusal};
use crate::store::StoreError;
use rusqlite::{Connection, params};
use std::cell::{Cell, RefCell};

const NEXT_IDS: &str = "
    SELECT (SELECT next FROM sequence WHERE kind = 'node'), (SELECT next FROM sequence WHERE kind = 'property')";

const SET_NEXT_ID: &str = "UPDATE sequence SET next = ?2 WHERE kind = ?1";

const LAST_LOG_ID: &str = "SELECT coalesce(max(id), 0) FROM log";

/// A transaction with its counters.
pub(super) struct Counters<'a> {
    db: &'a Connection,
    /// As they stand in the database, and as they are now.
    ids: Cell<Option<(NextIds, NextIds)>>,
    last_log_id: Cell<Option<i64>>,
    memory_is_old: Cell<bool>,
    has_dying: Cell<bool>,
    cache_is_full: Cell<bool>,
    /// Who asked last, as the account is now.
    principal: RefCell<Option<Principal>>,
}

impl<'a> Counters<'a> {
    /// The counters of the transaction that has just begun.
    pub(super) fn new(db: &'a Connection) -> Self {
        Counters {
            db,
            ids: Cell::new(None),
            last_log_id: Cell::new(None),
            memory_is_old: Cell::new(false),
            has_dying: Cell::new(false),
            cache_is_full: Cell::new(false),
            principal: RefCell::new(None),
        }
    }

    /// The connection of the transaction.
    pub(super) fn db(&self) -> &'a Connection {
        self.db
    }

    /// The ids that are free.
    pub(super) fn next_ids(&self) -> Result<NextIds, StoreError> {
        if let Some((_, now)) = self.ids.get() {
            return Ok(now);
        }
        let ids = next_ids(self.db)?;
        self.ids.set(Some((ids, ids)));
        Ok(ids)
    }

    /// Says which ids are free now.
    pub(super) fn set_next_ids(&self, now: NextIds) {
        self.ids
            .set(self.ids.get().map(|(stored, _)| (stored, now)));
    }

    /// The id of the next row of the log, which is taken.
    pub(super) fn next_log_id(&self) -> Result<i64, StoreError> {
        let last = match self.last_log_id.get() {
            Some(last) => last,
            None => self
                .db
                .prepare_cached(LAST_LOG_ID)?
                .query_row([], |row| row.get(0))?,
        };
        self.last_log_id.set(Some(last + 1));
        Ok(last + 1)
    }

    /// Says that nodes or accounts were made or changed, so that what was remembered of them is old.
    pub(super) fn outdate_memory(&self) {
        self.memory_is_old.set(true);
        self.principal.take();
    }

    /// A principal, with the account as it is now. Batches that share a transaction mostly come from few.
    ///
    /// # Errors
    /// [`Refusal::AccountDisabled`]
    pub(super) fn current(&self, by: &Principal) -> Result<Principal, StoreError> {
        let same = |last: &&Principal| last.id() == by.id() && last.has_key() == by.has_key();
        if let Some(last) = self.principal.borrow().as_ref().filter(same) {
            return Ok(last.clone());
        }
        let current = if accounts::is_as(self.db, by.user())? {
            by.clone()
        } else {
            by.with_account(accounts::user(self.db, by.id())?)
        };
        let user = current.user();
        if user.access == Access::Disabled {
            return Err(Refusal::AccountDisabled(user.name.clone()).into());
        }
        self.principal.replace(Some(current.clone()));
        Ok(current)
    }

    /// Says that a folder was deleted, and what is in it remains to be marked.
    pub(super) fn something_dies(&self) {
        self.has_dying.set(true);
    }

    /// Whether [`Counters::something_dies`] was called since this was last asked.
    pub(super) fn take_dying(&self) -> bool {
        self.has_dying.take()
    }

    /// Says that a piece of a content was written, so that the cache of pages is full of what nobody will ask for again.
    pub(super) fn fill_cache(&self) {
        self.cache_is_full.set(true);
    }

    /// Whether [`Counters::fill_cache`] was called.
    pub(super) fn cache_is_full(&self) -> bool {
        self.cache_is_full.get()
    }

    /// Whether [`Counters::outdate_memory`] was called.
    pub(super) fn memory_is_old(&self) -> bool {
        self.memory_is_old.get()
    }

    /// Writes what has changed, for the COMMIT.
    pub(super) fn store(&self) -> rusqlite::Result<()> {
        let Some((stored, now)) = self.ids.get() else {
            return Ok(());
        };
        let mut statement = self.db.prepare_cached(SET_NEXT_ID)?;
        if now.property != stored.property {
            statement.execute(params!["property", now.property.get()])?;
        }
        if now.node != stored.node {
            statement.execute(params!["node", now.node.get()])?;
        }
        Ok(())
    }
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

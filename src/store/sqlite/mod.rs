//! The store in one SQLite file: one connection that writes, a few that read.
//!
//! `promises.md` §1.1 and §1.2: WAL, `synchronous=FULL`, and no ticket of a write is answered before its COMMIT has
//! returned. Waiting writes share a COMMIT ([`writer`]); readers never wait for the writer.

mod accounts;
mod apply;
mod check;
mod checkpoint;
mod contents;
mod counters;
mod groups;
mod heads;
mod known;
mod log;
mod packed;
mod pages;
mod permissions;
mod reader;
mod rows;
mod schema;
mod search;
mod spaces;
#[cfg(test)]
mod tests;
mod writer;

pub use check::{Checked, check};
pub use schema::OpenError;

use super::{Account, NewAccount, NewGroup, NewToken, Setup, Store, StoreError, Ticket};
use crate::model::{
    Address, Batch, Caller, Comments, ContentId, Details, Entries, File, FileHistory, FileView,
    FoundPage, Group, GroupId, ListQuery, Listing, Named, NodeId, NodeKind, Outcome, PageSearch,
    PageView, Permissions, Place, Principal, Property, PropertyKey, PropertyName, ResourceId,
    Revision, Timestamp, TreeSearch, User, UserChange, UserId, Uuids,
};
use bytes::Bytes;
use known::Known;
use reader::Readers;
use rusqlite::{Connection, ErrorCode, ffi};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use writer::Writer;

/// The list of a resource with more properties than this is not read on the thread that asks for it.
const SHORT_LIST_PROPERTIES: usize = 256;

/// How to open a database, with the bounds on what it may use.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The file.
    pub path: PathBuf,
    /// How many threads read.
    pub readers: usize,
    /// How many further connections there are for short look-ups on the threads that ask.
    pub spare_readers: usize,
    /// How many writes may wait.
    pub write_queue_max: usize,
    /// How many reads may wait.
    pub read_queue_max: usize,
    /// How many writes may share a COMMIT.
    pub write_group_max: usize,
    /// A group of writes takes no more once it carries this many bytes of content.
    pub write_group_bytes: usize,
    /// How long to wait for another process that holds the database.
    pub lock_timeout: Duration,
    /// Page cache of the connection that writes, in bytes.
    pub writer_cache_bytes: usize,
    /// Page cache of each connection that reads, in bytes.
    pub reader_cache_bytes: usize,
    /// The log of SQLite is cut back to this many bytes when it can be.
    pub wal_bytes_kept: i64,
}

impl SqliteOptions {
    /// The defaults, for a database in this file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        SqliteOptions {
            path: path.into(),
            readers: 4,
            spare_readers: 4,
            write_queue_max: 4096,
            read_queue_max: 4096,
            write_group_max: 256,
            write_group_bytes: 4 << 20,
            lock_timeout: Duration::from_secs(10),
            writer_cache_bytes: 16 << 20,
            reader_cache_bytes: 4 << 20,
            wal_bytes_kept: 16 << 20,
        }
    }
}

/// A store in an SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    known: Arc<Known>,
}

impl Sqlite {
    /// Opens the database, or makes it: then `setup` says what it begins with.
    ///
    /// # Errors
    /// [`OpenError`] says in one line why the file cannot be used; it was not changed.
    pub fn open(
        options: &SqliteOptions,
        setup: impl FnOnce() -> Result<Setup, String>,
    ) -> Result<Self, OpenError> {
        let (db, claim, state) = schema::open(options, setup)?;
        let readers = Arc::new(Readers::start(options)?);
        let known = Arc::new(Known::default());
        let writer = Writer::start(options, db, claim, Arc::clone(&known))?;
        if state == schema::State::Existing {
            writer.sweep();
        }
        Ok(Sqlite {
            writer,
            readers,
            known,
        })
    }
}

impl Sqlite {
    /// Something whose answer may be long.
    fn long<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Ticket<T> {
        let readers = Arc::clone(&self.readers);
        Ticket::later(move || readers.read(work))
    }
}

impl Store for Sqlite {
    fn write(&self, batch: Batch) -> Ticket<Vec<Outcome>> {
        self.writer.write(batch)
    }

    fn locate(&self, caller: &Caller, address: Address) -> Ticket<Place> {
        let found = self.known.find(&address);
        let version = match found {
            Ok(located) if located.guard.is_none() => {
                return Ticket::ready(Ok(located.place(&caller.who)));
            }
            Ok(_) => None,
            Err(version) => Some(version),
        };
        let (caller, known) = (caller.clone(), Arc::clone(&self.known));
        self.readers.look_up(move |db| {
            let located = match (found, version) {
                (Ok(located), _) => located,
                (Err(_), version) => {
                    let located = rows::locate(db, &caller, &address)?;
                    if let Some(version) = version {
                        known.remember(version, address.clone(), located);
                    }
                    located
                }
            };
            permissions::place(db, &caller.who, located)
        })
    }

    fn list(&self, caller: &Caller, query: ListQuery) -> Ticket<Listing> {
        // A short list is read here, a long one elsewhere; how long it is shows on the way.
        let known = self.known.users();
        match self
            .readers
            .try_here(|db| rows::list(db, &known, caller, &query, Some(SHORT_LIST_PROPERTIES)))
        {
            Some(Ok(Some(listing))) => Ticket::ready(Ok(listing)),
            Some(Err(error)) => Ticket::ready(Err(error)),
            Some(Ok(None)) | None => {
                let caller = caller.clone();
                self.long(move |db| rows::whole_list(db, &known, &caller, &query))
            }
        }
    }

    fn read(
        &self,
        caller: &Caller,
        key: PropertyKey,
        alias: Option<PropertyName>,
    ) -> Ticket<Property> {
        let caller = caller.clone();
        self.readers
            .look_up(move |db| rows::read(db, &caller, &key, alias.as_ref()))
    }

    fn file(&self, caller: &Caller, id: NodeId, revision: Option<Revision>) -> Ticket<File> {
        let caller = caller.clone();
        self.readers.look_up(move |db| {
            rows::place(db, &caller, ResourceId::Node(id))?.allow_content(&caller.who)?;
            Ok(rows::file(db, id, revision)?.0)
        })
    }

    fn file_view(
        &self,
        caller: &Caller,
        id: NodeId,
        revision: Option<Revision>,
    ) -> Ticket<FileView> {
        let (caller, known) = (caller.clone(), self.known.users());
        self.readers
            .read(move |db| rows::file_view(db, &known, &caller, id, revision))
    }

    fn file_history(&self, caller: &Caller, id: NodeId) -> Ticket<FileHistory> {
        let (caller, known) = (caller.clone(), self.known.users());
        self.long(move |db| rows::file_history(db, &known, &caller, id))
    }

    fn files_on(&self, caller: &Caller, page: NodeId) -> Ticket<Vec<FileView>> {
        let (caller, known) = (caller.clone(), self.known.users());
        self.long(move |db| rows::files_on(db, &known, &caller, page))
    }

    fn page(&self, caller: &Caller, id: NodeId) -> Ticket<PageView> {
        let (caller, known) = (caller.clone(), self.known.users());
        self.readers
            .look_up(move |db| pages::page_view(db, &known, &caller, id))
    }

    fn entry(&self, caller: &Caller, id: NodeId) -> Ticket<Entries> {
        let (caller, known) = (caller.clone(), self.known.users());
        self.readers
            .look_up(move |db| spaces::entry_view(db, &known, &caller, id))
    }

    fn entries(&self, caller: &Caller, of: NodeId, kind: NodeKind) -> Ticket<Entries> {
        let (caller, known) = (caller.clone(), self.known.users());
        self.long(move |db| spaces::entries(db, &known, &caller, of, kind))
    }

    fn named(&self, uuids: Uuids) -> Ticket<Named> {
        self.readers.read(move |db| search::named(db, &uuids))
    }

    fn details(&self, caller: &Caller, ids: Vec<NodeId>, comments: Comments) -> Ticket<Details> {
        let (caller, known) = (caller.clone(), self.known.users());
        self.long(move |db| search::details(db, &known, &caller, &ids, comments))
    }

    fn search(&self, caller: &Caller, search: TreeSearch) -> Ticket<Details> {
        let (caller, known) = (caller.clone(), self.known.users());
        self.long(move |db| search::search(db, &known, &caller, &search))
    }

    fn link_key(&self) -> Ticket<[u8; 32]> {
        self.readers.look_up(schema::link_key)
    }

    fn permissions(&self, page: NodeId) -> Ticket<Permissions> {
        self.readers
            .look_up(move |db| permissions::permissions(db, page))
    }

    fn pages_with(&self, caller: &Caller, search: PageSearch) -> Ticket<Vec<FoundPage>> {
        let caller = caller.clone();
        self.long(move |db| pages::pages_with(db, &caller, &search))
    }

    fn stage(&self, at: Timestamp) -> Ticket<ContentId> {
        self.writer.stage(at)
    }

    fn append(&self, content: ContentId, seq: u32, bytes: Bytes) -> Ticket<()> {
        self.writer.append(content, seq, bytes)
    }

    fn discard(&self, content: ContentId) -> Ticket<()> {
        self.writer.discard(content)
    }

    fn chunk(&self, content: ContentId, seq: u32) -> Ticket<Bytes> {
        self.readers.read(move |db| rows::chunk(db, content, seq))
    }

    fn account(&self, name: &str) -> Ticket<Option<Account>> {
        let name = name.to_owned();
        self.readers.look_up(move |db| accounts::account(db, &name))
    }

    fn user(&self, id: UserId) -> Ticket<Arc<User>> {
        self.readers.look_up(move |db| accounts::user(db, id))
    }

    fn users(&self) -> Ticket<Vec<Arc<User>>> {
        self.readers.read(accounts::users)
    }

    fn add_account(&self, by: &Principal, account: NewAccount) -> Ticket<Arc<User>> {
        self.writer.accounts(by, move |counters, by| {
            accounts::add_account(counters, by, &account)
        })
    }

    fn change_user(&self, by: &Principal, user: UserId, change: UserChange) -> Ticket<Arc<User>> {
        self.writer.accounts(by, move |counters, by| {
            accounts::change_user(counters, by, user, &change)
        })
    }

    fn group(&self, caller: &Caller, id: GroupId) -> Ticket<Group> {
        let caller = caller.clone();
        self.readers.look_up(move |db| {
            let group = groups::group(db, id)?;
            if let Some(space) = group.space {
                rows::readable_place(db, &caller, ResourceId::Node(space))?;
            }
            Ok(group)
        })
    }

    fn groups(&self) -> Ticket<Vec<Group>> {
        self.readers.read(groups::groups)
    }

    fn add_group(&self, by: &Principal, group: NewGroup) -> Ticket<Group> {
        self.writer.accounts(by, move |counters, by| {
            groups::add(counters.db(), by, &group)
        })
    }

    fn set_members(&self, by: &Principal, group: GroupId, members: Vec<UserId>) -> Ticket<Group> {
        self.writer.accounts(by, move |counters, by| {
            groups::set_members(counters.db(), by, group, &members)
        })
    }

    fn set_password(&self, by: &Principal, user: UserId, password: String) -> Ticket<()> {
        self.writer.accounts(by, move |counters, by| {
            accounts::set_password(counters, by, user, &password)
        })
    }

    fn add_token(&self, by: &Principal, token: NewToken, now: Timestamp) -> Ticket<()> {
        let shown = by.user().passwords;
        self.writer.accounts(by, move |counters, by| {
            accounts::add_token(counters.db(), by, shown, &token, now)
        })
    }

    fn token(&self, hash: [u8; 32], now: Timestamp) -> Ticket<Option<(Arc<User>, Timestamp)>> {
        self.readers
            .look_up(move |db| accounts::token(db, &hash, now))
    }

    fn close(&self) {
        // The writer goes last: whoever closes a database last moves the log of SQLite into it.
        self.readers.close();
        self.writer.close();
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        StoreError::Failed(Box::new(error))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::ReadOnly) => StoreError::Unwritable(Box::new(error)),
            Some(ErrorCode::SystemIoFailure) => match extended {
                // The index of the log could not grow.
                Some(ffi::SQLITE_IOERR_SHMSIZE) => StoreError::Full,
                Some(
                    ffi::SQLITE_IOERR_WRITE
                    | ffi::SQLITE_IOERR_FSYNC
                    | ffi::SQLITE_IOERR_DIR_FSYNC
                    | ffi::SQLITE_IOERR_TRUNCATE,
                ) => StoreError::Unwritable(Box::new(error)),
                Some(_) | None => StoreError::Failed(Box::new(error)),
            },
            Some(_) | None => StoreError::Failed(Box::new(error)),
        }
    }
}

//! Opening the database file: what it has to be, its tables, and how SQLite shall treat it.
//!
//! A file that is not ours is left untouched byte for byte, so it is looked at before SQLite may write to it
//! (`promises.md` 26). A new database is made whole in one transaction before it changes to WAL, so a crash leaves
//! either none or all of it.

use super::SqliteOptions;
use crate::model::{NodeId, Role, UserId};
use crate::store::{Setup, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, ffi, params};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// The tables of a new database.
const SCHEMA: &str = include_str!("../../../schema.sql");

/// Marks a database as one of propstore: "prop" in ASCII.
const APPLICATION_ID: i32 = 0x7072_6f70;

/// The size of a page. A batch writes whole pages to the log of SQLite; larger ones are fewer, and smaller ones waste less
/// when batches are small and far apart.
pub(super) const PAGE_BYTES: usize = 8192;

/// Which tables a database has. A higher number is from a newer propstore.
const SCHEMA_VERSION: i32 = 5;

const CREATE_HOME: &str = "
    INSERT INTO node (id, uuid, kind, parent, name, revision, created_at, created_by, changed_at, changed_by)
    VALUES (?1, ?2, 'page', NULL, 'home', 1, ?3, ?4, ?3, ?4)";

const CREATE_HOME_REVISION: &str = "
    INSERT INTO node_revision (node, revision, name, type, size, modified_at, modified_by, value)
    VALUES (?1, 1, 'home', 'text/plain; charset=utf-8', 0, ?2, ?3, x'')";

const CREATE_ACCOUNT: &str = "
    INSERT INTO account (id, uuid, name, folded, full_name, searched, role, disabled, password, passwords, created_at)
    VALUES (?1, ?2, ?3, lower(?3), '', lower(?3), ?4, 0, ?5, 1, ?6)";

const CREATE_SEQUENCES: &str = "
    INSERT INTO sequence (kind, next) VALUES ('node', 2), ('property', 1), ('user', 3), ('group', 1), ('content', 1)";

const ADD_SECRET: &str = "INSERT INTO secret (name, bytes) VALUES (?1, ?2)";

const SECRET: &str = "SELECT bytes FROM secret WHERE name = ?1";

/// The name of the secret with which links are signed.
const LINK: &str = "link";

/// Why a database could not be opened. Each message is one line for whoever started propstore.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read or made.
    #[error("cannot open the database {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// There is something else at this path.
    #[error("{} is not a propstore database: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// A newer propstore made it.
    #[error(
        "the database {} has format {found}, and this propstore knows formats up to {known}: use a newer propstore",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i32,
        /// The newest format known here.
        known: i32,
    },
    /// An older propstore made it, from before the first release.
    #[error(
        "the database {} has format {found}, and this propstore reads only format {known}: use the propstore that made it",
        path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i32,
        /// The format known here.
        known: i32,
    },
    /// Another propstore serves it.
    #[error("the database {} is served by another propstore", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// SQLite cannot use it.
    #[error("cannot use the database {}: {}", path.display(), said(reason))]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        reason: rusqlite::Error,
    },
    /// What a new database shall begin with could not be had.
    #[error("{0}")]
    Setup(String),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// What SQLite says, or what it would say if it knew: for the index of its log it only knows that there was an error.
fn said(reason: &rusqlite::Error) -> String {
    match reason.sqlite_error() {
        Some(error) if error.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
            "the disk is full".to_owned()
        }
        Some(_) | None => reason.to_string(),
    }
}

/// Whether the database was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Existing,
    Created,
}

/// Keeps other propstores from serving the same database. SQLite itself would let them: but each remembers credentials
/// for a while, and would not learn of a password that another one changes.
///
/// It is given up after the last connection is closed, because closing a file ends the locks that SQLite has on it.
#[derive(Debug)]
pub(super) struct Claim {
    _file: File,
}

impl Claim {
    fn take(path: &Path) -> Result<Self, OpenError> {
        let path = path.to_owned();
        // For writing as well, because SQLite would not say why it cannot write.
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(reason) => return Err(OpenError::File { path, reason }),
        };
        match file.try_lock() {
            Ok(()) => Ok(Claim { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path }),
            Err(TryLockError::Error(reason)) => Err(OpenError::File { path, reason }),
        }
    }
}

/// Opens the database for writing, making it first if there is none.
pub(super) fn open(
    options: &SqliteOptions,
    setup: impl FnOnce() -> Result<Setup, String>,
) -> Result<(Connection, Claim, State), OpenError> {
    let path = options.path.as_path();
    let database = |reason| OpenError::Database {
        path: path.to_owned(),
        reason,
    };
    let state = inspect(path)?;
    let (db, claim) = match state {
        State::Existing => {
            let claim = Claim::take(path)?;
            let has_log = beside(path, "-wal").exists();
            let db = connect(options).map_err(database)?;
            let keep_log = |keep| {
                db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)
                    .map_err(database)
            };
            // What turns out to be damaged is closed as it was found.
            keep_log(has_log)?;
            check(&db, path)?;
            keep_log(false)?;
            (db, claim)
        }
        State::Created => {
            let setup = setup().map_err(OpenError::Setup)?;
            // Made here and not by SQLite, which would let others read it. Its -wal and -shm take over the mode.
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path);
            file.map_err(|reason| OpenError::File {
                path: path.to_owned(),
                reason,
            })?;
            let claim = Claim::take(path)?;
            let mut db = connect(options).map_err(database)?;
            create(&mut db, &setup).map_err(database)?;
            (db, claim)
        }
    };
    db.pragma_update(None, "journal_mode", "WAL")
        .map_err(database)?;
    db.pragma_update(None, "synchronous", "FULL")
        .map_err(database)?;
    db.pragma_update(None, "journal_size_limit", options.wal_bytes_kept)
        .map_err(database)?;
    db.pragma_update(None, "cache_size", cache_size(options.writer_cache_bytes))
        .map_err(database)?;
    Ok((db, claim, state))
}

/// Opens the database to look through it, and leaves it as it is; it may be served at the same time.
pub(super) fn open_to_look(options: &SqliteOptions) -> Result<Connection, OpenError> {
    let path = options.path.as_path();
    let database = |reason| OpenError::Database {
        path: path.to_owned(),
        reason,
    };
    if beside(path, "-journal").exists() {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
            what: "it was left half made: propstore serve mends that".to_owned(),
        });
    }
    if inspect(path)? == State::Created {
        return Err(OpenError::File {
            path: path.to_owned(),
            reason: io::Error::new(io::ErrorKind::NotFound, "there is no database in it"),
        });
    }
    let has_log = beside(path, "-wal").exists();
    let db = connect(options).map_err(database)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)
        .and_then(|_| db.pragma_update(None, "query_only", true))
        .map_err(database)?;
    check(&db, path)?;
    Ok(db)
}

/// Opens a further connection that copies the log of SQLite into the database.
pub(super) fn open_checkpointer(options: &SqliteOptions) -> Result<Connection, OpenError> {
    let open = || {
        let db = connect(options)?;
        db.pragma_update(None, "synchronous", "FULL")?;
        Ok(db)
    };
    open().map_err(|reason| OpenError::Database {
        path: options.path.clone(),
        reason,
    })
}

/// Opens a further connection that only reads.
pub(super) fn open_reader(options: &SqliteOptions) -> Result<Connection, OpenError> {
    let open = || {
        let db = connect(options)?;
        db.pragma_update(None, "query_only", true)?;
        db.pragma_update(None, "cache_size", cache_size(options.reader_cache_bytes))?;
        Ok(db)
    };
    open().map_err(|reason| OpenError::Database {
        path: options.path.clone(),
        reason,
    })
}

/// Opens a further connection that only reads, and does not wait for others.
pub(super) fn open_spare_reader(options: &SqliteOptions) -> Result<Connection, OpenError> {
    let db = open_reader(options)?;
    match db.busy_timeout(Duration::ZERO) {
        Ok(()) => Ok(db),
        Err(reason) => Err(OpenError::Database {
            path: options.path.clone(),
            reason,
        }),
    }
}

/// SQLite takes a negative number as KiB.
fn cache_size(bytes: usize) -> i64 {
    -i64::try_from(bytes / 1024).unwrap_or(i64::MAX)
}

fn connect(options: &SqliteOptions) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&options.path, flags)?;
    db.busy_timeout(options.lock_timeout)?;
    // One plan for each statement: else SQLite compiles some of them again for each set of values.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_prepared_statement_cache_capacity(128);
    Ok(db)
}

/// Looks at the file without SQLite.
fn inspect(path: &Path) -> Result<State, OpenError> {
    let failed = |reason| OpenError::File {
        path: path.to_owned(),
        reason,
    };
    let foreign = |what: &str| OpenError::Foreign {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(State::Created),
        Err(reason) => return Err(failed(reason)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(foreign("it is not a file"));
    }
    if metadata.len() == 0 {
        return Ok(State::Created);
    }
    if beside(path, "-journal").exists() {
        // A transaction was cut off, perhaps the one that makes the tables: let SQLite mend that first.
        return recover(path);
    }
    let mut header = [0; 100];
    file.read_exact(&mut header)
        .map_err(|_| foreign("it is too short"))?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(foreign("it is not an SQLite database"));
    }
    let number = |at: usize| {
        i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    judge(path, number(68), number(60))?;
    // The size in the header counts if it was written with the last change.
    if !beside(path, "-wal").exists() && number(24) == number(92) {
        let page_bytes = match u64::from(header[16]) << 8 | u64::from(header[17]) {
            1 => 65536,
            bytes => bytes,
        };
        let bytes = page_bytes * u64::try_from(number(28)).unwrap_or_default();
        if metadata.len() < bytes {
            let found = metadata.len();
            return Err(foreign(&format!(
                "it has been cut off: it has {found} bytes of {bytes}"
            )));
        }
    }
    Ok(State::Existing)
}

/// A file that SQLite keeps beside the database.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn recover(path: &Path) -> Result<State, OpenError> {
    let database = |reason| OpenError::Database {
        path: path.to_owned(),
        reason,
    };
    let db =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(database)?;
    let pragma = |name: &str| {
        db.pragma_query_value(None, name, |row| row.get(0))
            .map_err(database)
    };
    match pragma("page_count")? {
        0 => Ok(State::Created),
        _ => judge(path, pragma("application_id")?, pragma("user_version")?),
    }
}

fn judge(path: &Path, application_id: i32, version: i32) -> Result<State, OpenError> {
    let path = path.to_owned();
    match (application_id, version) {
        (APPLICATION_ID, SCHEMA_VERSION) => Ok(State::Existing),
        (APPLICATION_ID, found) if found > SCHEMA_VERSION => Err(OpenError::Newer {
            path,
            found,
            known: SCHEMA_VERSION,
        }),
        (APPLICATION_ID, found @ 1..SCHEMA_VERSION) => Err(OpenError::Older {
            path,
            found,
            known: SCHEMA_VERSION,
        }),
        (APPLICATION_ID, found) => Err(OpenError::Foreign {
            path,
            what: format!("it has the unknown format {found}"),
        }),
        _ => Err(OpenError::Foreign {
            path,
            what: "it is a database of another program".to_owned(),
        }),
    }
}

/// Whether the tables of this format are there, and the root of each can be read. To read all pages would take too long
/// on a large database.
fn check(db: &Connection, path: &Path) -> Result<(), OpenError> {
    let database = |reason| OpenError::Database {
        path: path.to_owned(),
        reason,
    };
    let foreign = |what: String| OpenError::Foreign {
        path: path.to_owned(),
        what,
    };
    let wanted = Connection::open_in_memory()
        .and_then(|model| {
            model.execute_batch(SCHEMA)?;
            objects(&model)
        })
        .map_err(database)?;
    let found = objects(db).map_err(database)?;
    // Whoever adds a table or an index may do that.
    if let Some(missing) = wanted.iter().find(|object| !found.contains(object)) {
        let Object { kind, name, .. } = missing;
        return Err(foreign(format!("the {kind} {name} is not as it was made")));
    }
    for object in &wanted {
        object.touch(db).map_err(database)?;
    }
    let read = || {
        db.query_row("SELECT count(*) FROM sequence", [], |row| {
            row.get::<_, i64>(0)
        })
    };
    match read().map_err(database)? {
        5 => Ok(()),
        _ => Err(foreign("its table of sequences is damaged".to_owned())),
    }
}

/// The secret with which links are signed.
pub(super) fn link_key(db: &Connection) -> Result<[u8; 32], StoreError> {
    let bytes: Option<Vec<u8>> = db
        .prepare_cached(SECRET)?
        .query_row([LINK], |row| row.get(0))
        .optional()?;
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| StoreError::Damaged("the secret for links is not there".to_owned()))
}

/// What a statement says, whatever is remarked in it.
fn without_comments(sql: &str) -> String {
    let code = sql.lines().filter_map(|line| line.split("--").next());
    let words: Vec<&str> = code.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

/// A table, an index or a view, as SQLite knows it.
#[derive(PartialEq)]
struct Object {
    kind: String,
    name: String,
    table: String,
    sql: Option<String>,
}

fn objects(db: &Connection) -> rusqlite::Result<Vec<Object>> {
    let mut statement = db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema")?;
    let objects = statement.query_map([], |row| {
        Ok(Object {
            kind: row.get(0)?,
            name: row.get(1)?,
            table: row.get(2)?,
            sql: row
                .get::<_, Option<String>>(3)?
                .as_deref()
                .map(without_comments),
        })
    })?;
    objects.collect()
}

impl Object {
    /// Reads one row by way of the root.
    fn touch(&self, db: &Connection) -> rusqlite::Result<()> {
        let Object { kind, name, .. } = self;
        let sql = match kind.as_str() {
            // An index that has all columns would be read instead of the table.
            "table"
                if self
                    .sql
                    .as_ref()
                    .is_some_and(|sql| sql.ends_with("WITHOUT ROWID")) =>
            {
                format!("SELECT 1 FROM \"{name}\" INDEXED BY \"sqlite_autoindex_{name}_1\" LIMIT 1")
            }
            "table" => format!("SELECT * FROM \"{name}\" NOT INDEXED LIMIT 1"),
            "index" => {
                let condition = self.sql.as_ref().and_then(|sql| sql.split_once(" WHERE "));
                let condition = condition.map_or("TRUE", |(_, condition)| condition);
                let table = &self.table;
                format!("SELECT 1 FROM \"{table}\" INDEXED BY \"{name}\" WHERE {condition} LIMIT 1")
            }
            _ => return Ok(()),
        };
        db.prepare(&sql)?.query([])?.next().map(drop)
    }
}

fn create(db: &mut Connection, setup: &Setup) -> rusqlite::Result<()> {
    db.pragma_update(
        None,
        "page_size",
        i64::try_from(PAGE_BYTES).unwrap_or_default(),
    )?;
    let transaction = db.transaction()?;
    let uuid = || Uuid::new_v4().to_string();
    let at = setup.at.millis();
    transaction.execute_batch(SCHEMA)?;
    transaction.execute(CREATE_SEQUENCES, [])?;
    transaction.execute(
        CREATE_HOME,
        params![NodeId::HOME.get(), uuid(), at, UserId::ADMIN.get()],
    )?;
    transaction.execute(
        CREATE_HOME_REVISION,
        params![NodeId::HOME.get(), at, UserId::ADMIN.get()],
    )?;
    let mut account = transaction.prepare(CREATE_ACCOUNT)?;
    account.execute(params![
        UserId::ADMIN.get(),
        uuid(),
        "admin",
        Role::Admin.name(),
        setup.admin_password,
        at
    ])?;
    let nobody = params![
        UserId::ANONYMOUS.get(),
        uuid(),
        "Anonymous",
        Role::Viewer.name(),
        None::<String>,
        at
    ];
    account.execute(nobody)?;
    drop(account);
    transaction.execute(ADD_SECRET, params![LINK, setup.link_key.as_slice()])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

//! Looking through a whole database: every page, and whether what stands there can be.
//!
//! Opening a database looks at little, so that a large one starts quickly (`promises.md` 26). This reads everything, in one
//! snapshot, also while propstore serves the database, and changes nothing.

use super::SqliteOptions;
use super::packed::Heads;
use super::rows::{damaged, number, property_name, text};
use super::schema::{self, OpenError};
use crate::model::ResourceId;
use crate::store::StoreError;
use bytes::Bytes;
use rusqlite::Connection;

/// The most problems of a kind that are told.
const PROBLEMS_MAX: usize = 20;

const HEADS: &str = "SELECT resource, first, properties FROM heads ORDER BY resource, first";

/// The log has every id from 1 on.
const LOG_GAP: &str = "SELECT count(*), coalesce(min(id), 1), coalesce(max(id), 0) FROM log";

/// Each text of the log has to be JSON, else the views over it fail.
const LOG_TEXTS: &str = "SELECT id FROM log WHERE NOT json_valid(changes)";

/// Contents that something refers to, and that are not as long as it says.
const CONTENTS: &str = "
    SELECT wanted.content, wanted.size,
           (SELECT total(length(bytes)) FROM chunk WHERE chunk.content = wanted.content)
    FROM (SELECT content, size FROM property_revision WHERE content IS NOT NULL
          UNION SELECT content, size FROM node_revision WHERE content IS NOT NULL) AS wanted
    WHERE wanted.size <>
          (SELECT total(length(bytes)) FROM chunk WHERE chunk.content = wanted.content)";

/// Counters that would give out an id again.
const SEQUENCES: &str = "
    SELECT kind, next, used FROM (
        SELECT kind, next, CASE kind
            WHEN 'node'     THEN (SELECT max(id) FROM node)
            WHEN 'property' THEN (SELECT max(id) FROM property_revision)
            WHEN 'content'  THEN (SELECT max(content) FROM chunk)
            WHEN 'user'     THEN (SELECT max(id) FROM account)
            WHEN 'group'    THEN (SELECT max(id) FROM user_group)
        END AS used FROM sequence)
    WHERE used >= next";

const COUNTS: &str = "
    SELECT (SELECT count(*) FROM node WHERE deleted_at IS NULL), (SELECT count(*) FROM property),
           (SELECT count(*) FROM log), (SELECT count(DISTINCT content) FROM chunk)";

/// What was found in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many pages, spaces, folders and files there are.
    pub nodes: i64,
    /// How many live properties.
    pub properties: i64,
    /// How many entries of the log.
    pub entries: i64,
    /// How many contents that are kept in pieces.
    pub contents: i64,
    /// What is wrong, in words; nothing, if the database is whole.
    pub problems: Vec<String>,
}

/// Looks through a database.
///
/// # Errors
/// [`OpenError`] if it is none that could be looked through.
pub fn check(options: &SqliteOptions) -> Result<Checked, OpenError> {
    let db = schema::open_to_look(options)?;
    let mut checked = Checked::default();
    let looked = look(&db, &mut checked);
    // What cannot be read is what was looked for.
    if let Err(error) = looked {
        checked.problems.push(told(&error));
    }
    Ok(checked)
}

fn look(db: &Connection, checked: &mut Checked) -> Result<(), StoreError> {
    // One snapshot for all of it.
    db.execute_batch("BEGIN")?;
    let pragma = format!("PRAGMA integrity_check({PROBLEMS_MAX})");
    let mut statement = db.prepare(&pragma)?;
    let mut lines = statement.query([])?;
    while let Some(line) = lines.next()? {
        let line = text(line, 0)?;
        if line != "ok" {
            checked.problems.push(line.to_owned());
        }
    }
    if !checked.problems.is_empty() {
        return Ok(());
    }
    heads(db, &mut checked.problems)?;
    log(db, &mut checked.problems)?;
    let problem = |row: &rusqlite::Row<'_>| {
        let (content, size): (i64, i64) = (row.get(0)?, row.get(1)?);
        let found: f64 = row.get(2)?;
        Ok(format!(
            "content {content} has {found} bytes and should have {size}"
        ))
    };
    all(db, CONTENTS, &mut checked.problems, problem)?;
    let problem = |row: &rusqlite::Row<'_>| {
        let (kind, next, used): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(format!(
            "the next {kind} would be number {next}, and {used} was given out"
        ))
    };
    all(db, SEQUENCES, &mut checked.problems, problem)?;
    db.query_row(COUNTS, [], |row| {
        checked.nodes = row.get(0)?;
        checked.properties = row.get(1)?;
        checked.entries = row.get(2)?;
        checked.contents = row.get(3)?;
        Ok(())
    })?;
    Ok(())
}

/// Each head can be read, is one that can be, and stands where it belongs.
fn heads(db: &Connection, problems: &mut Vec<String>) -> Result<(), StoreError> {
    let mut statement = db.prepare(HEADS)?;
    let mut rows = statement.query([])?;
    let mut last: Option<(i64, String)> = None;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        let first = text(row, 1)?.to_owned();
        let properties = Bytes::copy_from_slice(text(row, 2)?.as_bytes());
        if let Err(error) = row_of_heads(key, &first, &properties, &mut last) {
            problems.push(format!(
                "in the row of resource {key} that begins with '{first}': {}",
                told(&error)
            ));
            found += 1;
            if found >= PROBLEMS_MAX {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn row_of_heads(
    key: i64,
    first: &str,
    properties: &Bytes,
    last: &mut Option<(i64, String)>,
) -> Result<(), StoreError> {
    let resource = ResourceId::from_key(key);
    let utf_8 = std::str::from_utf8(properties).map_err(|_| damaged("it is not UTF-8"))?;
    if last
        .as_ref()
        .is_some_and(|(before, name)| *before == key && **name >= *first)
    {
        return Err(damaged(
            "it begins with a name that belongs to the row before",
        ));
    }
    let mut heads = Heads::of(utf_8);
    while let Some(head) = heads.next()? {
        let name = property_name(&head.name)?;
        head.property(resource, name, Some(properties))?;
        let behind = last
            .as_ref()
            .is_none_or(|(before, name)| *before != key || **name < *head.name);
        if !behind || *head.name < *first {
            return Err(damaged(format!(
                "the property '{}' stands in the wrong place",
                head.name
            )));
        }
        *last = Some((key, head.name.into_owned()));
    }
    Ok(())
}

fn log(db: &Connection, problems: &mut Vec<String>) -> Result<(), StoreError> {
    let (count, min, max) = db.query_row(LOG_GAP, [], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
        ))
    })?;
    if min != 1 || count != max {
        problems.push(format!(
            "the log has {count} entries with the ids from {min} to {max}, so some are missing"
        ));
    }
    all(db, LOG_TEXTS, problems, |row| {
        let id = number(row, 0, Some)?;
        Ok(format!("the entry {id} of the log cannot be read"))
    })
}

/// What a statement finds, in words.
fn all(
    db: &Connection,
    sql: &str,
    problems: &mut Vec<String>,
    problem: impl Fn(&rusqlite::Row<'_>) -> Result<String, StoreError>,
) -> Result<(), StoreError> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = 0;
    while let Some(row) = rows.next()?.filter(|_| found < PROBLEMS_MAX) {
        problems.push(problem(row)?);
        found += 1;
    }
    Ok(())
}

/// An error with its cause.
fn told(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

//! The heads of properties, many at a time.
//!
//! A statement costs more than a row, so the names of a batch are looked up by one walk along the key, and written by
//! statements of many rows.

use super::rows;
use crate::model::{Property, PropertyName, ResourceId};
use crate::store::StoreError;
use rusqlite::{Connection, params};
use std::sync::OnceLock;

/// From so many names on, a walk is tried.
const WALK_NAMES_MIN: usize = 4;

/// For each name that it looks for, a walk may pass over so many others. On a resource with far more properties than
/// the batch, looking up each name costs less.
const WALK_ROWS_PER_NAME: usize = 3;

/// The most rows that one statement writes.
const ROWS_MAX: usize = 32;

/// All heads between two names.
pub(super) const WALK: &str = "
    SELECT name, id, revision, modified_at, modified_by, type, description, size, content, value
    FROM property WHERE resource = ?1 AND name >= ?2 AND name <= ?3 ORDER BY name";

/// Replacing writes over a row in place, since the table has no other index and no triggers.
const PUT: &str = "
    INSERT OR REPLACE INTO property
        (resource, name, id, revision, modified_at, modified_by, type, description, size, content, value)
    VALUES ";

const ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const COLUMNS: usize = 11;

/// The heads of these names, each in the place of its name.
pub(super) fn find(
    db: &Connection,
    resource: ResourceId,
    names: &[&PropertyName],
) -> Result<Vec<Option<Property>>, StoreError> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    let mut heads: Vec<Option<Property>> = names.iter().map(|_| None).collect();
    let mut sought = 0;
    if names.len() >= WALK_NAMES_MIN {
        order.sort_unstable_by_key(|&at| names[at]);
        sought = walk(db, resource, names, &order, &mut heads)?;
    }
    for &at in &order[sought..] {
        heads[at] = rows::property(db, resource, names[at])?;
    }
    Ok(heads)
}

/// Walks along the key, from the first name to the last. How many names have been sought when it ends.
fn walk(
    db: &Connection,
    resource: ResourceId,
    names: &[&PropertyName],
    order: &[usize],
    heads: &mut [Option<Property>],
) -> Result<usize, StoreError> {
    let [first, .., last] = order else {
        return Ok(0);
    };
    let mut statement = db.prepare_cached(WALK)?;
    let bounds = params![
        resource.key(),
        names[*first].as_str(),
        names[*last].as_str()
    ];
    let mut rows = statement.query(bounds)?;
    let (mut sought, mut passed_over) = (0, 0);
    while let Some(row) = rows.next()? {
        let name = rows::text(row, 0)?;
        while order
            .get(sought)
            .is_some_and(|&at| names[at].as_str() < name)
        {
            sought += 1;
        }
        match order.get(sought) {
            Some(&at) if names[at].as_str() == name => {
                heads[at] = Some(rows::head_of(row, resource, names[at].clone())?);
                sought += 1;
            }
            Some(_) => {
                passed_over += 1;
                if passed_over > WALK_ROWS_PER_NAME * names.len() {
                    return Ok(sought);
                }
            }
            None => break,
        }
    }
    Ok(order.len())
}

/// A head as it is to be written: the property, where its content lies, or its bytes.
pub(super) type NewHead<'a> = (&'a Property, Option<i64>, Option<&'a [u8]>);

/// Writes heads, over what has the same keys.
pub(super) fn put(db: &Connection, heads: &[NewHead<'_>]) -> Result<(), StoreError> {
    for some in heads.chunks(ROWS_MAX) {
        let mut statement = db.prepare_cached(put_sql(some.len()))?;
        for ((property, stored, value), first) in some.iter().zip((1..).step_by(COLUMNS)) {
            let size = i64::try_from(property.content.size).unwrap_or(i64::MAX);
            statement.raw_bind_parameter(first, property.key.resource.key())?;
            statement.raw_bind_parameter(first + 1, property.key.name.as_str())?;
            statement.raw_bind_parameter(first + 2, property.id.get())?;
            statement.raw_bind_parameter(first + 3, property.revision.get())?;
            statement.raw_bind_parameter(first + 4, property.modified_at.millis())?;
            statement.raw_bind_parameter(first + 5, property.modified_by.get())?;
            statement.raw_bind_parameter(first + 6, property.content.media_type.as_str())?;
            statement.raw_bind_parameter(first + 7, property.description.as_str())?;
            statement.raw_bind_parameter(first + 8, size)?;
            statement.raw_bind_parameter(first + 9, stored)?;
            statement.raw_bind_parameter(first + 10, value)?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}

/// The statement that writes so many rows, at most [`ROWS_MAX`].
fn put_sql(rows: usize) -> &'static str {
    static SQL: OnceLock<Vec<String>> = OnceLock::new();
    let all = SQL.get_or_init(|| {
        let sql = |rows| format!("{PUT}{}", vec![ROW; rows].join(", "));
        (0..=ROWS_MAX).map(sql).collect()
    });
    all.get(rows).map_or(PUT, String::as_str)
}

//! The heads of properties, packed: a row of the table holds neighbours, so one read and one write serve many of them.
//!
//! A row that becomes too long is cut; one that becomes empty is deleted. Which names belong to a row follows from where
//! it and the next row begin, so a resource never has two heads of one name.

use super::packed::{self, Heads, Value};
use super::rows::{damaged, property_name, text};
use super::schema::PAGE_BYTES;
use crate::model::{ListQuery, NameFilter, Property, PropertyName, ResourceId};
use crate::store::StoreError;
use bytes::Bytes;
use rusqlite::{Connection, params};
use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

/// A row is cut when it has more bytes: so that with its key it fits into one page.
const ROW_BYTES_MAX: usize = PAGE_BYTES - 292;

/// How many bytes a row has at most after it was cut. The rest is room to grow.
const ROW_BYTES_CUT: usize = PAGE_BYTES - 1292;

/// The row that a name belongs to.
pub(super) const ROW: &str = "
    SELECT properties FROM heads WHERE resource = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";

/// The rows that the names from one to another belong to.
pub(super) const ROWS: &str = "
    SELECT first, properties FROM heads
    WHERE resource = ?1 AND first <= ?3
      AND first >= coalesce((SELECT max(first) FROM heads WHERE resource = ?1 AND first <= ?2), '')
    ORDER BY first";

/// All rows of a resource.
pub(super) const ALL_ROWS: &str = "SELECT properties FROM heads WHERE resource = ?1 ORDER BY first";

/// The first row behind another one, if there is another one.
const NEXT_ROW: &str = "
    SELECT first, properties FROM heads WHERE resource = ?1 AND (?2 IS NULL OR first > ?2) ORDER BY first LIMIT 1";

const ADD: &str = "INSERT INTO heads (resource, first, properties) VALUES (?1, ?2, ?3)";

const REPLACE: &str = "UPDATE heads SET properties = ?3 WHERE resource = ?1 AND first = ?2";

const DELETE: &str = "DELETE FROM heads WHERE resource = ?1 AND first = ?2";

/// The head of one property.
pub(super) fn read(
    db: &Connection,
    resource: ResourceId,
    name: &PropertyName,
) -> Result<Option<Property>, StoreError> {
    let mut statement = db.prepare_cached(ROW)?;
    let mut rows = statement.query(params![resource.key(), name.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let mut heads = Heads::of(text(row, 0)?);
    while let Some(head) = heads.next()? {
        if *head.name == *name.as_str() {
            return head.property(resource, name.clone(), None).map(Some);
        }
    }
    Ok(None)
}

/// The first row of a resource behind another one: where it begins, and the names in it.
pub(super) fn names_after(
    db: &Connection,
    resource: ResourceId,
    first: Option<&str>,
) -> Result<Option<(String, Vec<PropertyName>)>, StoreError> {
    let mut statement = db.prepare_cached(NEXT_ROW)?;
    let mut rows = statement.query(params![resource.key(), first])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let (mut heads, mut names) = (Heads::of(text(row, 1)?), Vec::new());
    while let Some(head) = heads.next()? {
        names.push(property_name(&head.name)?);
    }
    Ok(Some((text(row, 0)?.to_owned(), names)))
}

/// Goes through the heads of a resource whose names lie between two others (the first one included), by name, as long as
/// `take` wants more. One row of them is in memory at a time.
pub(super) fn between(
    db: &Connection,
    resource: ResourceId,
    [from, to]: [&str; 2],
    mut take: impl FnMut(Property) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(ROWS)?;
    let mut rows = statement.query(params![resource.key(), from, to])?;
    while let Some(row) = rows.next()? {
        let mut heads = Heads::of(text(row, 1)?);
        while let Some(head) = heads.next()? {
            if !(from..to).contains(&&*head.name) {
                continue;
            }
            let property = head.property(resource, property_name(&head.name)?, None)?;
            if take(property)?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The heads of a resource that a query names, by name; `None` if the resource has more heads than `heads_max`.
pub(super) fn list(
    db: &Connection,
    query: &ListQuery,
    heads_max: Option<usize>,
) -> Result<Option<Vec<Property>>, StoreError> {
    let mut statement = db.prepare_cached(ALL_ROWS)?;
    let mut rows = statement.query([query.resource.key()])?;
    let (mut properties, mut count) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let row = Bytes::copy_from_slice(text(row, 0)?.as_bytes());
        let mut heads = Heads::of(utf_8(&row)?);
        while let Some(head) = heads.next()? {
            count += 1;
            if heads_max.is_some_and(|max| count > max) {
                return Ok(None);
            }
            if matches!(query.names, NameFilter::All) || query.names.matches(&head.name) {
                let name = property_name(&head.name)?;
                properties.push(head.property(query.resource, name, Some(&row))?);
            }
        }
    }
    Ok(Some(properties))
}

fn utf_8(row: &Bytes) -> Result<&str, StoreError> {
    std::str::from_utf8(row).map_err(|_| damaged("properties that are not UTF-8"))
}

/// A row as it is before the batch.
struct Row {
    resource: ResourceId,
    first: String,
    properties: Bytes,
    is_stored: bool,
}

/// Where the head of a name stands, or where it would.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    row: usize,
    at: Range<usize>,
    state_at: usize,
}

/// What shall stand at a spot.
struct Edit<'a> {
    name: &'a str,
    spot: Spot,
    head: Option<(&'a Property, Value<'a>)>,
}

/// The rows that a batch concerns, and what it does there.
pub(super) struct Pack<'a> {
    db: &'a Connection,
    rows: Vec<Row>,
    edits: Vec<Edit<'a>>,
}

impl<'a> Pack<'a> {
    pub(super) fn new(db: &'a Connection) -> Self {
        Pack {
            db,
            rows: Vec::new(),
            edits: Vec::new(),
        }
    }

    /// The heads of these names, and where they stand, each in the place of its name. Of one resource this can be
    /// asked once.
    pub(super) fn find(
        &mut self,
        resource: ResourceId,
        names: &[&PropertyName],
    ) -> Result<Vec<(Spot, Option<Property>)>, StoreError> {
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_unstable_by_key(|&at| names[at]);
        let mut found = Vec::with_capacity(names.len());
        while found.len() < order.len() {
            self.walk(resource, names, &order, &mut found)?;
        }
        // From the order of the names to the order of the request.
        found.sort_unstable_by_key(|&(at, ..)| at);
        Ok(found
            .into_iter()
            .map(|(_, spot, head)| (spot, head))
            .collect())
    }

    /// Walks along the rows from the next name that is not found yet, up to a row that none of the names belongs to.
    fn walk(
        &mut self,
        resource: ResourceId,
        names: &[&PropertyName],
        order: &[usize],
        found: &mut Vec<(usize, Spot, Option<Property>)>,
    ) -> Result<(), StoreError> {
        let (Some(&first), Some(&last)) = (order.get(found.len()), order.last()) else {
            return Ok(());
        };
        let bounds = params![resource.key(), names[first].as_str(), names[last].as_str()];
        let mut statement = self.db.prepare_cached(ROWS)?;
        let mut rows = statement.query(bounds)?;
        let mut row = Row {
            resource,
            first: String::new(),
            properties: Bytes::from_static(packed::EMPTY.as_bytes()),
            is_stored: false,
        };
        loop {
            let next = rows
                .next()?
                .map(|row| Row::read(resource, row))
                .transpose()?;
            let left = &order[found.len()..];
            let belong = next.as_ref().map_or(left.len(), |next| {
                left.partition_point(|&at| names[at].as_str() < next.first.as_str())
            });
            if belong > 0 {
                let sought = left[..belong].iter().map(|&at| (at, names[at]));
                place(&row, self.rows.len(), sought, found)?;
                self.rows.push(row);
            } else if row.is_stored {
                return Ok(());
            }
            match next {
                Some(next) if found.len() < order.len() => row = next,
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// What the log keeps of the head at a spot.
    pub(super) fn state(&self, spot: &Spot) -> Result<Option<&str>, StoreError> {
        if spot.at.is_empty() {
            return Ok(None);
        }
        let row = self.rows.get(spot.row).map(|row| &row.properties);
        let state = row.and_then(|row| row.get(spot.state_at..spot.at.end));
        let state = state.ok_or_else(|| damaged("a head outside of its row"))?;
        std::str::from_utf8(state)
            .map(Some)
            .map_err(|_| damaged("a head that is cut"))
    }

    /// Puts a head where it belongs.
    pub(super) fn put(&mut self, spot: Spot, property: &'a Property, value: Value<'a>) {
        self.edits.push(Edit {
            name: property.key.name.as_str(),
            spot,
            head: Some((property, value)),
        });
    }

    /// Takes the head of a property away.
    pub(super) fn delete(&mut self, spot: Spot, property: &'a Property) {
        self.edits.push(Edit {
            name: property.key.name.as_str(),
            spot,
            head: None,
        });
    }

    /// Writes the rows that have changed. Of several edits of one name, the last one counts.
    ///
    /// Each row has a statement of its own: one statement of many rows costs SQLite more, since it keeps a copy of each
    /// page to undo half of the statement.
    pub(super) fn write(mut self) -> Result<(), StoreError> {
        let place = |edit: &Edit<'a>| (edit.spot.row, edit.name);
        self.edits.sort_by_key(place);
        let by_row = |one: &Edit<'_>, next: &Edit<'_>| one.spot.row == next.spot.row;
        for edits in self.edits.chunk_by(by_row) {
            let row = edits.first().and_then(|edit| self.rows.get(edit.spot.row));
            let row = row.ok_or_else(|| damaged("an edit outside of the rows"))?;
            let last: Vec<_> = edits
                .chunk_by(|one, next| one.name == next.name)
                .filter_map(|edits| edits.last())
                .collect();
            let properties = splice(utf_8(&row.properties)?, &last)?;
            row.rewrite(self.db, &properties)?;
        }
        Ok(())
    }
}

impl Row {
    fn read(resource: ResourceId, row: &rusqlite::Row<'_>) -> Result<Self, StoreError> {
        Ok(Row {
            resource,
            first: text(row, 0)?.to_owned(),
            properties: Bytes::copy_from_slice(text(row, 1)?.as_bytes()),
            is_stored: true,
        })
    }

    /// Writes what has become of the row: the same row, more of them, or none.
    fn rewrite(&self, db: &Connection, properties: &str) -> Result<(), StoreError> {
        let write = |sql, first: &str, properties: &str| {
            db.prepare_cached(sql)?
                .execute(params![self.resource.key(), first, properties])
                .map(drop)
        };
        let first_sql = if self.is_stored { REPLACE } else { ADD };
        if properties == packed::EMPTY {
            if self.is_stored {
                let mut statement = db.prepare_cached(DELETE)?;
                statement.execute(params![self.resource.key(), self.first])?;
            }
        } else if properties.len() <= ROW_BYTES_MAX {
            write(first_sql, &self.first, properties)?;
        } else {
            for (number, (first, heads)) in cut(properties)?.into_iter().enumerate() {
                let piece = format!("[{}]", properties.get(heads).unwrap_or_default());
                match number {
                    0 => write(first_sql, &self.first, &piece)?,
                    _ => write(ADD, &first, &piece)?,
                }
            }
        }
        Ok(())
    }
}

/// Finds names, which belong to this row and come in their order, among its heads.
fn place<'n>(
    row: &Row,
    number: usize,
    names: impl Iterator<Item = (usize, &'n PropertyName)>,
    found: &mut Vec<(usize, Spot, Option<Property>)>,
) -> Result<(), StoreError> {
    let mut heads = Heads::of(utf_8(&row.properties)?);
    let mut head = heads.next()?;
    let end = row.properties.len() - 1;
    for (at, name) in names {
        while head
            .as_ref()
            .is_some_and(|head| *head.name < *name.as_str())
        {
            head = heads.next()?;
        }
        let same = head.as_ref().filter(|head| *head.name == *name.as_str());
        let before = head.as_ref().map_or(end, |head| head.at.start);
        let spot = Spot {
            row: number,
            at: same.map_or(before..before, |head| head.at.clone()),
            state_at: same.map_or(before, |head| head.state_at),
        };
        let property =
            same.map(|head| head.property(row.resource, name.clone(), Some(&row.properties)));
        found.push((at, spot, property.transpose()?));
    }
    Ok(())
}

/// A row with edits, which come in the order of their names, and so of their spots.
fn splice(properties: &str, edits: &[&Edit<'_>]) -> Result<String, StoreError> {
    let new = edits.iter().filter_map(|edit| edit.head.as_ref());
    let grown: usize = new.map(|(now, value)| packed::len_about(now, value)).sum();
    let mut out = Vec::with_capacity(properties.len() + grown);
    out.push(b'[');
    let mut from = 1;
    let between = |from: usize, to: usize| properties.get(from..to).unwrap_or_default();
    for edit in edits {
        append(&mut out, between(from, edit.spot.at.start));
        if let Some((property, value)) = &edit.head {
            separate(&mut out);
            packed::write(&mut out, property, value)?;
        }
        from = edit.spot.at.end;
    }
    append(&mut out, between(from, properties.len() - 1));
    out.push(b']');
    String::from_utf8(out).map_err(|error| StoreError::Failed(Box::new(error)))
}

/// Adds heads with the commas between them.
fn append(out: &mut Vec<u8>, heads: &str) {
    let heads = heads.trim_matches(',');
    if !heads.is_empty() {
        separate(out);
        out.extend_from_slice(heads.as_bytes());
    }
}

fn separate(out: &mut Vec<u8>) {
    if out.len() > 1 {
        out.push(b',');
    }
}

/// A part of a row: its first name, and where its heads stand.
type Piece<'a> = (Cow<'a, str>, Range<usize>);

/// Cuts a row that is too long into pieces that are short enough, or have a single head.
fn cut(properties: &str) -> Result<Vec<Piece<'_>>, StoreError> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let mut heads = Heads::of(properties);
    while let Some(head) = heads.next()? {
        match pieces.last_mut() {
            Some((_, piece)) if head.at.end - piece.start <= ROW_BYTES_CUT => {
                piece.end = head.at.end;
            }
            Some(_) | None => pieces.push((head.name, head.at)),
        }
    }
    Ok(pieces)
}

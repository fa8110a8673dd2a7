//! Contents that are too large for a row: pieces of them come, become visible, or are swept.

use super::packed::{self, Value};
use crate::model::{Body, Content, ContentId, Timestamp};
use crate::store::{CHUNK_BYTES, INLINE_BYTES_MAX, StoreError};
use rusqlite::{Connection, params};

/// How many pieces of a forgotten content are deleted in one go.
const SWEEP_CHUNKS: u32 = 32;

const TAKE_ID: &str = "UPDATE sequence SET next = next + 1 WHERE kind = ?1 RETURNING next - 1";

const BEGIN_UPLOAD: &str = "INSERT INTO upload (content, started_at) VALUES (?1, ?2)";

/// A content that is being swept has lost its first piece before it loses its row.
const REVEAL: &str = "
    DELETE FROM upload
    WHERE content = ?1 AND (?2 OR EXISTS (SELECT 1 FROM chunk WHERE content = ?1 AND seq = 0))";

const END_UPLOAD: &str = "DELETE FROM upload WHERE content = ?1";

const IS_UPLOAD: &str = "SELECT count(*) FROM upload WHERE content = ?1";

const UPLOADS: &str = "SELECT content FROM upload";

const ADD_CHUNK: &str = "INSERT INTO chunk (content, seq, bytes) VALUES (?1, ?2, ?3)";

const APPEND_CHUNK: &str = "
    INSERT INTO chunk (content, seq, bytes)
    SELECT ?1, ?2, ?3 FROM upload
    WHERE content = ?1 AND ?2 = (SELECT coalesce(max(seq) + 1, 0) FROM chunk WHERE content = ?1)";

const SWEEP: &str = "
    DELETE FROM chunk
    WHERE content = ?1 AND seq IN (SELECT seq FROM chunk WHERE content = ?1 ORDER BY seq LIMIT ?2)";

/// Begins a content that will come in pieces.
pub(super) fn stage(db: &Connection, at: Timestamp) -> Result<ContentId, StoreError> {
    let id = take_content_id(db)?;
    db.prepare_cached(BEGIN_UPLOAD)?
        .execute(params![id.get(), at.millis()])?;
    Ok(id)
}

fn take_content_id(db: &Connection) -> Result<ContentId, StoreError> {
    let id = db
        .prepare_cached(TAKE_ID)?
        .query_row(["content"], |row| row.get(0))?;
    ContentId::new(id).ok_or_else(|| StoreError::Damaged(format!("the next content is {id}")))
}

/// Brings the content of a file under: few bytes go into the row.
///
/// The two columns of the row: where the content lies, or its bytes.
pub(super) fn keep<'a>(
    db: &Connection,
    content: &'a Content,
) -> Result<(Option<i64>, Option<&'a [u8]>), StoreError> {
    match &content.body {
        Body::Inline(bytes) if content.size <= INLINE_BYTES_MAX => Ok((None, Some(bytes))),
        Body::Inline(_) | Body::Stored(_) | Body::Omitted => {
            Ok((Some(keep_apart(db, content)?.get()), None))
        }
    }
}

/// Brings the value of a property under: a short text goes into the row.
pub(super) fn keep_value<'a>(
    db: &Connection,
    content: &'a Content,
) -> Result<Value<'a>, StoreError> {
    if let Body::Inline(bytes) = &content.body
        && let Some(text) = packed::text_of(bytes, INLINE_BYTES_MAX)
    {
        return Ok(Value::Text(text.into()));
    }
    Ok(Value::Content(keep_apart(db, content)?.get()))
}

/// What is at hand goes into pieces, and what was sent in pieces becomes visible.
fn keep_apart(db: &Connection, content: &Content) -> Result<ContentId, StoreError> {
    match &content.body {
        Body::Inline(bytes) => {
            let id = take_content_id(db)?;
            for (seq, piece) in (0..).zip(bytes.chunks(CHUNK_BYTES)) {
                add_chunk(db, id, seq, piece)?;
            }
            Ok(id)
        }
        Body::Stored(id) => match db
            .prepare_cached(REVEAL)?
            .execute(params![id.get(), content.size == 0])?
        {
            0 => Err(StoreError::Damaged(format!("content {id} is not there"))),
            _ => Ok(*id),
        },
        Body::Omitted => Err(StoreError::Damaged(
            "a content without its bytes".to_owned(),
        )),
    }
}

/// Adds a piece to a content that is being sent.
pub(super) fn append(
    db: &Connection,
    content: ContentId,
    seq: u32,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let row = params![content.get(), seq, bytes];
    if bytes.len() > CHUNK_BYTES || db.prepare_cached(APPEND_CHUNK)?.execute(row)? == 0 {
        return Err(StoreError::Damaged(format!(
            "content {content} cannot get a piece {seq}"
        )));
    }
    Ok(())
}

fn add_chunk(
    db: &Connection,
    content: ContentId,
    seq: u32,
    bytes: &[u8],
) -> Result<(), StoreError> {
    db.prepare_cached(ADD_CHUNK)?
        .execute(params![content.get(), seq, bytes])?;
    Ok(())
}

/// The contents whose sending was never finished.
pub(super) fn staged(db: &Connection) -> Result<Vec<ContentId>, StoreError> {
    let mut statement = db.prepare(UPLOADS)?;
    let ids = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    Ok(ids.into_iter().filter_map(ContentId::new).collect())
}

#[derive(PartialEq)]
/// How far a content has been deleted.
pub(super) enum Swept {
    Wholly,
    Partly,
}

/// Deletes some pieces of a content that nothing refers to.
pub(super) fn sweep(db: &Connection, content: ContentId) -> Result<Swept, StoreError> {
    let staged: i64 = db
        .prepare_cached(IS_UPLOAD)?
        .query_row([content.get()], |row| row.get(0))?;
    if staged == 0 {
        return Ok(Swept::Wholly);
    }
    let deleted = db
        .prepare_cached(SWEEP)?
        .execute(params![content.get(), SWEEP_CHUNKS])?;
    if deleted == SWEEP_CHUNKS as usize {
        return Ok(Swept::Partly);
    }
    db.prepare_cached(END_UPLOAD)?.execute([content.get()])?;
    Ok(Swept::Wholly)
}

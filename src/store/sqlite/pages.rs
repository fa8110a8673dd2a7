//! Pages: found by title, read, written, and found by the properties that they have.

use super::accounts::add_user;
use super::contents::keep;
use super::counters::Counters;
use super::known::KnownUsers;
use super::log::Log;
use super::rows::{self, content, node_name, number, parsed, place, time};
use super::spaces;
use crate::model::{
    Caller, Content, Found, FoundPage, Language, NameFilter, NamePattern, NewNode, NodeId,
    NodeKind, NodeName, Page, PageSearch, PageView, PropertyName, Refusal, ResourceId, Revision,
    Right, Timestamp, UserId, Users, title_levels,
};
use crate::store::{StoreError, language_of};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

const PAGE_NAMED: &str = "
    SELECT id FROM node WHERE parent = ?1 AND name = ?2 AND deleted_at IS NULL AND kind <> 'file'";

const PAGE: &str = "
    SELECT node.uuid, node.parent, r.name, r.revision, r.type, r.size, r.content, r.value, r.modified_at, r.modified_by,
           node.created_at, node.created_by, node.language, node.kind
    FROM node JOIN node_revision AS r ON r.node = node.id AND r.revision = node.revision
    WHERE node.id = ?1 AND node.kind <> 'file' AND node.deleted_at IS NULL";

const REVISION: &str = "SELECT revision FROM node WHERE id = ?1";

const ADD_PAGE: &str = "
    INSERT INTO node (id, uuid, kind, parent, space, name, revision, created_at, created_by, changed_at, changed_by)
    VALUES (?1, ?2, ?3, ?4, CASE ?3 WHEN 'space' THEN ?1 ELSE (SELECT space FROM node WHERE id = ?4) END, ?5, 1, ?6, ?7,
            ?6, ?7)";

const SET_REVISION: &str =
    "UPDATE node SET revision = ?2, name = ?3, changed_at = ?4, changed_by = ?5 WHERE id = ?1";

const ADD_REVISION: &str = "
    INSERT INTO node_revision (node, revision, name, type, size, modified_at, modified_by, content, value)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const ADD_NAME: &str =
    "INSERT INTO page_property (name, page) VALUES (?1, ?2) ON CONFLICT DO NOTHING";

const REMOVE_NAME: &str = "DELETE FROM page_property WHERE name = ?1 AND page = ?2";

const NEXT_NAME: &str = "SELECT name FROM page_property WHERE name > ?1 ORDER BY name LIMIT 1";

const PAGES_NAMED: &str = "SELECT page FROM page_property WHERE name = ?1";

/// The page of a title, or the nearest one above it, and how many levels lie between.
pub(super) fn nearest(db: &Connection, title: &str) -> Result<(NodeId, usize), StoreError> {
    let levels: Vec<String> = title_levels(title).collect();
    below(db, NodeId::HOME, levels.iter().map(String::as_str))
}

/// As far down from a page as there are pages of these names, and how many are missing.
fn below<'a>(
    db: &Connection,
    from: NodeId,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(NodeId, usize), StoreError> {
    let (mut at, mut missing) = (from, names.len());
    let mut statement = db.prepare_cached(PAGE_NAMED)?;
    for name in names {
        let id: Option<i64> = statement
            .query_row(params![at.get(), name], |row| row.get(0))
            .optional()?;
        match id.and_then(NodeId::new) {
            Some(id) => (at, missing) = (id, missing - 1),
            None => break,
        }
    }
    Ok((at, missing))
}

/// What a page that is to be written meets.
pub(super) fn found(
    db: &Connection,
    caller: &Caller,
    from: NodeId,
    levels: &[NewNode],
) -> Result<Found, StoreError> {
    let (at, missing) = below(db, from, levels.iter().map(|level| level.name.as_str()))?;
    let resource = ResourceId::Node(at);
    let (page, place) = match (page(db, at), place(db, caller, resource)) {
        (Ok((page, ..)), Ok(place)) => (page, place),
        (Err(StoreError::Refused(_)), _) | (_, Err(StoreError::Refused(_))) => {
            return Ok(Found::Nothing);
        }
        (Err(failure), _) | (_, Err(failure)) => return Err(failure),
    };
    Ok(Found::Page {
        page: Box::new(page),
        place,
        missing,
    })
}

/// What meets a space or a folder that is to be renamed or deleted; `None` if it is neither.
pub(super) fn found_folder(db: &Connection, id: NodeId) -> Result<Option<Found>, StoreError> {
    let folder = match page(db, id) {
        Ok((folder, _)) if folder.kind != NodeKind::Page => folder,
        Ok(_) | Err(StoreError::Refused(_)) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    Ok(Some(Found::Folder {
        is_first: spaces::is_first(db, folder.parent, id)?,
        folder: Box::new(folder),
    }))
}

/// A live page, space or folder at its newest revision, and what else its row says.
fn page(db: &Connection, id: NodeId) -> Result<(Page, Made), StoreError> {
    let mut statement = db.prepare_cached(PAGE)?;
    let mut rows = statement.query([id.get()])?;
    let row = rows.next()?.ok_or(Refusal::NoSuchPage)?;
    let page = Page {
        id,
        kind: rows::node_kind(row, 13)?,
        uuid: parsed(row, 0)?,
        parent: row.get::<_, Option<i64>>(1)?.and_then(NodeId::new),
        name: node_name(row, 2)?,
        revision: number(row, 3, Revision::new)?,
        content: content(row, [4, 5, 6, 7])?,
        modified_at: time(row, 8)?,
        modified_by: number(row, 9, UserId::new)?,
    };
    let language: Option<String> = row.get(12)?;
    let language = language.and_then(|language| language.parse().ok());
    let made = Made {
        at: time(row, 10)?,
        by: number(row, 11, UserId::new)?,
        language: language_of(language.as_ref()),
    };
    Ok((page, made))
}

/// When and by whom a page was made, and its language.
struct Made {
    at: Timestamp,
    by: UserId,
    language: Option<Language>,
}

/// A page and what is known of it.
pub(super) fn page_view(
    db: &Connection,
    known: &KnownUsers,
    caller: &Caller,
    id: NodeId,
) -> Result<PageView, StoreError> {
    let (page, made) = page(db, id)?;
    rows::readable_place(db, caller, ResourceId::Node(id))?;
    let parent = match page.parent {
        Some(parent) if may_see(db, caller, parent)? => Some(rows::node(db, parent)?),
        Some(_) | None => None,
    };
    let mut users = Users::new();
    add_user(db, known, &mut users, page.modified_by)?;
    add_user(db, known, &mut users, made.by)?;
    Ok(PageView {
        node: rows::node(db, id)?,
        parent,
        language: made.language,
        created_at: made.at,
        created_by: made.by,
        page,
        users,
    })
}

/// Writes a page, space or folder that has got a revision.
pub(super) fn write(
    counters: &Counters<'_>,
    page: &Page,
    log: &mut Log<'_>,
) -> Result<(), StoreError> {
    let db = counters.db();
    counters.outdate_memory();
    let (at, by) = (page.modified_at.millis(), page.modified_by.get());
    if page.revision == Revision::FIRST {
        db.prepare_cached(ADD_PAGE)?.execute(params![
            page.id.get(),
            page.uuid.to_string(),
            page.kind.name(),
            page.parent.map(NodeId::get),
            page.name.as_str(),
            at,
            by,
        ])?;
    } else {
        db.prepare_cached(SET_REVISION)?.execute(params![
            page.id.get(),
            page.revision.get(),
            page.name.as_str(),
            at,
            by,
        ])?;
    }
    let written = (page.modified_at, page.modified_by);
    add_revision(
        db,
        page.id,
        page.revision,
        &page.name,
        &page.content,
        written,
    )?;
    log.add(
        ResourceId::Node(page.id),
        &("page", page.name.as_str(), page.revision.get()),
    )
}

/// Keeps a revision of a page or a file: its name, its content, when and by whom it was written.
pub(super) fn add_revision(
    db: &Connection,
    node: NodeId,
    revision: Revision,
    name: &NodeName,
    content: &Content,
    (at, by): (Timestamp, UserId),
) -> Result<(), StoreError> {
    let (stored, value) = keep(db, content)?;
    db.prepare_cached(ADD_REVISION)?.execute(params![
        node.get(),
        revision.get(),
        name.as_str(),
        content.media_type.given(),
        i64::try_from(content.size).unwrap_or(i64::MAX),
        at.millis(),
        by.get(),
        stored,
        value,
    ])?;
    Ok(())
}

/// Notes that a page has got a property of this name.
pub(super) fn add_name(
    db: &Connection,
    page: NodeId,
    name: &PropertyName,
) -> Result<(), StoreError> {
    let row = params![name.as_str(), page.get()];
    db.prepare_cached(ADD_NAME)?.execute(row)?;
    Ok(())
}

/// Notes that a page has no property of this name any more.
pub(super) fn remove_name(
    db: &Connection,
    page: NodeId,
    name: &PropertyName,
) -> Result<(), StoreError> {
    let row = params![name.as_str(), page.get()];
    db.prepare_cached(REMOVE_NAME)?.execute(row)?;
    Ok(())
}

/// Whether `who` may see that a page is there.
fn may_see(db: &Connection, caller: &Caller, page: NodeId) -> Result<bool, StoreError> {
    match place(db, caller, ResourceId::Node(page)) {
        Ok(place) => Ok(place.rights.allow(Right::Browse)),
        Err(StoreError::Refused(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The pages that have a property of such a name and that `who` may see.
pub(super) fn pages_with(
    db: &Connection,
    caller: &Caller,
    search: &PageSearch,
) -> Result<Vec<FoundPage>, StoreError> {
    let mut ids = BTreeSet::new();
    match &search.names {
        NameFilter::All => add_matching(db, "", |_| Some(true), &mut ids)?,
        NameFilter::Matching(patterns) => {
            for pattern in patterns {
                match pattern {
                    NamePattern::Is(name) => add_pages(db, name, &mut ids)?,
                    NamePattern::Starts(start) => {
                        add_pages(db, start, &mut ids)?;
                        // What begins so stands together.
                        let begins = |name: &str| name.starts_with(start.as_str()).then_some(true);
                        add_matching(db, start, begins, &mut ids)?;
                    }
                    NamePattern::Ends(_) | NamePattern::Contains(_) => {
                        add_matching(db, "", |name| Some(pattern.matches(name)), &mut ids)?;
                    }
                }
            }
        }
    }
    let mut found = search.begin();
    for id in ids {
        if found.is_full() {
            break;
        }
        if may_see(db, caller, id)? && found.wants() {
            let revision = db
                .prepare_cached(REVISION)?
                .query_row([id.get()], |row| Ok(number(row, 0, Revision::new)))??;
            let node = rows::node(db, id)?;
            found.take(FoundPage { node, revision })?;
        }
    }
    Ok(found.finish())
}

/// Adds the pages that have one of the names that come after another one and match; at `None` the search ends.
fn add_matching(
    db: &Connection,
    after: &str,
    matches: impl Fn(&str) -> Option<bool>,
    ids: &mut BTreeSet<NodeId>,
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(NEXT_NAME)?;
    let mut last = after.to_owned();
    loop {
        let next: Option<String> = statement.query_row([&last], |row| row.get(0)).optional()?;
        let Some(name) = next else { return Ok(()) };
        match matches(&name) {
            Some(true) => add_pages(db, &name, ids)?,
            Some(false) => {}
            None => return Ok(()),
        }
        last = name;
    }
}

fn add_pages(db: &Connection, name: &str, ids: &mut BTreeSet<NodeId>) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(PAGES_NAMED)?;
    let mut rows = statement.query([name])?;
    while let Some(row) = rows.next()? {
        ids.insert(number(row, 0, NodeId::new)?);
    }
    Ok(())
}

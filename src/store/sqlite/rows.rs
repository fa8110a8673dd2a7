//! Rows of nodes and files to the model, and the SQL beside it. Reads only; the writer uses them inside its transaction,
//! so that it sees what it has just written.
//!
//! Whatever comes from a row passes the constructors of the model: a damaged database is an error, not a surprise.

use super::accounts::{self, add_user};
use super::known::{KnownUsers, Located};
use super::spaces::Grounds;
use super::{heads, pages, permissions, spaces};
use crate::model::{
    Address, Body, Caller, Content, ContentId, File, FileHistory, FileView, Ground, Language,
    ListQuery, Listing, MediaType, Node, NodeId, NodeKind, NodeName, PageGround, Place, Property,
    PropertyKey, PropertyName, Refusal, ResourceId, Restriction, Revision, Right, Rights,
    SpaceRole, Timestamp, UserId, Users, check_paths, is_comment, shows_comment,
};
use crate::store::{StoreError, embedded, language_of};
use bytes::{Bytes, BytesMut};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::str::FromStr;
use std::sync::Arc;

const NODE: &str = "
    SELECT kind, parent, name, deleted_at IS NOT NULL FROM node WHERE id = ?1";

/// What a node stands on: itself, and what it lies on; and whether there are permissions at all.
const STANDING: &str = "
    SELECT node.kind, node.deleted_at IS NOT NULL, node.language, node.parent, node.created_by,
           above.deleted_at IS NULL AND above.kind <> 'file', above.created_by, EXISTS (SELECT 1 FROM permission),
           node.space IS NOT NULL
    FROM node LEFT JOIN node AS above ON above.id = node.parent WHERE node.id = ?1";

const FILE_ON: &str = "
    SELECT max(id) FROM node WHERE parent = ?1 AND name = ?2 AND deleted_at IS NULL AND kind = 'file'";

const FILES_ON: &str = "
    SELECT id FROM node WHERE parent = ?1 AND deleted_at IS NULL AND kind = 'file' ORDER BY id";

const FILE_REVISION: &str = "
    SELECT node.uuid, node.parent, node.revision, r.name, r.revision, r.type, r.size, r.modified_at, r.modified_by,
           r.content, r.value
    FROM node JOIN node_revision AS r ON r.node = node.id AND r.revision = coalesce(?2, node.revision)
    WHERE node.id = ?1";

const FILE_REVISIONS: &str = "
    SELECT node.uuid, node.parent, node.revision, r.name, r.revision, r.type, r.size, r.modified_at, r.modified_by,
           r.content, r.value
    FROM node JOIN node_revision AS r ON r.node = node.id
    WHERE node.id = ?1 ORDER BY r.revision";

const CHUNK: &str = "SELECT bytes FROM chunk WHERE content = ?1 AND seq = ?2";

const CHUNKS: &str = "SELECT bytes FROM chunk WHERE content = ?1 ORDER BY seq";

/// What nearly every request runs.
#[cfg(test)]
pub(super) const HOT: [&str; 3] = [STANDING, heads::ROW, heads::ALL_ROWS];

/// What is stored cannot be.
pub(super) fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged(what.into())
}

/// A number column that has to be one of its kind.
pub(super) fn number<T>(
    row: &Row<'_>,
    column: usize,
    new: impl Fn(i64) -> Option<T>,
) -> Result<T, StoreError> {
    let value: i64 = row.get(column)?;
    new(value).ok_or_else(|| damaged(format!("the number {value} in column {column}")))
}

/// A text column.
pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, StoreError> {
    row.get_ref(column)?
        .as_str()
        .map_err(|_| damaged(format!("no text in column {column}")))
}

/// A text column that has to be one of its kind.
pub(super) fn parsed<T: FromStr>(row: &Row<'_>, column: usize) -> Result<T, StoreError> {
    let text = text(row, column)?;
    text.parse()
        .map_err(|_| damaged(format!("the text '{text}' in column {column}")))
}

/// The name of a property, as it is stored.
pub(super) fn property_name(text: &str) -> Result<PropertyName, StoreError> {
    let name = text.parse();
    name.map_err(|_| damaged(format!("the property name '{text}'")))
}

/// A column with a moment.
pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(row.get(column)?))
}

/// A content from four columns: type, size, content, value.
pub(super) fn content(row: &Row<'_>, columns: [usize; 4]) -> Result<Content, StoreError> {
    let [media_type, size, stored, value] = columns;
    let size = number(row, size, |n| u64::try_from(n).ok())?;
    let body = match (row.get::<_, Option<i64>>(stored)?, row.get_ref(value)?) {
        (Some(id), _) => {
            Body::Stored(ContentId::new(id).ok_or_else(|| damaged(format!("the content {id}")))?)
        }
        (None, ValueRef::Blob(bytes)) if bytes.len() as u64 == size => {
            Body::Inline(Bytes::copy_from_slice(bytes))
        }
        (None, ValueRef::Null) => Body::Omitted,
        (None, _) => return Err(damaged("a value that has not its size")),
    };
    Ok(Content {
        media_type: MediaType::as_given(text(row, media_type)?)
            .ok_or_else(|| damaged("the type of a content"))?,
        size,
        body,
    })
}

/// One property with its content.
pub(super) fn read(
    db: &Connection,
    caller: &Caller,
    key: &PropertyKey,
    alias: Option<&PropertyName>,
) -> Result<Property, StoreError> {
    let (place, _) = readable(db, caller, key.resource)?;
    let found = match (heads::read(db, key.resource, &key.name)?, alias) {
        (None, Some(alias)) => heads::read(db, key.resource, alias)?,
        (found, _) => found,
    };
    let missing = || Refusal::NoSuchProperty(key.name.to_string());
    let mut property = found.ok_or_else(missing)?;
    if is_hidden(db, place.reads_comments_as(), &mut property)? {
        return Err(missing().into());
    }
    Ok(property)
}

/// Whether a property is a comment that one with this role does not see.
fn is_hidden(
    db: &Connection,
    role: Option<SpaceRole>,
    property: &mut Property,
) -> Result<bool, StoreError> {
    let Some(role) = role.filter(|role| !role.is_staff()) else {
        return Ok(false);
    };
    if !is_comment(property.key.name.as_str()) {
        return Ok(false);
    }
    fetch(db, &mut property.content)?;
    Ok(!shows_comment(&property.content, role))
}

/// The live properties of a resource in the order of their creation; `None` if there are more than so many, or the value
/// of one lies elsewhere.
pub(super) fn list(
    db: &Connection,
    known: &KnownUsers,
    caller: &Caller,
    query: &ListQuery,
    properties_max: Option<usize>,
) -> Result<Option<Listing>, StoreError> {
    let (place, language) = readable(db, caller, query.resource)?;
    let about = (language, place.reads_comments_as());
    listed(db, known, query, about, properties_max)
}

/// The same of a resource that the one who asks may read, with its language and the role that sees its comments.
fn listed(
    db: &Connection,
    known: &KnownUsers,
    query: &ListQuery,
    (language, role): (Option<Language>, Option<SpaceRole>),
    properties_max: Option<usize>,
) -> Result<Option<Listing>, StoreError> {
    let mut properties = Vec::new();
    if let Some(names) = query.names.exact() {
        if properties_max.is_some_and(|max| names.len() > max) {
            return Ok(None);
        }
        for name in names {
            // What is not a name belongs to no property.
            if let Ok(name) = name.parse::<PropertyName>() {
                properties.extend(heads::read(db, query.resource, &name)?);
            }
        }
    } else if let Some(heads) = heads::list(db, query, properties_max)? {
        properties = heads;
    } else {
        return Ok(None);
    }
    properties.sort_by_key(|property| property.id);
    properties.dedup_by_key(|property| property.id);
    let mut users = Users::new();
    let mut shown = Vec::with_capacity(properties.len());
    for mut property in properties {
        let lies_elsewhere = matches!(property.content.body, Body::Stored(_));
        if properties_max.is_some() && lies_elsewhere && property.content.is_shown(query.cutoff) {
            return Ok(None);
        }
        if is_hidden(db, role, &mut property)? {
            continue;
        }
        add_user(db, known, &mut users, property.modified_by)?;
        show(db, &mut property.content, query.cutoff)?;
        shown.push(property);
    }
    Ok(Some(Listing {
        resource: query.resource,
        properties: shown,
        users,
        language,
    }))
}

/// The same, however long it is.
pub(super) fn whole_list(
    db: &Connection,
    known: &KnownUsers,
    caller: &Caller,
    query: &ListQuery,
) -> Result<Listing, StoreError> {
    list(db, known, caller, query, None)?.ok_or_else(|| damaged("a list without an end"))
}

/// Fetches the value of a property if a list shows it, and lets go of it if not.
fn show(db: &Connection, content: &mut Content, cutoff: u64) -> Result<(), StoreError> {
    if content.is_shown(cutoff) {
        return fetch(db, content);
    }
    content.body = Body::Omitted;
    Ok(())
}

/// Fetches all bytes of a value, wherever they lie.
pub(super) fn fetch(db: &Connection, content: &mut Content) -> Result<(), StoreError> {
    if let Body::Stored(id) = content.body {
        let mut bytes = BytesMut::new();
        let mut statement = db.prepare_cached(CHUNKS)?;
        let mut rows = statement.query([id.get()])?;
        while let Some(row) = rows.next()? {
            bytes.extend_from_slice(
                row.get_ref(0)?
                    .as_blob()
                    .map_err(|_| damaged("a chunk without bytes"))?,
            );
        }
        content.body = Body::Inline(bytes.freeze());
    }
    Ok(())
}

/// One piece of a content.
pub(super) fn chunk(db: &Connection, content: ContentId, seq: u32) -> Result<Bytes, StoreError> {
    let mut statement = db.prepare_cached(CHUNK)?;
    let bytes = statement.query_row(params![content.get(), seq], |row| {
        Ok(row.get_ref(0)?.as_blob().map(Bytes::copy_from_slice))
    });
    match bytes.optional()? {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(_)) | None => Err(damaged(format!("content {content} has no piece {seq}"))),
    }
}

/// A node as its row says.
pub(super) struct StoredNode {
    pub(super) kind: NodeKind,
    parent: Option<NodeId>,
    name: NodeName,
    deleted: bool,
}

fn stored_node(db: &Connection, id: NodeId) -> Result<Option<StoredNode>, StoreError> {
    let mut statement = db.prepare_cached(NODE)?;
    let mut rows = statement.query([id.get()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(StoredNode {
        kind: node_kind(row, 0)?,
        parent: row.get::<_, Option<i64>>(1)?.and_then(NodeId::new),
        name: node_name(row, 2)?,
        deleted: row.get(3)?,
    }))
}

/// A live page, space or folder.
pub(super) fn page(db: &Connection, id: NodeId) -> Result<StoredNode, StoreError> {
    let node = stored_node(db, id)?.filter(|node| node.kind != NodeKind::File && !node.deleted);
    Ok(node.ok_or(Refusal::NoSuchPage)?)
}

/// What a live resource stands on.
struct Standing {
    /// What it is, if it is a node of the tree.
    kind: Option<NodeKind>,
    ground: Ground,
    page: Option<NodeId>,
    /// The page whose permissions count, if there are any.
    guard: Option<NodeId>,
    /// Of a page: its language.
    language: Option<Language>,
}

fn standing(
    db: &Connection,
    caller: &Caller,
    resource: ResourceId,
    grounds: &mut Grounds,
) -> Result<Standing, StoreError> {
    let ground = match resource {
        ResourceId::Site => Ground::Site,
        ResourceId::User(id) => Ground::User(accounts::user(db, id)?.id),
        ResourceId::Node(id) => return node_standing(db, caller, id, grounds),
    };
    Ok(Standing {
        kind: None,
        ground,
        page: None,
        guard: None,
        language: None,
    })
}

fn node_standing(
    db: &Connection,
    caller: &Caller,
    id: NodeId,
    grounds: &mut Grounds,
) -> Result<Standing, StoreError> {
    let mut statement = db.prepare_cached(STANDING)?;
    let mut rows = statement.query([id.get()])?;
    let row = rows.next()?.ok_or(Refusal::NoSuchFile)?;
    let kind = node_kind(row, 0)?;
    let is_file = kind == NodeKind::File;
    let is_deleted: bool = row.get(1)?;
    let page = if is_file {
        let page_lives = row.get::<_, Option<bool>>(5)? == Some(true);
        let above = row.get::<_, Option<i64>>(3)?.and_then(NodeId::new);
        above
            .filter(|_| page_lives && !is_deleted)
            .ok_or(Refusal::FileRemoved)?
    } else if is_deleted {
        return Err(Refusal::NoSuchPage.into());
    } else {
        id
    };
    let language = if is_file {
        None
    } else {
        let set = row
            .get::<_, Option<String>>(2)?
            .and_then(|language| language.parse().ok());
        language_of(set.as_ref())
    };
    let (ground, guard) = if row.get(8)? {
        let removed = if is_file {
            Refusal::FileRemoved
        } else {
            Refusal::NoSuchPage
        };
        let parent = row.get::<_, Option<i64>>(3)?.and_then(NodeId::new);
        let ground = grounds.ground(db, caller, id, parent)?.ok_or(removed)?;
        (Ground::Space(ground), None)
    } else {
        let has_permissions: bool = row.get(7)?;
        let guard = if has_permissions {
            permissions::guard(db, page)?
        } else {
            None
        };
        let (guard, restriction) = guard.unzip();
        let ground = Ground::Page(PageGround {
            restriction: restriction.unwrap_or(Restriction::Public),
            granted: Rights::NONE,
            maker: number(row, if is_file { 6 } else { 4 }, UserId::new)?,
        });
        (ground, guard)
    };
    Ok(Standing {
        kind: Some(kind),
        ground,
        page: Some(page),
        guard,
        language,
    })
}

/// The column with the name of a node. That of a folder may be blank.
pub(super) fn node_name(row: &Row<'_>, column: usize) -> Result<NodeName, StoreError> {
    let name = text(row, column)?;
    NodeName::or_blank(name).map_err(|fault| damaged(format!("the name '{name}': {fault}")))
}

/// The column with the kind of a node.
pub(super) fn node_kind(row: &Row<'_>, column: usize) -> Result<NodeKind, StoreError> {
    NodeKind::of_name(text(row, column)?).ok_or_else(|| damaged("the kind of a node"))
}

/// The page that a live file lies on.
fn page_below(db: &Connection, file: &StoredNode) -> Result<NodeId, StoreError> {
    let parent = file
        .parent
        .filter(|_| !file.deleted)
        .ok_or(Refusal::FileRemoved)?;
    match page(db, parent) {
        Ok(_) => Ok(parent),
        Err(StoreError::Refused(_)) => Err(Refusal::FileRemoved.into()),
        Err(failure) => Err(failure),
    }
}

/// A live resource, with what the one who asks may do there.
pub(super) fn place(
    db: &Connection,
    caller: &Caller,
    resource: ResourceId,
) -> Result<Place, StoreError> {
    place_on(db, caller, resource, &mut Grounds::of_one())
}

/// The same, where several are asked for.
pub(super) fn place_on(
    db: &Connection,
    caller: &Caller,
    resource: ResourceId,
    grounds: &mut Grounds,
) -> Result<Place, StoreError> {
    let standing = standing(db, caller, resource, grounds)?;
    permissions::place(db, &caller.who, located(resource, &standing))
}

/// A live resource that the one who asks may read; and its language, if it is a page.
fn readable(
    db: &Connection,
    caller: &Caller,
    resource: ResourceId,
) -> Result<(Place, Option<Language>), StoreError> {
    let standing = standing(db, caller, resource, &mut Grounds::of_one())?;
    let place = permissions::place(db, &caller.who, located(resource, &standing))?;
    place.allow(&caller.who, Right::Read)?;
    Ok((place, standing.language))
}

/// A live resource that the one who asks may read.
pub(super) fn readable_place(
    db: &Connection,
    caller: &Caller,
    resource: ResourceId,
) -> Result<Place, StoreError> {
    Ok(readable(db, caller, resource)?.0)
}

fn located(resource: ResourceId, standing: &Standing) -> Located {
    Located {
        resource,
        kind: standing.kind,
        ground: standing.ground,
        page: standing.page,
        guard: standing.guard,
        missing: 0,
    }
}

/// The resource at an address. Its kind has to be the one that the address says.
pub(super) fn locate(
    db: &Connection,
    caller: &Caller,
    address: &Address,
) -> Result<Located, StoreError> {
    let mut alone = Grounds::of_one();
    if let Address::PageToBe(title) = address {
        let (page, missing) = pages::nearest(db, title)?;
        let resource = ResourceId::Node(page);
        return Ok(Located {
            missing,
            ..located(resource, &standing(db, caller, resource, &mut alone)?)
        });
    }
    let resource = resolve(db, caller, address)?;
    let Some((kinds, missing)) = address.kinds() else {
        return Ok(located(
            resource,
            &standing(db, caller, resource, &mut alone)?,
        ));
    };
    let is_for_file = kinds.contains(&NodeKind::File);
    match standing(db, caller, resource, &mut alone) {
        Ok(standing) if standing.kind.is_some_and(|kind| kinds.contains(&kind)) => {
            Ok(located(resource, &standing))
        }
        Err(StoreError::Refused(Refusal::FileRemoved)) if is_for_file => {
            Err(Refusal::FileRemoved.into())
        }
        Ok(_) | Err(StoreError::Refused(_)) => Err(missing.into()),
        Err(failure) => Err(failure),
    }
}

/// The resource that an address means. Whether a number means something that is there is looked at later.
fn resolve(db: &Connection, caller: &Caller, address: &Address) -> Result<ResourceId, StoreError> {
    Ok(match address {
        Address::Site => ResourceId::Site,
        Address::Page(id) | Address::Space(id) | Address::Folder(id) | Address::File(id) => {
            ResourceId::Node(*id)
        }
        Address::PageTitled(title) | Address::PageToBe(title) => match pages::nearest(db, title)? {
            (page, 0) => ResourceId::Node(page),
            _ => return Err(Refusal::NoSuchPage.into()),
        },
        Address::FileNamed {
            page: address,
            name,
        } => {
            let place = permissions::place(db, &caller.who, locate(db, caller, address)?)?;
            // Whoever may not see the page is not told which files are there.
            place.allow(&caller.who, Right::Browse)?;
            let page = place.page.ok_or(Refusal::NoSuchFile)?;
            let file = match place.space {
                Some(_) => spaces::visible_file(db, caller, page, name)?,
                None => file_on(db, page, name)?,
            };
            ResourceId::Node(file.ok_or(Refusal::NoSuchFile)?)
        }
        Address::CurrentUser => ResourceId::User(caller.who.id()),
        Address::User(id) => ResourceId::User(*id),
        Address::UserNamed(name) => match accounts::account(db, name)? {
            Some(account) => ResourceId::User(account.user.id),
            None => return Err(Refusal::NoSuchUser.into()),
        },
    })
}

/// The newest live file of a name on a page.
pub(super) fn file_on(
    db: &Connection,
    page: NodeId,
    name: &NodeName,
) -> Result<Option<NodeId>, StoreError> {
    let mut statement = db.prepare_cached(FILE_ON)?;
    let id: Option<i64> =
        statement.query_row(params![page.get(), name.as_str()], |row| row.get(0))?;
    Ok(id.and_then(NodeId::new))
}

/// A live file at its newest or another revision, and the number of the newest.
pub(super) fn file(
    db: &Connection,
    id: NodeId,
    revision: Option<Revision>,
) -> Result<(File, Revision), StoreError> {
    let node = stored_node(db, id)?
        .filter(|node| node.kind == NodeKind::File)
        .ok_or(Refusal::NoSuchFile)?;
    let parent = page_below(db, &node)?;
    let mut statement = db.prepare_cached(FILE_REVISION)?;
    let mut rows = statement.query(params![id.get(), revision.map(Revision::get)])?;
    let row = rows.next()?.ok_or(Refusal::NoSuchRevision)?;
    Ok((file_of(row, id, parent)?, number(row, 2, Revision::new)?))
}

fn file_of(row: &Row<'_>, id: NodeId, parent: NodeId) -> Result<File, StoreError> {
    Ok(File {
        id,
        uuid: parsed(row, 0)?,
        parent,
        name: node_name(row, 3)?,
        revision: number(row, 4, Revision::new)?,
        content: content(row, [5, 6, 9, 10])?,
        modified_at: time(row, 7)?,
        modified_by: number(row, 8, UserId::new)?,
    })
}

/// A file with its properties.
pub(super) fn file_view(
    db: &Connection,
    known: &KnownUsers,
    caller: &Caller,
    id: NodeId,
    revision: Option<Revision>,
) -> Result<FileView, StoreError> {
    let place = readable_place(db, caller, ResourceId::Node(id))?;
    let (file, head) = file(db, id, revision)?;
    let parent = Arc::new(node(db, file.parent)?);
    view_of(db, known, (file, head), parent, place.reads_comments_as())
}

fn view_of(
    db: &Connection,
    known: &KnownUsers,
    (file, head): (File, Revision),
    parent: Arc<Node>,
    role: Option<SpaceRole>,
) -> Result<FileView, StoreError> {
    let query = embedded(ResourceId::Node(file.id));
    let mut properties = listed(db, known, &query, (None, role), None)?
        .ok_or_else(|| damaged("a list without an end"))?;
    add_user(db, known, &mut properties.users, file.modified_by)?;
    Ok(FileView {
        file,
        head,
        parent,
        properties,
    })
}

/// The live files on a page or in a folder that the one who asks may see.
pub(super) fn files_on(
    db: &Connection,
    known: &KnownUsers,
    caller: &Caller,
    on: NodeId,
) -> Result<Vec<FileView>, StoreError> {
    page(db, on)?;
    let place = readable_place(db, caller, ResourceId::Node(on))?;
    let ids = match place.space {
        Some(_) => spaces::visible_files(db, caller, on)?,
        None => files_below(db, on)?,
    };
    let parent = Arc::new(node(db, on)?);
    check_paths(&parent.path, ids.len())?;
    let views = ids.into_iter().map(|id| {
        let file = file(db, id, None)?;
        let role = place.space.and_then(|ground| ground.role);
        view_of(db, known, file, Arc::clone(&parent), role)
    });
    views.collect()
}

fn files_below(db: &Connection, on: NodeId) -> Result<Vec<NodeId>, StoreError> {
    let mut statement = db.prepare_cached(FILES_ON)?;
    let mut rows = statement.query([on.get()])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.push(number(row, 0, NodeId::new)?);
    }
    Ok(ids)
}

/// All revisions of a file.
pub(super) fn file_history(
    db: &Connection,
    known: &KnownUsers,
    caller: &Caller,
    id: NodeId,
) -> Result<FileHistory, StoreError> {
    let mut view = file_view(db, known, caller, id, None)?;
    let mut statement = db.prepare_cached(FILE_REVISIONS)?;
    let mut rows = statement.query([id.get()])?;
    let mut revisions = Vec::new();
    while let Some(row) = rows.next()? {
        let file = file_of(row, id, view.file.parent)?;
        add_user(db, known, &mut view.properties.users, file.modified_by)?;
        revisions.push(file);
    }
    Ok(FileHistory { view, revisions })
}

/// A live page, space or folder, and where it lies.
pub(super) fn node(db: &Connection, id: NodeId) -> Result<Node, StoreError> {
    let StoredNode {
        kind, name, parent, ..
    } = page(db, id)?;
    let mut names = vec![name.clone()];
    let mut above = parent;
    while let Some(id) = above.filter(|&id| id != NodeId::HOME) {
        let node = page(db, id)?;
        names.push(node.name);
        above = node.parent;
    }
    let path = if id == NodeId::HOME {
        String::new()
    } else {
        let names: Vec<&str> = names.iter().rev().map(NodeName::as_str).collect();
        names.join("/")
    };
    Ok(Node {
        id,
        kind,
        name,
        path,
    })
}

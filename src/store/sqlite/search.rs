//! What a search finds in spaces: the index, and folders and files with all that is known of them (`luminus.md` §2, §5, §6).
//!
//! The index gives what has the text anywhere; whoever asks gets what of it lies below the top and is visible to him. Both
//! are looked at from a hit upwards, once for each folder. If a text is found too often, what lies below the top is looked
//! through instead, should that be little.

use super::accounts::add_user;
use super::known::KnownUsers;
use super::rows::{self, node_kind, node_name, number, parsed, text, time};
use super::spaces::{self, LISTED_ENTRY, Tree};
use super::{heads, permissions};
use crate::model::{
    Above, Caller, Comment, Comments, Detail, Details, Entry, Ground, GroupId, Inside, Level,
    Meaning, Named, NodeId, NodeKind, NodeName, Refusal, ResourceId, Right, SEARCH_CHARS_MIN,
    SETTING_PREFIX, Setting, SpaceGround, SpaceRole, Timestamp, TreeSearch, UserId, Users, Uuids,
    contains, search_form, shows_comment,
};
use crate::store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use uuid::Uuid;

/// With at most so many hits each of them is looked at; with more, what lies below the top, if that is at most as much; with
/// more of both, the same once more with so many times as many.
const FEW: usize = 1000;
const MORE: usize = 8;

/// So many characters of a text are looked for in the index: a long text costs it most, and few differ only behind them.
const INDEXED_CHARS_MAX: usize = 64;

/// The names of comments lie between these, and those of all settings before this one.
const COMMENT_NAMES: [&str; 2] = ["luminus.comment.", "luminus.comment/"];
const BEHIND_SETTINGS: &str = "luminus/";

const SEARCHED_NODE: &str =
    "SELECT kind, name FROM node WHERE id = ?1 AND space IS NOT NULL AND deleted_at IS NULL";

const INDEX: &str =
    "INSERT OR REPLACE INTO search (rowid, name, url, description) VALUES (?1, ?2, ?3, ?4)";

const REMOVE: &str = "DELETE FROM search WHERE rowid = ?1";

/// The nodes that have a text in one of their fields; not more than so many.
const HITS: &str = "SELECT rowid FROM search WHERE search MATCH ?1 LIMIT ?2";

const MAKERS: &str = "SELECT id FROM account WHERE instr(searched, ?1) > 0";

const MADE_BY: &str = "
    SELECT id FROM node WHERE space = ?1 AND created_by = ?2 AND deleted_at IS NULL AND id <> ?1 LIMIT ?3";

/// What lies below a node, with itself; not more than so many.
const BELOW: &str = "
    WITH RECURSIVE down (id) AS (
        SELECT ?1
        UNION ALL
        SELECT node.id FROM down CROSS JOIN node ON node.parent = down.id AND node.deleted_at IS NULL
    )
    SELECT id FROM down LIMIT ?2";

const FOLDER: &str = "SELECT uuid, kind, name, parent FROM node WHERE id = ?1";

const NODE_NAMED: &str = "SELECT id, kind FROM node WHERE uuid = ?1";

const USER_NAMED: &str = "SELECT id FROM account WHERE uuid = ?1";

const GROUP_NAMED: &str = "SELECT id FROM user_group WHERE uuid = ?1";

/// Notes by what a search finds a folder or a file. What is not in a space is not searched.
pub(super) fn index(db: &Connection, id: NodeId) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(SEARCHED_NODE)?;
    let mut rows = statement.query([id.get()])?;
    let Some(row) = rows.next()? else {
        return Ok(());
    };
    let name = search_form(text(row, 1)?);
    let mut link = [String::new(), String::new()];
    if node_kind(row, 0)? == NodeKind::File {
        let url = said(db, id, Setting::Url)?;
        if !url.is_empty() {
            link = [url, said(db, id, Setting::Description)?];
        }
    }
    let [url, description] = link.map(|text| search_form(&text));
    let row = params![id.get(), name, url, description];
    db.prepare_cached(INDEX)?.execute(row)?;
    Ok(())
}

/// The text that a setting of a file says.
fn said(db: &Connection, file: NodeId, setting: Setting) -> Result<String, StoreError> {
    let property = spaces::setting(db, file, setting)?;
    let meaning = setting.meaning(property.as_ref().map(|property| &property.content));
    Ok(if let Meaning::Text(text) = meaning {
        text
    } else {
        String::new()
    })
}

/// Forgets by what a search has found a node.
pub(super) fn remove(db: &Connection, id: i64) -> Result<(), StoreError> {
    db.prepare_cached(REMOVE)?.execute([id])?;
    Ok(())
}

/// What names in other systems mean.
pub(super) fn named(db: &Connection, uuids: &Uuids) -> Result<Named, StoreError> {
    let mut named = Named::default();
    let mut statement = db.prepare_cached(NODE_NAMED)?;
    for uuid in &uuids.nodes {
        let mut rows = statement.query([uuid.to_string()])?;
        if let Some(row) = rows.next()? {
            let node = (number(row, 0, NodeId::new)?, node_kind(row, 1)?);
            named.nodes.insert(*uuid, node);
        }
    }
    let id = |sql: &str, uuid: &Uuid| {
        db.prepare_cached(sql)?
            .query_row([uuid.to_string()], |row| row.get::<_, i64>(0))
            .optional()
    };
    for uuid in &uuids.users {
        let user = id(USER_NAMED, uuid)?.and_then(UserId::new);
        // Nobody signs in as the anonymous one.
        let user = user.filter(|&user| user != UserId::ANONYMOUS);
        named.users.extend(user.map(|user| (*uuid, user)));
    }
    for uuid in &uuids.groups {
        let group = id(GROUP_NAMED, uuid)?.and_then(GroupId::new);
        named.groups.extend(group.map(|group| (*uuid, group)));
    }
    Ok(named)
}

/// Folders and files that the one who asks may see, with all that is known of them, in this order.
///
/// # Errors
/// What refuses one of them.
pub(super) fn details(
    db: &Connection,
    known: &KnownUsers,
    caller: &Caller,
    ids: &[NodeId],
    comments: Comments,
) -> Result<Details, StoreError> {
    let mut sight = Sight::new(db, known, caller);
    let mut hidden = None;
    for &id in ids {
        match sight.look(id)? {
            Seen::Visible(seen) => sight.tell(*seen, comments, None)?,
            Seen::Hidden => hidden = hidden.or(Some(id)),
            Seen::Nothing => return Err(Refusal::NoSuchFolder.into()),
        }
    }
    if let Some(id) = hidden {
        // The place says why.
        rows::readable_place(db, caller, ResourceId::Node(id))?;
        return Err(Refusal::NoSuchFolder.into());
    }
    Ok(sight.told)
}

/// What a search finds.
pub(super) fn search(
    db: &Connection,
    known: &KnownUsers,
    caller: &Caller,
    search: &TreeSearch,
) -> Result<Details, StoreError> {
    let top = search.top;
    let place = rows::readable_place(db, caller, ResourceId::Node(top))?;
    let Some(ground) = place.space.filter(|_| place.kind != Some(NodeKind::File)) else {
        return Err(Refusal::NoSuchFolder.into());
    };
    let candidates = candidates(db, ground.space, search)?;
    let mut sight = Sight {
        below: Some((ground.space, top)),
        ..Sight::new(db, known, caller)
    };
    for id in candidates {
        if id == top {
            continue;
        }
        if let Seen::Visible(seen) = sight.look(id)? {
            sight.tell(*seen, search.comments, search.text.as_deref())?;
        }
    }
    sight.told.sort();
    Ok(sight.told)
}

/// What may be found. Whether it has the text is looked at once more: the index knows only the beginning of a long one, and
/// passes over some characters.
fn candidates(
    db: &Connection,
    space: NodeId,
    search: &TreeSearch,
) -> Result<BTreeSet<NodeId>, StoreError> {
    let text = search.text.as_deref().unwrap_or_default();
    let chars = text.chars().take(INDEXED_CHARS_MAX);
    let text: String = chars.collect();
    // What has become shorter in this form is shorter than all that the index knows.
    if text.chars().count() < SEARCH_CHARS_MIN {
        return below(db, search.top, usize::MAX);
    }
    let mut max = FEW;
    loop {
        let hits = hits(db, space, &text, max.saturating_add(1))?;
        if hits.len() <= max {
            return Ok(hits);
        }
        let near = below(db, search.top, max.saturating_add(1))?;
        if near.len() <= max {
            return Ok(near);
        }
        max = max.saturating_mul(MORE);
    }
}

/// Nodes that have the text, or were made in this space by somebody who is called so; of each kind at most so many.
fn hits(
    db: &Connection,
    space: NodeId,
    text: &str,
    max: usize,
) -> Result<BTreeSet<NodeId>, StoreError> {
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    // In quotes no character means anything but itself.
    let quoted = format!("\"{}\"", text.replace('"', "\"\""));
    let mut hits = BTreeSet::new();
    let mut statement = db.prepare_cached(HITS)?;
    let mut rows = statement.query(params![quoted, limit])?;
    while let Some(row) = rows.next()? {
        hits.insert(number(row, 0, NodeId::new)?);
    }
    let mut makers = db.prepare_cached(MAKERS)?;
    let mut makers = makers.query([text])?;
    let mut statement = db.prepare_cached(MADE_BY)?;
    while let Some(maker) = makers.next()? {
        if hits.len() >= max {
            break;
        }
        let made_by = params![space.get(), maker.get::<_, i64>(0)?, limit];
        let mut rows = statement.query(made_by)?;
        while let Some(row) = rows.next()? {
            hits.insert(number(row, 0, NodeId::new)?);
        }
    }
    Ok(hits)
}

/// What lies below a node, and itself; at most so many.
fn below(db: &Connection, top: NodeId, max: usize) -> Result<BTreeSet<NodeId>, StoreError> {
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(BELOW)?;
    let mut rows = statement.query(params![top.get(), max])?;
    let mut ids = BTreeSet::new();
    while let Some(row) = rows.next()? {
        ids.insert(number(row, 0, NodeId::new)?);
    }
    Ok(ids)
}

/// A folder or a space that something was found in.
struct Folder {
    inside: Inside,
    /// Where the things in it lie.
    above: Arc<Above>,
    /// Whether they lie below the top of the search.
    is_within: bool,
}

/// What is to be seen of a node.
enum Seen {
    /// All of it.
    Visible(Box<Sighted>),
    /// It is not for the one who asks.
    Hidden,
    /// It is not there, or not below the top.
    Nothing,
}

/// A node that is visible to the one who asks.
struct Sighted {
    entry: Entry,
    level: Level,
    changed: (Timestamp, UserId),
    ground: SpaceGround,
    role: SpaceRole,
    above: Arc<Above>,
}

/// What one who asks sees, folder by folder.
struct Sight<'a> {
    db: &'a Connection,
    known: &'a KnownUsers,
    caller: &'a Caller,
    /// The space and the folder or space, below which is looked; `None`: anywhere.
    below: Option<(NodeId, NodeId)>,
    folders: HashMap<NodeId, Option<Rc<Folder>>>,
    /// Who is called as the search has it.
    called: HashMap<UserId, bool>,
    told: Details,
}

impl<'a> Sight<'a> {
    fn new(db: &'a Connection, known: &'a KnownUsers, caller: &'a Caller) -> Self {
        Sight {
            db,
            known,
            caller,
            below: None,
            folders: HashMap::new(),
            called: HashMap::new(),
            told: Details::default(),
        }
    }

    /// The folder or space of a number; `None` if it was deleted.
    fn folder(&mut self, id: NodeId) -> Result<Option<Rc<Folder>>, StoreError> {
        if let Slot::Occupied(folder) = self.folders.entry(id) {
            return Ok(folder.get().clone());
        }
        let folder = self.new_folder(id)?.map(Rc::new);
        self.folders.insert(id, folder.clone());
        Ok(folder)
    }

    fn new_folder(&mut self, id: NodeId) -> Result<Option<Folder>, StoreError> {
        let Some(inside) = Inside::of(&Tree(self.db), self.caller, id)? else {
            return Ok(None);
        };
        let (uuid, kind, name, parent) = self.folder_row(id)?;
        if kind == NodeKind::Space {
            return Ok(Some(Folder {
                inside,
                above: Arc::new(Above {
                    parent: uuid,
                    space: uuid,
                    path: Vec::new(),
                }),
                is_within: self.below.is_none_or(|(_, top)| top == id),
            }));
        }
        let Some(parent) = (match parent {
            Some(parent) => self.folder(parent)?,
            None => None,
        }) else {
            return Ok(None);
        };
        let mut path = parent.above.path.clone();
        path.push(name);
        Ok(Some(Folder {
            inside,
            above: Arc::new(Above {
                parent: uuid,
                space: parent.above.space,
                path,
            }),
            is_within: parent.is_within || self.below.is_some_and(|(_, top)| top == id),
        }))
    }

    fn folder_row(
        &self,
        id: NodeId,
    ) -> Result<(Uuid, NodeKind, NodeName, Option<NodeId>), StoreError> {
        let mut statement = self.db.prepare_cached(FOLDER)?;
        let mut rows = statement.query([id.get()])?;
        let row = rows.next()?.ok_or(Refusal::NoSuchFolder)?;
        Ok((
            parsed(row, 0)?,
            node_kind(row, 1)?,
            node_name(row, 2)?,
            row.get::<_, Option<i64>>(3)?.and_then(NodeId::new),
        ))
    }

    /// Looks at a node.
    fn look(&mut self, id: NodeId) -> Result<Seen, StoreError> {
        let mut statement = self.db.prepare_cached(LISTED_ENTRY)?;
        let mut rows = statement.query([id.get()])?;
        let Some(row) = rows.next()? else {
            return Ok(Seen::Nothing);
        };
        let (entry, level) = spaces::entry(row)?;
        let changed = (time(row, 28)?, number(row, 29, UserId::new)?);
        let is_near = |space| self.below.is_none_or(|(near, _)| near == space);
        let parent = match entry.parent {
            Some(parent) if entry.space.is_some_and(is_near) => self.folder(parent)?,
            Some(_) | None => None,
        };
        let Some(folder) = parent.filter(|folder| folder.is_within) else {
            return Ok(Seen::Nothing);
        };
        let ground = folder.inside.child(&Tree(self.db), self.caller, &level)?;
        let may_read = permissions::may(self.caller, Ground::Space(ground), Right::Read);
        Ok(match ground.role.filter(|_| may_read) {
            Some(role) => Seen::Visible(Box::new(Sighted {
                entry,
                level,
                changed,
                ground,
                role,
                above: Arc::clone(&folder.above),
            })),
            None => Seen::Hidden,
        })
    }

    /// Tells all that is known of what was seen, if it has a text.
    fn tell(
        &mut self,
        seen: Sighted,
        comments: Comments,
        text: Option<&str>,
    ) -> Result<(), StoreError> {
        let Sighted {
            mut entry,
            level,
            changed: (changed_at, changed_by),
            ground,
            role,
            above,
        } = seen;
        spaces::judge_download(&mut entry, Some(ground));
        let maker = entry.created_by;
        let is_named_so = match text {
            None => true,
            Some(text) => contains(entry.name.as_str(), text) || self.is_called(maker, text)?,
        };
        // Of what can have it only as a link, the link has to be read.
        if !is_named_so && !entry.is_link() {
            return Ok(());
        }
        let mut detail = Detail {
            changed_at,
            changed_by,
            above,
            role,
            is_active: level.settings.is_active(self.caller.at),
            settings: Vec::new(),
            has_comments: false,
            comments: Vec::new(),
            entry,
        };
        self.read_settings(&mut detail)?;
        if !is_named_so && !text.is_none_or(|text| detail.link_matches(text)) {
            return Ok(());
        }
        if detail.entry.kind == NodeKind::File {
            self.read_comments(&mut detail, comments)?;
        }
        self.add_user(maker)?;
        self.add_user(changed_by)?;
        Ok(self.told.take(detail)?)
    }

    /// Whether somebody is called so.
    fn is_called(&mut self, user: UserId, text: &str) -> Result<bool, StoreError> {
        if let Some(&is_so) = self.called.get(&user) {
            return Ok(is_so);
        }
        let mut users = Users::new();
        add_user(self.db, self.known, &mut users, user)?;
        let is_so = users
            .values()
            .any(|user| contains(user.display_name(), text));
        self.called.insert(user, is_so);
        Ok(is_so)
    }

    fn read_settings(&self, detail: &mut Detail) -> Result<(), StoreError> {
        let Entry { id, kind, .. } = detail.entry;
        // There may be many comments, and their names stand among those of the settings.
        for names in [
            [SETTING_PREFIX, COMMENT_NAMES[0]],
            [COMMENT_NAMES[1], BEHIND_SETTINGS],
        ] {
            heads::between(self.db, ResourceId::Node(id), names, |mut property| {
                if Setting::of(kind, property.key.name.as_str()).is_some() {
                    rows::fetch(self.db, &mut property.content)?;
                    detail.settings.push(property);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(())
    }

    /// Reads the comments that are shown, or whether there is one.
    fn read_comments(&mut self, detail: &mut Detail, comments: Comments) -> Result<(), StoreError> {
        let (db, role) = (self.db, detail.role);
        let resource = ResourceId::Node(detail.entry.id);
        heads::between(db, resource, COMMENT_NAMES, |mut property| {
            if !(comments == Comments::Whether && role.is_staff()) {
                rows::fetch(db, &mut property.content)?;
                if !shows_comment(&property.content, role) {
                    return Ok(ControlFlow::Continue(()));
                }
            }
            detail.has_comments = true;
            if comments == Comments::Whether {
                return Ok(ControlFlow::Break(()));
            }
            self.told.spend(property.content.size)?;
            let (made_by, made_at) = spaces::maker(db, property.id)?;
            self.add_user(made_by)?;
            self.add_user(property.modified_by)?;
            detail.comments.push(Comment {
                property,
                made_at,
                made_by,
            });
            Ok(ControlFlow::Continue(()))
        })?;
        detail.comments.sort_by_key(|comment| comment.property.id);
        Ok(())
    }

    fn add_user(&mut self, id: UserId) -> Result<(), StoreError> {
        add_user(self.db, self.known, &mut self.told.users, id)
    }
}

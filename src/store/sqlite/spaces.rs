//! Spaces: what stands above a node, who is enrolled, who has access, which settings count, and what lies in a folder.
//! What all that means is said in `model::space`.

use super::accounts::{self, add_user};
use super::counters::Counters;
use super::known::KnownUsers;
use super::rows::{self, content, damaged, node_name, number, parsed, text, time};
use super::{heads, pages, permissions, search};
use crate::model::{
    AccessList, Caller, Entries, Entry, Extensions, File, FileEntry, FileOrder, Found, Grantee,
    Ground, GroupId, Inside, Kept, Level, Listed, NodeId, NodeKind, NodeName, Place, Property,
    PropertyId, ResourceId, Revision, Right, Setting, Settings, Source, SpaceGround, SpaceRole,
    Spaces, Timestamp, UserId, Users, source,
};
use crate::store::StoreError;
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

/// The columns of a [`Level`], of node, access and setting.
macro_rules! level {
    () => {
        "node.id, node.kind, node.created_by, access.node IS NOT NULL, setting.publish, setting.open,
         setting.starts_at, setting.ends_at, setting.deadline_at, setting.allow_upload, setting.allow_late,
         setting.allow_comments, setting.view_all, setting.allow_download, setting.is_link, setting.submitted"
    };
}

/// The levels of nodes, each by itself.
macro_rules! levels {
    ($which:literal) => {
        concat!(
            "SELECT ",
            level!(),
            " FROM node
              LEFT JOIN access ON access.node = node.id
              LEFT JOIN setting ON setting.node = node.id
              WHERE node.deleted_at IS NULL AND ",
            $which
        )
    };
}

/// The columns of an [`Entry`] behind those, and where they come from.
macro_rules! entry {
    ($value:literal) => {
        concat!(
            "SELECT ",
            level!(),
            ", node.uuid, node.parent, node.space, node.created_at, r.name, r.revision, r.type, r.size,
               r.modified_at, r.modified_by, r.content, ",
            $value,
            ", node.changed_at, node.changed_by FROM node JOIN node_revision AS r ON r.node = node.id AND r.revision = node.revision
              LEFT JOIN access ON access.node = node.id
              LEFT JOIN setting ON setting.node = node.id "
        )
    };
}

/// A node and what lies above it, from below.
const LEVELS: &str = concat!(
    "WITH RECURSIVE up (level, id, parent) AS (
        SELECT 0, id, parent FROM node WHERE id = ?1
        UNION ALL
        SELECT level + 1, node.id, node.parent FROM up CROSS JOIN node ON node.id = up.parent
    )
    SELECT ",
    level!(),
    ", node.deleted_at IS NOT NULL
    FROM up CROSS JOIN node ON node.id = up.id
    LEFT JOIN access ON access.node = up.id
    LEFT JOIN setting ON setting.node = up.id
    ORDER BY up.level"
);

/// A live node by itself.
const LEVEL: &str = levels!("node.id = ?1");

/// What lies in a space or a folder; contents are left out.
const CHILDREN: &str = concat!(
    entry!("NULL"),
    "WHERE node.parent = ?1 AND node.kind = ?2 AND node.deleted_at IS NULL ORDER BY node.id"
);

const ENTRY: &str = concat!(entry!("r.value"), "WHERE node.id = ?1");

/// A node that lives, as a list has it.
pub(super) const LISTED_ENTRY: &str = concat!(
    entry!("NULL"),
    "WHERE node.id = ?1 AND node.deleted_at IS NULL"
);

/// The files in a folder.
const FILES: &str = levels!("node.parent = ?1 AND node.kind = 'file' ORDER BY node.id");

/// The files of a name in a folder, from the newest.
const FILES_NAMED: &str =
    levels!("node.parent = ?1 AND node.name = ?2 AND node.kind = 'file' ORDER BY node.id DESC");

const ENROLLED: &str = "SELECT role FROM enrollment WHERE space = ?1 AND account = ?2";

const ENROLL: &str = "
    INSERT INTO enrollment (space, account, role) VALUES (?1, ?2, ?3)
    ON CONFLICT (space, account) DO UPDATE SET role = excluded.role";

const UNENROLL: &str = "DELETE FROM enrollment WHERE space = ?1 AND account = ?2";

/// What an access list says to a user: the own role, the highest of the groups, everybody's.
const ACCESS: &str = "
    SELECT (SELECT role FROM access_grant WHERE node = ?1 AND kind = 'user' AND grantee = ?2),
           (SELECT max(role) FROM access_grant WHERE node = ?1 AND kind = 'group'
            AND grantee IN (SELECT user_group FROM membership WHERE account = ?2)),
           public_role, inherits
    FROM access WHERE node = ?1";

/// The highest role that a list gives to anybody.
const HIGHEST: &str = "
    SELECT max(role) FROM (
        SELECT public_role AS role FROM access WHERE node = ?1
        UNION ALL
        SELECT role FROM access_grant WHERE node = ?1
    )";

const OWN_ACCESS: &str = "SELECT public_role, inherits FROM access WHERE node = ?1";

const ACCESS_GRANTS: &str =
    "SELECT kind, grantee, role FROM access_grant WHERE node = ?1 ORDER BY kind DESC, grantee";

const CLEAR_ACCESS: [&str; 2] = [
    "DELETE FROM access_grant WHERE node = ?1",
    "DELETE FROM access WHERE node = ?1",
];

const SET_ACCESS: &str = "INSERT INTO access (node, public_role, inherits) VALUES (?1, ?2, ?3)";

const GRANT_ACCESS: &str =
    "INSERT INTO access_grant (node, kind, grantee, role) VALUES (?1, ?2, ?3, ?4)";

/// The first folder of a space was made with it, so it has the number behind it.
const IS_FIRST: &str = "
    SELECT CASE kind WHEN 'space' THEN
        ?2 = (SELECT child.id FROM node AS child WHERE child.id > ?1 AND child.parent = ?1 ORDER BY child.id LIMIT 1)
    ELSE 0 END
    FROM node WHERE id = ?1";

const IS_LINK: &str = "SELECT 1 FROM setting WHERE node = ?1 AND is_link = 1";

const SUBMITTED: &str = "
    INSERT INTO setting (node, submitted) VALUES (?1, 1) ON CONFLICT (node) DO UPDATE SET submitted = 1";

/// The spaces of a database.
pub(super) struct Tree<'a>(pub(super) &'a Connection);

impl Spaces for Tree<'_> {
    type Error = StoreError;

    fn levels(&self, node: NodeId) -> Result<Option<Vec<Level>>, StoreError> {
        let mut statement = self.0.prepare_cached(LEVELS)?;
        let mut rows = statement.query([node.get()])?;
        let mut levels = Vec::new();
        while let Some(row) = rows.next()? {
            if row.get(16)? {
                return Ok(None);
            }
            levels.push(level(row)?);
        }
        Ok((!levels.is_empty()).then_some(levels))
    }

    fn enrolled(&self, space: NodeId, user: UserId) -> Result<Option<SpaceRole>, StoreError> {
        let mut statement = self.0.prepare_cached(ENROLLED)?;
        let mut rows = statement.query([space.get(), user.get()])?;
        rows.next()?
            .map(|row| number(row, 0, SpaceRole::of_number))
            .transpose()
    }

    fn access(&self, folder: NodeId, user: UserId) -> Result<Listed, StoreError> {
        let mut statement = self.0.prepare_cached(ACCESS)?;
        let mut rows = statement.query([folder.get(), user.get()])?;
        let Some(row) = rows.next()? else {
            return Ok(Listed::default());
        };
        Ok(Listed {
            user: role(row, 0)?,
            group: role(row, 1)?,
            public: role(row, 2)?,
            inherits: row.get::<_, Option<i64>>(3)?.and_then(NodeId::new),
        })
    }
}

fn role(row: &Row<'_>, column: usize) -> Result<Option<SpaceRole>, StoreError> {
    match row.get::<_, Option<i64>>(column)? {
        Some(_) => number(row, column, SpaceRole::of_number).map(Some),
        None => Ok(None),
    }
}

/// The first columns of [`LEVELS`] and the others.
fn level(row: &Row<'_>) -> Result<Level, StoreError> {
    let moment = |column| {
        Ok::<_, StoreError>(
            row.get::<_, Option<i64>>(column)?
                .map(Timestamp::from_millis),
        )
    };
    Ok(Level {
        id: number(row, 0, NodeId::new)?,
        kind: rows::node_kind(row, 1)?,
        maker: number(row, 2, UserId::new)?,
        has_access: row.get(3)?,
        settings: Settings {
            publish: row.get(4)?,
            open: row.get(5)?,
            starts_at: moment(6)?,
            ends_at: moment(7)?,
            deadline_at: moment(8)?,
            allow_upload: row.get(9)?,
            allow_late: row.get(10)?,
            allow_comments: row.get(11)?,
            view_all: row.get(12)?,
            allow_download: row.get(13)?,
            is_link: row.get(14)?,
            submitted: row.get::<_, Option<bool>>(15)?.unwrap_or_default(),
        },
    })
}

/// An entry, and the level that it is.
pub(super) fn entry(row: &Row<'_>) -> Result<(Entry, Level), StoreError> {
    let level = level(row)?;
    let parent = row.get::<_, Option<i64>>(17)?.and_then(NodeId::new);
    let entry = Entry {
        id: level.id,
        uuid: parsed(row, 16)?,
        kind: level.kind,
        name: node_name(row, 20)?,
        parent,
        space: row.get::<_, Option<i64>>(18)?.and_then(NodeId::new),
        created_at: time(row, 19)?,
        created_by: level.maker,
        file: None,
    };
    let file = if level.kind == NodeKind::File {
        Some(FileEntry {
            file: File {
                id: entry.id,
                uuid: entry.uuid,
                parent: parent
                    .ok_or_else(|| damaged(format!("the file {} lies nowhere", entry.id)))?,
                name: entry.name.clone(),
                revision: number(row, 21, Revision::new)?,
                content: content(row, [22, 23, 26, 27])?,
                modified_at: time(row, 24)?,
                modified_by: number(row, 25, UserId::new)?,
            },
            is_link: level.settings.is_link == Some(true),
            may_download: true,
        })
    } else {
        None
    };
    Ok((Entry { file, ..entry }, level))
}

/// Says whether the one who meets this at a file may download it.
pub(super) fn judge_download(entry: &mut Entry, ground: Option<SpaceGround>) {
    if let Some(file) = &mut entry.file {
        file.may_download = ground.is_none_or(|ground| ground.may_download());
    }
}

/// A space, folder or file.
pub(super) fn entry_view(
    db: &Connection,
    known: &KnownUsers,
    caller: &Caller,
    id: NodeId,
) -> Result<Entries, StoreError> {
    let place = rows::readable_place(db, caller, ResourceId::Node(id))?;
    let mut statement = db.prepare_cached(ENTRY)?;
    let mut rows = statement.query([id.get()])?;
    let row = rows
        .next()?
        .ok_or_else(|| damaged(format!("the node {id} has no revision")))?;
    let (mut entry, _) = entry(row)?;
    // Outside of spaces only administrators get here.
    judge_download(&mut entry, place.space);
    let mut users = Users::new();
    add_user(db, known, &mut users, entry.created_by)?;
    Ok(Entries {
        entries: vec![entry],
        users,
    })
}

/// The folders or files in a space or a folder.
pub(super) fn entries(
    db: &Connection,
    known: &KnownUsers,
    caller: &Caller,
    of: NodeId,
    kind: NodeKind,
) -> Result<Entries, StoreError> {
    let place = rows::readable_place(db, caller, ResourceId::Node(of))?;
    let inside = match place.space {
        Some(_) => Inside::of(&Tree(db), caller, of)?,
        None => None,
    };
    let mut statement = db.prepare_cached(CHILDREN)?;
    let mut rows = statement.query(params![of.get(), kind.name()])?;
    let mut all = Entries {
        entries: Vec::new(),
        users: Users::new(),
    };
    while let Some(row) = rows.next()? {
        let (mut entry, level) = entry(row)?;
        if let Some(inside) = &inside {
            let ground = inside.child(&Tree(db), caller, &level)?;
            if !permissions::may(caller, Ground::Space(ground), Right::Read) {
                continue;
            }
            judge_download(&mut entry, Some(ground));
        }
        add_user(db, known, &mut all.users, entry.created_by)?;
        all.entries.push(entry);
    }
    if kind == NodeKind::File {
        let order = setting(db, of, Setting::SortFilesBy)?;
        all.sort(FileOrder::of(order.as_ref().map(|order| &order.content)));
    }
    Ok(all)
}

/// The property that a setting of a node is.
pub(super) fn setting(
    db: &Connection,
    node: NodeId,
    setting: Setting,
) -> Result<Option<Property>, StoreError> {
    let Some(name) = setting.property() else {
        return Ok(None);
    };
    let mut found = heads::read(db, ResourceId::Node(node), &name)?;
    if let Some(property) = &mut found {
        rows::fetch(db, &mut property.content)?;
    }
    Ok(found)
}

/// The newest file of a name in a folder that the one who asks may see.
pub(super) fn visible_file(
    db: &Connection,
    caller: &Caller,
    folder: NodeId,
    name: &NodeName,
) -> Result<Option<NodeId>, StoreError> {
    let Some(inside) = Inside::of(&Tree(db), caller, folder)? else {
        return Ok(None);
    };
    let mut statement = db.prepare_cached(FILES_NAMED)?;
    let mut rows = statement.query(params![folder.get(), name.as_str()])?;
    while let Some(row) = rows.next()? {
        let level = level(row)?;
        let ground = inside.child(&Tree(db), caller, &level)?;
        if permissions::may(caller, Ground::Space(ground), Right::Read) {
            return Ok(Some(level.id));
        }
    }
    Ok(None)
}

/// The files in a folder that the one who asks may see, by number.
pub(super) fn visible_files(
    db: &Connection,
    caller: &Caller,
    folder: NodeId,
) -> Result<Vec<NodeId>, StoreError> {
    let Some(inside) = Inside::of(&Tree(db), caller, folder)? else {
        return Ok(Vec::new());
    };
    let mut statement = db.prepare_cached(FILES)?;
    let mut rows = statement.query([folder.get()])?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        let level = level(row)?;
        let ground = inside.child(&Tree(db), caller, &level)?;
        if permissions::may(caller, Ground::Space(ground), Right::Read) {
            files.push(level.id);
        }
    }
    Ok(files)
}

/// What somebody meets who submits a file to a folder. Those who do not submit files, but put them there, meet nothing.
pub(super) fn submission(
    db: &Connection,
    folder: NodeId,
    place: Option<&Place>,
) -> Result<Found, StoreError> {
    let role = place.and_then(|place| place.space?.role);
    if role.is_none_or(SpaceRole::is_staff) {
        return Ok(Found::Nothing);
    }
    let Some(level) = Tree(db)
        .levels(folder)?
        .unwrap_or_default()
        .first()
        .copied()
    else {
        return Ok(Found::Nothing);
    };
    let [types, groups] = Extensions::SETTINGS;
    let (types, groups) = (setting(db, folder, types)?, setting(db, folder, groups)?);
    let contents = [&types, &groups].map(|found| found.as_ref().map(|found| &found.content));
    Ok(Found::Submission {
        extensions: Extensions::of(contents),
        settings: level.settings,
    })
}

/// Whether a folder is the first one of its space.
pub(super) fn is_first(
    db: &Connection,
    parent: Option<NodeId>,
    folder: NodeId,
) -> Result<bool, StoreError> {
    let Some(parent) = parent else {
        return Ok(false);
    };
    let mut statement = db.prepare_cached(IS_FIRST)?;
    Ok(statement.query_row([parent.get(), folder.get()], |row| row.get(0))?)
}

/// Writes what a property means that is a setting of a node.
pub(super) fn keep(
    db: &Connection,
    setting: Setting,
    property: &Property,
) -> Result<(), StoreError> {
    if setting == Setting::Comment && property.revision == Revision::FIRST {
        let (at, by) = (property.modified_at.millis(), property.modified_by.get());
        let row = params![property.id.get(), at, by];
        db.prepare_cached(ADD_COMMENT)?.execute(row)?;
    }
    let kept = Kept::of(setting, &property.content);
    set(db, property.key.resource, setting, kept)
}

/// Takes back what a property has meant that was a setting of a node.
pub(super) fn forget(
    db: &Connection,
    setting: Setting,
    property: &Property,
) -> Result<(), StoreError> {
    if setting == Setting::Comment {
        let id = property.id.get();
        db.prepare_cached(REMOVE_COMMENT)?.execute([id])?;
    }
    set(db, property.key.resource, setting, None)
}

const ADD_COMMENT: &str = "INSERT INTO comment (property, made_at, made_by) VALUES (?1, ?2, ?3)";

const REMOVE_COMMENT: &str = "DELETE FROM comment WHERE property = ?1";

const MAKER: &str = "SELECT made_by, made_at FROM comment WHERE property = ?1";

/// Who made a comment, and when.
pub(super) fn maker(
    db: &Connection,
    comment: PropertyId,
) -> Result<(UserId, Timestamp), StoreError> {
    let mut statement = db.prepare_cached(MAKER)?;
    let mut rows = statement.query([comment.get()])?;
    match rows.next()? {
        Some(row) => Ok((number(row, 0, UserId::new)?, time(row, 1)?)),
        None => Err(damaged(format!("nobody made the comment {comment}"))),
    }
}

fn set(
    db: &Connection,
    resource: ResourceId,
    setting: Setting,
    kept: Option<Kept>,
) -> Result<(), StoreError> {
    let Some(sql) = set_sql(setting) else {
        return Ok(());
    };
    let value = kept.map(|kept| match kept {
        Kept::Flag(flag) => i64::from(flag),
        Kept::Moment(moment) => moment.millis(),
    });
    db.prepare_cached(sql)?
        .execute(params![resource.key(), value])?;
    Ok(())
}

macro_rules! set {
    ($column:literal) => {
        Some(concat!(
            "INSERT INTO setting (node, ",
            $column,
            ") VALUES (?1, ?2) ON CONFLICT (node) DO UPDATE SET ",
            $column,
            " = excluded.",
            $column
        ))
    };
}

const fn set_sql(setting: Setting) -> Option<&'static str> {
    match setting {
        Setting::Publish => set!("publish"),
        Setting::Open => set!("open"),
        Setting::StartDate => set!("starts_at"),
        Setting::EndDate => set!("ends_at"),
        Setting::SubmissionDeadline => set!("deadline_at"),
        Setting::AllowUpload => set!("allow_upload"),
        Setting::AllowLateSubmission => set!("allow_late"),
        Setting::AllowComments => set!("allow_comments"),
        Setting::ViewAll => set!("view_all"),
        Setting::AllowDownload => set!("allow_download"),
        Setting::Url => set!("is_link"),
        Setting::FeedbackReleaseDate
        | Setting::SortFilesBy
        | Setting::AllowAnnotate
        | Setting::UploadDisplayOption
        | Setting::FolderScore
        | Setting::AllowedFileType
        | Setting::AllowedSubmissionFileTypes
        | Setting::Description
        | Setting::IsCompulsory
        | Setting::IsLate
        | Setting::Comment => None,
    }
}

/// Whether a file is a link.
pub(super) fn is_link(db: &Connection, file: NodeId) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached(IS_LINK)?;
    let mut rows = statement.query([file.get()])?;
    Ok(rows.next()?.is_some())
}

/// Notes that a file was submitted.
pub(super) fn submitted(db: &Connection, file: NodeId) -> Result<(), StoreError> {
    db.prepare_cached(SUBMITTED)?.execute([file.get()])?;
    Ok(())
}

/// What somebody meets who enrolls an account.
pub(super) fn found_account(
    db: &Connection,
    space: NodeId,
    login: &str,
) -> Result<Found, StoreError> {
    // Nobody signs in as the anonymous one.
    let account = accounts::account(db, login)?;
    let Some(account) = account.filter(|account| account.user.id != UserId::ANONYMOUS) else {
        return Ok(Found::Nothing);
    };
    let role = Tree(db).enrolled(space, account.user.id)?;
    Ok(Found::Account(account.user, role))
}

/// Enrolls somebody in a space; without a role: not any more.
pub(super) fn enroll(
    db: &Connection,
    space: NodeId,
    user: UserId,
    role: Option<SpaceRole>,
) -> Result<(), StoreError> {
    match role {
        Some(role) => {
            db.prepare_cached(ENROLL)?
                .execute([space.get(), user.get(), role.number()])?
        }
        None => db
            .prepare_cached(UNENROLL)?
            .execute([space.get(), user.get()])?,
    };
    Ok(())
}

/// What somebody meets who says who has access to a folder.
pub(super) fn found_access(
    db: &Connection,
    folder: NodeId,
    access: Option<&AccessList>,
) -> Result<Found, StoreError> {
    let grants = access.map(|access| access.grants.as_slice());
    let grantees = grants
        .unwrap_or_default()
        .iter()
        .map(|&(grantee, _)| grantee);
    if let Some(unknown) = permissions::unknown(db, grantees)? {
        return Ok(Found::Unknown(unknown));
    }
    let source = source(&Tree(db), folder, access)?;
    let highest = match source {
        // What the folder's own list gives is said by the change itself.
        Source::Folder(from) if from != folder => {
            let mut statement = db.prepare_cached(HIGHEST)?;
            let mut rows = statement.query([from.get()])?;
            match rows.next()? {
                Some(row) => role(row, 0)?,
                None => None,
            }
        }
        Source::Folder(_) | Source::Enrollment | Source::Impossible => None,
    };
    Ok(Found::Access {
        was: own_access(db, folder)?,
        source,
        highest,
    })
}

/// The access list of a folder itself.
pub(super) fn own_access(
    db: &Connection,
    folder: NodeId,
) -> Result<Option<AccessList>, StoreError> {
    let mut statement = db.prepare_cached(OWN_ACCESS)?;
    let mut rows = statement.query([folder.get()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let mut access = AccessList {
        grants: Vec::new(),
        public: role(row, 0)?,
        inherits: row.get::<_, Option<i64>>(1)?.and_then(NodeId::new),
    };
    let mut statement = db.prepare_cached(ACCESS_GRANTS)?;
    let mut rows = statement.query([folder.get()])?;
    while let Some(row) = rows.next()? {
        let grantee = match text(row, 0)? {
            "user" => Grantee::User(number(row, 1, UserId::new)?),
            "group" => Grantee::Group(number(row, 1, GroupId::new)?),
            other => return Err(damaged(format!("access for a '{other}'"))),
        };
        let role = number(row, 2, SpaceRole::of_number)?;
        access.grants.push((grantee, role));
    }
    Ok(Some(access))
}

/// The access list of a folder as the log has it.
pub(super) fn logged(access: &AccessList) -> impl Serialize {
    let grants = access.grants.iter().map(|&(grantee, role)| {
        let (kind, id) = permissions::columns(grantee);
        (kind, id, role.number())
    });
    (
        access.public.map(SpaceRole::number),
        access.inherits.map(NodeId::get),
        grants.collect::<Vec<_>>(),
    )
}

/// Replaces the access list of a folder.
pub(super) fn set_access(
    db: &Connection,
    folder: NodeId,
    access: Option<&AccessList>,
) -> Result<(), StoreError> {
    for sql in CLEAR_ACCESS {
        db.prepare_cached(sql)?.execute([folder.get()])?;
    }
    let Some(access) = access else {
        return Ok(());
    };
    db.prepare_cached(SET_ACCESS)?.execute(params![
        folder.get(),
        access.public.map(SpaceRole::number),
        access.inherits.map(NodeId::get),
    ])?;
    let mut statement = db.prepare_cached(GRANT_ACCESS)?;
    for (grantee, role) in &access.grants {
        let (kind, id) = permissions::columns(*grantee);
        statement.execute(params![folder.get(), kind, id, role.number()])?;
    }
    Ok(())
}

/// What somebody meets at nodes inside of spaces. Alone, a node is found by one walk up to its space; of several, those that
/// lie together share the walk.
pub(super) struct Grounds {
    parents: Option<HashMap<NodeId, Option<Inside>>>,
}

impl Grounds {
    /// For one node.
    pub(super) fn of_one() -> Self {
        Grounds { parents: None }
    }

    /// For several nodes, as one caller meets them in one transaction that has not changed anything yet.
    pub(super) fn of_many() -> Self {
        Grounds {
            parents: Some(HashMap::new()),
        }
    }

    /// What is met at a node in a folder or a space; `None` if it, or one above it, was deleted.
    pub(super) fn ground(
        &mut self,
        db: &Connection,
        caller: &Caller,
        node: NodeId,
        parent: Option<NodeId>,
    ) -> Result<Option<SpaceGround>, StoreError> {
        let tree = Tree(db);
        let (Some(parents), Some(parent)) = (&mut self.parents, parent) else {
            return SpaceGround::of(&tree, caller, node);
        };
        let inside = match parents.entry(parent) {
            Slot::Occupied(inside) => inside.into_mut(),
            Slot::Vacant(slot) => slot.insert(Inside::of(&tree, caller, parent)?),
        };
        let mut statement = db.prepare_cached(LEVEL)?;
        let mut rows = statement.query([node.get()])?;
        match (inside, rows.next()?) {
            (Some(inside), Some(row)) => Ok(Some(inside.child(&tree, caller, &level(row)?)?)),
            _ => Ok(None),
        }
    }
}

/// Puts a folder to those whose contents are still to be marked as deleted.
pub(super) fn begin_dying(
    counters: &Counters<'_>,
    folder: NodeId,
    at: Timestamp,
    by: UserId,
) -> Result<(), StoreError> {
    let row = params![folder.get(), at.millis(), by.get()];
    counters.db().prepare_cached(BEGIN_DYING)?.execute(row)?;
    counters.something_dies();
    Ok(())
}

const BEGIN_DYING: &str =
    "INSERT INTO dying (node, at, by) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

const NEXT_DYING: &str = "SELECT node, at, by, swept FROM dying LIMIT 1";

const SWEPT: &str = "UPDATE dying SET swept = ?2 WHERE node = ?1";

const END_DYING: &str = "DELETE FROM dying WHERE node = ?1";

const LIVE_CHILDREN: &str =
    "SELECT id, kind FROM node WHERE parent = ?1 AND deleted_at IS NULL LIMIT ?2";

const BURY: &str = "UPDATE node SET deleted_at = ?2, deleted_by = ?3 WHERE id = ?1";

/// How many nodes are marked in one go.
const BURIED_MAX: usize = 16;

/// A folder that is in the table `dying`.
struct Dying {
    folder: NodeId,
    at: i64,
    by: i64,
    /// Of the rows of its heads, those up to this one are out of the index of pages by properties.
    swept: Option<String>,
}

/// Marks some of what lies below a deleted folder as deleted, and takes it out of the index of pages by properties.
/// Whether there is more.
pub(super) fn bury(db: &Connection) -> Result<bool, StoreError> {
    let mut left = BURIED_MAX;
    while left > 0 {
        let mut statement = db.prepare_cached(NEXT_DYING)?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else {
            return Ok(false);
        };
        let dying = Dying {
            folder: number(row, 0, NodeId::new)?,
            at: row.get(1)?,
            by: row.get(2)?,
            swept: row.get(3)?,
        };
        drop(rows);
        left = left.saturating_sub(1 + bury_children(db, &dying, left)?);
    }
    Ok(true)
}

/// Marks so many of what lies in a folder; if there is no more, goes on with the names of its properties. How many.
fn bury_children(db: &Connection, dying: &Dying, max: usize) -> Result<usize, StoreError> {
    let folder = dying.folder.get();
    let mut statement = db.prepare_cached(LIVE_CHILDREN)?;
    let children: Vec<(i64, String)> = statement
        .query_map(
            params![folder, i64::try_from(max).unwrap_or(i64::MAX)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<Result<_, _>>()?;
    for (id, kind) in &children {
        let row = params![id, dying.at, dying.by];
        db.prepare_cached(BURY)?.execute(row)?;
        search::remove(db, *id)?;
        if kind != NodeKind::File.name() {
            db.prepare_cached(BEGIN_DYING)?.execute(row)?;
        }
    }
    if !children.is_empty() {
        return Ok(children.len());
    }
    let swept = dying.swept.as_deref();
    let Some((first, names)) = heads::names_after(db, ResourceId::Node(dying.folder), swept)?
    else {
        db.prepare_cached(END_DYING)?.execute([folder])?;
        return Ok(0);
    };
    for name in &names {
        pages::remove_name(db, dying.folder, name)?;
    }
    db.prepare_cached(SWEPT)?.execute(params![folder, first])?;
    Ok(names.len())
}

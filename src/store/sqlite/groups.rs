//! Groups and who is in them. As accounts, they are no part of the log.

use super::accounts;
use super::permissions::unknown;
use super::rows::{self, number, parsed, text};
use crate::model::{
    Caller, Grantee, Ground, Group, GroupId, Member, NodeId, NodeKind, Principal, Refusal,
    ResourceId, Right, UserId, require,
};
use crate::store::{NewGroup, StoreError, folded};
use rusqlite::{Connection, Row, params};

const GROUP: &str = "SELECT id, name, space, uuid FROM user_group WHERE id = ?1";

const GROUPS: &str = "SELECT id, name, space, uuid FROM user_group ORDER BY id";

const MEMBERS: &str = "SELECT account FROM membership WHERE user_group = ?1 ORDER BY account";

const IS_TAKEN: &str =
    "SELECT EXISTS (SELECT 1 FROM user_group WHERE folded = ?1 AND space IS NULL)";

const TAKE_ID: &str = "UPDATE sequence SET next = next + 1 WHERE kind = 'group' RETURNING next - 1";

const ADD: &str = "
    INSERT INTO user_group (id, uuid, space, name, folded, created_at) VALUES (?1, ?2, ?6, ?3, ?4, ?5)";

const CLEAR_MEMBERS: &str = "DELETE FROM membership WHERE user_group = ?1";

const ADD_MEMBER: &str = "
    INSERT INTO membership (user_group, account) VALUES (?1, ?2) ON CONFLICT DO NOTHING";

/// Makes a group.
pub(super) fn add(db: &Connection, by: &Principal, new: &NewGroup) -> Result<Group, StoreError> {
    let name = folded(&new.name);
    if let Some(space) = new.space {
        let caller = Caller {
            who: by.clone(),
            at: new.at,
        };
        let place = rows::place(db, &caller, ResourceId::Node(space))?;
        place.allow(by, Right::Enroll)?;
        if place.kind != Some(NodeKind::Space) {
            return Err(Refusal::NoSuchSpace.into());
        }
    } else {
        require(by, Ground::Site, Right::Admin)?;
        let is_taken: bool = db
            .prepare_cached(IS_TAKEN)?
            .query_row([&name], |row| row.get(0))?;
        if is_taken {
            return Err(Refusal::GroupNameTaken(new.name.clone()).into());
        }
    }
    let members = ids_of(db, &new.members)?;
    check(db, &members)?;
    let id: i64 = db
        .prepare_cached(TAKE_ID)?
        .query_row([], |row| row.get(0))?;
    let space = new.space.map(NodeId::get);
    let row = params![
        id,
        new.uuid.to_string(),
        new.name,
        name,
        new.at.millis(),
        space
    ];
    db.prepare_cached(ADD)?.execute(row)?;
    add_members(db, id, &members)?;
    let id = GroupId::new(id);
    group(
        db,
        id.ok_or_else(|| StoreError::Damaged("the next group".to_owned()))?,
    )
}

/// Who is meant.
fn ids_of(db: &Connection, members: &[Member]) -> Result<Vec<UserId>, StoreError> {
    let id_of = |member: &Member| match member {
        Member::Id(id) => Ok(*id),
        Member::Login(login) => match accounts::account(db, login)? {
            Some(account) if account.user.id != UserId::ANONYMOUS => Ok(account.user.id),
            Some(_) | None => Err(Refusal::NoSuchLogin(login.clone()).into()),
        },
    };
    members.iter().map(id_of).collect()
}

/// Says who is in a group.
pub(super) fn set_members(
    db: &Connection,
    by: &Principal,
    id: GroupId,
    members: &[UserId],
) -> Result<Group, StoreError> {
    require(by, Ground::Site, Right::Admin)?;
    group(db, id)?;
    check(db, members)?;
    db.prepare_cached(CLEAR_MEMBERS)?.execute([id.get()])?;
    add_members(db, id.get(), members)?;
    group(db, id)
}

fn check(db: &Connection, members: &[UserId]) -> Result<(), StoreError> {
    match unknown(db, members.iter().map(|&id| Grantee::User(id)))? {
        Some(missing) => Err(Refusal::NoSuchGrantee(missing).into()),
        None => Ok(()),
    }
}

fn add_members(db: &Connection, id: i64, members: &[UserId]) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(ADD_MEMBER)?;
    for member in members {
        statement.execute(params![id, member.get()])?;
    }
    Ok(())
}

/// The group of a number.
pub(super) fn group(db: &Connection, id: GroupId) -> Result<Group, StoreError> {
    let mut statement = db.prepare_cached(GROUP)?;
    let mut rows = statement.query([id.get()])?;
    group_of(db, rows.next()?.ok_or(Refusal::NoSuchGroup)?)
}

/// All groups.
pub(super) fn groups(db: &Connection) -> Result<Vec<Group>, StoreError> {
    let mut statement = db.prepare_cached(GROUPS)?;
    let mut rows = statement.query([])?;
    let mut groups = Vec::new();
    while let Some(row) = rows.next()? {
        groups.push(group_of(db, row)?);
    }
    Ok(groups)
}

fn group_of(db: &Connection, row: &Row<'_>) -> Result<Group, StoreError> {
    let id = number(row, 0, GroupId::new)?;
    let mut statement = db.prepare_cached(MEMBERS)?;
    let mut rows = statement.query([id.get()])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        members.push(number(row, 0, UserId::new)?);
    }
    Ok(Group {
        id,
        uuid: parsed(row, 3)?,
        name: text(row, 1)?.to_owned(),
        space: row.get::<_, Option<i64>>(2)?.and_then(NodeId::new),
        members,
    })
}

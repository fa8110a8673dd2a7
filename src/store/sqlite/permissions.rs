//! Who may do what on a page, read and written. What that means is said in `model::rights_on`.

use super::known::Located;
use super::rows::{self, damaged, number, text};
use crate::model::{
    Caller, Grant, Grantee, Ground, GroupId, NodeId, NodeKind, PageGround, Permissions, Place,
    Principal, Refusal, Restriction, Right, Rights, Role, UserId, on_page, rights_on,
};
use crate::store::StoreError;
use rusqlite::{Connection, Row, params};

/// The nearest page upwards that has permissions of its own.
const GUARD: &str = "
    WITH RECURSIVE up (id, parent) AS (
        SELECT id, parent FROM node WHERE id = ?1
        UNION ALL
        SELECT node.id, node.parent FROM up CROSS JOIN node ON node.id = up.parent
    )
    SELECT permission.node, permission.restriction
    FROM up CROSS JOIN permission ON permission.node = up.id LIMIT 1";

const GRANTED: &str = "
    SELECT role FROM permission_grant WHERE node = ?1 AND kind = 'user' AND grantee = ?2
    UNION ALL
    SELECT role FROM permission_grant WHERE node = ?1 AND kind = 'group'
    AND grantee IN (SELECT user_group FROM membership WHERE account = ?2)";

const GRANTS: &str = "
    SELECT kind, grantee, role FROM permission_grant WHERE node = ?1 ORDER BY kind DESC, grantee";

const PERMISSION: &str = "SELECT node, restriction FROM permission WHERE node = ?1";

const CLEAR: [&str; 2] = [
    "DELETE FROM permission_grant WHERE node = ?1",
    "DELETE FROM permission WHERE node = ?1",
];

const SET: &str = "INSERT INTO permission (node, restriction) VALUES (?1, ?2)";

const GRANT: &str =
    "INSERT INTO permission_grant (node, kind, grantee, role) VALUES (?1, ?2, ?3, ?4)";

const IS_USER: &str = "SELECT EXISTS (SELECT 1 FROM account WHERE id = ?1)";

const IS_GROUP: &str = "SELECT EXISTS (SELECT 1 FROM user_group WHERE id = ?1)";

/// The page whose permissions count on a page, and what it says to everybody.
pub(super) fn guard(
    db: &Connection,
    page: NodeId,
) -> Result<Option<(NodeId, Restriction)>, StoreError> {
    let mut statement = db.prepare_cached(GUARD)?;
    let mut rows = statement.query([page.get()])?;
    rows.next()?.map(guard_of).transpose()
}

fn guard_of(row: &Row<'_>) -> Result<(NodeId, Restriction), StoreError> {
    let restriction = text(row, 1)?;
    let restriction = Restriction::of_name(restriction)
        .ok_or_else(|| damaged(format!("the restriction '{restriction}'")))?;
    Ok((number(row, 0, NodeId::new)?, restriction))
}

/// A place, with what `who` may do there.
pub(super) fn place(
    db: &Connection,
    who: &Principal,
    located: Located,
) -> Result<Place, StoreError> {
    let ground = match (located.ground, located.guard) {
        (Ground::Page(page), Some(guard)) if !who.is_admin() => Ground::Page(PageGround {
            granted: granted(db, who, guard)?,
            ..page
        }),
        (ground @ (Ground::Site | Ground::Page(_) | Ground::Space(_) | Ground::User(_)), _) => {
            ground
        }
    };
    Ok(Place {
        rights: rights_on(who, ground),
        ..located.place(who)
    })
}

/// Whether somebody has a right on this ground.
pub(super) fn may(caller: &Caller, ground: Ground, right: Right) -> bool {
    rights_on(&caller.who, ground).allow(right)
}

/// What the permissions of a page grant to a principal, alone or with groups.
fn granted(db: &Connection, who: &Principal, guard: NodeId) -> Result<Rights, StoreError> {
    let mut granted = Rights::NONE;
    let mut statement = db.prepare_cached(GRANTED)?;
    let mut rows = statement.query(params![guard.get(), who.id().get()])?;
    while let Some(row) = rows.next()? {
        granted = granted.or(on_page(role(row, 0)?));
    }
    Ok(granted)
}

fn role(row: &Row<'_>, column: usize) -> Result<Role, StoreError> {
    Role::of_name(text(row, column)?).ok_or_else(|| damaged("the role in a grant"))
}

/// The permissions that count on a page; spaces and folders have none.
pub(super) fn permissions(db: &Connection, page: NodeId) -> Result<Permissions, StoreError> {
    if rows::page(db, page)?.kind != NodeKind::Page {
        return Err(Refusal::NoSuchPage.into());
    }
    match guard(db, page)? {
        Some((guard, restriction)) => with_grants(db, guard, restriction),
        None => Ok(Permissions::default()),
    }
}

/// The permissions of a page itself.
pub(super) fn own(db: &Connection, page: NodeId) -> Result<Option<Permissions>, StoreError> {
    let mut statement = db.prepare_cached(PERMISSION)?;
    let mut rows = statement.query([page.get()])?;
    match rows.next()?.map(guard_of).transpose()? {
        Some((page, restriction)) => with_grants(db, page, restriction).map(Some),
        None => Ok(None),
    }
}

fn with_grants(
    db: &Connection,
    page: NodeId,
    restriction: Restriction,
) -> Result<Permissions, StoreError> {
    let mut grants = Vec::new();
    let mut statement = db.prepare_cached(GRANTS)?;
    let mut rows = statement.query([page.get()])?;
    while let Some(row) = rows.next()? {
        let grantee = match text(row, 0)? {
            "user" => Grantee::User(number(row, 1, UserId::new)?),
            "group" => Grantee::Group(number(row, 1, GroupId::new)?),
            other => return Err(damaged(format!("a grant to a '{other}'"))),
        };
        grants.push(Grant {
            grantee,
            role: role(row, 2)?,
        });
    }
    Ok(Permissions {
        restriction,
        grants,
    })
}

/// A grantee as the tables name it.
pub(super) fn columns(grantee: Grantee) -> (&'static str, i64) {
    match grantee {
        Grantee::User(id) => ("user", id.get()),
        Grantee::Group(id) => ("group", id.get()),
    }
}

/// Replaces the permissions of a page.
pub(super) fn set(
    db: &Connection,
    page: NodeId,
    permissions: Option<&Permissions>,
) -> Result<(), StoreError> {
    for sql in CLEAR {
        db.prepare_cached(sql)?.execute([page.get()])?;
    }
    let Some(permissions) = permissions else {
        return Ok(());
    };
    db.prepare_cached(SET)?
        .execute(params![page.get(), permissions.restriction.name()])?;
    let mut statement = db.prepare_cached(GRANT)?;
    for grant in &permissions.grants {
        let (kind, id) = columns(grant.grantee);
        statement.execute(params![page.get(), kind, id, grant.role.name()])?;
    }
    Ok(())
}

/// The first of these that is not there.
pub(super) fn unknown(
    db: &Connection,
    grantees: impl IntoIterator<Item = Grantee>,
) -> Result<Option<Grantee>, StoreError> {
    for grantee in grantees {
        let sql = match grantee {
            Grantee::User(_) => IS_USER,
            Grantee::Group(_) => IS_GROUP,
        };
        let (_, id) = columns(grantee);
        let is_there: bool = db.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
        if !is_there {
            return Ok(Some(grantee));
        }
    }
    Ok(None)
}

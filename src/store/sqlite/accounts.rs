//! Accounts and tokens, read and written. They are no part of the log: it holds no secrets.

use super::counters::Counters;
use super::known::KnownUsers;
use super::rows::{damaged, number, parsed, text, time};
use crate::model::{
    Access, Ground, Principal, Refusal, Right, Role, Timestamp, User, UserChange, UserId, Users,
    check_user_change, require, search_form,
};
use crate::store::{Account, NewAccount, NewToken, StoreError, folded};
use rusqlite::{Connection, Row, params};
use std::sync::Arc;

const ACCOUNT_BY_ID: &str = "
    SELECT id, name, full_name, email, role, disabled, created_at, password, passwords, uuid, matric_no
    FROM account WHERE id = ?1";

const ACCOUNT_BY_NAME: &str = "
    SELECT id, name, full_name, email, role, disabled, created_at, password, passwords, uuid, matric_no
    FROM account WHERE folded = ?1";

const ACCOUNTS: &str = "
    SELECT id, name, full_name, email, role, disabled, created_at, password, passwords, uuid, matric_no
    FROM account ORDER BY id";

const IS_AS: &str = "
    SELECT EXISTS (SELECT 1 FROM account WHERE id = ?1 AND role = ?2 AND disabled = ?3 AND passwords = ?4)";

const TOKEN: &str = "
    SELECT account, expires_at FROM token WHERE hash = ?1 AND expires_at > ?2";

const TAKE_USER_ID: &str =
    "UPDATE sequence SET next = next + 1 WHERE kind = 'user' RETURNING next - 1";

const ADD_ACCOUNT: &str = "
    INSERT INTO account
        (id, uuid, name, folded, full_name, email, role, disabled, password, passwords, created_at, matric_no, searched)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?10, ?8, 1, ?9, ?11, ?12)";

const CHANGE_USER: &str = "UPDATE account SET full_name = ?2, email = ?3, role = ?4, disabled = ?5, searched = ?6 WHERE id = ?1";

const SET_PASSWORD: &str =
    "UPDATE account SET password = ?2, passwords = passwords + 1 WHERE id = ?1";

const END_TOKENS: &str = "DELETE FROM token WHERE account = ?1";

const END_OLD_TOKENS: &str = "DELETE FROM token WHERE expires_at <= ?1";

const ADD_TOKEN: &str = "INSERT INTO token (hash, account, expires_at) VALUES (?1, ?2, ?3)";

/// Makes an account.
pub(super) fn add_account(
    counters: &Counters<'_>,
    by: &Principal,
    new: &NewAccount,
) -> Result<Arc<User>, StoreError> {
    require(by, Ground::Site, Right::Admin)?;
    let db = counters.db();
    counters.outdate_memory();
    if account(db, &new.name)?.is_some() {
        return Err(Refusal::UserNameTaken(new.name.clone()).into());
    }
    let id: i64 = db
        .prepare_cached(TAKE_USER_ID)?
        .query_row([], |row| row.get(0))?;
    let id =
        UserId::new(id).ok_or_else(|| StoreError::Damaged(format!("the next user is {id}")))?;
    let user = User {
        id,
        uuid: new.uuid,
        name: new.name.clone(),
        full_name: new.full_name.clone(),
        email: new.email.clone(),
        matric_no: new.matric_no.clone(),
        role: new.role,
        access: new.access,
        created_at: new.at,
        passwords: 1,
    };
    db.prepare_cached(ADD_ACCOUNT)?.execute(params![
        id.get(),
        new.uuid.to_string(),
        new.name,
        folded(&new.name),
        new.full_name,
        new.email,
        new.role.name(),
        new.password,
        new.at.millis(),
        new.access == Access::Disabled,
        new.matric_no,
        search_form(user.display_name()),
    ])?;
    Ok(Arc::new(user))
}

/// Changes what is known of an account. What it began with stays for what is not named.
pub(super) fn change_user(
    counters: &Counters<'_>,
    by: &Principal,
    id: UserId,
    change: &UserChange,
) -> Result<Arc<User>, StoreError> {
    let db = counters.db();
    let was = user(db, id)?;
    check_user_change(by, &was, change)?;
    counters.outdate_memory();
    let now = change.made(&was);
    let row = params![
        id.get(),
        now.full_name,
        now.email,
        now.role.name(),
        now.access == Access::Disabled,
        search_form(now.display_name()),
    ];
    db.prepare_cached(CHANGE_USER)?.execute(row)?;
    Ok(Arc::new(now))
}

/// Replaces a password and ends all tokens of the account.
pub(super) fn set_password(
    counters: &Counters<'_>,
    by: &Principal,
    user: UserId,
    password: &str,
) -> Result<(), StoreError> {
    require(by, Ground::User(user), Right::Update)?;
    let db = counters.db();
    counters.outdate_memory();
    if db
        .prepare_cached(SET_PASSWORD)?
        .execute(params![user.get(), password])?
        == 0
    {
        return Err(Refusal::NoSuchUser.into());
    }
    db.prepare_cached(END_TOKENS)?.execute([user.get()])?;
    Ok(())
}

/// Remembers a token of a principal who has shown the password of this number, and forgets those that have expired.
pub(super) fn add_token(
    db: &Connection,
    by: &Principal,
    shown: i64,
    token: &NewToken,
    now: Timestamp,
) -> Result<(), StoreError> {
    if by.user().passwords != shown {
        return Err(Refusal::PasswordChanged.into());
    }
    db.prepare_cached(END_OLD_TOKENS)?.execute([now.millis()])?;
    let row = params![
        token.hash.as_slice(),
        by.id().get(),
        token.expires_at.millis()
    ];
    db.prepare_cached(ADD_TOKEN)?.execute(row)?;
    Ok(())
}

fn account_of(row: &Row<'_>) -> Result<Account, StoreError> {
    let access = if row.get(5)? {
        Access::Disabled
    } else {
        Access::Active
    };
    let user = User {
        id: number(row, 0, UserId::new)?,
        uuid: parsed(row, 9)?,
        name: text(row, 1)?.to_owned(),
        full_name: text(row, 2)?.to_owned(),
        email: row.get(3)?,
        matric_no: row.get(10)?,
        role: Role::of_name(text(row, 4)?).ok_or_else(|| damaged("the role of an account"))?,
        access,
        created_at: time(row, 6)?,
        passwords: row.get(8)?,
    };
    Ok(Account {
        user: Arc::new(user),
        password: row.get(7)?,
    })
}

/// The account of a name.
pub(super) fn account(db: &Connection, name: &str) -> Result<Option<Account>, StoreError> {
    let mut statement = db.prepare_cached(ACCOUNT_BY_NAME)?;
    let mut rows = statement.query([folded(name)])?;
    rows.next()?.map(account_of).transpose()
}

fn account_by_id(db: &Connection, id: UserId) -> Result<Option<Account>, StoreError> {
    let mut statement = db.prepare_cached(ACCOUNT_BY_ID)?;
    let mut rows = statement.query([id.get()])?;
    rows.next()?.map(account_of).transpose()
}

/// Whether an account may do what it may do here, and has the same password. That is quicker to see than to read all of it.
pub(super) fn is_as(db: &Connection, user: &User) -> Result<bool, StoreError> {
    let row = params![
        user.id.get(),
        user.role.name(),
        user.access == Access::Disabled,
        user.passwords,
    ];
    Ok(db.prepare_cached(IS_AS)?.query_row(row, |row| row.get(0))?)
}

/// The account of a number.
pub(super) fn user(db: &Connection, id: UserId) -> Result<Arc<User>, StoreError> {
    Ok(account_by_id(db, id)?.ok_or(Refusal::NoSuchUser)?.user)
}

/// All accounts.
pub(super) fn users(db: &Connection) -> Result<Vec<Arc<User>>, StoreError> {
    let mut statement = db.prepare_cached(ACCOUNTS)?;
    let mut rows = statement.query([])?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(account_of(row)?.user);
    }
    Ok(users)
}

/// Adds the account of a number, if it is there and not among them.
pub(super) fn add_user(
    db: &Connection,
    known: &KnownUsers,
    users: &mut Users,
    id: UserId,
) -> Result<(), StoreError> {
    if users.contains_key(&id) {
        return Ok(());
    }
    if let Some(user) = known.find(id) {
        users.insert(id, user);
    } else if let Some(Account { user, .. }) = account_by_id(db, id)? {
        known.remember(&user);
        users.insert(id, user);
    }
    Ok(())
}

/// The account of a token.
pub(super) fn token(
    db: &Connection,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(Arc<User>, Timestamp)>, StoreError> {
    let mut statement = db.prepare_cached(TOKEN)?;
    let mut rows = statement.query(params![hash.as_slice(), now.millis()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some((
        user(db, number(row, 0, UserId::new)?)?,
        time(row, 1)?,
    )))
}

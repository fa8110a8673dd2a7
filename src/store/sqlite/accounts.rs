//! Writes accounts and tokens. They are no part of the log: it holds no secrets.

use super::rows;
use crate::model::{Access, Refusal, Timestamp, User, UserId};
use crate::store::{NewAccount, NewToken, StoreError, folded};
use rusqlite::{Connection, params};
use std::sync::Arc;

const TAKE_USER_ID: &str =
    "UPDATE sequence SET next = next + 1 WHERE kind = 'user' RETURNING next - 1";

const ADD_ACCOUNT: &str = "
    INSERT INTO account (id, uuid, name, folded, full_name, email, role, disabled, password, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9)";

const SET_PASSWORD: &str = "UPDATE account SET password = ?2 WHERE id = ?1";

const END_TOKENS: &str = "DELETE FROM token WHERE account = ?1";

const END_OLD_TOKENS: &str = "DELETE FROM token WHERE expires_at <= ?1";

const ADD_TOKEN: &str = "INSERT INTO token (hash, account, expires_at) VALUES (?1, ?2, ?3)";

/// Makes an account.
pub(super) fn add_account(db: &Connection, new: &NewAccount) -> Result<Arc<User>, StoreError> {
    if rows::account(db, &new.name)?.is_some() {
        return Err(Refusal::UserNameTaken(new.name.clone()).into());
    }
    let id: i64 = db
        .prepare_cached(TAKE_USER_ID)?
        .query_row([], |row| row.get(0))?;
    let id =
        UserId::new(id).ok_or_else(|| StoreError::Damaged(format!("the next user is {id}")))?;
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
    ])?;
    Ok(Arc::new(User {
        id,
        name: new.name.clone(),
        full_name: new.full_name.clone(),
        email: new.email.clone(),
        role: new.role,
        access: Access::Active,
        created_at: new.at,
    }))
}

/// Replaces a password and ends all tokens of the account.
pub(super) fn set_password(
    db: &Connection,
    user: UserId,
    password: &str,
) -> Result<(), StoreError> {
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

/// Remembers a token, and forgets those that have expired.
pub(super) fn add_token(
    db: &Connection,
    token: &NewToken,
    now: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(END_OLD_TOKENS)?.execute([now.millis()])?;
    let row = params![
        token.hash.as_slice(),
        token.user.get(),
        token.expires_at.millis()
    ];
    db.prepare_cached(ADD_TOKEN)?.execute(row)?;
    Ok(())
}

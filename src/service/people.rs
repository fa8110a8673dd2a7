//! Accounts are made in one way, whoever asks: a dialect, or the command line.

use crate::auth::{HashError, Hasher};
use crate::dialect::NewUser;
use crate::model::{Principal, Timestamp, User};
use crate::store::{NewAccount, Store, StoreError};
use std::sync::Arc;
use uuid::Uuid;

/// Why an account could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AddUserError {
    /// Its password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store did not make it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes an account.
///
/// # Errors
/// [`AddUserError`]; a refusal of the store if its name is taken, or the principal may not.
pub async fn add_user(
    store: &dyn Store,
    hasher: &Hasher,
    by: &Principal,
    user: NewUser,
    at: Timestamp,
) -> Result<Arc<User>, AddUserError> {
    let account = NewAccount {
        name: user.name,
        full_name: user.full_name,
        email: user.email,
        matric_no: user.matric_no,
        role: user.role,
        access: user.access,
        password: hasher.hash(user.password).await?,
        uuid: Uuid::new_v4(),
        at,
    };
    Ok(store.add_account(by, account).await?)
}

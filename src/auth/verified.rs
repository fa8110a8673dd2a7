//! Credentials that were right a moment ago.
//!
//! They are remembered only as a MAC under a key that this process made for itself and keeps in memory, so neither a
//! password nor a token can be read from here.

use crate::model::{Access, Timestamp, User, UserId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as Turns;

/// How many are remembered. Beyond that, the ones that were used least lately are forgotten.
const ENTRIES_MAX: usize = 10_000;

/// What somebody showed.
#[derive(Clone, Copy, Debug)]
pub enum Secret<'a> {
    /// A name and a password.
    Password {
        /// The name.
        name: &'a str,
        /// The password.
        password: &'a str,
    },
    /// A token.
    Token(&'a str),
}

/// When a look-up began: what was forgotten since must not be remembered again by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

#[derive(Debug)]
struct Entry {
    user: Arc<User>,
    /// When it is forgotten unless it is used.
    until: Instant,
    /// When it ends in any case.
    expires_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<[u8; 32], Entry>,
    generation: u64,
}

/// The credentials that were right.
#[derive(Debug)]
pub struct Verified {
    key: [u8; 64],
    kept: Duration,
    state: Mutex<State>,
    turns: Mutex<HashMap<[u8; 32], Arc<Turns<()>>>>,
}

impl Verified {
    /// Nothing yet; each entry will be kept for this long after its last use.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn new(kept: Duration) -> Result<Self, getrandom::Error> {
        let mut key = [0; 64];
        getrandom::fill(&mut key)?;
        Ok(Verified {
            key,
            kept,
            state: Mutex::default(),
            turns: Mutex::default(),
        })
    }

    /// Whose these credentials are, if they are remembered. That renews them.
    #[must_use]
    pub fn find(&self, secret: Secret<'_>, now: Timestamp) -> Option<Arc<User>> {
        let mac = self.mac(secret);
        let mut state = self.state();
        let entry = state.entries.get_mut(&mac)?;
        let instant = Instant::now();
        if entry.until <= instant || entry.expires_at.is_some_and(|end| end <= now) {
            state.entries.remove(&mac);
            return None;
        }
        entry.until = instant + self.kept;
        Some(Arc::clone(&entry.user))
    }

    /// Who shows the same credentials at the same time waits here for a turn, and then finds them remembered if they are
    /// right: a client that opens many connections at once tries its password once.
    #[must_use]
    pub fn turns(&self, secret: Secret<'_>) -> Arc<Turns<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(self.mac(secret)).or_default())
    }

    /// The present generation. Take it before the account is read from the store.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation(self.state().generation)
    }

    /// Remembers credentials that were found right, unless something was forgotten since `began`.
    pub fn remember(
        &self,
        secret: Secret<'_>,
        user: Arc<User>,
        expires_at: Option<Timestamp>,
        began: Generation,
    ) {
        if user.access == Access::Disabled {
            return;
        }
        let mac = self.mac(secret);
        let until = Instant::now() + self.kept;
        let mut state = self.state();
        if state.generation != began.0 {
            return;
        }
        if state.entries.len() >= ENTRIES_MAX {
            // A tenth at once, so that this is rare.
            let mut ends: Vec<Instant> = state.entries.values().map(|entry| entry.until).collect();
            ends.sort_unstable();
            let oldest = ends[ENTRIES_MAX / 10];
            state.entries.retain(|_, entry| entry.until > oldest);
        }
        state.entries.insert(
            mac,
            Entry {
                user,
                until,
                expires_at,
            },
        );
    }

    /// Forgets all credentials of an account, also those that are just being looked up.
    pub fn forget(&self, user: UserId) {
        let mut state = self.state();
        state.generation += 1;
        state.entries.retain(|_, entry| entry.user.id != user);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mac(&self, secret: Secret<'_>) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&self.key.into());
        match secret {
            Secret::Password { name, password } => {
                mac.update(b"password\0");
                mac.update(&(name.len() as u64).to_le_bytes());
                mac.update(name.as_bytes());
                mac.update(password.as_bytes());
            }
            Secret::Token(token) => {
                mac.update(b"token\0");
                mac.update(token.as_bytes());
            }
        }
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn user(id: i64) -> Arc<User> {
        Arc::new(User {
            id: UserId::new(id).unwrap(),
            uuid: uuid::Uuid::nil(),
            name: format!("user{id}"),
            full_name: String::new(),
            email: None,
            matric_no: None,
            role: Role::Viewer,
            access: Access::Active,
            created_at: NOW,
            passwords: 1,
        })
    }

    fn password<'a>(name: &'a str, password: &'a str) -> Secret<'a> {
        Secret::Password { name, password }
    }

    #[test]
    fn right_credentials_are_remembered_to_the_letter() {
        let verified = Verified::new(Duration::from_secs(60)).unwrap();
        verified.remember(
            password("anna", "b:c"),
            user(3),
            None,
            verified.generation(),
        );
        assert_eq!(
            verified
                .find(password("anna", "b:c"), NOW)
                .unwrap()
                .id
                .get(),
            3
        );
        for other in [
            password("anna", "b:C"),
            password("annab", ":c"),
            password("Anna", "b:c"),
            Secret::Token("annab:c"),
        ] {
            assert!(verified.find(other, NOW).is_none(), "{other:?}");
        }
    }

    #[test]
    fn they_end_with_the_time_with_the_token_and_with_a_new_password() {
        let (short, long) = (
            Verified::new(Duration::ZERO).unwrap(),
            Verified::new(Duration::from_secs(60)).unwrap(),
        );
        let token = Secret::Token("t");
        short.remember(token, user(3), None, short.generation());
        assert!(short.find(token, NOW).is_none());

        long.remember(
            token,
            user(3),
            Some(Timestamp::from_millis(1_001)),
            long.generation(),
        );
        assert!(long.find(token, NOW).is_some());
        assert!(long.find(token, Timestamp::from_millis(1_001)).is_none());

        let began = long.generation();
        long.remember(token, user(3), None, began);
        long.remember(Secret::Token("u"), user(4), None, began);
        long.forget(UserId::new(3).unwrap());
        assert!(long.find(token, NOW).is_none());
        assert!(long.find(Secret::Token("u"), NOW).is_some());
        long.remember(token, user(3), None, began);
        assert!(
            long.find(token, NOW).is_none(),
            "a look-up that began before must not bring it back"
        );
    }

    #[test]
    fn no_more_are_kept_than_may_be() {
        let verified = Verified::new(Duration::from_secs(60)).unwrap();
        for number in 0..=ENTRIES_MAX {
            verified.remember(
                Secret::Token(&number.to_string()),
                user(3),
                None,
                verified.generation(),
            );
        }
        assert!(verified.state().entries.len() <= ENTRIES_MAX);
        assert!(
            verified
                .find(Secret::Token(&ENTRIES_MAX.to_string()), NOW)
                .is_some()
        );
    }
}

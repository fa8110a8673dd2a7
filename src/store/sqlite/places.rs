//! Where addresses led a moment ago.
//!
//! Nearly every request begins with the same few addresses, and to look one up costs a read transaction. What was found
//! is remembered until a batch changes the tree. It is only a first look: whatever is read or written is looked up again
//! in the transaction that does it.

use crate::model::{Address, Ground, NodeId, Place, Principal, ResourceId, rights_on};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How many addresses are remembered. If there are more, all are forgotten.
const KNOWN_MAX: usize = 4096;

/// What an address leads to, whoever asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located {
    pub(super) resource: ResourceId,
    pub(super) ground: Ground,
    pub(super) page: Option<NodeId>,
}

impl Located {
    /// The place, with what `who` may do there.
    pub(super) fn place(&self, who: &Principal) -> Place {
        Place {
            resource: self.resource,
            rights: rights_on(who, self.ground),
            page: self.page,
        }
    }
}

/// How often the tree has changed. What was read before a change must not be remembered after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version(u64);

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Places(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    version: Version,
    known: HashMap<Address, Located>,
}

impl Places {
    /// Where the address leads.
    ///
    /// # Errors
    /// If that is not known, the version to give to [`Places::remember`] after it was read.
    pub(super) fn find(&self, address: &Address) -> Result<Located, Version> {
        let state = self.read();
        state.known.get(address).copied().ok_or(state.version)
    }

    /// Remembers what was read, unless the tree has changed since.
    pub(super) fn remember(&self, version: Version, address: Address, located: Located) {
        let is_in_tree = match address {
            Address::Page(_)
            | Address::PageTitled(_)
            | Address::File(_)
            | Address::FileNamed { .. } => true,
            Address::Site | Address::CurrentUser | Address::User(_) | Address::UserNamed(_) => {
                false
            }
        };
        let mut state = self.write();
        if is_in_tree && state.version == version {
            if state.known.len() >= KNOWN_MAX {
                state.known.clear();
            }
            state.known.insert(address, located);
        }
    }

    /// Forgets everything, for the tree has changed.
    pub(super) fn forget(&self) {
        let mut state = self.write();
        state.version.0 += 1;
        state.known.clear();
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

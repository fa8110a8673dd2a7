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

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Address = Address::Page(NodeId::HOME);
    const LOCATED: Located = Located {
        resource: ResourceId::Node(NodeId::HOME),
        ground: Ground::Page,
        page: Some(NodeId::HOME),
    };

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let places = Places::default();
        let version = places.find(&HOME).unwrap_err();
        places.forget();
        places.remember(version, HOME, LOCATED);
        let version = places.find(&HOME).unwrap_err();
        places.remember(version, HOME, LOCATED);
        assert_eq!(places.find(&HOME).unwrap().resource, LOCATED.resource);
        places.forget();
        assert!(places.find(&HOME).is_err());
    }

    #[test]
    fn no_more_is_remembered_than_the_bound_allows() {
        let places = Places::default();
        for number in 0..=KNOWN_MAX {
            let address = Address::PageTitled(number.to_string());
            let version = places.find(&address).unwrap_err();
            places.remember(version, address, LOCATED);
            assert!(places.read().known.len() <= KNOWN_MAX);
        }
    }

    #[test]
    fn an_address_that_depends_on_who_asks_is_not_remembered() {
        let places = Places::default();
        let version = places.find(&Address::CurrentUser).unwrap_err();
        places.remember(version, Address::CurrentUser, LOCATED);
        assert!(places.find(&Address::CurrentUser).is_err());
    }
}

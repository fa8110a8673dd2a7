//! What was looked up a moment ago: where addresses lead, and who users are.
//!
//! Nearly every request begins with the same few addresses and names the same few people, and to look one up costs more
//! than to remember it. It is remembered until a batch changes the tree, or an account changes. An address is only a first
//! look: what a principal may do there is looked up again in the transaction that reads or writes.

use crate::model::{
    Address, Ground, NodeId, NodeKind, Place, Principal, ResourceId, User, UserId, rights_on,
};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How many addresses are remembered, and how many users. If there are more, all are forgotten.
const KNOWN_MAX: usize = 4096;

/// Of an address with more bytes of text nothing is remembered.
const ADDRESS_BYTES_MAX: usize = 1024;

/// What an address leads to, whoever asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located {
    pub(super) resource: ResourceId,
    /// What that is, if it is a node of the tree.
    pub(super) kind: Option<NodeKind>,
    /// What it stands on, without what was granted to some.
    pub(super) ground: Ground,
    pub(super) page: Option<NodeId>,
    /// The page whose permissions count there, if there are any: then some may have been granted more.
    pub(super) guard: Option<NodeId>,
    /// How many levels of a title are missing there.
    pub(super) missing: usize,
}

impl Located {
    /// The place, with what `who` may do there if nothing was granted.
    pub(super) fn place(&self, who: &Principal) -> Place {
        let space = match self.ground {
            Ground::Space(ground) => Some(ground),
            Ground::Site | Ground::Page(_) | Ground::User(_) => None,
        };
        Place {
            resource: self.resource,
            kind: self.kind,
            rights: rights_on(who, self.ground),
            page: self.page,
            space,
            missing: self.missing,
        }
    }
}

/// How often something has changed. What was read before a change must not be remembered after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version(u64);

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Known(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    version: Version,
    addresses: HashMap<Address, Located>,
    users: HashMap<UserId, Arc<User>>,
}

impl Known {
    /// Where the address leads.
    ///
    /// # Errors
    /// If that is not known, the version to give to [`Known::remember`] after it was read.
    pub(super) fn find(&self, address: &Address) -> Result<Located, Version> {
        let state = self.read();
        state.addresses.get(address).copied().ok_or(state.version)
    }

    /// Remembers what was read, unless the tree has changed since. What is inside of a space depends on who asks and when.
    pub(super) fn remember(&self, version: Version, address: Address, located: Located) {
        let is_in_tree = match address {
            Address::Page(_)
            | Address::PageTitled(_)
            | Address::File(_)
            | Address::FileNamed { .. } => true,
            Address::Space(_)
            | Address::Folder(_)
            | Address::Site
            | Address::CurrentUser
            | Address::User(_)
            | Address::UserNamed(_)
            | Address::PageToBe(_) => false,
        };
        let is_same_for_all = !matches!(located.ground, Ground::Space(_));
        let mut state = self.write();
        if is_in_tree
            && is_same_for_all
            && text_bytes(&address) <= ADDRESS_BYTES_MAX
            && state.version == version
        {
            insert(&mut state.addresses, address, located);
        }
    }

    /// The users as they are known now, for a transaction that has not begun yet.
    pub(super) fn users(self: &Arc<Self>) -> KnownUsers {
        KnownUsers {
            version: self.read().version,
            known: Arc::clone(self),
        }
    }

    /// Forgets everything, for something has changed.
    pub(super) fn forget(&self) {
        let mut state = self.write();
        state.version.0 += 1;
        state.addresses.clear();
        state.users.clear();
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes of text are in an address.
fn text_bytes(address: &Address) -> usize {
    match address {
        Address::PageTitled(title) | Address::PageToBe(title) => title.len(),
        Address::FileNamed { page, name } => text_bytes(page) + name.as_str().len(),
        Address::UserNamed(name) => name.len(),
        Address::Site
        | Address::CurrentUser
        | Address::Page(_)
        | Address::Space(_)
        | Address::Folder(_)
        | Address::File(_)
        | Address::User(_) => 0,
    }
}

/// The users that are known, and since when: what a transaction reads is not remembered if something has changed since
/// before it began.
#[derive(Debug)]
pub(super) struct KnownUsers {
    known: Arc<Known>,
    version: Version,
}

impl KnownUsers {
    /// Who a user is.
    pub(super) fn find(&self, id: UserId) -> Option<Arc<User>> {
        self.known.read().users.get(&id).cloned()
    }

    /// Remembers who was read.
    pub(super) fn remember(&self, user: &Arc<User>) {
        let mut state = self.known.write();
        if state.version == self.version {
            insert(&mut state.users, user.id, Arc::clone(user));
        }
    }
}

fn insert<K: Eq + Hash, V>(known: &mut HashMap<K, V>, key: K, value: V) {
    if known.len() >= KNOWN_MAX {
        known.clear();
    }
    known.insert(key, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Access, Role, Timestamp};

    const HOME: Address = Address::Page(NodeId::HOME);
    const LOCATED: Located = Located {
        resource: ResourceId::Node(NodeId::HOME),
        kind: Some(NodeKind::Page),
        ground: Ground::Site,
        page: Some(NodeId::HOME),
        guard: None,
        missing: 0,
    };

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let known = Known::default();
        let version = known.find(&HOME).unwrap_err();
        known.forget();
        known.remember(version, HOME, LOCATED);
        let version = known.find(&HOME).unwrap_err();
        known.remember(version, HOME, LOCATED);
        assert_eq!(known.find(&HOME).unwrap().resource, LOCATED.resource);
        known.forget();
        assert!(known.find(&HOME).is_err());
    }

    #[test]
    fn no_more_is_remembered_than_the_bound_allows() {
        let known = Known::default();
        for number in 0..=KNOWN_MAX {
            let address = Address::PageTitled(number.to_string());
            let version = known.find(&address).unwrap_err();
            known.remember(version, address, LOCATED);
            assert!(known.read().addresses.len() <= KNOWN_MAX);
        }
    }

    #[test]
    fn a_user_read_before_a_change_is_not_remembered_after_it() {
        let known = Arc::new(Known::default());
        let user = Arc::new(User {
            id: UserId::ADMIN,
            uuid: uuid::Uuid::nil(),
            name: "ann".to_owned(),
            full_name: String::new(),
            email: None,
            matric_no: None,
            role: Role::Viewer,
            access: Access::Active,
            created_at: Timestamp::from_millis(0),
            passwords: 1,
        });
        let before = known.users();
        known.forget();
        before.remember(&user);
        assert!(before.find(user.id).is_none());
        known.users().remember(&user);
        assert!(before.find(user.id).is_some());
    }

    #[test]
    fn a_long_address_is_not_remembered() {
        let known = Known::default();
        for (bytes, is_known) in [(1024, true), (1025, false)] {
            let address = Address::PageTitled("/".repeat(bytes));
            let version = known.find(&address).unwrap_err();
            known.remember(version, address.clone(), LOCATED);
            assert_eq!(known.find(&address).is_ok(), is_known);
        }
    }

    #[test]
    fn an_address_that_depends_on_who_asks_is_not_remembered() {
        let known = Known::default();
        let version = known.find(&Address::CurrentUser).unwrap_err();
        known.remember(version, Address::CurrentUser, LOCATED);
        assert!(known.find(&Address::CurrentUser).is_err());
    }
}

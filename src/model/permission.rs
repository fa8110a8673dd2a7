//! The one place that answers "may this principal do this here".
//!
//! Rules: `mindtouch.md` §11, `dialects-common.md` §3. What a resource stands on is its [`Ground`]; [`rights_on`] says what that gives to whom.

use super::{
    GroupId, NodeId, Principal, Refusal, Right, Rights, Role, SpaceGround, User, UserChange, UserId,
};
use std::fmt;

/// What everybody may do on a page, whatever was granted to some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// What the role on the site allows.
    Public,
    /// To read, if the role on the site allows it.
    SemiPublic,
    /// Nothing.
    Private,
}

impl Restriction {
    const ALL: [Restriction; 3] = [
        Restriction::Public,
        Restriction::SemiPublic,
        Restriction::Private,
    ];

    /// The word for it, such as `Semi-Public`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Restriction::Public => "Public",
            Restriction::SemiPublic => "Semi-Public",
            Restriction::Private => "Private",
        }
    }

    /// The restriction of this name, in any case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let is_it = |restriction: &Restriction| restriction.name().eq_ignore_ascii_case(name);
        Restriction::ALL.into_iter().find(is_it)
    }

    /// What is left of the rights that a role on the site gives.
    const fn leaves(self, role: Role) -> Rights {
        match self {
            Restriction::Public => on_page(role),
            Restriction::SemiPublic => on_page(role).and(Role::Viewer.rights()),
            Restriction::Private => on_page(role).and(Role::None.rights()),
        }
    }
}

/// What a role gives on a page: all but to say who may do what there, which is for administrators of the site and for the
/// page's maker (`mindtouch.md` §11).
#[must_use]
pub const fn on_page(role: Role) -> Rights {
    role.rights().and(Role::Contributor.rights())
}

/// To whom something is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grantee {
    /// A user.
    User(UserId),
    /// All members of a group.
    Group(GroupId),
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grantee::User(id) => write!(f, "user {id}"),
            Grantee::Group(id) => write!(f, "group {id}"),
        }
    }
}

/// A role that somebody has on a page, besides the role on the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who has it.
    pub grantee: Grantee,
    /// Which.
    pub role: Role,
}

/// Who may do what on a page, and on what lies below it without permissions of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// What everybody may do.
    pub restriction: Restriction,
    /// What some may do besides; each stands in it once.
    pub grants: Vec<Grant>,
}

impl Default for Permissions {
    /// The role on the site decides.
    fn default() -> Self {
        Permissions {
            restriction: Restriction::Public,
            grants: Vec::new(),
        }
    }
}

/// What the rights on a page depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageGround {
    /// What everybody may do there.
    pub restriction: Restriction,
    /// What was granted there to the one who asks, alone or with a group.
    pub granted: Rights,
    /// Who made the page: this user says who may do what on it.
    pub maker: UserId,
}

/// What the rights on a resource depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The site itself.
    Site,
    /// A page, or a file on it.
    Page(PageGround),
    /// A space, or a folder or file in it.
    Space(SpaceGround),
    /// An account.
    User(UserId),
}

/// What a principal may do on a resource that stands on this ground.
#[must_use]
pub fn rights_on(principal: &Principal, ground: Ground) -> Rights {
    match ground {
        _ if principal.is_admin() => Rights::ALL,
        Ground::Site => Rights::NONE,
        Ground::Page(page) => {
            let by_role = page.restriction.leaves(principal.user().role);
            let is_maker = page.maker == principal.id() && !principal.is_anonymous();
            let as_maker = if is_maker {
                Rights::of(Right::ChangePermissions)
            } else {
                Rights::NONE
            };
            by_role.or(page.granted).or(as_maker)
        }
        Ground::Space(ground) => ground.rights(),
        // The anonymous account is everybody's and so owns nothing.
        Ground::User(id) if id == principal.id() && !principal.is_anonymous() => {
            Role::Contributor.rights()
        }
        Ground::User(_) => Rights::NONE,
    }
}

/// A refusal for want of a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Who asked; for the anonymous account the answer is "sign in first".
    pub principal: Principal,
    /// What would have been needed.
    pub required: Right,
    /// What there was.
    pub allowed: Rights,
    /// The page it is about, if the principal may know of it.
    pub page: Option<NodeId>,
}

/// Whether a principal has a right on this ground. For what has no place in the tree: accounts, groups, the site.
///
/// # Errors
/// [`Refusal::Denied`]
pub fn require(by: &Principal, ground: Ground, right: Right) -> Result<(), Refusal> {
    let allowed = rights_on(by, ground);
    if allowed.allow(right) {
        return Ok(());
    }
    Err(Refusal::Denied(Box::new(Denied {
        principal: by.clone(),
        required: right,
        allowed,
        page: None,
    })))
}

/// Whether a principal may change an account so: its owner says name and address, an administrator the rest as well.
///
/// # Errors
/// [`Refusal::Denied`]; [`Refusal::FixedAccount`] if nobody may.
pub fn check_user_change(by: &Principal, user: &User, change: &UserChange) -> Result<(), Refusal> {
    require(by, Ground::User(user.id), Right::Update)?;
    let is_same = change.role.is_none_or(|role| role == user.role)
        && change.access.is_none_or(|access| access == user.access);
    match user.id {
        _ if is_same => Ok(()),
        UserId::ADMIN | UserId::ANONYMOUS => Err(Refusal::FixedAccount(user.name.clone())),
        _ => require(by, Ground::Site, Right::Admin),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Access;
    use super::super::principal::tests::principal;
    use super::*;

    const ANONYMOUS: i64 = 2;
    const MAKER: i64 = 9;

    fn page(restriction: Restriction, granted: Rights) -> Ground {
        Ground::Page(PageGround {
            restriction,
            granted,
            maker: UserId::new(MAKER).unwrap(),
        })
    }

    fn check(id: i64, role: Role, ground: Ground, (read, write): (bool, bool)) {
        let rights = rights_on(&principal(id, role), ground);
        assert_eq!(
            (rights.allow(Right::Read), rights.allow(Right::Update)),
            (read, write),
            "{id} {role:?} {ground:?}"
        );
    }

    #[test]
    fn the_table_of_who_may_read_and_write_what() {
        let own = Ground::User(UserId::new(3).unwrap());
        let public = page(Restriction::Public, Rights::NONE);
        for (id, role, ground, may) in [
            (1, Role::Admin, Ground::Site, (true, true)),
            (1, Role::Admin, own, (true, true)),
            (1, Role::Admin, public, (true, true)),
            (3, Role::Contributor, public, (true, true)),
            (3, Role::Viewer, public, (true, false)),
            (3, Role::None, public, (false, false)),
            (3, Role::Viewer, own, (true, true)),
            (4, Role::Manager, own, (false, false)),
            (4, Role::Manager, Ground::Site, (false, false)),
            (ANONYMOUS, Role::Viewer, public, (true, false)),
            (
                ANONYMOUS,
                Role::Viewer,
                Ground::User(UserId::ANONYMOUS),
                (false, false),
            ),
        ] {
            check(id, role, ground, may);
        }
    }

    #[test]
    fn a_restriction_takes_away_and_a_grant_gives() {
        use Restriction::{Private, Public, SemiPublic};
        let contributor = Role::Contributor.rights();
        for (role, restriction, granted, may) in [
            (Role::Contributor, SemiPublic, Rights::NONE, (true, false)),
            (Role::Manager, SemiPublic, Rights::NONE, (true, false)),
            (Role::None, SemiPublic, Rights::NONE, (false, false)),
            (Role::Contributor, Private, Rights::NONE, (false, false)),
            (Role::Admin, Private, Rights::NONE, (true, true)),
            (Role::Viewer, Public, contributor, (true, true)),
            (Role::Viewer, SemiPublic, contributor, (true, true)),
            (Role::None, Private, contributor, (true, true)),
            (
                Role::Contributor,
                Private,
                Role::Viewer.rights(),
                (true, false),
            ),
            (
                Role::Contributor,
                Private,
                Role::None.rights(),
                (false, false),
            ),
        ] {
            check(3, role, page(restriction, granted), may);
        }
    }

    #[test]
    fn the_maker_of_a_page_says_who_may_do_what() {
        let may = |id, role, ground| {
            let rights = rights_on(&principal(id, role), ground);
            rights.allow(Right::ChangePermissions)
        };
        let private = page(Restriction::Private, Rights::NONE);
        let public = page(Restriction::Public, Rights::NONE);
        assert!(may(MAKER, Role::Viewer, private));
        assert!(may(1, Role::Admin, private));
        assert!(!may(3, Role::Contributor, public));
        assert!(!may(3, Role::Manager, public));
        for role in [Role::Manager, Role::Admin] {
            assert!(!may(
                3,
                Role::Viewer,
                page(Restriction::Public, on_page(role))
            ));
        }
        let of_anonymous = Ground::Page(PageGround {
            restriction: Restriction::Public,
            granted: Rights::NONE,
            maker: UserId::ANONYMOUS,
        });
        assert!(!may(ANONYMOUS, Role::Viewer, of_anonymous));
    }

    #[test]
    fn the_table_of_who_may_change_what_of_an_account() {
        let named = UserChange {
            full_name: Some("x".to_owned()),
            ..UserChange::default()
        };
        let role = |role| UserChange {
            role: Some(role),
            ..UserChange::default()
        };
        let disabled = UserChange {
            access: Some(Access::Disabled),
            ..UserChange::default()
        };
        let (admin, ann, bob) = (
            principal(1, Role::Admin),
            principal(3, Role::Viewer),
            principal(4, Role::Manager),
        );
        let check = |by: &Principal, of: &Principal, change: &UserChange| match check_user_change(
            by,
            of.user(),
            change,
        ) {
            Ok(()) => "ok",
            Err(Refusal::Denied(_)) => "denied",
            Err(_) => "never",
        };
        for (by, of, change, expected) in [
            (&ann, &ann, &named, "ok"),
            (&bob, &ann, &named, "denied"),
            (&admin, &ann, &named, "ok"),
            (&ann, &ann, &role(Role::Viewer), "ok"),
            (&ann, &ann, &role(Role::Admin), "denied"),
            (&ann, &ann, &disabled, "denied"),
            (&admin, &ann, &role(Role::Admin), "ok"),
            (&admin, &ann, &disabled, "ok"),
            (&admin, &admin, &role(Role::Viewer), "never"),
            (&admin, &admin, &disabled, "never"),
            (&admin, &admin, &named, "ok"),
        ] {
            assert_eq!(check(by, of, change), expected, "{by:?} {of:?} {change:?}");
        }
    }

    #[test]
    fn restrictions_have_names() {
        for restriction in Restriction::ALL {
            let name = restriction.name().to_lowercase();
            assert_eq!(Restriction::of_name(&name), Some(restriction));
        }
        assert_eq!(Restriction::of_name("secret"), None);
    }
}

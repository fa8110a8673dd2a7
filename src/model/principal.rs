//! Who asks: accounts, their roles, and the rights that a role gives.
//!
//! Rules: `mindtouch.md` §11.

use super::{GroupId, NodeId, Timestamp, UserId, is_xml_char, not_xml};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// One thing that somebody may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Sign in.
    Login,
    /// See that something exists.
    Browse,
    /// Read contents and properties.
    Read,
    /// Be told of changes.
    Subscribe,
    /// Write contents and properties; deleting a property is writing, too.
    Update,
    /// Make pages.
    Create,
    /// Delete pages.
    Delete,
    /// Change who may do what.
    ChangePermissions,
    /// Everything.
    Admin,
    /// Submit a file to a folder that collects them; or take it away again. Who may update may do that, too.
    Submit,
    /// Comment on a file. Who may update may do that, too.
    Comment,
    /// Enroll people in a space, and make groups there.
    Enroll,
}

impl Right {
    /// Those that the original has.
    const NAMED: [Right; 9] = [
        Right::Login,
        Right::Browse,
        Right::Read,
        Right::Subscribe,
        Right::Update,
        Right::Create,
        Right::Delete,
        Right::ChangePermissions,
        Right::Admin,
    ];

    const fn bit(self) -> u64 {
        match self {
            Right::Login => 1,
            Right::Browse => 2,
            Right::Read => 4,
            Right::Subscribe => 8,
            Right::Update => 16,
            Right::Create => 32,
            Right::Delete => 256,
            Right::ChangePermissions => 1024,
            Right::Admin => 1 << 63,
            Right::Submit => 1 << 40,
            Right::Comment => 1 << 41,
            Right::Enroll => 1 << 42,
        }
    }

    /// All that allow it, each by itself.
    const fn bits(self) -> u64 {
        let above = match self {
            Right::Submit | Right::Comment => Right::Update.bit(),
            Right::Login
            | Right::Browse
            | Right::Read
            | Right::Subscribe
            | Right::Update
            | Right::Create
            | Right::Delete
            | Right::ChangePermissions
            | Right::Admin
            | Right::Enroll => 0,
        };
        self.bit() | above | Right::Admin.bit()
    }

    /// The name in messages to clients, such as `UPDATE`. What the original does not have goes by the name of what it has.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Right::Login => "LOGIN",
            Right::Browse => "BROWSE",
            Right::Read => "READ",
            Right::Subscribe => "SUBSCRIBE",
            Right::Update | Right::Submit | Right::Comment => "UPDATE",
            Right::Create => "CREATE",
            Right::Delete => "DELETE",
            Right::ChangePermissions | Right::Enroll => "CHANGEPERMISSIONS",
            Right::Admin => "ADMIN",
        }
    }
}

/// A set of rights. With [`Right::Admin`] in it, it holds every right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(u64);

impl Rights {
    /// No right at all.
    pub const NONE: Rights = Rights(0);
    /// Every right.
    pub const ALL: Rights = Rights(u64::MAX);

    /// This right alone.
    #[must_use]
    pub const fn of(right: Right) -> Self {
        Rights(right.bit())
    }

    /// What is in one of two sets.
    #[must_use]
    pub const fn or(self, other: Rights) -> Self {
        Rights(self.0 | other.0)
    }

    /// What is in both of two sets.
    #[must_use]
    pub const fn and(self, other: Rights) -> Self {
        Rights(self.0 & other.0)
    }

    /// Whether `right` is in the set.
    #[must_use]
    pub const fn allow(self, right: Right) -> bool {
        self.0 & right.bits() != 0
    }
}

impl fmt::Display for Rights {
    /// The names of the rights, as `LOGIN, BROWSE`; `NONE` for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Right::NAMED
            .iter()
            .filter(|r| self.0 & r.bit() != 0)
            .map(|r| r.name());
        f.write_str(names.next().unwrap_or("NONE"))?;
        names.try_for_each(|name| write!(f, ", {name}"))
    }
}

/// What an account may do on a site where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sign in, no more.
    None,
    /// Read.
    Viewer,
    /// Read and write.
    Contributor,
    /// Read, write, and say who may.
    Manager,
    /// Everything.
    Admin,
}

impl Role {
    const ALL: [Role; 5] = [
        Role::None,
        Role::Viewer,
        Role::Contributor,
        Role::Manager,
        Role::Admin,
    ];

    /// The rights that the role gives (the bit masks of `mindtouch.md` §11).
    #[must_use]
    pub const fn rights(self) -> Rights {
        match self {
            Role::None => Rights(1),
            Role::Viewer => Rights(15),
            Role::Contributor => Rights(319),
            Role::Manager => Rights(1343),
            Role::Admin => Rights::ALL,
        }
    }

    /// The name, such as `Contributor`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::None => "None",
            Role::Viewer => "Viewer",
            Role::Contributor => "Contributor",
            Role::Manager => "Manager",
            Role::Admin => "Admin",
        }
    }

    /// The role of this name, in any case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Role::ALL
            .into_iter()
            .find(|role| role.name().eq_ignore_ascii_case(name))
    }
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Active,
    /// It was disabled: 403 for whoever signs in with it.
    Disabled,
}

/// An account, as others may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: UserId,
    /// Its name in all other systems.
    pub uuid: Uuid,
    /// What its owner signs in with; unique without regard to case.
    pub name: String,
    /// The owner's name, perhaps empty.
    pub full_name: String,
    /// The owner's address; who else sees it is a matter of settings.
    pub email: Option<String>,
    /// The owner's number at a school.
    pub matric_no: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Whether it may be used.
    pub access: Access,
    /// When it was made.
    pub created_at: Timestamp,
    /// How many passwords it has had.
    pub passwords: i64,
}

impl User {
    /// What its owner is called: by name or, without one, by what is typed to sign in.
    #[must_use]
    pub fn display_name(&self) -> &str {
        match self.full_name.as_str() {
            "" => &self.name,
            name => name,
        }
    }
}

impl UserChange {
    /// The account with the change made. What it began with stays for what is not named.
    #[must_use]
    pub fn made(&self, was: &User) -> User {
        let email = self.email.as_ref().or(was.email.as_ref());
        User {
            full_name: self.full_name.as_ref().unwrap_or(&was.full_name).clone(),
            email: email.filter(|email| !email.is_empty()).cloned(),
            role: self.role.unwrap_or(was.role),
            access: self.access.unwrap_or(was.access),
            ..was.clone()
        }
    }
}

/// The most characters of the name that somebody signs in with.
pub const LOGIN_CHARS_MAX: usize = 255;

/// Whether an account may have this name: 1 to 255 characters, neither `:` nor control characters, and not blank.
///
/// # Errors
/// [`LoginFault`]
pub fn check_login(name: &str) -> Result<(), LoginFault> {
    if name.trim().is_empty() {
        Err(LoginFault::Blank)
    } else if name.chars().count() > LOGIN_CHARS_MAX {
        Err(LoginFault::TooLong)
    } else if name.contains(|c: char| c == ':' || c.is_control() || !is_xml_char(c)) {
        Err(LoginFault::Character)
    } else {
        Ok(())
    }
}

/// The most bytes of what an account says of its owner: name, address, number.
pub const PERSON_BYTES_MAX: usize = 1024;

/// Whether an account may say this of its owner: at most [`PERSON_BYTES_MAX`] bytes that XML can carry.
///
/// # Errors
/// [`LoginFault`]
pub fn check_person(text: &str) -> Result<(), LoginFault> {
    if text.len() > PERSON_BYTES_MAX {
        Err(LoginFault::LongText)
    } else if not_xml(text).is_some() {
        Err(LoginFault::ControlCharacter)
    } else {
        Ok(())
    }
}

/// Why an account cannot have a name, or say something of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginFault {
    /// There is nothing, or nothing but blanks.
    #[error("can't be blank")]
    Blank,
    /// Too many characters.
    #[error("is too long (maximum is {LOGIN_CHARS_MAX} characters)")]
    TooLong,
    /// A character that it must not have.
    #[error("must not contain ':' or control characters")]
    Character,
    /// Too many bytes of what is said of the owner.
    #[error("is too long (maximum is {PERSON_BYTES_MAX} bytes)")]
    LongText,
    /// A character in it that XML cannot carry.
    #[error("must not contain control characters")]
    ControlCharacter,
}

/// Somebody who asks for something at a moment: what is visible depends on both.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub who: Principal,
    /// When.
    pub at: Timestamp,
}

/// Who asks: an account whose credentials were right, or [`UserId::ANONYMOUS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    user: Arc<User>,
    has_key: bool,
}

impl Principal {
    /// The principal of this account. Whoever calls this has checked the credentials.
    #[must_use]
    pub fn new(user: Arc<User>) -> Self {
        Principal {
            user,
            has_key: false,
        }
    }

    /// The same with the key of the site, with which everything is allowed.
    #[must_use]
    pub fn with_key(user: Arc<User>) -> Self {
        Principal {
            user,
            has_key: true,
        }
    }

    /// The same principal, with the account as it is now.
    #[must_use]
    pub fn with_account(&self, user: Arc<User>) -> Self {
        Principal {
            user,
            has_key: self.has_key,
        }
    }

    /// Whether the request carried the key of the site.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.has_key
    }

    /// The account.
    #[must_use]
    pub fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// The account's number.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.user.id
    }

    /// Whether nobody signed in.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.user.id == UserId::ANONYMOUS
    }

    /// Whether the principal may do everything.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.has_key || self.user.role.rights().allow(Right::Admin)
    }
}

/// What to change of an account; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The owner's name.
    pub full_name: Option<String>,
    /// The owner's address; empty for none.
    pub email: Option<String>,
    /// What it may do.
    pub role: Option<Role>,
    /// Whether it may be used.
    pub access: Option<Access>,
}

/// People who have rights together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub id: GroupId,
    /// Its name in all other systems.
    pub uuid: Uuid,
    /// What it is called: at most 255 characters.
    pub name: String,
    /// The space that it belongs to; `None`: the whole site.
    pub space: Option<NodeId>,
    /// Who is in it, by number.
    pub members: Vec<UserId>,
}

/// Somebody who shall be in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// By number.
    Id(UserId),
    /// By what is typed to sign in, in any case.
    Login(String),
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn principal(id: i64, role: Role) -> Principal {
        Principal::new(Arc::new(User {
            id: UserId::new(id).unwrap(),
            uuid: Uuid::nil(),
            name: format!("user{id}"),
            full_name: String::new(),
            email: None,
            matric_no: None,
            role,
            access: Access::Active,
            created_at: Timestamp::from_millis(0),
            passwords: 1,
        }))
    }

    #[test]
    fn roles_give_the_documented_rights() {
        assert_eq!(
            Role::Viewer.rights().to_string(),
            "LOGIN, BROWSE, READ, SUBSCRIBE"
        );
        assert_eq!(
            Role::Contributor.rights().to_string(),
            "LOGIN, BROWSE, READ, SUBSCRIBE, UPDATE, CREATE, DELETE"
        );
        assert!(
            Role::Manager
                .rights()
                .to_string()
                .ends_with("DELETE, CHANGEPERMISSIONS")
        );
        assert_eq!(Rights::NONE.to_string(), "NONE");
        assert_eq!(Role::of_name("contributor"), Some(Role::Contributor));
        assert_eq!(Role::of_name("boss"), None);
    }
}

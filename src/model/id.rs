//! What things are called: the numbers of resources, users and properties, and the names people give.
//!
//! Each type has one way in, and that way checks; past it no number and no name is doubted again. Rules:
//! `mindtouch.md` §3 (property names), `dialects-common.md` §1 (nodes).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most Unicode scalar values that the name of a property may have.
pub const PROPERTY_NAME_CHARS_MAX: usize = 255;
/// The most Unicode scalar values that the name of a page or a file may have.
pub const NODE_NAME_CHARS_MAX: usize = 500;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The id of this number; `None` unless it is at least 1.
            #[must_use]
            pub const fn new(number: i64) -> Option<Self> {
                if number >= 1 { Some(Self(number)) } else { None }
            }

            /// The number itself, at least 1.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }

            /// The id that is given out after this one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// A page, space, folder or file: all kinds share one sequence, and an id is never given out twice.
    NodeId
);
number!(
    /// A user. The first account, `admin`, is [`UserId::ADMIN`].
    UserId
);
number!(
    /// A group of users.
    GroupId
);
number!(
    /// One life of a property, from its creation to its deletion: the "resource id" at the front of an etag.
    PropertyId
);
number!(
    /// A stored content that is too large to lie in the row of what it belongs to.
    ContentId
);

impl NodeId {
    /// The page `home`, made when the database is.
    pub const HOME: NodeId = NodeId(1);
}

impl UserId {
    /// The account `admin`, made when the database is.
    pub const ADMIN: UserId = UserId(1);
    /// The account that stands for everybody who does not say who they are.
    pub const ANONYMOUS: UserId = UserId(2);
}

/// What owns properties: the site, a node of the tree, or a user.
///
/// In the tables it is one number, so that it can stand first in every key: see [`ResourceId::key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceId {
    /// The one site.
    Site,
    /// A page, space, folder or file.
    Node(NodeId),
    /// A user.
    User(UserId),
}

impl ResourceId {
    /// The number of this resource in the tables: 0 for the site, a node's own id, and minus a user's id.
    #[must_use]
    pub const fn key(self) -> i64 {
        match self {
            ResourceId::Site => 0,
            ResourceId::Node(id) => id.0,
            ResourceId::User(id) => -id.0,
        }
    }

    /// The resource of a number from the tables.
    #[must_use]
    pub const fn from_key(key: i64) -> Self {
        match key {
            0 => ResourceId::Site,
            1.. => ResourceId::Node(NodeId(key)),
            _ => ResourceId::User(UserId(key.saturating_neg())),
        }
    }
}

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// There is nothing, or nothing but blanks.
    #[error("a name must not be empty")]
    Empty,
    /// More characters than a name may have.
    #[error("a name has at most {max} characters, this one has {chars}")]
    TooLong {
        /// How many it has.
        chars: usize,
        /// How many it may have.
        max: usize,
    },
    /// A character that XML cannot carry, or that this kind of name may not have.
    #[error("a name must not contain the character U+{:04X}", u32::from(*.0))]
    Character(char),
}

/// Whether XML 1.0 can carry this character (production `Char` of the recommendation).
#[must_use]
pub const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// The first character of a text that XML 1.0 cannot carry, and at which byte it is.
#[must_use]
pub fn not_xml(text: &str) -> Option<(usize, char)> {
    // Every such character has a byte below a blank or begins with EF. Most texts have neither, and whole chunks are
    // looked through faster than a byte at a time.
    let is_suspicious =
        |byte| byte == 0xEF || (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'));
    let count = |found, &byte: &u8| found | u8::from(is_suspicious(byte));
    let mut chunks = text.as_bytes().chunks(256);
    if !chunks.any(|chunk| chunk.iter().fold(0, count) != 0) {
        return None;
    }
    text.char_indices().find(|&(_, c)| !is_xml_char(c))
}

fn check_length(name: &str, max: usize) -> Result<(), NameFault> {
    // A character has at most four bytes, so most names need no counting.
    if name.len() <= max {
        return Ok(());
    }
    match name.chars().count() {
        chars if chars > max => Err(NameFault::TooLong { chars, max }),
        _ => Ok(()),
    }
}

/// The name of a property: 1 to 255 characters that XML 1.0 can carry, compared exactly (`mindtouch.md` §3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyName(Arc<str>);

impl PropertyName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PropertyName {
    type Err = NameFault;

    fn from_str(name: &str) -> Result<Self, NameFault> {
        if name.is_empty() {
            return Err(NameFault::Empty);
        }
        check_length(name, PROPERTY_NAME_CHARS_MAX)?;
        match not_xml(name) {
            Some((_, c)) => Err(NameFault::Character(c)),
            None => Ok(PropertyName(name.into())),
        }
    }
}

impl fmt::Display for PropertyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a page or a file: at most 500 characters, not blank, no control characters, kept byte for byte
/// (`dialects-common.md` §1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that may be blank, as a folder's may be in `luminus.md` §3.
    ///
    /// # Errors
    /// What else can be wrong with a name.
    pub fn or_blank(name: &str) -> Result<Self, NameFault> {
        check_length(name, NODE_NAME_CHARS_MAX)?;
        let forbidden =
            |c: &char| matches!(c, '\0'..='\u{1F}' | '\u{7F}' | '\u{FFFE}' | '\u{FFFF}');
        match name.chars().find(forbidden) {
            Some(c) => Err(NameFault::Character(c)),
            None => Ok(NodeName(name.into())),
        }
    }
}

impl FromStr for NodeName {
    type Err = NameFault;

    fn from_str(name: &str) -> Result<Self, NameFault> {
        if name.trim().is_empty() {
            return Err(NameFault::Empty);
        }
        NodeName::or_blank(name)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which property: its owner and its name. Of the live properties at most one has a given key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyKey {
    /// Who owns it.
    pub resource: ResourceId,
    /// What it is called.
    pub name: PropertyName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_name_has_1_to_255_characters_that_xml_can_carry() {
        let name = |text: &str| PropertyName::from_str(text).map(|n| n.as_str().to_owned());
        for good in [
            "a",
            " ",
            "a\tb\nc\r",
            "*",
            "urn:custom.mindtouch.com#a/b",
            "𝒳",
            "..",
            "%41",
        ] {
            assert_eq!(name(good), Ok(good.to_owned()));
        }
        assert!(name(&"é".repeat(255)).is_ok());
        assert_eq!(
            name(&"é".repeat(256)),
            Err(NameFault::TooLong {
                chars: 256,
                max: 255
            })
        );
        assert_eq!(name(""), Err(NameFault::Empty));
        for bad in ['\0', '\u{1}', '\u{1F}', '\u{FFFE}', '\u{FFFF}'] {
            assert_eq!(name(&format!("a{bad}")), Err(NameFault::Character(bad)));
        }
    }

    #[test]
    fn a_node_name_has_up_to_500_characters_and_no_controls() {
        let name = |text: &str| NodeName::from_str(text).map(|n| n.as_str().to_owned());
        for good in ["a.txt", " a ", "a/b", "𝒳".repeat(500).as_str()] {
            assert_eq!(name(good), Ok(good.to_owned()));
        }
        assert_eq!(name(" "), Err(NameFault::Empty));
        assert_eq!(NodeName::or_blank("").unwrap().as_str(), "");
        assert_eq!(NodeName::or_blank("\n"), Err(NameFault::Character('\n')));
        assert_eq!(
            name(&"x".repeat(501)),
            Err(NameFault::TooLong {
                chars: 501,
                max: 500
            })
        );
        for bad in ['\0', '\n', '\u{7F}', '\u{FFFE}'] {
            assert_eq!(name(&format!("a{bad}")), Err(NameFault::Character(bad)));
        }
    }

    #[test]
    fn every_resource_has_one_number() {
        for (resource, key) in [
            (ResourceId::Site, 0),
            (ResourceId::Node(NodeId::HOME), 1),
            (ResourceId::User(UserId::ADMIN), -1),
            (ResourceId::User(UserId::ANONYMOUS), -2),
        ] {
            assert_eq!(resource.key(), key);
            assert_eq!(ResourceId::from_key(key), resource);
        }
    }
}

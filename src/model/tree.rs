//! The tree of pages and files that properties hang on, and the ways to point into it.
//!
//! Rules: `dialects-common.md` §1 (one tree, one sequence of ids), `mindtouch.md` §2 (addresses) and §13 (files).

use super::{
    Content, Denied, NodeId, NodeName, Principal, Refusal, ResourceId, Revision, Right, Rights,
    SpaceGround, SpaceRole, Timestamp, UserId, is_xml_char,
};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use uuid::Uuid;

/// The property that is a file's description (`mindtouch.md` §13).
pub const DESCRIPTION_PROPERTY: &str = "urn:deki.mindtouch.com#description";

/// The most characters of a page's language.
pub const LANGUAGE_CHARS_MAX: usize = 64;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A page of a wiki.
    Page,
    /// The root of a tree of folders.
    Space,
    /// A folder.
    Folder,
    /// A file.
    File,
}

impl NodeKind {
    /// The word for it in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            NodeKind::Page => "page",
            NodeKind::Space => "space",
            NodeKind::Folder => "folder",
            NodeKind::File => "file",
        }
    }

    /// The kind of a word from the tables.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let all = [
            NodeKind::Page,
            NodeKind::Space,
            NodeKind::Folder,
            NodeKind::File,
        ];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

/// A page, space or folder, as an answer about what lies in it names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: NodeId,
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub name: NodeName,
    /// The names from the top of the tree to it, without `home`, joined by `/`; empty for `home`.
    pub path: String,
}

/// The most levels of a page's title.
pub const PAGE_LEVELS_MAX: usize = 64;

/// The levels of a page's title, from the top: blanks and underscores are the same, and `home` itself has none.
pub fn title_levels(title: &str) -> impl Iterator<Item = String> + '_ {
    let title = if title.eq_ignore_ascii_case("home") {
        ""
    } else {
        title
    };
    let levels = title.split('/').filter(|level| !level.is_empty());
    levels.map(|level| level.replace('_', " "))
}

/// A page, space or folder at one of its revisions. The content of spaces and folders is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Its number.
    pub id: NodeId,
    /// What it is.
    pub kind: NodeKind,
    /// Its name in all other systems.
    pub uuid: Uuid,
    /// What it lies on; `None` at the top.
    pub parent: Option<NodeId>,
    /// What it is called: the last level of a page's title.
    pub name: NodeName,
    /// Which revision of the content this is.
    pub revision: Revision,
    /// The content.
    pub content: Content,
    /// When this revision was written.
    pub modified_at: Timestamp,
    /// By whom.
    pub modified_by: UserId,
}

/// What the first folder of every space is called at first.
pub const ROOT_FOLDER: &str = "Support Files";

/// A node of the tree that is to be made, if it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// What it is called.
    pub name: NodeName,
    /// Its name in all other systems, should it be new.
    pub uuid: Uuid,
}

/// A file at one of its revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its number.
    pub id: NodeId,
    /// Its name in all other systems.
    pub uuid: Uuid,
    /// What it lies on.
    pub parent: NodeId,
    /// What it is called, at this revision.
    pub name: NodeName,
    /// Which revision of the content this is.
    pub revision: Revision,
    /// The content.
    pub content: Content,
    /// When this revision was written.
    pub modified_at: Timestamp,
    /// By whom.
    pub modified_by: UserId,
}

impl File {
    /// What names this revision for ever, made as those of properties are.
    #[must_use]
    pub fn etag(&self) -> String {
        node_etag(self.id, self.revision, self.modified_at)
    }
}

impl Page {
    /// What names this revision for ever, made as those of properties are.
    #[must_use]
    pub fn etag(&self) -> String {
        node_etag(self.id, self.revision, self.modified_at)
    }
}

fn node_etag(id: NodeId, revision: Revision, at: Timestamp) -> String {
    format!("{id}.r{revision}_ts{at}")
}

/// What an upload says of the file's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileDescription {
    /// Nothing: it stays as it is.
    Keep,
    /// This text, as a new revision of the property [`DESCRIPTION_PROPERTY`].
    Set(String),
}

/// The language of a page, such as `en-us`: at most 64 characters that XML can carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language(Arc<str>);

impl Language {
    /// The language as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Language {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let fits = text.chars().count() <= LANGUAGE_CHARS_MAX && text.chars().all(is_xml_char);
        if fits {
            Ok(Language(text.into()))
        } else {
            Err(())
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a request points at a resource, before anybody has looked whether it is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// The site.
    Site,
    /// A page, space or folder by its number.
    Page(NodeId),
    /// A page by its title: names from the top of the tree, joined by `/`, in which `_` is as good as a space.
    PageTitled(String),
    /// The page of this title or, if it is not there, the nearest one above it that is.
    PageToBe(String),
    /// A space by its number.
    Space(NodeId),
    /// A folder by its number.
    Folder(NodeId),
    /// A file by its number.
    File(NodeId),
    /// The newest live file of this name on a page.
    FileNamed {
        /// The page: [`Address::Page`] or [`Address::PageTitled`].
        page: Box<Address>,
        /// The file's name.
        name: NodeName,
    },
    /// Whoever asks.
    CurrentUser,
    /// A user by number.
    User(UserId),
    /// A user by name, without regard to case.
    UserNamed(String),
}

impl Address {
    /// The kinds of node that it can mean, and what to say if there is none; `None` if it means no node.
    #[must_use]
    pub fn kinds(&self) -> Option<(&'static [NodeKind], Refusal)> {
        const PAGES: [NodeKind; 3] = [NodeKind::Page, NodeKind::Space, NodeKind::Folder];
        match self {
            Address::Page(_) | Address::PageTitled(_) | Address::PageToBe(_) => {
                Some((&PAGES, Refusal::NoSuchPage))
            }
            Address::Space(_) => Some((&[NodeKind::Space], Refusal::NoSuchSpace)),
            Address::Folder(_) => Some((&[NodeKind::Folder], Refusal::NoSuchFolder)),
            Address::File(_) | Address::FileNamed { .. } => {
                Some((&[NodeKind::File], Refusal::NoSuchFile))
            }
            Address::Site | Address::CurrentUser | Address::User(_) | Address::UserNamed(_) => None,
        }
    }
}

/// A resource that was found at an address, and what the one who asked may do there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What was found.
    pub resource: ResourceId,
    /// What that is, if it is a node of the tree.
    pub kind: Option<NodeKind>,
    /// What the principal may do there.
    pub rights: Rights,
    /// The page it is, or lies on.
    pub page: Option<NodeId>,
    /// What the principal meets there, if it is inside of a space.
    pub space: Option<SpaceGround>,
    /// How many levels of a title lie between what was found and what was asked for: 0 but for [`Address::PageToBe`].
    pub missing: usize,
}

impl Place {
    /// Of a file in a space: the role by which it depends which comments on it are shown.
    #[must_use]
    pub fn reads_comments_as(&self) -> Option<SpaceRole> {
        let ground = self.space.filter(|_| self.kind == Some(NodeKind::File));
        ground?.role
    }

    /// Whether `who`, for whom the place was looked up, may read the content of the file that it is.
    ///
    /// # Errors
    /// [`Refusal::Denied`]
    pub fn allow_content(&self, who: &Principal) -> Result<(), Refusal> {
        if self.space.is_none_or(|ground| ground.may_download()) {
            return self.allow(who, Right::Read);
        }
        let rights = Rights::NONE;
        Place { rights, ..*self }.allow(who, Right::Read)
    }

    /// Whether `who`, for whom the place was looked up, may do this here.
    ///
    /// # Errors
    /// [`Refusal::Denied`]
    pub fn allow(&self, who: &Principal, right: Right) -> Result<(), Refusal> {
        if self.rights.allow(right) {
            return Ok(());
        }
        let page = self.page.filter(|_| self.rights.allow(Right::Browse));
        Err(Refusal::Denied(Box::new(Denied {
            principal: who.clone(),
            required: right,
            allowed: self.rights,
            page,
        })))
    }
}

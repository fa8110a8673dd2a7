//! The vocabulary of a write: a batch of changes, and what came of each.
//!
//! Every write is a [`Batch`], also one that concerns a single property or a file. It carries its own time, principal
//! and randomness, so that deciding it anywhere, any number of times, comes to the same.

use super::{
    AccessList, Charset, Content, Denied, Etag, Extensions, File, FileDescription, Grantee,
    Language, Meaning, MediaType, NameFault, NewNode, NodeId, NodeName, Page, Permissions,
    Principal, PropertyId, PropertyKey, PropertyName, ROOT_FOLDER, ResourceId, Revision, Right,
    Setting, SpaceRole, Timestamp, User, UserId, is_comment,
};
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// Changes that are made together or, if the machine fails, not at all. A change that is refused does not hinder the
/// others, unless the batch says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Who asks for it.
    pub by: Principal,
    /// When.
    pub at: Timestamp,
    on_refusal: OnRefusal,
    changes: Vec<Change>,
}

/// What becomes of a batch one of whose changes is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRefusal {
    /// The others are made.
    Skip,
    /// All of it is refused.
    Refuse,
}

impl Batch {
    /// A batch of these changes.
    ///
    /// # Errors
    /// [`Refusal::RepeatedName`] or [`Refusal::RepeatedNode`] if two changes concern the same property or write the same
    /// node; which of them would count?
    pub fn new(by: Principal, at: Timestamp, changes: Vec<Change>) -> Result<Self, Refusal> {
        if changes.len() > 1 {
            let mut seen = HashSet::with_capacity(changes.len());
            for change in &changes {
                let name = change.edit.property_name();
                if name.is_some_and(|name| !seen.insert((change.resource, name))) {
                    return Err(Refusal::RepeatedName(name.unwrap_or_default().to_owned()));
                }
            }
            let mut seen = HashSet::new();
            for change in &changes {
                if let (Some(key), ResourceId::Node(node)) = (change.edit.node(), change.resource)
                    && !seen.insert((node, key))
                {
                    return Err(Refusal::RepeatedNode(node));
                }
            }
        }
        Ok(Batch {
            by,
            at,
            on_refusal: OnRefusal::Skip,
            changes,
        })
    }

    /// The same, but all or nothing: a change that is refused refuses all of it.
    #[must_use]
    pub fn all_or_nothing(self) -> Self {
        Batch {
            on_refusal: OnRefusal::Refuse,
            ..self
        }
    }

    /// What becomes of it if a change is refused.
    #[must_use]
    pub fn on_refusal(&self) -> OnRefusal {
        self.on_refusal
    }

    /// A batch of one change.
    #[must_use]
    pub fn of_one(by: Principal, at: Timestamp, resource: ResourceId, edit: Edit) -> Self {
        Batch {
            by,
            at,
            on_refusal: OnRefusal::Skip,
            changes: vec![Change { resource, edit }],
        }
    }

    /// The changes, in the order of the request.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
}

/// One item of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What it concerns.
    pub resource: ResourceId,
    /// What to do there.
    pub edit: Edit,
}

/// What to do with one property or one node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Create a property or write its next revision.
    Put(Put),
    /// Delete a property.
    Delete(Delete),
    /// Have a setting of a folder say something: nothing is written if it does already.
    Set(Set),
    /// Nothing: the item was bad by itself. It rides along so that the answer keeps the order of the request.
    Refused {
        /// The name in the request, perhaps not a name at all.
        name: String,
        /// What is wrong with the item.
        refusal: Refusal,
    },
    /// Set the language of a page.
    SetLanguage(Language),
    /// Put a file of this name on a page: the next revision of the newest one there, or a new file.
    Upload(Upload),
    /// Write the next revision of a file.
    Revise {
        /// The new content.
        content: Content,
        /// The new name, if it shall have one.
        rename: Option<NodeName>,
        /// What the request demands of the state.
        demand: Option<Demand>,
    },
    /// Delete a file, or a folder with all that is in it; their properties cannot be reached any more.
    Remove {
        /// What the request demands of the state.
        demand: Option<Demand>,
    },
    /// Write a page, and make it first if it is not there.
    WritePage(WritePage),
    /// Say who may do what on a page; `None`: what is said above it.
    SetPermissions(Option<Permissions>),
    /// Make a space with its first folder.
    AddSpace(NewSpace),
    /// Make a folder in a space or a folder.
    AddFolder(NewNode),
    /// Give a folder another name.
    Rename(NodeName),
    /// Put a new file into a folder, whatever others there are of this name.
    AddFile(AddFile),
    /// Enroll somebody in a space, or say that nobody is enrolled there under this name.
    Enroll(Enroll),
    /// Say who has access to a folder; `None`: what is said above it.
    SetAccess(Option<AccessList>),
}

impl Edit {
    fn property_name(&self) -> Option<&str> {
        match self {
            Edit::Put(put) => Some(put.name.as_str()),
            Edit::Delete(delete) => Some(delete.name.as_str()),
            Edit::Set(set) => Some(set.name.as_str()),
            Edit::Refused { name, .. } => Some(name),
            Edit::SetLanguage(_)
            | Edit::Upload(_)
            | Edit::Revise { .. }
            | Edit::Remove { .. }
            | Edit::WritePage(_)
            | Edit::SetPermissions(_)
            | Edit::AddSpace(_)
            | Edit::AddFolder(_)
            | Edit::Rename(_)
            | Edit::AddFile(_)
            | Edit::Enroll(_)
            | Edit::SetAccess(_) => None,
        }
    }

    /// What it writes a revision of, or deletes: a file of this name on the resource or, with the empty one, that itself.
    fn node(&self) -> Option<&str> {
        match self {
            Edit::Upload(upload) => Some(upload.file.name.as_str()),
            Edit::Revise { .. } | Edit::Remove { .. } | Edit::WritePage(_) | Edit::Rename(_) => {
                Some("")
            }
            Edit::Put(_)
            | Edit::Delete(_)
            | Edit::Set(_)
            | Edit::Refused { .. }
            | Edit::SetLanguage(_)
            | Edit::SetPermissions(_)
            | Edit::AddSpace(_)
            | Edit::AddFolder(_)
            | Edit::AddFile(_)
            | Edit::Enroll(_)
            | Edit::SetAccess(_) => None,
        }
    }

    /// Whether all that it can change are comments.
    fn is_on_comments(&self) -> bool {
        let alias = if let Edit::Delete(delete) = self {
            delete.alias.as_ref().map(PropertyName::as_str)
        } else {
            None
        };
        let is_comment = |name: Option<&str>| name.is_none_or(is_comment);
        self.property_name().is_some() && is_comment(self.property_name()) && is_comment(alias)
    }

    /// What the principal must be allowed to do on the resource; `None` if that depends on what is there.
    #[must_use]
    pub fn right(&self) -> Option<Right> {
        match self {
            Edit::Put(_) | Edit::Delete(_) | Edit::Refused { .. } if self.is_on_comments() => {
                Some(Right::Comment)
            }
            Edit::Put(_)
            | Edit::Delete(_)
            | Edit::Set(_)
            | Edit::Refused { .. }
            | Edit::SetLanguage(_)
            | Edit::Upload(_)
            | Edit::Revise { .. }
            | Edit::Rename(_) => Some(Right::Update),
            Edit::WritePage(_) | Edit::Remove { .. } => None,
            Edit::SetPermissions(_) | Edit::SetAccess(_) => Some(Right::ChangePermissions),
            Edit::AddSpace(_) => Some(Right::Admin),
            Edit::AddFolder(_) => Some(Right::Create),
            Edit::AddFile(_) => Some(Right::Submit),
            Edit::Enroll(_) => Some(Right::Enroll),
        }
    }

    /// The content that the edit brings, if it brings one.
    #[must_use]
    pub fn content(&self) -> Option<&Content> {
        match self {
            Edit::Put(put) => Some(&put.content),
            Edit::Upload(upload) => Some(&upload.content),
            Edit::Revise { content, .. } => Some(content),
            Edit::WritePage(write) => Some(&write.content),
            Edit::AddFile(file) => Some(&file.content),
            Edit::Delete(_)
            | Edit::Set(_)
            | Edit::Refused { .. }
            | Edit::SetLanguage(_)
            | Edit::Remove { .. }
            | Edit::SetPermissions(_)
            | Edit::AddSpace(_)
            | Edit::AddFolder(_)
            | Edit::Rename(_)
            | Edit::Enroll(_)
            | Edit::SetAccess(_) => None,
        }
    }
}

/// Create a property or write its next revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// What it is called.
    pub name: PropertyName,
    /// Its new value.
    pub content: Content,
    /// Why it was changed, in words; empty for no description.
    pub description: String,
    /// What the request demands of the state, over and above the precondition.
    pub demand: Option<Demand>,
    /// What has to be there.
    pub precondition: Precondition,
}

/// Delete a property.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// What it is called.
    pub name: PropertyName,
    /// Another reading of the same request, meant only if nothing is called `name`.
    pub alias: Option<PropertyName>,
    /// What the request demands of the state.
    pub demand: Option<Demand>,
    /// The etag that the head must have, if one was given.
    pub etag: Option<String>,
}

/// Have a setting of a folder say something (`luminus.md` §3): what counts is what it says before and after, so a default
/// that is set where nothing is set changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// Which.
    pub setting: Setting,
    /// The property that it is.
    pub name: PropertyName,
    /// What it shall say; `None`: it shall not be set.
    pub value: Option<Meaning>,
    /// Why it is changed, in words.
    pub description: String,
}

/// Put a file of this name on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    /// The file.
    pub file: NewNode,
    /// What is in it.
    pub content: Content,
    /// What becomes of its description.
    pub description: FileDescription,
    /// What the request demands of the state.
    pub demand: Option<Demand>,
}

/// Write a page (`mindtouch.md` §14).
#[derive(Clone, Debug, PartialEq)]
pub struct WritePage {
    /// The levels from the resource of the change down to the page; empty: it is that page. Those that are not there are
    /// made.
    pub below: Vec<NewNode>,
    /// What is in the page.
    pub content: Content,
    /// Which revision of it the writer has seen.
    pub seen: Option<PageSeen>,
    /// What the request demands of the state.
    pub demand: Option<Demand>,
}

/// Make a space (`dialects-common.md` §1).
#[derive(Clone, Debug, PartialEq)]
pub struct NewSpace {
    /// The space.
    pub space: NewNode,
    /// Its first folder, which stays as long as the space.
    pub root: NewNode,
}

impl NewSpace {
    /// A space of this name, with its first folder.
    #[must_use]
    pub fn named(name: NodeName, [space, root]: [Uuid; 2]) -> Option<Self> {
        Some(NewSpace {
            space: NewNode { name, uuid: space },
            root: NewNode {
                name: ROOT_FOLDER.parse().ok()?,
                uuid: root,
            },
        })
    }
}

/// Put a new file into a folder (`redu.md` §4).
#[derive(Clone, Debug, PartialEq)]
pub struct AddFile {
    /// The file.
    pub file: NewNode,
    /// What is in it.
    pub content: Content,
}

/// Enroll somebody in a space (`dialects-common.md` §5).
#[derive(Clone, Debug, PartialEq)]
pub struct Enroll {
    /// Whom: what is typed to sign in, in any case.
    pub login: String,
    /// As what; `None`: not any more.
    pub role: Option<SpaceRole>,
}

/// Which revision of a page its writer has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSeen {
    /// Any.
    Any,
    /// The one that was written at this moment, to the second.
    At(Timestamp),
}

/// What a put needs to find (`mindtouch.md` §6.2, §6.3, §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Anything or nothing.
    Any,
    /// Nothing of this name.
    Absent,
    /// What the writer last saw: the head with this etag or, with `None`, nothing.
    Seen(Option<String>),
}

/// An explicit demand on the state, such as `If-Match` makes. It is looked at before the precondition, and not meeting
/// it is [`Refusal::Unmet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// There is a head, whatever its etag.
    Present,
    /// There is none.
    Absent,
    /// The head has one of these etags.
    OneOf(Vec<String>),
    /// The head has none of these etags, or there is none.
    NoneOf(Vec<String>),
    /// The head has one of these etags (any, if there are none), and there is none: nothing can meet that.
    Never(Vec<String>),
}

/// A property at one of its revisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Which life of the name this is.
    pub id: PropertyId,
    /// Whose it is, and what it is called.
    pub key: PropertyKey,
    /// Which state this is.
    pub revision: Revision,
    /// The value.
    pub content: Content,
    /// Why it was changed, in words; empty for no description.
    pub description: String,
    /// When this state was written.
    pub modified_at: Timestamp,
    /// By whom.
    pub modified_by: UserId,
}

impl Property {
    /// The etag of this revision.
    #[must_use]
    pub fn etag(&self) -> Etag {
        Etag {
            property: self.id,
            revision: self.revision,
            at: self.modified_at,
        }
    }
}

/// What came of one change.
pub type Outcome = Result<Done, Refusal>;

/// A change that was made.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// A property was created or has a new revision.
    Put(Property),
    /// A property was deleted: its last value, with the revision, time and user of the deletion.
    Deleted(Property),
    /// The language of a page was set.
    LanguageSet,
    /// A file was made or has a new revision.
    Uploaded {
        /// The file.
        file: File,
        /// A property of it, if one was written as well: its description, or that it is late.
        property: Option<Property>,
        /// Whether it was put there by somebody whose role was member or less.
        submitted: bool,
    },
    /// A file or a folder was deleted.
    Removed,
    /// A page, space or folder has a new revision. Those above it that had to be made come before it; a first revision is a new page.
    PageWritten(Vec<Page>),
    /// The permissions of a page were set.
    PermissionsSet,
    /// Somebody was enrolled, or is not any more.
    Enrolled {
        /// Who.
        user: Arc<User>,
        /// As what.
        role: Option<SpaceRole>,
        /// As what before.
        was: Option<SpaceRole>,
    },
    /// It was said who has access to a folder.
    AccessSet,
    /// It was so already.
    Unchanged,
}

/// An expected no. Alone it concerns one change; as the answer to a batch it concerns all of it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such page, space or folder.
    #[error("no such page")]
    NoSuchPage,
    /// There never was such a file.
    #[error("no such file")]
    NoSuchFile,
    /// The file was deleted, or what it lay on.
    #[error("the file has been removed")]
    FileRemoved,
    /// The file has no such revision.
    #[error("no such revision")]
    NoSuchRevision,
    /// There is no such folder.
    #[error("no such folder")]
    NoSuchFolder,
    /// There is no such space.
    #[error("no such space")]
    NoSuchSpace,
    /// The first folder of a space stays as long as the space.
    #[error("the first folder of a space cannot be deleted")]
    RootFolder,
    /// A folder would lie deeper than folders may.
    #[error("folders have at most {max} levels")]
    TooDeep {
        /// How many levels there may be.
        max: usize,
    },
    /// The folder takes other files of its members.
    #[error("the folder takes only files of these types: {0}")]
    FileType(Extensions),
    /// Nobody of this name is enrolled in the space.
    #[error("'{0}' is not enrolled in the space")]
    NotEnrolled(String),
    /// There is no account that somebody signs in with so.
    #[error("there is no user '{0}'")]
    NoSuchLogin(String),
    /// Nobody gives a role that is above the own one.
    #[error("only somebody with a higher role can give the role {}", .0.name())]
    RoleAboveOwn(SpaceRole),
    /// An access list names somebody twice.
    #[error("{0} stands in the list twice")]
    RepeatedGrantee(Grantee),
    /// Two changes of a batch concern the same page, folder or file.
    #[error("node {0} is changed twice")]
    RepeatedNode(NodeId),
    /// Access cannot follow from there.
    #[error(
        "access follows only from a folder or the space itself in the same space, and not in a circle"
    )]
    BadInheritance,
    /// There is no such user.
    #[error("no such user")]
    NoSuchUser,
    /// The principal has not the right.
    #[error("{} is needed", .0.required.name())]
    Denied(Box<Denied>),
    /// A batch has two changes of one property.
    #[error("the property '{0}' is changed twice")]
    RepeatedName(String),
    /// There is no property of this name.
    #[error("no property '{0}'")]
    NoSuchProperty(String),
    /// There is one already, and there should be none.
    #[error("a property '{0}' exists")]
    PropertyExists(PropertyName),
    /// The etag is not the head's.
    #[error("the etag '{given}' of property {property} is stale")]
    Stale {
        /// The etag that was given; empty if none was.
        given: String,
        /// The property that is there.
        property: PropertyId,
    },
    /// The page or the file is not at the revision that the request demands.
    #[error("it is at the revision '{etag}'")]
    StaleNode {
        /// The etag that it has.
        etag: String,
    },
    /// An etag was given, and no property is there.
    #[error("an etag was given, and nothing is there")]
    UnexpectedEtag,
    /// A [`Demand`] was not met; inside is what was found instead.
    #[error("not as demanded: {0}")]
    Unmet(Box<Refusal>),
    /// Another file on the page has this name.
    #[error("a file '{0}' exists")]
    FileNameTaken(NodeName),
    /// Another account has this name.
    #[error("a user '{0}' exists")]
    UserNameTaken(String),
    /// The account was disabled.
    #[error("the account '{0}' is disabled")]
    AccountDisabled(String),
    /// The password of the account has changed since it was shown.
    #[error("the password has changed")]
    PasswordChanged,
    /// The role and the state of this account never change.
    #[error("the account '{0}' stays as it is")]
    FixedAccount(String),
    /// More pages are meant than an answer may have.
    #[error("more than {max} pages")]
    TooManyPages {
        /// How many it may have.
        max: usize,
    },
    /// The path of a page is too long to be told with each of its files.
    #[error("the path is too long to be told with each of {files} files")]
    LongPaths {
        /// How many files there are.
        files: usize,
    },
    /// What people have written at length is too much for one answer.
    #[error("the paths, settings and comments in it are too long for one answer: ask for less")]
    LongAnswer,
    /// Another group has this name.
    #[error("a group '{0}' exists")]
    GroupNameTaken(String),
    /// There is no such group.
    #[error("no such group")]
    NoSuchGroup,
    /// The request names a user or a group that is not there.
    #[error("there is no {0}")]
    NoSuchGrantee(Grantee),
    /// The page is not at the revision that its writer has seen, or nothing was said of what was seen.
    #[error("the page was written at another time")]
    PageChanged {
        /// When it was last written; `None`: it is not there.
        last: Option<Timestamp>,
    },
    /// The item is bad by itself, whatever is stored.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// What is wrong with an item by itself.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// Its name is not a name.
    #[error("{0}")]
    Name(#[from] NameFault),
    /// Its media type is none.
    #[error("'{given}' is not a media type")]
    MediaType {
        /// The property.
        property: String,
        /// What was given; empty if nothing was.
        given: String,
    },
    /// A batch carries text, and this type is not text.
    #[error("'{0}' is not a text type")]
    NotText(MediaType),
    /// Text cannot be kept in the charset that the type names.
    #[error("text cannot be kept as '{0}'")]
    Charset(MediaType),
    /// The text has characters which the named charset has not.
    #[error("the text does not fit into {0:?}")]
    Unencodable(Charset),
    /// The value is too large.
    #[error("a value has at most {max} bytes")]
    ValueTooLarge {
        /// How many bytes it may have.
        max: u64,
    },
    /// It is a setting, and its value has not the form that it has to have.
    #[error("'{property}' is a setting: {what}")]
    Setting {
        /// The property.
        property: String,
        /// What its value has to be.
        what: String,
    },
    /// The description is too long.
    #[error("a description has at most {max} characters")]
    DescriptionTooLong {
        /// How many characters it may have.
        max: usize,
    },
    /// The description has a character that XML cannot carry.
    #[error("a description must not contain the character U+{:04X}", u32::from(*.0))]
    DescriptionCharacter(char),
}

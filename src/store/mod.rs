//! Where state lives: what every store does, and the words for how it can fail.
//!
//! A store knows no HTTP and no dialect. It promises what `promises.md` §1.1 and §1.2 ask: a [`Ticket`] of a write is
//! answered only when the write is durable; a read is one snapshot; writes happen one after another.

#[cfg(test)]
mod contract;
mod memory;
mod sqlite;

pub use memory::Memory;
pub use sqlite::{Checked, OpenError, Sqlite, SqliteOptions, check};

use crate::model::{
    Access, Address, Batch, Caller, Comments, ContentId, Details, Entries, File, FileHistory,
    FileView, FoundPage, Group, GroupId, Language, ListQuery, Listing, Member, NameFilter, Named,
    NodeId, NodeKind, Outcome, PageSearch, PageView, Permissions, Place, Principal, Property,
    PropertyKey, PropertyName, Refusal, ResourceId, Revision, Role, SHOWN_BYTES, Timestamp,
    TreeSearch, User, UserChange, UserId, Uuids,
};
use bytes::Bytes;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use uuid::Uuid;

/// How many bytes a piece of a stored content has; the last one may have fewer.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// The most bytes of a content that are kept in the row of what it belongs to.
pub const INLINE_BYTES_MAX: u64 = 4096;

/// Where resources, properties, contents and accounts are kept.
///
/// Rights are looked at again where it is answered: to read in the transaction that reads, to write in the one that writes,
/// there by the account as it is by then. Each call returns at once; what it returns is answered later. Dropping a [`Ticket`] does not take a write back.
pub trait Store: Send + Sync {
    /// Decides a batch and makes its changes, all in one transaction. Answers when they are durable.
    ///
    /// A refusal of the whole batch is [`StoreError::Refused`]; then nothing was written.
    fn write(&self, batch: Batch) -> Ticket<Vec<Outcome>>;

    /// Finds the resource at an address and what the principal may do there.
    fn locate(&self, caller: &Caller, address: Address) -> Ticket<Place>;

    /// The live properties of a resource, in the order of their creation.
    fn list(&self, caller: &Caller, query: ListQuery) -> Ticket<Listing>;

    /// One property with its content, by its name or, if there is none of this name, by the alias.
    fn read(
        &self,
        caller: &Caller,
        key: PropertyKey,
        alias: Option<PropertyName>,
    ) -> Ticket<Property>;

    /// A file at its newest or another revision, for somebody who may read its content.
    fn file(&self, caller: &Caller, id: NodeId, revision: Option<Revision>) -> Ticket<File>;

    /// The same with where it lies and with its properties.
    fn file_view(
        &self,
        caller: &Caller,
        id: NodeId,
        revision: Option<Revision>,
    ) -> Ticket<FileView>;

    /// All revisions of a file, with what is known of it now.
    fn file_history(&self, caller: &Caller, id: NodeId) -> Ticket<FileHistory>;

    /// The live files on a page or in a folder that the principal may see, by number, each as [`Store::file_view`] has it.
    /// [`Refusal::LongPaths`] if they are too many for their path.
    fn files_on(&self, caller: &Caller, page: NodeId) -> Ticket<Vec<FileView>>;

    /// A page, space or folder at its newest revision, and where it lies.
    fn page(&self, caller: &Caller, id: NodeId) -> Ticket<PageView>;

    /// Who may do what on a page: what is said there or, if nothing is, above it.
    fn permissions(&self, page: NodeId) -> Ticket<Permissions>;

    /// The pages that have a property of such a name and that the principal may see, by number.
    /// [`Refusal::TooManyPages`] if they are too many, or their paths too long, for one answer.
    fn pages_with(&self, caller: &Caller, search: PageSearch) -> Ticket<Vec<FoundPage>>;

    /// A space, folder or file.
    fn entry(&self, caller: &Caller, id: NodeId) -> Ticket<Entries>;

    /// The folders or the files that lie in a space or a folder and that the principal may see: folders by number, files
    /// in the order that the folder says.
    fn entries(&self, caller: &Caller, of: NodeId, kind: NodeKind) -> Ticket<Entries>;

    /// What names in other systems mean. A node may have been deleted.
    fn named(&self, uuids: Uuids) -> Ticket<Named>;

    /// Folders and files inside of spaces with all that is known of them, in the order in which they are asked for.
    /// [`Refusal::NoSuchFolder`] if one of them is not there; else [`Refusal::Denied`] if the principal may not see one;
    /// [`Refusal::LongAnswer`] if that is too much for one answer.
    fn details(&self, caller: &Caller, ids: Vec<NodeId>, comments: Comments) -> Ticket<Details>;

    /// What lies below a folder or a space, has a text, and is visible to the principal, in the order of
    /// [`Details::sort`]. [`Refusal::NoSuchFolder`] if there is no such folder or space, [`Refusal::LongAnswer`] if that is too
    /// much for one answer.
    fn search(&self, caller: &Caller, search: TreeSearch) -> Ticket<Details>;

    /// The secret with which links are signed: made with the store, and the same ever after.
    fn link_key(&self) -> Ticket<[u8; 32]>;

    /// Begins a content that will come in pieces.
    fn stage(&self, at: Timestamp) -> Ticket<ContentId>;

    /// Adds the piece `seq` to a content that was begun. Every piece but the last has [`CHUNK_BYTES`].
    fn append(&self, content: ContentId, seq: u32, bytes: Bytes) -> Ticket<()>;

    /// Forgets a content that was begun, unless a batch has made it visible.
    fn discard(&self, content: ContentId) -> Ticket<()>;

    /// The piece `seq` of a content.
    fn chunk(&self, content: ContentId, seq: u32) -> Ticket<Bytes>;

    /// The account of this name, without regard to case, with its password hash.
    fn account(&self, name: &str) -> Ticket<Option<Account>>;

    /// The account of this number.
    fn user(&self, id: UserId) -> Ticket<Arc<User>>;

    /// All accounts, by number.
    fn users(&self) -> Ticket<Vec<Arc<User>>>;

    /// Makes an account. [`Refusal::UserNameTaken`] if its name is taken.
    fn add_account(&self, by: &Principal, account: NewAccount) -> Ticket<Arc<User>>;

    /// Changes what is known of an account.
    fn change_user(&self, by: &Principal, user: UserId, change: UserChange) -> Ticket<Arc<User>>;

    /// The group of this number. One of a space is for those who may read there.
    fn group(&self, caller: &Caller, id: GroupId) -> Ticket<Group>;

    /// All groups, by number.
    fn groups(&self) -> Ticket<Vec<Group>>;

    /// Makes a group. [`Refusal::GroupNameTaken`] if it is for the whole site and its name is taken there,
    /// [`Refusal::NoSuchGrantee`] or [`Refusal::NoSuchLogin`] if one of its members is not there.
    fn add_group(&self, by: &Principal, group: NewGroup) -> Ticket<Group>;

    /// Says who is in a group. [`Refusal::NoSuchGrantee`] if one of them is not there.
    fn set_members(&self, by: &Principal, group: GroupId, members: Vec<UserId>) -> Ticket<Group>;

    /// Replaces the password of an account and ends all its tokens.
    fn set_password(&self, by: &Principal, user: UserId, password: String) -> Ticket<()>;

    /// Remembers a token of the principal by its hash, and forgets those that have expired at `now`.
    /// [`Refusal::PasswordChanged`] if that has happened since the principal showed it.
    fn add_token(&self, by: &Principal, token: NewToken, now: Timestamp) -> Ticket<()>;

    /// The account of a token that has not expired at `now`, and when it will.
    fn token(&self, hash: [u8; 32], now: Timestamp) -> Ticket<Option<(Arc<User>, Timestamp)>>;

    /// Waits for what was accepted, then closes. Every call after it fails with [`StoreError::Closed`].
    fn close(&self);
}

/// What a new store begins with.
pub struct Setup {
    /// The password of `admin`: Argon2id as a PHC string.
    pub admin_password: String,
    /// The secret with which links are signed: random bytes.
    pub link_key: [u8; 32],
    /// When it is made.
    pub at: Timestamp,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// An account with its secret.
#[derive(Clone, Debug)]
pub struct Account {
    /// The account.
    pub user: Arc<User>,
    /// Argon2id as a PHC string; `None`: nobody can sign in.
    pub password: Option<String>,
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// What its owner signs in with.
    pub name: String,
    /// The owner's name.
    pub full_name: String,
    /// The owner's address.
    pub email: Option<String>,
    /// The owner's number at a school.
    pub matric_no: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Whether it may be used.
    pub access: Access,
    /// Argon2id as a PHC string.
    pub password: String,
    /// Its name in all other systems.
    pub uuid: Uuid,
    /// When it is made.
    pub at: Timestamp,
}

/// A group to be made.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// The space that it belongs to; `None`: the whole site.
    pub space: Option<NodeId>,
    /// What it is called.
    pub name: String,
    /// Who is in it.
    pub members: Vec<Member>,
    /// Its name in all other systems.
    pub uuid: Uuid,
    /// When it is made.
    pub at: Timestamp,
}

/// A token to be remembered.
#[derive(Clone, Copy, Debug)]
pub struct NewToken {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Until when.
    pub expires_at: Timestamp,
}

/// The form of a user name in which two names are the same: lower case.
fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An expected no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// More is waiting than may wait.
    #[error("too much is waiting to be written")]
    Overloaded,
    /// Another process holds the database for too long.
    #[error("the database is locked by another process")]
    Busy,
    /// There is no room on the disk.
    #[error("the disk is full")]
    Full,
    /// The disk takes no writes: it is failing, or has become read-only.
    #[error("the disk cannot be written")]
    Unwritable(#[source] Box<dyn Error + Send + Sync>),
    /// The store was closed, or its writer has died.
    #[error("the store is closed")]
    Closed,
    /// What is stored cannot be: somebody else wrote to the database, or the disk is failing.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// Something else failed.
    #[error("the database failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// An answer that is on its way, or there already.
#[must_use = "nobody sees the answer of a ticket that is not awaited"]
pub struct Ticket<T>(State<T>);

enum State<T> {
    /// Nothing has begun; `None` once it has.
    Later(Option<Box<dyn FnOnce() -> Ticket<T> + Send>>),
    Waiting(oneshot::Receiver<Result<T, StoreError>>),
    /// `None` once it was taken.
    Ready(Option<Result<T, StoreError>>),
}

impl<T> Ticket<T> {
    /// A ticket, and what answers it.
    fn new() -> (oneshot::Sender<Result<T, StoreError>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Ticket(State::Waiting(receiver)))
    }

    /// A ticket that is answered already.
    fn ready(result: Result<T, StoreError>) -> Self {
        Ticket(State::Ready(Some(result)))
    }

    /// A ticket for something long, which begins when it is first asked for.
    fn later(begin: impl FnOnce() -> Ticket<T> + Send + 'static) -> Self {
        Ticket(State::Later(Some(Box::new(begin))))
    }

    /// Whether what is asked for is long and has not begun: its answer may take much memory.
    #[must_use]
    pub fn is_long(&self) -> bool {
        matches!(self.0, State::Later(_))
    }
}

impl<T> std::fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            State::Later(_) => "Later",
            State::Waiting(_) => "Waiting",
            State::Ready(_) => "Ready",
        })
    }
}

/// What is answered is never pinned.
impl<T> Unpin for Ticket<T> {}

impl<T> Future for Ticket<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Later(begin) = &mut self.0 {
            *self = begin
                .take()
                .map_or_else(|| Ticket::ready(Err(StoreError::Closed)), |begin| begin());
        }
        match &mut self.0 {
            State::Later(_) => Poll::Ready(Err(StoreError::Closed)),
            State::Waiting(receiver) => {
                let answer = Pin::new(receiver).poll(context);
                answer.map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
            }
            State::Ready(result) => Poll::Ready(result.take().unwrap_or(Err(StoreError::Closed))),
        }
    }
}

/// The language of a page for which nobody set one.
fn language_of(set: Option<&Language>) -> Option<Language> {
    set.cloned().or_else(|| "en-us".parse().ok())
}

/// How the properties of a file are listed inside the answer about the file.
fn embedded(resource: ResourceId) -> ListQuery {
    ListQuery {
        resource,
        names: NameFilter::All,
        cutoff: SHOWN_BYTES,
    }
}

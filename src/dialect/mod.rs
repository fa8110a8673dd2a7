//! Protocols: each is a folder of pure functions from the bytes of a request to a [`Call`] on the store, and from what
//! the store says to an answer.
//!
//! A dialect does no I/O and knows no store; it needs no runtime to be tested. It reads a request in two steps, because
//! much has to be refused before the body is read: the head becomes a [`Plan`], and the plan's [`Finish`] turns the body
//! into a [`Call`]. The call carries the closure that will say its answer, so an answer cannot meet the wrong question.

mod contents;
mod link;
mod luminus;
mod mindtouch;
mod redu;
mod sign_in;

pub use link::LinkKey;

use crate::config::{Limits, Privacy};
use crate::fault::Fault;
#[cfg(doc)]
use crate::http::AnswerBody;
use crate::http::{Answer, Head};
use crate::model::{
    Access, Address, Batch, Body, Content, Details, Entries, Entry, File, FileHistory, FileView,
    FoundPage, Group, GroupId, ListQuery, Listing, Member, Named, NodeId, NodeKind, Outcome,
    PageSearch, PageView, Permissions, Place, Principal, Property, PropertyKey, PropertyName,
    Revision, Right, Role, Timestamp, TreeSearch, User, UserChange, UserId, Users, Uuids,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;

/// All dialects. The first one that claims a path answers it; the last one claims every path.
pub static DIALECTS: [&dyn Dialect; 3] = [&redu::Redu, &luminus::Luminus, &mindtouch::MindTouch];

/// One protocol.
pub trait Dialect: Sync {
    /// What it is called in the log.
    fn name(&self) -> &'static str;

    /// Whether a path belongs to it.
    fn claims(&self, path: &str) -> bool;

    /// Reads the head of a request.
    ///
    /// # Errors
    /// A [`Fault`] that comes before all others: there is no such path, or not for this verb.
    fn plan(&self, head: &Arc<Head>, limits: &Limits) -> Result<Plan, Fault>;

    /// Says why a request failed.
    fn fault(&self, head: &Head, base: &str, fault: &Fault) -> Answer;

    /// Gives an answer, a fault or not, the form that the request asks for, and what every answer has. No
    /// [`AnswerBody::Document`] is left.
    fn shape(&self, head: &Head, answer: Answer) -> Answer;
}

/// What the head of a request says has to be done.
pub struct Plan {
    /// The verb that is meant; of a `HEAD` the body of the answer is left out.
    pub method: Method,
    /// Who asks.
    pub credentials: Credentials,
    /// What the request is about, if it is about a resource.
    pub address: Result<Option<Address>, Fault>,
    /// What the one who asks must be allowed to do there.
    pub need: Need,
    /// What is to be done with the body.
    pub body: BodyPlan,
    /// What comes after that; or what is wrong with the parameters.
    pub finish: Result<Finish, Fault>,
}

/// Turns the body of a request into a call.
pub type Finish = Box<dyn FnOnce(Context, Payload) -> Result<Call, Fault> + Send>;

/// What a request says of who sends it. A token that is good counts first, then the name and the password.
#[derive(Debug, Default)]
pub struct Credentials {
    /// Tokens, and whether each came as a cookie: the first that is good counts.
    pub tokens: Vec<(String, TokenSource)>,
    /// A name and a password; or they cannot be read.
    pub basic: Option<Result<NamePassword, Fault>>,
    /// What may be the key of the site. A wrong one is passed over.
    pub api_key: Option<String>,
    /// Whether a page of another site could read the answer: then it is refused as a write would be.
    pub is_script: bool,
    /// Whether the request asks to fail if nobody is signed in.
    pub required: bool,
}

/// A name and a password.
pub struct NamePassword {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for NamePassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamePassword")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Where a token came from. A browser sends cookies by itself, also for a page of another site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// A cookie.
    Cookie,
    /// Something that whoever sent the request put there.
    Explicit,
}

/// What the one who asks must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anybody.
    Nothing,
    /// Somebody who signed in.
    SignedIn,
    /// Somebody who has this right on the resource.
    Right(Right),
    /// Somebody who may read the page at the address, or say who may do what there.
    Permissions,
    /// Somebody who has this right there by a role in a space; outside of spaces, an administrator of the site.
    Inside(Right),
    /// Somebody who may write properties there, be it only comments.
    Properties,
    /// Somebody who may write the page at the address or, if it is not there, make one on the nearest one above.
    PageWriting,
}

/// What is to be done with the body of a request.
#[derive(Debug)]
pub enum BodyPlan {
    /// It means nothing.
    Ignore,
    /// It is gathered whole.
    Whole {
        /// The most bytes it may have.
        bytes_max: u64,
        /// What to say if it has more.
        too_large: String,
        /// What is wrong with its media type, if there is a body at all.
        wrong_type: Option<Fault>,
    },
    /// It is a content: a short one is gathered, a long one goes to the store in pieces.
    Content {
        /// The most bytes it may have.
        bytes_max: u64,
        /// What to say if it has more.
        too_large: String,
    },
    /// It is a form of several parts, and the first one that is wanted is a content. The request has to say its length.
    Part {
        /// What stands between the parts; or what is wrong with the media type.
        boundary: Result<String, Fault>,
        /// Whether a part with this head is the one.
        is_wanted: fn(&HeaderMap) -> bool,
        /// The most bytes that the content may have.
        bytes_max: u64,
        /// What to say if it has more.
        too_large: String,
    },
}

/// What a request is answered with, apart from what it says itself.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who asks.
    pub principal: Principal,
    /// When.
    pub at: Timestamp,
    /// The resource at the plan's address, and what the principal may do there.
    pub place: Option<Place>,
    /// What all links begin with, as `http://wiki.example:8081`.
    pub base: Arc<str>,
    /// What of an account the one who asks gets to see.
    pub privacy: Privacy,
    /// A random number of this process, from which the names of new nodes follow.
    pub seed: Uuid,
    /// With what links are signed.
    pub links: Arc<LinkKey>,
    /// The number of the request.
    pub request: u64,
}

impl Context {
    /// The resource that was asked for.
    ///
    /// # Errors
    /// None, if the plan had an address: then the resource was found.
    pub fn place(&self) -> Result<Place, Fault> {
        self.place.ok_or_else(|| self.impossible())
    }

    /// A name that no node has yet.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuids(1).pop().unwrap_or_default()
    }

    /// So many names that no node has yet: all follow from the number of the request and a random one of the process, for
    /// others cost a call into the kernel each.
    #[must_use]
    pub fn uuids(&self, count: usize) -> Vec<Uuid> {
        let nth = |number: usize| {
            let mut hash = Sha256::new_with_prefix(self.seed);
            hash.update(self.request.to_be_bytes());
            hash.update(number.to_be_bytes());
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&hash.finalize()[..16]);
            uuid::Builder::from_random_bytes(bytes).into_uuid()
        };
        (0..count).map(nth).collect()
    }

    /// What to say if the store answered what cannot be an answer.
    #[must_use]
    pub fn impossible(&self) -> Fault {
        Fault::Internal(self.request)
    }
}

/// The body of a request, dealt with as planned.
#[derive(Debug)]
pub enum Payload {
    /// Nothing that means anything.
    Nothing,
    /// All of it.
    Whole(Bytes),
    /// A content of this many bytes.
    Content {
        /// The bytes, or where they lie.
        body: Body,
        /// How many.
        size: u64,
    },
    /// The part of a form that was wanted; `None`: there was none.
    Part(Option<Part>),
}

impl Payload {
    /// A body that was gathered whole; nothing if it was planned otherwise.
    #[must_use]
    pub fn whole(self) -> Bytes {
        match self {
            Payload::Whole(bytes) => bytes,
            Payload::Nothing | Payload::Content { .. } | Payload::Part(_) => Bytes::new(),
        }
    }
}

/// A part of a form.
#[derive(Debug)]
pub struct Part {
    /// Its head.
    pub headers: HeaderMap,
    /// The bytes, or where they lie.
    pub body: Body,
    /// How many.
    pub size: u64,
}

/// Says what the answer is, or what else has to be asked first.
pub type Reply<T> = Box<dyn FnOnce(T) -> Result<Next, Fault> + Send>;

/// What follows a call.
pub enum Next {
    /// The answer.
    Say(Answer),
    /// Another call.
    Ask(Call),
}

/// What to ask, and how to say the answer.
pub enum Call {
    /// Nothing: the answer is known.
    Say(Answer),
    /// To make a batch of changes.
    Write {
        /// The batch.
        batch: Batch,
        /// Says what came of each change.
        reply: Reply<Vec<Outcome>>,
    },
    /// For the properties of a resource.
    List {
        /// Which.
        query: ListQuery,
        /// Says them.
        reply: Reply<Listing>,
    },
    /// For one property.
    Read {
        /// Which.
        key: PropertyKey,
        /// What it may be called as well.
        alias: Option<PropertyName>,
        /// Says it.
        reply: Reply<Property>,
    },
    /// For all bytes of a content.
    Gather {
        /// Which.
        content: Content,
        /// Says them.
        reply: Reply<Bytes>,
    },
    /// For a file.
    File {
        /// Which.
        id: NodeId,
        /// At which revision, if not at the newest.
        revision: Option<Revision>,
        /// Says it.
        reply: Reply<File>,
    },
    /// For a file, where it lies, and its properties.
    FileView {
        /// Which.
        id: NodeId,
        /// At which revision, if not at the newest.
        revision: Option<Revision>,
        /// Says it.
        reply: Reply<FileView>,
    },
    /// For the files on a page.
    FilesOn {
        /// Which.
        page: NodeId,
        /// Says them.
        reply: Reply<Vec<FileView>>,
    },
    /// For all revisions of a file.
    FileHistory {
        /// Which.
        id: NodeId,
        /// Says them.
        reply: Reply<FileHistory>,
    },
    /// For a page.
    Page {
        /// Which.
        id: NodeId,
        /// Says it.
        reply: Reply<PageView>,
    },
    /// Who may do what on a page.
    Permissions {
        /// Which.
        page: NodeId,
        /// Says it.
        reply: Reply<Permissions>,
    },
    /// For the pages that have a property of such a name and that the principal may see.
    PagesWith {
        /// Which.
        search: PageSearch,
        /// Says them.
        reply: Reply<Vec<FoundPage>>,
    },
    /// About accounts and groups.
    People(People),
    /// To find a resource only now, after the body was read, and ask for what somebody must be there.
    Locate {
        /// Where.
        address: Address,
        /// What the one who asks must be.
        need: Need,
        /// Goes on.
        reply: Reply<Place>,
    },
    /// For a space, folder or file.
    Entry {
        /// Which.
        id: NodeId,
        /// Says it.
        reply: Reply<Shown>,
    },
    /// For the folders or the files in a space or a folder.
    Entries {
        /// Which space or folder.
        of: NodeId,
        /// Folders or files.
        kind: NodeKind,
        /// Says them.
        reply: Reply<Entries>,
    },
    /// About folders and files in detail.
    Detailed(Detailed),
    /// For a file that is shown to whoever has a link; the reply looks at the link.
    Linked {
        /// Which.
        id: NodeId,
        /// Says it.
        reply: Reply<Shown>,
    },
}

/// What to ask about folders and files in detail, and how to say the answer.
pub enum Detailed {
    /// What names in other systems mean.
    Named {
        /// The names.
        uuids: Uuids,
        /// Goes on.
        reply: Reply<Named>,
    },
    /// For folders with all that is known of them, for whoever asks.
    Details {
        /// Which.
        ids: Vec<NodeId>,
        /// Says them.
        reply: Reply<Details>,
    },
    /// For folders that have just been written, with all that is known of them: for the sake of the write, since whoever
    /// made it may have given up the right to see them.
    Written {
        /// Which.
        ids: Vec<NodeId>,
        /// Says them.
        reply: Reply<Details>,
    },
    /// For the folders and files below another one that have a text.
    Search {
        /// Which.
        search: TreeSearch,
        /// Says them.
        reply: Reply<Details>,
    },
}

/// What to ask about accounts and groups, and how to say the answer.
pub enum People {
    /// For an account.
    User {
        /// Which.
        id: UserId,
        /// Says it.
        reply: Reply<Arc<User>>,
    },
    /// For all accounts.
    Users {
        /// Says them.
        reply: Reply<Vec<Arc<User>>>,
    },
    /// For these accounts.
    Members {
        /// Which.
        ids: Vec<UserId>,
        /// Says them.
        reply: Reply<Vec<Arc<User>>>,
    },
    /// To make an account.
    AddUser {
        /// The account.
        user: NewUser,
        /// Says what it has become.
        reply: Reply<Arc<User>>,
    },
    /// To change what is known of an account.
    ChangeUser {
        /// Whose.
        id: UserId,
        /// What to change.
        change: UserChange,
        /// Says what it has become.
        reply: Reply<Arc<User>>,
    },
    /// For a group.
    Group {
        /// Which.
        id: GroupId,
        /// Says it.
        reply: Reply<Group>,
    },
    /// For all groups.
    Groups {
        /// Says them.
        reply: Reply<Vec<Group>>,
    },
    /// To make a group.
    AddGroup {
        /// The space that it is for; `None`: the whole site.
        space: Option<NodeId>,
        /// What it is called.
        name: String,
        /// Who is in it.
        members: Vec<Member>,
        /// Says what it has become.
        reply: Reply<Group>,
    },
    /// To say who is in a group.
    SetMembers {
        /// Which.
        id: GroupId,
        /// Who.
        members: Vec<UserId>,
        /// Says what it has become.
        reply: Reply<Group>,
    },
    /// To give an account another password.
    SetPassword {
        /// Whose.
        user: UserId,
        /// The password that it has, if that has to be shown.
        current: Option<String>,
        /// The password that it gets.
        password: String,
        /// Says that it is done.
        reply: Reply<()>,
    },
    /// For a token that stands for whoever asks.
    IssueToken {
        /// Says it.
        reply: Reply<IssuedToken>,
    },
}

/// A space, folder or file.
#[derive(Debug)]
pub struct Shown {
    /// What it is.
    pub entry: Entry,
    /// Who made it.
    pub users: Users,
}

/// The header fields that an answer has for the sake of a fault, besides those that each dialect says in its own way.
fn with_fault(answer: Answer, fault: &Fault) -> Answer {
    let answer = if let Fault::RangeNotSatisfiable { size } = fault {
        answer.with(header::CONTENT_RANGE, format!("bytes */{size}"))
    } else {
        answer
    };
    match fault.retry_secs() {
        Some(secs) => answer.with(header::RETRY_AFTER, secs.to_string()),
        None => answer,
    }
}

/// An answer that nobody keeps, unless it says otherwise.
fn not_stored(mut answer: Answer) -> Answer {
    let headers = &mut answer.headers;
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// An account to be made.
#[derive(Debug)]
pub struct NewUser {
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
    /// What its owner signs in with.
    pub password: String,
}

/// A token that was just made.
pub struct IssuedToken {
    /// The token.
    pub token: String,
    /// For how many seconds it is good.
    pub max_age_secs: u64,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Call::Say(_) => "Say",
            Call::Write { .. } => "Write",
            Call::List { .. } => "List",
            Call::Read { .. } => "Read",
            Call::Gather { .. } => "Gather",
            Call::File { .. } => "File",
            Call::FileView { .. } => "FileView",
            Call::FilesOn { .. } => "FilesOn",
            Call::FileHistory { .. } => "FileHistory",
            Call::Page { .. } => "Page",
            Call::Permissions { .. } => "Permissions",
            Call::PagesWith { .. } => "PagesWith",
            Call::People(_) => "People",
            Call::Locate { .. } => "Locate",
            Call::Entry { .. } => "Entry",
            Call::Entries { .. } => "Entries",
            Call::Detailed(_) => "Detailed",
            Call::Linked { .. } => "Linked",
        })
    }
}

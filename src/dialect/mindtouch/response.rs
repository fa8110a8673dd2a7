//! What came of a request becomes XML, element by element in the order of `mindtouch.md` §5 and §13.

use super::names::{Encoded, once_encoded};
use super::status::{Manner, of_refusal, title};
use crate::config::{Addresses, EmailHash};
use crate::dialect::Context;
use crate::model::{
    Access, Change, DESCRIPTION_PROPERTY, Delete, Done, Edit, File, FileHistory, FileView,
    FoundPage, Grant, Grantee, Group, Listing, Node, NodeId, NodeKind, Outcome, PageView,
    Permissions, Property, PropertyName, Put, Refusal, ResourceId, Revision, SHOWN_BYTES,
    Timestamp, User, UserId, Users,
};
use crate::xml::{Writer, escaped_attribute, inside};
use http::StatusCode;
use md5::{Digest, Md5};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// About how many bytes the block of a property has, to reserve them at once.
const BLOCK_BYTES: usize = 640;

/// The links of an answer: below one base, and about one owner of properties.
#[derive(Clone, Debug)]
pub(super) struct Links {
    /// Where the properties of the owner are.
    properties: String,
}

/// Which kind of owner a link names: a page, space or folder is `pages/{id}`, a file is `files/{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnerKind {
    Site,
    Page,
    File,
    User,
}

impl Links {
    pub(super) fn new(context: &Context, kind: OwnerKind, resource: ResourceId) -> Self {
        let number = resource.key().unsigned_abs();
        let owner = match kind {
            OwnerKind::Site => "site".to_owned(),
            OwnerKind::Page => format!("pages/{number}"),
            OwnerKind::File => format!("files/{number}"),
            OwnerKind::User => format!("users/{number}"),
        };
        let base = &context.base;
        Links {
            properties: format!("{base}/@api/deki/{owner}/properties"),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Adding to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// The people that an answer names. What is said of each is written once and then copied, since a list names the same
/// few again and again.
struct People<'a> {
    context: &'a Context,
    users: &'a Users,
    written: BTreeMap<UserId, String>,
}

impl<'a> People<'a> {
    fn new(context: &'a Context, users: &'a Users) -> Self {
        People {
            context,
            users,
            written: BTreeMap::new(),
        }
    }

    /// `<user.modified>` and its like; nothing if the user no longer exists.
    fn write(&mut self, xml: &mut Writer, element: &str, id: UserId) {
        let Some(user) = self.users.get(&id) else {
            return;
        };
        let context = self.context;
        let inside = self.written.entry(id).or_insert_with(|| {
            inside(|xml| {
                let href = format_args!("{}/@api/deki/users/{id}", context.base);
                xml.attribute("id", id).attribute("href", href);
                user_children(xml, user, context);
            })
        });
        xml.element_with(element, inside);
    }
}

/// Who a user is (`mindtouch.md` §5.2). The address is shown to the user alone, unless the settings or the key of the
/// site say otherwise.
fn user_children(xml: &mut Writer, user: &User, context: &Context) {
    xml.element("nick", &user.name)
        .element("username", &user.name)
        .element("fullname", &user.full_name);
    let email = user.email.as_deref();
    if context.principal.id() == user.id || context.privacy.addresses == Addresses::Shown {
        xml.element("email", email.unwrap_or_default());
    } else {
        xml.start("email").attribute("hidden", "true").end("email");
    }
    if let Some(email) = email {
        let email = email.trim().to_lowercase();
        let hash = match context.privacy.email_hash {
            EmailHash::Md5 => hex(&Md5::digest(email)),
            EmailHash::Sha256 => hex(&Sha256::digest(email)),
            EmailHash::Off => String::new(),
        };
        let picture = if hash.is_empty() { "no-email" } else { &hash };
        xml.element("hash.email", &hash);
        xml.element(
            "uri.gravatar",
            format_args!("http://www.gravatar.com/avatar/{picture}.png"),
        );
    }
}

/// What the block of a property tells, besides the property.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// Nothing.
    State,
    /// That it was just written.
    Written,
    /// That it was just deleted.
    Deleted,
}

/// Writes the blocks of the properties of one owner. What they have in common is written once.
struct Blocks<'a> {
    people: People<'a>,
    /// Where each property is, but for its name, as it stands in an attribute.
    link: String,
    /// The last moment that was written. Those of a batch are all the same.
    moment: Option<(Timestamp, String)>,
}

impl<'a> Blocks<'a> {
    fn new(context: &'a Context, links: &Links, users: &'a Users) -> Self {
        Blocks {
            people: People::new(context, users),
            link: escaped_attribute(&format!("{}/", links.properties)),
            moment: None,
        }
    }

    /// The block of a property, in the order of §5.1.
    fn write(&mut self, xml: &mut Writer, property: &Property, cutoff: u64, telling: Telling) {
        let at = property.modified_at;
        if self.moment.as_ref().is_none_or(|(last, _)| *last != at) {
            self.moment = Some((at, at.to_string()));
        }
        let moment = self.moment.as_ref().map_or("", |(_, text)| text.as_str());
        let (name, content) = (property.key.name.as_str(), &property.content);
        let add_link = |out: &mut String, end: &str| {
            out.push_str(&self.link);
            // Adding to a string cannot fail.
            Encoded(name).add_to(out).unwrap_or_default();
            out.push_str(end);
        };
        xml.start("property").attribute_text("name", name);
        xml.attribute_as_is("href", |out| add_link(out, "/info"))
            .attribute_as_is("etag", |out| {
                let mut number = itoa::Buffer::new();
                out.push_str(number.format(property.id.get()));
                out.push_str(".r");
                out.push_str(number.format(property.revision.get()));
                out.push_str("_ts");
                out.push_str(moment);
            });
        xml.start("contents")
            .attribute_text("type", content.media_type.as_str())
            .attribute_as_is("size", |out| {
                out.push_str(itoa::Buffer::new().format(content.size));
            });
        xml.attribute_as_is("href", |out| add_link(out, ""))
            .plain_text(&content.shown_text(cutoff).unwrap_or_default())
            .end("contents");
        xml.start("date.modified")
            .plain_text(moment)
            .end("date.modified");
        self.people
            .write(xml, "user.modified", property.modified_by);
        if !property.description.is_empty() {
            xml.element("change-description", &property.description);
        }
        if telling == Telling::Deleted {
            self.people.write(xml, "user.deleted", property.modified_by);
            xml.element("date.deleted", moment);
        }
        if telling != Telling::State {
            xml.start("status")
                .attribute_text("code", "200")
                .end("status");
        }
        xml.end("property");
    }
}

/// The answer about one property.
pub(super) fn property(
    context: &Context,
    links: &Links,
    property: &Property,
    users: &Users,
    cutoff: u64,
) -> String {
    let mut xml = Writer::with_capacity(BLOCK_BYTES);
    Blocks::new(context, links, users).write(&mut xml, property, cutoff, Telling::State);
    xml.finish()
}

/// The answer with the properties of a resource.
pub(super) fn list(context: &Context, links: &Links, listing: &Listing, cutoff: u64) -> String {
    let mut xml = Writer::with_capacity(256 + listing.properties.len() * BLOCK_BYTES);
    list_element(&mut xml, context, links, listing, cutoff);
    xml.finish()
}

fn list_element(
    xml: &mut Writer,
    context: &Context,
    links: &Links,
    listing: &Listing,
    cutoff: u64,
) {
    let mut blocks = Blocks::new(context, links, &listing.users);
    xml.start("properties")
        .attribute("count", listing.properties.len())
        .attribute_text("href", &links.properties);
    for property in &listing.properties {
        blocks.write(xml, property, cutoff, Telling::State);
    }
    if let Some(language) = &listing.language {
        xml.start("language")
            .attribute("deprecated", "true")
            .text(language)
            .end("language");
    }
    xml.end("properties");
}

/// The answer to a batch (§5.3): what worked, then what did not, each in the order of the request.
pub(super) fn batch(
    context: &Context,
    links: &Links,
    uri: &str,
    changes: &[ChangeName],
    outcomes: &[Outcome],
) -> (StatusCode, String) {
    let user = context.principal.user();
    let users = Users::from([(user.id, Arc::clone(user))]);
    let mut blocks = Blocks::new(context, links, &users);
    let mut xml = Writer::with_capacity(256 + outcomes.len() * BLOCK_BYTES);
    let told = |outcome: &Outcome| matches!(outcome, Ok(Done::Put(_) | Done::Deleted(_)));
    let count = outcomes.iter().filter(|outcome| told(outcome)).count();
    xml.start("properties")
        .attribute("count", count)
        .attribute_text("href", &links.properties);
    for done in outcomes.iter().flatten() {
        let (property, telling) = match done {
            Done::Put(property) => (property, Telling::Written),
            Done::Deleted(property) => (property, Telling::Deleted),
            Done::LanguageSet
            | Done::Uploaded { .. }
            | Done::Removed
            | Done::PageWritten(_)
            | Done::PermissionsSet
            | Done::Enrolled { .. }
            | Done::AccessSet
            | Done::Unchanged => continue,
        };
        blocks.write(&mut xml, property, SHOWN_BYTES, telling);
    }
    let mut status = StatusCode::OK;
    for (name, outcome) in changes.iter().zip(outcomes) {
        if let Err(refusal) = outcome {
            status = StatusCode::MULTI_STATUS;
            refused_block(&mut xml, name.as_str(), uri, refusal);
        }
    }
    xml.end("properties");
    (status, xml.finish())
}

/// What the request called the property of a change, to name it if the change is refused.
#[derive(Debug)]
pub(super) enum ChangeName {
    Good(PropertyName),
    /// Empty: it is not about a property.
    Bad(String),
}

impl ChangeName {
    pub(super) fn of(change: &Change) -> Self {
        match &change.edit {
            Edit::Put(Put { name, .. }) | Edit::Delete(Delete { name, .. }) => {
                ChangeName::Good(name.clone())
            }
            Edit::Set(set) => ChangeName::Good(set.name.clone()),
            Edit::Refused { name, .. } => ChangeName::Bad(name.clone()),
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
            | Edit::SetAccess(_) => ChangeName::Bad(String::new()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            ChangeName::Good(name) => name.as_str(),
            ChangeName::Bad(name) => name,
        }
    }
}

fn refused_block(xml: &mut Writer, name: &str, uri: &str, refusal: &Refusal) {
    let (status, message) = of_refusal(refusal, Manner::Batch);
    xml.start("property").attribute("name", name);
    xml.start("status").attribute("code", status.as_u16());
    error_element(xml, status, &message, uri);
    xml.end("status").end("property");
}

/// `<error>` of §5.4.
fn error_element(xml: &mut Writer, status: StatusCode, message: &str, uri: &str) {
    xml.start("error")
        .element("status", status.as_u16())
        .element("title", title(status));
    xml.element("message", message)
        .element("uri", uri)
        .end("error");
}

/// The answer to a request that failed.
pub(super) fn error(status: StatusCode, message: &str, uri: &str) -> String {
    let mut xml = Writer::with_capacity(256 + message.len());
    error_element(&mut xml, status, message, uri);
    xml.finish()
}

/// The answer about a file (§13).
pub(super) fn file(context: &Context, view: &FileView) -> String {
    let mut xml = Writer::with_capacity(1024 + view.properties.properties.len() * BLOCK_BYTES);
    let FileView {
        file,
        head,
        parent,
        properties,
    } = view;
    start_file(&mut xml, context, file, *head, parent, properties);
    if !properties.properties.is_empty() {
        let links = Links::new(context, OwnerKind::File, ResourceId::Node(file.id));
        list_element(&mut xml, context, &links, properties, SHOWN_BYTES);
    }
    xml.end("file");
    xml.finish()
}

/// The answer with the files on a page. Their properties are left out.
pub(super) fn files_on(context: &Context, page: NodeId, views: &[FileView]) -> String {
    let href = format!("{}/@api/deki/pages/{page}/files", context.base);
    let mut xml = Writer::with_capacity(256 + views.len() * 1024);
    xml.start("files")
        .attribute("count", views.len())
        .attribute("href", href);
    for FileView {
        file,
        head,
        parent,
        properties,
    } in views
    {
        start_file(&mut xml, context, file, *head, parent, properties);
        xml.end("file");
    }
    xml.end("files");
    xml.finish()
}

/// The answer with all revisions of a file, oldest first. Properties belong to the file and not to a revision, so they
/// are left out here.
pub(super) fn files(context: &Context, history: &FileHistory) -> String {
    let FileHistory {
        view:
            FileView {
                file,
                head,
                parent,
                properties,
            },
        revisions,
    } = history;
    let href = format!("{}/@api/deki/files/{}/revisions", context.base, file.id);
    let mut xml = Writer::with_capacity(256 + revisions.len() * 1024);
    xml.start("files")
        .attribute("count", revisions.len())
        .attribute("href", href);
    for revision in revisions {
        start_file(&mut xml, context, revision, *head, parent, properties);
        xml.end("file");
    }
    xml.end("files");
    xml.finish()
}

/// `<file>` without its properties and its end.
fn start_file(
    xml: &mut Writer,
    context: &Context,
    file: &File,
    head: Revision,
    parent: &Node,
    properties: &Listing,
) {
    let (base, id) = (&context.base, file.id);
    let href = format!("{base}/@api/deki/files/{id}");
    let mut people = People::new(context, &properties.users);
    xml.start("file")
        .attribute("id", id)
        .attribute("revision", file.revision);
    xml.attribute("res-id", id)
        .attribute("href", format_args!("{href}/info"));
    xml.element("filename", &file.name);
    xml.element("description", description(properties, SHOWN_BYTES));
    xml.start("contents")
        .attribute("type", &file.content.media_type);
    xml.attribute("size", file.content.size);
    xml.attribute(
        "href",
        format_args!("{href}/={}", Encoded(file.name.as_str())),
    )
    .end("contents");
    xml.element("date.created", file.modified_at);
    people.write(xml, "user.createdby", file.modified_by);
    xml.start("revisions")
        .attribute("count", head)
        .attribute("totalcount", head);
    xml.attribute("href", format_args!("{href}/revisions"))
        .end("revisions");
    if parent.kind != NodeKind::File {
        page_parent(xml, context, parent);
    }
}

/// `<page.parent>` of a page or a file.
fn page_parent(xml: &mut Writer, context: &Context, parent: &Node) {
    let href = format_args!("{}/@api/deki/pages/{}", context.base, parent.id);
    xml.start("page.parent")
        .attribute("id", parent.id)
        .attribute("href", href);
    title_and_path(xml, parent);
    xml.end("page.parent");
}

/// `<title>` and `<path>`: a title shows blanks, a path has underscores.
fn title_and_path(xml: &mut Writer, node: &Node) {
    xml.element("title", &node.name)
        .element("path", node.path.replace(' ', "_"));
}

/// The start of `<page>`, and what every answer that names a page says of it (§9).
fn start_page(xml: &mut Writer, context: &Context, node: &Node, revision: Revision) {
    let (base, id) = (&context.base, node.id);
    xml.start("page")
        .attribute("id", id)
        .attribute("revision", revision)
        .attribute("href", format_args!("{base}/@api/deki/pages/{id}"));
}

/// Where a person finds a page, what it is called, and that there is one namespace.
fn page_children(xml: &mut Writer, context: &Context, node: &Node) {
    let path = node.path.replace(' ', "_");
    let levels: Vec<String> = path.split('/').map(once_encoded).collect();
    xml.element(
        "uri.ui",
        format_args!("{}/{}", context.base, levels.join("/")),
    );
    title_and_path(xml, node);
    xml.element("namespace", "main");
}

/// The answer about a page (§14).
pub(super) fn page(context: &Context, view: &PageView) -> String {
    let mut xml = Writer::with_capacity(1536);
    let PageView {
        page, node, parent, ..
    } = view;
    let mut people = People::new(context, &view.users);
    let href = format!("{}/@api/deki/pages/{}", context.base, page.id);
    start_page(&mut xml, context, node, page.revision);
    page_children(&mut xml, context, node);
    if let Some(language) = &view.language {
        xml.element("language", language);
    }
    xml.element("date.created", view.created_at);
    people.write(&mut xml, "user.createdby", view.created_by);
    xml.element("date.edited", page.modified_at);
    people.write(&mut xml, "user.author", page.modified_by);
    xml.start("contents")
        .attribute("type", &page.content.media_type)
        .attribute("size", page.content.size)
        .attribute("href", format_args!("{href}/contents"))
        .end("contents");
    if let Some(parent) = parent {
        page_parent(&mut xml, context, parent);
    }
    xml.end("page");
    xml.finish()
}

/// The answer to whoever wrote a page (§14).
pub(super) fn edit(context: &Context, view: &PageView, revision: Revision) -> String {
    let mut xml = Writer::with_capacity(256);
    xml.start("edit").attribute("status", "success");
    start_page(&mut xml, context, &view.node, revision);
    title_and_path(&mut xml, &view.node);
    xml.end("page").end("edit");
    xml.finish()
}

/// How much an answer says of each page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Where it is.
    Short,
    /// What it is called as well.
    Verbose,
}

/// The answer with the pages that were found (§9).
pub(super) fn pages(context: &Context, pages: &[FoundPage], detail: Detail) -> String {
    let mut xml = Writer::with_capacity(32 + pages.len() * 256);
    xml.start("pages");
    for FoundPage { node, revision } in pages {
        start_page(&mut xml, context, node, *revision);
        if detail == Detail::Verbose {
            page_children(&mut xml, context, node);
        }
        xml.end("page");
    }
    xml.end("pages");
    xml.finish()
}

/// The answer with the permissions of a page, in the form in which they are set (§11).
pub(super) fn security(context: &Context, permissions: &Permissions) -> String {
    let base = &context.base;
    let mut xml = Writer::with_capacity(256 + permissions.grants.len() * 160);
    xml.start("security").start("permissions.page");
    xml.element("restriction", permissions.restriction.name())
        .end("permissions.page");
    xml.start("grants");
    for Grant { grantee, role } in &permissions.grants {
        xml.start("grant");
        let (element, place, id) = match grantee {
            Grantee::User(id) => ("user", "users", id.get()),
            Grantee::Group(id) => ("group", "groups", id.get()),
        };
        xml.start(element)
            .attribute("id", id)
            .attribute("href", format_args!("{base}/@api/deki/{place}/{id}"))
            .end(element);
        xml.start("permissions")
            .element("role", role.name())
            .end("permissions")
            .end("grant");
    }
    xml.end("grants").end("security");
    xml.finish()
}

/// The answer about a group.
pub(super) fn group(context: &Context, group: &Group) -> String {
    let mut xml = Writer::with_capacity(256 + group.members.len() * 64);
    group_element(&mut xml, context, group);
    xml.finish()
}

/// The answer with all groups.
pub(super) fn groups(context: &Context, groups: &[Group]) -> String {
    let mut xml = Writer::with_capacity(128 + groups.len() * 512);
    xml.start("groups").attribute("count", groups.len());
    xml.attribute("href", format_args!("{}/@api/deki/groups", context.base));
    for group in groups {
        group_element(&mut xml, context, group);
    }
    xml.end("groups");
    xml.finish()
}

fn group_element(xml: &mut Writer, context: &Context, group: &Group) {
    let (base, id) = (&context.base, group.id);
    let href = format!("{base}/@api/deki/groups/{id}");
    xml.start("group")
        .attribute("id", id)
        .attribute("href", &href)
        .element("groupname", &group.name);
    xml.start("users")
        .attribute("count", group.members.len())
        .attribute("href", format_args!("{href}/users"));
    for member in &group.members {
        xml.start("user").attribute("id", member);
        xml.attribute("href", format_args!("{base}/@api/deki/users/{member}"))
            .end("user");
    }
    xml.end("users").end("group");
}

/// The description of a file: its property of that name, if that is text of at most so many bytes.
pub(super) fn description(properties: &Listing, cutoff: u64) -> String {
    let is_it = |property: &&Property| property.key.name.as_str() == DESCRIPTION_PROPERTY;
    let property = properties.properties.iter().find(is_it);
    let text = property.and_then(|property| property.content.shown_text(cutoff));
    text.unwrap_or_default().into_owned()
}

/// The answer about an account (§11).
pub(super) fn user(context: &Context, user: &User) -> String {
    let mut xml = Writer::with_capacity(512);
    user_element(&mut xml, context, user);
    xml.finish()
}

/// The answer with many accounts.
pub(super) fn users(context: &Context, users: &[Arc<User>]) -> String {
    let mut xml = Writer::with_capacity(128 + users.len() * 512);
    xml.start("users").attribute("count", users.len());
    xml.attribute("href", format_args!("{}/@api/deki/users", context.base));
    for user in users {
        user_element(&mut xml, context, user);
    }
    xml.end("users");
    xml.finish()
}

fn user_element(xml: &mut Writer, context: &Context, user: &User) {
    let (base, id) = (&context.base, user.id);
    xml.start("user")
        .attribute("id", id)
        .attribute("href", format_args!("{base}/@api/deki/users/{id}"));
    user_children(xml, user, context);
    let status = match user.access {
        Access::Active => "active",
        Access::Disabled => "inactive",
    };
    xml.element("status", status);
    xml.start("permissions.user")
        .element("role", user.role.name())
        .end("permissions.user");
    xml.end("user");
}

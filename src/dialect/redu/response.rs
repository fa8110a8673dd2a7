//! Answers in JSON (`redu.md` §2, §3; `dialects-common.md` §5).

use crate::dialect::link::encoded;
use crate::dialect::{Context, Shown};
use crate::model::{
    Entries, Entry, FileEntry, Group, NodeId, NodeKind, SpaceRole, Timestamp, User, Users,
};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// How many bytes have a megabyte.
const MEGABYTE: u64 = 1 << 20;

#[derive(Serialize)]
struct Link {
    href: String,
    rel: &'static str,
}

#[derive(Serialize)]
struct Object<'a> {
    id: i64,
    uuid: Uuid,
    name: &'a str,
    #[serde(flatten)]
    file: Option<OfFile<'a>>,
    created_at: String,
    links: Vec<Link>,
}

/// What only files have.
#[derive(Serialize)]
struct OfFile<'a> {
    mimetype: &'a str,
    size: String,
    byte: String,
}

fn text(value: &impl Serialize) -> String {
    // Strings, numbers and lists can all be said.
    serde_json::to_string(value).unwrap_or_default()
}

/// A space, folder or file, by itself.
pub(super) fn entry(context: &Context, shown: &Shown) -> String {
    text(&object(context, &shown.users, &shown.entry))
}

/// A list of folders or files.
pub(super) fn entries(context: &Context, entries: &Entries) -> String {
    text(&List(context, entries))
}

/// A list, of which one object is there at a time.
struct List<'a>(&'a Context, &'a Entries);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let List(context, Entries { entries, users }) = self;
        serializer.collect_seq(entries.iter().map(|entry| object(context, users, entry)))
    }
}

fn object<'a>(context: &Context, users: &Users, entry: &'a Entry) -> Object<'a> {
    Object {
        id: entry.id.get(),
        uuid: entry.uuid,
        name: entry.name.as_str(),
        file: entry.file.as_ref().map(of_file),
        created_at: date(entry.created_at),
        links: links(context, users, entry),
    }
}

fn of_file(entry: &FileEntry) -> OfFile<'_> {
    let content = &entry.file.content;
    OfFile {
        mimetype: content.media_type.given(),
        size: megabytes(content.size),
        byte: content.size.to_string(),
    }
}

/// Bytes as megabytes with at most two decimals, rounded half up; what is not empty is at least 0.01.
pub(super) fn megabytes(bytes: u64) -> String {
    let hundredths = (bytes.saturating_mul(100).saturating_add(MEGABYTE / 2)) / MEGABYTE;
    let hundredths = hundredths.max(u64::from(bytes > 0));
    let (whole, part) = (hundredths / 100, hundredths % 100);
    match part {
        0 => format!("{whole}Mb"),
        part if part % 10 == 0 => format!("{whole}.{}Mb", part / 10),
        part => format!("{whole}.{part:02}Mb"),
    }
}

/// `2026-11-21T21:00:00+00:00`
fn date(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{}+00:00", text.trim_end_matches('Z'))
}

/// Where an entry is found.
pub(super) fn own_href(context: &Context, entry: &Entry) -> String {
    let of = match entry.kind {
        NodeKind::Space | NodeKind::Page => "spaces",
        NodeKind::Folder => "folders",
        NodeKind::File => "files",
    };
    format!("{}/api/{of}/{}", context.base, entry.id)
}

/// Where a user is found.
pub(super) fn user_href(context: &Context, login: &str) -> String {
    format!("{}/api/users/{}", context.base, encoded(login))
}

fn links(context: &Context, users: &Users, entry: &Entry) -> Vec<Link> {
    let own = own_href(context, entry);
    let api = format!("{}/api", context.base);
    let folder = entry
        .folder()
        .map(|id| (format!("{api}/folders/{id}"), "folder"));
    let is_space = entry.kind == NodeKind::Space;
    let space = entry.space.filter(|_| !is_space);
    let space = space.map(|id| (format!("{api}/spaces/{id}"), "space"));
    let user = users.get(&entry.created_by).filter(|_| !is_space);
    let user = user.map(|user| (user_href(context, &user.name), "user"));
    let is_folder = entry.kind == NodeKind::Folder;
    let below = |is_there: bool, rel: &'static str| is_there.then(|| (format!("{own}/{rel}"), rel));
    let file = entry
        .file
        .as_ref()
        .filter(|file| file.may_download && !file.is_link);
    let raw = file.map(|FileEntry { file, .. }| {
        let path = context.links.path(file, context.at);
        (format!("{}{path}", context.base), "raw")
    });
    let links = [
        Some((own.clone(), "self")),
        folder,
        below(is_folder, "files"),
        below(is_folder || is_space, "folders"),
        space,
        user,
        raw,
    ];
    let links = links.into_iter().flatten();
    links.map(|(href, rel)| Link { href, rel }).collect()
}

#[derive(Serialize)]
struct Account<'a> {
    id: i64,
    uuid: Uuid,
    login: &'a str,
    name: &'a str,
    links: [Link; 1],
}

/// A user.
pub(super) fn user(context: &Context, user: &User) -> String {
    text(&Account {
        id: user.id.get(),
        uuid: user.uuid,
        login: &user.name,
        name: user.display_name(),
        links: [Link {
            href: user_href(context, &user.name),
            rel: "self",
        }],
    })
}

/// Where an enrollment can be ended.
pub(super) fn enrollment_href(context: &Context, space: NodeId, login: &str) -> String {
    format!(
        "{}/api/spaces/{space}/enrollments/{}",
        context.base,
        encoded(login)
    )
}

/// Somebody who was enrolled.
pub(super) fn enrollment(user: &User, role: SpaceRole) -> String {
    #[derive(Serialize)]
    struct Enrollment<'a> {
        login: &'a str,
        role: &'a str,
    }
    text(&Enrollment {
        login: &user.name,
        role: role.name(),
    })
}

/// A group, and those who are in it.
pub(super) fn group(group: &Group, members: &[Arc<User>]) -> String {
    #[derive(Serialize)]
    struct Told<'a> {
        uuid: Uuid,
        name: &'a str,
        members: Vec<&'a str>,
    }
    text(&Told {
        uuid: group.uuid,
        name: &group.name,
        members: members.iter().map(|user| user.name.as_str()).collect(),
    })
}

/// Why a request failed; perhaps with the field that is to blame.
pub(super) fn error(message: &str, field: Option<(&'static str, &str)>) -> String {
    #[derive(Serialize)]
    struct Told<'a> {
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        errors: Option<BTreeMap<&'static str, [&'a str; 1]>>,
    }
    text(&Told {
        error: message,
        errors: field.map(|(field, what)| BTreeMap::from([(field, [what])])),
    })
}

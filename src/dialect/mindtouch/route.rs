//! Paths: what a request is about, and which verbs it may have (`mindtouch.md` §1, §2).

use super::names::{Plus, decode};
use super::response::OwnerKind;
use crate::fault::Fault;
use crate::model::{
    Address, GroupId, NodeId, NodeName, PAGE_LEVELS_MAX, Refusal, UserId, title_levels,
};

/// What all paths of this dialect begin with.
pub(super) const ROOT: [&str; 2] = ["@api", "deki"];

/// An owner of properties, as a path points at it. An id that cannot be one is told only after the credentials have
/// been looked at.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) kind: OwnerKind,
    pub(super) address: Result<Address, Fault>,
}

/// What a path stands for.
#[derive(Debug)]
pub(super) enum Route {
    /// `{owner}/properties`
    Properties(Owner),
    /// `{owner}/properties/{key}`; the key is decoded once.
    Property(Owner, String),
    /// `{owner}/properties/{key}/info`
    PropertyInfo(Owner, String),
    /// `pages/{id}/files`
    FilesOnPage(Owner),
    /// `pages/{id}/files/{name}`: the page and the name.
    FileOnPage(Owner, Result<NodeName, Fault>),
    /// `files/{id}`
    File(Owner),
    /// `files/{id}/={name}`
    NamedFile(Owner, Result<NodeName, Fault>),
    /// `files/{id}/info`, `pages/{id}/files/{name}/info`
    FileInfo(Owner),
    /// `files/{id}/revisions`
    FileRevisions(Owner),
    /// `files/{id}/description`
    FileDescription(Owner),
    /// `pages/{id}`
    Page(Owner),
    /// `pages/{id}/contents`, with the levels of the page's title if that is how it is addressed.
    PageContents(Owner, Result<Vec<NodeName>, Fault>),
    /// `pages/{id}/security`
    Security(Owner),
    /// `site/search/properties`
    SearchProperties,
    /// `groups`
    Groups,
    /// `groups/{id}`
    Group(Result<GroupId, Fault>),
    /// `groups/{id}/users`
    Members(Result<GroupId, Fault>),
    /// `users`
    Users,
    /// `users/authenticate`
    Authenticate,
    /// `users/{id}`
    User(Owner),
    /// `users/{id}/password`
    Password(Owner),
}

impl Route {
    /// The verbs that the path knows, sorted.
    pub(super) fn methods(&self) -> &'static [&'static str] {
        match self {
            Route::Properties(_) => &["GET", "HEAD", "POST", "PUT"],
            Route::Property(..)
            | Route::FileOnPage(..)
            | Route::File(_)
            | Route::FileDescription(_) => &["DELETE", "GET", "HEAD", "PUT"],
            Route::PropertyInfo(..) | Route::FileInfo(_) | Route::FileRevisions(_) => {
                &["GET", "HEAD"]
            }
            Route::NamedFile(..) => &["DELETE", "GET", "HEAD", "PUT"],
            Route::Page(_) | Route::FilesOnPage(_) | Route::SearchProperties | Route::Group(_) => {
                &["GET", "HEAD"]
            }
            Route::PageContents(..) => &["GET", "HEAD", "POST"],
            Route::Security(_) => &["DELETE", "GET", "HEAD", "PUT"],
            Route::Members(_) => &["GET", "HEAD", "PUT"],
            Route::User(_) => &["GET", "HEAD", "PUT"],
            Route::Users | Route::Groups => &["GET", "HEAD", "POST"],
            Route::Authenticate => &["GET", "HEAD", "POST"],
            Route::Password(_) => &["PUT"],
        }
    }

    /// What a path stands for; `None` if it stands for nothing.
    ///
    /// # Errors
    /// [`Fault::BadRequest`] if it is not UTF-8 after decoding.
    pub(super) fn of_path(path: &str) -> Result<Option<Self>, Fault> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let raw = path.strip_prefix('/').unwrap_or(path).split('/');
        let segments = raw
            .map(|segment| decode(segment, Plus::Literal))
            .collect::<Result<Vec<_>, _>>()?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        Ok(segments.strip_prefix(&ROOT).and_then(Self::of_segments))
    }

    fn of_segments(segments: &[&str]) -> Option<Self> {
        match *segments {
            ["site", "search", "properties"] => Some(Route::SearchProperties),
            ["site", ref rest @ ..] => Self::of_owner(
                Owner {
                    kind: OwnerKind::Site,
                    address: Ok(Address::Site),
                },
                rest,
            ),
            ["pages", page, "files", name] => Some(Route::FileOnPage(
                Owner {
                    kind: OwnerKind::Page,
                    address: page_address(page),
                },
                file_name(name),
            )),
            ["pages", page, "files", name, ref rest @ ..] => {
                let named = |page| {
                    file_name(name).map(|name| Address::FileNamed {
                        page: Box::new(page),
                        name,
                    })
                };
                let owner = Owner {
                    kind: OwnerKind::File,
                    address: page_address(page).and_then(named),
                };
                Self::of_file(owner, rest)
            }
            ["pages", page, ref rest @ ..] => {
                let owner = Owner {
                    kind: OwnerKind::Page,
                    address: page_address(page),
                };
                match *rest {
                    [] => Some(Route::Page(owner)),
                    ["contents"] => {
                        let levels = levels(&owner);
                        Some(Route::PageContents(owner, levels))
                    }
                    ["files"] => Some(Route::FilesOnPage(owner)),
                    ["security"] => Some(Route::Security(owner)),
                    _ => Self::of_owner(owner, rest),
                }
            }
            ["groups"] => Some(Route::Groups),
            ["groups", group] => Some(Route::Group(group_id(group))),
            ["groups", group, "users"] => Some(Route::Members(group_id(group))),
            ["files", file, ref rest @ ..] => {
                let owner = Owner {
                    kind: OwnerKind::File,
                    address: file_address(file),
                };
                match *rest {
                    [] => Some(Route::File(owner)),
                    [name] if name.starts_with('=') => {
                        Some(Route::NamedFile(owner, file_name(name)))
                    }
                    [name, ref rest @ ..] if name.starts_with('=') => Self::of_file(owner, rest),
                    _ => Self::of_file(owner, rest),
                }
            }
            ["users"] => Some(Route::Users),
            ["users", "authenticate"] => Some(Route::Authenticate),
            ["users", user, ref rest @ ..] => {
                let owner = Owner {
                    kind: OwnerKind::User,
                    address: user_address(user),
                };
                match *rest {
                    [] => Some(Route::User(owner)),
                    ["password"] => Some(Route::Password(owner)),
                    _ => Self::of_owner(owner, rest),
                }
            }
            _ => None,
        }
    }

    /// What lies below a file.
    fn of_file(owner: Owner, rest: &[&str]) -> Option<Self> {
        match *rest {
            ["info"] => Some(Route::FileInfo(owner)),
            ["revisions"] => Some(Route::FileRevisions(owner)),
            ["description"] => Some(Route::FileDescription(owner)),
            _ => Self::of_owner(owner, rest),
        }
    }

    fn of_owner(owner: Owner, rest: &[&str]) -> Option<Self> {
        match *rest {
            ["properties"] => Some(Route::Properties(owner)),
            ["properties", key] if !key.is_empty() => Some(Route::Property(owner, key.to_owned())),
            ["properties", key, "info"] if !key.is_empty() => {
                Some(Route::PropertyInfo(owner, key.to_owned()))
            }
            _ => None,
        }
    }
}

/// A number of decimal digits; one that is too large for an id is the number of nothing.
fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(i64::MAX))
}

/// The id of something that never exists: ids count from 1 and do not get here.
fn nothing() -> NodeId {
    NodeId::new(i64::MAX).unwrap_or(NodeId::HOME)
}

fn page_address(segment: &str) -> Result<Address, Fault> {
    if segment.eq_ignore_ascii_case("home") {
        return Ok(Address::Page(NodeId::HOME));
    }
    if let Some(title) = segment.strip_prefix('=') {
        return Ok(Address::PageTitled(decode(title, Plus::Space)?));
    }
    match number(segment) {
        Some(id) => Ok(Address::Page(NodeId::new(id).unwrap_or(nothing()))),
        None => Err(Fault::BadRequest("invalid pageid".to_owned())),
    }
}

/// The levels of the title in an address, as names that pages can have.
fn levels(page: &Owner) -> Result<Vec<NodeName>, Fault> {
    let Ok(Address::PageTitled(title)) = &page.address else {
        return Ok(Vec::new());
    };
    let invalid = |what: String| Fault::BadRequest(format!("The page title is invalid: {what}."));
    let levels: Vec<String> = title_levels(title).collect();
    if levels.len() > PAGE_LEVELS_MAX {
        return Err(invalid(format!(
            "it has more than {PAGE_LEVELS_MAX} levels"
        )));
    }
    if levels
        .first()
        .is_some_and(|level| level.eq_ignore_ascii_case("home"))
    {
        return Err(invalid(
            "'home' is the page at the top, and nothing below it".to_owned(),
        ));
    }
    let name = |level: &String| {
        level
            .parse()
            .map_err(|fault| invalid(format!("'{level}': {fault}")))
    };
    levels.iter().map(name).collect()
}

fn group_id(segment: &str) -> Result<GroupId, Fault> {
    let id = number(segment).ok_or(Fault::InvalidParameter("groupid"))?;
    GroupId::new(id).ok_or(Refusal::NoSuchGroup.into())
}

fn file_address(segment: &str) -> Result<Address, Fault> {
    match number(segment) {
        Some(0) => Err(Fault::MissingParameter("filename")),
        Some(id) => Ok(Address::File(NodeId::new(id).unwrap_or(nothing()))),
        None => Err(Fault::InvalidParameter("fileid")),
    }
}

fn user_address(segment: &str) -> Result<Address, Fault> {
    if segment.trim().eq_ignore_ascii_case("current") {
        return Ok(Address::CurrentUser);
    }
    if let Some(name) = segment.strip_prefix('=') {
        return Ok(Address::UserNamed(decode(name, Plus::Space)?));
    }
    match number(segment) {
        Some(id) => {
            Ok(UserId::new(id).map_or_else(|| Address::UserNamed(String::new()), Address::User))
        }
        None => Err(Fault::BadRequest(
            "'userid' must be a user number or a username prefixed by '='".to_owned(),
        )),
    }
}

/// A file's name: `=` and the name, encoded once more; or, without `=`, a name with a dot.
fn file_name(segment: &str) -> Result<NodeName, Fault> {
    let name = match segment.strip_prefix('=') {
        Some(name) => decode(name, Plus::Space)?,
        None if segment.contains('.') => decode(segment, Plus::Space)?,
        None => return Err(Fault::BadRequest("Missing filename".to_owned())),
    };
    name.parse()
        .map_err(|_| Fault::BadRequest("Filename is invalid".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str) -> Option<Route> {
        Route::of_path(path).unwrap()
    }

    fn address(path: &str) -> Result<Address, String> {
        let Some(Route::Properties(owner)) = route(path) else {
            panic!("{path} is not that of properties")
        };
        owner.address.map_err(|fault| fault.to_string())
    }

    #[test]
    fn owners_are_addressed_in_many_ways() {
        let id = |number| NodeId::new(number).unwrap();
        for (path, expected) in [
            (
                "/@api/deki/pages/home/properties",
                Ok(Address::Page(NodeId::HOME)),
            ),
            (
                "/@api/deki/pages/HOME/properties/",
                Ok(Address::Page(NodeId::HOME)),
            ),
            (
                "/%40api/deki/pages/12/properties",
                Ok(Address::Page(id(12))),
            ),
            (
                "/@api/deki/pages/=A%252fB%2BC/properties",
                Ok(Address::PageTitled("A/B C".into())),
            ),
            ("/@api/deki/pages/x/properties", Err("invalid pageid")),
            ("/@api/deki/pages/-1/properties", Err("invalid pageid")),
            ("/@api/deki/files/9/properties", Ok(Address::File(id(9)))),
            (
                "/@api/deki/files/0/properties",
                Err("missing feature parameter 'filename'"),
            ),
            (
                "/@api/deki/files/x/properties",
                Err("invalid value for feature parameter 'fileid'"),
            ),
            (
                "/@api/deki/users/current/properties",
                Ok(Address::CurrentUser),
            ),
            (
                "/@api/deki/users/%20Current/properties",
                Ok(Address::CurrentUser),
            ),
            (
                "/@api/deki/users/=An%2520na/properties",
                Ok(Address::UserNamed("An na".into())),
            ),
            (
                "/@api/deki/users/anna/properties",
                Err("'userid' must be a user number or a username prefixed by '='"),
            ),
            ("/@api/deki/site/properties", Ok(Address::Site)),
        ] {
            assert_eq!(address(path), expected.map_err(str::to_owned), "{path}");
        }
        assert_eq!(
            address("/@api/deki/pages/home/files/=a%252fb.txt/properties"),
            Ok(Address::FileNamed {
                page: Box::new(Address::Page(NodeId::HOME)),
                name: "a/b.txt".parse().unwrap()
            })
        );
    }

    #[test]
    fn paths_are_split_before_they_are_decoded() {
        let key = |path| match route(path) {
            Some(Route::Property(_, key)) => key,
            other => panic!("{other:?}"),
        };
        assert_eq!(key("/@api/deki/files/1/properties/a%2Fb"), "a/b");
        assert_eq!(key("/@api/deki/files/1/properties/a%252Fb"), "a%2Fb");
        assert_eq!(key("/@api/deki/files/1/properties/.."), "..");
        assert!(
            matches!(route("/@api/deki/site/properties/info/info"), Some(Route::PropertyInfo(_, key)) if key == "info")
        );
    }

    #[test]
    fn other_paths_stand_for_nothing() {
        for path in [
            "/",
            "",
            "/@api",
            "/@api/deki",
            "/@api/deki/site",
            "/@api/deki/pages/home/nothing",
            "/@api/deki//site/properties",
            "/@api/deki/site/properties//info",
            "/@api/deki/site/properties/a/b",
        ] {
            assert!(route(path).is_none(), "{path}");
        }
        assert!(Route::of_path("/@api/deki/site/properties/%FF").is_err());
    }
}

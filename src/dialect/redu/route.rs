//! Which path means what (`redu.md`, `dialects-common.md` §5).

use crate::model::NodeId;
use percent_encoding::percent_decode_str;
use std::str::FromStr;

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `folders/{id}`
    Folder(NodeId),
    /// `folders/{id}/folders`
    FoldersInFolder(NodeId),
    /// `folders/{id}/files`
    Files(NodeId),
    /// `files/{id}`
    File(NodeId),
    /// `files/{id}/raw/{name}`; `None` if that is no number.
    Raw(Option<NodeId>),
    /// `spaces`
    Spaces,
    /// `spaces/{id}`
    Space(NodeId),
    /// `spaces/{id}/folders`
    FoldersInSpace(NodeId),
    /// `spaces/{id}/enrollments`
    Enrollments(NodeId),
    /// `spaces/{id}/enrollments/{login}`
    Enrollment(NodeId, String),
    /// `spaces/{id}/groups`
    Groups(NodeId),
    /// `users`
    Users,
    /// `users/{login}`
    User(String),
}

impl Route {
    /// The route of a path that begins with `/api`; `None` if there is nothing.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix("/api/")?.split('/').collect();
        Some(match *segments {
            ["folders", folder] => Route::Folder(id(folder)?),
            ["folders", folder, "folders"] => Route::FoldersInFolder(id(folder)?),
            ["folders", folder, "files"] => Route::Files(id(folder)?),
            ["files", file] => Route::File(id(file)?),
            // The name is for the reader alone.
            ["files", file, "raw", _] => Route::Raw(id(file)),
            ["spaces"] => Route::Spaces,
            ["spaces", space] => Route::Space(id(space)?),
            ["spaces", space, "folders"] => Route::FoldersInSpace(id(space)?),
            ["spaces", space, "enrollments"] => Route::Enrollments(id(space)?),
            ["spaces", space, "enrollments", login] => {
                Route::Enrollment(id(space)?, decoded(login)?)
            }
            ["spaces", space, "groups"] => Route::Groups(id(space)?),
            ["users"] => Route::Users,
            ["users", login] => Route::User(decoded(login)?),
            _ => return None,
        })
    }

    /// The verbs that it has.
    pub(super) fn methods(&self) -> &'static [&'static str] {
        match self {
            Route::Folder(_) => &["GET", "HEAD", "PUT", "DELETE"],
            Route::FoldersInFolder(_) | Route::Files(_) | Route::FoldersInSpace(_) => {
                &["GET", "HEAD", "POST"]
            }
            Route::File(_) => &["GET", "HEAD", "DELETE"],
            Route::Raw(_) | Route::Space(_) | Route::User(_) => &["GET", "HEAD"],
            Route::Spaces | Route::Users | Route::Enrollments(_) | Route::Groups(_) => &["POST"],
            Route::Enrollment(..) => &["DELETE"],
        }
    }
}

/// A number, in its only spelling.
fn id(segment: &str) -> Option<NodeId> {
    let is_plain = segment.bytes().all(|byte| byte.is_ascii_digit()) && !segment.starts_with('0');
    let number = i64::from_str(segment).ok().filter(|_| is_plain)?;
    NodeId::new(number)
}

fn decoded(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_paths() {
        let node = |number| NodeId::new(number).unwrap();
        for (path, route) in [
            ("/api/folders/31", Some(Route::Folder(node(31)))),
            (
                "/api/folders/31/folders",
                Some(Route::FoldersInFolder(node(31))),
            ),
            ("/api/folders/31/files", Some(Route::Files(node(31)))),
            (
                "/api/files/9223372036854775807",
                Some(Route::File(node(i64::MAX))),
            ),
            ("/api/files/40/raw/a%2Fb", Some(Route::Raw(Some(node(40))))),
            ("/api/files/x/raw/a", Some(Route::Raw(None))),
            ("/api/spaces", Some(Route::Spaces)),
            ("/api/spaces/11", Some(Route::Space(node(11)))),
            (
                "/api/spaces/11/folders",
                Some(Route::FoldersInSpace(node(11))),
            ),
            (
                "/api/spaces/11/enrollments",
                Some(Route::Enrollments(node(11))),
            ),
            (
                "/api/spaces/11/enrollments/t%20%C3%A9",
                Some(Route::Enrollment(node(11), "t é".to_owned())),
            ),
            ("/api/spaces/11/groups", Some(Route::Groups(node(11)))),
            ("/api/users", Some(Route::Users)),
            ("/api/users/a%2Fb", Some(Route::User("a/b".to_owned()))),
            ("/api", None),
            ("/api/", None),
            ("/api/folders", None),
            ("/api/folders/", None),
            ("/api/folders/31/", None),
            ("/api/folders/0", None),
            ("/api/folders/-1", None),
            ("/api/folders/+1", None),
            ("/api/folders/01", None),
            ("/api/folders/1.0", None),
            ("/api/folders/9223372036854775808", None),
            ("/api/files/40/raw", None),
            ("/api/files/40/raw/a/b", None),
            ("/api/users/%FF", None),
            ("/api/users/", None),
            ("/api/Folders/1", None),
        ] {
            assert_eq!(Route::of_path(path), route, "{path}");
        }
    }
}

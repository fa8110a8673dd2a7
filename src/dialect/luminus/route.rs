//! Paths (`luminus.md` §1).

use percent_encoding::percent_decode_str;

/// What a path points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `files`, with or without a slash behind it.
    Folder,
    /// `files/status`
    Status,
    /// `files/{id}/search`, with what is to be the id.
    Search(String),
}

impl Route {
    /// The route of a path that begins with `/files`; `None` if there is nothing.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix("/files")?.split('/').collect();
        Some(match *segments {
            [""] | ["", ""] => Route::Folder,
            ["", "status"] => Route::Status,
            ["", id, "search"] => Route::Search(percent_decode_str(id).decode_utf8_lossy().into()),
            _ => return None,
        })
    }

    /// The verbs that it has.
    pub(super) fn methods(&self) -> &'static [&'static str] {
        match self {
            Route::Folder => &["PUT"],
            Route::Status => &["PATCH"],
            Route::Search(_) => &["GET", "HEAD"],
        }
    }
}

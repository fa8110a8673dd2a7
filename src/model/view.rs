//! What a question about stored things asks for, and what its answer holds.

use super::{
    File, FileOrder, Language, Node, NodeId, NodeKind, NodeName, Page, Property, Refusal,
    ResourceId, Revision, Timestamp, User, UserId,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Text values of up to this many bytes are shown in answers that do not say otherwise (`mindtouch.md` §4).
pub const SHOWN_BYTES: u64 = 2048;

/// Which properties to list, and how much of each.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// Whose.
    pub resource: ResourceId,
    /// Which.
    pub names: NameFilter,
    /// Text values of up to this many bytes are fetched with the list.
    pub cutoff: u64,
}

/// Which names are meant: `mindtouch.md` §4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameFilter {
    /// All.
    All,
    /// Those that match one of the patterns.
    Matching(Vec<NamePattern>),
}

/// One pattern for names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePattern {
    /// This name.
    Is(String),
    /// Names that begin so.
    Starts(String),
    /// Names that end so.
    Ends(String),
    /// Names in which this stands.
    Contains(String),
}

impl NamePattern {
    /// Whether `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            NamePattern::Is(text) => name == text,
            NamePattern::Starts(text) => name.starts_with(text.as_str()),
            NamePattern::Ends(text) => name.ends_with(text.as_str()),
            NamePattern::Contains(text) => name.contains(text.as_str()),
        }
    }

    fn exact(&self) -> Option<&str> {
        match self {
            NamePattern::Is(name) => Some(name),
            NamePattern::Starts(_) | NamePattern::Ends(_) | NamePattern::Contains(_) => None,
        }
    }
}

impl NameFilter {
    /// Whether `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            NameFilter::All => true,
            NameFilter::Matching(patterns) => patterns.iter().any(|pattern| pattern.matches(name)),
        }
    }

    /// The names that are meant, if they can be listed.
    #[must_use]
    pub fn exact(&self) -> Option<Vec<&str>> {
        match self {
            NameFilter::All => None,
            NameFilter::Matching(patterns) => patterns.iter().map(NamePattern::exact).collect(),
        }
    }
}

/// Accounts by number, as far as an answer needs them.
pub type Users = BTreeMap<UserId, Arc<User>>;

/// The properties of a resource.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Whose.
    pub resource: ResourceId,
    /// In the order of their creation.
    pub properties: Vec<Property>,
    /// Those who wrote them.
    pub users: Users,
    /// The language, if the resource is a page.
    pub language: Option<Language>,
}

/// A page and what is known of it.
#[derive(Clone, Debug)]
pub struct PageView {
    /// The page at its newest revision.
    pub page: Page,
    /// What it is called, and where it lies.
    pub node: Node,
    /// What it lies on.
    pub parent: Option<Node>,
    /// Its language.
    pub language: Option<Language>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: UserId,
    /// Those who are named here.
    pub users: Users,
}

/// Which pages to look for.
#[derive(Clone, Debug)]
pub struct PageSearch {
    /// What a property of theirs is called.
    pub names: NameFilter,
    /// How many of those that are found to leave out, from the first.
    pub offset: usize,
    /// How many to answer at most; `None`: all of them.
    pub limit: Option<usize>,
}

/// The most pages in one answer.
pub const FOUND_PAGES_MAX: usize = 10_000;

/// The most bytes that the paths of the pages in one answer have together.
pub const FOUND_PATHS_BYTES_MAX: usize = 4 << 20;

/// The pages that were found so far.
#[derive(Debug)]
pub struct FoundPages {
    skip: usize,
    left: usize,
    path_bytes: usize,
    pages: Vec<FoundPage>,
}

impl PageSearch {
    /// Begins an answer.
    #[must_use]
    pub fn begin(&self) -> FoundPages {
        FoundPages {
            skip: self.offset,
            left: self.limit.unwrap_or(usize::MAX),
            path_bytes: 0,
            pages: Vec::new(),
        }
    }
}

impl FoundPages {
    /// Whether one more page, which was found, belongs into the answer.
    pub fn wants(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        true
    }

    /// Takes it into the answer.
    ///
    /// # Errors
    /// [`Refusal::TooManyPages`] if that is too much for one.
    pub fn take(&mut self, page: FoundPage) -> Result<(), Refusal> {
        self.path_bytes += page.node.path.len();
        if self.pages.len() == FOUND_PAGES_MAX || self.path_bytes > FOUND_PATHS_BYTES_MAX {
            return Err(Refusal::TooManyPages {
                max: self.pages.len(),
            });
        }
        self.left -= 1;
        self.pages.push(page);
        Ok(())
    }

    /// Whether no more are asked for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.left == 0
    }

    /// The pages.
    #[must_use]
    pub fn finish(self) -> Vec<FoundPage> {
        self.pages
    }
}

/// A page that was found by what it carries.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPage {
    /// The page.
    pub node: Node,
    /// Its newest revision.
    pub revision: Revision,
}

/// All revisions of a file.
#[derive(Clone, Debug)]
pub struct FileHistory {
    /// What is known of the file now.
    pub view: FileView,
    /// The revisions, oldest first.
    pub revisions: Vec<File>,
}

/// The most bytes that the path of a page has together with the files there, each of which is told with it.
pub const FILES_PATHS_BYTES_MAX: usize = 64 << 20;

/// Whether so many files can be told in one answer, each with the path of what it lies on.
///
/// # Errors
/// [`Refusal::LongPaths`]
pub fn check_paths(path: &str, files: usize) -> Result<(), Refusal> {
    if path.len().saturating_mul(files) > FILES_PATHS_BYTES_MAX {
        return Err(Refusal::LongPaths { files });
    }
    Ok(())
}

/// A file, where it lies, and its properties.
#[derive(Clone, Debug)]
pub struct FileView {
    /// The file at the revision that was asked for.
    pub file: File,
    /// Its newest revision.
    pub head: Revision,
    /// What it lies on.
    pub parent: Arc<Node>,
    /// Its properties.
    pub properties: Listing,
}

/// A space, folder or file, as lists of what lies in the tree have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number.
    pub id: NodeId,
    /// Its name in all other systems.
    pub uuid: Uuid,
    /// What it is.
    pub kind: NodeKind,
    /// What it is called.
    pub name: NodeName,
    /// What it lies in; `None`: nothing, for it is a space.
    pub parent: Option<NodeId>,
    /// The space that it is or lies in; `None`: it lies on a page.
    pub space: Option<NodeId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: UserId,
    /// What more there is of a file.
    pub file: Option<FileEntry>,
}

/// What a list says of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileEntry {
    /// The file at its newest revision. In lists its content is left out.
    pub file: File,
    /// Whether it is a link, and its content means nothing.
    pub is_link: bool,
    /// Whether the one who asks may download it.
    pub may_download: bool,
}

impl Entry {
    /// Whether it is a file that is a link.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.is_link)
    }

    /// The folder that it lies in, if it lies in one.
    #[must_use]
    pub fn folder(&self) -> Option<NodeId> {
        self.parent
            .filter(|_| self.space.is_some() && self.parent != self.space)
    }
}

/// Spaces, folders or files, and those who made them.
#[derive(Clone, Debug)]
pub struct Entries {
    /// In the order of the list.
    pub entries: Vec<Entry>,
    /// Those who made them.
    pub users: Users,
}

impl Entries {
    /// Brings the files of a folder into an order.
    pub fn sort(&mut self, order: FileOrder) {
        let Entries { entries, users } = self;
        let size = |entry: &Entry| entry.file.as_ref().map(|file| file.file.content.size);
        let owner = |entry: &Entry| {
            users
                .get(&entry.created_by)
                .map(|user| user.display_name().to_owned())
        };
        match order {
            FileOrder::Order => entries.sort_by_key(|entry| entry.id),
            FileOrder::Date => entries.sort_by_key(|entry| (entry.created_at, entry.id)),
            FileOrder::Size => entries.sort_by_key(|entry| (size(entry), entry.id)),
            FileOrder::Name => {
                entries.sort_by_cached_key(|entry| (entry.name.as_str().to_lowercase(), entry.id));
            }
            FileOrder::Owner => entries.sort_by_cached_key(|entry| (owner(entry), entry.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: String) -> FoundPage {
        FoundPage {
            node: Node {
                id: NodeId::HOME,
                kind: NodeKind::Page,
                name: "x".parse().unwrap(),
                path,
            },
            revision: Revision::FIRST,
        }
    }

    fn search() -> FoundPages {
        let search = PageSearch {
            names: NameFilter::All,
            offset: 0,
            limit: None,
        };
        search.begin()
    }

    #[test]
    fn an_answer_has_no_more_pages_than_it_may_have() {
        let mut found = search();
        for _ in 0..FOUND_PAGES_MAX {
            found.take(page(String::new())).unwrap();
        }
        let max = FOUND_PAGES_MAX;
        let refused = found.take(page(String::new()));
        assert_eq!(refused, Err(Refusal::TooManyPages { max }));
        assert_eq!(found.finish().len(), max);
    }

    #[test]
    fn the_path_of_a_page_is_told_with_each_file_within_bounds() {
        let path = "x".repeat(1 << 20);
        assert_eq!(check_paths(&path, 64), Ok(()));
        assert_eq!(
            check_paths(&path, 65),
            Err(Refusal::LongPaths { files: 65 })
        );
        assert_eq!(check_paths("", usize::MAX), Ok(()));
    }

    #[test]
    fn the_paths_in_an_answer_have_no_more_bytes_than_they_may_have() {
        let mut found = search();
        found.take(page("x".repeat(FOUND_PATHS_BYTES_MAX))).unwrap();
        let refused = found.take(page("x".to_owned()));
        assert_eq!(refused, Err(Refusal::TooManyPages { max: 1 }));
    }
}

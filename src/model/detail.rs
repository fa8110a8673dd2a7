//! Folders and files with their settings, by the names that they have in all other systems, and the search for them
//! (`luminus.md` §2, §5).

use super::{
    Content, Entry, GroupId, Meaning, NodeId, NodeKind, NodeName, Property, Refusal, Setting,
    SpaceRole, Timestamp, UserId, Users, search_form,
};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// The fewest characters that can be searched for.
pub const SEARCH_CHARS_MIN: usize = 3;

/// The most characters that can be searched for.
pub const SEARCH_CHARS_MAX: usize = 1000;

/// The most bytes that one answer has of what people write at length: paths, settings and comments.
pub const DETAILS_BYTES_MAX: u64 = 64 << 20;

/// A folder or a file, with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// What it is.
    pub entry: Entry,
    /// When its name, its content, a setting, or who has access to it was last changed.
    pub changed_at: Timestamp,
    /// By whom.
    pub changed_by: UserId,
    /// Where it lies.
    pub above: Arc<Above>,
    /// What the one who asks is there.
    pub role: SpaceRole,
    /// Of a folder: whether it is open, by hand and by its dates.
    pub is_active: bool,
    /// The properties that are settings, by name.
    pub settings: Vec<Property>,
    /// Whether the one who asks may see a comment on it. On folders there are none.
    pub has_comments: bool,
    /// The comments that the one who asks may see, oldest first, if they were asked for.
    pub comments: Vec<Comment>,
}

/// Where a folder or a file lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Above {
    /// The folder or space that it lies in.
    pub parent: Uuid,
    /// The space.
    pub space: Uuid,
    /// The names of the folders that it lies in, from the top.
    pub path: Vec<NodeName>,
}

/// A comment on a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    /// Its newest revision.
    pub property: Property,
    /// When it was made.
    pub made_at: Timestamp,
    /// By whom.
    pub made_by: UserId,
}

impl Detail {
    /// What a setting of it says.
    #[must_use]
    pub fn meaning(&self, setting: Setting) -> Meaning {
        let is_it = |property: &&Property| {
            Setting::of(self.entry.kind, property.key.name.as_str()) == Some(setting)
        };
        let found = self.settings.iter().find(is_it);
        setting.meaning(found.map(|property| &property.content))
    }

    /// What a setting of it says that is a text.
    #[must_use]
    pub fn text(&self, setting: Setting) -> String {
        if let Meaning::Text(text) = self.meaning(setting) {
            text
        } else {
            String::new()
        }
    }

    /// Whether a search for this text, in the form that it is searched for, finds it by what a link says of itself.
    #[must_use]
    pub fn link_matches(&self, text: &str) -> bool {
        let has = |setting| contains(&self.text(setting), text);
        self.entry.is_link() && (has(Setting::Url) || has(Setting::Description))
    }

    /// How many bytes of what people write at length an answer has of it, without comments.
    fn bytes(&self) -> u64 {
        let path = self.above.path.iter();
        let path = path.map(|name| name.as_str().len() as u64 + 1);
        let values = self.settings.iter().map(|property| property.content.size);
        path.chain(values).fold(0, u64::saturating_add)
    }
}

/// Whether a text, in the form in which it is searched for, stands in a field.
#[must_use]
pub fn contains(field: &str, text: &str) -> bool {
    search_form(field).contains(text)
}

/// Folders and files, and everybody who is named there.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// Folders.
    pub folders: Vec<Detail>,
    /// Files.
    pub files: Vec<Detail>,
    /// Everybody.
    pub users: Users,
    /// How many of [`DETAILS_BYTES_MAX`] are taken.
    bytes: u64,
}

impl Details {
    /// How many of [`DETAILS_BYTES_MAX`] are taken.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts so many bytes of a comment that goes into the answer.
    ///
    /// # Errors
    /// [`Refusal::LongAnswer`] if that is too much for one.
    pub fn spend(&mut self, bytes: u64) -> Result<(), Refusal> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > DETAILS_BYTES_MAX {
            return Err(Refusal::LongAnswer);
        }
        Ok(())
    }

    /// Takes a folder or a file into the answer.
    ///
    /// # Errors
    /// As [`Details::spend`].
    pub fn take(&mut self, detail: Detail) -> Result<(), Refusal> {
        self.spend(detail.bytes())?;
        match detail.entry.kind {
            NodeKind::File => self.files.push(detail),
            NodeKind::Folder => self.folders.push(detail),
            NodeKind::Page | NodeKind::Space => {}
        }
        Ok(())
    }

    /// Brings both lists into the order of a search: by name as a search sees it, then by number.
    pub fn sort(&mut self) {
        for details in [&mut self.folders, &mut self.files] {
            details.sort_by_cached_key(|detail| {
                let entry = &detail.entry;
                (search_form(entry.name.as_str()), entry.id)
            });
        }
    }
}

/// A search in what lies below a folder or a space.
#[derive(Clone, Debug)]
pub struct TreeSearch {
    /// The folder or space.
    pub top: NodeId,
    /// What to look for, in the form of [`search_form`]; `None`: everything.
    pub text: Option<String>,
    /// Whether comments are asked for.
    pub comments: Comments,
}

/// What an answer tells of comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comments {
    /// Whether there are any.
    Whether,
    /// All of them.
    All,
}

/// Whether the one with this role sees a property of a file that is a comment: what is not published is for tutors and
/// above, in every dialect.
#[must_use]
pub fn shows_comment(content: &Content, role: SpaceRole) -> bool {
    let is_published = || {
        let Meaning::Text(text) = Setting::Comment.meaning(Some(content)) else {
            return false;
        };
        let comment = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
        comment.get("publish") != Some(&serde_json::Value::Bool(false))
    };
    role.is_staff() || is_published()
}

/// Names of nodes, people and groups in all other systems, to be looked up.
#[derive(Clone, Debug, Default)]
pub struct Uuids {
    /// Of nodes.
    pub nodes: Vec<Uuid>,
    /// Of accounts.
    pub users: Vec<Uuid>,
    /// Of groups.
    pub groups: Vec<Uuid>,
}

/// What such names mean. A node may have been deleted meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Nodes, and what they are.
    pub nodes: HashMap<Uuid, (NodeId, NodeKind)>,
    /// Accounts.
    pub users: HashMap<Uuid, UserId>,
    /// Groups.
    pub groups: HashMap<Uuid, GroupId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_no_more_of_what_people_write_at_length_than_it_may_have() {
        let mut details = Details::default();
        details.spend(DETAILS_BYTES_MAX - 1).unwrap();
        details.spend(1).unwrap();
        assert_eq!(details.spend(1), Err(Refusal::LongAnswer));
        assert_eq!(details.spend(u64::MAX), Err(Refusal::LongAnswer));
    }
}

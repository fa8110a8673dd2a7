//! What somebody may do inside a space: enrollment, access lists, and what is hidden from members.
//!
//! Rules: `dialects-common.md` §3. A store says what is there ([`Spaces`]); which role that makes, and what of a space is
//! visible to it, is said here alone.

#[cfg(test)]
mod tests;

use super::{Caller, NodeId, NodeKind, Right, Rights, Role, Settings, Timestamp, UserId};

/// The most levels of folders in a space.
pub const FOLDER_LEVELS_MAX: usize = 256;

/// What somebody is in a space or a folder. Each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpaceRole {
    /// Reads what is visible to members.
    Reader,
    /// Submits files and comments where that is allowed.
    Member,
    /// Sees what is hidden; makes, changes and deletes folders, files and properties.
    Tutor,
    /// Says who has access.
    Teacher,
    /// Enrolls people and makes groups.
    Administrator,
    /// Everything.
    Owner,
}

impl SpaceRole {
    const ALL: [SpaceRole; 6] = [
        SpaceRole::Reader,
        SpaceRole::Member,
        SpaceRole::Tutor,
        SpaceRole::Teacher,
        SpaceRole::Administrator,
        SpaceRole::Owner,
    ];

    /// Its number, 1 to 6.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            SpaceRole::Reader => 1,
            SpaceRole::Member => 2,
            SpaceRole::Tutor => 3,
            SpaceRole::Teacher => 4,
            SpaceRole::Administrator => 5,
            SpaceRole::Owner => 6,
        }
    }

    /// The role of a number.
    #[must_use]
    pub fn of_number(number: i64) -> Option<Self> {
        SpaceRole::ALL
            .into_iter()
            .find(|role| role.number() == number)
    }

    /// Its name, such as `tutor`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            SpaceRole::Reader => "reader",
            SpaceRole::Member => "member",
            SpaceRole::Tutor => "tutor",
            SpaceRole::Teacher => "teacher",
            SpaceRole::Administrator => "administrator",
            SpaceRole::Owner => "owner",
        }
    }

    /// The role of this name, if people can be enrolled with it.
    #[must_use]
    pub fn of_enrollment(name: &str) -> Option<Self> {
        let enrolls = |role: &SpaceRole| {
            (SpaceRole::Member..=SpaceRole::Administrator).contains(role) && role.name() == name
        };
        SpaceRole::ALL.into_iter().find(enrolls)
    }

    /// Whether it sees what is hidden, and cannot be shut out by an access list.
    #[must_use]
    pub fn is_staff(self) -> bool {
        self >= SpaceRole::Tutor
    }

    /// The rights that the role gives on what is visible to it.
    const fn rights(self) -> Rights {
        let writes = Role::Contributor.rights();
        match self {
            SpaceRole::Reader | SpaceRole::Member => Role::Viewer.rights(),
            SpaceRole::Tutor => writes,
            SpaceRole::Teacher => writes.or(Rights::of(Right::ChangePermissions)),
            SpaceRole::Administrator | SpaceRole::Owner => writes
                .or(Rights::of(Right::ChangePermissions))
                .or(Rights::of(Right::Enroll)),
        }
    }
}

/// A node on the way from one inside of a space up to the space, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Which node.
    pub id: NodeId,
    /// What it is.
    pub kind: NodeKind,
    /// Who made it.
    pub maker: UserId,
    /// Its settings.
    pub settings: Settings,
    /// Whether it has an access list.
    pub has_access: bool,
}

impl Level {
    /// Whether members do not see a folder itself, wherever it lies.
    fn is_shut(&self, at: Timestamp) -> bool {
        let Level { kind, settings, .. } = self;
        *kind == NodeKind::Folder && !(settings.is_published() && settings.is_active(at))
    }
}

/// What the access list of a folder says to somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// To this user.
    pub user: Option<SpaceRole>,
    /// To the groups of this user: the highest role.
    pub group: Option<SpaceRole>,
    /// To everybody who has signed in.
    pub public: Option<SpaceRole>,
    /// The resource to go on from instead.
    pub inherits: Option<NodeId>,
}

/// What a store says of its spaces.
pub trait Spaces {
    /// How it can fail.
    type Error;

    /// A live node inside of a space and what lies above it, up to the space; `None` if one of them was deleted.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn levels(&self, node: NodeId) -> Result<Option<Vec<Level>>, Self::Error>;

    /// The role with which somebody is enrolled in a space.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn enrolled(&self, space: NodeId, user: UserId) -> Result<Option<SpaceRole>, Self::Error>;

    /// What the access list of a folder says to somebody.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn access(&self, folder: NodeId, user: UserId) -> Result<Listed, Self::Error>;
}

/// What the rights on a node inside of a space depend on, for somebody at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
pub struct SpaceGround {
    /// The space.
    pub space: NodeId,
    /// What this somebody is there.
    pub role: Option<SpaceRole>,
    /// Whether it is hidden from members.
    pub is_hidden: bool,
    /// Of a folder: whether a member may submit files. Of a file: whether this member may take it away again.
    pub takes_files: bool,
    /// Of a file: whether members may comment on it.
    pub takes_comments: bool,
    /// Of a file: whether members get its content.
    pub gives_content: bool,
    /// How many levels lie above it: 0 for a space.
    pub depth: usize,
}

/// The most access lists that send on to another resource, one after the other.
const INHERITED_MAX: usize = 64;

impl SpaceGround {
    /// What somebody meets at a node.
    ///
    /// # Errors
    /// Those of the store; `Ok(None)` if the node, or one above it, was deleted.
    pub fn of<S: Spaces>(
        spaces: &S,
        caller: &Caller,
        node: NodeId,
    ) -> Result<Option<Self>, S::Error> {
        let Some(levels) = spaces.levels(node)? else {
            return Ok(None);
        };
        let Some(space) = levels.last() else {
            return Ok(None);
        };
        let role = role(spaces, caller, space.id, &levels)?;
        Ok(Some(SpaceGround::at_levels(
            caller, space.id, role, &levels,
        )))
    }

    /// The same where the role is known.
    fn at_levels(
        caller: &Caller,
        space: NodeId,
        role: Option<SpaceRole>,
        levels: &[Level],
    ) -> Self {
        let at = caller.at;
        let content_is_shut = levels
            .first()
            .is_some_and(|level| level.settings.allow_download == Some(false));
        let shut = levels.iter().any(|level| level.is_shut(at));
        let (is_hidden, takes_files, takes_comments) = match levels {
            [file, folder, ..] if file.kind == NodeKind::File => {
                let is_mine = file.maker == caller.who.id();
                let Settings { submitted, .. } = file.settings;
                let is_anothers = submitted && !is_mine && folder.settings.view_all == Some(false);
                (
                    shut || !file.settings.is_published() || is_anothers,
                    submitted && is_mine && folder.settings.takes_files(at),
                    folder.settings.allow_comments == Some(true),
                )
            }
            [folder, ..] if folder.kind == NodeKind::Folder => {
                (shut, folder.settings.takes_files(at), false)
            }
            _ => (shut, false, false),
        };
        SpaceGround {
            space,
            role,
            is_hidden,
            takes_files,
            takes_comments,
            gives_content: !content_is_shut,
            depth: levels.len().saturating_sub(1),
        }
    }

    /// Whether this somebody, who may read the file, gets its content.
    #[must_use]
    pub fn may_download(&self) -> bool {
        self.gives_content || self.role.is_some_and(SpaceRole::is_staff)
    }

    /// What it gives.
    pub(super) fn rights(&self) -> Rights {
        let Some(role) = self.role else {
            return Rights::NONE;
        };
        if self.is_hidden && !role.is_staff() {
            return Rights::NONE;
        }
        let given = |is_given, right| {
            if is_given && role == SpaceRole::Member {
                Rights::of(right)
            } else {
                Rights::NONE
            }
        };
        role.rights()
            .or(given(self.takes_files, Right::Submit))
            .or(given(self.takes_comments, Right::Comment))
    }
}

/// What somebody is at the lowest of these levels.
fn role<S: Spaces>(
    spaces: &S,
    caller: &Caller,
    space: NodeId,
    levels: &[Level],
) -> Result<Option<SpaceRole>, S::Error> {
    let who = &caller.who;
    if who.is_admin() {
        return Ok(Some(SpaceRole::Owner));
    }
    // Nothing in a space is for those who do not sign in.
    if who.is_anonymous() {
        return Ok(None);
    }
    let enrolled = spaces.enrolled(space, who.id())?;
    let staff = enrolled.filter(|role| role.is_staff());
    let mut with_access = first_with_access(levels);
    for _ in 0..INHERITED_MAX {
        let Some(folder) = with_access else {
            return Ok(enrolled);
        };
        let access = spaces.access(folder, who.id())?;
        let Some(next) = access.inherits else {
            let listed = access.user.or(access.group).or(access.public);
            return Ok(listed.max(staff));
        };
        let Some(levels) = spaces.levels(next)? else {
            break;
        };
        with_access = first_with_access(&levels);
    }
    // Where it leads to nothing, nobody gets in who would not in any case.
    Ok(staff)
}

/// The folder whose list counts in another one that follows a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This folder.
    Folder(NodeId),
    /// None: those who are enrolled have access.
    Enrollment,
    /// Access cannot follow from there: it is neither a folder in the same space nor the space, or follows in turn.
    Impossible,
}

/// Whose list counts in a folder that follows a resource, or has a list of its own.
///
/// # Errors
/// Those of the store.
pub fn source<S: Spaces>(
    spaces: &S,
    folder: NodeId,
    from: Option<NodeId>,
) -> Result<Source, S::Error> {
    let space_of = |levels: &[Level]| levels.last().map(|space| space.id);
    let own = space_of(&spaces.levels(folder)?.unwrap_or_default());
    let (mut counts, mut next) = (folder, from);
    for _ in 0..INHERITED_MAX {
        let Some(from) = next else {
            return Ok(Source::Folder(counts));
        };
        let levels = spaces.levels(from)?.unwrap_or_default();
        let is_file = |level: &Level| level.kind == NodeKind::File;
        if levels.first().is_none_or(is_file) || space_of(&levels) != own {
            return Ok(Source::Impossible);
        }
        let is_next = |level: &&Level| level.has_access || level.id == folder;
        match levels.iter().find(is_next) {
            None => return Ok(Source::Enrollment),
            Some(level) if level.id == folder => break,
            Some(level) => {
                counts = level.id;
                next = spaces.access(level.id, UserId::ADMIN)?.inherits;
            }
        }
    }
    Ok(Source::Impossible)
}

fn first_with_access(levels: &[Level]) -> Option<NodeId> {
    let level = levels.iter().find(|level| level.has_access)?;
    Some(level.id)
}

/// Who may have which role in a folder and below it, instead of those enrolled in the space (`luminus.md` §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessList {
    /// Users and groups, each once.
    pub grants: Vec<(super::Grantee, SpaceRole)>,
    /// Everybody who has signed in.
    pub public: Option<SpaceRole>,
    /// The folder or space to go on from instead.
    pub inherits: Option<NodeId>,
}

/// What lies in a folder, seen by somebody: which of it is visible.
#[derive(Debug)]
pub struct Inside<'a> {
    caller: &'a Caller,
    ground: SpaceGround,
    levels: Vec<Level>,
}

impl<'a> Inside<'a> {
    /// Of a folder or a space, whose ground this is.
    ///
    /// # Errors
    /// Those of the store.
    pub fn new<S: Spaces>(
        spaces: &S,
        caller: &'a Caller,
        ground: SpaceGround,
        node: NodeId,
    ) -> Result<Self, S::Error> {
        let levels = spaces.levels(node)?.unwrap_or_default();
        Ok(Inside {
            caller,
            ground,
            levels,
        })
    }

    /// What this somebody meets at a child.
    ///
    /// # Errors
    /// Those of the store.
    pub fn ground<S: Spaces>(&self, spaces: &S, child: Level) -> Result<SpaceGround, S::Error> {
        let mut levels = Vec::with_capacity(self.levels.len() + 1);
        levels.push(child);
        levels.extend_from_slice(&self.levels);
        let role = if child.has_access {
            role(spaces, self.caller, self.ground.space, &levels)?
        } else {
            self.ground.role
        };
        Ok(SpaceGround::at_levels(
            self.caller,
            self.ground.space,
            role,
            &levels,
        ))
    }
}

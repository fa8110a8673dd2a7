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
        let inside = Inside::of(spaces, caller, node)?;
        Ok(inside.map(|inside| inside.ground))
    }

    /// The same where all that it depends on is known: the role, what the node is, what it lies in, and whether members
    /// are shut out from anywhere above.
    fn at(
        caller: &Caller,
        space: NodeId,
        role: Option<SpaceRole>,
        node: &Level,
        (above, is_shut, depth): (Option<&Level>, bool, usize),
    ) -> Self {
        let at = caller.at;
        let shut = is_shut || node.is_shut(at);
        let settings = &node.settings;
        let (is_hidden, takes_files, takes_comments) = match (node.kind, above) {
            (NodeKind::File, Some(folder)) => {
                let is_mine = node.maker == caller.who.id();
                let submitted = settings.submitted;
                let is_anothers = submitted && !is_mine && folder.settings.view_all == Some(false);
                (
                    shut || !settings.is_published() || is_anothers,
                    submitted && is_mine && folder.settings.takes_files(at),
                    folder.settings.allow_comments == Some(true),
                )
            }
            (NodeKind::Folder, _) => (shut, settings.takes_files(at), false),
            (NodeKind::File | NodeKind::Page | NodeKind::Space, _) => (shut, false, false),
        };
        SpaceGround {
            space,
            role,
            is_hidden,
            takes_files,
            takes_comments,
            gives_content: settings.allow_download != Some(false),
            depth,
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
    let mut seen = Vec::new();
    while seen.len() < INHERITED_MAX {
        let Some(folder) = with_access else {
            return Ok(enrolled);
        };
        if seen.contains(&folder) {
            break;
        }
        seen.push(folder);
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

/// Whose list counts in a folder once it has a list of its own, or none any more.
///
/// # Errors
/// Those of the store.
pub fn source<S: Spaces>(
    spaces: &S,
    folder: NodeId,
    list: Option<&AccessList>,
) -> Result<Source, S::Error> {
    let space_of = |levels: &[Level]| levels.last().map(|space| space.id);
    let mut levels = spaces.levels(folder)?.unwrap_or_default();
    let own = space_of(&levels);
    let has_list = |level: &&Level| {
        if level.id == folder {
            list.is_some()
        } else {
            level.has_access
        }
    };
    let mut seen = Vec::new();
    loop {
        let Some(level) = levels.iter().find(has_list) else {
            return Ok(Source::Enrollment);
        };
        let counts = level.id;
        // Whoever comes back to where he was goes round in a circle.
        if seen.contains(&counts) || seen.len() == INHERITED_MAX {
            return Ok(Source::Impossible);
        }
        seen.push(counts);
        let next = match list {
            Some(list) if counts == folder => list.inherits,
            Some(_) | None => spaces.access(counts, UserId::ADMIN)?.inherits,
        };
        let Some(from) = next else {
            return Ok(Source::Folder(counts));
        };
        levels = spaces.levels(from)?.unwrap_or_default();
        let is_file = |level: &Level| level.kind == NodeKind::File;
        if levels.first().is_none_or(is_file) || space_of(&levels) != own {
            // What a list above leads to is not for who gives up a list to mend.
            return Ok(match list {
                Some(_) => Source::Impossible,
                None => Source::Enrollment,
            });
        }
    }
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

impl AccessList {
    /// The highest role that it gives to anybody.
    #[must_use]
    pub fn highest(&self) -> Option<SpaceRole> {
        let grants = self.grants.iter().map(|&(_, role)| role);
        grants.chain(self.public).max()
    }

    /// The same list in the order in which stores say it.
    #[must_use]
    pub fn sorted(&self) -> Self {
        let mut sorted = self.clone();
        sorted.grants.sort_by_key(|&(grantee, _)| grantee);
        sorted
    }
}

/// What lies in a folder or a space, seen by somebody: which of it is visible.
#[derive(Clone, Debug)]
pub struct Inside {
    /// What this somebody meets at the folder itself.
    pub ground: SpaceGround,
    levels: Vec<Level>,
    /// Whether members are shut out from the folder, or from one above it.
    is_shut: bool,
}

impl Inside {
    /// Of a node inside of a space.
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
        let [lowest, above @ ..] = levels.as_slice() else {
            return Ok(None);
        };
        let space = above.last().unwrap_or(lowest).id;
        let role = role(spaces, caller, space, &levels)?;
        let shut_above = above.iter().any(|level| level.is_shut(caller.at));
        let around = (above.first(), shut_above, above.len());
        Ok(Some(Inside {
            ground: SpaceGround::at(caller, space, role, lowest, around),
            is_shut: shut_above || lowest.is_shut(caller.at),
            levels,
        }))
    }

    /// What this somebody meets at a child.
    ///
    /// # Errors
    /// Those of the store.
    pub fn child<S: Spaces>(
        &self,
        spaces: &S,
        caller: &Caller,
        child: &Level,
    ) -> Result<SpaceGround, S::Error> {
        let space = self.ground.space;
        let role = if child.has_access {
            let levels = [std::slice::from_ref(child), &self.levels].concat();
            role(spaces, caller, space, &levels)?
        } else {
            self.ground.role
        };
        let around = (self.levels.first(), self.is_shut, self.levels.len());
        Ok(SpaceGround::at(caller, space, role, child, around))
    }
}

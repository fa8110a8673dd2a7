//! Tables of roles and of what is visible, with spaces that are nothing but maps.

use super::super::principal::tests::principal;
use super::super::{Grantee, Principal};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

const SPACE: i64 = 10;
const TOP: i64 = 11;
const LOW: i64 = 12;
const FILE: i64 = 13;
const BESIDE: i64 = 14;
/// A folder in another space.
const OTHER: i64 = 21;
const OTHER_SPACE: i64 = 20;

const ANN: i64 = 3;
const BOB: i64 = 4;
const ANONYMOUS: i64 = 2;

/// A space with the folders `TOP`, `LOW` in it, and `BESIDE`; and a file in `LOW`, which `ANN` has made.
#[derive(Default)]
struct Fake {
    settings: BTreeMap<i64, Settings>,
    enrolled: Option<SpaceRole>,
    lists: BTreeMap<i64, Listed>,
    gone: Option<i64>,
}

fn node(number: i64) -> NodeId {
    NodeId::new(number).unwrap()
}

impl Fake {
    fn level(&self, id: i64) -> Level {
        Level {
            id: node(id),
            kind: match id {
                SPACE | OTHER_SPACE => NodeKind::Space,
                FILE => NodeKind::File,
                _ => NodeKind::Folder,
            },
            maker: UserId::new(ANN).unwrap(),
            settings: self.settings.get(&id).copied().unwrap_or_default(),
            has_access: self.lists.contains_key(&id),
        }
    }

    fn ground(&self, caller: &Caller, id: i64) -> Option<SpaceGround> {
        let Ok(ground) = SpaceGround::of(self, caller, node(id));
        ground
    }

    fn role(&self, user: i64, id: i64) -> Option<SpaceRole> {
        self.ground(&caller(user, 0), id).unwrap().role
    }
}

impl Spaces for Fake {
    type Error = Infallible;

    fn levels(&self, id: NodeId) -> Result<Option<Vec<Level>>, Infallible> {
        let ids: &[i64] = match id.get() {
            SPACE => &[SPACE],
            TOP => &[TOP, SPACE],
            LOW => &[LOW, TOP, SPACE],
            FILE => &[FILE, LOW, TOP, SPACE],
            BESIDE => &[BESIDE, SPACE],
            OTHER => &[OTHER, OTHER_SPACE],
            OTHER_SPACE => &[OTHER_SPACE],
            _ => return Ok(None),
        };
        let is_gone = ids.iter().any(|&id| Some(id) == self.gone);
        Ok((!is_gone).then(|| ids.iter().map(|&id| self.level(id)).collect()))
    }

    fn enrolled(&self, space: NodeId, _: UserId) -> Result<Option<SpaceRole>, Infallible> {
        assert_eq!(space, node(SPACE));
        Ok(self.enrolled)
    }

    fn access(&self, folder: NodeId, _: UserId) -> Result<Listed, Infallible> {
        Ok(self.lists.get(&folder.get()).copied().unwrap_or_default())
    }
}

fn caller(user: i64, millis: i64) -> Caller {
    Caller {
        who: principal(user, Role::Contributor),
        at: Timestamp::from_millis(millis),
    }
}

fn user(role: SpaceRole) -> Listed {
    Listed {
        user: Some(role),
        ..Listed::default()
    }
}

fn follow(id: i64) -> Listed {
    Listed {
        inherits: Some(node(id)),
        ..Listed::default()
    }
}

#[test]
fn roles_have_numbers_and_names() {
    let all = [
        (1, SpaceRole::Reader, "reader", false),
        (2, SpaceRole::Member, "member", true),
        (3, SpaceRole::Tutor, "tutor", true),
        (4, SpaceRole::Teacher, "teacher", true),
        (5, SpaceRole::Administrator, "administrator", true),
        (6, SpaceRole::Owner, "owner", false),
    ];
    for (number, role, name, is_enrolled) in all {
        assert_eq!((role.number(), role.name()), (number, name));
        assert_eq!(SpaceRole::of_number(number), Some(role));
        assert_eq!(SpaceRole::of_enrollment(name), is_enrolled.then_some(role));
        assert_eq!(role.is_staff(), number >= 3);
    }
    assert!(all.is_sorted_by_key(|(_, role, ..)| *role));
    for number in [i64::MIN, -1, 0, 7, i64::MAX] {
        assert_eq!(SpaceRole::of_number(number), None);
    }
    for name in ["", "Tutor", "boss", "professor"] {
        assert_eq!(SpaceRole::of_enrollment(name), None);
    }
}

#[test]
fn each_role_may_do_what_those_before_it_may() {
    let table = [
        (Right::Read, 1),
        (Right::Browse, 1),
        (Right::Submit, 3),
        (Right::Comment, 3),
        (Right::Update, 3),
        (Right::Create, 3),
        (Right::Delete, 3),
        (Right::ChangePermissions, 4),
        (Right::Enroll, 5),
    ];
    for number in 0..=6 {
        let ground = SpaceGround {
            space: node(SPACE),
            role: SpaceRole::of_number(number),
            is_hidden: false,
            takes_files: false,
            takes_comments: false,
            gives_content: true,
            depth: 1,
        };
        let kept = SpaceGround {
            gives_content: false,
            ..ground
        };
        assert_eq!(kept.may_download(), number >= 3, "{number}");
        assert!(ground.may_download());
        for (right, least) in table {
            let may = |ground: SpaceGround| ground.rights().allow(right);
            assert_eq!(may(ground), number >= least, "{number} {right:?}");
            let is_hidden = true;
            let hidden = SpaceGround {
                is_hidden,
                ..ground
            };
            assert_eq!(may(hidden), number >= least.max(3), "{number} {right:?}");
        }
        for (takes_files, takes_comments, right) in
            [(true, false, Right::Submit), (false, true, Right::Comment)]
        {
            let ground = SpaceGround {
                takes_files,
                takes_comments,
                ..ground
            };
            assert_eq!(ground.rights().allow(right), number >= 2, "{number}");
            let is_hidden = true;
            let hidden = SpaceGround {
                is_hidden,
                ..ground
            };
            assert_eq!(hidden.rights().allow(right), number >= 3, "{number}");
            assert_eq!(ground.rights().allow(Right::Update), number >= 3);
        }
        // Nothing here makes an administrator of the site.
        assert!(!ground.rights().allow(Right::Admin));
    }
}

#[test]
fn the_nearest_list_counts_and_staff_is_never_shut_out() {
    use SpaceRole::{Administrator, Member, Owner, Reader, Tutor};
    let listed = |user, group, public| Listed {
        user,
        group,
        public,
        inherits: None,
    };
    let nobody = Listed::default();
    // (enrolled, lists, role at the file)
    for (enrolled, lists, expected) in [
        (None, vec![], None),
        (Some(Member), vec![], Some(Member)),
        (Some(Member), vec![(TOP, nobody)], None),
        (Some(Member), vec![(BESIDE, nobody)], Some(Member)),
        (Some(Tutor), vec![(TOP, nobody)], Some(Tutor)),
        (Some(Tutor), vec![(LOW, user(Reader))], Some(Tutor)),
        (Some(Tutor), vec![(LOW, user(Owner))], Some(Owner)),
        (None, vec![(TOP, user(Tutor)), (LOW, nobody)], None),
        (None, vec![(TOP, nobody), (LOW, user(Tutor))], Some(Tutor)),
        (
            None,
            vec![(LOW, listed(Some(Reader), Some(Tutor), Some(Owner)))],
            Some(Reader),
        ),
        (
            None,
            vec![(LOW, listed(None, Some(Reader), Some(Owner)))],
            Some(Reader),
        ),
        (
            Some(Administrator),
            vec![(LOW, listed(None, None, Some(Reader)))],
            Some(Administrator),
        ),
        // On from somewhere else, where the same goes.
        (None, vec![(LOW, follow(BESIDE))], None),
        (Some(Member), vec![(LOW, follow(BESIDE))], Some(Member)),
        (
            Some(Member),
            vec![(LOW, follow(BESIDE)), (BESIDE, nobody)],
            None,
        ),
        (
            Some(Member),
            vec![(LOW, follow(SPACE)), (TOP, nobody)],
            Some(Member),
        ),
        (
            Some(Member),
            vec![
                (LOW, follow(BESIDE)),
                (BESIDE, follow(TOP)),
                (TOP, user(Reader)),
            ],
            Some(Reader),
        ),
        // A circle leads to nothing, and lets in only those who cannot be shut out.
        (
            Some(Member),
            vec![(LOW, follow(BESIDE)), (BESIDE, follow(LOW))],
            None,
        ),
        (
            Some(Tutor),
            vec![(LOW, follow(BESIDE)), (BESIDE, follow(LOW))],
            Some(Tutor),
        ),
    ] {
        let fake = Fake {
            enrolled,
            lists: lists.iter().copied().collect(),
            ..Fake::default()
        };
        assert_eq!(fake.role(ANN, FILE), expected, "{enrolled:?} {lists:?}");
        assert_eq!(fake.role(ANN, LOW), expected);
        assert_eq!(fake.role(ANN, SPACE), enrolled);
        assert_eq!(fake.role(ANONYMOUS, FILE), None);
    }
}

#[test]
fn an_administrator_of_the_site_owns_every_space_and_the_anonymous_account_has_no_part() {
    let fake = Fake {
        enrolled: Some(SpaceRole::Administrator),
        lists: BTreeMap::from([(
            TOP,
            Listed {
                public: Some(SpaceRole::Owner),
                ..Listed::default()
            },
        )]),
        ..Fake::default()
    };
    let at = Timestamp::from_millis(0);
    let admin = principal(1, Role::Admin);
    let anonymous = principal(ANONYMOUS, Role::Viewer);
    let key = Principal::with_key(Arc::clone(anonymous.user()));
    for who in [admin, key] {
        let ground = fake.ground(&Caller { who, at }, FILE).unwrap();
        assert_eq!(ground.role, Some(SpaceRole::Owner));
    }
    assert_eq!(fake.role(ANONYMOUS, FILE), None);
    assert_eq!(fake.role(ANONYMOUS, SPACE), None);
    assert_eq!(fake.role(BOB, FILE), Some(SpaceRole::Owner));
}

#[test]
fn what_is_deleted_has_no_ground() {
    for (gone, left) in [
        (FILE, [true, true, true, false, true]),
        (LOW, [true, true, false, false, true]),
        (TOP, [true, false, false, false, true]),
    ] {
        let fake = Fake {
            gone: Some(gone),
            ..Fake::default()
        };
        let has = [SPACE, TOP, LOW, FILE, BESIDE].map(|id| fake.ground(&caller(ANN, 0), id));
        assert_eq!(has.map(|ground| ground.is_some()), left);
    }
    let depth = |id| Fake::default().ground(&caller(ANN, 0), id).unwrap().depth;
    assert_eq!([SPACE, TOP, LOW, FILE].map(depth), [0, 1, 2, 3]);
}

/// What is hidden of the space, the two folders and the file at a moment, for `ANN` and for `BOB`.
fn hidden(settings: &[(i64, Settings)], millis: i64) -> [[bool; 4]; 2] {
    let fake = Fake {
        enrolled: Some(SpaceRole::Member),
        settings: settings.iter().copied().collect(),
        ..Fake::default()
    };
    [ANN, BOB].map(|user| {
        [SPACE, TOP, LOW, FILE].map(|id| {
            let caller = caller(user, millis);
            let ground = fake.ground(&caller, id).unwrap();
            // A list says the same.
            let above = match id {
                TOP => SPACE,
                LOW => TOP,
                FILE => LOW,
                _ => return ground.is_hidden,
            };
            let own = fake.ground(&caller, above).unwrap();
            let Ok(inside) = Inside::of(&fake, &caller, node(above));
            let inside = inside.unwrap();
            assert_eq!(inside.ground, own);
            assert_eq!(inside.child(&fake, &caller, &fake.level(id)), Ok(ground));
            ground.is_hidden
        })
    })
}

#[test]
fn what_is_shut_is_hidden_with_all_below_it() {
    const NONE: Settings = Settings {
        publish: None,
        open: None,
        starts_at: None,
        ends_at: None,
        deadline_at: None,
        allow_upload: None,
        allow_late: None,
        allow_comments: None,
        view_all: None,
        allow_download: None,
        is_link: None,
        submitted: false,
    };
    let unpublished = Settings {
        publish: Some(false),
        ..NONE
    };
    let closed = Settings {
        open: Some(false),
        ..NONE
    };
    let moment = |millis| Some(Timestamp::from_millis(millis));
    let dated = Settings {
        open: Some(true),
        starts_at: moment(10),
        ends_at: moment(20),
        ..NONE
    };
    let submitted = Settings {
        submitted: true,
        ..NONE
    };
    let view = |view_all| Settings {
        view_all: Some(view_all),
        ..NONE
    };
    let (nothing, low) = ([false; 4], [false, false, true, true]);
    let (all, file) = ([false, true, true, true], [false, false, false, true]);
    for (settings, millis, ann, bob) in [
        (vec![], 0, nothing, nothing),
        (vec![(TOP, unpublished)], 0, all, all),
        (vec![(LOW, unpublished)], 0, low, low),
        (vec![(FILE, unpublished)], 0, file, file),
        (vec![(SPACE, unpublished)], 0, nothing, nothing),
        (vec![(TOP, closed)], 0, all, all),
        (vec![(LOW, closed)], 0, low, low),
        (vec![(FILE, closed)], 0, nothing, nothing),
        (vec![(SPACE, closed)], 0, nothing, nothing),
        (vec![(TOP, dated)], 9, all, all),
        (vec![(TOP, dated)], 10, nothing, nothing),
        (vec![(LOW, dated)], 19, nothing, nothing),
        (vec![(LOW, dated)], 20, low, low),
        (vec![(FILE, submitted)], 0, nothing, nothing),
        (
            vec![(FILE, submitted), (LOW, view(false))],
            0,
            nothing,
            file,
        ),
        (
            vec![(FILE, submitted), (LOW, view(true))],
            0,
            nothing,
            nothing,
        ),
        (
            vec![(FILE, submitted), (TOP, view(false))],
            0,
            nothing,
            nothing,
        ),
        (vec![(LOW, view(false))], 0, nothing, nothing),
    ] {
        assert_eq!(
            hidden(&settings, millis),
            [ann, bob],
            "{settings:?} {millis}"
        );
    }
}

#[test]
fn a_member_submits_and_takes_back_as_long_as_the_folder_takes_files() {
    let moment = |millis| Some(Timestamp::from_millis(millis));
    // (taken at all, deadline, late ones), and whether it takes files at 9, 10 and 11
    for (upload, deadline, late, expected) in [
        (None, None, None, [false; 3]),
        (Some(false), None, Some(true), [false; 3]),
        (Some(true), None, None, [true; 3]),
        (Some(true), moment(10), None, [true, true, false]),
        (Some(true), moment(10), Some(false), [true, true, false]),
        (Some(true), moment(10), Some(true), [true; 3]),
    ] {
        let settings = Settings {
            allow_upload: upload,
            deadline_at: deadline,
            allow_late: late,
            allow_comments: upload,
            ..Settings::default()
        };
        let submitted = Settings {
            submitted: true,
            ..Settings::default()
        };
        let of = |file| Fake {
            settings: BTreeMap::from([(LOW, settings), (FILE, file)]),
            ..Fake::default()
        };
        let fake = of(submitted);
        for (millis, expected) in [9, 10, 11].into_iter().zip(expected) {
            let ground = |user, id| fake.ground(&caller(user, millis), id).unwrap();
            let takes = |user, id| ground(user, id).takes_files;
            assert_eq!(takes(BOB, LOW), expected);
            assert_eq!(takes(ANN, FILE), expected);
            // It is another's, or lies elsewhere, or was not submitted.
            assert!(!takes(BOB, FILE) && !takes(ANN, TOP) && !takes(ANN, SPACE));
            let put_there = of(Settings::default()).ground(&caller(ANN, millis), FILE);
            assert!(!put_there.unwrap().takes_files);
            let comments = |id| ground(BOB, id).takes_comments;
            assert_eq!(comments(FILE), upload == Some(true));
            assert!(!comments(LOW) && !comments(SPACE));
        }
    }
}

#[test]
fn whose_list_counts_is_found_before_it_is_set_or_given_up() {
    use Source::{Enrollment, Folder, Impossible};
    let nobody = Listed::default();
    let own = || Some(AccessList::default());
    let from = |id| {
        Some(AccessList {
            inherits: Some(node(id)),
            ..AccessList::default()
        })
    };
    // (lists that there are, folder, its list from now on, whose counts)
    for (lists, folder, list, expected) in [
        (vec![], LOW, None, Enrollment),
        (vec![], LOW, own(), Folder(node(LOW))),
        (vec![(TOP, nobody)], LOW, None, Folder(node(TOP))),
        (vec![(TOP, nobody)], LOW, own(), Folder(node(LOW))),
        // What it said until now does not count any more.
        (vec![(LOW, nobody)], LOW, None, Enrollment),
        (vec![(LOW, follow(99))], LOW, own(), Folder(node(LOW))),
        (vec![(LOW, follow(BESIDE))], LOW, None, Enrollment),
        (vec![], LOW, from(BESIDE), Enrollment),
        (
            vec![(BESIDE, nobody)],
            LOW,
            from(BESIDE),
            Folder(node(BESIDE)),
        ),
        (vec![(TOP, nobody)], LOW, from(SPACE), Enrollment),
        (vec![], LOW, from(TOP), Enrollment),
        (vec![(TOP, nobody)], LOW, from(TOP), Folder(node(TOP))),
        (
            vec![(BESIDE, follow(TOP)), (TOP, nobody)],
            LOW,
            from(BESIDE),
            Folder(node(TOP)),
        ),
        // Into a circle.
        (vec![], LOW, from(LOW), Impossible),
        (vec![(LOW, nobody)], TOP, from(TOP), Impossible),
        (vec![], TOP, from(LOW), Impossible),
        (vec![(BESIDE, follow(LOW))], LOW, from(BESIDE), Impossible),
        (vec![(TOP, follow(LOW))], LOW, from(TOP), Impossible),
        (
            vec![(BESIDE, follow(TOP)), (TOP, follow(BESIDE))],
            LOW,
            from(BESIDE),
            Impossible,
        ),
        // A list that is given up closes one, too.
        (
            vec![(TOP, follow(BESIDE)), (BESIDE, follow(LOW)), (LOW, nobody)],
            LOW,
            None,
            Impossible,
        ),
        (
            vec![(TOP, follow(LOW)), (LOW, nobody)],
            LOW,
            None,
            Impossible,
        ),
        (
            vec![(TOP, follow(BESIDE)), (BESIDE, follow(TOP))],
            LOW,
            None,
            Impossible,
        ),
        (
            vec![(BESIDE, follow(LOW)), (LOW, follow(BESIDE))],
            LOW,
            None,
            Enrollment,
        ),
        // To where nothing follows from.
        (vec![], LOW, from(FILE), Impossible),
        (vec![], LOW, from(99), Impossible),
        (vec![], LOW, from(OTHER), Impossible),
        (vec![], LOW, from(OTHER_SPACE), Impossible),
        (vec![(BESIDE, follow(OTHER))], LOW, from(BESIDE), Impossible),
        // That is not for who gives up a list to mend.
        (
            vec![(TOP, follow(99)), (LOW, nobody)],
            LOW,
            None,
            Enrollment,
        ),
        (
            vec![(TOP, follow(OTHER)), (LOW, nobody)],
            LOW,
            None,
            Enrollment,
        ),
    ] {
        let fake = Fake {
            lists: lists.iter().copied().collect(),
            ..Fake::default()
        };
        let Ok(found) = source(&fake, node(folder), list.as_ref());
        assert_eq!(found, expected, "{lists:?} {folder} {list:?}");
    }
    let fake = Fake {
        gone: Some(BESIDE),
        ..Fake::default()
    };
    let found = source(&fake, node(LOW), from(BESIDE).as_ref());
    assert_eq!(found, Ok(Impossible));
}

#[test]
fn a_circle_that_is_there_ends_and_lets_in_only_staff() {
    use SpaceRole::{Administrator, Member, Tutor};
    for lists in [
        vec![(LOW, follow(LOW))],
        vec![(TOP, follow(TOP))],
        vec![(TOP, follow(LOW))],
        vec![(LOW, follow(TOP)), (TOP, follow(LOW))],
        vec![(TOP, follow(BESIDE)), (BESIDE, follow(LOW))],
        vec![
            (LOW, follow(TOP)),
            (TOP, follow(BESIDE)),
            (BESIDE, follow(TOP)),
        ],
        vec![(LOW, follow(99))],
    ] {
        for (enrolled, expected) in [
            (None, None),
            (Some(Member), None),
            (Some(Tutor), Some(Tutor)),
            (Some(Administrator), Some(Administrator)),
        ] {
            let fake = Fake {
                enrolled,
                lists: lists.iter().copied().collect(),
                ..Fake::default()
            };
            assert_eq!(fake.role(ANN, LOW), expected, "{enrolled:?} {lists:?}");
            assert_eq!(fake.role(ANN, FILE), expected);
        }
    }
}

#[test]
fn a_sorted_list_says_the_same_in_the_order_of_users_and_groups() {
    use SpaceRole::{Member, Reader};
    let user = |number| Grantee::User(UserId::new(number).unwrap());
    let group = |number| Grantee::Group(super::super::GroupId::new(number).unwrap());
    let list = AccessList {
        grants: vec![
            (group(1), Reader),
            (user(3), Member),
            (group(9), Member),
            (user(1), Reader),
        ],
        public: Some(Reader),
        inherits: Some(node(TOP)),
    };
    let sorted = list.sorted();
    let grantees: Vec<_> = sorted.grants.iter().map(|&(grantee, _)| grantee).collect();
    assert_eq!(grantees, [user(1), user(3), group(1), group(9)]);
    assert!(
        list.grants
            .iter()
            .all(|grant| sorted.grants.contains(grant))
    );
    assert_eq!(
        (sorted.public, sorted.inherits),
        (list.public, list.inherits)
    );
    assert_eq!(sorted.sorted(), sorted);
}

/// A tree of any shape in one space: of each node where it lies, what it is, and what is said there.
#[derive(Debug)]
struct Grown {
    nodes: Vec<(Option<usize>, Level)>,
    enrolled: Option<SpaceRole>,
    lists: BTreeMap<NodeId, Listed>,
}

impl Spaces for Grown {
    type Error = Infallible;

    fn levels(&self, id: NodeId) -> Result<Option<Vec<Level>>, Infallible> {
        let mut at = self.nodes.iter().position(|(_, level)| level.id == id);
        let mut levels = Vec::new();
        while let Some(index) = at {
            let (parent, level) = self.nodes[index];
            levels.push(level);
            at = parent;
        }
        Ok((!levels.is_empty()).then_some(levels))
    }

    fn enrolled(&self, _: NodeId, _: UserId) -> Result<Option<SpaceRole>, Infallible> {
        Ok(self.enrolled)
    }

    fn access(&self, folder: NodeId, _: UserId) -> Result<Listed, Infallible> {
        Ok(self.lists.get(&folder).copied().unwrap_or_default())
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let flag = || prop::option::of(any::<bool>());
    let moment = || prop::option::of((0..4_i64).prop_map(Timestamp::from_millis));
    let gates = (flag(), flag(), moment(), moment());
    let files = (moment(), flag(), flag(), flag(), flag(), flag());
    (gates, files, any::<bool>()).prop_map(|(gates, files, submitted)| Settings {
        publish: gates.0,
        open: gates.1,
        starts_at: gates.2,
        ends_at: gates.3,
        deadline_at: files.0,
        allow_upload: files.1,
        allow_late: files.2,
        allow_comments: files.3,
        view_all: files.4,
        allow_download: files.5,
        is_link: None,
        submitted,
    })
}

fn grown() -> impl Strategy<Value = Grown> {
    let role =
        || prop::option::of((1..=6_i64).prop_map(|number| SpaceRole::of_number(number).unwrap()));
    let list = (role(), role(), role(), prop::option::of(0..20_i64));
    let node = (
        any::<prop::sample::Index>(),
        prop::bool::weighted(0.3),
        ANN..=BOB,
        settings(),
        prop::option::weighted(0.4, list),
    );
    (prop::collection::vec(node, 1..14), role()).prop_map(|(seeds, enrolled)| {
        let space = Level {
            id: self::node(1),
            kind: NodeKind::Space,
            maker: UserId::ADMIN,
            settings: Settings::default(),
            has_access: false,
        };
        let mut nodes = vec![(None, space)];
        let mut lists = BTreeMap::new();
        for (number, (parent, is_file, maker, settings, list)) in (2..).zip(seeds) {
            let id = self::node(number);
            let folders: Vec<usize> = (0..nodes.len())
                .filter(|&at| nodes[at].1.kind != NodeKind::File)
                .collect();
            let parent = folders[parent.index(folders.len())];
            let is_file = is_file && parent > 0;
            if let Some((user, group, public, inherits)) = list.filter(|_| !is_file) {
                let inherits = inherits.and_then(NodeId::new);
                lists.insert(
                    id,
                    Listed {
                        user,
                        group,
                        public,
                        inherits,
                    },
                );
            }
            let level = Level {
                id,
                kind: if is_file {
                    NodeKind::File
                } else {
                    NodeKind::Folder
                },
                maker: UserId::new(maker).unwrap(),
                settings,
                has_access: lists.contains_key(&id),
            };
            nodes.push((Some(parent), level));
        }
        Grown {
            nodes,
            enrolled,
            lists,
        }
    })
}

proptest! {
    #[test]
    fn a_child_seen_from_its_folder_is_what_it_is_by_itself(tree in grown()) {
        let callers = (0..5).flat_map(|millis| [ANN, BOB, ANONYMOUS].map(|user| caller(user, millis)));
        for caller in callers {
            for (parent, level) in &tree.nodes {
                let Ok(itself) = SpaceGround::of(&tree, &caller, level.id);
                let Some(parent) = parent else {
                    continue;
                };
                let Ok(inside) = Inside::of(&tree, &caller, tree.nodes[*parent].1.id);
                let Ok(child) = inside.unwrap().child(&tree, &caller, level);
                prop_assert_eq!(Some(child), itself);
            }
        }
    }
}

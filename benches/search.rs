//! The search in a store of 200,000 names, and the status of 1,000 folders; beside them, the bare question to the index.
//!
//! `cargo bench --bench search [FILTER]`. All runs in one process, on a file in the temporary folder.
//!
//! - `rare`: a word that five names have, in all of the space; `bare` asks FTS5 alone for the same rows.
//! - `common`: a word that all names have, in all of the space, in one folder with 100 files, and in another space with 1,200
//!   folders.
//! - `everything`: no word, in that folder.
//! - `status`: closes and opens 1,000 folders, and reads them all for the answer; it waits for the disk.

use bytes::Bytes;
use criterion::Criterion;
use propstore::auth::Hasher;
use propstore::model::{
    AddFile, Batch, Caller, Change, Comments, Content, Details, Done, Edit, Meaning, MediaType,
    NewNode, NewSpace, NodeId, Outcome, Principal, ResourceId, Set, Setting, Timestamp, TreeSearch,
    UserId,
};
use propstore::store::{Setup, Sqlite, SqliteOptions, Store};
use rusqlite::Connection;
use std::error::Error;
use std::hint::black_box;
use std::time::Duration;
use tokio::runtime::Runtime;
use uuid::Uuid;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Folders in the first folder of the space.
const FOLDERS: usize = 1000;

/// Files in each of them.
const FILES: usize = 199;

/// Files in the folder beside them.
const FEW_FILES: usize = 100;

/// Folders in another space, which all have the word, too.
const BESIDE: usize = 1200;

/// What all names have, and what five have.
const COMMON: &str = "lecture";
const RARE: &str = "xylophone";

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .configure_from_args();
    let runtime = Runtime::new()?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("search.db");
    let setup = || {
        Ok(Setup {
            admin_password: Hasher::hash_here("a password").map_err(|error| error.to_string())?,
            link_key: [7; 32],
            at: Timestamp::from_millis(0),
        })
    };
    let store = Sqlite::open(&SqliteOptions::new(&path), setup)?;
    let bench = Bench {
        runtime: &runtime,
        who: Principal::new(runtime.block_on(store.user(UserId::ADMIN))?),
        store,
    };
    let course = bench.fill()?;
    let bare = Connection::open(&path)?;
    let mut group = criterion.benchmark_group("search");
    group.bench_function("rare/bare", |bencher| {
        bencher.iter(|| sure(rows(&bare, RARE)));
    });
    for (name, top, text, count) in [
        ("rare/space", course.space, Some(RARE), 5),
        ("common/folder of 100", course.few, Some(COMMON), FEW_FILES),
        ("everything/folder of 100", course.few, None, FEW_FILES),
        (
            "common/space",
            course.space,
            Some(COMMON),
            FOLDERS * FILES + FEW_FILES,
        ),
        ("common/space beside", course.beside, Some(COMMON), BESIDE),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let found = sure(bench.search(top, text));
                assert_eq!(found.files.len() + found.folders.len(), count);
                found
            });
        });
    }
    group.finish();
    let mut open = true;
    criterion.bench_function("status of 1,000 folders", |bencher| {
        bencher.iter(|| {
            open = !open;
            sure(bench.set_status(&course.folders, open))
        });
    });
    criterion.final_summary();
    bench.store.close();
    Ok(())
}

/// In a bench there is nobody to give an error to.
#[expect(clippy::panic, reason = "a bench that fails ends")]
fn sure<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// The rows that the index has for a word.
fn rows(db: &Connection, word: &str) -> Result<Vec<i64>> {
    let sql = "SELECT rowid FROM search WHERE search MATCH ?1";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([format!("\"{word}\"")], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

struct Bench<'a> {
    runtime: &'a Runtime,
    store: Sqlite,
    who: Principal,
}

/// What lies in the store.
struct Course {
    space: NodeId,
    folders: Vec<NodeId>,
    few: NodeId,
    beside: NodeId,
}

impl Bench<'_> {
    fn write(&self, changes: Vec<Change>) -> Result<Vec<Outcome>> {
        let at = Timestamp::from_millis(1);
        let batch = Batch::new(self.who.clone(), at, changes)?.all_or_nothing();
        Ok(self.runtime.block_on(self.store.write(batch))?)
    }

    fn make(&self, resource: ResourceId, edits: Vec<Edit>) -> Result<Vec<NodeId>> {
        let changes = edits.into_iter().map(|edit| Change { resource, edit });
        let mut made = Vec::new();
        for outcome in self.write(changes.collect())? {
            let done = outcome?;
            if let Done::PageWritten(pages) = &done {
                made.extend(pages.iter().map(|page| page.id));
            } else if let Done::Uploaded { file, .. } = &done {
                made.push(file.id);
            } else {
                return Err(format!("{done:?}").into());
            }
        }
        Ok(made)
    }

    /// A space and its first folder.
    fn add_space(&self) -> Result<[NodeId; 2]> {
        let uuids = [Uuid::new_v4(), Uuid::new_v4()];
        let space = NewSpace::named("Biology".parse()?, uuids).ok_or("no space")?;
        let made = self.make(ResourceId::Site, vec![Edit::AddSpace(space)])?;
        made.try_into().map_err(|_| "a space has a folder".into())
    }

    fn fill(&self) -> Result<Course> {
        let [space, root] = self.add_space()?;
        let [beside, other] = self.add_space()?;
        let lectures = (0..BESIDE).map(|number| {
            let node = new_node(&format!("{COMMON} {number}"))?;
            Ok(Edit::AddFolder(node))
        });
        self.make(ResourceId::Node(other), lectures.collect::<Result<_>>()?)?;
        let folders = (0..=FOLDERS).map(|number| {
            let node = new_node(&format!("Week {number}"))?;
            Ok(Edit::AddFolder(node))
        });
        let root = ResourceId::Node(root);
        let mut folders = self.make(root, folders.collect::<Result<_>>()?)?;
        let few = folders.pop().ok_or("no folder")?;
        for (number, &folder) in folders.iter().enumerate() {
            self.add_files(folder, number * FILES, FILES)?;
        }
        self.add_files(few, FOLDERS * FILES, FEW_FILES)?;
        Ok(Course {
            space,
            folders,
            few,
            beside,
        })
    }

    fn add_files(&self, folder: NodeId, first: usize, count: usize) -> Result<()> {
        let files = (first..first + count).map(|number| {
            let subject = match number {
                number if number % 39_999 == 7 => RARE,
                number if number % 2 == 0 => "osmosis",
                _ => "photosynthesis",
            };
            let name = format!("{number:06} {COMMON} on {subject}.pdf");
            Ok(Edit::AddFile(AddFile {
                file: new_node(&name)?,
                content: Content::inline(MediaType::octet_stream(), Bytes::new()),
            }))
        });
        let files = files.collect::<Result<_>>()?;
        self.make(ResourceId::Node(folder), files).map(drop)
    }

    fn caller(&self) -> Caller {
        Caller {
            who: self.who.clone(),
            at: Timestamp::from_millis(2),
        }
    }

    fn search(&self, top: NodeId, text: Option<&str>) -> Result<Details> {
        let text = text.map(str::to_owned);
        let search = TreeSearch {
            top,
            text,
            comments: Comments::Whether,
        };
        let found = self.store.search(&self.caller(), search);
        Ok(black_box(self.runtime.block_on(found)?))
    }

    fn set_status(&self, folders: &[NodeId], open: bool) -> Result<Details> {
        let setting = Setting::Open;
        let name = setting.property().ok_or("a setting without a name")?;
        let change = |&folder: &NodeId| Change {
            resource: ResourceId::Node(folder),
            edit: Edit::Set(Set {
                setting,
                name: name.clone(),
                value: Some(Meaning::Flag(open)),
                description: String::new(),
            }),
        };
        self.write(folders.iter().map(change).collect())?;
        let details = self
            .store
            .details(&self.caller(), folders.to_vec(), Comments::Whether);
        Ok(self.runtime.block_on(details)?)
    }
}

fn new_node(name: &str) -> Result<NewNode> {
    Ok(NewNode {
        name: name.parse()?,
        uuid: Uuid::new_v4(),
    })
}

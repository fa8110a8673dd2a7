//! What a disk may hold after the power has failed: all that was synced, and of the rest what chance leaves.
//!
//! A disk may keep, lose or tear each write that was not synced, in any order, sector by sector. The size of a file may be
//! an older one, and what is beyond the writes that were kept may be zeros or remains of other files. A file that was made
//! since its folder was last synced may be missing, and one that was removed may be back.

use super::trace::{Moment, Span, What};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Random numbers that are the same in each run.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        usize::try_from(bits >> 16).unwrap() % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(super) fn shuffle<T>(&mut self, these: &mut [T]) {
        for n in (1..these.len()).rev() {
            these.swap(n, self.below(n + 1));
        }
    }
}

/// What becomes of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unsynced {
    Lost,
    Kept,
    Torn,
}

/// A change of the bytes of a file.
enum Change<'a> {
    Write { at: usize, bytes: &'a [u8] },
    Truncate { len: usize },
}

/// A file, whatever it is called.
#[derive(Default)]
struct File<'a> {
    changes: Vec<(Span, Change<'a>)>,
    syncs: Vec<Span>,
}

/// All that happened to a folder and the files in it.
pub(super) struct Disk<'a> {
    folder: PathBuf,
    files: Vec<File<'a>>,
    /// What each name stood for from when on: a file, or nothing.
    names: BTreeMap<&'a Path, Vec<(Span, Option<usize>)>>,
    folder_syncs: Vec<Span>,
}

impl<'a> Disk<'a> {
    pub(super) fn new(folder: &Path, done: &'a [(Span, What)]) -> Self {
        let mut disk = Disk {
            folder: folder.to_owned(),
            files: Vec::new(),
            names: BTreeMap::new(),
            folder_syncs: Vec::new(),
        };
        for (span, what) in done {
            let span = *span;
            match what {
                What::Create(path) => {
                    let names = disk.names.entry(path).or_default();
                    names.push((span, Some(disk.files.len())));
                    disk.files.push(File::default());
                }
                What::Remove(path) => disk.names.entry(path).or_default().push((span, None)),
                What::Sync(path) if path == folder => disk.folder_syncs.push(span),
                What::Sync(path) => disk.file(path).syncs.push(span),
                What::Write { file, at, bytes } => {
                    let write = Change::Write { at: *at, bytes };
                    disk.file(file).changes.push((span, write));
                }
                What::Truncate { file, len } => {
                    let truncate = Change::Truncate { len: *len };
                    disk.file(file).changes.push((span, truncate));
                }
                What::Answer(_) => {}
            }
        }
        disk
    }

    /// The file that has this name, or had it last.
    fn file(&mut self, path: &Path) -> &mut File<'a> {
        let names = self.names.get(path);
        let file = names.and_then(|names| names.iter().rev().find_map(|(_, file)| *file));
        let file = file.unwrap_or_else(|| panic!("{} was never made", path.display()));
        &mut self.files[file]
    }

    /// The files in the folder, as they may be found if the power fails at this moment. The index of the log is never
    /// found.
    pub(super) fn at(
        &self,
        moment: Moment,
        unsynced: Unsynced,
        chance: &mut Chance,
    ) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for (path, names) in &self.names {
            if path.to_string_lossy().ends_with("-shm") {
                continue;
            }
            let begun = names.iter().take_while(|(span, _)| span.begun < moment);
            let begun: Vec<_> = begun.collect();
            let sure = begun
                .iter()
                .rposition(|(span, _)| is_sure(*span, &self.folder_syncs, moment));
            let mut possible = vec![sure.and_then(|sure| begun[sure].1)];
            possible.extend(
                begun[sure.map_or(0, |sure| sure + 1)..]
                    .iter()
                    .map(|(_, file)| *file),
            );
            let file = match unsynced {
                Unsynced::Lost => possible.first().copied(),
                Unsynced::Kept => possible.last().copied(),
                Unsynced::Torn => Some(chance.pick(&possible)),
            };
            if let Some(file) = file.flatten() {
                let bytes = self.files[file].at(moment, unsynced, chance);
                found.push((path.strip_prefix(&self.folder).unwrap().to_owned(), bytes));
            }
        }
        found
    }
}

/// Whether a sync that has returned began after this was done.
fn is_sure(span: Span, syncs: &[Span], moment: Moment) -> bool {
    let is_after = |sync: &Span| {
        sync.done.is_some_and(|done| done < moment)
            && span.done.is_some_and(|done| done < sync.begun)
    };
    syncs.iter().any(is_after)
}

impl File<'_> {
    fn at(&self, moment: Moment, unsynced: Unsynced, chance: &mut Chance) -> Vec<u8> {
        let begun = self
            .changes
            .iter()
            .take_while(|(span, _)| span.begun < moment);
        // What was done before this is sure.
        let horizon = self
            .syncs
            .iter()
            .filter(|sync| sync.done.is_some_and(|done| done < moment))
            .map(|sync| sync.begun)
            .max()
            .unwrap_or(0);
        let (sure, mut open): (Vec<_>, Vec<_>) =
            begun.partition(|(span, _)| span.done.is_some_and(|done| done < horizon));
        let sizes_of = |changes: &[&(Span, Change)], from: usize| {
            let mut sizes = vec![from];
            sizes.extend(changes.iter().scan(from, |size, change| {
                *size = change.1.size(*size);
                Some(*size)
            }));
            sizes
        };
        let sure_sizes = sizes_of(&sure, 0);
        let sure_size = sure_sizes[sure_sizes.len() - 1];
        let sizes = sizes_of(&open, sure_size);
        // As long as it ever was, because to make a vector longer bit by bit takes its time.
        let largest = sure_sizes.iter().chain(&sizes).max().copied();
        let mut bytes = vec![0; largest.unwrap_or(0)];
        for (_, change) in sure {
            change.make(&mut bytes);
        }
        let size = match unsynced {
            Unsynced::Lost => sure_size,
            Unsynced::Kept => {
                for (_, change) in &open {
                    change.make(&mut bytes);
                }
                sizes[sizes.len() - 1]
            }
            Unsynced::Torn => {
                // What the system has set apart for the file, and perhaps not written.
                let remains = [0, 0x5A][chance.below(2)];
                bytes[sure_size..].fill(remains);
                let sector = [512, 4096][chance.below(2)];
                chance.shuffle(&mut open);
                for (_, change) in open {
                    change.tear(&mut bytes, sector, chance);
                }
                chance.pick(&sizes)
            }
        };
        bytes.truncate(size);
        bytes
    }
}

impl Change<'_> {
    /// The size of a file that had this one before.
    fn size(&self, before: usize) -> usize {
        match self {
            Change::Write { at, bytes } => before.max(at + bytes.len()),
            Change::Truncate { len } => *len,
        }
    }

    fn make(&self, file: &mut [u8]) {
        match self {
            Change::Write { at, bytes } => file[*at..at + bytes.len()].copy_from_slice(bytes),
            Change::Truncate { len } => file[*len..].fill(0),
        }
    }

    /// Makes it or not or in parts.
    fn tear(&self, file: &mut [u8], sector: usize, chance: &mut Chance) {
        let how = chance.below(3);
        match self {
            _ if how == 0 => {}
            Change::Write { at, bytes } => {
                let (mut from, end) = (*at, at + bytes.len());
                while from < end {
                    let to = end.min((from / sector + 1) * sector);
                    if how == 1 || chance.below(2) == 0 {
                        file[from..to].copy_from_slice(&bytes[from - at..to - at]);
                    }
                    from = to;
                }
            }
            Change::Truncate { len } => file[*len..].fill(0),
        }
    }
}

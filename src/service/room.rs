//! What all requests together may hold in memory: bodies that are gathered, long work, and answers that clients have yet to
//! fetch.
//!
//! Each request is bounded by itself; this bounds their sum (`promises.md` §1.4: 100 clients that never read). An answer
//! for which there is no room waits in a file without a name beside the database instead, so that those who do not read take
//! nothing from those who do.

use super::stream::AnswerStream;
use crate::fault::Fault;
use bytes::Bytes;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How much of the bodies of all requests may be gathered in memory at a time.
const BODY_BYTES_MAX: usize = 256 << 20;

/// Bodies up to this size always have room.
const SMALL_BODY_BYTES: usize = 64 << 10;

/// How much of all answers may wait in memory to be fetched.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// Answers up to this size always have room.
const SMALL_ANSWER_BYTES: usize = 16 << 10;

/// How much of all answers may wait in files, and in how many.
const FILE_BYTES_MAX: usize = 2 << 30;
pub(crate) const FILES_MAX: usize = 256;

/// How many long lists and the like may be read and rendered at a time.
const LONG_MAX: usize = 2;

/// How long such a request may wait for its turn.
const TURN_TIME: Duration = Duration::from_secs(30);

/// What is left.
pub(super) struct Room {
    bodies: Arc<Semaphore>,
    long: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    files: Arc<Semaphore>,
    /// Where the files are made.
    folder: Option<PathBuf>,
}

impl Room {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Room {
            bodies: semaphore(BODY_BYTES_MAX),
            long: semaphore(LONG_MAX),
            answers: semaphore(ANSWER_BYTES_MAX),
            files: semaphore(FILE_BYTES_MAX),
            folder,
        }
    }

    /// Room for a body that is about to be gathered.
    pub(super) fn for_body(&self) -> BodyRoom<'_> {
        BodyRoom {
            room: self,
            bytes: SMALL_BODY_BYTES,
            held: None,
        }
    }

    /// Waits for a turn at something long.
    ///
    /// # Errors
    /// [`Fault::Overloaded`] if it does not come.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let turn = timeout(TURN_TIME, Arc::clone(&self.long).acquire_owned()).await;
        match turn {
            Ok(Ok(turn)) => Ok(turn),
            // It is never closed.
            Ok(Err(_)) | Err(_) => Err(Fault::Overloaded),
        }
    }

    /// Keeps an answer until it has been sent.
    ///
    /// # Errors
    /// [`Fault::Overloaded`] if there is no room for it at all.
    pub(super) async fn keep(&self, bytes: Bytes) -> Result<AnswerStream, Fault> {
        if bytes.len() <= SMALL_ANSWER_BYTES {
            return Ok(AnswerStream::of_bytes(bytes));
        }
        if let Some(permit) = take(&self.answers, bytes.len()) {
            let held = Held {
                bytes,
                _permit: permit,
            };
            return Ok(AnswerStream::of_bytes(Bytes::from_owner(held)));
        }
        let share = bytes.len().max(FILE_BYTES_MAX / FILES_MAX);
        let (Some(permit), Some(folder)) = (take(&self.files, share), self.folder.clone()) else {
            return Err(Fault::Overloaded);
        };
        let length = bytes.len() as u64;
        let written = tokio::task::spawn_blocking(move || write(&folder, &bytes)).await;
        match written.map_err(io::Error::other).flatten() {
            Ok(file) => Ok(AnswerStream::of_file(file, length, permit)),
            Err(error) => {
                tracing::warn!(%error, "an answer that is not fetched could not be put into a file");
                Err(Fault::Overloaded)
            }
        }
    }
}

/// So much of a semaphore, if it is there.
fn take(semaphore: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let bytes = u32::try_from(bytes).ok()?;
    Arc::clone(semaphore).try_acquire_many_owned(bytes).ok()
}

/// A file without a name, readable by nobody else, that goes when it is closed.
fn write(folder: &std::path::Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Bytes that give their room back when nobody has them any more.
struct Held {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The room of one body.
pub(super) struct BodyRoom<'a> {
    room: &'a Room,
    /// How much there is.
    bytes: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl BodyRoom<'_> {
    /// Sees to it that there is room for so many bytes: at least twice as much as before, so that it is not asked for often.
    ///
    /// # Errors
    /// [`Fault::Overloaded`] if there is not.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Fault> {
        if bytes <= self.bytes {
            return Ok(());
        }
        let more = self.bytes.max(bytes - self.bytes);
        let permit = take(&self.room.bodies, more).ok_or(Fault::Overloaded)?;
        self.bytes += more;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        Ok(())
    }

    /// What has to be held for as long as the bytes are there.
    pub(super) fn into_held(self) -> Option<OwnedSemaphorePermit> {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn all(stream: AnswerStream) -> Bytes {
        stream.collect().await.unwrap().to_bytes()
    }

    fn bytes(length: usize) -> Bytes {
        (0..=250).cycle().take(length).collect()
    }

    #[tokio::test]
    async fn what_has_no_room_in_memory_comes_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::new(Some(dir.path().to_owned()));
        let large = bytes(20 << 20);
        let first = room.keep(large.clone()).await.unwrap();
        assert!(!first.is_in_file());
        let second = room.keep(large.clone()).await.unwrap();
        assert!(second.is_in_file(), "two have no room");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(
            !room
                .keep(bytes(SMALL_ANSWER_BYTES))
                .await
                .unwrap()
                .is_in_file()
        );
        assert_eq!(all(second).await, large);
        assert_eq!(all(first).await, large);
        let third = room.keep(large.clone()).await.unwrap();
        assert!(!third.is_in_file(), "what was sent gives its room back");
        assert_eq!(room.files.available_permits(), FILE_BYTES_MAX);
    }

    #[tokio::test]
    async fn what_has_no_room_at_all_is_refused() {
        let room = Room::new(None);
        let _first = room.keep(bytes(20 << 20)).await.unwrap();
        let second = room.keep(bytes(20 << 20)).await;
        assert!(matches!(second, Err(Fault::Overloaded)));
        assert!(room.keep(bytes(1)).await.is_ok());
    }

    #[test]
    fn bodies_share_their_room() {
        let room = Room::new(None);
        let mut bodies = Vec::new();
        let refused = loop {
            let mut body = room.for_body();
            match body.grow(16 << 20) {
                Ok(()) => bodies.push(body),
                Err(fault) => break fault,
            }
        };
        assert!(matches!(refused, Fault::Overloaded));
        assert_eq!(bodies.len(), BODY_BYTES_MAX >> 24);
        assert!(room.for_body().grow(SMALL_BODY_BYTES).is_ok());
        drop(bodies.pop());
        assert!(room.for_body().grow(1 << 20).is_ok());
    }
}

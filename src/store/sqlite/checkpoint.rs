//! Checkpoints beside the writer: what stands in the log of SQLite goes into the database without stopping writes.
//!
//! SQLite would do that inside of a COMMIT, for many milliseconds, while everybody waits. Here a thread of its own copies
//! most of it; the writer then copies the little that it has written meanwhile, and its next COMMIT begins the log anew.

use super::SqliteOptions;
use super::schema::{OpenError, open_checkpointer};
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

/// After so many pages in the log a copy is made.
const PAGES_MIN: i32 = 1000;

/// If the log could not be begun anew, because somebody was reading, the next copy is made after so many more.
const PAGES_MORE: i32 = 250;

/// What the writer and the thread tell each other.
#[derive(Debug, Default)]
struct Shared {
    /// How many pages the log had after the last COMMIT.
    pages: AtomicI32,
    /// Whether the thread has made the copy that it was asked for.
    is_copied: AtomicBool,
}

/// The checkpoints of one writer.
#[derive(Debug)]
pub(super) struct Checkpoints {
    shared: Arc<Shared>,
    wake: Sender<()>,
    thread: JoinHandle<()>,
    /// From how many pages on a copy shall be made; `None` while one is being made.
    due: Option<i32>,
}

impl Checkpoints {
    /// Takes over the checkpoints of the connection that writes.
    pub(super) fn start(
        options: &SqliteOptions,
        writer: &mut Connection,
    ) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let hook = move |_: &mut Wal, pages| {
            seen.pages.store(pages, Ordering::Relaxed);
            Ok(())
        };
        // It takes the place of the one by which SQLite would make checkpoints.
        let hooked = writer.wal_hook(Some(hook));
        hooked.map_err(|reason| OpenError::Database {
            path: options.path.clone(),
            reason,
        })?;
        let db = open_checkpointer(options)?;
        let (wake, woken) = channel();
        let copying = Arc::clone(&shared);
        let thread = Builder::new()
            .name("propstore-checkpoint".to_owned())
            .spawn(move || serve(&db, &woken, &copying));
        Ok(Checkpoints {
            shared,
            wake,
            thread: thread.map_err(OpenError::Thread)?,
            due: Some(PAGES_MIN),
        })
    }

    /// Has a copy made if it is time. To be called after each COMMIT.
    pub(super) fn begin(&mut self) {
        let pages = self.shared.pages.load(Ordering::Relaxed);
        // If it cannot be sent, the thread has ended, and that was logged.
        if self.due.is_some_and(|due| pages >= due) && self.wake.send(()).is_ok() {
            self.due = None;
        }
    }

    /// Whether a copy was made and [`Checkpoints::finish`] has something to do, which may take some milliseconds.
    pub(super) fn is_to_finish(&self) -> bool {
        self.due.is_none() && self.shared.is_copied.load(Ordering::Acquire)
    }

    /// Copies what was written while a copy was made.
    pub(super) fn finish(&mut self, writer: &Connection) {
        if self.is_to_finish() {
            self.shared.is_copied.store(false, Ordering::Release);
            let is_whole = copy(writer);
            let pages = self.shared.pages.load(Ordering::Relaxed);
            self.due = Some(if is_whole {
                PAGES_MIN
            } else {
                pages + PAGES_MORE
            });
        }
    }

    /// Ends the thread.
    pub(super) fn close(self) {
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the thread that makes checkpoints has panicked");
        }
    }
}

fn serve(db: &Connection, woken: &Receiver<()>, shared: &Shared) {
    while woken.recv().is_ok() {
        copy(db);
        shared.is_copied.store(true, Ordering::Release);
    }
}

/// Copies what of the log nobody needs there any more. Whether that was all of it.
fn copy(db: &Connection) -> bool {
    let copied = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    match copied {
        // Negative: another process is making one.
        Ok((pages, copied)) => pages >= 0 && pages == copied,
        Err(error) => {
            tracing::warn!(%error, "a checkpoint failed; the log of SQLite grows until one succeeds");
            false
        }
    }
}

//! The one thread that writes: it takes what is waiting, up to a bound, and lets it share one COMMIT.
//!
//! The order for each group: `BEGIN IMMEDIATE`, every job in turn, `COMMIT`, and only then the answers. A job that is
//! refused has written nothing, so it harms no other. If the machine fails one job of a group, the whole group is
//! rolled back and each of its jobs is run again in a transaction of its own, so that one bad job cannot take others
//! with it; this needs no savepoint on the path that works.

use super::contents::{self, Swept};
use super::counters::Counters;
use super::schema::{Claim, OpenError};
use super::{SqliteOptions, accounts, apply};
use crate::model::{Batch, Body, Change, Content, ContentId, Outcome, Timestamp, User, UserId};
use crate::store::{NewAccount, NewToken, StoreError, Ticket};
use bytes::Bytes;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;
use tokio::sync::oneshot;

/// A write on its way through the thread.
trait Job: Send {
    /// Does the work inside a transaction and keeps the answer. Can be called again after a rollback.
    ///
    /// `Err` says that the transaction cannot be committed.
    fn run(&mut self, counters: &Counters<'_>) -> Result<(), Broken>;

    /// Gives the answer that was kept or, if the transaction was not committed, `failure`.
    fn answer(self: Box<Self>, failure: Option<StoreError>);

    /// About how many bytes of content it writes.
    fn weight(&self) -> usize;
}

/// The machine failed a job, which keeps the reason as its answer.
struct Broken;

/// Work whose type would contain itself otherwise.
type Work<T> = Box<dyn FnMut(&Counters<'_>) -> Result<T, StoreError> + Send>;

struct Task<T, F> {
    work: F,
    weight: usize,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: Send + FnMut(&Counters<'_>) -> Result<T, StoreError>> Job for Task<T, F> {
    fn run(&mut self, counters: &Counters<'_>) -> Result<(), Broken> {
        let result = (self.work)(counters);
        let broken = !matches!(result, Ok(_) | Err(StoreError::Refused(_)));
        self.result = Some(result);
        if broken { Err(Broken) } else { Ok(()) }
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let result = match (failure, self.result) {
            (Some(failure), _) => Err(failure),
            (None, Some(result)) => result,
            (None, None) => Err(StoreError::Closed),
        };
        // Whoever asked may have gone; the write stands all the same.
        drop(self.reply.send(result));
    }

    fn weight(&self) -> usize {
        self.weight
    }
}

enum Message {
    Job(Box<dyn Job>),
    Stop,
}

/// The thread that writes, and its queue.
#[derive(Debug)]
pub(super) struct Writer {
    /// When the thread ends, this kind of queue drops what is left in it, so nobody waits for an answer in vain.
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        options: &SqliteOptions,
        db: Connection,
        claim: Claim,
    ) -> Result<Self, OpenError> {
        let (queue, waiting) = sync_channel(options.write_queue_max);
        let group = GroupBounds {
            jobs: options.write_group_max.max(1),
            bytes: options.write_group_bytes,
        };
        let thread = Builder::new()
            .name("propstore-writer".to_owned())
            .spawn(move || {
                serve(&db, &waiting, group);
                drop(db);
                drop(claim);
            });
        Ok(Writer {
            queue,
            thread: Mutex::new(Some(thread.map_err(OpenError::Thread)?)),
        })
    }

    pub(super) fn write(&self, batch: Batch) -> Ticket<Vec<Outcome>> {
        let bytes = |change: &Change| match change.edit.content() {
            Some(Content {
                body: Body::Inline(bytes),
                ..
            }) => bytes.len(),
            Some(_) | None => 0,
        };
        let weight = batch.changes().iter().map(bytes).sum();
        self.submit(weight, move |counters| apply::write(counters, &batch))
    }

    pub(super) fn stage(&self, at: Timestamp) -> Ticket<ContentId> {
        self.submit(0, move |counters| contents::stage(counters.db(), at))
    }

    pub(super) fn append(&self, content: ContentId, seq: u32, bytes: Bytes) -> Ticket<()> {
        self.submit(bytes.len(), move |counters| {
            contents::append(counters.db(), content, seq, &bytes)
        })
    }

    pub(super) fn discard(&self, content: ContentId) -> Ticket<()> {
        self.submit(0, sweep(self.queue.clone(), content))
    }

    /// Forgets the contents whose sending was cut off when propstore last ended.
    pub(super) fn sweep(&self) {
        let queue = self.queue.clone();
        drop(self.submit(0, move |counters| {
            for content in contents::staged(counters.db())? {
                sweep_later(&queue, content);
            }
            Ok(())
        }));
    }

    pub(super) fn add_account(&self, account: NewAccount) -> Ticket<Arc<User>> {
        self.submit(0, move |counters| {
            accounts::add_account(counters.db(), &account)
        })
    }

    pub(super) fn set_password(&self, user: UserId, password: String) -> Ticket<()> {
        self.submit(0, move |counters| {
            accounts::set_password(counters.db(), user, &password)
        })
    }

    pub(super) fn add_token(&self, token: NewToken, now: Timestamp) -> Ticket<()> {
        self.submit(0, move |counters| {
            accounts::add_token(counters.db(), &token, now)
        })
    }

    pub(super) fn close(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // If it cannot be sent, the thread has ended.
            drop(self.queue.send(Message::Stop));
            if thread.join().is_err() {
                tracing::error!("the writing thread has panicked");
            }
        }
    }

    fn submit<T: Send + 'static>(
        &self,
        weight: usize,
        work: impl FnMut(&Counters<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Ticket<T> {
        let (reply, ticket) = Ticket::new();
        let task = Task {
            work,
            weight,
            result: None,
            reply,
        };
        match self.queue.try_send(Message::Job(Box::new(task))) {
            Ok(()) => ticket,
            Err(TrySendError::Full(_)) => Ticket::ready(Err(StoreError::Overloaded)),
            Err(TrySendError::Disconnected(_)) => Ticket::ready(Err(StoreError::Closed)),
        }
    }
}

/// Deletes a part of a content that nothing refers to, and asks for the rest: it waits its turn behind other writes.
fn sweep(
    queue: SyncSender<Message>,
    content: ContentId,
) -> impl FnMut(&Counters<'_>) -> Result<(), StoreError> + Send {
    move |counters| {
        if contents::sweep(counters.db(), content)? == Swept::Partly {
            sweep_later(&queue, content);
        }
        Ok(())
    }
}

/// If there is no room to wait, the content goes when propstore next starts.
fn sweep_later(queue: &SyncSender<Message>, content: ContentId) {
    let work: Work<()> = Box::new(sweep(queue.clone(), content));
    let (reply, ticket) = Ticket::new();
    drop((
        queue.try_send(Message::Job(Box::new(Task {
            work,
            weight: 0,
            result: None,
            reply,
        }))),
        ticket,
    ));
}

#[derive(Clone, Copy)]
struct GroupBounds {
    jobs: usize,
    bytes: usize,
}

fn serve(db: &Connection, queue: &Receiver<Message>, bounds: GroupBounds) {
    let mut stopping = false;
    while !stopping {
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut message = queue.recv().unwrap_or(Message::Stop);
        loop {
            match message {
                Message::Stop => stopping = true,
                Message::Job(job) => {
                    bytes += job.weight();
                    group.push(job);
                }
            }
            if stopping || group.len() >= bounds.jobs || bytes >= bounds.bytes {
                break;
            }
            match queue.try_recv() {
                Ok(next) => message = next,
                Err(_) => break,
            }
        }
        if !group.is_empty() {
            commit(db, group);
        }
    }
}

fn commit(db: &Connection, mut group: Vec<Box<dyn Job>>) {
    let began = Instant::now();
    let jobs = group.len();
    match try_commit(db, &mut group) {
        Ok(()) => {
            for job in group {
                job.answer(None);
            }
            tracing::debug!(jobs, micros = began.elapsed().as_micros(), "committed");
        }
        Err(Failure::OfJob) if jobs > 1 => {
            for job in group {
                commit(db, vec![job]);
            }
        }
        // Alone, and it keeps its own reason.
        Err(Failure::OfJob) => {
            for job in group {
                job.answer(None);
            }
        }
        Err(Failure::OfTransaction(error)) => {
            tracing::error!(jobs, %error, "a group of writes could not be committed");
            let reason = |code| rusqlite::Error::SqliteFailure(code, None);
            let code = error
                .sqlite_error()
                .copied()
                .unwrap_or(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ERROR));
            for job in group {
                job.answer(Some(reason(code).into()));
            }
        }
    }
}

enum Failure {
    OfJob,
    OfTransaction(rusqlite::Error),
}

fn try_commit(db: &Connection, group: &mut [Box<dyn Job>]) -> Result<(), Failure> {
    let run = |sql| {
        db.prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]).map(drop))
    };
    run("BEGIN IMMEDIATE").map_err(Failure::OfTransaction)?;
    let counters = Counters::new(db);
    let worked = group
        .iter_mut()
        .try_for_each(|job| job.run(&counters))
        .map_err(|Broken| Failure::OfJob);
    let done = worked.and_then(|()| {
        let stored = counters.store().and_then(|()| run("COMMIT"));
        stored.map_err(Failure::OfTransaction)
    });
    if done.is_err()
        && !db.is_autocommit()
        && let Err(error) = run("ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be rolled back");
    }
    done
}

//! The one connection that writes. A thread takes what is waiting, up to a bound, and lets it share one COMMIT.
//!
//! While nobody else writes and the disk answers within a millisecond, a short batch is made on the thread that asks:
//! to wake another one, and to be woken by it, would take about as long as the COMMIT itself. So a single client is
//! served quicker, and as soon as there are several the thread serves them in groups. No more than one thread waits for
//! the disk at a time, and none for another process.
//!
//! The order for each group: `BEGIN IMMEDIATE`, every job in turn, `COMMIT`, and only then the answers. A job that is
//! refused has written nothing, so it harms no other. If the machine fails one job of a group, the whole group is
//! rolled back and each of its jobs is run again in a transaction of its own, so that one bad job cannot take others
//! with it; this needs no savepoint on the path that works.

use super::checkpoint::Checkpoints;
use super::contents::{self, Swept};
use super::counters::Counters;
use super::known::Known;
use super::schema::{Claim, OpenError};
use super::{SqliteOptions, apply, spaces};
use crate::model::{Batch, Body, Change, Content, ContentId, Outcome, Principal, Timestamp};
use crate::store::{StoreError, Ticket};
use bytes::Bytes;
use rusqlite::Connection;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
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

/// A batch of more changes is not made on the thread that asks for it.
const SHORT_CHANGES_MAX: usize = 32;

/// Nor one that carries more bytes of content.
const SHORT_BYTES_MAX: usize = 64 << 10;

/// Nor is any batch, if the last COMMIT took longer than this: the thread has others to serve.
const SHORT_TIME: Duration = Duration::from_millis(1);

/// The connection that writes, and what goes with it.
#[derive(Debug)]
struct Committer {
    db: Connection,
    checkpoints: Checkpoints,
    known: Arc<Known>,
    lock_timeout: Duration,
    /// How many jobs the last group had, and how long it took.
    jobs: usize,
    took: Duration,
    claim: Claim,
}

/// What the thread that writes shares with those that ask. `None` once it is closed.
type Shared = Arc<Mutex<Option<Committer>>>;

/// The thread that writes, and its queue.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Queue,
    committer: Shared,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        options: &SqliteOptions,
        mut db: Connection,
        claim: Claim,
        known: Arc<Known>,
    ) -> Result<Self, OpenError> {
        let checkpoints = Checkpoints::start(options, &mut db)?;
        let (sender, receiver) = sync_channel(options.write_queue_max);
        let bounds = GroupBounds {
            jobs: options.write_group_max.max(1),
            bytes: options.write_group_bytes,
        };
        let committer = Arc::new(Mutex::new(Some(Committer {
            db,
            checkpoints,
            known,
            lock_timeout: options.lock_timeout,
            jobs: 1,
            took: Duration::ZERO,
            claim,
        })));
        let waiting = Arc::new(AtomicUsize::new(0));
        let jobs = Jobs {
            receiver,
            waiting: Arc::clone(&waiting),
            bounds,
        };
        let shared = Arc::clone(&committer);
        let thread = Builder::new()
            .name("propstore-writer".to_owned())
            .spawn(move || serve(&shared, jobs));
        Ok(Writer {
            queue: Queue {
                sender,
                waiting,
                buries: Arc::default(),
            },
            committer,
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
        let weight: usize = batch.changes().iter().map(bytes).sum();
        let is_short = batch.changes().len() <= SHORT_CHANGES_MAX && weight <= SHORT_BYTES_MAX;
        let queue = self.queue.clone();
        let (mut job, ticket) = task(weight, move |counters| {
            let outcomes = apply::write(counters, &batch)?;
            if counters.take_dying() {
                bury_later(&queue);
            }
            Ok(outcomes)
        });
        if is_short
            && let Some(mut idle) = self.idle()
            && let Some(committer) = idle.as_mut()
        {
            job = match committer.commit_at_once(job) {
                Ok(()) => return ticket,
                Err(job) => job,
            };
        }
        self.enqueue(job, ticket)
    }

    pub(super) fn stage(&self, at: Timestamp) -> Ticket<ContentId> {
        self.submit(0, move |counters| contents::stage(counters.db(), at))
    }

    pub(super) fn append(&self, content: ContentId, seq: u32, bytes: Bytes) -> Ticket<()> {
        self.submit(bytes.len(), move |counters| {
            counters.fill_cache();
            contents::append(counters.db(), content, seq, &bytes)
        })
    }

    pub(super) fn discard(&self, content: ContentId) -> Ticket<()> {
        self.submit(0, sweep(self.queue.clone(), content))
    }

    /// Forgets the contents whose sending was cut off when propstore last ended, and goes on with folders whose deletion
    /// was.
    pub(super) fn sweep(&self) {
        let queue = self.queue.clone();
        bury_later(&queue);
        drop(self.submit(0, move |counters| {
            for content in contents::staged(counters.db())? {
                sweep_later(&queue, content);
            }
            Ok(())
        }));
    }

    /// Something about accounts, asked for by a principal: as the account is by then.
    pub(super) fn accounts<T: Send + 'static>(
        &self,
        by: &Principal,
        mut work: impl FnMut(&Counters<'_>, &Principal) -> Result<T, StoreError> + Send + 'static,
    ) -> Ticket<T> {
        let by = by.clone();
        self.submit(0, move |counters| work(counters, &counters.current(&by)?))
    }

    pub(super) fn close(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // If it cannot be sent, the thread has ended.
            drop(self.queue.sender.send(Message::Stop));
            if thread.join().is_err() {
                tracing::error!("the writing thread has panicked");
            }
        }
    }

    /// The connection, if nobody writes or waits and a COMMIT takes about as long as to wake the thread that writes.
    fn idle(&self) -> Option<MutexGuard<'_, Option<Committer>>> {
        let committer = self.committer.try_lock().ok()?;
        let is_quick = committer.as_ref().is_some_and(Committer::is_quick);
        (is_quick && self.queue.waiting.load(Ordering::Acquire) == 0).then_some(committer)
    }

    fn submit<T: Send + 'static>(
        &self,
        weight: usize,
        work: impl FnMut(&Counters<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Ticket<T> {
        let (job, ticket) = task(weight, work);
        self.enqueue(job, ticket)
    }

    fn enqueue<T>(&self, job: Box<dyn Job>, ticket: Ticket<T>) -> Ticket<T> {
        match self.queue.offer(job) {
            Ok(()) => ticket,
            Err(refused) => Ticket::ready(Err(refused)),
        }
    }
}

/// A job, and the ticket for its answer.
fn task<T: Send + 'static>(
    weight: usize,
    work: impl FnMut(&Counters<'_>) -> Result<T, StoreError> + Send + 'static,
) -> (Box<dyn Job>, Ticket<T>) {
    let (reply, ticket) = Ticket::new();
    let task = Task {
        work,
        weight,
        result: None,
        reply,
    };
    (Box::new(task), ticket)
}

/// Deletes a part of a content that nothing refers to, and asks for the rest: it waits its turn behind other writes.
fn sweep(
    queue: Queue,
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
fn sweep_later(queue: &Queue, content: ContentId) {
    let work: Work<()> = Box::new(sweep(queue.clone(), content));
    let (job, ticket) = task(0, work);
    drop((queue.offer(job), ticket));
}

/// Marks a part of what lies in deleted folders, and asks for the rest: it waits its turn behind other writes, and only one
/// such job waits at a time. If there is no room to wait, that goes on with the next deletion, or when propstore starts.
fn bury_later(queue: &Queue) {
    if queue.buries.swap(true, Ordering::AcqRel) {
        return;
    }
    let again = queue.clone();
    let mut waits = true;
    let work: Work<()> = Box::new(move |counters| {
        // If it is run a second time, because another job has broken the group, the next one may wait already.
        if std::mem::take(&mut waits) {
            again.buries.store(false, Ordering::Release);
        }
        if spaces::bury(counters.db())? {
            bury_later(&again);
        }
        Ok(())
    });
    let (job, ticket) = task(0, work);
    if queue.offer(job).is_err() {
        queue.buries.store(false, Ordering::Release);
    }
    drop(ticket);
}

/// The jobs that wait for the thread.
#[derive(Clone, Debug)]
struct Queue {
    /// When the thread ends, this kind of queue drops what is left in it, so nobody waits for an answer in vain.
    sender: SyncSender<Message>,
    /// How many jobs are in it.
    waiting: Arc<AtomicUsize>,
    /// Whether one of them marks what lies in deleted folders.
    buries: Arc<AtomicBool>,
}

impl Queue {
    fn offer(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let refused = match self.sender.try_send(Message::Job(job)) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(_)) => StoreError::Overloaded,
            Err(TrySendError::Disconnected(_)) => StoreError::Closed,
        };
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        Err(refused)
    }
}

#[derive(Clone, Copy)]
struct GroupBounds {
    jobs: usize,
    bytes: usize,
}

/// The other end of the queue.
struct Jobs {
    receiver: Receiver<Message>,
    waiting: Arc<AtomicUsize>,
    bounds: GroupBounds,
}

impl Jobs {
    /// Waits for a job and takes what else is there, up to the bounds; and whether more will come.
    fn next_group(&self) -> (Vec<Box<dyn Job>>, bool) {
        let (mut group, mut bytes) = (Vec::new(), 0);
        let mut message = self.receiver.recv().unwrap_or(Message::Stop);
        loop {
            match message {
                Message::Stop => return (group, false),
                Message::Job(job) => {
                    self.waiting.fetch_sub(1, Ordering::AcqRel);
                    bytes += job.weight();
                    group.push(job);
                }
            }
            if group.len() >= self.bounds.jobs || bytes >= self.bounds.bytes {
                return (group, true);
            }
            match self.receiver.try_recv() {
                Ok(next) => message = next,
                Err(_) => return (group, true),
            }
        }
    }
}

fn serve(committer: &Shared, jobs: Jobs) {
    loop {
        let (group, more) = jobs.next_group();
        // If somebody has panicked over it, nothing is written any more.
        let Ok(mut committer) = committer.lock() else {
            return;
        };
        if let Some(committer) = committer.as_mut().filter(|_| !group.is_empty()) {
            committer.commit(group);
            committer.checkpoints.finish(&committer.db);
        }
        if !more {
            drop(jobs);
            if let Some(Committer {
                db,
                checkpoints,
                claim,
                ..
            }) = committer.take()
            {
                checkpoints.close();
                drop(db);
                drop(claim);
            }
            return;
        }
    }
}

impl Committer {
    /// Commits a group and gives the answers.
    fn commit(&mut self, group: Vec<Box<dyn Job>>) {
        self.commit_from(Instant::now(), Transaction::ToBegin, group);
    }

    /// Commits one job if no other process holds the database, or gives it back.
    fn commit_at_once(&mut self, job: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        let began = Instant::now();
        let begun = self
            .db
            .busy_timeout(Duration::ZERO)
            .and_then(|()| run(&self.db, BEGIN));
        // If this failed, no other process would be waited for: that is an error, and no harm.
        drop(self.db.busy_timeout(self.lock_timeout));
        if begun.is_err() {
            return Err(job);
        }
        self.commit_from(began, Transaction::Begun, vec![job]);
        Ok(())
    }

    fn commit_from(&mut self, began: Instant, transaction: Transaction, group: Vec<Box<dyn Job>>) {
        self.jobs = group.len();
        self.answer(transaction, group);
        self.took = began.elapsed();
        tracing::debug!(
            jobs = self.jobs,
            micros = self.took.as_micros(),
            "committed"
        );
        self.checkpoints.begin();
    }

    /// Whether a short batch can be made where it is asked for: nobody else writes, and the disk is quick.
    fn is_quick(&self) -> bool {
        self.jobs == 1 && self.took <= SHORT_TIME && !self.checkpoints.is_to_finish()
    }

    /// Makes the jobs of a group and answers them.
    fn answer(&self, transaction: Transaction, mut group: Vec<Box<dyn Job>>) {
        let jobs = group.len();
        let failure = match self.try_commit(transaction, &mut group) {
            Ok(()) => None,
            Err(Failure::OfJob) if jobs > 1 => {
                for job in group {
                    self.answer(Transaction::ToBegin, vec![job]);
                }
                return;
            }
            // Alone, and it keeps its own reason.
            Err(Failure::OfJob) => None,
            Err(Failure::OfTransaction(error)) => {
                tracing::error!(jobs, %error, "a group of writes could not be committed");
                let code = error.sqlite_error().copied();
                Some(code.unwrap_or(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ERROR)))
            }
        };
        for job in group {
            job.answer(failure.map(|code| rusqlite::Error::SqliteFailure(code, None).into()));
        }
    }

    fn try_commit(
        &self,
        transaction: Transaction,
        group: &mut [Box<dyn Job>],
    ) -> Result<(), Failure> {
        let db = &self.db;
        if transaction == Transaction::ToBegin {
            run(db, BEGIN).map_err(Failure::OfTransaction)?;
        }
        let counters = Counters::new(db);
        let worked = group
            .iter_mut()
            .try_for_each(|job| job.run(&counters))
            .map_err(|Broken| Failure::OfJob);
        let done = worked.and_then(|()| {
            let stored = counters.store().and_then(|()| {
                reach("before-commit");
                run(db, "COMMIT")?;
                reach("after-commit");
                Ok(())
            });
            stored.map_err(Failure::OfTransaction)
        });
        if done.is_err()
            && !db.is_autocommit()
            && let Err(error) = run(db, "ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
        // Else a large file would fill the cache with its bytes, and memory with the cache.
        if counters.cache_is_full()
            && let Err(error) = db.release_memory()
        {
            tracing::warn!(%error, "the cache could not be emptied");
        }
        // Before anybody is answered. A COMMIT that failed may have been made all the same.
        if done.is_err() || counters.memory_is_old() {
            self.known.forget();
        }
        done
    }
}

const BEGIN: &str = "BEGIN IMMEDIATE";

fn run(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(drop)
}

/// A place where a test makes the program wait, or die, by the environment variable `FAILPOINTS`: `return` ends the process
/// at once.
#[cfg(feature = "failpoints")]
fn reach(point: &str) {
    fail::fail_point!(point, |_| std::process::abort());
}

#[cfg(not(feature = "failpoints"))]
fn reach(_: &str) {}

/// Whether the transaction of a group has begun.
#[derive(Clone, Copy, PartialEq)]
enum Transaction {
    ToBegin,
    Begun,
}

enum Failure {
    OfJob,
    OfTransaction(rusqlite::Error),
}

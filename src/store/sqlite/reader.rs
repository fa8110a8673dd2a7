//! Reading, on connections of its own: short look-ups where they are asked, all else on threads fed from one queue.
//!
//! A look-up by key touches a few pages and takes a few microseconds, less than it takes to wake another thread. So it
//! runs on the thread that asks, if a connection is free. What may be long (a list, a piece of a content) is not for that
//! thread, which has others to serve.
//!
//! Each job is one read transaction, so it sees one state of the database however long it takes (`promises.md` 6).

use super::schema::{OpenError, open_reader, open_spare_reader};
use super::{SqliteOptions, StoreError, Ticket};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use rusqlite::Connection;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

enum Job {
    Read(Work),
    Stop,
}

/// The queue as the threads see it. What is in it when the last of them has ended is dropped, so that nobody waits for
/// an answer in vain; the queue itself would keep it.
#[derive(Debug)]
struct Queue {
    jobs: Receiver<Job>,
    threads: AtomicUsize,
}

impl Queue {
    fn drop_what_nobody_will_do(&self) {
        if self.threads.load(Ordering::SeqCst) == 0 {
            self.jobs.try_iter().for_each(drop);
        }
    }
}

/// A thread that takes from the queue, however it ends.
struct Serving(Arc<Queue>);

impl Serving {
    fn new(queue: &Arc<Queue>) -> Self {
        queue.threads.fetch_add(1, Ordering::SeqCst);
        Serving(Arc::clone(queue))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, Ordering::SeqCst);
        self.0.drop_what_nobody_will_do();
    }
}

/// The threads and their queue.
#[derive(Debug)]
pub(super) struct Readers {
    jobs: Sender<Job>,
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Connections for short look-ups; `None` once closed.
    spare: Vec<Mutex<Option<Connection>>>,
    /// Which of them to try first.
    turn: AtomicUsize,
}

impl Readers {
    pub(super) fn start(options: &SqliteOptions) -> Result<Self, OpenError> {
        let (jobs, waiting) = crossbeam_channel::bounded(options.read_queue_max);
        let queue = Arc::new(Queue {
            jobs: waiting,
            threads: AtomicUsize::new(0),
        });
        let start = |number: usize| {
            let db = open_reader(options)?;
            let serving = Serving::new(&queue);
            let thread = Builder::new()
                .name(format!("propstore-read{number}"))
                .spawn(move || serve(db, &serving));
            thread.map_err(OpenError::Thread)
        };
        let threads = (0..options.readers.max(1))
            .map(start)
            .collect::<Result<_, _>>()?;
        let spare = || open_spare_reader(options).map(|db| Mutex::new(Some(db)));
        Ok(Readers {
            jobs,
            queue,
            threads: Mutex::new(threads),
            spare: (0..options.spare_readers)
                .map(|_| spare())
                .collect::<Result<_, _>>()?,
            turn: AtomicUsize::new(0),
        })
    }

    /// Runs short `work` in a read transaction on this thread, if that is possible at once.
    pub(super) fn try_here<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.spare.len();
        let free =
            (first..first + count).find_map(|turn| self.spare.get(turn % count)?.try_lock().ok());
        match in_transaction(free?.as_mut()?, work) {
            // On a thread of its own it can wait for a while.
            Err(StoreError::Busy) => None,
            result => Some(result),
        }
    }

    /// Runs short `work` here if that is possible at once, else on a thread.
    pub(super) fn look_up<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Ticket<T> {
        match self.try_here(&work) {
            Some(result) => Ticket::ready(result),
            None => self.read(work),
        }
    }

    /// Runs `work` in a read transaction on one of the threads.
    pub(super) fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Ticket<T> {
        let (answer, ticket) = Ticket::new();
        let job = Job::Read(Box::new(move |db| {
            // Whoever asked may have gone: then nobody needs the answer.
            if !answer.is_closed() {
                drop(answer.send(in_transaction(db, work)));
            }
        }));
        match self.jobs.try_send(job) {
            Ok(()) => {
                self.queue.drop_what_nobody_will_do();
                ticket
            }
            Err(TrySendError::Full(_)) => Ticket::ready(Err(StoreError::Overloaded)),
            Err(TrySendError::Disconnected(_)) => Ticket::ready(Err(StoreError::Closed)),
        }
    }

    pub(super) fn close(&self) {
        for spare in &self.spare {
            spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &threads {
            // If it cannot be sent, the threads have ended.
            drop(self.jobs.send(Job::Stop));
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a reading thread has panicked");
            }
        }
    }
}

fn in_transaction<T>(
    db: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let run = |sql| db.prepare_cached(sql)?.execute([]).map(drop);
    run("BEGIN DEFERRED")?;
    let answer = work(db);
    // Nothing was written, so it does not matter how the transaction ends.
    run("COMMIT").or_else(|_| run("ROLLBACK"))?;
    answer
}

fn serve(mut db: Connection, serving: &Serving) {
    while let Ok(Job::Read(work)) = serving.0.jobs.recv() {
        work(&mut db);
    }
}

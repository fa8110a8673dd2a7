//! Threads that read, each with its own connection, fed from one queue.
//!
//! Each job is one read transaction, so it sees one state of the database however long it takes (`promises.md` 6).

use super::schema::{OpenError, open_reader};
use super::{SqliteOptions, StoreError, Ticket};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use rusqlite::{Connection, TransactionBehavior};
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
        Ok(Readers {
            jobs,
            queue,
            threads: Mutex::new(threads),
        })
    }

    /// Runs `work` in a read transaction.
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
    let transaction = db.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let answer = work(&transaction)?;
    transaction.finish()?;
    Ok(answer)
}

fn serve(mut db: Connection, serving: &Serving) {
    while let Ok(Job::Read(work)) = serving.0.jobs.recv() {
        work(&mut db);
    }
}

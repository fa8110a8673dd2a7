//! One connection that speaks HTTP/2: over TLS only, chosen by ALPN.
//!
//! What hyper and h2 leave open is bounded here (`promises.md` §1.4). A connection on which nothing is asked for a while is
//! closed, whatever frames come: that ends a head that dribbles in, and PING and SETTINGS for their own sake. A stream
//! whose answer nobody takes is reset: with a window of zero nothing ever waits for the socket, so the patience of
//! [`super::stall`] would not end there. The other floods end inside of h2; the numbers that it takes for them are set here,
//! so that none of them is assumed.

use super::Link;
use crate::service::AnswerStream;
use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// How many requests may be open on a connection at a time.
const STREAMS_MAX: u32 = 100;

/// The largest head of a request once it is unpacked, in bytes as RFC 9113 §6.5.2 counts them. It bounds what CONTINUATION
/// frames may carry, too.
const HEAD_BYTES_MAX: u32 = 64 << 10;

/// How much of the bodies of a connection, and of one of them, may be on its way or unread.
const CONNECTION_WINDOW: u32 = 1 << 20;
const STREAM_WINDOW: u32 = 256 << 10;

/// How much of an answer is handed over at a time, and how much of it waits for the client beyond that.
const PIECE_BYTES: usize = 16 << 10;

/// How much memory the answers of a connection may take until the client has taken them, in KiB, and how much is kept free
/// for one that is being made. Further requests wait until there is room: else a client with a window of zero has as many
/// long answers made as there are streams.
const ANSWERS_KIB: usize = 6 << 10;
const ANSWER_KIB: u32 = 1536;

/// How many streams may be open that a client has reset before they were looked at (rapid reset), and how many it may make
/// the server reset by what is not allowed, in the life of a connection.
const RESET_STREAMS_MAX: usize = 20;
const WRONG_STREAMS_MAX: usize = 128;

/// How long requests may take that are open when an idle connection is closed: there are none but those that are buffered.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// Answers the requests of a connection until either side ends it.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    mut link: Link,
) {
    let (open, mut changes) = watch::channel(0);
    let streams = Streams {
        open: Arc::new(open),
        patience: link.shared.limits.stream_time(),
    };
    let (service, from) = (Arc::clone(&link.shared.service), link.connection);
    let room = Arc::new(Semaphore::new(ANSWERS_KIB));
    let answer = service_fn(move |request: Request<Incoming>| {
        let (service, room) = (Arc::clone(&service), Arc::clone(&room));
        async move {
            // Bodies are not kept waiting: what nobody reads of them would stand in the way of others.
            let asks = request.body().is_end_stream() || request.method().is_safe();
            let room = if asks {
                // Who takes none of the other answers is given up like who does not take this one.
                MOVES.try_with(Moves::wait).unwrap_or_default();
                // The semaphore is never closed.
                let room = room.acquire_many_owned(ANSWER_KIB).await.ok();
                MOVES.try_with(Moves::go_on).unwrap_or_default();
                room
            } else {
                None
            };
            let response = service.answer(request, from).await;
            // Not there if hyper asks outside of a stream, which it does not.
            MOVES.try_with(Moves::wait).unwrap_or_default();
            Ok::<_, Infallible>(response.map(|body| Pieces::new(body, room)))
        }
    });
    let connection = http2::Builder::new(streams)
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_stream_window_size(STREAM_WINDOW)
        .max_send_buf_size(PIECE_BYTES)
        .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
        .max_local_error_reset_streams(WRONG_STREAMS_MAX)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    let idle_time = link.shared.limits.head_time();
    let idle = async {
        loop {
            match timeout(idle_time, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => std::future::pending().await,
                Err(_) if *changes.borrow() == 0 => return,
                Err(_) => {}
            }
        }
    };
    let mut idle = pin!(idle);
    let mut told_to_stop = false;
    let result = loop {
        tokio::select! {
            result = connection.as_mut() => break result,
            () = &mut idle => {
                connection.as_mut().graceful_shutdown();
                match timeout(CLOSE_TIME, connection.as_mut()).await {
                    Ok(result) => break result,
                    Err(_) => return,
                }
            }
            changed = link.shared.stopping.changed(), if !told_to_stop => {
                told_to_stop = true;
                if changed.is_ok() {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(peer = %link.connection.peer, %error, "a connection ended");
    }
}

/// Runs the streams of a connection, and gives up those that do not move.
#[derive(Clone)]
struct Streams {
    /// How many there are.
    open: Arc<watch::Sender<usize>>,
    patience: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let (counted, patience) = (Counted::new(&self.open), self.patience);
        tokio::spawn(MOVES.scope(Moves::default(), async move {
            let mut stream = pin!(stream);
            loop {
                let before = MOVES.with(Moves::waits_at);
                if timeout(patience, stream.as_mut()).await.is_ok() {
                    break;
                }
                if before.is_some() && MOVES.with(Moves::waits_at) == before {
                    tracing::debug!("a client does not take an answer");
                    break;
                }
            }
            drop(counted);
        }));
    }
}

/// One of the open streams.
struct Counted(Arc<watch::Sender<usize>>);

impl Counted {
    fn new(open: &Arc<watch::Sender<usize>>) -> Self {
        open.send_modify(|count| *count += 1);
        Counted(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

tokio::task_local! {
    static MOVES: Moves;
}

/// How far a stream has come, and who has to do something next.
#[derive(Default)]
struct Moves {
    count: AtomicU64,
    is_clients_turn: AtomicBool,
}

impl Moves {
    /// It has moved, and goes on when the client takes what is there.
    fn wait(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.is_clients_turn.store(true, Ordering::Relaxed);
    }

    /// It has moved, and goes on by itself.
    fn go_on(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.is_clients_turn.store(false, Ordering::Relaxed);
    }

    /// How far, if it waits for the client.
    fn waits_at(&self) -> Option<u64> {
        let is_clients_turn = self.is_clients_turn.load(Ordering::Relaxed);
        is_clients_turn.then(|| self.count.load(Ordering::Relaxed))
    }
}

/// The body of an answer in pieces so small that their coming shows whether somebody takes it.
struct Pieces {
    body: AnswerStream,
    rest: Bytes,
    /// What it takes of the room for answers.
    _room: Option<OwnedSemaphorePermit>,
}

impl Pieces {
    fn new(body: AnswerStream, room: Option<OwnedSemaphorePermit>) -> Self {
        let taken = body.bytes_held() >> 10;
        Pieces {
            body,
            rest: Bytes::new(),
            // The rest of it is given back; an answer that takes more than that is counted as that much.
            _room: room.and_then(|mut room| room.split(taken.min(ANSWER_KIB as usize))),
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = <AnswerStream as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(bytes))) => self.rest = bytes,
                // There are no trailers.
                Some(Ok(Err(_))) | None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            }
        }
        MOVES.try_with(Moves::wait).unwrap_or_default();
        let mut length = self.rest.len().min(PIECE_BYTES);
        // A piece goes to h2 once there is room for a byte of it, and with the last one the stream would end here, while
        // the rest of it waits there for as long as the client likes. So the last byte goes alone: there is room for it
        // when there is room for all that went before.
        if length > 1 && length == self.rest.len() && self.body.is_end_stream() {
            length -= 1;
        }
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let exact = self.body.size_hint().exact();
        exact.map_or_else(SizeHint::new, |more| SizeHint::with_exact(rest + more))
    }
}

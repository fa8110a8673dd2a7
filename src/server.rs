//! Sockets: who may connect, how long anything may take, and how it all ends.
//!
//! Plain HTTP/1.1 only: a preface of HTTP/2 is not understood and the connection is closed. The bounds are in
//! [`crate::config::Limits`]; the reasons for them in `promises.md` §1.4.

mod stall;

use crate::config::Limits;
use crate::service::{Connection, Service};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use stall::Impatient;
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The most header fields of a request.
const HEADERS_MAX: usize = 128;

/// How long to wait when no connection can be accepted, because no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long to go on reading from a client whose request was refused while it is still sending, so that it gets to read
/// the answer, and how much.
const LINGER_TIME: Duration = Duration::from_secs(5);
const LINGER_BYTES_MAX: u64 = 256 << 20;

/// How much of an answer the kernel takes over beyond what is on its way.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 << 10;

/// Why serving ended before it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("the store has closed; see the log for the cause")]
pub struct StoreDied;

/// Serves until `shutdown` comes, then lets what is in flight finish.
///
/// # Errors
/// [`StoreDied`] if the store cannot go on.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StoreDied> {
    let (stop, stopping) = watch::channel(());
    let permits = Arc::new(Semaphore::new(limits.connections_max as usize));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let end = loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&permits).acquire_owned().await;
            (listener.accept().await, permit)
        };
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            () = service.failed() => break Err(StoreDied),
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (accepted, permit) = accepted => match accepted {
                Ok((stream, peer)) => {
                    let (service, limits, stopping) = (Arc::clone(&service), limits.clone(), stopping.clone());
                    connections.spawn(async move {
                        connected(stream, peer, service, &limits, stopping).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    if is_of_system(&error) {
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            },
        }
    };
    drop(listener);
    stop.send_replace(());
    let grace = Duration::from_secs(limits.shutdown_grace_secs);
    if timeout(grace, async {
        while connections.join_next().await.is_some() {}
    })
    .await
    .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "requests were cut off at shutdown"
        );
    }
    end
}

/// Whether accepting failed for want of something, and not because the one client has gone.
fn is_of_system(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

async fn connected(
    stream: TcpStream,
    peer: SocketAddr,
    service: Arc<Service>,
    limits: &Limits,
    mut stopping: watch::Receiver<()>,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    // Else a slow client shows no progress for long: a full buffer of the kernel counts as writable only when much of it
    // has gone.
    #[cfg(target_os = "linux")]
    if socket2::SockRef::from(&stream)
        .set_tcp_notsent_lowat(UNSENT_BYTES)
        .is_err()
    {
        return;
    }
    let unread = AtomicBool::new(false);
    let answer = service_fn(|request| {
        let (service, unread) = (Arc::clone(&service), &unread);
        // On the heap, because the connection is polled by reference below.
        Box::pin(async move {
            let response = service.answer(request, Connection { peer, local }).await;
            if response.headers().contains_key(http::header::CONNECTION) {
                unread.store(true, Ordering::Relaxed);
            }
            Ok::<_, Infallible>(response)
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time())
        .max_buf_size(limits.head_bytes_max as usize)
        .max_headers(HEADERS_MAX)
        .serve_connection(
            TokioIo::new(Impatient::new(stream, limits.stream_time())),
            answer,
        );
    let mut told_to_stop = false;
    let result = loop {
        tokio::select! {
            result = poll_fn(|context| connection.poll_without_shutdown(context)) => break result,
            changed = stopping.changed(), if !told_to_stop => {
                told_to_stop = true;
                if changed.is_ok() {
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        }
    };
    if let Err(error) = &result {
        let cause = error.source().map(ToString::to_string);
        tracing::debug!(%peer, %error, cause, "a connection ended");
    }
    // What is no request was answered by hyper, and the rest of it may still be on its way.
    let unread = unread.load(Ordering::Relaxed) || result.is_err_and(|error| error.is_parse());
    let mut stream = connection.into_parts().io.into_inner().into_inner();
    if stream.shutdown().await.is_ok() && unread {
        linger(stream).await;
    }
}

/// Reads on for a while. Closing a socket with bytes unread would reset it, and could take the answer from the client.
async fn linger(stream: TcpStream) {
    let mut rest = stream.take(LINGER_BYTES_MAX);
    let mut buffer = vec![0; 16 << 10];
    let drained = timeout(LINGER_TIME, async {
        while rest.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    });
    if drained.await.is_err() {
        tracing::debug!("a client went on sending what was refused");
    }
}

//! Sockets: who may connect, how long anything may take, and how it all ends.
//!
//! A plain socket speaks HTTP/1.1 only: a preface of HTTP/2 is not understood there and the connection is closed. Over TLS
//! the client chooses HTTP/1.1 or HTTP/2 by ALPN. The bounds are in [`crate::config::Limits`]; the reasons for them in
//! `promises.md` §1.4.

mod http1;
#[cfg(feature = "tls")]
mod http2;
mod stall;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "server/no_tls.rs"]
mod tls;

pub use tls::{Tls, TlsError, TlsFiles};

use crate::config::Limits;
use crate::service::{Connection, Service};
use stall::Impatient;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
#[cfg(feature = "tls")]
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long to wait when no connection can be accepted, because no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How much of an answer the kernel takes over beyond what is on its way.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 << 10;

/// What a client is told that speaks plain HTTP to a port that speaks HTTPS.
#[cfg(feature = "tls")]
const NOT_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 44\r\n\
    Connection: close\r\n\r\nThis port speaks HTTPS: begin with https://\n";

/// Why serving ended before it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("the store has closed; see the log for the cause")]
pub struct StoreDied;

/// Serves until `shutdown` comes, then lets what is in flight finish: HTTPS with a certificate, HTTP without.
///
/// # Errors
/// [`StoreDied`] if the store cannot go on.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StoreDied> {
    let (stop, stopping) = watch::channel(());
    let permits = Arc::new(Semaphore::new(limits.connections_max as usize));
    let mut connections = JoinSet::new();
    let shared = Shared {
        service: Arc::clone(&service),
        limits: Arc::new(limits.clone()),
        stopping,
    };
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
                    let connected = connected(stream, peer, tls.clone(), shared.clone());
                    connections.spawn(async move {
                        connected.await;
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

/// What all connections share.
#[derive(Clone)]
struct Shared {
    service: Arc<Service>,
    limits: Arc<Limits>,
    stopping: watch::Receiver<()>,
}

/// What a connection needs to know, whatever it speaks.
struct Link {
    shared: Shared,
    connection: Connection,
}

async fn connected(stream: TcpStream, peer: SocketAddr, tls: Option<Arc<Tls>>, shared: Shared) {
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
    let connection = Connection {
        peer,
        local,
        scheme: if tls.is_some() { "https" } else { "http" },
    };
    let link = Link { shared, connection };
    match tls {
        None => {
            let stream = Impatient::new(stream, link.shared.limits.stream_time());
            http1::serve(stream, link).await;
        }
        #[cfg(feature = "tls")]
        Some(tls) => secured(stream, &tls, link).await,
        #[cfg(not(feature = "tls"))]
        Some(_) => {}
    }
}

/// A connection to a port that speaks HTTPS.
#[cfg(feature = "tls")]
async fn secured(mut stream: TcpStream, tls: &Tls, mut link: Link) {
    let patience = link.shared.limits.stream_time();
    let handshake = async {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Ok(None);
        }
        if !tls::is_handshake(first[0]) {
            stream.write_all(NOT_TLS).await?;
            stream.shutdown().await?;
            http1::linger(stream).await;
            return Ok(None);
        }
        tls.accept(Impatient::new(stream, patience)).await.map(Some)
    };
    // A client that takes its time with this has sent no head either.
    let shaken = tokio::select! {
        shaken = timeout(link.shared.limits.head_time(), handshake) => shaken,
        _ = link.shared.stopping.changed() => return,
    };
    let peer = link.connection.peer;
    match shaken {
        Ok(Ok(Some(stream))) if tls::is_http2(&stream) => http2::serve(stream, link).await,
        Ok(Ok(Some(stream))) => http1::serve(stream, link).await,
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS connection came about"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

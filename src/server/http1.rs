//! One connection that speaks HTTP/1.1, over a plain socket or over TLS.

use super::Link;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The most header fields of a request.
const HEADERS_MAX: usize = 128;

/// How long to go on reading from a client whose request was refused while it is still sending, so that it gets to read
/// the answer, and how much.
const LINGER_TIME: Duration = Duration::from_secs(5);
const LINGER_BYTES_MAX: u64 = 256 << 20;

/// Answers the requests of a connection, one after the other, until either side ends it.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send>(stream: S, mut link: Link) {
    let unread = AtomicBool::new(false);
    let (service, connection) = (Arc::clone(&link.shared.service), link.connection);
    let answer = service_fn(|request| {
        let (service, unread) = (Arc::clone(&service), &unread);
        // On the heap, because the connection is polled by reference below.
        Box::pin(async move {
            let response = service.answer(request, connection).await;
            if response.headers().contains_key(http::header::CONNECTION) {
                unread.store(true, Ordering::Relaxed);
            }
            Ok::<_, Infallible>(response)
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(link.shared.limits.head_time())
        .max_buf_size(link.shared.limits.head_bytes_max as usize)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), answer);
    let mut told_to_stop = false;
    let result = loop {
        tokio::select! {
            result = poll_fn(|context| connection.poll_without_shutdown(context)) => break result,
            changed = link.shared.stopping.changed(), if !told_to_stop => {
                told_to_stop = true;
                if changed.is_ok() {
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        }
    };
    if let Err(error) = &result {
        let cause = error.source().map(ToString::to_string);
        tracing::debug!(peer = %link.connection.peer, %error, cause, "a connection ended");
    }
    // What is no request was answered by hyper, and the rest of it may still be on its way.
    let unread = unread.load(Ordering::Relaxed) || result.is_err_and(|error| error.is_parse());
    let mut stream = connection.into_parts().io.into_inner();
    if stream.shutdown().await.is_ok() && unread {
        linger(stream).await;
    }
}

/// Reads on for a while. Closing a socket with bytes unread would reset it, and could take the answer from the client.
pub(super) async fn linger(stream: impl AsyncRead + Unpin) {
    let mut rest = stream.take(LINGER_BYTES_MAX);
    let mut buffer = vec![0; 16 << 10];
    let drained = timeout(LINGER_TIME, async {
        while rest.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    });
    if drained.await.is_err() {
        tracing::debug!("a client went on sending what was refused");
    }
}

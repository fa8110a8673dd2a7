//! The body of an answer on its way out: bytes at hand, or a content that is fetched from the store piece by piece.

use crate::model;
use crate::store::{CHUNK_BYTES, Store, StoreError, Ticket};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

/// How much of a file is read at a time.
const FILE_PIECE_BYTES: usize = 64 << 10;

/// The body of an answer.
#[derive(Debug)]
pub struct AnswerStream(Source);

enum Source {
    Bytes(Bytes),
    Content(Content),
    File(Waiting),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Source::Bytes(_) => "Bytes",
            Source::Content(_) => "Content",
            Source::File(_) => "File",
        })
    }
}

struct Content {
    store: Arc<dyn Store>,
    id: model::ContentId,
    /// The offset of the next byte to send.
    next: u64,
    /// How many bytes are left.
    left: u64,
    piece: Option<Ticket<Bytes>>,
}

/// Bytes that wait in a file.
struct Waiting {
    file: Arc<File>,
    /// The offset of the next byte to send.
    next: u64,
    /// How many bytes are left.
    left: u64,
    piece: Option<JoinHandle<io::Result<Bytes>>>,
    _permit: OwnedSemaphorePermit,
}

impl AnswerStream {
    /// How many bytes of memory it takes until it is sent: a content is fetched a piece at a time.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        match &self.0 {
            Source::Bytes(bytes) => bytes.len(),
            Source::Content(_) => CHUNK_BYTES,
            Source::File(_) => FILE_PIECE_BYTES,
        }
    }

    pub(super) fn empty() -> Self {
        AnswerStream(Source::Bytes(Bytes::new()))
    }

    pub(super) fn of_bytes(bytes: Bytes) -> Self {
        AnswerStream(Source::Bytes(bytes))
    }

    pub(super) fn of_file(file: File, length: u64, permit: OwnedSemaphorePermit) -> Self {
        AnswerStream(Source::File(Waiting {
            file: Arc::new(file),
            next: 0,
            left: length,
            piece: None,
            _permit: permit,
        }))
    }

    #[cfg(test)]
    pub(super) fn is_in_file(&self) -> bool {
        matches!(self.0, Source::File(_))
    }

    pub(super) fn of_content(
        store: Arc<dyn Store>,
        body: model::Body,
        part: RangeInclusive<u64>,
    ) -> Self {
        let left = part.end() - part.start() + 1;
        AnswerStream(match body {
            model::Body::Inline(bytes) => {
                let bounds = usize::try_from(*part.start())
                    .ok()
                    .zip(usize::try_from(*part.end()).ok());
                let inside = bounds.filter(|(_, end)| *end < bytes.len());
                Source::Bytes(inside.map_or(Bytes::new(), |(start, end)| bytes.slice(start..=end)))
            }
            model::Body::Stored(id) => Source::Content(Content {
                store,
                id,
                next: *part.start(),
                left,
                piece: None,
            }),
            model::Body::Omitted => Source::Bytes(Bytes::new()),
        })
    }
}

impl Content {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StoreError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunk_bytes = CHUNK_BYTES as u64;
        let Content {
            store,
            id,
            next,
            piece,
            ..
        } = self;
        let damaged = || StoreError::Damaged(format!("content {id} is shorter than it has to be"));
        let ticket = match piece {
            Some(ticket) => ticket,
            None => match u32::try_from(*next / chunk_bytes) {
                Ok(seq) => piece.insert(store.chunk(*id, seq)),
                Err(_) => return Poll::Ready(Some(Err(damaged()))),
            },
        };
        let bytes = ready!(Pin::new(ticket).poll(context));
        self.piece = None;
        let bytes = match bytes {
            Ok(mut bytes) => {
                // Both are less than the size of a piece.
                let start = usize::try_from(self.next % chunk_bytes)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                let mut bytes = bytes.split_off(start);
                bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                bytes
            }
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        if bytes.is_empty() {
            return Poll::Ready(Some(Err(damaged())));
        }
        self.next += bytes.len() as u64;
        self.left -= bytes.len() as u64;
        Poll::Ready(Some(Ok(bytes)))
    }
}

impl Waiting {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StoreError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let (file, at) = (Arc::clone(&self.file), self.next);
        let length =
            usize::try_from(self.left).map_or(FILE_PIECE_BYTES, |left| left.min(FILE_PIECE_BYTES));
        let piece = self.piece.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; length];
                file.read_exact_at(&mut piece, at)?;
                Ok(piece.into())
            })
        });
        let read = ready!(Pin::new(piece).poll(context));
        self.piece = None;
        Poll::Ready(Some(match read.map_err(io::Error::other).flatten() {
            Ok(bytes) => {
                self.next += bytes.len() as u64;
                self.left -= bytes.len() as u64;
                Ok(bytes)
            }
            Err(error) => Err(StoreError::Failed(Box::new(error))),
        }))
    }
}

impl Body for AnswerStream {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        match &mut self.0 {
            Source::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Source::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Source::Content(content) => content.poll(context).map(framed),
            Source::File(file) => file.poll(context).map(framed),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Bytes(bytes) => bytes.is_empty(),
            Source::Content(content) => content.left == 0,
            Source::File(file) => file.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::Content(content) => content.left,
            Source::File(file) => file.left,
        })
    }
}

fn framed(piece: Option<Result<Bytes, StoreError>>) -> Option<Result<Frame<Bytes>, StoreError>> {
    if let Some(Err(error)) = &piece {
        tracing::error!(%error, "an answer could not be sent to its end");
    }
    piece.map(|piece| piece.map(Frame::data))
}

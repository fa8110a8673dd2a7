//! The body of a request: gathered whole, sent on to the store in pieces, looked through for one part of a form, or passed
//! over; always within bounds of size and time.

use super::exchange::Exchange;
use crate::dialect::{BodyPlan, Part, Payload};
use crate::fault::Fault;
use crate::model::{Body, ContentId, Timestamp};
use crate::store::{CHUNK_BYTES, Store};
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use http::header::{self, HeaderMap};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use multer::Multipart;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

/// Of a body that nobody reads, so many bytes are passed over, so that the client reads the answer.
const PASSED_OVER_BYTES_MAX: u64 = 256 << 10;

/// For how long.
const PASSED_OVER_TIME: Duration = Duration::from_secs(2);

/// The most bytes before the first part of a form, or of the head of a part.
const PART_HEAD_BYTES_MAX: usize = 64 << 10;

/// How many bytes of a form are handed to its reader at a time.
const SLICE_BYTES: usize = 16 << 10;

/// How a body was made fit for the way (`mindtouch.md` §12).
#[derive(Debug)]
pub(super) enum Coding {
    /// It is as it is.
    Identity,
    /// Base64, and what of it has not been decoded yet.
    Base64(Vec<u8>),
}

impl Coding {
    /// What the head says of it.
    ///
    /// # Errors
    /// [`Fault::UnsupportedMediaType`] if it is another one; [`Fault::BadRequest`] if the body was changed on its way in more
    /// than that it comes in chunks, which is all that was undone.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        if is_coded(headers) {
            let what = "the body has a Transfer-Encoding besides chunked: send it without that";
            return Err(Fault::BadRequest(what.to_owned()));
        }
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
        let coding = match (codings.next(), codings.next()) {
            (None, _) => return Ok(Coding::Identity),
            (Some(coding), None) => coding.as_bytes(),
            (Some(_), Some(_)) => b"",
        };
        if coding.eq_ignore_ascii_case(b"identity") {
            Ok(Coding::Identity)
        } else if coding.eq_ignore_ascii_case(b"base64") {
            Ok(Coding::Base64(Vec::new()))
        } else {
            let what =
                "the body has a Content-Encoding that is not base64: send it as it is, without one";
            Err(Fault::UnsupportedMediaType(what.to_owned()))
        }
    }

    /// How many bytes may be sent if so many may come of them: blanks and line ends count, too.
    pub(super) fn sent_bytes_max(&self, bytes_max: u64) -> u64 {
        match self {
            Coding::Identity => bytes_max,
            Coding::Base64(_) => bytes_max.saturating_mul(2).saturating_add(1024),
        }
    }

    fn decode(&mut self, piece: Bytes) -> Result<Bytes, Fault> {
        match self {
            Coding::Identity => Ok(piece),
            Coding::Base64(rest) => {
                rest.extend(piece.iter().filter(|byte| !byte.is_ascii_whitespace()));
                // A quantum has four characters. The last one waits for the end, where it may be shorter.
                let whole = rest.len().saturating_sub(1) / 4 * 4;
                if let Some(at) = rest[..whole].iter().position(|&byte| byte == b'=') {
                    return Err(not_base64(&DecodeError::InvalidByte(at, b'=')));
                }
                let decoded = BASE64
                    .decode(&rest[..whole])
                    .map_err(|error| not_base64(&error))?;
                rest.drain(..whole);
                Ok(decoded.into())
            }
        }
    }

    fn end(&mut self) -> Result<Bytes, Fault> {
        match self {
            Coding::Identity => Ok(Bytes::new()),
            Coding::Base64(rest) => {
                let decoded = BASE64
                    .decode(std::mem::take(rest))
                    .map_err(|error| not_base64(&error))?;
                Ok(decoded.into())
            }
        }
    }
}

/// Whether the body was changed on its way in more than that it comes in chunks.
pub(super) fn is_coded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    codings.any(|coding| {
        !coding
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked")
    })
}

/// With or without `=` at the end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn not_base64(error: &DecodeError) -> Fault {
    Fault::BadRequest(format!(
        "the body is not base64, as its Content-Encoding says: {error}"
    ))
}

/// A body that was dealt with as planned.
pub(super) struct Gathered {
    pub(super) payload: Payload,
    /// What went to the store. It is forgotten if no batch has made it visible by the time this is dropped.
    pub(super) staged: Option<Staged>,
    /// The room that it takes in memory.
    pub(super) held: Option<OwnedSemaphorePermit>,
}

/// A content in the store that nothing refers to yet.
pub(super) struct Staged {
    store: Arc<dyn Store>,
    content: ContentId,
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Of a content that has become visible, the store forgets nothing. Nobody waits for the answer.
        drop(self.store.discard(self.content));
    }
}

/// Until when the next piece of a body has to come.
enum Deadline {
    /// All of it until then.
    Total(Instant),
    /// A stream may take its time, but not stand still: so many bytes in each window.
    Floor {
        window: Duration,
        bytes_min: u64,
        end: Instant,
        bytes: u64,
    },
}

impl Deadline {
    fn end(&self) -> Instant {
        match self {
            Deadline::Total(end) | Deadline::Floor { end, .. } => *end,
        }
    }

    fn moved(&mut self, count: usize) {
        if let Deadline::Floor {
            window,
            bytes_min,
            end,
            bytes,
        } = self
        {
            *bytes += count as u64;
            if *bytes >= *bytes_min {
                (*end, *bytes) = (Instant::now() + *window, 0);
            }
        }
    }
}

/// What of a request has not been read.
#[derive(Default)]
pub(super) enum Unread {
    /// Its body, or the rest of that.
    Body(Incoming),
    /// Nothing.
    #[default]
    Nothing,
    /// Nothing, but nobody knows where the next request begins: the body is broken, or had trailers. What stands behind the
    /// last chunk need not be what a proxy has seen there, for hyper takes an LF without its CR for the beginning of
    /// trailers, and others for the end of the request.
    Unclear,
}

impl Exchange<'_> {
    /// Whether the head announces a body.
    pub(super) fn has_body(&self) -> bool {
        matches!(&self.body, Unread::Body(body) if !body.is_end_stream())
    }

    /// Deals with the body as planned.
    pub(super) async fn gather(
        &mut self,
        plan: BodyPlan,
        mut coding: Coding,
        at: Timestamp,
    ) -> Result<Gathered, Fault> {
        let limits = &self.service.limits;
        match plan {
            BodyPlan::Ignore => Ok(Gathered {
                payload: Payload::Nothing,
                staged: None,
                held: None,
            }),
            BodyPlan::Whole {
                bytes_max,
                too_large,
                ..
            } => {
                let mut deadline = Deadline::Total(Instant::now() + limits.body_time());
                let mut bytes = Gatherer::default();
                let mut room = self.service.room.for_body();
                while let Some(piece) = self.piece(&mut deadline, &mut coding).await? {
                    let length = bytes.len() + piece.len();
                    if length as u64 > bytes_max {
                        return Err(Fault::TooLarge(too_large));
                    }
                    room.grow(length)?;
                    bytes.add(piece);
                }
                Ok(Gathered {
                    payload: Payload::Whole(bytes.take()),
                    staged: None,
                    held: room.into_held(),
                })
            }
            BodyPlan::Content {
                bytes_max,
                too_large,
            } => {
                let mut deadline = self.floor();
                let mut keeper = Keeper::new(bytes_max, too_large, at);
                while let Some(piece) = self.piece(&mut deadline, &mut coding).await? {
                    keeper.add(self, piece).await?;
                }
                let (body, size, staged) = keeper.finish(self).await?;
                Ok(Gathered {
                    payload: Payload::Content { body, size },
                    staged,
                    held: None,
                })
            }
            BodyPlan::Part {
                boundary,
                is_wanted,
                bytes_max,
                too_large,
            } => {
                let mut body = std::mem::take(&mut self.body);
                let feed = Feed {
                    body: &mut body,
                    deadline: self.floor(),
                    coding,
                    rest: Bytes::new(),
                };
                let keeper = Keeper::new(bytes_max, too_large, at);
                let gathered = self.gather_part(feed, boundary?, is_wanted, keeper).await;
                self.body = body;
                // What follows the last part means nothing, but has to come.
                let mut deadline = self.floor();
                while gathered.is_ok()
                    && self
                        .piece(&mut deadline, &mut Coding::Identity)
                        .await?
                        .is_some()
                {}
                gathered
            }
        }
    }

    /// How fast a stream has to come.
    fn floor(&self) -> Deadline {
        let limits = &self.service.limits;
        let window = limits.stream_time();
        Deadline::Floor {
            window,
            bytes_min: limits.stream_bytes_min(),
            end: Instant::now() + window,
            bytes: 0,
        }
    }

    /// Looks through a form for the first part that is wanted.
    async fn gather_part(
        &self,
        feed: Feed<'_>,
        boundary: String,
        is_wanted: fn(&HeaderMap) -> bool,
        keeper: Keeper,
    ) -> Result<Gathered, Fault> {
        let reader = Arc::new(Reader::default());
        let mut form = Multipart::new(feed.pieces(Arc::clone(&reader)), boundary);
        let (mut keeper, mut found, mut staged) = (Some(keeper), None, None);
        while let Some(mut part) = reader.step(form.next_field()).await? {
            let mut keeper = keeper.take_if(|_| is_wanted(part.headers()));
            while let Some(piece) = reader.step(part.chunk()).await? {
                if let Some(keeper) = &mut keeper {
                    keeper.add(self, piece).await?;
                }
            }
            if let Some(keeper) = keeper {
                let (body, size, kept) = keeper.finish(self).await?;
                staged = kept;
                let headers = part.headers().clone();
                found = Some(Part {
                    headers,
                    body,
                    size,
                });
            }
        }
        Ok(Gathered {
            payload: Payload::Part(found),
            staged,
            held: None,
        })
    }

    /// The next piece of the body, decoded; `None` at its end.
    async fn piece(
        &mut self,
        deadline: &mut Deadline,
        coding: &mut Coding,
    ) -> Result<Option<Bytes>, Fault> {
        piece(&mut self.body, deadline, coding).await
    }

    /// Passes over what is left of the body if it is little. `false`: the connection has to be closed.
    pub(super) async fn settle_body(&mut self, headers: &HeaderMap) -> bool {
        let mut body = match std::mem::take(&mut self.body) {
            Unread::Nothing => return true,
            Unread::Body(body) if body.is_end_stream() => return true,
            Unread::Body(body) => body,
            Unread::Unclear => return false,
        };
        if headers.contains_key(header::EXPECT) || body.size_hint().lower() > PASSED_OVER_BYTES_MAX
        {
            return false;
        }
        let pass_over = async {
            let mut bytes = 0;
            while bytes <= PASSED_OVER_BYTES_MAX {
                match read(&mut body).await {
                    Ok(Read::Piece(piece)) => bytes += piece.len() as u64,
                    Ok(Read::End) => return true,
                    Ok(Read::Trailers) | Err(_) => return false,
                }
            }
            false
        };
        timeout_at(Instant::now() + PASSED_OVER_TIME, pass_over)
            .await
            .unwrap_or(false)
    }
}

/// The next piece of a body, decoded; `None` at its end.
async fn piece(
    from: &mut Unread,
    deadline: &mut Deadline,
    coding: &mut Coding,
) -> Result<Option<Bytes>, Fault> {
    let Unread::Body(body) = from else {
        return Ok(None);
    };
    let read = timeout_at(deadline.end(), read(body))
        .await
        .map_err(|_| Fault::TooSlow)?;
    *from = match read {
        Ok(Read::Piece(piece)) => {
            deadline.moved(piece.len());
            return coding.decode(piece).map(Some);
        }
        Ok(Read::End) => Unread::Nothing,
        Ok(Read::Trailers) => Unread::Unclear,
        Err(error) => {
            *from = Unread::Unclear;
            return Err(Fault::BadRequest(format!(
                "the body could not be read: {error}"
            )));
        }
    };
    let last = coding.end()?;
    Ok((!last.is_empty()).then_some(last))
}

/// A body that a form is read from.
struct Feed<'a> {
    body: &'a mut Unread,
    deadline: Deadline,
    coding: Coding,
    /// What has come and was not handed on.
    rest: Bytes,
}

impl<'a> Feed<'a> {
    /// The next slice of the body.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        while self.rest.is_empty() {
            match piece(self.body, &mut self.deadline, &mut self.coding).await? {
                Some(piece) => self.rest = piece,
                None => return Ok(None),
            }
        }
        let length = self.rest.len().min(SLICE_BYTES);
        Ok(Some(self.rest.split_to(length)))
    }

    /// The body, as its reader asks for it.
    fn pieces(
        self,
        reader: Arc<Reader>,
    ) -> impl Stream<Item = Result<Bytes, Fault>> + Send + use<'a> {
        stream::unfold((self, reader), |(mut feed, reader)| async move {
            while !reader.is_hungry.swap(false, Ordering::Relaxed) {
                reader.is_hungry.store(true, Ordering::Relaxed);
                yield_now().await;
            }
            let next = if reader.bytes.load(Ordering::Relaxed) > PART_HEAD_BYTES_MAX {
                let what = format!("the head of a part has at most {PART_HEAD_BYTES_MAX} bytes");
                Err(Fault::BadRequest(what))
            } else {
                feed.next().await
            };
            if let Ok(Some(slice)) = &next {
                reader.bytes.fetch_add(slice.len(), Ordering::Relaxed);
            }
            next.transpose().map(|piece| (piece, (feed, reader)))
        })
    }
}

/// What the reader of a form needs. It asks for a piece before it looks at what it has, and keeps what it gets: so it gets
/// one only when it has asked twice in a row, and for one step not without end: what takes more than a few slices is a head
/// that has no end.
#[derive(Debug, Default)]
struct Reader {
    /// Whether it has asked once, and could not go on with what it had.
    is_hungry: AtomicBool,
    /// How many bytes it got for the step that it makes.
    bytes: AtomicUsize,
}

impl Reader {
    /// Makes a step: to the head of the next part, or to the next piece of one.
    async fn step<T>(&self, step: impl Future<Output = multer::Result<T>>) -> Result<T, Fault> {
        self.is_hungry.store(false, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
        step.await.map_err(not_a_form)
    }
}

/// Why a form could not be read.
fn not_a_form(error: multer::Error) -> Fault {
    if let multer::Error::StreamReadFailed(error) = error {
        return match error.downcast::<Fault>() {
            Ok(fault) => *fault,
            Err(error) => Fault::BadRequest(format!("the body could not be read: {error}")),
        };
    }
    Fault::BadRequest(format!("the body is not multipart/form-data: {error}"))
}

/// Keeps a short content, and sends a long one on to the store in pieces, so that its size does not matter.
struct Keeper {
    bytes_max: u64,
    too_large: String,
    at: Timestamp,
    size: u64,
    seq: u32,
    rest: Gatherer,
    staged: Option<Staged>,
}

impl Keeper {
    fn new(bytes_max: u64, too_large: String, at: Timestamp) -> Self {
        Keeper {
            bytes_max,
            too_large,
            at,
            size: 0,
            seq: 0,
            rest: Gatherer::default(),
            staged: None,
        }
    }

    async fn add(&mut self, exchange: &Exchange<'_>, piece: Bytes) -> Result<(), Fault> {
        self.size += piece.len() as u64;
        if self.size > self.bytes_max {
            return Err(Fault::TooLarge(std::mem::take(&mut self.too_large)));
        }
        self.rest.add(piece);
        while self.rest.len() > CHUNK_BYTES {
            let piece = self.rest.split(CHUNK_BYTES);
            self.send(exchange, piece).await?;
        }
        Ok(())
    }

    async fn send(&mut self, exchange: &Exchange<'_>, piece: Bytes) -> Result<(), Fault> {
        let store = &exchange.service.store;
        let content = if let Some(staged) = &self.staged {
            staged.content
        } else {
            let content = exchange.told(store.stage(self.at).await)?;
            self.staged = Some(Staged {
                store: Arc::clone(store),
                content,
            });
            content
        };
        exchange.told(store.append(content, self.seq, piece).await)?;
        self.seq += 1;
        Ok(())
    }

    /// The content, its size, and what went to the store.
    async fn finish(
        mut self,
        exchange: &Exchange<'_>,
    ) -> Result<(Body, u64, Option<Staged>), Fault> {
        let rest = std::mem::take(&mut self.rest).take();
        let body = match &self.staged {
            None => Body::Inline(rest),
            Some(staged) => {
                let content = staged.content;
                self.send(exchange, rest).await?;
                Body::Stored(content)
            }
        };
        Ok((body, self.size, self.staged))
    }
}

/// What comes next of a body.
enum Read {
    Piece(Bytes),
    /// Nothing more.
    End,
    /// The end, behind trailers, which mean nothing here.
    Trailers,
}

async fn read(body: &mut Incoming) -> Result<Read, hyper::Error> {
    Ok(match body.frame().await {
        None => Read::End,
        Some(frame) => match frame?.into_data() {
            Ok(data) => Read::Piece(data),
            Err(_) => Read::Trailers,
        },
    })
}

/// Puts pieces together. A body that came in one piece is not copied.
#[derive(Default)]
struct Gatherer {
    first: Bytes,
    more: BytesMut,
}

impl Gatherer {
    fn len(&self) -> usize {
        self.first.len() + self.more.len()
    }

    fn add(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        if !self.first.is_empty() {
            self.more
                .extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.more.extend_from_slice(&piece);
    }

    fn split(&mut self, at: usize) -> Bytes {
        if self.first.is_empty() {
            self.more.split_to(at).freeze()
        } else {
            self.first.split_to(at)
        }
    }

    fn take(self) -> Bytes {
        if self.first.is_empty() {
            self.more.freeze()
        } else {
            self.first
        }
    }
}

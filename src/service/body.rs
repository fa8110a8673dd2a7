//! The body of a request: gathered whole, sent on to the store in pieces, or passed over; always within bounds of size
//! and time.

use super::exchange::Exchange;
use crate::dialect::{BodyPlan, Payload};
use crate::fault::Fault;
use crate::model::{Body, ContentId, Timestamp};
use crate::store::{CHUNK_BYTES, Store};
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine};
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Of a body that nobody reads, so many bytes are passed over, so that the client reads the answer.
const PASSED_OVER_BYTES_MAX: u64 = 256 << 10;

/// For how long.
const PASSED_OVER_TIME: Duration = Duration::from_secs(2);

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
    /// [`Fault::UnsupportedMediaType`] if it is another one.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Fault> {
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

impl Exchange<'_> {
    /// Whether the head announces a body.
    pub(super) fn has_body(&self) -> bool {
        self.body.as_ref().is_some_and(|body| !body.is_end_stream())
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
            }),
            BodyPlan::Whole {
                bytes_max,
                too_large,
                ..
            } => {
                let mut deadline = Deadline::Total(Instant::now() + limits.body_time());
                let mut bytes = Gatherer::default();
                while let Some(piece) = self.piece(&mut deadline, &mut coding).await? {
                    if bytes.len() as u64 + piece.len() as u64 > bytes_max {
                        return Err(Fault::TooLarge(too_large));
                    }
                    bytes.add(piece);
                }
                Ok(Gathered {
                    payload: Payload::Whole(bytes.take()),
                    staged: None,
                })
            }
            BodyPlan::Content {
                bytes_max,
                too_large,
            } => self.gather_content(bytes_max, too_large, coding, at).await,
        }
    }

    /// Keeps a short content here, and sends a long one on in pieces, so that its size does not matter.
    async fn gather_content(
        &mut self,
        bytes_max: u64,
        too_large: String,
        mut coding: Coding,
        at: Timestamp,
    ) -> Result<Gathered, Fault> {
        let store = Arc::clone(&self.service.store);
        let (window, bytes_min) = (
            self.service.limits.stream_time(),
            self.service.limits.stream_bytes_min(),
        );
        let mut deadline = Deadline::Floor {
            window,
            bytes_min,
            end: Instant::now() + window,
            bytes: 0,
        };
        let (mut size, mut seq) = (0, 0);
        let mut staged: Option<Staged> = None;
        let mut rest = Gatherer::default();
        while let Some(piece) = self.piece(&mut deadline, &mut coding).await? {
            size += piece.len() as u64;
            if size > bytes_max {
                return Err(Fault::TooLarge(too_large));
            }
            rest.add(piece);
            while rest.len() > CHUNK_BYTES {
                let content = if let Some(staged) = &staged {
                    staged.content
                } else {
                    let content = self.told(store.stage(at).await)?;
                    staged = Some(Staged {
                        store: Arc::clone(&store),
                        content,
                    });
                    content
                };
                self.told(store.append(content, seq, rest.split(CHUNK_BYTES)).await)?;
                seq += 1;
            }
        }
        let body = match &staged {
            None => Body::Inline(rest.take()),
            Some(staged) => {
                self.told(store.append(staged.content, seq, rest.take()).await)?;
                Body::Stored(staged.content)
            }
        };
        Ok(Gathered {
            payload: Payload::Content { body, size },
            staged,
        })
    }

    /// The next piece of the body, decoded; `None` at its end.
    async fn piece(
        &mut self,
        deadline: &mut Deadline,
        coding: &mut Coding,
    ) -> Result<Option<Bytes>, Fault> {
        let Some(body) = &mut self.body else {
            return Ok(None);
        };
        let piece = timeout_at(deadline.end(), data(body))
            .await
            .map_err(|_| Fault::TooSlow)?;
        let piece = piece
            .map_err(|error| Fault::BadRequest(format!("the body could not be read: {error}")))?;
        if let Some(piece) = piece {
            deadline.moved(piece.len());
            return coding.decode(piece).map(Some);
        }
        self.body = None;
        let last = coding.end()?;
        Ok((!last.is_empty()).then_some(last))
    }

    /// Passes over what is left of the body if it is little. `false`: the connection has to be closed.
    pub(super) async fn settle_body(&mut self, headers: &HeaderMap) -> bool {
        let Some(mut body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return true;
        };
        if headers.contains_key(header::EXPECT) || body.size_hint().lower() > PASSED_OVER_BYTES_MAX
        {
            return false;
        }
        let pass_over = async {
            let mut bytes = 0;
            while bytes <= PASSED_OVER_BYTES_MAX {
                match data(&mut body).await {
                    Ok(Some(piece)) => bytes += piece.len() as u64,
                    Ok(None) => return true,
                    Err(_) => return false,
                }
            }
            false
        };
        timeout_at(Instant::now() + PASSED_OVER_TIME, pass_over)
            .await
            .unwrap_or(false)
    }
}

/// The next bytes of a body; trailers mean nothing here.
async fn data(body: &mut Incoming) -> Result<Option<Bytes>, hyper::Error> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
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

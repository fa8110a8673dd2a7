//! One request from its head to its answer: the only place where a dialect, the accounts and the store meet.
//!
//! The order is that of `mindtouch.md` §2: path and verb, who asks, what it is about, may they, what the head says of
//! the body, parameters; only then the body is read. What is told early is told again by `decide`, inside of the
//! transaction, so nothing depends on what was true a moment ago.

mod body;
mod exchange;
mod identify;
mod origin;
mod people;
mod room;
mod stream;

pub use crate::dialect::NewUser;
pub(crate) use exchange::now;
pub use origin::{Proxies, is_prefix};
pub use people::{AddUserError, add_user};
pub use stream::AnswerStream;

use crate::auth::{self, Hasher, Throttle, Verified};
use crate::config::{Limits, Privacy};
use crate::dialect::{DIALECTS, Dialect, LinkKey};
use crate::fault::Fault;
use crate::http::{Answer, AnswerBody, Head};
use crate::model::{User, UserId};
use crate::store::Store;
use body::Unread;
use bytes::Bytes;
use exchange::Exchange;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
pub(crate) use room::FILES_MAX;
use room::Room;
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use uuid::Uuid;

/// Answers requests.
pub struct Service {
    store: Arc<dyn Store>,
    limits: Limits,
    privacy: Privacy,
    proxies: Proxies,
    /// The hash of the key of the site.
    api_key: Option<[u8; 32]>,
    hasher: Hasher,
    verified: Arc<Verified>,
    throttle: Throttle,
    anonymous: Arc<User>,
    /// The first account, for which the key of the site stands.
    admin: Arc<User>,
    /// With what links are signed.
    links: Arc<LinkKey>,
    /// A random number of this process, from which the names of new nodes follow.
    seed: Uuid,
    room: Room,
    requests: AtomicU64,
    failed: Notify,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How a service is set up.
#[derive(Clone, Default)]
pub struct Settings {
    /// All limits.
    pub limits: Limits,
    /// What of accounts is shown to whom.
    pub privacy: Privacy,
    /// What stands between it and its clients.
    pub proxies: Proxies,
    /// The key of the site: who has it may do everything.
    pub api_key: Option<String>,
    /// Where answers may wait in files without a name until they are fetched, if they are many and large. Without it such
    /// answers are refused.
    pub spool: Option<PathBuf>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("limits", &self.limits)
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}

/// Where a request came from and arrived.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// The client.
    pub peer: SocketAddr,
    /// The address of ours that it reached.
    pub local: SocketAddr,
    /// What it speaks: `http` or `https`.
    pub scheme: &'static str,
}

impl Service {
    /// A service on a store.
    ///
    /// # Errors
    /// If the store cannot be read, or the system has no random numbers or no threads.
    pub async fn new(
        store: Arc<dyn Store>,
        settings: Settings,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let Settings {
            limits,
            privacy,
            proxies,
            api_key,
            spool,
        } = settings;
        Ok(Service {
            anonymous: store.user(UserId::ANONYMOUS).await?,
            admin: store.user(UserId::ADMIN).await?,
            links: Arc::new(LinkKey::new(store.link_key().await?)),
            seed: Uuid::new_v4(),
            hasher: Hasher::start()?,
            verified: Arc::new(
                Verified::new(Duration::from_secs(limits.credentials_secs))
                    .map_err(|error| error.to_string())?,
            ),
            room: Room::new(spool),
            throttle: Throttle::new(limits.guesses_per_sec_max),
            store,
            limits,
            privacy,
            proxies,
            api_key: api_key.as_deref().map(auth::hash_of),
            requests: AtomicU64::new(0),
            failed: Notify::new(),
        })
    }

    /// Waits until the service cannot go on, because its store has died.
    pub async fn failed(&self) {
        self.failed.notified().await;
    }

    /// Answers one request.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Response<AnswerStream> {
        let began = Instant::now();
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let (mut parts, body) = request.into_parts();
        let version = parts.version;
        origin::name_host(&mut parts);
        let base = self.proxies.base(&parts, connection);
        let mut head = Head::new(parts);
        if let Ok(base) = &base {
            let path = origin::without_prefix(&head.path, base);
            if path.len() < head.path.len() {
                head.path = path.to_owned();
            }
        }
        let dialect = dialect_of(&head.path);
        let head = Arc::new(head);
        let mut exchange = Exchange {
            service: self,
            number,
            from: self.proxies.client(&head.headers, connection),
            body: Unread::Body(body),
            method: head.method.clone(),
            turn: None,
        };
        let told = match &base {
            Ok(base) => exchange.run(dialect, &head, Arc::clone(base)).await,
            Err(what) => Err(Fault::BadRequest((*what).to_owned())),
        };
        let mut answer = told.unwrap_or_else(|fault| {
            if matches!(fault, Fault::Internal(_)) {
                tracing::error!(
                    request = number,
                    path = head.path,
                    "an internal error was answered"
                );
            }
            dialect.fault(&head, base.as_deref().unwrap_or_default(), &fault)
        });
        answer = exchange.shape(dialect, &head, answer).await;
        let method = exchange.method.clone();
        let mut length = answer.length();
        let body = match self.body(&mut answer, &method).await {
            Ok(body) => body,
            Err(fault) => {
                answer = dialect.fault(&head, base.as_deref().unwrap_or_default(), &fault);
                answer = dialect.shape(&head, answer);
                length = answer.length();
                AnswerStream::of_bytes(bytes_of(&mut answer))
            }
        };
        // Before the client is waited for.
        exchange.turn = None;
        // Without a host it is not clear for whom the requests behind this one are, and behind a CONNECT stands what its
        // sender has for somebody else.
        let is_unclear =
            base.is_err() || head.method == Method::CONNECT || body::is_coded(&head.headers);
        // In HTTP/2 nothing stands behind a body.
        let is_over = version == Version::HTTP_2 || exchange.settle_body(&head.headers).await;
        if !is_over || is_unclear {
            answer = answer.with(header::CONNECTION, "close");
        }
        tracing::debug!(
            request = number,
            dialect = dialect.name(),
            %method,
            path = head.path,
            status = answer.status.as_u16(),
            micros = began.elapsed().as_micros(),
            "answered"
        );
        response(answer, length, body)
    }

    /// The body of an answer as it is sent.
    async fn body(&self, answer: &mut Answer, method: &Method) -> Result<AnswerStream, Fault> {
        if *method == Method::HEAD || answer.status == StatusCode::NOT_MODIFIED {
            return Ok(AnswerStream::empty());
        }
        if let AnswerBody::Content { body, part } = &answer.body {
            let store = Arc::clone(&self.store);
            return Ok(AnswerStream::of_content(store, body.clone(), part.clone()));
        }
        let bytes = bytes_of(answer);
        match self.room.keep(bytes.clone()).await {
            // What was written was written: the client has to hear that.
            Err(_) if !method.is_safe() => Ok(AnswerStream::of_bytes(bytes)),
            kept => kept,
        }
    }
}

/// The bytes of an answer that is no content of the store.
fn bytes_of(answer: &mut Answer) -> Bytes {
    let body = std::mem::replace(&mut answer.body, AnswerBody::Bytes(Bytes::new()));
    match body {
        AnswerBody::Document(document) => document.into(),
        AnswerBody::Bytes(bytes) => bytes,
        AnswerBody::Content { .. } => Bytes::new(),
    }
}

fn response(answer: Answer, length: u64, body: AnswerStream) -> Response<AnswerStream> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    let headers = response.headers_mut();
    // What is not sent has no length here (RFC 9110 §8.6).
    if !matches!(
        answer.status,
        StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT
    ) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
    if !answer.is_script {
        headers
            .entry(header::X_CONTENT_TYPE_OPTIONS)
            .or_insert(HeaderValue::from_static("nosniff"));
    }
    response
}

fn dialect_of(path: &str) -> &'static dyn Dialect {
    let [.., last] = DIALECTS;
    DIALECTS
        .into_iter()
        .find(|dialect| dialect.claims(path))
        .unwrap_or(last)
}

//! One request from its head to its answer: the only place where a dialect, the accounts and the store meet.
//!
//! The order is that of `mindtouch.md` §2: path and verb, who asks, what it is about, may they, what the head says of
//! the body, parameters; only then the body is read. What is told early is told again by `decide`, inside of the
//! transaction, so nothing depends on what was true a moment ago.

mod body;
mod exchange;
mod identify;
mod stream;

pub(crate) use exchange::now;
pub use stream::AnswerStream;

use crate::auth::{Hasher, Throttle, Verified};
use crate::config::{Limits, Privacy};
use crate::dialect::{DIALECTS, Dialect};
use crate::fault::Fault;
use crate::http::{Answer, AnswerBody, Head};
use crate::model::{User, UserId};
use crate::store::Store;
use exchange::Exchange;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, Version, request};
use hyper::body::Incoming;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Answers requests.
pub struct Service {
    store: Arc<dyn Store>,
    limits: Limits,
    privacy: Privacy,
    /// Scheme and host of links, if they are not those of the request.
    public_url: Option<Arc<str>>,
    hasher: Hasher,
    verified: Verified,
    throttle: Throttle,
    anonymous: Arc<User>,
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

/// Where a request came from and arrived.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// The client.
    pub peer: SocketAddr,
    /// The address of ours that it reached.
    pub local: SocketAddr,
}

impl Service {
    /// A service on a store.
    ///
    /// # Errors
    /// If the store cannot be read, or the system has no random numbers or no threads.
    pub async fn new(
        store: Arc<dyn Store>,
        limits: Limits,
        privacy: Privacy,
        public_url: Option<String>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Service {
            anonymous: store.user(UserId::ANONYMOUS).await?,
            hasher: Hasher::start()?,
            verified: Verified::new(Duration::from_secs(limits.credentials_secs))
                .map_err(|error| error.to_string())?,
            throttle: Throttle::new(limits.guesses_per_sec_max),
            public_url: public_url.map(|url| url.trim_end_matches('/').into()),
            store,
            limits,
            privacy,
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
        let (parts, body) = request.into_parts();
        let dialect = dialect_of(parts.uri.path());
        let base = self.base(&parts, connection);
        let head = Arc::new(Head::new(parts));
        let mut exchange = Exchange {
            service: self,
            number,
            body: Some(body),
            method: head.method.clone(),
        };
        let told = match &base {
            Ok(base) => {
                exchange
                    .run(dialect, &head, Arc::clone(base), connection)
                    .await
            }
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
        // Without a host it is not clear for whom the requests behind this one are.
        if !exchange.settle_body(&head.headers).await || base.is_err() {
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
        self.response(answer, &method)
    }

    fn response(&self, answer: Answer, method: &Method) -> Response<AnswerStream> {
        let length = answer.length();
        let bodiless = *method == Method::HEAD || answer.status == StatusCode::NOT_MODIFIED;
        let body = match answer.body {
            _ if bodiless => AnswerStream::empty(),
            AnswerBody::Document(document) => AnswerStream::of_bytes(document.into()),
            AnswerBody::Bytes(bytes) => AnswerStream::of_bytes(bytes),
            AnswerBody::Content { body, part } => {
                AnswerStream::of_content(Arc::clone(&self.store), body, part)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        let headers = response.headers_mut();
        if answer.status != StatusCode::NOT_MODIFIED {
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

    /// Scheme and host of all links in an answer.
    fn base(
        &self,
        parts: &request::Parts,
        connection: Connection,
    ) -> Result<Arc<str>, &'static str> {
        const NO_HOST: &str = "a request needs exactly one Host header";
        let host = match (hosts(&parts.headers), parts.uri.authority()) {
            (Hosts::Several, _) => return Err(NO_HOST),
            (Hosts::None, _) if parts.version >= Version::HTTP_11 => return Err(NO_HOST),
            (_, Some(authority)) => authority.as_str().to_owned(),
            (Hosts::One(host), None) => host.to_owned(),
            (Hosts::None, None) => connection.local.to_string(),
        };
        let is_host = host.parse::<Authority>().is_ok() && !host.contains(['@', '<', '>', '"']);
        if !is_host {
            return Err("the Host header is not the name of a host");
        }
        Ok(self
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{host}").into()))
    }
}

enum Hosts<'a> {
    None,
    One(&'a str),
    Several,
}

fn hosts(headers: &HeaderMap) -> Hosts<'_> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => Hosts::None,
        (Some(host), None) => Hosts::One(host.to_str().unwrap_or_default()),
        (Some(_), Some(_)) => Hosts::Several,
    }
}

fn dialect_of(path: &str) -> &'static dyn Dialect {
    let [last] = DIALECTS;
    DIALECTS
        .into_iter()
        .find(|dialect| dialect.claims(path))
        .unwrap_or(last)
}

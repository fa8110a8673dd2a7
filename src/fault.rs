//! Why a whole request gets no normal answer, in words that say what to do about it.
//!
//! A dialect may choose another status or other words; [`Fault::status`] is the default. What has gone wrong inside is
//! in the log, never in an answer.

use crate::model::Refusal;
use crate::xml::{Malformed, Undecodable};
use http::StatusCode;

/// Why a request failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// An expected no of the domain. Its words belong to the dialect.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The credentials were wrong, or could not be read.
    #[error("authentication failed")]
    WrongCredentials,
    /// Nobody signed in, and somebody has to.
    #[error("sign in with the user name and the password of an account")]
    CredentialsNeeded,
    /// The password that was shown to get another one is wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The account may not be used.
    #[error("User '{0}' is disabled")]
    Disabled(String),
    /// A browser sent the request from a page of another site, with the cookie of this one.
    #[error(
        "what a browser sends by itself is not accepted from another site; send the token as the header X-Authtoken"
    )]
    ForeignOrigin,
    /// Too many wrong passwords were tried.
    #[error("too many wrong passwords; wait {retry_secs} s and try again")]
    TooManyGuesses {
        /// When to try again.
        retry_secs: u32,
    },
    /// Nothing is at this path.
    #[error("resource not found")]
    UnknownPath,
    /// The path is there, but not for this verb.
    #[error("allowed methods are {}", .0.join(", "))]
    MethodNotAllowed(&'static [&'static str]),
    /// A parameter is missing.
    #[error("missing feature parameter '{0}'")]
    MissingParameter(&'static str),
    /// A parameter has a value that it cannot have.
    #[error("invalid value for feature parameter '{0}'")]
    InvalidParameter(&'static str),
    /// A field of the body can be read, and is not what it has to be.
    #[error("{field} {what}")]
    InvalidField {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A link that has to be signed is not, or is good no more.
    #[error("the link is not good, or not any more: ask for a new one")]
    BadLink,
    /// The body comes without its length, which has to be known before it is read.
    #[error("say how long the body is, with Content-Length")]
    LengthRequired,
    /// Something else in the request cannot be.
    #[error("{0}")]
    BadRequest(String),
    /// The body is not XML.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The body is not text.
    #[error("{0}")]
    Undecodable(#[from] Undecodable),
    /// The body has another type than it has to have.
    #[error("{0}")]
    UnsupportedMediaType(String),
    /// The body is too large.
    #[error("{0}")]
    TooLarge(String),
    /// The body did not come in time.
    #[error("the body did not arrive in time; send it again")]
    TooSlow,
    /// The part of a content that was asked for does not exist.
    #[error("the content has {size} bytes, and the range asks for others")]
    RangeNotSatisfiable {
        /// How many bytes there are.
        size: u64,
    },
    /// More is waiting than may wait.
    #[error("the server is busy; try again in a second")]
    Overloaded,
    /// Another process holds the database.
    #[error("the database is locked by another process; try again when that has ended")]
    Locked,
    /// The disk is full.
    #[error("there is no room left on the disk of the server; nothing was written")]
    Full,
    /// The disk is failing, or has become read-only.
    #[error("the disk of the server cannot be written at present; what is stored can be read")]
    Unwritable,
    /// Something failed that is not the client's fault. The log has the cause under the number of the request.
    #[error("internal error; the log of the server has the cause under request {0}")]
    Internal(u64),
}

impl Fault {
    /// The status, where a dialect has no other.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Fault::Refused(_)
            | Fault::MissingParameter(_)
            | Fault::InvalidParameter(_)
            | Fault::BadRequest(_)
            | Fault::Malformed(_)
            | Fault::Undecodable(_) => StatusCode::BAD_REQUEST,
            Fault::InvalidField { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Fault::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Fault::WrongCredentials | Fault::CredentialsNeeded => StatusCode::UNAUTHORIZED,
            Fault::WrongPassword | Fault::Disabled(_) | Fault::ForeignOrigin | Fault::BadLink => {
                StatusCode::FORBIDDEN
            }
            Fault::TooManyGuesses { .. } => StatusCode::TOO_MANY_REQUESTS,
            Fault::UnknownPath => StatusCode::NOT_FOUND,
            Fault::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Fault::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Fault::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Fault::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Fault::Overloaded | Fault::Locked | Fault::Unwritable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Fault::Full => StatusCode::INSUFFICIENT_STORAGE,
            Fault::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// After how many seconds it is worth to try again, if it is.
    #[must_use]
    pub fn retry_secs(&self) -> Option<u32> {
        match self {
            Fault::TooManyGuesses { retry_secs } => Some(*retry_secs),
            Fault::Overloaded | Fault::Locked => Some(1),
            Fault::Full | Fault::Unwritable => Some(10),
            Fault::Refused(_)
            | Fault::WrongCredentials
            | Fault::CredentialsNeeded
            | Fault::WrongPassword
            | Fault::Disabled(_)
            | Fault::ForeignOrigin
            | Fault::UnknownPath
            | Fault::MethodNotAllowed(_)
            | Fault::MissingParameter(_)
            | Fault::InvalidParameter(_)
            | Fault::InvalidField { .. }
            | Fault::LengthRequired
            | Fault::BadLink
            | Fault::BadRequest(_)
            | Fault::Malformed(_)
            | Fault::Undecodable(_)
            | Fault::UnsupportedMediaType(_)
            | Fault::TooLarge(_)
            | Fault::TooSlow
            | Fault::RangeNotSatisfiable { .. }
            | Fault::Internal(_) => None,
        }
    }
}

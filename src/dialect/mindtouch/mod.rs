//! The MindTouch property API: the main dialect (`mindtouch.md`, `clients.md`).
//!
//! [`route`] reads paths and [`plan`] says what each verb on each path means: who may do it, what becomes of the body, and
//! which function of [`properties`], [`pages`], [`files`] or [`accounts`] goes on. [`request`], [`json`] and [`security`]
//! read bodies, [`response`] writes answers and [`mod@format`] says them in other formats, [`status`] has the codes and the
//! words of every no.

mod accounts;
mod contents;
mod files;
mod format;
mod json;
mod names;
mod pages;
mod parameters;
mod plan;
mod properties;
mod request;
mod response;
mod route;
mod security;
mod status;
#[cfg(test)]
mod tests;

use super::sign_in::name_password;
use super::{Credentials, Dialect, NamePassword, Plan, TokenSource, with_fault};
use crate::config::Limits;
use crate::fault::Fault;
use crate::http::{Answer, AnswerBody, Head, Preference, preference, text_of, unquoted};
use format::{Dates, convert};
use http::{HeaderName, HeaderValue, StatusCode, header};
use parameters::{Output, output};
use std::sync::Arc;

/// The type of every XML answer.
const XML: &str = "application/xml; charset=utf-8";

/// Says whom the password is for.
const CHALLENGE: &str = "Basic realm=\"DekiWiki\"";

/// The most tokens of a request that are looked at.
const TOKENS_MAX: usize = 8;

/// The site that answers: the original could serve several.
const SITE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-deki-site"),
    HeaderValue::from_static("id=\"default\""),
);

/// The dialect.
pub(super) struct MindTouch;

impl Dialect for MindTouch {
    fn name(&self) -> &'static str {
        "mindtouch"
    }

    fn claims(&self, _path: &str) -> bool {
        true
    }

    fn plan(&self, head: &Arc<Head>, limits: &Limits) -> Result<Plan, Fault> {
        plan::plan(head, limits)
    }

    fn fault(&self, head: &Head, base: &str, fault: &Fault) -> Answer {
        let (status, message) = status::of_fault(fault);
        let mut answer =
            ErrorForm::of(head).answer(status, &message, &format!("{base}{}", head.path));
        if let Fault::MethodNotAllowed(methods) = fault {
            answer = answer.with(header::ALLOW, methods.join(","));
        }
        with_fault(answer, fault)
    }

    fn shape(&self, head: &Head, mut answer: Answer) -> Answer {
        if let AnswerBody::Document(document) = &mut answer.body {
            let document = std::mem::take(document);
            // If the format cannot be had, that is what the answer says, and it says it as XML.
            let output = output(head).unwrap_or_default();
            answer = match output.map(|output| (output, convert(&document, &output, Dates::Ours))) {
                Some((output, Ok(text))) => formatted(answer, &output, text),
                Some((_, Err(_))) | None => Answer {
                    body: AnswerBody::Bytes(document.into()),
                    ..answer
                }
                .with(header::CONTENT_TYPE, XML),
            };
        }
        let (name, value) = SITE;
        answer
            .with(name, value)
            .with(header::VARY, "Accept, Authorization, Cookie, X-Authtoken")
    }
}

/// An answer that says what it says in another format than XML.
fn formatted(answer: Answer, output: &Output<'_>, text: String) -> Answer {
    // What stands before could be any other script.
    let is_script = output.callback.is_some() && output.before.is_empty();
    let mut answer = Answer {
        body: AnswerBody::Bytes(text.into()),
        is_script,
        ..answer
    }
    .with(header::CONTENT_TYPE, output.format.media_type());
    if is_script {
        answer.headers.remove(header::X_CONTENT_TYPE_OPTIONS);
    }
    answer
}

/// In which form an error is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorForm {
    /// As XML, or in the format that the request asks for.
    Document,
    /// As a line of text, for a person.
    Text,
}

impl ErrorForm {
    fn of(head: &Head) -> Self {
        match head.query.get("dream.out.format") {
            None if preference(&head.headers) == Preference::Text => ErrorForm::Text,
            None | Some(_) => ErrorForm::Document,
        }
    }

    /// The error document of `mindtouch.md` §5.4.
    fn answer(self, status: StatusCode, message: &str, uri: &str) -> Answer {
        let answer = match self {
            ErrorForm::Document => Answer::document(status, response::error(status, message, uri)),
            ErrorForm::Text => {
                let title = status::title(status);
                let text = format!("{} {title}: {message}\n", status.as_u16());
                Answer::text(status, "text/plain; charset=utf-8", text)
            }
        };
        if status == StatusCode::UNAUTHORIZED {
            answer.with(header::WWW_AUTHENTICATE, CHALLENGE)
        } else {
            answer
        }
    }
}

/// Who sends a request, by everything that can say so (§10).
fn credentials(head: &Head) -> Credentials {
    let bare = |token: &str| unquoted(token.trim()).to_owned();
    let explicit = |token: String| (bare(&token), TokenSource::Explicit);
    let query = head.query.get("authtoken").map(str::to_owned);
    let headers = ["x-authtoken", "x-deki-token"].map(|name| head.header(name));
    let cookies = cookies(head, "authtoken").into_iter();
    let tokens = query
        .map(explicit)
        .into_iter()
        .chain(cookies.map(|token| (bare(&token), TokenSource::Cookie)))
        .chain(headers.into_iter().flatten().map(explicit))
        .filter(|(token, _)| !token.is_empty())
        .take(TOKENS_MAX);
    Credentials {
        tokens: tokens.collect(),
        basic: basic(head),
        api_key: head
            .query
            .get("apikey")
            .map(str::to_owned)
            .or_else(|| head.header("x-apikey")),
        is_script: head.query.get("dream.out.callback").is_some(),
        required: is_required(head),
    }
}

fn is_required(head: &Head) -> bool {
    head.query
        .get("authenticate")
        .is_some_and(|value| !value.eq_ignore_ascii_case("false"))
}

/// The values of all cookies of a name: a browser may have several, for different paths.
fn cookies(head: &Head, name: &str) -> Vec<String> {
    let fields = head.headers.get_all(header::COOKIE).iter();
    let mut values = Vec::new();
    for field in fields.map(|value| text_of(value.as_bytes())) {
        let pairs = field
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        let ours = pairs.filter(|(key, _)| *key == name);
        values.extend(ours.map(|(_, value)| value.to_owned()));
    }
    values
}

/// The name and the password of Basic authentication; `Some(Err(_))` if another scheme or nonsense was sent.
fn basic(head: &Head) -> Option<Result<NamePassword, Fault>> {
    let value = head.header(header::AUTHORIZATION)?;
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    let read = || {
        let (scheme, code) = value.split_once(' ')?;
        name_password(code).filter(|_| scheme.eq_ignore_ascii_case("basic"))
    };
    Some(read().ok_or(Fault::WrongCredentials))
}

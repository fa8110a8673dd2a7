//! The Redu API: folders and files in spaces, as JSON (`redu.md`, `dialects-common.md`).
//!
//! [`route`] reads paths, [`plan`] says what each verb on each path means, [`request`] reads bodies, [`response`] writes
//! answers, and [`status`] has the codes and the words of every no.

mod plan;
mod request;
mod response;
mod route;
mod status;
#[cfg(test)]
mod tests;

use super::{Credentials, Dialect, NamePassword, Plan, TokenSource};
use crate::config::Limits;
use crate::fault::Fault;
use crate::http::{Answer, Head};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};
use std::sync::Arc;

/// The type of every answer that is not a file.
const JSON: &str = "application/json; charset=utf-8";

/// Says whom the password is for.
const CHALLENGE: &str = "Basic realm=\"propstore\"";

/// Headers that carry a token by themselves, in the order in which they count.
const TOKEN_HEADERS: [&str; 2] = ["ocp-apim-subscription-key", "x-authtoken"];

/// The dialect.
pub(super) struct Redu;

impl Dialect for Redu {
    fn name(&self) -> &'static str {
        "redu"
    }

    fn claims(&self, path: &str) -> bool {
        path == "/api" || path.starts_with("/api/")
    }

    fn plan(&self, head: &Arc<Head>, limits: &Limits) -> Result<Plan, Fault> {
        Ok(plan::plan(head, limits))
    }

    fn fault(&self, head: &Head, _base: &str, fault: &Fault) -> Answer {
        status::answer(head, fault)
    }

    fn shape(&self, _head: &Head, mut answer: Answer) -> Answer {
        let headers = &mut answer.headers;
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        answer
    }
}

/// Who sends a request: what comes first decides, whatever comes besides (`dialects-common.md` §4). A cookie does not
/// count, for a form of another site would carry it, too.
fn credentials(head: &Head) -> Credentials {
    let token = |token: &str| Credentials {
        tokens: vec![(token.trim().to_owned(), TokenSource::Explicit)],
        required: true,
        ..Credentials::default()
    };
    // An empty field counts as absent (`mindtouch.md` §10).
    let authorization = head.header(header::AUTHORIZATION);
    if let Some(value) = authorization.filter(|value| !value.trim().is_empty()) {
        let (scheme, value) = value.trim().split_once(' ').unwrap_or_default();
        return match scheme.to_ascii_lowercase().as_str() {
            "oauth" | "bearer" => token(value),
            scheme => Credentials {
                basic: Some(match scheme {
                    "basic" => name_password(value).ok_or(Fault::WrongCredentials),
                    _ => Err(Fault::WrongCredentials),
                }),
                required: true,
                ..Credentials::default()
            },
        };
    }
    let header = TOKEN_HEADERS.iter().find_map(|name| head.header(*name));
    header.map_or(
        Credentials {
            required: true,
            ..Credentials::default()
        },
        |value| token(&value),
    )
}

fn name_password(code: &str) -> Option<NamePassword> {
    let bytes = STANDARD.decode(code.trim()).ok()?;
    let text = crate::http::text_of(&bytes);
    let (name, password) = text.split_once(':')?;
    Some(NamePassword {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}

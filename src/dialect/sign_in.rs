//! Who sends a request to one of the JSON dialects, and what a name and a password look like on the way
//! (`dialects-common.md` §4, `mindtouch.md` §10).

use super::{Credentials, NamePassword, TokenSource};
use crate::fault::Fault;
use crate::http::{Head, text_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;

/// Says whom the password is for.
pub(super) const CHALLENGE: &str = "Basic realm=\"propstore\"";

/// Headers that carry a token by themselves, in the order in which they count.
const TOKEN_HEADERS: [&str; 2] = ["ocp-apim-subscription-key", "x-authtoken"];

/// Who sends a request: what comes first decides, whatever comes besides. A cookie does not count, for a form of another
/// site would carry it, too.
pub(super) fn first_that_is_there(head: &Head) -> Credentials {
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

/// The name and the password in what follows `Basic`.
pub(super) fn name_password(code: &str) -> Option<NamePassword> {
    let bytes = STANDARD.decode(code.trim()).ok()?;
    let text = text_of(&bytes);
    let (name, password) = text.split_once(':')?;
    Some(NamePassword {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn head(fields: &[(&'static str, &str)]) -> Head {
        let mut request = Request::builder().uri("/api/x");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        Head::new(request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_first_credentials_that_are_there_decide() {
        let tokens = |fields: &[(&'static str, &str)]| {
            let credentials = first_that_is_there(&head(fields));
            assert!(credentials.required);
            let tokens = credentials.tokens.into_iter().map(|(token, _)| token);
            let basic = credentials
                .basic
                .map(|basic| basic.map(|basic| basic.name).ok());
            (tokens.collect::<Vec<_>>(), basic)
        };
        let token = |token: &str| (vec![token.to_owned()], None);
        for (fields, expected) in [
            (&[("authorization", "OAuth abc")][..], token("abc")),
            (&[("authorization", "oauth abc")], token("abc")),
            (
                &[("authorization", "BEARER abc"), ("x-authtoken", "other")],
                token("abc"),
            ),
            (
                &[
                    ("ocp-apim-subscription-key", "abc"),
                    ("x-authtoken", "other"),
                ],
                token("abc"),
            ),
            (&[("x-authtoken", "abc")], token("abc")),
            (
                &[("authorization", "Basic YTpi"), ("x-authtoken", "x")],
                (vec![], Some(Some("a".to_owned()))),
            ),
            (
                &[("authorization", "Digest x"), ("x-authtoken", "x")],
                (vec![], Some(None)),
            ),
            (
                &[("authorization", "Basic !"), ("x-authtoken", "x")],
                (vec![], Some(None)),
            ),
            (
                &[("authorization", " "), ("x-authtoken", "abc")],
                token("abc"),
            ),
            (&[("cookie", "authtoken=abc")], (vec![], None)),
            (&[], (vec![], None)),
        ] {
            assert_eq!(tokens(fields), expected, "{fields:?}");
        }
    }
}

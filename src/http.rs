//! What HTTP says, without a word of the domain: queries, conditions, ranges, and answers.

use crate::model;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, request};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// The head of a request.
#[derive(Clone, Debug)]
pub struct Head {
    /// The verb.
    pub method: Method,
    /// The path as it was sent: nothing is decoded or folded.
    pub path: String,
    /// The parameters of the query.
    pub query: Query,
    /// The header fields.
    pub headers: HeaderMap,
}

impl Head {
    /// The head of these parts.
    #[must_use]
    pub fn new(parts: request::Parts) -> Self {
        Head {
            path: parts.uri.path().to_owned(),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            method: parts.method,
            headers: parts.headers,
        }
    }

    /// The value of a header field as text: UTF-8 or, if it is not that, ISO-8859-1.
    #[must_use]
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<String> {
        self.headers
            .get(name)
            .map(|value| text_of(value.as_bytes()))
    }
}

/// Bytes of a header field as text: UTF-8 or, if they are not that, ISO-8859-1.
#[must_use]
pub fn text_of(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(
        |_| bytes.iter().map(|&b| char::from(b)).collect(),
        str::to_owned,
    )
}

/// The parameters of a query.
#[derive(Clone, Debug, Default)]
pub struct Query {
    raw: String,
    pairs: Vec<(String, String)>,
}

/// A parameter has bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUtf8;

impl Query {
    /// Reads `a=1&b=2`; `+` is a space.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        Query {
            pairs: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            raw: query.to_owned(),
        }
    }

    /// The first value of a parameter, whose name may be written in any case.
    ///
    /// # Errors
    /// [`NotUtf8`]
    pub fn in_any_case(&self, name: &str) -> Result<Option<String>, NotUtf8> {
        let mut pairs = self.raw.split('&').filter(|pair| !pair.is_empty());
        let found = pairs.find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = decoded(key).ok()?;
            key.eq_ignore_ascii_case(name).then(|| decoded(value))
        });
        found.transpose()
    }

    /// The first value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A part of a query as text; `+` is a space.
fn decoded(part: &str) -> Result<String, NotUtf8> {
    let spaced = part.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8();
    text.map(Cow::into_owned).map_err(|_| NotUtf8)
}

/// What `If-Match` or `If-None-Match` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtagCondition {
    /// `*`
    Anything,
    /// One of these, without quotes and `W/`.
    OneOf(Vec<String>),
}

impl EtagCondition {
    /// The condition in a header field; `None` if the field is not there.
    #[must_use]
    pub fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let mut etags = Vec::new();
        for value in headers.get_all(name) {
            let value = text_of(value.as_bytes());
            if value.trim() == "*" {
                return Some(EtagCondition::Anything);
            }
            etags.extend(
                value
                    .split(',')
                    .map(bare_etag)
                    .filter(|etag| !etag.is_empty())
                    .map(str::to_owned),
            );
        }
        (!etags.is_empty()).then_some(EtagCondition::OneOf(etags))
    }

    /// Whether something with this etag meets the condition.
    #[must_use]
    pub fn matches(&self, etag: &str) -> bool {
        match self {
            EtagCondition::Anything => true,
            EtagCondition::OneOf(etags) => etags.iter().any(|other| other == etag),
        }
    }
}

/// An etag without its quotes, and without the `W/` that a compressing proxy adds.
#[must_use]
pub fn bare_etag(value: &str) -> &str {
    let value = value.trim();
    let value = value.strip_prefix("W/").unwrap_or(value);
    unquoted(value)
}

/// A value without the quotes that stand around it.
#[must_use]
pub fn unquoted(value: &str) -> &str {
    let inside = |quote| {
        value
            .strip_prefix(quote)
            .and_then(|value| value.strip_suffix(quote))
    };
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

/// What `Range` asks for of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeAsked {
    /// All of it.
    Whole,
    /// These bytes.
    Part(RangeInclusive<u64>),
    /// Bytes that it has not.
    Beyond,
}

/// Reads `Range: bytes=…` for a content of `size` bytes. What asks for several ranges, or is no range, asks for the
/// whole, as RFC 9110 §14.2 allows.
#[must_use]
pub fn range(headers: &HeaderMap, size: u64) -> RangeAsked {
    let value = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let Some((first, last)) = value
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'))
    else {
        return RangeAsked::Whole;
    };
    let end = size.saturating_sub(1);
    // A sign is no digit; and what is larger than any size is as good as the largest.
    if !first
        .bytes()
        .chain(last.bytes())
        .all(|byte| byte.is_ascii_digit())
    {
        return RangeAsked::Whole;
    }
    let number = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap_or(u64::MAX));
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..=last.min(end),
        (Some(first), None) => first..=end,
        (None, Some(0)) => return RangeAsked::Beyond,
        (None, Some(count)) => size.saturating_sub(count)..=end,
        (Some(_), Some(_)) | (None, None) => return RangeAsked::Whole,
    };
    if *range.start() >= size {
        RangeAsked::Beyond
    } else {
        RangeAsked::Part(range)
    }
}

/// What a client would rather have, by `Accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// XML, or nothing special.
    Xml,
    /// JSON.
    Json,
    /// Plain text.
    Text,
}

/// What the client would rather have, by `Accept`: what has the most weight or, of several, what is named by itself
/// and not as `*/*`; then XML before JSON before text.
#[must_use]
pub fn preference(headers: &HeaderMap) -> Preference {
    let accept: Vec<String> = headers
        .get_all(header::ACCEPT)
        .iter()
        .map(|value| text_of(value.as_bytes()))
        .collect();
    let rank = |main: &str, sub: &str| {
        let (mut best, mut best_precision) = (0.0, 0);
        for item in accept.iter().flat_map(|value| value.split(',')) {
            let mut parts = item.split(';').map(str::trim);
            let range = parts.next().unwrap_or_default().to_ascii_lowercase();
            let precision = match range.split_once('/') {
                Some((m, s)) if m == main && s == sub => 3,
                Some((m, "*")) if m == main => 2,
                Some(("*", "*")) => 1,
                _ => continue,
            };
            let weight = parts
                .find_map(|p| p.strip_prefix("q="))
                .and_then(|q| q.parse::<f32>().ok())
                .unwrap_or(1.0);
            if precision > best_precision || (precision == best_precision && weight > best) {
                (best, best_precision) = (weight, precision);
            }
        }
        (best, if best > 0.0 { best_precision } else { 0 })
    };
    let mut best = (rank("application", "xml"), Preference::Xml);
    for (main, sub, preference) in [
        ("text", "xml", Preference::Xml),
        ("application", "json", Preference::Json),
        ("text", "plain", Preference::Text),
    ] {
        let rank = rank(main, sub);
        if rank > best.0 {
            best = (rank, preference);
        }
    }
    best.1
}

/// An answer, before it is sent.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header fields, without those that every answer has.
    pub headers: HeaderMap,
    /// The body.
    pub body: AnswerBody,
    /// Whether a browser may take it for a script that a page asked for.
    pub is_script: bool,
}

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// These bytes.
    Bytes(Bytes),
    /// An XML document that the answer consists of, which may still be said in another format.
    Document(String),
    /// A content of the store, or a part of it.
    Content {
        /// Where the bytes are.
        body: model::Body,
        /// Which of them.
        part: RangeInclusive<u64>,
    },
}

impl Answer {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: AnswerBody::Bytes(Bytes::new()),
            is_script: false,
        }
    }

    /// An answer with a body of this type.
    #[must_use]
    pub fn text(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        Answer {
            body: AnswerBody::Bytes(body.into()),
            ..Answer::empty(status)
        }
        .with(header::CONTENT_TYPE, media_type)
    }

    /// An answer that is an XML document.
    #[must_use]
    pub fn document(status: StatusCode, document: String) -> Self {
        Answer {
            body: AnswerBody::Document(document),
            ..Answer::empty(status)
        }
    }

    /// An answer of 200 with a content.
    #[must_use]
    pub fn content(content: &model::Content) -> Self {
        let body = match content.size {
            0 => AnswerBody::Bytes(Bytes::new()),
            size => AnswerBody::Content {
                body: content.body.clone(),
                part: 0..=size - 1,
            },
        };
        Answer {
            body,
            ..Answer::empty(StatusCode::OK)
        }
        .with(header::CONTENT_TYPE, content.media_type.as_str())
    }

    /// The answer with one more header field. A value that HTTP cannot carry is left out; ours can all be carried.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl AsRef<[u8]>) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
            self.headers.insert(name, value);
        }
        self
    }

    /// How many bytes the body has.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.body {
            AnswerBody::Bytes(bytes) => bytes.len() as u64,
            AnswerBody::Document(document) => document.len() as u64,
            AnswerBody::Content { part, .. } => part.end() - part.start() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_parameter_may_be_written_in_any_case_and_has_to_be_utf_8() {
        let value = |query: &str| Query::parse(query).in_any_case("SearchText");
        let text = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(value("searchtext=a+b%2B&SEARCHTEXT=c"), text("a b+"));
        assert_eq!(value("%FF=1&x&SearchTex%54=%C3%A9"), text("é"));
        assert_eq!(value("SearchText"), text(""));
        assert_eq!(value("SearchText=%FF"), Err(NotUtf8));
        assert_eq!(value("SearchText=%00"), text("\0"));
        assert_eq!(value("x=SearchText"), Ok(None));
    }

    #[test]
    fn etag_conditions_forgive_quotes_and_weakness() {
        let of = |value| EtagCondition::of(&headers(header::IF_MATCH, value), header::IF_MATCH);
        let one_of = |etags: &[&str]| {
            Some(EtagCondition::OneOf(
                etags.iter().map(|&e| e.to_owned()).collect(),
            ))
        };
        assert_eq!(of("*"), Some(EtagCondition::Anything));
        assert_eq!(of("1.r1"), one_of(&["1.r1"]));
        assert_eq!(
            of("\"1.r1\", W/\"2.r2\" , '3.r3'"),
            one_of(&["1.r1", "2.r2", "3.r3"])
        );
        assert_eq!(of(" "), None);
    }

    #[test]
    fn ranges_are_one_part_or_the_whole() {
        for (value, asked) in [
            ("bytes=0-0", RangeAsked::Part(0..=0)),
            ("bytes=2-", RangeAsked::Part(2..=9)),
            ("bytes=-3", RangeAsked::Part(7..=9)),
            ("bytes=-30", RangeAsked::Part(0..=9)),
            ("bytes=5-100", RangeAsked::Part(5..=9)),
            ("bytes=10-", RangeAsked::Beyond),
            ("bytes=-0", RangeAsked::Beyond),
            ("bytes=3-2", RangeAsked::Whole),
            ("bytes=+1-2", RangeAsked::Whole),
            ("bytes=1-+2", RangeAsked::Whole),
            ("bytes=-+2", RangeAsked::Whole),
            ("bytes=-", RangeAsked::Whole),
            ("bytes=99999999999999999999-", RangeAsked::Beyond),
            ("bytes=0-99999999999999999999", RangeAsked::Part(0..=9)),
            ("bytes=0-1,3-4", RangeAsked::Whole),
            ("lines=0-1", RangeAsked::Whole),
        ] {
            assert_eq!(range(&headers(header::RANGE, value), 10), asked, "{value}");
        }
        assert_eq!(range(&HeaderMap::new(), 10), RangeAsked::Whole);
    }

    #[test]
    fn another_format_is_preferred_only_by_who_says_so() {
        use Preference::{Json, Text, Xml};
        for (accept, preferred) in [
            ("text/plain", Text),
            ("text/plain, application/xml;q=0.5", Text),
            ("*/*", Xml),
            ("application/xml, text/plain", Xml),
            ("text/plain;q=0.5, */*", Xml),
            ("text/*", Xml),
            ("text/html, text/plain;q=0.9, */*;q=0.1", Text),
            ("application/json", Json),
            ("application/json;q=0", Xml),
            ("application/json, text/plain, */*", Json),
            ("application/xml, application/json", Xml),
            ("application/json, text/xml;q=0.9", Json),
            (
                "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
                Xml,
            ),
            ("", Xml),
        ] {
            assert_eq!(
                preference(&headers(header::ACCEPT, accept)),
                preferred,
                "{accept}"
            );
        }
        assert_eq!(preference(&HeaderMap::new()), Xml);
    }
}

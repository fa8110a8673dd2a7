//! Stored bytes as they are: the value of a property, the content of a file (`mindtouch.md` §8, §13).

use crate::dialect::{Context, Payload};
use crate::fault::Fault;
use crate::http::{Answer, AnswerBody, EtagCondition, Head, RangeAsked, bare_etag, range};
use crate::model::{Content, File, MediaType};
use bytes::Bytes;
use http::{StatusCode, header};
use std::fmt::{Display, Write};
use std::time::{Duration, UNIX_EPOCH};

/// Stored bytes. Whatever they are, a browser does not run them here.
pub(super) fn raw(
    context: &Context,
    head: &Head,
    content: &Content,
    etag: &str,
    file: Option<&File>,
) -> Result<Answer, Fault> {
    let cache = if context.principal.is_anonymous() {
        "public, no-cache"
    } else {
        "private, no-cache"
    };
    let describe = |answer: Answer| {
        let answer = answer
            .with(header::ETAG, quoted(&etag))
            .with(header::CACHE_CONTROL, cache)
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .with(header::CONTENT_SECURITY_POLICY, "sandbox");
        match file {
            None => answer,
            Some(file) => answer
                .with(header::ACCEPT_RANGES, "bytes")
                .with(header::LAST_MODIFIED, http_date(file))
                .with(header::CONTENT_DISPOSITION, disposition(file)),
        }
    };
    let unchanged = match EtagCondition::of(&head.headers, header::IF_NONE_MATCH) {
        Some(condition) => condition.matches(etag),
        None => file.is_some_and(|file| unmodified_since(head, file)),
    };
    if unchanged {
        return Ok(describe(Answer::empty(StatusCode::NOT_MODIFIED)));
    }
    let answer = describe(Answer::content(content));
    let if_range = head.header(header::IF_RANGE);
    if file.is_none() || if_range.is_some_and(|condition| bare_etag(&condition) != etag) {
        return Ok(answer);
    }
    match range(&head.headers, content.size) {
        RangeAsked::Whole => Ok(answer),
        RangeAsked::Beyond => Err(Fault::RangeNotSatisfiable { size: content.size }),
        RangeAsked::Part(part) => {
            let field = format!("bytes {}-{}/{}", part.start(), part.end(), content.size);
            let body = AnswerBody::Content {
                body: content.body.clone(),
                part,
            };
            let answer = Answer {
                status: StatusCode::PARTIAL_CONTENT,
                body,
                ..answer
            };
            Ok(answer.with(header::CONTENT_RANGE, field))
        }
    }
}

/// An etag as a header field has it.
pub(super) fn quoted(etag: &impl Display) -> String {
    format!("\"{etag}\"")
}

/// The body of a request that was gathered whole.
pub(super) fn whole(payload: Payload) -> Bytes {
    match payload {
        Payload::Whole(bytes) => bytes,
        Payload::Nothing | Payload::Content { .. } => Bytes::new(),
    }
}

/// The content that a request brought.
pub(super) fn content_of(payload: Payload, media_type: MediaType) -> Content {
    match payload {
        Payload::Content { body, size } => Content {
            media_type,
            size,
            body,
        },
        Payload::Whole(bytes) => Content::inline(media_type, bytes),
        Payload::Nothing => Content::inline(media_type, Bytes::new()),
    }
}

fn http_date(file: &File) -> String {
    let seconds = u64::try_from(file.modified_at.seconds()).unwrap_or_default();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn unmodified_since(head: &Head, file: &File) -> bool {
    let since = head
        .header(header::IF_MODIFIED_SINCE)
        .and_then(|date| httpdate::parse_http_date(&date).ok());
    let since = since.and_then(|since| since.duration_since(UNIX_EPOCH).ok());
    since.is_some_and(|since| {
        i64::try_from(since.as_secs()).is_ok_and(|since| file.modified_at.seconds() <= since)
    })
}

/// Shown by a browser if that is harmless, else saved; under the file's name (RFC 6266).
fn disposition(file: &File) -> String {
    let essence = file.content.media_type.essence();
    let harmless = essence.starts_with("image/") && !essence.contains("svg")
        || essence.starts_with("audio/")
        || essence.starts_with("video/")
        || matches!(essence, "text/plain" | "application/pdf");
    let plain = |c: char| {
        if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' {
            c
        } else {
            '_'
        }
    };
    let ascii: String = file.name.as_str().chars().map(plain).collect();
    let mut value = format!(
        "{}; filename=\"{ascii}\"",
        if harmless { "inline" } else { "attachment" }
    );
    if ascii != file.name.as_str() {
        value.push_str("; filename*=UTF-8''");
        for byte in file.name.as_str().bytes() {
            match byte {
                b if b.is_ascii_alphanumeric() || b"-._~!#$&+^`|".contains(&b) => {
                    value.push(b.into());
                }
                b => write!(value, "%{b:02X}").unwrap_or_default(),
            }
        }
    }
    value
}

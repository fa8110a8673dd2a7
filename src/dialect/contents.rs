//! Stored bytes as they are: whole or a part, unless the client has them already (RFC 9110 §13, §14).

use crate::fault::Fault;
use crate::http::{Answer, AnswerBody, EtagCondition, Head, RangeAsked, bare_etag, range};
use crate::model::{Content, File};
use http::{StatusCode, header};
use std::fmt::Display;
use std::time::{Duration, UNIX_EPOCH};

/// Stored bytes, with how long they may be kept; of a file also what it is saved as. Whatever they are, a browser does not
/// run them here.
pub(super) fn stored(
    head: &Head,
    content: &Content,
    etag: &str,
    cache: &'static str,
    file: Option<(&File, String)>,
) -> Result<Answer, Fault> {
    let described = file
        .as_ref()
        .map(|(file, disposition)| (http_date(file), disposition.clone()));
    let file = file.map(|(file, _)| file);
    let describe = |answer: Answer| {
        let answer = answer
            .with(header::ETAG, quoted(&etag))
            .with(header::CACHE_CONTROL, cache)
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .with(header::CONTENT_SECURITY_POLICY, "sandbox");
        match &described {
            None => answer,
            Some((date, disposition)) => answer
                .with(header::ACCEPT_RANGES, "bytes")
                .with(header::LAST_MODIFIED, date)
                .with(header::CONTENT_DISPOSITION, disposition),
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
    // A weak etag does not say that the bytes are the same (RFC 9110 §13.1.5).
    let differs = |condition: String| condition.starts_with("W/") || bare_etag(&condition) != etag;
    if file.is_none() || if_range.is_some_and(differs) {
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

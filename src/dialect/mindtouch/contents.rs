//! Stored bytes as they are: the value of a property, the content of a file (`mindtouch.md` §8, §13).

use crate::dialect::contents::stored;
use crate::dialect::{Context, Payload};
use crate::fault::Fault;
use crate::http::{Answer, Head};
use crate::model::{Content, File, MediaType};
use bytes::Bytes;
use std::fmt::Write;

/// Stored bytes.
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
    stored(
        head,
        content,
        etag,
        cache,
        file.map(|file| (file, disposition(file))),
    )
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
        Payload::Nothing | Payload::Part(_) => Content::inline(media_type, Bytes::new()),
    }
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

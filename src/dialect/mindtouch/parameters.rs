//! The parameters of a request: what its query and its header fields ask for (`mindtouch.md` §1.2, §2, §4, §6.1).

use super::format::Format;
use super::names::{Plus, decode};
use super::request;
use super::response::OwnerKind;
use super::route::Owner;
use crate::config::Limits;
use crate::fault::Fault;
use crate::http::{EtagCondition, Head, Preference, bare_etag, preference, unquoted};
use crate::model::{
    Demand, MediaType, NameFilter, NamePattern, Precondition, PropertyName, Refusal, Revision,
    SHOWN_BYTES,
};
use http::header;

/// What every route of properties looks at (§1.2, §2).
pub(super) fn property_parameters(owner: &Owner, head: &Head) -> Result<(), Fault> {
    redirects(owner, head)?;
    let revision = head
        .query
        .get("revision")
        .filter(|_| owner.kind == OwnerKind::File);
    match revision {
        Some(revision) if !matches!(revision.to_ascii_lowercase().as_str(), "head" | "0") => Err(
            Fault::BadRequest("Revision parameter not supported for this feature".to_owned()),
        ),
        Some(_) | None => Ok(()),
    }
}

/// `redirects`: a number, if it is about a page.
pub(super) fn redirects(owner: &Owner, head: &Head) -> Result<(), Fault> {
    match head.query.get("redirects") {
        Some(value) if owner.kind == OwnerKind::Page && value.trim().parse::<i32>().is_err() => {
            Err(Fault::InvalidParameter("redirects"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The format that an answer shall have instead of XML, and what goes around it (§12).
#[derive(Clone, Copy, Debug)]
pub(super) struct Output<'a> {
    pub(super) format: Format,
    /// The function that gets what JSON says.
    pub(super) callback: Option<&'a str>,
    /// What stands before and after JSON.
    pub(super) before: &'a str,
    pub(super) after: &'a str,
}

/// The longest name of a callback.
const CALLBACK_CHARS_MAX: usize = 128;

/// The format that the query asks for; `None`: XML.
pub(super) fn output(head: &Head) -> Result<Option<Output<'_>>, Fault> {
    let format = match head.query.get("dream.out.format") {
        None if preference(&head.headers) == Preference::Json => Format::Json,
        None => return Ok(None),
        Some(name) => match name.to_ascii_lowercase().as_str() {
            "xml" | "" => return Ok(None),
            "json" => Format::Json,
            "jsonp" => Format::Jsonp,
            "php" => Format::Php,
            _ => {
                let what = format!("{name} output format not supported");
                return Err(Fault::BadRequest(what));
            }
        },
    };
    let callback = head
        .query
        .get("dream.out.callback")
        .filter(|name| !name.is_empty());
    if !callback.is_none_or(is_callback) {
        return Err(Fault::InvalidParameter("dream.out.callback"));
    }
    Ok(Some(Output {
        format,
        callback,
        before: head.query.get("dream.out.pre").unwrap_or_default(),
        after: head.query.get("dream.out.post").unwrap_or_default(),
    }))
}

/// Whether a text is one or more identifiers of JavaScript, with dots between them.
fn is_callback(text: &str) -> bool {
    let is_identifier = |word: &str| {
        let mut chars = word.chars();
        let starts = |c: char| c.is_alphabetic() || matches!(c, '_' | '$');
        chars.next().is_some_and(starts) && chars.all(|c| starts(c) || c.is_numeric())
    };
    text.chars().count() <= CALLBACK_CHARS_MAX && text.split('.').all(is_identifier)
}

/// `contentcutoff`: up to how many bytes texts are shown.
pub(super) fn cutoff(head: &Head) -> Result<u64, Fault> {
    let value = head.query.get("contentcutoff").map(str::trim);
    value.map_or(Ok(SHOWN_BYTES), |value| {
        value
            .parse()
            .map_err(|_| Fault::InvalidParameter("contentcutoff"))
    })
}

/// `names` (§4): `*` is special at the start and at the end of an item.
pub(super) fn name_filter(head: &Head) -> NameFilter {
    let items = head.query.get("names").unwrap_or_default().split(',');
    name_patterns(items.filter(|item| !item.is_empty()))
}

/// Names, in which `*` is special at the start and at the end.
pub(super) fn name_patterns<'a>(items: impl IntoIterator<Item = &'a str>) -> NameFilter {
    let mut patterns = Vec::new();
    for item in items {
        let (starts, rest) = item
            .strip_prefix('*')
            .map_or((false, item), |rest| (true, rest));
        let (ends, text) = rest
            .strip_suffix('*')
            .map_or((false, rest), |rest| (true, rest));
        let text = text.to_owned();
        patterns.push(match (starts, ends) {
            (true, _) | (_, true) if text.is_empty() => return NameFilter::All,
            (true, true) => NamePattern::Contains(text),
            (true, false) => NamePattern::Ends(text),
            (false, true) => NamePattern::Starts(text),
            (false, false) => NamePattern::Is(text),
        });
    }
    if patterns.is_empty() {
        NameFilter::All
    } else {
        NameFilter::Matching(patterns)
    }
}

/// What `abort` asks to abort on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abort {
    Never,
    Modified,
    Exists,
}

/// `abort`, or what it is for this verb if it is not given.
pub(super) fn abort(head: &Head, default: Abort) -> Result<Abort, Fault> {
    match head
        .query
        .get("abort")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None => Ok(default),
        Some("never") => Ok(Abort::Never),
        Some("modified") => Ok(Abort::Modified),
        Some("exists") => Ok(Abort::Exists),
        Some(_) => Err(Fault::InvalidParameter("abort")),
    }
}

/// The etag in the header `ETag` or in the query, perhaps in quotes (§6.1).
pub(super) fn etag(head: &Head) -> Option<String> {
    let header = head.header(header::ETAG);
    let query = head.query.get("etag");
    let given = header.as_deref().map(bare_etag).or(query.map(unquoted));
    given.filter(|etag| !etag.is_empty()).map(str::to_owned)
}

/// What `If-Match` and `If-None-Match` demand.
pub(super) fn demand(head: &Head) -> Option<Demand> {
    let wanted = EtagCondition::of(&head.headers, header::IF_MATCH);
    let unwanted = EtagCondition::of(&head.headers, header::IF_NONE_MATCH);
    match (wanted, unwanted) {
        (Some(EtagCondition::Anything), None | Some(EtagCondition::OneOf(_))) => {
            Some(Demand::Present)
        }
        (Some(EtagCondition::OneOf(etags)), None) => Some(Demand::OneOf(etags)),
        (None, Some(EtagCondition::Anything)) => Some(Demand::Absent),
        (None, Some(EtagCondition::OneOf(etags))) => Some(Demand::NoneOf(etags)),
        (None, None) => None,
        // To be there and not to be there: nothing can meet that.
        (Some(EtagCondition::Anything), Some(EtagCondition::Anything)) => {
            Some(Demand::Never(Vec::new()))
        }
        (Some(EtagCondition::OneOf(etags)), Some(EtagCondition::Anything)) => {
            Some(Demand::Never(etags))
        }
        (Some(EtagCondition::OneOf(mut etags)), Some(EtagCondition::OneOf(unwanted))) => {
            etags.retain(|etag| !unwanted.contains(etag));
            Some(Demand::OneOf(etags))
        }
    }
}

/// What has to be there for a put (§6.2, §6.3).
pub(super) fn precondition(
    abort: Abort,
    demand: Option<&Demand>,
    etag: Option<String>,
) -> Precondition {
    match (abort, demand, etag) {
        (Abort::Never, _, _) => Precondition::Any,
        (Abort::Exists, _, _) => Precondition::Absent,
        // Whoever demands a certain head has seen it.
        (Abort::Modified, Some(Demand::OneOf(_) | Demand::Present), None) => Precondition::Any,
        (Abort::Modified, _, etag) => Precondition::Seen(etag),
    }
}

/// `description` of a change.
pub(super) fn description(head: &Head, limits: &Limits) -> Result<String, Fault> {
    let text = head.query.get("description").unwrap_or_default();
    request::check_description(text, limits).map_err(Refusal::Invalid)?;
    Ok(text.to_owned())
}

/// The type of the content in the body.
pub(super) fn content_type(head: &Head) -> Result<MediaType, Fault> {
    match head
        .header(header::CONTENT_TYPE)
        .filter(|value| !value.trim().is_empty())
    {
        None => Ok(MediaType::octet_stream()),
        Some(value) => value.parse().map_err(|()| {
            Fault::BadRequest(format!("the Content-Type '{value}' is not a media type"))
        }),
    }
}

/// The name that a key means: decoded twice or, if nothing is called so, once (§3).
pub(super) fn key_names(key: &str) -> Result<(PropertyName, Option<PropertyName>), Fault> {
    let name = property_name(&decode(key, Plus::Space)?)?;
    let once = key.parse().ok().filter(|once| *once != name);
    Ok((name, once))
}

/// A property name from the head of a request.
pub(super) fn property_name(text: &str) -> Result<PropertyName, Fault> {
    text.parse()
        .map_err(|fault| Fault::BadRequest(format!("The property name is invalid: {fault}.")))
}

/// `revision` of a file.
pub(super) fn file_revision(head: &Head) -> Result<Option<Revision>, Fault> {
    match head
        .query
        .get("revision")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None | Some("head" | "0") => Ok(None),
        Some(text) => {
            let number = text.parse().ok().and_then(Revision::new);
            number.map(Some).ok_or(Fault::InvalidParameter("revision"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_made_of_identifiers() {
        for (name, is_one) in [
            ("f", true),
            ("app.on_load.$1", true),
            ("é2", true),
            ("2f", false),
            ("f.", false),
            (".f", false),
            ("f()", false),
            ("a-b", false),
            ("alert(1);f", false),
            (&"f".repeat(128), true),
            (&"f".repeat(129), false),
        ] {
            assert_eq!(is_callback(name), is_one, "{name}");
        }
    }
}

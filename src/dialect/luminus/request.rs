//! Bodies and parameters (`luminus.md` §1, §3 to §5).

use crate::fault::Fault;
use crate::http::{NotUtf8, Query};
use crate::model::{
    Comments, FileType, Meaning, NameFault, NodeName, SEARCH_CHARS_MAX, SEARCH_CHARS_MIN, Setting,
    SpaceRole, Timestamp, moment, search_form,
};
use serde_json::{Map, Value};
use std::collections::HashSet;
use uuid::Uuid;

fn invalid(field: &'static str, what: impl Into<String>) -> Fault {
    Fault::InvalidField {
        field,
        what: what.into(),
    }
}

/// A UUID in its form with hyphens, in any case.
pub(super) fn uuid(field: &'static str, text: &str) -> Result<Uuid, Fault> {
    let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    uuid.ok_or_else(|| {
        let what = "has to be a UUID such as 0b6f5a2e-7c0e-4a53-9d0d-2f1f6f4a9b11";
        invalid(field, what)
    })
}

/// What a `PUT` asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Update {
    /// The folder.
    pub(super) id: Uuid,
    /// What it is called.
    pub(super) name: NodeName,
    /// Each setting with what it shall say; `None`: it shall not be set.
    pub(super) settings: Vec<(Setting, Option<Meaning>)>,
    /// Who shall have access.
    pub(super) access: AccessWish,
}

/// What is to become of the access list of a folder.
#[derive(Debug, PartialEq)]
pub(super) enum AccessWish {
    /// It stays as it is.
    Keep,
    /// There shall be none: those have access who have it above.
    Inherit,
    /// It shall be this one.
    Be(AccessAsked),
}

/// Who shall have access, by the names that they have in all other systems.
#[derive(Debug, Default, PartialEq)]
pub(super) struct AccessAsked {
    pub(super) groups: Vec<(Uuid, SpaceRole)>,
    pub(super) users: Vec<(Uuid, SpaceRole)>,
    pub(super) public: Option<SpaceRole>,
    pub(super) inherits: Option<Uuid>,
}

impl AccessAsked {
    /// The highest role that it gives to anybody.
    pub(super) fn highest(&self) -> Option<SpaceRole> {
        let grants = self.groups.iter().chain(&self.users);
        grants.map(|&(_, role)| role).chain(self.public).max()
    }
}

/// What a `PATCH` asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Status {
    pub(super) open: bool,
    /// Each once, in the order of the request.
    pub(super) folders: Vec<Uuid>,
}

/// The object that a body is, whatever its type says.
fn object(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let value = serde_json::from_slice(body)
        .map_err(|error| Fault::BadRequest(format!("the body is not JSON: {error}")))?;
    if let Value::Object(object) = value {
        return Ok(object);
    }
    let what = "the body has to be an object of JSON; it is no JSON Patch";
    Err(Fault::BadRequest(what.to_owned()))
}

/// A value that has to be there.
fn required<T>(
    of: &Map<String, Value>,
    field: &'static str,
    read: impl FnOnce(&'static str, &Value) -> Result<T, Fault>,
) -> Result<T, Fault> {
    optional(of, field, read)?.ok_or_else(|| invalid(field, "is required"))
}

/// A value that may be left out, or be `null`.
fn optional<T>(
    of: &Map<String, Value>,
    field: &'static str,
    read: impl FnOnce(&'static str, &Value) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let value = of.get(field).filter(|value| !value.is_null());
    value.map(|value| read(field, value)).transpose()
}

fn text<'a>(field: &'static str, value: &'a Value) -> Result<&'a str, Fault> {
    value
        .as_str()
        .ok_or_else(|| invalid(field, "has to be a string"))
}

fn flag(field: &'static str, value: &Value) -> Result<bool, Fault> {
    value
        .as_bool()
        .ok_or_else(|| invalid(field, "has to be true or false"))
}

fn list<'a>(field: &'static str, value: &'a Value) -> Result<&'a [Value], Fault> {
    let list = value.as_array();
    list.map(Vec::as_slice)
        .ok_or_else(|| invalid(field, "has to be an array"))
}

fn id(field: &'static str, value: &Value) -> Result<Uuid, Fault> {
    uuid(field, text(field, value)?)
}

fn name(field: &'static str, value: &Value) -> Result<NodeName, Fault> {
    NodeName::or_blank(text(field, value)?).map_err(|fault| {
        invalid(
            field,
            match fault {
                NameFault::Empty => "must not be empty".to_owned(),
                NameFault::TooLong { max, .. } => format!("has at most {max} characters"),
                NameFault::Character(c) => {
                    format!("must not contain the character U+{:04X}", u32::from(c))
                }
            },
        )
    })
}

fn date(field: &'static str, value: &Value) -> Result<Timestamp, Fault> {
    moment(text(field, value)?).ok_or_else(|| {
        let what = "has to be a date and time of RFC 3339 with an offset, such as 2026-01-12T00:00:00+08:00";
        invalid(field, what)
    })
}

fn word(
    words: &'static [&'static str],
) -> impl FnOnce(&'static str, &Value) -> Result<Meaning, Fault> {
    move |field, value| {
        let text = text(field, value)?;
        if words.contains(&text) {
            return Ok(Meaning::Text(text.to_owned()));
        }
        Err(invalid(
            field,
            format!("has to be one of {}", words.join(", ")),
        ))
    }
}

fn score(field: &'static str, value: &Value) -> Result<Meaning, Fault> {
    let number = value.as_f64().filter(|&number| number >= 0.0);
    number
        .map(Meaning::Number)
        .ok_or_else(|| invalid(field, "has to be a number that is not negative"))
}

fn extensions(field: &'static str, value: &Value) -> Result<Vec<String>, Fault> {
    let extension = |value: &Value| match text(field, value) {
        Ok("") => Err(invalid(field, "must not have an empty extension")),
        Ok(extension) => Ok(extension.to_owned()),
        Err(_) => Err(invalid(field, "has to be an array of strings")),
    };
    list(field, value)?.iter().map(extension).collect()
}

fn file_types(field: &'static str, value: &Value) -> Result<Meaning, Fault> {
    let file_type = |value: &Value| {
        let wrong = || {
            let what = "has to be an array of objects, each with the string fileTypeName";
            invalid(field, what)
        };
        let fields = value.as_object().ok_or_else(wrong)?;
        let name = fields.get("fileTypeName").and_then(Value::as_str);
        let given = fields.get("extensions").filter(|value| !value.is_null());
        Ok::<_, Fault>(FileType {
            name: name.ok_or_else(wrong)?.to_owned(),
            extensions: given.map(|value| extensions(field, value)).transpose()?,
        })
    };
    let types = list(field, value)?.iter().map(file_type);
    Ok(Meaning::FileTypes(types.collect::<Result<_, _>>()?))
}

fn role(field: &'static str, value: &Value) -> Result<SpaceRole, Fault> {
    // A whole number may be written with a point.
    let number = value.as_f64().filter(|number| number.fract() == 0.0);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whatever is no small whole number is no role"
    )]
    let number = number.map(|number| number as i64);
    number
        .and_then(SpaceRole::of_number)
        .ok_or_else(|| invalid(field, "has to be a role from 1 to 6"))
}

/// Reads `{"groupID" or "userID": …, "accessRole": …}` in an array.
fn grants(
    of: &Map<String, Value>,
    key: &'static str,
    field: &'static str,
    id_key: &'static str,
) -> Result<Vec<(Uuid, SpaceRole)>, Fault> {
    let Some(value) = of.get(key).filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    let grant = |value: &Value| {
        let wrong = || {
            invalid(
                field,
                format!("has to be an array of objects with {id_key} and accessRole"),
            )
        };
        let fields = value.as_object().ok_or_else(wrong)?;
        let who = id(field, fields.get(id_key).ok_or_else(wrong)?)?;
        Ok((
            who,
            role(field, fields.get("accessRole").ok_or_else(wrong)?)?,
        ))
    };
    list(field, value)?.iter().map(grant).collect()
}

fn access(field: &'static str, value: &Value) -> Result<AccessAsked, Fault> {
    let fields = value
        .as_object()
        .ok_or_else(|| invalid(field, "has to be an object"))?;
    let given = |key: &str| fields.get(key).filter(|value| !value.is_null());
    let public = given("publicAccess").map(|value| role("access.publicAccess", value));
    let inherits =
        given("inheritedResourceID").map(|value| id("access.inheritedResourceID", value));
    Ok(AccessAsked {
        groups: grants(fields, "groupAccess", "access.groupAccess", "groupID")?,
        users: grants(fields, "userAccess", "access.userAccess", "userID")?,
        public: public.transpose()?,
        inherits: inherits.transpose()?,
    })
}

/// Reads the body of a `PUT`.
///
/// # Errors
/// [`Fault::BadRequest`] if it is no object of JSON, [`Fault::InvalidField`] if a field is not what it has to be.
pub(super) fn update(body: &[u8]) -> Result<Update, Fault> {
    let of = &object(body)?;
    let start = required(of, "startDate", date)?;
    let end = required(of, "endDate", date)?;
    let deadline = optional(of, "submissionDeadline", date)?;
    if start > end {
        return Err(invalid("startDate", "must not be after endDate"));
    }
    if deadline.is_some_and(|deadline| !(start..=end).contains(&deadline)) {
        let what = "has to be between startDate and endDate";
        return Err(invalid("submissionDeadline", what));
    }
    let must = |field| required(of, field, flag).map(|flag| Some(Meaning::Flag(flag)));
    let may = |field| Ok::<_, Fault>(optional(of, field, flag)?.map(Meaning::Flag));
    let types = |field, value: &Value| extensions(field, value).map(Meaning::Extensions);
    let orders = word(&["Date", "Name", "Owner", "Size", "Order"]);
    let options = word(&["Matrix", "Name", "None"]);
    let settings = vec![
        (Setting::StartDate, Some(Meaning::Moment(start))),
        (Setting::EndDate, Some(Meaning::Moment(end))),
        (Setting::Publish, must("publish")?),
        (
            Setting::SortFilesBy,
            Some(required(of, "sortFilesBy", orders)?),
        ),
        (Setting::AllowUpload, must("allowUpload")?),
        (
            Setting::UploadDisplayOption,
            Some(required(of, "uploadDisplayOption", options)?),
        ),
        (Setting::ViewAll, must("viewAll")?),
        (Setting::FolderScore, optional(of, "folderScore", score)?),
        (Setting::AllowComments, may("allowComments")?),
        (Setting::AllowAnnotate, may("allowAnnotate")?),
        (Setting::SubmissionDeadline, deadline.map(Meaning::Moment)),
        (Setting::AllowLateSubmission, may("allowLateSubmission")?),
        (
            Setting::AllowedFileType,
            optional(of, "allowedFileType", types)?,
        ),
        (
            Setting::AllowedSubmissionFileTypes,
            optional(of, "allowedSubmissionFileTypes", file_types)?,
        ),
    ];
    Ok(Update {
        id: required(of, "id", id)?,
        name: required(of, "name", name)?,
        settings,
        access: match of.get("access") {
            None => AccessWish::Keep,
            Some(Value::Null) => AccessWish::Inherit,
            Some(value) => AccessWish::Be(access("access", value)?),
        },
    })
}

/// Reads the body of a `PATCH`.
///
/// # Errors
/// As [`update`].
pub(super) fn status(body: &[u8]) -> Result<Status, Fault> {
    let of = &object(body)?;
    let open = required(of, "open", flag)?;
    let ids = |field, value: &Value| {
        let ids = list(field, value)?.iter();
        ids.map(|value| id(field, value))
            .collect::<Result<Vec<_>, _>>()
    };
    let mut folders = optional(of, "folderIds", ids)?.unwrap_or_default();
    let mut seen = HashSet::new();
    folders.retain(|&id| seen.insert(id));
    Ok(Status { open, folders })
}

fn parameter(query: &Query, name: &'static str) -> Result<Option<String>, Fault> {
    let value = query.in_any_case(name);
    let value = value.map_err(|NotUtf8| invalid(name, "has to be UTF-8"))?;
    Ok(value.filter(|value| !value.is_empty()))
}

/// What to search for, in the form in which a search sees it; `None`: everything.
///
/// # Errors
/// [`Fault::InvalidField`] if that cannot be searched for.
pub(super) fn search_text(query: &Query) -> Result<Option<String>, Fault> {
    const FIELD: &str = "SearchText";
    let Some(text) = parameter(query, FIELD)? else {
        return Ok(None);
    };
    let chars = text.chars().count();
    if chars < SEARCH_CHARS_MIN {
        let what = format!("needs at least {SEARCH_CHARS_MIN} characters");
        return Err(invalid(FIELD, what));
    }
    if chars > SEARCH_CHARS_MAX {
        return Err(invalid(
            FIELD,
            format!("has at most {SEARCH_CHARS_MAX} characters"),
        ));
    }
    if text.contains('\0') {
        return Err(invalid(FIELD, "must not contain the character U+0000"));
    }
    Ok(Some(search_form(&text)))
}

/// What is asked for of comments.
///
/// # Errors
/// [`Fault::InvalidField`] if something else is asked for.
pub(super) fn comments(query: &Query) -> Result<Comments, Fault> {
    let asked = parameter(query, "populate")?.unwrap_or_default();
    let mut entities = asked
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    if let Some(unknown) = entities.find(|name| !name.eq_ignore_ascii_case("comment")) {
        let unknown: String = unknown.chars().take(40).collect();
        return Err(invalid(
            "populate",
            format!("can only be comment, not '{unknown}'"),
        ));
    }
    Ok(match asked.trim_matches([',', ' ']) {
        "" => Comments::Whether,
        _ => Comments::All,
    })
}

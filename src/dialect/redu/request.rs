//! Bodies: JSON or a form with the same fields, and the part of a form that is a file (`redu.md` §1, §4).

use crate::dialect::{NewUser, Part};
use crate::fault::Fault;
use crate::http::Head;
use crate::model::{
    Access, Enroll, MediaType, Member, NameFault, NodeName, Role, SpaceRole, check_login,
    check_person,
};
use http::{HeaderMap, header};
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

/// The most characters of a group's name.
const GROUP_NAME_CHARS_MAX: usize = 255;

/// The most members with which a group is made.
const GROUP_MEMBERS_MAX: usize = 10_000;

/// The most bytes of a password.
const PASSWORD_BYTES_MAX: usize = 4096;

/// The longest line between the parts of a form, in bytes (RFC 2046 §5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

fn invalid(field: &'static str, what: impl Into<String>) -> Fault {
    Fault::InvalidField {
        field,
        what: what.into(),
    }
}

/// The object that a body is; empty if it is no object.
#[derive(Debug)]
pub(super) struct Outer(Map<String, Value>);

impl Outer {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Fault::BadRequest`] if it is neither JSON nor, if its type says so, a form.
    pub(super) fn read(head: &Head, body: &[u8]) -> Result<Self, Fault> {
        let media_type = head.header(header::CONTENT_TYPE).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return form(body).map(Outer);
        }
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let value = serde_json::from_slice(body)
            .map_err(|error| Fault::BadRequest(format!("the body is not JSON: {error}")))?;
        Ok(Outer(if let Value::Object(object) = value {
            object
        } else {
            Map::new()
        }))
    }

    /// The object in it of this name.
    pub(super) fn inside(&self, name: &str) -> Fields<'_> {
        Fields(self.0.get(name).and_then(Value::as_object))
    }
}

/// Reads `a[b]=1&a[c][]=2` as `{"a": {"b": "1", "c": ["2"]}}`.
fn form(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let decoded = |text: &[u8]| {
        let text: Vec<u8> = text
            .iter()
            .map(|&byte| if byte == b'+' { b' ' } else { byte })
            .collect();
        let text = percent_decode(&text).decode_utf8();
        text.map(std::borrow::Cow::into_owned)
            .map_err(|_| Fault::BadRequest("the form is not UTF-8".to_owned()))
    };
    let mut outer = Map::new();
    for pair in body
        .split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let end = pair
            .iter()
            .position(|&byte| byte == b'=')
            .unwrap_or(pair.len());
        let (key, value) = (
            decoded(&pair[..end])?,
            decoded(pair.get(end + 1..).unwrap_or_default())?,
        );
        let Some((object, field)) = key.strip_suffix(']').and_then(|key| key.split_once('['))
        else {
            continue;
        };
        let object = outer
            .entry(object)
            .or_insert_with(|| Value::Object(Map::new()));
        let Some(object) = object.as_object_mut() else {
            continue;
        };
        match field.strip_suffix("][") {
            Some(list) => {
                let list = object
                    .entry(list)
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Some(list) = list.as_array_mut() {
                    list.push(value.into());
                }
            }
            None => {
                object.insert(field.to_owned(), value.into());
            }
        }
    }
    Ok(outer)
}

/// The fields of an object, if it is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    fn get(self, field: &str) -> Option<&'a Value> {
        self.0?.get(field).filter(|value| !value.is_null())
    }

    /// A text that has to be there.
    fn text(self, field: &'static str) -> Result<&'a str, Fault> {
        match self.get(field) {
            None => Err(invalid(field, "can't be blank")),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(invalid(field, "must be a string")),
        }
    }

    /// A text that may be left out.
    fn optional(self, field: &'static str) -> Result<Option<String>, Fault> {
        if self.get(field).is_none() {
            return Ok(None);
        }
        let text = self.text(field)?;
        check_person(text).map_err(|fault| invalid(field, fault.to_string()))?;
        Ok(Some(text.to_owned()).filter(|text| !text.trim().is_empty()))
    }

    /// The name of a folder or a space.
    pub(super) fn name(self) -> Result<NodeName, Fault> {
        let name = self.text("name")?;
        name.parse()
            .map_err(|fault| invalid("name", wrong_name(&fault)))
    }
}

/// What is wrong with a name.
fn wrong_name(fault: &NameFault) -> String {
    match fault {
        NameFault::Empty => "can't be blank".to_owned(),
        NameFault::TooLong { max, .. } => format!("is too long (maximum is {max} characters)"),
        NameFault::Character(c) => {
            format!("must not contain the character U+{:04X}", u32::from(*c))
        }
    }
}

/// `{"enrollment": {"login", "role"}}`
pub(super) fn enrollment(body: &Outer) -> Result<Enroll, Fault> {
    let fields = body.inside("enrollment");
    let login = fields.text("login")?;
    if login.trim().is_empty() {
        return Err(invalid("login", "can't be blank"));
    }
    let role = SpaceRole::of_enrollment(fields.text("role")?);
    let role = role.ok_or_else(|| {
        invalid(
            "role",
            "must be one of member, tutor, teacher, administrator",
        )
    })?;
    Ok(Enroll {
        login: login.to_owned(),
        role: Some(role),
    })
}

/// `{"group": {"name", "members": [login, …]}}`
pub(super) fn group(body: &Outer) -> Result<(String, Vec<Member>), Fault> {
    let fields = body.inside("group");
    // The rules are those of names of nodes, but for the length.
    let name: NodeName = fields.name()?;
    if name.as_str().chars().count() > GROUP_NAME_CHARS_MAX {
        let what = format!("is too long (maximum is {GROUP_NAME_CHARS_MAX} characters)");
        return Err(invalid("name", what));
    }
    let members = match fields.get("members") {
        None => Ok(Vec::new()),
        Some(Value::Array(members)) => members
            .iter()
            .map(|member| Some(Member::Login(member.as_str()?.to_owned())))
            .collect::<Option<Vec<_>>>()
            .ok_or(()),
        Some(_) => Err(()),
    };
    let members = members.map_err(|()| invalid("members", "must be an array of logins"))?;
    if members.len() > GROUP_MEMBERS_MAX {
        let what = format!("are too many (maximum is {GROUP_MEMBERS_MAX})");
        return Err(invalid("members", what));
    }
    Ok((name.to_string(), members))
}

/// `{"user": {"login", "password", "name"?, "email"?, "matric_no"?}}`
pub(super) fn user(body: &Outer) -> Result<NewUser, Fault> {
    let fields = body.inside("user");
    let name = fields.text("login")?.trim();
    check_login(name).map_err(|fault| invalid("login", fault.to_string()))?;
    let password = fields.text("password")?;
    if password.trim().is_empty() {
        return Err(invalid("password", "can't be blank"));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        let what = format!("is too long (maximum is {PASSWORD_BYTES_MAX} bytes)");
        return Err(invalid("password", what));
    }
    Ok(NewUser {
        name: name.to_owned(),
        full_name: fields.optional("name")?.unwrap_or_default(),
        email: fields.optional("email")?,
        matric_no: fields.optional("matric_no")?,
        role: Role::Contributor,
        access: Access::Active,
        password: password.to_owned(),
    })
}

/// What stands between the parts of a form.
///
/// # Errors
/// [`Fault::BadRequest`] if the type of the body is another one, or does not say it.
pub(super) fn boundary(head: &Head) -> Result<String, Fault> {
    let media_type = head.header(header::CONTENT_TYPE).unwrap_or_default();
    let boundary = multer::parse_boundary(&media_type).map_err(|_| {
        let what =
            "the Content-Type has to be multipart/form-data with a boundary, as curl -F sends it";
        Fault::BadRequest(what.to_owned())
    })?;
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
        let what = format!("the boundary of a form has 1 to {BOUNDARY_BYTES_MAX} bytes");
        return Err(Fault::BadRequest(what));
    }
    Ok(boundary)
}

/// Whether a part is the file.
pub(super) fn is_file(part: &HeaderMap) -> bool {
    let name = parameters(disposition(part)).find(|(name, _)| name.eq_ignore_ascii_case(b"name"));
    name.is_some_and(|(_, name)| name == b"file[content]")
}

fn disposition(part: &HeaderMap) -> &[u8] {
    let value = part.get(header::CONTENT_DISPOSITION);
    value.map_or(&[], |value| value.as_bytes())
}

/// The parameters of a field such as `form-data; name="a"; filename=b`. In quotes `\"` stands for `"`; any other `\` is
/// itself, since some clients send `C:\a.txt` as it is.
fn parameters(field: &[u8]) -> impl Iterator<Item = (&[u8], Vec<u8>)> {
    let start = field.iter().position(|&byte| byte == b';');
    let mut rest = start.map_or(&[][..], |start| &field[start..]);
    std::iter::from_fn(move || {
        let [b';', after @ ..] = rest.trim_ascii() else {
            return None;
        };
        let end = after.iter().position(|&byte| byte == b'=')?;
        let (name, value) = (
            after[..end].trim_ascii(),
            after[end + 1..].trim_ascii_start(),
        );
        let (value, left) = value_of(value);
        rest = left;
        Some((name, value))
    })
}

/// A value and what follows it.
fn value_of(field: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some((b'"', mut rest)) = field.split_first() else {
        let end = field
            .iter()
            .position(|&byte| byte == b';')
            .unwrap_or(field.len());
        return (field[..end].trim_ascii().to_vec(), &field[end..]);
    };
    let mut value = Vec::new();
    loop {
        match rest {
            [b'\\', byte @ b'"', after @ ..] => {
                value.push(*byte);
                rest = after;
            }
            [b'"', after @ ..] => {
                // Nothing but the next parameter can follow.
                let end = after
                    .iter()
                    .position(|&byte| byte == b';')
                    .unwrap_or(after.len());
                return (value, &after[end..]);
            }
            [byte, after @ ..] => {
                value.push(*byte);
                rest = after;
            }
            [] => return (value, &[]),
        }
    }
}

/// What a file is called and of which type it is, and its content.
///
/// # Errors
/// [`Fault::InvalidField`] if there is none, or it has no good name; [`Fault::BadRequest`] if its head cannot be read.
pub(super) fn file(part: Option<Part>) -> Result<(NodeName, MediaType, Part), Fault> {
    let part =
        part.ok_or_else(|| invalid("content", "can't be blank: send the part file[content]"))?;
    let name = file_name(disposition(&part.headers))?
        .ok_or_else(|| invalid("content", "needs a file name"))?;
    // Some clients send a whole path.
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if matches!(name, "." | "..") {
        return Err(invalid("content", "needs a file name"));
    }
    let name = name.parse().map_err(|fault| match fault {
        NameFault::Empty => invalid("content", "needs a file name"),
        NameFault::TooLong { .. } | NameFault::Character(_) => {
            invalid("content", format!("has a name that {}", wrong_name(&fault)))
        }
    })?;
    let media_type = match part.headers.get(header::CONTENT_TYPE) {
        None => MediaType::octet_stream(),
        Some(value) => {
            let text = value.to_str().ok();
            let media_type = text.and_then(MediaType::as_given);
            media_type.ok_or_else(|| {
                Fault::BadRequest(
                    "the Content-Type of the part file[content] is no media type".to_owned(),
                )
            })?
        }
    };
    Ok((name, media_type, part))
}

/// The name in `filename*` or, without one, in `filename`.
fn file_name(disposition: &[u8]) -> Result<Option<String>, Fault> {
    let named = |wanted: &[u8]| {
        parameters(disposition)
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    };
    let not_utf_8 = || Fault::BadRequest("the name of the file is not UTF-8".to_owned());
    if let Some(value) = named(b"filename*") {
        let mut parts = value.splitn(3, |&byte| byte == b'\'');
        let (charset, _, name) = (parts.next(), parts.next(), parts.next());
        if let (Some(charset), Some(name)) = (charset, name)
            && charset.eq_ignore_ascii_case(b"utf-8")
        {
            let name = percent_decode(name)
                .decode_utf8()
                .map_err(|_| not_utf_8())?;
            return Ok(Some(name.into_owned()));
        }
    }
    let Some(value) = named(b"filename") else {
        return Ok(None);
    };
    let name = String::from_utf8(value).map_err(|_| not_utf_8())?;
    // What browsers write for what would end the value (HTML, "multipart/form-data encoding algorithm").
    let name = [("%22", "\""), ("%0D", "\r"), ("%0A", "\n")]
        .into_iter()
        .fold(name, |name, (code, text)| name.replace(code, text));
    Ok(Some(name))
}

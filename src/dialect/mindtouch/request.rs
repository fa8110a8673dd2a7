//! The bytes of a request become changes: the batch of `mindtouch.md` §7 and the account of §11.
//!
//! A document that is not as it has to be fails as a whole. An item of a batch that is bad by itself rides along as
//! refused, so that the answer can name it in its place.

use super::json;
use crate::config::Limits;
use crate::dialect::NewUser;
use crate::fault::Fault;
use crate::http::Head;
use crate::model::{
    Access, Change, Charset, Content, Delete, Edit, Invalid, Language, LoginFault, MediaType,
    PERSON_BYTES_MAX, Precondition, PropertyName, Put, Refusal, ResourceId, Role, UserChange,
    check_login, not_xml,
};
use crate::xml::{self, Brief, Element, Event, Markup, Parser};
use bytes::Bytes;
use http::header;
use std::borrow::Cow;

/// What is wrong with the type of a body that has to be XML.
pub(super) fn xml_expected(head: &Head) -> Option<Fault> {
    expected(head, MediaType::is_xml, "XML")
}

/// What is wrong with the type of a body that has to be a batch.
pub(super) fn batch_expected(head: &Head) -> Option<Fault> {
    let is_batch = |media_type: &MediaType| media_type.is_xml() || media_type.is_json();
    expected(head, is_batch, "XML (or JSON)")
}

fn expected(head: &Head, is_it: fn(&MediaType) -> bool, what: &str) -> Option<Fault> {
    let given = head.header(header::CONTENT_TYPE).unwrap_or_default();
    let found = match given.parse::<MediaType>() {
        Ok(media_type) if is_it(&media_type) => return None,
        Ok(media_type) => format!("the Content-Type is '{media_type}', but"),
        Err(()) if given.is_empty() => "there is no Content-Type:".to_owned(),
        Err(()) => format!("the Content-Type is '{given}', but"),
    };
    Some(Fault::UnsupportedMediaType(format!(
        "{found} the body has to be {what}; send it with -H \"Content-Type: application/xml\""
    )))
}

/// What a batch is written in.
#[derive(Debug)]
pub(super) enum WrittenIn {
    /// XML, in the charset that the type names.
    Xml(Option<String>),
    /// JSON, which is always UTF-8.
    Json,
}

impl WrittenIn {
    pub(super) fn of(head: &Head) -> Self {
        let media_type = head.header(header::CONTENT_TYPE);
        match media_type.and_then(|value| value.parse::<MediaType>().ok()) {
            Some(media_type) if media_type.is_json() => WrittenIn::Json,
            Some(_) | None => WrittenIn::Xml(charset(head)),
        }
    }
}

/// The charset that the type of the body names.
pub(super) fn charset(head: &Head) -> Option<String> {
    let media_type: MediaType = head.header(header::CONTENT_TYPE)?.parse().ok()?;
    media_type.charset_label().map(str::to_owned)
}

/// Whether a batch may set the language of what it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Languages {
    /// It is a page.
    Read,
    /// It has none.
    Ignored,
}

/// What a batch says, whatever it is written in.
#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    pub(super) items: Vec<Item<'a>>,
    pub(super) language: Option<Cow<'a, str>>,
}

/// Reads a batch for one resource.
///
/// # Errors
/// A [`Fault`] if the document is not what its type says, not a batch, or larger than the limits allow.
pub(super) fn batch(
    body: &Bytes,
    written_in: &WrittenIn,
    resource: ResourceId,
    languages: Languages,
    limits: &Limits,
) -> Result<Vec<Change>, Fault> {
    let charset = match written_in {
        WrittenIn::Xml(charset) => charset.as_deref(),
        WrittenIn::Json => Some("utf-8"),
    };
    // The values share the bytes of the document.
    let document = match xml::decode(body, charset)? {
        Cow::Borrowed(text) => body.slice_ref(text.as_bytes()),
        Cow::Owned(text) => text.into(),
    };
    let text = std::str::from_utf8(&document).unwrap_or_default();
    let Document { items, language } = match written_in {
        WrittenIn::Xml(_) => read_xml(text, limits)?,
        WrittenIn::Json => json::read(text, limits.batch_changes_max).map_err(Fault::BadRequest)?,
    };
    let change = |edit| Change { resource, edit };
    let edits = items
        .into_iter()
        .map(|item| item.into_edit(&document, limits));
    let mut changes: Vec<Change> = edits.map(change).collect();
    let language = language.filter(|_| languages == Languages::Read);
    if let Some(text) = language.filter(|text| !text.trim().is_empty()) {
        let language: Language = text.trim().parse().map_err(|()| {
            Fault::BadRequest(format!(
                "'{}' is not a language such as en-us",
                Brief(&text)
            ))
        })?;
        changes.push(change(Edit::SetLanguage(language)));
    }
    Ok(changes)
}

/// Reads `<properties>` (§7).
fn read_xml<'a>(text: &'a str, limits: &Limits) -> Result<Document<'a>, Fault> {
    let mut parser = Parser::new(text)?;
    let root = root(&mut parser, "properties")?;
    debug_assert!(!root.in_default_namespace);
    let mut document = Document::default();
    while let Some(event) = parser.next_event()? {
        match event {
            Event::Start(element) if is_ours(&parser, &element, "property")? => {
                let max = limits.batch_changes_max;
                if document.items.len() >= max {
                    return Err(Fault::BadRequest(json::too_many(max)));
                }
                document.items.push(Item::read(&mut parser, element)?);
            }
            Event::Start(element) if is_ours(&parser, &element, "language")? => {
                // As with contents, the first one counts.
                document.language.get_or_insert(text_inside(&mut parser)?);
            }
            Event::Start(_) => parser.skip()?,
            Event::Text(_) | Event::End => {}
        }
    }
    Ok(document)
}

/// Reads to the root element, which must have this name and no namespace.
pub(super) fn root<'a>(parser: &mut Parser<'a>, name: &str) -> Result<Element<'a>, Fault> {
    loop {
        match parser.next_event()? {
            Some(Event::Start(element)) if is_ours(parser, &element, name)? => return Ok(element),
            Some(Event::Start(element)) => {
                let what = format!(
                    "the root element is <{}>, but it has to be <{name}>",
                    Brief(element.name)
                );
                return Err(parser.fault_at(&element, what).into());
            }
            Some(Event::Text(_) | Event::End) => {}
            None => return Err(Fault::BadRequest(format!("there is no element <{name}>"))),
        }
    }
}

/// Whether an element is the one of this name. It must not lie in a default namespace: to pass it over could mean to
/// delete a property whose value was there.
pub(super) fn is_ours(
    parser: &Parser<'_>,
    element: &Element<'_>,
    name: &str,
) -> Result<bool, Fault> {
    if element.name != name {
        return Ok(false);
    }
    if element.in_default_namespace {
        let what = format!("<{name}> has to be in no namespace: leave xmlns=\"…\" out");
        return Err(parser.fault_at(element, what).into());
    }
    Ok(true)
}

pub(super) fn text_inside<'a>(parser: &mut Parser<'a>) -> Result<Cow<'a, str>, Fault> {
    Ok(match parser.markup()? {
        Markup::Text(text) => text,
        Markup::Elements(text) => text.into(),
    })
}

/// A `<property>` of a batch, as it stands there.
#[derive(Debug, Default)]
pub(super) struct Item<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) etag: Option<String>,
    /// The media type and the text.
    pub(super) contents: Option<(Cow<'a, str>, Cow<'a, str>)>,
    pub(super) description: Option<Cow<'a, str>>,
    pub(super) change_description: Option<Cow<'a, str>>,
}

impl<'a> Item<'a> {
    fn read(parser: &mut Parser<'a>, mut element: Element<'a>) -> Result<Self, Fault> {
        let mut item = Item {
            name: element.take_attribute("name").unwrap_or_default(),
            etag: element
                .take_attribute("etag")
                .filter(|etag| !etag.is_empty())
                .map(Into::into),
            ..Item::default()
        };
        loop {
            match parser.next_event()? {
                Some(Event::Start(mut element)) => {
                    if is_ours(parser, &element, "contents")? && item.contents.is_none() {
                        let media_type = element.take_attribute("type").unwrap_or_default();
                        item.contents = Some((media_type, text_inside(parser)?));
                    } else if is_ours(parser, &element, "description")? {
                        item.description.get_or_insert(text_inside(parser)?);
                    } else if is_ours(parser, &element, "change-description")? {
                        item.change_description.get_or_insert(text_inside(parser)?);
                    } else if element.name.ends_with(":contents") {
                        // To pass it over would delete the property.
                        let what = "<contents> has to be in no namespace: leave the prefix out";
                        return Err(parser.fault_at(&element, what).into());
                    } else {
                        parser.skip()?;
                    }
                }
                Some(Event::Text(_)) => {}
                Some(Event::End) | None => return Ok(item),
            }
        }
    }

    fn into_edit(mut self, document: &Bytes, limits: &Limits) -> Edit {
        let name = std::mem::take(&mut self.name);
        self.into_checked(&name, document, limits)
            .unwrap_or_else(|invalid| Edit::Refused {
                name: name.into_owned(),
                refusal: Refusal::Invalid(invalid),
            })
    }

    fn into_checked(self, name: &str, document: &Bytes, limits: &Limits) -> Result<Edit, Invalid> {
        let name: PropertyName = name.parse()?;
        let Some((media_type, text)) = self.contents else {
            return Ok(Edit::Delete(Delete {
                name,
                alias: None,
                demand: None,
                etag: self.etag,
            }));
        };
        let media_type: MediaType = media_type.parse().map_err(|()| Invalid::MediaType {
            property: name.to_string(),
            given: media_type.into_owned(),
        })?;
        if !media_type.is_textual() {
            return Err(Invalid::NotText(media_type));
        }
        let description = self
            .description
            .or(self.change_description)
            .unwrap_or_default()
            .into_owned();
        check_description(&description, limits)?;
        let bytes = encode(&media_type, text, document)?;
        if bytes.len() as u64 > limits.property_bytes_max {
            return Err(Invalid::ValueTooLarge {
                max: limits.property_bytes_max,
            });
        }
        let content = Content::inline(media_type, bytes);
        Ok(Edit::Put(Put {
            name,
            content,
            description,
            demand: None,
            precondition: Precondition::Seen(self.etag),
        }))
    }
}

/// The bytes of a text in the charset that its type names. What stands in the document as it is is a part of it.
fn encode(media_type: &MediaType, text: Cow<'_, str>, document: &Bytes) -> Result<Bytes, Invalid> {
    let charset = media_type.charset();
    if charset == Charset::Other {
        return Err(Invalid::Charset(media_type.clone()));
    }
    match charset.encode(&text) {
        None => Err(Invalid::Unencodable(charset)),
        Some(Cow::Owned(bytes)) => Ok(bytes.into()),
        Some(Cow::Borrowed(_)) => Ok(match text {
            Cow::Borrowed(text) if stands_in(text, document) => document.slice_ref(text.as_bytes()),
            Cow::Borrowed(text) => Bytes::copy_from_slice(text.as_bytes()),
            Cow::Owned(text) => text.into(),
        }),
    }
}

/// Whether a text is a part of a document. What an entity stands for is not.
fn stands_in(text: &str, document: &Bytes) -> bool {
    let (inner, outer) = (text.as_bytes().as_ptr_range(), document.as_ptr_range());
    outer.start <= inner.start && inner.end <= outer.end
}

/// Checks the description of a change.
///
/// # Errors
/// [`Invalid`] if it is too long or XML cannot carry it.
pub(super) fn check_description(text: &str, limits: &Limits) -> Result<(), Invalid> {
    let max = limits.description_chars_max;
    if text.len() > max && text.chars().count() > max {
        return Err(Invalid::DescriptionTooLong { max });
    }
    match not_xml(text) {
        Some((_, c)) => Err(Invalid::DescriptionCharacter(c)),
        None => Ok(()),
    }
}

/// An account as a request describes it.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) name: Option<String>,
    pub(super) change: UserChange,
}

/// Reads `<user>`.
///
/// # Errors
/// A [`Fault`] if the document is not XML, or not an account.
pub(super) fn user(body: &[u8], charset: Option<&str>) -> Result<Described, Fault> {
    let text = xml::decode(body, charset)?;
    let mut parser = Parser::new(&text)?;
    root(&mut parser, "user")?;
    let (mut name, mut change) = (None, UserChange::default());
    while let Some(event) = parser.next_event()? {
        let Event::Start(element) = event else {
            continue;
        };
        match element.name {
            "username" => name = Some(trimmed(&mut parser)?),
            "fullname" => change.full_name = Some(trimmed(&mut parser)?),
            // So it is shown to those who may not see it.
            "email" if element.attribute("hidden") == Some("true") => parser.skip()?,
            "email" => change.email = Some(trimmed(&mut parser)?),
            "role" => {
                let name = trimmed(&mut parser)?;
                let role = Role::of_name(&name).ok_or_else(|| {
                    Fault::BadRequest(format!(
                        "'{}' is not a role: it is one of None, Viewer, Contributor, Manager, Admin",
                        Brief(&name)
                    ))
                })?;
                change.role = Some(role);
            }
            "status" => {
                change.access = Some(match trimmed(&mut parser)?.as_str() {
                    "active" => Access::Active,
                    "inactive" => Access::Disabled,
                    other => {
                        let what = format!(
                            "'{}' is not a status: it is active or inactive",
                            Brief(other)
                        );
                        return Err(Fault::BadRequest(what));
                    }
                });
            }
            "permissions.user" => {}
            _ => parser.skip()?,
        }
    }
    let too_long = |text: &Option<String>| {
        text.as_ref()
            .is_some_and(|text| text.len() > PERSON_BYTES_MAX)
    };
    if too_long(&change.full_name) || too_long(&change.email) {
        return Err(Fault::BadRequest(format!(
            "<fullname> and <email> have at most {PERSON_BYTES_MAX} bytes"
        )));
    }
    Ok(Described { name, change })
}

fn trimmed(parser: &mut Parser<'_>) -> Result<String, Fault> {
    Ok(text_inside(parser)?.trim().to_owned())
}

/// Reads the account of `POST users`.
///
/// # Errors
/// As [`user`]; and if it has no name that an account can have.
pub(super) fn new_user(
    body: &[u8],
    charset: Option<&str>,
    password: String,
) -> Result<NewUser, Fault> {
    let Described { name, change } = user(body, charset)?;
    let name = name.unwrap_or_default();
    check_login(&name).map_err(|fault| {
        Fault::BadRequest(match fault {
            LoginFault::Blank => "the user needs a name: give <username> a value".to_owned(),
            LoginFault::TooLong
            | LoginFault::Character
            | LoginFault::LongText
            | LoginFault::ControlCharacter => format!("the user name {fault}"),
        })
    })?;
    Ok(NewUser {
        name,
        full_name: change.full_name.unwrap_or_default(),
        email: change.email.filter(|email| !email.is_empty()),
        matric_no: None,
        role: change.role.unwrap_or(Role::Contributor),
        access: change.access.unwrap_or(Access::Active),
        password,
    })
}

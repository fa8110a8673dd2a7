//! The bytes of a request become changes: the batch of `mindtouch.md` §7 and the account of §11.
//!
//! A document that is not as it has to be fails as a whole. An item of a batch that is bad by itself rides along as
//! refused, so that the answer can name it in its place.

use crate::config::Limits;
use crate::dialect::NewUser;
use crate::fault::Fault;
use crate::http::Head;
use crate::model::{
    Change, Charset, Content, Delete, Edit, Invalid, Language, MediaType, Precondition,
    PropertyName, Put, Refusal, ResourceId, Role, not_xml,
};
use crate::xml::{self, Element, Event, Markup, Parser};
use bytes::Bytes;
use http::header;
use std::borrow::Cow;

/// The most bytes of the full name and of the address of a user.
const USER_TEXT_BYTES_MAX: usize = 1024;

/// What is wrong with the type of a body that has to be XML.
pub(super) fn xml_expected(head: &Head) -> Option<Fault> {
    const HINT: &str = "the body has to be XML; send it with -H \"Content-Type: application/xml\"";
    let given = head.header(header::CONTENT_TYPE).unwrap_or_default();
    match given.parse::<MediaType>() {
        Ok(media_type) if media_type.is_xml() => None,
        Ok(media_type) => Some(Fault::UnsupportedMediaType(format!(
            "the Content-Type is '{media_type}', but {HINT}"
        ))),
        Err(()) if given.is_empty() => Some(Fault::UnsupportedMediaType(format!(
            "there is no Content-Type: {HINT}"
        ))),
        Err(()) => Some(Fault::UnsupportedMediaType(format!(
            "the Content-Type is '{given}', but {HINT}"
        ))),
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

/// Reads a batch for one resource.
///
/// # Errors
/// A [`Fault`] if the document is not XML, not a batch, or larger than the limits allow.
pub(super) fn batch(
    body: &Bytes,
    charset: Option<&str>,
    resource: ResourceId,
    languages: Languages,
    limits: &Limits,
) -> Result<Vec<Change>, Fault> {
    // The values share the bytes of the document.
    let document = match xml::decode(body, charset)? {
        Cow::Borrowed(text) => body.slice_ref(text.as_bytes()),
        Cow::Owned(text) => text.into(),
    };
    let mut parser = Parser::new(std::str::from_utf8(&document).unwrap_or_default())?;
    let root = root(&mut parser, "properties")?;
    debug_assert!(!root.in_default_namespace);
    let (mut changes, mut new_language) = (Vec::new(), None);
    while let Some(event) = parser.next_event()? {
        match event {
            Event::Start(element) if is_ours(&parser, &element, "property")? => {
                if changes.len() >= limits.batch_changes_max {
                    return Err(Fault::BadRequest(format!(
                        "the batch has more than {} properties: send it in parts",
                        limits.batch_changes_max
                    )));
                }
                let item = Item::read(&mut parser, element)?;
                changes.push(Change {
                    resource,
                    edit: item.into_edit(&document, limits),
                });
            }
            Event::Start(element)
                if languages == Languages::Read && is_ours(&parser, &element, "language")? =>
            {
                // As with contents, the first one counts.
                new_language.get_or_insert(text_inside(&mut parser)?.into_owned());
            }
            Event::Start(_) => parser.skip()?,
            Event::Text(_) | Event::End => {}
        }
    }
    let new_language = new_language.unwrap_or_default();
    if !new_language.trim().is_empty() {
        let language: Language = new_language.trim().parse().map_err(|()| {
            Fault::BadRequest(format!("'{new_language}' is not a language such as en-us"))
        })?;
        changes.push(Change {
            resource,
            edit: Edit::SetLanguage(language),
        });
    }
    Ok(changes)
}

/// Reads to the root element, which must have this name and no namespace.
fn root<'a>(parser: &mut Parser<'a>, name: &str) -> Result<Element<'a>, Fault> {
    loop {
        match parser.next_event()? {
            Some(Event::Start(element)) if is_ours(parser, &element, name)? => return Ok(element),
            Some(Event::Start(element)) => {
                let what = format!(
                    "the root element is <{}>, but it has to be <{name}>",
                    element.name
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
fn is_ours(parser: &Parser<'_>, element: &Element<'_>, name: &str) -> Result<bool, Fault> {
    if element.name != name {
        return Ok(false);
    }
    if element.in_default_namespace {
        let what = format!("<{name}> has to be in no namespace: leave xmlns=\"…\" out");
        return Err(parser.fault_at(element, what).into());
    }
    Ok(true)
}

fn text_inside<'a>(parser: &mut Parser<'a>) -> Result<Cow<'a, str>, Fault> {
    Ok(match parser.markup()? {
        Markup::Text(text) => text,
        Markup::Elements(text) => text.into(),
    })
}

/// A `<property>` of a batch, as it stands there.
#[derive(Debug, Default)]
struct Item<'a> {
    name: Cow<'a, str>,
    etag: Option<String>,
    /// The media type and the text.
    contents: Option<(Cow<'a, str>, Cow<'a, str>)>,
    description: Option<Cow<'a, str>>,
    change_description: Option<Cow<'a, str>>,
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

/// Reads the account of `POST users`.
///
/// # Errors
/// A [`Fault`] if the document is not XML, or not an account.
pub(super) fn new_user(
    body: &[u8],
    charset: Option<&str>,
    password: String,
) -> Result<NewUser, Fault> {
    let text = xml::decode(body, charset)?;
    let mut parser = Parser::new(&text)?;
    root(&mut parser, "user")?;
    let mut user = NewUser {
        name: String::new(),
        full_name: String::new(),
        email: None,
        role: Role::Contributor,
        password,
    };
    while let Some(event) = parser.next_event()? {
        let Event::Start(element) = event else {
            continue;
        };
        match element.name {
            "username" => text_inside(&mut parser)?.trim().clone_into(&mut user.name),
            "fullname" => text_inside(&mut parser)?
                .trim()
                .clone_into(&mut user.full_name),
            "email" => {
                user.email = Some(text_inside(&mut parser)?.trim().to_owned())
                    .filter(|email| !email.is_empty());
            }
            "role" => {
                let name = text_inside(&mut parser)?;
                user.role = Role::of_name(name.trim()).ok_or_else(|| {
                    Fault::BadRequest(format!(
                        "'{name}' is not a role: it is one of None, Viewer, Contributor, Manager, Admin"
                    ))
                })?;
            }
            "permissions.user" => {}
            _ => parser.skip()?,
        }
    }
    if user.name.is_empty() {
        return Err(Fault::BadRequest(
            "the user needs a name: give <username> a value".to_owned(),
        ));
    }
    let too_long = |text: &str| text.len() > USER_TEXT_BYTES_MAX;
    if too_long(&user.full_name) || user.email.as_deref().is_some_and(too_long) {
        return Err(Fault::BadRequest(format!(
            "<fullname> and <email> have at most {USER_TEXT_BYTES_MAX} bytes"
        )));
    }
    if user.name.chars().count() > 255 || user.name.contains(|c: char| c == ':' || c.is_control()) {
        let what = "a user name has at most 255 characters and neither ':' nor control characters";
        return Err(Fault::BadRequest(what.to_owned()));
    }
    Ok(user)
}

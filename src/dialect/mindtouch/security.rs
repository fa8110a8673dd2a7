//! The permissions of a page and the members of a group, as requests say them (`mindtouch.md` §11).

use super::request::{is_ours, root, text_inside};
use crate::fault::Fault;
use crate::model::{Grant, Grantee, GroupId, Permissions, Restriction, Role, UserId};
use crate::xml::{self, Element, Event, Parser};
use std::collections::HashSet;

/// The most characters of a group's name.
const GROUP_NAME_CHARS_MAX: usize = 255;

/// Reads `<security>`.
///
/// # Errors
/// A [`Fault`] if the document is not XML, or does not say who may do what.
pub(super) fn read(body: &[u8], charset: Option<&str>) -> Result<Permissions, Fault> {
    let text = xml::decode(body, charset)?;
    let mut parser = Parser::new(&text)?;
    root(&mut parser, "security")?;
    let (mut restriction, mut grants) = (None, Vec::new());
    each(&mut parser, |parser, element| {
        if is_ours(parser, &element, "permissions.page")? {
            each(parser, |parser, element| {
                if is_ours(parser, &element, "restriction")? {
                    restriction =
                        Some(named(parser, &element, Restriction::of_name, RESTRICTIONS)?);
                    return Ok(());
                }
                Ok(parser.skip()?)
            })
        } else if is_ours(parser, &element, "grants")? {
            each(parser, |parser, element| {
                if is_ours(parser, &element, "grant")? {
                    grants.push(grant(parser, &element)?);
                    return Ok(());
                }
                Ok(parser.skip()?)
            })
        } else {
            Ok(parser.skip()?)
        }
    })?;
    end(&mut parser)?;
    let mut seen = HashSet::new();
    if let Some(twice) = grants
        .iter()
        .find(|grant: &&Grant| !seen.insert(grant.grantee))
    {
        let what = format!("<grants> names {} twice: which role counts?", twice.grantee);
        return Err(Fault::BadRequest(what));
    }
    Ok(Permissions {
        restriction: restriction.ok_or_else(|| {
            Fault::BadRequest(format!(
                "<security> says no restriction: give <permissions.page><restriction> {RESTRICTIONS}"
            ))
        })?,
        grants,
    })
}

const RESTRICTIONS: &str = "one of Public, Semi-Public, Private";

const ROLES: &str = "one of None, Viewer, Contributor, Manager, Admin";

fn grant(parser: &mut Parser<'_>, grant: &Element<'_>) -> Result<Grant, Fault> {
    let (mut grantee, mut role) = (None, None);
    each(parser, |parser, element| {
        if is_ours(parser, &element, "user")? {
            grantee = Some(Grantee::User(id(parser, &element, UserId::new)?));
            Ok(parser.skip()?)
        } else if is_ours(parser, &element, "group")? {
            grantee = Some(Grantee::Group(id(parser, &element, GroupId::new)?));
            Ok(parser.skip()?)
        } else if is_ours(parser, &element, "permissions")? {
            each(parser, |parser, element| {
                if is_ours(parser, &element, "role")? {
                    role = Some(named(parser, &element, Role::of_name, ROLES)?);
                    return Ok(());
                }
                Ok(parser.skip()?)
            })
        } else {
            Ok(parser.skip()?)
        }
    })?;
    grantee
        .zip(role)
        .map(|(grantee, role)| Grant { grantee, role })
        .ok_or_else(|| {
            let what =
                "a <grant> needs <user id=\"…\"/> or <group id=\"…\"/>, and <permissions><role>";
            parser.fault_at(grant, what).into()
        })
}

/// A group as a request describes it: what it is called, and who is in it.
#[derive(Debug)]
pub(super) struct NewGroup {
    pub(super) name: String,
    pub(super) members: Vec<UserId>,
}

/// Reads `<group>`.
///
/// # Errors
/// A [`Fault`] if the document is not XML, or not a group.
pub(super) fn group(body: &[u8], charset: Option<&str>) -> Result<NewGroup, Fault> {
    let text = xml::decode(body, charset)?;
    let mut parser = Parser::new(&text)?;
    root(&mut parser, "group")?;
    let (mut name, mut members) = (String::new(), Vec::new());
    each(&mut parser, |parser, element| {
        if is_ours(parser, &element, "groupname")? || is_ours(parser, &element, "name")? {
            text_inside(parser)?.trim().clone_into(&mut name);
            Ok(())
        } else if is_ours(parser, &element, "users")? {
            members = users(parser)?;
            Ok(())
        } else {
            Ok(parser.skip()?)
        }
    })?;
    end(&mut parser)?;
    if name.is_empty() || name.chars().count() > GROUP_NAME_CHARS_MAX {
        let what = format!(
            "the group needs a name of at most {GROUP_NAME_CHARS_MAX} characters: give <groupname> a value"
        );
        return Err(Fault::BadRequest(what));
    }
    Ok(NewGroup { name, members })
}

/// Reads `<users>` as a document.
///
/// # Errors
/// A [`Fault`] if the document is not XML, or names somebody without a number.
pub(super) fn members(body: &[u8], charset: Option<&str>) -> Result<Vec<UserId>, Fault> {
    let text = xml::decode(body, charset)?;
    let mut parser = Parser::new(&text)?;
    root(&mut parser, "users")?;
    let members = users(&mut parser)?;
    end(&mut parser)?;
    Ok(members)
}

fn users(parser: &mut Parser<'_>) -> Result<Vec<UserId>, Fault> {
    let mut users = Vec::new();
    each(parser, |parser, element| {
        if is_ours(parser, &element, "user")? {
            users.push(id(parser, &element, UserId::new)?);
        }
        Ok(parser.skip()?)
    })?;
    Ok(users)
}

/// Reads to the end of the document, where something may be that must not be there.
fn end(parser: &mut Parser<'_>) -> Result<(), Fault> {
    while parser.next_event()?.is_some() {}
    Ok(())
}

/// Calls `read` for each element inside the one that has just begun, to its end. `read` reads to the end of its element.
fn each<'a>(
    parser: &mut Parser<'a>,
    mut read: impl FnMut(&mut Parser<'a>, Element<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    loop {
        match parser.next_event()? {
            Some(Event::Start(element)) => read(parser, element)?,
            Some(Event::Text(_)) => {}
            Some(Event::End) | None => return Ok(()),
        }
    }
}

/// The number in the attribute `id`.
fn id<T>(
    parser: &Parser<'_>,
    element: &Element<'_>,
    new: impl Fn(i64) -> Option<T>,
) -> Result<T, Fault> {
    let id = element.attribute("id").and_then(|id| id.parse().ok());
    id.and_then(new).ok_or_else(|| {
        let what = format!("<{}> needs its number: id=\"3\"", element.name);
        parser.fault_at(element, what).into()
    })
}

/// What the text of an element names.
fn named<T>(
    parser: &mut Parser<'_>,
    element: &Element<'_>,
    of_name: impl Fn(&str) -> Option<T>,
    names: &str,
) -> Result<T, Fault> {
    let text = text_inside(parser)?;
    of_name(text.trim()).ok_or_else(|| {
        let what = format!(
            "'{}' cannot be the {}: it is {names}",
            text.trim(),
            element.name
        );
        parser.fault_at(element, what).into()
    })
}

//! What can be done with pages: write one, read it, say who may do what on it, find those that have a property
//! (`mindtouch.md` §9, §11, §14).

use super::contents::{content_of, raw};
use super::parameters::{content_type, demand, name_patterns};
use super::properties::one;
use super::request;
use super::response::{self, Detail};
use super::security;
use crate::dialect::{Call, Context, Finish, Next};
use crate::fault::Fault;
use crate::http::{Answer, Head};
use crate::model::{
    Done, Edit, MediaType, NewNode, NodeId, NodeName, PageSearch, PageSeen, Refusal, ResourceId,
    Revision, Timestamp, WritePage,
};
use http::{StatusCode, header};
use std::sync::Arc;

/// The page that a request is about.
pub(super) fn page_id(context: &Context) -> Result<NodeId, Fault> {
    match context.place()?.resource {
        ResourceId::Node(id) => Ok(id),
        ResourceId::Site | ResourceId::User(_) => Err(Refusal::NoSuchPage.into()),
    }
}

/// `GET pages/{id}`
pub(super) fn info() -> Finish {
    Box::new(move |context, _| {
        Ok(Call::Page {
            id: page_id(&context)?,
            reply: Box::new(move |view| {
                let document = response::page(&context, &view);
                Ok(Next::Say(Answer::document(StatusCode::OK, document)))
            }),
        })
    })
}

/// `GET pages/{id}/contents`
pub(super) fn contents(head: &Arc<Head>) -> Finish {
    let head = Arc::clone(head);
    Box::new(move |context, _| {
        Ok(Call::Page {
            id: page_id(&context)?,
            reply: Box::new(move |view| {
                let page = &view.page;
                raw(&context, &head, &page.content, &page.etag(), None).map(Next::Say)
            }),
        })
    })
}

/// `POST pages/{id}/contents`: writes the page, and makes it and those above it first if they are not there
pub(super) fn write(levels: Vec<NodeName>, head: &Head) -> Result<Finish, Fault> {
    let seen = head.query.get("edittime").map(edit_time).transpose()?;
    let (media_type, demand) = (text_type(head)?, demand(head));
    Ok(Box::new(move |context, payload| {
        let missing = context.place()?.missing;
        let names = levels.into_iter().rev().take(missing).rev();
        let below = names
            .zip(context.uuids(missing))
            .map(|(name, uuid)| NewNode { name, uuid });
        let write = WritePage {
            below: below.collect(),
            content: content_of(payload, media_type),
            seen,
            demand,
        };
        one(context, Edit::WritePage(write), |context, outcome| {
            let Done::PageWritten(pages) = outcome? else {
                return Err(context.impossible());
            };
            let page = pages.last().ok_or_else(|| context.impossible())?;
            Ok(Next::Ask(edited(context, page.id, page.revision)))
        })
    }))
}

/// Asks where the page lies that was written.
fn edited(context: Context, id: NodeId, revision: Revision) -> Call {
    Call::Page {
        id,
        reply: Box::new(move |view| {
            let document = response::edit(&context, &view, revision);
            Ok(Next::Say(Answer::document(StatusCode::OK, document)))
        }),
    }
}

/// `edittime`: `now`, or the moment of the revision that was seen.
fn edit_time(text: &str) -> Result<PageSeen, Fault> {
    const FORMS: [&str; 2] = ["%Y-%m-%dT%H:%M:%SZ", "%Y%m%d%H%M%S"];
    if text.eq_ignore_ascii_case("now") {
        return Ok(PageSeen::Any);
    }
    let parse = |form| chrono::NaiveDateTime::parse_from_str(text, form).ok();
    let time = FORMS.into_iter().find_map(parse);
    let time = time.ok_or(Fault::InvalidParameter("edittime"))?;
    let millis = time.and_utc().timestamp_millis();
    Ok(PageSeen::At(Timestamp::from_millis(millis)))
}

/// The type of a page's text. What only says how a tool has sent it says nothing of the text.
fn text_type(head: &Head) -> Result<MediaType, Fault> {
    let given = head.header(header::CONTENT_TYPE).unwrap_or_default();
    if given.trim().is_empty() {
        return Ok(MediaType::text_utf8());
    }
    let media_type = content_type(head)?;
    Ok(match media_type.essence() {
        "application/x-www-form-urlencoded" | "application/octet-stream" => MediaType::text_utf8(),
        _ => media_type,
    })
}

/// `GET pages/{id}/security`
pub(super) fn security() -> Finish {
    Box::new(move |context, _| {
        let page = page_id(&context)?;
        Ok(permissions(context, page))
    })
}

fn permissions(context: Context, page: NodeId) -> Call {
    Call::Permissions {
        page,
        reply: Box::new(move |permissions| {
            let document = response::security(&context, &permissions);
            Ok(Next::Say(Answer::document(StatusCode::OK, document)))
        }),
    }
}

/// `PUT pages/{id}/security`
pub(super) fn secure(head: &Head) -> Finish {
    let charset = request::charset(head);
    Box::new(move |context, payload| {
        let page = page_id(&context)?;
        let new = security::read(&payload.whole(), charset.as_deref())?;
        one(
            context,
            Edit::SetPermissions(Some(new)),
            move |context, outcome| {
                outcome?;
                Ok(Next::Ask(permissions(context, page)))
            },
        )
    })
}

/// `DELETE pages/{id}/security`: what is said above the page counts again
pub(super) fn unsecure() -> Finish {
    Box::new(move |context, _| {
        one(context, Edit::SetPermissions(None), |_, outcome| {
            outcome?;
            Ok(Next::Say(Answer::empty(StatusCode::OK)))
        })
    })
}

/// `GET site/search/properties`
pub(super) fn search(head: &Head) -> Result<Finish, Fault> {
    let name = head.query.get("name").filter(|name| !name.is_empty());
    let names = name_patterns([name.ok_or(Fault::MissingParameter("name"))?]);
    let detail = match head
        .query
        .get("verbose")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None | Some("true" | "1") => Detail::Verbose,
        Some("false" | "0") => Detail::Short,
        Some(_) => return Err(Fault::InvalidParameter("verbose")),
    };
    let number = |name| match head.query.get(name).map(str::parse) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(Fault::InvalidParameter(name)),
    };
    let search = PageSearch {
        names,
        offset: number("offset")?.unwrap_or_default(),
        limit: number("limit")?,
    };
    Ok(Box::new(move |context, _| {
        Ok(Call::PagesWith {
            search,
            reply: Box::new(move |pages| {
                let document = response::pages(&context, &pages, detail);
                Ok(Next::Say(Answer::document(StatusCode::OK, document)))
            }),
        })
    }))
}

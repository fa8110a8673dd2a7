//! What can be done with properties: list, write many, write one, read one, delete one (`mindtouch.md` §4 to §8).

use super::contents::{content_of, raw};
use super::format::{Dates, convert};
use super::names::{Plus, decode};
use super::parameters::{
    Abort, abort, content_type, cutoff, demand, description, etag, key_names, name_filter, output,
    precondition, property_name,
};
use super::request::{self, Languages, WrittenIn};
use super::response::{self, ChangeName, Links, OwnerKind};
use super::route::Owner;
use super::status::{Manner, of_refusal};
use super::{ErrorForm, formatted};
use crate::config::Limits;
use crate::dialect::contents::quoted;
use crate::dialect::{Call, Context, Finish, Next};
use crate::fault::Fault;
use crate::http::{Answer, Head};
use crate::model::{
    Batch, Content, Delete, Done, Edit, ListQuery, NameFilter, NamePattern, Outcome, Property,
    PropertyKey, PropertyName, Put, Refusal, SHOWN_BYTES,
};
use bytes::Bytes;
use http::{StatusCode, header};
use std::sync::Arc;

/// A value of more bytes than this is not said in another format.
const CONVERTED_BYTES_MAX: u64 = 1 << 20;

/// `GET properties`
pub(super) fn list(owner: &Owner, head: &Head) -> Result<Finish, Fault> {
    let (kind, names, cutoff) = (owner.kind, name_filter(head), cutoff(head)?);
    Ok(Box::new(move |context, _| {
        let resource = context.place()?.resource;
        let links = Links::new(&context, kind, resource);
        Ok(Call::List {
            query: ListQuery {
                resource,
                names,
                cutoff,
            },
            reply: Box::new(move |listing| {
                Ok(Next::Say(Answer::document(
                    StatusCode::OK,
                    response::list(&context, &links, &listing, cutoff),
                )))
            }),
        })
    }))
}

/// `PUT properties`: many changes in one transaction (§7)
pub(super) fn batch(owner: &Owner, head: &Head, limits: &Limits) -> Finish {
    let (kind, path, written_in, limits) = (
        owner.kind,
        head.path.clone(),
        WrittenIn::of(head),
        limits.clone(),
    );
    let languages = if kind == OwnerKind::Page {
        Languages::Read
    } else {
        Languages::Ignored
    };
    Box::new(move |context, payload| {
        let resource = context.place()?.resource;
        let changes = request::batch(&payload.whole(), &written_in, resource, languages, &limits)?;
        let names: Vec<ChangeName> = changes.iter().map(ChangeName::of).collect();
        let batch = Batch::new(context.principal.clone(), context.at, changes)?;
        let links = Links::new(&context, kind, resource);
        let reply = move |outcomes: Vec<Outcome>| {
            let uri = format!("{}{path}", context.base);
            let (status, document) = response::batch(&context, &links, &uri, &names, &outcomes);
            Ok(Next::Say(Answer::document(status, document)))
        };
        Ok(Call::Write {
            batch,
            reply: Box::new(reply),
        })
    })
}

/// `POST properties` with the name in the header `Slug` (§6.2)
pub(super) fn create(owner: &Owner, head: &Head, limits: &Limits) -> Result<Finish, Fault> {
    let slug = head.header("slug").filter(|slug| !slug.is_empty());
    let slug = slug.ok_or_else(|| {
        Fault::BadRequest("Use header 'Slug' to indicate the name of the property".to_owned())
    })?;
    let name = property_name(&decode(&slug, Plus::Space)?)?;
    write_one(owner, name, Abort::Exists, Manner::Post, head, limits)
}

/// `PUT properties/{key}` (§6.3)
pub(super) fn put(owner: &Owner, key: &str, head: &Head, limits: &Limits) -> Result<Finish, Fault> {
    let (name, _) = key_names(key)?;
    write_one(owner, name, Abort::Modified, Manner::Single, head, limits)
}

/// A batch of one put (§6.2, §6.3).
fn write_one(
    owner: &Owner,
    name: PropertyName,
    default: Abort,
    manner: Manner,
    head: &Head,
    limits: &Limits,
) -> Result<Finish, Fault> {
    let abort = abort(head, default)?;
    let demand = demand(head);
    let precondition = precondition(abort, demand.as_ref(), etag(head));
    let (media_type, description) = (content_type(head)?, description(head, limits)?);
    let (kind, form, path) = (owner.kind, ErrorForm::of(head), head.path.clone());
    Ok(Box::new(move |context, payload| {
        let content = content_of(payload, media_type);
        let put = Put {
            name,
            content,
            description,
            demand,
            precondition,
        };
        one(
            context,
            Edit::Put(put),
            move |context, outcome| match outcome {
                Ok(Done::Put(property)) => Ok(Next::Say(written(&context, kind, &property))),
                Ok(_) => Err(context.impossible()),
                Err(refusal) => {
                    let (status, message) = of_refusal(&refusal, manner);
                    let uri = format!("{}{path}", context.base);
                    Ok(Next::Say(form.answer(status, &message, &uri)))
                }
            },
        )
    }))
}

/// A batch of one change at the place of the request, with what to say of its outcome.
pub(super) fn one(
    context: Context,
    edit: Edit,
    reply: impl FnOnce(Context, Outcome) -> Result<Next, Fault> + Send + 'static,
) -> Result<Call, Fault> {
    let resource = context.place()?.resource;
    let batch = Batch::of_one(context.principal.clone(), context.at, resource, edit);
    let reply = move |outcomes: Vec<Outcome>| {
        let outcome = outcomes
            .into_iter()
            .next()
            .ok_or_else(|| context.impossible())?;
        reply(context, outcome)
    };
    Ok(Call::Write {
        batch,
        reply: Box::new(reply),
    })
}

/// What is said of a property that was just written.
fn written(context: &Context, kind: OwnerKind, property: &Property) -> Answer {
    let user = context.principal.user();
    let users = [(user.id, Arc::clone(user))].into();
    let links = Links::new(context, kind, property.key.resource);
    let document = response::property(context, &links, property, &users, SHOWN_BYTES);
    Answer::document(StatusCode::OK, document).with(header::ETAG, quoted(&property.etag()))
}

/// `DELETE properties/{key}`
pub(super) fn delete(key: &str, head: &Head) -> Result<Finish, Fault> {
    let (name, alias) = key_names(key)?;
    let (demand, etag) = (demand(head), etag(head));
    Ok(Box::new(move |context, _| {
        let delete = Delete {
            name,
            alias,
            demand,
            etag,
        };
        one(context, Edit::Delete(delete), |_, outcome| {
            outcome?;
            Ok(Next::Say(Answer::empty(StatusCode::OK)))
        })
    }))
}

/// `GET properties/{key}/info`
pub(super) fn info(owner: &Owner, key: &str, head: &Head) -> Result<Finish, Fault> {
    let (name, alias) = key_names(key)?;
    let (kind, cutoff) = (owner.kind, cutoff(head)?);
    Ok(Box::new(move |context, _| {
        let resource = context.place()?.resource;
        let links = Links::new(&context, kind, resource);
        // A list of one: what a list shows, it shows.
        let query = |name: &PropertyName| ListQuery {
            resource,
            names: NameFilter::Matching(vec![NamePattern::Is(name.to_string())]),
            cutoff,
        };
        let missing = Refusal::NoSuchProperty(name.to_string());
        let queries = [Some(query(&name)), alias.as_ref().map(query)]
            .into_iter()
            .flatten()
            .collect();
        Ok(first_listed(context, links, queries, missing))
    }))
}

/// Asks one query after the other until a property is found.
fn first_listed(
    context: Context,
    links: Links,
    mut queries: Vec<ListQuery>,
    missing: Refusal,
) -> Call {
    let query = queries.remove(0);
    let cutoff = query.cutoff;
    Call::List {
        query,
        reply: Box::new(move |listing| match listing.properties.first() {
            Some(property) => {
                let document =
                    response::property(&context, &links, property, &listing.users, cutoff);
                Ok(Next::Say(
                    Answer::document(StatusCode::OK, document)
                        .with(header::ETAG, quoted(&property.etag())),
                ))
            }
            None if queries.is_empty() => Err(missing.into()),
            None => Ok(Next::Ask(first_listed(context, links, queries, missing))),
        }),
    }
}

/// A value that is XML is said in the format that the query asks for, as every XML is; see `clients.md` §5.
fn in_asked_format(head: Arc<Head>, content: Content, answer: Answer) -> Next {
    let is_asked = head.query.get("dream.out.format").is_some();
    let is_whole = answer.status == StatusCode::OK && content.size <= CONVERTED_BYTES_MAX;
    if !(is_asked && is_whole && content.media_type.is_xml()) {
        return Next::Say(answer);
    }
    let media_type = content.media_type.clone();
    let reply = move |bytes: Bytes| {
        let text = crate::xml::decode(&bytes, media_type.charset_label()).ok();
        // What only calls itself XML stays as it is.
        let converted = output(&head)?.and_then(|output| {
            let text = convert(&text?, &output, Dates::Foreign).ok()?;
            Some((output, text))
        });
        Ok(Next::Say(match converted {
            Some((output, text)) => formatted(answer, &output, text),
            None => answer,
        }))
    };
    Next::Ask(Call::Gather {
        content,
        reply: Box::new(reply),
    })
}

/// The value of a property as it is stored (§8).
pub(super) fn content(key: &str, head: &Arc<Head>) -> Result<Finish, Fault> {
    let (name, alias) = key_names(key)?;
    let head = Arc::clone(head);
    Ok(Box::new(move |context, _| {
        let key = PropertyKey {
            resource: context.place()?.resource,
            name,
        };
        Ok(Call::Read {
            key,
            alias,
            reply: Box::new(move |property: Property| {
                let etag = property.etag().to_string();
                let answer = raw(&context, &head, &property.content, &etag, None)?;
                Ok(in_asked_format(head, property.content, answer))
            }),
        })
    }))
}

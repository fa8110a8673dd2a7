//! What can be done with files: put, read, delete (`mindtouch.md` §13).

use super::contents::{content_of, raw};
use super::pages::page_id;
use super::parameters::{content_type, demand};
use super::properties::one;
use super::{request, response};
use crate::dialect::{Call, Context, Finish, Next};
use crate::fault::Fault;
use crate::http::{Answer, Head};
use crate::model::{
    Content, DESCRIPTION_PROPERTY, Done, Edit, FileDescription, ListQuery, MediaType, NameFilter,
    NamePattern, NewNode, NodeId, NodeName, Outcome, Precondition, Put, Refusal, ResourceId,
    Revision, Upload,
};
use http::StatusCode;
use std::sync::Arc;

/// The most characters of a file's description that an upload sets; what is beyond is cut.
const DESCRIPTION_CHARS_MAX: usize = 1024;

/// `PUT pages/{id}/files/={name}`
pub(super) fn upload(name: NodeName, head: &Head) -> Result<Finish, Fault> {
    let media_type = content_type(head)?;
    let description = match head.query.get("description") {
        None => FileDescription::Keep,
        Some(text) => FileDescription::Set(text.chars().take(DESCRIPTION_CHARS_MAX).collect()),
    };
    let demand = demand(head);
    Ok(Box::new(move |context, payload| {
        let content = content_of(payload, media_type);
        let uuid = context.uuid();
        let edit = Edit::Upload(Upload {
            file: NewNode { name, uuid },
            content,
            description,
            demand,
        });
        one(context, edit, file_answer)
    }))
}

/// `PUT files/{id}`, perhaps with a new name
pub(super) fn revise(rename: Option<NodeName>, head: &Head) -> Result<Finish, Fault> {
    let media_type = content_type(head)?;
    let demand = demand(head);
    Ok(Box::new(move |context, payload| {
        let edit = Edit::Revise {
            content: content_of(payload, media_type),
            rename,
            demand,
        };
        one(context, edit, file_answer)
    }))
}

/// What is said of a file that was just written: all that is known of it.
fn file_answer(context: Context, outcome: Outcome) -> Result<Next, Fault> {
    match outcome? {
        Done::Uploaded { file, .. } => {
            // At the revision that was written here: another one may have followed.
            Ok(Next::Ask(file_document(
                context,
                file.id,
                Some(file.revision),
            )))
        }
        Done::Put(_)
        | Done::Deleted(_)
        | Done::LanguageSet
        | Done::Removed
        | Done::PageWritten(_)
        | Done::PermissionsSet
        | Done::Enrolled { .. }
        | Done::AccessSet
        | Done::Unchanged => Err(context.impossible()),
    }
}

fn file_document(context: Context, id: NodeId, revision: Option<Revision>) -> Call {
    Call::FileView {
        id,
        revision,
        reply: Box::new(move |view| {
            Ok(Next::Say(Answer::document(
                StatusCode::OK,
                response::file(&context, &view),
            )))
        }),
    }
}

fn file_id(context: &Context) -> Result<NodeId, Fault> {
    match context.place()?.resource {
        ResourceId::Node(id) => Ok(id),
        ResourceId::Site | ResourceId::User(_) => Err(Refusal::NoSuchFile.into()),
    }
}

/// `GET …/info`
pub(super) fn info(revision: Option<Revision>) -> Finish {
    Box::new(move |context, _| {
        let id = file_id(&context)?;
        Ok(file_document(context, id, revision))
    })
}

/// `GET files/{id}`
pub(super) fn content(revision: Option<Revision>, head: &Arc<Head>) -> Finish {
    let head = Arc::clone(head);
    Box::new(move |context, _| {
        Ok(Call::File {
            id: file_id(&context)?,
            revision,
            reply: Box::new(move |file| {
                raw(&context, &head, &file.content, &file.etag(), Some(&file)).map(Next::Say)
            }),
        })
    })
}

/// `DELETE files/{id}`
pub(super) fn remove(head: &Head) -> Finish {
    let demand = demand(head);
    Box::new(move |context, _| {
        one(context, Edit::Remove { demand }, |_, outcome| {
            outcome?;
            Ok(Next::Say(Answer::empty(StatusCode::OK)))
        })
    })
}

/// `GET pages/{id}/files`
pub(super) fn on_page() -> Finish {
    Box::new(move |context, _| {
        let page = page_id(&context)?;
        Ok(Call::FilesOn {
            page,
            reply: Box::new(move |files| {
                let document = response::files_on(&context, page, &files);
                Ok(Next::Say(Answer::document(StatusCode::OK, document)))
            }),
        })
    })
}

/// `GET …/revisions`
pub(super) fn history() -> Finish {
    Box::new(move |context, _| {
        Ok(Call::FileHistory {
            id: file_id(&context)?,
            reply: Box::new(move |history| {
                let document = response::files(&context, &history);
                Ok(Next::Say(Answer::document(StatusCode::OK, document)))
            }),
        })
    })
}

/// `GET …/description`: the property as text; nothing if there is none
pub(super) fn description() -> Finish {
    Box::new(move |context, _| {
        let query = ListQuery {
            resource: context.place()?.resource,
            names: NameFilter::Matching(vec![NamePattern::Is(DESCRIPTION_PROPERTY.to_owned())]),
            cutoff: u64::MAX,
        };
        Ok(Call::List {
            query,
            reply: Box::new(|listing| {
                let text = response::description(&listing, u64::MAX);
                let answer = Answer::text(StatusCode::OK, "text/plain; charset=utf-8", text);
                Ok(Next::Say(answer))
            }),
        })
    })
}

/// `PUT …/description` with the text as the body; `DELETE` sets it to the empty text
pub(super) fn describe(head: &Head) -> Finish {
    let charset = request::charset(head);
    Box::new(move |context, payload| {
        let id = file_id(&context)?;
        let bytes = payload.whole();
        let text = crate::xml::decode(&bytes, charset.as_deref())?.into_owned();
        let put = Put {
            name: DESCRIPTION_PROPERTY
                .parse()
                .map_err(|_| context.impossible())?,
            content: Content::inline(MediaType::text_utf8(), text.into()),
            description: String::new(),
            demand: None,
            precondition: Precondition::Any,
        };
        one(context, Edit::Put(put), move |context, outcome| {
            outcome?;
            Ok(Next::Ask(file_document(context, id, None)))
        })
    })
}

//! What can be done with files: put, read, delete (`mindtouch.md` §13).

use super::contents::{content_of, raw};
use super::parameters::content_type;
use super::properties::one;
use super::response;
use super::{common, xml};
use crate::dialect::{Call, Context, Finish, Next};
use crate::fault::Fault;
use crate::http::{Answer, Head};
use crate::model::{
    Done, Edit, FileDescription, NodeId, NodeName, Outcome, Refusal, ResourceId, Revision, Upload,
};
use http::StatusCode;

/// The most characters of a file's description that an upload sets; what is beyond is cut.
const DESCRIPTION_CHARS_MAX: usize = 1024;

/// `PUT pages/{id}/files/={name}`
pub(super) fn upload(name: NodeName, head: &Head) -> Result<Finish, Fault> {
    let media_type = content_type(head)?;
    let description = match head.query.get("description") {
        None => FileDescription::Keep,
        Some(text) => FileDescription::Set(text.chars().take(DESCRIPTION_CHARS_MAX).collect()),
    };
    Ok(Box::new(move |context, payload| {
        let content = content_of(payload, media_type);
        let edit = Edit::Upload(Upload {
            name,
            content,
            description,
            uuid: context.uuid,
        });
        one(context, edit, file_answer)
    }))
}

/// `PUT files/{id}`, perhaps with a new name
pub(super) fn revise(rename: Option<NodeName>, head: &Head) -> Result<Finish, Fault> {
    let media_type = content_type(head)?;
    Ok(Box::new(move |context, payload| {
        let edit = Edit::Revise {
            content: content_of(payload, media_type),
            rename,
        };
        one(context, edit, file_answer)
    }))
}

/// What is said of a file that was just written: all that is known of it.
fn file_answer(context: Context, outcome: Outcome) -> Result<Next, Fault> {
    match outcome? {
        Done::Uploaded { file, .. } => Ok(Next::Ask(file_document(context, file.id, None))),
        Done::Put(_) | Done::Deleted(_) | Done::LanguageSet | Done::Removed => {
            Err(context.impossible())
        }
    }
}

fn file_document(context: Context, id: NodeId, revision: Option<Revision>) -> Call {
    Call::FileView {
        id,
        revision,
        reply: Box::new(move |view| {
            Ok(Next::Say(xml(
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
pub(super) fn content(revision: Option<Revision>, head: &Head) -> Finish {
    let head = head.clone();
    Box::new(move |context, _| {
        Ok(Call::File {
            id: file_id(&context)?,
            revision,
            reply: Box::new(move |file| {
                let etag = response::file_etag(file.id, file.revision, file.modified_at);
                raw(&context, &head, &file.content, &etag, Some(&file)).map(Next::Say)
            }),
        })
    })
}

/// `DELETE files/{id}`
pub(super) fn remove() -> Finish {
    Box::new(move |context, _| {
        one(context, Edit::Remove, |_, outcome| {
            outcome?;
            Ok(Next::Say(common(Answer::empty(StatusCode::OK))))
        })
    })
}

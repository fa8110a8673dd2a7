//! What each verb on each path means: who may do it, what becomes of the body, and which call it is.
//!
//! The order in which a request can fail is that of `dialects-common.md` §3: 401, then what is malformed, then 404, then
//! 403, then what depends on what is stored. So a body is read before its folder is looked for, and [`Call::Locate`]
//! comes after it; but a file is judged by the head of its request, so that nobody sends 100 MB in vain.

use super::JSON;
use super::request::{self, Outer};
use super::response;
use super::route::Route;
use crate::config::Limits;
use crate::dialect::contents::stored;
use crate::dialect::link::encoded;
use crate::dialect::sign_in::first_that_is_there;
use crate::dialect::{
    BodyPlan, Call, Context, Credentials, Finish, Need, Next, Payload, People, Plan, Reply, Shown,
};
use crate::fault::Fault;
use crate::http::{Answer, Head};
use crate::model::{
    AddFile, Address, Batch, Content, Done, Edit, Enroll, NewNode, NewSpace, NodeId, NodeKind,
    Outcome, Place, Refusal, ResourceId, Right, User,
};
use http::{Method, StatusCode, header};
use std::sync::Arc;

/// The largest body in JSON, in bytes.
const JSON_BYTES_MAX: u64 = 1 << 20;

/// What a verb on a path needs before its body is read.
struct Handling {
    address: Option<Address>,
    need: Need,
    body: BodyPlan,
    finish: Result<Finish, Fault>,
}

/// Reads the head of a request.
pub(super) fn plan(head: &Arc<Head>, limits: &Limits) -> Plan {
    let route = Route::of_path(&head.path);
    // A raw link says by itself that it may be followed.
    let credentials = match route {
        Some(Route::Raw(_)) => Credentials::default(),
        Some(_) | None => first_that_is_there(head),
    };
    let handling = match route {
        None => nothing(Fault::UnknownPath),
        Some(route) if !route.methods().contains(&head.method.as_str()) => {
            nothing(Fault::MethodNotAllowed(route.methods()))
        }
        Some(route) => handling(route, head, limits),
    };
    let Handling {
        address,
        need,
        body,
        finish,
    } = handling;
    Plan {
        method: head.method.clone(),
        credentials,
        address: Ok(address),
        need,
        body,
        finish,
    }
}

fn nothing(fault: Fault) -> Handling {
    Handling {
        address: None,
        need: Need::Nothing,
        body: BodyPlan::Ignore,
        finish: Err(fault),
    }
}

fn handling(route: Route, head: &Arc<Head>, limits: &Limits) -> Handling {
    let is_reading = matches!(head.method, Method::GET | Method::HEAD);
    match route {
        Route::Folder(id) if is_reading => at(Address::Folder(id), Right::Read, shown(id)),
        Route::Folder(id) if head.method == Method::PUT => rename(id, head),
        Route::Folder(id) => at(Address::Folder(id), Right::Delete, remove()),
        Route::FoldersInFolder(id) if is_reading => at(
            Address::Folder(id),
            Right::Read,
            listed(id, NodeKind::Folder),
        ),
        Route::FoldersInFolder(id) => add_folder(Address::Folder(id), head),
        Route::Files(id) if is_reading => {
            at(Address::Folder(id), Right::Read, listed(id, NodeKind::File))
        }
        Route::Files(id) => upload(id, head, limits),
        Route::File(id) if is_reading => at(Address::File(id), Right::Read, shown(id)),
        Route::File(id) => at(Address::File(id), Right::Submit, remove()),
        Route::Raw(Some(id)) => raw(id, head),
        Route::Raw(None) => nothing(Fault::UnknownPath),
        Route::Spaces => add_space(head),
        Route::Space(id) => at(Address::Space(id), Right::Read, shown(id)),
        Route::FoldersInSpace(id) if is_reading => at(
            Address::Space(id),
            Right::Read,
            listed(id, NodeKind::Folder),
        ),
        Route::FoldersInSpace(id) => add_folder(Address::Space(id), head),
        Route::Enrollments(id) => enroll(id, head),
        Route::Enrollment(id, login) => at(Address::Space(id), Right::Enroll, unenroll(login)),
        Route::Groups(id) => add_group(id, head),
        Route::Users => add_user(head),
        Route::User(login) => Handling {
            address: Some(Address::UserNamed(login)),
            need: Need::SignedIn,
            body: BodyPlan::Ignore,
            finish: Ok(user()),
        },
    }
}

/// What is about a node of the tree and needs no body.
fn at(address: Address, right: Right, finish: Finish) -> Handling {
    Handling {
        address: Some(address),
        need: Need::Inside(right),
        body: BodyPlan::Ignore,
        finish: Ok(finish),
    }
}

/// What has a body of JSON or of a form, which is read first; then the place is looked for.
fn with_body<T: Send + 'static>(
    head: &Arc<Head>,
    address: Address,
    need: Need,
    read: impl FnOnce(&Outer) -> Result<T, Fault> + Send + 'static,
    then: impl FnOnce(Context, Place, T) -> Result<Call, Fault> + Send + 'static,
) -> Handling {
    let head = Arc::clone(head);
    let finish: Finish = Box::new(move |context, payload| {
        let asked = read(&Outer::read(&head, &payload.whole())?)?;
        let reply: Reply<Place> = Box::new(move |place| then(context, place, asked).map(Next::Ask));
        Ok(Call::Locate {
            address,
            need,
            reply,
        })
    });
    Handling {
        address: None,
        need: Need::SignedIn,
        body: BodyPlan::Whole {
            bytes_max: JSON_BYTES_MAX,
            too_large: format!("a body of JSON has at most {JSON_BYTES_MAX} bytes"),
            wrong_type: None,
        },
        finish: Ok(finish),
    }
}

fn json(status: StatusCode, body: String) -> Answer {
    Answer::text(status, JSON, body)
}

/// A batch of one change, and what is said of its outcome.
fn one(
    context: Context,
    resource: ResourceId,
    edit: Edit,
    reply: impl FnOnce(Context, Outcome) -> Result<Next, Fault> + Send + 'static,
) -> Call {
    let batch = Batch::of_one(context.principal.clone(), context.at, resource, edit);
    Call::Write {
        batch,
        reply: Box::new(move |mut outcomes| {
            let outcome = outcomes.pop().ok_or_else(|| context.impossible())?;
            reply(context, outcome)
        }),
    }
}

/// A space, folder or file.
fn entry(context: Context, id: NodeId, status: StatusCode) -> Call {
    Call::Entry {
        id,
        reply: Box::new(move |shown| {
            let answer = json(status, response::entry(&context, &shown));
            Ok(Next::Say(if status == StatusCode::CREATED {
                answer.with(header::LOCATION, response::own_href(&context, &shown.entry))
            } else {
                answer
            }))
        }),
    }
}

fn shown(id: NodeId) -> Finish {
    Box::new(move |context, _| Ok(entry(context, id, StatusCode::OK)))
}

fn listed(of: NodeId, kind: NodeKind) -> Finish {
    Box::new(move |context, _| {
        let reply = move |entries| {
            Ok(Next::Say(json(
                StatusCode::OK,
                response::entries(&context, &entries),
            )))
        };
        Ok(Call::Entries {
            of,
            kind,
            reply: Box::new(reply),
        })
    })
}

/// `DELETE`
fn remove() -> Finish {
    Box::new(move |context, _| {
        let resource = context.place()?.resource;
        let edit = Edit::Remove { demand: None };
        Ok(one(context, resource, edit, |_, outcome| {
            outcome?;
            Ok(Next::Say(Answer::empty(StatusCode::NO_CONTENT)))
        }))
    })
}

/// `POST folders/{id}/folders`, `POST spaces/{id}/folders`
fn add_folder(address: Address, head: &Arc<Head>) -> Handling {
    let need = Need::Inside(Right::Create);
    let read = |body: &Outer| body.inside("folder").name();
    with_body(head, address, need, read, |context, place, name| {
        let uuid = context.uuid();
        let edit = Edit::AddFolder(NewNode { name, uuid });
        Ok(one(context, place.resource, edit, made))
    })
}

/// `POST spaces`
fn add_space(head: &Arc<Head>) -> Handling {
    let need = Need::Right(Right::Admin);
    let read = |body: &Outer| body.inside("space").name();
    with_body(head, Address::Site, need, read, |context, place, name| {
        let uuids = context.uuids(2);
        let new = NewSpace::named(name, [uuids[0], uuids[1]]);
        let edit = Edit::AddSpace(new.ok_or_else(|| context.impossible())?);
        Ok(one(context, place.resource, edit, made))
    })
}

/// A folder or a space that has just been made.
fn made(context: Context, outcome: Outcome) -> Result<Next, Fault> {
    match outcome? {
        Done::PageWritten(pages) => {
            let first = pages.first().ok_or_else(|| context.impossible())?;
            let id = first.id;
            Ok(Next::Ask(entry(context, id, StatusCode::CREATED)))
        }
        Done::Uploaded { file, .. } => Ok(Next::Ask(entry(context, file.id, StatusCode::CREATED))),
        Done::Put(_)
        | Done::Deleted(_)
        | Done::LanguageSet
        | Done::Removed
        | Done::PermissionsSet
        | Done::Enrolled { .. }
        | Done::AccessSet
        | Done::Unchanged => Err(context.impossible()),
    }
}

/// `PUT folders/{id}`
fn rename(id: NodeId, head: &Arc<Head>) -> Handling {
    let (address, need) = (Address::Folder(id), Need::Inside(Right::Update));
    let read = |body: &Outer| body.inside("folder").name();
    with_body(head, address, need, read, move |context, place, name| {
        let edit = Edit::Rename(name.clone());
        let told = move |context: Context, outcome: Outcome| {
            outcome?;
            let reply = move |mut shown: Shown| {
                // As it was named here: it may have another name already.
                shown.entry.name = name;
                let body = response::entry(&context, &shown);
                Ok(Next::Say(json(StatusCode::OK, body)))
            };
            Ok(Next::Ask(Call::Entry {
                id,
                reply: Box::new(reply),
            }))
        };
        Ok(one(context, place.resource, edit, told))
    })
}

/// `POST folders/{id}/files`
fn upload(id: NodeId, head: &Arc<Head>, limits: &Limits) -> Handling {
    let max = limits.file_bytes_max;
    let finish: Finish = Box::new(move |context, payload| {
        let Payload::Part(part) = payload else {
            return Err(context.impossible());
        };
        let (name, media_type, part) = request::file(part)?;
        let uuid = context.uuid();
        let edit = Edit::AddFile(AddFile {
            file: NewNode { name, uuid },
            content: Content {
                media_type,
                size: part.size,
                body: part.body,
            },
        });
        let resource = context.place()?.resource;
        Ok(one(context, resource, edit, made))
    });
    Handling {
        address: Some(Address::Folder(id)),
        need: Need::Inside(Right::Submit),
        body: BodyPlan::Part {
            boundary: request::boundary(head),
            is_wanted: request::is_file,
            bytes_max: max,
            too_large: format!("a file has at most {max} bytes"),
        },
        finish: Ok(finish),
    }
}

/// `GET files/{id}/raw/{name}`
fn raw(id: NodeId, head: &Arc<Head>) -> Handling {
    let head = Arc::clone(head);
    let finish: Finish = Box::new(move |context, _| {
        Ok(Call::Linked {
            id,
            reply: Box::new(move |shown| linked(&context, &head, &shown).map(Next::Say)),
        })
    });
    Handling {
        address: None,
        need: Need::Nothing,
        body: BodyPlan::Ignore,
        finish: Ok(finish),
    }
}

fn linked(context: &Context, head: &Head, shown: &Shown) -> Result<Answer, Fault> {
    let entry = shown.entry.file.as_ref().filter(|entry| !entry.is_link);
    let file = &entry.ok_or(Refusal::NoSuchFile)?.file;
    let parameter = |name| head.query.get(name).unwrap_or_default();
    let link = (parameter("Expires"), parameter("Signature"));
    if !context
        .links
        .is_good(file.id, file.revision, link, context.at)
    {
        return Err(Fault::BadLink);
    }
    let (content, etag) = (&file.content, file.etag());
    let disposition = format!(
        "attachment; filename*=UTF-8''{}",
        encoded(file.name.as_str())
    );
    let file = Some((file, disposition));
    let answer = stored(head, content, &etag, "private", file)?;
    let has_type = answer.headers.contains_key(header::CONTENT_TYPE);
    Ok(if has_type {
        answer.with(header::CONTENT_TYPE, content.media_type.given())
    } else {
        answer
    })
}

/// `POST spaces/{id}/enrollments`
fn enroll(id: NodeId, head: &Arc<Head>) -> Handling {
    let need = Need::Inside(Right::Enroll);
    with_body(
        head,
        Address::Space(id),
        need,
        request::enrollment,
        move |context, place, enroll| {
            let edit = Edit::Enroll(enroll);
            Ok(one(
                context,
                place.resource,
                edit,
                move |context, outcome| {
                    let Done::Enrolled {
                        user,
                        role: Some(role),
                        ..
                    } = outcome?
                    else {
                        return Err(context.impossible());
                    };
                    let location = response::enrollment_href(&context, id, &user.name);
                    let answer = json(StatusCode::CREATED, response::enrollment(&user, role));
                    Ok(Next::Say(answer.with(header::LOCATION, location)))
                },
            ))
        },
    )
}

/// `DELETE spaces/{id}/enrollments/{login}`
fn unenroll(login: String) -> Finish {
    Box::new(move |context, _| {
        let resource = context.place()?.resource;
        let edit = Edit::Enroll(Enroll { login, role: None });
        Ok(one(context, resource, edit, |_, outcome| {
            outcome?;
            Ok(Next::Say(Answer::empty(StatusCode::NO_CONTENT)))
        }))
    })
}

/// `POST spaces/{id}/groups`
fn add_group(id: NodeId, head: &Arc<Head>) -> Handling {
    let need = Need::Inside(Right::Enroll);
    with_body(
        head,
        Address::Space(id),
        need,
        request::group,
        move |_, _, (name, members)| {
            Ok(Call::People(People::AddGroup {
                space: Some(id),
                name,
                members,
                reply: Box::new(|group| {
                    // They are told as they sign in.
                    Ok(Next::Ask(Call::People(People::Members {
                        ids: group.members.clone(),
                        reply: Box::new(move |members| {
                            let body = response::group(&group, &members);
                            Ok(Next::Say(json(StatusCode::CREATED, body)))
                        }),
                    })))
                }),
            }))
        },
    )
}

/// `POST users`
fn add_user(head: &Arc<Head>) -> Handling {
    let need = Need::Right(Right::Admin);
    with_body(
        head,
        Address::Site,
        need,
        request::user,
        |context, _, user| {
            let reply = move |user: Arc<User>| {
                let body = response::user(&context, &user);
                let location = response::user_href(&context, &user.name);
                Ok(Next::Say(
                    json(StatusCode::CREATED, body).with(header::LOCATION, location),
                ))
            };
            Ok(Call::People(People::AddUser {
                user,
                reply: Box::new(reply),
            }))
        },
    )
}

/// `GET users/{login}`
fn user() -> Finish {
    Box::new(move |context, _| {
        let ResourceId::User(id) = context.place()?.resource else {
            return Err(Refusal::NoSuchUser.into());
        };
        Ok(Call::People(People::User {
            id,
            reply: Box::new(move |user| {
                Ok(Next::Say(json(
                    StatusCode::OK,
                    response::user(&context, &user),
                )))
            }),
        }))
    })
}

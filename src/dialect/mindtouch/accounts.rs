//! What can be done with accounts and groups: look at them, make and change one, sign in (`mindtouch.md` §10, §11).

use super::request::{self, Described};
use super::response;
use super::security::{self, NewGroup};
use crate::dialect::{Call, Context, Finish, Next, People, Reply};
use crate::fault::Fault;
use crate::http::{Answer, Head};
use crate::model::{Group, GroupId, Member, Refusal, ResourceId, User, UserId};
use http::{StatusCode, Uri, header};
use std::sync::Arc;

/// `GET users`
pub(super) fn all() -> Finish {
    Box::new(move |context, _| {
        let reply = move |users: Vec<Arc<User>>| {
            Ok(Next::Say(Answer::document(
                StatusCode::OK,
                response::users(&context, &users),
            )))
        };
        Ok(Call::People(People::Users {
            reply: Box::new(reply),
        }))
    })
}

/// `GET users/{id}`
pub(super) fn info() -> Finish {
    Box::new(move |context, _| match context.place()?.resource {
        ResourceId::User(id) => Ok(Call::People(People::User {
            id,
            reply: Box::new(move |user| {
                Ok(Next::Say(Answer::document(
                    StatusCode::OK,
                    response::user(&context, &user),
                )))
            }),
        })),
        ResourceId::Site | ResourceId::Node(_) => Err(Refusal::NoSuchUser.into()),
    })
}

/// `POST users`
pub(super) fn add(head: &Head) -> Result<Finish, Fault> {
    let password = head
        .query
        .get("accountpassword")
        .filter(|password| !password.trim().is_empty());
    let password = password
        .ok_or(Fault::MissingParameter("accountpassword"))?
        .to_owned();
    let charset = request::charset(head);
    Ok(Box::new(move |context, payload| {
        let user = request::new_user(&payload.whole(), charset.as_deref(), password)?;
        let reply = move |user: Arc<User>| {
            Ok(Next::Say(Answer::document(
                StatusCode::OK,
                response::user(&context, &user),
            )))
        };
        Ok(Call::People(People::AddUser {
            user,
            reply: Box::new(reply),
        }))
    }))
}

/// `PUT users/{id}`: its owner says name and address, an administrator the rest as well
pub(super) fn change(head: &Head) -> Finish {
    let charset = request::charset(head);
    Box::new(move |context, payload| {
        let ResourceId::User(id) = context.place()?.resource else {
            return Err(Refusal::NoSuchUser.into());
        };
        let Described { name, change } = request::user(&payload.whole(), charset.as_deref())?;
        Ok(Call::People(People::User {
            id,
            reply: Box::new(move |user| {
                if name.is_some_and(|name| name != user.name) {
                    let what = "the name of an account cannot be changed: leave <username> out";
                    return Err(Fault::BadRequest(what.to_owned()));
                }
                let reply = move |user: Arc<User>| {
                    let document = response::user(&context, &user);
                    Ok(Next::Say(Answer::document(StatusCode::OK, document)))
                };
                Ok(Next::Ask(Call::People(People::ChangeUser {
                    id,
                    change,
                    reply: Box::new(reply),
                })))
            }),
        }))
    })
}

/// `GET groups`
pub(super) fn groups() -> Finish {
    Box::new(move |context, _| {
        Ok(Call::People(People::Groups {
            reply: Box::new(move |groups| {
                let document = response::groups(&context, &groups);
                Ok(Next::Say(Answer::document(StatusCode::OK, document)))
            }),
        }))
    })
}

/// What is said of a group.
fn group_told(context: Context) -> Reply<Group> {
    Box::new(move |group| {
        let document = response::group(&context, &group);
        Ok(Next::Say(Answer::document(StatusCode::OK, document)))
    })
}

/// `GET groups/{id}`, and its users
pub(super) fn group(id: GroupId) -> Finish {
    Box::new(move |context, _| {
        let reply = group_told(context);
        Ok(Call::People(People::Group { id, reply }))
    })
}

/// `POST groups`
pub(super) fn add_group(head: &Head) -> Finish {
    let charset = request::charset(head);
    Box::new(move |context, payload| {
        let NewGroup { name, members } = security::group(&payload.whole(), charset.as_deref())?;
        Ok(Call::People(People::AddGroup {
            space: None,
            name,
            members: members.into_iter().map(Member::Id).collect(),
            reply: group_told(context),
        }))
    })
}

/// `PUT groups/{id}/users`
pub(super) fn set_members(id: GroupId, head: &Head) -> Finish {
    let charset = request::charset(head);
    Box::new(move |context, payload| {
        let members = security::members(&payload.whole(), charset.as_deref())?;
        Ok(Call::People(People::SetMembers {
            id,
            members,
            reply: group_told(context),
        }))
    })
}

/// `PUT users/{id}/password`
pub(super) fn set_password(head: &Head) -> Finish {
    let current = head.query.get("currentpassword").map(str::to_owned);
    Box::new(move |context, payload| {
        let ResourceId::User(user) = context.place()?.resource else {
            return Err(Refusal::NoSuchUser.into());
        };
        if user == UserId::ANONYMOUS {
            let what = "the anonymous account is for those who do not sign in: it has no password";
            return Err(Fault::BadRequest(what.to_owned()));
        }
        let password = String::from_utf8(payload.whole().into())
            .map_err(|_| Fault::BadRequest("the new password is not UTF-8".to_owned()))?;
        if password.trim().is_empty() {
            return Err(Fault::BadRequest(
                "the new password is blank: send it as the body".to_owned(),
            ));
        }
        if current.is_none() && !context.principal.is_admin() {
            return Err(Fault::MissingParameter("currentpassword"));
        }
        let reply = |()| Ok(Next::Say(Answer::empty(StatusCode::OK)));
        Ok(Call::People(People::SetPassword {
            user,
            current,
            password,
            reply: Box::new(reply),
        }))
    })
}

/// Answers a token, also as a cookie (§10).
pub(super) fn authenticate(head: &Head) -> Finish {
    let redirect = head.query.get("redirect").map(str::to_owned);
    Box::new(move |context, _| {
        let location = redirect
            .map(|target| own_location(&context, &target))
            .transpose()?;
        Ok(Call::People(People::IssueToken {
            reply: Box::new(move |issued| {
                let secure = if context.base.starts_with("https:") {
                    "; Secure"
                } else {
                    ""
                };
                let cookie = format!(
                    "authtoken=\"{}\"; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
                    issued.token, issued.max_age_secs
                );
                let answer = match location {
                    Some(location) => {
                        Answer::empty(StatusCode::FOUND).with(header::LOCATION, location)
                    }
                    None => Answer::text(StatusCode::OK, "text/plain; charset=utf-8", issued.token),
                };
                Ok(Next::Say(
                    answer
                        .with(header::SET_COOKIE, cookie)
                        .with(header::CACHE_CONTROL, NO_STORE),
                ))
            }),
        }))
    })
}

/// A token is nothing that a cache may keep.
const NO_STORE: &str = "private, no-store";

/// Where to go after signing in: a path of ours, or a URL of our own origin.
fn own_location(context: &Context, target: &str) -> Result<String, Fault> {
    let is_path = target.starts_with('/') && !target.starts_with("//") && !target.contains('\\');
    // Both are read as URLs: the case of the host does not matter, nor a port that the scheme has anyhow.
    let origin = |text: &str| {
        let uri: Uri = text.parse().ok()?;
        let (scheme, host) = (uri.scheme_str()?.to_owned(), uri.authority()?.clone());
        let default = if scheme == "https" { 443 } else { 80 };
        let port = host.port_u16().unwrap_or(default);
        let has_user = host.as_str().contains('@');
        (!has_user).then(|| (scheme, host.host().to_ascii_lowercase(), port))
    };
    let is_ours = origin(target).is_some_and(|target| Some(target) == origin(&context.base));
    let is_plain = target.chars().all(|c| c.is_ascii_graphic());
    if (is_path || is_ours) && is_plain {
        Ok(target.to_owned())
    } else {
        Err(Fault::InvalidParameter("redirect"))
    }
}

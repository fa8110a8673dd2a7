//! Which status and which words each no has in this dialect (`redu.md` §1).

use super::route::Route;
use super::{JSON, response};
use crate::dialect::sign_in::CHALLENGE;
use crate::dialect::with_fault;
use crate::fault::Fault;
use crate::http::{Answer, Head};
use crate::model::{Denied, Refusal};
use http::{StatusCode, header};

/// A status, its words and, if a field of the request is to blame, which one and why.
struct No {
    status: StatusCode,
    message: String,
    field: Option<(&'static str, String)>,
}

fn no(status: StatusCode, message: impl Into<String>) -> No {
    No {
        status,
        message: message.into(),
        field: None,
    }
}

fn invalid(field: &'static str, what: impl Into<String>) -> No {
    let what = what.into();
    No {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        message: format!("{field} {what}"),
        field: Some((field, what)),
    }
}

/// What no field is to blame for: the thing as a whole cannot be so.
fn impossible(what: impl Into<String>) -> No {
    let what = what.into();
    No {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        message: what.clone(),
        field: Some(("base", what)),
    }
}

/// Says why a request failed.
pub(super) fn answer(head: &Head, fault: &Fault) -> Answer {
    let No {
        status,
        message,
        field,
    } = of_fault(head, fault);
    let field = field.as_ref().map(|(field, what)| (*field, what.as_str()));
    let mut answer = Answer::text(status, JSON, response::error(&message, field));
    if status == StatusCode::UNAUTHORIZED {
        answer = answer.with(header::WWW_AUTHENTICATE, CHALLENGE);
    }
    if let Fault::MethodNotAllowed(methods) = fault {
        answer = answer.with(header::ALLOW, methods.join(", "));
    }
    with_fault(answer, fault)
}

fn of_fault(head: &Head, fault: &Fault) -> No {
    if let Fault::Refused(refusal) = fault {
        of_refusal(head, refusal)
    } else if let Fault::InvalidField { field, what } = fault {
        invalid(field, what.as_str())
    } else if let Fault::UnsupportedMediaType(what) = fault {
        // There is no 415 here: a body that cannot be read is malformed.
        no(StatusCode::BAD_REQUEST, what.as_str())
    } else {
        no(fault.status(), fault.to_string())
    }
}

fn of_refusal(head: &Head, refusal: &Refusal) -> No {
    let not_found = |what: &str| no(StatusCode::NOT_FOUND, format!("there is no such {what}"));
    match refusal {
        Refusal::NoSuchFolder | Refusal::NoSuchPage => not_found("folder"),
        Refusal::NoSuchSpace => not_found("space"),
        Refusal::NoSuchFile | Refusal::FileRemoved | Refusal::NoSuchRevision => not_found("file"),
        Refusal::NoSuchUser => not_found("user"),
        Refusal::NoSuchGroup => not_found("group"),
        Refusal::NotEnrolled(_) => no(StatusCode::NOT_FOUND, refusal.to_string()),
        Refusal::Denied(denied) => of_denied(denied),
        Refusal::RoleAboveOwn(_) | Refusal::AccountDisabled(_) | Refusal::FixedAccount(_) => {
            no(StatusCode::FORBIDDEN, refusal.to_string())
        }
        Refusal::PasswordChanged => no(StatusCode::UNAUTHORIZED, "authentication failed"),
        Refusal::NoSuchLogin(login) => {
            let field = match Route::of_path(&head.path) {
                Some(Route::Groups(_)) => "members",
                Some(_) | None => "login",
            };
            invalid(field, format!("'{login}' is not the login of a user"))
        }
        Refusal::UserNameTaken(_) => invalid("login", "has already been taken"),
        Refusal::FileType(extensions) => invalid(
            "content",
            format!("must have one of these extensions: {extensions}"),
        ),
        Refusal::RootFolder
        | Refusal::TooDeep { .. }
        | Refusal::GroupNameTaken(_)
        | Refusal::BadInheritance
        | Refusal::RepeatedGrantee(_)
        | Refusal::RepeatedNode(_)
        | Refusal::NoSuchGrantee(_) => impossible(refusal.to_string()),
        Refusal::RepeatedName(_)
        | Refusal::NoSuchProperty(_)
        | Refusal::PropertyExists(_)
        | Refusal::Stale { .. }
        | Refusal::StaleNode { .. }
        | Refusal::UnexpectedEtag
        | Refusal::Unmet(_)
        | Refusal::FileNameTaken(_)
        | Refusal::TooManyPages { .. }
        | Refusal::LongPaths { .. }
        | Refusal::LongAnswer
        | Refusal::PageChanged { .. }
        | Refusal::Invalid(_) => no(StatusCode::BAD_REQUEST, refusal.to_string()),
    }
}

fn of_denied(denied: &Denied) -> No {
    if denied.principal.is_anonymous() {
        return no(
            StatusCode::UNAUTHORIZED,
            Fault::CredentialsNeeded.to_string(),
        );
    }
    let name = &denied.principal.user().name;
    no(
        StatusCode::FORBIDDEN,
        format!(
            "'{name}' may not do this here: it needs another role in the space, or it is hidden"
        ),
    )
}

//! Which status and which words each no has in this dialect (`luminus.md` §1): a string of JSON.

use super::JSON;
use crate::dialect::sign_in::CHALLENGE;
use crate::dialect::with_fault;
use crate::fault::Fault;
use crate::http::Answer;
use crate::model::{Invalid, Refusal, SETTING_PREFIX};
use http::{StatusCode, header};

const DENIED: &str = "Login user not authorized to perform this action";
const NOT_FOUND: &str = "The folder is not found";
const FAILED: &str = "Server Error";
const UNKNOWN: &str = "Access denied: subscription key is missing or invalid";

/// Says why a request failed.
pub(super) fn answer(fault: &Fault) -> Answer {
    let (status, reason) = of_fault(fault);
    let text = match status {
        StatusCode::BAD_REQUEST => format!("Bad Request: {reason}"),
        StatusCode::UNAUTHORIZED => UNKNOWN.to_owned(),
        StatusCode::FORBIDDEN => DENIED.to_owned(),
        StatusCode::NOT_FOUND => NOT_FOUND.to_owned(),
        StatusCode::INTERNAL_SERVER_ERROR => FAILED.to_owned(),
        _ => reason,
    };
    let mut answer = Answer::text(status, JSON, serde_json::Value::from(text).to_string());
    if status == StatusCode::UNAUTHORIZED {
        answer = answer.with(header::WWW_AUTHENTICATE, CHALLENGE);
    }
    if let Fault::MethodNotAllowed(methods) = fault {
        answer = answer.with(header::ALLOW, methods.join(", "));
    }
    with_fault(answer, fault)
}

/// The status, and what is wrong, beginning with the field that is to blame.
fn of_fault(fault: &Fault) -> (StatusCode, String) {
    if let Fault::Refused(refusal) = fault {
        let reason = if let Refusal::BadInheritance = refusal {
            format!("access.inheritedResourceID: {refusal}")
        } else if let Refusal::RepeatedGrantee(_) | Refusal::NoSuchGrantee(_) = refusal {
            format!("access: {refusal}")
        } else if let Refusal::Invalid(Invalid::Setting { property, what }) = refusal {
            let field = property.strip_prefix(SETTING_PREFIX).unwrap_or(property);
            format!("{field}: {what}")
        } else {
            refusal.to_string()
        };
        (of_refusal(refusal), reason)
    } else if let Fault::InvalidField { .. } | Fault::UnsupportedMediaType(_) = fault {
        (StatusCode::BAD_REQUEST, fault.to_string())
    } else {
        (fault.status(), fault.to_string())
    }
}

fn of_refusal(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::NoSuchFolder
        | Refusal::NoSuchPage
        | Refusal::NoSuchSpace
        | Refusal::NoSuchFile
        | Refusal::FileRemoved
        | Refusal::NoSuchRevision
        | Refusal::NoSuchUser
        | Refusal::NoSuchGroup
        | Refusal::NotEnrolled(_) => StatusCode::NOT_FOUND,
        Refusal::Denied(denied) if denied.principal.is_anonymous() => StatusCode::UNAUTHORIZED,
        Refusal::Denied(_)
        | Refusal::RoleAboveOwn(_)
        | Refusal::AccountDisabled(_)
        | Refusal::FixedAccount(_) => StatusCode::FORBIDDEN,
        Refusal::PasswordChanged => StatusCode::UNAUTHORIZED,
        Refusal::RootFolder
        | Refusal::TooDeep { .. }
        | Refusal::FileType(_)
        | Refusal::NoSuchLogin(_)
        | Refusal::RepeatedGrantee(_)
        | Refusal::RepeatedNode(_)
        | Refusal::BadInheritance
        | Refusal::RepeatedName(_)
        | Refusal::NoSuchProperty(_)
        | Refusal::PropertyExists(_)
        | Refusal::Stale { .. }
        | Refusal::StaleNode { .. }
        | Refusal::UnexpectedEtag
        | Refusal::Unmet(_)
        | Refusal::FileNameTaken(_)
        | Refusal::UserNameTaken(_)
        | Refusal::TooManyPages { .. }
        | Refusal::LongPaths { .. }
        | Refusal::LongAnswer
        | Refusal::GroupNameTaken(_)
        | Refusal::NoSuchGrantee(_)
        | Refusal::PageChanged { .. }
        | Refusal::Invalid(_) => StatusCode::BAD_REQUEST,
    }
}

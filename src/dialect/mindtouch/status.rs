//! Which status and which words each no has in this dialect. Clients compare some of the words, so they are as
//! documented (`mindtouch.md` §2, §6, §7, §11).

use crate::fault::Fault;
use crate::model::{Denied, Invalid, NameFault, Refusal};
use crate::xml::Brief;
use http::StatusCode;

/// In which request a change was refused: the same no has other words in a batch than alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// `PUT properties`: one of many.
    Batch,
    /// `POST properties`, or anything else that is not about one property.
    Post,
    /// `properties/{key}`.
    Single,
}

/// Status and message of a fault.
pub(super) fn of_fault(fault: &Fault) -> (StatusCode, String) {
    if let Fault::Refused(refusal) = fault {
        return of_refusal(refusal, Manner::Single);
    }
    (fault.status(), fault.to_string())
}

/// The status line's words for a status.
pub(super) fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => "Internal Error",
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        other => other.canonical_reason().unwrap_or("Error"),
    }
}

/// Status and message of a refusal.
pub(super) fn of_refusal(refusal: &Refusal, manner: Manner) -> (StatusCode, String) {
    let not_found = |message: &str| (StatusCode::NOT_FOUND, message.to_owned());
    let conflict = |message: String| (StatusCode::CONFLICT, message);
    match refusal {
        Refusal::NoSuchPage | Refusal::NoSuchFolder | Refusal::NoSuchSpace => {
            not_found("Could not find requested page")
        }
        Refusal::NoSuchFile => not_found("Could not find requested file attachment"),
        Refusal::FileRemoved => not_found("File has been removed"),
        Refusal::NoSuchRevision => not_found("Could not find requested file attachment revision"),
        Refusal::NoSuchUser | Refusal::NoSuchLogin(_) | Refusal::NotEnrolled(_) => {
            not_found("Given user was not found")
        }
        Refusal::RootFolder
        | Refusal::TooDeep { .. }
        | Refusal::FileType(_)
        | Refusal::RepeatedGrantee(_)
        | Refusal::RepeatedNode(_)
        | Refusal::BadInheritance => (StatusCode::BAD_REQUEST, format!("{refusal}.")),
        Refusal::RoleAboveOwn(_) => (StatusCode::FORBIDDEN, format!("{refusal}.")),
        Refusal::Denied(denied) => of_denied(denied),
        Refusal::RepeatedName(name) => (
            StatusCode::BAD_REQUEST,
            format!("The property '{name}' is included two or more times."),
        ),
        Refusal::NoSuchProperty(name) => match manner {
            Manner::Batch => (
                StatusCode::BAD_REQUEST,
                format!("The property '{name}' does not exist and cannot be deleted."),
            ),
            Manner::Post | Manner::Single => (
                StatusCode::NOT_FOUND,
                format!("Property '{name}' not found"),
            ),
        },
        Refusal::PropertyExists(name) => {
            conflict(format!("A property named '{name}' already exists."))
        }
        Refusal::Stale { given, property } => conflict(format!(
            "Given ETag '{}' for resource id '{property}' does not match ETag for HEAD revision.",
            Brief(given)
        )),
        Refusal::StaleNode { etag } => {
            conflict(format!("It has changed: its ETag is '{etag}' now."))
        }
        Refusal::UnexpectedEtag => match manner {
            Manner::Batch | Manner::Post => {
                conflict("Received an unexpected etag on a new property addition".to_owned())
            }
            Manner::Single => conflict("Property does not exist and cannot be created".to_owned()),
        },
        Refusal::Unmet(found) => (StatusCode::PRECONDITION_FAILED, of_refusal(found, manner).1),
        Refusal::FileNameTaken(name) => conflict(format!("A file named '{name}' already exists.")),
        Refusal::UserNameTaken(name) => conflict(format!("A user named '{name}' already exists.")),
        Refusal::AccountDisabled(name) => {
            (StatusCode::FORBIDDEN, format!("User '{name}' is disabled"))
        }
        Refusal::PasswordChanged => (StatusCode::UNAUTHORIZED, "authentication failed".to_owned()),
        Refusal::FixedAccount(name) => (
            StatusCode::BAD_REQUEST,
            format!(
                "The role and the status of '{name}' stay as they are: the first account is always an active Admin."
            ),
        ),
        Refusal::TooManyPages { max } => (
            StatusCode::BAD_REQUEST,
            format!("More than {max} pages match: ask for them in parts with limit= and offset=."),
        ),
        Refusal::LongPaths { files } => (
            StatusCode::BAD_REQUEST,
            format!(
                "The path is too long to be told with each of the {files} files here: ask for them by name or number."
            ),
        ),
        Refusal::LongAnswer => (StatusCode::BAD_REQUEST, refusal.to_string()),
        Refusal::GroupNameTaken(name) => {
            conflict(format!("A group named '{name}' already exists."))
        }
        Refusal::NoSuchGroup => not_found("Could not find requested group"),
        Refusal::NoSuchGrantee(grantee) => (
            StatusCode::BAD_REQUEST,
            format!("There is no {grantee}: make it first, or leave it out."),
        ),
        Refusal::PageChanged { last: Some(last) } => conflict(format!(
            "The page was last written at {last}: look at it again and send edittime={last}, or edittime=now to \
                 write whatever is there."
        )),
        Refusal::PageChanged { last: None } => {
            conflict("The page is not there any more: send edittime=now to make it.".to_owned())
        }
        Refusal::Invalid(invalid) => (StatusCode::BAD_REQUEST, of_invalid(invalid)),
    }
}

fn of_denied(denied: &Denied) -> (StatusCode, String) {
    let page = denied
        .page
        .map(|id| format!(" for page id '{id}'"))
        .unwrap_or_default();
    let message = format!(
        "Access denied to '{}' for this request{page}. Operations required are {}. Operations allowed are {}",
        denied.principal.user().name,
        denied.required.name(),
        denied.allowed,
    );
    if denied.principal.is_anonymous() {
        (
            StatusCode::UNAUTHORIZED,
            format!("Operation not allowed by anonymous user: {message}"),
        )
    } else {
        (StatusCode::FORBIDDEN, message)
    }
}

fn of_invalid(invalid: &Invalid) -> String {
    match invalid {
        Invalid::Name(NameFault::Empty) => {
            "A property needs a name: give the attribute 'name' a value.".to_owned()
        }
        Invalid::Name(fault @ (NameFault::TooLong { .. } | NameFault::Character(_))) => {
            format!("The property name is invalid: {fault}.")
        }
        Invalid::MediaType { property, given } => {
            format!(
                "The property '{property}' does not have a valid mimetype: '{}'",
                Brief(given)
            )
        }
        Invalid::Setting { .. } => format!("{invalid}."),
        Invalid::NotText(media_type) => format!(
            "Only text values are allowed to be modified via this feature, and '{media_type}' is not text: use PUT \
             properties/{{key}} instead."
        ),
        other @ (Invalid::Charset(_)
        | Invalid::Unencodable(_)
        | Invalid::ValueTooLarge { .. }
        | Invalid::DescriptionTooLong { .. }
        | Invalid::DescriptionCharacter(_)) => format!("The property is invalid: {other}."),
    }
}

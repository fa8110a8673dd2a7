//! What each verb on each path means: who may do it, what becomes of the body, and which call it is.
//!
//! The order in which a request can fail is that of `mindtouch.md` §2. Parameters are read here and body types are
//! looked at here, but what is wrong with them is told only when their turn has come.

use super::parameters::{file_revision, output, property_parameters, redirects};
use super::request;
use super::response::OwnerKind;
use super::route::{Owner, Route};
use super::{accounts, credentials, files, pages, properties};
use crate::config::Limits;
use crate::dialect::{BodyPlan, Call, Credentials, Finish, Need, Plan};
use crate::fault::Fault;
use crate::http::{Answer, Head};
use crate::model::{Address, NodeName, Right};
use http::{Method, StatusCode, header};
use std::sync::Arc;

/// The longest password, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// The largest document that describes a user, a group or the permissions of a page, in bytes.
const DESCRIBED_BYTES_MAX: u64 = 1 << 20;

/// What a verb on a path needs before its body is read.
struct Handling {
    address: Result<Option<Address>, Fault>,
    need: Need,
    body: BodyPlan,
    finish: Result<Finish, Fault>,
}

/// Reads the head of a request.
pub(super) fn plan(head: &Arc<Head>, limits: &Limits) -> Result<Plan, Fault> {
    let route = Route::of_path(&head.path)?.ok_or(Fault::UnknownPath)?;
    let method = effective_method(head);
    let methods = route.methods();
    if method == Method::OPTIONS {
        let answer = Answer::empty(StatusCode::OK).with(header::ALLOW, methods.join(", "));
        let finish: Finish = Box::new(|_, _| Ok(Call::Say(answer)));
        return Ok(Plan {
            method,
            credentials: Credentials::default(),
            address: Ok(None),
            need: Need::Nothing,
            body: BodyPlan::Ignore,
            finish: Ok(finish),
        });
    }
    if !methods.contains(&method.as_str()) {
        return Err(Fault::MethodNotAllowed(methods));
    }
    let mut credentials = credentials(head);
    if matches!(route, Route::Authenticate) {
        // A token is not enough to get another one.
        credentials = Credentials {
            tokens: Vec::new(),
            api_key: None,
            required: true,
            ..credentials
        };
    }
    let Handling {
        address,
        need,
        body,
        finish,
    } = handling(route, &method, head, limits);
    let finish = output(head).and(finish);
    Ok(Plan {
        method,
        credentials,
        address,
        need,
        body,
        finish,
    })
}

/// The verb that is meant (§1.1): a POST can stand for any, a GET for no verb that writes.
fn effective_method(head: &Head) -> Method {
    let asked = head
        .query
        .get("dream.in.verb")
        .map(str::to_owned)
        .or_else(|| head.header("x-http-method-override"));
    let asked =
        asked.and_then(|verb| Method::from_bytes(verb.trim().to_ascii_uppercase().as_bytes()).ok());
    match (&head.method, asked) {
        (&Method::POST, Some(asked)) => asked,
        (&Method::GET, Some(asked)) if asked == Method::HEAD || asked == Method::OPTIONS => asked,
        (method, _) => method.clone(),
    }
}

fn handling(route: Route, method: &Method, head: &Arc<Head>, limits: &Limits) -> Handling {
    match route {
        Route::Properties(owner) => all_properties(owner, method, head, limits),
        Route::Property(owner, key) => one_property(owner, &key, method, head, limits),
        Route::PropertyInfo(owner, key) => {
            let finish = property_parameters(&owner, head);
            let finish = finish.and_then(|()| properties::info(&owner, &key, head));
            owned(owner, Right::Read, BodyPlan::Ignore, finish)
        }
        Route::FileOnPage(page, name) => file_on_page(page, name, method, head, limits),
        Route::File(owner) => file(owner, None, method, head, limits),
        Route::NamedFile(owner, name) => file(owner, Some(name), method, head, limits),
        Route::FileInfo(owner) => {
            let finish = file_revision(head).map(files::info);
            owned(owner, Right::Read, BodyPlan::Ignore, finish)
        }
        Route::FileRevisions(owner) => {
            owned(owner, Right::Read, BodyPlan::Ignore, Ok(files::history()))
        }
        Route::FileDescription(owner) => file_description(owner, method, head, limits),
        Route::Page(page) => {
            let finish = redirects(&page, head).map(|()| pages::info());
            owned(page, Right::Read, BodyPlan::Ignore, finish)
        }
        Route::FilesOnPage(page) => {
            let finish = redirects(&page, head).map(|()| files::on_page());
            owned(page, Right::Read, BodyPlan::Ignore, finish)
        }
        Route::PageContents(page, levels) => page_contents(page, levels, method, head, limits),
        Route::Security(page) => security(page, method, head),
        Route::SearchProperties => Handling {
            address: Ok(None),
            need: Need::Nothing,
            body: BodyPlan::Ignore,
            finish: pages::search(head),
        },
        Route::Groups if is_reading(method) => {
            site(Right::Admin, BodyPlan::Ignore, Ok(accounts::groups()))
        }
        Route::Groups => {
            let finish = Ok(accounts::add_group(head));
            site(Right::Admin, described(head, "group"), finish)
        }
        Route::Group(id) => Handling {
            address: Ok(None),
            need: Need::SignedIn,
            body: BodyPlan::Ignore,
            finish: id.map(accounts::group),
        },
        Route::Members(id) if is_reading(method) => Handling {
            address: Ok(None),
            need: Need::SignedIn,
            body: BodyPlan::Ignore,
            finish: id.map(accounts::group),
        },
        Route::Members(id) => {
            let finish = id.map(|id| accounts::set_members(id, head));
            site(Right::Admin, described(head, "list of members"), finish)
        }
        Route::Users => all_users(method, head),
        Route::Authenticate => Handling {
            address: Ok(None),
            need: Need::SignedIn,
            body: BodyPlan::Ignore,
            finish: Ok(accounts::authenticate(head)),
        },
        Route::User(user) if !is_reading(method) => {
            let finish = Ok(accounts::change(head));
            owned(user, Right::Update, described(head, "user"), finish)
        }
        Route::User(user) => Handling {
            // Who asks may know who that is, even if it is nobody.
            need: match user.address {
                Ok(Address::CurrentUser) => Need::Nothing,
                Ok(_) | Err(_) => Need::SignedIn,
            },
            address: user.address.map(Some),
            body: BodyPlan::Ignore,
            finish: Ok(accounts::info()),
        },
        Route::Password(user) => {
            let body = whole_body(
                PASSWORD_BYTES_MAX,
                format!("a password has at most {PASSWORD_BYTES_MAX} bytes"),
                None,
            );
            owned(user, Right::Update, body, Ok(accounts::set_password(head)))
        }
    }
}

fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// `{owner}/properties`
fn all_properties(owner: Owner, method: &Method, head: &Arc<Head>, limits: &Limits) -> Handling {
    let parameters = property_parameters(&owner, head);
    if is_reading(method) {
        let finish = parameters.and_then(|()| properties::list(&owner, head));
        return owned(owner, Right::Read, BodyPlan::Ignore, finish);
    }
    if *method == Method::PUT {
        let finish = parameters.map(|()| properties::batch(&owner, head, limits));
        let max = limits.batch_bytes_max;
        let too_large = format!("a batch has at most {max} bytes: send it in parts");
        let body = whole_body(max, too_large, request::batch_expected(head));
        return writing(owner, body, finish);
    }
    let finish = parameters.and_then(|()| properties::create(&owner, head, limits));
    writing(owner, property_body(limits), finish)
}

/// `{owner}/properties/{key}`
fn one_property(
    owner: Owner,
    key: &str,
    method: &Method,
    head: &Arc<Head>,
    limits: &Limits,
) -> Handling {
    let parameters = property_parameters(&owner, head);
    if is_reading(method) {
        let finish = parameters.and_then(|()| properties::content(key, head));
        return owned(owner, Right::Read, BodyPlan::Ignore, finish);
    }
    if *method == Method::PUT {
        let finish = parameters.and_then(|()| properties::put(&owner, key, head, limits));
        return writing(owner, property_body(limits), finish);
    }
    let finish = parameters.and_then(|()| properties::delete(key, head));
    writing(owner, BodyPlan::Ignore, finish)
}

/// `pages/{id}/files/{name}`: to put one, the page is what matters; else the file.
fn file_on_page(
    page: Owner,
    name: Result<NodeName, Fault>,
    method: &Method,
    head: &Arc<Head>,
    limits: &Limits,
) -> Handling {
    match name {
        Ok(name) if *method == Method::PUT => {
            let finish = redirects(&page, head).and_then(|()| files::upload(name, head));
            owned(page, Right::Update, file_body(limits), finish)
        }
        name => {
            let named = |page| {
                Ok(Address::FileNamed {
                    page: Box::new(page),
                    name: name?,
                })
            };
            let owner = Owner {
                kind: OwnerKind::File,
                address: page.address.and_then(named),
            };
            file(owner, None, method, head, limits)
        }
    }
}

/// `files/{id}`, perhaps with a name behind it.
fn file(
    owner: Owner,
    name: Option<Result<NodeName, Fault>>,
    method: &Method,
    head: &Arc<Head>,
    limits: &Limits,
) -> Handling {
    if is_reading(method) {
        let finish = file_revision(head).map(|revision| files::content(revision, head));
        return owned(owner, Right::Read, BodyPlan::Ignore, finish);
    }
    if *method == Method::PUT {
        let finish = name.transpose().and_then(|name| files::revise(name, head));
        return owned(owner, Right::Update, file_body(limits), finish);
    }
    owned(
        owner,
        Right::Update,
        BodyPlan::Ignore,
        Ok(files::remove(head)),
    )
}

/// `files/{id}/description`
fn file_description(owner: Owner, method: &Method, head: &Arc<Head>, limits: &Limits) -> Handling {
    if is_reading(method) {
        return owned(
            owner,
            Right::Read,
            BodyPlan::Ignore,
            Ok(files::description()),
        );
    }
    if *method == Method::PUT {
        let max = limits.property_bytes_max;
        let body = whole_body(max, format!("a description has at most {max} bytes"), None);
        return owned(owner, Right::Update, body, Ok(files::describe(head)));
    }
    owned(
        owner,
        Right::Update,
        BodyPlan::Ignore,
        Ok(files::describe(head)),
    )
}

/// `users`
fn all_users(method: &Method, head: &Arc<Head>) -> Handling {
    if is_reading(method) {
        return site(Right::Admin, BodyPlan::Ignore, Ok(accounts::all()));
    }
    site(Right::Admin, described(head, "user"), accounts::add(head))
}

/// A small document about a user, a group or a page.
fn described(head: &Head, what: &str) -> BodyPlan {
    let too_large = format!("a {what} has at most {DESCRIBED_BYTES_MAX} bytes");
    whole_body(DESCRIBED_BYTES_MAX, too_large, request::xml_expected(head))
}

/// `pages/{id}/contents`
fn page_contents(
    page: Owner,
    levels: Result<Vec<NodeName>, Fault>,
    method: &Method,
    head: &Arc<Head>,
    limits: &Limits,
) -> Handling {
    let parameters = redirects(&page, head);
    if is_reading(method) {
        let finish = parameters.map(|()| pages::contents(head));
        return owned(page, Right::Read, BodyPlan::Ignore, finish);
    }
    let max = limits.property_bytes_max;
    let body = BodyPlan::Content {
        bytes_max: max,
        too_large: format!("the text of a page has at most {max} bytes"),
    };
    let to_be = |address| {
        if let Address::PageTitled(title) = address {
            Address::PageToBe(title)
        } else {
            address
        }
    };
    Handling {
        address: page.address.map(to_be).map(Some),
        need: Need::PageWriting,
        body,
        finish: parameters.and_then(|()| pages::write(levels?, head)),
    }
}

/// `pages/{id}/security`
fn security(page: Owner, method: &Method, head: &Head) -> Handling {
    let parameters = redirects(&page, head);
    if is_reading(method) {
        return Handling {
            address: page.address.map(Some),
            need: Need::Permissions,
            body: BodyPlan::Ignore,
            finish: parameters.map(|()| pages::security()),
        };
    }
    if *method == Method::PUT {
        let body = described(head, "page's permissions");
        let finish = parameters.map(|()| pages::secure(head));
        return owned(page, Right::ChangePermissions, body, finish);
    }
    let finish = parameters.map(|()| pages::unsecure());
    owned(page, Right::ChangePermissions, BodyPlan::Ignore, finish)
}

fn whole_body(bytes_max: u64, too_large: String, wrong_type: Option<Fault>) -> BodyPlan {
    BodyPlan::Whole {
        bytes_max,
        too_large,
        wrong_type,
    }
}

fn owned(owner: Owner, right: Right, body: BodyPlan, finish: Result<Finish, Fault>) -> Handling {
    Handling {
        address: owner.address.map(Some),
        need: Need::Right(right),
        body,
        finish,
    }
}

/// Writing properties, of which some may need less than others.
fn writing(owner: Owner, body: BodyPlan, finish: Result<Finish, Fault>) -> Handling {
    Handling {
        address: owner.address.map(Some),
        need: Need::Properties,
        body,
        finish,
    }
}

fn site(right: Right, body: BodyPlan, finish: Result<Finish, Fault>) -> Handling {
    Handling {
        address: Ok(Some(Address::Site)),
        need: Need::Right(right),
        body,
        finish,
    }
}

fn property_body(limits: &Limits) -> BodyPlan {
    let max = limits.property_bytes_max;
    BodyPlan::Content {
        bytes_max: max,
        too_large: format!("the value of a property has at most {max} bytes"),
    }
}

fn file_body(limits: &Limits) -> BodyPlan {
    let max = limits.file_bytes_max;
    BodyPlan::Content {
        bytes_max: max,
        too_large: format!("Max file size is {max} bytes."),
    }
}

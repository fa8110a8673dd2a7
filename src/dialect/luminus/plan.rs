//! What each verb on each path means.
//!
//! A request fails in the order of `dialects-common.md` §3: 401, then what is malformed, then 404, then 403, then what
//! depends on what is stored. So names are looked up after the body was read, and what is above the rights of whoever asks
//! is said before what else is wrong with an access list.

use super::JSON;
use super::request::{self, AccessAsked, AccessWish, Status, Update};
use super::response;
use super::route::Route;
use crate::dialect::sign_in::first_that_is_there;
use crate::dialect::{BodyPlan, Call, Context, Detailed, Finish, Need, Next, Plan};
use crate::fault::Fault;
use crate::http::{Answer, Head};
use crate::model::{
    AccessList, Address, Batch, Change, Denied, Detail, Details, Edit, Grantee, Meaning, Named,
    NodeId, NodeKind, Refusal, ResourceId, Right, Rights, Set, Setting, SpaceRole, TreeSearch,
    Uuids,
};
use http::StatusCode;
use std::sync::Arc;
use uuid::Uuid;

/// The largest body, in bytes.
const JSON_BYTES_MAX: u64 = 1 << 20;

/// What is said of a change of settings.
const UPDATED: &str = "Update folder";

/// What is said of a change of `open`.
const STATUS_UPDATED: &str = "Update status";

/// Reads the head of a request.
pub(super) fn plan(head: &Arc<Head>) -> Plan {
    let whole = || BodyPlan::Whole {
        bytes_max: JSON_BYTES_MAX,
        too_large: format!("a body of JSON has at most {JSON_BYTES_MAX} bytes"),
        wrong_type: None,
    };
    let (body, finish) = match Route::of_path(&head.path) {
        None => (BodyPlan::Ignore, Err(Fault::UnknownPath)),
        Some(route) if !route.methods().contains(&head.method.as_str()) => (
            BodyPlan::Ignore,
            Err(Fault::MethodNotAllowed(route.methods())),
        ),
        Some(Route::Folder) => (whole(), Ok(update())),
        Some(Route::Status) => (whole(), Ok(set_status())),
        Some(Route::Search(id)) => (BodyPlan::Ignore, search(&id, head)),
    };
    Plan {
        method: head.method.clone(),
        credentials: first_that_is_there(head),
        address: Ok(None),
        need: Need::SignedIn,
        body,
        finish,
    }
}

fn say(body: String) -> Next {
    Next::Say(Answer::text(StatusCode::OK, JSON, body))
}

/// Looks names up and goes on.
fn named(uuids: Uuids, then: impl FnOnce(Named) -> Result<Next, Fault> + Send + 'static) -> Call {
    Call::Detailed(Detailed::Named {
        uuids,
        reply: Box::new(then),
    })
}

/// The folder of a name.
fn folder(named: &Named, uuid: Uuid) -> Result<NodeId, Fault> {
    match named.nodes.get(&uuid) {
        Some(&(id, NodeKind::Folder)) => Ok(id),
        Some((_, NodeKind::File | NodeKind::Space | NodeKind::Page)) | None => {
            Err(Refusal::NoSuchFolder.into())
        }
    }
}

/// Makes changes, all or none, and says what has become of folders.
fn write(
    context: &Context,
    changes: Vec<Change>,
    ids: Vec<NodeId>,
    told: impl FnOnce(&Details) -> Result<String, Fault> + Send + 'static,
) -> Result<Call, Fault> {
    let batch = Batch::new(context.principal.clone(), context.at, changes)?.all_or_nothing();
    let details = Call::Detailed(Detailed::Written {
        ids,
        reply: Box::new(move |details| Ok(say(told(&details)?))),
    });
    Ok(Call::Write {
        batch,
        reply: Box::new(move |outcomes| {
            for outcome in outcomes {
                outcome?;
            }
            Ok(Next::Ask(details))
        }),
    })
}

fn set(
    context: &Context,
    setting: Setting,
    value: Option<Meaning>,
    description: &str,
) -> Result<Edit, Fault> {
    Ok(Edit::Set(Set {
        setting,
        name: setting.property().ok_or_else(|| context.impossible())?,
        value,
        description: description.to_owned(),
    }))
}

/// `PUT /files/`
fn update() -> Finish {
    Box::new(|context, payload| {
        let update = request::update(&payload.whole())?;
        let mut uuids = Uuids {
            nodes: vec![update.id],
            ..Uuids::default()
        };
        if let AccessWish::Be(access) = &update.access {
            uuids.nodes.extend(access.inherits);
            uuids.users = access.users.iter().map(|&(user, _)| user).collect();
            uuids.groups = access.groups.iter().map(|&(group, _)| group).collect();
        }
        Ok(named(uuids, move |named| {
            let id = folder(&named, update.id)?;
            let right = match update.access {
                AccessWish::Keep => Right::Update,
                AccessWish::Inherit | AccessWish::Be(_) => Right::ChangePermissions,
            };
            Ok(Next::Ask(Call::Locate {
                address: Address::Folder(id),
                need: Need::Inside(right),
                reply: Box::new(move |place| {
                    // That somebody is not there is said only to those who may give what they ask for.
                    let own = place.space.and_then(|ground| ground.role);
                    if let AccessWish::Be(access) = &update.access
                        && let Some(role) = access.highest().filter(|&role| Some(role) > own)
                    {
                        return Err(Refusal::RoleAboveOwn(role).into());
                    }
                    let changes = changes(&context, id, update, &named)?;
                    let told = {
                        let context = context.clone();
                        move |details: &Details| {
                            response::folder(details).ok_or_else(|| context.impossible())
                        }
                    };
                    Ok(Next::Ask(write(&context, changes, vec![id], told)?))
                }),
            }))
        }))
    })
}

fn changes(
    context: &Context,
    id: NodeId,
    update: Update,
    named: &Named,
) -> Result<Vec<Change>, Fault> {
    let mut edits = vec![Edit::Rename(update.name)];
    for (setting, value) in update.settings {
        edits.push(set(context, setting, value, UPDATED)?);
    }
    match update.access {
        AccessWish::Keep => {}
        AccessWish::Inherit => edits.push(Edit::SetAccess(None)),
        AccessWish::Be(access) => edits.push(Edit::SetAccess(Some(access_list(&access, named)?))),
    }
    let resource = ResourceId::Node(id);
    let changes = edits.into_iter().map(|edit| Change { resource, edit });
    Ok(changes.collect())
}

/// The access list that is meant.
fn access_list(asked: &AccessAsked, named: &Named) -> Result<AccessList, Fault> {
    let unknown = |field, uuid: &Uuid| Fault::InvalidField {
        field,
        what: format!("names {uuid}, which there is not"),
    };
    let mut grants: Vec<(Grantee, SpaceRole)> = Vec::new();
    for (uuid, role) in &asked.groups {
        let id = named.groups.get(uuid);
        let id = *id.ok_or_else(|| unknown("access.groupAccess", uuid))?;
        grants.push((Grantee::Group(id), *role));
    }
    for (uuid, role) in &asked.users {
        let id = named.users.get(uuid);
        let id = *id.ok_or_else(|| unknown("access.userAccess", uuid))?;
        grants.push((Grantee::User(id), *role));
    }
    let inherits = match asked.inherits {
        None => None,
        Some(uuid) => match named.nodes.get(&uuid) {
            Some(&(id, NodeKind::Folder | NodeKind::Space)) => Some(id),
            Some((_, NodeKind::File | NodeKind::Page)) | None => {
                return Err(unknown("access.inheritedResourceID", &uuid));
            }
        },
    };
    Ok(AccessList {
        grants,
        public: asked.public,
        inherits,
    })
}

/// `PATCH /files/status`
fn set_status() -> Finish {
    Box::new(|context, payload| {
        let Status { open, folders } = request::status(&payload.whole())?;
        if folders.is_empty() {
            let nothing = response::folders(&Details::default());
            return Ok(Call::Say(Answer::text(StatusCode::OK, JSON, nothing)));
        }
        let uuids = Uuids {
            nodes: folders.clone(),
            ..Uuids::default()
        };
        Ok(named(uuids, move |named| {
            let ids = folders.iter().map(|&uuid| folder(&named, uuid));
            let ids: Vec<NodeId> = ids.collect::<Result<_, _>>()?;
            // What the batch would be refused for is found here already: while it is looked for in the transaction that
            // writes, others wait. And what is too much for an answer is not done first.
            let asked = ids.clone();
            let reply = Box::new(move |found: Details| set_all(&context, open, ids, &found));
            let details = Detailed::Details { ids: asked, reply };
            Ok(Next::Ask(Call::Detailed(details)))
        }))
    })
}

/// Sets the status of folders that were found, if that is for the one who asks.
fn set_all(
    context: &Context,
    open: bool,
    ids: Vec<NodeId>,
    found: &Details,
) -> Result<Next, Fault> {
    let is_staff = |folder: &Detail| folder.role.is_staff();
    if !found.folders.iter().all(is_staff) {
        return Err(Refusal::Denied(Box::new(Denied {
            principal: context.principal.clone(),
            required: Right::Update,
            allowed: Rights::NONE,
            page: None,
        }))
        .into());
    }
    let mut changes = Vec::with_capacity(ids.len());
    for &id in &ids {
        let value = Some(Meaning::Flag(open));
        changes.push(Change {
            resource: ResourceId::Node(id),
            edit: set(context, Setting::Open, value, STATUS_UPDATED)?,
        });
    }
    let told = |details: &Details| Ok(response::folders(details));
    Ok(Next::Ask(write(context, changes, ids, told)?))
}

/// `GET /files/{id}/search`
fn search(id: &str, head: &Head) -> Result<Finish, Fault> {
    let top = request::uuid("id", id)?;
    let text = request::search_text(&head.query)?;
    let comments = request::comments(&head.query)?;
    Ok(Box::new(move |context, _| {
        let uuids = Uuids {
            nodes: vec![top],
            ..Uuids::default()
        };
        Ok(named(uuids, move |named| {
            let Some(&(top, NodeKind::Folder | NodeKind::Space)) = named.nodes.get(&top) else {
                return Err(Refusal::NoSuchFolder.into());
            };
            Ok(Next::Ask(Call::Detailed(Detailed::Search {
                search: TreeSearch {
                    top,
                    text,
                    comments,
                },
                reply: Box::new(move |details| {
                    Ok(say(response::found(&context, &details, comments)))
                }),
            })))
        }))
    }))
}

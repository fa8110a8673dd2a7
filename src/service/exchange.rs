//! One request: who asks, may they, what does it ask, and what does the store say.

use super::body::{Coding, Gathered, Unread};
use super::{AddUserError, Service, add_user};
use crate::auth::{self, HashError};
use crate::config::Addresses;
use crate::dialect::{
    BodyPlan, Call, Context, Detailed, Dialect, IssuedToken, Need, NewUser, Next, Payload, People,
    Plan, Reply, Shown,
};
use crate::fault::Fault;
use crate::http::{Answer, AnswerBody, Head};
use crate::model::{
    Address, Body, Caller, Comments, Content, Details, Entries, NodeId, Place, Principal, Right,
    Rights, Timestamp, User, UserId,
};
use crate::store::{NewGroup, NewToken, StoreError, Ticket};
use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::{self, HeaderMap};
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

/// From this size on, bodies are worked on where they hinder no other request.
const OFFLOAD_BYTES: usize = 256 << 10;

/// The same for lists: so many properties.
const OFFLOAD_PROPERTIES: usize = 1024;

/// How many bytes a form may have besides the content that is wanted.
const FORM_BYTES_MAX: u64 = 1 << 20;

/// The present moment.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Runs `work` here or, if it is much, where it hinders no other request.
async fn offload<T: Send + 'static>(
    much: bool,
    request: u64,
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    if !much {
        return work();
    }
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            tracing::error!(request, %error, "a request could not be worked on");
            Err(Fault::Internal(request))
        })
}

/// One request being answered.
pub(super) struct Exchange<'a> {
    pub(super) service: &'a Service,
    pub(super) number: u64,
    /// The address of the client.
    pub(super) from: IpAddr,
    /// What of the request has not been read.
    pub(super) body: Unread,
    /// The verb that is meant, once that is known.
    pub(super) method: Method,
    /// While it is at something long.
    pub(super) turn: Option<OwnedSemaphorePermit>,
}

impl Exchange<'_> {
    pub(super) async fn run(
        &mut self,
        dialect: &dyn Dialect,
        head: &Arc<Head>,
        base: Arc<str>,
    ) -> Result<Answer, Fault> {
        let at = now();
        let plan = dialect.plan(head, &self.service.limits)?;
        self.method = plan.method.clone();
        let Plan {
            method,
            credentials,
            address,
            need,
            mut body,
            finish,
        } = plan;
        let who = self.identify(credentials, &method, head, &base, at).await?;
        let caller = Caller { who, at };
        let place = match address? {
            Some(address) => Some(self.locate(&caller, address).await?),
            None => None,
        };
        allow(&caller.who, place.as_ref(), need)?;
        let coding = self.check_head(&mut body, &head.headers)?;
        let finish = finish?;
        let Gathered {
            payload,
            staged,
            held,
        } = self.gather(body, coding, at).await?;
        // A body may take its time. What is asked for is asked for when all of it is there.
        let caller = Caller {
            at: now(),
            ..caller
        };
        let mut privacy = self.service.privacy;
        if caller.who.has_key() {
            privacy.addresses = Addresses::Shown;
        }
        let context = Context {
            principal: caller.who.clone(),
            at: caller.at,
            base,
            privacy,
            place,
            seed: self.service.seed,
            links: Arc::clone(&self.service.links),
            request: self.number,
        };
        let much = matches!(&payload, Payload::Whole(bytes) if bytes.len() >= OFFLOAD_BYTES);
        let call = offload(much, self.number, move || finish(context, payload)).await?;
        let answer = self.perform(call, &caller).await;
        // The call has the bytes of the body, or what was made of them.
        drop((staged, held));
        answer
    }

    /// Gives the answer its form.
    pub(super) async fn shape(
        &self,
        dialect: &'static dyn Dialect,
        head: &Arc<Head>,
        answer: Answer,
    ) -> Answer {
        let much =
            matches!(&answer.body, AnswerBody::Document(text) if text.len() >= OFFLOAD_BYTES);
        let asked = Arc::clone(head);
        let shape = move || Ok(dialect.shape(&asked, answer));
        match offload(much, self.number, shape).await {
            Ok(answer) => answer,
            Err(fault) => dialect.shape(head, dialect.fault(head, "", &fault)),
        }
    }

    /// What the store reads. What may be long waits for its turn, which the request then keeps until its answer is made.
    async fn read<T>(&mut self, ticket: Ticket<T>) -> Result<T, Fault> {
        if ticket.is_long() {
            self.take_turn().await?;
        }
        self.told(ticket.await)
    }

    async fn take_turn(&mut self) -> Result<(), Fault> {
        if self.turn.is_none() {
            self.turn = Some(self.service.room.turn().await?);
        }
        Ok(())
    }

    async fn locate(&self, caller: &Caller, address: Address) -> Result<Place, Fault> {
        self.told(self.service.store.locate(caller, address).await)
    }

    /// Does what the call asks, and what its answer asks further.
    async fn perform(&mut self, mut call: Call, caller: &Caller) -> Result<Answer, Fault> {
        loop {
            match self.step(call, caller).await? {
                Next::Say(answer) => return Ok(answer),
                Next::Ask(next) => call = next,
            }
        }
    }

    async fn step(&mut self, call: Call, caller: &Caller) -> Result<Next, Fault> {
        let store = &self.service.store;
        let (who, at) = (&caller.who, caller.at);
        match call {
            Call::Say(answer) => Ok(Next::Say(answer)),
            Call::Write { batch, reply } => {
                let outcomes = self.told(store.write(batch).await)?;
                if outcomes.len() >= OFFLOAD_PROPERTIES {
                    // What was written was written: without a turn, the client has to hear of it all the same.
                    drop(self.take_turn().await);
                }
                offload(
                    outcomes.len() >= OFFLOAD_PROPERTIES,
                    self.number,
                    move || reply(outcomes),
                )
                .await
            }
            Call::List { query, reply } => {
                let listing = self.read(store.list(caller, query)).await?;
                offload(
                    listing.properties.len() >= OFFLOAD_PROPERTIES,
                    self.number,
                    move || reply(listing),
                )
                .await
            }
            Call::Read { key, alias, reply } => {
                reply(self.told(store.read(caller, key, alias).await)?)
            }
            Call::Gather { content, reply } => {
                let bytes = self.bytes_of(content).await?;
                offload(bytes.len() >= OFFLOAD_BYTES, self.number, move || {
                    reply(bytes)
                })
                .await
            }
            Call::File {
                id,
                revision,
                reply,
            } => reply(self.told(store.file(caller, id, revision).await)?),
            Call::FileView {
                id,
                revision,
                reply,
            } => {
                let view = self.told(store.file_view(caller, id, revision).await)?;
                let much = view.properties.properties.len() >= OFFLOAD_PROPERTIES;
                offload(much, self.number, move || reply(view)).await
            }
            Call::FilesOn { page, reply } => {
                let files = self.read(store.files_on(caller, page)).await?;
                let much = files.len() >= OFFLOAD_PROPERTIES;
                offload(much, self.number, move || reply(files)).await
            }
            Call::FileHistory { id, reply } => {
                let history = self.read(store.file_history(caller, id)).await?;
                let much = history.revisions.len() >= OFFLOAD_PROPERTIES;
                offload(much, self.number, move || reply(history)).await
            }
            Call::Page { id, reply } => reply(self.told(store.page(caller, id).await)?),
            Call::Permissions { page, reply } => reply(self.told(store.permissions(page).await)?),
            Call::PagesWith { search, reply } => {
                let pages = self.read(store.pages_with(caller, search)).await?;
                let much = pages.len() >= OFFLOAD_PROPERTIES;
                offload(much, self.number, move || reply(pages)).await
            }
            Call::People(people) => self.step_of_people(people, caller).await,
            Call::Locate {
                address,
                need,
                reply,
            } => {
                let place = self.locate(caller, address).await?;
                allow(who, Some(&place), need)?;
                reply(place)
            }
            Call::Entry { id, reply } => reply(self.shown(caller, id).await?),
            Call::Entries { of, kind, reply } => {
                let entries = self.read(store.entries(caller, of, kind)).await?;
                let much = entries.entries.len() >= OFFLOAD_PROPERTIES;
                offload(much, self.number, move || reply(entries)).await
            }
            Call::Detailed(detailed) => self.step_in_detail(detailed, caller).await,
            Call::Linked { id, reply } => {
                // What is asked for is shown for the sake of the link, not of who has it.
                let who = Principal::with_key(Arc::clone(&self.service.admin));
                reply(self.shown(&Caller { who, at }, id).await?)
            }
        }
    }

    async fn step_in_detail(&mut self, detailed: Detailed, caller: &Caller) -> Result<Next, Fault> {
        let (store, at) = (&self.service.store, caller.at);
        match detailed {
            Detailed::Named { uuids, reply } => {
                let named = self.told(store.named(uuids).await)?;
                let much = named.nodes.len() >= OFFLOAD_PROPERTIES;
                offload(much, self.number, move || reply(named)).await
            }
            Detailed::Details { ids, reply } => {
                let details = self
                    .read(store.details(caller, ids, Comments::Whether))
                    .await?;
                self.told_in_detail(details, reply).await
            }
            Detailed::Written { ids, reply } => {
                let who = Principal::with_key(Arc::clone(&self.service.admin));
                let caller = Caller { who, at };
                let details = self
                    .read(store.details(&caller, ids, Comments::Whether))
                    .await?;
                self.told_in_detail(details, reply).await
            }
            Detailed::Search { search, reply } => {
                let details = self.read(store.search(caller, search)).await?;
                self.told_in_detail(details, reply).await
            }
        }
    }

    async fn told_in_detail(&self, details: Details, reply: Reply<Details>) -> Result<Next, Fault> {
        let much = details.folders.len() + details.files.len() >= OFFLOAD_PROPERTIES
            || details.bytes() >= OFFLOAD_BYTES as u64;
        offload(much, self.number, move || reply(details)).await
    }

    async fn step_of_people(&self, people: People, caller: &Caller) -> Result<Next, Fault> {
        let store = &self.service.store;
        let (who, at) = (&caller.who, caller.at);
        match people {
            People::ChangeUser { id, change, reply } => {
                let (store, by) = (Arc::clone(store), who.clone());
                let changed = self
                    .then_forget(id, async move { store.change_user(&by, id, change).await })
                    .await?;
                reply(changed)
            }
            People::Group { id, reply } => reply(self.told(store.group(caller, id).await)?),
            People::Groups { reply } => reply(self.told(store.groups().await)?),
            People::AddGroup {
                space,
                name,
                members,
                reply,
            } => {
                let group = NewGroup {
                    space,
                    name,
                    members,
                    uuid: Uuid::new_v4(),
                    at,
                };
                reply(self.told(store.add_group(who, group).await)?)
            }
            People::SetMembers { id, members, reply } => {
                reply(self.told(store.set_members(who, id, members).await)?)
            }
            People::User { id, reply } => reply(self.told(store.user(id).await)?),
            People::Users { reply } => reply(self.told(store.users().await)?),
            People::Members { ids, reply } => {
                let mut members = Vec::with_capacity(ids.len());
                for id in ids {
                    members.push(self.told(store.user(id).await)?);
                }
                reply(members)
            }
            People::AddUser { user, reply } => reply(self.add_user(who, user, at).await?),
            People::SetPassword {
                user,
                current,
                password,
                reply,
            } => reply(self.set_password(who, user, current, password).await?),
            People::IssueToken { reply } => reply(self.issue_token(who, at).await?),
        }
    }

    /// A space, folder or file, for somebody.
    async fn shown(&self, caller: &Caller, id: NodeId) -> Result<Shown, Fault> {
        let Entries { mut entries, users } =
            self.told(self.service.store.entry(caller, id).await)?;
        let entry = entries.pop().ok_or(Fault::Internal(self.number))?;
        Ok(Shown { entry, users })
    }

    /// All bytes of a content.
    async fn bytes_of(&self, content: Content) -> Result<Bytes, Fault> {
        let id = match content.body {
            Body::Inline(bytes) => return Ok(bytes),
            Body::Stored(id) => id,
            Body::Omitted => return Err(Fault::Internal(self.number)),
        };
        let mut bytes = BytesMut::new();
        for seq in 0.. {
            if bytes.len() as u64 >= content.size {
                break;
            }
            bytes.extend_from_slice(&self.told(self.service.store.chunk(id, seq).await)?);
        }
        Ok(bytes.freeze())
    }

    /// Changes what credentials are worth, and forgets what was verified: also if the client does not wait for it.
    async fn then_forget<T: Send + 'static>(
        &self,
        user: UserId,
        change: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, Fault> {
        let verified = Arc::clone(&self.service.verified);
        let changed = tokio::spawn(async move {
            let changed = change.await;
            verified.forget(user);
            changed
        });
        match changed.await {
            Ok(changed) => self.told(changed),
            Err(error) => Err(self.internal(&error)),
        }
    }

    async fn add_user(
        &self,
        by: &Principal,
        user: NewUser,
        at: Timestamp,
    ) -> Result<Arc<User>, Fault> {
        let service = self.service;
        let added = add_user(&*service.store, &service.hasher, by, user, at).await;
        added.or_else(|error| match error {
            AddUserError::Hash(error) => self.hashed(Err(error)),
            AddUserError::Store(error) => self.told(Err(error)),
        })
    }

    async fn set_password(
        &self,
        by: &Principal,
        id: UserId,
        current: Option<String>,
        password: String,
    ) -> Result<(), Fault> {
        let service = self.service;
        if let Some(current) = current {
            let user = self.told(service.store.user(id).await)?;
            // Whoever has found a token must not find out the password with it.
            self.admit(&user.name)?;
            let account = self.told(service.store.account(&user.name).await)?;
            let hash = account.and_then(|account| account.password);
            if !self.hashed(service.hasher.verify(current, hash).await)? {
                return Err(Fault::WrongPassword);
            }
            service.throttle.succeeded(&user.name, self.from);
        }
        let password = self.hashed(service.hasher.hash(password).await)?;
        let (store, by) = (Arc::clone(&service.store), by.clone());
        self.then_forget(
            id,
            async move { store.set_password(&by, id, password).await },
        )
        .await
    }

    async fn issue_token(&self, by: &Principal, at: Timestamp) -> Result<IssuedToken, Fault> {
        let token = auth::new_token(by.id()).map_err(|error| self.internal(&error))?;
        let max_age_secs = self.service.limits.token_secs;
        let millis = i64::try_from(max_age_secs.saturating_mul(1000)).unwrap_or(i64::MAX);
        let expires_at = Timestamp::from_millis(at.millis().saturating_add(millis));
        let kept = NewToken {
            hash: auth::hash_of(&token),
            expires_at,
        };
        self.told(self.service.store.add_token(by, kept, at).await)?;
        Ok(IssuedToken {
            token,
            max_age_secs,
        })
    }

    pub(super) fn hashed<T>(&self, result: Result<T, HashError>) -> Result<T, Fault> {
        result.map_err(|error| match error {
            HashError::Overloaded => Fault::Overloaded,
            HashError::Failed => self.internal(&error),
        })
    }

    /// What the store says, as a fault if it is a no.
    pub(super) fn told<T>(&self, result: Result<T, StoreError>) -> Result<T, Fault> {
        result.map_err(|error| match error {
            StoreError::Refused(refusal) => Fault::Refused(refusal),
            StoreError::Overloaded => Fault::Overloaded,
            StoreError::Busy => Fault::Locked,
            StoreError::Full => Fault::Full,
            StoreError::Unwritable(cause) => {
                tracing::error!(request = self.number, %cause, "the disk cannot be written");
                Fault::Unwritable
            }
            StoreError::Closed => {
                self.service.failed.notify_one();
                Fault::Overloaded
            }
            StoreError::Damaged(_) | StoreError::Failed(_) => self.internal(&error),
        })
    }

    fn internal(&self, error: &(impl Error + ?Sized)) -> Fault {
        let cause = error.source().map(ToString::to_string);
        tracing::error!(request = self.number, %error, cause, "a request failed");
        Fault::Internal(self.number)
    }

    /// What the head alone says to be wrong with the body.
    fn check_head(&self, plan: &mut BodyPlan, headers: &HeaderMap) -> Result<Coding, Fault> {
        let (max, too_large) = match plan {
            BodyPlan::Ignore => return Ok(Coding::Identity),
            BodyPlan::Whole { wrong_type, .. } if wrong_type.is_some() && self.has_body() => {
                return wrong_type.take().map_or(Ok(Coding::Identity), Err);
            }
            BodyPlan::Whole {
                bytes_max,
                too_large,
                ..
            }
            | BodyPlan::Content {
                bytes_max,
                too_large,
            } => (*bytes_max, too_large),
            BodyPlan::Part {
                boundary,
                bytes_max,
                too_large,
                ..
            } => {
                if let Err(wrong_type) = boundary {
                    let fault = std::mem::replace(wrong_type, Fault::LengthRequired);
                    return Err(fault);
                }
                if !headers.contains_key(header::CONTENT_LENGTH) {
                    return Err(Fault::LengthRequired);
                }
                (bytes_max.saturating_add(FORM_BYTES_MAX), too_large)
            }
        };
        let coding = Coding::of(headers)?;
        let max = coding.sent_bytes_max(max);
        match headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        {
            Some(length) if length > max => Err(Fault::TooLarge(std::mem::take(too_large))),
            Some(_) | None => Ok(coding),
        }
    }
}

/// Whether a principal is what a request needs.
fn allow(principal: &Principal, place: Option<&Place>, need: Need) -> Result<(), Fault> {
    match need {
        Need::Nothing => Ok(()),
        Need::SignedIn if principal.is_anonymous() => Err(Fault::CredentialsNeeded),
        Need::SignedIn => Ok(()),
        Need::Right(right) => Ok(place.ok_or(Fault::UnknownPath)?.allow(principal, right)?),
        Need::Inside(right) => {
            let place = place.ok_or(Fault::UnknownPath)?;
            if place.space.is_some() || principal.is_admin() {
                return Ok(place.allow(principal, right)?);
            }
            let place = Place {
                rights: Rights::NONE,
                ..*place
            };
            Ok(place.allow(principal, right)?)
        }
        Need::Properties => {
            let place = place.ok_or(Fault::UnknownPath)?;
            if place.rights.allow(Right::Comment) {
                return Ok(());
            }
            Ok(place.allow(principal, Right::Update)?)
        }
        Need::Permissions => {
            let place = place.ok_or(Fault::UnknownPath)?;
            if place.rights.allow(Right::ChangePermissions) {
                return Ok(());
            }
            Ok(place.allow(principal, Right::Read)?)
        }
        Need::PageWriting => {
            let place = place.ok_or(Fault::UnknownPath)?;
            let right = match place.missing {
                0 => Right::Update,
                _ => Right::Create,
            };
            Ok(place.allow(principal, right)?)
        }
    }
}

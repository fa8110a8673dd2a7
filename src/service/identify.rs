//! Who sends a request: a token first, then a name and a password, else nobody (`mindtouch.md` §10).

use super::exchange::Exchange;
use crate::auth::{self, Secret};
use crate::dialect::{Credentials, NamePassword, TokenSource};
use crate::fault::Fault;
use crate::http::Head;
use crate::model::{Access, Principal, Timestamp, User};
use http::{Method, header};
use std::sync::Arc;
use std::time::Instant;

impl Exchange<'_> {
    /// The principal of a request.
    pub(super) async fn identify(
        &self,
        credentials: Credentials,
        method: &Method,
        head: &Head,
        base: &str,
        at: Timestamp,
    ) -> Result<Principal, Fault> {
        let Credentials {
            tokens,
            basic,
            api_key,
            is_script,
            required,
        } = credentials;
        let is_guarded =
            is_script || !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let has_key = match (&self.service.api_key, api_key) {
            (Some(hash), Some(given)) => auth::hash_of(&given) == *hash,
            (None, _) | (_, None) => false,
        };
        let mut has_foreign_cookie = false;
        for (token, source) in tokens {
            let Some(user) = self.by_token(&token, at).await? else {
                continue;
            };
            if source == TokenSource::Cookie && is_guarded && is_foreign(head, base) {
                // Unless it comes with a token that somebody has sent on purpose.
                has_foreign_cookie = true;
                continue;
            }
            return active(user, has_key);
        }
        if has_foreign_cookie {
            return Err(Fault::ForeignOrigin);
        }
        match basic {
            // A browser that knows the password sends it by itself, too. Who else sends it says nothing of sites.
            Some(_) if is_guarded && is_foreign(head, base) => Err(Fault::ForeignOrigin),
            Some(basic) => active(self.by_password(&basic?, at).await?, has_key),
            None if has_key => active(Arc::clone(&self.service.admin), has_key),
            None if required => Err(Fault::CredentialsNeeded),
            None => Ok(Principal::new(Arc::clone(&self.service.anonymous))),
        }
    }

    async fn by_token(&self, token: &str, at: Timestamp) -> Result<Option<Arc<User>>, Fault> {
        let verified = &self.service.verified;
        let secret = Secret::Token(token);
        if let Some(user) = verified.find(secret, at) {
            return Ok(Some(user));
        }
        let began = verified.generation();
        let found = self.told(self.service.store.token(auth::hash_of(token), at).await)?;
        Ok(found.map(|(user, expires_at)| {
            verified.remember(secret, Arc::clone(&user), Some(expires_at), began);
            user
        }))
    }

    /// Whether a password may be tried for this account.
    pub(super) fn admit(&self, name: &str) -> Result<(), Fault> {
        if self.service.throttle.admit(name, self.from, Instant::now()) {
            Ok(())
        } else {
            Err(Fault::TooManyGuesses { retry_secs: 1 })
        }
    }

    async fn by_password(&self, given: &NamePassword, at: Timestamp) -> Result<Arc<User>, Fault> {
        let service = self.service;
        let NamePassword { name, password } = given;
        let secret = Secret::Password { name, password };
        if let Some(user) = service.verified.find(secret, at) {
            return Ok(user);
        }
        let turns = service.verified.turns(secret);
        let _turn = turns.lock().await;
        if let Some(user) = service.verified.find(secret, at) {
            return Ok(user);
        }
        self.admit(name)?;
        let began = service.verified.generation();
        let account = self.told(service.store.account(name).await)?;
        let (user, hash) = account
            .map(|account| (account.user, account.password))
            .unzip();
        let is_right = self.hashed(
            service
                .hasher
                .verify(password.clone(), hash.flatten())
                .await,
        )?;
        match user.filter(|_| is_right) {
            Some(user) => {
                service.throttle.succeeded(name, self.from);
                service
                    .verified
                    .remember(secret, Arc::clone(&user), None, began);
                Ok(user)
            }
            None => Err(Fault::WrongCredentials),
        }
    }
}

fn active(user: Arc<User>, has_key: bool) -> Result<Principal, Fault> {
    match user.access {
        Access::Active if has_key => Ok(Principal::with_key(user)),
        Access::Active => Ok(Principal::new(user)),
        Access::Disabled => Err(Fault::Disabled(user.name.clone())),
    }
}

/// Whether a browser says that a page of another site sent the request. Without a word about it, it is ours: old clients
/// say nothing (`promises.md` 19).
fn is_foreign(head: &Head, base: &str) -> bool {
    let site = head.header("sec-fetch-site");
    if site.is_some_and(|site| site.eq_ignore_ascii_case("cross-site")) {
        return true;
    }
    let host = head.header(header::HOST);
    head.header(header::ORIGIN).is_some_and(|origin| {
        let Some((scheme, from)) = origin.split_once("://") else {
            return true;
        };
        let is_same = |other: &str| is_same_host(scheme, from, other);
        let ours = base.split_once("://").map_or("", |(_, ours)| ours);
        let ours = ours.split('/').next().unwrap_or_default();
        !is_same(ours) && !host.as_deref().is_some_and(is_same)
    })
}

/// Whether two hosts are one, whatever their case, and whether or not the port that the scheme has anyhow is named.
fn is_same_host(scheme: &str, one: &str, other: &str) -> bool {
    let port = if scheme.eq_ignore_ascii_case("https") {
        ":443"
    } else {
        ":80"
    };
    let bare = |host: &str| {
        let host = host.to_ascii_lowercase();
        host.strip_suffix(port).map_or(host.clone(), str::to_owned)
    };
    bare(one) == bare(other)
}

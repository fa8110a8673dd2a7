//! Links to the content of a file that need no sign-in: signed, and good for an hour (`redu.md` §6).

use crate::model::{File, NodeId, Revision, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

/// A part of a path: everything but `A-Za-z0-9-._~` is encoded.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name as a part of a path.
pub(super) fn encoded(name: &str) -> String {
    // What HTTP clients fold away stands as well for what it is not.
    match name {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        name => utf8_percent_encode(name, PATH).to_string(),
    }
}

/// For how many milliseconds a link is good.
const LIFE_MILLIS: i64 = 3_600_000;

/// The key with which links are signed.
pub struct LinkKey([u8; 32]);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey")
    }
}

impl LinkKey {
    /// The key of a store.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        LinkKey(key)
    }

    fn mac(&self, file: NodeId, revision: Revision, expires: i64) -> Hmac<Sha256> {
        // A key shorter than the block of the hash is filled up with zeros (RFC 2104 §2).
        let mut key = [0; 64];
        key[..32].copy_from_slice(&self.0);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&key.into());
        mac.update(format!("raw\n{file}\n{revision}\n{expires}").as_bytes());
        mac
    }

    /// The path and the query of a link that is made now, to the content of a file.
    #[must_use]
    pub(super) fn path(&self, file: &File, at: Timestamp) -> String {
        let name = encoded(file.name.as_str());
        let query = self.query(file.id, file.revision, at);
        format!("/api/files/{}/raw/{name}?{query}", file.id)
    }

    fn query(&self, file: NodeId, revision: Revision, at: Timestamp) -> String {
        // A second that has begun counts whole, so that it is never less than an hour.
        let expires = (at.millis() + LIFE_MILLIS + 999).div_euclid(1000);
        let signature = self.mac(file, revision, expires).finalize().into_bytes();
        let signature = URL_SAFE_NO_PAD.encode(signature);
        format!("Expires={expires}&Signature={signature}")
    }

    /// Whether a link to this revision was made here, and is still good.
    #[must_use]
    pub(super) fn is_good(
        &self,
        file: NodeId,
        revision: Revision,
        (expires, signature): (&str, &str),
        at: Timestamp,
    ) -> bool {
        let is_number = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
        let (Some(expires), Ok(signature)) = (
            expires.parse::<i64>().ok().filter(|_| is_number),
            URL_SAFE_NO_PAD.decode(signature),
        ) else {
            return false;
        };
        // It takes the same time wherever they differ.
        let is_ours = self
            .mac(file, revision, expires)
            .verify_slice(&signature)
            .is_ok();
        is_ours && at.millis() <= expires.saturating_mul(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_link_is_good_for_an_hour_and_for_what_it_was_made_for() {
        let key = LinkKey::new([7; 32]);
        let id = |number| NodeId::new(number).unwrap();
        let at = |millis| Timestamp::from_millis(1_000_001 + millis);
        let first = Revision::FIRST;
        let query = key.query(id(40), first, at(0));
        let query: HashMap<&str, &str> = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .collect();
        let (expires, signature) = (query["Expires"], query["Signature"]);
        assert_eq!(expires, "4601");
        assert_eq!(signature.len(), 43);
        let is_good =
            |key: &LinkKey, file, revision, link, at| key.is_good(file, revision, link, at);
        let link = (expires, signature);
        assert!(is_good(&key, id(40), first, link, at(0)));
        assert!(is_good(&key, id(40), first, link, at(LIFE_MILLIS)));
        assert!(!is_good(&key, id(40), first, link, at(LIFE_MILLIS + 1000)));
        assert!(!is_good(&key, id(41), first, link, at(0)));
        assert!(!is_good(&key, id(40), first.next(), link, at(0)));
        assert!(!is_good(&LinkKey::new([8; 32]), id(40), first, link, at(0)));
        for link in [
            ("4602", signature),
            ("+4601", signature),
            ("", signature),
            (expires, ""),
            (expires, &signature[1..]),
            (expires, "%"),
        ] {
            assert!(!is_good(&key, id(40), first, link, at(0)), "{link:?}");
        }
    }
}

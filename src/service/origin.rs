//! Where a request comes from and what the links in its answer begin with, also if a proxy stands between.
//!
//! A proxy says in `X-Forwarded-…` what the client has asked it for. Anybody can send such fields, so they count only from
//! the networks that the settings trust; of several values the last one counts, which that proxy has added itself. A public
//! URL in the settings comes before all of them.

use super::Connection;
use crate::http::text_of;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Authority;
use http::{Version, request};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

const NO_HOST: &str = "a request needs exactly one Host header";

/// What the settings say of proxies.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// What all links begin with, without a slash at the end; `None`: what each request says.
    pub public_url: Option<Arc<str>>,
    /// Whose `X-Forwarded-…` counts.
    pub trusted: Vec<IpNet>,
}

impl Proxies {
    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// What the links in the answer to a request begin with.
    ///
    /// # Errors
    /// What is wrong with the host that the request names.
    pub(super) fn base(
        &self,
        parts: &request::Parts,
        connection: Connection,
    ) -> Result<Arc<str>, &'static str> {
        let host = match (hosts(&parts.headers), parts.uri.authority()) {
            (Hosts::Several, _) => return Err(NO_HOST),
            (Hosts::One(host), Some(authority))
                if parts.version == Version::HTTP_2
                    && !host.eq_ignore_ascii_case(authority.as_str()) =>
            {
                return Err("the Host header names another host than :authority");
            }
            (Hosts::None, _) if parts.version >= Version::HTTP_11 => return Err(NO_HOST),
            (_, Some(authority)) => authority.as_str().to_owned(),
            (Hosts::One(host), None) => host.to_owned(),
            (Hosts::None, None) => connection.local.to_string(),
        };
        if !is_host(&host) {
            return Err("the Host header is not the name of a host");
        }
        if let Some(url) = &self.public_url {
            return Ok(Arc::clone(url));
        }
        if self.trusted.is_empty() || !self.trusts(connection.peer.ip()) {
            return Ok(format!("{}://{host}", connection.scheme).into());
        }
        let forwarded = |name| last_value(&parts.headers, name);
        let host = match forwarded("x-forwarded-host") {
            Some(forwarded) if is_host(&forwarded) => forwarded,
            Some(_) => return Err("X-Forwarded-Host is not the name of a host"),
            None => host,
        };
        let scheme = match forwarded("x-forwarded-proto").map(|scheme| scheme.to_ascii_lowercase())
        {
            Some(scheme) if matches!(scheme.as_str(), "http" | "https") => scheme,
            Some(_) => return Err("X-Forwarded-Proto is neither http nor https"),
            None => connection.scheme.to_owned(),
        };
        let prefix = forwarded("x-forwarded-prefix").unwrap_or_default();
        let prefix = prefix.trim_end_matches('/');
        if !is_prefix(prefix) {
            return Err("X-Forwarded-Prefix is not the beginning of a path");
        }
        Ok(format!("{scheme}://{host}{prefix}").into())
    }

    /// The address of the client: of those that the request has passed, the last one that is not a trusted proxy.
    pub(super) fn client(&self, headers: &HeaderMap, connection: Connection) -> IpAddr {
        let peer = connection.peer.ip();
        if self.trusted.is_empty() || !self.trusts(peer) {
            return peer;
        }
        let fields: Vec<String> = headers
            .get_all("x-forwarded-for")
            .iter()
            .map(|value| text_of(value.as_bytes()))
            .collect();
        let mut client = peer;
        for address in fields.iter().rev().flat_map(|field| field.rsplit(',')) {
            match address.trim().parse() {
                Ok(address) => client = address,
                Err(_) => break,
            }
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

/// Gives a request the `Host` field that HTTP/1.1 would have: in HTTP/2 `:authority` stands for it (RFC 9113 §8.3.1).
pub(super) fn name_host(parts: &mut request::Parts) {
    if parts.version == Version::HTTP_2
        && !parts.headers.contains_key(header::HOST)
        && let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        parts.headers.insert(header::HOST, host);
    }
}

/// Whether a text can stand in front of the paths in links.
#[must_use]
pub fn is_prefix(text: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
    text.is_empty()
        || text.starts_with('/') && !text.starts_with("//") && text.bytes().all(is_plain)
}

/// The path without what stands in front of it in links, if the proxy has left that there.
pub(super) fn without_prefix<'a>(path: &'a str, base: &str) -> &'a str {
    let host = base.split_once("://").map_or("", |(_, host)| host);
    let prefix = host.find('/').map_or("", |at| &host[at..]);
    path.strip_prefix(prefix)
        .filter(|path| path.starts_with('/'))
        .unwrap_or(path)
}

/// The last of the values in a header field that may be a list, and may be there several times.
fn last_value(headers: &HeaderMap, name: &'static str) -> Option<String> {
    let last = headers.get_all(name).iter().next_back()?;
    let text = text_of(last.as_bytes());
    let value = text.rsplit(',').next().unwrap_or_default().trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn is_host(text: &str) -> bool {
    text.parse::<Authority>().is_ok() && !text.contains(['@', '<', '>', '"'])
}

enum Hosts<'a> {
    None,
    One(&'a str),
    Several,
}

fn hosts(headers: &HeaderMap) -> Hosts<'_> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => Hosts::None,
        (Some(host), None) => Hosts::One(host.to_str().unwrap_or_default()),
        (Some(_), Some(_)) => Hosts::Several,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn proxies(trusted: &[&str]) -> Proxies {
        Proxies {
            public_url: None,
            trusted: trusted.iter().map(|net| net.parse().unwrap()).collect(),
        }
    }

    fn parts(fields: &[(&str, &str)]) -> request::Parts {
        let mut request = Request::get("/").header("Host", "inner:8081");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn from(peer: &str) -> Connection {
        Connection {
            peer: format!("{peer}:9").parse().unwrap(),
            local: "127.0.0.1:8081".parse().unwrap(),
            scheme: "http",
        }
    }

    #[test]
    fn what_a_proxy_says_counts_only_if_it_is_trusted() {
        let fields = [
            ("X-Forwarded-Host", "evil.example, wiki.example"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Prefix", "/w/"),
        ];
        for (trusted, peer, base) in [
            (&["10.0.0.0/8"][..], "10.1.2.3", "https://wiki.example/w"),
            (&["10.0.0.0/8"], "11.1.2.3", "http://inner:8081"),
            (
                &["::1/128", "10.0.0.0/8"],
                "[::1]",
                "https://wiki.example/w",
            ),
            (
                &["127.0.0.0/8"],
                "[::ffff:127.0.0.1]",
                "https://wiki.example/w",
            ),
            (&[], "10.1.2.3", "http://inner:8081"),
        ] {
            let found = proxies(trusted).base(&parts(&fields), from(peer));
            assert_eq!(found.as_deref(), Ok(base), "{trusted:?} {peer}");
        }
        let public = Proxies {
            public_url: Some("https://p.example".into()),
            ..proxies(&["10.0.0.0/8"])
        };
        let base = public.base(&parts(&fields), from("10.1.2.3"));
        assert_eq!(base.as_deref(), Ok("https://p.example"));
    }

    #[test]
    fn what_cannot_stand_in_a_link_is_refused() {
        for (name, value) in [
            ("X-Forwarded-Host", "a b"),
            ("X-Forwarded-Host", "user@host"),
            ("X-Forwarded-Proto", "ftp"),
            ("X-Forwarded-Prefix", "//evil.example"),
            ("X-Forwarded-Prefix", "w"),
            ("X-Forwarded-Prefix", "/<w>"),
        ] {
            let found = proxies(&["10.0.0.0/8"]).base(&parts(&[(name, value)]), from("10.0.0.1"));
            assert!(found.is_err(), "{name}: {value}");
        }
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        let proxies = proxies(&["10.0.0.0/8"]);
        for (fields, peer, client) in [
            (&[][..], "10.0.0.1", "10.0.0.1"),
            (&["1.1.1.1"], "10.0.0.1", "1.1.1.1"),
            (&["6.6.6.6, 1.1.1.1, 10.0.0.2"], "10.0.0.1", "1.1.1.1"),
            (&["6.6.6.6", "1.1.1.1"], "10.0.0.1", "1.1.1.1"),
            (&["6.6.6.6, nonsense"], "10.0.0.1", "10.0.0.1"),
            (&["1.1.1.1"], "9.9.9.9", "9.9.9.9"),
        ] {
            let fields: Vec<_> = fields
                .iter()
                .map(|value| ("X-Forwarded-For", *value))
                .collect();
            let found = proxies.client(&parts(&fields).headers, from(peer));
            assert_eq!(found.to_string(), client, "{fields:?}");
        }
    }

    #[test]
    fn a_prefix_that_is_left_in_the_path_is_passed_over() {
        for (path, base, rest) in [
            ("/w/x", "http://h/w", "/x"),
            ("/x", "http://h/w", "/x"),
            ("/wx", "http://h/w", "/wx"),
            ("/w", "http://h/w", "/w"),
            ("/w/x", "http://h", "/w/x"),
        ] {
            assert_eq!(without_prefix(path, base), rest, "{path} {base}");
        }
    }
}

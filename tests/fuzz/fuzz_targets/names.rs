//! Names in paths: no path makes anybody panic, and the link to a property leads back to its name, whatever that is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use propstore::dialect::{Call, DIALECTS, Payload};
use propstore::model::{
    Content, Listing, NameFilter, NamePattern, NodeId, Property, PropertyId, PropertyKey,
    PropertyName, ResourceId, Revision, Timestamp, UserId, Users,
};
use propstore_fuzz::{LIMITS, call, check_fault, context, document, head, nothing, tree};

/// What a path that reads a property or what is known of it asks for.
fn asked(path: &str) -> Call {
    let head = head("GET", path, &[]).unwrap_or_else(|| panic!("{path} is no path"));
    call(&head, Payload::Nothing).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

fn check_name(name: PropertyName) {
    let resource = ResourceId::Node(NodeId::HOME);
    let media_type = "text/plain".parse().expect("a type");
    let property = Property {
        id: PropertyId::new(7).expect("an id"),
        key: PropertyKey {
            resource,
            name: name.clone(),
        },
        revision: Revision::new(1).expect("a revision"),
        content: Content::inline(media_type, bytes::Bytes::from_static(b"v")),
        description: String::new(),
        modified_at: Timestamp::from_millis(0),
        modified_by: UserId::ADMIN,
    };
    for owner in ["pages/home", "files/9", "users/current", "site"] {
        let Call::List { reply, .. } = asked(&format!("/@api/deki/{owner}/properties/x/info"))
        else {
            panic!("another question");
        };
        let listing = Listing {
            resource,
            properties: vec![property.clone()],
            users: Users::default(),
            language: None,
        };
        let root = document(reply(listing).expect("an answer"));
        let root = tree::read(&root).expect("a document");
        assert_eq!(tree::attribute(&root, "name"), Some(name.as_str()));
        let contents = tree::child(&root, "contents").expect("contents");
        for node in [&root, contents] {
            let href = tree::attribute(node, "href").expect("a link");
            let path = href.strip_prefix("http://wiki.example").expect("our host");
            let bad = ['?', '#', ' ', '"', '<', '\\'];
            assert!(path.is_ascii() && !path.contains(bad), "{path}");
            let found = match asked(path) {
                Call::Read { key, .. } => key.name.to_string(),
                Call::List { query, .. } => match query.names {
                    NameFilter::Matching(names) => match &names[..] {
                        [NamePattern::Is(name)] => name.clone(),
                        other => panic!("{other:?}"),
                    },
                    NameFilter::All => panic!("{path} is a list"),
                },
                other => panic!("{path}: {other:?}"),
            };
            assert_eq!(found, name.as_str(), "{path}");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for (before, after) in [
        ("", ""),
        ("/@api/deki/pages/=", "/properties"),
        ("/@api/deki/pages/=", "/contents?edittime=now"),
        ("/@api/deki/pages/home/files/=", ""),
        ("/@api/deki/pages/home/files/", "/info"),
        ("/@api/deki/files/1/=", ""),
        ("/@api/deki/users/=", ""),
        ("/@api/deki/site/properties/", ""),
        ("/@api/deki/site/properties?names=", ""),
        ("/api/", ""),
        ("/api/files/1/raw/", "?expires=1"),
    ] {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let Some(head) = head(
                method,
                &format!("{before}{text}{after}"),
                &[("content-type", b"text/plain")],
            ) else {
                break;
            };
            for dialect in DIALECTS
                .into_iter()
                .filter(|dialect| dialect.claims(&head.path))
            {
                let planned = dialect.plan(&head, &LIMITS).and_then(|plan| {
                    plan.address?;
                    let payload = nothing(&plan.body);
                    (plan.finish?)(context(), payload)
                });
                if let Err(fault) = planned {
                    check_fault(dialect, &head, &fault);
                }
            }
        }
    }
    if let Ok(name) = text.parse::<PropertyName>() {
        check_name(name);
    }
});

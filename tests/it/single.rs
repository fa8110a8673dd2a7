//! Lists, and the routes of one property: `POST properties`, and all verbs of `properties/{key}`
//! (`mindtouch.md` §4, §6, §8, §15).

use crate::harness::{Answer, Call, Node, Server, etag_parts, properties};

/// What a table of writes is run against.
#[derive(Clone, Copy, PartialEq)]
enum Verb {
    Post,
    Put,
}

/// One row: a write with these parameters and header fields, to a property that is or is not there. `ETAG` stands for
/// its etag, `ID` for its number. Expected is the revision that it makes, or status and message.
fn check(
    server: &Server,
    verb: Verb,
    exists: bool,
    query: &str,
    fields: &[(&str, &str)],
    expected: Result<i64, (u16, &str)>,
) {
    let file = server.new_file();
    let (mut etag, mut id) = ("1.r1_ts2009-03-20T23:52:50Z".to_owned(), 0);
    if exists {
        etag = server.property(&file, "p", "old");
        (id, _) = etag_parts(&etag);
    }
    let filled_in = |text: &str| text.replace("ETAG", &etag).replace("ID", &id.to_string());
    let query = filled_in(query);
    let mut call = match verb {
        Verb::Post => server
            .post(format!("{file}/properties?{query}"))
            .field("Slug", "p"),
        Verb::Put => server.put(format!("{file}/properties/p?{query}")),
    };
    for (name, value) in fields {
        call = call.field(name, filled_in(value));
    }
    let call = call.text("new");
    let path = format!("{file}/properties/p");
    match expected {
        Ok(revision) => {
            let answer = call.gives(200);
            let block = answer.xml();
            assert_eq!(
                etag_parts(block.attr("etag")).1,
                revision,
                "{query} {fields:?}"
            );
            if exists {
                assert_eq!(etag_parts(block.attr("etag")).0, id);
            }
            assert_eq!(
                answer.field("etag"),
                Some(&*format!("\"{}\"", block.attr("etag")))
            );
            assert_eq!(server.get(path).gives(200).body, b"new");
        }
        Err((status, message)) => {
            call.fails(status, &filled_in(message));
            if exists {
                assert_eq!(
                    server.get(path).gives(200).body,
                    b"old",
                    "{query} {fields:?}"
                );
            } else {
                server.get(path).gives(404);
            }
        }
    }
}

const STALE: &str = "Given ETag 'x' for resource id 'ID' does not match ETag for HEAD revision.";
const NO_ETAG: &str = "Given ETag '' for resource id 'ID' does not match ETag for HEAD revision.";
const EXISTS: &str = "A property named 'p' already exists.";
const UNEXPECTED: &str = "Received an unexpected etag on a new property addition";
const MISSING: &str = "Property does not exist and cannot be created";

#[test]
fn post_creates_unless_the_table_says_otherwise() {
    let server = Server::start();
    let check = |exists, query, fields: &[_], expected| {
        check(&server, Verb::Post, exists, query, fields, expected);
    };
    check(false, "", &[], Ok(1));
    check(false, "abort=exists", &[("ETag", "x")], Ok(1));
    check(false, "abort=never", &[("ETag", "x")], Ok(1));
    check(false, "abort=never&etag=x", &[], Ok(1));
    check(false, "abort=modified", &[], Ok(1));
    check(
        false,
        "abort=modified",
        &[("ETag", "ETAG")],
        Err((409, UNEXPECTED)),
    );
    check(false, "abort=modified&etag=x", &[], Err((409, UNEXPECTED)));
    check(true, "", &[], Err((409, EXISTS)));
    check(true, "", &[("ETag", "ETAG")], Err((409, EXISTS)));
    check(true, "abort=exists", &[], Err((409, EXISTS)));
    check(true, "abort=modified", &[], Err((409, NO_ETAG)));
    check(true, "abort=modified", &[("ETag", "x")], Err((409, STALE)));
    check(true, "abort=modified", &[("ETag", "ETAG")], Ok(2));
    check(true, "abort=modified&etag=ETAG", &[], Ok(2));
    check(true, "abort=never", &[], Ok(2));
    check(true, "abort=NEVER", &[("ETag", "x")], Ok(2));
}

#[test]
fn put_updates_and_creates_as_the_table_says() {
    let server = Server::start();
    let check = |exists, query, fields: &[_], expected| {
        check(&server, Verb::Put, exists, query, fields, expected);
    };
    check(false, "", &[("ETag", "x")], Err((409, MISSING)));
    check(false, "etag=x", &[], Err((409, MISSING)));
    check(false, "abort=modified&etag=x", &[], Err((409, MISSING)));
    check(false, "", &[], Ok(1));
    check(false, "abort=exists", &[("ETag", "x")], Ok(1));
    check(false, "abort=never", &[("ETag", "x")], Ok(1));
    check(
        true,
        "abort=exists",
        &[("ETag", "ETAG")],
        Err((409, EXISTS)),
    );
    check(true, "", &[], Err((409, NO_ETAG)));
    check(true, "", &[("ETag", "x")], Err((409, STALE)));
    check(true, "etag=x", &[], Err((409, STALE)));
    check(true, "abort=Modified", &[("ETag", "ETAG")], Ok(2));
    check(true, "etag=ETAG", &[], Ok(2));
    check(true, "abort=never", &[], Ok(2));
    check(true, "abort=never&etag=x", &[], Ok(2));
}

#[test]
fn an_etag_may_stand_in_quotes_and_the_header_beats_the_query() {
    let server = Server::start();
    for value in ["\"ETAG\"", "'ETAG'", "W/\"ETAG\"", "ETAG"] {
        check(&server, Verb::Put, true, "", &[("ETag", value)], Ok(2));
    }
    check(&server, Verb::Put, true, "etag=%22ETAG%22", &[], Ok(2));
    check(
        &server,
        Verb::Put,
        true,
        "etag=x",
        &[("ETag", "ETAG")],
        Ok(2),
    );
    check(
        &server,
        Verb::Put,
        true,
        "etag=ETAG",
        &[("ETag", "x")],
        Err((409, STALE)),
    );
}

#[test]
fn if_match_and_if_none_match_fail_with_412_and_the_same_words() {
    let server = Server::start();
    for verb in [Verb::Post, Verb::Put] {
        let check = |exists, fields: &[_], expected| {
            check(&server, verb, exists, "abort=modified", fields, expected);
        };
        for value in ["\"ETAG\"", "ETAG", "W/\"ETAG\"", "\"x\", \"ETAG\"", "*"] {
            check(true, &[("If-Match", value)], Ok(2));
        }
        check(true, &[("If-Match", "\"x\"")], Err((412, STALE)));
        let missing = if verb == Verb::Put {
            MISSING
        } else {
            UNEXPECTED
        };
        check(false, &[("If-Match", "\"x\"")], Err((412, missing)));
        check(false, &[("If-Match", "*")], Err((412, missing)));
        check(true, &[("If-None-Match", "*")], Err((412, EXISTS)));
        check(false, &[("If-None-Match", "*")], Ok(1));
        // If-Match is looked at first.
        check(
            true,
            &[("If-Match", "\"x\""), ("ETag", "ETAG")],
            Err((412, STALE)),
        );
        check(
            true,
            &[("If-Match", "\"x\""), ("If-None-Match", "*")],
            Err((412, STALE)),
        );
        check(true, &[("If-Match", "*"), ("ETag", "x")], Err((409, STALE)));
    }
}

#[test]
fn an_abort_that_is_none_is_400() {
    let server = Server::start();
    let message = "invalid value for feature parameter 'abort'";
    for (verb, exists) in [(Verb::Post, false), (Verb::Put, true)] {
        for query in ["abort=always", "abort="] {
            check(&server, verb, exists, query, &[], Err((400, message)));
        }
    }
}

#[test]
fn post_needs_a_slug() {
    let server = Server::start();
    let message = "Use header 'Slug' to indicate the name of the property";
    let post = || server.post("/pages/home/properties").text("v");
    post().fails(400, message);
    post().field("Slug", "").fails(400, message);
}

#[test]
fn the_answer_to_a_write_is_the_block_without_a_status() {
    let server = Server::start();
    let file = server.file("f");
    let answer = server
        .post(format!("{file}/properties?description=because%20%C3%A9"))
        .field("Slug", "p")
        .text("v")
        .gives(200);
    let block = answer.xml();
    assert_eq!(block.name, "property");
    assert_eq!(block.attribute_names(), ["name", "href", "etag"]);
    assert_eq!(
        block.names(),
        [
            "contents",
            "date.modified",
            "user.modified",
            "change-description"
        ]
    );
    assert_eq!(block.child("change-description").text, "because é");
    let info = server.get(format!("{file}/properties/p/info")).gives(200);
    assert_eq!(info.xml(), block);
    assert_eq!(info.field("etag"), answer.field("etag"));
    let etag = block.attr("etag");
    let put = server
        .put(format!("{file}/properties/p?etag={etag}"))
        .text("w")
        .gives(200);
    assert!(put.xml().all("change-description").is_empty());
}

#[test]
fn a_description_of_4096_characters_is_kept_and_one_more_is_400() {
    let server = Server::start();
    let put = |chars: usize| {
        let description = "%C3%A9".repeat(chars);
        server
            .put(format!(
                "/pages/home/properties/p?abort=never&description={description}"
            ))
            .text("v")
            .send()
    };
    let block = put(4096).is(200).xml();
    assert_eq!(block.child("change-description").text.chars().count(), 4096);
    let message = put(4097).is(400).message();
    assert!(message.contains("at most 4096 characters"), "{message}");
}

#[test]
fn the_type_is_stored_and_without_one_it_is_octet_stream() {
    let server = Server::start();
    let file = server.file("f");
    let stored = |call: Call<'_>| {
        call.gives(200);
        let value = server.get(format!("{file}/properties/p")).gives(200);
        value.field("content-type").map(str::to_owned)
    };
    let put = || {
        server
            .put(format!("{file}/properties/p?abort=never"))
            .body("v")
    };
    assert_eq!(stored(put()).as_deref(), Some("application/octet-stream"));
    for (given, kept) in [
        ("image/png", "image/png"),
        ("Text/HTML;charset=UTF-8", "text/html; charset=UTF-8"),
        ("a/b; x=\"1; 2\"", "a/b; x=\"1; 2\""),
        (
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded",
        ),
    ] {
        assert_eq!(
            stored(put().field("Content-Type", given)).as_deref(),
            Some(kept)
        );
    }
    for bad in ["text", "a/b/c", "/"] {
        put().field("Content-Type", bad).gives(400);
    }
    let long = format!("a/{}", "b".repeat(253));
    assert_eq!(
        stored(put().field("Content-Type", &long)),
        Some(long.clone())
    );
    put().field("Content-Type", format!("{long}b")).gives(400);
}

#[test]
fn a_delete_needs_no_etag_and_answers_nothing() {
    let server = Server::start();
    let file = server.file("f");
    server.property(&file, "p", "v");
    let path = format!("{file}/properties/p");
    let answer = server.delete(&path).gives(200);
    assert_eq!(
        (answer.body.len(), answer.field("x-deki-site")),
        (0, Some("id=\"default\""))
    );
    for call in [
        server.delete(&path),
        server.get(&path),
        server.get(format!("{path}/info")),
    ] {
        call.fails(404, "Property 'p' not found");
    }
    server.request("HEAD", &path).gives(404);
}

#[test]
fn a_delete_with_a_stale_etag_is_refused() {
    let server = Server::start();
    let file = server.file("f");
    let etag = server.property(&file, "p", "v");
    let id = etag_parts(&etag).0.to_string();
    let path = format!("{file}/properties/p");
    let stale = STALE.replace("ID", &id);
    server.delete(&path).field("ETag", "x").fails(409, &stale);
    server.delete(format!("{path}?etag=x")).fails(409, &stale);
    server
        .delete(&path)
        .field("If-Match", "\"x\"")
        .fails(412, &stale);
    assert_eq!(server.get(&path).gives(200).body, b"v");
    server
        .delete(&path)
        .field("If-Match", format!("\"{etag}\""))
        .gives(200);
    let etag = server.property(&file, "p", "v");
    server.delete(&path).field("ETag", &etag).gives(200);
    server.delete(&path).field("If-Match", "*").gives(404);
}

#[test]
fn a_value_comes_back_with_its_headers() {
    let server = Server::start();
    let file = server.file("f");
    let etag = server.property(&file, "p", "value");
    let path = format!("{file}/properties/p");
    let answer = server.get(&path).gives(200);
    assert_eq!(answer.body, b"value");
    for (name, value) in [
        ("content-type", Some("text/plain")),
        ("content-length", Some("5")),
        ("etag", Some(&*format!("\"{etag}\""))),
        ("x-content-type-options", Some("nosniff")),
        ("content-security-policy", Some("sandbox")),
        ("content-disposition", None),
        ("cache-control", Some("private, no-cache")),
        ("vary", Some("Accept, Authorization, Cookie, X-Authtoken")),
        ("x-deki-site", Some("id=\"default\"")),
    ] {
        assert_eq!(answer.field(name), value, "{name}");
    }
    let public = server.get(&path).anonymous().gives(200);
    assert_eq!(public.field("cache-control"), Some("public, no-cache"));
}

#[test]
fn head_answers_as_get_without_a_body() {
    let server = Server::start();
    let file = server.file("f");
    server.property(&file, "p", "value");
    for path in ["", "/p", "/p/info", "/missing"] {
        let path = format!("{file}/properties{path}");
        let relevant = |answer: &Answer| {
            let fields = answer.fields.iter().filter(|(name, _)| name != "date");
            fields.cloned().collect::<Vec<_>>()
        };
        let (get, head) = (
            server.get(&path).send(),
            server.request("HEAD", &path).send(),
        );
        assert_eq!(
            (get.status, relevant(&get)),
            (head.status, relevant(&head)),
            "{path}"
        );
        assert!(head.body.is_empty() && !get.body.is_empty());
    }
}

#[test]
fn what_has_not_changed_is_304() {
    let server = Server::start();
    let file = server.file("f");
    let etag = server.property(&file, "p", "value");
    let path = format!("{file}/properties/p");
    let quoted = format!("\"{etag}\"");
    for (condition, status) in [
        (quoted.clone(), 304),
        (format!("W/{quoted}"), 304),
        (etag.clone(), 304),
        (format!("\"x\", {quoted}"), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
        (quoted.to_uppercase(), 200),
    ] {
        let answer = server
            .get(&path)
            .field("If-None-Match", &condition)
            .gives(status);
        assert_eq!(answer.field("etag"), Some(&*quoted), "{condition}");
        assert_eq!(answer.body.is_empty(), status == 304);
    }
    server
        .put(format!("{path}?abort=never"))
        .text("new")
        .gives(200);
    server.get(&path).field("If-None-Match", &quoted).gives(200);
}

#[test]
fn a_value_of_16_mib_comes_back_and_one_byte_more_is_413() {
    let server = Server::start();
    let file = server.file("f");
    let value: Vec<u8> = (0..16_u32 << 20)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let path = format!("{file}/properties/p");
    let put = |body: &[u8]| server.put(format!("{path}?abort=never")).body(body);
    let too_large = "the value of a property has at most 16777216 bytes";
    let longer = [&value[..], b"x"].concat();
    put(&longer).fails(413, too_large);
    put(&longer).chunked(100_000).fails(413, too_large);
    server.get(&path).gives(404);
    let block = put(&value).gives(200).xml();
    assert_eq!(block.child("contents").attr("size"), "16777216");
    assert!(server.get(&path).gives(200).body == value);
    put(&value).chunked(100_000).gives(200);
    assert!(server.get(&path).gives(200).body == value);
    let post = server
        .post(format!("{file}/properties"))
        .field("Slug", "q")
        .body(&value);
    post.gives(200);
    assert!(server.get(format!("{file}/properties/q")).gives(200).body == value);
}

#[test]
fn any_bytes_come_back_exactly_and_the_list_stays_well_formed() {
    let server = Server::start();
    let all: Vec<u8> = (0..=255).collect();
    for (media_type, value) in [
        ("text/plain", &all[..]),
        ("text/plain; charset=utf-8", b"\xFF\xFE"),
        ("text/plain; charset=iso-8859-1", &all[..]),
        ("text/xml", b"<a>\0</a>"),
        ("text/plain; charset=utf-16", b"\0a\0b"),
        ("text/plain", b"\xED\xA0\x80"),
        ("text/plain", "\u{FFFF}\u{1B}".as_bytes()),
        ("text/plain", b""),
        ("application/octet-stream", &all[..]),
    ] {
        let file = server.new_file();
        let path = format!("{file}/properties/p");
        server.put(&path).typed(media_type, value).gives(200);
        assert_eq!(server.get(&path).gives(200).body, value, "{media_type}");
        let list = server.get(format!("{file}/properties")).gives(200).xml();
        let contents = list.property("p").child("contents");
        assert_eq!(contents.attr("size"), value.len().to_string());
        assert_eq!(contents.text, "", "{media_type}");
    }
    // What XML can carry comes back as it is, also from the list.
    let text = "\t\n\r <&>]]>\"' é\u{7F}\u{85}\u{2028}𝒳\u{FFFD} ";
    let file = server.new_file();
    server
        .put(format!("{file}/properties/p"))
        .typed("text/plain", text)
        .gives(200);
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    assert_eq!(list.property("p").child("contents").text, text);
}

/// The names that `names` picks of `names`.
fn picked(server: &Server, file: &str, names: &str) -> Vec<String> {
    let list = server
        .get(format!("{file}/properties?names={names}"))
        .gives(200)
        .xml();
    assert_eq!(list.attr("count"), list.children.len().to_string());
    list.property_names()
        .iter()
        .map(|&name| name.to_owned())
        .collect()
}

#[test]
fn names_picks_properties_and_only_a_star_at_its_ends_is_special() {
    let server = Server::start();
    let file = server.file("f");
    let all = [
        "a", "ab", "b", "ba", "a*b", "a%b", "a_b", "*", " a", "A", "é",
    ];
    let document = properties(all, |name| {
        format!("<property name='{name}'><contents type='text/plain'/></property>")
    });
    server.batch(&file, document).is(200);
    for (names, expected) in [
        ("a", &["a"][..]),
        ("b,a", &["a", "b"]),
        ("b%2Ca", &["a", "b"]),
        ("a,,b,", &["a", "b"]),
        ("", &all),
        (",,", &all),
        ("*", &all),
        ("**", &all),
        ("nothing", &[]),
        ("nothing,a", &["a"]),
        ("a*", &["a", "ab", "a*b", "a%b", "a_b"]),
        ("*b", &["ab", "b", "a*b", "a%b", "a_b"]),
        ("*a*", &["a", "ab", "ba", "a*b", "a%b", "a_b", " a"]),
        ("a,a*", &["a", "ab", "a*b", "a%b", "a_b"]),
        ("a*b", &["a*b"]),
        ("a%25b", &["a%b"]),
        ("a%25*", &["a%b"]),
        ("a_*", &["a_b"]),
        ("%20a", &[" a"]),
        ("+a", &[" a"]),
        ("%C3%A9", &["é"]),
        ("?", &[]),
        ("%5Ba%5D*", &[]),
    ] {
        assert_eq!(picked(&server, &file, names), expected, "{names}");
    }
}

#[test]
fn a_list_is_in_the_order_of_creation() {
    let server = Server::start();
    let file = server.file("f");
    for name in ["z", "a", "m"] {
        server.property(&file, name, "v");
    }
    server
        .put(format!("{file}/properties/z?abort=never"))
        .text("w")
        .gives(200);
    assert_eq!(picked(&server, &file, ""), ["z", "a", "m"]);
    server.delete(format!("{file}/properties/z")).gives(200);
    server.property(&file, "z", "v");
    assert_eq!(picked(&server, &file, ""), ["a", "m", "z"]);
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    let href = format!("http://{}/@api/deki{file}/properties", server.address());
    assert_eq!(list.attribute_names(), ["count", "href"]);
    assert_eq!((list.attr("count"), list.attr("href")), ("3", &*href));
}

#[test]
fn the_cutoff_decides_which_texts_are_shown() {
    let server = Server::start();
    let file = server.file("f");
    let (short, long) = ("x".repeat(2048), "y".repeat(2049));
    server.property(&file, "short", &short);
    server.property(&file, "long", &long);
    let shown = |query: &str| {
        let list = server
            .get(format!("{file}/properties?{query}"))
            .gives(200)
            .xml();
        let text = |name: &str| list.property(name).child("contents").text.clone();
        (text("short"), text("long"))
    };
    let none = String::new();
    assert_eq!(shown(""), (short.clone(), none.clone()));
    assert_eq!(shown("contentcutoff=2047"), (none.clone(), none.clone()));
    assert_eq!(shown("contentcutoff=0"), (none.clone(), none));
    assert_eq!(shown("contentcutoff=2049"), (short.clone(), long.clone()));
    assert_eq!(shown("contentcutoff=4294967295"), (short, long));
    for bad in ["-1", "x", "", "1.5"] {
        server
            .get(format!("{file}/properties?contentcutoff={bad}"))
            .fails(400, "invalid value for feature parameter 'contentcutoff'");
    }
}

#[test]
fn an_empty_list_is_200() {
    let server = Server::start();
    let file = server.file("f");
    for owner in [file.as_str(), "/users/current", "/site"] {
        let list: Node = server.get(format!("{owner}/properties")).gives(200).xml();
        assert_eq!(
            (list.attr("count"), list.children.len()),
            ("0", 0),
            "{owner}"
        );
    }
}

#[test]
fn unknown_parameters_and_redirects_are_accepted_and_a_revision_is_not() {
    let server = Server::start();
    let file = server.file("f");
    server.property(&file, "p", "v");
    for query in [
        "dream.in.host=evil.example&dream.in.scheme=https&dream.in.origin=1.2.3.4",
        "unknown=1&&=&x",
        "redirects=0",
        "redirects=x",
        "revision=head",
        "revision=HEAD",
        "revision=0",
        "filename=other",
    ] {
        let list = server
            .get(format!("{file}/properties?{query}"))
            .gives(200)
            .xml();
        let base = format!("http://{}/", server.address());
        assert!(list.attr("href").starts_with(&base), "{query}");
        assert_eq!(list.property_names(), ["p"]);
    }
    for path in ["", "/p", "/p/info"] {
        server
            .get(format!("{file}/properties{path}?revision=1"))
            .fails(400, "Revision parameter not supported for this feature");
    }
    server.get("/pages/home/properties?redirects=0").gives(200);
    server
        .get("/pages/home/properties?redirects=x")
        .fails(400, "invalid value for feature parameter 'redirects'");
    let other = server
        .get("/pages/home/properties?filename=f")
        .gives(200)
        .xml();
    assert_eq!(
        other.attr("count"),
        "0",
        "a parameter never changes the owner"
    );
}

#[test]
fn both_conditions_have_to_be_met() {
    let server = Server::start();
    let file = server.new_file();
    let etag = server.property(&file, "p", "v");
    let put = |wanted: &str, unwanted: &str| {
        let call = server
            .put(format!("{file}/properties/p?abort=never"))
            .text("new");
        call.field("If-Match", wanted)
            .field("If-None-Match", unwanted)
    };
    put(&etag, "*").gives(412);
    put("*", "*").gives(412);
    put(&etag, &etag).gives(412);
    put("\"other\"", "*").gives(412);
    assert_eq!(
        server.get(format!("{file}/properties/p")).gives(200).text(),
        "v"
    );
    put(&etag, "\"other\"").gives(200);
}

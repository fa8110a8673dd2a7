//! Names of properties in URLs: any name can be reached by the link that an answer shows, and the spellings of real
//! clients work (`mindtouch.md` §2, §3).

use crate::harness::{Node, Server, each, path_of, percent};

/// The name as an attribute can hold it.
fn attribute(name: &str) -> String {
    each(name.chars(), |c| format!("&#{};", u32::from(c)))
}

/// A property of this name is made by a batch, and found again by the list and by its links.
fn check_round_trip(server: &Server, name: &str) {
    let file = server.new_file();
    let item = format!(
        "<property name=\"{}\"><contents type='text/plain'>v</contents></property>",
        attribute(name)
    );
    let answer = server.batch(&file, format!("<properties>{item}</properties>"));
    let made = answer.is(200).xml();
    assert_eq!(made.property_names(), [name]);
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    assert_eq!(list.property_names(), [name]);
    let block = list.property(name);
    let (href, info) = (block.child("contents").attr("href"), block.attr("href"));
    assert!(href.bytes().all(|b| b.is_ascii_graphic()), "{href}");
    assert_eq!(info, format!("{href}/info"));
    assert_eq!(server.get(path_of(href)).gives(200).body, b"v", "{href}");
    assert_eq!(
        server.get(path_of(info)).gives(200).xml().attr("name"),
        name
    );
    server
        .put(format!("{}?abort=never", path_of(href)))
        .text("w")
        .gives(200);
    assert_eq!(server.get(path_of(href)).gives(200).body, b"w");
    server.delete(path_of(href)).gives(200);
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    assert_eq!(list.attr("count"), "0");
}

#[test]
fn every_name_comes_back_and_is_reached_by_its_link() {
    let server = Server::start();
    for name in [
        "urn:custom.mindtouch.com#a/b",
        "a b",
        " ",
        " a ",
        "a+b",
        "100%",
        "%41",
        "%2541",
        "%u0041",
        ".",
        "..",
        "...",
        "../../etc/passwd",
        "*",
        "a*",
        "a\tb",
        "a\nb",
        "a\rb",
        "a\r\nb\tc",
        "a\"b",
        "a'b",
        "\"'<>&",
        "<property name=\"x\"/>",
        "]]>",
        "a/b",
        "/",
        "//",
        "\\",
        "?a=b&c#d",
        ";a=b",
        "=a",
        "@^!()-_.~",
        "info",
        "properties",
        "é",
        "e\u{301}",
        "日本語",
        "𝒳😀",
        "\u{202E}abc\u{200F}",
        "\u{FEFF}a",
        "\u{85}\u{2028}",
        "\u{FFFD}",
        "' OR 1=1 --",
        "a,b",
        "|{}[]`$",
    ] {
        check_round_trip(&server, name);
    }
}

#[test]
fn a_name_of_255_characters_is_reached_by_its_link() {
    let server = Server::start();
    for c in ["a", "é", "𝒳", " ", "/"] {
        check_round_trip(&server, &c.repeat(255));
    }
}

#[test]
fn links_are_encoded_as_documented() {
    let server = Server::start();
    for (name, encoded) in [
        (
            "urn:custom.mindtouch.com#a/b",
            "urn%253acustom.mindtouch.com%2523a%252fb",
        ),
        ("a b", "a%2bb"),
        ("a+b", "a%252bb"),
        ("'()*-._!@^Z9", "'()*-._!@^Z9"),
        ("~", "%257e"),
        ("é", "%25c3%25a9"),
        (".", "%252e"),
        ("..", "%252e%252e"),
        ("...", "..."),
    ] {
        let file = server.new_file();
        let item = format!("<property name=\"{name}\"><contents type='text/plain'/></property>");
        let answer = server.batch(&file, format!("<properties>{item}</properties>"));
        let answer = answer.is(200).xml();
        let href = answer.property(name).child("contents").attr("href");
        assert_eq!(
            path_of(href),
            format!("/@api/deki{file}/properties/{encoded}")
        );
    }
}

/// The property of this name is read at each of these keys.
fn check_keys(server: &Server, name: &str, keys: &[&str]) {
    let file = server.new_file();
    let slug = percent(name.as_bytes());
    server.property(&file, &slug, name);
    for key in keys {
        let path = format!("{file}/properties/{key}");
        assert_eq!(server.get(&path).gives(200).text(), name, "{key}");
        server.request("HEAD", &path).gives(200);
        let info = server.get(format!("{path}/info")).gives(200).xml();
        assert_eq!(info.attr("name"), name, "{key}");
    }
    for key in keys {
        server.delete(format!("{file}/properties/{key}")).gives(200);
        server.property(&file, &slug, name);
    }
}

#[test]
fn keys_are_decoded_twice_in_any_spelling() {
    let server = Server::start();
    for (name, keys) in [
        (
            "a/b",
            &[
                "a%252fb",
                "a%252Fb",
                "a%2fb",
                "%2561%252f%2562",
                "%61%2F%62",
            ][..],
        ),
        (
            "urn:x#y",
            &["urn:x%2523y", "urn:x%23y", "urn%253ax%2523y", "urn%3Ax%23y"],
        ),
        ("a b", &["a+b", "a%2bb", "a%2Bb", "a%20b", "a%2520b"]),
        ("a+b", &["a%252Bb", "a%252bb"]),
        ("é", &["%C3%A9", "%25c3%25a9", "%u00e9", "%25u00E9"]),
        ("€", &["%u20ac", "%25u20AC", "%E2%82%AC"]),
        ("100%", &["100%", "100%25", "100%2525"]),
        ("%zz", &["%zz", "%25zz", "%2525zz"]),
        ("..", &["..", "%2e%2e", "%252e%252e", ".%2E"]),
        (".", &[".", "%2e"]),
        ("*", &["*", "%2a", "%252A"]),
    ] {
        check_keys(&server, name, keys);
    }
}

#[test]
fn a_name_that_looks_encoded_is_reached_by_one_decoding_too() {
    let server = Server::start();
    // Twice decoded they are called otherwise, but nothing is.
    check_keys(&server, "a%41", &["a%2541", "a%252541"]);
    check_keys(&server, "a+b", &["a+b", "a%2bb"]);
    check_keys(&server, "%u0041", &["%25u0041", "%2525u0041"]);
}

#[test]
fn the_name_that_is_decoded_twice_comes_first() {
    let server = Server::start();
    let file = server.file("f");
    server.property(&file, "%2541", "once");
    server.property(&file, "A", "twice");
    let path = format!("{file}/properties/%2541");
    assert_eq!(server.get(&path).gives(200).text(), "twice");
    assert_eq!(
        server
            .get(format!("{path}/info"))
            .gives(200)
            .xml()
            .attr("name"),
        "A"
    );
    server.delete(&path).gives(200);
    assert_eq!(server.get(&path).gives(200).text(), "once");
    // A write never falls back.
    server
        .put(format!("{path}?abort=exists"))
        .text("new")
        .gives(200);
    assert_eq!(
        server.get(format!("{file}/properties/A")).gives(200).text(),
        "new"
    );
    server.delete(&path).gives(200);
    server.delete(&path).gives(200);
    server.delete(&path).fails(404, "Property 'A' not found");
}

#[test]
fn a_star_in_a_key_or_a_slug_is_a_star() {
    let server = Server::start();
    let file = server.file("f");
    server.property(&file, "a", "v");
    for key in ["*", "a*", "*a", "%2a", "%25", "_"] {
        let path = format!("{file}/properties/{key}");
        server.get(&path).gives(404);
        server.get(format!("{path}/info")).gives(404);
        server.delete(&path).gives(404);
    }
    server
        .put(format!("{file}/properties/a*"))
        .text("star")
        .gives(200);
    server.property(&file, "*", "star");
    assert_eq!(
        server.get(format!("{file}/properties/a")).gives(200).text(),
        "v"
    );
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    assert_eq!(list.property_names(), ["a", "a*", "*"]);
}

#[test]
fn a_slug_is_decoded_once() {
    let server = Server::start();
    for (slug, name) in [
        ("a%2fb", "a/b"),
        ("a%252fb", "a%2fb"),
        ("a+b", "a b"),
        ("a%2Bb", "a+b"),
        ("a b", "a b"),
        ("%C3%A9", "é"),
        ("é", "é"),
        ("%u20ac", "€"),
        ("100%", "100%"),
        ("urn:custom.mindtouch.com%23x", "urn:custom.mindtouch.com#x"),
    ] {
        let file = server.new_file();
        server.property(&file, slug, "v");
        let list = server.get(format!("{file}/properties")).gives(200).xml();
        assert_eq!(list.property_names(), [name], "{slug}");
    }
}

#[test]
fn a_name_that_is_none_is_400() {
    let server = Server::start();
    let file = server.file("f");
    let long = "a".repeat(256);
    for key in [
        "%00",
        "%2500",
        "%01",
        "%1f",
        "%EF%BF%BE",
        "%u0007",
        "%FF",
        "%25FF",
        "%C3",
        &long,
    ] {
        let path = format!("{file}/properties/{key}");
        for call in [
            server.get(&path),
            server.get(format!("{path}/info")),
            server.put(&path).text("v"),
            server.delete(&path),
        ] {
            assert!(!call.gives(400).message().is_empty(), "{key}");
        }
        let post = server
            .post(format!("{file}/properties"))
            .field("Slug", key)
            .text("v");
        if !key.starts_with("%25") {
            post.gives(400);
        }
    }
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    assert_eq!(list.attr("count"), "0");
}

#[test]
fn owners_are_found_by_number_and_by_name() {
    let server = Server::start();
    let file = server.file("a%2520b%252Fc.txt");
    server.property(&file, "p", "v");
    for owner in [
        file.as_str(),
        "/pages/home/files/=a%2520b%252Fc.txt",
        "/pages/1/files/=a+b%252fc.txt",
        "/pages/HOME/files/a%2520b%252Fc.txt",
    ] {
        let list: Node = server.get(format!("{owner}/properties")).gives(200).xml();
        assert!(
            list.attr("href").ends_with(&format!("{file}/properties")),
            "{owner}"
        );
        assert_eq!(
            server
                .get(format!("{owner}/properties/p"))
                .gives(200)
                .text(),
            "v"
        );
        server.get(format!("{owner}/properties/p/info/")).gives(200);
    }
}

#[test]
fn an_owner_that_is_not_there_is_404_and_one_that_cannot_be_is_400() {
    let server = Server::start();
    for (owner, status, message) in [
        ("/pages/x", 400, "invalid pageid"),
        ("/pages/-1", 400, "invalid pageid"),
        ("/pages/1.0", 400, "invalid pageid"),
        ("/pages/99", 404, "Could not find requested page"),
        ("/pages/=None", 404, "Could not find requested page"),
        (
            "/pages/99999999999999999999",
            404,
            "Could not find requested page",
        ),
        (
            "/files/x",
            400,
            "invalid value for feature parameter 'fileid'",
        ),
        ("/files/0", 400, "missing feature parameter 'filename'"),
        ("/files/99", 404, "Could not find requested file attachment"),
        ("/files/1", 404, "Could not find requested file attachment"),
        (
            "/pages/home/files/=none",
            404,
            "Could not find requested file attachment",
        ),
        ("/pages/home/files/none", 400, "Missing filename"),
        (
            "/users/anna",
            400,
            "'userid' must be a user number or a username prefixed by '='",
        ),
        ("/users/99", 404, "Given user was not found"),
        ("/users/=anna", 404, "Given user was not found"),
    ] {
        let path = format!("{owner}/properties");
        server.get(&path).fails(status, message);
        server
            .put(&path)
            .xml("<properties/>")
            .fails(status, message);
        server.get(format!("{path}/p")).fails(status, message);
        server.delete(format!("{path}/p")).fails(status, message);
    }
}

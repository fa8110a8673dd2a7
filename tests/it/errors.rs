//! How a request is refused: the error document, the words that help, the limits, and HTTP itself
//! (`mindtouch.md` §1, §2, §5.4, §15; `promises.md` §1.3, §1.4).

use crate::harness::{Answer, Call, Connection, PASSWORD, Request, Server, each, program};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Read;
use std::net::Shutdown;

const BATCH: &str = "<properties><property name='p'><contents type='text/plain'>v</contents></property></properties>";

#[test]
fn an_error_is_a_document_of_four_elements() {
    let server = Server::start();
    for (call, status, title) in [
        (server.get("/pages/x/properties?a=b"), 400, "Bad Request"),
        (
            server.get("/site/properties?a=b").anonymous(),
            401,
            "Unauthorized",
        ),
        (server.get("/pages/99/properties?a=b"), 404, "Not Found"),
        (
            server.request("DELETE", "/site/properties?a=b"),
            405,
            "Method Not Allowed",
        ),
        (
            server.put("/site/properties/p?etag=x").text("v"),
            409,
            "Conflict",
        ),
        (
            server
                .put("/site/properties/p?a=b")
                .text("v")
                .field("If-Match", "*"),
            412,
            "Precondition Failed",
        ),
        (
            server
                .put("/site/properties?a=b")
                .field("Content-Type", "application/xml")
                .field("Content-Length", "99999999"),
            413,
            "Content Too Large",
        ),
        (
            server.put("/site/properties?a=b").text("v"),
            415,
            "Unsupported Media Type",
        ),
    ] {
        let answer = call.send().is(status);
        assert_eq!(answer.field("x-deki-site"), Some("id=\"default\""));
        assert_eq!(answer.field("cache-control"), Some("private, no-cache"));
        assert!(!answer.message().is_empty());
        let error = answer.xml();
        assert_eq!(error.child("title").text, title);
        let uri = &error.child("uri").text;
        assert!(
            uri.starts_with(&format!("http://{}/@api/deki/", server.address())),
            "{uri}"
        );
        assert!(!uri.contains('?'));
    }
}

#[test]
fn an_error_is_plain_text_for_who_would_rather_have_that() {
    let server = Server::start();
    let ask = |accept: &str| {
        server
            .get("/pages/99/properties")
            .field("Accept", accept)
            .gives(404)
    };
    for accept in ["text/plain", "text/plain, application/xml;q=0.5"] {
        let answer = ask(accept);
        assert_eq!(
            answer.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(
            answer.text(),
            "404 Not Found: Could not find requested page\n"
        );
    }
    for accept in ["*/*", "text/html, */*;q=0.1", "application/xml, text/plain"] {
        assert_eq!(ask(accept).message(), "Could not find requested page");
    }
    let put = server
        .put("/site/properties/p?etag=x")
        .text("v")
        .field("Accept", "text/plain");
    assert_eq!(
        put.gives(409).text(),
        "409 Conflict: Property does not exist and cannot be created\n"
    );
}

/// A document that is not XML: the place in the message, and the character under the caret.
fn check_place(server: &Server, document: &str, place: &str, at_caret: &str) {
    let answer = server.batch("/pages/home", document).is(400);
    let message = answer.message();
    let [what, excerpt, caret] = message.split('\n').collect::<Vec<_>>()[..] else {
        panic!("{message}")
    };
    assert!(what.ends_with(place), "{what}");
    assert_eq!(caret.trim_start(), "^");
    let column = caret.chars().count() - 1;
    let rest: String = excerpt.chars().skip(column).collect();
    assert!(rest.starts_with(at_caret), "{message}");
}

#[test]
fn malformed_xml_is_shown_with_line_column_and_a_caret() {
    let server = Server::start();
    for (document, place, at_caret) in [
        (
            "<properties>\n  <property name=\"a\" name=\"b\"/>\n</properties>",
            "(line 2, column 22)",
            "name=\"b\"",
        ),
        (
            "<properties>\r\n<a b='<'/>\r\n</properties>",
            "(line 2, column 7)",
            "<'/>",
        ),
        (
            "<properties>é𝒳&nbsp;</properties>",
            "(line 1, column 15)",
            "&nbsp;",
        ),
        (
            "<properties>\n\n\t<x:a/></properties>",
            "(line 3, column 3)",
            "x:a",
        ),
        ("<properties/>\ntrailing", "(line 2, column 1)", "trailing"),
        ("<a/>", "(line 1, column 1)", "<a/>"),
    ] {
        check_place(&server, document, place, at_caret);
    }
    let long = format!(
        "<properties>{}&x;{}</properties>",
        "é".repeat(500),
        "é".repeat(500)
    );
    check_place(&server, &long, "(line 1, column 513)", "&x;é");
}

#[test]
fn a_doctype_is_refused() {
    let server = Server::start();
    for doctype in [
        "<!DOCTYPE properties>",
        "<!DOCTYPE properties [<!ENTITY a \"b\">]>",
        "<!DOCTYPE properties SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE properties [<!ENTITY a SYSTEM \"http://127.0.0.1:1/\">]>",
        "<!DOCTYPE a [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>",
    ] {
        let answer = server
            .batch("/pages/home", format!("{doctype}{BATCH}"))
            .is(400);
        assert!(answer.message().contains("DOCTYPE"), "{}", answer.message());
    }
    let list = server.get("/pages/home/properties").gives(200).xml();
    assert_eq!(list.attr("count"), "0");
}

#[test]
fn a_wrong_type_is_told_how_to_send_the_right_one() {
    let server = Server::start();
    let answer = server.put("/pages/home/properties").text(BATCH).gives(415);
    let hint =
        "the body has to be XML (or JSON); send it with -H \"Content-Type: application/xml\"";
    assert_eq!(
        answer.message(),
        format!("the Content-Type is 'text/plain', but {hint}")
    );
    let answer = server.put("/pages/home/properties").body(BATCH).gives(415);
    assert_eq!(
        answer.message(),
        format!("there is no Content-Type: {hint}")
    );
}

#[test]
fn a_verb_that_a_path_does_not_know_is_405() {
    let server = Server::start();
    let file = server.file("a");
    for (path, methods) in [
        ("/site/properties", "GET, HEAD, POST, PUT"),
        ("/site/properties/p", "DELETE, GET, HEAD, PUT"),
        ("/site/properties/p/info", "GET, HEAD"),
        (&*file, "DELETE, GET, HEAD, PUT"),
        (&*format!("{file}/info"), "GET, HEAD"),
        (&*format!("{file}/revisions"), "GET, HEAD"),
        (&*format!("{file}/description"), "DELETE, GET, HEAD, PUT"),
        ("/users", "GET, HEAD, POST"),
        ("/users/authenticate", "GET, HEAD, POST"),
        ("/users/1", "GET, HEAD, PUT"),
        (&*format!("{file}/=a"), "DELETE, GET, HEAD, PUT"),
        ("/pages/home", "GET, HEAD"),
        ("/pages/home/contents", "GET, HEAD, POST"),
        ("/pages/home/files", "GET, HEAD"),
        ("/pages/home/security", "DELETE, GET, HEAD, PUT"),
        ("/site/search/properties", "GET, HEAD"),
        ("/groups", "GET, HEAD, POST"),
        ("/groups/1", "GET, HEAD"),
        ("/groups/1/users", "GET, HEAD, PUT"),
        ("/users/1/password", "PUT"),
    ] {
        for method in ["DELETE", "POST", "PUT", "PATCH", "GET"] {
            if methods.split(", ").any(|known| known == method) {
                continue;
            }
            let answer = server.request(method, path).send().is(405);
            assert_eq!(answer.message(), format!("allowed methods are {methods}"));
            let allow = methods.replace(", ", ",");
            assert_eq!(answer.field("allow"), Some(&*allow), "{method} {path}");
        }
        let options = server
            .request("OPTIONS", path)
            .user("admin", "wrong")
            .gives(200);
        assert_eq!(
            (options.field("allow"), options.body.len()),
            (Some(methods), 0)
        );
    }
}

#[test]
fn an_unknown_path_is_404() {
    let server = Server::start();
    for path in [
        "/",
        "/x",
        "/@api/deki",
        "/@api/deki/site",
        "/@api/deki/pages/home/nothing",
        "/@api/deki//site/properties",
        "/@api/deki/site/properties/a/b",
        "/@api/deki/site/properties/a/info/b",
        "/@api/deki/../deki/site/properties",
        "/@API/deki/site/properties",
    ] {
        let request = Request::new("GET", path).field("Host", "wiki.example");
        let answer = server.connect().send(&request).is(404);
        assert_eq!(answer.message(), "resource not found", "{path}");
        assert_eq!(
            answer.xml().child("uri").text,
            format!("http://wiki.example{path}")
        );
    }
}

#[test]
fn a_slash_at_the_end_means_nothing() {
    let server = Server::start();
    server.put("/pages/home/properties/").xml(BATCH).gives(200);
    assert_eq!(
        server
            .get("/pages/home/properties/")
            .gives(200)
            .xml()
            .attr("count"),
        "1"
    );
    assert_eq!(
        server.get("/pages/home/properties/p/").gives(200).text(),
        "v"
    );
    server.get("/pages/home/properties/p/info/").gives(200);
    server.delete("/pages/home/properties/p/").gives(200);
}

#[test]
fn a_post_stands_for_another_verb() {
    let server = Server::start();
    let batch = |query: &str| {
        server
            .post(format!("/pages/home/properties{query}"))
            .xml(BATCH)
    };
    let remove = |call: Call<'_>| -> Answer { call.gives(200) };
    assert_eq!(
        batch("?dream.in.verb=PUT").gives(200).xml().attr("count"),
        "1"
    );
    remove(server.post("/pages/home/properties/p?dream.in.verb=DELETE"));
    assert_eq!(
        batch("?dream.in.verb=put").gives(200).xml().attr("count"),
        "1"
    );
    remove(
        server
            .post("/pages/home/properties/p")
            .field("X-HTTP-Method-Override", "delete"),
    );
    // The parameter wins.
    let both = batch("?dream.in.verb=PUT").field("X-HTTP-Method-Override", "DELETE");
    assert_eq!(both.gives(200).xml().attr("count"), "1");
    let list = server
        .post("/pages/home/properties?dream.in.verb=GET")
        .gives(200)
        .xml();
    assert_eq!(list.property_names(), ["p"]);
    batch("?dream.in.verb=DELETE").gives(405);
}

#[test]
fn a_get_never_writes() {
    let server = Server::start();
    server.property("/pages/home", "p", "value");
    let path = "/pages/home/properties/p";
    for verb in ["DELETE", "PUT", "POST", "delete"] {
        assert_eq!(
            server
                .get(format!("{path}?dream.in.verb={verb}"))
                .gives(200)
                .text(),
            "value"
        );
        let call = server.get(path).field("X-HTTP-Method-Override", verb);
        assert_eq!(call.gives(200).text(), "value");
    }
    let options = server
        .get(format!("{path}?dream.in.verb=OPTIONS"))
        .gives(200);
    assert_eq!(options.field("allow"), Some("DELETE, GET, HEAD, PUT"));
    // Whoever sent a GET reads as many bytes as the answer says: of a HEAD in disguise there are none.
    let mut connection = server.connect();
    let head = connection.send(server.get(format!("{path}?dream.in.verb=head")).request());
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(connection.send(server.get(path).request()).text(), "value");
    // Other verbs stay what they are.
    let put = server
        .put(format!("{path}?dream.in.verb=DELETE&abort=never"))
        .text("new");
    put.gives(200);
    server
        .request("HEAD", format!("{path}?dream.in.verb=DELETE"))
        .gives(200);
    assert_eq!(server.get(path).gives(200).text(), "new");
}

#[test]
fn a_body_is_asked_for_only_if_the_head_is_right() {
    let server = Server::start();
    server.account("vera", "pw", "Viewer");
    let put = |path: &str| server.put(path).xml(BATCH);
    let home = "/pages/home/properties";
    let long = |path: &str| put(path).field("Content-Length", "16777217");
    for (call, status) in [
        (put(home).anonymous(), 401),
        (put(home).user("admin", "wrong"), 401),
        (put(home).user("vera", "pw"), 403),
        (put("/pages/99/properties"), 404),
        (put("/nothing"), 404),
        (put("/pages/x/properties"), 400),
        (put("/users/authenticate"), 405),
        (long(home), 413),
        (long(&format!("{home}/p")), 413),
        (server.put(home).text(BATCH), 415),
        (put("/pages/home/properties?redirects=x"), 400),
        (server.put(format!("{home}/p?abort=x")).text("v"), 400),
        (server.post(home).text("v"), 400),
    ] {
        let answer = call.expecting().is(status);
        assert!(!answer.continued, "{status}");
        // Nobody knows whether the body will come, so the connection ends here.
        assert_eq!(answer.field("connection"), Some("close"));
    }
    for call in [
        put(home),
        server.put(format!("{home}/q")).text("v"),
        server.post(home).field("Slug", "r").text("v"),
        server.put("/pages/home/files/=f").text("v"),
    ] {
        assert!(call.expecting().is(200).continued);
    }
}

/// What the server answers to these bytes.
fn raw(server: &Server, bytes: impl AsRef<[u8]>) -> Answer {
    let mut connection = server.connect();
    connection.write(bytes.as_ref());
    connection.read("GET")
}

const GET: &str = "GET /@api/deki/pages/home/properties HTTP/1.1\r\n";

#[test]
fn a_request_has_exactly_one_host() {
    let server = Server::start();
    for fields in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host:\r\n",
        "Host: a b\r\n",
        "Host: a\"><x>\r\n",
        "Host: a/b\r\n",
        "Host: a@b\r\n",
        "Host: a#b\r\n",
        "Host: a?b\r\n",
        "Host: \u{e9}\r\n",
    ] {
        let answer = raw(&server, format!("{GET}{fields}\r\n")).is(400);
        assert!(answer.message().contains("Host"), "{fields}");
        assert!(!answer.text().contains("a\"><x>"));
    }
    for host in ["wiki.example", "wiki.example:8081", "[::1]:80", "127.0.0.1"] {
        let list = raw(&server, format!("{GET}Host: {host}\r\n\r\n"))
            .is(200)
            .xml();
        assert_eq!(
            list.attr("href"),
            format!("http://{host}/@api/deki/pages/1/properties")
        );
    }
    let absolute =
        "GET http://other.example/@api/deki/pages/home/properties HTTP/1.1\r\nHost: a\r\n\r\n";
    let list = raw(&server, absolute).is(200).xml();
    assert!(list.attr("href").starts_with("http://other.example/"));
}

#[test]
fn a_head_that_is_too_large_is_431_and_a_path_414() {
    let server = Server::start();
    let host = "Host: a\r\n";
    let large = format!("{GET}{host}X: {}\r\n\r\n", "x".repeat(1 << 20));
    raw_status(&server, &large, 431);
    for fields in [200, 10_000] {
        let many = format!("{GET}{host}{}\r\n", "X: x\r\n".repeat(fields));
        raw_status(&server, &many, 431);
    }
    let long = format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(200 << 10));
    raw_status(&server, &long, 414);
    let fits = format!("{GET}{host}X: {}\r\n\r\n", "x".repeat(60_000));
    raw(&server, fits).is(200);
    let fits = format!("{GET}{host}{}\r\n", "X: x\r\n".repeat(100));
    raw(&server, fits).is(200);
}

/// The server may close before it has read all, so only the status line is looked at.
fn raw_status(server: &Server, bytes: &str, status: u16) {
    let mut connection = server.connect();
    connection.try_write(bytes.as_bytes());
    let told = String::from_utf8(connection.first_bytes()).unwrap();
    assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{told}");
}

#[test]
fn elements_lie_at_most_64_deep() {
    let server = Server::start();
    let document = |depth: usize| {
        let (open, close) = ("<a>".repeat(depth - 3), "</a>".repeat(depth - 3));
        format!(
            "<properties><property name='p'><contents type='text/xml'>{open}{close}</contents></property></properties>"
        )
    };
    server.batch("/pages/home", document(64)).is(200);
    let answer = server.batch("/pages/home", document(65)).is(400);
    assert!(
        answer.message().contains("64 levels"),
        "{}",
        answer.message()
    );
}

#[test]
fn an_element_has_at_most_1024_attributes_and_many_of_them_cost_little() {
    let server = Server::start();
    let send = |count: usize, elements: usize| {
        let declarations = each(0..count, |n| format!(" xmlns:n{n}='u{n}'"));
        let elements = "<n0:a/>".repeat(elements);
        let document = format!("<properties{declarations}>{elements}</properties>");
        server.batch("/pages/home", document)
    };
    send(1024, 10_000).is(200);
    for (count, elements) in [(1025, 1), (100_000, 100_000)] {
        let answer = send(count, elements).is(400);
        assert!(answer.message().contains("1024"), "{}", answer.message());
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let server = Server::start();
    let mut connection = server.connect();
    for n in 0..3 {
        let put = server.put(format!("/pages/home/properties/p{n}")).text("v");
        connection.send(put.request()).is(200);
        // What was refused with a short body does not disturb the next request either.
        let refused = server.put("/pages/99/properties").xml(BATCH);
        connection.send(refused.request()).is(404);
        let list = connection.send(server.get("/pages/home/properties").request());
        assert_eq!(list.is(200).xml().attr("count"), (n + 1).to_string());
    }
    let last = server
        .get("/pages/home/properties")
        .field("Connection", "close");
    connection.send(last.request()).is(200);
    assert!(connection.is_closed());
}

#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let server = Server::start();
    let calls: Vec<_> = (0..10)
        .flat_map(|n| {
            let path = format!("/pages/home/properties/p{n}");
            [server.put(&path).text(&n.to_string()), server.get(&path)]
        })
        .collect();
    let bytes: Vec<u8> = calls
        .iter()
        .flat_map(|call| [call.request().head(), call.request().wire_body()].concat())
        .collect();
    let mut connection = server.connect();
    connection.write(&bytes);
    for n in 0..10 {
        let block = connection.read("PUT").is(200).xml();
        assert_eq!(block.attr("name"), format!("p{n}"));
        assert_eq!(connection.read("GET").is(200).text(), n.to_string());
    }
}

#[test]
fn bytes_that_are_no_request_do_no_harm() {
    let server = Server::start();
    let bad = "HTTP/1.1 400 ";
    for (bytes, answer) in [
        (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], ""),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xFC\x03\x03", bad),
        (b"\0\0\0\0", bad),
        (b"GET\r\n\r\n", bad),
        (b"GET / HTTP/9.9\r\n\r\n", bad),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", bad),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\0\r\n\r\n", bad),
        (b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", bad),
        (b"GET /@api/deki/pages/home/prop", ""),
        (b"\r\n\r\n", ""),
        (b"", ""),
    ] {
        let mut connection = server.connect();
        connection.write(bytes);
        let mut told = String::new();
        let mut rest = connection.shutdown(Shutdown::Write);
        rest.read_to_string(&mut told).unwrap();
        match answer {
            "" => assert_eq!(told, "", "{bytes:?}"),
            _ => assert!(told.starts_with(answer), "{bytes:?}: {told}"),
        }
    }
}

#[test]
fn what_a_request_says_never_becomes_a_header_of_the_answer() {
    let server = Server::start();
    let name = "a%250D%250ASet-Cookie:%2520x=y";
    server
        .put(format!("/pages/home/properties/{name}"))
        .text("v")
        .gives(200);
    server
        .put(format!("/pages/home/files/={}", "a%2522%253B%2520x%253D"))
        .text("v")
        .gives(200);
    for call in [
        server.get(format!("/pages/home/properties/{name}")),
        server.get(format!("/pages/home/properties/{name}/info")),
        server.get("/pages/home/files/=a%2522%253B%2520x%253D"),
        server.get(format!("/pages/home/properties/x{name}")),
        server.get(format!("/pages/home/properties?redirects={name}")),
    ] {
        let answer = call.send();
        assert_eq!(answer.field("set-cookie"), None);
        if let Some(disposition) = answer.field("content-disposition") {
            assert!(
                disposition.starts_with("inline; filename=\"a_; x=\""),
                "{disposition}"
            );
        }
    }
}

#[test]
fn a_client_that_goes_away_in_the_middle_harms_nobody() {
    let server = Server::start();
    let half = server
        .put("/pages/home/properties")
        .field("Content-Type", "application/xml");
    let half = half.field("Content-Length", "1000");
    let gone: Vec<Connection> = (0..20)
        .map(|_| {
            let mut connection = server.connect();
            connection.write(&half.request().head());
            connection.write(b"<properties>");
            connection
        })
        .collect();
    server.put("/pages/home/properties").xml(BATCH).gives(200);
    drop(gone);
    let list = server.get("/pages/home/properties").gives(200).xml();
    assert_eq!(list.property_names(), ["p"]);
}

/// The server ends a connection on which this is all that comes.
fn check_cut_off(flag: &str, bytes: &[u8]) -> String {
    let server = Server::with(&[flag, "1"]);
    let mut connection = server.connect();
    connection.write(bytes);
    connection.read_rest()
}

#[test]
fn a_head_that_does_not_come_in_time_is_cut_off() {
    for bytes in ["", "GET /@api/deki/pages/home/properties HTTP/1.1\r\nHost:"] {
        let told = check_cut_off("--head-secs", bytes.as_bytes());
        assert!(
            told.is_empty() || told.starts_with("HTTP/1.1 408 "),
            "{told}"
        );
    }
    // So is a connection that was of use before.
    let request = format!("{GET}Host: a\r\n\r\n");
    let told = check_cut_off("--head-secs", request.as_bytes());
    assert_eq!(told.matches("HTTP/1.1 200 ").count(), 1);
}

#[test]
fn a_body_that_does_not_come_in_time_is_408() {
    let server = Server::start();
    let batch = server
        .put("/pages/home/properties")
        .field("Content-Type", "application/xml");
    let file = server.put("/pages/home/files/=f");
    for (flag, call) in [("--body-secs", batch), ("--stream-secs", file)] {
        let call = call.field("Content-Length", "100000");
        let mut bytes = call.request().head();
        bytes.extend_from_slice(b"<properties>");
        let told = check_cut_off(flag, &bytes);
        assert!(told.starts_with("HTTP/1.1 408 "), "{flag}: {told}");
        assert!(told.contains("the body did not arrive in time; send it again"));
    }
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = Server::with(&["--connections-max", "1"]);
    let get = server.get("/pages/home/properties");
    let mut first = server.connect();
    first.send(get.request()).is(200);
    let mut second = server.connect();
    second.write(&get.request().head());
    first.send(get.request()).is(200);
    drop(first);
    second.read("GET").is(200);
}

#[test]
fn a_body_in_base64_is_decoded() {
    let server = Server::start();
    let file = server.file("a");
    let long: Vec<u8> = (0..700_001_u32).map(|n| (n % 251) as u8).collect();
    let coded = |bytes: &[u8]| STANDARD.encode(bytes);
    let in_lines = |text: &str| {
        let lines = text
            .as_bytes()
            .chunks(76)
            .map(|line| std::str::from_utf8(line).unwrap());
        lines.collect::<Vec<_>>().join("\r\n")
    };
    for (body, expected) in [
        (coded(b"x"), b"x".to_vec()),
        (coded(b""), Vec::new()),
        (coded(b"ab").replace('=', ""), b"ab".to_vec()),
        (in_lines(&coded(&long)), long.clone()),
    ] {
        let put = server
            .put(&file)
            .field("Content-Encoding", "Base64")
            .body(&body);
        put.gives(200);
        assert_eq!(server.get(&file).gives(200).body, expected);
        put.clone().chunked(1001).gives(200);
        assert_eq!(server.get(&file).gives(200).body, expected);
    }
    let batch = "<properties><property name='p'><contents type='text/plain'>v</contents></property></properties>";
    let path = format!("{file}/properties");
    let put = server.put(&path).field("Content-Encoding", "base64");
    put.clone().xml(coded(batch.as_bytes())).gives(200);
    for bad in ["x", "a=b=", "YQ==YQ==", "ä", batch] {
        let message = put.clone().xml(bad).gives(400).message();
        assert!(message.contains("not base64"), "{message}");
    }
    // The limit is that of what comes of it.
    let property = server
        .put(format!("{file}/properties/big?abort=never"))
        .field("Content-Encoding", "base64");
    let mut big = vec![b'x'; 16 << 20];
    property.clone().body(coded(&big)).gives(200);
    big.push(b'x');
    property.body(coded(&big)).gives(413);
}

#[test]
fn an_encoded_body_is_refused_and_not_stored_as_something_else() {
    let server = Server::start();
    let file = server.file("a");
    let property = format!("{file}/properties/p");
    for call in [
        server.put(&property).text("x"),
        server
            .put(format!("{file}/properties"))
            .xml("<properties/>"),
        server.put(&file).text("x"),
    ] {
        let answer = call.field("Content-Encoding", "gzip").gives(415);
        assert!(
            answer.message().contains("Content-Encoding"),
            "{}",
            answer.message()
        );
    }
    server
        .put(&property)
        .text("x")
        .field("Content-Encoding", "identity")
        .gives(200);
}

/// A server that gives up on a client after a second in which not a byte could be written.
fn hasty_server() -> Server {
    let dir = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let mut command = program([
        "serve",
        "--db",
        dir.path().join("test.db").to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--stream-secs",
        "1",
    ]);
    command
        .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD)
        .env("PROPSTORE_LOG", "debug");
    Server::spawn(command, dir)
}

#[test]
fn a_client_that_does_not_read_is_cut() {
    let server = hasty_server();
    let file = server.file("large");
    // More than the buffers of the two sockets hold.
    let size = 40 << 20;
    server.put(&file).body(vec![b'x'; size]).gives(200);
    let mut connection = server.connect();
    connection.write(&server.get(&file).request().head());
    server.wait_for_log("the client does not read");
    assert!(connection.read_rest().len() < size);
    server.get(&file).gives(200);
}

/// The kernel takes some megabytes at once, and tells that there is room only when a third of them has gone: at this pace
/// that is longer than the server waits.
#[test]
fn a_client_that_reads_slowly_gets_all_of_it() {
    let server = hasty_server();
    let file = server.file("large");
    let size = 6 << 20;
    server.put(&file).body(vec![b'x'; size]).gives(200);
    let mut connection = server.connect();
    connection.receive_at_most(64 << 10);
    connection.write(
        &server
            .get(&file)
            .field("Connection", "close")
            .request()
            .head(),
    );
    let (mut got, mut piece) = (0, vec![0; 64 << 10]);
    while let Ok(count @ 1..) = connection.read_some(&mut piece) {
        got += count;
        // The pace of the line.
        std::thread::sleep(std::time::Duration::from_micros(count as u64 * 3 / 2));
    }
    assert!(got > size, "{got} bytes came");
}

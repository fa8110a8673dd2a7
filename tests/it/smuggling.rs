//! Bytes that two programs could take for different requests: a proxy in front must never be made to pass on what it has
//! not seen (`promises.md` §1.4, RFC 9112 §11.2).
//!
//! Behind each variant stands a write, which is part of its body or of nothing, and behind that a read, which a server
//! answers only if it is sure where the variant ends. The write must never happen. What was stored by the variant itself
//! shows how its length was taken.

use crate::harness::{Answer, PASSWORD, Server, basic};

/// What has to come of a variant.
#[derive(Clone, Copy)]
enum Told {
    /// One refusal with this status, and the end of the connection.
    Refused(u16),
    /// It is one request, which stored this; what comes behind it is answered for itself.
    Stored(&'static str),
    /// The same, but on this connection nothing more is answered.
    StoredAtTheEnd(&'static str),
    /// It is one request that stores nothing and is answered with this status; so is what comes behind it.
    Answered(u16),
    /// The same, but on this connection nothing more is answered.
    AnsweredAtTheEnd(u16),
    /// The end of the connection without a word.
    Nothing,
}

use Told::{Answered, AnsweredAtTheEnd, Nothing, Refused, Stored, StoredAtTheEnd};

const PROPERTIES: &str = "/@api/deki/pages/home/properties";

/// A server with the property `probe`, which does not wait for long.
fn server() -> Server {
    let server = Server::with(&["--head-secs", "1", "--body-secs", "1", "--stream-secs", "1"]);
    server.property("/pages/home", "probe", "probed");
    server
}

/// The fields of a good request for the property `name`.
fn fields(server: &Server) -> String {
    let (address, credentials) = (server.address(), basic("admin", PASSWORD));
    format!("Host: {address}\r\nAuthorization: {credentials}\r\nContent-Type: text/plain\r\n")
}

/// Sends a variant, in which `{good}` stands for good fields, `{evil}` for a write that must not happen, and `{length}`
/// for the length of that; behind it comes a read.
fn check(server: &Server, variant: &str, told: Told) {
    let good = fields(server);
    let evil = format!(
        "PUT {PROPERTIES}/evil?abort=never HTTP/1.1\r\n{good}Content-Length: 4\r\n\r\nevil"
    );
    let bytes = variant
        .replace("{length}", &evil.len().to_string())
        .replace("{hex}", &format!("{:x}", evil.len()))
        .replace("{good}", &good)
        .replace("{evil}", &evil);
    let probe = format!("GET {PROPERTIES}/probe HTTP/1.1\r\n{good}Connection: close\r\n\r\n");
    let mut connection = server.connect();
    connection.try_write(&[bytes.as_bytes(), probe.as_bytes()].concat());
    let answers = connection.answers_to_the_end();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let (expected, stored): (&[u16], _) = match &told {
        Refused(status) | AnsweredAtTheEnd(status) => (&[*status], None),
        Stored(value) => (&[200, 200], Some(*value)),
        StoredAtTheEnd(value) => (&[200], Some(*value)),
        Answered(status) => (&[*status, 200], None),
        Nothing => (&[], None),
    };
    let texts = || answers.iter().map(Answer::text).collect::<Vec<_>>();
    assert_eq!(statuses, expected, "{variant:?}: {:?}", texts());
    if let [_, probe] = &answers[..] {
        assert_eq!(probe.text(), "probed", "{variant:?}");
    }
    // Whoever is refused is told that it ends here; what hyper says by itself is nothing but the status.
    if let (Refused(_), [last]) = (told, &answers[..])
        && !last.body.is_empty()
    {
        assert_eq!(last.field("connection"), Some("close"), "{variant:?}");
    }
    let get = |name: &str| server.get(format!("/pages/home/properties/{name}")).send();
    assert_eq!(get("evil").status, 404, "{variant:?}");
    let outer = get("outer");
    match stored {
        None => assert_eq!(outer.status, 404, "{variant:?}"),
        Some(value) => {
            assert_eq!(outer.is(200).text(), value, "{variant:?}");
            server
                .delete("/pages/home/properties/outer")
                .field("If-Match", "*")
                .gives(200);
        }
    }
}

/// The same for a good write with further fields and this body.
fn check_body(server: &Server, further: &str, body: &str, told: Told) {
    let line = format!("PUT {PROPERTIES}/outer?abort=never HTTP/1.1\r\n");
    check(server, &format!("{line}{{good}}{further}\r\n{body}"), told);
}

#[test]
fn the_write_behind_a_variant_would_happen_if_it_were_a_request() {
    let server = server();
    let good = fields(&server);
    let mut connection = server.connect();
    let body = "Content-Length: 5\r\n\r\nouter";
    for name in ["outer", "evil"] {
        let put = format!("PUT {PROPERTIES}/{name}?abort=never HTTP/1.1\r\n{good}{body}");
        connection.write(put.as_bytes());
        connection.read("PUT").is(200);
    }
    server.get("/pages/home/properties/evil").gives(200);
}

#[test]
fn a_length_that_is_said_twice_is_taken_once() {
    let server = server();
    for (further, body, told) in [
        // Whoever says both may mean two things, so the connection ends here (RFC 9112 §6.1).
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n{evil}",
            StoredAtTheEnd(""),
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "0\r\n\r\n{evil}",
            StoredAtTheEnd(""),
        ),
        (
            "Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n",
            "5\r\nouter\r\n0\r\n\r\n{evil}",
            StoredAtTheEnd("outer"),
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: x\r\n",
            "5\r\nouter\r\n0\r\n\r\n{evil}",
            StoredAtTheEnd("outer"),
        ),
        (
            "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
            "outer{evil}",
            Refused(400),
        ),
        (
            "Content-Length: 5\r\ntransfer-encoding: CHUNKED\r\n",
            "0\r\n\r\n{evil}",
            StoredAtTheEnd(""),
        ),
        (
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "outer",
            Stored("outer"),
        ),
        (
            "Content-Length: 0\r\nContent-Length: {length}\r\n",
            "{evil}",
            Refused(400),
        ),
        (
            "Content-Length: {length}\r\nContent-Length: 0\r\n",
            "{evil}",
            Refused(400),
        ),
        (
            "Content-Length: 5\r\nContent-Length:\r\n",
            "outer{evil}",
            Refused(400),
        ),
        (
            "Content-Length: 5\r\nX-Content-Length: 0\r\nContent_Length: 0\r\n",
            "outer",
            Stored("outer"),
        ),
    ] {
        check_body(&server, further, body, told);
    }
}

#[test]
fn a_length_is_digits_and_nothing_else() {
    let server = server();
    for length in [
        "",
        "5,5",
        "5, 5",
        "5, 0",
        "+5",
        "-1",
        "0x5",
        "5x",
        "5.0",
        "5e0",
        "5 5",
        "\"5\"",
        "five",
        "\u{665}",
        "18446744073709551616",
        "18446744073709551621",
        "99999999999999999999999999999999999999999",
    ] {
        let further = format!("Content-Length: {length}\r\n");
        check_body(&server, &further, "outer{evil}", Refused(400));
    }
    for length in ["5", "05", "0000000000000000000000005", "\t 5 \t"] {
        let further = format!("Content-Length: {length}\r\n");
        check_body(&server, &further, "outer", Stored("outer"));
    }
    check_body(
        &server,
        "Content-Length: 18446744073709551615\r\n",
        "outer{evil}",
        Refused(431),
    );
    // What is asked for and does not come is waited for, but not for ever; what came belongs to it.
    check_body(
        &server,
        "Content-Length: 99999\r\n",
        "outer{evil}",
        Refused(408),
    );
}

#[test]
fn a_transfer_encoding_is_chunked_or_refused() {
    let server = server();
    for (further, told) in [
        ("Transfer-Encoding: chunked\r\n", Stored("outer")),
        ("Transfer-Encoding: Chunked\r\n", Stored("outer")),
        ("Transfer-Encoding:chunked\r\n", Stored("outer")),
        ("Transfer-Encoding: \t chunked \t\r\n", Stored("outer")),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            Stored("outer"),
        ),
        ("Transfer-Encoding: xchunked\r\n", Refused(400)),
        ("Transfer-Encoding: chunkedx\r\n", Refused(400)),
        ("Transfer-Encoding: chunked;q=1\r\n", Refused(400)),
        ("Transfer-Encoding: \"chunked\"\r\n", Refused(400)),
        ("Transfer-Encoding: chunked,\r\n", Refused(400)),
        ("Transfer-Encoding: chun ked\r\n", Refused(400)),
        ("Transfer-Encoding: \x0bchunked\r\n", Refused(400)),
        ("Transfer-Encoding: chunked\x0b\r\n", Refused(400)),
        ("Transfer-Encoding: \0chunked\r\n", Refused(400)),
        ("Transfer-Encoding: \u{a0}chunked\r\n", Refused(400)),
        ("Transfer-Encoding:\r\n", Refused(400)),
        ("Transfer-Encoding: identity\r\n", Refused(400)),
        ("Transfer-Encoding: gzip\r\n", Refused(400)),
        ("Transfer-Encoding: gzip, chunked\r\n", Refused(400)),
        (
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            Refused(400),
        ),
        ("Transfer-Encoding: chunked, identity\r\n", Refused(400)),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            Refused(400),
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
            Refused(400),
        ),
    ] {
        let body = match told {
            Stored(_) => "5\r\nouter\r\n0\r\n\r\n",
            Refused(_) | StoredAtTheEnd(_) | Answered(_) | AnsweredAtTheEnd(_) | Nothing => {
                "0\r\n\r\n{evil}"
            }
        };
        check_body(&server, further, body, told);
    }
}

#[test]
fn a_name_of_a_field_is_spelled_as_it_is_or_refused() {
    let server = server();
    for further in [
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        "Transfer-Encoding\x0b: chunked\r\n",
        "Transfer-Encoding\0: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding\r\n : chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "X: y\r\n\tTransfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        "X: y\0\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length : 5\r\n",
        "Content-Length: 5\r\n 0\r\n",
        "Content Length: 5\r\n",
        ": x\r\n",
        "Transfer-Encoding chunked\r\n",
        "\u{feff}Transfer-Encoding: chunked\r\n",
    ] {
        check_body(&server, further, "0\r\n\r\n{evil}", Refused(400));
    }
    // A name that is another one is passed over, by everybody: there is no body.
    for further in [
        "Transfer_Encoding: chunked\r\n",
        "X-Transfer-Encoding: chunked\r\n",
        "TransferEncoding: chunked\r\n",
    ] {
        check_body(&server, further, "", Stored(""));
    }
}

#[test]
fn a_chunk_says_its_size_in_hex_and_ends_where_it_says() {
    let server = server();
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (body, told) in [
        ("5;a=b\r\nouter\r\n0;c\r\n\r\n", Stored("outer")),
        ("5 ;a=\"b\"\r\nouter\r\n0\r\n\r\n", Stored("outer")),
        ("5 \t\r\nouter\r\n0\r\n\r\n", Stored("outer")),
        ("0005\r\nouter\r\n000\r\n\r\n", Stored("outer")),
        ("3\r\nout\r\n2\r\ner\r\n0\r\n\r\n", Stored("outer")),
        // In an extension a line ends as elsewhere.
        ("5;a\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("5;a\rb\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("5\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("5\router\r\n0\r\n\r\n{evil}", Refused(400)),
        ("5\r\nouter\n0\r\n\r\n{evil}", Refused(400)),
        ("5\r\nouter\r0\r\n\r\n{evil}", Refused(400)),
        ("5\r\nouter0\r\n\r\n{evil}", Refused(400)),
        ("4\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("6\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("\r\n5\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        (" 5\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("5 5\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        (";\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("\r\n\r\n{evil}", Refused(400)),
        ("zz\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("0x5\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("+5\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("-5\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("5_0\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        ("\0\r\nouter\r\n0\r\n\r\n{evil}", Refused(400)),
        (
            "10000000000000005\r\nouter\r\n0\r\n\r\n{evil}",
            Refused(400),
        ),
        (
            "fffffffffffffffff\r\nouter\r\n0\r\n\r\n{evil}",
            Refused(400),
        ),
        ("ffffffffffffffff\r\nouter\r\n0\r\n\r\n{evil}", Refused(408)),
        // Without the empty line at its end a body is not at its end.
        ("5\r\nouter\r\n0\r\n", Refused(400)),
        ("5\r\nouter\r\n0\r\n{evil}", Refused(400)),
        ("5\r\nouter\r\n0\n\n{evil}", Refused(400)),
        // hyper reads on to the next empty line, and others may not.
        ("5\r\nouter\r\n0\r\n\n{evil}", StoredAtTheEnd("outer")),
        ("5\r\nouter\r\n", Refused(400)),
        ("{hex}\r\n{evil}\r\n0\r\n", Refused(400)),
    ] {
        check_body(&server, chunked, body, told);
    }
    let long = format!("5;{}\r\nouter\r\n0\r\n\r\n{{evil}}", "x".repeat(20_000));
    check_body(&server, chunked, &long, Refused(400));
}

#[test]
fn what_follows_the_last_chunk_changes_nothing() {
    let server = server();
    for (trailers, told) in [
        ("X: y\r\n", StoredAtTheEnd("outer")),
        ("Content-Length: 5\r\n", StoredAtTheEnd("outer")),
        ("Content-Length: {length}\r\n", StoredAtTheEnd("outer")),
        ("Transfer-Encoding: chunked\r\n", StoredAtTheEnd("outer")),
        ("Host: evil.example\r\n", StoredAtTheEnd("outer")),
        ("Authorization: Basic eDp5\r\n", StoredAtTheEnd("outer")),
        (
            "X-HTTP-Method-Override: DELETE\r\n",
            StoredAtTheEnd("outer"),
        ),
        ("Content-Type: text/html\r\n", StoredAtTheEnd("outer")),
        ("If-Match: \"1.r1\"\r\n", StoredAtTheEnd("outer")),
        ("X y\r\n", Refused(400)),
        ("X : y\r\n", Refused(400)),
        (" X: y\r\n", Refused(400)),
    ] {
        // Others may take them for something else, so this is the last request of its connection.
        let body = format!("5\r\nouter\r\n0\r\n{trailers}\r\n");
        check_body(&server, "Transfer-Encoding: chunked\r\n", &body, told);
    }
}

#[test]
fn a_line_of_the_head_ends_with_cr_lf_for_everybody() {
    let server = server();
    let put = "PUT /@api/deki/pages/home/properties/outer?abort=never";
    for (variant, told) in [
        // A lone LF ends a line, as RFC 9112 §2.2 allows: it is one request for us, too.
        (
            "{put} HTTP/1.1\n{good}Content-Length: 5\n\nouter",
            Stored("outer"),
        ),
        (
            "{put} HTTP/1.1\r\n{good}X: y\nContent-Length: 5\r\n\r\nouter",
            Stored("outer"),
        ),
        (
            "{put} HTTP/1.1\r\n{good}Content-Length: 5\r\n\nouter",
            Stored("outer"),
        ),
        // A lone CR ends nothing.
        (
            "{put} HTTP/1.1\r{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "{put} HTTP/1.1\r\n{good}X: y\rContent-Length: {length}\r\n\r\n{evil}",
            Refused(400),
        ),
        (
            "{put} HTTP/1.1\r\n{good}Content-Length: 5\r\r\nouter{evil}",
            Refused(400),
        ),
        (
            "{put} HTTP/1.1\r\n{good}Content-Length: 5\r\n\router{evil}",
            Refused(400),
        ),
        // Empty lines before a request are passed over (RFC 9112 §2.2), blanks are not.
        (
            "\r\n\r\n{put} HTTP/1.1\r\n{good}Content-Length: 5\r\n\r\nouter",
            Stored("outer"),
        ),
        (
            " {put} HTTP/1.1\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "\t{put} HTTP/1.1\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "\0{put} HTTP/1.1\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "\u{feff}{put} HTTP/1.1\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "{put}\tHTTP/1.1\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "{put} HTTP/1.1 \r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "{put} HTTP/1.1x\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "{put} http/1.1\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "{put} HTTP/1.10\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "{put} HTTP/1.2\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "{put} HTTP/2.0\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "{put} x HTTP/1.1\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            Refused(400),
        ),
        ("{put}\r\n{evil}", Refused(400)),
        ("GET /\r\n{evil}", Refused(400)),
    ] {
        check(&server, &variant.replace("{put}", put), told);
    }
}

#[test]
fn a_verb_without_a_body_may_have_one_and_a_version_without_chunks_may_not() {
    let server = server();
    for (variant, told) in [
        (
            "GET {path}/none HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            Answered(404),
        ),
        (
            "GET {path}/none HTTP/1.1\r\n{good}Transfer-Encoding: chunked\r\n\r\n{hex}\r\n{evil}\r\n0\r\n\r\n",
            Answered(404),
        ),
        (
            "DELETE {path}/none HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            Answered(404),
        ),
        (
            "OPTIONS {path}/none HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            Answered(200),
        ),
        (
            "OPTIONS * HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            Answered(404),
        ),
        (
            "TRACE {path}/none HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            Answered(405),
        ),
        (
            "MADE-UP {path}/none HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            Answered(405),
        ),
        (
            "get {path}/none HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            Answered(405),
        ),
        // Another verb by a header or a parameter leaves the length as it is.
        (
            "POST {path}/none?dream.in.verb=GET HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            Answered(404),
        ),
        (
            "POST {path}/none HTTP/1.1\r\n{good}X-HTTP-Method-Override: HEAD\r\nContent-Length: {length}\r\n\r\n{evil}",
            Answered(404),
        ),
        (
            "POST {path}/outer?abort=never HTTP/1.1\r\n{good}X-HTTP-Method-Override: PUT\r\nContent-Length: 5\r\n\r\nouter",
            Stored("outer"),
        ),
        (
            "POST {path}/none HTTP/1.1\r\n{good}X-HTTP-Method-Override: CONNECT\r\nContent-Length: {length}\r\n\r\n{evil}",
            Answered(405),
        ),
        // HTTP/1.0 has no chunks, and its connection ends after one answer.
        (
            "PUT {path}/outer?abort=never HTTP/1.0\r\n{good}Transfer-Encoding: chunked\r\n\r\n5\r\nouter\r\n0\r\n\r\n{evil}",
            Refused(400),
        ),
        (
            "PUT {path}/outer?abort=never HTTP/1.0\r\n{good}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nouter{evil}",
            Refused(400),
        ),
        (
            "PUT {path}/outer?abort=never HTTP/1.0\r\n{good}Content-Length: 5\r\n\r\nouter{evil}",
            StoredAtTheEnd("outer"),
        ),
        (
            "PUT {path}/outer?abort=never HTTP/1.0\r\n{good}Connection: keep-alive\r\nContent-Length: 5\r\n\r\nouter",
            Stored("outer"),
        ),
        // HTTP/0.9 is no longer spoken.
        ("GET {path}/probe\r\n\r\n{evil}", Refused(400)),
        ("GET {path}/probe HTTP/0.9\r\n\r\n{evil}", Refused(400)),
    ] {
        check(&server, &variant.replace("{path}", PROPERTIES), told);
    }
}

#[test]
fn nobody_is_switched_to_another_protocol() {
    let server = server();
    for (variant, told) in [
        (
            "PUT {path}/outer?abort=never HTTP/1.1\r\n{good}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: 5\r\n\r\nouter",
            Stored("outer"),
        ),
        (
            "GET {path}/none HTTP/1.1\r\n{good}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            Answered(404),
        ),
        // What a switched server would answer itself is no request here.
        (
            "GET {path}/none HTTP/1.1\r\n{good}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{evil}",
            AnsweredAtTheEnd(404),
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{evil}", Nothing),
        (
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
            Nothing,
        ),
        (
            "CONNECT 127.0.0.1:80 HTTP/1.1\r\n{good}\r\n{evil}",
            AnsweredAtTheEnd(404),
        ),
        (
            "CONNECT 127.0.0.1:80 HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            AnsweredAtTheEnd(404),
        ),
    ] {
        check(&server, &variant.replace("{path}", PROPERTIES), told);
    }
}

#[test]
fn a_body_that_is_announced_is_no_request_when_it_is_not_wanted() {
    let server = server();
    for (variant, told) in [
        // Refused by its head alone: nobody knows whether the body comes.
        (
            "PUT {path}/none?abort=nonsense HTTP/1.1\r\n{good}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{evil}",
            AnsweredAtTheEnd(400),
        ),
        (
            "PUT {path}/none?abort=nonsense HTTP/1.1\r\n{good}Expect: 100-CONTINUE\r\nTransfer-Encoding: chunked\r\n\r\n{hex}\r\n{evil}\r\n0\r\n\r\n",
            AnsweredAtTheEnd(400),
        ),
        (
            "GET {path}/none HTTP/1.1\r\n{good}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{evil}",
            AnsweredAtTheEnd(404),
        ),
        // Refused without a question before it: the body is passed over.
        (
            "PUT {path}/none?abort=nonsense HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            Answered(400),
        ),
        (
            "PUT {path}/none?abort=nonsense HTTP/1.1\r\n{good}Transfer-Encoding: chunked\r\n\r\n{hex}\r\n{evil}\r\n0\r\n\r\n",
            Answered(400),
        ),
        (
            "PUT {path}/none?abort=nonsense HTTP/1.1\r\n{good}Transfer-Encoding: chunked\r\n\r\nzz\r\n{evil}",
            AnsweredAtTheEnd(400),
        ),
        (
            "PUT /@api/deki/nothing HTTP/1.1\r\n{good}Content-Length: {length}\r\n\r\n{evil}",
            Answered(404),
        ),
        (
            "PUT {path}/none HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{evil}",
            Answered(401),
        ),
        (
            "PUT {path}/none HTTP/1.1\r\n{good}Content-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n{evil}",
            Answered(415),
        ),
        (
            "PUT {path}/none HTTP/1.1\r\n{good}Content-Length: 999999999999\r\n\r\n{evil}",
            AnsweredAtTheEnd(413),
        ),
    ] {
        check(&server, &variant.replace("{path}", PROPERTIES), told);
    }
    // The interim answer is one, and the other comes when the body is there.
    check_interim(&server);
}

/// Whoever asks before it sends, and sends without waiting for the answer, gets both.
fn check_interim(server: &Server) {
    let good = fields(server);
    let put = format!(
        "PUT {PROPERTIES}/outer HTTP/1.1\r\n{good}Expect: 100-continue\r\nConnection: close\r\nContent-Length: 5\r\n\r\nouter"
    );
    let mut connection = server.connect();
    connection.write(put.as_bytes());
    let statuses: Vec<u16> = connection
        .answers_to_the_end()
        .iter()
        .map(|answer| answer.status)
        .filter(|status| *status != 100)
        .collect();
    assert_eq!(statuses, [200]);
}

#[test]
fn for_whom_a_request_is_must_be_clear() {
    let server = server();
    let fields = fields(&server);
    let without = fields.replacen("Host", "X-Host", 1);
    let end = "Content-Length: 5\r\n\r\nouter";
    let put = format!("PUT {PROPERTIES}/outer?abort=never HTTP/1.1\r\n");
    for (variant, told) in [
        (format!("{put}{without}{end}{{evil}}"), Refused(400)),
        (
            format!("{put}{without}Host:\r\n{end}{{evil}}"),
            Refused(400),
        ),
        (
            format!("{put}{fields}Host: evil.example\r\n{end}{{evil}}"),
            Refused(400),
        ),
        (
            format!("{put}{fields}HOST: evil.example\r\n{end}{{evil}}"),
            Refused(400),
        ),
        (
            format!("{put}{fields}Host : evil.example\r\n{end}{{evil}}"),
            Refused(400),
        ),
        (
            format!("{put}{fields} Host: evil.example\r\n{end}{{evil}}"),
            Refused(400),
        ),
        (
            format!("{put}{without}Host: a, b\r\n{end}{{evil}}"),
            Refused(400),
        ),
        (
            format!("{put}{without}Host: a\0b\r\n{end}{{evil}}"),
            Refused(400),
        ),
        (
            format!("{put}{without}Host: http://a/\r\n{end}{{evil}}"),
            Refused(400),
        ),
        (
            format!("PUT http://a@b{PROPERTIES}/outer HTTP/1.1\r\n{fields}{end}{{evil}}"),
            Refused(400),
        ),
        (
            format!("PUT http://a{PROPERTIES}/outer HTTP/1.1\r\n{without}{end}{{evil}}"),
            Refused(400),
        ),
        // The target comes before the field (RFC 9112 §3.2.2), and both lead to the same store.
        (
            format!("PUT http://other.example{PROPERTIES}/outer HTTP/1.1\r\n{fields}{end}"),
            Stored("outer"),
        ),
        (
            format!("PUT HTTP://[::1]:80{PROPERTIES}/outer HTTP/1.1\r\n{fields}{end}"),
            Stored("outer"),
        ),
        (
            format!("PUT //other.example{PROPERTIES}/outer HTTP/1.1\r\n{fields}{end}"),
            Answered(404),
        ),
        (
            format!("PUT other.example{PROPERTIES}/outer HTTP/1.1\r\n{fields}{end}{{evil}}"),
            Refused(400),
        ),
        (
            format!(
                "{put}X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n{fields}{end}"
            ),
            Stored("outer"),
        ),
        // What a hop may drop changes nothing for us.
        (
            format!("{put}{fields}Connection: Content-Length\r\n{end}"),
            Stored("outer"),
        ),
        (
            format!("{put}{fields}Connection: close, Host, Authorization\r\n{end}{{evil}}"),
            StoredAtTheEnd("outer"),
        ),
    ] {
        check(&server, &variant, told);
    }
}

//! Files that come as a part of a form: what they are called, where one part ends and the next begins, and every bound
//! on the way (`redu.md` §4).

use crate::harness::{Answer, Connection, Request, Server};
use crate::school::{
    BOUNDARY, School, blamed, content_of, file_form, file_head, form_of, form_type, id_of,
};
use rusqlite::Connection as Database;
use serde_json::Value;
use std::net::Shutdown;

const NONE: [&str; 0] = [];

/// The largest file, in bytes, where nothing else is said.
const FILE_BYTES_MAX: usize = 100 << 20;

/// How many bytes a form may have besides.
const FORM_BYTES_MAX: usize = 1 << 20;

fn files_of(school: &School, folder: i64) -> Vec<String> {
    school.names("admin", format!("/api/folders/{folder}/files"))
}

/// Bytes that follow no pattern, and among them much that looks like the line between two parts.
fn mixed_bytes(count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count + 64);
    let mut state = 17_u64;
    while bytes.len() < count {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let [.., high, low] = (state >> 33).to_be_bytes();
        bytes.extend_from_slice(&[high, low]);
        if high < 3 {
            let line = format!("\r\n--{BOUNDARY}");
            let shown = usize::from(low) % line.len();
            bytes.extend_from_slice(&line.as_bytes()[..shown]);
            // Whatever follows, this is not the whole line.
            bytes.push(b'!');
        }
    }
    bytes.truncate(count);
    bytes
}

/// How many rows these tables have together.
fn rows_of(server: &Server, tables: &[&str]) -> i64 {
    let db = Database::open(server.db()).unwrap();
    let count = |table: &&str| -> i64 {
        db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap()
    };
    tables.iter().map(count).sum()
}

/// Nothing is left of contents that never became files. What goes is worked off piece by piece between other writes, so
/// after each of these there is less.
fn check_swept(server: &Server) {
    let put = server.put("/pages/home/properties/p?abort=never").text("v");
    let is_swept = || {
        put.gives(200);
        rows_of(server, &["chunk", "upload"]) == 0
    };
    assert!((0..100).any(|_| is_swept()));
}

/// A form with one part, which has this head.
fn form_with(head: &[u8]) -> Vec<u8> {
    let mut form = format!("--{BOUNDARY}\r\n").into_bytes();
    form.extend_from_slice(head);
    form.extend_from_slice(format!("\r\n\r\nx\r\n--{BOUNDARY}--").as_bytes());
    form
}

/// A file whose part has this head: its name and type.
fn check_named(school: &School, head: &[u8], name: &str, media_type: &str) {
    let call = school.send("admin", school.root, form_with(head));
    let told = String::from_utf8_lossy(head).into_owned();
    let answer = call.send();
    assert_eq!(answer.status, 201, "{told}: {answer:?}");
    let file = answer.json();
    assert_eq!(
        (&file["name"], &file["mimetype"]),
        (&name.into(), &media_type.into()),
        "{told}"
    );
    assert_eq!(
        content_of(school, &file).field("content-type"),
        Some(media_type),
        "{told}"
    );
    let info = school
        .server
        .get(format!("/files/{}/info", id_of(&file)))
        .gives(200)
        .xml();
    assert_eq!(info.child("filename").text, name, "{told}");
}

/// A part with this head is refused: the status, and the fields that are to blame.
fn check_refused(school: &School, head: &[u8], code: u16) {
    let told = String::from_utf8_lossy(head).into_owned();
    let answer = school.send("admin", school.root, form_with(head)).send();
    assert_eq!(answer.status, code, "{told}: {answer:?}");
    let wanted: &[&str] = if code == 422 { &["content"] } else { &[] };
    assert_eq!(blamed(&answer.json_error()), wanted, "{told}");
}

#[test]
fn a_file_is_called_what_its_part_says() {
    let school = School::new(&[]);
    let long = "é".repeat(500);
    let long_parameter = format!("filename=\"{long}\"");
    for (parameters, name) in [
        ("filename=\"a.pdf\"", "a.pdf"),
        ("filename=a.pdf", "a.pdf"),
        ("FILENAME=\"a.pdf\"", "a.pdf"),
        ("filename=\" a \"", " a "),
        ("filename=\"été 日本 𝒳.pdf\"", "été 日本 𝒳.pdf"),
        ("filename=\"e\u{301}\"", "e\u{301}"),
        ("filename=\"a\\\"b%22c\"", "a\"b\"c"),
        ("filename=\"100%.txt\"", "100%.txt"),
        ("filename=\"%41%2F\"", "%41%2F"),
        ("filename=\"a;b=c\"", "a;b=c"),
        ("filename=\"a\\b\\c.txt\"", "c.txt"),
        ("filename=\"C:\\dir/../c.txt\"", "c.txt"),
        ("filename=\"/etc/passwd\"", "passwd"),
        ("filename=\"...\"", "..."),
        ("filename=\"x\"; filename*=UTF-8''%e2%82%ac%20%22", "€ \""),
        ("filename*=utf-8'en'a%2Fb.txt; filename=\"x\"", "b.txt"),
        ("filename*=UTF-8''%2e%2e%5Cc", "c"),
        (&long_parameter, &long),
    ] {
        let head = format!("Content-Disposition: form-data; name=\"file[content]\"; {parameters}");
        check_named(&school, head.as_bytes(), name, "application/octet-stream");
    }
    // Blanks, the case of names and the order are free.
    for head in [
        "content-disposition:form-data;name=\"file[content]\";filename=\"a\"",
        "CONTENT-DISPOSITION: form-data; filename=\"a\"; name=\"file[content]\"",
        "Content-Disposition: form-data; name=file[content]; filename=a",
        "X-Other: y\r\nContent-Disposition: form-data; name=\"file[content]\"; filename=\"a\"\r\nContent-Length: 1",
    ] {
        check_named(&school, head.as_bytes(), "a", "application/octet-stream");
    }
}

#[test]
fn a_name_that_cannot_be_is_refused_and_leaves_nothing() {
    let school = School::new(&[]);
    let head = |parameters: &str| {
        format!("Content-Disposition: form-data; name=\"file[content]\"{parameters}").into_bytes()
    };
    let long = format!("; filename=\"{}\"", "é".repeat(501));
    for parameters in [
        "",
        "; filename=\"\"",
        "; filename=\" \"",
        "; filename=\".\"",
        "; filename=\"..\"",
        "; filename=\"a/\"",
        "; filename=\"a\\..\"",
        "; filename=\"a%0D%0Ab\"",
        "; filename=\"a\tb\"",
        "; filename=\"a\u{7f}\"",
        "; filename=\"a\u{ffff}\"",
        "; filename*=UTF-8''",
        "; filename*=UTF-8''a%00b",
        "; filename*=UTF-8''a%2F",
        &long,
    ] {
        // What no header field can carry is malformed, not merely a bad name.
        let is_header = !parameters.contains('\u{7f}');
        check_refused(
            &school,
            &head(parameters),
            if is_header { 422 } else { 400 },
        );
    }
    check_refused(&school, &head("; filename*=UTF-8''%FF"), 400);
    check_refused(
        &school,
        &[&head("; filename=\"")[..], b"a\xFF\""].concat(),
        400,
    );
    assert_eq!(files_of(&school, school.root), NONE);
}

#[test]
fn the_type_of_the_part_is_kept_with_its_parameters() {
    let school = School::new(&[]);
    let long = format!("a/{}", "x".repeat(253));
    for given in [
        "application/pdf",
        "text/plain; charset=utf-8",
        "text/plain;charset=UTF-16LE; x=\"a b\"",
        "image/svg+xml",
        "image/PNG",
        &long,
    ] {
        let head = format!("{}\r\nContent-Type: {given}", file_head("a"));
        check_named(&school, head.as_bytes(), "a", given);
    }
    let long = format!("{long}x");
    for bad in ["", "pdf", "a/b/c", "text/plain; charset", "\u{e9}/x", &long] {
        check_refused(
            &school,
            format!("{}\r\nContent-Type: {bad}", file_head("a")).as_bytes(),
            400,
        );
    }
}

#[test]
fn the_command_of_the_seed_makes_a_file() {
    let school = School::new(&["tutor"]);
    let token = school.token("tutor");
    // As curl 8 writes it.
    let boundary = "------------------------tJvD3wVbXc1mPqk7y0Zl2a";
    let form = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file[content]\"; filename=\"pdf_example.pdf\"\r\n\
         Content-Type: application/pdf\r\n\r\n%PDF-1.4\n\r\n--{boundary}--\r\n"
    );
    let call = school.by(
        "nobody",
        "POST",
        format!("/api/folders/{}/files", school.root),
    );
    let call = call.field("Authorization", format!("OAuth {token}"));
    let file = call.typed(&form_type(boundary), form).gives(201).json();
    assert_eq!(
        (&file["name"], &file["mimetype"]),
        (&"pdf_example.pdf".into(), &"application/pdf".into())
    );
    assert_eq!(content_of(&school, &file).text(), "%PDF-1.4\n");
}

/// A form of these parts is taken, and its file has this content.
fn check_taken(school: &School, form: impl AsRef<[u8]>, content: &[u8]) {
    let file = school.send("admin", school.root, form).gives(201).json();
    assert_eq!(file["byte"], content.len().to_string());
    assert!(
        content_of(school, &file).body == content,
        "the content is another one"
    );
}

#[test]
fn other_parts_are_passed_over_and_the_first_file_counts() {
    let school = School::new(&[]);
    let other = "Content-Disposition: form-data; name=\"other\"; filename=\"o\"";
    let (first, second) = (file_head("first"), file_head("second"));
    let big = mixed_bytes(300_000);
    for (parts, content) in [
        (
            vec![(other, &b"o"[..]), (&first, b"1"), (other, b"o")],
            &b"1"[..],
        ),
        (vec![(&first, b"1"), (&second, b"22")], b"1"),
        (vec![(&first, b""), (&second, b"22")], b""),
        (vec![(other, &big), (&first, &big), (&second, &big)], &big),
        (
            vec![("X-Nothing: here", b"x"), ("", b""), (&first, b"1")],
            b"1",
        ),
        (
            vec![
                (
                    "Content-Disposition: form-data; name=\"FILE[content]\"",
                    b"x",
                ),
                (&first, b"1"),
            ],
            b"1",
        ),
        (
            vec![
                (
                    "Content-Disposition: form-data; name=\"file[content]x\"",
                    b"x",
                ),
                (&first, b"1"),
            ],
            b"1",
        ),
    ] {
        check_taken(&school, form_of(BOUNDARY, &parts), content);
    }
    assert_eq!(files_of(&school, school.root), ["first"; 7]);
}

#[test]
fn a_form_without_the_part_is_422() {
    let school = School::new(&[]);
    let parts: [(&str, &[u8]); 5] = [
        (
            "Content-Disposition: form-data; name=\"file\"; filename=\"a\"",
            b"x",
        ),
        (
            "Content-Disposition: form-data; name=\"content\"; filename=\"a\"",
            b"x",
        ),
        ("Content-Disposition: form-data; filename=\"a\"", b"x"),
        ("Content-Type: text/plain", b"x"),
        (
            "Content-Disposition: form-data; name=\"file[content]\"",
            b"x",
        ),
    ];
    let forms = parts.map(|part| form_of(BOUNDARY, &[part]));
    for form in forms.into_iter().chain([form_of(BOUNDARY, &[])]) {
        let error = school.send("admin", school.root, form).refused(422);
        assert_eq!(blamed(&error), ["content"]);
    }
    assert_eq!(files_of(&school, school.root), NONE);
}

#[test]
fn an_empty_file_and_the_same_name_again_are_new_files() {
    let school = School::new(&[]);
    check_taken(&school, file_form("a", b""), b"");
    let [one, two] = [b"1", b"2"].map(|content| school.upload("admin", school.root, "a", content));
    assert_ne!(id_of(&one), id_of(&two));
    assert_eq!(content_of(&school, &one).text(), "1");
    assert_eq!(content_of(&school, &two).text(), "2");
    assert_eq!(files_of(&school, school.root), ["a", "a", "a"]);
}

#[test]
fn a_form_that_ends_too_early_is_400_wherever_it_ends() {
    let school = School::new(&[]);
    let whole = file_form("a", b"some\r\ncontent");
    // Without the last line end it is whole.
    let needed = whole.len() - 2;
    let mut connection = school.server.connect();
    for end in 0..needed {
        let call = school.send("admin", school.root, &whole[..end]);
        let call = call
            .without("Content-Length")
            .field("Content-Length", end.to_string());
        let answer = connection.send(call.request());
        assert_eq!(answer.status, 400, "{end}");
        answer.json_error();
    }
    assert_eq!(files_of(&school, school.root), NONE);
    for end in needed..=whole.len() {
        check_taken(&school, &whole[..end], b"some\r\ncontent");
    }
}

#[test]
fn what_is_no_form_is_400() {
    let school = School::new(&[]);
    let (b, head) = (BOUNDARY, file_head("a"));
    for form in [
        "file[content]=x".to_owned(),
        "\r\n\r\n".to_owned(),
        format!("--{b}\n{head}\n\nx\n--{b}--\n"),
        format!("--{b}x\r\n{head}\r\n\r\nx\r\n--{b}x--\r\n"),
        format!("--{b}\r\nno header\r\n\r\nx\r\n--{b}--\r\n"),
        format!("--{b}\r\n{head}\r\n\r\nx--{b}--\r\n"),
        format!("--{b}\r\n{head}\r\n\r\nx\r\n-{b}--\r\n"),
        format!(
            "--{b}\r\n{}\r\n{head}\r\n\r\nx\r\n--{b}--\r\n",
            "A: b\r\n".repeat(1000).trim_end()
        ),
    ] {
        school.send("admin", school.root, &form).refused(400);
    }
    for media_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/mixed; boundary=----boundary17",
        "application/x-www-form-urlencoded",
        "application/json",
        "form-data; boundary=----boundary17",
        &form_type(&"x".repeat(71)),
    ] {
        let call = school.send("admin", school.root, file_form("a", b"x"));
        call.without("Content-Type")
            .field("Content-Type", media_type)
            .refused(400);
    }
    let call = school.send("admin", school.root, file_form("a", b"x"));
    call.clone().without("Content-Type").refused(400);
    call.field("Content-Encoding", "gzip").refused(400);
    assert_eq!(files_of(&school, school.root), NONE);
}

#[test]
fn boundaries_may_be_odd() {
    let school = School::new(&[]);
    for (boundary, written) in [
        ("x", "x"),
        ("0", "\"0\""),
        ("AbC", "AbC"),
        (
            "----WebKitFormBoundary7MA4YWxkTrZu0gW",
            "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
        ("--", "--"),
        ("'()+_,-./:=?", "\"'()+_,-./:=?\""),
        ("a b", "\"a b\""),
        (&"x".repeat(70), &"x".repeat(70)),
        (&"-".repeat(69), &"-".repeat(69)),
    ] {
        let content = format!("x\r\n-\r\n--\r\n{boundary}\r\n-{boundary}x");
        let form = form_of(boundary, &[(&file_head("a"), content.as_bytes())]);
        let call = school.by(
            "admin",
            "POST",
            format!("/api/folders/{}/files", school.root),
        );
        for media_type in [
            format!("multipart/form-data; boundary={written}"),
            format!("Multipart/Form-Data; charset=utf-8; Boundary={written}"),
        ] {
            let answer = call.clone().typed(&media_type, &form).send();
            assert_eq!(answer.status, 201, "{media_type}: {answer:?}");
            assert_eq!(
                content_of(&school, &answer.json()).text(),
                content,
                "{media_type}"
            );
        }
    }
}

#[test]
fn what_stands_before_and_behind_the_parts_does_not_count() {
    let school = School::new(&[]);
    let form = file_form("a", b"x");
    let text = String::from_utf8(form.clone()).unwrap();
    let padded = text.replace(
        &format!("--{BOUNDARY}\r\n"),
        &format!("--{BOUNDARY} \t \r\n"),
    );
    for form in [
        [b"\r\n", &form[..]].concat(),
        [b"This is a message in several parts.\r\n\r\n", &form[..]].concat(),
        [b"--\r\n--other--\r\n", &form[..]].concat(),
        [&b"x".repeat(60_000)[..], b"\r\n", &form[..]].concat(),
        [&form[..], b"nothing that matters"].concat(),
        [&form[..], &form[..]].concat(),
        [&form[..], &b"x".repeat(200_000)[..]].concat(),
        padded.into_bytes(),
    ] {
        check_taken(&school, form, b"x");
    }
}

#[test]
fn content_that_looks_like_a_boundary_is_content() {
    let school = School::new(&[]);
    let line = format!("\r\n--{BOUNDARY}");
    let contents = (0..line.len()).map(|end| {
        let part = &line[..end];
        format!("{part}{part}x{part}\r{part}\n{part}-{part}")
    });
    let others = [
        format!("x--{BOUNDARY}\r\n"),
        format!("x\n--{BOUNDARY}--\n"),
        format!("x\r--{BOUNDARY}--\r"),
        "\r\n".repeat(1000),
        "\r".repeat(70_000),
        format!("\r\n--{}", BOUNDARY.to_uppercase()),
        "Content-Disposition: form-data; name=\"file[content]\"\r\n\r\n".to_owned(),
    ];
    for content in contents.chain(others) {
        check_taken(
            &school,
            file_form("a", content.as_bytes()),
            content.as_bytes(),
        );
    }
}

/// Sends the body of a request in these pieces. Between two of them goes a request on another connection, to and fro, so
/// that the server sees one before the next is sent.
fn send_in_pieces(school: &School, request: &Request, pieces: &[&[u8]]) -> Answer {
    let mut connection = school.server.connect();
    let mut other = school.server.connect();
    let ask = school.get("nobody", "/api/nothing");
    connection.write(&request.head());
    for piece in pieces {
        other.send(ask.request()).is(401);
        connection.write(piece);
    }
    connection.read("POST")
}

fn check_pieces(school: &School, form: &[u8], pieces: &[&[u8]], content: &[u8]) {
    let call = school.send("admin", school.root, form);
    let file = send_in_pieces(school, call.request(), pieces)
        .is(201)
        .json();
    let told = || {
        format!(
            "{:?}",
            pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>()
        )
    };
    assert_eq!(file["name"], "a", "{}", told());
    assert_eq!(content_of(school, &file).body, content, "{}", told());
}

#[test]
fn a_form_may_be_cut_everywhere_on_its_way() {
    let school = School::new(&[]);
    let content = format!("\r\n--{}\r\n\r", &BOUNDARY[..5]).into_bytes();
    let other = "Content-Disposition: form-data; name=\"o\"";
    let form = form_of(BOUNDARY, &[(&file_head("a"), &content), (other, b"")]);
    for at in 1..form.len() {
        let (start, end) = form.split_at(at);
        check_pieces(&school, &form, &[start, end], &content);
    }
    for size in [1, 2, 3, 7, 19, 20] {
        let pieces: Vec<&[u8]> = form.chunks(size).collect();
        check_pieces(&school, &form, &pieces, &content);
    }
}

#[test]
fn a_large_form_may_come_in_odd_pieces() {
    let school = School::new(&[]);
    let content = mixed_bytes(700_001);
    let form = file_form("a", &content);
    for size in [8_191, 65_537, 262_143, 262_144, 262_145] {
        let pieces: Vec<&[u8]> = form.chunks(size).collect();
        check_pieces(&school, &form, &pieces, &content);
    }
}

#[test]
fn five_megabytes_come_back_byte_for_byte() {
    let school = School::new(&[]);
    let content = mixed_bytes(5_000_000);
    check_taken(&school, file_form("a", &content), &content);
}

#[test]
fn one_connection_carries_one_upload_after_the_other() {
    let school = School::new(&[]);
    let mut connection = school.server.connect();
    for size in [5_000_000, 0, 1_000_000, 70_000, 3_000_000, 300_000, 1] {
        let content = mixed_bytes(size);
        let call = school.send("admin", school.root, file_form("a", &content));
        let answer = connection.send(call.request());
        assert_eq!(answer.status, 201, "{size}: {answer:?}");
        assert!(
            content_of(&school, &answer.json()).body == content,
            "{size}"
        );
    }
}

/// A server on which files have at most this many bytes.
fn small(bytes_max: usize) -> School {
    let flags = ["--file-bytes-max", &bytes_max.to_string()];
    School::on(Server::with(&flags), &[])
}

#[test]
fn a_file_has_at_most_as_many_bytes_as_it_may_have() {
    for max in [0, 1, 1000, 262_144, 300_000] {
        let school = small(max);
        let content = mixed_bytes(max + 1);
        check_taken(&school, file_form("a", &content[..max]), &content[..max]);
        let call = school.send("admin", school.root, file_form("b", &content));
        call.refused(413);
        // However much else the form has.
        let other = "Content-Disposition: form-data; name=\"o\"";
        let parts: [(&str, &[u8]); 2] = [
            (other, &vec![b'o'; 500_000]),
            (&file_head("a"), &content[..max]),
        ];
        check_taken(&school, form_of(BOUNDARY, &parts), &content[..max]);
        assert_eq!(files_of(&school, school.root), ["a", "a"]);
        school.server.property("/pages/home", "p", "v");
        assert_eq!(rows_of(&school.server, &["upload"]), 0);
    }
}

#[test]
fn a_form_that_is_announced_too_large_is_not_read() {
    let school = small(1000);
    let most = 1000 + FORM_BYTES_MAX;
    let announce = |bytes: usize| {
        let call = school.send("admin", school.root, "");
        let request = call.request().clone();
        request
            .field("Content-Length", bytes.to_string())
            .field("Expect", "100-continue")
    };
    let mut connection = school.server.connect();
    connection.write(&announce(most).head());
    assert_eq!(connection.read_one("POST").status, 100);
    for bytes in [most + 1, 200 << 20, usize::MAX / 2] {
        let mut connection = school.server.connect();
        connection.write(&announce(bytes).head());
        let answer = connection.read_one("POST").is(413);
        answer.json_error();
        assert_eq!(answer.field("connection"), Some("close"), "{bytes}");
        assert!(connection.is_closed(), "{bytes}");
        // Nobody is kept from being told by what is sent all the same.
        let mut connection = school.server.connect();
        connection.write(&announce(bytes).without("Expect").head());
        connection.try_write(&b"x".repeat(100_000));
        connection.read("POST").is(413).json_error();
    }
    // A length that is none is refused by the protocol itself.
    for length in ["-1", "x", "1, 2"] {
        let request = announce(0)
            .without("Content-Length")
            .field("Content-Length", length);
        let mut connection = school.server.connect();
        connection.write(&request.head());
        assert!(
            connection.read_rest().starts_with("HTTP/1.1 400"),
            "{length}"
        );
    }
    assert_eq!(files_of(&school, school.root), NONE);
}

#[test]
fn without_a_length_it_is_411() {
    let school = School::new(&[]);
    let call = school.send("admin", school.root, file_form("a", b"x"));
    for size in [1, 10_000] {
        call.clone().chunked(size).refused(411);
    }
    assert!(!call.clone().chunked(8).expecting().is(411).continued);
    // Without a body there is none either.
    school.send("admin", school.root, "").refused(411);
    school
        .send("admin", school.root, "")
        .field("Content-Length", "0")
        .refused(400);
    assert_eq!(files_of(&school, school.root), NONE);
}

/// A form that is sent piece by piece, so that the test itself does not hold it.
struct Streamed {
    connection: Connection,
    /// What follows the content.
    tail: Vec<u8>,
}

/// Begins to send a form whose file has this many bytes, all of them `x`; what stands before them is sent.
fn begin(school: &School, before: &[(&str, &[u8])], bytes: usize) -> Streamed {
    let mut parts = before.to_vec();
    let head = file_head("large");
    parts.push((&head, b""));
    let frame = form_of(BOUNDARY, &parts);
    let tail = format!("\r\n--{BOUNDARY}--\r\n").into_bytes();
    let start = &frame[..frame.len() - tail.len()];
    let length = frame.len() + bytes;
    let call = school.send("admin", school.root, "");
    let call = call.field("Content-Length", length.to_string());
    let mut connection = school.server.connect();
    connection.write(&call.request().head());
    connection.write(start);
    Streamed { connection, tail }
}

impl Streamed {
    /// Sends this much of the content, and tells after each piece.
    fn send(&mut self, bytes: usize, mut told: impl FnMut()) {
        let piece = vec![b'x'; 256 << 10];
        let mut left = bytes;
        while left > 0 {
            let next = left.min(piece.len());
            self.connection.write(&piece[..next]);
            left -= next;
            told();
        }
    }

    fn finish(mut self) -> Answer {
        self.connection.write(&self.tail);
        self.connection.read("POST")
    }
}

/// How much memory a server has now, in bytes.
#[cfg(target_os = "linux")]
fn memory_of(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() << 10
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_of_100_mebibytes_goes_up_and_needs_no_memory_for_it() {
    let school = School::new(&[]);
    // What one upload needs anyhow is there.
    check_taken(
        &school,
        file_form("a", &mixed_bytes(1_000_000)),
        &mixed_bytes(1_000_000),
    );
    let idle = memory_of(&school.server);
    let mut most = idle;
    let mut upload = begin(&school, &[], FILE_BYTES_MAX);
    upload.send(FILE_BYTES_MAX, || {
        most = most.max(memory_of(&school.server));
    });
    let file = upload.finish().is(201).json();
    most = most.max(memory_of(&school.server));
    assert_eq!(
        (&file["byte"], &file["size"]),
        (&"104857600".into(), &"100Mb".into())
    );
    assert!(most - idle <= 32 << 20, "{} MiB more", (most - idle) >> 20);
    let path = format!("/files/{}", id_of(&file));
    let end = school
        .server
        .get(&path)
        .field("Range", "bytes=-3")
        .gives(206);
    assert_eq!(end.text(), "xxx");
    let head = school.server.request("HEAD", &path).gives(200);
    assert_eq!(head.field("content-length"), Some("104857600"));
}

#[test]
fn one_byte_more_than_100_mebibytes_is_413_and_leaves_nothing() {
    let school = School::new(&[]);
    let mut upload = begin(&school, &[], FILE_BYTES_MAX + 1);
    upload.send(FILE_BYTES_MAX + 1, || ());
    upload.finish().is(413).json_error();
    assert_eq!(files_of(&school, school.root), NONE);
    check_swept(&school.server);
}

#[cfg(target_os = "linux")]
#[test]
fn many_parts_before_a_large_file_need_no_memory_for_it() {
    let school = School::new(&[]);
    let many: Vec<(&str, &[u8])> = vec![("A: b", b""); 20_000];
    let form = form_of(
        BOUNDARY,
        &[&many[..], &[(&*file_head("a"), b"x")], &many[..5000]].concat(),
    );
    check_taken(&school, form, b"x");
    let idle = memory_of(&school.server);
    let mut most = idle;
    let bytes = 50 << 20;
    let mut upload = begin(&school, &many, bytes);
    upload.send(bytes, || most = most.max(memory_of(&school.server)));
    upload.finish().is(201);
    most = most.max(memory_of(&school.server));
    assert!(most - idle <= 32 << 20, "{} MiB more", (most - idle) >> 20);
}

/// A form with this before the content of its file, and without an end, is refused before it is held.
#[cfg(target_os = "linux")]
fn check_not_held(school: &School, start: &str, filler: &[u8]) {
    let idle = memory_of(&school.server);
    let bytes: usize = 100 << 20;
    let call = school.send("admin", school.root, "");
    let call = call.field("Content-Length", bytes.to_string());
    let mut connection = school.server.connect();
    connection.write(&call.request().head());
    connection.write(start.as_bytes());
    let piece = filler.repeat((1 << 20) / filler.len());
    // As far as the server takes it.
    for _ in 0..20 {
        connection.try_write(&piece);
    }
    let answer = connection.read("POST");
    assert_eq!(answer.status, 400, "{start:?}: {answer:?}");
    answer.json_error();
    let more = memory_of(&school.server).saturating_sub(idle);
    assert!(more <= 8 << 20, "{start:?}: {} MiB more", more >> 20);
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_content_has_a_bound() {
    let school = School::new(&[]);
    check_taken(
        &school,
        file_form("a", &mixed_bytes(2_000_000)),
        &mixed_bytes(2_000_000),
    );
    let (start, head) = (format!("--{BOUNDARY}\r\n"), file_head("a"));
    check_not_held(&school, "", b"preamble\r\n");
    check_not_held(&school, "", b"x");
    check_not_held(&school, &start, b"x");
    check_not_held(&school, &format!("{start}{head}\r\nX: "), b"x");
    check_not_held(&school, &format!("{start}{head}\r\n"), b"X: y\r\n");
    check_not_held(&school, &format!("--{BOUNDARY}"), b" \t");
    // Also after parts that are good.
    let first = format!("{start}{head}\r\n\r\ncontent\r\n--{BOUNDARY}\r\n");
    check_not_held(&school, &first, b"x");
    assert_eq!(files_of(&school, school.root), ["a"]);
    // A head that is long, and not too long.
    let long = format!("{head}\r\nX-Long: {}", "y".repeat(30_000));
    check_taken(&school, form_of(BOUNDARY, &[(&long, b"x")]), b"x");
}

/// The connection breaks after this part of the form.
fn check_broken(school: &School, form: &[u8], length: usize) {
    let call = school.send("admin", school.root, "");
    let call = call.field("Content-Length", length.to_string());
    let mut connection = school.server.connect();
    connection.write(&call.request().head());
    connection.write(form);
    let mut rest = connection.shutdown(Shutdown::Write);
    let mut told = Vec::new();
    std::io::Read::read_to_end(&mut rest, &mut told).unwrap();
    let told = String::from_utf8_lossy(&told);
    assert!(!told.starts_with("HTTP/1.1 2"), "{}: {told}", form.len());
    assert_eq!(files_of(school, school.root), NONE);
    check_swept(&school.server);
}

#[test]
fn an_upload_that_breaks_leaves_nothing() {
    let school = School::new(&[]);
    let form = file_form("a", &mixed_bytes(1_000_000));
    let whole = form.len();
    for sent in [
        0,
        10,
        100,
        200,
        5_000,
        300_000,
        700_000,
        whole - 30,
        whole - 3,
    ] {
        check_broken(&school, &form[..sent], whole);
    }
    // Gone without a word, in the middle of a piece.
    for sent in [100, 300_000] {
        let call = school.send("admin", school.root, "");
        let call = call.field("Content-Length", whole.to_string());
        let mut connection = school.server.connect();
        connection.write(&call.request().head());
        connection.write(&form[..sent]);
        drop(connection);
    }
    assert_eq!(files_of(&school, school.root), NONE);
}

#[test]
fn what_is_refused_at_last_leaves_no_content() {
    let school = School::new(&["member"]);
    let content = mixed_bytes(1_000_000);
    let other = "Content-Disposition: form-data; name=\"o\"; filename=\"o\"";
    for (form, code) in [
        (file_form("", &content), 422),
        (file_form("a%00b\u{7f}", &content), 400),
        (form_of(BOUNDARY, &[(other, &content)]), 422),
        (form_of(BOUNDARY, &[("Content-Type: x", &content)]), 422),
        (form_of("other", &[(&file_head("a"), &content)]), 400),
    ] {
        school.send("admin", school.root, form).refused(code);
        check_swept(&school.server);
    }
    school.set(format!("pages/{}", school.root), "allowUpload", "true");
    school.set(
        format!("pages/{}", school.root),
        "allowedFileType",
        "[\"pdf\"]",
    );
    school
        .send("member", school.root, file_form("a.exe", &content))
        .refused(422);
    check_swept(&school.server);
    assert_eq!(files_of(&school, school.root), NONE);
}

#[test]
fn what_a_killed_server_was_sent_is_swept() {
    let school = School::new(&[]);
    let root = school.root;
    let mut upload = begin(&school, &[], 2 << 20);
    upload.send(1 << 20, || ());
    // The pieces are on their way into the database: whatever of them is there goes.
    let Streamed { connection, .. } = upload;
    let dir = school.server.kill();
    drop(connection);
    let server = Server::on(dir, &[]);
    let list = server
        .get(format!("/api/folders/{root}/files"))
        .gives(200)
        .json();
    assert_eq!(list, Value::Array(Vec::new()));
    check_swept(&server);
}

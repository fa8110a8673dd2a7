//! Links to the bytes of a file that need no sign-in: signed, for an hour, for one revision (`redu.md` §6).

use crate::harness::{Answer, Call, Server, path_of};
use crate::school::{
    BOUNDARY, School, content_of, file_form, file_head, find_link, follow, form_of, id_of, link,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::Connection as Database;
use serde_json::Value;
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

/// The number, `Expires` and `Signature` of a raw link.
fn parts(href: &str) -> (i64, i64, &str) {
    let rest = path_of(href).strip_prefix("/api/files/").unwrap();
    let (id, rest) = rest.split_once("/raw/").unwrap();
    let (_, query) = rest.split_once("?Expires=").unwrap();
    let (expires, signature) = query.split_once("&Signature=").unwrap();
    (id.parse().unwrap(), expires.parse().unwrap(), signature)
}

/// The seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// The key with which a database signs its links.
fn key_of(server: &Server) -> Vec<u8> {
    let db = Database::open(server.db()).unwrap();
    let key = db.query_row("SELECT bytes FROM secret WHERE name = 'link'", [], |row| {
        row.get(0)
    });
    key.unwrap()
}

/// The path of a link that is signed here, as `redu.md` §6 says.
fn signed(key: &[u8], file: i64, revision: i64, expires: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("raw\n{file}\n{revision}\n{expires}").as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("/api/files/{file}/raw/x?Expires={expires}&Signature={signature}")
}

fn get<'a>(school: &'a School, path: &str) -> Call<'a> {
    school.get("nobody", path)
}

#[test]
fn a_link_gives_the_bytes_to_everybody_with_their_headers() {
    let school = School::new(&["member"]);
    let name = "é 1&2/\"x\".pdf";
    let head = format!(
        "{}\r\nContent-Type: application/pdf; v=1",
        file_head("é 1&2%22x%22.pdf")
    );
    let form = form_of(BOUNDARY, &[(&head, b"%PDF\0\r\n")]);
    let file = school.send("admin", school.root, form).gives(201).json();
    let name = name.replace("/\"", "\"");
    assert_eq!(file["name"], name);
    let file = school.shown("member", id_of(&file));
    let href = link(&file, "raw");
    let etag = {
        let answer = school
            .server
            .get(format!("/files/{}", id_of(&file)))
            .gives(200);
        answer.field("etag").unwrap().to_owned()
    };
    for call in [
        follow(&school, href),
        follow(&school, href).field("Authorization", "OAuth bad"),
        follow(&school, href).field("Authorization", "Basic !"),
        follow(&school, href).field("X-Authtoken", "bad"),
        school.get("admin", path_of(href)),
    ] {
        let answer = call.gives(200);
        assert_eq!(answer.body, b"%PDF\0\r\n");
        check_headers(&answer, &etag);
        assert_eq!(answer.field("content-length"), Some("7"));
    }
    let head = school.by("nobody", "HEAD", path_of(href)).gives(200);
    assert_eq!(head.body, b"");
    check_headers(&head, &etag);
    assert_eq!(head.field("content-length"), Some("7"));
}

fn check_headers(answer: &Answer, etag: &str) {
    for (name, value) in [
        ("content-type", "application/pdf; v=1"),
        (
            "content-disposition",
            "attachment; filename*=UTF-8''%C3%A9%201%262%22x%22.pdf",
        ),
        ("etag", etag),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox"),
        ("cache-control", "private"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{name}");
    }
    assert_eq!(answer.field("set-cookie"), None);
}

#[test]
fn a_link_is_good_for_an_hour_from_the_get_that_gave_it() {
    let school = School::new(&[]);
    let file = school.file(school.root, "a");
    let before = now();
    let shown = school.shown("admin", file);
    let (id, expires, signature) = parts(link(&shown, "raw"));
    assert_eq!(id, file);
    assert!(
        (before + 3600..=now() + 3601).contains(&expires),
        "{expires}"
    );
    // It is signed as the description says.
    let ours = signed(&key_of(&school.server), file, 1, expires);
    assert_eq!(parts(&format!("http://h{ours}")).2, signature);
    assert_eq!(key_of(&school.server).len(), 32);
    assert_ne!(
        key_of(&school.server),
        key_of(&Server::start()),
        "each database has its own"
    );
}

#[test]
fn a_link_ends_at_its_time() {
    let school = School::new(&[]);
    let file = school.file(school.root, "a");
    let (key, now) = (key_of(&school.server), now());
    for (expires, code) in [
        (now + 60, 200),
        (now + 1_000_000_000, 200),
        (i64::MAX, 200),
        (now - 2, 403),
        (now - 3600, 403),
        (1, 403),
        (0, 403),
        (-1, 403),
        (i64::MIN, 403),
    ] {
        let path = signed(&key, file, 1, expires);
        if code == 200 {
            assert_eq!(get(&school, &path).gives(200).text(), "content");
        } else {
            get(&school, &path).refused(code);
        }
    }
    // For another revision, or by another key.
    get(&school, &signed(&key, file, 2, now + 60)).refused(403);
    get(&school, &signed(&[0; 32], file, 1, now + 60)).refused(403);
}

#[test]
fn a_forged_link_is_403() {
    let school = School::new(&[]);
    let (file, other) = (school.file(school.root, "a"), school.file(school.root, "b"));
    let shown = school.shown("admin", file);
    let (_, expires, signature) = parts(link(&shown, "raw"));
    let query = |expires: &str, signature: &str| format!("Expires={expires}&Signature={signature}");
    let good = expires.to_string();
    let changed: String = {
        let (first, rest) = signature.split_at(1);
        let first = if first == "A" { "B" } else { "A" };
        format!("{first}{rest}")
    };
    let later = (expires + 1).to_string();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    // The last character has two bits that mean nothing: only one spelling counts.
    let last = signature.chars().last().unwrap();
    let sloppy = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = sloppy.find(last).unwrap();
    let sloppy = format!("{}{}", &signature[..42], &sloppy[at + 1..=at + 1]);
    let standard = STANDARD
        .encode(&bytes)
        .replace('+', "%2B")
        .replace('/', "%2F");
    for query in [
        String::new(),
        format!("Expires={good}"),
        format!("Signature={signature}"),
        query("", signature),
        query(&good, ""),
        query(&later, signature),
        query("99999999999", signature),
        query("99999999999999999999", signature),
        query(&format!("+{good}"), signature),
        query(&format!("%20{good}"), signature),
        query(&format!("0{good}x"), signature),
        query("now", signature),
        query(&good, &changed),
        query(&good, &signature[1..]),
        query(&good, &format!("{signature}A")),
        query(&good, &signature.to_uppercase()),
        query(&good, &format!("{signature}=")),
        query(&good, &standard),
        query(&good, &sloppy),
        query(&good, "%FF"),
        query(&good, &"A".repeat(43)),
        query(&good, &"A".repeat(5000)),
        format!("expires={good}&signature={signature}"),
    ] {
        let error = get(&school, &format!("/api/files/{file}/raw/a?{query}")).send();
        assert_eq!(error.status, 403, "{query}");
        error.json_error();
    }
    // A link to one file opens no other.
    let query = query(&good, signature);
    get(&school, &format!("/api/files/{other}/raw/a?{query}")).refused(403);
    // Nor does it open anything but the bytes.
    get(&school, &format!("/api/files/{file}?{query}")).refused(401);
    get(&school, &format!("/api/files/{file}/raw?{query}")).refused(401);
    for method in ["PUT", "POST", "DELETE"] {
        let path = format!("/api/files/{file}/raw/a?{query}");
        school.by("nobody", method, path).refused(405);
    }
    get(&school, &format!("/api/files/{file}/raw/a?{query}")).gives(200);
}

#[test]
fn the_name_in_a_link_is_for_the_reader_alone() {
    let school = School::new(&[]);
    let file = school.file(school.root, "a");
    let shown = school.shown("admin", file);
    let (_, expires, signature) = parts(link(&shown, "raw"));
    for name in ["a", "b", "%2E%2E", "%FF", "a%2Fb", "x=y", &"n".repeat(5000)] {
        let path = format!("/api/files/{file}/raw/{name}");
        for query in [
            format!("Expires={expires}&Signature={signature}"),
            format!("x=1&Signature={signature}&Expires={expires}&AWSAccessKeyId=k"),
        ] {
            let answer = get(&school, &format!("{path}?{query}")).gives(200);
            assert_eq!(answer.text(), "content");
            let disposition = answer.field("content-disposition");
            assert_eq!(disposition, Some("attachment; filename*=UTF-8''a"));
        }
    }
}

/// What a range of the content gives: the status, the bytes, and `Content-Range`.
fn check_range(
    school: &School,
    href: &str,
    range: &str,
    code: u16,
    body: &str,
    told: Option<&str>,
) {
    for method in ["GET", "HEAD"] {
        let call = school
            .by("nobody", method, path_of(href))
            .field("Range", range);
        let answer = call.gives(code);
        assert_eq!(answer.field("content-range"), told, "{method} {range}");
        if code == 416 {
            continue;
        }
        let length = body.len().to_string();
        assert_eq!(
            answer.field("content-length"),
            Some(&*length),
            "{method} {range}"
        );
        if method == "GET" {
            assert_eq!(answer.text(), body, "{range}");
        }
    }
}

#[test]
fn one_range_is_a_part_and_several_are_the_whole() {
    let school = School::new(&[]);
    let file = school.upload("admin", school.root, "a", b"0123456789");
    let href = link(&file, "raw");
    let whole = "0123456789";
    for (range, code, body, told) in [
        ("bytes=0-0", 206, "0", Some("bytes 0-0/10")),
        ("bytes=2-4", 206, "234", Some("bytes 2-4/10")),
        ("bytes=7-", 206, "789", Some("bytes 7-9/10")),
        ("bytes=7-99", 206, "789", Some("bytes 7-9/10")),
        ("bytes=-3", 206, "789", Some("bytes 7-9/10")),
        ("bytes=-99", 206, whole, Some("bytes 0-9/10")),
        ("bytes=10-", 416, "", Some("bytes */10")),
        ("bytes=99-100", 416, "", Some("bytes */10")),
        ("bytes=-0", 416, "", Some("bytes */10")),
        ("bytes=0-1,3-4", 200, whole, None),
        ("bytes=4-2", 200, whole, None),
        ("bytes=x", 200, whole, None),
        ("lines=0-1", 200, whole, None),
        ("0-1", 200, whole, None),
    ] {
        check_range(&school, href, range, code, body, told);
    }
    follow(&school, href)
        .field("Range", "bytes=10-")
        .refused(416);
    let empty = school.upload("admin", school.root, "e", b"");
    check_range(
        &school,
        link(&empty, "raw"),
        "bytes=0-",
        416,
        "",
        Some("bytes */0"),
    );
    assert_eq!(content_of(&school, &empty).body, b"");
}

#[test]
fn ranges_of_a_large_file_cross_its_pieces() {
    let school = School::new(&[]);
    let content: Vec<u8> = (0..600_000_u32).flat_map(u32::to_be_bytes).collect();
    let file = school.upload("admin", school.root, "a", &content);
    let href = link(&file, "raw");
    for (start, end) in [
        (0, 0),
        (262_143, 262_144),
        (262_144, 524_287),
        (100_000, 900_000),
        (2_399_999, 2_399_999),
        (0, 2_399_999),
    ] {
        let call = follow(&school, href).field("Range", format!("bytes={start}-{end}"));
        assert!(
            call.gives(206).body == content[start..=end],
            "{start}-{end}"
        );
    }
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let school = School::new(&[]);
    let file = school.upload("admin", school.root, "a", b"0123456789");
    let href = link(&file, "raw");
    let etag = follow(&school, href)
        .gives(200)
        .field("etag")
        .unwrap()
        .to_owned();
    let asking = |condition: &str| follow(&school, href).field("If-None-Match", condition);
    for condition in [&*etag, "*", &format!("W/{etag}"), &format!("\"x\", {etag}")] {
        let answer = asking(condition).gives(304);
        assert_eq!(answer.field("etag"), Some(&*etag));
        assert_eq!(answer.field("cache-control"), Some("private"));
        assert_eq!(answer.body, b"");
        asking(condition).field("Range", "bytes=0-1").gives(304);
    }
    assert_eq!(asking("\"x\"").gives(200).text(), "0123456789");
    let part = |condition: &str| {
        let call = follow(&school, href).field("Range", "bytes=0-1");
        call.field("If-Range", condition)
    };
    part(&etag).gives(206);
    part("\"x\"").gives(200);
    part(&format!("W/{etag}")).gives(200);
    // What may not be seen is not even unchanged.
    let forged = href.replace("Expires=", "Expires=9");
    follow(&school, &forged)
        .field("If-None-Match", etag)
        .refused(403);
}

#[test]
fn new_content_needs_a_new_link() {
    let school = School::new(&[]);
    let file = school.file(school.root, "a");
    let old = school.shown("admin", file);
    let old = link(&old, "raw");
    school
        .server
        .put(format!("/files/{file}"))
        .typed("text/html", "new")
        .gives(200);
    follow(&school, old).refused(403);
    follow(&school, old)
        .field("If-None-Match", "*")
        .refused(403);
    let new = school.shown("admin", file);
    assert_eq!(
        (&new["byte"], &new["mimetype"]),
        (&"3".into(), &"text/html".into())
    );
    let answer = content_of(&school, &new);
    assert_eq!(
        (answer.text(), answer.field("content-type")),
        ("new", Some("text/html"))
    );
    // Properties are no content.
    school.server.property(&format!("/files/{file}"), "p", "v");
    follow(&school, link(&new, "raw")).gives(200);
}

#[test]
fn of_what_was_deleted_no_link_is_left() {
    let school = School::new(&[]);
    let folder = school.folder(school.root, "f");
    let (file, deep) = (school.file(school.root, "a"), school.file(folder, "b"));
    let by_mindtouch = school.file(school.root, "c");
    let links = [file, deep, by_mindtouch].map(|id| school.shown("admin", id));
    let links = links.each_ref().map(|shown| link(shown, "raw"));
    for href in links {
        follow(&school, href).gives(200);
    }
    school
        .server
        .delete(format!("/api/files/{file}"))
        .gives(204);
    school
        .server
        .delete(format!("/api/folders/{folder}"))
        .gives(204);
    school
        .server
        .delete(format!("/files/{by_mindtouch}"))
        .gives(200);
    for href in links {
        follow(&school, href).refused(404);
        follow(&school, href)
            .field("If-None-Match", "*")
            .refused(404);
    }
    // What is not there is not there, however the link is signed.
    for id in [999, school.root, school.space, 1] {
        get(
            &school,
            &format!("/api/files/{id}/raw/a?Expires=1&Signature=x"),
        )
        .refused(404);
        get(&school, &signed(&key_of(&school.server), id, 1, now() + 60)).refused(404);
    }
}

#[test]
fn a_weblink_has_no_bytes() {
    let school = School::new(&["member", "tutor"]);
    let file = school.file(school.root, "a");
    let shown = school.shown("admin", file);
    let old = link(&shown, "raw");
    school.set(format!("files/{file}"), "url", "https://example.org/x");
    for who in ["member", "tutor", "admin"] {
        assert_eq!(find_link(&school.shown(who, file), "raw"), None, "{who}");
    }
    follow(&school, old).refused(404);
    school
        .server
        .delete(format!("/files/{file}/properties/luminus.url"))
        .gives(200);
    follow(&school, old).gives(200);
    assert!(find_link(&school.shown("member", file), "raw").is_some());
}

#[test]
fn links_survive_a_restart() {
    let mut school = School::new(&[]);
    let file = school.upload("admin", school.root, "a", b"kept");
    let href = link(&file, "raw").to_owned();
    let follow_on = |server: &Server| {
        let call = server.request("GET", path_of(&href)).anonymous();
        assert_eq!(call.gives(200).text(), "kept");
    };
    follow_on(&school.server);
    school.server.signal("TERM");
    assert!(school.server.wait().success());
    let again = Server::on(school.server.dir(), &[]);
    follow_on(&again);
    // Also if it did not end in order.
    let again = Server::on(again.kill(), &[]);
    follow_on(&again);
}

#[test]
fn a_link_that_was_given_is_good_whatever_the_rights_are_now() {
    let school = School::new(&["member"]);
    let file = school.file(school.root, "a");
    let shown: Value = school.shown("member", file);
    let href = link(&shown, "raw");
    school.set(format!("files/{file}"), "publish", "false");
    school
        .get("member", format!("/api/files/{file}"))
        .refused(403);
    follow(&school, href).gives(200);
}

#[test]
fn who_submits_files_cannot_have_them_run_in_a_browser() {
    let school = School::new(&[]);
    let head = format!("{}\r\nContent-Type: text/html", file_head("a.html"));
    let form = form_of(BOUNDARY, &[(&head, b"<script>alert(1)</script>")]);
    let file = school.send("admin", school.root, form).gives(201).json();
    let answer = content_of(&school, &file);
    assert_eq!(answer.field("content-type"), Some("text/html"));
    assert_eq!(answer.field("content-security-policy"), Some("sandbox"));
    assert!(
        answer
            .field("content-disposition")
            .unwrap()
            .starts_with("attachment;")
    );
    // Lists and errors are JSON and nothing else, whatever is called so.
    school
        .send("admin", school.root, file_form("<b>", b"x"))
        .gives(201);
    let list = school
        .get("admin", format!("/api/folders/{}/files", school.root))
        .gives(200);
    assert_eq!(list.field("x-content-type-options"), Some("nosniff"));
}

//! Files: uploads, revisions, downloads and their end (`mindtouch.md` §13).

use crate::harness::{Answer, Call, Node, Server, assert_time, path_of};
use rusqlite::Connection as Database;
use std::io::Read;
use std::net::Shutdown;

const ON_HOME: &str = "/pages/home/files/=";

/// Uploads, and reads the answer.
fn upload(server: &Server, path: &str, media_type: &str, body: &str) -> Node {
    server.put(path).typed(media_type, body).gives(200).xml()
}

fn content(server: &Server, path: &str) -> String {
    server.get(path).gives(200).text().to_owned()
}

#[test]
fn an_upload_answers_the_file_in_its_order() {
    let server = Server::start();
    let file = upload(
        &server,
        &format!("{ON_HOME}a%2520b.txt"),
        "text/plain",
        "hello",
    );
    assert_eq!(file.name, "file");
    assert_eq!(file.attribute_names(), ["id", "revision", "res-id", "href"]);
    let id = file.attr("id");
    assert_eq!((file.attr("revision"), file.attr("res-id")), ("1", id));
    let base = format!("http://{}/@api/deki", server.address());
    assert_eq!(file.attr("href"), format!("{base}/files/{id}/info"));
    let names = "filename description contents date.created user.createdby revisions page.parent";
    assert_eq!(file.names().join(" "), names);
    assert_eq!(file.child("filename").text, "a b.txt");
    assert_eq!(file.child("description").text, "");
    let contents = file.child("contents");
    assert_eq!(contents.attribute_names(), ["type", "size", "href"]);
    assert_eq!(
        (contents.attr("type"), contents.attr("size")),
        ("text/plain", "5")
    );
    assert_eq!(
        contents.attr("href"),
        format!("{base}/files/{id}/=a%2bb.txt")
    );
    assert_time(&file.child("date.created").text);
    assert_eq!(
        file.child("user.createdby").attr("href"),
        format!("{base}/users/1")
    );
    assert_eq!(
        file.child("revisions").attribute_names(),
        ["count", "totalcount", "href"]
    );
    assert_eq!(file.child("revisions").attr("count"), "1");
    assert_eq!(file.child("page.parent").attr("id"), "1");
    assert_eq!(
        server.get(format!("/files/{id}/info")).gives(200).xml(),
        file
    );
    assert_eq!(content(&server, path_of(contents.attr("href"))), "hello");
}

#[test]
fn the_same_name_again_is_a_revision_of_the_same_file() {
    let server = Server::start();
    let path = format!("{ON_HOME}a.txt");
    let first = upload(&server, &path, "text/plain", "one");
    let id = first.attr("id").to_owned();
    server.property(&format!("/files/{id}"), "p", "v");
    for (path, body, revision) in [
        (path.clone(), "two", "2"),
        ("/pages/1/files/a.txt".to_owned(), "three", "3"),
        (format!("/files/{id}"), "four", "4"),
        (format!("/files/{id}/=a.txt"), "five", "5"),
    ] {
        let file = upload(&server, &path, "text/html", body);
        assert_eq!((file.attr("id"), file.attr("revision")), (&*id, revision));
        assert_eq!(file.child("revisions").attr("count"), revision);
        assert_eq!(file.child("contents").attr("type"), "text/html");
        assert_eq!(content(&server, &format!("/files/{id}")), body);
    }
    let other = upload(&server, &format!("{ON_HOME}A.txt"), "text/plain", "other");
    assert_ne!(other.attr("id"), id);
    // Properties stay with the file.
    assert_eq!(content(&server, &format!("/files/{id}/properties/p")), "v");
    let info = server.get(format!("/files/{id}/info")).gives(200).xml();
    assert_eq!(info.child("properties").attr("count"), "1");
    assert_eq!(
        info.child("properties")
            .property("p")
            .child("contents")
            .text,
        "v"
    );
}

#[test]
fn each_revision_can_be_fetched() {
    let server = Server::start();
    let path = format!("{ON_HOME}a.txt");
    let id = upload(&server, &path, "text/plain", "one")
        .attr("id")
        .to_owned();
    let file = format!("/files/{id}");
    upload(&server, &path, "text/html", "two");
    upload(&server, &format!("{file}/=b.txt"), "text/css", "three");
    for (query, body, media_type) in [
        ("?revision=1", "one", "text/plain"),
        ("?revision=2", "two", "text/html"),
        ("?revision=3", "three", "text/css"),
        ("?revision=head", "three", "text/css"),
        ("?revision=0", "three", "text/css"),
        ("", "three", "text/css"),
    ] {
        let answer = server.get(format!("{file}{query}")).gives(200);
        assert_eq!(
            (answer.text(), answer.field("content-type")),
            (body, Some(media_type))
        );
    }
    let first = server
        .get(format!("{file}/info?revision=1"))
        .gives(200)
        .xml();
    assert_eq!(
        (first.attr("revision"), &*first.child("filename").text),
        ("1", "a.txt")
    );
    assert_eq!(first.child("contents").attr("size"), "3");
    assert_eq!(first.child("revisions").attr("count"), "3");
    server
        .get(format!("{file}?revision=4"))
        .fails(404, "Could not find requested file attachment revision");
    for bad in ["x", "-1", "1.5"] {
        server
            .get(format!("{file}?revision={bad}"))
            .fails(400, "invalid value for feature parameter 'revision'");
    }
}

#[test]
fn a_file_is_renamed_by_its_next_revision_unless_the_name_is_taken() {
    let server = Server::start();
    let a = server.file("a");
    server.file("b");
    let renamed = upload(&server, &format!("{a}/=c"), "text/plain", "new");
    assert_eq!(
        (&*renamed.child("filename").text, renamed.attr("revision")),
        ("c", "2")
    );
    server
        .put(format!("{a}/=b"))
        .text("x")
        .fails(409, "A file named 'b' already exists.");
    assert_eq!(content(&server, &format!("{ON_HOME}c")), "new");
    server
        .get(format!("{ON_HOME}a"))
        .fails(404, "Could not find requested file attachment");
    assert_eq!(content(&server, &format!("{ON_HOME}b")), "content");
    // The old name is free again.
    assert_ne!(server.file("a"), a);
}

#[test]
fn content_is_served_with_its_headers_under_each_of_its_paths() {
    let server = Server::start();
    let file = server.file("a.txt");
    let etag = server
        .get(&file)
        .gives(200)
        .field("etag")
        .unwrap()
        .to_owned();
    assert!(
        etag.starts_with(&format!("\"{}.r1_ts", file.trim_start_matches("/files/"))),
        "{etag}"
    );
    for path in [
        file.clone(),
        format!("{file}/=a.txt"),
        format!("{ON_HOME}a.txt"),
        "/pages/home/files/a.txt".to_owned(),
    ] {
        let (get, head) = (
            server.get(&path).gives(200),
            server.request("HEAD", &path).gives(200),
        );
        assert_eq!((get.text(), head.body.len()), ("content", 0));
        for answer in [get, head] {
            for (name, value) in [
                ("content-type", "text/plain"),
                ("content-length", "7"),
                ("etag", &*etag),
                ("accept-ranges", "bytes"),
                ("x-content-type-options", "nosniff"),
                ("content-security-policy", "sandbox"),
                ("content-disposition", "inline; filename=\"a.txt\""),
                ("x-deki-site", "id=\"default\""),
            ] {
                assert_eq!(answer.field(name), Some(value), "{path} {name}");
            }
            assert!(answer.field("last-modified").unwrap().ends_with(" GMT"));
        }
    }
}

#[test]
fn what_a_browser_could_run_is_saved_and_not_shown() {
    let server = Server::start();
    for (media_type, name, disposition) in [
        ("image/png", "a.png", "inline; filename=\"a.png\""),
        ("text/html", "a.html", "attachment; filename=\"a.html\""),
        ("image/svg+xml", "a.svg", "attachment; filename=\"a.svg\""),
        (
            "text/plain",
            "%2522%255C.txt",
            "inline; filename=\"__.txt\"; filename*=UTF-8''%22%5C.txt",
        ),
        (
            "a/b",
            "%25C3%25A9",
            "attachment; filename=\"_\"; filename*=UTF-8''%C3%A9",
        ),
    ] {
        let path = format!("{ON_HOME}{name}");
        server.put(&path).typed(media_type, "x").gives(200);
        let answer = server.get(&path).gives(200);
        assert_eq!(answer.field("content-disposition"), Some(disposition));
    }
}

#[test]
fn what_has_not_changed_is_304() {
    let server = Server::start();
    let file = server.file("a");
    let first = server.get(&file).gives(200);
    let (etag, time) = (
        first.field("etag").unwrap(),
        first.field("last-modified").unwrap(),
    );
    let check = |name: &str, value: &str, status| {
        let answer = server.get(&file).field(name, value).gives(status);
        assert_eq!(answer.field("etag"), Some(etag));
        assert_eq!(answer.body.is_empty(), status == 304);
    };
    check("If-None-Match", etag, 304);
    check("If-None-Match", &format!("W/{etag}"), 304);
    check("If-None-Match", "*", 304);
    check("If-None-Match", "\"x\"", 200);
    check("If-Modified-Since", time, 304);
    check("If-Modified-Since", "Fri, 20 Mar 2009 23:52:50 GMT", 200);
    check("If-Modified-Since", "yesterday", 200);
    let both = server
        .get(&file)
        .field("If-None-Match", "\"x\"")
        .field("If-Modified-Since", time);
    both.gives(200);
    upload(&server, &file, "text/plain", "new");
    server.get(&file).field("If-None-Match", etag).gives(200);
}

/// The part of `0123456789` that `Range` gives, with `Content-Range`.
fn check_range(server: &Server, file: &str, range: &str, expected: Option<(&str, &str)>) {
    let answer = server.get(file).field("Range", range).send();
    match expected {
        Some((text, field)) => {
            assert_eq!((answer.status, answer.text()), (206, text), "{range}");
            assert_eq!(answer.field("content-range"), Some(field));
        }
        None => assert_eq!(
            (answer.status, answer.text()),
            (200, "0123456789"),
            "{range}"
        ),
    }
}

#[test]
fn a_range_gives_a_part() {
    let server = Server::start();
    let file = server.file("a");
    upload(&server, &file, "text/plain", "0123456789");
    for (range, text, field) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-30", "0123456789", "bytes 0-9/10"),
        ("bytes=5-99999999999", "56789", "bytes 5-9/10"),
    ] {
        check_range(&server, &file, range, Some((text, field)));
    }
    for range in [
        "bytes=3-2",
        "bytes=0-1,3-4",
        "lines=0-1",
        "bytes=",
        "bytes=x-y",
    ] {
        check_range(&server, &file, range, None);
    }
    for range in ["bytes=10-", "bytes=-0", "bytes=99-100"] {
        let answer = server.get(&file).field("Range", range).gives(416);
        assert_eq!(answer.field("content-range"), Some("bytes */10"));
        assert!(answer.message().contains("10 bytes"));
    }
    let etag = server
        .get(&file)
        .gives(200)
        .field("etag")
        .unwrap()
        .to_owned();
    let part = |etag: &str| {
        server
            .get(&file)
            .field("Range", "bytes=0-1")
            .field("If-Range", etag)
            .send()
    };
    assert_eq!(part(&etag).status, 206);
    assert_eq!(part("\"x\"").status, 200);
    let head = server
        .request("HEAD", &file)
        .field("Range", "bytes=0-1")
        .gives(206);
    assert_eq!(head.field("content-length"), Some("2"));
}

#[test]
fn an_empty_file_is_a_file() {
    let server = Server::start();
    let file = upload(&server, &format!("{ON_HOME}a"), "text/plain", "");
    assert_eq!(file.child("contents").attr("size"), "0");
    let path = format!("/files/{}", file.attr("id"));
    assert_eq!(content(&server, &path), "");
    server.get(&path).field("Range", "bytes=0-").gives(416);
}

#[test]
fn a_description_is_a_property() {
    let server = Server::start();
    let path = format!("{ON_HOME}a");
    let property = "properties/urn:deki.mindtouch.com%2523description";
    let file = upload(
        &server,
        &format!("{path}?description=first%20%C3%A9"),
        "a/b",
        "x",
    );
    assert_eq!(file.child("description").text, "first é");
    let id = file.attr("id");
    assert_eq!(
        content(&server, &format!("/files/{id}/{property}")),
        "first é"
    );
    // An upload that says nothing of it leaves it.
    let file = upload(&server, &path, "a/b", "y");
    assert_eq!(file.child("description").text, "first é");
    server
        .put(format!("/files/{id}/{property}?abort=never"))
        .text("second")
        .gives(200);
    let info = server.get(format!("/files/{id}/info")).gives(200).xml();
    assert_eq!(info.child("description").text, "second");
    let long = "d".repeat(1100);
    let file = upload(&server, &format!("{path}?description={long}"), "a/b", "z");
    assert_eq!(file.child("description").text, "d".repeat(1024));
}

#[test]
fn a_deleted_file_has_been_removed_and_its_name_makes_a_new_one() {
    let server = Server::start();
    let file = server.file("a");
    server.property(&file, "p", "v");
    assert!(server.delete(&file).gives(200).body.is_empty());
    for call in [
        server.delete(&file),
        server.get(&file),
        server.get(format!("{file}?revision=1")),
        server.get(format!("{file}/info")),
        server.get(format!("{file}/properties")),
        server.get(format!("{file}/properties/p")),
        server
            .put(format!("{file}/properties"))
            .xml("<properties/>"),
        server.put(&file).text("x"),
    ] {
        call.fails(404, "File has been removed");
    }
    server
        .get(format!("{ON_HOME}a"))
        .fails(404, "Could not find requested file attachment");
    let again = server.file("a");
    assert_ne!(again, file);
    let list = server.get(format!("{again}/properties")).gives(200).xml();
    assert_eq!(list.attr("count"), "0");
    server.delete(format!("{ON_HOME}a")).gives(200);
    server.get(&again).fails(404, "File has been removed");
}

#[test]
fn names_are_kept_byte_for_byte_up_to_500_characters() {
    let server = Server::start();
    for (encoded, name) in [
        ("%252E.", ".."),
        ("a%252Fb", "a/b"),
        ("%25F0%259D%2592%25B3", "𝒳"),
        ("A+B", "A B"),
        ("e%25CC%2581", "e\u{301}"),
        (&*"x".repeat(500), &*"x".repeat(500)),
    ] {
        let file = upload(&server, &format!("{ON_HOME}{encoded}"), "text/plain", "v");
        assert_eq!(file.child("filename").text, name);
        let href = path_of(file.child("contents").attr("href")).to_owned();
        assert_eq!(content(&server, &href), "v");
    }
}

#[test]
fn a_name_that_is_none_is_400() {
    let server = Server::start();
    for name in [
        "",
        "%2520",
        "%2500",
        "%2501",
        "a%250A",
        "%257F",
        "%25EF%25BF%25BF",
        &"x".repeat(501),
    ] {
        let message = server
            .put(format!("{ON_HOME}{name}"))
            .text("v")
            .gives(400)
            .message();
        assert!(
            message.starts_with("Filename is invalid"),
            "{name}: {message}"
        );
    }
    server
        .put("/pages/home/files/name")
        .text("v")
        .fails(400, "Missing filename");
}

/// Bytes without a pattern that could hide a piece in the wrong place.
fn bytes(count: u32) -> Vec<u8> {
    (0..count)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1])
        .collect()
}

#[test]
fn twenty_megabytes_go_up_and_come_down_byte_for_byte() {
    let server = Server::start();
    let body = bytes(20 << 20);
    let send = |call: Call<'_>| call.typed("application/zip", &body).gives(200).xml();
    let file = send(server.put(format!("{ON_HOME}a.zip")));
    assert_eq!(file.child("contents").attr("size"), body.len().to_string());
    let path = format!("/files/{}", file.attr("id"));
    assert!(server.get(&path).gives(200).body == body);
    let part = server
        .get(&path)
        .field("Range", "bytes=1000000-12345678")
        .gives(206);
    assert!(part.body == body[1_000_000..=12_345_678]);
    let again = send(server.put(&path).chunked(77_777));
    assert_eq!(again.attr("revision"), "2");
    assert!(server.get(&path).gives(200).body == body);
    assert!(server.get(format!("{path}?revision=1")).gives(200).body == body);
}

#[test]
fn a_file_over_the_limit_is_413() {
    let server = Server::with(&["--file-bytes-max", "100000"]);
    let file = server.file("a");
    let (most, more) = (bytes(100_000), bytes(100_001));
    for path in [format!("{ON_HOME}b"), file.clone(), format!("{file}/=c")] {
        let put = |body: &[u8]| server.put(&path).body(body);
        put(&more).fails(413, "Max file size is 100000 bytes.");
        put(&more)
            .chunked(5000)
            .fails(413, "Max file size is 100000 bytes.");
        assert!(!put(&more).expecting().continued);
        put(&most).chunked(5000).gives(200);
    }
    assert!(server.get(&file).gives(200).body == most);
}

#[test]
fn by_default_a_file_has_at_most_100_mib() {
    let server = Server::start();
    let put = server
        .put(format!("{ON_HOME}a"))
        .field("Content-Length", "104857601");
    let answer = put.expecting();
    assert!(!answer.continued);
    assert_eq!(
        answer.is(413).message(),
        "Max file size is 104857600 bytes."
    );
    let put = server
        .put(format!("{ON_HOME}a"))
        .field("Content-Length", "104857600");
    let request = put.request().clone().field("Expect", "100-continue");
    let mut connection = server.connect();
    connection.write(&request.head());
    assert_eq!(connection.read_one("PUT").status, 100);
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let server = Server::start();
    let put = server
        .put(format!("{ON_HOME}a"))
        .field("Content-Length", "20000000");
    let mut connection = server.connect();
    connection.write(&put.request().head());
    connection.write(&bytes(5_000_000));
    let mut rest = connection.shutdown(Shutdown::Write);
    let mut told = Vec::new();
    rest.read_to_end(&mut told).unwrap();
    assert!(
        !told.starts_with(b"HTTP/1.1 2"),
        "{}",
        String::from_utf8_lossy(&told)
    );
    server
        .get(format!("{ON_HOME}a"))
        .fails(404, "Could not find requested file attachment");
    // The writer does one thing after the other: when this is written, the pieces are gone.
    server.property("/pages/home", "p", "v");
    let db = Database::open(server.db()).unwrap();
    let count: i64 = db
        .query_row("SELECT count(*) FROM chunk", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 0);
}

#[test]
fn files_need_the_right_to_read_or_to_update_their_page() {
    let server = Server::start();
    server.account("vera", "pw", "Viewer");
    let file = server.file("a");
    let put = || server.put(format!("{ON_HOME}b")).text("x");
    let (revise, remove) = (|| server.put(&file).text("x"), || server.delete(&file));
    for call in [put(), revise(), remove()] {
        assert!(
            call.clone()
                .anonymous()
                .gives(401)
                .field("www-authenticate")
                .is_some()
        );
        call.user("vera", "pw").gives(403);
    }
    let read = |call: Call<'_>| -> Answer { call.gives(200) };
    assert_eq!(read(server.get(&file).anonymous()).text(), "content");
    assert_eq!(read(server.get(&file).user("vera", "pw")).text(), "content");
}

#[test]
fn all_revisions_of_a_file_are_listed_oldest_first() {
    let server = Server::start();
    let path = format!("{ON_HOME}a.txt");
    let id = upload(&server, &path, "text/plain", "one")
        .attr("id")
        .to_owned();
    upload(&server, &path, "text/html", "second");
    upload(&server, &format!("/files/{id}/=b.txt"), "text/css", "3");
    for path in [
        format!("/files/{id}/revisions"),
        format!("{ON_HOME}b.txt/revisions"),
    ] {
        let files = server.get(path).anonymous().gives(200).xml();
        assert_eq!((files.name.as_str(), files.attr("count")), ("files", "3"));
        assert!(
            files
                .attr("href")
                .ends_with(&format!("/files/{id}/revisions"))
        );
        let told: Vec<String> = files
            .all("file")
            .into_iter()
            .map(|file| {
                let contents = file.child("contents");
                format!(
                    "{} {} {} {} {}",
                    file.attr("revision"),
                    file.child("filename").text,
                    contents.attr("type"),
                    contents.attr("size"),
                    file.child("revisions").attr("count")
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "1 a.txt text/plain 3 3",
                "2 a.txt text/html 6 3",
                "3 b.txt text/css 1 3"
            ]
        );
    }
    server.delete(format!("/files/{id}")).gives(200);
    server
        .get(format!("/files/{id}/revisions"))
        .fails(404, "File has been removed");
}

#[test]
fn the_description_is_a_text_and_the_property_of_that_name() {
    let server = Server::start();
    let file = server.file("a.txt");
    let description = format!("{file}/description");
    let text = |expected: &str| {
        let answer = server.get(&description).anonymous().gives(200);
        assert_eq!(
            answer.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(answer.text(), expected);
    };
    text("");
    server.put(&description).text("gr\u{fc}n").gives(200);
    text("gr\u{fc}n");
    let document = server.get(format!("{file}/info")).gives(200).xml();
    assert_eq!(document.child("description").text, "gr\u{fc}n");
    let property = format!("{file}/properties/urn%253Adeki.mindtouch.com%2523description");
    assert_eq!(content(&server, &property), "gr\u{fc}n");
    server
        .put(format!("{property}?abort=never"))
        .text("again")
        .gives(200);
    text("again");
    server.delete(&description).gives(200);
    text("");
    assert_eq!(content(&server, &property), "");
    server.put(&description).anonymous().text("x").gives(401);
}

#[test]
fn each_of_racing_uploads_is_told_its_own_revision() {
    let server = Server::start();
    let path = format!("{ON_HOME}race.txt");
    let told: Vec<(String, String)> = std::thread::scope(|scope| {
        let uploads: Vec<_> = (1..=8)
            .map(|size| {
                let (server, path) = (&server, &path);
                scope.spawn(move || {
                    let file = upload(server, path, "text/plain", &"x".repeat(size));
                    assert_eq!(file.child("contents").attr("size"), size.to_string());
                    (file.attr("revision").to_owned(), size.to_string())
                })
            })
            .collect();
        uploads
            .into_iter()
            .map(|upload| upload.join().unwrap())
            .collect()
    });
    for (revision, size) in told {
        let stored = server.get(format!("{path}?revision={revision}")).gives(200);
        assert_eq!(stored.text().len().to_string(), size, "revision {revision}");
    }
}

#[test]
fn a_file_is_changed_only_at_the_revision_that_is_demanded() {
    let server = Server::start();
    let file = server.file("a");
    let etag = || {
        server
            .get(&file)
            .gives(200)
            .field("etag")
            .unwrap()
            .to_owned()
    };
    let first = etag();
    let put = |path: &str| server.put(path).text("two");
    put(&file).field("If-Match", &first).gives(200);
    let by_name = "/pages/home/files/=a";
    for call in [
        put(&file),
        put(by_name),
        server.delete(&file),
        server.delete(by_name),
    ] {
        let answer = call.clone().field("If-Match", &first).gives(412);
        let told = answer.message();
        assert!(told.contains(etag().trim_matches('"')), "{told}");
        call.field("If-None-Match", "*").gives(412);
    }
    put(by_name).field("If-None-Match", etag()).gives(412);
    put("/pages/home/files/=new")
        .field("If-Match", "*")
        .gives(412);
    put("/pages/home/files/=new")
        .field("If-None-Match", "*")
        .gives(200);
    assert_eq!(server.get(&file).gives(200).text(), "two");
    server.delete(&file).field("If-Match", etag()).gives(200);
}

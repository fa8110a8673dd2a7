//! Folders and files as JSON: routes, rights, the order of checks, names, lists, links and credentials (`redu.md` §1-§3,
//! §5; `dialects-common.md` §3, §4).

use crate::harness::{Answer, Call, Server, basic};
use crate::school::{
    EVERYBODY, PEOPLE, School, WORD, blamed, file_form, find_link, form_type, id_of, link, named,
    rels, segment,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A request of the tables: `F` stands for a folder, `A` for a file in it, `S` for the space, and `N` for a number that is new.
struct Row {
    method: &'static str,
    path: &'static str,
    body: &'static str,
    codes: [u16; 8],
}

const fn row(method: &'static str, path: &'static str, body: &'static str, codes: [u16; 8]) -> Row {
    Row {
        method,
        path,
        body,
        codes,
    }
}

const READING: [u16; 8] = [401, 401, 403, 200, 200, 200, 200, 200];
const FOLDER: &str = r#"{"folder":{"name":"made"}}"#;
const ENROLLMENT: &str = r#"{"enrollment":{"login":"extra","role":"member"}}"#;

/// What `redu.md` §2, §3 and `dialects-common.md` §5 say of each route.
const ROUTES: [Row; 17] = [
    row("GET", "folders/F", "", READING),
    row("GET", "folders/F/folders", "", READING),
    row("GET", "folders/F/files", "", READING),
    row("GET", "spaces/S/folders", "", READING),
    row("GET", "spaces/S", "", READING),
    row("GET", "files/A", "", READING),
    row(
        "GET",
        "users/extra",
        "",
        [401, 401, 200, 200, 200, 200, 200, 200],
    ),
    row(
        "POST",
        "folders/F/folders",
        FOLDER,
        [401, 401, 403, 403, 201, 201, 201, 201],
    ),
    row(
        "POST",
        "spaces/S/folders",
        FOLDER,
        [401, 401, 403, 403, 201, 201, 201, 201],
    ),
    row(
        "PUT",
        "folders/F",
        FOLDER,
        [401, 401, 403, 403, 200, 200, 200, 200],
    ),
    row(
        "DELETE",
        "folders/F",
        "",
        [401, 401, 403, 403, 204, 204, 204, 204],
    ),
    row(
        "DELETE",
        "files/A",
        "",
        [401, 401, 403, 403, 204, 204, 204, 204],
    ),
    row(
        "POST",
        "spaces/S/enrollments",
        ENROLLMENT,
        [401, 401, 403, 403, 403, 403, 201, 201],
    ),
    row(
        "DELETE",
        "spaces/S/enrollments/extra",
        "",
        [401, 401, 403, 403, 403, 403, 204, 204],
    ),
    row(
        "POST",
        "spaces/S/groups",
        r#"{"group":{"name":"g","members":["extra"]}}"#,
        [401, 401, 403, 403, 403, 403, 201, 201],
    ),
    row(
        "POST",
        "spaces",
        r#"{"space":{"name":"s"}}"#,
        [401, 401, 403, 403, 403, 403, 403, 201],
    ),
    row(
        "POST",
        "users",
        r#"{"user":{"login":"newN","password":"x"}}"#,
        [401, 401, 403, 403, 403, 403, 403, 201],
    ),
];

/// One request by one of them; whatever the answer, its form is right.
fn check_route(school: &School, (folder, file): (i64, i64), row: &Row, who: &str, code: u16) {
    let places = [("F", folder), ("A", file), ("S", school.space)];
    let path = places.iter().fold(row.path.to_owned(), |path, (name, id)| {
        path.replace(&format!("/{name}"), &format!("/{id}"))
    });
    let mut call = school.by(who, row.method, format!("/api/{path}"));
    if !row.body.is_empty() {
        let body = row.body.replace('N', &folder.to_string());
        call = call.typed("application/json", body);
    }
    let answer = call.send();
    let told = format!("{} {path} by {who}: {answer:?}", row.method);
    assert_eq!(answer.status, code, "{told}");
    match code {
        204 => {
            assert_eq!(answer.body, b"", "{told}");
            assert_eq!(answer.field("cache-control"), Some("no-store"), "{told}");
        }
        200 | 201 => drop(answer.json()),
        _ => drop(answer.json_error()),
    }
}

#[test]
fn every_route_answers_everybody_as_the_table_of_rights_says() {
    let school = School::new(&PEOPLE);
    school.person("extra", "member");
    for row in &ROUTES {
        let mut nodes = None;
        for (who, code) in EVERYBODY.into_iter().zip(row.codes) {
            let (folder, file) = *nodes.get_or_insert_with(|| {
                school.enroll("extra", "member");
                let folder = school.folder(school.root, "f");
                (folder, school.file(folder, "a"))
            });
            check_route(&school, (folder, file), row, who, code);
            if code >= 400 {
                // The folder and the file stay untouched.
                let shown = school.get("admin", format!("/api/folders/{folder}"));
                assert_eq!(shown.gives(200).json()["name"], "f");
                school.shown("admin", file);
            } else if row.method != "GET" {
                nodes = None;
            }
        }
    }
}

#[test]
fn an_upload_is_for_tutors_and_above() {
    let school = School::new(&PEOPLE);
    for (who, code) in EVERYBODY
        .into_iter()
        .zip([401, 401, 403, 403, 201, 201, 201, 201])
    {
        let call = school.send(who, school.root, file_form("a", b"x"));
        call.gives(code);
        // Those who may not are told before they send it.
        assert_eq!(call.expecting().is(code).continued, code == 201, "{who}");
    }
    assert_eq!(
        school.names("admin", format!("/api/folders/{}/files", school.root)),
        vec!["a"; 8]
    );
}

#[test]
fn a_root_folder_is_renamed_but_not_deleted() {
    let school = School::new(&["member", "tutor"]);
    let path = format!("/api/folders/{}", school.root);
    school.by("tutor", "DELETE", &path).refused(422);
    school.by("admin", "DELETE", &path).refused(422);
    school.by("member", "DELETE", &path).refused(403);
    let put = school.by("tutor", "PUT", &path);
    let renamed = put.json(&named("folder", "Material")).gives(200).json();
    assert_eq!(renamed["name"], "Material");
    school.by("tutor", "DELETE", &path).refused(422);
    // A further folder beside it is one like all others.
    let made = school.by(
        "tutor",
        "POST",
        format!("/api/spaces/{}/folders", school.space),
    );
    let other = id_of(&made.json(&named("folder", "More")).gives(201).json());
    school
        .by("tutor", "DELETE", format!("/api/folders/{other}"))
        .gives(204);
}

/// A request that could fail in several ways fails in the first one: its code, and the field to blame.
fn check_first(school: &School, who: &str, request: &str, body: &str, code: u16, blames: &str) {
    let (method, path) = request.split_once(' ').unwrap();
    let path = path
        .replace("ROOT", &school.root.to_string())
        .replace("SPACE", &school.space.to_string());
    let mut call = school.by(who, method, format!("/api/{path}"));
    if !body.is_empty() {
        call = call.typed("application/json", body);
    }
    let error = call.refused(code);
    assert_eq!(blamed(&error).join(" "), blames, "{who} {request} {body}");
}

const BLANK: &str = r#"{"folder":{"name":" "}}"#;
const NOBODY: &str = r#"{"enrollment":{"login":"nobody","role":"member"}}"#;
const BAD_ROLE: &str = r#"{"enrollment":{"login":"nobody","role":"boss"}}"#;

/// Requests that could fail in several ways: by whom, which, with which body, how they fail, and the field to blame.
const ORDER: [(&str, &str, &str, u16, &str); 30] = [
    ("stranger", "PUT folders/999", "{", 400, ""),
    ("stranger", "PUT folders/999", BLANK, 422, "name"),
    ("stranger", "PUT folders/999", FOLDER, 404, ""),
    ("stranger", "PUT folders/ROOT", "{", 400, ""),
    ("stranger", "PUT folders/ROOT", BLANK, 422, "name"),
    ("stranger", "PUT folders/ROOT", FOLDER, 403, ""),
    ("stranger", "PUT folders/x", "{", 404, ""),
    ("member", "PUT folders/ROOT", BLANK, 422, "name"),
    ("member", "POST folders/ROOT/folders", BLANK, 422, "name"),
    ("member", "POST folders/ROOT/folders", FOLDER, 403, ""),
    ("member", "POST folders/999/folders", FOLDER, 404, ""),
    ("member", "POST spaces/999/folders", BLANK, 422, "name"),
    ("member", "POST spaces/999/folders", FOLDER, 404, ""),
    ("stranger", "GET folders/999", "", 404, ""),
    ("stranger", "GET folders/ROOT", "", 403, ""),
    ("stranger", "DELETE folders/999", "", 404, ""),
    ("stranger", "DELETE folders/ROOT", "", 403, ""),
    ("member", "POST spaces", "{", 400, ""),
    ("member", "POST spaces", r#"{"space":{}}"#, 422, "name"),
    (
        "member",
        "POST users",
        r#"{"user":{"login":"tutor","password":" "}}"#,
        422,
        "password",
    ),
    (
        "member",
        "POST users",
        r#"{"user":{"login":"tutor","password":"x"}}"#,
        403,
        "",
    ),
    ("tutor", "POST spaces/SPACE/enrollments", "[", 400, ""),
    (
        "tutor",
        "POST spaces/SPACE/enrollments",
        BAD_ROLE,
        422,
        "role",
    ),
    ("tutor", "POST spaces/SPACE/enrollments", NOBODY, 403, ""),
    (
        "administrator",
        "POST spaces/SPACE/enrollments",
        NOBODY,
        422,
        "login",
    ),
    (
        "administrator",
        "POST spaces/999/enrollments",
        BAD_ROLE,
        422,
        "role",
    ),
    (
        "administrator",
        "POST spaces/999/enrollments",
        NOBODY,
        404,
        "",
    ),
    (
        "tutor",
        "DELETE spaces/SPACE/enrollments/nobody",
        "",
        403,
        "",
    ),
    (
        "administrator",
        "DELETE spaces/SPACE/enrollments/nobody",
        "",
        404,
        "",
    ),
    (
        "administrator",
        "DELETE spaces/SPACE/enrollments/stranger",
        "",
        404,
        "",
    ),
];

#[test]
fn who_asks_is_looked_at_first_then_the_request_then_the_place_then_the_rights() {
    let school = School::new(&["stranger", "member", "tutor", "administrator"]);
    for who in ["nobody", "bad"] {
        for request in [
            "GET nothing",
            "GET folders/x",
            "GET folders/999",
            "PATCH folders/ROOT",
            "PUT folders/ROOT",
            "POST users",
            "POST folders/999/files",
        ] {
            check_first(&school, who, request, "{", 401, "");
        }
    }
    for (who, request, body, code, blames) in ORDER {
        check_first(&school, who, request, body, code, blames);
    }
}

#[test]
fn an_upload_is_judged_by_its_head() {
    let school = School::new(&["member", "tutor"]);
    let upload = |who: &str, folder: i64, media_type: &str, length: Option<&str>| {
        let call = school.by(who, "POST", format!("/api/folders/{folder}/files"));
        let call = call.field("Content-Type", media_type);
        let call = match length {
            Some(length) => call.field("Content-Length", length),
            None => call.chunked(8).body("some bytes"),
        };
        call.field("Expect", "100-continue")
    };
    let form = form_type("b");
    let (root, huge) = (school.root, Some("999999999999"));
    for (who, folder, media_type, length, code) in [
        ("nobody", 999, "text/plain", huge, 401),
        ("member", 999, "text/plain", huge, 404),
        ("member", root, "text/plain", huge, 403),
        ("tutor", root, "text/plain", None, 400),
        ("tutor", root, "text/plain", huge, 400),
        ("tutor", root, "multipart/form-data", huge, 400),
        ("tutor", root, "multipart/mixed; boundary=b", huge, 400),
        ("tutor", root, "", huge, 400),
        ("tutor", root, &form, None, 411),
        ("tutor", root, &form, huge, 413),
    ] {
        let call = upload(who, folder, media_type, length);
        let mut connection = school.server.connect();
        connection.write(&call.request().head());
        let answer = connection.read_one("POST");
        assert_eq!(
            answer.status, code,
            "{who} {folder} {media_type} {length:?}"
        );
        answer.json_error();
    }
}

#[test]
fn another_verb_is_405_and_told_which_there_are() {
    let school = School::new(&[]);
    let folder = school.folder(school.root, "f");
    let file = school.file(folder, "a");
    let space = school.space;
    let routes = [
        (format!("folders/{folder}"), "DELETE GET HEAD PUT"),
        (format!("folders/{folder}/folders"), "GET HEAD POST"),
        (format!("folders/{folder}/files"), "GET HEAD POST"),
        (format!("files/{file}"), "DELETE GET HEAD"),
        ("spaces".to_owned(), "POST"),
        (format!("spaces/{space}"), "GET HEAD"),
        (format!("spaces/{space}/folders"), "GET HEAD POST"),
        (format!("spaces/{space}/enrollments"), "POST"),
        (format!("spaces/{space}/enrollments/admin"), "DELETE"),
        (format!("spaces/{space}/groups"), "POST"),
        ("users".to_owned(), "POST"),
        ("users/admin".to_owned(), "GET HEAD"),
        (format!("files/{file}/raw/a"), "GET HEAD"),
    ];
    for (path, allowed) in routes {
        for method in [
            "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW",
        ] {
            if allowed.split(' ').any(|allowed| allowed == method) {
                continue;
            }
            let answer = school
                .server
                .request(method, format!("/api/{path}"))
                .gives(405);
            let told = answer.field("allow").unwrap();
            let told: BTreeSet<&str> = told.split(", ").collect();
            assert_eq!(told, allowed.split(' ').collect(), "{method} {path}");
            answer.json_error();
        }
    }
    // An unknown path has no verbs.
    for path in [
        "/api/",
        "/api/nothing",
        "/api/folders",
        "/api/files",
        "/api/groups",
    ] {
        for method in ["GET", "POST", "PATCH"] {
            let answer = school.server.request(method, path).gives(404);
            assert_eq!(answer.field("allow"), None);
            answer.json_error();
        }
    }
}

#[test]
fn head_says_of_each_get_all_but_the_body() {
    let school = School::new(&["member"]);
    let file = school.file(school.root, "a");
    let (root, space) = (school.root, school.space);
    for path in [
        format!("folders/{root}"),
        format!("folders/{root}/folders"),
        format!("folders/{root}/files"),
        format!("files/{file}"),
        format!("spaces/{space}"),
        format!("spaces/{space}/folders"),
        "users/member".to_owned(),
        "folders/999".to_owned(),
        "nothing".to_owned(),
    ] {
        let path = format!("/api/{path}");
        let (get, head) = (
            school.get("member", &path).send(),
            school.by("member", "HEAD", &path).send(),
        );
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for name in ["content-type", "content-length", "cache-control"] {
            assert!(head.field(name).is_some(), "{path} {name}");
            assert_eq!(head.field(name), get.field(name), "{path} {name}");
        }
    }
}

/// Whether a text has the form of `2026-11-21T21:00:00+00:00`.
fn is_date(value: &Value) -> bool {
    let digits = |c: char| if c.is_ascii_digit() { '9' } else { c };
    let shape: String = value.as_str().unwrap().chars().map(digits).collect();
    shape == "9999-99-99T99:99:99+99:99" && value.as_str().unwrap().ends_with("+00:00")
}

/// Whether a text is a random UUID.
fn is_uuid(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    let uuid: uuid::Uuid = text.parse().unwrap();
    uuid.get_version_num() == 4 && uuid.hyphenated().to_string() == text
}

/// The fields of an object, in the order of their names.
fn fields(object: &Value) -> String {
    let names = object.as_object().unwrap().keys();
    let names: BTreeSet<&str> = names.map(String::as_str).collect();
    names.into_iter().collect::<Vec<_>>().join(" ")
}

/// The links of an object, in order, as `rel=path`.
fn links(school: &School, object: &Value) -> Vec<String> {
    let base = format!("http://{}/api/", school.server.address());
    let of = |link: &Value| {
        assert_eq!(fields(link), "href rel");
        let (href, rel) = (
            link["href"].as_str().unwrap(),
            link["rel"].as_str().unwrap(),
        );
        format!("{rel}={}", href.strip_prefix(&base).unwrap())
    };
    object["links"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn a_folder_has_the_attributes_and_the_links_of_the_seed_in_its_order() {
    let school = School::new(&["tutor"]);
    let (space, root) = (school.space, school.root);
    let path = format!("/api/folders/{root}/folders");
    let made = school
        .by("tutor", "POST", path)
        .json(&named("folder", "Week 3"));
    let made = made.gives(201).json();
    let id = id_of(&made);
    assert_eq!(fields(&made), "created_at id links name uuid");
    assert_eq!(made["name"], "Week 3");
    assert!(
        is_date(&made["created_at"]) && is_uuid(&made["uuid"]),
        "{made}"
    );
    let of = |id: i64, above: &str, user: &str| {
        let start = format!("self=folders/{id}\n{above}files=folders/{id}/files\n");
        format!("{start}folders=folders/{id}/folders\nspace=spaces/{space}\nuser=users/{user}")
    };
    let above = format!("folder=folders/{root}\n");
    assert_eq!(links(&school, &made).join("\n"), of(id, &above, "tutor"));
    let shown = school.get("tutor", format!("/api/folders/{id}")).gives(200);
    assert_eq!(shown.json(), made);
    // One at the top lies in no folder.
    let top = school
        .get("tutor", format!("/api/folders/{root}"))
        .gives(200)
        .json();
    assert_eq!(top["name"], "Support Files");
    assert_eq!(links(&school, &top).join("\n"), of(root, "", "admin"));
    let top = school
        .get("tutor", format!("/api/spaces/{space}/folders"))
        .gives(200)
        .json();
    assert_eq!(links(&school, &top[0]).join("\n"), of(root, "", "admin"));
}

#[test]
fn a_file_has_the_attributes_and_the_links_of_the_seed_in_its_order() {
    let school = School::new(&["tutor"]);
    let form = file_form("01 intro & é.pdf", &[b'x'; 12213]);
    let call = school.send("tutor", school.root, form);
    let made = call.gives(201).json();
    assert_eq!(
        fields(&made),
        "byte created_at id links mimetype name size uuid"
    );
    assert_eq!(made["name"], "01 intro & é.pdf");
    assert_eq!(made["mimetype"], "application/octet-stream");
    assert_eq!(
        (&made["byte"], &made["size"]),
        (&json!("12213"), &json!("0.01Mb"))
    );
    assert!(
        is_date(&made["created_at"]) && is_uuid(&made["uuid"]),
        "{made}"
    );
    let (id, root, space) = (id_of(&made), school.root, school.space);
    let links = links(&school, &made);
    let [all @ .., raw] = &links[..] else {
        panic!("no links")
    };
    let expected =
        format!("self=files/{id}\nfolder=folders/{root}\nspace=spaces/{space}\nuser=users/tutor");
    assert_eq!(all.join("\n"), expected);
    let (path, query) = raw.split_once('?').unwrap();
    let name = "01%20intro%20%26%20%C3%A9.pdf";
    assert_eq!(path, format!("raw=files/{id}/raw/{name}"));
    let (expires, signature) = query.split_once("&Signature=").unwrap();
    assert!(
        expires
            .strip_prefix("Expires=")
            .unwrap()
            .parse::<i64>()
            .is_ok()
    );
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(
        signature.len() == 43 && signature.chars().all(is_plain),
        "{signature}"
    );
    let without_links = |object: &Value| {
        let mut object = object.clone();
        object.as_object_mut().unwrap().remove("links");
        object
    };
    let shown = school.shown("tutor", id);
    assert_eq!(without_links(&shown), without_links(&made));
    assert_eq!(rels(&shown), rels(&made));
    let list = school
        .get("tutor", format!("/api/folders/{root}/files"))
        .gives(200)
        .json();
    assert_eq!(without_links(&list[0]), without_links(&made));
}

#[test]
fn the_size_is_said_in_megabytes_and_in_bytes() {
    let school = School::new(&[]);
    for (bytes, size) in [
        (0, "0Mb"),
        (1, "0.01Mb"),
        (15_728, "0.01Mb"),
        (15_729, "0.02Mb"),
        (1 << 20, "1Mb"),
        (1_572_864, "1.5Mb"),
    ] {
        let file = school.upload("admin", school.root, "a", &vec![0; bytes]);
        assert_eq!(file["size"], size, "{bytes}");
        assert_eq!(file["byte"], bytes.to_string());
    }
}

#[test]
fn a_space_and_a_user_link_to_themselves() {
    let school = School::new(&["member"]);
    let id = school.space;
    let space = school
        .get("member", format!("/api/spaces/{id}"))
        .gives(200)
        .json();
    assert_eq!(fields(&space), "created_at id links name uuid");
    assert_eq!(
        (&space["name"], &space["id"]),
        (&json!("School"), &json!(id))
    );
    assert!(
        is_date(&space["created_at"]) && is_uuid(&space["uuid"]),
        "{space}"
    );
    let expected = [
        format!("self=spaces/{id}"),
        format!("folders=spaces/{id}/folders"),
    ];
    assert_eq!(links(&school, &space), expected);
    let user = school.get("member", "/api/users/member").gives(200).json();
    assert_eq!(fields(&user), "id links login name uuid");
    assert!(is_uuid(&user["uuid"]) && user["id"].is_i64(), "{user}");
    assert_eq!(
        (&user["login"], &user["name"]),
        (&json!("member"), &json!("member"))
    );
    assert_eq!(links(&school, &user), ["self=users/member"]);
}

#[test]
fn what_is_made_says_where_it_is_found() {
    let school = School::new(&[]);
    let server = &school.server;
    let check = |answer: Answer| {
        let answer = answer.is(201);
        let made = answer.json();
        let location = answer.field("location").unwrap();
        assert_eq!(location, link(&made, "self"));
        let path = crate::harness::path_of(location).to_owned();
        let found = server.get(path).gives(200).json();
        assert_eq!((&found["id"], &found["uuid"]), (&made["id"], &made["uuid"]));
    };
    let folders = format!("/api/folders/{}/folders", school.root);
    check(server.post(folders).json(&named("folder", "f")).send());
    let folders = format!("/api/spaces/{}/folders", school.space);
    check(server.post(folders).json(&named("folder", "f")).send());
    check(server.post("/api/spaces").json(&named("space", "s")).send());
    let user = json!({"user": {"login": "é/t ?", "password": WORD}});
    check(server.post("/api/users").json(&user).send());
    check(
        school
            .send("admin", school.root, file_form("a", b"x"))
            .send(),
    );
}

#[test]
fn links_begin_with_the_host_that_was_asked_or_with_the_public_url() {
    let school = School::new(&[]);
    let self_link = |call: Call<'_>| link(&call.gives(200).json(), "self").to_owned();
    let path = format!("/api/folders/{}", school.root);
    let call = school.server.get(&path).without("Host");
    let href = self_link(call.field("Host", "redu.example:8443"));
    assert_eq!(href, format!("http://redu.example:8443{path}"));
    let server = Server::with(&["--public-url", "https://school.example/store"]);
    let school = School::on(server, &[]);
    assert_eq!(
        self_link(school.server.get(&path)),
        format!("https://school.example/store{path}")
    );
    let file = school.upload("admin", school.root, "a", b"x");
    assert!(link(&file, "raw").starts_with("https://school.example/store/api/files/"));
}

/// A name of a folder that is taken and kept as it is, wherever it is said.
fn check_kept(school: &School, name: &str) {
    let path = format!("/api/folders/{}/folders", school.root);
    let made = school
        .server
        .post(&path)
        .json(&named("folder", name))
        .gives(201)
        .json();
    let id = id_of(&made);
    assert_eq!(made["name"], name);
    let shown = school
        .server
        .get(format!("/api/folders/{id}"))
        .gives(200)
        .json();
    assert_eq!(shown["name"], name);
    assert_eq!(school.names("admin", &path).last().unwrap(), name);
    let page = school.server.get(format!("/pages/{id}")).gives(200).xml();
    assert_eq!(page.child("title").text, name);
    // As a new name of another folder, and as one of a space.
    let other = school.folder(school.root, "other");
    let put = school.server.put(format!("/api/folders/{other}"));
    assert_eq!(
        put.json(&named("folder", name)).gives(200).json()["name"],
        name
    );
    let space = school
        .server
        .post("/api/spaces")
        .json(&named("space", name));
    assert_eq!(space.gives(201).json()["name"], name);
}

#[test]
fn names_are_kept_byte_for_byte() {
    let school = School::new(&[]);
    let (long, wide) = ("x".repeat(500), "𝒳".repeat(500));
    for name in [
        "a",
        " Week 3 ",
        "a/b\\c",
        "\u{e9}",
        "e\u{301}",
        "\"<&>'%41+",
        "\u{80}\u{85}\u{a0}x\u{2028}",
        "日本語 𝒳",
        "..",
        "\u{202e}abc",
        &long,
        &wide,
    ] {
        check_kept(&school, name);
    }
    // They need not be unique.
    assert_ne!(
        school.folder(school.root, "a"),
        school.folder(school.root, "a")
    );
}

#[test]
fn a_name_that_cannot_be_is_422_and_changes_nothing() {
    let school = School::new(&[]);
    let folder = school.folder(school.root, "old");
    let long = "𝒳".repeat(501);
    let names = [
        json!(""),
        json!(" "),
        json!("\u{a0}\u{2003}\u{3000}"),
        json!(long),
        json!("a\u{0}"),
        json!("a\tb"),
        json!("a\nb"),
        json!("a\u{1f}"),
        json!("a\u{7f}"),
        json!("a\u{fffe}"),
        json!("a\u{ffff}"),
        json!(null),
        json!(5),
        json!(true),
        json!(["a"]),
        json!({"a": 1}),
    ];
    let bodies = names.into_iter().map(|name| json!({"name": name}));
    let others = [
        json!({}),
        json!(null),
        json!("a"),
        json!(["name"]),
        json!(5),
    ];
    for inside in bodies.chain(others) {
        for (method, path, what) in [
            ("POST", format!("folders/{folder}/folders"), "folder"),
            ("POST", format!("spaces/{}/folders", school.space), "folder"),
            ("PUT", format!("folders/{folder}"), "folder"),
            ("POST", "spaces".to_owned(), "space"),
        ] {
            let call = school.server.request(method, format!("/api/{path}"));
            let error = call.json(&json!({what: inside})).refused(422);
            assert_eq!(blamed(&error), ["name"], "{method} {path} {inside}");
        }
    }
    for body in [
        json!({}),
        json!([]),
        json!("folder"),
        json!(null),
        json!({"Folder": {"name": "a"}}),
    ] {
        let call = school
            .server
            .put(format!("/api/folders/{folder}"))
            .json(&body);
        assert_eq!(blamed(&call.refused(422)), ["name"], "{body}");
    }
    let shown = school
        .server
        .get(format!("/api/folders/{folder}"))
        .gives(200)
        .json();
    assert_eq!(shown["name"], "old");
    let none: [&str; 0] = [];
    assert_eq!(
        school.names("admin", format!("/api/folders/{folder}/folders")),
        none
    );
    assert_eq!(
        school.names("admin", format!("/api/spaces/{}/folders", school.space)),
        ["Support Files"]
    );
}

#[test]
fn what_is_not_json_is_400() {
    let school = School::new(&[]);
    let path = format!("/api/folders/{}/folders", school.root);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        &b""[..],
        b"{",
        b"{'folder':{'name':'a'}}",
        b"{\"folder\":{\"name\":\"a\"}}x",
        b"{\"folder\":{\"name\":\"\xFF\"}}",
        b"{\"folder\":{\"name\":\"\\ud800\"}}",
        b"{\"folder\":{\"name\":\"a\nb\"}}",
        b"NaN",
        b"folder[name]=a",
        deep.as_bytes(),
    ] {
        school
            .server
            .post(&path)
            .typed("application/json", body)
            .refused(400);
    }
    let none: [&str; 0] = [];
    assert_eq!(school.names("admin", path), none);
}

/// A body of this type makes a folder of this name.
fn check_named(school: &School, media_type: &str, body: impl AsRef<[u8]>, name: &str) {
    let call = school
        .server
        .post(format!("/api/folders/{}/folders", school.root));
    let call = match media_type {
        "" => call.body(&body),
        media_type => call.typed(media_type, &body),
    };
    let told = String::from_utf8_lossy(body.as_ref()).into_owned();
    assert_eq!(call.gives(201).json()["name"], name, "{media_type}: {told}");
}

#[test]
fn a_name_comes_as_json_or_as_a_form() {
    let school = School::new(&[]);
    let form = "application/x-www-form-urlencoded";
    for (media_type, body, name) in [
        (form, "folder[name]=a", "a"),
        (form, "folder%5Bname%5D=a+b%26%2B", "a b&+"),
        (
            form,
            "x=1&folder[name]=caf%C3%A9&folder[other]=2&&y",
            "café",
        ),
        (form, "folder[name]=é=f", "é=f"),
        (form, "folder[name]=100%", "100%"),
        (
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
            "folder[name]=a",
            "a",
        ),
        (
            "application/json",
            r#"{"folder":{"name":"\u00e9\ud835\udcb3"}}"#,
            "é𝒳",
        ),
        (
            "application/json",
            r#" {"x":[1],"folder":{"id":7,"name":"a"}} "#,
            "a",
        ),
        ("text/plain", FOLDER, "made"),
        ("multipart/form-data; boundary=b", FOLDER, "made"),
        ("", FOLDER, "made"),
    ] {
        check_named(&school, media_type, body, name);
    }
    let post = |body: &'static [u8]| {
        let call = school
            .server
            .post(format!("/api/folders/{}/folders", school.root));
        call.typed(form, body)
    };
    for body in [
        &b"x=1"[..],
        b"folder[name]=",
        b"folder[name]=+",
        b"folder=a",
        b"name=a",
        b"folder[name]",
        b"{}",
    ] {
        assert_eq!(blamed(&post(body).refused(422)), ["name"]);
    }
    for body in [&b"folder[name]=%FF"[..], b"folder[name]=\xFF"] {
        post(body).refused(400);
    }
    // The command of the seed, as curl sends it.
    let answer = school
        .server
        .post(format!("/api/folders/{}/folders", school.root));
    let answer = answer
        .anonymous()
        .field("Authorization", basic("admin", crate::harness::PASSWORD));
    let body = r#"{ "folder" : { "name" : "new folder" } }"#;
    let answer = answer.field("Content-type", "application/json").body(body);
    assert_eq!(answer.gives(201).json()["name"], "new folder");
}

#[test]
fn a_body_of_json_has_at_most_one_mebibyte() {
    let school = School::new(&[]);
    let post = |bytes: usize| {
        let body = format!("{FOLDER}{}", " ".repeat(bytes - FOLDER.len()));
        school
            .server
            .post(format!("/api/folders/{}/folders", school.root))
            .body(body)
    };
    post(1 << 20).gives(201);
    post(1 << 20).chunked(4096).gives(201);
    post((1 << 20) + 1).refused(413);
    post((1 << 20) + 1).chunked(65_536).refused(413);
    assert!(!post((1 << 20) + 1).expecting().is(413).continued);
}

#[test]
fn a_folder_keeps_everything_but_its_name_when_it_is_renamed() {
    let school = School::new(&["tutor"]);
    let folder = school.folder(school.root, "old");
    let file = school.file(folder, "a");
    school
        .server
        .property(&format!("/pages/{folder}"), "p", "v");
    let path = format!("/api/folders/{folder}");
    let before = school.server.get(&path).gives(200).json();
    let log = |school: &School| {
        let db = rusqlite::Connection::open(school.server.db()).unwrap();
        db.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let put = school
        .by("tutor", "PUT", &path)
        .json(&named("folder", "new"));
    let after = put.gives(200).json();
    let mut expected = before.clone();
    expected["name"] = json!("new");
    assert_eq!(after, expected);
    let logged = log(&school);
    assert_eq!(put.gives(200).json(), expected);
    assert_eq!(log(&school), logged, "the same name again changes nothing");
    assert_eq!(school.server.get(&path).gives(200).json(), expected);
    let property = school.server.get(format!("/pages/{folder}/properties/p"));
    assert_eq!(property.gives(200).text(), "v");
    assert_eq!(
        link(&school.shown("tutor", file), "folder"),
        link(&after, "self")
    );
}

#[test]
fn what_is_no_number_of_such_a_thing_is_404() {
    let school = School::new(&["tutor"]);
    let file = school.file(school.root, "a");
    let (root, space) = (school.root, school.space);
    let on_page = school.server.new_file();
    let on_page = on_page.strip_prefix("/files/").unwrap();
    let bad = [
        "0",
        "-1",
        "+1",
        "01",
        "1.0",
        "1e0",
        "abc",
        "",
        "9223372036854775808",
        "%31",
        "999",
        " 1",
        "1,2",
    ];
    for id in bad {
        let id = id.replace(' ', "%20");
        for path in [
            format!("folders/{id}"),
            format!("folders/{id}/folders"),
            format!("folders/{id}/files"),
            format!("files/{id}"),
            format!("spaces/{id}"),
            format!("spaces/{id}/folders"),
            format!("files/{id}/raw/a"),
        ] {
            school.get("tutor", format!("/api/{path}")).refused(404);
            school.get("admin", format!("/api/{path}")).refused(404);
        }
    }
    // A node of another kind; 1 is the page home.
    for path in [
        format!("folders/{file}"),
        format!("folders/{space}"),
        format!("folders/{space}/folders"),
        format!("folders/{file}/files"),
        "folders/1".to_owned(),
        "folders/1/files".to_owned(),
        format!("folders/{on_page}"),
        format!("files/{root}"),
        format!("files/{space}"),
        "files/1".to_owned(),
        format!("files/{root}/raw/a"),
        format!("spaces/{root}"),
        format!("spaces/{root}/folders"),
        format!("spaces/{file}"),
        "spaces/1".to_owned(),
    ] {
        school.get("tutor", format!("/api/{path}")).refused(404);
        school.get("admin", format!("/api/{path}")).refused(404);
    }
    for (method, path) in [
        ("DELETE", format!("folders/{file}")),
        ("DELETE", format!("folders/{space}")),
        ("DELETE", "folders/1".to_owned()),
        ("DELETE", format!("files/{root}")),
        ("DELETE", "files/1".to_owned()),
        ("PUT", format!("folders/{space}")),
        ("PUT", "folders/1".to_owned()),
        ("POST", format!("folders/{space}/folders")),
        ("POST", "folders/1/folders".to_owned()),
        ("POST", format!("spaces/{root}/folders")),
        ("POST", "spaces/1/folders".to_owned()),
    ] {
        let call = school.server.request(method, format!("/api/{path}"));
        call.json(&named("folder", "a")).refused(404);
    }
    let form = file_form("a", b"x");
    for folder in [space, file, 1, 999] {
        school.send("admin", folder, &form).refused(404);
    }
    school.shown("tutor", file);
    school.server.get(format!("/api/spaces/{space}")).gives(200);
}

#[test]
fn what_was_deleted_is_404_and_can_be_deleted_once() {
    let school = School::new(&["tutor"]);
    let folder = school.folder(school.root, "f");
    let inner = school.folder(folder, "g");
    let (file, deep) = (school.file(folder, "a"), school.file(inner, "b"));
    let delete = |path: &str| school.by("tutor", "DELETE", format!("/api/{path}"));
    delete(&format!("files/{file}")).gives(204);
    delete(&format!("files/{file}")).refused(404);
    school
        .get("tutor", format!("/api/files/{file}"))
        .refused(404);
    delete(&format!("folders/{folder}")).gives(204);
    for path in [
        format!("folders/{folder}"),
        format!("folders/{inner}"),
        format!("files/{deep}"),
    ] {
        delete(&path).refused(404);
        school.get("tutor", format!("/api/{path}")).refused(404);
    }
    let none: [&str; 0] = [];
    let path = format!("/api/folders/{}/folders", school.root);
    assert_eq!(school.names("tutor", path), none);
    // Their numbers are not given out again.
    assert!(school.folder(school.root, "f") > deep);
}

#[test]
fn lists_are_complete_and_in_the_order_of_the_numbers() {
    let school = School::new(&["member"]);
    let none: [&str; 0] = [];
    let (folders, files) = (
        format!("/api/folders/{}/folders", school.root),
        format!("/api/folders/{}/files", school.root),
    );
    assert_eq!(school.names("member", &folders), none);
    assert_eq!(school.names("member", &files), none);
    let names: Vec<String> = (0..120).map(|n| format!("{}", 500 - n)).collect();
    for name in &names {
        school.folder(school.root, name);
        school.file(school.root, name);
    }
    let inner = school.server.get(&folders).gives(200).json();
    school.folder(id_of(&inner[0]), "deeper");
    for path in [&folders, &files] {
        assert_eq!(school.names("member", path), names);
        for query in ["page=2&per_page=10&x=%FF", "sort=name", "?"] {
            assert_eq!(school.names("member", format!("{path}?{query}")), names);
        }
        let list = school.get("member", path).gives(200).json();
        let ids: Vec<i64> = list.as_array().unwrap().iter().map(id_of).collect();
        assert!(ids.is_sorted());
        let one = link(&list[7], "self");
        let one = school
            .get("member", crate::harness::path_of(one))
            .gives(200)
            .json();
        assert_eq!(
            (&one["id"], &one["name"]),
            (&list[7]["id"], &list[7]["name"])
        );
        assert_eq!(rels(&one), rels(&list[7]));
    }
    let top = format!("/api/spaces/{}/folders", school.space);
    for name in ["B", "A"] {
        school
            .server
            .post(&top)
            .json(&named("folder", name))
            .gives(201);
    }
    assert_eq!(school.names("member", &top), ["Support Files", "B", "A"]);
}

#[test]
fn files_come_in_the_order_that_the_folder_asks_for() {
    let school = School::new(&["tutor"]);
    for (login, name) in [("zoe", "Anna"), ("ann", "zora")] {
        let user = json!({"user": {"login": login, "password": WORD, "name": name}});
        school.server.post("/api/users").json(&user).gives(201);
        school.enroll(login, "tutor");
    }
    let folder = school.folder(school.root, "f");
    for (login, name, bytes) in [
        ("ann", "b", 3),
        ("zoe", "É", 2),
        ("tutor", "B", 2),
        ("zoe", "a", 20),
        ("ann", "C", 100),
    ] {
        school.upload(login, folder, name, &vec![b'x'; bytes]);
    }
    let path = format!("/api/folders/{folder}/files");
    let check = |order: &str, names: [&str; 5]| {
        assert_eq!(school.names("tutor", &path), names, "{order}");
    };
    check("as they came", ["b", "É", "B", "a", "C"]);
    for (order, names) in [
        ("Name", ["a", "b", "B", "C", "É"]),
        ("Size", ["É", "B", "b", "a", "C"]),
        // Anna, tutor, zora.
        ("Owner", ["É", "a", "B", "b", "C"]),
        ("Date", ["b", "É", "B", "a", "C"]),
        ("Order", ["b", "É", "B", "a", "C"]),
    ] {
        school.set(format!("pages/{folder}"), "sortFilesBy", order);
        check(order, names);
    }
    // Folders are not files: their order stays.
    school.set(format!("pages/{}", school.root), "sortFilesBy", "Name");
    school.folder(school.root, "a");
    let folders = format!("/api/folders/{}/folders", school.root);
    assert_eq!(school.names("tutor", folders), ["f", "a"]);
}

#[test]
fn a_file_on_a_page_is_for_the_site_administrator_and_has_no_folder() {
    let school = School::new(&["administrator"]);
    let file = school.server.file("a");
    let path = format!("/api{file}");
    let shown = school.server.get(&path).gives(200).json();
    assert_eq!(rels(&shown), ["self", "user", "raw"]);
    school.get("administrator", &path).refused(403);
    school.by("administrator", "DELETE", &path).refused(403);
    school.server.delete(&path).gives(204);
    school.server.get(&file).fails(404, "File has been removed");
}

/// What these header fields, and nothing else, are answered.
fn check_signed_in(school: &School, fields: &[(&str, String)], query: &str, code: u16) {
    let path = format!("/api/users/tutor{query}");
    let call = school.get("nobody", path);
    let call = fields
        .iter()
        .fold(call, |call, (name, value)| call.field(name, value));
    let answer = call.send();
    assert_eq!(answer.status, code, "{fields:?} {query}");
    if code == 401 {
        answer.json_error();
    }
}

#[test]
fn all_credentials_sign_in_and_the_first_that_is_there_decides() {
    let school = School::new(&["tutor"]);
    let token = school.token("tutor");
    let good = basic("tutor", WORD);
    let check = |fields: &[(&str, &str)], code| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        check_signed_in(&school, &fields, "", code);
    };
    for scheme in ["OAuth", "oauth", "OAUTH", "Bearer", "bearer"] {
        check(&[("Authorization", &format!("{scheme} {token}"))], 200);
        check(&[("Authorization", &format!("{scheme} x{token}"))], 401);
    }
    check(&[("Authorization", &good)], 200);
    check(&[("authorization", &good.replace("Basic", "bASIC"))], 200);
    for header in ["Ocp-Apim-Subscription-Key", "X-Authtoken", "x-authtoken"] {
        check(&[(header, &token)], 200);
        check(&[(header, "nonsense")], 401);
        check(&[(header, "")], 401);
    }
    for value in [
        "",
        "Basic",
        "OAuth",
        "OAuth ",
        "Basic !!!",
        &token,
        &format!("Digest {token}"),
        &format!("Token {token}"),
        &format!("OAuth oauth_consumer_key=\"k\", oauth_token=\"{token}\", oauth_signature=\"s\""),
        &format!("Basic {}", STANDARD.encode("tutor")),
        &basic("tutor", "wrong"),
        &basic("nobody", WORD),
    ] {
        check(&[("Authorization", value)], 401);
    }
    let oauth = format!("OAuth {token}");
    for (fields, code) in [
        (
            vec![
                ("X-Authtoken", "bad"),
                ("Ocp-Apim-Subscription-Key", &*token),
            ],
            200,
        ),
        (
            vec![
                ("X-Authtoken", &*token),
                ("Ocp-Apim-Subscription-Key", "bad"),
            ],
            401,
        ),
        (vec![("X-Authtoken", "bad"), ("Authorization", &*good)], 200),
        (
            vec![("X-Authtoken", &*token), ("Authorization", "Basic !")],
            401,
        ),
        (
            vec![
                ("Ocp-Apim-Subscription-Key", "bad"),
                ("Authorization", &*oauth),
            ],
            200,
        ),
        (
            vec![
                ("Ocp-Apim-Subscription-Key", &*token),
                ("Authorization", "OAuth bad"),
            ],
            401,
        ),
    ] {
        check(&fields, code);
    }
}

#[test]
fn a_cookie_or_a_query_does_not_sign_in() {
    let school = School::new(&["tutor"]);
    let token = school.token("tutor");
    let cookies = [
        format!("authtoken={token}"),
        format!("authtoken=\"{token}\""),
    ];
    for cookie in cookies {
        check_signed_in(&school, &[("Cookie", cookie.clone())], "", 401);
        // Nor does it hinder what is good.
        let fields = [
            ("Cookie", "authtoken=bad".to_owned()),
            ("X-Authtoken", token.clone()),
        ];
        check_signed_in(&school, &fields, "", 200);
        let call = school.send("nobody", school.root, file_form("a", b"x"));
        call.field("Cookie", cookie).refused(401);
    }
    check_signed_in(&school, &[("X-Deki-Token", token.clone())], "", 401);
    check_signed_in(&school, &[], &format!("?authtoken={token}"), 401);
    check_signed_in(&school, &[], &format!("?X-Authtoken={token}"), 401);
}

#[test]
fn names_and_passwords_of_basic_are_utf_8_or_else_latin_1() {
    let school = School::new(&[]);
    let user = json!({"user": {"login": "ødd", "password": "a:é"}});
    school.server.post("/api/users").json(&user).gives(201);
    for bytes in ["ødd:a:é".as_bytes(), b"\xF8dd:a:\xE9", "ØDD:a:é".as_bytes()] {
        let value = format!("Basic {}", STANDARD.encode(bytes));
        let call = school.get("nobody", format!("/api/users/{}", segment("ødd")));
        assert_eq!(
            call.field("Authorization", value).gives(200).json()["login"],
            "ødd"
        );
    }
}

#[test]
fn a_token_ends_with_its_time_and_with_the_password() {
    let school = School::new(&["tutor"]);
    let token = school.token("tutor");
    let call = school
        .get("nobody", "/api/users/tutor")
        .field("X-Authtoken", token);
    call.gives(200);
    school
        .server
        .put("/users/=tutor/password")
        .text("other")
        .gives(200);
    call.refused(401);
    let school = School::on(Server::with(&["--token-secs", "0"]), &["tutor"]);
    let token = school.token("tutor");
    let call = school
        .get("nobody", "/api/users/tutor")
        .field("X-Authtoken", token);
    call.refused(401);
}

#[test]
fn a_disabled_account_may_do_nothing() {
    let school = School::new(&["tutor"]);
    school.get("tutor", "/api/users/tutor").gives(200);
    school
        .server
        .put("/users/=tutor")
        .xml("<user><status>inactive</status></user>")
        .gives(200);
    school.get("tutor", "/api/users/tutor").refused(403);
}

#[test]
fn raw_is_left_out_for_members_where_downloads_are_not_allowed() {
    let school = School::new(&["member", "tutor"]);
    let file = school.file(school.root, "a");
    let path = format!("/api/folders/{}/files", school.root);
    let has_raw = |login: &str| {
        let list = school.get(login, &path).gives(200).json();
        let shown = school.shown(login, file);
        let found = [find_link(&shown, "raw"), find_link(&list[0], "raw")];
        assert_eq!(found[0].is_some(), found[1].is_some());
        // The other API gives the content to the same people.
        let status = if found[0].is_some() { 200 } else { 403 };
        for route in [format!("files/{file}"), format!("files/{file}/=a")] {
            let path = format!("/@api/deki/{route}");
            school.get(login, &path).gives(status);
            school
                .get(login, format!("{path}?revision=1"))
                .gives(status);
        }
        school
            .get(login, format!("/@api/deki/files/{file}/info"))
            .gives(200);
        found[0].is_some()
    };
    assert!(has_raw("member") && has_raw("tutor"));
    school.set(format!("files/{file}"), "allowDownload", "false");
    assert!(!has_raw("member") && has_raw("tutor") && has_raw("admin"));
    school.set(format!("files/{file}"), "allowDownload", "true");
    assert!(has_raw("member"));
}

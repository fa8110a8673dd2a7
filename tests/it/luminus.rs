//! Settings, access and status of folders in the LumiNUS dialect: routes, errors, credentials, `PUT /files/` and
//! `PATCH /files/status` (`luminus.md` §1-§4; `dialects-common.md` §2-§4).

use crate::harness::{Call, Request, basic, percent};
use crate::schemas::{Shape, error_of, may_be_sent, refused, told, told_by};
use crate::school::{EVERYBODY, PEOPLE, School, WORD, id_of, named};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::thread;

const JSON_PATCH: &str = "application/json-patch+json";

/// A name that nothing has.
const UNKNOWN: &str = "0b6f5a2e-7c0e-4a53-9d0d-2f1f6f4a9b11";

/// What has to be in a `PUT`. The flags and words are the defaults, and it is open for a long time.
fn plain(id: &str) -> Value {
    json!({
        "id": id, "name": "f", "startDate": "2020-01-12T00:00:00+08:00", "endDate": "2999-05-01T00:00:00+08:00",
        "publish": true, "sortFilesBy": "Order", "allowUpload": false, "uploadDisplayOption": "Name", "viewAll": true
    })
}

/// The same with other fields.
fn but(id: &str, others: &Value) -> Value {
    let mut body = plain(id);
    for (name, value) in others.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// All that need not be there, each with a value of its own.
fn rest() -> Value {
    json!({
        "folderScore": 10, "allowComments": true, "allowAnnotate": true, "allowLateSubmission": true,
        "submissionDeadline": "2026-02-01T23:59:00+08:00", "allowedFileType": ["pdf", ".TXT"],
        "allowedSubmissionFileTypes": [{"fileTypeName": "Pictures", "extensions": ["png"]}, {"fileTypeName": "x"}]
    })
}

fn put<'a>(school: &'a School, login: &str, body: &Value) -> Call<'a> {
    let call = school.luminus(login, "PUT", "/");
    call.typed(JSON_PATCH, body.to_string())
}

/// A `PUT` that has to succeed: the folder as it is then.
fn update(school: &School, login: &str, body: &Value) -> Value {
    let folder = told(&put(school, login, body), Shape::Folder);
    assert!(
        may_be_sent("PUT", body),
        "the customer does not allow {body}"
    );
    folder
}

fn patch<'a>(school: &'a School, login: &str, ids: &[&str], open: bool) -> Call<'a> {
    let body = json!({"folderIds": ids, "open": open});
    let call = school.luminus(login, "PATCH", "/status");
    call.typed(JSON_PATCH, body.to_string())
}

/// A `PATCH` that has to succeed: its answer.
fn patched(school: &School, login: &str, ids: &[&str], open: bool) -> Value {
    let body = json!({"folderIds": ids, "open": open});
    assert!(
        may_be_sent("PATCH", &body),
        "the customer does not allow {body}"
    );
    told(&patch(school, login, ids, open), Shape::Status)
}

/// The folder as a search shows it, which changes nothing.
fn seen(school: &School, id: &str) -> Value {
    let space = school.uuid(format!("spaces/{}", school.space));
    let found = told(&school.search("admin", &space, ""), Shape::Found);
    let mut folders = found["folders"].as_array().unwrap().iter();
    folders.find(|folder| folder["id"] == id).unwrap().clone()
}

/// What must not change: the folder, and the etags of its settings.
fn state(school: &School, (folder, id): &(i64, String)) -> (Value, Vec<(String, String)>) {
    let etags = school.etags(format!("pages/{folder}"));
    (seen(school, id), etags.into_iter().collect())
}

// Routes and errors

#[test]
fn every_route_answers_everybody_as_the_table_of_rights_says() {
    let school = School::new(&PEOPLE);
    let (_, id) = school.folder_uuid("f");
    let fields = but(&id, &json!({})).to_string();
    let access = but(&id, &json!({"access": {"publicAccess": null}})).to_string();
    let inherit = but(&id, &json!({"access": null})).to_string();
    let status = json!({"folderIds": [id], "open": true}).to_string();
    let search = format!("/{id}/search");
    let staff = [401, 401, 403, 403, 200, 200, 200, 200];
    let above = [401, 401, 403, 403, 403, 200, 200, 200];
    for (method, path, body, shape, codes) in [
        ("PUT", "/", &fields, Shape::Folder, staff),
        ("PUT", "", &fields, Shape::Folder, staff),
        ("PUT", "/", &access, Shape::Folder, above),
        ("PUT", "/", &inherit, Shape::Folder, above),
        ("PATCH", "/status", &status, Shape::Status, staff),
        (
            "GET",
            &search,
            &String::new(),
            Shape::Found,
            [401, 401, 403, 200, 200, 200, 200, 200],
        ),
    ] {
        for (who, code) in EVERYBODY.into_iter().zip(codes) {
            let call = school.luminus(who, method, path).body(body);
            match code {
                200 => drop(told(&call, shape)),
                code => drop(refused(&call, code)),
            }
        }
    }
}

#[test]
fn another_verb_is_405_and_told_which_there_are() {
    let school = School::new(&[]);
    let (_, id) = school.folder_uuid("f");
    for (path, allowed) in [
        ("", "PUT"),
        ("/", "PUT"),
        ("/status", "PATCH"),
        (&*format!("/{id}/search"), "GET HEAD"),
    ] {
        for method in [
            "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW",
        ] {
            if allowed.split(' ').any(|allowed| allowed == method) {
                continue;
            }
            let answer = school.luminus("admin", method, path).gives(405);
            error_of(&answer);
            let told = answer.field("allow").unwrap();
            let told: BTreeSet<&str> = told.split(", ").collect();
            assert_eq!(told, allowed.split(' ').collect(), "{method} {path}");
            refused(&school.luminus("nobody", method, path), 401);
        }
        // There is no body, and so no word.
        let head = school.luminus("admin", "HEAD", path).send();
        let code = if allowed.contains("HEAD") { 200 } else { 405 };
        assert_eq!((head.status, &*head.body), (code, &b""[..]), "{path}");
    }
}

#[test]
fn another_path_is_404() {
    let school = School::new(&[]);
    let (_, id) = school.folder_uuid("f");
    for path in [
        "/nothing",
        "/status/",
        "/status/x",
        "/search",
        &format!("/{id}"),
        &format!("/{id}/"),
        &format!("/{id}/search/"),
        &format!("/{id}/search/x"),
        &format!("/{id}/status"),
    ] {
        for method in ["GET", "PUT", "PATCH", "POST", "DELETE"] {
            refused(&school.luminus("admin", method, path), 404);
        }
        refused(&school.luminus("nobody", "GET", path), 401);
    }
}

#[test]
fn head_says_all_but_the_body() {
    let school = School::new(&["member"]);
    let (_, id) = school.folder_uuid("f");
    for (who, path) in [
        ("member", format!("/{id}/search")),
        ("member", format!("/{UNKNOWN}/search")),
        ("nobody", format!("/{id}/search")),
        ("member", "/x/search".to_owned()),
    ] {
        let get = school.luminus(who, "GET", &path).send();
        let head = school.luminus(who, "HEAD", &path).send();
        assert_eq!((head.status, &*head.body), (get.status, &b""[..]), "{path}");
        let fields = ["content-type", "content-length", "cache-control"];
        let shown = fields.map(|name| (get.field(name), head.field(name)));
        assert!(shown.iter().all(|(a, b)| a == b), "{path}: {shown:?}");
    }
}

#[test]
fn what_is_no_object_of_json_is_400() {
    let school = School::new(&[]);
    let folder = school.folder_uuid("f");
    let before = state(&school, &folder);
    let status = json!({"folderIds": [folder.1], "open": false}).to_string();
    let good = plain(&folder.1).to_string();
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    let cut = |text: &str| text.as_bytes()[..text.len() - 1].to_vec();
    let twice = |text: &str| format!("\u{feff}\u{feff}{text}").into_bytes();
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let latin = |text: &str| text.bytes().chain(*b"\xFF").collect::<Vec<u8>>();
    let all = |text: &str| [text, text].concat().into_bytes();
    for (method, path, good) in [("PUT", "/", &good), ("PATCH", "/status", &status)] {
        let list = format!("[{good}]");
        let mut bodies: Vec<Vec<u8>> = vec![cut(good), twice(good), wide(good), latin(good)];
        bodies.push(all(good));
        bodies.push(good.replace(':', "=").into_bytes());
        bodies.push(good.replace('}', ",}").into_bytes());
        bodies.push(
            good.replacen('{', "{\"\\uD800\":1,\"name\":\"\\uD800\",", 1)
                .into(),
        );
        for text in [
            "",
            " ",
            "null",
            "5",
            "\"x\"",
            "true",
            "[]",
            "[{\"op\":\"replace\",\"path\":\"/open\",\"value\":false}]",
            "{'open':true}",
            "NaN",
            "<x/>",
            "open=true",
            "{",
            "\u{feff}",
            &list,
            &deep,
        ] {
            bodies.push(text.into());
        }
        for body in bodies {
            let call = school.luminus("admin", method, path).body(&body);
            let words = refused(&call, 400);
            assert!(words.len() < 1000, "{words}");
        }
        let no_field = school.luminus("admin", method, path).body("{}");
        let words = refused(&no_field, 400);
        assert!(
            words.contains(if method == "PUT" { "startDate" } else { "open" }),
            "{words}"
        );
    }
    assert_eq!(state(&school, &folder), before);
    // One mark of the order of bytes is passed over.
    let call = school.luminus("admin", "PATCH", "/status");
    told(&call.body(format!("\u{feff}{status}")), Shape::Status);
}

#[test]
fn the_type_of_a_body_does_not_matter() {
    let school = School::new(&["tutor"]);
    let (_, id) = school.folder_uuid("f");
    let (update, status) = (plain(&id).to_string(), json!({"open": true}).to_string());
    for media_type in [
        JSON_PATCH,
        "application/json",
        "application/json; charset=iso-8859-1",
        "text/xml",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "",
        "///",
        "\u{e9}",
    ] {
        let call = school.luminus("tutor", "PUT", "/");
        told(&call.typed(media_type, &update), Shape::Folder);
        let call = school.luminus("tutor", "PATCH", "/status");
        told(&call.typed(media_type, &status), Shape::Status);
    }
    told(
        &school.luminus("tutor", "PUT", "/").body(&update),
        Shape::Folder,
    );
    let chunked = school.luminus("tutor", "PUT", "/").body(&update).chunked(7);
    told(&chunked, Shape::Folder);
}

#[test]
fn a_body_has_at_most_one_mebibyte() {
    let school = School::new(&["tutor"]);
    let (_, id) = school.folder_uuid("f");
    let status = json!({"folderIds": [id], "open": true}).to_string();
    for (method, path, good, shape) in [
        ("PUT", "/", plain(&id).to_string(), Shape::Folder),
        ("PATCH", "/status", status, Shape::Status),
    ] {
        let call = |length: usize| {
            let body = format!("{good}{}", " ".repeat(length - good.len()));
            school.luminus("tutor", method, path).body(body)
        };
        for length in [1 << 20, (1 << 20) + 1] {
            for call in [call(length), call(length).chunked(60_000)] {
                if length == 1 << 20 {
                    told(&call, shape);
                } else {
                    refused(&call, 413);
                }
            }
        }
        // Who says how long it is need not send it.
        let answer = call((1 << 20) + 1).expecting();
        assert_eq!((answer.status, answer.continued), (413, false));
        error_of(&answer);
    }
}

#[test]
fn who_asks_is_looked_at_first_then_the_request_then_the_place_then_the_rights() {
    let school = School::new(&PEOPLE);
    let (_, id) = school.folder_uuid("f");
    let file = school.file(school.root, "a");
    let file = school.uuid(format!("files/{file}"));
    let space = school.uuid(format!("spaces/{}", school.space));
    let with = |id: &str, others: Value| ("PUT", "/", but(id, &others));
    let ids = |ids: Value| ("PATCH", "/status", json!({"open": true, "folderIds": ids}));
    let unknown = json!({"access": {"userAccess": [{"userID": UNKNOWN, "accessRole": 1}]}});
    for (who, (method, path, body), code) in [
        ("nobody", with(UNKNOWN, json!({"publish": 1})), 401),
        ("nobody", ids(json!("x")), 401),
        ("stranger", with("x", json!({})), 400),
        ("stranger", with(UNKNOWN, json!({"publish": 1})), 400),
        ("stranger", with(UNKNOWN, json!({})), 404),
        ("stranger", with(&file, json!({})), 404),
        ("stranger", with(&space, json!({})), 404),
        ("admin", with(&file, json!({})), 404),
        ("admin", with(&space, json!({})), 404),
        ("stranger", with(&id, json!({"publish": 1})), 400),
        ("stranger", with(&id, json!({})), 403),
        ("tutor", with(&id, json!({"access": 1})), 400),
        ("tutor", with(&id, unknown.clone()), 403),
        ("teacher", with(&id, unknown), 400),
        ("stranger", ids(json!([id, UNKNOWN, "x"])), 400),
        ("stranger", ids(json!([id, UNKNOWN])), 404),
        ("admin", ids(json!([id, file])), 404),
        ("admin", ids(json!([id, space])), 404),
        ("stranger", ids(json!([id])), 403),
        ("stranger", ids(json!([])), 200),
    ] {
        let call = school.luminus(who, method, path).json(&body);
        match code {
            200 => assert_eq!(told(&call, Shape::Status), json!({"folders": []})),
            code => drop(refused(&call, code)),
        }
    }
    for (who, path, code) in [
        ("nobody", format!("/{id}/search?SearchText=ab"), 401),
        ("stranger", "/x/search".to_owned(), 400),
        ("stranger", format!("/{id}/search?SearchText=ab"), 400),
        ("stranger", format!("/{UNKNOWN}/search?populate=x"), 400),
        ("stranger", format!("/{UNKNOWN}/search"), 404),
        ("stranger", format!("/{file}/search"), 404),
        ("stranger", format!("/{id}/search"), 403),
    ] {
        refused(&school.luminus(who, "GET", path), code);
    }
}

#[test]
fn all_credentials_sign_in_and_the_first_that_is_there_decides() {
    let school = School::new(&["tutor"]);
    let (_, id) = school.folder_uuid("f");
    let token = school.token("tutor");
    let key = "Ocp-Apim-Subscription-Key";
    let good = basic("tutor", WORD);
    let [oauth, bearer] = ["OAuth", "bearer"].map(|scheme| format!("{scheme} {token}"));
    let cookie = format!("authtoken={token}");
    for (fields, code) in [
        (vec![(key, &*token)], 200),
        (vec![("ocp-apim-subscription-key", &*token)], 200),
        (vec![("X-Authtoken", &*token)], 200),
        (vec![("Authorization", &*good)], 200),
        (vec![("Authorization", &*oauth)], 200),
        (vec![("Authorization", &*bearer)], 200),
        (vec![], 401),
        (vec![(key, "")], 401),
        (vec![(key, "nonsense")], 401),
        (vec![(key, &*format!("{token}x"))], 401),
        (vec![("Cookie", &*cookie)], 401),
        (vec![("Cookie", "authtoken=bad"), (key, &*token)], 200),
        (vec![(key, "bad"), ("X-Authtoken", &*token)], 401),
        (vec![(key, &*token), ("X-Authtoken", "bad")], 200),
        (vec![(key, "bad"), ("Authorization", &*good)], 200),
        (vec![(key, &*token), ("Authorization", "Basic !")], 401),
    ] {
        for (method, path, body, shape) in [
            ("PUT", "/".to_owned(), plain(&id), Shape::Folder),
            (
                "PATCH",
                "/status".to_owned(),
                json!({"open": true}),
                Shape::Status,
            ),
            ("GET", format!("/{id}/search"), json!({}), Shape::Found),
        ] {
            let call = school.luminus("nobody", method, path).json(&body);
            let call = fields
                .iter()
                .fold(call, |call, (name, value)| call.field(name, value));
            match code {
                200 => drop(told(&call, shape)),
                code => drop(refused(&call, code)),
            }
        }
    }
    // What comes with the address does not sign in.
    let path = format!("/{id}/search?subscription-key={token}&authtoken={token}");
    refused(&school.luminus("nobody", "GET", path), 401);
}

#[test]
fn an_id_has_its_hyphens_and_any_case() {
    let school = School::new(&["tutor"]);
    let (_, id) = school.folder_uuid("f");
    let upper = id.to_uppercase();
    for id in [&id, &upper] {
        update(&school, "tutor", &plain(id));
        patched(&school, "tutor", &[id], true);
        told(&school.search("tutor", id, ""), Shape::Found);
        let path = format!("/{}/search", percent(id.as_bytes()));
        told(&school.luminus("tutor", "GET", path), Shape::Found);
    }
    for bad in [
        format!("{{{id}}}"),
        format!("urn:uuid:{id}"),
        id.replace('-', ""),
        format!(" {id}"),
        format!("{id} "),
        format!("{}g", &id[..35]),
        id[..35].to_owned(),
        format!("{id}0"),
        id.replacen('-', "_", 1),
        format!("{}-{}", &id[..7], &id[7..8]) + &id[9..] + "-",
        "1".to_owned(),
        String::new(),
        "é".repeat(18),
    ] {
        let words = refused(&put(&school, "tutor", &plain(&bad)), 400);
        assert!(words.contains("id"), "{words}");
        let words = refused(&patch(&school, "tutor", &[&id, &bad], true), 400);
        assert!(words.contains("folderIds"), "{words}");
        refused(&school.search("tutor", &percent(bad.as_bytes()), ""), 400);
    }
    refused(&school.search("tutor", "%FF", ""), 400);
}

#[test]
fn a_failure_of_the_machine_is_500_and_says_no_more() {
    let school = School::new(&[]);
    let (_, id) = school.folder_uuid("f");
    let db = rusqlite::Connection::open(school.server.db()).unwrap();
    db.execute_batch(
        "CREATE TRIGGER scratch BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'a scratch'); END",
    )
    .unwrap();
    for call in [
        put(&school, "admin", &but(&id, &json!({"name": "other"}))),
        patch(&school, "admin", &[&id], false),
    ] {
        assert_eq!(error_of(&call.breaks(500)), "Server Error");
    }
    db.execute_batch("DROP TRIGGER scratch").unwrap();
    assert_eq!(seen(&school, &id)["name"], "f");
    update(&school, "admin", &plain(&id));
}

// What a folder looks like

#[test]
fn a_new_folder_has_the_defaults_and_says_where_it_lies_and_who_made_it() {
    let school = School::new(&["tutor"]);
    let tess =
        json!({"login": "tess", "password": WORD, "name": "Tess T.", "email": "t@example.org"});
    let made = school
        .server
        .post("/api/users")
        .json(&json!({"user": tess}));
    made.gives(201);
    school.enroll("tess", "teacher");
    let make = |inside: i64, name: &str| {
        let call = school.by("tess", "POST", format!("/api/folders/{inside}/folders"));
        let id = id_of(&call.json(&named("folder", name)).gives(201).json());
        (id, school.uuid(format!("folders/{id}")))
    };
    let outer = make(school.root, "a/b%");
    let inner = make(outer.0, "%2F é");
    let leaf = make(inner.0, "leaf");
    let root = school.uuid(format!("folders/{}", school.root));
    let space = school.uuid(format!("spaces/{}", school.space));
    let tess = school.uuid("users/tess");
    let mut folder = seen(&school, &leaf.1);
    let at = folder["createdDate"].take();
    assert_eq!(folder["lastUpdatedDate"].take(), at);
    assert_eq!(
        folder,
        json!({
            "id": leaf.1, "createdDate": null, "creatorID": tess, "creatorName": "Tess T.", "creatorUserID": "tess",
            "creatorEmail": "t@example.org", "lastUpdatedDate": null, "lastUpdatedBy": tess,
            "lastUpdatedByName": "Tess T.", "lastUpdatedByUserID": "tess", "lastUpdatedByEmail": "t@example.org",
            "name": "leaf", "publish": true, "parentID": inner.1, "rootID": space, "isActive": true,
            "parentFolderPath": "Support Files/a%2Fb%25/%252F é", "sortFilesBy": "Order", "allowUpload": false,
            "uploadDisplayOption": "Name", "viewAll": true, "folderScore": 0.0, "allowComments": false,
            "allowAnnotate": false, "allowLateSubmission": false, "isTurnitinFolder": false, "allowedFileType": [],
            "allowedSubmissionFileTypes": []
        })
    );
    // Directly in the space there is no folder above. Who has no email has none here.
    let top = update(&school, "tutor", &plain(&root));
    assert_eq!(top["parentID"], space);
    assert_eq!(top["rootID"], space);
    for absent in ["parentFolderPath", "creatorEmail", "lastUpdatedByEmail"] {
        assert_eq!(top.get(absent), None, "{absent}");
    }
    assert_eq!(
        (&top["creatorUserID"], &top["lastUpdatedByUserID"]),
        (&json!("admin"), &json!("tutor"))
    );
    assert_eq!(top["lastUpdatedByName"], "tutor");
    // The path is told by today's names.
    assert_eq!(
        seen(&school, &leaf.1)["parentFolderPath"],
        "f/a%2Fb%25/%252F é"
    );
}

#[test]
fn what_was_last_updated_is_a_name_a_setting_the_status_or_the_access_in_any_dialect() {
    let school = School::new(&["tutor", "teacher"]);
    let (folder, id) = school.folder_uuid("f");
    let deki = |login: &str, method: &str, rest: &str| {
        school.by(login, method, format!("/@api/deki/pages/{folder}/{rest}"))
    };
    let rename = |login: &str| {
        let call = school.by(login, "PUT", format!("/api/folders/{folder}"));
        call.json(&named("folder", "g")).gives(200);
    };
    let by = || {
        seen(&school, &id)["lastUpdatedByUserID"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(by(), "admin");
    rename("tutor");
    assert_eq!(by(), "tutor");
    let setting = "properties/luminus.folderScore?abort=never";
    deki("teacher", "PUT", setting).text("5").gives(200);
    assert_eq!(by(), "teacher");
    patched(&school, "tutor", &[&id], false);
    assert_eq!(by(), "tutor");
    let access = but(&id, &json!({"access": {"publicAccess": 1}}));
    assert_eq!(
        update(&school, "teacher", &access)["lastUpdatedByUserID"],
        "teacher"
    );
    // Settings and access are given again by another: there is nothing new.
    assert_eq!(
        update(&school, "admin", &access)["lastUpdatedByUserID"],
        "teacher"
    );
    let only_access = but(&id, &json!({"access": {"publicAccess": 2}}));
    assert_eq!(
        update(&school, "admin", &only_access)["lastUpdatedByUserID"],
        "admin"
    );
    deki("tutor", "DELETE", "properties/luminus.open").gives(200);
    assert_eq!(by(), "tutor");
    // Other properties, and what lies in a folder, are not the folder.
    let before = seen(&school, &id);
    deki("teacher", "PUT", "properties/p").text("v").gives(200);
    deki("teacher", "PUT", "files/=a").text("v").gives(200);
    deki("teacher", "PUT", "properties/luminus.unknown")
        .text("v")
        .gives(200);
    school.folder(folder, "below");
    assert_eq!(seen(&school, &id), before);
}

#[test]
fn a_folder_is_active_when_it_is_open_and_its_time_has_come() {
    let school = School::new(&[]);
    let (folder, id) = school.folder_uuid("f");
    let [past, later, future] = [
        "2020-01-01T00:00:00Z",
        "2021-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z",
    ];
    for (open, start, end, is_active) in [
        (true, past, future, true),
        (false, past, future, false),
        (true, past, later, false),
        (true, future, future, false),
        (false, future, future, false),
        (true, past, past, false),
    ] {
        for publish in [true, false] {
            patched(&school, "admin", &[&id], open);
            let dates = json!({"startDate": start, "endDate": end, "publish": publish});
            let folder = update(&school, "admin", &but(&id, &dates));
            assert_eq!(folder["isActive"], is_active, "{open} {start} {end}");
            assert_eq!(folder["publish"], publish);
        }
    }
    // Without dates it is by hand alone.
    for date in ["startDate", "endDate"] {
        school
            .server
            .delete(format!("/pages/{folder}/properties/luminus.{date}"))
            .gives(200);
    }
    assert_eq!(seen(&school, &id)["isActive"], true);
    let closed = patched(&school, "admin", &[&id], false);
    assert_eq!(closed["isActive"], false);
}

// PUT

/// A field, a value, and what the answer says; `None`: as it was sent.
type Good = (&'static str, Value, Option<Value>);

fn good() -> Vec<Good> {
    let long: String = "😀".repeat(500);
    let date = |text: &str, told: &str| (json!(text), Some(json!(told)));
    let mut all = vec![
        ("name", json!(""), None),
        ("name", json!(" a/b\u{200b} é e\u{301} <&> % "), None),
        ("name", json!(long), None),
        ("publish", json!(false), None),
        ("allowUpload", json!(true), None),
        ("viewAll", json!(false), None),
        ("folderScore", json!(0), Some(json!(0.0))),
        ("folderScore", json!(-0.0), Some(json!(0.0))),
        ("folderScore", json!(7), Some(json!(7.0))),
        ("folderScore", json!(2.25), None),
        ("folderScore", json!(1e300), None),
        (
            "folderScore",
            json!(u64::MAX),
            Some(json!(1.844_674_407_370_955_2e19)),
        ),
        ("allowComments", json!(true), None),
        ("allowAnnotate", json!(true), None),
        ("allowLateSubmission", json!(true), None),
        ("allowedFileType", json!([]), None),
        (
            "allowedFileType",
            json!(["pdf", ".TXT", "tar.gz", "pdf", "é\"\\"]),
            None,
        ),
        ("allowedSubmissionFileTypes", json!([]), None),
        (
            "allowedSubmissionFileTypes",
            json!([{"fileTypeName": "", "extensions": []}, {"fileTypeName": "x"}, {"fileTypeName": "y", "extensions": ["a", ".B"]}]),
            None,
        ),
        (
            "allowedSubmissionFileTypes",
            json!([{"fileTypeName": "x", "extensions": null, "other": 1}]),
            Some(json!([{"fileTypeName": "x"}])),
        ),
    ];
    for word in ["Date", "Name", "Owner", "Size", "Order"] {
        all.push(("sortFilesBy", json!(word), None));
    }
    for word in ["Matrix", "Name", "None"] {
        all.push(("uploadDisplayOption", json!(word), None));
    }
    for (field, (sent, told)) in [
        (
            "startDate",
            date("2026-01-12T00:00:00+08:00", "2026-01-11T16:00:00.000Z"),
        ),
        (
            "startDate",
            date("2026-01-12T00:00:00.9999999Z", "2026-01-12T00:00:00.999Z"),
        ),
        (
            "startDate",
            date("2026-01-12t00:00:00.5z", "2026-01-12T00:00:00.500Z"),
        ),
        (
            "startDate",
            date("2026-01-12T00:00:00-00:00", "2026-01-12T00:00:00.000Z"),
        ),
        (
            "startDate",
            date("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ),
        (
            "startDate",
            date("2024-02-29T23:59:59-23:59", "2024-03-01T23:58:59.000Z"),
        ),
        (
            "startDate",
            date("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ),
        (
            "endDate",
            date("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ),
        (
            "submissionDeadline",
            date("2020-01-11T16:00:00Z", "2020-01-11T16:00:00.000Z"),
        ),
        (
            "submissionDeadline",
            date("2999-05-01T00:00:00+08:00", "2999-04-30T16:00:00.000Z"),
        ),
    ] {
        all.push((field, sent, told));
    }
    all
}

#[test]
fn a_good_value_of_a_field_is_taken_and_told() {
    let school = School::new(&["tutor"]);
    let (_, id) = school.folder_uuid("f");
    for (field, value, said) in good() {
        let mut body = plain(&id);
        body[field] = value.clone();
        let folder = update(&school, "tutor", &body);
        assert_eq!(folder[field], said.unwrap_or(value), "{field}");
        assert_eq!(seen(&school, &id), folder, "{field}");
    }
}

/// What is no date with a time and an offset.
fn no_dates() -> Vec<Value> {
    vec![
        json!(""),
        json!("2026-01-12"),
        json!("2026-01-12T00:00:00"),
        json!("2026-01-12 00:00:00Z"),
        json!("2026-01-12T00:00Z"),
        json!("2026-13-12T00:00:00Z"),
        json!("2026-02-29T00:00:00Z"),
        json!("2026-01-12T24:00:00Z"),
        json!("2026-01-12T00:00:00+0800"),
        json!("2026-01-12T00:00:00+08"),
        json!("2026-01-12T00:00:00.Z"),
        json!(" 2026-01-12T00:00:00Z"),
        json!("+02026-01-12T00:00:00Z"),
        json!("tomorrow"),
        json!(1_768_147_200),
        json!({}),
    ]
}

/// A field, and values that it may not have.
fn bad() -> Vec<(&'static str, Vec<Value>)> {
    let flags = [json!("true"), json!(1), json!([]), json!("")];
    let long = json!("😀".repeat(501));
    let words = |others: [&str; 2]| -> Vec<Value> {
        let words = ["order", " Name", "", "None,Name"]
            .into_iter()
            .chain(others);
        words.map(|word| json!(word)).collect()
    };
    let mut bad: Vec<(&str, Vec<Value>)> = vec![
        (
            "name",
            vec![
                json!(5),
                json!(["x"]),
                long,
                json!("a\u{0}"),
                json!("a\nb"),
                json!("\u{7f}"),
            ],
        ),
        (
            "name",
            vec![
                json!("\u{1f}"),
                json!("\u{fffe}"),
                json!("\u{ffff}"),
                json!({}),
            ],
        ),
        ("sortFilesBy", words(["Type", "Matrix"])),
        ("uploadDisplayOption", words(["Date", "matrix"])),
        ("sortFilesBy", vec![json!(1), json!(["Name"])]),
        ("uploadDisplayOption", vec![json!(false)]),
        (
            "folderScore",
            vec![
                json!(-1),
                json!(-0.001),
                json!("10"),
                json!(true),
                json!([1]),
            ],
        ),
        (
            "allowedFileType",
            vec![
                json!("pdf"),
                json!([1]),
                json!([null]),
                json!({}),
                json!([""]),
            ],
        ),
        (
            "allowedFileType",
            vec![json!(["pdf", ""]), json!([["pdf"]]), json!(true)],
        ),
        (
            "allowedSubmissionFileTypes",
            vec![
                json!("x"),
                json!(["x"]),
                json!([{}]),
                json!([null]),
                json!([{"fileTypeName": null}]),
                json!([{"fileTypeName": 5}]),
                json!([{"fileTypeName": "x", "extensions": "y"}]),
                json!([{"fileTypeName": "x", "extensions": [5]}]),
                json!({"fileTypeName": "x"}),
            ],
        ),
    ];
    for field in [
        "publish",
        "allowUpload",
        "viewAll",
        "allowComments",
        "allowAnnotate",
        "allowLateSubmission",
    ] {
        bad.push((field, flags.to_vec()));
    }
    for field in ["startDate", "endDate", "submissionDeadline"] {
        bad.push((field, no_dates()));
    }
    bad
}

#[test]
fn a_bad_value_of_a_field_is_400_with_its_name_and_changes_nothing() {
    let school = School::new(&["tutor"]);
    let folder = school.folder_uuid("f");
    update(&school, "tutor", &but(&folder.1, &rest()));
    let before = state(&school, &folder);
    for (field, values) in bad() {
        for value in values {
            let mut body = but(&folder.1, &json!({"name": "other", "viewAll": false}));
            body[field] = value.clone();
            let words = refused(&put(&school, "tutor", &body), 400);
            assert!(words.contains(field), "{field} {value}: {words}");
        }
    }
    // What JSON can write and no number can be.
    let huge = plain(&folder.1)
        .to_string()
        .replacen('{', "{\"folderScore\":1e999,", 1);
    refused(&school.luminus("tutor", "PUT", "/").body(huge), 400);
    assert_eq!(state(&school, &folder), before);
}

#[test]
fn a_long_list_is_kept_whole_or_refused() {
    let school = School::new(&["tutor"]);
    let (_, id) = school.folder_uuid("f");
    for count in [1_000, 5_000, 40_000] {
        let list: Vec<String> = (0..count).map(|n| format!("extension{n}")).collect();
        let types = json!([{"fileTypeName": "all", "extensions": list}]);
        for (field, list) in [
            ("allowedFileType", json!(list)),
            ("allowedSubmissionFileTypes", types),
        ] {
            let mut body = plain(&id);
            body[field] = list;
            let answer = put(&school, "tutor", &body).send();
            if answer.status == 200 {
                assert!(
                    told_by(&answer, Shape::Folder)[field] == body[field],
                    "{count}"
                );
                assert!(seen(&school, &id)[field] == body[field], "{count}");
            } else {
                let words = error_of(&answer.is(400));
                assert!(words.contains(field), "{words}");
            }
        }
    }
}

#[test]
fn a_date_that_has_no_four_digits_of_the_year_in_utc_breaks_no_answer() {
    let school = School::new(&["tutor"]);
    let (_, id) = school.folder_uuid("f");
    for (field, date) in [
        ("endDate", "9999-12-31T23:59:59-01:00"),
        ("startDate", "0000-01-01T00:00:00+01:00"),
        ("startDate", "0000-01-01T00:00:00Z"),
        ("startDate", "2016-12-31T23:59:60Z"),
    ] {
        let mut body = plain(&id);
        body[field] = json!(date);
        let answer = put(&school, "tutor", &body).send();
        match answer.status {
            200 => drop(told_by(&answer, Shape::Folder)),
            _ => drop(error_of(&answer.is(400))),
        }
        seen(&school, &id);
    }
}

#[test]
fn a_field_that_has_to_be_there_is_neither_left_out_nor_null() {
    let school = School::new(&["tutor"]);
    let folder = school.folder_uuid("f");
    let before = state(&school, &folder);
    let body = but(&folder.1, &json!({"name": "other"}));
    for (field, _) in body.as_object().unwrap() {
        let mut without = body.clone();
        without.as_object_mut().unwrap().remove(field);
        let mut null = body.clone();
        null[field] = Value::Null;
        for body in [without, null] {
            assert!(!may_be_sent("PUT", &body));
            let words = refused(&put(&school, "tutor", &body), 400);
            assert!(words.contains(field), "{field}: {words}");
        }
    }
    let call = school.luminus("tutor", "PATCH", "/status");
    for body in [json!({"open": null}), json!({"folderIds": [folder.1]})] {
        assert!(refused(&call.clone().json(&body), 400).contains("open"));
    }
    assert_eq!(state(&school, &folder), before);
}

#[test]
fn a_folder_starts_before_it_ends_and_the_deadline_is_between() {
    let school = School::new(&["tutor"]);
    let (_, id) = school.folder_uuid("f");
    let at = |hour: u8| json!(format!("2026-01-12T{hour:02}:00:00Z"));
    for (start, deadline, end, blames) in [
        (at(1), None, at(1), None),
        (at(1), Some(at(1)), at(1), None),
        (at(1), Some(at(1)), at(3), None),
        (at(1), Some(at(3)), at(3), None),
        (at(1), Some(at(2)), at(3), None),
        (at(2), None, at(1), Some("startDate")),
        (at(2), Some(at(1)), at(3), Some("submissionDeadline")),
        (at(2), Some(at(4)), at(3), Some("submissionDeadline")),
        // By the moment, not by the letters.
        (json!("2026-01-12T08:00:00+08:00"), None, at(0), None),
        (
            json!("2026-01-12T07:00:00-01:00"),
            None,
            json!("2026-01-12T08:00:00+08:00"),
            Some("startDate"),
        ),
    ] {
        let others = json!({"startDate": start, "endDate": end, "submissionDeadline": deadline});
        let body = but(&id, &others);
        match blames {
            None => drop(update(&school, "tutor", &body)),
            Some(field) => {
                let words = refused(&put(&school, "tutor", &body), 400);
                assert!(words.contains(field), "{words}");
            }
        }
    }
}

#[test]
fn what_is_left_out_or_null_goes_back_to_its_default() {
    let school = School::new(&["tutor"]);
    let (folder, id) = school.folder_uuid("f");
    let names: Vec<String> = rest().as_object().unwrap().keys().cloned().collect();
    let null: Value = names
        .iter()
        .map(|name| (name.clone(), Value::Null))
        .collect();
    for others in [json!({}), null] {
        let full = update(&school, "tutor", &but(&id, &rest()));
        let etags = school.etags(format!("pages/{folder}"));
        for name in &names {
            assert!(etags.contains_key(name), "{name}");
            assert_ne!(full.get(name), None);
        }
        assert_eq!(full["submissionDeadline"], "2026-02-01T15:59:00.000Z");
        let back = update(&school, "tutor", &but(&id, &others));
        for (name, value) in [
            ("folderScore", json!(0.0)),
            ("allowComments", json!(false)),
            ("allowAnnotate", json!(false)),
            ("allowLateSubmission", json!(false)),
            ("allowedFileType", json!([])),
            ("allowedSubmissionFileTypes", json!([])),
        ] {
            assert_eq!(back[name], value, "{name}");
        }
        assert_eq!(back.get("submissionDeadline"), None);
        assert_eq!(
            school
                .etags(format!("pages/{folder}"))
                .into_keys()
                .collect::<Vec<_>>(),
            ["endDate", "startDate"]
        );
    }
}

#[test]
fn nothing_is_written_when_nothing_changes() {
    let school = School::new(&["tutor", "teacher"]);
    let folder = school.folder_uuid("f");
    let node = format!("pages/{}", folder.0);
    let body = but(&folder.1, &rest());
    // What is not set and asked for as it is by default is not set after it.
    update(&school, "tutor", &plain(&folder.1));
    assert_eq!(
        school.etags(&node).into_keys().collect::<Vec<_>>(),
        ["endDate", "startDate"]
    );
    let defaults = json!({
        "folderScore": 0, "allowComments": false, "allowAnnotate": false, "allowLateSubmission": false,
        "allowedFileType": [], "allowedSubmissionFileTypes": []
    });
    let before = state(&school, &folder);
    update(&school, "teacher", &but(&folder.1, &defaults));
    assert_eq!(state(&school, &folder), before);
    let first = update(&school, "tutor", &body);
    let before = state(&school, &folder);
    assert_eq!(update(&school, "teacher", &body), first);
    let same = json!({
        "folderScore": 10.0, "submissionDeadline": "2026-02-01T15:59:00.0001Z", "startDate": "2020-01-11T16:00:00Z",
        "isActive": false, "createdDate": "2000-01-01T00:00:00Z", "open": false
    });
    let mut again = body.clone();
    again
        .as_object_mut()
        .unwrap()
        .extend(same.as_object().unwrap().clone());
    assert_eq!(update(&school, "teacher", &again), first);
    assert_eq!(state(&school, &folder), before);
    // Only what changes is written.
    again["folderScore"] = json!(11);
    let changed = update(&school, "teacher", &again);
    assert_eq!(changed["lastUpdatedByUserID"], "teacher");
    let after = school.etags(&node);
    let new: Vec<_> = before
        .1
        .iter()
        .filter(|(name, etag)| &after[name] != etag)
        .collect();
    assert_eq!(new.len(), 1, "{new:?}");
    assert_eq!(new[0].0, "folderScore");
    assert_eq!(after.len(), before.1.len());
    // A name alone changes no property.
    again["name"] = json!("g");
    assert_eq!(
        update(&school, "tutor", &again)["lastUpdatedByUserID"],
        "tutor"
    );
    assert_eq!(school.etags(&node), after);
    // What was set to the default by hand, or spelled in another way, says the same and stays.
    school.set(&node, "folderScore", "1.1e1");
    school.set(&node, "publish", "true");
    let etags = school.etags(&node);
    update(&school, "teacher", &again);
    assert_eq!(school.etags(&node), etags);
    assert_eq!(school.setting(&node, "folderScore").unwrap(), "1.1e1");
}

#[test]
fn an_edited_answer_can_be_sent_back() {
    let school = School::new(&["teacher"]);
    let folder = school.folder_uuid("f");
    let mut answer = update(&school, "teacher", &but(&folder.1, &rest()));
    let before = state(&school, &folder);
    assert_eq!(update(&school, "teacher", &answer), answer);
    assert_eq!(state(&school, &folder), before);
    answer["name"] = json!("edited");
    answer["isActive"] = json!("any");
    answer["id "] = json!({"x": [null]});
    let after = update(&school, "teacher", &answer);
    assert_eq!(after["name"], "edited");
    assert_eq!(after["isActive"], true);
}

#[test]
fn settings_are_properties_with_etags_in_the_other_dialect() {
    let school = School::new(&["tutor"]);
    let (folder, id) = school.folder_uuid("f");
    let node = format!("pages/{folder}");
    let others = json!({
        "publish": false, "sortFilesBy": "Size", "allowUpload": true, "uploadDisplayOption": "Matrix", "viewAll": false
    });
    let mut body = but(&id, &others);
    body.as_object_mut()
        .unwrap()
        .extend(rest().as_object().unwrap().clone());
    update(&school, "tutor", &body);
    for (setting, text) in [
        ("startDate", "2020-01-11T16:00:00.000Z"),
        ("endDate", "2999-04-30T16:00:00.000Z"),
        ("submissionDeadline", "2026-02-01T15:59:00.000Z"),
        ("publish", "false"),
        ("sortFilesBy", "Size"),
        ("allowUpload", "true"),
        ("uploadDisplayOption", "Matrix"),
        ("viewAll", "false"),
        ("allowComments", "true"),
        ("allowAnnotate", "true"),
        ("allowLateSubmission", "true"),
    ] {
        assert_eq!(
            school.setting(&node, setting).as_deref(),
            Some(text),
            "{setting}"
        );
    }
    for (setting, value) in [
        ("folderScore", json!(10.0)),
        ("allowedFileType", body["allowedFileType"].clone()),
        (
            "allowedSubmissionFileTypes",
            body["allowedSubmissionFileTypes"].clone(),
        ),
    ] {
        let text = school.setting(&node, setting).unwrap();
        let mut said: Value = serde_json::from_str(&text).unwrap();
        if let Some(number) = said.as_f64() {
            said = json!(number);
        }
        assert_eq!(said, value, "{setting}");
    }
    let list = school
        .server
        .get(format!("/{node}/properties"))
        .gives(200)
        .xml();
    for block in list.all("property") {
        let contents = block.child("contents");
        assert_eq!(contents.attr("type"), "text/plain; charset=utf-8");
        assert_eq!(block.child("change-description").text, "Update folder");
        assert_eq!(block.child("user.modified").child("username").text, "tutor");
        assert!(block.attr("etag").contains(".r1_"), "{block:?}");
    }
    assert_eq!(list.all("property").len(), 14);
}

#[test]
fn what_the_other_dialect_sets_is_told_and_its_etag_holds_until_it_is_changed() {
    let school = School::new(&["tutor"]);
    let (folder, id) = school.folder_uuid("f");
    let node = format!("pages/{folder}");
    for (setting, text, told) in [
        (
            "startDate",
            "2026-01-12T00:00:00+08:00",
            json!("2026-01-11T16:00:00.000Z"),
        ),
        (
            "endDate",
            "2026-03-12T00:00:00.12345Z",
            json!("2026-03-12T00:00:00.123Z"),
        ),
        (
            "submissionDeadline",
            "2026-02-01T00:00:00Z",
            json!("2026-02-01T00:00:00.000Z"),
        ),
        (
            "feedbackReleaseDate",
            "2026-02-02T00:00:00Z",
            json!("2026-02-02T00:00:00.000Z"),
        ),
        ("publish", "true", json!(true)),
        ("sortFilesBy", "Owner", json!("Owner")),
        ("allowUpload", "false", json!(false)),
        ("uploadDisplayOption", "None", json!("None")),
        ("viewAll", "true", json!(true)),
        ("folderScore", "2.5", json!(2.5)),
        ("allowComments", "false", json!(false)),
        ("allowedFileType", "[ \"a\" ]", json!(["a"])),
        (
            "allowedSubmissionFileTypes",
            "[{\"fileTypeName\":\"n\"}]",
            json!([{"fileTypeName": "n"}]),
        ),
        ("open", "false", json!(null)),
    ] {
        school.set(&node, setting, text);
        assert_eq!(seen(&school, &id)[setting], told, "{setting}");
    }
    assert_eq!(seen(&school, &id)["isActive"], false);
    let etag = school.etags(&node)["folderScore"].clone();
    let write = |etag: &str, code: u16| {
        let call = school
            .server
            .put(format!("/{node}/properties/luminus.folderScore"));
        call.field("ETag", etag).text("3").gives(code)
    };
    update(&school, "tutor", &but(&id, &json!({"folderScore": 4})));
    write(&etag, 409);
    write(&school.etags(&node)["folderScore"], 200);
    assert_eq!(seen(&school, &id)["folderScore"], 3.0);
}

#[test]
fn the_status_and_the_date_of_feedback_stay_with_a_put() {
    let school = School::new(&["tutor"]);
    let (folder, id) = school.folder_uuid("f");
    let node = format!("pages/{folder}");
    patched(&school, "tutor", &[&id], false);
    school.set(&node, "feedbackReleaseDate", "2026-02-02T00:00:00Z");
    let etags = school.etags(&node);
    let others =
        json!({"open": true, "isActive": true, "feedbackReleaseDate": "2027-01-01T00:00:00Z"});
    let after = update(&school, "tutor", &but(&id, &others));
    assert_eq!(after["isActive"], false);
    assert_eq!(after["feedbackReleaseDate"], "2026-02-02T00:00:00.000Z");
    for name in ["open", "feedbackReleaseDate"] {
        assert_eq!(school.etags(&node)[name], etags[name]);
    }
}

#[test]
fn a_new_name_shows_in_every_dialect() {
    let school = School::new(&["tutor", "member"]);
    for folder in [school.folder(school.root, "f"), school.root] {
        let id = school.uuid(format!("folders/{folder}"));
        for name in ["new/name", "", " e\u{301} "] {
            update(&school, "tutor", &but(&id, &json!({ "name": name })));
            let shown = school.get("member", format!("/api/folders/{folder}"));
            assert_eq!(shown.gives(200).json()["name"], name);
            let page = school
                .server
                .get(format!("/pages/{folder}"))
                .gives(200)
                .xml();
            assert_eq!(page.child("title").text, name);
        }
    }
}

#[test]
fn a_put_is_done_whole_or_not_at_all() {
    let school = School::new(&["tutor", "teacher"]);
    let folder = school.folder_uuid("f");
    let before = state(&school, &folder);
    let user = school.uuid("users/tutor");
    for (who, access, code) in [
        ("tutor", json!(null), 403),
        ("tutor", json!({}), 403),
        ("teacher", json!({"publicAccess": 5}), 403),
        ("teacher", json!({"publicAccess": 9}), 400),
        ("teacher", json!({"inheritedResourceID": UNKNOWN}), 400),
        ("teacher", json!({"inheritedResourceID": folder.1}), 400),
        (
            "teacher",
            json!({"userAccess": [
                {"userID": user, "accessRole": 1}, {"userID": user, "accessRole": 2}
            ]}),
            400,
        ),
    ] {
        let mut body = but(&folder.1, &rest());
        body["name"] = json!("other");
        body["access"] = access;
        refused(&put(&school, who, &body), code);
        assert_eq!(state(&school, &folder), before);
    }
}

// Access

/// With this access list, each of the people reads the folder, changes its settings, and changes the list, or not: the
/// last that they may do is told, from 0 to 3.
fn check_access(school: &School, id: &str, access: &Value, levels: &[(&str, u8)]) {
    update(school, "admin", &but(id, &json!({ "access": access })));
    let ids = [id];
    for &(who, level) in levels {
        let read = school.search(who, id, "").send().status;
        let write = patch(school, who, &ids, true).send().status;
        let mut body = plain(id);
        body["access"] = access.clone();
        let share = put(school, who, &body).send().status;
        let codes = [1, 3, 4].map(|wanted| if level >= wanted { 200 } else { 403 });
        assert_eq!([read, write, share], codes, "{who}: {access}");
    }
}

#[test]
fn an_access_list_says_who_may_what() {
    let school = School::new(&["stranger", "member", "tutor", "administrator"]);
    school.person("guest", "stranger");
    let (_, id) = school.folder_uuid("f");
    let user = |login: &str, role: u8| json!({"userID": school.uuid(format!("users/{login}")), "accessRole": role});
    let grant = |group: &str, role: u8| json!({"groupID": group, "accessRole": role});
    let both = school.group("both", &["stranger", "member"]);
    let one = school.group("one", &["stranger"]);
    let check = |access: Value, stranger: u8, member: u8, guest: u8| {
        let levels = [
            ("stranger", stranger),
            ("member", member),
            ("guest", guest),
            // Staff is never locked out.
            ("tutor", 3),
            ("administrator", 5),
        ];
        check_access(&school, &id, &access, &levels);
    };
    check(json!(null), 0, 2, 0);
    check(json!({}), 0, 0, 0);
    check(
        json!({"groupAccess": null, "userAccess": null, "publicAccess": null, "inheritedResourceID": null}),
        0,
        0,
        0,
    );
    check(
        json!({"groupAccess": [], "userAccess": [], "other": 1}),
        0,
        0,
        0,
    );
    check(json!({"publicAccess": 1}), 1, 1, 1);
    check(json!({"publicAccess": 3}), 3, 3, 3);
    check(json!({"userAccess": [user("stranger", 4)]}), 4, 0, 0);
    check(
        json!({"userAccess": [user("stranger", 1), user("member", 3)]}),
        1,
        3,
        0,
    );
    check(json!({"groupAccess": [grant(&both, 3)]}), 3, 3, 0);
    // The highest of all groups, but whoever is named himself has just that, and the public is for all others.
    check(
        json!({"groupAccess": [grant(&both, 3), grant(&one, 1)]}),
        3,
        3,
        0,
    );
    check(
        json!({"groupAccess": [grant(&both, 1), grant(&one, 4)]}),
        4,
        1,
        0,
    );
    check(
        json!({"groupAccess": [grant(&both, 4)], "userAccess": [user("member", 1)], "publicAccess": 1}),
        4,
        1,
        1,
    );
    check(
        json!({"groupAccess": [grant(&both, 1)], "publicAccess": 3}),
        1,
        1,
        3,
    );
    check(
        json!({"userAccess": [user("tutor", 1), user("administrator", 1)]}),
        0,
        0,
        0,
    );
    check(json!({"userAccess": [user("guest", 5)]}), 0, 0, 5);
    // Left out: it stays.
    update(&school, "tutor", &plain(&id));
    told(&school.search("guest", &id, ""), Shape::Found);
    check(json!(null), 0, 2, 0);
}

#[test]
fn a_folder_without_a_list_has_that_of_the_folder_above_or_of_another_one() {
    let school = School::new(&["stranger", "member"]);
    let (outer, outer_id) = school.folder_uuid("outer");
    let inner = school.folder(outer, "inner");
    let inner_id = school.uuid(format!("folders/{inner}"));
    let (_, other) = school.folder_uuid("other");
    let root = school.uuid(format!("folders/{}", school.root));
    let space = school.uuid(format!("spaces/{}", school.space));
    let levels = |stranger, member| [("stranger", stranger), ("member", member)];
    check_access(
        &school,
        &outer_id,
        &json!({"publicAccess": 3}),
        &levels(3, 3),
    );
    check_access(&school, &inner_id, &json!(null), &levels(3, 3));
    check_access(&school, &inner_id, &json!({}), &levels(0, 0));
    check_access(&school, &other, &json!({"publicAccess": 1}), &levels(1, 1));
    let follow = |id: &str| json!({ "inheritedResourceID": id });
    check_access(
        &school,
        &inner_id,
        &follow(&other.to_uppercase()),
        &levels(1, 1),
    );
    check_access(&school, &inner_id, &follow(&space), &levels(0, 2));
    check_access(&school, &inner_id, &follow(&root), &levels(0, 2));
    check_access(&school, &inner_id, &follow(&outer_id), &levels(3, 3));
    // And the list of that one is that of a third one.
    check_access(&school, &outer_id, &follow(&other), &levels(1, 1));
    assert_eq!(school.search("stranger", &inner_id, "").send().status, 200);
    // Nobody ends where he began.
    for (id, to) in [
        (&other, &inner_id),
        (&other, &outer_id),
        (&other, &other),
        (&outer_id, &inner_id),
    ] {
        let words = refused(
            &put(&school, "admin", &but(id, &json!({"access": follow(to)}))),
            400,
        );
        assert!(words.contains("inheritedResourceID"), "{words}");
    }
    let far = school
        .server
        .post("/api/spaces")
        .json(&named("space", "Other"));
    let far = id_of(&far.gives(201).json());
    let far_folder = school.server.get(format!("/api/spaces/{far}/folders"));
    let far_folder = far_folder.gives(200).json()[0]["uuid"]
        .as_str()
        .unwrap()
        .to_owned();
    let file = school.file(inner, "a");
    for to in [
        far_folder,
        school.uuid(format!("spaces/{far}")),
        school.uuid(format!("files/{file}")),
        school.uuid("users/member"),
        UNKNOWN.to_owned(),
    ] {
        let words = refused(
            &put(
                &school,
                "admin",
                &but(&inner_id, &json!({"access": follow(&to)})),
            ),
            400,
        );
        assert!(words.contains("inheritedResourceID"), "{words}");
    }
}

#[test]
fn an_access_list_that_cannot_be_is_400_with_the_field_to_blame() {
    let school = School::new(&["member", "teacher"]);
    let folder = school.folder_uuid("f");
    let (user, group) = (school.uuid("users/member"), school.group("g", &["member"]));
    let before = state(&school, &folder);
    let users = |list: Value| json!({ "userAccess": list });
    let groups = |list: Value| json!({ "groupAccess": list });
    for (access, blames) in [
        (json!("x"), "access"),
        (json!([]), "access"),
        (json!(1), "access"),
        (json!(false), "access"),
        (json!({"publicAccess": 0}), "publicAccess"),
        (json!({"publicAccess": 7}), "publicAccess"),
        (json!({"publicAccess": -1}), "publicAccess"),
        (json!({"publicAccess": 1.5}), "publicAccess"),
        (json!({"publicAccess": 1e300}), "publicAccess"),
        (json!({"publicAccess": "1"}), "publicAccess"),
        (json!({"publicAccess": true}), "publicAccess"),
        (json!({"inheritedResourceID": 5}), "inheritedResourceID"),
        (json!({"inheritedResourceID": ""}), "inheritedResourceID"),
        (users(json!({})), "userAccess"),
        (users(json!([user])), "userAccess"),
        (users(json!([null])), "userAccess"),
        (users(json!([{"userID": user}])), "userAccess"),
        (users(json!([{"accessRole": 1}])), "userAccess"),
        (
            users(json!([{"userID": user, "accessRole": null}])),
            "userAccess",
        ),
        (
            users(json!([{"userID": user, "accessRole": 0}])),
            "userAccess",
        ),
        (
            users(json!([{"userID": "member", "accessRole": 1}])),
            "userAccess",
        ),
        (
            users(json!([{"userID": UNKNOWN, "accessRole": 1}])),
            "userAccess",
        ),
        (
            users(json!([{"userID": group, "accessRole": 1}])),
            "userAccess",
        ),
        (
            groups(json!([{"groupID": user, "accessRole": 1}])),
            "groupAccess",
        ),
        (
            groups(json!([{"groupID": UNKNOWN, "accessRole": 1}])),
            "groupAccess",
        ),
        (
            groups(json!([{"userID": user, "accessRole": 1}])),
            "groupAccess",
        ),
        (
            groups(json!([{"groupID": group, "accessRole": 7}])),
            "groupAccess",
        ),
        (groups(json!("x")), "groupAccess"),
        (
            users(
                json!([{"userID": user, "accessRole": 1}, {"userID": user.to_uppercase(), "accessRole": 1}]),
            ),
            "access",
        ),
        (
            groups(
                json!([{"groupID": group, "accessRole": 1}, {"groupID": group, "accessRole": 2}]),
            ),
            "access",
        ),
    ] {
        let body = but(&folder.1, &json!({"access": access, "name": "other"}));
        let words = refused(&put(&school, "teacher", &body), 400);
        assert!(words.contains(blames), "{access}: {words}");
    }
    assert_eq!(state(&school, &folder), before);
}

#[test]
fn nobody_grants_a_role_above_his_own() {
    let school = School::new(&["member", "teacher", "administrator"]);
    let (_, id) = school.folder_uuid("f");
    let (user, group) = (school.uuid("users/member"), school.group("g", &["member"]));
    for (who, own) in [("teacher", 4), ("administrator", 5), ("admin", 6)] {
        for role in 1..=6 {
            for access in [
                json!({ "publicAccess": role }),
                json!({"userAccess": [{"userID": user, "accessRole": role}]}),
                json!({"groupAccess": [{"groupID": group, "accessRole": role}]}),
            ] {
                let body = but(&id, &json!({ "access": access }));
                if role <= own {
                    update(&school, who, &body);
                } else {
                    refused(&put(&school, who, &body), 403);
                }
            }
            // Back, or what the last one had would count.
            update(&school, "admin", &but(&id, &json!({"access": null})));
        }
    }
    // To follow a list is to give what it gives.
    let (_, other) = school.folder_uuid("other");
    update(
        &school,
        "admin",
        &but(&other, &json!({"access": {"publicAccess": 5}})),
    );
    let follow = but(&id, &json!({"access": {"inheritedResourceID": other}}));
    refused(&put(&school, "teacher", &follow), 403);
    update(&school, "administrator", &follow);
    update(&school, "admin", &but(&other, &json!({"access": null})));
    // Whoever was granted a role has it for this folder alone.
    let access = json!({"userAccess": [{"userID": user, "accessRole": 4}]});
    update(&school, "admin", &but(&id, &json!({ "access": access })));
    update(&school, "member", &but(&id, &json!({ "access": access })));
    refused(&put(&school, "member", &plain(&other)), 403);
}

#[test]
fn a_role_above_the_own_one_is_said_before_what_depends_on_what_is_stored() {
    let school = School::new(&["teacher"]);
    let folder = school.folder_uuid("f");
    let before = state(&school, &folder);
    let lists = [
        json!({"publicAccess": 6, "inheritedResourceID": folder.1}),
        json!({"publicAccess": 6, "inheritedResourceID": UNKNOWN}),
        json!({"publicAccess": 6, "userAccess": [{"userID": UNKNOWN, "accessRole": 1}]}),
        json!({"userAccess": [{"userID": UNKNOWN, "accessRole": 6}]}),
    ];
    for (who, code) in [("teacher", 403), ("admin", 400)] {
        let codes = lists.each_ref().map(|access| {
            let body = but(&folder.1, &json!({ "access": access }));
            put(&school, who, &body).send().status
        });
        assert_eq!(codes, [code; 4], "{who}");
    }
    assert_eq!(state(&school, &folder), before);
}

#[test]
fn access_lists_are_no_properties() {
    let school = School::new(&["tutor"]);
    let (folder, id) = school.folder_uuid("f");
    let body = but(&id, &json!({"access": {"publicAccess": 2}}));
    let told = update(&school, "admin", &body);
    assert_eq!(told.get("access"), None);
    assert_eq!(
        school
            .etags(format!("pages/{folder}"))
            .into_keys()
            .collect::<Vec<_>>(),
        ["endDate", "startDate"]
    );
}

// PATCH

/// The names of the folders of a `PATCH`, in order, and whether each is active.
fn status_of(answer: &Value) -> Vec<(&str, bool)> {
    let folders = answer["folders"].as_array().unwrap();
    let one = |folder: &'_ Value| folder["isActive"].as_bool().unwrap();
    folders
        .iter()
        .map(|folder| (folder["id"].as_str().unwrap(), one(folder)))
        .collect()
}

#[test]
fn a_patch_opens_and_closes_folders_and_tells_them_in_the_order_asked_for() {
    let school = School::new(&["tutor"]);
    let nodes = ["a", "b", "c"].map(|name| school.folder_uuid(name));
    let [a, b, c] = [&*nodes[0].1, &*nodes[1].1, &*nodes[2].1];
    let upper = b.to_uppercase();
    let closed = patched(&school, "tutor", &[c, b, &upper, a, c, b], false);
    assert_eq!(status_of(&closed), [(c, false), (b, false), (a, false)]);
    assert_eq!((&closed["id"], &closed["name"]), (&json!(c), &json!("c")));
    let opened = patched(&school, "tutor", &[&upper], true);
    assert_eq!(status_of(&opened), [(b, true)]);
    for ((folder, id), open) in nodes.iter().zip(["false", "true", "false"]) {
        assert_eq!(
            school.setting(format!("pages/{folder}"), "open").as_deref(),
            Some(open)
        );
        assert_eq!(seen(&school, id)["isActive"], open == "true");
    }
}

#[test]
fn a_patch_of_no_folders_changes_nothing() {
    let school = School::new(&["stranger"]);
    let folder = school.folder_uuid("f");
    let before = state(&school, &folder);
    for body in [
        json!({"open": false}),
        json!({"open": false, "folderIds": null}),
        json!({"open": false, "folderIds": []}),
        json!({"open": true, "folderids": [folder.1], "x": 1}),
    ] {
        for who in ["stranger", "admin"] {
            let call = school.luminus(who, "PATCH", "/status").json(&body);
            assert_eq!(told(&call, Shape::Status), json!({"folders": []}));
        }
    }
    for body in [
        json!({"open": "false", "folderIds": []}),
        json!({"open": 0}),
        json!({"open": false, "folderIds": folder.1}),
        json!({"open": false, "folderIds": {}}),
        json!({"open": false, "folderIds": [1]}),
        json!({"open": false, "folderIds": [null]}),
        json!({"open": false, "folderIds": [[folder.1]]}),
        json!({"open": false, "folderIds": false}),
    ] {
        let words = refused(
            &school.luminus("admin", "PATCH", "/status").json(&body),
            400,
        );
        let blames = if body["open"] == false {
            "folderIds"
        } else {
            "open"
        };
        assert!(words.contains(blames), "{words}");
    }
    assert_eq!(state(&school, &folder), before);
}

#[test]
fn a_patch_is_done_for_all_folders_or_for_none() {
    let school = School::new(&["tutor", "stranger"]);
    let folder = school.folder_uuid("f");
    let (gone, gone_id) = school.folder_uuid("gone");
    school
        .server
        .delete(format!("/api/folders/{gone}"))
        .gives(204);
    let (_, foreign) = school.folder_uuid("foreign");
    let user = school.uuid("users/stranger");
    let access = json!({"userAccess": [{"userID": user, "accessRole": 3}]});
    update(
        &school,
        "admin",
        &but(&folder.1, &json!({ "access": access })),
    );
    let before = state(&school, &folder);
    let file = school.file(school.root, "a");
    let file = school.uuid(format!("files/{file}"));
    let space = school.uuid(format!("spaces/{}", school.space));
    for (who, other, code) in [
        ("tutor", "x", 400),
        ("tutor", "", 400),
        ("tutor", UNKNOWN, 404),
        ("tutor", &file, 404),
        ("tutor", &space, 404),
        ("tutor", &gone_id, 404),
        ("stranger", &foreign, 403),
    ] {
        for ids in [[&*folder.1, other], [other, &folder.1]] {
            refused(&patch(&school, who, &ids, false), code);
            assert_eq!(state(&school, &folder), before, "{other}");
        }
    }
    patched(&school, "stranger", &[&folder.1], false);
}

#[test]
fn the_same_patch_twice_gives_the_same_answer_and_writes_once() {
    let school = School::new(&["tutor", "teacher"]);
    let folder = school.folder_uuid("f");
    // It is open by default.
    let before = state(&school, &folder);
    patched(&school, "tutor", &[&folder.1], true);
    assert_eq!(state(&school, &folder), before);
    for open in [false, true] {
        let first = patched(&school, "tutor", &[&folder.1], open);
        let after = state(&school, &folder);
        assert_eq!(patched(&school, "teacher", &[&folder.1], open), first);
        assert_eq!(state(&school, &folder), after);
        assert_eq!(first["lastUpdatedByUserID"], "tutor");
    }
}

#[test]
fn a_patch_touches_no_folder_below() {
    let school = School::new(&["tutor", "member"]);
    let outer = school.folder_uuid("outer");
    let inner = school.folder(outer.0, "inner");
    let inner = (inner, school.uuid(format!("folders/{inner}")));
    let before = state(&school, &inner);
    patched(&school, "tutor", &[&outer.1], false);
    assert_eq!(state(&school, &inner), before);
    // It is hidden with what it lies in.
    refused(&school.search("member", &inner.1, ""), 403);
    patched(&school, "tutor", &[&outer.1], true);
    told(&school.search("member", &inner.1, ""), Shape::Found);
}

#[test]
fn what_is_too_long_for_an_answer_is_refused_and_not_done_first() {
    let school = School::new(&["tutor"]);
    let mut deep = school.root;
    for _ in 0..250 {
        deep = school.folder(deep, &"\u{1F4C1}".repeat(500));
    }
    // Each is told with the path of 500,000 bytes to it.
    let ids: Vec<String> = (0..140)
        .map(|number| {
            let folder = school.folder(deep, &format!("f{number}"));
            school.uuid(format!("folders/{folder}"))
        })
        .collect();
    let patch = |ids: &[String], open: bool| {
        let body = json!({"folderIds": ids, "open": open});
        school.luminus("tutor", "PATCH", "/status").json(&body)
    };
    let root = school.uuid(format!("folders/{}", school.root));
    for call in [patch(&ids, false), school.search("tutor", &root, "")] {
        let refused = call.gives(400).text().to_owned();
        assert!(refused.contains("too long for one answer"), "{refused}");
    }
    let half = patch(&ids[..70], true).gives(200).json();
    let mut told = half["folders"].as_array().unwrap().iter();
    assert!(told.all(|folder| folder["isActive"] == true));
    assert_eq!(half["lastUpdatedDate"], half["createdDate"]);
}

#[test]
fn ten_thousand_folders_are_closed_by_one_patch_and_found() {
    let school = School::new(&["tutor"]);
    let (outer, outer_id) = school.folder_uuid("outer");
    let token = school.token("tutor");
    let head = |request: Request| {
        let request = request.field("Host", school.server.address().to_string());
        request.field("X-Authtoken", &token)
    };
    let make = head(Request::new(
        "POST",
        format!("/api/folders/{outer}/folders"),
    ));
    let make = make
        .field("Content-Type", "application/json")
        .with_body("{\"folder\":{\"name\":\"one of many\"}}");
    let make_some = || {
        let mut connection = school.server.connect();
        let mut one = || {
            connection.send(&make).is(201).json()["uuid"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        (0..625).map(|_| one()).collect::<Vec<String>>()
    };
    let made = thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(make_some)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    let ids: Vec<&str> = made.iter().map(String::as_str).collect();
    let closed = patched(&school, "tutor", &ids, false);
    let wanted: Vec<_> = ids.iter().map(|id| (*id, false)).collect();
    assert!(status_of(&closed) == wanted, "not all, or in another order");
    // One that is not there, at the end of all: nothing changes.
    let bad = [&ids[..9_999], &[UNKNOWN]].concat();
    refused(&patch(&school, "tutor", &bad, true), 404);
    let found = told(&school.search("tutor", &outer_id, ""), Shape::Found);
    let found = found["folders"].as_array().unwrap();
    assert_eq!(found.len(), 10_000);
    assert!(found.iter().all(|folder| folder["isActive"] == false));
    // A text that is found very often is found wherever one looks, and nothing else is.
    let (few, few_id) = school.folder_uuid("few");
    school.file(few, "Many");
    school.file(few, "other");
    for (top, folders, files) in [
        (&outer_id, 10_000, 0),
        (&few_id, 0, 1),
        (&school.uuid(format!("spaces/{}", school.space)), 10_000, 1),
    ] {
        let found = told(
            &school.search("tutor", top, "?SearchText=many"),
            Shape::Found,
        );
        let count = |list: &str| found[list].as_array().unwrap().len();
        assert_eq!((count("folders"), count("files")), (folders, files));
    }
}

// As documented

/// A request as the examples of the customer send it.
fn raw(school: &School, request_line: &str, token: &str, body: &str) -> Vec<u8> {
    let content_type = if body.is_empty() {
        String::new()
    } else {
        format!(
            "Content-Type: {JSON_PATCH}\r\nContent-Length: {}\r\n",
            body.len()
        )
    };
    format!(
        "{request_line} HTTP/1.1\r\nHost: {}\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\
         Ocp-Apim-Subscription-Key: {token}\r\n{content_type}\r\n{body}",
        school.server.address()
    )
    .into_bytes()
}

#[test]
fn the_documented_requests_give_the_documented_answers() {
    let school = School::new(&[]);
    school.person_of(&json!({"login": "tess", "name": "Tess Teacher"}), "teacher");
    let token = school.token("tess");
    let nodes = ["first", "second"].map(|name| school.folder_uuid(name));
    let [first, second] = [&*nodes[0].1, &*nodes[1].1];
    let send = |request_line: &str, body: &str| {
        let mut connection = school.server.connect();
        connection.write(&raw(&school, request_line, &token, body));
        connection.read(request_line.split(' ').next().unwrap())
    };
    let body = format!(
        "\n{{\"id\":\"{first}\",\"name\":\"Week 3\",\"startDate\":\"2026-01-12T00:00:00+08:00\",\"endDate\":\"2026-05-01T00:00:00+08:00\",\n \
         \"publish\":true,\"sortFilesBy\":\"Name\",\"allowUpload\":true,\"uploadDisplayOption\":\"Name\",\"viewAll\":false,\"folderScore\":10,\n \
         \"submissionDeadline\":\"2026-02-01T23:59:00+08:00\",\"allowedFileType\":[\"pdf\"]}}"
    );
    let folder = told_by(&send("PUT /files/", &body), Shape::Folder);
    let tess = school.uuid("users/tess");
    let fields = folder.as_object().unwrap().iter();
    let changing = ["createdDate", "lastUpdatedDate", "isActive"];
    let fields = fields.filter(|(name, _)| !changing.contains(&name.as_str()));
    let fields: Value = fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    assert_eq!(
        fields,
        json!({
            "id": first, "creatorID": school.uuid("users/admin"), "creatorName": "admin", "creatorUserID": "admin",
            "lastUpdatedBy": tess, "lastUpdatedByName": "Tess Teacher", "lastUpdatedByUserID": "tess",
            "name": "Week 3", "startDate": "2026-01-11T16:00:00.000Z", "endDate": "2026-04-30T16:00:00.000Z",
            "publish": true, "parentID": school.uuid(format!("folders/{}", school.root)),
            "rootID": school.uuid(format!("spaces/{}", school.space)), "parentFolderPath": "Support Files",
            "sortFilesBy": "Name", "allowUpload": true, "uploadDisplayOption": "Name", "viewAll": false,
            "folderScore": 10.0, "allowComments": false, "allowAnnotate": false,
            "submissionDeadline": "2026-02-01T15:59:00.000Z", "allowLateSubmission": false,
            "isTurnitinFolder": false, "allowedFileType": ["pdf"], "allowedSubmissionFileTypes": []
        })
    );
    let body = format!("{{\"folderIds\":[\"{first}\",\"{second}\"],\"open\":false}}");
    let status = told_by(&send("PATCH /files/status", &body), Shape::Status);
    assert_eq!(status_of(&status), [(first, false), (second, false)]);
    assert_eq!(status["name"], "Week 3");
    let body = body.replace(second, "51c1f0f1-64e9-4a0a-8d38-1c1c36a9a001");
    error_of(&send("PATCH /files/status", &body).is(404));
    // The samples of the customer put {body} where a body is to be, also behind a GET.
    error_of(&send("PUT /files/", "{body}").is(400));
    let search = format!("GET /files/{first}/search?SearchText={{string}}&populate=comment");
    let found = told_by(&send(&search, "{body}"), Shape::Found);
    assert_eq!(found, json!({"folders": [], "files": []}));
}

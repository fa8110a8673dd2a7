//! Spaces: how they, people and groups come to be, one tree in two dialects, settings and what they hide, submissions and
//! comments (`dialects-common.md`; `redu.md` §4, §5).

use crate::harness::{Answer, Call, Server, properties};
use crate::school::{
    School, WORD, blamed, content_of, file_form, follow, id_of, link, named, segment,
};
use serde_json::{Value, json};

const NONE: [&str; 0] = [];

const PAST: &str = "2020-01-01T00:00:00+08:00";
const FUTURE: &str = "2999-12-31T23:59:59.5Z";

fn post<'a>(school: &'a School, login: &str, path: &str, body: &Value) -> Call<'a> {
    school.by(login, "POST", format!("/api/{path}")).json(body)
}

fn files_of(school: &School, login: &str, folder: i64) -> Vec<String> {
    school.names(login, format!("/api/folders/{folder}/files"))
}

fn folders_of(school: &School, login: &str, folder: i64) -> Vec<String> {
    school.names(login, format!("/api/folders/{folder}/folders"))
}

/// A request to the MindTouch dialect by somebody.
fn deki<'a>(school: &'a School, login: &str, method: &str, path: &str) -> Call<'a> {
    school.by(login, method, format!("/@api/deki/{path}"))
}

// How people come to be

#[test]
fn a_user_is_made_with_what_is_said_and_can_sign_in() {
    let school = School::new(&["stranger"]);
    let make = |user: Value| post(&school, "admin", "users", &json!({"user": user}));
    let full = json!({
        "login": "tess", "password": " p:w é ", "name": "Tess T.", "email": "t@example.org",
        "matric_no": "A1", "role": "Admin", "id": 1, "other": [1]
    });
    let made = make(full).gives(201).json();
    assert_eq!(
        (&made["login"], &made["name"]),
        (&json!("tess"), &json!("Tess T."))
    );
    let path = "/api/users/tess";
    let call = school.get("nobody", path);
    let signed_in = call.field("Authorization", crate::harness::basic("tess", " p:w é "));
    assert_eq!(signed_in.gives(200).json(), made);
    assert_eq!(school.get("stranger", path).gives(200).json(), made);
    // A name is found whatever its case.
    assert_eq!(
        school.get("stranger", "/api/users/TESS").gives(200).json(),
        made
    );
    let account = school.server.get("/users/=tess").gives(200).xml();
    assert_eq!(account.attr("id"), made["id"].to_string());
    let role = &account.child("permissions.user").child("role").text;
    assert_eq!(
        (role.as_str(), &*account.child("fullname").text),
        ("Contributor", "Tess T.")
    );
    // A name that is not given, or says nothing, is the login.
    for (login, name) in [("a", json!(null)), ("b", json!("")), ("c", json!(" "))] {
        let user = json!({"login": login, "password": WORD, "name": name});
        assert_eq!(make(user).gives(201).json()["name"], login);
    }
    for login in [
        "é/ü?#%41",
        "日本",
        "o'neil@example.org",
        "x y",
        "+",
        "..",
        ".",
    ] {
        let made = make(json!({"login": login, "password": WORD}))
            .gives(201)
            .json();
        assert_eq!(made["login"], login);
        let href = link(&made, "self");
        let found = school
            .get("stranger", crate::harness::path_of(href))
            .gives(200);
        assert_eq!(found.json(), made, "{href}");
    }
    for login in ["nemo", "%FF", "%00"] {
        school
            .get("stranger", format!("/api/users/{login}"))
            .refused(404);
    }
}

#[test]
fn a_user_that_cannot_be_is_422_with_the_field_to_blame() {
    let school = School::new(&[]);
    school.person("Tess", "stranger");
    let long = "x".repeat(256);
    for (user, field) in [
        (json!({"password": WORD}), "login"),
        (json!({"login": null, "password": WORD}), "login"),
        (json!({"login": "", "password": WORD}), "login"),
        (json!({"login": " \u{a0}", "password": WORD}), "login"),
        (json!({"login": 5, "password": WORD}), "login"),
        (json!({"login": "a:b", "password": WORD}), "login"),
        (json!({"login": "a\u{FFFE}", "password": WORD}), "login"),
        (json!({"login": "a\nb", "password": WORD}), "login"),
        (json!({"login": long, "password": WORD}), "login"),
        (json!({"login": "Tess", "password": WORD}), "login"),
        (json!({"login": "tESS", "password": WORD}), "login"),
        (json!({"login": "admin", "password": WORD}), "login"),
        (json!({"login": "Anonymous", "password": WORD}), "login"),
        (json!({"login": "new"}), "password"),
        (json!({"login": "new", "password": null}), "password"),
        (json!({"login": "new", "password": ""}), "password"),
        (json!({"login": "new", "password": " \t"}), "password"),
        (json!({"login": "new", "password": 17}), "password"),
        (json!({"login": "new", "password": WORD, "name": 5}), "name"),
        (
            json!({"login": "new", "password": WORD, "name": "a\u{1}"}),
            "name",
        ),
    ] {
        let error = post(&school, "admin", "users", &json!({"user": user})).refused(422);
        assert_eq!(blamed(&error), [field], "{user}");
    }
    for body in [json!({}), json!({"user": "new"}), json!([])] {
        post(&school, "admin", "users", &body).refused(422);
    }
    school.get("admin", "/api/users/new").refused(404);
}

#[test]
fn accounts_of_the_other_dialect_may_be_enrolled() {
    let school = School::new(&[]);
    school.server.account("carl", WORD, "None");
    let folder = format!("/api/folders/{}", school.root);
    school.get("carl", &folder).refused(403);
    school.enroll("carl", "tutor");
    school.get("carl", &folder).gives(200);
    let put = school
        .by("carl", "PUT", &folder)
        .json(&named("folder", "x"));
    put.gives(200);
}

#[test]
fn a_space_comes_with_its_first_folder() {
    let school = School::new(&[]);
    let made = post(&school, "admin", "spaces", &named("space", " S/1 "))
        .gives(201)
        .json();
    let (id, path) = (id_of(&made), format!("spaces/{}", id_of(&made)));
    assert_ne!(id, school.space);
    assert_eq!(made["name"], " S/1 ");
    assert_eq!(
        school.names("admin", format!("/api/{path}/folders")),
        ["Support Files"]
    );
    // Two spaces have nothing to do with each other.
    school.person("tutor", "tutor");
    school.get("tutor", format!("/api/{path}")).refused(403);
    school
        .get("tutor", format!("/api/{path}/folders"))
        .refused(403);
    let more = post(
        &school,
        "tutor",
        &format!("spaces/{}/folders", school.space),
        &named("folder", "More"),
    );
    more.gives(201);
    assert_eq!(
        school.names("admin", format!("/api/{path}/folders")),
        ["Support Files"]
    );
    let top = format!("/api/spaces/{}/folders", school.space);
    assert_eq!(school.names("tutor", top), ["Support Files", "More"]);
}

// Who is enrolled, and who is in which group

#[test]
fn an_enrollment_counts_at_once_and_the_last_one_replaces_the_others() {
    let school = School::new(&["administrator", "stranger"]);
    let path = format!("spaces/{}/enrollments", school.space);
    let folder = format!("/api/folders/{}", school.root);
    let rename = || {
        school
            .by("stranger", "PUT", &folder)
            .json(&named("folder", "x"))
            .send()
            .status
    };
    let read = || school.get("stranger", &folder).send().status;
    assert_eq!((read(), rename()), (403, 403));
    for (role, code) in [
        ("member", 403),
        ("tutor", 200),
        ("teacher", 200),
        ("administrator", 200),
        ("administrator", 200),
        ("member", 403),
    ] {
        let body = json!({"enrollment": {"login": "stranger", "role": role, "x": 1}});
        let answer = post(&school, "administrator", &path, &body).gives(201);
        assert_eq!(answer.json(), json!({"login": "stranger", "role": role}));
        assert_eq!((read(), rename()), (200, code), "{role}");
    }
    // By the login in any case; the answer has it as it is.
    let body = json!({"enrollment": {"login": "STRANGER", "role": "tutor"}});
    let answer = post(&school, "administrator", &path, &body).gives(201);
    assert_eq!(answer.json()["login"], "stranger");
    assert_eq!(rename(), 200);
    let ended = school.by("administrator", "DELETE", format!("/api/{path}/Stranger"));
    assert_eq!(ended.gives(204).body, b"");
    assert_eq!((read(), rename()), (403, 403));
    ended.refused(404);
    // Whoever enrolls may let himself go.
    school
        .by(
            "administrator",
            "DELETE",
            format!("/api/{path}/administrator"),
        )
        .gives(204);
    post(&school, "administrator", &path, &body).refused(403);
}

#[test]
fn an_enrollment_that_cannot_be_is_422_with_the_field_to_blame() {
    let school = School::new(&["administrator", "member"]);
    let path = format!("spaces/{}/enrollments", school.space);
    for (inside, field) in [
        (json!({"role": "tutor"}), "login"),
        (json!({"login": null, "role": "tutor"}), "login"),
        (json!({"login": " ", "role": "tutor"}), "login"),
        (json!({"login": 5, "role": "tutor"}), "login"),
        (json!({"login": "nemo", "role": "tutor"}), "login"),
        (json!({"login": "member"}), "role"),
        (json!({"login": "member", "role": null}), "role"),
        (json!({"login": "member", "role": ""}), "role"),
        (json!({"login": "member", "role": "Tutor"}), "role"),
        (json!({"login": "member", "role": "owner"}), "role"),
        (json!({"login": "member", "role": "reader"}), "role"),
        (json!({"login": "member", "role": 3}), "role"),
        (json!("member"), "login"),
    ] {
        let call = post(
            &school,
            "administrator",
            &path,
            &json!({"enrollment": inside}),
        );
        assert_eq!(blamed(&call.refused(422)), [field], "{inside}");
    }
    assert_eq!(
        blamed(&post(&school, "admin", &path, &json!({})).refused(422)),
        ["login"]
    );
    post(
        &school,
        "administrator",
        "spaces/999/enrollments",
        &json!({"enrollment": {"login": "member", "role": "tutor"}}),
    )
    .refused(404);
    // He is still what he was.
    let call = school.by("member", "PUT", format!("/api/folders/{}", school.root));
    call.json(&named("folder", "x")).refused(403);
    for login in ["nemo", "%FF"] {
        school
            .by("administrator", "DELETE", format!("/api/{path}/{login}"))
            .refused(404);
    }
}

#[test]
fn an_enrollment_can_be_ended_where_its_answer_says() {
    let school = School::new(&[]);
    let login = "é/ü?";
    school.person(login, "stranger");
    let path = format!("spaces/{}/enrollments", school.space);
    let body = json!({"enrollment": {"login": login, "role": "member"}});
    let answer = post(&school, "admin", &path, &body).gives(201);
    let location = answer.field("location").unwrap();
    assert!(
        location.ends_with(&format!("{path}/%C3%A9%2F%C3%BC%3F")),
        "{location}"
    );
    school
        .by("admin", "DELETE", crate::harness::path_of(location))
        .gives(204);
}

#[test]
fn a_group_has_a_name_and_members() {
    let school = School::new(&["administrator", "member", "stranger"]);
    let path = format!("spaces/{}/groups", school.space);
    let make = |inside: Value| post(&school, "administrator", &path, &json!({"group": inside}));
    let made = make(json!({"name": " G/1 ", "members": ["MEMBER", "stranger"], "x": 1}))
        .gives(201)
        .json();
    assert_eq!(made["name"], " G/1 ");
    let mut members: Vec<&str> = made["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m.as_str().unwrap())
        .collect();
    members.sort_unstable();
    assert_eq!(members, ["member", "stranger"]);
    assert!(made["uuid"].as_str().unwrap().parse::<uuid::Uuid>().is_ok());
    assert_eq!(made.as_object().unwrap().len(), 3, "{made}");
    assert_eq!(
        make(json!({"name": "empty", "members": []}))
            .gives(201)
            .json()["members"],
        json!([])
    );
    let twice = make(json!({"name": "twice", "members": ["member", "Member"]}))
        .gives(201)
        .json();
    assert_eq!(twice["members"], json!(["member"]));
    let long = "x".repeat(256);
    for (inside, field) in [
        (json!({"members": []}), "name"),
        (json!({"name": " ", "members": []}), "name"),
        (json!({"name": 5, "members": []}), "name"),
        (json!({"name": "a\nb", "members": []}), "name"),
        (json!({"name": long, "members": []}), "name"),
        (
            json!({"name": "g", "members": ["member", "nemo"]}),
            "members",
        ),
        (json!({"name": "g", "members": [""]}), "members"),
        (json!({"name": "g", "members": [5]}), "members"),
        (
            json!({"name": "g", "members": vec!["member"; 10_001]}),
            "members",
        ),
        (json!({"name": "g", "members": [null]}), "members"),
        (json!({"name": "g", "members": "member"}), "members"),
        (json!({"name": "g", "members": {"a": "member"}}), "members"),
    ] {
        assert_eq!(
            blamed(&make(inside.clone()).refused(422)),
            [field],
            "{inside}"
        );
    }
    post(
        &school,
        "admin",
        "spaces/999/groups",
        &json!({"group": {"name": "g", "members": []}}),
    )
    .refused(404);
}

// One tree in two dialects

#[test]
fn a_folder_of_one_dialect_has_properties_in_the_other() {
    let school = School::new(&["stranger", "member", "tutor"]);
    let folder = school.folder(school.root, "Week 3");
    let path = format!("pages/{folder}/properties");
    let batch = properties(["a", "b"], |name| {
        format!("<property name='{name}'><contents type='text/plain'>{name}!</contents></property>")
    });
    let put = |login: &str| deki(&school, login, "PUT", &path).xml(&batch);
    put("nobody").gives(401);
    put("stranger").gives(403);
    put("member").gives(403);
    assert_eq!(put("tutor").gives(200).xml().attr("count"), "2");
    for (login, code) in [
        ("nobody", 401),
        ("stranger", 403),
        ("member", 200),
        ("tutor", 200),
    ] {
        let list = deki(&school, login, "GET", &path).gives(code);
        if code == 200 {
            assert_eq!(list.xml().property_names(), ["a", "b"]);
        }
        deki(&school, login, "GET", &format!("{path}/a")).gives(code);
        deki(&school, login, "GET", &format!("{path}/a/info")).gives(code);
    }
    // A space and a file have them as well.
    let file = school.file(folder, "f");
    for owner in [format!("pages/{}", school.space), format!("files/{file}")] {
        let one = deki(&school, "tutor", "POST", &format!("{owner}/properties"));
        one.field("Slug", "p").text("v").gives(200);
        let read = deki(&school, "member", "GET", &format!("{owner}/properties/p"));
        assert_eq!(read.gives(200).text(), "v");
        read.clone().anonymous().gives(401);
        deki(
            &school,
            "member",
            "DELETE",
            &format!("{owner}/properties/p"),
        )
        .gives(403);
        deki(&school, "tutor", "DELETE", &format!("{owner}/properties/p")).gives(200);
    }
    let page = deki(&school, "member", "GET", &format!("pages/{folder}"))
        .gives(200)
        .xml();
    assert_eq!(
        (page.attr("id"), &*page.child("title").text),
        (&*folder.to_string(), "Week 3")
    );
}

#[test]
fn a_file_of_one_dialect_is_one_of_the_other() {
    let school = School::new(&["member", "tutor"]);
    let folder = school.folder(school.root, "f");
    let on_folder = format!("pages/{folder}/files/=a%2520b.txt");
    let put =
        |login: &str, body: &str| deki(&school, login, "PUT", &on_folder).typed("text/csv", body);
    put("member", "x").gives(403);
    put("nobody", "x").gives(401);
    let made = put("tutor", "1,2").gives(200).xml();
    let id: i64 = made.attr("id").parse().unwrap();
    assert_eq!(files_of(&school, "member", folder), ["a b.txt"]);
    let shown = school.shown("member", id);
    assert_eq!(
        (&shown["name"], &shown["mimetype"]),
        (&json!("a b.txt"), &json!("text/csv"))
    );
    assert_eq!(
        link(&shown, "folder"),
        format!("http://{}/api/folders/{folder}", school.server.address())
    );
    assert!(link(&shown, "user").ends_with("/users/tutor"));
    assert_eq!(content_of(&school, &shown).text(), "1,2");
    // The other way round, with a name that is there already: a file of its own.
    let twin = id_of(&school.upload("tutor", folder, "a b.txt", b"twin"));
    assert_eq!(files_of(&school, "member", folder), ["a b.txt", "a b.txt"]);
    let by_name = deki(&school, "member", "GET", &on_folder);
    assert_eq!(by_name.gives(200).text(), "twin", "the newest of that name");
    let again = put("tutor", "revised").gives(200).xml();
    assert_eq!(
        (again.attr("id"), again.attr("revision")),
        (&*twin.to_string(), "2")
    );
    assert_eq!(school.shown("member", twin)["byte"], "7");
    let old = deki(&school, "member", "GET", &format!("files/{id}"));
    assert_eq!(old.gives(200).text(), "1,2");
    let info = deki(&school, "member", "GET", &format!("files/{twin}/info"))
        .gives(200)
        .xml();
    assert_eq!(info.child("page.parent").attr("id"), folder.to_string());
    deki(&school, "tutor", "DELETE", &format!("files/{twin}")).gives(200);
    school
        .get("tutor", format!("/api/files/{twin}"))
        .refused(404);
    school
        .by("tutor", "DELETE", format!("/api/files/{id}"))
        .gives(204);
    deki(&school, "tutor", "GET", &format!("files/{id}")).gives(404);
    assert_eq!(files_of(&school, "member", folder), NONE);
}

#[test]
fn an_old_client_cannot_put_a_file_directly_into_a_space() {
    let school = School::new(&["tutor"]);
    let path = format!("pages/{}/files/=a", school.space);
    deki(&school, "tutor", "PUT", &path).text("x").gives(404);
}

#[test]
fn a_node_of_another_kind_is_404_in_the_other_dialect() {
    let school = School::new(&["tutor"]);
    let file = school.file(school.root, "a");
    for who in ["tutor", "admin"] {
        for node in [school.root, school.space] {
            for path in [
                "",
                "/info",
                "/properties",
                "/properties/p",
                "/revisions",
                "/description",
            ] {
                deki(&school, who, "GET", &format!("files/{node}{path}")).gives(404);
            }
            deki(&school, who, "DELETE", &format!("files/{node}")).gives(404);
            deki(&school, who, "PUT", &format!("files/{node}"))
                .text("x")
                .gives(404);
            deki(&school, who, "PUT", &format!("files/{node}/properties/p"))
                .text("x")
                .gives(404);
        }
        for path in ["", "/properties", "/files", "/contents"] {
            deki(&school, who, "GET", &format!("pages/{file}{path}")).gives(404);
        }
        deki(&school, who, "PUT", &format!("pages/{file}/properties/p"))
            .text("x")
            .gives(404);
        deki(&school, who, "PUT", &format!("pages/{file}/files/=b"))
            .text("x")
            .gives(404);
    }
    school.shown("tutor", file);
}

#[test]
fn who_may_do_what_in_a_space_is_not_said_in_the_other_dialect() {
    let school = School::new(&["stranger", "tutor", "administrator"]);
    let document = "<security><permissions.page><restriction>Public</restriction></permissions.page></security>";
    for who in ["tutor", "administrator", "admin"] {
        for node in [school.root, school.space] {
            let path = format!("pages/{node}/security");
            deki(&school, who, "GET", &path).gives(404);
            let put = deki(&school, who, "PUT", &path).xml(document).send();
            let delete = deki(&school, who, "DELETE", &path).send();
            // Who has not even the right is told so.
            let codes: &[u16] = if who == "tutor" { &[403, 404] } else { &[404] };
            assert!(codes.contains(&put.status), "{who}: {put:?}");
            assert!(codes.contains(&delete.status), "{who}: {delete:?}");
        }
    }
    deki(
        &school,
        "stranger",
        "GET",
        &format!("pages/{}/properties", school.root),
    )
    .gives(403);
}

#[test]
fn nobody_gets_into_a_space_without_signing_in() {
    let school = School::new(&[]);
    let file = school.file(school.root, "a");
    let (root, space) = (school.root, school.space);
    for (method, path) in [
        ("GET", format!("pages/{root}")),
        ("GET", format!("pages/{space}")),
        ("GET", format!("pages/{root}/properties")),
        ("GET", format!("pages/{root}/properties/p")),
        ("GET", format!("pages/{root}/files")),
        ("GET", format!("pages/{root}/files/=a")),
        ("GET", format!("pages/{root}/contents")),
        ("GET", format!("files/{file}")),
        ("HEAD", format!("files/{file}")),
        ("GET", format!("files/{file}/info")),
        ("GET", format!("files/{file}/revisions")),
        ("GET", format!("files/{file}/properties")),
        ("GET", format!("files/{file}/description")),
        ("PUT", format!("pages/{root}/files/=b")),
        ("PUT", format!("pages/{root}/properties/p")),
        ("PUT", format!("files/{file}")),
        (
            "PUT",
            format!("files/{file}/properties/luminus.comment.9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f11"),
        ),
        ("DELETE", format!("files/{file}")),
    ] {
        let call = deki(&school, "nobody", method, &path);
        let call = if method == "PUT" {
            call.text("x")
        } else {
            call
        };
        let answer = call.gives(401);
        assert_eq!(
            answer.field("www-authenticate"),
            Some("Basic realm=\"DekiWiki\""),
            "{path}"
        );
    }
    // A page outside is as public as ever.
    deki(&school, "nobody", "GET", "pages/home/properties").gives(200);
}

/// The numbers of the pages with this property that somebody sees.
fn found(school: &School, login: &str, name: &str) -> Vec<String> {
    let call = deki(
        school,
        login,
        "GET",
        &format!("site/search/properties?name={name}"),
    );
    let pages = call.gives(200).xml();
    pages
        .all("page")
        .iter()
        .map(|page| page.attr("id").to_owned())
        .collect()
}

#[test]
fn a_search_finds_what_may_be_seen() {
    let school = School::new(&["stranger", "member", "tutor"]);
    let (open, hidden) = (
        school.folder(school.root, "a"),
        school.folder(school.root, "b"),
    );
    let below = school.folder(hidden, "c");
    for node in [open, hidden, below] {
        school.server.property(&format!("/pages/{node}"), "p", "v");
    }
    school.set(format!("pages/{hidden}"), "publish", "false");
    let all = [open, hidden, below].map(|id| id.to_string());
    assert_eq!(found(&school, "admin", "p"), all);
    assert_eq!(found(&school, "tutor", "p"), all);
    assert_eq!(found(&school, "member", "p"), all[..1]);
    assert_eq!(found(&school, "stranger", "p"), NONE);
    assert_eq!(found(&school, "nobody", "p"), NONE);
    school
        .by("tutor", "DELETE", format!("/api/folders/{hidden}"))
        .gives(204);
    assert_eq!(found(&school, "admin", "p"), all[..1]);
    school
        .by("tutor", "DELETE", format!("/api/folders/{open}"))
        .gives(204);
    assert_eq!(found(&school, "admin", "p"), NONE);
}

#[test]
fn a_deleted_folder_is_gone_in_every_dialect() {
    let school = School::new(&["tutor"]);
    let folder = school.folder(school.root, "f");
    let inner = school.folder(folder, "g");
    let (file, deep) = (
        school.file(folder, "a"),
        school.upload("tutor", inner, "b", &[b'x'; 9000]),
    );
    let (raw, deep) = (link(&deep, "raw").to_owned(), id_of(&deep));
    for node in [
        format!("pages/{folder}"),
        format!("pages/{inner}"),
        format!("files/{file}"),
        format!("files/{deep}"),
    ] {
        school.server.property(&format!("/{node}"), "p", "v");
    }
    let kept = school.folder(school.root, "kept");
    school.server.property(&format!("/pages/{kept}"), "p", "v");
    school
        .by("tutor", "DELETE", format!("/api/folders/{folder}"))
        .gives(204);
    let gone = || {
        for who in ["tutor", "admin"] {
            for node in [folder, inner] {
                for path in ["", "/folders", "/files"] {
                    school
                        .get(who, format!("/api/folders/{node}{path}"))
                        .refused(404);
                }
                school
                    .by(who, "PUT", format!("/api/folders/{node}"))
                    .json(&named("folder", "x"))
                    .refused(404);
                post(
                    &school,
                    who,
                    &format!("folders/{node}/folders"),
                    &named("folder", "x"),
                )
                .refused(404);
                school.send(who, node, file_form("x", b"x")).refused(404);
                for path in [
                    "",
                    "/properties",
                    "/properties/p",
                    "/properties/p/info",
                    "/files",
                    "/files/=a",
                    "/contents",
                ] {
                    deki(&school, who, "GET", &format!("pages/{node}{path}")).gives(404);
                }
                deki(&school, who, "PUT", &format!("pages/{node}/properties/p"))
                    .text("x")
                    .gives(404);
                deki(&school, who, "PUT", &format!("pages/{node}/files/=x"))
                    .text("x")
                    .gives(404);
                deki(
                    &school,
                    who,
                    "DELETE",
                    &format!("pages/{node}/properties/p"),
                )
                .gives(404);
            }
            for node in [file, deep] {
                school.get(who, format!("/api/files/{node}")).refused(404);
                school
                    .by(who, "DELETE", format!("/api/files/{node}"))
                    .refused(404);
                for path in [
                    "",
                    "/info",
                    "/properties",
                    "/properties/p",
                    "/revisions",
                    "/description",
                ] {
                    deki(&school, who, "GET", &format!("files/{node}{path}")).gives(404);
                }
                deki(&school, who, "PUT", &format!("files/{node}"))
                    .text("x")
                    .gives(404);
                deki(&school, who, "DELETE", &format!("files/{node}")).gives(404);
            }
        }
        follow(&school, &raw).refused(404);
        assert_eq!(found(&school, "admin", "p"), [kept.to_string()]);
        assert_eq!(folders_of(&school, "admin", school.root), ["kept"]);
    };
    gone();
    // Also once everything below is marked, which goes on between other writes.
    for _ in 0..5 {
        school.set(format!("pages/{kept}"), "publish", "true");
    }
    gone();
}

#[test]
fn a_deleted_folder_stays_gone_after_a_restart() {
    let mut school = School::new(&[]);
    let folder = school.folder(school.root, "f");
    let mut inner = folder;
    let mut ids = Vec::new();
    for n in 0..100 {
        if n % 10 == 0 {
            inner = school.folder(inner, "g");
        }
        ids.push(school.file(inner, "a"));
    }
    let root = school.root;
    school.server.property(&format!("/pages/{inner}"), "p", "v");
    school
        .server
        .delete(format!("/api/folders/{folder}"))
        .gives(204);
    let dir = school.server.dir();
    school.server.signal("KILL");
    school.server.wait();
    let server = Server::on(dir, &[]);
    let gone = |server: &Server| {
        for id in &ids {
            server.get(format!("/api/files/{id}")).gives(404);
        }
        server
            .get(format!("/pages/{inner}/properties/p"))
            .gives(404);
        let pages = server
            .get("/site/search/properties?name=p")
            .gives(200)
            .xml();
        assert_eq!(pages.children.len(), 0);
        let list = server
            .get(format!("/api/folders/{root}/folders"))
            .gives(200);
        assert_eq!(list.json(), json!([]));
    };
    gone(&server);
    for _ in 0..10 {
        server
            .put("/pages/home/properties/p?abort=never")
            .text("v")
            .gives(200);
        server.delete("/pages/home/properties/p").gives(200);
    }
    gone(&server);
}

#[test]
fn a_new_name_shows_in_both_dialects() {
    let school = School::new(&["tutor"]);
    let folder = school.folder(school.root, "old");
    let put = school.by("tutor", "PUT", format!("/api/folders/{folder}"));
    put.json(&named("folder", "new/name")).gives(200);
    let page = school
        .server
        .get(format!("/pages/{folder}"))
        .gives(200)
        .xml();
    assert_eq!(page.child("title").text, "new/name");
    assert_eq!(folders_of(&school, "tutor", school.root), ["new/name"]);
}

// What is hidden

/// Whether members see a folder, what lies in it, and its properties; tutors do.
fn check_seen(school: &School, folder: i64, file: i64, is_seen: bool, told: &str) {
    let code = if is_seen { 200 } else { 403 };
    for path in [
        format!("/api/folders/{folder}"),
        format!("/api/folders/{folder}/folders"),
        format!("/api/folders/{folder}/files"),
        format!("/api/files/{file}"),
        format!("/@api/deki/pages/{folder}"),
        format!("/@api/deki/pages/{folder}/properties"),
        format!("/@api/deki/pages/{folder}/files"),
        format!("/@api/deki/files/{file}"),
        format!("/@api/deki/files/{file}/info"),
        format!("/@api/deki/files/{file}/properties"),
    ] {
        let answer = school.get("member", &path).send();
        assert_eq!(answer.status, code, "{told}: {path} {answer:?}");
        school.get("tutor", &path).gives(200);
    }
    let all = folders_of(school, "tutor", school.root);
    let seen: &[String] = if is_seen { &all } else { &all[..0] };
    assert_eq!(folders_of(school, "member", school.root), seen, "{told}");
}

#[test]
fn a_folder_is_hidden_by_hand_and_by_its_dates() {
    let school = School::new(&["member", "tutor"]);
    let folder = school.folder(school.root, "f");
    let file = school.file(folder, "a");
    check_seen(&school, folder, file, true, "as it was made");
    for (settings, is_seen) in [
        (vec![("publish", "false")], false),
        (vec![("publish", "true")], true),
        (vec![("open", "false")], false),
        (vec![("open", "true")], true),
        (vec![("startDate", PAST)], true),
        (vec![("startDate", FUTURE)], false),
        (vec![("endDate", PAST)], false),
        (vec![("endDate", FUTURE)], true),
        (vec![("startDate", PAST), ("endDate", FUTURE)], true),
        (vec![("startDate", PAST), ("endDate", PAST)], false),
        (vec![("open", "true"), ("endDate", PAST)], false),
        (
            vec![("open", "true"), ("publish", "true"), ("startDate", FUTURE)],
            false,
        ),
        (vec![("publish", "false"), ("open", "true")], false),
        (
            vec![
                ("submissionDeadline", PAST),
                ("feedbackReleaseDate", FUTURE),
            ],
            true,
        ),
        (vec![("viewAll", "false")], true),
    ] {
        for (name, value) in &settings {
            school.set(format!("pages/{folder}"), name, value);
        }
        check_seen(&school, folder, file, is_seen, &format!("{settings:?}"));
        // A setting that is taken away is as if it had never been.
        for (name, _) in &settings {
            let path = format!("/pages/{folder}/properties/luminus.{name}");
            school.server.delete(path).gives(200);
        }
        check_seen(
            &school,
            folder,
            file,
            true,
            &format!("without {settings:?}"),
        );
    }
}

#[test]
fn what_lies_below_a_hidden_folder_is_hidden() {
    let school = School::new(&["member", "tutor"]);
    let top = school.folder(school.root, "top");
    let folder = school.folder(top, "f");
    let file = school.file(folder, "a");
    for (node, name) in [
        (school.root, "open"),
        (top, "publish"),
        (top, "open"),
        (folder, "publish"),
    ] {
        school.set(format!("pages/{node}"), name, "false");
        school
            .get("member", format!("/api/folders/{folder}"))
            .refused(403);
        school
            .get("member", format!("/api/files/{file}"))
            .refused(403);
        school.get("tutor", format!("/api/files/{file}")).gives(200);
        school.set(format!("pages/{node}"), name, "true");
        school
            .get("member", format!("/api/files/{file}"))
            .gives(200);
    }
    // The list of the space leaves out a hidden folder at the top, even the first one.
    school.set(format!("pages/{}", school.root), "publish", "false");
    let path = format!("/api/spaces/{}/folders", school.space);
    assert_eq!(school.names("member", &path), NONE);
    assert_eq!(school.names("tutor", &path), ["Support Files"]);
    school
        .get("member", format!("/api/spaces/{}", school.space))
        .gives(200);
}

#[test]
fn a_file_is_hidden_by_itself() {
    let school = School::new(&["member", "tutor"]);
    let (a, _) = (school.file(school.root, "a"), school.file(school.root, "b"));
    school.set(format!("files/{a}"), "publish", "false");
    assert_eq!(files_of(&school, "member", school.root), ["b"]);
    assert_eq!(files_of(&school, "tutor", school.root), ["a", "b"]);
    school.get("member", format!("/api/files/{a}")).refused(403);
    deki(&school, "member", "GET", &format!("files/{a}")).gives(403);
    school.set(format!("files/{a}"), "publish", "true");
    assert_eq!(files_of(&school, "member", school.root), ["a", "b"]);
}

// What members submit

/// A folder that takes files of members.
fn drop_box(school: &School) -> i64 {
    let folder = school.folder(school.root, "box");
    school.set(format!("pages/{folder}"), "allowUpload", "true");
    folder
}

fn submit(school: &School, login: &str, folder: i64, name: &str) -> Answer {
    school.send(login, folder, file_form(name, b"work")).send()
}

#[test]
fn a_member_submits_where_that_is_allowed_and_takes_back_what_is_his() {
    let school = School::new(&["member", "stranger", "tutor"]);
    school.person("mel", "member");
    submit(&school, "member", school.root, "a").is(403);
    let folder = drop_box(&school);
    submit(&school, "stranger", folder, "a").is(403);
    let mine = submit(&school, "member", folder, "a").is(201).json();
    assert!(link(&mine, "user").ends_with("/users/member"));
    let mine = id_of(&mine);
    // All the rest is still for tutors.
    post(
        &school,
        "member",
        &format!("folders/{folder}/folders"),
        &named("folder", "x"),
    )
    .refused(403);
    deki(
        &school,
        "member",
        "PUT",
        &format!("pages/{folder}/files/=x"),
    )
    .text("x")
    .gives(403);
    deki(&school, "member", "PUT", &format!("files/{mine}"))
        .text("x")
        .gives(403);
    deki(
        &school,
        "member",
        "PUT",
        &format!("files/{mine}/properties/p"),
    )
    .text("x")
    .gives(403);
    let delete = |login: &str, file: i64| {
        school
            .by(login, "DELETE", format!("/api/files/{file}"))
            .send()
    };
    delete("mel", mine).is(403);
    delete("member", mine).is(204);
    // What a tutor puts there is not his to take away, and what he may not submit any more is not, either.
    let theirs = id_of(&school.upload("tutor", folder, "t", b"x"));
    delete("member", theirs).is(403);
    let mine = id_of(&submit(&school, "member", folder, "a").is(201).json());
    school.set(format!("pages/{folder}"), "allowUpload", "false");
    delete("member", mine).is(403);
    submit(&school, "member", folder, "b").is(403);
    school.set(format!("pages/{folder}"), "allowUpload", "true");
    school.set(format!("pages/{folder}"), "submissionDeadline", PAST);
    delete("member", mine).is(403);
    delete("tutor", mine).is(204);
    // What is hidden takes nothing.
    let folder = drop_box(&school);
    school.set(format!("pages/{folder}"), "open", "false");
    submit(&school, "member", folder, "a").is(403);
    // A folder in one that takes files does not take them itself.
    let folder = drop_box(&school);
    let inner = school.folder(folder, "inner");
    submit(&school, "member", inner, "a").is(403);
}

#[test]
fn what_comes_after_the_deadline_is_refused_or_late() {
    let school = School::new(&["member", "tutor"]);
    let folder = drop_box(&school);
    let set = |name: &str, value: &str| school.set(format!("pages/{folder}"), name, value);
    let is_late = |login: &str| {
        let file = id_of(&submit(&school, login, folder, "a").is(201).json());
        let late = deki(
            &school,
            login,
            "GET",
            &format!("files/{file}/properties/luminus.isLate"),
        )
        .send();
        match late.status {
            404 => false,
            status => {
                assert_eq!((status, late.text()), (200, "true"));
                assert_eq!(
                    late.field("content-type"),
                    Some("text/plain; charset=utf-8")
                );
                true
            }
        }
    };
    assert!(!is_late("member"), "without a deadline");
    set("allowLateSubmission", "true");
    assert!(!is_late("member"));
    set("submissionDeadline", FUTURE);
    assert!(!is_late("member"));
    set("submissionDeadline", PAST);
    assert!(is_late("member"));
    assert!(!is_late("tutor"), "no deadline binds a tutor");
    set("allowLateSubmission", "false");
    submit(&school, "member", folder, "a").is(403);
    // Before the file is sent.
    let call = school.send("member", folder, file_form("a", b"x"));
    assert!(!call.expecting().is(403).continued);
    assert!(!is_late("tutor"));
}

#[test]
fn a_member_submits_files_of_the_types_that_are_asked_for() {
    let school = School::new(&["member", "tutor"]);
    let folder = drop_box(&school);
    let set = |name: &str, value: &str| school.set(format!("pages/{folder}"), name, value);
    let check = |name: &str, is_taken: bool| {
        let answer = submit(&school, "member", folder, name);
        if is_taken {
            assert_eq!(answer.status, 201, "{name}: {answer:?}");
        } else {
            let error = answer.is(422).json_error();
            assert_eq!(blamed(&error), ["content"], "{name}");
        }
        submit(&school, "tutor", folder, name).is(201);
    };
    check("a", true);
    set("allowedFileType", r#"["pdf", ".TXT", "tar.gz"]"#);
    for (name, is_taken) in [
        ("a.pdf", true),
        ("a.PDF", true),
        ("a.txt", true),
        ("a.tar.gz", true),
        ("a.gz", false),
        ("a.pdf.exe", false),
        ("pdf", false),
        ("apdf", false),
        ("a", false),
    ] {
        check(name, is_taken);
    }
    set(
        "allowedSubmissionFileTypes",
        r#"[{"fileTypeName":"Pictures","extensions":["png",".JPG"]},{"fileTypeName":"x"}]"#,
    );
    for (name, is_taken) in [
        ("a.png", true),
        ("a.jpg", true),
        ("a.pdf", true),
        ("a.gif", false),
    ] {
        check(name, is_taken);
    }
    set("allowedFileType", "[]");
    check("a.pdf", false);
    set("allowedSubmissionFileTypes", "[]");
    check("a.gif", true);
}

#[test]
fn members_see_what_others_submit_unless_that_is_not_wanted() {
    let school = School::new(&["member", "tutor"]);
    school.person("mel", "member");
    let folder = drop_box(&school);
    let mine = id_of(&submit(&school, "member", folder, "mine").is(201).json());
    let hers = id_of(&submit(&school, "mel", folder, "hers").is(201).json());
    school.upload("tutor", folder, "theirs", b"x");
    assert_eq!(
        files_of(&school, "member", folder),
        ["mine", "hers", "theirs"]
    );
    school.set(format!("pages/{folder}"), "viewAll", "false");
    assert_eq!(files_of(&school, "member", folder), ["mine", "theirs"]);
    assert_eq!(files_of(&school, "mel", folder), ["hers", "theirs"]);
    assert_eq!(
        files_of(&school, "tutor", folder),
        ["mine", "hers", "theirs"]
    );
    school
        .get("member", format!("/api/files/{hers}"))
        .refused(403);
    deki(&school, "member", "GET", &format!("files/{hers}")).gives(403);
    school
        .by("member", "DELETE", format!("/api/files/{hers}"))
        .refused(403);
    school
        .get("member", format!("/api/files/{mine}"))
        .gives(200);
    // It was submitted by a member, whatever he has become since.
    school.enroll("mel", "tutor");
    school
        .get("member", format!("/api/files/{hers}"))
        .refused(403);
    assert_eq!(files_of(&school, "mel", folder), ["mine", "hers", "theirs"]);
}

// Settings

/// Of a batch with one setting and an ordinary property: the first is written, or it alone is refused.
fn check_setting(school: &School, node: &str, name: &str, value: &str, is_good: bool) {
    let escaped = quick_xml::escape::escape(value).into_owned();
    let etag = |property: &str| -> String {
        let list = school
            .server
            .get(format!("/{node}/properties"))
            .gives(200)
            .xml();
        let block = list
            .all("property")
            .into_iter()
            .find(|block| block.attr("name") == property)
            .cloned();
        block.map_or(String::new(), |block| {
            format!(" etag='{}'", block.attr("etag"))
        })
    };
    let full = format!("luminus.{name}");
    let batch = properties([(&*full, &*escaped), ("other", "x")], |(name, value)| {
        let etag = etag(name);
        format!(
            "<property name='{name}'{etag}><contents type='text/plain'>{value}</contents></property>"
        )
    });
    let before = school
        .server
        .get(format!("/{node}/properties/{full}"))
        .send();
    let told = format!("{node} {name} {value:?}");
    let answer = school.server.batch(&format!("/{node}"), batch);
    assert_eq!(
        answer.status,
        if is_good { 200 } else { 207 },
        "{told}: {}",
        answer.text()
    );
    let answer = answer.xml();
    let status = |property: &str| {
        answer
            .property(property)
            .child("status")
            .attr("code")
            .to_owned()
    };
    assert_eq!(status("other"), "200", "{told}");
    let after = school
        .server
        .get(format!("/{node}/properties/{full}"))
        .send();
    let single = school
        .server
        .put(format!("/{node}/properties/{full}?abort=never"))
        .text(value);
    if is_good {
        assert_eq!(status(&full), "200", "{told}");
        assert_eq!(after.text(), value, "{told}");
        // Every accepted write is a revision.
        let etags = [single.gives(200), single.gives(200)]
            .map(|answer| answer.xml().attr("etag").to_owned());
        assert_ne!(etags[0], etags[1]);
    } else {
        assert_eq!(status(&full), "400", "{told}");
        assert_eq!(
            (after.status, after.body),
            (before.status, before.body),
            "{told}"
        );
        assert!(single.gives(400).message().contains(&full), "{told}");
    }
}

/// Whose setting it is.
#[derive(Clone, Copy)]
enum Kind {
    Folder,
    File,
}

/// A setting, values that it may have, and values that it may not have.
type Values = (
    Kind,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const SETTINGS: [Values; 31] = [
    (
        Kind::Folder,
        "startDate",
        &["2026-01-12T00:00:00+08:00", "2026-01-12t00:00:00.5z"],
        &[
            "",
            "2026-01-12",
            "2026-01-12T00:00:00",
            "2026-13-12T00:00:00Z",
            "tomorrow",
            "2026-01-12 00:00:00Z",
        ],
    ),
    (
        Kind::Folder,
        "endDate",
        &["2026-01-12T00:00:00Z"],
        &["x", "1768147200"],
    ),
    (
        Kind::Folder,
        "submissionDeadline",
        &["2026-01-12T00:00:00Z"],
        &["x"],
    ),
    (
        Kind::Folder,
        "feedbackReleaseDate",
        &["2026-01-12T00:00:00Z"],
        &["x"],
    ),
    (
        Kind::Folder,
        "publish",
        &["true", "false"],
        &["", "True", "1", "yes", " true", "null"],
    ),
    (Kind::Folder, "open", &["true", "false"], &["TRUE"]),
    (Kind::Folder, "allowUpload", &["false"], &["0"]),
    (Kind::Folder, "allowComments", &["true"], &["x"]),
    (Kind::Folder, "allowAnnotate", &["true"], &["x"]),
    (Kind::Folder, "allowLateSubmission", &["true"], &["x"]),
    (Kind::Folder, "viewAll", &["true"], &["x"]),
    (
        Kind::Folder,
        "sortFilesBy",
        &["Date", "Name", "Owner", "Size", "Order"],
        &["name", "", "Type"],
    ),
    (
        Kind::Folder,
        "uploadDisplayOption",
        &["Matrix", "Name", "None"],
        &["none", ""],
    ),
    (
        Kind::Folder,
        "folderScore",
        &["0", "2.5", "1e3"],
        &["-1", "", "x", "NaN", "\"1\"", "01"],
    ),
    (
        Kind::Folder,
        "allowedFileType",
        &["[]", "[\"pdf\", \".txt\"]"],
        &["", "pdf", "[1]", "{}", "[\"\"]"],
    ),
    (
        Kind::Folder,
        "allowedSubmissionFileTypes",
        &["[]", "[{\"fileTypeName\":\"P\",\"extensions\":[\"png\"]}]"],
        &["", "[\"png\"]", "[{}]", "{}"],
    ),
    (
        Kind::File,
        "url",
        &["https://example.org/a?b#c", "HTTP://h"],
        &["", "example.org", "ftp://h/", "javascript:1", "http://"],
    ),
    (Kind::File, "description", &["", "anything <&>"], &[]),
    (Kind::File, "publish", &["true", "false"], &["x"]),
    (Kind::File, "allowDownload", &["true", "false"], &["x"]),
    (Kind::File, "isCompulsory", &["true", "false"], &["x"]),
    (Kind::File, "isLate", &["true"], &["false", "x"]),
    (
        Kind::File,
        "comment.9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f11",
        &[
            "{\"remark\":\"\"}",
            "{\"remark\":\"r\",\"publish\":false,\"mark\":1.5,\"moderation\":-1,\"fileRemarksAttachment\":\"\",\"x\":1}",
        ],
        &[
            "",
            "remark",
            "{}",
            "[]",
            "{\"remark\":5}",
            "{\"remark\":\"r\",\"publish\":1}",
            "{\"remark\":\"r\",\"mark\":\"1\"}",
        ],
    ),
    (Kind::File, "comment.x", &[], &["{\"remark\":\"r\"}"]),
    (Kind::File, "comment.", &[], &["{\"remark\":\"r\"}"]),
    // Unknown ones, and those of the other kind, are properties like all others.
    (Kind::Folder, "unknown", &["x", ""], &[]),
    (Kind::Folder, "url", &["x"], &[]),
    (Kind::Folder, "isLate", &["x"], &[]),
    (Kind::Folder, "Publish", &["x"], &[]),
    (Kind::File, "open", &["x"], &[]),
    (Kind::File, "sortFilesBy", &["x"], &[]),
];

#[test]
fn a_setting_has_its_form_and_a_bad_one_spoils_no_other() {
    let school = School::new(&[]);
    let folder = format!("pages/{}", school.folder(school.root, "f"));
    let file = format!("files/{}", school.file(school.root, "a"));
    for (kind, name, good, bad) in SETTINGS {
        let node = match kind {
            Kind::Folder => &folder,
            Kind::File => &file,
        };
        for value in good {
            check_setting(&school, node, name, value, true);
        }
        for value in bad {
            check_setting(&school, node, name, value, false);
        }
    }
}

#[test]
fn the_checks_of_settings_are_for_folders_and_files_in_spaces_and_nothing_else() {
    let school = School::new(&[]);
    for node in ["pages/home".to_owned(), format!("pages/{}", school.space)] {
        check_setting(&school, &node, "publish", "x", true);
    }
}

#[test]
fn a_bad_setting_hides_nothing() {
    let school = School::new(&["member"]);
    let folder = school.folder(school.root, "f");
    let batch = "<properties><property name='luminus.publish'><contents type='text/plain'>no</contents></property>\
                 <property name='luminus.open'><contents type='text/plain'>false</contents></property></properties>";
    let answer = school
        .server
        .batch(&format!("/pages/{folder}"), batch)
        .is(207)
        .xml();
    assert_eq!(answer.attr("count"), "1");
    school
        .get("member", format!("/api/folders/{folder}"))
        .refused(403);
    school.set(format!("pages/{folder}"), "open", "true");
    school
        .get("member", format!("/api/folders/{folder}"))
        .gives(200);
}

// Comments

const FIRST: &str = "luminus.comment.9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f11";
const SECOND: &str = "luminus.comment.7e570000-0b7e-4c52-8a55-0d9b6f5f2f11";

fn comment<'a>(school: &'a School, login: &str, node: &str, name: &str, text: &str) -> Call<'a> {
    let path = format!("{node}/properties/{name}?abort=never");
    let remark = json!({ "remark": text }).to_string();
    deki(school, login, "PUT", &path).typed("application/json", remark)
}

#[test]
fn members_comment_where_that_is_allowed_and_change_what_is_theirs() {
    let school = School::new(&["member", "tutor", "stranger"]);
    school.person("mel", "member");
    let folder = school.folder(school.root, "f");
    let file = format!("files/{}", school.file(folder, "a"));
    comment(&school, "member", &file, FIRST, "hello").gives(403);
    school.set(format!("pages/{folder}"), "allowComments", "true");
    comment(&school, "member", &file, FIRST, "hello").gives(200);
    comment(&school, "member", &file, FIRST, "changed").gives(200);
    comment(&school, "stranger", &file, SECOND, "x").gives(403);
    comment(&school, "nobody", &file, SECOND, "x").gives(401);
    // It is his: nobody but staff has a hand in it.
    comment(&school, "mel", &file, FIRST, "x").gives(403);
    deki(
        &school,
        "mel",
        "DELETE",
        &format!("{file}/properties/{FIRST}"),
    )
    .gives(403);
    comment(&school, "tutor", &file, FIRST, "by tutor").gives(200);
    comment(&school, "member", &file, FIRST, "mine again").gives(200);
    let text = deki(&school, "mel", "GET", &format!("{file}/properties/{FIRST}")).gives(200);
    assert_eq!(text.json_body(), json!({"remark": "mine again"}));
    // Nothing but comments, and nothing but on files.
    deki(&school, "member", "PUT", &format!("{file}/properties/p"))
        .text("x")
        .gives(403);
    deki(
        &school,
        "member",
        "PUT",
        &format!("{file}/properties/luminus.description"),
    )
    .text("x")
    .gives(403);
    comment(&school, "member", &format!("pages/{folder}"), FIRST, "x").gives(403);
    deki(
        &school,
        "member",
        "PUT",
        &format!("{file}/properties/{SECOND}"),
    )
    .text("no JSON")
    .gives(400);
    deki(
        &school,
        "member",
        "DELETE",
        &format!("{file}/properties/{FIRST}"),
    )
    .gives(200);
    // After a deletion the name is free for everybody.
    comment(&school, "mel", &file, FIRST, "hers").gives(200);
    comment(&school, "member", &file, FIRST, "x").gives(403);
    school.set(format!("pages/{folder}"), "allowComments", "false");
    comment(&school, "mel", &file, FIRST, "x").gives(403);
    // Hidden is hidden.
    school.set(format!("pages/{folder}"), "allowComments", "true");
    school.set(&file, "publish", "false");
    comment(&school, "mel", &file, FIRST, "x").gives(403);
}

#[test]
fn a_batch_of_comments_with_anything_else_is_refused_whole() {
    let school = School::new(&["member", "tutor"]);
    school.person("mel", "member");
    let file = format!("files/{}", school.file(school.root, "a"));
    school.set(format!("pages/{}", school.root), "allowComments", "true");
    let batch = |login: &str, items: &[(&str, &str)]| {
        let document = properties(items, |(name, text)| {
            format!(
                "<property name='{name}'><contents type='application/json'>{text}</contents></property>"
            )
        });
        deki(&school, login, "PUT", &format!("{file}/properties"))
            .xml(document)
            .send()
    };
    let good = "{\"remark\":\"r\"}";
    batch("member", &[(FIRST, good), ("p", "x")]).is(403);
    batch("member", &[("p", "x"), (FIRST, good)]).is(403);
    let list = || {
        let list = deki(&school, "tutor", "GET", &format!("{file}/properties"))
            .gives(200)
            .xml();
        list.property_names()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(list(), NONE);
    // A comment that is bad by itself spoils no other.
    let answer = batch("member", &[(FIRST, good), (SECOND, "bad")])
        .is(207)
        .xml();
    assert_eq!(answer.property(SECOND).child("status").attr("code"), "400");
    assert_eq!(list(), [FIRST]);
    batch("mel", &[(SECOND, good), (FIRST, good)]).is(403);
    assert_eq!(list(), [FIRST]);
    batch("mel", &[(SECOND, good)]).is(200);
    assert_eq!(list(), [FIRST, SECOND]);
}

#[test]
fn logins_in_paths_are_percent_encoded() {
    let school = School::new(&[]);
    school.person("x y", "member");
    for path in [segment("x y"), "x%20y".to_owned()] {
        school.get("admin", format!("/api/users/{path}")).gives(200);
    }
    school.get("admin", "/api/users/x+y").refused(404);
}

//! A space with people in it, and what the tests say there over and over.

use crate::harness::{Answer, Call, Node, Server, basic, percent};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Display;

/// The password of everybody but `admin`.
pub(crate) const WORD: &str = "pw";

/// What stands between the parts of the forms that are made here.
pub(crate) const BOUNDARY: &str = "----boundary17";

/// Everybody there is, in the order of the columns of the tables of tests.
pub(crate) const EVERYBODY: [&str; 8] = [
    "nobody",
    "bad",
    "stranger",
    "member",
    "tutor",
    "teacher",
    "administrator",
    "admin",
];

/// Those of them who have accounts and are not the administrator of the site.
pub(crate) const PEOPLE: [&str; 5] = ["stranger", "member", "tutor", "teacher", "administrator"];

/// A server with one space, its first folder, and people who are called as what they are there, such as `tutor`.
pub(crate) struct School {
    /// The server.
    pub(crate) server: Server,
    /// The space.
    pub(crate) space: i64,
    /// Its first folder.
    pub(crate) root: i64,
}

impl School {
    /// With these people; `stranger` is not enrolled.
    pub(crate) fn new(people: &[&str]) -> Self {
        Self::on(Server::start(), people)
    }

    /// On this server, which may have people but has no space yet.
    pub(crate) fn on(server: Server, people: &[&str]) -> Self {
        let made = server.post("/api/spaces").json(&named("space", "School"));
        let space = id_of(&made.gives(201).json());
        let folders = server.get(format!("/api/spaces/{space}/folders"));
        let root = id_of(&folders.gives(200).json()[0]);
        let school = School {
            server,
            space,
            root,
        };
        for login in people {
            school.person(login, login);
        }
        school
    }

    /// Makes an account, and enrolls it unless it is to be a `stranger`.
    pub(crate) fn person(&self, login: &str, role: &str) {
        self.person_of(&json!({ "login": login }), role);
    }

    /// The same of somebody of whom more is known than the login.
    pub(crate) fn person_of(&self, fields: &Value, role: &str) {
        let mut user = json!({"password": WORD});
        for (field, value) in fields.as_object().unwrap() {
            user[field] = value.clone();
        }
        let body = json!({ "user": user });
        self.server.post("/api/users").json(&body).gives(201);
        if role != "stranger" {
            self.enroll(fields["login"].as_str().unwrap(), role);
        }
    }

    /// Enrolls somebody.
    pub(crate) fn enroll(&self, login: &str, role: &str) {
        let path = format!("/api/spaces/{}/enrollments", self.space);
        let body = json!({"enrollment": {"login": login, "role": role}});
        self.server.post(path).json(&body).gives(201);
    }

    /// A request as somebody; `nobody` shows no credentials, `bad` shows bad ones.
    pub(crate) fn by(&self, login: &str, method: &str, path: impl Display) -> Call<'_> {
        signed(self.server.request(method, path), login)
    }

    /// A request of the LumiNUS dialect by somebody; what it asks for stands behind `/files`.
    pub(crate) fn luminus(&self, login: &str, method: &str, rest: impl Display) -> Call<'_> {
        let call = self.server.exactly(method, format!("/files{rest}"));
        signed(call, login)
    }

    /// A search by somebody in what lies below a folder or space; the query is empty or begins with `?`.
    pub(crate) fn search(&self, login: &str, top: &str, query: &str) -> Call<'_> {
        self.luminus(login, "GET", format!("/{top}/search{query}"))
    }

    /// The name that a folder, file, space or user has in the LumiNUS dialect, given as `folders/7` or `users/tutor`.
    pub(crate) fn uuid(&self, what: impl Display) -> String {
        let shown = self.server.get(format!("/api/{what}")).gives(200).json();
        shown["uuid"].as_str().unwrap().to_owned()
    }

    /// The same of a folder that `admin` makes in the first one.
    pub(crate) fn folder_uuid(&self, name: &str) -> (i64, String) {
        let folder = self.folder(self.root, name);
        (folder, self.uuid(format!("folders/{folder}")))
    }

    /// Makes a group with these members: its name in the LumiNUS dialect.
    pub(crate) fn group(&self, name: &str, members: &[&str]) -> String {
        let path = format!("/api/spaces/{}/groups", self.space);
        let body = json!({"group": {"name": name, "members": members}});
        let made = self.server.post(path).json(&body).gives(201).json();
        made["uuid"].as_str().unwrap().to_owned()
    }

    /// The etags of the settings of a folder or a file, given as `pages/7` or `files/8`, by name.
    pub(crate) fn etags(&self, node: impl Display) -> BTreeMap<String, String> {
        let list = self.server.get(format!("/{node}/properties"));
        let list = list.gives(200).xml();
        let block = |block: &&Node| {
            let name = block.attr("name").strip_prefix("luminus.")?;
            Some((name.to_owned(), block.attr("etag").to_owned()))
        };
        list.all("property").iter().filter_map(block).collect()
    }

    /// The text of a setting, if it is set.
    pub(crate) fn setting(&self, node: impl Display, setting: &str) -> Option<String> {
        let path = format!("/{node}/properties/luminus.{setting}");
        let answer = self.server.get(path).send();
        if answer.status == 404 {
            return None;
        }
        Some(answer.is(200).text().to_owned())
    }

    /// A GET as somebody.
    pub(crate) fn get(&self, login: &str, path: impl Display) -> Call<'_> {
        self.by(login, "GET", path)
    }

    /// A folder that `admin` makes in another one.
    pub(crate) fn folder(&self, inside: i64, name: &str) -> i64 {
        let path = format!("/api/folders/{inside}/folders");
        let made = self.server.post(path).json(&named("folder", name));
        id_of(&made.gives(201).json())
    }

    /// An upload of a form by somebody.
    pub(crate) fn send(&self, login: &str, folder: i64, form: impl AsRef<[u8]>) -> Call<'_> {
        let call = self.by(login, "POST", format!("/api/folders/{folder}/files"));
        call.typed(&form_type(BOUNDARY), form)
    }

    /// A file that somebody uploads.
    pub(crate) fn upload(&self, login: &str, folder: i64, name: &str, content: &[u8]) -> Value {
        let call = self.send(login, folder, file_form(name, content));
        call.gives(201).json()
    }

    /// The number of a file that `admin` uploads.
    pub(crate) fn file(&self, folder: i64, name: &str) -> i64 {
        id_of(&self.upload("admin", folder, name, b"content"))
    }

    /// Sets a setting of a folder or a file, given as `pages/7` or `files/8`, in the MindTouch dialect.
    pub(crate) fn set(&self, node: impl Display, setting: &str, value: &str) {
        let path = format!("/{node}/properties/luminus.{setting}?abort=never");
        self.server.put(path).text(value).gives(200);
    }

    /// What a file is.
    pub(crate) fn shown(&self, login: &str, file: i64) -> Value {
        self.get(login, format!("/api/files/{file}"))
            .gives(200)
            .json()
    }

    /// The names in a list that somebody sees.
    pub(crate) fn names(&self, login: &str, path: impl Display) -> Vec<String> {
        let list = self.get(login, path).gives(200).json();
        let name = |entry: &Value| entry["name"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(name).collect()
    }

    /// A token of somebody.
    pub(crate) fn token(&self, login: &str) -> String {
        let call = self.server.get("/users/authenticate").anonymous();
        let call = call.field("Authorization", basic(login, WORD));
        call.gives(200).text().to_owned()
    }
}

fn signed<'a>(call: Call<'a>, login: &str) -> Call<'a> {
    match login {
        "admin" => call,
        "nobody" => call.anonymous(),
        "bad" => call.anonymous().field("Authorization", "OAuth nonsense"),
        login => call.user(login, WORD),
    }
}

/// The number of what was made or read.
pub(crate) fn id_of(object: &Value) -> i64 {
    let id = object["id"].as_i64();
    id.unwrap_or_else(|| panic!("no id: {object}"))
}

/// `{"folder": {"name": …}}`
pub(crate) fn named(what: &str, name: impl Into<Value>) -> Value {
    json!({what: {"name": name.into()}})
}

/// The links of an object, in order.
pub(crate) fn rels(object: &Value) -> Vec<&str> {
    let links = object["links"].as_array().unwrap();
    links
        .iter()
        .map(|link| link["rel"].as_str().unwrap())
        .collect()
}

/// Where a link of an object leads, if it has it.
pub(crate) fn find_link<'a>(object: &'a Value, rel: &str) -> Option<&'a str> {
    let mut links = object["links"].as_array().unwrap().iter();
    links.find(|link| link["rel"] == rel)?["href"].as_str()
}

/// Where a link of an object leads.
pub(crate) fn link<'a>(object: &'a Value, rel: &str) -> &'a str {
    find_link(object, rel).unwrap_or_else(|| panic!("no {rel}: {object}"))
}

/// The field to blame in an error of 422.
pub(crate) fn blamed(error: &Value) -> Vec<&str> {
    let errors = error["errors"].as_object();
    errors.map_or(Vec::new(), |errors| {
        errors.keys().map(String::as_str).collect()
    })
}

/// The type of a form with this boundary.
pub(crate) fn form_type(boundary: &str) -> String {
    format!("multipart/form-data; boundary={boundary}")
}

/// A form of parts, each with its head and its content.
pub(crate) fn form_of(boundary: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (head, content) in parts {
        form.extend_from_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    form
}

/// The head of the part that is the file.
pub(crate) fn file_head(name: &str) -> String {
    format!("Content-Disposition: form-data; name=\"file[content]\"; filename=\"{name}\"")
}

/// A form with one file.
pub(crate) fn file_form(name: &str, content: &[u8]) -> Vec<u8> {
    form_of(BOUNDARY, &[(&file_head(name), content)])
}

/// Follows a link that needs no sign-in.
pub(crate) fn follow<'a>(school: &'a School, href: &str) -> Call<'a> {
    let path = crate::harness::path_of(href).to_owned();
    school.get("nobody", path)
}

/// The bytes behind the raw link of a file.
pub(crate) fn content_of(school: &School, file: &Value) -> Answer {
    follow(school, link(file, "raw")).gives(200)
}

/// A segment of a path, every byte encoded.
pub(crate) fn segment(text: &str) -> String {
    percent(text.as_bytes())
}

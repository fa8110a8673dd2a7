//! What must never come out: passwords, tokens and keys by the log, the database or the command line; the inside of the
//! program by an answer; and what somebody has stored as a page that runs (`promises.md` §1.4, §1.5).

use crate::harness::{API, Answer, Call, PASSWORD, Server, basic, program};
use crate::school::{School, content_of, id_of};
use rusqlite::Connection as Database;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::sync::Arc;

/// Secrets that are told to a server; none is a part of another text.
const KEY: &str = "key-of-the-site-qqq1";
const CARLS: &str = "password-of-carl-qqq2";
const NEW: &str = "password-of-carl-qqq3";
const WRONG: &str = "wrong-password-qqq4";
const STALE: &str = "3_stale-token-qqq5";
const VALUE: &str = "value-of-a-property-qqq6";
const CONTENT: &str = "content-of-a-file-qqq7";
const WRONG_KEY: &str = "wrong-key-of-the-site-qqq8";

/// A server that logs everything that it has to say, and knows a key of the site.
fn talkative() -> Server {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let mut command = program(["serve", "--listen", "127.0.0.1:0", "--db"]);
    command
        .arg(dir.path().join("test.db"))
        .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD)
        .env("PROPSTORE_API_KEY", KEY)
        .env("PROPSTORE_LOG", "trace");
    Server::spawn(command, dir)
}

/// Shows every kind of secret in every way there is, and says which came of it besides those above.
fn tell_all(server: &Server) -> Vec<String> {
    server.account("carl", CARLS, "Contributor");
    let sign_in = |password: &str| {
        let call = server.get("/users/authenticate").user("carl", password);
        call.gives(200).text().to_owned()
    };
    let first = sign_in(CARLS);
    let current = |query: &str| server.get(format!("/users/current{query}")).anonymous();
    for token in [&*first, STALE] {
        current(&format!("?authtoken={token}")).gives(200);
        current("").field("X-Authtoken", token).gives(200);
        current("")
            .field("Cookie", format!("authtoken=\"{token}\""))
            .gives(200);
        let by_oauth = server.exactly("GET", "/api/users/carl").anonymous();
        by_oauth
            .field("Authorization", format!("OAuth {token}"))
            .send();
    }
    server.get("/users/current").user("carl", WRONG).gives(401);
    for (key, status) in [(KEY, 200), (WRONG_KEY, 401)] {
        let list = |query: &str| server.get(format!("/site/properties{query}")).anonymous();
        list(&format!("?apikey={key}")).gives(status);
        list("").field("X-ApiKey", key).gives(status);
    }
    let path = |old: &str| format!("/users/=carl/password?currentpassword={old}");
    let change = |old: &str| server.put(path(old)).text(NEW).user("carl", CARLS).send();
    assert_eq!((change(WRONG).status, change(CARLS).status), (403, 200));
    let second = sign_in(NEW);
    server.property("/pages/home", "p", VALUE);
    let batch = format!(
        "<properties><property name='q'><contents type='text/plain'>{VALUE}</contents></property></properties>"
    );
    server.batch("/pages/home", &batch).is(200);
    server
        .batch("/pages/home", &batch[..batch.len() - 3])
        .is(400);
    server.put("/pages/home/files/=f").text(CONTENT).gives(200);
    server
        .post("/api/users")
        .json(&json!({"user": {"login": "tess", "password": WRONG}}))
        .gives(201);
    let school = json!({"space": {"name": "s"}});
    server.post("/api/spaces").json(&school).gives(201);
    // What is no request is logged by other hands.
    let mut connection = server.connect();
    let broken = format!("GET {API}/site/properties?apikey={KEY} HTTP/1.1\r\nHost: a\r\nX\r\n\r\n");
    connection.write(broken.as_bytes());
    connection.read_rest();
    vec![first, second]
}

#[test]
fn no_secret_is_logged_stored_or_shown_to_other_users_of_the_machine() {
    let mut server = talkative();
    let tokens = tell_all(&server);
    let command = fs::read(format!("/proc/{}/cmdline", server.pid())).unwrap();
    let dir = server.dir();
    let files = || {
        let entries = fs::read_dir(dir.path()).unwrap();
        entries.flat_map(|entry| fs::read(entry.unwrap().path()).unwrap())
    };
    // While it runs, much is only in the log of the database.
    let mut stored: Vec<u8> = files().collect();
    let contains =
        |bytes: &[u8], secret: &str| memchr::memmem::find(bytes, secret.as_bytes()).is_some();
    assert!(contains(&stored, VALUE), "the files are looked at");
    server.signal("TERM");
    assert!(server.wait().success());
    stored.extend(files());
    let log = server.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
    let credentials = [
        PASSWORD, KEY, CARLS, NEW, WRONG, STALE, WRONG_KEY, &tokens[0], &tokens[1],
    ];
    let in_basic = [PASSWORD, CARLS, NEW, WRONG].map(|password| basic("carl", password));
    let in_basic: Vec<&str> = in_basic
        .iter()
        .filter_map(|value| value.strip_prefix("Basic "))
        .collect();
    for secret in credentials.iter().chain(&in_basic) {
        assert!(!contains(log.as_bytes(), secret), "{secret} in the log");
        assert!(!contains(&command, secret), "{secret} in the command line");
        assert!(!contains(&stored, secret), "{secret} in the database");
    }
    // The random half of a token is enough to sign in with, if somebody knows the number of the account.
    for token in &tokens {
        let (_, bits) = token.split_once('_').unwrap();
        assert_eq!(bits.len() * 4, 256);
        assert!(!contains(&stored, bits) && !contains(log.as_bytes(), bits));
    }
    for content in [VALUE, CONTENT] {
        assert!(!contains(log.as_bytes(), content), "{content} in the log");
    }
}

#[test]
fn passwords_and_tokens_are_kept_as_hashes() {
    let server = Server::start();
    server.account("carl", CARLS, "Viewer");
    let token = server
        .get("/users/authenticate")
        .user("carl", CARLS)
        .gives(200);
    let db = Database::open(server.db()).unwrap();
    let mut statement = db
        .prepare("SELECT password FROM account WHERE password IS NOT NULL")
        .unwrap();
    let passwords: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(passwords.len(), 2);
    for password in &passwords {
        let parts: Vec<&str> = password.split('$').collect();
        let ["", "argon2id", "v=19", costs, salt, hash] = parts[..] else {
            panic!("{password} is no PHC string of Argon2id");
        };
        let cost = |name: &str| {
            let mut costs = costs.split(',');
            let value = costs.find_map(|cost| cost.strip_prefix(name)?.strip_prefix('='));
            value.unwrap().parse::<u32>().unwrap()
        };
        // What OWASP asks for at least.
        assert!(
            cost("m") >= 19_456 && cost("t") >= 2 && cost("p") >= 1,
            "{costs}"
        );
        assert!(salt.len() >= 22 && hash.len() >= 43, "{password}");
    }
    assert_ne!(
        passwords[0].split('$').nth(4),
        passwords[1].split('$').nth(4)
    );
    let hash: Vec<u8> = db
        .query_row("SELECT hash FROM token", [], |row| row.get(0))
        .unwrap();
    assert_eq!(hash, Sha256::digest(token.text()).to_vec());
}

/// A browser does not run this, whatever it is.
fn check_inert(answer: &Answer, what: &str) {
    assert_eq!(
        answer.field("x-content-type-options"),
        Some("nosniff"),
        "{what}"
    );
    let is_attachment = answer
        .field("content-disposition")
        .is_some_and(|disposition| disposition.starts_with("attachment"));
    let policy = answer.field("content-security-policy");
    assert!(
        is_attachment || policy == Some("sandbox"),
        "{what}: {answer:?}"
    );
}

#[test]
fn what_is_stored_does_not_run_wherever_it_is_read() {
    let school = School::new(&[]);
    let server = &school.server;
    let script = "<script xmlns='http://www.w3.org/1999/xhtml'>alert(1)</script>";
    for (number, media_type) in [
        "text/html",
        "text/html; charset=utf-7",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "text/xsl",
        "application/javascript",
        "text/javascript",
        "application/pdf",
        "multipart/x-mixed-replace",
        "text/cache-manifest",
        "application/octet-stream",
        "text/plain",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("x{number}.html");
        let put = |path: String| server.put(path).typed(media_type, script).gives(200);
        let file = put(format!("/pages/home/files/={name}")).xml();
        let file = format!("/files/{}", file.attr("id"));
        put(file.clone());
        let owners = ["/pages/home", "/site", "/users/current", &*file];
        for owner in owners {
            put(format!("{owner}/properties/{name}"));
        }
        let uploaded = school.upload("admin", school.root, &name, script.as_bytes());
        let uploaded_file = format!("/files/{}", id_of(&uploaded));
        put(uploaded_file.clone());
        let mut paths = vec![
            file.clone(),
            format!("{file}?revision=1"),
            format!("{file}/={name}"),
            format!("/pages/home/files/={name}"),
            uploaded_file,
        ];
        paths.extend(owners.map(|owner| format!("{owner}/properties/{name}")));
        for path in &paths {
            let what = format!("{path} of {media_type}");
            let whole = server.get(path).gives(200);
            assert_eq!(whole.text(), script, "{what}");
            check_inert(&whole, &what);
            check_inert(&server.request("HEAD", path).gives(200), &what);
            check_inert(&server.get(path).field("Range", "bytes=0-9").send(), &what);
            let unchanged = server.get(path).field("If-None-Match", "*");
            check_inert(&unchanged.gives(304), &what);
        }
        let shown = school.shown("admin", id_of(&uploaded));
        check_inert(&content_of(&school, &shown), media_type);
    }
    // A page says no type of its own.
    let page = server.post("/pages/=x/contents?edittime=now");
    page.typed("text/html", script).gives(200);
    check_inert(&server.get("/pages/=x/contents").gives(200), "a page");
    // A description is never anything but plain text.
    server.put("/files/4/description").text(script).gives(200);
    let told = server.get("/files/4/description").gives(200);
    assert_eq!(
        told.field("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(told.field("x-content-type-options"), Some("nosniff"));
}

/// Words that tell what the program is made of, or where it lies.
const INSIDES: [&str; 26] = [
    "sqlite",
    "rusqlite",
    "hyper",
    "tokio",
    "serde",
    "quick-xml",
    "quick_xml",
    "multer",
    "argon2",
    "base64::",
    "panicked",
    "unwrap",
    "src/",
    ".rs",
    "/tmp",
    "test.db",
    "SELECT ",
    "INSERT ",
    "UPDATE account",
    "constraint",
    "no such table",
    "no such column",
    "datatype mismatch",
    "Utf8Error",
    "ParseIntError",
    "0x7f",
];

/// The answer tells nothing of the inside, in its head and in its body.
fn check_discreet(call: &Call<'_>, what: &str) {
    let answer = call.send();
    let told = format!(
        "{:?} {}",
        answer.fields,
        String::from_utf8_lossy(&answer.body)
    );
    for word in INSIDES {
        let found = told.to_lowercase().contains(&word.to_lowercase());
        // What the request says comes back in some answers.
        assert!(!found || what.contains(word), "{what} tells {word}: {told}");
    }
    let names = answer.fields.iter().map(|(name, _)| name.as_str());
    for name in names {
        assert!(
            !["server", "x-powered-by", "via"].contains(&name),
            "{what}: {name}"
        );
    }
}

#[test]
fn no_answer_tells_what_the_program_is_made_of() {
    let school = School::new(&[]);
    let server = &school.server;
    let long = "9".repeat(400);
    for path in [
        "/pages/99999999999999999999/properties",
        "/pages/-1/properties",
        "/pages/%00/properties",
        "/pages/%FF/properties",
        "/pages/%2525FF/properties",
        "/pages/=%2500/properties",
        "/files/1/properties",
        "/files/99?revision=x",
        "/files/99?revision=99999999999999999999",
        "/users/0",
        "/users/=%2527%2520OR%25201=1",
        "/groups/99",
        "/pages/home/properties?names=%27%22%3B--",
        "/pages/home/properties?names=%FF",
        "/pages/home/properties?contentcutoff=-1",
        "/pages/home/properties?contentcutoff=99999999999999999999",
        "/pages/home/properties?dream.out.format=x",
        "/pages/home/properties?dream.out.callback=%3Cscript%3E&dream.out.format=jsonp",
        "/site/search/properties?name=%25_%27",
        "/site/search/properties?name=",
        "/users/authenticate?redirect=%00",
        "/api/folders/99",
        "/api/folders/x",
        "/api/folders/99999999999999999999",
        "/api/files/1/raw/x?Expires=x&Signature=x",
        "/api/nothing",
        &format!("/pages/{long}/properties"),
        &format!("/api/spaces/{long}"),
    ] {
        for verb in ["GET", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"] {
            check_discreet(&server.request(verb, path), path);
            let with_body = server.request(verb, path).typed("application/json", "{");
            check_discreet(&with_body, path);
        }
    }
}

#[test]
fn no_refusal_of_a_body_tells_what_read_it() {
    let school = School::new(&[]);
    let server = &school.server;
    let home = "/pages/home/properties";
    let in_json = [
        "",
        "{",
        "[]",
        "null",
        "{\"folder\": 1}",
        "{\"folder\": {\"name\": 1}}",
        "{\"folder\": {\"name\": \"\\ud800\"}}",
        "{\"folder\": {\"name\": \"\\u0000\"}}",
        "{\"a\": 1e999}",
        "\u{feff}{}",
        "{\"user\": {\"login\": \"admin\"}}",
        "{\"space\": {\"name\": [[[[[[]]]]]]}}",
    ];
    for body in in_json {
        for path in [
            "/api/spaces",
            "/api/users",
            "/api/folders/3/folders",
            "/api/spaces/2/enrollments",
        ] {
            check_discreet(&server.post(path).typed("application/json", body), body);
        }
        for (verb, path) in [("PUT", "/files/"), ("PATCH", "/files/status")] {
            check_discreet(
                &server.exactly(verb, path).typed("application/json", body),
                body,
            );
        }
    }
    for form in [
        "",
        "--b",
        "--b--",
        "--b\r\n\r\n",
        "--b\r\nX\r\n\r\n",
        "--b\r\nContent-Disposition: x\r\n\r\nv\r\n--b--",
    ] {
        for media_type in ["multipart/form-data", "multipart/form-data; boundary=b"] {
            let send = server.post("/api/folders/3/files").typed(media_type, form);
            check_discreet(&send, form);
        }
    }
    for document in [
        "",
        "<",
        "<a",
        "<a>&b;</a>",
        "\u{0}",
        "<properties/><b/>",
        "<?xml version='9'?><a/>",
        "<?xml version='1.0' encoding='x'?><a/>",
    ] {
        for path in [
            home,
            "/users",
            "/groups",
            "/pages/home/security",
            "/users/1",
        ] {
            check_discreet(&server.put(path).xml(document), document);
            check_discreet(&server.post(path).xml(document), document);
        }
    }
    for (name, value) in [
        ("Authorization", "Basic !"),
        ("Authorization", "OAuth \u{1F600}"),
        ("Cookie", "authtoken=\"';--"),
        ("Content-Type", "x"),
        ("Content-Type", "text/plain; charset=x"),
        ("Content-Encoding", "br"),
        ("ETag", "x"),
        ("If-Match", "\"1.r99999999999999999999\""),
        ("Range", "bytes=9999999999999999999999-"),
        ("X-HTTP-Method-Override", "\u{1F600}"),
        ("Accept", "*/*;q=x"),
        ("Host", "a b"),
    ] {
        let put = server.put(format!("{home}/p")).body("v").without(name);
        check_discreet(&put.field(name, value), value);
        let get = server.get(home).without(name);
        check_discreet(&get.field(name, value), value);
    }
    // Bodies that end where they must not.
    for body in ["zz\r\n", "5\r\nouterX", "fffffffffffffffff\r\n"] {
        let put = server
            .put(format!("{home}/p"))
            .field("Transfer-Encoding", "chunked");
        check_discreet(&put.body(body), body);
    }
}

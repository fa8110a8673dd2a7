//! Who asks, and what they may do: passwords, tokens, accounts and rights (`mindtouch.md` §2, §10, §11;
//! `promises.md` §1.5).

use crate::harness::{Answer, Call, Node, PASSWORD, PATIENCE, Server, basic};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection as Database;
use serde_json::json;
use std::net::Shutdown;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

const BATCH: &str = "<properties><property name='p'><contents type='text/plain'>v</contents></property></properties>";

/// A server with the accounts `vera` (Viewer), `carl` (Contributor) and `nina` (None), whose password is `pw`.
fn server() -> Server {
    let server = Server::start();
    for (name, role) in [
        ("vera", "Viewer"),
        ("carl", "Contributor"),
        ("nina", "None"),
    ] {
        server.account(name, "pw", role);
    }
    server
}

/// The name of the account that a request is taken to come from.
fn who(call: &Call<'_>) -> String {
    call.gives(200).xml().child("username").text.clone()
}

fn current(server: &Server) -> Call<'_> {
    server.get("/users/current").anonymous()
}

fn token(server: &Server, name: &str, password: &str) -> String {
    let answer = server
        .get("/users/authenticate")
        .user(name, password)
        .gives(200);
    answer.text().to_owned()
}

/// A request with this token and without a password.
fn with_token<'a>(call: Call<'a>, token: &str) -> Call<'a> {
    call.anonymous().field("X-Authtoken", token)
}

/// The answer asks for a name and a password.
fn check_challenged(answer: &Answer) {
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.field("www-authenticate"),
        Some("Basic realm=\"DekiWiki\"")
    );
    assert!(!answer.message().is_empty());
}

#[test]
fn a_name_and_a_password_sign_in() {
    let server = server();
    assert_eq!(who(&server.get("/users/current")), "admin");
    assert_eq!(who(&current(&server).user("carl", "pw")), "carl");
    assert_eq!(who(&current(&server).user("CARL", "pw")), "carl");
    assert_eq!(who(&current(&server)), "Anonymous");
    assert_eq!(
        who(&current(&server).field("Authorization", "")),
        "Anonymous"
    );
    let lower = basic("carl", "pw").replace("Basic", "basic");
    assert_eq!(who(&current(&server).field("Authorization", lower)), "carl");
}

#[test]
fn what_is_wrong_is_401_also_for_public_content() {
    let server = server();
    let file = server.file("a");
    for value in [
        basic("admin", "wrong"),
        basic("admin", ""),
        basic("nobody", PASSWORD),
        basic("", ""),
        basic("Anonymous", ""),
        basic("carl", "PW"),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
        format!("Basic {}", STANDARD.encode("admin")),
        format!("Bearer {}", token(&server, "admin", PASSWORD)),
        "Digest username=\"admin\"".to_owned(),
    ] {
        let answer = server
            .get(&file)
            .anonymous()
            .field("Authorization", &value)
            .send();
        check_challenged(&answer);
        assert_eq!(answer.message(), "authentication failed", "{value}");
    }
    assert_eq!(server.get(&file).anonymous().gives(200).text(), "content");
}

#[test]
fn passwords_are_utf_8_or_else_latin_1() {
    let server = Server::start();
    for (name, password) in [
        ("ute", "pässwörd"),
        ("jan", "日本 語"),
        ("kim", "a:b:c"),
        ("ødd", "é"),
    ] {
        server.account(name, password, "Viewer");
        assert_eq!(who(&current(&server).user(name, password)), name);
    }
    let latin: Vec<u8> = "ute:pässwörd"
        .chars()
        .map(|c| u8::try_from(c).unwrap())
        .collect();
    let value = format!("Basic {}", STANDARD.encode(latin));
    assert_eq!(who(&current(&server).field("Authorization", value)), "ute");
    let value = format!("Basic {}", STANDARD.encode(b"\xF8dd:\xE9"));
    assert_eq!(who(&current(&server).field("Authorization", value)), "ødd");
}

#[test]
fn authenticate_gives_a_token_and_a_cookie() {
    let server = server();
    for method in ["GET", "POST"] {
        let answer = server
            .request(method, "/users/authenticate")
            .user("carl", "pw")
            .gives(200);
        assert_eq!(
            answer.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(answer.field("cache-control"), Some("private, no-store"));
        let cookie = format!(
            "authtoken=\"{}\"; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax",
            answer.text()
        );
        assert_eq!(answer.field("set-cookie"), Some(&*cookie));
        assert!(answer.text().len() >= 32);
        assert!(
            answer
                .text()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        );
    }
    assert_ne!(token(&server, "carl", "pw"), token(&server, "carl", "pw"));
}

#[test]
fn authenticate_takes_only_a_name_and_a_password() {
    let server = server();
    let good = token(&server, "carl", "pw");
    for method in ["GET", "POST"] {
        let call = server.request(method, "/users/authenticate").anonymous();
        check_challenged(&call.send());
        check_challenged(&call.clone().field("X-Authtoken", &good).send());
        check_challenged(&call.clone().user("carl", "wrong").send());
    }
}

#[test]
fn authenticate_redirects_only_to_our_own_origin() {
    let server = Server::start();
    let own = format!("http://{}", server.address());
    let ask = |target: &str| {
        server
            .get(format!("/users/authenticate?redirect={target}"))
            .send()
    };
    for target in ["/", "/a?b=c", &own, &format!("{own}/a%23b")] {
        let answer = ask(target).is(302);
        assert_eq!(answer.field("location"), Some(&*target.replace("%23", "#")));
        assert!(
            answer
                .field("set-cookie")
                .unwrap()
                .starts_with("authtoken=")
        );
    }
    let longer = format!("{own}0/");
    for target in [
        "http://evil.example/",
        "//evil.example/",
        "/%5Cevil.example/",
        "/%09/evil.example/",
        "%5C%5Cevil.example/",
        "evil.example",
        "javascript:alert(1)",
        "/a%0D%0ASet-Cookie:%20x=y",
        "https://127.0.0.1/",
        &format!("{own}@evil.example/"),
        &longer,
        "",
    ] {
        let answer = ask(target).is(400);
        assert_eq!(
            answer.message(),
            "invalid value for feature parameter 'redirect'",
            "{target}"
        );
        assert_eq!(answer.field("set-cookie"), None);
    }
}

#[test]
fn behind_https_the_cookie_is_secure_and_links_carry_the_public_url() {
    let server = Server::with(&["--public-url", "https://wiki.example/"]);
    let answer = server.get("/users/authenticate").gives(200);
    assert!(
        answer
            .field("set-cookie")
            .unwrap()
            .ends_with("; SameSite=Lax; Secure")
    );
    let list = server.get("/pages/home/properties").gives(200).xml();
    assert_eq!(
        list.attr("href"),
        "https://wiki.example/@api/deki/pages/1/properties"
    );
    let error = server.get("/pages/99/properties").gives(404).xml();
    assert_eq!(
        error.child("uri").text,
        "https://wiki.example/@api/deki/pages/99/properties"
    );
    let target = "https://wiki.example/a";
    server
        .get(format!("/users/authenticate?redirect={target}"))
        .gives(302);
}

#[test]
fn a_token_signs_in_by_query_cookie_and_header() {
    let server = server();
    let good = token(&server, "carl", "pw");
    assert_eq!(
        who(&server
            .get(format!("/users/current?authtoken={good}"))
            .anonymous()),
        "carl"
    );
    for (name, value) in [
        ("X-Authtoken", good.clone()),
        ("X-Authtoken", format!("\"{good}\"")),
        ("X-Deki-Token", good.clone()),
        ("Cookie", format!("authtoken={good}")),
        ("Cookie", format!("authtoken=\"{good}\"")),
        ("Cookie", format!("a=b; authtoken=\"{good}\"; c=d")),
    ] {
        assert_eq!(
            who(&current(&server).field(name, &value)),
            "carl",
            "{name}: {value}"
        );
    }
}

#[test]
fn a_token_beats_a_password_and_the_query_beats_the_cookie() {
    let server = server();
    let (carl, vera) = (token(&server, "carl", "pw"), token(&server, "vera", "pw"));
    let by_token = current(&server).field("X-Authtoken", &carl);
    assert_eq!(
        who(&by_token
            .clone()
            .user("vera", "pw")
            .field("X-Authtoken", &carl)),
        "carl"
    );
    assert_eq!(
        who(&by_token
            .clone()
            .field("Authorization", basic("vera", "wrong"))),
        "carl"
    );
    let cookie = format!("authtoken={vera}");
    assert_eq!(who(&by_token.field("Cookie", &cookie)), "vera");
    let both = server
        .get(format!("/users/current?authtoken={carl}"))
        .anonymous();
    assert_eq!(who(&both.field("Cookie", &cookie)), "carl");
}

#[test]
fn a_token_that_is_none_is_nobody() {
    let server = server();
    let file = server.file("a");
    let good = token(&server, "carl", "pw");
    let upper = good.to_uppercase();
    for bad in [
        "x",
        "1_",
        &good[..good.len() - 1],
        &format!("{good}0"),
        &upper,
        "'",
        "\u{e9}",
    ] {
        assert_eq!(
            who(&with_token(server.get("/users/current"), bad)),
            "Anonymous",
            "{bad}"
        );
        assert_eq!(
            with_token(server.get(&file), bad).gives(200).text(),
            "content"
        );
        check_challenged(
            &with_token(server.put(format!("{file}/properties")).xml(BATCH), bad).send(),
        );
        check_challenged(&with_token(server.get("/users/current?authenticate=true"), bad).send());
        assert_eq!(
            who(&with_token(server.get("/users/current"), bad)
                .field("Authorization", basic("vera", "pw"))),
            "vera"
        );
    }
}

#[test]
fn a_token_ends_with_its_time() {
    let server = Server::with(&["--token-secs", "0"]);
    let answer = server.get("/users/authenticate").gives(200);
    assert!(
        answer
            .field("set-cookie")
            .unwrap()
            .contains("; Max-Age=0; ")
    );
    let ended = with_token(server.get("/users/current"), answer.text());
    assert_eq!(who(&ended), "Anonymous");
}

#[test]
fn a_disabled_account_is_told_so_and_may_do_nothing() {
    let server = server();
    let good = token(&server, "carl", "pw");
    let dir = server.kill();
    let db = Database::open(dir.path().join("test.db")).unwrap();
    let disable = "UPDATE account SET disabled = 1 WHERE name = 'carl'";
    assert_eq!(db.execute(disable, []).unwrap(), 1);
    drop(db);
    let server = Server::on(dir, &[]);
    let says = "User 'carl' is disabled";
    let list = server.get("/pages/home/properties");
    list.clone().user("carl", "pw").fails(403, says);
    with_token(list.clone(), &good).fails(403, says);
    check_challenged(&list.user("carl", "wrong").send());
}

#[test]
fn authenticate_true_asks_for_somebody() {
    let server = server();
    let file = server.file("a");
    let good = token(&server, "carl", "pw");
    for value in ["true", "TRUE", "1", "", "x"] {
        let call = server
            .get(format!("{file}?authenticate={value}"))
            .anonymous();
        check_challenged(&call.send());
        call.clone().user("vera", "pw").gives(200);
        call.field("X-Authtoken", &good).gives(200);
    }
    for value in ["false", "False"] {
        server
            .get(format!("{file}?authenticate={value}"))
            .anonymous()
            .gives(200);
    }
}

#[test]
fn a_new_account_is_answered_in_its_order() {
    let server = Server::start();
    let document = "<user><username>anna</username><email> Melder@MindTouch.com </email><fullname>Anna K.</fullname>
        <permissions.user><role>viewer</role></permissions.user><unknown/></user>";
    let answer = server
        .post("/users?accountpassword=pw")
        .xml(document)
        .gives(200)
        .xml();
    assert_eq!(
        (answer.name.as_str(), answer.attribute_names()),
        ("user", vec!["id", "href"])
    );
    let id = answer.attr("id").to_owned();
    assert_eq!(
        answer.attr("href"),
        format!("http://{}/@api/deki/users/{id}", server.address())
    );
    let names = "nick username fullname email hash.email uri.gravatar status permissions.user";
    assert_eq!(answer.names().join(" "), names);
    assert_eq!(answer.child("fullname").text, "Anna K.");
    assert_eq!(answer.child("status").text, "active");
    assert_eq!(
        answer.child("permissions.user").child("role").text,
        "Viewer"
    );
    assert_eq!(server.get(format!("/users/{id}")).gives(200).xml(), answer);
    assert_eq!(server.get("/users/=ANNA").gives(200).xml(), answer);
    let users = server.get("/users").gives(200).xml();
    assert_eq!(users.attr("count"), users.children.len().to_string());
    assert!(users.children.contains(&answer));
    let plain = server
        .post("/users?accountpassword=pw")
        .xml("<user><username>ben</username></user>");
    let plain = plain.gives(200).xml();
    assert_eq!(
        plain.child("permissions.user").child("role").text,
        "Contributor"
    );
}

#[test]
fn an_account_that_cannot_be_is_refused() {
    let server = server();
    for (query, document, status) in [
        ("", "<user><username>x</username></user>", 400),
        (
            "?accountpassword=",
            "<user><username>x</username></user>",
            400,
        ),
        (
            "?accountpassword=%20",
            "<user><username>x</username></user>",
            400,
        ),
        ("?accountpassword=pw", "<user/>", 400),
        (
            "?accountpassword=pw",
            "<user><username> </username></user>",
            400,
        ),
        (
            "?accountpassword=pw",
            "<user><username>a:b</username></user>",
            400,
        ),
        (
            "?accountpassword=pw",
            "<users><username>x</username></users>",
            400,
        ),
        ("?accountpassword=pw", "<user><username>x</username>", 400),
        (
            "?accountpassword=pw",
            "<user><username>x</username><permissions.user><role>Boss</role></permissions.user></user>",
            400,
        ),
        (
            "?accountpassword=pw",
            "<user><username>carl</username></user>",
            409,
        ),
        (
            "?accountpassword=pw",
            "<user><username>Carl</username></user>",
            409,
        ),
        (
            "?accountpassword=pw",
            "<user><username>anonymous</username></user>",
            409,
        ),
    ] {
        let message = server
            .post(format!("/users{query}"))
            .xml(document)
            .gives(status)
            .message();
        assert!(!message.is_empty(), "{document}");
    }
    server.get("/users/=x").gives(404);
    let call = server
        .post("/users?accountpassword=pw")
        .xml("<user><username>x</username></user>");
    call.clone().user("carl", "pw").gives(403);
    check_challenged(&call.anonymous().send());
}

#[test]
fn accounts_are_shown_to_who_signed_in_and_all_of_them_to_administrators() {
    let server = server();
    check_challenged(&server.get("/users/1").anonymous().send());
    server.get("/users/1").user("nina", "pw").gives(200);
    check_challenged(&server.get("/users").anonymous().send());
    server.get("/users").user("carl", "pw").gives(403);
    let anonymous = current(&server).gives(200).xml();
    assert_eq!(anonymous.attr("id"), "2");
}

/// What each of the accounts gets for a request: anonymous, nina, vera, carl, admin.
fn check_rights(server: &Server, call: &Call<'_>, expected: [u16; 5]) {
    let users = [
        None,
        Some("nina"),
        Some("vera"),
        Some("carl"),
        Some("admin"),
    ];
    for (user, status) in users.into_iter().zip(expected) {
        let answer = match user {
            None => call.clone().anonymous().send(),
            Some("admin") => call.send(),
            Some(user) => call.clone().user(user, "pw").send(),
        };
        assert_eq!(answer.status, status, "{user:?}");
        if status == 401 {
            check_challenged(&answer);
        }
    }
    server.get("/users/current").gives(200);
}

#[test]
fn the_table_of_who_may_read_and_write_what() {
    let server = server();
    let file = server.file("a");
    server.property(&file, "p", "v");
    server.property("/site", "p", "v");
    let vera = server
        .get("/users/=vera")
        .gives(200)
        .xml()
        .attr("id")
        .to_owned();
    let vera = format!("/users/{vera}");
    server.property(&vera, "p", "v");
    let write = |owner: &str| {
        server
            .put(format!("{owner}/properties/p?abort=never"))
            .text("v")
    };
    for owner in ["/pages/home", &file] {
        check_rights(
            &server,
            &server.get(format!("{owner}/properties")),
            [200, 403, 200, 200, 200],
        );
        check_rights(&server, &write(owner), [401, 403, 403, 200, 200]);
        check_rights(
            &server,
            &server.get(format!("{owner}/properties/p/info")),
            [200, 403, 200, 200, 200],
        );
    }
    check_rights(
        &server,
        &server.get(format!("{vera}/properties")),
        [401, 403, 200, 403, 200],
    );
    check_rights(
        &server,
        &server.get(format!("{vera}/properties/p")),
        [401, 403, 200, 403, 200],
    );
    check_rights(&server, &write(&vera), [401, 403, 200, 403, 200]);
    check_rights(&server, &write("/users/current"), [401, 200, 200, 200, 200]);
    check_rights(
        &server,
        &server.get("/users/current/properties"),
        [401, 200, 200, 200, 200],
    );
    check_rights(
        &server,
        &server.get("/users/2/properties"),
        [401, 403, 403, 403, 200],
    );
    check_rights(
        &server,
        &server.get("/site/properties"),
        [401, 403, 403, 403, 200],
    );
    check_rights(
        &server,
        &server.get("/site/properties/p"),
        [401, 403, 403, 403, 200],
    );
    check_rights(&server, &write("/site"), [401, 403, 403, 403, 200]);
}

#[test]
fn a_refusal_says_what_was_required_and_what_is_allowed() {
    let server = server();
    let call = server.put("/pages/home/properties").xml(BATCH);
    let viewer = "LOGIN, BROWSE, READ, SUBSCRIBE";
    call.clone().user("vera", "pw").fails(
        403,
        &format!(
            "Access denied to 'vera' for this request for page id '1'. Operations required are UPDATE. \
             Operations allowed are {viewer}"
        ),
    );
    call.anonymous().fails(
        401,
        &format!(
            "Operation not allowed by anonymous user: Access denied to 'Anonymous' for this request for page id '1'. \
             Operations required are UPDATE. Operations allowed are {viewer}"
        ),
    );
}

#[test]
fn a_request_is_refused_for_the_first_thing_that_is_wrong() {
    let server = server();
    let huge = "99999999999";
    let put = |path: &str| server.put(path).body("<oops");
    let xml = "application/xml";
    // Each step mends what the one before was refused for.
    let step = |call: Call<'_>, status: u16, message: &str| {
        let answer = call.expecting().is(status);
        assert!(
            answer.message().starts_with(message),
            "{}",
            answer.message()
        );
        assert!(!answer.continued || status == 400, "{message}");
    };
    let bad = "/pages/x/properties?redirects=x";
    let wrong = put(bad)
        .anonymous()
        .field("Authorization", basic("vera", "wrong"));
    step(
        wrong.field("Content-Length", huge),
        401,
        "authentication failed",
    );
    step(
        put(bad).anonymous().field("Content-Length", huge),
        400,
        "invalid pageid",
    );
    step(
        put(bad).user("vera", "pw").field("Content-Length", huge),
        400,
        "invalid pageid",
    );
    let missing = "/pages/99/properties?redirects=x";
    step(
        put(missing).anonymous().field("Content-Length", huge),
        404,
        "Could not find",
    );
    step(
        put(missing)
            .user("vera", "pw")
            .field("Content-Length", huge),
        404,
        "Could not find",
    );
    let home = "/pages/home/properties?redirects=x";
    step(
        put(home).anonymous().field("Content-Length", huge),
        401,
        "Operation not allowed",
    );
    step(
        put(home).user("vera", "pw").field("Content-Length", huge),
        403,
        "Access denied",
    );
    step(
        put(home).field("Content-Length", huge),
        415,
        "there is no Content-Type",
    );
    step(
        put(home)
            .field("Content-Type", xml)
            .field("Content-Length", huge),
        413,
        "a batch has at most",
    );
    step(
        put(home).field("Content-Type", xml),
        400,
        "invalid value for feature parameter 'redirects'",
    );
    let answer = put("/pages/home/properties")
        .field("Content-Type", xml)
        .expecting()
        .is(400);
    assert!(answer.continued && answer.message().contains("line 1"));
    let item = "<properties><property name='p'/></properties>";
    let answer = server
        .put("/pages/home/properties")
        .xml(item)
        .expecting()
        .is(207);
    assert!(answer.continued);
}

#[test]
fn a_new_password_ends_tokens_and_cached_credentials_at_once() {
    let server = server();
    let change = |query: &str, by: &str, old: &str, new: &str| {
        let call = server
            .put(format!("/users/=carl/password{query}"))
            .text(new);
        call.user(by, old).send()
    };
    let good = token(&server, "carl", "pw");
    assert_eq!(who(&current(&server).field("X-Authtoken", &good)), "carl");
    assert_eq!(who(&current(&server).user("carl", "pw")), "carl");
    assert!(
        change("?currentpassword=pw", "carl", "pw", "new")
            .is(200)
            .body
            .is_empty()
    );
    assert_eq!(
        who(&current(&server).field("X-Authtoken", &good)),
        "Anonymous"
    );
    check_challenged(&current(&server).user("carl", "pw").send());
    assert_eq!(who(&current(&server).user("carl", "new")), "carl");
    // An administrator need not know the old one.
    let good = token(&server, "carl", "new");
    change("", "admin", PASSWORD, "newer").is(200);
    assert_eq!(
        who(&current(&server).field("X-Authtoken", &good)),
        "Anonymous"
    );
    check_challenged(&current(&server).user("carl", "new").send());
    assert_eq!(who(&current(&server).user("carl", "newer")), "carl");
    assert_eq!(who(&current(&server).user("vera", "pw")), "vera");
}

#[test]
fn a_password_is_changed_only_by_who_knows_it_or_an_administrator() {
    let server = server();
    let change = |query: &str, by: &str, new: &str| {
        let call = server
            .put(format!("/users/=carl/password{query}"))
            .text(new);
        call.user(by, "pw").send().status
    };
    assert_eq!(change("", "carl", "new"), 400);
    assert_eq!(change("?currentpassword=wrong", "carl", "new"), 403);
    assert_eq!(change("?currentpassword=pw", "carl", " "), 400);
    assert_eq!(change("?currentpassword=pw", "vera", "new"), 403);
    let anonymous = server
        .put("/users/=carl/password?currentpassword=pw")
        .text("new")
        .anonymous();
    check_challenged(&anonymous.send());
    assert_eq!(who(&current(&server).user("carl", "pw")), "carl");
}

#[test]
fn a_cookie_does_not_write_for_a_page_of_another_origin() {
    let server = server();
    let good = token(&server, "carl", "pw");
    let own = format!("http://{}", server.address());
    let cookie = format!("authtoken={good}");
    let write = |name: &str, value: &str| {
        let call = server
            .put("/pages/home/properties/p?abort=never")
            .text("v")
            .anonymous();
        call.field(name, value)
    };
    let (by_cookie, by_header) = (("Cookie", &*cookie), ("X-Authtoken", &*good));
    for (origin, status) in [
        ("http://evil.example", 403),
        ("null", 403),
        (&*format!("{own}0"), 403),
        (&*own, 200),
        (&*own.to_uppercase(), 200),
    ] {
        write(by_cookie.0, by_cookie.1)
            .field("Origin", origin)
            .gives(status);
        write(by_header.0, by_header.1)
            .field("Origin", origin)
            .gives(200);
    }
    for (site, status) in [
        ("cross-site", 403),
        ("Cross-Site", 403),
        ("same-origin", 200),
        ("none", 200),
    ] {
        write(by_cookie.0, by_cookie.1)
            .field("Sec-Fetch-Site", site)
            .gives(status);
    }
    write(by_cookie.0, by_cookie.1).gives(200);
    // To read is not to write, but a verb that is overridden is.
    let read = server
        .get("/users/current/properties")
        .anonymous()
        .field("Cookie", &cookie);
    read.field("Origin", "http://evil.example").gives(200);
    let overridden = server
        .post("/pages/home/properties?dream.in.verb=PUT")
        .xml(BATCH)
        .anonymous();
    overridden
        .field("Cookie", &cookie)
        .field("Origin", "null")
        .gives(403);
}

/// How often a refusal with this status, and how often 429, came back for so many wrong passwords at once, each in a
/// request of its own.
fn wrong_at_once<'a>(
    refusal: u16,
    count: usize,
    guess: impl Fn(&str) -> Call<'a> + Sync,
) -> (usize, usize) {
    let together = Barrier::new(count);
    let (together, guess) = (&together, &guess);
    let try_one = move |number: usize| {
        let call = guess(&format!("wrong{number}"));
        together.wait();
        let answer = call.send();
        if answer.status == 429 {
            assert!(answer.field("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
            assert!(answer.message().contains("too many wrong passwords"));
        }
        answer.status
    };
    let statuses: Vec<u16> = thread::scope(|scope| {
        let tries: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || try_one(number)))
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let of = |status| statuses.iter().filter(|&&s| s == status).count();
    assert_eq!(of(refusal) + of(429), count);
    (of(refusal), of(429))
}

#[test]
fn beyond_ten_wrong_passwords_a_second_it_is_429() {
    let server = server();
    let owner = server.get("/users/current");
    assert_eq!(who(&owner), "admin");
    for _ in 0..5 {
        check_challenged(&server.get("/users/current").user("nobody", "wrong").send());
    }
    let guess = |password: &str| server.get("/users/current").user("admin", password);
    let (wrong, throttled) = wrong_at_once(401, 64, guess);
    assert!(wrong >= 10 && throttled >= 1, "{wrong} {throttled}");
    // Neither the owner, whose password is remembered, nor other accounts are locked out.
    assert_eq!(who(&owner), "admin");
    assert_eq!(who(&current(&server).user("carl", "pw")), "carl");
}

#[test]
fn whoever_has_a_token_guesses_no_faster() {
    let server = server();
    let token = token(&server, "carl", "pw");
    let guess = |password: &str| {
        let path = format!("/users/=carl/password?currentpassword={password}");
        with_token(server.put(path).text("new"), &token)
    };
    let (wrong, throttled) = wrong_at_once(403, 64, guess);
    assert!(wrong >= 10 && throttled >= 1, "{wrong} {throttled}");
    // Whoever signs in with the right one is as remembered as before, and others are not concerned.
    assert_eq!(who(&current(&server).user("vera", "pw")), "vera");
}

#[test]
fn a_right_password_on_many_connections_at_once_is_no_guess() {
    let server = Server::start();
    let together = Barrier::new(40);
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                together.wait();
                assert_eq!(who(&server.get("/users/current")), "admin");
            });
        }
    });
}

#[test]
fn an_address_is_shown_to_its_owner_alone() {
    let server = server();
    let document = "<user><username>anna</username><email>melder@mindtouch.com</email></user>";
    server
        .post("/users?accountpassword=pw")
        .xml(document)
        .gives(200);
    server
        .put("/pages/home/properties/p")
        .text("v")
        .user("anna", "pw")
        .gives(200);
    let shown = |call: Call<'_>| -> Node {
        let list = call.gives(200).xml();
        list.property("p").child("user.modified").clone()
    };
    let list = || server.get("/pages/home/properties");
    for (call, address) in [
        (list(), None),
        (list().anonymous(), None),
        (list().user("carl", "pw"), None),
        (list().user("anna", "pw"), Some("melder@mindtouch.com")),
    ] {
        let user = shown(call);
        let email = user.child("email");
        match address {
            Some(address) => assert_eq!((&*email.text, email.find_attr("hidden")), (address, None)),
            None => assert_eq!(
                (&*email.text, email.find_attr("hidden")),
                ("", Some("true"))
            ),
        }
        let hash = "637b79dca5c8ebdc4347bccca42d3487";
        assert_eq!(user.child("hash.email").text, hash);
        assert_eq!(
            user.child("uri.gravatar").text,
            format!("http://www.gravatar.com/avatar/{hash}.png")
        );
        let names = "nick username fullname email hash.email uri.gravatar";
        assert_eq!(user.names().join(" "), names);
    }
}

#[test]
fn the_anonymous_account_gets_no_password() {
    let server = Server::start();
    server.put("/users/2/password").text("secret").gives(400);
    server
        .get("/users/current")
        .user("Anonymous", "secret")
        .gives(401);
}

/// A server with this key of the site.
fn with_key(key: &str) -> Server {
    let dir = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let mut command = crate::harness::program(["serve", "--listen", "127.0.0.1:0", "--db"]);
    command
        .arg(dir.path().join("test.db"))
        .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD)
        .env("PROPSTORE_API_KEY", key);
    Server::spawn(command, dir)
}

#[test]
fn the_key_of_the_site_opens_everything_and_a_wrong_one_nothing() {
    let server = with_key("0123456789abcdef");
    server.account("vera", "pw", "Viewer");
    let put = |key: &str| {
        let path = format!("/site/properties/p?abort=never&apikey={key}");
        server.put(path).anonymous().text("v")
    };
    put("0123456789abcdef").gives(200);
    for wrong in ["", "0123456789abcdeF", "0123456789abcde"] {
        put(wrong).gives(401);
        // It is passed over: who may do something without it may do it with a wrong one.
        put(wrong).user("admin", PASSWORD).gives(200);
    }
    let by_header = server.get("/site/properties").anonymous();
    by_header.field("X-ApiKey", "0123456789abcdef").gives(200);
    // Who signs in as well stays who that is.
    let by_vera = put("0123456789abcdef").user("vera", "pw").gives(200).xml();
    assert_eq!(
        by_vera.child("user.modified").child("username").text,
        "vera"
    );
    assert_eq!(
        who(&server
            .get("/users/current?apikey=0123456789abcdef")
            .anonymous()),
        "admin"
    );
    server
        .get("/users/authenticate?apikey=0123456789abcdef")
        .anonymous()
        .gives(401);
    let other = Server::start();
    other.get("/site/properties?apikey=").anonymous().gives(401);
    other
        .get("/site/properties?apikey=0123456789abcdef")
        .anonymous()
        .gives(401);
}

#[test]
fn addresses_and_their_hashes_are_shown_as_the_settings_say() {
    let server = |flags: &[&str]| {
        let server = Server::with(flags);
        let user = "<user><username>eve</username><email> Eve@Example.org </email></user>";
        server
            .post("/users?accountpassword=pw")
            .xml(user)
            .gives(200);
        server
    };
    let told = |server: &Server, query: &str| {
        let user = server.get(format!("/users/=eve{query}")).gives(200).xml();
        let text = |name: &str| user.child(name).text.clone();
        let shown = user.child("email").find_attr("hidden").is_none();
        (shown, text("hash.email"), text("uri.gravatar"))
    };
    let (shown, hash, picture) = told(&server(&[]), "");
    assert!(!shown);
    assert_eq!(
        (hash.len(), hash.chars().all(|c| c.is_ascii_hexdigit())),
        (32, true)
    );
    assert_eq!(
        picture,
        format!("http://www.gravatar.com/avatar/{hash}.png")
    );
    let (_, hash, picture) = told(&server(&["--email-hash", "sha256"]), "");
    assert_eq!(hash.len(), 64);
    assert_eq!(
        picture,
        format!("http://www.gravatar.com/avatar/{hash}.png")
    );
    let off = server(&["--email-hash", "off", "--email-addresses", "shown"]);
    let picture = "http://www.gravatar.com/avatar/no-email.png".to_owned();
    assert_eq!(told(&off, ""), (true, String::new(), picture));
    // Who has no address has no hash either.
    let admin = off.get("/users/1").gives(200).xml();
    assert!(!admin.names().contains(&"hash.email"));
    let key = with_key("0123456789abcdef");
    let user = "<user><username>eve</username><email>e@x</email></user>";
    key.post("/users?accountpassword=pw").xml(user).gives(200);
    assert!(!told(&key, "").0);
    assert!(told(&key, "?apikey=0123456789abcdef").0);
}

#[test]
fn an_account_is_changed_by_its_owner_and_disabled_by_an_administrator() {
    let server = server();
    let token = token(&server, "carl", "pw");
    let change = |document: &str| {
        server
            .put("/users/=carl")
            .xml(format!("<user>{document}</user>"))
    };
    let own = change("<username>carl</username><fullname>Carl C</fullname><email>c@x</email>");
    let told = own.clone().user("carl", "pw").gives(200).xml();
    assert_eq!(
        (&*told.child("fullname").text, &*told.child("email").text),
        ("Carl C", "c@x")
    );
    own.clone().user("vera", "pw").gives(403);
    own.anonymous().gives(401);
    let role = change("<permissions.user><role>Admin</role></permissions.user>");
    role.user("carl", "pw").gives(403);
    // What was not to be seen stays when it is sent back.
    let seen = server.get("/users/=carl").gives(200);
    server.put("/users/=carl").xml(seen.text()).gives(200);
    let email = server
        .get("/users/=carl")
        .user("carl", "pw")
        .gives(200)
        .xml();
    assert_eq!(email.child("email").text, "c@x");
    let page = server.put("/pages/home/properties/p?abort=never").text("v");
    page.clone().user("carl", "pw").gives(200);
    let viewer = "<permissions.user><role>Viewer</role></permissions.user>";
    change(viewer).gives(200);
    page.user("carl", "pw").gives(403);
    with_token(server.get("/users/current"), &token).gives(200);
    change("<status>inactive</status>").gives(200);
    let message = current(&server).user("carl", "pw").gives(403).message();
    assert_eq!(message, "User 'carl' is disabled");
    let by_token = with_token(server.get("/users/current"), &token);
    assert_eq!(by_token.gives(403).message(), "User 'carl' is disabled");
    change("<status>active</status>").gives(200);
    assert_eq!(who(&by_token), "carl");
    assert_eq!(who(&current(&server).user("carl", "pw")), "carl");
    for (user, document) in [
        ("1", "<status>inactive</status>"),
        ("1", viewer),
        ("2", "<status>inactive</status>"),
        ("=carl", "<username>karl</username>"),
        ("=carl", "<status>away</status>"),
        (
            "=carl",
            "<permissions.user><role>Boss</role></permissions.user>",
        ),
    ] {
        let path = format!("/users/{user}");
        server
            .put(path)
            .xml(format!("<user>{document}</user>"))
            .gives(400);
    }
    server.put("/users/99").xml("<user/>").gives(404);
}

#[test]
fn what_a_browser_sends_by_itself_changes_and_tells_nothing_for_another_site() {
    let server = server();
    let token = token(&server, "admin", PASSWORD);
    let cookie = format!("authtoken=\"{token}\"");
    let from = |call: Call<'_>, site: &str| call.field("Sec-Fetch-Site", site).send().status;
    let write = || server.put("/site/properties/p?abort=never").text("v");
    let script = || server.get("/site/properties?dream.out.format=json&dream.out.callback=f");
    let read = || server.get("/site/properties");
    for (site, status) in [("cross-site", 403), ("same-origin", 200), ("none", 200)] {
        assert_eq!(from(write(), site), status, "{site}");
        assert_eq!(from(script(), site), status, "{site}");
        let by_cookie = |call: Call<'_>| from(call.anonymous().field("Cookie", &cookie), site);
        assert_eq!(by_cookie(write()), status, "{site}");
        assert_eq!(by_cookie(script()), status, "{site}");
        // What a page cannot read it may cause, and what is sent on purpose is not from a browser by itself.
        assert_eq!(from(read(), site), 200);
        assert_eq!(from(with_token(write(), &token), site), 200);
        assert_eq!(from(with_token(script(), &token), site), 200);
        let both = with_token(write(), &token).field("Cookie", &cookie);
        assert_eq!(from(both, site), 200);
    }
    let public = server.get("/pages/home/properties?dream.out.format=json&dream.out.callback=f");
    assert_eq!(from(public.anonymous(), "cross-site"), 200);
}

#[test]
fn a_browser_that_remembers_a_password_does_not_write_for_a_page_of_another_origin() {
    let server = server();
    let token = token(&server, "admin", PASSWORD);
    let own = format!("http://{}", server.address());
    let space = json!({"space": {"name": "s"}});
    let calls = [
        server.put("/site/properties/p?abort=never").text("v"),
        server.put("/pages/home/files/=f").text("v"),
        server.put("/pages/home/properties").xml(BATCH),
        server.post("/pages/=x/contents?edittime=now").text("v"),
        server
            .post("/pages/home/properties?dream.in.verb=PUT")
            .xml(BATCH),
        server
            .post("/users?accountpassword=pw")
            .xml("<user><username>eve</username></user>"),
        server.put("/users/=carl/password").text("new"),
        server.delete("/site/properties/p"),
        // A form of a page can send these without asking first.
        server
            .post("/api/spaces")
            .typed("text/plain", space.to_string()),
        server.exactly("PUT", "/files/").typed("text/plain", "{}"),
    ];
    for call in calls {
        let from = |origin: &str| call.clone().field("Origin", origin).send().status;
        let told = String::from_utf8_lossy(&call.request().head()).into_owned();
        for origin in [
            "http://evil.example",
            "null",
            "",
            &*format!("{own}.evil.example"),
        ] {
            assert_eq!(from(origin), 403, "{origin:?} {told}");
        }
        assert_ne!(from(&own), 403, "{told}");
        // What is sent on purpose is no browser's doing.
        let on_purpose = with_token(call.clone(), &token).field("Origin", "null");
        assert_ne!(on_purpose.send().status, 403, "{told}");
    }
    // To read is not to write.
    let read = server
        .get("/site/properties")
        .field("Origin", "http://evil.example");
    read.gives(200);
}

#[test]
fn of_several_tokens_the_first_that_is_good_counts() {
    let server = server();
    let (vera, carl) = (token(&server, "vera", "pw"), token(&server, "carl", "pw"));
    let stale = "3_0_stale";
    let ask = |query: &str, cookie: &str, header: &str, other: &str| {
        let path = format!("/users/current?authtoken={query}");
        let call = server.get(path).anonymous().field("Cookie", cookie);
        who(&call
            .field("X-Authtoken", header)
            .field("X-Deki-Token", other))
    };
    let in_cookie = |token: &str| format!("authtoken=\"{token}\"");
    for (query, cookie, header, other, expected) in [
        (stale, in_cookie(stale), stale, &*vera, "vera"),
        (stale, in_cookie(stale), &*carl, &*vera, "carl"),
        (stale, in_cookie(&vera), &*carl, stale, "vera"),
        (&*carl, in_cookie(&vera), stale, stale, "carl"),
        (
            "",
            format!("{}; {}", in_cookie(stale), in_cookie(&vera)),
            "",
            "",
            "vera",
        ),
        (stale, in_cookie(stale), stale, stale, "Anonymous"),
    ] {
        assert_eq!(ask(query, &cookie, header, other), expected);
    }
}

#[test]
fn an_account_may_begin_disabled() {
    let server = Server::start();
    let user = "<user><username>eve</username><status>inactive</status></user>";
    let told = server
        .post("/users?accountpassword=pw")
        .xml(user)
        .gives(200)
        .xml();
    assert_eq!(told.child("status").text, "inactive");
    current(&server).user("eve", "pw").gives(403);
}

#[test]
fn a_public_url_is_compared_as_a_url() {
    let server = Server::with(&["--public-url", "HTTPS://Wiki.Example:443/"]);
    let answer = server.get("/users/authenticate").gives(200);
    assert!(answer.field("set-cookie").unwrap().ends_with("; Secure"));
    let cookie = format!("authtoken=\"{}\"", answer.text());
    for origin in ["https://wiki.example", "https://WIKI.example:443"] {
        let write = server
            .put("/site/properties/p?abort=never")
            .text("v")
            .anonymous();
        write
            .field("Cookie", &cookie)
            .field("Origin", origin)
            .gives(200);
    }
    for (target, status) in [
        ("https://wiki.example/x", 302),
        ("HTTPS://WIKI.EXAMPLE:443/x", 302),
        ("https://wiki.example", 302),
        ("https://wiki.example.evil/x", 400),
        ("https://wiki.example:444/x", 400),
        ("http://wiki.example/x", 400),
        ("https://wiki.example@evil/x", 400),
        ("//evil/x", 400),
    ] {
        let path = format!("/users/authenticate?redirect={target}");
        assert_eq!(server.get(path).send().status, status, "{target}");
    }
}

#[test]
fn who_was_disabled_is_out_also_if_whoever_did_it_has_gone() {
    let server = server();
    let ask = || current(&server).user("carl", "pw").send().status;
    assert_eq!(ask(), 200);
    let disable = server
        .put("/users/=carl")
        .xml("<user><status>inactive</status></user>");
    // As long as somebody else holds the database, the change waits; meanwhile its sender goes. What is asked in between
    // gives the server the time to notice both.
    let holder = Database::open(server.db()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut connection = server.connect();
    connection.write(&[disable.request().head(), disable.request().wire_body()].concat());
    let in_between = || (0..50).for_each(|_| assert_eq!(ask(), 200));
    in_between();
    drop(connection.shutdown(Shutdown::Both));
    in_between();
    holder.execute_batch("ROLLBACK").unwrap();
    // What was queued before this is done when this is.
    server.put("/site/properties/p").text("v").gives(200);
    let disabled = "SELECT disabled FROM account WHERE name = 'carl'";
    assert!(
        holder
            .query_row(disabled, [], |row| row.get::<_, bool>(0))
            .unwrap()
    );
    // It is forgotten right after the COMMIT, but nobody waits for that here.
    let until = Instant::now() + PATIENCE;
    while ask() != 403 {
        assert!(Instant::now() < until, "carl is still in");
    }
}

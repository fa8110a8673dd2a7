//! The program at the prompt: what it says, how it ends, and what it does to the files around it
//! (`promises.md` §1.5, §1.6).

use crate::harness::{PASSWORD, Server, basic, mode, program, properties, run};
use rusqlite::Connection as Database;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

/// Everything in a folder, byte for byte.
fn contents_of(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn serve(db: &Path, listen: &str) -> Command {
    let mut command = program(["serve", "--listen", listen, "--db"]);
    command.arg(db).env("PROPSTORE_ADMIN_PASSWORD", PASSWORD);
    command
}

#[test]
fn without_a_command_it_says_how_it_is_used() {
    for arguments in [&[][..], &["surf"], &["serve", "--nothing"], &["serve", "x"]] {
        let (code, out, err) = run(program(arguments));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.contains("Usage: propstore"), "{err}");
    }
    for arguments in [
        ["serve", "--public-url", "wiki.example"],
        ["serve", "--public-url", "ftp://wiki.example"],
        ["serve", "--public-url", "https://user@wiki.example"],
        ["serve", "--public-url", "https://wiki.example/a?b"],
        ["serve", "--trusted-proxy", "10.0.0.0/33"],
        ["serve", "--trusted-proxy", "proxy.example"],
        ["serve", "--email-hash", "crc"],
        ["serve", "--head-bytes-max", "8191"],
        ["serve", "--batch-bytes-max", "many"],
    ] {
        let (code, _, err) = run(program(arguments));
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(err.contains(arguments[1]), "{err}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let (code, out, err) = run(program(["--help"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(
        out.contains("Usage: propstore") && out.contains("serve"),
        "{out}"
    );
    let (code, out, _) = run(program(["serve", "--help"]));
    assert_eq!(code, Some(0));
    for flag in [
        "--db",
        "PROPSTORE_DB",
        "--listen",
        "PROPSTORE_LISTEN",
        "--file-bytes-max",
        "PROPSTORE_FILE_BYTES_MAX",
        "104857600",
    ] {
        assert!(out.contains(flag), "{flag}: {out}");
    }
    let (code, out, _) = run(program(["--version"]));
    assert_eq!(
        (code, out),
        (
            Some(0),
            format!("propstore {}\n", env!("CARGO_PKG_VERSION"))
        )
    );
}

/// It ends at once with one clear line, and leaves the folder as it was.
fn check_refused(dir: &TempDir, command: Command, says: &str) {
    let before = contents_of(dir.path());
    let (code, out, err) = run(command);
    assert!(code.is_some_and(|code| code != 0), "{code:?}");
    assert_eq!(out, "");
    assert!(err.contains(says), "{err}");
    assert_eq!(err.trim_end().lines().count(), 1, "{err}");
    assert_eq!(contents_of(dir.path()), before, "{err}");
}

#[test]
fn an_empty_password_is_refused_and_leaves_no_database() {
    for password in ["", "  "] {
        let dir = tempdir().unwrap();
        let mut command = serve(&dir.path().join("test.db"), "127.0.0.1:0");
        command.env("PROPSTORE_ADMIN_PASSWORD", password);
        check_refused(&dir, command, "PROPSTORE_ADMIN_PASSWORD is empty");
    }
}

#[test]
fn a_port_in_use_is_one_line_and_leaves_no_database() {
    let dir = tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let command = serve(&dir.path().join("test.db"), &address);
    check_refused(&dir, command, &format!("cannot listen on {address}"));
    for listen in ["127.0.0.1:99999", "nowhere", "256.0.0.1:80"] {
        let command = serve(&dir.path().join("test.db"), listen);
        check_refused(&dir, command, &format!("cannot listen on {listen}"));
    }
}

#[test]
fn a_database_is_served_by_one_propstore_at_a_time() {
    let mut server = Server::start();
    let (code, out, err) = run(serve(&server.db(), "127.0.0.1:0"));
    assert_eq!((code, &*out), (Some(1), ""));
    assert!(
        err.contains("is served by another propstore") && err.lines().count() == 1,
        "{err}"
    );
    server.get("/pages/home/properties").gives(200);
    server.signal("TERM");
    assert!(server.wait().success());
    Server::on(server.dir(), &[]);
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_untouched() {
    let dir = tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("folder")).unwrap();
    std::fs::write(at("text"), "hello\n".repeat(1000)).unwrap();
    std::fs::write(at("short"), "SQLite format 3\0").unwrap();
    let other = Database::open(at("other")).unwrap();
    other
        .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        .unwrap();
    drop(other);
    // Ours, made by a start, then changed.
    for name in ["newer", "half", "zeroed"] {
        let shared = Arc::new(tempdir().unwrap());
        let mut server = Server::on(Arc::clone(&shared), &[]);
        server.signal("TERM");
        server.wait();
        std::fs::copy(server.db(), at(name)).unwrap();
    }
    let newer = Database::open(at("newer")).unwrap();
    newer.pragma_update(None, "journal_mode", "DELETE").unwrap();
    newer.pragma_update(None, "user_version", 1000).unwrap();
    drop(newer);
    let mut header = std::fs::read(at("zeroed")).unwrap();
    header[..16].fill(0);
    std::fs::write(at("zeroed"), header).unwrap();
    for (name, says) in [
        ("folder", "it is not a file"),
        ("text", "it is not an SQLite database"),
        ("short", "it is too short"),
        ("other", "a database of another program"),
        ("newer", "use a newer propstore"),
        ("zeroed", "it is not an SQLite database"),
        ("missing/test.db", "cannot open the database"),
    ] {
        check_refused(&dir, serve(&at(name), "127.0.0.1:0"), says);
    }
    let half = std::fs::read(at("half")).unwrap();
    std::fs::write(at("half"), &half[..half.len() / 2]).unwrap();
    check_refused(&dir, serve(&at("half"), "127.0.0.1:0"), "half");
}

#[test]
fn a_database_says_what_it_is_and_damage_is_refused() {
    let stopped = stopped();
    let good = std::fs::read(stopped.path().join("test.db")).unwrap();
    let number = |at: usize| u32::from_be_bytes(good[at..at + 4].try_into().unwrap());
    assert_eq!(number(68), 0x7072_6f70, "the application_id is `prop`");
    assert!(number(60) > 0, "the user_version is that of the tables");
    let page = 8192;
    let dir = tempdir().unwrap();
    let path = dir.path().join("test.db");
    let check = |change: &dyn Fn(&mut Vec<u8>), says: &str| {
        let mut bytes = good.clone();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        let began = Instant::now();
        check_refused(&dir, serve(&path, "127.0.0.1:0"), says);
        assert!(began.elapsed() < Duration::from_secs(10));
    };
    check(
        &|file| file[60..64].copy_from_slice(&1_i32.to_be_bytes()),
        "has format 1",
    );
    check(
        &|file| file[60..64].copy_from_slice(&(-1_i32).to_be_bytes()),
        "unknown format",
    );
    check(&|file| file[68] = 0, "a database of another program");
    // The size of a page, the list of tables, and the roots of two of them.
    check(&|file| file[16..18].copy_from_slice(&[0, 3]), "test.db");
    check(&|file| file[100..page].fill(0xFF), "malformed");
    check(&|file| file[page..2 * page].fill(0xFF), "malformed");
    check(&|file| file[3 * page..4 * page].fill(0), "malformed");
    check(&|file| file.truncate(page), "it has been cut off");
    check(&|file| file.truncate(file.len() - 1), "it has been cut off");
}

#[test]
fn with_the_log_of_another_program_it_is_refused() {
    let stopped = stopped();
    let dir = tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let other = Database::open(at("other")).unwrap();
    other
        .execute_batch("PRAGMA page_size=8192; PRAGMA journal_mode=WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        .unwrap();
    std::fs::copy(at("other-wal"), at("test.db-wal")).unwrap();
    std::fs::copy(stopped.path().join("test.db"), at("test.db")).unwrap();
    drop(other);
    let files = || ["test.db", "test.db-wal"].map(|name| std::fs::read(at(name)).unwrap());
    let before = files();
    let (code, out, err) = run(serve(&at("test.db"), "127.0.0.1:0"));
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("is not a propstore database"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(files() == before);
}

#[test]
fn a_random_password_is_told_once() {
    let dir = Arc::new(tempdir().unwrap());
    let start = || {
        let mut command = serve(&dir.path().join("test.db"), "127.0.0.1:0");
        command.env_remove("PROPSTORE_ADMIN_PASSWORD");
        let told = dir.path().join("told");
        command.stdout(Stdio::from(std::fs::File::create(&told).unwrap()));
        let mut server = Server::spawn(command, Arc::clone(&dir));
        // It is told before anybody can sign in, and the address after that.
        server.get("/pages/home/properties").anonymous().gives(200);
        (std::fs::read_to_string(told).unwrap(), {
            server.signal("TERM");
            assert!(server.wait().success());
            server.log()
        })
    };
    let (told, log) = start();
    let says = "The password of admin is ";
    let password = told
        .split_once(says)
        .unwrap()
        .1
        .split_whitespace()
        .next()
        .unwrap();
    assert!(password.len() >= 20);
    assert!(!log.contains(password), "no password stands in the log");
    assert_eq!(told.matches(says).count(), 1);
    assert_eq!(told.matches(password).count(), 1, "{told}");
    let (again, _) = start();
    assert!(!again.contains(says), "{again}");
    let server = Server::on(dir, &[]);
    server
        .get("/site/properties")
        .user("admin", password)
        .gives(200);
    server.get("/site/properties").gives(401);
}

#[test]
fn a_later_start_keeps_the_password_of_the_account() {
    let first = Server::start();
    let dir = first.kill();
    for password in ["another", ""] {
        let mut command = serve(&dir.path().join("test.db"), "127.0.0.1:0");
        command
            .env("PROPSTORE_ADMIN_PASSWORD", password)
            .stdout(Stdio::null());
        let server = Server::spawn(command, Arc::clone(&dir));
        server.get("/site/properties").gives(200);
        server
            .get("/site/properties")
            .user("admin", "another")
            .gives(401);
    }
}

#[test]
fn the_password_is_neither_in_the_log_nor_in_the_database() {
    let mut server = Server::start();
    server.account("anna", "a very secret word", "Viewer");
    let token = server
        .get("/users/authenticate")
        .user("anna", "a very secret word")
        .gives(200);
    server.signal("TERM");
    server.wait();
    let db = std::fs::read(server.db()).unwrap();
    for secret in [PASSWORD, "a very secret word", token.text()] {
        assert!(!server.log().contains(secret));
        assert!(
            !db.windows(secret.len())
                .any(|window| window == secret.as_bytes())
        );
    }
}

#[test]
fn the_files_of_a_database_belong_to_their_owner_alone() {
    for umask in ["022", "000", "177"] {
        let dir = Arc::new(tempdir().unwrap());
        let mut command = Command::new("sh");
        let serve = "exec \"$0\" serve --listen 127.0.0.1:0 --db \"$1\"";
        command.args(["-c", &format!("umask {umask}; {serve}")]);
        command
            .arg(env!("CARGO_BIN_EXE_propstore"))
            .arg(dir.path().join("test.db"));
        command
            .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD)
            .stdout(Stdio::null());
        let server = Server::spawn(command, dir);
        server.property("/pages/home", "p", "v");
        for entry in std::fs::read_dir(server.dir().path()).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{umask} {}", path.display());
        }
        for suffix in ["", "-wal", "-shm"] {
            assert!(
                server
                    .dir()
                    .path()
                    .join(format!("test.db{suffix}"))
                    .exists()
            );
        }
    }
}

#[test]
fn an_empty_database_needs_less_than_two_mebibytes() {
    let server = Server::start();
    server.property("/pages/home", "p", "v");
    let bytes: usize = contents_of(server.dir().path())
        .iter()
        .map(|(_, bytes)| bytes.len())
        .sum();
    assert!(bytes < 2 << 20, "{bytes}");
}

/// A signal ends an idle server with 0, and leaves one file that has everything in it.
fn check_idle_end(signal: &str) {
    let mut server = Server::start();
    let _idle = server.connect();
    let mut kept_alive = server.connect();
    let put = server.put("/pages/home/properties/p").text("v");
    kept_alive.send(put.request()).is(200);
    server.signal(signal);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(kept_alive.is_closed());
    let names: Vec<String> = contents_of(server.dir().path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["test.db"]);
    let again = Server::on(server.dir(), &[]);
    assert_eq!(again.get("/pages/home/properties/p").gives(200).text(), "v");
}

/// A signal in the middle of a batch lets it finish, and lets nobody else in.
fn check_end_in_flight(signal: &str) {
    let mut server = Server::start();
    let document = "<properties><property name='p'><contents type='text/plain'>v</contents></property></properties>";
    let call = server.put("/pages/home/properties").xml(document);
    let request = call.request().clone().field("Expect", "100-continue");
    let mut connection = server.connect();
    connection.write(&request.head());
    // The server reads the body now, so the request is in flight.
    assert_eq!(connection.read_one("PUT").status, 100);
    let (half, rest) = document.as_bytes().split_at(40);
    connection.write(half);
    server.signal(signal);
    server.wait_for_log("finishing what is in flight");
    connection.write(rest);
    let answer = connection.read("PUT").is(200).xml();
    assert_eq!(answer.attr("count"), "1");
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    let again = Server::on(server.dir(), &[]);
    assert_eq!(again.get("/pages/home/properties/p").gives(200).text(), "v");
}

#[test]
fn sigterm_ends_an_idle_server_with_0() {
    check_idle_end("TERM");
}

#[test]
fn sigint_ends_an_idle_server_with_0() {
    check_idle_end("INT");
}

#[test]
fn sigterm_lets_the_batch_in_flight_finish() {
    check_end_in_flight("TERM");
}

#[test]
fn sigint_lets_the_batch_in_flight_finish() {
    check_end_in_flight("INT");
}

#[test]
fn what_is_still_in_flight_after_the_grace_is_cut_off() {
    let mut server = Server::with(&["--shutdown-grace-secs", "0"]);
    let call = server.put("/pages/home/properties").xml("<properties>");
    let request = call
        .request()
        .clone()
        .field("Content-Length", "99")
        .field("Expect", "100-continue");
    let mut connection = server.connect();
    connection.write(&request.head());
    assert_eq!(connection.read_one("PUT").status, 100);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(connection.is_closed());
}

#[test]
fn flags_can_be_given_by_the_environment_and_the_flag_wins() {
    let dir = Arc::new(tempdir().unwrap());
    let mut command = program(["serve", "--batch-changes-max", "2"]);
    command
        .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD)
        .env("PROPSTORE_DB", dir.path().join("test.db"))
        .env("PROPSTORE_LISTEN", "127.0.0.1:0")
        .env("PROPSTORE_PUBLIC_URL", "http://wiki.example")
        .env("PROPSTORE_PROPERTY_BYTES_MAX", "10")
        .env("PROPSTORE_BATCH_BYTES_MAX", "1000")
        .env("PROPSTORE_BATCH_CHANGES_MAX", "1")
        .stdout(Stdio::null());
    let server = Server::spawn(command, dir);
    assert!(server.db().exists());
    let list = server.get("/pages/home/properties").gives(200).xml();
    assert!(list.attr("href").starts_with("http://wiki.example/"));
    let put = |text: &str| {
        server
            .put("/pages/home/properties/p?abort=never")
            .text(text)
    };
    put(&"x".repeat(10)).gives(200);
    put(&"x".repeat(11)).gives(413);
    let batch = |count: usize| {
        let document = properties(0..count, |n| format!("<property name='n{n}'/>"));
        server.batch("/pages/home", document)
    };
    batch(2).is(207);
    batch(3).is(400);
    let big = format!("<properties>{}</properties>", " ".repeat(1000));
    server.batch("/pages/home", big).is(413);
    let item = "<property name='q'><contents type='text/plain'>01234567890</contents></property>";
    let refused = server
        .batch("/pages/home", format!("<properties>{item}</properties>"))
        .is(207)
        .xml();
    assert_eq!(refused.property("q").child("status").attr("code"), "400");
}

/// A database that was served once and is not served now.
fn stopped() -> Arc<TempDir> {
    let mut server = Server::start();
    server.signal("TERM");
    assert!(server.wait().success());
    server.dir()
}

/// A command on the database in a folder; `user` and others come before it, the rest behind.
fn on(dir: &TempDir, name: &str, arguments: &[&str]) -> Command {
    let mut command = program([name, "--db"]);
    command.arg(dir.path().join("test.db")).args(arguments);
    command
}

/// `user` with a password in the environment.
fn user(dir: &TempDir, password: &str, arguments: &[&str]) -> Command {
    let mut command = on(dir, "user", arguments);
    command.env("PROPSTORE_USER_PASSWORD", password);
    command
}

/// `user` with these bytes on the standard input.
fn user_with_input(dir: &TempDir, input: &[u8], arguments: &[&str]) -> Command {
    // Beside the database, so that the folder of the database stays as it was.
    let path = dir.path().with_extension("input");
    std::fs::write(&path, input).unwrap();
    let mut command = on(dir, "user", arguments);
    command.stdin(std::fs::File::open(&path).unwrap());
    std::fs::remove_file(path).unwrap();
    command
}

/// It works, says this one line, and nothing else.
fn check_done(command: Command, says: &str) {
    let (code, out, err) = run(command);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(out, format!("{says}\n"));
}

/// It fails with one line, and changes nothing: the rows of every table are what they were.
fn check_failed(dir: &TempDir, command: Command, says: &str) {
    let before = rows_of(dir);
    let (code, out, err) = run(command);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains(says), "{err}");
    assert_eq!(err.trim_end().lines().count(), 1, "{err}");
    assert_eq!(rows_of(dir), before, "{err}");
}

/// How many rows the tables of people and nodes have.
fn rows_of(dir: &TempDir) -> Vec<i64> {
    let db = Database::open(dir.path().join("test.db")).unwrap();
    let count = |table: &str| {
        let query = format!("SELECT count(*) FROM {table}");
        db.query_row(&query, [], |row| row.get(0)).unwrap()
    };
    ["account", "node", "enrollment", "log"].map(count).into()
}

/// What is answered to a GET with this name and password.
fn status(server: &Server, login: &str, password: &str, path: &str) -> u16 {
    let call = server.get(path).anonymous();
    let call = call.field("Authorization", basic(login, password));
    call.send().status
}

#[test]
fn people_and_spaces_are_made_in_a_stopped_database() {
    let dir = stopped();
    let details = [
        "tess",
        "--name",
        "Tess T.",
        "--email",
        "t@example.org",
        "--matric-no",
        "A1",
    ];
    check_done(user(&dir, "s3cret", &details), "user 3 tess");
    check_done(user(&dir, "other", &["mel"]), "user 4 mel");
    check_done(
        on(&dir, "space", &["Physics 1"]),
        "space 2 with the folder 3",
    );
    check_done(
        on(&dir, "enroll", &["2", "tess", "tutor"]),
        "tess is tutor of 2",
    );
    check_done(
        on(&dir, "enroll", &["2", "MEL", "tutor"]),
        "mel is tutor of 2",
    );
    check_done(
        on(&dir, "enroll", &["2", "mel", "member"]),
        "mel is member of 2",
    );
    let server = Server::on(Arc::clone(&dir), &[]);
    assert_eq!(status(&server, "tess", "s3cret", "/api/spaces/2"), 200);
    assert_eq!(status(&server, "mel", "other", "/api/spaces/2"), 200);
    assert_eq!(status(&server, "mel", "s3cret", "/api/spaces/2"), 401);
    let rename = |login: &str, password: &str| {
        let call = server.put("/api/folders/3").user(login, password);
        call.json(&serde_json::json!({"folder": {"name": "x"}}))
            .send()
            .status
    };
    assert_eq!(
        (rename("mel", "other"), rename("tess", "s3cret")),
        (403, 200)
    );
    let shown = server.get("/api/users/tess").gives(200).json();
    assert_eq!(
        (&shown["id"], &shown["name"]),
        (&3.into(), &"Tess T.".into())
    );
    let account = server
        .get("/users/3")
        .user("tess", "s3cret")
        .gives(200)
        .xml();
    assert_eq!(account.child("email").text, "t@example.org");
    assert_eq!(
        account.child("permissions.user").child("role").text,
        "Contributor"
    );
    let folders = server.get("/api/spaces/2/folders").gives(200).json();
    assert_eq!(
        (&folders[0]["id"], folders.as_array().unwrap().len()),
        (&3.into(), 1)
    );
    let space = server.get("/api/spaces/2").gives(200).json();
    assert_eq!(space["name"], "Physics 1");
    let db = Database::open(server.db()).unwrap();
    let number: String = db
        .query_row("SELECT matric_no FROM account WHERE id = 3", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(number, "A1");
}

#[test]
fn an_account_may_have_a_role_on_the_site() {
    let dir = stopped();
    for role in ["None", "viewer", "Contributor", "Manager", "ADMIN"] {
        let login = format!("a {role}");
        let (code, _, err) = run(user(&dir, "pw", &[&login, "--role", role]));
        assert_eq!(code, Some(0), "{err}");
    }
    assert_eq!(run(user(&dir, "pw", &["b", "--role", "boss"])).0, Some(2));
    let server = Server::on(dir, &[]);
    for (role, home, site) in [
        ("None", 403, 403),
        ("viewer", 200, 403),
        ("Contributor", 200, 403),
        ("Manager", 200, 403),
        ("ADMIN", 200, 200),
    ] {
        let login = format!("a {role}");
        let read = |path: &str| status(&server, &login, "pw", path);
        let told = (read("/pages/home/properties"), read("/site/properties"));
        assert_eq!(told, (home, site), "{role}");
    }
    assert_eq!(status(&server, "b", "pw", "/pages/home/properties"), 401);
}

#[test]
fn a_password_comes_from_the_environment_or_from_the_first_line_of_the_input() {
    let dir = stopped();
    for (login, input, password) in [
        ("a", &b"pass word\n"[..], "pass word"),
        ("b", b"pass\r\nsecond line\n", "pass"),
        ("c", b"no line end", "no line end"),
        ("d", b"  blanks count ", "  blanks count "),
        (
            "e",
            "p\u{e4}ss:w\u{f6}rd\n".as_bytes(),
            "p\u{e4}ss:w\u{f6}rd",
        ),
    ] {
        let (code, _, err) = run(user_with_input(&dir, input, &[login]));
        assert_eq!(code, Some(0), "{login}: {err}");
        // The environment comes first.
        let mut command = user_with_input(&dir, b"not this one\n", &[&format!("{login}2")]);
        command.env("PROPSTORE_USER_PASSWORD", password);
        assert_eq!(run(command).0, Some(0));
    }
    let server = Server::on(dir, &[]);
    for (login, password) in [
        ("a", "pass word"),
        ("b", "pass"),
        ("c", "no line end"),
        ("d", "  blanks count "),
        ("e", "p\u{e4}ss:w\u{f6}rd"),
    ] {
        assert_eq!(
            status(&server, login, password, "/api/users/a"),
            200,
            "{login}"
        );
        let login = format!("{login}2");
        assert_eq!(
            status(&server, &login, password, "/api/users/a"),
            200,
            "{login}"
        );
    }
}

#[test]
fn a_blank_password_is_refused() {
    let dir = stopped();
    for password in ["", "  ", "\t"] {
        check_failed(
            &dir,
            user(&dir, password, &["tess"]),
            "the password is blank",
        );
    }
    for input in [&b""[..], b"\n", b" \n", b"\r\nsecond\n"] {
        check_failed(
            &dir,
            user_with_input(&dir, input, &["tess"]),
            "PROPSTORE_USER_PASSWORD",
        );
    }
    let input = b"\xFF\xFE\n";
    check_failed(&dir, user_with_input(&dir, input, &["tess"]), "UTF-8");
}

#[test]
fn a_password_is_never_an_argument_and_never_shown() {
    let dir = stopped();
    for arguments in [
        &["tess", "--password", "s3cret"][..],
        &["tess", "--accountpassword=s3cret"],
        &["tess", "s3cret"],
        &["tess", "-p", "s3cret"],
    ] {
        let (code, out, err) = run(user(&dir, "pw", arguments));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    }
    for command in ["user", "space", "enroll", "serve"] {
        let (code, out, _) = run(program([command, "--help"]));
        assert_eq!(code, Some(0));
        assert!(
            !out.contains("--password") && !out.contains("<PASSWORD"),
            "{out}"
        );
    }
    let (_, out, err) = run(user(&dir, "a very secret word", &["tess"]));
    assert!(
        !out.contains("secret") && !err.contains("secret"),
        "{out}{err}"
    );
    for (_, bytes) in contents_of(dir.path()) {
        let secret = b"a very secret word";
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn a_login_that_cannot_be_is_refused() {
    let dir = stopped();
    assert_eq!(run(user(&dir, "pw", &["Tess"])).0, Some(0));
    let long = "x".repeat(256);
    for (login, says) in [
        ("", "login"),
        (" ", "login"),
        ("a:b", "login"),
        ("a\nb", "login"),
        (&*long, "login"),
        ("Tess", "Tess"),
        ("tESS", "tESS"),
        ("admin", "admin"),
    ] {
        check_failed(&dir, user(&dir, "pw", &[login]), says);
    }
}

#[test]
fn an_enrollment_of_what_is_not_there_is_refused() {
    let dir = stopped();
    check_done(user(&dir, "pw", &["tess"]), "user 3 tess");
    check_done(on(&dir, "space", &["S"]), "space 2 with the folder 3");
    let enroll = |arguments: [&str; 3]| on(&dir, "enroll", &arguments);
    check_failed(&dir, enroll(["2", "nemo", "tutor"]), "nemo");
    for no_space in ["1", "3", "999"] {
        check_failed(&dir, enroll([no_space, "tess", "tutor"]), "space");
    }
    for arguments in [
        ["2", "tess", "boss"],
        ["2", "tess", "owner"],
        ["2", "tess", "Tutor"],
        ["0", "tess", "tutor"],
        ["-2", "tess", "tutor"],
        ["x", "tess", "tutor"],
    ] {
        let (code, out, err) = run(enroll(arguments));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
    }
    let long = "x".repeat(501);
    for name in ["", " ", "a\nb", &long] {
        let (code, out, err) = run(on(&dir, "space", &[name]));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    }
    assert_eq!(rows_of(&dir)[1..3], [3, 0]);
}

#[test]
fn a_database_that_is_served_is_left_alone() {
    let server = Server::start();
    let dir = server.dir();
    for command in [
        user(&dir, "pw", &["tess"]),
        on(&dir, "space", &["S"]),
        on(&dir, "enroll", &["2", "admin", "tutor"]),
    ] {
        check_failed(&dir, command, "is served by another propstore");
    }
    // Nor does it hurt the one who serves it.
    server.property("/pages/home", "p", "v");
    assert_eq!(status(&server, "tess", "pw", "/api/users/tess"), 401);
}

#[test]
fn no_database_is_made_but_by_serving_it() {
    let dir = tempdir().unwrap();
    let commands = || {
        [
            user(&dir, "pw", &["tess"]),
            on(&dir, "space", &["S"]),
            on(&dir, "enroll", &["2", "tess", "tutor"]),
        ]
    };
    for command in commands() {
        check_refused(&dir, command, "there is no database");
    }
    // Nor of an empty file.
    std::fs::write(dir.path().join("test.db"), "").unwrap();
    for command in commands() {
        check_refused(&dir, command, "propstore serve");
    }
    std::fs::write(dir.path().join("test.db"), "hello\n".repeat(1000)).unwrap();
    for command in commands() {
        check_refused(&dir, command, "it is not an SQLite database");
    }
}

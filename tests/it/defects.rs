//! The known defects of the original server, in the order of `mindtouch.md` §18: each test does what a client did that
//! met the defect, and shows that here it does not happen.

use crate::harness::{
    API, Answer, Call, Node, Server, each, error_message, etag_parts, path_of, percent, properties,
};
use rusqlite::Connection as Database;
use rusqlite::types::Value;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Barrier;
use std::thread::{self, ScopedJoinHandle};

/// A text as a client writes it into an attribute in double quotes, or between two tags.
fn escaped(text: &str) -> String {
    each(text.chars(), |c| match c {
        '&' | '<' | '>' | '"' | '\t' | '\n' | '\r' => format!("&#{};", u32::from(c)),
        _ => c.to_string(),
    })
}

/// An item of a batch that gives a property this text, if it has this etag; the empty etag is none.
fn put(name: &str, etag: &str, text: &str) -> String {
    let (name, text) = (escaped(name), escaped(text));
    format!(
        "<property name=\"{name}\" etag=\"{etag}\"><contents type=\"text/plain\">{text}</contents></property>"
    )
}

/// An item of a batch that deletes a property, if it has this etag; the empty etag is none.
fn delete(name: &str, etag: &str) -> String {
    format!("<property name=\"{}\" etag=\"{etag}\"/>", escaped(name))
}

/// The path of a property: its name is encoded twice.
fn path(owner: &str, name: &str) -> String {
    let key = percent(percent(name.as_bytes()).as_bytes());
    format!("{owner}/properties/{key}")
}

/// The names, etags and texts of all properties of an owner.
type Shown = BTreeMap<String, (String, String)>;

fn shown(server: &Server, owner: &str) -> Shown {
    let list = server
        .get(format!("{owner}/properties?contentcutoff=4294967295"))
        .gives(200)
        .xml();
    let mut shown = Shown::new();
    for block in list.all("property") {
        let seen = (
            block.attr("etag").to_owned(),
            block.child("contents").text.clone(),
        );
        let twice = shown.insert(block.attr("name").to_owned(), seen);
        assert_eq!(twice, None, "{} is there twice", block.attr("name"));
    }
    assert_eq!(list.attr("count"), shown.len().to_string());
    shown
}

/// The items of a batch came to this, in the order of the answer, whose form is checked.
fn check<N: AsRef<str>>(answer: &Answer, expected: &[(N, u16)]) {
    let list = answer.xml();
    let mut told = Vec::new();
    for block in list.all("property") {
        let status = block.child("status");
        let code: u16 = status.attr("code").parse().unwrap();
        assert_eq!(status.text, "");
        if code == 200 {
            assert_eq!(status.children, []);
        } else {
            assert_eq!(block.names(), ["status"]);
            assert_eq!(status.names(), ["error"]);
            error_message(status.child("error"), code);
        }
        told.push((block.attr("name"), code));
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|(n, code)| (n.as_ref(), *code))
        .collect();
    assert_eq!(told, expected);
    let done = told.iter().filter(|(_, code)| *code == 200).count();
    assert_eq!(list.attr("count"), done.to_string());
    assert_eq!(answer.status, if done == told.len() { 200 } else { 207 });
}

/// The items of a batch, sent to this owner, come to this.
fn send<N: AsRef<str>>(server: &Server, owner: &str, items: &str, expected: &[(N, u16)]) -> Answer {
    let answer = server.batch(owner, format!("<properties>{items}</properties>"));
    check(&answer, expected);
    answer
}

/// All of these names with one status.
fn all<N: Copy>(names: &[N], status: u16) -> Vec<(N, u16)> {
    names.iter().map(|&name| (name, status)).collect()
}

/// A connection of our own to the database of a running server.
fn database(server: &Server) -> Database {
    Database::open(server.db()).unwrap()
}

/// All rows of all tables.
fn dump(db: &Database) -> BTreeMap<String, Vec<Vec<Value>>> {
    let mut tables = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap();
    let names = tables.query_map([], |row| row.get(0)).unwrap();
    let rows_of = |table: &String| {
        let mut rows = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = rows.column_count();
        let rows = rows
            .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())
            .unwrap();
        rows.map(Result::unwrap).collect()
    };
    names
        .map(|name| name.unwrap())
        .map(|name: String| (name.clone(), rows_of(&name)))
        .collect()
}

fn count(db: &Database, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Lets every statement fail that does this, until the trigger `scratch` is dropped.
fn scratch(db: &Database, statement: &str) {
    db.execute_batch(&format!(
        "CREATE TRIGGER scratch BEFORE {statement} BEGIN SELECT RAISE(ABORT, 'a scratch at /dev/sda1'); END"
    ))
    .unwrap();
}

fn mend(db: &Database) {
    db.execute_batch("DROP TRIGGER scratch").unwrap();
}

/// A call that fails because of the database changes nothing at all.
fn check_undone(db: &Database, owner: &str, server: &Server, call: &Call<'_>) {
    let before = (shown(server, owner), dump(db));
    let answer = call.breaks(500);
    assert!(answer.message().starts_with("internal error"));
    assert_eq!(shown(server, owner), before.0);
    assert!(dump(db) == before.1, "something is left of it");
}

/// Defect 1 of mindtouch.md §18: a batch that fails late leaves half of it applied.
#[test]
fn a_batch_that_fails_late_leaves_nothing_half_done() {
    let server = Server::start();
    let file = server.file("f");
    let db = database(&server);
    // Of some bytes each up to many, so that they lie in many rows, and the longest outside of them.
    let name = |n: usize| format!("p{n:03}");
    let text = |n: usize| "x".repeat(n * 60);
    server
        .batch(&file, properties(0..120, |n| put(&name(n), "", &text(n))))
        .is(200);
    assert!(count(&db, "SELECT count(*) FROM heads") > 10);
    assert!(count(&db, "SELECT count(*) FROM chunk") > 10);
    let old = shown(&server, &file);
    let document = properties(0..160, |n| match n {
        0..80 => put(&name(n), &old[&name(n)].0, &text(n + 20)),
        80..110 => delete(&name(n), ""),
        _ => put(&name(n + 50), "", &text(n)),
    });
    let batch = server.put(format!("{file}/properties")).xml(document);
    // The last row that is changed, what is written behind all rows, and last of all the ids that were taken.
    for statement in [
        "UPDATE ON heads WHEN NEW.first = (SELECT max(first) FROM heads)",
        "INSERT ON log",
        "UPDATE ON sequence WHEN NEW.kind = 'property'",
    ] {
        scratch(&db, statement);
        check_undone(&db, &file, &server, &batch);
        mend(&db);
    }
    // The same batch is still good, whole.
    assert_eq!(batch.gives(200).xml().attr("count"), "160");
    let new = shown(&server, &file);
    assert_eq!(new.len(), 120 - 30 + 50);
    for n in 0..80 {
        let (etag, value) = &new[&name(n)];
        assert_eq!((etag_parts(etag).1, value), (2, &text(n + 20)));
    }
}

/// Defect 1 of mindtouch.md §18, from the side of a client that tries again.
#[test]
fn a_batch_that_meets_a_lock_changes_nothing_and_may_be_sent_again() {
    let server = Server::start();
    let file = server.file("f");
    let etag = server.property(&file, "old", "1");
    let before = shown(&server, &file);
    let document = [put("new", "", "2"), put("old", &etag, "2")].concat();
    let document = format!("<properties>{document}</properties>");
    let batch = server.put(format!("{file}/properties")).xml(document);
    let lock = database(&server);
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let tables = dump(&lock);
    thread::scope(|scope| {
        let refused = scope.spawn(|| batch.breaks(503));
        // Who reads is not kept waiting.
        assert_eq!(shown(&server, &file), before);
        let refused = refused.join().unwrap();
        assert_eq!(refused.field("retry-after"), Some("1"));
        assert!(refused.message().contains("try again"));
    });
    assert_eq!(shown(&server, &file), before);
    lock.execute_batch("ROLLBACK").unwrap();
    assert!(dump(&lock) == tables, "something is left of it");
    check(&batch.gives(200), &[("new", 200), ("old", 200)]);
    check(&batch.gives(207), &[("new", 409), ("old", 409)]);
}

/// Defect 2 of mindtouch.md §18: racing creators make two properties of one name.
#[test]
fn of_rivals_that_create_a_name_in_every_way_one_does() {
    const RIVALS: usize = 12;
    let server = Server::start();
    let file = server.file("f");
    let together = Barrier::new(RIVALS);
    for round in 0..8 {
        let name = format!("r{round}");
        let created = |rival: usize| {
            let text = rival.to_string();
            let properties = format!("{file}/properties");
            let call = match rival % 4 {
                0 => server.post(properties).field("Slug", &name).text(&text),
                1 => server
                    .put(format!("{properties}/{name}?abort=exists"))
                    .text(&text),
                2 => server
                    .put(format!("{properties}/{name}?abort=never"))
                    .field("If-None-Match", "*")
                    .text(&text),
                _ => server.put(properties).xml(format!(
                    "<properties>{}</properties>",
                    put(&name, "", &text)
                )),
            };
            together.wait();
            let answer = call.send();
            match (rival % 4, answer.status) {
                (_, 200) => Some(text),
                (0 | 1, 409) | (2, 412) => None,
                (3, 207) => {
                    check(&answer, &[(&name, 409)]);
                    None
                }
                (way, status) => panic!("{way}: {status}"),
            }
        };
        let winners: Vec<String> = thread::scope(|scope| {
            let rivals: Vec<_> = (0..RIVALS)
                .map(|rival| scope.spawn(move || created(rival)))
                .collect();
            let ended = rivals.into_iter().map(|rival| rival.join().unwrap());
            ended.flatten().collect()
        });
        let [winner] = &winners[..] else {
            panic!("{winners:?} have all created {name}")
        };
        let (etag, text) = &shown(&server, &file)[&name];
        assert_eq!((etag_parts(etag).1, text), (1, winner));
    }
    // Nor was one made for a moment.
    let db = database(&server);
    assert_eq!(count(&db, "SELECT count(*) FROM property_revision"), 8);
}

/// Defect 3 of mindtouch.md §18: who loses a race inside of a batch loses the whole batch.
#[test]
fn a_race_that_is_lost_inside_of_a_batch_costs_that_property_alone() {
    const RIVALS: usize = 8;
    const ROUNDS: usize = 10;
    let server = Server::start();
    let file = server.file("f");
    server.property(&file, "shared", "first");
    let together = Barrier::new(RIVALS);
    for round in 0..ROUNDS {
        let etag = &shown(&server, &file)["shared"].0;
        let own = |rival: usize| [format!("a{rival}.{round}"), format!("z{rival}.{round}")];
        let ask = |rival: usize| {
            let [first, last] = own(rival).map(|name| put(&name, "", "own"));
            let shared = put("shared", etag, &rival.to_string());
            let document = format!("<properties>{first}{shared}{last}</properties>");
            together.wait();
            server.batch(&file, document)
        };
        let answers: Vec<Answer> = thread::scope(|scope| {
            let rivals: Vec<_> = (0..RIVALS)
                .map(|rival| scope.spawn(move || ask(rival)))
                .collect();
            let ended = rivals.into_iter().map(|rival| rival.join().unwrap());
            ended.collect()
        });
        let mut winners = Vec::new();
        for (rival, answer) in answers.iter().enumerate() {
            let [first, last] = &own(rival);
            if answer.status == 200 {
                check(answer, &all(&[&**first, "shared", last], 200));
                winners.push(rival.to_string());
            } else {
                check(answer, &[(&**first, 200), (last, 200), ("shared", 409)]);
            }
        }
        assert_eq!(winners, [shown(&server, &file)["shared"].1.clone()]);
    }
    let all = shown(&server, &file);
    assert_eq!(all.len(), 1 + 2 * RIVALS * ROUNDS);
    let revision = i64::try_from(ROUNDS).unwrap() + 1;
    assert_eq!(etag_parts(&all["shared"].0).1, revision);
}

/// Defect 4 of mindtouch.md §18: a name with an apostrophe fails the request when everything has been written.
#[test]
fn a_name_that_would_break_a_query_gets_its_own_status() {
    let names = [
        "it's",
        "say \"hi\"",
        "it's \"both\"",
        "')]|//*[('",
        "x' or '1'='1",
        "concat('a', \"b\")",
        "a]]>b",
        "<b>&amp;</b>",
        "{0} %s $1 \\",
    ];
    let server = Server::start();
    let file = server.file("f");
    let old = each(names, |name| put(name, "", "old"));
    send(&server, &file, &old, &all(&names, 200));
    let before = shown(&server, &file);
    // Of each a neighbour that is created, one that is stale, and one that is not there.
    let (new, gone) = (|name| format!("{name}+"), |name| format!("{name}-"));
    let items = each(names, |name| {
        [
            delete(&gone(name), ""),
            put(name, "1.r9", "lost"),
            put(&new(name), "", "new"),
        ]
        .concat()
    });
    let mut expected: Vec<_> = names.map(|name| (new(name), 200)).into();
    for name in names {
        expected.extend([(gone(name), 400), (name.to_owned(), 409)]);
    }
    let told = send(&server, &file, &items, &expected).xml();
    for name in names {
        let block = told.property(&gone(name));
        let message = error_message(block.child("status").child("error"), 400);
        assert_eq!(
            message,
            format!("The property '{name}-' does not exist and cannot be deleted.")
        );
    }
    let mut after = shown(&server, &file);
    for name in names {
        assert_eq!(after.remove(&new(name)).unwrap().1, "new");
    }
    assert_eq!(after, before);
    // Each is deleted by the etag that the list shows, and by nothing else.
    let items = each(names, |name| delete(name, &before[name].0));
    send(&server, &file, &items, &all(&names, 200));
}

/// Defect 5 of mindtouch.md §18: `*` in a key or a Slug reads, overwrites or deletes the first property there is.
#[test]
fn a_wildcard_reaches_only_the_property_that_is_called_so() {
    let server = Server::start();
    let file = server.file("f");
    let wild = ["*", "a*", "*b", "%", "a%", "_", "a_"];
    let tame = ["a", "ab", "b"];
    let items = each(tame, |name| put(name, "", name));
    send(&server, &file, &items, &all(&tame, 200));
    let tame = shown(&server, &file);
    let with = |name: &str, seen: &(String, String)| {
        let mut all = tame.clone();
        all.insert(name.to_owned(), seen.clone());
        all
    };
    for name in wild {
        let path = path(&file, name);
        server.get(&path).gives(404);
        server.get(format!("{path}/info")).gives(404);
        server.delete(&path).gives(404);
        let put_it = server.put(&path).text("w");
        put_it.clone().field("If-Match", "*").gives(412);
        send(&server, &file, &delete(name, ""), &[(name, 400)]);
        assert_eq!(shown(&server, &file), tame, "{name}");
        // Once it is there, it is what is meant.
        let post = server.post(format!("{file}/properties"));
        let post = post.field("Slug", percent(name.as_bytes())).text("v");
        let etag = post.gives(200).xml().attr("etag").to_owned();
        post.gives(409);
        let seen = (etag, "v".to_owned());
        assert_eq!(shown(&server, &file), with(name, &seen));
        let etag = put_it.field("ETag", &seen.0).gives(200).xml();
        let seen = (etag.attr("etag").to_owned(), "w".to_owned());
        assert_eq!(shown(&server, &file), with(name, &seen));
        assert_eq!(server.get(&path).gives(200).text(), "w");
        server.delete(&path).gives(200);
        assert_eq!(shown(&server, &file), tame, "{name}");
    }
}

/// Defect 6 of mindtouch.md §18: the database folds case, accents and trailing spaces, and cuts names.
#[test]
fn names_that_a_database_would_take_for_one_live_side_by_side() {
    let long = "n".repeat(254);
    let (long_a, long_b) = (format!("{long}a"), format!("{long}b"));
    let written = "a|A|a |a  | a|a\t|a\n|a\u{a0}|a\u{200b}|\u{ff21}|á|Á|a\u{301}|å|\u{212b}|strasse|STRASSE|straße";
    let mut names: Vec<&str> = written.split('|').collect();
    names.extend(["i", "I", "ı", "İ", "𝒳", "𝒳1", "𝒳2", "1", "01", "1.0"]);
    names.extend([&*long, &*long_a, &*long_b]);
    let server = Server::start();
    let file = server.file("f");
    let items = each(&names, |name| put(name, "", name));
    send(&server, &file, &items, &all(&names, 200));
    // A batch and a single write agree on what is there.
    send(&server, &file, &items, &all(&names, 409));
    let mut expected = shown(&server, &file);
    assert_eq!(expected.len(), names.len());
    for (n, name) in names.into_iter().enumerate() {
        let path = path(&file, name);
        assert_eq!(server.get(&path).gives(200).text(), name);
        let post = server.post(format!("{file}/properties"));
        let post = post.field("Slug", percent(name.as_bytes()));
        post.text("lost").gives(409);
        let seen = expected.get_mut(name).unwrap();
        let put = server.put(&path).field("ETag", &seen.0).text("new");
        *seen = (
            put.gives(200).xml().attr("etag").to_owned(),
            "new".to_owned(),
        );
        assert_eq!(shown(&server, &file), expected, "{name:?}");
        if n % 2 == 0 {
            server.delete(&path).gives(200);
        } else {
            send(&server, &file, &delete(name, ""), &[(name, 200)]);
        }
        expected.remove(name);
        assert_eq!(shown(&server, &file), expected, "{name:?}");
    }
}

/// Defect 6 of mindtouch.md §18: a name that is too long or has control characters is cut to that of another property.
#[test]
fn a_name_that_cannot_be_kept_is_refused_and_not_cut() {
    let server = Server::start();
    let file = server.file("f");
    let (long, wide) = ("n".repeat(255), "𝒳".repeat(255));
    let kept = [&*long, &*wide, "n"];
    let items = each(kept, |name| put(name, "", "old"));
    send(&server, &file, &items, &all(&kept, 200));
    let before = shown(&server, &file);
    let (longer, wider) = (format!("{long}!"), format!("{wide}!"));
    // A batch goes on with what is good in it.
    let bad = ["", &*longer, &*wider];
    let items = each(bad, |name| put(name, "", "lost"));
    send(&server, &file, &items, &all(&bad, 400));
    let items = [
        delete(&longer, ""),
        put("n ", "", "new"),
        delete(&wider, ""),
    ];
    let expected = [("n ", 200), (&*longer, 400), (&*wider, 400)];
    send(&server, &file, &items.concat(), &expected);
    server.delete(path(&file, "n ")).gives(200);
    for name in [&*longer, &*wider, "n\0", "n\u{1}x", "n\u{1b}", "n\u{fffe}"] {
        let path = path(&file, name);
        server
            .put(format!("{path}?abort=never"))
            .text("lost")
            .gives(400);
        server.get(&path).gives(400);
        server.delete(&path).gives(400);
        let post = server.post(format!("{file}/properties?abort=never"));
        let post = post.field("Slug", percent(name.as_bytes()));
        post.text("lost").gives(400);
    }
    for reference in ["&#0;", "&#1;", "&#xFFFE;", "\u{1}", "&#xD800;"] {
        let item = put("n#", "", "lost").replace("n#", &format!("n{reference}"));
        server
            .batch(&file, format!("<properties>{item}</properties>"))
            .is(400);
    }
    assert_eq!(shown(&server, &file), before);
}

/// Defect 7 of mindtouch.md §18: text without a charset is taken for ASCII, and what is not becomes `?`.
#[test]
fn text_without_a_charset_keeps_every_character() {
    let server = Server::start();
    let text = "naïve café, Ελλάδα, 日本, 𝒳😀, ±½ “?”";
    for media_type in ["text/plain", "text/html", "text/css", "text/x-odd; a=b"] {
        let file = server.new_file();
        let item = put("batch", "", text).replace("text/plain", media_type);
        send(&server, &file, &item, &[("batch", 200)]);
        let post = server.post(format!("{file}/properties"));
        let post = post.field("Slug", "post").typed(media_type, text);
        post.gives(200);
        let put = server.put(format!("{file}/properties/put"));
        let told = put.typed(media_type, text).gives(200).xml();
        assert_eq!(told.child("contents").text, text);
        for (name, (_, shown)) in shown(&server, &file) {
            assert_eq!(shown, text, "{media_type} by {name}");
            let value = server.get(path(&file, &name)).gives(200);
            assert_eq!(value.text(), text, "{media_type} by {name}");
            assert_eq!(value.field("content-type"), Some(media_type));
        }
    }
    // Who says ASCII is told what does not fit, and nothing is put in its place.
    let file = server.new_file();
    let item = put("p", "", text).replace("text/plain", "text/plain; charset=us-ascii");
    send(&server, &file, &item, &[("p", 400)]);
    assert_eq!(shown(&server, &file), Shown::new());
}

/// Defect 8 of mindtouch.md §18: CDATA is stored with its markers, and text with a comment in it is stored escaped.
#[test]
fn how_a_text_was_written_is_not_a_part_of_it() {
    let server = Server::start();
    let file = server.file("f");
    let text = "if (a < b && c[d[0]]> 1) { x = \"<b>\"; }";
    let cdata = format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"));
    let with_comment = escaped(text).replace("if", "<!-- if & only if -->if<!-- -->");
    let mut etag = String::new();
    // Read and written back again and again, it stays what it is.
    for written in [&cdata, &with_comment, &escaped(text), &cdata] {
        let item = put("p", &etag, "TEXT").replace("TEXT", written);
        let told = send(&server, &file, &item, &[("p", 200)]).xml();
        let contents = told.property("p").child("contents");
        assert_eq!(contents.text, text);
        assert_eq!(contents.attr("size"), text.len().to_string());
        let value = server.get(path(&file, "p")).gives(200);
        assert_eq!(value.text(), text, "{written}");
        let seen = &shown(&server, &file)["p"];
        assert_eq!(seen.1, text);
        etag.clone_from(&seen.0);
    }
}

/// Defect 9 of mindtouch.md §18: what the client did wrong is answered with 500.
#[test]
fn a_mistake_of_the_client_is_not_an_error_of_the_server() {
    let server = Server::start();
    let file = server.file("f");
    let good = properties(["n"], |name| put(name, "", "v"));
    let list = format!("{file}/properties");
    let batch = || server.put(&list);
    let one = |query: &str| server.put(format!("{list}/n{query}"));
    let post = |query: &str| server.post(format!("{list}{query}")).text("v");
    let mut connection = server.connect();
    for (call, status) in [
        (batch().xml(&good[..good.len() - 1]), 400),
        (batch().xml(good.replace("</contents>", "")), 400),
        (batch().xml(good.replace("\"n\"", "n")), 400),
        (batch().xml(good.replace('v', "a & b")), 400),
        (batch().xml(good.replace('v', "&eacute;")), 400),
        (batch().xml("name=n&value=v"), 400),
        (batch().xml(""), 400),
        (batch().xml([good.as_bytes(), b"\xE9"].concat()), 400),
        (batch().typed("application/xml; charset=x", &good), 400),
        (batch().body(&good), 415),
        (batch().text(&good), 415),
        (batch().typed("xml", &good), 415),
        (one("?abort=always").text("v"), 400),
        (one("?abort=").text("v"), 400),
        (post("?abort=maybe").field("Slug", "n"), 400),
        (post(""), 400),
        (one("").typed("no type", "v"), 400),
        (server.get(format!("{list}?contentcutoff=many")), 400),
    ] {
        let answer = connection.send(call.request()).is(status);
        assert!(!answer.message().is_empty());
    }
    assert_eq!(shown(&server, &file), Shown::new());
    // The same connection goes on.
    let answer = connection.send(batch().xml(&good).request());
    check(&answer, &[("n", 200)]);
}

/// Defect 10 of mindtouch.md §18: a wrong root or namespace is a success with 0 changes.
#[test]
fn a_document_that_is_no_batch_is_not_a_success() {
    let server = Server::start();
    let file = server.file("f");
    let good = properties(["p"], |name| put(name, "", "v"));
    let item = put("p", "", "v");
    for (document, hint) in [
        (good.replace("properties", "Properties"), "<properties>"),
        (good.replace("properties", "property"), "<properties>"),
        (format!("<page>{good}</page>"), "<properties>"),
        (item.clone(), "<properties>"),
        (
            good.replace("<properties", "<properties xmlns='urn:x'"),
            "xmlns",
        ),
        (
            good.replace("<property ", "<property xmlns='urn:x' "),
            "xmlns",
        ),
        (
            good.replace("<contents ", "<contents xmlns='urn:x' "),
            "xmlns",
        ),
        (
            format!("<p:properties xmlns:p='urn:x'>{item}</p:properties>"),
            "<properties>",
        ),
    ] {
        let message = server.batch(&file, &document).is(400).message();
        assert!(message.contains(hint), "{document}: {message}");
    }
    // What the original turned into a document of another kind.
    for media_type in ["application/x-www-form-urlencoded", "text/html"] {
        let call = server.put(format!("{file}/properties"));
        call.typed(media_type, &good).gives(415);
    }
    assert_eq!(shown(&server, &file), Shown::new());
    send(&server, &file, &item, &[("p", 200)]);
}

/// Defect 11 of mindtouch.md §18: who saw an old revision deletes what somebody else has changed.
#[test]
fn a_stale_client_deletes_nothing() {
    let server = Server::start();
    let file = server.file("f");
    let seen = server.property(&file, "p", "seen by both");
    let path = path(&file, "p");
    let changed = server.put(&path).field("ETag", &seen).text("by another");
    let etag = changed.gives(200).xml().attr("etag").to_owned();
    let now = shown(&server, &file);
    send(&server, &file, &delete("p", &seen), &[("p", 409)]);
    server.delete(&path).field("ETag", &seen).gives(409);
    server.delete(format!("{path}?etag={seen}")).gives(409);
    let quoted = format!("\"{seen}\"");
    server.delete(&path).field("If-Match", quoted).gives(412);
    assert_eq!(shown(&server, &file), now);
    send(&server, &file, &delete("p", &etag), &[("p", 200)]);
}

/// Defect 11 of mindtouch.md §18: who saw a property that was deleted since brings it back.
#[test]
fn a_stale_client_brings_nothing_back() {
    let server = Server::start();
    let file = server.file("f");
    let seen = server.property(&file, "p", "the same");
    let path = path(&file, "p");
    let answer = send(&server, &file, &delete("p", &seen), &[("p", 200)]).xml();
    let deleted = answer.property("p").attr("etag").to_owned();
    // Neither the last etag that it had nor that of its deletion is one of nothing.
    for etag in [&seen, &deleted] {
        send(&server, &file, &put("p", etag, "again"), &[("p", 409)]);
        let put = server.put(&path).text("again");
        put.clone().field("ETag", etag).gives(409);
        put.field("If-Match", format!("\"{etag}\"")).gives(412);
        let post = server.post(format!("{file}/properties?abort=modified"));
        let post = post.field("Slug", "p").field("ETag", etag);
        post.text("again").gives(409);
    }
    assert_eq!(shown(&server, &file), Shown::new());
    // Nor are they those of a new property of this name, however equal.
    server.property(&file, "p", "the same");
    let now = shown(&server, &file);
    for etag in [&seen, &deleted] {
        for item in [put("p", etag, "again"), delete("p", etag)] {
            send(&server, &file, &item, &[("p", 409)]);
        }
    }
    assert_eq!(shown(&server, &file), now);
}

/// Defect 12 of mindtouch.md §18: a batch without `<language>` resets the language of the page.
#[test]
fn a_batch_that_says_no_language_leaves_that_of_the_page() {
    let server = Server::start();
    let home = "/pages/home";
    let language = || {
        let list = server.get(format!("{home}/properties")).gives(200).xml();
        list.child("language").text.clone()
    };
    send::<&str>(&server, home, "<language>pt-br</language>", &[]);
    assert_eq!(language(), "pt-br");
    for (items, expected) in [
        (put("p", "", "v"), &[("p", 200)][..]),
        (put("p", "", "stale"), &[("p", 409)]),
        (delete("none", ""), &[("none", 400)]),
        (delete("p", ""), &[("p", 200)]),
        (put("q", "", "<language>de</language>"), &[("q", 200)]),
        ("<x><language>de</language></x>".to_owned(), &[]),
        ("<language/>".to_owned(), &[]),
        (String::new(), &[]),
    ] {
        send(&server, home, &items, expected);
        assert_eq!(language(), "pt-br", "{items}");
    }
    server.property(home, "s", "v");
    server.delete(path(home, "s")).gives(200);
    assert_eq!(language(), "pt-br");
    let changes =
        "SELECT count(*) FROM log, json_each(changes) AS each WHERE each.value ->> 0 = 'language'";
    assert_eq!(count(&database(&server), changes), 1);
}

/// Defect 13 of mindtouch.md §18: anybody can write the properties of the anonymous user.
#[test]
fn nobody_in_particular_owns_no_properties() {
    let server = Server::start();
    let document = properties(["p"], |name| put(name, "", "v"));
    for owner in ["/users/current", "/users/2", "/users/=Anonymous"] {
        let all = format!("{owner}/properties");
        for call in [
            server.put(&all).xml(&document),
            server.post(&all).field("Slug", "p").text("v"),
            server
                .post(format!("{all}?dream.in.verb=PUT"))
                .xml(&document),
            server.put(path(owner, "p")).text("v"),
            server
                .put(format!("{}?abort=never", path(owner, "p")))
                .text("v"),
            server.delete(path(owner, "p")),
            server.get(&all),
        ] {
            for call in [call.clone(), call.field("X-Authtoken", "2_0_0")] {
                let answer = call.anonymous().gives(401);
                assert!(answer.field("www-authenticate").is_some());
            }
        }
    }
    assert_eq!(shown(&server, "/users/2"), Shown::new());
    // Who signs in has some, which are not those of the next one.
    server.account("vera", "pw", "Viewer");
    let own = || server.put("/users/current/properties");
    let answer = own().xml(&document).user("vera", "pw").gives(200);
    check(&answer, &[("p", 200)]);
    assert_eq!(shown(&server, "/users/current"), Shown::new());
}

/// Defect 14 of mindtouch.md §18: descriptions, types and contents are cut where the columns of the database end.
#[test]
fn what_is_kept_is_kept_to_its_end() {
    let server = Server::start();
    let file = server.file("f");
    let db = database(&server);
    let info = |name: &str| {
        let info = server.get(format!("{}/info", path(&file, name)));
        info.gives(200).xml()
    };
    // One more than what columns of this kind hold, and an end that shows whether it is there.
    for chars in [256, 1025, 4096] {
        let description = format!("{}𝒳!", "é".repeat(chars - 2));
        let name = format!("d{chars}");
        let item = put(&name, "", "v").replace(
            "</property>",
            &format!("<description>{description}</description></property>"),
        );
        send(&server, &file, &item, &[(&name, 200)]);
        assert_eq!(info(&name).child("change-description").text, description);
        let query = percent(description.as_bytes());
        let query = format!("{}?abort=never&description={query}", path(&file, &name));
        server.put(query).text("w").gives(200);
        assert_eq!(info(&name).child("change-description").text, description);
        let kept = format!(
            "SELECT count(*) FROM property_revision WHERE name = '{name}' AND description = '{description}'"
        );
        assert_eq!(count(&db, &kept), 2);
    }
    let media_type = format!("text/{}", "x".repeat(250));
    let item = put("type", "", "v").replace("text/plain", &media_type);
    send(&server, &file, &item, &[("type", 200)]);
    assert_eq!(info("type").child("contents").attr("type"), media_type);
    let longer = put("type", &shown(&server, &file)["type"].0, "w");
    let longer = longer.replace("text/plain", &format!("{media_type}y"));
    send(&server, &file, &longer, &[("type", 400)]);
    assert_eq!(info("type").child("contents").attr("type"), media_type);
    for bytes in [256, 4097, 65_536, 262_145, 1_048_577] {
        let text = format!("{}!", "é".repeat(bytes / 2));
        let name = format!("c{bytes}");
        send(&server, &file, &put(&name, "", &text), &[(&name, 200)]);
        assert!(server.get(path(&file, &name)).gives(200).text() == text);
        let size = text.len().to_string();
        assert_eq!(info(&name).child("contents").attr("size"), size);
        assert!(shown(&server, &file)[&name].1 == text);
    }
}

/// Defect 15 of mindtouch.md §18: that a property is deleted is told before it is done, and also if it fails.
#[test]
fn a_deletion_that_fails_or_is_refused_is_not_told() {
    let server = Server::start();
    let file = server.file("f");
    let etag = server.property(&file, "p", "v");
    server.property(&file, "q", "v");
    let db = database(&server);
    let document = properties(["p"], |name| delete(name, &etag));
    let calls = [
        server.put(format!("{file}/properties")).xml(document),
        server.delete(path(&file, "p")),
    ];
    for statement in ["UPDATE ON heads", "INSERT ON log"] {
        scratch(&db, statement);
        for call in &calls {
            check_undone(&db, &file, &server, call);
        }
        mend(&db);
    }
    let tables = dump(&db);
    send(&server, &file, &delete("p", "1.r9"), &[("p", 409)]);
    server
        .delete(path(&file, "p"))
        .field("ETag", "x")
        .gives(409);
    server.delete(path(&file, "none")).gives(404);
    assert!(dump(&db) == tables, "something is told");
    // Done once, it is told once.
    send(&server, &file, &delete("p", &etag), &[("p", 200)]);
    server.delete(path(&file, "p")).gives(404);
    let told = "SELECT count(*) FROM property_revision WHERE name = 'p' AND deleted";
    assert_eq!(count(&db, told), 1);
}

/// Defect 15 of mindtouch.md §18, from the side of one who follows the log while others delete.
#[test]
fn a_deletion_is_told_in_the_moment_in_which_it_is_done() {
    const WRITERS: i64 = 4;
    const EACH: i64 = 40;
    let server = Server::start();
    let files: Vec<String> = (0..WRITERS).map(|_| server.new_file()).collect();
    for file in &files {
        let document = properties(0..EACH, |n| put(&n.to_string(), "", "v"));
        server.batch(file, document).is(200);
    }
    let db = database(&server);
    let told_and_there = || -> (i64, i64) {
        let sql = "
            SELECT (SELECT count(*) FROM log, json_each(changes) AS each WHERE each.value ->> 0 = 'delete'),
                   (SELECT count(*) FROM property)";
        db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    };
    let together = Barrier::new(files.len() + 1);
    thread::scope(|scope| {
        let ask = |file: &str| {
            together.wait();
            for n in 0..EACH {
                server.delete(path(file, &n.to_string())).gives(200);
            }
        };
        let writers: Vec<_> = files
            .iter()
            .map(|file| scope.spawn(move || ask(file)))
            .collect();
        together.wait();
        let mut looks = 0;
        while !writers.iter().all(ScopedJoinHandle::is_finished) {
            looks += 1;
            let (told, there) = told_and_there();
            assert_eq!(told + there, WRITERS * EACH);
        }
        assert!(looks > 0);
    });
    assert_eq!(told_and_there(), (WRITERS * EACH, 0));
}

/// Defect 16 of mindtouch.md §18: a parameter called `filename` turns a request about a page into one about a file.
#[test]
fn no_parameter_leads_to_another_owner() {
    let server = Server::start();
    let (file, home) = (server.file("f.txt"), "/pages/home");
    let vera = server.account("vera", "pw", "Viewer").xml();
    let vera = vera.attr("id");
    server.property(&file, "p", "of the file");
    let kept = shown(&server, &file);
    for parameter in [
        "filename=f.txt".to_owned(),
        "filename=%3Df.txt".to_owned(),
        "filename=%253Df.txt".to_owned(),
        format!("fileid={}", file.trim_start_matches("/files/")),
        format!("userid={vera}"),
        "pageid=99".to_owned(),
    ] {
        let all = format!("{home}/properties?{parameter}");
        let one = format!("{home}/properties/p?{parameter}");
        server.get(&one).gives(404);
        server.delete(&one).gives(404);
        let document = properties(["p"], |name| put(name, "", "of the page"));
        let answer = server.put(&all).xml(document).gives(200);
        check(&answer, &[("p", 200)]);
        let href = answer.xml().attr("href").to_owned();
        assert_eq!(path_of(&href), format!("{API}/pages/1/properties"));
        let list = server.get(&all).gives(200).xml();
        assert_eq!(list.property("p").child("contents").text, "of the page");
        assert_eq!(server.get(&one).gives(200).text(), "of the page");
        let info = format!("{home}/properties/p/info?{parameter}");
        server.get(info).gives(200);
        let never = server.put(format!("{one}&abort=never"));
        never.text("of the page").gives(200);
        server.delete(&one).gives(200);
        let post = server.post(&all).field("Slug", "p");
        post.text("of the page").gives(200);
        server.delete(&one).gives(200);
    }
    assert_eq!(shown(&server, &file), kept);
    assert_eq!(shown(&server, &format!("/users/{vera}")), Shown::new());
}

/// Defect 17 of mindtouch.md §18: DTDs are read, so a short document can become a huge one, or fetch others.
#[test]
fn a_document_type_is_neither_expanded_nor_fetched() {
    let server = Server::start();
    let file = server.file("f");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/x.dtd", listener.local_addr().unwrap());
    let secret = server.dir().path().join("secret");
    std::fs::write(&secret, "nobody may read this").unwrap();
    let secret = format!("file://{}", secret.display());
    let laughs = each(1..10, |n| {
        let before = format!("&l{};", n - 1).repeat(10);
        format!("<!ENTITY l{n} \"{before}\">")
    });
    let long = "a".repeat(10_000);
    for (doctype, used) in [
        (format!("[<!ENTITY l0 \"ha\">{laughs}]"), "&l9;"),
        (
            format!("[<!ENTITY long \"{long}\">]"),
            "&long;&long;&long;&long;",
        ),
        (format!("[<!ENTITY x SYSTEM \"{secret}\">]"), "&x;"),
        (format!("[<!ENTITY x SYSTEM \"{url}\">]"), "&x;"),
        (format!("[<!ENTITY % x SYSTEM \"{url}\"> %x;]"), "v"),
        (format!("SYSTEM \"{url}\""), "v"),
        (format!("PUBLIC \"-//x//y\" \"{url}\""), "v"),
        ("[<!ATTLIST property name CDATA \"given\">]".to_owned(), "v"),
        ("[<!ENTITY x \"&x;\">]".to_owned(), "&x;"),
    ] {
        let item = put("p", "", "TEXT").replace("TEXT", used);
        let batch = format!("<!DOCTYPE properties {doctype}><properties>{item}</properties>");
        let user = format!("<!DOCTYPE user {doctype}><user><username>{used}</username></user>");
        let utf_16: Vec<u8> = format!("\u{FEFF}{batch}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for call in [
            server.put(format!("{file}/properties")).xml(batch),
            server.put(format!("{file}/properties")).xml(utf_16),
            server.post("/users?accountpassword=pw").xml(user),
        ] {
            let answer = call.gives(400);
            assert!(answer.message().contains("DOCTYPE"), "{}", answer.message());
            assert!(!answer.text().contains("nobody may read this"));
        }
    }
    assert_eq!(shown(&server, &file), Shown::new());
    let error = listener.accept().unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::WouldBlock,
        "somebody has fetched it"
    );
}

/// Defect 17 of mindtouch.md §18: what went wrong inside is sent to the client, with the stack.
#[test]
fn what_goes_wrong_inside_is_told_in_the_log_and_not_to_the_client() {
    let server = Server::start();
    let file = server.file("f");
    let db = database(&server);
    let document = properties(["p"], |name| put(name, "", "v"));
    scratch(&db, "INSERT ON log");
    for call in [
        server.put(format!("{file}/properties")).xml(document),
        server.put(path(&file, "p")).text("v"),
        server
            .post(format!("{file}/properties"))
            .field("Slug", "p")
            .text("v"),
        server.put(&file).text("v"),
        server.delete(&file),
    ] {
        let logged = server.log().len();
        let answer = call.breaks(500);
        let message = answer.message();
        let number = message.rsplit(' ').next().unwrap();
        assert!(number.parse::<u64>().is_ok(), "{message}");
        let told = format!("{:?}{}", answer.fields, answer.text()).to_lowercase();
        for word in ["scratch", "sda1", "sql", "insert", ".rs", "panic", "stack"] {
            assert!(!told.contains(word), "{told}");
        }
        server.wait_for_log(&format!("a request failed request={number}"));
        assert!(server.log()[logged..].contains("a scratch at /dev/sda1"));
    }
    mend(&db);
    assert_eq!(shown(&server, &file), Shown::new());
    assert_eq!(server.get(&file).gives(200).text(), "content");
}

/// Defect 18 of mindtouch.md §18: `/`, `a/` and `a/b/c` pass for media types.
#[test]
fn a_media_type_is_two_words_with_one_slash() {
    let server = Server::start();
    let file = server.file("f");
    let bad = "/|//|a/|/b|text/|/plain|a/b/c|text/plain/|text|text plain|text /plain|text/ plain|téxt/plain|\
               text/pl ain|text/plain, text/html|text/plain; x|text/plain; =x|text/plain; charset=\"utf-8|text/(plain)";
    for bad in bad.split('|') {
        let item = put("p", "", "v").replace("text/plain", &escaped(bad));
        let told = send(&server, &file, &item, &[("p", 400)]).xml();
        let error = told.property("p").child("status").child("error");
        assert_eq!(
            error_message(error, 400),
            format!("The property 'p' does not have a valid mimetype: '{bad}'")
        );
        server.put(path(&file, "p")).typed(bad, "v").gives(400);
        let post = server.post(format!("{file}/properties")).field("Slug", "p");
        post.typed(bad, "v").gives(400);
        server.put(&file).typed(bad, "v").gives(400);
    }
    assert_eq!(shown(&server, &file), Shown::new());
    for good in [
        "text/plain",
        "text/x.y-z+w",
        "text/1",
        "text/plain;charset=utf-8",
    ] {
        let item = put(good, "", "v").replace("type=\"text/plain", &format!("type=\"{good}"));
        send(&server, &file, &item, &[(good, 200)]);
    }
}

/// Defect 19 of mindtouch.md §18: no conditional requests, a bare `ETag`, no HEAD, no `If-Match`.
#[test]
fn a_client_that_knows_only_http_neither_fetches_twice_nor_overwrites() {
    let server = Server::start();
    let file = server.file("f");
    let path = path(&file, "p");
    let create = server.put(&path).field("If-None-Match", "*").text("one");
    create.gives(200);
    create.gives(412);
    let head = server.request("HEAD", &path).gives(200);
    assert_eq!(
        (head.body.len(), head.field("content-length")),
        (0, Some("3"))
    );
    let first = head.field("etag").unwrap().to_owned();
    let bare = first.trim_matches('"');
    assert_eq!(first, format!("\"{bare}\""), "an etag stands in quotes");
    assert_eq!(shown(&server, &file)["p"].0, bare);
    let fetch = |etag: &str| server.get(&path).field("If-None-Match", etag);
    assert_eq!(fetch(&first).gives(304).field("etag"), Some(&*first));
    let change = |etag: &str, text: &str| {
        let put = server.put(&path).field("If-Match", etag).text(text);
        put.send()
    };
    let answer = change(&first, "two").is(200);
    let second = answer.field("etag").unwrap();
    assert_ne!(second, first);
    change(&first, "lost").is(412);
    assert_eq!(fetch(&first).gives(200).text(), "two");
    fetch(second).gives(304);
    server.delete(&path).field("If-Match", &first).gives(412);
    server.delete(&path).field("If-Match", second).gives(200);
    change(second, "lost").is(412);
    server.request("HEAD", &path).gives(404);
    for path in ["/properties", "/properties?names=p"] {
        server.request("HEAD", format!("{file}{path}")).gives(200);
    }
}

/// Defect 20 of mindtouch.md §18: what was wrong with a property stands bare in `<status>`, not in an `<error>`.
#[test]
fn a_refused_property_says_why_in_the_documented_element() {
    let server = Server::start();
    let file = server.file("f");
    let etag = server.property(&file, "old", "v");
    let (id, _) = etag_parts(&etag);
    let items = [
        put("old", "", "w"),
        put("new", "x", "w"),
        delete("none", ""),
        put("bad", "", "w").replace("text/plain", "plain"),
    ];
    let call = server.put(format!("{file}/properties?x=y&redirects=0"));
    let answer = call.xml(format!("<properties>{}</properties>", items.concat()));
    let answer = answer.gives(207);
    let uri = format!("http://{}{API}{file}/properties", server.address());
    let stale =
        format!("Given ETag '' for resource id '{id}' does not match ETag for HEAD revision.");
    let unexpected = "Received an unexpected etag on a new property addition";
    let missing = "The property 'none' does not exist and cannot be deleted.";
    let no_type = "The property 'bad' does not have a valid mimetype: 'plain'";
    let refused = [
        ("old", 409, "Conflict", &*stale),
        ("new", 409, "Conflict", unexpected),
        ("none", 400, "Bad Request", missing),
        ("bad", 400, "Bad Request", no_type),
    ];
    let blocks = each(refused, |(name, code, title, message)| {
        format!(
            "<property name=\"{name}\"><status code=\"{code}\"><error><status>{code}</status><title>{title}</title>\
             <message>{message}</message><uri>{uri}</uri></error></status></property>"
        )
    });
    let list = format!("<properties count=\"0\" href=\"{uri}\">{blocks}</properties>");
    assert_eq!(answer.xml(), Node::read(&list));
}

/// Defect 21 of mindtouch.md §18: a value that is not shown looks like one that is empty. The form has the same empty
/// element for both, so the size tells them apart, wherever a property is shown.
#[test]
fn an_empty_value_and_one_that_is_not_shown_are_told_apart() {
    let server = Server::start();
    let file = server.file("f");
    let long = "x".repeat(2049);
    for (name, media_type, value) in [
        ("empty", "text/plain", ""),
        ("long", "text/plain", &*long),
        ("data", "application/json", "{}"),
        ("no data", "application/json", ""),
        ("bytes", "text/plain", "\0"),
        ("shown", "text/plain", "v"),
    ] {
        let size = value.len().to_string();
        let check = |block: &Node| {
            let contents = block.child("contents");
            assert_eq!(contents.attr("size"), size, "{name}");
            let text = if name == "shown" { value } else { "" };
            assert_eq!(contents.text, text, "{name}");
            path_of(contents.attr("href")).to_owned()
        };
        let put = server.put(path(&file, name)).typed(media_type, value);
        let href = check(&put.gives(200).xml());
        assert_eq!(server.get(href).gives(200).text(), value);
        let list = server.get(format!("{file}/properties")).gives(200).xml();
        check(list.property(name));
        let document = server.get(format!("{file}/info")).gives(200).xml();
        check(document.child("properties").property(name));
        let info = server.get(format!("{}/info", path(&file, name)));
        check(&info.gives(200).xml());
        let told = send(&server, &file, &delete(name, ""), &[(name, 200)]).xml();
        check(told.property(name));
    }
    // Who wants to see more asks for it.
    server.property(&file, "long", &long);
    assert_eq!(shown(&server, &file)["long"].1, long);
}

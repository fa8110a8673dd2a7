//! Pages: made, written, found, and who may do what on them (`mindtouch.md` §2, §9, §11, §14).

use crate::harness::{Answer, Node, Server, assert_time, path_of};

/// Writes a page below home; `title` as it stands in the path.
fn write(server: &Server, title: &str, text: &str) -> Answer {
    let path = format!("/pages/={title}/contents?edittime=now");
    server.post(path).text(text).send()
}

/// Makes a page: its path, as `/pages/2`.
fn page(server: &Server, title: &str) -> String {
    let answer = write(server, title, title).is(200).xml();
    format!("/pages/{}", answer.child("page").attr("id"))
}

fn texts(node: &Node, names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| node.child(name).text.clone())
        .collect()
}

#[test]
fn a_page_is_made_with_those_above_it_and_read_back() {
    let server = Server::start();
    let edit = write(&server, "First%2520Page%252FSub%252fLast_one", "Text ü")
        .is(200)
        .xml();
    assert_eq!(
        (edit.name.as_str(), edit.attr("status")),
        ("edit", "success")
    );
    let page = edit.child("page");
    assert_eq!(page.attribute_names(), ["id", "revision", "href"]);
    assert_eq!(page.attr("revision"), "1");
    assert_eq!(page.names(), ["title", "path"]);
    assert_eq!(
        texts(page, &["title", "path"]),
        ["Last one", "First_Page/Sub/Last_one"]
    );
    let href = path_of(page.attr("href"));
    let info = server.get(href).anonymous().gives(200).xml();
    assert_eq!(
        info.names(),
        [
            "uri.ui",
            "title",
            "path",
            "namespace",
            "language",
            "date.created",
            "user.createdby",
            "date.edited",
            "user.author",
            "contents",
            "page.parent"
        ]
    );
    let base = format!("http://{}", server.address());
    assert_eq!(
        info.child("uri.ui").text,
        format!("{base}/First_Page/Sub/Last_one")
    );
    assert_eq!(
        texts(info.child("page.parent"), &["title", "path"]),
        ["Sub", "First_Page/Sub"]
    );
    assert_time(&info.child("date.edited").text);
    let contents = path_of(info.child("contents").attr("href"));
    let text = server.get(contents).anonymous().gives(200);
    assert_eq!(
        (text.text(), text.field("content-type")),
        ("Text ü", Some("text/plain"))
    );
    assert!(text.field("etag").is_some());
    // The level between was made, and all ways lead to it.
    for title in [
        "=First_Page",
        "=First%2520Page",
        "=First%2BPage",
        "%3DFirst_Page",
    ] {
        let above = server.get(format!("/pages/{title}")).gives(200).xml();
        assert_eq!(above.child("title").text, "First Page");
        assert_eq!(
            server
                .get(format!("/pages/{title}/contents"))
                .gives(200)
                .text(),
            ""
        );
    }
    server.get("/pages/=first_page").gives(404);
    server.property("/pages/=First_Page", "p", "v");
    let list = server.get("/pages/=First_Page/properties").gives(200).xml();
    assert!(!list.attr("href").contains('='));
}

#[test]
fn a_page_gets_a_revision_from_who_has_seen_the_last_one() {
    let server = Server::start();
    let path = page(&server, "A");
    let again = write(&server, "A", "two").is(200).xml();
    assert_eq!(again.child("page").attr("revision"), "2");
    let edited = server
        .get(&path)
        .gives(200)
        .xml()
        .child("date.edited")
        .text
        .clone();
    let digits: String = edited.chars().filter(char::is_ascii_digit).collect();
    let send = |time: &str| {
        let path = format!("{path}/contents?edittime={time}");
        server.post(path).text("three").send()
    };
    for time in [&*edited, &*digits, "NOW"] {
        send(time).is(200);
        // The same second is the same moment.
        if server.get(&path).gives(200).xml().child("date.edited").text != edited {
            break;
        }
    }
    for stale in ["2001-01-01T00:00:00Z", "20010101000000"] {
        let message = send(stale).is(409).message();
        assert!(message.contains("edittime="), "{message}");
    }
    let without = server.post(format!("{path}/contents")).text("x").send();
    assert!(without.is(409).message().contains("edittime=now"));
    for bad in ["yesterday", "", "2001-01-01"] {
        let message = send(bad).is(400).message();
        assert_eq!(message, "invalid value for feature parameter 'edittime'");
    }
    assert_eq!(
        server.get(format!("{path}/contents")).gives(200).text(),
        "three"
    );
    // Some clients send their clock: of a page that is not there yet, nothing can be lost.
    for (title, query) in [("B", "?edittime=2001-01-01T00:00:00Z"), ("C", "")] {
        let path = format!("/pages/={title}/contents{query}");
        server.post(path).text("x").gives(200);
    }
}

#[test]
fn the_text_of_a_page_may_be_long_and_home_has_one_too() {
    let server = Server::start();
    let long = "é".repeat(300_000);
    server
        .post("/pages/home/contents?edittime=now")
        .text(&long)
        .gives(200);
    let text = server.get("/pages/home/contents").gives(200);
    assert_eq!(text.text(), long);
    let etag = text.field("etag").unwrap();
    server
        .get("/pages/1/contents")
        .field("If-None-Match", etag)
        .gives(304);
    let info = server.get("/pages/HOME").gives(200).xml();
    assert_eq!((info.attr("id"), info.attr("revision")), ("1", "2"));
    assert_eq!(info.child("path").text, "");
    // What only says how it was sent says nothing of the text.
    let form = server.post("/pages/home/contents?edittime=now");
    form.typed("application/x-www-form-urlencoded", "a=b")
        .gives(200);
    let text = server.get("/pages/home/contents").gives(200);
    assert_eq!(
        text.field("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(
        server
            .request("HEAD", "/pages/home/contents")
            .gives(200)
            .body,
        b""
    );
}

#[test]
fn redirects_is_a_number_wherever_a_page_is_meant() {
    let server = Server::start();
    for path in [
        "",
        "/contents",
        "/security",
        "/files",
        "/properties",
        "/properties/p/info",
    ] {
        let get = server.get(format!("/pages/home{path}?redirects=abc"));
        get.fails(400, "invalid value for feature parameter 'redirects'");
    }
}

#[test]
fn a_title_that_cannot_be_one_is_refused() {
    let server = Server::start();
    for (title, expected) in [
        ("%2500", "The page title is invalid"),
        ("A%252F%2520", "The page title is invalid"),
        (&"x".repeat(501), "at most 500 characters"),
        (&"x%252f".repeat(65), "more than 64 levels"),
    ] {
        let message = write(&server, title, "x").is(400).message();
        assert!(message.contains(expected), "{title}: {message}");
    }
    let deep = page(&server, &"x%252f".repeat(64));
    server.get(deep).gives(200);
    server
        .post("/pages/99/contents?edittime=now")
        .text("x")
        .gives(404);
    server
        .post("/pages/x/contents?edittime=now")
        .text("x")
        .gives(400);
}

#[test]
fn only_one_of_many_makes_a_page() {
    let server = Server::start();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let made: Vec<_> = (0..8)
            .map(|number| {
                let server = &server;
                scope.spawn(move || page(server, &format!("Above%252F{}", number % 2)))
            })
            .collect();
        made.into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut different = ids.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 2, "{ids:?}");
}

#[test]
fn to_make_and_to_write_pages_are_rights() {
    let server = Server::start();
    server.account("vera", "pw", "Viewer");
    server.account("carl", "pw", "Contributor");
    let path = page(&server, "A");
    for (target, required) in [
        ("/pages/=A/contents", "UPDATE"),
        ("/pages/=B/contents", "CREATE"),
    ] {
        let call = server.post(format!("{target}?edittime=now")).text("x");
        let message = call.clone().user("vera", "pw").gives(403).message();
        assert!(
            message.contains(&format!("required are {required}.")),
            "{message}"
        );
        call.clone().anonymous().gives(401);
        call.user("carl", "pw").gives(200);
    }
    server.get(path).user("vera", "pw").gives(200);
}

/// A document with permissions.
fn security(restriction: &str, grants: &[(&str, &str, &str)]) -> String {
    let grant = |(kind, id, role): &(&str, &str, &str)| {
        format!(
            "<grant><{kind} id=\"{id}\"/><permissions><role>{role}</role></permissions></grant>"
        )
    };
    let grants = crate::harness::each(grants, grant);
    format!(
        "<security><permissions.page><restriction>{restriction}</restriction></permissions.page>\
         <grants>{grants}</grants></security>"
    )
}

/// A server with the page A and A/B, and who tries it: vera (Viewer, 3), carl (Contributor, 4).
fn secured() -> (Server, String, String) {
    let server = Server::start();
    server.account("vera", "pw", "Viewer");
    server.account("carl", "pw", "Contributor");
    let below = page(&server, "A%252fB");
    (server, "/pages/=A".to_owned(), below)
}

fn secure(server: &Server, page: &str, document: &str) -> Answer {
    server.put(format!("{page}/security")).xml(document).send()
}

/// What reading and writing a property come to, for each of vera, carl and nobody.
fn codes(server: &Server, owner: &str) -> [(u16, u16); 3] {
    let one = |user: Option<&str>| {
        let get = server.get(format!("{owner}/properties"));
        let put = server
            .put(format!("{owner}/properties/p?abort=never"))
            .text("v");
        let [get, put] = [get, put].map(|call| match user {
            Some(name) => call.user(name, "pw"),
            None => call.anonymous(),
        });
        (get.send().status, put.send().status)
    };
    [one(Some("vera")), one(Some("carl")), one(None)]
}

#[test]
fn permissions_restrict_a_page_and_all_below_it() {
    let (server, top, below) = secured();
    let file = server.put(format!("{below}/files/=f")).text("x").gives(200);
    let file = format!("/files/{}", file.xml().attr("id"));
    let all = [&*top, &*below, &*file];
    let public = [(200, 403), (200, 200), (200, 401)];
    assert_eq!(all.map(|owner| codes(&server, owner)), [public; 3]);
    secure(&server, &top, &security("Semi-Public", &[])).is(200);
    let semi = [(200, 403), (200, 403), (200, 401)];
    assert_eq!(all.map(|owner| codes(&server, owner)), [semi; 3]);
    secure(
        &server,
        &top,
        &security("Private", &[("user", "3", "Contributor")]),
    )
    .is(200);
    let private = [(200, 200), (403, 403), (401, 401)];
    assert_eq!(all.map(|owner| codes(&server, owner)), [private; 3]);
    for path in [
        &*top,
        &*below,
        &format!("{top}/contents"),
        &format!("{top}/security"),
        &file,
    ] {
        server.get(path).user("carl", "pw").gives(403);
        server.get(path).anonymous().gives(401);
        server.get(path).user("vera", "pw").gives(200);
    }
    secure(&server, &below, &security("Public", &[])).is(200);
    assert_eq!(
        all.map(|owner| codes(&server, owner)),
        [private, public, public]
    );
    server.delete(format!("{below}/security")).gives(200);
    server.delete(format!("{top}/security")).gives(200);
    assert_eq!(all.map(|owner| codes(&server, owner)), [public; 3]);
}

#[test]
fn permissions_are_answered_in_the_form_in_which_they_are_set() {
    let (server, top, below) = secured();
    let default = server.get(format!("{below}/security")).gives(200);
    assert_eq!(
        default.text(),
        security("Public", &[]).replace("<grants></grants>", "<grants/>")
    );
    let document = security(
        "private",
        &[("user", "4", "viewer"), ("user", "3", "Manager")],
    );
    let answer = secure(&server, &top, &document).is(200);
    let told = answer.xml();
    assert_eq!(
        told.child("permissions.page").child("restriction").text,
        "Private"
    );
    let grants: Vec<(&str, &str)> = told
        .child("grants")
        .all("grant")
        .into_iter()
        .map(|grant| {
            let role = &grant.child("permissions").child("role").text;
            (grant.child("user").attr("id"), role.as_str())
        })
        .collect();
    assert_eq!(grants, [("3", "Manager"), ("4", "Viewer")]);
    let inherited = server.get(format!("{below}/security")).gives(200);
    assert_eq!(inherited.body, answer.body);
    secure(&server, &below, answer.text()).is(200);
    let json = server
        .get(format!("{top}/security?dream.out.format=json"))
        .gives(200);
    assert!(json.text().starts_with("{\"grants\":{\"grant\":[{"));
}

#[test]
fn permissions_that_cannot_be_are_refused_and_nothing_changes() {
    let (server, top, _) = secured();
    secure(
        &server,
        &top,
        &security("Semi-Public", &[("user", "3", "Viewer")]),
    )
    .is(200);
    let before = server.get(format!("{top}/security")).gives(200).body;
    for (document, expected) in [
        (
            security("Secret", &[]),
            "one of Public, Semi-Public, Private",
        ),
        (
            security("Private", &[("user", "3", "Boss")]),
            "one of None, Viewer",
        ),
        (
            security("Private", &[("user", "99", "Viewer")]),
            "There is no user 99",
        ),
        (
            security("Private", &[("group", "1", "Viewer")]),
            "There is no group 1",
        ),
        (
            security("Private", &[("user", "x", "Viewer")]),
            "needs its number",
        ),
        (
            security("Private", &[("page", "3", "Viewer")]),
            "a <grant> needs",
        ),
        (
            security("Private", &[("user", "3", "Viewer"), ("user", "3", "None")]),
            "names user 3 twice",
        ),
        ("<security/>".to_owned(), "says no restriction"),
        ("<grants/>".to_owned(), "has to be <security>"),
        (security("Private", &[]) + "<x/>", "second root"),
    ] {
        let message = secure(&server, &top, &document).is(400).message();
        assert!(message.contains(expected), "{document}: {message}");
    }
    server.put(format!("{top}/security")).text("x").gives(415);
    assert_eq!(
        server.get(format!("{top}/security")).gives(200).body,
        before
    );
}

#[test]
fn an_administrator_and_the_maker_of_a_page_say_who_may_do_what() {
    let (server, top, _) = secured();
    let document = security("Private", &[]);
    let put = |page: &str| server.put(format!("{page}/security")).xml(&document);
    let message = put(&top).user("carl", "pw").gives(403).message();
    assert!(
        message.contains("required are CHANGEPERMISSIONS."),
        "{message}"
    );
    put(&top).anonymous().gives(401);
    let own = server
        .post("/pages/=Carl/contents")
        .text("x")
        .user("carl", "pw")
        .gives(200);
    let own = format!("/pages/{}", own.xml().child("page").attr("id"));
    put(&own).user("vera", "pw").gives(403);
    // Grants only: the maker has shut himself out, and can mend that.
    server.get(&own).user("carl", "pw").gives(200);
    put(&own).user("carl", "pw").gives(200);
    server.get(&own).user("carl", "pw").gives(403);
    server
        .get(format!("{own}/security"))
        .user("carl", "pw")
        .gives(200);
    server
        .get(format!("{own}/security"))
        .user("vera", "pw")
        .gives(403);
    let mended = security("Private", &[("user", "4", "Contributor")]);
    let mend = server.put(format!("{own}/security")).xml(mended);
    mend.user("carl", "pw").gives(200);
    server.get(&own).user("carl", "pw").gives(200);
}

#[test]
fn a_group_can_be_granted_what_a_user_can() {
    let (server, top, _) = secured();
    let group = "<group><groupname>Writers</groupname><users><user id='3'/></users></group>";
    let post = server.post("/groups").xml(group);
    post.clone().user("carl", "pw").gives(403);
    post.clone().anonymous().gives(401);
    let made = post.gives(200).xml();
    assert_eq!(
        (made.attr("id"), &*made.child("groupname").text),
        ("1", "Writers")
    );
    assert_eq!(made.child("users").attr("count"), "1");
    post.fails(409, "A group named 'Writers' already exists.");
    secure(
        &server,
        &top,
        &security("Private", &[("group", "1", "Contributor")]),
    )
    .is(200);
    assert_eq!(codes(&server, &top), [(200, 200), (403, 403), (401, 401)]);
    let members = server
        .put("/groups/1/users")
        .xml("<users><user id='4'/></users>");
    members.clone().user("vera", "pw").gives(403);
    members.gives(200);
    assert_eq!(codes(&server, &top), [(403, 403), (200, 200), (401, 401)]);
    let told = server.get("/groups/1").user("vera", "pw").gives(200).xml();
    assert_eq!(told.child("users").child("user").attr("id"), "4");
    server.get("/groups/1").anonymous().gives(401);
    server.get("/groups").user("vera", "pw").gives(403);
    assert_eq!(server.get("/groups").gives(200).xml().attr("count"), "1");
    for (path, status) in [("/groups/2", 404), ("/groups/0", 404), ("/groups/x", 400)] {
        server.get(path).gives(status);
    }
    for bad in [
        "<group/>",
        "<group><name> </name></group>",
        "<users/>",
        "<group><name>x</name><users><user/></users></group>",
    ] {
        server.post("/groups").xml(bad).gives(400);
    }
}

#[test]
fn a_search_finds_the_pages_with_a_property_that_the_caller_may_see() {
    let (server, top, below) = secured();
    for (owner, name) in [
        (&*top, "overview"),
        (&*below, "overview"),
        (&*below, "over"),
        ("/pages/home", "it*"),
    ] {
        server.property(owner, name, "v");
    }
    let file = server.new_file();
    server.property(&file, "overview", "v");
    server.property("/site", "overview", "v");
    let found = |query: &str| {
        let answer = server
            .get(format!("/site/search/properties?name={query}"))
            .anonymous();
        let pages = answer.gives(200).xml();
        assert_eq!((pages.name.as_str(), pages.attributes.len()), ("pages", 0));
        let paths = pages.all("page").into_iter();
        paths
            .map(|page| page.child("path").text.clone())
            .collect::<Vec<_>>()
    };
    for (query, paths) in [
        ("overview", vec!["A/B", "A"]),
        ("over", vec!["A/B"]),
        ("over*", vec!["A/B", "A"]),
        ("*view", vec!["A/B", "A"]),
        ("*er*", vec!["A/B", "A"]),
        ("*", vec!["", "A/B", "A"]),
        ("it*", vec![""]),
        ("OVERVIEW", vec![]),
        ("over%25", vec![]),
    ] {
        let mut found = found(query);
        let mut paths = paths;
        found.sort();
        paths.sort_unstable();
        assert_eq!(found, paths, "{query}");
    }
    let page = server
        .get("/site/search/properties?name=over")
        .gives(200)
        .xml();
    let page = page.child("page");
    assert_eq!(page.attribute_names(), ["id", "revision", "href"]);
    assert_eq!(page.names(), ["uri.ui", "title", "path", "namespace"]);
    let short = server
        .get("/site/search/properties?name=over&verbose=false")
        .gives(200);
    assert_eq!(short.xml().child("page").children, []);
    let none = server
        .get("/site/search/properties?name=nothing")
        .gives(200);
    assert_eq!(none.text(), "<pages/>");
    secure(&server, &below, &security("Private", &[])).is(200);
    assert_eq!(found("overview"), ["A"]);
    server
        .batch(&top, "<properties><property name='overview'/></properties>")
        .is(200);
    assert_eq!(found("overview"), [""; 0]);
    let missing = server.get("/site/search/properties");
    missing.fails(400, "missing feature parameter 'name'");
    server
        .get("/site/search/properties?name=a&verbose=x")
        .gives(400);
}

#[test]
fn the_files_on_a_page_are_listed() {
    let (server, top, below) = secured();
    let names = |page: &str| {
        let files = server
            .get(format!("{page}/files"))
            .user("vera", "pw")
            .gives(200)
            .xml();
        let names: Vec<String> = files
            .all("file")
            .iter()
            .map(|file| file.child("filename").text.clone())
            .collect();
        assert_eq!(files.attr("count"), names.len().to_string());
        names
    };
    assert_eq!(names(&top), [""; 0]);
    for (page, name) in [
        (&*top, "b"),
        (&*top, "a"),
        (&*below, "c"),
        (&*top, "b"),
        (&*top, "gone"),
    ] {
        server
            .put(format!("{page}/files/={name}"))
            .text("x")
            .gives(200);
    }
    server.delete(format!("{top}/files/=gone")).gives(200);
    assert_eq!(names(&top), ["b", "a"]);
    assert_eq!(names(&below), ["c"]);
    secure(&server, &top, &security("Private", &[])).is(200);
    server
        .get(format!("{below}/files"))
        .user("vera", "pw")
        .gives(403);
    server.get("/pages/99/files").gives(404);
}

#[test]
fn a_page_is_written_only_at_the_revision_that_is_demanded() {
    let server = Server::start();
    let path = page(&server, "A");
    let etag = || {
        let text = server.get(format!("{path}/contents")).gives(200);
        text.field("etag").unwrap().to_owned()
    };
    let first = etag();
    let post = |query: &str| server.post(format!("{path}/contents{query}")).text("x");
    // Whoever names the revision need not name the time.
    post("").field("If-Match", &first).gives(200);
    for query in ["", "?edittime=now"] {
        let answer = post(query).field("If-Match", &first).gives(412);
        assert!(answer.message().contains(etag().trim_matches('"')));
    }
    post("?edittime=now").field("If-None-Match", "*").gives(412);
    post("?edittime=now").field("If-Match", etag()).gives(200);
    let new = server.post("/pages/=New/contents?edittime=now").text("x");
    new.clone().field("If-Match", "*").gives(412);
    server.get("/pages/=New").gives(404);
    new.clone().field("If-None-Match", "*").gives(200);
    new.field("If-None-Match", "*").gives(412);
}

#[test]
fn nothing_below_home_is_called_home() {
    let server = Server::start();
    for title in ["Home%252fA", "home%252Fhome"] {
        let message = write(&server, title, "x").is(400).message();
        assert!(message.contains("the page at the top"), "{message}");
    }
    write(&server, "A%252fhome", "x").is(200);
    assert_eq!(
        write(&server, "Home", "x")
            .is(200)
            .xml()
            .child("page")
            .attr("id"),
        "1"
    );
}

#[test]
fn a_search_can_be_asked_for_in_parts() {
    let server = Server::start();
    for title in ["A", "B", "C"] {
        server.property(&page(&server, title), "p", "v");
    }
    let found = |query: &str| {
        let pages = server
            .get(format!("/site/search/properties?name=p{query}"))
            .gives(200)
            .xml();
        pages
            .all("page")
            .iter()
            .map(|page| page.child("path").text.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("&limit=2"), ["A", "B"]);
    assert_eq!(found("&limit=2&offset=2"), ["C"]);
    assert_eq!(found("&offset=9"), [""; 0]);
    server
        .get("/site/search/properties?name=p&limit=-1")
        .gives(400);
}

#[test]
fn what_describes_a_group_or_permissions_has_limits() {
    let (server, top, _) = secured();
    let group = |chars: usize| {
        let name = "ü".repeat(chars);
        server
            .post("/groups")
            .xml(format!("<group><groupname>{name}</groupname></group>"))
    };
    group(256).gives(400);
    group(255).gives(200);
    let padded = |bytes: usize| {
        let document = security("Public", &[]);
        let padding = " ".repeat(bytes - document.len());
        server
            .put(format!("{top}/security"))
            .xml(document + &padding)
    };
    padded(1 << 20).gives(200);
    padded((1 << 20) + 1).gives(413);
}

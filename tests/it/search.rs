//! Searches in the LumiNUS dialect: what is found by whom, in which order, and what is told of it (`luminus.md` §5;
//! `dialects-common.md` §3).

use crate::harness::{Call, Server, percent};
use crate::schemas::{Shape, refused, told};
use crate::school::{School, WORD, form_of, id_of, named};
use serde_json::{Value, json};

const NONE: [&str; 0] = [];

/// The names of comments; by number they would come in another order.
const COMMENTS: [&str; 3] = [
    "9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f11",
    "7e570000-0b7e-4c52-8a55-0d9b6f5f2f11",
    "00000000-0b7e-4c52-8a55-0d9b6f5f2f11",
];

/// The name of the space in the LumiNUS dialect.
fn space_of(school: &School) -> String {
    school.uuid(format!("spaces/{}", school.space))
}

/// A search with this text.
fn search<'a>(school: &'a School, who: &str, top: &str, text: &str) -> Call<'a> {
    let query = format!("?SearchText={}", percent(text.as_bytes()));
    school.search(who, top, &query)
}

/// The names of the folders that a search finds, and of the files behind them.
fn names(found: &Value) -> Vec<String> {
    let name = |record: &Value| record["name"].as_str().unwrap().to_owned();
    let lists = ["folders", "files"].map(|list| found[list].as_array().unwrap());
    lists.into_iter().flatten().map(name).collect()
}

fn find(school: &School, who: &str, top: &str, text: &str) -> Vec<String> {
    names(&told(&search(school, who, top, text), Shape::Found))
}

/// All that somebody sees in the space.
fn seen(school: &School, who: &str) -> Vec<String> {
    names(&told(
        &school.search(who, &space_of(school), ""),
        Shape::Found,
    ))
}

/// What a search tells of the only file in the space of this name.
fn record(school: &School, who: &str, name: &str, query: &str) -> Value {
    let found = told(&school.search(who, &space_of(school), query), Shape::Found);
    let files = found["files"].as_array().unwrap().iter();
    let found: Vec<&Value> = files.filter(|file| file["name"] == name).collect();
    assert_eq!(found.len(), 1, "{who}: {name}");
    found[0].clone()
}

/// A file that somebody puts into a folder with this media type.
fn upload(school: &School, login: &str, folder: i64, name: &str, media_type: &str) -> i64 {
    let head = format!(
        "Content-Disposition: form-data; name=\"file[content]\"; filename=\"{name}\"\r\nContent-Type: {media_type}"
    );
    let form = form_of(crate::school::BOUNDARY, &[(&head, b"content")]);
    id_of(&school.send(login, folder, form).gives(201).json())
}

/// Makes or changes a comment on a file.
fn comment(school: &School, login: &str, file: i64, id: &str, content: &Value) {
    let path = format!("/@api/deki/files/{file}/properties/luminus.comment.{id}?abort=never");
    school
        .by(login, "PUT", path)
        .text(&content.to_string())
        .gives(200);
}

/// Calls somebody by another name.
fn call_him(school: &School, login: &str, name: &str) {
    let document = format!("<user><fullname>{name}</fullname></user>");
    school
        .server
        .put(format!("/users/={login}"))
        .xml(document)
        .gives(200);
}

// What a search is

#[test]
fn the_text_has_three_to_a_thousand_characters_and_may_be_left_out() {
    let school = School::new(&["member"]);
    let folder = school.folder(school.root, "日本語");
    school.folder(folder, "😀😀😀   ");
    let space = space_of(&school);
    let all = ["Support Files", "日本語", "😀😀😀   "];
    for query in [
        "",
        "?",
        "?SearchText",
        "?SearchText=",
        "?SearchText=&populate=",
    ] {
        let found = told(&school.search("member", &space, query), Shape::Found);
        assert_eq!(names(&found), all, "{query}");
    }
    for (text, found) in [
        ("日本語", &all[1..2]),
        ("😀😀😀", &all[2..]),
        ("   ", &all[2..]),
        ("Support Files ", &[]),
        (" Support", &[]),
        ("t F", &all[..1]),
        (&"x".repeat(1000), &[]),
        (&"😀".repeat(1000), &[]),
    ] {
        assert_eq!(find(&school, "member", &space, text), found, "{text}");
    }
    for text in ["a", "ab", " ", "  ", "日本", "😀😀", "é", "e\u{301}", "%_"] {
        let words = refused(&search(&school, "member", &space, text), 400);
        assert_eq!(
            words, "Bad Request: SearchText needs at least 3 characters",
            "{text}"
        );
    }
    for text in [
        "x".repeat(1001),
        "é".repeat(1001),
        "abc\0".to_owned(),
        "\0\0\0".to_owned(),
    ] {
        let words = refused(&search(&school, "member", &space, &text), 400);
        assert!(words.contains("SearchText"), "{words}");
    }
    for text in ["%FF%FF%FF", "abc%80", "abc%C3", "%ED%A0%80abc", "%C0%AFab"] {
        let query = format!("?SearchText={text}");
        assert!(refused(&school.search("member", &space, &query), 400).contains("SearchText"));
    }
}

#[test]
fn names_of_parameters_have_any_case_and_the_unknown_are_passed_over() {
    let school = School::new(&[]);
    let file = school.file(school.root, "lecture");
    comment(&school, "admin", file, COMMENTS[0], &json!({"remark": "r"}));
    let space = space_of(&school);
    for (query, has_comments) in [
        ("SearchText=lecture", false),
        ("searchtext=lecture&entities=true", false),
        ("SEARCHTEXT=lecture&x=%FF&&=&y", false),
        ("Search%54ext=lec%74ure", false),
        ("SearchText=LECTURE&populate=", false),
        ("SearchText=lecture&populate=comment", true),
        ("SearchText=lecture&POPULATE=COMMENT", true),
        ("SearchText=lecture&Populate=Comment,comment", true),
        ("SearchText=lecture&populate=comment,", true),
    ] {
        let call = school.search("admin", &space, &format!("?{query}"));
        for call in [
            call.clone(),
            call.typed("application/json-patch+json", "{body}"),
        ] {
            let found = told(&call, Shape::Found);
            assert_eq!(names(&found), ["lecture"], "{query}");
            assert_eq!(
                found["files"][0].get("comment").is_some(),
                has_comments,
                "{query}"
            );
        }
    }
    for populate in [
        "x",
        "comments",
        "comment,x",
        "x,comment",
        "comment;comment",
        "true",
        "%FF",
        "c%00omment",
    ] {
        let query = format!("?SearchText=lecture&populate={populate}");
        let words = refused(&school.search("admin", &space, &query), 400);
        assert!(words.contains("populate"), "{words}");
    }
}

#[test]
fn a_plus_is_a_space_and_percent_encoding_is_undone_once() {
    let school = School::new(&[]);
    for name in ["a b c", "a+b+c", "a%20b"] {
        school.folder(school.root, name);
    }
    let space = space_of(&school);
    for (query, name) in [
        ("a+b+c", "a b c"),
        ("a%2Bb%2Bc", "a+b+c"),
        ("a%20b%20c", "a b c"),
        ("a%2520b", "a%20b"),
    ] {
        let call = school.search("admin", &space, &format!("?SearchText={query}"));
        assert_eq!(names(&told(&call, Shape::Found)), [name]);
    }
}

// What is found

/// Whether a text finds a folder and a file of this name.
fn check_fold(school: &School, top: i64, name: &str, text: &str, is_found: bool) {
    let inside = school.folder(top, "-");
    let id = school.uuid(format!("folders/{inside}"));
    school.folder(inside, name);
    upload(school, "admin", inside, name, "text/plain");
    let found = find(school, "admin", &id, text);
    let wanted: &[&str] = if is_found { &[name, name] } else { &[] };
    assert_eq!(found, wanted, "{text:?} in {name:?}");
}

#[test]
fn case_and_composition_do_not_count_but_accents_do() {
    let school = School::new(&[]);
    let root = school.root;
    for (name, text, is_found) in [
        ("Lecture", "lECT", true),
        ("Lecture", "ECTURE", true),
        ("Lecture", "lecture", true),
        ("Lecture", "lectures", false),
        ("Lecture", "lctr", false),
        ("l'école", "ÉCOLE", true),
        ("E\u{301}COLE", "école", true),
        ("école", "E\u{301}COLE", true),
        ("école", "ecole", false),
        ("ecole", "école", false),
        ("cafe\u{301}", "cafe", false),
        ("ΟΔΟΣ", "οδος", true),
        ("οδος", "ΟΔΟΣ", true),
        ("ΑΣΑ", "αςα", true),
        ("Straße", "STRAßE", true),
        ("STRAẞE", "straße", true),
        ("Straße", "STRASSE", false),
        ("İstanbul", "i\u{307}stanbul", true),
        ("İstanbul", "istanbul", false),
        ("\u{212B}ngström", "ÅNGSTRÖM", true),
        ("ﬁnal", "final", false),
        (
            "한글날",
            "\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}",
            true,
        ),
        ("xa\u{302}\u{323}y", "XA\u{323}\u{302}Y", true),
        ("𐐀𐐁𐐂", "𐐨𐐩𐐪", true),
        ("日本語の資料", "本語の", true),
        // What has three characters and fewer once it is folded.
        ("Réal", "e\u{301}a", true),
        ("Real", "e\u{301}a", false),
        ("xậ", "a\u{323}\u{302}", true),
        ("Xậ", "A\u{302}\u{323}", true),
        ("xâ", "a\u{323}\u{302}", false),
        // A short name is found by nothing but itself, which is too short; a long one to its end.
        ("ab", "abc", false),
    ] {
        check_fold(&school, root, name, text, is_found);
    }
    let long = "x".repeat(490) + "ending";
    check_fold(&school, root, &long, "Ending", true);
    check_fold(&school, root, &long, &long, true);
}

#[test]
fn operators_and_wildcards_are_plain_text() {
    let school = School::new(&[]);
    let space = space_of(&school);
    let all = [
        "100%",
        "1000",
        "a_bc",
        "aXbc",
        "a*bc",
        "abbc",
        "\"quoted\"",
        "it's",
        "c:\\dir",
        "c:/dir",
        "x AND y",
        "x and z",
        "x OR y",
        "x NOT y",
        "NEAR(x y)",
        "NEAR(x y, 2)",
        "x-yz",
        "xyz",
        "x y z",
        "x:yz",
        "name:xyz",
        "(xyz)",
        "^xyz",
        "x^yz",
        "{x yz}",
        "x + y",
        "a\"\"b",
        "--xyz",
        "'; DROP TABLE nodes; --",
        "[a-z]",
        "???",
        "a  b",
        "a b",
        "***",
        "%%%",
        "___",
        "\"\"\"",
        "'''",
        "\\\\\\",
        "AND",
        "NOT",
        "NEAR",
        "xyz*",
        "\"xyz\"",
        "<xyz>",
        "&amp;",
        "\u{200b}xyz",
    ];
    for name in all {
        school.folder(school.root, name);
    }
    let others = [
        "a%c",
        "a_b",
        "%00",
        "0%0",
        "aXb OR abb",
        "xyz OR 100",
        "-xyz",
        "NOT xyz",
        "x*z",
        "xy*",
        "name : xyz",
        "AND AND",
        "\"x y\"",
        "x y",
        "x\u{a0}y",
        "folders",
        "rowid",
        "x\\y",
        "\\%%",
        "\"%\"",
    ];
    for text in all.into_iter().chain(others) {
        let is_found = |name: &&str| {
            name.to_ascii_lowercase()
                .contains(&text.to_ascii_lowercase())
        };
        let mut wanted: Vec<&str> = all.into_iter().filter(is_found).collect();
        wanted.sort_by_key(|name| name.to_ascii_lowercase());
        assert_eq!(find(&school, "admin", &space, text), wanted, "{text}");
    }
}

#[test]
fn folders_and_files_are_found_by_their_names_their_makers_and_what_a_link_says() {
    let school = School::new(&["tutor"]);
    let user = json!({"login": "quentin", "password": WORD, "name": "Zoë Maker"});
    school
        .server
        .post("/api/users")
        .json(&json!({"user": user}))
        .gives(201);
    school.enroll("quentin", "tutor");
    let space = space_of(&school);
    let made = school.by(
        "quentin",
        "POST",
        format!("/api/folders/{}/folders", school.root),
    );
    let folder = id_of(&made.json(&named("folder", "folder one")).gives(201).json());
    upload(&school, "quentin", folder, "file one", "text/plain");
    let plain = school.file(school.root, "file two");
    let link = school.file(school.root, "link three");
    for (file, text) in [(plain, "plain words"), (link, "linked words")] {
        school.set(format!("files/{file}"), "description", text);
    }
    school.set(
        format!("files/{link}"),
        "url",
        "https://Example.org/Päth?q=1#End",
    );
    // A setting of the other kind is none.
    school.set(format!("pages/{folder}"), "url", "https://folder.example/");
    school.set(format!("pages/{folder}"), "description", "folder words");
    for (text, wanted) in [
        (" one", &["folder one", "file one"][..]),
        ("file", &["Support Files", "file one", "file two"]),
        ("zoë maker", &["folder one", "file one"]),
        ("ZOE\u{308}", &["folder one", "file one"]),
        ("quentin", &[]),
        ("admin", &["Support Files", "file two", "link three"]),
        ("example.org/pÄth?Q=1#eND", &["link three"]),
        ("https://", &["link three"]),
        ("linked", &["link three"]),
        ("words", &["link three"]),
        ("plain", &[]),
        ("folder words", &[]),
        ("folder.example", &[]),
        // No text spans two fields.
        ("threehttps", &[]),
        ("three https", &[]),
        ("endlinked", &[]),
        ("onezoë", &[]),
        ("wordsadmin", &[]),
        ("content", &[]),
        ("text/plain", &[]),
    ] {
        assert_eq!(find(&school, "tutor", &space, text), wanted, "{text}");
    }
    // A link that is none any more has no description that counts.
    school
        .server
        .delete(format!("/files/{link}/properties/luminus.url"))
        .gives(200);
    for text in ["linked words", "https://"] {
        assert_eq!(find(&school, "tutor", &space, text), NONE);
    }
}

#[test]
fn all_below_the_top_is_found_at_any_depth_and_the_top_is_not() {
    let school = School::new(&[]);
    let space = space_of(&school);
    let (outer, outer_id) = school.folder_uuid("same outer");
    let mut inner = outer;
    let mut wanted = Vec::new();
    for depth in 0..20 {
        inner = school.folder(inner, &format!("same {depth:02}"));
        wanted.push(format!("same {depth:02}"));
    }
    school.file(inner, "same file");
    wanted.push("same file".to_owned());
    school.folder_uuid("same sibling");
    school.file(school.root, "same file beside");
    for text in ["same", "ame "] {
        assert_eq!(find(&school, "admin", &outer_id, text), wanted);
    }
    let innermost = school.uuid(format!("folders/{inner}"));
    assert_eq!(find(&school, "admin", &innermost, "same"), ["same file"]);
    assert_eq!(find(&school, "admin", &outer_id, "outer"), NONE);
    let all = find(&school, "admin", &space, "same");
    assert_eq!(all.len(), wanted.len() + 3);
    let root = school.uuid(format!("folders/{}", school.root));
    assert_eq!(find(&school, "admin", &root, "same"), all);
    assert_eq!(find(&school, "admin", &root, "Support"), NONE);
    assert_eq!(find(&school, "admin", &space, "Support"), ["Support Files"]);
    assert_eq!(find(&school, "admin", &space, "School"), NONE);
    // Another space is another tree, and a page is none.
    let other = school
        .server
        .post("/api/spaces")
        .json(&named("space", "same space"));
    let other = id_of(&other.gives(201).json());
    let other = school.uuid(format!("spaces/{other}"));
    assert_eq!(find(&school, "admin", &other, "same"), NONE);
    school.server.file("same-on-a-page");
    assert_eq!(find(&school, "admin", &space, "same"), all);
}

#[test]
fn both_lists_are_complete_and_in_the_order_of_names_then_numbers() {
    let school = School::new(&[]);
    let (folder, id) = school.folder_uuid("top");
    // Those with the same form stand side by side, and the first of them is made first.
    let wanted = [
        "10", "9", "a", "A", "b", "B", "z", "Z ", "é", "E\u{301}", "日", "\u{FF5A}", "𝒜",
    ];
    for name in wanted
        .iter()
        .step_by(2)
        .chain(wanted.iter().skip(1).step_by(2))
    {
        school.folder(folder, name);
        school.file(folder, name);
    }
    let found = told(&school.search("admin", &id, ""), Shape::Found);
    assert_eq!(names(&found), [wanted, wanted].concat());
    let many = school.folder_uuid("many");
    for n in 0..300 {
        school.file(many.0, if n % 2 == 0 { "EVEN" } else { "even" });
    }
    let found = find(&school, "admin", &many.1, "even");
    assert_eq!(found, ["EVEN", "even"].repeat(150));
}

// What somebody sees

#[test]
fn nobody_finds_what_is_hidden_from_him() {
    let school = School::new(&["stranger", "member", "tutor"]);
    let (folder, id) = school.folder_uuid("folder");
    let inner = school.folder(folder, "inner");
    let inner_id = school.uuid(format!("folders/{inner}"));
    let file = school.file(inner, "file");
    let all = ["folder", "inner", "Support Files", "file"];
    let of_folder = format!("pages/{folder}");
    let of_inner = format!("pages/{inner}");
    let of_file = format!("files/{file}");
    let past = "2020-01-01T00:00:00Z";
    let future = "2999-01-01T00:00:00Z";
    // What is hidden is no place to search in, whether hidden itself or by what is above.
    let outermost = (&["Support Files"][..], [403, 403]);
    for (node, setting, hiding, showing, (left, codes)) in [
        (&of_folder, "publish", "false", "true", outermost),
        (&of_folder, "open", "false", "true", outermost),
        (&of_folder, "startDate", future, past, outermost),
        (&of_folder, "endDate", past, future, outermost),
        (
            &of_inner,
            "publish",
            "false",
            "true",
            (&["folder", "Support Files"], [200, 403]),
        ),
        (
            &of_inner,
            "open",
            "false",
            "true",
            (&["folder", "Support Files"], [200, 403]),
        ),
        (
            &of_file,
            "publish",
            "false",
            "true",
            (&["folder", "inner", "Support Files"], [200, 200]),
        ),
    ] {
        school.set(node, setting, hiding);
        assert_eq!(seen(&school, "member"), left, "{node} {setting}");
        assert_eq!(
            find(&school, "member", &space_of(&school), "file"),
            ["Support Files"]
        );
        assert_eq!(seen(&school, "tutor"), all);
        assert_eq!(seen(&school, "admin"), all);
        let found = [&id, &inner_id].map(|id| school.search("member", id, "").send().status);
        assert_eq!(found, codes, "{node} {setting}");
        told(&school.search("tutor", &inner_id, ""), Shape::Found);
        school.set(node, setting, showing);
        assert_eq!(seen(&school, "member"), all);
    }
    refused(&school.search("stranger", &id, ""), 403);
    refused(&school.search("stranger", &space_of(&school), ""), 403);
}

#[test]
fn members_do_not_find_what_others_submit_where_that_is_not_wanted() {
    let school = School::new(&["member", "tutor"]);
    school.person("mel", "member");
    let (folder, id) = school.folder_uuid("box");
    school.set(format!("pages/{folder}"), "allowUpload", "true");
    for (who, name) in [("member", "mine"), ("mel", "hers"), ("tutor", "theirs")] {
        upload(&school, who, folder, name, "text/plain");
    }
    let found = |who: &str| names(&told(&school.search(who, &id, ""), Shape::Found));
    assert_eq!(found("member"), ["hers", "mine", "theirs"]);
    school.set(format!("pages/{folder}"), "viewAll", "false");
    assert_eq!(found("member"), ["mine", "theirs"]);
    assert_eq!(found("mel"), ["hers", "theirs"]);
    assert_eq!(found("tutor"), ["hers", "mine", "theirs"]);
    assert_eq!(find(&school, "member", &id, "her"), NONE);
    assert_eq!(
        find(&school, "member", &id, "mel"),
        NONE,
        "nor by its maker"
    );
}

#[test]
fn an_access_list_decides_what_is_found_below_it() {
    let school = School::new(&["stranger", "member", "tutor"]);
    let (folder, id) = school.folder_uuid("closed");
    let inner = school.folder(folder, "open to all");
    let inner_id = school.uuid(format!("folders/{inner}"));
    school.file(inner, "file");
    let access = |id: &str, access: Value| {
        let body = json!({
            "id": id, "name": if id == inner_id { "open to all" } else { "closed" }, "publish": true,
            "startDate": "2020-01-01T00:00:00Z", "endDate": "2999-01-01T00:00:00Z", "sortFilesBy": "Order",
            "allowUpload": false, "uploadDisplayOption": "Name", "viewAll": true, "access": access
        });
        let call = school.luminus("admin", "PUT", "/").json(&body);
        told(&call, Shape::Folder);
    };
    access(&id, json!({}));
    assert_eq!(seen(&school, "member"), ["Support Files"]);
    assert_eq!(
        seen(&school, "tutor"),
        ["closed", "open to all", "Support Files", "file"]
    );
    refused(&school.search("member", &id, ""), 403);
    access(&inner_id, json!({"publicAccess": 1}));
    assert_eq!(
        seen(&school, "member"),
        ["open to all", "Support Files", "file"]
    );
    refused(&school.search("member", &id, ""), 403);
    for who in ["stranger", "member"] {
        let found = told(&school.search(who, &inner_id, ""), Shape::Found);
        assert_eq!(names(&found), ["file"]);
    }
    // A role of staff for one folder shows what is hidden there.
    school.set(format!("pages/{inner}"), "publish", "false");
    refused(&school.search("stranger", &inner_id, ""), 403);
    access(&inner_id, json!({"publicAccess": 3}));
    school.set(format!("pages/{inner}"), "publish", "false");
    let found = told(&school.search("stranger", &inner_id, ""), Shape::Found);
    assert_eq!(names(&found), ["file"]);
}

#[test]
fn what_changes_shows_in_the_next_search() {
    let school = School::new(&[]);
    school.person("tess", "tutor");
    let space = space_of(&school);
    let find = |text: &str| find(&school, "admin", &space, text);
    let (folder, _) = school.folder_uuid("old name");
    let file = upload(&school, "tess", folder, "a file", "text/plain");
    for (old, new) in [("old name", "new name"), ("new name", "old name")] {
        let put = school.server.put(format!("/api/folders/{folder}"));
        put.json(&named("folder", new)).gives(200);
        assert_eq!(find(old), NONE);
        assert_eq!(find(new), [new]);
    }
    let node = format!("files/{file}");
    school.set(&node, "url", "https://first.example/");
    school.set(&node, "description", "first words");
    assert_eq!(
        (find("first.ex"), find("first words")),
        (vec!["a file".to_owned()], vec!["a file".to_owned()])
    );
    school.set(&node, "url", "https://second.example/");
    school.set(&node, "description", "second words");
    for (text, is_found) in [
        ("first", false),
        ("second.ex", true),
        ("second words", true),
    ] {
        assert_eq!(find(text).len(), usize::from(is_found), "{text}");
    }
    for new in ["Tess Teacher", "Mrs. Other"] {
        call_him(&school, "tess", new);
        assert_eq!(find(new), ["a file"]);
        assert_eq!(
            find("teacher").len(),
            usize::from(new == "Tess Teacher"),
            "{new}"
        );
        assert_eq!(record(&school, "admin", "a file", "")["creatorName"], new);
    }
    school
        .server
        .delete(format!("/files/{file}/properties/luminus.url"))
        .gives(200);
    assert_eq!(find("second"), NONE);
    let other = school.file(folder, "another file");
    assert_eq!(find("another"), ["another file"]);
    school
        .server
        .delete(format!("/api/files/{other}"))
        .gives(204);
    assert_eq!(find("another"), NONE);
    assert_eq!(find("a file"), ["a file"]);
    school
        .server
        .delete(format!("/api/folders/{folder}"))
        .gives(204);
    for text in ["a file", "old name", "mrs. other"] {
        assert_eq!(find(text), NONE, "{text}");
    }
    let id = school.uuid(format!("folders/{}", school.root));
    assert_eq!(
        names(&told(&school.search("admin", &id, ""), Shape::Found)),
        NONE
    );
}

#[test]
fn what_was_deleted_is_no_place_to_search_in() {
    let school = School::new(&["tutor"]);
    let (folder, id) = school.folder_uuid("f");
    let inner = school.folder(folder, "inner");
    let inner_id = school.uuid(format!("folders/{inner}"));
    school
        .server
        .delete(format!("/api/folders/{folder}"))
        .gives(204);
    for id in [id, inner_id] {
        refused(&school.search("tutor", &id, ""), 404);
    }
}

// What is told of files

#[test]
fn a_file_is_told_with_all_that_belongs_to_it() {
    let school = School::new(&["tutor"]);
    let user =
        json!({"login": "tess", "name": "Tess T.", "email": "t@example.org", "matric_no": "A1"});
    school.person_of(&user, "tutor");
    let (folder, id) = school.folder_uuid("f");
    let file = upload(&school, "tess", folder, "a.pdf", "application/pdf");
    let mut told = record(&school, "tutor", "a.pdf", "");
    let at = told["createdDate"].take();
    assert_eq!(told["lastUpdatedDate"].take(), at);
    let (tess, uuid) = (
        school.uuid("users/tess"),
        school.uuid(format!("files/{file}")),
    );
    assert_eq!(
        told,
        json!({
            "id": uuid, "parentID": uuid, "resourceID": id, "publish": true, "name": "a.pdf", "url": "",
            "description": "", "isCompulsory": false, "allowDownload": true, "fileSize": 7, "fileFormat": "File",
            "fileName": "a.pdf", "hasComments": false, "createdDate": null, "creatorID": tess, "creatorName": "Tess T.",
            "creatorUserID": "tess", "creatorEmail": "t@example.org", "creatorMatricNo": "A1", "lastUpdatedDate": null,
            "lastUpdatedBy": tess, "lastUpdatedByName": "Tess T.", "lastUpdatedByUserID": "tess",
            "lastUpdatedByEmail": "t@example.org", "lastUpdatedByMatricNo": "A1"
        })
    );
    let node = format!("files/{file}");
    for (setting, text, value) in [
        ("publish", "false", json!(false)),
        ("description", "some <words> ", json!("some <words> ")),
        ("isCompulsory", "true", json!(true)),
        ("allowDownload", "false", json!(false)),
        ("url", "http://example.org/x", json!("http://example.org/x")),
    ] {
        school.set(&node, setting, text);
        let told = record(&school, "tutor", "a.pdf", "");
        assert_eq!(told[setting], value);
        assert_eq!(told["lastUpdatedByUserID"], "admin");
        assert_eq!(told["creatorUserID"], "tess");
        for absent in ["lastUpdatedByEmail", "lastUpdatedByMatricNo"] {
            assert_eq!(told.get(absent), None);
        }
    }
    let link = record(&school, "tutor", "a.pdf", "");
    assert_eq!(
        (
            &link["fileFormat"],
            &link["fileName"],
            link["fileSize"].as_f64()
        ),
        (&json!("Weblink"), &json!(""), Some(0.0))
    );
}

#[test]
fn the_format_comes_from_the_media_type() {
    let school = School::new(&[]);
    for (name, media_type, format) in [
        ("a", "audio/mpeg", "Audio"),
        ("b", "Audio/MPEG; x=y", "Audio"),
        ("c", "video/mp4", "Video"),
        ("d", "text/plain", "File"),
        ("e", "application/audio", "File"),
        ("f", "audiox/y", "File"),
        ("g", "image/png", "File"),
    ] {
        let file = upload(&school, "admin", school.root, name, media_type);
        let told = record(&school, "admin", name, "");
        assert_eq!(told["fileFormat"], format, "{media_type}");
        let is_stream = format != "File";
        assert_eq!(
            told.get("streamUrlPath").is_some(),
            is_stream,
            "{media_type}"
        );
        school.set(format!("files/{file}"), "url", "https://example.org/");
        let told = record(&school, "admin", name, "");
        assert_eq!(told["fileFormat"], "Weblink");
        assert_eq!(told.get("streamUrlPath"), None);
    }
}

#[test]
fn a_stream_is_played_without_signing_in_by_whom_may_download_it() {
    let school = School::new(&["member", "tutor"]);
    for (name, media_type) in [("song", "audio/mpeg"), ("film", "video/mp4")] {
        let file = upload(&school, "admin", school.root, name, media_type);
        let stream = |who: &str| {
            let told = record(&school, who, name, "");
            told.get("streamUrlPath")
                .map(|path| path.as_str().unwrap().to_owned())
        };
        for who in ["member", "tutor"] {
            let path = stream(who).unwrap();
            assert!(
                path.starts_with(&format!("/api/files/{file}/raw/{name}?")),
                "{path}"
            );
            let played = school.get("nobody", &path).gives(200);
            assert_eq!(played.text(), "content");
            assert_eq!(played.field("content-type"), Some(media_type));
            let part = school.get("nobody", &path).field("Range", "bytes=1-2");
            assert_eq!(part.gives(206).text(), "on");
            school
                .get("nobody", path.replace("Signature=", "Signature=x"))
                .gives(403);
        }
        school.set(format!("files/{file}"), "allowDownload", "false");
        assert_eq!(stream("member"), None);
        school.get("nobody", stream("tutor").unwrap()).gives(200);
    }
}

#[test]
fn the_path_of_a_stream_begins_with_that_of_the_public_url() {
    let server = Server::with(&["--public-url", "https://school.example/store/"]);
    let school = School::on(server, &[]);
    let file = upload(&school, "admin", school.root, "a", "audio/mpeg");
    let told = record(&school, "admin", "a", "");
    let path = told["streamUrlPath"].as_str().unwrap();
    let start = format!("/store/api/files/{file}/raw/a?");
    assert!(path.starts_with(&start), "{path}");
    school.server.exactly("GET", path).anonymous().gives(200);
}

#[test]
fn a_matric_number_is_told_to_staff_and_to_its_owner() {
    let school = School::new(&["tutor", "member"]);
    for (login, role, number) in [("anna", "member", "A1"), ("ben", "member", "B2")] {
        let user = json!({"login": login, "password": WORD, "matric_no": number});
        school
            .server
            .post("/api/users")
            .json(&json!({"user": user}))
            .gives(201);
        school.enroll(login, role);
    }
    let (folder, _) = school.folder_uuid("box");
    let node = format!("pages/{folder}");
    school.set(&node, "allowUpload", "true");
    for who in ["anna", "ben", "member"] {
        upload(&school, who, folder, who, "text/plain");
    }
    for (who, of, number) in [
        ("anna", "anna", Some("A1")),
        ("anna", "ben", None),
        ("ben", "anna", None),
        ("ben", "ben", Some("B2")),
        ("member", "anna", None),
        ("tutor", "anna", Some("A1")),
        ("admin", "ben", Some("B2")),
        ("tutor", "member", None),
    ] {
        let told = record(&school, who, of, "");
        for field in ["creatorMatricNo", "lastUpdatedByMatricNo"] {
            assert_eq!(
                told.get(field),
                number.map(|n| json!(n)).as_ref(),
                "{who} {of}"
            );
        }
    }
    // Each is told by its own rule.
    let list = school
        .server
        .get(format!("/api/folders/{folder}/files"))
        .gives(200)
        .json();
    let file = list
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file["name"] == "anna")
        .unwrap();
    school.set(format!("files/{}", id_of(file)), "description", "x");
    let told = record(&school, "anna", "anna", "");
    assert_eq!(
        (&told["creatorMatricNo"], told.get("lastUpdatedByMatricNo")),
        (&json!("A1"), None)
    );
}

// Comments

#[test]
fn comments_are_told_oldest_first_with_their_marks() {
    let school = School::new(&["tutor", "member"]);
    let (folder, id) = school.folder_uuid("f");
    school.set(format!("pages/{folder}"), "allowComments", "true");
    let file = school.file(folder, "a");
    let uuid = school.uuid(format!("files/{file}"));
    let other = school.file(folder, "b");
    comment(
        &school,
        "tutor",
        other,
        COMMENTS[0],
        &json!({"remark": "elsewhere"}),
    );
    let full = json!({
        "remark": "well done", "publish": true, "mark": 8.0, "moderation": 0.5, "fileRemarksAttachment": "x.pdf", "y": 1
    });
    comment(
        &school,
        "tutor",
        file,
        COMMENTS[0],
        &json!({"remark": "first"}),
    );
    comment(
        &school,
        "member",
        file,
        COMMENTS[1],
        &json!({"remark": "", "mark": 7}),
    );
    comment(
        &school,
        "tutor",
        file,
        COMMENTS[2],
        &json!({"remark": "r", "publish": false, "moderation": -1}),
    );
    // A change makes none younger.
    comment(&school, "admin", file, COMMENTS[0], &full);
    let told = record(&school, "tutor", "a", "?populate=comment");
    let comments = told["comment"].as_array().unwrap();
    let ids: Vec<&str> = comments
        .iter()
        .map(|comment| comment["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, COMMENTS);
    let mut first = comments[0].clone();
    assert!(first["createdDate"].as_str() < first["lastUpdatedDate"].as_str());
    first["createdDate"].take();
    first["lastUpdatedDate"].take();
    let (tutor, admin) = (school.uuid("users/tutor"), school.uuid("users/admin"));
    assert_eq!(
        first,
        json!({
            "id": COMMENTS[0], "targetID": uuid, "resourceID": id, "publish": true, "remark": "well done", "mark": 8.0,
            "moderation": 0.5, "finalMark": 8.5, "fileRemarksAttachment": "x.pdf", "createdDate": null,
            "creatorID": tutor, "creatorName": "tutor", "creatorUserID": "tutor", "lastUpdatedDate": null,
            "lastUpdatedBy": admin, "lastUpdatedByName": "admin", "lastUpdatedByUserID": "admin"
        })
    );
    let second = &comments[1];
    assert_eq!(
        (second["mark"].as_f64(), second["finalMark"].as_f64()),
        (Some(7.0), Some(7.0))
    );
    assert_eq!(
        (&second["remark"], &second["publish"]),
        (&json!(""), &json!(true))
    );
    let third = &comments[2];
    assert_eq!(
        (&third["publish"], third["moderation"].as_f64()),
        (&json!(false), Some(-1.0))
    );
    for (comment, absent) in [
        (second, "moderation"),
        (second, "fileRemarksAttachment"),
        (third, "mark"),
        (third, "finalMark"),
    ] {
        assert_eq!(comment.get(absent), None, "{absent}");
    }
}

#[test]
fn a_comment_that_was_deleted_is_gone_and_made_again_it_is_new() {
    let school = School::new(&["tutor"]);
    let file = school.file(school.root, "a");
    for id in COMMENTS {
        comment(&school, "admin", file, id, &json!({"remark": "r"}));
    }
    let delete = |id: &str| {
        let path = format!("/files/{file}/properties/luminus.comment.{id}");
        school.server.delete(path).gives(200);
    };
    delete(COMMENTS[0]);
    // What is made again is new.
    comment(
        &school,
        "tutor",
        file,
        COMMENTS[0],
        &json!({"remark": "again"}),
    );
    let told = record(&school, "tutor", "a", "?populate=comment");
    let comments = told["comment"].as_array().unwrap();
    assert_eq!(comments.len(), 3);
    assert_eq!(
        (&comments[2]["id"], &comments[2]["creatorUserID"]),
        (&json!(COMMENTS[0]), &json!("tutor"))
    );
    for id in COMMENTS {
        delete(id);
    }
    let told = record(&school, "tutor", "a", "?populate=comment");
    assert_eq!(
        (&told["hasComments"], &told["comment"]),
        (&json!(false), &json!([]))
    );
}

#[test]
fn comments_that_are_not_published_are_for_staff() {
    let school = School::new(&["tutor", "member"]);
    let (folder, _) = school.folder_uuid("f");
    school.set(format!("pages/{folder}"), "allowComments", "true");
    let file = school.file(folder, "a");
    let check = |member: usize, tutor: usize| {
        for (who, count) in [("member", member), ("tutor", tutor), ("admin", tutor)] {
            let told = record(&school, who, "a", "?populate=comment");
            assert_eq!(told["comment"].as_array().unwrap().len(), count, "{who}");
            assert_eq!(told["hasComments"], count > 0, "{who}");
            let told = record(&school, who, "a", "");
            assert_eq!(
                (told.get("comment"), &told["hasComments"]),
                (None, &json!(count > 0))
            );
        }
    };
    check(0, 0);
    let [first, second, _] = COMMENTS;
    comment(
        &school,
        "tutor",
        file,
        first,
        &json!({"remark": "r", "publish": false}),
    );
    check(0, 1);
    // Not even his own.
    comment(
        &school,
        "member",
        file,
        second,
        &json!({"remark": "r", "publish": false}),
    );
    check(0, 2);
    comment(&school, "member", file, second, &json!({"remark": "r"}));
    check(1, 2);
    comment(
        &school,
        "tutor",
        file,
        first,
        &json!({"remark": "r", "publish": true}),
    );
    check(2, 2);
    // What a comment says is not searched.
    assert_eq!(find(&school, "tutor", &space_of(&school), "remark"), NONE);
}

#[test]
fn a_comment_of_odd_numbers_or_in_capital_letters_breaks_no_answer() {
    let school = School::new(&["tutor"]);
    let file = school.file(school.root, "a");
    let [first, second, third] = COMMENTS;
    let huge = "{\"remark\":\"r\",\"mark\":1e308,\"moderation\":1e308}";
    let path = format!("/@api/deki/files/{file}/properties/luminus.comment.{first}");
    school.by("tutor", "PUT", path).text(huge).gives(200);
    comment(
        &school,
        "tutor",
        file,
        &second.to_uppercase(),
        &json!({"remark": "\u{1}\u{fffe}", "mark": -0.1}),
    );
    comment(
        &school,
        "tutor",
        file,
        third,
        &json!({"remark": "é".repeat(20_000), "mark": 0.1, "moderation": 0.2}),
    );
    let told = record(&school, "tutor", "a", "?populate=comment");
    let comments = told["comment"].as_array().unwrap();
    assert_eq!(comments[0].get("finalMark"), None);
    assert_eq!(comments[1]["id"], second);
    assert_eq!(comments[2]["finalMark"].as_f64(), Some(0.1 + 0.2));
}

#[test]
fn a_batch_of_comments_is_refused_whole_if_one_of_them_may_not_be_made() {
    let school = School::new(&["tutor", "member"]);
    school.person("mel", "member");
    let (folder, _) = school.folder_uuid("f");
    let file = school.file(folder, "a");
    let batch = |who: &str, ids: &[&str]| {
        let items = crate::harness::properties(ids, |id| {
            format!(
                "<property name='luminus.comment.{id}'><contents type='text/plain'>{{\"remark\":\"r\"}}</contents></property>"
            )
        });
        let path = format!("/@api/deki/files/{file}/properties");
        school.by(who, "PUT", path).xml(items).send().status
    };
    let count = || {
        let told = record(&school, "tutor", "a", "?populate=comment");
        told["comment"].as_array().unwrap().len()
    };
    assert_eq!((batch("mel", &COMMENTS[..1]), count()), (403, 0));
    school.set(format!("pages/{folder}"), "allowComments", "true");
    assert_eq!((batch("mel", &COMMENTS[..1]), count()), (200, 1));
    assert_eq!(
        (batch("member", &[COMMENTS[1], COMMENTS[0]]), count()),
        (403, 1)
    );
    assert_eq!((batch("member", &COMMENTS[1..]), count()), (200, 3));
}

// As documented

#[test]
fn the_documented_request_gives_the_documented_answer() {
    let school = School::new(&[]);
    school.person_of(&json!({"login": "tess", "name": "Tess Teacher"}), "teacher");
    let (folder, id) = school.folder_uuid("Lecture notes");
    let file = upload(&school, "tess", folder, "lecture-01.pdf", "application/pdf");
    let remark = json!({"remark": "well done", "mark": 8.0, "moderation": 0.5});
    comment(&school, "tess", file, COMMENTS[1], &remark);
    let space = space_of(&school);
    let send = |text: &str| {
        let request = format!(
            "GET /files/{space}/search?SearchText={text}&populate=comment HTTP/1.1\r\nHost: {}\r\n\
             User-Agent: curl/8.5.0\r\nAccept: */*\r\nOcp-Apim-Subscription-Key: {}\r\n\r\n",
            school.server.address(),
            school.token("tess")
        );
        let mut connection = school.server.connect();
        connection.write(request.as_bytes());
        connection.read("GET")
    };
    let found = crate::schemas::told_by(&send("lecture"), Shape::Found);
    let mut wanted = told_fields(&found["folders"], &["id", "name"]);
    assert_eq!(wanted, json!([id, "Lecture notes"]));
    let uuid = school.uuid(format!("files/{file}"));
    let fields = [
        "id",
        "parentID",
        "resourceID",
        "publish",
        "name",
        "url",
        "description",
        "isCompulsory",
        "allowDownload",
        "fileFormat",
        "fileName",
        "hasComments",
        "creatorID",
    ];
    wanted = told_fields(&found["files"], &fields);
    assert_eq!(
        wanted,
        json!([
            uuid,
            uuid,
            id,
            true,
            "lecture-01.pdf",
            "",
            "",
            false,
            true,
            "File",
            "lecture-01.pdf",
            true,
            school.uuid("users/tess")
        ])
    );
    let comments = &found["files"][0]["comment"];
    let fields = [
        "id",
        "targetID",
        "resourceID",
        "publish",
        "mark",
        "moderation",
        "finalMark",
        "remark",
    ];
    assert_eq!(
        told_fields(comments, &fields),
        json!([COMMENTS[1], uuid, id, true, 8.0, 0.5, 8.5, "well done"])
    );
    let words = crate::schemas::error_of(&send("le").is(400));
    assert_eq!(words, "Bad Request: SearchText needs at least 3 characters");
}

/// These fields of the only record in a list.
fn told_fields(list: &Value, fields: &[&str]) -> Value {
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 1);
    fields.iter().map(|field| list[0][*field].clone()).collect()
}

//! `PUT {owner}/properties`: what a batch may say, what becomes of each item, and how the answer tells it
//! (`mindtouch.md` §5, §7).

use crate::harness::{
    Answer, Node, Server, assert_time, error_message, etag_parts, path_of, properties,
};

/// A file with the property `p`, whose value is `old`.
struct Case<'a> {
    server: &'a Server,
    file: String,
    etag: String,
}

impl<'a> Case<'a> {
    fn new(server: &'a Server) -> Self {
        let file = server.new_file();
        let etag = server.property(&file, "p", "old");
        Case { server, file, etag }
    }

    fn id(&self) -> i64 {
        etag_parts(&self.etag).0
    }

    /// Sends one item, in which `ETAG` stands for the etag of `p`.
    fn send(&self, item: &str) -> Answer {
        let item = item.replace("ETAG", &self.etag);
        let document = format!("<properties>{item}</properties>");
        self.server.batch(&self.file, document)
    }

    /// The item is done: its block.
    fn done(&self, item: &str) -> Node {
        let answer = self.send(item).is(200).xml();
        assert_eq!(answer.attr("count"), "1");
        let [block] = &answer.children[..] else {
            panic!("{answer:?}")
        };
        assert_eq!(block.child("status").attr("code"), "200");
        block.clone()
    }

    /// The item is refused in these words, and `p` is what it was.
    fn refused(&self, item: &str, code: u16, message: &str) {
        let answer = self.send(item).is(207).xml();
        assert_eq!(answer.attr("count"), "0", "{item}");
        let [block] = &answer.children[..] else {
            panic!("{answer:?}")
        };
        assert_eq!(block.names(), ["status"]);
        assert_eq!(
            block.child("status").attr("code"),
            code.to_string(),
            "{item}"
        );
        let error = block.child("status").child("error");
        assert_eq!(error_message(error, code), message, "{item}");
        assert_eq!(self.value("p"), b"old", "{item}");
    }

    fn value(&self, name: &str) -> Vec<u8> {
        let path = format!("{}/properties/{name}", self.file);
        self.server.get(path).gives(200).body
    }

    /// What a `<contents>` of this type and this inside is stored as.
    fn stored(&self, media_type: &str, inside: &str) -> Vec<u8> {
        self.done(&format!(
            "<property name=\"p\" etag=\"ETAG\"><contents type=\"{media_type}\">{inside}</contents></property>"
        ));
        self.value("p")
    }
}

#[test]
fn a_missing_property_is_created() {
    let server = Server::start();
    let case = Case::new(&server);
    let block = case.done("<property name='n'><contents type='text/plain'>v</contents></property>");
    assert_eq!(etag_parts(block.attr("etag")), (case.id() + 1, 1));
    assert_eq!(block.child("contents").text, "v");
    assert_eq!(case.value("n"), b"v");
}

#[test]
fn a_matching_etag_makes_the_next_revision() {
    let server = Server::start();
    let case = Case::new(&server);
    let block = case
        .done("<property name='p' etag='ETAG'><contents type='text/plain'>v</contents></property>");
    assert_eq!(etag_parts(block.attr("etag")), (case.id(), 2));
    assert_eq!(case.value("p"), b"v");
    let again = case
        .send("<property name='p' etag='ETAG'><contents type='text/plain'>w</contents></property>");
    assert_eq!(again.is(207).xml().attr("count"), "0");
    assert_eq!(case.value("p"), b"v");
}

#[test]
fn a_missing_or_stale_etag_is_409_and_says_which() {
    let server = Server::start();
    let case = Case::new(&server);
    for (given, shown) in [
        ("", String::new()),
        ("etag=''", String::new()),
        ("etag='x'", "x".to_owned()),
        // In a batch nothing is stripped.
        ("etag='&quot;ETAG&quot;'", format!("\"{}\"", case.etag)),
        ("etag='W/ETAG'", format!("W/{}", case.etag)),
        ("etag=' ETAG'", format!(" {}", case.etag)),
    ] {
        let id = case.id();
        case.refused(
            &format!(
                "<property name='p' {given}><contents type='text/plain'>v</contents></property>"
            ),
            409,
            &format!(
                "Given ETag '{shown}' for resource id '{id}' does not match ETag for HEAD revision."
            ),
        );
    }
}

#[test]
fn an_etag_for_a_missing_property_is_409_and_an_empty_one_is_none() {
    let server = Server::start();
    let case = Case::new(&server);
    case.refused(
        "<property name='n' etag='ETAG'><contents type='text/plain'>v</contents></property>",
        409,
        "Received an unexpected etag on a new property addition",
    );
    case.done("<property name='n' etag=''><contents type='text/plain'>v</contents></property>");
}

#[test]
fn without_contents_a_property_is_deleted_and_the_answer_shows_what_it_was() {
    let server = Server::start();
    let case = Case::new(&server);
    let block = case.done("<property name='p'/>");
    assert_eq!(etag_parts(block.attr("etag")), (case.id(), 2));
    let names = "contents date.modified user.modified user.deleted date.deleted status";
    assert_eq!(block.names().join(" "), names);
    let contents = block.child("contents");
    assert_eq!(
        (contents.text.as_str(), contents.attr("size")),
        ("old", "3")
    );
    assert_eq!(block.child("user.deleted").attr("id"), "1");
    assert_eq!(
        block.child("user.deleted").children,
        block.child("user.modified").children
    );
    assert_eq!(
        block.child("date.deleted").text,
        block.child("date.modified").text
    );
    assert_time(&block.child("date.deleted").text);
    let list = server.get(format!("{}/properties", case.file)).gives(200);
    assert_eq!(list.xml().attr("count"), "0");
    server
        .get(format!("{}/properties/p", case.file))
        .fails(404, "Property 'p' not found");
}

#[test]
fn a_delete_needs_no_etag_but_one_that_is_given_must_match() {
    let server = Server::start();
    let case = Case::new(&server);
    let id = case.id();
    case.refused(
        "<property name='p' etag='x'/>",
        409,
        &format!("Given ETag 'x' for resource id '{id}' does not match ETag for HEAD revision."),
    );
    case.done("<property name='p' etag='ETAG'/>");
}

#[test]
fn what_is_not_there_cannot_be_deleted() {
    let server = Server::start();
    let case = Case::new(&server);
    for item in [
        "<property name='n'/>",
        "<property name='n'></property>",
        "<property name='n' etag='x'/>",
    ] {
        let message = "The property 'n' does not exist and cannot be deleted.";
        case.refused(item, 400, message);
    }
}

#[test]
fn a_property_that_was_deleted_comes_back_as_another_one() {
    let server = Server::start();
    let case = Case::new(&server);
    case.done("<property name='p'/>");
    let again = case.done("<property name='p'><contents type='text/plain'>v</contents></property>");
    assert_eq!(etag_parts(again.attr("etag")), (case.id() + 1, 1));
    case.done("<property name='p'/>");
    let third = case.done("<property name='p'><contents type='text/plain'>v</contents></property>");
    assert_eq!(etag_parts(third.attr("etag")), (case.id() + 2, 1));
}

#[test]
fn empty_contents_are_an_empty_value_and_no_delete() {
    let server = Server::start();
    for inside in [
        "<contents type='text/plain'/>",
        "<contents type='text/plain'></contents>",
    ] {
        let case = Case::new(&server);
        let block = case.done(&format!(
            "<property name='p' etag='ETAG'>{inside}</property>"
        ));
        assert_eq!(block.child("contents").attr("size"), "0");
        assert_eq!(case.value("p"), b"");
    }
}

#[test]
fn a_value_may_be_nothing_but_an_entity() {
    let server = Server::start();
    for (inside, value) in [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#38;", "&"),
        ("<![CDATA[]]>&lt;", "<"),
        ("<!-- -->&amp;<!-- -->", "&"),
        ("&amp;&amp;", "&&"),
        ("<![CDATA[<]]>", "<"),
    ] {
        let case = Case::new(&server);
        assert_eq!(
            case.stored("text/plain", inside),
            value.as_bytes(),
            "{inside}"
        );
    }
}

#[test]
fn a_type_that_is_none_is_400_before_the_etag_is_looked_at() {
    let server = Server::start();
    let case = Case::new(&server);
    for given in [
        "",
        "/",
        "a/",
        "/b",
        "a/b/c",
        "text",
        "text/plain; x",
        "t xt/plain",
    ] {
        let message = format!("The property 'p' does not have a valid mimetype: '{given}'");
        let item = format!("<property name='p'><contents type='{given}'>v</contents></property>");
        case.refused(&item, 400, &message);
    }
    case.refused(
        "<property name='p'><contents>v</contents></property>",
        400,
        "The property 'p' does not have a valid mimetype: ''",
    );
}

#[test]
fn a_name_has_1_to_255_characters() {
    let server = Server::start();
    let case = Case::new(&server);
    let nameless = "A property needs a name: give the attribute 'name' a value.";
    case.refused(
        "<property><contents type='text/plain'>v</contents></property>",
        400,
        nameless,
    );
    case.refused("<property name=''/>", 400, nameless);
    for c in ["x", "é", "𝒳"] {
        case.refused(
            &format!("<property name='{}'/>", c.repeat(256)),
            400,
            "The property name is invalid: a name has at most 255 characters, this one has 256.",
        );
        case.done(&format!(
            "<property name='{}'><contents type='text/plain'/></property>",
            c.repeat(255)
        ));
    }
}

#[test]
fn of_several_contents_the_first_counts() {
    let server = Server::start();
    let case = Case::new(&server);
    case.done(
        "<property name='p' etag='ETAG'><contents type='text/plain'>1</contents>
         <contents type='text/html'>2</contents></property>",
    );
    assert_eq!(case.value("p"), b"1");
}

#[test]
fn types_of_text_are_stored_and_others_are_refused() {
    let server = Server::start();
    for media_type in [
        "text/plain",
        "text/html",
        "text/xml",
        "application/xml",
        "image/svg+xml",
        "application/json",
        "text/x-anything; charset=utf-8; format=flowed",
    ] {
        let case = Case::new(&server);
        assert_eq!(case.stored(media_type, "v"), b"v", "{media_type}");
    }
    let case = Case::new(&server);
    for media_type in [
        "image/png",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
    ] {
        case.refused(
            &format!("<property name='p' etag='ETAG'><contents type='{media_type}'>v</contents></property>"),
            400,
            &format!(
                "Only text values are allowed to be modified via this feature, and '{media_type}' is not text: \
                 use PUT properties/{{key}} instead."
            ),
        );
    }
}

#[test]
fn a_type_comes_back_in_one_spelling() {
    let server = Server::start();
    let case = Case::new(&server);
    let block = case.done(
        "<property name='n'><contents type='Text/PLAIN;charset=\"UTF-8\" ;x=y'>v</contents></property>",
    );
    assert_eq!(
        block.child("contents").attr("type"),
        "text/plain; charset=UTF-8; x=y"
    );
}

#[test]
fn text_is_stored_in_the_charset_of_its_type_and_shown_as_it_was() {
    let server = Server::start();
    for (media_type, text, bytes) in [
        ("text/plain", "é€𝒳", "é€𝒳".as_bytes()),
        ("text/plain; charset=utf-8", "é", "é".as_bytes()),
        ("text/plain; charset=ISO-8859-1", "é&#x80;", b"\xE9\x80"),
        ("text/plain; charset=us-ascii", "e", b"e"),
    ] {
        let case = Case::new(&server);
        assert_eq!(case.stored(media_type, text), bytes, "{media_type}");
        let list = server
            .get(format!("{}/properties", case.file))
            .gives(200)
            .xml();
        let contents = list.property("p").child("contents");
        assert_eq!(contents.text, text.replace("&#x80;", "\u{80}"));
        assert_eq!(contents.attr("size"), bytes.len().to_string());
    }
    let case = Case::new(&server);
    for (charset, text) in [("us-ascii", "é"), ("iso-8859-1", "€"), ("klingon", "e")] {
        let answer = case.send(&format!(
            "<property name='p' etag='ETAG'><contents type='text/plain; charset={charset}'>{text}</contents></property>"
        ));
        let answer = answer.is(207).xml();
        assert_eq!(
            answer.property("p").child("status").attr("code"),
            "400",
            "{charset}"
        );
        assert_eq!(case.value("p"), b"old");
    }
}

#[test]
fn text_is_kept_to_the_letter() {
    let server = Server::start();
    for (inside, stored) in [
        ("  a  ", "  a  "),
        (" \t\n ", " \t\n "),
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a&#13;&#10;b", "a\r\nb"),
        ("&lt;&amp;&gt;&quot;&apos;", "<&>\"'"),
        ("&#233;&#xE9;&#x1D4B3;", "éé𝒳"),
        ("<![CDATA[<a>&amp;</a>]]>", "<a>&amp;</a>"),
        ("x<![CDATA[ ]]>y", "x y"),
        ("a<!-- no -->b", "ab"),
        ("<!-- no -->", ""),
        ("a<?pi no?>b", "ab"),
        ("]]&gt;", "]]>"),
        (
            "\u{FEFF}a\u{202E}\u{0085}\u{2028}",
            "\u{FEFF}a\u{202E}\u{0085}\u{2028}",
        ),
    ] {
        let case = Case::new(&server);
        let bytes = case.stored("text/plain", inside);
        assert_eq!(String::from_utf8(bytes).unwrap(), stored, "{inside:?}");
        let list = server
            .get(format!("{}/properties", case.file))
            .gives(200)
            .xml();
        assert_eq!(
            list.property("p").child("contents").text,
            stored,
            "{inside:?}"
        );
    }
}

#[test]
fn unescaped_elements_are_stored_as_markup() {
    let server = Server::start();
    for (inside, stored) in [
        ("<foo/>", "<foo/>"),
        (" <a b='1'>x &amp; y</a>z ", " <a b='1'>x &amp; y</a>z "),
        ("<a><![CDATA[<]]></a>", "<a><![CDATA[<]]></a>"),
        (
            "<contents><property name='q'/></contents>",
            "<contents><property name='q'/></contents>",
        ),
    ] {
        let case = Case::new(&server);
        let bytes = case.stored("application/xml", inside);
        assert_eq!(String::from_utf8(bytes).unwrap(), stored);
    }
}

#[test]
fn stored_markup_carries_the_namespaces_that_it_needs() {
    let server = Server::start();
    let file = server.file("f");
    let document = "<properties xmlns:x='urn:x' xmlns:y='urn:y' xmlns:z='urn:z'>
        <property name='p'><contents type='text/xml' xmlns:y='urn:y2'><x:a y:b='1'><c xmlns='urn:c'/></x:a></contents></property>
        </properties>";
    assert_eq!(
        server.batch(&file, document).is(200).xml().attr("count"),
        "1"
    );
    let value = server.get(format!("{file}/properties/p")).gives(200);
    let root = Node::read(value.text());
    assert_eq!((root.name.as_str(), root.attr("y:b")), ("x:a", "1"));
    assert_eq!(
        (root.attr("xmlns:x"), root.attr("xmlns:y")),
        ("urn:x", "urn:y2")
    );
    assert_eq!(root.find_attr("xmlns:z"), None);
    assert_eq!(root.child("c").attr("xmlns"), "urn:c");
}

#[test]
fn unknown_elements_attributes_comments_and_blanks_are_passed_over() {
    let server = Server::start();
    let case = Case::new(&server);
    let block = case.done(
        "<!-- a --> text <other><property name='p'/></other><?pi?>
         <property name='n' unknown='1'> text <else><contents type='a'/></else> <contents type='text/plain'>v</contents></property>",
    );
    assert_eq!(block.attr("name"), "n");
    assert_eq!(case.value("p"), b"old");
}

#[test]
fn both_elements_describe_a_change_and_description_wins() {
    let server = Server::start();
    for (elements, description) in [
        ("<description>a</description>", Some("a")),
        ("<change-description>b</change-description>", Some("b")),
        (
            "<change-description>b</change-description><description>a</description>",
            Some("a"),
        ),
        (
            "<description>a</description><change-description>b</change-description>",
            Some("a"),
        ),
        ("<description/>", None),
        ("", None),
        ("<description>&lt;é&gt; </description>", Some("<é> ")),
    ] {
        let case = Case::new(&server);
        let block = case.done(&format!(
            "<property name='p' etag='ETAG'><contents type='text/plain'>v</contents>{elements}</property>"
        ));
        let shown = block
            .all("change-description")
            .first()
            .map(|e| e.text.as_str());
        assert_eq!(shown, description, "{elements}");
        let info = server
            .get(format!("{}/properties/p/info", case.file))
            .gives(200)
            .xml();
        let shown = info
            .all("change-description")
            .first()
            .map(|e| e.text.clone());
        assert_eq!(shown.as_deref(), description, "{elements}");
    }
}

#[test]
fn a_description_has_at_most_4096_characters() {
    let server = Server::start();
    let case = Case::new(&server);
    let item = |chars: usize| {
        let text = "é".repeat(chars);
        format!(
            "<property name='p' etag='ETAG'><contents type='text/plain'>v</contents><description>{text}</description></property>"
        )
    };
    case.refused(
        &item(4097),
        400,
        "The property is invalid: a description has at most 4096 characters.",
    );
    let block = case.done(&item(4096));
    assert_eq!(block.child("change-description").text, "é".repeat(4096));
}

#[test]
fn a_text_of_2048_bytes_is_shown_and_one_of_2049_is_not() {
    let server = Server::start();
    for (text, shown) in [
        ("x".repeat(2048), true),
        ("x".repeat(2049), false),
        ("é".repeat(1024), true),
        (format!("x{}", "é".repeat(1024)), false),
    ] {
        let case = Case::new(&server);
        let block = case.done(&format!(
            "<property name='n'><contents type='text/plain'>{text}</contents></property>"
        ));
        let expected = if shown { text.as_str() } else { "" };
        assert_eq!(block.child("contents").text, expected);
        assert_eq!(block.child("contents").attr("size"), text.len().to_string());
        let list = server
            .get(format!("{}/properties", case.file))
            .gives(200)
            .xml();
        assert_eq!(list.property("n").child("contents").text, expected);
        assert_eq!(case.value("n"), text.as_bytes());
    }
}

#[test]
fn only_text_is_shown() {
    let server = Server::start();
    for (media_type, shown) in [
        ("text/plain", "v"),
        ("text/xml", "v"),
        ("application/xml", ""),
        ("application/json", ""),
    ] {
        let case = Case::new(&server);
        let block = case.done(&format!(
            "<property name='n'><contents type='{media_type}'>v</contents></property>"
        ));
        assert_eq!(block.child("contents").text, shown, "{media_type}");
        assert_eq!(block.child("contents").attr("size"), "1");
    }
}

#[test]
fn the_block_of_a_property_has_its_order() {
    let server = Server::start();
    let file = server.file("f");
    let answer = server.batch(
        &file,
        "<properties><property name='a b'><contents type='text/plain'>v</contents><description>d</description></property></properties>",
    );
    assert_eq!(answer.field("x-deki-site"), Some("id=\"default\""));
    let host = server.address();
    let base = format!("http://{host}/@api/deki");
    let properties = answer.is(200).xml();
    assert_eq!(properties.attribute_names(), ["count", "href"]);
    assert_eq!(properties.attr("href"), format!("{base}{file}/properties"));
    let block = properties.property("a b");
    assert_eq!(block.attribute_names(), ["name", "href", "etag"]);
    assert_eq!(
        block.attr("href"),
        format!("{base}{file}/properties/a%2bb/info")
    );
    let names = "contents date.modified user.modified change-description status";
    assert_eq!(block.names().join(" "), names);
    let contents = block.child("contents");
    assert_eq!(contents.attribute_names(), ["type", "size", "href"]);
    assert_eq!(
        contents.attr("href"),
        format!("{base}{file}/properties/a%2bb")
    );
    let time = &block.child("date.modified").text;
    assert_time(time);
    assert!(block.attr("etag").ends_with(&format!(".r1_ts{time}")));
    let user = block.child("user.modified");
    assert_eq!(user.attribute_names(), ["id", "href"]);
    assert_eq!(user.attr("href"), format!("{base}/users/1"));
    assert_eq!(user.names(), ["nick", "username", "fullname", "email"]);
    assert_eq!(
        (&*user.child("nick").text, &*user.child("username").text),
        ("admin", "admin")
    );
    // A list shows the same, without the status.
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    let mut listed = list.property("a b").clone();
    listed.children.push(block.child("status").clone());
    assert_eq!(&listed, block);
}

#[test]
fn successes_come_first_then_failures_each_in_the_order_of_the_request() {
    let server = Server::start();
    let file = server.file("f");
    server.property(&file, "here", "v");
    let answer = server.batch(
        &file,
        "<properties>
           <property name='no1'/>
           <property name='yes1'><contents type='text/plain'>1</contents></property>
           <property name='here'><contents type='text/plain'>2</contents></property>
           <property name='yes2'><contents type='text/plain'>3</contents></property>
           <property name='no2'><contents type='?'>4</contents></property>
           <property name='yes3'><contents type='text/plain'>5</contents></property>
         </properties>",
    );
    let answer = answer.is(207).xml();
    assert_eq!(answer.attr("count"), "3");
    assert_eq!(
        answer.property_names(),
        ["yes1", "yes2", "yes3", "no1", "here", "no2"]
    );
    let codes: Vec<_> = answer
        .children
        .iter()
        .map(|block| block.child("status").attr("code"))
        .collect();
    assert_eq!(codes, ["200", "200", "200", "400", "409", "400"]);
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    assert_eq!(list.property_names(), ["here", "yes1", "yes2", "yes3"]);
}

#[test]
fn a_refused_item_names_the_request_uri_without_its_query() {
    let server = Server::start();
    let answer = server
        .put("/pages/home/properties?x=1")
        .xml("<properties><property name='n'/></properties>")
        .gives(207)
        .xml();
    let error = answer.property("n").child("status").child("error");
    let uri = format!(
        "http://{}/@api/deki/pages/home/properties",
        server.address()
    );
    assert_eq!(error.child("uri").text, uri);
    assert_eq!(
        answer.attr("href"),
        uri.replace("pages/home", "pages/1"),
        "links carry numbers"
    );
}

#[test]
fn pages_users_and_the_site_own_properties_as_files_do() {
    let server = Server::start();
    for (owner, number) in [
        ("/pages/home", "/pages/1"),
        ("/pages/HOME", "/pages/1"),
        ("/users/current", "/users/1"),
        ("/users/=ADMIN", "/users/1"),
        ("/site", "/site"),
    ] {
        let answer = server.batch(
            owner,
            "<properties><property name='p'><contents type='text/plain'>v</contents></property></properties>",
        );
        let answer = answer.is(200).xml();
        let href = answer.property("p").child("contents").attr("href");
        assert_eq!(path_of(href), format!("/@api/deki{number}/properties/p"));
        assert_eq!(server.get(path_of(href)).gives(200).body, b"v");
        server
            .batch(owner, "<properties><property name='p'/></properties>")
            .is(200);
    }
}

#[test]
fn properties_of_different_owners_do_not_meet() {
    let server = Server::start();
    let owners = [
        server.file("a"),
        server.file("b"),
        "/pages/1".into(),
        "/users/1".into(),
        "/site".into(),
    ];
    for owner in &owners {
        server.property(owner, "p", owner);
    }
    for owner in &owners {
        let value = server.get(format!("{owner}/properties/p")).gives(200);
        assert_eq!(value.text(), owner);
    }
}

#[test]
fn a_page_has_a_language_that_only_its_element_changes() {
    let server = Server::start();
    let language = || {
        let list = server.get("/pages/home/properties").gives(200).xml();
        let element = list.children.last().unwrap().clone();
        assert_eq!(
            (element.name.as_str(), element.attr("deprecated")),
            ("language", "true")
        );
        assert_eq!(list.attr("count"), list.all("property").len().to_string());
        element.text
    };
    let first = language();
    let answer = server.batch(
        "/pages/home",
        "<properties><language>de-de</language></properties>",
    );
    assert_eq!(answer.is(200).xml().attr("count"), "0");
    assert_ne!(first, "de-de");
    assert_eq!(language(), "de-de");
    let property = "<property name='p'><contents type='text/plain'>v</contents></property>";
    server
        .batch(
            "/pages/home",
            format!("<properties>{property}</properties>"),
        )
        .is(200);
    assert_eq!(language(), "de-de");
    server
        .batch(
            "/pages/home",
            "<properties><property name='p'/><language>fr</language></properties>",
        )
        .is(200);
    assert_eq!(language(), "fr");
    let file = server.file("f");
    server
        .batch(&file, "<properties><language>de</language></properties>")
        .is(200);
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    assert!(list.children.is_empty());
}

/// A whole request that fails, and writes nothing.
fn check_failed(media_type: Option<&str>, body: impl AsRef<[u8]>, status: u16, message: &str) {
    let server = Server::start();
    let file = server.file("f");
    let call = server.put(format!("{file}/properties")).body(body);
    let call = match media_type {
        Some(media_type) => call.field("Content-Type", media_type),
        None => call,
    };
    let answer = call.gives(status);
    assert!(answer.message().contains(message), "{}", answer.message());
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    assert_eq!(list.attr("count"), "0");
}

const GOOD: &str = "<properties><property name='a'><contents type='text/plain'>v</contents></property></properties>";

#[test]
fn a_name_that_is_there_twice_fails_the_whole_batch() {
    let twice = "The property 'a' is included two or more times.";
    let item = "<property name='a'><contents type='text/plain'>v</contents></property>";
    for more in [
        item,
        "<property name='a'/>",
        "<property name='a'><contents type='?'/></property>",
    ] {
        let document = format!("<properties>{item}{more}</properties>");
        check_failed(Some("application/xml"), document, 400, twice);
    }
    check_failed(
        Some("application/xml"),
        format!("<properties>{item}<property/><property name=''/></properties>"),
        400,
        "The property '' is included two or more times.",
    );
}

#[test]
fn names_that_differ_in_case_or_normalisation_are_different() {
    let server = Server::start();
    let file = server.file("f");
    let names = ["a", "A", "a ", "\u{e9}", "e\u{301}", "É"];
    let document = properties(names, |n| {
        format!("<property name='{n}'><contents type='text/plain'>{n}</contents></property>")
    });
    let answer = server.batch(&file, document);
    assert_eq!(answer.is(200).xml().property_names(), names);
}

#[test]
fn a_body_that_is_no_batch_is_400() {
    for (body, message) in [
        ("", "no root element"),
        ("properties", "text outside of the root element"),
        ("<properties>", "not closed"),
        ("<properties></property>", "(line 1, column 13)"),
        ("<property name='a'/>", "it has to be <properties>"),
        ("<Properties/>", "it has to be <properties>"),
        ("<properties xmlns='urn:x'/>", "leave xmlns"),
        (
            "<x:properties xmlns:x='urn:x'/>",
            "it has to be <properties>",
        ),
        ("<properties/><properties/>", "second root"),
        ("<properties>&nbsp;</properties>", "nbsp"),
        ("<properties>\u{1}</properties>", "U+0001"),
        ("<properties>&#1;</properties>", "(line 1"),
        ("<properties x='1' x='2'/>", "twice"),
        ("{\"properties\":[]}", "outside of the root"),
    ] {
        check_failed(Some("application/xml"), body, 400, message);
    }
    check_failed(
        Some("application/xml"),
        GOOD.replace("</", "</ "),
        400,
        "(line 1",
    );
    check_failed(
        Some("application/xml"),
        GOOD.replace("<property ", "<property xmlns='urn:x' "),
        400,
        "leave xmlns",
    );
    check_failed(
        Some("application/xml"),
        GOOD.replace("<contents ", "<contents xmlns='urn:x' "),
        400,
        "leave xmlns",
    );
}

#[test]
fn a_body_that_is_not_xml_by_its_type_is_415() {
    for media_type in [
        "text/plain",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/html",
        "xml",
        "application/xmlx",
    ] {
        check_failed(Some(media_type), GOOD, 415, "Content-Type: application/xml");
    }
    check_failed(None, GOOD, 415, "there is no Content-Type");
    check_failed(None, "", 400, "no root element");
}

#[test]
fn an_empty_batch_is_done() {
    let server = Server::start();
    for document in [
        "<properties/>",
        "<properties></properties>",
        "<?xml version='1.0'?>\n<!--x--><properties> </properties>\n",
    ] {
        let answer = server.batch("/pages/home", document).is(200).xml();
        assert_eq!(answer.attr("count"), "0");
        assert!(answer.children.is_empty());
    }
}

/// A body of this type in these bytes is read as the text `é€`.
fn check_charset(server: &Server, media_type: &str, body: &[u8], text: &str) {
    let file = server.new_file();
    let call = server
        .put(format!("{file}/properties"))
        .typed(media_type, body);
    assert_eq!(
        call.gives(200).xml().property("p").child("contents").text,
        text
    );
    let value = server.get(format!("{file}/properties/p")).gives(200);
    assert_eq!(value.text(), text, "{media_type}");
}

fn document(declaration: &str, text: &str) -> String {
    format!(
        "{declaration}<properties><property name='p'><contents type='text/plain'>{text}</contents></property></properties>"
    )
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes_of).collect()
}

#[test]
fn a_body_is_read_in_its_charset() {
    let server = Server::start();
    let (plain, le, be) = (document("", "é€𝒳"), u16::to_le_bytes, u16::to_be_bytes);
    for media_type in [
        "application/xml",
        "text/xml",
        "application/xml; charset=utf-8",
        "application/soap+xml;charset=\"UTF-8\"",
    ] {
        check_charset(&server, media_type, plain.as_bytes(), "é€𝒳");
    }
    let marked = format!("\u{FEFF}{plain}");
    check_charset(&server, "application/xml", marked.as_bytes(), "é€𝒳");
    check_charset(
        &server,
        "application/xml; charset=utf-8",
        marked.as_bytes(),
        "é€𝒳",
    );
    for bytes_of in [le, be] {
        check_charset(&server, "application/xml", &utf16(&marked, bytes_of), "é€𝒳");
        check_charset(
            &server,
            "application/xml; charset=utf-16",
            &utf16(&marked, bytes_of),
            "é€𝒳",
        );
    }
    check_charset(
        &server,
        "application/xml; charset=utf-16le",
        &utf16(&plain, le),
        "é€𝒳",
    );
    check_charset(
        &server,
        "application/xml; charset=utf-16be",
        &utf16(&plain, be),
        "é€𝒳",
    );
    let declared = document("<?xml version='1.0' encoding='utf-16'?>", "é€");
    let marked = format!("\u{FEFF}{declared}");
    check_charset(&server, "application/xml", &utf16(&marked, le), "é€");
    // ISO-8859-1 is not windows-1252: 0x80 is U+0080.
    let western = "é\u{80}\u{9F}";
    check_charset(
        &server,
        "application/xml; charset=iso-8859-1",
        &latin1(&document("", western)),
        western,
    );
    let declared = document("<?xml version='1.0' encoding='ISO-8859-1'?>", western);
    check_charset(&server, "application/xml", &latin1(&declared), western);
    // The parameter beats the declaration.
    check_charset(
        &server,
        "application/xml; charset=utf-8",
        declared.as_bytes(),
        western,
    );
}

#[test]
fn bytes_that_do_not_fit_their_charset_are_400() {
    let latin = latin1(&document("", "é"));
    check_failed(Some("application/xml"), &latin, 400, "not valid UTF-8");
    check_failed(
        Some("application/xml; charset=utf-8"),
        &latin,
        400,
        "not valid utf-8",
    );
    check_failed(
        Some("application/xml; charset=us-ascii"),
        &latin,
        400,
        "us-ascii",
    );
    check_failed(
        Some("application/xml; charset=klingon"),
        GOOD,
        400,
        "klingon",
    );
    let odd = [&b"\xFF\xFE"[..], b"<\0p"].concat();
    check_failed(Some("application/xml"), odd, 400, "UTF-16");
    check_failed(
        Some("application/xml"),
        format!("<?xml version='1.0' encoding='x-none'?>{GOOD}"),
        400,
        "x-none",
    );
    check_failed(
        Some("application/xml; charset=x-user-defined"),
        GOOD,
        400,
        "x-user-defined",
    );
}

#[test]
fn a_batch_of_16_mib_is_read_and_one_byte_more_is_413() {
    let server = Server::start();
    let file = server.file("f");
    let start = "<properties><property name='p'><contents type='text/plain'>";
    let end = "</contents></property></properties>";
    let value = "x".repeat((16 << 20) - start.len() - end.len());
    let call = |value: &str| {
        let document = format!("{start}{value}{end}");
        server.put(format!("{file}/properties")).xml(document)
    };
    let too_large = "a batch has at most 16777216 bytes: send it in parts";
    call(&format!("{value}x")).fails(413, too_large);
    call(&format!("{value}x"))
        .chunked(1 << 20)
        .fails(413, too_large);
    server.get(format!("{file}/properties/p")).gives(404);
    call(&value).chunked(1 << 20).gives(200);
    let stored = server.get(format!("{file}/properties/p")).gives(200);
    assert!(stored.body == value.as_bytes());
}

#[test]
fn a_batch_has_at_most_100_000_properties() {
    let server = Server::start();
    let file = server.file("f");
    let items = |count: usize| {
        properties(0..count, |n| {
            format!("<property name='p{n}'><contents type='text/plain'>{n}</contents></property>")
        })
    };
    let answer = server.batch(&file, items(100_001)).is(400);
    assert!(answer.message().contains("more than 100000 properties"));
    let answer = server.batch(&file, items(100_000)).is(200);
    assert!(answer.text().starts_with("<properties count=\"100000\" "));
    assert_eq!(
        answer.text().matches("<status code=\"200\"/>").count(),
        100_000
    );
    let list = server
        .get(format!("{file}/properties?names=p99999,p0"))
        .gives(200)
        .xml();
    assert_eq!(list.property_names(), ["p0", "p99999"]);
    assert_eq!(list.property("p99999").child("contents").text, "99999");
}

#[test]
fn the_documented_first_sample_gives_the_documented_answer() {
    let server = Server::start();
    let file = server.file("42");
    let etag = server.property(&file, "myprop", "initial value");
    let document = format!(
        "<properties><property name=\"myprop\" etag=\"{etag}\"><contents type=\"text/plain\">new value for property</contents>\
         <description>description of change</description></property><property name=\"propertyToDelete\"/></properties>"
    );
    let answer = server.batch(&file, document).is(207).xml();
    let href = format!("http://{}/@api/deki{file}/properties", server.address());
    assert_eq!((answer.attr("count"), answer.attr("href")), ("1", &*href));
    assert_eq!(answer.property_names(), ["myprop", "propertyToDelete"]);
    let done = answer.property("myprop");
    assert_eq!(etag_parts(done.attr("etag")), (etag_parts(&etag).0, 2));
    assert_eq!(done.attr("href"), format!("{href}/myprop/info"));
    assert_eq!(done.child("contents").text, "new value for property");
    assert_eq!(done.child("contents").attr("type"), "text/plain");
    assert_eq!(
        done.child("change-description").text,
        "description of change"
    );
    assert_eq!(done.child("status").attr("code"), "200");
    let refused = answer.property("propertyToDelete");
    assert_eq!(refused.child("status").attr("code"), "400");
    let error = refused.child("status").child("error");
    assert_eq!(
        error_message(error, 400),
        "The property 'propertyToDelete' does not exist and cannot be deleted."
    );
    assert_eq!(error.child("uri").text, href);
}

#[test]
fn the_documented_curl_sample_gives_the_documented_answer() {
    let server = Server::start();
    let file = server.file("9");
    let old = server.property(&file, "iscopyright", "no");
    let sample = include_bytes!("../../examples/fileprop.xml");
    let answer = server.batch(&file, sample).is(200).xml();
    assert_eq!(answer.attr("count"), "3");
    assert_eq!(
        answer.property_names(),
        ["blackandwhite", "type", "iscopyright"]
    );
    for (name, text, size) in [
        ("blackandwhite", "yes", "3"),
        ("type", "image", "5"),
        ("iscopyright", "no", "2"),
    ] {
        let contents = answer.property(name).child("contents");
        assert_eq!((&*contents.text, contents.attr("size")), (text, size));
        assert_eq!(answer.property(name).child("user.modified").attr("id"), "1");
    }
    let deleted = answer.property("iscopyright");
    assert_eq!(etag_parts(deleted.attr("etag")), (etag_parts(&old).0, 2));
    assert!(
        deleted
            .names()
            .ends_with(&["user.deleted", "date.deleted", "status"])
    );
    let list = server.get(format!("{file}/properties")).gives(200).xml();
    assert_eq!(list.property_names(), ["blackandwhite", "type"]);
}

#[test]
fn what_only_looks_like_a_part_of_a_batch_is_not_passed_over() {
    let server = Server::start();
    let file = server.new_file();
    let etag = server.property(&file, "p", "v");
    for inside in [
        format!(
            "<property name='p' etag='{etag}'><x:contents xmlns:x='urn:x' type='text/plain'>new</x:contents></property>"
        ),
        "<property name='p'><contents xmlns='urn:x' type='text/plain'>new</contents></property>"
            .to_owned(),
    ] {
        let answer = server
            .batch(&file, format!("<properties>{inside}</properties>"))
            .is(400);
        assert!(
            answer.message().contains("no namespace"),
            "{}",
            answer.message()
        );
        assert_eq!(
            server.get(format!("{file}/properties/p")).gives(200).text(),
            "v"
        );
    }
}

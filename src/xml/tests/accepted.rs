//! Documents that are read, and what is read from them.

use super::super::{ATTRIBUTES_MAX, DEPTH_MAX};
use super::{attributes, read};

#[track_caller]
fn check(document: &str, events: &str) {
    match read(document) {
        Ok(read) => assert_eq!(read, events, "{document:?}"),
        Err(malformed) => panic!("{document:?}: {malformed}"),
    }
}

#[test]
fn elements_attributes_and_text() {
    check("<a/>", "(a)");
    check("<a></a>", "(a)");
    check("<a ></a\n>", "(a)");
    check("<a\t/>", "(a)");
    check("<a>x</a>", r#"(a "x")"#);
    check("<a> <b/>\n</a>", r#"(a " " (b) "\n")"#);
    check(
        "<a b='1' c = \"2\"\n d\t=\n'3'/>",
        r#"(a b="1" c="2" d="3")"#,
    );
    check(r#"<a b='"' c="'"/>"#, r#"(a b="\"" c="'")"#);
    check("<a b='>' c='/>'>></a>", r#"(a b=">" c="/>" ">")"#);
    check("<a b=''></a>", r#"(a b="")"#);
    check("<a><a/><a><a/></a></a>", "(a (a) (a (a)))");
}

#[test]
fn names() {
    for name in [
        "_",
        "A",
        "é",
        "日本",
        "𐀀",
        "a-b.c_d",
        "a1",
        "a\u{B7}",
        "a\u{300}",
        "\u{C0}",
        "xml",
        "XMLa",
        "xmlns",
        // Fifth edition; the fourth knew fewer.
        "\u{37F}",
        "\u{EFFFF}",
    ] {
        check(&format!("<{name}></{name}>"), &format!("({name})"));
    }
    check("<a é='1' _='2'/>", r#"(a é="1" _="2")"#);
    check("<a xmlnsa='1' XMLNS='2'/>", r#"(a xmlnsa="1" XMLNS="2")"#);
}

#[test]
fn what_stands_around_the_root_and_between() {
    check("\n<a/>", "(a)");
    check(" \t\r\n<a/> \t\r\n", "(a)");
    check("<!-- x --><?p i?><a/><!-- y --><?p?>\n", "(a)");
    check("<a>x<!-- y -->z<?p i?>!</a>", r#"(a "xz!")"#);
    check("<a><!----></a>", "(a)");
    check("<a><!-- - -x- - > -> <b> & ]]> --></a>", "(a)");
    check("<a><?p ? > -- & < ]]> é ??></a>", "(a)");
    check("<?xml-stylesheet href='x'?><a/>", "(a)");
    check("<?xmlx?><a/>", "(a)");
}

#[test]
fn declarations() {
    for declaration in [
        "<?xml version='1.0'?>",
        "<?xml version=\"1.0\"?>",
        "<?xml\tversion\n=\r'1.0' ?>",
        "<?xml version='1.0' encoding='UTF-8'?>",
        "<?xml version='1.0' encoding=\"a-B_c.1\" standalone='no' ?>",
        "<?xml version='1.0' standalone='yes'?>",
        // The fifth edition: a reader of 1.0 reads these as 1.0.
        "<?xml version='1.1'?>",
        "<?xml version='1.10'?>",
    ] {
        check(&format!("{declaration}<a/>"), "(a)");
        check(&format!("{declaration}\n<a/>"), "(a)");
    }
}

#[test]
fn sections() {
    check("<a><![CDATA[<b>&amp;]]></a>", r#"(a "<b>&amp;")"#);
    check("<a><![CDATA[]]></a>", "(a)");
    check("<a><![CDATA[]]]]></a>", r#"(a "]]")"#);
    check("<a><![CDATA[]]]></a>", r#"(a "]")"#);
    check("<a><![CDATA[>]]></a>", r#"(a ">")"#);
    check("<a>]]<![CDATA[x]]>]></a>", r#"(a "]]x]>")"#);
    check("<a>]]&gt;]] ></a>", r#"(a "]]>]] >")"#);
    check("<a><![CDATA[x]]><![CDATA[y]]></a>", r#"(a "xy")"#);
}

#[test]
fn references() {
    check("<a>&lt;&gt;&amp;&apos;&quot;</a>", r#"(a "<>&'\"")"#);
    check("<a b='&lt;&gt;&amp;&apos;&quot;'/>", r#"(a b="<>&'\"")"#);
    check("<a>&#233;&#xE9;&#xe9;&#00233;</a>", r#"(a "éééé")"#);
    check("<a>&#x10FFFF;</a>", r#"(a "\u{10ffff}")"#);
    check("<a>&#xD7FF;&#xE000;</a>", r#"(a "\u{d7ff}\u{e000}")"#);
    check("<a>&#x7F;\u{85}</a>", r#"(a "\u{7f}\u{85}")"#);
    check("<a>&amp;lt;</a>", r#"(a "&lt;")"#);
    check("<a>&#38;lt;</a>", r#"(a "&lt;")"#);
}

#[test]
fn line_ends_become_lf() {
    check(
        "<a>1\r\n2\r3\n4\n\r5\r\r\n</a>",
        r#"(a "1\n2\n3\n4\n\n5\n\n")"#,
    );
    check("<a><![CDATA[1\r\n2\r3]]></a>", r#"(a "1\n2\n3")"#);
    check("<a>\r<b/>\r\n</a>", r#"(a "\n" (b) "\n")"#);
    // A reference stays what it is, and these are no line ends in XML 1.0.
    check(
        "<a>&#13;\n&#xD;\u{85}\u{2028}</a>",
        r#"(a "\r\n\r\u{85}\u{2028}")"#,
    );
    check("<a\r\n>x</a\r>", r#"(a "x")"#);
}

#[test]
fn blanks_in_attributes_become_spaces() {
    check("<a b='1\r\n2\r3\n4\t5\n\r6'/>", r#"(a b="1 2 3 4 5  6")"#);
    check("<a b=' 1  2 '/>", r#"(a b=" 1  2 ")"#);
    check("<a b='&#9;&#10;&#13;&#32;'/>", r#"(a b="\t\n\r ")"#);
    check("<a b='\r&#10;\n'/>", r#"(a b=" \n ")"#);
}

#[test]
fn namespaces() {
    check("<p:a xmlns:p='u'/>", r#"(p:a xmlns:p="u")"#);
    check("<a xml:lang='en'/>", r#"(a xml:lang="en")"#);
    check("<xml:a/>", "(xml:a)");
    check(
        "<a xmlns='u'><b xmlns=''/></a>",
        r#"(a xmlns="u" (b xmlns=""))"#,
    );
    check(
        "<a xmlns:p='u' xmlns='u' b='' p:b=''/>",
        "(a xmlns:p=\"u\" xmlns=\"u\" b=\"\" p:b=\"\")",
    );
    check(
        "<a xmlns:p='u' xmlns:q='v' p:b='' q:b=''/>",
        "(a xmlns:p=\"u\" xmlns:q=\"v\" p:b=\"\" q:b=\"\")",
    );
    // Declared after it is used, in the same tag; and hidden, then back again.
    check("<a p:b='' xmlns:p='u'/>", "(a p:b=\"\" xmlns:p=\"u\")");
    check(
        "<a xmlns:p='u'><b xmlns:p='v'/><p:c/></a>",
        "(a xmlns:p=\"u\" (b xmlns:p=\"v\") (p:c))",
    );
    check(
        "<a xmlns:p='u' xmlns:q='v'><b xmlns:p='v' xmlns:q='u' p:c='' q:c=''/></a>",
        "(a xmlns:p=\"u\" xmlns:q=\"v\" (b xmlns:p=\"v\" xmlns:q=\"u\" p:c=\"\" q:c=\"\"))",
    );
    let xml = "http://www.w3.org/XML/1998/namespace";
    check(
        &format!("<a xmlns:xml='{xml}' xml:b='' b=''/>"),
        &format!("(a xmlns:xml={xml:?} xml:b=\"\" b=\"\")"),
    );
    check(
        "<a xmlns:XML='u' XML:b=''/>",
        "(a xmlns:XML=\"u\" XML:b=\"\")",
    );
    // A relative name is deprecated, not wrong.
    check("<a xmlns='../b c'/>", "(a xmlns=\"../b c\")");
}

#[test]
fn the_default_namespace_is_known() {
    let lies_in = |document: &str| {
        let mut parser = super::Parser::new(document).unwrap();
        let mut found = Vec::new();
        while let Some(event) = parser.next_event().unwrap() {
            if let super::Event::Start(element) = event {
                found.push(element.in_default_namespace);
            }
        }
        found
    };
    assert_eq!(lies_in("<a xmlns='u'><b/></a>"), [true, true]);
    assert_eq!(lies_in("<a><b xmlns='u'/><c/></a>"), [false, true, false]);
    assert_eq!(
        lies_in("<a xmlns='u'><b xmlns=''><c/></b><d/></a>"),
        [true, false, false, true]
    );
    assert_eq!(lies_in("<p:a xmlns:p='u'><b/></p:a>"), [false, false]);
}

#[test]
fn as_much_as_the_bounds_allow() {
    let deep = format!("{}{}", "<a>".repeat(DEPTH_MAX), "</a>".repeat(DEPTH_MAX));
    assert!(read(&deep).is_ok());
    let deep = format!(
        "{}<a/>{}",
        "<a>".repeat(DEPTH_MAX - 1),
        "</a>".repeat(DEPTH_MAX - 1)
    );
    assert!(read(&deep).is_ok());
    let attributes = attributes(ATTRIBUTES_MAX);
    assert!(read(&format!("<a{attributes}/>")).is_ok());
}

#[test]
fn a_value_is_looked_at_or_taken_out() {
    let mut parser = super::Parser::new("<a b='1' p:b='2' xmlns:p='u'/>").unwrap();
    let Ok(Some(super::Event::Start(mut element))) = parser.next_event() else {
        panic!("no element")
    };
    assert_eq!(element.attribute("p:b"), Some("2"));
    assert_eq!(element.attribute("c"), None);
    assert_eq!(element.take_attribute("b").as_deref(), Some("1"));
    assert_eq!(element.attribute("b"), Some(""));
    assert_eq!(element.take_attribute("c"), None);
}

//! What is kept of the inside of an element.

use super::super::{Event, Markup, Parser};
use super::{markup_in, read};

#[track_caller]
fn text(inside: &str, expected: &str) {
    let document = format!("<r><c>{inside}</c> after</r>");
    assert_eq!(markup_in(&document, "c"), Ok(Markup::Text(expected.into())));
}

#[track_caller]
fn elements(document: &str, expected: &str) {
    let markup = markup_in(document, "c");
    assert_eq!(
        markup,
        Ok(Markup::Elements(expected.into())),
        "{document:?}"
    );
    assert!(read(&format!("<r>{expected}</r>")).is_ok(), "{expected:?}");
}

#[test]
fn without_elements_it_is_text() {
    text("", "");
    text("x", "x");
    text(" \n ", " \n ");
    text("1<!-- 2 -->3<?p 4?>5", "135");
    text("&lt;a>&#233;&amp;amp;", "<a>é&amp;");
    text("<![CDATA[<b/>]]> &amp; <![CDATA[]]>", "<b/> & ");
    text("1\r\n2\r3&#13;<![CDATA[\r\n]]>", "1\n2\n3\r\n");
    assert_eq!(
        markup_in("<r><c/>after</r>", "c"),
        Ok(Markup::Text("".into()))
    );
}

#[test]
fn with_elements_it_is_what_stands_there() {
    elements("<r><c><b/></c></r>", "<b/>");
    elements(
        "<c> x <b > y</b > <b\n/> z </c>",
        " x <b > y</b > <b\n/> z ",
    );
    elements(
        "<c>1<b a='&lt;\"'>&amp;<![CDATA[<]]></b>&#13;</c>",
        "1<b a='&lt;\"'>&amp;<![CDATA[<]]></b>&#13;",
    );
    elements(
        "<c><!-- 1 --><b/><!-- 2 --></c>",
        "<!-- 1 --><b/><!-- 2 -->",
    );
    elements("<c><?p 1?><b/><?p 2?></c>", "<?p 1?><b/><?p 2?>");
    elements("<c><b><c/></b><c>x</c></c>", "<b><c/></b><c>x</c>");
    elements(
        "<c>1\r\n2<b\r\na='\r\n'\r/>\r<![CDATA[\r\n]]><!--\r--></c>",
        "1\n2<b\na='\n'\n/>\n<![CDATA[\n]]><!--\n-->",
    );
}

#[test]
fn declarations_come_along_where_they_are_needed() {
    // On the root, on the element itself, and in both: the nearer one counts.
    elements("<r xmlns:p='u'><c><p:b/></c></r>", "<p:b xmlns:p=\"u\"/>");
    elements("<c xmlns:p='u'><p:b/></c>", "<p:b xmlns:p=\"u\"/>");
    elements(
        "<r xmlns:p='u'><c xmlns:p='v'><p:b/></c></r>",
        "<p:b xmlns:p=\"v\"/>",
    );
    // Not where they are not used, or are made inside.
    elements("<r xmlns:p='u'><c><b/></c></r>", "<b/>");
    elements(
        "<r xmlns:p='u'><c><p:b xmlns:p='v'/></c></r>",
        "<p:b xmlns:p='v'/>",
    );
    elements(
        "<r xmlns:p='u'><c><b xmlns:p='v'><p:d/></b></c></r>",
        "<b xmlns:p='v'><p:d/></b>",
    );
    // Only in an attribute, only further inside, several times: once, on the outermost element.
    elements(
        "<r xmlns:p='u'><c><b p:d=''/></c></r>",
        "<b xmlns:p=\"u\" p:d=''/>",
    );
    elements(
        "<r xmlns:p='u'><c><b>x<p:d p:e=''><p:f/></p:d></b></c></r>",
        "<b xmlns:p=\"u\">x<p:d p:e=''><p:f/></p:d></b>",
    );
    // Used from outside, then declared anew further inside.
    elements(
        "<r xmlns:p='u'><c><p:b><d xmlns:p='v' p:e=''/><p:f/></p:b></c></r>",
        "<p:b xmlns:p=\"u\"><d xmlns:p='v' p:e=''/><p:f/></p:b>",
    );
    // Each outermost element stands alone.
    elements(
        "<r xmlns:p='u' xmlns:q='v'><c><p:b/>x<q:b/><b/><b><q:d p:e=''/></b></c></r>",
        "<p:b xmlns:p=\"u\"/>x<q:b xmlns:q=\"v\"/><b/><b xmlns:q=\"v\" xmlns:p=\"u\"><q:d p:e=''/></b>",
    );
    // The default namespace is one too, unless it is undone.
    elements("<r xmlns='u'><c><b/></c></r>", "<b xmlns=\"u\"/>");
    elements(
        "<r xmlns='u'><c><b xmlns='v'/><b xmlns=''/></c></r>",
        "<b xmlns='v'/><b xmlns=''/>",
    );
    elements(
        "<r xmlns='u' xmlns:p='v'><c><p:b a=''><d/></p:b></c></r>",
        "<p:b xmlns:p=\"v\" xmlns=\"u\" a=''><d/></p:b>",
    );
    elements("<r xmlns='u'><c xmlns=''><b/></c></r>", "<b/>");
    // Nobody needs to be told of these.
    let xml = "http://www.w3.org/XML/1998/namespace";
    elements(
        &format!("<r xmlns:xml='{xml}'><c><b xml:lang=''/></c></r>"),
        "<b xml:lang=''/>",
    );
    // A second one starts anew.
    elements(
        "<r xmlns:p='u'><c><p:b/></c><d><p:b/></d></r>",
        "<p:b xmlns:p=\"u\"/>",
    );
}

#[test]
fn declarations_are_escaped() {
    elements(
        "<r xmlns:p='&amp;&lt;&gt;\"&apos;&#9;&#10;&#13; é'><c><p:b/></c></r>",
        "<p:b xmlns:p=\"&amp;&lt;&gt;&quot;'&#9;&#10;&#13; é\"/>",
    );
}

#[test]
fn declarations_are_not_multiplied_without_bound() {
    let document = |times: usize| {
        let uri = "u".repeat(10_000);
        format!("<r xmlns:p='{uri}'><c>{}</c></r>", "<p:b/>".repeat(times))
    };
    let Ok(Markup::Elements(markup)) = markup_in(&document(100), "c") else {
        panic!("no elements")
    };
    assert_eq!(markup.len(), 100 * ("<p:b xmlns:p=\"\"/>".len() + 10_000));
    let malformed = markup_in(&document(1000), "c").unwrap_err().to_string();
    assert!(
        malformed.starts_with("the namespace declarations that elements take from outside"),
        "{malformed}"
    );
}

#[test]
fn reading_goes_on_behind_it() {
    let mut parser = Parser::new("<r><c>1<b/></c><s><b>x</b></s><d>2</d></r>").unwrap();
    let mut next = || match parser.next_event() {
        Ok(Some(Event::Start(element))) => match element.name {
            "c" | "d" => format!("{:?}", parser.markup()),
            "s" => format!("{:?}", parser.skip()),
            name => name.to_owned(),
        },
        other => format!("{other:?}"),
    };
    assert_eq!(next(), "r");
    assert_eq!(next(), r#"Ok(Elements("1<b/>"))"#);
    assert_eq!(next(), "Ok(())");
    assert_eq!(next(), r#"Ok(Text("2"))"#);
    assert_eq!(next(), "Ok(Some(End))");
    assert_eq!(next(), "Ok(None)");
    assert_eq!(next(), "Ok(None)");
}

#[test]
fn what_is_wrong_inside_is_found() {
    for inside in ["<b>", "&x;", "<b></c>", "]]>", "<p:b/>", "<!-- -- -->"] {
        let document = format!("<r><c>{inside}</c></r>");
        assert!(markup_in(&document, "c").is_err(), "{document}");
        let mut parser = Parser::new(&document).unwrap();
        parser.next_event().unwrap();
        assert!(parser.skip().is_err(), "{document}");
    }
}

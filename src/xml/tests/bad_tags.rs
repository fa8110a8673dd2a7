//! Documents that are refused for a tag, an attribute or a prefix, and where.

use super::super::{ATTRIBUTES_MAX, DEPTH_MAX};
use super::{read, refused as check};

#[test]
fn tags() {
    let name = "cannot stand in a name";
    let begin = "a name cannot begin with";
    for (document, what, line, column) in [
        ("<a>1 < 2</a>", "'<' has to begin a tag: write '&lt;'", 1, 6),
        ("< a/>", "'<' has to begin a tag", 1, 1),
        ("<>", "'<' has to begin a tag", 1, 1),
        ("<1/>", begin, 1, 2),
        ("<-a/>", begin, 1, 2),
        ("<.a/>", begin, 1, 2),
        ("<\u{B7}a/>", begin, 1, 2),
        ("<=a/>", begin, 1, 2),
        ("<a$b/>", "'$' cannot stand in a name", 1, 3),
        ("<é×/>", "'×' cannot stand in a name", 1, 3),
        ("<a/ >", "'/' cannot stand in a name", 1, 3),
        ("<a/b>", name, 1, 3),
        ("<a\u{A0}b='1'/>", name, 1, 3),
        ("<a<b/>", name, 1, 3),
        ("<a / >", "'/' has to stand right before '>'", 1, 4),
        ("<a b='1'/ >", "'/' has to stand right before '>'", 1, 9),
        ("<a\n<b/></a>", "the tag before it is not closed", 2, 1),
        (
            "<a b='1' <b/></a>",
            "the tag before it is not closed",
            1,
            10,
        ),
        ("<a", "a tag is not closed: '>' is missing", 1, 1),
        ("<a><b", "a tag is not closed: '>' is missing", 1, 4),
        ("<a>x<", "a tag is not closed: '>' is missing", 1, 5),
        ("<a></a", "a tag is not closed: '>' is missing", 1, 4),
        (
            "<a>\n<b c='x></b></a>",
            "a quote in it without a closing one",
            2,
            1,
        ),
    ] {
        check(document, what, line, column);
    }
}

#[test]
fn attributes() {
    for (inside, what, column) in [
        (" b", "the attribute b has no value", 4),
        (" b c='1'", "the attribute b has no value", 4),
        (" b=", "the value of b has to stand in quotes", 6),
        (" b=1", "the value of b has to stand in quotes", 6),
        (" b=“1”", "the value of b has to stand in quotes", 6),
        (" ='1'", "there has to be a name before '='", 4),
        (" b='1'c='2'", "there has to be a blank before", 9),
        (" b='1''2'", "there has to be a blank before", 9),
        (" b=='1'", "the value of b has to stand in quotes", 6),
        (" 1='1'", "a name cannot begin with '1'", 4),
        (" é b!='1'", "the attribute é has no value", 4),
        (" b!='1'", "'!' cannot stand in a name", 5),
        (" b='<'", "'<' must not stand in the value", 7),
        (" b='é<c/>'", "'<' must not stand in the value", 8),
        (" b='1' b='1'", "the attribute b is there twice", 10),
        (
            " b='1' c='' b='2' d=''",
            "the attribute b is there twice",
            15,
        ),
    ] {
        check(&format!("<a{inside}/>"), what, 1, column);
    }
    // What a missing quote leads to: the next one closes it.
    let quote = "<a>\n<b c=\"x>\n<b c=\">y</b></b></a>";
    check(quote, "write '&lt;', or close the quotes before it", 3, 1);
    let many = super::attributes(20);
    check(
        &format!("<a{many}\n a7=''/>"),
        "the attribute a7 is there twice",
        22,
        2,
    );
}

#[test]
fn end_tags() {
    check(
        "<a>\n</b>",
        "</b> closes nothing: the element that is open here is <a> of line 1",
        2,
        1,
    );
    check(
        "<a>\n<b></a></b>",
        "</a> closes nothing: the element that is open here is <b> of line 2",
        2,
        4,
    );
    check("</a>", "</a> closes nothing: no element is open here", 1, 1);
    check(
        "<a/></a>",
        "</a> closes nothing: no element is open here",
        1,
        5,
    );
    check("<a></A>", "</A> closes nothing", 1, 4);
    for end in ["</a b>", "</a b='1'>", "</a/>", "</a b='>'>"] {
        check(
            &format!("<a>{end}"),
            "an end tag is the name and nothing more: </a>",
            1,
            4,
        );
    }
    for end in ["</ a>", "</>", "< /a>", "</a:a>"] {
        assert!(read(&format!("<a>{end}")).is_err(), "{end}");
    }
    check(
        "<p:a xmlns:p='u' xmlns:q='u'></q:a>",
        "</q:a> closes nothing",
        1,
        30,
    );
    check(
        "<a>\n<b>\n</b>\n",
        "the document ends, but <a> of line 1 is not closed",
        4,
        1,
    );
    check(
        "<a>\r\n<b>x",
        "the document ends, but <b> of line 2 is not closed",
        2,
        5,
    );
}

#[test]
fn qualified_names() {
    let what = "is not a prefix, a colon and a name";
    for name in [":a", "a:", ":", "p:a:b", "p::a", "p:1", "p:-"] {
        check(&format!("<r xmlns:p='u'><{name}/></r>"), what, 1, 17);
        check(&format!("<r xmlns:p='u' {name}=''/>"), what, 1, 16);
    }
    check(
        "<p:a/>",
        "the prefix p is not declared: add xmlns:p=\"…\"",
        1,
        2,
    );
    check("<a p:b=''/>", "the prefix p is not declared", 1, 4);
    check(
        "<a><b xmlns:p='u'/><p:c/></a>",
        "the prefix p is not declared",
        1,
        21,
    );
    check(
        "<a><b xmlns:p='u'><c/></b><p:c/></a>",
        "the prefix p is not declared",
        1,
        28,
    );
    check("<a XML:lang=''/>", "the prefix XML is not declared", 1, 4);
    check(
        "<xmlns:a/>",
        "the prefix xmlns is only for declarations",
        1,
        2,
    );
    for (inside, what) in [
        ("xmlns:p=''", "the prefix p has to stand for a namespace"),
        ("xmlns:xmlns='u'", "the prefix xmlns must not be declared"),
        (
            "xmlns:xmlns='http://www.w3.org/2000/xmlns/'",
            "the prefix xmlns must not be declared",
        ),
        ("xmlns:xml='u'", "the prefix xml can only stand for"),
        ("xmlns:xml=''", "the prefix xml can only stand for"),
        (
            "xmlns:p='http://www.w3.org/XML/1998/namespace'",
            "belongs to another prefix",
        ),
        (
            "xmlns:p='http://www.w3.org/2000/xmlns/'",
            "belongs to another prefix",
        ),
        (
            "xmlns='http://www.w3.org/XML/1998/namespace'",
            "belongs to another prefix",
        ),
        (
            "xmlns='http://www.w3.org/2000/xmlns/'",
            "belongs to another prefix",
        ),
        (
            "xmlns='http://www.w3.org/2000/xmln&#115;/'",
            "belongs to another prefix",
        ),
    ] {
        check(&format!("<a\n{inside}/>"), what, 2, 1);
    }
}

#[test]
fn one_attribute_by_two_prefixes() {
    let twice = "the attribute q:b is there twice";
    check("<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>", twice, 1, 35);
    check(
        "<a xmlns:p='u' xmlns:q='&#117;' p:b='' c='' q:b=''/>",
        twice,
        1,
        45,
    );
    check(
        "<a xmlns:p='u'><b xmlns:q='u' p:b='' q:b=''/></a>",
        twice,
        1,
        38,
    );
    check("<a p:b='' q:b='' xmlns:q='u' xmlns:p='u'/>", twice, 1, 11);
    check(
        "<a xmlns:p='u' p:b='' p:b=''/>",
        "the attribute p:b is there twice",
        1,
        23,
    );
}

#[test]
fn more_than_the_bounds_allow() {
    let what = format!("elements lie deeper in each other than {DEPTH_MAX} levels");
    check(&"<a>".repeat(DEPTH_MAX + 1), &what, 1, 3 * DEPTH_MAX + 1);
    let empty = format!("{}<a/>", "<a>\n".repeat(DEPTH_MAX));
    check(&empty, &what, DEPTH_MAX + 1, 1);
    let attributes = super::attributes(ATTRIBUTES_MAX + 1);
    let what = format!("an element can have at most {ATTRIBUTES_MAX} attributes");
    check(&format!("<a{attributes}/>"), &what, ATTRIBUTES_MAX + 2, 1);
}

//! Documents that are refused for what stands between tags, and where.

use super::{read, refused as check};

#[test]
fn no_root_or_two() {
    for (document, column) in [("", 1), (" ", 2), ("<!-- x -->", 11), ("<?p?>", 6)] {
        check(document, "there is no root element", 1, column);
    }
    check("<?xml version='1.0'?>", "there is no root element", 1, 22);
    check("<a/>\n<b/>", "there is a second root element", 2, 1);
    check("<a></a><a>", "there is a second root element", 1, 8);
}

#[test]
fn text_outside_of_the_root() {
    let what = "there is text outside of the root element";
    for (document, line, column) in [
        ("x", 1, 1),
        (" x<a/>", 1, 2),
        ("<a/>\n x", 2, 2),
        ("<a/>&#32;", 1, 5),
        ("&amp;<a/>", 1, 1),
        ("<a/><![CDATA[]]>", 1, 5),
        ("<![CDATA[ ]]><a/>", 1, 1),
        ("\u{A0}<a/>", 1, 1),
        ("\u{FEFF}<a/>", 1, 1),
        ("<!-- --> \u{FEFF}<a/>", 1, 10),
        ("<a/>\u{85}", 1, 5),
        ("<a/>]]>", 1, 5),
    ] {
        check(document, what, line, column);
    }
}

#[test]
fn characters_that_xml_cannot_carry() {
    for (c, code) in [
        ('\0', "0000"),
        ('\u{1}', "0001"),
        ('\u{8}', "0008"),
        ('\u{B}', "000B"),
        ('\u{1F}', "001F"),
        ('\u{FFFE}', "FFFE"),
        ('\u{FFFF}', "FFFF"),
    ] {
        let what = format!("XML cannot carry the character U+{code}");
        check(&format!("<a>{c}</a>"), &what, 1, 4);
        check(&format!("<a b='{c}'/>"), &what, 1, 7);
        check(&format!("<a/>\n<!--é{c}-->"), &what, 2, 6);
        check(&format!("<a><![CDATA[{c}]]></a>"), &what, 1, 13);
        check(&format!("{}{c}", " ".repeat(300)), &what, 1, 301);
    }
    for number in [
        "0",
        "1",
        "x1F",
        "x0",
        "xD800",
        "xDFFF",
        "xFFFE",
        "x110000",
        "4294967337",
        "x1000000E9",
        "99999999999999999999999",
    ] {
        let what = format!("&#{number}; is not a character that XML can carry");
        check(&format!("<a>\n&#{number};</a>"), &what, 2, 1);
        check(&format!("<a b=' &#{number};'/>"), &what, 1, 8);
    }
}

#[test]
fn references() {
    let lone = "'&' has to begin a reference: write '&amp;'";
    for (document, column) in [
        ("<a>x & y</a>", 6),
        ("<a>& ;</a>", 4),
        ("<a>&;</a>", 4),
        ("<a>&</a>", 4),
        ("<a>&amp", 4),
        ("<a>x&y&amp;</a>", 5),
        ("<a>&1;</a>", 4),
        ("<a>&p:x;</a>", 4),
        ("<a b='x & y'/>", 9),
        ("<a b='x &amp y'/>", 9),
        ("<a b='&'>;</a>", 7),
    ] {
        check(document, lone, 1, column);
    }
    for (document, column) in [("<a>é&nbsp;</a>", 5), ("<a b='&nbsp;'/>", 7)] {
        check(document, "the entity &nbsp; is not defined", 1, column);
    }
    check("<a>&AMP;</a>", "the entity &AMP; is not defined", 1, 4);
    for number in [
        "#", "#x", "#X41", "#-1", "#+1", "# 1", "#1 ", "#a", "#xg", "#١",
    ] {
        let what = format!("&{number}; is not a number");
        check(&format!("<a>&{number};</a>"), &what, 1, 4);
        check(&format!("<a b='&{number};'/>"), &what, 1, 7);
    }
}

#[test]
fn document_types() {
    for document in [
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>",
        "<!DOCTYPE>",
        "<!DOCTYPE a [",
        "<!doctype html><a/>",
    ] {
        check(document, "a DOCTYPE is not allowed here", 1, 1);
    }
    let late = "<a>\n<!DOCTYPE a></a>";
    check(late, "a DOCTYPE is not allowed here", 2, 1);
}

#[test]
fn comments_sections_and_instructions() {
    let hyphens = "'--' must not stand in a comment";
    check("<a><!-- a-b -- c --></a>", hyphens, 1, 13);
    check("<a><!-- x ---></a>", hyphens, 1, 11);
    check("<a><!-----></a>", hyphens, 1, 8);
    check("<!--\n----><a/>", hyphens, 2, 1);
    for open in ["<!-- x", "<!-->", "<!--->", "<!-- x -- >", "<!--"] {
        check(&format!("<a>{open}"), "a comment is not closed", 1, 4);
    }
    check(
        "<a><![CDATA[ x ]] ></a>",
        "a CDATA section is not closed",
        1,
        4,
    );
    check("<a>x]]>y</a>", "']]>' must not stand in text", 1, 5);
    check("<a>\n]]]></a>", "']]>' must not stand in text", 2, 2);
    for bang in [
        "<!>",
        "<! x>",
        "<!- x -->",
        "<!x>",
        "<![cdata[x]]>",
        "<![CDATA [x]]>",
        "<!",
        "<!ELEMENT a ANY>",
    ] {
        check(&format!("<a>{bang}</a>"), "'<!' has to begin", 1, 4);
    }
    for target in ["", " p", "1", "p:i", "p/", "é!"] {
        let what = "cannot be the target of a processing instruction";
        check(&format!("<a><?{target} x?></a>"), what, 1, 4);
    }
    check("<a><?p??></a>", "'p?' cannot be the target", 1, 4);
    for open in ["<?p", "<?p >", "<?>", "<?", "<?xml version='1.0'>"] {
        check(&format!("<a>{open}</a>"), "'?>' is missing", 1, 4);
    }
}

#[test]
fn declarations() {
    let late = "an XML declaration can only stand at the very start";
    check("\n<?xml version='1.0'?><a/>", late, 2, 1);
    check("<!-- --><?xml version='1.0'?><a/>", late, 1, 9);
    check("<a><?xml version='1.0'?></a>", late, 1, 4);
    check("<a/><?xml?>", late, 1, 5);
    for target in ["XML", "Xml", "xMl"] {
        let what = "an XML declaration is written '<?xml'";
        check(&format!("<?{target} version='1.0'?><a/>"), what, 1, 1);
        check(&format!("<a/>\n<?{target}?>"), what, 2, 1);
    }
    let version = "an XML declaration begins with version=\"1.0\"";
    for (inside, column) in [
        ("", 1),
        (" ", 1),
        (" encoding='UTF-8'", 7),
        (" encoding='UTF-8' version='1.0'", 7),
        (" version='2.0'", 7),
        (" version='1'", 7),
        (" version='1.'", 7),
        (" version='1.0a'", 7),
        (" version=' 1.0'", 7),
        (" version='&#49;.0'", 7),
        (" version=''", 7),
        (" VERSION='1.0'", 7),
    ] {
        check(&format!("<?xml{inside}?><a/>"), version, 1, column);
    }
    let order = "can only have encoding and then standalone";
    for inside in [
        "standalone='yes' encoding='UTF-8'",
        "encoding='UTF-8' encoding='UTF-8'",
        "standalone='no' standalone='no'",
        "version='1.0'",
        "x='y'",
    ] {
        let column = 21 + inside.find("' ").map_or(0, |at| at + 2);
        check(
            &format!("<?xml version='1.0' {inside}?><a/>"),
            order,
            1,
            column,
        );
    }
    for label in ["", "1", "-a", "a b", "é", "&amp;"] {
        let document = format!("<?xml version='1.0' encoding='{label}'?><a/>");
        check(&document, "is not the name of an encoding", 1, 31);
    }
    for word in ["", "YES", "true", " yes"] {
        let document = format!("<?xml version='1.0' standalone='{word}'?><a/>");
        check(&document, "standalone is either yes or no", 1, 33);
    }
    for (inside, what, column) in [
        ("version='1.0'encoding='a'", "there has to be a blank", 20),
        ("version=1.0", "has to stand in quotes", 15),
        ("version", "the attribute version has no value", 7),
        ("version='1.0\"", "has no closing quote", 15),
        ("version='1.0' /", "'/' has to stand right before '>'", 21),
        ("version='1.0' ='x'", "there has to be a name", 21),
        ("version='1.0' ?", "the attribute ? has no value", 21),
    ] {
        check(&format!("<?xml {inside}?><a/>"), what, 1, column);
    }
}

#[test]
fn messages_stay_short() {
    let long = "x\t\u{1F600}".repeat(100_000);
    let name = "x".repeat(100_000);
    for document in [
        format!("<a b=\"{long}"),
        format!("<{name}>"),
        format!("<{name}></a>"),
        format!("<a></{name}>"),
        format!("<{name}></{name} b>"),
        format!("<a></{long}>"),
        format!("<a {long}/>"),
        format!("<{name}:a/>"),
        format!("<a xmlns:{name}=''/>"),
        format!("<{name}:a:b/>"),
        format!("<a {name}='' {name}=''/>"),
        format!("<a {name}/>"),
        format!("<a {name}=/>"),
        format!("<a>&{name};</a>"),
        format!("<a>&#{name};</a>"),
        format!("<a>&#{};</a>", "1".repeat(100_000)),
        format!("<?{name}:p?><a/>"),
        format!("<?xml version='1.0' encoding='{long}'?><a/>"),
    ] {
        let message = read(&document).unwrap_err().to_string();
        assert!(message.len() < 1000, "{message}");
        assert_eq!(message.lines().count(), 3, "{message}");
    }
}

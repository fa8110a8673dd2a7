//! What holds for any document, right or wrong.

use super::super::{Event, Markup, Parser, Writer, decode};
use super::{markup_in, read};
use crate::model::is_xml_char;
use proptest::prelude::*;

/// Pieces that documents are made of, right and wrong ones.
const PIECES: &[&str] = &[
    "<a>",
    "</a>",
    "<a/>",
    "<b c='1'>",
    "</b>",
    "<p:a xmlns:p='u'>",
    "</p:a>",
    "<p:a/>",
    "<a xmlns='u'>",
    "<a p:b='' q:b=''/>",
    "<a xmlns:p='' xmlns:q='u'>",
    "x",
    "é",
    "😀",
    " ",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "]]>",
    "&amp;",
    "&#65;",
    "&#0;",
    "&x;",
    "&",
    ";",
    "<",
    ">",
    "/",
    "'",
    "\"",
    "=",
    "<!--",
    "-->",
    "--",
    "<![CDATA[",
    "]]",
    "<?",
    "?>",
    "<?xml version='1.0'?>",
    "xml",
    "xmlns:p='u'",
    "xmlns",
    ":",
    "<!DOCTYPE a [",
    "]>",
    "\u{FEFF}",
    "\0",
    "\u{85}",
];

fn documents() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES), 0..20);
    prop_oneof![
        any::<String>(),
        pieces.prop_map(|pieces| pieces.concat()),
        (
            valid(),
            prop::collection::vec(
                (
                    any::<prop::sample::Index>(),
                    prop::sample::select(PIECES),
                    0..4_usize
                ),
                1..4
            )
        )
            .prop_map(|(document, changes)| changes.into_iter().fold(
                document,
                |document, (at, piece, cut)| {
                    let mut chars: Vec<char> = document.chars().collect();
                    let at = at.index(chars.len() + 1);
                    let end = (at + cut).min(chars.len());
                    chars.splice(at..end, piece.chars());
                    chars.into_iter().collect()
                }
            )),
    ]
}

/// Well-formed documents, with prefixes that are declared on the root, on the `s` in it, and further inside.
fn valid() -> impl Strategy<Value = String> {
    let declared = prop::sample::select(
        &[
            "",
            " xmlns:p='u1'",
            " xmlns:p='u2' xmlns:q='u1'",
            " xmlns='u1'",
            " xmlns=''",
            " xmlns='&amp;&#10;\"&lt;'",
        ][..],
    );
    let leaf = prop::sample::select(
        &[
            "x",
            "é\r\n",
            "&lt;",
            "&#13;",
            "<![CDATA[<>&]]>",
            "<!-- - -->",
            "<?p i?>",
            "<p:e/>",
            "<e q:a='1' p:b='2'/>",
            "<e/>",
            "",
        ][..],
    )
    .prop_map(str::to_owned);
    let name = prop::sample::select(&["a", "p:a", "q:b", "c"][..]);
    let inner = leaf.prop_recursive(4, 24, 4, move |inner| {
        (
            name.clone(),
            declared.clone(),
            prop::collection::vec(inner, 0..4),
        )
            .prop_map(|(name, declared, inside)| {
                format!("<{name}{declared} xml:lang=''>{}</{name}>", inside.concat())
            })
    });
    let on_root = prop::sample::select(&["", " xmlns='u3'", " xmlns='u&quot;&#9;'"][..]);
    (on_root, prop::collection::vec(inner, 0..4)).prop_map(|(on_root, inside)| {
        format!(
            "<r xmlns:p='u4' xmlns:q='u5'{on_root}><s xmlns:q=\"u&amp;'6\">{}</s></r>",
            inside.concat()
        )
    })
}

/// What is inside an element, with each name as its namespace and local name.
fn expanded(document: &str, outer: &str) -> Vec<String> {
    let mut parser = Parser::new(document).unwrap();
    let mut events: Vec<String> = Vec::new();
    let mut is_inside = false;
    while let Some(event) = parser.next_event().unwrap() {
        match event {
            Event::Start(element) if is_inside => {
                let expand = |prefix: &str, local: &str| {
                    let uri = parser
                        .scope
                        .find(prefix)
                        .map_or("", |binding| &*binding.uri);
                    format!("{{{uri}}}{local}")
                };
                events.push(match element.name.split_once(':') {
                    Some((prefix, local)) => expand(prefix, local),
                    None => expand("", element.name),
                });
                for attribute in &element.attributes {
                    match attribute.name.split_once(':') {
                        Some(("xmlns", _)) => {}
                        None if attribute.name == "xmlns" => {}
                        Some((prefix, local)) => events.push(format!("@{}", expand(prefix, local))),
                        None => events.push(format!("@{}", attribute.name)),
                    }
                }
            }
            Event::Start(element) => is_inside = element.name == outer,
            Event::Text(text) if is_inside => events.push(format!("{text:?}")),
            Event::Text(_) => {}
            Event::End => events.push("end".to_owned()),
        }
    }
    events.retain(|event| event != "end");
    events
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(document in documents(), skips in any::<u64>()) {
        if let Err(malformed) = read(&document) {
            prop_assert_eq!(malformed.to_string().lines().count(), 3);
        }
        // Whatever is done at each element, and also after a fault.
        let Ok(mut parser) = Parser::new(&document) else { return Ok(()) };
        for step in 0..64 {
            match parser.next_event() {
                Ok(Some(Event::Start(element))) => {
                    drop(parser.fault_at(&element, "x").to_string());
                    match skips.rotate_right(step) % 3 {
                        0 => drop(parser.skip()),
                        1 => drop(parser.markup()),
                        _ => {}
                    }
                }
                Ok(Some(Event::Text(_) | Event::End) | None) | Err(_) => {}
            }
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(
        bytes in any::<Vec<u8>>(),
        charset in prop::sample::select(&[None, Some("utf-8"), Some("utf-16"), Some("latin1"), Some("shift_jis"), Some("")][..]),
    ) {
        if let Ok(text) = decode(&bytes, charset) {
            drop(read(&text));
        }
    }

    #[test]
    fn what_is_written_is_read(value in any::<String>(), text in any::<String>(), c in any::<char>()) {
        let (value, text) = (format!("{value}{c}"), format!("{c}{text}\r"));
        let mut writer = Writer::default();
        writer.start("a").attribute("b", &value).element("c", &text).end("a");
        let document = writer.finish();
        let carried = |text: &str| -> String {
            text.chars().map(|c| if is_xml_char(c) { c } else { '\u{FFFD}' }).collect()
        };
        let expected = format!("(a b={:?} (c {:?}))", carried(&value), carried(&text));
        prop_assert_eq!(read(&document).map_err(|malformed| malformed.to_string()), Ok(expected));
        prop_assert_eq!(markup_in(&document, "c"), Ok(Markup::Text(carried(&text).into())));
    }

    #[test]
    fn markup_stands_alone(document in valid()) {
        let again = match markup_in(&document, "s") {
            Ok(Markup::Elements(markup)) => {
                let again = format!("<s>{markup}</s>");
                prop_assert_eq!(expanded(&again, "s"), expanded(&document, "s"));
                prop_assert_eq!(markup_in(&again, "s"), Ok(Markup::Elements(markup)));
                again
            }
            Ok(Markup::Text(text)) => {
                let mut writer = Writer::default();
                writer.element("s", &text);
                let again = writer.finish();
                prop_assert_eq!(markup_in(&again, "s"), Ok(Markup::Text(text)));
                again
            }
            Err(malformed) => return Err(TestCaseError::fail(format!("{document}: {malformed}"))),
        };
        prop_assert!(read(&again).is_ok());
    }
}

//! Any bytes are decoded and read, or refused in a few words with their place; what is read survives being written and
//! read again, as elements and as markup.

#![no_main]

use libfuzzer_sys::fuzz_target;
use propstore::xml::{Event, Markup, Parser, Writer, decode};
use propstore_fuzz::tree;

/// What is inside of the root.
fn markup(document: &str) -> Option<Markup<'_>> {
    let mut parser = Parser::new(document).ok()?;
    loop {
        match parser.next_event().ok()?? {
            Event::Start(_) => return parser.markup().ok(),
            Event::Text(_) | Event::End => {}
        }
    }
}

fuzz_target!(|data: &[u8]| {
    for charset in ["utf-16", "iso-8859-1", "shift_jis"] {
        drop(decode(data, Some(charset)));
    }
    let Ok(text) = decode(data, None) else { return };
    let root = match tree::read(&text) {
        Ok(root) => root,
        Err(malformed) => {
            let told = malformed.to_string();
            assert_eq!(told.lines().count(), 3, "{told}");
            assert!(told.len() < 2000, "{} bytes are said", told.len());
            return;
        }
    };
    let written = tree::write(&root);
    assert_eq!(
        tree::read(&written).expect("what was written is read"),
        root
    );
    // What stands behind the root is not looked at here, so this can only be more.
    match markup(&text) {
        Some(Markup::Elements(inside)) => {
            let again = format!("<s>{inside}</s>");
            tree::read(&again).expect("markup stands alone");
            assert_eq!(markup(&again), Some(Markup::Elements(inside)));
        }
        Some(Markup::Text(inside)) => {
            let mut writer = Writer::default();
            writer.element("s", &inside);
            assert_eq!(markup(&writer.finish()), Some(Markup::Text(inside)));
        }
        // Its namespaces may be too large to be taken along.
        None => assert!(text.contains("xmlns")),
    }
});

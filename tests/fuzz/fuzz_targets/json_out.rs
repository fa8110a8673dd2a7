//! The writer of JSON and JSONP: whatever document an answer is, the JSON is JSON and says the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use propstore_fuzz::formats::{same, shaped, value, with_root};
use propstore_fuzz::tree;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Ok(document) = std::str::from_utf8(data) else {
        return;
    };
    let (media_type, json) = shaped(document, "dream.out.format=json");
    let Ok(root) = tree::read(document) else {
        // What is no document comes as it is.
        assert_eq!(
            (media_type.as_str(), &json[..]),
            ("application/xml; charset=utf-8", data)
        );
        return;
    };
    assert_eq!(media_type, "application/json; charset=utf-8");
    let said: Value = serde_json::from_slice(&json).expect("JSON");
    let dates = root.name.starts_with("date.");
    assert!(
        same(&said, &value(&root), dates),
        "{said}\n{}",
        value(&root)
    );
    for (query, before, after, is_whole) in [
        ("dream.out.format=jsonp", "(", ")", true),
        (
            "dream.out.format=json&dream.out.callback=f",
            "f(",
            ");",
            false,
        ),
        (
            "dream.out.format=jsonp&dream.out.callback=a.b",
            "a.b(",
            ");",
            true,
        ),
    ] {
        let (_, script) = shaped(document, query);
        let script = std::str::from_utf8(&script).expect("text");
        assert!(
            !script.contains(['\u{2028}', '\u{2029}']),
            "a line ends inside of a text"
        );
        let json = script
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after));
        let said: Value = serde_json::from_str(json.expect("a call")).expect("JSON");
        let meant = if is_whole {
            with_root(&root)
        } else {
            value(&root)
        };
        assert!(same(&said, &meant, dates), "{said}\n{meant}");
    }
});

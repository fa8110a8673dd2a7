//! The writer of serialised PHP: whatever document an answer is, PHP reads it and finds the same in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use propstore_fuzz::formats::{same, shaped, unserialize, with_root};
use propstore_fuzz::tree;

fuzz_target!(|data: &[u8]| {
    let Ok(document) = std::str::from_utf8(data) else {
        return;
    };
    let (media_type, php) = shaped(document, "dream.out.format=php");
    let Ok(root) = tree::read(document) else {
        assert_eq!(
            (media_type.as_str(), &php[..]),
            ("application/xml; charset=utf-8", data)
        );
        return;
    };
    assert_eq!(media_type, "application/php; charset=utf-8");
    let said = unserialize(&php).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&php)));
    // Dates stay as they are here.
    assert_eq!(said, with_root(&root));
    assert!(same(&said, &with_root(&root), false));
});

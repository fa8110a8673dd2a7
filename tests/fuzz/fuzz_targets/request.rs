//! A whole request of any dialect, from its line to its answer: the head, an empty line, the body. There is an answer, it
//! is not of 5xx, and what calls itself XML or JSON is that.

#![no_main]

use libfuzzer_sys::fuzz_target;
use propstore_fuzz::site::{ask, begin};
use propstore_fuzz::tree;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    begin();
    let end = data.windows(2).position(|window| window == b"\n\n");
    let (head, body) = end.map_or((data, &b""[..]), |at| (&data[..at], &data[at + 2..]));
    // A head that ends early would be another test: how hyper reads many requests.
    let Ok(head) = std::str::from_utf8(head) else {
        return;
    };
    let mut lines = head.split('\n').map(|line| line.trim_end_matches('\r'));
    let Some(line) = lines.next().filter(|line| !line.is_empty()) else {
        return;
    };
    let mut head = format!("{line} HTTP/1.1");
    for line in lines {
        let name = line.split(':').next().unwrap_or_default();
        let ours = [
            "host",
            "authorization",
            "connection",
            "content-length",
            "transfer-encoding",
            "expect",
            "upgrade",
        ];
        if line.is_empty()
            || line.starts_with([' ', '\t'])
            || ours
                .iter()
                .any(|ours| name.trim().eq_ignore_ascii_case(ours))
        {
            continue;
        }
        head.push_str("\r\n");
        head.push_str(line);
    }
    let Some(said) = ask(head.as_bytes(), body, usize::MAX) else {
        return;
    };
    assert!(said.status < 500, "{said:?}");
    // An answer without a body may have a type; and a value is whatever somebody stored.
    let is_value = line.starts_with("GET") || line.starts_with("HEAD") || line.contains("verb=");
    if said.body.is_empty() || is_value && said.status < 300 {
        return;
    }
    if said.media_type.starts_with("application/xml") {
        let text = std::str::from_utf8(&said.body).expect("text");
        tree::read(text).unwrap_or_else(|malformed| panic!("{malformed}\n{text}"));
    }
    if said.media_type.starts_with("application/json")
        && !line.contains("callback")
        && !line.contains("jsonp")
        && !line.contains("dream.out")
    {
        let _: Value = serde_json::from_slice(&said.body).expect("JSON");
    }
});

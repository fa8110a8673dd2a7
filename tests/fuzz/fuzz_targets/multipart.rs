//! The reader of forms: the first byte says in what pieces the rest comes. As a form it is taken or refused; as the
//! content of a file in a form it is stored byte for byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use propstore_fuzz::site::{ask, begin};
use serde_json::Value;

fn head(boundary: &str) -> Vec<u8> {
    format!("POST /api/folders/3/files HTTP/1.1\r\nContent-Type: multipart/form-data; boundary={boundary}").into_bytes()
}

fuzz_target!(|data: &[u8]| {
    begin();
    let Some((&pieces, data)) = data.split_first() else {
        return;
    };
    let piece_bytes = match pieces {
        0..200 => usize::from(pieces) + 1,
        _ => usize::MAX,
    };
    let said = ask(&head("b"), data, piece_bytes).expect("an answer");
    assert!(said.status < 500, "{said:?}");
    let _: Value = serde_json::from_slice(&said.body).expect("JSON");
    let boundary = (0..)
        .map(|number| format!("b{number}"))
        .find(|boundary| {
            !data
                .windows(boundary.len())
                .any(|window| window == boundary.as_bytes())
        })
        .expect("there are enough numbers");
    let before = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file[content]\"; filename=\"f\"\r\n\r\n"
    );
    let form = [
        before.as_bytes(),
        data,
        format!("\r\n--{boundary}--\r\n").as_bytes(),
    ]
    .concat();
    let said = ask(&head(&boundary), &form, piece_bytes).expect("an answer");
    let told: Value = serde_json::from_slice(&said.body).expect("JSON");
    assert!(matches!(said.status, 200 | 201), "{said:?}");
    let file = if told.get("id").is_some() {
        &told
    } else {
        &told["file"]
    };
    let id = file["id"].as_i64().expect("an id");
    let read = ask(
        format!("GET /@api/deki/files/{id} HTTP/1.1").as_bytes(),
        b"",
        usize::MAX,
    )
    .expect("an answer");
    assert!(read.status == 200 && read.body == data, "{read:?}");
});

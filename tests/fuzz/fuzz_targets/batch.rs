//! The reader of batches: the first byte says what the rest is written in. What it reads, it reads again when it is
//! written as XML; and whatever comes of a change can be said in all formats.

#![no_main]

use libfuzzer_sys::fuzz_target;
use propstore::dialect::{Call, Payload};
use propstore::model::{Body, Edit, Refusal};
use propstore::xml::Writer;
use propstore_fuzz::{bytes, call, check_fault, document, head, mindtouch, tree};
use std::fmt::Write as _;

const TARGET: &str = "/@api/deki/pages/home/properties";

/// The batch again, as XML; `None` if a value is not UTF-8 or not text at all, or an item was refused.
fn written(edits: &[&Edit]) -> Option<String> {
    let mut xml = Writer::default();
    xml.start("properties");
    for edit in edits {
        match edit {
            Edit::Put(put) => {
                let etag = match &put.precondition {
                    propstore::model::Precondition::Seen(etag) => etag.clone(),
                    _ => return None,
                };
                let Body::Inline(value) = &put.content.body else {
                    return None;
                };
                let value = std::str::from_utf8(value).ok()?;
                let label = put.content.media_type.charset_label();
                if label.is_some_and(|label| !label.eq_ignore_ascii_case("utf-8")) {
                    return None;
                }
                xml.start("property").attribute("name", &put.name);
                if let Some(etag) = etag {
                    xml.attribute("etag", etag);
                }
                xml.start("contents")
                    .attribute("type", &put.content.media_type)
                    .text(value)
                    .end("contents");
                xml.element("description", &put.description).end("property");
            }
            Edit::Delete(delete) => {
                xml.start("property").attribute("name", &delete.name);
                if let Some(etag) = &delete.etag {
                    xml.attribute("etag", etag);
                }
                xml.end("property");
            }
            Edit::SetLanguage(language) => drop(xml.element("language", language.as_str())),
            _ => return None,
        }
    }
    xml.end("properties");
    // What JSON can say and XML cannot has become another character.
    Some(xml.finish()).filter(|document| !document.contains('\u{FFFD}'))
}

fn said(edits: &[&Edit]) -> String {
    let mut text = String::new();
    for edit in edits {
        writeln!(text, "{edit:?}").expect("text grows");
    }
    text
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else {
        return;
    };
    let media_type = match kind {
        b'j' => "application/json",
        b'l' => "text/xml; charset=iso-8859-1",
        b'u' => "application/xml; charset=utf-16",
        b's' => "application/xml; charset=shift_jis",
        _ => "application/xml",
    };
    let request = |media_type: &str, target: &str| {
        head("PUT", target, &[("content-type", media_type.as_bytes())]).expect("a head")
    };
    let asked = request(media_type, TARGET);
    let (batch, reply) = match call(&asked, Payload::Whole(body.to_vec().into())) {
        Ok(Call::Write { batch, reply }) => (batch, reply),
        Ok(other) => panic!("{other:?}"),
        Err(fault) => {
            let length = fault.to_string().len();
            assert!(length < 2000, "{length} bytes are said");
            return check_fault(mindtouch(), &asked, &fault);
        }
    };
    let edits: Vec<&Edit> = batch.changes().iter().map(|change| &change.edit).collect();
    if let Some(document) = written(&edits) {
        match call(
            &request("application/xml", TARGET),
            Payload::Whole(document.clone().into()),
        ) {
            Ok(Call::Write { batch, .. }) => {
                let again: Vec<&Edit> = batch.changes().iter().map(|change| &change.edit).collect();
                assert_eq!(said(&again), said(&edits), "{document}");
            }
            other => panic!("{document}: {other:?}"),
        }
    }
    let outcomes = edits.iter().map(|edit| match edit {
        Edit::Refused { refusal, .. } => Err(refusal.clone()),
        _ => Err(Refusal::UnexpectedEtag),
    });
    let answer = document(reply(outcomes.collect()).expect("an answer"));
    tree::read(&answer).expect("an answer is well-formed");
    for format in ["json", "php", "jsonp"] {
        let asked = request(media_type, &format!("{TARGET}?dream.out.format={format}"));
        let answer = propstore::http::Answer::document(http::StatusCode::OK, answer.clone());
        drop(bytes(mindtouch().shape(&asked, answer)));
    }
});

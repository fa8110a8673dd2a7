//! Documents: those that are made to be hard to read, and the largest one that is good.

use crate::attack::together;
use crate::field::{Promise, Said, Siege, title};
use crate::raw::{Raw, request};
use crate::report::millis;
use anyhow::{Result, ensure};
use std::fmt::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How many clients send such documents.
const CLIENTS: usize = 2;

/// How long one of them may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How many properties the largest batch has, and how long it may take.
const LARGEST: usize = 100_000;
const LARGEST_MAX: Duration = Duration::from_secs(20);

/// Many of something.
const MANY: usize = 1_000_000;

fn put(document: &str) -> Vec<u8> {
    let fields = "Content-Type: application/xml\r\n";
    request("PUT", "/pages/home/properties", fields, document.as_bytes())
}

/// A document with one value.
fn value(contents: &str) -> String {
    format!(
        "<properties><property name=\"p\" etag=\"\"><contents type=\"text/plain\">{contents}</contents></property></properties>"
    )
}

fn bomb_documents() -> Result<Vec<(&'static str, String)>> {
    let (mut attributes, mut namespaces) = (String::new(), String::new());
    for number in 0..MANY {
        write!(attributes, " a{number}=''")?;
    }
    for number in 0..MANY / 3 {
        write!(namespaces, " xmlns:n{number}='u{number}'")?;
    }
    let mut laughs = "<!DOCTYPE p [<!ENTITY a0 \"ha\">".to_owned();
    for number in 1..40 {
        let last = number - 1;
        write!(
            laughs,
            "<!ENTITY a{number} \"&a{last};&a{last};&a{last};\">"
        )?;
    }
    Ok(vec![
        ("nesting", format!("<properties>{}", "<a>".repeat(MANY))),
        ("attributes", format!("<properties{attributes}/>")),
        ("namespaces", format!("<properties{namespaces}/>")),
        (
            "entities",
            format!("{laughs}]><properties>&a39;</properties>"),
        ),
        (
            "a long name",
            format!("<properties><{}/></properties>", "a".repeat(8 << 20)),
        ),
        (
            "a long attribute",
            format!("<properties a='{}'/>", "a".repeat(8 << 20)),
        ),
        (
            "comments",
            format!("<properties>{}</properties>", "<!---->".repeat(MANY)),
        ),
        (
            "instructions",
            format!("<properties>{}</properties>", "<?p?>".repeat(MANY)),
        ),
        ("CDATA", value(&"<![CDATA[x]]>".repeat(MANY))),
        ("references", value(&"&amp;".repeat(MANY))),
        (
            "an open quote",
            format!("<properties a='{}", "<".repeat(8 << 20)),
        ),
        (
            "an open comment",
            format!("<properties><!--{}", "-".repeat(8 << 20)),
        ),
    ])
}

/// Documents that are made to be hard to read.
pub(crate) fn bombs(siege: &mut Siege) -> Result<()> {
    title("bombs: 2 clients send a dozen kinds of documents in turn");
    let promise = Promise::new(1000, 200);
    let server = siege.server()?;
    let documents: Vec<_> = bomb_documents()?
        .into_iter()
        .map(|(name, document)| (name, put(&document)))
        .collect();
    siege.beside("XML bombs", &server, promise, |field| {
        let longest = Mutex::new((Duration::ZERO, ""));
        let count = Mutex::new(0);
        field.begin();
        together(CLIENTS, |number| {
            let mut client = Raw::new(field.address);
            let mut turn = documents
                .iter()
                .cycle()
                .skip(number * documents.len() / CLIENTS);
            while let Some((name, bytes)) = turn.next().filter(|_| !field.is_over()) {
                let began = Instant::now();
                let status = client.ask(bytes)?;
                let took = began.elapsed();
                ensure!(
                    (200..500).contains(&status),
                    "{name}: answered with {status}"
                );
                if let (Ok(mut longest), Ok(mut count)) = (longest.lock(), count.lock()) {
                    *longest = (*longest).max((took, name));
                    *count += 1;
                }
            }
            Ok(())
        })?;
        let (longest, name) = longest.into_inner().unwrap_or_default();
        let count = count.into_inner().unwrap_or_default();
        let mut said = Said::remark(format!(
            "{count} documents, at most {} ms ({name})",
            millis(longest)
        ));
        said.demand(
            longest < ANSWER_MAX,
            format!("{name} took {} ms", millis(longest)),
        );
        Ok(said)
    })
}

/// The largest batch.
pub(crate) fn batch(siege: &mut Siege) -> Result<()> {
    title("batch: one of 100,000 properties");
    // What it takes is not promised, only for how long; and nobody else waits longer than that.
    let promise = Promise::new(20_000, 400);
    let server = siege.server()?;
    let mut document = "<properties>".to_owned();
    for number in 0..LARGEST {
        write!(
            document,
            "<property name=\"p{number}\"><contents type=\"text/plain\">{number}</contents></property>"
        )?;
    }
    document.push_str("</properties>");
    let bytes = put(&document);
    siege.beside("100,000 properties", &server, promise, |field| {
        field.begin();
        let began = Instant::now();
        let status = Raw::new(field.address).ask(&bytes)?;
        let took = began.elapsed();
        let mut said = Said::remark(format!("{} ms", millis(took)));
        said.demand(status == 200, format!("answered with {status}"));
        said.demand(took < LARGEST_MAX, format!("it took {} ms", millis(took)));
        Ok(said)
    })
}

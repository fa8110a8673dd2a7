//! What is read, what is refused and where, what markup is kept; then the same for any document at all.

mod accepted;
mod any;
mod bad_tags;
mod markup;
mod refused;

use super::{Event, Malformed, Markup, Parser};
use std::fmt::Write;

/// All that is read from a document, on one line: `(name attribute="value" "text" (inner))`.
fn read(document: &str) -> Result<String, Malformed> {
    let mut parser = Parser::new(document)?;
    let (mut out, mut text) = (String::new(), String::new());
    loop {
        let event = parser.next_event()?;
        if let Some(Event::Text(piece)) = &event {
            text.push_str(piece);
            continue;
        }
        if !text.is_empty() {
            write!(out, " {text:?}").unwrap();
            text.clear();
        }
        match event {
            Some(Event::Start(element)) => {
                write!(out, " ({}", element.name).unwrap();
                for attribute in &element.attributes {
                    write!(out, " {}={:?}", attribute.name, attribute.value).unwrap();
                }
            }
            Some(Event::End) => out.push(')'),
            Some(Event::Text(_)) => {}
            None => return Ok(out.trim_start().to_owned()),
        }
    }
}

/// What is inside the first element of this name, and the document read to its end.
fn markup_in<'a>(document: &'a str, name: &str) -> Result<Markup<'a>, Malformed> {
    let mut parser = Parser::new(document)?;
    let mut found = None;
    while let Some(event) = parser.next_event()? {
        match event {
            Event::Start(element) if element.name == name && found.is_none() => {
                found = Some(parser.markup()?);
            }
            Event::Start(_) | Event::Text(_) | Event::End => {}
        }
    }
    Ok(found.expect("an element of this name"))
}

/// Checks that a document is refused with these words at this line and column.
#[track_caller]
fn refused(document: &str, what: &str, line: usize, column: usize) {
    match read(document) {
        Ok(read) => panic!("{document:?} is read as {read}"),
        Err(malformed) => {
            let message = malformed.to_string();
            let place = format!("(line {line}, column {column})\n");
            assert!(
                message.contains(what) && message.contains(&place),
                "{document:?}: {message}\nis not: {what} {place}"
            );
        }
    }
}

/// So many attributes, each on a line of its own.
fn attributes(count: usize) -> String {
    let attributes: Vec<_> = (0..count).map(|n| format!("\na{n}=''")).collect();
    attributes.concat()
}

//! The 2,586 XML conformance documents of the W3C (20130923) as bodies, as markup and as text: what is not well-formed is
//! refused and said to be so, what is well-formed is read and comes back, and nothing outside of a document is looked at
//! (`promises.md` §1.3).
//!
//! What to expect of a document is what the suite itself says of it, seen by a reader of XML 1.0 (fifth edition) with
//! namespaces that takes no DOCTYPE. There is no document of which we think otherwise. They are no part of the repository, so these tests run only when asked for:
//! `.ci/conformance` gets the documents and asks.

use crate::harness::{Answer, Connection, Server, each};
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long an answer may take.
const TIME_MAX: Duration = Duration::from_secs(1);

/// How often a document is sent before it is the document, and not a pause of the machine, that takes long.
const TRIES: usize = 5;

/// What is said of a document that is well-formed and no batch.
const OTHER_ROOT: &str = "the root element is <";

/// What is said of a DOCTYPE.
const NO_DOCTYPE: &str = "a DOCTYPE is not allowed here";

/// What is said of bytes that are not text in the encoding that they claim to have.
const UNDECODABLE: [&str; 3] = [
    "the charset '",
    "the document is not valid ",
    "the XML declaration says that the document is ",
];

/// What the suite says of a document.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// It is well-formed; whether it is valid depends on a DTD, which is none of our business.
    WellFormed,
    /// It is not.
    NotWellFormed,
    /// Nobody has to notice what is wrong; or it is meant for another edition or version of XML, or for a reader that
    /// knows no namespaces. It has to be answered, and that is all.
    Either,
}

/// One document of the suite.
struct Document {
    id: String,
    kind: Kind,
    bytes: Vec<u8>,
}

/// The folder that `.ci/conformance` has made.
fn folder() -> PathBuf {
    let folder = std::env::var_os("CONFORMANCE_DOCUMENTS");
    folder
        .expect(".ci/conformance gets the documents and says where they are")
        .into()
}

/// The value of an attribute in a tag of the catalogue, in which quotes are double and nothing is escaped.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

fn kind(tag: &str) -> Kind {
    let has = |name, value: &str, default| {
        attribute(tag, name).map_or(default, |values| values.split(' ').any(|v| v == value))
    };
    let of_1_1 = has("RECOMMENDATION", "XML1.1", false) || has("RECOMMENDATION", "NS1.1", false);
    let is_ours = has("VERSION", "1.0", true) && has("EDITION", "5", true) && !of_1_1;
    match attribute(tag, "TYPE").unwrap() {
        _ if !is_ours || has("NAMESPACE", "no", false) => Kind::Either,
        "valid" | "invalid" => Kind::WellFormed,
        "not-wf" => Kind::NotWellFormed,
        "error" => Kind::Either,
        other => panic!("{other} in {tag}"),
    }
}

/// All documents in the order of the catalogue. One of them stands in a comment there.
fn documents() -> Vec<Document> {
    let folder = folder();
    let catalogue = fs::read_to_string(folder.join("cleaned/xmlconf-flattened.xml")).unwrap();
    let mut bases: Vec<String> = vec!["xmlconf/".to_owned()];
    let mut found = Vec::new();
    for piece in catalogue.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap();
        match tag.split_ascii_whitespace().next() {
            Some("TESTCASES") => {
                let outer = bases.last().unwrap();
                bases.push(format!(
                    "{outer}{}",
                    attribute(tag, "xml:base").unwrap_or_default()
                ));
            }
            Some("/TESTCASES") => drop(bases.pop()),
            Some("TEST") => {
                let path = format!(
                    "{}{}",
                    bases.last().unwrap(),
                    attribute(tag, "URI").unwrap()
                );
                let path = folder.join(path);
                let id = attribute(tag, "ID").unwrap();
                found.push(Document {
                    id: id.to_owned(),
                    kind: kind(tag),
                    bytes: fs::read(&path)
                        .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
                });
            }
            Some(_) | None => {}
        }
    }
    assert_eq!(found.len(), 2586);
    found
}

/// Which byte of a unit of UTF-16 comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    High,
    Low,
}

/// How the bytes of a document are looked into, as far as that is needed to cut it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Coding {
    Utf8,
    Utf16(Order),
    /// Something in which ASCII is ASCII: each byte is looked at as one character.
    Bytes,
}

impl Coding {
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xFE, 0xFF, ..] | [0, b'<', ..] => Coding::Utf16(Order::High),
            [0xFF, 0xFE, ..] | [b'<', 0, ..] => Coding::Utf16(Order::Low),
            _ if std::str::from_utf8(bytes).is_ok() => Coding::Utf8,
            _ => Coding::Bytes,
        }
    }

    /// The text; `None` if it is not UTF-16 after all.
    fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Coding::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
            Coding::Utf16(order) => {
                let unit = match order {
                    Order::High => u16::from_be_bytes,
                    Order::Low => u16::from_le_bytes,
                };
                let pairs = bytes.chunks(2).map(|pair| pair.try_into().ok());
                let units: Option<Vec<u16>> = pairs.map(|pair| pair.map(unit)).collect();
                String::from_utf16(&units?).ok()
            }
            Coding::Bytes => Some(bytes.iter().map(|&byte| char::from(byte)).collect()),
        }
    }

    fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Coding::Utf8 => text.as_bytes().to_vec(),
            Coding::Utf16(order) => {
                let bytes = match order {
                    Order::High => u16::to_be_bytes,
                    Order::Low => u16::to_le_bytes,
                };
                text.encode_utf16().flat_map(bytes).collect()
            }
            Coding::Bytes => text.chars().map(|c| u8::try_from(c).unwrap()).collect(),
        }
    }
}

/// Where the parts of a document are, as far as they can be found: it may be broken anywhere.
#[derive(Debug, Default)]
struct Parts {
    /// Behind the byte order mark and the XML declaration.
    start: usize,
    doctype: Option<Range<usize>>,
    /// The name of the first element.
    root: Option<Range<usize>>,
}

fn parts(text: &str) -> Parts {
    let mut parts = Parts::default();
    let mut at = if text.starts_with('\u{FEFF}') { 3 } else { 0 };
    let end_of =
        |from: usize, end: &str| text[from..].find(end).map(|found| from + found + end.len());
    if text[at..].starts_with("<?xml") && !text[at..].starts_with("<?xml-") {
        at = end_of(at, "?>").unwrap_or(at);
    }
    parts.start = at;
    loop {
        let rest = &text[at..];
        let next = if rest.starts_with([' ', '\t', '\n', '\r']) {
            Some(at + 1)
        } else if rest.starts_with("<!--") {
            end_of(at + 4, "-->")
        } else if rest.starts_with("<?") {
            end_of(at, "?>")
        } else if rest.starts_with("<!DOCTYPE") && parts.doctype.is_none() {
            let end = doctype_end(text, at);
            parts.doctype = Some(at..end.unwrap_or(text.len()));
            end
        } else {
            None
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    if let Some(rest) = text[at..].strip_prefix('<') {
        let end = rest
            .find([' ', '\t', '\n', '\r', '/', '>', '<'])
            .unwrap_or(rest.len());
        parts.root = Some(at + 1..at + 1 + end);
    }
    parts
}

/// Where a DOCTYPE ends: behind the `>` that stands neither in quotes nor in comments nor between brackets.
fn doctype_end(text: &str, mut at: usize) -> Option<usize> {
    let mut depth = 0;
    loop {
        let rest = &text[at..];
        let skipped = [("<!--", "-->"), ("<?", "?>"), ("\"", "\""), ("'", "'")]
            .into_iter()
            .find(|(begin, _)| rest.starts_with(begin));
        if let Some((begin, end)) = skipped {
            at += begin.len() + rest[begin.len()..].find(end)? + end.len();
            continue;
        }
        let c = rest.chars().next()?;
        at += c.len_utf8();
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            '>' if depth == 0 => return Some(at),
            _ => {}
        }
    }
}

/// The document without its DOCTYPE.
fn without_doctype(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(range) = parts(&text).doctype {
        text.replace_range(range, "");
    }
    text
}

/// The document with `<properties>` as its root; `None` if its tags are not found.
fn as_batch(text: &str) -> Option<String> {
    let root = parts(text).root?;
    let name = text[root.clone()].to_owned();
    let mut text = text.to_owned();
    // The end first, so that the start stays where it is.
    if let Some(at) = text
        .rfind(&format!("</{name}"))
        .filter(|_| !name.is_empty())
    {
        text.replace_range(at + 2..at + 2 + name.len(), "properties");
    }
    text.replace_range(root, "properties");
    Some(text)
}

/// Whether it refers to an entity that only a DOCTYPE could have declared.
fn has_entities(text: &str) -> bool {
    let known = ["amp;", "lt;", "gt;", "quot;", "apos;", "#"];
    let mut references = text.split('&').skip(1);
    references.any(|rest| !known.iter().any(|name| rest.starts_with(name)))
}

/// The text as XML: with references for what would be something else.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\r', "&#13;")
}

/// The text as a reader of XML sees it: CR LF and CR mean LF.
fn line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// A batch that makes the property `p` of what is inside.
fn batch(declaration: &str, media_type: &str, inside: &str) -> String {
    format!(
        "{declaration}<properties><property name=\"p\"><contents type=\"{media_type}\">{inside}</contents></property></properties>"
    )
}

/// A server, and a connection to it.
struct Client {
    server: Server,
    connection: Connection,
}

impl Client {
    fn new() -> Self {
        let server = Server::start();
        let connection = server.connect();
        Client { server, connection }
    }

    /// Sends a batch and gets the answer in time.
    fn batch(&mut self, id: &str, body: &[u8]) -> Answer {
        let owner = self.server.put("/users/current/properties").xml(body);
        let mut answer = None;
        for _ in 0..TRIES {
            let begin = Instant::now();
            let said = self.connection.send(owner.request());
            if begin.elapsed() < TIME_MAX {
                return said;
            }
            answer = Some(said);
        }
        panic!("{id} takes longer than {TIME_MAX:?}: {answer:?}")
    }

    /// The value of a property.
    fn value(&mut self, name: &str) -> Vec<u8> {
        let call = self.server.get(format!("/users/current/properties/{name}"));
        self.connection.send(call.request()).is(200).body
    }

    /// Deletes the property `p` if it is there.
    fn forget(&mut self) {
        let call = self.server.delete("/users/current/properties/p");
        let answer = self.connection.send(call.request());
        assert!(matches!(answer.status, 200 | 404), "{answer:?}");
    }
}

/// What an answer of 400 says is wrong, whose form is checked: the place, the line and the caret below it.
fn fault(id: &str, answer: Answer) -> String {
    let message = answer.is(400).message();
    if UNDECODABLE.iter().any(|what| message.starts_with(what)) {
        return message;
    }
    let lines: Vec<&str> = message.split('\n').collect();
    let [what, _, caret] = lines[..] else {
        panic!("{id}: {message}")
    };
    let place = what
        .strip_suffix(')')
        .and_then(|what| what.rsplit_once(" (line "));
    let place = place.and_then(|(_, place)| place.split_once(", column "));
    let is_number = |text: &str| text.parse::<usize>().is_ok_and(|number| number > 0);
    assert!(
        place.is_some_and(|(line, column)| is_number(line) && is_number(column)),
        "{id}: {message}"
    );
    assert_eq!(caret.trim_start(), "^", "{id}: {message}");
    message
}

fn is_about_the_root(message: &str) -> bool {
    message.starts_with(OTHER_ROOT) && message.contains(">, but it has to be <properties> (line ")
}

#[test]
#[ignore = "needs the W3C documents: .ci/conformance"]
fn every_document_is_refused_for_what_is_wrong_with_it() {
    let mut client = Client::new();
    let (mut doctypes, mut well_formed, mut broken) = (0, 0, 0);
    for Document {
        id, kind, bytes, ..
    } in documents()
    {
        let message = fault(&id, client.batch(&id, &bytes));
        let text = Coding::of(&bytes).decode(&bytes);
        let parts = text.as_deref().map(parts).unwrap_or_default();
        if parts.doctype.is_some() {
            // Of one that is broken as well, either may be said.
            doctypes += 1;
            if kind == Kind::WellFormed {
                assert!(message.starts_with(NO_DOCTYPE), "{id}: {message}");
            }
            assert!(!message.starts_with(OTHER_ROOT), "{id}: {message}");
            continue;
        }
        match kind {
            Kind::WellFormed => {
                well_formed += 1;
                assert!(is_about_the_root(&message), "{id}: {message}");
            }
            Kind::NotWellFormed => {
                broken += 1;
                if is_about_the_root(&message) {
                    // It was not read any further. What comes after is, if the root is one of ours.
                    let text = as_batch(&text.unwrap()).unwrap();
                    let message = fault(&id, client.batch(&id, &Coding::of(&bytes).encode(&text)));
                    assert!(
                        !message.contains("properties> has to be"),
                        "{id}: {message}\n{text}"
                    );
                }
            }
            Kind::Either => {}
        }
    }
    // So that none is passed over by mistake.
    assert_eq!((doctypes, well_formed, broken), (2182, 73, 248));
}

/// The well-formed documents as text in their coding, without a DOCTYPE, if they can do without one.
fn well_formed() -> Vec<(String, Coding, String)> {
    let documents = documents().into_iter();
    let ours = documents.filter(|document| document.kind == Kind::WellFormed);
    let cut = ours.filter_map(|Document { id, bytes, .. }| {
        let coding = Coding::of(&bytes);
        let text = without_doctype(&coding.decode(&bytes)?);
        Some((id, coding, text))
    });
    cut.filter(|(_, _, text)| !has_entities(text)).collect()
}

#[test]
#[ignore = "needs the W3C documents: .ci/conformance"]
fn what_is_well_formed_is_read_to_its_end() {
    let mut client = Client::new();
    let mut count = 0;
    for (id, coding, text) in well_formed() {
        let document = as_batch(&text).unwrap();
        let answer = client.batch(&id, &coding.encode(&document));
        let root = &document[parts(&document).root.unwrap().end..];
        if root.split('>').next().unwrap().contains("xmlns=") {
            let message = fault(&id, answer);
            assert!(
                message.contains("has to be in no namespace"),
                "{id}: {message}"
            );
            continue;
        }
        assert_eq!(answer.is(200).xml().attr("count"), "0", "{id}");
        count += 1;
    }
    assert_eq!(count, 851);
}

#[test]
#[ignore = "needs the W3C documents: .ci/conformance"]
fn what_is_well_formed_comes_back_as_markup() {
    let mut client = Client::new();
    let mut count = 0;
    for (id, coding, text) in well_formed() {
        if coding == Coding::Bytes {
            continue;
        }
        let markup = &text[parts(&text).start..];
        let document = batch("", "text/xml; charset=utf-8", markup);
        client.batch(&id, document.as_bytes()).is(200);
        let value = String::from_utf8(client.value("p")).unwrap();
        assert_eq!(value, line_ends(markup), "{id}");
        client.forget();
        count += 1;
    }
    assert_eq!(count, 860);
}

#[test]
#[ignore = "needs the W3C documents: .ci/conformance"]
fn every_text_comes_back_character_for_character() {
    let mut client = Client::new();
    let is_xml = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
    let texts: Vec<String> = documents()
        .into_iter()
        .filter_map(|document| String::from_utf8(document.bytes).ok())
        .filter(|text| text.chars().all(is_xml))
        .collect();
    for (number, texts) in texts.chunks(100).enumerate() {
        let owner = client.server.new_file();
        let items = each(texts.iter().enumerate(), |(n, text)| {
            let text = escaped(text);
            format!(
                "<property name=\"t{n}\"><contents type=\"text/plain; charset=utf-8\">{text}</contents></property>"
            )
        });
        let call = client.server.put(format!("{owner}/properties"));
        let call = call.xml(format!("<properties>{items}</properties>"));
        let answer = client.connection.send(call.request()).is(200).xml();
        for (n, text) in texts.iter().enumerate() {
            let contents = answer.property(&format!("t{n}")).child("contents");
            if text.len() <= 2048 {
                assert_eq!(contents.text, *text, "{number} {n}");
            }
            let call = client.server.get(format!("{owner}/properties/t{n}"));
            let value = client.connection.send(call.request()).is(200);
            assert_eq!(value.text(), text, "{number} {n}");
        }
    }
    assert_eq!(texts.len(), 2385);
}

/// The bytes of a text with `escape` for each byte that stands for a character of its own.
fn escaped_bytes(label: &str, bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut is_double) = (Vec::new(), false);
    for (at, byte) in bytes.iter().enumerate() {
        if label == "iso-2022-jp" && *byte == 0x1B {
            is_double = bytes[at + 1] == b'$';
        }
        match byte {
            b'&' if !is_double => out.extend_from_slice(b"&amp;"),
            b'<' if !is_double => out.extend_from_slice(b"&lt;"),
            b'>' if !is_double => out.extend_from_slice(b"&gt;"),
            byte => out.push(*byte),
        }
    }
    out
}

/// A batch with these bytes as what is inside, in the encoding of this label.
fn batch_in(label: &str, media_type: &str, inside: &[u8]) -> Vec<u8> {
    let declaration = format!("<?xml version=\"1.0\" encoding=\"{label}\"?>");
    let frame = batch(&declaration, media_type, "|");
    let (before, after) = frame.split_once('|').unwrap();
    [before.as_bytes(), inside, after.as_bytes()].concat()
}

#[test]
#[ignore = "needs the W3C documents: .ci/conformance"]
fn a_document_says_the_same_in_every_encoding_or_is_refused() {
    let mut client = Client::new();
    let folder = folder().join("xmlconf/japanese");
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let utf_8 = |name: &str| String::from_utf8(read(name)).unwrap();
    // As markup: all encodings of this one say the same.
    let report = without_doctype(&utf_8("weekly-utf-8.xml"));
    let report = line_ends(&report[parts(&report).start..]);
    let labels = ["euc-jp", "iso-2022-jp", "shift_jis"];
    for label in labels {
        let text: String = read(&format!("weekly-{label}.xml"))
            .into_iter()
            .map(char::from)
            .collect();
        let text = without_doctype(&text);
        let inside = Coding::Bytes.encode(&text[parts(&text).start..]);
        let good = batch_in(label, "text/xml; charset=utf-8", &inside);
        client.batch(label, &good).is(200);
        assert_eq!(
            String::from_utf8(client.value("p")).unwrap(),
            report,
            "{label}"
        );
        client.forget();
    }
    for name in ["weekly-utf-16.xml", "weekly-little-endian.xml"] {
        let bytes = read(name);
        let coding = Coding::of(&bytes);
        let text = without_doctype(&coding.decode(&bytes).unwrap());
        let inside = &text[parts(&text).start..];
        for declaration in [
            "",
            "<?xml version='1.0'?>",
            "<?xml version='1.0' encoding='UTF-16'?>",
        ] {
            let document = batch(declaration, "text/xml; charset=utf-8", inside);
            for document in [document.clone(), format!("\u{FEFF}{document}")] {
                client.batch(name, &coding.encode(&document)).is(200);
                let value = String::from_utf8(client.value("p")).unwrap();
                assert_eq!(value, report, "{name}");
                client.forget();
            }
        }
    }
    // As text: this one is long and has all kinds of characters; a few of its lines are about its encoding.
    let long = utf_8("pr-xml-utf-8.xml");
    let lines: HashSet<&str> = long.lines().collect();
    for label in labels {
        let inside = escaped_bytes(label, &read(&format!("pr-xml-{label}.xml")));
        client
            .batch(
                label,
                &batch_in(label, "text/plain; charset=utf-8", &inside),
            )
            .is(200);
        let value = String::from_utf8(client.value("p")).unwrap();
        let others: Vec<&str> = value.lines().filter(|line| !lines.contains(line)).collect();
        let declaration = format!("<?xml version=\"1.0\" encoding=\"{label}\"?>");
        assert_eq!(
            others,
            [declaration.as_str(), "<!ENTITY lt     \"<\"> "],
            "{label}"
        );
        assert!(value.lines().count() > 3500, "{label}");
        client.forget();
        // Of another name these bytes are none; to ASCII, ISO-2022-JP is full of control characters.
        for wrong in ["utf-8", "us-ascii", "utf-16", "x-unknown", "Klingon"] {
            let document = batch_in(wrong, "text/plain; charset=utf-8", &inside);
            fault(label, client.batch(label, &document));
        }
    }
}

/// The document with another address for everything that lies outside of it; `None` if there is nothing.
fn pointed_to(text: &str, address: &str) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    let blanks = [' ', '\t', '\n', '\r'];
    let literal = |text: &str| -> Option<Range<usize>> {
        let begin = text.len() - text.trim_start_matches(blanks).len();
        let quote = text[begin..]
            .chars()
            .next()
            .filter(|c| begin > 0 && matches!(c, '"' | '\''))?;
        let length = text[begin + 1..].find(quote)?;
        Some(begin + 1..begin + 1 + length)
    };
    let mut is_changed = false;
    while let Some((at, word)) = ["SYSTEM", "PUBLIC"]
        .iter()
        .filter_map(|word| Some((rest.find(word)?, word)))
        .min()
    {
        let mut from = at + word.len();
        let mut found = literal(&rest[from..]);
        if let (Some(public), "PUBLIC") = (&found, *word) {
            from += public.end + 1;
            found = literal(&rest[from..]);
        }
        let Some(found) = found else {
            out.push_str(&rest[..from]);
            rest = &rest[from..];
            continue;
        };
        is_changed = true;
        out.push_str(&rest[..from + found.start]);
        out.push_str(address);
        rest = &rest[from + found.end..];
    }
    is_changed.then(|| out + rest)
}

#[test]
#[ignore = "needs the W3C documents: .ci/conformance"]
fn nothing_outside_of_a_document_is_looked_at() {
    const SECRET: &str = "nobody may read this";
    let mut client = Client::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let dir = client.server.dir();
    let secret = dir.path().join("secret");
    fs::write(&secret, SECRET).unwrap();
    // Whoever opens this one to read waits for ever, and no answer comes.
    let pipe = dir.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let file = |path: &Path| format!("file://{}", path.display());
    let addresses = [
        format!("http://{}/x", listener.local_addr().unwrap()),
        file(&pipe),
        file(&secret),
    ];
    let mut count = 0;
    for Document { id, bytes, .. } in documents() {
        let coding = Coding::of(&bytes);
        let Some(text) = coding.decode(&bytes) else {
            continue;
        };
        for address in &addresses {
            let Some(text) = pointed_to(&text, address) else {
                continue;
            };
            count += 1;
            let body = coding.encode(&text);
            let answer = client.batch(&id, &body);
            assert!(!answer.text().contains(SECRET), "{id}");
            fault(&id, answer);
            // A value is bytes, whatever it says, also where it is said in another format.
            let put = client
                .server
                .put("/users/current/properties/p")
                .typed("application/xml", &body);
            let put = put.field("If-None-Match", "*");
            client.connection.send(put.request()).is(200);
            let get = client
                .server
                .get("/users/current/properties/p?dream.out.format=json");
            assert!(
                client.connection.send(get.request()).is(200).body == body,
                "{id}"
            );
            client.forget();
        }
    }
    assert_eq!(count, 1350);
    let error = listener.accept().unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::WouldBlock,
        "somebody has fetched something"
    );
}

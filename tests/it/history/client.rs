//! Those who ask: what they send, and what the answers say of the resource.

use super::dice::Dice;
use super::linear::Operation;
use super::register::{self, Asked, Call, Change, Key, Said, Shown, Value, When};
use crate::harness::{API, Answer, Connection, Node, PASSWORD, Request, basic};
use chrono::{DateTime, SecondsFormat};
use serde_json::json;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// How many etags that were once seen are kept, to be sent when they are old.
const ETAGS_KEPT: usize = 8;

/// A resource that the clients collide on.
pub(crate) struct Resource {
    /// Where its properties are.
    path: String,
    /// Their names.
    names: &'static [&'static str],
    form: Form,
    /// The number of the next value that is written here.
    next: AtomicU32,
    /// Of each property the last etags that anybody saw.
    etags: Mutex<Vec<Vec<String>>>,
}

/// What the values stand in.
pub(crate) enum Form {
    /// Properties of a file.
    Plain,
    /// Settings of a folder, which the LumiNUS dialect calls so; and the space in which it lies.
    Settings { id: String, space: String },
    /// The content of a file that comes and goes: it is asked for by its name.
    File,
}

/// The file is one thing.
const FILE: &[&str] = &["content"];

const PLAIN: &[&str] = &["a", "b", "c", "d"];

/// Settings, so that one request of the LumiNUS dialect writes all of them.
const SETTINGS: &[&str] = &[
    "luminus.startDate",
    "luminus.endDate",
    "luminus.folderScore",
];

/// The years in which the dates of settings begin that carry a value; what starts must not start after its end.
const EPOCHS: [i64; 2] = [946_684_800, 32_503_680_000];

/// What everybody shares.
pub(crate) struct World {
    /// Where the choices come from.
    pub(crate) seed: u64,
    /// When the clock began.
    pub(crate) start: Instant,
    /// What they ask for.
    pub(crate) resources: Vec<Resource>,
}

/// What one client saw, with the number of the resource.
pub(crate) type Record = Vec<(usize, Asked)>;

impl Resource {
    /// With nothing in it.
    pub(crate) fn new(path: String, form: Form) -> Self {
        let names = match form {
            Form::Plain => PLAIN,
            Form::Settings { .. } => SETTINGS,
            Form::File => FILE,
        };
        Resource {
            path,
            names,
            form,
            next: AtomicU32::new(1),
            etags: Mutex::new(vec![Vec::new(); names.len()]),
        }
    }

    /// How many properties it can have.
    pub(crate) fn keys(&self) -> usize {
        self.names.len()
    }

    fn value(&self) -> Value {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A value as the text of a property: one that settings can have, where it is one.
    fn text(&self, key: Key, value: Value) -> String {
        match (&self.form, EPOCHS.get(key)) {
            (Form::Plain | Form::File, _) => format!("w{value}"),
            (Form::Settings { .. }, None) => value.to_string(),
            (Form::Settings { .. }, Some(epoch)) => {
                let date = DateTime::from_timestamp(epoch + i64::from(value), 0).unwrap();
                date.to_rfc3339_opts(SecondsFormat::Secs, true)
            }
        }
    }

    fn read(&self, key: Key, text: &str) -> Value {
        match (&self.form, EPOCHS.get(key)) {
            (Form::Plain | Form::File, _) => text.strip_prefix('w').unwrap().parse().unwrap(),
            // A number of JSON, which may be written as 7 or as 7.0.
            (Form::Settings { .. }, None) => {
                text.strip_suffix(".0").unwrap_or(text).parse().unwrap()
            }
            (Form::Settings { .. }, Some(epoch)) => {
                let date = DateTime::parse_from_rfc3339(text).unwrap();
                Value::try_from(date.timestamp() - epoch).unwrap()
            }
        }
    }

    fn key(&self, name: &str) -> Key {
        self.names.iter().position(|&other| other == name).unwrap()
    }

    fn saw(&self, key: Key, etag: &str) {
        let mut etags = self.etags.lock().unwrap();
        let kept = &mut etags[key];
        if kept.last().is_none_or(|last| last != etag) {
            kept.push(etag.to_owned());
        }
        if kept.len() > ETAGS_KEPT {
            kept.remove(0);
        }
    }
}

/// Somebody who asks.
pub(crate) struct Client<'a> {
    /// What it shares with others.
    pub(crate) world: &'a World,
    /// Its number in the history.
    pub(crate) number: usize,
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// Its choices.
    pub(crate) dice: Dice,
    /// How often to ask.
    pub(crate) asks: usize,
    /// What it saw.
    pub(crate) record: Record,
}

/// What is sent, and how its answer is read.
struct Question {
    request: Request,
    call: Call,
    /// Whether it may be sent by somebody who does not wait for the answer.
    can_be_left: bool,
}

impl World {
    /// The time in nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }
}

impl Client<'_> {
    /// Asks again and again until it is enough or nobody is there.
    pub(crate) fn work(&mut self) {
        let mut connection = Connection::open(self.address);
        for _ in 0..self.asks {
            let number = self.dice.below(self.world.resources.len());
            let resource = &self.world.resources[number];
            let question = self.question(resource);
            let begin = self.world.now();
            let leaves = question.can_be_left && self.dice.one_in(10);
            let answer = if leaves {
                let bytes = [question.request.head(), question.request.wire_body()].concat();
                connection.try_write(&bytes);
                None
            } else {
                connection.try_send(&question.request).ok()
            };
            let is_gone = answer.is_none() && !leaves;
            let answer = answer.map(|answer| Client::answer(resource, &question.call, &answer));
            let end = answer.is_some().then(|| self.world.now());
            let asked = Operation {
                client: self.number,
                call: question.call,
                answer,
                begin,
                end,
            };
            self.record.push((number, asked));
            if is_gone {
                return;
            }
            if leaves {
                match Connection::try_open(self.address) {
                    Ok(other) => connection = other,
                    Err(_) => return,
                }
            }
        }
    }

    fn request(&self, method: &str, target: impl Into<String>) -> Request {
        Request::new(method, target)
            .field("Host", self.address.to_string())
            .field("Authorization", basic("admin", PASSWORD))
    }

    fn question(&mut self, resource: &Resource) -> Question {
        match &resource.form {
            Form::File => return self.file(resource),
            Form::Settings { id, space } if self.dice.below(10) < 4 => {
                return self.luminus(resource, id, space);
            }
            Form::Settings { .. } | Form::Plain => {}
        }
        let key = self.dice.below(resource.names.len());
        let name = resource.names[key];
        let properties = format!("{API}{}/properties", resource.path);
        let one = format!("{properties}/{name}");
        let read = |how, keys: &[Key], request| Question {
            request,
            call: Call::Read(how, keys.to_vec()),
            can_be_left: false,
        };
        let all: Vec<Key> = (0..resource.names.len()).collect();
        let roll = self.dice.below(100);
        match roll {
            0..18 => read("GET", &[key], self.request("GET", one)),
            18..25 => read(
                "GET info",
                &[key],
                self.request("GET", format!("{one}/info")),
            ),
            25..29 => match self.etag(resource, key) {
                Some(etag) => {
                    let request = self.request("GET", one);
                    read(
                        "GET if changed",
                        &[key],
                        request.field("If-None-Match", format!("\"{etag}\"")),
                    )
                }
                None => read("GET", &[key], self.request("GET", one)),
            },
            29..42 => {
                let target = format!("{properties}?names={}", resource.names.join(","));
                read("GET list", &all, self.request("GET", target))
            }
            42..70 => self.one(resource, key, &one, &properties),
            70..80 => {
                let etag = self.etag(resource, key).filter(|_| roll < 75);
                let request = self.request("DELETE", one);
                let (request, when) = match etag {
                    Some(etag) => (request.field("ETag", &etag), When::Is(etag)),
                    None => (request, When::Always),
                };
                write(
                    "DELETE",
                    request,
                    vec![Change {
                        key,
                        when,
                        put: None,
                    }],
                )
            }
            _ => self.batch(resource, &properties),
        }
    }

    /// A write of one property, in one of the ways there are.
    fn one(&mut self, resource: &Resource, key: Key, one: &str, properties: &str) -> Question {
        let value = resource.value();
        let etag = self.etag(resource, key);
        let way = self.dice.below(10);
        let (how, request, when) = match (way, etag) {
            (0..3, Some(etag)) => {
                let request = self.request("PUT", one).field("ETag", &etag);
                ("PUT with ETag", request, When::Is(etag))
            }
            (3..5, Some(etag)) => {
                let request = self
                    .request("PUT", one)
                    .field("If-Match", format!("\"{etag}\""));
                ("PUT with If-Match", request, When::Is(etag))
            }
            (5, Some(etag)) => {
                let request = self.request(
                    "PUT",
                    format!("{one}?etag={}", crate::harness::percent(etag.as_bytes())),
                );
                ("PUT with etag=", request, When::Is(etag))
            }
            (6, _) => (
                "PUT always",
                self.request("PUT", format!("{one}?abort=never")),
                When::Always,
            ),
            (7, _) => {
                let request = self.request("PUT", one).field("If-None-Match", "*");
                ("PUT if none", request, When::Absent)
            }
            (8, _) => ("PUT", self.request("PUT", one), When::Absent),
            _ => {
                let request = self.request("POST", properties);
                let request = request.field("Slug", resource.names[key]);
                ("POST", request, When::Absent)
            }
        };
        let request = request.field("Content-Type", "text/plain");
        let request = request.with_body(resource.text(key, value));
        // One that is always made would have to be tried in every place from then on.
        let can_be_left = matches!(when, When::Is(_));
        Question {
            can_be_left,
            ..write(
                how,
                request,
                vec![Change {
                    key,
                    when,
                    put: Some(value),
                }],
            )
        }
    }

    fn batch(&mut self, resource: &Resource, properties: &str) -> Question {
        let mut document = "<properties>".to_owned();
        let mut changes = Vec::new();
        for (key, name) in resource.names.iter().enumerate() {
            if self.dice.one_in(4) {
                continue;
            }
            let etag = self.etag(resource, key).filter(|_| !self.dice.one_in(6));
            let put = (!self.dice.one_in(6)).then(|| resource.value());
            write!(document, "<property name='{name}'").unwrap();
            if let Some(etag) = &etag {
                write!(document, " etag='{etag}'").unwrap();
            }
            document.push('>');
            if let Some(value) = put {
                let text = resource.text(key, value);
                write!(document, "<contents type='text/plain'>{text}</contents>").unwrap();
            }
            document.push_str("</property>");
            let when = match (etag, put) {
                (Some(etag), _) => When::Is(etag),
                (None, Some(_)) => When::Absent,
                (None, None) => When::Always,
            };
            changes.push(Change { key, when, put });
        }
        document.push_str("</properties>");
        let request = self.request("PUT", properties);
        let request = request.field("Content-Type", "application/xml");
        write("PUT batch", request.with_body(document), changes)
    }

    /// The whole file: its content is what a property has as value.
    fn file(&mut self, resource: &Resource) -> Question {
        let target = format!("{API}{}", resource.path);
        let etag = self.etag(resource, 0);
        let (verb, how, when) = match (self.dice.below(10), etag) {
            (0..5, _) => {
                return Question {
                    request: self.request("GET", target),
                    call: Call::Read("GET", vec![0]),
                    can_be_left: false,
                };
            }
            (5, Some(etag)) => ("PUT", "PUT file with If-Match", When::Is(etag)),
            (6, _) => ("PUT", "PUT file if none", When::Absent),
            (7, Some(etag)) => ("DELETE", "DELETE with If-Match", When::Is(etag)),
            (8, _) => ("DELETE", "DELETE", When::Always),
            _ => ("PUT", "PUT file", When::Always),
        };
        let request = self.request(verb, target);
        let request = match &when {
            When::Always => request,
            When::Absent => request.field("If-None-Match", "*"),
            When::Is(etag) => request.field("If-Match", format!("\"{etag}\"")),
        };
        let (put, request) = if verb == "PUT" {
            let value = resource.value();
            let request = request.field("Content-Type", "text/plain");
            (Some(value), request.with_body(resource.text(0, value)))
        } else {
            (None, request)
        };
        write(how, request, vec![Change { key: 0, when, put }])
    }

    /// All settings of a folder at once, or what a search shows of them.
    fn luminus(&mut self, resource: &Resource, id: &str, space: &str) -> Question {
        if self.dice.one_in(2) {
            return Question {
                request: self.request("GET", format!("/files/{space}/search")),
                call: Call::Read("search", (0..resource.names.len()).collect()),
                can_be_left: false,
            };
        }
        let value = resource.value();
        let mut body = json!({
            "id": id, "name": "f", "startDate": resource.text(0, value), "endDate": resource.text(1, value),
            "publish": true, "sortFilesBy": "Order", "allowUpload": false, "uploadDisplayOption": "Name", "viewAll": true
        });
        let mut puts = vec![Some(value), Some(value), None];
        if !self.dice.one_in(3) {
            body["folderScore"] = json!(value);
            puts[2] = Some(value);
        }
        let changes = puts.into_iter().enumerate();
        let changes = changes.map(|(key, put)| Change {
            key,
            when: When::Always,
            put,
        });
        let request = self
            .request("PUT", "/files/")
            .field("Content-Type", "application/json");
        write(
            "PUT settings",
            request.with_body(body.to_string()),
            changes.collect(),
        )
    }

    /// Most often the newest etag that anybody has seen, so that several send the same; now and then an old one.
    fn etag(&mut self, resource: &Resource, key: Key) -> Option<String> {
        let etags = resource.etags.lock().unwrap();
        if self.dice.one_in(8) && !etags[key].is_empty() {
            return Some(self.dice.pick(&etags[key]).clone());
        }
        etags[key].last().cloned()
    }

    /// What the answer says of the properties.
    fn answer(resource: &Resource, call: &Call, answer: &Answer) -> register::Answer {
        let told = match call {
            Call::Read(how, keys) => register::Answer::Saw(saw(resource, how, keys, answer)),
            Call::Write(how, changes) => register::Answer::Did(did(how, changes, resource, answer)),
        };
        let mut etags: Vec<(Key, &str)> = Vec::new();
        match (&told, call) {
            (register::Answer::Saw(shown), Call::Read(_, keys)) => {
                let shown = keys.iter().zip(shown);
                etags.extend(
                    shown.filter_map(|(&key, shown)| Some((key, shown.as_ref()?.etag.as_deref()?))),
                );
            }
            (register::Answer::Did(said), Call::Write(_, changes)) => {
                for (change, said) in changes.iter().zip(said) {
                    if let Said::Done(Some(etag)) = said {
                        etags.push((change.key, etag));
                    }
                }
            }
            (register::Answer::Saw(_), Call::Write(..))
            | (register::Answer::Did(_), Call::Read(..)) => {}
        }
        for (key, etag) in etags {
            resource.saw(key, etag);
        }
        told
    }
}

fn write(how: &'static str, request: Request, changes: Vec<Change>) -> Question {
    Question {
        request,
        call: Call::Write(how, changes),
        can_be_left: false,
    }
}

/// A property in a document of one or many.
fn block(resource: &Resource, key: Key, block: &Node) -> Shown {
    Shown {
        value: Some(resource.read(key, &block.child("contents").text)),
        etag: Some(block.attr("etag").to_owned()),
    }
}

fn saw(resource: &Resource, how: &str, keys: &[Key], answer: &Answer) -> Vec<Option<Shown>> {
    let mut shown = vec![None; keys.len()];
    match (how, answer.status) {
        ("GET" | "GET info" | "GET if changed", 404) => {}
        ("GET if changed", 304) => {
            shown[0] = Some(Shown {
                value: None,
                etag: Some(quoted(answer)),
            });
        }
        ("GET" | "GET if changed", 200) => {
            shown[0] = Some(Shown {
                value: Some(resource.read(keys[0], answer.text())),
                etag: Some(quoted(answer)),
            });
        }
        ("GET info", 200) => shown[0] = Some(block(resource, keys[0], &answer.xml())),
        ("GET list", 200) => {
            for property in answer.xml().all("property") {
                let key = resource.key(property.attr("name"));
                shown[key] = Some(block(resource, key, property));
            }
        }
        ("search", 200) => {
            let Form::Settings { id, .. } = &resource.form else {
                panic!("only folders are searched for");
            };
            let found = answer.json();
            let mut folders = found["folders"].as_array().unwrap().iter();
            let folder = folders.find(|folder| folder["id"] == **id).unwrap();
            for (key, name) in resource.names.iter().enumerate() {
                let value = &folder[name.strip_prefix("luminus.").unwrap()];
                // A score that was not set is 0, which no value is.
                if value.is_null() || value.as_f64() == Some(0.0) {
                    continue;
                }
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), ToOwned::to_owned);
                shown[key] = Some(Shown {
                    value: Some(resource.read(key, &value)),
                    etag: None,
                });
            }
        }
        (how, status) => panic!("{how} is answered with {status}: {}", answer.text()),
    }
    shown
}

fn quoted(answer: &Answer) -> String {
    answer.field("etag").unwrap().trim_matches('"').to_owned()
}

fn did(how: &str, changes: &[Change], resource: &Resource, answer: &Answer) -> Vec<Said> {
    match (how, answer.status) {
        ("PUT settings", 200) => {
            let made = |change: &Change| change.put.map_or(Said::Cleared, |_| Said::Done(None));
            changes.iter().map(made).collect()
        }
        ("PUT batch", 200 | 207) => {
            let document = answer.xml();
            let said = |change: &Change| {
                let block = document.property(resource.names[change.key]);
                match block.child("status").attr("code") {
                    "200" => Said::Done(Some(block.attr("etag").to_owned())),
                    "409" => Said::Stale,
                    "400" => Said::Missing,
                    code => panic!("{code} in a batch: {answer:?}"),
                }
            };
            changes.iter().map(said).collect()
        }
        ("DELETE" | "DELETE with If-Match", 200) => vec![Said::Done(None)],
        ("DELETE" | "DELETE with If-Match", 404) => vec![Said::Missing],
        // It tells what is there now: if that is 404, it was written, and somebody has deleted it before the answer.
        ("PUT file" | "PUT file with If-Match" | "PUT file if none", 200 | 404) => {
            vec![Said::Done(None)]
        }
        (_, 200) => vec![Said::Done(Some(answer.xml().attr("etag").to_owned()))],
        (
            "PUT with If-Match"
            | "PUT if none"
            | "PUT file with If-Match"
            | "PUT file if none"
            | "DELETE with If-Match",
            412,
        ) => vec![Said::Stale],
        (_, 409) => vec![Said::Stale],
        (how, status) => panic!("{how} is answered with {status}: {}", answer.text()),
    }
}

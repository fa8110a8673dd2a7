//! What a document is in the formats besides XML, computed from its tree, and a strict reader of what PHP reads.

use crate::tree::{Node, Piece};
use serde_json::{Map, Value};

/// What an element is in JSON or PHP (`mindtouch.md` §12): an empty text, a text, or a map of attributes, text and
/// elements, in which what is there several times is a list.
pub fn value(node: &Node) -> Value {
    let elements = node
        .inside
        .iter()
        .any(|piece| matches!(piece, Piece::Node(_)));
    if node.attributes.is_empty() && !elements {
        return match node.inside.first() {
            Some(Piece::Text(text)) => Value::String(text.clone()),
            _ => Value::String(String::new()),
        };
    }
    let mut lists: Vec<(String, Vec<Value>)> = Vec::new();
    let mut add = |name: &str, value: Value| match lists.iter_mut().find(|(n, _)| n == name) {
        Some((_, values)) => values.push(value),
        None => lists.push((name.to_owned(), vec![value])),
    };
    for (name, value) in &node.attributes {
        add(&format!("@{name}"), Value::String(value.clone()));
    }
    for piece in &node.inside {
        match piece {
            // Blanks beside elements only make a document pleasant to read.
            Piece::Text(text) if elements && text.trim_ascii().is_empty() => {}
            Piece::Text(text) => add("#text", Value::String(text.clone())),
            Piece::Node(node) => add(&node.name, value(node)),
        }
    }
    let single = |(name, mut values): (String, Vec<Value>)| match values.len() {
        1 => (name, values.remove(0)),
        _ => (name, Value::Array(values)),
    };
    Value::Object(lists.into_iter().map(single).collect())
}

/// The same with the name of the root around it.
pub fn with_root(root: &Node) -> Value {
    Value::Object(Map::from_iter([(root.name.clone(), value(root))]))
}

/// Whether two values are the same, apart from dates, which JSON says in another way.
pub fn same(said: &Value, meant: &Value, dates: bool) -> bool {
    match (said, meant) {
        (Value::Object(said), Value::Object(meant)) => {
            said.len() == meant.len()
                && meant.iter().all(|(key, meant)| {
                    said.get(key)
                        .is_some_and(|said| same(said, meant, key.starts_with("date.")))
                })
        }
        (Value::Array(said), Value::Array(meant)) => {
            said.len() == meant.len()
                && said
                    .iter()
                    .zip(meant)
                    .all(|(said, meant)| same(said, meant, dates))
        }
        (Value::String(said), Value::String(meant)) => {
            said == meant || dates && meant.len() == 20 && said.ends_with(" GMT")
        }
        _ => false,
    }
}

/// Reads what PHP's `unserialize` would read of it: texts, maps with texts as keys, lists with keys that count from 0.
pub fn unserialize(text: &[u8]) -> Option<Value> {
    let (value, rest) = php_value(text)?;
    rest.is_empty().then_some(value)
}

/// The number up to a character.
fn number(text: &[u8], end: u8) -> Option<(usize, &[u8])> {
    let at = text.iter().position(|&byte| byte == end)?;
    let digits = std::str::from_utf8(&text[..at]).ok()?;
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some((number, &text[at + 1..]))
}

/// A text behind its `s:`, without the `;`.
fn php_text(text: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = number(text.strip_prefix(b"s:")?, b':')?;
    let rest = rest.strip_prefix(b"\"")?;
    let text = String::from_utf8(rest.get(..length)?.to_vec()).ok()?;
    Some((text, rest[length..].strip_prefix(b"\";")?))
}

fn php_value(text: &[u8]) -> Option<(Value, &[u8])> {
    let Some(rest) = text.strip_prefix(b"a:") else {
        let (text, rest) = php_text(text)?;
        return Some((Value::String(text), rest));
    };
    let (count, rest) = number(rest, b':')?;
    let mut rest = rest.strip_prefix(b"{")?;
    let is_list = rest.starts_with(b"i:");
    let (mut list, mut map) = (Vec::new(), Map::new());
    for at in 0..count {
        let value;
        if is_list {
            let (index, after) = number(rest.strip_prefix(b"i:")?, b';')?;
            (index == at).then_some(())?;
            (value, rest) = php_value(after)?;
            list.push(value);
        } else {
            let (key, after) = php_text(rest)?;
            (value, rest) = php_value(after)?;
            map.insert(key, value).is_none().then_some(())?;
        }
    }
    let value = if is_list {
        Value::Array(list)
    } else {
        Value::Object(map)
    };
    Some((value, rest.strip_prefix(b"}")?))
}

/// What the MindTouch dialect says instead of a document, if somebody asks for a format.
pub fn shaped(document: &str, query: &str) -> (String, bytes::Bytes) {
    let head =
        crate::head("GET", &format!("/@api/deki/site/properties?{query}"), &[]).expect("a head");
    let answer = propstore::http::Answer::document(http::StatusCode::OK, document.to_owned());
    let answer = crate::mindtouch().shape(&head, answer);
    let media_type = answer.headers["content-type"]
        .to_str()
        .expect("a type")
        .to_owned();
    (media_type, crate::bytes(answer))
}

//! A batch as JSON: what a list says with `dream.out.format=json` can be sent back. This is an extension; the original
//! takes XML only.
//!
//! The mapping is that of [`super::format`], read the other way: the root has no name, attributes are `"@name"`, text is
//! `"#text"`, and one child is an object where several are an array. What means nothing in XML means nothing here: other
//! keys, and all `contents` but the first. A key that is there twice is refused.

use super::request::{Document, Item};
use crate::xml::Brief;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

/// How many values a document may have for each item of the batch that it may have.
const VALUES_PER_ITEM: usize = 16;

/// Reads a batch of at most so many items.
///
/// # Errors
/// What is wrong, in words; with line and column if it is not JSON.
pub(super) fn read(text: &str, items_max: usize) -> Result<Document<'_>, String> {
    let left = Cell::new(items_max.saturating_add(16).saturating_mul(VALUES_PER_ITEM));
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = AnyValue { left: &left }.deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    let value = value.map_err(|error| format!("the body is not JSON as it has to be: {error}"))?;
    let root = object(value, "the batch")?;
    // Also with the name of the root around it, as JSONP has it.
    let root = match <[_; 1]>::try_from(root) {
        Ok([(name, value)]) if name == "properties" => object(value, "'properties'")?,
        Ok(root) => root.into(),
        Err(root) => root,
    };
    let mut document = Document::default();
    for (key, value) in root {
        match &*key {
            "property" => {
                let values = one_or_many(value);
                if values.len() > items_max {
                    return Err(too_many(items_max));
                }
                let items = values.into_iter().enumerate();
                document.items = items
                    .map(|(at, value)| item(value, &format!("property[{at}]")))
                    .collect::<Result<_, _>>()?;
            }
            "language" => document.language = first_text(value, "'language'")?,
            "properties" => {
                let what = "'properties' is the root of the batch: nothing can stand beside it";
                return Err(what.to_owned());
            }
            _ => {}
        }
    }
    Ok(document)
}

/// What is said of a batch with more items than it may have.
pub(super) fn too_many(items_max: usize) -> String {
    format!("the batch has more than {items_max} properties: send it in parts")
}

fn item<'a>(value: Json<'a>, place: &str) -> Result<Item<'a>, String> {
    let mut item = Item::default();
    for (key, value) in object(value, place)? {
        let place = || format!("'{key}' of {place}");
        match &*key {
            "@name" => item.name = text(value, &place())?,
            "@etag" => {
                let etag = text(value, &place())?.into_owned();
                item.etag = Some(etag).filter(|etag| !etag.is_empty());
            }
            "contents" => {
                let first = one_or_many(value).into_iter().next();
                let first = first.ok_or_else(|| format!("{} has to be something", place()))?;
                item.contents = Some(contents(first, &place())?);
            }
            "description" => item.description = first_text(value, &place())?,
            "change-description" => item.change_description = first_text(value, &place())?,
            _ => {}
        }
    }
    Ok(item)
}

/// The type and the text of `contents`. A list leaves the text out if it is long or not text: to send that back must not
/// empty the property.
fn contents<'a>(value: Json<'a>, place: &str) -> Result<(Cow<'a, str>, Cow<'a, str>), String> {
    let (attributes, text) = element(value, place)?;
    let attribute = |name| attributes.iter().find(|(key, _)| key == name);
    if text.is_empty() && attribute("@size").is_some_and(|(_, size)| size != "0") {
        let what = "says '@size' and has no '#text': a list leaves out what is long or not text. Give '#text', or leave \
                    the property out";
        return Err(format!("{place} {what}"));
    }
    let media_type = attribute("@type").map(|(_, text)| text.clone());
    Ok((media_type.unwrap_or_default(), text))
}

/// A value of JSON.
#[derive(Debug)]
enum Json<'a> {
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
    /// A number, `true`, `false` or `null`: nothing of these stands for any XML.
    Other,
}

/// What is in an object; an empty text is an element in which there is nothing.
fn object<'a>(value: Json<'a>, place: &str) -> Result<Vec<(Cow<'a, str>, Json<'a>)>, String> {
    match value {
        Json::Object(entries) => Ok(entries),
        Json::Text(text) if text.is_empty() => Ok(Vec::new()),
        Json::Text(_) | Json::List(_) | Json::Other => Err(format!("{place} has to be an object")),
    }
}

fn text<'a>(value: Json<'a>, place: &str) -> Result<Cow<'a, str>, String> {
    match value {
        Json::Text(text) => Ok(text),
        Json::List(_) | Json::Object(_) | Json::Other => Err(format!("{place} has to be a text")),
    }
}

fn one_or_many(value: Json<'_>) -> Vec<Json<'_>> {
    match value {
        Json::List(values) => values,
        value @ (Json::Text(_) | Json::Object(_) | Json::Other) => vec![value],
    }
}

/// The attributes and the text of an element that holds only text.
#[expect(
    clippy::type_complexity,
    reason = "pairs of a name and a text, and a text"
)]
fn element<'a>(
    value: Json<'a>,
    place: &str,
) -> Result<(Vec<(Cow<'a, str>, Cow<'a, str>)>, Cow<'a, str>), String> {
    let entries = match value {
        Json::Text(text) => return Ok((Vec::new(), text)),
        value @ (Json::List(_) | Json::Object(_) | Json::Other) => object(value, place)?,
    };
    let (mut attributes, mut inside) = (Vec::new(), Cow::default());
    for (key, value) in entries {
        if key == "#text" {
            inside = text(value, &format!("'#text' in {place}"))?;
        } else if key.starts_with('@') {
            let value = text(value, &format!("'{}' in {place}", Brief(&key)))?;
            attributes.push((key, value));
        } else {
            let what = format!(
                "{place} can hold only '#text', not '{}': markup is text, too",
                Brief(&key)
            );
            return Err(what);
        }
    }
    Ok((attributes, inside))
}

fn first_text<'a>(value: Json<'a>, place: &str) -> Result<Option<Cow<'a, str>>, String> {
    let first = one_or_many(value).into_iter().next();
    let element = first.map(|value| element(value, place)).transpose()?;
    Ok(element.map(|(_, text)| text))
}

/// Reads any value, as long as there are not too many. Texts without escapes are parts of the document.
#[derive(Clone, Copy)]
struct AnyValue<'c> {
    left: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for AnyValue<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        let left = self.left.get().checked_sub(1);
        self.left.set(
            left.ok_or_else(|| D::Error::custom("there are too many values: send it in parts"))?,
        );
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(text.to_owned().into()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let (mut entries, mut keys) = (Vec::new(), HashSet::new());
        while let Some(key) = map.next_key_seed(self)? {
            // Keys are always texts.
            let Json::Text(key) = key else { continue };
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format_args!(
                    "the key '{}' is there twice",
                    Brief(&key)
                )));
            }
            entries.push((key, map.next_value_seed(self)?));
        }
        Ok(Json::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        match read(text, 3) {
            Ok(document) => format!("{document:?}"),
            Err(what) => what,
        }
    }

    #[test]
    fn one_property_is_an_object_and_several_are_an_array() {
        let one = r##"{"@name":"a","contents":{"@type":"text/plain","#text":"x"}}"##;
        let expected = "Item { name: \"a\", etag: None, contents: Some((\"text/plain\", \"x\")), description: None, \
                        change_description: None }";
        for (text, count) in [
            (format!(r#"{{"property":{one}}}"#), 1),
            (
                format!(r#"{{"@count":"1","property":[{one}],"x":[1,null,true,2.5,-1]}}"#),
                1,
            ),
            (
                format!(r#"{{"properties":{{"property":[{one},{one}]}}}}"#),
                2,
            ),
        ] {
            assert_eq!(said(&text).matches(expected).count(), count, "{text}");
        }
        for nothing in ["{}", "\"\"", r#"{"properties":""}"#, r#"{"property":[]}"#] {
            assert_eq!(read(nothing, 3).unwrap().items.len(), 0, "{nothing}");
        }
    }

    #[test]
    fn elements_are_texts_or_objects_and_the_first_of_several_counts() {
        let text = r##"{"property":[{"@etag":"e","contents":[{"@type":"t"},{"@type":"u"}],"description":"d",
            "change-description":{"@x":"1","#text":"\u0000"}},{"contents":"x"},{"@etag":""}],"language":{"#text":"de"}}"##;
        let document = read(text, 3).unwrap();
        let [first, second, third] = &document.items[..] else {
            panic!("{document:?}")
        };
        assert_eq!(first.etag.as_deref(), Some("e"));
        assert_eq!(first.contents, Some(("t".into(), "".into())));
        assert_eq!(first.description.as_deref(), Some("d"));
        assert_eq!(first.change_description.as_deref(), Some("\0"));
        assert_eq!(second.contents, Some(("".into(), "x".into())));
        assert_eq!((&third.etag, &third.contents), (&None, &None));
        assert_eq!(document.language.as_deref(), Some("de"));
    }

    #[test]
    fn what_is_not_such_json_is_refused_with_its_place() {
        for (text, expected) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("{\"a\":\n 1,}", "line 2 column 4"),
            ("{} x", "trailing characters at line 1 column 4"),
            ("[]", "the batch has to be an object"),
            ("7", "the batch has to be an object"),
            (r#"{"property":[7]}"#, "property[0] has to be an object"),
            (
                r#"{"property":{"@name":7}}"#,
                "'@name' of property[0] has to be a text",
            ),
            (
                r##"{"property":[{},{"contents":{"#text":null}}]}"##,
                "'#text' in 'contents' of property[1] has to be a text",
            ),
            (
                r#"{"property":{"contents":{"b":"x"}}}"#,
                "'contents' of property[0] can hold only '#text', not 'b'",
            ),
            (
                r#"{"property":{},"property":{}}"#,
                "the key 'property' is there twice at line 1 column 25",
            ),
            (
                r#"{"property":{"@name":"a","@name":"b"}}"#,
                "the key '@name' is there twice",
            ),
            (
                r#"{"property":[{},{},{},{}]}"#,
                "the batch has more than 3 properties",
            ),
            (
                r#"{"properties":{},"property":{}}"#,
                "nothing can stand beside it",
            ),
            (r#"{"property":{"@name":"\ud800"}}"#, "line 1 column"),
            (
                r#"{"property":{"contents":[]}}"#,
                "'contents' of property[0] has to be something",
            ),
            (
                r#"{"property":{"contents":{"@type":"text/plain","@size":"3000"}}}"#,
                "Give '#text', or leave the property out",
            ),
            (&"[".repeat(200), "recursion limit exceeded"),
            (&format!("[{}1]", "1,".repeat(400)), "too many values"),
        ] {
            let what = said(text);
            assert!(what.contains(expected), "{text}\n{what}");
        }
    }
}

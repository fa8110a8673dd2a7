//! Properties as text: how heads stand in a row of many, and what the log keeps of them.
//!
//! The form is JSON, so that any SQLite shell can read it; `schema.sql` says what stands where. It is written by a
//! library. It is read here, in one pass that allocates nothing, since a write passes over the heads that it leaves alone
//! and takes what it replaces into the log as it stands.

use super::rows::damaged;
use crate::model::{
    Body, Content, ContentId, Property, PropertyId, PropertyKey, PropertyName, ResourceId,
    Revision, Timestamp, UserId,
};
use crate::store::StoreError;
use bytes::Bytes;
use memchr::memchr2;
use serde::Serialize;
use std::borrow::Cow;
use std::ops::Range;

/// The text of a row without heads.
pub(super) const EMPTY: &str = "[]";

/// The value of a property as it is kept: its text, or where its bytes lie.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Content(i64),
}

/// About how many bytes the text of a head has.
pub(super) fn len_about(property: &Property, value: &Value<'_>) -> usize {
    let value = match value {
        Value::Text(text) => text.len(),
        Value::Content(_) => 0,
    };
    let content_type = property.content.media_type.as_str();
    property.key.name.as_str().len() + content_type.len() + property.description.len() + value + 80
}

/// Adds the text of a head.
pub(super) fn write(
    out: &mut Vec<u8>,
    property: &Property,
    value: &Value<'_>,
) -> serde_json::Result<()> {
    let head = (
        property.key.name.as_str(),
        property.id.get(),
        property.revision.get(),
        property.modified_at.millis(),
        property.modified_by.get(),
        property.content.media_type.as_str(),
        property.description.as_str(),
        property.content.size,
        value,
    );
    serde_json::to_writer(out, &head)
}

/// A head as it stands in a row.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) name: Cow<'a, str>,
    id: i64,
    revision: i64,
    modified_at: i64,
    modified_by: i64,
    media_type: Cow<'a, str>,
    description: Cow<'a, str>,
    pub(super) size: i64,
    value: Value<'a>,
    /// Where it stands in the row.
    pub(super) at: Range<usize>,
    /// Where that begins which the log keeps: the revision, and all behind it.
    pub(super) state_at: usize,
}

impl Head<'_> {
    /// The property of this head. A short value is a part of `row`, which the head stands in, or else a copy.
    pub(super) fn property(
        &self,
        resource: ResourceId,
        name: PropertyName,
        row: Option<&Bytes>,
    ) -> Result<Property, StoreError> {
        let wrong = |what: &str| damaged(format!("{what} of the property '{name}'"));
        let size = u64::try_from(self.size).map_err(|_| wrong("the size"))?;
        let body = match &self.value {
            Value::Content(id) => {
                Body::Stored(ContentId::new(*id).ok_or_else(|| wrong("the content"))?)
            }
            Value::Text(text) if text.len() as u64 != size => return Err(wrong("the size")),
            Value::Text(text) => Body::Inline(match (row, text) {
                (Some(row), Cow::Borrowed(text)) => row.slice_ref(text.as_bytes()),
                _ => Bytes::copy_from_slice(text.as_bytes()),
            }),
        };
        Ok(Property {
            id: PropertyId::new(self.id).ok_or_else(|| wrong("the id"))?,
            revision: Revision::new(self.revision).ok_or_else(|| wrong("the revision"))?,
            modified_at: Timestamp::from_millis(self.modified_at),
            modified_by: UserId::new(self.modified_by).ok_or_else(|| wrong("the user"))?,
            content: Content {
                media_type: self.media_type.parse().map_err(|()| wrong("the type"))?,
                size,
                body,
            },
            description: self.description.clone().into_owned(),
            key: PropertyKey { resource, name },
        })
    }
}

/// The heads of a row, one after the other.
pub(super) struct Heads<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Heads<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Heads { text, at: 0 }
    }

    /// The next head; `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<Head<'a>>, StoreError> {
        let rest = self.text.get(self.at..);
        if rest == Some(if self.at == 0 { EMPTY } else { "]" }) {
            return Ok(None);
        }
        let before = self.at;
        self.read().map(Some).ok_or_else(|| {
            damaged(format!(
                "a row of properties that cannot be read from byte {before} on"
            ))
        })
    }

    /// Reads a head, with what separates it from the one before.
    fn read(&mut self) -> Option<Head<'a>> {
        self.take(if self.at == 0 { b'[' } else { b',' })?;
        let start = self.at;
        self.take(b'[')?;
        let name = self.string()?;
        let id = self.next_number()?;
        self.take(b',')?;
        let state_at = self.at;
        let revision = self.number()?;
        let (modified_at, modified_by) = (self.next_number()?, self.next_number()?);
        let (media_type, description) = (self.next_string()?, self.next_string()?);
        let size = self.next_number()?;
        self.take(b',')?;
        let value = match self.text.as_bytes().get(self.at)? {
            b'"' => Value::Text(self.string()?),
            _ => Value::Content(self.number()?),
        };
        self.take(b']')?;
        Some(Head {
            name,
            id,
            revision,
            modified_at,
            modified_by,
            media_type,
            description,
            size,
            value,
            at: start..self.at,
            state_at,
        })
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.text.as_bytes().get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    fn next_number(&mut self) -> Option<i64> {
        self.take(b',')?;
        self.number()
    }

    fn number(&mut self) -> Option<i64> {
        let is_negative = self.take(b'-').is_some();
        let (mut number, start) = (0_i64, self.at);
        while let Some(digit) = self.text.as_bytes().get(self.at).copied()
            && digit.is_ascii_digit()
        {
            number = number
                .checked_mul(10)?
                .checked_add(i64::from(digit - b'0'))?;
            self.at += 1;
        }
        (self.at > start).then_some(if is_negative { -number } else { number })
    }

    fn next_string(&mut self) -> Option<Cow<'a, str>> {
        self.take(b',')?;
        self.string()
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        let quote = self.at;
        self.take(b'"')?;
        let bytes = self.text.as_bytes();
        let plain = memchr2(b'"', b'\\', bytes.get(self.at..)?)?;
        let start = self.at;
        self.at += plain;
        if self.take(b'"').is_some() {
            return self.text.get(start..start + plain).map(Cow::Borrowed);
        }
        loop {
            self.at += memchr2(b'"', b'\\', bytes.get(self.at..)?)?;
            if self.take(b'"').is_some() {
                break;
            }
            self.at += "\\x".len();
        }
        let text = serde_json::from_str(self.text.get(quote..self.at)?).ok()?;
        Some(Cow::Owned(text))
    }
}

/// The text of a value, if it can be kept as text: at most so many bytes of UTF-8.
pub(super) fn text_of(bytes: &[u8], bytes_max: u64) -> Option<&str> {
    if bytes.len() as u64 > bytes_max {
        return None;
    }
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MediaType;
    use proptest::prelude::*;

    prop_compose! {
        fn head()(
            name in "[^\u{0}-\u{1F}\u{FFFE}\u{FFFF}]{1,40}",
            numbers in (1..i64::MAX, 1..i64::MAX, -62_167_219_200_000..253_402_300_799_999_i64, 1..i64::MAX),
            description in ".{0,20}",
            value in prop_oneof![
                prop::string::string_regex("(?s).{0,60}").unwrap().prop_map(|text| (Value::Text(text.clone().into()), Body::Inline(text.into()))),
                (1..i64::MAX).prop_map(|id| (Value::Content(id), Body::Stored(ContentId::new(id).unwrap()))),
            ],
        ) -> (Property, Value<'static>) {
            let (id, revision, modified_at, modified_by) = numbers;
            let size = match &value.1 {
                Body::Inline(bytes) => bytes.len() as u64,
                Body::Stored(_) | Body::Omitted => 70_000,
            };
            let property = Property {
                id: PropertyId::new(id).unwrap(),
                key: PropertyKey { resource: ResourceId::Site, name: name.parse().unwrap() },
                revision: Revision::new(revision).unwrap(),
                content: Content { media_type: MediaType::text_utf8(), size, body: value.1 },
                description,
                modified_at: Timestamp::from_millis(modified_at),
                modified_by: UserId::new(modified_by).unwrap(),
            };
            (property, value.0)
        }
    }

    fn row_of(heads: &[(Property, Value<'_>)]) -> String {
        let mut row = vec![b'['];
        for (at, (property, value)) in heads.iter().enumerate() {
            row.extend((at > 0).then_some(b','));
            write(&mut row, property, value).unwrap();
        }
        row.push(b']');
        String::from_utf8(row).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(heads in prop::collection::vec(head(), 0..5)) {
            let row = Bytes::from(row_of(&heads));
            let text = std::str::from_utf8(&row).unwrap();
            prop_assert!(serde_json::from_str::<Vec<serde_json::Value>>(text).is_ok());
            let mut read = Heads::of(text);
            for (property, value) in &heads {
                let head = read.next().unwrap().unwrap();
                prop_assert_eq!(&head.value, value);
                let state = format!("[{}", &text[head.state_at..head.at.end]);
                prop_assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&state).unwrap().len(), 7);
                for row in [None, Some(&row)] {
                    let name = head.name.parse().unwrap();
                    prop_assert_eq!(&head.property(ResourceId::Site, name, row).unwrap(), property);
                }
            }
            prop_assert!(read.next().unwrap().is_none());
        }

        #[test]
        fn nothing_that_stands_in_a_row_is_worse_than_damage(
            heads in prop::collection::vec(head(), 1..3), from in any::<prop::sample::Index>(), other in "[\\[\\]\",0-9a\\\\é-]{0,6}",
        ) {
            let mut row: Vec<char> = row_of(&heads).chars().collect();
            let from = from.index(row.len());
            row.splice(from..(from + other.chars().count()).min(row.len()), other.chars());
            let row: String = row.into_iter().collect();
            let mut heads = Heads::of(&row);
            while let Ok(Some(head)) = heads.next() {
                prop_assert!(head.at.start < head.state_at && head.state_at < head.at.end);
            }
            prop_assert!(heads.at <= row.len());
        }
    }
}

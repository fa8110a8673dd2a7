//! The value of a property or a file: its media type, its size, and its bytes or where they lie.
//!
//! Also the rule of when a value is shown inside a list (`mindtouch.md` §5.1) and in which charset its text is kept
//! (§7).

use super::{ContentId, not_xml};
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most bytes that a media type may have, its parameters included.
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// Types that nearly every property has. They need neither memory nor counting of references.
const COMMON: [&str; 8] = [
    "text/plain",
    "text/plain; charset=utf-8",
    "application/octet-stream",
    "application/xml",
    "application/xml; charset=utf-8",
    "application/json",
    "text/html; charset=utf-8",
    "text/css; charset=utf-8",
];

/// A media type in one spelling: type and subtype in lower case, then each parameter as `; name=value`.
#[derive(Clone, Debug)]
pub struct MediaType(Spelling);

#[derive(Clone, Debug)]
enum Spelling {
    Common(&'static str),
    Other(Arc<str>),
    /// In the one spelling, and as it was given.
    Given(Arc<[String; 2]>),
}

impl PartialEq for MediaType {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for MediaType {}

impl MediaType {
    /// `application/octet-stream`: what is stored when nobody said a type.
    #[must_use]
    pub fn octet_stream() -> Self {
        MediaType(Spelling::Common(COMMON[2]))
    }

    /// `text/plain; charset=utf-8`.
    #[must_use]
    pub fn text_utf8() -> Self {
        MediaType(Spelling::Common(COMMON[1]))
    }

    /// Reads a media type as `FromStr` does, and keeps how it was given; `None` if it is none.
    #[must_use]
    pub fn as_given(text: &str) -> Option<Self> {
        let normal: MediaType = text.parse().ok()?;
        if normal.as_str() == text {
            return Some(normal);
        }
        let both = [normal.as_str().to_owned(), text.to_owned()];
        Some(MediaType(Spelling::Given(Arc::new(both))))
    }

    /// The whole type as it was given, if that was kept, else in the one spelling.
    #[must_use]
    pub fn given(&self) -> &str {
        match &self.0 {
            Spelling::Common(_) | Spelling::Other(_) => self.as_str(),
            Spelling::Given(both) => &both[1],
        }
    }

    fn common(text: &str) -> Option<Self> {
        let known = COMMON.into_iter().find(|known| *known == text)?;
        Some(MediaType(Spelling::Common(known)))
    }

    /// The whole type with its parameters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Spelling::Common(text) => text,
            Spelling::Other(text) => text,
            Spelling::Given(both) => &both[0],
        }
    }

    /// Type and subtype without parameters, such as `text/plain`.
    #[must_use]
    pub fn essence(&self) -> &str {
        self.as_str().split(';').next().unwrap_or_default()
    }

    /// Whether this is `text/…`.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.as_str().starts_with("text/")
    }

    /// Whether this is XML: `…/xml` or `…/…+xml`.
    #[must_use]
    pub fn is_xml(&self) -> bool {
        self.essence().ends_with("/xml") || self.essence().ends_with("+xml")
    }

    /// Whether this is JSON: `application/json` or `…/…+json`.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.essence() == "application/json" || self.essence().ends_with("+json")
    }

    /// Whether a batch may carry it, since its values are text: `text/*`, XML and `application/json`
    /// (`mindtouch.md` §7).
    #[must_use]
    pub fn is_textual(&self) -> bool {
        self.is_text() || self.is_xml() || self.essence() == "application/json"
    }

    /// The value of the parameter `charset`, as it was given and without quotes.
    #[must_use]
    pub fn charset_label(&self) -> Option<&str> {
        let mut pairs = parameters(self.as_str())
            .skip(1)
            .filter_map(|p| p.trim_start().split_once('='));
        // What needs quotes is not the name of a charset, and everything else has none in the one spelling.
        pairs
            .find(|(name, _)| name.eq_ignore_ascii_case("charset"))
            .map(|(_, value)| value)
    }

    /// The charset of a text of this type; UTF-8 where none is named, and in all that are common.
    #[must_use]
    pub fn charset(&self) -> Charset {
        if let Spelling::Common(_) = self.0 {
            return Charset::Utf8;
        }
        self.charset_label()
            .map_or(Charset::Utf8, Charset::of_label)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_token(text: &str) -> bool {
    let special = |b| b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || special(b))
}

/// Splits at semicolons that stand outside of quotes.
fn parameters(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        match (c, quoted, escaped) {
            (_, true, true) => escaped = false,
            ('\\', true, false) => escaped = true,
            ('"', _, false) => quoted = !quoted,
            _ => {}
        }
        c == ';' && !quoted
    })
}

/// The value of a parameter in its one spelling: quotes only where they are needed.
fn parameter_value(value: &str) -> Option<Cow<'_, str>> {
    if is_token(value) {
        return Some(Cow::Borrowed(value));
    }
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if is_token(inner) {
        return Some(Cow::Borrowed(inner));
    }
    let mut escaped = false;
    for c in inner.chars() {
        let plain = c == '\t' || (c >= ' ' && c != '\u{7F}');
        if !plain || (c == '"' && !escaped) {
            return None;
        }
        escaped = c == '\\' && !escaped;
    }
    (!escaped).then_some(Cow::Borrowed(value))
}

impl FromStr for MediaType {
    type Err = ();

    /// Reads a media type as RFC 9110 §8.3.1 writes it.
    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(common) = MediaType::common(text) {
            return Ok(common);
        }
        if text.len() > MEDIA_TYPE_BYTES_MAX {
            return Err(());
        }
        let mut parts = parameters(text);
        let essence = parts.next().unwrap_or_default().trim();
        let (main, sub) = essence.split_once('/').ok_or(())?;
        if !is_token(main) || !is_token(sub) {
            return Err(());
        }
        let mut normal = essence.to_ascii_lowercase();
        for part in parts.map(str::trim).filter(|p| !p.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(())?;
            let value = parameter_value(value)
                .filter(|_| is_token(name))
                .ok_or(())?;
            normal.extend(["; ", name, "=", &value]);
        }
        if normal.len() > MEDIA_TYPE_BYTES_MAX {
            Err(())
        } else {
            Ok(MediaType::common(&normal)
                .unwrap_or_else(|| MediaType(Spelling::Other(normal.into()))))
        }
    }
}

/// The charsets in which a batch can store text, and any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, also where none is named.
    Utf8,
    /// US-ASCII: the characters up to U+007F.
    Ascii,
    /// ISO-8859-1: the characters up to U+00FF, one byte each.
    Latin1,
    /// One that propstore keeps but does not read.
    Other,
}

impl Charset {
    /// The charset of this label, in any case.
    #[must_use]
    pub fn of_label(label: &str) -> Self {
        let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(label));
        if is(&["utf-8", "utf8"]) {
            Charset::Utf8
        } else if is(&["us-ascii", "ascii"]) {
            Charset::Ascii
        } else if is(&["iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1"]) {
            Charset::Latin1
        } else {
            Charset::Other
        }
    }

    /// The bytes of a text in this charset, those of the text itself where they are the same; `None` if it cannot hold
    /// the text.
    #[must_use]
    pub fn encode(self, text: &str) -> Option<Cow<'_, [u8]>> {
        match self {
            Charset::Utf8 => Some(text.as_bytes().into()),
            Charset::Ascii => text.is_ascii().then(|| text.as_bytes().into()),
            Charset::Latin1 => text
                .chars()
                .map(|c| u8::try_from(u32::from(c)).ok())
                .collect::<Option<Vec<u8>>>()
                .map(Cow::Owned),
            Charset::Other => None,
        }
    }

    /// The text of these bytes; `None` if they are not text in this charset.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Charset::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Charset::Ascii => std::str::from_utf8(bytes)
                .ok()
                .filter(|text| text.is_ascii())
                .map(Cow::Borrowed),
            Charset::Latin1 => Some(Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect())),
            Charset::Other => None,
        }
    }
}

/// Where the bytes of a content are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Here.
    Inline(Bytes),
    /// In the store, in pieces, because it is large; the store reads them by this id.
    Stored(ContentId),
    /// Not fetched, because whoever asked does not show it.
    Omitted,
}

/// A value with its media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What the bytes mean.
    pub media_type: MediaType,
    /// How many bytes there are.
    pub size: u64,
    /// The bytes, or where they lie.
    pub body: Body,
}

impl Content {
    /// A content whose bytes are at hand.
    #[must_use]
    pub fn inline(media_type: MediaType, bytes: Bytes) -> Self {
        Content {
            media_type,
            size: bytes.len() as u64,
            body: Body::Inline(bytes),
        }
    }

    /// Lets go of bytes that are at hand.
    pub fn omit_inline(&mut self) {
        if let Body::Inline(_) = self.body {
            self.body = Body::Omitted;
        }
    }

    /// Whether a list shows this value: its type is `text/*` and it has at most `cutoff` bytes (`mindtouch.md` §5.1).
    #[must_use]
    pub fn is_shown(&self, cutoff: u64) -> bool {
        self.media_type.is_text() && self.size <= cutoff
    }

    /// The text that a list shows; `None` if the value is not shown, or XML cannot carry it (§15).
    #[must_use]
    pub fn shown_text(&self, cutoff: u64) -> Option<Cow<'_, str>> {
        match &self.body {
            Body::Inline(bytes) if self.is_shown(cutoff) => self
                .media_type
                .charset()
                .decode(bytes)
                .filter(|text| not_xml(text).is_none()),
            Body::Inline(_) | Body::Stored(_) | Body::Omitted => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Option<String> {
        text.parse::<MediaType>().ok().map(|t| t.to_string())
    }

    #[test]
    fn media_types_have_one_spelling() {
        for (given, stored) in [
            ("text/plain", "text/plain"),
            ("Text/PLAIN", "text/plain"),
            ("text/plain;charset=UTF-8", "text/plain; charset=UTF-8"),
            (
                " text/plain ; charset=\"utf-8\" ;; format=flowed;",
                "text/plain; charset=utf-8; format=flowed",
            ),
            ("a/b; x=\"1; 2\\\" 3\"", "a/b; x=\"1; 2\\\" 3\""),
            ("application/vnd.x+xml", "application/vnd.x+xml"),
        ] {
            assert_eq!(normal(given).as_deref(), Some(stored), "{given}");
        }
    }

    #[test]
    fn a_media_type_can_keep_how_it_was_given() {
        for (given, normal) in [
            ("text/plain", "text/plain"),
            ("Text/PLAIN;a=\"b\"", "text/plain; a=b"),
        ] {
            let media_type = MediaType::as_given(given).unwrap();
            assert_eq!((media_type.given(), media_type.as_str()), (given, normal));
            assert_eq!(media_type, given.parse().unwrap());
        }
        assert!(MediaType::as_given("text").is_none());
    }

    #[test]
    fn what_is_not_a_media_type_is_refused() {
        let long = format!("a/{}", "b".repeat(254));
        for bad in [
            "",
            "text",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "a b/c",
            "a/b; x",
            "a/b; =1",
            "a/b; x=\"",
            "a/é",
            "a/b; x=y z",
            &long,
        ] {
            assert_eq!(normal(bad), None, "{bad}");
        }
        assert!(normal(&long[..255]).is_some());
    }

    #[test]
    fn charsets_hold_what_they_can() {
        let latin: MediaType = "text/plain; charset=ISO-8859-1".parse().unwrap();
        assert_eq!(
            latin.charset().encode("é\u{80}").as_deref(),
            Some(&[0xE9, 0x80][..])
        );
        assert_eq!(
            latin.charset().decode(&[0xE9, 0x80]).as_deref(),
            Some("é\u{80}")
        );
        assert_eq!(latin.charset().encode("€"), None);
        assert_eq!(Charset::Ascii.encode("é"), None);
        assert_eq!(Charset::of_label("koi8-r"), Charset::Other);
    }

    #[test]
    fn a_list_shows_text_up_to_the_cutoff_that_xml_can_carry() {
        let shown = |media_type: &str, bytes: &'static [u8], cutoff| {
            let content = Content::inline(media_type.parse().unwrap(), Bytes::from_static(bytes));
            content.shown_text(cutoff).map(Cow::into_owned)
        };
        assert_eq!(shown("text/plain", b"abc", 3).as_deref(), Some("abc"));
        assert_eq!(shown("text/plain", b"abc", 2), None);
        assert_eq!(shown("text/xml", b"<a/>", 9).as_deref(), Some("<a/>"));
        assert_eq!(shown("application/xml", b"<a/>", 9), None);
        assert_eq!(shown("text/plain", b"a\0b", 9), None);
        assert_eq!(shown("text/plain", b"\xFF", 9), None);
        assert_eq!(shown("text/plain; charset=koi8-r", b"abc", 9), None);
    }
}

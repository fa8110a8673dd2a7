//! The formats in which an XML answer can be had instead: JSON, JSONP and serialised PHP (`mindtouch.md` §12,
//! `clients.md` §5).
//!
//! All of them say the same: an element with neither attributes nor content is an empty text, one with nothing but text is
//! that text, and any other is a map of its attributes (`@name`), its text (`#text`) and its elements by name, where what is
//! there several times is a list. Only the root differs: JSON drops its name.
//!
//! An element is written when it ends, out of what is in it, which has been written by then. So there is never a tree of the
//! document, and what is needed beside it is about as much as the answer.

use super::parameters::Output;
use crate::xml::{Event, Malformed, Parser};
use httpdate::fmt_http_date;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

/// What becomes of texts that are dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dates {
    /// In elements that are called `date.…`, JSON says them as RFC 1123 does. A property's own text is never touched.
    Ours,
    /// They stay as they are: the document is a stored value.
    Foreign,
}

/// A format besides XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// The value of the root.
    Json,
    /// The same with the name of the root around it, and in parentheses.
    Jsonp,
    /// What PHP's `unserialize` reads, with the name of the root around it.
    Php,
}

impl Format {
    /// The type of an answer in this format.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Format::Json | Format::Jsonp => "application/json; charset=utf-8",
            Format::Php => "application/php; charset=utf-8",
        }
    }
}

/// A document in another format.
///
/// # Errors
/// [`Malformed`] if it is not a document. One of our own always is.
pub(super) fn convert(
    document: &str,
    output: &Output<'_>,
    dates: Dates,
) -> Result<String, Malformed> {
    let language = match output.format {
        Format::Json | Format::Jsonp => Language::Json,
        Format::Php => Language::Php,
    };
    let (name, root) = read(document, language, dates)?;
    let with_root = |root: &str| {
        let mut map = Entries::default();
        map.add(language, name, root);
        map.finish(language)
    };
    let text = match output.format {
        Format::Json => root,
        Format::Jsonp => with_root(&root),
        Format::Php => return Ok(with_root(&root)),
    };
    let call = match (output.callback, output.format) {
        (Some(name), _) => Some((name, ");")),
        (None, Format::Jsonp) => Some(("", ")")),
        (None, Format::Json | Format::Php) => None,
    };
    let text = match call {
        // In a script, these two would end a line inside of a text.
        Some((function, end)) => {
            let text = text
                .replace('\u{2028}', "\\u2028")
                .replace('\u{2029}', "\\u2029");
            format!("{function}({text}{end}")
        }
        None => text,
    };
    if output.before.is_empty() && output.after.is_empty() {
        return Ok(text);
    }
    Ok(format!("{}{text}{}", output.before, output.after))
}

/// How texts, maps and lists are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Json,
    Php,
}

impl Language {
    fn add_text(self, text: &str, out: &mut String) {
        match self {
            // A text can always be said in JSON.
            Language::Json => out.push_str(&serde_json::to_string(text).unwrap_or_default()),
            // It begins with its length in bytes, so nothing in it is escaped.
            Language::Php => {
                out.push_str("s:");
                out.push_str(itoa::Buffer::new().format(text.len()));
                out.push_str(":\"");
                out.push_str(text);
                out.push_str("\";");
            }
        }
    }
}

/// Something that is not finished: so many entries of a map or values of a list, one behind the other.
#[derive(Default)]
struct Entries {
    count: usize,
    written: String,
}

impl Entries {
    /// Adds an entry to a map.
    fn add(&mut self, language: Language, name: &str, value: &str) {
        if language == Language::Json && self.count > 0 {
            self.written.push(',');
        }
        language.add_text(name, &mut self.written);
        if language == Language::Json {
            self.written.push(':');
        }
        self.written.push_str(value);
        self.count += 1;
    }

    /// Adds a value to what may become a list.
    fn push(&mut self, language: Language, value: &str) {
        match language {
            Language::Json if self.count > 0 => self.written.push(','),
            Language::Json => {}
            Language::Php => {
                self.written.push_str("i:");
                self.written
                    .push_str(itoa::Buffer::new().format(self.count));
                self.written.push(';');
            }
        }
        self.written.push_str(value);
        self.count += 1;
    }

    /// What was pushed: a list, or the value if it is the only one.
    fn finish_list(self, language: Language) -> String {
        match (language, self.count) {
            (Language::Json, 1) => self.written,
            (Language::Json, _) => format!("[{}]", self.written),
            (Language::Php, 1) => self.written.split_at("i:0;".len()).1.to_owned(),
            (Language::Php, _) => self.finish(language),
        }
    }

    /// The map.
    fn finish(self, language: Language) -> String {
        match language {
            Language::Json => format!("{{{}}}", self.written),
            Language::Php => format!("a:{}:{{{}}}", self.count, self.written),
        }
    }
}

/// An element that has begun and not ended.
struct Open<'a> {
    name: &'a str,
    attributes: Entries,
    /// What is in it by name.
    children: BTreeMap<&'a str, Entries>,
    /// The text since the last element in it.
    text: Cow<'a, str>,
}

/// How the text of an element is called.
const TEXT: &str = "#text";

impl<'a> Open<'a> {
    fn push(&mut self, language: Language, name: &'a str, value: &str) {
        let entries = self.children.entry(name).or_default();
        entries.push(language, value);
    }

    /// Keeps the text up to here. Blanks beside elements only make a document pleasant to read.
    fn end_text(&mut self, language: Language, has_elements: bool) {
        let text = std::mem::take(&mut self.text);
        if !(text.is_empty() || has_elements && text.trim_ascii().is_empty()) {
            let mut value = String::with_capacity(text.len() + 8);
            language.add_text(&text, &mut value);
            self.push(language, TEXT, &value);
        }
    }

    fn end(mut self, language: Language, dates: Dates) -> String {
        if self.attributes.count == 0 && self.children.is_empty() {
            let is_date = dates == Dates::Ours
                && language == Language::Json
                && self.name.starts_with("date.");
            let date = if is_date { rfc_1123(&self.text) } else { None };
            let text = date.map_or(self.text, Cow::Owned);
            let mut out = String::with_capacity(text.len() + 8);
            language.add_text(&text, &mut out);
            return out;
        }
        self.end_text(language, !self.children.is_empty());
        let mut map = self.attributes;
        for (name, values) in self.children {
            map.add(language, name, &values.finish_list(language));
        }
        map.finish(language)
    }
}

/// Reads a document: the name of its root, and what that says.
fn read(document: &str, language: Language, dates: Dates) -> Result<(&str, String), Malformed> {
    let mut parser = Parser::new(document)?;
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut root = ("", String::new());
    while let Some(event) = parser.next_event()? {
        match event {
            Event::Start(element) => {
                if let Some(outer) = open.last_mut() {
                    outer.end_text(language, true);
                }
                let name = element.name;
                let mut attributes = Entries::default();
                for (name, text) in element.into_attributes() {
                    let mut value = String::with_capacity(text.len() + 8);
                    language.add_text(&text, &mut value);
                    attributes.add(language, &format!("@{name}"), &value);
                }
                open.push(Open {
                    name,
                    attributes,
                    children: BTreeMap::new(),
                    text: Cow::Borrowed(""),
                });
            }
            Event::Text(piece) => {
                if let Some(element) = open.last_mut() {
                    element.text += piece;
                }
            }
            Event::End => {
                if let Some(element) = open.pop() {
                    let name = element.name;
                    let value = element.end(language, dates);
                    match open.last_mut() {
                        Some(outer) => outer.push(language, name, &value),
                        None => root = (name, value),
                    }
                }
            }
        }
    }
    Ok(root)
}

/// `Fri, 20 Mar 2009 23:52:50 GMT` for `2009-03-20T23:52:50Z`; `None` if the text is something else.
fn rfc_1123(text: &str) -> Option<String> {
    if text.len() != "2009-03-20T23:52:50Z".len() {
        return None;
    }
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%SZ").ok()?;
    let seconds = u64::try_from(time.and_utc().timestamp()).ok()?;
    Some(fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_format(document: &str, format: Format, callback: Option<&str>, dates: Dates) -> String {
        let output = Output {
            format,
            callback,
            before: "",
            after: "",
        };
        convert(document, &output, dates).unwrap()
    }

    fn json(document: &str) -> String {
        in_format(document, Format::Json, None, Dates::Ours)
    }

    fn php(document: &str) -> String {
        in_format(document, Format::Php, None, Dates::Ours)
    }

    #[test]
    fn elements_become_texts_maps_and_lists() {
        for (document, expected) in [
            ("<a/>", r#""""#),
            ("<a>x</a>", r#""x""#),
            ("<a n='1'/>", r#"{"@n":"1"}"#),
            ("<a n='1'>x</a>", r##"{"@n":"1","#text":"x"}"##),
            ("<a><c/><b>1</b><c>2</c></a>", r#"{"b":"1","c":["","2"]}"#),
            (
                "<a z='1' b='2'><x y='3'/></a>",
                r#"{"@z":"1","@b":"2","x":{"@y":"3"}}"#,
            ),
            ("<a> <b/> </a>", r#"{"b":""}"#),
            ("<a> </a>", r#"" ""#),
            ("<a>x<b/>y</a>", r##"{"#text":["x","y"],"b":""}"##),
            (
                "<a>é\u{1F600}\"\\&lt;&#13;\t</a>",
                "\"é\u{1F600}\\\"\\\\<\\r\\t\"",
            ),
        ] {
            assert_eq!(json(document), expected, "{document}");
        }
    }

    #[test]
    fn what_is_in_an_element_is_sorted_by_the_code_of_its_characters() {
        assert_eq!(
            json("<a><b/><_/><B/>t</a>"),
            r##"{"#text":"t","B":"","_":"","b":""}"##
        );
    }

    #[test]
    fn only_our_dates_are_rewritten_and_only_in_json() {
        let document = "<a><date.modified>2009-03-20T23:52:50Z</date.modified><t>2009-03-20T23:52:50Z</t>\
                        <date.x>soon</date.x></a>";
        assert_eq!(
            json(document),
            r#"{"date.modified":"Fri, 20 Mar 2009 23:52:50 GMT","date.x":"soon","t":"2009-03-20T23:52:50Z"}"#
        );
        assert!(!php(document).contains("GMT"));
        assert!(!in_format(document, Format::Json, None, Dates::Foreign).contains("GMT"));
    }

    #[test]
    fn the_root_keeps_its_name_but_in_json() {
        let document = "<properties count=\"2\"><p>a</p><p>ü</p></properties>";
        assert_eq!(
            in_format(document, Format::Jsonp, None, Dates::Ours),
            r#"({"properties":{"@count":"2","p":["a","ü"]}})"#
        );
        assert_eq!(
            php(document),
            r#"a:1:{s:10:"properties";a:2:{s:6:"@count";s:1:"2";s:1:"p";a:2:{i:0;s:1:"a";i:1;s:2:"ü";}}}"#
        );
        assert_eq!(php("<pages/>"), r#"a:1:{s:5:"pages";s:0:"";}"#);
    }

    #[test]
    fn a_callback_is_called_and_no_text_ends_its_line() {
        assert_eq!(
            in_format("<a>\u{2028}x</a>", Format::Json, Some("app.f"), Dates::Ours),
            "app.f(\"\\u2028x\");"
        );
        assert_eq!(
            in_format("<a>x</a>", Format::Jsonp, Some("f"), Dates::Ours),
            r#"f({"a":"x"});"#
        );
    }
}

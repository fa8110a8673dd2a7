//! The formats in which an XML answer can be had instead: JSON, JSONP and serialised PHP (`mindtouch.md` §12,
//! `clients.md` §5).
//!
//! All of them say the same. A document becomes a [`Value`]: an element with neither attributes nor content is an empty
//! text, one with nothing but text is that text, and any other is a map of its attributes (`@name`), its text (`#text`)
//! and its elements by name, where what is there several times is a list. Only the root differs: JSON drops its name.

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
    let in_json = output.format != Format::Php;
    let (name, value) = read(document, in_json && dates == Dates::Ours)?;
    let mut out = String::with_capacity(document.len());
    let with_root = |value| Value::Map(vec![(Cow::Borrowed(name), vec![value])]);
    match output.format {
        Format::Json => value.add_json(&mut out),
        Format::Jsonp => with_root(value).add_json(&mut out),
        Format::Php => {
            with_root(value).add_php(&mut out);
            return Ok(out);
        }
    }
    let call = match (output.callback, output.format) {
        (Some(name), _) => Some((name, ");")),
        (None, Format::Jsonp) => Some(("", ")")),
        (None, Format::Json | Format::Php) => None,
    };
    if let Some((function, end)) = call {
        // In a script, these two would end a line inside of a text.
        let json = out
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029");
        out = format!("{function}({json}{end}");
    }
    Ok(format!("{}{out}{}", output.before, output.after))
}

/// What an element says.
#[derive(Debug)]
enum Value<'a> {
    Text(Cow<'a, str>),
    /// What is in it by name, and all that has the name.
    Map(Vec<(Cow<'a, str>, Vec<Value<'a>>)>),
}

/// An element that has begun and not ended.
struct Open<'a> {
    name: &'a str,
    attributes: Vec<(Cow<'a, str>, Vec<Value<'a>>)>,
    children: BTreeMap<&'a str, Vec<Value<'a>>>,
    /// The text since the last element in it.
    text: Cow<'a, str>,
}

/// How the text of an element is called.
const TEXT: &str = "#text";

impl<'a> Open<'a> {
    /// Keeps the text up to here. Blanks beside elements only make a document pleasant to read.
    fn end_text(&mut self, has_elements: bool) {
        let text = std::mem::take(&mut self.text);
        if !(text.is_empty() || has_elements && text.trim_ascii().is_empty()) {
            let texts = self.children.entry(TEXT).or_default();
            texts.push(Value::Text(text));
        }
    }

    fn end(mut self, dates: bool) -> Value<'a> {
        if self.attributes.is_empty() && self.children.is_empty() {
            let rewritten = if dates && self.name.starts_with("date.") {
                rfc_1123(&self.text)
            } else {
                None
            };
            return Value::Text(rewritten.map_or(self.text, Cow::Owned));
        }
        self.end_text(!self.children.is_empty());
        let children = self.children.into_iter();
        self.attributes
            .extend(children.map(|(name, values)| (Cow::Borrowed(name), values)));
        Value::Map(self.attributes)
    }
}

/// Reads a document: the name of its root, and what that says.
fn read(document: &str, dates: bool) -> Result<(&str, Value<'_>), Malformed> {
    let mut parser = Parser::new(document)?;
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut root = ("", Value::Text(Cow::Borrowed("")));
    while let Some(event) = parser.next_event()? {
        match event {
            Event::Start(element) => {
                if let Some(outer) = open.last_mut() {
                    outer.end_text(true);
                }
                let name = element.name;
                let attribute =
                    |(name, value)| (Cow::Owned(format!("@{name}")), vec![Value::Text(value)]);
                open.push(Open {
                    name,
                    attributes: element.into_attributes().map(attribute).collect(),
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
                    let value = element.end(dates);
                    match open.last_mut() {
                        Some(outer) => outer.children.entry(name).or_default().push(value),
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
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%SZ").ok()?;
    let seconds = u64::try_from(time.and_utc().timestamp()).ok()?;
    Some(fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds)))
}

impl Value<'_> {
    fn add_json(&self, out: &mut String) {
        match self {
            Value::Text(text) => add_json_text(text, out),
            Value::Map(entries) => {
                let mut before = '{';
                for (name, values) in entries {
                    out.push(before);
                    before = ',';
                    add_json_text(name, out);
                    out.push(':');
                    match values.as_slice() {
                        [value] => value.add_json(out),
                        values => {
                            let mut before = '[';
                            for value in values {
                                out.push(before);
                                before = ',';
                                value.add_json(out);
                            }
                            out.push(']');
                        }
                    }
                }
                out.push('}');
            }
        }
    }

    fn add_php(&self, out: &mut String) {
        match self {
            Value::Text(text) => add_php_text(text, out),
            Value::Map(entries) => {
                start_php_array(entries.len(), out);
                for (name, values) in entries {
                    add_php_text(name, out);
                    match values.as_slice() {
                        [value] => value.add_php(out),
                        values => {
                            start_php_array(values.len(), out);
                            for (index, value) in values.iter().enumerate() {
                                out.push_str("i:");
                                out.push_str(itoa::Buffer::new().format(index));
                                out.push(';');
                                value.add_php(out);
                            }
                            out.push('}');
                        }
                    }
                }
                out.push('}');
            }
        }
    }
}

fn add_json_text(text: &str, out: &mut String) {
    // A text can always be said in JSON.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

fn start_php_array(length: usize, out: &mut String) {
    out.push_str("a:");
    out.push_str(itoa::Buffer::new().format(length));
    out.push_str(":{");
}

/// A text of PHP begins with its length in bytes, so nothing in it is escaped.
fn add_php_text(text: &str, out: &mut String) {
    out.push_str("s:");
    out.push_str(itoa::Buffer::new().format(text.len()));
    out.push_str(":\"");
    out.push_str(text);
    out.push_str("\";");
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

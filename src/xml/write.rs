//! The XML that propstore writes: always well-formed, whatever is put into it.

use crate::model::is_xml_char;
use std::fmt::{self, Display, Write};

/// Builds a document element by element.
///
/// Attributes have to come before what is in the element. An element with nothing in it becomes an empty tag.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    /// Whether the last start tag has no `>` yet.
    open: bool,
}

impl Writer {
    /// A writer that expects to write about this many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Writer {
            out: String::with_capacity(bytes),
            open: false,
        }
    }

    /// Begins an element. The name is one of our own.
    pub fn start(&mut self, name: &str) -> &mut Self {
        self.close_tag();
        self.out.push('<');
        self.out.push_str(name);
        self.open = true;
        self
    }

    /// Gives the element that was just begun an attribute.
    pub fn attribute(&mut self, name: &str, value: impl Display) -> &mut Self {
        debug_assert!(self.open, "the attribute {name} comes too late");
        push_attribute(&mut self.out, name, value);
        self
    }

    /// The same for a value that is text already.
    pub fn attribute_text(&mut self, name: &str, value: &str) -> &mut Self {
        self.attribute_as_is(name, |out| push_escaped_text(out, Place::Attribute, value))
    }

    /// The same for a value that `add` writes and that needs no escaping, such as a number or an encoded name.
    pub fn attribute_as_is(&mut self, name: &str, add: impl FnOnce(&mut String)) -> &mut Self {
        debug_assert!(self.open, "the attribute {name} comes too late");
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        add(&mut self.out);
        self.out.push('"');
        self
    }

    /// Adds an element whose attributes and content, up to its end tag, were made by [`inside`].
    pub fn element_with(&mut self, name: &str, inside: &str) -> &mut Self {
        self.start(name);
        self.open = false;
        self.out.push_str(inside);
        self.end(name)
    }

    /// Adds text.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        // An empty text leaves the element as it is, perhaps an empty tag.
        let before = self.out.len();
        if self.open {
            self.out.push('>');
        }
        let start = self.out.len();
        push_escaped(&mut self.out, Place::Text, text);
        if self.out.len() == start {
            self.out.truncate(before);
        } else {
            self.open = false;
        }
        self
    }

    /// Ends an element.
    pub fn end(&mut self, name: &str) -> &mut Self {
        if self.open {
            self.out.push_str("/>");
            self.open = false;
        } else {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
        self
    }

    /// Adds text that is text already.
    pub fn plain_text(&mut self, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.close_tag();
            push_escaped_text(&mut self.out, Place::Text, text);
        }
        self
    }

    /// Adds an element that holds only text.
    pub fn element(&mut self, name: &str, text: impl Display) -> &mut Self {
        self.start(name).text(text).end(name)
    }

    /// The document.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    fn close_tag(&mut self) {
        if self.open {
            self.out.push('>');
            self.open = false;
        }
    }
}

/// Writes the attributes and the content of an element, to be put into elements again and again.
#[must_use]
pub fn inside(write: impl FnOnce(&mut Writer)) -> String {
    let mut xml = Writer {
        out: String::new(),
        open: true,
    };
    write(&mut xml);
    xml.close_tag();
    xml.out
}

/// A text as it stands in an attribute.
#[must_use]
pub fn escaped_attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped_text(&mut out, Place::Attribute, text);
    out
}

/// Adds an attribute to a start tag that is being written.
pub(super) fn push_attribute(out: &mut String, name: &str, value: impl Display) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    push_escaped(out, Place::Attribute, value);
    out.push('"');
}

fn push_escaped(out: &mut String, place: Place, value: impl Display) {
    // Writing to a string fails only if the value says so, and none of ours does.
    write!(Escaped { out, place }, "{value}").unwrap_or_default();
}

#[derive(Clone, Copy)]
enum Place {
    Text,
    Attribute,
}

struct Escaped<'a> {
    out: &'a mut String,
    place: Place,
}

/// Whether a byte can begin a character that has to be written in another way. Most text has none.
const fn is_special(byte: u8) -> bool {
    // EF begins U+FFFE and U+FFFF.
    matches!(byte, 0..=0x1F | b'&' | b'<' | b'>' | b'"' | 0xEF)
}

/// Whether there is none in a text. Whole chunks are looked through faster than a byte at a time.
fn is_plain(text: &str) -> bool {
    let count = |found, &byte: &u8| found | u8::from(is_special(byte));
    let mut chunks = text.as_bytes().chunks(256);
    chunks.all(|chunk| chunk.iter().fold(0, count) == 0)
}

fn push_escaped_text(out: &mut String, place: Place, text: &str) {
    // As with any other value, this cannot fail.
    Escaped { out, place }.write_str(text).unwrap_or_default();
}

impl Escaped<'_> {
    /// How a character has to be written here; `None`: as it is.
    fn escape(&self, c: char) -> Option<&'static str> {
        match (c, self.place) {
            ('&', _) => Some("&amp;"),
            ('<', _) => Some("&lt;"),
            ('>', _) => Some("&gt;"),
            // A reader would turn these into other blanks.
            ('\r', _) => Some("&#13;"),
            ('\n', Place::Attribute) => Some("&#10;"),
            ('\t', Place::Attribute) => Some("&#9;"),
            ('"', Place::Attribute) => Some("&quot;"),
            (c, _) if !is_xml_char(c) => Some("\u{FFFD}"),
            _ => None,
        }
    }
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if is_plain(text) {
            self.out.push_str(text);
            return Ok(());
        }
        let mut rest = text;
        let mut from = 0;
        while let Some(found) = rest.as_bytes()[from..]
            .iter()
            .position(|&byte| is_special(byte))
        {
            let at = from + found;
            let c = rest[at..].chars().next().unwrap_or_default();
            match self.escape(c) {
                Some(escape) => {
                    self.out.push_str(&rest[..at]);
                    self.out.push_str(escape);
                    rest = &rest[at + c.len_utf8()..];
                    from = 0;
                }
                None => from = at + c.len_utf8(),
            }
        }
        self.out.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_well_formed_whatever_is_in_it() {
        let mut xml = Writer::default();
        xml.start("a")
            .attribute("n", "<\"&'>\t\n\r\0é")
            .start("b")
            .text("")
            .end("b");
        xml.element("c", "<&>\"'\t\n\r]]>\u{1}")
            .element("d", 7)
            .end("a");
        assert_eq!(
            xml.finish(),
            "<a n=\"&lt;&quot;&amp;'&gt;&#9;&#10;&#13;\u{FFFD}é\"><b/>\
             <c>&lt;&amp;&gt;\"'\t\n&#13;]]&gt;\u{FFFD}</c><d>7</d></a>"
        );
    }
}

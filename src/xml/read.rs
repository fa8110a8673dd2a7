//! Reads a document strictly, event by event.

use super::malformed::{Brief, Malformed, NO_DOCTYPE, describe, line_of};
use super::names::{is_blank, is_encoding_label, is_plain_name, is_version, numeric, predefined};
use super::scope::Scope;
use super::tag::{Element, Inside};
use crate::model::not_xml;
use memchr::{memchr, memchr_iter};
use quick_xml::Reader;
use quick_xml::events::Event as Token;
use std::borrow::Cow;
use std::fmt;

/// How deep elements may lie in each other, the root included.
pub const DEPTH_MAX: usize = 64;

const TEXT_OUTSIDE: &str = "there is text outside of the root element";
const NO_VERSION: &str = "an XML declaration begins with version=\"1.0\"";

/// What comes next in a document. Comments and processing instructions are passed over.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// An element begins.
    Start(Element<'a>),
    /// Text; a run of it may come in pieces.
    Text(Cow<'a, str>),
    /// The innermost element ends.
    End,
}

/// An element that has begun and not ended.
struct Open<'a> {
    name: &'a str,
    at: usize,
}

/// Reads one document.
pub struct Parser<'a> {
    pub(super) text: &'a str,
    reader: Reader<&'a [u8]>,
    /// Where the token begins that the last event came from.
    pub(super) token_at: usize,
    /// From the root inwards.
    open: Vec<Open<'a>>,
    /// Whether the innermost element is an empty tag: its end comes next.
    is_empty: bool,
    had_root: bool,
    pub(super) scope: Scope<'a>,
    /// How many bytes of declarations [`Parser::markup`] has added so far.
    pub(super) added_bytes: usize,
}

impl fmt::Debug for Parser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parser")
            .field("at", &self.position())
            .finish_non_exhaustive()
    }
}

impl<'a> Parser<'a> {
    /// A parser at the start of a document, which has no byte order mark any more.
    ///
    /// # Errors
    /// [`Malformed`] if there is a character in it that XML cannot carry.
    pub fn new(text: &'a str) -> Result<Self, Malformed> {
        if let Some((at, c)) = not_xml(text) {
            let what = format!("XML cannot carry the character U+{:04X}", u32::from(c));
            return Err(Malformed::new(text, at, what));
        }
        // The tokenizer would pass over it without counting it.
        if text.starts_with('\u{FEFF}') {
            return Err(Malformed::new(text, 0, TEXT_OUTSIDE));
        }
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        Ok(Parser {
            text,
            reader,
            token_at: 0,
            open: Vec::new(),
            is_empty: false,
            had_root: false,
            scope: Scope::default(),
            added_bytes: 0,
        })
    }

    /// What is wrong with an element.
    #[must_use]
    pub fn fault_at(&self, element: &Element<'_>, what: impl fmt::Display) -> Malformed {
        self.fault(element.at, what)
    }

    fn fault(&self, at: usize, what: impl fmt::Display) -> Malformed {
        Malformed::new(self.text, at, what)
    }

    pub(super) fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position())
            .unwrap_or(usize::MAX)
            .min(self.text.len())
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The next event; `None` at the end of the document.
    ///
    /// # Errors
    /// [`Malformed`] says where the document went wrong; there is no use in reading on.
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, Malformed> {
        loop {
            let start = self.position();
            self.token_at = start;
            if self.is_empty {
                self.is_empty = false;
                self.close();
                return Ok(Some(Event::End));
            }
            let token = self.reader.read_event();
            let end = self.position();
            let raw = self.text.get(start..end).unwrap_or_default();
            match token {
                Ok(Token::Start(_)) => return self.start(start, end - 1),
                Ok(Token::Empty(_)) => {
                    let event = self.start(start, end - 2)?;
                    self.is_empty = true;
                    return Ok(event);
                }
                Ok(Token::End(_)) => return self.end(raw, start),
                Ok(Token::Text(_)) if self.open.is_empty() => {
                    if let Some(at) = raw.bytes().position(|byte| !is_blank(byte)) {
                        return Err(self.fault(start + at, TEXT_OUTSIDE));
                    }
                }
                Ok(Token::Text(_)) => {
                    if let Some(at) = section_end(raw) {
                        let what = "']]>' must not stand in text: write ']]&gt;'";
                        return Err(self.fault(start + at, what));
                    }
                    return Ok(Some(Event::Text(line_ends(raw))));
                }
                Ok(Token::CData(_) | Token::GeneralRef(_)) if self.open.is_empty() => {
                    return Err(self.fault(start, TEXT_OUTSIDE));
                }
                Ok(Token::CData(_)) => {
                    let inner = between(raw, "<![CDATA[", "]]>");
                    return Ok(Some(Event::Text(line_ends(inner))));
                }
                Ok(Token::GeneralRef(_)) => {
                    let name = between(raw, "&", ";");
                    let text = match predefined(name) {
                        Some(character) => Cow::Borrowed(character),
                        None => numeric(name)
                            .map(|c| Cow::Owned(c.to_string()))
                            .map_err(|what| self.fault(start, what))?,
                    };
                    return Ok(Some(Event::Text(text)));
                }
                Ok(Token::Comment(_)) => self.comment(raw, start)?,
                Ok(Token::PI(_)) => self.instruction(raw, start)?,
                Ok(Token::Decl(_)) => self.declaration(start, end)?,
                Ok(Token::DocType(_)) => return Err(self.fault(start, NO_DOCTYPE)),
                Ok(Token::Eof) => {
                    return match self.open.last() {
                        Some(open) => {
                            let line = line_of(self.text, open.at);
                            let what = format!(
                                "the document ends, but <{}> of line {line} is not closed",
                                Brief(open.name)
                            );
                            Err(self.fault(end, what))
                        }
                        None if self.had_root => Ok(None),
                        None => Err(self.fault(end, "there is no root element")),
                    };
                }
                Err(error) => {
                    let rest = self.text.get(start..).unwrap_or_default();
                    return Err(self.fault(start, describe(&error, rest)));
                }
            }
        }
    }

    /// Passes over the rest of the element that has just begun.
    ///
    /// # Errors
    /// [`Malformed`], as [`Parser::next_event`].
    pub fn skip(&mut self) -> Result<(), Malformed> {
        let depth = self.depth();
        while self.depth() >= depth && self.next_event()?.is_some() {}
        Ok(())
    }

    fn start(&mut self, start: usize, end: usize) -> Result<Option<Event<'a>>, Malformed> {
        if self.open.is_empty() && self.had_root {
            return Err(self.fault(start, "there is a second root element"));
        }
        if self.depth() == DEPTH_MAX {
            let what = format!("elements lie deeper in each other than {DEPTH_MAX} levels");
            return Err(self.fault(start, what));
        }
        let depth = self.depth() + 1;
        let element = Element::read(self.text, (start, end), depth, &mut self.scope)?;
        self.had_root = true;
        self.open.push(Open {
            name: element.name,
            at: start,
        });
        Ok(Some(Event::Start(element)))
    }

    fn end(&mut self, raw: &str, start: usize) -> Result<Option<Event<'a>>, Malformed> {
        let name = between(raw, "</", ">").trim_end_matches([' ', '\t', '\n', '\r']);
        let shown = Brief(name);
        let what = match self.open.last() {
            Some(open) if open.name == name => {
                self.close();
                return Ok(Some(Event::End));
            }
            Some(open) if name.split([' ', '\t', '\n', '\r', '/']).next() == Some(open.name) => {
                format!(
                    "an end tag is the name and nothing more: </{}>",
                    Brief(open.name)
                )
            }
            Some(open) => format!(
                "</{shown}> closes nothing: the element that is open here is <{}> of line {}",
                Brief(open.name),
                line_of(self.text, open.at)
            ),
            None => format!("</{shown}> closes nothing: no element is open here"),
        };
        Err(self.fault(start, what))
    }

    fn close(&mut self) {
        self.scope.leave(self.depth());
        self.open.pop();
    }

    fn comment(&self, raw: &str, start: usize) -> Result<(), Malformed> {
        let inner = between(raw, "<!--", "-->");
        let what = "'--' must not stand in a comment, nor '-' at its end";
        let wrong = inner
            .find("--")
            .or_else(|| inner.strip_suffix('-').map(str::len));
        wrong.map_or(
            Ok(()),
            |at| Err(self.fault(start + "<!--".len() + at, what)),
        )
    }

    fn instruction(&self, raw: &str, start: usize) -> Result<(), Malformed> {
        let inner = between(raw, "<?", "?>");
        let target = inner.split([' ', '\t', '\n', '\r']).next();
        let target = target.unwrap_or_default();
        if target.eq_ignore_ascii_case("xml") {
            return Err(self.fault(start, "an XML declaration is written '<?xml'"));
        }
        if !is_plain_name(target) {
            let what = format!(
                "'{}' cannot be the target of a processing instruction: it has to be a name without a colon",
                Brief(target)
            );
            return Err(self.fault(start, what));
        }
        Ok(())
    }

    fn declaration(&self, start: usize, end: usize) -> Result<(), Malformed> {
        if start > 0 {
            let what =
                "an XML declaration can only stand at the very start: take out what is before it";
            return Err(self.fault(start, what));
        }
        let mut inside = Inside::new(self.text, "<?xml".len(), end - "?>".len());
        match inside.pair()? {
            Some(pair) if pair.name == "version" && is_version(pair.value) => {}
            Some(pair) => return Err(self.fault(pair.at, NO_VERSION)),
            None => return Err(self.fault(start, NO_VERSION)),
        }
        let mut next = inside.pair()?;
        if let Some(pair) = next.take_if(|pair| pair.name == "encoding") {
            if !is_encoding_label(pair.value) {
                let what = format!("'{}' is not the name of an encoding", Brief(pair.value));
                return Err(self.fault(pair.value_at, what));
            }
            next = inside.pair()?;
        }
        if let Some(pair) = next.take_if(|pair| pair.name == "standalone") {
            if !matches!(pair.value, "yes" | "no") {
                return Err(self.fault(pair.value_at, "standalone is either yes or no"));
            }
            next = inside.pair()?;
        }
        let what = "after version, an XML declaration can only have encoding and then standalone, each once";
        next.map_or(Ok(()), |pair| Err(self.fault(pair.at, what)))
    }
}

/// What stands between the first and the last characters of a token.
fn between<'a>(raw: &'a str, first: &str, last: &str) -> &'a str {
    let inner = raw.strip_prefix(first);
    inner
        .and_then(|inner| inner.strip_suffix(last))
        .unwrap_or_default()
}

/// Where `]]>` stands.
fn section_end(raw: &str) -> Option<usize> {
    memchr_iter(b'>', raw.as_bytes())
        .find(|&at| raw[..at].ends_with("]]"))
        .map(|at| at - "]]".len())
}

/// CR and CR LF in a document mean LF.
pub(super) fn line_ends(raw: &str) -> Cow<'_, str> {
    if memchr(b'\r', raw.as_bytes()).is_some() {
        Cow::Owned(raw.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(raw)
    }
}

//! What is inside an element, as it can be stored: text, or markup that stands alone (`mindtouch.md` §7).

use super::malformed::Malformed;
use super::read::{Event, Parser, line_ends};
use super::scope::Scope;
use super::tag::Element;
use super::write::push_attribute;
use std::borrow::Cow;
use std::collections::HashMap;

/// How many bytes of namespace declarations may be added to the markup in a document, if the document is not longer
/// itself: a long declaration on the root must not be multiplied by many short elements.
const ADDED_BYTES_MAX: usize = 1 << 20;

/// What is inside an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Markup<'a> {
    /// Text only: the text, without comments.
    Text(Cow<'a, str>),
    /// There are elements in it: all of it as it stands there, with the namespace declarations that it needs to stand
    /// alone.
    Elements(String),
}

impl<'a> Parser<'a> {
    /// Reads what is inside the element that has just begun, to its end.
    ///
    /// # Errors
    /// [`Malformed`], as [`Parser::next_event`].
    pub fn markup(&mut self) -> Result<Markup<'a>, Malformed> {
        let depth = self.depth();
        let begin = self.position();
        let mut text = Cow::Borrowed("");
        let mut elements: Option<Elements<'a>> = None;
        while self.depth() >= depth {
            match self.next_event()? {
                Some(Event::Start(element)) => {
                    let elements =
                        elements.get_or_insert_with(|| Elements::new(self.text, begin, depth));
                    if self.depth() == depth + 1 {
                        elements.begin(&element);
                    }
                    self.added_bytes += elements.declare(&element, &self.scope);
                    if self.added_bytes > self.text.len().max(ADDED_BYTES_MAX) {
                        let what = "the namespace declarations that elements take from outside make them too large: \
                                    declare namespaces where they are used";
                        return Err(self.fault_at(&element, what));
                    }
                }
                Some(Event::Text(piece)) if elements.is_none() => text += piece,
                Some(Event::Text(_) | Event::End) => {}
                None => break,
            }
        }
        Ok(match elements {
            Some(elements) => Markup::Elements(elements.finish(self.token_at)),
            None => Markup::Text(text),
        })
    }
}

/// Markup being copied from a document, with declarations put into its outermost elements.
struct Elements<'a> {
    text: &'a str,
    /// The depth of the element that all this is in.
    outside: usize,
    out: String,
    copied_to: usize,
    /// What the current outermost element needs, and where: behind its name.
    declarations: String,
    place: usize,
    /// How many outermost elements have begun, and to which of them a prefix was last given.
    count: usize,
    given: HashMap<&'a str, usize>,
}

impl<'a> Elements<'a> {
    fn new(text: &'a str, begin: usize, outside: usize) -> Self {
        Elements {
            text,
            outside,
            out: String::new(),
            copied_to: begin,
            declarations: String::new(),
            place: begin,
            count: 0,
            given: HashMap::new(),
        }
    }

    /// An outermost element begins.
    fn begin(&mut self, element: &Element<'a>) {
        self.put_declarations();
        self.count += 1;
        self.place = element.at + 1 + element.name.len();
    }

    /// Notes the declarations from outside that an element needs and its outermost one does not have yet. Returns how
    /// many bytes they have.
    fn declare(&mut self, element: &Element<'a>, scope: &Scope<'a>) -> usize {
        let before = self.declarations.len();
        for prefix in element.prefixes() {
            let Some(binding) = scope
                .find(prefix)
                .filter(|binding| binding.depth <= self.outside && prefix != "xml")
            else {
                continue;
            };
            if self.given.insert(prefix, self.count) == Some(self.count) {
                continue;
            }
            let name = match prefix {
                "" => "xmlns",
                prefix => &format!("xmlns:{prefix}"),
            };
            push_attribute(&mut self.declarations, name, &*binding.uri);
        }
        self.declarations.len() - before
    }

    fn put_declarations(&mut self) {
        if !self.declarations.is_empty() {
            self.copy(self.place);
            self.out.push_str(&self.declarations);
            self.declarations.clear();
        }
    }

    fn copy(&mut self, to: usize) {
        let raw = self.text.get(self.copied_to..to).unwrap_or_default();
        self.out.push_str(&line_ends(raw));
        self.copied_to = to;
    }

    fn finish(mut self, end: usize) -> String {
        self.put_declarations();
        self.copy(end);
        self.out
    }
}

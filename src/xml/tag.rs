//! What stands in a start tag, and what of it is kept: the name of an element and its attributes.

use super::malformed::{Brief, Malformed};
use super::names::{LONE_AMPERSAND, is_blank, numeric, predefined, prefix_of};
use super::scope::Scope;
use memchr::memchr;
use std::borrow::Cow;

/// How many attributes an element may have, namespace declarations included.
pub const ATTRIBUTES_MAX: usize = 1024;

/// The start of an element, with its attributes.
#[derive(Clone, Debug)]
pub struct Element<'a> {
    /// The name as it stands there, perhaps with a prefix.
    pub name: &'a str,
    /// Whether it has no prefix and lies in a default namespace.
    pub in_default_namespace: bool,
    pub(super) attributes: Vec<Attribute<'a>>,
    /// Where its `<` is.
    pub(super) at: usize,
}

impl<'a> Element<'a> {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)
            .map(|attribute| &*attribute.value)
    }

    /// The value of an attribute, taken out: from then on it is empty.
    pub fn take_attribute(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let attribute = self
            .attributes
            .iter_mut()
            .find(|attribute| attribute.name == name)?;
        Some(std::mem::take(&mut attribute.value))
    }

    /// All attributes in the order in which they stand there.
    pub fn into_attributes(self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        let attributes = self.attributes.into_iter();
        attributes.map(|attribute| (attribute.name, attribute.value))
    }

    /// Reads the start tag that stands at `at` in a text and ends before `end`. `depth` is that of the element, and
    /// what it declares is added to `scope`.
    ///
    /// # Errors
    /// [`Malformed`] if it is not a start tag, or a prefix is not declared.
    pub(super) fn read(
        text: &'a str,
        (at, end): (usize, usize),
        depth: usize,
        scope: &mut Scope<'a>,
    ) -> Result<Self, Malformed> {
        let fault = |at, what| Malformed::new(text, at, what);
        let mut tag = Inside::new(text, at + 1, end);
        let name = tag.word();
        if name.is_empty() {
            let what = "'<' has to begin a tag: write '&lt;' for the character itself";
            return Err(Malformed::new(text, at, what));
        }
        let prefix = prefix_of(name).map_err(|(offset, what)| fault(at + 1 + offset, what))?;
        let mut attributes: Vec<Attribute<'a>> = Vec::new();
        let (mut has_declarations, mut has_prefixes) = (false, false);
        while let Some(pair) = tag.pair()? {
            if attributes.len() == ATTRIBUTES_MAX {
                let what = format!("an element can have at most {ATTRIBUTES_MAX} attributes");
                return Err(fault(pair.at, what));
            }
            let prefix = prefix_of(pair.name);
            match prefix.map_err(|(offset, what)| fault(pair.at + offset, what))? {
                None => has_declarations |= pair.name == "xmlns",
                Some("xmlns") => has_declarations = true,
                Some(_) => has_prefixes = true,
            }
            attributes.push(Attribute {
                name: pair.name,
                value: value(text, &pair)?,
                at: pair.at,
            });
        }
        let twice = |attribute: &Attribute<'_>| {
            let what = format!("the attribute {} is there twice", Brief(attribute.name));
            fault(attribute.at, what)
        };
        if let Some(second) = repeated(&attributes) {
            return Err(twice(second));
        }
        if has_declarations {
            for attribute in &attributes {
                scope
                    .declare(depth, attribute)
                    .map_err(|what| fault(attribute.at, what))?;
            }
        }
        if let Some(prefix) = prefix {
            scope
                .check_prefix(prefix)
                .map_err(|what| fault(at + 1, what))?;
        }
        if has_prefixes {
            for attribute in &attributes {
                if let Some(prefix) = attribute.prefix() {
                    scope
                        .check_prefix(prefix)
                        .map_err(|what| fault(attribute.at, what))?;
                }
            }
            if let Some(second) = scope.repeated(&attributes) {
                return Err(twice(second));
            }
        }
        Ok(Element {
            name,
            in_default_namespace: prefix.is_none()
                && scope
                    .find("")
                    .is_some_and(|binding| !binding.uri.is_empty()),
            attributes,
            at,
        })
    }

    /// The prefixes that the element takes from the declarations in force: that of its name, where none stands for the
    /// default namespace as an empty one, and those of its attributes.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &'a str> {
        let own = match self.name.split_once(':') {
            Some((prefix, _)) => Some(prefix),
            None => Some("").filter(|_| self.in_default_namespace),
        };
        own.into_iter()
            .chain(self.attributes.iter().filter_map(Attribute::prefix))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) value: Cow<'a, str>,
    pub(super) at: usize,
}

impl<'a> Attribute<'a> {
    /// The prefix, if it is not that of a namespace declaration.
    fn prefix(&self) -> Option<&'a str> {
        let (prefix, _) = self.name.split_once(':')?;
        Some(prefix).filter(|&prefix| prefix != "xmlns")
    }
}

/// A name and a value in quotes, as they stand there.
pub(super) struct Pair<'a> {
    pub(super) name: &'a str,
    pub(super) at: usize,
    pub(super) value: &'a str,
    pub(super) value_at: usize,
}

/// What is inside a tag or an XML declaration, read from left to right.
pub(super) struct Inside<'a> {
    text: &'a str,
    at: usize,
    end: usize,
}

impl<'a> Inside<'a> {
    pub(super) fn new(text: &'a str, at: usize, end: usize) -> Self {
        Inside { text, at, end }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    fn fault(&self, at: usize, what: &str) -> Malformed {
        Malformed::new(self.text, at, what)
    }

    /// Reads up to the next byte of this kind.
    fn until(&mut self, is_end: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.bytes().position(is_end).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn blanks(&mut self) -> &'a str {
        self.until(|byte| !is_blank(byte))
    }

    /// Reads up to the next blank.
    fn word(&mut self) -> &'a str {
        self.until(is_blank)
    }

    /// Reads the next name with its value; `None` at the end.
    ///
    /// # Errors
    /// [`Malformed`] if something else stands there. Whether the name is one is not looked at.
    pub(super) fn pair(&mut self) -> Result<Option<Pair<'a>>, Malformed> {
        let has_blank = !self.blanks().is_empty();
        let at = self.at;
        match self.rest().as_bytes().first() {
            None => return Ok(None),
            Some(b'/') => return Err(self.fault(at, "'/' has to stand right before '>'")),
            Some(b'<') => return Err(self.fault(at, "the tag before it is not closed with '>'")),
            Some(b'=') => return Err(self.fault(at, "there has to be a name before '='")),
            Some(_) if !has_blank => {
                return Err(self.fault(at, "there has to be a blank before an attribute"));
            }
            Some(_) => {}
        }
        let name = self.until(|byte| is_blank(byte) || byte == b'=');
        self.blanks();
        if !self.rest().starts_with('=') {
            let what = format!("the attribute {} has no value", Brief(name));
            return Err(self.fault(at, &what));
        }
        self.at += 1;
        self.blanks();
        let quote = self.rest().bytes().next();
        let Some(quote) = quote.filter(|quote| matches!(quote, b'"' | b'\'')) else {
            let what = format!("the value of {} has to stand in quotes", Brief(name));
            return Err(self.fault(self.at, &what));
        };
        self.at += 1;
        let value_at = self.at;
        let rest = self.rest();
        let value = &rest[..memchr(quote, rest.as_bytes()).unwrap_or(rest.len())];
        self.at += value.len();
        if self.rest().is_empty() {
            let what = format!("the value of {} has no closing quote", Brief(name));
            return Err(self.fault(value_at - 1, &what));
        }
        self.at += 1;
        Ok(Some(Pair {
            name,
            at,
            value,
            value_at,
        }))
    }
}

/// The value of an attribute: references are replaced, and each blank becomes a space.
fn value<'a>(text: &str, pair: &Pair<'a>) -> Result<Cow<'a, str>, Malformed> {
    let is_special = |byte| matches!(byte, b'&' | b'<' | b'\t' | b'\n' | b'\r');
    let raw = pair.value;
    let Some(first) = raw.bytes().position(is_special) else {
        return Ok(Cow::Borrowed(raw));
    };
    let mut value = String::with_capacity(raw.len());
    let mut next = Some(first);
    let mut rest = raw;
    while let Some(found) = next {
        value.push_str(&rest[..found]);
        let at = pair.value_at + raw.len() - rest.len() + found;
        let fault = |what: &str| Malformed::new(text, at, what);
        let special = &rest[found..];
        rest = &special[1..];
        if let Some(after) = special.strip_prefix('&') {
            let (name, after) = after.split_once(';').ok_or_else(|| fault(LONE_AMPERSAND))?;
            match predefined(name) {
                Some(character) => value.push_str(character),
                None => value.push(numeric(name).map_err(|what| fault(&what))?),
            }
            rest = after;
        } else if special.starts_with('<') {
            return Err(fault(
                "'<' must not stand in the value of an attribute: write '&lt;', or close the quotes before it",
            ));
        } else {
            // CR LF is one line end, so it becomes one space.
            value.push(' ');
            rest = special.strip_prefix("\r\n").unwrap_or(rest);
        }
        next = rest.bytes().position(is_special);
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

/// Finds two attributes of the same name, and returns the second.
fn repeated<'a, 'b>(attributes: &'b [Attribute<'a>]) -> Option<&'b Attribute<'a>> {
    // Few attributes are compared with each other, many are sorted: that must not cost quadratic time.
    if attributes.len() <= 8 {
        return (1..attributes.len())
            .find(|&n| {
                let mut earlier = attributes[..n].iter();
                earlier.any(|earlier| earlier.name == attributes[n].name)
            })
            .and_then(|n| attributes.get(n));
    }
    let mut sorted: Vec<&Attribute<'_>> = attributes.iter().collect();
    sorted.sort_by_key(|attribute| attribute.name);
    let pair = sorted
        .windows(2)
        .find(|pair| pair[0].name == pair[1].name)?;
    Some(pair[1])
}

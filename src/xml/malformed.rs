//! What is wrong with a document, and where, in words for whoever wrote it.

use super::names::LONE_AMPERSAND;
use crate::model::is_xml_char;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use std::fmt;

/// How many characters of a line are shown on each side of the place where it went wrong.
const EXCERPT_CHARS: usize = 50;

/// How many characters of a name or the like are repeated in a message.
const BRIEF_CHARS: usize = 60;

/// What is said of a DOCTYPE.
pub(super) const NO_DOCTYPE: &str = "a DOCTYPE is not allowed here: leave it out";

/// A document that is not XML as we read it: what is wrong, where, and the line with a caret below the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} (line {line}, column {column})\n{excerpt}\n{}^", " ".repeat(*.caret))]
pub struct Malformed {
    what: String,
    /// Counted from 1.
    line: usize,
    /// In characters, counted from 1.
    column: usize,
    excerpt: String,
    caret: usize,
}

impl Malformed {
    /// Something wrong at this byte of the text.
    #[must_use]
    pub(super) fn new(text: &str, at: usize, what: impl fmt::Display) -> Self {
        let (before, after) = text.split_at(char_start(text, at));
        let line_start = before.rfind(is_line_end).map_or(0, |end| end + 1);
        let on_line = &before[line_start..];
        let column = on_line.chars().count();
        let skipped = column.saturating_sub(EXCERPT_CHARS);
        let rest = after.split(is_line_end).next().unwrap_or_default();
        Malformed {
            what: what.to_string(),
            line: line_of(text, at),
            column: column + 1,
            excerpt: on_line
                .chars()
                .skip(skipped)
                .chain(rest.chars().take(EXCERPT_CHARS))
                .map(shown)
                .collect(),
            caret: column - skipped,
        }
    }
}

/// Where the character begins that has this byte.
fn char_start(text: &str, at: usize) -> usize {
    let mut before = (0..=at.min(text.len())).rev();
    before
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or_default()
}

/// The number of the line, counted from 1, in which this byte of the text is.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    let before = &text[..char_start(text, at)];
    // A line ends at LF, at CR, or at both together.
    let ends = before.matches(is_line_end).count() - before.matches("\r\n").count();
    ends + 1
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// A character as it is shown: each takes one place, so that the caret stands below the right one.
fn shown(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        c if c.is_control() || !is_xml_char(c) => '\u{FFFD}',
        c => c,
    }
}

/// A piece of what somebody sent as a message repeats it: short and on one line, however long it is.
#[derive(Clone, Copy, Debug)]
pub struct Brief<'a>(pub &'a str);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(BRIEF_CHARS) {
            fmt::Write::write_char(f, shown(c))?;
        }
        match chars.next() {
            Some(_) => f.write_str("…"),
            None => Ok(()),
        }
    }
}

/// What the tokenizer found wrong, in words for whoever wrote the document; `rest` begins where that is.
pub(super) fn describe(error: &Error, rest: &str) -> String {
    let what = match error {
        Error::Syntax(SyntaxError::UnclosedTag) => "a tag is not closed: '>' is missing",
        Error::Syntax(
            SyntaxError::UnclosedSingleQuotedAttributeValue
            | SyntaxError::UnclosedDoubleQuotedAttributeValue,
        ) => "a tag is not closed: there is a quote in it without a closing one",
        Error::Syntax(SyntaxError::UnclosedComment) if rest.starts_with("<!--") => {
            "a comment is not closed: '-->' is missing"
        }
        Error::Syntax(SyntaxError::UnclosedCData) if rest.starts_with("<![CDATA[") => {
            "a CDATA section is not closed: ']]>' is missing"
        }
        Error::Syntax(SyntaxError::UnclosedDoctype)
        | Error::IllFormed(IllFormedError::MissingDoctypeName) => NO_DOCTYPE,
        Error::Syntax(
            SyntaxError::UnclosedComment
            | SyntaxError::UnclosedCData
            | SyntaxError::InvalidBangMarkup,
        ) => "'<!' has to begin a comment or a CDATA section",
        Error::Syntax(SyntaxError::UnclosedPI | SyntaxError::UnclosedXmlDecl) => {
            "a processing instruction is not closed: '?>' is missing"
        }
        Error::IllFormed(IllFormedError::UnclosedReference) => LONE_AMPERSAND,
        // These checks are ours: the tokenizer does not make them.
        other @ (Error::IllFormed(
            IllFormedError::MismatchedEndTag { .. }
            | IllFormedError::UnmatchedEndTag(_)
            | IllFormedError::DoubleHyphenInComment
            | IllFormedError::MissingDeclVersion(_)
            | IllFormedError::UnknownVersion
            | IllFormedError::MissingEndTag(_),
        )
        | Error::Io(_)
        | Error::InvalidAttr(_)
        | Error::Encoding(_)
        | Error::Escape(_)
        | Error::Namespace(_)) => return other.to_string(),
    };
    what.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks the place with `|` in the text.
    #[track_caller]
    fn check(text: &str, message: &str) {
        let at = text.find('|').expect("a place");
        let malformed = Malformed::new(&text.replacen('|', "", 1), at, "no");
        assert_eq!(malformed.to_string(), message);
    }

    #[test]
    fn the_caret_stands_below_the_place() {
        check("|", "no (line 1, column 1)\n\n^");
        check("abc|def", "no (line 1, column 4)\nabcdef\n   ^");
        check("a\nb|c\nd", "no (line 2, column 2)\nbc\n ^");
        check("a\n|\nd", "no (line 2, column 1)\n\n^");
        check("a\n|", "no (line 2, column 1)\n\n^");
        check("a|\nb", "no (line 1, column 2)\na\n ^");
        check("é日😀|x", "no (line 1, column 4)\né日😀x\n   ^");
        check("\ta\t|b\u{7F}", "no (line 1, column 4)\n a b\u{FFFD}\n   ^");
        check("\u{FFFE}|", "no (line 1, column 2)\n\u{FFFD}\n ^");
    }

    #[test]
    fn a_line_ends_at_cr_lf_and_both() {
        check("a\r\nb\r\n|c", "no (line 3, column 1)\nc\n^");
        check("a\rb\r|c\rd", "no (line 3, column 1)\nc\n^");
        check("a\n\r|c\r\n", "no (line 3, column 1)\nc\n^");
        check("\r\r\n\n|", "no (line 4, column 1)\n\n^");
        check(
            "a\u{85}\u{2028}|b",
            "no (line 1, column 4)\na\u{FFFD}\u{2028}b\n   ^",
        );
    }

    #[test]
    fn of_a_long_line_the_neighbourhood_is_shown() {
        let [before, after] = ["é".repeat(EXCERPT_CHARS), "ü".repeat(EXCERPT_CHARS)];
        let caret = " ".repeat(EXCERPT_CHARS);
        check(
            &format!("{}{before}|{after}zzz", "x".repeat(100_000)),
            &format!("no (line 1, column 100051)\n{before}{after}\n{caret}^"),
        );
    }

    #[test]
    fn a_place_inside_of_a_character_or_behind_the_end_is_moved() {
        let column = |at| Malformed::new("é日", at, "no").column;
        assert_eq!([0, 1, 2, 3, 4, 5, 99].map(column), [1, 1, 2, 2, 2, 3, 3]);
    }

    #[test]
    fn a_piece_is_shown_short_and_on_one_line() {
        assert_eq!(Brief("a\nb\u{7F}").to_string(), "a b\u{FFFD}");
        let (most, more) = ("é".repeat(BRIEF_CHARS), "é".repeat(BRIEF_CHARS + 1));
        assert_eq!(Brief(&most).to_string(), most);
        assert_eq!(Brief(&more).to_string(), format!("{most}…"));
    }
}

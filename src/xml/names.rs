//! The small productions of XML: names, blanks, references, and what stands in an XML declaration.

use super::malformed::Brief;
use crate::model::is_xml_char;

/// What is said of a `&` that begins nothing.
pub(super) const LONE_AMPERSAND: &str =
    "'&' has to begin a reference: write '&amp;' for the character itself";

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_name_start(c: char) -> bool {
    matches!(c,
        'a'..='z' | 'A'..='Z' | ':' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn is_name_more(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Where a text stops to be a name; `None`: it is one.
fn misfit(text: &str) -> Option<usize> {
    // Nearly all names.
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(is_plain) {
        return None;
    }
    match text.chars().next() {
        Some(first) if is_name_start(first) => text.find(|c| !is_name_more(c)),
        Some(_) | None => Some(0),
    }
}

/// Whether a text is a name without a colon.
pub(super) fn is_plain_name(text: &str) -> bool {
    misfit(text).is_none() && !text.contains(':')
}

/// The prefix of a qualified name, if it has one.
///
/// # Errors
/// What is wrong with the name, and at which byte of it.
pub(super) fn prefix_of(name: &str) -> Result<Option<&str>, (usize, String)> {
    if let Some(at) = misfit(name) {
        let what = match name[at..].chars().next() {
            None => "there has to be a name here".to_owned(),
            Some(c) if at == 0 => {
                format!("a name cannot begin with '{}'", Brief(&c.to_string()))
            }
            Some(c) => format!(
                "the character '{}' cannot stand in a name",
                Brief(&c.to_string())
            ),
        };
        return Err((at, what));
    }
    // Most names have no prefix, and are short.
    if !name.bytes().any(|byte| byte == b':') {
        return Ok(None);
    }
    match name.split_once(':') {
        None => Ok(None),
        Some((prefix, local)) if !prefix.is_empty() && is_plain_name(local) => Ok(Some(prefix)),
        Some(_) => Err((
            0,
            format!("'{}' is not a prefix, a colon and a name", Brief(name)),
        )),
    }
}

/// What stands for one of the five entities that every document has.
pub(super) fn predefined(entity: &str) -> Option<&'static str> {
    match entity {
        "amp" => Some("&"),
        "lt" => Some("<"),
        "gt" => Some(">"),
        "quot" => Some("\""),
        "apos" => Some("'"),
        _ => None,
    }
}

/// The character that a numeric reference stands for, given what is between `&` and `;`.
///
/// # Errors
/// What is wrong with it; an entity is not defined.
pub(super) fn numeric(reference: &str) -> Result<char, String> {
    let (digits, radix) = match (reference.strip_prefix("#x"), reference.strip_prefix('#')) {
        (Some(hex), _) => (hex, 16),
        (None, Some(decimal)) => (decimal, 10),
        (None, None) if is_plain_name(reference) => {
            return Err(format!(
                "the entity &{}; is not defined: only &amp; &lt; &gt; &quot; &apos; and numbers such as &#233; are",
                Brief(reference)
            ));
        }
        (None, None) => return Err(LONE_AMPERSAND.to_owned()),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(format!(
            "&{}; is not a number: write &#233; or &#xE9; for U+00E9",
            Brief(reference)
        ));
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|&c| is_xml_char(c))
        .ok_or_else(|| {
            format!(
                "&{}; is not a character that XML can carry",
                Brief(reference)
            )
        })
}

/// Whether this is a version that a reader of XML 1.0 reads: any minor one, as if it were 1.0.
pub(super) fn is_version(text: &str) -> bool {
    text.strip_prefix("1.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether this can be the name of an encoding.
pub(super) fn is_encoding_label(text: &str) -> bool {
    let more = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(more)
}

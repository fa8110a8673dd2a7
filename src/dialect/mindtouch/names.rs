//! Names in paths: decoded up to twice, encoded for hrefs (`mindtouch.md` §3, `clients.md` §1).

use crate::fault::Fault;
use std::fmt::{self, Display, Write};

/// What `+` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plus {
    /// Itself: in the path, as the router reads it.
    Literal,
    /// A space: in a name, as it is read the second time.
    Space,
}

/// Decodes `%XX` (bytes of UTF-8) and `%uXXXX`. A `%` that begins neither stays.
///
/// # Errors
/// [`Fault::BadRequest`] if the bytes are not UTF-8.
pub(super) fn decode(text: &str, plus: Plus) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = match (byte, after) {
            (b'%', [b'u' | b'U', code @ ..]) if unicode(code).is_some() => {
                let (c, after) = unicode(code).unwrap_or_default();
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                after
            }
            (b'%', [high, low, after @ ..]) if hex(&[*high, *low]).is_some() => {
                bytes.extend(hex(&[*high, *low]).and_then(|code| u8::try_from(code).ok()));
                after
            }
            (b'+', _) if plus == Plus::Space => {
                bytes.push(b' ');
                after
            }
            _ => {
                bytes.push(*byte);
                after
            }
        };
    }
    String::from_utf8(bytes)
        .map_err(|_| Fault::BadRequest(format!("'{text}' is not UTF-8 after %-decoding")))
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digit = |&byte: &u8| char::from(byte).to_digit(16);
    digits
        .iter()
        .map(digit)
        .try_fold(0, |number, digit| Some(number * 16 + digit?))
}

/// The character of `XXXX`, or of `XXXX%uXXXX` if it needs two units of UTF-16, and what follows.
fn unicode(code: &[u8]) -> Option<(char, &[u8])> {
    let unit = |code: &[u8]| u16::try_from(hex(code.get(..4)?)?).ok();
    let (first, after) = (unit(code)?, code.get(4..)?);
    if let Some(c) = char::from_u32(first.into()) {
        return Some((c, after));
    }
    let second = after
        .strip_prefix(b"%u")
        .or_else(|| after.strip_prefix(b"%U"))?;
    let c = char::decode_utf16([first, unit(second)?]).next()?.ok()?;
    Some((c, second.get(4..)?))
}

/// A name as it stands in an href: encoded twice, so that it survives a proxy that decodes once.
pub(super) struct Encoded<'a>(pub(super) &'a str);

/// What stands for itself.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()*-._!@^".contains(&byte)
}

impl Encoded<'_> {
    /// Adds it to a text.
    pub(super) fn add_to(&self, out: &mut impl Write) -> fmt::Result {
        // HTTP clients fold such segments away.
        if matches!(self.0, "." | "..") {
            return self.0.bytes().try_for_each(|_| out.write_str("%252e"));
        }
        let mut rest = self.0;
        while let Some(at) = rest.bytes().position(|byte| !is_plain(byte)) {
            let (plain, from) = rest.split_at(at);
            out.write_str(plain)?;
            let mut characters = from.chars();
            let length = characters.next().map_or(0, char::len_utf8);
            for byte in from.bytes().take(length) {
                match byte {
                    b' ' => out.write_str("%2b")?,
                    byte => write!(out, "%25{byte:02x}")?,
                }
            }
            rest = characters.as_str();
        }
        out.write_str(rest)
    }
}

impl Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.add_to(f)
    }
}

/// A level of a path as a person's browser shows it, encoded once (RFC 3986).
pub(super) fn once_encoded(level: &str) -> String {
    let mut out = String::with_capacity(level.len());
    for byte in level.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || b"-._~!$'()*,:@".contains(&b) => out.push(b.into()),
            // Adding to a string cannot fail.
            b => write!(out, "%{b:02X}").unwrap_or_default(),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded() {
        for (text, plus, name) in [
            ("a%20b+c", Plus::Literal, "a b+c"),
            ("a%20b+c", Plus::Space, "a b c"),
            ("%2B", Plus::Space, "+"),
            ("%252B", Plus::Literal, "%2B"),
            ("%C3%A9%u00e9%u20AC", Plus::Space, "éé€"),
            ("100%", Plus::Space, "100%"),
            ("%zz%u12", Plus::Space, "%zz%u12"),
            ("%ud800", Plus::Space, "%ud800"),
            ("%uD83D%uDE00!", Plus::Space, "😀!"),
            ("%uD83Dx", Plus::Space, "%uD83Dx"),
        ] {
            assert_eq!(decode(text, plus).unwrap(), name, "{text}");
        }
        assert!(decode("%E9", Plus::Space).is_err());
    }

    #[test]
    fn names_are_encoded_twice_and_come_back() {
        assert_eq!(
            Encoded("urn:custom.mindtouch.com#a/b").to_string(),
            "urn%253acustom.mindtouch.com%2523a%252fb"
        );
        assert_eq!(Encoded("a b+c").to_string(), "a%2bb%252bc");
        assert_eq!(Encoded("é").to_string(), "%25c3%25a9");
        assert_eq!(Encoded("'()*-._!@^").to_string(), "'()*-._!@^");
        for name in [
            "a b+c%41",
            "..",
            ".",
            "é/…#?&=\"<>\r\n",
            "𝒳",
            "%2525",
            "100%",
        ] {
            let once = decode(&Encoded(name).to_string(), Plus::Literal).unwrap();
            assert_eq!(decode(&once, Plus::Space).unwrap(), name);
        }
    }
}

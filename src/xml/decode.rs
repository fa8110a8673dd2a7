//! The bytes of a document become text: by the `charset` of its media type, else by its byte order mark or declaration,
//! else as UTF-8 (`mindtouch.md` §7).

use super::malformed::Brief;
use encoding_rs::mem::decode_latin1;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use std::borrow::Cow;

/// Why the bytes are not text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// Nobody knows a charset of this name.
    #[error(
        "the charset '{}' is not known; send the document as UTF-8, or name one of utf-8, utf-16, us-ascii, iso-8859-1",
        Brief(.0)
    )]
    UnknownCharset(String),
    /// The bytes cannot be what they claim to be.
    #[error(
        "the document is not valid {}{}; save it as that, or name the charset it has in the Content-Type or in its XML \
         declaration",
        Brief(charset),
        at.map(|at| format!(" (see the byte at offset {at})")).unwrap_or_default()
    )]
    Malformed {
        /// What they claim to be.
        charset: String,
        /// The offset of the first byte that does not fit, where it is known.
        at: Option<usize>,
    },
    /// The bytes show that they are something else than the declaration says, and no media type decides.
    #[error(
        "the XML declaration says that the document is {}, but it is {found}: correct the declaration, or name the \
         charset in the Content-Type",
        Brief(declared)
    )]
    Contradiction {
        /// What they are.
        found: &'static str,
        /// What the declaration says.
        declared: String,
    },
}

/// How bytes are to be read.
enum Decoder {
    Utf8,
    Ascii,
    Latin1,
    Other(&'static Encoding),
}

/// Reads the bytes of a document as text, without a byte order mark.
///
/// # Errors
/// [`Undecodable`] if the charset is not known, the bytes do not fit it, or they contradict their declaration.
pub fn decode<'a>(bytes: &'a [u8], charset: Option<&str>) -> Result<Cow<'a, str>, Undecodable> {
    if let Some(label) = charset {
        return read(bytes, &by_label(label, bytes)?, label);
    }
    let found = if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        Some((Decoder::Utf8, "UTF-8"))
    } else {
        utf_16_order(bytes).map(|order| (Decoder::Other(order), "UTF-16"))
    };
    if let Some((decoder, found)) = found {
        let text = read(bytes, &decoder, found)?;
        return match declared(&text) {
            Some(label) if !agrees(label, &decoder) => Err(Undecodable::Contradiction {
                found,
                declared: label.to_owned(),
            }),
            Some(_) | None => Ok(text),
        };
    }
    let declaration = bytes
        .iter()
        .position(|&byte| byte == b'>')
        .filter(|_| bytes.starts_with(b"<?xml"));
    let declaration = declaration.and_then(|end| std::str::from_utf8(bytes.get(..=end)?).ok());
    match declaration.and_then(declared) {
        None => read(bytes, &Decoder::Utf8, "UTF-8"),
        // Had it been UTF-16, the declaration could not have been read.
        Some(label) if is_utf_16(label) => Err(Undecodable::Contradiction {
            found: "not in units of two bytes",
            declared: label.to_owned(),
        }),
        Some(label) => read(bytes, &by_label(label, bytes)?, label),
    }
}

/// Reads the bytes in one way; `label` names it in messages.
fn read<'a>(bytes: &'a [u8], decoder: &Decoder, label: &str) -> Result<Cow<'a, str>, Undecodable> {
    let malformed = |at| Undecodable::Malformed {
        charset: label.to_owned(),
        at,
    };
    let utf_8 = || {
        std::str::from_utf8(bytes)
            .map(Cow::Borrowed)
            .map_err(|error| malformed(Some(error.valid_up_to())))
    };
    let text = match decoder {
        Decoder::Utf8 => utf_8()?,
        Decoder::Ascii => match bytes.iter().position(|byte| !byte.is_ascii()) {
            Some(at) => return Err(malformed(Some(at))),
            None => utf_8()?,
        },
        Decoder::Latin1 => decode_latin1(bytes),
        Decoder::Other(encoding) => encoding
            .decode_without_bom_handling_and_without_replacement(bytes)
            .ok_or_else(|| malformed(None))?,
    };
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix(MARK).unwrap_or(text)),
        Cow::Owned(mut text) => {
            if text.starts_with(MARK) {
                text.drain(..MARK.len_utf8());
            }
            Cow::Owned(text)
        }
    })
}

/// The byte order mark.
const MARK: char = '\u{FEFF}';

fn by_label(label: &str, bytes: &[u8]) -> Result<Decoder, Undecodable> {
    let unknown = || Undecodable::UnknownCharset(label.to_owned());
    let name = label.trim().to_ascii_lowercase();
    Ok(match name.as_str() {
        "utf-8" | "utf8" => Decoder::Utf8,
        "us-ascii" | "ascii" | "ansi_x3.4-1968" => Decoder::Ascii,
        "latin-1" => Decoder::Latin1,
        "utf-16be" => Decoder::Other(UTF_16BE),
        "utf-16le" => Decoder::Other(UTF_16LE),
        name if is_utf_16(name) => Decoder::Other(utf_16_order(bytes).unwrap_or(UTF_16BE)),
        name => match Encoding::for_label_no_replacement(name.as_bytes()).ok_or_else(unknown)? {
            encoding if encoding == UTF_8 => Decoder::Utf8,
            // WHATWG reads every name of ISO-8859-1 as windows-1252, which differs from U+0080 to U+009F.
            encoding if encoding == WINDOWS_1252 && !name.contains("1252") => Decoder::Latin1,
            // That one is no encoding of text: it hides bytes in characters for private use.
            encoding if encoding == X_USER_DEFINED => return Err(unknown()),
            encoding => Decoder::Other(encoding),
        },
    })
}

/// The byte order of UTF-16, by its mark or by the `<` that every document begins with.
fn utf_16_order(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0xFE, 0xFF, ..] | [0, b'<', ..] => Some(UTF_16BE),
        [0xFF, 0xFE, ..] | [b'<', 0, ..] => Some(UTF_16LE),
        _ => None,
    }
}

/// Whether this is a name of UTF-16, in either byte order.
fn is_utf_16(label: &str) -> bool {
    let encoding = Encoding::for_label(label.as_bytes());
    label.eq_ignore_ascii_case("utf16")
        || encoding.is_some_and(|encoding| encoding == UTF_16BE || encoding == UTF_16LE)
}

/// Whether a declaration that names this encoding may stand in bytes that were found to be read like this.
fn agrees(label: &str, decoder: &Decoder) -> bool {
    match decoder {
        Decoder::Utf8 => Encoding::for_label(label.as_bytes()) == Some(UTF_8),
        Decoder::Other(order) => match label.to_ascii_lowercase().as_str() {
            "utf-16be" => *order == UTF_16BE,
            "utf-16le" => *order == UTF_16LE,
            label => is_utf_16(label),
        },
        Decoder::Ascii | Decoder::Latin1 => false,
    }
}

/// The encoding that an XML declaration names. Whether the declaration is right is looked at later.
fn declared(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("<?xml")?.split('>').next()?;
    // It may be another processing instruction, such as xml-stylesheet.
    if !inside.starts_with([' ', '\t', '\n', '\r']) {
        return None;
    }
    let (_, after) = inside.split_once("encoding")?;
    let value = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], charset: Option<&str>, text: &str) {
        assert_eq!(decode(bytes, charset).as_deref(), Ok(text), "{charset:?}");
    }

    fn utf_16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    }

    #[test]
    fn the_charset_parameter_decides_first() {
        check(b"<a>\xE9\x80</a>", Some("ISO-8859-1"), "<a>é\u{80}</a>");
        check(b"<a>\x80</a>", Some("windows-1252"), "<a>€</a>");
        check(
            b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xC3\xA9</a>",
            Some("utf-8"),
            "<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>",
        );
        check(
            &utf_16("<a>é</a>", u16::to_be_bytes),
            Some("utf-16"),
            "<a>é</a>",
        );
        check(
            &utf_16("\u{FEFF}<a>é</a>", u16::to_le_bytes),
            Some("utf-16"),
            "<a>é</a>",
        );
        check(
            &utf_16("<a>é</a>", u16::to_le_bytes),
            Some("UTF-16LE"),
            "<a>é</a>",
        );
        check(b"\xEF\xBB\xBF<a/>", Some("utf-8"), "<a/>");
    }

    #[test]
    fn else_the_byte_order_mark_or_the_declaration_decides() {
        check(b"\xEF\xBB\xBF<a/>", None, "<a/>");
        check(
            &utf_16("\u{FEFF}<a>𝒳</a>", u16::to_le_bytes),
            None,
            "<a>𝒳</a>",
        );
        check(&utf_16("\u{FEFF}<a/>", u16::to_be_bytes), None, "<a/>");
        check(
            b"<?xml version='1.0' encoding='latin1'?><a>\xE9</a>",
            None,
            "<?xml version='1.0' encoding='latin1'?><a>é</a>",
        );
        check("<a>é</a>".as_bytes(), None, "<a>é</a>");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |bytes: &[u8], charset| decode(bytes, charset).unwrap_err();
        assert_eq!(
            refused(b"<a/>", Some("klingon")),
            Undecodable::UnknownCharset("klingon".into())
        );
        assert_eq!(
            refused(b"<a>\xE9</a>", None),
            Undecodable::Malformed {
                charset: "UTF-8".into(),
                at: Some(3)
            }
        );
        assert!(matches!(
            refused(b"<a>\xE9</a>", Some("us-ascii")),
            Undecodable::Malformed { at: Some(3), .. }
        ));
        assert!(matches!(
            refused(b"<a>\x81", Some("shift_jis")),
            Undecodable::Malformed { .. }
        ));
        assert!(matches!(
            refused(b"\xFE\xFF\xD8\x00", None),
            Undecodable::Malformed { .. }
        ));
        assert!(matches!(
            refused(b"<?xml version='1.0' encoding='klingon'?><a/>", None),
            Undecodable::UnknownCharset(_)
        ));
        let long = format!(
            "<?xml version='1.0' {}encoding='{}'?><a/>",
            " ".repeat(300),
            "x".repeat(300)
        );
        let message = refused(long.as_bytes(), None).to_string();
        assert!(
            message.contains("'xxx") && message.len() < 300,
            "{message:?}"
        );
    }

    #[test]
    fn a_declaration_may_not_contradict_the_bytes() {
        let contradicts = |bytes: &[u8], found: &str, declared: &str| match decode(bytes, None) {
            Err(Undecodable::Contradiction {
                found: f,
                declared: d,
            }) => {
                assert_eq!((f, d.as_str()), (found, declared));
            }
            other => panic!("{other:?}"),
        };
        let with = |label| format!("\u{FEFF}<?xml version='1.0' encoding='{label}'?><a/>");
        contradicts(with("iso-8859-1").as_bytes(), "UTF-8", "iso-8859-1");
        contradicts(with("us-ascii").as_bytes(), "UTF-8", "us-ascii");
        contradicts(with("utf-16").as_bytes(), "UTF-8", "utf-16");
        contradicts(&utf_16(&with("utf-8"), u16::to_be_bytes), "UTF-16", "utf-8");
        contradicts(
            &utf_16(&with("UTF-16LE"), u16::to_be_bytes),
            "UTF-16",
            "UTF-16LE",
        );
        for label in ["utf-16", "iso-10646-ucs-2"] {
            let document = format!("<?xml version='1.0' encoding='{label}'?><a/>");
            contradicts(document.as_bytes(), "not in units of two bytes", label);
        }
        // They agree, or the media type decides.
        for label in ["utf-8", "UTF-8", "utf8"] {
            check(with(label).as_bytes(), None, &with(label)[3..]);
        }
        for label in ["utf-16", "UTF-16BE", "iso-10646-ucs-2"] {
            let bytes = utf_16(&with(label), u16::to_be_bytes);
            check(&bytes, None, &with(label)[3..]);
        }
        check(
            with("iso-8859-1").as_bytes(),
            Some("utf-8"),
            &with("iso-8859-1")[3..],
        );
        // Another instruction says nothing of the encoding.
        let style = "<?xml-stylesheet href='a' encoding='klingon'?><a/>";
        check(style.as_bytes(), None, style);
    }
}

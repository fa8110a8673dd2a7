//! The form of a text in which two texts are the same for a search (`luminus.md` §5).

use unicode_normalization::UnicodeNormalization;

/// A text as a search sees it: in NFC, in lower case character by character (a rule that looks at the ends of words would
/// break substrings, so `ς` is `σ`), and in NFC again. Accents count.
#[must_use]
pub fn search_form(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = text.nfc().flat_map(char::to_lowercase);
    lower
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .nfc()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_search_takes_for_the_same_has_the_same_form() {
        for (text, form) in [
            ("", ""),
            ("ABC xyz_%", "abc xyz_%"),
            ("ÉCOLE", "école"),
            ("E\u{301}COLE", "école"),
            ("e\u{301}", "é"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδος", "οδοσ"),
            ("Straße", "straße"),
            ("İ", "i\u{307}"),
            ("Å", "å"),
            ("日本", "日本"),
        ] {
            assert_eq!(search_form(text), form, "{text}");
        }
        assert_ne!(search_form("ecole"), search_form("école"));
    }
}

//! Revisions, times, and the etag that is made of both.
//!
//! `mindtouch.md` §6.1: `{property id}.r{revision}_ts{time}`, opaque to clients and compared byte for byte. The
//! revision alone makes an etag unique, the time is for people; so a clock that jumps harms nothing.

use super::PropertyId;
use chrono::{DateTime, Datelike, Timelike, Utc};
use std::fmt;

/// Which state of a property or a file, counted from 1 without gap. A deletion counts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(i64);

impl Revision {
    /// The state at creation.
    pub const FIRST: Revision = Revision(1);

    /// The revision of this number; `None` unless it is at least 1.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        if number >= 1 {
            Some(Revision(number))
        } else {
            None
        }
    }

    /// The number, at least 1.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The revision that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Revision(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A moment in milliseconds since 1970, UTC. Shown as `yyyy-MM-ddTHH:mm:ssZ`, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment this many milliseconds after the start of 1970. What lies outside of the years 0 to 9999 becomes the
    /// nearest moment inside, so that every moment can be shown.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        const YEAR_0: i64 = -62_167_219_200_000;
        const YEAR_9999_END: i64 = 253_402_300_799_999;
        Timestamp(if millis < YEAR_0 {
            YEAR_0
        } else if millis > YEAR_9999_END {
            YEAR_9999_END
        } else {
            millis
        })
    }

    /// Milliseconds since the start of 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The moment to the millisecond: `2009-03-20T23:52:50.999Z`.
    #[must_use]
    pub fn with_millis(self) -> String {
        let text = self.text();
        let seconds = std::str::from_utf8(&text[..19]).unwrap_or_default();
        format!("{seconds}.{:03}Z", self.0.rem_euclid(1000))
    }

    /// Whole seconds since the start of 1970.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl Timestamp {
    /// `2009-03-20T23:52:50Z`
    fn text(self) -> [u8; 20] {
        let t = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or_default();
        let year = u32::try_from(t.year()).unwrap_or_default();
        let mut text = *b"0000-00-00T00:00:00Z";
        // Digits by hand: it is needed for every property that is written or shown.
        for (at, digits, number) in [
            (0, 4, year),
            (5, 2, t.month()),
            (8, 2, t.day()),
            (11, 2, t.hour()),
            (14, 2, t.minute()),
            (17, 2, t.second()),
        ] {
            let mut rest = number;
            for place in text[at..at + digits].iter_mut().rev() {
                *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
                rest /= 10;
            }
        }
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

/// What names one revision of one property for ever: `4465.r2_ts2009-03-20T23:52:50Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Etag {
    /// The property.
    pub property: PropertyId,
    /// Which of its states.
    pub revision: Revision,
    /// When that state was written.
    pub at: Timestamp,
}

impl Etag {
    /// Whether a client that sent `given` means this revision: equal byte for byte.
    #[must_use]
    pub fn is<'a>(&self, given: &'a str) -> bool {
        let mut digits = itoa::Buffer::new();
        let mut after = |given: &'a str, number: i64, mark: &str| {
            given
                .strip_prefix(digits.format(number))?
                .strip_prefix(mark)
        };
        let time = after(given, self.property.get(), ".r")
            .and_then(|rest| after(rest, self.revision.get(), "_ts"));
        time.is_some_and(|time| time.as_bytes() == self.at.text())
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.r{}_ts{}", self.property, self.revision, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etag() -> Etag {
        Etag {
            property: PropertyId::new(4465).unwrap(),
            revision: Revision::FIRST.next(),
            at: Timestamp::from_millis(1_237_593_170_999),
        }
    }

    #[test]
    fn an_etag_looks_as_documented() {
        assert_eq!(etag().to_string(), "4465.r2_ts2009-03-20T23:52:50Z");
    }

    #[test]
    fn an_etag_is_compared_byte_for_byte() {
        assert!(etag().is("4465.r2_ts2009-03-20T23:52:50Z"));
        for other in [
            "",
            "4465",
            "4465.r2_ts2009-03-20T23:52:50Z ",
            "4465.r2_ts2009-03-20T23:52:51Z",
            "4465.r3_ts2009-03-20T23:52:50Z",
            "\"4465.r2_ts2009-03-20T23:52:50Z\"",
            "4465.R2_ts2009-03-20T23:52:50Z",
            "04465.r2_ts2009-03-20T23:52:50Z",
        ] {
            assert!(!etag().is(other), "{other}");
        }
    }

    #[test]
    fn times_show_whole_seconds_of_any_year_with_four_digits() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_827_696_789, "2000-02-29T12:34:56Z"),
            (i64::MIN, "0000-01-01T00:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
        }
        let millis = |millis| Timestamp::from_millis(millis).with_millis();
        assert_eq!(millis(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(millis(7), "1970-01-01T00:00:00.007Z");
    }
}

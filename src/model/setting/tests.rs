//! The form of each setting, and what is kept of it.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;

fn content(media_type: &str, text: &str) -> Content {
    Content::inline(
        media_type.parse().unwrap(),
        Bytes::copy_from_slice(text.as_bytes()),
    )
}

fn is_good(kind: NodeKind, name: &str, text: &str) -> bool {
    let name = name.parse().unwrap();
    check_setting(kind, &name, &content("text/plain", text)).is_ok()
}

/// (kind, property, good values, bad values)
type Rows = &'static [(
    NodeKind,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
)];

const COMMENT: &str = "luminus.comment.9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f11";

const OF_FOLDERS: Rows = &[
    (
        NodeKind::Folder,
        "luminus.startDate",
        &["2026-01-12T00:00:00+08:00", "2026-01-12T00:00:00.1234Z"],
        &[
            "2026-01-12",
            "2026-01-12T00:00:00",
            "2026-01-12 00:00:00Z",
            "",
            "2026-13-12T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "0000-01-01T00:00:00+01:00",
        ],
    ),
    (
        NodeKind::Folder,
        "luminus.publish",
        &["true", "false"],
        &["True", "1", "", " true"],
    ),
    (NodeKind::File, "luminus.publish", &["true"], &["yes"]),
    (NodeKind::File, "luminus.isLate", &["true"], &["false", ""]),
    (
        NodeKind::Folder,
        "luminus.sortFilesBy",
        &["Date", "Name", "Owner", "Size", "Order"],
        &["date", "", "Nam"],
    ),
    (
        NodeKind::Folder,
        "luminus.uploadDisplayOption",
        &["Matrix", "None"],
        &["Grid"],
    ),
    (
        NodeKind::Folder,
        "luminus.folderScore",
        &["0", "1.5", "1e3"],
        &["-1", "a", "", "\"1\"", "NaN", "1e999"],
    ),
    (
        NodeKind::Folder,
        "luminus.allowedFileType",
        &["[]", "[\"pdf\", \".txt\"]"],
        &["pdf", "[1]", "[\"\"]", "{}", "null", ""],
    ),
    (
        NodeKind::Folder,
        "luminus.allowedSubmissionFileTypes",
        &[
            "[]",
            "[{\"fileTypeName\":\"a\"}]",
            "[{\"fileTypeName\":\"a\",\"extensions\":[\"b\"]}]",
        ],
        &[
            "[{}]",
            "[{\"fileTypeName\":1}]",
            "[{\"fileTypeName\":\"a\",\"extensions\":\"b\"}]",
            "[\"a\"]",
        ],
    ),
];

const OF_FILES_AND_OTHERS: Rows = &[
    (
        NodeKind::File,
        "luminus.url",
        &["http://a", "HTTPS://example.org/a?b#c"],
        &["ftp://a", "http://", "http:///a", "/a", "http://a b", ""],
    ),
    (
        NodeKind::File,
        "luminus.description",
        &["", "anything"],
        &[],
    ),
    (
        NodeKind::File,
        COMMENT,
        &[
            "{\"remark\":\"\"}",
            "{\"remark\":\"a\",\"publish\":false,\"mark\":1,\"moderation\":-0.5,\"x\":1}",
        ],
        &[
            "{}",
            "a",
            "{\"remark\":1}",
            "{\"remark\":\"a\",\"publish\":1}",
            "{\"remark\":\"a\",\"mark\":null}",
            "[]",
        ],
    ),
    (
        NodeKind::File,
        "luminus.comment.a",
        &[],
        &["{\"remark\":\"a\"}"],
    ),
    (
        NodeKind::File,
        "luminus.comment.",
        &[],
        &["{\"remark\":\"a\"}"],
    ),
    // Those of another table, and those that nobody knows, are properties like all others.
    (NodeKind::Folder, "luminus.isLate", &["x"], &[]),
    (NodeKind::Folder, "luminus.comment.a", &["x"], &[]),
    (NodeKind::File, "luminus.open", &["x"], &[]),
    (NodeKind::File, "luminus.other", &["x"], &[]),
    (NodeKind::Page, "luminus.publish", &["x"], &[]),
    (NodeKind::Space, "luminus.publish", &["x"], &[]),
    (NodeKind::Folder, "publish", &["x"], &[]),
];

#[test]
fn the_table_of_values() {
    for &(kind, name, good, bad) in OF_FOLDERS.iter().chain(OF_FILES_AND_OTHERS) {
        for text in good {
            assert!(is_good(kind, name, text), "{name} on {kind:?}: {text}");
        }
        for text in bad {
            assert!(!is_good(kind, name, text), "{name} on {kind:?}: {text}");
        }
    }
}

#[test]
fn a_setting_is_utf_8_text_of_some_length() {
    let name: PropertyName = "luminus.description".parse().unwrap();
    let check = |content| check_setting(NodeKind::File, &name, &content).is_ok();
    assert!(check(content("application/json", "{}")));
    assert!(!check(content("application/octet-stream", "a")));
    assert!(!check(content("text/plain; charset=utf-16", "a")));
    assert!(check(content("text/plain", &"x".repeat(SETTING_BYTES_MAX))));
    assert!(!check(content(
        "text/plain",
        &"x".repeat(SETTING_BYTES_MAX + 1)
    )));
}

#[test]
fn extensions_are_compared_without_case_and_with_or_without_a_dot() {
    let types = content("text/plain", "[\".PDF\", \"tar.gz\"]");
    let groups = content(
        "text/plain",
        "[{\"fileTypeName\":\"a\",\"extensions\":[\"Png\"]}]",
    );
    let allowed = Extensions::of([Some(&types), Some(&groups)]);
    for (name, is_allowed) in [
        ("a.pdf", true),
        ("a.PDF", true),
        ("a.tar.gz", true),
        ("a.gz", false),
        ("pdf", false),
        ("apdf", false),
        ("a.png", true),
        ("", false),
    ] {
        assert_eq!(allowed.allow(name), is_allowed, "{name}");
    }
    assert!(Extensions::of([None, None]).allow("anything"));
}

#[test]
fn what_is_kept_follows_from_the_text() {
    let mut settings = Settings::default();
    let mut set = |setting, text: Option<&str>| {
        let kept = text.and_then(|text| Kept::of(setting, &content("text/plain", text)));
        settings.set(setting, kept);
        settings
    };
    let moment = Timestamp::from_millis(1_234);
    let at = |millis: i64| Timestamp::from_millis(1_234 + millis);
    let text = "1970-01-01T00:00:01.2349Z";
    assert_eq!(set(Setting::StartDate, Some(text)).starts_at, Some(moment));
    assert!(!settings.is_active(at(-1)) && settings.is_active(at(0)));
    let mut set = |setting, text: Option<&str>| {
        let kept = text.and_then(|text| Kept::of(setting, &content("text/plain", text)));
        settings.set(setting, kept);
        settings
    };
    set(Setting::StartDate, None);
    let ended = set(Setting::EndDate, Some(text));
    assert!(ended.is_active(at(-1)) && !ended.is_active(at(0)));
    let closed = set(Setting::Open, Some("false"));
    assert!(!closed.is_active(at(-1)));
    let due = set(Setting::SubmissionDeadline, Some(text));
    assert!(!due.is_late(at(0)) && due.is_late(at(1)));
    assert!(!due.takes_files(at(0)));
    let taking = set(Setting::AllowUpload, Some("true"));
    assert!(taking.takes_files(at(0)) && !taking.takes_files(at(1)));
    assert!(set(Setting::AllowLateSubmission, Some("true")).takes_files(at(1)));
}

fn file_type(name: &str, extensions: Option<&[&str]>) -> FileType {
    let owned = |extensions: &[&str]| extensions.iter().map(ToString::to_string).collect();
    FileType {
        name: name.to_owned(),
        extensions: extensions.map(owned),
    }
}

fn words(words: &[&str]) -> Meaning {
    Meaning::Extensions(words.iter().map(ToString::to_string).collect())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_setting_says_something_and_has_one_spelling_of_it() {
    let millis = |millis| Meaning::Moment(Timestamp::from_millis(millis));
    let text = |text: &str| Meaning::Text(text.to_owned());
    let (yes, no) = (Meaning::Flag(true), Meaning::Flag(false));
    let late = "1970-01-01T00:00:01.234Z";
    let types = Meaning::FileTypes(vec![
        file_type("", None),
        file_type("a", Some(&[])),
        file_type("é", Some(&[".B"])),
    ]);
    // (setting, what it says by default, a value, what that says, how that is spelled)
    let table = [
        (
            Setting::StartDate,
            Meaning::Nothing,
            "1970-01-01T08:00:01.2349+08:00",
            millis(1234),
            late,
        ),
        (
            Setting::EndDate,
            Meaning::Nothing,
            "1970-01-01t00:00:01.234z",
            millis(1234),
            late,
        ),
        (
            Setting::SubmissionDeadline,
            Meaning::Nothing,
            "9999-12-31T18:59:59.999-05:00",
            millis(i64::MAX),
            "9999-12-31T23:59:59.999Z",
        ),
        (
            Setting::FeedbackReleaseDate,
            Meaning::Nothing,
            "0000-01-01T23:00:00+23:00",
            millis(i64::MIN),
            "0000-01-01T00:00:00.000Z",
        ),
        (Setting::Publish, yes.clone(), "false", no.clone(), "false"),
        (Setting::Open, yes.clone(), "false", no.clone(), "false"),
        (
            Setting::SortFilesBy,
            text("Order"),
            "Date",
            text("Date"),
            "Date",
        ),
        (
            Setting::AllowUpload,
            no.clone(),
            "true",
            yes.clone(),
            "true",
        ),
        (
            Setting::AllowComments,
            no.clone(),
            "true",
            yes.clone(),
            "true",
        ),
        (
            Setting::AllowAnnotate,
            no.clone(),
            "true",
            yes.clone(),
            "true",
        ),
        (
            Setting::AllowLateSubmission,
            no.clone(),
            "true",
            yes.clone(),
            "true",
        ),
        (Setting::ViewAll, yes.clone(), "false", no.clone(), "false"),
        (
            Setting::UploadDisplayOption,
            text("Name"),
            "Matrix",
            text("Matrix"),
            "Matrix",
        ),
        (
            Setting::FolderScore,
            Meaning::Number(0.0),
            "1.5e1",
            Meaning::Number(15.0),
            "15.0",
        ),
        (
            Setting::AllowedFileType,
            words(&[]),
            " [\"pdf\" ,\"\\u00e9\"] ",
            words(&["pdf", "é"]),
            "[\"pdf\",\"é\"]",
        ),
        (
            Setting::AllowedSubmissionFileTypes,
            Meaning::FileTypes(Vec::new()),
            "[{\"fileTypeName\":\"\", \"x\":1},{\"extensions\":[],\"fileTypeName\":\"a\"},{\"fileTypeName\":\"é\",\"extensions\":[\".B\"]}]",
            types,
            "[{\"fileTypeName\":\"\"},{\"fileTypeName\":\"a\",\"extensions\":[]},{\"fileTypeName\":\"é\",\"extensions\":[\".B\"]}]",
        ),
        (
            Setting::Url,
            text(""),
            "HTTP://a/B",
            text("HTTP://a/B"),
            "HTTP://a/B",
        ),
        (
            Setting::Description,
            text(""),
            " A\nb ",
            text(" A\nb "),
            " A\nb ",
        ),
        (
            Setting::AllowDownload,
            yes.clone(),
            "false",
            no.clone(),
            "false",
        ),
        (
            Setting::IsCompulsory,
            no.clone(),
            "true",
            yes.clone(),
            "true",
        ),
        (Setting::IsLate, no, "true", yes, "true"),
        (
            Setting::Comment,
            text(""),
            "{\"remark\":\"a\"}",
            text("{\"remark\":\"a\"}"),
            "{\"remark\":\"a\"}",
        ),
    ];
    for setting in OF_FOLDER
        .into_iter()
        .chain(OF_FILE)
        .chain([Setting::Comment])
    {
        assert!(table.iter().any(|row| row.0 == setting), "{setting:?}");
    }
    for (setting, default, value, says, spelled) in table {
        assert_eq!(setting.meaning(None), default, "{setting:?}");
        let given = content("text/plain", value);
        assert_eq!(setting.meaning(Some(&given)), says, "{setting:?}: {value}");
        assert_ne!(says, default);
        let written = says.content().unwrap();
        assert_eq!(written.media_type, MediaType::text_utf8());
        assert_eq!(text_of(&written), Some(spelled), "{setting:?}");
        assert_eq!(setting.meaning(Some(&written)), says, "{setting:?}");
        // What cannot be says as little as nothing.
        for damaged in [
            content("text/plain", "\u{1}"),
            content("application/octet-stream", value),
            content("text/plain; charset=utf-16", value),
        ] {
            if setting != Setting::Description || text_of(&damaged).is_none() {
                assert_eq!(setting.meaning(Some(&damaged)), default, "{setting:?}");
            }
        }
        // And a default can be said as well, but for a date.
        match default.content() {
            None => assert_eq!(default, Meaning::Nothing),
            Some(said) => assert_eq!(setting.meaning(Some(&said)), default, "{setting:?}"),
        }
    }
}

proptest! {
    #[test]
    fn what_is_meant_is_what_is_read(
        millis in any::<i64>(),
        number in 0.0..=f64::MAX,
        words in prop::collection::vec(any::<String>().prop_filter("empty", |text| !text.is_empty()), 0..4),
        name in any::<String>(),
    ) {
        let types = [
            FileType { name: name.clone(), extensions: None },
            FileType { name: name.clone(), extensions: Some(words.clone()) },
        ];
        for (setting, meaning) in [
            (Setting::EndDate, Meaning::Moment(Timestamp::from_millis(millis))),
            (Setting::FolderScore, Meaning::Number(number)),
            (Setting::AllowedFileType, Meaning::Extensions(words)),
            (Setting::AllowedSubmissionFileTypes, Meaning::FileTypes(types.into())),
            (Setting::Description, Meaning::Text(name)),
        ] {
            prop_assert_eq!(setting.meaning(meaning.content().as_ref()), meaning);
        }
    }
}

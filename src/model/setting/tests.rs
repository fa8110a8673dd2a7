//! The form of each setting, and what is kept of it.

use super::*;
use bytes::Bytes;

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

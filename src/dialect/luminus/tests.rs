//! What paths, bodies and parameters are read as.

use super::request::{self, AccessAsked, AccessWish, Status, Update};
use super::route::Route;
use crate::fault::Fault;
use crate::http::Query;
use crate::model::{Comments, FileType, Meaning, Setting, SpaceRole, Timestamp};
use serde_json::{Value, json};

const ID: &str = "0b6f5a2e-7c0e-4a53-9d0d-2f1f6f4a9b11";
const OTHER: &str = "51c1f0f1-64e9-4a0a-8d38-1c1c36a9a001";

#[test]
fn the_table_of_paths() {
    let search = |id: &str| Some(Route::Search(id.to_owned()));
    for (path, route) in [
        ("/files", Some(Route::Folder)),
        ("/files/", Some(Route::Folder)),
        ("/files/status", Some(Route::Status)),
        ("/files/a%20b/search", search("a b")),
        ("/files/%FF/search", search("\u{FFFD}")),
        ("/files//search", search("")),
        ("/files/status/", None),
        ("/files/Status", None),
        ("/files/a", None),
        ("/files/a/search/", None),
        ("/files/a/b/search", None),
    ] {
        assert_eq!(Route::of_path(path), route, "{path}");
    }
}

/// A body that can be read, with these fields instead; `Null` under the name `-field` leaves it out.
fn body(with: Value) -> Vec<u8> {
    let mut body = json!({
        "id": ID, "name": "Week 3", "startDate": "2026-01-12T00:00:00+08:00", "endDate": "2026-05-01T00:00:00+08:00",
        "publish": true, "sortFilesBy": "Name", "allowUpload": true, "uploadDisplayOption": "Name", "viewAll": false,
    });
    let (Value::Object(body), Value::Object(with)) = (&mut body, with) else {
        panic!("no objects");
    };
    for (field, value) in with {
        match field.strip_prefix('-') {
            Some(left_out) => drop(body.remove(left_out)),
            None => drop(body.insert(field, value)),
        }
    }
    serde_json::to_vec(body).unwrap()
}

fn read(with: Value) -> Result<Update, String> {
    request::update(&body(with)).map_err(|fault| said(&fault))
}

fn said(fault: &Fault) -> String {
    if let Fault::InvalidField { field, .. } = fault {
        return (*field).to_owned();
    }
    assert!(matches!(fault, Fault::BadRequest(_)), "{fault:?}");
    "body".to_owned()
}

/// What a body says of a setting.
fn meaning(with: Value, setting: Setting) -> Option<Meaning> {
    let update = read(with).unwrap();
    let mut settings = update.settings.into_iter();
    settings.find(|(other, _)| *other == setting).unwrap().1
}

#[test]
fn a_body_says_what_each_setting_shall_say() {
    let moment = |millis| Some(Meaning::Moment(Timestamp::from_millis(millis)));
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|&text| text.to_owned())
            .collect::<Vec<_>>()
    };
    for (with, setting, expected) in [
        (json!({}), Setting::StartDate, moment(1_768_147_200_000)),
        (
            json!({"startDate": "2026-01-12T00:00:00.1239z"}),
            Setting::StartDate,
            moment(1_768_176_000_123),
        ),
        (json!({}), Setting::ViewAll, Some(Meaning::Flag(false))),
        (json!({}), Setting::AllowComments, None),
        (json!({"allowComments": null}), Setting::AllowComments, None),
        (
            json!({"allowComments": true}),
            Setting::AllowComments,
            Some(Meaning::Flag(true)),
        ),
        (
            json!({"folderScore": 10}),
            Setting::FolderScore,
            Some(Meaning::Number(10.0)),
        ),
        (
            json!({"submissionDeadline": "2026-04-30T16:00:00Z"}),
            Setting::SubmissionDeadline,
            moment(1_777_564_800_000),
        ),
        (json!({}), Setting::SubmissionDeadline, None),
        (
            json!({"allowedFileType": ["pdf", ".TXT"]}),
            Setting::AllowedFileType,
            Some(Meaning::Extensions(texts(&["pdf", ".TXT"]))),
        ),
        (
            json!({"allowedSubmissionFileTypes": [{"fileTypeName": "", "extensions": ["a"], "x": 1}, {"fileTypeName": "b", "extensions": null}]}),
            Setting::AllowedSubmissionFileTypes,
            Some(Meaning::FileTypes(vec![
                FileType {
                    name: String::new(),
                    extensions: Some(texts(&["a"])),
                },
                FileType {
                    name: "b".to_owned(),
                    extensions: None,
                },
            ])),
        ),
    ] {
        let said = with.to_string();
        assert_eq!(meaning(with, setting), expected, "{said}");
    }
    // What cannot be set here is not named at all.
    let named = read(json!({"feedbackReleaseDate": 1, "isActive": 2, "open": 3, "folders": []}));
    let named = named.unwrap().settings;
    for setting in [Setting::Open, Setting::FeedbackReleaseDate] {
        assert!(named.iter().all(|(other, _)| *other != setting));
    }
}

#[test]
fn a_body_that_cannot_be_meant_is_refused_with_the_field_that_is_to_blame() {
    for field in [
        "id",
        "name",
        "startDate",
        "endDate",
        "publish",
        "sortFilesBy",
        "allowUpload",
        "uploadDisplayOption",
        "viewAll",
    ] {
        assert_eq!(
            read(json!({format!("-{field}"): null})),
            Err(field.to_owned())
        );
        assert_eq!(read(json!({field: null})), Err(field.to_owned()));
        assert_eq!(read(json!({field: 1})), Err(field.to_owned()));
    }
    for (with, field) in [
        (json!({"id": "0b6f5a2e7c0e4a539d0d2f1f6f4a9b11"}), "id"),
        (json!({"id": format!("{{{ID}}}")}), "id"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"name": "x".repeat(501)}), "name"),
        (json!({"publish": "true"}), "publish"),
        (json!({"sortFilesBy": "name"}), "sortFilesBy"),
        (json!({"uploadDisplayOption": ""}), "uploadDisplayOption"),
        (json!({"startDate": "2026-01-12"}), "startDate"),
        (json!({"startDate": "2026-01-12T00:00:00"}), "startDate"),
        (
            json!({"startDate": "2026-05-01T00:00:01+08:00"}),
            "startDate",
        ),
        (
            json!({"submissionDeadline": "2026-01-11T15:59:59Z"}),
            "submissionDeadline",
        ),
        (
            json!({"submissionDeadline": "2026-04-30T16:00:01Z"}),
            "submissionDeadline",
        ),
        (json!({"folderScore": -0.5}), "folderScore"),
        (json!({"folderScore": "1"}), "folderScore"),
        (json!({"allowAnnotate": 0}), "allowAnnotate"),
        (json!({"allowedFileType": "pdf"}), "allowedFileType"),
        (json!({"allowedFileType": [""]}), "allowedFileType"),
        (json!({"allowedFileType": [1]}), "allowedFileType"),
        (
            json!({"allowedSubmissionFileTypes": [{"extensions": []}]}),
            "allowedSubmissionFileTypes",
        ),
        (
            json!({"allowedSubmissionFileTypes": [{"fileTypeName": "a", "extensions": [""]}]}),
            "allowedSubmissionFileTypes",
        ),
        (json!({"access": []}), "access"),
        (
            json!({"access": {"publicAccess": 7}}),
            "access.publicAccess",
        ),
        (
            json!({"access": {"publicAccess": 1.5}}),
            "access.publicAccess",
        ),
        (
            json!({"access": {"userAccess": [{"userID": ID}]}}),
            "access.userAccess",
        ),
        (
            json!({"access": {"groupAccess": [{"groupID": "x", "accessRole": 1}]}}),
            "access.groupAccess",
        ),
        (json!({"access": {"groupAccess": {}}}), "access.groupAccess"),
        (
            json!({"access": {"inheritedResourceID": 1}}),
            "access.inheritedResourceID",
        ),
    ] {
        let said = with.to_string();
        assert_eq!(read(with), Err(field.to_owned()), "{said}");
    }
    for bad in [
        &b""[..],
        b"{",
        b"[]",
        b"\"x\"",
        b"{\"id\":\"\xFF\"}",
        b"{} {}",
    ] {
        assert_eq!(
            request::update(bad).map_err(|fault| said(&fault)),
            Err("body".to_owned())
        );
        assert_eq!(
            request::status(bad).map_err(|fault| said(&fault)),
            Err("body".to_owned())
        );
    }
}

#[test]
fn a_name_may_be_blank_and_a_mark_of_the_byte_order_is_passed_over() {
    for name in ["", " ", "a/b", &"é".repeat(500)] {
        assert_eq!(read(json!({"name": name})).unwrap().name.as_str(), name);
    }
    let marked = [b"\xEF\xBB\xBF", body(json!({})).as_slice()].concat();
    assert!(request::update(&marked).is_ok());
}

#[test]
fn an_access_list_is_kept_taken_away_or_another_one() {
    let wish = |with| read(with).unwrap().access;
    let [id, other] = [ID, OTHER].map(|id| id.parse().unwrap());
    assert_eq!(wish(json!({})), AccessWish::Keep);
    assert_eq!(wish(json!({"access": null})), AccessWish::Inherit);
    assert_eq!(
        wish(json!({"access": {"publicAccess": null, "userAccess": null}})),
        AccessWish::Be(AccessAsked::default())
    );
    let asked = json!({"access": {
        "groupAccess": [{"groupID": ID.to_uppercase(), "accessRole": 1}],
        "userAccess": [{"userID": OTHER, "accessRole": 6.0}],
        "publicAccess": 2,
        "inheritedResourceID": ID,
    }});
    assert_eq!(
        wish(asked),
        AccessWish::Be(AccessAsked {
            groups: vec![(id, SpaceRole::Reader)],
            users: vec![(other, SpaceRole::Owner)],
            public: Some(SpaceRole::Member),
            inherits: Some(id),
        })
    );
}

#[test]
fn a_status_is_for_each_folder_once_in_the_order_of_the_request() {
    let read =
        |body: Value| request::status(body.to_string().as_bytes()).map_err(|fault| said(&fault));
    let [id, other] = [ID, OTHER].map(|id| id.parse().unwrap());
    for (body, folders) in [
        (json!({"open": false}), vec![]),
        (json!({"open": false, "folderIds": null}), vec![]),
        (json!({"open": false, "folderIds": []}), vec![]),
        (
            json!({"open": false, "folderIds": [OTHER, ID, OTHER.to_uppercase()]}),
            vec![other, id],
        ),
    ] {
        let open = false;
        assert_eq!(read(body), Ok(Status { open, folders }));
    }
    for (body, field) in [
        (json!({}), "open"),
        (json!({"open": "true"}), "open"),
        (json!({"open": true, "folderIds": ID}), "folderIds"),
        (json!({"open": true, "folderIds": [ID, "x"]}), "folderIds"),
        (json!({"open": true, "folderIds": [null]}), "folderIds"),
    ] {
        assert_eq!(read(body), Err(field.to_owned()));
    }
}

#[test]
fn a_search_has_no_text_or_at_least_three_characters() {
    let text =
        |query: &str| request::search_text(&Query::parse(query)).map_err(|fault| said(&fault));
    let refused = || Err("SearchText".to_owned());
    let found = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(text(""), Ok(None));
    assert_eq!(text("searchtext="), Ok(None));
    assert_eq!(text("SEARCHTEXT=%C3%89COLE"), found("école"));
    assert_eq!(text("SearchText=+%22+"), found(" \" "));
    // It has three characters before it is folded.
    assert_eq!(text("SearchText=ae%CC%81"), found("aé"));
    assert_eq!(text("SearchText=%E6%97%A5%E6%9C%AC"), refused());
    assert_eq!(text("SearchText=ab"), refused());
    assert_eq!(text("SearchText=a%00b"), refused());
    assert_eq!(text("SearchText=abc%FF"), refused());
    assert_eq!(
        text(&format!("SearchText={}", "x".repeat(1000))),
        found(&"x".repeat(1000))
    );
    assert_eq!(text(&format!("SearchText={}", "x".repeat(1001))), refused());
}

#[test]
fn only_comments_can_be_asked_for() {
    let comments =
        |query: &str| request::comments(&Query::parse(query)).map_err(|fault| said(&fault));
    for (query, asked) in [
        ("", Comments::Whether),
        ("populate=", Comments::Whether),
        ("populate=,", Comments::Whether),
        ("Populate=Comment", Comments::All),
        ("populate=comment,COMMENT", Comments::All),
        ("populate=,comment", Comments::All),
    ] {
        assert_eq!(comments(query), Ok(asked), "{query}");
    }
    for query in ["populate=files", "populate=comment,x", "populate=%FF"] {
        assert_eq!(comments(query), Err("populate".to_owned()), "{query}");
    }
}

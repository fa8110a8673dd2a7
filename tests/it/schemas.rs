//! What the customer has written of the bodies of the LumiNUS dialect, in JSON Schema, and what `luminus.md` §1 says besides.
//!
//! Every answer of that dialect goes through [`told`] or [`refused`], so whatever a test asks for, the form of the answer is
//! checked as well.

use crate::harness::{Answer, Call};
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// A schema of the customer.
struct Schema {
    schema: Value,
    validator: Validator,
}

impl Schema {
    fn new(text: &str) -> Self {
        let schema: Value = serde_json::from_str(text).unwrap();
        // Draft 7 does not know what a UUID is.
        let options = jsonschema::draft7::options()
            .should_validate_formats(true)
            .with_format("uuid", is_uuid);
        let validator = options.build(&schema).unwrap();
        Schema { schema, validator }
    }

    /// What is wrong with a value.
    fn faults(&self, value: &Value) -> Vec<String> {
        let errors = self.validator.iter_errors(value);
        let told =
            |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
        let mut faults: Vec<String> = errors.map(told).collect();
        spelling(&self.schema, value, &mut faults);
        faults
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

static FOLDER: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("luminus/folder-response.schema.json")));
static FOUND: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("luminus/search-response.schema.json")));
static ERROR: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("luminus/error.schema.json")));
static UPDATE: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("luminus/update-folder-request.schema.json")));
static STATUS: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("luminus/status-request.schema.json")));

/// What is always there in a folder (`luminus.md` §2).
const FOLDER_ALWAYS: &str = "id createdDate creatorID creatorName creatorUserID lastUpdatedDate lastUpdatedBy \
    lastUpdatedByName lastUpdatedByUserID name publish sortFilesBy allowUpload uploadDisplayOption viewAll folderScore \
    allowComments allowAnnotate allowLateSubmission allowedFileType allowedSubmissionFileTypes parentID rootID isActive \
    isTurnitinFolder";

/// And in a file (`luminus.md` §5).
const FILE_ALWAYS: &str = "id parentID resourceID publish name url description isCompulsory allowDownload fileSize \
    fileFormat fileName hasComments creatorID createdDate creatorName creatorUserID lastUpdatedDate lastUpdatedBy \
    lastUpdatedByName lastUpdatedByUserID";

/// And in a comment.
const COMMENT_ALWAYS: &str = "id targetID resourceID publish remark createdDate creatorID creatorName creatorUserID \
    lastUpdatedDate lastUpdatedBy lastUpdatedByName lastUpdatedByUserID";

/// What an answer of 200 is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// The folder after a `PUT`.
    Folder,
    /// The first folder and all of them, after a `PATCH`.
    Status,
    /// What a search has found.
    Found,
}

/// Fields that the schema does not know, and UUIDs and dates that are not spelled as `luminus.md` §1 says.
fn spelling(schema: &Value, value: &Value, faults: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match schema["properties"].get(name) {
                    Some(schema) => spelling(schema, value, faults),
                    None => faults.push(format!("nobody knows the field {name}")),
                }
            }
        }
        Value::Array(list) => list
            .iter()
            .for_each(|value| spelling(&schema["items"], value, faults)),
        Value::String(text) => {
            let shape: String = text
                .chars()
                .map(|c| if c.is_ascii_digit() { '9' } else { c })
                .collect();
            let is_good = match schema["format"].as_str() {
                Some("uuid") => *text == text.to_lowercase(),
                Some("date-time") => shape == "9999-99-99T99:99:99.999Z",
                _ => true,
            };
            if !is_good {
                faults.push(format!("it is spelled in another way: {text}"));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What is always there and is not.
fn missing(object: &Value, always: &str, faults: &mut Vec<String>) {
    let names = always.split_whitespace();
    let missing = names.filter(|name| object.get(name).is_none());
    faults.extend(missing.map(|name| format!("there is no {name}")));
}

/// What is wrong with the body of an answer of 200.
fn faults(shape: Shape, body: &Value) -> Vec<String> {
    let nothing = Vec::new();
    let list = |value: &'_ Value| value.as_array().unwrap_or(&nothing).clone();
    match shape {
        Shape::Folder => {
            let mut faults = FOLDER.faults(body);
            missing(body, FOLDER_ALWAYS, &mut faults);
            faults
        }
        Shape::Status => {
            let mut first = body.clone();
            let folders = first.as_object_mut().and_then(|o| o.remove("folders"));
            let Some(Value::Array(folders)) = folders else {
                return vec!["there is no list of folders".to_owned()];
            };
            let mut told: Vec<String> = Vec::new();
            for folder in &folders {
                told.extend(faults(Shape::Folder, folder));
            }
            told.extend(FOLDER.faults(&first));
            if &first != folders.first().unwrap_or(&json!({})) {
                told.push("the fields are not those of the first folder".to_owned());
            }
            told
        }
        Shape::Found => {
            let mut told = FOUND.faults(body);
            missing(body, "folders files", &mut told);
            for folder in &list(&body["folders"]) {
                missing(folder, FOLDER_ALWAYS, &mut told);
            }
            for file in &list(&body["files"]) {
                missing(file, FILE_ALWAYS, &mut told);
                for comment in &list(&file["comment"]) {
                    missing(comment, COMMENT_ALWAYS, &mut told);
                }
            }
            told
        }
    }
}

/// Sends a request and demands a 200 of this shape: what it says.
pub(crate) fn told(call: &Call<'_>, shape: Shape) -> Value {
    told_by(&call.gives(200), shape)
}

/// What an answer of 200 says, whose shape is checked.
pub(crate) fn told_by(answer: &Answer, shape: Shape) -> Value {
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(faults(shape, &body), [""; 0], "{body}");
    body
}

/// Sends a request and demands an error with this status: its words.
pub(crate) fn refused(call: &Call<'_>, status: u16) -> String {
    let answer = call.send();
    let told = || {
        let body = String::from_utf8_lossy(&answer.body);
        let target = String::from_utf8_lossy(&call.request().head()).into_owned();
        format!("{}\n{body}", target.lines().next().unwrap_or_default())
    };
    assert_eq!(answer.status, status, "{}", told());
    error_of(&answer)
}

/// The words of an error, whose form is checked.
pub(crate) fn error_of(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!(ERROR.faults(&body), [""; 0], "{body}");
    let words = body.as_str().unwrap().to_owned();
    let wanted = match answer.status {
        401 => Some("Access denied: subscription key is missing or invalid"),
        403 => Some("Login user not authorized to perform this action"),
        404 => Some("The folder is not found"),
        500 => Some("Server Error"),
        _ => None,
    };
    if let Some(wanted) = wanted {
        assert_eq!(words, wanted);
    }
    let is_bad = words.starts_with("Bad Request: ");
    assert_eq!(is_bad, answer.status == 400, "{words}");
    assert!(!words.is_empty());
    let challenge = answer.field("www-authenticate");
    let wanted = (answer.status == 401).then_some("Basic realm=\"propstore\"");
    assert_eq!(challenge, wanted, "{words}");
    words
}

/// Whether the customer may send this as a `PUT` or, otherwise, as a `PATCH`. What is not asked for may also be `null`, and
/// what nobody knows may be there.
pub(crate) fn may_be_sent(method: &str, body: &Value) -> bool {
    let schema = match method {
        "PUT" => &*UPDATE,
        _ => &*STATUS,
    };
    schema.validator.is_valid(&without_null(body))
}

fn without_null(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            let fields = fields.map(|(name, value)| (name.clone(), without_null(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(list) => list.iter().map(without_null).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

const ID: &str = "0b6f5a2e-7c0e-4a53-9d0d-2f1f6f4a9b11";
const DATE: &str = "2026-01-05T03:10:00.000Z";

/// A folder as it has to be.
fn folder() -> Value {
    json!({
        "id": ID, "createdDate": DATE, "creatorID": ID, "creatorName": "Tess", "creatorUserID": "tess",
        "lastUpdatedDate": DATE, "lastUpdatedBy": ID, "lastUpdatedByName": "Tess", "lastUpdatedByUserID": "tess",
        "name": "", "startDate": DATE, "publish": true, "parentID": ID, "rootID": ID, "isActive": true,
        "sortFilesBy": "Name", "allowUpload": true, "uploadDisplayOption": "Name", "viewAll": false, "folderScore": 10.0,
        "allowComments": false, "allowAnnotate": false, "allowLateSubmission": false, "isTurnitinFolder": false,
        "allowedFileType": ["pdf"], "allowedSubmissionFileTypes": [{"fileTypeName": "x", "extensions": ["y"]}]
    })
}

/// A file as it has to be.
fn file() -> Value {
    json!({
        "id": ID, "parentID": ID, "resourceID": ID, "publish": true, "name": "a", "url": "", "description": "",
        "isCompulsory": false, "allowDownload": true, "fileSize": 1.0, "fileFormat": "File", "fileName": "a",
        "hasComments": true, "createdDate": DATE, "creatorID": ID, "creatorName": "Tess", "creatorUserID": "tess",
        "lastUpdatedDate": DATE, "lastUpdatedBy": ID, "lastUpdatedByName": "Tess", "lastUpdatedByUserID": "tess",
        "comment": [{
            "id": ID, "targetID": ID, "resourceID": ID, "publish": true, "remark": "r", "mark": 8.0, "finalMark": 8,
            "createdDate": DATE, "creatorID": ID, "creatorName": "Tess", "creatorUserID": "tess",
            "lastUpdatedDate": DATE, "lastUpdatedBy": ID, "lastUpdatedByName": "Tess", "lastUpdatedByUserID": "tess"
        }]
    })
}

/// With another value at this place, or without it.
fn with(mut body: Value, place: &str, value: Option<Value>) -> Value {
    let (above, name) = place.rsplit_once('/').unwrap();
    let object = body.pointer_mut(above).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    body
}

#[test]
fn an_answer_that_is_not_as_the_customer_wants_it_is_seen() {
    let status = with(folder(), "/folders", Some(json!([folder()])));
    let found = json!({"folders": [folder()], "files": [file()]});
    let good = [
        (Shape::Folder, folder()),
        (Shape::Status, status.clone()),
        (Shape::Status, json!({"folders": []})),
        (Shape::Found, found.clone()),
        (Shape::Found, json!({"folders": [], "files": []})),
    ];
    for (shape, body) in good {
        assert_eq!(faults(shape, &body), [""; 0], "{shape:?}");
    }
    let bad = |shape, body: &Value, place: &str, value: Option<Value>| {
        let body = with(body.clone(), place, value.clone());
        assert_ne!(faults(shape, &body), [""; 0], "{shape:?} {place} {value:?}");
    };
    for (place, value) in [
        ("/id", Some(json!("0b6f5a2e"))),
        ("/id", Some(json!(ID.to_uppercase()))),
        ("/id", Some(json!(7))),
        ("/startDate", Some(json!("2026-01-05"))),
        ("/startDate", Some(json!("2026-02-30T03:10:00.000Z"))),
        ("/startDate", Some(json!("2026-01-05T03:10:00Z"))),
        ("/startDate", Some(json!("2026-01-05T03:10:00.000+00:00"))),
        ("/endDate", Some(Value::Null)),
        ("/publish", Some(json!("true"))),
        ("/folderScore", Some(json!("10"))),
        ("/allowedFileType", Some(json!([1]))),
        ("/allowedSubmissionFileTypes", Some(json!([{}]))),
        ("/unknown", Some(json!(1))),
        ("/name", None),
        ("/isActive", None),
    ] {
        bad(Shape::Folder, &folder(), place, value.clone());
        bad(
            Shape::Found,
            &found,
            &format!("/folders/0{place}"),
            value.clone(),
        );
        bad(
            Shape::Status,
            &status,
            &format!("/folders/0{place}"),
            value.clone(),
        );
        bad(Shape::Status, &status, place, value);
    }
    for (place, value) in [
        ("/files/0/fileSize", Some(json!("1"))),
        ("/files/0/url", None),
        ("/files/0/streamUrlPath", Some(Value::Null)),
        ("/files/0/resourceID", Some(json!("x"))),
        ("/files/0/comment", Some(Value::Null)),
        ("/files/0/comment/0/mark", Some(json!("8"))),
        ("/files/0/comment/0/targetID", None),
        ("/files/0/comment/0/createdDate", Some(json!("now"))),
        ("/files", None),
        ("/folders", Some(json!({}))),
    ] {
        bad(Shape::Found, &found, place, value);
    }
    bad(Shape::Status, &status, "/folders", None);
    bad(Shape::Status, &status, "/name", Some(json!("other")));
    assert!(!ERROR.faults(&json!({"error": "x"})).is_empty());
}

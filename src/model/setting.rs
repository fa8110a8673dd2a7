//! Settings of folders and files: properties named `luminus.*` whose values have a form (`dialects-common.md` §2).
//!
//! They are properties like all others, so every dialect that writes one passes [`check_setting`]. What is looked at with
//! every request, a store keeps beside the node as well: [`Settings`].

#[cfg(test)]
mod tests;

use super::{Body, Charset, Content, Invalid, MediaType, NodeKind, PropertyName, Timestamp};
use chrono::DateTime;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What the names of all settings begin with.
pub const SETTING_PREFIX: &str = "luminus.";

/// What the names of comments on a file begin with; a UUID follows.
const COMMENT_PREFIX: &str = "luminus.comment.";

/// The most bytes of a setting.
pub const SETTING_BYTES_MAX: usize = 64 << 10;

/// A property of a folder or a file that means something to propstore itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `luminus.startDate`: before it a folder is closed.
    StartDate,
    /// `luminus.endDate`: from then on a folder is closed.
    EndDate,
    /// `luminus.submissionDeadline`: what is submitted after it is late.
    SubmissionDeadline,
    /// `luminus.feedbackReleaseDate`
    FeedbackReleaseDate,
    /// `luminus.publish`: whether members see it.
    Publish,
    /// `luminus.open`: whether a folder is open, as far as its dates do not close it.
    Open,
    /// `luminus.sortFilesBy`: the order of the files in a folder.
    SortFilesBy,
    /// `luminus.allowUpload`: whether members submit files here.
    AllowUpload,
    /// `luminus.allowComments`: whether members comment on the files here.
    AllowComments,
    /// `luminus.allowAnnotate`
    AllowAnnotate,
    /// `luminus.allowLateSubmission`: whether they submit after the deadline.
    AllowLateSubmission,
    /// `luminus.viewAll`: whether members see what others have submitted.
    ViewAll,
    /// `luminus.uploadDisplayOption`
    UploadDisplayOption,
    /// `luminus.folderScore`
    FolderScore,
    /// `luminus.allowedFileType`: the extensions that a submitted file may have.
    AllowedFileType,
    /// `luminus.allowedSubmissionFileTypes`: the same, in named groups.
    AllowedSubmissionFileTypes,
    /// `luminus.url`: a file that has it is a link.
    Url,
    /// `luminus.description`
    Description,
    /// `luminus.allowDownload`: whether members may download a file.
    AllowDownload,
    /// `luminus.isCompulsory`
    IsCompulsory,
    /// `luminus.isLate`: it was submitted after the deadline.
    IsLate,
    /// `luminus.comment.{uuid}`
    Comment,
}

/// Which form the value of a setting has.
#[derive(Clone, Copy)]
enum Form {
    Moment,
    Flag,
    /// `true`, and nothing else.
    True,
    OneOf(&'static [&'static str]),
    /// A JSON number that is not negative.
    Number,
    /// A JSON array of texts.
    Extensions,
    /// A JSON array of objects, each with a name and extensions.
    FileTypes,
    Link,
    Text,
    /// A JSON object.
    Comment,
}

const OF_FOLDER: [Setting; 16] = [
    Setting::StartDate,
    Setting::EndDate,
    Setting::SubmissionDeadline,
    Setting::FeedbackReleaseDate,
    Setting::Publish,
    Setting::Open,
    Setting::SortFilesBy,
    Setting::AllowUpload,
    Setting::AllowComments,
    Setting::AllowAnnotate,
    Setting::AllowLateSubmission,
    Setting::ViewAll,
    Setting::UploadDisplayOption,
    Setting::FolderScore,
    Setting::AllowedFileType,
    Setting::AllowedSubmissionFileTypes,
];

const OF_FILE: [Setting; 6] = [
    Setting::Url,
    Setting::Description,
    Setting::Publish,
    Setting::AllowDownload,
    Setting::IsCompulsory,
    Setting::IsLate,
];

impl Setting {
    /// The setting that a property of this name is on a node of this kind, if it is one.
    #[must_use]
    pub fn of(kind: NodeKind, name: &str) -> Option<Self> {
        let field = name.strip_prefix(SETTING_PREFIX)?;
        let of: &[Setting] = match kind {
            NodeKind::Folder => &OF_FOLDER,
            NodeKind::File if is_comment(name) => return Some(Setting::Comment),
            NodeKind::File => &OF_FILE,
            NodeKind::Page | NodeKind::Space => return None,
        };
        of.iter().copied().find(|setting| setting.field() == field)
    }

    /// What follows `luminus.` in the name of the property.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Setting::StartDate => "startDate",
            Setting::EndDate => "endDate",
            Setting::SubmissionDeadline => "submissionDeadline",
            Setting::FeedbackReleaseDate => "feedbackReleaseDate",
            Setting::Publish => "publish",
            Setting::Open => "open",
            Setting::SortFilesBy => "sortFilesBy",
            Setting::AllowUpload => "allowUpload",
            Setting::AllowComments => "allowComments",
            Setting::AllowAnnotate => "allowAnnotate",
            Setting::AllowLateSubmission => "allowLateSubmission",
            Setting::ViewAll => "viewAll",
            Setting::UploadDisplayOption => "uploadDisplayOption",
            Setting::FolderScore => "folderScore",
            Setting::AllowedFileType => "allowedFileType",
            Setting::AllowedSubmissionFileTypes => "allowedSubmissionFileTypes",
            Setting::Url => "url",
            Setting::Description => "description",
            Setting::AllowDownload => "allowDownload",
            Setting::IsCompulsory => "isCompulsory",
            Setting::IsLate => "isLate",
            Setting::Comment => "comment.{uuid}",
        }
    }

    /// The name of the property; of [`Setting::Comment`] there are many.
    #[must_use]
    pub fn property(self) -> Option<PropertyName> {
        format!("{SETTING_PREFIX}{}", self.field()).parse().ok()
    }

    const fn form(self) -> Form {
        match self {
            Setting::StartDate
            | Setting::EndDate
            | Setting::SubmissionDeadline
            | Setting::FeedbackReleaseDate => Form::Moment,
            Setting::Publish
            | Setting::Open
            | Setting::AllowUpload
            | Setting::AllowComments
            | Setting::AllowAnnotate
            | Setting::AllowLateSubmission
            | Setting::ViewAll
            | Setting::AllowDownload
            | Setting::IsCompulsory => Form::Flag,
            Setting::IsLate => Form::True,
            Setting::SortFilesBy => Form::OneOf(&["Date", "Name", "Owner", "Size", "Order"]),
            Setting::UploadDisplayOption => Form::OneOf(&["Matrix", "Name", "None"]),
            Setting::FolderScore => Form::Number,
            Setting::AllowedFileType => Form::Extensions,
            Setting::AllowedSubmissionFileTypes => Form::FileTypes,
            Setting::Url => Form::Link,
            Setting::Description => Form::Text,
            Setting::Comment => Form::Comment,
        }
    }
}

/// Whether a property of this name is a comment, if it is a file's.
#[must_use]
pub fn is_comment(name: &str) -> bool {
    name.starts_with(COMMENT_PREFIX)
}

/// Whether a property of this name may have this value on a node of this kind.
///
/// # Errors
/// [`Invalid::Setting`] says what it may be instead.
pub fn check_setting(
    kind: NodeKind,
    name: &PropertyName,
    content: &Content,
) -> Result<(), Invalid> {
    let Some(setting) = Setting::of(kind, name.as_str()) else {
        return Ok(());
    };
    let invalid = |what: String| Invalid::Setting {
        property: name.to_string(),
        what,
    };
    if setting == Setting::Comment {
        let id = name
            .as_str()
            .strip_prefix(COMMENT_PREFIX)
            .unwrap_or_default();
        // Of the forms that a UUID has, the one with hyphens alone is as long as this.
        if id.len() != 36 || Uuid::try_parse(id).is_err() {
            let what = "what follows 'luminus.comment.' has to be a UUID such as \
                        9a1c5d3e-0b7e-4c52-8a55-0d9b6f5f2f11";
            return Err(invalid(what.to_owned()));
        }
    }
    let text = text_of(content).ok_or_else(|| {
        let what = format!("it has to be UTF-8 text of at most {SETTING_BYTES_MAX} bytes");
        invalid(what)
    })?;
    let form = setting.form();
    match form.read(text) {
        Some(_) => Ok(()),
        None => Err(invalid(format!("it has to be {}", form.wanted(text)))),
    }
}

/// The text of a setting, if it is one.
fn text_of(content: &Content) -> Option<&str> {
    let Body::Inline(bytes) = &content.body else {
        return None;
    };
    let is_text = content.media_type.is_textual() && content.media_type.charset() == Charset::Utf8;
    if !is_text || bytes.len() > SETTING_BYTES_MAX {
        return None;
    }
    std::str::from_utf8(bytes).ok()
}

impl Form {
    /// What a text of this form says; `None` if it has another one.
    fn read(self, text: &str) -> Option<Meaning> {
        match self {
            Form::Moment => moment(text).map(Meaning::Moment),
            Form::Flag => flag(text).map(Meaning::Flag),
            Form::True => flag(text).filter(|&flag| flag).map(Meaning::Flag),
            Form::OneOf(words) => words
                .contains(&text)
                .then(|| Meaning::Text(text.to_owned())),
            Form::Number => {
                let number = serde_json::from_str::<f64>(text).ok();
                number.filter(|&number| number >= 0.0).map(Meaning::Number)
            }
            Form::Extensions => extensions(text).map(Meaning::Extensions),
            Form::FileTypes => file_types(text).map(Meaning::FileTypes),
            Form::Link => is_link(text).then(|| Meaning::Text(text.to_owned())),
            Form::Text => Some(Meaning::Text(text.to_owned())),
            Form::Comment => comment_misfit(text)
                .is_none()
                .then(|| Meaning::Text(text.to_owned())),
        }
    }

    /// What a text has to be that has another form.
    fn wanted(self, text: &str) -> String {
        let what = match self {
            Form::Moment => {
                "a date and time of RFC 3339 with an offset, such as 2026-01-12T00:00:00+08:00"
            }
            Form::Flag => "true or false",
            Form::True => "true",
            Form::OneOf(words) => return format!("one of {}", words.join(", ")),
            Form::Number => "a number of JSON that is not negative",
            Form::Extensions => {
                "an array of JSON with extensions that are not empty, such as [\"pdf\", \".txt\"]"
            }
            Form::FileTypes => {
                "an array of JSON with objects such as {\"fileTypeName\": \"Pictures\", \"extensions\": [\"png\"]}"
            }
            Form::Link => "an absolute http or https URL",
            Form::Text => "text",
            Form::Comment => return comment_misfit(text).unwrap_or_default(),
        };
        what.to_owned()
    }
}

fn flag(text: &str) -> Option<bool> {
    text.parse().ok()
}

/// A moment of RFC 3339 with an offset, cut to milliseconds.
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    // The separator has to be there; a blank instead of it is what only some understand.
    let separated = text
        .as_bytes()
        .get(10)
        .is_some_and(|b| matches!(b, b'T' | b't'));
    let time = DateTime::parse_from_rfc3339(text)
        .ok()
        .filter(|_| separated)?;
    let millis = time.timestamp_millis();
    // In UTC it may be in a year that has not four digits.
    Some(Timestamp::from_millis(millis)).filter(|moment| moment.millis() == millis)
}

fn strings(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| Some(value.as_str().filter(|text| !text.is_empty())?.to_owned());
    value.as_array()?.iter().map(text).collect()
}

fn extensions(text: &str) -> Option<Vec<String>> {
    strings(&serde_json::from_str(text).ok()?)
}

fn file_types(text: &str) -> Option<Vec<FileType>> {
    let types: Vec<Map<String, Value>> = serde_json::from_str(text).ok()?;
    let file_type = |fields: &Map<String, Value>| {
        Some(FileType {
            name: fields.get("fileTypeName")?.as_str()?.to_owned(),
            extensions: match fields.get("extensions") {
                Some(extensions) => Some(strings(extensions)?),
                None => None,
            },
        })
    };
    types.iter().map(file_type).collect()
}

fn is_link(text: &str) -> bool {
    let after_scheme = |scheme: &str| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let rest = after_scheme("http://").or_else(|| after_scheme("https://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    is_plain && host.is_some_and(|host| !host.is_empty())
}

fn comment_misfit(text: &str) -> Option<String> {
    let Ok(comment) = serde_json::from_str::<Map<String, Value>>(text) else {
        return Some("an object of JSON such as {\"remark\": \"well done\"}".to_owned());
    };
    let fits = |field: &str, is: fn(&Value) -> bool| comment.get(field).is_none_or(is);
    if !comment.get("remark").is_some_and(Value::is_string) {
        return Some("an object of JSON with the text 'remark'".to_owned());
    }
    for (field, fits, what) in [
        (
            "publish",
            fits("publish", Value::is_boolean),
            "true or false",
        ),
        ("mark", fits("mark", Value::is_number), "a number"),
        (
            "moderation",
            fits("moderation", Value::is_number),
            "a number",
        ),
        (
            "fileRemarksAttachment",
            fits("fileRemarksAttachment", Value::is_string),
            "a text",
        ),
    ] {
        if !fits {
            return Some(format!("an object of JSON in which '{field}' is {what}"));
        }
    }
    None
}

/// What a setting says: its value or, if it is not set, the default (`dialects-common.md` §2).
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// Nothing: a date that is not set.
    Nothing,
    /// Yes or no.
    Flag(bool),
    /// When.
    Moment(Timestamp),
    /// A word, a link or a text.
    Text(String),
    /// A number that is not negative.
    Number(f64),
    /// Extensions of files.
    Extensions(Vec<String>),
    /// Extensions of files in groups.
    FileTypes(Vec<FileType>),
}

/// A group of extensions of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileType {
    /// What it is called.
    pub name: String,
    /// The extensions, with or without a dot, as they were given.
    pub extensions: Option<Vec<String>>,
}

impl FileType {
    /// `{"fileTypeName":…,"extensions":[…]}`
    fn text(&self) -> String {
        let name = Value::from(self.name.as_str());
        match &self.extensions {
            None => format!("{{\"fileTypeName\":{name}}}"),
            Some(extensions) => {
                let extensions = Value::from(extensions.as_slice());
                format!("{{\"fileTypeName\":{name},\"extensions\":{extensions}}}")
            }
        }
    }
}

impl Meaning {
    /// The value that says so, in its one spelling; `None`: only that it is not set.
    #[must_use]
    pub fn content(&self) -> Option<Content> {
        let text = match self {
            Meaning::Nothing => return None,
            Meaning::Flag(flag) => flag.to_string(),
            Meaning::Moment(moment) => moment.with_millis(),
            Meaning::Text(text) => text.clone(),
            Meaning::Number(number) => serde_json::to_string(number).ok()?,
            Meaning::Extensions(extensions) => serde_json::to_string(extensions).ok()?,
            Meaning::FileTypes(types) => {
                let types: Vec<String> = types.iter().map(FileType::text).collect();
                format!("[{}]", types.join(","))
            }
        };
        Some(Content::inline(MediaType::text_utf8(), text.into()))
    }
}

impl Setting {
    /// What a property that is this setting says; without one, or with one that cannot be, the default.
    #[must_use]
    pub fn meaning(self, content: Option<&Content>) -> Meaning {
        let set = content.and_then(text_of);
        set.and_then(|text| self.form().read(text))
            .unwrap_or_else(|| self.default())
    }

    fn default(self) -> Meaning {
        match self {
            Setting::StartDate
            | Setting::EndDate
            | Setting::SubmissionDeadline
            | Setting::FeedbackReleaseDate => Meaning::Nothing,
            Setting::Publish | Setting::Open | Setting::ViewAll | Setting::AllowDownload => {
                Meaning::Flag(true)
            }
            Setting::AllowUpload
            | Setting::AllowComments
            | Setting::AllowAnnotate
            | Setting::AllowLateSubmission
            | Setting::IsCompulsory
            | Setting::IsLate => Meaning::Flag(false),
            Setting::SortFilesBy => Meaning::Text("Order".to_owned()),
            Setting::UploadDisplayOption => Meaning::Text("Name".to_owned()),
            Setting::FolderScore => Meaning::Number(0.0),
            Setting::AllowedFileType => Meaning::Extensions(Vec::new()),
            Setting::AllowedSubmissionFileTypes => Meaning::FileTypes(Vec::new()),
            Setting::Url | Setting::Description | Setting::Comment => Meaning::Text(String::new()),
        }
    }
}

/// What a property means where it is looked at with every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Yes or no.
    Flag(bool),
    /// When.
    Moment(Timestamp),
}

impl Kept {
    /// What a store keeps of a value that has passed [`check_setting`]; `None`: nothing.
    #[must_use]
    pub fn of(setting: Setting, content: &Content) -> Option<Self> {
        let text = text_of(content)?;
        match setting.form() {
            Form::Flag | Form::True => flag(text).map(Kept::Flag),
            Form::Moment => moment(text).map(Kept::Moment),
            Form::Link => Some(Kept::Flag(true)),
            Form::OneOf(_)
            | Form::Number
            | Form::Extensions
            | Form::FileTypes
            | Form::Text
            | Form::Comment => None,
        }
    }
}

/// The settings of a node that are looked at with every request; `None`: not set, so that the default counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// [`Setting::Publish`]: `true` by default.
    pub publish: Option<bool>,
    /// [`Setting::Open`]: `true` by default.
    pub open: Option<bool>,
    /// [`Setting::StartDate`]
    pub starts_at: Option<Timestamp>,
    /// [`Setting::EndDate`]
    pub ends_at: Option<Timestamp>,
    /// [`Setting::SubmissionDeadline`]
    pub deadline_at: Option<Timestamp>,
    /// [`Setting::AllowUpload`]: `false` by default.
    pub allow_upload: Option<bool>,
    /// [`Setting::AllowLateSubmission`]: `false` by default.
    pub allow_late: Option<bool>,
    /// [`Setting::AllowComments`]: `false` by default.
    pub allow_comments: Option<bool>,
    /// [`Setting::ViewAll`]: `true` by default.
    pub view_all: Option<bool>,
    /// [`Setting::AllowDownload`]: `true` by default.
    pub allow_download: Option<bool>,
    /// Whether there is a [`Setting::Url`].
    pub is_link: Option<bool>,
    /// Of a file, and no property: whether it was put there by somebody whose role was member or less.
    pub submitted: bool,
}

impl Settings {
    /// Sets what a property of this meaning sets; `None`: it is not set any more.
    pub fn set(&mut self, setting: Setting, kept: Option<Kept>) {
        let flag = match kept {
            Some(Kept::Flag(flag)) => Some(flag),
            Some(Kept::Moment(_)) | None => None,
        };
        let moment = match kept {
            Some(Kept::Moment(moment)) => Some(moment),
            Some(Kept::Flag(_)) | None => None,
        };
        match setting {
            Setting::Publish => self.publish = flag,
            Setting::Open => self.open = flag,
            Setting::StartDate => self.starts_at = moment,
            Setting::EndDate => self.ends_at = moment,
            Setting::SubmissionDeadline => self.deadline_at = moment,
            Setting::AllowUpload => self.allow_upload = flag,
            Setting::AllowLateSubmission => self.allow_late = flag,
            Setting::AllowComments => self.allow_comments = flag,
            Setting::ViewAll => self.view_all = flag,
            Setting::AllowDownload => self.allow_download = flag,
            Setting::Url => self.is_link = flag,
            Setting::FeedbackReleaseDate
            | Setting::SortFilesBy
            | Setting::AllowAnnotate
            | Setting::UploadDisplayOption
            | Setting::FolderScore
            | Setting::AllowedFileType
            | Setting::AllowedSubmissionFileTypes
            | Setting::Description
            | Setting::IsCompulsory
            | Setting::IsLate
            | Setting::Comment => {}
        }
    }

    /// Whether a folder is open (`isActive`): by hand, and by its dates.
    #[must_use]
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.open.unwrap_or(true)
            && self.starts_at.is_none_or(|start| start <= at)
            && self.ends_at.is_none_or(|end| at < end)
    }

    /// Whether it is published.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.publish.unwrap_or(true)
    }

    /// Whether a file is submitted to a folder with these settings only after its deadline.
    #[must_use]
    pub fn is_late(&self, at: Timestamp) -> bool {
        self.deadline_at.is_some_and(|deadline| at > deadline)
    }

    /// Whether a folder with these settings takes files of members at this moment.
    #[must_use]
    pub fn takes_files(&self, at: Timestamp) -> bool {
        let in_time = !self.is_late(at) || self.allow_late == Some(true);
        self.allow_upload == Some(true) && in_time
    }
}

/// Which extensions the files may have that members submit to a folder; none: any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(Vec<String>);

impl Extensions {
    /// The settings of a folder that say so.
    pub const SETTINGS: [Setting; 2] = [
        Setting::AllowedFileType,
        Setting::AllowedSubmissionFileTypes,
    ];

    /// What these values of [`Extensions::SETTINGS`] say together.
    #[must_use]
    pub fn of(values: [Option<&Content>; 2]) -> Self {
        let [types, groups] = values.map(|value| value.and_then(text_of));
        let bare = |extension: String| extension.trim_start_matches('.').to_lowercase();
        let types = types.and_then(extensions).unwrap_or_default();
        let groups = groups.and_then(file_types).unwrap_or_default();
        let grouped = groups
            .into_iter()
            .flat_map(|group| group.extensions.unwrap_or_default());
        Extensions(types.into_iter().chain(grouped).map(bare).collect())
    }

    /// Whether a file of this name may be submitted.
    #[must_use]
    pub fn allow(&self, file_name: &str) -> bool {
        let name = file_name.to_lowercase();
        let ends = |extension: &String| {
            let start = name.strip_suffix(extension.as_str());
            start.is_some_and(|start| start.ends_with('.'))
        };
        self.0.is_empty() || self.0.iter().any(ends)
    }
}

impl std::fmt::Display for Extensions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// The order of the files in a folder (`redu.md` §3); all ascending, ties by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOrder {
    /// By number.
    Order,
    /// By when they were made.
    Date,
    /// By name in lower case.
    Name,
    /// By the name of who made them.
    Owner,
    /// By size.
    Size,
}

impl FileOrder {
    /// The order that a value of [`Setting::SortFilesBy`] names.
    #[must_use]
    pub fn of(content: Option<&Content>) -> Self {
        match content.and_then(text_of) {
            Some("Date") => FileOrder::Date,
            Some("Name") => FileOrder::Name,
            Some("Owner") => FileOrder::Owner,
            Some("Size") => FileOrder::Size,
            Some(_) | None => FileOrder::Order,
        }
    }
}

/// The value of a setting that propstore itself writes.
#[must_use]
pub fn setting_text(text: &'static str) -> Content {
    Content::inline(MediaType::text_utf8(), text.as_bytes().into())
}

//! Answers in JSON (`luminus.md` §2, §5).

use crate::dialect::Context;
use crate::model::{
    Comment, Comments, Detail, Details, FileEntry, FileType, Meaning, Setting, SpaceRole,
    Timestamp, User, UserId, Users,
};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

fn text(value: &impl Serialize) -> String {
    // Strings, numbers and lists can all be said.
    serde_json::to_string(value).unwrap_or_default()
}

/// The first folder.
pub(super) fn folder(details: &Details) -> Option<String> {
    let first = details.folders.first()?;
    Some(text(&Folder::of(first, &details.users)))
}

/// The fields of the first folder, and all of them.
pub(super) fn folders(details: &Details) -> String {
    #[derive(Serialize)]
    struct Told<'a> {
        #[serde(flatten)]
        first: Option<Folder<'a>>,
        folders: FolderList<'a>,
    }
    text(&Told {
        first: details
            .folders
            .first()
            .map(|first| Folder::of(first, &details.users)),
        folders: FolderList(details),
    })
}

/// What a search has found.
pub(super) fn found(context: &Context, details: &Details, comments: Comments) -> String {
    #[derive(Serialize)]
    struct Told<'a> {
        folders: FolderList<'a>,
        files: FileList<'a>,
    }
    text(&Told {
        folders: FolderList(details),
        files: FileList(context, details, comments),
    })
}

/// Folders, of which one object is there at a time.
struct FolderList<'a>(&'a Details);

impl Serialize for FolderList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let FolderList(Details { folders, users, .. }) = self;
        serializer.collect_seq(folders.iter().map(|detail| Folder::of(detail, users)))
    }
}

/// Files in the same way; perhaps with their comments.
struct FileList<'a>(&'a Context, &'a Details, Comments);

impl Serialize for FileList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let FileList(context, Details { files, users, .. }, comments) = self;
        let mut list = serializer.serialize_seq(Some(files.len()))?;
        for detail in files {
            if let Some(entry) = &detail.entry.file {
                list.serialize_element(&File::of(context, (detail, entry), users, *comments))?;
            }
        }
        list.end()
    }
}

/// Somebody, and when.
struct Who<'a> {
    at: Timestamp,
    user: Option<&'a User>,
    /// Whether the number at a school is told as well.
    with_matric_no: bool,
}

impl<'a> Who<'a> {
    fn of(users: &'a Users, by: UserId, at: Timestamp) -> Self {
        Who {
            at,
            user: users.get(&by).map(AsRef::as_ref),
            with_matric_no: false,
        }
    }

    /// The same for whoever asks about a file: numbers at a school are for tutors and above, and for their owners.
    fn on_file(self, context: &Context, role: SpaceRole) -> Self {
        let is_own = self
            .user
            .is_some_and(|user| user.id == context.principal.id());
        Who {
            with_matric_no: role.is_staff() || is_own,
            ..self
        }
    }

    fn write<M: SerializeMap>(&self, map: &mut M, keys: &WhoKeys) -> Result<(), M::Error> {
        map.serialize_entry(keys.date, &self.at.with_millis())?;
        let Some(user) = self.user else {
            return Ok(());
        };
        map.serialize_entry(keys.id, &user.uuid)?;
        map.serialize_entry(keys.name, user.display_name())?;
        map.serialize_entry(keys.user_id, &user.name)?;
        if let Some(email) = &user.email {
            map.serialize_entry(keys.email, email)?;
        }
        match &user.matric_no {
            Some(number) if self.with_matric_no => map.serialize_entry(keys.matric_no, number),
            Some(_) | None => Ok(()),
        }
    }
}

/// Under which names somebody is told.
struct WhoKeys {
    date: &'static str,
    id: &'static str,
    name: &'static str,
    user_id: &'static str,
    email: &'static str,
    matric_no: &'static str,
}

const CREATED: WhoKeys = WhoKeys {
    date: "createdDate",
    id: "creatorID",
    name: "creatorName",
    user_id: "creatorUserID",
    email: "creatorEmail",
    matric_no: "creatorMatricNo",
};

const UPDATED: WhoKeys = WhoKeys {
    date: "lastUpdatedDate",
    id: "lastUpdatedBy",
    name: "lastUpdatedByName",
    user_id: "lastUpdatedByUserID",
    email: "lastUpdatedByEmail",
    matric_no: "lastUpdatedByMatricNo",
};

/// The value of a setting; `None`: it is left out.
fn value_of(meaning: Meaning) -> Option<Value> {
    Some(match meaning {
        Meaning::Nothing => return None,
        Meaning::Flag(flag) => flag.into(),
        Meaning::Moment(moment) => moment.with_millis().into(),
        Meaning::Text(text) => text.into(),
        Meaning::Number(number) => number.into(),
        Meaning::Extensions(extensions) => extensions.into(),
        Meaning::FileTypes(types) => types.iter().map(file_type).collect(),
    })
}

fn file_type(file_type: &FileType) -> Value {
    match &file_type.extensions {
        None => json!({"fileTypeName": file_type.name}),
        Some(extensions) => json!({"fileTypeName": file_type.name, "extensions": extensions}),
    }
}

/// Settings, each under its own name.
fn write_settings<M: SerializeMap>(
    map: &mut M,
    detail: &Detail,
    settings: &[Setting],
) -> Result<(), M::Error> {
    for &setting in settings {
        if let Some(value) = value_of(detail.meaning(setting)) {
            map.serialize_entry(setting.field(), &value)?;
        }
    }
    Ok(())
}

/// A folder.
struct Folder<'a> {
    detail: &'a Detail,
    made: Who<'a>,
    changed: Who<'a>,
}

impl<'a> Folder<'a> {
    fn of(detail: &'a Detail, users: &'a Users) -> Self {
        Folder {
            detail,
            made: Who::of(users, detail.entry.created_by, detail.entry.created_at),
            changed: Who::of(users, detail.changed_by, detail.changed_at),
        }
    }
}

impl Serialize for Folder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Folder {
            detail,
            made,
            changed,
        } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &detail.entry.uuid)?;
        made.write(&mut map, &CREATED)?;
        changed.write(&mut map, &UPDATED)?;
        map.serialize_entry("name", detail.entry.name.as_str())?;
        let first = [Setting::StartDate, Setting::EndDate, Setting::Publish];
        write_settings(&mut map, detail, &first)?;
        map.serialize_entry("parentID", &detail.above.parent)?;
        map.serialize_entry("rootID", &detail.above.space)?;
        write_settings(&mut map, detail, &[Setting::FeedbackReleaseDate])?;
        map.serialize_entry("isActive", &detail.is_active)?;
        if !detail.above.path.is_empty() {
            map.serialize_entry("parentFolderPath", &path(detail))?;
        }
        let others = [
            Setting::SortFilesBy,
            Setting::AllowUpload,
            Setting::UploadDisplayOption,
            Setting::ViewAll,
            Setting::FolderScore,
            Setting::AllowComments,
            Setting::AllowAnnotate,
            Setting::SubmissionDeadline,
            Setting::AllowLateSubmission,
            Setting::AllowedFileType,
            Setting::AllowedSubmissionFileTypes,
        ];
        write_settings(&mut map, detail, &others)?;
        map.serialize_entry("isTurnitinFolder", &false)?;
        map.end()
    }
}

/// The names of the folders above, from the top; what stands between them does not stand in them.
fn path(detail: &Detail) -> String {
    let names = detail.above.path.iter();
    let names = names.map(|name| name.as_str().replace('%', "%25").replace('/', "%2F"));
    names.collect::<Vec<_>>().join("/")
}

/// A file.
struct File<'a> {
    detail: &'a Detail,
    entry: &'a FileEntry,
    made: Who<'a>,
    changed: Who<'a>,
    stream: Option<String>,
    comments: Option<Vec<Remark<'a>>>,
}

impl<'a> File<'a> {
    fn of(
        context: &Context,
        (detail, entry): (&'a Detail, &'a FileEntry),
        users: &'a Users,
        comments: Comments,
    ) -> Self {
        let Detail { role, .. } = *detail;
        let made = Who::of(users, detail.entry.created_by, detail.entry.created_at);
        let changed = Who::of(users, detail.changed_by, detail.changed_at);
        let is_stream = matches!(format(entry), "Audio" | "Video") && entry.may_download;
        let remark = |comment| Remark::of(detail, comment, users);
        File {
            detail,
            entry,
            made: made.on_file(context, role),
            changed: changed.on_file(context, role),
            stream: is_stream.then(|| {
                let path = context.links.path(&entry.file, context.at);
                format!("{}{path}", path_of(&context.base))
            }),
            comments: match comments {
                Comments::Whether => None,
                Comments::All => Some(detail.comments.iter().map(remark).collect()),
            },
        }
    }
}

/// What the paths of all links begin with, behind the host.
fn path_of(base: &str) -> &str {
    let host = base.split_once("://").map_or(base, |(_, host)| host);
    host.find('/').map_or("", |at| &host[at..])
}

/// What a file is.
fn format(entry: &FileEntry) -> &'static str {
    let media_type = entry.file.content.media_type.as_str();
    match media_type.split('/').next() {
        _ if entry.is_link => "Weblink",
        Some("audio") => "Audio",
        Some("video") => "Video",
        Some(_) | None => "File",
    }
}

impl Serialize for File<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let File { detail, entry, .. } = self;
        let uuid = &detail.entry.uuid;
        let name = detail.entry.name.as_str();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", uuid)?;
        // Files lie directly in their folder.
        map.serialize_entry("parentID", uuid)?;
        map.serialize_entry("resourceID", &detail.above.parent)?;
        write_settings(&mut map, detail, &[Setting::Publish])?;
        map.serialize_entry("name", name)?;
        let others = [
            Setting::Url,
            Setting::Description,
            Setting::IsCompulsory,
            Setting::AllowDownload,
        ];
        write_settings(&mut map, detail, &others)?;
        let size = if entry.is_link {
            0
        } else {
            entry.file.content.size
        };
        map.serialize_entry("fileSize", &size)?;
        map.serialize_entry("fileFormat", format(entry))?;
        map.serialize_entry("fileName", if entry.is_link { "" } else { name })?;
        map.serialize_entry("hasComments", &detail.has_comments)?;
        if let Some(stream) = &self.stream {
            map.serialize_entry("streamUrlPath", stream)?;
        }
        self.made.write(&mut map, &CREATED)?;
        self.changed.write(&mut map, &UPDATED)?;
        if let Some(comments) = &self.comments {
            map.serialize_entry("comment", comments)?;
        }
        map.end()
    }
}

/// A comment on a file.
struct Remark<'a> {
    detail: &'a Detail,
    id: String,
    fields: Value,
    made: Who<'a>,
    changed: Who<'a>,
}

impl<'a> Remark<'a> {
    fn of(detail: &'a Detail, comment: &'a Comment, users: &'a Users) -> Self {
        let Comment {
            property,
            made_at,
            made_by,
        } = comment;
        let fields = match Setting::Comment.meaning(Some(&property.content)) {
            Meaning::Text(text) => serde_json::from_str(&text).unwrap_or_default(),
            Meaning::Nothing
            | Meaning::Flag(_)
            | Meaning::Moment(_)
            | Meaning::Number(_)
            | Meaning::Extensions(_)
            | Meaning::FileTypes(_) => Value::Null,
        };
        let id = property.key.name.as_str().rsplit('.').next();
        Remark {
            detail,
            id: id.unwrap_or_default().to_lowercase(),
            fields,
            made: Who::of(users, *made_by, *made_at),
            changed: Who::of(users, property.modified_by, property.modified_at),
        }
    }
}

impl Serialize for Remark<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Remark { detail, fields, .. } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("targetID", &detail.entry.uuid)?;
        map.serialize_entry("resourceID", &detail.above.parent)?;
        let publish = fields.get("publish").and_then(Value::as_bool);
        map.serialize_entry("publish", &publish.unwrap_or(true))?;
        for field in ["mark", "moderation"] {
            if let Some(value) = fields.get(field) {
                map.serialize_entry(field, value)?;
            }
        }
        let number = |field: &str| fields.get(field).and_then(Value::as_f64);
        if let Some(mark) = number("mark") {
            // What has no number any more is left out.
            let mark = Some(mark + number("moderation").unwrap_or_default());
            if let Some(mark) = mark.filter(|mark| mark.is_finite()) {
                map.serialize_entry("finalMark", &mark)?;
            }
        }
        for field in ["remark", "fileRemarksAttachment"] {
            if let Some(value) = fields.get(field) {
                map.serialize_entry(field, value)?;
            }
        }
        self.made.write(&mut map, &CREATED)?;
        self.changed.write(&mut map, &UPDATED)?;
        map.end()
    }
}

//! What comes of a change of a file: a new one, the next revision, or none any more (`mindtouch.md` §13, `redu.md` §4).

use super::super::{
    AddFile, Content, DESCRIPTION_PROPERTY, Demand, Done, File, FileDescription, MediaType,
    NewNode, NodeId, NodeKind, NodeName, Outcome, Property, PropertyKey, PropertyName, Refusal,
    ResourceId, Revision, Right, Setting, SpaceRole, Upload, setting_text,
};
use super::conditions::{meet_file, meet_node};
use super::{Decision, Found};
use bytes::Bytes;

impl Decision<'_> {
    pub(super) fn upload(&mut self, page: NodeId, upload: &Upload, found: &Found) -> Done {
        let (file, head) = if let Found::File {
            file, description, ..
        } = found
        {
            let file = self.next_revision(file, &upload.content, None);
            (file, description.as_ref())
        } else {
            (self.new_file(page, &upload.file, &upload.content), None)
        };
        let property = match &upload.description {
            FileDescription::Keep => None,
            FileDescription::Set(text) => self.describe(file.id, text, head),
        };
        Done::Uploaded {
            file,
            property,
            submitted: false,
        }
    }

    pub(super) fn revise(
        &mut self,
        content: &Content,
        rename: Option<&NodeName>,
        demand: Option<&Demand>,
        found: &Found,
    ) -> Outcome {
        let Found::File {
            file, name_taken, ..
        } = found
        else {
            return Err(Refusal::NoSuchFile);
        };
        meet_file(demand, found, &file.name)?;
        if *name_taken {
            return Err(Refusal::FileNameTaken(rename.unwrap_or(&file.name).clone()));
        }
        Ok(Done::Uploaded {
            file: self.next_revision(file, content, rename),
            property: None,
            submitted: false,
        })
    }

    pub(super) fn new_file(&mut self, parent: NodeId, new: &NewNode, content: &Content) -> File {
        File {
            id: self.next.take_node(),
            uuid: new.uuid,
            parent,
            name: new.name.clone(),
            revision: Revision::FIRST,
            content: content.clone(),
            modified_at: self.at,
            modified_by: self.by.id(),
        }
    }

    pub(super) fn next_revision(
        &self,
        file: &File,
        content: &Content,
        rename: Option<&NodeName>,
    ) -> File {
        File {
            revision: file.revision.next(),
            name: rename.unwrap_or(&file.name).clone(),
            content: content.clone(),
            modified_at: self.at,
            modified_by: self.by.id(),
            ..file.clone()
        }
    }

    pub(super) fn describe(
        &mut self,
        file: NodeId,
        text: &str,
        head: Option<&Property>,
    ) -> Option<Property> {
        let name: PropertyName = DESCRIPTION_PROPERTY.parse().ok()?;
        let key = PropertyKey {
            resource: ResourceId::Node(file),
            name,
        };
        let content = Content::inline(
            MediaType::text_utf8(),
            Bytes::copy_from_slice(text.as_bytes()),
        );
        Some(self.written(key, head, content, String::new()))
    }

    pub(super) fn remove(
        &self,
        resource: ResourceId,
        demand: Option<&Demand>,
        found: &Found,
    ) -> Outcome {
        let place = self.place(resource).ok_or(Refusal::NoSuchFile)?;
        if let Found::Folder { folder, is_first } = found {
            if folder.kind != NodeKind::Folder {
                return Err(Refusal::NoSuchFolder);
            }
            place.allow(self.by, Right::Delete)?;
            let missing = Refusal::NoSuchFolder;
            meet_node(demand, Some(folder.etag()), missing.clone(), missing)?;
            return if *is_first {
                Err(Refusal::RootFolder)
            } else {
                Ok(Done::Removed)
            };
        }
        let file = found.file().ok_or(Refusal::NoSuchFile)?;
        place.allow(self.by, Right::Submit)?;
        meet_file(demand, found, &file.name)?;
        Ok(Done::Removed)
    }

    pub(super) fn add_file(
        &mut self,
        resource: ResourceId,
        new: &AddFile,
        found: &Found,
    ) -> Outcome {
        let (folder, place) = self.folder(resource, &[NodeKind::Folder])?;
        let role = place.space.and_then(|ground| ground.role);
        let submitted = !role.is_some_and(SpaceRole::is_staff);
        let mut is_late = false;
        if submitted {
            let Found::Submission {
                extensions,
                settings,
            } = found
            else {
                return Err(Refusal::NoSuchFolder);
            };
            if !extensions.allow(new.file.name.as_str()) {
                return Err(Refusal::FileType(extensions.clone()));
            }
            is_late = settings.is_late(self.at);
        }
        let file = self.new_file(folder, &new.file, &new.content);
        let late = Setting::IsLate.property().filter(|_| is_late);
        let property = late.map(|name| {
            let key = PropertyKey {
                resource: ResourceId::Node(file.id),
                name,
            };
            self.written(key, None, setting_text("true"), String::new())
        });
        Ok(Done::Uploaded {
            file,
            property,
            submitted,
        })
    }
}

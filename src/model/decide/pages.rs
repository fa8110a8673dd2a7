//! What comes of a change of a page (`mindtouch.md` §14).

use super::super::{
    Content, Demand, Done, MediaType, NodeKind, Outcome, Page, PageSeen, Refusal, Revision, Right,
    WritePage,
};
use super::conditions::meet_node;
use super::{Decision, Found};
use bytes::Bytes;

impl Decision<'_> {
    /// The next revision of a page; or the first one, and those of the pages above it that are not there either.
    pub(super) fn write_page(&mut self, write: &WritePage, found: &Found) -> Outcome {
        let Found::Page {
            page,
            place,
            missing,
        } = found
        else {
            return Err(Refusal::NoSuchPage);
        };
        // Spaces and folders have no text, and no pages lie in them.
        if page.kind != NodeKind::Page {
            return Err(Refusal::NoSuchPage);
        }
        let to_make = &write.below[write.below.len().saturating_sub(*missing)..];
        if to_make.is_empty() {
            place.allow(self.by, Right::Update)?;
            let last = page.modified_at;
            let taken = Refusal::PageChanged { last: Some(last) };
            meet_node(
                write.demand.as_ref(),
                Some(page.etag()),
                taken,
                Refusal::NoSuchPage,
            )?;
            match write.seen {
                // Whoever demands a certain revision has seen it.
                _ if matches!(write.demand, Some(Demand::OneOf(_) | Demand::Present)) => {}
                Some(PageSeen::Any) => {}
                Some(PageSeen::At(at)) if at.seconds() == last.seconds() => {}
                Some(PageSeen::At(_)) | None => {
                    return Err(Refusal::PageChanged { last: Some(last) });
                }
            }
            return Ok(Done::PageWritten(vec![Page {
                revision: page.revision.next(),
                content: write.content.clone(),
                modified_at: self.at,
                modified_by: self.by.id(),
                ..Page::clone(page)
            }]));
        }
        place.allow(self.by, Right::Create)?;
        let missing = Refusal::PageChanged { last: None };
        meet_node(write.demand.as_ref(), None, missing.clone(), missing)?;
        let (mut parent, mut pages) = (page.id, Vec::new());
        for (number, new) in to_make.iter().enumerate() {
            let id = self.next.take_node();
            let is_last = number + 1 == to_make.len();
            pages.push(Page {
                id,
                kind: NodeKind::Page,
                uuid: new.uuid,
                parent: Some(parent),
                name: new.name.clone(),
                revision: Revision::FIRST,
                content: if is_last {
                    write.content.clone()
                } else {
                    Content::inline(MediaType::text_utf8(), Bytes::new())
                },
                modified_at: self.at,
                modified_by: self.by.id(),
            });
            parent = id;
        }
        Ok(Done::PageWritten(pages))
    }
}

//! The domain: what a property is, what may be asked of it, and what comes of it.
//!
//! Nothing here does I/O, reads a clock or a random number, waits, or knows HTTP: time, randomness and what is stored
//! arrive as arguments. The one function to read first is [`decide()`]: it holds every rule of a write.

mod batch;
mod content;
mod decide;
mod detail;
mod etag;
mod fold;
mod id;
mod permission;
mod principal;
mod setting;
mod space;
mod tree;
mod view;

pub use batch::{
    AddFile, Batch, Change, Delete, Demand, Done, Edit, Enroll, Invalid, NewSpace, OnRefusal,
    Outcome, PageSeen, Precondition, Property, Put, Refusal, Set, Upload, WritePage,
};
pub use content::{Body, Charset, Content, MEDIA_TYPE_BYTES_MAX, MediaType};
pub use decide::{Found, NextIds, Snapshot, decide};
pub use detail::{
    Above, Comment, Comments, DETAILS_BYTES_MAX, Detail, Details, Named, SEARCH_CHARS_MAX,
    SEARCH_CHARS_MIN, TreeSearch, Uuids, contains, shows_comment,
};
pub use etag::{Etag, Revision, Timestamp};
pub use fold::search_form;
pub use id::{
    ContentId, GroupId, NODE_NAME_CHARS_MAX, NameFault, NodeId, NodeName, PROPERTY_NAME_CHARS_MAX,
    PropertyId, PropertyKey, PropertyName, ResourceId, UserId, is_xml_char, not_xml,
};
pub use permission::{
    Denied, Grant, Grantee, Ground, PageGround, Permissions, Restriction, check_user_change,
    on_page, require, rights_on,
};
pub use principal::{
    Access, Caller, Group, LOGIN_CHARS_MAX, LoginFault, Member, PERSON_BYTES_MAX, Principal, Right,
    Rights, Role, User, UserChange, check_login, check_person,
};
pub use setting::{
    Extensions, FileOrder, FileType, Kept, Meaning, SETTING_BYTES_MAX, SETTING_PREFIX, Setting,
    Settings, check_setting, is_comment, moment, setting_text,
};
pub use space::{
    AccessList, FOLDER_LEVELS_MAX, Inside, Level, Listed, Source, SpaceGround, SpaceRole, Spaces,
    source,
};
pub use tree::{
    Address, DESCRIPTION_PROPERTY, File, FileDescription, LANGUAGE_CHARS_MAX, Language, NewNode,
    Node, NodeKind, PAGE_LEVELS_MAX, Page, Place, ROOT_FOLDER, title_levels,
};
pub use view::{
    Entries, Entry, FILES_PATHS_BYTES_MAX, FOUND_PAGES_MAX, FOUND_PATHS_BYTES_MAX, FileEntry,
    FileHistory, FileView, FoundPage, FoundPages, ListQuery, Listing, NameFilter, NamePattern,
    PageSearch, PageView, SHOWN_BYTES, Users, check_paths,
};

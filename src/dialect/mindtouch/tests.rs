//! Requests become batches and outcomes become XML: the documented examples first, then the corners.
//!
//! Times, ids and the host are fixed, so nothing in a snapshot has to be hidden.

use super::request::{self, Languages, WrittenIn};
use super::response::{self, ChangeName, Links, OwnerKind};
use crate::config::{Limits, Privacy};
use crate::dialect::{Context, LinkKey};
use crate::model::{
    Access, Batch, Change, Edit, Found, NextIds, NodeId, NodeKind, Place, Principal, Property,
    PropertyId, PropertyName, ResourceId, Revision, Rights, Role, Snapshot, Timestamp, User,
    UserId, decide,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use uuid::Uuid;

const FILE: i64 = 9;

fn context() -> Context {
    let user = User {
        id: UserId::ADMIN,
        uuid: Uuid::nil(),
        name: "Admin".to_owned(),
        full_name: "Melanie Elder".to_owned(),
        email: Some("melder@mindtouch.com".to_owned()),
        matric_no: None,
        role: Role::Admin,
        access: Access::Active,
        created_at: Timestamp::from_millis(0),
        passwords: 1,
    };
    Context {
        principal: Principal::new(Arc::new(user)),
        at: Timestamp::from_millis(1_263_520_228_000),
        place: None,
        base: "http://192.168.168.110".into(),
        privacy: Privacy::default(),
        seed: Uuid::nil(),
        links: Arc::new(LinkKey::new([7; 32])),
        request: 1,
    }
}

fn resource() -> ResourceId {
    ResourceId::Node(NodeId::new(FILE).unwrap())
}

fn parse(body: &str) -> Result<Vec<Change>, String> {
    let limits = Limits::default();
    request::batch(
        &body.to_owned().into(),
        &WrittenIn::Xml(None),
        resource(),
        Languages::Ignored,
        &limits,
    )
    .map_err(|fault| fault.to_string())
}

/// A batch in short: a line for each change.
fn edits(body: &str) -> String {
    let mut text = String::new();
    match parse(body) {
        Err(fault) => text.push_str(&fault),
        Ok(changes) => {
            for Change { edit, .. } in changes {
                match edit {
                    Edit::Put(put) => writeln!(
                        text,
                        "put {:?} {:?} {} {:?} {:?}",
                        put.name.as_str(),
                        put.precondition,
                        put.content.media_type,
                        put.content.body,
                        put.description
                    ),
                    Edit::Delete(delete) => {
                        writeln!(text, "delete {:?} {:?}", delete.name.as_str(), delete.etag)
                    }
                    Edit::Refused { name, refusal } => {
                        writeln!(text, "refused {name:?}: {refusal}")
                    }
                    other @ (Edit::Set(_)
                    | Edit::SetLanguage(_)
                    | Edit::Upload(_)
                    | Edit::Revise { .. }
                    | Edit::Remove { .. }
                    | Edit::WritePage(_)
                    | Edit::SetPermissions(_)
                    | Edit::AddSpace(_)
                    | Edit::AddFolder(_)
                    | Edit::Rename(_)
                    | Edit::AddFile(_)
                    | Edit::Enroll(_)
                    | Edit::SetAccess(_)) => writeln!(text, "{other:?}"),
                }
                .unwrap();
            }
        }
    }
    text
}

/// The heads that are there: (name, id, revision, value).
type Heads<'a> = &'a [(&'a str, i64, i64, &'a str)];

/// The answer to a batch on these heads, with each element on a line of its own.
fn answer(heads: Heads<'_>, body: &str) -> String {
    let context = context();
    let changes = parse(body).unwrap();
    let head = |name: &str| {
        let (_, id, revision, value) = heads.iter().find(|(n, ..)| *n == name)?;
        Some(Property {
            id: PropertyId::new(*id)?,
            key: crate::model::PropertyKey {
                resource: resource(),
                name: name.parse().ok()?,
            },
            revision: Revision::new(*revision)?,
            content: crate::model::Content::inline(
                "text/plain".parse().ok()?,
                bytes::Bytes::copy_from_slice(value.as_bytes()),
            ),
            description: String::new(),
            modified_at: Timestamp::from_millis(1_263_520_000_000),
            modified_by: UserId::ADMIN,
        })
    };
    let name = |change: &Change| match &change.edit {
        Edit::Put(put) => Some(put.name.clone()),
        Edit::Delete(delete) => Some(delete.name.clone()),
        Edit::Set(set) => Some(set.name.clone()),
        Edit::Refused { .. }
        | Edit::SetLanguage(_)
        | Edit::Upload(_)
        | Edit::Revise { .. }
        | Edit::Remove { .. }
        | Edit::WritePage(_)
        | Edit::SetPermissions(_)
        | Edit::AddSpace(_)
        | Edit::AddFolder(_)
        | Edit::Rename(_)
        | Edit::AddFile(_)
        | Edit::Enroll(_)
        | Edit::SetAccess(_) => None,
    };
    let found = |change: &Change| {
        let head = name(change).and_then(|name: PropertyName| head(name.as_str()));
        head.map_or(Found::Nothing, Found::Property)
    };
    let place = Place {
        resource: resource(),
        kind: Some(NodeKind::File),
        rights: Rights::ALL,
        page: Some(NodeId::HOME),
        space: None,
        missing: 0,
    };
    let snapshot = Snapshot {
        places: [(resource(), Ok(place))].into(),
        found: changes.iter().map(found).collect(),
        makers: BTreeMap::new(),
        next: NextIds {
            property: PropertyId::new(48).unwrap(),
            node: NodeId::new(10).unwrap(),
        },
    };
    let names: Vec<ChangeName> = changes.iter().map(ChangeName::of).collect();
    let batch = Batch::new(context.principal.clone(), context.at, changes).unwrap();
    let (outcomes, _) = decide(&snapshot, &batch).unwrap();
    let links = Links::new(&context, OwnerKind::File, resource());
    let uri = "http://192.168.168.110/@api/deki/files/9/properties";
    let (status, xml) = response::batch(&context, &links, uri, &names, &outcomes);
    format!("{status}\n{}", xml.replace("><", ">\n<"))
}

#[test]
fn documented_fileprop_is_read() {
    insta::assert_snapshot!(edits(include_str!("../../../examples/fileprop.xml")));
}

#[test]
fn documented_fileprop_is_answered() {
    let heads = &[("iscopyright", 47, 1, "no")];
    insta::assert_snapshot!(answer(
        heads,
        include_str!("../../../examples/fileprop.xml")
    ));
}

#[test]
fn documented_sample_is_answered() {
    let batch = include_str!("../../../examples/properties.xml")
        .replace("\"ETAG\"", "\"4465.r1_ts2010-01-15T01:46:40Z\"");
    insta::assert_snapshot!(answer(&[("myprop", 4465, 1, "initial value")], &batch));
}

#[test]
fn batch_items_that_are_bad_by_themselves_ride_along() {
    insta::assert_snapshot!(edits(
        r#"<properties>
            <property><contents type="text/plain">no name</contents></property>
            <property name="no type"><contents>x</contents></property>
            <property name="bad type"><contents type="text">x</contents></property>
            <property name="not text"><contents type="image/png">x</contents></property>
            <property name="unknown charset"><contents type="text/plain; charset=x">x</contents></property>
            <property name="too narrow"><contents type="text/plain; charset=us-ascii">é</contents></property>
            <property name="good"><contents type="text/plain"/></property>
            <property name=""/>
        </properties>"#
    ));
}

#[test]
fn batch_values_are_text_or_markup() {
    insta::assert_snapshot!(edits(
        r#"<properties xmlns:o="urn:outer">
            <property name="spaces"><contents type="text/plain">  a b&#9; </contents></property>
            <property name="cdata"><contents type="text/plain">a<![CDATA[<b>]]>c</contents></property>
            <property name="comment"><contents type="text/plain">a<!-- x -->b<?p i?>c</contents></property>
            <property name="entities"><contents type="text/plain">&lt;&amp;&gt;&#233;&#x20AC;</contents></property>
            <property name="markup"><contents type="application/xml"><foo a='1'/> <o:b>&lt;</o:b></contents></property>
            <property name="latin"><contents type="text/plain; charset=iso-8859-1">é</contents></property>
        </properties>"#
    ));
}

#[test]
fn batch_etags_and_descriptions() {
    insta::assert_snapshot!(edits(
        r#"<properties>
            <property name="empty etag" etag=""><contents type="text/plain"/></property>
            <property name="etag" etag="1.r1"><contents type="text/plain"/><contents type="x/y">2nd</contents></property>
            <property name="delete" etag="2.r1"/>
            <property name="old"><contents type="text/plain"/><description>d</description></property>
            <property name="new"><contents type="text/plain"/><change-description>c</change-description></property>
            <property name="both"><change-description>c</change-description><contents type="text/plain"/><description>d</description></property>
            <unknown><property name="hidden"/></unknown>
        </properties>"#
    ));
}

#[test]
fn batch_answers_say_successes_before_refusals() {
    let heads = &[
        ("a", 1, 3, "old a"),
        ("b", 2, 1, "old b"),
        ("d", 3, 1, "<d>"),
    ];
    insta::assert_snapshot!(answer(
        heads,
        r#"<properties>
            <property name="a"><contents type="text/plain">no etag</contents></property>
            <property name="b" etag="2.r1_ts2010-01-15T01:46:40Z"><contents type="text/plain">new b</contents></property>
            <property name="c" etag="2.r1_ts2010-01-15T01:46:40Z"><contents type="text/plain">gone</contents></property>
            <property name="d"/>
            <property name="it's &quot;new&quot; &lt;&amp;&gt;"><contents type="application/json">{}</contents></property>
        </properties>"#
    ));
}

#[test]
fn documents_that_are_no_batch_are_refused() {
    insta::assert_snapshot!(
        [
            "",
            "<properties>",
            "<property name='a'/>",
            "<properties xmlns='urn:x'/>",
            "<p:properties xmlns:p='urn:x'/>",
            "<properties><property name='a'><contents xmlns='urn:x' type='text/plain'>v</contents></property></properties>",
            "<!DOCTYPE properties><properties/>",
            "<properties><property name='a'>&nbsp;</property></properties>",
        ]
        .map(edits)
        .join("\n--\n")
    );
}

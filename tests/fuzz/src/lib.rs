//! What the fuzz targets share: requests as a dialect sees them, documents as trees, and a whole server without sockets.
//!
//! A target panics where propstore does not keep what it promises; the input that made it panic becomes a test.

pub mod formats;
pub mod site;
pub mod tree;

use bytes::Bytes;
use http::Request;
use propstore::config::{Limits, Privacy};
use propstore::dialect::{BodyPlan, Call, Context, DIALECTS, Dialect, LinkKey, Next, Payload};
use propstore::fault::Fault;
use propstore::http::{Answer, AnswerBody, Head};
use propstore::model::{
    Access, Body, NodeId, Place, Principal, ResourceId, Rights, Role, Timestamp, User, UserId,
};
use std::sync::Arc;
use std::sync::LazyLock;
use uuid::Uuid;

/// The limits that nobody has changed.
pub static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);

/// The dialect that claims every path.
pub fn mindtouch() -> &'static dyn Dialect {
    let [.., last] = DIALECTS;
    last
}

/// The head of a request; `None` if HTTP has no such head.
pub fn head(method: &str, target: &str, fields: &[(&str, &[u8])]) -> Option<Arc<Head>> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).ok()?.into_parts();
    Some(Arc::new(Head::new(parts)))
}

/// Somebody who may do everything on the page home.
pub fn context() -> Context {
    let user = User {
        id: UserId::ADMIN,
        uuid: Uuid::nil(),
        name: "Admin".to_owned(),
        full_name: String::new(),
        email: None,
        matric_no: None,
        role: Role::Admin,
        access: Access::Active,
        created_at: Timestamp::from_millis(0),
        passwords: 1,
    };
    Context {
        principal: Principal::new(Arc::new(user)),
        at: Timestamp::from_millis(1_263_520_228_000),
        place: Some(Place {
            resource: ResourceId::Node(NodeId::HOME),
            kind: None,
            rights: Rights::ALL,
            page: Some(NodeId::HOME),
            space: None,
            missing: 0,
        }),
        base: "http://wiki.example".into(),
        privacy: Privacy::default(),
        seed: Uuid::nil(),
        links: Arc::new(LinkKey::new([7; 32])),
        request: 1,
    }
}

/// Nothing, dealt with as a request has it planned.
pub fn nothing(plan: &BodyPlan) -> Payload {
    match plan {
        BodyPlan::Ignore => Payload::Nothing,
        BodyPlan::Whole { .. } => Payload::Whole(Bytes::new()),
        BodyPlan::Content { .. } => Payload::Content {
            body: Body::Inline(Bytes::new()),
            size: 0,
        },
        BodyPlan::Part { .. } => Payload::Part(None),
    }
}

/// What a request of the MindTouch dialect asks for.
pub fn call(head: &Arc<Head>, body: Payload) -> Result<Call, Fault> {
    let plan = mindtouch().plan(head, &LIMITS)?;
    (plan.finish?)(context(), body)
}

/// The document that an answer consists of.
pub fn document(next: Next) -> String {
    let Next::Say(Answer {
        body: AnswerBody::Document(document),
        ..
    }) = next
    else {
        panic!("the answer is no document");
    };
    document
}

/// An answer in its last form.
pub fn bytes(answer: Answer) -> Bytes {
    match answer.body {
        AnswerBody::Bytes(bytes) => bytes,
        AnswerBody::Document(_) | AnswerBody::Content { .. } => {
            panic!("the answer has no last form")
        }
    }
}

/// Checks what is said of a fault: it is not one of ours, and an error in XML is well-formed.
pub fn check_fault(dialect: &dyn Dialect, head: &Head, fault: &Fault) {
    assert!(!matches!(fault, Fault::Internal(_)));
    let answer = dialect.shape(head, dialect.fault(head, "http://wiki.example", fault));
    assert!(
        !answer.status.is_server_error(),
        "{}: {fault}",
        answer.status
    );
    let is_xml = answer
        .headers
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/xml"));
    let text = String::from_utf8(bytes(answer).to_vec()).expect("an error is text");
    if is_xml {
        tree::read(&text).expect("an error is well-formed");
    }
}

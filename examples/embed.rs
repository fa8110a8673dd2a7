//! The main job without HTTP: a program that keeps properties in a file of its own.
//!
//! `cargo run --example embed` makes a database in a temporary folder, puts a file into it, sends a batch, and shows that
//! an etag that is out of date changes nothing.

use bytes::Bytes;
use propstore::auth::{Hasher, new_key};
use propstore::model::{
    Batch, Caller, Change, Content, Done, Edit, FileDescription, ListQuery, NameFilter, NewNode,
    NodeId, Outcome, Precondition, Principal, Put, ResourceId, SHOWN_BYTES, Timestamp, Upload,
    UserId,
};
use propstore::store::{Setup, Sqlite, SqliteOptions, Store};
use std::error::Error;
use std::time::SystemTime;
use uuid::Uuid;

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map(|since| since.as_millis()).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

fn put(
    resource: ResourceId,
    name: &str,
    value: &'static str,
    seen: Option<String>,
) -> Result<Change, Box<dyn Error>> {
    let media_type = "text/plain".parse().map_err(|()| "not a media type")?;
    let put = Put {
        name: name.parse()?,
        content: Content::inline(media_type, Bytes::from(value)),
        description: String::new(),
        demand: None,
        precondition: Precondition::Seen(seen),
    };
    Ok(Change {
        resource,
        edit: Edit::Put(put),
    })
}

fn show(outcomes: &[Outcome]) {
    for outcome in outcomes {
        match outcome {
            Ok(Done::Put(property)) => {
                println!("  {} is now {}", property.key.name, property.etag());
            }
            Ok(other) => println!("  {other:?}"),
            Err(refusal) => println!("  refused: {refusal}"),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let options = SqliteOptions::new(folder.path().join("embedded.db"));
    let store = Sqlite::open(&options, || {
        let admin_password = Hasher::hash_here("a password").map_err(|error| error.to_string())?;
        Ok(Setup {
            admin_password,
            link_key: new_key().map_err(|error| error.to_string())?,
            at: now(),
        })
    })?;
    let admin = Principal::new(store.user(UserId::ADMIN).await?);

    let upload = Upload {
        demand: None,
        file: NewNode {
            name: "picture.jpg".parse()?,
            uuid: Uuid::new_v4(),
        },
        content: Content::inline(
            "image/jpeg".parse().map_err(|()| "not a media type")?,
            Bytes::from("…"),
        ),
        description: FileDescription::Keep,
    };
    let home = ResourceId::Node(NodeId::HOME);
    let batch = Batch::of_one(admin.clone(), now(), home, Edit::Upload(upload));
    let outcomes = store.write(batch).await?;
    let Some(Ok(Done::Uploaded { file, .. })) = outcomes.first() else {
        return Err("the file was not made".into());
    };
    let file = ResourceId::Node(file.id);

    println!("Two properties in one transaction:");
    let changes = vec![
        put(file, "blackandwhite", "yes", None)?,
        put(file, "type", "image", None)?,
    ];
    let outcomes = store
        .write(Batch::new(admin.clone(), now(), changes)?)
        .await?;
    show(&outcomes);

    println!("One of them again with its etag, and once more with the same etag:");
    let etag = outcomes.iter().flatten().find_map(|done| {
        if let Done::Put(property) = done {
            Some(property.etag().to_string())
        } else {
            None
        }
    });
    for value in ["no", "perhaps"] {
        let changes = vec![put(file, "blackandwhite", value, etag.clone())?];
        show(
            &store
                .write(Batch::new(admin.clone(), now(), changes)?)
                .await?,
        );
    }

    println!("What is there:");
    let reader = Caller {
        who: admin,
        at: now(),
    };
    let query = ListQuery {
        resource: file,
        names: NameFilter::All,
        cutoff: SHOWN_BYTES,
    };
    for property in store.list(&reader, query).await?.properties {
        let text = property.content.shown_text(SHOWN_BYTES).unwrap_or_default();
        println!("  {} = {text}", property.key.name);
    }
    store.close();
    Ok(())
}

//! The pieces of a write and of a read, each by itself: what they cost without a network and without other requests.
//!
//! `cargo bench --bench pieces [FILTER]`. Everything goes through the traits [`Dialect`] and [`Store`], as the service
//! does it, so the numbers mean the same after what is behind the traits has been rewritten. A value has 64 bytes, and
//! every update carries etags that fit.
//!
//! - `parse`: from the head and the bytes of a batch to a [`Batch`].
//! - `decide`: the rules alone, on a snapshot that is there already.
//! - `apply`: a whole write to a store; to SQLite on the disk on which this was built it waits for the disk.
//! - `render`: from outcomes or a listing to the bytes of the answer; with names beyond ASCII, each is coded in the links.
//! - `names`: from the head of a `GET` to the key of the property that it names.

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use http::Request;
use propstore::auth::Hasher;
use propstore::config::{Limits, Privacy};
use propstore::dialect::{Call, Context, DIALECTS, Dialect, LinkKey, Next, Payload, Reply};
use propstore::fault::Fault;
use propstore::http::Head;
use propstore::model::{
    Address, Batch, Caller, Change, Content, Done, Edit, FileDescription, Found, ListQuery,
    Listing, NameFilter, NewNode, NextIds, NodeId, Outcome, Place, Precondition, Principal,
    Property, PropertyId, Put, ResourceId, SHOWN_BYTES, Snapshot, Timestamp, Upload, UserId,
    decide,
};
use propstore::store::{Memory, Setup, Sqlite, SqliteOptions, Store};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use uuid::Uuid;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The sizes of batches.
const SIZES: [usize; 2] = [20, 1000];

/// The type of all values.
const TEXT: &str = "text/plain";

/// How a property is called.
type Naming = fn(usize) -> String;

fn ascii(number: usize) -> String {
    format!("property{number:05}")
}

fn beyond_ascii(number: usize) -> String {
    format!("größe жу {number:05}")
}

fn value(number: usize) -> String {
    format!("{number:064}")
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let runtime = Runtime::new()?;
    for size in SIZES {
        parse(&mut criterion, &runtime, size)?;
        decide_update(&mut criterion, &runtime, size)?;
        apply(&mut criterion, &runtime, size)?;
        render_batch(&mut criterion, &runtime, size)?;
    }
    for (name, naming) in [("ascii", ascii as Naming), ("beyond ascii", beyond_ascii)] {
        render_list(&mut criterion, &runtime, name, naming)?;
        names(&mut criterion, &runtime, name, naming)?;
    }
    criterion.final_summary();
    Ok(())
}

/// A store with one file, whoever works on it, and what the service would tell a dialect.
struct Bench<'a> {
    runtime: &'a Runtime,
    store: Box<dyn Store>,
    dialect: &'static dyn Dialect,
    limits: Limits,
    context: Context,
    place: Place,
    /// How many batches were written.
    written: usize,
}

/// What a store begins with.
fn setup() -> std::result::Result<Setup, String> {
    Ok(Setup {
        admin_password: Hasher::hash_here("a password").map_err(|error| error.to_string())?,
        link_key: [7; 32],
        at: now(),
    })
}

impl<'a> Bench<'a> {
    fn in_memory(runtime: &'a Runtime) -> Result<Self> {
        let store = Memory::new(setup()?);
        Self::new(runtime, Box::new(store))
    }

    fn caller(&self) -> Caller {
        Caller {
            who: self.context.principal.clone(),
            at: now(),
        }
    }

    fn new(runtime: &'a Runtime, store: Box<dyn Store>) -> Result<Self> {
        let principal = Principal::new(runtime.block_on(store.user(UserId::ADMIN))?);
        let upload = Edit::Upload(Upload {
            demand: None,
            file: NewNode {
                name: "file".parse()?,
                uuid: Uuid::from_u128(1),
            },
            content: content("a file".to_owned())?,
            description: FileDescription::Keep,
        });
        let home = ResourceId::Node(NodeId::HOME);
        let batch = Batch::of_one(principal.clone(), now(), home, upload);
        let outcomes = runtime.block_on(store.write(batch))?;
        let Some(Ok(Done::Uploaded { file, .. })) = outcomes.first() else {
            return Err("the file was not made".into());
        };
        let caller = Caller {
            who: principal.clone(),
            at: now(),
        };
        let place = runtime.block_on(store.locate(&caller, Address::File(file.id)))?;
        let context = Context {
            principal,
            at: now(),
            place: Some(place),
            base: "http://127.0.0.1:8081".into(),
            privacy: Privacy::default(),
            seed: Uuid::nil(),
            links: Arc::new(LinkKey::new([7; 32])),
            request: 1,
        };
        Ok(Bench {
            runtime,
            store,
            dialect: DIALECTS[0],
            limits: Limits::default(),
            context,
            place,
            written: 0,
        })
    }

    /// The head of a request about the file, or about a property of it.
    fn head(&self, method: &str, path: &str) -> Result<Arc<Head>> {
        let uri = format!("/@api/deki/files/{}/{path}", self.place.resource.key());
        let request = Request::builder().method(method).uri(uri);
        let request = request.header("Content-Type", "application/xml").body(())?;
        Ok(Arc::new(Head::new(request.into_parts().0)))
    }

    /// What a request asks of the store.
    fn call(&self, head: &Arc<Head>, body: Payload) -> std::result::Result<Call, Fault> {
        let plan = self.dialect.plan(head, &self.limits)?;
        plan.finish?(self.context.clone(), body)
    }

    /// A batch that gives so many properties values, over what was seen of them.
    fn batch(&self, size: usize, naming: Naming, seen: &[Property]) -> Result<Batch> {
        let changes = (0..size).map(|number| {
            let seen = seen.get(number);
            Ok(Change {
                resource: self.place.resource,
                edit: Edit::Put(Put {
                    name: naming(number).parse()?,
                    content: content(value(number + self.written))?,
                    description: String::new(),
                    demand: None,
                    precondition: Precondition::Seen(seen.map(|seen| seen.etag().to_string())),
                }),
            })
        });
        let principal = self.context.principal.clone();
        Ok(Batch::new(
            principal,
            now(),
            changes.collect::<Result<_>>()?,
        )?)
    }

    /// Writes a batch, and takes the time of that alone.
    fn write(&mut self, batch: Batch) -> Result<(Vec<Property>, Duration)> {
        let start = Instant::now();
        let outcomes = self.runtime.block_on(self.store.write(batch))?;
        let time = start.elapsed();
        self.written += 1;
        let properties = outcomes.into_iter().map(|outcome| match outcome {
            Ok(Done::Put(property)) => Ok(property),
            other => Err(format!("not written: {other:?}").into()),
        });
        Ok((properties.collect::<Result<_>>()?, time))
    }

    /// Creates properties.
    fn create(&mut self, size: usize, naming: Naming) -> Result<Vec<Property>> {
        let batch = self.batch(size, naming, &[])?;
        Ok(self.write(batch)?.0)
    }

    /// What there is to say to a `PUT` of this batch.
    fn reply_to_batch(&self, head: &Arc<Head>, body: &Bytes) -> Result<Reply<Vec<Outcome>>> {
        let Call::Write { reply, .. } = self.call(head, Payload::Whole(body.clone()))? else {
            return Err("a batch was not read as one".into());
        };
        Ok(reply)
    }
}

/// A moment that is always the same; no piece asks for the time.
fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

fn content(text: String) -> Result<Content> {
    let media_type = TEXT.parse().map_err(|()| "not a media type")?;
    Ok(Content::inline(media_type, text.into()))
}

/// The XML of a batch that updates these properties.
fn document(properties: &[Property]) -> Result<Bytes> {
    let mut text = "<properties>".to_owned();
    for (number, property) in properties.iter().enumerate() {
        let (name, etag, value) = (&property.key.name, property.etag(), value(number));
        write!(
            text,
            r#"<property name="{name}" etag="{etag}"><contents type="{TEXT}">{value}</contents></property>"#
        )?;
    }
    text.push_str("</properties>");
    Ok(text.into())
}

/// What came out, where a failure would make the measurement worthless.
#[expect(clippy::panic, reason = "a measurement of what fails is worth nothing")]
fn sure<T, E: Debug>(result: std::result::Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error:?}"))
}

fn elements(size: usize) -> Throughput {
    Throughput::Elements(size as u64)
}

fn parse(criterion: &mut Criterion, runtime: &Runtime, size: usize) -> Result<()> {
    let mut bench = Bench::in_memory(runtime)?;
    let body = document(&bench.create(size, ascii)?)?;
    let head = bench.head("PUT", "properties")?;
    let mut group = criterion.benchmark_group("parse");
    group.throughput(elements(size));
    group.bench_function(size.to_string(), |bencher| {
        bencher.iter(|| sure(bench.call(&head, Payload::Whole(body.clone()))));
    });
    group.finish();
    Ok(())
}

fn decide_update(criterion: &mut Criterion, runtime: &Runtime, size: usize) -> Result<()> {
    let mut bench = Bench::in_memory(runtime)?;
    let properties = bench.create(size, ascii)?;
    let batch = bench.batch(size, ascii, &properties)?;
    let snapshot = Snapshot {
        places: BTreeMap::from([(bench.place.resource, Ok(bench.place))]),
        found: properties.into_iter().map(Found::Property).collect(),
        makers: BTreeMap::new(),
        next: NextIds {
            property: PropertyId::new(1 << 40).ok_or("not an id")?,
            node: NodeId::new(1 << 40).ok_or("not an id")?,
        },
    };
    let (outcomes, _) = decide(&snapshot, &batch)?;
    if !outcomes.iter().all(std::result::Result::is_ok) {
        return Err("an etag does not fit".into());
    }
    let mut group = criterion.benchmark_group("decide");
    group.throughput(elements(size));
    group.bench_function(size.to_string(), |bencher| {
        bencher.iter(|| decide(black_box(&snapshot), black_box(&batch)));
    });
    group.finish();
    Ok(())
}

fn apply(criterion: &mut Criterion, runtime: &Runtime, size: usize) -> Result<()> {
    apply_to(criterion, "memory", size, Bench::in_memory(runtime)?)?;
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let options = SqliteOptions::new(folder.path().join("pieces.db"));
    let store = Sqlite::open(&options, setup)?;
    apply_to(
        criterion,
        "sqlite",
        size,
        Bench::new(runtime, Box::new(store))?,
    )
}

fn apply_to(
    criterion: &mut Criterion,
    name: &str,
    size: usize,
    mut bench: Bench<'_>,
) -> Result<()> {
    let mut properties = bench.create(size, ascii)?;
    let mut group = criterion.benchmark_group(format!("apply/{name}"));
    group.throughput(elements(size));
    group.bench_function(size.to_string(), |bencher| {
        bencher.iter_custom(|count| {
            let mut total = Duration::ZERO;
            for _ in 0..count {
                let batch = sure(bench.batch(size, ascii, &properties));
                let time;
                (properties, time) = sure(bench.write(batch));
                total += time;
            }
            total
        });
    });
    group.finish();
    bench.store.close();
    Ok(())
}

fn render_batch(criterion: &mut Criterion, runtime: &Runtime, size: usize) -> Result<()> {
    let mut bench = Bench::in_memory(runtime)?;
    let properties = bench.create(size, ascii)?;
    let body = document(&properties)?;
    let head = bench.head("PUT", "properties")?;
    let outcomes: Vec<Outcome> = properties.into_iter().map(|p| Ok(Done::Put(p))).collect();
    let setup = || (sure(bench.reply_to_batch(&head, &body)), outcomes.clone());
    let mut group = criterion.benchmark_group("render/batch");
    group.throughput(elements(size));
    group.bench_function(size.to_string(), |bencher| {
        bencher.iter_batched(
            setup,
            |(reply, outcomes)| said(reply, outcomes),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    Ok(())
}

fn render_list(
    criterion: &mut Criterion,
    runtime: &Runtime,
    name: &str,
    naming: Naming,
) -> Result<()> {
    const SIZE: usize = 20;
    let mut bench = Bench::in_memory(runtime)?;
    bench.create(SIZE, naming)?;
    let listing = runtime.block_on(bench.store.list(
        &bench.caller(),
        ListQuery {
            resource: bench.place.resource,
            names: NameFilter::All,
            cutoff: SHOWN_BYTES,
        },
    ))?;
    let head = bench.head("GET", "properties")?;
    let setup = || (sure(reply_to_list(&bench, &head)), listing.clone());
    let mut group = criterion.benchmark_group("render/list");
    group.throughput(elements(SIZE));
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            setup,
            |(reply, listing)| said(reply, listing),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    Ok(())
}

fn reply_to_list(bench: &Bench<'_>, head: &Arc<Head>) -> Result<Reply<Listing>> {
    let Call::List { reply, .. } = bench.call(head, Payload::Nothing)? else {
        return Err("a list was not read as one".into());
    };
    Ok(reply)
}

/// How many bytes the answer has.
fn said<T>(reply: Reply<T>, what: T) -> u64 {
    match sure(reply(what)) {
        Next::Say(answer) => black_box(answer).length(),
        Next::Ask(call) => sure(Err(call)),
    }
}

fn names(criterion: &mut Criterion, runtime: &Runtime, name: &str, naming: Naming) -> Result<()> {
    let bench = Bench::in_memory(runtime)?;
    let wanted = naming(7);
    let head = bench.head("GET", &format!("properties/{}", percent_encoded(&wanted)?))?;
    let call = bench.call(&head, Payload::Nothing)?;
    if !matches!(call, Call::Read { key, .. } if key.name.as_str() == wanted) {
        return Err(format!("the name '{wanted}' was not read").into());
    }
    criterion.bench_function(&format!("names/{name}"), |bencher| {
        bencher.iter(|| sure(bench.call(&head, Payload::Nothing)));
    });
    Ok(())
}

fn percent_encoded(name: &str) -> Result<String> {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}")?;
        }
    }
    Ok(encoded)
}

//! One client at work: it owns its connection and its resources, knows what it wrote last, and checks every answer
//! against that.

use crate::client::Connection;
use crate::server::{PASSWORD, Server, USER};
use anyhow::{Context, Result, ensure};
use memchr::memmem;
use std::collections::VecDeque;
use std::fmt::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// After so many batches that create, a worker goes on with a new resource, lest their size is what is measured.
const BATCHES_OF_A_RESOURCE: usize = 50;

/// How many characters of the value of a property are digits; it has 64 bytes.
const DIGITS: usize = 20;

/// What is asked again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A batch that gives each property of a resource a new value, with the etags of the last answer.
    Update,
    /// A batch of so many new properties; now and then on a new resource.
    Create(usize),
    /// The same, always on one resource.
    Grow(usize),
    /// A new resource with so many properties; of so many resources the first is kept to be worked on later.
    Fill {
        /// How many properties a resource gets.
        properties: usize,
        /// Of how many resources one is kept.
        keep_one_of: usize,
    },
    /// One property.
    Get,
    /// All properties of a resource.
    List,
}

/// A file, and what is known of its properties.
pub(crate) struct Resource {
    /// Where its properties are.
    path: String,
    /// By the number in the name.
    properties: Vec<Known>,
}

impl Resource {
    /// Where its properties are.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether it has taken its share of batches that create so many.
    fn is_full(&self, count: usize) -> bool {
        self.properties.len() >= count * BATCHES_OF_A_RESOURCE
    }
}

/// What is known of a property.
#[derive(Clone, Default)]
struct Known {
    etag: String,
    /// With which write it got its value.
    written_by: usize,
}

/// A client.
pub(crate) struct Worker {
    connection: Connection,
    /// In the order in which it is their turn.
    resources: VecDeque<Resource>,
    /// Counts the requests, so that all properties of a resource have their turn.
    turn: usize,
    /// How many resources it has made to fill a store.
    filled: usize,
    /// The batch that was sent last.
    document: String,
}

fn name(number: usize) -> String {
    format!("p{number:05}")
}

fn write_value(text: &mut String, number: usize, write: usize) -> std::fmt::Result {
    write!(
        text,
        "{number:0DIGITS$} of write {write:0DIGITS$}, and no more."
    )
}

/// A number that no other file and no other write has, so that no value is like another.
fn new_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Worker {
    /// A client that has signed in and has no resource.
    pub(crate) fn new(server: &Server) -> Result<Self> {
        let mut connection = Connection::open(server.address())?;
        connection.sign_in(USER, PASSWORD)?;
        Ok(Worker {
            connection,
            resources: VecDeque::new(),
            turn: 0,
            filled: 0,
            document: String::new(),
        })
    }

    /// A client with a resource of so many properties.
    pub(crate) fn with_properties(server: &Server, properties: usize) -> Result<Self> {
        let mut worker = Worker::new(server)?;
        let resource = worker.new_resource(properties)?;
        worker.add_resource(resource);
        Ok(worker)
    }

    /// The connection, for a request that is no task.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Hands out its resources.
    pub(crate) fn take_resources(&mut self) -> VecDeque<Resource> {
        std::mem::take(&mut self.resources)
    }

    /// Takes over a resource.
    pub(crate) fn add_resource(&mut self, resource: Resource) {
        self.resources.push_back(resource);
    }

    /// Does what has to be done before a task and is not measured.
    pub(crate) fn prepare(&mut self, task: Task) -> Result<()> {
        if let Task::Create(count) = task
            && self
                .resources
                .front()
                .is_none_or(|resource| resource.is_full(count))
        {
            self.resources = VecDeque::from([self.new_resource(0)?]);
        }
        Ok(())
    }

    /// Does a task once, and says of how many properties it was.
    pub(crate) fn work(&mut self, task: Task) -> Result<usize> {
        self.turn += 1;
        match task {
            Task::Update => self.with_resource(|worker, resource| {
                worker.put(resource, 0..resource.properties.len())
            }),
            Task::Create(count) | Task::Grow(count) => self.with_resource(|worker, resource| {
                let there = resource.properties.len();
                worker.put(resource, there..there + count)
            }),
            Task::Fill {
                properties,
                keep_one_of,
            } => self.fill(properties, keep_one_of),
            Task::Get => self.with_resource(Worker::get),
            Task::List => self.with_resource(Worker::list),
        }
    }

    /// Works on the resource whose turn it is.
    fn with_resource(
        &mut self,
        work: impl FnOnce(&mut Self, &mut Resource) -> Result<usize>,
    ) -> Result<usize> {
        let mut resource = self.resources.pop_front().context("no resource")?;
        let done = work(self, &mut resource);
        self.resources.push_back(resource);
        done
    }

    fn new_resource(&mut self, properties: usize) -> Result<Resource> {
        let path = format!("/pages/home/files/=f{}", new_number());
        let answer = self.connection.put(&path, "text/plain", b"a file")?;
        let id = attribute(answer, b"<file id=\"").context("a file without id")?;
        let mut resource = Resource {
            path: format!("/files/{id}/properties"),
            properties: Vec::new(),
        };
        if properties > 0 {
            self.put(&mut resource, 0..properties)?;
        }
        Ok(resource)
    }

    fn fill(&mut self, properties: usize, keep_one_of: usize) -> Result<usize> {
        let resource = self.new_resource(properties)?;
        if self.filled.is_multiple_of(keep_one_of) {
            self.resources.push_back(resource);
        }
        self.filled += 1;
        Ok(properties)
    }

    /// Gives these properties new values.
    fn put(&mut self, resource: &mut Resource, numbers: Range<usize>) -> Result<usize> {
        let (write, written) = (new_number(), numbers.len());
        if resource.properties.len() < numbers.end {
            resource.properties.resize(numbers.end, Known::default());
        }
        let known = &mut resource.properties[numbers.clone()];
        for known in &mut *known {
            known.written_by = write;
        }
        write_batch(&mut self.document, numbers.start, known)?;
        let document = self.document.as_bytes();
        let answer = self
            .connection
            .put(&resource.path, "application/xml", document)?;
        let mut blocks = Blocks(answer);
        for (number, known) in numbers.zip(known) {
            let block = blocks.next().context("too few properties are answered")?;
            check_block(block, number, known)?;
            ensure!(
                memmem::find(block, b"<status code=\"200\"").is_some(),
                "not written: {}",
                String::from_utf8_lossy(block)
            );
            let etag = attribute(block, b" etag=\"").context("a property without etag")?;
            etag.clone_into(&mut known.etag);
        }
        ensure!(blocks.next().is_none(), "too many properties are answered");
        Ok(written)
    }

    fn get(&mut self, resource: &mut Resource) -> Result<usize> {
        let number = self.turn % resource.properties.len();
        let path = format!("{}/{}", resource.path, name(number));
        let value = self.connection.get(&path)?;
        check_value(value, number, &resource.properties[number])?;
        Ok(1)
    }

    fn list(&mut self, resource: &mut Resource) -> Result<usize> {
        let mut blocks = Blocks(self.connection.get(resource.path())?);
        for (number, known) in resource.properties.iter().enumerate() {
            let block = blocks.next().context("too few properties are listed")?;
            check_block(block, number, known)?;
            let etag = attribute(block, b" etag=\"");
            ensure!(
                etag == Some(&known.etag),
                "etag {etag:?}, not {}",
                known.etag
            );
        }
        ensure!(blocks.next().is_none(), "too many properties are listed");
        Ok(resource.properties.len())
    }
}

/// Writes a batch that gives these properties, numbered from `first`, their values.
fn write_batch(document: &mut String, first: usize, known: &[Known]) -> std::fmt::Result {
    document.clear();
    document.push_str("<properties>");
    for (number, known) in (first..).zip(known) {
        write!(document, "<property name=\"{}\"", name(number))?;
        if !known.etag.is_empty() {
            write!(document, " etag=\"{}\"", known.etag)?;
        }
        document.push_str("><contents type=\"text/plain\">");
        write_value(document, number, known.written_by)?;
        document.push_str("</contents></property>");
    }
    document.push_str("</properties>");
    Ok(())
}

/// The blocks `<property …>…</property>` of an answer.
struct Blocks<'a>(&'a [u8]);

impl<'a> Iterator for Blocks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = &self.0[memmem::find(self.0, b"<property ")?..];
        let (block, rest) = rest.split_at(memmem::find(rest, b"</property>")?);
        self.0 = rest;
        Some(block)
    }
}

/// What stands between the first `start` and the next quote.
fn attribute<'a>(text: &'a [u8], start: &[u8]) -> Option<&'a str> {
    let value = &text[memmem::find(text, start)? + start.len()..];
    std::str::from_utf8(&value[..memchr::memchr(b'"', value)?]).ok()
}

/// Whether a block is of the property of this number, and shows what was written last.
fn check_block(block: &[u8], number: usize, known: &Known) -> Result<()> {
    let found = attribute(block, b" name=\"");
    ensure!(
        found == Some(&name(number)),
        "property {found:?} instead of {number}"
    );
    let contents = memmem::find(block, b"<contents").context("a property without contents")?;
    let contents = &block[contents..];
    let start = memchr::memchr(b'>', contents).map_or(0, |end| end + 1);
    let value = &contents[start..];
    let end = memchr::memchr(b'<', value).context("contents without end")?;
    check_value(&value[..end], number, known)
}

fn check_value(value: &[u8], number: usize, known: &Known) -> Result<()> {
    let mut expected = String::with_capacity(64);
    write_value(&mut expected, number, known.written_by)?;
    ensure!(
        value == expected.as_bytes(),
        "'{}' is read, '{expected}' was written",
        String::from_utf8_lossy(value)
    );
    Ok(())
}

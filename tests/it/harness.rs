//! Starts the program, sends requests byte for byte as a test wants them, and reads answers strictly.
//!
//! Nothing here waits by the clock: the program says on stderr when it listens, and everything that is read has a time
//! limit after which the test fails.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// The password of `admin`.
pub(crate) const PASSWORD: &str = "correct horse";

/// Where all paths of the MindTouch dialect begin.
pub(crate) const API: &str = "/@api/deki";

/// The same of the Redu dialect.
const REDU: &str = "/api/";

/// The type of all answers of the Redu dialect.
const JSON: &str = "application/json; charset=utf-8";

/// How long anything may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program with nothing of our environment in its own.
pub(crate) fn program<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_propstore"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PROPSTORE_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").args(arguments);
    command.stdin(Stdio::null());
    command
}

/// What a server writes to stderr.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

impl Log {
    fn add(&self, line: &str) {
        let mut text = self.text.lock().unwrap();
        text.push_str(line);
        text.push('\n');
        self.grown.notify_all();
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn wait_for(&self, wanted: &str) {
        let log = self.text.lock().unwrap();
        let missing = |log: &mut String| !log.contains(wanted);
        let (log, result) = self
            .grown
            .wait_timeout_while(log, PATIENCE, missing)
            .unwrap();
        // Not while the log is held: whoever shows it after the failure needs it, too.
        let (told, is_over) = (log.clone(), result.timed_out());
        drop(log);
        assert!(!is_over, "never logged: {wanted}\n{told}");
    }
}

/// A running server. It is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    log: Arc<Log>,
    ended: Receiver<()>,
    dir: Arc<TempDir>,
}

impl Server {
    /// A server on a fresh database.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A server on a fresh database, with further flags.
    pub(crate) fn with(flags: &[&str]) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), flags)
    }

    /// A server on the database in this folder, which is made if there is none.
    pub(crate) fn on(dir: Arc<TempDir>, flags: &[&str]) -> Self {
        Self::failing(dir, flags, "")
    }

    /// The same, where it waits or dies at some places of the way of a write: `FAILPOINTS`, in the words of the crate `fail`.
    pub(crate) fn failing(dir: Arc<TempDir>, flags: &[&str], failpoints: &str) -> Self {
        let mut command = program(["serve", "--listen", "127.0.0.1:0", "--db"]);
        command.arg(dir.path().join("test.db")).args(flags);
        command.env("PROPSTORE_ADMIN_PASSWORD", PASSWORD);
        command.env("FAILPOINTS", failpoints);
        command.stdout(Stdio::null());
        Self::spawn(command, dir)
    }

    /// Starts this command, and waits until it listens.
    pub(crate) fn spawn(mut command: Command, dir: Arc<TempDir>) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Log::default());
        let (tell_address, address) = unbounded();
        let (tell_end, ended) = unbounded();
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let url = line.split_once("listening on http");
                if let Some((_, address)) = url.and_then(|(_, rest)| rest.split_once("://")) {
                    // A server that says it twice is heard once.
                    drop(tell_address.send(address.trim().to_owned()));
                }
                kept.add(&line);
            }
            // Nobody need wait for it.
            tell_end.send(()).unwrap_or_default();
        });
        let Ok(address) = address.recv_timeout(PATIENCE) else {
            drop(child.kill());
            panic!("the server did not start:\n{}", log.text());
        };
        Server {
            child,
            address: address.parse().unwrap(),
            log,
            ended,
            dir,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder with its database.
    pub(crate) fn dir(&self) -> Arc<TempDir> {
        Arc::clone(&self.dir)
    }

    /// Its database.
    pub(crate) fn db(&self) -> PathBuf {
        self.dir.path().join("test.db")
    }

    /// What it has written to stderr.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits until it has written this to stderr.
    pub(crate) fn wait_for_log(&self, text: &str) {
        self.log.wait_for(text);
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        match self.ended.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) => panic!("the server did not end:\n{}", self.log()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => self.child.wait().unwrap(),
        }
    }

    /// Kills it as a power cut would, and leaves the database as it is.
    pub(crate) fn kill(mut self) -> Arc<TempDir> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.dir()
    }

    /// A request as `admin`. A path of no dialect gets `/@api/deki`.
    pub(crate) fn request(&self, method: &str, path: impl Display) -> Call<'_> {
        let path = path.to_string();
        let target = if path.starts_with(API) || path.starts_with(REDU) {
            path
        } else {
            format!("{API}{path}")
        };
        self.exactly(method, target)
    }

    /// A request as `admin` for just this path, of whatever dialect it is.
    pub(crate) fn exactly(&self, method: &str, target: impl Into<String>) -> Call<'_> {
        let request = Request::new(method, target)
            .field("Host", self.address.to_string())
            .field("Authorization", basic("admin", PASSWORD));
        Call {
            server: self,
            request,
        }
    }

    /// A GET as `admin`.
    pub(crate) fn get(&self, path: impl Display) -> Call<'_> {
        self.request("GET", path)
    }

    /// A PUT as `admin`.
    pub(crate) fn put(&self, path: impl Display) -> Call<'_> {
        self.request("PUT", path)
    }

    /// A POST as `admin`.
    pub(crate) fn post(&self, path: impl Display) -> Call<'_> {
        self.request("POST", path)
    }

    /// A DELETE as `admin`.
    pub(crate) fn delete(&self, path: impl Display) -> Call<'_> {
        self.request("DELETE", path)
    }

    /// Puts a new file on the page home: its path, as `/files/2`.
    pub(crate) fn file(&self, name: &str) -> String {
        let answer = self
            .put(format!("/pages/home/files/={name}"))
            .text("content")
            .gives(200);
        format!("/files/{}", answer.xml().attr("id"))
    }

    /// Puts a new file on the page home, under a name that no other has.
    pub(crate) fn new_file(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        self.file(&format!("f{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Sends a batch to the properties of this owner.
    pub(crate) fn batch(&self, owner: &str, document: impl AsRef<[u8]>) -> Answer {
        self.put(format!("{owner}/properties")).xml(document).send()
    }

    /// Makes a property with this text, and answers its etag.
    pub(crate) fn property(&self, owner: &str, slug: &str, text: &str) -> String {
        let call = self
            .post(format!("{owner}/properties"))
            .field("Slug", slug)
            .text(text);
        call.gives(200).xml().attr("etag").to_owned()
    }

    /// Makes an account.
    pub(crate) fn account(&self, name: &str, password: &str, role: &str) -> Answer {
        let document = format!(
            "<user><username>{name}</username><permissions.user><role>{role}</role></permissions.user></user>"
        );
        let path = format!("/users?accountpassword={}", percent(password.as_bytes()));
        self.post(path).xml(document).gives(200)
    }

    /// Sends a request to a server that may fail to do it: also an answer of 500 and above is an answer.
    pub(crate) fn whatever(&self, request: &Request) -> Answer {
        let mut connection = self.connect();
        connection.may_break = true;
        connection.send(request)
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("--- log of the server ---\n{}", self.log());
        }
    }
}

/// Sends a signal such as `TERM` to a process.
pub(crate) fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let status = Command::new("kill")
        .args([&format!("-{name}"), &pid])
        .status();
    assert!(status.unwrap().success(), "kill -{name} {pid}");
}

/// What runs to its end: its status, its stdout and its stderr.
pub(crate) fn run(mut command: Command) -> (Option<i32>, String, String) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child.id().to_string();
    let (tell, ended) = unbounded();
    thread::spawn(move || tell.send(child.wait_with_output()).unwrap_or_default());
    let Ok(output) = ended.recv_timeout(PATIENCE) else {
        drop(Command::new("kill").args(["-KILL", &pid]).status());
        panic!("it did not end: {command:?}");
    };
    let output = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The value of `Authorization` for a name and a password.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A piece of text for each of these.
pub(crate) fn each<T>(these: impl IntoIterator<Item = T>, piece: impl Fn(T) -> String) -> String {
    these.into_iter().map(piece).collect()
}

/// A batch with an item for each of these.
pub(crate) fn properties<T>(
    these: impl IntoIterator<Item = T>,
    item: impl Fn(T) -> String,
) -> String {
    format!("<properties>{}</properties>", each(these, item))
}

/// Every byte as `%XX`.
pub(crate) fn percent(bytes: &[u8]) -> String {
    each(bytes, |byte| format!("%{byte:02X}"))
}

/// A request, byte for byte.
#[derive(Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    framing: Framing,
}

#[derive(Clone, Copy, PartialEq)]
enum Framing {
    /// With `Content-Length`, if there is a body.
    Length,
    /// In chunks of this many bytes.
    Chunked(usize),
}

impl Request {
    /// A request without header fields.
    pub(crate) fn new(method: &str, target: impl Into<String>) -> Self {
        Request {
            method: method.to_owned(),
            target: target.into(),
            fields: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length,
        }
    }

    /// One more header field.
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Without these header fields.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// With a body.
    pub(crate) fn with_body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    fn has(&self, name: &str) -> bool {
        self.fields
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// The head as it goes over the wire.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.fields {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        let framed = self.has("Content-Length") || self.has("Transfer-Encoding");
        match self.framing {
            _ if framed => {}
            Framing::Chunked(_) => head.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::Length if self.body.is_empty() && self.method != "PUT" => {}
            Framing::Length => {
                head.extend(format!("Content-Length: {}\r\n", self.body.len()).into_bytes());
            }
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    /// The body as it goes over the wire.
    pub(crate) fn wire_body(&self) -> Vec<u8> {
        let Framing::Chunked(size) = self.framing else {
            return self.body.clone();
        };
        let mut wire = Vec::new();
        for chunk in self.body.chunks(size) {
            wire.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            wire.extend_from_slice(chunk);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"0\r\n\r\n");
        wire
    }
}

/// A request on its way to a server.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    server: &'a Server,
    request: Request,
}

impl Call<'_> {
    /// One more header field.
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.field(name, value);
        self
    }

    /// Without these header fields.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.request = self.request.without(name);
        self
    }

    /// Without credentials.
    pub(crate) fn anonymous(self) -> Self {
        self.without("Authorization")
    }

    /// As another user.
    pub(crate) fn user(self, name: &str, password: &str) -> Self {
        self.anonymous()
            .field("Authorization", basic(name, password))
    }

    /// With a body.
    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.request = self.request.with_body(body);
        self
    }

    /// With a body of this media type.
    pub(crate) fn typed(self, media_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.field("Content-Type", media_type).body(body)
    }

    /// With a body of `text/plain`.
    pub(crate) fn text(self, body: &str) -> Self {
        self.typed("text/plain", body)
    }

    /// With a body of `application/xml`.
    pub(crate) fn xml(self, document: impl AsRef<[u8]>) -> Self {
        self.typed("application/xml", document)
    }

    /// With a body of `application/json`.
    pub(crate) fn json(self, value: &Value) -> Self {
        self.typed("application/json", value.to_string())
    }

    /// The body goes in chunks of this size.
    pub(crate) fn chunked(mut self, size: usize) -> Self {
        self.request.framing = Framing::Chunked(size);
        self
    }

    /// The request itself.
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// Sends it over a new connection.
    pub(crate) fn send(&self) -> Answer {
        self.server.connect().send(&self.request)
    }

    /// Sends it and demands this status.
    pub(crate) fn gives(&self, status: u16) -> Answer {
        self.send().is(status)
    }

    /// Sends it and demands an error document with this status and message.
    pub(crate) fn fails(&self, status: u16, message: &str) -> Answer {
        let answer = self.gives(status);
        assert_eq!(answer.message(), message, "{}", self.request.target);
        answer
    }

    /// Sends it and demands an error in JSON with this status: what it says.
    pub(crate) fn refused(&self, status: u16) -> Value {
        let answer = self.send();
        let told = || format!("{} {}", self.request.method, self.request.target);
        assert_eq!(answer.status, status, "{} {}", told(), answer.text_lossy());
        answer.json_error()
    }

    /// Sends it to a server whose database the test has damaged or holds, and demands this status of 500 or above.
    pub(crate) fn breaks(&self, status: u16) -> Answer {
        self.server.whatever(&self.request).is(status)
    }

    /// Sends the head with `Expect: 100-continue`, and the body only when asked for it.
    pub(crate) fn expecting(&self) -> Answer {
        let request = self.request.clone().field("Expect", "100-continue");
        let mut connection = self.server.connect();
        connection.write(&request.head());
        let mut answer = connection.read_one(&request.method);
        if answer.status == 100 {
            connection.write(&request.wire_body());
            answer = connection.read_one(&request.method);
            answer.continued = true;
        }
        answer
    }
}

/// One connection, kept alive as long as the server likes.
pub(crate) struct Connection<S = TcpStream> {
    stream: BufReader<S>,
    /// Whether an answer of 500 or above is what the test asks for.
    may_break: bool,
}

impl Connection {
    /// A connection to this address.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap()
    }

    /// A connection to this address, if the server lives.
    pub(crate) fn try_open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Connection::over(stream))
    }

    /// The port of this end.
    pub(crate) fn local_port(&self) -> u16 {
        self.stream.get_ref().local_addr().unwrap().port()
    }

    /// Has the kernel keep about so many bytes that were not read yet.
    pub(crate) fn receive_at_most(&self, bytes: usize) {
        let socket = socket2::SockRef::from(self.stream.get_ref());
        socket.set_recv_buffer_size(bytes).unwrap();
    }

    /// The first bytes of what the server says.
    pub(crate) fn first_bytes(&mut self) -> Vec<u8> {
        self.stream.fill_buf().unwrap().to_vec()
    }

    /// Sends a request and reads its answer.
    pub(crate) fn send(&mut self, request: &Request) -> Answer {
        self.try_send(request).unwrap()
    }

    /// Sends a request and reads its answer, if the server lives that long.
    pub(crate) fn try_send(&mut self, request: &Request) -> io::Result<Answer> {
        let mut writer = self.stream.get_ref().try_clone()?;
        let bytes = [request.head(), request.wire_body()].concat();
        // Sent by another thread, because a server that refuses a body answers while it is still being sent.
        thread::scope(|scope| {
            scope.spawn(move || drop(writer.write_all(&bytes)));
            self.try_read(&request.method)
        })
    }

    /// Says that nothing more will be sent or read, and hands out what is left to read.
    pub(crate) fn shutdown(self, how: Shutdown) -> BufReader<TcpStream> {
        self.stream.get_ref().shutdown(how).unwrap();
        self.stream
    }
}

impl<S: Read + Write> Connection<S> {
    /// A connection over this stream.
    pub(crate) fn over(stream: S) -> Self {
        Connection {
            stream: BufReader::new(stream),
            may_break: false,
        }
    }

    /// Sends these bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// Sends these bytes, as far as the server takes them.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) {
        drop(self.stream.get_mut().write_all(bytes));
    }

    /// The answer to a request with this verb. An interim answer is passed over.
    pub(crate) fn read(&mut self, method: &str) -> Answer {
        self.try_read(method).unwrap()
    }

    /// The next answer, also if it is an interim one.
    pub(crate) fn read_one(&mut self, method: &str) -> Answer {
        self.try_read_one(method).unwrap()
    }

    fn try_read(&mut self, method: &str) -> io::Result<Answer> {
        let answer = self.try_read_one(method)?;
        if answer.status == 100 {
            let answer = self.try_read_one(method)?;
            return Ok(Answer {
                continued: true,
                ..answer
            });
        }
        Ok(answer)
    }

    fn try_read_one(&mut self, method: &str) -> io::Result<Answer> {
        let status_line = self.line()?;
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .or_else(|| status_line.strip_prefix("HTTP/1.0 "))
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .unwrap_or_else(|| panic!("not a status line: {status_line:?}"));
        let mut answer = Answer {
            status,
            fields: Vec::new(),
            body: Vec::new(),
            continued: false,
        };
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                assert!(line.is_empty(), "not a header field: {line:?}");
                break;
            };
            let value = value.trim().to_owned();
            answer.fields.push((name.to_ascii_lowercase(), value));
        }
        let bodiless = method == "HEAD" || status < 200 || status == 304 || status == 204;
        if !bodiless {
            answer.body = self.body(&answer)?;
        }
        assert!(
            answer.status < 500 || self.may_break,
            "{} {}",
            answer.status,
            answer.text_lossy()
        );
        Ok(answer)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\r\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    fn body(&mut self, answer: &Answer) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if answer.field("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).unwrap();
                let start = body.len();
                body.resize(start + size, 0);
                self.stream.read_exact(&mut body[start..])?;
                assert_eq!(self.line()?, "");
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        let length = answer.field("content-length").map(|n| n.parse().unwrap());
        body.resize(length.expect("an answer says how long it is"), 0);
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    /// Reads what has come.
    pub(crate) fn read_some(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(bytes)
    }

    /// All that the server says until the connection ends, in whatever way.
    pub(crate) fn read_to_any_end(&mut self) -> Vec<u8> {
        let mut told = Vec::new();
        // What came before an error is kept.
        self.stream.read_to_end(&mut told).unwrap_or_default();
        told
    }

    /// All that the server says until it closes the connection.
    pub(crate) fn read_rest(&mut self) -> String {
        let mut told = String::new();
        self.stream.read_to_string(&mut told).unwrap();
        told
    }

    /// All answers until the server closes the connection, interim ones too, to requests that all expect a body.
    pub(crate) fn answers_to_the_end(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while !self.stream.fill_buf().unwrap().is_empty() {
            answers.push(self.read_one("GET"));
        }
        answers
    }

    /// Whether the server has closed the connection, once all answers are read.
    pub(crate) fn is_closed(&mut self) -> bool {
        !matches!(self.stream.read(&mut [0]), Ok(1..))
    }
}

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The header fields, names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// Whether the server asked for the body with 100 Continue.
    pub(crate) continued: bool,
}

impl Answer {
    /// The value of a header field, which is there at most once.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(n, _)| n == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }

    /// The answer, if it has this status.
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text_lossy());
        self
    }

    fn text_lossy(&self) -> String {
        String::from_utf8_lossy(&self.body[..self.body.len().min(4000)]).into_owned()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as a document.
    pub(crate) fn xml(&self) -> Node {
        assert_eq!(
            self.field("content-type"),
            Some("application/xml; charset=utf-8"),
            "{}",
            self.text_lossy()
        );
        Node::read(self.text())
    }

    /// The body in JSON, and that it may be kept by nobody.
    pub(crate) fn json(&self) -> Value {
        let told = self.text_lossy();
        assert_eq!(self.field("content-type"), Some(JSON), "{told}");
        assert_eq!(self.field("cache-control"), Some("no-store"), "{told}");
        self.json_body()
    }

    /// The body as JSON, whatever the header says.
    pub(crate) fn json_body(&self) -> Value {
        let value = serde_json::from_slice(&self.body);
        value.unwrap_or_else(|error| panic!("{error}: {}", self.text_lossy()))
    }

    /// An error in JSON, whose form is checked (`redu.md` §1).
    pub(crate) fn json_error(&self) -> Value {
        let error = self.json();
        let fields = error.as_object().unwrap();
        assert!(!fields["error"].as_str().unwrap().is_empty(), "{error}");
        let others = fields.iter().filter(|(name, _)| *name != "error");
        for (name, texts) in others {
            assert_eq!((name.as_str(), self.status), ("errors", 422), "{error}");
            for (field, texts) in texts.as_object().unwrap() {
                let texts = texts.as_array().unwrap();
                let is_text = |text: &Value| text.as_str().is_some_and(|text| !text.is_empty());
                assert!(
                    !texts.is_empty() && texts.iter().all(is_text),
                    "{field}: {error}"
                );
            }
        }
        let challenge = self.field("www-authenticate");
        let wanted = (self.status == 401).then_some("Basic realm=\"propstore\"");
        assert_eq!(challenge, wanted, "{error}");
        error
    }

    /// The message of an error document (§5.4), whose form is checked.
    pub(crate) fn message(&self) -> String {
        let error = self.xml();
        assert_eq!(error.name, "error");
        error_message(&error, self.status)
    }
}

/// The message of an `<error>`, whose form is checked.
pub(crate) fn error_message(error: &Node, status: u16) -> String {
    assert_eq!(error.names(), ["status", "title", "message", "uri"]);
    assert_eq!(error.child("status").text, status.to_string());
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        412 => "Precondition Failed",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Error",
        503 => "Service Unavailable",
        _ => &error.child("title").text,
    };
    assert_eq!(error.child("title").text, title);
    error.child("message").text.clone()
}

/// An element of a document.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) name: String,
    /// Its attributes, in order.
    pub(crate) attributes: Vec<(String, String)>,
    /// The elements in it, in order.
    pub(crate) children: Vec<Node>,
    /// The text in it, without that of its elements.
    pub(crate) text: String,
}

impl Node {
    /// The root of a document, which must be well-formed.
    pub(crate) fn read(document: &str) -> Self {
        let bad = |c: &char| *c < ' ' && !matches!(c, '\t' | '\n' | '\r');
        assert_eq!(
            document.chars().find(bad),
            None,
            "XML cannot carry this character"
        );
        let mut reader = Reader::from_str(document);
        reader.config_mut().expand_empty_elements = true;
        let mut open = vec![Node::default()];
        loop {
            let innermost = open.last_mut().unwrap();
            match reader
                .read_event()
                .unwrap_or_else(|error| panic!("{error}: {document}"))
            {
                Event::Start(start) => open.push(Node::of_start(&start)),
                Event::End(_) => {
                    let node = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(node);
                }
                Event::Text(text) => innermost.text.push_str(&line_ends(&text)),
                Event::CData(text) => innermost.text.push_str(&line_ends(&text)),
                Event::GeneralRef(name) => {
                    let reference = format!("&{};", &*name);
                    innermost.text.push_str(&unescape(&reference).unwrap());
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::DocType(_) => panic!("an answer has no DOCTYPE"),
                Event::Empty(_) => panic!("empty elements are expanded"),
                Event::Eof => break,
            }
        }
        let [document] = &open[..] else {
            panic!("not all elements are closed")
        };
        assert_eq!(
            document.text.trim(),
            "",
            "there is text outside of the root element"
        );
        let [root] = &document.children[..] else {
            panic!("there are {} roots", document.children.len())
        };
        root.clone()
    }

    fn of_start(start: &BytesStart<'_>) -> Self {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            // As XML says, blanks that are not written as references come out as spaces.
            let raw = attribute.value.replace(['\t', '\n', '\r'], " ");
            (
                attribute.key.as_ref().to_owned(),
                unescape(&raw).unwrap().into_owned(),
            )
        });
        Node {
            name: start.name().as_ref().to_owned(),
            attributes: attributes.collect(),
            ..Node::default()
        }
    }

    /// The value of an attribute, which must be there.
    pub(crate) fn attr(&self, name: &str) -> &str {
        self.find_attr(name)
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// The value of an attribute.
    pub(crate) fn find_attr(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The names of the attributes, in order.
    pub(crate) fn attribute_names(&self) -> Vec<&str> {
        self.attributes
            .iter()
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// The names of the elements in it, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.children
            .iter()
            .map(|child| child.name.as_str())
            .collect()
    }

    /// The only element of this name.
    pub(crate) fn child(&self, name: &str) -> &Node {
        let mut found = self.children.iter().filter(|child| child.name == name);
        let child = found
            .next()
            .unwrap_or_else(|| panic!("no <{name}> in {self:?}"));
        assert!(found.next().is_none(), "several <{name}> in {self:?}");
        child
    }

    /// All elements of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&Node> {
        self.children
            .iter()
            .filter(|child| child.name == name)
            .collect()
    }

    /// The block of the property of this name.
    pub(crate) fn property(&self, name: &str) -> &Node {
        let mut found = self
            .children
            .iter()
            .filter(|child| child.find_attr("name") == Some(name));
        let block = found
            .next()
            .unwrap_or_else(|| panic!("no property {name:?} in {self:?}"));
        assert!(found.next().is_none(), "property {name:?} is there twice");
        block
    }

    /// The names of the properties in a list, in order.
    pub(crate) fn property_names(&self) -> Vec<&str> {
        self.all("property")
            .iter()
            .map(|block| block.attr("name"))
            .collect()
    }
}

fn line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The path of a URL.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap();
    &rest[rest.find('/').unwrap()..]
}

/// The number of the property and the revision in an etag, whose form is checked.
pub(crate) fn etag_parts(etag: &str) -> (i64, i64) {
    let (id, rest) = etag.split_once(".r").unwrap();
    let (revision, time) = rest.split_once("_ts").unwrap();
    assert_time(time);
    (id.parse().unwrap(), revision.parse().unwrap())
}

/// Checks `yyyy-MM-ddTHH:mm:ssZ`.
pub(crate) fn assert_time(text: &str) {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    assert_eq!(shape, "9999-99-99T99:99:99Z", "{text}");
}

/// Whether a file exists, and what it may be used for by whom.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

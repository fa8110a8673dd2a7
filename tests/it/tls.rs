//! HTTPS, by HTTP/1.1 and by HTTP/2: what holds over a plain socket holds here, and what is only here (`promises.md` §1.4).
//!
//! The certificates are made by the tests. The client of HTTP/1.1 is that of [`crate::harness`], the one of HTTP/2 is h2's.

use crate::frames::{NAME, shake_hands, trusting};
use crate::harness::{
    API, Answer, Connection, Node, PASSWORD, PATIENCE, Request, Server, basic, program, run,
};
use bytes::Bytes;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use std::future::poll_fn;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, StreamOwned, SupportedProtocolVersion,
};

/// What a client may speak.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    Http1,
    Http2,
}

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// A certificate for this host and its key.
fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed([NAME.to_owned()]).unwrap()
}

/// Where the two files of a server are.
fn files(dir: &Path) -> [PathBuf; 2] {
    ["cert.pem", "key.pem"].map(|name| dir.join(name))
}

fn write_files(dir: &Path, of: &CertifiedKey<KeyPair>) {
    let [cert, key] = files(dir);
    std::fs::write(cert, of.cert.pem()).unwrap();
    std::fs::write(key, of.signing_key.serialize_pem()).unwrap();
}

/// A server that speaks HTTPS, and whom to trust.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) certificate: CertificateDer<'static>,
}

impl Site {
    /// A server on a fresh database, with further flags.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let dir = Arc::new(tempdir().unwrap());
        let pair = certificate();
        write_files(dir.path(), &pair);
        let [cert, key] = files(dir.path());
        let of_tls = ["--tls-cert", path(&cert), "--tls-key", path(&key)];
        Site {
            server: Server::on(Arc::clone(&dir), &[&of_tls, flags].concat()),
            certificate: pair.cert.der().clone(),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How a client shakes hands that offers these protocols.
    pub(crate) fn config(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        Arc::new(trusting(self.certificate.clone(), protocols))
    }

    /// A connection that speaks HTTP/1.1.
    pub(crate) fn connect(&self) -> Connection<StreamOwned<ClientConnection, TcpStream>> {
        self.connect_with(self.config(&["http/1.1"]))
    }

    fn connect_with(
        &self,
        config: Arc<ClientConfig>,
    ) -> Connection<StreamOwned<ClientConnection, TcpStream>> {
        let (tls, socket) = shake_hands(self.address(), config).unwrap();
        Connection::over(StreamOwned::new(tls, socket))
    }

    /// A request as `admin`. A path that is no whole one gets `/@api/deki`.
    pub(crate) fn ask(&self, method: &'static str, path: &str) -> Ask<'_> {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{API}/{path}")
        };
        Ask {
            site: self,
            method,
            path,
            authority: self.address().to_string(),
            fields: vec![("authorization", basic("admin", PASSWORD))],
            body: Bytes::new(),
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A request, whatever carries it.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    site: &'a Site,
    method: &'static str,
    path: String,
    authority: String,
    fields: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Ask<'_> {
    /// One more header field.
    pub(crate) fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Without credentials.
    pub(crate) fn anonymous(mut self) -> Self {
        self.fields.retain(|(name, _)| *name != "authorization");
        self
    }

    /// With a body of this type.
    pub(crate) fn typed(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.field("content-type", media_type)
    }

    fn at(mut self, authority: &str) -> Self {
        authority.clone_into(&mut self.authority);
        self
    }

    fn send(&self, protocol: Protocol) -> Answer {
        match protocol {
            Protocol::Http1 => self.by_http1(),
            Protocol::Http2 => self.by_http2(),
        }
    }

    /// Sends it by a protocol, and demands this status.
    fn gives(&self, protocol: Protocol, status: u16) -> Answer {
        self.send(protocol).is(status)
    }

    /// Sends it by HTTP/1.1.
    pub(crate) fn by_http1(&self) -> Answer {
        let mut request = Request::new(self.method, &self.path).field("Host", &self.authority);
        for (name, value) in &self.fields {
            request = request.field(name, value);
        }
        let request = request.with_body(&self.body);
        let mut connection = self.site.connect();
        connection.write(&request.head());
        connection.try_write(&request.wire_body());
        connection.read(self.method)
    }

    /// Sends it by HTTP/2.
    pub(crate) fn by_http2(&self) -> Answer {
        block_on(async { Http2::connect(self.site).await.send(self).await })
    }

    /// The head, as h2 wants it.
    fn head(&self) -> http::Request<()> {
        let uri = format!("https://{}{}", self.authority, self.path);
        let mut request = http::Request::builder().method(self.method).uri(uri);
        for (name, value) in &self.fields {
            request = request.header(*name, value);
        }
        request.body(()).unwrap()
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let limited = async { tokio::time::timeout(PATIENCE, work).await };
    runtime
        .unwrap()
        .block_on(limited)
        .expect("it takes too long")
}

/// A connection of an honest client that speaks HTTP/2.
struct Http2 {
    sender: h2::client::SendRequest<Bytes>,
    ended: tokio::task::JoinHandle<Result<(), h2::Error>>,
    certificate: CertificateDer<'static>,
}

impl Http2 {
    async fn connect(site: &Site) -> Self {
        let socket = tokio::net::TcpStream::connect(site.address()).await;
        let stream = TlsConnector::from(site.config(&["h2", "http/1.1"]))
            .connect(ServerName::try_from(NAME).unwrap(), socket.unwrap())
            .await
            .unwrap();
        let tls = stream.get_ref().1;
        assert_eq!(tls.alpn_protocol(), Some(&b"h2"[..]));
        let certificate = tls.peer_certificates().unwrap()[0].clone();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        Http2 {
            sender,
            ended: tokio::spawn(connection),
            certificate,
        }
    }

    /// Begins a request whose body follows.
    async fn begin(
        &mut self,
        head: http::Request<()>,
        has_body: bool,
    ) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
        let mut sender = self.sender.clone().ready().await.unwrap();
        sender.send_request(head, !has_body).unwrap()
    }

    async fn send(&mut self, ask: &Ask<'_>) -> Answer {
        let has_body = !ask.body.is_empty();
        let (response, mut body) = self.begin(ask.head(), has_body).await;
        if has_body {
            // What the server refuses early it does not read.
            body.send_data(ask.body.clone(), true).unwrap();
        }
        read(response).await
    }
}

async fn read(response: h2::client::ResponseFuture) -> Answer {
    let (parts, mut from) = response.await.unwrap().into_parts();
    let mut body = Vec::new();
    while let Some(piece) = from.data().await {
        let piece = piece.unwrap();
        from.flow_control().release_capacity(piece.len()).unwrap();
        body.extend_from_slice(&piece);
    }
    let fields = parts.headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap().to_owned();
        (name.as_str().to_owned(), value)
    });
    let answer = Answer {
        status: parts.status.as_u16(),
        fields: fields.collect(),
        body,
        continued: false,
    };
    // There is no connection to speak of, and no chunks (RFC 9113 §8.2.2).
    for name in ["connection", "keep-alive", "transfer-encoding"] {
        assert_eq!(answer.field(name), None);
    }
    assert!(answer.status < 500, "{answer:?}");
    answer
}

/// Bytes that no piece of theirs is like another.
fn noise(length: u32) -> Bytes {
    let words = (0..length / 4).map(|at| at.wrapping_mul(2_654_435_761));
    words.flat_map(u32::to_be_bytes).collect()
}

#[test]
fn the_main_job_is_done_over_both_protocols() {
    let site = Site::start(&[]);
    for protocol in BOTH {
        let file = site
            .ask("PUT", &format!("pages/home/files/={protocol:?}"))
            .typed("application/octet-stream", noise(5 << 20))
            .gives(protocol, 200);
        let id = file.xml().attr("id").to_owned();
        check_links(&site, &file.xml());
        let batch = "<properties><property name=\"a\"><contents type=\"text/plain\">\u{e9}</contents></property>\
            <property name=\"b\"><contents type=\"text/plain\">2</contents></property></properties>";
        let properties = format!("files/{id}/properties");
        let written = site
            .ask("PUT", &properties)
            .typed("application/xml", batch)
            .gives(protocol, 200);
        assert_eq!(written.xml().attr("count"), "2");
        let list = site.ask("GET", &properties).gives(protocol, 200).xml();
        assert_eq!(list.property("a").child("contents").text, "\u{e9}");
        check_links(&site, &list);

        let get = site.ask("GET", &format!("files/{id}")).gives(protocol, 200);
        assert!(get.body == noise(5 << 20), "{protocol:?}");
        let head = site
            .ask("HEAD", &format!("files/{id}"))
            .gives(protocol, 200);
        assert_eq!(head.body, b"");
        for name in [
            "content-length",
            "etag",
            "content-type",
            "content-security-policy",
        ] {
            assert!(head.field(name).is_some(), "{name}");
            assert_eq!(head.field(name), get.field(name), "{protocol:?}");
        }
        let part = site
            .ask("GET", &format!("files/{id}"))
            .field("range", "bytes=262143-3000000")
            .gives(protocol, 206);
        assert!(part.body == noise(5 << 20)[262_143..=3_000_000]);
        let etag = get.field("etag").unwrap();
        let known = site
            .ask("GET", &format!("files/{id}"))
            .field("if-none-match", etag);
        assert_eq!(known.gives(protocol, 304).body, b"");
        site.ask("DELETE", &format!("files/{id}"))
            .gives(protocol, 200);
    }
}

/// Every link in a document leads back by HTTPS.
fn check_links(site: &Site, node: &Node) {
    let ours = format!("https://{}/", site.address());
    for (name, value) in &node.attributes {
        assert!(name != "href" || value.starts_with(&ours), "{value}");
    }
    for child in &node.children {
        assert!(
            child.name != "uri" || child.text.starts_with(&ours),
            "{child:?}"
        );
        check_links(site, child);
    }
}

#[test]
fn a_form_and_the_other_dialects_work_over_http2() {
    let site = Site::start(&[]);
    let json = |method, path, body: &str| {
        let asked = site
            .ask(method, path)
            .typed("application/json", body.to_owned());
        asked.by_http2()
    };
    json("POST", "/api/spaces", "{\"space\": {\"name\": \"S\"}}").is(201);
    let content = noise(2 << 20);
    let form = [
        b"--x\r\nContent-Disposition: form-data; name=\"file[content]\"; filename=\"a\"\r\n\r\n",
        &content[..],
        b"\r\n--x--\r\n",
    ]
    .concat();
    let length = form.len().to_string();
    let made = site
        .ask("POST", "/api/folders/3/files")
        .field("content-length", length)
        .typed("multipart/form-data; boundary=x", form)
        .by_http2()
        .is(201);
    let location = made.field("location").unwrap();
    assert!(location.starts_with(&format!("https://{}/api/files/", site.address())));
    let json = made.json();
    let raw = json["links"].as_array().unwrap().iter();
    let raw = raw
        .clone()
        .find(|link| link["rel"] == "raw")
        .unwrap_or_else(|| panic!("{json}"));
    let raw = raw["href"].as_str().unwrap();
    let ours = format!("https://{}", site.address());
    let raw = raw.strip_prefix(&ours).unwrap();
    let back = site.ask("GET", raw).anonymous().by_http2().is(200);
    assert!(back.body == content);
}

/// A request whose head is refused although nothing of its body was sent.
fn check_refused_early(ask: &Ask<'_>, status: u16) {
    let ask = ask.clone();
    let mut request = Request::new(ask.method, &ask.path).field("Host", &ask.authority);
    for (name, value) in &ask.fields {
        request = request.field(name, value);
    }
    let mut connection = ask.site.connect();
    connection.write(&request.head());
    connection.read(ask.method).is(status);
    block_on(async {
        let mut connection = Http2::connect(ask.site).await;
        let (response, mut body) = connection.begin(ask.head(), true).await;
        read(response).await.is(status);
        // What is still to come need not come, and the connection is as good as before.
        let reason = poll_fn(|context| body.poll_reset(context)).await.unwrap();
        assert_eq!(reason, h2::Reason::NO_ERROR);
        let get = ask.site.ask("GET", "pages/home/properties");
        connection.send(&get).await.is(200);
    });
}

#[test]
fn what_the_head_says_is_refused_before_the_body_comes() {
    let site = Site::start(&[]);
    let put = |path: &str, length: &str, media_type: &str| {
        site.ask("PUT", path)
            .field("content-length", length)
            .field("content-type", media_type)
    };
    let xml = "application/xml";
    let properties = "pages/home/properties";
    check_refused_early(&put(properties, "1000000", xml).anonymous(), 401);
    check_refused_early(&put(properties, "16777217", xml), 413);
    check_refused_early(&put(properties, "1000000", "text/csv"), 415);
    check_refused_early(&put("files/77", "1000000", xml), 404);
    let file = "pages/home/files/=f";
    check_refused_early(&put(file, "104857601", xml), 413);
    let coded = put(file, "1000000", xml).field("content-encoding", "gzip");
    check_refused_early(&coded, 415);
}

#[test]
fn the_cookie_is_secure_and_the_links_are_what_the_settings_say() {
    let forwarded = [
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "wiki.example"),
        ("x-forwarded-prefix", "/w"),
    ];
    for (flags, fields, base) in [
        (&[][..], &[][..], None),
        // Nobody is trusted.
        (&[], &forwarded, None),
        (
            &["--trusted-proxy", "127.0.0.1"],
            &forwarded,
            Some("http://wiki.example/w"),
        ),
        (
            &["--trusted-proxy", "127.0.0.1"],
            &forwarded[1..],
            Some("https://wiki.example/w"),
        ),
        (
            &["--public-url", "https://p.example/store"],
            &forwarded,
            Some("https://p.example/store"),
        ),
    ] {
        let site = Site::start(flags);
        for protocol in BOTH {
            let asked = |path: &str| {
                let ask = site.ask("GET", path);
                fields
                    .iter()
                    .fold(ask, |ask, (name, value)| ask.field(name, *value))
            };
            let own = format!("https://{}", site.address());
            let base = base.unwrap_or(&own);
            let info = asked("pages/home/properties").gives(protocol, 200).xml();
            let expected = format!("{base}{API}/pages/1/properties");
            assert_eq!(info.attr("href"), expected, "{flags:?} {protocol:?}");
            let signed_in = asked("users/authenticate").gives(protocol, 200);
            let cookie = signed_in.field("set-cookie").unwrap();
            let is_secure = cookie.contains("; Secure");
            assert_eq!(is_secure, base.starts_with("https:"), "{cookie}");
            assert!(cookie.contains("; HttpOnly"), "{cookie}");
        }
    }
}

/// The cookie of somebody who has signed in.
fn cookie_of(site: &Site) -> String {
    let signed_in = site.ask("GET", "users/authenticate").by_http2();
    let cookie = signed_in.field("set-cookie").unwrap();
    cookie.split_once(';').unwrap().0.to_owned()
}

/// What a write by the cookie comes to.
fn check_by_cookie(ask: &Ask<'_>, name: &'static str, value: &str, status: u16) {
    for protocol in BOTH {
        let answer = ask.clone().field(name, value).send(protocol);
        assert_eq!(answer.status, status, "{protocol:?} {name}: {value}");
    }
}

#[test]
fn a_cookie_does_not_write_for_pages_of_other_sites() {
    let site = Site::start(&[]);
    let cookie = cookie_of(&site);
    let write = site
        .ask("PUT", "pages/home/properties/p?abort=never")
        .anonymous()
        .typed("text/plain", "v");
    for protocol in BOTH {
        write.gives(protocol, 401);
    }
    let write = write.field("cookie", &cookie);
    let own = format!("https://{}", site.address());
    check_by_cookie(&write, "x-nothing", "", 200);
    check_by_cookie(&write, "origin", &own, 200);
    check_by_cookie(&write, "origin", &format!("{own}0"), 403);
    check_by_cookie(&write, "origin", "https://evil.example", 403);
    check_by_cookie(&write, "origin", "null", 403);
    check_by_cookie(&write, "sec-fetch-site", "same-origin", 200);
    check_by_cookie(&write, "sec-fetch-site", "cross-site", 403);
    // A password that the browser knows is sent by itself, too.
    let known = site
        .ask("PUT", "pages/home/properties/p?abort=never")
        .typed("text/plain", "v");
    check_by_cookie(&known, "sec-fetch-site", "cross-site", 403);
    check_by_cookie(&known, "sec-fetch-site", "none", 200);
}

#[test]
fn cookies_in_crumbs_are_cookies() {
    let site = Site::start(&[]);
    let cookie = cookie_of(&site);
    // As browsers send them, for the sake of the table of header fields (RFC 9113 §8.2.3).
    let who = site
        .ask("GET", "users/current")
        .anonymous()
        .field("cookie", "first=1")
        .field("cookie", cookie)
        .field("cookie", "last=1");
    let who = who.by_http2().is(200).xml();
    assert_eq!(who.child("nick").text, "admin");
}

#[test]
fn the_authority_is_the_host() {
    let site = Site::start(&[]);
    let ask = site.ask("GET", "pages/home/properties");
    let href = |ask: &Ask<'_>| ask.by_http2().is(200).xml().attr("href").to_owned();
    let one = ask.clone().at("wiki.example");
    let expected = format!("https://wiki.example{API}/pages/1/properties");
    assert_eq!(href(&one), expected);
    // The same twice is one, in whatever case.
    assert_eq!(href(&one.clone().field("host", "WIKI.example")), expected);
    for (authority, host) in [
        ("wiki.example", "evil.example"),
        ("wiki.example", "wiki.example:444"),
        ("wiki.example", ""),
    ] {
        let asked = ask.clone().at(authority).field("host", host);
        let told = asked.by_http2().is(400).message();
        assert!(told.contains(":authority"), "{told}");
    }
    let twice = one
        .field("host", "wiki.example")
        .field("host", "wiki.example");
    twice.by_http2().is(400);
    ask.at("user@wiki.example").by_http2().is(400);
}

#[test]
fn the_client_chooses_the_protocol() {
    let site = Site::start(&[]);
    for (offered, chosen) in [
        (&["h2"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&["h2", "http/1.1"], Some("h2")),
        (&["http/1.1", "h2"], Some("h2")),
        (&[], None),
    ] {
        let (tls, _) = shake_hands(site.address(), site.config(offered)).unwrap();
        assert_eq!(
            tls.alpn_protocol(),
            chosen.map(str::as_bytes),
            "{offered:?}"
        );
    }
    // There is nothing in common.
    shake_hands(site.address(), site.config(&["spdy/3"])).unwrap_err();
    // Who does not choose speaks HTTP/1.1, and is not taken for one who does.
    for (config, preface) in [
        (site.config(&[]), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (
            site.config(&["http/1.1"]),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ),
        (site.config(&["h2"]), "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        let mut connection = site.connect_with(config);
        connection.write(preface.as_bytes());
        let told = connection.read_to_any_end();
        let told = String::from_utf8_lossy(&told);
        assert!(!told.contains("HTTP/1.1 2"), "{preface}: {told}");
    }
    // ALPN is by the connection: an upgrade is none.
    let mut connection = site.connect();
    connection.write(b"GET /@api/deki/pages/home/properties HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n");
    connection.read_one("GET").is(200);
}

fn check_version(site: &Site, version: &'static SupportedProtocolVersion, spoken: ProtocolVersion) {
    let mut config = trusting(site.certificate.clone(), &["http/1.1"]);
    let provider = Arc::clone(config.crypto_provider());
    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots.add(site.certificate.clone()).unwrap();
    config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (tls, _) = shake_hands(site.address(), Arc::new(config)).unwrap();
    assert_eq!(tls.protocol_version(), Some(spoken));
}

/// The first message of a client that speaks at most this version, with ciphers of its time.
fn old_hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 6, 0xc0, 0x13, 0, 0x2f, 0, 0x0a]);
    body.extend([1, 0]);
    // Signatures and curves that the server knows: nothing else is wrong with it.
    body.extend([
        0, 18, 0, 13, 0, 6, 0, 4, 4, 3, 4, 1, 0, 10, 0, 4, 0, 2, 0, 23,
    ]);
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    record
}

#[test]
fn tls_is_1_3_or_1_2() {
    let site = Site::start(&[]);
    check_version(&site, &TLS12, ProtocolVersion::TLSv1_2);
    check_version(&site, &TLS13, ProtocolVersion::TLSv1_3);
    for version in [[3, 0], [3, 1], [3, 2]] {
        let mut connection = Connection::open(site.address());
        connection.write(&old_hello(version));
        let told = connection.read_to_any_end();
        // A fatal alert: the version of the protocol.
        assert_eq!(
            told.first_chunk(),
            Some(&[21, 3, 3, 0, 2, 2, 70]),
            "{version:?}"
        );
    }
    site.ask("GET", "pages/home/properties").by_http2().is(200);
}

/// A start that fails for what is wrong with the files, says so in a line, and leaves nothing behind.
fn check_no_start(dir: &TempDir, flags: &[&str], code: i32, words: &[&str]) {
    let db = dir.path().join("test.db");
    let mut command = program(["serve", "--listen", "127.0.0.1:0", "--db", path(&db)]);
    command
        .args(flags)
        .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD);
    let (status, out, err) = run(command);
    assert_eq!((status, &*out), (Some(code), ""), "{flags:?}: {err}");
    assert!(err.starts_with("error: "), "{err}");
    assert!(code == 2 || err.lines().count() == 1, "{err}");
    for word in words {
        assert!(err.contains(word), "{word} is missing: {err}");
    }
    assert!(!err.contains("PRIVATE KEY--"), "{err}");
    assert!(!db.exists(), "{flags:?}");
}

#[test]
fn files_that_cannot_be_used_end_it_before_it_begins() {
    let dir = tempdir().unwrap();
    write_files(dir.path(), &certificate());
    let [cert, key] = files(dir.path());
    let other = dir.path().join("other.pem");
    std::fs::write(&other, certificate().signing_key.serialize_pem()).unwrap();
    let text = dir.path().join("text");
    std::fs::write(&text, "no PEM\n").unwrap();
    let empty = dir.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let half = dir.path().join("half");
    let whole = std::fs::read_to_string(&cert).unwrap();
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    let garbage = dir.path().join("garbage");
    std::fs::write(
        &garbage,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let missing = dir.path().join("missing");
    let (cert, key, other) = (path(&cert), path(&key), path(&other));
    let both = |cert, key| ["--tls-cert", cert, "--tls-key", key];
    for bad in [&missing, &text, &empty, &half] {
        let bad = path(bad);
        check_no_start(
            &dir,
            &both(bad, key),
            1,
            &["cannot read a certificate", bad],
        );
        check_no_start(
            &dir,
            &both(cert, bad),
            1,
            &["cannot read a private key", bad],
        );
    }
    check_no_start(&dir, &both(path(dir.path()), key), 1, &["a certificate"]);
    // The one for the other.
    check_no_start(&dir, &both(key, key), 1, &["a certificate", key]);
    check_no_start(&dir, &both(cert, cert), 1, &["a private key", cert]);
    check_no_start(&dir, &both(cert, other), 1, &["cannot use", cert, other]);
    check_no_start(
        &dir,
        &both(path(&garbage), key),
        1,
        &["cannot use", "garbage"],
    );
    // One alone.
    check_no_start(&dir, &["--tls-cert", cert], 2, &["--tls-key"]);
    check_no_start(&dir, &["--tls-key", key], 2, &["--tls-cert"]);
}

#[test]
fn a_hangup_shows_the_new_certificate_to_new_connections() {
    let site = Site::start(&[]);
    let dir = site.server.dir();
    let [cert, key] = files(dir.path());
    let mut open = site.connect();
    let get = Request::new("GET", format!("{API}/pages/home/properties")).field("Host", "a");
    let mut again = |status| {
        open.write(&get.head());
        open.read("GET").is(status);
    };
    again(200);
    block_on(async {
        let mut held = Http2::connect(&site).await;
        assert_eq!(held.certificate, site.certificate);
        let ask = site.ask("GET", "pages/home/properties");
        held.send(&ask).await.is(200);

        // Files that cannot be used change nothing.
        let bad = [
            (&cert, "no PEM".to_owned(), "cannot read a certificate"),
            (
                &cert,
                certificate().cert.pem(),
                "cannot use the certificate",
            ),
            (&key, String::new(), "cannot read a private key"),
        ];
        for (file, text, told) in bad {
            std::fs::write(file, text).unwrap();
            site.server.signal("HUP");
            site.server.wait_for_log(told);
            assert_eq!(Http2::connect(&site).await.certificate, site.certificate);
        }
        held.send(&ask).await.is(200);

        let new = certificate();
        write_files(dir.path(), &new);
        site.server.signal("HUP");
        site.server.wait_for_log("the certificate was read again");
        let (tls, socket) = shake_hands(
            site.address(),
            Arc::new(trusting(new.cert.der().clone(), &["http/1.1"])),
        )
        .unwrap();
        assert_eq!(tls.peer_certificates().unwrap(), [new.cert.der().clone()]);
        let mut connection = Connection::over(StreamOwned::new(tls, socket));
        connection.write(&get.head());
        connection.read("GET").is(200);
        // Who trusts the one before does not get it any more; who is connected goes on.
        shake_hands(site.address(), site.config(&["http/1.1"])).unwrap_err();
        held.send(&ask).await.is(200);
    });
    again(200);
}

#[test]
fn a_hangup_does_not_end_a_server_without_a_certificate() {
    let server = Server::start();
    server.signal("HUP");
    server.wait_for_log("there is no certificate to read again");
    server.get("/pages/home/properties").gives(200);
}

#[test]
fn plain_http_is_told_that_this_is_https() {
    let site = Site::start(&[]);
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        // More than the sockets hold, all of which it has to read so that the answer is not lost.
        format!(
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n{}",
            "x".repeat(20_000_000)
        ),
    ] {
        let mut connection = Connection::open(site.address());
        connection.write(request.as_bytes());
        let answer = connection.read("GET").is(400);
        assert_eq!(
            answer.text(),
            "This port speaks HTTPS: begin with https://\n"
        );
        assert!(connection.is_closed());
    }
    site.ask("GET", "pages/home/properties").by_http1().is(200);
}

#[test]
fn a_handshake_that_dribbles_in_is_cut() {
    let site = Site::start(&["--head-secs", "1"]);
    let mut tls =
        ClientConnection::new(site.config(&["h2"]), ServerName::try_from(NAME).unwrap()).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    let begun = [0, 1, 5, hello.len() - 1, hello.len()].map(|sent| {
        let mut connection = Connection::open(site.address());
        connection.write(&hello[..sent]);
        (sent, connection)
    });
    for (sent, mut connection) in begun {
        // With the whole hello, the server has something to say.
        let told = connection.read_to_any_end();
        assert_eq!(told.is_empty(), sent < hello.len(), "{sent}");
    }
    // A byte now and then is no sign of life: at this pace it takes four times as long.
    let mut connection = Connection::open(site.address());
    for byte in &hello {
        connection.try_write(&[*byte]);
        thread::sleep(Duration::from_secs(4) / u32::try_from(hello.len()).unwrap());
    }
    assert!(connection.is_closed());
    site.ask("GET", "pages/home/properties").by_http2().is(200);
}

#[test]
fn at_the_end_idle_connections_go_and_busy_ones_finish() {
    let mut site = Site::start(&[]);
    let content = noise(1 << 20);
    block_on(async {
        let idle = Http2::connect(&site).await;
        let mut busy = Http2::connect(&site).await;
        let ask = site
            .ask("PUT", "pages/home/files/=f")
            .field("content-type", "application/octet-stream");
        let (response, mut body) = busy.begin(ask.head(), true).await;
        // More than the server takes from a request that it has not begun to read.
        let mut rest = content.clone();
        while rest.len() > 200_000 {
            body.reserve_capacity(rest.len());
            let room = poll_fn(|context| body.poll_capacity(context)).await;
            let piece = rest.split_to(room.unwrap().unwrap().min(rest.len() - 200_000));
            body.send_data(piece, false).unwrap();
        }
        site.server.signal("TERM");
        site.server.wait_for_log("SIGTERM");
        // What it says last may find nobody any more.
        drop(idle.ended.await.unwrap());
        body.send_data(rest, true).unwrap();
        read(response).await.is(200);
        drop(body);
        drop(busy.ended.await.unwrap());
    });
    assert_eq!(site.server.wait().code(), Some(0));
    assert!(
        !site.server.log().contains("cut off"),
        "{}",
        site.server.log()
    );
    let server = Server::on(site.server.dir(), &[]);
    let back = server.get("/pages/home/files/=f").gives(200);
    assert!(back.body == content);
}

#[test]
fn connections_that_hang_do_not_hold_up_the_end() {
    let mut site = Site::start(&["--shutdown-grace-secs", "1"]);
    let silent = Connection::open(site.address());
    let mut begun = Connection::open(site.address());
    begun.write(&[22]);
    let shaken = ["h2", "http/1.1"].map(|protocol| site.connect_with(site.config(&[protocol])));
    site.ask("GET", "pages/home/properties").by_http2().is(200);
    site.server.signal("TERM");
    assert_eq!(site.server.wait().code(), Some(0));
    drop((silent, begun, shaken));
}

#[test]
fn a_plain_socket_does_not_speak_http2() {
    let server = Server::start();
    let mut connection = server.connect();
    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert_eq!(
        connection.read_to_any_end(),
        b"",
        "neither frames nor an answer"
    );
    let upgrade = server
        .get("/pages/home/properties")
        .field("Connection", "Upgrade, HTTP2-Settings")
        .field("Upgrade", "h2c")
        .field("HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA");
    let answer = upgrade.gives(200);
    assert_eq!((answer.field("upgrade"), answer.continued), (None, false));
}

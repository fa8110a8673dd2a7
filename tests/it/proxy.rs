//! Every link in an answer leads back through the proxies that people put in front: a real nginx and a real Apache, each at
//! the root of a host and below a path (`mindtouch.md` §1.2, §3; `clients.md` §1).
//!
//! They need the programs `nginx` and `apache2`, so they run only when asked for: `.ci/proxies` installs the programs and
//! asks.

use crate::harness::{Answer, Connection, PASSWORD, Request, Server, basic, percent, run};
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where the paths below a prefix begin.
const PREFIX: &str = "/store";

/// A proxy that runs. It is ended when it is dropped.
struct Proxy {
    child: Child,
    address: SocketAddr,
    _dir: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Asked to end, it ends its workers as well.
        drop(run(kill(&self.child)));
        drop(self.child.wait());
    }
}

fn kill(child: &Child) -> Command {
    let mut kill = Command::new("kill");
    kill.args(["-TERM", &child.id().to_string()]);
    kill
}

/// A port that nothing listens on, as far as one can know.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts a proxy with what `configure` writes: its arguments are the folder, the port, and the server behind it.
fn start(
    program: &str,
    server: &Server,
    configure: impl Fn(&Path, u16, SocketAddr) -> Vec<String>,
) -> Proxy {
    for _ in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let arguments = configure(dir.path(), port, server.address());
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; .ci/proxies installs it"));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let until = Instant::now() + Duration::from_secs(30);
        // It says nowhere that it listens, so it is asked until it does or has ended.
        while Instant::now() < until {
            if TcpStream::connect(address).is_ok() {
                return Proxy {
                    child,
                    address,
                    _dir: dir,
                };
            }
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::yield_now();
        }
        drop(child.kill());
        drop(child.wait());
        // Somebody else has taken the port.
    }
    panic!("{program} does not start")
}

fn nginx(server: &Server) -> Proxy {
    start("nginx", server, |dir, port, behind| {
        let temporary = |name: &str| format!("{name}_temp_path {}/{name};\n", dir.display());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(temporary)
            .concat();
        let forwarded = "proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;";
        let text = format!(
            "daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log;
             events {{ worker_connections 64; }}
             http {{
                 access_log off; {temporary}
                 proxy_http_version 1.1; client_max_body_size 0;
                 server {{
                     listen 127.0.0.1:{port};
                     location / {{ proxy_pass http://{behind}; {forwarded} }}
                     location {PREFIX}/ {{
                         proxy_pass http://{behind}/; {forwarded} proxy_set_header X-Forwarded-Prefix {PREFIX};
                     }}
                 }}
             }}",
            dir = dir.display(),
        );
        let file = dir.join("nginx.conf");
        fs::write(&file, text).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            "-c".to_owned(),
            text(&file),
            "-p".to_owned(),
            text(dir),
            "-e".to_owned(),
            text(&dir.join("error.log")),
        ]
    })
}

fn apache(server: &Server) -> Proxy {
    start("apache2", server, |dir, port, behind| {
        let module = |name: &str| {
            format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
        };
        let modules: String = ["mpm_event", "authz_core", "headers", "proxy", "proxy_http"]
            .map(module)
            .concat();
        let user = if run(Command::new("id")).1.contains("uid=0(") {
            "User www-data\nGroup www-data\n"
        } else {
            ""
        };
        // Of the host it says X-Forwarded-Host by itself.
        let text = format!(
            "{modules}{user}ServerName localhost\nListen 127.0.0.1:{port}\nPidFile {dir}/pid\nErrorLog {dir}/error.log
             ServerRoot {dir}\nDefaultRuntimeDir {dir}\nAllowEncodedSlashes NoDecode
             RequestHeader set X-Forwarded-Proto http
             <Location {PREFIX}/>\nRequestHeader set X-Forwarded-Prefix {PREFIX}\n</Location>
             ProxyPass {PREFIX}/ http://{behind}/ nocanon
             ProxyPass / http://{behind}/ nocanon\n",
            dir = dir.display(),
        );
        let file = dir.join("apache.conf");
        fs::write(&file, text).unwrap();
        vec![
            "-D".to_owned(),
            "FOREGROUND".to_owned(),
            "-f".to_owned(),
            file.to_str().unwrap().to_owned(),
        ]
    })
}

/// Sends a request through the proxy to a link, which has to lead there.
fn follow(
    proxy: &Proxy,
    base: &str,
    method: &str,
    link: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Answer {
    let path = link
        .strip_prefix(&format!("http://{}", proxy.address))
        .unwrap_or_else(|| panic!("{link} does not lead through the proxy"));
    assert!(path.starts_with(base), "{link}");
    let mut request = Request::new(method, path)
        .field("Host", proxy.address.to_string())
        .field("Authorization", basic("admin", PASSWORD))
        .field("Connection", "close");
    for (name, value) in fields {
        request = request.field(name, value);
    }
    Connection::open(proxy.address).send(&request.with_body(body))
}

const KEYS: [&str; 26] = [
    "plain",
    "urn:custom.mindtouch.com#a/b",
    "a b+c",
    "100%",
    "%2F",
    "%252F",
    "a%20b",
    "ü/ö?x=1&y=2",
    "日本語 \u{1F600}",
    "..",
    ".",
    "a..",
    "../../x",
    "./x",
    "//",
    "a//b",
    "a\\b",
    "x;y=z",
    "it's \"so\"",
    "[x]{y}|`^~",
    "<a>&amp;</a>",
    "*",
    "info",
    " ",
    "a/",
    "tab\there",
];

/// Makes, lists, reads, updates and deletes properties with all kinds of names by the links of the answers alone.
fn check(proxy: &Proxy, base: &str) {
    let root = format!("http://{}{base}/@api/deki", proxy.address);
    let page = follow(
        proxy,
        base,
        "POST",
        &format!("{root}/pages/=A%252fB%2520c/contents?edittime=now"),
        &[],
        "x",
    );
    let page = page.is(200).xml().child("page").attr("href").to_owned();
    let file = follow(
        proxy,
        base,
        "PUT",
        &format!("{page}/files/=a%252fb%2520%25C3%25BC.txt"),
        &[],
        "content",
    );
    let file = file.is(200).xml();
    let content = file.child("contents").attr("href");
    assert_eq!(
        follow(proxy, base, "GET", content, &[], "").is(200).text(),
        "content"
    );
    let file = file.attr("href").strip_suffix("/info").unwrap().to_owned();
    for owner in [
        page,
        file,
        format!("{root}/users/current"),
        format!("{root}/site"),
    ] {
        let properties = format!("{owner}/properties");
        for key in KEYS {
            let slug = percent(key.as_bytes());
            let fields = [("Slug", slug.as_str()), ("Content-Type", "text/plain")];
            follow(proxy, base, "POST", &properties, &fields, key).is(200);
        }
        let list = follow(proxy, base, "GET", &properties, &[], "")
            .is(200)
            .xml();
        assert_eq!(list.property_names(), KEYS);
        let again = follow(proxy, base, "GET", list.attr("href"), &[], "")
            .is(200)
            .xml();
        assert_eq!(again.property_names(), KEYS);
        for (key, block) in KEYS.iter().zip(list.all("property")) {
            let value = block.child("contents").attr("href");
            let read = follow(proxy, base, "GET", value, &[], "").is(200);
            assert_eq!(read.text(), *key, "{value}");
            let info = follow(proxy, base, "GET", block.attr("href"), &[], "")
                .is(200)
                .xml();
            assert_eq!(
                (info.attr("name"), info.attr("etag")),
                (*key, block.attr("etag"))
            );
            let etag = [("ETag", block.attr("etag")), ("Content-Type", "text/plain")];
            let put = follow(proxy, base, "PUT", value, &etag, "new")
                .is(200)
                .xml();
            assert_eq!(put.attr("name"), *key);
            follow(proxy, base, "DELETE", value, &[], "").is(200);
            let user = put.child("user.modified").attr("href");
            follow(proxy, base, "GET", user, &[], "").is(200);
        }
        let list = follow(proxy, base, "GET", &properties, &[], "")
            .is(200)
            .xml();
        assert_eq!(list.attr("count"), "0");
    }
}

#[test]
#[ignore = "needs nginx: .ci/proxies"]
fn links_lead_through_nginx() {
    let server = Server::with(&["--trusted-proxy", "127.0.0.1"]);
    let proxy = nginx(&server);
    check(&proxy, "");
    check(&proxy, PREFIX);
}

#[test]
#[ignore = "needs Apache: .ci/proxies"]
fn links_lead_through_apache() {
    let server = Server::with(&["--trusted-proxy", "127.0.0.1"]);
    let proxy = apache(&server);
    check(&proxy, "");
    check(&proxy, PREFIX);
}

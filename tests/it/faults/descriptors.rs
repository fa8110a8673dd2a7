//! There are more connections than the system has descriptors for (`promises.md` 27), and connections that hang while the
//! server ends (25).

use crate::harness::{Connection, PASSWORD, Server, program};
use std::fs;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::tempdir;

const SOON: Duration = Duration::from_secs(10);

/// How long the load is looked at.
const LOOK: Duration = Duration::from_secs(4);

/// How much of a core the process has used, in seconds.
fn used(server: &Server) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

#[test]
#[ignore = "takes its time to look at the load: .ci/faults"]
fn with_too_few_descriptors_who_is_connected_is_served() {
    let dir = Arc::new(tempdir().unwrap());
    let inner = program(["serve", "--listen", "127.0.0.1:0", "--db"]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""]);
    command.arg(inner.get_program()).args(inner.get_args());
    command
        .arg(dir.path().join("test.db"))
        .stdout(Stdio::null());
    command.env("PROPSTORE_ADMIN_PASSWORD", PASSWORD);
    let server = Server::spawn(command, dir);
    let mut connected = server.connect();
    let put = |n: usize| {
        let put = server.put("/pages/home/properties/p?abort=never");
        put.text(&n.to_string()).request().clone()
    };
    connected.send(&put(0)).is(200);
    let crowd: Vec<TcpStream> = (0..200)
        .map(|_| TcpStream::connect(server.address()).unwrap())
        .collect();
    let lines = server.log().lines().count();
    // A measurement, not a wait for something to happen.
    let before = used(&server);
    thread::sleep(LOOK);
    let load = (used(&server) - before) / LOOK.as_secs_f64();
    assert!(load < 0.5, "{load} of a core");
    for n in 0..50 {
        connected.send(&put(n)).is(200);
    }
    let more = server.log().lines().count() - lines;
    assert!(more < 20, "{more} lines of log:\n{}", server.log());
    drop(crowd);
    let began = Instant::now();
    server.property("/pages/home", "q", "v");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    println!(
        "{load:.3} of a core, {more} lines, back after {:?}",
        began.elapsed()
    );
}

/// With the default of how long requests in flight may take.
#[test]
#[ignore = "takes ten seconds: .ci/faults"]
fn hanging_connections_do_not_keep_it_from_ending() {
    let mut server = Server::start();
    let idle: Vec<Connection> = (0..20).map(|_| server.connect()).collect();
    let put = server.put("/pages/home/properties").xml("<properties>");
    let put = put.request().clone().field("Content-Length", "1000");
    let mut hanging: Vec<Connection> = Vec::new();
    for n in 0..20 {
        let mut connection = server.connect();
        if n % 2 == 0 {
            connection.write(&put.head()[..40]);
        } else {
            connection.write(&put.clone().field("Expect", "100-continue").head());
            assert_eq!(connection.read_one("PUT").status, 100);
            connection.write(b"<properties>");
        }
        hanging.push(connection);
    }
    server.property("/pages/home", "p", "v");
    let began = Instant::now();
    server.signal("TERM");
    server.wait_for_log("finishing what is in flight");
    // Nobody else is let in, although some are still being waited for.
    let second = Duration::from_secs(1);
    let is_refused = || {
        let tried = TcpStream::connect_timeout(&server.address(), second);
        tried.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    };
    while !is_refused() {
        assert!(began.elapsed() < SOON / 2, "it still lets people in");
    }
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
    drop((idle, hanging));
    assert!(!server.dir().path().join("test.db-wal").exists());
    let server = Server::on(server.dir(), &[]);
    assert_eq!(
        server.get("/pages/home/properties/p").gives(200).text(),
        "v"
    );
}

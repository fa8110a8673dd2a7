//! The program that is measured: starts it, ends it, and looks at it from outside.

use anyhow::{Context, Result, anyhow, ensure};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Who signs in.
pub(crate) const USER: &str = "admin";

/// The password of [`USER`].
pub(crate) const PASSWORD: &str = "correct horse";

/// How long it may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. It is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    folder: Arc<TempDir>,
    spawned: Instant,
}

/// What a process has in memory, in bytes.
pub(crate) struct Memory {
    /// All of its pages.
    pub(crate) resident: usize,
    /// The same, with a share only of those that other processes have as well.
    pub(crate) proportional: usize,
}

/// A folder for a new database, on the disk on which the program was built.
pub(crate) fn new_folder() -> Result<Arc<TempDir>> {
    Ok(Arc::new(TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?))
}

/// The database in a folder.
pub(crate) fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("load.db")
}

impl Server {
    /// Starts the program on a new database.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        Self::on(binary, new_folder()?)
    }

    /// Starts the program on the database in this folder, which is made if there is none.
    pub(crate) fn on(binary: &Path, folder: Arc<TempDir>) -> Result<Self> {
        Self::with(binary, folder, &[])
    }

    /// The same with further arguments.
    pub(crate) fn with(binary: &Path, folder: Arc<TempDir>, arguments: &[&OsStr]) -> Result<Self> {
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PROPSTORE_") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--db"])
            .arg(database(&folder))
            .args(arguments)
            .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let spawned = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let stderr = child.stderr.take().context("no stderr")?;
        let (tell, told) = channel();
        thread::spawn(move || listen(stderr, &tell));
        let address = told.recv_timeout(PATIENCE).map_err(|_| {
            drop(child.kill());
            anyhow!("{} did not say where it listens", binary.display())
        })?;
        Ok(Server {
            child,
            address: address.parse()?,
            folder,
            spawned,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder with its database.
    pub(crate) fn folder(&self) -> &TempDir {
        &self.folder
    }

    /// When it was started.
    pub(crate) fn spawned(&self) -> Instant {
        self.spawned
    }

    /// Ends it as a service manager would, and leaves its database.
    pub(crate) fn stop(mut self) -> Result<Arc<TempDir>> {
        signal("TERM", &self.child)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(Arc::clone(&self.folder))
    }

    /// What it has in memory now.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id()))?;
        let field = |name: &str| {
            let mut lines = rollup.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_suffix("kB"));
            let kilobytes: usize = value
                .with_context(|| format!("no {name}"))?
                .trim()
                .parse()?;
            anyhow::Ok(kilobytes * 1024)
        };
        Ok(Memory {
            resident: field("Rss:")?,
            proportional: field("Pss:")?,
        })
    }

    /// Does some work while `strace` looks on, and counts how often the server asks the disk to hold what was written.
    /// `None` if there is no `strace`, or it may not look on.
    pub(crate) fn count_syncs<T>(&self, work: impl FnOnce() -> T) -> Result<Option<(T, usize)>> {
        let counts = self.folder().path().join("strace");
        let mut command = Command::new("strace");
        command
            .args(["-f", "-c", "-e", "trace=fsync,fdatasync", "-p"])
            .arg(self.id().to_string())
            .arg("-o")
            .arg(&counts)
            .stderr(Stdio::piped());
        let Ok(mut strace) = command.spawn() else {
            return Ok(None);
        };
        let mut lines = BufReader::new(strace.stderr.take().context("no stderr")?).lines();
        let attached = |line: Result<String, _>| line.is_ok_and(|line| line.contains("attached"));
        if !lines.any(attached) {
            strace.wait()?;
            return Ok(None);
        }
        let done = work();
        signal("INT", &strace)?;
        strace.wait()?;
        Ok(Some((done, sum_of_calls(&fs::read_to_string(counts)?))))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads what the server logs, to the end, and tells where it listens.
fn listen(stderr: ChildStderr, tell: &Sender<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let place = line.split_once("listening on http");
        if let Some((_, address)) = place.and_then(|(_, url)| url.split_once("://")) {
            // Whoever waited may have given up.
            drop(tell.send(address.trim().to_owned()));
        } else if !line.contains(" INFO ") {
            eprintln!("server: {line}");
        }
    }
}

fn signal(name: &str, child: &Child) -> Result<()> {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()?;
    ensure!(status.success(), "kill -{name} failed");
    Ok(())
}

/// The sum of the column `calls` in what `strace -c` says.
fn sum_of_calls(counts: &str) -> usize {
    counts
        .lines()
        .filter(|line| line.ends_with("fsync") || line.ends_with("fdatasync"))
        .filter_map(|line| line.split_whitespace().nth(3)?.parse::<usize>().ok())
        .sum()
}

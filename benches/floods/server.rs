//! The program that is flooded: starts it with a new database and a certificate, ends it, and looks at its memory.

use crate::frames::{NAME, trusting};
use anyhow::{Context, Result, anyhow};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// The password of `admin`.
pub(crate) const PASSWORD: &str = "correct horse";

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. It is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    /// Deleted with it.
    _folder: TempDir,
}

impl Server {
    /// Starts the program.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()])?;
        let [cert_file, key_file] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        fs::write(&cert_file, cert.pem())?;
        fs::write(&key_file, signing_key.serialize_pem())?;
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PROPSTORE_") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--db"])
            .arg(folder.path().join("floods.db"))
            .arg("--tls-cert")
            .arg(cert_file)
            .arg("--tls-key")
            .arg(key_file)
            .env("PROPSTORE_ADMIN_PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let stderr = child.stderr.take().context("no stderr")?;
        let (tell, told) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on https://") {
                    // Whoever waited may have given up.
                    drop(tell.send(address.trim().to_owned()));
                }
            }
        });
        let address = told.recv_timeout(PATIENCE).map_err(|_| {
            drop(child.kill());
            anyhow!("{} did not say where it listens", binary.display())
        })?;
        Ok(Server {
            child,
            address: address.parse()?,
            certificate: cert.der().clone(),
            _folder: folder,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How to shake hands with it for this protocol.
    pub(crate) fn config(&self, protocol: &str) -> Arc<ClientConfig> {
        Arc::new(trusting(self.certificate.clone(), &[protocol]))
    }

    /// Lets the peak of its memory begin anew: what it has now, in bytes.
    pub(crate) fn forget_peak(&self) -> Result<usize> {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?;
        self.memory("VmRSS:")
    }

    /// What it had in memory at most since then, in bytes.
    pub(crate) fn peak(&self) -> Result<usize> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Result<usize> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = value.with_context(|| format!("no {name}"))?.trim();
        Ok(kilobytes.trim_end_matches(" kB").parse::<usize>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

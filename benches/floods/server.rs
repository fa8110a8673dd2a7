//! The program that is flooded: starts it with a new database and a certificate, ends it, and looks at its memory.

use crate::frames::{NAME, trusting};
use crate::process;
use anyhow::{Context, Result};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;

pub(crate) use crate::process::PASSWORD;

/// A running server.
pub(crate) struct Server {
    process: process::Server,
    certificate: CertificateDer<'static>,
}

impl Server {
    /// Starts the program.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        let folder = process::new_folder()?;
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()])?;
        let [cert_file, key_file] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        fs::write(&cert_file, cert.pem())?;
        fs::write(&key_file, signing_key.serialize_pem())?;
        let arguments = [
            "--tls-cert".as_ref(),
            cert_file.as_os_str(),
            "--tls-key".as_ref(),
            key_file.as_os_str(),
        ];
        Ok(Server {
            process: process::Server::with(binary, folder, &arguments)?,
            certificate: cert.der().clone(),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// How to shake hands with it for this protocol.
    pub(crate) fn config(&self, protocol: &str) -> Arc<ClientConfig> {
        Arc::new(trusting(self.certificate.clone(), &[protocol]))
    }

    /// Lets the peak of its memory begin anew: what it has now, in bytes.
    pub(crate) fn forget_peak(&self) -> Result<usize> {
        fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5")?;
        self.memory("VmRSS:")
    }

    /// What it had in memory at most since then, in bytes.
    pub(crate) fn peak(&self) -> Result<usize> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Result<usize> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = value.with_context(|| format!("no {name}"))?.trim();
        Ok(kilobytes.trim_end_matches(" kB").parse::<usize>()? * 1024)
    }
}

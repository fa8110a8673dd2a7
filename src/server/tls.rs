//! TLS: whose certificate is shown, and which protocol the client chooses.
//!
//! rustls with its safe defaults: TLS 1.3 and 1.2. The files are read when propstore starts and again when it is told to;
//! files that cannot be used then are reported, and the ones before stay in force.

use super::stall::Impatient;
use clap::Args;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// The name of HTTP/2 in ALPN (RFC 9113 §3.1), and of HTTP/1.1.
const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// Where the certificate and its key are.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub struct TlsFiles {
    /// The certificate of this server and those that vouch for it, in PEM; with it only HTTPS is spoken. Read again on
    /// SIGHUP
    #[arg(
        long = "tls-cert",
        env = "PROPSTORE_TLS_CERT",
        value_name = "FILE",
        requires = "key"
    )]
    pub cert: Option<PathBuf>,

    /// Its private key, in PEM (PKCS #8, PKCS #1 or SEC 1, without a password)
    #[arg(
        long = "tls-key",
        env = "PROPSTORE_TLS_KEY",
        value_name = "FILE",
        requires = "cert"
    )]
    pub key: Option<PathBuf>,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not PEM.
    #[error("cannot read {what} from {}: {reason}", path.display())]
    File {
        /// What was looked for in it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The two do not belong together, or rustls does not take them.
    #[error(
        "cannot use the certificate {} with the key {}: {reason}",
        cert.display(),
        key.display()
    )]
    Pair {
        /// The file with the certificate.
        cert: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// Why not.
        reason: tokio_rustls::rustls::Error,
    },
}

/// The certificate in force.
#[derive(Debug)]
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    config: Mutex<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files, if there are any.
    ///
    /// # Errors
    /// Which of them cannot be used, and why.
    pub fn load(files: &TlsFiles) -> Result<Option<Arc<Self>>, TlsError> {
        let (Some(cert), Some(key)) = (&files.cert, &files.key) else {
            return Ok(None);
        };
        Ok(Some(Arc::new(Tls {
            config: Mutex::new(read(cert, key)?),
            cert: cert.clone(),
            key: key.clone(),
        })))
    }

    /// Reads the files again. Connections that are there already stay as they are.
    ///
    /// # Errors
    /// Which of them cannot be used, and why: then nothing changes.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = read(&self.cert, &self.key)?;
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Shakes hands with a client.
    pub(super) async fn accept(&self, stream: Impatient) -> io::Result<TlsStream<Impatient>> {
        let config = Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await
    }
}

/// Whether the client has chosen HTTP/2.
pub(super) fn is_http2(stream: &TlsStream<Impatient>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(H2)
}

/// Whether a connection that begins with this byte wants TLS: its first record is a handshake (RFC 8446 §5.1).
pub(super) fn is_handshake(first: u8) -> bool {
    first == 22
}

fn read(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let failed = |what, path: &Path, reason: pem::Error| TlsError::File {
        what,
        path: path.to_owned(),
        reason: if matches!(reason, pem::Error::NoItemsFound) {
            "there is none in it".to_owned()
        } else {
            reason.to_string()
        },
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|chain| match chain.as_slice() {
            [] => Err(pem::Error::NoItemsFound),
            _ => Ok(chain),
        })
        .map_err(|reason| failed("a certificate", cert, reason))?;
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|reason| failed("a private key", key, reason))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        });
    let mut config = config.map_err(|reason| TlsError::Pair {
        cert: cert.to_owned(),
        key: key.to_owned(),
        reason,
    })?;
    config.alpn_protocols = vec![H2.to_vec(), HTTP_1_1.to_vec()];
    Ok(Arc::new(config))
}

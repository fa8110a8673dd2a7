//! What stands for TLS in a program that is built without it: there is never any.

use std::convert::Infallible;
use std::sync::Arc;

/// No files.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct TlsFiles {}

/// No error.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {}

/// No certificate.
#[derive(Debug)]
pub struct Tls(Infallible);

impl Tls {
    /// There are no files to read.
    ///
    /// # Errors
    /// None.
    #[must_use = "this holds in a program with TLS"]
    pub fn load(_: &TlsFiles) -> Result<Option<Arc<Self>>, TlsError> {
        Ok(None)
    }

    /// There is nothing to read again.
    ///
    /// # Errors
    /// None.
    #[must_use = "this holds in a program with TLS"]
    pub fn reload(&self) -> Result<(), TlsError> {
        match self.0 {}
    }
}

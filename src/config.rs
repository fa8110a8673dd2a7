//! Every limit and every timeout, with its unit in its name and its default beside it.
//!
//! Each is a flag of `propstore serve` and an environment variable. `mindtouch.md` §15 and `promises.md` §1.3, §1.4 say
//! what they have to be by default.

use clap::Args;
use std::time::Duration;

/// Bounds on what a client can make the server do.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// The largest body of a batch, in bytes
    #[arg(long, env = "PROPSTORE_BATCH_BYTES_MAX", default_value_t = 16 << 20, value_name = "BYTES")]
    pub batch_bytes_max: u64,

    /// The most properties in one batch
    #[arg(
        long,
        env = "PROPSTORE_BATCH_CHANGES_MAX",
        default_value_t = 100_000,
        value_name = "N"
    )]
    pub batch_changes_max: usize,

    /// The largest value of a property, in bytes
    #[arg(long, env = "PROPSTORE_PROPERTY_BYTES_MAX", default_value_t = 16 << 20, value_name = "BYTES")]
    pub property_bytes_max: u64,

    /// The longest description of a change, in characters
    #[arg(
        long,
        env = "PROPSTORE_DESCRIPTION_CHARS_MAX",
        default_value_t = 4096,
        value_name = "N"
    )]
    pub description_chars_max: usize,

    /// The largest file, in bytes
    #[arg(long, env = "PROPSTORE_FILE_BYTES_MAX", default_value_t = 100 << 20, value_name = "BYTES")]
    pub file_bytes_max: u64,

    /// The most connections at a time; further ones wait to be accepted
    #[arg(
        long,
        env = "PROPSTORE_CONNECTIONS_MAX", value_parser = clap::value_parser!(u32).range(1..),
        default_value_t = 1024,
        value_name = "N"
    )]
    pub connections_max: u32,

    /// The largest head of a request, in bytes
    #[arg(long, env = "PROPSTORE_HEAD_BYTES_MAX", default_value_t = 256 << 10, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(8192..))]
    pub head_bytes_max: u32,

    /// How long the head of a request may take, and how long a connection may be idle, in seconds
    #[arg(
        long,
        env = "PROPSTORE_HEAD_SECS",
        default_value_t = 30,
        value_name = "SECS"
    )]
    pub head_secs: u64,

    /// How long a body that is gathered whole may take, in seconds
    #[arg(
        long,
        env = "PROPSTORE_BODY_SECS",
        default_value_t = 60,
        value_name = "SECS"
    )]
    pub body_secs: u64,

    /// In this many seconds a file that is sent has to move by at least 16 KiB for each of them, and an answer that is
    /// fetched has to move at all (over HTTP/2 by 16 KiB)
    #[arg(
        long,
        env = "PROPSTORE_STREAM_SECS",
        default_value_t = 30,
        value_name = "SECS"
    )]
    pub stream_secs: u64,

    /// How long requests in flight may take to finish at shutdown, in seconds
    #[arg(
        long,
        env = "PROPSTORE_SHUTDOWN_GRACE_SECS",
        default_value_t = 10,
        value_name = "SECS"
    )]
    pub shutdown_grace_secs: u64,

    /// How long a token is good for, in seconds
    #[arg(long, env = "PROPSTORE_TOKEN_SECS", default_value_t = 7 * 24 * 3600, value_name = "SECS")]
    pub token_secs: u64,

    /// How long credentials that were right are remembered after their last use, in seconds
    #[arg(
        long,
        env = "PROPSTORE_CREDENTIALS_SECS",
        default_value_t = 300,
        value_name = "SECS"
    )]
    pub credentials_secs: u64,

    /// The most wrong passwords a second for one account from one address; beyond it, 429
    #[arg(
        long,
        env = "PROPSTORE_GUESSES_PER_SEC_MAX",
        default_value_t = 10,
        value_name = "N"
    )]
    pub guesses_per_sec_max: u32,
}

/// What of an account others get to see (`mindtouch.md` §5.2).
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Privacy")]
pub struct Privacy {
    /// Whether the e-mail address of an account is shown to others than its owner
    #[arg(
        long = "email-addresses",
        env = "PROPSTORE_EMAIL_ADDRESSES",
        default_value = "hidden",
        value_name = "HOW"
    )]
    pub addresses: Addresses,

    /// How the e-mail address of an account is hashed in answers, for the picture that Gravatar has of it
    #[arg(
        long,
        env = "PROPSTORE_EMAIL_HASH",
        default_value = "md5",
        value_name = "HOW"
    )]
    pub email_hash: EmailHash,
}

/// Who sees e-mail addresses.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// The owner alone
    Hidden,
    /// Everybody
    Shown,
}

/// What is said of an e-mail address instead of the address.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailHash {
    /// As the original does it
    Md5,
    /// What Gravatar takes as well, and harder to guess from
    Sha256,
    /// Nothing
    Off,
}

impl Default for Privacy {
    /// The defaults of the flags.
    fn default() -> Self {
        Privacy {
            addresses: Addresses::Hidden,
            email_hash: EmailHash::Md5,
        }
    }
}

impl Limits {
    /// [`Limits::head_secs`] as a duration.
    #[must_use]
    pub fn head_time(&self) -> Duration {
        Duration::from_secs(self.head_secs)
    }

    /// [`Limits::body_secs`] as a duration.
    #[must_use]
    pub fn body_time(&self) -> Duration {
        Duration::from_secs(self.body_secs)
    }

    /// [`Limits::stream_secs`] as a duration.
    #[must_use]
    pub fn stream_time(&self) -> Duration {
        Duration::from_secs(self.stream_secs)
    }

    /// How many bytes have to move in [`Limits::stream_time`].
    #[must_use]
    pub fn stream_bytes_min(&self) -> u64 {
        self.stream_secs.saturating_mul(16 << 10)
    }
}

impl Default for Limits {
    /// The defaults of the flags.
    fn default() -> Self {
        use clap::{Command, FromArgMatches};
        let matches = Limits::augment_args(Command::new("defaults").no_binary_name(true))
            .get_matches_from([""; 0]);
        match Limits::from_arg_matches(&matches) {
            Ok(limits) => limits,
            Err(error) => error.exit(),
        }
    }
}

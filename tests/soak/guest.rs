//! What all clients share: a connection that counts, and the rounds of their game.

use crate::client::Connection;
use crate::dice::Dice;
use crate::server::{PASSWORD, USER};
use anyhow::{Context, Result};
use memchr::memmem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Between two rounds a client waits for up to so long: the machine shall be busy, and not full.
const PAUSE_MICROS: usize = 20_000;

/// Of a database that has grown, so many bytes are for what one change adds besides its content: its part of the log with
/// what it replaced, its head, its part of the indexes. Most changes are of batches and take about a third of that.
const BYTES_OF_CHANGE: u64 = 300;

/// So many are for pages that are free when what was cut off is swept, and used again.
const BYTES_FREE: u64 = 64 << 20;

/// Somebody who does something again and again.
pub(crate) trait Player: Send {
    /// Does it once more, after so many rounds, and checks all answers.
    fn play(&mut self, dice: &mut Dice, round: usize) -> Result<()>;
}

/// Plays until it is over: how many rounds.
pub(crate) fn keep_on(
    player: &mut dyn Player,
    dice: &mut Dice,
    over: &AtomicBool,
) -> Result<usize> {
    let mut round = 0;
    while !over.load(Ordering::Relaxed) {
        player.play(dice, round)?;
        round += 1;
        // This is the pace; nothing is waited for.
        thread::sleep(Duration::from_micros(dice.below(PAUSE_MICROS) as u64));
    }
    Ok(round)
}

/// What all clients together have done.
#[derive(Default)]
pub(crate) struct Ledger {
    requests: AtomicU64,
    changes: AtomicU64,
    bytes: AtomicU64,
}

impl Ledger {
    /// What was done so far does not count.
    pub(crate) fn forget(&self) {
        for count in [&self.requests, &self.changes, &self.bytes] {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// So many requests more, which have changed so many things and carried so many bytes for them.
    pub(crate) fn add(&self, requests: usize, changes: usize, bytes: usize) {
        for (count, more) in [
            (&self.requests, requests),
            (&self.changes, changes),
            (&self.bytes, bytes),
        ] {
            count.fetch_add(more as u64, Ordering::Relaxed);
        }
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        usize::try_from(self.requests.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// How many changes were made.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// How many bytes were to be stored.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How much the database may have grown by that: each revision is kept.
    pub(crate) fn may_take(&self) -> u64 {
        // A twentieth is for what a large content takes besides its bytes, and ends of pages.
        let changes = self.changes();
        self.bytes() * 21 / 20 + changes * BYTES_OF_CHANGE + BYTES_FREE
    }
}

/// An answer, kept.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Told {
    /// What stands between this and the next quote.
    pub(crate) fn attribute(&self, start: &str) -> Result<String> {
        let found = || {
            let at = memmem::find(&self.body, start.as_bytes())? + start.len();
            let value = &self.body[at..];
            let end = memchr::memchr(b'"', value)?;
            String::from_utf8(value[..end].to_vec()).ok()
        };
        found().with_context(|| format!("no {start} in {}", self.text()))
    }

    /// The body as text, as far as it is.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body[..self.body.len().min(2000)]).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| self.text())
    }

    /// Whether this stands in it.
    pub(crate) fn has(&self, text: &str) -> bool {
        memmem::find(&self.body, text.as_bytes()).is_some()
    }
}

/// A client.
pub(crate) struct Guest {
    connection: Connection,
    ledger: Arc<Ledger>,
}

impl Guest {
    /// Somebody who has not signed in.
    pub(crate) fn anonymous(address: SocketAddr, ledger: &Arc<Ledger>) -> Result<Self> {
        Ok(Guest {
            connection: Connection::open(address)?,
            ledger: Arc::clone(ledger),
        })
    }

    /// The administrator.
    pub(crate) fn admin(address: SocketAddr, ledger: &Arc<Ledger>) -> Result<Self> {
        let mut guest = Guest::anonymous(address, ledger)?;
        guest.connection.sign_in(USER, PASSWORD)?;
        Ok(guest)
    }

    /// Asks with these header fields, and demands one of these statuses.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        fields: &str,
        body: &[u8],
        statuses: &[u16],
    ) -> Result<Told> {
        let answer = self.connection.ask(method, path, fields, body)?;
        let writes = !matches!(method, "GET" | "HEAD");
        let made = writes && (200..300).contains(&answer.status);
        self.ledger
            .add(1, made.into(), if made { body.len() } else { 0 });
        let answer = answer.is(statuses);
        let answer = answer.with_context(|| format!("{method} {path} {fields}"))?;
        Ok(Told {
            status: answer.status,
            etag: answer
                .field("etag")
                .map(|etag| etag.trim_matches('"').to_owned()),
            retry_after: answer.field("retry-after").map(ToOwned::to_owned),
            body: answer.body.to_vec(),
        })
    }

    /// Reads something that is there.
    pub(crate) fn get(&mut self, path: &str) -> Result<Told> {
        self.ask("GET", path, "", b"", &[200])
    }

    /// Sends JSON that is accepted.
    pub(crate) fn json(
        &mut self,
        method: &str,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Told> {
        let fields = "Content-Type: application/json\r\n";
        self.ask(
            method,
            path,
            fields,
            body.to_string().as_bytes(),
            &[200, 201],
        )
    }
}

/// Bytes that no other seed has.
pub(crate) fn bytes(dice: &mut Dice, length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::with_capacity(length + 1024);
    let piece: Vec<u8> = {
        let byte = |_| u8::try_from(dice.below(256)).unwrap_or_default();
        (0..length.min(4099)).map(byte).collect()
    };
    while bytes.len() < length {
        bytes.extend_from_slice(&piece);
    }
    bytes.truncate(length);
    bytes
}

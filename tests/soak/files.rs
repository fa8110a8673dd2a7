//! Files of all sizes: up, down, in part, cut off, and deleted.

use crate::client::API;
use crate::dice::Dice;
use crate::guest::{Guest, Ledger, Player, bytes};
use crate::server::Server;
use anyhow::{Result, ensure};
use std::sync::Arc;

/// How many files one client has.
const FILES: usize = 3;

/// Uploads and downloads.
pub(crate) struct Files {
    guest: Guest,
    number: usize,
    contents: [Option<Vec<u8>>; FILES],
}

impl Files {
    pub(crate) fn new(server: &Server, ledger: &Arc<Ledger>, number: usize) -> Result<Self> {
        Ok(Files {
            guest: Guest::admin(server.address(), ledger)?,
            number,
            contents: Default::default(),
        })
    }
}

impl Player for Files {
    fn play(&mut self, dice: &mut Dice, _: usize) -> Result<()> {
        let slot = dice.below(FILES);
        let path = format!("{API}/pages/home/files/=soak{}-{slot}", self.number);
        let Some(content) = &self.contents[slot] else {
            self.guest.ask("GET", &path, "", b"", &[404])?;
            return self.upload(dice, slot, &path);
        };
        let length = content.len();
        match dice.below(20) {
            0 => self.upload(dice, slot, &path)?,
            1 => {
                self.guest.ask("DELETE", &path, "", b"", &[200])?;
                self.guest.ask("GET", &path, "", b"", &[404])?;
                self.contents[slot] = None;
            }
            2..8 if length > 2 => {
                let first = dice.below(length - 1);
                let last = (first + dice.below(100_000)).min(length - 1);
                let fields = format!("Range: bytes={first}-{last}\r\n");
                let told = self.guest.ask("GET", &path, &fields, b"", &[206])?;
                ensure!(told.body == content[first..=last], "another part");
            }
            8..14 => {
                let told = self.guest.ask("HEAD", &path, "", b"", &[200])?;
                let etag = told.etag.unwrap_or_default();
                let fields = format!("If-None-Match: \"{etag}\"\r\n");
                self.guest.ask("GET", &path, &fields, b"", &[304])?;
                let stale = format!("If-Match: \"0{etag}\"\r\n");
                self.guest.ask("PUT", &path, &stale, b"no", &[412])?;
            }
            _ => {
                let told = self.guest.get(&path)?;
                ensure!(told.body == *content, "another content");
            }
        }
        Ok(())
    }
}

impl Files {
    fn upload(&mut self, dice: &mut Dice, slot: usize, path: &str) -> Result<()> {
        // Most are small, and a few take many pieces; a revision is kept for ever, so that all of them do not take too much.
        let bound = if dice.one_in(20) {
            24 << 20
        } else {
            *dice.pick(&[100, 10_000, 10_000, 600_000, 600_000, 4 << 20])
        };
        let length = dice.below(bound);
        let content = bytes(dice, length);
        let fields = "Content-Type: application/octet-stream\r\n";
        let told = self.guest.ask("PUT", path, fields, &content, &[200])?;
        ensure!(
            told.has(&format!("size=\"{length}\"")),
            "another size: {}",
            told.text()
        );
        self.contents[slot] = Some(content);
        Ok(())
    }
}

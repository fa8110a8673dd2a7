//! Properties in the MindTouch dialect: batches of all sizes and single ones.

use crate::client::API;
use crate::dice::Dice;
use crate::guest::{Guest, Ledger, Player, bytes};
use crate::server::Server;
use crate::worker::{Task, Worker};
use anyhow::{Context, Result, ensure};
use std::sync::Arc;

/// How many bytes a value of a [`Worker`] has.
const VALUE_BYTES: usize = 64;

/// After so many rounds somebody comes with a new connection and begins anew.
const ROUNDS_OF_VISIT: usize = 100;

/// A resource with a long list of properties: the path to them.
pub(crate) fn long_list(server: &Server) -> Result<String> {
    const STEP: usize = 1000;
    let mut worker = Worker::with_properties(server, 0)?;
    for _ in 0..4 {
        worker.work(Task::Grow(STEP))?;
    }
    let resource = worker.take_resources().pop_front().context("no resource")?;
    Ok(format!("{API}{}", resource.path()))
}

/// Batches of 1 to 1,000 properties, each value and each etag checked.
pub(crate) struct Batches<'a> {
    server: &'a Server,
    ledger: Arc<Ledger>,
    worker: Worker,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(server: &'a Server, ledger: &Arc<Ledger>) -> Result<Self> {
        Ok(Batches {
            server,
            ledger: Arc::clone(ledger),
            worker: Worker::with_properties(server, 20)?,
        })
    }
}

impl Player for Batches<'_> {
    fn play(&mut self, dice: &mut Dice, _: usize) -> Result<()> {
        if dice.one_in(ROUNDS_OF_VISIT) {
            let size = *dice.pick(&[1, 20, 200]);
            self.worker = Worker::with_properties(self.server, size)?;
            self.ledger.add(3, size, size * VALUE_BYTES);
        }
        let task = match dice.below(20) {
            0..6 => Task::Update,
            6..10 => Task::Get,
            10..15 => Task::List,
            15..19 => Task::Create(*dice.pick(&[1, 5, 20, 100])),
            _ => Task::Create(1000),
        };
        self.worker.prepare(task)?;
        let properties = self.worker.work(task)?;
        match task {
            Task::Get | Task::List => self.ledger.add(1, 0, 0),
            Task::Update | Task::Create(_) | Task::Grow(_) | Task::Fill { .. } => {
                self.ledger.add(1, properties, properties * VALUE_BYTES);
            }
        }
        Ok(())
    }
}

/// What a property is now.
struct Known {
    etag: String,
    value: Vec<u8>,
}

/// Single properties with values of all sizes, conditions that hold and such that do not.
pub(crate) struct Singles {
    guest: Guest,
    path: String,
    known: [Option<Known>; 6],
    old: String,
}

impl Singles {
    pub(crate) fn new(server: &Server, ledger: &Arc<Ledger>, number: usize) -> Result<Self> {
        let mut guest = Guest::admin(server.address(), ledger)?;
        let path = format!("{API}/pages/home/files/=single{number}");
        let made = guest.ask("PUT", &path, "", b"a file", &[200])?;
        let id = made.attribute("<file id=\"")?;
        Ok(Singles {
            guest,
            path: format!("{API}/files/{id}/properties"),
            known: Default::default(),
            old: "1.r1_ts2026-01-01T00:00:00Z".to_owned(),
        })
    }

    fn read(&mut self, dice: &mut Dice, one: &str, known: &Known) -> Result<()> {
        let etag = &known.etag;
        match dice.below(4) {
            0 => {
                let fields = format!("If-None-Match: \"{etag}\"\r\n");
                self.guest.ask("GET", one, &fields, b"", &[304])?;
            }
            1 => {
                let told = self.guest.get(&format!("{one}/info"))?;
                ensure!(
                    told.has(&format!("etag=\"{etag}\"")),
                    "another etag: {}",
                    told.text()
                );
            }
            2 => {
                let list = self.guest.get(&self.path)?;
                ensure!(
                    list.has(&format!("etag=\"{etag}\"")),
                    "not in the list: {}",
                    list.text()
                );
            }
            _ => {
                let told = self.guest.get(one)?;
                ensure!(told.body == known.value, "another value");
                ensure!(
                    told.etag.as_ref() == Some(etag),
                    "another etag: {:?}",
                    told.etag
                );
            }
        }
        Ok(())
    }
}

impl Player for Singles {
    fn play(&mut self, dice: &mut Dice, _: usize) -> Result<()> {
        let slot = dice.below(self.known.len());
        let one = format!("{}/p{slot}", self.path);
        let kind = "Content-Type: application/octet-stream\r\n";
        let length = *dice.pick(&[0, 1, 64, 64, 2048, 2049, 30_000, 300_000]);
        let value = bytes(dice, length);
        let Some(known) = self.known[slot].take() else {
            self.guest.ask("GET", &one, "", b"", &[404])?;
            let stale = format!("{kind}ETag: \"{}\"\r\n", self.old);
            self.guest.ask("PUT", &one, &stale, &value, &[409])?;
            let fields = format!("{kind}Slug: p{slot}\r\n");
            let told = self
                .guest
                .ask("POST", &self.path, &fields, &value, &[200])?;
            let etag = told.attribute(" etag=\"")?;
            self.known[slot] = Some(Known { etag, value });
            return Ok(());
        };
        match dice.below(8) {
            0..4 => {
                self.read(dice, &one, &known)?;
                self.known[slot] = Some(known);
            }
            4 => {
                let fields = format!("ETag: \"{}\"\r\n", known.etag);
                self.guest.ask("DELETE", &one, &fields, b"", &[200])?;
                self.guest.ask("GET", &one, "", b"", &[404])?;
                self.old = known.etag;
            }
            5 => {
                let (field, status) = *dice.pick(&[("ETag", 409), ("If-Match", 412)]);
                let fields = format!("{kind}{field}: \"{}\"\r\n", self.old);
                self.guest.ask("PUT", &one, &fields, &value, &[status])?;
                self.known[slot] = Some(known);
            }
            _ => {
                let field = *dice.pick(&["ETag", "If-Match"]);
                let fields = format!("{kind}{field}: \"{}\"\r\n", known.etag);
                let target = format!("{one}?description=soak");
                let told = self.guest.ask("PUT", &target, &fields, &value, &[200])?;
                let etag = told.attribute(" etag=\"")?;
                self.known[slot] = Some(Known { etag, value });
                self.old = known.etag;
            }
        }
        Ok(())
    }
}

//! Folders that come and go, in the Redu and the LumiNUS dialect: forms, settings, status and search.

use crate::client::API;
use crate::dice::Dice;
use crate::guest::{Guest, Ledger, Player, Told, bytes};
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::sync::Arc;

/// A space.
pub(crate) struct School {
    uuid: String,
    root: u64,
}

impl School {
    pub(crate) fn new(server: &Server, ledger: &Arc<Ledger>) -> Result<Self> {
        let mut guest = Guest::admin(server.address(), ledger)?;
        let space = guest.json("POST", "/api/spaces", &json!({"space": {"name": "Soak"}}))?;
        let space = space.json()?;
        let id = number(&space)?;
        let folders = guest.get(&format!("/api/spaces/{id}/folders"))?.json()?;
        Ok(School {
            uuid: word(&space, "uuid")?,
            root: number(&folders[0])?,
        })
    }
}

fn number(object: &Value) -> Result<u64> {
    object["id"]
        .as_u64()
        .with_context(|| format!("no id: {object}"))
}

fn word(object: &Value, field: &str) -> Result<String> {
    let word = object[field]
        .as_str()
        .with_context(|| format!("no {field}: {object}"))?;
    Ok(word.to_owned())
}

/// A folder with files, from the first day to the last.
pub(crate) struct Folders {
    guest: Guest,
    anonymous: Guest,
    space: String,
    root: u64,
    number: usize,
}

impl Folders {
    pub(crate) fn new(
        server: &Server,
        ledger: &Arc<Ledger>,
        school: &School,
        number: usize,
    ) -> Result<Self> {
        Ok(Folders {
            guest: Guest::admin(server.address(), ledger)?,
            anonymous: Guest::anonymous(server.address(), ledger)?,
            space: school.uuid.clone(),
            root: school.root,
            number,
        })
    }

    fn search(&mut self, text: &str) -> Result<Value> {
        let path = format!(
            "/files/{}/search?SearchText={text}&populate=comment",
            self.space
        );
        self.guest.get(&path)?.json()
    }

    /// A file in a folder, sent as a form; and read back by its link.
    fn file(&mut self, dice: &mut Dice, folder: u64, name: &str) -> Result<()> {
        let bound = *dice.pick(&[10, 1000, 1000, 100_000, 3 << 20]);
        let length = dice.below(bound);
        let content = bytes(dice, length);
        let mut form = format!(
            "--soak-boundary\r\nContent-Disposition: form-data; name=\"file[content]\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        form.extend_from_slice(&content);
        form.extend_from_slice(b"\r\n--soak-boundary--\r\n");
        let fields = "Content-Type: multipart/form-data; boundary=soak-boundary\r\n";
        let path = format!("/api/folders/{folder}/files");
        let made: Told = self.guest.ask("POST", &path, fields, &form, &[201])?;
        let made = made.json()?;
        let mut links = made["links"].as_array().into_iter().flatten();
        let raw = links.find(|link| link["rel"] == "raw").context("no link")?;
        let href = word(raw, "href")?;
        let rest = href.split_once("://").context("not absolute")?.1;
        let at = rest.find('/').context("no path")?;
        let told = self.anonymous.get(&rest[at..])?;
        ensure!(told.body == content, "another content");
        let properties = format!("{API}/files/{}/properties", number(&made)?);
        let batch = "<properties><property name=\"soak\"><contents type=\"text/plain\">value</contents></property></properties>";
        let told = self.guest.ask(
            "PUT",
            &properties,
            "Content-Type: application/xml\r\n",
            batch.as_bytes(),
            &[200],
        )?;
        ensure!(told.has("count=\"1\""), "{}", told.text());
        Ok(())
    }
}

impl Player for Folders {
    fn play(&mut self, dice: &mut Dice, round: usize) -> Result<()> {
        let name = format!("soak{}x{round}x", self.number);
        let folders = format!("/api/folders/{}/folders", self.root);
        let made = self
            .guest
            .json("POST", &folders, &json!({"folder": {"name": name}}))?
            .json()?;
        let (folder, uuid) = (number(&made)?, word(&made, "uuid")?);
        let inner = format!("/api/folders/{folder}/folders");
        self.guest
            .json("POST", &inner, &json!({"folder": {"name": "inside"}}))?;
        let files = dice.below(4);
        for file in 0..files {
            self.file(dice, folder, &format!("{name}-{file}.bin"))?;
        }
        let list = self
            .guest
            .get(&format!("/api/folders/{folder}/files"))?
            .json()?;
        ensure!(
            list.as_array().map(Vec::len) == Some(files),
            "{files} files: {list}"
        );
        // As a number of JSON that is answered as it was sent.
        let score = f64::from(u8::try_from(dice.below(100))?);
        let settings = json!({
            "id": uuid, "name": name, "startDate": "2020-01-12T00:00:00+08:00", "endDate": "2999-05-01T00:00:00+08:00",
            "publish": true, "sortFilesBy": "Name", "allowUpload": true, "uploadDisplayOption": "Name", "viewAll": false,
            "folderScore": score
        });
        let told = self.guest.json("PUT", "/files/", &settings)?.json()?;
        ensure!(told["folderScore"] == settings["folderScore"], "{told}");
        let status = json!({"folderIds": [uuid], "open": dice.one_in(2)});
        let told = self.guest.json("PATCH", "/files/status", &status)?.json()?;
        ensure!(told["isActive"] == status["open"], "{told}");
        let found = self.search(&name)?;
        ensure!(
            found["folders"].as_array().map(Vec::len) == Some(1),
            "{found}"
        );
        ensure!(
            found["files"].as_array().map(Vec::len) == Some(files),
            "{found}"
        );
        self.anonymous
            .ask("GET", &format!("/api/folders/{folder}"), "", b"", &[401])?;
        self.guest.ask(
            "DELETE",
            &format!("/api/folders/{folder}"),
            "",
            b"",
            &[200, 204],
        )?;
        self.guest
            .ask("GET", &format!("/api/folders/{folder}"), "", b"", &[404])?;
        let found = self.search(&name)?;
        ensure!(found == json!({"folders": [], "files": []}), "{found}");
        Ok(())
    }
}

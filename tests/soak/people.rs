//! Accounts, tokens, wrong passwords, and pages that are closed and opened.

use crate::client::API;
use crate::dice::Dice;
use crate::guest::{Guest, Ledger, Player};
use crate::server::Server;
use anyhow::{Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::SocketAddr;
use std::sync::Arc;

const XML: &str = "Content-Type: application/xml\r\n";

fn basic(name: &str, password: &str) -> String {
    let credentials = STANDARD.encode(format!("{name}:{password}"));
    format!("Authorization: Basic {credentials}\r\n")
}

/// Somebody who lets others in and shuts them out.
pub(crate) struct People {
    admin: Guest,
    other: Guest,
}

impl People {
    pub(crate) fn new(server: &Server, ledger: &Arc<Ledger>) -> Result<Self> {
        Ok(People {
            admin: Guest::admin(server.address(), ledger)?,
            other: Guest::anonymous(server.address(), ledger)?,
        })
    }

    /// A page is closed to all but one, and opened again.
    fn page(&mut self, title: &str, user: &str, token: &str) -> Result<()> {
        let page = format!("{API}/pages/={title}");
        let (security, properties) = (format!("{page}/security"), format!("{page}/properties"));
        self.admin.ask(
            "POST",
            &format!("{page}/contents?edittime=now"),
            "Content-Type: text/plain\r\n",
            b"text",
            &[200],
        )?;
        let put = format!("{properties}/{title}?abort=never");
        self.admin.ask(
            "PUT",
            &put,
            "Content-Type: text/plain\r\n",
            b"value",
            &[200],
        )?;
        let document = format!(
            "<security><permissions.page><restriction>Private</restriction></permissions.page><grants><grant>\
             <user id=\"{user}\"/><permissions><role>Viewer</role></permissions></grant></grants></security>"
        );
        self.admin
            .ask("PUT", &security, XML, document.as_bytes(), &[200])?;
        self.other.ask("GET", &properties, "", b"", &[401])?;
        let list = self.other.ask("GET", &properties, token, b"", &[200])?;
        ensure!(list.has(title), "{}", list.text());
        self.other.ask(
            "PUT",
            &put,
            &format!("{token}Content-Type: text/plain\r\n"),
            b"no",
            &[403],
        )?;
        let search = format!("{API}/site/search/properties?name={title}&dream.out.format=json");
        let quoted = format!("\"{title}\"");
        let found = self.admin.get(&search)?;
        ensure!(found.has(&quoted), "{}", found.text());
        let found = self.other.ask("GET", &search, "", b"", &[200])?;
        ensure!(!found.has(&quoted), "{}", found.text());
        self.admin.ask("DELETE", &security, "", b"", &[200])?;
        let list = self
            .other
            .get(&format!("{properties}?dream.out.format=php"))?;
        ensure!(list.has(title), "{}", list.text());
        self.admin.ask("DELETE", &put, "", b"", &[200])?;
        Ok(())
    }
}

impl Player for People {
    fn play(&mut self, _: &mut Dice, round: usize) -> Result<()> {
        let name = format!("user{round}");
        let document = format!(
            "<user><username>{name}</username><permissions.user><role>Contributor</role></permissions.user></user>"
        );
        let users = format!("{API}/users?accountpassword=first");
        let made = self
            .admin
            .ask("POST", &users, XML, document.as_bytes(), &[200])?;
        let user = made.attribute("<user id=\"")?;
        let authenticate = format!("{API}/users/authenticate");
        let told = self
            .other
            .ask("GET", &authenticate, &basic(&name, "first"), b"", &[200])?;
        let token = format!("X-Authtoken: {}\r\n", told.text());
        let current = format!("{API}/users/current");
        let told = self.other.ask("GET", &current, &token, b"", &[200])?;
        ensure!(
            told.has(&format!("<username>{name}</username>")),
            "{}",
            told.text()
        );
        self.page(&format!("Page{name}"), &user, &token)?;
        let password = format!("{API}/users/{user}/password");
        self.admin.ask(
            "PUT",
            &password,
            "Content-Type: text/plain\r\n",
            b"second",
            &[200],
        )?;
        self.other.ask(
            "GET",
            &format!("{current}?authenticate=true"),
            &token,
            b"",
            &[401],
        )?;
        self.other
            .ask("GET", &current, &basic(&name, "first"), b"", &[401, 429])?;
        self.other
            .ask("GET", &current, &basic(&name, "second"), b"", &[200])?;
        Ok(())
    }
}

/// Somebody who guesses the password of the administrator, with a new connection each time.
pub(crate) struct Guesser {
    address: SocketAddr,
    ledger: Arc<Ledger>,
}

impl Guesser {
    pub(crate) fn new(server: &Server, ledger: &Arc<Ledger>) -> Self {
        Guesser {
            address: server.address(),
            ledger: Arc::clone(ledger),
        }
    }
}

impl Player for Guesser {
    fn play(&mut self, dice: &mut Dice, round: usize) -> Result<()> {
        let mut guest = Guest::anonymous(self.address, &self.ledger)?;
        let name = *dice.pick(&["admin", "nobody", "somebody"]);
        let current = format!("{API}/users/current");
        let fields = basic(name, &format!("wrong{round}"));
        let told = guest.ask("GET", &current, &fields, b"", &[401, 429])?;
        ensure!(
            (told.status == 429) == told.retry_after.is_some(),
            "when to try again"
        );
        let forged = "Authorization: OAuth 0123456789abcdef0123456789abcdef\r\n";
        guest.ask("GET", "/api/users/admin", forged, b"", &[401])?;
        Ok(())
    }
}

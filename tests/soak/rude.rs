//! Clients that go away in the middle, say nonsense, or read slowly.

use crate::client::API;
use crate::dice::Dice;
use crate::guest::Player;
use crate::server::{PASSWORD, Server, USER};
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(60);

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A request as the administrator.
fn head(address: SocketAddr, method: &str, path: &str, fields: &str) -> String {
    let credentials = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {credentials}\r\n{fields}\r\n"
    )
}

/// Somebody who goes away.
pub(crate) struct Leaver {
    address: SocketAddr,
    long: String,
}

impl Leaver {
    pub(crate) fn new(server: &Server, long: &str) -> Self {
        Leaver {
            address: server.address(),
            long: long.to_owned(),
        }
    }
}

impl Player for Leaver {
    fn play(&mut self, dice: &mut Dice, _: usize) -> Result<()> {
        let mut stream = connect(self.address)?;
        let request = match dice.below(6) {
            // Half a head.
            0 => "GET / HTTP/1.1\r\nHost: soak\r\nX-".to_owned(),
            1 => "this is no HTTP\r\n\r\n".to_owned(),
            // Nothing after it is read.
            2 => head(self.address, "GET", &self.long, ""),
            // A batch that ends too early.
            3 => {
                let fields = "Content-Type: application/xml\r\nContent-Length: 100000\r\n";
                head(self.address, "PUT", &self.long, fields)
                    + "<properties><property name=\"cut off\">"
            }
            // A file of which a part comes.
            4 => {
                let path = format!("{API}/pages/home/files/=never");
                let length = dice.below(3 << 20);
                let fields = format!("Content-Length: {}\r\n", length + 1);
                head(self.address, "PUT", &path, &fields) + &"x".repeat(length)
            }
            // A form of which a part comes.
            _ => {
                let fields = "Content-Type: multipart/form-data; boundary=soak\r\nContent-Length: 3000000\r\n";
                let part = "--soak\r\nContent-Disposition: form-data; name=\"file[content]\"; filename=\"never\"\r\n\r\n";
                let length = dice.below(1 << 20);
                head(self.address, "POST", "/api/folders/3/files", fields)
                    + part
                    + &"x".repeat(length)
            }
        };
        // The server may refuse it before all of it is sent.
        drop(stream.write_all(request.as_bytes()));
        if dice.one_in(2) {
            // The connection is reset instead of ended.
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        }
        Ok(())
    }
}

/// Somebody who reads a long list a little at a time, and in the end sees all of it or goes.
pub(crate) struct SlowReader {
    address: SocketAddr,
    long: String,
}

impl SlowReader {
    pub(crate) fn new(server: &Server, long: &str) -> Self {
        SlowReader {
            address: server.address(),
            long: long.to_owned(),
        }
    }
}

impl Player for SlowReader {
    fn play(&mut self, dice: &mut Dice, _: usize) -> Result<()> {
        let mut streams = Vec::new();
        for _ in 0..=dice.below(4) {
            let mut stream = connect(self.address)?;
            // No less: below the size of a packet on loopback the kernel waits after each.
            SockRef::from(&stream).set_recv_buffer_size(128 << 10)?;
            stream.write_all(
                head(self.address, "GET", &self.long, "Connection: close\r\n").as_bytes(),
            )?;
            streams.push(stream);
        }
        let mut piece = vec![0; 16 << 10];
        for _ in 0..10 + dice.below(40) {
            for stream in &mut streams {
                ensure!(stream.read(&mut piece)? > 0, "the list ended early");
            }
            // This is how slow it is.
            thread::sleep(Duration::from_millis(20));
        }
        if dice.one_in(2) {
            for stream in &mut streams {
                let mut rest = Vec::new();
                stream
                    .read_to_end(&mut rest)
                    .context("the rest of the list")?;
                ensure!(rest.ends_with(b"</properties>"), "the list is cut off");
            }
        }
        Ok(())
    }
}

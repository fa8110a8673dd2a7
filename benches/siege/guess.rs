//! Passwords: who guesses them, and what the time tells.

use crate::attack::together;
use crate::drive::float;
use crate::field::{Beat, Promise, Said, Siege, per_sec, title};
use crate::raw::{Raw, basic, request};
use crate::report::{fact, millis};
use crate::server::USER;
use anyhow::{Result, bail, ensure};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many clients guess.
const CLIENTS: u8 = 48;

/// How often a second each of them guesses, if the server lets it.
const GUESSES: u32 = 50;

/// How many guesses a second may be tested for one account.
const TESTED_MAX: f64 = 100.0;

/// How many accounts, and how many names that are none, are tried, and how often each.
const NAMES: usize = 20;
const TRIES: usize = 3;

/// How much longer the one may take than the other.
const FACTOR: f64 = 2.0;

fn ask(name: &str, password: &str) -> Vec<u8> {
    let who = basic(name, password);
    format!("GET /@api/deki/users/current HTTP/1.1\r\nHost: a\r\n{who}\r\n").into_bytes()
}

/// Clients that guess the password of one account, or of names that are none.
pub(crate) fn guesses(siege: &mut Siege) -> Result<()> {
    title("guesses: 48 clients with wrong passwords");
    let promise = Promise {
        p50_of_shower: Some(Duration::from_millis(20)),
        ..Promise::new(500, 256)
    };
    let long = "x".repeat(180_000);
    for (name, prefix, is_spread) in [
        ("for one account", None, false),
        ("for one account, each elsewhere", None, true),
        ("for names of 180 kB", Some(&long), false),
    ] {
        let server = siege.server()?;
        siege.beside(name, &server, promise, |field| {
            let (wrong, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
            field.begin();
            let began = Instant::now();
            together(usize::from(CLIENTS), |number| {
                let last = u8::try_from(number)?.wrapping_add(10);
                let mut client = if is_spread {
                    Raw::from(field.address, IpAddr::from(Ipv4Addr::new(127, 0, 0, last)))
                } else {
                    Raw::new(field.address)
                };
                let (mut turn, mut beat) = (0, Beat::new(GUESSES));
                while !field.is_over() {
                    turn += 1;
                    beat.wait();
                    let name =
                        prefix.map_or(USER.to_owned(), |long| format!("{number}{turn}{long}"));
                    let guess = ask(&name, &format!("{number} {turn}"));
                    // 503 says that too many are waiting.
                    let counter = match client.ask(&guess)? {
                        401 => &wrong,
                        429 | 503 => &refused,
                        status => bail!("a wrong password was answered with {status}"),
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })?;
            let time = began.elapsed();
            let (wrong, refused) = (wrong.into_inner(), refused.into_inner());
            let mut said = Said::remark(format!(
                "{} tested, {} refused a second",
                per_sec(wrong, time),
                per_sec(refused, time)
            ));
            let rate = float(wrong) / time.as_secs_f64();
            said.demand(
                prefix.is_some() || rate < TESTED_MAX,
                format!("{rate:.0} guesses a second are tested for one account"),
            );
            Ok(said)
        })?;
    }
    Ok(())
}

/// Whether the time tells which accounts there are.
pub(crate) fn names(siege: &mut Siege) -> Result<()> {
    println!("\nnames: wrong passwords, of accounts and of nobody\n");
    let server = siege.server()?;
    let mut client = Raw::new(server.address());
    for number in 0..NAMES {
        let user = format!("<user><username>known{number}</username></user>");
        let fields = "Content-Type: application/xml\r\n";
        let path = "/users?accountpassword=right";
        let status = client.ask(&request("POST", path, fields, user.as_bytes()))?;
        ensure!(status == 200, "an account was answered with {status}");
    }
    // By turns, so that what else the machine does meets both.
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..NAMES * TRIES {
        for (kind, times) in [("known", &mut known), ("unknown", &mut unknown)] {
            let guess = ask(
                &format!("{kind}{}", number % NAMES),
                &format!("wrong{number}"),
            );
            let began = Instant::now();
            let status = client.ask(&guess)?;
            times.push(began.elapsed());
            ensure!(status == 401, "a wrong password was answered with {status}");
        }
    }
    let [known, unknown] = [known, unknown].map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    fact("median for accounts, ms", &millis(known));
    fact("median for nobody, ms", &millis(unknown));
    let ratio = known.as_secs_f64() / unknown.as_secs_f64();
    let mut said = Said::default();
    said.demand(
        ratio < FACTOR && ratio > 1.0 / FACTOR,
        format!("the one takes {ratio:.2} times as long as the other"),
    );
    siege.judge(&said);
    Ok(())
}

//! All that many clients saw, crashes included, is as if one thing had happened after the other (`promises.md` §1.2).
//!
//! Clients collide on a few properties, by every way of writing and reading them, while the way of a write is slowed down
//! before and after COMMIT; the program dies at these places, too, and goes on with the same database. What each client
//! asked and was told, with the time, is a history, and [`linear`] says whether there is an order in which all of it is
//! right. What a property is, [`register`] says from the specification alone.
//!
//! The choices come from a seed, `HISTORY_SEED`; when threads and commits take their turns does not. The test goes on for
//! `HISTORY_SECS` seconds with one seed after the other; `.ci/history` sets both.

mod client;
mod dice;
mod examples;
mod linear;
mod register;

use crate::harness::Server;
use crate::school::School;
use client::{Client, Form, Record, Resource, World};
use dice::Dice;
use linear::Effort;
use register::{Asked, Call, Said};
use std::collections::BTreeMap;
use std::env;
use std::thread;
use std::time::{Duration, Instant};

/// How many ask at a time.
const CLIENTS: usize = 8;

/// How often the program is started in one history.
const LIVES: usize = 6;

/// How often each client asks in one life, unless the program dies before; in the last one, in which it does not, four times
/// as often.
const ASKS: usize = 120;

/// One history has at least so many operations.
const OPERATIONS_MIN: usize = 5001;

/// The places on the way of a write, each with a chance to wait there, or with the commit at which the program dies there.
const POINTS: [&str; 2] = ["before-commit", "after-commit"];

/// A world with two files, a folder and a file to be, on a server that has just been started for the first time.
fn world(seed: u64) -> (World, Server) {
    let school = School::new(&[]);
    let (folder, id) = school.folder_uuid("f");
    let space = school.uuid(format!("spaces/{}", school.space));
    let server = school.server;
    let resources = vec![
        Resource::new(server.file("one"), Form::Plain),
        Resource::new(server.file("two"), Form::Plain),
        Resource::new(format!("/pages/{folder}"), Form::Settings { id, space }),
        Resource::new("/pages/home/files/=coming".to_owned(), Form::File),
    ];
    let world = World {
        seed,
        start: Instant::now(),
        resources,
    };
    (world, server)
}

/// One history: how many properties each resource has and what was recorded of it, and how often the program died.
fn live(seed: u64) -> (Vec<(usize, Vec<Asked>)>, usize) {
    let (world, server) = world(seed);
    let mut histories: BTreeMap<usize, Vec<Asked>> = BTreeMap::new();
    let (mut dir, mut deaths) = (server.kill(), 0);
    for life in 0..LIVES {
        let mut dice = Dice::new(world.seed, 1000 + life as u64);
        // Before all is asked, most often: a third of it writes, and some share a COMMIT.
        let last = 20 + dice.below(CLIENTS * ASKS / 8);
        let (dies, waits) = if dice.one_in(2) { (0, 1) } else { (1, 0) };
        let (end, asks) = if life + 1 < LIVES {
            (format!("->{last}*off->return"), ASKS)
        } else {
            (String::new(), 4 * ASKS)
        };
        let failpoints = format!(
            "{}=5%sleep(2){end};{}=5%sleep(2)",
            POINTS[dies], POINTS[waits]
        );
        let mut server = Server::failing(dir, &[], &failpoints);
        let mut records: Vec<Record> = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let number = life * CLIENTS + client;
                    let mut client = Client {
                        world: &world,
                        number,
                        address: server.address(),
                        dice: Dice::new(world.seed, number as u64),
                        asks,
                        record: Vec::new(),
                    };
                    scope.spawn(move || {
                        client.work();
                        client.record
                    })
                })
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .collect()
        });
        let has_died = records.iter().any(|record| record.len() < asks);
        deaths += usize::from(has_died);
        dir = if has_died {
            server.wait();
            server.dir()
        } else {
            server.kill()
        };
        // Whatever was not answered has happened by now, or never will.
        let now = world.now();
        for (number, mut asked) in records.drain(..).flatten() {
            let is_read = matches!(asked.call, Call::Read(..));
            if asked.answer.is_none() {
                asked.end = Some(now);
            }
            if asked.answer.is_some() || !is_read {
                histories.entry(number).or_default().push(asked);
            }
        }
    }
    let histories = histories.into_iter();
    let histories = histories.map(|(number, history)| (world.resources[number].keys(), history));
    (histories.collect(), deaths)
}

/// Makes a history and checks it: how many operations it had.
fn check(seed: u64) -> usize {
    let began = Instant::now();
    let (histories, deaths) = live(seed);
    let lived = began.elapsed();
    let checking = Instant::now();
    let (mut total, mut stale, mut lost) = (0, 0, 0);
    let mut effort = Effort::default();
    for (number, (keys, history)) in histories.iter().enumerate() {
        match register::check(*keys, history) {
            Ok(Effort {
                pairs_max,
                open_max,
            }) => {
                effort.pairs_max = effort.pairs_max.max(pairs_max);
                effort.open_max = effort.open_max.max(open_max);
            }
            Err(error) => panic!("HISTORY_SEED={seed}, resource {number}: {error}"),
        }
        total += history.len();
        lost += history
            .iter()
            .filter(|asked| asked.answer.is_none())
            .count();
        let is_stale = |asked: &&Asked| match &asked.answer {
            Some(register::Answer::Did(said)) => said.contains(&Said::Stale),
            Some(register::Answer::Saw(_)) | None => false,
        };
        stale += history.iter().filter(is_stale).count();
    }
    println!(
        "seed {seed}: {total} operations in {lived:.1?}, {stale} stale, {lost} without an answer, {deaths} crashes; \
         checked in {:.1?}, at most {} at a time and {} ways",
        checking.elapsed(),
        effort.open_max,
        effort.pairs_max
    );
    assert!(
        stale * 20 > total,
        "the clients do not collide: {stale} of {total}"
    );
    assert!(deaths > 0, "the program never died");
    total
}

#[test]
fn every_history_is_linearizable_also_over_crashes() {
    let number = |name| {
        env::var(name)
            .ok()
            .map(|text: String| text.parse().unwrap())
    };
    let (mut seed, secs) = (
        number("HISTORY_SEED").unwrap_or(1),
        number("HISTORY_SECS").unwrap_or(0),
    );
    let began = Instant::now();
    let mut total = 0;
    while total < OPERATIONS_MIN || began.elapsed() < Duration::from_secs(secs) {
        total += check(seed);
        seed += 1;
    }
}

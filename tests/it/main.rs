//! The program from outside: each test starts the real binary on a fresh database and talks HTTP to it.
//!
//! What is promised stands in the names of the tests; each module has one small function that a case goes through. The
//! client of [`harness`] refuses every answer of 500 and above, so each test also shows that there is none, unless it has
//! damaged or locked the database itself.

#[cfg(test)]
mod auth;
#[cfg(test)]
mod batch;
#[cfg(test)]
mod bombs;
#[cfg(test)]
mod check;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod defects;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod files;
#[cfg(test)]
mod formats;
#[cfg(test)]
#[cfg(feature = "tls")]
mod frames;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod history;
#[cfg(test)]
#[cfg(feature = "tls")]
mod http2;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod links;
#[cfg(test)]
mod luminus;
#[cfg(test)]
mod names;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod redu;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod school;
#[cfg(test)]
mod search;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod single;
#[cfg(test)]
mod smuggling;
#[cfg(test)]
mod spaces;
#[cfg(test)]
mod tidy;
#[cfg(test)]
#[cfg(feature = "tls")]
mod tls;
#[cfg(test)]
mod upload;

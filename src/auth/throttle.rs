//! Who tries too many passwords has to wait.
//!
//! Tries are counted for an account and the address that they come from, so that nobody can lock the owner out from
//! elsewhere. What was verified a moment ago is not a try (`promises.md` 20).

use super::token::hash_of;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long tries are added up.
const WINDOW: Duration = Duration::from_secs(1);

/// When there are so many entries, those whose window has passed are dropped.
const ENTRIES_SWEEP: usize = 4096;

/// Counts tries.
#[derive(Debug)]
pub struct Throttle {
    per_window_max: u32,
    tries: Mutex<HashMap<Who, (Instant, u32)>>,
}

/// For whom tries are counted: a hash of the account, because a name that is none may be as long as the head of a request,
/// and the address.
type Who = ([u8; 32], IpAddr);

fn who(account: &str, from: IpAddr) -> Who {
    (hash_of(&account.to_lowercase()), from)
}

impl Throttle {
    /// A throttle that lets so many tries a second pass for one account from one address.
    #[must_use]
    pub fn new(per_sec_max: u32) -> Self {
        Throttle {
            per_window_max: per_sec_max,
            tries: Mutex::default(),
        }
    }

    /// Counts a try before it is made. `false`: it has to wait.
    #[must_use]
    pub fn admit(&self, account: &str, from: IpAddr, now: Instant) -> bool {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= ENTRIES_SWEEP {
            tries.retain(|_, (began, _)| now.duration_since(*began) < WINDOW);
        }
        let (began, count) = tries.entry(who(account, from)).or_insert((now, 0));
        if now.duration_since(*began) >= WINDOW {
            (*began, *count) = (now, 0);
        }
        if *count >= self.per_window_max {
            return false;
        }
        *count += 1;
        true
    }

    /// Takes back the tries of an account from an address: the last one was right.
    pub fn succeeded(&self, account: &str, from: IpAddr) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.remove(&who(account, from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn tries_are_counted_for_a_second_by_account_and_address() {
        let throttle = Throttle::new(2);
        let (here, there) = (
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from(Ipv4Addr::new(127, 0, 0, 2)),
        );
        let start = Instant::now();
        let later = start + WINDOW;
        assert!(throttle.admit("anna", here, start));
        assert!(throttle.admit("Anna", here, start));
        assert!(!throttle.admit("anna", here, start));
        assert!(throttle.admit("anna", there, start));
        assert!(throttle.admit("bert", here, start));
        assert!(throttle.admit("anna", here, later));
        assert!(throttle.admit("anna", here, later));
        throttle.succeeded("anna", here);
        assert!(throttle.admit("anna", here, later));
    }
}

//! Who tries too many passwords has to wait.
//!
//! Tries are counted for an account and the address that they come from, so that nobody can lock the owner out from
//! elsewhere. What was verified a moment ago is not a try (`promises.md` 20).

use super::token::hash_of;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long tries are added up.
const WINDOW: Duration = Duration::from_secs(1);

/// When there are so many entries, those whose window has passed are dropped, once in a window.
const ENTRIES_SWEEP: usize = 4096;

/// How many times as many tries of an account pass in all, from wherever they come. Of each address the first one passes all
/// the same, so that those who guess from many cannot keep the owner out.
const ADDRESSES: u32 = 4;

/// Counts tries.
#[derive(Debug)]
pub struct Throttle {
    per_window_max: u32,
    tries: Mutex<Tries>,
}

#[derive(Debug, Default)]
struct Tries {
    counts: HashMap<Who, (Instant, u32)>,
    swept: Option<Instant>,
}

/// For whom tries are counted: a hash of the account, because a name that is none may be as long as the head of a request,
/// and the address, or all of them.
type Who = ([u8; 32], Option<IpAddr>);

/// Whoever has an address of version 6 has all that begin like it.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from(address.to_bits() >> 64 << 64).into(),
    }
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
        let account = hash_of(&account.to_lowercase());
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.sweep(now);
        let here = tries.count((account, Some(network_of(from))), now);
        if *here >= self.per_window_max {
            return false;
        }
        *here += 1;
        let is_first = *here == 1;
        let all = tries.count((account, None), now);
        if *all >= self.per_window_max.saturating_mul(ADDRESSES) && !is_first {
            return false;
        }
        *all += 1;
        true
    }

    /// Takes back the tries of an account from an address: the last one was right.
    pub fn succeeded(&self, account: &str, from: IpAddr) {
        let who = (hash_of(&account.to_lowercase()), Some(network_of(from)));
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.counts.remove(&who);
    }
}

impl Tries {
    fn sweep(&mut self, now: Instant) {
        let is_passed = |began: Instant| now.duration_since(began) >= WINDOW;
        if self.counts.len() >= ENTRIES_SWEEP && self.swept.is_none_or(is_passed) {
            self.counts.retain(|_, (began, _)| !is_passed(*began));
            self.swept = Some(now);
        }
    }

    /// The tries in the present window.
    fn count(&mut self, who: Who, now: Instant) -> &mut u32 {
        let (began, count) = self.counts.entry(who).or_insert((now, 0));
        if now.duration_since(*began) >= WINDOW {
            (*began, *count) = (now, 0);
        }
        count
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

    #[test]
    fn who_guesses_from_everywhere_waits_and_does_not_keep_others_out() {
        let throttle = Throttle::new(10);
        let now = Instant::now();
        let address = |n: u8| IpAddr::from(Ipv4Addr::new(127, 0, 1, n));
        let tries = (0..100).flat_map(|_| (0..48).map(address));
        let tested = tries.filter(|from| throttle.admit("anna", *from, now));
        assert_eq!(tested.count(), 48, "the first of each");
        assert!(throttle.admit("anna", address(99), now));
        assert!(throttle.admit("bert", address(0), now));
        let six = |text: &str| text.parse().unwrap();
        let in_one_net = (0..30).map(|n| six(&format!("2001:db8::{n}")));
        let tested = in_one_net.filter(|from| throttle.admit("carl", *from, now));
        assert_eq!(tested.count(), 10);
        assert!(throttle.admit("carl", six("2001:db8:0:1::"), now));
    }
}

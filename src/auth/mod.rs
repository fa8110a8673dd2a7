//! Who somebody is: passwords, tokens, what was verified a moment ago, and who guesses too much.
//!
//! Nothing here reads the store or knows HTTP. Hashing a password is slow on purpose, so it happens on threads of its
//! own ([`Hasher`]), and a script pays for it once ([`Verified`]). Rules: `promises.md` §1.5.

mod hasher;
mod throttle;
mod token;
mod verified;

pub use hasher::{HashError, Hasher};
pub use throttle::Throttle;
pub use token::{hash_of, new_key, new_password, new_token};
pub use verified::{Generation, Secret, Verified};

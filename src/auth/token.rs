//! Tokens and passwords that propstore makes.

use crate::model::UserId;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A token for an account: its number and 256 random bits, fit for a cookie.
///
/// # Errors
/// If the system has no random numbers.
pub fn new_token(user: UserId) -> Result<String, getrandom::Error> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)?;
    let mut token = format!("{user}_");
    for byte in bits {
        write!(token, "{byte:02x}").unwrap_or_default();
    }
    Ok(token)
}

/// What is kept of a token.
#[must_use]
pub fn hash_of(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// A key of 256 random bits.
///
/// # Errors
/// If the system has no random numbers.
pub fn new_key() -> Result<[u8; 32], getrandom::Error> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(key)
}

/// A password of 120 random bits, of letters and digits that are not easily mistaken for each other.
///
/// # Errors
/// If the system has no random numbers.
pub fn new_password() -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_passwords_are_new_each_time_and_plain() {
        let token = new_token(UserId::ADMIN).unwrap();
        assert_eq!(token.len(), 2 + 64);
        assert!(
            token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        );
        assert_ne!(token, new_token(UserId::ADMIN).unwrap());
        assert_ne!(hash_of(&token), hash_of(&token.to_uppercase()));
        let password = new_password().unwrap();
        assert!(password.len() == 24 && password.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(password, new_password().unwrap());
    }
}

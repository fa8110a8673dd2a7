//! Argon2id on a few threads that keep their memory.
//!
//! A hash needs 19 MiB. Memory of that size that is freed stays in the arenas of the allocator, one for each thread that
//! ever hashed; so few threads hash, and each uses the same block again.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use crossbeam_channel::{Receiver, Sender};
use std::io;
use std::thread::Builder;
use tokio::sync::oneshot;

/// How many threads hash.
const THREADS: usize = 2;

/// How many passwords may wait to be hashed.
const QUEUE_MAX: usize = 128;

/// Why a password could not be hashed or compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// More are waiting than may wait.
    #[error("too many passwords are waiting to be checked")]
    Overloaded,
    /// No random numbers, no memory, or a stored hash that is none.
    #[error("the password cannot be hashed")]
    Failed,
}

enum Job {
    Hash(String, oneshot::Sender<Result<String, HashError>>),
    Verify(
        String,
        Option<String>,
        oneshot::Sender<Result<bool, HashError>>,
    ),
}

/// The threads that hash. They end when it is dropped.
#[derive(Clone, Debug)]
pub struct Hasher(Sender<Job>);

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system has no more threads.
    pub fn start() -> io::Result<Self> {
        let (jobs, queue) = crossbeam_channel::bounded(QUEUE_MAX);
        for number in 0..THREADS {
            let queue = queue.clone();
            Builder::new()
                .name(format!("propstore-hash{number}"))
                .spawn(move || serve(&queue))?;
        }
        Ok(Hasher(jobs))
    }

    /// A hash of the password, as a PHC string.
    ///
    /// # Errors
    /// [`HashError`]
    pub async fn hash(&self, password: String) -> Result<String, HashError> {
        let (reply, answer) = oneshot::channel();
        self.0
            .try_send(Job::Hash(password, reply))
            .map_err(|_| HashError::Overloaded)?;
        answer.await.unwrap_or(Err(HashError::Failed))
    }

    /// Whether this is the password of the hash. Without a hash it takes as long, and it never is: so nobody learns
    /// from the time which accounts there are.
    ///
    /// # Errors
    /// [`HashError`]
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, HashError> {
        let (reply, answer) = oneshot::channel();
        self.0
            .try_send(Job::Verify(password, hash, reply))
            .map_err(|_| HashError::Overloaded)?;
        answer.await.unwrap_or(Err(HashError::Failed))
    }

    /// A hash of the password, as a PHC string, made by the thread that calls.
    ///
    /// # Errors
    /// [`HashError`]
    pub fn hash_here(password: &str) -> Result<String, HashError> {
        new_hash(password, &mut Vec::new()).ok_or(HashError::Failed)
    }
}

fn serve(queue: &Receiver<Job>) {
    let mut memory = Vec::new();
    while let Ok(job) = queue.recv() {
        // If nobody waits for the answer any more, it is not needed.
        let is_wanted = match job {
            // The client has gone, and did not wait for what it tried.
            Job::Verify(_, _, reply) if reply.is_closed() => false,
            Job::Hash(password, reply) => reply
                .send(new_hash(&password, &mut memory).ok_or(HashError::Failed))
                .is_ok(),
            Job::Verify(password, hash, reply) => {
                let right = is_password(&password, hash.as_deref(), &mut memory);
                reply.send(right.ok_or(HashError::Failed)).is_ok()
            }
        };
        if !is_wanted {
            tracing::debug!("nobody waited for what became of a password");
        }
    }
}

/// What new passwords are hashed with: 19 MiB, twice over, as OWASP asks at least.
fn new_params() -> Params {
    Params::DEFAULT
}

fn raw_hash(
    password: &str,
    salt: &[u8],
    params: Params,
    memory: &mut Vec<Block>,
    out: &mut [u8],
) -> Option<()> {
    memory.resize(params.block_count().max(memory.len()), Block::default());
    let blocks = memory.get_mut(..params.block_count())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, out, blocks)
        .ok()
}

fn new_hash(password: &str, memory: &mut Vec<Block>) -> Option<String> {
    let (mut salt, mut out) = ([0; 16], [0; 32]);
    getrandom::fill(&mut salt).ok()?;
    raw_hash(password, &salt, new_params(), memory, &mut out)?;
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&new_params()).ok()?,
        salt: Some(Salt::new(&salt).ok()?),
        hash: Some(Output::new(&out).ok()?),
    };
    Some(hash.to_string())
}

/// `None` if it cannot be told.
fn is_password(password: &str, hash: Option<&str>, memory: &mut Vec<Block>) -> Option<bool> {
    let Some(hash) = hash else {
        raw_hash(password, &[0; 16], new_params(), memory, &mut [0; 32])?;
        return Some(false);
    };
    let stored = PasswordHash::new(hash).ok()?;
    let expected = stored.hash?;
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..expected.len())?;
    raw_hash(
        password,
        &stored.salt?,
        Params::try_from(&stored).ok()?,
        memory,
        out,
    )?;
    // `Output` compares in constant time.
    Some(Output::new(out).ok()? == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_kept_as_argon2id_and_known_again() {
        let mut memory = Vec::new();
        let hash = new_hash("pässword", &mut memory).unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_ne!(
            new_hash("pässword", &mut memory).unwrap(),
            hash,
            "each hash has its own salt"
        );
        assert_eq!(
            is_password("pässword", Some(&hash), &mut memory),
            Some(true)
        );
        assert_eq!(
            is_password("passwort", Some(&hash), &mut memory),
            Some(false)
        );
        assert_eq!(is_password("pässword", None, &mut memory), Some(false));
        assert_eq!(
            is_password("pässword", Some("$argon2id$nonsense"), &mut memory),
            None
        );
    }
}

//! What the host does to the program: the power fails, the disk is full, the clock jumps (`promises.md` §1.1, §1.6).
//!
//! Most of these tests need programs that are not there everywhere, or root: `.ci/faults` installs the programs and runs
//! them.

mod clock;
mod descriptors;
mod disk;
mod full;
mod lock;
mod mount;
mod power;
mod readonly;
mod trace;

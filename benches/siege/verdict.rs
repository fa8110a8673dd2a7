//! How a bench ends that measures promises.

use anyhow::Result;
use std::process::ExitCode;

/// Says how many promises are broken, or why that could not be measured.
pub(crate) fn verdict(broken: Result<usize>) -> ExitCode {
    match broken {
        Ok(0) => return ExitCode::SUCCESS,
        Ok(broken) => eprintln!("\n{broken} promises are broken"),
        Err(error) => eprintln!("error: {error:#}"),
    }
    ExitCode::FAILURE
}

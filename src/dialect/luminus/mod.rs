//! The LumiNUS API: settings of folders, the status of many folders, and search, as JSON (`luminus.md`,
//! `dialects-common.md`).
//!
//! [`route`] reads paths, [`plan`] says what each verb on each path means, [`request`] reads bodies and parameters,
//! [`response`] writes answers, and [`status`] has the codes and the words of every no.

mod plan;
mod request;
mod response;
mod route;
mod status;
#[cfg(test)]
mod tests;

use super::{Dialect, Plan, not_stored};
use crate::config::Limits;
use crate::fault::Fault;
use crate::http::{Answer, Head};
use std::sync::Arc;

/// The type of every answer.
const JSON: &str = "application/json; charset=utf-8";

/// The dialect.
pub(super) struct Luminus;

impl Dialect for Luminus {
    fn name(&self) -> &'static str {
        "luminus"
    }

    fn claims(&self, path: &str) -> bool {
        path == "/files" || path.starts_with("/files/")
    }

    fn plan(&self, head: &Arc<Head>, _limits: &Limits) -> Result<Plan, Fault> {
        Ok(plan::plan(head))
    }

    fn fault(&self, _head: &Head, _base: &str, fault: &Fault) -> Answer {
        status::answer(fault)
    }

    fn shape(&self, _head: &Head, answer: Answer) -> Answer {
        not_stored(answer)
    }
}

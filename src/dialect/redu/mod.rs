//! The Redu API: folders and files in spaces, as JSON (`redu.md`, `dialects-common.md`).
//!
//! [`route`] reads paths, [`plan`] says what each verb on each path means, [`request`] reads bodies, [`response`] writes
//! answers, and [`status`] has the codes and the words of every no.

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

/// The type of every answer that is not a file.
const JSON: &str = "application/json; charset=utf-8";

/// The dialect.
pub(super) struct Redu;

impl Dialect for Redu {
    fn name(&self) -> &'static str {
        "redu"
    }

    fn claims(&self, path: &str) -> bool {
        path == "/api" || path.starts_with("/api/")
    }

    fn plan(&self, head: &Arc<Head>, limits: &Limits) -> Result<Plan, Fault> {
        Ok(plan::plan(head, limits))
    }

    fn fault(&self, head: &Head, _base: &str, fault: &Fault) -> Answer {
        status::answer(head, fault)
    }

    fn shape(&self, _head: &Head, answer: Answer) -> Answer {
        not_stored(answer)
    }
}

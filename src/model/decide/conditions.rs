//! Whether what is there is what a request demands (`mindtouch.md` §6.1).

use super::super::{Demand, File, NodeName, Property, PropertyName, Refusal};
use super::Found;

pub(super) fn stale(given: Option<&str>, head: &Property) -> Refusal {
    Refusal::Stale {
        given: given.unwrap_or_default().to_owned(),
        property: head.id,
    }
}

pub(super) fn meet(
    demand: Option<&Demand>,
    name: &PropertyName,
    head: Option<&Property>,
) -> Result<(), Refusal> {
    let refusal = match (demand, head) {
        (None, _) | (Some(Demand::Present), Some(_)) | (Some(Demand::Absent), None) => {
            return Ok(());
        }
        (Some(Demand::OneOf(etags)), Some(head))
            if etags.iter().any(|given| head.etag().is(given)) =>
        {
            return Ok(());
        }
        (Some(Demand::OneOf(etags)), Some(head)) => stale(Some(&etags.join(", ")), head),
        (Some(Demand::Present | Demand::OneOf(_) | Demand::Never(_)), None) => {
            Refusal::UnexpectedEtag
        }
        (Some(Demand::Never(etags)), Some(head))
            if !etags.is_empty() && !etags.iter().any(|given| head.etag().is(given)) =>
        {
            stale(Some(&etags.join(", ")), head)
        }
        (Some(Demand::NoneOf(etags)), head)
            if !head.is_some_and(|head| etags.iter().any(|given| head.etag().is(given))) =>
        {
            return Ok(());
        }
        (Some(Demand::Absent | Demand::NoneOf(_) | Demand::Never(_)), _) => {
            Refusal::PropertyExists(name.clone())
        }
    };
    Err(Refusal::Unmet(Box::new(refusal)))
}

/// The same for a file, by the etag of its newest revision.
pub(super) fn meet_file(
    demand: Option<&Demand>,
    found: &Found,
    name: &NodeName,
) -> Result<(), Refusal> {
    let etag = found.file().map(File::etag);
    let missing = Refusal::NoSuchFile;
    meet_node(demand, etag, Refusal::FileNameTaken(name.clone()), missing)
}

/// The same for a page or a file that has this etag, if it is there; and what to say if it is there and must not be, and
/// the other way about.
pub(super) fn meet_node(
    demand: Option<&Demand>,
    etag: Option<String>,
    taken: Refusal,
    missing: Refusal,
) -> Result<(), Refusal> {
    let is_met = match (demand, &etag) {
        (None, _) => true,
        (Some(Demand::Present), etag) => etag.is_some(),
        (Some(Demand::Absent), etag) => etag.is_none(),
        (Some(Demand::OneOf(etags)), Some(etag)) => etags.contains(etag),
        (Some(Demand::NoneOf(etags)), Some(etag)) => !etags.contains(etag),
        (Some(Demand::OneOf(_)), None) | (Some(Demand::Never(_)), _) => false,
        (Some(Demand::NoneOf(_)), None) => true,
    };
    if is_met {
        return Ok(());
    }
    Err(Refusal::Unmet(Box::new(match (demand, etag) {
        (Some(Demand::Absent), _) => taken,
        (_, Some(etag)) => Refusal::StaleNode { etag },
        (_, None) => missing,
    })))
}

//! The strict subset of XML that propstore reads, and the well-formed XML that it writes.
//!
//! It reads XML 1.0 (fifth edition) with namespaces, but no DOCTYPE: so there are no entities beyond the five, nothing
//! to expand and nothing to fetch (`promises.md` §1.3). `quick-xml` finds the tokens; what it lets pass and the
//! recommendations do not is refused here. A [`Malformed`] says where and shows the line.
//!
//! Three bounds are ours, not of the recommendations: [`DEPTH_MAX`], [`ATTRIBUTES_MAX`], and how many bytes of namespace
//! declarations [`Parser::markup`] adds. With them, reading takes time and memory in proportion to the length of a
//! document, whatever stands in it.

mod decode;
mod malformed;
mod markup;
mod names;
mod read;
mod scope;
mod tag;
#[cfg(test)]
mod tests;
mod write;

pub use decode::{Undecodable, decode};
pub use malformed::{Brief, Malformed};
pub use markup::Markup;
pub use read::{DEPTH_MAX, Event, Parser};
pub use tag::{ATTRIBUTES_MAX, Element};
pub use write::{Writer, escaped_attribute, inside};

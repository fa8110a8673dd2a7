//! A property store that speaks the MindTouch property API.

pub mod model;
pub mod xml;
pub mod store;

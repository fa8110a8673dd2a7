//! A property store that speaks the MindTouch property API.

pub mod model;
pub mod config;
pub mod fault;
pub mod http;
pub mod xml;
pub mod auth;
pub mod dialect;
pub mod store;

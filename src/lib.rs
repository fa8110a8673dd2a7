#![doc = include_str!("ARCHITECTURE.md")]

pub mod model;

pub mod config;
pub mod fault;
pub mod http;
pub mod xml;

pub mod auth;
pub mod dialect;
pub mod store;

pub mod service;

pub mod server;

pub mod cli;

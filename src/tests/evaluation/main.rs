//! Tests of data sets and evaluation, which need no network: `cargo test --release --no-default-features`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs)]

#[path = "../data.rs"]
mod data;
#[path = "../python.rs"]
mod python;

mod gates;
mod plot;
mod report;
mod sample;
mod tables;

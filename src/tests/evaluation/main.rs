//! Tests of data sets and evaluation, which need no network: `cargo test --release --no-default-features`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs)]

#[path = "../data.rs"]
mod data;
mod dataset;
#[path = "../python.rs"]
mod python;

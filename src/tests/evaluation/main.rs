//! Tests of data sets and evaluation, which need no network: `cargo test --release --no-default-features`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod coco;
mod coco_faults;
#[path = "../data.rs"]
mod data;
#[path = "../python.rs"]
mod python;
mod results;
mod results_classes;
mod results_faults;
mod results_formats;

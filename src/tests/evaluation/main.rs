//! Tests of data sets and evaluation, which need no network: `cargo test --release --no-default-features`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod analyses;
mod cases;
mod coco;
mod coco_faults;
#[path = "../data.rs"]
mod data;
mod dataset;
mod dataset_convert;
mod dataset_faults;
mod dataset_files;
mod dataset_formats;
mod dataset_mutations;
mod devkits;
mod gates;
mod plot;
mod pycocotools;
#[path = "../python.rs"]
mod python;
mod report;
mod results;
mod results_classes;
mod results_faults;
mod results_formats;
mod sample;
mod tables;

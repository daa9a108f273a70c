//! Tests of the whole: each file names what it holds to which independent truth.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod darknet;
mod data;
mod draw;
mod engine_options;
mod engines;
mod evaluate;
mod golden;
mod http;
mod layering;
mod models;
mod peers;
mod pictures;
mod program;
mod properties;
mod pull;
mod python;
mod quantize;
mod restatements;
mod shipped;

//! Tests of the training crate, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs
)]

mod anchors;
mod commands;
mod data;
mod export;
mod gradient_check;
mod layering;
mod losses;
mod models;
mod ops;
mod optimizer;
mod overfit;
mod recipes;
mod trunk;

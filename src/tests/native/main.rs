//! The native engine against other implementations: `cargo test --release --no-default-features --test native`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod cases;
#[path = "../data.rs"]
mod data;
mod kernels;
mod networks;
mod operators;
#[path = "../python.rs"]
mod python;
mod refused;

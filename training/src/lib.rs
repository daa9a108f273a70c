//! Training of Ocelli's networks, and their export to the ONNX files that the server runs.
//!
//! ```text
//! samples → augment → batch {images [n,3,h,w], boxes} → model.forward → raw heads → loss → backward
//!  → clip by global norm → optimizer(lr = schedule(step)) → average of weights → event → progress, log, checkpoint
//! ```
//!
//! [`train`] is that line; it knows no network by name.

pub mod ops;

pub mod average;
pub mod optimizer;
pub mod schedule;
pub mod weights;

pub mod anchors;
pub mod data;
pub mod losses;
pub mod models;

pub mod export;
pub mod gradient_check;

pub mod train;

pub mod recipes;

//! Every kernel set in every precision, against the operations' definitions in 64-bit floats and against scalar kernels.
//!
//! Each case is an ONNX file that goes the whole way: import, fusion, plan, kernels.

mod convolutions;
mod fuzz;
mod maps;
mod net;
#[cfg(feature = "tract")]
mod reference;
mod together;
mod truth;
pub(crate) mod variants;

use ocelli::engine::Precision;

/// The precisions, in which every case is run.
const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];

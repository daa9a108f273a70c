//! An ordinary `forward` becomes an ONNX file: burn records its operations, and each becomes a node.
//!
//! ```text
//! init + weights ─fresh copy─► forward under capture, at two sizes ─► operations ─► nodes ─► batch norms folded
//!  ─► [16-bit weights] ─► metadata ─► structure, engines against the forward itself ─► file
//! ```
//!
//! No architecture is written twice. What differs between the two captures is dynamic; an operation that cannot be
//! exported is an error that names it.

pub mod check;
mod detector;
mod error;
mod exporter;
mod fold;
mod half;
mod lower;
mod lstm;
mod pass;
mod trace;

pub use detector::{DetectorExport, detector};
pub use error::ExportError;
pub use exporter::{Exporter, Precision};
pub use half::half;
pub use lstm::{LstmWeights, lstm};
pub use pass::{Input, Pass};

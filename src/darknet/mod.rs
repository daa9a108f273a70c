//! Darknet's `.cfg` and `.weights` ↔ layers → ONNX.
//!
//! ```text
//! .cfg ─Network::parse─► layers with shapes ─read_weights | randomize─► layers with weights ─to_onnx─► onnx::Model
//!                                                                            └─write_weights─► .weights
//! ```
//!
//! The format has no specification. What is said here of it is what `parser.c` and the layers' forward functions of
//! <https://github.com/pjreddie/darknet> do, and for what that one lacks, of <https://github.com/AlexeyAB/darknet>.
//! Whatever would change a result and is not supported is refused by name; keys that matter to training alone are
//! skipped.

mod activation;
mod build;
mod cfg;
mod emit;
mod error;
mod export;
mod head;
mod layer;
mod random;
mod weights;

pub use activation::Activation;
pub use emit::BATCH_NORM_EPSILON;
pub use error::DarknetError;
pub use export::ExportOptions;
pub use layer::{Convolution, Head, Kind, Layer, MaxPool, Shape};
pub use weights::{BatchNorm, Header, Loaded, Weights};

/// A network as its `.cfg` describes it, with the weights read so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// What goes in.
    pub input: Shape,
    /// The layers, in the order of the `.cfg`. Darknet counts them from 0 and does not count `[net]`.
    pub layers: Vec<Layer>,
    /// What the weights file says ahead of the weights; that of Darknet's last version until a file is read.
    pub header: Header,
}

impl Network {
    /// Number of floats in a complete weights file, its header not counted.
    pub fn stored_floats(&self) -> usize {
        self.layers.iter().map(Layer::stored_floats).sum()
    }

    /// Floating-point operations for one picture, two for each multiply-add of convolutions and connected layers:
    /// what Darknet prints as BFLOPs, times 10⁹.
    pub fn flops(&self) -> f64 {
        self.layers.iter().map(Layer::flops).sum()
    }
}

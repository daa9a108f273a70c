//! The networks: one file a paper, blocks that two or more share in [`blocks`].

pub mod blocks;
pub mod darknet53;
pub mod darknet_weights;
pub mod nano;
pub mod registry;
pub mod summary;
pub mod yolov3;
pub mod yolov3_tiny;

mod detector;

pub use detector::{Architecture, Detector, DetectorConfig};

use burn::module::Module;
use burn::tensor::Tensor;

/// A network that predicts boxes on one or more grids.
pub trait DetectionNetwork: Module {
    /// Raw heads, in the order of the model's anchors.
    ///
    /// # Shapes
    /// `images`: `[n, 3, height, width]`, RGB in 0..=1, height and width multiples of the largest stride;
    /// each result: `[n, anchors · (5 + classes), height / stride, width / stride]`, channels as in [`ocelli::head`].
    fn forward(&self, images: Tensor<4>) -> Vec<Tensor<4>>;
}

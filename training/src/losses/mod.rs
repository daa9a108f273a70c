//! What training minimises.

use burn::tensor::Tensor;

/// A loss with its parts, each a tensor of one number on the model's device. What is minimised is their sum.
#[derive(Debug, Clone)]
pub struct Loss {
    /// Name and value of each part, weights applied.
    pub parts: Vec<(&'static str, Tensor<1>)>,
}

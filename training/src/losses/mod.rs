//! What training minimises.

pub mod yolo;

pub use yolo::yolo;

use burn::tensor::Tensor;

/// A loss with its parts, each a tensor of one number on the model's device. What is minimised is their sum.
#[derive(Debug, Clone)]
pub struct Loss {
    /// Name and value of each part, weights applied.
    pub parts: Vec<(&'static str, Tensor<1>)>,
}

impl Loss {
    /// The sum of the parts; nothing where there is none.
    pub fn total(&self) -> Option<Tensor<1>> {
        self.parts.iter().map(|(_, part)| part.clone()).reduce(|sum, part| sum + part)
    }
}

//! Samples, augmentation and batches.

mod error;

pub use error::DataError;

use image::RgbImage;
use ndarray::Array4;
use ocelli::geometry::BBox;

/// An object of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledBox {
    /// Where, in pixels of the picture that it belongs to.
    pub bbox: BBox,
    /// Index of its class.
    pub class_id: usize,
}

/// A picture with its objects.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The picture, upright.
    pub image: RgbImage,
    /// Its objects, in its pixels.
    pub boxes: Vec<LabelledBox>,
}

/// Pictures of one size, ready for a network.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[n, 3, height, width]`, RGB in 0..=1.
    pub images: Array4<f32>,
    /// Objects of each picture, in pixels of the network's input.
    pub boxes: Vec<Vec<LabelledBox>>,
}

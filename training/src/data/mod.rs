//! Samples, augmentation and batches.
//!
//! ```text
//! Dataset ─DetectionData::open─► pictures in memory, boxes ─batch(seed, number)─► placement (flips, turns, scale, crop)
//!  ─one bilinear warp, colours on the way─► mosaic | mix-up ─► Batch {images [n,3,h,w], boxes}
//! ```

mod augmentation;
mod batch;
mod colour;
mod compose;
mod detection;
mod error;
mod gallery;
mod order;
mod placement;
pub mod seed;
mod usable;
mod warp;

pub use augmentation::Augmentation;
pub use batch::{batch, letterboxed, size_at};
pub use detection::{CacheOptions, DetectionData};
pub use error::DataError;
pub use gallery::gallery;
pub(crate) use usable::picture;
pub use usable::{Census, box_sizes};

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

/// Which batch of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Seed of the training.
    pub seed: u64,
    /// Number of the batch, from 0.
    pub batch: usize,
    /// How many batches the training has.
    pub batches: usize,
}

/// Pictures of one size, ready for a network.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[n, 3, height, width]`, RGB in 0..=1.
    pub images: Array4<f32>,
    /// Objects of each picture, in pixels of the network's input.
    pub boxes: Vec<Vec<LabelledBox>>,
}

//! Average precision: predictions are matched with truths, and what comes of it is scored by several protocols.
//!
//! Pure: no files, no networks, no names. [`coco`] follows pycocotools to the last bit, [`devkit`] the Pascal VOC
//! devkit and Darknet's `detector map`. They differ in what counts as a match and in how a curve becomes a number.

pub mod coco;
mod comparison;
pub mod devkit;
mod matching;

pub use comparison::Comparison;

use crate::geometry::BBox;

/// An object that is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    /// Index of the picture.
    pub image: u32,
    /// Index of the class.
    pub class: u32,
    /// Where, in pixels of the picture.
    pub bbox: BBox,
    /// Area in square pixels: the object's own where it is known (COCO: the mask's), else the box's.
    pub area: f64,
    /// The box holds many objects (COCO's `iscrowd`): any number of predictions may lie in it, and none of them counts.
    pub crowd: bool,
    /// Whether it is found does not count (Pascal VOC's `difficult`, `ignore` of some COCO files).
    pub ignore: bool,
    /// The annotation's number in its file.
    pub id: i64,
}

impl Truth {
    /// Whether finding it counts.
    pub fn counts(&self) -> bool {
        !self.crowd && !self.ignore
    }
}

/// An object that a detector says is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Index of the picture.
    pub image: u32,
    /// Index of the class.
    pub class: u32,
    /// Where, in pixels of the picture.
    pub bbox: BBox,
    /// Confidence: larger is surer. Finite.
    pub score: f64,
}

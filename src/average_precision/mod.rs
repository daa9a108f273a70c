//! Average precision: predictions are matched with truths, and what comes of it is scored by several protocols.
//!
//! Pure: no files, no networks, no names. [`coco`] follows pycocotools to the last bit, [`devkit`] the Pascal VOC
//! devkit and Darknet's `detector map`. They differ in what counts as a match and in how a curve becomes a number.

pub mod coco;
pub mod devkit;
mod grouping;
mod matching;

use crate::geometry::BBox;
use std::cmp::Ordering;

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

/// What is to be compared. Indices of pictures and classes are below `images` and `classes`.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// Number of pictures.
    pub images: usize,
    /// Number of classes.
    pub classes: usize,
    /// What is there, in the order of its file.
    pub truths: &'a [Truth],
    /// What is said to be there, in the order of its file.
    pub predictions: &'a [Prediction],
}

/// The larger score first; 0 and −0 are equal.
fn falling(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

//! The COCO protocol, as pycocotools 2.0.11 computes it: bit for bit, if its quirks are asked for.
//!
//! [`Matches::new`] decides for every prediction whether it is right, for each IoU threshold and range of areas.
//! [`Matches::curve`] makes a precision–recall curve of that, [`Matches::summary`] the published figures.
//!
//! Source: the COCO detection evaluation (<https://cocodataset.org/#detection-eval>) and the behaviour of its reference
//! implementation.

mod curve;
mod matches;
mod mean;
mod options;
mod summary;

pub use curve::{Curve, Tracer, interpolated};
pub use matches::{Matches, Standing};
pub use mean::mean;
pub use options::{AreaRange, CocoOptions, OptionsError, QUIRKS, linspace};
pub use summary::Summary;

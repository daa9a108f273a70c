//! Boxes in the plane: the one place for area and intersection over union.
//!
//! ```
//! use ocelli::geometry::BBox;
//! let a = BBox::new(0.0, 0.0, 2.0, 2.0);
//! let b = BBox::new(1.0, 0.0, 2.0, 2.0);
//! assert_eq!(a.iou(&b), 2.0 / 6.0);
//! ```

use serde::{Deserialize, Serialize};

/// An axis-aligned box, in pixels of whatever picture it belongs to.
///
/// `x` and `y` are the top-left corner; the origin is the top-left corner of the picture, x grows to the right and y
/// downwards. Pixel areas are continuous: a box over one pixel is 1 wide (COCO's convention, not Pascal VOC's "+1").
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct BBox {
    /// Left edge.
    #[serde(serialize_with = "as_f32")]
    pub x: f64,
    /// Top edge.
    #[serde(serialize_with = "as_f32")]
    pub y: f64,
    /// Horizontal extent, never negative in a valid box.
    #[serde(serialize_with = "as_f32")]
    pub width: f64,
    /// Vertical extent, never negative in a valid box.
    #[serde(serialize_with = "as_f32")]
    pub height: f64,
}

impl BBox {
    /// A box from its top-left corner and extents.
    pub const fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self { x, y, width, height }
    }

    /// A box from its centre and extents, as detection heads predict it.
    pub fn from_center(cx: f64, cy: f64, width: f64, height: f64) -> Self {
        Self::new(cx - width / 2.0, cy - height / 2.0, width, height)
    }

    /// Right edge.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// Width times height.
    pub fn area(&self) -> f64 {
        self.width * self.height
    }

    /// Intersection over union, in 0..=1; 0 where neither box has an area.
    pub fn iou(&self, other: &Self) -> f64 {
        let intersection = self.intersection(other);
        // Most pairs of boxes share nothing.
        if intersection > 0.0 { intersection / ((self.area() + other.area()) - intersection) } else { 0.0 }
    }

    /// How much of this box lies in `region`, in 0..=1: what COCO takes for the IoU with a crowd; 0 for a box without area.
    pub fn coverage(&self, region: &Self) -> f64 {
        let (intersection, area) = (self.intersection(region), self.area());
        if area > 0.0 { intersection / area } else { 0.0 }
    }

    /// Area that both boxes share.
    fn intersection(&self, other: &Self) -> f64 {
        let width = (self.right().min(other.right()) - self.x.max(other.x)).max(0.0);
        let height = (self.bottom().min(other.bottom()) - self.y.max(other.y)).max(0.0);
        width * height
    }

    /// The part of the box that lies in a picture of `width` × `height` pixels; without area where none does.
    #[must_use]
    pub fn clip(&self, width: f64, height: f64) -> Self {
        let (x, y) = (self.x.clamp(0.0, width), self.y.clamp(0.0, height));
        Self::new(x, y, self.right().clamp(0.0, width) - x, self.bottom().clamp(0.0, height) - y)
    }
}

/// Networks compute in f32: its shortest decimal form says all there is to say of a coordinate.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::cast_possible_truncation,
    reason = "serde's signature; f32 is what the network computed"
)]
fn as_f32<S: serde::Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f32(*value as f32)
}

//! Checks of boxes that labels and results share.

use super::{Fault, Findings, Image, Place};
use crate::geometry::BBox;

/// Relative coordinates hardly exceed 1.
const LARGEST_RELATIVE: f64 = 1.5;

/// Pictures below this side may have boxes as small as relative ones.
const LEAST_SIDE: u32 = 32;

/// A box of four numbers: finite, with sides of at least 0.
pub(super) fn valid([x, y, width, height]: [f64; 4]) -> Option<BBox> {
    let sound = [x, y, width, height].iter().all(|number| number.is_finite()) && width >= 0.0 && height >= 0.0;
    sound.then(|| BBox::new(x, y, width, height))
}

/// Whether a box reaches out of its picture by more than a pixel, which rounding explains.
pub(super) fn outside(bbox: &BBox, image: &Image) -> bool {
    image.size.is_some_and(|(width, height)| {
        bbox.x < -1.0
            || bbox.y < -1.0
            || bbox.right() > f64::from(width) + 1.0
            || bbox.bottom() > f64::from(height) + 1.0
    })
}

/// Faults that a single box cannot prove: they are told only if most boxes have them. One tiny box in a picture's corner
/// may be right; a file of them holds relative coordinates.
#[derive(Debug, Default)]
pub(super) struct Suspicions {
    boxes: usize,
    findings: Findings,
}

impl Suspicions {
    /// Looks at a box; `place` as in [`Findings::add`].
    pub(super) fn look(&mut self, bbox: &BBox, image: &Image, place: impl Fn() -> Place) {
        self.boxes += 1;
        if outside(bbox, image) {
            self.findings.add(Fault::BoxOutside, &place);
        }
        let relative = |number: f64| (-LARGEST_RELATIVE..=LARGEST_RELATIVE).contains(&number);
        let small = [bbox.x, bbox.y, bbox.width, bbox.height].into_iter().all(relative);
        if small && image.size.is_some_and(|(width, height)| width.min(height) >= LEAST_SIDE) {
            self.findings.add(Fault::NormalisedBox, &place);
        }
    }

    /// Whether more than half of the boxes have that fault.
    pub(super) fn confirmed(&self, fault: Fault) -> bool {
        self.findings.count(fault) * 2 > self.boxes
    }

    /// Moves a confirmed fault to `findings`.
    pub(super) fn tell(&self, fault: Fault, findings: &mut Findings) {
        if self.confirmed(fault) {
            findings.extend(self.findings.only(fault));
        }
    }
}

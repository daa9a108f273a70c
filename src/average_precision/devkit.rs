//! Pascal VOC's protocols and Darknet's: predictions claim the truth that they overlap most, one IoU threshold, areas
//! under a curve.
//!
//! | | Pascal VOC devkit | Darknet `detector map` |
//! |---|---|---|
//! | extents | inclusive pixels: width and height + 1 | as they are |
//! | a match | IoU ≥ threshold | IoU > threshold |
//! | claimed truth | the first of the largest IoU, taken or not | the same |
//! | taken truth | the prediction is a false positive | the same |
//! | ignored truth (`difficult`, crowds) | may be claimed, then the prediction does not count | counts only where no other is matched |
//! | the mean | over classes with truths | over all classes |
//!
//! Sources: the VOC2007 and VOC2012 development kits' `VOCevaldet.m` and `VOCap.m`; `validate_detector_map` of
//! <https://github.com/AlexeyAB/darknet>. py-faster-rcnn's `voc_eval.py` differs from the devkit in its sort, which is not
//! stable, and in the rounding of the eleven recalls.

use super::coco::mean;
use super::grouping::{Cell, Class, Grouping};
use super::{Comparison, falling};
use crate::geometry::BBox;

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Pascal VOC 2007: the mean of the best precisions at eleven recalls.
    Voc2007,
    /// Pascal VOC 2010 and later: the area under the curve.
    Voc2010,
    /// Darknet's `detector map`: the area under the curve.
    Darknet,
}

/// Average precision of each class, `None` for those without truths; and their mean as the protocol takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Precisions {
    /// Each class of the data set; a single one if classes do not matter.
    pub classes: Vec<Option<f64>>,
    /// `None` where no class has truths.
    pub mean: Option<f64>,
}

/// A point of a curve, after each prediction that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    recall: f64,
    precision: f64,
}

impl Protocol {
    /// The protocol's average precision at an IoU threshold. `pooled`: classes do not matter.
    pub fn evaluate(self, comparison: &Comparison, iou: f64, pooled: bool) -> Precisions {
        let grouping = Grouping::new(comparison, pooled);
        let mut classes: Vec<Option<f64>> = Vec::new();
        for class in grouping.classes() {
            let points = self.curve(comparison, &class, iou);
            classes.push(points.map(|points| match self {
                Self::Voc2007 => eleven_points(&points),
                Self::Voc2010 | Self::Darknet => area(&points),
            }));
        }
        let present: Vec<f64> = classes.iter().flatten().copied().collect();
        let mean = match self {
            Self::Voc2007 | Self::Voc2010 => mean(&present),
            Self::Darknet if present.is_empty() => None,
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 classes")]
            Self::Darknet => Some(present.iter().sum::<f64>() / classes.len() as f64),
        };
        Precisions { classes, mean }
    }

    /// The curve of a class, `None` if it has no truth that counts.
    fn curve(self, comparison: &Comparison, class: &Class, iou: f64) -> Option<Vec<Point>> {
        // (score, index, picture's claims): in the order of the file where scores are equal, whatever the picture.
        let mut claims: Vec<(f64, u32, Claim)> = Vec::with_capacity(class.prediction_count());
        let mut positives = 0u32;
        for cell in class.cells() {
            positives += self.claim(comparison, &cell, iou, &mut claims);
        }
        if positives == 0 {
            return None;
        }
        claims.sort_by(|a, b| falling(a.0, b.0).then(a.1.cmp(&b.1)));
        let mut taken = vec![false; comparison.truths.len()];
        let (mut right, mut wrong) = (0u32, 0u32);
        let mut points = Vec::new();
        for (.., claim) in &claims {
            match claim {
                Claim::Ignored => continue,
                Claim::Truth(truth) if !std::mem::replace(&mut taken[*truth as usize], true) => right += 1,
                Claim::Truth(_) | Claim::Nothing => wrong += 1,
            }
            let (right, wrong) = (f64::from(right), f64::from(wrong));
            points.push(Point { recall: right / f64::from(positives), precision: right / (right + wrong) });
        }
        Some(points)
    }

    /// What each prediction of a picture claims; returns how many truths count.
    fn claim(self, comparison: &Comparison, cell: &Cell, iou: f64, claims: &mut Vec<(f64, u32, Claim)>) -> u32 {
        let inclusive = if self == Self::Darknet { 0.0 } else { 1.0 };
        let extent = |b: &BBox| BBox::new(b.x, b.y, b.width + inclusive, b.height + inclusive);
        let truths: Vec<(u32, BBox, bool)> = cell
            .truths
            .iter()
            .map(|index| {
                let truth = &comparison.truths[*index as usize];
                (*index, extent(&truth.bbox), truth.ignore || truth.crowd)
            })
            .collect();
        for index in cell.predictions {
            let prediction = &comparison.predictions[*index as usize];
            let bbox = extent(&prediction.bbox);
            let overlap = |ignored_too: bool| {
                let candidates = truths.iter().filter(|(.., ignored)| ignored_too || !ignored);
                candidates.map(|truth| (bbox.iou(&truth.1), truth)).fold(None, first_of_the_largest)
            };
            let claim = match self {
                Self::Voc2007 | Self::Voc2010 => match overlap(true) {
                    Some((largest, (.., true))) if largest >= iou => Claim::Ignored,
                    Some((largest, (truth, ..))) if largest >= iou => Claim::Truth(*truth),
                    _ => Claim::Nothing,
                },
                Self::Darknet => match (overlap(false), overlap(true)) {
                    (Some((largest, (truth, ..))), _) if largest > iou => Claim::Truth(*truth),
                    (_, Some((largest, _))) if largest > iou => Claim::Ignored,
                    _ => Claim::Nothing,
                },
            };
            claims.push((prediction.score, *index, claim));
        }
        truths.iter().map(|(.., ignored)| u32::from(!ignored)).sum()
    }
}

/// What a prediction claims.
#[derive(Debug, Clone, Copy)]
enum Claim {
    Truth(u32),
    Ignored,
    Nothing,
}

/// Boxes that share nothing are no candidates: the devkit looks at positive intersections alone.
fn first_of_the_largest<T>(best: Option<(f64, T)>, next: (f64, T)) -> Option<(f64, T)> {
    match best {
        None if next.0 > 0.0 => Some(next),
        Some((largest, _)) if next.0 > largest => Some(next),
        other => other,
    }
}

/// The mean of the largest precision at a recall of at least 0, 0.1, … 1.
fn eleven_points(points: &[Point]) -> f64 {
    // MATLAB's 0:0.1:1 counts up from the start in its first half, and down from the end in its second.
    let recall = |i: u32| if i <= 5 { f64::from(i) * 0.1 } else { 1.0 - f64::from(10 - i) * 0.1 };
    let best = |from: f64| {
        let reached = points.iter().filter(|point| point.recall >= from);
        reached.map(|point| point.precision).fold(0.0, f64::max)
    };
    (0..=10).map(|i| best(recall(i)) / 11.0).sum()
}

/// The area under the curve, each precision raised to the largest one at a higher recall.
fn area(points: &[Point]) -> f64 {
    let mut area = 0.0;
    let mut best: f64 = 0.0;
    // From the right, so that the best precision beyond is known.
    for (at, point) in points.iter().enumerate().rev() {
        best = best.max(point.precision);
        let before = if at == 0 { 0.0 } else { points[at - 1].recall };
        area += (point.recall - before) * best;
    }
    area
}

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

use super::Comparison;
use super::coco::mean;
use super::comparison::{Cell, Class};
use crate::geometry::BBox;

/// Average precision of each class, `None` for those without truths; and their mean as the protocol takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Precisions {
    /// Each class of the data set; a single one if classes do not matter.
    pub classes: Vec<Option<f64>>,
    /// `None` where no class has truths.
    pub mean: Option<f64>,
}

/// What the three protocols say.
#[derive(Debug, Clone, PartialEq)]
pub struct Devkits {
    /// VOC 2007: the mean of the best precisions at eleven recalls.
    pub voc2007: Precisions,
    /// VOC 2010 and later: the area under the curve.
    pub voc2010: Precisions,
    /// Darknet: the area under the curve.
    pub darknet: Precisions,
}

/// Average precision at an IoU threshold by the three protocols.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 classes")]
pub fn evaluate(comparison: &Comparison, iou: f64) -> Devkits {
    let places = places(comparison);
    let precisions = |curves: &[Option<Vec<Point>>], interpolate: fn(&[Point]) -> f64| {
        let classes: Vec<_> = curves.iter().map(|curve| curve.as_deref().map(interpolate)).collect();
        let mean = mean(&classes.iter().flatten().copied().collect::<Vec<_>>());
        Precisions { classes, mean }
    };
    let voc = curves(comparison, &places, iou, Rules::Voc);
    let mut darknet = precisions(&curves(comparison, &places, iou, Rules::Darknet), area);
    let all = darknet.classes.len() as f64;
    darknet.mean = darknet.mean.map(|_| darknet.classes.iter().flatten().sum::<f64>() / all);
    Devkits { voc2007: precisions(&voc, eleven_points), voc2010: precisions(&voc, area), darknet }
}

/// Whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    Voc,
    Darknet,
}

/// A point of a curve, at each right prediction: wrong ones in between lower precision alone.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    recall: f64,
    precision: f64,
}

/// The curve of each class, `None` for those without truths that count.
fn curves(comparison: &Comparison, places: &[u32], iou: f64, rules: Rules) -> Vec<Option<Vec<Point>>> {
    let mut taken = vec![false; comparison.truths.len()];
    let mut claims = Vec::new();
    let curve = |class: Class| {
        claims.clear();
        let mut positives = 0u32;
        for cell in class.cells_with_truths() {
            positives +=
                claim(comparison, &cell, (iou, rules), |index, claim| claims.push((places[index as usize], claim)));
        }
        if positives == 0 {
            return None;
        }
        // Most predictions claim nothing: how many of them are surer than another follows from its place.
        claims.sort_unstable_by_key(|(place, _)| *place);
        let (mut right, mut ignored) = (0u32, 0u32);
        let mut points = Vec::new();
        for (place, claim) in &claims {
            match claim {
                None => ignored += 1,
                Some(truth) if !std::mem::replace(&mut taken[*truth as usize], true) => {
                    let wrong = place - right - ignored;
                    right += 1;
                    let precision = f64::from(right) / f64::from(right + wrong);
                    points.push(Point { recall: f64::from(right) / f64::from(positives), precision });
                }
                Some(_) => {}
            }
        }
        Some(points)
    };
    comparison.classes().map(curve).collect()
}

/// The place of each prediction among those of its class, by falling score.
fn places(comparison: &Comparison) -> Vec<u32> {
    let mut places = vec![0; comparison.predictions.len()];
    for class in comparison.classes() {
        class.ranking.iter().zip(0..).for_each(|(index, place)| places[*index as usize] = place);
    }
    places
}

/// Tells what the predictions of a picture claim that claim anything: a truth, or `None` for an ignored one, which is claimed
/// any number of times. Returns how many truths count.
fn claim(
    comparison: &Comparison,
    cell: &Cell,
    (iou, rules): (f64, Rules),
    mut tell: impl FnMut(u32, Option<u32>),
) -> u32 {
    let inclusive = if rules == Rules::Voc { 1.0 } else { 0.0 };
    let extent = |b: &BBox| BBox::new(b.x, b.y, b.width + inclusive, b.height + inclusive);
    let counts = |index: u32| comparison.truths[index as usize].counts();
    let truths: Vec<(u32, BBox, bool)> =
        cell.truths.iter().zip(cell.truth_boxes).map(|(index, b)| (*index, extent(b), counts(*index))).collect();
    for (index, bbox) in cell.predictions.iter().zip(cell.boxes) {
        let bbox = extent(bbox);
        let overlap = |ignored_too: bool| {
            let candidates = truths.iter().filter(|(.., counts)| ignored_too || *counts);
            candidates.map(|(index, truth, _)| (bbox.iou(truth), *index)).fold(None, first_of_the_largest)
        };
        match rules {
            Rules::Voc => {
                if let Some((_, best)) = overlap(true).filter(|(largest, _)| *largest >= iou) {
                    tell(*index, Some(best).filter(|best| counts(*best)));
                }
            }
            Rules::Darknet => {
                let beyond = |best: &(f64, u32)| best.0 > iou;
                if let Some((_, best)) = overlap(false).filter(beyond) {
                    tell(*index, Some(best));
                } else if overlap(true).is_some_and(|best| beyond(&best)) {
                    tell(*index, None);
                }
            }
        }
    }
    truths.iter().map(|(.., counts)| u32::from(*counts)).sum()
}

/// Boxes that share nothing are no candidates: the devkit looks at positive intersections alone.
fn first_of_the_largest(best: Option<(f64, u32)>, next: (f64, u32)) -> Option<(f64, u32)> {
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

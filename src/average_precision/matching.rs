//! COCO's greedy matching within one picture and class.

use super::comparison::{Cell, Comparison};
use crate::geometry::BBox;

/// No IoU counts as more than this: boxes that are equal but for rounding must match at a threshold of 1.
const MOST_DEMANDED: f64 = 1.0 - 1e-10;

/// The truths of a picture and class, and their IoU with its predictions.
///
/// Its buffers are used again from picture to picture.
#[derive(Default)]
pub(super) struct Matcher {
    crowd: Vec<bool>,
    /// `ious[prediction * truths + truth]`.
    ious: Vec<f64>,
    /// Predictions whose largest IoU, which stands beside, is enough for the lowest threshold.
    active: Vec<(usize, f64)>,
    /// Truths in the order in which they are tried, with whether they are ignored: those that count come first.
    order: Vec<(usize, bool)>,
    taken: Vec<bool>,
}

impl Matcher {
    /// Takes the truths of a picture and class, and its `limit` surest predictions. No threshold will be below `least`.
    pub fn load(&mut self, comparison: &Comparison, cell: &Cell, limit: usize, least: f64) {
        self.crowd.clear();
        self.crowd.extend(cell.truths.iter().map(|index| comparison.truths[*index as usize].crowd));
        self.ious.clear();
        self.active.clear();
        for (at, bbox) in cell.boxes.iter().take(limit).enumerate() {
            let from = self.ious.len();
            let iou = |(truth, crowd): (&BBox, &bool)| if *crowd { bbox.coverage(truth) } else { bbox.iou(truth) };
            self.ious.extend(cell.truth_boxes.iter().zip(&self.crowd).map(iou));
            let best = self.ious[from..].iter().fold(f64::NEG_INFINITY, |best, iou| best.max(*iou));
            if best >= least.min(MOST_DEMANDED) {
                self.active.push((at, best));
            }
        }
    }

    /// Sets which truths are ignored: predictions may match them, if nothing else, and then do not count either.
    pub fn set_ignored(&mut self, ignored: impl Iterator<Item = bool> + Clone) {
        self.order.clear();
        let flags = ignored.enumerate();
        self.order.extend(flags.clone().filter(|(_, ignored)| !ignored));
        self.order.extend(flags.filter(|(_, ignored)| *ignored));
    }

    /// Predictions that may match at some threshold, in order.
    pub fn candidates(&self) -> impl Iterator<Item = usize> {
        self.active.iter().map(|(prediction, _)| *prediction)
    }

    /// Matches at one threshold and tells of each matched prediction (prediction, truth, truth is ignored), in order.
    ///
    /// Predictions choose by falling score: among the truths that count, and are free, the one of the largest IoU of at
    /// least `threshold`, the last one of equals; only without such a one an ignored truth. A crowd is never used up.
    pub fn run(&mut self, threshold: f64, mut tell: impl FnMut(usize, usize, bool)) {
        let truths = self.crowd.len();
        let least = threshold.min(MOST_DEMANDED);
        self.taken.clear();
        self.taken.resize(truths, false);
        for &(prediction, _) in self.active.iter().filter(|(_, best)| *best >= least) {
            let ious = &self.ious[prediction * truths..][..truths];
            if let Some((truth, ignored)) = self.choose(ious, least) {
                self.taken[truth] = true;
                tell(prediction, truth, ignored);
            }
        }
    }

    fn choose(&self, ious: &[f64], least: f64) -> Option<(usize, bool)> {
        let mut best = least;
        let mut chosen: Option<(usize, bool)> = None;
        for &(truth, ignored) in &self.order {
            if self.taken[truth] && !self.crowd[truth] {
                continue;
            }
            if ignored && chosen.is_some_and(|(_, ignored)| !ignored) {
                break;
            }
            if ious[truth] >= best {
                best = ious[truth];
                chosen = Some((truth, ignored));
            }
        }
        chosen
    }
}

//! COCO's greedy matching within one picture and class.

use super::{Comparison, Prediction};
use crate::geometry::BBox;

/// No IoU counts as more than this: boxes that are equal but for rounding must match at a threshold of 1.
const MOST_DEMANDED: f64 = 1.0 - 1e-10;

/// The truths of a picture and class, and their IoU with its predictions.
///
/// Its buffers are used again from picture to picture.
#[derive(Default)]
pub(super) struct Matcher {
    boxes: Vec<BBox>,
    crowd: Vec<bool>,
    /// `ious[prediction * truths + truth]`.
    ious: Vec<f64>,
    /// The largest IoU of each prediction.
    best: Vec<f64>,
    /// Truths in the order in which they are tried, with whether they are ignored: those that count come first.
    order: Vec<(usize, bool)>,
    taken: Vec<bool>,
}

impl Matcher {
    /// Takes the truths and predictions of one picture and class.
    pub fn load(&mut self, comparison: &Comparison, truths: &[u32], predictions: &[u32]) {
        let of = |index: &u32| &comparison.truths[*index as usize];
        self.boxes.clear();
        self.boxes.extend(truths.iter().map(|index| of(index).bbox));
        self.crowd.clear();
        self.crowd.extend(truths.iter().map(|index| of(index).crowd));
        self.ious.clear();
        self.best.clear();
        for index in predictions {
            let Prediction { bbox, .. } = &comparison.predictions[*index as usize];
            let from = self.ious.len();
            let iou = |(truth, crowd): (&BBox, &bool)| if *crowd { bbox.coverage(truth) } else { bbox.iou(truth) };
            self.ious.extend(self.boxes.iter().zip(&self.crowd).map(iou));
            self.best.push(self.ious[from..].iter().fold(f64::NEG_INFINITY, |best, iou| best.max(*iou)));
        }
    }

    /// Sets which truths are ignored: predictions may match them, if nothing else, and then do not count either.
    pub fn set_ignored(&mut self, ignored: impl Iterator<Item = bool> + Clone) {
        self.order.clear();
        let flags = ignored.enumerate();
        self.order.extend(flags.clone().filter(|(_, ignored)| !ignored));
        self.order.extend(flags.filter(|(_, ignored)| *ignored));
    }

    /// Whether a prediction overlaps any truth enough to match it.
    pub fn may_match(&self, prediction: usize, threshold: f64) -> bool {
        self.best[prediction] >= threshold.min(MOST_DEMANDED)
    }

    /// Matches at one threshold and tells of each matched prediction (prediction, truth, truth is ignored), in order.
    ///
    /// Predictions choose by falling score: among the truths that count, and are free, the one of the largest IoU of at
    /// least `threshold`, the last one of equals; only without such a one an ignored truth. A crowd is never used up.
    pub fn run(&mut self, threshold: f64, mut tell: impl FnMut(usize, usize, bool)) {
        let truths = self.boxes.len();
        let least = threshold.min(MOST_DEMANDED);
        self.taken.clear();
        self.taken.resize(truths, false);
        for (prediction, best) in self.best.iter().enumerate() {
            if *best < least {
                continue;
            }
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

use super::matches::{ClassMatches, Matches};
use super::mean::mean;

/// NumPy's `spacing(1)`: keeps 0 / 0 from happening, and stays below rounding otherwise.
const EPSILON: f64 = f64::EPSILON;

/// Precision over recall at one IoU threshold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// The largest precision at any recall of at least the threshold, for each recall threshold; 0 beyond the last recall.
    pub precision: Vec<f64>,
    /// The score at which that recall is reached; 0 where it never is.
    pub scores: Vec<f64>,
    /// Recall when all predictions are taken.
    pub recall: f64,
}

/// A right prediction, with the counts up to it and with it.
#[derive(Debug, Clone, Copy)]
struct Hit {
    true_positives: u32,
    precision: f64,
    score: f64,
}

/// Walks down the predictions of a class. Its buffers are used again from class to class.
#[derive(Default)]
pub struct Tracer {
    hits: Vec<Vec<Hit>>,
    true_positives: Vec<u32>,
    false_positives: Vec<u32>,
    positives: u32,
    first_score: Option<f64>,
}

impl Tracer {
    /// Counts the hits of a class within the first `limit` predictions of each picture, for one range and all thresholds.
    ///
    /// `weight` says how often a picture is there: 1 of all, or another number of each for a resampled data set.
    /// Returns whether any truth counts; without one there is no curve.
    pub fn trace(
        &mut self,
        class: &ClassMatches,
        thresholds: usize,
        (range, limit): (usize, usize),
        weight: impl Fn(u32) -> u32,
    ) -> bool {
        let counted = class.truths.iter().filter(|truth| truth.counted >> range & 1 == 1);
        self.positives = counted.map(|truth| weight(truth.image)).sum();
        if self.positives == 0 {
            return false;
        }
        self.reset(thresholds);
        // Predictions that match nothing are by far the most, and alike for all thresholds.
        let mut unmatched = 0;
        for (ranked, score) in class.ranked.iter().zip(&class.scores).filter(|(r, _)| (r.rank as usize) < limit) {
            let weight = weight(ranked.image);
            if weight == 0 {
                continue;
            }
            self.first_score.get_or_insert(*score);
            if ranked.matches_nothing() {
                unmatched += if ranked.is_outside(range) { 0 } else { weight };
                continue;
            }
            let verdict = class.verdict(ranked, range);
            for at in (0..thresholds).filter(|at| verdict.ignored >> at & 1 == 0) {
                self.count(at, verdict.matched >> at & 1 == 1, (weight, unmatched), *score);
            }
        }
        true
    }

    /// Counts the hits among outcomes by falling score, all of one threshold.
    fn follow(&mut self, outcomes: impl Iterator<Item = bool>, positives: u32) {
        self.reset(1);
        self.positives = positives;
        for right in outcomes {
            self.first_score = Some(0.0);
            self.count(0, right, (1, 0), 0.0);
        }
    }

    /// Counts one prediction `weight` times at a threshold; `unmatched` are false positives that are not counted there.
    fn count(&mut self, at: usize, right: bool, (weight, unmatched): (u32, u32), score: f64) {
        if !right {
            self.false_positives[at] += weight;
            return;
        }
        self.true_positives[at] += weight;
        let true_positives = self.true_positives[at];
        let (right, wrong) = (f64::from(true_positives), f64::from(self.false_positives[at] + unmatched));
        self.hits[at].push(Hit { true_positives, precision: right / (wrong + right + EPSILON), score });
    }

    fn reset(&mut self, thresholds: usize) {
        self.first_score = None;
        self.hits.resize_with(thresholds, Vec::new);
        self.hits.iter_mut().for_each(Vec::clear);
        for counts in [&mut self.true_positives, &mut self.false_positives] {
            counts.clear();
            counts.resize(thresholds, 0);
        }
    }

    /// Recall at a threshold when all predictions are taken.
    pub fn recall(&self, threshold: usize) -> f64 {
        f64::from(self.true_positives[threshold]) / f64::from(self.positives)
    }

    /// Tells precision and score at each recall threshold, in their (rising) order, for one IoU threshold.
    ///
    /// Precision only rises where a prediction is right, so that the right ones are the whole curve. Beyond the last
    /// recall nothing is told.
    pub fn read(&mut self, threshold: usize, recalls: &[f64], mut tell: impl FnMut(f64, f64)) {
        let Some(first_score) = self.first_score else { return };
        let hits = &mut self.hits[threshold];
        let mut largest = 0.0;
        for hit in hits.iter_mut().rev() {
            largest = if hit.precision > largest { hit.precision } else { largest };
            hit.precision = largest;
        }
        let mut recalls = recalls.iter().peekable();
        // A recall of 0 is reached by the first prediction, right or wrong.
        while recalls.next_if(|recall| **recall <= 0.0).is_some() {
            tell(largest, first_score);
        }
        for hit in hits {
            let reached = f64::from(hit.true_positives) / f64::from(self.positives);
            while recalls.next_if(|recall| **recall <= reached).is_some() {
                tell(hit.precision, hit.score);
            }
        }
    }
}

/// COCO's average precision of outcomes by falling score, right or wrong, of which `positives` could be right.
///
/// `None` if none could.
pub fn interpolated(outcomes: impl Iterator<Item = bool>, positives: u32, recalls: &[f64]) -> Option<f64> {
    let mut tracer = Tracer::default();
    tracer.follow(outcomes, positives);
    let mut precisions = Vec::with_capacity(recalls.len());
    if positives == 0 {
        return None;
    }
    tracer.read(0, recalls, |precision, _| precisions.push(precision));
    precisions.resize(recalls.len(), 0.0);
    mean(&precisions)
}

impl Matches {
    /// The curve of a class, for a range, a limit on predictions (one of the options', by index) and an IoU threshold (by
    /// index); `None` if no truth counts.
    pub fn curve(&self, class: usize, range: usize, limit: usize, threshold: usize) -> Option<Curve> {
        let mut tracer = Tracer::default();
        let options = &self.options;
        let limit = options.max_detections[limit];
        if !tracer.trace(&self.classes[class], options.iou_thresholds.len(), (range, limit), |_| 1) {
            return None;
        }
        let mut curve = Curve { recall: tracer.recall(threshold), ..Curve::default() };
        tracer.read(threshold, &options.recall_thresholds, |precision, score| {
            curve.precision.push(precision);
            curve.scores.push(score);
        });
        curve.precision.resize(options.recall_thresholds.len(), 0.0);
        curve.scores.resize(options.recall_thresholds.len(), 0.0);
        Some(curve)
    }
}

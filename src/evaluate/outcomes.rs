//! Every prediction at one IoU threshold, right or wrong: what all figures but COCO's means are made of.

use super::{CurvePoint, OperatingPoint};
use crate::average_precision::Comparison;
use crate::average_precision::coco::{Matches, Standing};
use std::ops::Range;

/// A prediction that counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    /// Its index.
    pub prediction: u32,
    pub score: f64,
    /// It is matched with a truth that counts.
    pub right: bool,
}

/// What each prediction that counts is at one IoU threshold, as COCO matches.
pub(super) struct Outcomes<'a> {
    pub comparison: &'a Comparison<'a>,
    /// The IoU threshold.
    pub iou: f64,
    /// All by falling score, and class by class by falling score: written out, since they are walked again and again.
    all: Vec<Outcome>,
    by_class: Vec<Outcome>,
    classes: Vec<Range<usize>>,
    standings: Vec<Standing>,
    /// The truth that each prediction is matched with.
    assigned: Vec<Option<u32>>,
    /// Truths of each class that count.
    pub positives: Vec<usize>,
}

/// Predictions that count, by falling score; of one class or of all.
#[derive(Clone, Copy)]
pub(super) struct Ranking<'a> {
    outcomes: &'a [Outcome],
    positives: usize,
}

/// A confidence with what comes of keeping the predictions above it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cut {
    /// Predictions of more than this confidence are kept.
    pub confidence: f64,
    pub true_positives: usize,
    pub false_positives: usize,
    pub positives: usize,
}

impl<'a> Outcomes<'a> {
    /// Those of the first IoU threshold.
    pub fn new(comparison: &'a Comparison<'a>, matches: &Matches) -> Self {
        let standings = matches.standings();
        let outcome = |(prediction, score): (u32, f64)| {
            let standing = standings[prediction as usize];
            let right = standing == Standing::Right;
            (standing != Standing::Uncounted).then_some(Outcome { prediction, score, right })
        };
        let score = |index: &u32| (*index, comparison.predictions[*index as usize].score);
        let all = comparison.ranking().iter().map(score).filter_map(outcome).collect();
        let mut by_class = Vec::with_capacity(comparison.predictions.len());
        let classes: Vec<_> = (0..comparison.class_count())
            .map(|class| {
                let start = by_class.len();
                by_class.extend(comparison.class_ranking(class).filter_map(outcome));
                start..by_class.len()
            })
            .collect();
        Self {
            comparison,
            iou: matches.options().iou_thresholds[0],
            classes,
            all,
            by_class,
            assigned: matches.truths().to_vec(),
            standings,
            positives: (0..comparison.class_count()).map(|class| matches.positives(class)).collect(),
        }
    }

    /// Those of a class.
    pub fn class(&self, class: usize) -> Ranking<'_> {
        Ranking { outcomes: &self.by_class[self.classes[class].clone()], positives: self.positives[class] }
    }

    /// All of them.
    pub fn all(&self) -> Ranking<'_> {
        Ranking { outcomes: &self.all, positives: self.positives.iter().sum() }
    }

    /// Whether a prediction counts and is matched with nothing.
    pub fn is_wrong(&self, prediction: usize) -> bool {
        self.standings[prediction] == Standing::Wrong
    }

    /// The truth that a right prediction has found.
    pub fn truth_of(&self, outcome: &Outcome) -> Option<u32> {
        if outcome.right { self.assigned[outcome.prediction as usize] } else { None }
    }
}

impl<'a> Ranking<'a> {
    /// The predictions.
    pub fn iter(self) -> std::slice::Iter<'a, Outcome> {
        self.outcomes.iter()
    }

    /// Those of more than this confidence.
    pub fn above(self, confidence: f64) -> std::slice::Iter<'a, Outcome> {
        self.outcomes[..self.outcomes.partition_point(|outcome| outcome.score > confidence)].iter()
    }

    /// Truths that count.
    pub fn positives(self) -> usize {
        self.positives
    }

    /// Whether there is neither a prediction nor a truth.
    pub fn is_empty(self) -> bool {
        self.positives == 0 && self.outcomes.is_empty()
    }

    /// What comes of each confidence at which something changes, falling: predictions of one score stay together.
    fn cuts(self) -> impl Iterator<Item = Cut> + use<'a> {
        let mut cut = Cut { positives: self.positives, ..Cut::default() };
        let mut outcomes = self.iter().peekable();
        std::iter::from_fn(move || {
            loop {
                let outcome = outcomes.next()?;
                cut.true_positives += usize::from(outcome.right);
                cut.false_positives += usize::from(!outcome.right);
                cut.confidence = outcome.score;
                if outcomes.peek().is_none_or(|next| next.score != outcome.score) {
                    return Some(cut);
                }
            }
        })
    }

    /// The cut of the best F1, the least confidence of equals. Its confidence lies between the scores that it parts.
    pub fn best(self) -> Option<Cut> {
        if self.positives == 0 {
            return None;
        }
        let mut best: Option<Cut> = None;
        // The next lower confidence, once it is known.
        let mut lower = None;
        for cut in self.cuts() {
            if best.is_none_or(|best| cut.f1() >= best.f1()) {
                (best, lower) = (Some(cut), None);
            } else {
                lower = lower.or(Some(cut.confidence));
            }
        }
        best.map(|best| {
            // Where nothing is less sure, not much below: what was never seen is not to be let in.
            let nothing = best.confidence - best.confidence.abs().max(1e-6) * 0.1;
            Cut { confidence: between(lower.unwrap_or(nothing), best.confidence), ..best }
        })
    }

    /// What comes of keeping the predictions of more than `confidence`.
    pub fn cut(self, confidence: f64) -> Cut {
        let mut cut = Cut { confidence, positives: self.positives, ..Cut::default() };
        for outcome in self.above(confidence) {
            cut.true_positives += usize::from(outcome.right);
            cut.false_positives += usize::from(!outcome.right);
        }
        cut
    }

    /// The curve, thinned to what a plot can show.
    pub fn curve(self) -> Vec<CurvePoint> {
        const STEP: f64 = 1.0 / 256.0;
        let mut points: Vec<CurvePoint> = Vec::new();
        let mut last = None;
        for cut in self.cuts() {
            let (Some(precision), Some(recall)) = (cut.precision(), cut.recall()) else { continue };
            let point = CurvePoint { confidence: cut.confidence, precision, recall };
            last = Some(point);
            let far = |a: f64, b: f64| (a - b).abs() >= STEP;
            if points.last().is_none_or(|p| far(p.recall, recall) || far(p.confidence, cut.confidence)) {
                points.push(point);
            }
        }
        if last.is_some() && points.last() != last.as_ref() {
            points.extend(last);
        }
        points
    }
}

impl Cut {
    /// TP / (TP + FP).
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// TP / truths.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positives, self.positives)
    }

    /// 2 TP / (2 TP + FP + FN); 0 without predictions and truths.
    pub fn f1(&self) -> f64 {
        // TP + FP are the predictions, TP + FN the truths.
        ratio(2 * self.true_positives, self.true_positives + self.false_positives + self.positives).unwrap_or(0.0)
    }

    /// As it is told, for `images` pictures.
    pub fn operating_point(&self, images: usize) -> OperatingPoint {
        OperatingPoint {
            confidence: self.confidence,
            true_positives: self.true_positives,
            false_positives: self.false_positives,
            false_negatives: self.positives - self.true_positives,
            precision: self.precision(),
            recall: self.recall(),
            f1: (self.positives > 0).then(|| self.f1()),
            false_positives_per_image: ratio(self.false_positives, images).unwrap_or(0.0),
        }
    }
}

/// `None` where there is nothing to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The shortest decimal in `lower..upper`, also when it is rounded to 32 bits, as detectors compute: readers are to copy
/// it. `lower` where there is none.
fn between(lower: f64, upper: f64) -> f64 {
    let decimal = |digits: i32| {
        let scale = 10f64.powi(digits);
        (lower * scale).ceil() / scale
    };
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is tried")]
    let parts = |value: &f64| {
        let narrow = f64::from(*value as f32);
        (lower..upper).contains(value) && (lower..upper).contains(&narrow)
    };
    (1..=9).map(decimal).find(parts).unwrap_or(lower)
}

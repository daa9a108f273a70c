//! Every prediction at one IoU threshold, right or wrong: what all figures but COCO's means are made of.

use super::{ClassFigures, CurvePoint, OperatingPoint};
use crate::average_precision::coco::Matches;

/// A prediction that counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    /// Its index.
    pub prediction: u32,
    pub score: f64,
    /// It is matched with a truth that counts.
    pub right: bool,
}

/// A class's predictions that count, by falling score.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcomes {
    /// Truths that count.
    pub positives: usize,
    pub rows: Vec<Outcome>,
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

impl Outcomes {
    /// Those of each class at the IoU threshold of index `threshold`, among all truths.
    #[expect(clippy::cast_possible_truncation, reason = "predictions are indexed by u32")]
    pub fn of(matches: &Matches, threshold: usize) -> Vec<Self> {
        let of_class = |class: &crate::average_precision::coco::ClassMatches| {
            let counted = class.ranked(0).filter(|(.., verdict)| verdict.ignored >> threshold & 1 == 0);
            let rows = counted.map(|(prediction, score, verdict)| Outcome {
                prediction: prediction as u32,
                score,
                right: verdict.matched >> threshold & 1 == 1,
            });
            Self { positives: class.positives(0), rows: rows.collect() }
        };
        matches.classes.iter().map(of_class).collect()
    }

    /// All classes as one.
    pub fn pooled(classes: &[Self]) -> Self {
        let mut rows: Vec<Outcome> = classes.iter().flat_map(|class| &class.rows).copied().collect();
        rows.sort_by(|a, b| b.score.total_cmp(&a.score));
        Self { positives: classes.iter().map(|class| class.positives).sum(), rows }
    }

    /// What comes of each confidence at which something changes, falling: predictions of one score stay together.
    pub fn cuts(&self) -> impl Iterator<Item = Cut> {
        let mut cut = Cut { positives: self.positives, ..Cut::default() };
        let lower = self.rows.iter().skip(1).map(|row| Some(row.score)).chain([None]);
        self.rows.iter().zip(lower).filter_map(move |(row, lower)| {
            cut.true_positives += usize::from(row.right);
            cut.false_positives += usize::from(!row.right);
            cut.confidence = row.score;
            (lower != Some(row.score)).then_some(cut)
        })
    }

    /// The cut of the best F1, the least confidence of equals. Its confidence lies between the scores that it parts.
    pub fn best(&self) -> Option<Cut> {
        let better = |best: Option<Cut>, cut: Cut| match best {
            Some(best) if cut.f1() < best.f1() => Some(best),
            _ => Some(cut),
        };
        let best = self.cuts().fold(None, better).filter(|_| self.positives > 0)?;
        let below = self.rows.partition_point(|row| row.score >= best.confidence);
        let lower = self.rows.get(below).map_or(0.0, |row| row.score);
        Some(Cut { confidence: between(lower, best.confidence), ..best })
    }

    /// What comes of keeping the predictions of more than `confidence`.
    pub fn cut(&self, confidence: f64) -> Cut {
        let kept = &self.rows[..self.rows.partition_point(|row| row.score > confidence)];
        let true_positives = kept.iter().filter(|row| row.right).count();
        let false_positives = kept.len() - true_positives;
        Cut { confidence, true_positives, false_positives, positives: self.positives }
    }

    /// The curve, thinned to what a plot can show.
    pub fn curve(&self) -> Vec<CurvePoint> {
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

    /// As the best of a class.
    pub fn tell(best: Option<Self>, figures: ClassFigures) -> ClassFigures {
        ClassFigures {
            best_f1: best.map(|best| best.f1()),
            best_confidence: best.map(|best| best.confidence),
            precision: best.and_then(|best| best.precision()),
            recall: best.and_then(|best| best.recall()),
            ..figures
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

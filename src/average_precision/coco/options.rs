use super::super::{Comparison, Prediction, Truth};

/// pycocotools' quirks that [`CocoOptions::pycocotools_quirks`] copies, by name.
pub const QUIRKS: [(&str, &str); 5] = [
    ("id-zero", "a truth whose annotation id is 0 is used up by its match, which then counts as a false positive"),
    ("repeated-id", "of several annotations of one id, the last one stands in the place of all"),
    ("ignore-overwritten", "`ignore` of an annotation counts for nothing, `iscrowd` alone does"),
    ("ap-at-100", "AP is that of 100 detections a picture and class, and absent if 100 is none of the limits"),
    ("third-limit", "all other figures are those of the third limit, even if there are more"),
];

/// What can be asked of a truth or a prediction, to compare parts of the data by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Area in square pixels: a truth's own, a prediction's box.
    Area,
    /// Width divided by height of the box.
    Aspect,
    /// Truths in the same picture, of all classes.
    Crowding,
}

/// Truths of which something lies in a closed range; others are ignored, and so are unmatched predictions outside.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthRange {
    /// Its name.
    pub label: String,
    /// What is asked.
    pub measure: Measure,
    /// Least value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

impl TruthRange {
    /// A range of areas, in square pixels.
    pub fn area(label: &str, low: f64, high: f64) -> Self {
        Self { label: label.into(), measure: Measure::Area, low, high }
    }

    pub(super) fn has_truth(&self, truth: &Truth, crowding: &[u32]) -> bool {
        self.has(match self.measure {
            Measure::Area => truth.area,
            Measure::Aspect => truth.bbox.width / truth.bbox.height,
            Measure::Crowding => crowding[truth.image as usize].into(),
        })
    }

    pub(super) fn has_prediction(&self, prediction: &Prediction, crowding: &[u32]) -> bool {
        self.has(match self.measure {
            Measure::Area => prediction.bbox.area(),
            Measure::Aspect => prediction.bbox.width / prediction.bbox.height,
            Measure::Crowding => crowding[prediction.image as usize].into(),
        })
    }

    fn has(&self, value: f64) -> bool {
        // Written so that the aspect of a box without sides, which is none, lies in every range.
        !(value < self.low || value > self.high)
    }
}

/// Truths in each picture.
pub(super) fn crowding(comparison: &Comparison) -> Vec<u32> {
    let mut counts = vec![0; comparison.images];
    for truth in comparison.truths {
        counts[truth.image as usize] += 1;
    }
    counts
}

/// What is measured. The default is COCO's.
#[derive(Debug, Clone, PartialEq)]
pub struct CocoOptions {
    /// IoU from which a prediction matches, 0..=1; at most 64 of them.
    pub iou_thresholds: Vec<f64>,
    /// Recalls at which precision is read off, 0..=1, rising.
    pub recall_thresholds: Vec<f64>,
    /// Limits on predictions a picture and class, rising; the last one is that of AP.
    pub max_detections: Vec<usize>,
    /// Ranges of truths; the first one is that of AP. At most 32.
    pub ranges: Vec<TruthRange>,
    /// Classes do not matter: all are one.
    pub class_agnostic: bool,
    /// Copy what pycocotools does where it is hardly meant: see [`QUIRKS`].
    pub pycocotools_quirks: bool,
}

impl Default for CocoOptions {
    fn default() -> Self {
        Self {
            iou_thresholds: linspace(0.5, 0.95, 10),
            // i · 0.01, which is not i / 100 for ten of them.
            recall_thresholds: linspace(0.0, 1.0, 101),
            max_detections: vec![1, 10, 100],
            ranges: vec![
                TruthRange::area("all", 0.0, 1e10),
                TruthRange::area("small", 0.0, 1024.0),
                TruthRange::area("medium", 1024.0, 9216.0),
                TruthRange::area("large", 9216.0, 1e10),
            ],
            class_agnostic: false,
            pycocotools_quirks: false,
        }
    }
}

/// `count` numbers from `start` to `stop`, both included, with NumPy's rounding: `start + i · step`, the last one exact.
pub(crate) fn linspace(start: f64, stop: f64, count: u32) -> Vec<f64> {
    let step = (stop - start) / f64::from(count.saturating_sub(1).max(1));
    let value = |i| if i + 1 == count && count > 1 { stop } else { start + f64::from(i) * step };
    (0..count).map(value).collect()
}

/// Why options make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {reason}")]
pub struct OptionsError {
    /// The option at fault.
    pub option: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl CocoOptions {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// Names the option and the value.
    pub fn check(&self) -> Result<(), OptionsError> {
        let wrong = |option, reason: String| Err(OptionsError { option, reason });
        let ious = &self.iou_thresholds;
        if ious.is_empty() || ious.len() > 64 {
            return wrong("IoU thresholds", format!("{} of them; at least 1 and at most 64 are possible", ious.len()));
        }
        if let Some(value) = ious.iter().find(|value| !(0.0..=1.0).contains(*value)) {
            return wrong("IoU thresholds", format!("{value} is not in 0..1"));
        }
        if !ious.is_sorted_by(|a, b| a < b) {
            return wrong("IoU thresholds", "they do not rise".into());
        }
        if self.recall_thresholds.is_empty() || !self.recall_thresholds.is_sorted() {
            return wrong("recall thresholds", "they do not rise".into());
        }
        if self.max_detections.is_empty() || !self.max_detections.is_sorted_by(|a, b| a < b) {
            return wrong("limits on detections", "they do not rise".into());
        }
        if self.max_detections[0] == 0 {
            return wrong("limits on detections", "0 detections have no precision".into());
        }
        if self.ranges.is_empty() || self.ranges.len() > 32 {
            return wrong("areas", format!("{} ranges; at least 1 and at most 32 are possible", self.ranges.len()));
        }
        if let Some(range) =
            self.ranges.iter().find(|range| range.low.is_nan() || range.high.is_nan() || range.low > range.high)
        {
            return wrong("areas", format!("{}: {} to {} is no range", range.label, range.low, range.high));
        }
        Ok(())
    }

    /// The largest limit on predictions.
    pub(super) fn most_detections(&self) -> usize {
        self.max_detections.last().copied().unwrap_or_default()
    }
}

use super::curve::MOST_AREAS;

/// pycocotools' quirks that [`CocoOptions::pycocotools_quirks`] copies, by name.
pub const QUIRKS: [(&str, &str); 5] = [
    ("id-zero", "a truth whose annotation id is 0 is used up by its match, which then counts as a false positive"),
    ("repeated-id", "of several annotations of one id, the last one stands in the place of all"),
    ("ignore-overwritten", "`ignore` of an annotation counts for nothing, `iscrowd` alone does"),
    ("ap-at-100", "AP is that of 100 detections a picture and class, and absent if 100 is none of the limits"),
    ("third-limit", "all other figures are those of the third limit, even if there are more"),
];

/// A closed range of areas: truths outside are ignored, and so are unmatched predictions outside.
#[derive(Debug, Clone, PartialEq)]
pub struct AreaRange {
    /// Its name.
    pub label: String,
    /// Least area, in square pixels.
    pub low: f64,
    /// Largest area, in square pixels.
    pub high: f64,
}

impl AreaRange {
    /// A range of that name.
    pub fn new(label: &str, low: f64, high: f64) -> Self {
        Self { label: label.into(), low, high }
    }

    /// Whether an area lies in it.
    pub fn has(&self, area: f64) -> bool {
        area >= self.low && area <= self.high
    }
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
    /// Ranges of areas; the first one is that of AP. At most 32.
    pub areas: Vec<AreaRange>,
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
            areas: vec![
                AreaRange::new("all", 0.0, 1e10),
                AreaRange::new("small", 0.0, 1024.0),
                AreaRange::new("medium", 1024.0, 9216.0),
                AreaRange::new("large", 9216.0, 1e10),
            ],
            pycocotools_quirks: false,
        }
    }
}

/// `count` numbers from `start` to `stop`, both included, with NumPy's rounding: `start + i · step`, the last one exact.
pub fn linspace(start: f64, stop: f64, count: u32) -> Vec<f64> {
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
        if self.areas.is_empty() || self.areas.len() > MOST_AREAS {
            return wrong(
                "areas",
                format!("{} of them; at least 1 and at most {MOST_AREAS} are possible", self.areas.len()),
            );
        }
        if let Some(area) =
            self.areas.iter().find(|area| area.low.is_nan() || area.high.is_nan() || area.low > area.high)
        {
            return wrong("areas", format!("{}: {} to {} is no range", area.label, area.low, area.high));
        }
        Ok(())
    }

    /// The largest limit on predictions.
    pub(super) fn most_detections(&self) -> usize {
        self.max_detections.last().copied().unwrap_or_default()
    }
}

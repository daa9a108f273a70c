//! What an evaluation tells.

use crate::dataset::{Fault, Place};
use serde::{Deserialize, Serialize, Serializer};

/// Everything that one evaluation found. Its JSON has the keys in this order; a figure that does not exist is `null`.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// What was compared.
    pub data: DataFigures,
    /// The COCO figures by name (`AP`, `AP50`, `APs`, `AR100` …), in the order of pycocotools' summary.
    pub coco: Figures,
    /// Pascal VOC's eleven-point interpolation (VOC 2007).
    pub voc2007: MeanFigure,
    /// Pascal VOC's area under the curve (VOC 2010 and later).
    pub voc2010: MeanFigure,
    /// Darknet's `detector map`.
    pub darknet: MeanFigure,
    /// Every class that has truths or predictions, in the data set's order.
    pub classes: Vec<ClassFigures>,
    /// Doubtful input, by kind.
    pub warnings: Vec<Warning>,
    /// How it was measured.
    pub settings: Settings,
    /// All classes together at one confidence.
    pub operating_point: OperatingPoint,
    /// Which classes are taken for which.
    pub confusion: Confusion,
    /// Whether confidence is probability.
    pub calibration: Calibration,
    /// What the mistakes are, and what they cost.
    pub errors: Vec<ErrorFigures>,
    /// Parts of the data by themselves.
    pub slices: Vec<SliceFigures>,
    /// How sure the figures are; absent unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
    /// Curves, for plots: too long for the JSON.
    #[serde(skip)]
    pub curves: Curves,
    /// The pictures with the most mistakes at the operating point, the worst first.
    #[serde(skip)]
    pub worst: Vec<ImageMistakes>,
}

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DataFigures {
    /// Pictures.
    pub images: usize,
    /// Truths, crowds and ignored ones among them.
    pub truths: usize,
    /// Predictions.
    pub detections: usize,
    /// Classes with at least one truth.
    pub classes: usize,
}

/// Named figures in a fixed order; serialised as an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(pub Vec<(String, Option<f64>)>);

impl Figures {
    /// The figure of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).and_then(|(_, value)| *value)
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A mean over classes, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanFigure {
    /// Mean average precision.
    #[serde(rename = "mAP")]
    pub mean: Option<f64>,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassFigures {
    /// Its name.
    pub label: String,
    /// What the model calls it, where that is known to be something else; more than one name if a class map says so.
    #[serde(skip)]
    pub model_labels: Vec<String>,
    /// Truths that count.
    pub truths: usize,
    /// COCO's AP, over all IoU thresholds.
    #[serde(rename = "AP")]
    pub ap: Option<f64>,
    /// COCO's AP at IoU 0.5 (at the first threshold, if 0.5 is none of them).
    #[serde(rename = "AP50")]
    pub ap50: Option<f64>,
    /// The best F1 of all confidences.
    pub best_f1: Option<f64>,
    /// A confidence that predictions must exceed for that F1; the lowest one where several do.
    pub best_confidence: Option<f64>,
    /// Precision there.
    pub precision: Option<f64>,
    /// Recall there.
    pub recall: Option<f64>,
}

/// Doubtful input of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Warning {
    /// What it is.
    pub kind: Fault,
    /// How often.
    pub count: usize,
    /// The first of them.
    pub first: Place,
}

/// How it was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    /// The model's name, or the file of predictions.
    pub model: String,
    /// The data set's path, as it was given.
    pub data: String,
    /// The split, where there are splits.
    pub split: Option<String>,
    /// IoU from which a box counts as found, in all that is not COCO's mean over thresholds.
    pub iou: f64,
    /// COCO's IoU thresholds.
    pub iou_thresholds: Vec<f64>,
    /// COCO's limits on detections a picture and class.
    pub max_detections: Vec<usize>,
    /// Classes do not matter.
    pub class_agnostic: bool,
    /// pycocotools' quirks are copied.
    pub pycocotools_quirks: bool,
    /// How the model was run; absent where predictions were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunSettings>,
}

/// How a model was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Least confidence.
    pub confidence: f32,
    /// Overlap of suppression.
    pub nms_iou: f32,
    /// Most detections a picture.
    pub max_detections: usize,
}

impl Default for RunSettings {
    /// As average precision is measured: all but the least sure, of which COCO looks at the first hundred a picture.
    fn default() -> Self {
        Self { confidence: 0.001, nms_iou: 0.45, max_detections: 100 }
    }
}

/// All classes together at one confidence: micro-averaged counts at IoU [`Settings::iou`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// Predictions of at most this confidence are left out.
    pub confidence: f64,
    /// Matched predictions.
    pub true_positives: usize,
    /// Unmatched predictions.
    pub false_positives: usize,
    /// Truths without prediction.
    pub false_negatives: usize,
    /// TP / (TP + FP).
    pub precision: Option<f64>,
    /// TP / (TP + FN).
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
    /// False positives a picture.
    pub false_positives_per_image: f64,
}

/// A confusion matrix at the operating point. A match within a class comes first, exactly as for precision and recall,
/// so the diagonal holds those true positives; what is left over is then matched across classes by falling confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion {
    /// Predictions of at most this confidence are left out.
    pub confidence: f64,
    /// IoU from which boxes match.
    pub iou: f64,
    /// Classes of rows and columns, which have one more at the end, for the background.
    pub labels: Vec<String>,
    /// `matrix[truth][prediction]`; the last row counts false positives on background, the last column missed truths.
    pub matrix: Vec<Vec<usize>>,
}

/// Expected calibration error over equal bins of confidence (Guo et al. 2017, <https://arxiv.org/abs/1706.04599>,
/// equation 3), where a prediction is right if it is matched at IoU [`Settings::iou`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Σ (count / all) · |precision − mean confidence|; absent without predictions.
    pub ece: Option<f64>,
    /// The bins, by rising confidence.
    pub bins: Vec<CalibrationBin>,
}

/// Predictions of one range of confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// Least confidence.
    pub from: f64,
    /// Confidence below which it ends; the last one includes it.
    pub to: f64,
    /// Predictions in it.
    pub count: usize,
    /// Their mean confidence.
    pub confidence: Option<f64>,
    /// The share that is right.
    pub precision: Option<f64>,
}

/// A kind of mistake, in the sense of TIDE (Bolya et al. 2020, <https://arxiv.org/abs/2008.08115>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mistake {
    /// A truth of another class is there: IoU ≥ t_f with it.
    Class,
    /// The box is off: t_b ≤ IoU < t_f with a truth of its class.
    Location,
    /// Both: t_b ≤ IoU < t_f with a truth of another class.
    Both,
    /// The truth was already found by a surer prediction: IoU ≥ t_f.
    Duplicate,
    /// Nothing is there: IoU < t_b with every truth.
    Background,
    /// A truth that no prediction found, nor would have found but for its class or place.
    Missed,
}

/// What mistakes of one kind cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ErrorFigures {
    /// The kind.
    pub kind: Mistake,
    /// How many predictions (or truths, for [`Mistake::Missed`]) at the operating point.
    pub count: usize,
    /// By how much AP at IoU [`Settings::iou`] would rise if these alone were mended, at any confidence.
    #[serde(rename = "delta_AP50")]
    pub delta_ap50: Option<f64>,
}

/// A part of the data by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceFigures {
    /// What parts it from others: `size`, `aspect`, `crowding`.
    pub by: &'static str,
    /// Which part.
    pub label: String,
    /// Truths in it that count.
    pub truths: usize,
    /// COCO's AP at IoU [`Settings::iou`].
    #[serde(rename = "AP50")]
    pub ap50: Option<f64>,
    /// Share of its truths that are found at the operating point.
    pub recall: Option<f64>,
}

/// Bootstrap percentile intervals over pictures (Efron & Tibshirani 1993, chapter 13).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// Resampled sets of pictures.
    pub replicates: usize,
    /// Seed of the resampling.
    pub seed: u64,
    /// Share of the replicates between the bounds.
    pub level: f64,
    /// For each figure of [`Evaluation::coco`].
    pub coco: Vec<Interval>,
    /// The other detections that were compared with these, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Difference>,
}

/// Between which values a figure lies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interval {
    /// The figure's name.
    pub name: String,
    /// On the data as they are.
    pub value: Option<f64>,
    /// Lower bound.
    pub low: Option<f64>,
    /// Upper bound.
    pub high: Option<f64>,
}

/// This model less the other one, on the same resampled pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The other model's name or file.
    pub other: String,
    /// The difference of each figure.
    pub coco: Vec<Interval>,
    /// Share of the replicates in which this model's AP is the higher one.
    pub better: Option<f64>,
}

/// Curves over falling confidence at IoU [`Settings::iou`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curves {
    /// All classes together.
    pub overall: Vec<CurvePoint>,
    /// For each of [`Evaluation::classes`].
    pub classes: Vec<Vec<CurvePoint>>,
}

/// Counts when predictions of at least this confidence are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// The confidence.
    pub confidence: f64,
    /// TP / (TP + FP).
    pub precision: f64,
    /// TP / truths.
    pub recall: f64,
}

impl CurvePoint {
    /// Harmonic mean of precision and recall; 0 where both are.
    pub fn f1(&self) -> f64 {
        let sum = self.precision + self.recall;
        if sum > 0.0 { 2.0 * self.precision * self.recall / sum } else { 0.0 }
    }
}

/// What is right and wrong in one picture at the operating point; indices into the data set and the predictions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageMistakes {
    /// The picture.
    pub image: usize,
    /// Predictions that are matched.
    pub true_positives: Vec<usize>,
    /// Predictions that are not.
    pub false_positives: Vec<usize>,
    /// Truths that are missed.
    pub false_negatives: Vec<usize>,
}

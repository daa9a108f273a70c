//! Data and predictions become an [`Evaluation`].

use super::bootstrap::{BootstrapOptions, intervals};
use super::calibration::calibration;
use super::confusion::confusion;
use super::mistakes::Analysis;
use super::outcomes::{Cut, Outcomes};
use super::{
    ClassFigures, Curves, DataFigures, Evaluation, Figures, MeanFigure, RunSettings, Settings, SliceFigures, Warning,
};
use crate::average_precision::coco::{
    CocoOptions, Matches, Measure, OptionsError, Summary, TruthRange, assign, interpolated,
};
use crate::average_precision::devkit::Protocol;
use crate::average_precision::{Comparison, Prediction};
use crate::dataset::{Dataset, Findings};

/// Pictures of [`Evaluation::worst`].
const MOST_WORST: usize = 12;

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureOptions {
    /// The COCO figures.
    pub coco: CocoOptions,
    /// IoU from which a box counts as found in all other figures, above 0 and at most 1.
    pub iou: f64,
    /// Confidence of the operating point; that of the best F1 of all classes together if `None`.
    pub confidence: Option<f64>,
    /// Resampling, if intervals are asked for.
    pub bootstrap: Option<BootstrapOptions>,
}

impl Default for MeasureOptions {
    fn default() -> Self {
        Self { coco: CocoOptions::default(), iou: 0.5, confidence: None, bootstrap: None }
    }
}

/// Predictions, and where they come from.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// The model's name, or the file that was read.
    pub name: String,
    /// What was found.
    pub list: Vec<Prediction>,
    /// How the model was run, if it was.
    pub run: Option<RunSettings>,
}

/// Measures predictions, and against other ones if intervals are asked for. `findings` are those of the data set and of the
/// predictions; `progress` is told each replicate that is done.
///
/// # Errors
/// [`OptionsError`] names the option that contradicts itself.
pub fn measure(
    dataset: &Dataset,
    predictions: &Predictions,
    other: Option<&Predictions>,
    findings: &Findings,
    options: &MeasureOptions,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Evaluation, OptionsError> {
    if !(options.iou > 0.0 && options.iou <= 1.0) {
        return Err(OptionsError { option: "IoU", reason: format!("{} is not above 0 and at most 1", options.iou) });
    }
    if options.coco.pycocotools_quirks && options.coco.max_detections.len() < 3 {
        let reason = "pycocotools, whose quirks are asked for, needs three of them".into();
        return Err(OptionsError { option: "limits on detections", reason });
    }
    let compare = |list| comparison(dataset, list);
    let comparison = compare(&predictions.list);
    let matches = Matches::new(&comparison, options.coco.clone())?;
    let other = match other {
        Some(other) => Some((other.name.as_str(), Matches::new(&compare(&other.list), options.coco.clone())?)),
        None => None,
    };
    let other = other.as_ref().map(|(name, matches)| (*name, matches));
    let bootstrap = options.bootstrap;
    let intervals = bootstrap.map(|b| intervals(&matches, other, dataset.images.len(), b, progress));
    let one = OneIou::new(&comparison, &matches, options)?;
    let summary = matches.summary();
    let pooled = options.coco.class_agnostic;
    let mean = |protocol: Protocol| MeanFigure { mean: protocol.evaluate(&comparison, options.iou, pooled).mean };
    let (classes, curves) = one.classes(dataset, &summary);
    let cut = one.operating_cut(options.confidence);
    let analysis = one.analysis();
    Ok(Evaluation {
        data: data_figures(dataset, predictions),
        voc2007: mean(Protocol::Voc2007),
        voc2010: mean(Protocol::Voc2010),
        darknet: mean(Protocol::Darknet),
        classes,
        warnings: warnings(findings),
        settings: settings(dataset, predictions, options),
        operating_point: cut.operating_point(dataset.images.len()),
        confusion: one.confusion(cut.confidence, dataset),
        calibration: calibration(&one.outcomes),
        errors: analysis.errors(cut.confidence, &options.coco.recall_thresholds),
        slices: slices(&comparison, options, cut.confidence)?,
        intervals,
        curves: Curves { overall: one.pooled.curve(), classes: curves },
        worst: analysis.worst(cut.confidence, MOST_WORST),
        coco: Figures(summary.figures),
    })
}

fn comparison<'a>(dataset: &'a Dataset, predictions: &'a [Prediction]) -> Comparison<'a> {
    Comparison { images: dataset.images.len(), classes: dataset.labels.len(), truths: &dataset.truths, predictions }
}

fn data_figures(dataset: &Dataset, predictions: &Predictions) -> DataFigures {
    let mut present = vec![false; dataset.labels.len()];
    dataset.truths.iter().for_each(|truth| present[truth.class as usize] = true);
    DataFigures {
        images: dataset.images.len(),
        truths: dataset.truths.len(),
        detections: predictions.list.len(),
        classes: present.into_iter().filter(|present| *present).count(),
    }
}

fn settings(dataset: &Dataset, predictions: &Predictions, options: &MeasureOptions) -> Settings {
    Settings {
        model: predictions.name.clone(),
        data: dataset.path.display().to_string(),
        split: dataset.split.clone(),
        iou: options.iou,
        iou_thresholds: options.coco.iou_thresholds.clone(),
        max_detections: options.coco.max_detections.clone(),
        class_agnostic: options.coco.class_agnostic,
        pycocotools_quirks: options.coco.pycocotools_quirks,
        run: predictions.run.clone(),
    }
}

fn warnings(findings: &Findings) -> Vec<Warning> {
    let warning = |(kind, finding): (_, &crate::dataset::Finding)| {
        Some(Warning { kind, count: finding.count, first: finding.places.first()?.clone() })
    };
    findings.iter().filter_map(warning).collect()
}

/// Everything at one IoU threshold.
struct OneIou<'a> {
    comparison: &'a Comparison<'a>,
    iou: f64,
    class_agnostic: bool,
    outcomes: Vec<Outcomes>,
    pooled: Outcomes,
    assigned: Vec<Option<u32>>,
}

impl<'a> OneIou<'a> {
    fn new(comparison: &'a Comparison, matches: &Matches, options: &MeasureOptions) -> Result<Self, OptionsError> {
        let coco = &options.coco;
        let outcomes = match coco.iou_thresholds.iter().position(|iou| *iou == options.iou) {
            Some(threshold) if !coco.pycocotools_quirks => Outcomes::of(matches, threshold),
            _ => {
                let iou_thresholds = vec![options.iou];
                let alone = CocoOptions { iou_thresholds, pycocotools_quirks: false, ..coco.clone() };
                Outcomes::of(&Matches::new(comparison, alone)?, 0)
            }
        };
        let limit = coco.max_detections.last().copied().unwrap_or_default();
        Ok(Self {
            comparison,
            iou: options.iou,
            class_agnostic: coco.class_agnostic,
            pooled: Outcomes::pooled(&outcomes),
            outcomes,
            assigned: assign(comparison, options.iou, limit, coco.class_agnostic),
        })
    }

    /// Figures and curves of the classes that have anything.
    fn classes(&self, dataset: &Dataset, summary: &Summary) -> (Vec<ClassFigures>, Vec<Vec<super::CurvePoint>>) {
        let all = [String::from("all")];
        let labels = if self.class_agnostic { &all[..] } else { &dataset.labels };
        let rows = labels.iter().zip(&self.outcomes).zip(summary.class_ap.iter().zip(&summary.class_ap50));
        let present = rows.filter(|((_, outcomes), _)| outcomes.positives > 0 || !outcomes.rows.is_empty());
        present
            .map(|((label, outcomes), (ap, ap50))| {
                let nothing = ClassFigures {
                    label: label.clone(),
                    truths: outcomes.positives,
                    ap: *ap,
                    ap50: *ap50,
                    best_f1: None,
                    best_confidence: None,
                    precision: None,
                    recall: None,
                };
                (Cut::tell(outcomes.best(), nothing), outcomes.curve())
            })
            .unzip()
    }

    fn operating_cut(&self, confidence: Option<f64>) -> Cut {
        let given = confidence.map(|confidence| self.pooled.cut(confidence));
        given.or_else(|| self.pooled.best()).unwrap_or_else(|| self.pooled.cut(0.0))
    }

    fn analysis(&self) -> Analysis<'_> {
        Analysis {
            comparison: self.comparison,
            iou: self.iou,
            class_agnostic: self.class_agnostic,
            classes: &self.outcomes,
            assigned: &self.assigned,
        }
    }

    fn confusion(&self, confidence: f64, dataset: &Dataset) -> super::Confusion {
        let labels = if self.class_agnostic { vec!["all".into()] } else { dataset.labels.clone() };
        confusion(self.comparison, (&self.outcomes, &self.assigned), (confidence, self.iou), labels)
    }
}

/// What parts the data into slices.
fn slice_ranges() -> Vec<(&'static str, TruthRange)> {
    let range = |label: &str, measure, low, high| TruthRange { label: label.into(), measure, low, high };
    let infinite = f64::INFINITY;
    vec![
        ("size", TruthRange::area("small, to 32²", 0.0, 1024.0)),
        ("size", TruthRange::area("medium, to 96²", 1024.0, 9216.0)),
        ("size", TruthRange::area("large", 9216.0, infinite)),
        ("aspect", range("tall, height over 2 × width", Measure::Aspect, 0.0, 0.5)),
        ("aspect", range("even", Measure::Aspect, 0.5, 2.0)),
        ("aspect", range("wide, width over 2 × height", Measure::Aspect, 2.0, infinite)),
        ("crowding", range("1 to 4 objects in the picture", Measure::Crowding, 1.0, 4.0)),
        ("crowding", range("5 to 14", Measure::Crowding, 5.0, 14.0)),
        ("crowding", range("15 or more", Measure::Crowding, 15.0, infinite)),
    ]
}

fn slices(
    comparison: &Comparison,
    options: &MeasureOptions,
    confidence: f64,
) -> Result<Vec<SliceFigures>, OptionsError> {
    let (by, ranges): (Vec<_>, Vec<_>) = slice_ranges().into_iter().unzip();
    let coco = CocoOptions {
        iou_thresholds: vec![options.iou],
        ranges: ranges.clone(),
        pycocotools_quirks: false,
        ..options.coco.clone()
    };
    let matches = Matches::new(comparison, coco)?;
    let figures = |(at, (by, range)): (usize, (&'static str, TruthRange))| {
        let (mut truths, mut found, mut aps) = (0, 0, Vec::new());
        for class in &matches.classes {
            let rows = || class.ranked(at).filter(|(.., verdict)| verdict.ignored & 1 == 0);
            let positives = class.positives(at);
            truths += positives;
            found += rows().filter(|(_, score, verdict)| *score > confidence && verdict.matched & 1 == 1).count();
            #[expect(clippy::cast_possible_truncation, reason = "truths are indexed by u32")]
            let ap = interpolated(
                rows().map(|(.., verdict)| verdict.matched & 1 == 1),
                positives as u32,
                &options.coco.recall_thresholds,
            );
            aps.extend(ap);
        }
        let ap50 = crate::average_precision::coco::mean(&aps);
        SliceFigures { by, label: range.label, truths, ap50, recall: super::outcomes::ratio(found, truths) }
    };
    Ok(by.into_iter().zip(ranges).enumerate().map(figures).collect())
}

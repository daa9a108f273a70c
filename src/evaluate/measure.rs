//! Data and predictions become an [`Evaluation`].

use super::bootstrap::{BootstrapOptions, intervals};
use super::calibration::calibration;
use super::confusion::confusion;
use super::mistakes::{errors, worst};
use super::outcomes::Outcomes;
use super::slices::slices;
use super::{
    ClassFigures, CurvePoint, Curves, DataFigures, Evaluation, Figures, MeanFigure, RunSettings, Settings, Warning,
};
use crate::average_precision::coco::{CocoOptions, Matches, OptionsError, Summary};
use crate::average_precision::{Comparison, Prediction, devkit};
use crate::dataset::{ClassMap, Dataset, Findings};

/// Pictures of [`Evaluation::worst`].
const MOST_WORST: usize = 12;

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureOptions {
    /// The COCO figures.
    pub coco: CocoOptions,
    /// IoU from which a box counts as found in all other figures, above 0 and at most 1.
    pub iou: f64,
    /// Classes do not matter: all are one.
    pub class_agnostic: bool,
    /// Confidence of the operating point; that of the best F1 of all classes together if `None`.
    pub confidence: Option<f64>,
    /// Resampling, if intervals are asked for.
    pub bootstrap: Option<BootstrapOptions>,
}

impl Default for MeasureOptions {
    fn default() -> Self {
        Self { coco: CocoOptions::default(), iou: 0.5, class_agnostic: false, confidence: None, bootstrap: None }
    }
}

impl MeasureOptions {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`OptionsError`] names the option that contradicts itself.
    pub fn check(&self) -> Result<(), OptionsError> {
        if !(self.iou > 0.0 && self.iou <= 1.0) {
            return Err(OptionsError { option: "IoU", reason: format!("{} is not above 0 and at most 1", self.iou) });
        }
        if self.coco.pycocotools_quirks && self.coco.max_detections.len() < 3 {
            let reason = "pycocotools, whose quirks are asked for, needs three of them".into();
            return Err(OptionsError { option: "limits on detections", reason });
        }
        self.coco.check()
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
    /// Which class of the model is which class of the data set, where the model's names are known.
    pub mapping: Option<ClassMap>,
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
    options.check()?;
    let compare = |list| {
        let (images, classes) = (dataset.images.len(), dataset.labels.len());
        Comparison::new(images, classes, &dataset.truths, list, options.class_agnostic)
    };
    let comparison = compare(&predictions.list);
    let matches = Matches::new(&comparison, options.coco.clone())?;
    let other = match other {
        Some(other) => Some((other.name.as_str(), Matches::new(&compare(&other.list), options.coco.clone())?)),
        None => None,
    };
    let other = other.as_ref().map(|(name, matches)| (*name, matches));
    let bootstrap = options.bootstrap;
    let intervals = bootstrap.map(|b| intervals(&matches, other, dataset.images.len(), b, progress));
    let outcomes = outcomes(&comparison, &matches, options)?;
    let summary = matches.summary();
    let cut = options.confidence.map(|confidence| outcomes.all().cut(confidence));
    let cut = cut.or_else(|| outcomes.all().best()).unwrap_or_else(|| outcomes.all().cut(0.0));
    let labels = if options.class_agnostic { vec!["all".into()] } else { dataset.labels.clone() };
    let (classes, curves) = classes(&outcomes, &labels, &summary, predictions.mapping.as_ref());
    let recalls = &options.coco.recall_thresholds;
    let devkits = devkit::evaluate(&comparison, options.iou);
    Ok(Evaluation {
        data: data_figures(dataset, predictions),
        voc2007: MeanFigure { mean: devkits.voc2007.mean },
        voc2010: MeanFigure { mean: devkits.voc2010.mean },
        darknet: MeanFigure { mean: devkits.darknet.mean },
        classes,
        warnings: warnings(findings),
        settings: settings(dataset, predictions, options),
        operating_point: cut.operating_point(dataset.images.len()),
        confusion: confusion(&outcomes, cut.confidence, labels),
        calibration: calibration(&outcomes),
        errors: errors(&outcomes, cut.confidence, recalls),
        slices: slices(&outcomes, cut.confidence, recalls),
        intervals,
        curves: Curves { overall: outcomes.all().curve(), classes: curves },
        worst: worst(&outcomes, cut.confidence, MOST_WORST),
        coco: Figures(summary.figures),
    })
}

/// Everything at the one IoU threshold; pycocotools' quirks concern its own figures alone.
fn outcomes<'a>(
    comparison: &'a Comparison<'a>,
    matches: &Matches,
    options: &MeasureOptions,
) -> Result<Outcomes<'a>, OptionsError> {
    let coco = &options.coco;
    if coco.iou_thresholds[0] == options.iou && !coco.pycocotools_quirks {
        return Ok(Outcomes::new(comparison, matches));
    }
    let alone = CocoOptions { iou_thresholds: vec![options.iou], pycocotools_quirks: false, ..coco.clone() };
    Ok(Outcomes::new(comparison, &Matches::new(comparison, alone)?))
}

/// Figures and curves of the classes that have anything.
fn classes(
    outcomes: &Outcomes,
    labels: &[String],
    summary: &Summary,
    mapping: Option<&ClassMap>,
) -> (Vec<ClassFigures>, Vec<Vec<CurvePoint>>) {
    let aps = summary.class_ap.iter().zip(&summary.class_ap50);
    let rows = labels.iter().zip(aps).enumerate().map(|(class, row)| (outcomes.class(class), row));
    let figures = rows.filter(|(ranking, _)| !ranking.is_empty()).map(|(ranking, (label, (ap, ap50)))| {
        let best = ranking.best();
        let figures = ClassFigures {
            label: label.clone(),
            model_labels: mapping.map_or_else(Vec::new, |mapping| other_names(mapping, label)),
            truths: ranking.positives(),
            ap: *ap,
            ap50: *ap50,
            best_f1: best.map(|best| best.f1()),
            best_confidence: best.map(|best| best.confidence),
            precision: best.and_then(|best| best.precision()),
            recall: best.and_then(|best| best.recall()),
        };
        (figures, ranking.curve())
    });
    figures.unzip()
}

/// The model's names of a class of the data set; none if they are the same.
fn other_names(mapping: &ClassMap, label: &str) -> Vec<String> {
    let names: Vec<&str> = mapping.pairs().filter(|pair| pair.to == label).map(|pair| pair.from).collect();
    if names == [label] { Vec::new() } else { names.into_iter().map(str::to_owned).collect() }
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
        class_agnostic: options.class_agnostic,
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

//! An evaluation to print, with every part filled, and names as hostile as names can be.

use ocelli::average_precision::{Prediction, Truth};
use ocelli::dataset::{Dataset, Fault, Findings, Format, Id, Image, Place};
use ocelli::evaluate::{
    Calibration, CalibrationBin, ClassFigures, Confusion, CurvePoint, Curves, DataFigures, Difference, ErrorFigures,
    Evaluation, Figures, ImageMistakes, Interval, Intervals, MeanFigure, Mistake, OperatingPoint, RunSettings,
    Settings, SliceFigures, Warning,
};
use ocelli::geometry::BBox;

pub(crate) const HOSTILE: &str = "<script>alert('&\"')</script>\u{0}|\n";

/// COCO's figures of the golden run of yolo-fastest-1.1-xl on coco128.
const COCO: [(&str, f64); 12] = [
    ("AP", 0.22499),
    ("AP50", 0.450965),
    ("AP75", 0.188837),
    ("APs", 0.068462),
    ("APm", 0.161604),
    ("APl", 0.35644),
    ("AR1", 0.211878),
    ("AR10", 0.309423),
    ("AR100", 0.319427),
    ("ARs", 0.119647),
    ("ARm", 0.25827),
    ("ARl", 0.447608),
];

/// Classes named by their index but for the first, which is called [`HOSTILE`]. The last has no truths.
pub(crate) fn evaluation(classes: usize) -> Evaluation {
    let mut labels: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
    labels[0] = HOSTILE.into();
    let coco: Vec<(String, Option<f64>)> = COCO.map(|(name, value)| (name.to_owned(), Some(value))).to_vec();
    let point = |confidence, precision, recall| CurvePoint { confidence, precision, recall };
    let curve = vec![point(0.9, 1.0, 0.2), point(0.6, 0.5, 0.2), point(0.3, 0.6, 0.7)];
    Evaluation {
        data: DataFigures { images: 2, truths: 1234, detections: 14_244, classes: classes - 1 },
        coco: Figures(coco.clone()),
        voc2007: MeanFigure { mean: Some(0.41) },
        voc2010: MeanFigure { mean: Some(0.42) },
        darknet: MeanFigure { mean: None },
        classes: labels.iter().enumerate().map(|(index, label)| class(label, index, classes)).collect(),
        warnings: vec![
            warning(HOSTILE, Some(Id::Name(HOSTILE.into()))),
            warning("results.json", Some(Id::Number(205))),
        ],
        settings: settings(),
        operating_point: operating_point(),
        confusion: Confusion {
            confidence: 0.25,
            iou: 0.5,
            labels,
            matrix: (0..=classes).map(|row| (0..=classes).map(|column| row * 7 % (column + 2)).collect()).collect(),
        },
        calibration: Calibration {
            ece: Some(0.07),
            bins: vec![CalibrationBin { from: 0.0, to: 1.0, count: 3, confidence: Some(0.6), precision: None }],
        },
        errors: vec![ErrorFigures { kind: Mistake::Missed, count: 377, delta_ap50: Some(0.141) }],
        slices: vec![SliceFigures { by: "size", label: "small".into(), truths: 404, ap50: None, recall: Some(0.2) }],
        intervals: Some(intervals(&coco)),
        curves: Curves { overall: curve.clone(), classes: vec![curve; classes] },
        worst: vec![mistakes(0), mistakes(1), mistakes(7)],
    }
}

fn class(label: &str, index: usize, classes: usize) -> ClassFigures {
    let exists = |value: f64| (index + 1 < classes).then_some(value);
    ClassFigures {
        label: label.into(),
        model_labels: Vec::new(),
        truths: if index + 1 < classes { 3 + index * 5 % 17 } else { 0 },
        ap: exists(0.3),
        ap50: exists(0.5 - index as f64 / 1000.0),
        best_f1: exists(0.61),
        best_confidence: exists(0.371_287),
        precision: exists(1.0 / 3.0),
        recall: exists(0.54),
    }
}

fn warning(file: &str, id: Option<Id>) -> Warning {
    Warning { kind: Fault::ZeroAreaBox, count: 2, first: Place { file: file.into(), index: 17, id } }
}

fn settings() -> Settings {
    Settings {
        model: "yolo-fastest-1.1-xl".into(),
        data: "data/coco128".into(),
        split: Some("val".into()),
        iou: 0.5,
        iou_thresholds: (0..10).map(|step| 0.5 + 0.05 * f64::from(step)).collect(),
        max_detections: vec![1, 10, 100],
        class_agnostic: false,
        pycocotools_quirks: false,
        run: Some(RunSettings { confidence: 0.001, nms_iou: 0.45, max_detections: 100 }),
    }
}

fn operating_point() -> OperatingPoint {
    OperatingPoint {
        confidence: 0.25,
        true_positives: 395,
        false_positives: 579,
        false_negatives: 503,
        precision: Some(0.4055),
        recall: Some(0.4399),
        f1: Some(0.422),
        false_positives_per_image: 4.52,
    }
}

fn intervals(coco: &[(String, Option<f64>)]) -> Intervals {
    let around = |low, high| -> Vec<Interval> {
        let interval = |(name, value): &(String, Option<f64>)| Interval {
            name: name.clone(),
            value: *value,
            low: value.map(|value| value + low),
            high: value.map(|value| value + high),
        };
        coco.iter().map(interval).collect()
    };
    let against = Difference { other: HOSTILE.into(), coco: around(-0.3, -0.2), better: Some(0.993) };
    Intervals { replicates: 1000, seed: 1, level: 0.95, coco: around(-0.02, 0.02), against: Some(against) }
}

fn mistakes(image: usize) -> ImageMistakes {
    ImageMistakes { image, true_positives: vec![0], false_positives: vec![1, 99], false_negatives: vec![0, 99] }
}

/// Two pictures: the first of `path`, the second without a file.
pub(crate) fn dataset(evaluation: &Evaluation, path: &std::path::Path) -> (Dataset, Vec<Prediction>) {
    let image = |id, path| Image { id, name: HOSTILE.into(), path, size: None };
    let bbox = BBox::new(2.0, 3.0, 20.0, 10.0);
    let truth = Truth { image: 0, class: 0, bbox, area: 200.0, crowd: false, ignore: false, id: 1 };
    let labels = evaluation.confusion.labels.clone();
    let dataset = Dataset {
        path: "data".into(),
        format: Format::Yolo,
        split: None,
        category_ids: (0..labels.len() as i64).collect(),
        labels,
        images: vec![image(1, Some(path.to_owned())), image(2, None)],
        truths: vec![truth],
        findings: Findings::default(),
    };
    let outside = BBox { x: -50.0, width: f64::NAN, ..bbox };
    let predictions = vec![
        Prediction { image: 0, class: 0, bbox, score: 0.9 },
        Prediction { image: 0, class: 77, bbox: outside, score: 0.4 },
    ];
    (dataset, predictions)
}

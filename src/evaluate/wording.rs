//! What the terminal, the Markdown and the report say in the same words.

use super::{Evaluation, Mistake, Warning};
use crate::dataset::{Id, Place};
use crate::plot::thousands;
use std::path::Path;

/// A figure as people read it: three decimals, a dash where there is none.
pub fn figure(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| "–".into(), |value| format!("{value:.3}"))
}

/// A signed figure; a true minus, so that it is as wide as the plus.
pub fn signed(value: Option<f64>) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else { return "–".into() };
    let text = format!("{:.3}", value.abs());
    match text.as_str() {
        "0.000" => text,
        _ if value < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}

/// A count with commas between thousands.
pub fn count(value: usize) -> String {
    thousands(&value.to_string())
}

/// A count and its noun.
pub fn counted(value: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// What was compared: "128 pictures, 898 truths of 73 classes, 14,244 detections".
pub fn data(evaluation: &Evaluation) -> String {
    let data = &evaluation.data;
    format!(
        "{}, {} of {}, {}",
        counted(data.images, "picture", "pictures"),
        counted(data.truths, "truth", "truths"),
        counted(data.classes, "class", "classes"),
        counted(data.detections, "detection", "detections")
    )
}

/// Where the data come from: "data/coco128, split val2017".
pub fn source(evaluation: &Evaluation) -> String {
    let settings = &evaluation.settings;
    let split = settings.split.as_ref().map_or_else(String::new, |split| format!(", split {split}"));
    format!("{}{split}", settings.data)
}

/// How the detections came to be, and how they were compared.
pub fn how(evaluation: &Evaluation) -> String {
    let settings = &evaluation.settings;
    let mut parts = vec![match &settings.run {
        Some(run) => format!(
            "Run at confidence {}, NMS {}, at most {} a picture",
            run.confidence,
            run.nms_iou,
            counted(run.max_detections, "detection", "detections")
        ),
        None => "Detections read from a file".into(),
    }];
    parts.push(format!("a box counts as found from IoU {}", settings.iou));
    if settings.class_agnostic {
        parts.push("classes do not matter".into());
    }
    if settings.pycocotools_quirks {
        parts.push("with pycocotools' quirks".into());
    }
    parts.join("; ")
}

/// One figure of one protocol, and what is particular about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// Its name.
    pub name: &'static str,
    /// Mean average precision.
    pub value: Option<f64>,
    /// Why it differs from the others.
    pub why: String,
}

/// The protocols side by side. Tools disagree on the same boxes for these reasons.
pub fn protocols(evaluation: &Evaluation) -> Vec<Protocol> {
    let settings = &evaluation.settings;
    let protocol = |name, value, why: String| Protocol { name, value, why };
    let thresholds = &settings.iou_thresholds;
    let range = match (thresholds.first(), thresholds.last()) {
        (Some(first), Some(last)) if first < last => {
            format!("the mean over {} IoU thresholds, {first:.2} to {last:.2}: loose boxes cost", thresholds.len())
        }
        _ => "the curve is read at 101 recalls".into(),
    };
    let iou = settings.iou;
    let mut all = vec![protocol("COCO AP", evaluation.coco.get("AP"), range)];
    if let Some((_, value)) = evaluation.coco.0.iter().find(|(name, _)| name == "AP50") {
        let why =
            "IoU from 0.5; the curve is read at 101 recalls; a prediction takes the best truth that is still free";
        all.push(protocol("COCO AP50", *value, why.into()));
    }
    let voc = "a prediction whose best truth is taken is wrong, even beside a free one; boxes are one pixel wider";
    let darknet = "the mean is over all classes, and one without truths counts 0";
    all.extend([
        protocol(
            "VOC 2007",
            evaluation.voc2007.mean,
            format!("IoU from {iou}; the curve is read at 11 recalls; {voc}"),
        ),
        protocol(
            "VOC 2010",
            evaluation.voc2010.mean,
            format!("IoU from {iou}; matched as VOC 2007, but the whole area under the curve"),
        ),
        protocol(
            "Darknet",
            evaluation.darknet.mean,
            format!("IoU above {iou}; the whole area under the curve; {darknet}"),
        ),
    ]);
    all
}

/// The operating point in a sentence.
pub fn operating_point(evaluation: &Evaluation) -> String {
    let point = &evaluation.operating_point;
    format!(
        "above confidence {}, from IoU {}: precision {}, recall {}, F1 {}; {} found, {} false ({:.2} a picture), {} missed",
        point.confidence,
        evaluation.settings.iou,
        figure(point.precision),
        figure(point.recall),
        figure(point.f1),
        count(point.true_positives),
        count(point.false_positives),
        point.false_positives_per_image,
        count(point.false_negatives)
    )
}

/// How the counts of mistakes fit to those of the operating point.
pub fn errors(evaluation: &Evaluation) -> String {
    let point = &evaluation.operating_point;
    let missed = evaluation.errors.iter().find(|error| error.kind == Mistake::Missed).map_or(0, |error| error.count);
    format!(
        "Counts are those at the operating point: all kinds but missed make up its {}; of its {}, {} are told as class \
         or location.",
        counted(point.false_positives, "false prediction", "false predictions"),
        counted(point.false_negatives, "missed object", "missed objects"),
        count(point.false_negatives.saturating_sub(missed))
    )
}

/// A mistake's name and what it is.
pub fn mistake(kind: Mistake) -> (&'static str, &'static str) {
    match kind {
        Mistake::Class => ("class", "the box is right, the class is another"),
        Mistake::Location => ("location", "the class is right, the box is off"),
        Mistake::Both => ("both", "the class is another and the box is off"),
        Mistake::Duplicate => ("duplicate", "the object was already found by a surer prediction"),
        Mistake::Background => ("background", "nothing is there"),
        Mistake::Missed => ("missed", "not found, and not told as class or location"),
    }
}

/// A warning: how often, what, and where first.
pub fn warning(warning: &Warning) -> String {
    format!("{} × {}; first: {}", count(warning.count), warning.kind.describe(), place(&warning.first))
}

/// Where something is: the file, the record or line, and its own name.
fn place(place: &Place) -> String {
    let id = match &place.id {
        Some(Id::Number(id)) => format!(" (id {id})"),
        Some(Id::Name(name)) => format!(" ({name})"),
        None => String::new(),
    };
    // A JSON file has records, counted from 0; other texts have lines, counted from 1; a picture has neither.
    let extension = Path::new(&place.file).extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let at = match extension.as_str() {
        "json" => format!(", record {}", place.index),
        "txt" | "xml" | "csv" | "jsonl" => format!(", line {}", place.index),
        _ => String::new(),
    };
    format!("{}{at}{id}", place.file)
}

/// The best confidence of each class as the server's configuration takes it: a TOML table, ready to paste.
///
/// Classes without one are left out; of two classes of one name, the first is taken.
pub fn thresholds(evaluation: &Evaluation) -> String {
    let mut text = format!("[models.{}.thresholds]\n", key(&model_name(&evaluation.settings.model)));
    let mut seen = std::collections::BTreeSet::new();
    for class in &evaluation.classes {
        // Without a right prediction no confidence is better than another.
        let useful = class.best_f1.is_some_and(|f1| f1 > 0.0);
        let confidence = class.best_confidence.filter(|confidence| useful && (0.0..=1.0).contains(confidence));
        let Some(confidence) = confidence else { continue };
        if seen.insert(class.label.as_str()) {
            text.push_str(&format!("{} = {confidence:?}\n", quoted(&class.label)));
        }
    }
    text
}

/// A model's name: of a file, what is left of it without folder and ending.
fn model_name(model: &str) -> String {
    let file = model.rsplit(['/', '\\']).next().unwrap_or(model);
    let stem = file.strip_suffix(".onnx").or_else(|| file.strip_suffix(".json")).unwrap_or(file);
    stem.to_owned()
}

/// A key of TOML, quoted where it must be (TOML 1.0, "Keys").
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { name.into() } else { quoted(name) }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

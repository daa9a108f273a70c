//! OpenCV's figures for real models and pictures (`golden/` of the test data), and the ways into the detector that must
//! agree to the last digit.

use crate::{data, models, python};
use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use ocelli::detector::Detector;
use ocelli::geometry::BBox;
use ocelli::nms::NmsOptions;
use ocelli::picture::Limits;
use ocelli::tensor::Tensor;
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

fn npz(path: &Path, name: &str) -> ArrayD<f32> {
    let mut file = NpzReader::new(File::open(path).expect("the golden file")).expect("an npz file");
    file.by_name(name).expect("the array")
}

#[test]
fn logits_equal_opencv_within_a_thousandth() {
    let Some(data) = data::folder() else { return };
    let heads = [("yolo-fastest-1.1-xl", ["conv_120", "conv_129"]), ("nano-coco", ["conv_68", "conv_78"])];
    for ((model, heads), engine) in heads.into_iter().flat_map(|model| models::ENGINES.map(|engine| (model, engine))) {
        let detector = models::detector_in(model, models::engine(engine)).expect("the model");
        let golden = data.join(format!("golden/{model}.npz"));
        let outputs = detector.engine().run(vec![Tensor::F32(npz(&golden, "input"))]).expect("outputs");
        for ((_, output), head) in outputs.iter().zip(heads) {
            let difference = output.as_f32().expect("floats") - npz(&golden, head);
            let largest = difference.iter().fold(0f32, |largest, d| largest.max(d.abs()));
            assert!(largest <= 1e-3, "{model} {head} in {engine:?}: off by {largest}");
        }
    }
}

/// A golden detection.
struct Wanted {
    label: String,
    score: f32,
    bbox: BBox,
}

fn wanted(golden: &Value, model: &str, picture: &str) -> Vec<Wanted> {
    let list = golden[model][picture].as_array().expect("a list of detections");
    let number = |value: &Value| value.as_f64().expect("a number");
    list.iter()
        .map(|found| {
            let b = &found["box_xywh"];
            Wanted {
                label: found["class"].as_str().expect("a label").into(),
                score: number(&found["score"]) as f32,
                bbox: BBox::new(number(&b[0]), number(&b[1]), number(&b[2]), number(&b[3])),
            }
        })
        .collect()
}

/// How far apart the scores of two boxes on one object may be for either of them to win. JPEG decoders round chroma
/// differently, which moves scores by up to this much: libjpeg's pixels, which OpenCV looked at, need no such leave.
const TIE: f32 = 2e-3;

/// Asserts that the detections are the golden ones, class by class: score ± 0.02 and IoU ≥ 0.95.
fn assert_golden(detector: &Detector, picture: &Path, wanted: &[Wanted], tie: f32) {
    let options = NmsOptions::default();
    let bytes = std::fs::read(picture).expect("the picture");
    let sight = detector.detect(&bytes, None, &Limits::default(), &options).expect("detections");
    let found = &sight.report.detections;
    let at = format!("{} on {}", detector.name(), picture.display());
    assert_eq!(found.len(), wanted.len(), "{at}: {found:?}");
    for want in wanted {
        // The face model has one class and no names.
        let of_class = |label: &str| label == "class_0" || label == want.label;
        let best = found
            .iter()
            .filter(|found| of_class(&found.label))
            .max_by(|a, b| a.bbox.iou(&want.bbox).total_cmp(&b.bbox.iou(&want.bbox)))
            .unwrap_or_else(|| panic!("{at}: no {}", want.label));
        assert!(
            (best.confidence - want.score).abs() <= 0.02,
            "{at}: {} {} for {}",
            want.label,
            best.confidence,
            want.score
        );
        let tied = sight.candidates.boxes.iter().filter(|candidate| {
            candidate.class_id == best.class_id && (candidate.confidence - best.confidence).abs() <= tie
        });
        let iou = tied.map(|candidate| sight.candidates.letterbox.restore(&candidate.bbox).iou(&want.bbox));
        let iou = iou.fold(best.bbox.iou(&want.bbox), f64::max);
        assert!(iou >= 0.95, "{at}: {} has IoU {iou}", want.label);
    }
}

fn golden_detections(data: &Path) -> Value {
    let text = std::fs::read_to_string(data.join("golden/sample_images_opencv.json")).expect("the golden file");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn detections_equal_opencv_on_the_sample_pictures() {
    let Some(data) = data::folder() else { return };
    let golden = golden_detections(&data);
    for ((model, ..), engine) in
        models::MODELS.into_iter().flat_map(|model| models::ENGINES.map(|engine| (model, engine)))
    {
        let detector = models::detector_in(model, models::engine(engine)).expect("the model");
        for picture in ["dog", "person"] {
            let path = data.join(format!("darknet/data/{picture}.jpg"));
            assert_golden(&detector, &path, &wanted(&golden, model, picture), TIE);
        }
    }
}

#[test]
fn detections_equal_opencv_without_leave_on_the_pixels_of_libjpeg() {
    let (Some(data), Some(python)) = (data::folder(), python::python()) else { return };
    let golden = golden_detections(&data);
    let folder = tempfile::tempdir().expect("a folder");
    for picture in ["dog", "person"] {
        let png = folder.path().join(format!("{picture}.png"));
        python::script(&python, "libjpeg_pixels.py", &[&data.join(format!("darknet/data/{picture}.jpg")), &png]);
        for (model, ..) in models::MODELS {
            assert_golden(&models::detector(model).expect("the model"), &png, &wanted(&golden, model, picture), 0.0);
        }
    }
}

#[test]
fn the_engines_find_the_same_objects_to_a_ten_thousandth() {
    let Some(data) = data::folder() else { return };
    let options = NmsOptions::default();
    for (model, ..) in models::MODELS {
        let [native, tract] =
            models::ENGINES.map(|engine| models::detector_in(model, models::engine(engine)).expect("the model"));
        assert_eq!((native.engine().name(), tract.engine().name()), ("native", "tract"));
        for picture in ["dog", "person", "eagle", "giraffe", "horses", "kite"] {
            let bytes = std::fs::read(data.join(format!("darknet/data/{picture}.jpg"))).expect("the picture");
            let [found, wanted] = [&native, &tract].map(|detector| {
                let sight = detector.detect(&bytes, None, &Limits::default(), &options).expect("detections");
                sight.report.detections
            });
            assert_eq!(found.len(), wanted.len(), "{model} on {picture}");
            for (found, wanted) in found.iter().zip(&wanted) {
                assert_eq!(found.label, wanted.label, "{model} on {picture}");
                let iou = found.bbox.iou(&wanted.bbox);
                let apart = (found.confidence - wanted.confidence).abs();
                assert!(
                    apart <= 1e-4 && iou >= 1.0 - 1e-4,
                    "{model} on {picture}: {found:?} for {wanted:?}, IoU {iou}"
                );
            }
        }
    }
}

#[test]
fn the_command_line_prints_what_the_library_finds() {
    let Some(data) = data::folder() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let model = models::convert("yolo-fastest-1.1", folder.path()).expect("the model");
    let picture = data.join("darknet/data/dog.jpg");
    let bytes = std::fs::read(&picture).expect("the picture");
    let detector = models::detector("yolo-fastest-1.1").expect("the model");
    let sight = detector.detect(&bytes, None, &Limits::default(), &NmsOptions::default()).expect("detections");
    let written = serde_json::to_string(&sight.report.detections).expect("JSON");
    let wanted: Value = serde_json::from_str(&written).expect("JSON");
    let detect = |argument: &Path, input: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
        let command = command.arg("detect").arg("--json").arg("--model").arg(&model).arg(argument).stdin(input);
        let output = command.output().expect("ocelli runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["detections"].clone()
    };
    assert_eq!(detect(&picture, Stdio::null()), wanted);
    assert_eq!(detect(Path::new("-"), File::open(&picture).expect("the picture").into()), wanted);
}

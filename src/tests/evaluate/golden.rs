//! OpenCV's pipeline on coco128, measured by pycocotools (`golden/` of the test data), beside ours.

use super::{FIGURES, json};
use crate::{data, models, python};
use ocelli::average_precision::coco::{CocoOptions, Matches};
use ocelli::average_precision::{Comparison, Prediction};
use ocelli::dataset::{Dataset, Image, OpenOptions, open};
use ocelli::detector::Detector;
use ocelli::engine::{EngineKind, EngineOptions, Precision};
use ocelli::geometry::BBox;
use ocelli::letterbox::Letterbox;
use ocelli::nms::{NmsOptions, suppress};
use ocelli::picture::Limits;
use std::path::Path;

/// How the golden figures were made.
fn nms_options() -> NmsOptions {
    NmsOptions { confidence: 0.005, iou: 0.45, max_detections: usize::MAX, ..NmsOptions::default() }
}

/// A box of the network in the picture's pixels as OpenCV left it: it may reach out of the picture, which ours never do.
fn unclipped(letterbox: &Letterbox, bbox: &BBox) -> BBox {
    let Letterbox { picture, placed, left, top, .. } = *letterbox;
    let across = f64::from(picture.width) / f64::from(placed.width);
    let down = f64::from(picture.height) / f64::from(placed.height);
    let (x, y) = (bbox.x - f64::from(left), bbox.y - f64::from(top));
    BBox::new(x * across, y * down, bbox.width * across, bbox.height * down)
}

/// What a detector finds in all pictures, which are files of a format: with boxes as OpenCV has them, and clipped.
fn predictions(detector: &Detector, dataset: &Dataset, pixels: &Path, format: &str) -> [Vec<Prediction>; 2] {
    let (options, mut found) = (nms_options(), [Vec::new(), Vec::new()]);
    for (image, Image { name, .. }) in dataset.images.iter().enumerate() {
        let bytes = std::fs::read(pixels.join(name).with_extension(format)).expect("a picture");
        let sight = detector.detect_keeping(&bytes, None, &Limits::default(), &options, 0.005).expect("detections");
        let letterbox = sight.candidates.letterbox;
        for candidate in suppress(&sight.candidates.boxes, &options) {
            let boxes = [unclipped(&letterbox, &candidate.bbox), letterbox.restore(&candidate.bbox)];
            for (list, bbox) in found.iter_mut().zip(boxes) {
                let (image, class) = (image as u32, candidate.class_id as u32);
                list.push(Prediction { image, class, bbox, score: candidate.confidence.into() });
            }
        }
    }
    found
}

fn figures(dataset: &Dataset, predictions: &[Prediction]) -> Vec<f64> {
    let (images, classes) = (dataset.images.len(), dataset.labels.len());
    let comparison = Comparison::new(images, classes, &dataset.truths, predictions, false);
    let summary = Matches::new(&comparison, CocoOptions::default()).expect("options").summary();
    summary.figures.into_iter().map(|(_, value)| value.expect("a figure")).collect()
}

/// How far a figure may be from OpenCV's.
///
/// Of class baseball glove, coco128 has one small truth, which so weighs 1/37 of APs and ARs. Two cells of nano-coco see
/// it, and are as good as equally sure: OpenCV 4.14, run again on picture 6471, is at 0.8900 and 0.8896, and keeps the box
/// of IoU 0.74; ours keeps the other one, of IoU 0.89. That is three of the ten thresholds: 0.3 / 37 = 0.0081.
///
/// Its AP75 is off by 0.0051, of which no single cause was found; that rerun of OpenCV was off by 0.0070 itself.
fn tolerance(model: &str, figure: &str) -> f64 {
    match (model, figure) {
        ("nano-coco", "APs" | "ARs") => 0.009,
        ("nano-coco", "AP75") => 0.006,
        _ => 0.005,
    }
}

#[test]
fn twelve_figures_on_coco128_are_those_of_opencv() {
    let (Some(data), Some(python)) = (data::folder(), python::python()) else { return };
    let golden = json(&data.join("golden/coco128_val_pycocotools.json"));
    let dataset = open(&data.join("golden/coco128_val_gt.json"), &OpenOptions::default()).expect("the data set");
    let pixels = tempfile::tempdir().expect("a folder");
    python::script(&python, "libjpeg_pixels.py", &[&data.join("detection/coco128/images/val2017"), pixels.path()]);
    for model in ["yolo-fastest-1.1-xl", "nano-coco"] {
        let detector = models::detector(model).expect("the model");
        let [as_opencv, clipped] = predictions(&detector, &dataset, pixels.path(), "png");
        let golden = &golden[format!("coco128_val/{model}")];
        eprintln!("{model}: {} detections for {}", as_opencv.len(), golden["n_dets"]);
        let found = figures(&dataset, &as_opencv);
        for ((name, found), wanted) in FIGURES.iter().zip(&found).zip(golden["stats12"].as_array().expect("figures")) {
            let wanted = wanted.as_f64().expect("a number");
            eprintln!("{model} {name}: {found:.6} for {wanted}, {:+.4}", found - wanted);
            assert!((found - wanted).abs() <= tolerance(model, name), "{model} {name}: {found} for {wanted}");
        }
        // Clipped to the picture, boxes fit better than OpenCV's; where half of a box is enough, not by much.
        let (found, wanted) = (figures(&dataset, &clipped)[1], golden["stats12"][1].as_f64().expect("a number"));
        eprintln!("{model} AP50 clipped: {found:.6} for {wanted}, {:+.4}", found - wanted);
        assert!((found - wanted).abs() <= 0.005, "{model} AP50, clipped: {found} for {wanted}");
    }
}

#[test]
fn figures_on_coco128_do_not_hang_on_the_engine_and_hardly_on_the_precision() {
    let Some(data) = data::folder() else { return };
    let dataset = open(&data.join("golden/coco128_val_gt.json"), &OpenOptions::default()).expect("the data set");
    let pictures = data.join("detection/coco128/images/val2017");
    let bf16 = EngineOptions { precision: Some(Precision::Bf16), ..models::engine(EngineKind::Native) };
    for model in ["yolo-fastest-1.1-xl", "nano-coco"] {
        let [native, tract, bf16] =
            [models::engine(EngineKind::Native), models::engine(EngineKind::Tract), bf16].map(|options| {
                let detector = models::detector_in(model, options).expect("the model");
                let [_, clipped] = predictions(&detector, &dataset, &pictures, "jpg");
                figures(&dataset, &clipped)
            });
        for ((name, native), (tract, bf16)) in FIGURES.iter().zip(&native).zip(tract.iter().zip(&bf16)) {
            eprintln!("{model} {name}: {native:.6}, tract {:+.6}, bf16 {:+.6}", tract - native, bf16 - native);
            assert!((native - tract).abs() <= 1e-4, "{model} {name}: {native} and in tract {tract}");
        }
        let [exact, rounded] = [native[1], bf16[1]];
        assert!((exact - rounded).abs() <= 0.003, "{model} AP50: {exact} in f32, {rounded} in bf16");
    }
}

//! Small data made for the purpose: COCO files of boxes without pictures, and pictures with a model that looks at them.

use super::{Ended, ocelli};
use crate::http::models::{tiny_cfg, write};
use crate::pictures::DOG_PNG;
use image::{GenericImageView, load_from_memory};
use serde_json::{Value, json};
use tempfile::TempDir;

const CATEGORIES: [(i64, &str); 5] = [(1, "person"), (3, "car"), (18, "dog"), (44, "bottle"), (90, "toothbrush")];

/// Pictures of [`coco`].
const PICTURES: i64 = 24;

/// Numbers that look like chance and are always the same: a linear congruential generator (Knuth's MMIX), its upper bits.
struct Chance(u64);

impl Chance {
    /// From 0 to below `limit`.
    fn below(&mut self, limit: f64) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1 << 24) * limit
    }

    fn hundredths(&mut self, limit: f64) -> f64 {
        (self.below(limit) * 100.0).round() / 100.0
    }
}

/// A data set and detections in it, as COCO's JSON: boxes of all sizes, crowds, scores that are equal. Annotations are
/// numbered from `first_id`.
pub(super) fn coco(first_id: i64) -> (Value, Value) {
    let mut chance = Chance(7);
    let (mut annotations, mut results) = (Vec::new(), Vec::new());
    for image in 1..=PICTURES {
        for _ in 0..chance.below(9.0) as usize {
            let (category, _) = CATEGORIES[chance.below(4.5) as usize];
            let (w, h) = (5.0 + chance.hundredths(195.0), 5.0 + chance.hundredths(195.0));
            let (x, y) = (chance.hundredths(640.0 - w), chance.hundredths(480.0 - h));
            let crowd = i64::from(chance.below(12.0) < 1.0);
            annotations.push(json!({
                "id": first_id + annotations.len() as i64, "image_id": image, "category_id": category,
                "bbox": [x, y, w, h], "area": w * h * 0.8, "iscrowd": crowd,
            }));
            if chance.below(5.0) < 4.0 {
                let mut off = |size: f64| size * (chance.below(0.2) - 0.1);
                let bbox = [x + off(w), y + off(h), w + off(w), h + off(h)];
                results.push(json!({
                    "image_id": image, "category_id": category, "bbox": bbox, "score": chance.hundredths(1.0),
                }));
            }
        }
        for _ in 0..chance.below(4.0) as usize {
            let (category, _) = CATEGORIES[chance.below(5.0) as usize];
            let bbox: [f64; 4] = std::array::from_fn(|_| chance.below(200.0));
            let score = chance.hundredths(0.7);
            results.push(json!({ "image_id": image, "category_id": category, "bbox": bbox, "score": score }));
        }
    }
    let images =
        (1..=PICTURES).map(|id| json!({ "id": id, "file_name": format!("{id}.jpg"), "width": 640, "height": 480 }));
    let categories = CATEGORIES.map(|(id, name)| json!({ "id": id, "name": name }));
    let truth = json!({ "images": images.collect::<Vec<_>>(), "annotations": annotations, "categories": categories });
    (truth, Value::from(results))
}

/// Arguments that evaluate the files of [`coco_folder`].
pub(super) const EVALUATE_FILES: &str = "evaluate --truth truth.json --detections found.json";

/// A folder with the files of [`coco`].
pub(super) fn coco_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (truth, results) = coco(1);
    save(&folder, "truth.json", &truth.to_string());
    save(&folder, "found.json", &results.to_string());
    folder
}

pub(super) fn save(folder: &TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).expect("a written file");
}

/// A folder with `tiny.onnx`, of two classes with names that differ from the data set's and need quoting, and the YOLO
/// data set `pets`: six pictures in which the surest two objects of each class are where the model sees them, and one is not.
pub(super) fn pets() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(&tiny_cfg(), Some(&["motorbike", r#"a "dog" \ cat"#]), &folder.path().join("tiny.onnx"));
    for part in ["pets/images/val", "pets/labels/val"] {
        std::fs::create_dir_all(folder.path().join(part)).expect("a folder");
    }
    save(&folder, "pets/data.yaml", "path: .\nval: images/val\nnames: ['motorcycle', 'a \"dog\" \\ cat']\n");
    let dog = load_from_memory(DOG_PNG).expect("a picture");
    let (width, height) = (dog.width() / 3, dog.height() / 2);
    for (index, (column, row)) in (0..6).map(|index| (index, (index % 3, index / 3))) {
        let part = dog.view(column * width, row * height, width, height).to_image();
        part.save(folder.path().join(format!("pets/images/val/{index}.png"))).expect("a written picture");
    }
    let found = ocelli(&folder, "detect --model tiny.onnx --confidence 0.01 --json pets/images/val");
    found.assert(0, &[]);
    for (index, line) in found.out.lines().enumerate() {
        let report: Value = serde_json::from_str(line).expect("JSON");
        save(&folder, &format!("pets/labels/val/{index}.txt"), &labels(&report));
    }
    folder
}

/// A label file with some of what a model found.
fn labels(report: &Value) -> String {
    let number = |value: &Value| value.as_f64().expect("a number");
    let (width, height) = (number(&report["image"]["width"]), number(&report["image"]["height"]));
    let mut text = String::from("0 0.5 0.5 0.04 0.9\n");
    for class in 0..2 {
        let all = report["detections"].as_array().expect("a list");
        for found in all.iter().filter(|found| found["class_id"] == class).take(2) {
            let [x, y, w, h] = ["x", "y", "width", "height"].map(|key| number(&found["box"][key]));
            let (x, y) = ((x + w / 2.0) / width, (y + h / 2.0) / height);
            text.push_str(&format!("{class} {x} {y} {} {}\n", w / width, h / height));
        }
    }
    text
}

/// Evaluates `tiny.onnx` on `pets`.
pub(super) fn evaluate_pets(folder: &TempDir, more: &str) -> Ended {
    ocelli(folder, &format!("evaluate --data pets --model tiny.onnx {more}"))
}

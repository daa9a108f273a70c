//! pycocotools beside the COCO protocol, bit for bit.

use crate::cases::{Case, for_each, json, number, numbers};
use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use ocelli::average_precision::coco::{AreaRange, CocoOptions, Matches};
use serde_json::Value;
use std::fs::File;
use std::path::Path;

fn options(parameters: &Value) -> CocoOptions {
    let default = CocoOptions::default();
    let ranges =
        parameters["areas"].as_array().expect("areas").iter().zip(parameters["area_labels"].as_array().unwrap());
    let ranges =
        ranges.map(|(range, label)| AreaRange::new(label.as_str().unwrap(), number(&range[0]), number(&range[1])));
    CocoOptions {
        iou_thresholds: numbers(&parameters["iou_thresholds"]).unwrap_or(default.iou_thresholds),
        recall_thresholds: numbers(&parameters["recall_thresholds"]).unwrap_or(default.recall_thresholds),
        max_detections: numbers(&parameters["max_detections"]).expect("limits").iter().map(|m| *m as usize).collect(),
        areas: ranges.collect(),
        pycocotools_quirks: parameters["quirks"] == true,
    }
}

fn array(expected: &mut NpzReader<File>, name: &str) -> ArrayD<f64> {
    expected.by_name(name).expect("an array")
}

/// −1 and absent are the same; everything else is compared by its bits.
fn assert_same(found: Option<f64>, wanted: f64, at: &dyn Fn() -> String) {
    assert_eq!(found.unwrap_or(-1.0).to_bits(), wanted.to_bits(), "{}: {found:?} for {wanted}", at());
}

fn check(folder: &Path) {
    let case = Case::read(folder, "truth.json");
    let parameters = json(&folder.join("params.json"));
    let options = options(&parameters);
    let mut expected = NpzReader::new(File::open(folder.join("expected.npz")).expect("arrays")).expect("an npz file");
    let [precision, recall, scores, stats] =
        ["precision", "recall", "scores", "stats"].map(|name| array(&mut expected, name));
    let matches = Matches::new(&case.comparison(parameters["use_cats"] == false), options).expect("options");
    let &[thresholds, recalls, classes, ranges, limits] = precision.shape() else { panic!("five axes") };
    assert_eq!(classes, case.classes(parameters["use_cats"] == false), "{}", folder.display());
    for class in 0..classes {
        for (range, limit) in (0..ranges).flat_map(|range| (0..limits).map(move |limit| (range, limit))) {
            for t in 0..thresholds {
                let curve = matches.curve(class, range, limit, t);
                let at = || format!("{} class {class} range {range} limit {limit} IoU {t}", folder.display());
                assert_same(curve.as_ref().map(|c| c.recall), recall[[t, class, range, limit]], &at);
                for r in 0..recalls {
                    let at = || format!("{} recall {r}", at());
                    assert_same(curve.as_ref().map(|c| c.precision[r]), precision[[t, r, class, range, limit]], &at);
                    assert_same(curve.as_ref().map(|c| c.scores[r]), scores[[t, r, class, range, limit]], &at);
                }
            }
        }
    }
    if !stats.is_empty() {
        check_summary(folder, &matches, &stats);
    }
}

/// pycocotools' twelve numbers, as far as both have them under their names: other limits than its own have other names.
fn check_summary(folder: &Path, matches: &Matches, stats: &ArrayD<f64>) {
    let options = matches.options();
    let limits = &options.max_detections;
    if !options.pycocotools_quirks && limits[..] != [1, 10, 100] || options.areas != CocoOptions::default().areas {
        return;
    }
    let summary = matches.summary();
    let find = |name: &str| summary.figures.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let recall = |limit: usize| format!("AR{}", limits[limit]);
    let names = ["AP50", "AP75", "APs", "APm", "APl", &recall(0), &recall(1), &recall(2), "ARs", "ARm", "ARl"];
    assert_same(summary.figures[0].1, stats[[0]], &|| format!("{} AP", folder.display()));
    for (name, wanted) in names.iter().zip(stats.iter().skip(1)) {
        let at = || format!("{} {name}", folder.display());
        // What has no name here, such as AP50 without that threshold, does not exist there either.
        assert_same(find(name).unwrap_or(None), *wanted, &at);
    }
}

#[test]
fn arrays_and_summaries_equal_pycocotools_bit_for_bit() {
    let Some(coverage) = for_each("coco_cases.py", 0..200, check) else { return };
    for (feature, count) in coverage.as_object().expect("counts") {
        assert!(count.as_u64() > Some(1), "{feature} occurs {count} times");
    }
    assert!(coverage.as_object().unwrap().len() > 20, "{coverage}");
}

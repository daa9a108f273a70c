//! A network that cannot learn eight pictures by heart has a fault somewhere between loss and weights.

use crate::commands::{program, succeeds};
use crate::recipes::detection_data;
use ocelli::dataset::convert::{Target, convert};
use ocelli::dataset::{Dataset, OpenOptions, open};
use ocelli_training::train::Log;
use std::path::Path;
use std::time::{Duration, Instant};

/// The first eight pictures of a data set's training part, as a data set of their own.
fn eight(source: &Path, folder: &Path) {
    let whole = open(source, &OpenOptions { format: None, split: Some("train".into()) }).unwrap();
    let few = Dataset {
        images: whole.images.iter().take(8).cloned().collect(),
        truths: whole.truths.iter().filter(|truth| truth.image < 8).copied().collect(),
        ..whole
    };
    convert(&few, Target::Coco, folder, &|_| {}).unwrap();
}

#[test]
fn eight_pictures_are_learned_by_heart_within_three_minutes_and_the_exported_file_knows_them() {
    let Some(source) = detection_data("bccd") else { return };
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
    eight(&source, &data);
    let begun = Instant::now();
    let mut train = program();
    train.args(["train", "bccd", "--data"]).arg(&data).arg("--out").arg(&out);
    // Trained and measured on the same pictures, as they are.
    for setting in ["augmentation={}", "data.train=train", "data.validation=train"] {
        train.args(["--set", setting]);
    }
    // Small batches: four hundred steps in the time of a hundred. The nine platelets take most of them.
    for setting in ["input.batch=2", "train.epochs=100", "train.evaluate_every=25", "train.schedule.rate=4e-3"] {
        train.args(["--set", setting]);
    }
    for setting in ["train.average_decay=0.9", "input.width=320", "input.height=256"] {
        train.args(["--set", setting]);
    }
    succeeds(&mut train);
    let seconds = begun.elapsed().as_secs();
    let log = Log::read(&out.join("log.jsonl")).unwrap();
    let mut evaluations = log.iter().filter(|line| line["event"] == "evaluation" && line["best"] == true);
    let metric = |line: &serde_json::Value, name: &str| {
        let metrics = line["metrics"].as_array().unwrap();
        metrics.iter().find(|metric| metric["name"] == name).unwrap()["value"].as_f64().unwrap()
    };
    let best = evaluations.next_back().unwrap();
    let [ap, ap50] = ["AP", "AP50"].map(|name| metric(best, name));
    eprintln!("eight pictures: AP50 {ap50:.3}, AP {ap:.3} after {seconds} s");
    assert!(ap50 >= 0.95 && ap >= 0.85, "AP50 is {ap50}, AP {ap}");
    // The same weights by way of the ONNX file, the server's engine and the evaluator.
    let mut evaluate = program();
    evaluate.args(["evaluate", "--split", "train", "--json", "-", "--checkpoint"]).arg(&out).arg("--data").arg(&data);
    let output = evaluate.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, own) in [("AP", ap), ("AP50", ap50)] {
        let served = figures["coco"][name].as_f64().unwrap();
        assert!((served - own).abs() < 0.005, "{name}: {served} by the exported file, {own} in training");
    }
    assert!(begun.elapsed() < Duration::from_secs(180), "{:?}", begun.elapsed());
}

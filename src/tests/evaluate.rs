//! `ocelli evaluate` and `ocelli dataset` as people run them: what they print, refuse and leave behind, held to pycocotools,
//! to OpenCV's golden figures, to a server, and to one another.

mod against_pycocotools;
mod datasets;
mod gates;
mod golden;
mod refusals;
mod runs;
mod sample;
mod server;

use crate::program::{Ended, ocelli};
use crate::python;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// COCO's figures, in the order of pycocotools' summary.
const FIGURES: [&str; 12] = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"];

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

/// The twelve figures of an evaluation's JSON.
fn figures(evaluation: &Value) -> Vec<Option<f64>> {
    FIGURES.iter().map(|name| evaluation["coco"].get(name).expect("the figure").as_f64()).collect()
}

/// What pycocotools makes of files in a folder: its −1 is our `null`.
fn pycocotools(python: &Path, folder: &TempDir, truth: &str, results: &str) -> Vec<Option<f64>> {
    let files = [truth, results].map(|name| folder.path().join(name));
    let printed = python::script(python, "coco_stats.py", &[&files[0], &files[1]]);
    let stats: Vec<f64> = serde_json::from_str(&printed).expect("a list of numbers");
    stats.into_iter().map(|value| (value != -1.0).then_some(value)).collect()
}

/// A folder in which `data` is the test data.
fn folder_beside(data: &Path) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(data.canonicalize().expect("a path"), folder.path().join("data")).expect("a link");
    folder
}

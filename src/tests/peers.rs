//! Other implementations from PyPI, run beside this one: onnxruntime and pycocotools, in an environment that the test
//! makes.

use crate::{data, models};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What is installed, with the versions that the figures were checked with.
const PACKAGES: [&str; 4] = ["numpy==2.4.6", "onnxruntime==1.32.0", "pillow==13.0.0", "pycocotools==2.0.11"];

/// The interpreter of a virtual environment with [`PACKAGES`]; made once, and kept between runs.
pub(crate) fn python() -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(make_environment).clone()
}

fn make_environment() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let python = folder.join("bin/python");
    let stamp = folder.join("packages");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == PACKAGES.join("\n")) {
        return Some(python);
    }
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    };
    let made = run(Command::new("python3").arg("-m").arg("venv").arg(&folder))
        .and_then(|()| run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES)));
    match made {
        Ok(()) => {
            std::fs::write(&stamp, PACKAGES.join("\n")).expect("a stamp");
            Some(python)
        }
        // On the project's own CI nothing may be skipped.
        Err(error) if std::env::var_os("CI").is_some() => panic!("no Python environment: {error}"),
        Err(error) => {
            eprintln!("SKIPPED comparisons with Python peers: {error}");
            None
        }
    }
}

/// Runs a script of `src/tests/peers/`, and returns what it printed.
pub(crate) fn script(python: &Path, name: &str, arguments: &[&Path]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/peers").join(name);
    let output = Command::new(python).arg(script).args(arguments).output().expect("python runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn ocelli(arguments: &[&str], paths: &[&Path]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ocelli")).args(arguments).args(paths).output().expect("ocelli runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn infer_agrees_with_onnxruntime_on_models_of_others() {
    let (Some(data), Some(python)) = (data::folder(), python()) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for model in [
        "onnx/ultraface/models/onnx/version-slim-320_simplified.onnx",
        "onnx/ultraface/models/onnx/version-RFB-320.onnx",
        "onnx/ultraface/models/onnx/version-RFB-320_simplified.onnx",
        "onnx/fastestdet/example/onnx-runtime/FastestDet.onnx",
    ] {
        let (model, wanted) = (data.join(model), folder.path().join("wanted.npz"));
        // Writes an input and onnxruntime's outputs, and prints the input's name and file.
        let printed = script(&python, "onnxruntime_outputs.py", &[&model, &wanted]);
        let found = folder.path().join("found.npz");
        ocelli(&["infer", "--input", printed.trim(), "-o"], &[&found, &model]);
        let difference: f64 =
            script(&python, "largest_difference.py", &[&wanted, &found]).trim().parse().expect("a number");
        assert!(difference <= 1e-4, "{}: off by {difference}", model.display());
    }
}

#[test]
fn coco128_scores_what_pycocotools_measured_with_opencv() {
    let (Some(data), Some(python)) = (data::folder(), python()) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for (model, published) in [("yolo-fastest-1.1-xl", 0.450_965), ("nano-coco", 0.377_701)] {
        let path = models::convert(model, folder.path()).expect("the model");
        let flags =
            ["detect", "--json", "--confidence", "0.005", "--iou", "0.45", "--max-detections", "10000", "--model"];
        let lines = ocelli(&flags, &[&path, &data.join("detection/coco128/images/val2017")]);
        let detections = folder.path().join("detections.jsonl");
        std::fs::write(&detections, lines).expect("written detections");
        let truth = data.join("golden/coco128_val_gt.json");
        let ap50: f64 = script(&python, "coco_ap50.py", &[&truth, &detections]).trim().parse().expect("a number");
        eprintln!("{model}: AP50 {ap50:.6} for {published}");
        assert!((ap50 - published).abs() <= 0.01, "{model}: AP50 {ap50} for {published}");
    }
}

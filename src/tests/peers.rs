//! Other implementations from PyPI, run beside this one: onnxruntime.

use crate::data;
use crate::python::{python, script};
use std::path::Path;
use std::process::Command;

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

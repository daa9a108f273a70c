//! From a folder of pictures to a model file.

use super::{draw, fails, program, resumed, succeeds, tiny, told};
use ocelli::onnx::Model;
use serde_json::Value;
use std::path::Path;

/// Figures of a training's best weights.
fn evaluated(out: &Path, data: &Path) -> Value {
    let mut command = program();
    command.arg("evaluate").arg("--checkpoint").arg(out).arg("--data").arg(data).args(["--json", "-"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn transfer_goes_from_a_folder_to_a_model_that_finds_its_objects() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
    draw(&data);
    let mut command = program();
    command.arg("transfer").arg("--data").arg(&data).arg("--out").arg(&out);
    for setting in ["train.epochs=60", "input.width=128", "input.height=128", "augmentation.mosaic=0"] {
        command.args(["--set", setting]);
    }
    let output = command.output().unwrap();
    let text = told(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("ocelli-nano at 128×128, 60 epochs"), "{text}");
    // Other classes than the shipped model's: its last layers begin at random, all others do not.
    let taken = text.lines().find(|line| line.starts_with("the shipped model: ")).unwrap();
    assert!(taken.contains("coarse.output.weight") && !taken.contains("stem"), "{taken}");
    let model = out.join("model.onnx");
    assert_eq!(text.lines().last().unwrap(), format!("serve it with: ocelli serve --model {}", model.display()));
    assert!(String::from_utf8(output.stdout).unwrap().contains("AP50"), "the table is on standard output");
    let ap50 = evaluated(&out, &data)["coco"]["AP50"].as_f64().unwrap();
    assert!(ap50 > 0.8, "AP50 {ap50} on coloured rectangles");
    assert_eq!(Model::read(&model).unwrap().property("ocelli.labels"), Some(r#"["red","blue"]"#));
    for name in ["recipe.toml", "data.json", "log.jsonl", "loss.svg", "metrics.svg", "best.safetensors"] {
        assert!(out.join(name).exists(), "{name}");
    }
}

#[test]
fn other_detectors_are_transferred_too() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
    draw(&data);
    let mut command = program();
    command.args(["transfer", "--model", "yolov3-tiny", "--data"]).arg(&data).arg("--out").arg(&out);
    for setting in ["train.epochs=1", "input.width=64", "input.height=64", "model.width=0.125"] {
        command.args(["--set", setting]);
    }
    succeeds(&mut command);
    assert!(out.join("model.onnx").exists());
}

#[test]
fn several_data_sets_are_mixed_and_known_again() {
    let folder = tempfile::tempdir().unwrap();
    let [data, more, out] = ["data", "more", "out"].map(|name| folder.path().join(name));
    draw(&data);
    draw(&more);
    let also = format!("data.also=[{{ path = '{}', weight = 0.5 }}]", more.display());
    let text = succeeds(&mut tiny(&data, &out, &[&also]));
    assert!(text.contains("mixed in train: 8 pictures, 16 objects"), "{text}");
    // 16 pictures in an epoch, 2 in a batch, 2 epochs.
    assert!(std::fs::read_to_string(out.join("log.jsonl")).unwrap().contains(r#""step":16,"steps":16"#));
    succeeds(&mut resumed(&out));
    std::fs::remove_file(more.join("images/train/p3.jpg")).unwrap();
    std::fs::remove_file(more.join("labels/train/p3.txt")).unwrap();
    let other = fails(&mut resumed(&out));
    assert!(other.contains("the pictures that are mixed in are not those"), "{other}");
    let green = std::fs::read_to_string(more.join("data.yaml")).unwrap().replace("red", "green");
    std::fs::write(more.join("data.yaml"), green).unwrap();
    let unknown = fails(&mut tiny(&data, &folder.path().join("new"), &[&also]));
    assert!(unknown.contains("green"), "{unknown}");
}

#[test]
fn half_the_bits_make_half_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
    draw(&data);
    succeeds(&mut tiny(&data, &out, &["model.widths=[16,24,48,96,192]", "train.epochs=1", "train.checkpoint_every=9"]));
    let half = folder.path().join("half.onnx");
    let mut command = program();
    succeeds(command.arg("export").arg("--checkpoint").arg(&out).arg("-o").arg(&half).arg("--half"));
    let sizes = [half, out.join("model.onnx")].map(|path| std::fs::metadata(path).unwrap().len());
    assert!(sizes[0] * 100 < sizes[1] * 55, "{sizes:?}");
}

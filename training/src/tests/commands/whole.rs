//! From a folder of pictures to a model file.

use super::{draw, fails, program, resumed, succeeds, tiny, told};
use ocelli::onnx::Model;
use ocelli::picture::{Encoding, encode};
use ocelli_training::recipes::{DetectionRecipe, FileOptions, write_model};
use ocelli_training::weights::Weights;
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
    let sizes = [half.clone(), out.join("model.onnx")].map(|path| std::fs::metadata(path).unwrap().len());
    assert!(sizes[0] * 100 < sizes[1] * 55, "{sizes:?}");
    assert!(Model::read(&half).unwrap().property("ocelli.labels").is_some());
    let other = fails(program().args(["export", "yolov3", "--checkpoint"]).arg(&out).arg("-o").arg(&half));
    assert!(other.contains("is a training of ocelli-nano, not of yolov3"), "{other}");
}

#[test]
fn a_trained_yolov3_tiny_goes_back_to_darknet_and_to_a_file_of_open_sides() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out, again] = ["data", "out", "again"].map(|name| folder.path().join(name));
    draw(&data);
    let tiny = ["model.architecture=yolov3-tiny", "model.width=0.125", "train.epochs=1", "data.validation="];
    let train = |out: &Path| {
        let mut command = program();
        command.args(["train", "raccoon", "--data"]).arg(&data).arg("--out").arg(out);
        for setting in tiny.iter().chain(&["input.width=64", "input.height=64"]) {
            command.args(["--set", setting]);
        }
        command
    };
    succeeds(&mut train(&out));
    let [weights, open] = ["tiny.weights", "open.onnx"].map(|name| folder.path().join(name));
    succeeds(program().arg("export").arg("--checkpoint").arg(&out).arg("-o").arg(&weights));
    let text = succeeds(train(&again).arg("--weights").arg(&weights));
    assert!(text.contains("tiny.weights: all 13 convolutions"), "{text}");
    succeeds(program().arg("export").arg("--checkpoint").arg(&out).args(["--open-sides", "-o"]).arg(&open));
    let graph = Model::read(&open).unwrap().graph.unwrap();
    assert_eq!(graph.input[0].axes(), Some(vec![None, Some(3), None, None]));
}

#[test]
fn the_shipped_file_is_what_its_recipe_and_weights_export() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let recipe = DetectionRecipe::read(&models.join("ocelli-bccd/recipe.toml"), &[]).unwrap();
    let (weights, _) = Weights::read(&models.join("ocelli-bccd.safetensors")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.onnx");
    write_model(&recipe, &weights, FileOptions::default(), &path).unwrap();
    assert!(std::fs::read(&path).unwrap() == std::fs::read(models.join("ocelli-bccd.onnx")).unwrap());
    // The recipe that comes with the program is that of the file.
    let settings = ["labels", "input.anchors"];
    let mut named = DetectionRecipe::find("bccd", &[]).unwrap();
    (named.labels, named.input.anchors) = (recipe.labels.clone(), recipe.input.anchors.clone());
    assert_eq!(named, recipe, "but for {settings:?}");
}

#[test]
fn a_validation_part_of_fewer_classes_is_measured_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
    std::fs::create_dir_all(&data).unwrap();
    let picture = image::RgbImage::from_pixel(64, 64, image::Rgb([128; 3]));
    for name in ["a.png", "b.png"] {
        std::fs::write(data.join(name), encode(&picture, Encoding::Png).unwrap()).unwrap();
    }
    let header = "filename,width,height,class,xmin,ymin,xmax,ymax\n";
    let row = |name: &str, class: &str| format!("{name},64,64,{class},10,10,30,30\n");
    std::fs::write(data.join("train.csv"), format!("{header}{}{}", row("a.png", "ant"), row("a.png", "bee"))).unwrap();
    std::fs::write(data.join("val.csv"), format!("{header}{}", row("b.png", "bee"))).unwrap();
    let text = succeeds(&mut tiny(&data, &out, &[]));
    assert!(text.contains("AP50 ant –  AP50 bee"), "{text}");
    std::fs::write(data.join("val.csv"), format!("{header}{}", row("b.png", "cow"))).unwrap();
    let unknown = fails(&mut tiny(&data, &folder.path().join("new"), &[]));
    assert!(unknown.contains("cow"), "{unknown}");
}

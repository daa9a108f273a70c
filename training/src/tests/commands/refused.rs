//! Bad input: one sentence that names what is wrong and where, and nothing is overwritten.

use super::{contents, copy, draw, fails, program, resumed, succeeds, tiny, told};
use burn::tensor::TensorData;
use ocelli_training::train::{CHECKPOINT, Checkpoint};
use ocelli_training::weights::Weights;
use std::path::Path;

/// Spoils a data set.
type Spoil = fn(&Path);

/// What is done to the data, and what the message must say.
const DATA: [(Spoil, &[&str]); 13] = [
    (|data| empty(&data.join("images/train")), &["no pictures", "train"]),
    (|data| empty(&data.join("images/val")), &["no pictures", "val"]),
    (|data| empty(data), &["no data set is in this folder"]),
    (|data| std::fs::remove_dir_all(data).unwrap(), &["No such file"]),
    (|data| (0..8).for_each(|n| label(data, n, "")), &["no box to learn from"]),
    (
        |data| label(data, 3, "0 .5 .5 .2 .2\n2 .5 .5 .2 .2\n"),
        &["p3.txt:2", "class_2", "class that is not listed (1 in all)"],
    ),
    (|data| label(data, 3, "0 1.4 .5 .2 .2\n"), &["p3.txt:1", "outside 0..=1"]),
    (|data| label(data, 3, "0 32 20 12 12\n"), &["p3.txt:1", "outside 0..=1"]),
    (|data| label(data, 3, "0 .5 .5 -.2 .2\n"), &["p3.txt:1", "sides of at least 0"]),
    (|data| label(data, 3, "red .5 .5 .2 .2\n"), &["p3.txt:1", "cannot be read"]),
    (|data| cut(&data.join("images/train/p5.jpg")), &["p5.jpg"]),
    (|data| cut(&data.join("images/val/p9.jpg")), &["p9.jpg"]),
    (|data| std::fs::write(data.join("images/train/p5.jpg"), "no picture at all").unwrap(), &["p5.jpg"]),
];

fn empty(folder: &Path) {
    std::fs::remove_dir_all(folder).unwrap();
    std::fs::create_dir(folder).unwrap();
}

fn label(data: &Path, number: u32, text: &str) {
    std::fs::write(data.join(format!("labels/train/p{number}.txt")), text).unwrap();
}

/// Half of a file.
fn cut(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn data_that_are_no_good_are_refused_by_file_and_line_before_anything_is_written() {
    for (spoil, words) in DATA {
        let folder = tempfile::tempdir().unwrap();
        let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
        draw(&data);
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("notes.txt"), "mine").unwrap();
        spoil(&data);
        let before = contents(folder.path());
        let error = fails(&mut tiny(&data, &out, &[]));
        words.iter().for_each(|word| assert!(error.contains(word), "{word} is not in: {error}"));
        assert!(contents(folder.path()) == before, "files were changed: {error}");
    }
}

#[test]
fn doubtful_labels_are_told_and_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
    draw(&data);
    std::fs::write(data.join("data.yaml"), "train: images/train\nnames: [red, blue]\n").unwrap();
    std::fs::remove_file(data.join("labels/train/p2.txt")).unwrap();
    label(&data, 4, "0 .9 .5 .4 .2\n");
    // Both parts are of the same whole: what is said of it is said once.
    let told = succeeds(&mut tiny(&data, &out, &["data.validation=held"]));
    for (doubt, place) in [("a picture without annotations", "p2.jpg"), ("a box that reaches out", "p4.txt:1")] {
        let lines: Vec<&str> = told.lines().filter(|line| line.contains(doubt)).collect();
        assert!(lines.len() == 1 && lines[0].starts_with("warning: 1 × ") && lines[0].contains(place), "{told}");
    }
}

#[test]
fn one_picture_with_one_object_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
    draw(&data);
    std::fs::write(data.join("data.yaml"), "train: images/train\nnames: [red, blue]\n").unwrap();
    for number in 1..8 {
        std::fs::remove_file(data.join(format!("images/train/p{number}.jpg"))).unwrap();
        std::fs::remove_file(data.join(format!("labels/train/p{number}.txt"))).unwrap();
    }
    label(&data, 0, "1 .5 .5 .2 .2\n");
    // Nothing is left to hold out, and there are fewer objects than anchors.
    succeeds(&mut tiny(&data, &out, &[]));
    assert!(out.join("model.onnx").exists());
}

#[test]
fn settings_that_are_no_good_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
    draw(&data);
    let cases: [(&str, &[&str]); 22] = [
        ("train.epochs", &["no '='", "train.epochs=50"]),
        ("train.epoch=5", &["unknown field `epoch`", "epochs", "train"]),
        ("trian.epochs=5", &["unknown field `trian`", "train"]),
        ("train.epochs.more=5", &["epochs has no settings below it"]),
        ("train.epochs=many", &["\"many\", expected a whole number", "in `train.epochs`"]),
        ("train.epochs=1.5", &["`1.5`, expected a whole number", "train.epochs"]),
        ("train.epochs=-1", &["-1", "train.epochs"]),
        ("train.epochs=0", &["train.epochs is 0", "at least 1"]),
        ("train.epochs=9000000000000000000", &["train.epochs", "at most"]),
        ("input.width=100", &["100×64", "multiples of 32"]),
        ("input.height=1000000000", &["64×1000000000", "at most 8192"]),
        ("input.batch=0", &["input.batch is 0", "1..="]),
        ("augmentation.mosaic=2", &["augmentation.mosaic is 2, not in 0..=1"]),
        ("augmentation.sizes=[[64,60]]", &["64×60", "multiples of 32"]),
        ("input.anchors=[[[1,2]]]", &["input.anchors", "3 anchors for each of the 3 outputs"]),
        ("data.also=[{path=\"more\",weight=0}]", &["data.also: more has weight 0, not a positive number"]),
        ("loss.ignore=-1", &["loss.ignore = -1 is out of range"]),
        ("model.architecture=yolov9", &["unknown variant `yolov9`", "yolov3-tiny", "model.architecture"]),
        ("model.width=0", &["model.width is 0"]),
        ("model.width=[1]", &["expected a number", "model.width"]),
        ("train.optimizer.clip_norm=0", &["train.optimizer.clip_norm is 0, not positive"]),
        ("train.schedule.rate=nan", &["train.schedule.rate is NaN"]),
    ];
    for (setting, words) in cases {
        let error = fails(&mut tiny(&data, &out, &[setting]));
        let origin = format!("error: --set {setting}: ");
        assert!(error.starts_with(&origin), "{origin} does not begin: {error}");
        words.iter().for_each(|word| assert!(error.contains(word), "{word} is not in: {error}"));
    }
    let absent = fails(&mut tiny(&data, &out, &["data.also=[{path=\"absent\"}]"]));
    assert!(absent.contains("absent: No such file"), "{absent}");
    assert!(!out.exists());
}

#[test]
fn recipes_that_are_no_good_are_refused_by_name_or_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let with = |recipe: &str| {
        let mut command = program();
        command.args(["train", recipe, "--data"]).arg(folder.path()).arg("--out").arg(folder.path().join("out"));
        fails(&mut command)
    };
    let unknown = with("bcdd");
    assert!(unknown.contains("bcdd") && unknown.contains("bccd, raccoon, transfer"), "{unknown}");
    assert!(with(file.to_str().unwrap()).contains("mine.toml: No such file"));
    std::fs::write(&file, "description = \"half\"\n[model\n").unwrap();
    let broken = with(file.to_str().unwrap());
    assert!(broken.contains("mine.toml") && broken.contains("line 2"), "{broken}");
    std::fs::write(&file, "description = \"half\"\n").unwrap();
    let half = with(file.to_str().unwrap());
    assert!(half.contains("mine.toml") && half.contains("missing field `model`"), "{half}");
    assert!(!folder.path().join("out").exists());
}

#[test]
fn wrong_usage_ends_with_code_2() {
    let cases: [&[&str]; 5] = [
        &[],
        &["train"],
        &["train", "bccd", "--data", "x"],
        &["train", "--resume", "--out", "x", "--set", "train.epochs=5"],
        &["train", "bccd", "--data", "x", "--out", "y", "--epochs", "5"],
    ];
    for arguments in cases {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", told(&output));
        assert!(told(&output).contains("Usage"), "{}", told(&output));
    }
}

/// Spoils a training's folder; its data lie beside it.
type Damage = fn(&Path);

/// What is done to a training's folder before `--resume`, and what the message must say.
const TRAININGS: [(Damage, &[&str]); 8] = [
    (|out| std::fs::remove_file(out.join(CHECKPOINT)).unwrap(), &["checkpoint.safetensors", "without --resume"]),
    (|out| std::fs::remove_file(out.join("recipe.toml")).unwrap(), &["recipe.toml", "No such file"]),
    (|out| cut(&out.join(CHECKPOINT)), &["checkpoint.safetensors", "cut short"]),
    (|out| std::fs::write(out.join(CHECKPOINT), "{}").unwrap(), &["checkpoint.safetensors", "safetensors format"]),
    // Weights, but no checkpoint.
    (|out| std::fs::rename(out.join("best.safetensors"), out.join(CHECKPOINT)).unwrap(), &["it is no checkpoint"]),
    (other_architecture, &["checkpoint.safetensors was made by another training", "[4,4,8,8,8]", "[4,4,8,8,16]"]),
    (|out| label(&out.with_file_name("data"), 3, "0 .5 .5 .2 .2\n"), &["data", "not those that the training began"]),
    (|out| std::fs::remove_dir_all(out.with_file_name("data")).unwrap(), &["data", "No such file"]),
];

/// The recipe asks for another network than that of the checkpoint.
fn other_architecture(out: &Path) {
    let recipe = std::fs::read_to_string(out.join("recipe.toml")).unwrap();
    let changed = recipe.replace("widths = [4, 4, 8, 8, 8]", "widths = [4, 4, 8, 8, 16]");
    assert_ne!(changed, recipe);
    std::fs::write(out.join("recipe.toml"), changed).unwrap();
    // Of an earlier step, so that a log that is cut before the check shows.
    let mut checkpoint = Checkpoint::read(&out.join(CHECKPOINT)).unwrap();
    checkpoint.state.step = 1;
    checkpoint.write(&out.join(CHECKPOINT)).unwrap();
}

#[test]
fn what_is_no_training_of_these_data_is_not_gone_on_with_and_kept() {
    let first = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| first.path().join(name));
    draw(&data);
    succeeds(&mut tiny(&data, &out, &[]));
    for (damage, words) in TRAININGS {
        let folder = tempfile::tempdir().unwrap();
        let [data, damaged] = ["data", "out"].map(|name| folder.path().join(name));
        draw(&data);
        copy(&out, &damaged);
        damage(&damaged);
        let before = contents(folder.path());
        let error = fails(resumed(&damaged).arg("--data").arg(&data));
        words.iter().for_each(|word| assert!(error.contains(word), "{word} is not in: {error}"));
        assert!(contents(folder.path()) == before, "files were changed: {error}");
    }
    let before = contents(first.path());
    let error = fails(&mut tiny(&data, &out, &[]));
    assert!(error.contains("out holds a training already") && error.contains("--resume"), "{error}");
    assert!(contents(first.path()) == before, "files were changed");
    // The checkpoint is gone, its model is not.
    std::fs::remove_file(out.join(CHECKPOINT)).unwrap();
    let error = fails(&mut tiny(&data, &out, &[]));
    assert!(error.contains("out holds a model.onnx"), "{error}");
    let absent = fails(&mut resumed(&first.path().join("absent")));
    assert!(absent.contains("absent has no checkpoint.safetensors"), "{absent}");
    assert!(!first.path().join("absent").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    draw(&folder.path().join("data"));
    std::fs::write(folder.path().join("file"), "mine").unwrap();
    let error = fails(&mut tiny(&folder.path().join("data"), &folder.path().join("file"), &[]));
    assert!(error.contains("file: "), "{error}");
    assert_eq!(std::fs::read(folder.path().join("file")).unwrap(), b"mine");
}

#[test]
fn weights_that_do_not_fit_are_refused_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
    draw(&data);
    let foreign = Weights([("stem.conv.weight".into(), TensorData::new(vec![0.0_f32; 6], [2, 3]))].into());
    foreign.write(&folder.path().join("foreign.safetensors"), &Default::default()).unwrap();
    std::fs::write(folder.path().join("text.safetensors"), "these are no weights").unwrap();
    std::fs::write(folder.path().join("text.weights"), "these are no weights of Darknet either").unwrap();
    let cases: [(&str, &[&str]); 4] = [
        ("absent.safetensors", &["absent.safetensors: No such file"]),
        ("foreign.safetensors", &["foreign.safetensors: none of its tensors fits"]),
        ("text.safetensors", &["text.safetensors: no weights in the safetensors format"]),
        ("text.weights", &["text.weights: ", "do not fit"]),
    ];
    for (name, words) in cases {
        let error = fails(tiny(&data, &out, &[]).arg("--weights").arg(folder.path().join(name)));
        words.iter().for_each(|word| assert!(error.contains(word), "{word} is not in: {error}"));
        assert_eq!(error.matches(name).count(), 1, "{error}");
        assert!(!out.exists());
    }
}

#[test]
fn a_folder_without_a_training_is_neither_evaluated_nor_exported() {
    let folder = tempfile::tempdir().unwrap();
    let [data, absent] = ["data", "absent"].map(|name| folder.path().join(name));
    draw(&data);
    let before = contents(folder.path());
    let error = fails(program().args(["evaluate", "--checkpoint"]).arg(&absent).arg("--data").arg(&data));
    assert!(error.contains("absent/recipe.toml: No such file"), "{error}");
    let output = folder.path().join("model.onnx");
    let error = fails(program().args(["export", "--checkpoint"]).arg(&absent).arg("-o").arg(&output));
    assert!(error.contains("absent/recipe.toml: No such file"), "{error}");
    assert!(contents(folder.path()) == before, "files were changed");
}

//! The program as people run it: what it refuses, and what it survives.

mod refused;
mod survived;
mod whole;

use ocelli::picture::{Encoding, encode};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Colours of the two classes.
const COLOURS: [[u8; 3]; 2] = [[210, 50, 40], [40, 60, 210]];

/// Writes a YOLO data set of coloured rectangles on grey: eight pictures for training, four for validation.
pub fn draw(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("data.yaml"), "train: images/train\nval: images/val\nnames: [red, blue]\n").unwrap();
    for (part, numbers) in [("train", 0..8_u32), ("val", 8..12)] {
        let [images, labels] = ["images", "labels"].map(|kind| folder.join(kind).join(part));
        [&images, &labels].into_iter().for_each(|made| std::fs::create_dir_all(made).unwrap());
        for number in numbers {
            let (picture, rows) = rectangles(number);
            std::fs::write(images.join(format!("p{number}.jpg")), encode(&picture, Encoding::Jpeg).unwrap()).unwrap();
            std::fs::write(labels.join(format!("p{number}.txt")), rows).unwrap();
        }
    }
}

/// A picture with one rectangle of each class, and its labels.
fn rectangles(number: u32) -> (image::RgbImage, String) {
    let mut picture = image::RgbImage::from_pixel(64, 64, image::Rgb([128; 3]));
    let mut rows = String::new();
    for (class, colour) in (0..).zip(COLOURS) {
        // Left and right half, so that they never overlap.
        let (width, height) = (14 + (number * 5 + class) % 12, 12 + (number * 7 + class * 3) % 20);
        let (left, top) = (class * 32 + (number * 3) % 6, (number * 11 + class * 17) % (64 - height));
        for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
            picture.put_pixel(left + x, top + y, image::Rgb(colour));
        }
        let [x, y] = [f64::from(left) + f64::from(width) / 2.0, f64::from(top) + f64::from(height) / 2.0];
        let [x, y, w, h] = [x, y, width.into(), height.into()].map(|value| value / 64.0);
        rows += &format!("{class} {x} {y} {w} {h}\n");
    }
    (picture, rows)
}

/// The program.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ocelli-train"))
}

/// A training whose steps take milliseconds, with everything that a large one has.
pub fn tiny(data: &Path, out: &Path, settings: &[&str]) -> Command {
    let mut command = program();
    command.args(["train", "raccoon", "--data"]).arg(data).arg("--out").arg(out);
    let small = ["model.widths=[4,4,8,8,8]", "input.width=64", "input.height=64", "input.batch=2"];
    let short = ["train.epochs=2", "train.evaluate_every=1", "train.checkpoint_every=1"];
    for setting in small.iter().chain(&short).chain(settings) {
        command.args(["--set", setting]);
    }
    command
}

/// Goes on with a training.
pub fn resumed(out: &Path) -> Command {
    let mut command = program();
    command.args(["train", "--resume", "--out"]).arg(out);
    command
}

/// What a command said, on standard error.
pub fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs a command that must succeed.
pub fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", told(&output));
    told(&output)
}

/// Runs a command that must fail with exit code 1, and gives its error: one line, the last one.
pub fn fails(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = told(&output);
    assert_eq!(output.status.code(), Some(1), "{command:?}: {text}");
    assert!(output.stdout.is_empty(), "standard output is for data");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert_eq!(text.lines().last(), Some(errors[0]), "one line, the last one: {text}");
    eprintln!("{}", errors[0]);
    errors[0].into()
}

/// Every file below a folder with its bytes.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// Copies a folder of files.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

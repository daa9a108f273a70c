//! A model that is run: here, in two goes, through a server; and files that are of another run.

use super::sample::{evaluate_pets, pets, save};
use super::server::Serving;
use super::{figures, folder_beside, json, ocelli, pycocotools};
use crate::{data, models, python};
use serde_json::Value;
use tempfile::TempDir;

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).expect("a written file")
}

/// A run that was cut short: without some of its lines, and with half of the last one.
fn cut_short(run: &str) -> String {
    let lines: Vec<&str> = run.lines().collect();
    let (first, rest) = lines.split_at(lines.len() / 3);
    let (_, rest) = rest.split_at(2);
    let (rest, last) = rest.split_at(rest.len() / 2);
    let whole: String = first.iter().chain(rest).map(|line| format!("{line}\n")).collect();
    format!("{whole}{}", &last[0][..last[0].len() / 2])
}

/// Runs the model, cuts its file short, goes on, and asks a server; all must give the same JSON, which is returned.
fn evaluate_three_ways(folder: &TempDir, data: &str, model: &str) -> String {
    let evaluate = |arguments: &str| {
        let ended = ocelli(folder, &format!("evaluate --data {data} --json - {arguments}"));
        ended.assert(0, &[]);
        ended
    };
    let run = format!("--model {model} --detections-out run.jsonl");
    let wanted = evaluate(&run).out;
    let whole = read(folder, "run.jsonl");
    let cut = cut_short(&whole);
    save(folder, "run.jsonl", &cut);
    let continued = evaluate(&run);
    let (done, all) = (cut.lines().count() - 2, whole.lines().count() - 1);
    assert!(continued.said.contains(&format!("{done} of {all} pictures are done already")), "{}", continued.said);
    assert!(continued.out == wanted, "continued: {}\n{wanted}", continued.out);
    let (kept, _) = cut.rsplit_once('\n').expect("lines");
    let written = read(folder, "run.jsonl");
    assert!(written.starts_with(&format!("{kept}\n")), "what was done is not touched");
    assert_eq!(written.lines().count(), whole.lines().count());
    assert!(evaluate(&run).out == wanted && read(folder, "run.jsonl") == written, "nothing is left to do");
    let serving = Serving::start(folder, &format!("--model {model}"));
    let asked = evaluate(&format!("--endpoint {}", serving.url)).out;
    assert!(asked == wanted, "asked: {asked}\n{wanted}");
    wanted
}

#[test]
fn a_run_in_one_go_in_two_and_through_a_server_are_the_same() {
    let folder = pets();
    let found: Value = serde_json::from_str(&evaluate_three_ways(&folder, "pets", "tiny.onnx")).expect("JSON");
    assert_eq!(found["data"]["images"], 6);
    assert!(found["coco"]["AP50"].as_f64() > Some(0.1), "{}", found["coco"]);
}

#[test]
fn coco128_is_the_same_in_one_go_in_two_through_a_server_and_for_pycocotools() {
    let (Some(data), Some(python)) = (data::folder(), python::python()) else { return };
    let folder = folder_beside(&data);
    models::convert("yolo-fastest-1.1-xl", folder.path()).expect("the model");
    let (coco128, model) = ("data/detection/coco128", "yolo-fastest-1.1-xl.onnx");
    let found: Value = serde_json::from_str(&evaluate_three_ways(&folder, coco128, model)).expect("JSON");
    assert_eq!((&found["data"]["images"], &found["data"]["truths"]), (&Value::from(128), &Value::from(898)));
    // pycocotools needs the truths as COCO's JSON too; the figures of that data set are the same.
    ocelli(&folder, &format!("dataset convert {coco128} --to coco -o coco")).assert(0, &[]);
    let converted = format!("evaluate --data coco --model {model} --coco-results found.json --json out.json");
    ocelli(&folder, &converted).assert(0, &[]);
    assert_eq!(figures(&json(&folder.path().join("out.json"))), figures(&found));
    assert_eq!(pycocotools(&python, &folder, "coco/annotations/instances_val.json", "found.json"), figures(&found));
    // And so they are when they are read again.
    let again = ocelli(&folder, "evaluate --data coco --detections found.json --json -").json();
    assert_eq!(figures(&again), figures(&found));
}

#[test]
fn a_file_of_another_run_or_of_something_else_is_refused_and_left_as_it_is() {
    let folder = pets();
    evaluate_pets(&folder, "--detections-out run.jsonl").assert(0, &[]);
    let run = read(&folder, "run.jsonl");
    let half = run.lines().next().map(|line| &line[..line.len() / 2]).expect("a line");
    for (held, arguments, sentence) in [
        (
            &*run.replace("\"ocelli_run\":{\"model\":\"tiny\"", "\"ocelli_run\":{\"model\":\"huge\""),
            "",
            "its model is huge",
        ),
        (&*run.replace("\"sha256\":\"", "\"sha256\":\"0"), "", "its tiny is another file of that name"),
        (&run, "--confidence 0.01", "it was run at confidence 0.001, NMS 0.45 and 100 detections a picture"),
        (&run, "--nms-iou 0.5", "it was run at confidence 0.001"),
        (&run, "--detections-per-image 10", "it was run at confidence 0.001"),
        ("[{\"image_id\": 1}]", "", "its first line does not say which"),
        ("[{\"image_id\": 1}]\n", "", "its first line does not say which"),
        ("{\"model\": \"tiny\"}\nhalf a line", "", "its first line does not say which"),
        ("\n\n", "", "its first line does not say which"),
        (half, "--confidence 0.01 --nms-iou 0.4 --model other.onnx", "its first line does not say which"),
    ] {
        std::fs::copy(folder.path().join("tiny.onnx"), folder.path().join("other.onnx")).expect("a copy");
        save(&folder, "run.jsonl", held);
        let model = if arguments.contains("--model") { "" } else { "--model tiny.onnx" };
        let ended = ocelli(&folder, &format!("evaluate --data pets {model} {arguments} --detections-out run.jsonl"));
        ended.assert(1, &["error: run.jsonl holds detections of another run: ", sentence, "name another file"]);
        assert!(ended.out.is_empty() && read(&folder, "run.jsonl") == held, "{held}");
    }
    save(&folder, "run.jsonl", half);
    evaluate_pets(&folder, "--detections-out run.jsonl").assert(0, &[]);
    assert_eq!(read(&folder, "run.jsonl").lines().next(), run.lines().next(), "a run that was hardly begun goes on");
}

#[test]
fn detections_of_other_pictures_are_refused() {
    let folder = pets();
    evaluate_pets(&folder, "--detections-out run.jsonl").assert(0, &[]);
    std::fs::remove_file(folder.path().join("pets/images/val/3.png")).expect("one picture less");
    let ended = evaluate_pets(&folder, "--detections-out run.jsonl");
    ended.assert(1, &["a result for a picture that the data set does not have", "run.jsonl:", "(3.png)"]);
}

#[test]
fn a_picture_that_cannot_be_read_is_told_and_counts_as_one_without_detections() {
    let folder = pets();
    let picture = folder.path().join("pets/images/val/2.png");
    let bytes = std::fs::read(&picture).expect("a picture");
    std::fs::write(&picture, &bytes[..bytes.len() / 2]).expect("half a picture");
    let ended = evaluate_pets(&folder, "--json out.json");
    ended.assert(0, &["warning: 1 × a file that is no readable picture", "2.png"]);
    assert_eq!(json(&folder.path().join("out.json"))["data"]["images"], 6);
    evaluate_pets(&folder, "--strict").assert(1, &["error: --strict"]);
    let serving = Serving::start(&folder, "--model tiny.onnx");
    let asked = ocelli(&folder, &format!("evaluate --data pets --endpoint {} --json asked.json", serving.url));
    asked.assert(0, &["warning: 1 × a file that is no readable picture", "2.png"]);
    assert!(read(&folder, "asked.json") == read(&folder, "out.json"));
}

#[test]
fn a_picture_that_is_not_there_is_told_once_and_only_if_it_is_looked_for() {
    let folder = pets();
    ocelli(&folder, "dataset convert pets --to coco -o coco").assert(0, &[]);
    evaluate_pets(&folder, "--detections-out run.jsonl").assert(0, &[]);
    std::fs::remove_file(folder.path().join("coco/val/2.png")).expect("one picture less");
    ocelli(&folder, "evaluate --data coco --model tiny.onnx")
        .assert(0, &["warning: 1 × a picture without a file", "2.png"]);
    let read = ocelli(&folder, "evaluate --data coco --detections run.jsonl --strict");
    read.assert(0, &[]);
    assert!(!read.said.contains("warning"), "{}", read.said);
}

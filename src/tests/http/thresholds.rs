//! Confidence thresholds of classes: what they leave out, what overrides them, and how the file of `serve` sets them.

use super::{Server, app, models, options};
use crate::pictures::DOG_PNG;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The tiny model, with thresholds for some of its labels, `cat` and `dog`.
fn server(thresholds: &[(&str, f32)]) -> Server {
    let thresholds = thresholds.iter().map(|(label, least)| ((*label).to_owned(), *least)).collect();
    Server::new(app(options(), vec![models::tiny().with_thresholds(thresholds).expect("labels that it knows")]))
}

async fn detections(server: &Server, query: &str) -> Vec<Value> {
    let report = server.detect(query, "image/png", DOG_PNG).await.json();
    report["detections"].as_array().expect("a list").clone()
}

fn of(label: &str, detections: &[Value]) -> Vec<Value> {
    detections.iter().filter(|one| one["label"] == label).cloned().collect()
}

/// A confidence with as many detections above as below.
fn middle(detections: &[Value]) -> f64 {
    assert!(detections.len() > 2, "too few to part: {detections:?}");
    detections[detections.len() / 2]["confidence"].as_f64().expect("a number")
}

#[tokio::test]
async fn a_class_with_a_threshold_needs_more_than_that_and_the_others_stay() {
    let usual = detections(&server(&[]), "").await;
    let (cats, dogs) = (of("cat", &usual), of("dog", &usual));
    assert!(!cats.is_empty());
    let found = detections(&server(&[("dog", 1.0)]), "").await;
    assert_eq!(found, cats, "no dog is surer than 1");
    let least = middle(&dogs);
    let surer = |dog: &&Value| dog["confidence"].as_f64() > Some(least);
    let wanted: Vec<Value> = dogs.iter().filter(surer).cloned().collect();
    #[expect(clippy::cast_possible_truncation, reason = "it was an f32")]
    let found = detections(&server(&[("dog", least as f32)]), "").await;
    assert_eq!((of("cat", &found), of("dog", &found)), (cats, wanted));
}

#[tokio::test]
async fn a_threshold_below_the_usual_one_finds_more_of_its_class_alone() {
    let usual = detections(&server(&[]), "").await;
    let more = detections(&server(&[]), "?confidence=0.1").await;
    assert!(of("dog", &more).len() > of("dog", &usual).len());
    for query in ["", "?keep=true", "?classes=dog,cat"] {
        let found = detections(&server(&[("dog", 0.1)]), query).await;
        assert_eq!(of("dog", &found), of("dog", &more), "{query}");
        assert_eq!(of("cat", &found), of("cat", &usual), "{query}");
    }
}

#[tokio::test]
async fn equal_thresholds_for_all_classes_are_a_confidence() {
    let (plain, table) = (server(&[]), server(&[("cat", 0.3), ("dog", 0.3)]));
    for query in
        ["", "nms=soft-linear", "nms=soft-gaussian", "class_agnostic=true", "class_agnostic=true&nms=soft-linear"]
    {
        let wanted = detections(&plain, &format!("?confidence=0.3&{query}")).await;
        assert_eq!(detections(&table, &format!("?{query}")).await, wanted, "{query}");
        assert!(!wanted.is_empty());
    }
}

#[tokio::test]
async fn a_confidence_in_the_request_overrides_the_thresholds() {
    let (plain, table) = (server(&[]), server(&[("cat", 0.1), ("dog", 1.0)]));
    for query in ["?confidence=0.25", "?confidence=0.05", "?confidence=0", "?confidence=0.4&nms=soft-gaussian"] {
        assert_eq!(detections(&table, query).await, detections(&plain, query).await, "{query}");
    }
}

#[tokio::test]
async fn kept_candidates_follow_the_thresholds_as_the_picture_does() {
    let table = server(&[("cat", 0.1), ("dog", 0.3)]);
    for first in ["?keep=true", "?keep=true&confidence=0.9"] {
        let report = table.detect(first, "image/png", DOG_PNG).await.json();
        let handle = report["handle"].as_str().expect("a handle").to_owned();
        for query in ["", "?nms=soft-linear", "?confidence=0.05", "?confidence=0.25", "?classes=cat"] {
            let kept = table.get(&format!("/api/v1/candidates/{handle}{query}")).await.json();
            assert_eq!(kept["detections"], Value::from(detections(&table, query).await), "{first}, then {query}");
        }
    }
}

#[tokio::test]
async fn a_model_tells_its_thresholds_if_it_has_any() {
    let told = server(&[("dog", 0.37)]).get("/api/v1/models/tiny").await.json();
    assert_eq!(told["thresholds"], json!({ "dog": 0.37 }));
    let told = server(&[]).get("/api/v1/models/tiny").await.json();
    assert!(told.get("thresholds").is_none(), "{told}");
}

#[test]
fn a_label_that_a_model_does_not_know_gives_it_no_threshold() {
    for (model, label) in [(models::tiny(), "unicorn"), (models::tiny(), "Dog"), (models::raw(), "dog")] {
        let unknown = model.with_thresholds(BTreeMap::from([(label.into(), 0.5)])).err().expect("a refusal");
        assert_eq!(unknown.label, label);
    }
}

/// `ocelli serve` with this file for its configuration, and one model, `tiny`, on any free port.
fn serve(folder: &Path, file: &str) -> Command {
    let (config, model) = (folder.join("ocelli.toml"), models::tiny_file(folder));
    std::fs::write(&config, file).expect("a written file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
    command.args(["serve", "--host", "127.0.0.1", "--port", "0", "--config"]).arg(config).arg("--model").arg(model);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn a_file_with_impossible_thresholds_ends_the_server_with_a_reason() {
    for (file, code, reasons) in [
        ("[models.tiny.thresholds]\nunicorn = 0.5", 2, ["[models.\"tiny\".thresholds]", "`unicorn`", "models show"]),
        (
            "[models.tiny.thresholds]\ndog = 0.3\ncat = 1.5",
            2,
            ["[models.\"tiny\".thresholds]", "\"cat\" = 1.5", "0..=1"],
        ),
        ("[models.tiny.thresholds]\ndog = -0.001", 2, ["[models.\"tiny\".thresholds]", "\"dog\" = -0.001", "0..=1"]),
        ("[models.tiny.thresholds]\ndog = 37", 2, ["[models.\"tiny\".thresholds]", "\"dog\" = 37", "0..=1"]),
        ("[models.tiny.thresholds]\ndog = nan", 2, ["[models.\"tiny\".thresholds]", "\"dog\" = NaN", "0..=1"]),
        ("[models.tinny.thresholds]\ndog = 0.3", 2, ["[models.\"tinny\"]", "no model of this name", "there are tiny"]),
        ("[models.tiny.tresholds]\ndog = 0.3", 1, ["line 1", "unknown field `tresholds`", "`thresholds`"]),
        ("[models.tiny]\nthresholds = 0.3", 1, ["line 2", "invalid type", ""]),
        ("[models.tiny.thresholds]\ndog = \"high\"", 1, ["line 2", "invalid type", ""]),
        ("[models.tiny.thresholds]\ndog = 0.3\ndog = 0.4", 1, ["line 3", "duplicate key", ""]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let ended = serve(folder.path(), file).output().expect("ocelli runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{file}\n{said}");
        for reason in reasons.into_iter().chain(["ocelli.toml"]) {
            assert!(said.contains(reason), "{file}\n{reason} is not in: {said}");
        }
    }
}

/// A process that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_server_serves_with_the_thresholds_of_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = "queue = 4\n[models.\"tiny\".thresholds]\n\"cat\" = 0.3\ndog = 1\n";
    let mut running = Running(serve(folder.path(), file).spawn().expect("ocelli runs"));
    let mut log = BufReader::new(running.0.stderr.take().expect("a log")).lines().map(|line| line.expect("a line"));
    let ready = log.by_ref().find(|line| line.contains("\"ready\"")).expect("a server that becomes ready");
    let ready: Value = serde_json::from_str(&ready).expect("a line of JSON");
    let playground = ready["playground"].as_str().expect("an address");
    let json = |mut answer: ureq::http::Response<ureq::Body>| -> Value {
        serde_json::from_str(&answer.body_mut().read_to_string().expect("a body")).expect("JSON")
    };
    let told = json(ureq::get(format!("{playground}api/v1/models/tiny")).call().expect("an answer"));
    // An f32 in JSON has its own shortest digits.
    assert_eq!(told["thresholds"], json!({ "cat": 0.3, "dog": 1.0 }));
    let detect = ureq::post(format!("{playground}api/v1/detect")).header("content-type", "image/png");
    let found = json(detect.send(DOG_PNG).expect("an answer"));
    let wanted = detections(&server(&[("cat", 0.3), ("dog", 1.0)]), "").await;
    assert!(!wanted.is_empty());
    assert_eq!(found["detections"], Value::from(wanted));
}

//! The model in the program: what means it, what takes its place, and what a newcomer sees of it in an empty folder.

use crate::data;
use crate::http::models::{tiny_cfg, write};
use crate::program::{Ended, ocelli};
use ocelli::catalog::Entry;
use ocelli::catalog::shipped::{NAME, SAMPLES};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A file below the repository's `models`.
fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

/// A folder in which `models` holds detectors of cats and dogs by these names.
fn folder_with(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("models")).expect("a folder");
    for name in names {
        write(&tiny_cfg(), Some(&["cat", "dog"]), &folder.path().join(format!("models/{name}.onnx")));
    }
    folder
}

/// `ocelli detect` on a sample photograph.
fn detect(folder: &TempDir, arguments: &str) -> Ended {
    ocelli(folder, &format!("detect --json {arguments} {}", repository("samples/blood-31.jpg").display()))
}

fn labels(report: &Value) -> Vec<&str> {
    let detections = report["detections"].as_array().expect("detections");
    detections.iter().map(|found| found["label"].as_str().expect("a label")).collect()
}

#[test]
fn detect_without_a_model_finds_blood_cells_in_the_sample_photographs() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = detect(&folder, "");
    ended.assert(0, &["model: ocelli-bccd, which ships with the program and finds blood cells; --model names another"]);
    let report = ended.json();
    assert_eq!(report["model"], NAME);
    let red = labels(&report).into_iter().filter(|label| *label == "RBC").count();
    assert!(red >= 5, "{red} red cells: {report}");
    let all = ocelli(&folder, &format!("detect --json {}", repository("samples").display()));
    let reports: Vec<Value> = all.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(reports.len(), SAMPLES.len());
    for report in &reports {
        let found = labels(report);
        assert!(found.contains(&"RBC"), "{report}");
        assert!(found.iter().all(|label| ["Platelets", "RBC", "WBC"].contains(label)), "{report}");
    }
}

#[test]
fn the_shipped_model_is_meant_where_no_other_is() {
    let folder = folder_with(&[]);
    let measured = ocelli(&folder, "bench --runs 1 --threads 1 --json");
    measured.assert(0, &["model: ocelli-bccd, which ships with the program"]);
    assert_eq!(measured.json()["model"], NAME);
    assert_eq!(detect(&folder, "--models-dir nowhere").json()["model"], NAME);
    assert_eq!(detect(&folder, "--model ocelli-bccd").json()["model"], NAME);
    // A name that is given needs no telling.
    assert_eq!(detect(&folder, "--model ocelli-bccd").said, "");
    detect(&folder, "--model ocelli").assert(1, &["no model `ocelli`"]);
    ocelli(&folder, "infer ocelli-bccd --input a=b.npy").assert(1, &["no model `ocelli-bccd`"]);
}

#[test]
fn evaluate_without_a_model_measures_the_shipped_one() {
    let Some(data) = data::folder() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let bccd = data.join("detection/bccd").canonicalize().expect("the data set");
    let evaluation = ocelli(&folder, &format!("evaluate --data {} --split test --json -", bccd.display()));
    evaluation.assert(0, &["model: ocelli-bccd, which ships with the program", "split test, 72 pictures"]);
    let evaluation = evaluation.json();
    // The figures of its card, and what it was to reach at least.
    let figure = |name: &str| evaluation["coco"][name].as_f64().unwrap_or_default();
    assert!((figure("AP") - 0.600).abs() < 0.002 && figure("AP") >= 0.57, "{}", evaluation["coco"]);
    assert!((figure("AP50") - 0.921).abs() < 0.002 && figure("AP50") >= 0.89, "{}", evaluation["coco"]);
}

#[test]
fn a_model_of_ones_own_goes_before_the_shipped_one() {
    let folder = folder_with(&["zebra"]);
    let ended = detect(&folder, "");
    ended.assert(0, &["model: models/zebra.onnx"]);
    assert_eq!(ended.json()["model"], "zebra");
    // As in the repository, whose own folder holds the shipped model's file.
    std::fs::copy(repository("ocelli-bccd.onnx"), folder.path().join("models/ocelli-bccd.onnx")).expect("a copy");
    assert_eq!(detect(&folder, "").json()["model"], "zebra");
    assert_eq!(detect(&folder, "--model ocelli-bccd").json()["model"], NAME);
    let folder = folder_with(&["ant", "zebra"]);
    let ended = detect(&folder, "");
    ended.assert(2, &["which model? name one with --model: ant, zebra, ocelli-bccd"]);
    assert_eq!(ended.out, "");
}

#[test]
fn a_file_of_its_name_takes_the_place_of_the_shipped_one() {
    let folder = folder_with(&[NAME]);
    for arguments in ["", "--model ocelli-bccd"] {
        let report = detect(&folder, arguments).json();
        assert_eq!(report["model"], NAME);
        assert!(labels(&report).iter().all(|label| ["cat", "dog"].contains(label)), "{report}");
    }
    detect(&folder, "").assert(0, &["model: models/ocelli-bccd.onnx\n"]);
    let shown = ocelli(&folder, "models show ocelli-bccd").out;
    assert!(shown.contains("models/ocelli-bccd.onnx") && shown.contains("cat, dog"), "{shown}");
    let listed = ocelli(&folder, "models list").out;
    assert_eq!(listed.matches(NAME).count(), 1, "{listed}");
    assert!(listed.contains("2 classes") && listed.contains("in place of the one that ships"), "{listed}");
}

#[test]
fn models_list_and_show_tell_of_the_shipped_one() {
    let folder = folder_with(&["zebra"]);
    let listed = ocelli(&folder, "models list").out;
    let line = listed.lines().find(|line| line.starts_with("ocelli-bccd ")).expect("a line of it");
    assert!(line.contains("detection, 3 classes") && line.ends_with("; ships with the program"), "{line}");
    assert!(listed.lines().any(|line| line.starts_with("zebra ") && !line.contains("ships")), "{listed}");
    let bytes = std::fs::read(repository("ocelli-bccd.onnx")).expect("the model");
    assert!(bytes.len() <= 6_000_000, "{} bytes", bytes.len());
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = ocelli(&folder, "models show ocelli-bccd").out;
    for part in ["ocelli-bccd, which ships with the program", &sha256, &format!("{} bytes", bytes.len()), "RBC"] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
}

#[test]
fn bytes_in_the_program_are_held_to_what_a_file_is_held_to() {
    for (bytes, reason) in [(&b""[..], "the file is empty"), (b"\x00\x01no model", "")] {
        let refused = Entry::embedded("broken", bytes).open().err().expect("a refusal").to_string();
        assert!(refused.contains("broken") && refused.contains(reason), "{refused}");
    }
}

#[test]
fn an_unknown_model_cannot_be_pulled_and_the_known_ones_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    ocelli(&folder, "models pull yolov9")
        .assert(2, &["no model `yolov9` can be pulled", "yolov3, yolov3-tiny, yolov3-spp"]);
    std::fs::create_dir(folder.path().join("models")).expect("a folder");
    std::fs::write(folder.path().join("models/yolov3-spp.onnx"), "somebody's own").expect("a file");
    ocelli(&folder, "models pull yolov3-spp").assert(0, &["models/yolov3-spp.onnx: here already"]);
}

/// `ocelli serve` in a folder, without arguments and without an environment but for the port, which is a free one.
struct Served {
    child: Child,
    /// What it logged before it was ready.
    log: String,
    url: String,
    took: Duration,
}

impl Served {
    fn new(folder: &TempDir) -> Self {
        let began = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
        command.arg("serve").current_dir(folder).env_clear().env("OCELLI_PORT", "0");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("ocelli runs");
        let log = BufReader::new(child.stderr.take().expect("a log"));
        let mut lines = log.lines().map(|line| line.expect("a line"));
        let mut log = String::new();
        let mut told = lines.by_ref().inspect(|line| log.push_str(line));
        let ready = told.find(|line| line.contains("\"ready\"")).expect("a server that becomes ready");
        let ready: Value = serde_json::from_str(&ready).expect("a line of JSON");
        let url = ready["playground"].as_str().expect("an address").trim_end_matches('/').to_owned();
        // Nobody may stop reading what it logs.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, log, url, took: began.elapsed() }
    }

    fn get(&self, path: &str) -> Vec<u8> {
        let mut answer = ureq::get(format!("{}{path}", self.url)).call().expect("an answer");
        answer.body_mut().read_to_vec().expect("a body")
    }

    fn models(&self) -> Vec<Value> {
        let told: Value = serde_json::from_slice(&self.get("/api/v1/models")).expect("JSON");
        told["models"].as_array().expect("models").clone()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn serve_in_an_empty_folder_serves_the_shipped_model_and_its_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::new(&folder);
    // A second or two on an idle machine; tests share theirs.
    assert!(served.took < Duration::from_secs(20), "ready after {:?}", served.took);
    let said = "no model in the folder, serving the one that ships with the program";
    assert!(served.log.contains(said), "{}", served.log);
    let models = served.models();
    let told: Vec<_> = models.iter().map(|model| (model["name"].as_str(), model["default"].as_bool())).collect();
    assert_eq!(told, [(Some(NAME), Some(true))]);
    let samples = models[0]["samples"].as_array().expect("samples");
    assert_eq!(samples.len(), 3);
    for address in samples.iter().map(|address| address.as_str().expect("an address")) {
        let file = std::fs::read(repository(address.trim_start_matches('/'))).expect("the picture");
        assert!(served.get(address) == file, "{address}");
        let detect = ureq::post(format!("{}/api/v1/detect", served.url)).header("content-type", "image/jpeg");
        let found = detect.send(&file).expect("an answer").body_mut().read_to_string().expect("a body");
        let found: Value = serde_json::from_str(&found).expect("JSON");
        let wanted =
            ocelli(&folder, &format!("detect --json {}", repository(address.trim_start_matches('/')).display()));
        assert_eq!(found["detections"], wanted.json()["detections"], "{address}");
        assert!(labels(&found).contains(&"RBC"), "{address}: {found}");
    }
    assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 0, "the folder stays empty");
}

#[test]
fn serve_serves_ones_own_models_before_the_shipped_ones_file_and_in_place_of_what_is_in_the_program() {
    let served = Served::new(&folder_with(&["zebra"]));
    let models = served.models();
    assert_eq!((models.len(), models[0]["name"].as_str()), (1, Some("zebra")));
    assert!(models[0].get("samples").is_none(), "no photographs of cells for cats and dogs: {}", models[0]);
    let served = Served::new(&folder_with(&[NAME, "zebra"]));
    let models = served.models();
    let names: Vec<_> = models.iter().map(|model| model["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["zebra", NAME]);
    assert!(!served.log.contains("ships"), "{}", served.log);
}

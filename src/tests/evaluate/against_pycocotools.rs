//! Detections that were made elsewhere, beside pycocotools on the same files.

use super::sample::{EVALUATE_FILES, coco, coco_folder, save};
use super::{FIGURES, figures, ocelli, pycocotools};
use crate::python::python;
use serde_json::{Value, json};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn the_json_has_the_keys_of_the_contract_in_its_order() {
    let folder = coco_folder();
    // A box without area, for a warning.
    let (mut truth, _) = coco(1);
    truth["annotations"][4]["bbox"][2] = json!(0);
    save(&folder, "truth.json", &truth.to_string());
    let found = ocelli(&folder, &format!("{EVALUATE_FILES} --json -")).json();
    assert_eq!(keys(&found)[..7], ["data", "coco", "voc2007", "voc2010", "darknet", "classes", "warnings"]);
    assert_eq!(keys(&found["data"]), ["images", "truths", "detections", "classes"]);
    assert_eq!(keys(&found["coco"]), FIGURES);
    for protocol in ["voc2007", "voc2010", "darknet"] {
        assert_eq!(keys(&found[protocol]), ["mAP"]);
    }
    let class = ["label", "truths", "AP", "AP50", "best_f1", "best_confidence", "precision", "recall"];
    assert_eq!(keys(&found["classes"][0]), class);
    let first = json!({ "file": "truth.json", "index": 4, "id": 5 });
    assert_eq!(found["warnings"], json!([{ "kind": "zero-area-box", "count": 1, "first": first }]));
}

#[test]
fn figures_are_those_of_pycocotools_to_the_last_digit() {
    let Some(python) = python() else { return };
    let folder = coco_folder();
    let wanted = pycocotools(&python, &folder, "truth.json", "found.json");
    assert!(wanted.iter().flatten().all(|value| (0.01..0.99).contains(value)), "{wanted:?} tells nothing");
    for arguments in ["", "--pycocotools-quirks", "--strict", "--bootstrap 2"] {
        let found = ocelli(&folder, &format!("{EVALUATE_FILES} --json - {arguments}")).json();
        assert_eq!(figures(&found), wanted, "{arguments}");
    }
    let (truth, results) = coco(1);
    let found = ocelli(&folder, &format!("{EVALUATE_FILES} --json -")).json();
    assert_eq!(found["data"]["truths"], truth["annotations"].as_array().expect("a list").len());
    assert_eq!(found["data"]["detections"], results.as_array().expect("a list").len());
}

#[test]
fn figures_without_truths_are_null_where_pycocotools_says_minus_one() {
    let Some(python) = python() else { return };
    let folder = coco_folder();
    let (mut truth, _) = coco(1);
    let large = |one: &Value| one["area"].as_f64() >= Some(9216.0);
    truth["annotations"].as_array_mut().expect("a list").retain(|one| !large(one));
    save(&folder, "truth.json", &truth.to_string());
    let found = figures(&ocelli(&folder, &format!("{EVALUATE_FILES} --json -")).json());
    assert_eq!(found, pycocotools(&python, &folder, "truth.json", "found.json"));
    assert_eq!((found[5], found[11]), (None, None));
}

#[test]
fn quirks_are_copied_only_if_asked_for() {
    let Some(python) = python() else { return };
    let folder = coco_folder();
    let plain = ocelli(&folder, &format!("{EVALUATE_FILES} --json -")).json();
    // An annotation of id 0 that is matched counts as one that is not.
    save(&folder, "truth.json", &coco(0).0.to_string());
    let ours = ocelli(&folder, &format!("{EVALUATE_FILES} --json -")).json();
    let theirs = ocelli(&folder, &format!("{EVALUATE_FILES} --pycocotools-quirks --json -")).json();
    assert_eq!(figures(&ours), figures(&plain), "numbers of annotations mean nothing");
    assert_eq!(figures(&theirs), pycocotools(&python, &folder, "truth.json", "found.json"));
    assert_ne!(figures(&theirs), figures(&ours));
    assert_eq!(theirs["settings"]["pycocotools_quirks"], true);
}

#[test]
fn two_runs_write_the_same_bytes() {
    let folder = coco_folder();
    let files = ["out.json", "out.csv", "out.md", "out.html"];
    let arguments = "--bootstrap 50 --seed 1 --json out.json --csv out.csv --markdown out.md --report out.html";
    let [one, other] = [(), ()].map(|()| {
        let ended = ocelli(&folder, &format!("{EVALUATE_FILES} {arguments}"));
        ended.assert(0, &[]);
        let written = files.map(|name| std::fs::read_to_string(folder.path().join(name)).expect("a written file"));
        (ended.out, written)
    });
    assert!(one.1.iter().all(|text| text.len() > 100) && !one.0.is_empty());
    assert!(one == other);
}

#[test]
fn an_interval_contains_its_figure_and_a_model_is_no_better_than_itself() {
    let folder = coco_folder();
    let arguments = format!("{EVALUATE_FILES} --bootstrap 50 --seed 1 --against found.json --json -");
    let found = ocelli(&folder, &arguments).json();
    let intervals = &found["intervals"];
    assert_eq!((&intervals["replicates"], &intervals["seed"]), (&json!(50), &json!(1)));
    let list = |value: &Value| value.as_array().expect("a list").clone();
    for (one, (name, value)) in list(&intervals["coco"]).iter().zip(FIGURES.iter().zip(figures(&found))) {
        assert_eq!((one["name"].as_str(), one["value"].as_f64()), (Some(*name), value));
        let (low, high) = (one["low"].as_f64(), one["high"].as_f64());
        assert!(low < value && value < high, "{one}");
    }
    assert_eq!(intervals["against"]["other"], "found.json");
    for one in list(&intervals["against"]["coco"]) {
        assert_eq!([&one["value"], &one["low"], &one["high"]], [0.0; 3], "{one}");
    }
    let other = ocelli(&folder, &arguments.replace("--seed 1", "--seed 2")).json();
    assert_ne!(other["intervals"]["coco"], intervals["coco"], "another seed draws other pictures");
}

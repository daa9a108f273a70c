//! Exit codes and sentences of gates.

use super::ocelli;
use super::sample::{EVALUATE_FILES, coco, coco_folder, save};
use serde_json::json;

#[test]
fn a_gate_that_is_met_ends_with_0_and_a_missed_one_with_3_and_a_sentence() {
    let folder = coco_folder();
    let evaluate = |gates: &str| ocelli(&folder, &format!("{EVALUATE_FILES} {gates} --json out.json"));
    evaluate("").assert(0, &[]);
    let found = super::json(&folder.path().join("out.json"));
    let ap50 = found["coco"]["AP50"].as_f64().expect("a number");
    evaluate(&format!("--fail-under AP50={ap50} --fail-under recall=0.01")).assert(0, &[]);
    let missed = evaluate("--fail-under AP=0.01 --fail-under AP50=0.99 --fail-under f1=0.98");
    let f1 = found["operating_point"]["f1"].as_f64().expect("a number");
    missed.assert(
        3,
        &[
            &format!("error: AP50 is {ap50:.3}; at least 0.99 is asked for"),
            &format!("error: f1 is {f1:.3}; at least 0.98 is asked for"),
        ],
    );
    assert!(!missed.said.contains("AP is"), "{}", missed.said);
    assert!(missed.out.contains("COCO"), "the table is printed all the same");
}

#[test]
fn a_fall_below_the_baseline_ends_with_3_and_says_by_how_much() {
    let folder = coco_folder();
    let evaluate = |arguments: &str| ocelli(&folder, &format!("{EVALUATE_FILES} {arguments}"));
    evaluate("--json before.json").assert(0, &[]);
    evaluate("--baseline before.json --max-drop 0").assert(0, &[]);
    // Half of the detections go.
    let (_, mut results) = coco(1);
    let mut index = 0;
    results.as_array_mut().expect("a list").retain(|_| {
        index += 1;
        index % 2 == 0
    });
    save(&folder, "found.json", &results.to_string());
    evaluate("--baseline before.json --max-drop 100").assert(0, &[]);
    let ended = evaluate("--baseline before.json --max-drop 0.5 --json after.json");
    let [before, after] = ["before.json", "after.json"].map(|name| super::json(&folder.path().join(name)));
    let [from, to] = [before, after].map(|found| found["coco"]["AP50"].as_f64().expect("a number"));
    let drop = (from - to) * 100.0;
    let sentence = format!("AP50 fell by {drop:.1} points, from {from:.3} to {to:.3}; at most 0.5 are allowed");
    ended.assert(3, &[&sentence, "AP fell by", "AP75 fell by"]);
}

#[test]
fn doubtful_data_are_told_and_with_strict_an_error() {
    let folder = coco_folder();
    let (_, mut results) = coco(1);
    results[3]["score"] = json!(1.5);
    save(&folder, "found.json", &results.to_string());
    let told = ["warning: 1 × a score outside 0..=1", "found.json, record 3"];
    ocelli(&folder, EVALUATE_FILES).assert(0, &told);
    let ended = ocelli(&folder, &format!("{EVALUATE_FILES} --strict --json out.json"));
    ended.assert(1, &[told[0], told[1], "error: --strict"]);
    assert!(ended.out.is_empty() && !folder.path().join("out.json").exists(), "{}", ended.out);
}

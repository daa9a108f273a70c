//! Input that would make figures meaningless, and command lines that contradict themselves.

use super::ocelli;
use super::sample::{EVALUATE_FILES, coco, coco_folder, save};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Evaluates with other detections: exit code 1, these sentences, and nothing on standard output.
#[track_caller]
fn assert_refused(folder: &TempDir, sentences: &[&str]) {
    let ended = ocelli(folder, &format!("{EVALUATE_FILES} --json -"));
    ended.assert(1, sentences);
    assert!(ended.out.is_empty(), "{}", ended.out);
}

fn edit(folder: &TempDir, change: impl Fn(usize, &mut Value)) {
    let (_, mut results) = coco(1);
    results.as_array_mut().expect("a list").iter_mut().enumerate().for_each(|(index, one)| change(index, one));
    save(folder, "found.json", &results.to_string());
}

#[test]
fn results_for_unknown_pictures_are_refused_with_their_number_and_the_first_one() {
    let folder = coco_folder();
    edit(&folder, |index, one| {
        if (7..10).contains(&index) {
            one["image_id"] = json!(9000 + index);
        }
    });
    assert_refused(
        &folder,
        &[
            "error: 3 × a result for a picture that the data set does not have",
            "found.json, record 7 (id 9007)",
            "… and 2 more",
            "figures would mean nothing with such data",
        ],
    );
}

#[test]
fn scores_and_boxes_that_are_no_numbers_are_refused_by_name() {
    let folder = coco_folder();
    let (_, results) = coco(1);
    let score = format!("\"score\":{}", results[5]["score"]);
    let x = format!("\"bbox\":[{}", results[0]["bbox"][0]);
    let text = results.to_string();
    for (from, to, sentence) in [
        (&score, "\"score\":NaN", "a score that is no finite number"),
        (&score, "\"score\":Infinity", "a score that is no finite number"),
        (&score, "\"score\":1e999", "a score that is no finite number"),
        (&score, "\"score\":null", "a result without a score"),
        (&score, "\"scores\":1", "a result without a score"),
        (&x, "\"bbox\":[NaN", "a box that is not four finite numbers"),
        (&x, "\"box\":[1", "a record without a box"),
    ] {
        assert!(text.contains(from.as_str()));
        save(&folder, "found.json", &text.replacen(from, to, 1));
        assert_refused(&folder, &["error: 1 × ", sentence, "found.json, record "]);
    }
}

#[test]
fn files_that_are_no_results_are_refused_with_the_cause() {
    let folder = coco_folder();
    let (truth, results) = coco(1);
    let (truth, results) = (truth.to_string(), results.to_string());
    let cut = &results[..results.len() / 2];
    for (text, sentence) in [
        (cut, "ends"),
        (&*format!("\u{feff}{results}"), "byte-order mark"),
        ("", "the file is empty"),
        (&*truth, "this is a COCO data set, where results belong"),
        ("{\"results\": []}", ""),
        ("nothing of the kind", "no results that are known"),
        ("[1, 2]", ""),
        ("[{\"category_id\": 1}]", "without `image_id`"),
        ("[{\"image_id\": 1.5, \"category_id\": 1}]", "`image_id`"),
    ] {
        save(&folder, "found.json", text);
        assert_refused(&folder, &["error: found.json", sentence]);
    }
    std::fs::remove_file(folder.path().join("found.json")).expect("no such file");
    assert_refused(&folder, &["found.json: ", "No such file"]);
}

#[test]
fn data_sets_that_cannot_be_read_are_refused_with_the_cause() {
    let folder = coco_folder();
    let (truth, results) = coco(1);
    let (truth, results) = (truth.to_string(), results.to_string());
    let cut = &truth[..truth.len() / 2];
    for (text, sentence) in [
        (cut, "ends"),
        (&*format!("\u{feff}{truth}"), "byte-order mark"),
        (&*results, ""),
        ("{\"images\": [], \"annotations\": [], \"categories\": []}", "no pictures"),
        ("{\"images\": [{\"id\": 1}], \"categories\": []}", "`annotations`"),
    ] {
        save(&folder, "truth.json", text);
        assert_refused(&folder, &["error: truth.json", sentence]);
    }
}

/// COCO's 80 classes have ids up to 90; whoever counts them through gets scores of other classes, and no error elsewhere.
#[test]
fn class_indices_in_the_place_of_category_ids_are_refused() {
    let folder = coco_folder();
    let gaps = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];
    let ids: Vec<i64> = (1..=90).filter(|id| !gaps.contains(id)).collect();
    let images = json!([{ "id": 1, "file_name": "a.jpg", "width": 900, "height": 900 }]);
    let bbox = |index: usize| json!([10 * index, 10, 9, 9]);
    let set = |ids: &[i64]| {
        let named = |id: &i64| json!({ "id": id, "name": format!("class {id}") });
        let one = |(index, id): (usize, &i64)| json!({ "id": index + 1, "image_id": 1, "category_id": id, "bbox": bbox(index), "area": 81, "iscrowd": 0 });
        let categories: Vec<_> = ids.iter().map(named).collect();
        let annotations: Vec<_> = ids.iter().enumerate().map(one).collect();
        json!({ "images": images, "annotations": annotations, "categories": categories }).to_string()
    };
    let found = |ids: &[i64]| {
        let one = |(index, id)| json!({ "image_id": 1, "category_id": id, "bbox": bbox(index), "score": 0.5 });
        Value::from(ids.iter().enumerate().map(one).collect::<Vec<_>>()).to_string()
    };
    let counted: Vec<i64> = (1..=80).collect();
    for (truth, results) in [(&ids, &counted), (&ids, &(0..80).collect()), (&counted, &ids)] {
        save(&folder, "truth.json", &set(truth));
        save(&folder, "found.json", &found(results));
        assert_refused(&folder, &["a category id of another numbering", "found.json, record "]);
    }
    save(&folder, "truth.json", &set(&ids));
    save(&folder, "found.json", &found(&ids));
    let found = ocelli(&folder, &format!("{EVALUATE_FILES} --json -")).json();
    assert!(found["coco"]["AP50"].as_f64() > Some(0.99), "{}", found["coco"]);
}

#[test]
fn command_lines_that_contradict_themselves_end_with_2() {
    let folder = coco_folder();
    for (arguments, sentence) in [
        ("--json - --csv -", "--json - and --csv -: only one can have standard output"),
        ("--csv - --markdown -", "only one can have standard output"),
        ("--fail-under mAP=0.5", "\"mAP\" is no figure of an evaluation; known are AP, AP50"),
        ("--fail-under AP50", "write NAME=VALUE"),
        ("--fail-under AP50=60", "a fraction from 0 to 1"),
        ("--baseline found.json", "--max-drop"),
        ("--max-drop 1", "--baseline"),
        ("--against found.json", "--bootstrap"),
        ("--data found.json", "--truth"),
        ("--model tiny.onnx", "--detections"),
        ("--iou 0", "IoU"),
        ("--iou 1.5", "IoU"),
        ("--iou-thresholds 0.5:0.9", "no number"),
        ("--iou-thresholds 0.9:0.5:0.1", "no steps"),
        ("--areas small", "LABEL=LOW-HIGH"),
        ("--areas small=9-1", ""),
        ("--max-detections 0", ""),
        ("--format pascal", ""),
        ("--bootstrap 0", ""),
    ] {
        let ended = ocelli(&folder, &format!("{EVALUATE_FILES} {arguments}"));
        ended.assert(2, &[sentence]);
        assert!(ended.out.is_empty(), "{arguments}: {}", ended.out);
    }
    ocelli(&folder, "evaluate").assert(2, &["--data"]);
    ocelli(&folder, "evaluate --truth truth.json").assert(2, &["--detections"]);
}

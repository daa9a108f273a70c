//! Every fault of results, with its count, its first place and its picture's id.

use super::coco::parse as dataset;
use super::results::{coco, rows};
use ocelli::dataset::results::{self, Results};
use ocelli::dataset::{ClassOverrides, Dataset, Fault, Id, Severity};
use std::path::Path;

fn result(change: &str) -> String {
    format!(r#"{{"image_id": 4, "category_id": 1, "bbox": [8, 8, 16, 32], "score": 0.5{change}}}"#)
}

/// Reads a sound result and two faulty ones; all faults, with count, first index and first picture.
fn found(change: &str) -> Vec<(Fault, usize, usize, i64)> {
    let text = format!("[{},\n{},\n{}]", result(""), result(change), result(change));
    faults(&coco(&text).unwrap_or_else(|error| panic!("{change}: {error}")))
}

fn faults(results: &Results) -> Vec<(Fault, usize, usize, i64)> {
    let row = |(fault, finding): (Fault, &ocelli::dataset::Finding)| match &finding.places[0].id {
        Some(Id::Number(id)) => (fault, finding.count, finding.places[0].index, *id),
        other => panic!("{fault:?} of {other:?}"),
    };
    results.findings.iter().map(row).collect()
}

#[test]
fn sound_results_have_no_faults() {
    assert_eq!(found(""), []);
}

#[test]
fn each_fault_of_a_result_is_counted_with_its_first_place() {
    for (change, fault) in [
        (r#", "image_id": 5"#, Fault::UnknownImage),
        (r#", "image_id": -4"#, Fault::UnknownImage),
        (r#", "score": null"#, Fault::MissingScore),
        (r#", "score": NaN"#, Fault::BadScore),
        (r#", "score": Infinity"#, Fault::BadScore),
        (r#", "score": -Infinity"#, Fault::BadScore),
        (r#", "score": 1e999"#, Fault::BadScore),
        (r#", "score": "0.5""#, Fault::BadScore),
        (r#", "score": [0.5]"#, Fault::BadScore),
        (r#", "bbox": null"#, Fault::MissingBox),
        (r#", "bbox": [1, 2, 3]"#, Fault::BadBox),
        (r#", "bbox": [1, 2, NaN, 4]"#, Fault::BadBox),
        (r#", "bbox": [1, 2, 3, -4]"#, Fault::BadBox),
    ] {
        let id = if change.contains("-4\"") || change.contains("image_id\": -4") { -4 } else { 4 };
        let id = if change.contains("image_id\": 5") { 5 } else { id };
        assert_eq!(found(change), [(fault, 2, 1, id)], "{change}");
        assert_eq!(fault.severity(), Severity::Error);
        let text = format!("[{},{}]", result(""), result(change));
        assert_eq!(coco(&text).unwrap().predictions.len(), 1, "{change}");
    }
}

#[test]
fn missing_keys_are_counted_too() {
    let text =
        r#"[{"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]}, {"image_id": 4, "category_id": 1, "score": 1}]"#;
    assert_eq!(faults(&coco(text).unwrap()), [(Fault::MissingScore, 1, 0, 9), (Fault::MissingBox, 1, 1, 4)]);
}

#[test]
fn a_result_with_several_faults_counts_for_each() {
    let change = r#", "image_id": 7, "score": null, "bbox": [1], "category_id": 99"#;
    let kinds: Vec<_> = found(change).iter().map(|(fault, ..)| *fault).collect();
    assert_eq!(kinds, [Fault::UnknownImage, Fault::MissingScore, Fault::BadBox, Fault::UnknownClass]);
}

#[test]
fn scores_outside_0_to_1_are_warned_of_and_kept() {
    assert_eq!(found(r#", "score": 1.5"#), [(Fault::ScoreOutOfRange, 2, 1, 4)]);
    assert_eq!(found(r#", "score": -0.25"#), [(Fault::ScoreOutOfRange, 2, 1, 4)]);
    assert_eq!(coco(&format!("[{}]", result(r#", "score": 87"#))).unwrap().predictions.len(), 1);
}

#[test]
fn ids_of_the_wrong_kind_and_missing_ids_are_named_with_their_record() {
    for (text, cause) in [
        (result(r#", "image_id": 1.5"#), "`image_id` is 1.5"),
        (result(r#", "image_id": null"#), "`image_id` is null"),
        (result(r#", "category_id": "dog""#), "`category_id` is the string \"dog\""),
        (r#"{"category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}"#.into(), "without `image_id`"),
        (r#"{"image_id": 4, "bbox": [1, 2, 3, 4], "score": 1}"#.into(), "without `category_id`"),
        ("7".into(), "expected an object, found `7`"),
        (result(r#", "score": nan"#), "expected a value, found `n`"),
    ] {
        let error = coco(&format!("[{},\n{text}]", result(""))).unwrap_err().to_string();
        for words in [cause, "dt.json, line 2", "record 1 of the results"] {
            assert!(error.contains(words), "{error:?} does not say {words:?}");
        }
    }
}

#[test]
fn boxes_that_reach_out_are_told_if_most_do() {
    let outside = result(r#", "bbox": [200, 8, 100, 32]"#);
    let text =
        |outsides: usize| format!("[{}]", [vec![result(""); 2], vec![outside.clone(); outsides]].concat().join(","));
    assert_eq!(faults(&coco(&text(2)).unwrap()), []);
    assert_eq!(faults(&coco(&text(3)).unwrap()), [(Fault::BoxOutside, 3, 2, 4)]);
}

#[test]
fn relative_boxes_are_told_if_most_are_such() {
    let relative = result(r#", "bbox": [0.25, 0.5, 0.5, 0.25]"#);
    let text = |count: usize| format!("[{}]", [vec![result(""); 2], vec![relative.clone(); count]].concat().join(","));
    assert_eq!(faults(&coco(&text(2)).unwrap()), []);
    assert_eq!(faults(&coco(&text(3)).unwrap()), [(Fault::NormalisedBox, 3, 2, 4)]);
}

/// A data set with these category ids and one picture, 1.
fn numbered(ids: impl Iterator<Item = i64>) -> Dataset {
    let categories: Vec<_> = ids.map(|id| format!(r#"{{"id": {id}, "name": "c{id}"}}"#)).collect();
    dataset(&format!(r#"{{"images": [{{"id": 1}}], "annotations": [], "categories": [{}]}}"#, categories.join(",")))
        .unwrap()
}

/// COCO's 80 ids.
fn coco_ids() -> impl Iterator<Item = i64> {
    (1..=90).filter(|id| ![12, 26, 29, 30, 45, 66, 68, 69, 71, 83].contains(id))
}

fn of_categories(dataset: &Dataset, ids: impl Iterator<Item = i64>) -> Vec<(Fault, usize, usize, i64)> {
    let line = |id: i64| format!(r#"{{"image_id": 1, "category_id": {id}, "bbox": [1, 2, 3, 4], "score": 0.5}}"#);
    let text = format!("[{}]", ids.map(line).collect::<Vec<_>>().join(","));
    let read = results::parse_coco(text.as_bytes(), Path::new("dt.json"), dataset, &ClassOverrides::default());
    faults(&read.unwrap())
}

#[test]
fn class_indices_in_place_of_category_ids_are_told() {
    let dataset = numbered(coco_ids());
    assert_eq!(of_categories(&dataset, coco_ids()), []);
    assert_eq!(of_categories(&dataset, 0..80), [(Fault::IndexAsCategory, 10, 0, 1)], "0, 12, 26 … are no ids");
    assert_eq!(of_categories(&dataset, 1..81), [(Fault::IndexAsCategory, 9, 11, 1)], "12, 26, 29 … are no ids");
    assert_eq!(of_categories(&dataset, [0, 2, 2].into_iter()), [(Fault::IndexAsCategory, 1, 0, 1)]);
    assert_eq!(of_categories(&dataset, 1..91), [(Fault::UnknownClass, 10, 11, 1)], "91 classes and other ids");
    assert_eq!(of_categories(&dataset, [1, 200].into_iter()), [(Fault::UnknownClass, 1, 1, 1)]);
    assert_eq!(Fault::IndexAsCategory.severity(), Severity::Error);
    assert_eq!(Fault::UnknownClass.severity(), Severity::Warning);
}

#[test]
fn ids_that_are_off_by_one_or_cocos_where_there_are_no_gaps_are_told() {
    assert_eq!(of_categories(&numbered(1..4), 0..3), [(Fault::IndexAsCategory, 1, 0, 1)]);
    assert_eq!(of_categories(&numbered(0..3), 1..4), [(Fault::IndexAsCategory, 1, 2, 1)]);
    assert_eq!(of_categories(&numbered(0..80), coco_ids()), [(Fault::IndexAsCategory, 10, 70, 1)]);
    assert_eq!(of_categories(&numbered([1, 3].into_iter()), coco_ids()).len(), 1, "a part of COCO's classes");
    assert_eq!(of_categories(&numbered([1, 3].into_iter()), coco_ids())[0].0, Fault::UnknownClass);
}

#[test]
fn results_of_unknown_classes_are_left_out() {
    let text = format!("[{},{}]", result(""), result(r#", "category_id": 77"#));
    let results = coco(&text).unwrap();
    assert_eq!(rows(&results).len(), 1);
    assert_eq!(results.findings.count(Fault::UnknownClass), 1);
}

#[test]
fn at_most_five_places_of_a_kind_are_kept() {
    let results = coco(&format!("[{}]", vec![result(r#", "score": null"#); 9].join(","))).unwrap();
    let (_, finding) = results.findings.iter().next().unwrap();
    assert_eq!((finding.count, finding.places.len()), (9, 5));
}

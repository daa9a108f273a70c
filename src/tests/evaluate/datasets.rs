//! Data sets as they were published, each named by its folder alone.

use super::sample::{pets, save};
use super::{Ended, folder_beside, ocelli};
use crate::{data, models};
use serde_json::{Value, json};

/// The lines of a table of two counts, by the word before them.
fn counts(printed: &str, word: &str) -> Vec<usize> {
    let line = printed.lines().find(|line| line.trim_start().starts_with(word)).unwrap_or_else(|| panic!("{printed}"));
    line.split_whitespace().filter_map(|part| part.parse().ok()).collect()
}

#[test]
fn the_two_boxes_without_area_in_bccd_are_named() {
    let Some(data) = data::folder() else { return };
    let folder = folder_beside(&data);
    let checked = ocelli(&folder, "dataset check data/detection/bccd --split trainval");
    checked.assert(0, &[]);
    assert_eq!(counts(&checked.out, "pictures"), [292]);
    // Found with xml.etree.ElementTree of Python: both are of red blood cells.
    let annotations = "data/detection/bccd/BCCD/Annotations";
    let wanted = format!(
        "warning: 2 × a box without area\n  {annotations}/BloodImage_00338.xml:158 (RBC)\n  \
         {annotations}/BloodImage_00343.xml:50 (RBC)\n"
    );
    assert!(checked.out.ends_with(&wanted), "{}", checked.out);
    ocelli(&folder, "dataset check data/detection/bccd --split trainval --strict").assert(1, &[]);
    let parts = ["train", "val", "test"]
        .map(|split| ocelli(&folder, &format!("dataset check data/detection/bccd --split {split} --json")).json());
    let sum = |key: &str| parts.iter().map(|part| part[key].as_u64().expect("a count")).sum::<u64>();
    assert_eq!((sum("images"), sum("truths")), (364, 4888));
    let objects = |label: &str| {
        let of = |part: &Value| {
            let classes = part["classes"].as_array().expect("a list");
            let class = classes.iter().find(|class| class["label"] == label).expect("the class");
            class["truths"].as_u64().expect("a count")
        };
        parts.iter().map(of).sum::<u64>()
    };
    assert_eq!(["RBC", "WBC", "Platelets"].map(objects), [4155, 372, 361]);
}

#[test]
fn published_data_sets_evaluate_from_their_folders() {
    let Some(data) = data::folder() else { return };
    let folder = folder_beside(&data);
    models::convert("yolo-fastest-1.1-xl", folder.path()).expect("the model");
    let evaluate = |name: &str, more: &str| -> Ended {
        ocelli(&folder, &format!("evaluate --data data/detection/{name} --models-dir . --json - {more}"))
    };
    for (name, format, split, images, truths) in
        [("coco128", "yolo", "val", 128, 898), ("coco-mini", "coco", "train2017", 80, 739)]
    {
        let ended = evaluate(name, "");
        ended.assert(0, &[&format!("data/detection/{name}: {format}, split {split}, {images} pictures")]);
        ended.assert(0, &["sofa → couch (by synonym)", "pottedplant → potted plant (by spelling)"]);
        let found = ended.json();
        assert_eq!((&found["data"]["images"], &found["data"]["truths"]), (&json!(images), &json!(truths)), "{name}");
        assert!(found["coco"]["AP50"].as_f64() > Some(0.4), "{name}: {}", found["coco"]);
        assert_eq!(found["settings"]["run"], json!({ "confidence": 0.001, "nms_iou": 0.45, "max_detections": 100 }));
    }
    // No class of this model is in these pictures: figures of 0 would look like a finding.
    let blood = evaluate("bccd", "");
    blood.assert(1, &["the classes of the detections (person, bicycle, car, …) are none of the data set's"]);
    blood.assert(1, &["(Platelets, RBC, WBC)", "--class-map"]);
    assert!(blood.out.is_empty(), "{}", blood.out);
    // Cells are round: as a class map says, so it is done.
    save(&folder, "map.txt", "orange = RBC\n\"sports ball\" = WBC\n");
    let mapped = evaluate("bccd", "--class-map map.txt");
    mapped.assert(0, &["bccd: voc, split val, 87 pictures", "orange → RBC (by class map)"]);
    assert_eq!(mapped.json()["data"]["truths"], 1138);
}

#[test]
fn detections_in_bccd_evaluate_from_its_folder() {
    let Some(data) = data::folder() else { return };
    let folder = folder_beside(&data);
    let mut lines = String::from("filename,class,score,xmin,ymin,xmax,ymax\n");
    // Truth for truth, as a Python script would copy them out of the XML files.
    let annotations = data.join("detection/bccd/BCCD/Annotations");
    let names = std::fs::read_to_string(data.join("detection/bccd/BCCD/ImageSets/Main/val.txt")).expect("the split");
    for name in names.split_whitespace() {
        let text = std::fs::read_to_string(annotations.join(format!("{name}.xml"))).expect("an annotation");
        let value = |text: &str, key: &str| {
            let (_, rest) = text.split_once(&format!("<{key}>")).expect("a key");
            rest.split('<').next().expect("a value").to_owned()
        };
        for object in text.split("<object>").skip(1) {
            let [class, x, y, to_x, to_y] = ["name", "xmin", "ymin", "xmax", "ymax"].map(|key| value(object, key));
            lines.push_str(&format!("{name}.jpg,{class},0.5,{x},{y},{to_x},{to_y}\n"));
        }
    }
    save(&folder, "found.csv", &lines);
    let found = ocelli(&folder, "evaluate --data data/detection/bccd --detections found.csv --json -");
    found.assert(0, &["bccd: voc, split val, 87 pictures", "1 × a box without area"]);
    let found = found.json();
    assert_eq!((&found["data"]["truths"], &found["data"]["detections"]), (&json!(1138), &json!(1138)));
    // Whoever says what is there is right, but for the box without area, which has no IoU with anything.
    assert!(found["coco"]["AP"].as_f64() > Some(0.99), "{}", found["coco"]);
    assert_eq!(found["operating_point"]["false_negatives"], 1, "{}", found["operating_point"]);
    save(&folder, "found.csv", &lines.replace("RBC", "red").replace("WBC", "white").replace("Platelets", "small"));
    let strange = ocelli(&folder, "evaluate --data data/detection/bccd --detections found.csv --json -");
    strange.assert(1, &["are none of the data set's (Platelets, RBC, WBC)"]);
}

#[test]
fn the_exit_code_of_a_check_says_whether_a_data_set_can_be_used() {
    let folder = pets();
    let check = |arguments: &str| ocelli(&folder, &format!("dataset check pets {arguments}"));
    let good = check("--strict");
    good.assert(0, &[]);
    assert!(good.out.ends_with("no faults\n"), "{}", good.out);
    assert_eq!(counts(&good.out, "pictures"), [6]);
    save(&folder, "pets/images/val/2.png", "no picture");
    check("").assert(0, &[]);
    check("--strict").assert(1, &[]);
    let faults = check("--json").json();
    assert_eq!(faults["faults"][0]["kind"], "unreadable-picture");
    save(&folder, "pets/labels/val/0.txt", "0 100 100 20 20\n");
    let wrong = check("");
    wrong.assert(1, &[]);
    assert!(wrong.out.contains("error: 1 × a box with numbers outside 0..=1"), "{}", wrong.out);
    ocelli(&folder, "dataset check nowhere").assert(1, &["error: nowhere"]);
    ocelli(&folder, "dataset").assert(2, &[]);
}

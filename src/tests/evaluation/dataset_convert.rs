//! A data set is the same in every format that can hold it.

use crate::data;
use crate::dataset_files::Files;
use ocelli::average_precision::Truth;
use ocelli::dataset::convert::{Target, Written, convert};
use ocelli::dataset::{Dataset, Fault, OpenOptions, open};
use std::path::Path;

const TARGETS: [Target; 3] = [Target::Coco, Target::Voc, Target::Yolo];

/// What rounding leaves of a pixel: fractions are written with all their digits.
const ROUNDING: f64 = 1e-9;

/// What is cut off where six digits of a box made it reach out of its picture, as in coco128, and YOLO is written.
const CUT: f64 = 1e-3;

fn written(dataset: &Dataset, target: Target, folder: &Path) -> (Written, Dataset) {
    let written = convert(dataset, target, folder, &|_| {}).unwrap_or_else(|error| panic!("{error}"));
    let again = open(folder, &OpenOptions::default()).unwrap_or_else(|error| panic!("{target:?}: {error}"));
    assert_eq!((written.images, written.truths), (again.images.len(), again.truths.len()), "{target:?}");
    assert!(again.images.iter().all(|image| image.path.is_some()));
    (written, again)
}

/// Truths by picture and class name, in a fixed order.
fn sorted(dataset: &Dataset) -> Vec<(String, String, Truth)> {
    let named = |truth: &Truth| {
        let stem = dataset.images[truth.image as usize].name.rsplit_once('.').expect("an extension").0.to_owned();
        (stem, dataset.labels[truth.class as usize].clone(), *truth)
    };
    let mut truths: Vec<_> = dataset.truths.iter().map(named).collect();
    // Rounded, so that rounding does not change the order.
    let key = |(image, label, truth): &(String, String, Truth)| {
        let bbox = truth.bbox;
        (
            image.clone(),
            label.clone(),
            [bbox.x, bbox.y, bbox.width, bbox.height].map(|side| (side * 1e4).round() as i64),
        )
    };
    truths.sort_by_key(key);
    truths
}

fn tolerance(targets: &[Target]) -> f64 {
    if targets.contains(&Target::Yolo) { CUT } else { ROUNDING }
}

fn assert_same(one: &Dataset, other: &Dataset, tolerance: f64, what: &str) {
    let (one, other) = (sorted(one), sorted(other));
    assert_eq!(one.len(), other.len(), "{what}");
    for ((image, label, truth), (other_image, other_label, other)) in one.iter().zip(&other) {
        assert_eq!((image, label), (other_image, other_label), "{what}");
        let (a, b) = (truth.bbox, other.bbox);
        let far = [a.x - b.x, a.y - b.y, a.width - b.width, a.height - b.height];
        assert!(far.iter().all(|distance| distance.abs() < tolerance), "{what}, {image}: {a:?} became {b:?}");
    }
}

#[test]
fn every_format_becomes_every_other_and_keeps_its_boxes() {
    let Some(data) = data::folder() else { return };
    for name in ["bccd", "raccoon", "coco128"] {
        let dataset = open(&data.join("detection").join(name), &OpenOptions::default()).expect("the data set");
        for first in TARGETS {
            let folder = tempfile::tempdir().expect("a folder");
            let (_, once) = written(&dataset, first, &folder.path().join("once"));
            assert_same(&dataset, &once, tolerance(&[first]), &format!("{name} as {first:?}"));
            for second in TARGETS {
                let (_, twice) = written(&once, second, &folder.path().join(format!("{second:?}")));
                assert_same(
                    &dataset,
                    &twice,
                    tolerance(&[first, second]),
                    &format!("{name} by {first:?} as {second:?}"),
                );
            }
        }
    }
}

#[test]
fn crowds_and_areas_are_kept_or_their_loss_is_told() {
    let Some(data) = data::folder() else { return };
    let dataset = open(&data.join("detection/coco-mini"), &OpenOptions::default()).expect("the data set");
    let crowds = dataset.truths.iter().filter(|truth| truth.crowd).count();
    assert!(crowds > 0, "this data set has crowds");
    let folder = tempfile::tempdir().expect("a folder");
    let (told, coco) = written(&dataset, Target::Coco, &folder.path().join("coco"));
    assert!(told.losses.is_empty(), "{:?}", told.losses);
    assert_eq!(
        (&coco.truths, &coco.labels, &coco.category_ids),
        (&dataset.truths, &dataset.labels, &dataset.category_ids)
    );
    let (told, voc) = written(&dataset, Target::Voc, &folder.path().join("voc"));
    assert_eq!(voc.truths.iter().filter(|truth| truth.ignore).count(), crowds);
    assert!(told.losses.contains(&format!("{crowds} crowds are `difficult` objects now")), "{:?}", told.losses);
    let (told, yolo) = written(&dataset, Target::Yolo, &folder.path().join("yolo"));
    assert_eq!(yolo.truths.len() + crowds, dataset.truths.len());
    assert!(told.losses.iter().any(|loss| loss.contains("crowds are left out")), "{:?}", told.losses);
    assert_eq!(yolo.split.as_deref(), Some("train"));
}

#[test]
fn difficult_objects_stay_so_where_the_format_can() {
    let files = Files::new();
    files.picture("a.png", 100, 80);
    let object = |difficult, right| {
        format!(
            "<object><name>c</name><difficult>{difficult}</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>{right}</xmax><ymax>4</ymax></bndbox></object>"
        )
    };
    files.write("a.xml", format!("<annotation>{}{}</annotation>", object(0, 50), object(1, 60)));
    let dataset = files.dataset();
    let folder = tempfile::tempdir().expect("a folder");
    for (target, kept) in [(Target::Coco, 2), (Target::Voc, 2), (Target::Yolo, 1)] {
        let (told, again) = written(&dataset, target, &folder.path().join(format!("{target:?}")));
        assert_eq!(again.truths.len(), kept);
        assert_eq!(again.truths.iter().filter(|truth| truth.ignore).count(), kept - 1);
        assert_eq!(told.losses.len(), usize::from(target == Target::Yolo), "{:?}", told.losses);
    }
}

#[test]
fn odd_names_stay_in_the_folder_and_differ() {
    let files = Files::new();
    files.picture("pictures/x y.png", 100, 80);
    files.picture("pictures/x_y.jpg", 100, 80);
    files.picture("outside.png", 100, 80);
    let lines = "image,label,x,y,width,height\nx y.png,\"a, <b> & 'c'\",1,2,3,4\nx_y.jpg,no,1,2,3,4\n../outside.png,5,90,2,30,4\n";
    files.write("pictures/boxes.csv", lines);
    let dataset = files.dataset();
    assert_eq!(dataset.findings.count(Fault::BoxOutside), 1);
    let folder = tempfile::tempdir().expect("a folder");
    for target in TARGETS {
        let place = folder.path().join(format!("{target:?}")).join("inner");
        let (told, again) = written(&dataset, target, &place);
        let mut names: Vec<_> = again.images.iter().map(|image| image.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["outside.png", "x_y-2.jpg", "x_y.png"]);
        assert_eq!(again.labels, ["5", "a, <b> & 'c'", "no"]);
        assert!(told.losses.contains(&"3 pictures have other names".into()), "{:?}", told.losses);
        assert_eq!(told.losses.iter().any(|loss| loss.contains("cut at its edge")), target == Target::Yolo);
    }
}

#[test]
fn a_folder_with_something_in_it_is_not_written_to() {
    let files = Files::new();
    files.picture("a.png", 100, 80);
    files.write("boxes.csv", "image,label,x,y,w,h\na.png,cat,1,2,3,4\n");
    let error = convert(&files.dataset(), Target::Voc, files.path(), &|_| {}).expect_err("occupied").to_string();
    assert!(error.contains("not empty"), "{error}");
}

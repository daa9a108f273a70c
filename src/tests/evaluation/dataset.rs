//! Real data sets open with one argument, and hold what their authors say.

use crate::data;
use ocelli::dataset::{Dataset, Fault, Format, OpenOptions, check, open};
use std::collections::BTreeMap;
use std::path::Path;

fn opened(path: &Path, format: Option<Format>, split: Option<&str>) -> Dataset {
    let options = OpenOptions { format, split: split.map(ToOwned::to_owned) };
    open(path, &options).unwrap_or_else(|error| panic!("{error}"))
}

fn counts(dataset: &Dataset) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for truth in &dataset.truths {
        *counts.entry(dataset.labels[truth.class as usize].clone()).or_default() += 1;
    }
    counts
}

/// Boxes as comparable text: picture, class, corners.
fn boxes(dataset: &Dataset) -> Vec<String> {
    let told = |truth: &ocelli::average_precision::Truth| {
        let (image, label) = (&dataset.images[truth.image as usize].name, &dataset.labels[truth.class as usize]);
        format!("{image} {label} {:?}", truth.bbox)
    };
    let mut boxes: Vec<_> = dataset.truths.iter().map(told).collect();
    boxes.sort();
    boxes
}

#[test]
fn bccd_has_its_splits_its_counts_and_its_two_boxes_without_area() {
    let Some(data) = data::folder() else { return };
    let folder = data.join("detection/bccd");
    let validation = opened(&folder, None, None);
    assert_eq!((validation.format, validation.split.as_deref()), (Format::Voc, Some("val")));
    assert_eq!(validation.labels, ["Platelets", "RBC", "WBC"]);
    let (mut all, mut without_area) = (BTreeMap::new(), Vec::new());
    for (split, pictures) in [("train", 205), ("val", 87), ("test", 72)] {
        let dataset = opened(&folder, None, Some(split));
        assert_eq!(dataset.images.len(), pictures, "{split}");
        assert_eq!(dataset.labels, validation.labels, "classes do not depend on the split");
        assert!(dataset.images.iter().all(|image| image.path.is_some() && image.size == Some((640, 480))));
        for (label, count) in counts(&dataset) {
            *all.entry(label).or_insert(0) += count;
        }
        let kinds: Vec<_> = dataset.findings.iter().map(|(fault, _)| fault).collect();
        assert!(kinds.iter().all(|kind| *kind == Fault::ZeroAreaBox), "{kinds:?}");
        let places = dataset.findings.iter().flat_map(|(_, finding)| &finding.places);
        without_area.extend(places.map(|place| place.file.rsplit('/').next().unwrap().to_owned()));
        assert_eq!(
            dataset.truths.iter().filter(|truth| truth.area == 0.0).count(),
            dataset.findings.count(Fault::ZeroAreaBox)
        );
    }
    assert_eq!(all, BTreeMap::from([("Platelets".into(), 361), ("RBC".into(), 4155), ("WBC".into(), 372)]));
    without_area.sort();
    assert_eq!(without_area, ["BloodImage_00338.xml", "BloodImage_00343.xml"]);
}

#[test]
fn raccoon_is_the_same_by_xml_and_by_csv() {
    let Some(data) = data::folder() else { return };
    let folder = data.join("detection/raccoon");
    let xml = opened(&folder, None, None);
    assert_eq!((xml.format, &xml.split, xml.images.len(), xml.truths.len()), (Format::Voc, &None, 200, 217));
    let csv = opened(&folder.join("data/raccoon_labels.csv"), None, None);
    assert_eq!((csv.format, csv.images.len(), csv.truths.len()), (Format::Csv, 200, 217));
    assert_eq!(boxes(&xml), boxes(&csv));
    assert!(csv.images.iter().all(|image| image.path.is_some()));
    let folder_of_xml = opened(&folder.join("annotations"), None, None);
    assert_eq!(boxes(&folder_of_xml), boxes(&xml), "the folder of XML files alone");
    assert!(folder_of_xml.images.iter().all(|image| image.path.is_some()));
    let (train, test) =
        (opened(&folder, Some(Format::Csv), Some("train")), opened(&folder, Some(Format::Csv), Some("test")));
    assert_eq!(train.split.as_deref(), Some("train_labels"));
    assert_eq!((train.truths.len(), test.truths.len()), (173, 44));
}

#[test]
fn coco128_has_the_boxes_of_coco() {
    let Some(data) = data::folder() else { return };
    let dataset = opened(&data.join("detection/coco128"), None, None);
    assert_eq!((dataset.format, dataset.split.as_deref()), (Format::Yolo, Some("val")));
    assert_eq!((dataset.images.len(), dataset.truths.len(), dataset.labels.len()), (128, 898, 80));
    assert_eq!(counts(&dataset).len(), 73);
    let golden = opened(&data.join("golden/coco128_val_gt.json"), None, None);
    let names = |dataset: &Dataset| -> Vec<String> { dataset.images.iter().map(|image| image.name.clone()).collect() };
    assert_eq!(names(&dataset), names(&golden));
    let mut left = golden.truths.clone();
    for truth in &dataset.truths {
        let label = &dataset.labels[truth.class as usize];
        let same = left.iter().position(|other| {
            let (one, two) = (truth.bbox, other.bbox);
            let far = [one.x - two.x, one.y - two.y, one.width - two.width, one.height - two.height];
            // Six digits of a fraction of at most 640 pixels.
            truth.image == other.image
                && *label == golden.labels[other.class as usize]
                && far.iter().all(|d| d.abs() < 0.002)
        });
        left.swap_remove(same.unwrap_or_else(|| panic!("no {label} like {truth:?}")));
    }
    assert!(left.is_empty());
}

#[test]
fn coco_mini_opens_with_its_pictures_and_without_its_captions() {
    let Some(data) = data::folder() else { return };
    let dataset = opened(&data.join("detection/coco-mini"), None, None);
    assert_eq!((dataset.format, dataset.split.as_deref()), (Format::Coco, Some("train2017")));
    assert_eq!(dataset.images.len(), 80);
    assert!(dataset.images.iter().all(|image| image.path.as_ref().is_some_and(|path| path.is_file())));
    assert_eq!(opened(&data.join("detection/coco-mini"), None, Some("train")).images.len(), 80, "by what it is for");
}

#[test]
fn the_pictures_of_real_data_sets_are_sound() {
    let Some(data) = data::folder() else { return };
    for name in ["bccd", "raccoon", "coco128", "coco-mini"] {
        let dataset = opened(&data.join("detection").join(name), None, None);
        let done = std::sync::atomic::AtomicUsize::new(0);
        let findings = check(&dataset, &|pictures| {
            done.fetch_max(pictures, std::sync::atomic::Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), dataset.images.len());
        for fault in [Fault::UnreadablePicture, Fault::MissingPicture] {
            assert_eq!(findings.count(fault), 0, "{name}: {:?}", findings.iter().collect::<Vec<_>>());
        }
    }
}

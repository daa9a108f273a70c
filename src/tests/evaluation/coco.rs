//! COCO data sets, against the counts of Python's json and the numbers of the standard library.

use crate::data;
use ocelli::dataset::{Dataset, DatasetError, Findings, Format, OpenOptions, coco, open};
use proptest::prelude::{ProptestConfig, proptest};
use proptest::{prop_assert, prop_assert_eq};
use std::path::Path;

/// Two pictures out of order, two categories out of order, an outline, a crowd.
pub(crate) const SMALL: &str = r#"{
 "info": {"year": 2017, "note": "a \"quoted\" } word"},
 "images": [{"id": 9, "file_name": "b.jpg", "width": 200, "height": 100, "flickr_url": "http://x/[1]"},
            {"id": 4, "file_name": "a.jpg", "width": 300, "height": 400}],
 "annotations": [
  {"id": 7, "image_id": 4, "category_id": 18, "bbox": [10, 20.5, 30, 40], "area": 600.25, "iscrowd": 0,
   "segmentation": [[10, 20.5, 40, 20.5, 40, 60.5]]},
  {"id": 8, "image_id": 9, "category_id": 1, "bbox": [0, 0, 200, 100], "area": 20000, "iscrowd": 1,
   "segmentation": {"counts": "abc]", "size": [100, 200]}},
  {"id": 9, "image_id": 9.0, "category_id": 1, "bbox": [5, 5, 6, 7], "area": 42, "iscrowd": 0, "ignore": 1}],
 "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}, {"id": 1, "name": "p\u00e9rson"}]}"#;

pub(crate) fn parse(text: &str) -> Result<Dataset, DatasetError> {
    coco::parse(text.as_bytes(), Path::new("gt.json"))
}

#[test]
fn pictures_and_categories_are_sorted_by_id_and_truths_keep_their_order() {
    let dataset = parse(SMALL).unwrap();
    assert_eq!(dataset.format, Format::Coco);
    assert_eq!(dataset.labels, ["pérson", "dog"]);
    assert_eq!(dataset.category_ids, [1, 18]);
    let images: Vec<_> = dataset.images.iter().map(|image| (image.id, image.name.as_str(), image.size)).collect();
    assert_eq!(images, [(4, "a.jpg", Some((300, 400))), (9, "b.jpg", Some((200, 100)))]);
    let truths: Vec<_> = dataset.truths.iter().map(|t| (t.id, t.image, t.class, t.area, t.crowd, t.ignore)).collect();
    let expected = [(7, 0, 1, 600.25, false, false), (8, 1, 0, 20000.0, true, false), (9, 1, 0, 42.0, false, true)];
    assert_eq!(truths, expected);
    let bbox = dataset.truths[0].bbox;
    assert_eq!((bbox.x, bbox.y, bbox.width, bbox.height), (10.0, 20.5, 30.0, 40.0));
    assert_eq!(dataset.findings, Findings::default());
}

#[test]
fn a_file_reads_the_same_wherever_the_window_of_the_reader_ends() {
    const STEP: usize = 1 << 18;
    let expected = parse(SMALL).unwrap();
    for before in 0..=SMALL.len() {
        let padded = " ".repeat(STEP - before) + SMALL;
        let dataset = parse(&padded).unwrap_or_else(|error| panic!("{before} bytes before the end: {error}"));
        assert_eq!((dataset.images, dataset.truths), (expected.images.clone(), expected.truths.clone()), "{before}");
        assert_eq!(dataset.labels, expected.labels, "{before}");
    }
}

#[test]
fn golden_coco128_has_the_counts_and_sums_of_pythons_json() {
    let Some(folder) = data::folder() else { return };
    let dataset = coco::read(&folder.join("golden/coco128_val_gt.json")).unwrap();
    assert_eq!((dataset.images.len(), dataset.truths.len(), dataset.labels.len()), (128, 898, 80));
    let sum = |number: fn(&ocelli::average_precision::Truth) -> f64| dataset.truths.iter().map(number).sum::<f64>();
    assert!((sum(|truth| truth.area) - 21_666_839.88).abs() < 1e-4);
    assert!(
        (sum(|truth| truth.bbox.x + truth.bbox.y + truth.bbox.width + truth.bbox.height) - 586_311.96).abs() < 1e-6
    );
}

#[test]
fn coco_mini_finds_its_pictures_beside_the_annotations() {
    let Some(folder) = data::folder() else { return };
    let file = folder.join("detection/coco-mini/annotations/instances_train2017.json");
    let dataset = open(&file, &OpenOptions::default()).unwrap();
    assert_eq!((dataset.images.len(), dataset.truths.len(), dataset.labels.len()), (80, 739, 80));
    assert_eq!(dataset.truths.iter().filter(|truth| truth.crowd).count(), 8);
    assert!(dataset.images.iter().all(|image| image.path.as_ref().is_some_and(|path| path.is_file())));
}

#[test]
fn an_absent_file_is_named() {
    let error = coco::read(Path::new("/nowhere/gt.json")).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/gt.json: "), "{error}");
}

#[test]
fn pictures_without_names_and_sizes_and_categories_without_names_are_read() {
    let text = r#"{"images": [{"id": 3}], "annotations": [], "categories": [{"id": 5}]}"#;
    let dataset = parse(text).unwrap();
    assert_eq!((dataset.images[0].name.as_str(), dataset.images[0].size), ("3", None));
    assert_eq!(dataset.labels, ["class_5"]);
}

/// A box's x as the reader understands it.
fn number(text: &str) -> f64 {
    let file = format!(
        r#"{{"images": [{{"id": 1}}], "categories": [{{"id": 1, "name": "a"}}], "annotations":
         [{{"id": 1, "image_id": 1, "category_id": 1, "bbox": [{text}, 0, 1, 1], "area": 1, "iscrowd": 0}}]}}"#
    );
    let dataset = parse(&file).unwrap_or_else(|error| panic!("{text}: {error}"));
    dataset.truths.first().unwrap_or_else(|| panic!("{text}: {:?}", dataset.findings)).bbox.x
}

#[test]
fn hard_numbers_are_the_nearest_f64() {
    for text in [
        "0",
        "-0",
        "0.1",
        "9007199254740993",
        "9007199254740993.0",
        "0.30000000000000004",
        "1e22",
        "1e23",
        "5e-324",
        "2.2250738585072011e-308",
        "1.7976931348623157e308",
        "123456789012345678901234567890",
        "-9223372036854775808",
        "0.10468467324972153",
        "8.5e+2",
        "179.99999999999999999999999",
        "999999999999999999",
        "1E5",
    ] {
        let expected: f64 = text.parse().unwrap();
        assert_eq!(number(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_json_number_is_refused() {
    for text in ["01", "1.", ".5", "+1", "1e", "--1", "-", "0x10", "1_000", "nan", "Inf"] {
        let file = SMALL.replace("600.25", text);
        assert!(parse(&file).is_err(), "{text} was read");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn decimal_numbers_are_those_of_the_standard_library(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?") {
        prop_assert_eq!(number(&text).to_bits() << 1, text.parse::<f64>().unwrap().to_bits() << 1, "{}", text);
    }

    #[test]
    fn any_f64_comes_back_from_its_shortest_decimal(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
        prop_assert_eq!(number(&format!("{value:e}")), value);
        prop_assert_eq!(number(&format!("{value:?}")), value);
    }

    #[test]
    fn damaged_files_are_read_or_refused(at in 0..SMALL.len(), byte: u8, kind in 0..3_u8) {
        let mut bytes = SMALL.as_bytes().to_vec();
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        let _ = coco::parse(&bytes, Path::new("gt.json"));
    }

    #[test]
    fn every_truncated_file_is_refused(length in 0..SMALL.len()) {
        prop_assert!(parse(SMALL.get(..length).unwrap_or_default()).is_err());
    }
}

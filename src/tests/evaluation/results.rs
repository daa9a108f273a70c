//! Results of the COCO format and Ocelli's own, and what files are told apart by.

use super::coco::parse as dataset;
use ocelli::dataset::results::{self, Results};
use ocelli::dataset::{ClassOverrides, Dataset, DatasetError};
use proptest::prelude::{ProptestConfig, proptest};
use proptest::{prop_assert, prop_assert_eq};
use std::path::Path;

/// Two pictures (ids 4 and 9) and COCO's ids of person, dog and cup.
pub(crate) fn small() -> Dataset {
    dataset(
        r#"{"images": [{"id": 4, "file_name": "a.jpg", "width": 256, "height": 512},
                       {"id": 9, "file_name": "deep/b_0.jpg", "width": 1024, "height": 128}],
         "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}, {"id": 47, "name": "cup"}],
         "annotations": []}"#,
    )
    .unwrap()
}

pub(crate) const SMALL: &str = r#"[
 {"image_id": 9, "category_id": 18, "bbox": [64, 32, 128.5, 16], "score": 0.75},
 {"image_id": 4, "category_id": 1, "bbox": [0, 0, 16, 32], "score": 0.5, "segmentation": {"counts": "]}"}},
 {"score": 1, "bbox": [8.0, 1e1, 2, 4.0], "category_id": 47.0, "image_id": 4}]"#;

pub(crate) fn coco(text: &str) -> Result<Results, DatasetError> {
    results::parse_coco(text.as_bytes(), Path::new("dt.json"), &small(), &ClassOverrides::default())
}

/// Picture, class, box and score of each.
pub(crate) fn rows(results: &Results) -> Vec<(u32, u32, [f64; 4], f64)> {
    let row = |p: &ocelli::average_precision::Prediction| {
        (p.image, p.class, [p.bbox.x, p.bbox.y, p.bbox.width, p.bbox.height], p.score)
    };
    results.predictions.iter().map(row).collect()
}

pub(crate) fn small_rows() -> [(u32, u32, [f64; 4], f64); 3] {
    [(1, 1, [64.0, 32.0, 128.5, 16.0], 0.75), (0, 0, [0.0, 0.0, 16.0, 32.0], 0.5), (0, 2, [8.0, 10.0, 2.0, 4.0], 1.0)]
}

#[test]
fn coco_results_keep_their_order_and_get_indices() {
    let results = coco(SMALL).unwrap();
    assert_eq!(rows(&results), small_rows());
    assert!(results.findings.is_empty(), "{:?}", results.findings);
    assert!(results.mapping.is_none() && results.model.is_none());
}

#[test]
fn an_empty_list_is_valid_and_an_empty_file_is_not() {
    assert_eq!(rows(&coco(" [ ] ").unwrap()), []);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dt.json");
    let read = |content: &[u8]| {
        std::fs::write(&file, content).unwrap();
        results::read(&file, &small(), &ClassOverrides::default())
    };
    assert!(read(b"[]").unwrap().predictions.is_empty());
    for (content, cause) in [
        (&b""[..], "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\xef\xbb\xbf[]", "byte-order mark"),
        (b"hello", "expected a COCO list"),
        (b"{\"images\": [], \"annotations\": []}", "this is a COCO data set"),
        (b"[{\"image_id\": 4, \"category_id\": 1, \"bbox\": [0, 0, 1", "the file ends early"),
    ] {
        let error = read(content).unwrap_err().to_string();
        assert!(error.contains(cause), "{error:?} does not say {cause:?}");
    }
    let error = results::read(&folder.path().join("none"), &small(), &ClassOverrides::default()).unwrap_err();
    assert!(matches!(error, DatasetError::File { .. }), "{error}");
}

#[test]
fn results_and_data_sets_that_are_mixed_up_are_told() {
    let error = coco(r#"{"images": []}"#).unwrap_err().to_string();
    assert!(error.contains("this is an object, as COCO data sets are"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gt.json");
    std::fs::write(&file, super::coco::SMALL).unwrap();
    let error = results::read(&file, &small(), &ClassOverrides::default()).unwrap_err().to_string();
    assert!(error.contains("this is a COCO data set"), "{error}");
}

#[test]
fn results_read_the_same_wherever_the_window_of_the_reader_ends() {
    for before in 0..=SMALL.len() {
        let padded = " ".repeat((1 << 18) - before) + SMALL;
        assert_eq!(rows(&coco(&padded).unwrap()), small_rows(), "{before} bytes before the end");
    }
}

#[test]
fn pictures_may_be_named_in_place_of_numbered() {
    for name in ["a.jpg", "a", "elsewhere/a.jpg"] {
        let results = coco(&SMALL.replace(r#""image_id": 4"#, &format!(r#""image_id": "{name}""#))).unwrap();
        assert_eq!(rows(&results), small_rows(), "{name}");
    }
}

#[test]
fn darknets_results_name_a_darknet_set_by_digits_and_cocos_ids() {
    let mut dataset = small();
    dataset.format = ocelli::dataset::Format::Darknet;
    dataset.labels = (0..80).map(|index| format!("class_{index}")).collect();
    dataset.category_ids = (0..80).collect();
    for (image, name) in dataset.images.iter_mut().zip(["COCO_val2014_000000000042.jpg", "000000000007.jpg"]) {
        (image.name, image.id) = (name.into(), 0);
    }
    let text = r#"[{"image_id":42, "category_id":90, "bbox":[1, 2, 3, 4], "score":0.5},
                   {"image_id":7, "category_id":13, "bbox":[1, 2, 3, 4], "score":0.5}]"#;
    let results =
        results::parse_coco(text.as_bytes(), Path::new("r.json"), &dataset, &ClassOverrides::default()).unwrap();
    let places: Vec<_> = results.predictions.iter().map(|p| (p.image, p.class)).collect();
    // Darknet's coco_ids[79] is 90 and coco_ids[11] is 13.
    assert_eq!(places, [(0, 79), (1, 11)]);
    assert!(results.findings.is_empty());
}

#[test]
fn a_class_map_is_refused_where_classes_are_numbers() {
    let classes = ClassOverrides::parse("a = dog", Path::new("map.txt")).unwrap();
    let error = results::parse_coco(b"[]", Path::new("dt.json"), &small(), &classes).unwrap_err().to_string();
    assert!(error.starts_with("map.txt: "), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn scores_are_exact(score in 0.0..=1.0_f64) {
        let text = format!(r#"[{{"image_id": 4, "category_id": 1, "bbox": [0, 0, 1, 1], "score": {score}}}]"#);
        prop_assert_eq!(coco(&text).unwrap().predictions[0].score, score);
    }

    #[test]
    fn damaged_results_are_read_or_refused(at in 0..SMALL.len(), byte: u8, kind in 0..3_u8) {
        let mut bytes = SMALL.as_bytes().to_vec();
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        let _ = results::parse_coco(&bytes, Path::new("dt.json"), &small(), &ClassOverrides::default());
    }

    #[test]
    fn every_truncated_file_of_results_is_refused(length in 0..SMALL.len()) {
        prop_assert!(coco(SMALL.get(..length).unwrap_or_default()).is_err());
    }
}

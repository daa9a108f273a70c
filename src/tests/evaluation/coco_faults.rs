//! Every fault of a COCO data set, with its count and its first place.

use super::coco::{SMALL, parse};
use ocelli::dataset::{Fault, Id, Severity};

/// A data set of one 640 × 480 picture (id 1) and one category (id 1).
fn with(annotations: &str) -> String {
    format!(
        r#"{{"images": [{{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}}],
         "categories": [{{"id": 1, "name": "dog"}}], "annotations": [{annotations}]}}"#
    )
}

/// An annotation; `change` comes last, so that it wins.
fn annotation(id: i64, change: &str) -> String {
    let own = f64::from(u8::try_from(id).unwrap());
    format!(
        r#"{{"id": {id}, "image_id": 1, "category_id": 1, "bbox": [{own}, 20, 30, 40], "area": 900, "iscrowd": 0{change}}}"#
    )
}

/// Reads a sound annotation and two faulty ones; all faults found, with count, first index and first id.
fn found(change: &str) -> Vec<(Fault, usize, usize, i64)> {
    let annotations = [annotation(10, ""), annotation(11, change), annotation(12, change)].join(",\n");
    found_in(&with(&annotations))
}

fn found_in(text: &str) -> Vec<(Fault, usize, usize, i64)> {
    let dataset = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let first = |finding: &ocelli::dataset::Finding| {
        let place = &finding.places[0];
        assert_eq!(place.file, "gt.json");
        let Some(Id::Number(id)) = place.id else { panic!("no number: {place:?}") };
        (place.index, id)
    };
    let row = |(fault, finding)| {
        let (index, id) = first(finding);
        (fault, finding.count, index, id)
    };
    dataset.findings.iter().map(row).collect()
}

#[test]
fn a_sound_file_has_no_faults() {
    assert_eq!(found(""), []);
}

#[test]
fn boxes_that_are_none_are_counted_and_left_out() {
    for (bbox, fault) in [
        ("null", Fault::MissingBox),
        ("[1, 2, 3]", Fault::BadBox),
        ("[1, 2, 3, 4, 5]", Fault::BadBox),
        ("[]", Fault::BadBox),
        ("[1, 2, NaN, 4]", Fault::BadBox),
        ("[1, 2, Infinity, 4]", Fault::BadBox),
        ("[1, -Infinity, 3, 4]", Fault::BadBox),
        ("[1, 2, 1e999, 4]", Fault::BadBox),
        ("[1, 2, -3, 4]", Fault::BadBox),
        ("[1, 2, null, 4]", Fault::BadBox),
        (r#"["1", 2, 3, 4]"#, Fault::BadBox),
        (r#"{"x": 1}"#, Fault::BadBox),
        ("7", Fault::BadBox),
    ] {
        assert_eq!(found(&format!(r#", "bbox": {bbox}"#)), [(fault, 2, 1, 11)], "{bbox}");
        let text = with(&annotation(10, &format!(r#", "bbox": {bbox}"#)));
        assert_eq!(parse(&text).unwrap().truths, [], "{bbox}");
    }
    assert_eq!(Fault::BadBox.severity(), Severity::Error);
    let without = r#"{"id": 5, "image_id": 1, "category_id": 1, "area": 900, "iscrowd": 0}"#;
    assert_eq!(found_in(&with(without)), [(Fault::MissingBox, 1, 0, 5)]);
}

#[test]
fn missing_area_and_crowd_are_counted_and_replaced() {
    let bare = r#"{"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]}"#;
    let text = with(bare);
    assert_eq!(found_in(&text), [(Fault::MissingArea, 1, 0, 5), (Fault::MissingCrowd, 1, 0, 5)]);
    let truth = parse(&text).unwrap().truths[0];
    assert_eq!((truth.area, truth.crowd, truth.ignore), (1200.0, false, false));
    let null = r#", "area": null, "iscrowd": null"#;
    assert_eq!(found(null), [(Fault::MissingArea, 2, 1, 11), (Fault::MissingCrowd, 2, 1, 11)]);
}

#[test]
fn boxes_without_area_and_boxes_outside_are_counted_and_kept() {
    assert_eq!(found(r#", "bbox": [9, 9, 0, 5], "category_id": 1, "image_id": 1"#).len(), 2);
    let one = with(&[annotation(10, ""), annotation(11, r#", "bbox": [9, 9, 0, 5]"#)].join(","));
    assert_eq!(found_in(&one), [(Fault::ZeroAreaBox, 1, 1, 11)]);
    assert_eq!(parse(&one).unwrap().truths.len(), 2);
    for (bbox, outside) in [
        ("[600, 20, 41, 40]", false),
        ("[600, 20, 41.5, 40]", true),
        ("[-1, 20, 30, 40]", false),
        ("[-1.5, 20, 30, 40]", true),
        ("[10, 450, 30, 32]", true),
        ("[10, -2, 30, 32]", true),
    ] {
        let text = with(&annotation(11, &format!(r#", "bbox": {bbox}"#)));
        let expected = outside.then_some((Fault::BoxOutside, 1, 0, 11));
        assert_eq!(found_in(&text), expected.into_iter().collect::<Vec<_>>(), "{bbox}");
    }
}

#[test]
fn annotations_of_unlisted_pictures_and_categories_are_left_out() {
    assert_eq!(found(r#", "image_id": 77"#), [(Fault::StrayAnnotation, 2, 1, 11)]);
    assert_eq!(found(r#", "category_id": -3"#), [(Fault::UnknownLabel, 2, 1, 11)]);
    let both = r#", "category_id": 9, "image_id": 9"#;
    assert_eq!(found(both), [(Fault::StrayAnnotation, 2, 1, 11), (Fault::UnknownLabel, 2, 1, 11)]);
}

#[test]
fn repeated_ids_boxes_and_pictures_are_counted_from_the_second_on() {
    let annotations = [annotation(10, ""), annotation(11, ""), annotation(12, r#", "id": 10"#)].join(",");
    assert_eq!(found_in(&with(&annotations)), [(Fault::DuplicateId, 1, 2, 10)]);
    let same = r#", "bbox": [100, 20, 30, 40]"#;
    let annotations = [annotation(10, same), annotation(11, ""), annotation(12, same), annotation(13, same)].join(",");
    assert_eq!(found_in(&with(&annotations)), [(Fault::DuplicateBox, 2, 2, 12)]);
    let text = r#"{"images": [{"id": 5, "file_name": "first"}, {"id": 4}, {"id": 5}, {"id": 4}], "annotations": [],
        "categories": []}"#;
    assert_eq!(found_in(text), [(Fault::DuplicateImage, 2, 2, 5)]);
    let images = parse(text).unwrap().images;
    assert_eq!(images.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["4", "first"]);
}

#[test]
fn relative_boxes_are_told_if_most_boxes_are_such() {
    let relative = r#", "bbox": [0.25, 0.5, 0.1, 0.2]"#;
    let several: Vec<_> = (10..14).map(|id| annotation(id, &relative.replace("0.25", &format!("0.{id}")))).collect();
    let mixed = |large: usize| {
        let large = (20..20 + large as i64).map(|id| annotation(id, ""));
        found_in(&with(&large.chain(several.clone()).collect::<Vec<_>>().join(",")))
    };
    assert_eq!(mixed(0), [(Fault::NormalisedBox, 4, 0, 10)]);
    assert_eq!(mixed(3), [(Fault::NormalisedBox, 4, 3, 10)]);
    assert_eq!(mixed(4), [], "half of them may be small things in a corner");
    assert_eq!(Fault::NormalisedBox.severity(), Severity::Error);
}

#[test]
fn values_of_the_wrong_kind_are_named_with_their_record() {
    for (change, words) in [
        (r#", "image_id": "42""#, ["`image_id` is the string \"42\"", "whole number"]),
        (r#", "image_id": 1.5"#, ["`image_id` is 1.5", "whole number"]),
        (r#", "category_id": null"#, ["`category_id` is null", "whole number"]),
        (r#", "id": [1]"#, ["`id` is a list", "whole number"]),
        (r#", "id": 1e300"#, ["`id` is", "whole number"]),
        (r#", "area": NaN"#, ["`area` is NaN", "finite number"]),
        (r#", "area": -Infinity"#, ["`area` is -Infinity", "finite number"]),
        (r#", "area": 1e999"#, ["`area` is Infinity", "finite number"]),
        (r#", "iscrowd": "no""#, ["`iscrowd` is the string \"no\"", "0 or 1"]),
    ] {
        let annotations = [annotation(10, ""), annotation(11, change)].join(",");
        let error = parse(&with(&annotations)).unwrap_err().to_string();
        for word in words.iter().chain(&["record 1 of annotations", "gt.json, line 2"]) {
            assert!(error.contains(word), "{error:?} does not say {word:?}");
        }
    }
    for key in ["id", "image_id", "category_id"] {
        let text = with(&annotation(10, "").replace(&format!(r#""{key}""#), "\"other\""));
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(&format!("no `{key}`")) && error.contains("record 0 of annotations"), "{error}");
    }
}

#[test]
fn negative_ids_and_whole_floats_are_read() {
    let text = with(&annotation(10, r#", "id": -3.0, "category_id": 1.0"#));
    assert_eq!(parse(&text).unwrap().truths[0].id, -3);
}

#[test]
fn files_that_are_no_data_set_are_refused_with_their_cause() {
    let names = r#"{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}"#;
    for (text, cause) in [
        ("", "the file is empty"),
        ("  \n ", "the file is empty"),
        ("\u{feff}{}", "byte-order mark"),
        ("[]", "this is a list, as files of results are"),
        ("{}", "no `images`"),
        (r#"{"images": [], "categories": []}"#, "no `annotations`"),
        (r#"{"images": [], "annotations": []}"#, "no `categories`"),
        (names, "category 1 is called both \"a\" and \"b\""),
        ("hello", "expected an object, found `h`"),
        (r#"{"images": 3}"#, "expected a list, found `3`"),
        (r#"{"images": [],}"#, "expected a key in quotation marks, found `}`"),
        (r#"{'images': []}"#, "expected a key in quotation marks"),
        (&format!("{SMALL} x"), "expected the end of the file, found `x`"),
        (&SMALL.replace("iscrowd\": 1", "iscrowd\": tru"), "expected a value, found `t`"),
        (&SMALL.replace("dog", "d\\qg"), "wrong escape"),
        (&SMALL.replace("dog", "d\ng"), "line break"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(cause), "{error:?} does not say {cause:?}");
    }
    let bytes = [0xff, 0xfe, b'{', 0, b'}', 0];
    let error = ocelli::dataset::coco::parse(&bytes, std::path::Path::new("gt.json")).unwrap_err().to_string();
    assert!(error.contains("byte-order mark of UTF-16"), "{error}");
}

#[test]
fn a_truncated_file_says_where_it_ends() {
    let cut = SMALL.find("\"iscrowd\": 1").unwrap() + 5;
    let error = parse(&SMALL[..cut]).unwrap_err().to_string();
    for words in ["gt.json, line 8", "the file ends early", &format!("byte {cut}"), "record 1 of annotations"] {
        assert!(error.contains(words), "{error:?} does not say {words:?}");
    }
}

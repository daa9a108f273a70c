//! What is opened, left out and refused.

use super::{INPUT, grey, opened, shared, split, written};
use image::{Rgb, RgbImage};
use ocelli::dataset::{Dataset, OpenOptions, open};
use ocelli::geometry::BBox;
use ocelli_training::data::{CacheOptions, DataError, DetectionData, box_sizes, letterboxed};
use std::sync::atomic::{AtomicUsize, Ordering};

const A: (usize, [f64; 4]) = (0, [10.0, 20.0, 30.0, 40.0]);

#[test]
fn bccd_has_its_205_training_pictures() {
    let Some(path) = shared("detection/bccd/BCCD") else { return };
    let dataset = split(&path, "train");
    let told = AtomicUsize::new(0);
    let tell = |done: usize, of: usize| {
        assert_eq!((of, told.fetch_add(1, Ordering::Relaxed) + 1), (205, done));
    };
    let options = CacheOptions { longest: 480, ..CacheOptions::default() };
    let data = DetectionData::open(&[(dataset.clone(), 1.0)], &options, &tell).unwrap();
    assert_eq!((data.len(), told.into_inner()), (205, 205));
    let census = *data.census();
    // Counted in the XML files with Python: 2,805 boxes, of which one has no area.
    assert_eq!((census.pictures, census.boxes, census.without_area), (205, 2804, 1));
    assert_eq!((census.crowds, census.ignored, census.outside, census.contradicted), (0, 0, 0, 0));
    let mut counts = [0; 3];
    (0..205).flat_map(|index| data.sample(index).unwrap().boxes).for_each(|labelled| counts[labelled.class_id] += 1);
    let of = |name: &str| counts[data.labels().iter().position(|label| label == name).unwrap()];
    assert_eq!(of("WBC") + of("RBC") + of("Platelets"), 2804);
    assert!((213..=214).contains(&of("WBC")) && (208..=209).contains(&of("Platelets")));
    let sample = data.sample(0).unwrap();
    assert_eq!(sample.image.dimensions(), (480, 360));
    let (sizes, counted) = box_sizes(&dataset, INPUT).unwrap();
    assert_eq!((sizes.len(), counted.boxes), (census.boxes, census.boxes));
    // The smaller copy rounds nothing here: 640 × 480 to 480 × 360 keeps the shape.
    for (direct, cached) in sizes.iter().flatten().zip(data.box_sizes(INPUT).iter().flatten()) {
        assert!(direct > &0.0 && cached > &0.0);
    }
    let total = |sizes: &[[f64; 2]]| sizes.iter().flatten().sum::<f64>();
    assert!((total(&sizes) - total(&data.box_sizes(INPUT))).abs() < 1e-6);
}

#[test]
fn crowds_ignored_objects_and_boxes_without_area_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let boxes = vec![A, (0, [5.0, 5.0, 0.0, 9.0]), (0, [200.0, 5.0, 9.0, 9.0]), (0, [90.0, 10.0, 20.0, 10.0])];
    let mut dataset = written(folder.path(), &["a"], &[("1.png", grey(100, 80), boxes), ("2.png", grey(9, 9), vec![])]);
    let (mut crowd, mut ignored) = (dataset.truths[0], dataset.truths[0]);
    crowd.crowd = true;
    ignored.ignore = true;
    dataset.truths.extend([crowd, ignored]);
    let data = opened(&[(dataset.clone(), 1.0)]).unwrap();
    let census = data.census();
    assert_eq!((census.pictures, census.without_objects, census.boxes), (2, 1, 2));
    assert_eq!((census.crowds, census.ignored, census.without_area, census.outside), (1, 1, 1, 1));
    // What reaches out of the picture is cut at its edge.
    assert_eq!(data.sample(0).unwrap().boxes[1].bbox, BBox::new(90.0, 10.0, 10.0, 10.0));
    assert_eq!(box_sizes(&dataset, INPUT).unwrap().1, *census);
}

#[test]
fn classes_of_further_data_sets_are_mapped_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let first = written(&folder.path().join("1"), &["cat", "dog"], &[("1.png", grey(99, 99), vec![(1, A.1)])]);
    let second =
        written(&folder.path().join("2"), &["dog", "cow", "cat"], &[("2.png", grey(99, 99), vec![(0, A.1), (2, A.1)])]);
    let data = opened(&[(first, 1.0), (second, 1.0)]).unwrap();
    assert_eq!(data.labels(), ["cat", "dog"]);
    let classes =
        |index: usize| data.sample(index).unwrap().boxes.iter().map(|labelled| labelled.class_id).collect::<Vec<_>>();
    assert_eq!((classes(0), classes(1)), (vec![1], vec![1, 0]));
}

#[test]
fn an_object_of_a_class_that_the_first_data_set_does_not_know_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let first = written(&folder.path().join("1"), &["cat"], &[("1.png", grey(99, 99), vec![A])]);
    let second = written(&folder.path().join("2"), &["cow"], &[("2.png", grey(99, 99), vec![A])]);
    let error = opened(&[(first, 1.0), (second, 1.0)]).unwrap_err();
    assert!(matches!(&error, DataError::UnknownClass { class, .. } if class == "cow"), "{error}");
}

#[test]
fn a_corrupt_or_missing_picture_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let dataset =
        written(folder.path(), &["a"], &[("whole.png", grey(99, 99), vec![A]), ("half.png", grey(99, 99), vec![A])]);
    let half = folder.path().join("half.png");
    let bytes = std::fs::read(&half).unwrap();
    std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    let named = |dataset: &Dataset| match opened(&[(dataset.clone(), 1.0)]).unwrap_err() {
        DataError::Picture { path, .. } => path,
        other => panic!("{other}"),
    };
    assert_eq!(named(&dataset), half);
    std::fs::remove_file(&half).unwrap();
    assert!(named(&dataset).ends_with("half.png"));
    let again = open(&folder.path().join("instances.json"), &OpenOptions::default()).unwrap();
    assert!(named(&again).ends_with("half.png"));
}

#[test]
fn nothing_to_learn_from_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let none = written(folder.path(), &["a"], &[("1.png", grey(9, 9), vec![])]);
    assert!(matches!(opened(&[(none.clone(), 1.0)]), Err(DataError::Empty { .. })));
    assert!(matches!(box_sizes(&none, INPUT), Err(DataError::Empty { .. })));
    let mut empty = none.clone();
    empty.images.clear();
    assert!(matches!(opened(&[(empty, 1.0)]), Err(DataError::Empty { .. })));
    assert!(matches!(opened(&[]), Err(DataError::Settings(_))));
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(opened(&[(none.clone(), weight)]), Err(DataError::Settings(_))));
    }
}

#[test]
fn pictures_beyond_the_memory_are_decoded_on_demand_to_the_same_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let smooth = |seed: u32| RgbImage::from_fn(90, 60, |x, y| Rgb([(x / 4 * 9 + seed) as u8, (y / 4 * 5) as u8, 77]));
    let pictures = [("1.png", smooth(1), vec![A]), ("2.png", smooth(2), vec![A]), ("3.png", smooth(3), vec![A])];
    let dataset = written(folder.path(), &["a"], &pictures);
    let with = |memory: u64| {
        let options = CacheOptions { longest: 60, memory };
        DetectionData::open(&[(dataset.clone(), 1.0)], &options, &|_, _| {}).unwrap()
    };
    let file = std::fs::metadata(folder.path().join("2.png")).unwrap().len();
    assert!((8..60 * 40 * 3).contains(&file), "{file}");
    // All pixels; the pixels of one and the files of the others; no pixels, all files; nothing.
    let (all, one, none, nothing) = (with(1 << 20), with(60 * 40 * 3), with(60 * 40 * 3 - 1), with(0));
    let read = nothing.sample(1).unwrap();
    assert_eq!(read.image.as_raw(), all.sample(1).unwrap().image.as_raw());
    // Files that are in memory are not missed.
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert!(matches!(nothing.sample(1), Err(DataError::Picture { .. })));
    for index in 0..3 {
        let expected = all.sample(index).unwrap();
        assert_eq!(expected.image.dimensions(), (60, 40));
        for data in [&one, &none] {
            let sample = data.sample(index).unwrap();
            assert_eq!((sample.image.as_raw(), &sample.boxes), (expected.image.as_raw(), &expected.boxes));
        }
    }
    let bbox = all.sample(0).unwrap().boxes[0].bbox;
    assert!((bbox.x - 20.0 / 3.0).abs() < 1e-9 && (bbox.height - 80.0 / 3.0).abs() < 1e-9, "{bbox:?}");
    assert!(all.sample(3).is_err());
}

#[test]
fn letterboxed_batches_are_those_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let picture = RgbImage::from_fn(90, 70, |x, y| Rgb([(x * 2) as u8, (y * 3) as u8, (x + y) as u8]));
    let dataset = written(folder.path(), &["a"], &[("1.png", picture.clone(), vec![A])]);
    let data = opened(&[(dataset, 1.0)]).unwrap();
    let batch = letterboxed(&data, 0..1, INPUT).unwrap();
    let own = ocelli::letterbox::Size { width: 90, height: 70 };
    let letterbox = ocelli::letterbox::Letterbox::new(ocelli::metadata::Resize::Letterbox, own, INPUT);
    assert_eq!(batch.images.into_dyn(), letterbox.apply(&picture));
    let restored = letterbox.restore(&batch.boxes[0][0].bbox);
    assert!(restored.iou(&BBox::new(10.0, 20.0, 30.0, 40.0)) > 0.999_999);
    assert!(letterboxed(&data, 0..2, INPUT).is_err());
}

//! Recipes, and what is made of a user's data before training.

use ocelli::average_precision::Truth;
use ocelli::dataset::convert::{Target, convert};
use ocelli::dataset::{Dataset, Findings, Format, Image, OpenOptions, open};
use ocelli::geometry::BBox;
use ocelli_training::recipes::{DetectionRecipe, Prepared, RECIPES, hold_out};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn recipe(name: &str, settings: &[&str]) -> DetectionRecipe {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    DetectionRecipe::find(name, &settings).unwrap()
}

#[test]
fn every_recipe_comes_back_from_its_own_text() {
    let files: BTreeSet<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(files, RECIPES.iter().map(|(name, _)| (*name).to_owned()).collect());
    let folder = tempfile::tempdir().unwrap();
    for (name, _) in RECIPES {
        let mut recipe = recipe(name, &[]);
        // All that a training adds, and all that may be absent.
        recipe.labels = Some(vec!["a \"b\"".into(), "ü".into()]);
        recipe.input.anchors = Some(vec![vec![[1.0 / 3.0, 2e-7], [5.0, 6.0], [7.0, 8.5]]; 3]);
        for all in [false, true] {
            if all {
                recipe.model.widths = Some([4, 5, 6, 7, 8]);
                recipe.model.repeats = Some([0, 1, 2, 3]);
                recipe.augmentation.sizes = vec![[320, 320], [640, 352]];
                recipe.loss.focal = Some(ocelli_training::losses::yolo::Focal { gamma: 2.0, alpha: 0.25 });
                recipe.train.optimizer.clip_norm = None;
                recipe.train.schedule.curve =
                    ocelli_training::schedule::Curve::Steps { at: vec![0.8, 0.9], factor: 0.1 };
            }
            let path = folder.path().join("recipe.toml");
            std::fs::write(&path, recipe.to_toml().unwrap()).unwrap();
            assert_eq!(DetectionRecipe::read(&path, &[]).unwrap(), recipe, "{name}");
        }
    }
}

#[test]
fn settings_change_nested_values_and_nothing_else() {
    let changed = recipe(
        "bccd",
        &[
            "train.epochs=7",
            "train.schedule.curve={ kind = \"steps\", at = [0.5], factor = 0.2 }",
            "train.optimizer.rule.betas=[0.8, 0.95]",
            "train.optimizer.rule.epsilon=0.5",
            "model.widths=[4,4,8,8,8]",
            "augmentation.scale=[0.5, 2]",
            "export.license=CC BY 4.0",
            "description=\"quoted = twice\"",
            "data.validation=",
        ],
    );
    let mut wanted = recipe("bccd", &[]);
    wanted.train.epochs = 7;
    wanted.train.schedule.curve = ocelli_training::schedule::Curve::Steps { at: vec![0.5], factor: 0.2 };
    wanted.train.optimizer.rule =
        ocelli_training::optimizer::Rule::Adam { betas: [0.8, 0.95], epsilon: 0.5, decoupled: true };
    wanted.model.widths = Some([4, 4, 8, 8, 8]);
    wanted.augmentation.scale = [0.5, 2.0];
    wanted.export.license = Some("CC BY 4.0".into());
    wanted.description = "quoted = twice".into();
    wanted.data.validation = String::new();
    assert_eq!(changed, wanted);
}

#[test]
fn settings_that_are_right_only_together_are_taken_and_the_wrong_one_is_named() {
    let steps = ["train.schedule.curve.kind=steps", "train.schedule.curve={ kind = \"cosine\", last = 0.5 }"];
    recipe("bccd", &steps);
    let settings = [steps[0], steps[1], "train.epochs=0"].map(str::to_owned);
    let told = DetectionRecipe::find("bccd", &settings).unwrap_err().to_string();
    assert!(told.starts_with("--set train.epochs=0: "), "{told}");
}

/// A data set of the mind: pictures of that size, each with an object of that size.
fn pictures(count: usize, size: (u32, u32), object: (f64, f64)) -> Dataset {
    let image = |n: usize| Image { id: n as i64, name: format!("{n}.jpg"), path: None, size: Some(size) };
    let truth = |n: usize| {
        let bbox = BBox::new(n as f64, 2.0, object.0, object.1);
        Truth { image: n as u32, class: 0, bbox, area: bbox.area(), crowd: false, ignore: false, id: n as i64 + 1 }
    };
    Dataset {
        path: PathBuf::from("mind"),
        format: Format::Yolo,
        split: None,
        labels: vec!["thing".into()],
        category_ids: vec![0],
        images: (0..count).map(image).collect(),
        truths: (0..count).map(truth).collect(),
        findings: Findings::default(),
    }
}

fn names(data: &Dataset) -> BTreeSet<String> {
    data.images.iter().map(|image| image.name.clone()).collect()
}

#[test]
fn held_out_pictures_are_a_disjoint_part_of_the_size_asked_for_and_keep_their_objects() {
    let whole = pictures(103, (100, 80), (10.0, 10.0));
    for (part, held) in [(0.2, 21), (0.5, 52), (0.001, 1), (0.0, 0), (0.999, 102)] {
        let (train, validation) = hold_out(&whole, part, 5);
        assert_eq!((train.images.len(), validation.images.len()), (103 - held, held), "{part}");
        assert!(names(&train).is_disjoint(&names(&validation)));
        assert_eq!(&names(&train) | &names(&validation), names(&whole));
        for data in [&train, &validation] {
            assert_eq!(data.truths.len(), data.images.len());
            for truth in &data.truths {
                // The object of picture n lies at x = n.
                assert_eq!(data.images[truth.image as usize].name, format!("{}.jpg", truth.bbox.x));
            }
        }
    }
    let [first, again, other] = [5, 5, 6].map(|seed| names(&hold_out(&whole, 0.2, seed).1));
    assert_eq!(first, again);
    assert_ne!(first, other);
    // Not the first ones, nor the last: data sets are often sorted.
    let places: Vec<usize> = first.iter().map(|name| name.trim_end_matches(".jpg").parse().unwrap()).collect();
    assert!(places.iter().any(|place| *place < 52) && places.iter().any(|place| *place >= 52), "{places:?}");
    for (count, held) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
        let (train, validation) = hold_out(&pictures(count, (9, 9), (2.0, 2.0)), 0.2, 1);
        assert_eq!((train.images.len(), validation.images.len()), (count - held, held));
    }
}

/// Folder of the detection data, if it is there.
pub fn detection_data(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("OCELLI_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let folder = shared.join("detection").join(name);
    if !folder.exists() {
        assert!(std::env::var_os("CI").is_none(), "{} is absent: nothing is skipped in CI", folder.display());
        eprintln!("SKIPPED: {} is absent", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn bccd_is_taken_by_its_official_parts() {
    let Some(folder) = detection_data("bccd") else { return };
    // As the recipe says that its choices were made, and as the model that ships is trained.
    let parts = recipe("bccd", &["data.train=train", "data.validation=val"]);
    let prepared = Prepared::open(&folder, &parts).unwrap();
    let validation = prepared.validation.as_ref().unwrap();
    assert_eq!((prepared.train.split.as_deref(), validation.split.as_deref()), (Some("train"), Some("val")));
    assert_eq!((prepared.train.images.len(), validation.images.len()), (205, 87));
    assert!(names(&prepared.train).is_disjoint(&names(validation)));
    assert_eq!(prepared.pictures(), 292);
    let both = Prepared::open(&folder, &recipe("bccd", &["data.train=trainval", "data.validation="])).unwrap();
    assert!(both.validation.is_none());
    assert_eq!(names(&both.train), &names(&prepared.train) | &names(validation));
    let test = open(&folder, &OpenOptions { format: None, split: Some("test".into()) }).unwrap();
    let shipped = Prepared::open(&folder, &recipe("bccd", &[])).unwrap();
    for part in [Some(&shipped.train), shipped.validation.as_ref()].into_iter().flatten() {
        assert!(names(part).is_disjoint(&names(&test)), "the test pictures are for the end");
    }
}

#[test]
fn a_fifth_of_raccoon_is_held_out_since_it_has_no_parts() {
    let Some(folder) = detection_data("raccoon") else { return };
    let whole = open(&folder, &OpenOptions::default()).unwrap();
    let prepared = Prepared::open(&folder, &recipe("raccoon", &[])).unwrap();
    let validation = prepared.validation.as_ref().unwrap();
    let count = whole.images.len();
    assert_eq!(validation.images.len(), (count as f64 * 0.2).round() as usize);
    assert!(names(&prepared.train).is_disjoint(&names(validation)));
    assert_eq!(&names(&prepared.train) | &names(validation), names(&whole));
}

#[test]
fn a_part_that_is_not_there_is_refused_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let whole = Dataset { split: Some("summer".into()), ..pictures(3, (90, 60), (9.0, 9.0)) };
    convert(&whole, Target::Voc, &data, &|_| {}).unwrap();
    let told = Prepared::open(&data, &recipe("transfer", &[])).unwrap_err().to_string();
    assert!(told.contains("no split `train`") && told.contains("summer"), "{told}");
    assert!(told.contains("--set data.train=NAME"), "{told}");
    let prepared = Prepared::open(&data, &recipe("transfer", &["data.train=summer", "data.hold_out=0.4"])).unwrap();
    assert_eq!((prepared.train.images.len(), prepared.validation.unwrap().images.len()), (2, 1));
    let none = Prepared::open(&folder.path().join("absent"), &recipe("transfer", &[])).unwrap_err().to_string();
    assert!(none.contains("absent: No such file"), "{none}");
}

#[test]
fn the_input_takes_the_shape_of_the_pictures_and_grows_for_small_objects() {
    let chosen = |count, size, object, settings: &[&str]| {
        let mut recipe = recipe("transfer", settings);
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let prepared = Prepared { train: pictures(count, size, object), also: Vec::new(), validation: None };
        prepared.choose_sizes(&mut recipe, &settings);
        recipe.check().unwrap();
        (recipe.input.width, recipe.input.height, recipe.train.epochs)
    };
    let large = (200.0, 150.0);
    assert_eq!(chosen(100, (640, 480), large, &[]), (320, 256, 120));
    assert_eq!(chosen(100, (480, 640), large, &[]), (256, 320, 120));
    assert_eq!(chosen(100, (500, 500), large, &[]), (320, 320, 120));
    // 8 pixels of the input are 16 of 640, 12.3 of them at 416, 10 at 512 and 8.4 at 608.
    assert_eq!(chosen(100, (640, 640), (15.0, 40.0), &[]), (416, 416, 120));
    assert_eq!(chosen(100, (640, 640), (40.0, 11.0), &[]), (512, 512, 120));
    assert_eq!(chosen(100, (640, 640), (9.0, 9.0), &[]), (608, 608, 120));
    assert_eq!(chosen(100, (640, 640), (2.0, 2.0), &[]), (608, 608, 120));
    // A panorama still has two cells of the coarsest grid.
    assert_eq!(chosen(100, (4000, 200), large, &[]), (320, 64, 120));
    assert_eq!(chosen(3, (640, 480), large, &[]), (320, 256, 300));
    assert_eq!(chosen(50_000, (640, 480), large, &[]), (320, 256, 10));
    let own = ["train.epochs=2", "input.width=96", "input.height=64"];
    assert_eq!(chosen(100, (640, 480), large, &own), (96, 64, 2));
}

#[test]
fn detectors_have_one_name_in_recipes_commands_and_the_registry() {
    use ocelli_training::models::{Architecture, registry};
    for architecture in Architecture::ALL {
        assert_eq!(serde_json::to_value(architecture).unwrap(), architecture.name());
        assert!(registry::find(architecture.name()).is_some());
    }
}

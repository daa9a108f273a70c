//! Random cases from `peers/`, and what other implementations make of them.

use crate::python::{python, script};
use ocelli::average_precision::{Comparison, Prediction, Truth};
use ocelli::dataset::{Dataset, Findings, Format, Image};
use ocelli::evaluate::{Evaluation, MeasureOptions, Predictions, measure};
use ocelli::geometry::BBox;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A comparison read from COCO JSON by the shortest way, with the ids of its categories.
pub(crate) struct Case {
    pub images: usize,
    pub categories: Vec<i64>,
    pub truths: Vec<Truth>,
    pub predictions: Vec<Prediction>,
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

pub(crate) fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array().map(|list| list.iter().map(number).collect())
}

fn ids(list: &Value) -> Vec<i64> {
    let mut ids: Vec<i64> = list.as_array().expect("a list").iter().map(|item| item["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn bbox(record: &Value) -> BBox {
    let b = numbers(&record["bbox"]).expect("a box");
    BBox::new(b[0], b[1], b[2], b[3])
}

impl Case {
    /// Reads a folder's truths, of a file of that name, and `results.json`.
    pub fn read(folder: &Path, truths: &str) -> Self {
        let (truth, results) = (json(&folder.join(truths)), json(&folder.join("results.json")));
        let (images, categories) = (ids(&truth["images"]), ids(&truth["categories"]));
        let index = |ids: &[i64], id: &Value| ids.binary_search(&id.as_i64().expect("an id")).ok().map(|at| at as u32);
        let flag = |value: &Value| value.as_i64() == Some(1);
        let truths = truth["annotations"].as_array().expect("annotations").iter().filter_map(|record| {
            Some(Truth {
                image: index(&images, &record["image_id"])?,
                class: index(&categories, &record["category_id"])?,
                bbox: bbox(record),
                area: number(&record["area"]),
                crowd: flag(&record["iscrowd"]),
                ignore: flag(&record["ignore"]),
                id: record["id"].as_i64().expect("an id"),
            })
        });
        let truths = truths.collect();
        let predictions = results.as_array().expect("results").iter().filter_map(|record| {
            Some(Prediction {
                image: index(&images, &record["image_id"])?,
                class: index(&categories, &record["category_id"])?,
                bbox: bbox(record),
                score: number(&record["score"]),
            })
        });
        let predictions = predictions.collect();
        Self { images: images.len(), categories, truths, predictions }
    }

    pub fn classes(&self, pooled: bool) -> usize {
        if pooled { 1 } else { self.categories.len() }
    }

    pub fn comparison(&self, pooled: bool) -> Comparison<'_> {
        Comparison::new(self.images, self.categories.len(), &self.truths, &self.predictions, pooled)
    }

    /// Everything that is measured, and against another case's predictions.
    pub fn measure(&self, other: Option<&Self>, options: &MeasureOptions) -> Evaluation {
        let image = |id| Image { id, name: id.to_string(), path: None, size: None };
        let dataset = Dataset {
            path: "cases".into(),
            format: Format::Coco,
            split: None,
            labels: self.categories.iter().map(ToString::to_string).collect(),
            category_ids: self.categories.clone(),
            images: (0..self.images as i64).map(image).collect(),
            truths: self.truths.clone(),
            findings: Findings::default(),
        };
        let predictions =
            |case: &Self| Predictions { name: "case".into(), list: case.predictions.clone(), run: None, mapping: None };
        let (own, other) = (predictions(self), other.map(predictions));
        measure(&dataset, &own, other.as_ref(), &Findings::default(), options, &|_| ()).expect("an evaluation")
    }
}

/// Runs a script that writes one folder for each seed, hands those folders to `check`, and returns what the script counted
/// in them. In the folder `OCELLI_TEST_CASES`, if that is set, cases are kept for the next run: `scripts/mutants.py` runs
/// the same ones again and again.
pub(crate) fn for_each(name: &str, seeds: std::ops::Range<u32>, check: impl FnMut(&Path)) -> Option<Value> {
    static MAKING: Mutex<()> = Mutex::new(());
    let python = python()?;
    let temporary = tempfile::tempdir().expect("a folder");
    let kept = std::env::var_os("OCELLI_TEST_CASES").map(PathBuf::from);
    // Tests of the same cases wait for each other; without keeping, each makes its own.
    let making = kept.is_some().then(|| MAKING.lock());
    let place = format!("{name}-{}-{}", seeds.start, seeds.end);
    let folder = kept.as_deref().unwrap_or(temporary.path()).join(place);
    // Scripts write this last.
    let coverage = folder.join("coverage.json");
    if !coverage.is_file() {
        script(&python, name, &[&folder, Path::new(&seeds.start.to_string()), Path::new(&seeds.end.to_string())]);
    }
    drop(making);
    let mut cases: Vec<_> = std::fs::read_dir(&folder).expect("cases").map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert_eq!(cases.len(), seeds.len(), "{name} wrote another number of cases");
    cases.iter().map(PathBuf::as_path).for_each(check);
    Some(json(&coverage))
}

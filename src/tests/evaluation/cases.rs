//! Random cases from `peers/`, and what other implementations make of them.

use crate::python::{python, script};
use ocelli::average_precision::{Comparison, Prediction, Truth};
use ocelli::geometry::BBox;
use serde_json::Value;
use std::path::Path;

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
}

/// Runs a script that writes one folder for each seed, and hands those folders to `check`.
pub(crate) fn for_each(
    name: &str,
    seeds: std::ops::Range<u32>,
    mut check: impl FnMut(&Path),
) -> Option<tempfile::TempDir> {
    let python = python()?;
    let folder = tempfile::tempdir().expect("a folder");
    script(&python, name, &[folder.path(), Path::new(&seeds.start.to_string()), Path::new(&seeds.end.to_string())]);
    let mut cases: Vec<_> =
        std::fs::read_dir(folder.path()).expect("cases").map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert_eq!(cases.len(), seeds.len(), "{name} wrote another number of cases");
    cases.iter().for_each(|case| check(case));
    Some(folder)
}

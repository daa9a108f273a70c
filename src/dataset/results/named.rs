//! Results that call pictures and classes by name: names become indices, each looked up once.

use super::Results;
use super::collector::{Collector, Record};
use super::pictures::Names;
use crate::dataset::{ClassMap, ClassOverrides, Dataset, DatasetError, Fault, Id};
use crate::geometry::BBox;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What is read, before all names of classes are known.
pub(super) struct Named<'a> {
    dataset: &'a Dataset,
    names: Names<'a>,
    files: Vec<PathBuf>,
    pictures: Interned,
    labels: Interned,
    /// How many of the labels are told to be all of the model's.
    declared: usize,
    rows: Vec<Row>,
}

/// A result: indices into the lists of [`Named`], and where it stands.
struct Row {
    file: usize,
    line: usize,
    picture: usize,
    label: usize,
    bbox: Result<BBox, Fault>,
    score: Result<f64, Fault>,
}

/// A picture or class of [`Named`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(usize);

/// Names in the order in which they came.
#[derive(Default)]
struct Interned {
    names: Vec<String>,
    indices: HashMap<String, usize>,
}

impl Interned {
    fn index(&mut self, name: &str) -> Name {
        if let Some(index) = self.indices.get(name) {
            return Name(*index);
        }
        let index = self.names.len();
        self.names.push(name.to_owned());
        self.indices.insert(name.to_owned(), index);
        Name(index)
    }
}

impl<'a> Named<'a> {
    /// Nothing yet.
    pub fn new(dataset: &'a Dataset) -> Self {
        let (pictures, labels) = (Interned::default(), Interned::default());
        Self { dataset, names: Names::new(dataset), files: Vec::new(), pictures, labels, declared: 0, rows: Vec::new() }
    }

    /// What comes now stands in this file.
    pub fn file(&mut self, file: &Path) {
        self.files.push(file.to_owned());
    }

    /// A picture's name.
    pub fn picture(&mut self, name: &str) -> Name {
        self.pictures.index(name)
    }

    /// A class's name.
    pub fn label(&mut self, name: &str) -> Name {
        self.labels.index(name)
    }

    /// The next of all classes of the model.
    pub fn declare(&mut self, name: &str) {
        self.labels.index(name);
        self.declared = self.labels.names.len();
    }

    /// Adds a result.
    pub fn add(
        &mut self,
        line: usize,
        picture: Name,
        label: Name,
        bbox: Result<BBox, Fault>,
        score: Result<f64, Fault>,
    ) {
        let file = self.files.len().saturating_sub(1);
        self.rows.push(Row { file, line, picture: picture.0, label: label.0, bbox, score });
    }

    /// Matches the names with the data set's. Pictures are found without extension if `by_stem`.
    pub fn finish(self, by_stem: bool, classes: &ClassOverrides) -> Result<Results, DatasetError> {
        let (names, labels) = (&self.labels.names, &self.dataset.labels);
        // Classes can be paired by index where all of the model's are known.
        let all_known = !names.is_empty() && self.declared == names.len();
        let mapping = if all_known { ClassMap::new } else { ClassMap::by_name }(names, labels, classes)?;
        let find = |name: &String| if by_stem { self.names.stem(name) } else { self.names.file(name) };
        let found: Vec<Option<usize>> = self.pictures.names.iter().map(find).collect();
        let mut collector = Collector::new(self.dataset, self.rows.len());
        let mut open = None;
        for row in &self.rows {
            if open != Some(row.file) {
                open = Some(row.file);
                collector.file(self.files.get(row.file).map_or(Path::new(""), PathBuf::as_path));
            }
            let image = found.get(row.picture).copied().flatten();
            let class = mapping.target(row.label);
            let record = Record { index: row.line, image, class, bbox: row.bbox, score: row.score };
            collector.add(&record, || Id::Name(self.pictures.names.get(row.picture).cloned().unwrap_or_default()));
        }
        Ok(Results { mapping: Some(mapping), ..collector.finish() })
    }
}

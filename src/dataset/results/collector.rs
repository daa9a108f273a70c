//! The one place where results are checked, whatever their format.

use super::Results;
use crate::average_precision::Prediction;
use crate::dataset::boxes::Suspicions;
use crate::dataset::{Dataset, Fault, Findings, Id, Place};
use crate::geometry::BBox;
use std::path::Path;

/// One result, as it was read. What is missing or wrong with a part stands in the part's place.
pub(super) struct Record {
    /// Its index, or its line.
    pub index: usize,
    /// Index of the picture, if the data set has it.
    pub image: Option<usize>,
    /// Index of the class, if the data set has it.
    pub class: Option<usize>,
    /// Where.
    pub bbox: Result<BBox, Fault>,
    /// How sure.
    pub score: Result<f64, Fault>,
}

/// Gathers results of a data set.
pub(super) struct Collector<'a> {
    dataset: &'a Dataset,
    file: String,
    predictions: Vec<Prediction>,
    findings: Findings,
    suspicions: Suspicions,
}

impl<'a> Collector<'a> {
    /// With room for that many.
    pub fn new(dataset: &'a Dataset, room: usize) -> Self {
        Self {
            dataset,
            file: String::new(),
            predictions: Vec::with_capacity(room),
            findings: Findings::default(),
            suspicions: Suspicions::default(),
        }
    }

    /// What comes now stands in this file.
    pub fn file(&mut self, file: &Path) {
        self.file = file.display().to_string();
    }

    /// Checks a result, and keeps it if it is whole. `id` is its picture's.
    #[inline]
    pub fn add(&mut self, record: &Record, id: impl Fn() -> Id) {
        let Record { index, image, class, bbox, score } = *record;
        let image = image.and_then(|image| Some((image, self.dataset.images.get(image)?)));
        let wrong = [
            image.is_none().then_some(Fault::UnknownImage),
            bbox.err(),
            score.err(),
            score.is_ok_and(|score| !(0.0..=1.0).contains(&score)).then_some(Fault::ScoreOutOfRange),
            class.is_none().then_some(Fault::UnknownClass),
        ];
        for fault in wrong.into_iter().flatten() {
            self.findings.add(fault, || Place { file: self.file.clone(), index, id: Some(id()) });
        }
        let (Some((image, listed)), Some(class), Ok(bbox), Ok(score)) = (image, class, bbox, score) else { return };
        self.suspicions.look(&bbox, listed, || Place { file: self.file.clone(), index, id: Some(id()) });
        self.predictions.push(Prediction { image: image as u32, class: class as u32, bbox, score });
    }

    /// What came of it.
    pub fn finish(mut self) -> Results {
        for fault in [Fault::NormalisedBox, Fault::BoxOutside] {
            self.suspicions.tell(fault, &mut self.findings);
        }
        Results { predictions: self.predictions, findings: self.findings, model: None, mapping: None }
    }
}

/// A number that is finite, or that fault.
pub(super) fn finite(number: f64, fault: Fault) -> Result<f64, Fault> {
    if number.is_finite() { Ok(number) } else { Err(fault) }
}

//! Parts of the data by themselves.

use super::SliceFigures;
use super::outcomes::{Outcome, Outcomes, ratio};
use crate::average_precision::coco::{interpolated, mean};
use crate::geometry::BBox;

/// A way to part the data: what it is called, and its parts with the values at which they end.
struct Cut {
    by: &'static str,
    parts: [(&'static str, f64); 3],
}

/// By area in square pixels (a truth's own, a prediction's box), by width over height of the box, and by the truths that
/// count in the picture.
const CUTS: [Cut; 3] = [
    Cut { by: "size", parts: [("small, below 32²", 1024.0), ("medium", 9216.0), ("large, from 96²", f64::INFINITY)] },
    Cut {
        by: "aspect",
        parts: [("tall, height over 2 × width", 0.5), ("even", 2.0), ("wide, width from 2 × height", f64::INFINITY)],
    },
    Cut {
        by: "crowding",
        parts: [("fewer than 5 objects a picture", 5.0), ("5 to 14", 15.0), ("15 or more", f64::INFINITY)],
    },
];

/// The part of each cut that something belongs to.
type Parts = [usize; CUTS.len()];

/// What is counted of each part.
#[derive(Clone, Default)]
struct Part {
    truths: usize,
    /// Truths that are found at the operating point.
    found: usize,
    /// AP of each class with truths here.
    aps: Vec<f64>,
}

/// Figures of each slice. A right prediction belongs to its truth's slice, a wrong one to that of its own box; matching is
/// that of all data, so the slices of one kind share out its right and wrong predictions.
pub(super) fn slices(outcomes: &Outcomes, confidence: f64, recalls: &[f64]) -> Vec<SliceFigures> {
    let slicer = Slicer::new(outcomes);
    let mut parts: [[Part; 3]; CUTS.len()] = Default::default();
    for outcome in outcomes.all().above(confidence).filter(|outcome| outcome.right) {
        let of = slicer.of_outcome(outcome);
        parts.iter_mut().zip(of).for_each(|(parts, part)| parts[part].found += 1);
    }
    for class in 0..outcomes.comparison.class_count() {
        slicer.count_class(class, recalls, &mut parts);
    }
    let cuts = CUTS.iter().zip(parts);
    let figures = cuts.flat_map(|(cut, parts)| {
        cut.parts.iter().zip(parts).map(|((label, _), Part { truths, found, aps })| SliceFigures {
            by: cut.by,
            label: (*label).into(),
            truths,
            ap50: mean(&aps),
            recall: ratio(found, truths),
        })
    });
    figures.collect()
}

struct Slicer<'a> {
    outcomes: &'a Outcomes<'a>,
    /// Truths that count in each picture.
    crowding: Vec<u32>,
    /// The parts of each truth.
    truths: Vec<Parts>,
    /// Truths that count of each class, in each part.
    positives: Vec<[[usize; 3]; CUTS.len()]>,
}

impl<'a> Slicer<'a> {
    fn new(outcomes: &'a Outcomes<'a>) -> Self {
        let comparison = outcomes.comparison;
        let mut slicer = Self {
            outcomes,
            crowding: vec![0; comparison.images],
            truths: Vec::with_capacity(comparison.truths.len()),
            positives: vec![Default::default(); comparison.class_count()],
        };
        for truth in comparison.truths.iter().filter(|truth| truth.counts()) {
            slicer.crowding[truth.image as usize] += 1;
        }
        for truth in comparison.truths {
            let parts = slicer.parts(truth.area, &truth.bbox, truth.image);
            slicer.truths.push(parts);
            let of_class = &mut slicer.positives[comparison.row(truth.class)];
            of_class.iter_mut().zip(parts).for_each(|(counts, part)| counts[part] += usize::from(truth.counts()));
        }
        slicer
    }

    fn parts(&self, area: f64, bbox: &BBox, image: u32) -> Parts {
        // A box without height is infinitely wide.
        let values = [area, bbox.width / bbox.height, self.crowding[image as usize].into()];
        let mut cuts = CUTS.iter();
        values.map(|value| {
            let ends = cuts.next().map_or([f64::INFINITY; 3], |cut| cut.parts.map(|(_, end)| end));
            usize::from(value >= ends[0]) + usize::from(value >= ends[1])
        })
    }

    fn of_outcome(&self, outcome: &Outcome) -> Parts {
        let prediction = &self.outcomes.comparison.predictions[outcome.prediction as usize];
        let own = || self.parts(prediction.bbox.area(), &prediction.bbox, prediction.image);
        self.outcomes.truth_of(outcome).map_or_else(own, |truth| self.truths[truth as usize])
    }

    /// Counts a class's truths, and adds its AP where it has any.
    fn count_class(&self, class: usize, recalls: &[f64], found: &mut [[Part; 3]; CUTS.len()]) {
        // How many are wrong so far in each part, and how many were so before each right one.
        let mut wrong: [[u32; 3]; CUTS.len()] = Default::default();
        let mut before: [[Vec<u32>; 3]; CUTS.len()] = Default::default();
        for outcome in self.outcomes.class(class).iter() {
            let parts = self.of_outcome(outcome);
            for ((wrong, before), part) in wrong.iter_mut().zip(&mut before).zip(parts) {
                if outcome.right {
                    before[part].push(wrong[part]);
                } else {
                    wrong[part] += 1;
                }
            }
        }
        for ((found, before), positives) in found.iter_mut().zip(before).zip(self.positives[class]) {
            for ((found, before), positives) in found.iter_mut().zip(before).zip(positives) {
                found.truths += positives;
                found.aps.extend(interpolated(before.into_iter(), positives, recalls));
            }
        }
    }
}

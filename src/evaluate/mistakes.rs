//! What goes wrong, in the sense of TIDE (Bolya et al. 2020, <https://arxiv.org/abs/2008.08115>), and in which pictures.
//!
//! With t_f the IoU from which a box counts as found and t_b = 0.1, a prediction that is not matched is the first of
//!
//! | kind | that holds | when mended |
//! |---|---|---|
//! | location | t_b ≤ IoU < t_f with a truth of its class | it is right, if that truth is free; else it is gone |
//! | class | IoU ≥ t_f with a truth of another class | it is right in that class, if that truth is free; else it is gone |
//! | duplicate | IoU ≥ t_f with a truth of its class, which a surer prediction has | it is gone |
//! | background | IoU < t_b with every truth | it is gone |
//! | both | anything else: t_b ≤ IoU < t_f with a truth of another class | it is gone |
//!
//! and a truth that no prediction has, and that no location or class mistake is about, is missed; mended, it is no truth.
//! Predictions on crowds and ignored truths do not count here either.

use super::outcomes::Outcomes;
use super::{ErrorFigures, ImageMistakes, Mistake};
use crate::average_precision::coco::{interpolated, mean};
use crate::average_precision::{Comparison, Prediction};

/// IoU below which a box has nothing to do with a truth.
const BACKGROUND: f64 = 0.1;

/// The kinds of which predictions can be.
const KINDS: [Mistake; 6] =
    [Mistake::Class, Mistake::Location, Mistake::Both, Mistake::Duplicate, Mistake::Background, Mistake::Missed];

/// A wrong prediction's kind, and the truth that it is about.
#[derive(Debug, Clone, Copy)]
struct Fault {
    kind: Mistake,
    truth: Option<u32>,
}

/// Predictions and truths at one IoU threshold.
pub(super) struct Analysis<'a> {
    pub comparison: &'a Comparison<'a>,
    pub iou: f64,
    pub class_agnostic: bool,
    /// The outcomes of each class.
    pub classes: &'a [Outcomes],
    /// The truth that each prediction is matched with.
    pub assigned: &'a [Option<u32>],
}

impl Analysis<'_> {
    /// What mistakes there are at the operating point `confidence`, and what they cost over all confidences.
    pub fn errors(&self, confidence: f64, recalls: &[f64]) -> Vec<ErrorFigures> {
        let faults = self.faults();
        let kept = |prediction: u32| self.comparison.predictions[prediction as usize].score > confidence;
        let found = self.found(|_| true);
        let base = self.mean_ap(None, &faults, &found, recalls);
        let missed_now = self.missed(&faults, kept).len();
        let figures = |kind: Mistake| {
            let count = match kind {
                Mistake::Missed => missed_now,
                _ => faults.iter().filter(|(row, fault)| fault.kind == kind && kept(*row)).count(),
            };
            let mended = self.mean_ap(Some(kind), &faults, &found, recalls);
            ErrorFigures { kind, count, delta_ap50: mended.zip(base).map(|(mended, base)| mended - base) }
        };
        KINDS.map(figures).into()
    }

    /// Every wrong prediction with its kind, in the order of classes and scores.
    fn faults(&self) -> Vec<(u32, Fault)> {
        let truths = self.truths_by_image();
        let wrong = self.classes.iter().flat_map(|class| &class.rows).filter(|row| !row.right);
        wrong.map(|row| (row.prediction, self.fault(row.prediction, &truths))).collect()
    }

    /// Truths that count, of each picture.
    #[expect(clippy::cast_possible_truncation, reason = "truths are indexed by u32")]
    fn truths_by_image(&self) -> Vec<Vec<u32>> {
        let mut by_image = vec![Vec::new(); self.comparison.images];
        for (index, truth) in self.comparison.truths.iter().enumerate().filter(|(_, t)| !t.crowd && !t.ignore) {
            by_image[truth.image as usize].push(index as u32);
        }
        by_image
    }

    fn fault(&self, prediction: u32, truths: &[Vec<u32>]) -> Fault {
        let Prediction { image, class, bbox, .. } = self.comparison.predictions[prediction as usize];
        // The largest overlap with its own class and with others.
        let (mut own, mut other) = ((0.0, None), (0.0, None));
        for &index in &truths[image as usize] {
            let truth = &self.comparison.truths[index as usize];
            let best = if truth.class == class || self.class_agnostic { &mut own } else { &mut other };
            let iou = bbox.iou(&truth.bbox);
            if iou > best.0 {
                *best = (iou, Some(index));
            }
        }
        if (BACKGROUND..self.iou).contains(&own.0) {
            Fault { kind: Mistake::Location, truth: own.1 }
        } else if other.0 >= self.iou {
            Fault { kind: Mistake::Class, truth: other.1 }
        } else if own.0 >= self.iou {
            Fault { kind: Mistake::Duplicate, truth: own.1 }
        } else if other.0 >= BACKGROUND {
            Fault { kind: Mistake::Both, truth: other.1 }
        } else {
            Fault { kind: Mistake::Background, truth: None }
        }
    }

    /// Whether each truth is matched by a prediction that is kept.
    fn found(&self, kept: impl Fn(u32) -> bool) -> Vec<bool> {
        let mut found = vec![false; self.comparison.truths.len()];
        for row in self.classes.iter().flat_map(|class| &class.rows).filter(|row| row.right && kept(row.prediction)) {
            if let Some(truth) = self.assigned[row.prediction as usize] {
                found[truth as usize] = true;
            }
        }
        found
    }

    /// Truths that count, and that nothing that is kept has found or would have found but for its class or place.
    fn missed(&self, faults: &[(u32, Fault)], kept: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut explained = self.found(&kept);
        for (_, fault) in faults.iter().filter(|(prediction, _)| kept(*prediction)) {
            if let (Mistake::Location | Mistake::Class, Some(truth)) = (fault.kind, fault.truth) {
                explained[truth as usize] = true;
            }
        }
        let truths = self.comparison.truths.iter().zip(&explained).zip(0..);
        truths.filter(|((t, explained), _)| !t.crowd && !t.ignore && !**explained).map(|(_, index)| index).collect()
    }

    /// Mean AP over the classes with truths, when mistakes of one kind are mended.
    fn mean_ap(
        &self,
        mended: Option<Mistake>,
        faults: &[(u32, Fault)],
        found: &[bool],
        recalls: &[f64],
    ) -> Option<f64> {
        let mut positives: Vec<usize> = self.classes.iter().map(|class| class.positives).collect();
        if mended == Some(Mistake::Missed) {
            for truth in self.missed(faults, |_| true) {
                positives[self.row_of(self.comparison.truths[truth as usize].class)] -= 1;
            }
        }
        let moved = self.mend(mended, faults, found);
        let mut aps = Vec::new();
        let mut faults = faults.iter();
        for (class, (outcomes, positives)) in self.classes.iter().zip(&positives).enumerate() {
            let here = &moved[class];
            let rows = outcomes.rows.iter().filter(|row| {
                let fault = if row.right { None } else { faults.next() };
                fault.is_none_or(|(_, fault)| Some(fault.kind) != mended)
            });
            let rows: Vec<(f64, bool)> = rows.map(|row| (row.score, row.right)).collect();
            #[expect(clippy::cast_possible_truncation, reason = "truths are indexed by u32")]
            aps.extend(interpolated(merged(&rows, here), *positives as u32, recalls));
        }
        mean(&aps)
    }

    /// The scores of mended mistakes of a kind that are right then, by class, falling.
    fn mend(&self, mended: Option<Mistake>, faults: &[(u32, Fault)], found: &[bool]) -> Vec<Vec<f64>> {
        let mut right = vec![Vec::new(); self.classes.len()];
        if !matches!(mended, Some(Mistake::Location | Mistake::Class)) {
            return right;
        }
        let score = |prediction: u32| self.comparison.predictions[prediction as usize].score;
        let mut candidates: Vec<(f64, u32)> = Vec::new();
        for (prediction, fault) in faults.iter().filter(|(_, fault)| Some(fault.kind) == mended) {
            candidates.extend(fault.truth.filter(|truth| !found[*truth as usize]).map(|t| (score(*prediction), t)));
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut found = found.to_vec();
        for (score, truth) in candidates {
            if !std::mem::replace(&mut found[truth as usize], true) {
                right[self.row_of(self.comparison.truths[truth as usize].class)].push(score);
            }
        }
        right
    }

    fn row_of(&self, class: u32) -> usize {
        if self.class_agnostic { 0 } else { class as usize }
    }

    /// What is right and wrong in each picture at the operating point, the worst pictures first, at most `most`.
    pub fn worst(&self, confidence: f64, most: usize) -> Vec<ImageMistakes> {
        let blank = |image| ImageMistakes {
            image,
            true_positives: Vec::new(),
            false_positives: Vec::new(),
            false_negatives: Vec::new(),
        };
        let mut images: Vec<ImageMistakes> = (0..self.comparison.images).map(blank).collect();
        for row in self.classes.iter().flat_map(|class| &class.rows).filter(|row| row.score > confidence) {
            let prediction = row.prediction as usize;
            let mistakes = &mut images[self.comparison.predictions[prediction].image as usize];
            if row.right { &mut mistakes.true_positives } else { &mut mistakes.false_positives }.push(prediction);
        }
        let found = self.found(|prediction| self.comparison.predictions[prediction as usize].score > confidence);
        let truths = self.comparison.truths.iter().zip(&found).enumerate();
        for (index, (truth, _)) in truths.filter(|(_, (t, found))| !t.crowd && !t.ignore && !**found) {
            images[truth.image as usize].false_negatives.push(index);
        }
        let mistakes = |image: &ImageMistakes| image.false_positives.len() + image.false_negatives.len();
        images.retain(|image| mistakes(image) > 0);
        images.sort_by_key(|image| std::cmp::Reverse(mistakes(image)));
        images.truncate(most);
        images
    }
}

/// Outcomes by falling score, with right ones of these scores (falling too) put in between.
fn merged(rows: &[(f64, bool)], right: &[f64]) -> impl Iterator<Item = bool> {
    let (mut rows, mut right) = (rows.iter().peekable(), right.iter().peekable());
    std::iter::from_fn(move || match (rows.peek(), right.peek()) {
        (Some((score, _)), Some(mended)) if *mended > score => right.next().map(|_| true),
        (Some(_), _) => rows.next().map(|(_, right)| *right),
        (None, _) => right.next().map(|_| true),
    })
}

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

use super::outcomes::{Outcome, Outcomes};
use super::{ErrorFigures, ImageMistakes, Mistake};
use crate::average_precision::Prediction;
use crate::average_precision::coco::{interpolated, mean};
use crate::geometry::BBox;

/// IoU below which a box has nothing to do with a truth.
const BACKGROUND: f64 = 0.1;

/// The kinds, in the order in which they are told.
const KINDS: [Mistake; 6] =
    [Mistake::Class, Mistake::Location, Mistake::Both, Mistake::Duplicate, Mistake::Background, Mistake::Missed];

/// A wrong prediction's kind, and the truth that it is about.
#[derive(Debug, Clone, Copy)]
struct Fault {
    kind: Mistake,
    truth: Option<u32>,
}

/// What mistakes there are at the operating point `confidence`, and what they cost over all confidences.
pub(super) fn errors(outcomes: &Outcomes, confidence: f64, recalls: &[f64]) -> Vec<ErrorFigures> {
    let analysis = Analysis::new(outcomes);
    let mut counts = [0; KINDS.len()];
    for kind in outcomes.all().above(confidence).filter_map(|outcome| analysis.kind(outcome)) {
        counts[kind as usize] += 1;
    }
    counts[Mistake::Missed as usize] = analysis.missed(confidence).len();
    let events = analysis.events();
    let base = analysis.mean_ap(&events, None, recalls);
    let figures = |kind: Mistake| {
        let mended = analysis.mean_ap(&events, Some(kind), recalls);
        let delta_ap50 = mended.zip(base).map(|(mended, base)| mended - base);
        ErrorFigures { kind, count: counts[kind as usize], delta_ap50 }
    };
    KINDS.map(figures).into()
}

/// A prediction that is right, or is so once mistakes of its kind are mended.
#[derive(Clone, Copy)]
struct Event {
    mended: Option<Mistake>,
    /// Surer wrong predictions, by kind.
    wrong: [u32; KINDS.len()],
}

/// Whether each truth is found by a prediction of more than `confidence`.
fn found(outcomes: &Outcomes, confidence: f64) -> Vec<bool> {
    let mut found = vec![false; outcomes.comparison.truths.len()];
    for truth in outcomes.all().above(confidence).filter_map(|outcome| outcomes.truth_of(outcome)) {
        found[truth as usize] = true;
    }
    found
}

/// A truth that counts.
#[derive(Clone, Copy)]
struct Near {
    index: u32,
    class: usize,
    bbox: BBox,
}

struct Analysis<'a> {
    outcomes: &'a Outcomes<'a>,
    /// The fault of each wrong prediction, by its index.
    faults: Vec<Option<Fault>>,
}

impl<'a> Analysis<'a> {
    fn new(outcomes: &'a Outcomes<'a>) -> Self {
        let comparison = outcomes.comparison;
        let mut truths = vec![Vec::new(); comparison.images];
        for (truth, index) in comparison.truths.iter().zip(0..).filter(|(truth, _)| truth.counts()) {
            truths[truth.image as usize].push(Near { index, class: comparison.row(truth.class), bbox: truth.bbox });
        }
        let mut analysis = Self { outcomes, faults: vec![None; comparison.predictions.len()] };
        // In the order of the file, where pictures mostly stand together.
        for (index, prediction) in
            comparison.predictions.iter().enumerate().filter(|(index, _)| outcomes.is_wrong(*index))
        {
            analysis.faults[index] = Some(analysis.judge(prediction, &truths[prediction.image as usize]));
        }
        analysis
    }

    fn kind(&self, outcome: &Outcome) -> Option<Mistake> {
        self.faults[outcome.prediction as usize].map(|fault| fault.kind)
    }

    /// The fault of a wrong prediction; `truths` are those of its picture that count.
    fn judge(&self, prediction: &Prediction, truths: &[Near]) -> Fault {
        let class = self.outcomes.comparison.row(prediction.class);
        // The largest overlap with its own class and with others.
        let (mut own, mut other) = ((0.0, None), (0.0, None));
        for truth in truths {
            let iou = prediction.bbox.iou(&truth.bbox);
            let best = if truth.class == class { &mut own } else { &mut other };
            if iou > best.0 {
                *best = (iou, Some(truth.index));
            }
        }
        let iou = self.outcomes.iou;
        if (BACKGROUND..iou).contains(&own.0) {
            Fault { kind: Mistake::Location, truth: own.1 }
        } else if other.0 >= iou {
            Fault { kind: Mistake::Class, truth: other.1 }
        } else if own.0 >= iou {
            Fault { kind: Mistake::Duplicate, truth: own.1 }
        } else if other.0 >= BACKGROUND {
            Fault { kind: Mistake::Both, truth: other.1 }
        } else {
            Fault { kind: Mistake::Background, truth: None }
        }
    }

    /// Truths that count, and that no prediction of more than `confidence` has found or would have found but for its class
    /// or place.
    fn missed(&self, confidence: f64) -> Vec<u32> {
        let mut explained = found(self.outcomes, confidence);
        for outcome in self.outcomes.all().above(confidence) {
            if let Some(Fault { kind: Mistake::Location | Mistake::Class, truth: Some(truth) }) =
                self.faults[outcome.prediction as usize]
            {
                explained[truth as usize] = true;
            }
        }
        let truths = self.outcomes.comparison.truths.iter().zip(explained).zip(0..);
        truths.filter(|((truth, explained), _)| truth.counts() && !explained).map(|(_, index)| index).collect()
    }

    /// The events of each class by falling score; among equals in the order of the file.
    fn events(&self) -> Vec<Vec<Event>> {
        let of_class = |(class, mended): (usize, Vec<Mended>)| {
            let mut wrong = [0; KINDS.len()];
            let mut events = Vec::new();
            let mut mended = mended.iter().peekable();
            for outcome in self.outcomes.class(class).iter() {
                let first = |mended: &&Mended| {
                    mended.score > outcome.score
                        || (mended.score == outcome.score && mended.index <= outcome.prediction)
                };
                while let Some(mended) = mended.next_if(first) {
                    events.push(Event { mended: Some(mended.kind), wrong });
                }
                match self.kind(outcome) {
                    Some(kind) => wrong[kind as usize] += 1,
                    None => events.push(Event { mended: None, wrong }),
                }
            }
            events.extend(mended.map(|mended| Event { mended: Some(mended.kind), wrong }));
            events
        };
        self.mended().into_iter().enumerate().map(of_class).collect()
    }

    /// Mistakes that are right once those of their kind are mended, by the class that they are of then, and falling score.
    fn mended(&self) -> Vec<Vec<Mended>> {
        let comparison = self.outcomes.comparison;
        let found = found(self.outcomes, f64::NEG_INFINITY);
        let (mut placed, mut classed) = (found.clone(), found);
        let mut mended = vec![Vec::new(); comparison.class_count()];
        for outcome in self.outcomes.all().iter() {
            let Some(Fault { kind, truth: Some(truth) }) = self.faults[outcome.prediction as usize] else { continue };
            let found = match kind {
                Mistake::Location => &mut placed[truth as usize],
                Mistake::Class => &mut classed[truth as usize],
                _ => continue,
            };
            if !std::mem::replace(found, true) {
                let class = comparison.row(comparison.truths[truth as usize].class);
                mended[class].push(Mended { kind, score: outcome.score, index: outcome.prediction });
            }
        }
        mended
    }

    /// Mean AP over the classes with truths, when mistakes of one kind are mended.
    fn mean_ap(&self, events: &[Vec<Event>], mended: Option<Mistake>, recalls: &[f64]) -> Option<f64> {
        let comparison = self.outcomes.comparison;
        let mut positives = self.outcomes.positives.clone();
        if mended == Some(Mistake::Missed) {
            for truth in self.missed(f64::NEG_INFINITY) {
                positives[comparison.row(comparison.truths[truth as usize].class)] -= 1;
            }
        }
        let of_class = |(events, positives): (&Vec<Event>, &usize)| {
            let right = events.iter().filter(|event| event.mended.is_none() || event.mended == mended);
            let wrong = right.map(|event| {
                let gone = mended.map_or(0, |kind| event.wrong[kind as usize]);
                event.wrong.iter().sum::<u32>() - gone
            });
            interpolated(wrong, *positives, recalls)
        };
        mean(&events.iter().zip(&positives).filter_map(of_class).collect::<Vec<_>>())
    }
}

/// A mistake that is right once those of its kind are mended.
#[derive(Clone, Copy)]
struct Mended {
    kind: Mistake,
    score: f64,
    index: u32,
}

/// What is right and wrong in each picture at the operating point, the worst pictures first, at most `most`.
pub(super) fn worst(outcomes: &Outcomes, confidence: f64, most: usize) -> Vec<ImageMistakes> {
    let comparison = outcomes.comparison;
    let blank = |image| ImageMistakes { image, ..ImageMistakes::default() };
    let mut images: Vec<ImageMistakes> = (0..comparison.images).map(blank).collect();
    for outcome in outcomes.all().above(confidence) {
        let prediction = outcome.prediction as usize;
        let mistakes = &mut images[comparison.predictions[prediction].image as usize];
        if outcome.right { &mut mistakes.true_positives } else { &mut mistakes.false_positives }.push(prediction);
    }
    let found = found(outcomes, confidence);
    for (index, truth) in comparison.truths.iter().enumerate().filter(|(index, truth)| truth.counts() && !found[*index])
    {
        images[truth.image as usize].false_negatives.push(index);
    }
    let mistakes = |image: &ImageMistakes| image.false_positives.len() + image.false_negatives.len();
    images.retain(|image| mistakes(image) > 0);
    images.sort_by_key(|image| std::cmp::Reverse(mistakes(image)));
    images.truncate(most);
    images
}

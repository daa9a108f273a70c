//! Non-maximum suppression: of several boxes on one object, the surest remains.

use crate::head::Candidate;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What happens to a box that overlaps a surer one of its class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub enum Suppression {
    /// It is dropped when their IoU is above the threshold.
    #[default]
    Hard,
    /// Its confidence is multiplied by 1 − IoU when their IoU is above the threshold
    /// (Soft-NMS, Bodla et al. 2017, <https://arxiv.org/abs/1704.04503>, equation 2).
    SoftLinear,
    /// Its confidence is multiplied by exp(−IoU² / 0.5), whatever the threshold (equation 3, the paper's σ).
    SoftGaussian,
}

/// The σ of Gaussian Soft-NMS that the paper uses.
const SIGMA: f64 = 0.5;

/// Most candidates that are compared with one another, the surest ones: time grows with their square, and thresholds of 0
/// let through every class of every cell. Soft suppression goes through all of them again for each that it keeps.
const MOST_HARD: usize = 30_000;
const MOST_SOFT: usize = 3_000;

/// Which candidates become detections.
#[derive(Debug, Clone, PartialEq)]
pub struct NmsOptions {
    /// Least confidence, 0..=1; candidates of at most this are dropped, before and after soft suppression.
    pub confidence: f32,
    /// In place of `confidence`, for the classes of these indices.
    pub class_confidences: BTreeMap<usize, f32>,
    /// Overlap from which two boxes are the same object, 0..=1.
    pub iou: f32,
    /// Most detections a picture.
    pub max_detections: usize,
    /// Compare boxes of different classes too.
    pub class_agnostic: bool,
    /// What happens to an overlapping box.
    pub suppression: Suppression,
    /// The classes looked for; all of them if `None`.
    pub classes: Option<Vec<usize>>,
}

impl Default for NmsOptions {
    fn default() -> Self {
        Self {
            confidence: 0.25,
            class_confidences: BTreeMap::new(),
            iou: 0.45,
            max_detections: 300,
            class_agnostic: false,
            suppression: Suppression::Hard,
            classes: None,
        }
    }
}

impl NmsOptions {
    /// What the confidence of a candidate of this class has to exceed.
    pub fn confidence_of(&self, class_id: usize) -> f32 {
        self.class_confidences.get(&class_id).copied().unwrap_or(self.confidence)
    }

    /// The lowest confidence asked of any class: boxes of at most this need not be looked at.
    pub fn lowest_confidence(&self) -> f32 {
        self.class_confidences.values().copied().fold(self.confidence, f32::min)
    }

    fn is_sure(&self, candidate: &Candidate) -> bool {
        candidate.confidence > self.confidence_of(candidate.class_id)
    }
}

/// The candidates that remain, by falling confidence; among equals in the order of class and then of arrival.
pub fn suppress(candidates: &[Candidate], options: &NmsOptions) -> Vec<Candidate> {
    let wanted = |candidate: &Candidate| {
        options.is_sure(candidate)
            && options.classes.as_ref().is_none_or(|classes| classes.contains(&candidate.class_id))
    };
    // Group by class, so that boxes are compared with their own class only.
    let group = |candidate: &Candidate| if options.class_agnostic { 0 } else { candidate.class_id };
    // What is sorted is small, and the place of arrival makes each unequal to all others.
    let mut order: Vec<_> = (0..candidates.len())
        .filter(|index| wanted(&candidates[*index]))
        .map(|index| (group(&candidates[index]), Falling(candidates[index].confidence), index))
        .collect();
    let most = if options.suppression == Suppression::Hard { MOST_HARD } else { MOST_SOFT };
    if order.len() > most {
        order.select_nth_unstable_by_key(most, |(_, confidence, index)| (*confidence, *index));
        order.truncate(most);
    }
    order.sort_unstable();
    let sorted: Vec<Candidate> = order.iter().map(|(.., index)| candidates[*index]).collect();
    let mut kept = Vec::new();
    for class in sorted.chunk_by(|a, b| group(a) == group(b)) {
        match options.suppression {
            Suppression::Hard => hard(class, options, &mut kept),
            Suppression::SoftLinear | Suppression::SoftGaussian => soft(class, options, &mut kept),
        }
    }
    kept.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.class_id.cmp(&b.class_id)));
    kept.truncate(options.max_detections);
    kept
}

/// A confidence that comes the earlier, the higher it is.
#[derive(Clone, Copy, PartialEq)]
struct Falling(f32);

impl Eq for Falling {}

impl Ord for Falling {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0)
    }
}

impl PartialOrd for Falling {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `class` is sorted by falling confidence.
fn hard(class: &[Candidate], options: &NmsOptions, kept: &mut Vec<Candidate>) {
    let first = kept.len();
    for candidate in class {
        // No more than this many of one class can be among the best of all.
        if kept.len() - first == options.max_detections {
            break;
        }
        if kept[first..].iter().all(|surer| surer.bbox.iou(&candidate.bbox) <= f64::from(options.iou)) {
            kept.push(*candidate);
        }
    }
}

fn soft(class: &[Candidate], options: &NmsOptions, kept: &mut Vec<Candidate>) {
    let mut rest = class.to_vec();
    let first = kept.len();
    while kept.len() - first < options.max_detections {
        // The first of the surest, so that equals keep their order.
        let surest = rest.iter().enumerate().rev().max_by(|a, b| a.1.confidence.total_cmp(&b.1.confidence));
        let Some(surest) = surest.map(|(index, _)| index) else { break };
        let surest = rest.remove(surest);
        kept.push(surest);
        rest.retain_mut(|candidate| {
            candidate.confidence *= decay(surest.bbox.iou(&candidate.bbox), options);
            options.is_sure(candidate)
        });
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a factor in 0..=1, for an f32")]
fn decay(iou: f64, options: &NmsOptions) -> f32 {
    match options.suppression {
        // Most pairs of boxes share nothing, and an exponential takes long.
        _ if iou == 0.0 => 1.0,
        Suppression::SoftGaussian => (-iou * iou / SIGMA).exp() as f32,
        Suppression::SoftLinear if iou > f64::from(options.iou) => (1.0 - iou) as f32,
        Suppression::SoftLinear | Suppression::Hard => 1.0,
    }
}

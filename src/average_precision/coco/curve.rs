use super::matches::{ClassMatches, Matches};
use super::mean::mean;

/// NumPy's `spacing(1)`: keeps 0 / 0 from happening, and is lost in rounding otherwise.
const EPSILON: f64 = f64::EPSILON;

/// Precision over recall at one IoU threshold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// The largest precision at any recall of at least the threshold, for each recall threshold; 0 beyond the last recall.
    pub precision: Vec<f64>,
    /// The score at which that recall is reached; 0 where it never is.
    pub scores: Vec<f64>,
    /// Recall when all predictions are taken.
    pub recall: f64,
}

/// A right prediction, with the counts up to it and with it.
#[derive(Debug, Clone, Copy)]
struct Hit {
    true_positives: u32,
    precision: f64,
    score: f64,
}

/// What is right at one IoU threshold within one area.
///
/// Precision only rises where a prediction is right, so that the right ones are the whole curve.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    hits: Vec<Hit>,
    true_positives: u32,
    false_positives: u32,
}

impl Track {
    fn clear(&mut self) {
        self.hits.clear();
        (self.true_positives, self.false_positives) = (0, 0);
    }

    /// Counts a right prediction `weight` times; `unmatched` are surer wrong ones that were not counted here.
    fn hit(&mut self, weight: u32, unmatched: u32, score: f64) {
        self.true_positives += weight;
        let (right, wrong) = (f64::from(self.true_positives), f64::from(self.false_positives + unmatched));
        let precision = right / (wrong + right + EPSILON);
        self.hits.push(Hit { true_positives: self.true_positives, precision, score });
    }

    /// Raises each precision to the largest one at a higher recall.
    fn raise(&mut self) {
        let mut largest = 0.0;
        for hit in self.hits.iter_mut().rev() {
            largest = if hit.precision > largest { hit.precision } else { largest };
            hit.precision = largest;
        }
    }

    /// Tells precision and score at each recall threshold, in their (rising) order; nothing beyond the last recall. A recall
    /// of 0 is reached by the first prediction, right or wrong, whose score is `first`.
    pub fn read(&mut self, positives: u32, first: f64, recalls: &[f64], mut tell: impl FnMut(f64, f64)) {
        self.raise();
        let mut recalls = recalls.iter().peekable();
        let best = self.hits.first().map_or(0.0, |hit| hit.precision);
        while recalls.next_if(|recall| **recall <= 0.0).is_some() {
            tell(best, first);
        }
        for hit in &self.hits {
            let reached = f64::from(hit.true_positives) / f64::from(positives);
            while recalls.next_if(|recall| **recall <= reached).is_some() {
                tell(hit.precision, hit.score);
            }
        }
    }
}

/// Walks down the predictions of a class. Its buffers are used again from class to class.
#[derive(Debug, Default)]
pub struct Tracer {
    /// `tracks[area * thresholds + threshold]`.
    tracks: Vec<Track>,
    /// Truths that count in each area.
    positives: Vec<u32>,
    first_score: Option<f64>,
}

impl Tracer {
    /// Follows a class in all areas and at all thresholds, within the first `limit` predictions of each picture. `weight`
    /// says how often a picture is there: 1 of all, or another number of each for a resampled data set.
    pub(super) fn trace(
        &mut self,
        class: &ClassMatches,
        (areas, thresholds): (usize, usize),
        limit: usize,
        weight: impl Fn(u32) -> u32,
    ) {
        self.count_positives(class, areas, &weight);
        self.first_score = class.first_score;
        self.tracks.resize_with(areas * thresholds, Track::default);
        self.tracks.iter_mut().for_each(Track::clear);
        let all = u64::MAX >> (64 - thresholds);
        let mut unmatched = [0; MOST_AREAS];
        let mut walked = 0;
        for (matched, verdicts) in class.matched.iter().zip(class.verdicts.chunks_exact(areas)) {
            let before = matched.unmatched_before as usize;
            for other in class.unmatched[walked..before].iter().filter(|other| (other.rank as usize) < limit) {
                let weight = weight(other.image);
                for (area, count) in unmatched[..areas].iter_mut().enumerate() {
                    *count += if other.outside >> area & 1 == 0 { weight } else { 0 };
                }
            }
            walked = before;
            let weight = weight(matched.image);
            if matched.rank as usize >= limit || weight == 0 {
                continue;
            }
            for (area, verdict) in verdicts.iter().enumerate() {
                let tracks = &mut self.tracks[area * thresholds..][..thresholds];
                for threshold in ones(all & verdict.matched & !verdict.ignored) {
                    tracks[threshold].hit(weight, unmatched[area], matched.score);
                }
                for threshold in ones(all & !verdict.matched & !verdict.ignored) {
                    tracks[threshold].false_positives += weight;
                }
            }
        }
    }

    fn count_positives(&mut self, class: &ClassMatches, areas: usize, weight: impl Fn(u32) -> u32) {
        self.positives.clear();
        self.positives.resize(areas, 0);
        for truth in &class.truths {
            for (area, positives) in self.positives.iter_mut().enumerate() {
                *positives += if truth.counted >> area & 1 == 1 { weight(truth.image) } else { 0 };
            }
        }
    }

    /// Whether any truth counts in an area; without one there is no curve.
    pub(super) fn has_positives(&self, area: usize) -> bool {
        self.positives[area] > 0
    }

    /// Recall when all predictions are taken, in an area and at the threshold of an index among all.
    pub(super) fn recall(&self, area: usize, thresholds: usize, threshold: usize) -> f64 {
        f64::from(self.tracks[area * thresholds + threshold].true_positives) / f64::from(self.positives[area])
    }

    /// [`Track::read`] of an area and threshold.
    pub(super) fn read(
        &mut self,
        (area, thresholds, threshold): (usize, usize, usize),
        recalls: &[f64],
        tell: impl FnMut(f64, f64),
    ) {
        if let Some(first) = self.first_score {
            self.tracks[area * thresholds + threshold].read(self.positives[area], first, recalls, tell);
        }
    }
}

/// Most areas that can be asked for: bits of a `u32`.
pub(super) const MOST_AREAS: usize = 32;

/// The places of the ones in a number.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (at < 64).then_some(at as usize)
    })
}

/// COCO's average precision at one IoU threshold: for each right prediction by falling score, `wrong_before` says how many
/// wrong ones are surer; `positives` predictions could be right. `None` if none could.
pub fn interpolated(wrong_before: impl Iterator<Item = u32>, positives: usize, recalls: &[f64]) -> Option<f64> {
    let positives = u32::try_from(positives).ok().filter(|positives| *positives > 0)?;
    let mut track = Track::default();
    wrong_before.for_each(|wrong| track.hit(1, wrong, 0.0));
    let mut precisions = Vec::with_capacity(recalls.len());
    track.read(positives, 0.0, recalls, |precision, _| precisions.push(precision));
    precisions.resize(recalls.len(), 0.0);
    mean(&precisions)
}

impl Matches {
    /// The curve of a class, for an area, a limit on predictions and an IoU threshold, each by its index in the options;
    /// `None` if no truth counts.
    pub fn curve(&self, class: usize, area: usize, limit: usize, threshold: usize) -> Option<Curve> {
        let mut tracer = Tracer::default();
        let options = &self.options;
        let (areas, thresholds) = (options.areas.len(), options.iou_thresholds.len());
        tracer.trace(&self.classes[class], (areas, thresholds), options.max_detections[limit], |_| 1);
        if !tracer.has_positives(area) {
            return None;
        }
        let mut curve = Curve { recall: tracer.recall(area, thresholds, threshold), ..Curve::default() };
        tracer.read((area, thresholds, threshold), &options.recall_thresholds, |precision, score| {
            curve.precision.push(precision);
            curve.scores.push(score);
        });
        curve.precision.resize(options.recall_thresholds.len(), 0.0);
        curve.scores.resize(options.recall_thresholds.len(), 0.0);
        Some(curve)
    }
}

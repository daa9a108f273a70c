use super::super::grouping::{Cell, Class, Grouping};
use super::super::matching::Matcher;
use super::super::{Comparison, Truth, falling};
use super::assignment::take_surest;
use super::options::{CocoOptions, OptionsError, crowding};
use std::borrow::Cow;

/// Predictions of a picture and class that match nothing at any threshold share this.
const NO_MATCH: u32 = u32::MAX;

/// Which predictions are right, for every class, IoU threshold and range of truths.
#[derive(Debug, Clone)]
pub struct Matches {
    /// What was measured.
    pub(super) options: CocoOptions,
    /// Each class; a single one if classes do not matter.
    pub classes: Vec<ClassMatches>,
}

/// The matches of one class.
#[derive(Debug, Clone, Default)]
pub struct ClassMatches {
    /// Truths, with the ranges in which they count.
    pub(super) truths: Vec<CountedTruth>,
    /// Predictions by falling score.
    pub(super) ranked: Vec<Ranked>,
    /// Their scores.
    pub(super) scores: Vec<f64>,
    /// Their indices.
    pub(super) predictions: Vec<u32>,
    /// Verdicts of those that match anything: one for each range.
    pub(super) verdicts: Vec<Verdict>,
    pub(super) range_count: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct CountedTruth {
    pub image: u32,
    /// Bit r: it counts in range r.
    pub counted: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Ranked {
    pub image: u32,
    /// Its place among the picture's predictions of the class.
    pub rank: u32,
    /// Index of its verdicts, or [`NO_MATCH`].
    slot: u32,
    /// Bit r: it lies outside range r.
    outside: u32,
}

/// What a prediction is in one range of truths; bit t is for the IoU threshold of index t.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// It has a truth.
    pub matched: u64,
    /// It does not count, be it right or wrong.
    pub ignored: u64,
}

impl Verdict {
    const FALSE_POSITIVE: Self = Self { matched: 0, ignored: 0 };
    const IGNORED: Self = Self { matched: 0, ignored: u64::MAX };
}

impl Matches {
    /// Matches all predictions.
    ///
    /// # Errors
    /// [`OptionsError`] if the options contradict themselves.
    pub fn new(comparison: &Comparison, options: CocoOptions) -> Result<Self, OptionsError> {
        options.check()?;
        let truths = match options.pycocotools_quirks {
            true => Cow::Owned(as_pycocotools_sees(comparison.truths)),
            false => Cow::Borrowed(comparison.truths),
        };
        let comparison = Comparison { truths: &truths, ..*comparison };
        let crowding = crowding(&comparison);
        let mut work =
            Work { comparison: &comparison, options: &options, crowding: &crowding, matcher: Matcher::default() };
        let grouping = Grouping::new(&comparison, options.class_agnostic);
        let classes = grouping.classes().map(|class| work.class(&class)).collect();
        Ok(Self { options, classes })
    }

    /// What was measured.
    pub fn options(&self) -> &CocoOptions {
        &self.options
    }
}

impl ClassMatches {
    /// Truths that count in a range.
    pub fn positives(&self, range: usize) -> usize {
        self.truths.iter().filter(|truth| truth.counted >> range & 1 == 1).count()
    }

    /// Predictions by falling score, as far as they are within the limits: index, score, and the verdict in a range.
    pub fn ranked(&self, range: usize) -> impl Iterator<Item = (usize, f64, Verdict)> {
        let rows = self.ranked.iter().zip(&self.scores).zip(&self.predictions);
        rows.map(move |((ranked, score), index)| (*index as usize, *score, self.verdict(ranked, range)))
    }

    /// What a prediction is in a range.
    pub(super) fn verdict(&self, ranked: &Ranked, range: usize) -> Verdict {
        match ranked.slot {
            NO_MATCH if ranked.is_outside(range) => Verdict::IGNORED,
            NO_MATCH => Verdict::FALSE_POSITIVE,
            slot => self.verdicts[slot as usize * self.range_count + range],
        }
    }
}

impl Ranked {
    pub(super) fn matches_nothing(&self) -> bool {
        self.slot == NO_MATCH
    }

    pub(super) fn is_outside(&self, range: usize) -> bool {
        self.outside >> range & 1 == 1
    }
}

/// Of several annotations of one id the last stands for all, in their places; `ignore` is forgotten.
fn as_pycocotools_sees(truths: &[Truth]) -> Vec<Truth> {
    let last: std::collections::HashMap<i64, &Truth> = truths.iter().map(|truth| (truth.id, truth)).collect();
    let mut by_image: Vec<&Truth> = truths.iter().collect();
    by_image.sort_by_key(|truth| truth.image);
    by_image.iter().map(|truth| Truth { ignore: false, ..**last.get(&truth.id).unwrap_or(truth) }).collect()
}

struct Work<'a> {
    comparison: &'a Comparison<'a>,
    options: &'a CocoOptions,
    crowding: &'a [u32],
    matcher: Matcher,
}

impl Work<'_> {
    fn class(&mut self, class: &Class) -> ClassMatches {
        let count = class.prediction_count();
        let mut found = ClassMatches { range_count: self.options.ranges.len(), ..ClassMatches::default() };
        let mut rows: Vec<(f64, u32, Ranked)> = Vec::with_capacity(count);
        let mut surest = Vec::new();
        for cell in class.cells() {
            take_surest(self.comparison, cell.predictions, self.options.most_detections(), &mut surest);
            found.truths.extend(cell.truths.iter().map(|index| self.counted(*index)));
            let first = rows.len();
            for (rank, index) in surest.iter().enumerate() {
                let prediction = &self.comparison.predictions[*index as usize];
                let is_outside = |range: &_| !super::TruthRange::has_prediction(range, prediction, self.crowding);
                let outside = bits(self.options.ranges.iter().map(is_outside));
                #[expect(clippy::cast_possible_truncation, reason = "ranks are below u32's indices")]
                let ranked = Ranked { image: cell.image, rank: rank as u32, slot: NO_MATCH, outside };
                rows.push((prediction.score, *index, ranked));
            }
            if !cell.truths.is_empty() {
                self.judge(&cell, &surest, &mut rows[first..], &mut found);
            }
        }
        rows.sort_by(|(a, ..), (b, ..)| falling(*a, *b));
        found.scores = rows.iter().map(|(score, ..)| *score).collect();
        found.predictions = rows.iter().map(|(_, index, _)| *index).collect();
        found.ranked = rows.iter().map(|(.., ranked)| *ranked).collect();
        found
    }

    fn counted(&self, index: u32) -> CountedTruth {
        let truth = &self.comparison.truths[index as usize];
        let counts = |range: &super::TruthRange| !truth.crowd && !truth.ignore && range.has_truth(truth, self.crowding);
        CountedTruth { image: truth.image, counted: bits(self.options.ranges.iter().map(counts)) }
    }

    /// Matches a cell that has truths, and gives verdicts to the predictions that match any of them.
    fn judge(&mut self, cell: &Cell, surest: &[u32], rows: &mut [(f64, u32, Ranked)], found: &mut ClassMatches) {
        self.matcher.load(self.comparison, cell.truths, surest);
        let least = self.options.iou_thresholds[0];
        let ranges = self.options.ranges.len();
        let may_match = |at: usize| self.matcher.may_match(at, least);
        for (.., ranked) in rows.iter_mut().enumerate().filter(|(at, _)| may_match(*at)).map(|(_, row)| row) {
            #[expect(clippy::cast_possible_truncation, reason = "as many slots as predictions at most")]
            let slot = (found.verdicts.len() / ranges) as u32;
            ranked.slot = slot;
            let unmatched = |range| if ranked.is_outside(range) { Verdict::IGNORED } else { Verdict::FALSE_POSITIVE };
            found.verdicts.extend((0..ranges).map(unmatched));
        }
        let counted = &found.truths[found.truths.len() - cell.truths.len()..];
        for range in 0..ranges {
            self.matcher.set_ignored(counted.iter().map(|truth| truth.counted >> range & 1 == 0));
            for (bit, threshold) in self.options.iou_thresholds.iter().enumerate() {
                self.matcher.run(*threshold, |prediction, truth, ignored| {
                    let verdict = &mut found.verdicts[rows[prediction].2.slot as usize * ranges + range];
                    let truth = &self.comparison.truths[cell.truths[truth] as usize];
                    if self.options.pycocotools_quirks && truth.id == 0 {
                        // The quirk `id-zero`: its number is what says that there is a match.
                        verdict.ignored |= u64::from(ignored) << bit;
                        return;
                    }
                    verdict.matched |= 1 << bit;
                    verdict.ignored = verdict.ignored & !(1 << bit) | u64::from(ignored) << bit;
                });
            }
        }
    }
}

fn bits(flags: impl Iterator<Item = bool>) -> u32 {
    flags.enumerate().fold(0, |bits, (at, flag)| bits | u32::from(flag) << at)
}

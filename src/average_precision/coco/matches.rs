use super::super::comparison::{Cell, Class};
use super::super::matching::Matcher;
use super::super::{Comparison, Truth};
use super::options::{CocoOptions, OptionsError};
use std::collections::HashMap;

/// Which predictions are right, for every class, IoU threshold and range of areas.
#[derive(Debug, Clone)]
pub struct Matches {
    /// What was measured.
    pub(super) options: CocoOptions,
    /// Each class; a single one if classes do not matter.
    pub(super) classes: Vec<ClassMatches>,
    truths: Vec<Option<u32>>,
}

/// The matches of one class. Most predictions overlap no truth: they are wrong at any threshold, and kept apart.
#[derive(Debug, Clone, Default)]
pub(super) struct ClassMatches {
    pub truths: Vec<CountedTruth>,
    /// Predictions that match a truth at some threshold, by falling score.
    pub matched: Vec<Matched>,
    /// What they are: one for each area of each of them.
    pub verdicts: Vec<Verdict>,
    /// All other predictions within the limits, by falling score.
    pub unmatched: Vec<Unmatched>,
    /// The surest prediction's score.
    pub first_score: Option<f64>,
}

/// A truth's picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountedTruth {
    pub image: u32,
    /// Bit a: it counts in area a.
    pub counted: u32,
}

/// A prediction that matches a truth at some threshold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matched {
    pub prediction: u32,
    pub image: u32,
    /// Its place among the picture's predictions of the class, from 0.
    pub rank: u32,
    /// How many of [`ClassMatches::unmatched`] are surer.
    pub unmatched_before: u32,
    pub score: f64,
}

/// A prediction that matches no truth at any threshold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unmatched {
    pub prediction: u32,
    pub image: u32,
    pub rank: u32,
    /// Bit a: it lies outside area a, and does not count there.
    pub outside: u32,
}

/// What a prediction is within one area; bit t is for the IoU threshold of index t.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// It has a truth.
    pub matched: u64,
    /// It does not count, be it right or wrong.
    pub ignored: u64,
}

/// What a prediction is at one IoU threshold, among all truths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// Beyond the limit of a picture, on a crowd, or on an ignored truth.
    #[default]
    Uncounted,
    /// Matched with a truth.
    Right,
    /// Not matched.
    Wrong,
}

impl Matches {
    /// Matches all predictions.
    ///
    /// # Errors
    /// [`OptionsError`] if the options contradict themselves.
    pub fn new(comparison: &Comparison, options: CocoOptions) -> Result<Self, OptionsError> {
        options.check()?;
        if options.pycocotools_quirks {
            let truths = as_pycocotools_sees(comparison.truths);
            let comparison = comparison.with_truths(&truths);
            return Ok(Self::of(&comparison, options));
        }
        Ok(Self::of(comparison, options))
    }

    fn of(comparison: &Comparison, options: CocoOptions) -> Self {
        let blank = Place { rank: u32::MAX, slot: NO_SLOT, outside: 0 };
        let count = comparison.predictions.len();
        let (places, assigned) = (vec![blank; count], vec![None; count]);
        let mut work = Work { comparison, options: &options, matcher: Matcher::default(), places, assigned };
        let classes = comparison.classes().map(|class| work.class(&class)).collect();
        let truths = work.assigned;
        Self { options, classes, truths }
    }

    /// What was measured.
    pub fn options(&self) -> &CocoOptions {
        &self.options
    }

    /// Truths of a class that count.
    pub fn positives(&self, class: usize) -> usize {
        self.classes[class].truths.iter().filter(|truth| truth.counted & 1 == 1).count()
    }

    /// The truth that each prediction is matched with at the first IoU threshold, among all truths. One that is matched with a
    /// crowd or an ignored truth is neither right nor wrong.
    pub fn truths(&self) -> &[Option<u32>] {
        &self.truths
    }

    /// What each prediction is at the first IoU threshold.
    pub fn standings(&self) -> Vec<Standing> {
        let mut standings = vec![Standing::Uncounted; self.truths.len()];
        let areas = self.options.areas.len();
        for class in &self.classes {
            for (matched, verdicts) in class.matched.iter().zip(class.verdicts.chunks_exact(areas)) {
                standings[matched.prediction as usize] = verdicts[0].at_first();
            }
            for unmatched in class.unmatched.iter().filter(|unmatched| unmatched.outside & 1 == 0) {
                standings[unmatched.prediction as usize] = Standing::Wrong;
            }
        }
        standings
    }
}

impl Verdict {
    /// Of a prediction without a match.
    fn unmatched(outside: bool) -> Self {
        Self { matched: 0, ignored: if outside { u64::MAX } else { 0 } }
    }

    /// This where it is matched, and `other`, which has no match, elsewhere.
    fn or_unmatched(self, other: Self) -> Self {
        Self { matched: self.matched, ignored: self.ignored & self.matched | other.ignored & !self.matched }
    }

    fn at_first(self) -> Standing {
        match (self.ignored & 1, self.matched & 1) {
            (1, _) => Standing::Uncounted,
            (_, 1) => Standing::Right,
            _ => Standing::Wrong,
        }
    }
}

/// Of several annotations of one id the last stands for all, in their places; `ignore` is forgotten.
fn as_pycocotools_sees(truths: &[Truth]) -> Vec<Truth> {
    let last: HashMap<i64, &Truth> = truths.iter().map(|truth| (truth.id, truth)).collect();
    let mut by_image: Vec<&Truth> = truths.iter().collect();
    by_image.sort_by_key(|truth| truth.image);
    by_image.iter().map(|truth| Truth { ignore: false, ..**last.get(&truth.id).unwrap_or(truth) }).collect()
}

/// Where a prediction stands in its cell, until the class is done.
#[derive(Clone, Copy)]
struct Place {
    /// [`u32::MAX`] beyond the limit.
    rank: u32,
    /// Index of its verdicts in the order of cells, or [`NO_SLOT`].
    slot: u32,
    /// Bit a: it lies outside area a.
    outside: u32,
}

const NO_SLOT: u32 = u32::MAX;

struct Work<'a> {
    comparison: &'a Comparison<'a>,
    options: &'a CocoOptions,
    matcher: Matcher,
    places: Vec<Place>,
    /// [`Matches::truths`].
    assigned: Vec<Option<u32>>,
}

impl Work<'_> {
    fn class(&mut self, class: &Class) -> ClassMatches {
        let mut truths = Vec::new();
        let mut verdicts = Vec::new();
        for cell in class.cells() {
            let first = truths.len();
            truths.extend(cell.truths.iter().map(|index| self.counted(*index)));
            for ((index, bbox), rank) in cell.predictions.iter().zip(cell.boxes).zip(0..) {
                let within = (rank as usize) < self.options.most_detections();
                let place = &mut self.places[*index as usize];
                place.rank = if within { rank } else { u32::MAX };
                place.outside = bits(self.options.areas.iter().map(|area| !area.has(bbox.area())));
            }
            if !cell.truths.is_empty() && !cell.predictions.is_empty() {
                self.judge(&cell, &truths[first..], &mut verdicts);
            }
        }
        self.collect(class, truths, &verdicts)
    }

    fn counted(&self, index: u32) -> CountedTruth {
        let truth = &self.comparison.truths[index as usize];
        let counts = self.options.areas.iter().map(|area| truth.counts() && area.has(truth.area));
        CountedTruth { image: truth.image, counted: bits(counts) }
    }

    /// Matches a cell that has truths, and gives verdicts to the predictions that match any of them.
    fn judge(&mut self, cell: &Cell, truths: &[CountedTruth], verdicts: &mut Vec<Verdict>) {
        let Self { comparison, options, .. } = *self;
        self.matcher.load(comparison, cell, options.most_detections(), options.iou_thresholds[0]);
        let areas = options.areas.len();
        for at in self.matcher.candidates() {
            let index = cell.predictions[at];
            #[expect(clippy::cast_possible_truncation, reason = "as many slots as predictions at most")]
            let slot = (verdicts.len() / areas) as u32;
            let place = &mut self.places[index as usize];
            place.slot = slot;
            let outside = place.outside;
            verdicts.extend((0..areas).map(|area| Verdict::unmatched(outside >> area & 1 == 1)));
        }
        let first = verdicts.len() - self.matcher.candidates().count() * areas;
        let counted = |area: usize| truths.iter().map(move |truth| truth.counted >> area & 1 == 1);
        for area in 0..areas {
            // Where the same truths count, predictions match as they do there.
            let same = (0..area).find(|earlier| counted(*earlier).eq(counted(area)));
            match same.filter(|_| !options.pycocotools_quirks) {
                Some(earlier) => verdicts[first..].chunks_exact_mut(areas).for_each(|verdicts| {
                    verdicts[area] = verdicts[earlier].or_unmatched(verdicts[area]);
                }),
                None => self.judge_area(cell, area, counted(area).map(|counts| !counts), verdicts),
            }
        }
    }

    fn judge_area(
        &mut self,
        cell: &Cell,
        area: usize,
        ignored: impl Iterator<Item = bool> + Clone,
        verdicts: &mut [Verdict],
    ) {
        let Self { comparison, options, matcher, places, assigned } = self;
        matcher.set_ignored(ignored);
        for (bit, threshold) in options.iou_thresholds.iter().enumerate() {
            matcher.run(*threshold, |prediction, truth, ignored| {
                let index = cell.predictions[prediction] as usize;
                if area == 0 && bit == 0 {
                    assigned[index] = Some(cell.truths[truth]);
                }
                let slot = places[index].slot;
                let verdict = &mut verdicts[slot as usize * options.areas.len() + area];
                if options.pycocotools_quirks && comparison.truths[cell.truths[truth] as usize].id == 0 {
                    // The quirk `id-zero`: its number is what says that there is a match.
                    verdict.ignored |= u64::from(ignored) << bit;
                    return;
                }
                verdict.matched |= 1 << bit;
                verdict.ignored = verdict.ignored & !(1 << bit) | u64::from(ignored) << bit;
            });
        }
    }

    /// The class's predictions by falling score; those of equal score picture by picture, as pycocotools has them.
    fn collect(&self, class: &Class, truths: Vec<CountedTruth>, verdicts: &[Verdict]) -> ClassMatches {
        let areas = self.options.areas.len();
        let mut found = ClassMatches { truths, ..ClassMatches::default() };
        found.verdicts.reserve(verdicts.len());
        let image = |index: u32| self.comparison.image_of(index);
        let mut tied: Vec<u32> = Vec::new();
        let mut rest = class.ranking;
        for scores in class.scores.chunk_by(|a, b| a == b) {
            let (ties, others) = rest.split_at(scores.len());
            rest = others;
            tied.clear();
            tied.extend_from_slice(ties);
            if !ties.is_sorted_by_key(|index| image(*index)) {
                tied.sort_by_key(|index| image(*index));
            }
            for index in &tied {
                let Place { rank, slot, outside } = self.places[*index as usize];
                let (image, score) = (image(*index), scores[0]);
                if rank == u32::MAX {
                    continue;
                }
                found.first_score.get_or_insert(score);
                if slot == NO_SLOT {
                    found.unmatched.push(Unmatched { prediction: *index, image, rank, outside });
                    continue;
                }
                #[expect(clippy::cast_possible_truncation, reason = "records are indexed by u32 throughout")]
                let unmatched_before = found.unmatched.len() as u32;
                found.matched.push(Matched { prediction: *index, image, rank, unmatched_before, score });
                found.verdicts.extend_from_slice(&verdicts[slot as usize * areas..][..areas]);
            }
        }
        found
    }
}

fn bits(flags: impl Iterator<Item = bool>) -> u32 {
    flags.enumerate().fold(0, |bits, (at, flag)| bits | u32::from(flag) << at)
}

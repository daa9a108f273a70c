//! How sure the figures are: percentile intervals over resampled pictures (Efron & Tibshirani 1993, chapter 13).
//!
//! A replicate draws as many pictures as there are, with replacement, and weighs the matches that are already there: nothing
//! is matched again. Two models are compared on the same draws, which takes out what they have in common.

use super::{Difference, Interval, Intervals};
use crate::average_precision::coco::{Matches, Summary, Tracer};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapOptions {
    /// Resampled sets of pictures.
    pub replicates: usize,
    /// The same seed gives the same draws, on any number of threads.
    pub seed: u64,
    /// Share of the replicates between the bounds, 0..1.
    pub level: f64,
}

impl Default for BootstrapOptions {
    fn default() -> Self {
        Self { replicates: 1000, seed: 0, level: 0.95 }
    }
}

/// Intervals of a model's figures, and of its differences from another one, whose matches come with its name.
pub(super) fn intervals(
    matches: &Matches,
    other: Option<(&str, &Matches)>,
    images: usize,
    options: BootstrapOptions,
    progress: &(dyn Fn(usize) + Sync),
) -> Intervals {
    let replicates = resample(matches, other.map(|(_, matches)| matches), images, options, progress);
    let (own, others): (Vec<Draw>, Vec<Option<Draw>>) = replicates.into_iter().unzip();
    let summary = matches.summary();
    let against = other.map(|(name, matches)| {
        let others: Vec<Draw> = others.into_iter().flatten().collect();
        let differences = own.iter().zip(&others).map(|(own, other)| subtract(own, other)).collect::<Vec<_>>();
        let value = Summary { figures: differences_of(&summary, &matches.summary()), ..summary.clone() };
        Difference {
            other: name.into(),
            coco: bounds(&value, &differences, options.level),
            better: better(&differences),
        }
    });
    Intervals {
        replicates: options.replicates,
        seed: options.seed,
        level: options.level,
        coco: bounds(&summary, &own, options.level),
        against,
    }
}

/// The figures of one replicate, in the order of the summary.
type Draw = Vec<Option<f64>>;

fn resample(
    matches: &Matches,
    other: Option<&Matches>,
    images: usize,
    options: BootstrapOptions,
    progress: &(dyn Fn(usize) + Sync),
) -> Vec<(Draw, Option<Draw>)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut tracer, mut weights, mut found) = (Tracer::default(), vec![0; images], Vec::new());
        loop {
            let replicate = next.fetch_add(1, Ordering::Relaxed);
            if replicate >= options.replicates {
                return found;
            }
            draw(&mut weights, options.seed, replicate);
            let mut figures = |matches: &Matches| -> Draw {
                let summary = matches.weighted_summary(&mut tracer, |image| weights[image as usize]);
                summary.figures.into_iter().map(|(_, value)| value).collect()
            };
            found.push((replicate, (figures(matches), other.map(&mut figures))));
            progress(replicate);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // A worker that panicked brings its replicates to nothing; the panic has been told.
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    found.sort_by_key(|(replicate, _)| *replicate);
    found.into_iter().map(|(_, draws)| draws).collect()
}

/// How often each picture is drawn. Each replicate has a stream of random numbers of its own.
fn draw(weights: &mut [u32], seed: u64, replicate: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(replicate as u64);
    weights.fill(0);
    let images = weights.len() as u64;
    for _ in 0..images {
        // A picture's chance is off by at most images / 2^32 of itself.
        let picture = (u64::from(random.next_u32()) * images) >> 32;
        weights[picture as u32 as usize] += 1;
    }
}

fn subtract(own: &Draw, other: &Draw) -> Draw {
    own.iter().zip(other).map(|(own, other)| Some((*own)? - (*other)?)).collect()
}

fn differences_of(own: &Summary, other: &Summary) -> Vec<(String, Option<f64>)> {
    let pairs = own.figures.iter().zip(&other.figures);
    pairs.map(|((name, own), (_, other))| (name.clone(), own.zip(*other).map(|(own, other)| own - other))).collect()
}

/// Share of the replicates in which the first figure is above 0.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn better(differences: &[Draw]) -> Option<f64> {
    let known: Vec<f64> = differences.iter().filter_map(|draw| *draw.first()?).collect();
    let better = known.iter().filter(|difference| **difference > 0.0).count();
    (!known.is_empty()).then(|| better as f64 / known.len() as f64)
}

fn bounds(summary: &Summary, draws: &[Draw], level: f64) -> Vec<Interval> {
    let of_figure = |(index, (name, value)): (usize, &(String, Option<f64>))| {
        let mut values: Vec<f64> = draws.iter().filter_map(|draw| draw[index]).collect();
        values.sort_by(f64::total_cmp);
        let at = |share| percentile(&values, share);
        Interval { name: name.clone(), value: *value, low: at((1.0 - level) / 2.0), high: at((1.0 + level) / 2.0) }
    };
    summary.figures.iter().enumerate().map(of_figure).collect()
}

/// Linear interpolation between the two nearest of sorted values, as NumPy's `percentile`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(low + (high - low) * place.fract())
}

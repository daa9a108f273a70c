//! Whether confidence is probability.

use super::outcomes::{Outcomes, ratio};
use super::{Calibration, CalibrationBin};

/// Bins of confidence.
const BINS: usize = 10;

/// The calibration of all predictions that count.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn calibration(outcomes: &Outcomes) -> Calibration {
    let edge = |bin: usize| bin as f64 / BINS as f64;
    let mut bins: [(usize, usize, f64); BINS] = [(0, 0, 0.0); BINS];
    for outcome in outcomes.all().iter() {
        // Scores above 1 are in the last bin, those below 0 in the first.
        let bin = (1..BINS).take_while(|bin| outcome.score >= edge(*bin)).count();
        let (count, right, sum) = &mut bins[bin];
        *count += 1;
        *right += usize::from(outcome.right);
        *sum += outcome.score;
    }
    let all: usize = bins.iter().map(|(count, ..)| count).sum();
    let figures = |(bin, (count, right, sum)): (usize, (usize, usize, f64))| CalibrationBin {
        from: edge(bin),
        to: edge(bin + 1),
        count,
        confidence: (count > 0).then(|| sum / count as f64),
        precision: ratio(right, count),
    };
    let bins: Vec<CalibrationBin> = bins.into_iter().enumerate().map(figures).collect();
    let gap = |bin: &CalibrationBin| Some(bin.count as f64 * (bin.precision? - bin.confidence?).abs());
    Calibration { ece: (all > 0).then(|| bins.iter().filter_map(gap).sum::<f64>() / all as f64), bins }
}

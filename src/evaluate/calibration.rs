//! Whether confidence is probability.

use super::outcomes::{Outcomes, ratio};
use super::{Calibration, CalibrationBin};

/// Bins of confidence.
const BINS: usize = 10;

/// The calibration of all predictions that count.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts far below 2^53; a score is brought into the range of the bins"
)]
pub(super) fn calibration(classes: &[Outcomes]) -> Calibration {
    let mut counts = [0usize; BINS];
    let mut right = [0usize; BINS];
    let mut scores = [0.0; BINS];
    for outcome in classes.iter().flat_map(|class| &class.rows) {
        let bin = ((outcome.score * BINS as f64).max(0.0) as usize).min(BINS - 1);
        counts[bin] += 1;
        right[bin] += usize::from(outcome.right);
        scores[bin] += outcome.score;
    }
    let all: usize = counts.iter().sum();
    let bins: Vec<CalibrationBin> = (0..BINS)
        .map(|bin| CalibrationBin {
            from: bin as f64 / BINS as f64,
            to: (bin + 1) as f64 / BINS as f64,
            count: counts[bin],
            confidence: (counts[bin] > 0).then(|| scores[bin] / counts[bin] as f64),
            precision: ratio(right[bin], counts[bin]),
        })
        .collect();
    let gap = |bin: &CalibrationBin| Some(bin.count as f64 * (bin.precision? - bin.confidence?).abs());
    Calibration { ece: (all > 0).then(|| bins.iter().filter_map(gap).sum::<f64>() / all as f64), bins }
}

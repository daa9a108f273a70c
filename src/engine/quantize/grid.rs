//! The 8-bit grid that loses least.

/// Unsigned 8-bit numbers q that stand for `(q − zero_point) · scale`: 0 is always one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    /// Distance between neighbours.
    pub(super) scale: f32,
    /// The q that stands for 0.
    pub(super) zero_point: u8,
}

/// Bins of a distribution.
const BINS: usize = 2048;

/// Shares of the range that are tried for each of its ends.
const SHARES: usize = 50;

/// How often both ends are searched, one with the other fixed.
const ROUNDS: usize = 3;

impl Grid {
    /// The grid from `low` to `high`, widened to hold 0.
    fn between(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = (high - low) / 255.0;
        if scale < f32::MIN_POSITIVE {
            return Self { scale: 1.0, zero_point: 0 };
        }
        // Within 0 and 255, as 0 is within the range.
        Self { scale, zero_point: (-low / scale).round() as u8 }
    }

    /// The grid of pictures: 0 to 1.
    pub(super) const PICTURE: Self = Self { scale: 1.0 / 255.0, zero_point: 0 };

    fn round(self, number: f32) -> f32 {
        let zero = f32::from(self.zero_point);
        ((number / self.scale).round_ties_even() + zero).clamp(0.0, 255.0).mul_add(self.scale, -zero * self.scale)
    }
}

/// How often numbers of a value were how large.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    low: f32,
    high: f32,
    counts: Vec<f64>,
}

impl Distribution {
    /// An empty one, for numbers between these.
    pub(super) fn new(low: f32, high: f32) -> Self {
        Self { low: low.min(0.0), high: high.max(0.0), counts: vec![0.0; BINS] }
    }

    /// Adds so many of a number.
    pub(super) fn add(&mut self, number: f32, count: f64) {
        let share = (number - self.low) / (self.high - self.low);
        let bin = (share * BINS as f32) as usize;
        self.counts[bin.min(BINS - 1)] += count;
    }

    /// The grid whose rounding and clipping give the least mean squared error. Where only a rectifier sees the numbers, what counts is the
    /// error behind it: `slope` times that of the negative ones.
    pub(super) fn grid(&self, slope: f32) -> Grid {
        let width = (self.high - self.low) / BINS as f32;
        let numbers: Vec<(f32, f64)> = self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0.0)
            .map(|(bin, count)| ((bin as f32 + 0.5) * width + self.low, *count))
            .collect();
        let rectify = |number: f32| if number < 0.0 { number * slope } else { number };
        let error = |[low, high]: [f32; 2]| -> f64 {
            let grid = Grid::between(self.low * low, self.high * high);
            let squared = |number: f32| f64::from(rectify(grid.round(number)) - rectify(number)).powi(2);
            numbers.iter().map(|(number, count)| count * squared(*number)).sum()
        };
        let mut best = [1.0, 1.0];
        let mut least = error(best);
        for end in [0, 1].repeat(ROUNDS) {
            for step in 1..=SHARES {
                let mut tried = best;
                tried[end] = step as f32 / SHARES as f32;
                let found = error(tried);
                if found < least {
                    (best, least) = (tried, found);
                }
            }
        }
        Grid::between(self.low * best[0], self.high * best[1])
    }
}

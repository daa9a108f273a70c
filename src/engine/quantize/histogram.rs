//! What was observed of the channels of a value.

use ndarray::ArrayD;

/// Bins of a channel, between −limit and limit.
const BINS: usize = 1024;

/// How often a channel's numbers were how large. Its limit grows as larger numbers come: neighbouring bins are joined.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    limit: f32,
    counts: Vec<u32>,
    /// Least of them and 0.
    pub(super) low: f32,
    /// Largest of them and 0.
    pub(super) high: f32,
    sum: f64,
    count: u64,
}

impl Channel {
    fn new() -> Self {
        Self { limit: 0.0, counts: Vec::new(), low: 0.0, high: 0.0, sum: 0.0, count: 0 }
    }

    fn add(&mut self, numbers: impl Iterator<Item = f32> + Clone) {
        let (mut low, mut high) = (self.low, self.high);
        for number in numbers.clone() {
            (low, high) = (low.min(number), high.max(number));
        }
        (self.low, self.high) = (low, high);
        self.grow(high.max(-low));
        let scale = if self.limit > 0.0 { (BINS / 2) as f32 / self.limit } else { 0.0 };
        for number in numbers {
            // As a cast saturates, a number that is none falls into the first bin.
            let bin = ((number + self.limit) * scale) as usize;
            if let Some(count) = self.counts.get_mut(bin.min(BINS - 1)) {
                *count = count.saturating_add(1);
            }
            self.sum += f64::from(number);
            self.count += 1;
        }
    }

    fn grow(&mut self, largest: f32) {
        if largest <= self.limit || !largest.is_finite() {
            return;
        }
        if self.counts.is_empty() {
            (self.limit, self.counts) = (largest, vec![0; BINS]);
            // Zeros so far, for which no bins were needed.
            self.counts[BINS / 2] = u32::try_from(self.count).unwrap_or(u32::MAX);
        }
        while self.limit < largest {
            let joined: Vec<u32> =
                self.counts.chunks(2).map(|pair| pair.iter().fold(0_u32, |a, b| a.saturating_add(*b))).collect();
            self.counts.fill(0);
            self.counts[BINS / 4..][..BINS / 2].copy_from_slice(&joined);
            self.limit *= 2.0;
        }
    }

    /// Mean of all numbers.
    pub(super) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// How many numbers there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The middle of each bin that is not empty, and how many numbers are in it.
    pub(super) fn bins(&self) -> impl Iterator<Item = (f32, u32)> {
        let width = 2.0 * self.limit / BINS as f32;
        let bins = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        bins.map(move |(bin, count)| ((bin as f32 + 0.5) * width - self.limit, *count))
    }
}

/// The channels of a value, from tensors `[n, channels, …]`.
#[derive(Debug, Clone, Default)]
pub(super) struct Channels(pub(super) Vec<Channel>);

impl Channels {
    /// Adds what one run gave.
    pub(super) fn observe(&mut self, tensor: &ArrayD<f32>) {
        let channels = tensor.shape().get(1).copied().unwrap_or(0);
        self.0.resize_with(channels, Channel::new);
        if channels > 0 {
            for (channel, plane) in self.0.iter_mut().zip(tensor.axis_iter(ndarray::Axis(1))) {
                channel.add(plane.iter().copied());
            }
        }
    }
}

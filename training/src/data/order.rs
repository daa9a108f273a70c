//! Which picture is drawn when.

use super::DataError;
use super::seed::{Random, mixed_seed, permuted};

/// The order of the samples of a training, as a function of its seed.
#[derive(Debug, Clone)]
pub struct Order {
    sources: Vec<Source>,
    /// Samples of an epoch.
    length: usize,
}

/// One data set's part.
#[derive(Debug, Clone, Copy)]
struct Source {
    /// Index of its first picture among all.
    first: usize,
    /// How many pictures it has.
    count: usize,
    /// How many of the samples of an epoch are its.
    quota: usize,
}

impl Order {
    /// An epoch over data sets of so many pictures and such weights.
    ///
    /// # Errors
    /// [`DataError::Settings`] if there is none, or a weight is no positive number.
    pub fn new(counts: &[(usize, f64)]) -> Result<Self, DataError> {
        if counts.is_empty() {
            return Err(DataError::Settings("there is no data set".into()));
        }
        if let Some((_, weight)) = counts.iter().find(|(_, weight)| !(*weight > 0.0 && weight.is_finite())) {
            return Err(DataError::Settings(format!("a data set's weight is {weight}, not a positive number")));
        }
        let length: usize = counts.iter().map(|(count, _)| count).sum();
        let total: f64 = counts.iter().map(|(_, weight)| weight).sum();
        let (mut first, mut sum, mut given) = (0, 0.0, 0);
        let mut sources = Vec::with_capacity(counts.len());
        for (count, weight) in counts {
            // Rounding the running sum, not each share, makes the quotas add up.
            sum += weight;
            let until = ((sum / total) * length as f64).round() as usize;
            sources.push(Source { first, count: *count, quota: until - given });
            (first, given) = (first + count, until);
        }
        Ok(Self { sources, length })
    }

    /// The picture that is drawn as the `number`th of a training.
    pub fn index_at(&self, seed: u64, number: usize) -> usize {
        let length = self.length.max(1);
        let epoch = number / length;
        let (source, place, key) = match self.sources.as_slice() {
            // Of one data set, its own order is enough.
            [only] => (only, number % length, seed),
            _ => {
                let slot = permuted(number % length, length, mixed_seed(mixed_seed(seed, 0), epoch));
                let (index, source, place) = self.owner(slot);
                (source, place, mixed_seed(seed, index + 1))
            }
        };
        let drawn = epoch * source.quota + place;
        let count = source.count.max(1);
        source.first + permuted(drawn % count, count, mixed_seed(key, drawn / count))
    }

    /// A picture at random.
    pub fn any(&self, random: &mut Random) -> usize {
        let (_, source, _) = self.owner(random.below(self.length));
        source.first + random.below(source.count)
    }

    /// The data set that has a slot of the epoch: its index, itself, and which of its slots that is.
    fn owner(&self, slot: usize) -> (usize, &Source, usize) {
        let mut place = slot;
        for (index, source) in self.sources.iter().enumerate() {
            if place < source.quota || index + 1 == self.sources.len() {
                return (index, source, place);
            }
            place -= source.quota;
        }
        (0, &self.sources[0], 0)
    }
}

//! Random numbers that follow from a seed and a place alone, so that any thread and any resumed training draws the same.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One number from two, well mixed: the finaliser of SplitMix64 (Steele et al. 2014).
pub fn mixed_seed(seed: u64, number: usize) -> u64 {
    let mut z = seed.wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Where `index` of `0..length` stands in the order that `key` chooses: a permutation, found without its list.
///
/// Four rounds of a Feistel network over the next power of four, walked until the number is in range (Black & Rogaway
/// 2002, "Ciphers with arbitrary finite domains").
pub fn permuted(index: usize, length: usize, key: u64) -> usize {
    let half = length.saturating_sub(1).checked_ilog2().map_or(0, |bits| bits / 2 + 1);
    let mask = (1_usize << half) - 1;
    let mut place = index;
    loop {
        let (mut left, mut right) = (place >> half, place & mask);
        for round in 0..4 {
            let mixed = mixed_seed(key.wrapping_add(round), right) as usize & mask;
            (left, right) = (right, left ^ mixed);
        }
        place = left << half | right;
        // A permutation comes back to where it began, at the latest.
        if place < length || length == 0 {
            return place;
        }
    }
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number in `from..to`; `from` if they are the same.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.0.random::<f64>()
    }

    /// `true` with a probability: never at 0, always at 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.random::<f64>() < probability
    }

    /// An index of `0..count`; 0 if there is none.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.0.next_u64()) * count as u128) >> 64) as usize
    }
}

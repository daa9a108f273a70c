//! A part of a data set without splits, set aside.

use ocelli::average_precision::Truth;
use ocelli::dataset::Dataset;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Parts a data set into what is trained on and what is held out: `part` of the pictures, at least one of two or more
/// and never all, drawn by `seed` alone.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of few pictures"
)]
pub fn hold_out(dataset: &Dataset, part: f64, seed: u64) -> (Dataset, Dataset) {
    let count = dataset.images.len();
    let most = count.saturating_sub(1);
    let held = ((count as f64 * part).round() as usize).clamp(usize::from(part > 0.0).min(most), most);
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut is_held = vec![false; count];
    order[..held].iter().for_each(|index| is_held[*index] = true);
    (subset(dataset, "train", |index| !is_held[index]), subset(dataset, "held out", |index| is_held[index]))
}

/// The pictures for which `takes` says so, with their objects.
fn subset(dataset: &Dataset, name: &str, takes: impl Fn(usize) -> bool) -> Dataset {
    let kept: Vec<usize> = (0..dataset.images.len()).filter(|index| takes(*index)).collect();
    let mut places = vec![None; dataset.images.len()];
    kept.iter().zip(0..).for_each(|(index, place)| places[*index] = Some(place));
    let truth = |truth: &Truth| Some(Truth { image: places[truth.image as usize]?, ..*truth });
    Dataset {
        split: Some(name.into()),
        images: kept.iter().map(|index| dataset.images[*index].clone()).collect(),
        truths: dataset.truths.iter().filter_map(truth).collect(),
        ..dataset.clone()
    }
}

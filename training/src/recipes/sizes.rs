//! What `transfer` decides from a user's pictures.

use super::{DetectionRecipe, Prepared};
use crate::anchors::median;
use image::image_dimensions;
use ocelli::dataset::{Dataset, Image};

/// Least side of a small box in the network's input: about the stride of the finest grid.
const SMALL: f64 = 8.0;
/// Longer sides of the input to choose from.
const LONGER: [u32; 4] = [320, 416, 512, 608];
/// Samples to see in a training: more than this gained nothing on the data that were tried (BCCD).
const SAMPLES: usize = 12_000;

impl Prepared {
    /// How many pictures there are.
    pub fn pictures(&self) -> usize {
        let parts = self.sources().map(|(data, _)| data).chain(&self.validation);
        parts.map(|part| part.images.len()).sum()
    }

    /// Chooses input size and length of training by the data, where `settings` do not: the shape of the median picture;
    /// the smallest size at which nine of ten boxes are at least as large as a cell of the finest grid; and epochs for
    /// about 12,000 samples, 10 to 300 of them.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 608")]
    pub fn choose_sizes(&self, recipe: &mut DetectionRecipe, settings: &[String]) {
        let is_set = |key: &str| settings.iter().any(|setting| setting.starts_with(key));
        if !is_set("train.epochs") {
            recipe.train.epochs = (SAMPLES / self.train.images.len().max(1)).clamp(10, 300);
        }
        if is_set("input.width") || is_set("input.height") {
            return;
        }
        // Once: where the data set does not say, each is read from its file.
        let shapes: Vec<(f64, f64)> = pictures(&self.train).collect();
        let of_median = |of: fn(&(f64, f64)) -> f64| median(shapes.iter().map(of).collect()).unwrap_or(1.0);
        let aspect = of_median(|(width, height)| width / height);
        let longest = of_median(|(width, height)| width.max(*height));
        let mut sides: Vec<f64> = self.train.truths.iter().map(|t| t.bbox.width.min(t.bbox.height)).collect();
        sides.sort_by(f64::total_cmp);
        let small = sides.get(sides.len() / 10).copied().unwrap_or(longest);
        let fits = |longer: &u32| small * f64::from(*longer) / longest >= SMALL;
        let longer = LONGER.into_iter().find(fits).unwrap_or(LONGER[LONGER.len() - 1]);
        let shorter = |ratio: f64| (((f64::from(longer) * ratio / 32.0).round() as u32) * 32).clamp(64, longer);
        (recipe.input.width, recipe.input.height) =
            if aspect >= 1.0 { (longer, shorter(1.0 / aspect)) } else { (shorter(aspect), longer) };
    }
}

/// Widths and heights of the pictures, as far as they can be read.
fn pictures(dataset: &Dataset) -> impl Iterator<Item = (f64, f64)> {
    let header = |image: &Image| image.size.or_else(|| image_dimensions(image.path.as_ref()?).ok());
    dataset.images.iter().filter_map(header).map(|(width, height)| (width.into(), height.into()))
}
